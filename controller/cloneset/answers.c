/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Takes the answers of requests into the store. What an answer leaves in doubt is read from the server (or, for a create, sent
 * again under the same name: D5e) before anything else happens to that object.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "controller/cloneset/ops.h"
#include "controller/cloneset/store_gone.h"
#include "controller/cloneset/store_ids.h"
#include "controller/plan/parts.h"

#define MAY_LAND_MS (CS_DOUBT_MS + 5000) /* with some slack, as it is counted from when the answer was given up */

static bool is_create(const struct cs_ops *op)
{
    return op->verb == CS_VERB_CREATE;
}

static bool counts_as_update(enum cs_action_kind k)
{
    return k >= CS_ACT_MARK_RECREATE && k <= CS_ACT_RESIZE;
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
    case CS_ACT_DELETE_CLAIM:
        cs_run_eventf(c, r, false, "SuccessfulDelete", "succeed to delete pvc %s", op->name);
        break;
    case CS_ACT_EXPAND_CLAIM:
        cs_run_eventf(
            c, r, false, "VolumeClaimExpanded", "pvc %s now asks for %s, as its claim template", op->name, op->request);
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

static void tell_failure(
    struct cs_controller *c, struct cs_set_run *r, const struct cs_ops *op, const struct cs_error *e)
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
    case CS_ACT_DELETE_CLAIM:
        cs_run_eventf(c, r, true, "FailedDelete", "failed to clean up PVC %s: %s", op->name, e->message);
        break;
    case CS_ACT_HAND_OVER:
        cs_run_eventf(c, r, true, "FailedUpdate", "failed to update PVC %s: %s", op->name, e->message);
        break;
    case CS_ACT_INPLACE_START:
    case CS_ACT_INPLACE_APPLY:
        cs_run_eventf(c, r, true, "FailedUpdatePodInPlace", "failed to update pod %s in-place(revision %s): %s",
            op->name, op->revision, e->message);
        break;
    case CS_ACT_RESIZE:
        cs_run_eventf(c, r, true, "FailedUpdatePodInPlace", "failed to resize pod %s in-place(revision %s): %s",
            op->name, op->revision ? op->revision : "unknown", e->message);
        break;
    case CS_ACT_MARK_RECREATE:
        cs_run_eventf(c, r, true, "FailedUpdatePodReCreate",
            "failed to patch pod specified-delete %s for update(revision %s): %s", op->name, op->revision, e->message);
        break;
    default:
        break;
    }
}

/* A late answer about a set that the watch has reported deleted since: it must not come back to life. */
static bool is_of_gone_set(const struct cs_ops *op, struct cs_json obj)
{
    const struct cs_set_entry *se = op->kind == CS_K_SET ? cs_store_set(&op->c->store, op->set_uid) : NULL;

    return se && !se->set && cs_json_str_is(cs_json_at(obj, "metadata", "uid", NULL), op->set_uid);
}

/* Takes the object of an answer; false when it is none (a Status). */
static bool apply_body(struct cs_ops *op, struct cs_json obj)
{
    struct cs_controller *c = op->c;
    struct cs_error err = CS_ERROR_INIT;

    if (!cs_json_exists(obj) || cs_json_str_is(cs_json_get(obj, "kind"), "Status"))
        return false;
    if (is_of_gone_set(op, obj))
        return true;
    cs_gone_forget(&c->store, op->kind, op->ns, op->name, NULL);
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
    struct cs_set_run *r = cs_op_run(op);
    /* By the action, not by the verb: a create whose name was taken ends as a GET. */
    bool created = op->action == CS_ACT_CREATE_POD || op->action == CS_ACT_CREATE_CLAIM;

    if (c->inflight > 0)
        c->inflight--;
    if (r) {
        r->inflight--;
        r->answered++;
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
    cs_op_free(op);
    if (r)
        cs_run_wake(r);
}

/* The Pod that the claim was made for is there already: it had lost one. */
static bool pod_known(const struct cs_ops *op)
{
    const struct cs_set_entry *se = cs_store_set(&op->c->store, op->set_uid);
    const struct cs_entry *e = NULL;
    char name[CS_NAME_SIZE];

    if (se && se->set && cs_pod_name(se->set->meta.name, op->id, name))
        e = cs_store_find(&op->c->store, CS_K_POD, op->ns, name);
    return e && e->obj;
}

static void settle(struct cs_ops *op)
{
    struct cs_entry *e = op->kind == CS_K_SET ? NULL : cs_op_entry(op);

    if (!e)
        return;
    /* However its creation was learnt of: it is no claim that a Pod has left behind. */
    if (op->action == CS_ACT_CREATE_CLAIM && e->obj && e->set && cs_streq(e->set->uid, op->set_uid) && !pod_known(op))
        cs_set_made_add(&op->c->store, e->set, op->id);
    cs_store_settle(&op->c->store, e);
}

/*
 * The object of a create in doubt was reported meanwhile: the create has landed. It may even be gone again and replaced, and
 * sending it once more would make one too many.
 */
static bool was_seen(struct cs_ops *op)
{
    const struct cs_entry *e = cs_op_entry(op);

    return e && (e->obj || e->pending->gone_uid);
}

static void on_timer_send(void *ctx)
{
    struct cs_ops *op = ctx;

    /*
     * D12 holds for what is sent again, too, and a leader that was none for a while reads a consistent list before its first write.
     * Dropped: a later pass, of whoever may write then, decides anew.
     */
    if (op->verb != CS_VERB_GET && (op->term != op->c->term || !op->c->o.may_write(op->c->o.ctx))) {
        op->c->doubt_until_ms = cs_loop_now_ms(op->c->o.loop) + CS_DOUBT_MS; /* the first one may land yet */
        settle(op);
        finish(op);
        return;
    }
    if (op->verb == CS_VERB_CREATE && was_seen(op)) {
        settle(op);
        finish(op);
        return;
    }
    cs_op_send(op);
}

/* What an entry shows while its object is read after a request whose outcome is unknown. */
static enum cs_busy doubt_of(const struct cs_ops *op)
{
    if (op->verb == CS_VERB_CREATE)
        return CS_BUSY_CREATE;
    return op->verb == CS_VERB_DELETE ? CS_BUSY_DELETE : CS_BUSY_READ; /* a Pod that may be going counts as going */
}

/* Sends the op's request again, or a GET in its place, after a pause that grows (D13). */
static void again(struct cs_ops *op, bool read, int64_t at_least_ms)
{
    struct cs_controller *c = op->c;
    int64_t delay = op->tries < 8 ? (int64_t)50 << op->tries : 10000;

    if (read) {
        struct cs_entry *e = op->kind == CS_K_SET ? NULL : cs_op_entry(op);

        if (e)
            e->busy = doubt_of(op);
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
    struct cs_entry *e = op->kind == CS_K_SET ? NULL : cs_op_entry(op);

    if (e)
        e->busy = is_create(op) ? CS_BUSY_CREATE : CS_BUSY_READ; /* the planner must not create it once more */
    op->verb = CS_VERB_GET;
    op->subresource = NULL;
    free(op->body);
    op->body = NULL;
    op->tries = 0;
    cs_op_send(op);
}

static void window_success(struct cs_set_run *r)
{
    if (++r->window_ok >= r->window && r->window < CS_MAX_INFLIGHT) {
        r->window *= 2;
        r->window_ok = 0;
    }
}

/* Somebody else's object has a name of ours (D4): its id, and claims of that id, are left alone. */
static void block(struct cs_set_run *r, const struct cs_ops *op, struct cs_entry *by)
{
    if (by)
        cs_set_block_id(r->se, op->id, by, cs_loop_now_ms(r->c->o.loop));
}

/* A Pod has the name that was to be free. One of the set's is in the store now. */
static void on_present(struct cs_set_run *r, struct cs_ops *op)
{
    struct cs_entry *e = cs_op_entry(op);

    if (e && e->obj && e->set == r->se)
        return;
    block(r, op, e);
    cs_run_eventf(r->c, r, true, "FailedCreate",
        "a Pod %s exists that is not of this CloneSet, or lacks its instance id: its id is not used, claims of that id "
        "are left alone",
        op->name);
}

/*
 * This very request has succeeded where it failed before; the set may be far from rest. With a Pod created, what kept others from
 * being created does not any more, either, though many may be left to create.
 */
static void forget_error(struct cs_set_run *r, const struct cs_ops *op)
{
    cs_autofree char *prefix = op->action == CS_ACT_CREATE_POD
                                   ? cs_xstrdup(cs_action_name(op->action))
                                   : cs_xasprintf("%s %s: ", cs_action_name(op->action), op->name);

    if (r->scale_error && cs_str_starts(cs_str(r->scale_error), prefix))
        free(cs_take(r->scale_error));
    if (r->update_error && cs_str_starts(cs_str(r->update_error), prefix))
        free(cs_take(r->update_error));
}

static void note_error(struct cs_set_run *r, const struct cs_ops *op, const struct cs_error *e)
{
    char **to = counts_as_update(op->action) ? &r->update_error : &r->scale_error;

    free(*to);
    *to = cs_xasprintf("%s %s: %.180s", cs_action_name(op->action), op->name, e->message);
    r->failed = true;
    r->window = 1;
    r->window_ok = 0;
}

/*
 * A resize that left the Pod as it was would be sent again at once, and again: this makes it a failure, with its pauses (D13). A
 * webhook of the cluster may have its own idea of resources; a server before 1.33 has no such subresource.
 */
static bool resize_failed(struct cs_ops *op, bool read)
{
    struct cs_set_run *r = cs_op_run(op);
    const struct cs_entry *e = cs_op_entry(op);
    struct cs_error err = CS_ERROR_INIT;
    struct cs_inplace_state s;
    bool pending;

    if (op->action != CS_ACT_RESIZE || !r || !e || !e->obj || (read && !op->no_resize))
        return false;
    cs_inplace_state_parse(((const struct cs_pod *)e->obj)->inplace_state, &s);
    pending = cs_resize_pending(e->obj, &s.resize);
    cs_inplace_state_done(&s);
    if (!pending)
        return false;
    (void)cs_error_set(&err, CS_ERR_INVALID, "%s",
        read ? "the API server has no pods/resize (Kubernetes 1.33 and later do)"
             : "the API server took the resize, but the Pod has other cpu or memory than asked for");
    tell_failure(r->c, r, op, &err);
    note_error(r, op, &err);
    return true;
}

/*
 * The StorageClass, a quota or the claim's size forbid it: told once per claim and request, and no reason to pause anything. Not
 * asked again until the claim, or what is asked for, changes.
 */
static void on_refused_growth(struct cs_ops *op, const struct cs_error *err)
{
    struct cs_set_run *r = cs_op_run(op);
    struct cs_entry *e = cs_op_entry(op);

    if (e && e->obj) {
        cs_intern_unref(op->c->store.pool, cs_claim_of(e)->refused);
        cs_claim_of(e)->refused = cs_intern_str(op->c->store.pool, cs_str(op->request));
    }
    if (r)
        cs_run_eventf(op->c, r, true, "FailedExpandVolumeClaim", "pvc %s cannot grow to %s: %s", op->name, op->request,
            err->message);
    settle(op);
    finish(op);
}

/* Taken, and the claim asks for less all the same (a webhook of the cluster, say): it would be sent again at once, and again. */
static bool growth_undone(struct cs_ops *op)
{
    const struct cs_entry *e = cs_op_entry(op);
    const struct cs_claim *claim = e ? e->obj : NULL;
    struct cs_error err = CS_ERROR_INIT;
    int sign;

    if (op->action != CS_ACT_EXPAND_CLAIM || op->verb == CS_VERB_GET || !claim || !claim->request ||
        !cs_quantity_cmp(cs_str(op->request), cs_str(claim->request), &sign) || sign <= 0)
        return false;
    (void)cs_error_set(&err, CS_ERR_INVALID, "the API server took it, but the claim asks for %s", claim->request);
    on_refused_growth(op, &err);
    return true;
}

static void on_success(struct cs_ops *op, struct cs_json obj)
{
    struct cs_controller *c = op->c;
    struct cs_set_run *r = cs_op_run(op);
    bool read = op->verb == CS_VERB_GET;
    bool applied = apply_body(op, obj);

    if (resize_failed(op, read)) {
        settle(op);
        finish(op);
        return;
    }
    if (growth_undone(op))
        return;
    if (op->verb == CS_VERB_DELETE) {
        /*
         * D5a: no tombstone. The answer shows the Pod Terminating; without such an answer (it may be gone already) it stays
         * marked until the watch tells, and the request's slot is free.
         */
        struct cs_entry *e = cs_op_entry(op);

        if (e && e->obj && e->meta->deleted_ms == 0) {
            e->unattended = true;
            if (r) {
                forget_error(r, op);
                tell_success(c, r, op);
            }
            finish(op);
            return;
        }
    }
    if (op->action == CS_ACT_READ_SET && r && r->se->set && applied) {
        r->fresh_generation = r->se->set->meta.generation;
        r->fresh_until_ms = cs_op_fresh_until_ms(op);
    } else if (op->action == CS_ACT_READ_SET && r && !applied) {
        r->failed = true; /* unreadable: what is held is no fresh view (D2); read again after a pause */
    }
    if (r && is_create(op) && op->kind != CS_K_REVISION)
        window_success(r);
    if (r && !read && !op->status) {
        cs_workqueue_forget(&r->work); /* it moves: the next failure starts at the shortest pause */
        forget_error(r, op);
    }
    if (r && op->action == CS_ACT_CREATE_CLAIM && !pod_known(op))
        cs_set_absent_add(&c->store, r->se, op->id, op->asked); /* a new id: no Pod can have it yet */
    if (r && op->action == CS_ACT_CONFIRM_ABSENT)
        on_present(r, op);
    if (r && !read && op->action != CS_ACT_NONE)
        tell_success(c, r, op);
    settle(op);
    finish(op);
}

/* The set's object of that name lacks the id or has another one: nothing finds it by its id, so it is of no use here (D4, D6). */
static bool lacks_id(const struct cs_ops *op, struct cs_json obj)
{
    return (op->kind == CS_K_POD || op->kind == CS_K_CLAIM) &&
           !cs_json_str_is(cs_json_at(obj, "metadata", "labels", CS_LABEL_INSTANCE_ID, NULL), op->id);
}

/* The name is taken: by our own create that was in doubt, by a view that lags, or by somebody else. */
static void on_taken(struct cs_ops *op, struct cs_json obj)
{
    struct cs_controller *c = op->c;
    struct cs_set_run *r = cs_op_run(op);
    bool ours = false;

    (void)apply_body(op, obj);
    cs_json_foreach (o, cs_json_at(obj, "metadata", "ownerReferences", NULL)) {
        ours = ours || cs_json_str_is(cs_json_get(o, "uid"), op->set_uid);
    }
    ours = ours && !lacks_id(op, obj);
    if (r && op->action == CS_ACT_CREATE_REVISION) {
        struct cs_entry *e = cs_op_entry(op);

        /* Same name, other data, or somebody else's: the collision count makes another name (spec §4.2). */
        if (r->se->set &&
            (!(ours || (e && e->loose)) || !e || !e->obj || !cs_norm_equal(cs_revision_of(e)->norm, r->se->norm)))
            r->collision_count++;
    } else if (r && !ours) {
        block(r, op, cs_op_entry(op));
        cs_run_eventf(c, r, true, "FailedCreate",
            "failed to create %s %s: an object of that name exists and is not of this CloneSet, or lacks its "
            "instance id; another id is used",
            op->kind == CS_K_POD ? "pod" : "pvc", op->name);
    }
    settle(op);
    finish(op);
}

/* The server knows no object of that name. Of a set only the one asked about is gone: another may have taken its name. */
static void forget_object(struct cs_ops *op)
{
    const char *uid = op->kind == CS_K_SET ? op->set_uid : NULL;
    const struct cs_entry *e = cs_op_entry(op);

    if (e && e->obj && cs_streq(op->known_uid, e->meta->uid) && (!uid || strcmp(uid, op->known_uid) == 0))
        cs_gone_note(&op->c->store, e, UINT64_MAX);
    cs_store_remove(&op->c->store, op->kind, op->ns, op->name, uid, 0);
}

/* A read has ended; the object is what it says. */
static void on_read_error(struct cs_ops *op, const struct cs_error *err)
{
    struct cs_controller *c = op->c;
    struct cs_set_run *r = cs_op_run(op);

    if (err->kind == CS_ERR_NOT_FOUND) {
        forget_object(op);
        if (r && op->action == CS_ACT_CONFIRM_ABSENT)
            cs_set_absent_add(&c->store, r->se, op->id, op->asked);
        settle(op);
        finish(op);
        return;
    }
    cs_log_info(c->o.log, "cannot read an object", CS_KVS("name", op->name), CS_KVS("err", err->message));
    again(op, false, err->retry_after_ms);
}

/* A JSON Patch test that failed: the object is not what we thought, as with 409. */
static bool test_failed(const struct cs_ops *op, const struct cs_error *err)
{
    return op->verb == CS_VERB_PATCH_JSON && err->code == 422 &&
           strstr(err->message, "the server rejected our request due to an error") != NULL;
}

/* What takes a claim away and may still do so: nobody is to rely on that claim before it changes (D12). */
static void note_late(struct cs_ops *op)
{
    struct cs_entry *e = cs_op_entry(op);

    if ((op->action != CS_ACT_DELETE_CLAIM && op->action != CS_ACT_HAND_OVER) || !e || !e->obj)
        return;
    cs_claim_of(e)->late_rv = e->meta->rv;
}

static void on_failure(struct cs_ops *op, const struct cs_error *err)
{
    struct cs_controller *c = op->c;
    struct cs_set_run *r = cs_op_run(op);

    if (op->action == CS_ACT_EXPAND_CLAIM && err->code != 401 &&
        (err->kind == CS_ERR_FORBIDDEN || err->kind == CS_ERR_INVALID)) {
        on_refused_growth(op, err);
        return;
    }

    if (err->kind == CS_ERR_CONFLICT || err->kind == CS_ERR_ALREADY_EXISTS || test_failed(op, err)) {
        cs_metric_add(c->m_conflicts, 1, CS_LABELS("cloneset"));
        reread(op); /* never a Failed condition (U-16) */
        return;
    }
    if (err->kind == CS_ERR_NOT_FOUND && op->action == CS_ACT_RESIZE) {
        op->no_resize = true; /* or the Pod is gone */
        reread(op);
        return;
    }
    if (err->kind == CS_ERR_NOT_FOUND && !is_create(op)) {
        forget_object(op);
        settle(op);
        finish(op);
        return;
    }
    if (cs_error_in_doubt(err)) {
        cs_log_info(c->o.log, "a request is in doubt", CS_KVS("name", op->name),
            CS_KVS("action", cs_action_name(op->action)), CS_KVS("err", err->message));
        note_late(op);
        if (is_create(op))
            op->may_land_until_ms = cs_loop_now_ms(c->o.loop) + MAY_LAND_MS;
        again(op, !is_create(op), err->retry_after_ms); /* D5e: creates under the same name */
        return;
    }
    if (r) {
        if (err->kind == CS_ERR_THROTTLED)
            r->not_before_ms = cs_loop_now_ms(c->o.loop) + (err->retry_after_ms > 0 ? err->retry_after_ms : 1000);
        else if (!op->status)
            tell_failure(c, r, op, err);
        if (op->status)
            r->failed = true; /* the pause is the same, but no scaling has failed */
        else
            note_error(r, op, err);
    }
    cs_log_info(c->o.log, "a request failed", CS_KVS("name", op->name), CS_KVS("action", cs_action_name(op->action)),
        CS_KVS("err", err->message));
    /*
     * Refused now, but an earlier sending is still in doubt: the same name is tried until that cannot land any more (D5e), since
     * another name in its place could make one too many.
     */
    if (is_create(op) && cs_loop_now_ms(c->o.loop) < op->may_land_until_ms) {
        again(op, false, err->retry_after_ms);
        return;
    }
    settle(op);
    finish(op);
}

void cs_op_answered(void *ctx, const struct cs_reply *reply)
{
    struct cs_ops *op = ctx;
    bool read = op->verb == CS_VERB_GET;
    cs_autojdoc doc = {0};
    struct cs_json obj = {0};
    struct cs_error err = reply->err;

    op->call = 0;
    /* A success whose object cannot be read is in doubt like any other. Of a DELETE the watch tells the rest (D5a). */
    if (err.kind == CS_ERR_NONE && cs_jdoc_parse(&doc, reply->body.p ? reply->body.p : "", reply->body.len, NULL, NULL))
        obj = cs_jdoc_root(&doc);
    else if (err.kind == CS_ERR_NONE && op->verb != CS_VERB_DELETE)
        (void)cs_error_set(&err, CS_ERR_DECODE, "the answer is not JSON, or its end is missing");
    if (err.kind == CS_ERR_NONE && read && cs_op_is_behind(op, obj)) {
        cs_controller_restored(op->c, op->kind);
        settle(op);
        finish(op);
    } else if (err.kind == CS_ERR_NONE && read &&
               (op->action == CS_ACT_CREATE_POD || op->action == CS_ACT_CREATE_CLAIM ||
                   op->action == CS_ACT_CREATE_REVISION))
        on_taken(op, obj);
    else if (err.kind == CS_ERR_NONE)
        on_success(op, obj);
    else if (read)
        on_read_error(op, &err);
    else
        on_failure(op, &err);
}
