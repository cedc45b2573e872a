/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Admission of v1beta1: what is its own (spec §1.4, §3.5). That every other rule and warning holds for it as for v1alpha1 is shown
 * by running those tests' rows in both versions (both_versions.h).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/cloneset/defaults.h"
#include "common/cloneset/gates.h"
#include "test/unit/api_fixture.h"
#include "test/unit/both_versions.h"

#define UPDATE "spec.updateStrategy"
#define ROLLING UPDATE ".rollingUpdate"
#define ON_DELETE UPDATE ".type = 'OnDelete'"
#define IN_PLACE ROLLING ".inPlaceUpdateStrategy"
#define GIVE_ALL "; under OnDelete nothing is defaulted here: give partition and maxUnavailable, or drop rollingUpdate"
#define NIL_PARTITION                                                                                                  \
    ROLLING                                                                                                            \
    ".partition: Invalid value: \"<nil>\": failed GetScaledValueFromIntOrPercent for partition: nil value for "        \
    "IntOrString" GIVE_ALL
#define NIL_BUDGET                                                                                                     \
    ROLLING ".maxUnavailable: Invalid value: \"null\": maxUnavailable and maxSurge should not both be less than "      \
            "1" GIVE_ALL

struct row {
    const char *name, *edits;
    const char *wanted[4];
};

static void beta_edit(struct object *o, const char *edits)
{
    struct object base = {0};

    object_edit(&base, base_object, "apiVersion = 'apps.kruise.io/v1beta1'");
    object_edit(o, base.text, edits);
    object_done(&base);
}

static const struct row rule_rows[] = {
    {"a set without a strategy", NULL, {NULL}},
    {"§3.5: both types, or none", UPDATE ".type = 'RollingUpdate'", {NULL}},
    {"an empty type", UPDATE ".type = ''", {NULL}},
    {"quirk 1: OnDelete", ON_DELETE, {NULL}},
    {"a type of v1alpha1", UPDATE ".type = 'ReCreate'",
        {UPDATE ".type: Invalid value: \"ReCreate\": must be 'RollingUpdate' or 'OnDelete'"}},
    {"a type of another JSON type", UPDATE ".type = 5",
        {UPDATE ".type: Invalid value: 5: must be a string: put it in quotes"}},
    {"types in the scale strategy", "spec.scaleStrategy = {'enablePVCReuse':1,'excludePreparingDelete':'x'}",
        {"spec.scaleStrategy.enablePVCReuse: Invalid value: 1: must be a boolean",
            "spec.scaleStrategy.excludePreparingDelete: Invalid value: \"x\": must be a boolean"}},
    {"the three policies", ROLLING ".podUpdatePolicy = 'InPlaceOnly'", {NULL}},
    {"an empty policy", ROLLING ".podUpdatePolicy = ''", {NULL}},
    {"another policy", ROLLING ".podUpdatePolicy = 'OnDelete'",
        {ROLLING ".podUpdatePolicy: Invalid value: \"OnDelete\": must be 'ReCreate', 'InPlaceIfPossible' or "
                 "'InPlaceOnly'"}},
    {"fields of v1alpha1's updateStrategy are not looked at", UPDATE ".partition = 'x' ;; " UPDATE ".maxSurge = -1",
        {NULL}},
    {"partition", ROLLING ".partition = '5'",
        {ROLLING ".partition: Invalid value: \"5\": failed GetScaledValueFromIntOrPercent for partition: invalid type: "
                 "string is not a percentage"}},
    {"an absent partition counts as its default", ROLLING ".maxSurge = 1", {NULL}},
    {"quirk 2: maxUnavailable 0 with surge", ROLLING ".maxUnavailable = 0 ;; " ROLLING ".maxSurge = 1", {NULL}},
    {"maxUnavailable 0 without", ROLLING ".maxUnavailable = 0",
        {ROLLING ".maxUnavailable: Invalid value: \"0\": maxUnavailable and maxSurge should not both be less than 1"}},
    {"surge in place", ROLLING ".podUpdatePolicy = 'InPlaceOnly' ;; " ROLLING ".maxSurge = 1",
        {ROLLING ".maxSurge: Invalid value: \"1\": can not use maxSurge with podUpdatePolicy InPlaceOnly"}},
    {"OnDelete with a whole rollingUpdate", ON_DELETE " ;; " ROLLING " = {'partition':0,'maxUnavailable':1}", {NULL}},
    {"OnDelete with an empty one", ON_DELETE " ;; " ROLLING " = {}", {NIL_PARTITION, NIL_BUDGET}},
    {"OnDelete with surge and no partition", ON_DELETE " ;; " ROLLING " = {'maxSurge':1}", {NIL_PARTITION}},
    {"OnDelete with a partition alone", ON_DELETE " ;; " ROLLING " = {'partition':1}", {NIL_BUDGET}},
    {"OnDelete with no replicas", ON_DELETE " ;; spec.replicas = 0 ;; " ROLLING " = {'partition':1}", {NULL}},
    {"OnDelete and null", ON_DELETE " ;; " ROLLING " = null", {NULL}},
    {"OnDelete minds the policy",
        ON_DELETE " ;; " ROLLING " = {'podUpdatePolicy':'InPlaceOnly','maxSurge':1,'partition':0}",
        {ROLLING ".maxSurge: Invalid value: \"1\": can not use maxSurge with podUpdatePolicy InPlaceOnly"}},
    {"a rollingUpdate of another type", ROLLING " = []", {ROLLING ": Invalid value: []: must be an object"}},
    {"pre-download that makes sense",
        IN_PLACE " = {'imagePreDownloadParallelism':5,'imagePreDownloadTimeoutSeconds':0,"
                 "'imagePreDownloadMinUpdatedReadyPods':2}",
        {NULL}},
    {"parallelism as text", IN_PLACE ".imagePreDownloadParallelism = '+5'", {NULL}},
    {"parallelism in percent", IN_PLACE ".imagePreDownloadParallelism = '5%'",
        {IN_PLACE ".imagePreDownloadParallelism: Invalid value: \"5%\": imagePreDownloadParallelism does not support "
                  "percentage value"}},
    {"parallelism that is no number", IN_PLACE ".imagePreDownloadParallelism = 'x'",
        {IN_PLACE ".imagePreDownloadParallelism: Invalid value: \"x\": imagePreDownloadParallelism must be a valid "
                  "integer: strconv.Atoi: parsing \"x\": invalid syntax"}},
    {"empty parallelism", IN_PLACE ".imagePreDownloadParallelism = ''",
        {IN_PLACE ".imagePreDownloadParallelism: Invalid value: \"\": imagePreDownloadParallelism must be a valid "
                  "integer: strconv.Atoi: parsing \"\": invalid syntax"}},
    {"negative parallelism", IN_PLACE ".imagePreDownloadParallelism = '-5'",
        {IN_PLACE ".imagePreDownloadParallelism: Invalid value: \"-5\": imagePreDownloadParallelism must be "
                  "non-negative"}},
    {"negative as a number", IN_PLACE ".imagePreDownloadParallelism = -5",
        {IN_PLACE ".imagePreDownloadParallelism: Invalid value: -5: imagePreDownloadParallelism must be non-negative"}},
    {"the other two", IN_PLACE " = {'imagePreDownloadTimeoutSeconds':-1,'imagePreDownloadMinUpdatedReadyPods':'2'}",
        {IN_PLACE ".imagePreDownloadTimeoutSeconds: Invalid value: -1: must be greater than or equal to 0",
            IN_PLACE ".imagePreDownloadMinUpdatedReadyPods: Invalid value: \"2\": must be a 32-bit integer"}},
    {"quirk 3: rule 22", "spec.progressDeadlineSeconds = -5",
        {"spec.progressDeadlineSeconds: Invalid value: -5: must be greater than or equal to 0",
            "spec.progressDeadlineSeconds: Invalid value: -5: must be greater than minReadySeconds"}},
};

static void test_rules(void **state)
{
    unsigned failed = 0;

    (void)state;
    for (size_t i = 0; i < CS_ARRAY_LEN(rule_rows); i++) {
        struct object o = {0};
        struct cs_texts got = {0};

        beta_edit(&o, rule_rows[i].edits);
        cs_validate_cloneset(object_root(&o), &got);
        failed += !texts_are(rule_rows[i].name, &got, rule_rows[i].wanted);
        cs_texts_done(&got);
        object_done(&o);
    }
    assert_int_equal(failed, 0);
}

/* Pre-download is checked in v1alpha1, too, where its fields do as little. */
static void test_predownload_in_v1alpha1(void **state)
{
    static const char *const wanted[] = {UPDATE
        ".inPlaceUpdateStrategy.imagePreDownloadParallelism: Invalid value: \"5%\": "
        "imagePreDownloadParallelism does not support percentage value",
        NULL};
    struct object o = {0};
    struct cs_texts got = {0};

    (void)state;
    object_edit(&o, base_object, UPDATE ".inPlaceUpdateStrategy.imagePreDownloadParallelism = '5%'");
    cs_validate_cloneset(object_root(&o), &got);
    assert_true(texts_are("v1alpha1", &got, wanted));
    cs_texts_done(&got);
    object_done(&o);
}

/* ---- updates ---- */

static const struct {
    const char *name, *was, *is;
    const char *errors[2];
} update_rows[] = {
    {"§3.4, quirk 3: InPlaceOnly by policy", ROLLING ".podUpdatePolicy = 'InPlaceOnly'",
        "spec.template.spec.containers[0].args = ['x']",
        {"spec.template.spec.containers[0].args: Forbidden: updateStrategy.rollingUpdate.podUpdatePolicy InPlaceOnly "
         "allows only container images and template metadata to change: absent → [\"x\"]; set "
         "spec.updateStrategy.rollingUpdate.podUpdatePolicy to InPlaceIfPossible or ReCreate to roll this out by "
         "recreating Pods"}},
    {"an image", ROLLING ".podUpdatePolicy = 'InPlaceOnly'", "spec.template.spec.containers[0].image = 'x'", {NULL}},
    {"under OnDelete the policy has no say",
        ON_DELETE " ;; " ROLLING " = {'podUpdatePolicy':'InPlaceOnly','partition':0,'maxUnavailable':1}",
        "spec.template.spec.containers[0].args = ['x']", {NULL}},
    {"a type of v1alpha1 in its old place has none", UPDATE ".type = 'InPlaceOnly'",
        "spec.template.spec.containers[0].args = ['x']", {NULL}},
};

static void test_updates(void **state)
{
    (void)state;
    for (size_t i = 0; i < CS_ARRAY_LEN(update_rows); i++) {
        struct object was = {0}, is = {0};
        struct cs_texts errors = {0}, warnings = {0};

        beta_edit(&was, update_rows[i].was);
        object_edit(&is, was.text, update_rows[i].is);
        cs_validate_update(object_root(&was), object_root(&is), &errors, &warnings);
        assert_true(texts_are(update_rows[i].name, &errors, update_rows[i].errors));
        cs_texts_done(&errors);
        cs_texts_done(&warnings);
        object_done(&was);
        object_done(&is);
    }
}

static void test_on_delete_is_warned_of(void **state)
{
    static const char *const wanted[] = {
        "no Pod changes until somebody deletes it: spec.updateStrategy.type is OnDelete", NULL};
    struct object was = {0}, is = {0};
    struct cs_texts got = {0};

    (void)state;
    beta_edit(&was, ON_DELETE);
    object_edit(&is, was.text, "spec.template.spec.containers[0].image = 'x'");
    cs_admission_warnings(object_root(&was), object_root(&is), &(struct cs_gates){0}, &got);
    assert_true(texts_are("OnDelete", &got, wanted));
    cs_texts_done(&got);
    object_done(&was);
    object_done(&is);
}

/* ---- defaults ---- */

#define ADD(path, value) "{\"op\":\"add\",\"path\":\"" path "\",\"value\":" value "}"
#define US "/spec/updateStrategy"
#define RU US "/rollingUpdate"
#define WHOLE_ROLLING "{\"podUpdatePolicy\":\"ReCreate\",\"partition\":0,\"maxUnavailable\":\"20%\",\"maxSurge\":0}"
#define ALL_ROLLING                                                                                                    \
    ADD(RU "/podUpdatePolicy", "\"ReCreate\"")                                                                         \
    "," ADD(RU "/partition", "0") "," ADD(RU "/maxUnavailable", "\"20%\"") "," ADD(RU "/maxSurge", "0")
#define TYPE ADD(US "/type", "\"RollingUpdate\"")
#define FULL "'replicas':0,'revisionHistoryLimit':0,'updateStrategy':"
#define FULL_ROLLING(policy) "{'podUpdatePolicy':'" policy "','partition':0,'maxUnavailable':0,'maxSurge':0"

static const struct {
    const char *what, *spec, *patch;
} default_rows[] = {
    {"an empty spec gets everything", "",
        "[" ADD("/spec/replicas", "1") "," ADD("/spec/revisionHistoryLimit", "10") "," ADD(
            US, "{\"type\":\"RollingUpdate\",\"rollingUpdate\":" WHOLE_ROLLING "}") "]"},
    {"so does null", FULL "null", "[" ADD(US, "{\"type\":\"RollingUpdate\",\"rollingUpdate\":" WHOLE_ROLLING "}") "]"},
    {"an empty strategy", FULL "{}", "[" TYPE "," ADD(RU, WHOLE_ROLLING) "]"},
    {"an empty type and an empty rollingUpdate", FULL "{'type':'','rollingUpdate':{}}", "[" TYPE "," ALL_ROLLING "]"},
    {"a rollingUpdate of nulls",
        FULL "{'type':'RollingUpdate','rollingUpdate':{'podUpdatePolicy':'','partition':null,'maxUnavailable':null,"
             "'maxSurge':null}}",
        "[" ALL_ROLLING "]"},
    {"zeros are values", FULL "{'type':'RollingUpdate','rollingUpdate':" FULL_ROLLING("ReCreate") "}}", ""},
    {"in place gets its object", FULL "{'type':'RollingUpdate','rollingUpdate':" FULL_ROLLING("InPlaceIfPossible") "}}",
        "[" ADD(RU "/inPlaceUpdateStrategy", "{}") "]"},
    {"in place under a type that is still absent", FULL "{'rollingUpdate':" FULL_ROLLING("InPlaceOnly") "}}",
        "[" TYPE "," ADD(RU "/inPlaceUpdateStrategy", "{}") "]"},
    {"OnDelete: a missing rollingUpdate stays missing", FULL "{'type':'OnDelete'}", ""},
    {"OnDelete: nothing is defaulted inside",
        FULL "{'type':'OnDelete','rollingUpdate':{'podUpdatePolicy':'InPlaceOnly'}}", ""},
    {"an unknown type is validation's", FULL "{'type':'ReCreate'}", ""},
    {"so is what is no object", FULL "{'type':'RollingUpdate','rollingUpdate':[]}", ""},
    {"fields of v1alpha1 are not looked at", FULL "{'partition':null,'type':'OnDelete'}", ""},
};

static void test_defaults(void **state)
{
    (void)state;
    for (size_t i = 0; i < CS_ARRAY_LEN(default_rows); i++) {
        cs_autofree char *text =
            cs_xasprintf("{'apiVersion':'apps.kruise.io/v1beta1','spec':{%s}}", default_rows[i].spec);
        cs_autostrbuf out = CS_STRBUF_INIT;
        struct object o = {0};

        object_parse(&o, text, strlen(text));
        size_t n = cs_cloneset_default_patch(object_root(&o), &out);
        if (strcmp(cs_strbuf_str(&out), default_rows[i].patch) != 0 || (n == 0) != (out.len == 0))
            fail_msg("%s: %s", default_rows[i].what, cs_strbuf_str(&out));
        object_done(&o);
    }
}

/* D19: a default written into a converted strategy would be an edit that makes void what is kept about it. */
static void test_a_converted_strategy_is_left_as_it_is(void **state)
{
    struct object beta = {0}, alpha = {0}, edited = {0};
    cs_autostrbuf text = CS_STRBUF_INIT, none = CS_STRBUF_INIT, patch = CS_STRBUF_INIT;

    (void)state;
    beta_edit(&beta, ON_DELETE " ;; " ROLLING " = {'partition':1,'maxUnavailable':1} ;; spec.revisionHistoryLimit = 1");
    assert_true(cs_convert(object_root(&beta), CS_V1ALPHA1, &text, NULL));
    object_edit(&alpha, cs_strbuf_str(&text), "spec.minReadySeconds = 3");
    assert_int_equal(cs_cloneset_default_patch(object_root(&alpha), &none), 0);
    object_edit(&edited, alpha.text, UPDATE ".partition = 2");
    assert_int_equal(cs_cloneset_default_patch(object_root(&edited), &patch), 1);
    assert_string_equal(cs_strbuf_str(&patch), "[" ADD(US "/maxSurge", "0") "]");
    object_done(&beta);
    object_done(&alpha);
    object_done(&edited);
}

/* The peer's v1beta1 objects are defaulted and valid: nothing is added, nothing is refused. */
static void test_the_peers_sets(void **state)
{
    static const char *const files[] = {
        PEER "1-at-rest/clonesets-v1beta1.json", PEER "2-updates-in-flight/clonesets-v1beta1.json"};
    struct fixture f;

    (void)state;
    fixture_init(&f);
    for (size_t i = 0; i < CS_ARRAY_LEN(files); i++) {
        cs_json_foreach (item, fixture_load(&f, files[i])) {
            cs_autostrbuf out = CS_STRBUF_INIT;
            struct cs_texts got = {0};
            struct cs_cloneset_spec spec = {0};
            struct cs_error err = CS_ERROR_INIT;

            assert_int_equal(cs_cloneset_default_patch(item, &out), 0);
            cs_validate_cloneset(item, &got);
            if (got.n)
                fail_msg("%s", got.items[0]);
            assert_true(cs_cloneset_spec_decode_beta(f.pool, cs_json_get(item, "spec"), &spec, &err));
            cs_cloneset_spec_done(f.pool, &spec);
        }
    }
    fixture_done(&f);
}

/* ---- decoding: v1beta1 into the form of v1alpha1 ---- */

static bool same_intstr(const struct cs_intstr *a, const struct cs_intstr *b)
{
    return a->type == b->type && a->i == b->i && a->s == b->s;
}

/* One internal form: a v1alpha1 spec and what it converts to decode into the same. */
static void test_both_versions_decode_into_the_same(void **state)
{
    static const char *const edits[] = {NULL, "spec.scaleStrategy = {'disablePVCReuse':true,'podsToDelete':['a']}",
        "spec.scaleStrategy = {'maxUnavailable':'5%'}",
        UPDATE " = {'type':'InPlaceIfPossible','partition':3,'maxUnavailable':'10%','maxSurge':2,'paused':true}",
        UPDATE " = {'type':'InPlaceOnly','inPlaceUpdateStrategy':{'gracePeriodSeconds':7}}",
        UPDATE " = {'type':'OnDelete'}",
        UPDATE " = {'type':'ReCreate','scatterStrategy':[{'key':'k','value':'v'}],"
               "'priorityStrategy':{'orderPriority':[{'orderedKey':'o'}]}}"};
    struct fixture f;

    (void)state;
    fixture_init(&f);
    for (size_t i = 0; i < CS_ARRAY_LEN(edits); i++) {
        struct object alpha = {0}, beta = {0};
        struct cs_cloneset_spec a = {0}, b = {0};
        cs_autostrbuf out = CS_STRBUF_INIT;

        object_edit(&alpha, base_object, edits[i]);
        assert_true(cs_convert(object_root(&alpha), CS_V1BETA1, &out, NULL));
        object_parse(&beta, cs_strbuf_str(&out), out.len);
        assert_true(cs_cloneset_spec_decode(f.pool, cs_json_get(object_root(&alpha), "spec"), &a, NULL));
        assert_true(cs_cloneset_spec_decode_beta(f.pool, cs_json_get(object_root(&beta), "spec"), &b, NULL));
        cs_cloneset_default(f.pool, &a);
        cs_cloneset_default(f.pool, &b);
        assert_int_equal(a.type, b.type);
        assert_int_equal(a.disable_pvc_reuse, b.disable_pvc_reuse);
        assert_int_equal(a.n_pods_to_delete, b.n_pods_to_delete);
        assert_int_equal(a.n_scatter, b.n_scatter);
        assert_int_equal(a.n_order_keys, b.n_order_keys);
        assert_int_equal(a.paused, b.paused);
        assert_int_equal(a.grace_period_s, b.grace_period_s);
        assert_true(same_intstr(&a.partition, &b.partition) && same_intstr(&a.max_surge, &b.max_surge) &&
                    same_intstr(&a.max_unavailable, &b.max_unavailable) &&
                    same_intstr(&a.scale_max_unavailable, &b.scale_max_unavailable));
        cs_cloneset_spec_done(f.pool, &a);
        cs_cloneset_spec_done(f.pool, &b);
        object_done(&alpha);
        object_done(&beta);
    }
    fixture_done(&f);
}

static void test_what_does_not_decode_is_told_by_its_path(void **state)
{
    static const struct {
        const char *edits, *message;
    } rows[] = {
        {"spec.replicas = 'three'", "spec.replicas: Invalid value: \"three\": must be an integer"},
        {"spec.scaleStrategy.enablePVCReuse = 1", "spec.scaleStrategy.enablePVCReuse: Invalid value: 1*"},
        {"spec.scaleStrategy.excludePreparingDelete = 'x'",
            "spec.scaleStrategy.excludePreparingDelete: Invalid value: \"x\"*"},
        {UPDATE ".type = 7", UPDATE ".type: Invalid value: 7*"},
        {ROLLING " = 'x'", ROLLING ": Invalid value: \"x\": must be an object"},
        {ROLLING ".podUpdatePolicy = {}", ROLLING ".podUpdatePolicy: Invalid value: \"object\"*"},
        {ROLLING ".partition = 1.5", ROLLING ".partition: Invalid value: 1.5*"},
        {IN_PLACE ".gracePeriodSeconds = '1'", IN_PLACE ".gracePeriodSeconds: Invalid value: \"1\"*"},
    };
    struct fixture f;

    (void)state;
    fixture_init(&f);
    for (size_t i = 0; i < CS_ARRAY_LEN(rows); i++) {
        struct object o = {0};
        struct cs_cloneset_spec spec = {0};
        struct cs_error err = CS_ERROR_INIT;
        size_t len = strcspn(rows[i].message, "*");

        beta_edit(&o, rows[i].edits);
        assert_false(cs_cloneset_spec_decode_beta(f.pool, cs_json_get(object_root(&o), "spec"), &spec, &err));
        if (strncmp(err.message, rows[i].message, len) != 0 || (!rows[i].message[len] && err.message[len]))
            fail_msg("%s: %s", rows[i].edits, err.message);
        object_done(&o);
    }
    fixture_done(&f);
}

static void check_broken(void *ctx, struct cs_json broken, const char *path, const char *garbage)
{
    struct fixture *f = ctx;
    struct cs_texts texts = {0};
    struct cs_cloneset_spec spec = {0};
    cs_autostrbuf out = CS_STRBUF_INIT;

    (void)path;
    (void)garbage;
    (void)cs_cloneset_default_patch(broken, &out);
    cs_validate_cloneset(broken, &texts);
    cs_admission_warnings(broken, broken, &(struct cs_gates){0}, &texts);
    if (cs_cloneset_spec_decode_beta(f->pool, cs_json_get(broken, "spec"), &spec, NULL))
        cs_cloneset_spec_done(f->pool, &spec);
    cs_texts_done(&texts);
}

/* U-36 */
static void test_garbage_is_survived(void **state)
{
    struct fixture f;

    (void)state;
    fixture_init(&f);
    cs_json_foreach (item, fixture_load(&f, PEER "1-at-rest/clonesets-v1beta1.json"))
        assert_true(fixture_garbage(item, check_broken, &f) > 500);
    fixture_done(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rules),
        cmocka_unit_test(test_predownload_in_v1alpha1),
        cmocka_unit_test(test_updates),
        cmocka_unit_test(test_on_delete_is_warned_of),
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_a_converted_strategy_is_left_as_it_is),
        cmocka_unit_test(test_the_peers_sets),
        cmocka_unit_test(test_both_versions_decode_into_the_same),
        cmocka_unit_test(test_what_does_not_decode_is_told_by_its_path),
        cmocka_unit_test(test_garbage_is_survived),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
