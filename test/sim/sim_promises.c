/* SPDX-License-Identifier: Apache-2.0 */
/*
 * More of what must hold at every commit of the controller, found missing by mutants (test/mutants) that nothing noticed.
 */
#include "common/api/gvr.h"
#include "common/base/clock.h"
#include "common/cloneset/template.h"
#include "test/sim/sim.h"

#define KNOWN_AFTER_MS                                                                                                 \
    1500 /* without faults, between what the user asked for and its being acted on; a set counts as fresh for 1 s */

/* Without faults: what the user last asked for was known when this was decided. */
bool sim_wish_is_known(const struct sim *s)
{
    return !s->sc->faults && s->spec_changed_ms < sim_sent_ms(s) - KNOWN_AFTER_MS;
}

static bool at_target(const struct sim_obj *set, const struct cs_jtree *pod)
{
    const char *target = sim_str(set->t, "status/updateRevision");

    return target && cs_revision_same(sim_label(pod, CS_LABEL_REVISION), target);
}

/* ---- Pods ---- */

/* D8: what was marked for an update that the user has taken back stays. */
static void check_mark_stands(struct sim *s, const struct sim_obj *set, const struct sim_obj *o)
{
    if (sim_wish_is_known(s) && sim_annotation(o->t, CS_ANNO_RECREATE_FOR) && at_target(set, o->t) &&
        !sim_named_for_delete(set->t, o->name))
        sim_fail(s, "D8: Pod %s is deleted by our mark, but its revision is wanted again", o->name);
}

void sim_promise_delete(struct sim *s, const struct sim_obj *o)
{
    const struct sim_obj *set = sim_the_set(s);

    if (!set || !sim_pod_active(o->t))
        return;
    check_mark_stands(s, set, o);
}

/* Spec §6.7 */
static void check_grace(struct sim *s, const struct sim_obj *o)
{
    const char *grace_text = sim_annotation(o->t, CS_ANNO_INPLACE_GRACE);
    const char *state_text = sim_annotation(o->t, CS_ANNO_INPLACE_STATE);
    cs_autojtree *grace = grace_text ? sim_parse(grace_text) : NULL;
    cs_autojtree *state = state_text ? sim_parse(state_text) : NULL;
    const char *since = state ? sim_str(state, "updateTimestamp") : NULL;
    int64_t since_ms;

    if (s->trouble.counts[SIM_F_CLOCK] > 0)
        return; /* who wrote the time may have another one */
    if (grace && since && cs_rfc3339_parse(cs_str(since), &since_ms) &&
        cs_clock_wall_ms(&s->clock) < since_ms + sim_int(grace, "graceSeconds", 0) * 1000)
        sim_fail(s, "the image of Pod %s changes before its grace period is over", o->name);
}

/* Spec §6.1: a Pod begins an update; one that was begun may be ended. */
static void check_begins(struct sim *s, const struct sim_obj *set, const struct sim_obj *o)
{
    const char *type = sim_str(set->t, "spec/updateStrategy/type");

    if (!sim_wish_is_known(s))
        return;
    if (cs_jtree_is(sim_get(set->t, "spec/updateStrategy/paused"), CS_J_TRUE))
        sim_fail(s, "Pod %s is updated, but the set is paused", o->name);
    if (cs_streq(type, "OnDelete"))
        sim_fail(s, "Pod %s is updated, but the strategy is OnDelete", o->name);
}

/*
 * Spec §5.2: so many of the Pods stay at their old revision. One that is out of service for an update goes on to a new target: what
 * was marked to be recreated instead of it comes back at the old one.
 */
static void check_partition(struct sim *s, const struct sim_obj *set, const struct sim_obj *o)
{
    int64_t partition = sim_int(set->t, "spec/updateStrategy/partition", 0);
    int64_t old = 0;

    if (!sim_wish_is_known(s) || at_target(set, o->t) ||
        cs_streq(sim_label(o->t, CS_LABEL_LIFECYCLE_STATE), "Updating"))
        return;
    for (const struct sim_obj *p = s->objs; p; p = p->next)
        old += p != o && p->kind == CS_K_POD && sim_pod_active(p->t) && !at_target(set, p->t) &&
               !sim_annotation(p->t, CS_ANNO_RECREATE_FOR);
    if (old < partition)
        sim_fail(s, "the update of Pod %s leaves %lld at the old revision; partition %lld", o->name, (long long)old,
            (long long)partition);
}

void sim_promise_pod(struct sim *s, const struct sim_obj *o, const struct cs_jtree *after, bool image)
{
    const struct sim_obj *set = sim_the_set(s);
    bool marked = sim_annotation(after, CS_ANNO_RECREATE_FOR) && !sim_annotation(o->t, CS_ANNO_RECREATE_FOR);
    bool relabelled = !cs_streq(sim_label(o->t, CS_LABEL_REVISION), sim_label(after, CS_LABEL_REVISION));

    if (image)
        check_grace(s, o);
    if (set && (marked || relabelled)) {
        check_begins(s, set, o);
        check_partition(s, set, o);
    }
}

/* ---- the set ---- */

/* D16: the controller strikes no name whose Pod is there. */
void sim_promise_strike(struct sim *s, const struct sim_obj *o, const struct cs_jtree *after)
{
    const struct cs_jtree *was = sim_get(o->t, "spec/scaleStrategy/podsToDelete");

    for (const struct cs_jtree *n = cs_jtree_is(was, CS_J_ARRAY) ? cs_jtree_first(was) : NULL; n;
         n = cs_jtree_next(n)) {
        const struct sim_obj *p = sim_find(s, CS_K_POD, cs_jtree_str(n));

        if (p && sim_pod_active(p->t) && sim_is_ours(o, p->t) && p->meddled_ms == 0 &&
            !sim_named_for_delete(after, p->name) && !s->orphan_creates)
            sim_fail(s, "%s is struck from podsToDelete while its Pod is there", p->name);
    }
}
