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

bool sim_image_works(const char *image)
{
    return strstr(image, "bad") == NULL;
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
    if (sim_image_works(image)) {
        cs_jtree_set(st, "imageID", cs_jtree_new_str(id));
        cs_jtree_set(st, "containerID", cs_jtree_new_str(cid));
        cs_jtree_set(sim_need(st, "state/running"), "startedAt", cs_jtree_new_str(sim_time(s, ts)));
    } else {
        cs_jtree_set(sim_need(st, "state/waiting"), "reason", cs_jtree_new_str("ImagePullBackOff"));
    }
    cs_jtree_set(st, "ready", cs_jtree_new_bool(false));
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

static bool run_pod(struct sim *s, struct cs_jtree *t)
{
    bool changed = false;
    char node[16];
    char ts[CS_RFC3339_SIZE];

    if (!sim_str(t, "spec/nodeName")) {
        (void)snprintf(node, sizeof(node), "node-%d", (int)sim_below(s, 3));
        cs_jtree_set(sim_need(t, "spec"), "nodeName", cs_jtree_new_str(node));
        return sim_set_condition(t, "PodScheduled", true, sim_time(s, ts)) || true;
    }
    for (struct cs_jtree *c = cs_jtree_first(sim_get(t, "spec/containers")); c; c = cs_jtree_next(c))
        changed = container_step(s, t, c) || changed;
    if (!cs_streq(sim_str(t, "status/phase"), "Running")) {
        cs_jtree_set(sim_need(t, "status"), "phase", cs_jtree_new_str("Running"));
        changed = true;
    }
    return conditions_step(s, t) || changed;
}

static void kubelet(struct sim *s, uint64_t serial)
{
    struct sim_obj *o = sim_by_serial(s, serial);
    cs_autojtree *t = NULL;
    const char *phase;

    if (!o)
        return;
    o->sync_planned = false;
    phase = sim_str(o->t, "status/phase");
    if (sim_str(o->t, "metadata/deletionTimestamp")) {
        if (sim_chance(s, 600)) { /* it takes its time to stop */
            o->sync_planned = true;
            sim_later(s, sim_between(s, 100, 4000), kubelet, serial);
            return;
        }
        if (!sim_get(o->t, "metadata/finalizers")) /* who takes the last one away brings us here again */
            sim_remove(s, SIM_KUBELET, o);
        return;
    }
    if (cs_streq(phase, "Failed") || cs_streq(phase, "Succeeded"))
        return;
    t = cs_jtree_dup(o->t);
    if (run_pod(s, t))
        (void)sim_commit(s, SIM_KUBELET, o, cs_take(t));
}

void sim_pod_changed(struct sim *s, struct sim_obj *pod)
{
    sim_hooks_pod_changed(s, pod);
    if (pod->sync_planned)
        return;
    pod->sync_planned = true;
    sim_later(s, sim_between(s, 20, sim_chance(s, 100) ? 6000 : 900), kubelet, pod->serial);
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
    if (s->sc->minds_claims)
        sim_later(s, sim_between(s, 20, 3000), bind_claim, claim->serial);
}
