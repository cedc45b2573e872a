/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Claims apart from the creation and deletion of Pods: which claim templates a Pod is made from (U-09), what becomes of claims when
 * they are not to be taken over (spec §4.6 clean-up, disablePVCReuse), claims that a label keeps (U-12), growth (U-13). An existing
 * claim lost is the worst that can happen: in doubt nothing is done.
 */
#include <string.h>

#include "common/api/gvr.h"
#include "common/base/alloc.h"
#include "controller/plan/parts.h"

/* ---- which claim templates (U-09) ---- */

static struct cs_vcts recorded_vcts(const struct cs_revision *rev)
{
    return (struct cs_vcts){rev->vcts_raw, rev->vct_names, rev->n_vcts};
}

struct cs_vcts cs_plan_live_vcts(const struct cs_planner *pl)
{
    const struct cs_cloneset *set = pl->o->set;

    return (struct cs_vcts){set->vcts_raw, set->vct_names, set->n_vcts};
}

static bool has_volume(const struct cs_jtree *spec, const struct cs_vcts *vcts, const char *name)
{
    for (uint32_t i = 0; i < vcts->n; i++)
        if (cs_streq(vcts->names[i], name))
            return true;
    for (const struct cs_jtree *v = cs_jtree_first(cs_jtree_get(spec, "volumes")); v; v = cs_jtree_next(v))
        if (cs_streq(cs_jtree_str(cs_jtree_get(v, "name")), name))
            return true;
    return false;
}

/* The first volume that a container of the template mounts and nothing provides; NULL: none. */
static const char *unmet_mount(const struct cs_jtree *norm, const struct cs_vcts *vcts)
{
    static const char *const lists[] = {"initContainers", "containers"};
    static const char *const kinds[] = {"volumeMounts", "volumeDevices"};
    const struct cs_jtree *spec = cs_jtree_get(norm, "spec");

    for (size_t i = 0; i < CS_ARRAY_LEN(lists) * CS_ARRAY_LEN(kinds); i++) {
        const struct cs_jtree *c = cs_jtree_first(cs_jtree_get(spec, lists[i / CS_ARRAY_LEN(kinds)]));

        for (; c; c = cs_jtree_next(c)) {
            const struct cs_jtree *m = cs_jtree_first(cs_jtree_get(c, kinds[i % CS_ARRAY_LEN(kinds)]));

            for (; m; m = cs_jtree_next(m)) {
                const char *name = cs_jtree_str(cs_jtree_get(m, "name"));

                if (name && !has_volume(spec, vcts, name))
                    return name;
            }
        }
    }
    return NULL;
}

void cs_plan_claim_templates(struct cs_planner *pl)
{
    const struct cs_vcts recorded = recorded_vcts(pl->current->rev);
    const struct cs_vcts live = cs_plan_live_vcts(pl);
    const struct cs_jtree *norm;

    pl->old_vcts = live;
    if (pl->current == pl->update || !pl->current->norm)
        return;
    norm = cs_norm_tree(pl->current->norm);
    if (recorded.n > 0 && !unmet_mount(norm, &recorded))
        pl->old_vcts = recorded;
    else
        pl->old_lacks = unmet_mount(norm, &live);
}

void cs_plan_create_claim(
    struct cs_planner *pl, const struct cs_vcts *vcts, uint32_t t, const char *id, const char *why)
{
    char name[CS_NAME_SIZE];
    struct cs_action *a;

    if (!cs_claim_name(vcts->names[t], pl->o->set->meta.name, id, name))
        return;
    a = cs_plan_add(pl, CS_ACT_CREATE_CLAIM, why);
    a->vct = vcts->names[t];
    a->vcts = *vcts;
    a->name = cs_xstrdup(name);
    memcpy(a->id, id, CS_ID_SIZE);
}

void cs_plan_fence(struct cs_planner *pl, struct cs_view_claim *c, const char *why)
{
    struct cs_action *a = cs_plan_add(pl, CS_ACT_FENCE_CLAIM, why);

    a->claim = c->claim;
    c->planned = true;
}

void cs_plan_confirm_absent(struct cs_planner *pl, const char *id, const char *why)
{
    char name[CS_NAME_SIZE];
    struct cs_action *a;

    if (!cs_pod_name(pl->o->set->meta.name, id, name))
        return;
    a = cs_plan_add(pl, CS_ACT_CONFIRM_ABSENT, why);
    a->name = cs_xstrdup(name);
    memcpy(a->id, id, CS_ID_SIZE);
}

/* ---- Pods that are gone or going ---- */

static bool reuse_off(const struct cs_planner *pl)
{
    return pl->o->set->spec.disable_pvc_reuse;
}

/* A finished or Terminating Pod: kept claims come back to the set, others go along with it when nothing will take them over. */
static void claims_of_inactive(struct cs_planner *pl, struct cs_view_pod *v)
{
    if (v->pod->keep_claims) {
        if (v->claims_handed)
            (void)cs_plan_hand_back(pl, v, "its Pod is labelled to leave its claims behind");
        return;
    }
    if (reuse_off(pl))
        (void)cs_plan_hand_over(pl, v, "its Pod is gone or going and disablePVCReuse is set");
}

/*
 * D12: a hand-over whose answer got lost may land yet, though its Pod stays by now, or was deleted by somebody else. It names the
 * version that it is about, so writing the claim once makes it fail; landed, it would let the data go along with the Pod.
 */
static void fence_kept(struct cs_planner *pl, const struct cs_view_pod *v)
{
    for (uint32_t k = 0; k < v->claim_n; k++) {
        struct cs_view_claim *c = &pl->o->claims[v->claim_at + k];

        if (c->taken_late && c->busy == CS_IDLE && !c->planned && cs_plan_claim_is_sets(pl, c))
            cs_plan_fence(pl, c, "it is to outlast its Pod, and a hand-over may yet land");
    }
}

static void note_not_kept(struct cs_planner *pl, const struct cs_view_pod *v)
{
    cs_plan_note(pl, true, "ClaimsNotKept", "",
        "label " CS_LABEL_KEEP_CLAIMS
        " on pod %s cannot outlast the Pod: with scaleStrategy.disablePVCReuse its claims are "
        "deleted once it is gone",
        v->name);
}

static void claims_of_pods(struct cs_planner *pl)
{
    bool told = false;

    for (uint32_t i = 0; i < pl->o->n_pods; i++) {
        struct cs_view_pod *v = &pl->o->pods[i];

        if (!v->pod || v->claim_n == 0 || !cs_meta_has_owner_uid(&v->pod->meta, pl->o->set->meta.uid))
            continue;
        if (reuse_off(pl) && v->pod->keep_claims && !told) {
            told = true;
            note_not_kept(pl, v);
        }
        if (!cs_pod_active(v->pod))
            claims_of_inactive(pl, v);
        if (!v->specified && !v->pre_delete && !v->doomed && (cs_pod_active(v->pod) || !reuse_off(pl)))
            fence_kept(pl, v);
    }
}

/* ---- Pods without a claim ---- */

static bool has_claim(const struct cs_planner *pl, const struct cs_view_pod *v, const char *name)
{
    for (uint32_t k = 0; k < v->claim_n; k++)
        if (cs_streq(pl->o->claims[v->claim_at + k].name, name))
            return true;
    return false;
}

static void mend_from(struct cs_planner *pl, const struct cs_view_pod *v, const struct cs_vcts *vcts)
{
    for (uint32_t t = 0; t < vcts->n; t++) {
        char name[CS_NAME_SIZE];
        bool mounts = false;

        if (!cs_claim_name(vcts->names[t], pl->o->set->meta.name, v->id, name) || has_claim(pl, v, name))
            continue;
        for (uint32_t i = 0; i < v->pod->n_claims && !mounts; i++)
            mounts = strcmp(v->pod->claims[i], name) == 0;
        if (mounts)
            cs_plan_create_claim(pl, vcts, t, v->id, "its Pod waits for it");
    }
}

/*
 * A create that landed late (D12), after the claims of its id had gone, or a user who deleted a claim: such a Pod would never be
 * scheduled. One that has a node has had its claims.
 */
static void mend(struct cs_planner *pl, const struct cs_view_pod *v)
{
    const struct cs_view_revision *rev;
    struct cs_vcts vcts = cs_plan_live_vcts(pl);

    if (!v->ours || !v->pod || !v->id || v->busy != CS_IDLE || v->pod->node || v->specified || v->chosen || v->doomed)
        return;
    rev = v->is_new ? NULL : cs_plan_revision_of(pl, v->revision);
    if (rev && rev->rev->n_vcts > 0)
        vcts = recorded_vcts(rev->rev);
    mend_from(pl, v, &vcts);
}

/* ---- claims without a Pod, with disablePVCReuse (spec §4.6) ---- */

/* Nothing is known to have the id, and no request is under way for one of its claims. */
static bool id_is_free(const struct cs_planner *pl, const struct cs_view_claim *c, uint32_t n)
{
    if (cs_plan_id_has_pod(pl, c->id))
        return false;
    for (uint32_t i = 0; i < n; i++)
        if (c[i].busy != CS_IDLE || !c[i].claim)
            return false; /* its answer decides; without claim: somebody else's object has the name */
    return true;
}

/* n claims with one id. */
static void reap(struct cs_planner *pl, struct cs_view_claim *c, uint32_t n)
{
    bool absent = true;
    bool any = false;

    if (!id_is_free(pl, c, n))
        return;
    for (uint32_t i = 0; i < n; i++) {
        if (!cs_plan_claim_is_sets(pl, &c[i]))
            continue;
        if (c[i].made && pl->numbers.scale_up > 0)
            return; /* its Pod comes */
        any = true;
        absent = absent && c[i].pod_absent;
    }
    if (!any)
        return;
    if (pl->o->now_ms < pl->o->reap_from_ms) {
        cs_plan_requeue_at(pl, pl->o->reap_from_ms);
        return;
    }
    if (!absent) {
        cs_plan_confirm_absent(pl, c->id, "its claims are about to be deleted");
        return;
    }
    for (uint32_t i = 0; i < n; i++) {
        struct cs_action *a;

        if (!cs_plan_claim_is_sets(pl, &c[i]))
            continue;
        a = cs_plan_add_destructive(pl, CS_ACT_DELETE_CLAIM, "it has no Pod and disablePVCReuse is set");
        if (a) {
            a->claim = c[i].claim;
            c[i].planned = true;
        }
    }
}

static void free_claims(struct cs_planner *pl)
{
    struct cs_observation *o = pl->o;

    for (uint32_t from = 0; from < o->n_claims && pl->p->n < CS_PLAN_ENOUGH;) {
        uint32_t to = from + 1;

        while (to < o->n_claims && strcmp(o->claims[to].id, o->claims[from].id) == 0)
            to++;
        reap(pl, &o->claims[from], to - from);
        from = to;
    }
}

/* ---- growth (U-13, U-14) ---- */

/* The request of the claim template that the claim was made from; NULL: none (any more). */
static const char *wanted_request(const struct cs_cloneset *set, const struct cs_view_claim *c)
{
    for (uint32_t i = 0; i < set->n_vcts; i++) {
        char name[CS_NAME_SIZE];

        if (cs_claim_name(set->vct_names[i], set->meta.name, c->id, name) && strcmp(name, c->name) == 0)
            return set->vct_requests[i];
    }
    return NULL;
}

static void grow(struct cs_planner *pl, struct cs_view_claim *c)
{
    const char *want;
    struct cs_action *a;
    int sign;

    if (c->busy != CS_IDLE || c->planned || !cs_plan_claim_is_sets(pl, c) || c->claim->phase != CS_CLAIM_BOUND ||
        c->claim->resizing)
        return;
    want = wanted_request(pl->o->set, c);
    if (!want || !c->claim->request || cs_streq(c->refused, want) ||
        !cs_quantity_cmp(cs_str(want), cs_str(c->claim->request), &sign) || sign <= 0)
        return;
    a = cs_plan_add(pl, CS_ACT_EXPAND_CLAIM, "its claim template asks for more");
    a->claim = c->claim;
    a->request = want;
    c->planned = true;
}

/* ---- the whole ---- */

static void note_left_alone(struct cs_planner *pl)
{
    const struct cs_observation *o = pl->o;
    const char *first = NULL;
    unsigned n = 0;

    for (uint32_t i = 0; i < o->n_claims; i++) {
        if (!o->claims[i].claim || !o->claims[i].foreign)
            continue;
        first = first ? first : o->claims[i].name;
        n++;
    }
    if (n > 0)
        cs_plan_note(pl, true, "ClaimLeftAlone", first,
            "%u claim%s of this CloneSet, %s first, %s left alone: the name does not end with the instance id of its "
            "label, "
            "or another Pod has the id or mounts it",
            n, n == 1 ? "" : "s", first, n == 1 ? "is" : "are");
}

void cs_plan_claims(struct cs_planner *pl)
{
    struct cs_observation *o = pl->o;

    claims_of_pods(pl);
    for (uint32_t i = 0; i < o->n_pods && pl->p->n < CS_PLAN_ENOUGH; i++)
        mend(pl, &o->pods[i]);
    if (reuse_off(pl))
        free_claims(pl);
    for (uint32_t i = 0; o->set->expand_claims && i < o->n_claims && pl->p->n < CS_PLAN_ENOUGH; i++)
        grow(pl, &o->claims[i]);
    note_left_alone(pl);
}
