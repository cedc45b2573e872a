/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Creating Pods and their claims: which ids (vacancies first, D1, D4, D6, D7), which revision, in which order (spec §5.4, §4.6).
 */
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "controller/plan/parts.h"

#define NODE_LOST_GRACE_MS 30000 /* D1 */

struct creation {
    struct cs_planner *pl;
    char (*ids)[CS_ID_SIZE]; /* chosen for the Pods to come: vacancies, then new ones */
    uint32_t n, cap;
    int32_t waiting; /* vacancies that must wait: their Pod is on its way out (D1) */
};

/* D1: the Pod holds its id back for its replacement, unless its node is lost. */
static bool holds_vacancy(struct cs_planner *pl, const struct cs_view_pod *v)
{
    bool has_set_claim = false;

    if (!v->pod || cs_pod_active(v->pod) || !v->id)
        return false;
    for (uint32_t k = 0; k < v->claim_n; k++) {
        const struct cs_view_claim *c = &pl->o->claims[v->claim_at + k];

        has_set_claim = has_set_claim || cs_plan_claim_is_sets(pl, c) ||
                        (cs_plan_claims_outlast(v) && cs_plan_claim_is_pods(c, v->pod));
    }
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

static void add_id(struct creation *c, const char *id)
{
    size_t cap = c->cap;

    cs_grow(c->ids, (size_t)c->n, cap);
    c->cap = (uint32_t)cap;
    memcpy(c->ids[c->n++], id, CS_ID_SIZE);
}

/*
 * An id without Pod whose claims are the set's and alive may be taken over (spec §4.6, D4). With disablePVCReuse only what was
 * made for a Pod to come: no Pod had it yet, and none waits for an id that another one holds.
 */
static void find_vacancies(struct creation *c)
{
    struct cs_planner *pl = c->pl;
    const struct cs_observation *o = pl->o;
    bool reuse = !o->set->spec.disable_pvc_reuse;

    for (uint32_t i = 0; reuse && i < o->n_pods; i++)
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
            blocked = blocked || (!reuse && o->claims[to].claim && !o->claims[to].made);
        }
        from = to;
        if (usable && !blocked && !cs_plan_id_has_pod(pl, id))
            add_id(c, id);
    }
}

static bool id_in_use(const struct creation *c, const char *id)
{
    uint32_t at;
    uint32_t n;

    cs_plan_claims_of(c->pl->o, id, &at, &n);
    return n > 0 || cs_plan_id_has_pod(c->pl, id);
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

        cs_id_candidate(o->set->meta.uid, o->set->meta.generation, digest, k, id);
        for (uint32_t i = taken; i < c->n && !dup; i++)
            dup = strcmp(c->ids[i], id) == 0;
        if (!dup && !id_in_use(c, id))
            add_id(c, id);
    }
}

static bool absent_confirmed(const struct cs_observation *o, const char *id)
{
    return cs_texts_have(o->absent, o->n_absent, id);
}

/* Creates what is missing of the claims of an id; true when all are there. */
static bool claims_complete(struct cs_planner *pl, const char *id, const struct cs_vcts *vcts)
{
    const struct cs_cloneset *set = pl->o->set;
    bool complete = true;
    uint32_t at;
    uint32_t n;

    cs_plan_claims_of(pl->o, id, &at, &n);
    for (uint32_t t = 0; t < vcts->n; t++) {
        char name[CS_NAME_SIZE];
        const struct cs_view_claim *found = NULL;

        if (!cs_claim_name(vcts->names[t], set->meta.name, id, name))
            continue; /* admission's business; the Pod is refused by the server then */
        for (uint32_t i = at; i < at + n && !found; i++)
            if (strcmp(pl->o->claims[i].name, name) == 0)
                found = &pl->o->claims[i];
        if (found) {
            complete = complete && found->claim != NULL && found->busy == CS_IDLE;
            continue;
        }
        complete = false;
        cs_plan_create_claim(pl, vcts, t, id, "a new Pod needs it");
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

/*
 * D12: whoever decided before may have sent the deletion or hand-over of a claim that a new Pod is about to mount. These name the
 * version that they are about, so writing the claim once makes them fail, however late they land. True: nothing to write.
 */
static bool claims_fenced(struct cs_planner *pl, const char *id)
{
    bool fenced = true;
    uint32_t at;
    uint32_t n;

    cs_plan_claims_of(pl->o, id, &at, &n);
    for (uint32_t i = at; i < at + n; i++) {
        struct cs_view_claim *c = &pl->o->claims[i];

        if (!c->claim || !c->unfenced)
            continue;
        fenced = false;
        cs_plan_fence(pl, c, "a Pod is about to take it over");
    }
    return fenced;
}

/* U-09: never half a Pod. */
static const struct cs_view_revision *buildable(struct cs_planner *pl, const struct cs_view_revision *rev)
{
    if (rev == pl->update || !pl->old_lacks)
        return rev;
    cs_plan_note(pl, true, "ClaimTemplateMissing", rev->rev->meta.name,
        "Pods of revision %s mount volume \"%s\", but spec.volumeClaimTemplates has it no longer and the revision does "
        "not record it: Pods that the partition asks for at that revision are created at %s",
        rev->rev->meta.name, pl->old_lacks, pl->update->rev->meta.name);
    return pl->update;
}

static void create_one(struct cs_planner *pl, const char *id, bool takeover, const struct cs_view_revision *rev)
{
    const struct cs_cloneset *set = pl->o->set;
    const struct cs_vcts vcts = rev == pl->update ? cs_plan_live_vcts(pl) : pl->old_vcts;
    struct cs_action *a;
    char name[CS_NAME_SIZE];
    bool fenced;

    if (!cs_pod_name(set->meta.name, id, name) || claims_busy(pl->o, id))
        return;
    /* podsToDelete still has the name of a Pod that is gone: its successor waits for the strike, or it would go with its claims. */
    if (cs_plan_listed_for_delete(pl, name))
        return;
    fenced = !takeover || claims_fenced(pl, id);
    if (takeover && !absent_confirmed(pl->o, id)) {
        cs_plan_confirm_absent(pl, id, "its id is about to be taken over");
        return;
    }
    if (!fenced || !claims_complete(pl, id, &vcts))
        return;
    a = cs_plan_add(pl, CS_ACT_CREATE_POD, takeover ? "its id and claims are there" : "scale-out");
    a->revision = rev->rev;
    a->vcts = vcts;
    a->name = cs_xstrdup(name);
    memcpy(a->id, id, CS_ID_SIZE);
}

void cs_plan_create(struct cs_planner *pl)
{
    struct creation c = {.pl = pl};
    int32_t k = pl->numbers.scale_up_limit;
    uint32_t vacant;

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
        create_one(
            pl, c.ids[i], i < vacant, buildable(pl, (int32_t)i < pl->numbers.scale_up_old ? pl->current : pl->update));
    free(c.ids);
    pl->scaled = pl->scaled || k > 0;
}
