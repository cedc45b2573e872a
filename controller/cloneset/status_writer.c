/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The status subresource (spec §7): explicit zeros, observedGeneration from the first write, FailedScale and FailedUpdate
 * cleared on success (quirk 11), at most five writes per second and set.
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
           a->expected_updated_replicas != b->expected_updated;
}

static void write_time(struct cs_jw *w, const char *key, int64_t ms)
{
    char ts[CS_RFC3339_SIZE];

    if (ms > 0)
        cs_jw_kstr(w, key, cs_rfc3339_format(ms, ts));
}

static void write_failed(struct cs_jw *w, const char *type, const char *message, int64_t now_ms)
{
    cs_jw_obj(w);
    cs_jw_kstr(w, "type", type);
    cs_jw_kstr(w, "status", *message ? "True" : "False");
    write_time(w, "lastTransitionTime", now_ms);
    if (*message)
        cs_jw_kstr(w, "message", message);
    cs_jw_end_obj(w);
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

struct failed {
    const char *type, *message;
    bool differs;
};

static void write_conditions(struct cs_jw *w, const struct cs_status_input *in, const struct failed f[2])
{
    const struct cs_cloneset_status *st = &in->set->status;

    if (!f[0].differs && !f[1].differs)
        return;
    cs_jw_key(w, "conditions");
    cs_jw_arr(w);
    for (uint32_t i = 0; i < st->n_conditions; i++) {
        const char *type = st->conditions[i].type;

        if ((f[0].differs && cs_streq(type, f[0].type)) || (f[1].differs && cs_streq(type, f[1].type)))
            continue;
        copy_condition(w, &st->conditions[i]);
    }
    for (int i = 0; i < 2; i++)
        if (f[i].differs)
            write_failed(w, f[i].type, f[i].message, in->now_ms);
    cs_jw_end_arr(w);
}

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
    cs_jw_kstr(w, "updateRevision", p->update_revision);
    cs_jw_kstr(w, "currentRevision", p->current_revision);
    cs_jw_ki64(w, "collisionCount", in->collision_count);
    cs_jw_kstr(w, "labelSelector", selector);
}

bool cs_status_patch(const struct cs_status_input *in, struct cs_strbuf *out, int64_t *ret_recheck_ms)
{
    const struct cs_cloneset_status *st = &in->set->status;
    const struct cs_status_plan *p = &in->plan->status;
    const char *update_error = *in->plan->failed_update ? in->plan->failed_update : in->update_error;
    struct failed f[2] = {{"FailedScale", in->scale_error, false}, {"FailedUpdate", update_error, false}};
    cs_autostrbuf selector = CS_STRBUF_INIT;
    char rv[32];
    struct cs_jw w;

    *ret_recheck_ms = 0;
    for (int i = 0; i < 2; i++)
        f[i].differs = failed_differs(st, f[i].type, f[i].message);
    cs_selector_print(&in->set->spec.selector, &selector);
    if (!counters_differ(st, p) && st->observed_generation == in->set->meta.generation &&
        cs_streq(st->update_revision, p->update_revision) && cs_streq(st->current_revision, p->current_revision) &&
        cs_streq(st->label_selector, cs_strbuf_str(&selector)) && st->collision_count == in->collision_count &&
        !f[0].differs && !f[1].differs)
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
    write_status(&w, in, cs_strbuf_str(&selector));
    write_conditions(&w, in, f);
    cs_jw_end_obj(&w);
    cs_jw_end_obj(&w);
    return !out->failed;
}
