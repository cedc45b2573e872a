/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bringing Pods to the target revision: spec §6.1 to §6.8 with D8 and D14, and the counters of the status (§7.1, §7.2).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "test/unit/plan_fixture.h"

static void spec_6_5_recreate_is_a_mark_first(void **state)
{
    static const struct fx_row rows[] = {
        {"an old Pod is there", "'replicas':1", "bbbbb old ready", "", "mark-recreate bbbbb"},
        {"housekeeping is due too: one step at a time", "'replicas':1", "bbbbb old ready hashless", "",
            "mark-recreate bbbbb"},
        {"it is marked: it goes", "'replicas':1", "bbbbb old ready marked", "", "delete-pod bbbbb"},
        {"it is gone: its replacement is new", "'replicas':1", "bbbbb old ready terminating", "", "create-pod * new"},
        {"the mark is under way", "'replicas':1", "bbbbb old ready busy:patch", "", ""},
        {"the partition covers it", "'replicas':1,'updateStrategy':{'partition':1}", "bbbbb old ready", "", ""},
        {"paused", "'replicas':1,'updateStrategy':{'paused':true}", "bbbbb old ready", "", ""},
        {"OnDelete", "'replicas':1,'updateStrategy':{'type':'OnDelete'}", "bbbbb old ready", "", ""},
        {"one of five at once (20%)", "'replicas':5",
            "bbbbb old ready; ccccc old ready; ddddd old ready; fffff old ready; ggggg old ready", "",
            "mark-recreate bbbbb"},
    };

    (void)state;
    FX_RUN(rows);
}

static void spec_6_2_limit(void **state)
{
    static const struct fx_row rows[] = {
        {"one of the target is unavailable: stop", "'replicas':3",
            "bbbbb new unready; ccccc old ready; ddddd old ready", "", ""},
        {"an old one is unavailable: it is updated, no ready one", "'replicas':3",
            "bbbbb old unready; ccccc old ready; ddddd old ready", "", "mark-recreate bbbbb"},
        {"maxUnavailable 2 allows two", "'replicas':3,'updateStrategy':{'maxUnavailable':2}",
            "bbbbb old ready; ccccc old ready; ddddd old ready", "", "mark-recreate bbbbb, mark-recreate ccccc"},
        {"scaling goes first", "'replicas':3", "bbbbb old ready; ccccc old ready", "", "create-pod * new"},
    };

    (void)state;
    FX_RUN(rows);
}

static void d8_rolled_back_mark_is_removed(void **state)
{
    static const struct fx_row rows[] = {
        {"the Pod is what is wanted and carries our mark", "'replicas':1", "bbbbb new ready marked", "",
            "unmark bbbbb"},
        {"its removal is under way", "'replicas':1", "bbbbb new ready marked busy:patch", "", ""},
        {"the user's label stays and counts", "'replicas':1", "bbbbb new ready specified", "", "delete-pod bbbbb"},
        {"podsToDelete names it besides", "'replicas':1,'scaleStrategy':{'podsToDelete':['web-bbbbb']}",
            "bbbbb new ready marked", "", "unmark bbbbb"},
        {"InPlaceOnly never recreates", "'replicas':1,'updateStrategy':{'type':'InPlaceOnly','paused':true}",
            "bbbbb old ready marked", "", "unmark bbbbb"},
    };

    (void)state;
    FX_RUN(rows);
}

#define FX_ONE_OF_THREE "'replicas':3,'updateStrategy':{'type':'InPlaceIfPossible','partition':2,'maxUnavailable':3}"

static void spec_6_6_in_place_step_by_step(void **state)
{
    static const struct fx_row rows[] = {
        {"out of service first", "'replicas':1," FX_INPLACE, "bbbbb old ready", "", "gate-off bbbbb"},
        {"then it changes", "'replicas':1," FX_INPLACE, "bbbbb old gate-off", "", "inplace-apply bbbbb"},
        {"a Pod without the gate changes at once", "'replicas':1," FX_INPLACE, "bbbbb old ready gateless", "",
            "inplace-apply bbbbb"},
        {"with a grace period only revision and annotations",
            "'replicas':1,'updateStrategy':{'type':'InPlaceIfPossible','inPlaceUpdateStrategy':{'gracePeriodSeconds':9}"
            "}",
            "bbbbb old gate-off", "", "inplace-start bbbbb"},
        {"a specified one is not touched", "'replicas':2," FX_INPLACE, "bbbbb old ready specified; ccccc new unready",
            "", ""},
        {"Updated waits for Normal", "'replicas':1," FX_INPLACE, "bbbbb old ready state:Updated", "",
            "refresh bbbbb Normal"},
        {"Updating is overtaken", "'replicas':1," FX_INPLACE, "bbbbb old gate-off state:Updating", "",
            "inplace-apply bbbbb"},
        {"what is under way may be the update that the partition leaves", FX_ONE_OF_THREE,
            "bbbbb old gate-off; ccccc old ready; ddddd old gate-off busy:patch", "", "refresh bbbbb gate"},
        {"… wherever it stands", FX_ONE_OF_THREE, "bbbbb old gate-off busy:patch; ccccc old ready; ddddd old gate-off",
            "", "refresh ddddd gate"},
    };

    (void)state;
    FX_RUN(rows);
}

static void spec_6_5_not_in_place(void **state)
{
    struct fx f;

    (void)state;
    for (int only = 0; only < 2; only++) {
        fx_empty(&f);
        fx_set(&f, only ? "'replicas':1,'updateStrategy':{'type':'InPlaceOnly'}" : "'replicas':1," FX_INPLACE, FX_ENV,
            "'currentRevision':'web-old'");
        fx_revision(&f, "web-old", 1, FX_OLD);
        fx_revision(&f, "web-new", 2, FX_ENV);
        fx_rows(&f, "bbbbb old ready", false);
        assert_string_equal(fx_plan(&f), only ? "" : "mark-recreate bbbbb");
        if (only) {
            assert_string_equal(
                f.plan.failed_update, "find Pod web-bbbbb update strategy is InPlaceOnly but can not update in-place");
        } else {
            assert_int_equal(f.plan.n_notes, 1);
            assert_string_equal(f.plan.notes[0].reason, "RecreateForced");
            assert_non_null(strstr(f.plan.notes[0].message, "spec.template.spec.containers[0].env"));
        }
        fx_done(&f);
    }
}

/* The grace annotation and the state's updateTimestamp, seconds before now. */
static void grace_case(const char *row, const char *grace, int64_t ago_s, const char *then, int64_t requeue_in_ms)
{
    struct fx f;
    char ts[CS_RFC3339_SIZE];

    fx_init(&f, "'replicas':1," FX_INPLACE);
    (void)fx_pod(&f, row);
    cs_autofree char *state = cs_xasprintf(
        "{\"revision\":\"web-new\",\"updateTimestamp\":\"%s\"}", cs_rfc3339_format(FX_NOW - ago_s * 1000, ts));
    f.pods[0]->inplace_grace = grace;
    f.pods[0]->inplace_state = state;
    if (strcmp(fx_plan(&f), then) != 0 || f.plan.requeue_at_ms != (requeue_in_ms ? FX_NOW + requeue_in_ms : 0))
        fail_msg("%s, %d s ago: %s, again in %lld", row, (int)ago_s, f.text, (long long)f.plan.requeue_at_ms);
    f.pods[0]->inplace_grace = f.pods[0]->inplace_state = NULL;
    fx_done(&f);
}

static void spec_6_7_grace_period(void **state)
{
    static const char of_new[] = "{\"revision\":\"web-new\",\"graceSeconds\":30}";
    static const char of_other[] = "{\"revision\":\"web-xxx\",\"graceSeconds\":30}";

    (void)state;
    grace_case("bbbbb new gate-off state:Updating", of_new, 29, "", 1000);
    grace_case("bbbbb new gate-off state:Updating", of_new, 30, "grace-apply bbbbb", 0);
    /* Another leader's clock may be ahead by seconds. More means that a clock was set: nobody waits for hours. */
    grace_case("bbbbb new gate-off state:Updating", of_new, -60, "", 90000);
    grace_case("bbbbb new gate-off state:Updating", of_new, -61, "grace-apply bbbbb", 0);
    grace_case("bbbbb new gate-off state:Updating", of_other, 1, "grace-drop bbbbb", 0);
    grace_case("bbbbb new gate-off state:Updating", "nonsense", 1, "grace-drop bbbbb", 0);
    /* Somebody has opened the gate: the change would be refused again and again. */
    grace_case("bbbbb new ready state:Updating", of_new, 30, "gate-off bbbbb", 0);
    grace_case("bbbbb new ready gateless state:Updating", of_new, 30, "grace-apply bbbbb", 0);
    /* a Pod within its grace period is no candidate, though its revision is not the target */
    grace_case("bbbbb old gate-off state:Updating", "{\"revision\":\"web-old\",\"graceSeconds\":30}", 10, "", 20000);
}

static void d14_housekeeping_is_one_patch(void **state)
{
    static const struct fx_row rows[] = {
        {"a fresh Pod has its node: in service and Normal at once", "'replicas':1",
            "bbbbb new fresh ready state:PreparingNormal", "", "refresh bbbbb gate Normal"},
        {"no node yet: nothing", "'replicas':1", "bbbbb new fresh pending nodeless state:PreparingNormal", "", ""},
        {"the gate is open and all is said", "'replicas':1", "bbbbb new ready", "", ""},
        {"an update is complete", "'replicas':1", "bbbbb new gate-off state:Updating", "", "refresh bbbbb gate Normal"},
        {"rolled back while waiting", "'replicas':1", "bbbbb new ready state:PreparingUpdate", "",
            "refresh bbbbb Normal"},
        {"pod-template-hash is missing", "'replicas':1", "bbbbb new ready hashless", "", "refresh bbbbb hash"},
        {"paused does not stop it (spec §6.1)", "'replicas':1,'updateStrategy':{'paused':true}",
            "bbbbb old fresh ready state:PreparingNormal", "", "refresh bbbbb gate Normal"},
    };

    (void)state;
    FX_RUN(rows);
}

static void spec_7_1_counters(void **state)
{
    struct fx f;
    const struct cs_status_plan *st = &f.plan.status;

    (void)state;
    fx_init(&f, "'replicas':6,'minReadySeconds':60,'updateStrategy':{'partition':2}");
    fx_rows(&f,
        "bbbbb new ready; ccccc new ready since:5; ddddd new ready state:Updating; fffff old ready; ggggg old unready;"
        " hhhhh old ready terminating; jjjjj old failed; kkkkk new busy:create",
        false);
    (void)fx_plan(&f);
    assert_true(f.plan.have_status);
    assert_int_equal(st->replicas, 5);
    assert_int_equal(st->ready, 4); /* the lifecycle state does not matter */
    assert_int_equal(st->available, 2); /* Normal, and long enough */
    assert_int_equal(st->updated, 3);
    assert_int_equal(st->updated_ready, 3);
    assert_int_equal(st->updated_available, 1);
    assert_int_equal(st->expected_updated, 4);
    assert_string_equal(st->update_revision, "web-new");
    assert_string_equal(st->current_revision, "web-old");
    /* looked at again when the youngest becomes available: strictly more than 60 s after */
    assert_int_equal(f.plan.requeue_at_ms, FX_NOW + 55001);
    fx_done(&f);
}

static void spec_7_2_completion_does_not_ask_for_readiness(void **state)
{
    static const struct {
        const char *spec, *pods, *current;
    } rows[] = {
        {"'replicas':2", "bbbbb new unready; ccccc new unready", "web-new"},
        {"'replicas':2", "bbbbb new ready", "web-old"},
        {"'replicas':2", "bbbbb new ready; ccccc old ready", "web-old"},
        {"'replicas':0", "", "web-new"},
    };

    (void)state;
    for (size_t i = 0; i < CS_ARRAY_LEN(rows); i++) {
        struct fx f;

        fx_init(&f, rows[i].spec);
        fx_rows(&f, rows[i].pods, false);
        (void)fx_plan(&f);
        assert_string_equal(f.plan.status.current_revision, rows[i].current);
        fx_done(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spec_6_5_recreate_is_a_mark_first),
        cmocka_unit_test(spec_6_2_limit),
        cmocka_unit_test(d8_rolled_back_mark_is_removed),
        cmocka_unit_test(spec_6_6_in_place_step_by_step),
        cmocka_unit_test(spec_6_5_not_in_place),
        cmocka_unit_test(spec_6_7_grace_period),
        cmocka_unit_test(d14_housekeeping_is_one_patch),
        cmocka_unit_test(spec_7_1_counters),
        cmocka_unit_test(spec_7_2_completion_does_not_ask_for_readiness),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
