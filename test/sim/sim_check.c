/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What must hold at every commit, whatever fails. The checks read the server's state, never
 * the controller's; where the controller may have decided on an older state, a window says how old.
 */
#include <stdio.h>
#include <string.h>

#include "common/api/gvr.h"
#include "common/base/alloc.h"
#include "common/cloneset/template.h"
#include "test/sim/sim.h"

#define CALM_WINDOW_MS 6000 /* between what a decision was made on and its effect, without faults */
#define FAULT_WINDOW_MS 400000 /* … with them: a frozen watch, a create that is sent again and again */

int64_t sim_sent_ms(const struct sim *s)
{
    return s->current ? s->current->sent_ms : s->now_ms;
}

int64_t sim_window_begin(const struct sim *s)
{
    return sim_sent_ms(s) - (s->sc->faults ? FAULT_WINDOW_MS : CALM_WINDOW_MS);
}

/* The most that limits allowed since the window began, or with surge_only the most they allowed above replicas. */
static int64_t most_allowed(struct sim *s, bool surge_only)
{
    int64_t most = 0;

    for (size_t i = 0; i < s->n_limits; i++) {
        int64_t until = i + 1 < s->n_limits ? s->limits[i + 1].from_ms : INT64_MAX;
        int64_t n = s->limits[i].surge + (surge_only ? 0 : s->limits[i].replicas);

        if (until >= sim_window_begin(s) && n > most)
            most = n;
    }
    return most;
}

/* Of Pods, by all that whoever sent the create that is being done may have gone by. */
static int64_t most_known(struct sim *s)
{
    int64_t most = 0;

    for (size_t i = s->current->known; i < s->n_limits; i++)
        if (s->limits[i].replicas + s->limits[i].surge > most)
            most = s->limits[i].replicas + s->limits[i].surge;
    return most < most_allowed(s, false) ? most : most_allowed(s, false);
}

int64_t sim_most_allowed(struct sim *s)
{
    return most_allowed(s, false);
}

static bool reuse_is_off(const struct sim_limit *l)
{
    return l->reuse_off;
}

static bool regret_is_off(const struct sim_limit *l)
{
    return l->no_regret;
}

/* D2: it was so when the set was read for the request that is being done. */
static bool when_read(const struct sim *s, bool (*is_so)(const struct sim_limit *l))
{
    int64_t sent = sim_sent_ms(s);

    for (size_t i = 0; i < s->n_limits; i++) {
        int64_t until = i + 1 < s->n_limits ? s->limits[i + 1].from_ms : INT64_MAX;

        if (is_so(&s->limits[i]) && until >= sent - SIM_READ_FOR_MS && s->limits[i].from_ms <= sent)
            return true;
    }
    return false;
}

static bool always_in_place_only(struct sim *s)
{
    for (size_t i = 0; i < s->n_limits; i++) {
        int64_t until = i + 1 < s->n_limits ? s->limits[i + 1].from_ms : INT64_MAX;

        if (until >= sim_window_begin(s) && !s->limits[i].in_place_only)
            return false;
    }
    return true;
}

static int64_t creates_under_way(const struct sim *s)
{
    int64_t n = 0;

    for (const struct sim_req *q = s->reqs; q; q = q->next)
        n += q->verb == CS_VERB_CREATE && q->gvr == cs_kind_gvr(CS_K_POD);
    return n;
}

/* D2: the fewest replicas that the set asked for when it was read for what is being done. */
static int64_t least_replicas(const struct sim *s)
{
    int64_t sent = sim_sent_ms(s);
    int64_t least = INT64_MAX;

    for (size_t i = s->n_limits; i-- > 0;) {
        if (s->limits[i].from_ms <= s->now_ms && s->limits[i].replicas < least)
            least = s->limits[i].replicas;
        if (s->limits[i].from_ms < sent - SIM_READ_FOR_MS)
            break;
    }
    return least;
}

/* There were, or somebody who looked at different things at different times saw, more Pods than replicas. */
static bool excess_lately(struct sim *s)
{
    int64_t most_pods = 0;
    int64_t least = least_replicas(s);

    for (size_t i = s->n_samples; i-- > 0;) {
        const struct sim_sample *x = &s->samples[i];

        most_pods = x->pods > most_pods ? x->pods : most_pods;
        if (x->from_ms < sim_window_begin(s))
            break;
    }
    /*
     * A create under way counts already: replicas may have been lowered since, an earlier create may have landed late, and with
     * maxSurge the one that it replaces may go if maxUnavailable allows that.
     */
    if (most_pods + creates_under_way(s) + most_allowed(s, true) > least)
        return true;
    /*
     * A frozen watch or a slow list: what was created while more were asked for, or landed when nobody reckoned with it any more, is
     * known; what somebody deleted since is not.
     */
    return s->sc->faults &&
           (most_allowed(s, false) > least || (s->late_create_ms != 0 && s->late_create_ms > sim_window_begin(s)));
}

/*
 * Its deletion was asked for by name or mark, or there are too many. What waits at its preDelete hook was chosen when it was sent
 * there; unless regret takes it back (spec §5.1 step 2) that stands, however many are wanted since.
 */
static bool deletion_called_for(struct sim *s, const struct sim_obj *pod)
{
    return pod->called_for || excess_lately(s) || (pod->prepared && when_read(s, regret_is_off));
}

/* ---- Pods ---- */

static void check_pod_name(struct sim *s, const struct sim_obj *o)
{
    const char *id = sim_label(o->t, CS_LABEL_INSTANCE_ID);
    cs_autofree char *name = cs_xasprintf("%s-%s", SIM_SET, id ? id : "");

    if (!id || !cs_streq(name, o->name))
        sim_fail(s, "Pod %s has the id %s", o->name, id ? id : "none");
    for (const struct sim_obj *x = s->objs; x; x = x->next)
        if (x != o && x->kind == CS_K_POD && sim_is_ours(sim_the_set(s), x->t) &&
            cs_streq(sim_label(x->t, CS_LABEL_INSTANCE_ID), id))
            sim_fail(s, "Pods %s and %s have the same id", o->name, x->name);
}

bool sim_is_late(const struct sim *s)
{
    return s->current && (!s->current->done || s->now_ms >= s->current->sent_ms + 5000);
}

static void note_set(struct sim *s, const struct sim_obj *set)
{
    if (s->n_uids < CS_ARRAY_LEN(s->uids))
        s->uids[s->n_uids++] = cs_xstrdup(set->uid);
    s->n_samples = 0; /* of the one before it */
    s->n_limits = 0;
    memset(s->tries, 0, sizeof(s->tries));
    for (struct sim_req *q = s->reqs; q; q = q->next)
        q->known = 0;
}

/*
 * Without those whose creation landed when nobody reckoned with it any more: the next pass sees them (D12). Likewise those that came
 * back to the set lately.
 */
static int64_t pods_in_time(struct sim *s)
{
    const struct sim_obj *set = sim_the_set(s);
    int64_t n = 0;

    for (const struct sim_obj *o = s->objs; o; o = o->next)
        n += o->kind == CS_K_POD && !o->late && (o->returned_ms == 0 || o->returned_ms <= sim_window_begin(s)) &&
             sim_pod_active(o->t) && sim_is_ours(set, o->t);
    return n;
}

void sim_check_create(struct sim *s, enum sim_actor who, struct sim_obj *o)
{
    bool late = sim_is_late(s) && !sim_promise_reckoned_with(s, o);

    if (o->kind == CS_K_SET) {
        note_set(s, o);
        sim_check_commit(s, who, o, o->t);
        return;
    }
    if (who == SIM_CONTROLLER && o->kind == CS_K_CLAIM)
        sim_rules_claim_created(s, o, late);
    if (who != SIM_CONTROLLER || o->kind != CS_K_POD)
        return;
    s->orphan_creates = s->orphan_creates || late;
    if (late)
        s->late_create_ms = s->now_ms;
    check_pod_name(s, o);
    sim_rules_new_pod(s, o, late || sim_was_restored(s));
    o->late = late;
    o->called_for = sim_rules_listed_unseen(s, o);
    sim_promise_new_pod(s, o, late || sim_was_restored(s));
    if (!late && !sim_was_restored(s) && pods_in_time(s) > most_known(s))
        sim_fail(s, "Pod %s makes %lld, but replicas + maxSurge is %lld", o->name, (long long)pods_in_time(s),
            (long long)most_known(s));
}

static bool has_gate(const struct cs_jtree *pod)
{
    for (struct cs_jtree *g = cs_jtree_first(sim_get(pod, "spec/readinessGates")); g; g = cs_jtree_next(g))
        if (cs_streq(sim_str(g, "conditionType"), CS_COND_INPLACE_READY))
            return true;
    return false;
}

static bool images_differ(const struct cs_jtree *a, const struct cs_jtree *b)
{
    cs_autojtree *x = sim_restarting_parts(a);
    cs_autojtree *y = sim_restarting_parts(b);

    return !cs_jtree_equal(x, y);
}

/* An available Pod goes out of service by our doing: as many as the strategy promises must stay. */
static void check_available(struct sim *s, const struct sim_obj *leaving)
{
    const struct sim_obj *set = sim_the_set(s);
    int64_t replicas = set ? sim_int(set->t, "spec/replicas", 1) : 0;
    int64_t most = set ? sim_int(set->t, "spec/updateStrategy/maxUnavailable", 1) : 0;
    int64_t left = 0;

    if (!s->sc->strict_unavailable || !sim_available(s, leaving->t, 0) || (s->sc->scales && !sim_wish_is_known(s)))
        return;
    for (const struct sim_obj *o = s->objs; o; o = o->next)
        left += o != leaving && o->kind == CS_K_POD && sim_pod_active(o->t) && sim_available(s, o->t, 0);
    if (left < replicas - most)
        sim_fail(s, "Pod %s is taken out of service with %lld others available; replicas %lld, maxUnavailable %lld",
            leaving->name, (long long)left, (long long)replicas, (long long)most);
}

/* A gate closes, or the state does: what waits at a hook is not available. */
static bool leaves(const struct cs_jtree *before, const struct cs_jtree *after)
{
    static const char *const gates[] = {CS_COND_INPLACE_READY, CS_COND_KRUISE_READY};
    const char *state = sim_label(after, CS_LABEL_LIFECYCLE_STATE);

    for (size_t i = 0; i < CS_ARRAY_LEN(gates); i++)
        if (!cs_streq(sim_condition(before, gates[i]), "False") && cs_streq(sim_condition(after, gates[i]), "False"))
            return true;
    return state && !cs_streq(state, "Normal");
}

static const struct cs_jtree *container_status(const struct cs_jtree *pod, const char *name)
{
    const struct cs_jtree *list = sim_get(pod, "status/containerStatuses");

    for (const struct cs_jtree *c = cs_jtree_is(list, CS_J_ARRAY) ? cs_jtree_first(list) : NULL; c;
         c = cs_jtree_next(c))
        if (cs_streq(sim_str(c, "name"), name))
            return c;
    return NULL;
}

/*
 * Spec §6.6 E: the gate does not open before the kubelet has acted on the images, whatever overtakes what. Of an image that was
 * changed twice the first change may have been acted on.
 */
static void check_gate_opens(struct sim *s, const struct sim_obj *o, const struct cs_jtree *after)
{
    struct sim_obj *p = sim_by_serial(s, o->serial);
    const char *state = sim_label(after, CS_LABEL_LIFECYCLE_STATE);
    bool ends = cs_streq(state, "PreparingNormal") && !cs_streq(sim_label(o->t, CS_LABEL_LIFECYCLE_STATE), state);
    bool opens = ends || (!cs_streq(sim_condition(o->t, CS_COND_INPLACE_READY), "True") &&
                             cs_streq(sim_condition(after, CS_COND_INPLACE_READY), "True"));

    for (size_t i = 0; p && i < CS_ARRAY_LEN(p->restarts_then); i++) {
        const struct cs_jtree *was = cs_jtree_index(sim_get(o->t, "spec/containers"), i);
        const struct cs_jtree *is = cs_jtree_index(sim_get(after, "spec/containers"), i);
        const struct cs_jtree *st = is ? container_status(after, sim_str(is, "name")) : NULL;

        /* spec §6.6 D: a container that had no status then is taken as done */
        if (is && !cs_streq(sim_str(was, "image"), sim_str(is, "image")))
            p->restarts_then[i] = st ? sim_int(st, "restartCount", 0) : -1;
        if (st && opens && !cs_streq(sim_str(st, "image"), sim_str(is, "image")) &&
            sim_int(st, "restartCount", 0) == p->restarts_then[i])
            sim_fail(s, "%s Pod %s %s before container %s has restarted as %s", ends ? "" : "the gate of", o->name,
                ends ? "is to become Normal" : "opens", sim_str(is, "name"), sim_str(is, "image"));
    }
}

/* The way to the preDelete hook may be one of no return: it is chosen as a deletion is. */
static void check_prepares(struct sim *s, const struct sim_obj *o)
{
    sim_rules_destructive(s, "the way to its hook of Pod", o->name);
    if (!deletion_called_for(s, o))
        sim_fail(s, "Pod %s is sent to its preDelete hook, but nothing called for its deletion", o->name);
}

static void check_pod_commit(struct sim *s, const struct sim_obj *o, const struct cs_jtree *after)
{
    bool marked = sim_label(after, CS_LABEL_SPECIFIED_DELETE) && !sim_label(o->t, CS_LABEL_SPECIFIED_DELETE);

    if (!cs_streq(sim_label(o->t, CS_LABEL_INSTANCE_ID), sim_label(after, CS_LABEL_INSTANCE_ID)))
        sim_fail(s, "the id of Pod %s was changed", o->name);
    if (images_differ(o->t, after))
        sim_hooks_check_image(s, sim_the_set(s), o);
    if (images_differ(o->t, after) && has_gate(o->t))
        sim_rules_image(s, o);
    if (leaves(o->t, after)) {
        check_available(s, o);
        sim_rules_leaves(s, o, false);
    }
    if (sim_pod_prepared(after) && !sim_pod_prepared(o->t))
        check_prepares(s, o);
    sim_rules_mark(s, o, after);
    check_gate_opens(s, o, after);
    sim_promise_pod(s, o, after, images_differ(o->t, after));
    if (marked && always_in_place_only(s))
        sim_fail(s, "InPlaceOnly, but Pod %s is marked to be recreated", o->name);
}

/* U-12: the claims of a Pod that is labelled so are the set's when it goes. */
static void check_kept(struct sim *s, const struct sim_obj *o)
{
    const char *uid = sim_the_set(s) ? sim_the_set(s)->uid : "";

    if (o->kept_ms == 0 || o->kept_ms > sim_window_begin(s))
        return;
    for (struct cs_jtree *v = cs_jtree_first(sim_get(o->t, "spec/volumes")); v; v = cs_jtree_next(v)) {
        const struct sim_obj *c = sim_claim_of(v) ? sim_find(s, CS_K_CLAIM, sim_claim_of(v)) : NULL;

        if (c && !sim_str(c->t, "metadata/deletionTimestamp") && !sim_owned_by(c->t, uid))
            sim_fail(s, "Pod %s is deleted and its kept claim %s goes along", o->name, c->name);
    }
}

/* A create of such a Pod was sent, by this controller or by one that is no more, and has not arrived. */
static bool pod_is_coming(const struct sim *s, const char *id)
{
    cs_autofree char *name = cs_xasprintf("\"name\":\"%s-%s\"", SIM_SET, id);

    for (const struct sim_req *q = s->reqs; q; q = q->next)
        if (q->effect_due && q->verb == CS_VERB_CREATE && q->gvr == cs_kind_gvr(CS_K_POD) && strstr(q->body, name))
            return true;
    return false;
}

/* Spec §4.6 clean-up: nothing else deletes a claim. */
static void check_claim_delete(struct sim *s, struct sim_obj *o)
{
    const char *id = sim_label(o->t, CS_LABEL_INSTANCE_ID);

    o->doomed = true;
    sim_promise_claim_deleted(s, o);
    sim_rules_destructive(s, "the deletion of claim", o->name);
    sim_rules_claim_goes(s, o);
    if (!when_read(s, reuse_is_off))
        sim_fail(s, "claim %s is deleted though claims are taken over", o->name);
    if (!sim_the_set(s) || !sim_owned_by(o->t, sim_the_set(s)->uid) || !id)
        sim_fail(s, "claim %s is deleted, but it is not the set's", o->name);
    if (id && pod_is_coming(s, id))
        sim_fail(s, "claim %s is deleted while its Pod is on its way to the server", o->name);
    for (const struct sim_obj *p = s->objs; p; p = p->next)
        if (p->kind == CS_K_POD && ((cs_streq(sim_label(p->t, CS_LABEL_INSTANCE_ID), id) && sim_was_ours(s, p->t)) ||
                                       sim_mounts(p->t, o->name)))
            sim_fail(s, "claim %s is deleted under Pod %s", o->name, p->name);
}

void sim_check_delete(struct sim *s, enum sim_actor who, struct sim_obj *o)
{
    const char *phase = sim_str(o->t, "status/phase");
    bool finished = cs_streq(phase, "Failed") || cs_streq(phase, "Succeeded");

    if (who == SIM_CONTROLLER && o->kind == CS_K_CLAIM)
        check_claim_delete(s, o);
    if (who == SIM_CONTROLLER)
        sim_rules_touched(s, o);
    if (who == SIM_CONTROLLER && o->kind == CS_K_REVISION)
        sim_promise_revision_deleted(s, o);
    if (o->kind == CS_K_SET)
        s->set_gone_ms = s->now_ms;
    if (who != SIM_CONTROLLER || o->kind != CS_K_POD)
        return;
    sim_rules_destructive(s, "the deletion of Pod", o->name);
    sim_rules_pod_deleted(s, o);
    check_kept(s, o);
    sim_promise_delete(s, o);
    if (!finished && !deletion_called_for(s, o))
        sim_fail(s, "Pod %s is deleted, but nothing called for it", o->name);
    if (!finished)
        sim_hooks_check_delete(s, sim_the_set(s), o);
    check_available(s, o);
    if (sim_pod_active(o->t))
        sim_rules_leaves(s, o, true);
    sim_rules_let_go(s, o);
}

/* ---- claims ---- */

static struct sim_obj *pod_owner(struct sim *s, const struct cs_jtree *claim, const char **ret_name)
{
    const struct cs_jtree *owners = sim_get(claim, "metadata/ownerReferences");

    *ret_name = NULL;
    for (const struct cs_jtree *o = cs_jtree_is(owners, CS_J_ARRAY) ? cs_jtree_first(owners) : NULL; o;
         o = cs_jtree_next(o))
        if (cs_streq(sim_str(o, "kind"), "Pod")) {
            *ret_name = sim_str(o, "name");
            return sim_by_uid(s, sim_str(o, "uid"));
        }
    return NULL;
}

/* D3: a claim goes to its Pod only when that Pod is to be deleted by the rules. */
static void check_claim_commit(struct sim *s, const struct sim_obj *o, const struct cs_jtree *after)
{
    const char *before_pod;
    const char *pod;
    const struct sim_obj *p;

    (void)pod_owner(s, o->t, &before_pod);
    p = pod_owner(s, after, &pod);
    if (!pod || before_pod)
        return;
    sim_by_serial(s, o->serial)->handed = true;
    sim_rules_destructive(s, "the hand-over of claim", o->name);
    sim_rules_claim_goes(s, o);
    if (p && p->kept_ms != 0 && p->kept_ms <= sim_window_begin(s))
        sim_fail(s, "claim %s is handed over to Pod %s, which is labelled to leave it behind", o->name, pod);
    if (p && !sim_pod_active(p->t) && when_read(s, reuse_is_off))
        return; /* spec §4.6 clean-up */
    if (sim_was_restored(s))
        return; /* what called for it is undone */
    if (!s->sc->scales && !s->sc->recreates)
        sim_fail(s, "claim %s is handed over to Pod %s, but nothing in this scenario deletes a Pod", o->name, pod);
    if (p && !deletion_called_for(s, p))
        sim_fail(s, "claim %s is handed over to Pod %s, whose deletion nothing called for", o->name, pod);
}

void sim_check_removed(struct sim *s, enum sim_actor who, const struct sim_obj *o)
{
    const struct sim_obj *set = sim_the_set(s);

    if (o->kind == CS_K_POD)
        sim_promise_note_gone(s, o);
    if (o->kind == CS_K_POD && who != SIM_CONTROLLER)
        sim_promise_note_left(s, o);
    if (o->kind != CS_K_CLAIM || !set || sim_str(set->t, "metadata/deletionTimestamp") || !sim_was_ours(s, o->t))
        return;
    if (sim_owned_by(o->t, set->uid) && !o->doomed)
        sim_fail(s, "claim %s vanished while the set owned it", o->name);
    if (!s->sc->scales && !s->sc->recreates)
        sim_fail(s, "claim %s vanished, but nothing in this scenario deletes a Pod for good", o->name);
}

/* ---- the set ---- */

static void take_limits(struct sim *s, const struct cs_jtree *set)
{
    struct sim_limit l = {.from_ms = s->now_ms,
        .rv = s->rv,
        .replicas = sim_int(set, "spec/replicas", 1),
        .surge = sim_surge(set),
        .floor = sim_int(set, "spec/replicas", 1) - sim_max_unavailable(set),
        .min_ready_s = sim_int(set, "spec/minReadySeconds", 0),
        .in_place_only = cs_streq(sim_str(set, "spec/updateStrategy/type"), "InPlaceOnly"),
        .reuse_off = cs_jtree_is(sim_get(set, "spec/scaleStrategy/disablePVCReuse"), CS_J_TRUE),
        .no_regret = sim_no_regret(set)};
    const struct cs_jtree *names = sim_get(set, "spec/scaleStrategy/podsToDelete");

    cs_grow(s->limits, s->n_limits, s->cap_limits);
    s->limits[s->n_limits++] = l;
    for (struct cs_jtree *n = cs_jtree_is(names, CS_J_ARRAY) ? cs_jtree_first(names) : NULL; n; n = cs_jtree_next(n)) {
        struct sim_obj *p = sim_find(s, CS_K_POD, cs_jtree_str(n));

        if (p)
            p->called_for = true;
    }
}

/* kstatus looks at the first that is True: never two, and never none (docs/status.md). */
static void check_verdict(struct sim *s, const struct cs_jtree *set)
{
    const char *const of[] = {
        sim_condition(set, "Ready"), sim_condition(set, "Reconciling"), sim_condition(set, "Stalled")};
    int n = 0;

    if (sim_int(set, "status/observedGeneration", 0) == 0)
        return; /* a strike before the first status */
    for (size_t i = 0; i < CS_ARRAY_LEN(of); i++)
        n += cs_streq(of[i], "True");
    if (n != 1)
        sim_fail(s, "of Ready, Reconciling and Stalled %d are True", n);
}

static void note_kept(struct sim *s, const struct sim_obj *o, const struct cs_jtree *after)
{
    struct sim_obj *p = sim_by_serial(s, o->serial);
    bool kept = sim_label(after, CS_LABEL_KEEP_CLAIMS) != NULL;

    if (p && kept != (p->kept_ms != 0))
        p->kept_ms = kept ? s->now_ms : 0;
}

static bool same(const struct cs_jtree *a, const struct cs_jtree *b)
{
    return a && b ? cs_jtree_equal(a, b) : a == b;
}

void sim_check_commit(struct sim *s, enum sim_actor who, const struct sim_obj *o, const struct cs_jtree *after)
{
    if (o->kind == CS_K_SET)
        take_limits(s, after);
    if (s->sc->edits || o->kind == CS_K_NODE)
        sim_check_state(s); /* what has become available, or lost with its node, by time alone */
    if (o->kind == CS_K_SET && !same(sim_get(o->t, "spec/lifecycle"), sim_get(after, "spec/lifecycle")))
        s->hooks_changed_ms = s->now_ms;
    if (o->kind == CS_K_SET && !same(sim_get(o->t, "spec"), sim_get(after, "spec"))) {
        s->spec_changed_ms = s->now_ms;
        s->spec_rv = s->rv;
    }
    if (who == SIM_CONTROLLER)
        sim_rules_touched(s, o);
    if (o->kind == CS_K_POD)
        sim_rules_note_gate(s, o, after);
    if (who == SIM_CONTROLLER && o->kind == CS_K_SET) {
        check_verdict(s, after);
        sim_promise_strike(s, o, after);
    }
    if (who == SIM_CONTROLLER && o->kind == CS_K_POD)
        check_pod_commit(s, o, after);
    if (who == SIM_CONTROLLER && o->kind == CS_K_CLAIM)
        check_claim_commit(s, o, after);
    if (o->kind == CS_K_POD && sim_label(after, CS_LABEL_SPECIFIED_DELETE)) {
        struct sim_obj *p = sim_by_serial(s, o->serial);

        if (p)
            p->called_for = true;
    }
    if (o->kind == CS_K_POD) {
        sim_promise_note_revision(s, o, after);
        if (who != SIM_CONTROLLER && !sim_pod_active(after))
            sim_promise_note_left(s, o);
        note_kept(s, o, after);
        sim_rules_note_pod(s, who, o, after);
    }
    sim_rules_note_owner(s, o, after);
}

void sim_check_restored(struct sim *s)
{
    const struct sim_obj *set = sim_the_set(s);

    if (s->n_uids == 0 || !cs_streq(s->uids[s->n_uids - 1], set->uid))
        s->set_gone_ms = s->now_ms; /* the one that was made after the backup */
    s->spec_changed_ms = s->hooks_changed_ms = s->changed_ms = s->now_ms;
    take_limits(s, set->t);
    sim_check_state(s);
}

/* At every change of Pods or of the set. */
void sim_check_state(struct sim *s)
{
    const struct sim_obj *set = sim_the_set(s);
    struct sim_sample x = {.from_ms = s->now_ms};

    if (!set)
        return;
    x.pods = sim_active_pods(s);
    x.replicas = sim_int(set->t, "spec/replicas", 1);
    sim_rules_sample(s, set, &x);
    if (s->n_samples > 0) {
        struct sim_sample last = s->samples[s->n_samples - 1];

        last.from_ms = x.from_ms;
        if (memcmp(&last, &x, sizeof(x)) == 0)
            return;
    }
    cs_grow(s->samples, s->n_samples, s->cap_samples);
    s->samples[s->n_samples++] = x;
}
