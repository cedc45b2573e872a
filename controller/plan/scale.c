/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Deleting and creating Pods and their claims (spec §5.1, §5.4–§5.6, §4.6; D1, D3, D4, D6, D7).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "controller/plan/parts.h"

#define NODE_LOST_GRACE_MS 30000 /* D1 */

/* ---- deleting ---- */

/* Claims that stand between the Pod and its deletion; hands over those that can be (D3). */
static bool hand_over_claims(struct cs_planner *pl, const struct cs_view_pod *v)
{
    bool pending = false;

    for (uint32_t k = 0; k < v->claim_n; k++) {
        struct cs_view_claim *c = &pl->o->claims[v->claim_at + k];
        struct cs_action *a;

        if (c->busy != CS_IDLE) {
            pending = true;
            continue;
        }
        if (!cs_plan_claim_is_sets(pl, c))
            continue;
        pending = true;
        a = cs_plan_add_destructive(pl, CS_ACT_HAND_OVER, "its Pod is about to be deleted");
        if (a) {
            a->claim = c->claim;
            a->pod = v->pod;
        }
    }
    return pending;
}

void cs_plan_delete_pod(struct cs_planner *pl, struct cs_view_pod *v, const char *why)
{
    struct cs_action *a;

    v->chosen = true;
    pl->scaled = true;
    if (v->busy != CS_IDLE || !v->pod || hand_over_claims(pl, v))
        return;
    a = cs_plan_add_destructive(pl, CS_ACT_DELETE_POD, why);
    if (a)
        a->pod = v->pod;
}

void cs_plan_finished(struct cs_planner *pl)
{
    for (uint32_t i = 0; i < pl->o->n_pods; i++) {
        struct cs_view_pod *v = &pl->o->pods[i];
        struct cs_action *a;

        if (!v->pod || cs_pod_active(v->pod) || cs_pod_terminating(v->pod) || v->busy != CS_IDLE)
            continue;
        if (!cs_meta_has_owner_uid(&v->pod->meta, pl->o->set->meta.uid))
            continue; /* its name is one of ours, it is not */
        if (!pl->has_claims && v->claim_n == 0)
            continue;
        /* The claims stay the set's: the next Pod takes id and claims over (D1). */
        a = cs_plan_add_destructive(pl, CS_ACT_DELETE_POD, "it has finished and holds id and claims");
        if (a)
            a->pod = v->pod;
    }
}

/* Ready Pods that a request under way may take out of service (a DELETE, a gate) use up the limit of this pass already. */
static int32_t ready_pods_leaving(const struct cs_planner *pl)
{
    int32_t n = 0;

    for (uint32_t i = 0; i < pl->o->n_pods; i++) {
        const struct cs_view_pod *v = &pl->o->pods[i];

        n += v->ours && v->busy != CS_IDLE && v->busy != CS_BUSY_CREATE && v->ready;
    }
    return n;
}

/* Deletes of a list what may go: not ready all, ready up to *limit. */
static void delete_within(struct cs_planner *pl, struct cs_view_pod **list, uint32_t n, int32_t *limit, const char *why)
{
    for (uint32_t i = 0; i < n; i++) {
        struct cs_view_pod *v = list[i];

        v->doomed = true; /* if not in this pass, then in a later one */
        if (v->busy == CS_BUSY_DELETE)
            continue;
        if (v->ready) {
            if (*limit <= 0)
                continue;
            (*limit)--;
        }
        cs_plan_delete_pod(pl, v, why);
    }
}

static const char *delete_reason(const struct cs_view_pod *v)
{
    return v->marked ? "recreate update" : "asked for by podsToDelete or label";
}

static void delete_specified(struct cs_planner *pl, struct cs_view_pod **list, int32_t *limit)
{
    uint32_t n = 0;

    /* Half deleted first (D3), then by name: the same for everybody. */
    for (int handed = 1; handed >= 0; handed--)
        for (uint32_t i = 0; i < pl->o->n_pods; i++) {
            struct cs_view_pod *v = &pl->o->pods[i];

            if (v->ours && v->specified && !v->pre_delete && v->claims_handed == (handed == 1))
                list[n++] = v;
        }
    for (uint32_t i = 0; i < n; i++)
        delete_within(pl, &list[i], 1, limit, delete_reason(list[i]));
}

static uint32_t pick_group(struct cs_planner *pl, struct cs_view_pod **list, bool is_new)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < pl->o->n_pods; i++) {
        struct cs_view_pod *v = &pl->o->pods[i];

        if (v->ours && v->is_new == is_new && !v->specified && !v->pre_delete)
            list[n++] = v;
    }
    cs_rank_for_delete(list, n, pl->o->now_ms, pl->o->set->spec.min_ready_s);
    return n;
}

/* Spec §5.6: old ones first as far as scaleDownOld says. */
static void scale_in(struct cs_planner *pl, struct cs_view_pod **list, int32_t *limit)
{
    int32_t a = pl->numbers.scale_down;
    int32_t from_old = pl->numbers.scale_down_old < a ? pl->numbers.scale_down_old : a;
    uint32_t n;

    n = pick_group(pl, list, false);
    if ((uint32_t)from_old > n)
        from_old = (int32_t)n;
    delete_within(pl, list, (uint32_t)from_old, limit, "scale-in");
    n = pick_group(pl, list, true);
    a -= from_old;
    delete_within(pl, list, (uint32_t)a < n ? (uint32_t)a : n, limit, "scale-in");
}

/* D3: a Pod that is wanted after all gets its claims back to the set. */
static void hand_back(struct cs_planner *pl)
{
    for (uint32_t i = 0; i < pl->o->n_pods; i++) {
        struct cs_view_pod *v = &pl->o->pods[i];

        if (!v->ours || !v->claims_handed || v->specified || v->chosen || v->doomed || v->busy == CS_BUSY_DELETE)
            continue;
        for (uint32_t k = 0; k < v->claim_n; k++) {
            struct cs_view_claim *c = &pl->o->claims[v->claim_at + k];
            struct cs_action *a;

            if (!c->claim || c->busy != CS_IDLE || c->foreign || c->claim->meta.deleted_ms != 0 ||
                cs_plan_claim_is_sets(pl, c))
                continue;
            a = cs_plan_add(pl, CS_ACT_HAND_BACK, "its Pod stays");
            a->claim = c->claim;
            a->pod = v->pod;
        }
    }
}

/* Asked for and not yet sent. A DELETE under way is no reason to wait: it is in the numbers already. */
static bool deletions_waiting(const struct cs_planner *pl)
{
    for (uint32_t i = 0; i < pl->o->n_pods; i++) {
        const struct cs_view_pod *v = &pl->o->pods[i];

        if (v->ours && v->busy != CS_BUSY_DELETE && (v->pre_delete || v->specified))
            return true;
    }
    return false;
}

void cs_plan_scale(struct cs_planner *pl)
{
    const struct cs_numbers *d = &pl->numbers;
    cs_autofree struct cs_view_pod **list = cs_new_array(struct cs_view_pod *, pl->o->n_pods + 1);
    int32_t limit = d->delete_ready_limit - ready_pods_leaving(pl);

    if (d->scale_up > d->scale_up_limit)
        cs_plan_note(pl, true, "ScaleUpLimited", "",
            "scaleUp is limited because of scaleStrategy.maxUnavailable, limit: %d", d->scale_up_limit);
    if (d->scale_up > 0) { /* nothing is deleted in the same pass (spec §5.1 step 5) */
        if (d->scale_up_limit > 0)
            cs_plan_create(pl);
    } else {
        for (uint32_t i = 0; i < pl->o->n_pods; i++)
            if (pl->o->pods[i].ours && pl->o->pods[i].pre_delete)
                cs_plan_delete_pod(pl, &pl->o->pods[i], "its preDelete hook has released it");
        delete_specified(pl, list, &limit);
        if (d->scale_down > 0 && deletions_waiting(pl))
            return; /* spec §5.1 step 8; who goes is open, so nothing is handed back either */
        if (d->scale_down > 0)
            scale_in(pl, list, &limit);
    }
    hand_back(pl);
}

/* ---- creating ---- */

struct creation {
    struct cs_planner *pl;
    const char **pod_ids; /* of all Pods in any phase, sorted */
    uint32_t n_pod_ids;
    char (*ids)[CS_ID_SIZE]; /* chosen for the Pods to come: vacancies, then new ones */
    uint32_t n, cap;
    int32_t waiting; /* vacancies that must wait: their Pod is on its way out (D1) */
};

static int by_text(const void *x, const void *y)
{
    return strcmp(*(const char *const *)x, *(const char *const *)y);
}

static void collect_pod_ids(struct creation *c)
{
    const struct cs_observation *o = c->pl->o;

    c->pod_ids = cs_new_array(const char *, o->n_pods + 1);
    for (uint32_t i = 0; i < o->n_pods; i++)
        if (o->pods[i].id)
            c->pod_ids[c->n_pod_ids++] = o->pods[i].id;
    if (c->n_pod_ids > 1)
        qsort(c->pod_ids, c->n_pod_ids, sizeof(c->pod_ids[0]), by_text);
}

static bool id_has_pod(const struct creation *c, const char *id)
{
    return c->n_pod_ids > 0 && bsearch(&id, c->pod_ids, c->n_pod_ids, sizeof(c->pod_ids[0]), by_text) != NULL;
}

/* D1: the Pod holds its id back for its replacement, unless its node is lost. */
static bool holds_vacancy(struct cs_planner *pl, const struct cs_view_pod *v)
{
    bool has_set_claim = false;

    if (!v->pod || cs_pod_active(v->pod) || !v->id)
        return false;
    for (uint32_t k = 0; k < v->claim_n; k++)
        has_set_claim = has_set_claim || cs_plan_claim_is_sets(pl, &pl->o->claims[v->claim_at + k]);
    if (!has_set_claim)
        return false;
    if (!cs_pod_terminating(v->pod) || !v->node_lost)
        return true;
    if (pl->o->now_ms < v->pod->meta.deleted_ms + NODE_LOST_GRACE_MS) {
        cs_plan_requeue_at(pl, v->pod->meta.deleted_ms + NODE_LOST_GRACE_MS);
        return true;
    }
    cs_plan_note(pl, true, "NodeLost", v->name,
        "pod %s is stuck Terminating on a lost node: a Pod with a fresh id replaces it, its claims are kept for the "
        "next vacancy",
        v->name);
    return false;
}

/* An id without Pod whose claims are the set's and alive may be taken over (spec §4.6, D4). */
static void find_vacancies(struct creation *c)
{
    struct cs_planner *pl = c->pl;
    const struct cs_observation *o = pl->o;

    for (uint32_t i = 0; i < o->n_pods; i++)
        c->waiting += holds_vacancy(pl, &o->pods[i]);
    for (uint32_t from = 0; from < o->n_claims;) {
        const char *id = o->claims[from].id;
        bool usable = false;
        bool blocked = false;
        uint32_t to = from;

        for (; to < o->n_claims && strcmp(o->claims[to].id, id) == 0; to++) {
            usable = usable || !o->claims[to].claim || cs_plan_claim_is_sets(pl, &o->claims[to]);
            blocked =
                blocked || o->claims[to].foreign || (o->claims[to].claim && !cs_plan_claim_is_sets(pl, &o->claims[to]));
        }
        if (usable && !blocked && !id_has_pod(c, id)) {
            size_t cap = c->cap;

            cs_grow(c->ids, (size_t)c->n, cap);
            c->cap = (uint32_t)cap;
            memcpy(c->ids[c->n++], id, CS_ID_SIZE);
        }
        from = to;
    }
}

static bool id_in_use(const struct creation *c, const char *id)
{
    uint32_t at;
    uint32_t n;

    cs_plan_claims_of(c->pl->o, id, &at, &n);
    return n > 0 || id_has_pod(c, id);
}

static uint64_t digest_in_use(const struct cs_observation *o)
{
    uint64_t d = 0;

    for (uint32_t i = 0; i < o->n_pods; i++)
        if (o->pods[i].id)
            d += cs_id_digest(o->pods[i].id);
    for (uint32_t i = 0; i < o->n_claims; i++)
        d += cs_id_digest(o->claims[i].id);
    return d;
}

static int by_id(const void *x, const void *y)
{
    return strcmp(x, y);
}

/* Fills up to `want` ids: vacancies first, then new ones (D7). */
static void add_new_ids(struct creation *c, uint32_t want)
{
    const struct cs_observation *o = c->pl->o;
    uint64_t digest = digest_in_use(o);
    uint32_t taken = c->n;

    for (uint64_t k = 0; c->n < want && k < (uint64_t)want * 64 + 1024; k++) {
        char id[CS_ID_SIZE];
        bool dup = false;
        size_t cap = c->cap;

        cs_id_candidate(o->set->meta.uid, o->set->meta.generation, digest, k, id);
        for (uint32_t i = taken; i < c->n && !dup; i++)
            dup = strcmp(c->ids[i], id) == 0;
        if (dup || id_in_use(c, id))
            continue;
        cs_grow(c->ids, (size_t)c->n, cap);
        c->cap = (uint32_t)cap;
        memcpy(c->ids[c->n++], id, CS_ID_SIZE);
    }
}

static bool absent_confirmed(const struct cs_observation *o, const char *id)
{
    return o->n_absent > 0 && bsearch(&id, o->absent, o->n_absent, sizeof(o->absent[0]), by_text) != NULL;
}

/* Creates what is missing of the claims of an id; true when all are there. */
static bool claims_complete(struct cs_planner *pl, const char *id)
{
    const struct cs_cloneset *set = pl->o->set;
    bool complete = true;
    uint32_t at;
    uint32_t n;

    cs_plan_claims_of(pl->o, id, &at, &n);
    for (uint32_t t = 0; t < set->n_vcts; t++) {
        char name[CS_NAME_SIZE];
        const struct cs_view_claim *found = NULL;
        struct cs_action *a;

        if (!set->vct_names[t] || !cs_claim_name(set->vct_names[t], set->meta.name, id, name))
            continue; /* admission's business; the Pod is refused by the server then */
        for (uint32_t i = at; i < at + n && !found; i++)
            if (strcmp(pl->o->claims[i].name, name) == 0)
                found = &pl->o->claims[i];
        if (found) {
            complete = complete && found->claim != NULL && found->busy == CS_IDLE;
            continue;
        }
        complete = false;
        a = cs_plan_add(pl, CS_ACT_CREATE_CLAIM, "a new Pod needs it");
        a->vct = set->vct_names[t];
        memcpy(a->name, name, sizeof(name));
        memcpy(a->id, id, CS_ID_SIZE);
    }
    return complete;
}

/* A write of one of them is under way: its answer decides how to go on. */
static bool claims_busy(const struct cs_observation *o, const char *id)
{
    uint32_t at;
    uint32_t n;

    cs_plan_claims_of(o, id, &at, &n);
    for (uint32_t i = at; i < at + n; i++)
        if (o->claims[i].busy != CS_IDLE)
            return true;
    return false;
}

static void create_one(struct cs_planner *pl, const char *id, bool takeover, const struct cs_view_revision *rev)
{
    const struct cs_cloneset *set = pl->o->set;
    struct cs_action *a;
    char name[CS_NAME_SIZE];

    if (!cs_pod_name(set->meta.name, id, name) || claims_busy(pl->o, id))
        return;
    if (takeover && !absent_confirmed(pl->o, id)) {
        a = cs_plan_add(pl, CS_ACT_CONFIRM_ABSENT, "its id is about to be taken over");
        memcpy(a->name, name, sizeof(name));
        memcpy(a->id, id, CS_ID_SIZE);
        return;
    }
    if (!claims_complete(pl, id))
        return;
    a = cs_plan_add(pl, CS_ACT_CREATE_POD, takeover ? "its id and claims are there" : "scale-out");
    a->revision = rev->rev;
    memcpy(a->name, name, sizeof(name));
    memcpy(a->id, id, CS_ID_SIZE);
}

void cs_plan_create(struct cs_planner *pl)
{
    struct creation c = {.pl = pl};
    int32_t k = pl->numbers.scale_up_limit;
    uint32_t vacant;

    collect_pod_ids(&c);
    find_vacancies(&c);
    k -= c.waiting < k ? c.waiting : k;
    vacant = c.n;
    if (vacant > (uint32_t)k)
        c.n = vacant = (uint32_t)k;
    else /* no more than a pass can plan: choosing is quadratic */
        add_new_ids(&c, (uint32_t)k - vacant > CS_PLAN_ENOUGH ? vacant + CS_PLAN_ENOUGH : (uint32_t)k);
    if (c.n > vacant)
        qsort(c.ids[vacant], c.n - vacant, sizeof(c.ids[0]), by_id);
    for (uint32_t i = 0; i < c.n && pl->p->n < CS_PLAN_ENOUGH; i++)
        create_one(pl, c.ids[i], i < vacant, (int32_t)i < pl->numbers.scale_up_old ? pl->current : pl->update);
    free(c.ids);
    free(c.pod_ids);
    pl->scaled = pl->scaled || k > 0;
}
