/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Look-ups in the tables of schema.h, and the search for members that are in none of them: in a template the API server
 * drops a mistyped member in silence, so somebody has to say it.
 */
#include "common/cloneset/schema.h"

#include "common/cloneset/template_impl.h"

/* As strcmp; most names differ in their first byte. */
static inline int name_cmp(struct cs_str name, const char *known)
{
    unsigned char first = name.len ? (unsigned char)name.p[0] : 0;

    if (first != (unsigned char)known[0])
        return first < (unsigned char)known[0] ? -1 : 1;
    int order = strncmp(name.p, known, name.len);
    return order || known[name.len] == '\0' ? order : -1;
}

const struct cs_schema_field *cs_schema_find(const struct cs_schema_type *type, struct cs_str name)
{
    size_t low = 0;
    size_t high = type && name.p ? type->n_fields : 0;

    while (low < high) {
        size_t mid = (low + high) / 2;
        int order = name_cmp(name, type->fields[mid].name);

        if (order == 0)
            return &type->fields[mid];
        if (order < 0)
            high = mid;
        else
            low = mid + 1;
    }
    return NULL;
}

const struct cs_schema_field *cs_schema_find_member(const struct cs_schema_type *type, struct cs_json member)
{
    cs_autofree char *owned = NULL;

    return cs_schema_find(type, cs_json_key(member, &owned));
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
    cs_autofree struct cs_json *members = NULL;
    size_t n = cs_json_members(v, false, &members);

    for (size_t i = 0; i < n; i++) {
        cs_autofree char *owned = NULL;
        struct cs_tpath step = {.up = path, .key = cs_json_key(members[i], &owned)};
        const struct cs_schema_field *f = cs_schema_find(type, step.key);

        if (!f)
            report_unknown(s, type, &step);
        else if (f->kind == CS_SK_OBJ)
            search_object(s, members[i], f->type, &step);
        else if (f->kind == CS_SK_LIST)
            search_list(s, members[i], f->type, &step);
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
