/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rules on UPDATE (spec §3.4) and D15. Rows give the edits that make the old object of the base object, and the edits
 * that make the new one of the old one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "test/unit/api_fixture.h"
#include "test/unit/both_versions.h"

#define POD "spec.template.spec."
#define C0 POD "containers[0]."
#define TYPE "spec.updateStrategy.type = "
#define RULE "updateStrategy.type InPlaceOnly allows only container images and template metadata to change: "
#define ALSO "cannot change in place: "
#define ADVICE "; set spec.updateStrategy.type to InPlaceIfPossible or ReCreate to roll this out by recreating Pods"
#define SELECTOR                                                                                                       \
    "spec: Forbidden: updates to cloneset spec for fields other than 'replicas', 'template', 'lifecycle', "            \
    "'scaleStrategy', 'updateStrategy', 'minReadySeconds', 'progressDeadlineSeconds', 'volumeClaimTemplates' and "     \
    "'revisionHistoryLimit' are forbidden: spec.selector "
#define NEW_SET ": keep the old selector, or create a new CloneSet with another name"

struct row {
    const char *name, *old_edits, *new_edits;
    const char *errors[5];
    const char *warnings[5];
};

/* The same edit as v1beta1: the peer's webhook does not check it there (quirk 3). */
static bool same_update_in_beta(const struct row *row, const struct object *was, const struct object *is,
    const struct cs_texts *errors, const struct cs_texts *warnings)
{
    struct object beta_was = {0}, beta_is = {0};
    struct cs_texts beta_errors = {0}, beta_warnings = {0};
    bool same = true;

    if (as_beta(was, &beta_was) && as_beta(is, &beta_is)) {
        cs_validate_update(object_root(&beta_was), object_root(&beta_is), &beta_errors, &beta_warnings);
        same = same_in_beta(row->name, errors, &beta_errors) && same_in_beta(row->name, warnings, &beta_warnings);
    }
    cs_texts_done(&beta_errors);
    cs_texts_done(&beta_warnings);
    object_done(&beta_was);
    object_done(&beta_is);
    return same;
}

static bool run_row(const struct row *row)
{
    struct object was, is;
    struct cs_texts errors = {0}, warnings = {0};
    bool ok;

    object_edit(&was, base_object, row->old_edits);
    object_edit(&is, was.text, row->new_edits);
    cs_validate_update(object_root(&was), object_root(&is), &errors, &warnings);
    ok = texts_are(row->name, &errors, row->errors);
    ok = texts_are(row->name, &warnings, row->warnings) && ok;
    ok = same_update_in_beta(row, &was, &is, &errors, &warnings) && ok;
    cs_texts_done(&errors);
    cs_texts_done(&warnings);
    object_done(&was);
    object_done(&is);
    return ok;
}

static void run(const struct row *rows, size_t n)
{
    unsigned failed = 0;

    for (size_t i = 0; i < n; i++)
        failed += !run_row(&rows[i]);
    assert_int_equal(failed, 0);
}

#define ONLY TYPE "'InPlaceOnly'"

static void test_in_place_only_allows(void **state)
{
    static const struct row rows[] = {
        {"a new image", ONLY, C0 "image = 'nginx:latest'", {NULL}, {NULL}},
        {"template labels and annotations", ONLY,
            "spec.template.metadata.labels.v = '2' ;; spec.template.metadata.annotations = {'a':'b'}", {NULL}, {NULL}},
        {"claim templates", ONLY, "spec.volumeClaimTemplates[0].spec.resources.requests.storage = '3Gi'", {NULL},
            {NULL}},
        {"fields of the set", ONLY, "spec.replicas = 3 ;; spec.minReadySeconds = 5 ;; spec.lifecycle = {}", {NULL},
            {NULL}},
        {"D9: writing down a default", ONLY,
            POD "restartPolicy = 'Always' ;; " POD "terminationGracePeriodSeconds = 30 ;; " C0
                "imagePullPolicy = 'Always'",
            {NULL}, {NULL}},
        {"going from it to another type together with any edit", ONLY,
            TYPE "'InPlaceIfPossible' ;; " C0 "env = [{'name':'a','value':'2'}]", {NULL}, {NULL}},
        {"any edit under another type", TYPE "'InPlaceIfPossible'", C0 "env = [{'name':'a','value':'2'}]", {NULL},
            {NULL}},
    };

    (void)state;
    run(rows, CS_ARRAY_LEN(rows));
}

#define ENV(value) C0 "env = [{'name':'a','value':'" value "'}]"

static void test_in_place_only_refuses(void **state)
{
    static const struct row rows[] = {
        {"the value of an env", ONLY " ;; " ENV("1"), ENV("2"),
            {C0 "env[0].value: Forbidden: " RULE "\"1\" → \"2\"" ADVICE}, {NULL}},
        {"a command that was not there", ONLY, C0 "command = ['sh']",
            {C0 "command: Forbidden: " RULE "absent → [\"sh\"]" ADVICE}, {NULL}},
        {"resources", ONLY " ;; " C0 "resources = {'limits':{'cpu':'1'}}", C0 "resources.limits.cpu = '2'",
            {C0 "resources.limits[cpu]: Forbidden: " RULE "\"1\" → \"2\"" ADVICE}, {NULL}},
        {"a volume that goes", ONLY " ;; " POD "volumes = [{'name':'v','hostPath':{'path':'/v'}}]",
            "drop " POD "volumes",
            {POD "volumes: Forbidden: " RULE "[{\"hostPath\":{\"path\":\"/v\"},\"name\":\"v\"}] → absent" ADVICE},
            {NULL}},
        {"a container that comes", ONLY, POD "containers[1] = {'name':'sidecar','image':'s'}",
            {POD "containers[1]: Forbidden: " RULE "absent → {\"image\":\"s\",\"name\":\"sidecar\"}" ADVICE}, {NULL}},
        {"a container under another name", ONLY, C0 "name = 'web'",
            {C0 "name: Forbidden: " RULE "\"nginx\" → \"web\"" ADVICE}, {NULL}},
        {"the image of an init container", ONLY " ;; " POD "initContainers = [{'name':'i','image':'a'}]",
            POD "initContainers[0].image = 'b'",
            {POD "initContainers[0].image: Forbidden: " RULE "\"a\" → \"b\"" ADVICE}, {NULL}},
        {"every field, the rule first and the advice last", ONLY " ;; " ENV("1"),
            ENV("2") " ;; " C0 "image = 'nginx:latest' ;; " POD "nodeSelector = {'a':'b'} ;; " POD "hostNetwork = true",
            {C0 "env[0].value: Forbidden: " RULE "\"1\" → \"2\"", POD "hostNetwork: Forbidden: " ALSO "absent → true",
                POD "nodeSelector[a]: Forbidden: " ALSO "absent → \"b\"" ADVICE},
            {NULL}},
        {"the new type counts, whatever the old one was", ENV("1"), ONLY " ;; " ENV("2"),
            {C0 "env[0].value: Forbidden: " RULE "\"1\" → \"2\"" ADVICE}, {NULL}},
    };

    (void)state;
    run(rows, CS_ARRAY_LEN(rows));
}

/* Values of 300 two-byte characters are cut at about 120 bytes, not inside a character. */
static void test_long_values_are_cut(void **state)
{
    cs_autostrbuf was_edit = CS_STRBUF_INIT, is_edit = CS_STRBUF_INIT;
    struct object was, is;
    struct cs_texts errors = {0}, warnings = {0};

    (void)state;
    cs_strbuf_adds(&was_edit, ONLY " ;; " C0 "env = [{'name':'a','value':'x");
    cs_strbuf_adds(&is_edit, C0 "env = [{'name':'a','value':'xé");
    for (int i = 0; i < 300; i++) {
        cs_strbuf_adds(&was_edit, "é");
        cs_strbuf_adds(&is_edit, "ü");
    }
    cs_strbuf_adds(&was_edit, "'}]");
    cs_strbuf_adds(&is_edit, "'}]");
    object_edit(&was, base_object, cs_strbuf_str(&was_edit));
    object_edit(&is, was.text, cs_strbuf_str(&is_edit));
    cs_validate_update(object_root(&was), object_root(&is), &errors, &warnings);
    assert_int_equal(errors.n, 1);
    assert_true(cs_is_utf8(cs_str(errors.items[0])));
    assert_true(strlen(errors.items[0]) < strlen(C0 RULE ADVICE) + 300);
    assert_non_null(strstr(errors.items[0], "é… → \"xéü"));
    cs_texts_done(&errors);
    object_done(&was);
    object_done(&is);
}

/* More fields than anybody reads: the number is told, and the advice still comes last. */
static void test_many_fields_are_counted(void **state)
{
    cs_autostrbuf edit = CS_STRBUF_INIT;
    struct object was, is;
    struct cs_texts errors = {0}, warnings = {0};

    (void)state;
    cs_strbuf_adds(&edit, C0 "env = [");
    for (int i = 0; i < 100; i++)
        cs_strbuf_addf(&edit, "%s{'name':'n%d','value':'v'}", i ? "," : "", i);
    cs_strbuf_addc(&edit, ']');
    object_edit(&was, base_object, ONLY " ;; " C0 "env = [{'name':'other','value':'v'}]");
    object_edit(&is, was.text, cs_strbuf_str(&edit));
    cs_validate_update(object_root(&was), object_root(&is), &errors, &warnings);
    assert_int_equal(errors.n, 40);
    for (size_t i = 0; i < 39; i++)
        assert_null(strstr(errors.items[i], "; set spec."));
    assert_non_null(strstr(errors.items[39], "; and 61 more fields" ADVICE));
    cs_texts_done(&errors);
    object_done(&was);
    object_done(&is);
}

static void test_immutable_fields(void **state)
{
    static const struct row rows[] = {
        {"the selector", NULL, "spec.selector.matchLabels.tier = 'a' ;; spec.template.metadata.labels.tier = 'a'",
            {SELECTOR
                "{\"matchLabels\":{\"app\":\"web\"}} → {\"matchLabels\":{\"app\":\"web\",\"tier\":\"a\"}}" NEW_SET},
            {NULL}},
        {"nothing and an empty list are the same selector", NULL,
            "spec.selector.matchExpressions = [] ;; spec.replicas = 3", {NULL}, {NULL}},
        {"nothing and an empty list of values are the same",
            "spec.selector.matchExpressions = [{'key':'app','operator':'Exists'}]",
            "spec.selector.matchExpressions = [{'key':'app','operator':'Exists','values':[]}]", {NULL}, {NULL}},
        {"another operator is another selector", "spec.selector.matchExpressions = [{'key':'app','operator':'Exists'}]",
            "spec.selector.matchExpressions = [{'key':'app','operator':'In','values':['web']}]", {SELECTOR "*"},
            {NULL}},
        {"a field that nobody knows may change", NULL, "spec.newField = 1", {NULL}, {NULL}},
        {"metadata that never change", "metadata.creationTimestamp = '2025-01-02T03:04:05Z'",
            "metadata.uid = 'u2' ;; metadata.creationTimestamp = '2025-01-02T03:04:06Z' ;; spec.replicas = 1",
            {"metadata.uid: Invalid value: \"u2\": field is immutable",
                "metadata.creationTimestamp: Invalid value: \"2025-01-02T03:04:06Z\": field is immutable"},
            {NULL}},
        {"before the rules for the object itself", NULL,
            "spec.selector = {'matchLabels':{'app':'x'}} ;; spec.replicas = -1",
            {SELECTOR "*", "spec.replicas: *", "spec.template.metadata.labels: *"}, {NULL}},
    };

    (void)state;
    run(rows, CS_ARRAY_LEN(rows));
}

static void test_d15_what_was_wrong_before(void **state)
{
    static const struct row rows[] = {
        {"D15: an old violation is a warning", "spec.minReadySeconds = -1", "spec.replicas = 3", {NULL},
            {"was and is wrong: spec.minReadySeconds: Invalid value: -1: must be greater than or equal to 0"}},
        {"D15: a new one beside it is refused", "spec.minReadySeconds = -1", "spec.replicas = -2",
            {"spec.replicas: Invalid value: -2: must be greater than or equal to 0"},
            {"was and is wrong: spec.minReadySeconds: Invalid value: -1: must be greater than or equal to 0"}},
        {"D15: another value of the same field is new", "spec.minReadySeconds = -1", "spec.minReadySeconds = -2",
            {"spec.minReadySeconds: Invalid value: -2: *"}, {NULL}},
        {"D15: a long name from before us",
            "metadata.name = 'a-name-that-is-longer-than-fifty-two-characters-is-a-trap'", "spec.replicas = 3", {NULL},
            {"was and is wrong: metadata.name: Invalid value: \"a-name-that-is-longer-*"}},
        {"D15: the hint may change with other fields", C0 "volumeMounts = [{'name':'gone','mountPath':'/g'}]",
            POD "volumes = [{'name':'more','emptyDir':{}}]", {NULL},
            {"was and is wrong: " C0 "volumeMounts[0].name: Not found: \"gone\" (known: *"}},
        {"D15: many are counted, for kubectl prints each",
            "spec.scaleStrategy.podsToDelete = ['A','B','C','D','E','F','G']", "spec.replicas = 3", {NULL},
            {"was and is wrong: spec.scaleStrategy.podsToDelete[0]: *",
                "was and is wrong: spec.scaleStrategy.podsToDelete[1]: *",
                "was and is wrong: spec.scaleStrategy.podsToDelete[2]: *", "and 4 more that were and are wrong"}},
        {"D15: spec unchanged, nothing is said", "spec.minReadySeconds = -1", "metadata.labels = {'-':'-'}", {NULL},
            {NULL}},
        {"D15: the same spec in another order and with blanks is unchanged", "spec.minReadySeconds = -1",
            "spec.selector = { 'matchLabels' : {'app':'web'} }", {NULL}, {NULL}},
        {"D15: defaults, which the mutating webhook has just written, are no change",
            "spec.minReadySeconds = -1 ;; spec.updateStrategy = {'partition':1}",
            "metadata.labels = {'-':'-'} ;; spec.revisionHistoryLimit = 10 ;; spec.updateStrategy.type = 'ReCreate' ;; "
            "spec.updateStrategy.maxUnavailable = '20%' ;; spec.updateStrategy.maxSurge = 0",
            {NULL}, {NULL}},
        {"D15: another value than the default is one", "spec.minReadySeconds = -1",
            "metadata.labels = {'a':'-'} ;; spec.revisionHistoryLimit = 11", {"metadata.labels: *"},
            {"was and is wrong: spec.minReadySeconds: *"}},
        {"D15: on deletion nothing is refused", ONLY,
            "metadata.deletionTimestamp = '2025-01-02T03:04:05Z' ;; spec.replicas = -1 ;; " C0 "command = ['x']",
            {NULL}, {NULL}},
        {"D15: nor after it", ONLY " ;; metadata.deletionTimestamp = '2025-01-02T03:04:05Z'", "spec.replicas = -1",
            {NULL}, {NULL}},
    };

    (void)state;
    run(rows, CS_ARRAY_LEN(rows));
}

/* ---- robustness ---- */

struct pair {
    struct cs_json good;
};

static void update_broken(void *ctx, struct cs_json broken, const char *path, const char *garbage)
{
    const struct pair *pair = ctx;
    struct cs_texts errors = {0}, warnings = {0};

    (void)path, (void)garbage;
    cs_validate_update(pair->good, broken, &errors, &warnings);
    cs_validate_update(broken, pair->good, &errors, &warnings);
    cs_validate_update(broken, broken, &errors, &warnings);
    cs_texts_done(&errors);
    cs_texts_done(&warnings);
}

static void test_garbage_never_crashes(void **state)
{
    struct object was, is;
    struct pair pair;

    (void)state;
    object_edit(&was, base_object, ONLY " ;; " ENV("1"));
    object_edit(&is, was.text, ENV("2") " ;; spec.selector.matchExpressions = [{'key':'a','operator':'Exists'}]");
    pair.good = object_root(&was);
    assert_true(fixture_garbage(object_root(&is), update_broken, &pair) > 400);
    object_done(&was);
    object_done(&is);
}

static void test_objects_that_are_none(void **state)
{
    struct cs_texts errors = {0}, warnings = {0};
    struct object o;

    (void)state;
    cs_validate_update((struct cs_json){0}, (struct cs_json){0}, &errors, &warnings);
    assert_int_equal(errors.n, 0);
    object_edit(&o, base_object, NULL);
    cs_validate_update(object_root(&o), (struct cs_json){0}, &errors, &warnings);
    assert_true(errors.n > 0);
    cs_texts_done(&errors);
    cs_texts_done(&warnings);
    object_done(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_in_place_only_allows),
        cmocka_unit_test(test_in_place_only_refuses),
        cmocka_unit_test(test_long_values_are_cut),
        cmocka_unit_test(test_many_fields_are_counted),
        cmocka_unit_test(test_immutable_fields),
        cmocka_unit_test(test_d15_what_was_wrong_before),
        cmocka_unit_test(test_garbage_never_crashes),
        cmocka_unit_test(test_objects_that_are_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
