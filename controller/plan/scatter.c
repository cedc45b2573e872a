/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scatterStrategy (spec §6.3, 3): Pods with a label value are spread evenly over the order of the update instead of coming one
 * after the other. For each term M are the candidates with the value, X the rest.
 */
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "controller/plan/order.h"

struct term {
    const struct cs_scatter_term *t;
    uint32_t matches; /* candidates */
    uint32_t at; /* in the spec */
};

static bool matches(const struct cs_scatter_term *t, const struct cs_view_pod *v)
{
    const char *value = v->pod ? cs_pairs_get(&v->pod->meta.labels, t->key) : NULL;

    return value && strcmp(value, t->value) == 0;
}

static int by_matches(const void *x, const void *y)
{
    const struct term *a = x;
    const struct term *b = y;

    if (a->matches != b->matches)
        return a->matches > b->matches ? -1 : 1;
    return (a->at > b->at) - (a->at < b->at);
}

/* How M and X alternate: `lead` of X, then `n` times m_size of M and x_size of X. */
struct groups {
    uint32_t n, m_size, x_size, lead;
};

static uint32_t divide_half_up(uint32_t a, uint32_t b)
{
    return (uint32_t)((2 * (uint64_t)a + b) / (2 * (uint64_t)b));
}

static uint32_t smaller(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

static struct groups grouping(uint32_t m, uint32_t x)
{
    uint32_t n = smaller(m, x);

    return (struct groups){.n = n, .m_size = divide_half_up(m, n), .x_size = divide_half_up(x, n)};
}

/*
 * m, x: of the candidates; all_m, all_x: of the whole set; none is 0. When the candidates have more of X than the whole set
 * (what was updated so far had too much of M), they go on in the set's proportion, and what is too much of X goes before.
 */
static struct groups groups_of(uint32_t m, uint32_t x, uint32_t all_m, uint32_t all_x)
{
    struct groups g;

    if ((uint64_t)all_x * m >= (uint64_t)x * all_m)
        return grouping(m, x);
    g = grouping(all_m, all_x);
    g.n = smaller(m / g.m_size, x / g.x_size);
    g.lead = x - g.n * g.x_size;
    return g;
}

/* Pods in order, of which the next are taken. */
struct line {
    struct cs_view_pod **pods;
    uint32_t n, taken;
};

static void take(struct line *from, uint32_t n, struct line *to)
{
    uint32_t left = from->n - from->taken;

    for (uint32_t i = smaller(n, left); i > 0; i--)
        to->pods[to->n++] = from->pods[from->taken++];
}

/* Pods of the whole set with the value, and without. */
static void count_all(const struct cs_observation *o, const struct cs_scatter_term *t, uint32_t *ret_m, uint32_t *ret_x)
{
    *ret_m = *ret_x = 0;
    for (uint32_t i = 0; i < o->n_pods; i++) {
        const struct cs_view_pod *v = &o->pods[i];

        if (v->ours && v->pod)
            *(matches(t, v) ? ret_m : ret_x) += 1;
    }
}

/* buffer: room for 2 n Pods. */
static void scatter_by(
    const struct cs_observation *o, const struct cs_scatter_term *t, struct line *pods, struct cs_view_pod **buffer)
{
    struct line m = {.pods = buffer};
    struct line x = {.pods = buffer + pods->n};
    struct cs_view_pod *last;
    struct groups g;
    uint32_t all_m, all_x;

    for (uint32_t i = 0; i < pods->n; i++) {
        struct line *side = matches(t, pods->pods[i]) ? &m : &x;

        side->pods[side->n++] = pods->pods[i];
    }
    if (m.n <= 1 || x.n <= 1)
        return;
    last = m.pods[--m.n]; /* the very end is one of M, too */
    count_all(o, t, &all_m, &all_x);
    g = groups_of(m.n, x.n, all_m - 1, all_x);
    pods->n = 0;
    take(&x, g.lead, pods);
    for (uint32_t i = 0; i < g.n; i++) {
        take(&m, g.m_size, pods);
        take(&x, g.x_size, pods);
    }
    take(&m, m.n, pods);
    take(&x, x.n, pods);
    pods->pods[pods->n++] = last;
}

void cs_scatter(const struct cs_observation *o, struct cs_view_pod **pods, uint32_t n)
{
    const struct cs_cloneset_spec *s = &o->set->spec;
    struct line line = {.pods = pods, .n = n};
    cs_autofree struct term *terms = NULL;
    cs_autofree struct cs_view_pod **buffer = NULL;

    if (s->n_scatter == 0 || n < 2)
        return;
    terms = cs_new_array(struct term, s->n_scatter);
    buffer = cs_new_array(struct cs_view_pod *, 2 * (size_t)n);
    for (uint32_t k = 0; k < s->n_scatter; k++) {
        terms[k] = (struct term){.t = &s->scatter[k], .at = k};
        for (uint32_t i = 0; i < n; i++)
            terms[k].matches += matches(terms[k].t, pods[i]);
    }
    qsort(terms, s->n_scatter, sizeof(terms[0]), by_matches);
    for (uint32_t k = 0; k < s->n_scatter && terms[k].matches > 1; k++) /* with less a term changes nothing */
        scatter_by(o, terms[k].t, &line, buffer);
}
