/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Timers: order, moving, disarming, and what callbacks may do to each other. The clock is turned by hand.
 */
#include "common/kube/loop.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/alloc.h"
#include "common/base/cleanup.h"
#include "common/base/rand.h"

static int64_t fake_now(void *ctx)
{
    return *(int64_t *)ctx;
}

/* A loop whose timers write their letter into a log when they fire. */
struct bench {
    int64_t now;
    struct cs_clock clock;
    struct cs_loop loop;
    char log[64];
    struct letter {
        struct cs_timer timer;
        struct bench *bench;
        char name;
        struct letter *arms, *disarms; /* what its callback does, if anything */
        int64_t arms_in;
    } t[8];
};

static void fire(void *ctx)
{
    struct letter *l = ctx;
    struct bench *b = l->bench;
    size_t len = strlen(b->log);

    assert_true(len + 1 < sizeof(b->log));
    b->log[len] = l->name;
    b->log[len + 1] = '\0';
    if (l->disarms)
        cs_timer_disarm(&b->loop, &l->disarms->timer);
    if (l->arms)
        cs_timer_arm_in(&b->loop, &l->arms->timer, l->arms_in);
}

static void setup(struct bench *b)
{
    *b = (struct bench){.now = 1000};
    b->clock = (struct cs_clock){.mono_ms = fake_now, .wall_ms = fake_now, .ctx = &b->now};
    cs_loop_init(&b->loop, &b->clock);
    for (size_t i = 0; i < CS_ARRAY_LEN(b->t); i++) {
        b->t[i].bench = b;
        b->t[i].name = (char)('a' + i);
        b->t[i].timer = (struct cs_timer){.fn = fire, .ctx = &b->t[i]};
    }
}

static void run_at(struct bench *b, int64_t now)
{
    b->now = now;
    cs_loop_run_due(&b->loop);
}

static void test_fires_in_order_of_time_then_of_arming(void **state)
{
    (void)state;
    struct bench b;

    setup(&b);
    cs_timer_arm_in(&b.loop, &b.t[0].timer, 30);
    cs_timer_arm_in(&b.loop, &b.t[1].timer, 10);
    cs_timer_arm_in(&b.loop, &b.t[2].timer, 20);
    cs_timer_arm_in(&b.loop, &b.t[3].timer, 10);
    assert_int_equal(cs_loop_wait_ms(&b.loop), 10);
    run_at(&b, 1009);
    assert_string_equal(b.log, "");
    run_at(&b, 1010);
    assert_string_equal(b.log, "bd");
    assert_int_equal(cs_loop_wait_ms(&b.loop), 10);
    run_at(&b, 5000);
    assert_string_equal(b.log, "bdca");
    assert_int_equal(cs_loop_wait_ms(&b.loop), -1);
    cs_loop_done(&b.loop);
}

static void test_a_timer_fires_once_and_can_be_moved_or_disarmed(void **state)
{
    (void)state;
    struct bench b;

    setup(&b);
    cs_timer_disarm(&b.loop, &b.t[0].timer); /* was never armed */
    cs_timer_arm_in(&b.loop, &b.t[0].timer, 10);
    cs_timer_arm_in(&b.loop, &b.t[1].timer, 10);
    cs_timer_arm_in(&b.loop, &b.t[2].timer, 10);
    cs_timer_arm_in(&b.loop, &b.t[0].timer, 5); /* earlier */
    cs_timer_arm_in(&b.loop, &b.t[1].timer, 50); /* later */
    assert_true(cs_timer_armed(&b.t[2].timer));
    cs_timer_disarm(&b.loop, &b.t[2].timer);
    assert_false(cs_timer_armed(&b.t[2].timer));
    run_at(&b, 1020);
    assert_string_equal(b.log, "a");
    assert_false(cs_timer_armed(&b.t[0].timer));
    run_at(&b, 1050);
    run_at(&b, 9999);
    assert_string_equal(b.log, "ab");
    cs_loop_done(&b.loop);
}

static void test_the_past_means_the_next_run(void **state)
{
    (void)state;
    struct bench b;

    setup(&b);
    cs_timer_arm_at(&b.loop, &b.t[0].timer, 3);
    assert_int_equal(cs_loop_wait_ms(&b.loop), 0);
    cs_timer_arm_in(&b.loop, &b.t[1].timer, -100);
    cs_timer_arm_in(&b.loop, &b.t[2].timer, INT64_MAX); /* never, without overflow */
    cs_timer_arm_in(&b.loop, &b.t[3].timer, INT64_MIN);
    run_at(&b, 1000);
    assert_string_equal(b.log, "abd");
    assert_int_equal(cs_loop_wait_ms(&b.loop), INT64_MAX - 1000);
    cs_loop_done(&b.loop);
}

static void test_what_a_callback_arms_for_now_waits_for_the_next_run(void **state)
{
    (void)state;
    struct bench b;

    setup(&b);
    b.t[0].arms = &b.t[0]; /* itself, over and over */
    b.t[0].arms_in = -5; /* even into the past, before b and c */
    cs_timer_arm_in(&b.loop, &b.t[0].timer, 0);
    cs_timer_arm_in(&b.loop, &b.t[1].timer, 0);
    cs_timer_arm_in(&b.loop, &b.t[2].timer, 1);
    run_at(&b, 1001);
    assert_string_equal(b.log, "abc");
    run_at(&b, 1001);
    assert_string_equal(b.log, "abca");
    cs_loop_done(&b.loop);
}

static void test_a_callback_may_disarm_one_that_is_due(void **state)
{
    (void)state;
    struct bench b;

    setup(&b);
    b.t[0].disarms = &b.t[1];
    for (size_t i = 0; i < 4; i++)
        cs_timer_arm_in(&b.loop, &b.t[i].timer, 10);
    run_at(&b, 1010);
    assert_string_equal(b.log, "acd");
    cs_loop_done(&b.loop);
}

static void test_done_leaves_the_timers_disarmed(void **state)
{
    (void)state;
    struct bench b;

    setup(&b);
    cs_timer_arm_in(&b.loop, &b.t[0].timer, 10);
    cs_loop_done(&b.loop);
    assert_false(cs_timer_armed(&b.t[0].timer));
}

/* ---- many timers against a plain model ---- */

#define MANY 200

struct many {
    struct cs_timer timer;
    int64_t at; /* the model: -1 is disarmed */
    uint64_t armed_as;
    struct run *run;
};

struct run {
    int64_t now;
    struct many t[MANY];
    int64_t last_at;
    uint64_t last_seq;
    int fired;
};

static void check_order(void *ctx)
{
    struct many *m = ctx;
    struct run *r = m->run;

    assert_true(m->at >= 0 && m->at <= r->now);
    assert_true(m->at > r->last_at || (m->at == r->last_at && m->armed_as > r->last_seq));
    r->last_at = m->at;
    r->last_seq = m->armed_as;
    m->at = -1;
    r->fired++;
}

static void step(struct run *r, struct cs_loop *loop, struct cs_rand *rand, uint64_t *seq)
{
    struct many *m = &r->t[cs_rand_below(rand, MANY)];

    if (cs_rand_below(rand, 4) == 0) {
        cs_timer_disarm(loop, &m->timer);
        m->at = -1;
        return;
    }
    m->at = r->now + (int64_t)cs_rand_below(rand, 40);
    m->armed_as = ++*seq;
    cs_timer_arm_at(loop, &m->timer, m->at);
}

static void test_many_timers_agree_with_a_plain_model(void **state)
{
    (void)state;
    struct run *r = cs_new(struct run);
    struct cs_clock clock = {.mono_ms = fake_now, .wall_ms = fake_now, .ctx = &r->now};
    struct cs_rand rand = {.state = 7};
    struct cs_loop loop;
    uint64_t seq = 0;

    cs_loop_init(&loop, &clock);
    for (size_t i = 0; i < MANY; i++) {
        r->t[i].run = r;
        r->t[i].at = -1;
        r->t[i].timer = (struct cs_timer){.fn = check_order, .ctx = &r->t[i]};
    }
    for (int round = 0; round < 500; round++) {
        for (int i = 0; i < 20; i++)
            step(r, &loop, &rand, &seq);
        r->now += (int64_t)cs_rand_below(&rand, 10);
        r->last_at = -1;
        cs_loop_run_due(&loop);
        for (size_t i = 0; i < MANY; i++) { /* nobody who is due was left behind */
            assert_true(r->t[i].at < 0 || r->t[i].at > r->now);
            assert_int_equal(cs_timer_armed(&r->t[i].timer), r->t[i].at >= 0);
        }
    }
    assert_true(r->fired > 1000);
    cs_loop_done(&loop);
    free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fires_in_order_of_time_then_of_arming),
        cmocka_unit_test(test_a_timer_fires_once_and_can_be_moved_or_disarmed),
        cmocka_unit_test(test_the_past_means_the_next_run),
        cmocka_unit_test(test_what_a_callback_arms_for_now_waits_for_the_next_run),
        cmocka_unit_test(test_a_callback_may_disarm_one_that_is_due),
        cmocka_unit_test(test_done_leaves_the_timers_disarmed),
        cmocka_unit_test(test_many_timers_agree_with_a_plain_model),
    };

    return cmocka_run_group_tests_name("loop", tests, NULL, NULL);
}
