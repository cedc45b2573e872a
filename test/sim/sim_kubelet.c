/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scheduler and kubelet: one step of a Pod at a time, each a commit. And whoever binds claims.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/api/gvr.h"
#include "common/base/alloc.h"
#include "test/sim/sim.h"

/* By the image's name: "bad" cannot be pulled, "dull" never becomes ready, "loop" crashes again and again. */
static bool can_be_pulled(const char *image)
{
    return strstr(image, "bad") == NULL;
}

static bool loops(const char *image)
{
    return strstr(image, "loop") != NULL;
}

bool sim_image_works(const char *image)
{
    return can_be_pulled(image) && !loops(image) && strstr(image, "dull") == NULL;
}

static struct cs_jtree *status_of(const struct cs_jtree *pod, const char *container)
{
    struct cs_jtree *list = sim_get(pod, "status/containerStatuses");

    for (struct cs_jtree *c = cs_jtree_is(list, CS_J_ARRAY) ? cs_jtree_first(list) : NULL; c; c = cs_jtree_next(c))
        if (cs_streq(sim_str(c, "name"), container))
            return c;
    return NULL;
}

/* Two tags share one image (D11). */
static char *image_id(const char *image)
{
    const char *tag = strrchr(image, ':');

    return cs_xasprintf("docker.io/app@sha256:%ld", tag ? strtol(tag + 1, NULL, 10) / 2 : 0L);
}

static void start_container(struct sim *s, struct cs_jtree *pod, const char *name, const char *image)
{
    struct cs_jtree *list = sim_get(pod, "status/containerStatuses");
    struct cs_jtree *st = status_of(pod, name);
    cs_autofree char *id = image_id(image);
    cs_autofree char *cid = cs_xasprintf("containerd://%llu", (unsigned long long)++s->containers);
    int64_t restarts = st ? sim_int(st, "restartCount", 0) + 1 : 0;
    char ts[CS_RFC3339_SIZE];

    if (!list)
        list = cs_jtree_set(sim_need(pod, "status"), "containerStatuses", cs_jtree_new_arr());
    if (!st)
        st = cs_jtree_append(list, cs_jtree_new_obj());
    cs_jtree_set(st, "name", cs_jtree_new_str(name));
    cs_jtree_set(st, "image", cs_jtree_new_str(image));
    cs_jtree_set(st, "restartCount", cs_jtree_new_i64(restarts));
    cs_jtree_del(st, "state");
    if (can_be_pulled(image)) {
        cs_jtree_set(st, "imageID", cs_jtree_new_str(id));
        cs_jtree_set(st, "containerID", cs_jtree_new_str(cid));
        cs_jtree_set(sim_need(st, "state/running"), "startedAt", cs_jtree_new_str(sim_time(s, ts)));
    } else {
        cs_jtree_set(sim_need(st, "state/waiting"), "reason", cs_jtree_new_str("ImagePullBackOff"));
    }
    cs_jtree_set(st, "ready", cs_jtree_new_bool(false));
}

/* Ready for a moment, then waiting to be started again. */
static bool loop_step(struct sim *s, struct cs_jtree *pod, struct cs_jtree *st, const char *image)
{
    bool ready = cs_jtree_is(cs_jtree_get(st, "ready"), CS_J_TRUE);

    if (sim_get(st, "state/waiting")) {
        start_container(s, pod, sim_str(st, "name"), image);
        return true;
    }
    cs_jtree_set(st, "ready", cs_jtree_new_bool(!ready));
    if (ready) {
        cs_jtree_del(st, "state");
        cs_jtree_set(sim_need(st, "state/waiting"), "reason", cs_jtree_new_str("CrashLoopBackOff"));
    }
    return true;
}

/* One thing that a container needs; false: nothing. */
static bool container_step(struct sim *s, struct cs_jtree *pod, const struct cs_jtree *c)
{
    const char *name = sim_str(c, "name");
    const char *image = sim_str(c, "image");
    struct cs_jtree *st = status_of(pod, name);
    bool resized;

    if (!st || !cs_streq(sim_str(st, "image"), image)) {
        start_container(s, pod, name, image);
        (void)sim_resize_report(pod, status_of(pod, name), &resized);
        return true;
    }
    if (sim_resize_report(pod, st, &resized)) {
        start_container(s, pod, name, image);
        return true;
    }
    if (resized)
        return true;
    if (loops(image))
        return loop_step(s, pod, st, image);
    if (cs_jtree_is(cs_jtree_get(st, "ready"), CS_J_TRUE) || !sim_image_works(image))
        return false;
    cs_jtree_set(st, "ready", cs_jtree_new_bool(true));
    return true;
}

static bool conditions_step(struct sim *s, struct cs_jtree *t)
{
    bool containers = true;
    bool ready;
    bool changed;
    char ts[CS_RFC3339_SIZE];

    for (struct cs_jtree *c = cs_jtree_first(sim_get(t, "spec/containers")); c; c = cs_jtree_next(c)) {
        const struct cs_jtree *st = status_of(t, sim_str(c, "name"));

        containers = containers && st && cs_jtree_is(cs_jtree_get(st, "ready"), CS_J_TRUE);
    }
    ready = containers;
    for (struct cs_jtree *g = cs_jtree_first(sim_get(t, "spec/readinessGates")); g; g = cs_jtree_next(g))
        ready = ready && cs_streq(sim_condition(t, sim_str(g, "conditionType")), "True");
    changed = sim_set_condition(t, "ContainersReady", containers, sim_time(s, ts));
    return sim_set_condition(t, "Ready", ready, ts) || changed;
}

/* The first container of the Pod; nothing when none has started. */
void sim_container_crashes(struct sim *s, struct cs_jtree *pod)
{
    const struct cs_jtree *list = sim_get(pod, "status/containerStatuses");
    const struct cs_jtree *st = cs_jtree_is(list, CS_J_ARRAY) ? cs_jtree_first(list) : NULL;
    cs_autofree char *name = st ? cs_xstrdup(sim_str(st, "name")) : NULL;
    cs_autofree char *image = st ? cs_xstrdup(sim_str(st, "image")) : NULL;

    if (!st)
        return;
    start_container(s, pod, name, image);
    (void)conditions_step(s, pod);
}

static int node_number(const char *name)
{
    return name ? name[strlen(name) - 1] - '0' : 0;
}

bool sim_node_alive(const struct sim *s, const char *name)
{
    return s->hindrance.node_dead_until_ms[node_number(name)] <= s->now_ms;
}

static void sync_later(struct sim *s, struct sim_obj *pod, int64_t delay_ms)
{
    pod->sync_planned = true;
    sim_later(s, delay_ms, sim_kubelet, pod->serial);
}

/* Why the scheduler finds no node for it now; NULL: it does. Until when, or 0: until something changes. */
static const char *no_room(struct sim *s, const struct cs_jtree *t, int64_t *ret_until_ms)
{
    bool any = false;

    *ret_until_ms = s->now_ms + 2000;
    for (struct cs_jtree *v = cs_jtree_first(sim_get(t, "spec/volumes")); v; v = cs_jtree_next(v)) {
        const struct sim_obj *c = sim_claim_of(v) ? sim_find(s, CS_K_CLAIM, sim_claim_of(v)) : NULL;

        if (sim_claim_of(v) && !c)
            return "0/3 nodes are available: persistentvolumeclaim not found.";
        if (c && sim_str(c->t, "metadata/deletionTimestamp"))
            return "0/3 nodes are available: persistentvolumeclaim is being deleted.";
    }

    *ret_until_ms = 0;
    if (sim_str(t, "spec/nodeSelector/disk"))
        return "0/3 nodes are available: 3 node(s) didn't match Pod's node affinity/selector.";
    *ret_until_ms = s->hindrance.full_until_ms;
    if (*ret_until_ms > s->now_ms)
        return "0/3 nodes are available: 3 Insufficient cpu.";
    for (size_t i = 0; i < CS_ARRAY_LEN(s->hindrance.node_dead_until_ms); i++)
        any = any || s->hindrance.node_dead_until_ms[i] <= s->now_ms;
    *ret_until_ms = s->now_ms + 5000;
    return any ? NULL : "0/3 nodes are available: 3 node(s) had untolerated taint(s).";
}

static bool schedule(struct sim *s, struct sim_obj *pod, struct cs_jtree *t)
{
    int64_t until;
    const char *why = no_room(s, t, &until);
    char node[16];
    char ts[CS_RFC3339_SIZE];
    struct cs_jtree *list;

    if (!why) {
        do
            (void)snprintf(node, sizeof(node), "node-%d", (int)sim_below(s, 3));
        while (!sim_node_alive(s, node));
        cs_jtree_set(sim_need(t, "spec"), "nodeName", cs_jtree_new_str(node));
        return sim_set_condition(t, "PodScheduled", true, sim_time(s, ts)) || true;
    }
    if (until > s->now_ms)
        sync_later(s, pod, until - s->now_ms);
    if (!sim_set_condition(t, "PodScheduled", false, sim_time(s, ts)))
        return false;
    list = sim_get(t, "status/conditions");
    for (struct cs_jtree *c = cs_jtree_first(list); c; c = cs_jtree_next(c))
        if (cs_streq(sim_str(c, "type"), "PodScheduled")) {
            cs_jtree_set(c, "reason", cs_jtree_new_str("Unschedulable"));
            cs_jtree_set(c, "message", cs_jtree_new_str(why));
        }
    return true;
}

static bool finish(struct cs_jtree *t, const char *phase, const char *reason)
{
    cs_jtree_set(sim_need(t, "status"), "phase", cs_jtree_new_str(phase));
    if (reason)
        cs_jtree_set(sim_need(t, "status"), "reason", cs_jtree_new_str(reason));
    return true;
}

static bool run_pod(struct sim *s, struct sim_obj *pod, struct cs_jtree *t)
{
    bool changed = false;

    if (!sim_str(t, "spec/nodeName"))
        return schedule(s, pod, t);
    if (s->sc->sick && !s->settled && !sim_get(t, "status/containerStatuses") &&
        sim_strikes(s, SIM_F_REJECTED, pod->name, 30))
        return finish(t, "Failed", "OutOfcpu"); /* the kubelet rejects it: others were faster */
    for (struct cs_jtree *c = cs_jtree_first(sim_get(t, "spec/containers")); c; c = cs_jtree_next(c))
        changed = container_step(s, t, c) || changed;
    if (!cs_streq(sim_str(t, "status/phase"), "Running")) {
        cs_jtree_set(sim_need(t, "status"), "phase", cs_jtree_new_str("Running"));
        changed = true;
    }
    return conditions_step(s, t) || changed;
}

void sim_pod_finishes(struct cs_jtree *pod, bool well)
{
    (void)finish(pod, well ? "Succeeded" : "Failed", well ? NULL : "Evicted");
}

/* ---- reports that come late ---- */

/* What a kubelet says of a Pod, put into what the server has by now: conditions of others stay. */
static void put_report(struct cs_jtree *t, const struct cs_jtree *report, const char *time)
{
    static const char *const members[] = {"phase", "reason", "containerStatuses"};
    static const char *const types[] = {"ContainersReady", "Ready"};
    struct cs_jtree *status = sim_need(t, "status");

    for (size_t i = 0; i < CS_ARRAY_LEN(members); i++)
        if (sim_get(report, "status") && cs_jtree_get(sim_get(report, "status"), members[i]))
            cs_jtree_set(status, members[i], cs_jtree_dup(cs_jtree_get(sim_get(report, "status"), members[i])));
    for (size_t i = 0; i < CS_ARRAY_LEN(types); i++)
        if (sim_condition(report, types[i]))
            (void)sim_set_condition(t, types[i], cs_streq(sim_condition(report, types[i]), "True"), time);
}

static void deliver(struct sim *s, uint64_t serial)
{
    struct sim_obj *o = sim_by_serial(s, serial);
    cs_autojtree *report = o ? cs_take(o->report) : NULL;
    cs_autojtree *t = NULL;
    char ts[CS_RFC3339_SIZE];

    if (!o)
        return;
    o->sync_planned = false;
    if (!sim_pod_active(o->t)) {
        sim_pod_changed(s, o);
        return;
    }
    t = cs_jtree_dup(o->t);
    put_report(t, report, sim_time(s, ts));
    if (!sim_commit(s, SIM_KUBELET, o, cs_take(t)))
        sim_pod_changed(s, o);
}

/* ---- one look at a Pod ---- */

static void terminate(struct sim *s, struct sim_obj *o)
{
    if (sim_chance(s, 600)) { /* it takes its time to stop */
        sync_later(s, o, sim_between(s, 100, 4000));
        return;
    }
    if (!sim_get(o->t, "metadata/finalizers")) /* who takes the last one away brings us here again */
        sim_remove(s, SIM_KUBELET, o);
}

void sim_kubelet(struct sim *s, uint64_t serial)
{
    struct sim_obj *o = sim_by_serial(s, serial);
    cs_autojtree *t = NULL;

    if (!o)
        return;
    o->sync_planned = false;
    if (sim_str(o->t, "spec/nodeName") && !sim_node_alive(s, sim_str(o->t, "spec/nodeName")))
        return; /* its return brings us here again */
    if (sim_str(o->t, "metadata/deletionTimestamp")) {
        terminate(s, o);
        return;
    }
    if (!sim_pod_active(o->t))
        return;
    t = cs_jtree_dup(o->t);
    if (!run_pod(s, o, t))
        return;
    if (s->sc->sick && sim_str(o->t, "spec/nodeName") && sim_strikes(s, SIM_F_REPORT_LATE, o->name, 200)) {
        cs_jtree_free(o->report); /* of a Pod that a restored server has again there may be one */
        o->report = cs_take(t);
        o->sync_planned = true;
        sim_later(s, sim_between(s, 50, 5000), deliver, serial);
        return;
    }
    (void)sim_commit(s, SIM_KUBELET, o, cs_take(t));
}

/* How long it takes the kubelet to look at a Pod again: crash loops are slow, and some Pods are. */
static int64_t next_look(struct sim *s, const struct sim_obj *pod)
{
    bool looping = false;

    for (struct cs_jtree *c = cs_jtree_first(sim_get(pod->t, "spec/containers")); c; c = cs_jtree_next(c))
        looping = looping || loops(sim_str(c, "image"));
    if (looping && !sim_str(pod->t, "metadata/deletionTimestamp"))
        return sim_between(s, 500, 15000);
    if (s->sc->sick && sim_chance(s, 50))
        return sim_between(s, 5000, 40000);
    return sim_between(s, 20, sim_chance(s, 100) ? 6000 : 900);
}

void sim_pod_changed(struct sim *s, struct sim_obj *pod)
{
    sim_hooks_pod_changed(s, pod);
    if (!pod->sync_planned)
        sync_later(s, pod, next_look(s, pod));
}

static void bind_claim(struct sim *s, uint64_t serial)
{
    struct sim_obj *o = sim_by_serial(s, serial);
    struct cs_jtree *t = o ? cs_jtree_dup(o->t) : NULL;

    if (!o)
        return;
    cs_jtree_set(sim_need(t, "status"), "phase", cs_jtree_new_str("Bound"));
    (void)sim_commit(s, SIM_KUBELET, o, t);
}

void sim_claim_created(struct sim *s, struct sim_obj *claim)
{
    if (s->sc->minds_claims || s->sc->edits)
        sim_later(s, sim_between(s, 20, 3000), bind_claim, claim->serial);
}
