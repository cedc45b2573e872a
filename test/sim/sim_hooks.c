/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A set with lifecycle hooks, and the controller of the user that answers them, each time after a while of its own: it lets go what
 * waits to be deleted or updated, and puts its marks on what is to become Normal. And what must hold of held Pods.
 */
#include <string.h>

#include "common/api/gvr.h"
#include "common/base/alloc.h"
#include "test/sim/sim.h"

#define HOOK_DELETE "hook/delete" /* label */
#define HOOK_NORMAL "hook/normal" /* label */
#define HOOK_UPDATE "hook/update" /* finalizer */

static void set_hook(struct cs_jtree *set, const char *path, const char *handler, bool mark)
{
    struct cs_jtree *hook = sim_need(set, path);

    cs_jtree_set(hook, strstr(path, "inPlace") ? "finalizersHandler" : "labelsHandler", sim_parse(handler));
    if (mark)
        cs_jtree_set(hook, "markPodNotReady", cs_jtree_new_bool(true));
}

static void set_hooks(struct sim *s, struct cs_jtree *set)
{
    cs_jtree_del(cs_jtree_get(set, "spec"), "lifecycle");
    set_hook(set, "spec/lifecycle/preDelete", "{\"" HOOK_DELETE "\":\"on\"}", sim_chance(s, 300));
    set_hook(set, "spec/lifecycle/inPlaceUpdate", "[\"" HOOK_UPDATE "\"]", sim_chance(s, 300));
    if (sim_chance(s, 700))
        set_hook(set, "spec/lifecycle/preNormal", "{\"" HOOK_NORMAL "\":\"on\"}", false);
}

void sim_hooks_begin(struct sim *s, struct cs_jtree *set)
{
    struct cs_jtree *meta = sim_need(set, "spec/template/metadata");

    cs_jtree_set(sim_need(meta, "labels"), HOOK_DELETE, cs_jtree_new_str("on"));
    cs_jtree_set(meta, "finalizers", sim_parse("[\"" HOOK_UPDATE "\"]"));
    set_hooks(s, set);
}

void sim_hooks_edit(struct sim *s, struct cs_jtree *set)
{
    switch (sim_below(s, 4)) {
    case 0:
        cs_jtree_del(cs_jtree_get(set, "spec"), "lifecycle");
        break;
    case 1:
        if (sim_get(set, "spec/lifecycle"))
            cs_jtree_del(sim_get(set, "spec/lifecycle"), "preDelete");
        break;
    default:
        set_hooks(s, set);
        break;
    }
}

static void put_label(struct cs_jtree *pod, const char *key, bool there)
{
    if (there)
        cs_jtree_set(sim_need(pod, "metadata/labels"), key, cs_jtree_new_str("on"));
    else
        cs_jtree_del(sim_need(pod, "metadata/labels"), key);
}

static void answer(struct sim *s, uint64_t serial)
{
    struct sim_obj *o = sim_by_serial(s, serial);
    cs_autojtree *t = o ? cs_jtree_dup(o->t) : NULL;
    const char *state = o ? sim_label(o->t, CS_LABEL_LIFECYCLE_STATE) : NULL;

    if (!o)
        return;
    o->answer_planned = false;
    if (sim_str(t, "metadata/deletionTimestamp") || cs_streq(state, "PreparingUpdate")) {
        sim_put_finalizer(t, HOOK_UPDATE, false);
    } else if (cs_streq(state, "PreparingDelete")) {
        put_label(t, HOOK_DELETE, false);
    } else if (cs_streq(state, "PreparingNormal") || cs_streq(state, "Updated")) {
        put_label(t, HOOK_DELETE, true);
        put_label(t, HOOK_NORMAL, true);
        sim_put_finalizer(t, HOOK_UPDATE, true);
    } else if (cs_streq(state, "Normal")) {
        put_label(t, HOOK_DELETE, true);
    }
    (void)sim_commit(s, SIM_USER, o, cs_take(t));
}

void sim_hooks_pod_changed(struct sim *s, struct sim_obj *pod)
{
    if (!s->sc->hooks || pod->answer_planned)
        return;
    pod->answer_planned = true;
    sim_later(s, sim_between(s, 20, sim_chance(s, 100) ? 60000 : 3000), answer, pod->serial);
}

/* ---- what must hold; where the controller may not have seen the latest hooks, nothing is said ---- */

static bool hooks_are_known(struct sim *s)
{
    return s->hooks_changed_ms + 20000 < s->now_ms && !s->sc->faults;
}

void sim_hooks_check_delete(struct sim *s, const struct sim_obj *set, const struct sim_obj *pod)
{
    if (set && hooks_are_known(s) && sim_get(set->t, "spec/lifecycle/preDelete") && sim_label(pod->t, HOOK_DELETE))
        sim_fail(s, "Pod %s is deleted while its preDelete hook holds it", pod->name);
}

void sim_hooks_check_image(struct sim *s, const struct sim_obj *set, const struct sim_obj *pod)
{
    const char *state = sim_label(pod->t, CS_LABEL_LIFECYCLE_STATE);

    if (set && hooks_are_known(s) && sim_get(set->t, "spec/lifecycle/inPlaceUpdate") && !cs_streq(state, "Updating") &&
        sim_has_finalizer(pod->t, HOOK_UPDATE))
        sim_fail(s, "the image of Pod %s changes while its inPlaceUpdate hook holds it", pod->name);
}

const char *sim_hooks_pending(const struct sim_obj *pod)
{
    const char *ready = sim_condition(pod->t, CS_COND_KRUISE_READY);
    const char *state = sim_label(pod->t, CS_LABEL_LIFECYCLE_STATE);

    if (state ? !cs_streq(state, "Normal") : pod->meddled_ms == 0) /* without the label it is as good (spec §5.3) */
        return "is not Normal";
    return ready && !cs_streq(ready, "True") ? "is marked not ready" : NULL;
}
