/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The garbage collector (background, foreground, orphans), and the protection of claims that a Pod uses.
 */
#include "common/api/gvr.h"
#include "common/base/alloc.h"
#include "test/sim/sim.h"

static bool orphaned(struct sim *s, const struct sim_obj *o)
{
    const struct cs_jtree *owners = sim_get(o->t, "metadata/ownerReferences");
    size_t n = cs_jtree_is(owners, CS_J_ARRAY) ? cs_jtree_count(owners) : 0;

    for (size_t i = 0; i < n; i++)
        if (sim_by_uid(s, sim_str(cs_jtree_index(owners, i), "uid")))
            return false;
    return n > 0;
}

static bool mounted(struct sim *s, const char *claim)
{
    for (struct sim_obj *o = s->objs; o; o = o->next) {
        if (o->kind != CS_K_POD || sim_pod_finished(o->t) || !sim_str(o->t, "spec/nodeName"))
            continue; /* no kubelet starts a Pod on a claim that is Terminating */
        for (struct cs_jtree *v = cs_jtree_first(sim_get(o->t, "spec/volumes")); v; v = cs_jtree_next(v))
            if (cs_streq(sim_str(v, "persistentVolumeClaim/claimName"), claim))
                return true;
    }
    return false;
}

/* ---- deletion of a set that waits for its dependents, or leaves them alone ---- */

#define FOREGROUND "foregroundDeletion"
#define ORPHAN "orphan"

static struct sim_obj *dependent_of(struct sim *s, const struct sim_obj *owner)
{
    for (struct sim_obj *o = s->objs; o; o = o->next)
        if (sim_owned_by(o->t, owner->uid))
            return o;
    return NULL;
}

static void disown(struct sim *s, struct sim_obj *o, const char *uid)
{
    struct cs_jtree *t = cs_jtree_dup(o->t);
    struct cs_jtree *owners = sim_get(t, "metadata/ownerReferences");

    for (struct cs_jtree *x = cs_jtree_first(owners); x; x = cs_jtree_next(x))
        if (cs_streq(sim_str(x, "uid"), uid)) {
            cs_jtree_remove(owners, x);
            break;
        }
    if (cs_jtree_count(owners) == 0)
        cs_jtree_del(cs_jtree_get(t, "metadata"), "ownerReferences");
    (void)sim_commit(s, SIM_GC, o, t);
}

static bool release_owner(struct sim *s, struct sim_obj *owner, const char *finalizer)
{
    struct cs_jtree *t = cs_jtree_dup(owner->t);

    sim_put_finalizer(t, finalizer, false);
    return sim_commit(s, SIM_GC, owner, t);
}

/* All our ownerReferences block the deletion of their owner. */
static bool collect_for(struct sim *s, struct sim_obj *owner)
{
    struct sim_obj *o = dependent_of(s, owner);

    if (sim_has_finalizer(owner->t, ORPHAN)) {
        if (!o)
            return release_owner(s, owner, ORPHAN);
        disown(s, o, owner->uid);
        return true;
    }
    if (!sim_has_finalizer(owner->t, FOREGROUND))
        return false;
    if (!o)
        return release_owner(s, owner, FOREGROUND);
    for (o = s->objs; o; o = o->next)
        if (sim_owned_by(o->t, owner->uid) && !sim_str(o->t, "metadata/deletionTimestamp")) {
            sim_delete(s, SIM_GC, o);
            return true;
        }
    return false;
}

void sim_delete_set(struct sim *s, enum sim_propagation how)
{
    struct sim_obj *set = sim_the_set(s);
    struct cs_jtree *t;

    if (!set || sim_str(set->t, "metadata/deletionTimestamp"))
        return;
    if (how != SIM_BACKGROUND) {
        t = cs_jtree_dup(set->t);
        sim_put_finalizer(t, how == SIM_FOREGROUND ? FOREGROUND : ORPHAN, true);
        (void)sim_commit(s, SIM_USER, set, t);
    }
    sim_delete(s, SIM_USER, set);
    sim_gc_soon(s);
}

/* ---- what nobody owns any more ---- */

static bool collect_one(struct sim *s)
{
    for (struct sim_obj *o = s->objs; o; o = o->next) {
        bool going = sim_str(o->t, "metadata/deletionTimestamp") != NULL;

        if (going && o->kind == CS_K_SET && collect_for(s, o))
            return true;

        if (!going && orphaned(s, o)) {
            sim_delete(s, SIM_GC, o);
            return true;
        }
        if (going && o->kind == CS_K_CLAIM && sim_has_finalizer(o->t, SIM_CLAIM_FINALIZER) && !mounted(s, o->name)) {
            struct cs_jtree *t = cs_jtree_dup(o->t);

            sim_put_finalizer(t, SIM_CLAIM_FINALIZER, false);
            (void)sim_commit(s, SIM_GC, o, t);
            return true;
        }
    }
    return false;
}

static void collect(struct sim *s, uint64_t arg)
{
    (void)arg;
    s->gc_planned = false;
    while (collect_one(s)) {
    }
    s->gc_planned = false;
}

void sim_gc_soon(struct sim *s)
{
    if (s->gc_planned)
        return;
    s->gc_planned = true;
    sim_later(s, sim_between(s, 20, 3000), collect, 0);
}
