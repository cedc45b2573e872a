/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Status tells the truth (spec §7, docs/status.md): every counter and every condition, computed once more from the objects.
 */
#include <stdio.h>
#include <string.h>

#include "common/api/gvr.h"
#include "common/cloneset/names.h"
#include "test/sim/sim.h"

struct counts {
    int64_t replicas, ready, available, updated, updated_ready, updated_available, terminating;
    bool failing, unschedulable; /* a Pod that is not available: why */
};

static bool wrong(char *ret_why, size_t size, const char *what, int64_t is, int64_t should)
{
    (void)snprintf(ret_why, size, "status.%s is %lld, but should be %lld", what, (long long)is, (long long)should);
    return false;
}

static bool wrong_text(char *ret_why, size_t size, const char *what, const char *is, const char *should)
{
    (void)snprintf(ret_why, size, "%s is %s, but should be %s", what, is ? is : "absent", should ? should : "absent");
    return false;
}

static bool is_new(const struct sim_obj *set, const struct sim_obj *pod)
{
    return cs_revision_same(sim_label(pod->t, CS_LABEL_REVISION), sim_str(set->t, "status/updateRevision"));
}

int64_t sim_old_pods(struct sim *s, const struct sim_obj *set)
{
    int64_t n = 0;

    for (const struct sim_obj *o = s->objs; o; o = o->next)
        n += o->kind == CS_K_POD && sim_pod_active(o->t) && sim_is_ours(set, o->t) && !is_new(set, o);
    return n;
}

static bool container_waits(const struct cs_jtree *pod)
{
    const struct cs_jtree *list = sim_get(pod, "status/containerStatuses");

    for (struct cs_jtree *c = cs_jtree_is(list, CS_J_ARRAY) ? cs_jtree_first(list) : NULL; c; c = cs_jtree_next(c))
        if (sim_get(c, "state/waiting"))
            return true;
    return false;
}

static void count(struct sim *s, const struct sim_obj *set, struct counts *c)
{
    int64_t min_ready = sim_int(set->t, "spec/minReadySeconds", 0);

    for (const struct sim_obj *o = s->objs; o; o = o->next) {
        if (o->kind != CS_K_POD || !sim_is_ours(set, o->t))
            continue;
        c->terminating += sim_str(o->t, "metadata/deletionTimestamp") != NULL;
        if (!sim_pod_active(o->t))
            continue;
        bool ready = sim_ready(s, o->t, 0);
        bool available = sim_available(s, o->t, min_ready);

        c->replicas++;
        c->ready += ready;
        c->available += available;
        c->updated += is_new(set, o);
        c->updated_ready += is_new(set, o) && ready;
        c->updated_available += is_new(set, o) && available;
        c->failing = c->failing || (!available && container_waits(o->t));
        c->unschedulable = c->unschedulable || (!available && cs_streq(sim_condition(o->t, "PodScheduled"), "False"));
    }
}

static bool counters_true(const struct sim_obj *set, const struct counts *c, char *ret_why, size_t size)
{
    const struct {
        const char *path;
        int64_t should;
    } all[] = {{"status/replicas", c->replicas}, {"status/readyReplicas", c->ready},
        {"status/availableReplicas", c->available}, {"status/updatedReplicas", c->updated},
        {"status/updatedReadyReplicas", c->updated_ready}, {"status/updatedAvailableReplicas", c->updated_available},
        {"status/terminatingReplicas", c->terminating},
        {"status/expectedUpdatedReplicas", sim_int(set->t, "spec/replicas", 1) - sim_partition(set->t)},
        {"status/observedGeneration", sim_int(set->t, "metadata/generation", 0)}};

    for (size_t i = 0; i < CS_ARRAY_LEN(all); i++)
        if (sim_int(set->t, all[i].path, -1) != all[i].should)
            return wrong(
                ret_why, size, all[i].path + strlen("status/"), sim_int(set->t, all[i].path, -1), all[i].should);
    return true;
}

static const char *reason_of(const struct sim_obj *set, const char *type)
{
    const struct cs_jtree *list = sim_get(set->t, "status/conditions");

    for (struct cs_jtree *c = cs_jtree_is(list, CS_J_ARRAY) ? cs_jtree_first(list) : NULL; c; c = cs_jtree_next(c))
        if (cs_streq(sim_str(c, "type"), type))
            return sim_str(c, "reason");
    return NULL;
}

static bool on(const struct sim_obj *set, const char *path)
{
    return cs_jtree_is(sim_get(set->t, path), CS_J_TRUE);
}

static bool is_on_delete(const struct sim_obj *set)
{
    return cs_streq(sim_str(set->t, "spec/updateStrategy/type"), "OnDelete");
}

/* Reason of Ready when what the spec asks for now is there. */
static const char *good_reason(const struct sim_obj *set, const struct counts *c)
{
    int64_t left = c->replicas - c->updated - sim_partition(set->t);

    if (left > 0 && on(set, "spec/updateStrategy/paused"))
        return "Paused";
    if (left > 0)
        return "OnDelete";
    return c->updated < c->replicas ? "PartitionReached" : "Available";
}

static bool has_deadline(const struct sim_obj *set)
{
    return sim_int(set->t, "spec/progressDeadlineSeconds", INT32_MAX) != INT32_MAX;
}

/* Why a set in whose way something stays is not there; one of several. */
static bool bad_reason_fits(const struct sim_obj *set, const struct counts *c, const char *reason, bool *ret_stalled)
{
    *ret_stalled = true;
    if (cs_streq(sim_str(set->t, "spec/updateStrategy/type"), "InPlaceOnly") && c->updated < c->replicas &&
        cs_streq(reason, "FailedUpdate"))
        return true;
    if (has_deadline(set))
        return cs_streq(reason, "ProgressDeadlineExceeded");
    *ret_stalled = false;
    if (c->failing)
        return cs_streq(reason, "PodsFailing");
    if (c->unschedulable)
        return cs_streq(reason, "PodsUnschedulable");
    return cs_streq(reason, "PodsStarting");
}

static bool verdict_true(const struct sim_obj *set, const struct counts *c, bool reached, char *ret_why, size_t size)
{
    const char *should = reached ? "True" : "False";
    const char *reason = reason_of(set, "Ready");
    bool stalled = false;

    if (!cs_streq(sim_condition(set->t, "Ready"), should))
        return wrong_text(ret_why, size, "Ready", sim_condition(set->t, "Ready"), should);
    if (reached && !cs_streq(reason, good_reason(set, c)))
        return wrong_text(ret_why, size, "the reason of Ready", reason, good_reason(set, c));
    if (!reached && !bad_reason_fits(set, c, reason, &stalled))
        return wrong_text(ret_why, size, "the reason of Ready", reason, "what is in the way");
    if (cs_streq(sim_condition(set->t, "Stalled"), "True") != stalled)
        return wrong_text(ret_why, size, "Stalled", sim_condition(set->t, "Stalled"), stalled ? "True" : "False");
    if (cs_streq(sim_condition(set->t, "Reconciling"), "True") != (!reached && !stalled))
        return wrong_text(ret_why, size, "Reconciling", sim_condition(set->t, "Reconciling"), "the third of three");
    if (cs_streq(sim_condition(set->t, "FailedScale"), "True"))
        return wrong_text(ret_why, size, "FailedScale", "True", NULL);
    if (cs_streq(sim_condition(set->t, "FailedUpdate"), "True") != (!reached && cs_streq(reason, "FailedUpdate")))
        return wrong_text(ret_why, size, "FailedUpdate", sim_condition(set->t, "FailedUpdate"), "as Ready says");
    return true;
}

/* Spec §7.4. */
static bool progressing_true(
    const struct sim_obj *set, const struct counts *c, bool reached, char *ret_why, size_t size)
{
    int64_t n = sim_int(set->t, "spec/replicas", 1);
    int64_t expected = n - sim_partition(set->t);
    const char *is = reason_of(set, "Progressing");
    const char *should = "ProgressDeadlineExceeded";

    if (!has_deadline(set))
        should = NULL;
    else if (cs_streq(sim_str(set->t, "status/currentRevision"), sim_str(set->t, "status/updateRevision")) &&
             c->replicas == n && c->updated == n && c->updated_available == n)
        should = "CloneSetAvailable";
    else if (on(set, "spec/updateStrategy/paused"))
        should = "CloneSetPaused";
    else if (expected < n && expected <= c->updated_available)
        should = "ProgressPartitionAvailable";
    if (reached && is_on_delete(set) && should && strcmp(should, "ProgressDeadlineExceeded") == 0)
        return true; /* its time may not be over yet */
    return is == should || cs_streq(is, should) ? true : wrong_text(ret_why, size, "Progressing", is, should);
}

bool sim_status_true(struct sim *s, const struct sim_obj *set, bool reached, char *ret_why, size_t size)
{
    const char *current = sim_str(set->t, "status/currentRevision");
    const char *update = sim_str(set->t, "status/updateRevision");
    struct counts c = {0};

    count(s, set, &c);
    if (!counters_true(set, &c, ret_why, size) || !verdict_true(set, &c, reached, ret_why, size) ||
        !progressing_true(set, &c, reached, ret_why, size))
        return false;
    if (!update || !sim_find(s, CS_K_REVISION, update))
        return wrong_text(ret_why, size, "updateRevision", update, "a revision that exists");
    if (c.updated == c.replicas && reached && !cs_streq(current, update))
        return wrong_text(ret_why, size, "currentRevision", current, update);
    return cs_streq(sim_str(set->t, "status/labelSelector"), "app=web")
               ? true
               : wrong_text(ret_why, size, "labelSelector", sim_str(set->t, "status/labelSelector"), "app=web");
}
