/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The world of lifecycle_world.h. Its requests are the shipped ones, applied as an API server does (test/sim/sim_json.c); at each of
 * them what must hold is checked: nothing that a hook holds is deleted or changed, nothing changes in service (U-15).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "controller/cloneset/bodies.h"
#include "controller/plan/lifecycle.h"
#include "test/unit/lifecycle_world.h"

#define TMPL(members)                                                                                                  \
    "{'metadata':{'labels':{'app':'web','hook/delete':'on'},'finalizers':['hook/update']},"                            \
    "'spec':{'containers':[{'name':'c'," members "}]}}"
static const struct {
    const char *name, *text;
} templates[HW_TEMPLATES] = {
    {"web-1", TMPL("'image':'nginx:1'")},
    {"web-2", TMPL("'image':'nginx:2'")},
    {"web-3", TMPL("'image':'nginx:3'")},
    {"web-env", TMPL("'image':'nginx:1','env':[{'name':'A','value':'b'}]")},
};

void hw_say(struct hw *w, const char *what, const char *pod)
{
    w->log_len += (size_t)snprintf(w->log + w->log_len, sizeof(w->log) - w->log_len, "%s %s; ", what, pod);
    if (w->log_len >= sizeof(w->log) - 200)
        w->log_len = 0;
}

/* ---- the set ---- */

const char *hw_revision(int template)
{
    return templates[template].name;
}

void hw_respec(struct hw *w)
{
    cs_autofree char *spec = cs_xasprintf(
        "'replicas':%d,'updateStrategy':{'type':'InPlaceIfPossible','maxUnavailable':1,'inPlaceUpdateStrategy':{"
        "'gracePeriodSeconds':%d}}%s%s%s",
        w->replicas, w->grace, *w->hooks ? ",'lifecycle':{" : "", w->hooks, *w->hooks ? "}" : "");
    cs_autofree char *status = cs_xasprintf("'currentRevision':'%s'", w->current);

    cs_cloneset_free(w->f.pool, w->f.set);
    cs_norm_free(w->f.norm);
    fx_set(&w->f, spec, templates[w->template].text, status);
}

void hw_init(struct hw *w, const char *story, const char *hooks)
{
    *w = (struct hw){.story = story, .hooks = hooks, .replicas = HW_PODS, .kubelet = true, .user = true};
    w->current = templates[HW_OLD].name;
    fx_empty(&w->f);
    for (size_t i = 0; i < CS_ARRAY_LEN(templates); i++)
        fx_revision(&w->f, templates[i].name, 4 - (int)i, templates[i].text);
    hw_respec(w);
}

void hw_done(struct hw *w)
{
    w->f.o.n_pods = 0;
    fx_done(&w->f);
    for (size_t i = 0; i < CS_ARRAY_LEN(w->pods); i++)
        cs_jtree_free(w->pods[i]);
}

static int by_number(const void *x, const void *y)
{
    const struct cs_view_revision *a = x;
    const struct cs_view_revision *b = y;

    return a->rev->revision < b->rev->revision ? -1 : a->rev->revision > b->rev->revision;
}

/* ---- the server ---- */

static struct cs_jtree **place_of(struct hw *w, const char *name)
{
    for (size_t i = 0; i < CS_ARRAY_LEN(w->pods); i++)
        if (w->pods[i] ? name && cs_streq(sim_str(w->pods[i], "metadata/name"), name) : !name)
            return &w->pods[i];
    fail_msg("no place for %s", name ? name : "a new Pod");
    return &w->pods[0];
}

static void stamp(struct hw *w, struct cs_jtree *pod)
{
    cs_autofree char *rv = cs_xasprintf("%llu", (unsigned long long)++w->rv);

    cs_jtree_set(sim_need(pod, "metadata"), "resourceVersion", cs_jtree_new_str(rv));
}

static void create_pod(struct hw *w, const struct cs_action *a)
{
    cs_autostrbuf body = CS_STRBUF_INIT;
    struct cs_error err = CS_ERROR_INIT;
    cs_autojdoc data = {0};
    struct cs_str raw;
    cs_autofree char *tmpl = NULL;
    struct cs_jtree **at = place_of(w, NULL);
    cs_autofree char *uid = cs_xasprintf("p-%s", a->name);

    assert_true(cs_jdoc_parse(&data, a->revision->data_raw, strlen(a->revision->data_raw), NULL, &err));
    raw = cs_json_raw(cs_revision_template(cs_jdoc_root(&data)));
    tmpl = cs_xmemdupz(raw.p, raw.len);
    const struct cs_new_pod n = {.set = w->f.set,
        .name = a->name,
        .id = a->id,
        .revision = a->revision->meta.name,
        .tmpl = tmpl,
        .now_ms = w->f.o.now_ms};
    assert_true(cs_body_pod(&n, &body, &err));
    *at = sim_parse(body.data);
    cs_jtree_set(sim_need(*at, "metadata"), "uid", cs_jtree_new_str(uid));
    cs_jtree_set(sim_need(*at, "status"), "phase", cs_jtree_new_str("Pending"));
    stamp(w, *at);
}

static void remove_when_free(struct cs_jtree **pod)
{
    if (*pod && sim_str(*pod, "metadata/deletionTimestamp") && !sim_get(*pod, "metadata/finalizers")) {
        cs_jtree_free(*pod);
        *pod = NULL;
    }
}

static void patch_pod(struct hw *w, const struct cs_action *a, struct cs_jtree *pod)
{
    cs_autostrbuf body = CS_STRBUF_INIT;
    struct cs_error err = CS_ERROR_INIT;
    const struct cs_inplace_body in = {
        .pod = a->pod, .from = a->from, .to = a->revision, .grace_s = a->number, .now_ms = w->f.o.now_ms};
    bool json = false;
    const char *why = "";
    cs_autojtree *patch = NULL;

    switch (a->kind) {
    case CS_ACT_MARK_RECREATE:
        cs_body_mark(a->pod, a->revision->meta.name, &body);
        break;
    case CS_ACT_UNMARK:
        cs_body_unmark(a->pod, &body);
        break;
    case CS_ACT_GATE_OFF:
        cs_body_gate_off(a->pod, w->f.o.now_ms, &body);
        break;
    case CS_ACT_REFRESH:
    case CS_ACT_LIFECYCLE:
    case CS_ACT_REARM:
        cs_body_refresh(a->pod, a, w->f.o.now_ms, &body);
        break;
    case CS_ACT_INPLACE_START:
        json = cs_body_inplace_start(&in, &body, &err);
        break;
    case CS_ACT_INPLACE_APPLY:
        json = cs_body_inplace_apply(&in, &body, &err);
        break;
    case CS_ACT_GRACE_APPLY:
        json = cs_body_grace_apply(a->pod, w->f.o.now_ms, &body, &err);
        break;
    case CS_ACT_GRACE_DROP:
        json = true;
        cs_body_grace_drop(a->pod, &body);
        break;
    default:
        hw_broken(w, "%s is not expected", cs_action_name(a->kind));
    }
    patch = sim_parse(body.data);
    assert_non_null(patch);
    if (!json)
        sim_merge(pod, patch, true);
    else if (!sim_json_patch(pod, patch, &why))
        hw_broken(w, "%s: %s", why, body.data);
    stamp(w, pod);
}

static void check_before(struct hw *w, const struct cs_action *a, const struct cs_jtree *pod)
{
    const struct cs_cloneset_spec *s = &w->f.set->spec;
    const char *state = sim_label(pod, CS_LABEL_LIFECYCLE_STATE);
    bool changes = a->kind == CS_ACT_INPLACE_APPLY || a->kind == CS_ACT_INPLACE_START || a->kind == CS_ACT_GRACE_APPLY;

    if (a->kind == CS_ACT_DELETE_POD && cs_hooked(&s->pre_delete, a->pod))
        hw_broken(w, "a Pod is deleted that its hook holds");
    if (changes && !cs_streq(sim_condition(pod, CS_COND_INPLACE_READY), "False"))
        hw_broken(w, "U-15: a Pod changes in service");
    if (changes && !cs_streq(state, "Updating") && cs_hooked(&s->in_place, a->pod))
        hw_broken(w, "a Pod changes that its hook holds");
}

static void apply(struct hw *w, const struct cs_action *a)
{
    struct cs_jtree **pod = a->pod ? place_of(w, a->pod->meta.name) : NULL;

    hw_say(w, cs_action_name(a->kind), a->pod ? a->pod->id : a->id);
    if (a->kind == CS_ACT_CREATE_POD) {
        create_pod(w, a);
    } else if (a->kind == CS_ACT_RENUMBER_REVISION) {
        for (uint32_t i = 0; i < w->f.o.n_revisions; i++)
            if (w->f.revs[i] == a->revision)
                w->f.revs[i]->revision = a->number;
        qsort(w->f.vrevs, w->f.o.n_revisions, sizeof(w->f.vrevs[0]), by_number);
    } else if (pod) {
        check_before(w, a, *pod);
        if (a->kind == CS_ACT_DELETE_POD) {
            cs_jtree_set(sim_need(*pod, "metadata"), "deletionTimestamp", cs_jtree_new_str("2025-10-09T00:00:00Z"));
            remove_when_free(pod);
        } else {
            patch_pod(w, a, *pod);
        }
    } else {
        hw_broken(w, "%s is not expected", cs_action_name(a->kind));
    }
}

uint32_t hw_pass(struct hw *w)
{
    struct cs_observation *o = &w->f.o;
    struct cs_pod *decoded[CS_ARRAY_LEN(w->pods)];
    struct cs_plan plan;
    uint32_t n;

    if (w->f.vrevs[o->n_revisions - 1].rev->revision < w->f.vrevs[0].rev->revision)
        qsort(w->f.vrevs, o->n_revisions, sizeof(w->f.vrevs[0]), by_number);
    o->n_pods = 0;
    for (size_t i = 0; i < CS_ARRAY_LEN(w->pods); i++) {
        cs_autostrbuf text = CS_STRBUF_INIT;
        cs_autojdoc doc = {0};
        struct cs_pod *p;

        if (!w->pods[i])
            continue;
        cs_jtree_print(w->pods[i], &text, false);
        assert_true(cs_jdoc_parse(&doc, text.data, text.len, NULL, NULL));
        p = decoded[o->n_pods] = cs_pod_decode(w->f.pool, cs_jdoc_root(&doc), NULL);
        assert_non_null(p);
        o->pods[o->n_pods++] =
            (struct cs_view_pod){.pod = p, .name = p->meta.name, .id = p->id, .revision = p->revision};
    }
    n = o->n_pods;
    cs_plan_make(o, &plan);
    for (uint32_t i = 0; i < plan.n; i++)
        apply(w, &plan.actions[i]);
    if (plan.have_status)
        for (size_t i = 0; i < CS_ARRAY_LEN(templates); i++)
            if (cs_streq(templates[i].name, plan.status.current_revision))
                w->current = templates[i].name;
    for (uint32_t i = 0; i < n; i++)
        cs_pod_free(w->f.pool, decoded[i]);
    n = plan.n;
    cs_plan_done(&plan);
    return n;
}

/* ---- the others; true: something changed ---- */

static bool kubelet_step(struct hw *w, struct cs_jtree *pod)
{
    struct cs_jtree *c = sim_get(pod, "spec/containers/0");
    bool changed = false;
    bool ready = true;
    char ts[CS_RFC3339_SIZE];

    (void)cs_rfc3339_format(w->f.o.now_ms, ts);
    cs_jtree_set(sim_need(pod, "spec"), "nodeName", cs_jtree_new_str("n1"));
    cs_jtree_set(sim_need(pod, "status"), "phase", cs_jtree_new_str("Running"));
    if (!cs_streq(sim_str(pod, "status/containerStatuses/0/image"), sim_str(c, "image"))) {
        struct cs_jtree *list = cs_jtree_set(sim_need(pod, "status"), "containerStatuses", cs_jtree_new_arr());
        struct cs_jtree *st = cs_jtree_append(list, cs_jtree_new_obj());
        cs_autofree char *id = cs_xasprintf("sha256:%s", sim_str(c, "image"));
        cs_autofree char *cid = cs_xasprintf("containerd://%llu", (unsigned long long)++w->containers);

        cs_jtree_set(st, "name", cs_jtree_new_str("c"));
        cs_jtree_set(st, "image", cs_jtree_new_str(sim_str(c, "image")));
        cs_jtree_set(st, "imageID", cs_jtree_new_str(id));
        cs_jtree_set(st, "containerID", cs_jtree_new_str(cid));
        cs_jtree_set(sim_need(st, "state/running"), "startedAt", cs_jtree_new_str(ts));
        changed = true;
    }
    changed = sim_set_condition(pod, "ContainersReady", true, ts) || changed;
    for (struct cs_jtree *g = cs_jtree_first(sim_get(pod, "spec/readinessGates")); g; g = cs_jtree_next(g))
        ready = ready && cs_streq(sim_condition(pod, sim_str(g, "conditionType")), "True");
    return sim_set_condition(pod, "Ready", ready, ts) || changed;
}

void hw_put_label(struct cs_jtree *pod, const char *key, bool there)
{
    if (there)
        cs_jtree_set(sim_need(pod, "metadata/labels"), key, cs_jtree_new_str("on"));
    else
        cs_jtree_del(sim_need(pod, "metadata/labels"), key);
}

/* The user's controller: lets go what waits to go or to change, and puts its marks back on what is there to stay. */
static bool user_step(struct cs_jtree *pod)
{
    const char *state = sim_label(pod, CS_LABEL_LIFECYCLE_STATE);
    cs_autojtree *before = cs_jtree_dup(pod);

    if (sim_str(pod, "metadata/deletionTimestamp") || cs_streq(state, "PreparingUpdate")) {
        sim_put_finalizer(pod, "hook/update", false);
    } else if (cs_streq(state, "PreparingDelete")) {
        hw_put_label(pod, "hook/delete", false);
    } else if (cs_streq(state, "Updated") || cs_streq(state, "PreparingNormal")) {
        sim_put_finalizer(pod, "hook/update", true);
        hw_put_label(pod, "hook/delete", true);
        hw_put_label(pod, "hook/normal", true);
    }
    return !cs_jtree_equal(before, pod);
}

bool hw_others(struct hw *w)
{
    bool changed = false;

    for (size_t i = 0; i < CS_ARRAY_LEN(w->pods); i++) {
        struct cs_jtree *pod = w->pods[i];
        bool touched = false;

        if (!pod)
            continue;
        touched = w->kubelet && !sim_str(pod, "metadata/deletionTimestamp") && kubelet_step(w, pod);
        if ((w->user || sim_str(pod, "metadata/deletionTimestamp")) && user_step(pod))
            touched = true;
        if (touched)
            stamp(w, pod);
        changed = changed || touched;
        remove_when_free(&w->pods[i]);
    }
    return changed;
}

void hw_run(struct hw *w)
{
    int idle = 0;

    for (int i = 0; idle < 20; i++) {
        bool busy = hw_pass(w) > 0;

        busy = hw_others(w) || busy;
        idle = busy ? 0 : idle + 1;
        w->f.o.now_ms += 1000;
        if (i > 300)
            hw_broken(w, "it does not fall quiet");
    }
}

void hw_run_to(struct hw *w, const char *state, bool out_of_service)
{
    for (int i = 0; i < 60; i++) {
        for (size_t k = 0; k < CS_ARRAY_LEN(w->pods); k++)
            if (w->pods[k] && cs_streq(sim_label(w->pods[k], CS_LABEL_LIFECYCLE_STATE), state) &&
                (!out_of_service || cs_streq(sim_condition(w->pods[k], CS_COND_INPLACE_READY), "False")))
                return;
        (void)hw_pass(w);
        (void)hw_others(w);
        w->f.o.now_ms += 1000;
    }
    hw_broken(w, "no Pod comes to %s", state);
}
