/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Pods' own housekeeping, whatever the strategy says (spec §6.1 step 1, §6.6 D–F, §6.7, §6.8): the readiness gate, the
 * lifecycle state, the end of grace periods. And the status counters (§7.1).
 */
#include "controller/plan/lifecycle.h"

/*
 * A time that lies so far ahead was written before a clock was set back: waiting for it could take hours, with the Pod out of
 * service. Smaller differences are those between the clocks of two leaders.
 */
#define CLOCK_SKEW_MS 60000
#define FIRST_STATUS_MS 6000 /* after it was bound; only the second is known */

/* Spec §6.7: nothing else is examined while the grace annotation exists. */
static void refresh_grace(struct cs_planner *pl, struct cs_view_pod *v)
{
    struct cs_inplace_grace g;
    struct cs_inplace_state s;
    struct cs_action *a = NULL;
    int64_t due;

    cs_inplace_grace_parse(v->pod->inplace_grace, &g);
    cs_inplace_state_parse(v->pod->inplace_state, &s);
    due = s.updated_ms + g.grace_s * 1000;
    if (!g.valid || !cs_revision_same(v->revision, g.revision)) {
        a = cs_plan_add(pl, CS_ACT_GRACE_DROP, "its revision has moved on");
    } else if (v->pod->has_inplace_gate && v->pod->inplace_ready.status != CS_COND_FALSE) {
        /* somebody has opened it: the change tests that it is closed, and would be refused again and again */
        a = cs_plan_add(pl, CS_ACT_GATE_OFF, "out of service for its grace period");
    } else if (s.valid && pl->o->now_ms < due && s.updated_ms <= pl->o->now_ms + CLOCK_SKEW_MS) {
        cs_plan_requeue_at(pl, due);
    } else {
        const struct cs_view_revision *target = cs_plan_revision_of(pl, g.revision);

        a = cs_plan_add(pl, CS_ACT_GRACE_APPLY, "its grace period is over");
        a->revision = target ? target->rev : NULL;
    }
    if (a)
        a->pod = v->pod;
    cs_inplace_grace_done(&g);
    cs_inplace_state_done(&s);
}

static bool is_complete(struct cs_planner *pl, const struct cs_pod *p)
{
    int64_t stands_at;

    if (cs_inplace_complete(p))
        return true;
    stands_at = cs_inplace_stands_at_ms(p);
    if (stands_at > 0 && pl->o->now_ms < stands_at)
        cs_plan_requeue_at(pl, stands_at);
    return stands_at > 0 && pl->o->now_ms >= stands_at;
}

/*
 * A bound Pod's kubelet writes its first status in the same moment in which we would write the gate, and one of the two would be
 * refused for it (D14 says what each request costs). Without its Ready condition the Pod serves nobody yet, so that nothing is lost by
 * letting it go first; but it may be one that waits for us.
 */
static bool is_reported(struct cs_planner *pl, const struct cs_pod *p)
{
    int64_t bound_ms =
        p->scheduled.transition_ms > p->meta.created_ms ? p->scheduled.transition_ms : p->meta.created_ms;
    int64_t until = bound_ms + FIRST_STATUS_MS;

    if (p->ready.index >= 0 || pl->o->now_ms >= until || bound_ms > pl->o->now_ms + CLOCK_SKEW_MS)
        return true;
    cs_plan_requeue_at(pl, until);
    return false;
}

static void refresh_pod(struct cs_planner *pl, struct cs_view_pod *v)
{
    const struct cs_pod *p = v->pod;
    bool gate_open = p->inplace_ready.status == CS_COND_TRUE && p->inplace_ready.plain;
    bool gate_due = p->has_inplace_gate && !gate_open && p->node;
    bool kruise_due = p->has_kruise_gate && p->kruise_ready.status == CS_COND_ABSENT && p->node;
    bool complete = !gate_due && p->state != CS_LC_UPDATING ? true : is_complete(pl, p);
    enum cs_lifecycle state = cs_lifecycle_next(pl, v, complete);
    unsigned stale = cs_ready_keys_stale(p, state != CS_LC_NONE ? state : p->state);
    struct cs_action *a;

    if ((gate_due || kruise_due) && !is_reported(pl, p))
        return;
    gate_due = gate_due && complete;
    if (!gate_due && state == CS_LC_NONE && p->has_template_hash && stale == 0 && !kruise_due)
        return;
    a = cs_plan_add(pl, CS_ACT_REFRESH, gate_due ? "in service" : "housekeeping");
    a->pod = p;
    a->gate_true = gate_due;
    a->state = state;
    a->template_hash = !p->has_template_hash;
    a->kruise_true = kruise_due;
    a->keys_drop = stale;
}

void cs_plan_refresh(struct cs_planner *pl)
{
    for (uint32_t i = 0; i < pl->o->n_pods; i++) {
        struct cs_view_pod *v = &pl->o->pods[i];

        cs_plan_fetch_ahead(pl->o, i);
        if (!v->ours || !v->pod || v->busy != CS_IDLE || v->chosen)
            continue;
        if (v->pod->inplace_grace)
            refresh_grace(pl, v);
        else if (!cs_plan_resize(pl, v))
            refresh_pod(pl, v);
    }
}

static void count_status(struct cs_planner *pl, const struct cs_view_pod *v, struct cs_status_plan *st)
{
    bool ready = cs_pod_update_ready(v->pod, 0, pl->o->now_ms);

    st->replicas++;
    st->ready += ready;
    st->available += v->available;
    if (v->is_new) {
        st->updated++;
        st->updated_ready += ready;
        st->updated_available += v->available;
    }
}

void cs_plan_status(struct cs_planner *pl)
{
    struct cs_status_plan *st = &pl->p->status;

    for (uint32_t i = 0; i < pl->o->n_pods; i++) {
        const struct cs_view_pod *v = &pl->o->pods[i];

        if (v->pod && v->ours)
            count_status(pl, v, st);
        else if (v->pod && cs_pod_terminating(v->pod))
            st->terminating++;
    }
    st->expected_updated = pl->limits.bad_partition ? 0 : pl->limits.n - pl->limits.partition; /* spec §7.1 */
    st->update_revision = pl->update->rev->meta.name;
    /* Spec §7.2: readiness is not asked for. */
    st->current_revision =
        st->updated == st->replicas && st->replicas == pl->limits.n ? st->update_revision : pl->current->rev->meta.name;
    pl->p->have_status = true;
}
