/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who goes first: on scale-in (spec §5.6, D3), in updates (spec §6.3).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "test/unit/order_fixture.h"
#include "test/unit/plan_fixture.h"

/* Rows as of plan_fixture.h; the first row is the one that goes first, whatever the order they come in. */
struct row {
    const char *rule, *first, *second;
};

static void check(const struct row *row, bool update, bool swapped)
{
    struct fx f;
    struct cs_view_pod *list[2];
    struct cs_plan ignored;

    fx_init(&f, "'replicas':2,'minReadySeconds':60");
    (void)fx_pod(&f, swapped ? row->second : row->first);
    (void)fx_pod(&f, swapped ? row->first : row->second);
    cs_plan_make(&f.o, &ignored); /* fills the planner's fields */
    cs_plan_done(&ignored);
    list[0] = &f.vpods[0];
    list[1] = &f.vpods[1];
    if (update)
        cs_sort_for_update(&f.o, list, 2);
    else
        cs_rank_for_delete(&f.o, list, 2);
    if (strncmp(list[0]->id, row->first, 5) != 0)
        fail_msg("%s: %s before %s%s", row->rule, row->first, row->second, swapped ? " (swapped)" : "");
    fx_done(&f);
}

static void spec_5_6_whom_to_delete_first(void **state)
{
    static const struct row rows[] = {
        {"1: without node before assigned, though Running", "zzzzz old ready nodeless", "bbbbb old pending cost:-9"},
        {"2: Pending before Running", "zzzzz old pending", "bbbbb old unready cost:-9"},
        {"2: Pending before Unknown", "zzzzz old pending", "bbbbb old unknown"},
        {"2: Unknown before Running", "zzzzz old unknown", "bbbbb old unready"},
        {"3: not available before available", "zzzzz old ready since:30 cost:9", "bbbbb old ready cost:-9"},
        {"4: not Ready before Ready, both unavailable", "zzzzz old unready cost:9", "bbbbb old ready since:5"},
        {"5: the cheaper before the dearer", "zzzzz old ready cost:-1", "bbbbb old ready cost:1 node:n2"},
        {"7: more recently Ready first", "zzzzz old ready since:100", "bbbbb old ready since:200 node:n2"},
        {"8: more restarts first", "zzzzz old ready restarts:3", "bbbbb old ready restarts:1 node:n2"},
        {"9: the younger first", "zzzzz old ready age:4000", "bbbbb old ready age:5000 node:n2"},
        {"last: by name", "bbbbb old ready", "zzzzz old ready node:n2"},
        {"what is still being created is without node", "zzzzz old busy:create", "bbbbb old pending cost:-9"},
    };

    (void)state;
    for (size_t i = 0; i < CS_ARRAY_LEN(rows); i++)
        for (int swapped = 0; swapped < 2; swapped++)
            check(&rows[i], false, swapped);
}

static void spec_5_6_crowded_nodes_are_thinned_out(void **state)
{
    struct fx f;
    struct cs_view_pod *list[5];
    static const char *const want[] = {"ccccc", "ddddd", "bbbbb", "fffff", "ggggg"};

    (void)state;
    fx_init(&f, "'replicas':5");
    /* three on n1, two without any other difference elsewhere; older Ready times go last */
    fx_rows(&f,
        "bbbbb old ready node:n1 since:500; ccccc old ready node:n1 since:300; ddddd old ready node:n1 since:400;"
        " fffff old ready node:n2 since:600; ggggg old ready node:n3 since:700",
        false);
    (void)fx_plan(&f);
    for (uint32_t i = 0; i < 5; i++)
        list[i] = &f.vpods[i];
    cs_rank_for_delete(&f.o, list, 5);
    for (uint32_t i = 0; i < 5; i++)
        assert_string_equal(list[i]->id, want[i]);
    assert_true(list[0]->rank == 2 && list[1]->rank == 1 && list[2]->rank == 0 && list[4]->rank == 0);
    fx_done(&f);
}

/*
 * Within a node the criteria are those of the whole order but for availability: of ccccc and ddddd the former is Ready more recently
 * and has the rank, though ddddd is not available. So ccccc goes before fffff, which is Ready more recently still, alone on its node.
 */
static void spec_5_6_availability_says_nothing_within_a_node(void **state)
{
    struct fx f;
    struct cs_view_pod *list[3];
    static const char *const want[] = {"ddddd", "ccccc", "fffff"};

    (void)state;
    fx_init(&f, "'replicas':3");
    fx_rows(&f,
        "ccccc old ready node:n1 since:100; ddddd old ready state:PreparingNormal node:n1 since:500;"
        " fffff old ready node:n2 since:50",
        false);
    (void)fx_plan(&f);
    for (uint32_t i = 0; i < 3; i++)
        list[i] = &f.vpods[i];
    cs_rank_for_delete(&f.o, list, 3);
    for (uint32_t i = 0; i < 3; i++)
        assert_string_equal(list[i]->id, want[i]);
    assert_true(list[0]->rank == 0 && list[1]->rank == 1 && list[2]->rank == 0);
    fx_done(&f);
}

/* Users want the partition kept, so this holds within one revision; between two, scaleDownOld decides (spec §5.6). */
static void u26_unschedulable_pods_go_first(void **state)
{
    static const struct fx_row rows[] = {
        {"though others are not Ready, cheaper and younger", "'replicas':2",
            "bbbbb new unready cost:-9 age:60; ccccc new pending cost:-9; ddddd new pending nodeless cost:9", "",
            "delete-pod ddddd"},
        {"several of them, before one that crashes", "'replicas':1",
            "bbbbb new unready restarts:99; ccccc new pending nodeless; ddddd new pending nodeless", "",
            "delete-pod ccccc, delete-pod ddddd"},
        {"of the old ones when those go", "'replicas':2,'updateStrategy':{'partition':1,'paused':true}",
            "bbbbb old ready; ccccc old pending nodeless cost:9; ddddd new ready", "", "delete-pod ccccc"},
        {"of the new ones when those go", "'replicas':2,'updateStrategy':{'partition':1,'paused':true}",
            "bbbbb old ready; ccccc new ready cost:-9; ddddd new pending nodeless", "", "delete-pod ddddd"},
        {"not across revisions: the partition says how many old ones stay",
            "'replicas':2,'updateStrategy':{'partition':1,'paused':true}",
            "bbbbb old ready; ccccc old ready since:60; ddddd new pending nodeless", "", "delete-pod ccccc"},
    };

    (void)state;
    FX_RUN(rows);
}

static void d3_the_half_deleted_goes_first(void **state)
{
    struct fx f;

    (void)state;
    fx_init(&f, "'replicas':1," FX_VCT);
    fx_rows(&f, "bbbbb new unready; zzzzz new ready claims", false);
    fx_rows(&f, "bbbbb; zzzzz pod", true);
    assert_string_equal(fx_plan(&f), "delete-pod zzzzz");
    fx_done(&f);
}

static void spec_6_3_whom_to_update_first(void **state)
{
    static const struct row rows[] = {
        {"half-way first: out of service for it", "zzzzz old gate-off", "bbbbb old unready"},
        {"half-way first: marked and out of service", "zzzzz old unready specified", "bbbbb old unready"},
        {"what does not serve before what is marked and serves", "bbbbb old unready", "zzzzz old ready specified"},
        {"of those that serve the marked one first", "zzzzz old ready specified", "bbbbb old ready"},
        {"4: PreparingUpdate first", "zzzzz old ready state:PreparingUpdate", "bbbbb old pending"},
        {"1: unassigned first", "zzzzz old ready nodeless", "bbbbb old unready"},
        {"1: Pending before Running", "zzzzz old pending", "bbbbb old unready"},
        {"1: not Ready before Ready", "zzzzz old unready", "bbbbb old ready"},
        {"1: recently Ready first", "zzzzz old ready since:100", "bbbbb old ready since:200"},
        {"1: deletion cost says nothing", "bbbbb old ready cost:9", "zzzzz old ready cost:-9"},
        {"1: more restarts first", "zzzzz old ready restarts:2", "bbbbb old ready restarts:1"},
        {"1: more restarts of sidecars first", "zzzzz old ready sidecar:2", "bbbbb old ready sidecar:1"},
        {"1: restarts before those of sidecars", "zzzzz old ready restarts:1", "bbbbb old ready sidecar:9"},
        {"1: restarts of sidecars before age", "zzzzz old ready sidecar:2", "bbbbb old ready age:60"},
        {"1: the younger first", "zzzzz old ready age:4000", "bbbbb old ready age:5000"},
        {"last: by name", "bbbbb old ready", "zzzzz old ready"},
        {"half-way before PreparingUpdate", "zzzzz old gate-off", "bbbbb old ready state:PreparingUpdate"},
        {"of the half-way ones PreparingUpdate first", "zzzzz old gate-off state:PreparingUpdate",
            "bbbbb old gate-off"},
        {"of those in PreparingUpdate the default order", "zzzzz old unready state:PreparingUpdate",
            "bbbbb old ready state:PreparingUpdate"},
    };

    (void)state;
    for (size_t i = 0; i < CS_ARRAY_LEN(rows); i++)
        for (int swapped = 0; swapped < 2; swapped++)
            check(&rows[i], true, swapped);
}

/* Whatever the names have in common, and also where one is the beginning of another. */
static void names_are_sorted_as_texts(void **state)
{
    static const char *const beginnings[] = {"", "web-", "a-rather-long-name-"};
    struct cs_rand r = {.state = 7};
    struct cs_view_pod pods[64];
    char names[64][48];

    (void)state;
    for (unsigned round = 0; round < 300; round++) {
        uint32_t n = (uint32_t)cs_rand_below(&r, CS_ARRAY_LEN(pods) + 1);

        for (uint32_t i = 0; i < n; i++) {
            size_t len = (size_t)snprintf(names[i], sizeof(names[i]), "%s", beginnings[round % 3]);

            for (uint64_t more = cs_rand_below(&r, 13); more > 0; more--)
                names[i][len++] = "ab\xff"[cs_rand_below(&r, 3)];
            names[i][len] = '\0';
            pods[i] = (struct cs_view_pod){.name = names[i], .claim_at = i};
        }
        cs_sort_by_name(pods, n);
        for (uint32_t i = 0; i < n; i++) {
            assert_ptr_equal(pods[i].name, names[pods[i].claim_at]); /* moved as a whole */
            assert_true(i == 0 || strcmp(pods[i - 1].name, pods[i].name) <= 0);
            for (uint32_t k = 0; k < i; k++)
                assert_int_not_equal(pods[k].claim_at, pods[i].claim_at);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_sorted_as_texts),
        cmocka_unit_test(spec_5_6_whom_to_delete_first),
        cmocka_unit_test(spec_5_6_crowded_nodes_are_thinned_out),
        cmocka_unit_test(spec_5_6_availability_says_nothing_within_a_node),
        cmocka_unit_test(u26_unschedulable_pods_go_first),
        cmocka_unit_test(d3_the_half_deleted_goes_first),
        cmocka_unit_test(spec_6_3_whom_to_update_first),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
