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
    const struct cs_jtree *annos = sim_get(set->t, "metadata/annotations");

    return cs_jtree_is(annos, CS_J_OBJECT) &&
           cs_streq(cs_jtree_str(cs_jtree_get(annos, CS_ANNO_EXPAND_CLAIMS)), "true");
}

static bool claim_done(struct sim *s, const struct sim_obj *set, const struct sim_obj *o, char *ret_why, size_t size)
{
    const struct sim_obj *p = pod_with_id(s, sim_label(o->t, CS_LABEL_INSTANCE_ID));
    const char *want = wanted_size(set, o);
    int sign;

    if (sim_str(o->t, "metadata/deletionTimestamp"))
        return no(ret_why, size, "is Terminating", o->name);
    if (!sim_owned_by(o->t, set->uid))
        return true;
    if (reuse_is_off(set) && (!p || (!sim_pod_active(p->t) && p->kept_ms == 0)))
        return no(ret_why, size, "has no Pod that needs it, and nothing takes it over", o->name);
    if (want && o->serial % 3 != 0 && wants_growth(set) &&
        cs_quantity_cmp(cs_str(want), cs_str(sim_str(o->t, "spec/resources/requests/storage")), &sign) && sign > 0)
        return no(ret_why, size, "has not grown", o->name);
    return true;
}

static bool pod_done(struct sim *s, const struct sim_obj *set, const struct sim_obj *o, char *ret_why, size_t size)
{
    const char *revision = sim_str(set->t, "status/updateRevision");

    if (sim_str(o->t, "metadata/deletionTimestamp"))
        return no(ret_why, size, "is Terminating", o->name);
    if (!sim_pod_active(o->t))
        return s->sc->claims && !reuse_is_off(set) ? no(ret_why, size, "has finished and is still there", o->name)
                                                   : true;
    if (!cs_streq(sim_condition(o->t, "Ready"), "True"))
        return no(ret_why, size, "is not Ready", o->name);
    if (!revision || !cs_revision_same(sim_label(o->t, CS_LABEL_REVISION), revision))
        return no(ret_why, size, "is not at the update revision", o->name);
    if (sim_label(o->t, CS_LABEL_SPECIFIED_DELETE))
        return no(ret_why, size, "is still marked", o->name);
    if (sim_hooks_pending(o))
        return no(ret_why, size, sim_hooks_pending(o), o->name);
    if (!same_containers(sim_get(o->t, "spec/containers"), sim_get(set->t, "spec/template/spec/containers")))
        return no(ret_why, size, "has other containers than the template", o->name);
    if (!within(sim_get(set->t, "spec/template/metadata/labels"), sim_get(o->t, "metadata/labels")))
        return no(ret_why, size, "lacks labels of the template", o->name);
    for (struct cs_jtree *v = cs_jtree_first(sim_get(o->t, "spec/volumes")); v; v = cs_jtree_next(v)) {
        const struct sim_obj *c = sim_claim_of(v) ? sim_find(s, CS_K_CLAIM, sim_claim_of(v)) : NULL;

        if (sim_claim_of(v) && (!c || !sim_owned_by(c->t, set->uid) || sim_str(c->t, "metadata/deletionTimestamp")))
            return no(ret_why, size, "has no claim of the set", o->name);
    }
    return true;
}

bool sim_converged(struct sim *s, char *ret_why, size_t size)
{
    static const char *const counters[] = {"status/replicas", "status/readyReplicas", "status/availableReplicas",
        "status/updatedReplicas", "status/updatedReadyReplicas"};
    const struct sim_obj *set = sim_the_set(s);
    int64_t replicas = sim_int(set->t, "spec/replicas", 1);
    const struct cs_jtree *names = sim_get(set->t, "spec/scaleStrategy/podsToDelete");

    for (const struct sim_obj *o = s->objs; o; o = o->next)
        if ((o->kind == CS_K_POD && !pod_done(s, set, o, ret_why, size)) ||
            (o->kind == CS_K_CLAIM && s->sc->minds_claims && !claim_done(s, set, o, ret_why, size)))
            return false;
    if (sim_active_pods(s) != replicas)
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
    /* kstatus: Current (docs/status.md) */
    if (!cs_streq(sim_condition(set->t, "Ready"), "True") || !cs_streq(sim_condition(set->t, "Reconciling"), "False") ||
        !cs_streq(sim_condition(set->t, "Stalled"), "False"))
        return no(ret_why, size, "is not Ready, Reconciling or Stalled", SIM_SET);
    return true;
}
