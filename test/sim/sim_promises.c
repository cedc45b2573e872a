/* SPDX-License-Identifier: Apache-2.0 */
/*
 * More of what must hold at every commit of the controller, found missing by mutants (test/mutants) that nothing noticed.
 */
#include <string.h>

#include "common/api/gvr.h"
#include "common/base/clock.h"
#include "common/base/hash.h"
#include "common/cloneset/template.h"
#include "test/sim/sim.h"

#define KNOWN_AFTER_MS                                                                                                 \
    1500 /* without faults, between what the user asked for and its being acted on; a set counts as fresh for 1 s */

#define SLOWLY_KNOWN_MS 6000 /* … and with slow requests */
#define TOLD_AFTER_MS 500 /* what a watch is behind when nothing holds it up */
#define DOUBT_MS 70000 /* so long after a create was given up it may be sent again */

/* Without faults: what the user last asked for was known when this was decided. */
bool sim_wish_is_known(const struct sim *s)
{
    return !s->sc->faults && s->spec_changed_ms < sim_sent_ms(s) - (s->sc->slow ? SLOWLY_KNOWN_MS : KNOWN_AFTER_MS);
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
 * was marked to be recreated instead of it comes back at the old one. What others deleted just before was still there for whoever
 * decided, and comes back at the old one as well. Pods that are marked already keep their place in the order (spec §6.1): a ready one
 * stands behind this one if it is not, which therefore is marked besides, and it is this one's replacement that is an old one.
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
               (!sim_annotation(p->t, CS_ANNO_RECREATE_FOR) || (sim_ready(s, p->t, 0) && !sim_ready(s, o->t, 0)));
    for (size_t i = 0; i < CS_ARRAY_LEN(s->old_left_ms); i++)
        old += s->old_left_ms[i] != 0 && s->old_left_ms[i] > sim_sent_ms(s) - TOLD_AFTER_MS;
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

/* ---- how many ---- */

/* The last of the limits that the replica has been told of, whatever else it may know. */
static size_t known_limit(const struct sim *s, const struct sim_replica *r)
{
    size_t i = s->n_limits;

    while (i > 0 && s->limits[i - 1].rv > r->set_known_rv)
        i--;
    return i > 0 ? i - 1 : 0;
}

/*
 * D12: what a predecessor sent may yet take a claim away. Whoever leads writes it once, and waits for the answer, before it makes a
 * Pod that mounts it.
 */
static void check_fenced(struct sim *s, const struct sim_req *q)
{
    cs_autojtree *pod = sim_parse(q->body);

    for (const struct sim_obj *o = s->objs; o && !sim_was_restored(s); o = o->next)
        if (o->kind == CS_K_CLAIM && o->used && sim_mounts(pod, o->name) && o->rv <= q->r->gained_rv)
            sim_fail(s, "D12: Pod %s is to take claim %s over as a predecessor left it", sim_str(pod, "metadata/name"),
                o->name);
}

/* A create in doubt is sent again, by what was known when it was sent first (D5e). */
void sim_promise_sent(struct sim *s, struct sim_req *q)
{
    struct sim_try t = {.name = cs_fnv64_1a(CS_FNV64_INIT, q->body, strlen(q->body)),
        .replica = q->r->number,
        .life = q->r->life,
        .known = known_limit(s, q->r),
        .sent_ms = s->now_ms};

    for (size_t i = 0; i < CS_ARRAY_LEN(s->tries); i++) {
        const struct sim_try *x = &s->tries[i];

        if (x->name != t.name || x->replica != t.replica || x->life != t.life || x->sent_ms < s->now_ms - DOUBT_MS)
            continue;
        q->resent = true;
        if (x->known < t.known)
            t.known = x->known;
    }
    s->tries[s->n_tries++ % CS_ARRAY_LEN(s->tries)] = t;
    q->known = t.known;
    q->told = s->spec_rv <= q->r->set_known_rv;
    check_fenced(s, q);
}

void sim_promise_note_left(struct sim *s, const struct sim_obj *pod)
{
    const struct sim_obj *set = sim_the_set(s);

    if (sim_pod_active(pod->t) && sim_is_ours(set, pod->t) && !at_target(set, pod->t) &&
        !sim_annotation(pod->t, CS_ANNO_RECREATE_FOR))
        s->old_left_ms[s->n_old_left++ % CS_ARRAY_LEN(s->old_left_ms)] = s->now_ms;
}

void sim_promise_note_gone(struct sim *s, const struct sim_obj *pod)
{
    s->gone[s->n_gone++ % CS_ARRAY_LEN(s->gone)] =
        (struct sim_try){.name = cs_fnv64_1a(CS_FNV64_INIT, pod->name, strlen(pod->name)), .sent_ms = pod->created_ms};
}

/*
 * It tries the same name for as long as the first create may land (D5e), and counts that Pod. Not when another of that name has come
 * and gone meanwhile, nor when somebody else had the name.
 */
bool sim_promise_reckoned_with(struct sim *s, const struct sim_obj *pod)
{
    const struct sim_req *q = s->current;
    uint64_t name = cs_fnv64_1a(CS_FNV64_INIT, pod->name, strlen(pod->name));

    if (pod->kind != CS_K_POD || !q || s->sc->standby || s->sc->meddles || !q->r->up || q->r->life != q->life ||
        sim_was_restored(s))
        return false;
    for (size_t i = 0; i < CS_ARRAY_LEN(s->gone); i++)
        if (s->gone[i].name == name && s->gone[i].sent_ms >= q->sent_ms)
            return false;
    return true;
}

/* ---- ids and claims that are taken over ---- */

/* D6: the name is the one thing by which a Pod is found that has lost its id. */
void sim_promise_asked(struct sim *s, const char *pod)
{
    const char *tail = strrchr(pod, '-');

    for (struct sim_obj *o = s->objs; o; o = o->next)
        if (o->kind == CS_K_CLAIM && tail && cs_streq(strrchr(o->name, '-'), tail))
            o->asked = true;
}

/* D4, D6: somebody else's, or one that has lost its id. No watch shows it, nor that it goes. */
void sim_promise_told(struct sim *s, const struct sim_obj *o)
{
    const char *tail = strrchr(o->name, '-');

    if ((o->kind != CS_K_POD && o->kind != CS_K_CLAIM) || sim_label(o->t, CS_LABEL_INSTANCE_ID))
        return;
    for (struct sim_obj *c = s->objs; c; c = c->next)
        if (c->kind == CS_K_CLAIM && tail && cs_streq(strrchr(c->name, '-'), tail))
            c->contested_ms = s->now_ms;
}

void sim_promise_new_pod(struct sim *s, const struct sim_obj *pod, bool late)
{
    const struct sim_obj *set = sim_the_set(s);

    late = late || s->current->resent;
    if (!late && set && s->current->told && sim_named_for_delete(set->t, pod->name))
        sim_fail(s, "D16: Pod %s is made while podsToDelete has its name", pod->name);
    for (struct sim_obj *o = s->objs; o; o = o->next) {
        if (o->kind != CS_K_CLAIM || !sim_mounts(pod->t, o->name))
            continue;
        if (!late && o->used && !o->asked)
            sim_fail(s, "D6: Pod %s takes claim %s over, and nobody asked whether there is one", pod->name, o->name);
        o->used = true;
        o->asked = false;
    }
}

/* Spec §4.6: without faults, what was made for a Pod to come stays for as long as Pods are missing. */
void sim_promise_claim_deleted(struct sim *s, const struct sim_obj *claim)
{
    if (s->sc->faults || claim->used || !sim_wish_is_known(s) || s->claims_meddled_ms > claim->created_ms)
        return;
    for (size_t i = s->n_samples; i-- > 0;) {
        if (s->samples[i].pods >= s->samples[i].replicas)
            return;
        if (s->samples[i].from_ms < claim->created_ms)
            break;
    }
    sim_fail(s, "claim %s is deleted before its Pod has come", claim->name);
}

/* ---- every write names what it was decided on ---- */

/*
 * A JSON Patch tests what it depends on, and what the controller does about a set or a revision may follow whatever became of it; all
 * else names a version that its sender had seen.
 */
void sim_promise_guarded(struct sim *s, const struct sim_req *q, const struct sim_obj *o)
{
    if ((o->kind == CS_K_POD || o->kind == CS_K_CLAIM) && q->verb != CS_VERB_PATCH_JSON && !sim_was_restored(s) &&
        o->rv > q->sent_rv)
        sim_fail(s, "request %llu was sent before %s changed, and takes effect all the same", (unsigned long long)q->id,
            o->name);
}

/* ---- revisions ---- */

void sim_promise_note_revision(struct sim *s, const struct sim_obj *o, const struct cs_jtree *after)
{
    struct sim_obj *p = sim_by_serial(s, o->serial);

    if (p && !cs_streq(sim_label(o->t, CS_LABEL_REVISION), sim_label(after, CS_LABEL_REVISION)))
        p->carries_ms = sim_is_late(s) ? INT64_MAX : s->now_ms;
}

/* Spec §4.3: what a Pod carries is not cleaned up. */
void sim_promise_revision_deleted(struct sim *s, const struct sim_obj *rev)
{
    if (sim_was_restored(s))
        return;
    for (const struct sim_obj *p = s->objs; p; p = p->next)
        if (p->kind == CS_K_POD && sim_is_ours(sim_the_set(s), p->t) && sim_pod_active(p->t) && !p->late &&
            p->meddled_ms == 0 && p->returned_ms == 0 && p->created_ms < sim_sent_ms(s) - KNOWN_AFTER_MS &&
            p->carries_ms < sim_sent_ms(s) - KNOWN_AFTER_MS &&
            cs_revision_same(sim_label(p->t, CS_LABEL_REVISION), rev->name))
            sim_fail(s, "revision %s is deleted, and Pod %s carries it", rev->name, p->name);
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
