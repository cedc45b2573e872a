/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lifecycle hooks, step by step: spec §5.1 (regret, preDelete), §5.5, §6.5, §6.8, §6.12, quirks 9, 12, 19 and 20; U-15, U-27. What
 * a hook does to KruisePodReady is in test_kruise_ready.c, whole stories are in test_lifecycle_story.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "controller/plan/lifecycle.h"
#include "test/unit/plan_fixture.h"

#define HELD_DELETE "label:hook/delete=on"
#define HELD_UPDATE "finalizer:hook/update"
#define NORMAL_OK "label:hook/normal=on"

static void spec_6_8_hooked_and_all_hooked(void **state)
{
    static const struct {
        const char *hook, *pod;
        bool hooked, all;
    } rows[] = {
        {"", "bbbbb old label:a=1 finalizer:x", false, false}, /* an absent hook is neither */
        {"'preDelete':{}", "bbbbb old label:a=1", false, true},
        {"'preDelete':{'labelsHandler':{'a':'1'}}", "bbbbb old", false, false},
        {"'preDelete':{'labelsHandler':{'a':'1'}}", "bbbbb old label:a=1", true, true},
        {"'preDelete':{'labelsHandler':{'a':'1'}}", "bbbbb old label:a=2", false, false},
        {"'preDelete':{'labelsHandler':{'a':'1','b':'2'}}", "bbbbb old label:a=1,b=1", true, false},
        {"'preDelete':{'finalizersHandler':['x']}", "bbbbb old finalizer:y,x", true, true},
        {"'preDelete':{'finalizersHandler':['x','z']}", "bbbbb old finalizer:y,x", true, false},
        {"'preDelete':{'labelsHandler':{'a':'1'},'finalizersHandler':['x']}", "bbbbb old label:a=1", true, false},
        {"'preDelete':{'labelsHandler':{'a':'1'},'finalizersHandler':['x']}", "bbbbb old label:a=1 finalizer:x", true,
            true},
    };

    (void)state;
    for (size_t i = 0; i < CS_ARRAY_LEN(rows); i++) {
        struct fx f;
        cs_autofree char *spec = cs_xasprintf("'lifecycle':{%s}", rows[i].hook);

        fx_init(&f, spec);
        (void)fx_pod(&f, rows[i].pod);
        assert_true(f.set->spec.has_lifecycle);
        if (cs_hooked(&f.set->spec.pre_delete, f.pods[0]) != rows[i].hooked ||
            cs_all_hooked(&f.set->spec.pre_delete, f.pods[0]) != rows[i].all)
            fail_msg("%s with %s", rows[i].pod, rows[i].hook);
        fx_done(&f);
    }
}

/* The first status of a Pod is its kubelet's: ours in the same moment would be refused, or its. */
static void d14_the_gate_waits_for_the_kubelets_first_word(void **state)
{
    static const struct {
        const char *pod, *plan;
        int64_t again_ms;
    } rows[] = {
        {"bbbbb new fresh unreported age:0 state:PreparingNormal", "", 6000},
        {"bbbbb new fresh unreported age:5 state:PreparingNormal", "", 1000},
        {"bbbbb new fresh unreported age:6 state:PreparingNormal", "refresh bbbbb gate Normal",
            0}, /* it waits for us */
        {"bbbbb new fresh age:0 state:PreparingNormal", "refresh bbbbb gate Normal", 0},
        {"bbbbb new fresh unreported age:60 bound:2 state:PreparingNormal", "", 4000}, /* it had to wait for a node */
        {"bbbbb new fresh unreported age:60 bound:6 state:PreparingNormal", "refresh bbbbb gate Normal", 0},
        {"bbbbb new fresh unreported age:-61 state:PreparingNormal", "refresh bbbbb gate Normal", 0}, /* our clock */
        {"bbbbb new fresh unreported nodeless age:0 state:PreparingNormal", "", 0}, /* wakes us when it has one */
        {"bbbbb new fresh unreported kruise-new age:5 state:PreparingNormal", "", 1000},
        {"bbbbb new unreported kruise-new age:5 hashless", "", 1000},
    };

    (void)state;
    for (size_t i = 0; i < CS_ARRAY_LEN(rows); i++) {
        struct fx f;

        fx_init(&f, "'replicas':1");
        fx_rows(&f, rows[i].pod, false);
        if (strcmp(fx_plan(&f), rows[i].plan) != 0 ||
            f.plan.requeue_at_ms != (rows[i].again_ms ? FX_NOW + rows[i].again_ms : 0))
            fail_msg("%s: %s, again in %lld ms", rows[i].pod, f.text, (long long)(f.plan.requeue_at_ms - FX_NOW));
        fx_done(&f);
    }
}

#define NORMAL_SPEC "'replicas':1," FX_HOOKS(FX_PRE_NORMAL)

static void spec_6_8_pre_normal(void **state)
{
    static const struct fx_row rows[] = {
        {"all is in place but the node", NORMAL_SPEC, "bbbbb new fresh nodeless state:PreparingNormal " NORMAL_OK, "",
            ""},
        {"the label is missing: in service, but not Normal", NORMAL_SPEC, "bbbbb new fresh state:PreparingNormal", "",
            "refresh bbbbb gate"},
        {"it has another value", NORMAL_SPEC, "bbbbb new ready state:PreparingNormal label:hook/normal=off", "", ""},
        {"it is there from the start: one patch (D14)", NORMAL_SPEC, "bbbbb new fresh state:PreparingNormal " NORMAL_OK,
            "", "refresh bbbbb gate Normal"},
        {"it came later", NORMAL_SPEC, "bbbbb new ready state:PreparingNormal " NORMAL_OK, "", "refresh bbbbb Normal"},
        {"one that waits is not available: no other one is updated meanwhile", "'replicas':2," FX_HOOKS(FX_PRE_NORMAL),
            "bbbbb new ready state:PreparingNormal; ccccc old ready", "", ""},
        {"a Normal one that loses the label stays Normal", NORMAL_SPEC, "bbbbb new ready", "", ""},
        {"other hooks ask for nothing here", "'replicas':1," FX_HOOKS(FX_PRE_DELETE),
            "bbbbb new fresh state:PreparingNormal", "", "refresh bbbbb gate Normal"},
    };

    (void)state;
    FX_RUN(rows);
}

#define UPDATE_SPEC "'replicas':1," FX_INPLACE "," FX_HOOKS(FX_PRE_UPDATE)

static void spec_6_5_in_place_update_by_way_of_the_hook(void **state)
{
    static const struct fx_row rows[] = {
        {"a held Pod prepares first, in service", UPDATE_SPEC, "bbbbb old ready " HELD_UPDATE, "",
            "lifecycle bbbbb PreparingUpdate"},
        {"so does one without state label", UPDATE_SPEC, "bbbbb old ready state: " HELD_UPDATE, "",
            "lifecycle bbbbb PreparingUpdate"},
        {"that is being written", UPDATE_SPEC, "bbbbb old ready busy:patch " HELD_UPDATE, "", ""},
        {"it waits", UPDATE_SPEC, "bbbbb old ready state:PreparingUpdate " HELD_UPDATE, "", ""},
        {"it is released: out of service first (U-15)", UPDATE_SPEC, "bbbbb old ready state:PreparingUpdate", "",
            "gate-off bbbbb"},
        {"then it changes", UPDATE_SPEC, "bbbbb old gate-off state:PreparingUpdate", "", "inplace-apply bbbbb"},
        {"one that the hook never held is updated at once", UPDATE_SPEC, "bbbbb old ready", "", "gate-off bbbbb"},
        {"the hook is an empty one: it holds nobody", "'replicas':1," FX_INPLACE ",'lifecycle':{'inPlaceUpdate':{}}",
            "bbbbb old ready " HELD_UPDATE, "", "gate-off bbbbb"},
        {"an update under way does not prepare again", UPDATE_SPEC, "bbbbb old gate-off state:Updating " HELD_UPDATE,
            "", "inplace-apply bbbbb"},
        {"complete: Updated until the hook is back", UPDATE_SPEC, "bbbbb new gate-off state:Updating", "",
            "refresh bbbbb gate Updated"},
        {"complete, and the hook is back already", UPDATE_SPEC, "bbbbb new gate-off state:Updating " HELD_UPDATE, "",
            "refresh bbbbb gate Normal"},
        {"Updated waits", UPDATE_SPEC, "bbbbb new ready state:Updated", "", ""},
        {"the hook is back", UPDATE_SPEC, "bbbbb new ready state:Updated " HELD_UPDATE, "", "refresh bbbbb Normal"},
        {"no lifecycle at all: straight to Normal", "'replicas':1," FX_INPLACE, "bbbbb new gate-off state:Updating", "",
            "refresh bbbbb gate Normal"},
        {"a lifecycle without inPlaceUpdate: Updated for one pass",
            "'replicas':1," FX_INPLACE "," FX_HOOKS(FX_PRE_DELETE), "bbbbb new gate-off state:Updating", "",
            "refresh bbbbb gate Updated"},
        {"and then Normal", "'replicas':1," FX_INPLACE "," FX_HOOKS(FX_PRE_DELETE), "bbbbb new ready state:Updated", "",
            "refresh bbbbb Normal"},
        {"a newer revision, and Updated still lacks the hook: it is put back", UPDATE_SPEC,
            "bbbbb old ready state:Updated", "", "rearm-hook bbbbb PreparingUpdate"},
        {"a newer revision, and the hook is back: Normal first", UPDATE_SPEC,
            "bbbbb old ready state:Updated " HELD_UPDATE, "", "refresh bbbbb Normal"},
        {"one is Updated, maxUnavailable 1: it comes before the one that serves",
            "'replicas':2," FX_INPLACE "," FX_HOOKS(FX_PRE_UPDATE),
            "bbbbb old ready since:5000 state:Updated; ccccc old ready since:5 " HELD_UPDATE, "",
            "rearm-hook bbbbb PreparingUpdate"},
        {"one waits, maxUnavailable 1: no other one prepares", "'replicas':2," FX_INPLACE "," FX_HOOKS(FX_PRE_UPDATE),
            "bbbbb old ready state:PreparingUpdate " HELD_UPDATE "; ccccc old ready " HELD_UPDATE, "", ""},
        {"one is being brought there, maxUnavailable 1", "'replicas':2," FX_INPLACE "," FX_HOOKS(FX_PRE_UPDATE),
            "bbbbb old ready busy:patch " HELD_UPDATE "; ccccc old ready " HELD_UPDATE, "", ""},
        {"paused: who prepares waits on",
            "'replicas':1,'updateStrategy':{'type':'InPlaceOnly','paused':true}," FX_HOOKS(FX_PRE_UPDATE),
            "bbbbb old ready state:PreparingUpdate", "", ""},
        {"ReCreate does not ask the inPlaceUpdate hook", "'replicas':1," FX_HOOKS(FX_PRE_UPDATE),
            "bbbbb old ready " HELD_UPDATE, "", "mark-recreate bbbbb"},
    };

    (void)state;
    FX_RUN(rows);
}

static void spec_6_12_rolled_back_while_it_waits(void **state)
{
    static const struct fx_row rows[] = {
        {"the hook holds it still: Normal at once", UPDATE_SPEC, "bbbbb new ready state:PreparingUpdate " HELD_UPDATE,
            "", "refresh bbbbb Normal"},
        {"the hook had let go: Updated, until it is back", UPDATE_SPEC, "bbbbb new ready state:PreparingUpdate", "",
            "refresh bbbbb Updated"},
        {"out of service already: in service with the same patch", UPDATE_SPEC,
            "bbbbb new gate-off state:PreparingUpdate " HELD_UPDATE, "", "refresh bbbbb gate Normal"},
        {"its key of KruisePodReady goes with it (quirk 12)",
            "'replicas':1," FX_INPLACE "," FX_HOOKS(FX_PRE_UPDATE_MARKING),
            "bbbbb new unready keys:u state:PreparingUpdate " HELD_UPDATE, "", "refresh bbbbb Normal -preUpdateHook"},
    };

    (void)state;
    FX_RUN(rows);
}

#define DELETE_SPEC(n) "'replicas':" #n "," FX_HOOKS(FX_PRE_DELETE)
#define MARKING_SPEC(n) "'replicas':" #n "," FX_HOOKS(FX_PRE_DELETE_MARKING)

static void spec_5_5_deletion_by_way_of_the_hook(void **state)
{
    static const struct fx_row rows[] = {
        {"scale-in", DELETE_SPEC(0), "bbbbb new ready " HELD_DELETE, "", "lifecycle bbbbb PreparingDelete"},
        {"podsToDelete", "'replicas':1,'scaleStrategy':{'podsToDelete':['web-bbbbb']}," FX_HOOKS(FX_PRE_DELETE),
            "bbbbb new ready " HELD_DELETE, "", "lifecycle bbbbb PreparingDelete"},
        {"the label specified-delete", DELETE_SPEC(1), "bbbbb new ready specified " HELD_DELETE, "",
            "lifecycle bbbbb PreparingDelete"},
        {"our mark for a recreation", DELETE_SPEC(1), "bbbbb old ready marked " HELD_DELETE, "",
            "lifecycle bbbbb PreparingDelete"},
        {"it waits", DELETE_SPEC(0), "bbbbb new ready state:PreparingDelete " HELD_DELETE, "", ""},
        {"a marked one waits: no second mark, no second event (quirk 19)", DELETE_SPEC(1),
            "bbbbb old ready marked state:PreparingDelete " HELD_DELETE, "", ""},
        {"it is released", DELETE_SPEC(0), "bbbbb new ready state:PreparingDelete", "", "delete-pod bbbbb"},
        {"one that the hook never held goes at once", DELETE_SPEC(0), "bbbbb new ready", "", "delete-pod bbbbb"},
        {"the hook is gone from the spec", "'replicas':0", "bbbbb new ready state:PreparingDelete " HELD_DELETE, "",
            "delete-pod bbbbb"},
        {"its claims stay the set's while it waits", "'replicas':0," FX_VCT "," FX_HOOKS(FX_PRE_DELETE),
            "bbbbb new ready state:PreparingDelete claims " HELD_DELETE, "bbbbb", ""},
        {"released, they are handed over first (D3)", "'replicas':0," FX_VCT "," FX_HOOKS(FX_PRE_DELETE),
            "bbbbb new ready state:PreparingDelete claims", "bbbbb", "hand-over-claim bbbbb"},
        {"then it goes", "'replicas':0," FX_VCT "," FX_HOOKS(FX_PRE_DELETE),
            "bbbbb new ready state:PreparingDelete claims", "bbbbb pod", "delete-pod bbbbb"},
        {"a released one goes whatever maxUnavailable says, and counts as missing for the next", DELETE_SPEC(3),
            "bbbbb new ready specified state:PreparingDelete; ccccc new ready specified " HELD_DELETE
            "; ddddd new ready",
            "", "delete-pod bbbbb"},
        {"who waits to be deleted does not keep the update (spec §5.5: changed only if the state was written)",
            "'replicas':2,'updateStrategy':{'maxUnavailable':2}," FX_HOOKS(FX_PRE_DELETE),
            "bbbbb old ready state:PreparingDelete specified " HELD_DELETE "; ccccc old ready", "",
            "mark-recreate ccccc"},
        {"who waits gets its readiness gate all the same (U-07)", DELETE_SPEC(0),
            "bbbbb new fresh state:PreparingDelete " HELD_DELETE, "", "refresh bbbbb gate"},
        {"nothing replaces who waits", DELETE_SPEC(2),
            "bbbbb new ready; ccccc new ready state:PreparingDelete specified " HELD_DELETE, "", ""},
    };

    (void)state;
    FX_RUN(rows);
}

static void spec_5_1_scale_in_of_held_pods(void **state)
{
    static const struct fx_row rows[] = {
        {"all that must go are asked at once", DELETE_SPEC(1),
            "bbbbb new ready " HELD_DELETE "; ccccc new ready " HELD_DELETE "; ddddd new ready " HELD_DELETE, "",
            "lifecycle bbbbb PreparingDelete, lifecycle ccccc PreparingDelete"},
        {"some are, the first still wait: the rest follow", DELETE_SPEC(1),
            "bbbbb new ready state:PreparingDelete " HELD_DELETE "; ccccc new ready " HELD_DELETE
            "; ddddd new ready " HELD_DELETE,
            "", "lifecycle ccccc PreparingDelete"},
        {"as many wait as must go", DELETE_SPEC(2),
            "bbbbb new ready state:PreparingDelete " HELD_DELETE "; ccccc new ready; ddddd new ready", "", ""},
        {"a write is under way that may be bringing one there: nobody else is chosen", DELETE_SPEC(2),
            "bbbbb new ready " HELD_DELETE "; ccccc new ready busy:patch " HELD_DELETE "; ddddd new ready", "", ""},
        {"a specified one is not gone yet: scale-in waits (step 8)", DELETE_SPEC(1),
            "bbbbb new ready specified busy:patch " HELD_DELETE "; ccccc new ready; ddddd new ready", "", ""},
        {"released, while creation waits for a Terminating Pod's id: it goes",
            "'replicas':3," FX_VCT "," FX_HOOKS(FX_PRE_DELETE),
            "bbbbb new ready specified state:PreparingDelete; ccccc new ready; fffff new ready terminating", "fffff",
            "delete-pod bbbbb"},
    };

    (void)state;
    FX_RUN(rows);
}

static void spec_5_1_regret(void **state)
{
    static const struct fx_row rows[] = {
        {"wanted again: back to PreparingNormal", DELETE_SPEC(1), "bbbbb new ready state:PreparingDelete " HELD_DELETE,
            "", "lifecycle bbbbb PreparingNormal"},
        {"also when the hook has let it go", DELETE_SPEC(1), "bbbbb new ready state:PreparingDelete", "",
            "lifecycle bbbbb PreparingNormal"},
        {"also when there is no hook any more", "'replicas':1", "bbbbb new ready state:PreparingDelete", "",
            "lifecycle bbbbb PreparingNormal"},
        {"one of two: that which the hook still holds", DELETE_SPEC(1),
            "bbbbb new ready state:PreparingDelete; ccccc new ready state:PreparingDelete " HELD_DELETE, "",
            "lifecycle ccccc PreparingNormal"},
        {"both", DELETE_SPEC(2),
            "bbbbb new ready state:PreparingDelete; ccccc new ready state:PreparingDelete " HELD_DELETE, "",
            "lifecycle ccccc PreparingNormal, lifecycle bbbbb PreparingNormal"},
        {"more than there are: the others are created in the next pass", DELETE_SPEC(3),
            "bbbbb new ready state:PreparingDelete", "", "lifecycle bbbbb PreparingNormal"},
        {"one is on its way back", DELETE_SPEC(1),
            "bbbbb new ready state:PreparingDelete busy:patch; ccccc new ready state:PreparingDelete " HELD_DELETE, "",
            "lifecycle ccccc PreparingNormal"},
        {"the one on its way back is the one that is held", DELETE_SPEC(1),
            "bbbbb new ready state:PreparingDelete; "
            "ccccc new ready state:PreparingDelete busy:patch " HELD_DELETE,
            "", ""},
        {"a specified one is not wanted again", DELETE_SPEC(1),
            "bbbbb new ready specified state:PreparingDelete " HELD_DELETE, "", ""},
        {"one that is being deleted does not come back", DELETE_SPEC(1),
            "bbbbb new ready busy:delete state:PreparingDelete", "", ""},
        {"markPodNotReady: no regret", MARKING_SPEC(1), "bbbbb new ready state:PreparingDelete " HELD_DELETE, "", ""},
        {"markPodNotReady of the other hook: no regret either",
            "'replicas':1," FX_HOOKS(FX_PRE_DELETE "," FX_PRE_UPDATE_MARKING),
            "bbbbb new ready state:PreparingDelete " HELD_DELETE, "", ""},
        {"its keys of KruisePodReady go with it (quirk 20), those of others stay", DELETE_SPEC(1),
            "bbbbb new unready keys:dux state:PreparingDelete " HELD_DELETE, "",
            "lifecycle bbbbb PreparingNormal -preDeleteHook -preUpdateHook"},
        {"its claims are handed back in the same pass (quirk 20)", "'replicas':1," FX_VCT "," FX_HOOKS(FX_PRE_DELETE),
            "bbbbb new ready state:PreparingDelete claims", "bbbbb pod",
            "hand-back-claim bbbbb, lifecycle bbbbb PreparingNormal"},
        {"claims of one that goes on its way stay handed over",
            "'replicas':1," FX_VCT "," FX_HOOKS(FX_PRE_DELETE_MARKING),
            "bbbbb new ready state:PreparingDelete claims busy:patch", "bbbbb pod", ""},
        {"rolled back: first our mark goes", DELETE_SPEC(1),
            "bbbbb new ready marked state:PreparingDelete " HELD_DELETE, "", "unmark bbbbb"},
    };

    (void)state;
    FX_RUN(rows);
}

/*
 * Chosen for deletion in the middle of its in-place update, then wanted after all: the update goes on (spec §6.8), where
 * PreparingNormal would call it Normal with a resize that is never sent and a next update that knows nothing of this one.
 */
static void spec_5_1_regret_of_a_pod_that_is_being_updated(void **state)
{
#define RECORDED(id) "{\"revision\":\"web-new\",\"lastContainerStatuses\":{\"c\":{\"imageID\":\"" id "\"}}}"
    static const struct {
        const char *when, *pod, *recorded, *grace, *then;
    } rows[] = {
        {"its container has not restarted", "bbbbb new gate-off state:PreparingDelete " HELD_DELETE,
            RECORDED("sha256:1"), NULL, "lifecycle bbbbb Updating"},
        {"it has", "bbbbb new gate-off state:PreparingDelete " HELD_DELETE, RECORDED("sha256:0"), NULL,
            "lifecycle bbbbb PreparingNormal"},
        {"the gate is open: that was long ago", "bbbbb new ready state:PreparingDelete " HELD_DELETE,
            RECORDED("sha256:1"), NULL, "lifecycle bbbbb PreparingNormal"},
        {"in its grace period", "bbbbb new gate-off state:PreparingDelete " HELD_DELETE, "{}",
            "{\"revision\":\"web-new\",\"graceSeconds\":30}", "lifecycle bbbbb Updating"},
        {"its resize was not sent", "bbbbb new ready state:PreparingDelete " HELD_DELETE,
            "{\"revision\":\"web-new\",\"updateResources\":true,\"containerResources\":{\"c\":{\"limits\":{\"cpu\":"
            "\"3\"}}}}",
            NULL, "lifecycle bbbbb Updating"},
    };

    (void)state;
    for (size_t i = 0; i < CS_ARRAY_LEN(rows); i++) {
        struct fx f;

        fx_init(&f, DELETE_SPEC(1));
        (void)fx_pod(&f, rows[i].pod);
        f.pods[0]->inplace_state = rows[i].recorded;
        f.pods[0]->inplace_grace = rows[i].grace;
        if (strcmp(fx_plan(&f), rows[i].then) != 0)
            fail_msg("%s: %s", rows[i].when, f.text);
        f.pods[0]->inplace_state = f.pods[0]->inplace_grace = NULL;
        fx_done(&f);
    }
}

/* The hook of one has let it go, a new Pod is refused, and the quota that refuses it may be what the old one takes up. */
static void a_released_pod_goes_while_creation_fails(void **state)
{
    static const struct {
        const char *error, *then;
    } rows[] = {
        {NULL, "create-pod * new"},
        {"", "create-pod * new"},
        {"create-pod web-x: exceeded quota", "delete-pod bbbbb, create-pod * new"},
    };

    (void)state;
    for (size_t i = 0; i < CS_ARRAY_LEN(rows); i++) {
        struct fx f;

        fx_init(&f, DELETE_SPEC(3));
        fx_rows(&f, "bbbbb new ready specified state:PreparingDelete; ccccc new ready", false);
        f.o.trouble.scale_error = rows[i].error;
        assert_string_equal(fx_plan(&f), rows[i].then);
        fx_done(&f);
    }
}

static void d2_preparing_delete_waits_for_a_fresh_set(void **state)
{
    struct fx f;

    (void)state;
    fx_init(&f, MARKING_SPEC(0));
    (void)fx_pod(&f, "bbbbb new ready kruise " HELD_DELETE);
    f.o.set_fresh = false;
    assert_string_equal(fx_plan(&f), "read-set");
    fx_done(&f);
}

static void u_27_a_direct_deletion_of_a_held_pod_is_told(void **state)
{
    static const struct {
        const char *spec, *pods;
        uint32_t notes;
    } rows[] = {
        {DELETE_SPEC(1), "bbbbb new ready terminating " HELD_DELETE "; ccccc new ready", 1},
        {DELETE_SPEC(1), "bbbbb new ready terminating state:PreparingDelete " HELD_DELETE "; ccccc new ready", 1},
        {DELETE_SPEC(1), "bbbbb new ready terminating; ccccc new ready", 0}, /* not held: perhaps our own doing */
        {DELETE_SPEC(1), "bbbbb new ready terminating stranger " HELD_DELETE "; ccccc new ready", 0},
        {DELETE_SPEC(1), "bbbbb new ready " HELD_DELETE, 0},
        {"'replicas':1", "bbbbb new ready terminating " HELD_DELETE "; ccccc new ready", 0},
    };

    (void)state;
    for (size_t i = 0; i < CS_ARRAY_LEN(rows); i++) {
        struct fx f;

        fx_init(&f, rows[i].spec);
        fx_rows(&f, rows[i].pods, false);
        (void)fx_plan(&f);
        if (f.plan.n_notes != rows[i].notes)
            fail_msg("row %zu: %u notes", i, f.plan.n_notes);
        if (rows[i].notes > 0) {
            assert_true(f.plan.notes[0].warning);
            assert_string_equal(f.plan.notes[0].reason, "PreDeleteHookSkipped");
            assert_non_null(strstr(f.plan.notes[0].message, "apps.kruise.io/specified-delete"));
            assert_non_null(strstr(f.plan.notes[0].message, "web-bbbbb"));
        }
        fx_done(&f);
    }
}

static void quirk_9_metadata_only_changes_take_a_pod_out_of_service(void **state)
{
    static const char with_label[] =
        "{'metadata':{'labels':{'app':'web','x':'y'}},'spec':{'containers':[{'name':'c','image':'nginx:1'}]}}";
    struct fx f;

    (void)state;
    fx_empty(&f);
    fx_set(&f, "'replicas':1," FX_INPLACE, with_label, "'currentRevision':'web-old'");
    fx_revision(&f, "web-old", 1, FX_OLD);
    fx_revision(&f, "web-new", 2, with_label);
    (void)fx_pod(&f, "bbbbb old ready");
    assert_string_equal(fx_plan(&f), "gate-off bbbbb");
    fx_done(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spec_6_8_hooked_and_all_hooked),
        cmocka_unit_test(d14_the_gate_waits_for_the_kubelets_first_word),
        cmocka_unit_test(spec_6_8_pre_normal),
        cmocka_unit_test(spec_6_5_in_place_update_by_way_of_the_hook),
        cmocka_unit_test(spec_6_12_rolled_back_while_it_waits),
        cmocka_unit_test(spec_5_5_deletion_by_way_of_the_hook),
        cmocka_unit_test(spec_5_1_scale_in_of_held_pods),
        cmocka_unit_test(spec_5_1_regret),
        cmocka_unit_test(spec_5_1_regret_of_a_pod_that_is_being_updated),
        cmocka_unit_test(a_released_pod_goes_while_creation_fails),
        cmocka_unit_test(d2_preparing_delete_waits_for_a_fresh_set),
        cmocka_unit_test(u_27_a_direct_deletion_of_a_held_pod_is_told),
        cmocka_unit_test(quirk_9_metadata_only_changes_take_a_pod_out_of_service),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
