/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random templates for property tests, grown from the very table of schema.h: any known member may appear, with a value of its
 * type. The same seed gives the same template.
 */
#ifndef CS_TEST_TEMPLATE_RANDOM_H
#define CS_TEST_TEMPLATE_RANDOM_H

#include <stdio.h>

#include "common/base/rand.h"
#include "common/cloneset/schema.h"
#include "common/json/json_tree.h"

struct random_source {
    struct cs_rand rand;
    bool without_new; /* only members that the peer knows */
};

static inline struct cs_jtree *random_object(
    struct random_source *r, const struct cs_schema_type *type, unsigned depth);

static inline const char *pick(struct random_source *r, const char *const *list, size_t n)
{
    return list[cs_rand_below(&r->rand, n)];
}

static inline struct cs_jtree *random_text(struct random_source *r)
{
    static const char *const texts[] = {"a", "b", "Always", "x<y>&z", "\xe6\x97\xb6", "10%", "nginx:1", "false"};

    return cs_jtree_new_str(pick(r, texts, CS_ARRAY_LEN(texts)));
}

static inline struct cs_jtree *random_quantity(struct random_source *r)
{
    static const char *const texts[] = {"1", "100m", "0.5", "1024Mi", "1.5Gi", "1e3", "67108864", "1.500"};

    return cs_jtree_new_str(pick(r, texts, CS_ARRAY_LEN(texts)));
}

static inline struct cs_jtree *random_map(struct random_source *r, bool quantities)
{
    static const char *const keys[] = {"cpu", "memory", "app", "a/b"};
    struct cs_jtree *map = cs_jtree_new_obj();

    for (uint64_t n = 1 + cs_rand_below(&r->rand, 2); n > 0; n--) {
        struct cs_jtree *v = quantities ? random_quantity(r) : random_text(r);

        (void)cs_jtree_set(map, pick(r, keys, CS_ARRAY_LEN(keys)), v);
    }
    return map;
}

static inline struct cs_jtree *random_list(struct random_source *r, const struct cs_schema_field *f, unsigned depth)
{
    struct cs_jtree *list = cs_jtree_new_arr();

    for (uint64_t i = 0, n = 1 + cs_rand_below(&r->rand, 2); i < n; i++) {
        struct cs_jtree *item;
        char name[16];

        if (f->kind == CS_SK_STRS)
            item = random_text(r);
        else if (f->kind == CS_SK_INTS)
            item = cs_jtree_new_i64((int64_t)cs_rand_below(&r->rand, 100));
        else
            item = random_object(r, f->type, depth + 1);
        (void)snprintf(name, sizeof(name), "n%u", (unsigned)i);
        if (f->kind == CS_SK_LIST && f->type->key != CS_SKEY_NONE && cs_schema_find(f->type, CS_STR("name")))
            (void)cs_jtree_set(item, "name", cs_jtree_new_str(name));
        (void)cs_jtree_append(list, item);
    }
    return list;
}

static inline struct cs_jtree *random_value(struct random_source *r, const struct cs_schema_field *f, unsigned depth)
{
    switch ((enum cs_schema_kind)f->kind) {
    case CS_SK_STR:
        return random_text(r);
    case CS_SK_BOOL:
        return cs_jtree_new_bool(true);
    case CS_SK_I32:
    case CS_SK_I64:
    case CS_SK_INTSTR:
        return cs_jtree_new_i64(1 + (int64_t)cs_rand_below(&r->rand, 40));
    case CS_SK_QTY:
        return random_quantity(r);
    case CS_SK_TIME:
        return cs_jtree_new_str("2025-01-02T03:04:05Z");
    case CS_SK_STRS:
    case CS_SK_INTS:
    case CS_SK_LIST:
        return random_list(r, f, depth);
    case CS_SK_STRMAP:
    case CS_SK_QTYMAP:
        return random_map(r, f->kind == CS_SK_QTYMAP);
    case CS_SK_OBJ:
        return random_object(r, f->type, depth + 1);
    default:
        return cs_jtree_new_null();
    }
}

/* Members that hold the rest up are likely, the others the rarer the deeper. */
static inline struct cs_jtree *random_object(struct random_source *r, const struct cs_schema_type *type, unsigned depth)
{
    struct cs_jtree *obj = cs_jtree_new_obj();

    for (size_t i = 0; i < type->n_fields; i++) {
        const struct cs_schema_field *f = &type->fields[i];
        bool always = (f->flags & CS_SF_ALWAYS && f->kind != CS_SK_TIME) || (depth < 2 && f->kind == CS_SK_LIST);

        if (r->without_new && f->flags & CS_SF_NEW)
            continue;
        if (always || cs_rand_below(&r->rand, 3 + depth) == 0)
            (void)cs_jtree_set(obj, f->name, random_value(r, f, depth));
    }
    return obj;
}

/* Every second one has only members that the peer knows. */
static inline struct cs_jtree *random_template(uint64_t seed)
{
    struct random_source r = {.rand = {.state = seed}, .without_new = seed % 2 == 0};

    return random_object(&r, &cs_schema_pod_template_spec, 0);
}

#endif
