/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Patches of pods/status: the readiness gate, and with it labels and annotations (D14). And of pods/resize.
 */
#include "common/api/gvr.h"
#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/json/json_writer.h"
#include "controller/cloneset/bodies.h"
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
    /* The text is the kubelet's own, so that it need not write it once more. */
    if (p->ready.index >= 0 && p->containers_ready.status == CS_COND_TRUE)
        write_condition(&w, "Ready", false, "ReadinessGatesNotReady",
            "the status of pod readiness gate \"" CS_COND_INPLACE_READY "\" is not \"True\", but False", ts);
    cs_jw_end_arr(&w);
    cs_jw_end_obj(&w);
    cs_jw_end_obj(&w);
}

void cs_body_refresh(const struct cs_pod *p, const struct cs_action *a, int64_t now_ms, struct cs_strbuf *out)
{
    char ts[CS_RFC3339_SIZE];
    struct cs_jw w;

    (void)cs_rfc3339_format(now_ms, ts);
    status_open(&w, out, p);
    if (a->state != CS_LC_NONE || a->template_hash) {
        cs_jw_key(&w, "labels");
        cs_jw_obj(&w);
        if (a->state != CS_LC_NONE)
            cs_jw_kstr(&w, CS_LABEL_LIFECYCLE_STATE, cs_lifecycle_name(a->state));
        if (a->template_hash)
            cs_jw_kstrn(&w, CS_LABEL_TEMPLATE_HASH, cs_short_hash(cs_str(p->revision ? p->revision : "")));
        cs_jw_end_obj(&w);
    }
    if (a->state != CS_LC_NONE) {
        cs_jw_key(&w, "annotations");
        cs_jw_obj(&w);
        cs_jw_kstr(&w, CS_ANNO_LIFECYCLE_TIME, ts);
        cs_jw_end_obj(&w);
    }
    cs_jw_end_obj(&w);
    if (a->gate_true) {
        cs_jw_key(&w, "status");
        cs_jw_obj(&w);
        cs_jw_key(&w, "conditions");
        cs_jw_arr(&w);
        write_condition(&w, CS_COND_INPLACE_READY, true, NULL, NULL, ts);
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
