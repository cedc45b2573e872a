/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The server behind certs_fake_api.h. Every request and every stream is an operation with a timer of its own: when it
 * fires, the operation takes its effect, or its answer or next event arrives.
 */
#include "test/unit/certs_fake_api.h"

#include "common/base/alloc.h"

/* A request (done, body) or a stream (on_chunk, cursor). Cancelled ones stay until their effect. */
struct fake_op {
    struct fake_op *next;
    struct fake_api *api;
    struct fake_peer *peer;
    uint64_t id;
    enum cs_verb verb;
    int object; /* -1: unknown */
    char *body;
    cs_reply_fn done;
    cs_chunk_fn on_chunk;
    void *ctx;
    struct cs_timer timer;
    int64_t started_ms;
    bool cancelled;
    bool acted; /* request: took effect, its answer is on the way; stream: the list was sent */
    struct cs_error err; /* of the answer */
    struct cs_strbuf reply; /* body of the answer */
    bool initial; /* stream: begins with a list */
    size_t cursor; /* stream: events before were delivered */
};

/* ---- objects ---- */

struct cs_jtree *fake_parse(const char *text)
{
    cs_autojdoc doc = {0};

    if (!cs_jdoc_parse(&doc, text, strlen(text), NULL, NULL))
        abort();
    return cs_jtree_from(cs_jdoc_root(&doc));
}

char *fake_print(const struct cs_jtree *t)
{
    cs_autostrbuf sb = CS_STRBUF_INIT;

    cs_jtree_print(t, &sb, false);
    return cs_strbuf_take(&sb, NULL);
}

static void fake_wake_streams(struct fake_api *api)
{
    for (struct fake_op *op = api->ops; op; op = op->next) {
        if (op->on_chunk && op->acted && !cs_timer_armed(&op->timer))
            cs_timer_arm_in(
                &api->loop, &op->timer, (int64_t)cs_rand_below(&api->rand, (uint64_t)api->max_delay_ms + 1));
    }
}

void fake_put(struct fake_api *api, int object, struct cs_jtree *tree)
{
    struct cs_jtree *old = api->objects[object];
    cs_autofree char *rv = cs_xasprintf("%" PRIu64, ++api->rv);
    struct fake_event e = {.object = object, .rv = api->rv, .at_ms = api->now_ms};

    e.type = !tree ? "DELETED" : old ? "MODIFIED" : "ADDED";
    cs_jtree_set(cs_jtree_get(tree ? tree : old, "metadata"), "resourceVersion", cs_jtree_new_str(rv));
    e.text = fake_print(tree ? tree : old);
    cs_jtree_free(old);
    api->objects[object] = tree;
    cs_grow(api->log, api->len, api->cap);
    api->log[api->len++] = e;
    fake_wake_streams(api);
}

void fake_put_text(struct fake_api *api, int object, const char *text)
{
    fake_put(api, object, fake_parse(text));
}

void fake_merge(struct cs_jtree *target, const struct cs_jtree *patch)
{
    for (struct cs_jtree *m = cs_jtree_first(patch); m; m = cs_jtree_next(m)) {
        const char *key = cs_jtree_key(m);
        struct cs_jtree *have = cs_jtree_get(target, key);

        if (cs_jtree_is(m, CS_J_NULL))
            cs_jtree_del(target, key);
        else if (cs_jtree_is(m, CS_J_OBJECT) && cs_jtree_is(have, CS_J_OBJECT))
            fake_merge(have, m);
        else
            cs_jtree_set(target, key, cs_jtree_dup(m));
    }
}

/* ---- requests ---- */

static bool fake_chance(struct fake_api *api)
{
    return api->fault_pct > 0 && cs_rand_below(&api->rand, 100) < api->fault_pct;
}

static int64_t fake_delay(struct fake_api *api)
{
    return (int64_t)cs_rand_below(&api->rand, (uint64_t)api->max_delay_ms + 1);
}

static void fake_patch(struct fake_api *api, struct fake_op *op)
{
    struct cs_jtree *have = api->objects[op->object];
    cs_autojtree *patch = fake_parse(op->body);
    const char *base = cs_jtree_str(cs_jtree_get(cs_jtree_get(patch, "metadata"), "resourceVersion"));
    cs_autojtree *copy = NULL;

    if (api->forbid[op->object]) {
        cs_error_set(&op->err, CS_ERR_FORBIDDEN, "not allowed");
        return;
    }
    if (!base)
        abort(); /* we never write without saying on which version */
    if (!cs_streq(base, cs_jtree_str(cs_jtree_get(cs_jtree_get(have, "metadata"), "resourceVersion")))) {
        api->conflicts++;
        cs_error_set(&op->err, CS_ERR_CONFLICT, "the object has been modified");
        return;
    }
    copy = cs_jtree_dup(have);
    fake_merge(copy, patch);
    api->patches[op->object]++;
    if (op->object != FAKE_SECRET && op->peer->secret_read_at < strtoull(base, NULL, 10))
        api->unordered++;
    fake_put(api, op->object, cs_take(copy));
    cs_jtree_print(api->objects[op->object], &op->reply, false);
}

static void fake_get(struct fake_api *api, struct fake_op *op)
{
    cs_jtree_print(api->objects[op->object], &op->reply, false);
    if (op->object == FAKE_SECRET)
        op->peer->secret_read_at = api->rv;
}

static void fake_list(struct fake_api *api, struct fake_op *op)
{
    cs_strbuf_addf(&op->reply, "{\"metadata\":{\"resourceVersion\":\"%" PRIu64 "\"},\"items\":[", api->rv);
    if (api->objects[op->object])
        cs_jtree_print(api->objects[op->object], &op->reply, false);
    cs_strbuf_adds(&op->reply, "]}");
}

static void fake_effect(struct fake_api *api, struct fake_op *op)
{
    bool lost = fake_chance(api);

    if (fake_chance(api)) {
        cs_error_set(&op->err, CS_ERR_SERVER, "etcd is having a nap");
        return;
    }
    if (op->verb == CS_VERB_LIST)
        fake_list(api, op);
    else if (op->object < 0 || !api->objects[op->object])
        cs_error_set(&op->err, CS_ERR_NOT_FOUND, "not found");
    else if (op->verb == CS_VERB_GET)
        fake_get(api, op);
    else if (op->verb == CS_VERB_PATCH_MERGE)
        fake_patch(api, op);
    else
        abort(); /* no right to anything else (D21) */
    if (lost) {
        cs_error_set(&op->err, CS_ERR_TIMEOUT, "no answer in time");
        cs_strbuf_clear(&op->reply);
    }
}

static void fake_remove(struct fake_op *op)
{
    struct fake_op **p = &op->api->ops;

    while (*p != op)
        p = &(*p)->next;
    *p = op->next;
    cs_timer_disarm(&op->api->loop, &op->timer);
    cs_strbuf_done(&op->reply);
    free(op->body);
    free(op);
}

static void fake_answer(struct fake_op *op)
{
    struct cs_reply reply = {
        .err = op->err,
        .status = op->err.kind == CS_ERR_NONE ? 200 : 500,
        .body = {cs_strbuf_str(&op->reply), op->reply.len},
        .started_ms = op->started_ms,
    };

    op->done(op->ctx, &reply);
    fake_remove(op);
}

static void fake_on_request_timer(void *ctx)
{
    struct fake_op *op = ctx;

    if (!op->acted) {
        op->acted = true;
        fake_effect(op->api, op);
        cs_timer_arm_in(&op->api->loop, &op->timer, fake_delay(op->api));
    } else if (op->cancelled) {
        fake_remove(op);
    } else {
        fake_answer(op);
    }
}

/* ---- streams ---- */

static void fake_break(struct fake_op *op)
{
    cs_error_set(&op->err, CS_ERR_TRANSPORT, "connection reset");
    fake_answer(op);
}

static void fake_send(struct fake_op *op, const char *type, const char *object)
{
    cs_autofree char *line = cs_xasprintf("{\"type\":\"%s\",\"object\":%s}\n", type, object);

    if (!op->on_chunk(op->ctx, cs_str(line)))
        abort();
}

static void fake_send_list(struct fake_op *op)
{
    struct fake_api *api = op->api;
    cs_autofree char *text = api->objects[op->object] ? fake_print(api->objects[op->object]) : NULL;
    cs_autofree char *mark = cs_xasprintf("{\"metadata\":{\"resourceVersion\":\"%" PRIu64
                                          "\",\"annotations\":{\"k8s.io/initial-events-end\":\"true\"}}}",
        api->rv);

    op->cursor = api->len;
    if (text)
        fake_send(op, "ADDED", text);
    fake_send(op, "BOOKMARK", mark);
}

/* Sends the next event and arms the timer for the one after it. */
static void fake_on_stream_timer(void *ctx)
{
    struct fake_op *op = ctx;
    struct fake_api *api = op->api;

    if (fake_chance(api)) {
        fake_break(op);
        return;
    }
    if (!op->acted) {
        op->acted = true;
        if (op->initial)
            fake_send_list(op);
    }
    while (!api->stall && op->cursor < api->len) {
        const struct fake_event *e = &api->log[op->cursor++];

        if (e->object != op->object)
            continue;
        fake_send(op, e->type, e->text);
        if (op->cursor < api->len)
            cs_timer_arm_in(&api->loop, &op->timer, fake_delay(api));
        return;
    }
}

/* ---- the interface ---- */

static struct fake_op *fake_new_op(struct fake_peer *peer, const struct cs_call *call)
{
    struct fake_api *api = peer->api;
    const struct cs_gvr *const kinds[FAKE_OBJECTS] = {
        &cs_gvr_secrets, &cs_gvr_mutating_webhooks, &cs_gvr_validating_webhooks, &cs_gvr_crds};
    struct fake_op *op = cs_new(struct fake_op);

    *op = (struct fake_op){.next = api->ops,
        .api = api,
        .peer = peer,
        .id = ++api->last_id,
        .verb = call->verb,
        .object = -1,
        .started_ms = api->now_ms,
        .reply = CS_STRBUF_INIT};
    for (int i = 0; i < FAKE_OBJECTS; i++) {
        if (call->gvr == kinds[i])
            op->object = i;
    }
    if (call->body.len)
        op->body = cs_xmemdupz(call->body.p, call->body.len);
    op->timer.ctx = op;
    api->ops = op;
    return op;
}

static uint64_t fake_call(void *self, const struct cs_call *call, cs_reply_fn done, void *ctx)
{
    struct fake_op *op = fake_new_op(self, call);

    op->done = done;
    op->ctx = ctx;
    op->timer.fn = fake_on_request_timer;
    cs_timer_arm_in(&op->api->loop, &op->timer, fake_delay(op->api));
    return op->id;
}

static uint64_t fake_stream(void *self, const struct cs_call *call, cs_chunk_fn on_chunk, cs_reply_fn on_end, void *ctx)
{
    struct fake_op *op = fake_new_op(self, call);
    const char *from = strstr(call->query, "resourceVersion=");
    uint64_t rv = from ? strtoull(strchr(from, '=') + 1, NULL, 10) : 0;

    op->done = on_end;
    op->on_chunk = on_chunk;
    op->ctx = ctx;
    op->initial = strstr(call->query, "sendInitialEvents=true") != NULL;
    while (!op->initial && op->cursor < op->api->len && op->api->log[op->cursor].rv <= rv)
        op->cursor++;
    op->timer.fn = fake_on_stream_timer;
    cs_timer_arm_in(&op->api->loop, &op->timer, fake_delay(op->api));
    return op->id;
}

static void fake_cancel(void *self, uint64_t id)
{
    struct fake_peer *peer = self;

    for (struct fake_op *op = peer->api->ops; op; op = op->next) {
        if (op->id != id)
            continue;
        if (op->on_chunk)
            fake_remove(op);
        else
            op->cancelled = true; /* a write that was sent may still land */
        return;
    }
}

struct cs_client fake_client(struct fake_peer *peer)
{
    static const struct cs_client_ops ops = {fake_call, fake_stream, fake_cancel};

    return (struct cs_client){&ops, peer};
}

/* ---- life ---- */

static int64_t fake_mono(void *ctx)
{
    return ((struct fake_api *)ctx)->now_ms;
}

int64_t fake_wall(void *ctx)
{
    return ((struct fake_api *)ctx)->now_ms + FAKE_WALL;
}

void fake_init(struct fake_api *api, uint64_t seed)
{
    *api = (struct fake_api){.now_ms = 1000000, .rand = {seed}, .max_delay_ms = 20, .rv = 100};
    api->clock = (struct cs_clock){fake_mono, fake_wall, api};
    cs_loop_init(&api->loop, &api->clock);
}

void fake_done(struct fake_api *api)
{
    while (api->ops)
        fake_remove(api->ops);
    for (int i = 0; i < FAKE_OBJECTS; i++)
        cs_jtree_free(api->objects[i]);
    for (size_t i = 0; i < api->len; i++)
        free(api->log[i].text);
    free(api->log);
    cs_loop_done(&api->loop);
}

bool fake_advance(struct fake_api *api, int64_t limit_ms)
{
    int64_t wait = cs_loop_wait_ms(&api->loop);

    if (wait < 0 || wait > limit_ms) {
        api->now_ms += limit_ms;
        return false;
    }
    api->now_ms += wait;
    cs_loop_run_due(&api->loop);
    return true;
}

void fake_expire_watches(struct fake_api *api)
{
    for (struct fake_op *op = api->ops, *next; op; op = next) {
        next = op->next;
        if (!op->on_chunk)
            continue;
        cs_error_set(&op->err, CS_ERR_GONE, "too large resource version");
        fake_answer(op);
    }
}
