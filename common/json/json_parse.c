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

/* What stays where it is while the place in the text (p) and the key of the member at hand go from step to step in registers. */
struct parser {
    struct cs_jdoc *doc;
    const char *end;
    uint32_t open; /* innermost open container */
    unsigned depth;
    const struct cs_json_limits *limits;
    struct cs_error *err;
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

static enum step __attribute__((cold, noinline)) fail_what(struct parser *ps, const char *at, const char *what)
{
    (void)cs_error_set(ps->err, CS_ERR_INVALID, "offset %zu: %s", offset_of(ps, at), what);
    return STEP_FAILED;
}

/* "unexpected …, expected <wanted>" at p */
static enum step __attribute__((cold, noinline)) fail_expected(struct parser *ps, const char *p, const char *wanted)
{
    size_t offset = offset_of(ps, p);

    if (p == ps->end) {
        (void)cs_error_set(ps->err, CS_ERR_INVALID, "offset %zu: unexpected end of input, expected %s", offset, wanted);
        return STEP_FAILED;
    }
    unsigned char c = (unsigned char)*p;
    if (offset == 0 && ps->end - p >= 3 && memcmp(p, "\xef\xbb\xbf", 3) == 0)
        return fail_what(ps, p, "byte order mark is not allowed");
    if (c > 0x20 && c < 0x7f)
        (void)cs_error_set(
            ps->err, CS_ERR_INVALID, "offset %zu: unexpected character '%c', expected %s", offset, c, wanted);
    else
        (void)cs_error_set(
            ps->err, CS_ERR_INVALID, "offset %zu: unexpected byte 0x%02x, expected %s", offset, (unsigned)c, wanted);
    return STEP_FAILED;
}

static bool __attribute__((cold, noinline)) fail_limit(struct parser *ps, const char *p, const char *what, size_t limit)
{
    return cs_error_set(ps->err, CS_ERR_TOO_LARGE, "offset %zu: %s, the limit is %zu", offset_of(ps, p), what, limit);
}

/* ---- nodes ---- */

static bool __attribute__((noinline)) grow_nodes(struct parser *ps, const char *p)
{
    struct cs_jdoc *doc = ps->doc;
    size_t max = ps->limits->max_nodes < NO_NODE ? ps->limits->max_nodes : NO_NODE;

    if (doc->n_nodes >= max)
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

/* A node of one value, [p, …); the caller sets `end`. NULL when there may be no more. */
HOT struct cs_jnode *add_node(struct parser *ps, const char *p, struct key *key, enum cs_jtype type)
{
    struct cs_jdoc *doc = ps->doc;

    /* An array kept from an earlier document may be larger than what this one is allowed. */
    if (doc->n_nodes >= doc->cap_nodes || doc->n_nodes >= ps->limits->max_nodes) {
        if (!grow_nodes(ps, p))
            return NULL;
    }
    if (ps->open != NO_NODE)
        doc->nodes[ps->open].count++;
    struct cs_jnode *node = &doc->nodes[doc->n_nodes++];
    *node = (struct cs_jnode){
        .start = (uint32_t)offset_of(ps, p),
        .key_start = key->start,
        .key_len = key->len,
        .size = 1,
        .type = (uint8_t)type,
        .key_escaped = key->escaped,
    };
    *key = (struct key){.start = 0};
    return node;
}

HOT enum step finish_value(struct parser *ps, struct cs_jnode *node, const char *behind, const char **p)
{
    *p = behind;
    node->end = (uint32_t)offset_of(ps, behind);
    return STEP_AFTER;
}

/* ---- the grammar ---- */

HOT const char *skip_blanks(const struct parser *ps, const char *p)
{
    /* Most documents have none; all of them are small. */
    while (p < ps->end && (unsigned char)*p <= ' ' && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t'))
        p++;
    return p;
}

HOT enum step close_container(struct parser *ps, const char **p)
{
    struct cs_jdoc *doc = ps->doc;
    struct cs_jnode *node = &doc->nodes[ps->open];
    uint32_t parent = node->size;

    node->size = (uint32_t)doc->n_nodes - ps->open;
    ps->open = parent;
    ps->depth--;
    return finish_value(ps, node, *p + 1, p);
}

HOT enum step open_container(struct parser *ps, const char **p, struct key *key, enum cs_jtype type)
{
    if (ps->depth >= ps->limits->max_depth) {
        (void)fail_limit(ps, *p, "nested too deep", ps->limits->max_depth);
        return STEP_FAILED;
    }
    struct cs_jnode *node = add_node(ps, *p, key, type);
    if (!node)
        return STEP_FAILED;
    node->size = ps->open;
    ps->open = (uint32_t)(node - ps->doc->nodes);
    ps->depth++;
    *p = skip_blanks(ps, *p + 1);
    if (*p < ps->end && **p == (type == CS_J_OBJECT ? '}' : ']'))
        return close_container(ps, p);
    return type == CS_J_OBJECT ? STEP_KEY : STEP_VALUE;
}

HOT enum step step_string(struct parser *ps, const char **p, struct key *key)
{
    struct cs_jscan_fault fault;
    bool escaped;

    struct cs_jnode *node = add_node(ps, *p, key, CS_J_STRING);
    if (!node)
        return STEP_FAILED;
    const char *behind = cs_jscan_string(*p + 1, ps->end, &escaped, &fault);
    if (!behind)
        return fail_what(ps, fault.at, fault.what);
    node->escaped = escaped;
    return finish_value(ps, node, behind, p);
}

HOT enum step step_number(struct parser *ps, const char **p, struct key *key)
{
    struct cs_jscan_fault fault;

    struct cs_jnode *node = add_node(ps, *p, key, CS_J_NUMBER);
    if (!node)
        return STEP_FAILED;
    const char *behind = cs_jscan_number(*p, ps->end, &fault);
    if (!behind)
        return fail_what(ps, fault.at, fault.what);
    return finish_value(ps, node, behind, p);
}

HOT enum step step_literal(struct parser *ps, const char **p, struct key *key, enum cs_jtype type, struct cs_str word)
{
    if ((size_t)(ps->end - *p) < word.len || memcmp(*p, word.p, word.len) != 0)
        return fail_expected(ps, *p, "a value");
    struct cs_jnode *node = add_node(ps, *p, key, type);
    if (!node)
        return STEP_FAILED;
    return finish_value(ps, node, *p + word.len, p);
}

HOT enum step step_value(struct parser *ps, const char **p, struct key *key)
{
    *p = skip_blanks(ps, *p);
    if (*p == ps->end)
        return fail_expected(ps, *p, "a value");
    switch (**p) {
    case '"':
        return step_string(ps, p, key);
    case '{':
        return open_container(ps, p, key, CS_J_OBJECT);
    case '[':
        return open_container(ps, p, key, CS_J_ARRAY);
    case 't':
        return step_literal(ps, p, key, CS_J_TRUE, CS_STR("true"));
    case 'f':
        return step_literal(ps, p, key, CS_J_FALSE, CS_STR("false"));
    case 'n':
        return step_literal(ps, p, key, CS_J_NULL, CS_STR("null"));
    default:
        if (**p == '-' || (**p >= '0' && **p <= '9'))
            return step_number(ps, p, key);
        return fail_expected(ps, *p, "a value");
    }
}

HOT enum step step_key(struct parser *ps, const char **p, struct key *key)
{
    struct cs_jscan_fault fault;
    bool escaped;

    *p = skip_blanks(ps, *p);
    if (*p == ps->end || **p != '"')
        return fail_expected(ps, *p, "a member name in quotes");
    const char *name = *p + 1;
    const char *behind = cs_jscan_string(name, ps->end, &escaped, &fault);
    if (!behind)
        return fail_what(ps, fault.at, fault.what);
    *key =
        (struct key){.start = (uint32_t)offset_of(ps, name), .len = (uint32_t)(behind - 1 - name), .escaped = escaped};
    *p = skip_blanks(ps, behind);
    if (*p == ps->end || **p != ':')
        return fail_expected(ps, *p, "':'");
    ++*p;
    return STEP_VALUE;
}

HOT enum step step_after(struct parser *ps, const char **p)
{
    if (ps->open == NO_NODE)
        return STEP_DONE;
    bool object = ps->doc->nodes[ps->open].type == CS_J_OBJECT;
    *p = skip_blanks(ps, *p);
    if (*p < ps->end) {
        if (**p == ',') {
            ++*p;
            return object ? STEP_KEY : STEP_VALUE;
        }
        if (**p == (object ? '}' : ']'))
            return close_container(ps, p);
    }
    return fail_expected(ps, *p, object ? "',' or '}'" : "',' or ']'");
}

static bool parse_document(struct parser *ps)
{
    const char *p = ps->doc->text;
    struct key key = {.start = 0};
    enum step step = STEP_VALUE;

    while (step < STEP_DONE) {
        if (step == STEP_VALUE)
            step = step_value(ps, &p, &key);
        else if (step == STEP_KEY)
            step = step_key(ps, &p, &key);
        else
            step = step_after(ps, &p);
    }
    if (step == STEP_FAILED)
        return false;
    p = skip_blanks(ps, p);
    if (p != ps->end) {
        (void)fail_expected(ps, p, "end of input");
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
