/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What /convert answers (spec §1.4), through the router: order, uid, metadata, lists, failures that name the object, limits.
 * The conversion itself has its tests beside common/cloneset.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "test/unit/admit.h"
#include "test/unit/api_fixture.h"
#include "test/unit/convert_fixture.h"
#include "webhook/router.h"

#define REVIEW(request)                                                                                                \
    "{\"kind\":\"ConversionReview\",\"apiVersion\":\"apiextensions.k8s.io/v1\",\"request\":" request "}"
#define TO_BETA "\"uid\":\"u-1\",\"desiredAPIVersion\":\"apps.kruise.io/v1beta1\","
#define TO_ALPHA "\"uid\":\"u-1\",\"desiredAPIVersion\":\"apps.kruise.io/v1alpha1\","
#define SET_OF(version, meta, spec)                                                                                    \
    "{\"apiVersion\":\"apps.kruise.io/" version "\",\"kind\":\"CloneSet\",\"metadata\":{" meta "},\"spec\":{" spec "}" \
    "}"

struct answer {
    int status;
    char *text;
    struct cs_jdoc doc;
    struct cs_json root, response, objects;
    char *message; /* of the result, or of the Status object of a refusal; or NULL */
};

static void answer_done(struct answer *a)
{
    cs_jdoc_done(&a->doc);
    free(a->text);
    free(a->message);
}
#define autoanswer CS_CLEANUP(answer_done) struct answer

static void ask(struct cs_router *r, const char *body, size_t len, struct answer *a)
{
    static const struct cs_json_limits api_server = {
        .max_bytes = (size_t)32 << 20, .max_depth = 10000, .max_nodes = 10000000};
    struct cs_strbuf out = CS_STRBUF_INIT;
    struct cs_http_req req = {
        .method = "POST", .path = CS_PATH_CONVERT, .content_type = "application/json", .body = {.p = body, .len = len}};
    struct cs_http_resp resp = {.status = 200, .body = &out};

    cs_router_handle(r, &req, &resp);
    *a = (struct answer){.status = resp.status};
    assert_string_equal(resp.content_type, "application/json");
    a->text = cs_strbuf_take(&out, NULL);
    assert_true(cs_jdoc_parse(&a->doc, a->text, strlen(a->text), &api_server, NULL));
    a->root = cs_jdoc_root(&a->doc);
    a->response = cs_json_get(a->root, "response");
    a->objects = cs_json_get(a->response, "convertedObjects");
    a->message = cs_json_str_dup(
        a->status == 200 ? cs_json_at(a->response, "result", "message", NULL) : cs_json_get(a->root, "message"));
}

static bool is_success(const struct answer *a)
{
    return a->status == 200 && cs_json_str_is(cs_json_at(a->response, "result", "status", NULL), "Success");
}

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

static void test_one_object(void **state)
{
    static const char body[] = REVIEW("{" TO_BETA "\"objects\":[" SET_OF("v1alpha1",
        "\"name\":\"n\",\"uid\":\"1\",\"generation\":9223372036854775807,\"managedFields\":[{\"a\" :1}]",
        "\"scaleStrategy\":{},\"updateStrategy\":{\"type\":\"InPlaceOnly\",\"partition\":3}") "]}");
    autoanswer a;

    ask(*state, body, sizeof(body) - 1, &a);
    assert_true(is_success(&a));
    assert_true(cs_json_str_is(cs_json_get(a.root, "kind"), "ConversionReview"));
    assert_true(cs_json_str_is(cs_json_get(a.root, "apiVersion"), "apiextensions.k8s.io/v1"));
    assert_true(cs_json_str_is(cs_json_get(a.response, "uid"), "u-1"));
    assert_null(a.message);
    assert_int_equal(cs_json_count(a.objects), 1);
    struct cs_json obj = cs_json_index(a.objects, 0);
    assert_true(cs_json_str_is(cs_json_get(obj, "apiVersion"), "apps.kruise.io/v1beta1"));
    assert_true(cs_str_eqz(cs_json_raw(cs_json_get(obj, "metadata")),
        "{\"name\":\"n\",\"uid\":\"1\",\"generation\":9223372036854775807,\"managedFields\":[{\"a\" :1}]}"));
    assert_true(
        cs_str_eqz(cs_json_raw(cs_json_at(obj, "spec", "updateStrategy", "rollingUpdate", "partition", NULL)), "3"));
}

/* What has the wanted version already comes back as the same bytes; the versions of a list may be mixed. */
static void test_the_order_stays_and_the_right_version_is_left_alone(void **state)
{
#define SAME SET_OF("v1alpha1", "\"name\":\"b\" , \"annotations\":{}", "\"x\": 1.50")
    static const char body[] = REVIEW("{" TO_ALPHA "\"objects\":[" SET_OF(
        "v1beta1", "\"name\":\"a\"", "") "," SAME "," SET_OF("v1beta1", "\"name\":\"c\"", "") "]}");
    static const char *const names[] = {"a", "b", "c"};
    autoanswer a;

    ask(*state, body, sizeof(body) - 1, &a);
    assert_true(is_success(&a));
    assert_int_equal(cs_json_count(a.objects), 3);
    for (size_t i = 0; i < 3; i++) {
        struct cs_json obj = cs_json_index(a.objects, i);

        assert_true(cs_json_str_is(cs_json_at(obj, "metadata", "name", NULL), names[i]));
        assert_true(cs_json_str_is(cs_json_get(obj, "apiVersion"), "apps.kruise.io/v1alpha1"));
    }
    assert_true(cs_str_eqz(cs_json_raw(cs_json_index(a.objects, 1)), SAME));
#undef SAME
}

static void test_no_objects(void **state)
{
    static const char *const bodies[] = {
        REVIEW("{" TO_BETA "\"objects\":[]}"), REVIEW("{" TO_BETA "\"objects\":null}")};

    for (size_t i = 0; i < CS_ARRAY_LEN(bodies); i++) {
        autoanswer a;

        ask(*state, bodies[i], strlen(bodies[i]), &a);
        assert_true(is_success(&a));
        assert_true(cs_json_is(a.objects, CS_J_ARRAY));
        assert_int_equal(cs_json_count(a.objects), 0);
    }
}

/* A page of 500 sets of the peer's size, there and back. */
static void test_a_list_of_many(void **state)
{
    struct fixture f;
    cs_autostrbuf body = CS_STRBUF_INIT, second = CS_STRBUF_INIT;
    autoanswer a, b;

    fixture_init(&f);
    struct cs_json item = cs_json_index(fixture_load(&f, PEER "1-at-rest/clonesets-v1beta1.json"), 1);
    struct cs_str raw = cs_json_raw(item);
    cs_strbuf_adds(&body,
        "{\"kind\":\"ConversionReview\",\"apiVersion\":\"apiextensions.k8s.io/v1\",\"request\":{" TO_ALPHA
        "\"objects\":[");
    for (int i = 0; i < 500; i++) {
        cs_strbuf_adds(&body, i ? "," : "");
        cs_strbuf_add(&body, raw.p, raw.len);
    }
    cs_strbuf_adds(&body, "]}}");
    ask(*state, cs_strbuf_str(&body), body.len, &a);
    assert_true(is_success(&a));
    assert_int_equal(cs_json_count(a.objects), 500);
    struct cs_str list = cs_json_raw(a.objects);
    cs_strbuf_addf(&second,
        "{\"kind\":\"ConversionReview\",\"apiVersion\":\"apiextensions.k8s.io/v1\",\"request\":{" TO_BETA
        "\"objects\":");
    cs_strbuf_add(&second, list.p, list.len);
    cs_strbuf_adds(&second, "}}");
    ask(*state, cs_strbuf_str(&second), second.len, &b);
    assert_true(is_success(&b));
    for (size_t i = 0; i < 500; i++)
        assert_true(cs_json_equal(cs_json_index(b.objects, i), item));
    fixture_done(&f);
}

static void test_what_cannot_be_converted_is_named(void **state)
{
    static const struct {
        const char *body, *message;
    } rows[] = {
        {REVIEW("{\"uid\":\"u-1\",\"desiredAPIVersion\":\"apps.kruise.io/v1\",\"objects\":[]}"),
            "request.desiredAPIVersion: not supported: \"apps.kruise.io/v1\""},
        {REVIEW("{\"uid\":\"u-1\",\"objects\":[]}"), "request.desiredAPIVersion: not supported: absent"},
        {REVIEW("{" TO_BETA "\"objects\":{}}"), "request.objects: must be an array, got object"},
        {REVIEW("{" TO_BETA "\"objects\":[7]}"), "request.objects[0] (/?): must be an object, got number"},
        {REVIEW("{" TO_BETA "\"objects\":[" SET_OF(
             "v1alpha1", "", "") ",{\"apiVersion\":\"apps.kruise.io/v9\","
                                 "\"kind\":\"CloneSet\",\"metadata\":{\"name\":\"web\",\"namespace\":\"shop\"}}]}"),
            "request.objects[1] (shop/web): apiVersion: must be \"apps.kruise.io/v1alpha1\" or "
            "\"apps.kruise.io/v1beta1\", got \"apps.kruise.io/v9\""},
        {REVIEW("{" TO_BETA "\"objects\":[" SET_OF("v1alpha1", "\"name\":\"web\",\"labels\":[]", "") "]}"),
            "request.objects[0] (/web): metadata.labels: must be an object of strings, got array"},
    };

    for (size_t i = 0; i < CS_ARRAY_LEN(rows); i++) {
        autoanswer a;

        ask(*state, rows[i].body, strlen(rows[i].body), &a);
        assert_int_equal(a.status, 200);
        assert_true(cs_json_str_is(cs_json_at(a.response, "result", "status", NULL), "Failure"));
        assert_true(cs_json_str_is(cs_json_get(a.response, "uid"), "u-1"));
        assert_string_equal(a.message, rows[i].message);
        assert_int_equal(cs_json_count(a.objects), 0);
    }
}

static void test_what_is_no_conversion_review_is_a_400(void **state)
{
    static const struct {
        const char *body, *message; /* a part of it */
    } rows[] = {
        {"", "offset 0"},
        {"{", "offset 1"},
        {"[]", "the request body is no ConversionReview but a JSON array"},
        {"{}", "kind: must be \"ConversionReview\", got absent"},
        {"{\"kind\":\"AdmissionReview\",\"apiVersion\":\"admission.k8s.io/v1\",\"request\":{}}",
            "got \"AdmissionReview\""},
        {"{\"kind\":\"ConversionReview\",\"apiVersion\":\"apiextensions.k8s.io/v7\"}", "apiextensions.k8s.io/v7"},
        {REVIEW("null"), "request.uid: must be a string that is not empty, got absent"},
        {REVIEW("{\"uid\":\"\"}"), "request.uid: must be a string that is not empty, got string"},
        {REVIEW("{\"uid\":7}"), "request.uid: must be a string that is not empty, got number"},
    };

    for (size_t i = 0; i < CS_ARRAY_LEN(rows); i++) {
        autoanswer a;

        ask(*state, rows[i].body, strlen(rows[i].body), &a);
        if (a.status != 400 || !strstr(a.message, rows[i].message))
            fail_msg("row %zu: %d %s", i, a.status, a.message ? a.message : "");
    }
}

static void repeat(struct cs_strbuf *out, const char *text, int n)
{
    for (int i = 0; i < n; i++)
        cs_strbuf_adds(out, text);
}

static void test_there_are_limits(void **state)
{
    cs_autostrbuf many = CS_STRBUF_INIT, deep = CS_STRBUF_INIT;
    autoanswer a, b;

    cs_strbuf_adds(&many, "{\"kind\":\"ConversionReview\",\"x\":[0");
    repeat(&many, ",0", 500000);
    cs_strbuf_adds(&many, "]}");
    ask(*state, cs_strbuf_str(&many), many.len, &a);
    assert_int_equal(a.status, 400);
    assert_non_null(strstr(a.message, "too many values"));
    repeat(&deep, "[", 200);
    ask(*state, cs_strbuf_str(&deep), deep.len, &b);
    assert_int_equal(b.status, 400);
}

/* A set in an AdmissionReview (op CREATE), or in a ConversionReview: `fields` are of its metadata, `deep` of its template. */
static bool is_admitted(struct cs_router *r, const char *fields, const char *deep)
{
    autoadmitted a = {.status = 0};
    cs_autofree char *obj = cs_xasprintf(SET_OF("v1alpha1", "\"name\":\"n\",\"namespace\":\"ns\"%s",
                                             "\"selector\":{\"matchLabels\":{\"a\":\"b\"}},\"template\":{\"metadata\":{"
                                             "\"labels\":{\"a\":\"b\"}},\"spec\":{"
                                             "\"containers\":[{\"name\":\"c\",\"image\":\"i:1\"}],\"x\":%s}}"),
        fields, deep);

    admit(r, CS_PATH_VALIDATE_CLONESET, "CREATE", "apps.kruise.io/v1alpha1/clonesets", obj, NULL, &a);
    return a.status == 200 && a.allowed;
}

static bool is_converted(struct cs_router *r, const char *fields, const char *deep)
{
    autoanswer a;
    cs_autofree char *body = cs_xasprintf(REVIEW("{" TO_BETA "\"objects\":[" SET_OF("v1alpha1", "\"name\":\"n\"%s",
                                              "\"template\":{\"spec\":{\"containers\":[],\"x\":%s}}") "]}"),
        fields, deep);

    ask(r, body, strlen(body), &a);
    return is_success(&a);
}

/* One object that cannot be converted makes every list in the other version fail, for everybody. */
static void test_d19_what_is_admitted_can_be_converted(void **state)
{
    cs_autostrbuf fields = CS_STRBUF_INIT, more = CS_STRBUF_INIT;
    int depth = 1;

    for (bool admitted = true; admitted; depth++) {
        cs_autostrbuf deep = CS_STRBUF_INIT;

        repeat(&deep, "[", depth);
        repeat(&deep, "]", depth);
        admitted = is_admitted(*state, "", cs_strbuf_str(&deep));
        if (admitted && !is_converted(*state, "", cs_strbuf_str(&deep)))
            fail_msg("admitted with %d levels, not converted", depth);
    }
    assert_in_range(depth, 50, 150);
    cs_strbuf_adds(&fields, ",\"managedFields\":[0");
    repeat(&fields, ",0", 199900);
    cs_strbuf_adds(&more, cs_strbuf_str(&fields));
    cs_strbuf_adds(&fields, "]");
    repeat(&more, ",0", 50000); /* status and what is written down of who wrote what come later, past admission */
    cs_strbuf_adds(&more, "]");
    assert_true(is_admitted(*state, cs_strbuf_str(&fields), "0"));
    assert_true(is_converted(*state, cs_strbuf_str(&more), "0"));
}

static void test_every_truncation(void **state)
{
    static const char text[] =
        REVIEW("{" TO_BETA "\"objects\":[" SET_OF("v1alpha1", "\"name\":\"n\"", "\"template\":{}") "]}");

    for (size_t n = 0; n < sizeof(text) - 1; n++) {
        cs_autofree char *cut = malloc(n + 1); /* exactly sized: ASan sees every read beyond it */
        autoanswer a;

        memcpy(cut, text, n);
        ask(*state, cut, n, &a);
        assert_int_equal(a.status, 400);
    }
}

static void test_metrics_count_objects(void **state)
{
    static const char good[] =
        REVIEW("{" TO_BETA "\"objects\":[" SET_OF("v1alpha1", "", "") "," SET_OF("v1alpha1", "", "") "]}");
    static const char bad[] = REVIEW("{" TO_ALPHA "\"objects\":[7]}");
    struct cs_metrics *m = cs_metrics_new();
    struct cs_router *r = cs_router_new(1, m, NULL);
    cs_autostrbuf text = CS_STRBUF_INIT;
    autoanswer a, b;

    (void)state;
    ask(r, good, sizeof(good) - 1, &a);
    ask(r, bad, sizeof(bad) - 1, &b);
    cs_metrics_expose(m, &text);
    assert_non_null(
        strstr(cs_strbuf_str(&text), "cloneset_webhook_conversions_total{version=\"v1beta1\",result=\"success\"} 2\n"));
    assert_non_null(strstr(
        cs_strbuf_str(&text), "cloneset_webhook_conversions_total{version=\"v1alpha1\",result=\"failure\"} 1\n"));
    assert_non_null(strstr(
        cs_strbuf_str(&text), "controller_runtime_webhook_requests_total{webhook=\"/convert\",code=\"200\"} 2\n"));
    cs_router_free(r);
    cs_metrics_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_object),
        cmocka_unit_test(test_the_order_stays_and_the_right_version_is_left_alone),
        cmocka_unit_test(test_no_objects),
        cmocka_unit_test(test_a_list_of_many),
        cmocka_unit_test(test_what_cannot_be_converted_is_named),
        cmocka_unit_test(test_what_is_no_conversion_review_is_a_400),
        cmocka_unit_test(test_there_are_limits),
        cmocka_unit_test(test_d19_what_is_admitted_can_be_converted),
        cmocka_unit_test(test_every_truncation),
        cmocka_unit_test(test_metrics_count_objects),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
