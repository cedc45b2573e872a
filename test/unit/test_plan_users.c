/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What users of CloneSets asked for about rollouts and limits (users.md U-03, U-04, U-20, U-21, U-23, U-24, U-25), each shown in
 * the mini world of fleet.h from healthy Pods to the end.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "test/unit/fleet_wish.h"

static const struct fleet_template old_tmpl = {1, 1, 1}, new_image = {2, 1, 1}, new_env = {1, 2, 1};

/* n healthy Pods of old_tmpl, and the wish for another template. False: refused. */
static bool begin(struct fleet *w, uint64_t seed, const struct fleet_strategy *s, struct fleet_template to, bool force,
    struct fleet_want *ret)
{
    fleet_init(w, seed);
    if (!fleet_wish(w, s, old_tmpl, force, ret))
        return false;
    fleet_add(w, s->n, old_tmpl);
    fleet_set_current(w, old_tmpl);
    return fleet_wish(w, s, to, force, ret);
}

static bool new_in_place(const char *type)
{
    return strncmp(type, "InPlace", 7) == 0;
}

/* ---- U-03 ---- */

struct stall {
    const char *when;
    struct fleet_strategy s;
    const char *said; /* NULL: it must move */
};

static void u03_a_budget_that_never_comes_is_told(void **state)
{
    static const struct stall rows[] = {
        {"replicas came from 0 by the scale subresource, both limits are 0",
            {.n = 3, .unavailable = {FLEET_INT, 0}, .surge = {FLEET_INT, 0}}, "UpdateLimited"},
        {"percentages of 0", {.n = 3, .unavailable = {FLEET_PERCENT, 0}}, "UpdateLimited"},
        {"in place", {.n = 3, .type = "InPlaceOnly", .unavailable = {FLEET_INT, 0}}, "UpdateLimited"},
        {"a negative one, without the webhook", {.n = 3, .unavailable = {FLEET_INT, -2}, .surge = {FLEET_INT, 1}},
            "UpdateLimited"},
        {"surge makes room", {.n = 3, .unavailable = {FLEET_INT, 0}, .surge = {FLEET_INT, 1}}, NULL},
        {"one may be out of service", {.n = 3, .unavailable = {FLEET_INT, 1}}, NULL},
    };

    (void)state;
    for (size_t i = 0; i < CS_ARRAY_LEN(rows); i++) {
        struct fleet w;
        struct fleet_want want;

        assert_true(begin(&w, 1, &rows[i].s, new_image, true, &want));
        w.floor = FLEET_NO_FLOOR;
        fleet_run(&w);
        if (rows[i].said ? !fleet_said(&w, rows[i].said) : fleet_at(&w, new_image) != rows[i].s.n)
            fleet_fail(&w, "when %s", rows[i].when);
        if (rows[i].said && fleet_at(&w, old_tmpl) != rows[i].s.n)
            fleet_fail(&w, "when %s: %d are left", rows[i].when, fleet_at(&w, old_tmpl));
        fleet_done(&w);
    }
}

/* The case of the report: creation is throttled, so the budget is below 0 for a while; it comes back by itself. */
static void u03_a_throttled_scale_out_holds_the_update_up_and_then_lets_it_go(void **state)
{
    static const struct fleet_strategy s = {
        .n = 10, .cap = {FLEET_INT, 1}, .unavailable = {FLEET_INT, 1}, .type = "InPlaceIfPossible"};
    struct fleet w;
    struct fleet_want want;
    bool limited = false;
    bool below_zero = false;

    (void)state;
    fleet_init(&w, 1);
    assert_true(fleet_wish(&w, &s, old_tmpl, false, &want));
    fleet_add(&w, 5, old_tmpl);
    fleet_set_current(&w, old_tmpl);
    assert_true(fleet_wish(&w, &s, new_image, false, &want));
    while (fleet_step(&w) != FLEET_QUIET) {
        limited = limited || fleet_said(&w, "ScaleUpLimited");
        below_zero = below_zero || 1 + fleet_active(&w) - 10 < 0;
    }
    assert_true(limited && below_zero);
    assert_int_equal(fleet_at(&w, new_image), 10);
    fleet_done(&w);
}

static void u03_pods_asked_to_go_that_may_not_are_told(void **state)
{
    static const struct fleet_strategy s = {
        .n = 2, .paused = true, .unavailable = {FLEET_INT, 0}, .surge = {FLEET_INT, 1}};
    struct fleet w;
    struct fleet_want want;

    (void)state;
    assert_true(begin(&w, 1, &s, old_tmpl, false, &want));
    w.pods[0]->pod.specified_delete = true;
    fleet_run(&w);
    assert_int_equal(fleet_active(&w), 2);
    assert_true(fleet_said(&w, "UpdateLimited"));
    assert_non_null(strstr(w.fx.plan.notes[0].message, "Pods that were asked to go stay"));
    assert_non_null(strstr(w.fx.plan.notes[0].message, "paused"));
    fleet_done(&w);
}

/* ---- U-04 ---- */

static const char *const types[] = {"ReCreate", "InPlaceIfPossible", "InPlaceOnly", "OnDelete"};

static void roll(const struct fleet_strategy *s, struct fleet_template to, bool *ret_admitted)
{
    struct fleet w;
    struct fleet_want want;

    *ret_admitted = begin(&w, 1, s, to, false, &want);
    if (*ret_admitted) {
        fleet_run(&w);
        fleet_check_end(&w, &want);
        if (!want.on_delete && fleet_at(&w, to) != s->n)
            fleet_fail(&w, "%d of %d are new", fleet_at(&w, to), s->n);
    }
    fleet_done(&w);
}

/* One size and type: every number of Pods that a percentage comes to, once. */
static void every_percentage(int n, const char *type, bool surge, unsigned *worlds, unsigned *refused)
{
    static const struct fleet_number zero = {FLEET_INT, 0};
    bool refusable = surge && strcmp(type, "InPlaceOnly") == 0;
    int last = 0;

    for (int percent = 1; percent <= 100; percent++) {
        struct fleet_number p = {FLEET_PERCENT, percent};
        struct fleet_strategy s = {.n = n, .type = type, .unavailable = p, .surge = zero};
        int pods = (n * percent + 99) / 100;
        bool admitted;

        if (pods == last)
            continue;
        last = pods;
        if (surge) {
            s.unavailable = zero;
            s.surge = p;
        }
        roll(&s, new_in_place(type) ? new_image : new_env, &admitted);
        *worlds += 1;
        *refused += !admitted;
        if (admitted == refusable)
            fail_msg("%d%% of %d, %s: %s", percent, n, type, admitted ? "admitted" : "refused");
    }
}

/*
 * Every replicas 1..20 x percentage 1..100 x type, the percentage as maxUnavailable, and as maxSurge with maxUnavailable 0. A run
 * depends on the number of Pods that the percentage comes to, so each number is run once.
 */
static void u04_every_percentage_of_every_size_makes_progress(void **state)
{
    unsigned worlds = 0;
    unsigned refused = 0;

    (void)state;
    for (int n = 1; n <= 20; n++)
        for (size_t t = 0; t < CS_ARRAY_LEN(types); t++) {
            every_percentage(n, types[t], false, &worlds, &refused);
            every_percentage(n, types[t], true, &worlds, &refused);
        }
    assert_int_equal(worlds, 210 * 4 * 2); /* 1 + 2 + … + 20 numbers of Pods */
    assert_int_equal(refused, 210);
}

/* ---- U-20 ---- */

/* Nothing works: Pods are replaced without regard to the budget of Pods in service, but never more than it allows at a time. */
static void u20_unready_pods_are_replaced_no_more_than_the_budget_at_a_time(void **state)
{
    (void)state;
    for (int in_place = 0; in_place < 2; in_place++) {
        struct fleet_strategy s = {
            .n = 20, .type = in_place ? "InPlaceIfPossible" : "ReCreate", .unavailable = {FLEET_PERCENT, 15}};
        struct fleet w;
        struct fleet_want want;
        int most = 0;

        assert_true(begin(&w, 1, &s, new_image, false, &want));
        for (size_t i = 0; i < w.n_pods; i++) {
            w.pods[i]->pod.containers_ready.status = CS_COND_FALSE;
            fleet_pod_update(&w, w.pods[i]);
        }
        w.start_min = w.start_max = 10;
        while (fleet_step(&w) != FLEET_QUIET) {
            int working = 0; /* new and not available, or on the way to it */

            for (size_t i = 0; i < w.n_pods; i++) {
                const struct fleet_pod *p = w.pods[i];
                bool is_new = strcmp(p->revision, "web-i2e1l1") == 0;

                working += !cs_pod_terminating(&p->pod) &&
                           (is_new ? !cs_pod_available(&p->pod, 0, w.now_ms) : p->pod.specified_delete);
            }
            most = working > most ? working : most;
        }
        assert_int_equal(fleet_at(&w, new_image), 20);
        assert_int_equal(most, 3); /* 15% of 20 */
        fleet_done(&w);
    }
}

/* ---- U-21 ---- */

/* The table of Appendix B.1, as the user sees it: status.expectedUpdatedReplicas = replicas - partition. */
static void u21_appendix_b_partition_table(void **state)
{
    static const int sizes[] = {0, 1, 2, 3, 10};
    static const struct {
        const char *partition;
        int keeps[CS_ARRAY_LEN(sizes)];
    } rows[] = {
        {"'0%'", {0, 0, 0, 0, 0}},
        {"'1%'", {0, 1, 1, 1, 1}},
        {"'33.3%'", {0, 1, 1, 1, 4}},
        {"'50%'", {0, 1, 1, 2, 5}},
        {"'99%'", {0, 1, 1, 2, 9}},
        {"'100%'", {0, 1, 2, 3, 10}},
        {"'150%'", {0, 1, 2, 3, 10}},
        {"'-10%'", {0, 0, 0, 0, 0}},
        {"2", {0, 1, 2, 2, 2}},
        {"-1", {0, 0, 0, 0, 0}},
    };

    (void)state;
    for (size_t i = 0; i < CS_ARRAY_LEN(rows); i++)
        for (size_t k = 0; k < CS_ARRAY_LEN(sizes); k++) {
            struct fleet w;
            cs_autofree char *spec =
                cs_xasprintf("'replicas':%d,'updateStrategy':{'maxUnavailable':'100%%','partition':%s}", sizes[k],
                    rows[i].partition);
            int wanted = sizes[k] - rows[i].keeps[k];

            fleet_init(&w, 1);
            assert_true(fleet_apply(&w, spec, old_tmpl, true));
            fleet_add(&w, sizes[k], old_tmpl);
            fleet_set_current(&w, old_tmpl);
            assert_true(fleet_apply(&w, spec, new_image, true));
            fleet_run(&w);
            if (w.fx.plan.status.expected_updated != wanted || fleet_at(&w, new_image) != wanted)
                fail_msg("partition %s of %d: status says %d, %d are new, wanted %d", rows[i].partition, sizes[k],
                    w.fx.plan.status.expected_updated, fleet_at(&w, new_image), wanted);
            fleet_done(&w);
        }
}

/* Spec B.1: what cannot be read counts as 0, and the status does not pretend to know. */
static void appendix_b_an_unreadable_partition_is_0_and_expects_nothing(void **state)
{
    struct fleet w;
    const char *spec = "'replicas':2,'updateStrategy':{'maxUnavailable':2,'partition':'some'}";

    (void)state;
    fleet_init(&w, 1);
    assert_true(fleet_apply(&w, spec, old_tmpl, true));
    fleet_add(&w, 2, old_tmpl);
    fleet_set_current(&w, old_tmpl);
    assert_false(fleet_apply(&w, spec, new_image, false)); /* admission refuses it */
    assert_true(fleet_apply(&w, spec, new_image, true));
    fleet_run(&w);
    assert_int_equal(fleet_at(&w, new_image), 2);
    assert_int_equal(w.fx.plan.status.expected_updated, 0);
    fleet_done(&w);
}

/* ---- U-23 ---- */

/* paused with maxSurge: no Pod of the new revision, but for replicas; the other rules of the world see to the rest. */
static void u23_paused_makes_new_pods_for_replicas_only(void **state)
{
    static const struct {
        const char *type;
        int pods, replicas, partition, wanted_new;
    } rows[] = {
        {"ReCreate", 5, 5, 0, 0},
        {"InPlaceIfPossible", 5, 5, 0, 0},
        {"ReCreate", 5, 8, 0, 3},
        {"InPlaceIfPossible", 5, 8, 8, 0}, /* the partition wants the current revision */
        {"ReCreate", 5, 3, 0, 0},
    };

    (void)state;
    for (size_t i = 0; i < CS_ARRAY_LEN(rows); i++) {
        struct fleet_strategy s = {.n = rows[i].replicas,
            .type = rows[i].type,
            .surge = {FLEET_INT, 2},
            .paused = true,
            .partition = {FLEET_INT, rows[i].partition}};
        struct fleet w;
        struct fleet_want want;

        fleet_init(&w, 1);
        assert_true(fleet_wish(&w, &s, old_tmpl, false, &want));
        fleet_add(&w, rows[i].pods, old_tmpl);
        fleet_set_current(&w, old_tmpl);
        assert_true(fleet_wish(&w, &s, new_image, false, &want));
        fleet_run(&w);
        assert_int_equal(fleet_active(&w), rows[i].replicas);
        if (fleet_at(&w, new_image) != rows[i].wanted_new)
            fleet_fail(&w, "row %zu: %d are new", i, fleet_at(&w, new_image));
        fleet_done(&w);
    }
}

/* Paused in the middle: what has begun comes to its end, nothing else begins. */
static void u23_pausing_in_the_middle_finishes_what_has_begun(void **state)
{
    (void)state;
    for (int pause_at = 1; pause_at < 30; pause_at++) {
        struct fleet_strategy s = {.n = 6, .type = "InPlaceIfPossible", .unavailable = {FLEET_INT, 2}, .grace = 2};
        struct fleet w;
        struct fleet_want want;

        assert_true(begin(&w, 1, &s, new_image, false, &want));
        for (int i = 0; i < pause_at && fleet_step(&w) != FLEET_QUIET; i++)
            ;
        s.paused = true;
        assert_true(fleet_wish(&w, &s, new_image, false, &want));
        fleet_run(&w);
        fleet_check_end(&w, &want); /* all in service again */
        fleet_done(&w);
    }
}

/* ---- U-24 ---- */

/*
 * Compatibility wins (spec §5.2, "Readings"): Pods that are Ready but younger than minReadySeconds are not deleted by a scale-in
 * before enough others are available. What is not Ready goes at once, and time alone ends the wait.
 */
static void u24_a_scale_in_waits_for_min_ready_seconds_as_the_peer_does(void **state)
{
    static const struct fleet_strategy eight = {.n = 8, .min_ready = 60, .unavailable = {FLEET_INT, 1}};
    struct fleet_strategy six = eight;
    struct fleet w;
    struct fleet_want want;

    (void)state;
    six.n = 6;
    fleet_init(&w, 1);
    assert_true(fleet_wish(&w, &eight, old_tmpl, false, &want));
    fleet_add(&w, 8, old_tmpl);
    for (size_t i = 0; i < w.n_pods; i++)
        w.pods[i]->pod.ready.transition_ms = w.now_ms - 10000;
    assert_true(fleet_wish(&w, &six, old_tmpl, false, &want));
    while (fleet_step(&w) != FLEET_QUIET)
        if (fleet_active(&w) < 8 && w.now_ms < FX_NOW + 50000)
            fleet_fail(&w, "a Pod went before any was available");
    assert_int_equal(fleet_active(&w), 6);
    assert_int_equal(w.now_ms, FX_NOW + 50001); /* and looked at in the very moment */
    fleet_done(&w);
}

static void u24_what_is_not_ready_goes_at_once(void **state)
{
    static const struct fleet_strategy eight = {.n = 8, .min_ready = 60, .unavailable = {FLEET_INT, 1}};
    struct fleet_strategy six = eight;
    struct fleet w;
    struct fleet_want want;

    (void)state;
    six.n = 6;
    fleet_init(&w, 1);
    assert_true(fleet_wish(&w, &eight, old_tmpl, false, &want));
    fleet_add(&w, 8, old_tmpl);
    for (size_t i = 0; i < w.n_pods; i++) {
        w.pods[i]->pod.ready.transition_ms = w.now_ms - 10000;
        w.pods[i]->pod.containers_ready.status = i < 2 ? CS_COND_FALSE : CS_COND_TRUE;
        fleet_pod_update(&w, w.pods[i]);
    }
    assert_true(fleet_wish(&w, &six, old_tmpl, false, &want));
    while (w.sent[CS_ACT_DELETE_POD] < 2)
        (void)fleet_step(&w);
    assert_int_equal(w.now_ms, FX_NOW);
    fleet_run(&w);
    assert_int_equal(fleet_active(&w), 6);
    fleet_done(&w);
}

/* ---- U-25 ---- */

/*
 * Every Pod starts in one second and stops in none; requests are acknowledged at once, 16 at a time as in the product: the seconds
 * are the waves.
 */
static unsigned long waves_of(const struct fleet_strategy *s, struct fleet_template to)
{
    struct fleet w;
    struct fleet_want want;
    unsigned long waits;

    assert_true(begin(&w, 1, s, to, false, &want));
    w.window = 16;
    fleet_run(&w);
    assert_int_equal(fleet_at(&w, to), s->n);
    assert_int_equal(fleet_active(&w), s->n);
    waits = w.waits;
    fleet_done(&w);
    return waits;
}

static void u25_a_rollout_with_surge_takes_n_by_surge_waves(void **state)
{
    static const int percents[] = {10, 25, 50};
    static const int sizes[] = {200, 198, 2000};

    (void)state;
    for (size_t i = 0; i < CS_ARRAY_LEN(sizes); i++)
        for (size_t p = 0; p < CS_ARRAY_LEN(percents); p++)
            for (int in_place = 0; in_place < 2; in_place++) {
                struct fleet_strategy s = {.n = sizes[i],
                    .type = in_place ? "InPlaceIfPossible" : "ReCreate",
                    .unavailable = {FLEET_INT, 0},
                    .surge = {FLEET_PERCENT, percents[p]}};
                int surge = (sizes[i] * percents[p] + 99) / 100;
                unsigned long waves = waves_of(&s, new_image);
                unsigned long ideal = (unsigned long)(sizes[i] + surge - 1) / (unsigned long)surge;

                if (waves > ideal + ideal / 10)
                    fail_msg("%d Pods, surge %d, %s: %lu waves, not %lu", sizes[i], surge, s.type, waves, ideal);
            }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(u03_a_budget_that_never_comes_is_told),
        cmocka_unit_test(u03_a_throttled_scale_out_holds_the_update_up_and_then_lets_it_go),
        cmocka_unit_test(u03_pods_asked_to_go_that_may_not_are_told),
        cmocka_unit_test(u04_every_percentage_of_every_size_makes_progress),
        cmocka_unit_test(u20_unready_pods_are_replaced_no_more_than_the_budget_at_a_time),
        cmocka_unit_test(u21_appendix_b_partition_table),
        cmocka_unit_test(appendix_b_an_unreadable_partition_is_0_and_expects_nothing),
        cmocka_unit_test(u23_paused_makes_new_pods_for_replicas_only),
        cmocka_unit_test(u23_pausing_in_the_middle_finishes_what_has_begun),
        cmocka_unit_test(u24_a_scale_in_waits_for_min_ready_seconds_as_the_peer_does),
        cmocka_unit_test(u24_what_is_not_ready_goes_at_once),
        cmocka_unit_test(u25_a_rollout_with_surge_takes_n_by_surge_waves),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
