/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Patches of pods/status: the readiness gate, and with it labels and annotations (D14). And of pods/resize.
 */
#include "common/api/gvr.h"
#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/json/json_writer.h"
#include "controller/cloneset/bodies.h"
#include "controller/plan/lifecycle.h"
#include "controller/plan/parts.h"

static void status_open(struct cs_jw *w, struct cs_strbuf *out, const struct cs_pod *p)
{
    cs_autofree char *rv = cs_xasprintf("%llu", (unsigned long long)p->meta.rv);

    cs_jw_init(w, out);
    cs_jw_obj(w);
    cs_jw_key(w, "metadata");
    cs_jw_obj(w);
    cs_jw_kstr(w, "uid", p->meta.uid);
    cs_jw_kstr(w, "resourceVersion", rv);
}

static void write_condition(
    struct cs_jw *w, const char *type, bool status, const char *reason, const char *message, const char *ts)
{
    cs_jw_obj(w);
    cs_jw_kstr(w, "type", type);
    cs_jw_kstr(w, "status", status ? "True" : "False");
    cs_jw_kstr(w, "lastTransitionTime", ts);
    cs_jw_kstr(w, "reason", reason);
    cs_jw_kstr(w, "message", message);
    cs_jw_end_obj(w);
}

/*
 * With a gate that closes, so that endpoints follow at once (spec §6.6 A). The text is the kubelet's own, so that it need not
 * write it once more.
 */
static void write_ready_false(struct cs_jw *w, const struct cs_pod *p, const char *gate, const char *ts)
{
    cs_autofree char *message =
        cs_xasprintf("the status of pod readiness gate \"%s\" is not \"True\", but False", gate);

    if (p->ready.index >= 0 && p->ready.status != CS_COND_FALSE && p->containers_ready.status == CS_COND_TRUE)
        write_condition(w, "Ready", false, "ReadinessGatesNotReady", message, ts);
}

void cs_body_gate_off(const struct cs_pod *p, int64_t now_ms, struct cs_strbuf *out)
{
    char ts[CS_RFC3339_SIZE];
    struct cs_jw w;

    (void)cs_rfc3339_format(now_ms, ts);
    status_open(&w, out, p);
    cs_jw_end_obj(&w);
    cs_jw_key(&w, "status");
    cs_jw_obj(&w);
    cs_jw_key(&w, "conditions");
    cs_jw_arr(&w);
    write_condition(&w, CS_COND_INPLACE_READY, false, "StartInPlaceUpdate", NULL, ts);
    write_ready_false(&w, p, CS_COND_INPLACE_READY, ts);
    cs_jw_end_arr(&w);
    cs_jw_end_obj(&w);
    cs_jw_end_obj(&w);
}

static void write_labels(struct cs_jw *w, const struct cs_pod *p, const struct cs_action *a)
{
    uint32_t hooks = a->hook ? a->hook->labels.len : 0;

    if (a->state == CS_LC_NONE && !a->template_hash && hooks == 0)
        return;
    cs_jw_key(w, "labels");
    cs_jw_obj(w);
    for (uint32_t i = 0; i < hooks; i++)
        cs_jw_kstr(w, a->hook->labels.items[i].key, a->hook->labels.items[i].value);
    if (a->state != CS_LC_NONE)
        cs_jw_kstr(w, CS_LABEL_LIFECYCLE_STATE, cs_lifecycle_name(a->state));
    if (a->template_hash)
        cs_jw_kstrn(w, CS_LABEL_TEMPLATE_HASH, cs_short_hash(cs_str(p->revision ? p->revision : "")));
    cs_jw_end_obj(w);
}

/* A strategic merge adds them to those that are there. */
static void write_finalizers(struct cs_jw *w, const struct cs_hook *hook)
{
    if (!hook || hook->n_finalizers == 0)
        return;
    cs_jw_key(w, "finalizers");
    cs_jw_arr(w);
    for (uint32_t i = 0; i < hook->n_finalizers; i++)
        cs_jw_str(w, hook->finalizers[i]);
    cs_jw_end_arr(w);
}

/* A.5 */
static void write_kruise_ready(struct cs_jw *w, const struct cs_pod *p, const struct cs_action *a, const char *ts)
{
    bool empty = true;
    cs_autofree char *message = NULL;

    if (a->keys_add || a->keys_drop)
        message = cs_ready_message(p, a->keys_add, a->keys_drop, &empty);
    write_condition(w, CS_COND_KRUISE_READY, empty, NULL, message, ts);
    if (!empty)
        write_ready_false(w, p, CS_COND_KRUISE_READY, ts);
}

void cs_body_refresh(const struct cs_pod *p, const struct cs_action *a, int64_t now_ms, struct cs_strbuf *out)
{
    bool kruise = a->kruise_true || a->keys_add || a->keys_drop;
    char ts[CS_RFC3339_SIZE];
    struct cs_jw w;

    (void)cs_rfc3339_format(now_ms, ts);
    status_open(&w, out, p);
    write_labels(&w, p, a);
    if (a->state != CS_LC_NONE) {
        cs_jw_key(&w, "annotations");
        cs_jw_obj(&w);
        cs_jw_kstr(&w, CS_ANNO_LIFECYCLE_TIME, ts);
        cs_jw_end_obj(&w);
    }
    write_finalizers(&w, a->hook);
    cs_jw_end_obj(&w);
    if (a->gate_true || kruise) {
        cs_jw_key(&w, "status");
        cs_jw_obj(&w);
        cs_jw_key(&w, "conditions");
        cs_jw_arr(&w);
        if (a->gate_true)
            write_condition(&w, CS_COND_INPLACE_READY, true, NULL, NULL, ts);
        if (kruise)
            write_kruise_ready(&w, p, a, ts);
        cs_jw_end_arr(&w);
        cs_jw_end_obj(&w);
    }
    cs_jw_end_obj(&w);
}

void cs_body_resize(const struct cs_pod *p, struct cs_strbuf *out)
{
    struct cs_inplace_state s;
    struct cs_jw w;

    cs_inplace_state_parse(p->inplace_state, &s);
    status_open(&w, out, p);
    cs_jw_end_obj(&w);
    cs_jw_key(&w, "spec");
    cs_jw_obj(&w);
    cs_jw_key(&w, "containers");
    cs_jw_arr(&w);
    for (size_t i = 0; i < s.resize.n; i++) {
        if (!cs_pod_container(p, s.resize.items[i].container))
            continue;
        cs_jw_obj(&w);
        cs_jw_kstr(&w, "name", s.resize.items[i].container);
        cs_jw_key(&w, "resources");
        cs_cells_write(&s.resize.items[i].to, &w);
        cs_jw_end_obj(&w);
    }
    cs_jw_end_arr(&w);
    cs_jw_end_obj(&w);
    cs_jw_end_obj(&w);
    cs_inplace_state_done(&s);
}
