/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The status subresource (spec §7, docs/status.md): explicit zeros, observedGeneration and the conditions for tools from the first
 * write, FailedScale and FailedUpdate cleared on success (quirk 11). Nothing is written when nothing differs; the pace is
 * cs_status_write's.
 */
#include <stdio.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/json/json_writer.h"
#include "controller/cloneset/controller.h"

static const struct cs_condition *find_condition(const struct cs_cloneset_status *st, const char *type)
{
    for (uint32_t i = 0; i < st->n_conditions; i++)
        if (cs_streq(st->conditions[i].type, type))
            return &st->conditions[i];
    return NULL;
}

/* A Failed* condition as it should be: message "" means it should not stand at True. */
static bool failed_differs(const struct cs_cloneset_status *st, const char *type, const char *message)
{
    const struct cs_condition *c = find_condition(st, type);
    bool stands = c && cs_streq(c->status, "True");

    return *message ? !stands || !cs_streq(c->message, message) : stands;
}

static bool counters_differ(const struct cs_cloneset_status *a, const struct cs_status_plan *b)
{
    return !a->all_counters_present || a->replicas != b->replicas || a->ready_replicas != b->ready ||
           a->available_replicas != b->available || a->updated_replicas != b->updated ||
           a->updated_ready_replicas != b->updated_ready || a->updated_available_replicas != b->updated_available ||
           a->expected_updated_replicas != b->expected_updated || a->terminating_replicas != b->terminating;
}

static void write_time(struct cs_jw *w, const char *key, int64_t ms)
{
    char ts[CS_RFC3339_SIZE];

    if (ms > 0)
        cs_jw_kstr(w, key, cs_rfc3339_format(ms, ts));
}

static void copy_condition(struct cs_jw *w, const struct cs_condition *c)
{
    cs_jw_obj(w);
    cs_jw_kstr(w, "type", c->type);
    cs_jw_kstr(w, "status", c->status);
    write_time(w, "lastUpdateTime", c->last_update_ms);
    write_time(w, "lastTransitionTime", c->last_transition_ms);
    if (c->reason)
        cs_jw_kstr(w, "reason", c->reason);
    if (c->message)
        cs_jw_kstr(w, "message", c->message);
    cs_jw_end_obj(w);
}

/* ---- one condition as it should be, beside the one that is stored ---- */

struct wanted {
    struct cs_condition c; /* type NULL: it should not be there; times as they will be written */
    const char *type;
    bool to_the_end; /* a change moves it to the end of the list (spec §7.4) */
    bool differs;
};

enum { W_READY, W_RECONCILING, W_STALLED, W_SCALE, W_UPDATE, W_PROGRESSING, W_COUNT };

static void keep_transition(struct wanted *w, const struct cs_condition *old, int64_t now_ms)
{
    bool same = old && cs_streq(old->status, w->c.status) && old->last_transition_ms > 0;

    w->c.last_transition_ms = same ? old->last_transition_ms : now_ms;
}

/* A condition for tools. False is the good state of two of them; then it says no more. */
static void want_verdict(
    const struct cs_status_input *in, struct wanted *w, const char *type, bool is_true, bool is_told)
{
    const struct cs_status_plan *p = &in->plan->status;
    const struct cs_condition *old = find_condition(&in->set->status, type);

    w->type = type;
    if (!p->reason)
        return;
    w->c = (struct cs_condition){.type = type, .status = is_true ? "True" : "False"};
    if (is_told) {
        w->c.reason = p->reason;
        w->c.message = p->message;
    }
    if (is_true && cs_streq(type, CS_COND_RECONCILING))
        w->c.last_update_ms = p->attempt_ms / 1000 * 1000;
    keep_transition(w, old, in->now_ms);
    w->differs = !old || !cs_streq(old->status, w->c.status) || !cs_streq(old->reason, w->c.reason) ||
                 !cs_streq(old->message, w->c.message) || old->last_update_ms != w->c.last_update_ms;
}

/* Spec §7.5 */
static void want_failed(const struct cs_status_input *in, struct wanted *w, const char *type, const char *message)
{
    w->type = type;
    w->to_the_end = true;
    w->differs = failed_differs(&in->set->status, type, message);
    w->c = (struct cs_condition){.type = type, .status = *message ? "True" : "False", .last_transition_ms = in->now_ms};
    if (*message)
        w->c.message = message;
}

static const char *progress_message(const struct cs_status_plan *p, char *buf, size_t size)
{
    if (cs_streq(p->progress_reason, "CloneSetAvailable"))
        return "CloneSet is available";
    if (cs_streq(p->progress_reason, "CloneSetPaused"))
        return "CloneSet is paused";
    if (cs_streq(p->progress_reason, "ProgressPartitionAvailable"))
        return "CloneSet has been paused due to partition ready";
    if (!cs_streq(p->progress_reason, CS_REASON_EXCEEDED))
        return "CloneSet is progressing";
    (void)snprintf(
        buf, size, "CloneSet revision %s has timed out progressing", p->update_revision ? p->update_revision : "");
    return buf;
}

/* Spec §7.4: what has the same status and reason stays as it is, times and message included. */
static void want_progress(const struct cs_status_input *in, struct wanted *w, char *buf, size_t size)
{
    const struct cs_status_plan *p = &in->plan->status;
    const struct cs_condition *old = find_condition(&in->set->status, CS_COND_PROGRESSING);
    bool exceeded = cs_streq(p->progress_reason, CS_REASON_EXCEEDED);

    w->type = CS_COND_PROGRESSING;
    w->to_the_end = true;
    if (!p->progress_reason) {
        w->differs = old != NULL;
        return;
    }
    w->c = (struct cs_condition){.type = w->type, .status = exceeded ? "False" : "True", .last_update_ms = in->now_ms};
    w->c.reason = p->progress_reason;
    w->c.message = progress_message(p, buf, size);
    keep_transition(w, old, in->now_ms);
    w->differs = !old || !cs_streq(old->status, w->c.status) || !cs_streq(old->reason, w->c.reason);
}

static bool any_differs(const struct wanted *w)
{
    for (int i = 0; i < W_COUNT; i++)
        if (w[i].differs)
            return true;
    return false;
}

static void write_conditions(struct cs_jw *out, const struct cs_cloneset_status *st, const struct wanted *w)
{
    bool placed[W_COUNT] = {false};

    if (!any_differs(w))
        return;
    cs_jw_key(out, "conditions");
    cs_jw_arr(out);
    for (uint32_t i = 0; i < st->n_conditions; i++) {
        const struct cs_condition *c = &st->conditions[i];
        int k = 0;

        while (k < W_COUNT && !cs_streq(c->type, w[k].type))
            k++;
        if (k == W_COUNT || !w[k].differs) {
            copy_condition(out, c);
        } else if (!w[k].to_the_end && !placed[k]) {
            copy_condition(out, &w[k].c);
            placed[k] = true;
        }
    }
    for (int k = 0; k < W_COUNT; k++)
        if (w[k].differs && w[k].c.type && !placed[k])
            copy_condition(out, &w[k].c);
    cs_jw_end_arr(out);
}

/* ---- the whole ---- */

static void write_status(struct cs_jw *w, const struct cs_status_input *in, const char *selector)
{
    const struct cs_status_plan *p = &in->plan->status;

    cs_jw_ki64(w, "observedGeneration", in->set->meta.generation);
    cs_jw_ki64(w, "replicas", p->replicas);
    cs_jw_ki64(w, "readyReplicas", p->ready);
    cs_jw_ki64(w, "availableReplicas", p->available);
    cs_jw_ki64(w, "updatedReplicas", p->updated);
    cs_jw_ki64(w, "updatedReadyReplicas", p->updated_ready);
    cs_jw_ki64(w, "updatedAvailableReplicas", p->updated_available);
    cs_jw_ki64(w, "expectedUpdatedReplicas", p->expected_updated);
    cs_jw_ki64(w, "terminatingReplicas", p->terminating);
    if (p->update_revision)
        cs_jw_kstr(w, "updateRevision", p->update_revision);
    if (p->current_revision)
        cs_jw_kstr(w, "currentRevision", p->current_revision);
    cs_jw_ki64(w, "collisionCount", in->collision_count);
    cs_jw_kstr(w, "labelSelector", selector);
}

/* For the scale subresource: what it had, when the selector is none. */
static const char *label_selector(const struct cs_status_input *in, struct cs_strbuf *buf)
{
    const char *had = in->set->status.label_selector;

    if (in->plan->status.unusable_selector)
        return had ? had : "";
    cs_selector_print(&in->set->spec.selector, buf);
    return cs_strbuf_str(buf);
}

bool cs_status_patch(const struct cs_status_input *in, struct cs_strbuf *out)
{
    const struct cs_cloneset_status *st = &in->set->status;
    const struct cs_status_plan *p = &in->plan->status;
    bool current = p->verdict == CS_VERDICT_CURRENT;
    bool failed = p->verdict == CS_VERDICT_FAILED;
    struct wanted want[W_COUNT] = {0};
    char timed_out[CS_STATUS_TEXT];
    cs_autostrbuf buf = CS_STRBUF_INIT;
    const char *selector = label_selector(in, &buf);
    char rv[32];
    struct cs_jw w;

    want_verdict(in, &want[W_READY], CS_COND_READY, current, true);
    want_verdict(in, &want[W_RECONCILING], CS_COND_RECONCILING, !current && !failed, !current && !failed);
    want_verdict(in, &want[W_STALLED], CS_COND_STALLED, failed, failed);
    want_failed(in, &want[W_SCALE], "FailedScale", in->scale_error);
    want_failed(
        in, &want[W_UPDATE], "FailedUpdate", *in->plan->failed_update ? in->plan->failed_update : in->update_error);
    want_progress(in, &want[W_PROGRESSING], timed_out, sizeof(timed_out));
    if (!counters_differ(st, p) && st->observed_generation == in->set->meta.generation &&
        cs_streq(st->update_revision, p->update_revision) && cs_streq(st->current_revision, p->current_revision) &&
        cs_streq(st->label_selector, selector) && st->collision_count == in->collision_count && !any_differs(want))
        return false;
    (void)snprintf(rv, sizeof(rv), "%llu", (unsigned long long)in->set->meta.rv);
    cs_jw_init(&w, out);
    cs_jw_obj(&w);
    cs_jw_key(&w, "metadata");
    cs_jw_obj(&w);
    cs_jw_kstr(&w, "uid", in->set->meta.uid);
    cs_jw_kstr(&w, "resourceVersion", rv);
    cs_jw_end_obj(&w);
    cs_jw_key(&w, "status");
    cs_jw_obj(&w);
    write_status(&w, in, selector);
    write_conditions(&w, st, want);
    cs_jw_end_obj(&w);
    cs_jw_end_obj(&w);
    return !out->failed;
}
