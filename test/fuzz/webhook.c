/* SPDX-License-Identifier: Apache-2.0 */
#include "test/fuzz/webhook.h"

#include "common/base/base64.h"

#define MAX_PATCH ((size_t)1 << 20)

static bool is_text(struct cs_json v)
{
    return cs_json_is(v, CS_J_STRING) && !cs_json_str_is(v, "");
}

static void check_status(const struct fuzz_answer *a)
{
    int64_t code = 0;

    FUZZ_CHECK(a->status >= 400 && a->status < 500, "HTTP %d", a->status);
    FUZZ_CHECK(cs_json_str_is(cs_json_get(a->root, "kind"), "Status") &&
                   cs_json_str_is(cs_json_get(a->root, "apiVersion"), "v1"),
        "no Status: %s", cs_strbuf_str(&a->body));
    FUZZ_CHECK(cs_json_i64(cs_json_get(a->root, "code"), &code) && code == a->status, "a Status of another code");
    FUZZ_CHECK(is_text(cs_json_get(a->root, "message")), "a Status without message");
}

/* As apiserver/pkg/admission/plugin/webhook/request has it, and RFC 6902. */
static void read_patch(struct fuzz_answer *a)
{
    struct cs_json patch = cs_json_get(a->response, "patch");
    cs_autofree char *text = cs_json_str_dup(patch), *bytes = NULL;
    cs_autojdoc doc = {.nodes = NULL};
    cs_autostrbuf ops = CS_STRBUF_INIT;
    struct cs_json root;
    size_t len = 0;

    FUZZ_CHECK(cs_json_exists(patch) == cs_json_exists(cs_json_get(a->response, "patchType")), "half a patch");
    if (!cs_json_exists(patch))
        return;
    FUZZ_CHECK(a->allowed && cs_json_str_is(cs_json_get(a->response, "patchType"), "JSONPatch"), "a patch of no kind");
    FUZZ_CHECK(
        text && cs_base64_decode(cs_str(text), MAX_PATCH, &bytes, &len, NULL) && len > 0, "the patch is no base64");
    cs_strbuf_add(&ops, bytes, len);
    root = fuzz_parse_ours(&doc, "the patch", &ops);
    FUZZ_CHECK(cs_json_is(root, CS_J_ARRAY) && cs_json_count(root) > 0, "the patch is no list");
    a->patch = cs_jtree_from(root);
}

static void check_admission(struct fuzz_answer *a)
{
    struct cs_json status = cs_json_get(a->response, "status"), warnings = cs_json_get(a->response, "warnings");
    int64_t code = 0;

    FUZZ_CHECK(cs_json_bool(cs_json_get(a->response, "allowed"), &a->allowed), "allowed: missing");
    FUZZ_CHECK(
        cs_json_i64(cs_json_get(status, "code"), &code) && (code == 200) == a->allowed && code >= 200 && code < 500,
        "allowed %d with code %lld", a->allowed, (long long)code);
    FUZZ_CHECK(a->allowed || is_text(cs_json_get(status, "message")), "refused without a word");
    read_patch(a);
    FUZZ_CHECK(!cs_json_exists(warnings) || cs_json_is(warnings, CS_J_ARRAY), "warnings that are no list");
    cs_json_foreach (w, warnings) {
        cs_autofree char *text = cs_json_str_dup(w);

        FUZZ_CHECK(text && text[0], "an empty warning");
        for (const char *p = text; *p; p++)
            FUZZ_CHECK((unsigned char)*p >= 0x20 && *p != 0x7f, "a control character in: %s", text);
    }
}

static void check_conversion(const struct fuzz_answer *a)
{
    struct cs_json result = cs_json_get(a->response, "result"), objects = cs_json_get(a->response, "convertedObjects");
    bool ok = cs_json_str_is(cs_json_get(result, "status"), "Success");

    FUZZ_CHECK(ok || cs_json_str_is(cs_json_get(result, "status"), "Failure"), "neither success nor failure");
    FUZZ_CHECK(ok || is_text(cs_json_get(result, "message")), "failed without a word");
    FUZZ_CHECK(cs_json_is(objects, CS_J_ARRAY), "no list of objects");
}

void fuzz_ask(struct cs_router *r, const char *path, const char *kind, struct cs_str body, struct fuzz_answer *ret)
{
    const struct cs_http_req req = {.method = "POST", .path = path, .content_type = "application/json", .body = body};
    struct cs_http_resp resp = {.status = 200, .body = &ret->body};
    cs_autojdoc asked = {.nodes = NULL};
    struct cs_json request;

    *ret = (struct fuzz_answer){.body = CS_STRBUF_INIT};
    cs_router_handle(r, &req, &resp);
    ret->status = resp.status;
    FUZZ_CHECK(cs_streq(resp.content_type, "application/json"), "the content type %s", resp.content_type);
    ret->root = fuzz_parse_ours(&ret->doc, "the answer", &ret->body);
    if (resp.status != 200) {
        check_status(ret);
        return;
    }
    request = fuzz_parse(&asked, (const uint8_t *)body.p, body.len);
    FUZZ_CHECK(cs_json_exists(request), "an answer to what is no JSON");
    ret->response = cs_json_get(ret->root, "response");
    FUZZ_CHECK(cs_json_str_is(cs_json_get(ret->root, "kind"), kind), "the kind of the answer");
    fuzz_same("the version of the answer", cs_json_get(ret->root, "apiVersion"), cs_json_get(request, "apiVersion"));
    FUZZ_CHECK(is_text(cs_json_get(ret->response, "uid")), "no uid");
    fuzz_same("the uid of the answer", cs_json_get(ret->response, "uid"), cs_json_at(request, "request", "uid", NULL));
    if (cs_streq(kind, "AdmissionReview"))
        check_admission(ret);
    else
        check_conversion(ret);
}

void fuzz_answer_done(struct fuzz_answer *a)
{
    cs_jtree_free(a->patch);
    cs_jdoc_done(&a->doc);
    cs_strbuf_done(&a->body);
}
