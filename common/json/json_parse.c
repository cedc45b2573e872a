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

/* What does not change on the way, and what is touched at errors only. */
struct parser {
    struct cs_jdoc *doc;
    const char *end;
    const struct cs_json_limits *limits;
    struct cs_error *err;
};

/* The place in the text and among the nodes. Only inlined functions get its address, so it stays in registers. */
struct cursor {
    const char *p;
    struct cs_jnode *next; /* free, if it is below `limit` */
    struct cs_jnode *limit;
    struct cs_jnode *open; /* innermost open container, or NULL */
    unsigned depth; /* how many are open */
    uint32_t n_children; /* of the innermost, so far */
    bool in_object; /* which it is */
};

/* The key of the member whose value comes next. */
struct key {
    uint32_t start, len;
    bool escaped;
};

#define HOT static inline __attribute__((always_inline))

/* ---- errors ---- */

static size_t offset_of(const struct parser *ps, const char *at)
{
    return (size_t)(at - ps->doc->text);
}

static bool __attribute__((cold, noinline)) fail_what(struct parser *ps, const char *at, const char *what)
{
    return cs_error_set(ps->err, CS_ERR_INVALID, "offset %zu: %s", offset_of(ps, at), what);
}

/* "unexpected …, expected <wanted>" at p */
static bool __attribute__((cold, noinline)) fail_expected(struct parser *ps, const char *p, const char *wanted)
{
    size_t offset = offset_of(ps, p);

    if (p == ps->end)
        return cs_error_set(
            ps->err, CS_ERR_INVALID, "offset %zu: unexpected end of input, expected %s", offset, wanted);
    unsigned char c = (unsigned char)*p;
    if (offset == 0 && ps->end - p >= 3 && memcmp(p, "\xef\xbb\xbf", 3) == 0)
        return fail_what(ps, p, "byte order mark is not allowed");
    if (c > 0x20 && c < 0x7f)
        return cs_error_set(
            ps->err, CS_ERR_INVALID, "offset %zu: unexpected character '%c', expected %s", offset, c, wanted);
    return cs_error_set(
        ps->err, CS_ERR_INVALID, "offset %zu: unexpected byte 0x%02x, expected %s", offset, (unsigned)c, wanted);
}

static bool __attribute__((cold, noinline)) fail_limit(struct parser *ps, const char *p, const char *what, size_t limit)
{
    return cs_error_set(ps->err, CS_ERR_TOO_LARGE, "offset %zu: %s, the limit is %zu", offset_of(ps, p), what, limit);
}

/* ---- nodes ---- */

/* Room behind the n nodes there are. */
static bool __attribute__((noinline)) grow_nodes(struct parser *ps, const char *p, size_t n)
{
    struct cs_jdoc *doc = ps->doc;
    size_t max = ps->limits->max_nodes < NO_NODE ? ps->limits->max_nodes : NO_NODE;

    if (n >= max)
        return fail_limit(ps, p, "too many values", max);
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

/* An array kept from an earlier document may be larger than what this one is allowed. */
HOT struct cs_jnode *limit_of(const struct parser *ps)
{
    const struct cs_jdoc *doc = ps->doc;
    size_t n = doc->cap_nodes < ps->limits->max_nodes ? doc->cap_nodes : ps->limits->max_nodes;

    return doc->nodes ? doc->nodes + n : NULL;
}

/* The node of the value at p; the caller sets `end`. NULL when there may be no more. */
HOT struct cs_jnode *add_node(struct parser *ps, struct cursor *at, const struct key *key, enum cs_jtype type)
{
    if (at->next == at->limit) {
        size_t n = (size_t)(at->next - ps->doc->nodes), open = at->open ? (size_t)(at->open - ps->doc->nodes) : 0;

        if (!grow_nodes(ps, at->p, n))
            return NULL;
        at->next = ps->doc->nodes + n;
        at->open = at->open ? ps->doc->nodes + open : NULL;
        at->limit = limit_of(ps);
    }
    struct cs_jnode *node = at->next++;
    *node = (struct cs_jnode){
        .start = (uint32_t)offset_of(ps, at->p),
        .key_start = key->start,
        .key_len = key->len,
        .size = 1,
        .type = (uint8_t)type,
        .key_escaped = key->escaped,
    };
    return node;
}

HOT bool finish_value(const struct parser *ps, struct cursor *at, struct cs_jnode *node, const char *behind)
{
    at->p = behind;
    node->end = (uint32_t)offset_of(ps, behind);
    return true;
}

/* ---- the grammar ---- */

HOT const char *skip_blanks(const struct parser *ps, const char *p)
{
    /* Most documents have none; all of them are small. */
    while (p < ps->end && (unsigned char)*p <= ' ' && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t'))
        p++;
    return p;
}

/* Whether the next byte that is no blank is c, where at->p then stands. */
HOT bool comes(const struct parser *ps, struct cursor *at, char c)
{
    if (at->p < ps->end && *at->p == c) /* nearly always */
        return true;
    at->p = skip_blanks(ps, at->p);
    return at->p < ps->end && *at->p == c;
}

/* The innermost container from now on. */
HOT void resume(struct cursor *at, struct cs_jnode *open)
{
    at->open = open;
    at->n_children = open ? open->count : 0;
    at->in_object = open && open->type == CS_J_OBJECT;
}

/* p stands at its bracket. */
HOT void close_container(struct parser *ps, struct cursor *at)
{
    struct cs_jnode *node = at->open;
    uint32_t parent = node->size;

    node->size = (uint32_t)(at->next - node);
    node->count = at->n_children;
    at->depth--;
    resume(at, parent == NO_NODE ? NULL : ps->doc->nodes + parent);
    (void)finish_value(ps, at, node, at->p + 1);
}

/* *ret_opened: it has children, which come next. */
HOT bool container(struct parser *ps, struct cursor *at, const struct key *key, enum cs_jtype type, bool *ret_opened)
{
    if (at->depth >= ps->limits->max_depth)
        return fail_limit(ps, at->p, "nested too deep", ps->limits->max_depth);
    struct cs_jnode *node = add_node(ps, at, key, type);
    if (!node)
        return false;
    at->p++;
    if (comes(ps, at, type == CS_J_OBJECT ? '}' : ']'))
        return finish_value(ps, at, node, at->p + 1);
    if (at->open)
        at->open->count = at->n_children;
    node->size = at->open ? (uint32_t)(at->open - ps->doc->nodes) : NO_NODE;
    at->depth++;
    resume(at, node);
    *ret_opened = true;
    return true;
}

HOT bool string(struct parser *ps, struct cursor *at, const struct key *key)
{
    struct cs_jscan_fault fault;
    bool escaped;

    struct cs_jnode *node = add_node(ps, at, key, CS_J_STRING);
    if (!node)
        return false;
    const char *behind = cs_jscan_string(at->p + 1, ps->end, &escaped, &fault);
    if (!behind)
        return fail_what(ps, fault.at, fault.what);
    node->escaped = escaped;
    return finish_value(ps, at, node, behind);
}

HOT bool number(struct parser *ps, struct cursor *at, const struct key *key)
{
    struct cs_jscan_fault fault;

    struct cs_jnode *node = add_node(ps, at, key, CS_J_NUMBER);
    if (!node)
        return false;
    const char *behind = cs_jscan_number(at->p, ps->end, &fault);
    if (!behind)
        return fail_what(ps, fault.at, fault.what);
    return finish_value(ps, at, node, behind);
}

HOT bool literal(struct parser *ps, struct cursor *at, const struct key *key, enum cs_jtype type, struct cs_str word)
{
    if ((size_t)(ps->end - at->p) < word.len || memcmp(at->p, word.p, word.len) != 0)
        return fail_expected(ps, at->p, "a value");
    struct cs_jnode *node = add_node(ps, at, key, type);
    return node && finish_value(ps, at, node, at->p + word.len);
}

HOT bool value(struct parser *ps, struct cursor *at, const struct key *key, bool *ret_opened)
{
    at->n_children++;
    if (at->p < ps->end && (unsigned char)*at->p <= ' ')
        at->p = skip_blanks(ps, at->p);
    if (at->p == ps->end)
        return fail_expected(ps, at->p, "a value");
    if (*at->p == '"')
        return string(ps, at, key);
    if (*at->p == '{')
        return container(ps, at, key, CS_J_OBJECT, ret_opened);
    switch (*at->p) {
    case '[':
        return container(ps, at, key, CS_J_ARRAY, ret_opened);
    case 't':
        return literal(ps, at, key, CS_J_TRUE, CS_STR("true"));
    case 'f':
        return literal(ps, at, key, CS_J_FALSE, CS_STR("false"));
    case 'n':
        return literal(ps, at, key, CS_J_NULL, CS_STR("null"));
    default:
        if (*at->p == '-' || (*at->p >= '0' && *at->p <= '9'))
            return number(ps, at, key);
        return fail_expected(ps, at->p, "a value");
    }
}

/* A name in quotes and the colon. */
HOT bool member_name(struct parser *ps, struct cursor *at, struct key *ret)
{
    struct cs_jscan_fault fault;
    bool escaped;

    if (!comes(ps, at, '"'))
        return fail_expected(ps, at->p, "a member name in quotes");
    const char *name = at->p + 1;
    const char *behind = cs_jscan_string(name, ps->end, &escaped, &fault);
    if (!behind)
        return fail_what(ps, fault.at, fault.what);
    *ret =
        (struct key){.start = (uint32_t)offset_of(ps, name), .len = (uint32_t)(behind - 1 - name), .escaped = escaped};
    at->p = behind;
    if (!comes(ps, at, ':'))
        return fail_expected(ps, at->p, "':'");
    at->p++;
    return true;
}

/* Closes what ends behind a value, to where the next one comes: behind a comma, or at the end of the outermost. */
HOT bool after_value(struct parser *ps, struct cursor *at)
{
    while (at->open) {
        if (comes(ps, at, ',')) {
            at->p++;
            return true;
        }
        if (at->p == ps->end || *at->p != (at->in_object ? '}' : ']')) /* blanks have been passed over */
            return fail_expected(ps, at->p, at->in_object ? "',' or '}'" : "',' or ']'");
        close_container(ps, at);
    }
    return true;
}

static bool parse_document(struct parser *ps)
{
    struct cursor at = {.p = ps->doc->text, .next = ps->doc->nodes, .limit = limit_of(ps)};

    do {
        struct key key = {.start = 0};
        bool opened = false;

        if ((at.in_object && !member_name(ps, &at, &key)) || !value(ps, &at, &key, &opened))
            return false;
        if (!opened && !after_value(ps, &at))
            return false;
    } while (at.open);
    at.p = skip_blanks(ps, at.p);
    if (at.p != ps->end)
        return fail_expected(ps, at.p, "end of input");
    ps->doc->n_nodes = (size_t)(at.next - ps->doc->nodes);
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
        .end = doc->text + len,
        .limits = l,
        .err = err,
    };
    if (!parse_document(&ps))
        return false; /* no half document: the root is absent */
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
