/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sends the planner's actions, one request each, and takes the answers into the store. What the answer leaves in doubt is read
 * from the server (or, for a create, sent again under the same name: D5e) before anything else happens to that object.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "controller/cloneset/bodies.h"
#include "controller/cloneset/controller.h"

/* One request under way, or waiting to be sent again. */
struct cs_ops {
    struct cs_ops *next, *prev;
    struct cs_controller *c;
    char *set_uid;
    enum cs_kind kind;
    char *ns, *name;
    enum cs_action_kind action;
    enum cs_verb verb;
    const char *subresource;
    char *body; /* kept: creates in doubt are sent again */
    char *revision;
    char *about; /* the Pod the event is about, when that is not `name` */
    char id[CS_ID_SIZE];
    uint64_t call;
    unsigned tries;
    bool status; /* a status write */
    struct cs_timer timer;
};

static void on_reply(void *ctx, const struct cs_reply *reply);

static void op_free(struct cs_ops *op)
{
    struct cs_controller *c = op->c;

    *(op->prev ? &op->prev->next : &c->ops) = op->next;
    if (op->next)
        op->next->prev = op->prev;
    cs_timer_disarm(c->o.loop, &op->timer);
    free(op->set_uid);
    free(op->ns);
    free(op->name);
    free(op->body);
    free(op->revision);
    free(op->about);
    free(op);
}

void cs_act_cancel_all(struct cs_controller *c)
{
    while (c->ops) {
        if (c->ops->call)
            cs_client_cancel(c->o.client, c->ops->call);
        op_free(c->ops);
    }
    c->inflight = 0;
}

static struct cs_ops *op_new(struct cs_set_run *r, enum cs_kind kind, const char *name, enum cs_action_kind action)
{
    struct cs_controller *c = r->c;
    struct cs_ops *op = cs_new(struct cs_ops);

    op->c = c;
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

static void send(struct cs_ops *op)
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

    op->tries++;
    op->call = cs_client_call(op->c->o.client, &call, on_reply, op);
}

static struct cs_entry *op_entry(struct cs_ops *op)
{
    return cs_store_find(&op->c->store, op->kind, op->ns, op->name);
}

static struct cs_set_run *op_run(struct cs_ops *op)
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
    send(op);
}

static void start_read(struct cs_set_run *r, enum cs_kind kind, const char *name, enum cs_action_kind action)
{
    send_with(op_new(r, kind, name, action), CS_VERB_GET, NULL, NULL);
}

static void fail_locally(struct cs_set_run *r, const char *what, const char *name, const struct cs_error *err)
{
    (void)snprintf(r->scale_error, sizeof(r->scale_error), "%s %s: %.180s", what, name, err->message);
    cs_run_eventf(r->c, r, true, "FailedCreate", "failed to create %s %s: %s", what, name, err->message);
    r->failed = true;
}

static const char *template_of(const struct cs_set_run *r, const struct cs_action *a, struct cs_jdoc *doc, char **ret_owned)
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
        if (o->revisions[i].rev == a->revision && o->revisions[i].digest == o->digest &&
            cs_template_equal(o->revisions[i].norm, o->norm))
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
        .now_ms = o->now_ms};
    struct cs_entry *e;
    struct cs_ops *op;

    if (!cs_body_pod(&n, &body, &err)) {
        fail_locally(r, "pod", a->name, &err);
        return;
    }
    e = cs_store_reserve(&c->store, CS_K_POD, r->se, a->name);
    e->busy = CS_BUSY_CREATE;
    memcpy(e->id, a->id, CS_ID_SIZE);
    free(e->revision);
    e->revision = cs_xstrdup(n.revision);
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

    if (!cs_body_claim(r->se->set, a->vct, a->name, a->id, &body, &err)) {
        fail_locally(r, "pvc", a->name, &err);
        return;
    }
    e = cs_store_reserve(&c->store, CS_K_CLAIM, r->se, a->name);
    e->busy = CS_BUSY_CREATE;
    memcpy(e->id, a->id, CS_ID_SIZE);
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
    const struct cs_observation *o = ((struct strike_ctx *)ctx)->o;

    for (uint32_t i = 0; i < o->n_pods; i++)
        if (o->pods[i].ours && cs_streq(o->pods[i].name, name))
            return true;
    return false;
}

/* Marks the entry busy and makes the op for a write of an existing object. */
static struct cs_ops *begin_write(struct cs_set_run *r, enum cs_kind kind, const struct cs_meta *m, const struct cs_action *a,
    enum cs_busy busy)
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

static void patch_pod(struct cs_set_run *r, const struct cs_observation *o, const struct cs_action *a)
{
    cs_autostrbuf body = CS_STRBUF_INIT;
    struct cs_error err = CS_ERROR_INIT;
    const struct cs_pod *p = a->pod;
    const struct cs_inplace_body in = {.pod = p, .from = a->from, .to = a->revision, .grace_s = a->number, .now_ms = o->now_ms};
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
    default:
        cs_body_grace_drop(p, &body);
        verb = CS_VERB_PATCH_JSON;
        break;
    }
    if (!ok) {
        (void)snprintf(r->update_error, sizeof(r->update_error), "pod %s: %.200s", p->meta.name, err.message);
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
    op->about = cs_xstrdup(a->pod->meta.name);
    if (a->kind == CS_ACT_HAND_OVER)
        cs_body_hand_over(a->claim, a->pod, &body);
    else
        cs_body_hand_back(a->claim, a->pod, r->se->set, &body);
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

static void act_one(struct cs_set_run *r, const struct cs_observation *o, const struct cs_action *a)
{
    switch (a->kind) {
    case CS_ACT_READ_SET:
        if (!r->reading_set) {
            r->reading_set = true;
            start_read(r, CS_K_SET, r->se->set->meta.name, a->kind);
        }
        break;
    case CS_ACT_CONFIRM_ABSENT: {
        struct cs_entry *e = cs_store_reserve(&r->c->store, CS_K_POD, r->se, a->name);

        if (e->obj || e->busy != CS_IDLE)
            break;
        e->busy = CS_BUSY_READ;
        struct cs_ops *op = op_new(r, CS_K_POD, a->name, a->kind);
        memcpy(op->id, a->id, CS_ID_SIZE);
        send_with(op, CS_VERB_GET, NULL, NULL);
        break;
    }
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
        patch_claim(r, a);
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
            CS_KVS("object", a->pod ? a->pod->meta.name : a->claim ? a->claim->meta.name : a->name), CS_KVS("why", a->why));
        act_one(r, o, a);
    }
}

void cs_status_write(struct cs_controller *c, struct cs_set_run *r, const struct cs_plan *p)
{
    cs_autostrbuf body = CS_STRBUF_INIT;
    int64_t now = cs_loop_now_ms(c->o.loop);
    int64_t recheck;
    const struct cs_status_input in = {.set = r->se->set,
        .plan = p,
        .collision_count = r->collision_count > r->se->set->status.collision_count ? r->collision_count
                                                                                   : r->se->set->status.collision_count,
        .scale_error = r->scale_error,
        .update_error = r->update_error,
        .now_ms = cs_clock_wall_ms(c->o.clock)};
    struct cs_ops *op;

    if (r->status_busy || !cs_status_patch(&in, &body, &recheck))
        return;
    if (now < r->status_at_ms + 200) {
        cs_workqueue_add_at(&r->work, r->status_at_ms + 200);
        return;
    }
    if (!c->o.may_write(c->o.ctx))
        return;
    r->status_busy = true;
    r->status_at_ms = now;
    op = op_new(r, CS_K_SET, r->se->set->meta.name, CS_ACT_NONE);
    op->status = true;
    send_with(op, CS_VERB_PATCH_MERGE, "status", &body);
}

/* ---- answers ---- */

static bool is_create(const struct cs_ops *op)
{
    return op->verb == CS_VERB_CREATE;
}

static bool counts_as_update(enum cs_action_kind k)
{
    return k >= CS_ACT_MARK_RECREATE && k <= CS_ACT_REFRESH;
}

static void tell_success(struct cs_controller *c, struct cs_set_run *r, const struct cs_ops *op)
{
    switch (op->action) {
    case CS_ACT_CREATE_POD:
        cs_run_eventf(c, r, false, "SuccessfulCreate", "succeed to create pod %s", op->name);
        break;
    case CS_ACT_DELETE_POD:
        cs_run_eventf(c, r, false, "SuccessfulDelete", "succeed to delete pod %s", op->name);
        break;
    case CS_ACT_INPLACE_START:
    case CS_ACT_INPLACE_APPLY:
        cs_run_eventf(c, r, false, "SuccessfulUpdatePodInPlace", "successfully update pod %s in-place(revision %s)",
            op->name, op->revision);
        break;
    case CS_ACT_MARK_RECREATE:
        cs_run_eventf(c, r, false, "SuccessfulUpdatePodReCreate",
            "successfully patch pod %s specified-delete for update(revision %s)", op->name, op->revision);
        break;
    default:
        break;
    }
}

static void tell_failure(struct cs_controller *c, struct cs_set_run *r, const struct cs_ops *op, const struct cs_error *e)
{
    switch (op->action) {
    case CS_ACT_CREATE_POD:
        cs_run_eventf(c, r, true, "FailedCreate", "failed to create pod: %s, pod: %s", e->message, op->name);
        break;
    case CS_ACT_CREATE_CLAIM:
        cs_run_eventf(c, r, true, "FailedCreate", "failed to create pvc: %s, pvc: %s", e->message, op->name);
        break;
    case CS_ACT_CREATE_REVISION:
        cs_run_eventf(c, r, true, "FailedCreate", "failed to create revision %s: %s", op->name, e->message);
        break;
    case CS_ACT_DELETE_POD:
        cs_run_eventf(c, r, true, "FailedDelete", "failed to delete pod %s: %s", op->name, e->message);
        break;
    case CS_ACT_HAND_OVER:
        cs_run_eventf(c, r, true, "FailedUpdate", "failed to update PVC %s: %s", op->name, e->message);
        break;
    case CS_ACT_INPLACE_START:
    case CS_ACT_INPLACE_APPLY:
        cs_run_eventf(c, r, true, "FailedUpdatePodInPlace", "failed to update pod %s in-place(revision %s): %s", op->name,
            op->revision, e->message);
        break;
    case CS_ACT_MARK_RECREATE:
        cs_run_eventf(c, r, true, "FailedUpdatePodReCreate",
            "failed to patch pod specified-delete %s for update(revision %s): %s", op->name, op->revision, e->message);
        break;
    default:
        break;
    }
}

/* Takes an object out of an answer; false when the body is none (a Status). */
static bool apply_body(struct cs_ops *op, struct cs_str body)
{
    struct cs_controller *c = op->c;
    cs_autojdoc doc = {0};
    struct cs_error err = CS_ERROR_INIT;
    struct cs_json obj;

    if (!cs_jdoc_parse(&doc, body.p ? body.p : "", body.len, NULL, &err))
        return false;
    obj = cs_jdoc_root(&doc);
    if (cs_json_str_is(cs_json_get(obj, "kind"), "Status"))
        return false;
    if (!cs_store_apply(&c->store, op->kind, obj, false, &err)) {
        cs_log_warn(c->o.log, "cannot decode an answer", CS_KVS("name", op->name), CS_KVS("err", err.message));
        return false;
    }
    return true;
}

/* The op is over: settles its entry and its set. */
static void finish(struct cs_ops *op)
{
    struct cs_controller *c = op->c;
    struct cs_set_run *r = op_run(op);
    bool created = is_create(op) && (op->kind == CS_K_POD || op->kind == CS_K_CLAIM);

    if (c->inflight > 0)
        c->inflight--;
    if (r) {
        r->inflight--;
        if (created)
            r->creates--;
        if (op->status)
            r->status_busy = false;
        if (op->action == CS_ACT_READ_SET)
            r->reading_set = false;
        if (op->action == CS_ACT_STRIKE)
            r->set_busy = false;
        if (op->action == CS_ACT_CREATE_REVISION || op->action == CS_ACT_RENUMBER_REVISION)
            r->revision_busy = false;
    }
    op_free(op);
    if (r)
        cs_run_wake(r);
}

static void settle(struct cs_ops *op)
{
    struct cs_entry *e = op->kind == CS_K_SET ? NULL : op_entry(op);

    if (e)
        cs_store_settle(&op->c->store, e);
}

static void on_timer_send(void *ctx)
{
    send(ctx);
}

/* Sends the op's request again, or a GET in its place, after a pause that grows (D13). */
static void again(struct cs_ops *op, bool read, int64_t at_least_ms)
{
    struct cs_controller *c = op->c;
    int64_t delay = op->tries < 8 ? (int64_t)50 << op->tries : 10000;

    if (read) {
        struct cs_entry *e = op_entry(op);

        if (e)
            e->busy = op->verb == CS_VERB_CREATE ? CS_BUSY_CREATE : CS_BUSY_READ;
        op->verb = CS_VERB_GET;
        op->subresource = NULL;
        free(op->body);
        op->body = NULL;
    }
    if (delay < at_least_ms)
        delay = at_least_ms;
    op->call = 0;
    op->timer = (struct cs_timer){.fn = on_timer_send, .ctx = op};
    cs_timer_arm_in(c->o.loop, &op->timer, cs_rand_jitter_ms(c->o.rand, delay > 10000 ? 10000 : delay, 20));
}

/* Reads the object at once: the view the request was made on is stale. */
static void reread(struct cs_ops *op)
{
    struct cs_entry *e = op->kind == CS_K_SET ? NULL : op_entry(op);

    if (e)
        e->busy = CS_BUSY_READ;
    op->verb = CS_VERB_GET;
    op->subresource = NULL;
    free(op->body);
    op->body = NULL;
    op->tries = 0;
    send(op);
}

static void window_success(struct cs_set_run *r)
{
    if (++r->window_ok >= r->window && r->window < CS_MAX_INFLIGHT) {
        r->window *= 2;
        r->window_ok = 0;
    }
}

static void on_success(struct cs_ops *op, const struct cs_reply *reply)
{
    struct cs_controller *c = op->c;
    struct cs_set_run *r = op_run(op);
    bool read = op->verb == CS_VERB_GET;
    struct cs_entry *e;

    if (op->verb == CS_VERB_DELETE) {
        /* D5a: no tombstone. The answer shows the Pod Terminating; without such an answer it stays marked until the watch tells. */
        (void)apply_body(op, reply->body);
        e = op_entry(op);
        if (op->kind == CS_K_POD && e && e->obj && e->meta->deleted_ms == 0) {
            if (r)
                tell_success(c, r, op);
            again(op, true, 2000);
            if (e)
                e->busy = CS_BUSY_DELETE;
            return;
        }
    } else {
        (void)apply_body(op, reply->body);
    }
    if (op->action == CS_ACT_READ_SET && r && r->se->set && !op->status) {
        r->fresh_generation = r->se->set->meta.generation;
        r->fresh_until_ms = cs_loop_now_ms(c->o.loop) + 1000;
    }
    if (r && is_create(op))
        window_success(r);
    if (r && op->action == CS_ACT_CREATE_CLAIM)
        cs_set_absent_add(&c->store, r->se, op->id); /* a new id: no Pod can have it yet */
    if (r && !read && op->action != CS_ACT_NONE)
        tell_success(c, r, op);
    settle(op);
    finish(op);
}

static void note_error(struct cs_set_run *r, const struct cs_ops *op, const struct cs_error *e)
{
    bool update = counts_as_update(op->action);
    char *to = update ? r->update_error : r->scale_error;

    (void)snprintf(to, sizeof(r->scale_error), "%s %s: %.180s", cs_action_name(op->action), op->name, e->message);
    r->failed = true;
    r->window = 1;
    r->window_ok = 0;
}

/* The name is taken: by our own create that was in doubt, by a view that lags, or by somebody else. */
static void on_taken(struct cs_ops *op, const struct cs_reply *reply)
{
    struct cs_controller *c = op->c;
    struct cs_set_run *r = op_run(op);
    cs_autojdoc doc = {0};
    struct cs_json obj = {0};
    bool ours = false;

    if (reply->body.p && cs_jdoc_parse(&doc, reply->body.p, reply->body.len, NULL, NULL))
        obj = cs_jdoc_root(&doc);
    (void)apply_body(op, reply->body);
    cs_json_foreach(o, cs_json_at(obj, "metadata", "ownerReferences", NULL))
    {
        ours = ours || cs_json_str_is(cs_json_get(o, "uid"), op->set_uid);
    }
    if (r && op->action == CS_ACT_CREATE_REVISION) {
        struct cs_entry *e = op_entry(op);

        /* Same name, other data: the collision count makes another name (spec §4.2). */
        if (!ours || !e || !e->norm || e->digest != r->se->digest || !cs_template_equal(e->norm, r->se->norm))
            r->collision_count++;
    } else if (r && !ours) {
        cs_set_block_id(r->se, op->id, op->name);
        cs_run_eventf(c, r, true, "FailedCreate",
            "failed to create %s %s: an object of that name exists and is not of this CloneSet; another id is used",
            op->kind == CS_K_POD ? "pod" : "pvc", op->name);
    }
    settle(op);
    finish(op);
}

/* A read has ended; the object is what it says. */
static void on_read_error(struct cs_ops *op, const struct cs_error *err)
{
    struct cs_controller *c = op->c;
    struct cs_set_run *r = op_run(op);

    if (err->kind == CS_ERR_NOT_FOUND) {
        cs_store_remove(&c->store, op->kind, op->ns, op->name, NULL, 0);
        if (r && op->action == CS_ACT_CONFIRM_ABSENT)
            cs_set_absent_add(&c->store, r->se, op->id);
        settle(op);
        finish(op);
        return;
    }
    again(op, false, err->retry_after_ms);
}

/* A JSON Patch test that failed: the object is not what we thought, as with 409. */
static bool test_failed(const struct cs_ops *op, const struct cs_error *err)
{
    return op->verb == CS_VERB_PATCH_JSON && err->code == 422 &&
           strstr(err->message, "the server rejected our request due to an error") != NULL;
}

static void on_failure(struct cs_ops *op, const struct cs_error *err)
{
    struct cs_controller *c = op->c;
    struct cs_set_run *r = op_run(op);

    if (err->kind == CS_ERR_CONFLICT || err->kind == CS_ERR_ALREADY_EXISTS || test_failed(op, err)) {
        cs_metric_add(c->m_conflicts, 1, CS_LABELS("cloneset"));
        if (op->status || (op->kind == CS_K_SET && op->action == CS_ACT_STRIKE)) {
            reread(op); /* never a Failed condition (U-16) */
            return;
        }
        reread(op);
        return;
    }
    if (err->kind == CS_ERR_NOT_FOUND && !is_create(op)) {
        cs_store_remove(&c->store, op->kind, op->ns, op->name, NULL, 0);
        settle(op);
        finish(op);
        return;
    }
    if (cs_error_in_doubt(err)) {
        cs_log_info(c->o.log, "a request is in doubt", CS_KVS("name", op->name), CS_KVS("action", cs_action_name(op->action)),
            CS_KVS("err", err->message));
        again(op, !is_create(op), err->retry_after_ms); /* D5e: creates under the same name */
        return;
    }
    if (r) {
        if (err->kind == CS_ERR_THROTTLED)
            r->not_before_ms = cs_loop_now_ms(c->o.loop) + (err->retry_after_ms > 0 ? err->retry_after_ms : 1000);
        else if (!op->status)
            tell_failure(c, r, op, err);
        note_error(r, op, err);
    }
    cs_log_info(c->o.log, "a request failed", CS_KVS("name", op->name), CS_KVS("action", cs_action_name(op->action)),
        CS_KVS("err", err->message));
    settle(op);
    finish(op);
}

static void on_reply(void *ctx, const struct cs_reply *reply)
{
    struct cs_ops *op = ctx;
    bool read = op->verb == CS_VERB_GET;

    op->call = 0;
    if (reply->err.kind == CS_ERR_NONE && read &&
        (op->action == CS_ACT_CREATE_POD || op->action == CS_ACT_CREATE_CLAIM || op->action == CS_ACT_CREATE_REVISION))
        on_taken(op, reply);
    else if (reply->err.kind == CS_ERR_NONE)
        on_success(op, reply);
    else if (read)
        on_read_error(op, &reply->err);
    else
        on_failure(op, &reply->err);
}
