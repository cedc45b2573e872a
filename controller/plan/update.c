/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bringing Pods to the target revision (spec §6.1–§6.7, D8): who, how many at once, in place or by recreation, and the
 * next single step of each.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "controller/plan/lifecycle.h"

/* Diffs of one pass, by revision: fleets share few revisions. */
struct verdicts {
    struct cs_template_diff *diffs;
    bool *known;
};

struct updater {
    struct cs_planner *pl;
    const struct cs_view_revision *target;
    struct verdicts v;
    bool stop; /* an error ended the loop */
};

static const struct cs_template_diff *diff_of(struct updater *u, const struct cs_view_revision *from)
{
    size_t i = (size_t)(from - u->pl->o->revisions);

    if (!u->v.known[i]) {
        cs_template_diff(
            cs_norm_tree(from->norm), cs_norm_tree(u->target->norm), u->pl->o->gates->vertical_scaling, &u->v.diffs[i]);
        u->v.known[i] = true;
    }
    return &u->v.diffs[i];
}

static void mark_recreate(struct updater *u, struct cs_view_pod *v, const char *why)
{
    struct cs_action *a;

    u->pl->scaled = true;
    if (v->specified || v->busy != CS_IDLE)
        return;
    a = cs_plan_add_destructive(u->pl, CS_ACT_MARK_RECREATE, why);
    if (a) {
        a->pod = v->pod;
        a->revision = u->target->rev;
        v->chosen = true; /* no housekeeping besides */
    }
}

/* The way of one Pod to the target revision (spec §6.4). */
struct way {
    const struct cs_view_revision *from; /* NULL: not known any more */
    const struct cs_template_diff *diff; /* NULL with it */
    bool in_place;
    bool claims; /* not in place because of the claim templates */
    bool resize; /* cpu or memory change as well */
    const char *obstacle; /* not in place because of this Pod, static */
};

/* Gate RecreatePodWhenChangeVCTInCloneSetGate: both have a hash, and another one. */
static bool claims_differ(const struct updater *u, const struct cs_view_revision *from)
{
    return u->pl->o->gates->recreate_on_claim_templates && u->pl->o->set->spec.type != CS_UPDATE_INPLACE_ONLY &&
           from->rev->vct_hash && u->target->rev->vct_hash && !cs_streq(from->rev->vct_hash, u->target->rev->vct_hash);
}

/* An update that is overtaken before its resize was sent hands it on. */
static void check_resize(struct updater *u, const struct cs_pod *p, struct way *w)
{
    struct cs_inplace_state s;
    cs_autoresize resize = {0};

    if (!w->diff->resources_changed && p->state != CS_LC_UPDATING)
        return;
    cs_inplace_state_parse(p->state == CS_LC_UPDATING ? p->inplace_state : NULL, &s);
    cs_resize_make(cs_norm_tree(w->from->norm), cs_norm_tree(u->target->norm), &s.resize, &resize);
    w->resize = resize.n > 0;
    if (w->diff->resources_changed)
        w->obstacle = cs_resize_obstacle(p, &resize);
    cs_inplace_state_done(&s);
}

static struct way way_of(struct updater *u, const struct cs_view_pod *v)
{
    struct way w = {.from = cs_plan_revision_of(u->pl, v->revision)};

    if (!w.from || !w.from->norm)
        return w;
    w.diff = diff_of(u, w.from);
    if (!w.diff->in_place)
        return w;
    w.claims = claims_differ(u, w.from);
    check_resize(u, v->pod, &w);
    w.in_place = !w.claims && !w.obstacle;
    return w;
}

/* U-19: says once per revision which path forced the recreation. */
static void note_blocker(struct updater *u, const struct cs_view_pod *v, const struct way *w)
{
    const struct cs_change *b = w->diff ? cs_template_diff_blocker(w->diff) : NULL;
    const char *name = u->target->rev->meta.name;

    if (b)
        cs_plan_note(u->pl, false, "RecreateForced", name,
            "revision %s cannot be reached in place because of %s: %.60s -> %.60s%s", name, b->path,
            b->old_value ? b->old_value : "(absent)", b->new_value ? b->new_value : "(absent)",
            w->diff->qos_changed ? " (a Pod keeps its QoS class)" : "");
    else if (w->claims)
        cs_plan_note(u->pl, false, "RecreateForced", name,
            "revision %s cannot be reached in place because of spec.volumeClaimTemplates: they are others", name);
    else if (w->obstacle)
        cs_plan_note(u->pl, false, "RecreateForced", name,
            "revision %s cannot be reached in place because of the resources of pod %s: %s", name, v->name,
            w->obstacle);
    else
        cs_plan_note(u->pl, false, "RecreateForced", name,
            "revision %s cannot be reached in place: the revision that a Pod carries no longer exists", name);
}

/* Spec §6.5, and which path it is (users.md U-34). */
static void refuse_recreation(struct updater *u, const struct cs_view_pod *v, const struct way *w)
{
    const struct cs_change *b = w->diff ? cs_template_diff_blocker(w->diff) : NULL;

    (void)snprintf(u->pl->p->failed_update, sizeof(u->pl->p->failed_update),
        "find Pod %s update strategy is InPlaceOnly but can not update in-place", v->name);
    (void)snprintf(u->pl->not_in_place, sizeof(u->pl->not_in_place), "%s",
        b             ? b->path
        : w->obstacle ? w->obstacle
                      : "its revision is gone");
    u->stop = true;
}

/* Spec §9: a Pod of which nothing changes but cpu and memory, without a restart, stays in service. */
static bool stays_in_service(const struct cs_template_diff *d)
{
    return d->resources_changed && !d->restarts && !d->metadata_changed;
}

/* The next single step of an in-place update; the Pod is idle. Spec §6.6 A, B, C; §6.7. */
static void inplace_step(struct updater *u, struct cs_view_pod *v, const struct way *w)
{
    const struct cs_cloneset_spec *s = &u->pl->o->set->spec;
    const struct cs_pod *p = v->pod;
    bool serving = stays_in_service(w->diff);
    bool grace = s->grace_period_s > 0 && !serving; /* it gives time to drain */
    struct cs_action *a;

    if (!serving && p->has_inplace_gate && p->inplace_ready.status != CS_COND_FALSE) {
        a = cs_plan_add(u->pl, CS_ACT_GATE_OFF, "out of service before it changes");
    } else {
        a = cs_plan_add(u->pl, grace ? CS_ACT_INPLACE_START : CS_ACT_INPLACE_APPLY, "in-place update");
        a->number = grace ? s->grace_period_s : 0;
        a->serving = serving;
        a->resize = w->resize;
    }
    a->pod = p;
    a->revision = u->target->rev;
    a->from = w->from->rev;
}

/* Spec §6.5: by way of the inPlaceUpdate hook. */
static void update_by_state(struct updater *u, struct cs_view_pod *v, const struct way *w)
{
    const struct cs_hook *hook = &u->pl->o->set->spec.in_place;

    switch (v->pod->state) {
    case CS_LC_NONE:
    case CS_LC_PREPARING_NORMAL:
    case CS_LC_NORMAL:
    case CS_LC_PREPARING_UPDATE:
        if (cs_hooked(hook, v->pod)) {
            cs_plan_prepare_update(u->pl, v);
            break;
        }
        v->chosen = true;
        inplace_step(u, v, w);
        break;
    case CS_LC_UPDATING: /* a newer revision overtakes */
        v->chosen = true;
        inplace_step(u, v, w);
        break;
    case CS_LC_UPDATED: /* without hook, or with all in place, the refresh moves it to Normal first */
        if (hook->present && !cs_all_hooked(hook, v->pod))
            cs_plan_rearm(u->pl, v);
        break;
    case CS_LC_PREPARING_DELETE:
    case CS_LC_OTHER:
        (void)snprintf(u->pl->p->failed_update, sizeof(u->pl->p->failed_update),
            "not allowed to in-place update pod %s in state %s", v->name, cs_lifecycle_name(v->pod->state));
        u->stop = true;
        break;
    }
}

static void update_inplace(struct updater *u, struct cs_view_pod *v)
{
    const struct cs_cloneset_spec *s = &u->pl->o->set->spec;
    const struct way w = way_of(u, v);

    if (!w.in_place) {
        if (s->type == CS_UPDATE_INPLACE_ONLY) {
            refuse_recreation(u, v, &w);
            return;
        }
        note_blocker(u, v, &w);
        mark_recreate(u, v, "cannot be updated in place");
        return;
    }
    if (v->busy == CS_IDLE && !v->specified)
        update_by_state(u, v, &w);
}

/* A Pod within its grace period is no candidate: a newer revision waits until its images were changed (spec §6.7). */
static bool is_candidate(const struct cs_view_pod *v, bool forward)
{
    if (!v->ours || !v->pod || v->is_new == forward || v->pre_delete)
        return false;
    return !v->pod->inplace_grace || v->pod->state == CS_LC_UPDATED;
}

/*
 * Spec §6.2: moves to the front what may be updated now. It says to stop at an available Pod that the budget has no room for;
 * here only that Pod is passed over. With priorities it may stand before Pods of an old revision that cannot run, whose update costs
 * no budget and is what would bring the others their turn.
 */
static uint32_t within_limit(const struct updater *u, struct cs_view_pod **list, uint32_t n, bool forward)
{
    const struct cs_observation *o = u->pl->o;
    const struct cs_numbers *d = &u->pl->update_numbers;
    int32_t max = d->update_max_unavailable;
    int32_t unavailable = 0;
    int32_t target_unavailable = 0;
    uint32_t k = 0;
    uint32_t want = (uint32_t)(d->update_num < 0 ? -d->update_num : d->update_num);

    for (uint32_t i = 0; i < o->n_pods; i++) {
        const struct cs_view_pod *v = &o->pods[i];
        /* What is being written to a Pod that is no candidate may just be taking it out of service (after a rollback). */
        bool maybe_leaving = v->is_new == forward && v->busy != CS_IDLE && v->busy != CS_BUSY_CREATE;

        if (!v->ours || (v->available && !maybe_leaving))
            continue;
        unavailable++;
        target_unavailable += o->pods[i].is_new == forward;
    }
    for (uint32_t i = 0; i < n && i < want && target_unavailable + (int32_t)k < max; i++) {
        if (list[i]->available && unavailable >= max)
            continue;
        unavailable += list[i]->available;
        list[k++] = list[i];
    }
    return k;
}

static void update_chosen(struct updater *u, struct cs_view_pod **list, uint32_t n)
{
    for (uint32_t i = 0; i < n && !u->stop && u->pl->p->n < CS_PLAN_ENOUGH; i++) {
        if (u->pl->o->set->spec.type == CS_UPDATE_INPLACE_IF_POSSIBLE ||
            u->pl->o->set->spec.type == CS_UPDATE_INPLACE_ONLY)
            update_inplace(u, list[i]);
        else
            mark_recreate(u, list[i], "recreate update");
    }
}

void cs_plan_update(struct cs_planner *pl)
{
    const struct cs_cloneset_spec *s = &pl->o->set->spec;
    bool forward = pl->update_numbers.update_num > 0;
    struct updater u = {.pl = pl, .target = forward ? pl->update : pl->current};
    cs_autofree struct cs_view_pod **list = NULL;
    uint32_t n = 0;

    if (s->type == CS_UPDATE_UNKNOWN) {
        (void)snprintf(pl->p->failed_update, sizeof(pl->p->failed_update),
            "spec.updateStrategy.type: %.60s is not known: nothing is updated", s->type_text ? s->type_text : "");
        return;
    }
    if (s->type == CS_UPDATE_ON_DELETE || s->paused || pl->scaled || pl->update_numbers.update_num == 0)
        return;
    list = cs_new_array(struct cs_view_pod *, pl->o->n_pods + 1);
    for (uint32_t i = 0; i < pl->o->n_pods; i++)
        if (is_candidate(&pl->o->pods[i], forward))
            list[n++] = &pl->o->pods[i];
    if (n == 0)
        return;
    u.v.diffs = cs_new_array(struct cs_template_diff, pl->o->n_revisions);
    u.v.known = cs_new_array(bool, pl->o->n_revisions);
    cs_sort_for_update(pl->o, list, n);
    update_chosen(&u, list, within_limit(&u, list, n, forward));
    for (uint32_t i = 0; i < pl->o->n_revisions; i++)
        if (u.v.known[i])
            cs_template_diff_done(&u.v.diffs[i]);
    free(u.v.diffs);
    free(u.v.known);
}
