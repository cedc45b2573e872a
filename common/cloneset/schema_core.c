/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Look-ups in the tables of schema.h, and the search for members that are in none of them: in a template the API server
 * drops a mistyped member in silence, so somebody has to say it.
 */
#include "common/cloneset/schema.h"

#include <stdlib.h>

#include "common/base/alloc.h"
#include "common/cloneset/template_impl.h"

static struct cs_str name_of(const struct cs_schema_field *f)
{
    return (struct cs_str){.p = f->name, .len = f->name_len};
}

const struct cs_schema_field *cs_schema_find(const struct cs_schema_type *type, struct cs_str name)
{
    size_t low = 0;
    size_t high = type && name.p ? type->n_fields : 0;

    while (low < high) {
        size_t mid = (low + high) / 2;
        int order = cs_str_cmp(name, name_of(&type->fields[mid]));

        if (order == 0)
            return &type->fields[mid];
        if (order < 0)
            high = mid;
        else
            low = mid + 1;
    }
    return NULL;
}

/* From *cursor on; NULL when it is not there, which says nothing about the fields before. */
static const struct cs_schema_field *find_ahead(const struct cs_schema_type *type, struct cs_str name, size_t *cursor)
{
    for (size_t i = *cursor; i < type->n_fields; i++) {
        if (cs_str_eq(name, name_of(&type->fields[i]))) {
            *cursor = i + 1;
            return &type->fields[i];
        }
    }
    return NULL;
}

/* Each member in the table, and behind the one before: then none is there twice. */
static bool members_in_order(struct cs_json obj, const struct cs_schema_type *type, struct cs_schema_members *ret)
{
    size_t cursor = 0;

    ret->n = 0;
    cs_json_foreach (member, obj) {
        const struct cs_schema_field *f =
            member.node->key_escaped ? NULL : find_ahead(type, cs_json_key_raw(member), &cursor);

        if (!f)
            return false;
        ret->items[ret->n++] = (struct cs_schema_member){.v = member, .field = f};
    }
    return true;
}

void cs_schema_members_of(struct cs_json obj, const struct cs_schema_type *type, struct cs_schema_members *ret)
{
    cs_autofree struct cs_json *members = NULL;

    ret->items = ret->small;
    ret->n = 0;
    if (!cs_json_is(obj, CS_J_OBJECT))
        return;
    if (cs_json_count(obj) > CS_ARRAY_LEN(ret->small))
        ret->items = cs_new_array(struct cs_schema_member, cs_json_count(obj));
    if (type && members_in_order(obj, type, ret))
        return;
    ret->n = cs_json_members(obj, false, &members);
    for (size_t i = 0; i < ret->n; i++) {
        cs_autofree char *owned = NULL;
        struct cs_str key = cs_json_key(members[i], &owned);

        ret->items[i] = (struct cs_schema_member){.v = members[i], .field = cs_schema_find(type, key)};
    }
}

void cs_schema_members_done(struct cs_schema_members *m)
{
    if (m->items != m->small)
        free(m->items);
    m->items = NULL;
    m->n = 0;
}

/* ---- members that nobody knows ---- */

struct search {
    void (*on_unknown)(void *ctx, const char *path, const char *nearest);
    void *ctx;
    size_t n_found;
};

/* A name cut short ("storageClass" for storageClassName), but not by half. */
static const char *longer_name(const struct cs_schema_type *type, struct cs_str name)
{
    for (size_t i = 0; i < type->n_fields; i++) {
        const char *known = type->fields[i].name;

        if (name.len >= strlen(known) * 6 / 10 && strncmp(known, name.p, name.len) == 0)
            return known;
    }
    return NULL;
}

/* "did you mean": one slip in short names, up to three in long ones. */
static const char *nearest_name(const struct cs_schema_type *type, struct cs_str name)
{
    unsigned limit = name.len <= 3 ? 1 : name.len <= 6 ? 2 : 3;
    const char *nearest = NULL;

    for (size_t i = 0; i < type->n_fields; i++) {
        struct cs_str known = cs_str(type->fields[i].name);

        if (known.len > name.len + limit || name.len > known.len + limit)
            continue;
        unsigned distance = cs_str_distance(name, known, limit);
        if (distance <= limit) {
            nearest = known.p;
            if (distance <= 1)
                break;
            limit = distance - 1; /* only a nearer one may replace it */
        }
    }
    return nearest ? nearest : longer_name(type, name);
}

static void report_unknown(struct search *s, const struct cs_schema_type *type, const struct cs_tpath *path)
{
    if (s->n_found++ >= CS_UNKNOWN_FIELDS_MAX || !s->on_unknown)
        return;
    cs_autofree char *text = cs_tpath_dup(path);
    s->on_unknown(s->ctx, text ? text : "", nearest_name(type, path->key));
}

static void search_object(
    struct search *s, struct cs_json v, const struct cs_schema_type *type, const struct cs_tpath *path);

static void search_list(
    struct search *s, struct cs_json v, const struct cs_schema_type *type, const struct cs_tpath *path)
{
    size_t i = 0;

    if (!cs_json_is(v, CS_J_ARRAY))
        return;
    cs_json_foreach (item, v) {
        struct cs_tpath step = {.up = path, .index = i++};

        search_object(s, item, type, &step);
    }
}

static void search_object(
    struct search *s, struct cs_json v, const struct cs_schema_type *type, const struct cs_tpath *path)
{
    cs_auto_schema_members members;

    cs_schema_members_of(v, type, &members);
    for (size_t i = 0; i < members.n; i++) {
        cs_autofree char *owned = NULL;
        struct cs_json member = members.items[i].v;
        struct cs_tpath step = {.up = path, .key = cs_json_key(member, &owned)};
        const struct cs_schema_field *f = members.items[i].field;

        if (!f)
            report_unknown(s, type, &step);
        else if (f->kind == CS_SK_OBJ)
            search_object(s, member, f->type, &step);
        else if (f->kind == CS_SK_LIST)
            search_list(s, member, f->type, &step);
    }
}

bool cs_template_unknown_field(
    struct cs_json tmpl, void (*on_unknown)(void *ctx, const char *path, const char *nearest), void *ctx)
{
    const struct cs_tpath root = {.key = CS_STR("spec.template")};
    struct search s = {.on_unknown = on_unknown, .ctx = ctx};

    search_object(&s, tmpl, &cs_schema_pod_template_spec, &root);
    return s.n_found > 0;
}

bool cs_claim_templates_unknown_field(
    struct cs_json vcts, void (*on_unknown)(void *ctx, const char *path, const char *nearest), void *ctx)
{
    const struct cs_tpath root = {.key = CS_STR("spec.volumeClaimTemplates")};
    struct search s = {.on_unknown = on_unknown, .ctx = ctx};

    search_list(&s, vcts, &cs_schema_persistent_volume_claim, &root);
    return s.n_found > 0;
}
