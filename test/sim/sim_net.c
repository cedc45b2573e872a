/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The network between controller and server: every request has an effect and an answer at times of their own, either may be
 * lost, and both may outlive the process that asked. Watches carry the server's log, late, in pieces of any size, and end.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "test/sim/sim.h"

#define CALL_TIMEOUT_MS 5000 /* D12 */
#define BOOKMARK_MS 60000

static struct sim_req *req_of(struct sim *s, uint64_t id)
{
    struct sim_req *q = s->reqs;

    while (q && q->id != id)
        q = q->next;
    return q;
}

static void req_maybe_free(struct sim *s, struct sim_req *q)
{
    if (q->effect_due || (q->answer_due && q->done))
        return;
    for (struct sim_req **p = &s->reqs; *p; p = &(*p)->next)
        if (*p == q) {
            *p = q->next;
            break;
        }
    free(q->name);
    free(q->subresource);
    free(q->body);
    free(q->query);
    free(q->answer.body);
    free(q);
}

static bool is_write(const struct sim_req *q)
{
    return q->verb != CS_VERB_GET && q->verb != CS_VERB_LIST;
}

static void inject(struct sim_req *q)
{
    static const struct {
        int status;
        const char *reason, *message;
    } kinds[] = {
        {403, "Forbidden", "exceeded quota: a simulated one"},
        {409, "Conflict", "the simulation says: conflict, try again"},
        {429, "TooManyRequests", "too many requests"},
        {500, "InternalError", "etcdserver: leader changed"},
        {503, "ServiceUnavailable", "the server is starting"},
        {504, "Timeout", "the server did not finish in time"},
    };

    for (size_t i = 0; i < CS_ARRAY_LEN(kinds); i++)
        if (kinds[i].status == q->inject) {
            free(q->answer.body);
            sim_api_error(&q->answer, q->inject, kinds[i].reason, kinds[i].message);
        }
    if (q->inject == 429)
        q->answer.retry_after_ms = 1000;
}

static void crash(struct sim *s, uint64_t arg)
{
    (void)arg;
    sim_crash(s);
}

static void on_effect(struct sim *s, uint64_t id)
{
    struct sim_req *q = req_of(s, id);

    if (!q)
        return;
    q->effect_due = false;
    if (q->inject == 0 || q->inject_after) {
        s->current = q;
        sim_api_handle(s, q, &q->answer);
        s->current = NULL;
    }
    if (q->inject != 0)
        inject(q);
    if (s->faults_on && sim_chance(s, 4)) /* killed between the effect and its answer */
        sim_later(s, 0, crash, 0);
    req_maybe_free(s, q);
}

static void on_answer(struct sim *s, uint64_t id)
{
    struct sim_req *q = req_of(s, id);
    struct cs_reply reply = {0};
    cs_autofree char *body = NULL; /* lives through the callback, in which the request may be cancelled */
    cs_reply_fn done;
    void *ctx;

    if (!q)
        return;
    q->answer_due = false;
    done = q->done;
    q->done = NULL;
    if (!done) {
        req_maybe_free(s, q);
        return;
    }
    reply.started_ms = q->sent_ms;
    if (q->effect_due || q->lost || !q->answer.body) {
        bool reset = q->lost && s->now_ms < q->sent_ms + CALL_TIMEOUT_MS;

        (void)cs_error_set(
            &reply.err, reset ? CS_ERR_TRANSPORT : CS_ERR_TIMEOUT, reset ? "connection reset" : "no answer in time");
    } else {
        reply.status = q->answer.status;
        reply.body = cs_str(q->answer.body);
        cs_reply_error(reply.status, reply.body, q->answer.retry_after_ms, &reply.err);
    }
    sim_say(s, "  answer %llu: %d %s", (unsigned long long)q->id, reply.status,
        reply.err.kind != CS_ERR_NONE ? reply.err.message : "");
    body = cs_take(q->answer.body);
    reply.body = cs_str(reply.status ? body : NULL);
    ctx = q->ctx;
    req_maybe_free(s, q);
    done(ctx, &reply);
}

static char *dup_or_null(const char *text)
{
    return text ? cs_xstrdup(text) : NULL;
}

/* What goes wrong with this one. Delays in: until the effect, and from there until the answer. */
static void choose_fault(struct sim *s, struct sim_req *q, int64_t *in, int64_t *out)
{
    bool write = is_write(q);

    s->n_faults++;
    switch (sim_below(s, 10)) {
    case 0: /* lost before it arrives */
        q->lost = true;
        q->effect_due = false;
        *out = sim_chance(s, 500) ? CALL_TIMEOUT_MS : *out;
        break;
    case 1:
    case 2: /* done, but the answer is lost */
        q->lost = true;
        *out = sim_chance(s, 500) ? CALL_TIMEOUT_MS : *out;
        break;
    case 3: /* lands after the client gave up */
        *in = sim_between(s, CALL_TIMEOUT_MS, 9000);
        break;
    case 4: /* slow, both ways */
        *in = sim_between(s, 100, 3000);
        *out = sim_between(s, 100, 3000);
        break;
    case 5:
        q->inject = write ? 409 : 503;
        break;
    case 6:
        q->inject = 429;
        break;
    case 7:
        q->inject = sim_chance(s, 500) ? 500 : 504;
        q->inject_after = write && sim_chance(s, 500);
        break;
    case 8:
        q->inject = q->verb == CS_VERB_CREATE ? 403 : 500;
        break;
    default:
        q->inject = 503;
        break;
    }
}

static uint64_t net_call(void *self, const struct cs_call *call, cs_reply_fn done, void *ctx)
{
    struct sim *s = self;
    struct sim_req *q = cs_new(struct sim_req);
    int64_t in = sim_between(s, 1, 12);
    int64_t out = sim_between(s, 1, 12);
    struct cs_error err = CS_ERROR_INIT;
    bool event = strcmp(call->gvr->resource, "events") == 0;
    bool create_of_pod = call->verb == CS_VERB_CREATE && call->gvr == cs_kind_gvr(CS_K_POD);

    q->id = ++s->ids;
    q->verb = call->verb;
    q->gvr = call->gvr;
    q->name = dup_or_null(call->name);
    q->subresource = dup_or_null(call->subresource);
    q->query = dup_or_null(call->query);
    q->body = call->body.p ? cs_xmemdupz(call->body.p, call->body.len) : NULL;
    q->done = done;
    q->ctx = ctx;
    q->sent_ms = s->now_ms;
    q->effect_due = q->answer_due = true;
    q->next = s->reqs;
    s->reqs = q;
    s->n_requests++;
    if (is_write(q) && !event)
        s->n_writes++;
    if (event)
        s->n_event_writes++;
    if (!cs_call_check(call, &err))
        sim_fail(s, "a call that must not be sent: %s", err.message);
    if (s->faults_on && sim_chance(s, 80))
        choose_fault(s, q, &in, &out);
    if (s->faults_on && s->sc->minds_claims && create_of_pod && sim_chance(s, 30)) {
        in = sim_between(s, 500, 9000); /* the leader dies with a create on its way (D12) */
        sim_later(s, 1, crash, 0);
    }
    sim_say(s, "request %llu: %s %s %s%s%s%s", (unsigned long long)q->id, cs_verb_name(q->verb), q->gvr->resource,
        q->name ? q->name : "", q->subresource ? "/" : "", q->subresource ? q->subresource : "",
        q->inject || q->lost || in >= CALL_TIMEOUT_MS ? " (fault)" : "");
    if (q->effect_due)
        sim_later(s, in, on_effect, q->id);
    sim_later(s, in + out < CALL_TIMEOUT_MS ? in + out : CALL_TIMEOUT_MS, on_answer, q->id);
    return q->id;
}

/* ---- watches ---- */

static struct sim_stream *stream_of(struct sim *s, uint64_t id)
{
    struct sim_stream *w = s->streams;

    while (w && w->id != id)
        w = w->next;
    return w;
}

static void stream_free(struct sim *s, struct sim_stream *w)
{
    for (struct sim_stream **p = &s->streams; *p; p = &(*p)->next)
        if (*p == w) {
            *p = w->next;
            break;
        }
    cs_strbuf_done(&w->out);
    free(w->query);
    free(w);
}

static void stream_end(struct sim *s, struct sim_stream *w, enum cs_errkind kind, int status)
{
    struct cs_reply reply = {.status = status, .started_ms = w->sent_ms};
    cs_reply_fn on_end = w->on_end;
    void *ctx = w->ctx;

    sim_say(s, "watch %llu ends: %s", (unsigned long long)w->id, cs_errkind_name(kind));
    if (kind != CS_ERR_NONE)
        (void)cs_error_set(&reply.err, kind, "a simulated end of a watch");
    reply.err.code = status;
    stream_free(s, w);
    on_end(ctx, &reply);
}

static void add_line(struct sim_stream *w, const char *type, const char *object)
{
    cs_strbuf_addf(&w->out, "{\"type\":\"%s\",\"object\":%s}\n", type, object);
}

static void add_bookmark(struct sim *s, struct sim_stream *w, bool end_of_list)
{
    cs_autofree char *object =
        cs_xasprintf("{\"kind\":\"%s\",\"apiVersion\":\"v1\",\"metadata\":{\"resourceVersion\":\"%llu\"%s}}",
            cs_kind_gvr(w->kind)->kind, (unsigned long long)s->rv,
            end_of_list ? ",\"annotations\":{\"k8s.io/initial-events-end\":\"true\"}" : "");

    add_line(w, "BOOKMARK", object);
}

static void add_events(struct sim *s, struct sim_stream *w)
{
    for (; w->pos < s->n_log; w->pos++) {
        const struct sim_event *e = &s->log[w->pos];
        bool before = w->selects ? e->had : e->was;
        bool after = w->selects ? e->has : e->is;

        if (e->kind != w->kind || (!before && !after))
            continue;
        add_line(w, !before ? "ADDED" : after ? "MODIFIED" : "DELETED", e->text);
    }
}

static void pump(struct sim *s, uint64_t id)
{
    struct sim_stream *w = stream_of(s, id);
    cs_autofree char *piece = NULL;
    size_t n;

    if (!w)
        return;
    w->pumping = false;
    if (s->now_ms < w->frozen_until_ms) {
        w->pumping = true;
        sim_later(s, w->frozen_until_ms - s->now_ms < 1000 ? w->frozen_until_ms - s->now_ms : 1000, pump, id);
        return;
    }
    add_events(s, w);
    if (w->out.len == 0)
        return;
    n = sim_chance(s, 200) ? 1 + (size_t)sim_below(s, w->out.len) : w->out.len;
    piece = cs_xmemdupz(w->out.data, n);
    cs_strbuf_consume(&w->out, n);
    w->heard_ms = s->now_ms;
    if (w->out.len > 0) {
        w->pumping = true;
        sim_later(s, sim_between(s, 1, 50), pump, id);
    }
    if (!w->on_chunk(w->ctx, (struct cs_str){piece, n})) {
        w = stream_of(s, id);
        if (w)
            stream_end(s, w, CS_ERR_DECODE, 200);
    }
}

static void plan_pump(struct sim *s, struct sim_stream *w)
{
    int64_t most = s->sc->faults && s->faults_on ? 800 : 60;

    if (!w->open || w->pumping)
        return;
    w->pumping = true;
    sim_later(s, sim_between(s, 1, most), pump, w->id);
}

void sim_net_committed(struct sim *s)
{
    for (struct sim_stream *w = s->streams; w; w = w->next)
        plan_pump(s, w);
}

static void beat(struct sim *s, uint64_t id)
{
    struct sim_stream *w = stream_of(s, id);

    if (!w)
        return;
    if (w->silence_ms > 0 && s->now_ms - w->heard_ms >= w->silence_ms) {
        stream_end(s, w, CS_ERR_TIMEOUT, 200);
        return;
    }
    if (s->now_ms >= w->frozen_until_ms && w->pos == s->n_log) {
        add_bookmark(s, w, false);
        plan_pump(s, w);
    }
    sim_later(s, BOOKMARK_MS, beat, id);
}

static void expire(struct sim *s, uint64_t id)
{
    struct sim_stream *w = stream_of(s, id);

    if (w)
        stream_end(s, w, CS_ERR_NONE, 200);
}

static int64_t query_number(const char *query, const char *key)
{
    cs_autofree char *mark = cs_xasprintf("%s=", key);
    const char *at = strstr(query, mark);

    return at && (at == query || at[-1] == '&') ? strtoll(at + strlen(mark), NULL, 10) : -1;
}

/* The list, then what comes after it; or what came after a version. False: the version is too old. */
static bool begin(struct sim *s, struct sim_stream *w)
{
    int64_t from;

    if (strstr(w->query, "sendInitialEvents=true")) {
        for (const struct sim_obj *o = s->objs; o; o = o->next) {
            cs_autofree char *text = NULL;

            if (o->kind != w->kind || (w->selects && !sim_label(o->t, sim_select_key(w->kind))))
                continue;
            text = sim_print(o->t);
            add_line(w, "ADDED", text);
        }
        add_bookmark(s, w, true);
        w->pos = s->n_log;
        return true;
    }
    from = query_number(w->query, "resourceVersion");
    if (from < 0 || (uint64_t)from < s->compacted_rv)
        return false;
    while (w->pos < s->n_log && s->log[w->pos].rv <= (uint64_t)from)
        w->pos++;
    return true;
}

static void on_open(struct sim *s, uint64_t id)
{
    struct sim_stream *w = stream_of(s, id);
    int64_t lives;

    if (!w)
        return;
    if (s->faults_on && sim_chance(s, 150)) {
        static const enum cs_errkind kinds[] = {CS_ERR_TRANSPORT, CS_ERR_SERVER, CS_ERR_THROTTLED, CS_ERR_GONE};
        static const int statuses[] = {0, 503, 429, 410};
        size_t i = (size_t)sim_below(s, CS_ARRAY_LEN(kinds));

        s->n_faults++;
        stream_end(s, w, kinds[i], statuses[i]);
        return;
    }
    if (!begin(s, w)) {
        if (sim_chance(s, 500)) {
            stream_end(s, w, CS_ERR_GONE, 410);
            return;
        }
        add_line(w, "ERROR",
            "{\"kind\":\"Status\",\"status\":\"Failure\",\"reason\":\"Expired\",\"code\":410,\"message\":\"too old\"}");
        w->pos = s->n_log;
    }
    w->open = true;
    w->heard_ms = s->now_ms;
    plan_pump(s, w);
    sim_later(s, sim_between(s, 1000, BOOKMARK_MS), beat, id);
    lives = query_number(w->query, "timeoutSeconds");
    if (lives > 0)
        sim_later(s, lives * 1000, expire, id);
}

static uint64_t net_stream(void *self, const struct cs_call *call, cs_chunk_fn on_chunk, cs_reply_fn on_end, void *ctx)
{
    struct sim *s = self;
    struct sim_stream *w = cs_new(struct sim_stream);
    enum cs_kind k = CS_K_COUNT;

    w->id = ++s->ids;
    if (!sim_kind_of(call->gvr, &k))
        sim_fail(s, "a watch of %s", call->gvr->resource);
    w->kind = k;
    w->query = cs_xstrdup(call->query ? call->query : "");
    w->selects = strstr(w->query, "labelSelector=") != NULL;
    w->silence_ms = call->silence_ms;
    w->sent_ms = s->now_ms;
    w->on_chunk = on_chunk;
    w->on_end = on_end;
    w->ctx = ctx;
    cs_strbuf_init(&w->out, CS_STRBUF_DEFAULT_MAX);
    w->next = s->streams;
    s->streams = w;
    s->n_requests++;
    sim_say(s, "watch %llu: %s %s", (unsigned long long)w->id, call->gvr->resource, w->query);
    sim_later(s, sim_between(s, 1, 30), on_open, w->id);
    return w->id;
}

static void net_cancel(void *self, uint64_t id)
{
    struct sim *s = self;
    struct sim_req *q = req_of(s, id);
    struct sim_stream *w = stream_of(s, id);

    if (w)
        stream_free(s, w);
    if (!q)
        return;
    q->done = NULL; /* the effect may still come */
    if (q->effect_due && q->verb == CS_VERB_CREATE)
        s->orphan_creates = true;
    req_maybe_free(s, q);
}

const struct cs_client_ops sim_client_ops = {net_call, net_stream, net_cancel};

static struct sim_stream *any_stream(struct sim *s)
{
    uint64_t n = 0;
    struct sim_stream *w = s->streams;

    for (struct sim_stream *x = s->streams; x; x = x->next)
        n++;
    for (uint64_t i = n > 0 ? sim_below(s, n) : 0; w && i > 0; i--)
        w = w->next;
    return w && w->open ? w : NULL;
}

void sim_net_cut(struct sim *s, bool compact)
{
    struct sim_stream *w = any_stream(s);

    if (compact)
        s->compacted_rv = s->rv;
    s->n_faults++;
    if (w)
        stream_end(s, w, sim_chance(s, 700) ? CS_ERR_TRANSPORT : CS_ERR_NONE, 200);
}

void sim_net_freeze(struct sim *s)
{
    struct sim_stream *w = any_stream(s);

    s->n_faults++;
    if (!w)
        return;
    w->frozen_until_ms = s->now_ms + (sim_chance(s, 800) ? sim_between(s, 500, 20000) : sim_between(s, 20000, 200000));
    sim_say(s, "watch %llu is frozen until %lld", (unsigned long long)w->id, (long long)w->frozen_until_ms);
}

void sim_net_done(struct sim *s)
{
    while (s->streams)
        stream_free(s, s->streams);
    while (s->reqs) {
        s->reqs->effect_due = s->reqs->answer_due = false;
        req_maybe_free(s, s->reqs);
    }
}
