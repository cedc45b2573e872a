/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The normal form of a template (D9): a copy of what the user wrote without everything that says nothing. One walk over
 * the table of schema.h drops nulls, zeros and defaults and rewrites quantities; what depends on more than one member
 * (requests that repeat limits, the alias of serviceAccountName …) follows by hand. Whatever has a type that the
 * table does not expect stays as it is: a difference is then seen, which is the safe side.
 */
#include "common/base/alloc.h"
#include "common/base/hash.h"
#include "common/cloneset/template.h"
#include "common/cloneset/template_impl.h"

/* Maps of quantities with more entries than this stay as written (they are no resource lists, and rewriting is quadratic). */
#define MAX_RESOURCES 256

static bool is_empty_composite(const struct cs_jtree *v)
{
    return (cs_jtree_is(v, CS_J_OBJECT) || cs_jtree_is(v, CS_J_ARRAY)) && !cs_jtree_first(v);
}

/* The zero that decoding into a member without pointer cannot tell from absence. */
static bool is_zero(const struct cs_jtree *v, enum cs_schema_kind kind)
{
    const char *number = cs_jtree_number(v);

    switch (kind) {
    case CS_SK_STR:
        return cs_streq(cs_jtree_str(v), "");
    case CS_SK_BOOL:
        return cs_jtree_is(v, CS_J_FALSE);
    case CS_SK_I32:
    case CS_SK_I64:
    case CS_SK_INTSTR:
        return cs_streq(number, "0") || cs_streq(number, "-0");
    case CS_SK_QTY:
        return cs_streq(cs_jtree_str(v), "0");
    case CS_SK_OBJ:
    case CS_SK_STRMAP:
    case CS_SK_QTYMAP:
        return cs_jtree_is(v, CS_J_OBJECT) && is_empty_composite(v);
    case CS_SK_STRS:
    case CS_SK_INTS:
    case CS_SK_LIST:
        return cs_jtree_is(v, CS_J_ARRAY) && is_empty_composite(v);
    default:
        return false;
    }
}

static bool is_default(const struct cs_jtree *v, const struct cs_schema_field *f)
{
    switch ((enum cs_schema_kind)f->kind) {
    case CS_SK_STR:
    case CS_SK_QTY:
        return cs_streq(cs_jtree_str(v), f->def);
    case CS_SK_BOOL:
        return cs_jtree_is(v, f->def[0] == 't' ? CS_J_TRUE : CS_J_FALSE);
    case CS_SK_I32:
    case CS_SK_I64:
        return cs_streq(cs_jtree_number(v), f->def);
    case CS_SK_OBJ:
        return cs_jtree_is(v, CS_J_OBJECT) && is_empty_composite(v);
    default:
        return false;
    }
}

static bool means_absent(const struct cs_jtree *v, const struct cs_schema_field *f)
{
    if (f->def && is_default(v, f))
        return true;
    return !(f->flags & CS_SF_PTR) && is_zero(v, f->kind);
}

/* Replaces the quantity `v`, a member of obj, by its canonical text, if it has one. Returns what stands there then. */
static struct cs_jtree *normalize_quantity(struct cs_jtree *obj, struct cs_jtree *v, char *(*canonical)(struct cs_str))
{
    const char *text = cs_jtree_str(v) ? cs_jtree_str(v) : cs_jtree_number(v);
    cs_autofree char *better = text ? canonical(cs_str(text)) : NULL;

    if (!better || cs_streq(better, cs_jtree_str(v)))
        return v;
    return cs_jtree_set(obj, cs_jtree_key(v), cs_jtree_new_str(better));
}

static void normalize_object(struct cs_jtree *obj, const struct cs_schema_type *type);

/* Returns the value that stands in obj afterwards. */
static struct cs_jtree *normalize_member(struct cs_jtree *obj, struct cs_jtree *v, const struct cs_schema_field *f)
{
    if (f->kind == CS_SK_OBJ) {
        normalize_object(v, f->type);
    } else if (f->kind == CS_SK_LIST && cs_jtree_is(v, CS_J_ARRAY)) {
        for (struct cs_jtree *item = cs_jtree_first(v); item; item = cs_jtree_next(item))
            normalize_object(item, f->type);
    } else if (f->kind == CS_SK_QTY) {
        return normalize_quantity(obj, v, cs_quantity_canonical);
    } else if (f->kind == CS_SK_QTYMAP && cs_jtree_is(v, CS_J_OBJECT) && cs_jtree_count(v) <= MAX_RESOURCES) {
        for (struct cs_jtree *item = cs_jtree_first(v); item; item = cs_jtree_next(item))
            item = normalize_quantity(v, item, cs_quantity_canonical_milli);
    }
    return v;
}

static void normalize_object(struct cs_jtree *obj, const struct cs_schema_type *type)
{
    struct cs_jtree *next;

    if (!cs_jtree_is(obj, CS_J_OBJECT))
        return;
    for (struct cs_jtree *member = cs_jtree_first(obj); member; member = next) {
        const struct cs_schema_field *f = cs_schema_find(type, cs_str(cs_jtree_key(member)));

        next = cs_jtree_next(member);
        if (f)
            member = normalize_member(obj, member, f);
        if (cs_jtree_is(member, CS_J_NULL) || (f && means_absent(member, f)))
            cs_jtree_remove(obj, member);
    }
}

/* ---- what depends on several members ---- */

static void drop_if_empty(struct cs_jtree *obj, const char *key)
{
    struct cs_jtree *v = cs_jtree_get(obj, key);

    if (is_empty_composite(v))
        cs_jtree_remove(obj, v);
}

/* The API server fills requests from limits, one resource at a time. */
static void drop_requests_like_limits(struct cs_jtree *container)
{
    struct cs_jtree *resources = cs_jtree_get(container, "resources");
    struct cs_jtree *limits = cs_jtree_get(resources, "limits");
    struct cs_jtree *requests = cs_jtree_get(resources, "requests");
    struct cs_jtree *next;
    int order;

    if (!cs_jtree_is(limits, CS_J_OBJECT) || !cs_jtree_is(requests, CS_J_OBJECT))
        return;
    if (cs_jtree_count(requests) > MAX_RESOURCES || cs_jtree_count(limits) > MAX_RESOURCES)
        return;
    for (struct cs_jtree *r = cs_jtree_first(requests); r; r = next) {
        const char *limit = cs_jtree_str(cs_jtree_get(limits, cs_jtree_key(r)));

        next = cs_jtree_next(r);
        if (limit && cs_jtree_str(r) && cs_quantity_cmp(cs_str(limit), cs_str(cs_jtree_str(r)), &order) && order == 0)
            cs_jtree_remove(requests, r);
    }
    drop_if_empty(resources, "requests");
}

/* A resize policy of NotRequired says what is so anyway. */
static void drop_default_resize_policies(struct cs_jtree *container)
{
    struct cs_jtree *policies = cs_jtree_get(container, "resizePolicy");
    struct cs_jtree *next;

    if (!cs_jtree_is(policies, CS_J_ARRAY))
        return;
    for (struct cs_jtree *p = cs_jtree_first(policies); p; p = next) {
        next = cs_jtree_next(p);
        if (cs_jtree_count(p) == 2 && cs_jtree_str(cs_jtree_get(p, "resourceName")) &&
            cs_streq(cs_jtree_str(cs_jtree_get(p, "restartPolicy")), "NotRequired"))
            cs_jtree_remove(policies, p);
    }
    drop_if_empty(container, "resizePolicy");
}

/* In the node's network a port of the container is that port of the node. */
static void drop_implied_host_ports(struct cs_jtree *container)
{
    struct cs_jtree *ports = cs_jtree_get(container, "ports");

    if (!cs_jtree_is(ports, CS_J_ARRAY))
        return;
    for (struct cs_jtree *p = cs_jtree_first(ports); p; p = cs_jtree_next(p)) {
        const char *host = cs_jtree_number(cs_jtree_get(p, "hostPort"));

        if (host && cs_streq(host, cs_jtree_number(cs_jtree_get(p, "containerPort"))))
            cs_jtree_del(p, "hostPort");
    }
}

static void normalize_containers(struct cs_jtree *spec, const char *key)
{
    bool host_network = cs_jtree_is(cs_jtree_get(spec, "hostNetwork"), CS_J_TRUE);
    struct cs_jtree *list = cs_jtree_get(spec, key);

    if (!cs_jtree_is(list, CS_J_ARRAY))
        return;
    for (struct cs_jtree *c = cs_jtree_first(list); c; c = cs_jtree_next(c)) {
        drop_requests_like_limits(c);
        drop_default_resize_policies(c);
        if (host_network)
            drop_implied_host_ports(c);
    }
}

/* A volume that names no source is an empty directory. */
static void drop_default_sources(struct cs_jtree *spec)
{
    struct cs_jtree *volumes = cs_jtree_get(spec, "volumes");

    if (!cs_jtree_is(volumes, CS_J_ARRAY))
        return;
    for (struct cs_jtree *v = cs_jtree_first(volumes); v; v = cs_jtree_next(v)) {
        struct cs_jtree *source = cs_jtree_get(v, "emptyDir");

        if (cs_jtree_is(source, CS_J_OBJECT) && is_empty_composite(source) && cs_jtree_get(v, "name") &&
            cs_jtree_count(v) == 2)
            cs_jtree_remove(v, source);
    }
}

/* serviceAccount is the old name of serviceAccountName. */
static void drop_service_account_alias(struct cs_jtree *spec)
{
    const char *alias = cs_jtree_str(cs_jtree_get(spec, "serviceAccount"));
    struct cs_jtree *name = cs_jtree_get(spec, "serviceAccountName");

    if (!alias || (name && !cs_streq(cs_jtree_str(name), alias)))
        return;
    if (!name)
        (void)cs_jtree_set(spec, "serviceAccountName", cs_jtree_new_str(alias));
    cs_jtree_del(spec, "serviceAccount");
}

struct cs_jtree *cs_template_normalize(struct cs_json tmpl)
{
    return cs_template_normalize_tree(cs_json_is(tmpl, CS_J_OBJECT) ? cs_jtree_from(tmpl) : cs_jtree_new_obj());
}

struct cs_jtree *cs_template_normalize_tree(struct cs_jtree *t)
{
    cs_jtree_del(t, "$patch"); /* the frame of revision data, not a part of the template */
    normalize_object(t, &cs_schema_pod_template_spec);
    struct cs_jtree *spec = cs_jtree_get(t, "spec");
    if (cs_jtree_is(spec, CS_J_OBJECT)) {
        normalize_containers(spec, "containers");
        normalize_containers(spec, "initContainers");
        drop_default_sources(spec);
        drop_service_account_alias(spec);
    }
    cs_jtree_sort(t);
    return t;
}

/* ---- digest ---- */

static uint64_t digest_text(uint64_t h, char tag, const char *s)
{
    h = cs_fnv64_1a(h, &tag, 1);
    return cs_fnv64_1a(h, s, strlen(s) + 1); /* with the NUL: the end of the text counts */
}

/* What the comparison may take for absent must not count. */
static bool is_flexible_pull_policy(const struct cs_jtree *v)
{
    const char *policy = cs_streq(cs_jtree_key(v), "imagePullPolicy") ? cs_jtree_str(v) : NULL;

    return cs_streq(policy, "Always") || cs_streq(policy, "IfNotPresent");
}

static uint64_t digest_value(uint64_t h, const struct cs_jtree *v)
{
    enum cs_jtype type = cs_jtree_type(v);
    bool object = type == CS_J_OBJECT;
    const char *number = cs_jtree_number(v);

    if (type == CS_J_STRING)
        return digest_text(h, 's', cs_jtree_str(v));
    if (number)
        return digest_text(h, 'n', cs_streq(number, "-0") ? "0" : number);
    h = digest_text(h, (char)('0' + (int)type), "");
    for (const struct cs_jtree *child = cs_jtree_first(v); child; child = cs_jtree_next(child)) {
        if (object && is_flexible_pull_policy(child))
            continue;
        if (object)
            h = digest_text(h, 'k', cs_jtree_key(child));
        h = digest_value(h, child);
    }
    return digest_text(h, 'e', "");
}

uint64_t cs_template_digest(const struct cs_jtree *norm)
{
    return norm ? digest_value(CS_FNV64_INIT, norm) : 0;
}
