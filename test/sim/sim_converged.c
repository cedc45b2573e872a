/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What must be true in the end, when the faults have stopped: the set is what its spec says, and its status tells it.
 */
#include <string.h>

#include "common/api/gvr.h"
#include "common/base/alloc.h"
#include "common/cloneset/template.h"
#include "test/sim/sim.h"

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

static bool reuse_is_off(const struct sim_obj *set)
{
    return cs_jtree_is(sim_get(set->t, "spec/scaleStrategy/disablePVCReuse"), CS_J_TRUE);
}

static const struct sim_obj *pod_with_id(const struct sim *s, const char *id)
{
    for (const struct sim_obj *o = s->objs; o; o = o->next)
        if (o->kind == CS_K_POD && cs_streq(sim_label(o->t, CS_LABEL_INSTANCE_ID), id))
            return o;
    return NULL;
}

/* The request of the claim template that a claim was made from; NULL: it is no more. */
static const char *wanted_size(const struct sim_obj *set, const struct sim_obj *claim)
{
    for (struct cs_jtree *v = cs_jtree_first(sim_get(set->t, "spec/volumeClaimTemplates")); v; v = cs_jtree_next(v)) {
        cs_autofree char *begin = cs_xasprintf("%s-%s-", sim_str(v, "metadata/name"), SIM_SET);

        if (cs_str_starts(cs_str(claim->name), begin))
            return sim_str(v, "spec/resources/requests/storage");
    }
    return NULL;
}

static bool wants_growth(const struct sim_obj *set)
{
    return cs_streq(sim_annotation(set->t, CS_ANNO_EXPAND_CLAIMS), "true");
}

/*
 * D4: a Pod that is not the set's, one that it has released, say, has the name of the claim's id, and may mount it, finished or not.
 * For as long as it is there nobody else has that claim, and nobody deletes it.
 */
static bool is_left_alone(struct sim *s, const struct sim_obj *set, const struct sim_obj *claim)
{
    const char *id = sim_label(claim->t, CS_LABEL_INSTANCE_ID);
    cs_autofree char *name = cs_xasprintf(SIM_SET "-%s", id ? id : "");
    const struct sim_obj *p = sim_find(s, CS_K_POD, name);

    if (p && !cs_streq(sim_controller_of(p->t), set->uid))
        return true;
    /*
     * One that no watch shows may be gone without a word, and at rest nothing is asked: the claim stays until something happens after
     * the time for which the answer counts (docs/reliability.md, "What is not promised").
     */
    return claim->contested_ms != 0 && s->changed_ms < claim->contested_ms + CS_BLOCK_MS;
}

static bool claim_done(struct sim *s, const struct sim_obj *set, const struct sim_obj *o, char *ret_why, size_t size)
{
    const struct sim_obj *p = pod_with_id(s, sim_label(o->t, CS_LABEL_INSTANCE_ID));
    const char *want = wanted_size(set, o);
    int sign;

    /* Of a set that is gone, a Pod that was released may use it for ever. */
    if (sim_str(o->t, "metadata/deletionTimestamp") && !o->meddled_ms &&
        (cs_streq(sim_controller_of(o->t), set->uid) || !(s->sc->remakes || s->sc->meddles)))
        return no(ret_why, size, "is Terminating", o->name);
    if (!sim_owned_by(o->t, set->uid) || o->meddled_ms != 0)
        return true;
    if (reuse_is_off(set) && !is_left_alone(s, set, o) && (!p || (!sim_pod_active(p->t) && p->kept_ms == 0)))
        return no(ret_why, size, "has no Pod that needs it, and nothing takes it over", o->name);
    if (want && o->serial % 3 != 0 && wants_growth(set) &&
        cs_quantity_cmp(cs_str(want), cs_str(sim_str(o->t, "spec/resources/requests/storage")), &sign) && sign > 0)
        return no(ret_why, size, "has not grown", o->name);
    return true;
}

/* The template of the revision that the Pod carries; NULL: it is no more. */
static const struct cs_jtree *template_of(struct sim *s, const struct sim_obj *set, const struct sim_obj *pod)
{
    const char *revision = sim_label(pod->t, CS_LABEL_REVISION);

    if (cs_revision_same(revision, sim_str(set->t, "status/updateRevision")))
        return sim_get(set->t, "spec/template");
    for (const struct sim_obj *o = s->objs; o; o = o->next)
        if (o->kind == CS_K_REVISION && cs_revision_same(revision, o->name))
            return sim_get(o->t, "data/spec/template");
    return NULL;
}

static bool pod_mounts_done(
    struct sim *s, const struct sim_obj *set, const struct sim_obj *o, char *ret_why, size_t size)
{
    for (struct cs_jtree *v = cs_jtree_first(sim_get(o->t, "spec/volumes")); v; v = cs_jtree_next(v)) {
        const struct sim_obj *c = sim_claim_of(v) ? sim_find(s, CS_K_CLAIM, sim_claim_of(v)) : NULL;

        if (c && c->meddled_ms != 0)
            continue; /* a claim that the user deleted stays Terminating as long as the Pod uses it */
        if (sim_claim_of(v) && (!c || !sim_owned_by(c->t, set->uid) || sim_str(c->t, "metadata/deletionTimestamp")))
            return no(ret_why, size, "has no claim of the set", o->name);
    }
    return true;
}

static bool pod_done(struct sim *s, const struct sim_obj *set, const struct sim_obj *o, char *ret_why, size_t size)
{
    const struct cs_jtree *tmpl = template_of(s, set, o);

    if (!sim_is_ours(set, o->t))
        return true;
    if (sim_str(o->t, "metadata/deletionTimestamp"))
        return no(ret_why, size, "is Terminating", o->name);
    if (!sim_pod_active(o->t))
        return s->sc->claims && !reuse_is_off(set) ? no(ret_why, size, "has finished and is still there", o->name)
                                                   : true;
    if (!sim_available(s, o->t, sim_int(set->t, "spec/minReadySeconds", 0)))
        return no(ret_why, size, "is not available", o->name);
    if (sim_label(o->t, CS_LABEL_SPECIFIED_DELETE))
        return no(ret_why, size, "is still marked", o->name);
    if (sim_hooks_pending(o))
        return no(ret_why, size, sim_hooks_pending(o), o->name);
    /* As old as can be, until an update may come. A restored server may lack the revision that a Pod went to (D5c). */
    if (!tmpl && (s->trouble.restored_ms != 0 || (!sim_label(o->t, CS_LABEL_REVISION) && o->meddled_ms != 0)))
        return pod_mounts_done(s, set, o, ret_why, size);
    if (!tmpl)
        return no(ret_why, size, "has a revision that is no more", o->name);
    if (!same_containers(sim_get(o->t, "spec/containers"), sim_get(tmpl, "spec/containers")))
        return no(ret_why, size, "has other containers than its template", o->name);
    if (!within(sim_get(tmpl, "metadata/labels"), sim_get(o->t, "metadata/labels")) ||
        !within(sim_get(tmpl, "metadata/annotations"), sim_get(o->t, "metadata/annotations")))
        return no(ret_why, size, "lacks labels or annotations of its template", o->name);
    return pod_mounts_done(s, set, o, ret_why, size);
}

/* Updates that the strategy still wants done, and does not hold back. */
static int64_t updates_due(struct sim *s, const struct sim_obj *set)
{
    int64_t left = sim_old_pods(s, set) - sim_partition(set->t);
    bool held = cs_jtree_is(sim_get(set->t, "spec/updateStrategy/paused"), CS_J_TRUE) ||
                cs_streq(sim_str(set->t, "spec/updateStrategy/type"), "OnDelete");

    return held || left < 0 ? 0 : left;
}

static bool reached(struct sim *s, const struct sim_obj *set, char *ret_why, size_t size)
{
    const struct cs_jtree *names = sim_get(set->t, "spec/scaleStrategy/podsToDelete");

    for (const struct sim_obj *o = s->objs; o; o = o->next)
        if ((o->kind == CS_K_POD && !pod_done(s, set, o, ret_why, size)) ||
            (o->kind == CS_K_CLAIM && (s->sc->minds_claims || s->sc->edits) && !claim_done(s, set, o, ret_why, size)))
            return false;
    if (sim_active_pods(s) != sim_int(set->t, "spec/replicas", 1))
        return no(ret_why, size, "has the wrong number of Pods", SIM_SET);
    if (updates_due(s, set) > 0)
        return no(ret_why, size, "has Pods at an old revision", SIM_SET);
    if (cs_jtree_is(names, CS_J_ARRAY) && cs_jtree_count(names) > 0)
        return no(ret_why, size, "still names Pods to delete", SIM_SET);
    return true;
}

bool sim_converged(struct sim *s, char *ret_why, size_t size)
{
    const struct sim_obj *set = sim_the_set(s);
    bool there;

    if (!set || !s->settled)
        return no(ret_why, size, "is not there", SIM_SET);
    there = reached(s, set, ret_why, size);
    if (!there && !s->sc->ends_stuck)
        return false;
    if (!there && s->now_ms < s->judge_from_ms)
        return false;
    return sim_status_true(s, set, there, ret_why, size);
}
