/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Differences between lists, told the way a person would: "added", "removed", "moved", "this element changed". Elements with a
 * key (containers, env, ports, mounts, volumes) are matched by it; other lists by cutting off what is equal at both ends.
 */
#include "common/cloneset/template_diff.h"

#include <stdlib.h>

#include "common/base/alloc.h"

struct element {
    char *key; /* owned; NULL in lists without keys */
    const struct cs_jtree *v;
    size_t index;
    struct element *match; /* its partner in the other list, or NULL */
};

struct elements {
    struct element *items;
    size_t n;
};

static void elements_done(struct elements *e)
{
    for (size_t i = 0; i < e->n; i++)
        free(e->items[i].key);
    free(e->items);
}
#define autoelements CS_CLEANUP(elements_done) struct elements

static struct elements elements_of(const struct cs_jtree *list)
{
    struct elements e = {.n = cs_jtree_count(list)};
    size_t i = 0;

    e.items = cs_new_array(struct element, e.n);
    for (const struct cs_jtree *v = cs_jtree_first(list); v; v = cs_jtree_next(v), i++)
        e.items[i] = (struct element){.v = v, .index = i};
    return e;
}

/* ---- one element ---- */

static bool is_container_list(const struct cs_schema_field *f)
{
    return f && (f->type == &cs_schema_container || f->type == &cs_schema_ephemeral_container);
}

static void diff_element(struct cs_tdiff *d, const struct element *o, const struct element *n,
    const struct cs_schema_field *f, const struct cs_tpath *path)
{
    const struct cs_schema_field as_member = {.type = f ? f->type : NULL, .kind = CS_SK_OBJ, .flags = CS_SF_PTR};
    const struct cs_tpath step = {.up = path, .index = n ? n->index : o->index};
    const struct cs_jtree *old_v = o ? o->v : NULL;
    const struct cs_jtree *new_v = n ? n->v : NULL;
    struct cs_tdiff outer = *d;

    if (is_container_list(f)) {
        const char *old_name = cs_jtree_str(cs_jtree_get(old_v, "name"));
        const char *new_name = cs_jtree_str(cs_jtree_get(new_v, "name"));

        d->container = new_name ? new_name : old_name;
        d->same_container = cs_streq(f->name, "containers") && o && n && o->index == n->index && new_name &&
                            cs_streq(old_name, new_name);
        d->old_container = old_v;
        d->new_container = new_v;
    }
    cs_tdiff_value(d, old_v, new_v, f && f->kind == CS_SK_LIST ? &as_member : NULL, &step);
    d->container = outer.container;
    d->same_container = outer.same_container;
    d->old_container = outer.old_container;
    d->new_container = outer.new_container;
}

/* ---- lists without keys ---- */

static void diff_plain(struct cs_tdiff *d, const struct elements *o, const struct elements *n,
    const struct cs_schema_field *f, const struct cs_tpath *path)
{
    size_t shorter = o->n < n->n ? o->n : n->n;
    size_t head = 0;
    size_t tail = 0;

    while (head < shorter && cs_jtree_equal(o->items[head].v, n->items[head].v))
        head++;
    while (tail < shorter - head && cs_jtree_equal(o->items[o->n - 1 - tail].v, n->items[n->n - 1 - tail].v))
        tail++;
    size_t old_end = o->n - tail;
    size_t new_end = n->n - tail;
    for (size_t i = head; (i < old_end || i < new_end) && !cs_tdiff_done(d); i++)
        diff_element(d, i < old_end ? &o->items[i] : NULL, i < new_end ? &n->items[i] : NULL, f, path);
}

/* ---- lists with keys ---- */

static char *text_member(const struct cs_jtree *v, const char *name)
{
    const char *s = cs_jtree_str(cs_jtree_get(v, name));

    return s ? cs_xstrdup(s) : NULL;
}

static char *port_key(const struct cs_jtree *v)
{
    const char *number = cs_jtree_number(cs_jtree_get(v, "containerPort"));
    const char *protocol = cs_jtree_str(cs_jtree_get(v, "protocol"));

    return number ? cs_xasprintf("%s/%s", number, protocol ? protocol : "TCP") : NULL;
}

static char *key_of(const struct cs_jtree *v, enum cs_schema_key kind, bool ports_by_number)
{
    switch (kind) {
    case CS_SKEY_NAME:
        return text_member(v, "name");
    case CS_SKEY_MOUNT_PATH:
        return text_member(v, "mountPath");
    case CS_SKEY_DEVICE_PATH:
        return text_member(v, "devicePath");
    case CS_SKEY_PORT:
        return ports_by_number ? port_key(v) : text_member(v, "name");
    default:
        return NULL;
    }
}

static int element_cmp(const void *pa, const void *pb)
{
    const struct element *const *a = pa;
    const struct element *const *b = pb;

    return strcmp((*a)->key, (*b)->key);
}

/* The elements in order of their keys, owned by the caller; NULL when a key is missing or stands there twice. */
static struct element **sorted_by_key(struct elements *e, enum cs_schema_key kind, bool ports_by_number)
{
    cs_autofree struct element **list = cs_new_array(struct element *, e->n);

    for (size_t i = 0; i < e->n; i++) {
        free(e->items[i].key);
        e->items[i].match = NULL;
        e->items[i].key = key_of(e->items[i].v, kind, ports_by_number);
        if (!e->items[i].key)
            return NULL;
        list[i] = &e->items[i];
    }
    qsort(list, e->n, sizeof(struct element *), element_cmp);
    for (size_t i = 1; i < e->n; i++) {
        if (cs_streq(list[i - 1]->key, list[i]->key))
            return NULL;
    }
    return cs_take(list);
}

static void marry(struct element *a, struct element *b)
{
    a->match = b;
    b->match = a;
}

/* Gives elements of equal keys each other as partners. False: these lists have no usable keys. */
static bool match_by_key(struct elements *o, struct elements *n, enum cs_schema_key kind, bool ports_by_number)
{
    cs_autofree struct element **lo = sorted_by_key(o, kind, ports_by_number);
    cs_autofree struct element **ln = lo ? sorted_by_key(n, kind, ports_by_number) : NULL;
    size_t i = 0;
    size_t j = 0;

    if (!lo || !ln)
        return false;
    while (i < o->n && j < n->n) {
        int order = strcmp(lo[i]->key, ln[j]->key);

        if (order == 0)
            marry(lo[i], ln[j]);
        i += order <= 0;
        j += order >= 0;
    }
    return true;
}

/* What stands at the same place without a partner on either side was renamed (a container), renumbered (a port). */
static void match_by_place(struct elements *o, struct elements *n)
{
    for (size_t i = 0; i < o->n && i < n->n; i++) {
        if (!o->items[i].match && !n->items[i].match)
            marry(&o->items[i], &n->items[i]);
    }
}

static bool is_reordered(const struct elements *n)
{
    size_t next = 0;

    for (size_t i = 0; i < n->n; i++) {
        const struct element *partner = n->items[i].match;

        if (!partner)
            continue;
        if (partner->index < next)
            return true;
        next = partner->index + 1;
    }
    return false;
}

/* The order as a list of keys; that of the partners' names, so that additions do not blur it. */
static struct cs_jtree *order_of(const struct elements *e)
{
    struct cs_jtree *keys = cs_jtree_new_arr();

    for (size_t i = 0; i < e->n; i++) {
        if (e->items[i].match)
            (void)cs_jtree_append(keys, cs_jtree_new_str(e->items[i].key));
    }
    return keys;
}

static void diff_matched(struct cs_tdiff *d, const struct elements *o, const struct elements *n,
    const struct cs_schema_field *f, const struct cs_tpath *path)
{
    if (is_reordered(n)) {
        cs_autojtree *old_order = order_of(o);
        cs_autojtree *new_order = order_of(n);

        cs_tdiff_report(d, path, old_order, new_order);
    }
    for (size_t i = 0; (i < o->n || i < n->n) && !cs_tdiff_done(d); i++) {
        if (i < o->n && !o->items[i].match)
            diff_element(d, &o->items[i], NULL, f, path);
        if (i < n->n)
            diff_element(d, n->items[i].match, &n->items[i], f, path);
    }
}

void cs_tdiff_list(struct cs_tdiff *d, const struct cs_jtree *old_list, const struct cs_jtree *new_list,
    const struct cs_schema_field *f, const struct cs_tpath *path)
{
    enum cs_schema_key kind = f && f->kind == CS_SK_LIST ? (enum cs_schema_key)f->type->key : CS_SKEY_NONE;
    autoelements o = elements_of(old_list);
    autoelements n = elements_of(new_list);
    bool matched = kind != CS_SKEY_NONE && match_by_key(&o, &n, kind, false);

    if (!matched && kind == CS_SKEY_PORT)
        matched = match_by_key(&o, &n, kind, true);
    if (!matched) {
        diff_plain(d, &o, &n, f, path);
        return;
    }
    if (kind == CS_SKEY_PORT || is_container_list(f))
        match_by_place(&o, &n);
    diff_matched(d, &o, &n, f, path);
}
