/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sends requests through the webhook's router without a socket, for tests of what the webhooks answer.
 */
#ifndef CS_TEST_ADMIT_H
#define CS_TEST_ADMIT_H

#include "common/base/base64.h"
#include "common/base/cleanup.h"
#include "common/json/json_doc.h"
#include "webhook/router.h"

struct admitted {
    int status; /* HTTP */
    const char *allow; /* header of a 405 */
    bool allowed;
    int64_t code;
    char *uid, *message, *warnings, *patch; /* owned; NULL when absent; warnings joined by "|", patch decoded */
    char *body; /* the whole answer */
};

static inline void admitted_done(struct admitted *a)
{
    free(a->uid);
    free(a->message);
    free(a->warnings);
    free(a->patch);
    free(a->body);
    *a = (struct admitted){.status = 0};
}
#define autoadmitted CS_CLEANUP(admitted_done) struct admitted

static inline void admit_read(struct admitted *a)
{
    cs_autojdoc doc = {.nodes = NULL};
    cs_autostrbuf warnings = CS_STRBUF_INIT;
    struct cs_json response, list, patch;

    assert_true(cs_jdoc_parse(&doc, a->body, strlen(a->body), NULL, NULL)); /* valid JSON in any case */
    if (a->status != 200) {
        a->message = cs_json_str_dup(cs_json_get(cs_jdoc_root(&doc), "message"));
        assert_true(cs_json_i64(cs_json_get(cs_jdoc_root(&doc), "code"), &a->code));
        return;
    }
    response = cs_json_get(cs_jdoc_root(&doc), "response");
    assert_true(cs_json_bool(cs_json_get(response, "allowed"), &a->allowed));
    assert_true(cs_json_i64(cs_json_at(response, "status", "code", NULL), &a->code));
    a->uid = cs_json_str_dup(cs_json_get(response, "uid"));
    a->message = cs_json_str_dup(cs_json_at(response, "status", "message", NULL));
    list = cs_json_get(response, "warnings");
    cs_json_foreach (w, list) {
        cs_autofree char *text = cs_json_str_dup(w);

        cs_strbuf_addf(&warnings, "%s%s", warnings.len ? "|" : "", text);
    }
    a->warnings = warnings.len ? cs_strbuf_take(&warnings, NULL) : NULL;
    patch = cs_json_get(response, "patch");
    assert_int_equal(cs_json_exists(patch), cs_json_str_is(cs_json_get(response, "patchType"), "JSONPatch"));
    if (cs_json_exists(patch)) {
        cs_autofree char *text = cs_json_str_dup(patch);

        assert_true(cs_base64_decode(cs_str(text), 1 << 20, &a->patch, NULL, NULL));
    }
}

static inline void admit_raw(
    struct cs_router *r, const char *method, const char *path, const char *type, struct cs_str body, struct admitted *a)
{
    struct cs_strbuf out = CS_STRBUF_INIT;
    struct cs_http_req req = {.method = method, .path = path, .content_type = type, .body = body};
    struct cs_http_resp resp = {.status = 200, .body = &out};

    cs_router_handle(r, &req, &resp);
    *a = (struct admitted){.status = resp.status, .allow = resp.allow};
    assert_string_equal(resp.content_type, "application/json");
    a->body = cs_strbuf_take(&out, NULL);
    assert_non_null(a->body);
    admit_read(a);
}

/* resource: "apps.kruise.io/v1alpha1/clonesets" or "/v1/pods"; object, old_object: JSON or NULL. */
static inline void admit(struct cs_router *r, const char *path, const char *operation, const char *resource,
    const char *object, const char *old_object, struct admitted *a)
{
    cs_autostrbuf body = CS_STRBUF_INIT;
    const char *version = strchr(resource, '/') + 1, *plural = strchr(version, '/') + 1;

    cs_strbuf_addf(&body,
        "{\"kind\":\"AdmissionReview\",\"apiVersion\":\"admission.k8s.io/v1\",\"request\":{\"uid\":\"u-1\","
        "\"resource\":{\"group\":\"%.*s\",\"version\":\"%.*s\",\"resource\":\"%s\"},\"operation\":\"%s\","
        "\"name\":\"n\",\"namespace\":\"ns\",\"userInfo\":{\"username\":\"jane\"},\"object\":%s,\"oldObject\":%s}}",
        (int)(version - resource - 1), resource, (int)(plural - version - 1), version, plural, operation,
        object ? object : "null", old_object ? old_object : "null");
    assert_false(body.failed);
    admit_raw(r, "POST", path, "application/json", (struct cs_str){.p = body.data, .len = body.len}, a);
    if (a->status == 200)
        assert_string_equal(a->uid, "u-1");
}

#endif
