/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What must hold at every commit, whatever fails, and what must be true in the end. The checks read the server's state, never
 * the controller's; where the controller may have decided on an older state, a window says how old.
 */
#include <stdio.h>
#include <string.h>

#include "common/api/gvr.h"
#include "common/base/alloc.h"
#include "test/sim/sim.h"

#define CALM_WINDOW_MS 6000 /* between what a decision was made on and its effect, without faults */
#define FAULT_WINDOW_MS 400000 /* … with them: a frozen watch, a create that is sent again and again */

bool sim_pod_active(const struct cs_jtree *pod)
{
    const char *phase = sim_str(pod, "status/phase");

    return !sim_str(pod, "metadata/deletionTimestamp") && !cs_streq(phase, "Failed") && !cs_streq(phase, "Succeeded");
}

static struct sim_obj *the_set(struct sim *s)
{
    return sim_find(s, CS_K_SET, SIM_SET);
}

static int64_t active_pods(struct sim *s)
{
    int64_t n = 0;

    for (const struct sim_obj *o = s->objs; o; o = o->next)
        n += o->kind == CS_K_POD && sim_pod_active(o->t);
    return n;
}

static int64_t window_begin(const struct sim *s)
{
    int64_t sent = s->current ? s->current->sent_ms : s->now_ms;

    return sent - (s->sc->faults ? FAULT_WINDOW_MS : CALM_WINDOW_MS);
}

/* The most that limits allowed since the window began, or with surge_only the most they allowed above replicas. */
static int64_t most_allowed(struct sim *s, bool surge_only)
{
    int64_t most = 0;

    for (size_t i = 0; i < s->n_limits; i++) {
        int64_t until = i + 1 < s->n_limits ? s->limits[i + 1].from_ms : INT64_MAX;
        int64_t n = s->limits[i].surge + (surge_only ? 0 : s->limits[i].replicas);

        if (until >= window_begin(s) && n > most)
            most = n;
    }
    return most;
}

static bool always_in_place_only(struct sim *s)
{
    for (size_t i = 0; i < s->n_limits; i++) {
        int64_t until = i + 1 < s->n_limits ? s->limits[i + 1].from_ms : INT64_MAX;

        if (until >= window_begin(s) && !s->limits[i].in_place_only)
            return false;
    }
    return true;
}

/* There were, or somebody who looked at different things at different times saw, more Pods than replicas. */
static bool excess_lately(struct sim *s)
{
    int64_t most_pods = 0;
    int64_t least_replicas = INT64_MAX;

    for (size_t i = s->n_samples; i-- > 0;) {
        const struct sim_sample *x = &s->samples[i];

        most_pods = x->pods > most_pods ? x->pods : most_pods;
        least_replicas = x->replicas < least_replicas ? x->replicas : least_replicas;
        if (x->from_ms < window_begin(s))
            break;
    }
    /* With maxSurge a create under way counts already: the one that it replaces may go if maxUnavailable allows that. */
    return most_pods + most_allowed(s, true) > least_replicas;
}

/* ---- Pods ---- */

static void check_pod_name(struct sim *s, const struct sim_obj *o)
{
    const char *id = sim_label(o->t, CS_LABEL_INSTANCE_ID);
    cs_autofree char *name = cs_xasprintf("%s-%s", SIM_SET, id ? id : "");

    if (!id || !cs_streq(name, o->name))
        sim_fail(s, "Pod %s has the id %s", o->name, id ? id : "none");
    for (const struct sim_obj *x = s->objs; x; x = x->next)
        if (x != o && x->kind == CS_K_POD && cs_streq(sim_label(x->t, CS_LABEL_INSTANCE_ID), id))
            sim_fail(s, "Pods %s and %s have the same id", o->name, x->name);
}

static const char *claim_of(const struct cs_jtree *volume)
{
    return sim_str(volume, "persistentVolumeClaim/claimName");
}

static void check_new_claims(struct sim *s, const struct sim_obj *o, bool late)
{
    const char *uid = the_set(s) ? the_set(s)->uid : "";

    for (struct cs_jtree *v = cs_jtree_first(sim_get(o->t, "spec/volumes")); v; v = cs_jtree_next(v)) {
        const struct sim_obj *c = claim_of(v) ? sim_find(s, CS_K_CLAIM, claim_of(v)) : NULL;

        if (!claim_of(v) || late)
            continue;
        if (!c)
            sim_fail(s, "Pod %s was created without its claim %s", o->name, claim_of(v));
        else if (sim_str(c->t, "metadata/deletionTimestamp"))
            sim_fail(s, "Pod %s was created on the Terminating claim %s", o->name, c->name);
        else if (!sim_owned_by(c->t, uid))
            sim_fail(s, "Pod %s was created on claim %s, which the set does not own", o->name, c->name);
    }
}

void sim_check_create(struct sim *s, enum sim_actor who, const struct sim_obj *o)
{
    bool late = s->current && (!s->current->done || s->now_ms >= s->current->sent_ms + 5000);

    if (o->kind == CS_K_SET) {
        sim_check_commit(s, who, o, o->t);
        return;
    }
    if (who != SIM_CONTROLLER || o->kind != CS_K_POD)
        return;
    s->orphan_creates = s->orphan_creates || late;
    check_pod_name(s, o);
    check_new_claims(s, o, late);
    if (!s->orphan_creates && active_pods(s) > most_allowed(s, false))
        sim_fail(s, "Pod %s makes %lld, but replicas + maxSurge is %lld", o->name, (long long)active_pods(s),
            (long long)most_allowed(s, false));
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

/* A Ready Pod goes out of service by our doing: as many as the strategy promises must stay. */
static void check_available(struct sim *s, const struct sim_obj *leaving)
{
    const struct sim_obj *set = the_set(s);
    int64_t replicas = sim_int(set->t, "spec/replicas", 1);
    int64_t most = sim_int(set->t, "spec/updateStrategy/maxUnavailable", 1);
    int64_t ready = 0;

    if (!s->sc->strict_unavailable || !cs_streq(sim_condition(leaving->t, "Ready"), "True"))
        return;
    for (const struct sim_obj *o = s->objs; o; o = o->next)
        ready += o != leaving && o->kind == CS_K_POD && sim_pod_active(o->t) &&
                 cs_streq(sim_condition(o->t, "Ready"), "True");
    if (ready < replicas - most)
        sim_fail(s, "Pod %s is taken out of service with %lld others ready; replicas %lld, maxUnavailable %lld",
            leaving->name, (long long)ready, (long long)replicas, (long long)most);
}

static void check_pod_commit(struct sim *s, const struct sim_obj *o, const struct cs_jtree *after)
{
    bool marked = sim_label(after, CS_LABEL_SPECIFIED_DELETE) && !sim_label(o->t, CS_LABEL_SPECIFIED_DELETE);

    if (!cs_streq(sim_label(o->t, CS_LABEL_INSTANCE_ID), sim_label(after, CS_LABEL_INSTANCE_ID)))
        sim_fail(s, "the id of Pod %s was changed", o->name);
    if (images_differ(o->t, after) && has_gate(o->t) && cs_streq(sim_condition(o->t, CS_COND_INPLACE_READY), "True"))
        sim_fail(s, "the image of Pod %s changes while its gate is True", o->name);
    if (!cs_streq(sim_condition(o->t, CS_COND_INPLACE_READY), "False") &&
        cs_streq(sim_condition(after, CS_COND_INPLACE_READY), "False"))
        check_available(s, o);
    if (marked && always_in_place_only(s))
        sim_fail(s, "InPlaceOnly, but Pod %s is marked to be recreated", o->name);
}

void sim_check_delete(struct sim *s, enum sim_actor who, const struct sim_obj *o)
{
    const char *phase = sim_str(o->t, "status/phase");
    bool finished = cs_streq(phase, "Failed") || cs_streq(phase, "Succeeded");

    if (who != SIM_CONTROLLER || o->kind != CS_K_POD)
        return;
    if (!o->called_for && !finished && !excess_lately(s))
        sim_fail(s, "Pod %s is deleted, but nothing called for it", o->name);
    check_available(s, o);
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
    if (!s->sc->scales && !s->sc->recreates)
        sim_fail(s, "claim %s is handed over to Pod %s, but nothing in this scenario deletes a Pod", o->name, pod);
    if (p && !p->called_for && !excess_lately(s))
        sim_fail(s, "claim %s is handed over to Pod %s, whose deletion nothing called for", o->name, pod);
}

void sim_check_removed(struct sim *s, enum sim_actor who, const struct sim_obj *o)
{
    const struct sim_obj *set = the_set(s);

    (void)who;
    if (o->kind != CS_K_CLAIM || !set)
        return;
    if (sim_owned_by(o->t, set->uid))
        sim_fail(s, "claim %s vanished while the set owned it", o->name);
    if (!s->sc->scales && !s->sc->recreates)
        sim_fail(s, "claim %s vanished, but nothing in this scenario deletes a Pod for good", o->name);
}

/* ---- the set ---- */

static void take_limits(struct sim *s, const struct cs_jtree *set)
{
    struct sim_limit l = {.from_ms = s->now_ms,
        .replicas = sim_int(set, "spec/replicas", 1),
        .surge = sim_int(set, "spec/updateStrategy/maxSurge", 0),
        .in_place_only = cs_streq(sim_str(set, "spec/updateStrategy/type"), "InPlaceOnly")};
    const struct cs_jtree *names = sim_get(set, "spec/scaleStrategy/podsToDelete");

    cs_grow(s->limits, s->n_limits, s->cap_limits);
    s->limits[s->n_limits++] = l;
    for (struct cs_jtree *n = cs_jtree_is(names, CS_J_ARRAY) ? cs_jtree_first(names) : NULL; n; n = cs_jtree_next(n)) {
        struct sim_obj *p = sim_find(s, CS_K_POD, cs_jtree_str(n));

        if (p)
            p->called_for = true;
    }
}

void sim_check_commit(struct sim *s, enum sim_actor who, const struct sim_obj *o, const struct cs_jtree *after)
{
    if (o->kind == CS_K_SET)
        take_limits(s, after);
    if (who == SIM_CONTROLLER && o->kind == CS_K_POD)
        check_pod_commit(s, o, after);
    if (who == SIM_CONTROLLER && o->kind == CS_K_CLAIM)
        check_claim_commit(s, o, after);
    if (o->kind == CS_K_POD && sim_label(after, CS_LABEL_SPECIFIED_DELETE)) {
        struct sim_obj *p = sim_by_serial(s, o->serial);

        if (p)
            p->called_for = true;
    }
}

/* At every change of Pods or of the set. */
void sim_check_state(struct sim *s)
{
    const struct sim_obj *set = the_set(s);
    struct sim_sample x = {.from_ms = s->now_ms};

    if (!set)
        return;
    x.pods = active_pods(s);
    x.replicas = sim_int(set->t, "spec/replicas", 1);
    if (s->n_samples > 0) {
        const struct sim_sample *last = &s->samples[s->n_samples - 1];

        if (last->pods == x.pods && last->replicas == x.replicas)
            return;
    }
    cs_grow(s->samples, s->n_samples, s->cap_samples);
    s->samples[s->n_samples++] = x;
}

/* ---- the end ---- */

static bool no(char *ret_why, size_t size, const char *what, const char *name)
{
    (void)snprintf(ret_why, size, "%s: %s", name, what);
    return false;
}

/* Every member of a is in b with an equal value. */
static bool within(const struct cs_jtree *a, const struct cs_jtree *b)
{
    for (const struct cs_jtree *m = cs_jtree_is(a, CS_J_OBJECT) ? cs_jtree_first(a) : NULL; m; m = cs_jtree_next(m)) {
        const struct cs_jtree *x = cs_jtree_get(b, cs_jtree_key(m));

        if (!x || !cs_jtree_equal(m, x))
            return false;
    }
    return true;
}

/* An empty object, as revisions have it of `resources`, is as good as none. */
static const struct cs_jtree *member_of(const struct cs_jtree *container, const char *key)
{
    const struct cs_jtree *v = cs_jtree_get(container, key);

    return cs_jtree_is(v, CS_J_OBJECT) && !cs_jtree_first(v) ? NULL : v;
}

/* In what the user edits; a revision's data may have members with default values that the template lacks. */
static bool same_containers(const struct cs_jtree *a, const struct cs_jtree *b)
{
    static const char *const members[] = {"name", "image", "env", "resources"};

    if (cs_jtree_count(a) != cs_jtree_count(b))
        return false;
    for (size_t i = 0; i < cs_jtree_count(a); i++)
        for (size_t k = 0; k < CS_ARRAY_LEN(members); k++) {
            const struct cs_jtree *x = member_of(cs_jtree_index(a, i), members[k]);
            const struct cs_jtree *y = member_of(cs_jtree_index(b, i), members[k]);

            if ((x != NULL) != (y != NULL) || (x && !cs_jtree_equal(x, y)))
                return false;
        }
    return true;
}

static bool pod_done(struct sim *s, const struct sim_obj *set, const struct sim_obj *o, char *ret_why, size_t size)
{
    const char *revision = sim_str(set->t, "status/updateRevision");

    if (sim_str(o->t, "metadata/deletionTimestamp"))
        return no(ret_why, size, "is Terminating", o->name);
    if (!sim_pod_active(o->t))
        return s->sc->claims ? no(ret_why, size, "has finished and is still there", o->name) : true;
    if (!cs_streq(sim_condition(o->t, "Ready"), "True"))
        return no(ret_why, size, "is not Ready", o->name);
    if (!revision || !cs_revision_same(sim_label(o->t, CS_LABEL_REVISION), revision))
        return no(ret_why, size, "is not at the update revision", o->name);
    if (sim_label(o->t, CS_LABEL_SPECIFIED_DELETE))
        return no(ret_why, size, "is still marked", o->name);
    if (!same_containers(sim_get(o->t, "spec/containers"), sim_get(set->t, "spec/template/spec/containers")))
        return no(ret_why, size, "has other containers than the template", o->name);
    if (!within(sim_get(set->t, "spec/template/metadata/labels"), sim_get(o->t, "metadata/labels")))
        return no(ret_why, size, "lacks labels of the template", o->name);
    for (struct cs_jtree *v = cs_jtree_first(sim_get(o->t, "spec/volumes")); v; v = cs_jtree_next(v)) {
        const struct sim_obj *c = claim_of(v) ? sim_find(s, CS_K_CLAIM, claim_of(v)) : NULL;

        if (claim_of(v) && (!c || !sim_owned_by(c->t, set->uid) || sim_str(c->t, "metadata/deletionTimestamp")))
            return no(ret_why, size, "has no claim of the set", o->name);
    }
    return true;
}

bool sim_converged(struct sim *s, char *ret_why, size_t size)
{
    static const char *const counters[] = {"status/replicas", "status/readyReplicas", "status/availableReplicas",
        "status/updatedReplicas", "status/updatedReadyReplicas"};
    const struct sim_obj *set = the_set(s);
    int64_t replicas = sim_int(set->t, "spec/replicas", 1);
    const struct cs_jtree *names = sim_get(set->t, "spec/scaleStrategy/podsToDelete");

    for (const struct sim_obj *o = s->objs; o; o = o->next)
        if (o->kind == CS_K_POD && !pod_done(s, set, o, ret_why, size))
            return false;
    if (active_pods(s) != replicas)
        return no(ret_why, size, "has the wrong number of Pods", SIM_SET);
    if (cs_jtree_is(names, CS_J_ARRAY) && cs_jtree_count(names) > 0)
        return no(ret_why, size, "still names Pods to delete", SIM_SET);
    for (size_t i = 0; i < CS_ARRAY_LEN(counters); i++)
        if (sim_int(set->t, counters[i], -1) != replicas)
            return no(ret_why, size, counters[i], SIM_SET);
    if (sim_int(set->t, "status/observedGeneration", -1) != sim_int(set->t, "metadata/generation", 0))
        return no(ret_why, size, "status/observedGeneration", SIM_SET);
    if (!cs_streq(sim_str(set->t, "status/currentRevision"), sim_str(set->t, "status/updateRevision")))
        return no(ret_why, size, "status/currentRevision", SIM_SET);
    return true;
}
