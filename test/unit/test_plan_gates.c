/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What changes the counting: the label that leaves Pods in PreparingDelete out (spec §1.4, §5.2), the gates PreparingUpdateAsUpdate
 * (§5.2) and CloneSetPartitionRollback (§5.2, §6.12).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "test/unit/plan_fixture.h"

#define HELD_DELETE "label:hook/delete=on"
#define HELD_UPDATE "finalizer:hook/update"
#define DELETE_SPEC(n) "'replicas':" #n "," FX_HOOKS(FX_PRE_DELETE)

/* Label apps.kruise.io/cloneset-scaling-exclude-preparing-delete (spec §1.4, §5.2). */
static void spec_5_2_preparing_delete_may_be_left_out(void **state)
{
    static const struct {
        const char *value, *spec, *pods, *then;
    } rows[] = {
        {"true", DELETE_SPEC(1), "bbbbb new ready specified state:PreparingDelete " HELD_DELETE, "create-pod * new"},
        {"false", DELETE_SPEC(1), "bbbbb new ready specified state:PreparingDelete " HELD_DELETE, ""},
        {"True", DELETE_SPEC(1), "bbbbb new ready specified state:PreparingDelete " HELD_DELETE, ""},
        {"true", DELETE_SPEC(1),
            "bbbbb new ready state:PreparingDelete " HELD_DELETE "; ccccc new ready; ddddd new ready " HELD_DELETE,
            "delete-pod ccccc"},
        /* creation waits for the released one, so it goes though something is to be created */
        {"true", "'replicas':2,'scaleStrategy':{'maxUnavailable':1}," FX_HOOKS(FX_PRE_DELETE),
            "bbbbb new ready specified state:PreparingDelete; ccccc new ready", "delete-pod bbbbb"},
    };

    (void)state;
    for (size_t i = 0; i < CS_ARRAY_LEN(rows); i++) {
        struct fx f;
        struct cs_pair label = {CS_LABEL_EXCLUDE_PREPARING, rows[i].value};

        fx_init(&f, rows[i].spec);
        f.set->meta.labels = (struct cs_pairs){.items = &label, .len = 1};
        fx_rows(&f, rows[i].pods, false);
        if (strcmp(fx_plan(&f), rows[i].then) != 0)
            fail_msg("row %zu: %s", i, f.text);
        f.set->meta.labels = (struct cs_pairs){0};
        fx_done(&f);
    }
}

/* Gate PreparingUpdateAsUpdate (spec §5.2): for scaling only, PreparingUpdate counts as new. */
static void spec_5_2_preparing_update_as_update(void **state)
{
    static const struct {
        const char *when, *spec, *pods, *off, *on;
    } rows[] = {
        {"scale-in from the old ones",
            "'replicas':2,'updateStrategy':{'type':'InPlaceOnly','partition':1}," FX_HOOKS(FX_PRE_UPDATE),
            "bbbbb old ready state:PreparingUpdate " HELD_UPDATE "; ccccc old ready; ddddd new pending nodeless",
            "delete-pod bbbbb", "delete-pod ddddd"},
        {"what is missing is an old one",
            "'replicas':3,'updateStrategy':{'type':'InPlaceOnly','partition':2}," FX_HOOKS(FX_PRE_UPDATE),
            "bbbbb old ready state:PreparingUpdate " HELD_UPDATE "; ccccc old ready", "create-pod * new",
            "create-pod * old"},
        {"the update counts by label",
            "'replicas':2,'updateStrategy':{'type':'InPlaceOnly','partition':0}," FX_HOOKS(FX_PRE_UPDATE),
            "bbbbb old ready state:PreparingUpdate; ccccc new ready", "gate-off bbbbb", "gate-off bbbbb"},
    };

    (void)state;
    for (size_t i = 0; i < CS_ARRAY_LEN(rows); i++)
        for (int on = 0; on < 2; on++) {
            struct fx f;

            fx_init(&f, rows[i].spec);
            f.gates.preparing_update_as_update = on;
            fx_rows(&f, rows[i].pods, false);
            if (strcmp(fx_plan(&f), on ? rows[i].on : rows[i].off) != 0)
                fail_msg("%s, gate %s: %s", rows[i].when, on ? "on" : "off", f.text);
            fx_done(&f);
        }
}

/* Gate CloneSetPartitionRollback (spec §5.2, §6.1 step 4): partition raised in the middle of a rollout takes Pods back. */
static void spec_6_12_partition_rollback(void **state)
{
    static const struct {
        const char *when, *spec, *pods, *off, *on;
    } rows[] = {
        {"in place: back to the current revision", "'replicas':2,'updateStrategy':{'type':'InPlaceOnly','partition':2}",
            "bbbbb new ready; ccccc old ready", "", "gate-off bbbbb"},
        {"then it changes", "'replicas':2,'updateStrategy':{'type':'InPlaceOnly','partition':2}",
            "bbbbb new gate-off; ccccc old ready", "refresh bbbbb gate", "inplace-apply bbbbb"},
        {"by recreation", "'replicas':2,'updateStrategy':{'partition':2}", "bbbbb new ready; ccccc old ready", "",
            "mark-recreate bbbbb"},
        {"the mark for that stays", "'replicas':2,'updateStrategy':{'partition':2}",
            "bbbbb new ready marked; ccccc old ready", "unmark bbbbb", "delete-pod bbbbb"},
        {"it is gone: its replacement is old", "'replicas':2,'updateStrategy':{'partition':2}", "ccccc old ready",
            "create-pod * old", "create-pod * old"},
        {"a mark to go forward is taken back", "'replicas':3,'updateStrategy':{'partition':3}",
            "bbbbb new ready; ccccc old ready marked; ddddd old ready", "delete-pod ccccc", "unmark ccccc"},
        {"by way of the hook",
            "'replicas':2,'updateStrategy':{'type':'InPlaceOnly','partition':2}," FX_HOOKS(FX_PRE_UPDATE),
            "bbbbb new ready " HELD_UPDATE "; ccccc old ready", "", "lifecycle bbbbb PreparingUpdate"},
        {"where it waits, though it is at the update revision",
            "'replicas':2,'updateStrategy':{'type':'InPlaceOnly','partition':2}," FX_HOOKS(FX_PRE_UPDATE),
            "bbbbb new ready state:PreparingUpdate " HELD_UPDATE "; ccccc old ready", "refresh bbbbb Normal", ""},
        {"one that waited to go forward need not any more",
            "'replicas':2,'updateStrategy':{'type':'InPlaceOnly','partition':2}," FX_HOOKS(FX_PRE_UPDATE),
            "bbbbb new ready " HELD_UPDATE "; ccccc old ready state:PreparingUpdate " HELD_UPDATE,
            "refresh ccccc Normal", "refresh ccccc Normal"},
        {"no more than maxUnavailable at once", "'replicas':3,'updateStrategy':{'type':'InPlaceOnly','partition':3}",
            "bbbbb new ready; ccccc new ready; ddddd old unready", "", ""},
        {"the partition holds: nothing", "'replicas':2,'updateStrategy':{'type':'InPlaceOnly','partition':1}",
            "bbbbb new ready; ccccc old ready", "", ""},
    };

    (void)state;
    for (size_t i = 0; i < CS_ARRAY_LEN(rows); i++)
        for (int on = 0; on < 2; on++) {
            struct fx f;

            fx_init(&f, rows[i].spec);
            f.gates.partition_rollback = on;
            fx_rows(&f, rows[i].pods, false);
            if (strcmp(fx_plan(&f), on ? rows[i].on : rows[i].off) != 0)
                fail_msg("%s, gate %s: %s", rows[i].when, on ? "on" : "off", f.text);
            fx_done(&f);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spec_5_2_preparing_delete_may_be_left_out),
        cmocka_unit_test(spec_5_2_preparing_update_as_update),
        cmocka_unit_test(spec_6_12_partition_rollback),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
