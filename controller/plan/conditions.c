/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The verdict on a set, for tools (kstatus: Ready, Reconciling, Stalled) and for people: one line that says what is being
 * waited for (docs/status.md, users.md U-40). And the peer's Progressing (spec §7.4).
 */
#include <limits.h>
#include <string.h>

#include "controller/plan/blockers.h"

static bool is_text(const char *s)
{
    return s && *s;
}

static const struct cs_condition *stored(const struct cs_planner *pl, const char *type)
{
    const struct cs_cloneset_status *st = &pl->o->set->status;

    for (uint32_t i = 0; i < st->n_conditions; i++)
        if (cs_streq(st->conditions[i].type, type))
            return &st->conditions[i];
    return NULL;
}

static void judge(struct cs_planner *pl, enum cs_verdict verdict, const char *reason, const struct cs_strbuf *text)
{
    struct cs_status_plan *st = &pl->p->status;

    st->verdict = verdict;
    st->reason = reason;
    cs_one_line(st->message, sizeof(st->message), cs_strbuf_str(text));
}

/* ---- Progressing (spec §7.4) ---- */

static bool has_deadline(const struct cs_cloneset_spec *s)
{
    return s->has_progress_deadline && s->progress_deadline_s != INT32_MAX;
}

/* The clock starts when the reason becomes CloneSetUpdated: how long a set was available or paused before does not count. */
static bool clock_runs(const struct cs_condition *c)
{
    return !cs_streq(c->reason, "CloneSetAvailable") && !cs_streq(c->reason, "CloneSetPaused") &&
           !cs_streq(c->reason, "ProgressPartitionAvailable");
}

/* Looks at the set again when a deadline that began then has passed. Stored times are whole seconds. */
static void look_at_deadline(struct cs_planner *pl, int64_t began_ms)
{
    int64_t due = began_ms + (int64_t)pl->o->set->spec.progress_deadline_s * 1000;

    cs_plan_requeue_at(pl, due - pl->o->now_ms >= 1000 ? due + 1000 : due + 1);
}

static bool passed(const struct cs_planner *pl, int64_t began_ms)
{
    return began_ms + (int64_t)pl->o->set->spec.progress_deadline_s * 1000 < pl->o->now_ms;
}

static const char *progress(struct cs_planner *pl)
{
    const struct cs_status_plan *st = &pl->p->status;
    const struct cs_condition *c = stored(pl, CS_COND_PROGRESSING);
    int32_t n = pl->limits.n;

    if (cs_streq(st->current_revision, st->update_revision) && st->replicas == n && st->updated == n &&
        st->updated_available == n)
        return "CloneSetAvailable";
    if (pl->o->set->spec.paused)
        return "CloneSetPaused";
    if (st->expected_updated < n && st->expected_updated <= st->updated_available)
        return "ProgressPartitionAvailable";
    if (c && (cs_streq(c->reason, CS_REASON_EXCEEDED) || (clock_runs(c) && passed(pl, c->last_update_ms))))
        return CS_REASON_EXCEEDED;
    look_at_deadline(pl, c && cs_streq(c->reason, "CloneSetUpdated") ? c->last_update_ms : pl->o->now_ms);
    return "CloneSetUpdated";
}

/* ---- the verdict ---- */

/* Since when the set has been on its way to what is asked for now: a new generation is a new attempt. */
static int64_t attempt_began(const struct cs_planner *pl)
{
    const struct cs_cloneset *set = pl->o->set;
    const struct cs_condition *c = stored(pl, CS_COND_RECONCILING);

    if (c && cs_streq(c->status, "True") && c->last_update_ms > 0 &&
        set->status.observed_generation == set->meta.generation)
        return c->last_update_ms;
    return pl->o->now_ms;
}

/*
 * Progressing keeps ProgressDeadlineExceeded over a new template (spec §7.4), whose rollout would then have failed before it
 * began. So Stalled has a clock of its own, which begins anew with each generation; once it has struck, only success, an edit or
 * the removal of the deadline take the verdict back, however the Pods come and go.
 */
static bool deadline_struck(struct cs_planner *pl)
{
    const struct cs_cloneset *set = pl->o->set;
    const struct cs_condition *c = stored(pl, CS_COND_STALLED);

    if (!cs_streq(pl->p->status.progress_reason, CS_REASON_EXCEEDED))
        return false;
    if (c && cs_streq(c->status, "True") && cs_streq(c->reason, CS_REASON_EXCEEDED) &&
        set->status.observed_generation == set->meta.generation)
        return true;
    if (passed(pl, pl->p->status.attempt_ms))
        return true;
    look_at_deadline(pl, pl->p->status.attempt_ms);
    return false;
}

static int32_t updates_left(const struct cs_planner *pl)
{
    return pl->numbers.update_num < 0 ? -pl->numbers.update_num : pl->numbers.update_num;
}

/* Updates that are left, and that the strategy lets the controller do. */
static int32_t updates_due(const struct cs_planner *pl)
{
    const struct cs_cloneset_spec *s = &pl->o->set->spec;

    return s->paused || s->type == CS_UPDATE_ON_DELETE ? 0 : updates_left(pl);
}

static int32_t leaving(const struct cs_counts *c)
{
    return c->to_del_new + c->to_del_old + c->pre_del_new + c->pre_del_old;
}

/* All that the spec asks for now is there: as many Pods, all available, none about to go, none left to be updated. */
static bool reached(const struct cs_planner *pl)
{
    const struct cs_status_plan *st = &pl->p->status;
    int32_t n = pl->limits.n;

    return st->replicas == n && pl->counts.total == n && st->available == n && leaving(&pl->counts) == 0 &&
           updates_due(pl) == 0;
}

static void judge_reached(struct cs_planner *pl, struct cs_strbuf *text)
{
    const struct cs_status_plan *st = &pl->p->status;
    const char *reason = "Available";
    int32_t left = updates_left(pl);

    if (left > 0 && pl->o->set->spec.paused) {
        reason = "Paused";
        cs_strbuf_addf(
            text, "paused with %d of %d Pods at the update revision; all are available", st->updated, st->replicas);
    } else if (left > 0) {
        reason = "OnDelete";
        cs_strbuf_addf(text,
            "%d of %d Pods are at the update revision, the others as soon as somebody deletes them; all are available",
            st->updated, st->replicas);
    } else if (st->updated < st->replicas) {
        reason = "PartitionReached";
        cs_strbuf_addf(text, "partition reached with %d of %d Pods at the update revision; all are available",
            st->updated, st->replicas);
    } else if (st->replicas == 0) {
        cs_strbuf_adds(text, "no Pods are wanted, and none are there");
    } else {
        cs_strbuf_addf(text, "all Pods are available (%d)", st->replicas);
    }
    if (pl->o->trouble.violations)
        cs_strbuf_addf(text, "; the spec breaks rules of admission: %s", pl->o->trouble.violations);
    judge(pl, CS_VERDICT_CURRENT, reason, text);
}

static bool scaling(const struct cs_planner *pl)
{
    return pl->numbers.scale_up > 0 || pl->numbers.scale_down > 0 || leaving(&pl->counts) > 0;
}

static const char *scale_error(const struct cs_planner *pl)
{
    return scaling(pl) && !cs_plan_idle(pl) && is_text(pl->o->trouble.scale_error) ? pl->o->trouble.scale_error : NULL;
}

static const char *update_error(const struct cs_planner *pl)
{
    if (pl->p->failed_update[0])
        return pl->p->failed_update;
    return !cs_plan_idle(pl) && is_text(pl->o->trouble.update_error) ? pl->o->trouble.update_error : NULL;
}

/* What is in the way, and comes first. Appends it and gives the reason. */
static const char *blocker(const struct cs_planner *pl, struct cs_strbuf *text)
{
    const struct cs_numbers *d = &pl->numbers;
    const char *error = scale_error(pl);
    const char *reason = "FailedScale";

    if (!error) {
        error = update_error(pl);
        reason = "FailedUpdate";
    }
    if (error) {
        cs_strbuf_adds(text, error);
        return reason;
    }
    reason = cs_blocking_pod(pl, text);
    if (reason)
        return reason;
    if (d->scale_up > 0 || pl->p->status.replicas < pl->counts.total) {
        cs_strbuf_addf(
            text, "%d of %lld Pods are there", pl->p->status.replicas, (long long)pl->counts.total + d->scale_up);
        return "Scaling";
    }
    if (d->scale_down > 0) {
        cs_strbuf_addf(text, "Pods too many: %d", d->scale_down);
        return "Scaling";
    }
    cs_strbuf_addf(text, "%d of %d Pods are at the update revision", pl->p->status.updated, pl->p->status.replicas);
    return "Updating";
}

/* What else waits for that (users.md U-03: a budget that is used up is told). */
static void tell_effects(const struct cs_planner *pl, struct cs_strbuf *text)
{
    const struct cs_numbers *d = &pl->numbers;
    int32_t missing = pl->limits.n - pl->p->status.replicas;
    int32_t due = updates_due(pl);
    int32_t held = 0;

    for (uint32_t i = 0; i < pl->o->n_pods; i++)
        held += pl->o->pods[i].ours && cs_deletion_held(&pl->o->pods[i]);

    if (d->scale_up > d->scale_up_limit)
        cs_strbuf_addf(text, "; Pods not created yet because of scaleStrategy.maxUnavailable: %d",
            d->scale_up - d->scale_up_limit);
    if (held > 0)
        cs_strbuf_addf(text, "; deletions that wait for updateStrategy.maxUnavailable: %d", held);
    if (due > 0 && d->update_max_unavailable <= 0 && missing > 0)
        cs_strbuf_addf(text, "; updates that wait for the missing Pods (%d): %d", missing, due);
    else if (due > 0 && pl->p->status.replicas - pl->p->status.available >= d->update_max_unavailable)
        cs_strbuf_addf(text, "; updates that wait for updateStrategy.maxUnavailable: %d", due);
    else if (due > 0)
        cs_strbuf_addf(text, "; updates left: %d", due);
    if (pl->o->trouble.violations)
        cs_strbuf_addf(text, "; the spec breaks rules of admission: %s", pl->o->trouble.violations);
}

/* Numbers with which nothing can ever happen; admission refuses them. Appends them and gives the reason, or NULL. */
static const char *no_way(const struct cs_planner *pl, struct cs_strbuf *text)
{
    const struct cs_numbers *d = &pl->numbers;
    const struct cs_status_plan *st = &pl->p->status;

    if (d->scale_up > 0 && pl->limits.scale_cap == 0) {
        cs_strbuf_adds(text, "scaleStrategy.maxUnavailable is 0: no Pod may be created");
        return "InvalidSpec";
    }
    if (updates_due(pl) > 0 && d->update_max_unavailable <= 0 && pl->limits.surge == 0 &&
        st->replicas == pl->limits.n && st->available == st->replicas && cs_plan_idle(pl)) {
        cs_strbuf_adds(text, "updateStrategy.maxUnavailable and maxSurge are both 0: no Pod may be updated");
        return "InvalidSpec";
    }
    return NULL;
}

/* No progress can come by itself. Appends why and gives the reason; NULL: it can. */
static const char *stuck(struct cs_planner *pl, struct cs_strbuf *text)
{
    const struct cs_cloneset_spec *s = &pl->o->set->spec;
    const char *reason = no_way(pl, text);

    if (reason)
        return reason;
    if (s->type == CS_UPDATE_UNKNOWN || (pl->p->failed_update[0] && cs_plan_idle(pl))) {
        cs_strbuf_adds(text, pl->p->failed_update);
        if (pl->not_in_place[0])
            cs_strbuf_addf(text, " (%s)", pl->not_in_place);
        return s->type == CS_UPDATE_UNKNOWN ? "InvalidSpec" : "FailedUpdate";
    }
    /* A rule that is broken does not stop work (D15); one that is broken while the server refuses the Pods does. */
    if (pl->o->trouble.violations && pl->numbers.scale_up > 0 && scale_error(pl)) {
        cs_strbuf_addf(text, "%s; the spec breaks rules of admission: %s", scale_error(pl), pl->o->trouble.violations);
        return "InvalidSpec";
    }
    if (deadline_struck(pl)) {
        cs_strbuf_addf(text, "no success within progressDeadlineSeconds (%d): ", s->progress_deadline_s);
        (void)blocker(pl, text);
        tell_effects(pl, text);
        return CS_REASON_EXCEEDED;
    }
    return NULL;
}

bool cs_plan_idle(const struct cs_planner *pl)
{
    return pl->p->n == 0 && pl->o->trouble.inflight == 0;
}

void cs_plan_conditions(struct cs_planner *pl)
{
    struct cs_status_plan *st = &pl->p->status;
    cs_autostrbuf text = CS_STRBUF_INIT;
    const char *reason;

    st->progress_reason = has_deadline(&pl->o->set->spec) ? progress(pl) : NULL;
    st->attempt_ms = attempt_began(pl);
    if (pl->o->set->spec.type != CS_UPDATE_UNKNOWN && reached(pl)) {
        judge_reached(pl, &text);
        return;
    }
    reason = stuck(pl, &text);
    if (reason) {
        judge(pl, CS_VERDICT_FAILED, reason, &text);
        return;
    }
    reason = blocker(pl, &text);
    tell_effects(pl, &text);
    judge(pl, CS_VERDICT_IN_PROGRESS, reason, &text);
}

void cs_plan_refused(struct cs_planner *pl, const char *why)
{
    const struct cs_cloneset_status *old = &pl->o->set->status;
    const struct cs_condition *progressing = stored(pl, CS_COND_PROGRESSING);
    cs_autostrbuf text = CS_STRBUF_INIT;

    cs_plan_note(pl, true, "InvalidSpec", why, "%s: nothing is done for this CloneSet until that is mended", why);
    /* Nobody can say which Pods count: what was counted last stands. */
    pl->p->status = (struct cs_status_plan){.replicas = old->replicas,
        .ready = old->ready_replicas,
        .available = old->available_replicas,
        .updated = old->updated_replicas,
        .updated_ready = old->updated_ready_replicas,
        .updated_available = old->updated_available_replicas,
        .expected_updated = old->expected_updated_replicas,
        .terminating = old->terminating_replicas,
        .update_revision = old->update_revision,
        .current_revision = old->current_revision,
        .progress_reason = progressing ? progressing->reason : NULL,
        .unusable_selector = true};
    pl->p->have_status = true;
    cs_strbuf_addf(&text, "%s: nothing is done for this CloneSet until that is mended", why);
    judge(pl, CS_VERDICT_FAILED, "InvalidSpec", &text);
}
