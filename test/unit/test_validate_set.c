/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules of spec §3.2 for the set itself, and ours behind them: exact texts, exact order.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/cloneset/arith.h"
#include "test/unit/api_fixture.h"
#include "test/unit/both_versions.h"

#define SUBDOMAIN_FORM                                                                                                 \
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start "   \
    "and end with an alphanumeric character (e.g. 'example.com', regex used for validation is "                        \
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
#define LABEL_FORM                                                                                                     \
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end "    \
    "with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is "                     \
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
#define NAME_PART                                                                                                      \
    "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric " \
    "character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is "                            \
    "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
#define VALUE_FORM                                                                                                     \
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start "    \
    "and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation "  \
    "is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
#define QUANTITY "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
#define NOT_PERCENT(field)                                                                                             \
    "failed GetScaledValueFromIntOrPercent for " field ": invalid type: string is not a percentage"
#define NOT_NEGATIVE "must be greater than or equal to 0"
#define NO_MATCH "`selector` does not match template `labels`"
#define STRATEGY "spec.updateStrategy."
#define PRIORITY STRATEGY "priorityStrategy: Required value: "
#define X10 "xxxxxxxxxx"

struct row {
    const char *name, *edits;
    const char *wanted[6];
};

static void run(const struct row *rows, size_t n)
{
    unsigned failed = 0;

    for (size_t i = 0; i < n; i++) {
        struct object o;
        struct cs_texts got = {0};

        object_edit(&o, base_object, rows[i].edits);
        cs_validate_cloneset(object_root(&o), &got);
        failed += !texts_are(rows[i].name, &got, rows[i].wanted) || !valid_in_both(rows[i].name, &o, &got);
        cs_texts_done(&got);
        object_done(&o);
    }
    assert_int_equal(failed, 0);
}

static void test_metadata_and_selector(void **state)
{
    static const struct row rows[] = {
        {"the example is right", NULL, {NULL}},
        {"a name must have the DNS form", "metadata.name = 'A_b'",
            {"metadata.name: Invalid value: \"A_b\": " SUBDOMAIN_FORM}},
        {"a name or its prefix is needed", "drop metadata.name",
            {"metadata.name: Required value: name or generateName is required"}},
        {"generateName may end in a hyphen", "drop metadata.name ;; metadata.generateName = 'web-'", {NULL}},
        {"a namespace is needed", "drop metadata.namespace", {"metadata.namespace: Required value"}},
        {"labels have the form of labels", "metadata.labels = {'-a':'v','k':'-v'}",
            {"metadata.labels: Invalid value: \"-a\": " NAME_PART,
                "metadata.labels: Invalid value: \"-v\": " VALUE_FORM}},
        {"a number is no label", "metadata.labels = {'a':5}",
            {"metadata.labels[a]: Invalid value: 5: must be a string: put it in quotes"}},
        {"annotation keys may have capitals before the slash", "metadata.annotations = {'Example.COM/Key':'x y'}",
            {NULL}},
        {"annotation keys are qualified names", "metadata.annotations = {'a/b/c':''}",
            {"metadata.annotations: Invalid value: \"a/b/c\": a qualified name must consist of*"}},
        {"owners are complete", "metadata.ownerReferences = [{'apiVersion':'v1','kind':'A','name':'n'}]",
            {"metadata.ownerReferences[0].uid: Invalid value: \"\": must not be empty"}},
        {"finalizers are qualified names", "metadata.finalizers = ['a b']",
            {"metadata.finalizers: Invalid value: \"a b\": " NAME_PART}},
        {"rule 2: replicas are not negative", "spec.replicas = -3",
            {"spec.replicas: Invalid value: -3: " NOT_NEGATIVE}},
        {"absent replicas are one", "drop spec.replicas", {NULL}},
        {"replicas of a wrong type", "spec.replicas = 'three'",
            {"spec.replicas: Invalid value: \"three\": must be a 32-bit integer"}},
        {"replicas beyond int32", "spec.replicas = 2147483648",
            {"spec.replicas: Invalid value: 2147483648: must be a 32-bit integer"}},
        {"rules 3 and 7: an absent selector matches nothing", "drop spec.selector",
            {"spec.selector: Required value",
                "spec.template.metadata.labels: Invalid value: {\"app\":\"web\"}: " NO_MATCH}},
        {"rules 4 and 6: a bad key", "spec.selector = {'matchLabels':{'-a':'b'}}",
            {"spec.selector.matchLabels: Invalid value: \"-a\": " NAME_PART,
                "spec.selector: Invalid value: {\"matchLabels\":{\"-a\":\"b\"}}"}},
        {"rule 4: In needs values", "spec.selector = {'matchExpressions':[{'key':'a','operator':'In'}]}",
            {"spec.selector.matchExpressions[0].values: Required value: must be specified when `operator` is 'In' or "
             "'NotIn'",
                "spec.selector: Invalid value: {\"matchExpressions\":[{\"key\":\"a\",\"operator\":\"In\"}]}"}},
        {"rule 4: Exists takes no values",
            "spec.selector = {'matchExpressions':[{'key':'a','operator':'Exists','values':['b']}]}",
            {"spec.selector.matchExpressions[0].values: Forbidden: may not be specified when `operator` is 'Exists' or "
             "'DoesNotExist'",
                "spec.selector: Invalid value: *"}},
        {"rule 4: an unknown operator, and an absent key", "spec.selector = {'matchExpressions':[{'operator':'Foo'}]}",
            {"spec.selector.matchExpressions[0].operator: Invalid value: \"Foo\": not a valid selector operator",
                "spec.selector.matchExpressions[0].key: Invalid value: \"\": name part must be non-empty",
                "spec.selector.matchExpressions[0].key: Invalid value: \"\": " NAME_PART,
                "spec.selector: Invalid value: {\"matchExpressions\":[{\"operator\":\"Foo\"}]}"}},
        {"rule 5: an empty selector", "spec.selector = {}",
            {"spec.selector: Invalid value: {}: empty selector is invalid for cloneset"}},
        {"rule 7: another label", "spec.selector.matchLabels.app = 'api'",
            {"spec.template.metadata.labels: Invalid value: {\"app\":\"web\"}: " NO_MATCH}},
        {"rule 7: no labels at all", "drop spec.template.metadata",
            {"spec.template.metadata.labels: Invalid value: null: " NO_MATCH}},
        {"rule 7: expressions that match",
            "spec.selector = {'matchExpressions':[{'key':'app','operator':'In','values':['x','web']},"
            "{'key':'app','operator':'Exists'},{'key':'no','operator':'DoesNotExist'},"
            "{'key':'no','operator':'NotIn','values':['x']}]}",
            {NULL}},
        {"rule 7: NotIn that does not match",
            "spec.selector = {'matchExpressions':[{'key':'app','operator':'NotIn','values':['web']}]}",
            {"spec.template.metadata.labels: Invalid value: {\"app\":\"web\"}: " NO_MATCH}},
    };

    (void)state;
    run(rows, CS_ARRAY_LEN(rows));
}

static void test_scale_strategy(void **state)
{
    static const struct row rows[] = {
        {"rule 11: duplicates, in order of occurrence, each once",
            "spec.scaleStrategy.podsToDelete = ['b','a','b','c','a','b']",
            {"spec.scaleStrategy.podsToDelete: Invalid value: [\"b\",\"a\",\"b\",\"c\",\"a\",\"b\"]: duplicated items "
             "[b "
             "a]"}},
        {"D16: names that are no Pods are fine, if they have the form", "spec.scaleStrategy.podsToDelete = ['gone-x1']",
            {NULL}},
        {"D16: names must have the form", "spec.scaleStrategy.podsToDelete = ['ok','No_']",
            {"spec.scaleStrategy.podsToDelete[1]: Invalid value: \"No_\": " SUBDOMAIN_FORM}},
        {"a null among them is an empty name", "spec.scaleStrategy.podsToDelete = [null]",
            {"spec.scaleStrategy.podsToDelete[0]: Invalid value: \"\": " SUBDOMAIN_FORM}},
        {"podsToDelete is a list", "spec.scaleStrategy.podsToDelete = 'web-abcde'",
            {"spec.scaleStrategy.podsToDelete: Invalid value: \"web-abcde\": must be an array"}},
        {"quirk 5: a string without % is refused", "spec.scaleStrategy.maxUnavailable = '5'",
            {"spec.scaleStrategy.maxUnavailable: Invalid value: \"5\": " NOT_PERCENT("maxUnavailable")}},
        {"a negative limit is refused", "spec.scaleStrategy.maxUnavailable = -1",
            {"spec.scaleStrategy.maxUnavailable: Invalid value: -1: " NOT_NEGATIVE}},
        {"percentages may have fractions", "spec.scaleStrategy.maxUnavailable = '33.3%'", {NULL}},
    };

    (void)state;
    run(rows, CS_ARRAY_LEN(rows));
}

static void test_update_strategy(void **state)
{
    static const struct row rows[] = {
        {"the four types, and none, are fine: ReCreate", STRATEGY "type = 'ReCreate'", {NULL}},
        {"InPlaceIfPossible", STRATEGY "type = 'InPlaceIfPossible'", {NULL}},
        {"InPlaceOnly", STRATEGY "type = 'InPlaceOnly'", {NULL}},
        {"quirk 1: OnDelete", STRATEGY "type = 'OnDelete'", {NULL}},
        {"the empty type is the default", STRATEGY "type = ''", {NULL}},
        {"rule 13: no other", STRATEGY "type = 'Recreate'",
            {STRATEGY "type: Invalid value: \"Recreate\": must be 'ReCreate', 'InPlaceIfPossible', 'InPlaceOnly' or "
                      "'OnDelete'"}},
        {"the type is a string", STRATEGY "type = 7",
            {STRATEGY "type: Invalid value: 7: must be a string: put it in quotes"}},
        {"rule 14: a string is a percentage", STRATEGY "partition = '5'",
            {STRATEGY "partition: Invalid value: \"5\": " NOT_PERCENT("partition")}},
        {"rule 14: a percentage is a number", STRATEGY "partition = 'some%'",
            {STRATEGY "partition: Invalid value: \"some%\": failed GetScaledValueFromIntOrPercent for partition: what "
                      "stands before '%' is not a decimal number"}},
        {"rule 14: fractions are fine", STRATEGY "partition = '33.3%'", {NULL}},
        {"rule 14: neither number nor string", STRATEGY "partition = true",
            {STRATEGY "partition: Invalid value: true: must be a 32-bit integer or a percentage"}},
        {"rule 15: a negative partition", STRATEGY "partition = -1",
            {STRATEGY "partition: Invalid value: -1: " NOT_NEGATIVE}},
        {"rule 15: shows the scaled value", STRATEGY "partition = '-40%'",
            {STRATEGY "partition: Invalid value: -2: " NOT_NEGATIVE}},
        {"a partition above the replicas is fine", STRATEGY "partition = 50", {NULL}},
        {"rule 16: both kinds",
            STRATEGY "priorityStrategy = {'weightPriority':[{'weight':1,'matchSelector':{'matchLabels':{'a':'b'}}}],"
                     "'orderPriority':[{'orderedKey':'k'}]}",
            {STRATEGY "priorityStrategy: Required value: only one of weightPriority and orderPriority can be used"}},
        {"rule 16: the first of several",
            STRATEGY "priorityStrategy.weightPriority = [{'weight':101,'matchSelector':{}},{'weight':1}]",
            {STRATEGY "priorityStrategy: Required value: weight must be valid number in the range 1-100"}},
        {"rule 16: an empty selector", STRATEGY "priorityStrategy.weightPriority = [{'weight':1,'matchSelector':{}}]",
            {STRATEGY "priorityStrategy: Required value: selector can not be empty"}},
        {"rule 16: an invalid selector",
            STRATEGY "priorityStrategy.weightPriority = "
                     "[{'weight':1,'matchSelector':{'matchExpressions':[{'key':'a','operator':'X'}]}}]",
            {STRATEGY "priorityStrategy: Required value: invalid selector matchSelector.matchExpressions[0].operator: "
                      "Invalid value: \"X\": not a valid selector operator"}},
        {"rule 16: a selector of the wrong type",
            STRATEGY
            "priorityStrategy.weightPriority = [{'matchSelector':{'matchLabels':'a','matchExpressions':[{}]}}]",
            {PRIORITY "invalid selector matchSelector.matchLabels: Invalid value: \"a\": must be an object"}},
        {"rule 16: an empty key", STRATEGY "priorityStrategy.orderPriority = [{'orderedKey':'a'},{}]",
            {STRATEGY "priorityStrategy: Required value: order key can not be empty"}},
        {"rule 17: keys and pairs",
            STRATEGY "scatterStrategy = "
                     "[{'key':'a','value':'b'},{'value':'x'},{'key':'a','value':'b'},{'key':'a','value':'c'}]",
            {STRATEGY "scatterStrategy: Required value: key should not be empty",
                STRATEGY "scatterStrategy: Required value: duplicated key=a value=b"}},
        {"rule 18", STRATEGY "maxUnavailable = '1x'",
            {STRATEGY "maxUnavailable: Invalid value: \"1x\": " NOT_PERCENT("maxUnavailable")}},
        {"rule 19", STRATEGY "maxSurge = 'all'",
            {STRATEGY "maxSurge: Invalid value: \"all\": " NOT_PERCENT("maxSurge")}},
        {"rule 20: an integer is shown as text", STRATEGY "type = 'InPlaceOnly' ;; " STRATEGY "maxSurge = 1",
            {STRATEGY "maxSurge: Invalid value: \"1\": can not use maxSurge with strategy type InPlaceOnly"}},
        {"rule 20: a percentage is rounded up", STRATEGY "type = 'InPlaceOnly' ;; " STRATEGY "maxSurge = '1%'",
            {STRATEGY "maxSurge: Invalid value: \"1%\": can not use maxSurge with strategy type InPlaceOnly"}},
        {"rule 21: nothing may go and nothing may come", STRATEGY "maxUnavailable = 0",
            {STRATEGY
                "maxUnavailable: Invalid value: \"0\": maxUnavailable and maxSurge should not both be less than 1"}},
        {"rule 21: a percentage of something is at least one", STRATEGY "maxUnavailable = '1%'", {NULL}},
        {"rule 21, quirk 2: surge suffices", STRATEGY "maxUnavailable = 0 ;; " STRATEGY "maxSurge = 1", {NULL}},
        {"rule 21: without replicas anything goes", STRATEGY "maxUnavailable = 0 ;; spec.replicas = 0", {NULL}},
        {"rule 21 is not added to a value that cannot be read", STRATEGY "maxUnavailable = 'x'",
            {STRATEGY "maxUnavailable: Invalid value: \"x\": " NOT_PERCENT("maxUnavailable")}},
        {"ours: a negative maxUnavailable beside surge", STRATEGY "maxUnavailable = -1 ;; " STRATEGY "maxSurge = 1",
            {STRATEGY "maxUnavailable: Invalid value: -1: " NOT_NEGATIVE}},
        {"ours: a negative grace period", STRATEGY "inPlaceUpdateStrategy.gracePeriodSeconds = -1",
            {STRATEGY "inPlaceUpdateStrategy.gracePeriodSeconds: Invalid value: -1: " NOT_NEGATIVE}},
        {"paused is a boolean", STRATEGY "paused = 'yes'",
            {STRATEGY "paused: Invalid value: \"yes\": must be a boolean"}},
        {"updateStrategy null is the default", "spec.updateStrategy = null", {NULL}},
        {"updateStrategy of a wrong type", "spec.updateStrategy = 'InPlaceOnly'",
            {"spec.updateStrategy: Invalid value: \"InPlaceOnly\": must be an object"}},
    };

    (void)state;
    run(rows, CS_ARRAY_LEN(rows));
}

static void test_numbers_and_name(void **state)
{
    static const struct row rows[] = {
        {"rules 22 and 23: a negative deadline", "spec.progressDeadlineSeconds = -5",
            {"spec.progressDeadlineSeconds: Invalid value: -5: " NOT_NEGATIVE,
                "spec.progressDeadlineSeconds: Invalid value: -5: must be greater than minReadySeconds"}},
        {"rule 23: not above minReadySeconds", "spec.progressDeadlineSeconds = 5 ;; spec.minReadySeconds = 5",
            {"spec.progressDeadlineSeconds: Invalid value: 5: must be greater than minReadySeconds"}},
        {"rule 23: the largest number switches it off",
            "spec.progressDeadlineSeconds = 2147483647 ;; spec.minReadySeconds = 2147483647", {NULL}},
        {"ours: types of hooks",
            "spec.lifecycle = {'preDelete':{'labelsHandler':{'a':'b','c':null,'d':5}},"
            "'inPlaceUpdate':{'labelsHandler':[],'finalizersHandler':'x/y'},"
            "'preNormal':{'finalizersHandler':['x/y',null,5],'markPodNotReady':'yes'}}",
            {"spec.lifecycle.preDelete.labelsHandler[d]: Invalid value: 5: must be a string: put it in quotes",
                "spec.lifecycle.inPlaceUpdate.labelsHandler: Invalid value: []: must be an object",
                "spec.lifecycle.inPlaceUpdate.finalizersHandler: Invalid value: \"x/y\": must be an array",
                "spec.lifecycle.preNormal.finalizersHandler[2]: Invalid value: 5: must be a string: put it in quotes",
                "spec.lifecycle.preNormal.markPodNotReady: Invalid value: \"yes\": must be a boolean"}},
        {"ours: lifecycle as a text", "spec.lifecycle = 'preDelete'",
            {"spec.lifecycle: Invalid value: \"preDelete\": must be an object"}},
        {"ours: minReadySeconds", "spec.minReadySeconds = -1",
            {"spec.minReadySeconds: Invalid value: -1: " NOT_NEGATIVE}},
        {"quirk 16: revisionHistoryLimit", "spec.revisionHistoryLimit = -1",
            {"spec.revisionHistoryLimit: Invalid value: -1: " NOT_NEGATIVE}},
        {"quirk 10: a name of 52 characters is fine", "metadata.name = '" X10 X10 X10 X10 X10 "ab'", {NULL}},
        {"quirk 10: one of 53 is not", "metadata.name = '" X10 X10 X10 X10 X10 "abc'",
            {"metadata.name: Invalid value: \"" X10 X10 X10 X10 X10
             "abc\": must be no more than 52 characters: Pods carry the label controller-revision-hash with the value "
             "\"<name>-<hash>\", and a label value has at most 63"}},
        {"the order is the spec's, and ours come last",
            "spec.replicas = -1 ;; " STRATEGY "type = 'X' ;; spec.minReadySeconds = -1 ;; "
            "spec.template.spec.restartPolicy = 'Never'",
            {"spec.replicas: Invalid value: -1: " NOT_NEGATIVE,
                "spec.template.spec.restartPolicy: Unsupported value: \"Never\": supported values: \"Always\"",
                STRATEGY "type: Invalid value: \"X\": *", "spec.minReadySeconds: Invalid value: -1: " NOT_NEGATIVE}},
        {"no spec at all", "drop spec",
            {"spec.selector: Required value", "spec.template.metadata.labels: Invalid value: null: " NO_MATCH,
                "spec.template.spec.containers: Required value"}},
    };

    (void)state;
    run(rows, CS_ARRAY_LEN(rows));
}

#define CLAIM "spec.volumeClaimTemplates[0]."

/* Conversion keeps it in its note, so v1beta1 has nothing to complain about. */
static void test_the_type_of_disable_pvc_reuse(void **state)
{
    struct object o;
    struct cs_texts got = {0};

    (void)state;
    object_edit(&o, base_object, "spec.scaleStrategy = {'disablePVCReuse':1}");
    cs_validate_cloneset(object_root(&o), &got);
    assert_int_equal(got.n, 1);
    assert_string_equal(got.items[0], "spec.scaleStrategy.disablePVCReuse: Invalid value: 1: must be a boolean");
    cs_texts_done(&got);
    object_done(&o);
}

static void test_claim_templates(void **state)
{
    static const struct row rows[] = {
        {"access modes are needed", "drop " CLAIM "spec.accessModes",
            {CLAIM "spec.accessModes: Required value: at least 1 access mode is required"}},
        {"known access modes", CLAIM "spec.accessModes = ['RWO']",
            {CLAIM
                "spec.accessModes: Unsupported value: \"RWO\": supported values: \"ReadOnlyMany\", \"ReadWriteMany\", "
                "\"ReadWriteOnce\", \"ReadWriteOncePod\""}},
        {"one Pod means one mode", CLAIM "spec.accessModes = ['ReadWriteOncePod','ReadWriteOnce']",
            {CLAIM "spec.accessModes: Forbidden: may not use ReadWriteOncePod with other access modes"}},
        {"a size is needed", "drop " CLAIM "spec.resources",
            {CLAIM "spec.resources.requests[storage]: Required value"}},
        {"a size is above zero", CLAIM "spec.resources.requests.storage = '0'",
            {CLAIM "spec.resources.requests[storage]: Invalid value: \"0\": must be greater than zero"}},
        {"a size is a quantity, said once", CLAIM "spec.resources.requests.storage = '2 GiB'",
            {CLAIM "spec.resources.requests[storage]: Invalid value: \"2 GiB\": " QUANTITY}},
        {"a size may be a number", CLAIM "spec.resources.requests.storage = 5", {NULL}},
        {"the class has the DNS form", CLAIM "spec.storageClassName = 'A_'",
            {CLAIM "spec.storageClassName: Invalid value: \"A_\": " SUBDOMAIN_FORM}},
        {"an empty class is one", CLAIM "spec.storageClassName = ''", {NULL}},
        {"the mode of the volume", CLAIM "spec.volumeMode = 'x'",
            {CLAIM "spec.volumeMode: Unsupported value: \"x\": supported values: \"Block\", \"Filesystem\""}},
        {"types of everything", CLAIM "spec.accessModes = 'ReadWriteOnce'",
            {CLAIM "spec.accessModes: Invalid value: \"ReadWriteOnce\": must be an array",
                CLAIM "spec.accessModes: Required value: at least 1 access mode is required"}},
        {"a name is needed, as volume and by the mount", "drop " CLAIM "metadata.name",
            {"spec.template.spec.volumes[0].name: Required value: spec.volumeClaimTemplates[0].metadata.name",
                "spec.template.spec.containers[0].volumeMounts[0].name: Not found: \"data-vol\""}},
        {"the name is a volume's", CLAIM "metadata.name = 'Data' ;; spec.template.spec.containers[0].volumeMounts = []",
            {"spec.template.spec.volumes[0].name: Invalid value: \"Data\": " LABEL_FORM}},
        {"a list is needed", "spec.volumeClaimTemplates = {} ;; spec.template.spec.containers[0].volumeMounts = []",
            {"spec.volumeClaimTemplates: Invalid value: {}: must be an array"}},
    };

    (void)state;
    run(rows, CS_ARRAY_LEN(rows));
}

/* U-04: whatever percentage of however few Pods is accepted lets at least one Pod go. */
static void test_u04_every_accepted_percentage_makes_progress(void **state)
{
    (void)state;
    for (int replicas = 1; replicas <= 20; replicas++) {
        for (int percent = 0; percent <= 100; percent++) {
            cs_autofree char *text = cs_xasprintf("%d%%", percent);
            cs_autofree char *edits = cs_xasprintf("spec.replicas = %d ;; " STRATEGY "type = 'InPlaceOnly' ;; " STRATEGY
                                                   "maxUnavailable = '%s'",
                replicas, text);
            struct cs_intstr v = {.type = CS_IS_STRING, .s = text};
            struct object o;
            struct cs_texts got = {0};

            object_edit(&o, base_object, edits);
            cs_validate_cloneset(object_root(&o), &got);
            assert_int_equal(got.n, percent == 0);
            if (got.n == 0)
                assert_true(cs_scaled(&v, replicas, CS_ROUND_UP) >= 1);
            cs_texts_done(&got);
            object_done(&o);
        }
    }
}

/* ---- what no object may do ---- */

static void validate_broken(void *ctx, struct cs_json broken, const char *path, const char *garbage)
{
    struct cs_texts got = {0};

    (void)ctx, (void)path, (void)garbage;
    cs_validate_cloneset(broken, &got);
    for (size_t i = 0; i < got.n; i++)
        assert_non_null(strstr(got.items[i], ": "));
    cs_texts_done(&got);
}

static const char full_edits[] =
    "spec.scaleStrategy = {'podsToDelete':['a'],'maxUnavailable':1} ;; "
    "spec.updateStrategy = "
    "{'type':'InPlaceIfPossible','partition':'10%','maxUnavailable':1,'maxSurge':0,'paused':false,"
    "'priorityStrategy':{'weightPriority':[{'weight':1,'matchSelector':{'matchExpressions':"
    "[{'key':'a','operator':'In','values':['b']}]}}],'orderPriority':[]},'scatterStrategy':[{'key':'a','value':'b'}],"
    "'inPlaceUpdateStrategy':{'gracePeriodSeconds':1}} ;; spec.minReadySeconds = 1 ;; spec.revisionHistoryLimit = 1 ;; "
    "spec.progressDeadlineSeconds = 5 ;; metadata.annotations = {'a':'b'} ;; metadata.finalizers = ['a/b'] ;; "
    "metadata.ownerReferences = [{'apiVersion':'v1','kind':'A','name':'n','uid':'u','controller':true}]";

static void test_garbage_never_crashes(void **state)
{
    struct object o;
    struct cs_texts got = {0};

    (void)state;
    object_edit(&o, base_object, full_edits);
    cs_validate_cloneset(object_root(&o), &got);
    assert_int_equal(got.n, 0);
    assert_true(fixture_garbage(object_root(&o), validate_broken, NULL) > 500);
    object_done(&o);
}

static void test_an_object_of_another_type(void **state)
{
    static const char *const wanted[] = {"object: Invalid value: [1]: must be an object", NULL};
    struct object o = {0};
    struct cs_texts got = {0};

    (void)state;
    object_parse(&o, "[ 1 ]", 5);
    cs_validate_cloneset(object_root(&o), &got);
    assert_true(texts_are("an array", &got, wanted));
    cs_texts_done(&got);
    object_done(&o);
}

/* A hostile object costs neither quadratic time nor a huge answer. */
static void test_many_violations_are_cut(void **state)
{
    enum { N = 200000 };
    cs_autostrbuf list = CS_STRBUF_INIT;
    struct object o;
    struct cs_texts got = {0};

    (void)state;
    cs_strbuf_adds(&list, "spec.scaleStrategy.podsToDelete = [");
    for (int i = 0; i < N; i++)
        cs_strbuf_addf(&list, "%s'A%d','A%d'", i ? "," : "", i, i);
    cs_strbuf_addc(&list, ']');
    object_edit(&o, base_object, cs_strbuf_str(&list));
    cs_validate_cloneset(object_root(&o), &got);
    assert_int_equal(got.n, 257);
    assert_string_equal(got.items[256], "and more that is not listed");
    for (size_t i = 0; i < got.n; i++)
        assert_true(strlen(got.items[i]) < 1024);
    cs_texts_done(&got);
    object_done(&o);
}

static void test_values_are_cut_between_characters(void **state)
{
    cs_autostrbuf edit = CS_STRBUF_INIT;
    struct object o;
    struct cs_texts got = {0};

    (void)state;
    cs_strbuf_adds(&edit, "spec.updateStrategy.type = '");
    for (int i = 0; i < 300; i++)
        cs_strbuf_adds(&edit, "é");
    cs_strbuf_adds(&edit, "'");
    object_edit(&o, base_object, cs_strbuf_str(&edit));
    cs_validate_cloneset(object_root(&o), &got);
    assert_int_equal(got.n, 1);
    assert_true(cs_is_utf8(cs_str(got.items[0])));
    assert_non_null(strstr(got.items[0], "é…: must be"));
    cs_texts_done(&got);
    object_done(&o);
}

static void test_a_text_is_one_line_and_said_once(void **state)
{
    struct cs_texts t = {0};

    (void)state;
    cs_texts_add(&t, "a\nb%c", 'c');
    cs_texts_add(&t, "%s", "a bc");
    assert_int_equal(t.n, 1);
    assert_string_equal(t.items[0], "a bc");
    cs_texts_done(&t);
    assert_int_equal(t.n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_metadata_and_selector),
        cmocka_unit_test(test_scale_strategy),
        cmocka_unit_test(test_update_strategy),
        cmocka_unit_test(test_numbers_and_name),
        cmocka_unit_test(test_the_type_of_disable_pvc_reuse),
        cmocka_unit_test(test_claim_templates),
        cmocka_unit_test(test_u04_every_accepted_percentage_makes_progress),
        cmocka_unit_test(test_garbage_never_crashes),
        cmocka_unit_test(test_an_object_of_another_type),
        cmocka_unit_test(test_many_violations_are_cut),
        cmocka_unit_test(test_values_are_cut_between_characters),
        cmocka_unit_test(test_a_text_is_one_line_and_said_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
