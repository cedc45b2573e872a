/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changing cpu and memory of a running Pod (spec §6.4, §9: gate InPlaceWorkloadVerticalScaling).
 *
 * The update goes first: one patch gives the Pod the labels of the target revision, state Updating, and in the state annotation
 * the values that are to change (the server takes no labels on pods/resize). Whatever such a Pod's spec does not show yet
 * is sent to pods/resize by a later pass, by whoever decides then. So a crash in between leaves a Pod that says what is due,
 * and a rollback overtakes it as it overtakes an image. What was begun is ended even when the gate has been turned off.
 */
#include <stdio.h>
#include <stdlib.h>

#include "common/base/alloc.h"
#include "controller/plan/parts.h"

static bool differs(const struct cs_cells *have, const struct cs_cells *want)
{
    for (int i = 0; i < CS_CELL_COUNT; i++)
        if (want->v[i] && !cs_cell_same(have->v[i], want->v[i]))
            return true;
    return false;
}

static bool entry_pending(const struct cs_pod *p, const struct cs_resize_entry *e)
{
    const struct cs_container *c = cs_pod_container(p, e->container);
    cs_autocells have;

    cs_cells_read_text(c ? c->resources : NULL, &have);
    return c && differs(&have, &e->to);
}

static bool entry_settled(const struct cs_pod *p, const struct cs_resize_entry *e)
{
    const struct cs_container *c = cs_pod_container(p, e->container);
    const struct cs_container_status *st = cs_pod_status_of(p, e->container);
    cs_autocells spec;
    cs_autocells status;

    cs_cells_read_text(c ? c->resources : NULL, &spec);
    cs_cells_read_text(st ? st->resources : NULL, &status);
    return !st || !st->resources || !differs(&status, &spec);
}

bool cs_resize_pending(const struct cs_pod *p, const struct cs_resize *r)
{
    for (size_t i = 0; i < r->n; i++)
        if (entry_pending(p, &r->items[i]))
            return true;
    return false;
}

bool cs_resize_settled(const struct cs_pod *p, const struct cs_resize *r)
{
    for (size_t i = 0; i < r->n; i++)
        if (entry_pending(p, &r->items[i]) || !entry_settled(p, &r->items[i]))
            return false;
    return true;
}

/* The API server's own rule: whether the first running container has resources in its status. */
static bool node_resizes(const struct cs_pod *p)
{
    for (uint32_t i = 0; i < p->n_statuses; i++)
        if (p->statuses[i].running)
            return p->statuses[i].resources != NULL;
    return true; /* nobody can tell yet */
}

/* Of the Pod as it is, injected containers included (U-18); r NULL: as it stands. */
static enum cs_qos qos_with(const struct cs_pod *p, const struct cs_resize *r)
{
    struct cs_qos_sum sum = {.none = p->init_best_effort, .all = p->init_guaranteed};

    for (uint32_t i = 0; i < p->n_containers; i++) {
        const struct cs_resize_entry *e = cs_resize_find(r, p->containers[i].name);
        cs_autocells cells;

        cs_cells_read_text(p->containers[i].resources, &cells);
        for (int k = 0; e && k < CS_CELL_COUNT; k++) {
            if (!e->to.v[k])
                continue;
            free(cells.v[k]);
            cells.v[k] = cs_xstrdup(e->to.v[k]);
        }
        cs_cells_fill(&cells);
        cs_qos_add(&sum, &cells);
    }
    return cs_qos_of(&sum);
}

const char *cs_resize_obstacle(const struct cs_pod *p, const struct cs_resize *r)
{
    if (!node_resizes(p))
        return "its node does not report the resources of containers, so it resizes none";
    if (qos_with(p, r) != qos_with(p, NULL))
        return "its QoS class would change";
    return NULL;
}

/* What the kubelet says stands in the Pod's own conditions; it tries again by itself, so nothing is sent. */
static void note_trouble(struct cs_planner *pl, const struct cs_view_pod *v)
{
    static const struct {
        const char *reason, *text;
        bool failed;
    } said[] = {
        [CS_POD_RESIZE_DEFERRED] = {"ResizeDeferred", "its node has no room for the new cpu and memory now", false},
        [CS_POD_RESIZE_INFEASIBLE] = {"ResizeInfeasible", "its node can never give it the new cpu and memory", true},
        [CS_POD_RESIZE_ERROR] = {"ResizeFailed", "its node failed to give it the new cpu and memory", true},
    };
    const char *reason = said[v->pod->resize].reason;

    if (!reason)
        return;
    cs_plan_note(pl, true, reason, v->name, "pod %s: %s, see the Pod's conditions", v->name, said[v->pod->resize].text);
    if (said[v->pod->resize].failed && pl->p->failed_update[0] == '\0')
        (void)snprintf(pl->p->failed_update, sizeof(pl->p->failed_update), "pod %s: %s, see the Pod's conditions",
            v->name, said[v->pod->resize].text);
}

bool cs_plan_resize(struct cs_planner *pl, struct cs_view_pod *v)
{
    const struct cs_pod *p = v->pod;
    struct cs_inplace_state s;
    struct cs_action *a = NULL;

    if (p->state != CS_LC_UPDATING)
        return false;
    cs_inplace_state_parse(p->inplace_state, &s);
    if (cs_revision_same(s.revision, v->revision) && cs_resize_pending(p, &s.resize)) {
        const struct cs_view_revision *of = cs_plan_revision_of(pl, v->revision);

        a = cs_plan_add(pl, CS_ACT_RESIZE, "its new cpu and memory");
        a->pod = p;
        a->revision = of ? of->rev : NULL;
    } else if (!cs_resize_settled(p, &s.resize)) {
        note_trouble(pl, v);
    }
    cs_inplace_state_done(&s);
    return a != NULL;
}
