/* SPDX-License-Identifier: Apache-2.0 */
/*
 * priorityStrategy (spec §6.3, 2): by weights of selectors that match, or else by labels that say an order.
 */
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "controller/plan/order.h"

struct candidate {
    struct cs_view_pod *v;
    int64_t first; /* the larger goes first: the sum of weights, or the level with its sign turned */
    struct cs_str number; /* of equals the larger goes first: digits without leading zeros */
    uint32_t at; /* before */
};

/*
 * Decimal digits that end the text. Labels hold up to 63 of them, more than any integer: they are compared as text, the longer
 * being the larger.
 */
static struct cs_str trailing_number(const char *text)
{
    struct cs_str s = cs_str(text);
    size_t from = s.len;

    while (from > 0 && s.p[from - 1] >= '0' && s.p[from - 1] <= '9')
        from--;
    while (from < s.len && s.p[from] == '0')
        from++;
    return (struct cs_str){.p = s.p + from, .len = s.len - from};
}

static int cmp_number(struct cs_str a, struct cs_str b)
{
    if (a.len != b.len)
        return a.len < b.len ? -1 : 1;
    return a.len > 0 ? memcmp(a.p, b.p, a.len) : 0;
}

static int by_priority(const void *x, const void *y)
{
    const struct candidate *a = x;
    const struct candidate *b = y;
    int c;

    if (a->first != b->first)
        return a->first > b->first ? -1 : 1;
    c = cmp_number(b->number, a->number);
    return c != 0 ? c : (a->at > b->at) - (a->at < b->at);
}

/* Admission refuses a selector that is not valid or empty (spec §3.2 rule 16); one that came around it matches nothing. */
static bool usable(const struct cs_weight_term *t)
{
    return !cs_selector_empty(&t->selector) && cs_selector_valid(&t->selector);
}

static void weigh(const struct cs_cloneset_spec *s, struct candidate *list, uint32_t n)
{
    for (uint32_t k = 0; k < s->n_weights; k++) {
        const struct cs_weight_term *t = &s->weights[k];

        if (!usable(t))
            continue;
        for (uint32_t i = 0; i < n; i++)
            if (list[i].v->pod && cs_selector_matches(&t->selector, &list[i].v->pod->meta.labels))
                list[i].first += t->weight;
    }
}

static void read_order(const struct cs_cloneset_spec *s, struct candidate *c)
{
    const char *value = NULL;

    c->first = 1; /* level -1: none of the keys, before all others */
    for (uint32_t k = 0; k < s->n_order_keys && c->v->pod && !value; k++) {
        value = cs_pairs_get(&c->v->pod->meta.labels, s->order_keys[k]);
        if (!value)
            continue;
        c->first = -(int64_t)k;
        c->number = trailing_number(value);
    }
}

void cs_sort_by_priority(const struct cs_cloneset_spec *s, struct cs_view_pod **pods, uint32_t n)
{
    cs_autofree struct candidate *list = NULL;

    if (s->n_weights == 0 && s->n_order_keys == 0)
        return;
    list = cs_new_array(struct candidate, n);
    for (uint32_t i = 0; i < n; i++)
        list[i] = (struct candidate){.v = pods[i], .at = i};
    if (s->n_weights > 0)
        weigh(s, list, n);
    else
        for (uint32_t i = 0; i < n; i++)
            read_order(s, &list[i]);
    qsort(list, n, sizeof(list[0]), by_priority);
    for (uint32_t i = 0; i < n; i++)
        pods[i] = list[i].v;
}
