/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The mutable tree, on cJSON nodes. cJSON is used as a container only: numbers are raw nodes that keep their text
 * (cJSON's own are doubles), look-ups and printing are ours (cJSON's ignore case and reformat). Recursion here and in
 * cJSON_Delete is as deep as the tree, which the depth limit of the parsed document bounds.
 */
#include "common/json/json_tree.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/alloc.h"
#include "common/json/json_writer.h"

/* struct cs_jtree is never defined: a handle is a cJSON node under another name. */
static cJSON *node_of(struct cs_jtree *t)
{
    return (cJSON *)t;
}

static const cJSON *cnode_of(const struct cs_jtree *t)
{
    return (const cJSON *)t;
}

static struct cs_jtree *tree_of(cJSON *node)
{
    return (struct cs_jtree *)node;
}

/* cJSON answers NULL on exhaustion; single nodes are small, so this ends the process as alloc.h does. */
static struct cs_jtree *made(cJSON *node)
{
    if (!node)
        cs_out_of_memory();
    return tree_of(node);
}

/* ---- making ---- */

struct cs_jtree *cs_jtree_new_obj(void)
{
    return made(cJSON_CreateObject());
}

struct cs_jtree *cs_jtree_new_arr(void)
{
    return made(cJSON_CreateArray());
}

struct cs_jtree *cs_jtree_new_str(const char *s)
{
    return made(cJSON_CreateString(s));
}

struct cs_jtree *cs_jtree_new_bool(bool v)
{
    return made(cJSON_CreateBool(v));
}

struct cs_jtree *cs_jtree_new_null(void)
{
    return made(cJSON_CreateNull());
}

static struct cs_jtree *new_number(const char *text)
{
    return made(cJSON_CreateRaw(text));
}

struct cs_jtree *cs_jtree_new_i64(int64_t v)
{
    cs_autostrbuf text = CS_STRBUF_INIT;

    cs_strbuf_addi(&text, v);
    return new_number(cs_strbuf_str(&text));
}

void cs_jtree_free(struct cs_jtree *root)
{
    cJSON_Delete(node_of(root));
}

static void add_member(struct cs_jtree *obj, const char *key, struct cs_jtree *v)
{
    if (!cJSON_AddItemToObject(node_of(obj), key, node_of(v)))
        cs_out_of_memory();
}

static struct cs_jtree *object_from(struct cs_json v)
{
    struct cs_jtree *obj = cs_jtree_new_obj();
    cs_autofree struct cs_json *members = NULL;
    size_t n = cs_json_members(v, false, &members);

    for (size_t i = 0; i < n; i++) {
        cs_autofree char *key = cs_json_key_dup(members[i]);

        add_member(obj, key, cs_jtree_from(members[i]));
    }
    return obj;
}

struct cs_jtree *cs_jtree_from(struct cs_json v)
{
    cs_autofree char *text = NULL;
    struct cs_str raw = cs_json_raw(v);

    if (!cs_json_exists(v))
        return NULL;
    switch ((enum cs_jtype)v.node->type) {
    case CS_J_NULL:
        return cs_jtree_new_null();
    case CS_J_FALSE:
    case CS_J_TRUE:
        return cs_jtree_new_bool(cs_json_is(v, CS_J_TRUE));
    case CS_J_NUMBER:
        text = cs_xmemdupz(raw.p, raw.len);
        return new_number(text);
    case CS_J_STRING:
        text = cs_json_str_dup(v);
        return cs_jtree_new_str(text);
    case CS_J_OBJECT:
        return object_from(v);
    case CS_J_ARRAY:
        break;
    }
    struct cs_jtree *arr = cs_jtree_new_arr();
    cs_json_foreach (item, v)
        (void)cs_jtree_append(arr, cs_jtree_from(item));
    return arr;
}

struct cs_jtree *cs_jtree_dup(const struct cs_jtree *t)
{
    if (!t)
        return NULL;
    const cJSON *node = cnode_of(t);
    switch (cs_jtree_type(t)) {
    case CS_J_NULL:
        return cs_jtree_new_null();
    case CS_J_FALSE:
    case CS_J_TRUE:
        return cs_jtree_new_bool(cJSON_IsTrue(node));
    case CS_J_NUMBER:
        return new_number(node->valuestring);
    case CS_J_STRING:
        return cs_jtree_new_str(node->valuestring);
    default:
        break;
    }
    bool object = cJSON_IsObject(node);
    struct cs_jtree *copy = object ? cs_jtree_new_obj() : cs_jtree_new_arr();
    for (const struct cs_jtree *child = cs_jtree_first(t); child; child = cs_jtree_next(child)) {
        if (object)
            add_member(copy, cs_jtree_key(child), cs_jtree_dup(child));
        else
            (void)cs_jtree_append(copy, cs_jtree_dup(child));
    }
    return copy;
}

/* ---- reading ---- */

enum cs_jtype cs_jtree_type(const struct cs_jtree *t)
{
    switch (cnode_of(t)->type & 0xff) {
    case cJSON_False:
        return CS_J_FALSE;
    case cJSON_True:
        return CS_J_TRUE;
    case cJSON_Raw:
        return CS_J_NUMBER;
    case cJSON_String:
        return CS_J_STRING;
    case cJSON_Array:
        return CS_J_ARRAY;
    case cJSON_Object:
        return CS_J_OBJECT;
    default:
        return CS_J_NULL;
    }
}

bool cs_jtree_is(const struct cs_jtree *t, enum cs_jtype type)
{
    return t && cs_jtree_type(t) == type;
}

const char *cs_jtree_str(const struct cs_jtree *t)
{
    return cs_jtree_is(t, CS_J_STRING) ? cnode_of(t)->valuestring : NULL;
}

const char *cs_jtree_number(const struct cs_jtree *t)
{
    return cs_jtree_is(t, CS_J_NUMBER) ? cnode_of(t)->valuestring : NULL;
}

const char *cs_jtree_key(const struct cs_jtree *t)
{
    return t ? cnode_of(t)->string : NULL;
}

struct cs_jtree *cs_jtree_first(const struct cs_jtree *parent)
{
    return parent ? tree_of(cnode_of(parent)->child) : NULL;
}

struct cs_jtree *cs_jtree_next(const struct cs_jtree *child)
{
    return child ? tree_of(cnode_of(child)->next) : NULL;
}

size_t cs_jtree_count(const struct cs_jtree *t)
{
    size_t n = 0;

    for (const struct cs_jtree *child = cs_jtree_first(t); child; child = cs_jtree_next(child))
        n++;
    return n;
}

struct cs_jtree *cs_jtree_get(const struct cs_jtree *obj, const char *key)
{
    if (!cs_jtree_is(obj, CS_J_OBJECT) || !key)
        return NULL;
    struct cs_jtree *member = cs_jtree_first(obj);
    while (member && !cs_streq(cs_jtree_key(member), key))
        member = cs_jtree_next(member);
    return member;
}

struct cs_jtree *cs_jtree_index(const struct cs_jtree *arr, size_t i)
{
    if (!cs_jtree_is(arr, CS_J_ARRAY))
        return NULL;
    struct cs_jtree *item = cs_jtree_first(arr);
    while (item && i-- > 0)
        item = cs_jtree_next(item);
    return item;
}

/* ---- changing ---- */

struct cs_jtree *cs_jtree_set(struct cs_jtree *obj, const char *key, struct cs_jtree *v)
{
    const struct cs_jtree *there = cs_jtree_get(obj, key);

    if (there == v)
        return v;
    if (!there) {
        add_member(obj, key, v);
        return v;
    }
    /* A copy, as cJSON frees the old key of v before it reads the new one, and the two may be the same. */
    cs_autofree char *name = cs_xstrdup(key);
    if (!cJSON_ReplaceItemInObjectCaseSensitive(node_of(obj), name, node_of(v)) || !cs_jtree_key(v))
        cs_out_of_memory(); /* cJSON 1.7.15 says true when it had no memory for the key */
    return v;
}

struct cs_jtree *cs_jtree_append(struct cs_jtree *arr, struct cs_jtree *v)
{
    (void)cJSON_AddItemToArray(node_of(arr), node_of(v));
    return v;
}

struct cs_jtree *cs_jtree_prepend(struct cs_jtree *arr, struct cs_jtree *v)
{
    (void)cJSON_InsertItemInArray(node_of(arr), 0, node_of(v));
    return v;
}

void cs_jtree_remove(struct cs_jtree *parent, struct cs_jtree *child)
{
    cJSON_Delete(cJSON_DetachItemViaPointer(node_of(parent), node_of(child)));
}

void cs_jtree_del(struct cs_jtree *obj, const char *key)
{
    struct cs_jtree *member = cs_jtree_get(obj, key);

    if (member)
        cs_jtree_remove(obj, member);
}

/* ---- order ---- */

static int key_cmp(const void *pa, const void *pb)
{
    const cJSON *const *a = pa;
    const cJSON *const *b = pb;

    return strcmp((*a)->string, (*b)->string);
}

/* Children as an array owned by the caller, objects by key. */
static cJSON **children_by_key(const struct cs_jtree *t, size_t *ret_n)
{
    size_t n = cs_jtree_count(t);
    cJSON **list = cs_new_array(cJSON *, n);
    size_t i = 0;

    for (struct cs_jtree *child = cs_jtree_first(t); child; child = cs_jtree_next(child))
        list[i++] = node_of(child);
    if (cs_jtree_is(t, CS_J_OBJECT))
        qsort(list, n, sizeof(cJSON *), key_cmp);
    *ret_n = n;
    return list;
}

/* As they mostly are; elements of an array in any order. */
static bool children_in_order(const struct cs_jtree *t)
{
    const struct cs_jtree *next;

    if (!cs_jtree_is(t, CS_J_OBJECT))
        return true;
    for (const struct cs_jtree *child = cs_jtree_first(t); child; child = next) {
        next = cs_jtree_next(child);
        if (next && strcmp(cs_jtree_key(child), cs_jtree_key(next)) > 0)
            return false;
    }
    return true;
}

void cs_jtree_sort(struct cs_jtree *t)
{
    size_t n;

    for (struct cs_jtree *child = cs_jtree_first(t); child; child = cs_jtree_next(child))
        cs_jtree_sort(child);
    if (children_in_order(t))
        return;
    cs_autofree cJSON **list = children_by_key(t, &n);
    for (size_t i = 0; i < n; i++) {
        list[i]->next = i + 1 < n ? list[i + 1] : NULL;
        list[i]->prev = list[i ? i - 1 : n - 1]; /* the first one's prev is the last: cJSON appends through it */
    }
    node_of(t)->child = list[0];
}

/* ---- printing and comparing ---- */

void cs_jtree_print(const struct cs_jtree *t, struct cs_strbuf *out, bool html_escape)
{
    if (!t)
        return;
    enum cs_jtype type = cs_jtree_type(t);
    if (type == CS_J_STRING) {
        cs_json_quote(out, cs_str(cs_jtree_str(t)), html_escape);
    } else if (type == CS_J_NUMBER) {
        cs_strbuf_adds(out, cs_jtree_number(t));
    } else if (type == CS_J_ARRAY || type == CS_J_OBJECT) {
        cs_strbuf_addc(out, type == CS_J_ARRAY ? '[' : '{');
        for (const struct cs_jtree *child = cs_jtree_first(t); child; child = cs_jtree_next(child)) {
            if (child != cs_jtree_first(t))
                cs_strbuf_addc(out, ',');
            if (type == CS_J_OBJECT) {
                cs_json_quote(out, cs_str(cs_jtree_key(child)), html_escape);
                cs_strbuf_addc(out, ':');
            }
            cs_jtree_print(child, out, html_escape);
        }
        cs_strbuf_addc(out, type == CS_J_ARRAY ? ']' : '}');
    } else {
        cs_strbuf_adds(out, type == CS_J_NULL ? "null" : type == CS_J_TRUE ? "true" : "false");
    }
}

static bool numbers_equal(const char *a, const char *b)
{
    int64_t ia;
    int64_t ib;

    return cs_streq(a, b) || (cs_parse_i64(cs_str(a), &ia) && cs_parse_i64(cs_str(b), &ib) && ia == ib);
}

static bool children_equal(const struct cs_jtree *a, const struct cs_jtree *b)
{
    size_t na;
    size_t nb;
    cs_autofree cJSON **la = children_by_key(a, &na);
    cs_autofree cJSON **lb = children_by_key(b, &nb);
    bool object = cs_jtree_is(a, CS_J_OBJECT);

    if (na != nb)
        return false;
    for (size_t i = 0; i < na; i++) {
        if (object && strcmp(la[i]->string, lb[i]->string) != 0)
            return false;
        if (!cs_jtree_equal(tree_of(la[i]), tree_of(lb[i])))
            return false;
    }
    return true;
}

bool cs_jtree_equal(const struct cs_jtree *a, const struct cs_jtree *b)
{
    if (!a || !b)
        return a == b;
    if (cs_jtree_type(a) != cs_jtree_type(b))
        return false;
    switch (cs_jtree_type(a)) {
    case CS_J_NUMBER:
        return numbers_equal(cs_jtree_number(a), cs_jtree_number(b));
    case CS_J_STRING:
        return cs_streq(cs_jtree_str(a), cs_jtree_str(b));
    case CS_J_ARRAY:
    case CS_J_OBJECT:
        return children_equal(a, b);
    default:
        return true;
    }
}
