/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Claims: the clean-up with disablePVCReuse (spec §4.6, D2, D5d, D6), whose claim it is (D4), claims that a label keeps (U-12),
 * Pods of an old revision whose claim templates have changed (U-09), growth (U-13, U-14).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "test/unit/plan_fixture.h"

#define OFF "'scaleStrategy':{'disablePVCReuse':true}"
#define IDLE(n) "'replicas':" #n "," OFF "," FX_VCT /* n Pods are wanted and nothing is taken over */

static void spec_4_6_clean_up_when_nothing_is_taken_over(void **state)
{
    static const struct fx_row rows[] = {
        {"an active Pod has the id: kept", IDLE(1), "bbbbb new ready claims", "bbbbb asked", ""},
        {"a Terminating Pod has it: it goes along", IDLE(1), "bbbbb new ready terminating claims; ccccc new ready",
            "bbbbb", "hand-over-claim bbbbb"},
        {"a Pod that has failed: it goes along, and the Pod is left alone", IDLE(1),
            "bbbbb new failed claims; ccccc new ready", "bbbbb", "hand-over-claim bbbbb"},
        {"one that has succeeded", IDLE(1), "bbbbb new succeeded claims; ccccc new ready", "bbbbb",
            "hand-over-claim bbbbb"},
        {"it goes along already", IDLE(1), "bbbbb new failed claims; ccccc new ready", "bbbbb pod", ""},
        {"no Pod is known: the server is asked first", IDLE(1), "ccccc new ready", "bbbbb", "confirm-absent bbbbb"},
        {"the server knows none", IDLE(1), "ccccc new ready", "bbbbb asked", "delete-claim bbbbb"},
        {"all claims of the id", IDLE(1), "ccccc new ready", "bbbbb asked; bbbbb template:logs asked",
            "delete-claim bbbbb, delete-claim bbbbb"},
        {"one of them is newer than the answer", IDLE(1), "ccccc new ready", "bbbbb asked; bbbbb template:logs",
            "confirm-absent bbbbb"},
        {"a request for one of them is under way", IDLE(1), "ccccc new ready",
            "bbbbb asked; bbbbb template:logs busy asked", ""},
        {"a Pod of the id is being created", IDLE(1), "bbbbb new busy:create", "bbbbb asked", ""},
        {"it is on its way out already", IDLE(1), "ccccc new ready", "bbbbb terminating asked", ""},
        {"it is not ours (D4)", IDLE(1), "ccccc new ready", "bbbbb foreign asked", ""},
        {"claims are taken over: nothing is deleted", "'replicas':1," FX_VCT, "ccccc new ready", "bbbbb asked", ""},
        {"a claim template was removed: its claims go with their Pod only", "'replicas':1," OFF, "ccccc new ready",
            "ccccc asked", ""},
    };

    (void)state;
    FX_RUN(rows);
}

static void spec_4_6_with_reuse_off_ids_are_fresh(void **state)
{
    static const struct fx_row rows[] = {
        {"a free claim is no vacancy", IDLE(1), "", "bbbbb", "confirm-absent bbbbb, create-claim *"},
        {"nobody waits for a Terminating Pod (D1)", IDLE(1), "bbbbb new ready terminating claims", "bbbbb pod",
            "create-claim *"},
        {"nor for one on a lost node (D1)", IDLE(1), "bbbbb new unready terminating:5 lost claims", "bbbbb pod",
            "create-claim *"},
        {"nor for one that has failed (quirk 18)", IDLE(1), "bbbbb new failed claims", "bbbbb pod", "create-claim *"},
        {"a claim made for a Pod to come is its", IDLE(1), "", "bbbbb made", "confirm-absent bbbbb"},
        {"half of it made",
            "'replicas':1," OFF ",'volumeClaimTemplates':[{'metadata':{'name':'data'}},{'metadata':{'name':"
            "'logs'}}]",
            "", "bbbbb made", "confirm-absent bbbbb"},
        {"made for a Pod that is not wanted any more", IDLE(0), "", "bbbbb made asked", "delete-claim bbbbb"},
        {"made, and as many Pods are wanted as there are", IDLE(1), "ccccc new ready", "bbbbb made asked",
            "delete-claim bbbbb"},
        {"made, and its Pod is just not allowed yet",
            "'replicas':1,'scaleStrategy':{'disablePVCReuse':true,'maxUnavailable':0}," FX_VCT, "", "bbbbb made asked",
            ""},
    };
    struct fx f;

    (void)state;
    FX_RUN(rows);
    fx_init(&f, IDLE(1)); /* the Pod follows its claim */
    fx_rows(&f, "bbbbb made", true);
    f.absent[0] = "bbbbb";
    fx_absent(&f, 1);
    assert_string_equal(fx_plan(&f), "create-pod bbbbb new");
    fx_done(&f);
}

static void d2_d5_nothing_is_cleaned_up_on_an_old_view(void **state)
{
    struct fx f;

    (void)state;
    fx_init(&f, IDLE(1));
    fx_rows(&f, "ccccc new ready; ddddd new failed claims", false);
    fx_rows(&f, "bbbbb asked; ddddd", true);
    f.o.set_fresh = false; /* D2 */
    assert_string_equal(fx_plan(&f), "read-set");
    f.o.set_fresh = true;
    f.o.reap_from_ms = FX_NOW + 40000; /* a predecessor's create may land yet (D12) */
    assert_string_equal(fx_plan(&f), "hand-over-claim ddddd");
    assert_int_equal(f.plan.requeue_at_ms, FX_NOW + 40000);
    f.o.reap_from_ms = FX_NOW;
    assert_string_equal(fx_plan(&f), "hand-over-claim ddddd, delete-claim bbbbb");
    fx_done(&f);
    fx_init(&f, IDLE(1)); /* the set is being deleted: the garbage collector's business */
    f.set->meta.deleted_ms = FX_NOW;
    fx_rows(&f, "ccccc new ready; ddddd new failed claims", false);
    fx_rows(&f, "bbbbb asked; ddddd", true);
    assert_string_equal(fx_plan(&f), "");
    fx_done(&f);
}

static void spec_4_6_the_flag_may_be_turned_at_any_time(void **state)
{
    static const struct fx_row rows[] = {
        {"off again: the claims of a finished Pod come back first", "'replicas':1," FX_VCT, "bbbbb new failed claims",
            "bbbbb pod", "hand-back-claim bbbbb"},
        {"they are on their way", "'replicas':1," FX_VCT, "bbbbb new failed claims", "bbbbb pod busy", ""},
        {"they are there: the Pod goes and is replaced under its id (D1)", "'replicas':1," FX_VCT,
            "bbbbb new failed claims", "bbbbb", "delete-pod bbbbb"},
        {"a hand-over is under way: the Pod waits", "'replicas':1," FX_VCT, "bbbbb new failed claims", "bbbbb busy",
            ""},
        {"the user wants that Pod gone: its claims go along", "'replicas':1," FX_VCT,
            "bbbbb new failed specified claims", "bbbbb pod", "delete-pod bbbbb, create-claim *"},
        {"off again: a free claim is a vacancy", "'replicas':1," FX_VCT, "", "bbbbb asked", "confirm-absent bbbbb"},
        {"a scale-in under way is not undone", IDLE(0), "bbbbb new ready claims", "bbbbb pod", "delete-pod bbbbb"},
    };

    (void)state;
    FX_RUN(rows);
}

static void d12_a_pod_whose_claim_is_no_more_gets_one(void **state)
{
    static const struct fx_row rows[] = {
        {"it was created late, and its claim has gone meanwhile", "'replicas':1," FX_VCT,
            "bbbbb new pending nodeless claims", "", "create-claim bbbbb"},
        {"the same with nothing to be taken over", IDLE(1), "bbbbb new pending nodeless claims", "",
            "create-claim bbbbb"},
        {"its claim is there", "'replicas':1," FX_VCT, "bbbbb new pending nodeless claims", "bbbbb", ""},
        {"its claim is on its way out: later", "'replicas':1," FX_VCT, "bbbbb new pending nodeless claims",
            "bbbbb terminating", ""},
        {"it has a node, so it has had its claim", "'replicas':1," FX_VCT, "bbbbb new ready claims", "", ""},
        {"it mounts none", "'replicas':1," FX_VCT, "bbbbb new pending nodeless", "", ""},
        {"of a template that is no more", "'replicas':1", "bbbbb new pending nodeless claims", "", ""},
        {"it is about to go", "'replicas':0," FX_VCT, "bbbbb new pending nodeless claims", "", "delete-pod bbbbb"},
        {"it is not ours", "'replicas':0," FX_VCT, "bbbbb new pending nodeless stranger claims", "", ""},
    };

    (void)state;
    FX_RUN(rows);
}

/* ---- whose claim it is ---- */

static void u08_a_claim_on_its_way_out_is_never_reused(void **state)
{
    static const struct fx_row rows[] = {
        {"the only one", "'replicas':1," FX_VCT, "", "bbbbb terminating", "create-claim *"},
        {"one of two", "'replicas':1," FX_VCT, "", "bbbbb; bbbbb template:logs terminating", "create-claim *"},
        {"with nothing to be taken over", IDLE(1), "", "bbbbb terminating made", "create-claim *"},
    };

    (void)state;
    FX_RUN(rows);
}

static void d4_two_pods_with_an_id_leave_its_claims_alone(void **state)
{
    struct fx f;

    (void)state;
    fx_init(&f, "'replicas':0," FX_VCT);
    fx_rows(&f, "bbbbb new ready claims; ccccc new failed", false);
    f.pods[1]->id = f.vpods[1].id = f.pods[0]->id; /* not named after it */
    fx_rows(&f, "bbbbb", true);
    assert_string_equal(fx_plan(&f), "delete-pod bbbbb, delete-pod bbbbb"); /* and no hand-over */
    assert_int_equal(f.plan.n_notes, 1);
    assert_string_equal(f.plan.notes[0].reason, "ClaimLeftAlone");
    assert_non_null(strstr(f.plan.notes[0].message, "data-web-bbbbb"));
    f.pods[1]->id = cs_intern_str(f.pool, CS_STR("ccccc")); /* as it was, for its release */
    cs_intern_unref(f.pool, f.pods[1]->id);
    fx_done(&f);
}

static void d4_a_claim_that_another_pod_mounts_is_not_cleaned_up(void **state)
{
    struct fx f;

    (void)state;
    fx_init(&f, IDLE(1));
    fx_rows(&f, "ccccc new ready claims", false);
    cs_intern_unref(f.pool, f.pods[0]->claims[0]);
    f.pods[0]->claims[0] = cs_intern_str(f.pool, CS_STR("data-web-bbbbb"));
    fx_rows(&f, "bbbbb asked", true);
    assert_string_equal(fx_plan(&f), "");
    assert_string_equal(f.plan.notes[0].reason, "ClaimLeftAlone");
    fx_done(&f);
}

/* ---- claims that a label keeps ---- */

static void u12_a_labelled_pod_leaves_its_claims_behind(void **state)
{
    static const struct fx_row rows[] = {
        {"scale-in", "'replicas':0," FX_VCT, "bbbbb new ready kept claims", "bbbbb", "delete-pod bbbbb"},
        {"podsToDelete", "'replicas':1,'scaleStrategy':{'podsToDelete':['web-bbbbb']}," FX_VCT,
            "bbbbb new ready kept claims", "bbbbb", "delete-pod bbbbb"},
        {"specified-delete", "'replicas':1," FX_VCT, "bbbbb new ready kept specified claims", "bbbbb",
            "delete-pod bbbbb"},
        {"a recreate update", "'replicas':1," FX_VCT, "bbbbb old ready kept marked claims", "bbbbb",
            "delete-pod bbbbb"},
        {"its id waits for it", "'replicas':1," FX_VCT, "bbbbb old ready kept marked terminating claims", "bbbbb", ""},
        {"then its replacement has the id and the claims", "'replicas':1," FX_VCT, "", "bbbbb", "confirm-absent bbbbb"},
        {"labelled after the hand-over: they come back first", "'replicas':0," FX_VCT, "bbbbb new ready kept claims",
            "bbbbb pod", "hand-back-claim bbbbb"},
        {"labelled during the hand-over: the Pod waits", "'replicas':0," FX_VCT, "bbbbb new ready kept claims",
            "bbbbb busy", ""},
        {"labelled when it was Terminating already", "'replicas':0," FX_VCT, "bbbbb new ready kept terminating claims",
            "bbbbb pod", "hand-back-claim bbbbb"},
        {"it has failed", "'replicas':1," FX_VCT, "bbbbb new failed kept specified claims", "bbbbb pod",
            "hand-back-claim bbbbb"},
        {"with disablePVCReuse they are not handed over either", IDLE(1),
            "bbbbb new ready terminating kept claims; ccccc new ready", "bbbbb", ""},
        {"a recreation of one of three uses the limit like any other", "'replicas':3," FX_VCT,
            "bbbbb old ready kept marked claims; ccccc old ready kept marked claims; ddddd old ready kept claims",
            "bbbbb; ccccc; ddddd", "delete-pod bbbbb"},
    };

    (void)state;
    FX_RUN(rows);
}

static void u12_with_reuse_off_an_event_says_what_the_label_cannot(void **state)
{
    struct fx f;

    (void)state;
    fx_init(&f, IDLE(2));
    fx_rows(&f, "bbbbb new ready kept claims; ccccc new ready kept claims", false);
    fx_rows(&f, "bbbbb; ccccc", true);
    assert_string_equal(fx_plan(&f), "");
    assert_int_equal(f.plan.n_notes, 1);
    assert_string_equal(f.plan.notes[0].reason, "ClaimsNotKept");
    fx_done(&f);
}

/* ---- Pods of an old revision whose claim templates have changed ---- */

#define VCT(name) "{\\'metadata\\':{\\'name\\':\\'" name "\\'}}"
#define MOUNTS(image, volume) FX_TEMPLATE("'image':'" image "','volumeMounts':[{'name':'" volume "','mountPath':'/x'}]")
#define HELD "'replicas':2,'updateStrategy':{'partition':2}"
#define LOGS "'volumeClaimTemplates':[{'metadata':{'name':'logs'}}]"

/* A set with an old revision that mounts "data", held by a partition of 2; `vcts` is what the set has now. */
static void held_back(struct fx *f, const char *vcts, const char *recorded, const char *old_template)
{
    cs_autofree char *spec = cs_xasprintf(HELD "%s%s", *vcts ? "," : "", vcts);

    fx_empty(f);
    fx_set(f, spec, FX_NEW, "'currentRevision':'web-old'");
    fx_revision_with(f, "web-old", 1, old_template, recorded);
    fx_revision(f, "web-new", 2, FX_NEW);
    fx_rows(f, "bbbbb old ready claims", false);
    fx_rows(f, "bbbbb", true);
}

static void u09_an_old_revision_is_made_from_its_own_claim_templates(void **state)
{
    struct fx f;

    (void)state;
    held_back(&f, "", "[" VCT("data") "]", MOUNTS("nginx:1", "data")); /* removed from the set */
    assert_string_equal(fx_plan(&f), "create-claim *");
    assert_string_equal(f.plan.actions[0].vct, "data");
    assert_string_equal(f.plan.actions[0].vcts.raw, f.revs[0]->vcts_raw);
    assert_int_equal(f.plan.n_notes, 0);
    fx_done(&f);
    held_back(&f, LOGS, "[" VCT("data") "]", MOUNTS("nginx:1", "data")); /* replaced by another one */
    assert_string_equal(fx_plan(&f), "create-claim *");
    assert_string_equal(f.plan.actions[0].vct, "data");
    fx_done(&f);
    held_back(&f, LOGS, "[" VCT("data") "]", MOUNTS("nginx:1", "data")); /* the claim is there: the Pod */
    fx_rows(&f, "ccccc made", true);
    f.absent[0] = "ccccc";
    fx_absent(&f, 1);
    assert_string_equal(fx_plan(&f), "create-pod ccccc old");
    assert_string_equal(f.plan.actions[0].vcts.raw, f.revs[0]->vcts_raw);
    fx_done(&f);
}

static void u09_without_a_record_the_live_ones_serve_if_they_can(void **state)
{
    struct fx f;

    (void)state;
    held_back(&f, FX_VCT, NULL, MOUNTS("nginx:1", "data"));
    assert_string_equal(fx_plan(&f), "create-claim *");
    assert_string_equal(f.plan.actions[0].vcts.raw, f.set->vcts_raw);
    fx_done(&f);
    held_back(&f, FX_VCT, "[{\\'no\\':\\'name\\'}]", MOUNTS("nginx:1", "data")); /* nonsense is no record */
    assert_string_equal(fx_plan(&f), "create-claim *");
    assert_string_equal(f.plan.actions[0].vcts.raw, f.set->vcts_raw);
    fx_done(&f);
    held_back(&f, FX_VCT, "[" VCT("logs") "]", MOUNTS("nginx:1", "data")); /* a record that does not fit */
    assert_string_equal(fx_plan(&f), "create-claim *");
    assert_string_equal(f.plan.actions[0].vcts.raw, f.set->vcts_raw);
    fx_done(&f);
    /* a volume of the template's own needs no claim */
    held_back(&f, "", NULL,
        "{'metadata':{'labels':{'app':'web'}},'spec':{'volumes':[{'name':'data','emptyDir':{}}],'containers':[{'name':'"
        "c',"
        "'image':'nginx:1','volumeMounts':[{'name':'data','mountPath':'/x'}]}]}}");
    assert_string_equal(fx_plan(&f), "create-pod * old");
    fx_done(&f);
}

static void u09_otherwise_the_new_revision_and_an_event(void **state)
{
    static const char *const old_templates[] = {MOUNTS("nginx:1", "data"),
        FX_TEMPLATE("'image':'nginx:1','volumeDevices':[{'name':'data','devicePath':'/dev/x'}]"),
        "{'metadata':{'labels':{'app':'web'}},'spec':{'containers':[{'name':'c','image':'nginx:1'}],'initContainers':[{"
        "'name':"
        "'i','image':'i','volumeMounts':[{'name':'data','mountPath':'/x'}]}]}}"};

    (void)state;
    for (size_t i = 0; i < CS_ARRAY_LEN(old_templates); i++) {
        struct fx f;

        held_back(&f, "", NULL, old_templates[i]);
        assert_string_equal(fx_plan(&f), "create-pod * new");
        assert_int_equal(f.plan.actions[0].vcts.n, 0);
        assert_int_equal(f.plan.n_notes, 1);
        assert_string_equal(f.plan.notes[0].reason, "ClaimTemplateMissing");
        assert_non_null(strstr(f.plan.notes[0].message, "\"data\""));
        f.gates.partition_rollback = true; /* nor is anything taken back to it: that would recreate for ever */
        (void)fx_pod(&f, "ccccc new ready");
        assert_string_equal(fx_plan(&f), "");
        fx_done(&f);
    }
}

/* ---- growth ---- */

#define SIZED(size)                                                                                                    \
    "'replicas':1,'volumeClaimTemplates':[{'metadata':{'name':'data'},'spec':{'resources':{'requests':{'storage':"     \
    "'" size "'}}}}]"

static void u13_a_larger_request_grows_the_claims_that_exist(void **state)
{
    static const struct fx_row rows[] = {
        {"larger", SIZED("2Gi"), "bbbbb new ready claims", "bbbbb", "expand-claim bbbbb"},
        {"the same, spelt otherwise", SIZED("1024Mi"), "bbbbb new ready claims", "bbbbb", ""},
        {"smaller: never shrunk (U-14)", SIZED("500Mi"), "bbbbb new ready claims", "bbbbb", ""},
        {"no quantity", SIZED("much"), "bbbbb new ready claims", "bbbbb", ""},
        {"not bound yet: the server would refuse", SIZED("2Gi"), "bbbbb new ready claims", "bbbbb pending", ""},
        {"an earlier growth goes on", SIZED("2Gi"), "bbbbb new ready claims", "bbbbb resizing", ""},
        {"a request for it is under way", SIZED("2Gi"), "bbbbb new ready claims", "bbbbb busy", ""},
        {"refused for this size", SIZED("2Gi"), "bbbbb new ready claims", "bbbbb refused:2Gi", ""},
        {"refused for another size", SIZED("3Gi"), "bbbbb new ready claims", "bbbbb refused:2Gi", "expand-claim bbbbb"},
        {"of a template that is no more", SIZED("2Gi"), "bbbbb new ready claims", "bbbbb template:logs", ""},
        {"not ours (D4)", SIZED("2Gi"), "bbbbb new ready claims", "bbbbb foreign", ""},
        {"on its way out", SIZED("2Gi"), "bbbbb new ready claims", "bbbbb terminating", ""},
        {"with its Pod on the way out", SIZED("2Gi"), "bbbbb new ready claims", "bbbbb pod", "hand-back-claim bbbbb"},
        {"without a Pod, too", SIZED("2Gi"), "ccccc new ready", "bbbbb", "expand-claim bbbbb"},
    };

    (void)state;
    for (size_t i = 0; i < CS_ARRAY_LEN(rows); i++) {
        struct fx f;

        fx_init(&f, rows[i].spec);
        fx_rows(&f, rows[i].pods, false);
        fx_rows(&f, rows[i].claims, true);
        f.set->expand_claims = true;
        if (strcmp(fx_plan(&f), rows[i].then) != 0)
            fail_msg("when %s:\n  planned: %s\n  wanted:  %s", rows[i].when, f.text, rows[i].then);
        if (strcmp(rows[i].then, "expand-claim bbbbb") == 0)
            assert_string_equal(f.plan.actions[0].request, f.set->vct_requests[0]);
        f.set->expand_claims = false; /* not asked for */
        assert_null(strstr(fx_plan(&f), "expand"));
        fx_done(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spec_4_6_clean_up_when_nothing_is_taken_over),
        cmocka_unit_test(spec_4_6_with_reuse_off_ids_are_fresh),
        cmocka_unit_test(d2_d5_nothing_is_cleaned_up_on_an_old_view),
        cmocka_unit_test(spec_4_6_the_flag_may_be_turned_at_any_time),
        cmocka_unit_test(d12_a_pod_whose_claim_is_no_more_gets_one),
        cmocka_unit_test(u08_a_claim_on_its_way_out_is_never_reused),
        cmocka_unit_test(d4_two_pods_with_an_id_leave_its_claims_alone),
        cmocka_unit_test(d4_a_claim_that_another_pod_mounts_is_not_cleaned_up),
        cmocka_unit_test(u12_a_labelled_pod_leaves_its_claims_behind),
        cmocka_unit_test(u12_with_reuse_off_an_event_says_what_the_label_cannot),
        cmocka_unit_test(u09_an_old_revision_is_made_from_its_own_claim_templates),
        cmocka_unit_test(u09_without_a_record_the_live_ones_serve_if_they_can),
        cmocka_unit_test(u09_otherwise_the_new_revision_and_an_event),
        cmocka_unit_test(u13_a_larger_request_grows_the_claims_that_exist),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
