/* SPDX-License-Identifier: Apache-2.0 */
#include "common/cloneset/resources.h"

#include <stdlib.h>

#include "common/base/alloc.h"
#include "common/cloneset/template.h"

static const struct {
    const char *list, *resource;
} cell_names[CS_CELL_COUNT] = {
    [CS_CELL_LIMITS_CPU] = {"limits", "cpu"},
    [CS_CELL_LIMITS_MEMORY] = {"limits", "memory"},
    [CS_CELL_REQUESTS_CPU] = {"requests", "cpu"},
    [CS_CELL_REQUESTS_MEMORY] = {"requests", "memory"},
};
/* What a request is when it is not given; the cell itself for limits. */
static const enum cs_cell filled_from[CS_CELL_COUNT] = {
    [CS_CELL_LIMITS_CPU] = CS_CELL_LIMITS_CPU,
    [CS_CELL_LIMITS_MEMORY] = CS_CELL_LIMITS_MEMORY,
    [CS_CELL_REQUESTS_CPU] = CS_CELL_LIMITS_CPU,
    [CS_CELL_REQUESTS_MEMORY] = CS_CELL_LIMITS_MEMORY,
};

/* ---- cells ---- */

static const char *quantity_text(const struct cs_jtree *v)
{
    return cs_jtree_str(v) ? cs_jtree_str(v) : cs_jtree_number(v);
}

static const struct cs_jtree *cell_node(const struct cs_jtree *resources, enum cs_cell cell)
{
    return cs_jtree_get(cs_jtree_get(resources, cell_names[cell].list), cell_names[cell].resource);
}

void cs_cells_read(const struct cs_jtree *resources, struct cs_cells *ret)
{
    for (int i = 0; i < CS_CELL_COUNT; i++) {
        const char *text = quantity_text(cell_node(resources, (enum cs_cell)i));

        ret->v[i] = text ? cs_xstrdup(text) : NULL;
    }
}

void cs_cells_read_text(const char *json, struct cs_cells *ret)
{
    cs_autojdoc doc = {0};

    *ret = (struct cs_cells){{NULL}};
    if (!json || !cs_jdoc_parse(&doc, json, strlen(json), NULL, NULL))
        return;
    cs_autojtree *tree = cs_jtree_from(cs_jdoc_root(&doc));
    cs_cells_read(tree, ret);
}

void cs_cells_fill(struct cs_cells *c)
{
    for (int i = 0; i < CS_CELL_COUNT; i++) {
        const char *from = c->v[filled_from[i]];

        if (!c->v[i] && from)
            c->v[i] = cs_xstrdup(from);
    }
}

void cs_cells_done(struct cs_cells *c)
{
    for (int i = 0; i < CS_CELL_COUNT; i++)
        free(c->v[i]);
    *c = (struct cs_cells){{NULL}};
}

bool cs_cell_same(const char *a, const char *b)
{
    int order;

    if (!a || !b)
        return a == b;
    return cs_quantity_cmp(cs_str(a), cs_str(b), &order) ? order == 0 : cs_streq(a, b);
}

bool cs_cells_has(const struct cs_jtree *resources, const char *list, const char *resource)
{
    for (int i = 0; i < CS_CELL_COUNT; i++) {
        if (!cs_streq(cell_names[i].list, list) || !cs_streq(cell_names[i].resource, resource))
            continue;
        return quantity_text(cell_node(resources, (enum cs_cell)i)) ||
               quantity_text(cell_node(resources, filled_from[i]));
    }
    return false;
}

void cs_cells_write(const struct cs_cells *c, struct cs_jw *w)
{
    const char *open = NULL;

    cs_jw_obj(w);
    for (int i = 0; i < CS_CELL_COUNT; i++) {
        if (!c->v[i])
            continue;
        if (open && !cs_streq(open, cell_names[i].list))
            cs_jw_end_obj(w);
        if (!cs_streq(open, cell_names[i].list)) {
            open = cell_names[i].list;
            cs_jw_key(w, open);
            cs_jw_obj(w);
        }
        cs_jw_kstr(w, cell_names[i].resource, c->v[i]);
    }
    if (open)
        cs_jw_end_obj(w);
    cs_jw_end_obj(w);
}

/* ---- QoS class ---- */

static bool is_positive(const char *quantity)
{
    int order;

    return quantity && cs_quantity_cmp(cs_str(quantity), CS_STR("0"), &order) && order > 0;
}

void cs_qos_add(struct cs_qos_sum *sum, const struct cs_cells *effective)
{
    for (int i = 0; i < CS_CELL_COUNT; i++) {
        const char *limit = effective->v[filled_from[i]];

        if (is_positive(effective->v[i]))
            sum->none = false;
        if (!is_positive(limit) || !cs_cell_same(effective->v[i], limit))
            sum->all = false;
    }
}

enum cs_qos cs_qos_of(const struct cs_qos_sum *sum)
{
    if (sum->none)
        return CS_QOS_BEST_EFFORT;
    return sum->all ? CS_QOS_GUARANTEED : CS_QOS_BURSTABLE;
}

const char *cs_qos_name(enum cs_qos q)
{
    return q == CS_QOS_GUARANTEED ? "Guaranteed" : q == CS_QOS_BURSTABLE ? "Burstable" : "BestEffort";
}

static void add_containers(struct cs_qos_sum *sum, const struct cs_jtree *list)
{
    for (const struct cs_jtree *c = cs_jtree_first(list); c; c = cs_jtree_next(c)) {
        cs_autocells cells;

        cs_cells_read(cs_jtree_get(c, "resources"), &cells);
        cs_cells_fill(&cells);
        cs_qos_add(sum, &cells);
    }
}

enum cs_qos cs_template_qos(const struct cs_jtree *norm)
{
    const struct cs_jtree *spec = cs_jtree_get(norm, "spec");
    struct cs_qos_sum sum = CS_QOS_SUM_INIT;

    add_containers(&sum, cs_jtree_get(spec, "containers"));
    add_containers(&sum, cs_jtree_get(spec, "initContainers"));
    return cs_qos_of(&sum);
}

/* ---- what an update changes ---- */

void cs_resize_done(struct cs_resize *r)
{
    for (size_t i = 0; i < r->n; i++) {
        free(r->items[i].container);
        cs_cells_done(&r->items[i].to);
    }
    free(r->items);
    *r = (struct cs_resize){0};
}

static struct cs_resize_entry *resize_add(struct cs_resize *r, char *container)
{
    cs_grow(r->items, r->n, r->cap);
    r->items[r->n] = (struct cs_resize_entry){.container = container};
    return &r->items[r->n++];
}

const struct cs_resize_entry *cs_resize_find(const struct cs_resize *r, const char *container)
{
    for (size_t i = 0; r && i < r->n; i++)
        if (cs_streq(r->items[i].container, container))
            return &r->items[i];
    return NULL;
}

void cs_resize_name(struct cs_resize *r, const char *container)
{
    if (container && !cs_resize_find(r, container))
        (void)resize_add(r, cs_xstrdup(container));
}

static void make_entry(
    const struct cs_jtree *a, const struct cs_jtree *b, const struct cs_resize *before, struct cs_resize *ret)
{
    const char *name = cs_jtree_str(cs_jtree_get(b, "name"));
    const struct cs_resize_entry *open = cs_resize_find(before, name);
    struct cs_resize_entry *e = NULL;
    cs_autocells was;
    cs_autocells is;

    cs_cells_read(cs_jtree_get(a, "resources"), &was);
    cs_cells_read(cs_jtree_get(b, "resources"), &is);
    cs_cells_fill(&was);
    cs_cells_fill(&is);
    for (int i = 0; name && i < CS_CELL_COUNT; i++) {
        if (!is.v[i] || (cs_cell_same(was.v[i], is.v[i]) && !(open && open->to.v[i])))
            continue;
        e = e ? e : resize_add(ret, cs_xstrdup(name));
        e->to.v[i] = cs_take(is.v[i]);
    }
}

void cs_resize_make(
    const struct cs_jtree *from, const struct cs_jtree *to, const struct cs_resize *before, struct cs_resize *ret)
{
    const struct cs_jtree *a = cs_jtree_first(cs_jtree_get(cs_jtree_get(from, "spec"), "containers"));
    const struct cs_jtree *b = cs_jtree_first(cs_jtree_get(cs_jtree_get(to, "spec"), "containers"));

    *ret = (struct cs_resize){0};
    for (; a && b; a = cs_jtree_next(a), b = cs_jtree_next(b))
        make_entry(a, b, before, ret);
}

void cs_resize_parse(struct cs_json obj, struct cs_resize *ret)
{
    *ret = (struct cs_resize){0};
    if (!cs_json_is(obj, CS_J_OBJECT))
        return;
    cs_autojtree *tree = cs_jtree_from(obj);
    for (const struct cs_jtree *c = cs_jtree_first(tree); c; c = cs_jtree_next(c))
        cs_cells_read(c, &resize_add(ret, cs_xstrdup(cs_jtree_key(c)))->to);
}

void cs_resize_write(const struct cs_resize *r, struct cs_jw *w)
{
    cs_jw_obj(w);
    for (size_t i = 0; i < r->n; i++) {
        cs_jw_key(w, r->items[i].container);
        cs_cells_write(&r->items[i].to, w);
    }
    cs_jw_end_obj(w);
}
