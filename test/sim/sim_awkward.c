/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A user who acts at the most awkward moment: he changes his mind while the controller is carrying out what he asked for, deletes what
 * it is about to delete, and takes claims away from Pods that have just been made.
 */
#include <string.h>

#include "common/api/gvr.h"
#include "common/base/alloc.h"
#include "test/sim/sim.h"

#define SLOW_MS 100
#define LATE_MS 1000 /* a request that takes longer is one that others may overtake */

static void delete_pod(struct sim *s, uint64_t serial)
{
    struct sim_obj *o = sim_by_serial(s, serial);

    if (o && !s->settled)
        sim_delete(s, SIM_USER, o);
}

/* ---- he wants it back ---- */

/* As many as there are now, and none of them by name; what was about to lose its claims is to keep them. */
static void want_back(struct sim *s, uint64_t arg)
{
    struct sim_obj *set = sim_the_set(s);
    struct cs_jtree *t = set ? cs_jtree_dup(set->t) : NULL;
    struct cs_jtree *scale = t ? sim_need(t, "spec/scaleStrategy") : NULL;
    int64_t most = sim_active_pods(s) + (int64_t)arg;

    if (!set)
        return;
    if (s->settled || sim_str(set->t, "metadata/deletionTimestamp")) {
        cs_jtree_free(t);
        return;
    }
    cs_jtree_del(scale, "podsToDelete");
    if (s->sc->minds_claims && arg > 0)
        cs_jtree_set(scale, "disablePVCReuse", cs_jtree_new_bool(false));
    if (sim_int(t, "spec/replicas", 1) < most)
        cs_jtree_set(cs_jtree_get(t, "spec"), "replicas", cs_jtree_new_i64(most));
    cs_jtree_free(cs_take(s->regret)); /* what he wanted to go back to is not what he wants now */
    (void)sim_commit(s, SIM_USER, set, t);
}

/* The Pod that the request is about, or whose claim it is about; NULL: none. */
static const struct sim_obj *pod_of(struct sim *s, const struct sim_req *q)
{
    const char *dash = q->name ? strrchr(q->name, '-') : NULL;
    cs_autofree char *name = dash ? cs_xasprintf(SIM_SET "%s", dash) : NULL;

    return name ? sim_find(s, CS_K_POD, name) : NULL;
}

/* He goes back to what was there before while a Pod is on its way out of service. */
static void think_again(struct sim *s, const struct sim_req *q, const char *what, int64_t in_ms)
{
    if (s->regret && in_ms > SLOW_MS && q->gvr == cs_kind_gvr(CS_K_POD) && cs_streq(q->subresource, "status") &&
        q->body && strstr(q->body, "\"False\"") && sim_strikes(s, SIM_F_REGRET, what, 400))
        sim_later(s, sim_between(s, 1, 30), sim_take_back, 0);
}

void sim_second_thoughts(struct sim *s, const struct sim_req *q, const char *what, int64_t in_ms)
{
    bool of_claim = sim_takes_claim(q);
    bool prepares = q->gvr == cs_kind_gvr(CS_K_POD) && q->verb != CS_VERB_CREATE && q->body &&
                    strstr(q->body, "\"PreparingDelete\"");
    bool late = in_ms > LATE_MS;
    const struct sim_obj *pod;
    int64_t delay;

    think_again(s, q, what, in_ms);
    if (!s->sc->scales || s->settled || !(of_claim || prepares) ||
        !sim_strikes(s, SIM_F_REGRET, what,
            late       ? 500
            : prepares ? 300
                       : 60))
        return;
    pod = pod_of(s, q);
    delay = prepares ? sim_between(s, 5, 2500) : sim_chance(s, 500) ? sim_between(s, 1, 40) : sim_between(s, 40, 3000);
    sim_later(s, delay, want_back, pod && sim_pod_active(pod->t) ? 0 : 1);
    if (pod && s->sc->deletes && late && sim_chance(s, 500))
        sim_later(s, delay + sim_between(s, 1, 3000), delete_pod, pod->serial);
}

/* ---- he was impatient ---- */

void sim_delete_listed(struct sim *s, const struct sim_obj *pod)
{
    if (s->sc->deletes && sim_chance(s, 300))
        sim_later(s, sim_between(s, 0, sim_chance(s, 500) ? 30 : 1500), delete_pod, pod->serial);
}

/* ---- he takes the claims of a Pod that no kubelet has yet ---- */

static void delete_claims_of(struct sim *s, uint64_t serial)
{
    struct sim_obj *pod = sim_by_serial(s, serial);
    struct sim_obj *next;

    if (!pod || s->settled || sim_str(pod->t, "spec/nodeName"))
        return;
    for (struct sim_obj *o = s->objs; o; o = next) {
        next = o->next;
        if (o->kind == CS_K_CLAIM && sim_mounts(pod->t, o->name)) {
            o->meddled_ms = s->claims_meddled_ms = s->now_ms;
            o->doomed = true;
            sim_delete(s, SIM_USER, o);
        }
    }
}

void sim_pod_is_made(struct sim *s, const struct sim_obj *pod)
{
    if (s->sc->deletes && s->current && s->current->lost && !s->settled &&
        sim_strikes(s, SIM_F_REGRET, pod->name, 300)) /* whoever made it does not know it yet */
        sim_later(s, sim_between(s, 20, 2500), delete_pod, pod->serial);
    if (s->sc->meddles && s->sc->claims && !s->settled && sim_strikes(s, SIM_F_MEDDLED, pod->name, 40))
        sim_later(s, sim_between(s, 1, 300), delete_claims_of, pod->serial);
}
