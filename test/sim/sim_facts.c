/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Facts about objects, read from the server's state alone and written a second time here, apart from the product's own rules.
 */
#include <stdlib.h>
#include <string.h>

#include "common/api/gvr.h"
#include "common/base/alloc.h"
#include "test/sim/sim.h"

bool sim_pod_finished(const struct cs_jtree *pod)
{
    const char *phase = sim_str(pod, "status/phase");

    return cs_streq(phase, "Failed") || cs_streq(phase, "Succeeded");
}

bool sim_pod_active(const struct cs_jtree *pod)
{
    return !sim_str(pod, "metadata/deletionTimestamp") && !sim_pod_finished(pod);
}

bool sim_pod_prepared(const struct cs_jtree *pod)
{
    return cs_streq(sim_label(pod, CS_LABEL_LIFECYCLE_STATE), "PreparingDelete");
}

/* Spec §5.1 step 2: what was sent to its preDelete hook does not come back. */
bool sim_no_regret(const struct cs_jtree *set)
{
    return cs_jtree_is(sim_get(set, "spec/lifecycle/preDelete/markPodNotReady"), CS_J_TRUE) ||
           cs_jtree_is(sim_get(set, "spec/lifecycle/inPlaceUpdate/markPodNotReady"), CS_J_TRUE);
}

struct sim_obj *sim_the_set(struct sim *s)
{
    return sim_find(s, CS_K_SET, SIM_SET);
}

const char *sim_claim_of(const struct cs_jtree *volume)
{
    return sim_str(volume, "persistentVolumeClaim/claimName");
}

bool sim_named_for_delete(const struct cs_jtree *set, const char *pod)
{
    const struct cs_jtree *names = sim_get(set, "spec/scaleStrategy/podsToDelete");

    for (struct cs_jtree *n = cs_jtree_is(names, CS_J_ARRAY) ? cs_jtree_first(names) : NULL; n; n = cs_jtree_next(n))
        if (cs_streq(cs_jtree_str(n), pod))
            return true;
    return false;
}

bool sim_mounts(const struct cs_jtree *pod, const char *claim)
{
    for (struct cs_jtree *v = cs_jtree_first(sim_get(pod, "spec/volumes")); v; v = cs_jtree_next(v))
        if (cs_streq(sim_claim_of(v), claim))
            return true;
    return false;
}

/* The uid of its controller, or NULL. */
const char *sim_controller_of(const struct cs_jtree *obj)
{
    const struct cs_jtree *owners = sim_get(obj, "metadata/ownerReferences");

    for (const struct cs_jtree *o = cs_jtree_is(owners, CS_J_ARRAY) ? cs_jtree_first(owners) : NULL; o;
         o = cs_jtree_next(o))
        if (cs_jtree_is(cs_jtree_get(o, "controller"), CS_J_TRUE))
            return sim_str(o, "uid");
    return NULL;
}

/* A set of this name controls it, or did: the one of now, or one before it. */
bool sim_was_ours(const struct sim *s, const struct cs_jtree *obj)
{
    const char *uid = sim_controller_of(obj);

    for (size_t i = 0; uid && i < s->n_uids; i++)
        if (strcmp(s->uids[i], uid) == 0)
            return true;
    return false;
}

/* A Pod that the set counts (spec §4.4, D6): controlled, selected, and with the label that the controller watches by. */
bool sim_is_ours(const struct sim_obj *set, const struct cs_jtree *pod)
{
    return set && cs_streq(sim_controller_of(pod), set->uid) && sim_label(pod, CS_LABEL_INSTANCE_ID) &&
           cs_streq(sim_label(pod, "app"), "web");
}

int64_t sim_active_pods(struct sim *s)
{
    const struct sim_obj *set = sim_the_set(s);
    int64_t n = 0;

    for (const struct sim_obj *o = s->objs; o; o = o->next)
        n += o->kind == CS_K_POD && sim_pod_active(o->t) && sim_is_ours(set, o->t);
    return n;
}

/* Appendix B.2, for whole percentages. */
int64_t sim_scaled(const struct cs_jtree *v, int64_t n, bool up, int64_t otherwise)
{
    int64_t percent;

    if (cs_jtree_is(v, CS_J_STRING)) {
        percent = strtol(cs_jtree_str(v), NULL, 10) * n;
        return up ? (percent + 99) / 100 : percent / 100;
    }
    return cs_jtree_is(v, CS_J_NUMBER) ? strtol(cs_jtree_number(v), NULL, 10) : otherwise;
}

/* Appendix B.1. */
int64_t sim_partition(const struct cs_jtree *set)
{
    const struct cs_jtree *v = sim_get(set, "spec/updateStrategy/partition");
    int64_t n = sim_int(set, "spec/replicas", 1);
    int64_t p = sim_scaled(v, n, true, 0);

    if (n > 1 && p == n && cs_jtree_is(v, CS_J_STRING) && strcmp(cs_jtree_str(v), "100%") != 0)
        p = n - 1;
    return p < 0 ? 0 : p > n ? n : p;
}

static int64_t at_least_0(int64_t x)
{
    return x > 0 ? x : 0;
}

/* Spec §5.2: S. */
int64_t sim_surge(const struct cs_jtree *set)
{
    if (cs_jtree_is(sim_get(set, "spec/updateStrategy/paused"), CS_J_TRUE))
        return 0;
    return at_least_0(
        sim_scaled(sim_get(set, "spec/updateStrategy/maxSurge"), sim_int(set, "spec/replicas", 1), true, 0));
}

/* Spec §5.2: U. */
int64_t sim_max_unavailable(const struct cs_jtree *set)
{
    const struct cs_jtree *v = sim_get(set, "spec/updateStrategy/maxUnavailable");
    int64_t n = sim_int(set, "spec/replicas", 1);
    bool up = sim_surge(set) == 0;

    return v ? sim_scaled(v, n, up, 0) : up ? (n * 20 + 99) / 100 : n * 20 / 100;
}

/* Spec §5.3: update-ready. */
bool sim_ready(struct sim *s, const struct cs_jtree *pod, int64_t min_ready_s)
{
    const struct cs_jtree *list = sim_get(pod, "status/conditions");
    const char *gate = sim_condition(pod, CS_COND_INPLACE_READY);
    int64_t since = 0;

    if (!cs_streq(sim_str(pod, "status/phase"), "Running") || (gate && !cs_streq(gate, "True")) ||
        !cs_streq(sim_condition(pod, "Ready"), "True"))
        return false;
    for (struct cs_jtree *c = cs_jtree_first(list); c && min_ready_s > 0; c = cs_jtree_next(c))
        if (cs_streq(sim_str(c, "type"), "Ready"))
            (void)cs_rfc3339_parse(cs_str(sim_str(c, "lastTransitionTime")), &since);
    return min_ready_s == 0 || (since > 0 && cs_clock_wall_ms(&s->clock) - since > min_ready_s * 1000);
}

bool sim_available(struct sim *s, const struct cs_jtree *pod, int64_t min_ready_s)
{
    const char *state = sim_label(pod, CS_LABEL_LIFECYCLE_STATE);

    return (!state || cs_streq(state, "Normal")) && sim_ready(s, pod, min_ready_s);
}
