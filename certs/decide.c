/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules behind decide.h. Two kinds of trouble are told apart: what is due (old, not valid yet by this clock, wrong
 * names) is replaced with the overlap, what is unusable (unreadable, expired, key of another) is replaced at once,
 * because nothing can get worse.
 */
#include "certs/decide.h"

#define MINUTE_MS ((int64_t)60 * 1000)
#define DAY_MS ((int64_t)24 * 60 * MINUTE_MS)
#define MIN_LEAF_MS ((int64_t)15 * 1000)
#define MAX_SETTLE_MS ((int64_t)10 * 1000)

static int64_t min64(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t max64(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

void cs_cert_policy_init(struct cs_cert_policy *p, int64_t ca_lifetime_ms, int64_t leaf_lifetime_ms, int64_t settle_ms)
{
    int64_t leaf = max64(leaf_lifetime_ms > 0 ? leaf_lifetime_ms : 90 * DAY_MS, MIN_LEAF_MS);
    int64_t ca = ca_lifetime_ms > 0 ? ca_lifetime_ms : 3650 * DAY_MS;

    *p = (struct cs_cert_policy){
        /* A CA is due when one leaf lifetime is left: were its own not longer, each new one would be due at once. */
        .ca_lifetime_ms = max64(ca, 3 * leaf),
        .leaf_lifetime_ms = leaf,
        .settle_ms = settle_ms > 0 ? settle_ms : min64(MAX_SETTLE_MS, leaf / 30),
    };
}

/* When a certificate was made: ours are backdated. */
static int64_t born_ms(int64_t from_ms)
{
    return from_ms + CS_CERT_BACKDATE_MS;
}

static int64_t renewal_jitter_ms(const struct cs_decide_in *in)
{
    return in->policy->leaf_lifetime_ms / 30 * in->jitter_pct / 100;
}

static int64_t step_jitter_ms(const struct cs_decide_in *in)
{
    return in->policy->settle_ms / 2 * in->jitter_pct / 100;
}

/* ---- the state of the parts ---- */

static bool ca_alive(const struct cs_decide_in *in, unsigned i)
{
    return in->now_ms < in->bundle->cas[i].until_ms;
}

/* With one third left, but never so late that a leaf made before could outlive its CA. */
static int64_t ca_due_ms(const struct cs_decide_in *in)
{
    const struct cs_ca_facts *ca = &in->bundle->cas[0];
    int64_t own = (ca->until_ms - born_ms(ca->from_ms)) / 3;

    return ca->until_ms - max64(own, in->policy->leaf_lifetime_ms);
}

static int64_t leaf_due_ms(const struct cs_leaf_facts *l)
{
    return l->until_ms - (l->until_ms - born_ms(l->from_ms)) / 3;
}

static bool leaf_alive(const struct cs_decide_in *in, const struct cs_decide_leaf *l)
{
    const struct cs_leaf_facts *f = l->facts;

    if (!f || !f->pair_ok || in->now_ms >= f->until_ms)
        return false;
    if (f->signer >= 0)
        return ca_alive(in, (unsigned)f->signer);
    return f->signer == CS_SIGNER_CHAIN && l->trusted && in->now_ms < f->chain_ca.until_ms;
}

/* Why a living leaf should be replaced, or NULL. */
static const char *leaf_wish(const struct cs_decide_in *in, const struct cs_leaf_facts *l)
{
    int64_t leaf_ms = in->policy->leaf_lifetime_ms;

    if (l->signer != 0)
        return "the leaf is to be signed by the new CA";
    if (!l->names_ok)
        return "the leaf lacks a name";
    if (in->now_ms < l->from_ms)
        return "the leaf is not valid yet by this machine's clock";
    if (l->until_ms - in->now_ms > leaf_ms + leaf_ms / 10 + CS_CERT_BACKDATE_MS)
        return "the leaf lives longer than it is allowed to";
    if (in->now_ms >= leaf_due_ms(l) + renewal_jitter_ms(in))
        return "the leaf is about to expire";
    return NULL;
}

static const char *ca_wish(const struct cs_decide_in *in)
{
    const struct cs_bundle_facts *b = in->bundle;

    if (b->n == 0)
        return "the Secret holds no CA";
    if (!b->key_ok)
        return "the CA's key is missing or another's";
    if (!ca_alive(in, 0))
        return "the CA has expired";
    if (in->now_ms < b->cas[0].from_ms)
        return "the CA is not valid yet by this machine's clock";
    if (in->now_ms >= ca_due_ms(in) + renewal_jitter_ms(in))
        return "the CA is about to expire";
    return NULL;
}

static const char *leaf_trouble(const struct cs_decide_in *in)
{
    const struct cs_leaf_facts *l = in->stored.facts;

    if (!l || !l->pair_ok)
        return "the Secret holds no usable certificate and key";
    if (in->now_ms >= l->until_ms)
        return "the leaf has expired";
    return "the leaf is not signed by a known CA";
}

/*
 * The Secret was emptied or spoilt, and we have nothing to put back. Another replica may: what is made from scratch is
 * refused by clients until it is published, so whoever serves something gets a moment to restore it.
 */
static bool others_may_restore(const struct cs_decide_in *in, int64_t *next)
{
    const struct cs_leaf_facts *l = in->stored.facts;
    bool expired = l && l->pair_ok && in->now_ms >= l->until_ms;

    if (expired || !in->published || in->known_ms >= in->policy->settle_ms)
        return false;
    *next = min64(*next, in->now_ms + in->policy->settle_ms - in->known_ms);
    return true;
}

/* ---- what to write ---- */

/* All living CAs stay, as many as fit beside `joining` new ones; the leaf's signer always. */
static unsigned keep_mask(const struct cs_decide_in *in, int signer, unsigned joining)
{
    unsigned mask = 0, room = CS_MAX_CAS - joining - 1;

    for (unsigned i = 0; i < in->bundle->n; i++) {
        if ((int)i == signer) {
            mask |= 1u << i;
        } else if (room > 0 && ca_alive(in, i)) {
            mask |= 1u << i;
            room--;
        }
    }
    return mask;
}

/* The CA cannot go on signing: a new one joins, and a leaf that lives stays until the new bundle has settled. */
static void write_ca(
    const struct cs_decide_in *in, const struct cs_decide_leaf *alive, const char *why, struct cs_decision *d)
{
    int signer = alive ? alive->facts->signer : CS_SIGNER_NONE;

    d->write = true;
    d->make_ca = true;
    d->keep_chain_ca = signer == CS_SIGNER_CHAIN;
    d->keep = keep_mask(in, signer, d->keep_chain_ca ? 2 : 1);
    d->reason = why;
    d->leaf = !alive ? CS_LEAF_MAKE : alive == &in->served ? CS_LEAF_RESTORE : CS_LEAF_KEEP;
}

/* The CA is fine. */
static void write_leaf(
    const struct cs_decide_in *in, enum cs_leaf_act act, int signer, const char *why, struct cs_decision *d)
{
    d->write = true;
    d->leaf = act;
    d->keep_chain_ca = signer == CS_SIGNER_CHAIN;
    d->keep = keep_mask(in, signer, d->keep_chain_ca ? 1 : 0) | 1u;
    d->reason = why;
}

/* True when leaves of the newest CA may be used; else *next is lowered to the moment to ask again, when time tells. */
static bool settled(const struct cs_decide_in *in, int64_t *next)
{
    int64_t at;

    if (in->policy->blind)
        at = born_ms(in->bundle->cas[0].from_ms) + in->policy->leaf_lifetime_ms / 12;
    else if (in->confirmed_ms >= 0)
        at = in->now_ms - in->confirmed_ms + in->policy->settle_ms;
    else
        return false;
    at += step_jitter_ms(in);
    if (in->now_ms >= at)
        return true;
    *next = min64(*next, at);
    return false;
}

/* When every leaf that an older CA signed has expired, and the leaf now stored has had time to reach all replicas. */
static int64_t retire_ms(const struct cs_decide_in *in)
{
    int64_t at = born_ms(in->bundle->cas[0].from_ms) + in->policy->leaf_lifetime_ms;

    return max64(at, born_ms(in->stored.facts->from_ms) + in->policy->settle_ms) + step_jitter_ms(in);
}

/* CA fine, stored leaf alive: renewals and the last step of the overlap. */
static void decide_at_rest(const struct cs_decide_in *in, struct cs_decision *d)
{
    const struct cs_leaf_facts *l = in->stored.facts;
    const char *wish = leaf_wish(in, l);
    int64_t at;

    if (l->signer == CS_SIGNER_CHAIN) {
        write_leaf(in, CS_LEAF_KEEP, l->signer, "the bundle lacks the leaf's CA", d);
        return;
    }
    if (wish && (l->signer == 0 || settled(in, &d->next_ms))) {
        write_leaf(in, CS_LEAF_MAKE, l->signer, wish, d);
        return;
    }
    if (l->signer != 0) {
        d->reason = "a new CA settles in before the leaf is signed by it";
        return;
    }
    d->next_ms = min64(d->next_ms, leaf_due_ms(l) + renewal_jitter_ms(in));
    if (in->bundle->n == 1)
        return;
    at = retire_ms(in);
    if (in->now_ms < at) {
        d->next_ms = min64(d->next_ms, at);
        return;
    }
    d->write = true;
    d->leaf = CS_LEAF_KEEP;
    d->keep = 1;
    d->reason = "no leaf of an older CA is left";
}

void cs_decide(const struct cs_decide_in *in, struct cs_decision *ret)
{
    const struct cs_decide_leaf *alive = NULL;
    const char *why = ca_wish(in);
    struct cs_decision d = {.next_ms = INT64_MAX, .reason = "", .leaf = CS_LEAF_KEEP};

    d.usable = leaf_alive(in, &in->stored);
    if (d.usable)
        alive = &in->stored;
    else if (leaf_alive(in, &in->served))
        alive = &in->served;

    if (in->bundle->n > 0)
        d.next_ms = min64(d.next_ms, ca_due_ms(in) + renewal_jitter_ms(in));
    if (alive)
        d.next_ms = min64(d.next_ms, alive->facts->until_ms);

    if (!alive && others_may_restore(in, &d.next_ms))
        d.reason = "the Secret holds no usable certificate; waiting for a replica that can restore it";
    else if (why)
        write_ca(in, alive, why, &d);
    else if (!alive)
        write_leaf(in, CS_LEAF_MAKE, CS_SIGNER_NONE, leaf_trouble(in), &d);
    else if (alive == &in->served)
        write_leaf(in, CS_LEAF_RESTORE, alive->facts->signer, leaf_trouble(in), &d);
    else
        decide_at_rest(in, &d);
    *ret = d;
}
