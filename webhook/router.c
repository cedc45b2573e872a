/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The way of a request through the webhook. One table of paths; each thread keeps the memory for parsed documents.
 */
#include "webhook/router.h"

#include <pthread.h>
#include <strings.h>
#include <time.h>

#include "common/api/intern.h"
#include "common/base/alloc.h"
#include "common/base/log_fold.h"
#include "common/base/rand.h"
#include "common/json/json_doc.h"
#include "webhook/handle_cloneset.h"
#include "webhook/handle_convert.h"
#include "webhook/handle_instance_id.h"
#include "webhook/review.h"

#define KEEP_NODES 16384 /* larger documents give their memory back at once */
#define MAX_DEPTH 100
/*
 * A review holds an object twice. Real sets of 100 KB have some 10,000 values; trees are built of templates, so an object of nothing but
 * small values would cost a hundred times its size.
 */
#define MAX_NODES 200000
/*
 * What was admitted must convert: one object that does not makes every list in the other version fail. There it stands one level
 * deeper, conversion may add one, and status and managedFields grow past admission.
 */
#define CONVERT_DEPTH (MAX_DEPTH + 2)
#define CONVERT_NODES ((size_t)2 * MAX_NODES)
#define MAX_LOGGED 1024
/* Parsed and converted, a body of 7 MiB takes more than 30: one at a time, so that what a container may take is enough. */
#define LARGE_BODY ((size_t)1 << 20)
#define CACHE_LINE 64

/* What one thread keeps between requests. */
struct scratch {
    _Alignas(CACHE_LINE) struct cs_jdoc doc;
    struct cs_intern *pool;
    struct cs_rand rand;
    struct cs_gates gates;
};

static void mutate_cloneset(const struct cs_review *r, struct scratch *s, struct cs_verdict *v)
{
    cs_handle_cloneset_mutate(r, s->pool, v);
}

static void validate_cloneset(const struct cs_review *r, struct scratch *s, struct cs_verdict *v)
{
    cs_handle_cloneset_validate(r, &s->gates, v);
}

static void instance_id(const struct cs_review *r, struct scratch *s, struct cs_verdict *v)
{
    cs_handle_instance_id(r, &s->rand, v);
}

struct route {
    const char *path;
    void (*handle)(const struct cs_review *r, struct scratch *s, struct cs_verdict *v); /* NULL: conversion */
};

static const struct route routes[] = {
    {CS_PATH_MUTATE_CLONESET, &mutate_cloneset},
    {CS_PATH_VALIDATE_CLONESET, &validate_cloneset},
    {CS_PATH_INSTANCE_ID, &instance_id},
    {CS_PATH_CONVERT, NULL},
};

/* Lines that whoever reaches the port can cause, and how many of them there may be in ten seconds. */
enum limited { DENIED, REFUSED, NOT_CONVERTED, STRANGER, N_LIMITED };

static const struct {
    const char *msg;
    unsigned max;
} limited[N_LIMITED] = {
    [DENIED] = {"denied", 200}, /* who was denied what is of use to somebody: more than any rollout makes */
    [REFUSED] = {"request refused", 50},
    [NOT_CONVERTED] = {"conversion failed", 50},
    [STRANGER] = {"refused a client", 5},
};

struct cs_router {
    struct scratch *scratch;
    struct cs_log_fold *folds; /* N_LIMITED; a router is const to those who log */
    unsigned threads;
    pthread_mutex_t large; /* held while a large body is answered */
    const struct cs_log *log;
    struct cs_metric *requests, *latency, *in_flight, *denied, *conversions;
};

/* ---- metrics and log ---- */

static const double latency_buckets[] = {
    0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10};

static const struct cs_metric_desc requests_desc = {.name = "controller_runtime_webhook_requests_total",
    .help = "Total number of admission requests by HTTP status code.",
    .type = CS_METRIC_COUNTER,
    .labels = {"webhook", "code"}};
static const struct cs_metric_desc latency_desc = {.name = "controller_runtime_webhook_latency_seconds",
    .help = "Histogram of the latency of processing admission requests.",
    .type = CS_METRIC_HISTOGRAM,
    .labels = {"webhook"},
    .buckets = latency_buckets,
    .n_buckets = CS_ARRAY_LEN(latency_buckets)};
static const struct cs_metric_desc in_flight_desc = {.name = "controller_runtime_webhook_requests_in_flight",
    .help = "Current number of admission requests being served.",
    .type = CS_METRIC_GAUGE,
    .labels = {"webhook"}};
static const struct cs_metric_desc denied_desc = {.name = "cloneset_webhook_denied_total",
    .help = "Violations in refused objects by field and kind.",
    .type = CS_METRIC_COUNTER,
    .labels = {"field", "kind"}};

static const struct cs_metric_desc conversions_desc = {.name = "cloneset_webhook_conversions_total",
    .help = "Objects asked to be converted, by the version wanted and by result.",
    .type = CS_METRIC_COUNTER,
    .labels = {"version", "result"}};

static int64_t now_ns(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/*
 * "spec.template.spec.containers[0].image: Required value" → "spec.template" and "Required value": few values whatever users write.
 */
static void split_reason(const char *text, char field[64], char kind[32])
{
    static const char *const kinds[] = {"Required value", "Invalid value", "Unsupported value", "Forbidden",
        "Duplicate value", "Not found", "Too long", "Too many"};
    size_t len = strcspn(text, " [:"), first = strcspn(text, " [:.");
    size_t second = first < len ? first + 1 + strcspn(text + first + 1, " [:.") : first;
    const char *rest = strstr(text, ": ");

    (void)snprintf(field, 64, "%.*s", (int)(second < 63 ? second : 63), text);
    (void)snprintf(kind, 32, "other");
    for (size_t i = 0; rest && i < CS_ARRAY_LEN(kinds); i++)
        if (strncmp(rest + 2, kinds[i], strlen(kinds[i])) == 0)
            (void)snprintf(kind, 32, "%s", kinds[i]);
}

static void count_denied(const struct cs_router *r, const struct cs_verdict *v)
{
    for (size_t i = 0; i < v->reasons.n; i++) {
        char field[64], kind[32];

        split_reason(v->reasons.items[i], field, kind);
        cs_metric_add(r->denied, 1, CS_LABELS(field, kind));
    }
}

static void log_verdict(
    const struct cs_router *r, const char *path, const struct cs_review *q, const struct cs_verdict *v)
{
    enum cs_log_level level = v->allowed ? CS_LOG_DEBUG : CS_LOG_INFO;
    cs_autofree char *ns = NULL, *name = NULL, *user = NULL, *op = NULL, *uid = NULL;
    cs_autostrbuf message = CS_STRBUF_INIT;

    if (!cs_log_enabled(r->log, level) || (!v->allowed && !cs_log_fold_admits(&r->folds[DENIED])))
        return;
    ns = cs_json_str_dup(q->ns);
    name = cs_json_str_dup(q->name);
    user = cs_json_str_dup(q->username);
    op = cs_json_str_dup(q->operation_text);
    uid = cs_json_str_dup(q->uid);
    if (!v->allowed)
        cs_verdict_message(v, &message);
    if (message.len > MAX_LOGGED)
        message.data[MAX_LOGGED] = '\0';
    cs_log_at(r->log, level, v->allowed ? "allowed" : limited[DENIED].msg, CS_KVS("webhook", path),
        CS_KVS("operation", op), CS_KVS("namespace", ns), CS_KVS("name", name), CS_KVS("user", user),
        CS_KVS("uid", uid), CS_KVI("code", v->code), CS_KVB("dryRun", q->dry_run), CS_KVI("warnings", v->warnings.n),
        CS_KVI("patchBytes", v->patch.len), CS_KVS("message", cs_strbuf_str(&message)));
}

static void log_conversion(const struct cs_router *r, const struct cs_conversion *c)
{
    const char *version = cs_version_name(c->to);

    cs_metric_add(r->conversions, (double)c->n, CS_LABELS(version, c->ok ? "success" : "failure"));
    if (c->ok)
        cs_log_at(r->log, CS_LOG_DEBUG, "converted", CS_KVS("version", version), CS_KVI("objects", c->n));
    else if (cs_log_fold_admits(&r->folds[NOT_CONVERTED]))
        cs_log_warn(r->log, limited[NOT_CONVERTED].msg, CS_KVS("version", version), CS_KVI("objects", c->n),
            CS_KVS("reason", c->why.message));
}

void cs_router_stranger(void *ctx, const char *peer, const char *why)
{
    const struct cs_router *r = ctx;

    if (cs_log_fold_admits(&r->folds[STRANGER]))
        cs_log_warn(r->log, limited[STRANGER].msg, CS_KVS("peer", peer), CS_KVS("reason", why));
}

/* ---- the way of a request ---- */

static void refuse(const struct cs_router *r, const char *path, const char *text, struct cs_http_resp *resp)
{
    cs_router_refuse(NULL, text, resp);
    if (cs_log_fold_admits(&r->folds[REFUSED]))
        cs_log_info(
            r->log, limited[REFUSED].msg, CS_KVS("path", path), CS_KVI("status", resp->status), CS_KVS("reason", text));
}

void cs_router_refuse(void *ctx, const char *text, struct cs_http_resp *resp)
{
    (void)ctx;
    resp->content_type = "application/json";
    cs_strbuf_clear(resp->body);
    cs_status_encode(resp->status, text, resp->body);
}

/* "application/json", parameters allowed. */
static bool is_json(const char *content_type)
{
    static const char want[] = "application/json";
    size_t n = content_type ? strcspn(content_type, "; \t") : 0;

    return n == sizeof(want) - 1 && strncasecmp(content_type, want, n) == 0;
}

static const struct route *find_route(const char *path)
{
    for (size_t i = 0; i < CS_ARRAY_LEN(routes); i++)
        if (strcmp(routes[i].path, path) == 0)
            return &routes[i];
    return NULL;
}

static void review(const struct cs_router *r, struct scratch *s, const struct route *route, struct cs_http_resp *resp)
{
    struct cs_error err = CS_ERROR_INIT;
    struct cs_review q;
    cs_autoverdict v;

    cs_verdict_init(&v);
    if (!cs_review_decode(cs_jdoc_root(&s->doc), &q, &err)) {
        resp->status = 400;
        refuse(r, route->path, err.message, resp);
        return;
    }
    route->handle(&q, s, &v);
    if (v.patch.failed) /* allowed without its patch it would lack what the patch was to add */
        cs_verdict_deny(&v, 500, "no memory for the patch");
    resp->content_type = "application/json";
    cs_review_encode(&q, &v, resp->body);
    if (!v.allowed)
        count_denied(r, &v);
    log_verdict(r, route->path, &q, &v);
}

static void convert(const struct cs_router *r, struct scratch *s, const struct route *route, struct cs_http_resp *resp)
{
    struct cs_error err = CS_ERROR_INIT;
    struct cs_conversion c;

    if (!cs_handle_convert(cs_jdoc_root(&s->doc), resp->body, &c, &err)) {
        resp->status = 400;
        refuse(r, route->path, err.message, resp);
        return;
    }
    resp->content_type = "application/json";
    log_conversion(r, &c);
}

static void answer(const struct cs_router *r, struct scratch *s, const struct route *route,
    const struct cs_http_req *req, struct cs_http_resp *resp)
{
    const struct cs_json_limits limits = {.max_bytes = CS_WEBHOOK_MAX_BODY,
        .max_depth = route->handle ? MAX_DEPTH : CONVERT_DEPTH,
        .max_nodes = route->handle ? MAX_NODES : CONVERT_NODES};
    struct cs_error err = CS_ERROR_INIT;

    if (!cs_jdoc_parse(&s->doc, req->body.p, req->body.len, &limits, &err)) {
        (void)cs_error_prefix(&err, "the request body cannot be read as JSON");
        resp->status = 400;
        refuse(r, route->path, err.message, resp);
    } else if (route->handle) {
        review(r, s, route, resp);
    } else {
        convert(r, s, route, resp);
    }
}

static void admit(
    struct cs_router *r, const struct route *route, const struct cs_http_req *req, struct cs_http_resp *resp)
{
    struct scratch *s = &r->scratch[req->thread % r->threads];

    if (strcmp(req->method, "POST") != 0) {
        resp->status = 405;
        resp->allow = "POST";
        refuse(r, route->path, "only POST is answered here", resp);
        return;
    }
    if (!is_json(req->content_type)) {
        resp->status = 415;
        refuse(r, route->path, "the content type must be application/json", resp);
        return;
    }
    if (req->body.len > LARGE_BODY)
        (void)pthread_mutex_lock(&r->large);
    answer(r, s, route, req, resp);
    if (s->doc.cap_nodes > KEEP_NODES) {
        cs_jdoc_done(&s->doc);
        s->doc = (struct cs_jdoc){.nodes = NULL};
    }
    if (req->body.len > LARGE_BODY)
        (void)pthread_mutex_unlock(&r->large);
}

void cs_router_handle(void *ctx, const struct cs_http_req *req, struct cs_http_resp *resp)
{
    struct cs_router *r = ctx;
    const struct route *route = find_route(req->path);
    int64_t start_ns = now_ns();
    char code[16];

    if (!route) {
        resp->status = 404;
        refuse(r, req->path, "no webhook at this path", resp);
        return;
    }
    cs_metric_add(r->in_flight, 1, CS_LABELS(route->path));
    admit(r, route, req, resp);
    cs_metric_add(r->in_flight, -1, CS_LABELS(route->path));
    (void)snprintf(code, sizeof(code), "%d", resp->status);
    cs_metric_add(r->requests, 1, CS_LABELS(route->path, code));
    cs_metric_observe(r->latency, (double)(now_ns() - start_ns) / 1e9, CS_LABELS(route->path));
}

/* ---- life ---- */

struct cs_router *cs_router_new(unsigned threads, struct cs_metrics *metrics, const struct cs_log *log)
{
    struct cs_router *r = cs_new(struct cs_router);

    r->threads = threads > 0 ? threads : 1;
    (void)pthread_mutex_init(&r->large, NULL);
    r->log = log;
    r->folds = cs_new_array(struct cs_log_fold, N_LIMITED);
    for (unsigned i = 0; i < N_LIMITED; i++)
        cs_log_fold_init(&r->folds[i], log, limited[i].msg, limited[i].max);
    r->scratch = aligned_alloc(CACHE_LINE, r->threads * sizeof(struct scratch));
    if (!r->scratch)
        cs_out_of_memory();
    for (unsigned i = 0; i < r->threads; i++)
        r->scratch[i] = (struct scratch){.pool = cs_intern_new(), .rand = {.state = cs_rand_os_seed()}};
    r->requests = cs_metric_get(metrics, &requests_desc);
    r->latency = cs_metric_get(metrics, &latency_desc);
    r->in_flight = cs_metric_get(metrics, &in_flight_desc);
    r->denied = cs_metric_get(metrics, &denied_desc);
    r->conversions = cs_metric_get(metrics, &conversions_desc);
    for (size_t i = 0; i < CS_ARRAY_LEN(routes); i++) /* a rate() needs a start at zero */
        cs_metric_add(r->requests, 0, CS_LABELS(routes[i].path, "200"));
    return r;
}

void cs_router_set_gates(struct cs_router *r, const struct cs_gates *gates)
{
    for (unsigned i = 0; i < r->threads; i++)
        r->scratch[i].gates = *gates;
}

void cs_router_tell_folded(struct cs_router *r)
{
    for (unsigned i = 0; i < N_LIMITED; i++)
        cs_log_fold_tell(&r->folds[i]);
}

void cs_router_free(struct cs_router *r)
{
    if (!r)
        return;
    for (unsigned i = 0; i < r->threads; i++) {
        cs_jdoc_done(&r->scratch[i].doc);
        cs_intern_free(r->scratch[i].pool);
    }
    (void)pthread_mutex_destroy(&r->large);
    for (unsigned i = 0; i < N_LIMITED; i++)
        cs_log_fold_done(&r->folds[i]);
    free(r->folds);
    free(r->scratch);
    free(r);
}
