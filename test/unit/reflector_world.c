/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See reflector_world.h: a client that keeps the one request under way and lets the test answer it, a handler that writes
 * down what it is called with, and a clock that only the test moves.
 */
#include "test/unit/reflector_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "common/base/alloc.h"

static void note(struct rw *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void note(struct rw *w, const char *fmt, ...)
{
    size_t len = strlen(w->log);
    const char *word = w->log + len + (len > 0);
    va_list ap;

    assert_true(len + 64 < sizeof(w->log));
    if (len > 0)
        w->log[len++] = ' ';
    va_start(ap, fmt);
    (void)vsnprintf(w->log + len, sizeof(w->log) - len, fmt, ap);
    va_end(ap);
    if (w->relist_at && strcmp(word, w->relist_at) == 0) {
        w->relist_at = NULL;
        cs_reflector_relist(w->r);
    }
}

/* ---- its client ---- */

const char *rw_parameter(const struct rw *w, const char *key, char *buf, size_t size)
{
    char start[64];
    const char *p;

    (void)snprintf(start, sizeof(start), "%s=", key);
    for (p = w->query; p; p = strchr(p, '&') ? strchr(p, '&') + 1 : NULL) {
        if (strncmp(p, start, strlen(start)) == 0) {
            (void)snprintf(buf, size, "%.*s", (int)strcspn(p + strlen(start), "&"), p + strlen(start));
            return buf;
        }
    }
    return "";
}

static uint64_t take_request(struct rw *w, const struct cs_call *call)
{
    assert_int_equal(w->open, 0); /* one at a time */
    assert_true(cs_call_check(call, NULL));
    w->open = ++w->last_id;
    w->asked_ms = w->now;
    w->silence_ms = call->silence_ms;
    w->timeout_ms = call->timeout_ms;
    assert_true(strlen(call->query) < sizeof(w->query));
    (void)snprintf(w->query, sizeof(w->query), "%s", call->query);
    return w->open;
}

static uint64_t fake_call(void *self, const struct cs_call *call, cs_reply_fn done, void *ctx)
{
    struct rw *w = self;
    char next[64];

    assert_int_equal(call->verb, CS_VERB_LIST);
    w->done = done;
    w->ctx = ctx;
    w->on_chunk = NULL;
    (void)take_request(w, call);
    w->probing = call->timeout_ms == 0; /* pages have more time */
    if (w->probing) {
        assert_non_null(strstr(w->query, "limit=1"));
        if (w->probes_by_hand)
            note(w, "probe");
        return w->open;
    }
    note(w, "page%s%s", strstr(w->query, "continue=") ? "+" : "", rw_parameter(w, "continue", next, sizeof(next)));
    return w->open;
}

static uint64_t fake_stream(void *self, const struct cs_call *call, cs_chunk_fn on_chunk, cs_reply_fn on_end, void *ctx)
{
    struct rw *w = self;
    char rv[64];

    assert_int_equal(call->verb, CS_VERB_WATCH);
    w->done = on_end;
    w->ctx = ctx;
    w->on_chunk = on_chunk;
    w->probing = false;
    (void)take_request(w, call);
    if (strstr(w->query, "sendInitialEvents=true"))
        note(w, "stream");
    else
        note(w, "watch=%s", rw_parameter(w, "resourceVersion", rv, sizeof(rv)));
    return w->open;
}

static void fake_cancel(void *self, uint64_t id)
{
    struct rw *w = self;

    assert_int_equal(id, w->open);
    w->open = 0;
    note(w, "cancel");
}

/* ---- its handler ---- */

static void on_object(void *ctx, enum cs_event_type type, struct cs_json obj, uint64_t rv)
{
    static const char *const marks[] = {"+", "~", "-", "listed:"};
    cs_autofree char *name = cs_json_str_dup(cs_json_at(obj, "metadata", "name", NULL));
    struct rw *w = ctx;

    note(w, "%s%s@%llu", marks[type], name, (unsigned long long)rv);
    /* Still readable after a relist() in here. */
    assert_true(cs_json_str_is(cs_json_at(obj, "metadata", "name", NULL), name));
}

static void on_list_begin(void *ctx)
{
    note(ctx, "begin");
}

static void on_list_end(void *ctx, uint64_t rv, int64_t sent_ms)
{
    struct rw *w = ctx;

    w->end_sent_ms = sent_ms;
    note(w, "end=%llu", (unsigned long long)rv);
}

static uint64_t known_rv(void *ctx)
{
    return ((struct rw *)ctx)->known_rv;
}

/* ---- setting up ---- */

static int64_t fake_now(void *ctx)
{
    return ((struct rw *)ctx)->now;
}

struct cs_reflector_options rw_options_of(struct rw *w)
{
    static const struct cs_reflector_handler handler = {
        .on_object = on_object, .on_list_begin = on_list_begin, .on_list_end = on_list_end, .known_rv = known_rv};

    return (struct cs_reflector_options){
        .client = &w->client,
        .loop = &w->loop,
        .metrics = w->metrics,
        .rand = &w->rand,
        .gvr = &cs_gvr_pods,
        .handler = &handler,
        .ctx = w,
    };
}

int rw_setup(void **state)
{
    static const struct cs_client_ops ops = {.call = fake_call, .stream = fake_stream, .cancel = fake_cancel};
    struct rw *w = cs_new(struct rw);
    struct cs_reflector_options o;

    w->now = 1000000;
    w->clock = (struct cs_clock){.mono_ms = fake_now, .wall_ms = fake_now, .ctx = w};
    w->client = (struct cs_client){.ops = &ops, .self = w};
    w->rand.state = 42;
    w->metrics = cs_metrics_new();
    cs_loop_init(&w->loop, &w->clock);
    o = rw_options_of(w);
    w->r = cs_reflector_new(&o);
    *state = w;
    return 0;
}

int rw_teardown(void **state)
{
    struct rw *w = *state;

    cs_reflector_free(w->r);
    assert_int_equal(w->open, 0); /* nothing left under way */
    cs_loop_done(&w->loop);
    cs_metrics_free(w->metrics);
    free(w);
    return 0;
}

/* ---- what happens ---- */

void rw_pass(struct rw *w, int64_t ms)
{
    int64_t until = w->now + ms, wait;

    for (;;) {
        wait = cs_loop_wait_ms(&w->loop);
        if (wait < 0 || w->now + wait > until)
            break;
        w->now += wait;
        cs_loop_run_due(&w->loop);
    }
    w->now = until;
}

int64_t rw_until_request(struct rw *w)
{
    int64_t from = w->now;

    assert_int_equal(w->open, 0);
    while (!w->open) {
        int64_t wait = cs_loop_wait_ms(&w->loop);

        assert_true(wait >= 0); /* a reflector that waits for nothing is dead */
        w->now += wait;
        cs_loop_run_due(&w->loop);
        if (w->open && w->probing && !w->probes_by_hand) {
            w->probes++;
            rw_probed(w, cs_reflector_rv(w->r));
        }
    }
    return w->now - from;
}

void rw_probed(struct rw *w, uint64_t rv)
{
    cs_autofree char *page =
        cs_xasprintf("{\"metadata\":{\"resourceVersion\":\"%llu\"},\"items\":[]}", (unsigned long long)rv);

    assert_true(w->open != 0 && w->probing);
    w->probing = false;
    rw_answered(w, page);
}

bool rw_chunk(struct rw *w, const char *p, size_t len)
{
    assert_true(w->open != 0 && w->on_chunk);
    return w->on_chunk(w->ctx, (struct cs_str){.p = p, .len = len});
}

void rw_finish(struct rw *w, const struct cs_reply *reply)
{
    w->open = 0;
    w->done(w->ctx, reply);
}

void rw_bytes(struct rw *w, const char *text)
{
    uint64_t id = w->open;
    struct cs_reply reply = {.status = 200};

    if (rw_chunk(w, text, strlen(text)) || w->open != id)
        return;
    (void)cs_error_set(&reply.err, CS_ERR_DECODE, "stream ended by its reader");
    rw_finish(w, &reply);
}

void rw_event(struct rw *w, const char *type, const char *name, unsigned rv)
{
    char line[256];

    (void)snprintf(line, sizeof(line),
        "{\"type\":\"%s\",\"object\":{\"kind\":\"Pod\",\"metadata\":{\"name\":\"%s\",\"resourceVersion\":\"%u\"}}}\n",
        type, name, rv);
    rw_bytes(w, line);
}

void rw_end_mark(struct rw *w, const char *rv)
{
    char line[256];

    (void)snprintf(line, sizeof(line),
        "{\"type\":\"BOOKMARK\",\"object\":{\"kind\":\"Pod\",\"metadata\":{\"resourceVersion\":%s,"
        "\"annotations\":{\"k8s.io/initial-events-end\":\"true\"}}}}\n",
        rv);
    rw_bytes(w, line);
}

void rw_error_event(struct rw *w, int code, const char *reason)
{
    char line[256];

    (void)snprintf(line, sizeof(line),
        "{\"type\":\"ERROR\",\"object\":{\"kind\":\"Status\",\"message\":\"m\",\"reason\":\"%s\",\"code\":%d}}\n",
        reason, code);
    rw_bytes(w, line);
}

void rw_closed(struct rw *w)
{
    rw_finish(w, &(struct cs_reply){.status = 200});
}

void rw_broken(struct rw *w, enum cs_errkind kind, int status)
{
    struct cs_reply reply = {.status = status};

    (void)cs_error_set(&reply.err, kind, "it broke");
    reply.err.code = status;
    rw_finish(w, &reply);
}

void rw_answered(struct rw *w, const char *body)
{
    rw_finish(w, &(struct cs_reply){.status = 200, .body = cs_str(body)});
}

struct rw *rw_watching(void **state)
{
    struct rw *w = *state;

    cs_reflector_start(w->r);
    rw_pass(w, 0);
    rw_event(w, "ADDED", "a", 5);
    rw_end_mark(w, "\"7\"");
    rw_expect(w, "stream begin listed:a@5 end=7");
    return w;
}

struct rw *rw_settled(void **state)
{
    struct rw *w = rw_watching(state);

    rw_pass(w, 60000);
    return w;
}
