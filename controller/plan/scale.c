/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Deleting Pods, with their claims (spec §5.1, §5.5, §5.6, §4.6; D1, D3, D4). Creating is create.c's.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "controller/plan/lifecycle.h"

bool cs_plan_hand_over(struct cs_planner *pl, const struct cs_view_pod *v, const char *why)
{
    bool pending = false;

    for (uint32_t k = 0; k < v->claim_n; k++) {
        struct cs_view_claim *c = &pl->o->claims[v->claim_at + k];
        struct cs_action *a;

        if (c->busy != CS_IDLE || c->planned) {
            pending = true;
            continue;
        }
        if (!cs_plan_claim_is_sets(pl, c))
            continue;
        pending = true;
        a = cs_plan_add_destructive(pl, CS_ACT_HAND_OVER, why);
        if (a) {
            a->claim = c->claim;
            a->pod = v->pod;
            c->planned = true;
        }
    }
    return pending;
}

bool cs_plan_hand_back(struct cs_planner *pl, const struct cs_view_pod *v, const char *why)
{
    bool pending = false;

    for (uint32_t k = 0; k < v->claim_n; k++) {
        struct cs_view_claim *c = &pl->o->claims[v->claim_at + k];
        struct cs_action *a;

        if (c->busy != CS_IDLE || c->planned) {
            pending = true; /* it may just be on its way to the Pod */
            continue;
        }
        if (c->foreign || !cs_plan_claim_is_pods(c, v->pod))
            continue;
        pending = true;
        a = cs_plan_add(pl, CS_ACT_HAND_BACK, why);
        a->claim = c->claim;
        a->pod = v->pod;
        c->planned = true;
    }
    return pending;
}

/* Claims that stand between the Pod and its deletion, on their way to where they belong. */
static bool claims_pending(struct cs_planner *pl, const struct cs_view_pod *v)
{
    if (v->pod->keep_claims)
        return cs_plan_hand_back(pl, v, "its Pod is labelled to leave its claims behind");
    return cs_plan_hand_over(pl, v, "its Pod is about to be deleted");
}

void cs_plan_delete_pod(struct cs_planner *pl, struct cs_view_pod *v, const char *why)
{
    struct cs_action *a;

    if (v->busy == CS_IDLE && v->pod && cs_hooked(&pl->o->set->spec.pre_delete, v->pod)) {
        cs_plan_prepare_delete(pl, v, why);
        return;
    }
    v->chosen = v->doomed = true;
    pl->scaled = true;
    if (v->busy != CS_IDLE || !v->pod || claims_pending(pl, v))
        return;
    a = cs_plan_add_destructive(pl, CS_ACT_DELETE_POD, why);
    if (a)
        a->pod = v->pod;
}

bool cs_plan_claims_outlast(const struct cs_view_pod *v)
{
    return v->pod->keep_claims || (!cs_pod_terminating(v->pod) && !v->specified);
}

void cs_plan_finished(struct cs_planner *pl)
{
    if (!pl->has_claims && pl->o->n_claims == 0)
        return;
    for (uint32_t i = 0; i < pl->o->n_pods; i++) {
        struct cs_view_pod *v = &pl->o->pods[i];
        struct cs_action *a;

        if (!v->pod || cs_pod_active(v->pod) || cs_pod_terminating(v->pod) || v->busy != CS_IDLE)
            continue;
        if (!cs_meta_has_owner_uid(&v->pod->meta, pl->o->set->meta.uid))
            continue; /* its name is one of ours, it is not */
        if (!pl->has_claims && v->claim_n == 0)
            continue;
        if (pl->o->set->spec.disable_pvc_reuse)
            continue; /* nobody waits for its id: it stays (spec §4.7), and its claims with it */
        if (cs_plan_claims_outlast(v) && cs_plan_hand_back(pl, v, "its Pod has finished and they outlast it"))
            continue;
        /* The claims stay the set's: the next Pod takes id and claims over (D1). */
        a = cs_plan_add_destructive(pl, CS_ACT_DELETE_POD, "it has finished and holds id and claims");
        if (a)
            a->pod = v->pod;
    }
}

/* The limit of spec §5.2 counts it as if it were of use; but it is not available, and on its way out. */
static bool is_dead_weight(const struct cs_view_pod *v)
{
    return v->specified && !v->pre_delete && !v->available;
}

/*
 * What has used up the limit of this pass already: ready Pods that a request under way may take out of service (a DELETE, a
 * gate), and Pods asked to go that are not available: with them gone there are fewer than the limit was made of, and ready ones
 * deleted on their account would be missed (issue 4: never more unavailable than allowed).
 */
static int32_t limit_used(const struct cs_planner *pl)
{
    int32_t n = 0;

    for (uint32_t i = 0; i < pl->o->n_pods; i++) {
        const struct cs_view_pod *v = &pl->o->pods[i];

        n += v->ours && (is_dead_weight(v) || (v->busy != CS_IDLE && v->busy != CS_BUSY_CREATE && v->ready));
    }
    return n;
}

/* Deletes of a list what may go: not ready all, ready up to *limit. */
static void delete_within(struct cs_planner *pl, struct cs_view_pod **list, uint32_t n, int32_t *limit, const char *why)
{
    for (uint32_t i = 0; i < n; i++) {
        struct cs_view_pod *v = list[i];

        v->doomed = true; /* if not in this pass, then in a later one */
        if (v->busy == CS_BUSY_DELETE)
            continue;
        if (v->ready) {
            int32_t own = is_dead_weight(v) ? 1 : 0; /* used up by itself */

            if (*limit + own <= 0) {
                pl->held_back = true;
                continue;
            }
            *limit -= 1 - own;
        }
        cs_plan_delete_pod(pl, v, why);
    }
}

static const char *delete_reason(const struct cs_view_pod *v)
{
    return v->marked ? "recreate update" : "asked for by podsToDelete or label";
}

static void delete_specified(struct cs_planner *pl, struct cs_view_pod **list, int32_t *limit)
{
    uint32_t n = 0;

    /* Half deleted first (D3), then by name: the same for everybody. */
    for (int handed = 1; handed >= 0; handed--)
        for (uint32_t i = 0; i < pl->o->n_pods; i++) {
            struct cs_view_pod *v = &pl->o->pods[i];

            if (v->ours && v->specified && !v->pre_delete && v->claims_handed == (handed == 1))
                list[n++] = v;
        }
    for (uint32_t i = 0; i < n; i++)
        delete_within(pl, &list[i], 1, limit, delete_reason(list[i]));
}

static uint32_t pick_group(struct cs_planner *pl, struct cs_view_pod **list, bool is_new)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < pl->o->n_pods; i++) {
        struct cs_view_pod *v = &pl->o->pods[i];

        if (v->ours && v->scales_as_new == is_new && !v->specified && !v->pre_delete)
            list[n++] = v;
    }
    cs_rank_for_delete(pl->o, list, n);
    return n;
}

/* Creates whose answer is not there: each may come to nothing, in doubt (D5e) after a server was restored above all. */
static int32_t coming(const struct cs_planner *pl)
{
    int32_t n = 0;

    for (uint32_t i = 0; i < pl->o->n_pods; i++)
        n += pl->o->pods[i].ours && pl->o->pods[i].busy == CS_BUSY_CREATE;
    return n;
}

/* Spec §5.6: old ones first as far as scaleDownOld says. No Pod goes, with its claims, on account of one that may never be. */
static void scale_in(struct cs_planner *pl, struct cs_view_pod **list, int32_t *limit)
{
    int32_t a = pl->numbers.scale_down - coming(pl);
    int32_t from_old = pl->numbers.scale_down_old < a ? pl->numbers.scale_down_old : a;
    uint32_t n;

    if (a <= 0)
        return;
    n = pick_group(pl, list, false);
    if ((uint32_t)from_old > n)
        from_old = (int32_t)n;
    delete_within(pl, list, (uint32_t)from_old, limit, "scale-in");
    n = pick_group(pl, list, true);
    a -= from_old;
    delete_within(pl, list, (uint32_t)a < n ? (uint32_t)a : n, limit, "scale-in");
}

/* D3: a Pod that is wanted after all gets its claims back to the set. */
static void hand_back(struct cs_planner *pl)
{
    for (uint32_t i = 0; i < pl->o->n_pods; i++) {
        struct cs_view_pod *v = &pl->o->pods[i];

        if (!v->ours || !v->claims_handed || v->specified || v->pre_delete || v->doomed || v->busy == CS_BUSY_DELETE)
            continue;
        (void)cs_plan_hand_back(pl, v, "its Pod stays");
    }
}

/* Asked for and not yet sent. A DELETE under way is no reason to wait: it is in the numbers already. */
static bool deletions_waiting(const struct cs_planner *pl)
{
    for (uint32_t i = 0; i < pl->o->n_pods; i++) {
        const struct cs_view_pod *v = &pl->o->pods[i];

        if (v->ours && v->busy != CS_BUSY_DELETE && v->specified && !v->pre_delete)
            return true;
    }
    return false;
}

/* With a preDelete hook: a write under way may be bringing a Pod to PreparingDelete, and another would be chosen instead. */
static bool choice_open(const struct cs_planner *pl)
{
    for (uint32_t i = 0; pl->o->set->spec.pre_delete.present && i < pl->o->n_pods; i++) {
        const struct cs_view_pod *v = &pl->o->pods[i];

        if (v->ours && !v->pre_delete && (v->busy == CS_BUSY_PATCH || v->busy == CS_BUSY_READ))
            return true;
    }
    return false;
}

/*
 * Pods in PreparingDelete are a part of the scale-in (unless they are not counted at all), and what their hooks hold does not
 * keep the others: more Pods than one pass can send requests for would otherwise wait for the first few to be gone.
 */
static void leave_out_prepared(struct cs_planner *pl)
{
    struct cs_numbers *d = &pl->numbers;

    if (pl->limits.exclude_preparing)
        return;
    d->scale_down -= pl->counts.pre_del_new + pl->counts.pre_del_old;
    d->scale_down_old -= pl->counts.pre_del_old;
    if (d->scale_down < 0)
        d->scale_down = 0;
    if (d->scale_down_old < 0)
        d->scale_down_old = 0;
}

/* Deletes the Pods that their preDelete hook has released. */
static void delete_prepared(struct cs_planner *pl)
{
    for (uint32_t i = 0; i < pl->o->n_pods; i++)
        if (pl->o->pods[i].ours && pl->o->pods[i].pre_delete)
            cs_plan_delete_pod(pl, &pl->o->pods[i], "its preDelete hook has released it");
}

/* A quota, say, that they take up. */
static bool creation_fails(const struct cs_planner *pl)
{
    return pl->o->trouble.scale_error && *pl->o->trouble.scale_error;
}

void cs_plan_scale(struct cs_planner *pl)
{
    const struct cs_numbers *d = &pl->numbers;
    cs_autofree struct cs_view_pod **list = cs_new_array(struct cs_view_pod *, pl->o->n_pods + 1);
    int32_t limit = d->delete_ready_limit - limit_used(pl);

    if (cs_plan_regret(pl)) {
        hand_back(pl);
        return;
    }
    if (d->scale_up > d->scale_up_limit)
        cs_plan_note(pl, true, "ScaleUpLimited", "",
            "scaleUp is limited because of scaleStrategy.maxUnavailable, limit: %d", d->scale_up_limit);
    if (d->scale_up > 0) { /* nothing is deleted in the same pass (spec §5.1 step 5) */
        if (d->scale_up_limit > 0)
            cs_plan_create(pl);
        if (!pl->scaled || creation_fails(pl))
            delete_prepared(pl); /* they may be what creation waits for */
    } else {
        delete_prepared(pl);
        delete_specified(pl, list, &limit);
        leave_out_prepared(pl);
        if (d->scale_down > 0 && deletions_waiting(pl))
            return; /* spec §5.1 step 8; who goes is open, so nothing is handed back either */
        if (d->scale_down > 0 && choice_open(pl)) {
            pl->scaled = true;
            return;
        }
        if (d->scale_down > 0)
            scale_in(pl, list, &limit);
    }
    hand_back(pl);
}
