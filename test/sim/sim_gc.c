/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The garbage collector, and the protection of claims that a Pod uses.
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
        if (o->kind != CS_K_POD)
            continue;
        for (struct cs_jtree *v = cs_jtree_first(sim_get(o->t, "spec/volumes")); v; v = cs_jtree_next(v))
            if (cs_streq(sim_str(v, "persistentVolumeClaim/claimName"), claim))
                return true;
    }
    return false;
}

static bool collect_one(struct sim *s)
{
    for (struct sim_obj *o = s->objs; o; o = o->next) {
        bool going = sim_str(o->t, "metadata/deletionTimestamp") != NULL;

        if (!going && orphaned(s, o)) {
            sim_delete(s, SIM_GC, o);
            return true;
        }
        if (going && o->kind == CS_K_CLAIM && !mounted(s, o->name)) {
            struct cs_jtree *t = cs_jtree_dup(o->t);

            cs_jtree_del(sim_need(t, "metadata"), "finalizers");
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
