/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Passive while OpenKruise's manager runs (D12), judged by its Lease changing under our own clock.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/base/clock.h"
#include "controller/takeover.h"
#include "test/unit/runtime_fake.h"

struct bed {
    struct rt_fake api;
    struct cs_takeover t;
    int changes;
    char why[256];
};

static void on_change(void *ctx)
{
    ((struct bed *)ctx)->changes++;
}

static void bed_init(struct bed *b, bool force)
{
    rt_init(&b->api);
    b->changes = 0;
    b->t = (struct cs_takeover){
        .client = &b->api.client, .loop = &b->api.loop, .force = force, .on_change = on_change, .ctx = b};
    cs_takeover_start(&b->t);
    rt_pass(&b->api, 0);
}

static void bed_done(struct bed *b)
{
    cs_takeover_stop(&b->t);
    assert_int_equal(rt_count_open(&b->api), 0);
    assert_int_equal(cs_loop_wait_ms(&b->api.loop), -1);
    rt_done(&b->api);
}

static bool clear(struct bed *b)
{
    return cs_takeover_clear(&b->t, b->why, sizeof(b->why));
}

/* The open request is answered with a Lease renewed so long ago by its own words. */
static void answer_lease(struct bed *b, const char *holder, int64_t renewed_ago_ms)
{
    char ts[CS_RFC3339_SIZE];
    cs_autofree char *body =
        cs_xasprintf("{\"metadata\":{\"name\":\"kruise-manager\"},\"spec\":{\"holderIdentity\":\"%s\","
                     "\"renewTime\":\"%s\"}}",
            holder, cs_rfc3339_format(cs_clock_wall_ms(&b->api.clock) - renewed_ago_ms, ts));
    struct rt_request *q = rt_expect(&b->api);

    assert_string_equal(q->ns, "kruise-system");
    assert_string_equal(q->name, "kruise-manager");
    rt_answer(q, 200, body);
}

static void d12_no_lease_is_clear(void **state)
{
    struct bed b;

    (void)state;
    bed_init(&b, false);
    assert_false(clear(&b)); /* not known yet */
    assert_non_null(strstr(b.why, "looking"));
    rt_answer(rt_expect(&b.api), 404, "");
    assert_true(clear(&b));
    assert_int_equal(b.changes, 1);
    rt_pass(&b.api, 15000); /* and it is looked again */
    assert_int_equal(rt_count_open(&b.api), 1);
    rt_answer(rt_expect(&b.api), 404, "");
    assert_int_equal(b.changes, 1);
    bed_done(&b);
}

static void d12_a_fresh_lease_keeps_us_passive_until_it_stands_still(void **state)
{
    struct bed b;

    (void)state;
    bed_init(&b, false);
    answer_lease(&b, "peer-1", 2000);
    assert_false(clear(&b));
    assert_non_null(strstr(b.why, "peer-1"));
    for (int i = 0; i < 3; i++) { /* it goes on renewing */
        rt_pass(&b.api, 5000);
        answer_lease(&b, "peer-1", 1000);
        assert_false(clear(&b));
    }
    int64_t last = cs_clock_wall_ms(&b.api.clock) - 1000;
    for (int i = 0; i < 3; i++) { /* and stops: 15 s are no proof */
        rt_pass(&b.api, 5000);
        answer_lease(&b, "peer-1", cs_clock_wall_ms(&b.api.clock) - last);
        assert_false(clear(&b));
    }
    rt_pass(&b.api, 5000);
    answer_lease(&b, "peer-1", cs_clock_wall_ms(&b.api.clock) - last);
    assert_true(clear(&b));
    assert_int_equal(b.changes, 2);
    rt_pass(&b.api, 15000); /* it comes back */
    answer_lease(&b, "peer-2", 0);
    assert_false(clear(&b));
    assert_int_equal(b.changes, 3);
    bed_done(&b);
}

static void d12_a_lease_that_is_old_or_released_is_clear(void **state)
{
    static const struct {
        const char *holder;
        int64_t ago_ms;
        bool want;
    } rows[] = {{"peer-1", 3600000, true}, {"", 1000, true}, {"peer-1", 1000, false}, {"peer-1", -3600000, false}};

    (void)state;
    for (size_t i = 0; i < CS_ARRAY_LEN(rows); i++) {
        struct bed b;

        bed_init(&b, false);
        answer_lease(&b, rows[i].holder, rows[i].ago_ms);
        assert_int_equal(clear(&b), rows[i].want);
        bed_done(&b);
    }
}

static void d12_what_cannot_be_told_is_asked_again(void **state)
{
    struct bed b;

    (void)state;
    bed_init(&b, false);
    rt_answer(rt_expect(&b.api), 0, "");
    assert_false(clear(&b)); /* an unanswered question is no consent */
    rt_pass(&b.api, 500);
    rt_answer(rt_expect(&b.api), 500, "");
    assert_false(clear(&b));
    rt_pass(&b.api, 500);
    rt_answer(rt_expect(&b.api), 403, ""); /* no right to look: said in the log, and on we go */
    assert_true(clear(&b));
    rt_pass(&b.api, 15000);
    rt_answer(rt_expect(&b.api), 0, ""); /* one lost answer changes nothing */
    assert_true(clear(&b));
    bed_done(&b);
}

static void d12_force_does_not_even_ask(void **state)
{
    struct bed b;

    (void)state;
    bed_init(&b, true);
    assert_int_equal(rt_count_open(&b.api), 0);
    assert_true(clear(&b));
    bed_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(d12_no_lease_is_clear),
        cmocka_unit_test(d12_a_fresh_lease_keeps_us_passive_until_it_stands_still),
        cmocka_unit_test(d12_a_lease_that_is_old_or_released_is_clear),
        cmocka_unit_test(d12_what_cannot_be_told_is_asked_again),
        cmocka_unit_test(d12_force_does_not_even_ask),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
