/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ranks of scale-in (spec §5.6, criterion 6): the higher, the more others stand on the same node, or in the same topology
 * domains (zone, host …) of the template's topologySpreadConstraints. A Pod's rank is how many of its place would be left
 * before it is its turn, so that taking the highest first leaves the places even.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "controller/plan/order.h"

/* ---- the same node ---- */

static const char *node_name(const struct cs_view_pod *v)
{
    return v->pod && v->pod->node ? v->pod->node : "";
}

static int by_node(const void *x, const void *y)
{
    const struct cs_view_pod *a = *(struct cs_view_pod *const *)x;
    const struct cs_view_pod *b = *(struct cs_view_pod *const *)y;
    int c = strcmp(node_name(a), node_name(b));

    return c != 0 ? c : cs_cmp_delete(a, b, 0);
}

void cs_rank_by_node(struct cs_view_pod **group, uint32_t n)
{
    qsort(group, n, sizeof(group[0]), by_node);
    for (uint32_t from = 0; from < n;) {
        const char *node = node_name(group[from]);
        uint32_t to = from + 1;

        while (to < n && cs_streq(node, node_name(group[to])))
            to++;
        for (uint32_t i = from; i < to; i++)
            group[i]->rank = *node ? (double)(to - 1 - i) : 0;
        from = to;
    }
}

/* ---- topology domains ---- */

/* A Pod whose Node is known. */
struct place {
    struct cs_view_pod *v;
    uint32_t in_all, in_all_without_rank; /* its positions in the whole group, by the criteria with and without rank */
    const char *domain; /* its Node's value of the label that is looked at */
    uint32_t at; /* one of the positions */
    double sum;
};

static int by_criteria(const void *x, const void *y)
{
    return cs_cmp_delete(((const struct place *)x)->v, ((const struct place *)y)->v, CS_BY_RANK);
}

static int by_criteria_without_rank(const void *x, const void *y)
{
    return cs_cmp_delete(((const struct place *)x)->v, ((const struct place *)y)->v, 0);
}

/* Those of no domain last. */
static int by_domain(const void *x, const void *y)
{
    const struct place *a = x;
    const struct place *b = y;
    int c = 0;

    if (!a->domain != !b->domain)
        return a->domain ? -1 : 1;
    if (a->domain != b->domain)
        c = strcmp(a->domain, b->domain);
    return c != 0 ? c : (a->at > b->at) - (a->at < b->at);
}

/* Where the domain ends that begins at `from`. */
static uint32_t end_of_domain(const struct place *places, uint32_t from, uint32_t n)
{
    uint32_t to = from + 1;

    while (to < n && cs_streq(places[from].domain, places[to].domain))
        to++;
    return to;
}

/* One constraint: the i-th of c Pods of a domain adds (c - i) · ln(t + 2), t being the number of domains. */
static void add_ranks(const char *key, struct place *places, uint32_t n)
{
    bool hosts = strcmp(key, "kubernetes.io/hostname") == 0;
    uint32_t domains = 0;
    uint32_t m = 0;

    for (uint32_t i = 0; i < n; i++) {
        places[i].domain = cs_pairs_get(&places[i].v->node->meta.labels, key);
        places[i].at = hosts ? places[i].in_all_without_rank : places[i].in_all;
        m += places[i].domain != NULL;
    }
    qsort(places, n, sizeof(places[0]), by_domain);
    for (uint32_t from = 0; from < m; from = end_of_domain(places, from, m))
        domains++;
    for (uint32_t from = 0, to; from < m; from = to) {
        to = end_of_domain(places, from, m);
        for (uint32_t i = from; i < to; i++)
            places[i].sum += (double)(to - i) * log((double)domains + 2);
    }
}

void cs_rank_by_topology(const struct cs_cloneset *set, struct cs_view_pod **group, uint32_t n)
{
    cs_autofree struct place *places = cs_new_array(struct place, n + 1);
    uint32_t known = 0;

    for (uint32_t i = 0; i < n; i++)
        if (group[i]->node)
            places[known++].v = group[i];
    qsort(places, known, sizeof(places[0]), by_criteria_without_rank);
    for (uint32_t i = 0; i < known; i++)
        places[i].in_all_without_rank = i;
    qsort(places, known, sizeof(places[0]), by_criteria);
    for (uint32_t i = 0; i < known; i++)
        places[i].in_all = i;
    for (uint32_t k = 0; k < set->n_topology_keys; k++)
        add_ranks(set->topology_keys[k], places, known);
    for (uint32_t i = 0; i < n; i++)
        group[i]->rank = 0;
    for (uint32_t i = 0; i < known; i++)
        places[i].v->rank = places[i].sum;
}
