/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Nodes that die: the kubelet falls silent, the node controller says so and evicts, the Pods stay Terminating until the node
 * comes back, or its object is deleted and the Pods with it.
 */
#include <stdio.h>

#include "common/api/gvr.h"
#include "common/base/alloc.h"
#include "test/sim/sim.h"

#define NODES 3

static void name_of(uint64_t i, char name[16])
{
    (void)snprintf(name, 16, "node-%d", (int)i);
}

void sim_node_create(struct sim *s, uint64_t i)
{
    cs_autofree char *text =
        cs_xasprintf("{\"apiVersion\":\"v1\",\"kind\":\"Node\",\"metadata\":{\"name\":\"node-%d\"},"
                     "\"status\":{\"conditions\":[{\"type\":\"Ready\",\"status\":\"True\"}]}}",
            (int)i);

    (void)sim_create(s, SIM_USER, CS_K_NODE, sim_parse(text));
}

static bool runs_on(const struct sim_obj *o, const char *node)
{
    return o->kind == CS_K_POD && cs_streq(sim_str(o->t, "spec/nodeName"), node);
}

static void set_ready(struct sim *s, uint64_t i, bool ready)
{
    char name[16];
    char ts[CS_RFC3339_SIZE];
    struct sim_obj *o;
    struct cs_jtree *t;

    name_of(i, name);
    o = sim_find(s, CS_K_NODE, name);
    if (!o)
        return;
    t = cs_jtree_dup(o->t);
    (void)sim_set_condition(t, "Ready", ready, sim_time(s, ts));
    (void)sim_commit(s, SIM_KUBELET, o, t);
}

static bool is_dead(const struct sim *s, uint64_t i)
{
    return s->hindrance.node_dead_until_ms[i] > s->now_ms;
}

/* A Pod on the node that is still shown as Ready, or with evict one that is not to go yet; NULL: none (any more). */
static struct sim_obj *next_victim(struct sim *s, const char *node, bool evict)
{
    for (struct sim_obj *o = s->objs; o; o = o->next)
        if (runs_on(o, node) && sim_pod_active(o->t) && (evict || cs_streq(sim_condition(o->t, "Ready"), "True")))
            return o;
    return NULL;
}

static void evict(struct sim *s, uint64_t i)
{
    char name[16];
    struct sim_obj *o;

    name_of(i, name);
    while (is_dead(s, i) && (o = next_victim(s, name, true)))
        sim_delete(s, SIM_USER, o);
}

static void notice(struct sim *s, uint64_t i)
{
    char name[16];
    char ts[CS_RFC3339_SIZE];
    struct sim_obj *o;

    if (!is_dead(s, i))
        return;
    name_of(i, name);
    sim_say(s, "%s is NotReady", name);
    set_ready(s, i, false);
    while ((o = next_victim(s, name, false))) {
        struct cs_jtree *t = cs_jtree_dup(o->t);

        (void)sim_set_condition(t, "Ready", false, sim_time(s, ts));
        (void)sim_commit(s, SIM_KUBELET, o, t);
    }
    sim_later(s, sim_between(s, 100, 20000), evict, i);
}

/* Pods of a node that is no more are removed by force; finalizers hold them all the same. */
static void delete_node(struct sim *s, uint64_t i)
{
    char name[16];
    struct sim_obj *o;
    struct sim_obj *next;

    if (!is_dead(s, i))
        return;
    name_of(i, name);
    o = sim_find(s, CS_K_NODE, name);
    if (o)
        sim_delete(s, SIM_USER, o);
    evict(s, i);
    for (o = s->objs; o; o = next) {
        next = o->next;
        if (runs_on(o, name))
            sim_delete_now(s, SIM_GC, o);
    }
}

/* The kubelet is back, on this machine or on a new one of the same name. */
static void revive(struct sim *s, uint64_t i)
{
    char name[16];

    if (s->hindrance.node_dead_until_ms[i] == 0)
        return;
    name_of(i, name);
    sim_say(s, "%s is back", name);
    s->hindrance.node_dead_until_ms[i] = 0;
    if (!sim_find(s, CS_K_NODE, name))
        sim_node_create(s, i);
    set_ready(s, i, true);
    for (struct sim_obj *o = s->objs; o; o = o->next)
        if (runs_on(o, name))
            sim_pod_changed(s, o);
}

void sim_node_dies(struct sim *s)
{
    uint64_t i = sim_below(s, NODES);
    int64_t back = sim_between(s, 2000, sim_chance(s, 400) ? 120000 : 20000);

    if (is_dead(s, i))
        return;
    sim_say(s, "node-%d dies", (int)i);
    s->hindrance.node_dead_until_ms[i] = INT64_MAX;
    sim_later(s, sim_between(s, 100, 10000), notice, i);
    if (sim_chance(s, 250))
        sim_later(s, back / 2, delete_node, i);
    sim_later(s, back, revive, i);
}

/* Kubelets and the node controller tell a restored server how things are. */
void sim_nodes_restored(struct sim *s)
{
    for (uint64_t i = 0; i < NODES; i++) {
        char name[16];

        name_of(i, name);
        if (is_dead(s, i)) {
            sim_later(s, sim_between(s, 100, 10000), notice, i);
            continue;
        }
        if (!sim_find(s, CS_K_NODE, name))
            sim_node_create(s, i);
        set_ready(s, i, true);
    }
}

void sim_nodes_settle(struct sim *s)
{
    for (uint64_t i = 0; i < NODES; i++)
        revive(s, i);
}
