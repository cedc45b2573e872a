/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sends the planner's actions, one request each, as far as slots and the creation window reach. The answers are answers.c's.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/kube/watch_event.h"
#include "controller/cloneset/bodies.h"
#include "controller/cloneset/controller.h"
#include "controller/cloneset/ops.h"

#define FRESH_WITHIN_MS 5500 /* a request that is given up in time (D12), and a little */

void cs_op_free(struct cs_ops *op)
{
    struct cs_controller *c = op->c;

    *(op->prev ? &op->prev->next : &c->ops) = op->next;
    if (op->next)
        op->next->prev = op->prev;
    cs_timer_disarm(c->o.loop, &op->timer);
    cs_intern_unref(c->store.pool, op->known_uid);
    free(op->set_uid);
    free(op->ns);
    free(op->name);
    free(op->body);
    free(op->revision);
    free(op->about);
    free(op->request);
    free(op);
}

void cs_act_cancel_all(struct cs_controller *c)
{
    while (c->ops) {
        if (c->ops->call)
            cs_client_cancel(c->o.client, c->ops->call);
        cs_op_free(c->ops);
    }
    c->inflight = 0;
}

static struct cs_ops *op_new(struct cs_set_run *r, enum cs_kind kind, const char *name, enum cs_action_kind action)
{
    struct cs_controller *c = r->c;
    struct cs_ops *op = cs_new(struct cs_ops);

    op->c = c;
    op->term = c->term;
    op->set_uid = cs_xstrdup(r->se->uid);
    op->kind = kind;
    op->ns = cs_xstrdup(r->se->set->meta.ns);
    op->name = cs_xstrdup(name);
    op->action = action;
    op->next = c->ops;
    if (c->ops)
        c->ops->prev = op;
    c->ops = op;
    r->inflight++;
    c->inflight++;
    return op;
}

void cs_op_send(struct cs_ops *op)
{
    bool create = op->verb == CS_VERB_CREATE;
    const struct cs_call call = {
        .verb = op->verb,
        .gvr = cs_kind_gvr(op->kind),
        .ns = op->ns,
        .name = create ? NULL : op->name,
        .subresource = op->subresource,
        .body = op->body ? cs_str(op->body) : (struct cs_str){NULL, 0},
    };
    const struct cs_entry *e = cs_op_entry(op);

    op->tries++;
    op->known_rv = e && e->obj ? e->meta->rv : 0;
    cs_intern_unref(op->c->store.pool, op->known_uid);
    op->known_uid = e && e->obj ? cs_intern_str(op->c->store.pool, cs_str(e->meta->uid)) : NULL;
    op->asked = (struct cs_asked){op->c->store.seq, cs_loop_now_ms(op->c->o.loop)};
    op->call = cs_client_call(op->c->o.client, &call, cs_op_answered, op);
}

bool cs_op_is_behind(const struct cs_ops *op, struct cs_json obj)
{
    uint64_t rv = cs_object_version(obj);

    return rv != 0 && rv < op->known_rv;
}

int64_t cs_op_fresh_until_ms(const struct cs_ops *op)
{
    int64_t now = cs_loop_now_ms(op->c->o.loop);

    return now <= op->asked.at_ms + FRESH_WITHIN_MS ? now + 1000 : 0;
}

struct cs_entry *cs_op_entry(struct cs_ops *op)
{
    return cs_store_find(&op->c->store, op->kind, op->ns, op->name);
}

struct cs_set_run *cs_op_run(struct cs_ops *op)
{
    struct cs_set_entry *se = cs_store_set(&op->c->store, op->set_uid);

    return se ? se->run : NULL;
}

/* ---- sending ---- */

static void send_with(struct cs_ops *op, enum cs_verb verb, const char *subresource, struct cs_strbuf *body)
{
    op->verb = verb;
    op->subresource = subresource;
    op->body = body ? cs_strbuf_take(body, NULL) : NULL;
    cs_op_send(op);
}

static void start_read(struct cs_set_run *r, enum cs_kind kind, const char *name, enum cs_action_kind action)
{
    send_with(op_new(r, kind, name, action), CS_VERB_GET, NULL, NULL);
}

static void fail_locally(struct cs_set_run *r, const char *what, const char *name, const struct cs_error *err)
{
    free(r->scale_error);
    r->scale_error = cs_xasprintf("%s %s: %.180s", what, name, err->message);
    cs_run_eventf(r->c, r, true, "FailedCreate", "failed to create %s %s: %s", what, name, err->message);
    r->failed = true;
}

static const char *template_of(
    const struct cs_set_run *r, const struct cs_action *a, struct cs_jdoc *doc, char **ret_owned)
{
    struct cs_json t;
    struct cs_str raw;

    (void)r;
    if (!cs_jdoc_parse(doc, a->revision->data_raw, strlen(a->revision->data_raw), NULL, NULL))
        return "";
    t = cs_revision_template(cs_jdoc_root(doc));
    raw = cs_json_raw(t);
    *ret_owned = cs_xmemdupz(raw.p ? raw.p : "", raw.len);
    return *ret_owned;
}

/*
 * The newest revision equals the live template: what the user wrote is what the Pod gets. An older revision speaks for itself.
 */
static const char *pod_template(struct cs_set_run *r, const struct cs_observation *o, const struct cs_action *a,
    struct cs_jdoc *doc, char **ret_owned)
{
    for (uint32_t i = 0; i < o->n_revisions; i++)
        if (o->revisions[i].rev == a->revision && cs_norm_equal(o->revisions[i].norm, o->norm))
            return r->se->set->template_raw;
    return template_of(r, a, doc, ret_owned);
}

static void create_pod(struct cs_set_run *r, const struct cs_observation *o, const struct cs_action *a)
{
    struct cs_controller *c = r->c;
    cs_autojdoc doc = {0};
    cs_autofree char *owned = NULL;
    cs_autostrbuf body = CS_STRBUF_INIT;
    struct cs_error err = CS_ERROR_INIT;
    const struct cs_new_pod n = {.set = r->se->set,
        .name = a->name,
        .id = a->id,
        .revision = a->revision->meta.name,
        .tmpl = pod_template(r, o, a, &doc, &owned),
        .vcts = a->vcts,
        .now_ms = o->now_ms,
        .short_hash = o->gates->short_hash};
    struct cs_pending *p;
    struct cs_entry *e;
    struct cs_ops *op;

    if (!cs_body_pod(&n, &body, &err)) {
        fail_locally(r, "pod", a->name, &err);
        return;
    }
    e = cs_store_reserve(&c->store, CS_K_POD, r->se, a->name);
    if (e->busy != CS_IDLE)
        return; /* its answer decides */
    e->busy = CS_BUSY_CREATE;
    p = cs_entry_pending(c->store.pool, e);
    memcpy(p->id, a->id, CS_ID_SIZE);
    cs_intern_unref(c->store.pool, p->revision);
    p->revision = cs_intern_str(c->store.pool, cs_str(n.revision));
    op = op_new(r, CS_K_POD, a->name, a->kind);
    memcpy(op->id, a->id, CS_ID_SIZE);
    r->creates++;
    send_with(op, CS_VERB_CREATE, NULL, &body);
}

static void create_claim(struct cs_set_run *r, const struct cs_action *a)
{
    struct cs_controller *c = r->c;
    cs_autostrbuf body = CS_STRBUF_INIT;
    struct cs_error err = CS_ERROR_INIT;
    struct cs_entry *e;
    struct cs_ops *op;

    if (!cs_body_claim(r->se->set, a, &body, &err)) {
        fail_locally(r, "pvc", a->name, &err);
        return;
    }
    e = cs_store_reserve(&c->store, CS_K_CLAIM, r->se, a->name);
    if (e->busy != CS_IDLE)
        return; /* its answer decides */
    e->busy = CS_BUSY_CREATE;
    memcpy(cs_entry_pending(c->store.pool, e)->id, a->id, CS_ID_SIZE);
    op = op_new(r, CS_K_CLAIM, a->name, a->kind);
    memcpy(op->id, a->id, CS_ID_SIZE);
    r->creates++;
    send_with(op, CS_VERB_CREATE, NULL, &body);
}

static void create_revision(struct cs_set_run *r, const struct cs_action *a)
{
    cs_autostrbuf body = CS_STRBUF_INIT;
    struct cs_error err = CS_ERROR_INIT;
    char name[CS_NAME_SIZE];

    if (!cs_body_revision(r->se->set, a->number, r->collision_count, name, &body, &err)) {
        fail_locally(r, "revision of", r->se->set->meta.name, &err);
        return;
    }
    r->revision_busy = true;
    send_with(op_new(r, CS_K_REVISION, name, a->kind), CS_VERB_CREATE, NULL, &body);
}

struct strike_ctx {
    const struct cs_observation *o;
};

static bool strike_keep(void *ctx, const char *name)
{
    const struct cs_view_pod *v = cs_observation_pod(((struct strike_ctx *)ctx)->o, name);

    return v && v->ours;
}

/* Marks the entry busy and makes the op for a write of an existing object. */
static struct cs_ops *begin_write(
    struct cs_set_run *r, enum cs_kind kind, const struct cs_meta *m, const struct cs_action *a, enum cs_busy busy)
{
    struct cs_entry *e = cs_store_find(&r->c->store, kind, m->ns, m->name);
    struct cs_ops *op;

    if (!e || e->busy != CS_IDLE)
        return NULL;
    e->busy = busy;
    op = op_new(r, kind, m->name, a->kind);
    if (a->revision)
        op->revision = cs_xstrdup(a->revision->meta.name);
    return op;
}

static const struct cs_jtree *norm_of(const struct cs_observation *o, const struct cs_revision *rev)
{
    for (uint32_t i = 0; i < o->n_revisions; i++)
        if (o->revisions[i].rev == rev)
            return cs_norm_tree(o->revisions[i].norm);
    return NULL;
}

static void patch_pod(struct cs_set_run *r, const struct cs_observation *o, const struct cs_action *a)
{
    cs_autostrbuf body = CS_STRBUF_INIT;
    struct cs_error err = CS_ERROR_INIT;
    const struct cs_pod *p = a->pod;
    const struct cs_inplace_body in = {.pod = p,
        .from = a->from,
        .to = a->revision,
        .grace_s = a->number,
        .now_ms = o->now_ms,
        .short_hash = o->gates->short_hash,
        .serving = a->serving,
        .from_norm = a->resize ? norm_of(o, a->from) : NULL,
        .to_norm = a->resize ? norm_of(o, a->revision) : NULL};
    enum cs_verb verb = CS_VERB_PATCH_MERGE;
    const char *sub = NULL;
    struct cs_ops *op;
    bool ok = true;

    switch (a->kind) {
    case CS_ACT_MARK_RECREATE:
        cs_body_mark(p, a->revision->meta.name, &body);
        break;
    case CS_ACT_UNMARK:
        cs_body_unmark(p, &body);
        break;
    case CS_ACT_RELEASE:
        cs_body_release(p, r->se->uid, &body);
        break;
    case CS_ACT_GATE_OFF:
        cs_body_gate_off(p, o->now_ms, &body);
        verb = CS_VERB_PATCH_STRATEGIC;
        sub = "status";
        break;
    case CS_ACT_REFRESH:
    case CS_ACT_LIFECYCLE:
    case CS_ACT_REARM:
        cs_body_refresh(p, a, o->now_ms, &body);
        verb = CS_VERB_PATCH_STRATEGIC;
        sub = "status";
        break;
    case CS_ACT_INPLACE_START:
        ok = cs_body_inplace_start(&in, &body, &err);
        verb = CS_VERB_PATCH_JSON;
        break;
    case CS_ACT_INPLACE_APPLY:
        ok = cs_body_inplace_apply(&in, &body, &err);
        verb = CS_VERB_PATCH_JSON;
        break;
    case CS_ACT_GRACE_APPLY:
        ok = cs_body_grace_apply(p, o->now_ms, &body, &err);
        verb = CS_VERB_PATCH_JSON;
        break;
    case CS_ACT_RESIZE:
        cs_body_resize(p, &body);
        verb = CS_VERB_PATCH_STRATEGIC;
        sub = "resize";
        break;
    default:
        cs_body_grace_drop(p, &body);
        verb = CS_VERB_PATCH_JSON;
        break;
    }
    if (!ok) {
        free(r->update_error);
        r->update_error = cs_xasprintf("pod %s: %.200s", p->meta.name, err.message);
        r->failed = true;
        return;
    }
    op = begin_write(r, CS_K_POD, &p->meta, a, CS_BUSY_PATCH);
    if (op)
        send_with(op, verb, sub, &body);
}

static void patch_claim(struct cs_set_run *r, const struct cs_action *a)
{
    cs_autostrbuf body = CS_STRBUF_INIT;
    struct cs_ops *op = begin_write(r, CS_K_CLAIM, &a->claim->meta, a, CS_BUSY_PATCH);

    if (!op)
        return;
    if (a->kind == CS_ACT_HAND_OVER) {
        op->about = cs_xstrdup(a->pod->meta.name);
        cs_body_hand_over(a->claim, a->pod, &body);
    } else if (a->kind == CS_ACT_HAND_BACK) {
        op->about = cs_xstrdup(a->pod->meta.name);
        cs_body_hand_back(a->claim, a->pod, r->se->set, &body);
    } else if (a->kind == CS_ACT_FENCE_CLAIM) {
        cs_body_fence(a->claim, &body);
    } else {
        op->request = cs_xstrdup(a->request);
        cs_body_expand(a->claim, a->request, &body);
    }
    send_with(op, CS_VERB_PATCH_MERGE, NULL, &body);
}

static void delete_object(struct cs_set_run *r, enum cs_kind kind, const struct cs_meta *m, const struct cs_action *a)
{
    cs_autostrbuf body = CS_STRBUF_INIT;
    struct cs_ops *op = begin_write(r, kind, m, a, CS_BUSY_DELETE);

    if (!op)
        return;
    cs_body_delete(m, &body);
    send_with(op, CS_VERB_DELETE, NULL, &body);
}

static void renumber(struct cs_set_run *r, const struct cs_action *a)
{
    cs_autostrbuf body = CS_STRBUF_INIT;
    struct cs_ops *op = begin_write(r, CS_K_REVISION, &a->revision->meta, a, CS_BUSY_PATCH);

    if (!op)
        return;
    r->revision_busy = true;
    cs_body_renumber(a->revision, r->se->set, a->number, &body);
    send_with(op, CS_VERB_PATCH_MERGE, NULL, &body);
}

static void strike(struct cs_set_run *r, const struct cs_observation *o, const struct cs_action *a)
{
    cs_autostrbuf body = CS_STRBUF_INIT;
    struct strike_ctx ctx = {o};

    r->set_busy = true;
    cs_body_strike(r->se->set, strike_keep, &ctx, &body);
    send_with(op_new(r, CS_K_SET, r->se->set->meta.name, a->kind), CS_VERB_PATCH_MERGE, NULL, &body);
}

/* False: no slot of the creation window is left (D13). */
static bool window_allows(const struct cs_set_run *r, enum cs_action_kind k)
{
    return (k != CS_ACT_CREATE_POD && k != CS_ACT_CREATE_CLAIM) || r->creates < r->window;
}

/* D6. Asked even when such a Pod is known: one without our label may have gone unseen. */
static void confirm_absent(struct cs_set_run *r, const struct cs_action *a)
{
    struct cs_entry *e = cs_store_reserve(&r->c->store, CS_K_POD, r->se, a->name);
    struct cs_ops *op;

    if (e->busy != CS_IDLE || (e->obj && e->set == r->se))
        return;
    e->busy = CS_BUSY_READ;
    op = op_new(r, CS_K_POD, a->name, a->kind);
    memcpy(op->id, a->id, CS_ID_SIZE);
    send_with(op, CS_VERB_GET, NULL, NULL);
}

static void act_one(struct cs_set_run *r, const struct cs_observation *o, const struct cs_action *a)
{
    switch (a->kind) {
    case CS_ACT_READ_SET:
        if (!r->reading_set) {
            r->reading_set = true;
            start_read(r, CS_K_SET, r->se->set->meta.name, a->kind);
        }
        break;
    case CS_ACT_CONFIRM_ABSENT:
        confirm_absent(r, a);
        break;
    case CS_ACT_CREATE_REVISION:
        create_revision(r, a);
        break;
    case CS_ACT_RENUMBER_REVISION:
        renumber(r, a);
        break;
    case CS_ACT_DELETE_REVISION:
        delete_object(r, CS_K_REVISION, &a->revision->meta, a);
        break;
    case CS_ACT_CREATE_CLAIM:
        create_claim(r, a);
        break;
    case CS_ACT_CREATE_POD:
        create_pod(r, o, a);
        break;
    case CS_ACT_HAND_OVER:
    case CS_ACT_HAND_BACK:
    case CS_ACT_FENCE_CLAIM:
    case CS_ACT_EXPAND_CLAIM:
        patch_claim(r, a);
        break;
    case CS_ACT_DELETE_CLAIM:
        delete_object(r, CS_K_CLAIM, &a->claim->meta, a);
        break;
    case CS_ACT_DELETE_POD:
        delete_object(r, CS_K_POD, &a->pod->meta, a);
        break;
    case CS_ACT_STRIKE:
        strike(r, o, a);
        break;
    case CS_ACT_NONE:
    case CS_ACT_COUNT:
        break;
    default:
        patch_pod(r, o, a);
        break;
    }
}

void cs_act(struct cs_controller *c, struct cs_set_run *r, const struct cs_observation *o, const struct cs_plan *p)
{
    r->more = false;
    for (uint32_t i = 0; i < p->n; i++) {
        const struct cs_action *a = &p->actions[i];

        if (c->inflight >= CS_MAX_INFLIGHT || !c->o.may_write(c->o.ctx)) {
            r->more = true;
            return;
        }
        if (!window_allows(r, a->kind)) {
            r->more = true;
            continue;
        }
        cs_log_debug(c->o.log, "act", CS_KVS("cloneset", o->set->meta.name), CS_KVS("action", cs_action_name(a->kind)),
            CS_KVS("object", a->pod     ? a->pod->meta.name
                             : a->claim ? a->claim->meta.name
                             : a->name  ? a->name
                                        : ""),
            CS_KVS("why", a->why));
        act_one(r, o, a);
    }
}

/*
 * While the first Pods of a new set are being created, their answers a moment away, the status would say "0 of 0 Pods are
 * available", which tools that look at the counters alone (Argo CD's script) take for health. So it waits for the answers, but
 * not for long; until then observedGeneration tells everybody that nothing is known yet.
 */
static bool hold_status_back(struct cs_set_run *r, const struct cs_plan *p, int64_t now)
{
    const struct cs_cloneset *set = r->se->set;

    if (p->status.replicas > 0 || p->status.verdict != CS_VERDICT_IN_PROGRESS || r->creates == 0 || r->scale_error ||
        set->status.observed_generation == set->meta.generation) {
        r->hold_status_until_ms = 0;
        return false;
    }
    if (r->hold_status_until_ms == 0)
        r->hold_status_until_ms = now + CS_HOLD_STATUS_MS;
    if (now >= r->hold_status_until_ms)
        return false;
    cs_workqueue_add_at(&r->work, r->hold_status_until_ms);
    return true;
}

/*
 * Five a second at most (D14). What changes in the middle of a rollout waits a second while most slots are taken; and while many sets wait
 * for their turn all of them share twenty-five a second, or there would be as many writes that tell how far it is as writes that bring it
 * further. The end of a rollout, and the first word about a new spec, wait for nobody.
 */
static int64_t status_pause_ms(const struct cs_set_run *r, const struct cs_plan *p)
{
    const struct cs_cloneset *set = r->se->set;
    int64_t pause = r->c->inflight >= CS_MAX_INFLIGHT * 3 / 4 ? 1000 : 200;
    int64_t share = (int64_t)r->c->queue.depth * 40;

    if (p->status.verdict != CS_VERDICT_IN_PROGRESS || set->status.observed_generation != set->meta.generation)
        return 200;
    share = share < 20000 ? share : 20000;
    return share > pause ? share : pause;
}

void cs_status_write(struct cs_controller *c, struct cs_set_run *r, const struct cs_plan *p)
{
    cs_autostrbuf body = CS_STRBUF_INIT;
    int64_t now = cs_loop_now_ms(c->o.loop), pause = status_pause_ms(r, p);
    const struct cs_status_input in = {.set = r->se->set,
        .plan = p,
        .collision_count = r->collision_count > r->se->set->status.collision_count ? r->collision_count
                                                                                   : r->se->set->status.collision_count,
        .scale_error = r->scale_error ? r->scale_error : "",
        .update_error = r->update_error ? r->update_error : "",
        .now_ms = cs_clock_wall_ms(c->o.clock)};
    struct cs_ops *op;

    if (r->status_busy || hold_status_back(r, p, now) || !cs_status_patch(&in, &body))
        return;
    if (now < r->status_at_ms + pause) {
        cs_workqueue_add_at(&r->work, r->status_at_ms + pause);
        return;
    }
    if (!c->o.may_write(c->o.ctx)) {
        cs_workqueue_add_at(&r->work, now + 1000); /* nothing else may ever wake a set at rest */
        return;
    }
    r->status_busy = true;
    r->status_at_ms = now;
    op = op_new(r, CS_K_SET, r->se->set->meta.name, CS_ACT_NONE);
    op->status = true;
    send_with(op, CS_VERB_PATCH_MERGE, "status", &body);
}
