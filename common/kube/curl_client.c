/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests: queued by call() and stream(), moved by cs_curl_poll, concluded there and nowhere else, so that no
 * callback ever runs inside the function that caused it. libcurl forbids adding and removing transfers inside its own
 * callbacks; a stream's reader may do both, so starting always waits for the next poll and removing for the end of the
 * round (the doomed list).
 *
 * Deadlines are ours, not libcurl's: they run on the given clock (BOOTTIME, D12), count from call() including the wait
 * in the queue, and are looked at before any byte is moved: a process that was stopped for a while does not send a
 * write after the moment until which it was allowed to.
 *
 * libcurl sends a request again, on a fresh connection and within the same deadline, when a kept connection turns out
 * to be dead before one byte of answer came. A write may thus be applied and then answered 409 or 404; D2's
 * preconditions make that harmless, and callers look at the object anyway.
 */
#include "common/kube/curl_client.h"

#include <assert.h>
#include <curl/curl.h>
#include <limits.h>
#include <utlist.h>

#include "common/base/alloc.h"
#include "common/kube/curl_pool.h"
#include "common/kube/curl_sockets.h"
#include "common/kube/loop.h"

#define DEFAULT_INFLIGHT 16
#define DEFAULT_TIMEOUT_MS 5000
#define MAX_TIMEOUT_MS ((int64_t)1 << 40) /* far beyond any use, far below overflow */
#define DEFAULT_MAX_ANSWER ((size_t)64 << 20)
#define MAX_STREAM_ERROR ((size_t)1 << 20) /* body of a stream's refusal */
#define SPARE_CONNECTIONS 16 /* for streams, beside max_inflight */

enum where {
    QUEUED,
    ACTIVE,
    DOOMED, /* cancelled inside one of libcurl's callbacks: still in the multi, otherwise forgotten */
};

struct request {
    struct cs_curl_client *client;
    uint64_t id;
    enum where where;
    enum cs_verb verb;
    char *path;
    char *body;
    size_t body_len;
    bool has_body;
    cs_chunk_fn on_chunk; /* NULL: a call */
    cs_reply_fn done;
    void *ctx;
    int64_t called_ms, sent_ms, heard_ms, timeout_ms, silence_ms;
    struct cs_timer deadline, silence;
    struct cs_strbuf answer;
    struct cs_curl_handle *handle; /* while ACTIVE or DOOMED */
    struct cs_error fault; /* known to us before or besides libcurl's verdict */
    bool head_told, counted;
    struct request *prev, *next;
};

struct cs_curl_client {
    const struct cs_clock *clock;
    const struct cs_log *log;
    struct cs_curl_pool pool;
    CURLM *multi;
    struct cs_curl_sockets sockets;
    struct cs_loop timers;
    struct request *calls, *streams; /* QUEUED, oldest first */
    struct request *active, *doomed;
    unsigned n_calls, n_active_calls, max_inflight;
    int64_t call_timeout_ms;
    size_t max_answer;
    uint64_t last_id;
    bool performing; /* inside libcurl: no add, no remove */
    bool polling;
    struct cs_metric *requests, *duration;
};

/* ---- the end of a request ---- */

static void request_free(struct request *r)
{
    struct cs_curl_client *c = r->client;

    cs_timer_disarm(&c->timers, &r->deadline);
    cs_timer_disarm(&c->timers, &r->silence);
    if (r->handle) {
        (void)curl_multi_remove_handle(c->multi, r->handle->easy);
        cs_curl_pool_give(&c->pool, r->handle);
    }
    cs_strbuf_done(&r->answer);
    free(r->path);
    free(r->body);
    free(r);
}

/* Out of its list, whichever that is: from here on its id is unknown. */
static void unlink_request(struct request *r)
{
    struct cs_curl_client *c = r->client;

    if (r->where == ACTIVE)
        DL_DELETE(c->active, r);
    else if (r->where == DOOMED)
        DL_DELETE(c->doomed, r);
    else if (r->on_chunk)
        DL_DELETE(c->streams, r);
    else
        DL_DELETE(c->calls, r);
    if (!r->on_chunk && r->where != DOOMED) {
        c->n_calls--;
        c->n_active_calls -= r->where == ACTIVE;
    }
}

static int status_of(const struct request *r)
{
    return r->handle ? cs_curl_handle_status(r->handle) : 0;
}

static bool is_success(int status)
{
    return status >= 200 && status < 300;
}

/* Counts and logs a request once: a call at its end, a stream when its answer begins. */
static void account(struct request *r, int status)
{
    struct cs_curl_client *c = r->client;
    int64_t ms = r->sent_ms ? cs_clock_mono_ms(c->clock) - r->sent_ms : 0;
    char code[16];

    if (r->counted)
        return;
    r->counted = true;
    (void)snprintf(code, sizeof(code), "%d", status);
    cs_metric_add(c->requests, 1, CS_LABELS(status ? code : "<error>", cs_verb_method(r->verb), c->pool.authority));
    if (r->sent_ms)
        cs_metric_observe(c->duration, (double)ms / 1000, CS_LABELS(cs_verb_method(r->verb), c->pool.authority));
    cs_log_trace(c->log, "request", CS_KVS("method", cs_verb_method(r->verb)), CS_KVS("path", r->path),
        CS_KVI("status", status), CS_KVI("ms", ms));
}

/* The one place where a request ends with a callback. err NULL: success. */
static void conclude(struct request *r, const struct cs_error *err)
{
    struct cs_reply reply = {.status = status_of(r), .started_ms = r->called_ms};

    if (err)
        reply.err = *err;
    if (reply.status != 0)
        reply.server_date_ms = cs_curl_handle_date_ms(r->handle);
    if (!r->answer.failed)
        reply.body = (struct cs_str){.p = cs_strbuf_str(&r->answer), .len = r->answer.len};
    if (reply.status == 401)
        cs_credentials_token_refused(&r->client->pool.credentials);
    account(r, reply.status);
    unlink_request(r);
    r->done(r->ctx, &reply);
    request_free(r);
}

static void conclude_fault(struct request *r)
{
    struct cs_error err = r->fault;

    err.code = status_of(r);
    conclude(r, &err);
}

/* libcurl says that the transfer is over. */
static void conclude_transfer(struct request *r, CURLcode rc)
{
    struct cs_error err;
    int status = status_of(r);

    if (r->fault.kind != CS_ERR_NONE) {
        conclude_fault(r);
        return;
    }
    if (rc == CURLE_OK) {
        cs_reply_error(status, (struct cs_str){.p = cs_strbuf_str(&r->answer), .len = r->answer.len},
            cs_curl_handle_retry_after_ms(r->handle), &err);
        conclude(r, &err);
        return;
    }
    if (status == 0) /* refused, reset, or not trusted: perhaps because the CA has changed */
        cs_credentials_connect_failed(&r->client->pool.credentials);
    cs_curl_handle_error(r->handle, rc, &err);
    (void)cs_error_prefix(&err, "%s", r->client->pool.authority);
    conclude(r, &err);
}

/* ---- deadlines ---- */

static void on_deadline(void *ctx)
{
    struct request *r = ctx;

    (void)cs_error_set(&r->fault, CS_ERR_TIMEOUT,
        r->where == QUEUED ? "not sent: waited %lld ms for %u others" : "no answer within %lld ms (%u under way)",
        (long long)r->timeout_ms, r->client->n_active_calls);
    conclude_fault(r);
}

static void on_silence(void *ctx)
{
    struct request *r = ctx;
    struct cs_curl_client *c = r->client;
    int64_t quiet = cs_clock_mono_ms(c->clock) - r->heard_ms;

    if (quiet < r->silence_ms) {
        cs_timer_arm_in(&c->timers, &r->silence, r->silence_ms - quiet);
        return;
    }
    (void)cs_error_set(&r->fault, CS_ERR_TIMEOUT, "nothing heard for %lld ms", (long long)quiet);
    conclude_fault(r);
}

/* ---- bytes, inside libcurl ---- */

static bool hand_over(struct request *r, struct cs_str bytes)
{
    if (r->on_chunk(r->ctx, bytes))
        return true;
    if (r->where != DOOMED)
        (void)cs_error_set(&r->fault, CS_ERR_DECODE, "stream ended by its reader");
    return false;
}

static size_t on_bytes(char *p, size_t size, size_t n, void *ctx)
{
    struct request *r = ctx;
    size_t len = size * n;

    if (r->where == DOOMED)
        return 0;
    r->heard_ms = cs_clock_mono_ms(r->client->clock);
    if (r->on_chunk && is_success(status_of(r)))
        return hand_over(r, (struct cs_str){.p = p, .len = len}) ? len : 0;
    cs_strbuf_add(&r->answer, p, len);
    if (!r->answer.failed)
        return len;
    (void)cs_error_set(&r->fault, CS_ERR_TOO_LARGE,
        r->answer.exhausted ? "answer for which there is no memory, at most %zu bytes"
                            : "answer of more than %zu bytes",
        r->answer.max);
    return 0;
}

/* Tells a stream's reader that the server said yes. */
static size_t on_header(char *line, size_t size, size_t n, void *ctx)
{
    struct request *r = ctx;
    size_t len = size * n;
    int status;

    if (r->where == DOOMED)
        return 0;
    if (!r->on_chunk || r->head_told || len != 2 || line[0] != '\r')
        return len;
    status = status_of(r);
    if (!is_success(status))
        return len;
    r->head_told = true;
    r->heard_ms = cs_clock_mono_ms(r->client->clock);
    account(r, status);
    return hand_over(r, (struct cs_str){.p = "", .len = 0}) ? len : 0;
}

/* ---- the beginning of a request ---- */

static void start(struct request *r)
{
    struct cs_curl_client *c = r->client;
    struct cs_str body = {.p = r->has_body ? r->body : NULL, .len = r->body_len};
    struct cs_curl_handle *h = r->fault.kind == CS_ERR_NONE ? cs_curl_pool_take(&c->pool) : NULL;
    bool ok = h && cs_curl_pool_prepare(&c->pool, h, r->verb, r->path, body) &&
              curl_easy_setopt(h->easy, CURLOPT_PRIVATE, r) == CURLE_OK &&
              curl_easy_setopt(h->easy, CURLOPT_WRITEFUNCTION, on_bytes) == CURLE_OK &&
              curl_easy_setopt(h->easy, CURLOPT_WRITEDATA, r) == CURLE_OK &&
              curl_easy_setopt(h->easy, CURLOPT_HEADERFUNCTION, on_header) == CURLE_OK &&
              curl_easy_setopt(h->easy, CURLOPT_HEADERDATA, r) == CURLE_OK &&
              curl_multi_add_handle(c->multi, h->easy) == CURLM_OK;

    if (!ok) {
        cs_curl_pool_give(&c->pool, h);
        if (r->fault.kind == CS_ERR_NONE)
            (void)cs_error_set(&r->fault, CS_ERR_INTERNAL, "libcurl: cannot set up a transfer");
        conclude_fault(r);
        return;
    }
    unlink_request(r);
    r->handle = h;
    r->where = ACTIVE;
    r->sent_ms = r->heard_ms = cs_clock_mono_ms(c->clock);
    DL_APPEND(c->active, r);
    if (r->silence_ms > 0)
        cs_timer_arm_in(&c->timers, &r->silence, r->silence_ms);
    if (r->on_chunk)
        return;
    c->n_calls++;
    c->n_active_calls++;
}

static bool may_start_call(const struct cs_curl_client *c)
{
    return c->calls && c->n_active_calls < c->max_inflight;
}

/* Callbacks of requests that cannot be started may queue more of the kind: those wait for the next round. */
static void start_queued(struct cs_curl_client *c)
{
    uint64_t newest = c->last_id;

    while (c->streams && c->streams->id <= newest)
        start(c->streams);
    while (may_start_call(c) && c->calls->id <= newest)
        start(c->calls);
}

/* False: no memory for the body. */
static bool copy_call(struct request *r, const struct cs_call *call)
{
    cs_autostrbuf path = CS_STRBUF_INIT;

    if (cs_call_check(call, &r->fault))
        cs_call_path(call, &path);
    r->path = cs_strbuf_take(&path, NULL);
    if (!r->path) {
        r->path = cs_xstrdup("");
        return false;
    }
    if (!call->body.p)
        return true;
    r->has_body = true;
    r->body = cs_try_calloc(call->body.len + 1, 1);
    if (!r->body)
        return false;
    if (call->body.len > 0)
        memcpy(r->body, call->body.p, call->body.len);
    r->body_len = call->body.len;
    return true;
}

static uint64_t enqueue(struct cs_curl_client *c, struct request *r, const struct cs_call *call)
{
    r->client = c;
    r->id = ++c->last_id;
    r->verb = call->verb;
    r->called_ms = cs_clock_mono_ms(c->clock);
    r->deadline = (struct cs_timer){.fn = on_deadline, .ctx = r};
    r->silence = (struct cs_timer){.fn = on_silence, .ctx = r};
    if (!copy_call(r, call))
        (void)cs_error_set(&r->fault, CS_ERR_INTERNAL, "out of memory, body of %zu bytes", call->body.len);
    if (r->timeout_ms > MAX_TIMEOUT_MS)
        r->timeout_ms = MAX_TIMEOUT_MS;
    if (r->timeout_ms > 0)
        cs_timer_arm_at(&c->timers, &r->deadline, r->called_ms + r->timeout_ms);
    return r->id;
}

/* ---- the interface ---- */

static uint64_t client_call(void *self, const struct cs_call *call, cs_reply_fn done, void *ctx)
{
    struct cs_curl_client *c = self;
    struct request *r = cs_new(struct request);

    r->done = done;
    r->ctx = ctx;
    r->timeout_ms = call->timeout_ms > 0 ? call->timeout_ms : c->call_timeout_ms;
    cs_strbuf_init(&r->answer, c->max_answer);
    DL_APPEND(c->calls, r);
    c->n_calls++;
    return enqueue(c, r, call);
}

static uint64_t client_stream(
    void *self, const struct cs_call *call, cs_chunk_fn on_chunk, cs_reply_fn on_end, void *ctx)
{
    struct cs_curl_client *c = self;
    struct request *r = cs_new(struct request);

    assert(on_chunk);
    r->on_chunk = on_chunk;
    r->done = on_end;
    r->ctx = ctx;
    r->timeout_ms = call->timeout_ms;
    r->silence_ms = call->silence_ms;
    cs_strbuf_init(&r->answer, MAX_STREAM_ERROR);
    DL_APPEND(c->streams, r);
    return enqueue(c, r, call);
}

static struct request *find(struct cs_curl_client *c, uint64_t id)
{
    struct request *const lists[] = {c->active, c->calls, c->streams};
    struct request *r;

    for (size_t i = 0; i < CS_ARRAY_LEN(lists); i++) {
        DL_SEARCH_SCALAR(lists[i], r, id, id);
        if (r)
            return r;
    }
    return NULL;
}

static void client_cancel(void *self, uint64_t id)
{
    struct cs_curl_client *c = self;
    struct request *r = find(c, id);

    if (!r)
        return;
    unlink_request(r);
    if (r->where == ACTIVE && c->performing) {
        r->where = DOOMED;
        DL_APPEND(c->doomed, r);
        return;
    }
    request_free(r);
}

static void reap_doomed(struct cs_curl_client *c)
{
    while (c->doomed) {
        struct request *r = c->doomed;

        unlink_request(r);
        request_free(r);
    }
}

static void conclude_finished(struct cs_curl_client *c)
{
    struct CURLMsg *msg;
    int left;

    while ((msg = curl_multi_info_read(c->multi, &left))) {
        CURLcode rc = msg->data.result; /* msg dies with the handle's removal */
        struct request *r = NULL;

        if (msg->msg != CURLMSG_DONE)
            continue;
        (void)curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, (char **)&r);
        conclude_transfer(r, rc);
    }
}

static int wait_of(const struct cs_curl_client *c, int64_t wait_ms)
{
    if (c->streams || may_start_call(c)) /* queued by a callback of start_queued */
        return 0;
    wait_ms = cs_sooner_ms(wait_ms, cs_loop_wait_ms(&c->timers));
    return wait_ms < 0 || wait_ms > INT_MAX ? INT_MAX : (int)wait_ms;
}

void cs_curl_poll(struct cs_curl_client *c, int64_t wait_ms, struct cs_poll_fd *extra, unsigned n_extra)
{
    assert(!c->polling); /* not from inside a callback */
    c->polling = true;
    cs_loop_run_due(&c->timers); /* the caller may have taken its time since the last round */
    start_queued(c);
    cs_curl_sockets_wait(&c->sockets, wait_of(c, wait_ms), extra, n_extra);
    cs_loop_run_due(&c->timers); /* before bytes move: nothing is sent past its deadline */
    c->performing = true;
    cs_curl_sockets_perform(&c->sockets);
    c->performing = false;
    reap_doomed(c);
    conclude_finished(c);
    c->polling = false;
}

void cs_curl_wakeup(struct cs_curl_client *c)
{
    cs_curl_sockets_wakeup(&c->sockets);
}

unsigned cs_curl_inflight(const struct cs_curl_client *c)
{
    return c->n_calls;
}

struct cs_client cs_curl_client_iface(struct cs_curl_client *c)
{
    static const struct cs_client_ops ops = {.call = client_call, .stream = client_stream, .cancel = client_cancel};

    return (struct cs_client){.ops = &ops, .self = c};
}

/* ---- life ---- */

static void register_metrics(struct cs_curl_client *c, struct cs_metrics *m)
{
    static const double seconds[] = {0.005, 0.025, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60};
    static const struct cs_metric_desc requests = {
        .name = "rest_client_requests_total",
        .help = "Number of HTTP requests, partitioned by status code, method, and host.",
        .type = CS_METRIC_COUNTER,
        .labels = {"code", "method", "host"},
    };
    static const struct cs_metric_desc duration = {
        .name = "rest_client_request_duration_seconds",
        .help = "Request latency in seconds, from sending to the end of the answer (watches: to its beginning).",
        .type = CS_METRIC_HISTOGRAM,
        .labels = {"verb", "host"},
        .buckets = seconds,
        .n_buckets = CS_ARRAY_LEN(seconds),
    };

    c->requests = cs_metric_get(m, &requests);
    c->duration = cs_metric_get(m, &duration);
}

bool cs_curl_client_new(const struct cs_curl_options *o, struct cs_curl_client **ret, struct cs_error *err)
{
    struct cs_curl_client *c;
    long connections;

    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) /* counted by libcurl; undone in _free */
        return cs_error_set(err, CS_ERR_INTERNAL, "libcurl: cannot be initialised");
    c = cs_new(struct cs_curl_client);
    c->clock = o->clock;
    c->log = o->log;
    c->max_inflight = o->max_inflight ? o->max_inflight : DEFAULT_INFLIGHT;
    c->call_timeout_ms = o->call_timeout_ms > 0 ? o->call_timeout_ms : DEFAULT_TIMEOUT_MS;
    c->max_answer = o->max_answer ? o->max_answer : DEFAULT_MAX_ANSWER;
    cs_loop_init(&c->timers, o->clock);
    register_metrics(c, o->metrics);
    c->multi = curl_multi_init();
    connections = (long)c->max_inflight + SPARE_CONNECTIONS;
    if (!c->multi || curl_multi_setopt(c->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING) != CURLM_OK ||
        curl_multi_setopt(c->multi, CURLMOPT_MAXCONNECTS, connections) != CURLM_OK) {
        cs_curl_client_free(c);
        return cs_error_set(err, CS_ERR_INTERNAL, "libcurl: out of memory");
    }
    if (!cs_curl_sockets_init(&c->sockets, c->multi, err) ||
        !cs_curl_pool_init(&c->pool, o->config, o->clock, o->user_agent ? o->user_agent : "cloneset", err)) {
        cs_curl_client_free(c);
        return false;
    }
    *ret = c;
    return true;
}

static void drop_all(struct request *list)
{
    struct request *r, *next;

    DL_FOREACH_SAFE(list, r, next)
    request_free(r);
}

void cs_curl_client_free(struct cs_curl_client *c)
{
    if (!c)
        return;
    assert(!c->polling); /* not from inside a callback */
    drop_all(c->active);
    drop_all(c->calls);
    drop_all(c->streams);
    cs_curl_pool_done(&c->pool);
    if (c->multi)
        (void)curl_multi_cleanup(c->multi);
    cs_curl_sockets_done(&c->sockets);
    cs_loop_done(&c->timers);
    free(c);
    curl_global_cleanup();
}
