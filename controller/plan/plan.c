/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One pass over one set: revisions, then the Pods' own housekeeping, scaling, updating, status. See plan.h.
 */
#include "controller/plan/plan.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/api/gvr.h"
#include "common/base/alloc.h"
#include "common/base/hash.h"
#include "controller/plan/lifecycle.h"
#include "controller/plan/order.h"

const char *cs_action_name(enum cs_action_kind k)
{
    static const char *const names[CS_ACT_COUNT] = {
        [CS_ACT_NONE] = "none",
        [CS_ACT_READ_SET] = "read-set",
        [CS_ACT_CREATE_REVISION] = "create-revision",
        [CS_ACT_RENUMBER_REVISION] = "renumber-revision",
        [CS_ACT_DELETE_REVISION] = "delete-revision",
        [CS_ACT_CONFIRM_ABSENT] = "confirm-absent",
        [CS_ACT_CREATE_CLAIM] = "create-claim",
        [CS_ACT_CREATE_POD] = "create-pod",
        [CS_ACT_HAND_OVER] = "hand-over-claim",
        [CS_ACT_HAND_BACK] = "hand-back-claim",
        [CS_ACT_FENCE_CLAIM] = "fence-claim",
        [CS_ACT_DELETE_POD] = "delete-pod",
        [CS_ACT_MARK_RECREATE] = "mark-recreate",
        [CS_ACT_UNMARK] = "unmark",
        [CS_ACT_GATE_OFF] = "gate-off",
        [CS_ACT_INPLACE_START] = "inplace-start",
        [CS_ACT_INPLACE_APPLY] = "inplace-apply",
        [CS_ACT_GRACE_APPLY] = "grace-apply",
        [CS_ACT_GRACE_DROP] = "grace-drop",
        [CS_ACT_REFRESH] = "refresh",
        [CS_ACT_LIFECYCLE] = "lifecycle",
        [CS_ACT_REARM] = "rearm-hook",
        [CS_ACT_RESIZE] = "resize",
        [CS_ACT_DELETE_CLAIM] = "delete-claim",
        [CS_ACT_EXPAND_CLAIM] = "expand-claim",
        [CS_ACT_RELEASE] = "release",
        [CS_ACT_STRIKE] = "strike",
    };

    return k < CS_ACT_COUNT ? names[k] : "?";
}

bool cs_action_destructive(enum cs_action_kind k)
{
    return k == CS_ACT_HAND_OVER || k == CS_ACT_DELETE_POD || k == CS_ACT_MARK_RECREATE || k == CS_ACT_DELETE_CLAIM;
}

struct cs_action *cs_plan_add(struct cs_planner *pl, enum cs_action_kind kind, const char *why)
{
    struct cs_plan *p = pl->p;
    struct cs_action *a;
    size_t cap = p->cap;

    cs_grow(p->actions, (size_t)p->n, cap);
    p->cap = (uint32_t)cap;
    a = &p->actions[p->n++];
    *a = (struct cs_action){.kind = kind, .why = why};
    return a;
}

struct cs_action *cs_plan_add_destructive(struct cs_planner *pl, enum cs_action_kind kind, const char *why)
{
    if (pl->o->set_fresh)
        return cs_plan_add(pl, kind, why);
    pl->need_fresh = true;
    return NULL;
}

void cs_plan_note(struct cs_planner *pl, bool warning, const char *reason, const char *subject, const char *fmt, ...)
{
    struct cs_plan *p = pl->p;
    struct cs_note *n;
    uint64_t key = CS_FNV64_INIT;
    size_t cap = p->cap_notes;
    va_list ap;

    cs_grow(p->notes, (size_t)p->n_notes, cap);
    p->cap_notes = (uint32_t)cap;
    n = &p->notes[p->n_notes++];
    key = cs_fnv64_1a(key, reason, strlen(reason) + 1);
    key = cs_fnv64_1a(key, subject, strlen(subject));
    *n = (struct cs_note){.warning = warning, .reason = reason, .key = key};
    va_start(ap, fmt);
    (void)vsnprintf(n->message, sizeof(n->message), fmt, ap);
    va_end(ap);
}

void cs_plan_requeue_at(struct cs_planner *pl, int64_t wall_ms)
{
    if (pl->p->requeue_at_ms == 0 || wall_ms < pl->p->requeue_at_ms)
        pl->p->requeue_at_ms = wall_ms;
}

bool cs_pod_update_ready(const struct cs_pod *p, int32_t min_ready_s, int64_t now_ms)
{
    if (p->phase != CS_PHASE_RUNNING || p->ready.status != CS_COND_TRUE)
        return false;
    if (min_ready_s > 0 &&
        (p->ready.transition_ms == 0 || now_ms - p->ready.transition_ms <= (int64_t)min_ready_s * 1000))
        return false;
    return p->inplace_ready.status == CS_COND_ABSENT || p->inplace_ready.status == CS_COND_TRUE;
}

bool cs_pod_available(const struct cs_pod *p, int32_t min_ready_s, int64_t now_ms)
{
    return (p->state == CS_LC_NONE || p->state == CS_LC_NORMAL) && cs_pod_update_ready(p, min_ready_s, now_ms);
}

int64_t cs_pod_available_at_ms(const struct cs_pod *p, int32_t min_ready_s)
{
    if (min_ready_s <= 0 || p->ready.transition_ms == 0 || !cs_pod_available(p, 0, 0))
        return 0;
    /* strictly more than min_ready_s ago (spec §5.3) */
    return p->ready.transition_ms + (int64_t)min_ready_s * 1000 + 1;
}

static int by_pod_name(const void *x, const void *y)
{
    return strcmp(((const struct cs_view_pod *)x)->name, ((const struct cs_view_pod *)y)->name);
}

static int by_claim_id(const void *x, const void *y)
{
    const struct cs_view_claim *a = x;
    const struct cs_view_claim *b = y;
    int c = strcmp(a->id, b->id);

    return c != 0 ? c : strcmp(a->name, b->name);
}

/* First claim with an id, and how many there are. */
void cs_plan_claims_of(const struct cs_observation *o, const char *id, uint32_t *ret_at, uint32_t *ret_n)
{
    uint32_t lo = 0;
    uint32_t hi = o->n_claims;

    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;

        if (strcmp(o->claims[mid].id, id) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    *ret_at = lo;
    while (lo < o->n_claims && strcmp(o->claims[lo].id, id) == 0)
        lo++;
    *ret_n = lo - *ret_at;
}

bool cs_plan_claim_is_sets(const struct cs_planner *pl, const struct cs_view_claim *c)
{
    const struct cs_owner *owner;

    if (!c->claim || c->foreign || c->claim->meta.deleted_ms != 0)
        return false;
    owner = cs_meta_controller(&c->claim->meta);
    return owner && cs_streq(owner->uid, pl->o->set->meta.uid);
}

/* D4: claims whose id a Pod has that is not named after it: two Pods have the id, or may have. */
static void flag_misnamed(struct cs_observation *o, const struct cs_view_pod *v)
{
    char name[CS_NAME_SIZE];
    uint32_t at;
    uint32_t n;

    if (!v->pod || !v->id || (cs_pod_name(o->set->meta.name, v->id, name) && strcmp(name, v->name) == 0))
        return;
    cs_plan_claims_of(o, v->id, &at, &n);
    for (uint32_t k = at; k < at + n; k++)
        o->claims[k].foreign = true;
}

/* D4: a claim that a Pod with another id mounts is nobody's to touch. */
static void flag_cross_mounts(struct cs_observation *o, const struct cs_view_pod *v)
{
    for (uint32_t i = 0; v->pod && i < v->pod->n_claims; i++) {
        struct cs_str name = cs_str(v->pod->claims[i]);
        char id[CS_ID_SIZE];
        uint32_t at;
        uint32_t n;

        if (name.len <= CS_ID_LEN)
            continue;
        memcpy(id, name.p + name.len - CS_ID_LEN, CS_ID_LEN);
        id[CS_ID_LEN] = '\0';
        if (cs_streq(id, v->id))
            continue;
        cs_plan_claims_of(o, id, &at, &n);
        for (uint32_t k = at; k < at + n; k++)
            if (cs_streq(o->claims[k].name, v->pod->claims[i]))
                o->claims[k].foreign = true;
    }
}

bool cs_plan_claim_is_pods(const struct cs_view_claim *c, const struct cs_pod *p)
{
    const struct cs_owner *owner = c->claim ? cs_meta_controller(&c->claim->meta) : NULL;

    return owner && p && c->claim->meta.deleted_ms == 0 && cs_streq(owner->uid, p->meta.uid);
}

static int by_text(const void *x, const void *y)
{
    return strcmp(*(const char *const *)x, *(const char *const *)y);
}

/* podsToDelete sorted, owned by the caller: both this list and the Pods may be thousands. */
static const char **sort_listed(const struct cs_cloneset_spec *s)
{
    const char **listed = cs_new_array(const char *, s->n_pods_to_delete + (size_t)1);

    for (uint32_t i = 0; i < s->n_pods_to_delete; i++)
        listed[i] = s->pods_to_delete[i];
    qsort(listed, s->n_pods_to_delete, sizeof(listed[0]), by_text);
    return listed;
}

bool cs_texts_have(const char *const *sorted, uint32_t n, const char *text)
{
    return n > 0 && bsearch(&text, sorted, n, sizeof(sorted[0]), by_text) != NULL;
}

bool cs_plan_listed_for_delete(const struct cs_planner *pl, const char *name)
{
    return cs_texts_have(pl->listed, pl->o->set->spec.n_pods_to_delete, name);
}

const struct cs_view_pod *cs_observation_pod(const struct cs_observation *o, const char *name)
{
    const struct cs_view_pod wanted = {.name = name};

    return o->n_pods > 0 ? bsearch(&wanted, o->pods, o->n_pods, sizeof(wanted), by_pod_name) : NULL;
}

static void link_claims(struct cs_planner *pl)
{
    struct cs_observation *o = pl->o;

    if (o->n_claims > 1)
        qsort(o->claims, o->n_claims, sizeof(o->claims[0]), by_claim_id);
    for (uint32_t i = 0; i < o->n_claims; i++)
        o->claims[i].planned = false;
    for (uint32_t i = 0; o->n_claims > 0 && i < o->n_pods; i++) {
        flag_misnamed(o, &o->pods[i]);
        flag_cross_mounts(o, &o->pods[i]);
    }
    for (uint32_t i = 0; i < o->n_pods; i++) {
        struct cs_view_pod *v = &o->pods[i];

        v->claims_handed = false;
        v->claim_n = 0;
        if (!v->id || o->n_claims == 0)
            continue;
        cs_plan_claims_of(o, v->id, &v->claim_at, &v->claim_n);
        for (uint32_t k = 0; k < v->claim_n; k++)
            v->claims_handed = v->claims_handed || cs_plan_claim_is_pods(&o->claims[v->claim_at + k], v->pod);
    }
}

/* Spec §4.4 for one active Pod: ours, or to be released. */
static void claim_pod(struct cs_planner *pl, struct cs_view_pod *v)
{
    const struct cs_cloneset *set = pl->o->set;
    const struct cs_owner *owner;

    v->ours = false;
    if (!v->pod) { /* a create of ours is under way */
        v->ours = true;
        return;
    }
    if (!cs_pod_active(v->pod))
        return;
    owner = cs_meta_controller(&v->pod->meta);
    if (!owner || !cs_streq(owner->uid, set->meta.uid))
        return;
    if (cs_selector_matches(&set->spec.selector, &v->pod->meta.labels)) {
        v->ours = true;
        return;
    }
    if (v->busy == CS_IDLE) {
        cs_plan_add(pl, CS_ACT_RELEASE, "its labels no longer match the selector")->pod = v->pod;
        v->busy = CS_BUSY_PATCH;
    }
}

static void classify_pod(struct cs_planner *pl, struct cs_view_pod *v)
{
    const struct cs_cloneset_spec *s = &pl->o->set->spec;
    const struct cs_pod *p = v->pod;

    claim_pod(pl, v);
    v->is_new = cs_revision_same(v->revision, pl->update->rev->meta.name);
    v->scales_as_new =
        v->is_new || (pl->o->gates->preparing_update_as_update && p && p->state == CS_LC_PREPARING_UPDATE);
    v->marked = p && p->specified_delete && p->recreate_for;
    v->specified = v->busy == CS_BUSY_DELETE || (p && p->specified_delete) || cs_plan_listed_for_delete(pl, v->name);
    v->pre_delete = p && p->state == CS_LC_PREPARING_DELETE;
    v->ready = p && cs_pod_available(p, 0, pl->o->now_ms);
    v->available = p && cs_pod_available(p, s->min_ready_s, pl->o->now_ms);
    if (p && !v->available && cs_pod_available_at_ms(p, s->min_ready_s) > pl->o->now_ms)
        cs_plan_requeue_at(pl, cs_pod_available_at_ms(p, s->min_ready_s));
}

/*
 * D8: our own mark goes when the Pod is what is wanted again, and InPlaceOnly never recreates. Going back (gate
 * CloneSetPartitionRollback), what is wanted again is everything but the update revision.
 */
static bool take_mark_back(struct cs_planner *pl, struct cs_view_pod *v)
{
    const struct cs_cloneset_spec *s = &pl->o->set->spec;
    bool back = pl->update_numbers.update_num < 0;

    if (!v->ours || !v->marked || v->busy == CS_BUSY_DELETE)
        return false;
    if (v->is_new == back && s->type != CS_UPDATE_INPLACE_ONLY)
        return false;
    v->specified = cs_plan_listed_for_delete(pl, v->name);
    v->marked = false;
    if (v->busy == CS_IDLE) {
        cs_plan_add(pl, CS_ACT_UNMARK, "its revision is wanted again")->pod = v->pod;
        v->busy = CS_BUSY_PATCH;
    }
    return true;
}

static void count_pod(struct cs_counts *c, const struct cs_view_pod *v, bool is_new)
{
    c->total++;
    if (!is_new)
        c->total_old++;
    if (v->pre_delete) {
        *(is_new ? &c->pre_del_new : &c->pre_del_old) += 1;
        return;
    }
    *(is_new ? &c->active_new : &c->active_old) += 1;
    if (v->specified)
        *(is_new ? &c->to_del_new : &c->to_del_old) += 1;
    else if (!v->available)
        *(is_new ? &c->unavail_new : &c->unavail_old) += 1;
}

static void count_all(struct cs_planner *pl)
{
    struct cs_counts by_label = {0};

    pl->counts = (struct cs_counts){0};
    for (uint32_t i = 0; i < pl->o->n_pods; i++) {
        const struct cs_view_pod *v = &pl->o->pods[i];

        if (!v->ours)
            continue;
        count_pod(&pl->counts, v, v->scales_as_new);
        count_pod(&by_label, v, v->is_new);
    }
    cs_numbers_make(&pl->limits, &pl->counts, &pl->numbers);
    cs_numbers_make(&pl->limits, &by_label, &pl->update_numbers);
}

/* Spec §1.4, §5.2: the label stands for v1beta1's scaleStrategy.excludePreparingDelete. */
static bool excludes_preparing(const struct cs_cloneset *set)
{
    return cs_streq(cs_pairs_get(&set->meta.labels, CS_LABEL_EXCLUDE_PREPARING), "true");
}

static bool in_order(const char *const *texts, uint32_t n)
{
    for (uint32_t i = 1; i < n; i++)
        if (strcmp(texts[i - 1], texts[i]) > 0)
            return false;
    return true;
}

static void collect_pod_ids(struct cs_planner *pl)
{
    const struct cs_observation *o = pl->o;

    pl->pod_ids = cs_new_array(const char *, o->n_pods + 1);
    for (uint32_t i = 0; i < o->n_pods; i++)
        if (o->pods[i].id)
            pl->pod_ids[pl->n_pod_ids++] = o->pods[i].id;
    if (!in_order(pl->pod_ids, pl->n_pod_ids)) /* as the names are, but where one does not end with the id */
        qsort(pl->pod_ids, pl->n_pod_ids, sizeof(pl->pod_ids[0]), by_text);
}

bool cs_plan_id_has_pod(const struct cs_planner *pl, const char *id)
{
    return cs_texts_have(pl->pod_ids, pl->n_pod_ids, id);
}

void cs_plan_classify(struct cs_planner *pl)
{
    struct cs_observation *o = pl->o;
    bool taken = false;

    cs_sort_by_name(o->pods, o->n_pods);
    link_claims(pl);
    collect_pod_ids(pl);
    for (uint32_t i = 0; i < o->n_pods; i++) {
        cs_plan_fetch_ahead(o, i);
        classify_pod(pl, &o->pods[i]);
    }
    cs_limits_of(o->set, pl->current == pl->update, &pl->limits);
    /* U-09: what cannot be made is not gone back to. */
    pl->limits.partition_rollback = o->gates->partition_rollback && !pl->old_lacks;
    pl->limits.exclude_preparing = o->exclude_preparing || excludes_preparing(o->set);
    count_all(pl);
    for (uint32_t i = 0; i < o->n_pods; i++)
        taken = take_mark_back(pl, &o->pods[i]) || taken;
    if (taken) /* which way the update goes does not depend on marks */
        count_all(pl);
}

void cs_plan_strike(struct cs_planner *pl)
{
    const struct cs_cloneset_spec *s = &pl->o->set->spec;
    uint32_t vanished = 0;

    for (uint32_t i = 0; i < s->n_pods_to_delete; i++) {
        const struct cs_view_pod *v = cs_observation_pod(pl->o, s->pods_to_delete[i]);

        if (v && v->ours)
            continue;
        vanished++;
        if (!v) /* D16 */
            cs_plan_note(pl, false, "PodsToDeleteStruck", s->pods_to_delete[i],
                "struck %s from scaleStrategy.podsToDelete: no such Pod of this CloneSet", s->pods_to_delete[i]);
    }
    if (vanished > 0 && !pl->o->set_busy)
        cs_plan_add(pl, CS_ACT_STRIKE, "names that are no Pods of the set any more");
}

/*
 * Slots are few (16 requests in flight), so the order matters: first what makes Pods available or keeps them, then what frees
 * room, then what creates.
 */
static int urgency(enum cs_action_kind k)
{
    switch (k) {
    case CS_ACT_READ_SET:
        return 0;
    case CS_ACT_RENUMBER_REVISION:
    case CS_ACT_CREATE_REVISION:
    case CS_ACT_UNMARK:
    case CS_ACT_HAND_BACK:
    case CS_ACT_RELEASE:
    case CS_ACT_STRIKE:
        return 1;
    case CS_ACT_GRACE_DROP:
    case CS_ACT_GRACE_APPLY:
    case CS_ACT_REFRESH:
    case CS_ACT_LIFECYCLE:
    case CS_ACT_REARM:
        return 2;
    case CS_ACT_INPLACE_APPLY:
    case CS_ACT_INPLACE_START:
    case CS_ACT_GATE_OFF:
    case CS_ACT_RESIZE:
        return 3;
    case CS_ACT_DELETE_POD:
        return 4;
    case CS_ACT_HAND_OVER:
    case CS_ACT_MARK_RECREATE:
        return 5;
    case CS_ACT_CREATE_POD:
    case CS_ACT_CONFIRM_ABSENT:
    case CS_ACT_FENCE_CLAIM:
        return 6;
    case CS_ACT_CREATE_CLAIM:
        return 7;
    case CS_ACT_DELETE_REVISION:
    case CS_ACT_DELETE_CLAIM:
    case CS_ACT_EXPAND_CLAIM:
    case CS_ACT_NONE:
    case CS_ACT_COUNT:
        break;
    }
    return 8;
}

/* Stable, by urgency: a bucket pass for each of the nine classes. */
static void order_actions(struct cs_plan *p)
{
    struct cs_action *sorted;
    uint32_t n = 0;

    if (p->n < 2)
        return;
    sorted = cs_new_array(struct cs_action, p->n);
    for (int u = 0; u <= 8; u++)
        for (uint32_t i = 0; i < p->n; i++)
            if (urgency(p->actions[i].kind) == u)
                sorted[n++] = p->actions[i];
    free(p->actions);
    p->actions = sorted;
    p->cap = p->n;
}

/*
 * Admission refuses these (spec §3.2 rules 3 to 7); without it they would make Pods without end, each released as soon as
 * it is there.
 */
static bool selector_usable(struct cs_planner *pl)
{
    const struct cs_cloneset *set = pl->o->set;
    const char *wrong = NULL;

    if (!set->spec.selector.present || cs_selector_empty(&set->spec.selector))
        wrong = "spec.selector is empty";
    else if (!cs_selector_valid(&set->spec.selector))
        wrong = "spec.selector is not valid";
    else if (!cs_selector_matches(&set->spec.selector, &set->template_labels))
        wrong = "spec.selector does not match spec.template.metadata.labels";
    if (wrong)
        cs_plan_refused(pl, wrong);
    return !wrong;
}

/*
 * U-03: a budget that will never be there is told. Admission refuses the like, but replicas may come from 0 by the scale
 * subresource, and a paused set has no surge.
 */
static void note_no_budget(struct cs_planner *pl)
{
    const struct cs_cloneset_spec *s = &pl->o->set->spec;
    bool rolls = pl->update_numbers.update_num != 0 && !s->paused && s->type != CS_UPDATE_ON_DELETE;
    int64_t budget = (int64_t)pl->limits.unavailable + pl->counts.total - pl->limits.n;

    if (budget > 0 || pl->numbers.scale_up > 0 || !(rolls || pl->held_back))
        return;
    cs_plan_note(pl, true, "UpdateLimited", "", "%s: maxUnavailable%s allows no Pod to be out of service, limit: %lld",
        rolls ? "no Pod is updated" : "Pods that were asked to go stay", s->paused ? " of a paused CloneSet" : "",
        (long long)budget);
}

void cs_plan_make(struct cs_observation *o, struct cs_plan *ret)
{
    cs_autofree const char **listed = sort_listed(&o->set->spec);
    struct cs_planner pl = {.o = o, .p = ret, .listed = listed, .has_claims = o->set->n_vcts > 0};

    *ret = (struct cs_plan){0};
    if (o->set->meta.deleted_ms != 0 || !selector_usable(&pl))
        return;
    if (!cs_plan_revisions(&pl))
        return;
    cs_plan_claim_templates(&pl);
    cs_plan_classify(&pl);
    cs_plan_finished(&pl);
    cs_plan_scale(&pl);
    note_no_budget(&pl);
    cs_plan_update(&pl);
    cs_plan_claims(&pl);
    cs_plan_refresh(&pl);
    cs_plan_strike(&pl);
    cs_plan_note_unhooked(&pl);
    cs_plan_history(&pl);
    cs_plan_status(&pl);
    if (pl.need_fresh)
        (void)cs_plan_add(&pl, CS_ACT_READ_SET, "before deleting anything");
    cs_plan_conditions(&pl);
    order_actions(ret);
    free(pl.pod_ids);
}

void cs_plan_done(struct cs_plan *p)
{
    for (uint32_t i = 0; i < p->n; i++)
        free(p->actions[i].name);
    free(p->actions);
    free(p->notes);
    *p = (struct cs_plan){0};
}
