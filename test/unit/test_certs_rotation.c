/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rotation by several replicas at once, certificates really verified: over slow and broken networks, crashes and spoilt
 * Secrets nobody ever serves what a configuration refuses (U-32). test_certs_overlap.c shows the same for a model.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "certs/inspect.h"
#include "common/base/alloc.h"
#include "test/unit/certs_world.h"

/* Certificates and bundles seen in a run, and whether they go together (asked once). */
struct knowledge {
    struct {
        const char *cert; /* owned */
        size_t event;
        bool ok;
    } * items;
    size_t len, cap;
};

static void knowledge_done(struct knowledge *k)
{
    for (size_t i = 0; i < k->len; i++)
        free((void *)(uintptr_t)k->items[i].cert);
    free(k->items);
}

static bool goes_together(struct knowledge *k, const struct world *w, const char *cert, size_t event)
{
    const struct fake_event *e = &w->api.log[event];
    cs_autojtree *config = NULL;
    cs_autofree char *pem = NULL;

    for (size_t i = k->len; i-- > 0;) {
        if (k->items[i].event == event && cs_streq(k->items[i].cert, cert))
            return k->items[i].ok;
    }
    config = fake_parse(e->text);
    pem = bundle_in(config, e->object == FAKE_MUTATING ? "mcloneset.kb.io" : "vcloneset.kb.io");
    cs_grow(k->items, k->len, k->cap);
    k->items[k->len].cert = cs_xstrdup(cert);
    k->items[k->len].event = event;
    k->items[k->len].ok = !pem || cs_inspect_verifies(cert, pem, fake_wall((void *)(uintptr_t)&w->api));
    return k->items[k->len++].ok;
}

/*
 * Whatever replica an API server calls, and whatever version of a configuration of the last moments it knows: the
 * certificate is good. (2 s: how long a new CA settles in with these lifetimes.)
 */
static void check(struct world *w, struct knowledge *k)
{
    bool done[FAKE_OBJECTS] = {false};

    for (size_t i = w->api.len; i-- > 0;) {
        const struct fake_event *e = &w->api.log[i];

        if (e->object == FAKE_SECRET || done[e->object])
            continue;
        done[e->object] = e->at_ms < w->api.now_ms - 1800;
        for (unsigned r = 0; r < MAX_REPLICAS; r++) {
            if (w->replicas[r].cert && !goes_together(k, w, w->replicas[r].cert, i))
                fail_msg("seed %" PRIu64 ", second %" PRId64 ": replica %u serves what version %" PRIu64 " refuses",
                    w->seed, (w->api.now_ms - 1000000) / 1000, r, e->rv);
        }
    }
}

static void check_ready(struct world *w)
{
    for (unsigned i = 0; i < MAX_REPLICAS; i++) {
        struct replica *r = &w->replicas[i];
        bool ready = r->rotator && cs_rotator_ready(r->rotator, NULL, 0);

        if (r->was_ready && !ready && !w->may_lose_ready)
            fail_msg("seed %" PRIu64 ", second %" PRId64 ": replica %u is not ready any more: %s", w->seed,
                (w->api.now_ms - 1000000) / 1000, i, why(r));
        r->was_ready = ready;
    }
}

static void live(struct world *w, struct knowledge *k, int64_t ms, bool restarts)
{
    int64_t end = w->api.now_ms + ms, next_restart = w->api.now_ms + 30 * SECOND;

    while (w->api.now_ms < end) {
        (void)fake_advance(&w->api, 500);
        check(w, k);
        check_ready(w);
        assert_int_equal(w->api.unordered, 0);
        if (restarts && w->api.now_ms >= next_restart) {
            struct replica *r = &w->replicas[cs_rand_below(&w->api.rand, MAX_REPLICAS)];

            next_restart += (int64_t)cs_rand_below(&w->api.rand, 20000);
            stop(r);
            start(r);
        }
    }
}

static unsigned seed_count(void)
{
    const char *more = getenv("CS_TEST_SEEDS"); /* CS_TEST_SEEDS=100 for a long night */
    int32_t n = 0;

    return more && cs_parse_i32(cs_str(more), &n) && n > 0 ? (unsigned)n : 1;
}

/* Leaves of a minute, CAs of three: about 15 leaves and 5 CAs in 10 minutes; scale stretches all of it. */
static void rotate(int64_t max_delay_ms, unsigned fault_pct, bool restarts, int64_t scale)
{
    for (uint64_t seed = 1; seed <= seed_count(); seed++) {
        auto_world w;
        CS_CLEANUP(knowledge_done) struct knowledge k = {0};
        static const struct cs_metric_desc desc = {.name = "cloneset_webhook_certificate_rotations_total",
            .help = "",
            .type = CS_METRIC_COUNTER,
            .labels = {"part"}};
        struct cs_metric *rotations;

        world_init(&w, seed);
        install(&w);
        w.api.max_delay_ms = max_delay_ms;
        w.may_lose_ready = max_delay_ms > SECOND || fault_pct > 5;
        w.api.fault_pct = fault_pct;
        for (unsigned i = 0; i < MAX_REPLICAS; i++) {
            w.replicas[i].options.leaf_lifetime_ms = scale * MINUTE;
            w.replicas[i].options.ca_lifetime_ms = scale * 3 * MINUTE;
            w.replicas[i].options.settle_ms = 2 * SECOND;
            start(&w.replicas[i]);
        }
        live(&w, &k, scale * 10 * MINUTE, restarts);
        rotations = cs_metric_get(w.metrics, &desc); /* writes whose answer was lost are not counted */
        assert_in_range(cs_metric_value(rotations, CS_LABELS("ca")), 2, 9);
        assert_in_range(cs_metric_value(rotations, CS_LABELS("leaf")), 8, 30);
        assert_in_range(cs_metric_value(rotations, CS_LABELS("retire")), 1, 9);
        assert_int_equal(repairs(&w, "MutatingWebhookConfiguration", "hooks-m"), 0); /* nobody else was there */
        assert_int_equal(repairs(&w, "ValidatingWebhookConfiguration", "hooks-v"), 0);
        w.api.fault_pct = 0;
        live(&w, &k, scale * 30 * SECOND, false);
        for (unsigned i = 0; i < MAX_REPLICAS; i++)
            assert_ready(&w.replicas[i]);
    }
}

static void certificates_rotate_without_a_refused_call(void **state)
{
    (void)state;
    rotate(100, 0, false, 1);
}

static void certificates_rotate_on_a_slow_and_broken_network(void **state)
{
    (void)state;
    rotate(800, 8, false, 1);
}

/* Answers older than the time a new CA settles in: order alone must protect. */
static void certificates_rotate_on_a_network_slower_than_the_settling(void **state)
{
    (void)state;
    rotate(5000, 0, false, 5);
}

static void certificates_rotate_while_replicas_crash(void **state)
{
    (void)state;
    rotate(300, 3, true, 1);
}

/* People empty the Secret, cut keys out of it, overwrite bundles, all the time. */
static void certificates_survive_what_people_do_to_the_secret(void **state)
{
    static const char *const patches[] = {"{\"ca.key\":\"\"}", "{\"tls.key\":\"Cg==\"}", "{\"ca.crt\":\"Zm9v\"}",
        "{\"tls.crt\":null}", "{\"ca.crt\":17}"};

    (void)state;
    for (uint64_t seed = 1; seed <= seed_count(); seed++) {
        auto_world w;
        CS_CLEANUP(knowledge_done) struct knowledge k = {0};

        world_init(&w, seed);
        install(&w);
        for (unsigned i = 0; i < MAX_REPLICAS; i++) {
            w.replicas[i].options.leaf_lifetime_ms = 10 * MINUTE;
            start(&w.replicas[i]);
        }
        live(&w, &k, 10 * SECOND, false);
        for (int i = 0; i < 12; i++) {
            struct cs_jtree *copy = cs_jtree_dup(w.api.objects[FAKE_SECRET]);
            uint64_t which = cs_rand_below(&w.api.rand, CS_ARRAY_LEN(patches) + 1);

            if (which < CS_ARRAY_LEN(patches)) {
                cs_autojtree *patch = fake_parse(patches[which]);

                if (!cs_jtree_get(copy, "data"))
                    cs_jtree_set(copy, "data", cs_jtree_new_obj());
                fake_merge(cs_jtree_get(copy, "data"), patch);
            } else {
                cs_jtree_del(copy, "data");
            }
            fake_put(&w.api, FAKE_SECRET, copy);
            live(&w, &k, (int64_t)cs_rand_below(&w.api.rand, 60) * SECOND, false);
        }
        live(&w, &k, 5 * MINUTE, false);
        for (unsigned i = 0; i < MAX_REPLICAS; i++) {
            cs_autofree char *stored = secret_value(&w, "tls.crt");

            assert_ready(&w.replicas[i]);
            assert_string_equal(stored, w.replicas[i].cert);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(certificates_rotate_without_a_refused_call),
        cmocka_unit_test(certificates_rotate_on_a_slow_and_broken_network),
        cmocka_unit_test(certificates_rotate_on_a_network_slower_than_the_settling),
        cmocka_unit_test(certificates_rotate_while_replicas_crash),
        cmocka_unit_test(certificates_survive_what_people_do_to_the_secret),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
