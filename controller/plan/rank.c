/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whom to delete first on scale-in (spec §5.6), whom to update first (§6.3).
 */
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "controller/plan/order.h"

static int cmp_i64(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

/* Of a Pod that is still being created nothing is known: it is Pending, without node, never ready. */
static const struct cs_pod *pod_of(const struct cs_view_pod *v)
{
    static const struct cs_pod unseen;

    return v->pod ? v->pod : &unseen;
}

static int phase_order(const struct cs_pod *p)
{
    switch (p->phase) {
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
    return p->ready.status == CS_COND_TRUE;
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
static int cmp_assigned_phase(const struct cs_pod *a, const struct cs_pod *b)
{
    if (!a->node != !b->node)
        return a->node ? 1 : -1;
    return phase_order(a) - phase_order(b);
}

/* Criteria 7 and 8. */
static int cmp_ready_time_restarts(const struct cs_pod *a, const struct cs_pod *b)
{
    int c = 0;

    if (plain_ready(a) && plain_ready(b))
        c = cmp_recent_first(a->ready.transition_ms, b->ready.transition_ms);
    return c != 0 ? c : cmp_i64(b->max_restarts, a->max_restarts);
}

/* Criterion 9, then the name. */
static int cmp_age_name(const struct cs_view_pod *a, const struct cs_view_pod *b)
{
    int c = cmp_recent_first(pod_of(a)->meta.created_ms, pod_of(b)->meta.created_ms);

    return c != 0 ? c : strcmp(a->name, b->name);
}

int cs_cmp_delete(const struct cs_view_pod *a, const struct cs_view_pod *b, unsigned with)
{
    const struct cs_pod *p = pod_of(a);
    const struct cs_pod *q = pod_of(b);
    int c = cmp_assigned_phase(p, q);

    if (c == 0 && (with & CS_BY_AVAILABLE))
        c = a->available - b->available;
    if (c == 0)
        c = plain_ready(p) - plain_ready(q);
    if (c == 0)
        c = cmp_i64(p->deletion_cost, q->deletion_cost);
    if (c == 0 && (with & CS_BY_RANK))
        c = (a->rank < b->rank) - (a->rank > b->rank);
    if (c == 0)
        c = cmp_ready_time_restarts(p, q);
    return c != 0 ? c : cmp_age_name(a, b);
}

static int by_delete(const void *x, const void *y)
{
    const struct cs_view_pod *a = *(struct cs_view_pod *const *)x;
    const struct cs_view_pod *b = *(struct cs_view_pod *const *)y;

    /* D3: what already owns its claims is half deleted and goes first. */
    if (a->claims_handed != b->claims_handed)
        return a->claims_handed ? -1 : 1;
    return cs_cmp_delete(a, b, CS_BY_AVAILABLE | CS_BY_RANK);
}

void cs_rank_for_delete(const struct cs_observation *o, struct cs_view_pod **group, uint32_t n)
{
    if (n < 2)
        return;
    cs_rank_by_node(group, n);
    if (o->set->n_topology_keys > 0)
        cs_rank_by_topology(o->set, group, n);
    qsort(group, n, sizeof(group[0]), by_delete);
}

/* ---- whom to update first ---- */

/* The criteria of §5.6 without 3, 5 and 6; one more between restarts and age. */
static int by_default(const void *x, const void *y)
{
    const struct cs_view_pod *a = *(struct cs_view_pod *const *)x;
    const struct cs_view_pod *b = *(struct cs_view_pod *const *)y;
    const struct cs_pod *p = pod_of(a);
    const struct cs_pod *q = pod_of(b);
    int c = cmp_assigned_phase(p, q);

    if (c == 0)
        c = plain_ready(p) - plain_ready(q);
    if (c == 0)
        c = b->specified - a->specified; /* no other one is marked instead */
    if (c == 0)
        c = cmp_ready_time_restarts(p, q);
    if (c == 0)
        c = q->sidecar_restarts - p->sidecar_restarts;
    return c != 0 ? c : cmp_age_name(a, b);
}

/*
 * Half-way: marked for recreation and out of service, or taken out of service for an in-place update that has not been sent
 * yet. A marked Pod that still serves does not come before those that do not: it may have to wait for them (delete_ready_limit).
 * Updating and Updated likewise: out of service for an update to a revision that is not wanted any more.
 */
static bool half_way(const struct cs_view_pod *v)
{
    return (v->specified && !v->available) ||
           (v->pod && (v->pod->state == CS_LC_UPDATING || v->pod->state == CS_LC_UPDATED)) ||
           (v->pod && v->pod->has_inplace_gate && v->pod->inplace_ready.status == CS_COND_FALSE);
}

/*
 * Whatever priorities say: half-way first, then those that wait in PreparingUpdate (§6.3, 4). Before all others what is being
 * written to: that may be its update, and another one in its place (whose grace period has ended since, say) would be one too many.
 */
static int class_of(const struct cs_view_pod *v)
{
    int place = v->busy != CS_IDLE ? 0 : half_way(v) ? 2 : 4;

    return place + (pod_of(v)->state == CS_LC_PREPARING_UPDATE ? 0 : 1);
}

static void sort_by_class(struct cs_view_pod **pods, uint32_t n)
{
    cs_autofree struct cs_view_pod **from = cs_new_array(struct cs_view_pod *, n);
    uint32_t at = 0;

    memcpy(from, pods, n * sizeof(from[0]));
    for (int k = 0; k < 6; k++)
        for (uint32_t i = 0; i < n; i++)
            if (class_of(from[i]) == k)
                pods[at++] = from[i];
}

void cs_sort_for_update(const struct cs_observation *o, struct cs_view_pod **pods, uint32_t n)
{
    if (n < 2)
        return;
    qsort(pods, n, sizeof(pods[0]), by_default);
    cs_sort_by_priority(&o->set->spec, pods, n);
    cs_scatter(o, pods, n);
    sort_by_class(pods, n);
}
