/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One pass as a whole, and what is neither scaling nor updating: spec §4.1, §4.4, §4.5, §4.7, §5.3, §8, quirks 17, 22, 23.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "controller/cloneset/bodies.h"
#include "test/unit/plan_fixture.h"

/* ---- §5.3 ---- */

static void spec_5_3_ready_and_available(void **state)
{
    static const struct {
        const char *when, *pod;
        int32_t min_ready;
        bool ready, available; /* update-ready(s), available(s) */
    } rows[] = {
        {"Running and Ready", "bbbbb new ready", 0, true, true},
        {"not Ready", "bbbbb new unready", 0, false, false},
        {"Pending, though Ready", "bbbbb new ready pending", 0, false, false},
        {"the phase is not known", "bbbbb new ready unknown", 0, false, false},
        {"InPlaceUpdateReady is False, though Ready", "bbbbb new ready gate-off", 0, false, false},
        {"InPlaceUpdateReady is absent", "bbbbb new ready gateless", 0, true, true},
        {"Ready for exactly minReadySeconds: strictly more is asked", "bbbbb new ready since:60", 60, false, false},
        {"a second more", "bbbbb new ready since:61", 60, true, true},
        {"Updating: ready, not available", "bbbbb new ready state:Updating", 0, true, false},
        {"PreparingNormal", "bbbbb new ready state:PreparingNormal", 0, true, false},
        {"PreparingUpdate", "bbbbb new ready state:PreparingUpdate", 0, true, false},
        {"PreparingDelete", "bbbbb new ready state:PreparingDelete", 0, true, false},
        {"a state that nobody knows", "bbbbb new ready state:Odd", 0, true, false},
    };

    (void)state;
    for (size_t i = 0; i < CS_ARRAY_LEN(rows); i++) {
        struct fx f;
        const struct cs_pod *p;

        fx_init(&f, "");
        p = fx_pod(&f, rows[i].pod)->pod;
        if (cs_pod_update_ready(p, rows[i].min_ready, FX_NOW) != rows[i].ready ||
            cs_pod_available(p, rows[i].min_ready, FX_NOW) != rows[i].available)
            fail_msg("%s", rows[i].when);
        fx_done(&f);
    }
}

static void spec_5_3_a_ready_time_that_is_missing_is_never_long_enough(void **state)
{
    struct fx f;

    (void)state;
    fx_init(&f, "");
    (void)fx_pod(&f, "bbbbb new ready");
    f.pods[0]->ready.transition_ms = 0;
    assert_true(cs_pod_available(f.pods[0], 0, FX_NOW));
    assert_false(cs_pod_available(f.pods[0], 1, FX_NOW));
    f.pods[0]->state = CS_LC_NONE; /* the label is absent: as Normal */
    assert_true(cs_pod_available(f.pods[0], 0, FX_NOW));
    fx_done(&f);
}

/* ---- §4.1 ---- */

/* Step 2: no Pod is made that would not be found again; the peer says so in its log only. */
static void spec_4_1_without_a_usable_selector_nothing_is_done(void **state)
{
    static const char *const selectors[] = {"{}", "{'matchLabels':{'app':'other'}}",
        "{'matchExpressions':[{'key':'app','operator':'Like','values':['web']}]}", "null"};

    (void)state;
    for (size_t i = 0; i < CS_ARRAY_LEN(selectors); i++) {
        struct fx f;
        cs_autofree char *spec = cs_xasprintf("'replicas':3,'selector':%s", selectors[i]);

        fx_init(&f, spec);
        fx_rows(&f, "bbbbb old ready; ccccc new failed", false);
        if (strcmp(fx_plan(&f), "") != 0)
            fail_msg("%s: %s", selectors[i], f.text);
        fx_done(&f);
    }
}

/* Step 12: a pass that scales does not update; status is that of the Pods seen (step 13). */
static void spec_4_1_scaling_comes_before_updating(void **state)
{
    static const struct fx_row rows[] = {
        {"creating", "'replicas':3", "bbbbb old ready; ccccc old ready", "", "create-pod * new"},
        {"deleting", "'replicas':1", "bbbbb old ready; ccccc old ready", "", "delete-pod bbbbb"},
        {"asked to go", "'replicas':2," FX_INPLACE, "bbbbb old ready specified; ccccc old ready", "",
            "delete-pod bbbbb"},
        {"a limit of 0 changes nothing: updating goes on",
            "'replicas':3,'scaleStrategy':{'maxUnavailable':0},'updateStrategy':{'maxUnavailable':2}",
            "bbbbb old ready; ccccc old ready", "", "mark-recreate bbbbb"},
    };
    struct fx f;

    (void)state;
    FX_RUN(rows);
    fx_init(&f, "'replicas':3");
    fx_rows(&f, "bbbbb new ready", false);
    (void)fx_plan(&f);
    assert_int_equal(f.plan.status.replicas, 1);
    fx_done(&f);
}

/* ---- §4.4, §4.7, quirk 23 ---- */

static void spec_4_4_what_is_not_the_sets_is_not_touched(void **state)
{
    static const struct fx_row rows[] = {
        {"a Pod of another owner, with our labels", "'replicas':0", "bbbbb new ready stranger", "", ""},
        {"quirk 23: and it is not counted in its place", "'replicas':1", "bbbbb new ready stranger; ccccc new ready",
            "", ""},
        {"nor given housekeeping", "'replicas':0", "bbbbb new fresh ready stranger state:PreparingNormal", "", ""},
        {"§4.7: a finished Pod of a set without claims stays", "'replicas':0", "bbbbb new failed; ccccc old succeeded",
            "", ""},
    };

    (void)state;
    FX_RUN(rows);
}

/* A Pod without any owner: it is there and has our labels, no more. */
static void quirk_23_orphans_are_not_adopted(void **state)
{
    struct fx f;

    (void)state;
    fx_init(&f, "'replicas':1");
    (void)fx_pod(&f, "bbbbb new ready");
    f.pods[0]->meta.n_owners = 0;
    assert_non_null(strstr(fx_plan(&f), "create-pod *"));
    assert_null(strstr(f.text, "bbbbb"));
    assert_int_equal(f.plan.status.replicas, 0);
    f.pods[0]->meta.n_owners = 1;
    fx_done(&f);
}

/* ---- §4.5 ---- */

/* Of the template's metadata labels, annotations and finalizers, and nothing else; ours cannot be overridden. */
static void spec_4_5_metadata_from_the_template(void **state)
{
    static const char tmpl[] =
        "{\"metadata\":{\"name\":\"x\",\"generateName\":\"y-\",\"namespace\":\"z\",\"uid\":\"u\",\"ownerReferences\":[{"
        "}],"
        "\"creationTimestamp\":null,\"labels\":{\"app\":\"web\",\"pod-template-hash\":\"mine\",\"l\":\"1\"},"
        "\"annotations\":{\"a\":\"b\"},\"finalizers\":[\"example.com/f\"]},"
        "\"spec\":{\"readinessGates\":[{\"conditionType\":\"mine\"}],\"containers\":[]}}";
    struct fx f;
    struct cs_error err = CS_ERROR_INIT;
    cs_autostrbuf out = CS_STRBUF_INIT;
    cs_autojdoc doc = {0};

    (void)state;
    fx_init(&f, "");
    const struct cs_new_pod n = {
        .set = f.set, .name = "web-k2x9d", .id = "k2x9d", .revision = "web-h1", .tmpl = tmpl, .now_ms = FX_NOW};
    assert_true(cs_body_pod(&n, &out, &err));
    assert_true(cs_jdoc_parse(&doc, cs_strbuf_str(&out), out.len, NULL, NULL));
    struct cs_json meta = cs_json_get(cs_jdoc_root(&doc), "metadata");
    struct cs_json labels = cs_json_get(meta, "labels");
    struct cs_json gates = cs_json_at(cs_jdoc_root(&doc), "spec", "readinessGates", NULL);

    assert_int_equal(
        cs_json_count(meta), 7); /* name, generateName, namespace, labels, annotations, finalizers, owners */
    assert_true(cs_json_str_is(cs_json_get(meta, "name"), "web-k2x9d"));
    assert_true(cs_json_str_is(cs_json_get(meta, "generateName"), "web-"));
    assert_true(cs_json_str_is(cs_json_get(labels, "pod-template-hash"), "h1"));
    assert_true(cs_json_str_is(cs_json_get(labels, "l"), "1"));
    assert_true(cs_json_str_is(cs_json_first(cs_json_get(meta, "finalizers")), "example.com/f"));
    assert_int_equal(cs_json_count(gates), 2); /* the template's own stay */
    fx_done(&f);
}

/* ---- §7, §8, quirks ---- */

static void spec_8_scale_up_limited(void **state)
{
    struct fx f;

    (void)state;
    fx_init(&f, "'replicas':5,'scaleStrategy':{'maxUnavailable':2}");
    fx_rows(&f, "bbbbb new unready; ccccc new ready", false);
    assert_string_equal(fx_plan(&f), "create-pod * new");
    assert_int_equal(f.plan.n_notes, 1);
    assert_true(f.plan.notes[0].warning);
    assert_string_equal(f.plan.notes[0].reason, "ScaleUpLimited");
    assert_string_equal(
        f.plan.notes[0].message, "scaleUp is limited because of scaleStrategy.maxUnavailable, limit: 1");
    fx_done(&f);
}

/* Without the webhook: replicas 1, and the update strategy's defaults. */
static void quirk_17_the_controller_defaults_by_itself(void **state)
{
    static const struct fx_row rows[] = {
        {"no replicas: one", "", "", "", "create-pod * new"},
        {"no strategy: one of one may go, by recreation", "", "bbbbb old ready", "", "mark-recreate bbbbb"},
        {"a strategy of nothing", "'updateStrategy':{}", "bbbbb old ready", "", "mark-recreate bbbbb"},
    };

    (void)state;
    FX_RUN(rows);
}

/* §4.3: the current revision is the one that status names; if there is none such, the update revision. */
static void spec_4_3_the_current_revision_is_what_status_says(void **state)
{
    static const struct {
        const char *status, *current, *then;
    } rows[] = {
        {"'currentRevision':'web-old'", "web-old", "create-pod * old"},
        {"'currentRevision':'web-new'", "web-new", "create-pod * new"},
        {"'currentRevision':'web-gone'", "web-new", "create-pod * new"},
        {"", "web-new", "create-pod * new"},
    };

    (void)state;
    for (size_t i = 0; i < CS_ARRAY_LEN(rows); i++) {
        struct fx f;

        fx_empty(&f);
        fx_set(&f, "'replicas':1,'updateStrategy':{'partition':1}", FX_NEW, rows[i].status);
        fx_revision(&f, "web-old", 1, FX_OLD);
        fx_revision(&f, "web-new", 2, FX_NEW);
        assert_string_equal(fx_plan(&f), rows[i].then);
        assert_string_equal(f.plan.status.current_revision, rows[i].current);
        assert_string_equal(f.plan.status.update_revision, "web-new");
        fx_done(&f);
    }
}

/* §4.3: what is no template makes no revision. */
static void spec_4_3_only_the_template_makes_a_revision(void **state)
{
    static const struct fx_row rows[] = {
        {"claim templates", "'replicas':1," FX_VCT, "bbbbb new ready claims", "bbbbb", ""},
        {"strategy and limits",
            "'replicas':1,'minReadySeconds':5,'revisionHistoryLimit':3,'updateStrategy':{'partition':1,'paused':true}",
            "bbbbb new ready", "", ""},
    };

    (void)state;
    FX_RUN(rows);
}

/* Anybody who may write revisions can write such a number; an API server takes none below zero. */
static void spec_4_3_the_largest_revision_number_has_no_successor(void **state)
{
    struct fx f;

    (void)state;
    fx_empty(&f); /* a new template: the younger of two with that number counts as the later one */
    fx_set(&f, "'replicas':1", FX_ENV, "'currentRevision':'web-old'");
    fx_revision(&f, "web-old", INT64_MAX, FX_OLD);
    fx_rows(&f, "bbbbb old ready", false);
    assert_string_equal(fx_plan(&f), "create-revision");
    assert_int_equal(f.plan.actions[0].number, INT64_MAX);
    fx_done(&f);
    fx_empty(&f); /* a rollback goes on without a number of its own */
    fx_set(&f, "'replicas':1", FX_OLD, "'currentRevision':'web-old'");
    fx_revision(&f, "web-old", 1, FX_OLD);
    fx_revision(&f, "web-new", INT64_MAX, FX_NEW);
    fx_rows(&f, "bbbbb old ready", false);
    assert_string_equal(fx_plan(&f), "");
    assert_string_equal(f.plan.status.update_revision, "web-old");
    fx_done(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spec_4_3_the_largest_revision_number_has_no_successor),
        cmocka_unit_test(spec_5_3_ready_and_available),
        cmocka_unit_test(spec_5_3_a_ready_time_that_is_missing_is_never_long_enough),
        cmocka_unit_test(spec_4_1_without_a_usable_selector_nothing_is_done),
        cmocka_unit_test(spec_4_1_scaling_comes_before_updating),
        cmocka_unit_test(spec_4_4_what_is_not_the_sets_is_not_touched),
        cmocka_unit_test(quirk_23_orphans_are_not_adopted),
        cmocka_unit_test(spec_4_5_metadata_from_the_template),
        cmocka_unit_test(spec_8_scale_up_limited),
        cmocka_unit_test(quirk_17_the_controller_defaults_by_itself),
        cmocka_unit_test(spec_4_3_the_current_revision_is_what_status_says),
        cmocka_unit_test(spec_4_3_only_the_template_makes_a_revision),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
