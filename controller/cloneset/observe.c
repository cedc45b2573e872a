/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the store to the planner's observation of one set: values, borrowed for one pass.
 */
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "controller/cloneset/controller.h"
#include "controller/cloneset/store_ids.h"

/* The Node of a Pod; NULL: it has none, or the Node is not known (any more). */
static const struct cs_node *node_of(struct cs_controller *c, const struct cs_pod *p)
{
    const struct cs_entry *e = p->node ? cs_store_find(&c->store, CS_K_NODE, "", p->node) : NULL;

    return e ? e->obj : NULL;
}

static bool node_lost(struct cs_controller *c, const struct cs_pod *p)
{
    const struct cs_node *node = node_of(c, p);

    return p->node && (!node || !node->ready);
}

static void observe_pods(struct cs_controller *c, struct cs_set_run *r, struct cs_observation *o)
{
    const struct cs_entries *list = &r->se->entries[CS_K_POD];

    o->pods = cs_new_array(struct cs_view_pod, list->n + 1);
    for (uint32_t i = 0; i < list->n; i++) {
        const struct cs_entry *e = list->items[i];
        const struct cs_pod *p = e->obj;
        struct cs_view_pod *v = &o->pods[o->n_pods];

        if (!p && e->busy != CS_BUSY_CREATE)
            continue; /* gone; only an answer is awaited */
        *v = (struct cs_view_pod){.pod = p, .busy = e->busy};
        v->name = p ? p->meta.name : e->pending->name;
        v->id = p ? p->id : e->pending->id;
        v->revision = p ? p->revision : e->pending->revision;
        if (p && (cs_pod_terminating(p) || p->ready.status != CS_COND_TRUE))
            v->node_lost = node_lost(c, p);
        if (p && !cs_pod_terminating(p) && o->set->n_topology_keys > 0)
            v->node = node_of(c, p); /* only scale-in among topologies asks (spec §5.6) */
        o->n_pods++;
    }
}

/* D4: the name must be "<template>-<set>-<id>" with the label's id. */
static bool claim_name_fits(const struct cs_cloneset *set, const struct cs_claim *claim)
{
    size_t len = strlen(claim->meta.name), set_len = strlen(set->meta.name);
    size_t tail_len = 1 + set_len + 1 + CS_ID_LEN;
    const char *tail;

    if (!claim->id || !cs_id_valid(cs_str(claim->id)) || len <= tail_len)
        return false;
    tail = claim->meta.name + (len - tail_len);
    return tail[0] == '-' && memcmp(tail + 1, set->meta.name, set_len) == 0 && tail[1 + set_len] == '-' &&
           strcmp(tail + 1 + set_len + 1, claim->id) == 0;
}

#define ABSENT_FOR_MS 5000 /* how long ago a read may have been sent for its 404 to justify the deletion of a claim */

/* What is known of the Pod that the claim waits for, or that is no more. */
static void add_pod_facts(struct cs_view_claim *v, const struct cs_claim_entry *e, const struct cs_set_run *r)
{
    const struct cs_free_id *f = cs_set_free_find(r->se, v->id);

    if (!f)
        return;
    v->made = v->made || f->made;
    v->pod_absent =
        f->absent && f->asked.seq >= e->seq && cs_loop_now_ms(r->c->o.loop) - f->asked.at_ms <= ABSENT_FOR_MS; /* D5d */
}

static void add_claim(struct cs_observation *o, struct cs_entry *e, const struct cs_set_run *r, size_t *cap)
{
    const struct cs_claim_entry *known = cs_claim_of(e);
    const struct cs_claim *claim = e->obj;
    struct cs_view_claim *v;
    size_t n = o->n_claims;

    if (!claim && e->busy != CS_BUSY_CREATE)
        return;
    if (claim && (!claim->id || strlen(claim->id) != CS_ID_LEN))
        return; /* no id of ours: never touched (quirk 21) */
    cs_grow(o->claims, n, *cap);
    v = &o->claims[o->n_claims++];
    *v = (struct cs_view_claim){.claim = claim, .busy = e->busy};
    v->name = claim ? claim->meta.name : e->pending->name;
    v->id = claim ? claim->id : e->pending->id;
    v->foreign = claim && !claim_name_fits(o->set, claim);
    v->refused = known->refused;
    v->made = e->busy == CS_BUSY_CREATE; /* the watch may report it before its request is answered */
    v->taken_late = claim && claim->meta.rv == known->late_rv;
    v->unfenced = claim && (claim->meta.rv <= r->c->fence_rv || v->taken_late);
    add_pod_facts(v, known, r);
}

/* Claims that were handed over to a Pod are linked to no set: they are found through their Pod. */
static void add_handed_claims(struct cs_set_run *r, struct cs_observation *o, const struct cs_pod *p, size_t *cap)
{
    for (uint32_t i = 0; p && i < p->n_claims; i++) {
        struct cs_entry *e = cs_store_find(&r->c->store, CS_K_CLAIM, p->meta.ns, p->claims[i]);
        const struct cs_owner *owner = e && e->obj && !e->set ? cs_meta_controller(e->meta) : NULL;

        if (owner && cs_streq(owner->uid, p->meta.uid))
            add_claim(o, e, r, cap);
    }
}

static void observe_claims(struct cs_controller *c, struct cs_set_run *r, struct cs_observation *o)
{
    const struct cs_entries *list = &r->se->entries[CS_K_CLAIM];
    size_t cap = 0;

    for (uint32_t i = 0; i < list->n; i++)
        add_claim(o, list->items[i], r, &cap);
    for (uint32_t i = 0; i < o->n_pods; i++)
        add_handed_claims(r, o, o->pods[i].pod, &cap);
    cs_set_unblock(&c->store, r->se, cs_loop_now_ms(c->o.loop));
    for (uint32_t i = 0; i < r->se->n_blocked; i++) {
        size_t n = o->n_claims;

        cs_grow(o->claims, n, cap);
        o->claims[o->n_claims++] =
            (struct cs_view_claim){.name = r->se->blocked[i].name, .id = r->se->blocked[i].id, .foreign = true};
    }
}

static int by_number(const void *x, const void *y)
{
    const struct cs_revision *a = ((const struct cs_view_revision *)x)->rev;
    const struct cs_revision *b = ((const struct cs_view_revision *)y)->rev;

    if (a->revision != b->revision)
        return a->revision < b->revision ? -1 : 1;
    if (a->meta.created_ms != b->meta.created_ms)
        return a->meta.created_ms < b->meta.created_ms ? -1 : 1;
    return strcmp(a->meta.name, b->meta.name);
}

static void add_revision(struct cs_observation *o, struct cs_entry *e)
{
    if (!e->obj || e->meta->deleted_ms != 0)
        return;
    o->revisions[o->n_revisions++] =
        (struct cs_view_revision){.rev = e->obj, .norm = cs_revision_of(e)->norm, .busy = e->busy};
}

/* Spec §4.2: those of the set, and those without controller that its selector matches. */
static void observe_revisions(struct cs_controller *c, struct cs_set_run *r, struct cs_observation *o)
{
    const struct cs_entries *list = &r->se->entries[CS_K_REVISION];
    const struct cs_entries *loose = &c->store.loose;

    o->revisions = cs_new_array(struct cs_view_revision, list->n + (size_t)loose->n + 1);
    for (uint32_t i = 0; i < list->n; i++)
        add_revision(o, list->items[i]);
    for (uint32_t i = 0; i < loose->n; i++)
        if (cs_streq(loose->items[i]->meta->ns, o->set->meta.ns) &&
            cs_selector_matches(&o->set->spec.selector, &loose->items[i]->meta->labels))
            add_revision(o, loose->items[i]);
    if (o->n_revisions > 1)
        qsort(o->revisions, o->n_revisions, sizeof(o->revisions[0]), by_number);
}

static void observe_absent(struct cs_set_run *r, struct cs_observation *o)
{
    o->absent = cs_new_array(const char *, r->se->n_free_ids + 1);
    for (uint32_t i = 0; i < r->se->n_free_ids; i++)
        if (r->se->free_ids[i].absent)
            o->absent[o->n_absent++] = r->se->free_ids[i].id;
}

bool cs_observe(struct cs_controller *c, struct cs_set_run *r, struct cs_observation *ret)
{
    struct cs_observation o = {.set = r->se->set, .norm = r->se->norm};

    if (!o.set)
        return false;
    observe_pods(c, r, &o);
    observe_claims(c, r, &o);
    observe_revisions(c, r, &o);
    o.gates = &c->o.gates;
    o.exclude_preparing = c->o.exclude_preparing;
    o.revision_busy = r->revision_busy;
    o.set_busy = r->set_busy;
    observe_absent(r, &o);
    o.trouble = (struct cs_trouble){.scale_error = r->scale_error,
        .update_error = r->update_error,
        .violations = r->se->violations,
        .inflight = r->inflight};
    o.now_ms = cs_clock_wall_ms(c->o.clock);
    o.reap_from_ms = o.now_ms + c->doubt_until_ms - cs_loop_now_ms(c->o.loop);
    o.set_fresh = r->fresh_generation == o.set->meta.generation && r->fresh_generation != 0 &&
                  cs_loop_now_ms(c->o.loop) < r->fresh_until_ms;
    *ret = o;
    return true;
}

void cs_observation_done(struct cs_observation *o)
{
    for (uint32_t i = 0; i < o->n_revisions; i++)
        cs_norm_rest(o->revisions[i].norm);
    if (o->norm)
        cs_norm_rest(o->norm);
    free(o->pods);
    free(o->claims);
    free(o->revisions);
    free(o->absent);
    *o = (struct cs_observation){0};
}
