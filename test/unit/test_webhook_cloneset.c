/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the two cloneset webhooks answer, through the router: defaults as a patch, violations as one message, D15, warnings. The rules
 * themselves have their tests beside common/cloneset.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "test/unit/admit.h"

#define V1ALPHA1 "apps.kruise.io/v1alpha1/clonesets"
#define META "\"metadata\":{\"name\":\"n\",\"namespace\":\"ns\",\"uid\":\"1\"}"
#define TEMPLATE                                                                                                       \
    "\"selector\":{\"matchLabels\":{\"a\":\"b\"}},\"template\":{\"metadata\":{\"labels\":{\"a\":\"b\"}},\"spec\":{"    \
    "\"containers\":[{\"name\":\"c\",\"image\":\"i:1\"}]}}"
#define SET(fields) "{\"apiVersion\":\"apps.kruise.io/v1alpha1\",\"kind\":\"CloneSet\"," META ",\"spec\":{" fields "}}"
#define DEFAULTED                                                                                                      \
    "\"replicas\":1,\"revisionHistoryLimit\":10,\"updateStrategy\":{\"type\":\"ReCreate\",\"partition\":0,"            \
    "\"maxUnavailable\":\"20%\",\"maxSurge\":0}," TEMPLATE
#define IN_PLACE_ONLY(image)                                                                                           \
    "\"replicas\":1,\"updateStrategy\":{\"type\":\"InPlaceOnly\",\"partition\":0,\"maxUnavailable\":\"20%\"},"         \
    "\"selector\":{\"matchLabels\":{\"a\":\"b\"}},\"template\":{\"metadata\":{\"labels\":{\"a\":\"b\"}},\"spec\":{"    \
    "\"containers\":[{\"name\":\"c\"," image "}]}}"

static int setup(void **state)
{
    *state = cs_router_new(1, NULL, NULL);
    return 0;
}

static int teardown(void **state)
{
    cs_router_free(*state);
    return 0;
}

static void mutate(struct cs_router *r, const char *op, const char *obj, const char *old, struct admitted *a)
{
    admit(r, CS_PATH_MUTATE_CLONESET, op, V1ALPHA1, obj, old, a);
}

static void validate(struct cs_router *r, const char *op, const char *obj, const char *old, struct admitted *a)
{
    admit(r, CS_PATH_VALIDATE_CLONESET, op, V1ALPHA1, obj, old, a);
}

static void test_absent_fields_get_their_defaults(void **state)
{
    autoadmitted a = {.status = 0};

    mutate(*state, "CREATE", SET(TEMPLATE), NULL, &a);
    assert_true(a.allowed);
    assert_int_equal(a.code, 200);
    assert_non_null(strstr(a.patch, "{\"op\":\"add\",\"path\":\"/spec/replicas\",\"value\":1}"));
    assert_non_null(strstr(a.patch, "\"/spec/revisionHistoryLimit\""));
    assert_non_null(strstr(a.patch, "\"20%\""));
    assert_null(strstr(a.patch, "template")); /* nothing is injected there */
    assert_null(a.warnings);
}

static void test_a_defaulted_object_is_left_alone(void **state)
{
    static const char *const ops[] = {"CREATE", "UPDATE"};

    for (int i = 0; i < 2; i++) {
        autoadmitted a = {.status = 0};

        mutate(*state, ops[i], SET(DEFAULTED), i ? SET(DEFAULTED) : NULL, &a);
        assert_true(a.allowed);
        assert_null(a.patch);
    }
}

static void test_what_does_not_decode_is_a_400(void **state)
{
    autoadmitted a = {.status = 0};

    mutate(*state, "CREATE", SET("\"replicas\":\"three\"," TEMPLATE), NULL, &a);
    assert_false(a.allowed);
    assert_int_equal(a.code, 400);
    assert_string_equal(a.message, "spec.replicas: Invalid value: \"three\": must be an integer");
    assert_null(a.patch);
}

/* D15: an object of an older time can lose its finalizers and be relabelled. */
static void test_d15_updates_that_do_not_touch_the_spec_pass(void **state)
{
    static const char bad[] = SET("\"replicas\":\"three\"," TEMPLATE);
    static const char going[] = "{\"metadata\":{\"name\":\"n\",\"deletionTimestamp\":\"2025-01-01T00:00:00Z\"},"
                                "\"spec\":{\"replicas\":\"four\"}}";
    autoadmitted a = {.status = 0}, b = {.status = 0}, c = {.status = 0}, d = {.status = 0}, e = {.status = 0},
                 f = {.status = 0}, g = {.status = 0};

    mutate(*state, "UPDATE", bad, bad, &a);
    assert_true(a.allowed);
    assert_string_equal(a.warnings, "spec.replicas: Invalid value: \"three\": must be an integer");
    mutate(*state, "UPDATE", going, bad, &b);
    assert_true(b.allowed);
    validate(*state, "UPDATE", bad, bad, &c);
    assert_true(c.allowed);
    mutate(*state, "UPDATE", SET("\"replicas\":\"four\"," TEMPLATE), bad, &d);
    assert_false(d.allowed);
    mutate(*state, "UPDATE", SET("\"revisionHistoryLimit\":10,\"replicas\":\"three\"," TEMPLATE), bad, &e);
    assert_true(e.allowed); /* a default made explicit: as the validating webhook sees it */
    mutate(*state, "UPDATE", SET("\"minReadySeconds\":3,\"replicas\":\"three\"," TEMPLATE), bad, &f);
    assert_true(f.allowed); /* an edit, of something else than what was wrong */
    assert_string_equal(f.warnings, "spec.replicas: Invalid value: \"three\": must be an integer");
    mutate(*state, "UPDATE", SET("\"minReadySeconds\":-3,\"replicas\":\"three\"," TEMPLATE), bad, &g);
    assert_false(g.allowed);
}

static void test_versions_and_resources_that_nobody_registered(void **state)
{
    static const char *const paths[] = {CS_PATH_MUTATE_CLONESET, CS_PATH_VALIDATE_CLONESET};

    for (int i = 0; i < 2; i++) {
        autoadmitted a = {.status = 0}, b = {.status = 0};

        admit(*state, paths[i], "CREATE", "apps.kruise.io/v9/clonesets", SET(TEMPLATE), NULL, &a);
        assert_false(a.allowed);
        assert_int_equal(a.code, 400);
        assert_string_equal(a.message, "unsupported version: v9");
        admit(*state, paths[i], "CREATE", "/v1/pods", "{}", NULL, &b);
        assert_false(b.allowed);
        assert_string_equal(b.message, "unexpected resource: pods");
    }
}

#define V1BETA1 "apps.kruise.io/v1beta1/clonesets"
#define BETA_SET(fields)                                                                                               \
    "{\"apiVersion\":\"apps.kruise.io/v1beta1\",\"kind\":\"CloneSet\"," META ",\"spec\":{" fields "}}"
#define BETA_POLICY(policy, image)                                                                                     \
    BETA_SET(                                                                                                          \
        "\"updateStrategy\":{\"rollingUpdate\":{\"podUpdatePolicy\":\"" policy "\"}},\"selector\":{\"matchLabels\":{"  \
        "\"a\":\"b\"}},\"template\":{\"metadata\":{\"labels\":{\"a\":\"b\"}},\"spec\":{\"containers\":[{"              \
        "\"name\":\"c\"," image "}]}}")

/* Spec §1.4, §3.5: v1beta1 is reviewed as it is written, with its own defaults and paths. */
static void test_v1beta1_is_reviewed_as_it_is_written(void **state)
{
    autoadmitted a = {.status = 0}, b = {.status = 0}, c = {.status = 0}, d = {.status = 0};

    admit(*state, CS_PATH_MUTATE_CLONESET, "CREATE", V1BETA1, BETA_SET(TEMPLATE), NULL, &a);
    assert_true(a.allowed);
    assert_non_null(
        strstr(a.patch, "\"value\":{\"type\":\"RollingUpdate\",\"rollingUpdate\":{\"podUpdatePolicy\":\"ReCreate\","
                        "\"partition\":0,\"maxUnavailable\":\"20%\",\"maxSurge\":0}}"));
    admit(*state, CS_PATH_MUTATE_CLONESET, "CREATE", V1BETA1,
        BETA_SET("\"updateStrategy\":{\"rollingUpdate\":{\"paused\":\"no\"}}," TEMPLATE), NULL, &b);
    assert_int_equal(b.code, 400);
    assert_string_equal(
        b.message, "spec.updateStrategy.rollingUpdate.paused: Invalid value: \"no\": must be true or false");
    admit(*state, CS_PATH_VALIDATE_CLONESET, "CREATE", V1BETA1,
        BETA_SET("\"updateStrategy\":{\"type\":\"InPlaceOnly\"}," TEMPLATE), NULL, &c);
    assert_int_equal(c.code, 422);
    assert_string_equal(
        c.message, "spec.updateStrategy.type: Invalid value: \"InPlaceOnly\": must be 'RollingUpdate' or 'OnDelete'");
    admit(*state, CS_PATH_VALIDATE_CLONESET, "UPDATE", V1BETA1,
        BETA_POLICY("InPlaceOnly", "\"image\":\"i\",\"command\":[\"x\"]"),
        BETA_POLICY("InPlaceOnly", "\"image\":\"i\""), &d);
    assert_int_equal(d.code, 422);
    assert_non_null(strstr(d.message, "podUpdatePolicy InPlaceOnly"));
}

/* Nobody sends an object in another version than the request is for; judged by the wrong rules it must not pass. */
static void test_the_objects_version_is_the_requests(void **state)
{
    static const char *const paths[] = {CS_PATH_MUTATE_CLONESET, CS_PATH_VALIDATE_CLONESET};

    for (int i = 0; i < 2; i++) {
        autoadmitted a = {.status = 0}, b = {.status = 0};

        admit(*state, paths[i], "CREATE", V1BETA1, SET(DEFAULTED), NULL, &a);
        assert_int_equal(a.code, 400);
        assert_string_equal(a.message,
            "request.object.apiVersion: must be \"apps.kruise.io/v1beta1\", as the request is for that version");
        admit(*state, paths[i], "UPDATE", V1ALPHA1, SET(DEFAULTED), BETA_SET(TEMPLATE), &b);
        assert_int_equal(b.code, 400);
        assert_string_equal(b.message,
            "request.oldObject.apiVersion: must be \"apps.kruise.io/v1alpha1\", as the request is for that version");
    }
}

#define NOTED(version, fields)                                                                                         \
    "{\"apiVersion\":\"apps.kruise.io/" version                                                                        \
    "\",\"kind\":\"CloneSet\",\"metadata\":{\"name\":\"n\",\"annotations\":{"                                          \
    "\"cloneset.apps.kruise.io/conversion-data\":\"x\"}},\"spec\":{" fields "}}"
#define DROP "{\"op\":\"remove\",\"path\":\"/metadata/annotations/cloneset.apps.kruise.io~1conversion-data\"}"

/* D19: v1alpha1 is stored, so what conversion kept and an edit there has voided is taken off here. */
static void test_a_stale_conversion_annotation_is_dropped(void **state)
{
    autoadmitted a = {.status = 0}, b = {.status = 0}, c = {.status = 0};

    mutate(*state, "UPDATE", NOTED("v1alpha1", DEFAULTED), SET(DEFAULTED), &a);
    assert_string_equal(a.patch, "[" DROP "]");
    mutate(*state, "CREATE", NOTED("v1alpha1", TEMPLATE), NULL, &b);
    assert_non_null(strstr(b.patch, "}," DROP "]"));
    admit(*state, CS_PATH_MUTATE_CLONESET, "CREATE", V1BETA1, NOTED("v1beta1", TEMPLATE), NULL, &c);
    assert_null(strstr(c.patch, "remove")); /* it never reaches the store: conversion drops it */
}

static void test_missing_objects(void **state)
{
    static const char *const paths[] = {CS_PATH_MUTATE_CLONESET, CS_PATH_VALIDATE_CLONESET};

    for (int i = 0; i < 2; i++) {
        autoadmitted a = {.status = 0}, b = {.status = 0};

        admit(*state, paths[i], "CREATE", V1ALPHA1, NULL, NULL, &a);
        assert_int_equal(a.code, 400);
        assert_string_equal(a.message, "request.object: Required value");
        admit(*state, paths[i], "UPDATE", V1ALPHA1, SET(TEMPLATE), NULL, &b);
        assert_int_equal(b.code, 400);
        assert_string_equal(b.message, "request.oldObject: Required value");
    }
}

static void test_a_good_set_is_valid(void **state)
{
    autoadmitted a = {.status = 0};

    validate(*state, "CREATE", SET(DEFAULTED), NULL, &a);
    assert_true(a.allowed);
    assert_int_equal(a.code, 200);
    assert_null(a.message);
    assert_null(a.patch);
}

static void test_one_violation_is_its_text(void **state)
{
    autoadmitted a = {.status = 0};

    validate(*state, "CREATE",
        SET("\"replicas\":-3,\"updateStrategy\":{\"partition\":0},\"selector\":{\"matchLabels\":{\"a\":\"b\"}},"
            "\"template\":{"
            "\"metadata\":{\"labels\":{\"a\":\"b\"}},\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":\"i\"}]}}"),
        NULL, &a);
    assert_false(a.allowed);
    assert_int_equal(a.code, 422);
    assert_string_equal(a.message, "spec.replicas: Invalid value: -3: must be greater than or equal to 0");
}

static void test_all_violations_come_at_once(void **state)
{
    autoadmitted a = {.status = 0};

    validate(*state, "CREATE",
        SET("\"replicas\":-3,\"updateStrategy\":{\"type\":\"X\",\"partition\":0},\"selector\":{\"matchLabels\":{\"a\":"
            "\"b\"}},"
            "\"template\":{\"metadata\":{\"labels\":{\"a\":\"b\"}},\"spec\":{\"containers\":[{\"name\":\"c\"}]}}"),
        NULL, &a);
    assert_int_equal(a.code, 422);
    assert_int_equal(a.message[0], '[');
    assert_non_null(strstr(a.message, "spec.replicas: Invalid value: -3"));
    assert_non_null(strstr(a.message, ", spec.template.spec.containers[0].image: Required value"));
    assert_non_null(strstr(a.message, "spec.updateStrategy.type: "));
    assert_int_equal(a.message[strlen(a.message) - 1], ']');
}

static void test_in_place_only_refuses_and_allows(void **state)
{
    static const char old[] = SET(IN_PLACE_ONLY("\"image\":\"i:1\""));
    autoadmitted a = {.status = 0}, b = {.status = 0};

    validate(*state, "UPDATE", SET(IN_PLACE_ONLY("\"image\":\"i:2\"")), old, &a);
    assert_true(a.allowed);
    validate(*state, "UPDATE", SET(IN_PLACE_ONLY("\"image\":\"i:1\",\"command\":[\"x\"]")), old, &b);
    assert_false(b.allowed);
    assert_int_equal(b.code, 422);
    assert_non_null(strstr(b.message, "spec.template.spec.containers[0].command"));
}

static void test_accepted_edits_carry_warnings(void **state)
{
    autoadmitted a = {.status = 0};

    validate(*state, "CREATE",
        SET("\"replicas\":1,\"updateStrategy\":{\"partition\":0},\"selector\":{\"matchLabels\":{\"a\":\"b\"}},"
            "\"template\":{"
            "\"metadata\":{\"labels\":{\"a\":\"b\"}},\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":\"i\","
            "\"comand\":[\"x\"]}]}}"),
        NULL, &a);
    assert_true(a.allowed);
    assert_non_null(a.warnings);
    assert_non_null(strstr(a.warnings, "comand"));
}

static void test_deletions_and_subresources_pass(void **state)
{
    static const char *const paths[] = {CS_PATH_MUTATE_CLONESET, CS_PATH_VALIDATE_CLONESET};
    static const char scale[] =
        "{\"kind\":\"AdmissionReview\",\"apiVersion\":\"admission.k8s.io/"
        "v1\",\"request\":{\"uid\":\"u-1\",\"resource\":"
        "{\"group\":\"apps.kruise.io\",\"version\":\"v1alpha1\",\"resource\":\"clonesets\"},\"subResource\":\"scale\","
        "\"operation\":\"UPDATE\",\"object\":{\"kind\":\"Scale\"},\"oldObject\":{}}}";

    for (int i = 0; i < 2; i++) {
        autoadmitted a = {.status = 0}, b = {.status = 0}, c = {.status = 0};

        admit(*state, paths[i], "DELETE", V1ALPHA1, NULL, SET("\"replicas\":-1"), &a);
        assert_true(a.allowed);
        assert_null(a.patch);
        admit(*state, paths[i], "CONNECT", V1ALPHA1, NULL, NULL, &b);
        assert_true(b.allowed);
        admit_raw(*state, "POST", paths[i], "application/json", cs_str(scale), &c);
        assert_true(c.allowed);
        assert_null(c.patch);
    }
}

/* InPlaceOnly refuses changes of resources whatever the gate says. */
static void spec_3_4_the_rule_of_in_place_only_sees_no_gates(void **state)
{
#define SIZED(cpu) "\"image\":\"i:1\",\"resources\":{\"requests\":{\"cpu\":\"" cpu "\"}}"
    static const struct cs_gates on = {.vertical_scaling = true};
    struct cs_router *r = cs_router_new(1, NULL, NULL);

    (void)state;
    cs_router_set_gates(r, &on);
    autoadmitted a = {.status = 0};
    validate(r, "UPDATE", SET(IN_PLACE_ONLY(SIZED("2"))), SET(IN_PLACE_ONLY(SIZED("1"))), &a);
    assert_int_equal(a.code, 422);
    assert_non_null(strstr(a.message, "spec.template.spec.containers[0].resources.requests[cpu]"));
    cs_router_free(r);
}

/* Gate ResourcesDeletionProtection. */
static void spec_3_6_deletion_protection(void **state)
{
#define LABELLED(value, more, spec)                                                                                    \
    "{\"metadata\":{\"name\":\"n\",\"labels\":{\"policy.kruise.io/delete-protection\":" value "}" more                 \
    "},\"spec\":{" spec "}}"
    static const char always[] =
        "forbidden by ResourcesProtectionDeletion for policy.kruise.io/delete-protection=Always";
    static const struct {
        const char *what, *old;
        const char *message; /* NULL: allowed */
    } rows[] = {
        {"Always", LABELLED("\"Always\"", "", "\"replicas\":0"), always},
        {"Cascading with replicas", LABELLED("\"Cascading\"", "", "\"replicas\":2"),
            "forbidden by ResourcesProtectionDeletion for policy.kruise.io/delete-protection=Cascading and replicas "
            "2>0"},
        {"Cascading, replicas not given: one", LABELLED("\"Cascading\"", "", ""),
            "forbidden by ResourcesProtectionDeletion for policy.kruise.io/delete-protection=Cascading and replicas "
            "1>0"},
        {"Cascading without replicas", LABELLED("\"Cascading\"", "", "\"replicas\":0"), NULL},
        {"being deleted already", LABELLED("\"Always\"", ",\"deletionTimestamp\":\"2025-01-02T03:04:05Z\"", ""), NULL},
        {"deletionTimestamp null", LABELLED("\"Always\"", ",\"deletionTimestamp\":null", ""), always},
        {"another value", LABELLED("\"always\"", "", "\"replicas\":2"), NULL},
        {"a value of a wrong type", LABELLED("7", "", "\"replicas\":2"), NULL},
        {"no label", SET("\"replicas\":2"), NULL},
        {"no object", NULL, NULL},
    };
    static const struct cs_gates on = {.deletion_protection = true};
    struct cs_router *r = cs_router_new(2, NULL, NULL);

    cs_router_set_gates(r, &on);
    for (size_t i = 0; i < CS_ARRAY_LEN(rows); i++) {
        autoadmitted a = {.status = 0}, off = {.status = 0}, mutated = {.status = 0};

        validate(r, "DELETE", NULL, rows[i].old, &a);
        if (a.allowed != !rows[i].message || a.code != (rows[i].message ? 403 : 200) ||
            !cs_streq(a.message, rows[i].message))
            fail_msg("%s: %d %s", rows[i].what, (int)a.code, a.message);
        mutate(r, "DELETE", NULL, rows[i].old, &mutated);
        assert_true(mutated.allowed);
        validate(*state, "DELETE", NULL, rows[i].old, &off); /* without the gate */
        assert_true(off.allowed);
    }
    cs_router_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spec_3_4_the_rule_of_in_place_only_sees_no_gates),
        cmocka_unit_test(spec_3_6_deletion_protection),
        cmocka_unit_test(test_absent_fields_get_their_defaults),
        cmocka_unit_test(test_a_defaulted_object_is_left_alone),
        cmocka_unit_test(test_what_does_not_decode_is_a_400),
        cmocka_unit_test(test_d15_updates_that_do_not_touch_the_spec_pass),
        cmocka_unit_test(test_versions_and_resources_that_nobody_registered),
        cmocka_unit_test(test_v1beta1_is_reviewed_as_it_is_written),
        cmocka_unit_test(test_the_objects_version_is_the_requests),
        cmocka_unit_test(test_a_stale_conversion_annotation_is_dropped),
        cmocka_unit_test(test_missing_objects),
        cmocka_unit_test(test_a_good_set_is_valid),
        cmocka_unit_test(test_one_violation_is_its_text),
        cmocka_unit_test(test_all_violations_come_at_once),
        cmocka_unit_test(test_in_place_only_refuses_and_allows),
        cmocka_unit_test(test_accepted_edits_carry_warnings),
        cmocka_unit_test(test_deletions_and_subresources_pass),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
