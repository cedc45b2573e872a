/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The arithmetic of spec §5.2: its worked examples, and what the text says each number means.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "test/unit/plan_fixture.h"

struct row {
    const char *when;
    struct cs_limits l; /* scale_cap 0 here means unlimited */
    struct cs_counts c;
    struct cs_numbers want;
};

static void run(const struct row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct cs_limits l = rows[i].l;
        struct cs_numbers r;
        const struct cs_numbers *w = &rows[i].want;

        l.scale_cap = l.scale_cap == 0 ? INT32_MAX : l.scale_cap;
        cs_numbers_make(&l, &rows[i].c, &r);
        if (memcmp(&r, w, sizeof(r)) != 0)
            fail_msg("when %s: up %d/%d/%d down %d/%d ready %d update %d/%d", rows[i].when, r.scale_up, r.scale_up_old,
                r.scale_up_limit, r.scale_down, r.scale_down_old, r.delete_ready_limit, r.update_num,
                r.update_max_unavailable);
    }
}

#define OLD(k) .total = (k), .total_old = (k), .active_old = (k)
#define NEW(k) .total = (k), .active_new = (k)

static void spec_5_2_example_without_surge(void **state)
{
    static const struct row rows[] = {
        {"ten old available Pods, U 2", {.n = 10, .unavailable = 2}, {OLD(10)},
            {.update_num = 10, .update_max_unavailable = 2}},
        {"partition 4 keeps four of them", {.n = 10, .unavailable = 2, .partition = 4}, {OLD(10)},
            {.update_num = 6, .update_max_unavailable = 2}},
        {"all are new", {.n = 10, .unavailable = 2}, {NEW(10)}, {0}},
    };

    (void)state;
    run(rows, CS_ARRAY_LEN(rows));
}

static void spec_5_2_example_surge_first(void **state)
{
    static const struct row rows[] = {
        {"ten are old: three new ones first", {.n = 10, .unavailable = 2, .surge = 3}, {OLD(10)},
            {.scale_up = 3, .scale_up_limit = 3, .update_num = 10, .update_max_unavailable = 2}},
        {"three new ones are there: seven to update, five at once", {.n = 10, .unavailable = 2, .surge = 3},
            {.total = 13, .total_old = 10, .active_old = 10, .active_new = 3},
            {.update_num = 7, .update_max_unavailable = 5}},
        {"ten are new: the three old ones too many go", {.n = 10, .unavailable = 2, .surge = 3},
            {.total = 13, .total_old = 3, .active_old = 3, .active_new = 10},
            {.scale_down = 3, .scale_down_old = 3, .delete_ready_limit = 5, .update_max_unavailable = 0}},
    };

    (void)state;
    run(rows, CS_ARRAY_LEN(rows));
}

/* U-25: our passes are cut in pieces; the surge of a wave stays until the wave is there, as far as maxUnavailable is used up. */
static void u25_surge_stays_until_the_new_pods_are_available(void **state)
{
    static const struct row rows[] = {
        {"the last wave is being made: none is taken in", {.n = 10, .unavailable = 0, .surge = 3},
            {.total = 13, .total_old = 5, .active_old = 5, .active_new = 8, .unavail_new = 2},
            {.update_num = 2, .update_max_unavailable = 3}},
        {"they may be unavailable anyway: as the spec says", {.n = 10, .unavailable = 2, .surge = 3},
            {.total = 13, .total_old = 5, .active_old = 5, .active_new = 8, .unavail_new = 2},
            {.scale_down = 1,
                .scale_down_old = 5,
                .delete_ready_limit = 3,
                .update_num = 2,
                .update_max_unavailable = 5}},
        {"all are made and one is not there yet: one old Pod stays", {.n = 10, .unavailable = 0, .surge = 3},
            {.total = 13, .total_old = 3, .active_old = 3, .active_new = 10, .unavail_new = 1},
            {.scale_down = 2, .scale_down_old = 3, .delete_ready_limit = 2, .update_num = 0}},
        {"nothing is old: surge makes no more than replicas", {.n = 10, .unavailable = 0, .surge = 3},
            {NEW(10), .unavail_new = 4}, {0}},
    };

    (void)state;
    run(rows, CS_ARRAY_LEN(rows));
}

static void spec_5_2_creation(void **state)
{
    static const struct row rows[] = {
        {"nothing is there yet: all are new", {.n = 3, .unavailable = 1}, {0},
            {.scale_up = 3, .scale_up_limit = 3, .update_num = 0}},
        {"the partition wants two of the missing at the current revision", {.n = 3, .unavailable = 1, .partition = 2},
            {0}, {.scale_up = 3, .scale_up_old = 2, .scale_up_limit = 3}},
        {"scale maxUnavailable 2 with one Pod unavailable leaves one", {.n = 5, .unavailable = 1, .scale_cap = 2},
            {NEW(2), .unavail_new = 1}, {.scale_up = 3, .scale_up_limit = 1}},
        {"more are unavailable than it allows: none", {.n = 5, .unavailable = 1, .scale_cap = 1},
            {NEW(2), .unavail_new = 2}, {.scale_up = 3, .scale_up_limit = 0}},
        {"a preparing-delete Pod counts unless excluded", {.n = 3, .unavailable = 1},
            {.total = 3, .active_new = 2, .pre_del_new = 1}, {0}},
        {"excluded, its replacement is due", {.n = 3, .unavailable = 1, .exclude_preparing = true},
            {.total = 3, .active_new = 2, .pre_del_new = 1}, {.scale_up = 1, .scale_up_limit = 1}},
    };

    (void)state;
    run(rows, CS_ARRAY_LEN(rows));
}

static void spec_5_2_deletion(void **state)
{
    static const struct row rows[] = {
        {"8 to 6, all available: two, and three ready ones may go", {.n = 6, .unavailable = 1}, {NEW(8)},
            {.scale_down = 2, .delete_ready_limit = 3}},
        {"8 to 6, all younger than minReadySeconds: no ready one goes", {.n = 6, .unavailable = 1},
            {NEW(8), .unavail_new = 8}, {.scale_down = 2, .delete_ready_limit = 0}},
        {"a specified Pod of a full set: one within U", {.n = 3, .unavailable = 1}, {NEW(3), .to_del_new = 1},
            {.delete_ready_limit = 1}},
        {"a specified Pod while another is unavailable: none", {.n = 3, .unavailable = 1},
            {NEW(3), .to_del_new = 1, .unavail_new = 1}, {.delete_ready_limit = 0}},
        {"old ones go before new ones", {.n = 2, .unavailable = 1},
            {.total = 4, .total_old = 1, .active_old = 1, .active_new = 3},
            {.scale_down = 2, .scale_down_old = 1, .delete_ready_limit = 3, .update_num = 0}},
        {"surge replaces specified Pods before they go", {.n = 3, .unavailable = 0, .surge = 1},
            {NEW(3), .to_del_new = 1}, {.scale_up = 1, .scale_up_limit = 1}},
    };

    (void)state;
    run(rows, CS_ARRAY_LEN(rows));
}

/* With OnDelete no update takes the surge Pods in again: they would stay for good. */
static void surge_without_a_rollout_is_for_pods_asked_to_go(void **state)
{
    static const struct row rows[] = {
        {"old Pods of an OnDelete set: none", {.n = 3, .surge = 1, .no_rollout = true}, {OLD(3)}, {.update_num = 3}},
        {"one is asked to go: its replacement comes first", {.n = 3, .surge = 1, .no_rollout = true},
            {OLD(3), .to_del_old = 1}, {.scale_up = 1, .scale_up_limit = 1, .update_num = 3}},
    };

    (void)state;
    run(rows, CS_ARRAY_LEN(rows));
}

static void spec_6_12_partition_rollback_needs_its_gate(void **state)
{
    static const struct row rows[] = {
        {"partition 3 with all new, gate off: stays", {.n = 4, .unavailable = 1, .partition = 3}, {NEW(4)}, {0}},
        {"gate on: three go back", {.n = 4, .unavailable = 1, .partition = 3, .partition_rollback = true}, {NEW(4)},
            {.update_num = -3, .update_max_unavailable = 1}},
        {"gate on but there is only one revision: stays",
            {.n = 4, .unavailable = 1, .partition = 3, .partition_rollback = true, .current_is_update = true}, {NEW(4)},
            {0}},
    };

    (void)state;
    run(rows, CS_ARRAY_LEN(rows));
}

/* Limits are as large as a user writes them; sums of them are larger than what they are written in. */
static void limits_without_end_hold_nothing_back(void **state)
{
    static const struct row rows[] = {
        {"maxUnavailable 2147483647: two Pods too many may go", {.n = 3, .unavailable = INT32_MAX}, {NEW(5)},
            {.scale_down = 2, .delete_ready_limit = INT32_MAX}},
        {"… and old ones are updated while surge is there", {.n = 10, .unavailable = INT32_MAX, .surge = 3},
            {.total = 13, .total_old = 10, .active_old = 10, .active_new = 3},
            {.update_num = 7, .update_max_unavailable = INT32_MAX}},
        {"replicas 2147483647 and surge: nothing is too many", {.n = INT32_MAX, .surge = 3},
            {.total = 4, .active_new = 4, .to_del_new = 3},
            {.scale_up = INT32_MAX - 1, .scale_up_limit = INT32_MAX - 1}},
        {"maxUnavailable -2147483648, past admission: nothing goes", {.n = 5, .unavailable = INT32_MIN},
            {.total = 4, .active_new = 4, .to_del_new = 1}, {.scale_up = 1, .scale_up_limit = 1}},
    };

    (void)state;
    run(rows, CS_ARRAY_LEN(rows));
}

static void spec_5_2_limits_are_rounded(void **state)
{
    static const struct {
        const char *spec;
        int32_t partition, surge, unavailable, cap;
    } rows[] = {
        {"'replicas':3", 0, 0, 1, INT32_MAX}, /* 20% of 3, up */
        {"'replicas':3,'updateStrategy':{'maxSurge':1}", 0, 1, 0, INT32_MAX}, /* down with surge */
        {"'replicas':3,'updateStrategy':{'maxSurge':1,'paused':true}", 0, 0, 1, INT32_MAX}, /* paused: no surge */
        {"'replicas':10,'updateStrategy':{'partition':'33.3%','maxSurge':'25%','maxUnavailable':'25%'}", 4, 3, 2,
            INT32_MAX},
        {"'replicas':10,'scaleStrategy':{'maxUnavailable':'15%'}", 0, 0, 2, 2},
        {"'replicas':-1,'updateStrategy':{'maxUnavailable':1}", 0, 0, 1, INT32_MAX},
    };

    (void)state;
    for (size_t i = 0; i < CS_ARRAY_LEN(rows); i++) {
        struct fx f;
        struct cs_limits l;

        fx_init(&f, rows[i].spec);
        cs_limits_of(f.set, false, &l);
        if (l.partition != rows[i].partition || l.surge != rows[i].surge || l.unavailable != rows[i].unavailable ||
            l.scale_cap != rows[i].cap)
            fail_msg("%s: P %d S %d U %d C %d", rows[i].spec, l.partition, l.surge, l.unavailable, l.scale_cap);
        fx_done(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spec_5_2_example_without_surge),
        cmocka_unit_test(spec_5_2_example_surge_first),
        cmocka_unit_test(u25_surge_stays_until_the_new_pods_are_available),
        cmocka_unit_test(spec_5_2_creation),
        cmocka_unit_test(spec_5_2_deletion),
        cmocka_unit_test(surge_without_a_rollout_is_for_pods_asked_to_go),
        cmocka_unit_test(spec_6_12_partition_rollback_needs_its_gate),
        cmocka_unit_test(limits_without_end_hold_nothing_back),
        cmocka_unit_test(spec_5_2_limits_are_rounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
