/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The difference between two templates in normal form, one entry per fact (D9, spec §6.4). The table of schema.h tells
 * which lists have named elements; those are compared element by element, so that one inserted variable is one entry. Equality is
 * the same walk without a report: it stops at the first entry.
 */
#include "common/cloneset/template_diff.h"

#include <stdlib.h>

#include "common/base/alloc.h"
#include "common/cloneset/resources.h"

/* ---- reporting ---- */

static char *compact(const struct cs_jtree *v)
{
    cs_autostrbuf out = CS_STRBUF_INIT;

    if (!v)
        return NULL;
    cs_jtree_print(v, &out, false);
    return cs_strbuf_take(&out, NULL);
}

/* "….containers[n].resources.<list>[<resource>]", list and resource such that a resize can change them (spec §6.4). */
static bool is_resizable(const struct cs_tdiff *d, const struct cs_tpath *path)
{
    const struct cs_tpath *list = path->up;
    const struct cs_tpath *resources = list ? list->up : NULL;
    cs_autofree char *list_name = NULL;
    cs_autofree char *name = NULL;

    if (!d->resizes || !d->same_container || !path->map_key || !resources || !resources->up ||
        !cs_str_eqz(resources->key, "resources") || resources->up->key.p || !resources->up->up ||
        !cs_str_eqz(resources->up->up->key, "containers"))
        return false;
    list_name = cs_xmemdupz(list->key.p, list->key.len);
    name = cs_xmemdupz(path->key.p, path->key.len);
    return cs_cells_has(cs_jtree_get(d->old_container, "resources"), list_name, name) &&
           cs_cells_has(cs_jtree_get(d->new_container, "resources"), list_name, name);
}

/* The policy of the container for the resource, the last step of path. */
static bool restarts_on_resize(const struct cs_tdiff *d, const struct cs_tpath *path)
{
    const struct cs_jtree *policies = cs_jtree_get(d->new_container, "resizePolicy");

    for (const struct cs_jtree *p = cs_jtree_first(policies); p; p = cs_jtree_next(p)) {
        const char *resource = cs_jtree_str(cs_jtree_get(p, "resourceName"));

        if (resource && cs_str_eqz(path->key, resource) &&
            cs_streq(cs_jtree_str(cs_jtree_get(p, "restartPolicy")), "RestartContainer"))
            return true;
    }
    return false;
}

static void report_texts(struct cs_tdiff *d, const struct cs_tpath *path, char *old_value, char *new_value)
{
    struct cs_template_diff *ret = d->ret;
    enum cs_change_kind kind = d->kind == CS_CHANGE_OTHER && is_resizable(d, path) ? CS_CHANGE_RESOURCES : d->kind;

    cs_grow(ret->items, ret->n, ret->cap);
    ret->items[ret->n++] = (struct cs_change){
        .kind = kind,
        .path = cs_tpath_dup(path),
        .container = d->container ? cs_xstrdup(d->container) : NULL,
        .old_value = old_value,
        .new_value = new_value,
    };
    ret->in_place = ret->in_place && kind != CS_CHANGE_OTHER;
    ret->images_changed = ret->images_changed || kind == CS_CHANGE_IMAGE;
    ret->metadata_changed = ret->metadata_changed || kind == CS_CHANGE_METADATA;
    ret->resources_changed = ret->resources_changed || kind == CS_CHANGE_RESOURCES;
    ret->restarts =
        ret->restarts || kind == CS_CHANGE_IMAGE || (kind == CS_CHANGE_RESOURCES && restarts_on_resize(d, path));
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
    const struct cs_schema_field *f = cs_schema_find(type, cs_str(key));
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

/* The API server resizes no Pod of this kind. */
static bool never_resized(const struct cs_jtree *norm)
{
    const struct cs_jtree *spec = cs_jtree_get(norm, "spec");

    return cs_jtree_count(cs_jtree_get(spec, "resources")) > 0 ||
           cs_streq(cs_jtree_str(cs_jtree_get(cs_jtree_get(spec, "os"), "name")), "windows");
}

/* A Pod keeps its QoS class (spec §6.4). */
static void forbid_resize(struct cs_template_diff *d)
{
    for (size_t i = 0; i < d->n; i++)
        if (d->items[i].kind == CS_CHANGE_RESOURCES)
            d->items[i].kind = CS_CHANGE_OTHER;
    d->in_place = false;
    d->qos_changed = true;
    d->resources_changed = false;
    d->restarts = d->images_changed;
}

void cs_template_diff(const struct cs_jtree *old_norm, const struct cs_jtree *new_norm, bool vertical_scaling,
    struct cs_template_diff *ret)
{
    struct cs_tdiff d = {.ret = ret, .kind = CS_CHANGE_OTHER};

    d.resizes = vertical_scaling && !never_resized(old_norm) && !never_resized(new_norm);
    *ret = (struct cs_template_diff){.in_place = true};
    diff_templates(&d, old_norm, new_norm);
    if (ret->resources_changed && cs_template_qos(old_norm) != cs_template_qos(new_norm))
        forbid_resize(ret);
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
