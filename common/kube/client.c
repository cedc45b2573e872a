/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every client shares, real or simulated: names of verbs, URLs, and how an HTTP answer becomes an error. The
 * shapes are those of the Kubernetes API concepts page (paths) and of meta/v1 Status (errors).
 */
#include "common/kube/client.h"

#include "common/json/json_doc.h"

/* ---- verbs ---- */

static const struct {
    const char *name, *method;
    bool needs_name;
} verbs[CS_VERB_COUNT] = {
    [CS_VERB_GET] = {"get", "GET", true},
    [CS_VERB_LIST] = {"list", "GET", false},
    [CS_VERB_WATCH] = {"watch", "GET", false},
    [CS_VERB_CREATE] = {"create", "POST", false},
    [CS_VERB_UPDATE] = {"update", "PUT", true},
    [CS_VERB_PATCH_MERGE] = {"patch", "PATCH", true},
    [CS_VERB_PATCH_STRATEGIC] = {"patch", "PATCH", true},
    [CS_VERB_PATCH_JSON] = {"patch", "PATCH", true},
    [CS_VERB_DELETE] = {"delete", "DELETE", true},
};

const char *cs_verb_name(enum cs_verb v)
{
    return verbs[v].name;
}

const char *cs_verb_method(enum cs_verb v)
{
    return verbs[v].method;
}

/* ---- URLs ---- */

static bool is_unreserved(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
           c == '.' || c == '~';
}

static void add_escaped(struct cs_strbuf *out, const char *s)
{
    static const char hex[] = "0123456789ABCDEF";

    for (; *s; s++) {
        unsigned char c = (unsigned char)*s;

        if (is_unreserved(*s)) {
            cs_strbuf_addc(out, *s);
            continue;
        }
        cs_strbuf_addc(out, '%');
        cs_strbuf_addc(out, hex[c >> 4]);
        cs_strbuf_addc(out, hex[c & 15]);
    }
}

static void add_segment(struct cs_strbuf *out, const char *s)
{
    cs_strbuf_addc(out, '/');
    add_escaped(out, s);
}

static bool is_segment(const char *s)
{
    /* "." and ".." would climb: servers and proxies resolve them even when escaped. */
    return s[0] && !cs_streq(s, ".") && !cs_streq(s, "..");
}

bool cs_call_check(const struct cs_call *call, struct cs_error *err)
{
    if ((unsigned)call->verb >= CS_VERB_COUNT || !call->gvr)
        return cs_error_set(err, CS_ERR_INTERNAL, "call without a verb or a resource");
    if (call->ns && !is_segment(call->ns))
        return cs_error_set(
            err, CS_ERR_INTERNAL, "%s %s: namespace \"%s\"", verbs[call->verb].name, call->gvr->resource, call->ns);
    if (call->name ? !is_segment(call->name) : verbs[call->verb].needs_name)
        return cs_error_set(err, CS_ERR_INTERNAL, "%s %s: %s%s", verbs[call->verb].name, call->gvr->resource,
            call->name ? "impossible name " : "no name", call->name ? call->name : "");
    if (call->subresource && !call->name)
        return cs_error_set(
            err, CS_ERR_INTERNAL, "%s %s/%s: no name", verbs[call->verb].name, call->gvr->resource, call->subresource);
    return true;
}

void cs_call_path(const struct cs_call *call, struct cs_strbuf *out)
{
    if (call->gvr->group[0]) {
        cs_strbuf_adds(out, "/apis");
        add_segment(out, call->gvr->group);
    } else {
        cs_strbuf_adds(out, "/api");
    }
    add_segment(out, call->gvr->version);
    if (call->ns) {
        cs_strbuf_adds(out, "/namespaces");
        add_segment(out, call->ns);
    }
    add_segment(out, call->gvr->resource);
    if (call->name)
        add_segment(out, call->name);
    if (call->name && call->subresource)
        add_segment(out, call->subresource);
    if (call->query && call->query[0]) {
        cs_strbuf_addc(out, '?');
        cs_strbuf_adds(out, call->query);
    }
}

void cs_query_add(struct cs_strbuf *out, const char *key, const char *value)
{
    if (out->len > 0)
        cs_strbuf_addc(out, '&');
    add_escaped(out, key);
    cs_strbuf_addc(out, '=');
    add_escaped(out, value);
}

/* ---- errors ---- */

static enum cs_errkind kind_of(int status, struct cs_json reason)
{
    /* An expired continue token or version is always Gone, whatever status a proxy made of it. */
    if (cs_json_str_is(reason, "Expired") || cs_json_str_is(reason, "Gone"))
        return CS_ERR_GONE;
    switch (status) {
    case 401:
    case 403:
        return CS_ERR_FORBIDDEN;
    case 404:
        return CS_ERR_NOT_FOUND;
    case 408:
        return CS_ERR_TIMEOUT;
    case 409:
        return cs_json_str_is(reason, "AlreadyExists") ? CS_ERR_ALREADY_EXISTS : CS_ERR_CONFLICT;
    case 410:
        return CS_ERR_GONE;
    case 413:
        return CS_ERR_TOO_LARGE;
    case 429:
        return CS_ERR_THROTTLED;
    default:
        break;
    }
    if (status >= 400 && status < 500)
        return CS_ERR_INVALID;
    if (status >= 500 && status < 600)
        return CS_ERR_SERVER;
    return CS_ERR_DECODE; /* redirects and the like: no API server sends them to us */
}

/* Reasons are words; anything else would end up as it is in logs and metrics. */
static void copy_reason(struct cs_error *err, struct cs_json reason)
{
    struct cs_str s;

    if (!cs_json_str_borrow(reason, &s) || s.len >= sizeof(err->reason))
        return;
    for (size_t i = 0; i < s.len; i++) {
        if (!(s.p[i] >= 'a' && s.p[i] <= 'z') && !(s.p[i] >= 'A' && s.p[i] <= 'Z'))
            return;
    }
    memcpy(err->reason, s.p, s.len);
    err->reason[s.len] = '\0';
}

static int64_t retry_after_of(struct cs_json status)
{
    int64_t seconds;

    if (!cs_json_i64(cs_json_at(status, "details", "retryAfterSeconds", NULL), &seconds))
        return 0;
    return seconds > 0 && seconds <= 3600 ? seconds * 1000 : 0;
}

void cs_reply_error(int status, struct cs_str body, int64_t retry_after_ms, struct cs_error *ret)
{
    cs_autojdoc doc = {0};
    struct cs_json root = {0};

    cs_error_clear(ret);
    if (status >= 200 && status < 300)
        return;
    if (body.len > 0 && body.p[0] == '{' && cs_jdoc_parse(&doc, body.p, body.len, NULL, NULL))
        root = cs_jdoc_root(&doc);
    if (!cs_json_str_is(cs_json_get(root, "kind"), "Status"))
        root = (struct cs_json){0};

    struct cs_json reason = cs_json_get(root, "reason");
    cs_autofree char *message = cs_json_str_dup(cs_json_get(root, "message"));

    if (message && message[0])
        (void)cs_error_set(ret, kind_of(status, reason), "%s", message);
    else if (body.len > 0)
        (void)cs_error_set(
            ret, kind_of(status, reason), "HTTP %d: %.*s", status, (int)(body.len < 200 ? body.len : 200), body.p);
    else
        (void)cs_error_set(ret, kind_of(status, reason), "HTTP %d", status);
    copy_reason(ret, reason);
    ret->code = status;
    ret->retry_after_ms = retry_after_ms > 0 ? retry_after_ms : retry_after_of(root);
}
