/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The AdmissionReview envelope: what is accepted, what the complaints say, what goes out.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/base/alloc.h"
#include "common/base/cleanup.h"
#include "webhook/review.h"

#define HEAD "{\"kind\":\"AdmissionReview\",\"apiVersion\":\"admission.k8s.io/v1\",\"request\":"
#define RESOURCE "\"resource\":{\"group\":\"apps.kruise.io\",\"version\":\"v1alpha1\",\"resource\":\"clonesets\"}"
#define GOOD HEAD "{\"uid\":\"u-1\",\"operation\":\"CREATE\"," RESOURCE "}}"

static bool decode(struct cs_jdoc *doc, const char *text, struct cs_review *r, struct cs_error *err)
{
    assert_true(cs_jdoc_parse(doc, text, strlen(text), NULL, NULL));
    return cs_review_decode(cs_jdoc_root(doc), r, err);
}

static void test_a_full_review_is_understood(void **state)
{
    static const char text[] =
        HEAD "{\"uid\":\"u-1\",\"kind\":{\"group\":\"apps.kruise.io\",\"version\":\"v1alpha1\",\"kind\":\"CloneSet\"}"
             "," RESOURCE ",\"name\":\"n\",\"namespace\":\"ns\",\"operation\":\"UPDATE\",\"userInfo\":{\"username\":"
             "\"jane\"},\"dryRun\":true,"
             "\"object\":{\"a\":1},\"oldObject\":{\"a\":2},\"options\":null,\"unknown\":[]}}";
    cs_autojdoc doc = {.nodes = NULL};
    struct cs_review r;

    (void)state;
    assert_true(decode(&doc, text, &r, NULL));
    assert_int_equal(r.operation, CS_OPERATION_UPDATE);
    assert_true(cs_review_is(&r, "apps.kruise.io", "clonesets"));
    assert_false(cs_review_is(&r, "", "clonesets"));
    assert_false(cs_review_is(&r, "apps.kruise.io", "pods"));
    assert_false(cs_review_is_subresource(&r));
    assert_true(r.dry_run);
    assert_true(cs_json_str_is(r.username, "jane"));
    assert_true(cs_json_str_is(r.ns, "ns"));
    assert_true(cs_json_exists(cs_json_get(r.object, "a")));
    assert_true(cs_json_exists(cs_json_get(r.old_object, "a")));
}

static void test_null_and_absent_are_the_same(void **state)
{
    cs_autojdoc doc = {.nodes = NULL};
    struct cs_review r;

    (void)state;
    assert_true(decode(&doc,
        HEAD "{\"uid\":\"u\",\"operation\":\"DELETE\",\"object\":null,\"oldObject\":{},\"subResource\":\"\","
             "\"resource\":{\"group\":\"\",\"version\":\"v1\",\"resource\":\"pods\"}}}",
        &r, NULL));
    assert_int_equal(r.operation, CS_OPERATION_DELETE);
    assert_false(cs_json_exists(r.object));
    assert_true(cs_json_exists(r.old_object));
    assert_true(cs_review_is(&r, "", "pods"));
    assert_false(cs_review_is_subresource(&r));
    assert_false(r.dry_run);
    assert_true(decode(&doc,
        HEAD "{\"uid\":\"u\",\"operation\":\"CONNECT\",\"subResource\":\"scale\","
             "\"resource\":{\"version\":\"v1\",\"resource\":\"pods\"}}}",
        &r, NULL));
    assert_int_equal(r.operation, CS_OPERATION_OTHER);
    assert_true(cs_review_is(&r, "", "pods"));
    assert_true(cs_review_is_subresource(&r));
}

static void test_complaints_name_the_member(void **state)
{
    static const struct {
        const char *text, *message;
    } rows[] = {
        {"[]", "the request body is no AdmissionReview but a JSON array"},
        {"null", "the request body is no AdmissionReview but a JSON null"},
        {"{}", "kind: must be \"AdmissionReview\", got absent"},
        {"{\"kind\":\"Pod\"}", "kind: must be \"AdmissionReview\", got \"Pod\""},
        {"{\"kind\":\"AdmissionReview\",\"apiVersion\":\"admission.k8s.io/v1beta1\"}",
            "apiVersion: AdmissionReview is understood as \"admission.k8s.io/v1\" only, got "
            "\"admission.k8s.io/v1beta1\""},
        {"{\"kind\":\"AdmissionReview\",\"apiVersion\":1}",
            "apiVersion: AdmissionReview is understood as \"admission.k8s.io/v1\" only, got number"},
        {"{\"kind\":\"AdmissionReview\",\"apiVersion\":\"admission.k8s.io/v1\"}",
            "request: must be an object, got absent"},
        {HEAD "null}", "request: must be an object, got null"},
        {HEAD "{\"operation\":\"CREATE\"," RESOURCE "}}",
            "request.uid: must be a string that is not empty, got absent"},
        {HEAD "{\"uid\":\"\",\"operation\":\"CREATE\"," RESOURCE "}}",
            "request.uid: must be a string that is not empty, got string"},
        {HEAD "{\"uid\":7,\"operation\":\"CREATE\"," RESOURCE "}}",
            "request.uid: must be a string that is not empty, got number"},
        {HEAD "{\"uid\":\"u\"," RESOURCE "}}", "request.operation: must be a string that is not empty, got absent"},
        {HEAD "{\"uid\":\"u\",\"operation\":\"CREATE\"}}",
            "request.resource: version and resource must be strings that are not empty"},
        {HEAD "{\"uid\":\"u\",\"operation\":\"CREATE\",\"resource\":[]}}",
            "request.resource: version and resource must be strings that are not empty"},
        {HEAD "{\"uid\":\"u\",\"operation\":\"CREATE\",\"object\":\"x\"," RESOURCE "}}",
            "request.object: must be an object, got string"},
        {HEAD "{\"uid\":\"u\",\"operation\":\"CREATE\",\"oldObject\":[1]," RESOURCE "}}",
            "request.oldObject: must be an object, got array"},
    };
    cs_autojdoc doc = {.nodes = NULL};

    (void)state;
    for (size_t i = 0; i < CS_ARRAY_LEN(rows); i++) {
        struct cs_error err = CS_ERROR_INIT;
        struct cs_review r;

        if (decode(&doc, rows[i].text, &r, &err))
            fail_msg("accepted: %s", rows[i].text);
        assert_int_equal(err.kind, CS_ERR_INVALID);
        assert_string_equal(err.message, rows[i].message);
    }
}

static void check_encoding(const char *review, const struct cs_verdict *v, const char *want)
{
    cs_autojdoc doc = {.nodes = NULL}, again = {.nodes = NULL};
    cs_autostrbuf out = CS_STRBUF_INIT;
    struct cs_review r;

    assert_true(decode(&doc, review, &r, NULL));
    cs_review_encode(&r, v, &out);
    assert_false(out.failed);
    assert_true(cs_jdoc_parse(&again, out.data, out.len, NULL, NULL)); /* valid JSON whatever went in */
    if (want)
        assert_string_equal(cs_strbuf_str(&out), want);
}

static void test_answers_echo_and_tell(void **state)
{
    cs_autoverdict plain, patched, denied;

    (void)state;
    cs_verdict_init(&plain);
    check_encoding(GOOD, &plain,
        "{\"kind\":\"AdmissionReview\",\"apiVersion\":\"admission.k8s.io/v1\",\"response\":{\"uid\":\"u-1\","
        "\"allowed\":true,\"status\":{\"code\":200}}}");
    cs_verdict_init(&patched);
    cs_strbuf_adds(&patched.patch, "[{\"op\":\"add\"}]");
    cs_texts_add(&patched.warnings, "look \"out\"");
    check_encoding(GOOD, &patched,
        "{\"kind\":\"AdmissionReview\",\"apiVersion\":\"admission.k8s.io/v1\",\"response\":{\"uid\":\"u-1\","
        "\"allowed\":true,\"status\":{\"code\":200},\"patchType\":\"JSONPatch\",\"patch\":\"W3sib3AiOiJhZGQifV0=\","
        "\"warnings\":[\"look \\\"out\\\"\"]}}");
    cs_verdict_init(&denied);
    cs_strbuf_adds(&denied.patch, "[{\"op\":\"add\"}]"); /* never sent with a refusal */
    cs_verdict_deny(&denied, 422, "spec.%s: no", "a");
    check_encoding(GOOD, &denied,
        "{\"kind\":\"AdmissionReview\",\"apiVersion\":\"admission.k8s.io/v1\",\"response\":{\"uid\":\"u-1\","
        "\"allowed\":false,\"status\":{\"code\":422,\"message\":\"spec.a: no\"}}}");
}

/* The API server compares the uid with its own: escapes and all. */
static void test_uid_is_echoed_byte_for_byte(void **state)
{
    cs_autoverdict v;

    (void)state;
    cs_verdict_init(&v);
    check_encoding(HEAD "{\"uid\":\"\\u0041\\\"\\n€\",\"operation\":\"CREATE\"," RESOURCE "}}", &v,
        "{\"kind\":\"AdmissionReview\",\"apiVersion\":\"admission.k8s.io/"
        "v1\",\"response\":{\"uid\":\"\\u0041\\\"\\n€\","
        "\"allowed\":true,\"status\":{\"code\":200}}}");
}

/* kubectl edit and patch print the causes of a 422, not its message. */
static void test_violations_are_causes_too(void **state)
{
    struct denied_row {
        const char *what, *text, *causes;
    } rows[] = {
        {"a violation of a field", "spec.replicas: Invalid value: -3: must be 0 or more",
            "\"details\":{\"causes\":[{\"reason\":\"FieldValueInvalid\",\"message\":\"Invalid value: -3: must be 0 or "
            "more\","
            "\"field\":\"spec.replicas\"}]}"},
        {"a forbidden change", "spec.a[0].b: Forbidden: \"x\" → \"y\"",
            "\"details\":{\"causes\":[{\"reason\":\"FieldValueForbidden\",\"message\":\"Forbidden: \\\"x\\\" → "
            "\\\"y\\\"\","
            "\"field\":\"spec.a[0].b\"}]}"},
        {"a text that names no field", "something else: no", NULL},
    };

    (void)state;
    for (size_t i = 0; i < CS_ARRAY_LEN(rows); i++) {
        cs_autojdoc doc = {0};
        cs_autostrbuf out = CS_STRBUF_INIT;
        cs_autoverdict v;
        struct cs_review r;
        struct cs_error err = CS_ERROR_INIT;
        const char *text =
            "{\"apiVersion\":\"admission.k8s.io/v1\",\"kind\":\"AdmissionReview\",\"request\":{\"uid\":\"u\"}}";

        assert_true(cs_jdoc_parse(&doc, text, strlen(text), NULL, &err));
        memset(&r, 0, sizeof(r));
        r.api_version = cs_json_get(cs_jdoc_root(&doc), "apiVersion");
        r.uid = cs_json_at(cs_jdoc_root(&doc), "request", "uid", NULL);
        cs_verdict_init(&v);
        cs_verdict_deny(&v, 422, "%s", rows[i].text);
        cs_review_encode(&r, &v, &out);
        if (rows[i].causes ? !strstr(cs_strbuf_str(&out), rows[i].causes)
                           : strstr(cs_strbuf_str(&out), "causes") != NULL)
            fail_msg("%s: %s", rows[i].what, cs_strbuf_str(&out));
    }
}

static void test_several_reasons_are_listed(void **state)
{
    cs_autostrbuf out = CS_STRBUF_INIT;
    cs_autoverdict v;

    (void)state;
    cs_verdict_init(&v);
    cs_texts_add(&v.reasons, "a: Required value");
    cs_texts_add(&v.reasons, "b: Forbidden");
    cs_texts_add(&v.reasons, "a: Required value"); /* twice the same is once */
    cs_texts_add(&v.reasons, "c: x");
    cs_verdict_message(&v, &out);
    assert_string_equal(cs_strbuf_str(&out), "[a: Required value, b: Forbidden, c: x]");
}

static void test_messages_are_one_clean_line(void **state)
{
    cs_autostrbuf out = CS_STRBUF_INIT;
    cs_autoverdict v;

    (void)state;
    cs_verdict_init(&v);
    cs_texts_add(&v.reasons, "a\nb\x1b[31mc\x7f ü\xff");
    cs_verdict_message(&v, &out);
    assert_string_equal(cs_strbuf_str(&out), "a b [31mc  ü?");
    check_encoding(GOOD, &v, NULL);
}

static void test_messages_and_warnings_are_bounded(void **state)
{
    cs_autostrbuf out = CS_STRBUF_INIT;
    char *text = calloc(1, 40001);
    cs_autoverdict v;

    (void)state;
    cs_verdict_init(&v);
    memset(text, 'x', 40000);
    cs_texts_add(&v.reasons, "%s", text);
    cs_texts_add(&v.warnings, "%s", text);
    cs_verdict_message(&v, &out);
    assert_true(out.len < 17000);
    for (int i = 0; i < 100; i++) {
        cs_texts_add(&v.reasons, "reason %d %.*s", i, 300, text);
        cs_texts_add(&v.warnings, "warning %d", i);
    }
    v.reasons.items[0][0] = '\0'; /* the long one */
    cs_strbuf_clear(&out);
    cs_verdict_message(&v, &out);
    assert_true(out.len < 17000);
    assert_non_null(strstr(cs_strbuf_str(&out), " more]"));
    assert_non_null(strstr(cs_strbuf_str(&out), "reason 40 "));
    check_encoding(GOOD, &v, NULL);
    free(text);
}

static void test_lines_are_cut_between_characters(void **state)
{
    enum { MAX = 1024 };
    static const struct {
        size_t plain; /* so many "x", then: */
        const char *rest, *left;
    } rows[] = {
        {MAX - 2, "ü", "ü"},
        {MAX - 1, "ü", "…"},
        {MAX - 1, "\xff", "?"},
        {MAX - 1, "\xff\xff", "?…"},
        {MAX, "", ""},
        {MAX, "y", "…"},
        {MAX, "\xff", "…"},
        {MAX - 3, "\xffü", "?ü"},
        {MAX - 3, "\xffüü", "?ü…"},
        {0,
            "\xff"
            "a\xff\xff"
            "b",
            "?a??b"},
    };

    (void)state;
    for (size_t i = 0; i < CS_ARRAY_LEN(rows); i++) {
        cs_autofree char *plain = calloc(1, MAX + 1), *text = NULL;
        cs_autostrbuf out = CS_STRBUF_INIT;
        struct cs_review r = {.dry_run = false};
        cs_autoverdict v;

        cs_verdict_init(&v);
        memset(plain, 'x', rows[i].plain);
        cs_texts_add(&v.warnings, "%s%s", plain, rows[i].rest);
        text = cs_xasprintf("[\"%s%s\"]", plain, rows[i].left);
        cs_review_encode(&r, &v, &out);
        if (!strstr(cs_strbuf_str(&out), text))
            fail_msg("row %zu: %s", i, cs_strbuf_str(&out) + out.len - 100);
    }
}

static void test_status_objects(void **state)
{
    cs_autostrbuf out = CS_STRBUF_INIT;

    (void)state;
    cs_status_encode(413, "too \"large\"", &out);
    assert_string_equal(cs_strbuf_str(&out), "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},\"status\":"
                                             "\"Failure\",\"message\":\"too \\\"large\\\"\","
                                             "\"reason\":\"RequestEntityTooLarge\",\"code\":413}");
    cs_strbuf_clear(&out);
    cs_status_encode(500, "x", &out);
    assert_non_null(strstr(cs_strbuf_str(&out), "\"reason\":\"InternalError\""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_full_review_is_understood),
        cmocka_unit_test(test_null_and_absent_are_the_same),
        cmocka_unit_test(test_complaints_name_the_member),
        cmocka_unit_test(test_answers_echo_and_tell),
        cmocka_unit_test(test_uid_is_echoed_byte_for_byte),
        cmocka_unit_test(test_several_reasons_are_listed),
        cmocka_unit_test(test_violations_are_causes_too),
        cmocka_unit_test(test_messages_are_one_clean_line),
        cmocka_unit_test(test_messages_and_warnings_are_bounded),
        cmocka_unit_test(test_lines_are_cut_between_characters),
        cmocka_unit_test(test_status_objects),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
