/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Resources that change in place (gate InPlaceWorkloadVerticalScaling): the user edits them, the server takes them on
 * pods/resize alone, the kubelet gives them to containers, with a restart where resizePolicy says so. In scenarios with `resizes`
 * the container "side" restarts, "main" does not.
 */
#include "common/api/gvr.h"
#include "common/base/alloc.h"
#include "test/sim/sim.h"

static struct cs_jtree *containers_of(const struct cs_jtree *pod)
{
    return sim_get(pod, "spec/containers");
}

static struct cs_jtree *by_name(const struct cs_jtree *list, const char *name)
{
    for (struct cs_jtree *c = cs_jtree_is(list, CS_J_ARRAY) ? cs_jtree_first(list) : NULL; c; c = cs_jtree_next(c))
        if (cs_streq(sim_str(c, "name"), name))
            return c;
    return NULL;
}

static bool restarts(const struct cs_jtree *container)
{
    return cs_jtree_get(container, "resizePolicy") != NULL;
}

/* ---- the user ---- */

static void set_resources(struct sim *s, struct cs_jtree *container)
{
    cs_autofree char *text = cs_xasprintf(
        "{\"limits\":{\"cpu\":\"%d\",\"memory\":\"2Gi\"},\"requests\":{\"cpu\":\"%dm\",\"memory\":\"1Gi\"}}",
        (int)sim_between(s, 2, 4), (int)sim_between(s, 1, 3) * 100);

    cs_jtree_set(container, "resources", sim_parse(text));
}

void sim_resize_begin(struct sim *s, struct cs_jtree *set)
{
    struct cs_jtree *list = sim_get(set, "spec/template/spec/containers");

    for (struct cs_jtree *c = cs_jtree_first(list); c; c = cs_jtree_next(c))
        set_resources(s, c);
    cs_jtree_set(by_name(list, "side"), "resizePolicy",
        sim_parse("[{\"resourceName\":\"cpu\",\"restartPolicy\":\"RestartContainer\"}]"));
}

void sim_resize_edit(struct sim *s, struct cs_jtree *set)
{
    struct cs_jtree *list = sim_get(set, "spec/template/spec/containers");

    set_resources(s, cs_jtree_index(list, (size_t)sim_below(s, cs_jtree_count(list))));
}

/* ---- the server ---- */

/* A strategic merge patch that names containers; all but their resources is left out of account, as the server does. */
struct cs_jtree *sim_resized(const struct cs_jtree *pod, const struct cs_jtree *patch)
{
    struct cs_jtree *t = cs_jtree_dup(pod);
    const struct cs_jtree *given = sim_get(patch, "spec/containers");

    for (struct cs_jtree *c = cs_jtree_is(given, CS_J_ARRAY) ? cs_jtree_first(given) : NULL; c; c = cs_jtree_next(c)) {
        struct cs_jtree *have = by_name(containers_of(t), sim_str(c, "name"));

        if (have && cs_jtree_get(c, "resources"))
            sim_merge(sim_need(have, "resources"), cs_jtree_get(c, "resources"), true);
    }
    return t;
}

/* ---- the kubelet ---- */

/* What a container of this status is to show; true: it has to restart for it. */
bool sim_resize_report(const struct cs_jtree *pod, struct cs_jtree *status, bool *ret_changed)
{
    const struct cs_jtree *c = by_name(containers_of(pod), sim_str(status, "name"));
    const struct cs_jtree *wanted = c ? cs_jtree_get(c, "resources") : NULL;
    const struct cs_jtree *shown = cs_jtree_get(status, "resources");
    bool first = shown == NULL;

    *ret_changed = wanted && (first || !cs_jtree_equal(shown, wanted));
    if (*ret_changed)
        cs_jtree_set(status, "resources", cs_jtree_dup(wanted));
    return *ret_changed && !first && restarts(c);
}

/* ---- the checks ---- */

/* The containers without the resources that change while they run. */
struct cs_jtree *sim_restarting_parts(const struct cs_jtree *pod)
{
    struct cs_jtree *list = cs_jtree_dup(containers_of(pod));

    for (struct cs_jtree *c = cs_jtree_is(list, CS_J_ARRAY) ? cs_jtree_first(list) : NULL; c; c = cs_jtree_next(c))
        if (!restarts(c))
            cs_jtree_del(c, "resources");
    return list;
}
