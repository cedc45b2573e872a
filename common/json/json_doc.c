/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading a parsed document: look-ups, decoding and comparison. Every accessor accepts an absent value, so that
 * callers can chain look-ups and ask once at the end. The parser is json_parse.c.
 */
#include "common/json/json_doc.h"

#include <stdarg.h>
#include <stdlib.h>

#include "common/base/alloc.h"
#include "common/json/json_scan.h"

static const struct cs_json absent = {.doc = NULL, .node = NULL};

struct cs_json cs_jdoc_root(const struct cs_jdoc *doc)
{
    if (!doc || doc->n_nodes == 0)
        return absent;
    return (struct cs_json){.doc = doc, .node = doc->nodes};
}

/* ---- kinds ---- */

const char *cs_json_type_name(struct cs_json v)
{
    static const char *const names[] = {
        [CS_J_NULL] = "null",
        [CS_J_FALSE] = "boolean",
        [CS_J_TRUE] = "boolean",
        [CS_J_NUMBER] = "number",
        [CS_J_STRING] = "string",
        [CS_J_ARRAY] = "array",
        [CS_J_OBJECT] = "object",
    };

    return v.node ? names[v.node->type] : "absent";
}

/* ---- text ---- */

/* Compares an undecoded body, known to be well-formed, with decoded bytes. */
static bool body_equals(struct cs_str body, bool escaped, struct cs_str want)
{
    struct cs_jscan_iter it = {.p = body.p, .end = body.p + body.len};
    char buf[4];
    struct cs_str piece;

    if (!escaped)
        return cs_str_eq(body, want);
    while (cs_jscan_next(&it, buf, &piece)) {
        if (piece.len > want.len || memcmp(piece.p, want.p, piece.len) != 0)
            return false;
        want = (struct cs_str){.p = want.p + piece.len, .len = want.len - piece.len};
    }
    return want.len == 0;
}

static char *body_dup(struct cs_str body, bool escaped)
{
    char *copy = cs_xmemdupz(body.p, body.len);

    if (escaped)
        copy[cs_jscan_decode(body, copy)] = '\0'; /* decoding never makes longer */
    return copy;
}

/* Body of a string value; v must be a string. */
static struct cs_str str_body(struct cs_json v)
{
    return (struct cs_str){.p = v.doc->text + v.node->start + 1, .len = v.node->end - v.node->start - 2};
}

static bool key_equals(struct cs_json member, struct cs_str key)
{
    struct cs_str raw = cs_json_key_raw(member);

    return raw.p && body_equals(raw, member.node->key_escaped, key);
}

bool cs_json_key_is(struct cs_json member, const char *key)
{
    return key && key_equals(member, cs_str(key));
}

char *cs_json_key_dup(struct cs_json member)
{
    struct cs_str raw = cs_json_key_raw(member);

    return raw.p ? body_dup(raw, member.node->key_escaped) : NULL;
}

bool cs_json_str_borrow(struct cs_json v, struct cs_str *ret)
{
    if (!cs_json_is(v, CS_J_STRING) || v.node->escaped)
        return false;
    *ret = str_body(v);
    return true;
}

char *cs_json_str_dup(struct cs_json v)
{
    return cs_json_is(v, CS_J_STRING) ? body_dup(str_body(v), v.node->escaped) : NULL;
}

bool cs_json_decoded_is(struct cs_json v, struct cs_str s)
{
    return body_equals(str_body(v), v.node->escaped, s);
}

/* ---- look-ups ---- */

struct cs_json cs_json_getn(struct cs_json v, struct cs_str key)
{
    const struct cs_jnode *found = NULL, *m;

    if (!cs_json_is(v, CS_J_OBJECT) || !key.p)
        return absent;
    m = v.node + 1;
    for (uint32_t left = v.node->count; left > 0; left--, m += m->size) {
        if (m->key_escaped) {
            if (key_equals((struct cs_json){.doc = v.doc, .node = m}, key))
                found = m;
        } else if (m->key_len == key.len) { /* which nearly all keys are not */
            if (memcmp(v.doc->text + m->key_start, key.p, key.len) == 0)
                found = m;
        }
    }
    return (struct cs_json){.doc = found ? v.doc : NULL, .node = found};
}

struct cs_json cs_json_at(struct cs_json v, ...)
{
    va_list ap;

    va_start(ap, v);
    for (const char *key = va_arg(ap, const char *); key && v.node; key = va_arg(ap, const char *))
        v = cs_json_get(v, key);
    va_end(ap);
    return v;
}

struct cs_json cs_json_index(struct cs_json v, size_t i)
{
    if (!cs_json_is(v, CS_J_ARRAY) || i >= v.node->count)
        return absent;
    struct cs_json item = cs_json_first(v);
    while (i-- > 0)
        item = cs_json_next(v, item);
    return item;
}

/* ---- numbers and booleans ---- */

bool cs_json_i64(struct cs_json v, int64_t *ret)
{
    return cs_json_is(v, CS_J_NUMBER) && cs_parse_i64(cs_json_raw(v), ret);
}

bool cs_json_i32(struct cs_json v, int32_t *ret)
{
    return cs_json_is(v, CS_J_NUMBER) && cs_parse_i32(cs_json_raw(v), ret);
}

bool cs_json_u64(struct cs_json v, uint64_t *ret)
{
    return cs_json_is(v, CS_J_NUMBER) && cs_parse_u64(cs_json_raw(v), ret);
}

bool cs_json_bool(struct cs_json v, bool *ret)
{
    if (!cs_json_is(v, CS_J_TRUE) && !cs_json_is(v, CS_J_FALSE))
        return false;
    *ret = v.node->type == CS_J_TRUE;
    return true;
}

/* ---- members of an object without their losers ---- */

/* Bytewise order of two bodies as if decoded, without copies. */
static int body_cmp(struct cs_str a, struct cs_str b)
{
    struct cs_jscan_iter ia = {.p = a.p, .end = a.p + a.len};
    struct cs_jscan_iter ib = {.p = b.p, .end = b.p + b.len};
    char buf_a[4];
    char buf_b[4];
    struct cs_str pa = {0};
    struct cs_str pb = {0};

    for (;;) {
        bool more_a = pa.len > 0 || cs_jscan_next(&ia, buf_a, &pa);
        bool more_b = pb.len > 0 || cs_jscan_next(&ib, buf_b, &pb);

        if (!more_a || !more_b)
            return (int)more_a - (int)more_b;
        size_t n = pa.len < pb.len ? pa.len : pb.len;
        int c = memcmp(pa.p, pb.p, n);
        if (c)
            return c;
        pa = (struct cs_str){.p = pa.p + n, .len = pa.len - n};
        pb = (struct cs_str){.p = pb.p + n, .len = pb.len - n};
    }
}

static int key_cmp(struct cs_json a, struct cs_json b)
{
    struct cs_str ka = cs_json_key_raw(a);
    struct cs_str kb = cs_json_key_raw(b);

    if (a.node->key_escaped || b.node->key_escaped)
        return body_cmp(ka, kb);
    return cs_str_cmp(ka, kb);
}

static int member_cmp(const void *pa, const void *pb)
{
    const struct cs_json *a = pa;
    const struct cs_json *b = pb;
    int c = key_cmp(*a, *b);

    return c ? c : (a->node > b->node) - (a->node < b->node);
}

static int place_cmp(const void *pa, const void *pb)
{
    const struct cs_json *a = pa;
    const struct cs_json *b = pb;

    return (a->node > b->node) - (a->node < b->node);
}

/* Most objects come with their members in order, and then no key is there twice. */
static bool in_order(const struct cs_json *list, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        if (key_cmp(list[i - 1], list[i]) >= 0)
            return false;
    }
    return true;
}

size_t cs_json_members(struct cs_json obj, bool sorted, struct cs_json **ret)
{
    size_t n = 0;
    size_t kept = 0;

    if (!cs_json_is(obj, CS_J_OBJECT)) {
        *ret = NULL;
        return 0;
    }
    struct cs_json *list = cs_new_array(struct cs_json, obj.node->count);
    cs_json_foreach (member, obj)
        list[n++] = member;
    *ret = list;
    if (in_order(list, n))
        return n;
    qsort(list, n, sizeof(*list), member_cmp);
    for (size_t i = 0; i < n; i++) {
        if (i + 1 == n || key_cmp(list[i], list[i + 1]) != 0)
            list[kept++] = list[i];
    }
    if (!sorted)
        qsort(list, kept, sizeof(*list), place_cmp);
    return kept;
}

/* ---- equality; as deep as the documents, which their depth limit bounds ---- */

/* The same keys in the same places, each greater than the one before: then none is there twice. */
static bool in_lockstep(struct cs_json a, struct cs_json b)
{
    struct cs_json other = cs_json_first(b), before = absent;

    if (a.node->count != b.node->count)
        return false;
    cs_json_foreach (member, a) {
        if (!cs_str_eq(cs_json_key_raw(member), cs_json_key_raw(other)) ||
            (before.node && key_cmp(before, member) >= 0))
            return false;
        before = member;
        other = cs_json_next(b, other);
    }
    return true;
}

static bool children_equal(struct cs_json a, struct cs_json b)
{
    struct cs_json other = cs_json_first(b);

    cs_json_foreach (child, a) {
        if (!cs_json_equal(child, other))
            return false;
        other = cs_json_next(b, other);
    }
    return true;
}

static bool objects_equal(struct cs_json a, struct cs_json b)
{
    if (in_lockstep(a, b)) /* as nearly always */
        return children_equal(a, b);
    cs_autofree struct cs_json *ma = NULL;
    cs_autofree struct cs_json *mb = NULL;
    size_t na = cs_json_members(a, true, &ma);
    size_t nb = cs_json_members(b, true, &mb);

    if (na != nb)
        return false;
    for (size_t i = 0; i < na; i++) {
        if (key_cmp(ma[i], mb[i]) != 0 || !cs_json_equal(ma[i], mb[i]))
            return false;
    }
    return true;
}

bool cs_json_equal(struct cs_json a, struct cs_json b)
{
    int64_t ia;
    int64_t ib;

    if (!a.node || !b.node)
        return a.node == b.node;
    if (a.node->type != b.node->type)
        return false;
    if (cs_json_same_bytes(a, b))
        return true;
    switch (a.node->type) {
    case CS_J_NUMBER:
        return cs_json_i64(a, &ia) && cs_json_i64(b, &ib) && ia == ib;
    case CS_J_STRING:
        return body_cmp(str_body(a), str_body(b)) == 0;
    case CS_J_ARRAY:
        return a.node->count == b.node->count && children_equal(a, b);
    case CS_J_OBJECT:
        return objects_equal(a, b);
    default:
        return true;
    }
}
