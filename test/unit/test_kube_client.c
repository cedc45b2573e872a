/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What all clients share: verbs, URLs, and how answers of the API server become errors.
 */
#include "common/kube/client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/base/alloc.h"

static void test_verbs(void **state)
{
    (void)state;
    static const struct {
        enum cs_verb verb;
        const char *name, *method;
    } rows[] = {
        {CS_VERB_GET, "get", "GET"},
        {CS_VERB_LIST, "list", "GET"},
        {CS_VERB_WATCH, "watch", "GET"},
        {CS_VERB_CREATE, "create", "POST"},
        {CS_VERB_UPDATE, "update", "PUT"},
        {CS_VERB_PATCH_MERGE, "patch", "PATCH"},
        {CS_VERB_PATCH_STRATEGIC, "patch", "PATCH"},
        {CS_VERB_PATCH_JSON, "patch", "PATCH"},
        {CS_VERB_DELETE, "delete", "DELETE"},
    };

    assert_int_equal(CS_ARRAY_LEN(rows), CS_VERB_COUNT);
    for (size_t i = 0; i < CS_ARRAY_LEN(rows); i++) {
        assert_string_equal(cs_verb_name(rows[i].verb), rows[i].name);
        assert_string_equal(cs_verb_method(rows[i].verb), rows[i].method);
    }
}

static void test_paths(void **state)
{
    (void)state;
    static const struct {
        struct cs_call call;
        const char *path;
    } rows[] = {
        {{.verb = CS_VERB_LIST, .gvr = &cs_gvr_pods}, "/api/v1/pods"},
        {{.verb = CS_VERB_LIST, .gvr = &cs_gvr_pods, .ns = "a"}, "/api/v1/namespaces/a/pods"},
        {{.verb = CS_VERB_GET, .gvr = &cs_gvr_nodes, .name = "n1.example.com"}, "/api/v1/nodes/n1.example.com"},
        {{.verb = CS_VERB_GET, .gvr = &cs_gvr_clonesets, .ns = "a", .name = "b"},
            "/apis/apps.kruise.io/v1alpha1/namespaces/a/clonesets/b"},
        {{.verb = CS_VERB_PATCH_MERGE, .gvr = &cs_gvr_pods, .ns = "a", .name = "b", .subresource = "status"},
            "/api/v1/namespaces/a/pods/b/status"},
        {{.verb = CS_VERB_UPDATE, .gvr = &cs_gvr_leases, .ns = "a", .name = "b"},
            "/apis/coordination.k8s.io/v1/namespaces/a/leases/b"},
        {{.verb = CS_VERB_LIST, .gvr = &cs_gvr_pods, .query = "limit=500&a=b%2Cc"}, "/api/v1/pods?limit=500&a=b%2Cc"},
        {{.verb = CS_VERB_LIST, .gvr = &cs_gvr_pods, .query = ""}, "/api/v1/pods"},
        /* names never leave their segment */
        {{.verb = CS_VERB_GET, .gvr = &cs_gvr_pods, .ns = "a/b?c", .name = "x/../y#z%41 \xc3\xa9"},
            "/api/v1/namespaces/a%2Fb%3Fc/pods/x%2F..%2Fy%23z%2541%20%C3%A9"},
    };

    for (size_t i = 0; i < CS_ARRAY_LEN(rows); i++) {
        cs_autostrbuf out = CS_STRBUF_INIT;

        assert_true(cs_call_check(&rows[i].call, NULL));
        cs_call_path(&rows[i].call, &out);
        assert_string_equal(cs_strbuf_str(&out), rows[i].path);
    }
}

static void test_calls_that_must_not_be_sent(void **state)
{
    (void)state;
    static const struct {
        const char *why;
        struct cs_call call;
    } rows[] = {
        {"a delete that lost its name", {.verb = CS_VERB_DELETE, .gvr = &cs_gvr_pods, .ns = "a"}},
        {"a delete with an empty name", {.verb = CS_VERB_DELETE, .gvr = &cs_gvr_pods, .ns = "a", .name = ""}},
        {"a get without a name", {.verb = CS_VERB_GET, .gvr = &cs_gvr_pods, .ns = "a"}},
        {"a patch without a name", {.verb = CS_VERB_PATCH_JSON, .gvr = &cs_gvr_pods, .ns = "a"}},
        {"an update without a name", {.verb = CS_VERB_UPDATE, .gvr = &cs_gvr_pods, .ns = "a"}},
        {"a name that climbs", {.verb = CS_VERB_DELETE, .gvr = &cs_gvr_pods, .ns = "a", .name = ".."}},
        {"an empty namespace", {.verb = CS_VERB_LIST, .gvr = &cs_gvr_pods, .ns = ""}},
        {"a subresource of nothing",
            {.verb = CS_VERB_CREATE, .gvr = &cs_gvr_pods, .ns = "a", .subresource = "eviction"}},
        {"no resource", {.verb = CS_VERB_LIST}},
        {"no such verb", {.verb = CS_VERB_COUNT, .gvr = &cs_gvr_pods}},
    };

    for (size_t i = 0; i < CS_ARRAY_LEN(rows); i++) {
        struct cs_error err = CS_ERROR_INIT;

        print_message("  %s\n", rows[i].why);
        assert_false(cs_call_check(&rows[i].call, &err));
        assert_int_equal(err.kind, CS_ERR_INTERNAL);
    }
}

static void test_queries_are_escaped(void **state)
{
    (void)state;
    cs_autostrbuf out = CS_STRBUF_INIT;

    cs_query_add(&out, "labelSelector", "a in (b,c),d!=e");
    cs_query_add(&out, "watch", "true");
    cs_query_add(&out, "continue", "x+/=&");
    assert_string_equal(
        cs_strbuf_str(&out), "labelSelector=a%20in%20%28b%2Cc%29%2Cd%21%3De&watch=true&continue=x%2B%2F%3D%26");
}

#define STATUS(code, reason, message)                                                                                  \
    "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"status\":\"Failure\",\"message\":\"" message                         \
    "\",\"reason\":\"" reason "\",\"code\":" #code "}"

static void test_answers_become_errors(void **state)
{
    (void)state;
    static const struct {
        int status;
        const char *body;
        int64_t retry_after_ms;
        enum cs_errkind kind;
        const char *reason, *message;
        int64_t expect_retry_ms;
    } rows[] = {
        {200, "{}", 0, CS_ERR_NONE, "", "", 0},
        {201, "", 5000, CS_ERR_NONE, "", "", 0},
        {400, STATUS(400, "BadRequest", "bad"), 0, CS_ERR_INVALID, "BadRequest", "bad", 0},
        {401, STATUS(401, "Unauthorized", "who?"), 0, CS_ERR_FORBIDDEN, "Unauthorized", "who?", 0},
        {403, STATUS(403, "Forbidden", "pods is forbidden"), 0, CS_ERR_FORBIDDEN, "Forbidden", "pods is forbidden", 0},
        {404, STATUS(404, "NotFound", "none"), 0, CS_ERR_NOT_FOUND, "NotFound", "none", 0},
        {404, "404 page not found\n", 0, CS_ERR_NOT_FOUND, "", "HTTP 404: 404 page not found ", 0},
        {405, STATUS(405, "MethodNotAllowed", "no"), 0, CS_ERR_INVALID, "MethodNotAllowed", "no", 0},
        {408, "", 0, CS_ERR_TIMEOUT, "", "HTTP 408", 0},
        {409, STATUS(409, "Conflict", "changed"), 0, CS_ERR_CONFLICT, "Conflict", "changed", 0},
        {409, STATUS(409, "AlreadyExists", "is there"), 0, CS_ERR_ALREADY_EXISTS, "AlreadyExists", "is there", 0},
        {409, "", 0, CS_ERR_CONFLICT, "", "HTTP 409", 0},
        {410, STATUS(410, "Expired", "too old"), 0, CS_ERR_GONE, "Expired", "too old", 0},
        {410, "", 0, CS_ERR_GONE, "", "HTTP 410", 0},
        {500, STATUS(500, "Expired", "too old"), 0, CS_ERR_GONE, "Expired", "too old", 0},
        {413, "", 0, CS_ERR_TOO_LARGE, "", "HTTP 413", 0},
        {422, STATUS(422, "Invalid", "spec.replicas: bad"), 0, CS_ERR_INVALID, "Invalid", "spec.replicas: bad", 0},
        {429, STATUS(429, "TooManyRequests", "slow"), 3000, CS_ERR_THROTTLED, "TooManyRequests", "slow", 3000},
        /* the header is missing: Status.details tells */
        {429,
            "{\"kind\":\"Status\",\"message\":\"slow\",\"reason\":\"TooManyRequests\","
            "\"details\":{\"retryAfterSeconds\":7},\"code\":429}",
            0, CS_ERR_THROTTLED, "TooManyRequests", "slow", 7000},
        {429, "{\"kind\":\"Status\",\"message\":\"slow\",\"details\":{\"retryAfterSeconds\":-7}}", 0, CS_ERR_THROTTLED,
            "", "slow", 0},
        {500, STATUS(500, "InternalError", "oops"), 0, CS_ERR_SERVER, "InternalError", "oops", 0},
        {503, "upstream\tdown", 2000, CS_ERR_SERVER, "", "HTTP 503: upstream down", 2000},
        {504, STATUS(504, "Timeout", "late"), 0, CS_ERR_SERVER, "Timeout", "late", 0},
        {302, "moved", 0, CS_ERR_DECODE, "", "HTTP 302: moved", 0},
        /* JSON, but of somebody else; a Status that lies about its types; a reason that is no word */
        {500, "{\"error\":\"x\"}", 0, CS_ERR_SERVER, "", "HTTP 500: {\"error\":\"x\"}", 0},
        {500, "{\"kind\":\"Status\",\"message\":[1],\"reason\":7}", 0, CS_ERR_SERVER, "",
            "HTTP 500: {\"kind\":\"Status\",\"message\":[1],\"reason\":7}", 0},
        {409, STATUS(409, "not a\\nword", "x"), 0, CS_ERR_CONFLICT, "", "x", 0},
        {500, "{\"kind\":\"Status\",\"message\":\"cut", 0, CS_ERR_SERVER, "",
            "HTTP 500: {\"kind\":\"Status\",\"message\":\"cut", 0},
    };

    for (size_t i = 0; i < CS_ARRAY_LEN(rows); i++) {
        struct cs_error err = {.kind = CS_ERR_COUNT, .reason = "left over"};

        print_message("  %d %s\n", rows[i].status, rows[i].message);
        cs_reply_error(rows[i].status, cs_str(rows[i].body), rows[i].retry_after_ms, &err);
        assert_int_equal(err.kind, rows[i].kind);
        assert_string_equal(err.reason, rows[i].reason);
        assert_string_equal(err.message, rows[i].message);
        assert_int_equal(err.retry_after_ms, rows[i].expect_retry_ms);
        assert_int_equal(err.code, rows[i].kind == CS_ERR_NONE ? 0 : rows[i].status);
    }
}

static void test_a_huge_foreign_answer_gives_a_short_message(void **state)
{
    (void)state;
    cs_autofree char *page = cs_new_array(char, 100000);
    struct cs_error err;

    memset(page, '<', 99999);
    cs_reply_error(502, cs_str(page), 0, &err);
    assert_int_equal(err.kind, CS_ERR_SERVER);
    assert_int_equal(strlen(err.message), strlen("HTTP 502: ") + 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_verbs),
        cmocka_unit_test(test_paths),
        cmocka_unit_test(test_calls_that_must_not_be_sent),
        cmocka_unit_test(test_queries_are_escaped),
        cmocka_unit_test(test_answers_become_errors),
        cmocka_unit_test(test_a_huge_foreign_answer_gives_a_short_message),
    };

    return cmocka_run_group_tests_name("kube_client", tests, NULL, NULL);
}
