/* SPDX-License-Identifier: Apache-2.0 */
/*
 * markPodNotReady and the condition KruisePodReady: spec §6.9 with A.5 and A.7, quirk 12; U-07, U-15, D14.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "controller/cloneset/bodies.h"
#include "controller/plan/lifecycle.h"
#include "test/unit/plan_fixture.h"

#define HELD_DELETE "label:hook/delete=on"
#define HELD_UPDATE "finalizer:hook/update"
#define MARKING_SPEC(n) "'replicas':" #n "," FX_HOOKS(FX_PRE_DELETE_MARKING)

static void spec_6_9_mark_pod_not_ready(void **state)
{
    static const char update_marking[] = "'replicas':1," FX_INPLACE "," FX_HOOKS(FX_PRE_UPDATE_MARKING);
    static const struct fx_row rows[] = {
        {"entering PreparingDelete: state and key in one patch", MARKING_SPEC(0), "bbbbb new ready kruise " HELD_DELETE,
            "", "lifecycle bbbbb PreparingDelete +preDeleteHook"},
        {"without the gate only the state", MARKING_SPEC(0), "bbbbb new ready " HELD_DELETE, "",
            "lifecycle bbbbb PreparingDelete"},
        {"the state is right, the key is missing", MARKING_SPEC(0),
            "bbbbb new ready kruise state:PreparingDelete " HELD_DELETE, "", "lifecycle bbbbb +preDeleteHook"},
        {"both are right", MARKING_SPEC(0), "bbbbb new unready keys:d state:PreparingDelete " HELD_DELETE, "", ""},
        {"somebody else's key is no key of ours", MARKING_SPEC(0),
            "bbbbb new unready keys:x state:PreparingDelete " HELD_DELETE, "", "lifecycle bbbbb +preDeleteHook"},
        {"entering PreparingUpdate", update_marking, "bbbbb old ready kruise " HELD_UPDATE, "",
            "lifecycle bbbbb PreparingUpdate +preUpdateHook"},
        {"it waits with the key", update_marking, "bbbbb old unready keys:u state:PreparingUpdate " HELD_UPDATE, "",
            ""},
        {"it waits without", update_marking, "bbbbb old ready kruise state:PreparingUpdate " HELD_UPDATE, "",
            "lifecycle bbbbb +preUpdateHook"},
        {"released: InPlaceUpdateReady False is acknowledged first all the same (U-15)", update_marking,
            "bbbbb old unready keys:u state:PreparingUpdate", "", "gate-off bbbbb"},
        {"the key stays while it is updated", update_marking, "bbbbb old gate-off keys:u state:PreparingUpdate", "",
            "inplace-apply bbbbb"},
        {"entering Updated takes it away", update_marking, "bbbbb new gate-off keys:u state:Updating", "",
            "refresh bbbbb gate Updated -preUpdateHook"},
        {"so does entering Normal (quirk 12)", update_marking, "bbbbb new gate-off keys:u state:Updating " HELD_UPDATE,
            "", "refresh bbbbb gate Normal -preUpdateHook"},
        {"put back with the hook", update_marking, "bbbbb old ready kruise state:Updated", "",
            "rearm-hook bbbbb PreparingUpdate +preUpdateHook"},
        {"a key that was left behind goes, whatever the hooks say", "'replicas':1", "bbbbb new unready keys:dux", "",
            "refresh bbbbb -preDeleteHook -preUpdateHook"},
        {"the gate without condition: True, with the other one in one patch (D14)", MARKING_SPEC(1),
            "bbbbb new fresh kruise-new state:PreparingNormal", "", "refresh bbbbb gate kruise Normal"},
        {"but not before there is a node", MARKING_SPEC(1), "bbbbb new fresh nodeless kruise-new state:PreparingNormal",
            "", ""},
        {"also on the peer's Pods, whatever the strategy (U-07)", "'replicas':1,'updateStrategy':{'type':'OnDelete'}",
            "bbbbb old ready kruise-new", "", "refresh bbbbb kruise"},
        {"and while paused", "'replicas':1,'updateStrategy':{'paused':true}", "bbbbb old ready kruise-new", "",
            "refresh bbbbb kruise"},
        {"somebody else's key is left alone", MARKING_SPEC(1), "bbbbb new unready keys:x", "", ""},
    };

    (void)state;
    FX_RUN(rows);
}

static void u_07_the_gate_is_served_whatever_the_strategy_says(void **state)
{
    static const char *const strategies[] = {"'type':'OnDelete'", "'paused':true", "'partition':'100%'",
        "'type':'InPlaceOnly'", "'maxUnavailable':0,'maxSurge':1"};

    (void)state;
    for (size_t i = 0; i < CS_ARRAY_LEN(strategies); i++) {
        struct fx f;
        cs_autofree char *spec = cs_xasprintf(
            "'replicas':1,'updateStrategy':{%s}," FX_HOOKS(FX_PRE_DELETE_MARKING "," FX_PRE_NORMAL), strategies[i]);

        fx_init(&f, spec);
        (void)fx_pod(&f, "bbbbb new fresh kruise-new state:PreparingNormal");
        assert_string_equal(fx_plan(&f), "refresh bbbbb gate kruise");
        fx_done(&f);
    }
}

/* ---- KruisePodReady, A.5 ---- */

static void a5_the_message(void **state)
{
#define OURS(key) "{\"userAgent\":\"Lifecycle\",\"key\":\"" key "\"}"
#define D OURS("preDeleteHook")
#define U OURS("preUpdateHook")
    static const struct {
        const char *have;
        unsigned add, drop;
        const char *want;
        bool empty;
    } rows[] = {
        {NULL, CS_KEY_PRE_DELETE, 0, "[" D "]", false},
        {"[]", CS_KEY_PRE_UPDATE, 0, "[" U "]", false},
        {"[" U "]", CS_KEY_PRE_DELETE, 0, "[" D "," U "]", false}, /* sorted */
        {"[" D "]", CS_KEY_PRE_DELETE, 0, "[" D "]", false}, /* once */
        {"[" D "," U "]", 0, CS_KEY_PRE_UPDATE, "[" D "]", false},
        {"[" D "," U "]", 0, CS_KEY_PRE_DELETE | CS_KEY_PRE_UPDATE, "[]", true},
        {"[" D "," U "]", CS_KEY_PRE_UPDATE, CS_KEY_PRE_DELETE, "[" U "]", false},
        /* other user agents, other keys, unknown members: kept as they are */
        {"[{\"userAgent\":\"Z\",\"key\":\"preDeleteHook\",\"more\":[1]},{\"userAgent\":\"A\",\"key\":\"k\"}]",
            CS_KEY_PRE_DELETE, 0,
            "[{\"userAgent\":\"A\",\"key\":\"k\"}," D ",{\"userAgent\":\"Z\",\"key\":\"preDeleteHook\",\"more\":[1]}]",
            false},
        {"[" OURS("other") "," D "]", 0, CS_KEY_PRE_DELETE, "[" OURS("other") "]", false},
        {"not JSON", CS_KEY_PRE_DELETE, 0, "[" D "]", false},
        {"{\"a\":1}", CS_KEY_PRE_DELETE, 0, "[" D "]", false},
        {"[1,\"x\",null]", CS_KEY_PRE_DELETE, 0, "[" D "]", false},
        {"[{}]", 0, CS_KEY_PRE_DELETE, "[{}]", false},
    };

    (void)state;
    for (size_t i = 0; i < CS_ARRAY_LEN(rows); i++) {
        const struct cs_pod p = {.has_kruise_gate = true, .kruise_ready.message = rows[i].have};
        bool empty;
        cs_autofree char *got = cs_ready_message(&p, rows[i].add, rows[i].drop, &empty);

        if (strcmp(got, rows[i].want) != 0 || empty != rows[i].empty)
            fail_msg("row %zu: %s", i, got);
    }
}

static void a5_which_keys_are_ours(void **state)
{
    static const struct {
        const char *message;
        bool gate;
        unsigned keys;
    } rows[] = {
        {NULL, true, 0},
        {"[]", true, 0},
        {"[" D "]", true, CS_KEY_PRE_DELETE},
        {"[" D "," U "]", true, CS_KEY_PRE_DELETE | CS_KEY_PRE_UPDATE},
        {"[" D "]", false, 0},
        {"[{\"userAgent\":\"X\",\"key\":\"preDeleteHook\"}]", true, 0},
        {"[" OURS("x") "]", true, 0},
        {"Lifecycle", true, 0},
    };

    (void)state;
    for (size_t i = 0; i < CS_ARRAY_LEN(rows); i++) {
        const struct cs_pod p = {.has_kruise_gate = rows[i].gate, .kruise_ready.message = rows[i].message};

        if (cs_ready_keys(&p) != rows[i].keys)
            fail_msg("row %zu", i);
    }
}

/* ---- the requests, A.7: one status patch each (D14) ---- */

static void check_body(const char *row, const struct cs_action *a, bool containers_ready, const char *want_text)
{
    struct fx f;
    cs_autostrbuf out = CS_STRBUF_INIT;
    cs_autofree char *want = cs_xstrdup(want_text);
    cs_autojdoc x = {0};
    cs_autojdoc y = {0};

    for (char *c = want; *c; c++)
        *c = *c == '\'' ? '"' : *c;
    fx_init(&f, "");
    (void)fx_pod(&f, row);
    if (containers_ready)
        f.pods[0]->containers_ready.status = CS_COND_TRUE;
    cs_body_refresh(f.pods[0], a, INT64_C(1735787045000), &out);
    assert_true(cs_jdoc_parse(&x, out.data, out.len, NULL, NULL));
    assert_true(cs_jdoc_parse(&y, want, strlen(want), NULL, NULL));
    if (!cs_json_equal(cs_jdoc_root(&x), cs_jdoc_root(&y)))
        fail_msg("\n  got:    %s\n  wanted: %s", out.data, want);
    fx_done(&f);
}

#define AT "'2025-01-02T03:04:05Z'"
#define META "{'metadata':{'uid':'p-bbbbb','resourceVersion':'20'"
#define STATE(s)                                                                                                       \
    ",'labels':{'lifecycle.apps.kruise.io/state':'" s "'},'annotations':{'lifecycle.apps.kruise.io/timestamp':" AT "}"
#define KRUISE(status, message)                                                                                        \
    "{'type':'KruisePodReady','status':'" status "','lastTransitionTime':" AT ",'reason':null,'message':" message "}"
#define READY_FALSE                                                                                                    \
    "{'type':'Ready','status':'False','lastTransitionTime':" AT ",'reason':'ReadinessGatesNotReady',"                  \
    "'message':'the status of pod readiness gate \\'KruisePodReady\\' is not \\'True\\', but False'}"
#define KEYS(key) "'[{\\'userAgent\\':\\'Lifecycle\\',\\'key\\':\\'" key "\\'}]'"

static void a7_lifecycle_requests(void **state)
{
    struct cs_pair label = {"hook/update", "on"};
    const char *finalizer = "hook/update";
    const struct cs_hook hook = {
        .present = true, .labels = {.items = &label, .len = 1}, .finalizers = &finalizer, .n_finalizers = 1};
    const struct cs_action plain = {.kind = CS_ACT_LIFECYCLE, .state = CS_LC_PREPARING_DELETE};
    const struct cs_action marking = {
        .kind = CS_ACT_LIFECYCLE, .state = CS_LC_PREPARING_DELETE, .keys_add = CS_KEY_PRE_DELETE};
    const struct cs_action key_only = {.kind = CS_ACT_LIFECYCLE, .keys_add = CS_KEY_PRE_DELETE};
    const struct cs_action back = {
        .kind = CS_ACT_REFRESH, .state = CS_LC_UPDATED, .keys_drop = CS_KEY_PRE_UPDATE, .gate_true = true};
    const struct cs_action first = {.kind = CS_ACT_REFRESH, .kruise_true = true};
    const struct cs_action rearm = {.kind = CS_ACT_REARM, .state = CS_LC_PREPARING_UPDATE, .hook = &hook};

    (void)state;
    check_body("bbbbb old ready", &plain, true, META STATE("PreparingDelete") "}}");
    check_body("bbbbb old ready kruise", &marking, true,
        META STATE("PreparingDelete") "},'status':{'conditions':[" KRUISE(
            "False", KEYS("preDeleteHook")) "," READY_FALSE "]}}");
    /* Ready is left alone when it says so already, or when the kubelet would not say True anyway */
    check_body("bbbbb old unready kruise", &marking, true,
        META STATE("PreparingDelete") "},'status':{'conditions':[" KRUISE("False", KEYS("preDeleteHook")) "]}}");
    check_body("bbbbb old ready kruise", &marking, false,
        META STATE("PreparingDelete") "},'status':{'conditions':[" KRUISE("False", KEYS("preDeleteHook")) "]}}");
    check_body("bbbbb old unready keys:d", &key_only, true,
        META "},'status':{'conditions':[" KRUISE("False", KEYS("preDeleteHook")) "]}}");
    check_body("bbbbb old unready keys:u", &back, true,
        META STATE("Updated") "},'status':{'conditions':[{'type':'InPlaceUpdateReady','status':'True',"
                              "'lastTransitionTime':" AT
                              ",'reason':null,'message':null}," KRUISE("True", "'[]'") "]}}");
    check_body(
        "bbbbb old ready kruise-new", &first, true, META "},'status':{'conditions':[" KRUISE("True", "null") "]}}");
    check_body("bbbbb old ready", &rearm, true,
        META ",'labels':{'hook/update':'on','lifecycle.apps.kruise.io/state':'PreparingUpdate'},"
             "'annotations':{'lifecycle.apps.kruise.io/timestamp':" AT "},'finalizers':['hook/update']}}");
}

static void spec_6_9_the_gate_is_added_where_a_hook_may_need_it(void **state)
{
    static const struct {
        const char *spec, *template_gates, *want;
    } rows[] = {
        {"", "", "InPlaceUpdateReady"},
        {FX_HOOKS(FX_PRE_DELETE "," FX_PRE_UPDATE), "", "InPlaceUpdateReady"},
        {FX_HOOKS(FX_PRE_DELETE_MARKING), "", "InPlaceUpdateReady KruisePodReady"},
        {FX_HOOKS(FX_PRE_UPDATE_MARKING), "", "InPlaceUpdateReady KruisePodReady"},
        {FX_HOOKS(FX_PRE_DELETE_MARKING), "{\"conditionType\":\"KruisePodReady\"},{\"conditionType\":\"x\"}",
            "KruisePodReady x InPlaceUpdateReady"},
        {"", "{\"conditionType\":\"KruisePodReady\"}", "KruisePodReady InPlaceUpdateReady"},
    };

    (void)state;
    for (size_t i = 0; i < CS_ARRAY_LEN(rows); i++) {
        struct fx f;
        struct cs_error err = CS_ERROR_INIT;
        cs_autostrbuf out = CS_STRBUF_INIT;
        cs_autostrbuf got = CS_STRBUF_INIT;
        cs_autojdoc doc = {0};
        cs_autofree char *tmpl = cs_xasprintf(
            "{\"metadata\":{},\"spec\":{\"containers\":[],\"readinessGates\":[%s]}}", rows[i].template_gates);

        fx_init(&f, rows[i].spec);
        const struct cs_new_pod n = {.set = f.set, .name = "web-a", .id = "a", .revision = "web-1", .tmpl = tmpl};
        assert_true(cs_body_pod(&n, &out, &err));
        assert_true(cs_jdoc_parse(&doc, out.data, out.len, NULL, &err));
        cs_json_foreach (gate, cs_json_at(cs_jdoc_root(&doc), "spec", "readinessGates", NULL)) {
            cs_autofree char *type = cs_json_str_dup(cs_json_get(gate, "conditionType"));

            cs_strbuf_addf(&got, "%s%s", got.len > 0 ? " " : "", type);
        }
        assert_string_equal(cs_strbuf_str(&got), rows[i].want);
        /* whatever the hooks, a Pod starts in PreparingNormal (spec §4.5) */
        assert_true(cs_json_str_is(
            cs_json_at(cs_jdoc_root(&doc), "metadata", "labels", CS_LABEL_LIFECYCLE_STATE, NULL), "PreparingNormal"));
        fx_done(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spec_6_9_mark_pod_not_ready),
        cmocka_unit_test(u_07_the_gate_is_served_whatever_the_strategy_says),
        cmocka_unit_test(a5_the_message),
        cmocka_unit_test(a5_which_keys_are_ours),
        cmocka_unit_test(a7_lifecycle_requests),
        cmocka_unit_test(spec_6_9_the_gate_is_added_where_a_hook_may_need_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
