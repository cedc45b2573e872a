/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The difference between two templates in normal form, one entry per fact (D9, spec §6.4). The table of schema.h tells
 * which lists have named elements; those are compared element by element, so that one inserted variable is one entry. Equality is
 * the same walk without a report: it stops at the first entry.
 */
#include "common/cloneset/template_diff.h"

#include <stdlib.h>

#include "common/base/alloc.h"

/* ---- reporting ---- */

static char *compact(const struct cs_jtree *v)
{
    cs_autostrbuf out = CS_STRBUF_INIT;

    if (!v)
        return NULL;
    cs_jtree_print(v, &out, false);
    return cs_strbuf_take(&out, NULL);
}

static void report_texts(struct cs_tdiff *d, const struct cs_tpath *path, char *old_value, char *new_value)
{
    struct cs_template_diff *ret = d->ret;

    cs_grow(ret->items, ret->n, ret->cap);
    ret->items[ret->n++] = (struct cs_change){
        .kind = d->kind,
        .path = cs_tpath_dup(path),
        .container = d->container ? cs_xstrdup(d->container) : NULL,
        .old_value = old_value,
        .new_value = new_value,
    };
    ret->in_place = ret->in_place && d->kind != CS_CHANGE_OTHER;
    ret->images_changed = ret->images_changed || d->kind == CS_CHANGE_IMAGE;
    ret->metadata_changed = ret->metadata_changed || d->kind == CS_CHANGE_METADATA;
}

void cs_tdiff_report(
    struct cs_tdiff *d, const struct cs_tpath *path, const struct cs_jtree *old_v, const struct cs_jtree *new_v)
{
    d->found = true;
    if (d->ret)
        report_texts(d, path, compact(old_v), compact(new_v));
}

/* ---- objects ---- */

static bool is_container(const struct cs_schema_type *type)
{
    return type == &cs_schema_container || type == &cs_schema_ephemeral_container;
}

/* D9: the default depends on the tag, so an absent policy equals both values it can take. */
static bool is_same_pull_policy(const struct cs_jtree *old_v, const struct cs_jtree *new_v)
{
    const char *policy = cs_jtree_str(old_v ? old_v : new_v);

    return (!old_v || !new_v) && (cs_streq(policy, "Always") || cs_streq(policy, "IfNotPresent"));
}

static void diff_member(struct cs_tdiff *d, const struct cs_jtree *old_v, const struct cs_jtree *new_v,
    const struct cs_schema_type *type, const struct cs_tpath *path)
{
    const char *key = cs_jtree_key(old_v ? old_v : new_v);
    const struct cs_schema_field *f = cs_schema_find(type, key);
    enum cs_change_kind kind = d->kind;

    if (is_container(type) && cs_streq(key, "imagePullPolicy") && is_same_pull_policy(old_v, new_v))
        return;
    if (type == &cs_schema_pod_template_spec && cs_streq(key, "metadata"))
        d->kind = CS_CHANGE_METADATA;
    else if (d->same_container && is_container(type) && cs_streq(key, "image") && cs_jtree_str(old_v) &&
             cs_jtree_str(new_v))
        d->kind = CS_CHANGE_IMAGE;
    cs_tdiff_value(d, old_v, new_v, f, path);
    d->kind = kind;
}

/* Both are sorted, so this is a merge. */
static void diff_members(struct cs_tdiff *d, const struct cs_jtree *old_obj, const struct cs_jtree *new_obj,
    const struct cs_schema_field *f, const struct cs_tpath *path)
{
    const struct cs_jtree *o = cs_jtree_first(old_obj);
    const struct cs_jtree *n = cs_jtree_first(new_obj);

    while ((o || n) && !cs_tdiff_done(d)) {
        int order = !o ? 1 : !n ? -1 : strcmp(cs_jtree_key(o), cs_jtree_key(n));
        const struct cs_jtree *old_v = order <= 0 ? o : NULL;
        const struct cs_jtree *new_v = order >= 0 ? n : NULL;
        struct cs_tpath step = {
            .up = path, .key = cs_str(cs_jtree_key(old_v ? old_v : new_v)), .map_key = cs_schema_is_map(f)};

        diff_member(d, old_v, new_v, f && f->kind != CS_SK_ANY ? f->type : NULL, &step);
        o = old_v ? cs_jtree_next(o) : o;
        n = new_v ? cs_jtree_next(n) : n;
    }
}

/* Where absent and empty are the same (metadata, resources, maps), the entries are what is inside. */
static bool is_absent_as_empty(const struct cs_jtree *v, const struct cs_schema_field *f)
{
    return !v && f && ((f->kind == CS_SK_OBJ && !(f->flags & CS_SF_PTR)) || cs_schema_is_map(f));
}

static bool is_object_for(const struct cs_jtree *v, const struct cs_schema_field *f)
{
    return cs_jtree_is(v, CS_J_OBJECT) || is_absent_as_empty(v, f);
}

void cs_tdiff_value(struct cs_tdiff *d, const struct cs_jtree *old_v, const struct cs_jtree *new_v,
    const struct cs_schema_field *f, const struct cs_tpath *path)
{
    if (is_object_for(old_v, f) && is_object_for(new_v, f))
        diff_members(d, old_v, new_v, f, path);
    else if (cs_jtree_is(old_v, CS_J_ARRAY) && cs_jtree_is(new_v, CS_J_ARRAY))
        cs_tdiff_list(d, old_v, new_v, f, path);
    else if (!cs_jtree_equal(old_v, new_v))
        cs_tdiff_report(d, path, old_v, new_v);
}

/* ---- whole templates ---- */

static void diff_templates(struct cs_tdiff *d, const struct cs_jtree *old_norm, const struct cs_jtree *new_norm)
{
    const struct cs_tpath root = {.key = CS_STR("spec.template")};
    const struct cs_schema_field as_member = {.type = &cs_schema_pod_template_spec, .kind = CS_SK_OBJ};

    cs_tdiff_value(d, old_norm, new_norm, &as_member, &root);
}

void cs_template_diff(const struct cs_jtree *old_norm, const struct cs_jtree *new_norm, struct cs_template_diff *ret)
{
    struct cs_tdiff d = {.ret = ret, .kind = CS_CHANGE_OTHER};

    *ret = (struct cs_template_diff){.in_place = true};
    diff_templates(&d, old_norm, new_norm);
}

bool cs_template_equal(const struct cs_jtree *a, const struct cs_jtree *b)
{
    struct cs_tdiff d = {.kind = CS_CHANGE_OTHER};

    diff_templates(&d, a, b);
    return !d.found;
}

void cs_template_diff_done(struct cs_template_diff *d)
{
    for (size_t i = 0; i < d->n; i++) {
        free(d->items[i].path);
        free(d->items[i].container);
        free(d->items[i].old_value);
        free(d->items[i].new_value);
    }
    free(d->items);
    *d = (struct cs_template_diff){.in_place = true};
}

const struct cs_change *cs_template_diff_blocker(const struct cs_template_diff *d)
{
    for (size_t i = 0; i < d->n; i++) {
        if (d->items[i].kind == CS_CHANGE_OTHER)
            return &d->items[i];
    }
    return NULL;
}
