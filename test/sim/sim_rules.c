/* SPDX-License-Identifier: Apache-2.0 */
/*
 * More of what must hold at every commit: the decisions D1 to D8 by name, the availability that the strategy promises, and
 * that nothing of anybody else is touched. Where the controller may have decided on an older state, the samples of the window
 * say what it may have seen.
 */
#include <string.h>

#include "common/api/gvr.h"
#include "common/base/alloc.h"
#include "test/sim/sim.h"

#define NODE_LOST_MS 30000 /* D1 */
#define FLIP_MS 2000 /* for a kubelet to notice */
#define JUST_MS 500 /* what a watch is behind when nothing holds it up */
#define ANSWERED_MS 100 /* what was read so long ago is known, unless the answer got lost */

/* ---- samples ---- */

/* The least, or else the most, that the controller may have read. */
static int64_t bound_of_min_ready(struct sim *s, bool least)
{
    int64_t found = least ? INT64_MAX : 0;

    for (size_t i = s->n_limits; i-- > 0;) {
        int64_t one = s->limits[i].min_ready_s;

        found = least ? (one < found ? one : found) : (one > found ? one : found);
        if (s->limits[i].from_ms < sim_window_begin(s))
            break;
    }
    return s->n_limits > 0 ? found : 0;
}

/* D4: the claim is the set's beyond doubt. */
static bool clean_claim(const struct sim_obj *set, const struct sim_obj *claim, const char *id)
{
    cs_autofree char *tail = cs_xasprintf("-" SIM_SET "-%s", id ? id : "");
    size_t len = strlen(claim->name);
    size_t n = strlen(tail);

    return id && len > n && strcmp(claim->name + len - n, tail) == 0 &&
           cs_streq(sim_controller_of(claim->t), set->uid) && !sim_str(claim->t, "metadata/deletionTimestamp");
}

/* D1: the replacement of a Pod that is Terminating does not wait for its id once the node is lost. */
static bool is_lost(struct sim *s, const struct sim_obj *pod)
{
    const char *node = sim_str(pod->t, "spec/nodeName");
    const struct sim_obj *n = node ? sim_find(s, CS_K_NODE, node) : NULL;
    int64_t deleted = 0;

    if (!sim_str(pod->t, "metadata/deletionTimestamp") || !node)
        return false;
    (void)cs_rfc3339_parse(cs_str(sim_str(pod->t, "metadata/deletionTimestamp")), &deleted);
    return cs_clock_wall_ms(&s->clock) >= deleted + NODE_LOST_MS &&
           (!n || !cs_streq(sim_condition(n->t, "Ready"), "True"));
}

/* The id of this claim waits for a Pod, or for the one that has it to go: nobody else's object is in the way. */
static bool holds_id(struct sim *s, const struct sim_obj *set, const struct sim_obj *claim)
{
    const char *id = sim_label(claim->t, CS_LABEL_INSTANCE_ID);
    cs_autofree char *pod_name = cs_xasprintf(SIM_SET "-%s", id ? id : "");
    cs_autofree char *tail = cs_xasprintf("-" SIM_SET "-%s", id ? id : "");

    if (claim->meddled_ms != 0 || !clean_claim(set, claim, id) || sim_named_for_delete(set->t, pod_name))
        return false;
    for (const struct sim_obj *o = s->objs; o; o = o->next) {
        if (o->kind == CS_K_CLAIM && o != claim && strlen(o->name) > strlen(tail) &&
            strcmp(o->name + strlen(o->name) - strlen(tail), tail) == 0) {
            if (!clean_claim(set, o, id) || !cs_streq(sim_label(o->t, CS_LABEL_INSTANCE_ID), id))
                return false; /* D4: what has lost its label is left alone, and its name is taken */
            if (o->serial < claim->serial)
                return false; /* one of several claims speaks for the id */
        }
        if (o->kind != CS_K_POD)
            continue;
        if (strcmp(o->name, pod_name) == 0
                ? !sim_is_ours(set, o->t) || sim_pod_active(o->t) || is_lost(s, o) || o->meddled_ms != 0
                : cs_streq(sim_label(o->t, CS_LABEL_INSTANCE_ID), id) || sim_mounts(o->t, claim->name))
            return false;
    }
    return true;
}

/*
 * Its gate was closed and opened again at once, the update having been taken back: the kubelet's answer to the first may come after
 * the second, and until it does the Pod counts as in service.
 */
static bool gate_flips(const struct sim *s, const struct sim_obj *pod)
{
    return pod->gate_off_ms > s->now_ms - FLIP_MS && cs_streq(sim_condition(pod->t, CS_COND_INPLACE_READY), "True");
}

void sim_rules_sample(struct sim *s, const struct sim_obj *set, struct sim_sample *x)
{
    int64_t min_ready = bound_of_min_ready(s, true);

    for (struct sim_obj *o = s->objs; o; o = o->next) {
        if (o->kind == CS_K_CLAIM && s->sc->claims)
            x->held += holds_id(s, set, o);
        if (o->kind != CS_K_POD || !sim_pod_active(o->t) || !sim_is_ours(set, o->t))
            continue;
        bool available = sim_available(s, o->t, min_ready) || gate_flips(s, o);
        bool going = sim_label(o->t, CS_LABEL_SPECIFIED_DELETE) || sim_named_for_delete(set->t, o->name);

        if (available != (o->available_ms != 0))
            o->available_ms = available ? s->now_ms : 0;
        x->available += available;
        x->kept += available || (going && !cs_streq(sim_label(o->t, CS_LABEL_LIFECYCLE_STATE), "PreparingDelete"));
    }
    x->taken = s->n_takes;
    x->fresh = s->fresh;
    x->let_go = s->let_go;
}

/* ---- availability ---- */

static int64_t least_floor(struct sim *s)
{
    int64_t least = INT64_MAX;

    for (size_t i = s->n_limits; i-- > 0;) {
        least = s->limits[i].floor < least ? s->limits[i].floor : least;
        if (s->limits[i].from_ms < sim_window_begin(s))
            break;
    }
    return s->n_limits > 0 ? least : 0;
}

/* Others that are available, and were not so before that time: the controller may know of these and not yet of losses. */
static int64_t newly_available(struct sim *s, const struct sim_obj *pod, int64_t since_ms)
{
    int64_t n = 0;

    for (const struct sim_obj *o = s->objs; o; o = o->next)
        n += o != pod && o->kind == CS_K_POD && o->available_ms > since_ms;
    return n;
}

/*
 * So many Pods has the controller taken out of service since. One that came back meanwhile and was taken again counts once: by what it
 * knows of that Pod, from its own writes, and of others, from a watch that may stand still, no more than one is out of service.
 */
static int64_t taken_since(const struct sim *s, const struct sim_sample *x)
{
    int64_t n = 0;

    for (size_t i = x->taken; i < s->n_takes; i++)
        n += s->takes[i].before <= x->taken;
    return n;
}

static void note_taken(struct sim *s, const struct sim_obj *pod)
{
    struct sim_take t = {.pod = pod->serial};

    for (size_t i = 0; i < s->n_takes; i++)
        if (s->takes[i].pod == t.pod)
            t.before = i + 1;
    cs_grow(s->takes, s->n_takes, s->cap_takes);
    s->takes[s->n_takes++] = t;
}

/*
 * Spec §5.2, §6.2: an available Pod is taken out of service only if, by what the controller may have seen, as many others stay
 * as the strategy promises. Deletions count what is to go anyway as there, as deleteReadyLimit does. A request that lands
 * after it was given up is not judged: it was within the bounds when it was sent. Nor is a Pod that has just become available:
 * when this was decided it could be seen out of service still, and what is so may be updated or deleted for nothing. The same holds for
 * one that a minReadySeconds, set in the meantime, makes unavailable again.
 */
void sim_rules_leaves(struct sim *s, const struct sim_obj *pod, bool deleted)
{
    int64_t floor = least_floor(s);
    int64_t most = INT64_MIN;

    if (sim_is_late(s) || !sim_is_ours(sim_the_set(s), pod->t) ||
        !sim_available(s, pod->t, bound_of_min_ready(s, false)))
        return;
    if (pod->available_ms > sim_sent_ms(s) - JUST_MS)
        return;
    sim_check_state(s);
    for (size_t i = s->n_samples; i-- > 0;) {
        const struct sim_sample *x = &s->samples[i];
        bool counted = pod->available_ms != 0 && pod->available_ms <= x->from_ms;
        int64_t left =
            (deleted ? x->kept : x->available) - taken_since(s, x) - counted + newly_available(s, pod, x->from_ms);

        most = left > most ? left : most;
        if (x->from_ms < sim_window_begin(s))
            break;
    }
    if (most < floor)
        sim_fail(s, "Pod %s is %s with at most %lld others in service, but the strategy promises %lld", pod->name,
            deleted ? "deleted" : "taken out of service", (long long)most, (long long)floor);
    note_taken(s, pod);
}

/* ---- D1: an id that waits for a Pod comes before a new one ---- */

static bool id_is_new(struct sim *s, const struct sim_obj *claim, const char *id)
{
    for (const struct sim_obj *o = s->objs; o; o = o->next)
        if (o != claim && (o->kind == CS_K_POD || o->kind == CS_K_CLAIM) &&
            cs_streq(sim_label(o->t, CS_LABEL_INSTANCE_ID), id))
            return false;
    return true;
}

/*
 * The Pod is deleted by the controller and its claims go along: no id waits for it. Whoever deletes it knows that at once, though what
 * others did in the same instant (a node that came back or went, and the ids that wait on its account) may take a while to be told.
 */
void sim_rules_let_go(struct sim *s, const struct sim_obj *pod)
{
    const struct sim_obj *set = sim_the_set(s);
    const char *id = sim_label(pod->t, CS_LABEL_INSTANCE_ID);

    if (!sim_is_ours(set, pod->t) || !sim_pod_active(pod->t) || pod->returned_ms != 0)
        return; /* not one that every sample since it came counts */
    for (const struct sim_obj *c = s->objs; c; c = c->next)
        if (c->kind == CS_K_CLAIM && cs_streq(sim_label(c->t, CS_LABEL_INSTANCE_ID), id) && clean_claim(set, c, id))
            return;
    s->let_go++;
}

void sim_rules_claim_created(struct sim *s, const struct sim_obj *claim, bool late)
{
    int64_t want = sim_most_allowed(s);
    struct sim_sample now = {.pods = sim_active_pods(s)};
    int64_t least;

    if (!id_is_new(s, claim, sim_label(claim->t, CS_LABEL_INSTANCE_ID)))
        return;
    for (size_t i = s->n_limits; i-- > 0;) {
        late = late || s->limits[i].reuse_off;
        if (s->limits[i].from_ms < sim_window_begin(s))
            break;
    }
    /* Now, without itself: by time alone a node may have been lost for long enough. */
    if (sim_the_set(s))
        sim_rules_sample(s, sim_the_set(s), &now);
    least = now.pods + now.held - 1;
    for (size_t i = s->n_samples; i-- > 0;) {
        const struct sim_sample *x = &s->samples[i];
        int64_t taken = x->pods + x->held + (int64_t)(s->fresh - x->fresh) - (int64_t)(s->let_go - x->let_go);

        least = taken < least ? taken : least;
        if (x->from_ms < sim_window_begin(s))
            break;
    }
    if (!late && !s->orphan_creates && s->claims_meddled_ms < sim_window_begin(s) && least >= want)
        sim_fail(s, "D1: claim %s is made for a new id, though with the ids that wait there are %lld of %lld",
            claim->name, (long long)least, (long long)want);
    s->fresh++;
}

/* ---- what a new Pod stands on ---- */

/* U-09: whatever a container mounts is there. */
static void check_mounts(struct sim *s, const struct sim_obj *o)
{
    for (struct cs_jtree *c = cs_jtree_first(sim_get(o->t, "spec/containers")); c; c = cs_jtree_next(c)) {
        struct cs_jtree *m = cs_jtree_get(c, "volumeMounts");

        for (m = cs_jtree_is(m, CS_J_ARRAY) ? cs_jtree_first(m) : NULL; m; m = cs_jtree_next(m)) {
            bool found = false;

            for (struct cs_jtree *v = cs_jtree_first(sim_get(o->t, "spec/volumes")); v; v = cs_jtree_next(v))
                found = found || cs_streq(sim_str(v, "name"), sim_str(m, "name"));
            if (!found)
                sim_fail(s, "Pod %s mounts %s, which it does not have", o->name, sim_str(m, "name"));
        }
    }
}

/* D12: a request on its way that would take the claim, as it is now, from under the new Pod. */
static const struct sim_req *taken_soon(const struct sim *s, const struct sim_obj *c)
{
    cs_autofree char *rv = cs_xasprintf("\"resourceVersion\":\"%llu\"", (unsigned long long)c->rv);

    for (const struct sim_req *q = s->reqs; q; q = q->next)
        if (q->effect_due && sim_takes_claim(q) && cs_streq(q->name, c->name) && q->body &&
            (strstr(q->body, rv) || !strstr(q->body, "\"resourceVersion\"")))
            return q;
    return NULL;
}

static void check_new_claims(struct sim *s, const struct sim_obj *o, bool late)
{
    const char *uid = sim_controller_of(o->t);

    late = late || s->claims_meddled_ms > sim_window_begin(s) || s->set_gone_ms > sim_window_begin(s);
    for (struct cs_jtree *v = cs_jtree_first(sim_get(o->t, "spec/volumes")); v; v = cs_jtree_next(v)) {
        const struct sim_obj *c = sim_claim_of(v) ? sim_find(s, CS_K_CLAIM, sim_claim_of(v)) : NULL;

        if (!sim_claim_of(v) || late)
            continue;
        if (!c)
            sim_fail(s, "Pod %s was created without its claim %s", o->name, sim_claim_of(v));
        else if (sim_str(c->t, "metadata/deletionTimestamp"))
            sim_fail(s, "Pod %s was created on the Terminating claim %s", o->name, c->name);
        else if (!sim_owned_by(c->t, uid))
            sim_fail(s, "Pod %s was created on claim %s, which the set does not own", o->name, c->name);
        else if (taken_soon(s, c))
            sim_fail(s, "Pod %s was created on claim %s, which request %llu is about to take away", o->name, c->name,
                (unsigned long long)taken_soon(s, c)->id);
    }
}

void sim_rules_new_pod(struct sim *s, const struct sim_obj *pod, bool late)
{
    check_mounts(s, pod);
    check_new_claims(s, pod, late);
}

/* ---- D2 ---- */

void sim_rules_set_read(struct sim *s)
{
    s->set_reads_ms[s->n_set_reads++ % CS_ARRAY_LEN(s->set_reads_ms)] = s->now_ms;
}

/* D2: before anything destructive the set was read by name. */
void sim_rules_destructive(struct sim *s, const char *what, const char *name)
{
    uint64_t have = s->n_set_reads < CS_ARRAY_LEN(s->set_reads_ms) ? s->n_set_reads : CS_ARRAY_LEN(s->set_reads_ms);
    bool read = false;

    for (uint64_t i = 0; i < have; i++)
        read = read || (s->set_reads_ms[i] <= sim_sent_ms(s) && s->set_reads_ms[i] >= sim_sent_ms(s) - SIM_READ_FOR_MS);
    /* the ring holds the last ones: an older one may have been pushed out when the request was long on its way */
    if (!read && s->now_ms - sim_sent_ms(s) < 1000)
        sim_fail(s, "D2: %s %s, and the set was not read before it", what, name);
}

/*
 * The name of a Pod that has just been made is listed for deletion, and whoever made it may not have known: it is as if the user had
 * listed it a moment later.
 */
bool sim_rules_listed_unseen(struct sim *s, const struct sim_obj *pod)
{
    const struct sim_obj *set = sim_the_set(s);

    if (!set || !sim_named_for_delete(set->t, pod->name) || sim_wish_is_known(s))
        return false;
    for (size_t i = 0; i < CS_ARRAY_LEN(s->set_reads_ms); i++)
        if (s->set_reads_ms[i] > s->spec_changed_ms && s->set_reads_ms[i] + ANSWERED_MS < sim_sent_ms(s))
            return false;
    return true;
}

/* ---- D3, D4 ---- */

/*
 * Claims that stay the set's when their Pod is deleted for good are lost to nobody, but they leak. One that was handed back while
 * the request was on its way may have been handed over when that was sent, as may one whose hand-over a restored server undid.
 */
void sim_rules_pod_deleted(struct sim *s, const struct sim_obj *pod)
{
    const struct sim_obj *set = sim_the_set(s);

    if (!set || sim_pod_finished(pod->t) || pod->kept_ms != 0 || pod->meddled_ms != 0 || sim_was_restored(s))
        return;
    for (const struct sim_obj *c = s->objs; c; c = c->next)
        if (c->kind == CS_K_CLAIM && sim_mounts(pod->t, c->name) && c->meddled_ms == 0 &&
            (c->back_ms == 0 || c->back_ms < sim_sent_ms(s)) &&
            clean_claim(set, c, sim_label(pod->t, CS_LABEL_INSTANCE_ID)))
            sim_fail(s, "D3: Pod %s is deleted before its claim %s was handed over", pod->name, c->name);
}

/* A claim is handed over or deleted. */
void sim_rules_claim_goes(struct sim *s, const struct sim_obj *claim)
{
    const char *id = sim_label(claim->t, CS_LABEL_INSTANCE_ID);
    cs_autofree char *pod_name = cs_xasprintf(SIM_SET "-%s", id ? id : "");
    const struct sim_obj *set = sim_the_set(s);

    if (!set || claim->meddled_ms > sim_window_begin(s))
        return;
    if (!clean_claim(set, claim, id))
        sim_fail(s, "D4: claim %s goes, though it is not the set's beyond doubt", claim->name);
    for (const struct sim_obj *o = s->objs; o; o = o->next)
        if (o->kind == CS_K_POD && strcmp(o->name, pod_name) != 0 && sim_was_ours(s, o->t) &&
            o->meddled_ms <= sim_window_begin(s) &&
            (cs_streq(sim_label(o->t, CS_LABEL_INSTANCE_ID), id) || sim_mounts(o->t, claim->name)) &&
            o->created_ms < sim_window_begin(s))
            sim_fail(s, "D4: claim %s goes, though Pod %s has its id or mounts it", claim->name, o->name);
}

/* ---- D8 ---- */

void sim_rules_mark(struct sim *s, const struct sim_obj *o, const struct cs_jtree *after)
{
    bool was = sim_label(o->t, CS_LABEL_SPECIFIED_DELETE) != NULL;
    bool is = sim_label(after, CS_LABEL_SPECIFIED_DELETE) != NULL;

    if (is && !was && !sim_annotation(after, CS_ANNO_RECREATE_FOR))
        sim_fail(s, "D8: Pod %s is marked without the revision that it is marked for", o->name);
    if (was && !is && !sim_annotation(o->t, CS_ANNO_RECREATE_FOR))
        sim_fail(s, "D8: the user's mark is taken off Pod %s", o->name);
    if (was && !is && sim_annotation(after, CS_ANNO_RECREATE_FOR))
        sim_fail(s, "D8: the mark of Pod %s goes, its annotation stays", o->name);
    if (is && !was)
        sim_rules_destructive(s, "a mark on Pod", o->name);
}

/* ---- gate ---- */

/* Spec §6.6: the server had the gate as False before the request for the image was sent. */
void sim_rules_image(struct sim *s, const struct sim_obj *o)
{
    const char *gate = sim_condition(o->t, CS_COND_INPLACE_READY);

    if (!cs_streq(gate, "False"))
        sim_fail(s, "the image of Pod %s changes while its gate is %s", o->name, gate ? gate : "not written");
    else if (o->gate_off_ms > sim_sent_ms(s))
        sim_fail(s, "the image of Pod %s was sent before the server had its gate as False", o->name);
}

void sim_rules_note_gate(struct sim *s, const struct sim_obj *o, const struct cs_jtree *after)
{
    struct sim_obj *p = sim_by_serial(s, o->serial);

    if (p && !cs_streq(sim_condition(o->t, CS_COND_INPLACE_READY), "False") &&
        cs_streq(sim_condition(after, CS_COND_INPLACE_READY), "False"))
        p->gate_off_ms = s->now_ms;
}

/* Whatever somebody else writes there, it is the controller that chooses. And a Pod that got back what it had lost, the id, say. */
void sim_rules_note_pod(struct sim *s, enum sim_actor who, const struct sim_obj *o, const struct cs_jtree *after)
{
    struct sim_obj *p = sim_by_serial(s, o->serial);

    if (p)
        p->prepared = sim_pod_prepared(after) && (p->prepared || who == SIM_CONTROLLER);
    if (p && who == SIM_USER && sim_is_ours(sim_the_set(s), after) && !sim_is_ours(sim_the_set(s), o->t))
        p->returned_ms = s->now_ms;
}

/* ---- nothing of anybody else ---- */

void sim_rules_note_owner(struct sim *s, const struct sim_obj *o, const struct cs_jtree *after)
{
    struct sim_obj *x = sim_by_serial(s, o->serial);

    if (x && sim_was_ours(s, o->t) && !sim_was_ours(s, after))
        x->left_ms = s->now_ms;
    if (x && !sim_was_ours(s, o->t) && sim_was_ours(s, after))
        x->back_ms = s->now_ms;
}

static bool pod_of_ours(struct sim *s, const char *uid)
{
    const struct sim_obj *o = uid ? sim_by_uid(s, uid) : NULL;

    return o && o->kind == CS_K_POD && sim_was_ours(s, o->t);
}

/* Its controller is the set, or a Pod of the set; what a set that is gone decided may still land for a while. */
void sim_rules_touched(struct sim *s, const struct sim_obj *o)
{
    const char *uid = sim_controller_of(o->t);
    const struct sim_obj *set = sim_the_set(s);

    if (o->kind != CS_K_POD && o->kind != CS_K_CLAIM)
        return;
    if (!sim_was_ours(s, o->t) && !(o->kind == CS_K_CLAIM && (o->handed || pod_of_ours(s, uid))) &&
        (o->left_ms == 0 || o->left_ms < sim_sent_ms(s)))
        sim_fail(s, "%s %s is written, but it is not the set's", cs_kind_gvr(o->kind)->kind, o->name);
    else if (o->kind == CS_K_POD && !(set && cs_streq(uid, set->uid)) && s->set_gone_ms < sim_window_begin(s))
        sim_fail(s, "Pod %s is written long after its set has gone", o->name);
}
