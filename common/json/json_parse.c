/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parser of json_doc: one pass, no recursion. A container that is still open keeps the index of its parent in
 * its `size` field, so the nesting needs no stack of its own and no input can exhaust one.
 */
#include <stdlib.h>

#include "common/json/json_doc.h"
#include "common/json/json_scan.h"

#define NO_NODE UINT32_MAX
#define FIRST_NODES 64

const struct cs_json_limits cs_json_default_limits = {
    .max_bytes = (size_t)7 << 20,
    .max_depth = 100,
    .max_nodes = 1000000,
};

enum step { STEP_VALUE, STEP_KEY, STEP_AFTER, STEP_DONE, STEP_FAILED };

struct parser {
    struct cs_jdoc *doc;
    const char *p, *end;
    uint32_t open; /* innermost open container */
    unsigned depth;
    uint32_t key_start, key_len; /* of the member whose value comes next */
    bool key_escaped;
    const struct cs_json_limits *limits;
    struct cs_error *err;
};

/* ---- errors ---- */

static size_t offset_of(const struct parser *ps, const char *at)
{
    return (size_t)(at - ps->doc->text);
}

static enum step __attribute__((cold, noinline)) fail_what(struct parser *ps, const char *at, const char *what)
{
    (void)cs_error_set(ps->err, CS_ERR_INVALID, "offset %zu: %s", offset_of(ps, at), what);
    return STEP_FAILED;
}

/* "unexpected …, expected <wanted>" at ps->p */
static enum step __attribute__((cold, noinline)) fail_expected(struct parser *ps, const char *wanted)
{
    size_t offset = offset_of(ps, ps->p);

    if (ps->p == ps->end) {
        (void)cs_error_set(ps->err, CS_ERR_INVALID, "offset %zu: unexpected end of input, expected %s", offset, wanted);
        return STEP_FAILED;
    }
    unsigned char c = (unsigned char)*ps->p;
    if (offset == 0 && ps->end - ps->p >= 3 && memcmp(ps->p, "\xef\xbb\xbf", 3) == 0)
        return fail_what(ps, ps->p, "byte order mark is not allowed");
    if (c > 0x20 && c < 0x7f)
        (void)cs_error_set(
            ps->err, CS_ERR_INVALID, "offset %zu: unexpected character '%c', expected %s", offset, c, wanted);
    else
        (void)cs_error_set(
            ps->err, CS_ERR_INVALID, "offset %zu: unexpected byte 0x%02x, expected %s", offset, (unsigned)c, wanted);
    return STEP_FAILED;
}

static bool __attribute__((cold, noinline)) fail_limit(struct parser *ps, const char *what, size_t limit)
{
    return cs_error_set(
        ps->err, CS_ERR_TOO_LARGE, "offset %zu: %s, the limit is %zu", offset_of(ps, ps->p), what, limit);
}

/* ---- nodes ---- */

static bool __attribute__((noinline)) grow_nodes(struct parser *ps)
{
    struct cs_jdoc *doc = ps->doc;
    size_t max = ps->limits->max_nodes < NO_NODE ? ps->limits->max_nodes : NO_NODE;

    if (doc->n_nodes >= max)
        return fail_limit(ps, "too many values", max);
    size_t cap = doc->cap_nodes ? doc->cap_nodes * 2 : FIRST_NODES;
    if (cap > max)
        cap = max;
    struct cs_jnode *nodes = reallocarray(doc->nodes, cap, sizeof(*nodes));
    if (!nodes)
        return cs_error_set(ps->err, CS_ERR_TOO_LARGE, "out of memory for %zu values", cap);
    doc->nodes = nodes;
    doc->cap_nodes = cap;
    return true;
}

/* A node of one value, [ps->p, …); the caller sets `end`. NULL when there may be no more. */
static inline struct cs_jnode *add_node(struct parser *ps, enum cs_jtype type)
{
    struct cs_jdoc *doc = ps->doc;

    /* An array kept from an earlier document may be larger than what this one is allowed. */
    if (doc->n_nodes >= doc->cap_nodes || doc->n_nodes >= ps->limits->max_nodes) {
        if (!grow_nodes(ps))
            return NULL;
    }
    if (ps->open != NO_NODE)
        doc->nodes[ps->open].count++;
    struct cs_jnode *node = &doc->nodes[doc->n_nodes++];
    *node = (struct cs_jnode){
        .start = (uint32_t)offset_of(ps, ps->p),
        .key_start = ps->key_start,
        .key_len = ps->key_len,
        .size = 1,
        .type = (uint8_t)type,
        .key_escaped = ps->key_escaped,
    };
    ps->key_start = 0;
    ps->key_len = 0;
    ps->key_escaped = false;
    return node;
}

static inline void finish_value(struct parser *ps, struct cs_jnode *node, const char *behind)
{
    ps->p = behind;
    node->end = (uint32_t)offset_of(ps, behind);
}

/* ---- the grammar ---- */

static inline void skip_blanks(struct parser *ps)
{
    const char *p = ps->p;

    while (p < ps->end && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t'))
        p++;
    ps->p = p;
}

static inline enum step close_container(struct parser *ps)
{
    struct cs_jdoc *doc = ps->doc;
    struct cs_jnode *node = &doc->nodes[ps->open];
    uint32_t parent = node->size;

    node->size = (uint32_t)doc->n_nodes - ps->open;
    finish_value(ps, node, ps->p + 1);
    ps->open = parent;
    ps->depth--;
    return STEP_AFTER;
}

static inline enum step open_container(struct parser *ps, enum cs_jtype type)
{
    if (ps->depth >= ps->limits->max_depth) {
        (void)fail_limit(ps, "nested too deep", ps->limits->max_depth);
        return STEP_FAILED;
    }
    struct cs_jnode *node = add_node(ps, type);
    if (!node)
        return STEP_FAILED;
    node->size = ps->open;
    ps->open = (uint32_t)(node - ps->doc->nodes);
    ps->depth++;
    ps->p++;
    skip_blanks(ps);
    if (ps->p < ps->end && *ps->p == (type == CS_J_OBJECT ? '}' : ']'))
        return close_container(ps);
    return type == CS_J_OBJECT ? STEP_KEY : STEP_VALUE;
}

static inline enum step step_string(struct parser *ps)
{
    struct cs_jscan_fault fault;
    bool escaped;

    struct cs_jnode *node = add_node(ps, CS_J_STRING);
    if (!node)
        return STEP_FAILED;
    const char *behind = cs_jscan_string(ps->p + 1, ps->end, &escaped, &fault);
    if (!behind)
        return fail_what(ps, fault.at, fault.what);
    node->escaped = escaped;
    finish_value(ps, node, behind);
    return STEP_AFTER;
}

static enum step step_number(struct parser *ps)
{
    struct cs_jscan_fault fault;

    struct cs_jnode *node = add_node(ps, CS_J_NUMBER);
    if (!node)
        return STEP_FAILED;
    const char *behind = cs_jscan_number(ps->p, ps->end, &fault);
    if (!behind)
        return fail_what(ps, fault.at, fault.what);
    finish_value(ps, node, behind);
    return STEP_AFTER;
}

static enum step step_literal(struct parser *ps, enum cs_jtype type, struct cs_str word)
{
    if ((size_t)(ps->end - ps->p) < word.len || memcmp(ps->p, word.p, word.len) != 0)
        return fail_expected(ps, "a value");
    struct cs_jnode *node = add_node(ps, type);
    if (!node)
        return STEP_FAILED;
    finish_value(ps, node, ps->p + word.len);
    return STEP_AFTER;
}

static inline enum step step_value(struct parser *ps)
{
    skip_blanks(ps);
    if (ps->p == ps->end)
        return fail_expected(ps, "a value");
    switch (*ps->p) {
    case '"':
        return step_string(ps);
    case '{':
        return open_container(ps, CS_J_OBJECT);
    case '[':
        return open_container(ps, CS_J_ARRAY);
    case 't':
        return step_literal(ps, CS_J_TRUE, CS_STR("true"));
    case 'f':
        return step_literal(ps, CS_J_FALSE, CS_STR("false"));
    case 'n':
        return step_literal(ps, CS_J_NULL, CS_STR("null"));
    default:
        if (*ps->p == '-' || (*ps->p >= '0' && *ps->p <= '9'))
            return step_number(ps);
        return fail_expected(ps, "a value");
    }
}

static inline enum step step_key(struct parser *ps)
{
    struct cs_jscan_fault fault;

    skip_blanks(ps);
    if (ps->p == ps->end || *ps->p != '"')
        return fail_expected(ps, "a member name in quotes");
    const char *name = ps->p + 1;
    const char *behind = cs_jscan_string(name, ps->end, &ps->key_escaped, &fault);
    if (!behind)
        return fail_what(ps, fault.at, fault.what);
    ps->key_start = (uint32_t)offset_of(ps, name);
    ps->key_len = (uint32_t)(behind - 1 - name);
    ps->p = behind;
    skip_blanks(ps);
    if (ps->p == ps->end || *ps->p != ':')
        return fail_expected(ps, "':'");
    ps->p++;
    return STEP_VALUE;
}

static inline enum step step_after(struct parser *ps)
{
    if (ps->open == NO_NODE)
        return STEP_DONE;
    bool object = ps->doc->nodes[ps->open].type == CS_J_OBJECT;
    skip_blanks(ps);
    if (ps->p < ps->end) {
        if (*ps->p == ',') {
            ps->p++;
            return object ? STEP_KEY : STEP_VALUE;
        }
        if (*ps->p == (object ? '}' : ']'))
            return close_container(ps);
    }
    return fail_expected(ps, object ? "',' or '}'" : "',' or ']'");
}

static bool parse_document(struct parser *ps)
{
    enum step step = STEP_VALUE;

    while (step < STEP_DONE) {
        if (step == STEP_VALUE)
            step = step_value(ps);
        else if (step == STEP_KEY)
            step = step_key(ps);
        else
            step = step_after(ps);
    }
    if (step == STEP_FAILED)
        return false;
    skip_blanks(ps);
    if (ps->p != ps->end) {
        (void)fail_expected(ps, "end of input");
        return false;
    }
    return true;
}

bool cs_jdoc_parse(
    struct cs_jdoc *doc, const char *text, size_t len, const struct cs_json_limits *limits, struct cs_error *err)
{
    const struct cs_json_limits *l = limits ? limits : &cs_json_default_limits;
    size_t max_bytes = l->max_bytes < UINT32_MAX ? l->max_bytes : UINT32_MAX - 1;

    doc->text = text ? text : "";
    doc->len = 0;
    doc->n_nodes = 0;
    if (len > max_bytes)
        return cs_error_set(err, CS_ERR_TOO_LARGE, "document of %zu bytes, the limit is %zu", len, max_bytes);
    struct parser ps = {
        .doc = doc,
        .p = doc->text,
        .end = doc->text + len,
        .open = NO_NODE,
        .limits = l,
        .err = err,
    };
    if (!parse_document(&ps)) {
        doc->n_nodes = 0; /* no half document: the root is absent */
        return false;
    }
    doc->len = len;
    return true;
}

void cs_jdoc_done(struct cs_jdoc *doc)
{
    if (!doc)
        return;
    free(doc->nodes);
    *doc = (struct cs_jdoc){0};
}
