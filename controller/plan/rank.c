/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whom to delete first on scale-in (spec §5.6), whom to update first (§6.3).
 */
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "controller/plan/parts.h"

static int cmp_i64(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

static int phase_order(const struct cs_pod *p)
{
    switch (p ? p->phase : CS_PHASE_PENDING) {
    case CS_PHASE_RUNNING:
        return 2;
    case CS_PHASE_UNKNOWN:
        return 1;
    case CS_PHASE_PENDING:
    case CS_PHASE_SUCCEEDED:
    case CS_PHASE_FAILED:
        break;
    }
    return 0;
}

static bool plain_ready(const struct cs_pod *p)
{
    return p && p->ready.status == CS_COND_TRUE;
}

/* Later first; none at all (0) before everything. */
static int cmp_recent_first(int64_t a, int64_t b)
{
    if (a == b)
        return 0;
    if (a == 0 || b == 0)
        return a == 0 ? -1 : 1;
    return a > b ? -1 : 1;
}

/* Criteria 1 and 2 of §5.6. */
static int cmp_assigned_phase(const struct cs_view_pod *a, const struct cs_view_pod *b)
{
    bool a_has = a->pod && a->pod->node;
    bool b_has = b->pod && b->pod->node;

    if (a_has != b_has)
        return a_has ? 1 : -1;
    return phase_order(a->pod) - phase_order(b->pod);
}

/* Criteria 7 to 9, then the name, so that the order is total and the same for everybody. */
static int cmp_ready_restarts_age(const struct cs_view_pod *a, const struct cs_view_pod *b)
{
    int c = 0;

    if (plain_ready(a->pod) && plain_ready(b->pod))
        c = cmp_recent_first(a->pod->ready.transition_ms, b->pod->ready.transition_ms);
    if (c == 0)
        c = cmp_i64(b->pod ? b->pod->max_restarts : 0, a->pod ? a->pod->max_restarts : 0);
    if (c == 0)
        c = cmp_recent_first(a->pod ? a->pod->meta.created_ms : 0, b->pod ? b->pod->meta.created_ms : 0);
    return c != 0 ? c : strcmp(a->name, b->name);
}

static int cmp_delete(const struct cs_view_pod *a, const struct cs_view_pod *b, bool in_node_group)
{
    int c;

    /* D3: what already owns its claims is half deleted and goes first. */
    if (!in_node_group && a->claims_handed != b->claims_handed)
        return a->claims_handed ? -1 : 1;
    c = cmp_assigned_phase(a, b);
    if (c == 0 && !in_node_group && a->available != b->available)
        c = a->available ? 1 : -1;
    if (c == 0 && plain_ready(a->pod) != plain_ready(b->pod))
        c = plain_ready(a->pod) ? 1 : -1;
    if (c == 0)
        c = cmp_i64(a->pod ? a->pod->deletion_cost : 0, b->pod ? b->pod->deletion_cost : 0);
    if (c == 0 && !in_node_group && a->rank != b->rank)
        c = a->rank > b->rank ? -1 : 1;
    return c != 0 ? c : cmp_ready_restarts_age(a, b);
}

static const char *node_of(const struct cs_view_pod *v)
{
    return v->pod && v->pod->node ? v->pod->node : "";
}

static int by_node(const void *x, const void *y)
{
    const struct cs_view_pod *a = *(struct cs_view_pod *const *)x;
    const struct cs_view_pod *b = *(struct cs_view_pod *const *)y;
    int c = strcmp(node_of(a), node_of(b));

    return c != 0 ? c : cmp_delete(a, b, true);
}

static int by_delete(const void *x, const void *y)
{
    return cmp_delete(*(struct cs_view_pod *const *)x, *(struct cs_view_pod *const *)y, false);
}

void cs_rank_for_delete(const struct cs_observation *o, struct cs_view_pod **group, uint32_t n)
{
    (void)o;
    if (n == 0)
        return;
    /* Within each node with c > 1 Pods the i-th of the first c-1 gets c-1-i: crowded nodes are thinned out. */
    qsort(group, n, sizeof(group[0]), by_node);
    for (uint32_t from = 0; from < n;) {
        uint32_t to = from + 1;

        while (to < n && strcmp(node_of(group[from]), node_of(group[to])) == 0)
            to++;
        for (uint32_t i = from; i < to; i++)
            group[i]->rank = *node_of(group[from]) != '\0' ? (double)(to - 1 - i) : 0;
        from = to;
    }
    qsort(group, n, sizeof(group[0]), by_delete);
}

/*
 * Half-way: marked for recreation and out of service, or taken out of service for an in-place update that has not been sent
 * yet. A marked Pod that still serves must not come before those that do not: it may have to wait for them (delete_ready_limit),
 * and at the head of the list it would end the walk of spec §6.2 for good. Updating and Updated likewise: out of service for an
 * update to a revision that is not wanted any more.
 */
static bool half_way(const struct cs_view_pod *v)
{
    return (v->specified && !v->available) || v->busy != CS_IDLE ||
           (v->pod && (v->pod->state == CS_LC_UPDATING || v->pod->state == CS_LC_UPDATED)) ||
           (v->pod && v->pod->has_inplace_gate && v->pod->inplace_ready.status == CS_COND_FALSE);
}

static int by_update(const void *x, const void *y)
{
    const struct cs_view_pod *a = *(struct cs_view_pod *const *)x;
    const struct cs_view_pod *b = *(struct cs_view_pod *const *)y;
    bool pa = a->pod && a->pod->state == CS_LC_PREPARING_UPDATE;
    bool pb = b->pod && b->pod->state == CS_LC_PREPARING_UPDATE;
    int c;

    if (half_way(a) != half_way(b))
        return half_way(a) ? -1 : 1;
    if (pa != pb)
        return pa ? -1 : 1;
    c = cmp_assigned_phase(a, b);
    if (c == 0 && plain_ready(a->pod) != plain_ready(b->pod))
        c = plain_ready(a->pod) ? 1 : -1;
    if (c == 0 && a->specified != b->specified)
        c = a->specified ? -1 : 1; /* no other one is marked instead */
    return c != 0 ? c : cmp_ready_restarts_age(a, b);
}

void cs_sort_for_update(const struct cs_observation *o, struct cs_view_pod **pods, uint32_t n)
{
    (void)o;
    if (n > 1)
        qsort(pods, n, sizeof(pods[0]), by_update);
}
