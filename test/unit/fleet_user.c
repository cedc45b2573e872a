/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The user of the mini world of fleet.h: manifests through admission, Pods that are there already, and looking at the result.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/cloneset/validate.h"
#include "test/unit/fleet.h"

static bool admitted(struct fleet *w, const char *spec, const char *tmpl)
{
    cs_autofree char *text = cs_xasprintf("{'apiVersion':'apps.kruise.io/v1alpha1','kind':'CloneSet','metadata':{'name'"
                                          ":'web','namespace':'ns'},'spec':{'selector':{'matchLabels':{'app':'web'}},"
                                          "'template':%s%s%s}}",
        tmpl, *spec ? "," : "", spec);
    cs_autojdoc doc = {0};
    struct cs_texts errors = {0};
    bool ok;

    for (char *p = text; *p; p++)
        *p = *p == '\'' ? '"' : *p;
    if (!cs_jdoc_parse(&doc, text, strlen(text), NULL, NULL))
        fleet_fail(w, "not JSON: %s", text);
    cs_validate_cloneset(cs_jdoc_root(&doc), &errors);
    ok = errors.n == 0;
    cs_texts_done(&errors);
    return ok;
}

bool fleet_apply(struct fleet *w, const char *spec, struct fleet_template t, bool force)
{
    cs_autofree char *tmpl = fleet_template_text(t);
    cs_autofree char *status = NULL;
    int64_t generation = w->fx.set ? w->fx.set->meta.generation + 1 : 1;

    if (!force && !admitted(w, spec, tmpl))
        return false;
    (void)snprintf(w->told, sizeof(w->told), "%s image %d env %d label %d", spec, t.image, t.env, t.label);
    fleet_note(w, "apply %.80s", w->told);
    status = w->fx.set && w->fx.set->status.current_revision
                 ? cs_xasprintf("'currentRevision':'%s'", w->fx.set->status.current_revision)
                 : cs_xstrdup("");
    if (w->fx.set) {
        cs_cloneset_free(w->fx.pool, w->fx.set);
        cs_norm_free(w->fx.norm);
    }
    fx_set(&w->fx, spec, tmpl, status);
    w->fx.set->meta.generation = generation;
    w->fresh_until_ms = 0;
    w->live = t;
    for (size_t i = 0; i < w->n_requests; i++) { /* decided on another set: they may still land (D12) */
        w->requests[i].floor = FLEET_NO_FLOOR;
        w->requests[i].ceiling = FLEET_NO_CEILING;
    }
    return true;
}

void fleet_set_current(struct fleet *w, struct fleet_template t)
{
    char name[32];

    fleet_template_name(t, name);
    cs_intern_unref(w->fx.pool, w->fx.set->status.current_revision);
    w->fx.set->status.current_revision = cs_intern_str(w->fx.pool, cs_str(name));
}

void fleet_add(struct fleet *w, int n, struct fleet_template t)
{
    static const char alphabet[] = "bcdfghjklmnpqrstvwxz2456789";
    char revision[32];

    fleet_template_name(t, revision);
    fleet_make_revision(w, t, (int64_t)w->fx.o.n_revisions + 1);
    for (int i = 0; i < n; i++) {
        size_t k = w->n_pods;
        char id[] = {'x', alphabet[k / 729 % 27], alphabet[k / 27 % 27], alphabet[k % 27], 'z', '\0'};
        struct fleet_pod *p = fleet_pod_new(w, id, revision);

        p->seen = true;
        p->pod.node = "n1";
        p->pod.phase = CS_PHASE_RUNNING;
        p->pod.state = CS_LC_NORMAL;
        p->pod.inplace_ready = (struct cs_pod_condition){.status = CS_COND_TRUE, .plain = true};
        p->pod.containers_ready.status = CS_COND_TRUE;
        p->pod.ready = (struct cs_pod_condition){.status = CS_COND_TRUE, .transition_ms = w->now_ms - 3600000};
        p->pod.meta.created_ms = w->now_ms - 7200000;
        fleet_pod_image(w, p, revision);
        p->starts_ms = 0;
        (void)snprintf(p->running, sizeof(p->running), "%s", p->image);
        (void)snprintf(p->image_id, sizeof(p->image_id), "sha256:%s", p->image);
        (void)snprintf(p->container_id, sizeof(p->container_id), "c://0.%lu", w->uids);
        p->status = (struct cs_container_status){.name = "c",
            .image = p->running,
            .image_id = p->image_id,
            .container_id = p->container_id,
            .running = true,
            .started_ms = w->now_ms - 3600000};
        p->pod.n_statuses = 1;
        if (w->fx.set->n_vcts > 0)
            fleet_claim_new(w, id)->seen = true;
    }
}

int fleet_active(const struct fleet *w)
{
    int n = 0;

    for (size_t i = 0; i < w->n_pods; i++)
        n += w->pods[i]->seen && cs_pod_active(&w->pods[i]->pod);
    return n;
}

int fleet_available(const struct fleet *w)
{
    int n = 0;

    for (size_t i = 0; i < w->n_pods; i++)
        n += w->pods[i]->seen && cs_pod_active(&w->pods[i]->pod) &&
             cs_pod_available(&w->pods[i]->pod, w->fx.set->spec.min_ready_s, w->now_ms);
    return n;
}

int fleet_at(const struct fleet *w, struct fleet_template t)
{
    char name[32];
    int n = 0;

    fleet_template_name(t, name);
    for (size_t i = 0; i < w->n_pods; i++)
        n += w->pods[i]->seen && cs_pod_active(&w->pods[i]->pod) && strcmp(w->pods[i]->revision, name) == 0;
    return n;
}

struct fleet_pod *fleet_any(struct fleet *w)
{
    int n = fleet_active(w);
    int k = n > 0 ? fleet_between(w, 0, n - 1) : 0;

    for (size_t i = 0; i < w->n_pods; i++)
        if (w->pods[i]->seen && cs_pod_active(&w->pods[i]->pod) && k-- == 0)
            return w->pods[i];
    return NULL;
}

void fleet_kill(struct fleet *w, struct fleet_pod *p)
{
    p->pod.meta.deleted_ms = w->now_ms + 30000;
    p->pod.meta.rv++;
    p->ends_ms = w->now_ms + fleet_between(w, 0, w->stop_max) * 1000LL;
    fleet_note(w, "%s is killed", p->name);
}

bool fleet_said(const struct fleet *w, const char *reason)
{
    for (uint32_t i = 0; i < w->fx.plan.n_notes; i++)
        if (strcmp(w->fx.plan.notes[i].reason, reason) == 0)
            return true;
    return false;
}
