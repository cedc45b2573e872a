/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AdmissionReview in and out. Everything that is echoed is spliced from the request's own bytes, which json_doc has checked.
 */
#include "webhook/review.h"

#include <stdarg.h>
#include <stdio.h>

#include "common/base/alloc.h"
#include "common/base/base64.h"
#include "common/json/json_writer.h"

#define API_VERSION "admission.k8s.io/v1"
#define MAX_MESSAGE ((size_t)16 << 10)
#define MAX_WARNING ((size_t)1 << 10) /* the API server cuts them anyway when all together are longer than 4 KiB */
#define MAX_WARNINGS 32
#define MAX_PATCH ((size_t)1 << 20)

/* ---- in ---- */

static bool is_text(struct cs_json v)
{
    return cs_json_is(v, CS_J_STRING) && !cs_json_str_is(v, "");
}

static bool check_version(struct cs_json root, struct cs_error *err)
{
    struct cs_json kind = cs_json_get(root, "kind"), version = cs_json_get(root, "apiVersion");
    cs_autofree char *text = NULL;

    if (!cs_json_is(root, CS_J_OBJECT))
        return cs_error_set(
            err, CS_ERR_INVALID, "the request body is no AdmissionReview but a JSON %s", cs_json_type_name(root));
    if (!cs_json_str_is(kind, "AdmissionReview")) {
        text = cs_json_str_dup(kind);
        return cs_error_set(err, CS_ERR_INVALID, "kind: must be \"AdmissionReview\", got %s%s%s", text ? "\"" : "",
            text ? text : cs_json_type_name(kind), text ? "\"" : "");
    }
    if (!cs_json_str_is(version, API_VERSION)) {
        text = cs_json_str_dup(version);
        return cs_error_set(err, CS_ERR_INVALID,
            "apiVersion: AdmissionReview is understood as \"" API_VERSION "\" only, got %s%s%s", text ? "\"" : "",
            text ? text : cs_json_type_name(version), text ? "\"" : "");
    }
    return true;
}

static enum cs_operation decode_operation(struct cs_json v)
{
    if (cs_json_str_is(v, "CREATE"))
        return CS_OPERATION_CREATE;
    if (cs_json_str_is(v, "UPDATE"))
        return CS_OPERATION_UPDATE;
    if (cs_json_str_is(v, "DELETE"))
        return CS_OPERATION_DELETE;
    return CS_OPERATION_OTHER;
}

/* Null and absent are the same to the API server: DELETE has "object": null, CREATE "oldObject": null. */
static bool decode_object(struct cs_json request, const char *key, struct cs_json *ret, struct cs_error *err)
{
    struct cs_json v = cs_json_get(request, key);

    *ret = (struct cs_json){.doc = NULL};
    if (cs_json_is_null(v))
        return true;
    if (!cs_json_is(v, CS_J_OBJECT))
        return cs_error_set(err, CS_ERR_INVALID, "request.%s: must be an object, got %s", key, cs_json_type_name(v));
    *ret = v;
    return true;
}

bool cs_review_decode(struct cs_json root, struct cs_review *ret, struct cs_error *err)
{
    struct cs_json request = cs_json_get(root, "request"), resource = cs_json_get(request, "resource");
    struct cs_review r;

    if (!check_version(root, err))
        return false;
    if (!cs_json_is(request, CS_J_OBJECT))
        return cs_error_set(err, CS_ERR_INVALID, "request: must be an object, got %s", cs_json_type_name(request));
    r = (struct cs_review){
        .uid = cs_json_get(request, "uid"),
        .api_version = cs_json_get(root, "apiVersion"),
        .operation_text = cs_json_get(request, "operation"),
        .group = cs_json_get(resource, "group"),
        .version = cs_json_get(resource, "version"),
        .resource = cs_json_get(resource, "resource"),
        .sub_resource = cs_json_get(request, "subResource"),
        .ns = cs_json_get(request, "namespace"),
        .name = cs_json_get(request, "name"),
        .username = cs_json_at(request, "userInfo", "username", NULL),
    };
    if (!is_text(r.uid))
        return cs_error_set(
            err, CS_ERR_INVALID, "request.uid: must be a string that is not empty, got %s", cs_json_type_name(r.uid));
    if (!is_text(r.operation_text))
        return cs_error_set(err, CS_ERR_INVALID, "request.operation: must be a string that is not empty, got %s",
            cs_json_type_name(r.operation_text));
    if (!is_text(r.version) || !is_text(r.resource))
        return cs_error_set(err, CS_ERR_INVALID,
            "request.resource: version and resource must be strings that are not "
            "empty");
    r.operation = decode_operation(r.operation_text);
    (void)cs_json_bool(cs_json_get(request, "dryRun"), &r.dry_run);
    if (!decode_object(request, "object", &r.object, err) || !decode_object(request, "oldObject", &r.old_object, err))
        return false;
    *ret = r;
    return true;
}

bool cs_review_is(const struct cs_review *r, const char *group, const char *resource)
{
    bool group_is = cs_json_is_null(r->group) ? group[0] == '\0' : cs_json_str_is(r->group, group);

    return group_is && cs_json_str_is(r->resource, resource);
}

bool cs_review_is_subresource(const struct cs_review *r)
{
    return !cs_json_is_null(r->sub_resource) && !cs_json_str_is(r->sub_resource, "");
}

/* ---- verdicts ---- */

void cs_verdict_init(struct cs_verdict *v)
{
    *v = (struct cs_verdict){.allowed = true, .code = 200};
    cs_strbuf_init(&v->patch, MAX_PATCH);
}

void cs_verdict_done(struct cs_verdict *v)
{
    cs_texts_done(&v->reasons);
    cs_texts_done(&v->warnings);
    cs_strbuf_done(&v->patch);
}

void cs_verdict_deny(struct cs_verdict *v, int code, const char *fmt, ...)
{
    va_list ap;
    char one[1024];

    va_start(ap, fmt);
    if (vsnprintf(one, sizeof(one), fmt, ap) < 0)
        one[0] = '\0';
    va_end(ap);
    v->allowed = false;
    v->code = code;
    cs_texts_add(&v->reasons, "%s", one);
}

/* ---- out ---- */

/* Bytes of the character at p, or 0 when it cannot stand in a line: a terminal gets no control characters from us. */
static size_t line_char_len(const char *p, const char *end)
{
    unsigned char c = (unsigned char)*p;

    return c >= 0x80 ? cs_utf8_char_len(p, end) : c >= 0x20 && c != 0x7f;
}

/* Appends one line of at most max bytes, cut between characters. */
static void add_line(struct cs_strbuf *out, const char *text, size_t max)
{
    const char *end = text + strlen(text), *from = text;
    size_t left = max, n = 0;

    for (; text < end; text += n ? n : 1) {
        n = line_char_len(text, end);
        if ((n ? n : 1) > left)
            break;
        left -= n ? n : 1;
        if (n > 0)
            continue;
        cs_strbuf_add(out, from, (size_t)(text - from));
        cs_strbuf_addc(out, (unsigned char)*text < 0x80 ? ' ' : '?');
        from = text + 1;
    }
    cs_strbuf_add(out, from, (size_t)(text - from));
    if (text < end)
        cs_strbuf_adds(out, "…");
}

void cs_verdict_message(const struct cs_verdict *v, struct cs_strbuf *out)
{
    const struct cs_texts *t = &v->reasons;
    size_t start = out->len;

    if (t->n == 1) {
        add_line(out, t->items[0], MAX_MESSAGE);
        return;
    }
    cs_strbuf_addc(out, '[');
    for (size_t i = 0; i < t->n; i++) {
        if (i > 0)
            cs_strbuf_adds(out, ", ");
        if (out->len - start + strlen(t->items[i]) > MAX_MESSAGE) {
            cs_strbuf_addf(out, "… and %zu more", t->n - i);
            break;
        }
        add_line(out, t->items[i], MAX_MESSAGE);
    }
    cs_strbuf_addc(out, ']');
}

static void write_warnings(struct cs_jw *w, const struct cs_texts *t)
{
    cs_autostrbuf line = CS_STRBUF_INIT;

    if (t->n == 0)
        return;
    cs_jw_key(w, "warnings");
    cs_jw_arr(w);
    for (size_t i = 0; i < t->n; i++) {
        cs_strbuf_clear(&line);
        if (i + 1 == MAX_WARNINGS && t->n > MAX_WARNINGS)
            cs_strbuf_addf(&line, "and %zu more", t->n - i);
        else
            add_line(&line, t->items[i], MAX_WARNING);
        cs_jw_str(w, cs_strbuf_str(&line));
        if (i + 1 == MAX_WARNINGS)
            break;
    }
    cs_jw_end_arr(w);
}

static void write_patch(struct cs_jw *w, const struct cs_strbuf *patch)
{
    cs_autostrbuf quoted = CS_STRBUF_INIT;

    cs_strbuf_addc(&quoted, '"');
    cs_base64_encode(&quoted, (struct cs_str){.p = cs_strbuf_str(patch), .len = patch->len});
    cs_strbuf_addc(&quoted, '"');
    cs_jw_kstr(w, "patchType", "JSONPatch");
    cs_jw_kraw(w, "patch", (struct cs_str){.p = cs_strbuf_str(&quoted), .len = quoted.len});
}

/* Kind of a violation's text in the words of metav1.StatusCause; NULL: no violation of a field. */
static const char *cause_reason(struct cs_str detail)
{
    static const struct {
        const char *starts, *reason;
    } kinds[] = {
        {"Required value", "FieldValueRequired"},
        {"Invalid value", "FieldValueInvalid"},
        {"Unsupported value", "FieldValueNotSupported"},
        {"Forbidden", "FieldValueForbidden"},
        {"Duplicate value", "FieldValueDuplicate"},
        {"Not found", "FieldValueNotFound"},
    };

    for (size_t i = 0; i < CS_ARRAY_LEN(kinds); i++)
        if (cs_str_starts(detail, kinds[i].starts))
            return kinds[i].reason;
    return NULL;
}

static bool split_violation(const char *text, struct cs_str *field, const char **detail)
{
    const char *colon = strstr(text, ": ");

    if (!colon || !cause_reason(cs_str(colon + 2)))
        return false;
    *field = (struct cs_str){.p = text, .len = (size_t)(colon - text)};
    *detail = colon + 2;
    return true;
}

/*
 * The same violations as causes, because `kubectl edit` and `kubectl patch` print those of a 422 and not its message. No kind, no
 * name: kubectl would put another sentence in front.
 */
static void write_causes(struct cs_jw *w, const struct cs_texts *t)
{
    cs_autostrbuf line = CS_STRBUF_INIT;
    struct cs_str field;
    const char *detail;
    size_t total = 0;

    for (size_t i = 0; i < t->n; i++)
        if (!split_violation(t->items[i], &field, &detail))
            return; /* all or none: nothing may be hidden behind the causes */
    cs_jw_key(w, "details");
    cs_jw_obj(w);
    cs_jw_key(w, "causes");
    cs_jw_arr(w);
    for (size_t i = 0; i < t->n && total < MAX_MESSAGE; i++) {
        (void)split_violation(t->items[i], &field, &detail);
        cs_strbuf_clear(&line);
        add_line(&line, detail, MAX_MESSAGE);
        total += line.len + field.len;
        cs_jw_obj(w);
        cs_jw_kstr(w, "reason", cause_reason(cs_str(detail)));
        cs_jw_kstr(w, "message", cs_strbuf_str(&line));
        cs_jw_kstrn(w, "field", field);
        cs_jw_end_obj(w);
    }
    cs_jw_end_arr(w);
    cs_jw_end_obj(w);
}

void cs_review_encode(const struct cs_review *r, const struct cs_verdict *v, struct cs_strbuf *out)
{
    cs_autostrbuf message = CS_STRBUF_INIT;
    struct cs_jw w;

    cs_jw_init(&w, out);
    cs_jw_obj(&w);
    cs_jw_kstr(&w, "kind", "AdmissionReview");
    cs_jw_kraw(&w, "apiVersion", cs_json_raw(r->api_version));
    cs_jw_key(&w, "response");
    cs_jw_obj(&w);
    cs_jw_kraw(&w, "uid", cs_json_raw(r->uid));
    cs_jw_kbool(&w, "allowed", v->allowed);
    cs_jw_key(&w, "status");
    cs_jw_obj(&w);
    cs_jw_ki64(&w, "code", v->code);
    if (!v->allowed) {
        cs_verdict_message(v, &message);
        cs_jw_kstr(&w, "message", cs_strbuf_str(&message));
        if (v->code == 422)
            write_causes(&w, &v->reasons);
    }
    cs_jw_end_obj(&w);
    if (v->allowed && v->patch.len > 0)
        write_patch(&w, &v->patch);
    write_warnings(&w, &v->warnings);
    cs_jw_end_obj(&w);
    cs_jw_end_obj(&w);
}

void cs_status_encode(int code, const char *message, struct cs_strbuf *out)
{
    static const struct {
        int code;
        const char *reason;
    } reasons[] = {
        {400, "BadRequest"},
        {404, "NotFound"},
        {405, "MethodNotAllowed"},
        {408, "Timeout"},
        {413, "RequestEntityTooLarge"},
        {415, "UnsupportedMediaType"},
        {503, "ServiceUnavailable"},
    };
    cs_autostrbuf line = CS_STRBUF_INIT;
    const char *reason = "InternalError";
    struct cs_jw w;

    for (size_t i = 0; i < CS_ARRAY_LEN(reasons); i++)
        if (reasons[i].code == code)
            reason = reasons[i].reason;
    add_line(&line, message, MAX_MESSAGE);
    cs_jw_init(&w, out);
    cs_jw_obj(&w);
    cs_jw_kstr(&w, "kind", "Status");
    cs_jw_kstr(&w, "apiVersion", "v1");
    cs_jw_key(&w, "metadata");
    cs_jw_obj(&w);
    cs_jw_end_obj(&w);
    cs_jw_kstr(&w, "status", "Failure");
    cs_jw_kstr(&w, "message", cs_strbuf_str(&line));
    cs_jw_kstr(&w, "reason", reason);
    cs_jw_ki64(&w, "code", code);
    cs_jw_end_obj(&w);
}
