/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Read-only JSON: one validating pass over bytes that somebody else sent gives an array of nodes, each knowing its
 * exact span in the text. No tree of mallocs, no number is ever converted unless asked for, and raw spans can be
 * spliced into other documents byte for byte (unknown fields and 64-bit integers pass through unharmed).
 *
 * Strict RFC 8259: whole input consumed, well-formed UTF-8, valid escapes and surrogate pairs, no control characters
 * in strings, no lone surrogates. Limits: size, depth, node count. "\u0000" in any string is refused (CS_ERR_INVALID),
 * because nothing in a Kubernetes object may hold it and C strings would be cut. Duplicate keys: the last one wins, as in Go.
 */
#ifndef CS_JSON_DOC_H
#define CS_JSON_DOC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/cleanup.h"
#include "common/base/error.h"
#include "common/base/str.h"
#include "common/json/json_node.h"

struct cs_json_limits {
    size_t max_bytes;
    unsigned max_depth;
    size_t max_nodes;
};
/* 7 MiB, depth 100, 1,000,000 nodes */
extern const struct cs_json_limits cs_json_default_limits;

/*
 * Parses text[0..len). The node array may be reused: pass a doc that was used before (zero-initialised at first).
 * limits NULL: the default ones. Errors: CS_ERR_INVALID ("offset N: what is wrong"), CS_ERR_TOO_LARGE.
 */
bool cs_jdoc_parse(
    struct cs_jdoc *doc, const char *text, size_t len, const struct cs_json_limits *limits, struct cs_error *err);
void cs_jdoc_done(struct cs_jdoc *doc);
#define cs_autojdoc CS_CLEANUP(cs_jdoc_done) struct cs_jdoc

struct cs_json cs_jdoc_root(const struct cs_jdoc *doc);

/* Absent and null are both "not there" for most of the Kubernetes API. */
static inline bool cs_json_is(struct cs_json v, enum cs_jtype type)
{
    return v.node && v.node->type == type;
}
static inline bool cs_json_is_null(struct cs_json v) /* absent or null */
{
    return !v.node || v.node->type == CS_J_NULL;
}
const char *cs_json_type_name(struct cs_json v); /* "object", "string", …, "absent" */

/* Member by exact key (escapes in keys are decoded before comparing), last duplicate; absent when v is no object. */
struct cs_json cs_json_getn(struct cs_json v, struct cs_str key);
static inline struct cs_json cs_json_get(struct cs_json v, const char *key)
{
    return cs_json_getn(v, cs_str(key));
}
/* Path of keys, NULL-terminated list: cs_json_at(v, "metadata", "name", NULL). */
struct cs_json cs_json_at(struct cs_json v, ...) __attribute__((sentinel));
struct cs_json cs_json_index(struct cs_json v, size_t i); /* array element */
static inline size_t cs_json_count(struct cs_json v) /* children of an array or object, else 0 */
{
    return v.node ? v.node->count : 0;
}

/* for (child …): cs_json_foreach(child, parent) { … }. Duplicate keys are all visited. */
static inline struct cs_json cs_json_first(struct cs_json parent)
{
    return (struct cs_json){.doc = parent.doc, .node = cs_json_count(parent) ? parent.node + 1 : NULL};
}
static inline struct cs_json cs_json_next(struct cs_json parent, struct cs_json child)
{
    if (!parent.node || !child.node || child.node + child.node->size >= parent.node + parent.node->size)
        return (struct cs_json){.node = NULL};
    return (struct cs_json){.doc = child.doc, .node = child.node + child.node->size};
}
#define cs_json_foreach(child, parent)                                                                                 \
    for (struct cs_json child = cs_json_first(parent); cs_json_exists(child); child = cs_json_next(parent, child))

/*
 * The members that count (of duplicate keys the last), as an array owned by the caller; sorted by decoded key,
 * bytewise, or in document order. Returns their number; 0 and NULL when obj is no object.
 */
size_t cs_json_members(struct cs_json obj, bool sorted, struct cs_json **ret);

/* The exact bytes of the value; {NULL,0} when absent. Borrowed from the text. */
static inline struct cs_str cs_json_raw(struct cs_json v)
{
    if (!v.node)
        return (struct cs_str){.p = NULL, .len = 0};
    return (struct cs_str){.p = v.doc->text + v.node->start, .len = v.node->end - v.node->start};
}
/* Key of an object member, undecoded; see cs_json_key_dup for the decoded form. */
static inline struct cs_str cs_json_key_raw(struct cs_json member)
{
    /* A key cannot start before offset 2, so 0 says "no member". */
    if (!member.node || member.node->key_start == 0)
        return (struct cs_str){.p = NULL, .len = 0};
    return (struct cs_str){.p = member.doc->text + member.node->key_start, .len = member.node->key_len};
}
bool cs_json_key_is(struct cs_json member, const char *key);
char *cs_json_key_dup(struct cs_json member); /* decoded, owned */
/* The decoded key, borrowed, or if it holds a backslash a copy, which *ret_owned then is (else NULL). */
static inline struct cs_str cs_json_key(struct cs_json member, char **ret_owned)
{
    *ret_owned = NULL;
    if (!member.node || !member.node->key_escaped)
        return cs_json_key_raw(member);
    *ret_owned = cs_json_key_dup(member);
    return cs_str(*ret_owned);
}

/* Written alike, byte for byte; two that are not there are alike. Cheaper than cs_json_equal where a difference is no answer yet. */
static inline bool cs_json_same_bytes(struct cs_json a, struct cs_json b)
{
    return cs_str_eq(cs_json_raw(a), cs_json_raw(b));
}

/* Unescaped strings without a copy: true and a borrowed range only when the string holds no backslash. */
bool cs_json_str_borrow(struct cs_json v, struct cs_str *ret);
/* Decoded copy, owned, NUL-terminated; NULL when v is no string. */
char *cs_json_str_dup(struct cs_json v);
bool cs_json_decoded_is(struct cs_json string, struct cs_str s); /* of a value that is a string */
/* Compares the decoded string with s, or z; false when v is no string. */
static inline bool cs_json_str_isn(struct cs_json v, struct cs_str s)
{
    if (!s.p || !cs_json_is(v, CS_J_STRING))
        return false;
    /* Between the quotes; nearly all differ in length already. */
    return (v.node->escaped || v.node->end - v.node->start - 2 == s.len) && cs_json_decoded_is(v, s);
}
static inline bool cs_json_str_is(struct cs_json v, const char *z)
{
    return cs_json_str_isn(v, cs_str(z));
}

/* Exact integers: digits only ("1e3" and "1.0" are refused), overflow refused. */
bool cs_json_i64(struct cs_json v, int64_t *ret);
bool cs_json_i32(struct cs_json v, int32_t *ret);
bool cs_json_u64(struct cs_json v, uint64_t *ret);
bool cs_json_bool(struct cs_json v, bool *ret);

/*
 * Deep equality of values: objects without regard to order (last duplicate wins), strings decoded, numbers equal
 * when their texts are, or when both are integers of the same value.
 */
bool cs_json_equal(struct cs_json a, struct cs_json b);

#endif
