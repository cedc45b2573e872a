/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The overlap as a property: replicas that see old versions, crash and overtake each other never bring it about that a
 * certificate is served which a published bundle refuses (U-32).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "certs/decide.h"
#include "common/base/rand.h"
#include "common/base/str.h"

#define SECOND ((int64_t)1000)
#define MINUTE (60 * SECOND)
#define DAY (24 * 60 * MINUTE)
#define NOW (20000 * DAY)

/*
 * A model of the world: certificates are numbers. Replicas run the protocol of rotator.c and published.c, each step of
 * it at a moment of its own: look at the Secret (perhaps an old version), look at a configuration, serve, read the
 * Secret before publishing, publish for the version seen, decide, write for the version decided on.
 */
#define REPLICAS 3
#define CONFIGS 2
#define HISTORY 4096
#define CERTS 2048

struct m_ca {
    int64_t from, until;
};
struct m_leaf { /* number 0: none */
    int ca;
    int64_t from, until;
};
struct m_secret {
    int cas[CS_MAX_CAS];
    unsigned n;
    int key; /* of this CA */
    int leaf;
    bool leaf_broken;
};
struct m_config {
    int cas[CS_MAX_CAS];
    unsigned n;
    int64_t since;
    bool foreign; /* written by somebody else */
};
struct m_replica {
    int secret; /* version seen; -1: none yet */
    int64_t secret_at;
    int config[CONFIGS]; /* versions seen; -1 */
    int served; /* leaf */
    int64_t ok_since[CONFIGS];
    int ok_for[CONFIGS]; /* version of the Secret that ok_since is about */
    /* requests under way */
    int publish_base[CONFIGS]; /* -1: none */
    int publish_bundle[CONFIGS];
    int write_base; /* -1: none */
    struct m_secret write_what;
};
struct world {
    struct cs_rand rand;
    struct cs_cert_policy policy;
    int64_t now;
    struct m_ca cas[CERTS];
    struct m_leaf leaves[CERTS];
    int n_cas, n_leaves;
    struct m_secret secrets[HISTORY];
    int n_secrets;
    struct m_config configs[CONFIGS][HISTORY];
    int n_configs[CONFIGS];
    struct m_replica replicas[REPLICAS];
    uint64_t seed;
    /* what the run has seen, so that a test that exercises nothing is noticed */
    unsigned ca_joins, leaf_makes, retires, restores, conflicts;
};

static bool bundle_has(const int *cas, unsigned n, int ca)
{
    for (unsigned i = 0; i < n; i++) {
        if (cas[i] == ca)
            return true;
    }
    return false;
}

static bool same_bundle(const struct m_config *c, const struct m_secret *s)
{
    return c->n == s->n && memcmp(c->cas, s->cas, c->n * sizeof(int)) == 0;
}

/* The API servers may still know a configuration as it was a settle time ago. */
static void check(const struct world *w)
{
    for (int r = 0; r < REPLICAS; r++) {
        const struct m_leaf *leaf = &w->leaves[w->replicas[r].served];

        if (w->replicas[r].served == 0 || w->now >= leaf->until)
            continue;
        for (int c = 0; c < CONFIGS; c++) {
            for (int v = w->n_configs[c] - 1; v >= 0; v--) {
                const struct m_config *cfg = &w->configs[c][v];

                if (cfg->n > 0 && !cfg->foreign && !bundle_has(cfg->cas, cfg->n, leaf->ca))
                    fail_msg("seed %llu: replica %d serves leaf %d of CA %d, configuration %d lacks that CA",
                        (unsigned long long)w->seed, r, w->replicas[r].served, leaf->ca, c);
                if (cfg->since < w->now - w->policy.settle_ms * 9 / 10)
                    break;
            }
        }
    }
}

static struct cs_leaf_facts m_leaf_facts(const struct world *w, int leaf, bool broken, const struct m_secret *s)
{
    const struct m_leaf *l = &w->leaves[leaf];
    struct cs_leaf_facts f = {.signer = CS_SIGNER_NONE};

    if (leaf == 0 || broken)
        return f;
    f = (struct cs_leaf_facts){
        .pair_ok = true, .names_ok = true, .from_ms = l->from, .until_ms = l->until, .signer = CS_SIGNER_CHAIN};
    f.chain_ca = (struct cs_ca_facts){w->cas[l->ca].from, w->cas[l->ca].until};
    for (unsigned i = 0; i < s->n; i++) {
        if (s->cas[i] == l->ca)
            f.signer = (int)i;
    }
    return f;
}

static bool m_trusted(const struct world *w, const struct m_replica *r, int leaf)
{
    for (int c = 0; c < CONFIGS; c++) {
        const struct m_config *cfg = &w->configs[c][r->config[c] < 0 ? 0 : r->config[c]];

        if (r->config[c] < 0 || (cfg->n > 0 && !bundle_has(cfg->cas, cfg->n, w->leaves[leaf].ca)))
            return false;
    }
    return true;
}

static bool m_published(const struct world *w, const struct m_replica *r)
{
    bool any = false;

    for (int c = 0; c < CONFIGS; c++)
        any = any || r->config[c] < 0 || w->configs[c][r->config[c]].n > 0;
    return any;
}

static int64_t m_confirmed(const struct world *w, const struct m_replica *r)
{
    int64_t shortest = INT64_MAX;

    for (int c = 0; c < CONFIGS; c++) {
        if (r->ok_for[c] != r->secret || r->ok_since[c] < 0)
            return -1;
        shortest = shortest < w->now - r->ok_since[c] ? shortest : w->now - r->ok_since[c];
    }
    return shortest;
}

static void m_decide(struct world *w, const struct m_replica *r, struct cs_decision *d)
{
    const struct m_secret *s = &w->secrets[r->secret];
    struct cs_bundle_facts b = {.n = s->n, .key_ok = s->n > 0 && s->key == s->cas[0]};
    struct cs_leaf_facts stored = m_leaf_facts(w, s->leaf, s->leaf_broken, s);
    struct cs_leaf_facts served = m_leaf_facts(w, r->served, false, s);

    for (unsigned i = 0; i < s->n; i++)
        b.cas[i] = (struct cs_ca_facts){w->cas[s->cas[i]].from, w->cas[s->cas[i]].until};
    cs_decide(&(struct cs_decide_in){.policy = &w->policy,
                  .now_ms = w->now,
                  .bundle = &b,
                  .stored = {&stored, s->leaf && m_trusted(w, r, s->leaf)},
                  .served = {&served, r->served && m_trusted(w, r, r->served)},
                  .confirmed_ms = m_confirmed(w, r),
                  .known_ms = w->now - r->secret_at,
                  .published = m_published(w, r),
                  .jitter_pct = (unsigned)cs_rand_below(&w->rand, 101)},
        d);
}

static int m_new_ca(struct world *w)
{
    assert_true(w->n_cas < CERTS);
    w->cas[w->n_cas] = (struct m_ca){w->now - CS_CERT_BACKDATE_MS, w->now + w->policy.ca_lifetime_ms};
    return w->n_cas++;
}

static int m_new_leaf(struct world *w, int ca)
{
    int64_t until = w->now + w->policy.leaf_lifetime_ms;

    assert_true(w->n_leaves < CERTS);
    if (until > w->cas[ca].until)
        until = w->cas[ca].until;
    w->leaves[w->n_leaves] = (struct m_leaf){ca, w->now - CS_CERT_BACKDATE_MS, until};
    return w->n_leaves++;
}

/* As cs_cert_secret_next. */
static struct m_secret m_next(struct world *w, const struct m_replica *r, const struct cs_decision *d)
{
    const struct m_secret *old = &w->secrets[r->secret];
    struct m_secret s = {.key = old->key};

    if (d->make_ca)
        s.key = s.cas[s.n++] = m_new_ca(w);
    for (unsigned i = 0; i < old->n; i++) {
        if (d->keep & (1u << i))
            s.cas[s.n++] = old->cas[i];
    }
    s.leaf = d->leaf == CS_LEAF_KEEP ? old->leaf : r->served;
    if (d->keep_chain_ca)
        s.cas[s.n++] = w->leaves[s.leaf].ca;
    if (d->leaf == CS_LEAF_MAKE)
        s.leaf = m_new_leaf(w, s.cas[0]);
    assert_true(s.n <= CS_MAX_CAS);
    return s;
}

static void m_put_secret(struct world *w, const struct m_secret *s)
{
    assert_true(w->n_secrets < HISTORY);
    w->secrets[w->n_secrets++] = *s;
}

static void m_put_config(struct world *w, int c, struct m_config cfg)
{
    assert_true(w->n_configs[c] < HISTORY);
    cfg.since = w->now;
    w->configs[c][w->n_configs[c]++] = cfg;
}

static void m_see_secret(struct world *w, struct m_replica *r, int version)
{
    struct cs_decision d;

    if (version <= r->secret)
        return;
    r->secret = version;
    r->secret_at = w->now;
    m_decide(w, r, &d);
    if (d.usable)
        r->served = w->secrets[version].leaf;
}

static void m_see_config(struct world *w, struct m_replica *r, int c)
{
    const struct m_config *cfg;

    if (r->config[c] < 0)
        r->config[c] = w->n_configs[c] - 1;
    else if (r->config[c] < w->n_configs[c] - 1)
        r->config[c] += 1 + (int)cs_rand_below(&w->rand, (uint64_t)(w->n_configs[c] - 1 - r->config[c]));
    cfg = &w->configs[c][r->config[c]];
    if (r->secret < 0 || !same_bundle(cfg, &w->secrets[r->secret]))
        r->ok_since[c] = -1;
    else if (r->ok_for[c] != r->secret || r->ok_since[c] < 0)
        r->ok_since[c] = w->now;
    r->ok_for[c] = r->secret;
}

/* Differs from what we want, by what we have seen? Then read the Secret afresh and send a patch for that version. */
static void m_publish(struct world *w, struct m_replica *r, int c)
{
    const struct m_secret *s;

    if (r->secret < 0 || r->config[c] < 0 || r->publish_base[c] >= 0 ||
        same_bundle(&w->configs[c][r->config[c]], &w->secrets[r->secret]))
        return;
    m_see_secret(w, r, w->n_secrets - 1);
    s = &w->secrets[r->secret];
    if (!r->served || !bundle_has(s->cas, s->n, w->leaves[r->served].ca) ||
        same_bundle(&w->configs[c][r->config[c]], s))
        return;
    r->publish_base[c] = r->config[c];
    r->publish_bundle[c] = r->secret;
}

static void m_publish_lands(struct world *w, struct m_replica *r, int c)
{
    const struct m_secret *s = &w->secrets[r->publish_bundle[c]];

    if (r->publish_base[c] < 0)
        return;
    if (r->publish_base[c] == w->n_configs[c] - 1) {
        struct m_config cfg = {.n = s->n};

        memcpy(cfg.cas, s->cas, sizeof(cfg.cas));
        m_put_config(w, c, cfg);
    } else {
        w->conflicts++;
    }
    r->publish_base[c] = -1;
}

static void m_write(struct world *w, struct m_replica *r)
{
    struct cs_decision d;

    if (r->secret < 0 || r->write_base >= 0)
        return;
    m_decide(w, r, &d);
    if (!d.write)
        return;
    r->write_base = r->secret;
    r->write_what = m_next(w, r, &d);
    w->ca_joins += d.make_ca;
    w->leaf_makes += d.leaf == CS_LEAF_MAKE;
    w->restores += d.leaf == CS_LEAF_RESTORE;
    w->retires += !d.make_ca && d.leaf == CS_LEAF_KEEP;
}

static void m_write_lands(struct world *w, struct m_replica *r)
{
    if (r->write_base < 0)
        return;
    if (r->write_base == w->n_secrets - 1)
        m_put_secret(w, &r->write_what);
    else
        w->conflicts++;
    r->write_base = -1;
}

static void m_restart(struct m_replica *r)
{
    *r = (struct m_replica){.secret = -1, .write_base = -1};
    for (int c = 0; c < CONFIGS; c++)
        r->config[c] = r->publish_base[c] = -1;
}

static void m_act(struct world *w, struct m_replica *r)
{
    int c = (int)cs_rand_below(&w->rand, CONFIGS);

    switch (cs_rand_below(&w->rand, 8)) {
    case 0:
    case 1:
        if (r->secret < 0)
            m_see_secret(w, r, w->n_secrets - 1); /* a list is consistent, the watch after it may lag */
        else if (r->secret < w->n_secrets - 1)
            m_see_secret(w, r, r->secret + 1 + (int)cs_rand_below(&w->rand, (uint64_t)(w->n_secrets - 1 - r->secret)));
        break;
    case 2:
    case 3:
        m_see_config(w, r, c);
        break;
    case 4:
        m_publish(w, r, c);
        break;
    case 5:
        m_publish_lands(w, r, c);
        break;
    case 6:
        m_write(w, r);
        break;
    default:
        m_write_lands(w, r);
    }
    check(w);
}

/* Things people do. Each leaves a replica that serves, else nothing could be saved. */
static void m_disaster(struct world *w)
{
    struct m_secret s = w->secrets[w->n_secrets - 1];
    int c = (int)cs_rand_below(&w->rand, CONFIGS);

    switch (cs_rand_below(&w->rand, 5)) {
    case 0:
        s = (struct m_secret){0};
        m_put_secret(w, &s);
        break;
    case 1:
        s.leaf_broken = true;
        m_put_secret(w, &s);
        break;
    case 2:
        s.key = -1;
        m_put_secret(w, &s);
        break;
    case 3:
        s.n = 0;
        m_put_secret(w, &s);
        break;
    default:
        m_put_config(w, c, (struct m_config){.n = 1, .cas = {-1}, .foreign = true});
    }
}

static bool all_serve(const struct world *w)
{
    bool all = true;

    for (int r = 0; r < REPLICAS; r++)
        all = all && w->replicas[r].served != 0;
    return all;
}

static bool all_serve_and_agree(const struct world *w)
{
    for (int r = 0; r < REPLICAS; r++) {
        if (w->replicas[r].secret != w->n_secrets - 1 || w->replicas[r].served == 0 ||
            w->replicas[r].served != w->secrets[w->n_secrets - 1].leaf)
            return false;
        for (int c = 0; c < CONFIGS; c++) {
            if (!same_bundle(&w->configs[c][w->n_configs[c] - 1], &w->secrets[w->n_secrets - 1]) ||
                w->replicas[r].write_base >= 0 || w->replicas[r].publish_base[c] >= 0)
                return false;
        }
    }
    return true;
}

static void m_init(struct world *w, uint64_t seed)
{
    *w = (struct world){.rand = {seed}, .seed = seed, .now = NOW, .n_cas = 1, .n_leaves = 1, .n_secrets = 1};
    cs_cert_policy_init(&w->policy, 180 * SECOND, MINUTE, 0); /* so short that CAs rotate all the time */
    for (int c = 0; c < CONFIGS; c++) {
        w->n_configs[c] = 1;
        w->configs[c][0].since = NOW;
    }
    for (int r = 0; r < REPLICAS; r++)
        m_restart(&w->replicas[r]);
}

/* One life of the product: 20 CA generations. lag: acts per replica and time step, few make all views old. */
static void live(struct world *w, unsigned acts, bool disasters)
{
    const int64_t until = w->now + 40 * MINUTE;
    int lame = -1; /* a replica that does nothing for some time */

    while (w->now < until) {
        for (unsigned i = 0; i < acts * REPLICAS; i++) {
            int r = (int)cs_rand_below(&w->rand, REPLICAS);

            if (r != lame)
                m_act(w, &w->replicas[r]);
        }
        if (cs_rand_below(&w->rand, 60) == 0)
            lame = (int)cs_rand_below(&w->rand, 2 * REPLICAS);
        if (disasters && all_serve_and_agree(w) && cs_rand_below(&w->rand, 10) == 0)
            m_disaster(w);
        else if (cs_rand_below(&w->rand, 80) == 0 && (!disasters || all_serve(w)))
            m_restart(&w->replicas[cs_rand_below(&w->rand, REPLICAS)]);
        w->now += (int64_t)cs_rand_below(&w->rand, 1500);
        check(w);
    }
}

/* Left alone, all come to serve one living certificate that all configurations trust. */
static void comes_to_rest(struct world *w)
{
    int64_t until = w->now + 5 * MINUTE;

    while (w->now < until || !all_serve_and_agree(w)) {
        for (int i = 0; i < 400; i++)
            m_act(w, &w->replicas[cs_rand_below(&w->rand, REPLICAS)]);
        w->now += 200;
        if (w->now > until + 5 * MINUTE)
            fail_msg("seed %llu: does not come to rest", (unsigned long long)w->seed);
    }
    for (int r = 0; r < REPLICAS; r++)
        assert_true(w->leaves[w->replicas[r].served].until > w->now);
}

/* CS_TEST_SEEDS=500 for a long night. */
static unsigned seed_count(void)
{
    const char *more = getenv("CS_TEST_SEEDS");
    int32_t n = 0;

    return more && cs_parse_i32(cs_str(more), &n) && n > 0 ? (unsigned)n : 8;
}

static void run_property(unsigned acts, bool disasters)
{
    const unsigned seeds = seed_count();
    struct world *w = calloc(1, sizeof(*w));
    unsigned joins = 0, makes = 0, retires = 0, restores = 0, conflicts = 0;

    assert_non_null(w);
    for (uint64_t seed = 1; seed <= seeds; seed++) {
        m_init(w, seed * 7919 + acts);
        live(w, acts, disasters);
        comes_to_rest(w);
        joins += w->ca_joins;
        makes += w->leaf_makes;
        retires += w->retires;
        restores += w->restores;
        conflicts += w->conflicts;
    }
    free(w);
    /* The run was about something. */
    assert_true(joins > 10 * seeds && makes > 20 * seeds && retires > 5 * seeds && conflicts > seeds);
    assert_true(!disasters || restores > seeds / 4);
}

static void no_served_leaf_is_ever_refused(void **state)
{
    (void)state;
    run_property(40, false);
}

static void no_served_leaf_is_ever_refused_however_old_the_views(void **state)
{
    (void)state;
    run_property(4, false);
}

static void no_served_leaf_is_ever_refused_whatever_people_do_to_the_secret(void **state)
{
    (void)state;
    run_property(40, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_served_leaf_is_ever_refused),
        cmocka_unit_test(no_served_leaf_is_ever_refused_however_old_the_views),
        cmocka_unit_test(no_served_leaf_is_ever_refused_whatever_people_do_to_the_secret),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
