/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state machine behind reflector.h:
 *
 *            start, relist                   end mark
 *   IDLE ──► WAITING ──► LISTING_STREAM ───────────────► WATCHING
 *              ▲ ├─────► LISTING_PAGES ──► last page ──►  │   ▲
 *              │ └──► from the last version: (PROBING) ───┼───┘
 *              └─────────── failed, gone, ended ──────────┘
 *
 * Whatever begins, begins in the timer's callback: no request is started inside a handler's callback, and the pace of
 * requests is decided in one place (wait_for). Between two lists and between two watches there is always a pause
 * unless the earlier one had lived a while, so no behaviour of a server makes us hammer it.
 *
 * Consistent reads (KEP-3157): a watch with sendInitialEvents and no resourceVersion, and a list without one, show "the
 * state at least as new as when the request began". resourceVersion=0 could be arbitrarily old: it is never asked for.
 */
#include "common/kube/reflector.h"

#include <assert.h>
#include <stdio.h>

#include "common/base/alloc.h"
#include "common/json/json_frame.h"
#include "common/kube/backoff.h"
#include "common/kube/watch_event.h"

#define PAGE_LIMIT 500
#define PAGE_TIMEOUT_MS 30000 /* reads need no fence (D12), and a page may be some megabytes */
#define WATCH_MIN_S 300 /* timeoutSeconds of a watch: random in [300, 600], so that watches do not end together */
#define WATCH_SPAN_S 301
#define SILENCE_MS 150000 /* bookmarks come about once a minute; two missed ones and a half (kubernetes#90249) */
#define WATCH_PACE_MS 1000 /* between the beginnings of two watches */
#define SETTLED_MS 10000 /* a watch that lived so long was a good one: failures before it are forgotten */

/* A page of 500 objects. */
static const struct cs_json_limits page_limits = {
    .max_bytes = (size_t)64 << 20, .max_depth = 102, .max_nodes = 4000000};

enum metric { LISTS, WATCHES, EVENTS, FAILURES, LIST_SECONDS, LIST_OBJECTS, METRIC_COUNT };

static const double seconds[] = {0.01, 0.05, 0.1, 0.5, 1, 2, 5, 10, 30, 60, 120};
static const struct cs_metric_desc metrics[METRIC_COUNT] = {
    [LISTS] = {"reflector_lists_total", "Lists begun, by way (stream, pages).", CS_METRIC_COUNTER,
        .labels = {"resource", "way"}},
    [WATCHES] = {"reflector_watches_total", "Watches resumed from a known version.", CS_METRIC_COUNTER,
        .labels = {"resource"}},
    [EVENTS] = {"reflector_events_total", "Objects received.", CS_METRIC_COUNTER, .labels = {"resource", "type"}},
    [FAILURES] = {"reflector_failures_total", "Lists and watches that ended otherwise than they should.",
        CS_METRIC_COUNTER, .labels = {"resource", "kind"}},
    [LIST_SECONDS] = {"reflector_list_duration_seconds", "From sending the request to the end of the list.",
        CS_METRIC_HISTOGRAM, .labels = {"resource"}, .buckets = seconds, .n_buckets = CS_ARRAY_LEN(seconds)},
    [LIST_OBJECTS] = {"reflector_list_objects", "Objects of the last complete list.", CS_METRIC_GAUGE,
        .labels = {"resource"}},
};

enum state { IDLE, WAITING, LISTING_STREAM, LISTING_PAGES, PROBING, WATCHING };

struct cs_reflector {
    struct cs_reflector_options o;
    enum state state;
    bool list_next; /* WAITING: for a list, else for a watch */
    bool synced; /* a list is complete and none is due */
    bool begun; /* this attempt at a list has said on_list_begin */
    bool use_pages; /* the server does not do streaming lists; tried again after the next complete list */
    bool heard; /* this watch has brought an event */
    bool in_handler; /* inside a callback of the handler */
    bool troubled;
    unsigned list_fails; /* since a watch last settled */
    unsigned watch_fails;
    bool doubt; /* the watch ended early: is it still the same server? */
    unsigned page_limit;
    uint64_t request; /* under way, or 0 */
    uint64_t epoch; /* grows with relist(): what is being read belongs to an older one */
    uint64_t rv; /* last version seen */
    uint64_t probed_rv; /* a server that is behind this one was restored */
    uint64_t list_rv; /* pages: version of the first, which holds for all */
    uint64_t listed; /* objects of this list */
    int64_t sent_ms; /* of the stream, or of the first page */
    char *page_token; /* "continue" of the next page, or NULL */
    struct cs_timer timer;
    struct cs_jframe frame;
    struct cs_jdoc doc;
    struct cs_error fault; /* what the stream's reader found wrong */
    struct cs_error trouble;
    int64_t trouble_since_ms;
    struct cs_metric *metrics[METRIC_COUNT];
};

/* ---- what others see ---- */

static int64_t now_ms(const struct cs_reflector *r)
{
    return cs_loop_now_ms(r->o.loop);
}

static void note_trouble(struct cs_reflector *r, const struct cs_error *err)
{
    if (!r->troubled)
        r->trouble_since_ms = now_ms(r);
    r->troubled = true;
    r->trouble = *err;
}

bool cs_reflector_synced(const struct cs_reflector *r)
{
    return r->synced;
}

uint64_t cs_reflector_rv(const struct cs_reflector *r)
{
    return r->rv;
}

const char *cs_reflector_trouble(const struct cs_reflector *r, int64_t *ret_since_ms)
{
    if (!r->troubled)
        return NULL;
    if (ret_since_ms)
        *ret_since_ms = r->trouble_since_ms;
    return r->trouble.message;
}

/* ---- pace ---- */

static void wait_for(struct cs_reflector *r, bool list, int64_t delay_ms)
{
    r->state = WAITING;
    r->list_next = list;
    cs_timer_arm_in(r->o.loop, &r->timer, delay_ms);
}

static void count_failure(struct cs_reflector *r, const char *what, const struct cs_error *err)
{
    cs_metric_add(r->metrics[FAILURES], 1, CS_LABELS(r->o.gvr->resource, cs_errkind_name(err->kind)));
    cs_log_debug(r->o.log, what, CS_KVS("resource", r->o.gvr->resource), CS_KVS("kind", cs_errkind_name(err->kind)),
        CS_KVS("error", err->message), CS_KVI("rv", r->rv));
}

/* A list did not come to its end, or a watch cannot go on from where it was. */
static void list_again(struct cs_reflector *r, const struct cs_error *err)
{
    bool at_once = err->kind == CS_ERR_GONE && r->list_fails == 0; /* expiry is everyday life */

    count_failure(r, "list again", err);
    r->synced = false;
    r->list_fails++;
    if (!at_once)
        note_trouble(r, err);
    wait_for(r, true, at_once ? 0 : cs_backoff_ms(r->o.rand, r->list_fails, err->retry_after_ms));
}

static void watch_again(struct cs_reflector *r, const struct cs_error *err)
{
    count_failure(r, "watch again", err);
    r->watch_fails++;
    note_trouble(r, err);
    wait_for(r, false, cs_backoff_ms(r->o.rand, r->watch_fails, err->retry_after_ms));
}

/* ---- handing over; false when the handler called relist(): what is being read is void then ---- */

static bool hand_over(struct cs_reflector *r, enum cs_event_type type, struct cs_json obj, uint64_t rv)
{
    static const char *const names[] = {
        [CS_EVENT_ADDED] = "added",
        [CS_EVENT_MODIFIED] = "modified",
        [CS_EVENT_DELETED] = "deleted",
        [CS_EVENT_LISTED] = "listed",
    };
    uint64_t epoch = r->epoch;

    cs_metric_add(r->metrics[EVENTS], 1, CS_LABELS(r->o.gvr->resource, names[type]));
    r->in_handler = true;
    r->o.handler->on_object(r->o.ctx, type, obj, rv);
    r->in_handler = false;
    return r->epoch == epoch;
}

static bool begin_list(struct cs_reflector *r)
{
    uint64_t epoch = r->epoch;

    if (r->begun)
        return true;
    r->begun = true;
    r->listed = 0;
    r->in_handler = true;
    r->o.handler->on_list_begin(r->o.ctx);
    r->in_handler = false;
    return r->epoch == epoch;
}

static bool finish_list(struct cs_reflector *r, uint64_t rv)
{
    uint64_t epoch = r->epoch;
    int64_t took = now_ms(r) - r->sent_ms;

    r->rv = rv;
    r->synced = true;
    r->doubt = false;
    r->use_pages = false;
    r->page_limit = PAGE_LIMIT;
    r->troubled = false;
    cs_metric_observe(r->metrics[LIST_SECONDS], (double)took / 1000, CS_LABELS(r->o.gvr->resource));
    cs_metric_set(r->metrics[LIST_OBJECTS], (double)r->listed, CS_LABELS(r->o.gvr->resource));
    cs_log_debug(r->o.log, "listed", CS_KVS("resource", r->o.gvr->resource), CS_KVI("objects", r->listed),
        CS_KVI("rv", rv), CS_KVI("ms", took));
    r->in_handler = true;
    r->o.handler->on_list_end(r->o.ctx, rv, r->sent_ms);
    r->in_handler = false;
    return r->epoch == epoch;
}

/* ---- streams ---- */

static bool on_object_event(struct cs_reflector *r, const struct cs_watch_event *e)
{
    static const enum cs_event_type types[] = {CS_EVENT_ADDED, CS_EVENT_MODIFIED, CS_EVENT_DELETED};
    enum cs_event_type type = types[e->type];

    if (r->state == LISTING_STREAM) {
        /* What changes while the list is being sent comes in between, deletions too. */
        if (!begin_list(r))
            return false;
        if (type != CS_EVENT_DELETED) {
            type = CS_EVENT_LISTED;
            r->listed++;
        }
    } else if (e->rv > r->rv) {
        r->rv = e->rv;
    }
    return hand_over(r, type, e->object, e->rv);
}

static bool on_bookmark(struct cs_reflector *r, const struct cs_watch_event *e, struct cs_error *err)
{
    if (r->state != LISTING_STREAM) {
        if (e->rv > r->rv)
            r->rv = e->rv;
        return true;
    }
    if (!e->end_of_list)
        return true;
    if (e->rv == 0)
        return cs_error_set(err, CS_ERR_DECODE, "the end of the list has no resourceVersion");
    if (!begin_list(r)) /* nothing listed: an empty list begins here */
        return false;
    r->state = WATCHING;
    return finish_list(r, e->rv);
}

static bool on_line(void *ctx, struct cs_str line, struct cs_error *err)
{
    struct cs_reflector *r = ctx;
    struct cs_watch_event e;

    if (!cs_watch_event_decode(&r->doc, line, &e, err))
        return false;
    if (e.type == CS_WATCH_ERROR) {
        *err = e.error;
        return false;
    }
    if (r->state == WATCHING) {
        r->heard = true;
        r->watch_fails = 0;
        r->troubled = false;
    }
    switch (e.type) {
    case CS_WATCH_BOOKMARK:
        return on_bookmark(r, &e, err);
    case CS_WATCH_ADDED:
    case CS_WATCH_MODIFIED:
    case CS_WATCH_DELETED:
        return on_object_event(r, &e);
    default:
        return true;
    }
}

static bool on_chunk(void *ctx, struct cs_str bytes)
{
    struct cs_reflector *r = ctx;
    struct cs_error err = CS_ERROR_INIT;

    if (bytes.len == 0) { /* the server has accepted; a list is well only when it is complete */
        if (r->state == WATCHING)
            r->troubled = false;
        return true;
    }
    if (cs_jframe_feed(&r->frame, bytes.p, bytes.len, on_line, r, &err))
        return true;
    r->fault = err;
    return false;
}

static void list_stream_ended(struct cs_reflector *r, struct cs_error *err, bool answered)
{
    if (err->kind == CS_ERR_INVALID && !r->begun) {
        /* 422: the server does not know or allow sendInitialEvents (1.33 by default). Not a failure. */
        cs_log_debug(
            r->o.log, "no streaming list", CS_KVS("resource", r->o.gvr->resource), CS_KVS("error", err->message));
        r->use_pages = true;
        wait_for(r, true, 0);
        return;
    }
    /* A server that ignores the parameter never sends an end mark, and what lies between may not let it through. */
    if (answered && (err->kind == CS_ERR_NONE || err->kind == CS_ERR_TIMEOUT || r->list_fails >= 2))
        r->use_pages = true;
    if (err->kind == CS_ERR_NONE)
        (void)cs_error_set(err, CS_ERR_TRANSPORT, "the list ended before its end mark");
    list_again(r, err);
}

static void watch_ended(struct cs_reflector *r, struct cs_error *err, int64_t lived_ms)
{
    if (err->kind == CS_ERR_GONE || err->kind == CS_ERR_INVALID) { /* it does not like our version */
        list_again(r, err);
        return;
    }
    if (err->kind == CS_ERR_NONE && lived_ms < WATCH_PACE_MS && !r->heard)
        (void)cs_error_set(err, CS_ERR_TRANSPORT, "watch closed after %lld ms without an event", (long long)lived_ms);
    if (err->kind != CS_ERR_NONE)
        watch_again(r, err);
    else
        wait_for(r, false, WATCH_PACE_MS - lived_ms);
}

static void on_stream_end(void *ctx, const struct cs_reply *reply)
{
    struct cs_reflector *r = ctx;
    bool was_list = r->state == LISTING_STREAM;
    bool answered = reply->status >= 200 && reply->status < 300;
    int64_t lived = now_ms(r) - r->sent_ms;
    struct cs_error err = r->fault.kind != CS_ERR_NONE ? r->fault : reply->err;

    r->request = 0;
    if (answered && lived >= SETTLED_MS && !was_list) {
        r->list_fails = 0;
        r->watch_fails = 0;
    }
    if (was_list) {
        list_stream_ended(r, &err, answered);
        return;
    }
    r->doubt = err.kind != CS_ERR_NONE || lived < (int64_t)WATCH_MIN_S * 1000;
    watch_ended(r, &err, lived);
}

static void add_selectors(const struct cs_reflector *r, struct cs_strbuf *query)
{
    if (r->o.label_selector)
        cs_query_add(query, "labelSelector", r->o.label_selector);
    if (r->o.field_selector)
        cs_query_add(query, "fieldSelector", r->o.field_selector);
}

/* A list by stream, which goes on as a watch; or a watch from the last version. */
static void start_stream(struct cs_reflector *r, bool list)
{
    cs_autostrbuf query = CS_STRBUF_INIT;

    cs_query_add(&query, "allowWatchBookmarks", "true");
    add_selectors(r, &query);
    if (list) {
        cs_strbuf_adds(&query, "&resourceVersionMatch=NotOlderThan&sendInitialEvents=true");
    } else {
        cs_strbuf_adds(&query, "&resourceVersion=");
        cs_strbuf_addu(&query, r->rv);
    }
    cs_strbuf_adds(&query, "&timeoutSeconds=");
    cs_strbuf_addu(&query, WATCH_MIN_S + cs_rand_below(r->o.rand, WATCH_SPAN_S));
    cs_strbuf_adds(&query, "&watch=true");

    struct cs_call call = {
        .verb = CS_VERB_WATCH,
        .gvr = r->o.gvr,
        .ns = r->o.ns,
        .query = cs_strbuf_str(&query),
        .silence_ms = SILENCE_MS,
    };

    cs_jframe_reset(&r->frame);
    cs_error_clear(&r->fault);
    r->heard = false;
    r->begun = false;
    r->state = list ? LISTING_STREAM : WATCHING;
    r->sent_ms = now_ms(r);
    if (list && r->o.handler->on_list_sent)
        r->o.handler->on_list_sent(r->o.ctx);
    if (list)
        cs_metric_add(r->metrics[LISTS], 1, CS_LABELS(r->o.gvr->resource, "stream"));
    else
        cs_metric_add(r->metrics[WATCHES], 1, CS_LABELS(r->o.gvr->resource));
    r->request = cs_client_stream(r->o.client, &call, on_chunk, on_stream_end, r);
}

/*
 * A server restored from a backup accepts a watch from our version, is silent until it has come so far, and never tells what
 * was undone. A consistent read is never older than what was seen before, by whatever way, unless that has happened (D5c).
 */
static void on_probe(void *ctx, const struct cs_reply *reply)
{
    struct cs_reflector *r = ctx;
    struct cs_error err = reply->err;
    uint64_t rv = 0;

    r->request = 0;
    if (err.kind == CS_ERR_NONE && cs_jdoc_parse(&r->doc, reply->body.p, reply->body.len, &page_limits, &err))
        rv = cs_object_version(cs_jdoc_root(&r->doc));
    if (err.kind != CS_ERR_NONE) {
        watch_again(r, &err);
        return;
    }
    if (rv != 0 && rv < r->probed_rv) {
        (void)cs_error_set(&err, CS_ERR_GONE, "the server is at version %llu, we were at %llu: restored?",
            (unsigned long long)rv, (unsigned long long)r->probed_rv);
        list_again(r, &err);
        return;
    }
    start_stream(r, false);
}

/* By field: a right may be one to list this name only. Not by label: a server reads on until its page is full. */
static void start_probe(struct cs_reflector *r)
{
    cs_autostrbuf query = CS_STRBUF_INIT;

    if (r->o.field_selector)
        cs_query_add(&query, "fieldSelector", r->o.field_selector);
    cs_query_add(&query, "limit", "1");

    struct cs_call call = {.verb = CS_VERB_LIST, .gvr = r->o.gvr, .ns = r->o.ns, .query = cs_strbuf_str(&query)};

    r->state = PROBING;
    r->probed_rv = r->o.handler->known_rv ? r->o.handler->known_rv(r->o.ctx) : 0;
    if (r->probed_rv < r->rv)
        r->probed_rv = r->rv;
    r->request = cs_client_call(r->o.client, &call, on_probe, r);
}

/* ---- pages ---- */

static void on_page(void *ctx, const struct cs_reply *reply);

static void start_page(struct cs_reflector *r)
{
    cs_autostrbuf query = CS_STRBUF_INIT;
    char number[32];

    add_selectors(r, &query);
    (void)snprintf(number, sizeof(number), "%u", r->page_limit);
    cs_query_add(&query, "limit", number); /* never with resourceVersion=0: the server then ignores it */
    if (r->page_token)
        cs_query_add(&query, "continue", r->page_token);

    struct cs_call call = {.verb = CS_VERB_LIST,
        .gvr = r->o.gvr,
        .ns = r->o.ns,
        .query = cs_strbuf_str(&query),
        .timeout_ms = PAGE_TIMEOUT_MS};

    r->request = cs_client_call(r->o.client, &call, on_page, r);
}

static void start_pages(struct cs_reflector *r)
{
    free(cs_take(r->page_token));
    r->begun = false;
    r->state = LISTING_PAGES;
    r->sent_ms = now_ms(r);
    if (r->o.handler->on_list_sent)
        r->o.handler->on_list_sent(r->o.ctx);
    cs_metric_add(r->metrics[LISTS], 1, CS_LABELS(r->o.gvr->resource, "pages"));
    start_page(r);
}

/* Objects of a page; false with err set when it is none, or without when the handler called relist(). */
static bool read_page(struct cs_reflector *r, struct cs_str body, struct cs_error *err)
{
    if (!cs_jdoc_parse(&r->doc, body.p, body.len, &page_limits, err)) {
        if (err->kind == CS_ERR_INVALID)
            err->kind = CS_ERR_DECODE;
        return cs_error_prefix(err, "list");
    }
    struct cs_json root = cs_jdoc_root(&r->doc), items = cs_json_get(root, "items");

    if (!cs_json_is(items, CS_J_ARRAY) && !(cs_json_exists(items) && cs_json_is_null(items)))
        return cs_error_set(err, CS_ERR_DECODE, "list without items");
    if (!r->begun) {
        r->list_rv = cs_object_version(root);
        if (r->list_rv == 0)
            return cs_error_set(err, CS_ERR_DECODE, "list without a resourceVersion");
    }
    free(cs_take(r->page_token));
    r->page_token = cs_json_str_dup(cs_json_at(root, "metadata", "continue", NULL));
    if (!begin_list(r))
        return false;
    cs_json_foreach (item, items) {
        r->listed++;
        if (!hand_over(r, CS_EVENT_LISTED, item, cs_object_version(item)))
            return false;
    }
    return true;
}

static void page_failed(struct cs_reflector *r, const struct cs_error *err)
{
    if (err->kind == CS_ERR_TOO_LARGE && r->page_limit > 1)
        r->page_limit = r->page_limit >= 4 ? r->page_limit / 4 : 1;
    list_again(r, err);
}

static void on_page(void *ctx, const struct cs_reply *reply)
{
    struct cs_reflector *r = ctx;
    struct cs_error err = reply->err;
    uint64_t epoch = r->epoch;
    bool ok = err.kind == CS_ERR_NONE;

    r->request = 0;
    if (ok)
        ok = read_page(r, reply->body, &err);
    cs_jdoc_done(&r->doc); /* the nodes of 500 objects take megabytes; those of one event, which follow, do not */
    if (r->epoch != epoch)
        return;
    if (!ok)
        page_failed(r, &err);
    else if (r->page_token && r->page_token[0])
        start_page(r);
    else if (finish_list(r, r->list_rv))
        wait_for(r, false, 0);
}

/* ---- life ---- */

static void on_timer(void *ctx)
{
    struct cs_reflector *r = ctx;

    if (!r->list_next && r->doubt)
        start_probe(r);
    else if (!r->list_next)
        start_stream(r, false);
    else if (r->use_pages)
        start_pages(r);
    else
        start_stream(r, true);
}

struct cs_reflector *cs_reflector_new(const struct cs_reflector_options *o)
{
    struct cs_reflector *r = cs_new(struct cs_reflector);

    r->o = *o;
    r->o.ns = o->ns ? cs_xstrdup(o->ns) : NULL;
    r->o.label_selector = o->label_selector ? cs_xstrdup(o->label_selector) : NULL;
    r->o.field_selector = o->field_selector ? cs_xstrdup(o->field_selector) : NULL;
    r->page_limit = PAGE_LIMIT;
    r->timer = (struct cs_timer){.fn = on_timer, .ctx = r};
    cs_jframe_init(&r->frame, CS_WATCH_MAX_LINE);
    for (size_t i = 0; i < METRIC_COUNT; i++)
        r->metrics[i] = cs_metric_get(o->metrics, &metrics[i]);
    return r;
}

void cs_reflector_free(struct cs_reflector *r)
{
    if (!r)
        return;
    assert(!r->in_handler);
    cs_timer_disarm(r->o.loop, &r->timer);
    if (r->request)
        cs_client_cancel(r->o.client, r->request);
    free(r->page_token);
    free((char *)(uintptr_t)r->o.ns);
    free((char *)(uintptr_t)r->o.label_selector);
    free((char *)(uintptr_t)r->o.field_selector);
    cs_jframe_done(&r->frame);
    cs_jdoc_done(&r->doc);
    free(r);
}

void cs_reflector_start(struct cs_reflector *r)
{
    if (r->state == IDLE)
        wait_for(r, true, 0);
}

void cs_reflector_relist(struct cs_reflector *r)
{
    if (r->state == IDLE)
        return;
    if (r->request)
        cs_client_cancel(r->o.client, r->request);
    r->request = 0;
    r->epoch++;
    r->synced = false;
    wait_for(r, true, 0);
}
