/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decoding is lenient where only a convenience is lost (an object without a version) and strict where a wrong guess
 * would lose events (a line that is no event).
 */
#include "common/kube/watch_event.h"

#include "common/kube/client.h"

static const struct cs_json_limits line_limits = {
    .max_bytes = CS_WATCH_MAX_LINE, .max_depth = 101, .max_nodes = 1000000}; /* one level of envelope */

uint64_t cs_object_version(struct cs_json obj)
{
    struct cs_str text;
    uint64_t rv;

    if (!cs_json_str_borrow(cs_json_at(obj, "metadata", "resourceVersion", NULL), &text) || !cs_parse_u64(text, &rv))
        return 0;
    return rv;
}

static enum cs_watch_type type_of(struct cs_json v)
{
    static const char *const names[CS_WATCH_UNKNOWN] = {"ADDED", "MODIFIED", "DELETED", "BOOKMARK", "ERROR"};

    for (unsigned i = 0; i < CS_WATCH_UNKNOWN; i++) {
        if (cs_json_str_is(v, names[i]))
            return (enum cs_watch_type)i;
    }
    return CS_WATCH_UNKNOWN;
}

static void decode_status(struct cs_json status, struct cs_error *ret)
{
    int32_t code;

    if (!cs_json_i32(cs_json_get(status, "code"), &code) || code < 400 || code > 599)
        code = 500;
    cs_reply_error(code, cs_json_raw(status), 0, ret);
}

bool cs_watch_event_decode(struct cs_jdoc *doc, struct cs_str line, struct cs_watch_event *ret, struct cs_error *err)
{
    struct cs_watch_event e = {0};

    if (!cs_jdoc_parse(doc, line.p, line.len, &line_limits, err)) {
        if (err && err->kind == CS_ERR_INVALID)
            err->kind = CS_ERR_DECODE;
        return cs_error_prefix(err, "watch event");
    }
    struct cs_json root = cs_jdoc_root(doc), type = cs_json_get(root, "type");

    e.object = cs_json_get(root, "object");
    if (!cs_json_is(type, CS_J_STRING) || !cs_json_is(e.object, CS_J_OBJECT))
        return cs_error_set(err, CS_ERR_DECODE, "watch event without type or object");
    e.type = type_of(type);
    e.rv = cs_object_version(e.object);
    if (e.type == CS_WATCH_ERROR)
        decode_status(e.object, &e.error);
    if (e.type == CS_WATCH_BOOKMARK)
        e.end_of_list =
            cs_json_str_is(cs_json_at(e.object, "metadata", "annotations", "k8s.io/initial-events-end", NULL), "true");
    *ret = e;
    return true;
}
