/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The webhook's way from bytes to an answer: every kind of bad input of the issue gets a clear one; metrics, log lines and
 * registrations fit what is served.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/base/clock.h"
#include "common/base/log_fold.h"
#include "test/unit/admit.h"
#include "webhook/entries.h"

#define HEAD "{\"kind\":\"AdmissionReview\",\"apiVersion\":\"admission.k8s.io/v1\",\"request\":"
#define RESOURCE "\"resource\":{\"group\":\"apps.kruise.io\",\"version\":\"v1alpha1\",\"resource\":\"clonesets\"}"
#define REVIEW(object) HEAD "{\"uid\":\"u-1\",\"operation\":\"CREATE\"," RESOURCE ",\"object\":" object "}}"

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

static void post(struct cs_router *r, struct cs_str body, struct admitted *a)
{
    admit_raw(r, "POST", CS_PATH_MUTATE_CLONESET, "application/json", body, a);
}

#define BYTES(lit) CS_STR(lit) /* NUL bytes count */

static void test_bad_bodies_get_a_400_that_says_why(void **state)
{
    static const struct {
        struct cs_str body;
        const char *message; /* a part of it */
    } rows[] = {
        {BYTES(""), "offset 0"},
        {BYTES("hello"), "offset 0"},
        {BYTES("{"), "offset 1"},
        {BYTES(HEAD "{\"uid\":\"u-1\",\"oper"), "offset "},
        {BYTES(REVIEW("{}") "x"), "offset "},
        {BYTES(REVIEW("{\"a\":\"b\0c\"}")), "offset "},
        {BYTES(REVIEW("{\"a\":\"b\\u0000c\"}")), "\\u0000 is not allowed"},
        {BYTES(REVIEW("{\"a\":\"\xff\xfe\"}")), "UTF-8"},
        {BYTES(REVIEW("{\"a\":\"\xc0\x80\"}")), "UTF-8"},
        {BYTES(REVIEW("{\"a\":\"\\ud800\"}")), "offset "},
        {BYTES(REVIEW("{\"a\":NaN}")), "offset "},
        {BYTES(REVIEW("{'a':1}")), "offset "},
        {BYTES("\xef\xbb\xbf" REVIEW("{}")), "offset 0"},
        {BYTES("{}"), "kind: must be \"AdmissionReview\""},
        {BYTES("{\"kind\":\"AdmissionReview\",\"apiVersion\":\"admission.k8s.io/v7\",\"request\":{}}"),
            "admission.k8s.io/v7"},
        {BYTES(HEAD "{\"operation\":\"CREATE\"," RESOURCE "}}"), "request.uid: "},
        {BYTES(REVIEW("[]")), "request.object: must be an object, got array"},
        {BYTES(REVIEW("\"x\"")), "request.object: must be an object, got string"},
    };

    for (size_t i = 0; i < CS_ARRAY_LEN(rows); i++) {
        autoadmitted a = {.status = 0};

        post(*state, rows[i].body, &a);
        if (a.status != 400 || a.code != 400 || !strstr(a.message, rows[i].message))
            fail_msg("row %zu: %d %s", i, a.status, a.message ? a.message : "");
    }
}

static void test_only_json_by_post(void **state)
{
    static const struct {
        const char *method, *path, *type;
        int status;
    } rows[] = {
        {"POST", CS_PATH_VALIDATE_CLONESET, "application/json", 200},
        {"POST", CS_PATH_VALIDATE_CLONESET, "application/json; charset=utf-8", 200},
        {"POST", CS_PATH_VALIDATE_CLONESET, "Application/JSON", 200},
        {"POST", CS_PATH_VALIDATE_CLONESET, NULL, 415},
        {"POST", CS_PATH_VALIDATE_CLONESET, "", 415},
        {"POST", CS_PATH_VALIDATE_CLONESET, "application/jsonp", 415},
        {"POST", CS_PATH_VALIDATE_CLONESET, "text/plain", 415},
        {"POST", CS_PATH_VALIDATE_CLONESET, "application/vnd.kubernetes.protobuf", 415},
        {"GET", CS_PATH_VALIDATE_CLONESET, "application/json", 405},
        {"PUT", CS_PATH_MUTATE_CLONESET, "application/json", 405},
        {"POST", "/", "application/json", 404},
        {"POST", CS_PATH_VALIDATE_CLONESET "/", "application/json", 404},
        {"POST", "/validate-apps-kruise-io-v1alpha1-cloneset", "application/json", 404},
    };

    for (size_t i = 0; i < CS_ARRAY_LEN(rows); i++) {
        autoadmitted a = {.status = 0};

        admit_raw(*state, rows[i].method, rows[i].path, rows[i].type, CS_STR(REVIEW("{}")), &a);
        if (a.status != rows[i].status)
            fail_msg("%s %s %s: %d", rows[i].method, rows[i].path, rows[i].type ? rows[i].type : "-", a.status);
        assert_int_equal(a.allow != NULL, a.status == 405);
    }
}

static void nested(struct cs_strbuf *sb, const char *open, const char *close, int depth)
{
    for (int i = 0; i < depth; i++)
        cs_strbuf_adds(sb, open);
    cs_strbuf_adds(sb, "1");
    for (int i = 0; i < depth; i++)
        cs_strbuf_adds(sb, close);
}

static void test_limits(void **state)
{
    cs_autostrbuf deep = CS_STRBUF_INIT, deeper = CS_STRBUF_INIT, many = CS_STRBUF_INIT, large = CS_STRBUF_INIT;
    autoadmitted a = {.status = 0}, b = {.status = 0}, c = {.status = 0}, d = {.status = 0};

    nested(&deep, "{\"a\":[", "]}", 5000);
    post(*state, (struct cs_str){deep.data, deep.len}, &a);
    assert_int_equal(a.status, 400);
    assert_non_null(strstr(a.message, "nested too deep"));
    nested(&deeper, "[", "", 1000000);
    post(*state, (struct cs_str){deeper.data, deeper.len}, &b);
    assert_int_equal(b.status, 400);
    cs_strbuf_adds(&many, HEAD "{\"uid\":\"u\",\"x\":[0");
    for (int i = 0; i < 300000; i++)
        cs_strbuf_adds(&many, ",0");
    cs_strbuf_adds(&many, "]}}");
    post(*state, (struct cs_str){many.data, many.len}, &c);
    assert_int_equal(c.status, 400);
    assert_non_null(strstr(c.message, "too many values"));
    cs_strbuf_adds(&large, "\"");
    for (int i = 0; i < 8 << 10; i++)
        cs_strbuf_addf(&large, "%01024d", 0);
    cs_strbuf_adds(&large, "\"");
    post(*state, (struct cs_str){large.data, large.len}, &d);
    assert_int_equal(d.status, 400);
}

static void test_large_documents_leave_no_trace(void **state)
{
    cs_autostrbuf body = CS_STRBUF_INIT;
    autoadmitted a = {.status = 0}, b = {.status = 0};

    cs_strbuf_adds(&body, HEAD "{\"uid\":\"u\",\"operation\":\"DELETE\"," RESOURCE ",\"x\":[0");
    for (int i = 0; i < 100000; i++)
        cs_strbuf_adds(&body, ",0");
    cs_strbuf_adds(&body, "]}}");
    post(*state, (struct cs_str){body.data, body.len}, &a);
    assert_true(a.allowed);
    post(*state, CS_STR(REVIEW("{\"spec\":{}}")), &b); /* the node array was given back: a new one is made */
    assert_int_equal(b.status, 200);
    assert_non_null(b.patch);
}

/* What the user wrote is what is stored: the patch only adds, so big integers and unknown members cannot change. */
static void test_the_patch_touches_nothing_else(void **state)
{
    autoadmitted a = {.status = 0};
    cs_autojdoc doc = {.nodes = NULL};
    struct cs_json ops;

    post(*state,
        CS_STR(
            REVIEW("{\"metadata\":{\"name\":\"n\"},\"spec\":{\"selector\":{},\"unknown\":1e400,\"template\":{\"spec\":{"
                   "\"tolerations\":[{\"tolerationSeconds\":9223372036854775807}]}}}}")),
        &a);
    assert_true(a.allowed);
    assert_true(cs_jdoc_parse(&doc, a.patch, strlen(a.patch), NULL, NULL));
    ops = cs_jdoc_root(&doc);
    assert_true(cs_json_count(ops) > 0);
    cs_json_foreach (op, ops) {
        cs_autofree char *path = cs_json_str_dup(cs_json_get(op, "path"));

        assert_true(cs_json_str_is(cs_json_get(op, "op"), "add"));
        assert_true(strcmp(path, "/spec/replicas") == 0 || strcmp(path, "/spec/revisionHistoryLimit") == 0 ||
                    strncmp(path, "/spec/updateStrategy", 20) == 0);
    }
}

/* Both operations with every "%s" of frame replaced by value: an answer, and never a refusal without a word. */
static void admit_frame(struct cs_router *r, const char *path, const char *frame, const char *value)
{
    const char *resource = strcmp(path, CS_PATH_INSTANCE_ID) == 0 ? "/v1/pods" : "apps.kruise.io/v1alpha1/clonesets";
    cs_autostrbuf object = CS_STRBUF_INIT;
    autoadmitted a = {.status = 0}, b = {.status = 0};

    for (const char *at = frame; *at != '\0'; at++) {
        if (strncmp(at, "%s", 2) == 0) {
            cs_strbuf_adds(&object, value);
            at++;
        } else {
            cs_strbuf_addc(&object, *at);
        }
    }
    admit(r, path, "CREATE", resource, cs_strbuf_str(&object), NULL, &a);
    admit(r, path, "UPDATE", resource, cs_strbuf_str(&object), "{\"spec\":{\"replicas\":1}}", &b);
    assert_int_equal(a.status, 200);
    assert_int_equal(b.status, 200);
    if (!a.allowed && (!a.message || !*a.message))
        fail_msg("%s: refused without a word", cs_strbuf_str(&object));
}

static void test_wrong_types_everywhere_are_survived(void **state)
{
    static const char *const values[] = {"null", "true", "1", "-1", "1e999", "\"\"", "\"x\"", "[]", "[null]", "{}",
        "{\"a\":null}", "9223372036854775808"};
    static const char *const frames[] = {
        "{\"metadata\":%s,\"spec\":{}}",
        "{\"metadata\":{\"labels\":%s,\"annotations\":%s,\"ownerReferences\":%s},\"spec\":%s}",
        "{\"spec\":{\"replicas\":%s,\"selector\":%s,\"template\":%s}}",
        "{\"spec\":{\"selector\":{\"matchLabels\":%s,\"matchExpressions\":%s},\"updateStrategy\":%s}}",
        "{\"spec\":{\"template\":{\"metadata\":%s,\"spec\":%s},\"volumeClaimTemplates\":%s}}",
        "{\"spec\":{\"template\":{\"spec\":{\"containers\":%s,\"initContainers\":%s,\"volumes\":%s}}}}",
        "{\"spec\":{\"template\":{\"spec\":{\"containers\":[%s,{\"name\":%s,\"env\":%s,\"ports\":%s}]}}}}",
        "{\"spec\":{\"scaleStrategy\":%s,\"lifecycle\":%s,\"updateStrategy\":{\"partition\":%s,\"maxSurge\":%s}}}",
    };
    static const char *const paths[] = {CS_PATH_MUTATE_CLONESET, CS_PATH_VALIDATE_CLONESET, CS_PATH_INSTANCE_ID};

    for (size_t f = 0; f < CS_ARRAY_LEN(frames); f++)
        for (size_t v = 0; v < CS_ARRAY_LEN(values); v++)
            for (size_t p = 0; p < CS_ARRAY_LEN(paths); p++)
                admit_frame(*state, paths[p], frames[f], values[v]);
}

/* Any cut of a good review: an answer, never a crash. */
static void test_every_truncation(void **state)
{
    static const char text[] =
        REVIEW("{\"metadata\":{\"name\":\"n\"},\"spec\":{\"replicas\":3,\"template\":{\"a\":\"\\u00e9\"}}}");

    for (size_t n = 0; n < sizeof(text) - 1; n++) {
        autoadmitted a = {.status = 0};
        cs_autofree char *cut = malloc(n + 1); /* exactly sized: ASan sees every read beyond it */

        memcpy(cut, text, n);
        post(*state, (struct cs_str){.p = cut, .len = n}, &a);
        assert_int_equal(a.status, 400);
    }
}

static void test_metrics_count_what_happened(void **state)
{
    struct cs_metrics *m = cs_metrics_new();
    struct cs_router *r = cs_router_new(1, m, NULL);
    cs_autostrbuf text = CS_STRBUF_INIT;
    autoadmitted a = {.status = 0}, b = {.status = 0}, c = {.status = 0};

    (void)state;
    admit_raw(r, "POST", CS_PATH_VALIDATE_CLONESET, "application/json",
        CS_STR(REVIEW(
            "{\"metadata\":{\"name\":\"n\",\"namespace\":\"d\"},\"spec\":{\"replicas\":-1,\"updateStrategy\":{"
            "\"type\":\"X\",\"partition\":0},\"selector\":{\"matchLabels\":{\"a\":\"b\"}},\"template\":{\"metadata\":{"
            "\"labels\":{\"a\":\"b\"}},\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":\"\"}]}}}}")),
        &a);
    admit_raw(r, "POST", CS_PATH_VALIDATE_CLONESET, "application/json", CS_STR("{"), &b);
    admit_raw(r, "POST", CS_PATH_MUTATE_CLONESET, "application/json", CS_STR(REVIEW("{}")), &c);
    cs_metrics_expose(m, &text);
    for (const char *const *want =
             (const char *const[]){"controller_runtime_webhook_requests_total{webhook=\"" CS_PATH_VALIDATE_CLONESET
                                   "\",code=\"200\"} 1\n",
                 "controller_runtime_webhook_requests_total{webhook=\"" CS_PATH_VALIDATE_CLONESET
                 "\",code=\"400\"} 1\n",
                 "controller_runtime_webhook_requests_total{webhook=\"" CS_PATH_INSTANCE_ID "\",code=\"200\"} 0\n",
                 "controller_runtime_webhook_requests_in_flight{webhook=\"" CS_PATH_MUTATE_CLONESET "\"} 0\n",
                 "controller_runtime_webhook_latency_seconds_count{webhook=\"" CS_PATH_VALIDATE_CLONESET "\"} 2\n",
                 "cloneset_webhook_denied_total{field=\"spec.replicas\",kind=\"Invalid value\"} 1\n",
                 "cloneset_webhook_denied_total{field=\"spec.template\",kind=\"Required value\"} 1\n",
                 "cloneset_webhook_denied_total{field=\"spec.updateStrategy\",kind=\"Invalid value\"} 1\n", NULL};
         *want; want++)
        if (!strstr(cs_strbuf_str(&text), *want))
            fail_msg("missing %s in\n%s", *want, cs_strbuf_str(&text));
    cs_router_free(r);
    cs_metrics_free(m);
}

static void test_denials_are_logged_with_who_and_why(void **state)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    struct cs_log log = {.out = out, .clock = cs_clock_system(), .max = CS_LOG_INFO, .json = true};
    struct cs_router *r = cs_router_new(1, NULL, &log);
    autoadmitted a = {.status = 0}, b = {.status = 0};

    (void)state;
    admit(r, CS_PATH_MUTATE_CLONESET, "CREATE", "apps.kruise.io/v1alpha1/clonesets", "{\"spec\":{\"replicas\":\"x\"}}",
        NULL, &a);
    admit(r, CS_PATH_MUTATE_CLONESET, "CREATE", "apps.kruise.io/v1alpha1/clonesets", "{\"spec\":{}}", NULL, &b);
    (void)fclose(out);
    assert_non_null(strstr(text, "\"denied\""));
    assert_non_null(strstr(text, "\"user\":\"jane\""));
    assert_non_null(strstr(text, "\"namespace\":\"ns\""));
    assert_non_null(strstr(text, "spec.replicas: Invalid value"));
    assert_ptr_equal(strchr(text, '\n'), text + len - 1); /* one line; what was allowed is debug */
    free(text);
    cs_router_free(r);
}

static int64_t hand_ms;

static int64_t mono_of_the_hand(void *ctx)
{
    (void)ctx;
    return hand_ms;
}

static int64_t no_wall(void *ctx)
{
    (void)ctx;
    return 0;
}

/* They come as often as they like: the log does not grow with them. */
static void test_strangers_are_logged_at_a_pace(void **state)
{
    static const struct cs_clock clock = {.mono_ms = &mono_of_the_hand, .wall_ms = &no_wall};
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    struct cs_log log = {.out = out, .clock = &clock, .max = CS_LOG_INFO, .json = true};
    struct cs_router *r = cs_router_new(1, NULL, &log);

    (void)state;
    for (hand_ms = 1000; hand_ms < 1800; hand_ms += 100)
        cs_router_stranger(r, "192.0.2.1", "it has no name");
    hand_ms = 1000 + CS_LOG_FOLD_MS;
    cs_router_tell_folded(r);
    cs_router_free(r);
    (void)fclose(out);
    assert_non_null(strstr(text, "\"peer\":\"192.0.2.1\",\"reason\":\"it has no name\"}\n"));
    size_t lines = 0;
    for (const char *p = text; (p = strchr(p, '\n')) != NULL; p++)
        lines++;
    assert_int_equal(lines, 6); /* five, and one for the other three */
    assert_non_null(strstr(text, "\"like\":\"refused a client\",\"count\":3}\n"));
    free(text);
}

static bool registers_deletion(const struct cs_webhook_entry *e)
{
    return e->body && strstr(e->body, "\"DELETE\"") != NULL;
}

static void test_registrations_are_what_is_served(void **state)
{
    static const struct cs_gates all = {.deletion_protection = true};
    struct cs_webhook_entry entries[CS_N_WEBHOOK_ENTRIES];

    cs_webhook_entries_make(&all, entries);
    for (size_t i = 0; i < CS_N_WEBHOOK_ENTRIES; i++) {
        const struct cs_webhook_entry *e = &entries[i];
        cs_autojdoc doc = {.nodes = NULL};
        autoadmitted a = {.status = 0};
        struct cs_json body, rules;
        bool cloneset = strstr(e->path, "-cloneset") != NULL;

        assert_true(cs_jdoc_parse(&doc, e->body, strlen(e->body), NULL, NULL));
        body = cs_jdoc_root(&doc);
        rules = cs_json_get(body, "rules");
        assert_int_equal(cs_json_count(rules), 1);
        /* spec §2.1: all versions that may be served */
        assert_true(cs_str_eqz(cs_json_raw(cs_json_get(cs_json_index(rules, 0), "apiVersions")),
            cloneset ? "[\"v1alpha1\",\"v1beta1\"]" : "[\"v1\"]"));
        assert_true(cs_json_str_is(cs_json_get(body, "sideEffects"), "None"));
        assert_true(cs_json_str_is(cs_json_get(body, "matchPolicy"), "Equivalent"));
        assert_true(cs_json_str_is(cs_json_index(cs_json_get(body, "admissionReviewVersions"), 0), "v1"));
        /* D15, D17: what is not ours never waits for us, nor does a deletion */
        assert_true(
            cs_json_str_is(cs_json_get(body, "failurePolicy"), cloneset && !registers_deletion(e) ? "Fail" : "Ignore"));
        assert_int_equal(cs_json_count(cs_json_get(body, "matchConditions")), cloneset ? 0 : 2);
        assert_int_equal(cs_json_exists(cs_json_get(body, "reinvocationPolicy")), e->mutating);
        admit_raw(*state, "POST", e->path, "application/json", CS_STR(REVIEW("{}")), &a);
        assert_int_equal(a.status, 200); /* the path exists */
    }
}

/* D15: DELETE is registered only with the gate, in an entry of its own, and only for sets that carry the label. */
static void d15_deletion_is_registered_with_its_gate(void **state)
{
    (void)state;
    for (int on = 0; on < 2; on++) {
        const struct cs_gates gates = {.deletion_protection = on, .vertical_scaling = !on};
        struct cs_webhook_entry entries[CS_N_WEBHOOK_ENTRIES];
        unsigned with_body = 0, deletions = 0;

        cs_webhook_entries_make(&gates, entries);
        for (size_t i = 0; i < CS_N_WEBHOOK_ENTRIES; i++) {
            with_body += entries[i].body != NULL;
            if (!registers_deletion(&entries[i]))
                continue;
            deletions++;
            assert_null(strstr(entries[i].body, "\"UPDATE\""));
            assert_non_null(strstr(entries[i].body, "\"policy.kruise.io/delete-protection\""));
            assert_string_equal(entries[i].path, CS_PATH_VALIDATE_CLONESET);
            assert_false(entries[i].mutating);
        }
        assert_int_equal(deletions, on);
        assert_int_equal(
            with_body, CS_N_WEBHOOK_ENTRIES - !on); /* the one that is off is there by name, to be removed */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(d15_deletion_is_registered_with_its_gate),
        cmocka_unit_test(test_bad_bodies_get_a_400_that_says_why),
        cmocka_unit_test(test_only_json_by_post),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_large_documents_leave_no_trace),
        cmocka_unit_test(test_the_patch_touches_nothing_else),
        cmocka_unit_test(test_wrong_types_everywhere_are_survived),
        cmocka_unit_test(test_every_truncation),
        cmocka_unit_test(test_metrics_count_what_happened),
        cmocka_unit_test(test_denials_are_logged_with_who_and_why),
        cmocka_unit_test(test_strangers_are_logged_at_a_pace),
        cmocka_unit_test(test_registrations_are_what_is_served),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
