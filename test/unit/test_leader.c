/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Leader election: who leads when, what the Lease then says, the fence, release, and every way in which a request can
 * fail. The property behind all cases, asserted throughout: at no time may two write.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "test/unit/lease_world.h"

/* ---- cases ---- */

static void a_missing_lease_is_created_and_leads(void **state)
{
    struct lease_world *w = *state;

    cs_leader_start(w->a.leader);
    assert_int_equal(w->api.len, 0); /* nothing happens from inside start */
    assert_true(lw_status(w) == 0);
    lw_run(w, 0);
    assert_int_equal(w->a.started, 1);
    assert_true(cs_leader_is(w->a.leader));
    assert_true(cs_leader_may_write(w->a.leader));
    assert_true(lw_status(w) == 1);
    lw_assert_holder(w, "host-a_1");
    assert_string_equal(cs_jtree_str(lw_spec(w, "acquireTime")), "2025-10-09T09:10:00.000000Z");
    assert_string_equal(cs_jtree_str(lw_spec(w, "renewTime")), "2025-10-09T09:10:00.000000Z");
    assert_string_equal(cs_jtree_number(lw_spec(w, "leaseDurationSeconds")), "15");
    assert_string_equal(cs_jtree_number(lw_spec(w, "leaseTransitions")), "0");
}

static void a_leader_renews_every_two_seconds_with_one_request(void **state)
{
    struct lease_world *w = *state;

    cs_leader_start(w->a.leader);
    lw_run(w, 0);
    size_t before = w->api.len;
    lw_run(w, 20000);
    assert_int_equal(w->api.len, before + 10);
    for (size_t i = before; i < w->api.len; i++)
        assert_int_equal(w->api.requests[i]->verb, CS_VERB_PATCH_MERGE);
    assert_string_equal(cs_jtree_str(lw_spec(w, "renewTime")), "2025-10-09T09:10:20.000000Z");
    assert_string_equal(cs_jtree_str(lw_spec(w, "acquireTime")), "2025-10-09T09:10:00.000000Z");
    assert_int_equal(w->a.started, 1);
    assert_int_equal(w->a.stopped, 0);
}

static void a_live_holder_is_left_alone(void **state)
{
    struct lease_world *w = *state;

    lw_a_leads(w);
    lw_run(w, 120000);
    assert_int_equal(w->a.started, 1);
    assert_int_equal(w->a.stopped, 0);
    assert_int_equal(w->b.started, 0);
    assert_string_equal(cs_jtree_number(lw_spec(w, "leaseTransitions")), "0");
}

static void a_dead_holder_is_followed_after_its_lease_whatever_the_clocks_say(void **state)
{
    static const int64_t renewed_ms[] = {0, RT_WALL, RT_WALL + (int64_t)365 * 86400000};

    for (size_t i = 0; i < CS_ARRAY_LEN(renewed_ms); i++) {
        void *inner;
        lw_setup(&inner);
        struct lease_world *w = inner;

        lw_somebody_holds(w, "host-z_9", renewed_ms[i], 15);
        cs_leader_start(w->a.leader);
        lw_run(w, 13999);
        assert_false(cs_leader_is(w->a.leader));
        lw_assert_holder(w, "host-z_9");
        lw_run(w, 2401);
        assert_true(cs_leader_may_write(w->a.leader));
        lw_assert_holder(w, "host-a_1");
        assert_string_equal(cs_jtree_number(lw_spec(w, "leaseTransitions")), "7");
        assert_true(cs_jtree_is(lw_spec(w, "future"), CS_J_ARRAY)); /* what we do not know stays */
        assert_string_equal(
            cs_jtree_str(cs_jtree_get(cs_jtree_get(cs_jtree_get(w->lease, "metadata"), "labels"), "team")), "x");
        lw_teardown(&inner);
    }
    (void)state;
}

/* At whatever moment between two renewals and two looks of the standby. */
static void a_standby_leads_at_most_one_lease_after_the_leader_was_killed(void **state)
{
    for (int64_t moment = 0; moment < 2400; moment += 50) {
        void *inner;
        lw_setup(&inner);
        struct lease_world *w = inner;

        lw_a_leads(w);
        lw_run(w, 6000 + moment);
        cs_leader_free(cs_take(w->a.leader));
        lw_run(w, 14000); /* a second is left for reading */
        assert_true(cs_leader_may_write(w->b.leader));
        lw_teardown(&inner);
    }
    (void)state;
}

static void a_standby_that_could_not_look_counts_from_two_seconds_before_it_saw_the_renewal(void **state)
{
    struct lease_world *w = *state;

    lw_somebody_holds(w, "host-z_9", RT_WALL, 15);
    cs_leader_start(w->a.leader);
    lw_run(w, 1);
    lw_run_cut_off(w, 14000);
    lw_somebody_holds(w, "host-z_9", RT_WALL + 1, 15);
    lw_run_cut_off(w, 6100); /* the last request is answered by now, and the next one finds the renewal */
    lw_run(w, 10000);
    assert_false(cs_leader_is(w->a.leader));
    lw_run(w, 5000);
    assert_true(cs_leader_is(w->a.leader));
}

static void a_holder_is_given_the_time_that_its_record_names(void **state)
{
    struct lease_world *w = *state;

    lw_somebody_holds(w, "host-z_9", RT_WALL, 60);
    cs_leader_start(w->a.leader);
    lw_run(w, 58999);
    assert_false(cs_leader_is(w->a.leader));
    lw_run(w, 4000);
    assert_true(cs_leader_is(w->a.leader));
}

static void a_change_of_metadata_is_no_sign_of_life(void **state)
{
    struct lease_world *w = *state;

    lw_somebody_holds(w, "host-z_9", RT_WALL, 15);
    cs_leader_start(w->a.leader);
    for (int i = 0; i < 18; i++) {
        lw_run(w, 1000);
        if (!cs_leader_is(w->a.leader))
            lw_store(w, w->lease);
    }
    assert_true(cs_leader_is(w->a.leader));
}

static void a_released_lease_is_taken_at_the_next_look(void **state)
{
    struct lease_world *w = *state;

    lw_a_leads(w);
    lw_run(w, 5000);
    cs_leader_release(w->a.leader, lw_on_released, &w->a);
    assert_false(cs_leader_may_write(w->a.leader));
    assert_int_equal(w->a.released, 0);
    lw_serve_one(w);
    assert_int_equal(w->a.released, 1);
    lw_assert_holder(w, "");
    assert_int_equal(w->a.stopped, 0);
    lw_run(w, 1200);
    assert_true(cs_leader_may_write(w->b.leader));
    lw_assert_holder(w, "host-b_2");
    assert_string_equal(cs_jtree_number(lw_spec(w, "leaseTransitions")), "1");
    size_t before = w->api.len;
    lw_run(w, 10000);
    assert_int_equal(w->api.len, before + 5); /* A has fallen silent */
}

static void a_release_waits_for_the_renewal_under_way(void **state)
{
    static const int answers[] = {200, 0, 503, 409};

    for (size_t i = 0; i < CS_ARRAY_LEN(answers); i++) {
        void *inner;
        lw_setup(&inner);
        struct lease_world *w = inner;

        cs_leader_start(w->a.leader);
        lw_run(w, 0);
        rt_pass(&w->api, 2000);
        struct rt_request *q = rt_expect(&w->api);
        cs_leader_release(w->a.leader, lw_on_released, &w->a);
        assert_int_equal(rt_count_open(&w->api), 1);
        if (answers[i] != 503)
            assert_int_equal(lw_take_effect(w, q), 200); /* also the one whose answer is lost */
        lw_reply(w, q, answers[i]);
        lw_run(w, 0);
        assert_int_equal(w->a.released, 1);
        lw_assert_holder(w, "");
        lw_teardown(&inner);
    }
    (void)state;
}

static void a_release_that_conflicts_is_tried_again(void **state)
{
    struct lease_world *w = *state;

    cs_leader_start(w->a.leader);
    lw_run(w, 0);
    lw_store(w, w->lease); /* somebody set a label */
    cs_leader_release(w->a.leader, lw_on_released, &w->a);
    lw_run(w, 0);
    assert_int_equal(w->a.released, 1);
    lw_assert_holder(w, "");
}

static void a_release_ends_even_if_the_server_does_not_answer(void **state)
{
    struct lease_world *w = *state;

    cs_leader_start(w->a.leader);
    lw_run(w, 0);
    cs_leader_release(w->a.leader, lw_on_released, &w->a);
    lw_run_cut_off(w, 5100);
    assert_int_equal(w->a.released, 1);
    assert_int_equal(rt_count_open(&w->api), 0);
    assert_int_equal(cs_loop_wait_ms(&w->api.loop), -1);
}

static void a_release_without_leadership_is_done_at_once(void **state)
{
    struct lease_world *w = *state;

    cs_leader_release(w->b.leader, lw_on_released, &w->b); /* never started */
    assert_int_equal(w->b.released, 1);
    cs_leader_start(w->a.leader);
    rt_pass(&w->api, 0);
    assert_int_equal(rt_count_open(&w->api), 1);
    cs_leader_release(w->a.leader, lw_on_released, &w->a);
    assert_int_equal(w->a.released, 1);
    lw_run(w, 60000);
    assert_null(w->lease);
}

static void a_leader_cut_off_stops_ten_seconds_after_its_last_renewal_was_sent(void **state)
{
    struct lease_world *w = *state;

    cs_leader_start(w->a.leader);
    lw_run(w, 0);
    rt_pass(&w->api, 2000);
    struct rt_request *q = rt_expect(&w->api);
    rt_pass(&w->api, 3000); /* this renewal is answered late: the time of sending counts */
    lw_reply(w, q, lw_take_effect(w, q));
    lw_run_cut_off(w, 6900);
    assert_true(cs_leader_may_write(w->a.leader));
    assert_int_equal(w->a.stopped, 0);
    lw_run_cut_off(w, 100);
    assert_false(cs_leader_may_write(w->a.leader));
    assert_false(cs_leader_is(w->a.leader));
    assert_int_equal(w->a.stopped, 1);
    assert_true(lw_status(w) == 0);
    lw_run(w, 10000); /* back again: it competes and wins */
    assert_int_equal(w->a.started, 2);
    assert_true(cs_leader_may_write(w->a.leader));
}

static void the_fence_holds_before_the_timer_notices(void **state)
{
    struct lease_world *w = *state;

    cs_leader_start(w->a.leader);
    lw_run(w, 0);
    w->api.now_ms += 9999;
    assert_true(cs_leader_may_write(w->a.leader));
    w->api.now_ms += 1; /* the process stood still; no timer has run */
    assert_false(cs_leader_may_write(w->a.leader));
    assert_int_equal(w->a.stopped, 0);
    lw_run(w, 0);
    assert_int_equal(w->a.stopped, 1);
    assert_int_equal(w->a.started, 2);
}

static void a_renewal_from_before_the_fence_does_not_bridge_it(void **state)
{
    struct lease_world *w = *state;

    cs_leader_start(w->a.leader);
    lw_run(w, 0);
    rt_pass(&w->api, 2000);
    w->api.now_ms += 8500; /* stands still, the renewal under way; its answer comes before any timer */
    lw_serve_one(w);
    assert_int_equal(w->a.stopped, 1);
    assert_int_equal(w->a.started, 2);
    assert_true(cs_leader_may_write(w->a.leader));
    w->api.now_ms += 1500;
    assert_false(cs_leader_may_write(w->a.leader));
}

static void an_answer_that_comes_after_its_fence_gives_nothing(void **state)
{
    struct lease_world *w = *state;

    cs_leader_start(w->a.leader);
    rt_pass(&w->api, 0);
    lw_serve_one(w); /* 404 */
    struct rt_request *q = rt_expect(&w->api);
    assert_int_equal(q->verb, CS_VERB_CREATE);
    w->api.now_ms += 10000;
    lw_reply(w, q, lw_take_effect(w, q));
    assert_int_equal(w->a.started, 0);
    assert_false(cs_leader_may_write(w->a.leader));
    lw_run(w, 0); /* the renewal that follows does */
    assert_int_equal(w->a.started, 1);
}

static void short_failures_do_not_end_leadership(void **state)
{
    static const struct {
        int status;
        bool effect; /* the write took place nevertheless */
    } rows[] = {{0, true}, {0, false}, {500, true}, {503, false}, {429, false}, {403, false}, {409, true}};

    for (size_t i = 0; i < CS_ARRAY_LEN(rows); i++) {
        void *inner;
        lw_setup(&inner);
        struct lease_world *w = inner;

        lw_a_leads(w);
        do {
            lw_run(w, 1);
        } while (cs_loop_wait_ms(&w->api.loop) != 1);
        rt_pass(&w->api, 1);
        struct rt_request *q = rt_expect(&w->api);
        if (rows[i].effect)
            (void)lw_take_effect(w, q);
        lw_reply(w, q, rows[i].status);
        lw_run(w, 30000);
        assert_int_equal(w->a.started, 1);
        assert_int_equal(w->a.stopped, 0);
        assert_true(cs_leader_may_write(w->a.leader));
        assert_int_equal(w->b.started, 0);
        lw_teardown(&inner);
    }
    (void)state;
}

static void somebody_elses_label_does_not_end_leadership(void **state)
{
    struct lease_world *w = *state;

    lw_a_leads(w);
    for (int i = 0; i < 20; i++) {
        lw_store(w, w->lease); /* a new version behind our back */
        lw_run(w, 1500);
    }
    assert_int_equal(w->a.stopped, 0);
    assert_true(cs_leader_may_write(w->a.leader));
}

static void a_write_that_never_stops_conflicting_is_not_repeated_without_pause(void **state)
{
    struct lease_world *w = *state;

    cs_leader_start(w->a.leader);
    lw_run(w, 0);
    rt_pass(&w->api, 2000);
    size_t before = w->api.len;
    for (int i = 0; i < 40 && rt_oldest(&w->api); i++) {
        lw_store(w, w->lease); /* always a version further than what was read */
        lw_serve_one(w);
        rt_pass(&w->api, 0);
    }
    assert_true(w->api.len - before <= 4);
    assert_null(rt_oldest(&w->api));
}

static void a_stolen_lease_ends_leadership_at_the_next_renewal(void **state)
{
    struct lease_world *w = *state;

    cs_leader_start(w->a.leader);
    lw_run(w, 1000);
    lw_somebody_holds(w, "host-z_9", RT_WALL, 15);
    lw_run(w, 1000);
    assert_int_equal(w->a.stopped, 1);
    assert_false(cs_leader_is(w->a.leader));
    lw_assert_holder(w, "host-z_9");
    lw_run(w, 13999);
    assert_false(cs_leader_is(w->a.leader)); /* seen for the first time: it has its full time */
    lw_run(w, 2401);
    assert_true(cs_leader_is(w->a.leader));
}

static void a_deleted_lease_is_made_anew_by_its_holder(void **state)
{
    struct lease_world *w = *state;

    lw_a_leads(w);
    cs_jtree_free(cs_take(w->lease));
    lw_run(w, 10000);
    assert_non_null(w->lease);
    lw_assert_holder(w, "host-a_1");
    assert_int_equal(w->a.stopped, 0);
    assert_int_equal(w->b.started, 0); /* B knew that A may still write */
}

static void a_deleted_lease_is_not_taken_while_its_holder_may_write(void **state)
{
    struct lease_world *w = *state;

    lw_somebody_holds(w, "host-z_9", RT_WALL, 15);
    cs_leader_start(w->a.leader);
    lw_run(w, 100);
    cs_jtree_free(cs_take(w->lease));
    lw_run(w, 13800);
    assert_null(w->lease);
    lw_run(w, 2500);
    assert_true(cs_leader_is(w->a.leader));
}

static void a_record_that_comes_back_has_its_full_time_again(void **state)
{
    struct lease_world *w = *state;

    lw_somebody_holds(w, "host-z_9", RT_WALL, 15);
    cs_leader_start(w->a.leader);
    lw_run(w, 18000);
    assert_true(cs_leader_is(w->a.leader));
    lw_somebody_holds(w, "host-z_9", RT_WALL, 15); /* a backup was restored */
    lw_run(w, 13900);
    assert_int_equal(w->a.stopped, 1);
    lw_assert_holder(w, "host-z_9");
}

static void a_creation_that_somebody_else_won_leads_nowhere(void **state)
{
    struct lease_world *w = *state;

    cs_leader_start(w->a.leader);
    cs_leader_start(w->b.leader);
    lw_run(w, 10000);
    assert_int_equal(w->a.started + w->b.started, 1);
}

static void a_creation_whose_answer_was_lost_is_found_later(void **state)
{
    struct lease_world *w = *state;

    cs_leader_start(w->a.leader);
    rt_pass(&w->api, 0);
    lw_serve_one(w); /* 404 */
    struct rt_request *q = rt_expect(&w->api);
    assert_int_equal(lw_take_effect(w, q), 201);
    lw_reply(w, q, 0);
    assert_int_equal(w->a.started, 0);
    lw_run(w, 2400);
    assert_int_equal(w->a.started, 1);
    assert_string_equal(cs_jtree_number(lw_spec(w, "leaseTransitions")), "0");
}

static void a_takeover_that_meets_a_renewal_fails(void **state)
{
    struct lease_world *w = *state;

    lw_somebody_holds(w, "host-z_9", RT_WALL, 15);
    cs_leader_start(w->a.leader);
    for (lw_run(w, 13000); !rt_oldest(&w->api) || rt_oldest(&w->api)->verb != CS_VERB_UPDATE;) {
        if (rt_oldest(&w->api))
            lw_serve_one(w);
        else
            rt_pass(&w->api, 10);
    }
    lw_somebody_holds(w, "host-z_9", RT_WALL + 1, 15);
    lw_run(w, 13900);
    assert_int_equal(w->a.started, 0);
    lw_assert_holder(w, "host-z_9");
}

static void an_answer_that_is_no_lease_is_asked_for_again(void **state)
{
    struct lease_world *w = *state;

    cs_leader_start(w->a.leader);
    rt_pass(&w->api, 0);
    rt_answer(rt_expect(&w->api), 200, "{\"kind\":\"Lease\"}");
    rt_pass(&w->api, 2400);
    rt_answer(rt_expect(&w->api), 200, "<html>");
    assert_int_equal(w->a.started, 0);
    lw_run(w, 2400);
    assert_int_equal(w->a.started, 1);
}

static void on_stopped_may_release(void **state)
{
    struct lease_world *w = *state;

    w->a.release_when_stopped = true;
    cs_leader_start(w->a.leader);
    lw_run(w, 1000);
    lw_somebody_holds(w, "", RT_WALL, 15); /* free to take, but A has had enough */
    lw_run(w, 60000);
    assert_int_equal(w->a.stopped, 1);
    assert_int_equal(w->a.released, 1);
    assert_int_equal(w->a.started, 1);
    lw_assert_holder(w, "");
    assert_string_equal(cs_jtree_number(lw_spec(w, "leaseTransitions")), "6"); /* nor did it take it meanwhile */
}

/* Requests of both are delayed, lost before or after their effect, at random; run_cut_off's property throughout. */
static void never_two_may_write(void **state)
{
    int gained = 0;

    for (uint64_t seed = 1; seed <= 60; seed++) {
        void *inner;
        lw_setup(&inner);
        struct lease_world *w = inner;
        struct cs_rand rand = {seed};

        w->a.wall_ms += (int64_t)cs_rand_below(&rand, 100000000) - 50000000; /* clocks differ by hours */
        cs_leader_start(w->a.leader);
        cs_leader_start(w->b.leader);
        for (int i = 0; i < 2000; i++) {
            rt_pass(&w->api, (int64_t)cs_rand_below(&rand, 400));
            lw_assert_not_both(w);
            if (cs_rand_below(&rand, 500) == 0)
                w->api.now_ms += (int64_t)cs_rand_below(&rand, 30000); /* all stand still */
            struct rt_request *q = rt_oldest(&w->api);
            if (!q || cs_rand_below(&rand, 4) == 0)
                continue;
            bool bad = (i / 250) % 2 == 1; /* fair weather and foul */
            unsigned luck = bad ? (unsigned)cs_rand_below(&rand, 4) : 0;
            int answer = luck == 1 ? 503 : lw_take_effect(w, q);
            lw_reply(w, q, luck >= 2 ? 0 : answer);
            lw_assert_not_both(w);
        }
        gained += w->a.started + w->b.started;
        lw_teardown(&inner);
    }
    assert_true(gained > 120); /* leadership did change hands */
    (void)state;
}

#define T(f) cmocka_unit_test_setup_teardown(f, lw_setup, lw_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_missing_lease_is_created_and_leads),
        T(a_leader_renews_every_two_seconds_with_one_request),
        T(a_live_holder_is_left_alone),
        cmocka_unit_test(a_dead_holder_is_followed_after_its_lease_whatever_the_clocks_say),
        cmocka_unit_test(a_standby_leads_at_most_one_lease_after_the_leader_was_killed),
        T(a_standby_that_could_not_look_counts_from_two_seconds_before_it_saw_the_renewal),
        T(a_holder_is_given_the_time_that_its_record_names),
        T(a_change_of_metadata_is_no_sign_of_life),
        T(a_released_lease_is_taken_at_the_next_look),
        cmocka_unit_test(a_release_waits_for_the_renewal_under_way),
        T(a_release_that_conflicts_is_tried_again),
        T(a_release_ends_even_if_the_server_does_not_answer),
        T(a_release_without_leadership_is_done_at_once),
        T(a_leader_cut_off_stops_ten_seconds_after_its_last_renewal_was_sent),
        T(the_fence_holds_before_the_timer_notices),
        T(a_renewal_from_before_the_fence_does_not_bridge_it),
        T(an_answer_that_comes_after_its_fence_gives_nothing),
        cmocka_unit_test(short_failures_do_not_end_leadership),
        T(somebody_elses_label_does_not_end_leadership),
        T(a_write_that_never_stops_conflicting_is_not_repeated_without_pause),
        T(a_stolen_lease_ends_leadership_at_the_next_renewal),
        T(a_deleted_lease_is_made_anew_by_its_holder),
        T(a_deleted_lease_is_not_taken_while_its_holder_may_write),
        T(a_record_that_comes_back_has_its_full_time_again),
        T(a_creation_that_somebody_else_won_leads_nowhere),
        T(a_creation_whose_answer_was_lost_is_found_later),
        T(a_takeover_that_meets_a_renewal_fails),
        T(an_answer_that_is_no_lease_is_asked_for_again),
        T(on_stopped_may_release),
        cmocka_unit_test(never_two_may_write),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
