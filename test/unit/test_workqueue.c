/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The queue of sets: each at most once, delays where the earliest wins, backoff per key (D13).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "controller/runtime/workqueue.h"
#include "test/unit/runtime_fake.h"

struct bed {
    struct rt_fake api;
    struct cs_rand rand;
    struct cs_metrics *metrics;
    struct cs_workqueue q;
    struct cs_work a, b, c;
};

static void bed_init(struct bed *t)
{
    rt_init(&t->api);
    t->rand = (struct cs_rand){7};
    t->metrics = cs_metrics_new();
    cs_workqueue_init(&t->q, "q", &t->api.loop, &t->rand, t->metrics);
    cs_work_init(&t->a, &t->q);
    cs_work_init(&t->b, &t->q);
    cs_work_init(&t->c, &t->q);
}

static void bed_done(struct bed *t)
{
    cs_work_done(&t->a);
    cs_work_done(&t->b);
    cs_work_done(&t->c);
    assert_int_equal(t->q.depth, 0);
    assert_int_equal(cs_loop_wait_ms(&t->api.loop), -1);
    cs_metrics_free(t->metrics);
    rt_done(&t->api);
}

static void first_come_first_served_and_each_once(void **state)
{
    struct bed t;

    (void)state;
    bed_init(&t);
    cs_workqueue_add(&t.a);
    cs_workqueue_add(&t.b);
    cs_workqueue_add(&t.a);
    assert_int_equal(t.q.depth, 2);
    assert_ptr_equal(cs_workqueue_get(&t.q), &t.a);
    cs_workqueue_add(&t.a); /* while it is worked on: once more, at the end */
    assert_ptr_equal(cs_workqueue_get(&t.q), &t.b);
    assert_ptr_equal(cs_workqueue_get(&t.q), &t.a);
    assert_null(cs_workqueue_get(&t.q));
    bed_done(&t);
}

static void what_ends_leaves_the_queue_wherever_it_stands(void **state)
{
    (void)state;
    for (int which = 0; which < 3; which++) {
        struct bed t;
        struct cs_work *works[3];

        bed_init(&t);
        works[0] = &t.a;
        works[1] = &t.b;
        works[2] = &t.c;
        for (int i = 0; i < 3; i++)
            cs_workqueue_add(works[i]);
        cs_work_done(works[which]);
        for (int i = 0; i < 3; i++)
            if (i != which)
                assert_ptr_equal(cs_workqueue_get(&t.q), works[i]);
        assert_null(cs_workqueue_get(&t.q));
        bed_done(&t);
    }
}

static void the_earliest_time_wins(void **state)
{
    struct bed t;
    int64_t now;

    (void)state;
    bed_init(&t);
    now = t.api.now_ms;
    cs_workqueue_add_at(&t.a, now + 1000);
    cs_workqueue_add_at(&t.a, now + 5000);
    cs_workqueue_add_at(&t.a, now + 500);
    rt_pass(&t.api, 499);
    assert_null(cs_workqueue_get(&t.q));
    rt_pass(&t.api, 1);
    assert_ptr_equal(cs_workqueue_get(&t.q), &t.a);
    rt_pass(&t.api, 10000); /* only once */
    assert_null(cs_workqueue_get(&t.q));
    cs_workqueue_add_at(&t.a, t.api.now_ms + 100);
    cs_workqueue_add(&t.a); /* now is earlier than any time */
    assert_ptr_equal(cs_workqueue_get(&t.q), &t.a);
    rt_pass(&t.api, 200);
    assert_null(cs_workqueue_get(&t.q));
    bed_done(&t);
}

static void d13_backoff_doubles_from_5_ms_to_30_s(void **state)
{
    struct bed t;
    int64_t want = 5;

    (void)state;
    bed_init(&t);
    for (int i = 0; i < 40; i++) {
        int64_t delay = cs_workqueue_add_rate_limited(&t.a);

        if (delay < want || delay > want + want / 5)
            fail_msg("failure %d: %lld ms, not %lld and up to a fifth more", i, (long long)delay, (long long)want);
        rt_pass(&t.api, delay);
        assert_ptr_equal(cs_workqueue_get(&t.q), &t.a);
        want = want * 2 > 30000 || i >= 12 ? 30000 : want * 2;
    }
    assert_in_range(cs_workqueue_add_rate_limited(&t.b), 5, 6); /* per key */
    cs_workqueue_forget(&t.a);
    assert_in_range(cs_workqueue_add_rate_limited(&t.a), 5, 6); /* anew after a success */
    bed_done(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_come_first_served_and_each_once),
        cmocka_unit_test(what_ends_leaves_the_queue_wherever_it_stands),
        cmocka_unit_test(the_earliest_time_wins),
        cmocka_unit_test(d13_backoff_doubles_from_5_ms_to_30_s),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
