/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Histories of a reflector: what the server sends goes in, calls of the handler and requests come out and are written
 * down, one word each, in the order in which they happen:
 *
 *   stream          a list by stream is asked for      begin, end=7   on_list_begin, on_list_end at version 7
 *   watch=7         a watch from version 7             listed:a@5     on_object, LISTED, object a at version 5
 *   page, page+x    the first page; the one after x    +a@8 ~a@9 -a@9 the same, ADDED, MODIFIED, DELETED
 *   cancel          the request under way is dropped
 */
#include "common/kube/reflector.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "common/base/alloc.h"

/* ---- the world around a reflector ---- */

struct world {
    int64_t now;
    struct cs_clock clock;
    struct cs_loop loop;
    struct cs_client client;
    struct cs_metrics *metrics;
    struct cs_rand rand;
    struct cs_reflector *r;
    char log[4096];
    uint64_t last_id, open; /* id of the request under way, 0: none */
    char query[1024]; /* of the last request */
    int64_t asked_ms, silence_ms, timeout_ms;
    cs_chunk_fn on_chunk;
    cs_reply_fn done;
    void *ctx;
    int64_t end_sent_ms;
    const char *relist_at; /* the handler calls relist() at this word, once */
};

static void note(struct world *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void note(struct world *w, const char *fmt, ...)
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

/* Everything that has happened since the last look. */
#define expect(w, text)                                                                                                \
    do {                                                                                                               \
        assert_string_equal((w)->log, (text));                                                                         \
        (w)->log[0] = '\0';                                                                                            \
    } while (0)

/* ---- its client ---- */

/* Value of a parameter, "" when it is not there. */
static const char *parameter(const struct world *w, const char *key, char *buf, size_t size)
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

static uint64_t take_request(struct world *w, const struct cs_call *call)
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
    struct world *w = self;
    char next[64];

    assert_int_equal(call->verb, CS_VERB_LIST);
    w->done = done;
    w->ctx = ctx;
    w->on_chunk = NULL;
    (void)take_request(w, call);
    note(w, "page%s%s", strstr(w->query, "continue=") ? "+" : "", parameter(w, "continue", next, sizeof(next)));
    return w->open;
}

static uint64_t fake_stream(void *self, const struct cs_call *call, cs_chunk_fn on_chunk, cs_reply_fn on_end, void *ctx)
{
    struct world *w = self;
    char rv[64];

    assert_int_equal(call->verb, CS_VERB_WATCH);
    w->done = on_end;
    w->ctx = ctx;
    w->on_chunk = on_chunk;
    (void)take_request(w, call);
    if (strstr(w->query, "sendInitialEvents=true"))
        note(w, "stream");
    else
        note(w, "watch=%s", parameter(w, "resourceVersion", rv, sizeof(rv)));
    return w->open;
}

static void fake_cancel(void *self, uint64_t id)
{
    struct world *w = self;

    assert_int_equal(id, w->open);
    w->open = 0;
    note(w, "cancel");
}

/* ---- its handler ---- */

static void on_object(void *ctx, enum cs_event_type type, struct cs_json obj, uint64_t rv)
{
    static const char *const marks[] = {"+", "~", "-", "listed:"};
    cs_autofree char *name = cs_json_str_dup(cs_json_at(obj, "metadata", "name", NULL));
    struct world *w = ctx;

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
    struct world *w = ctx;

    w->end_sent_ms = sent_ms;
    note(w, "end=%llu", (unsigned long long)rv);
}

/* ---- setting up ---- */

static int64_t fake_now(void *ctx)
{
    return ((struct world *)ctx)->now;
}

static struct cs_reflector_options options_of(struct world *w)
{
    static const struct cs_reflector_handler handler = {
        .on_object = on_object, .on_list_begin = on_list_begin, .on_list_end = on_list_end};

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

static int setup(void **state)
{
    static const struct cs_client_ops ops = {.call = fake_call, .stream = fake_stream, .cancel = fake_cancel};
    struct world *w = cs_new(struct world);
    struct cs_reflector_options o;

    w->now = 1000000;
    w->clock = (struct cs_clock){.mono_ms = fake_now, .wall_ms = fake_now, .ctx = w};
    w->client = (struct cs_client){.ops = &ops, .self = w};
    w->rand.state = 42;
    w->metrics = cs_metrics_new();
    cs_loop_init(&w->loop, &w->clock);
    o = options_of(w);
    w->r = cs_reflector_new(&o);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;

    cs_reflector_free(w->r);
    assert_int_equal(w->open, 0); /* nothing left under way */
    cs_loop_done(&w->loop);
    cs_metrics_free(w->metrics);
    free(w);
    return 0;
}

/* ---- what happens ---- */

static void pass(struct world *w, int64_t ms)
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

/* Lets time pass until the next request is sent; how long that was. */
static int64_t until_request(struct world *w)
{
    int64_t from = w->now;

    assert_int_equal(w->open, 0);
    while (!w->open) {
        int64_t wait = cs_loop_wait_ms(&w->loop);

        assert_true(wait >= 0); /* a reflector that waits for nothing is dead */
        w->now += wait;
        cs_loop_run_due(&w->loop);
    }
    return w->now - from;
}

static bool chunk(struct world *w, const char *p, size_t len)
{
    assert_true(w->open != 0 && w->on_chunk);
    return w->on_chunk(w->ctx, (struct cs_str){.p = p, .len = len});
}

static void finish(struct world *w, const struct cs_reply *reply)
{
    w->open = 0;
    w->done(w->ctx, reply);
}

/* Bytes of the stream; as the real client does, what the reader refuses ends the stream. */
static void bytes(struct world *w, const char *text)
{
    uint64_t id = w->open;
    struct cs_reply reply = {.status = 200};

    if (chunk(w, text, strlen(text)) || w->open != id)
        return;
    (void)cs_error_set(&reply.err, CS_ERR_DECODE, "stream ended by its reader");
    finish(w, &reply);
}

static void event(struct world *w, const char *type, const char *name, unsigned rv)
{
    char line[256];

    (void)snprintf(line, sizeof(line),
        "{\"type\":\"%s\",\"object\":{\"kind\":\"Pod\",\"metadata\":{\"name\":\"%s\",\"resourceVersion\":\"%u\"}}}\n",
        type, name, rv);
    bytes(w, line);
}

static void end_mark(struct world *w, const char *rv)
{
    char line[256];

    (void)snprintf(line, sizeof(line),
        "{\"type\":\"BOOKMARK\",\"object\":{\"kind\":\"Pod\",\"metadata\":{\"resourceVersion\":%s,"
        "\"annotations\":{\"k8s.io/initial-events-end\":\"true\"}}}}\n",
        rv);
    bytes(w, line);
}

static void error_event(struct world *w, int code, const char *reason)
{
    char line[256];

    (void)snprintf(line, sizeof(line),
        "{\"type\":\"ERROR\",\"object\":{\"kind\":\"Status\",\"message\":\"m\",\"reason\":\"%s\",\"code\":%d}}\n",
        reason, code);
    bytes(w, line);
}

/* The server closes the stream properly. */
static void closed(struct world *w)
{
    finish(w, &(struct cs_reply){.status = 200});
}

/* The stream or call ends with an error; status 0: no answer had come. */
static void broken(struct world *w, enum cs_errkind kind, int status)
{
    struct cs_reply reply = {.status = status};

    (void)cs_error_set(&reply.err, kind, "it broke");
    reply.err.code = status;
    finish(w, &reply);
}

static void answered(struct world *w, const char *body)
{
    finish(w, &(struct cs_reply){.status = 200, .body = cs_str(body)});
}

#define PAGE(next, items) "{\"metadata\":{\"resourceVersion\":\"70\",\"continue\":\"" next "\"},\"items\":[" items "]}"
#define ITEM(name, rv) "{\"metadata\":{\"name\":\"" name "\",\"resourceVersion\":\"" rv "\"}}"

/* To where most histories begin: a was listed, the watch is on from version 7. */
static struct world *watching(void **state)
{
    struct world *w = *state;

    cs_reflector_start(w->r);
    pass(w, 0);
    event(w, "ADDED", "a", 5);
    end_mark(w, "\"7\"");
    expect(w, "stream begin listed:a@5 end=7");
    return w;
}

/* The same, with the watch settled: whatever failed before is forgotten. */
static struct world *settled(void **state)
{
    struct world *w = watching(state);

    pass(w, 60000);
    return w;
}

#define assert_between(x, low, high)                                                                                   \
    do {                                                                                                               \
        int64_t x_ = (x);                                                                                              \
        if (x_ < (low) || x_ > (high))                                                                                 \
            fail_msg(#x " = %lld", (long long)x_);                                                                     \
    } while (0)

/* ---- lists ---- */

static void test_a_list_comes_as_a_stream_and_goes_on_as_a_watch(void **state)
{
    struct world *w = *state;

    assert_false(cs_reflector_synced(w->r));
    cs_reflector_start(w->r);
    expect(w, ""); /* nothing from inside start() */
    pass(w, 0);
    expect(w, "stream");
    pass(w, 100);
    event(w, "ADDED", "a", 5);
    event(w, "ADDED", "b", 3);
    assert_int_equal(cs_reflector_rv(w->r), 0);
    assert_false(cs_reflector_synced(w->r));
    end_mark(w, "\"7\"");
    expect(w, "begin listed:a@5 listed:b@3 end=7");
    assert_int_equal(w->end_sent_ms, 1000000);
    assert_true(cs_reflector_synced(w->r));
    assert_int_equal(cs_reflector_rv(w->r), 7);
    event(w, "ADDED", "c", 8);
    event(w, "MODIFIED", "a", 9);
    event(w, "DELETED", "b", 10);
    event(w, "BOOKMARK", "", 15);
    expect(w, "+c@8 ~a@9 -b@10");
    assert_int_equal(cs_reflector_rv(w->r), 15);
    assert_null(cs_reflector_trouble(w->r, NULL));
}

static void test_the_requests_to_the_letter(void **state)
{
    struct world *w = *state;
    struct cs_reflector_options o = options_of(w);
    char timeout[16];

    cs_reflector_free(w->r);
    o.ns = "x";
    o.label_selector = "a=b,c";
    o.field_selector = "spec.nodeName=n";
    w->r = cs_reflector_new(&o);
    cs_reflector_start(w->r);
    pass(w, 0);
    assert_between(strtol(parameter(w, "timeoutSeconds", timeout, sizeof(timeout)), NULL, 10), 300, 600);
    *strstr(w->query, "&timeoutSeconds=") = '\0';
    assert_string_equal(w->query, "allowWatchBookmarks=true&labelSelector=a%3Db%2Cc&fieldSelector=spec.nodeName%3Dn"
                                  "&resourceVersionMatch=NotOlderThan&sendInitialEvents=true");
    assert_int_equal(w->silence_ms, 150000);
    assert_int_equal(w->timeout_ms, 0);
    broken(w, CS_ERR_INVALID, 422);
    (void)until_request(w);
    assert_string_equal(w->query, "labelSelector=a%3Db%2Cc&fieldSelector=spec.nodeName%3Dn&limit=500");
    assert_int_equal(w->timeout_ms, 30000);
    answered(w, PAGE("t+/", ""));
    assert_string_equal(w->query, "labelSelector=a%3Db%2Cc&fieldSelector=spec.nodeName%3Dn&limit=500&continue=t%2B%2F");
    answered(w, PAGE("", ""));
    (void)until_request(w);
    assert_between(strtol(parameter(w, "timeoutSeconds", timeout, sizeof(timeout)), NULL, 10), 300, 600);
    assert_non_null(strstr(w->query, "&watch=true"));
    *strstr(w->query, "&timeoutSeconds=") = '\0';
    assert_string_equal(w->query, "allowWatchBookmarks=true&labelSelector=a%3Db%2Cc&fieldSelector=spec.nodeName%3Dn"
                                  "&resourceVersion=70");
    assert_int_equal(w->silence_ms, 150000);
}

static void test_an_empty_list_begins_and_ends(void **state)
{
    struct world *w = *state;

    cs_reflector_start(w->r);
    pass(w, 0);
    end_mark(w, "\"7\"");
    expect(w, "stream begin end=7");
}

static void test_what_changes_while_the_list_is_sent(void **state)
{
    struct world *w = *state;

    cs_reflector_start(w->r);
    pass(w, 0);
    event(w, "ADDED", "a", 5);
    event(w, "BOOKMARK", "", 6); /* without the annotation: not the end */
    event(w, "MODIFIED", "a", 8);
    event(w, "DELETED", "a", 9);
    end_mark(w, "\"9\"");
    expect(w, "stream begin listed:a@5 listed:a@8 -a@9 end=9");
}

static void test_a_server_without_streaming_lists_gives_pages(void **state)
{
    static const int refusals[] = {422, 400};
    struct world *w = *state;

    cs_reflector_start(w->r);
    for (size_t i = 0; i < CS_ARRAY_LEN(refusals); i++) {
        (void)until_request(w);
        expect(w, "stream"); /* asked anew at each list: the server may have been upgraded */
        pass(w, 10);
        broken(w, CS_ERR_INVALID, refusals[i]);
        assert_int_equal(until_request(w), 0);
        assert_null(cs_reflector_trouble(w->r, NULL));
        int64_t sent = w->now;

        pass(w, 20);
        answered(w, PAGE("x", ITEM("a", "5") "," ITEM("b", "6")));
        pass(w, 20);
        answered(w, PAGE("y", ITEM("c", "7")));
        assert_false(cs_reflector_synced(w->r));
        answered(w, PAGE("", ITEM("d", "8")));
        assert_int_equal(w->end_sent_ms, sent); /* consistent as of the first page */
        assert_true(cs_reflector_synced(w->r));
        assert_int_equal(until_request(w), 0);
        expect(w, "page begin listed:a@5 listed:b@6 page+x listed:c@7 page+y listed:d@8 end=70 watch=70");
        cs_reflector_relist(w->r);
        expect(w, "cancel");
    }
}

static void test_pages_that_expire_start_over(void **state)
{
    struct world *w = *state;

    cs_reflector_start(w->r);
    pass(w, 0);
    broken(w, CS_ERR_INVALID, 422);
    (void)until_request(w);
    answered(w, PAGE("x", ITEM("a", "5")));
    broken(w, CS_ERR_GONE, 410);
    assert_int_equal(until_request(w), 0);
    answered(w, PAGE("x", ITEM("a", "6")));
    broken(w, CS_ERR_GONE, 410);
    assert_between(until_request(w), 800, 3000); /* not twice at once */
    answered(w, PAGE("", ITEM("a", "7")));
    expect(w, "stream page begin listed:a@5 page+x page begin listed:a@6 page+x page begin listed:a@7 end=70");
}

static void test_pages_too_large_become_smaller(void **state)
{
    static const char *const limits[] = {"125", "31", "7", "1", "1"};
    struct world *w = *state;
    char limit[16];

    cs_reflector_start(w->r);
    pass(w, 0);
    broken(w, CS_ERR_INVALID, 422);
    (void)until_request(w);
    for (size_t i = 0; i < CS_ARRAY_LEN(limits); i++) {
        broken(w, CS_ERR_TOO_LARGE, 200);
        (void)until_request(w);
        assert_string_equal(parameter(w, "limit", limit, sizeof(limit)), limits[i]);
    }
    answered(w, PAGE("", ""));
    cs_reflector_relist(w->r);
    (void)until_request(w);
    broken(w, CS_ERR_INVALID, 422);
    (void)until_request(w);
    assert_string_equal(parameter(w, "limit", limit, sizeof(limit)), "500");
}

static void test_pages_that_are_none(void **state)
{
    static const struct {
        const char *body, *message;
    } rows[] = {
        {"<html>", "list: offset"},
        {"{\"metadata\":{\"resourceVersion\":\"7\"}}", "list without items"},
        {"{\"metadata\":{\"resourceVersion\":\"7\"},\"items\":{}}", "list without items"},
        {"{\"metadata\":{\"resourceVersion\":\"0\"},\"items\":[]}", "list without a resourceVersion"},
        {"{\"metadata\":{},\"items\":[]}", "list without a resourceVersion"},
        {"{\"metadata\":{\"resourceVersion\":\"seven\"},\"items\":[]}", "list without a resourceVersion"},
    };
    struct world *w = *state;

    cs_reflector_start(w->r);
    pass(w, 0);
    broken(w, CS_ERR_INVALID, 422);
    expect(w, "stream");
    for (size_t i = 0; i < CS_ARRAY_LEN(rows); i++) {
        (void)until_request(w);
        answered(w, rows[i].body);
        expect(w, "page"); /* nothing was begun */
        if (!strstr(cs_reflector_trouble(w->r, NULL), rows[i].message))
            fail_msg("\"%s\" does not say \"%s\"", cs_reflector_trouble(w->r, NULL), rows[i].message);
    }
    assert_between(until_request(w), 20000, 30000);
    answered(w, "{\"metadata\":{\"resourceVersion\":\"7\"},\"items\":null}"); /* Go's empty list */
    expect(w, "page begin end=7");
}

/* ---- lists that fail ---- */

static void test_a_list_cut_in_the_middle_begins_again(void **state)
{
    struct world *w = *state;
    int64_t since = 0;

    cs_reflector_start(w->r);
    pass(w, 0);
    event(w, "ADDED", "a", 5);
    bytes(w, "{\"type\":\"ADDED\",\"object\":{\"metadata\":{\"name\":\"b\",\"resourceVer");
    broken(w, CS_ERR_TRANSPORT, 200);
    assert_false(cs_reflector_synced(w->r));
    assert_string_equal(cs_reflector_trouble(w->r, &since), "it broke");
    assert_int_equal(since, 1000000);
    assert_between(until_request(w), 800, 1200);
    event(w, "ADDED", "c", 6); /* half of b is forgotten */
    end_mark(w, "\"7\"");
    expect(w, "stream begin listed:a@5 stream begin listed:c@6 end=7");
    assert_null(cs_reflector_trouble(w->r, &since));
}

static void test_backoff_grows_with_jitter_to_thirty_seconds(void **state)
{
    static const int64_t low[] = {800, 1600, 3200, 6400, 12800, 20000, 20000, 20000};
    struct world *w = *state;
    int64_t since, distinct = 0, last = 0;

    cs_reflector_start(w->r);
    pass(w, 0);
    for (size_t i = 0; i < CS_ARRAY_LEN(low); i++) {
        int64_t waited;

        broken(w, CS_ERR_TRANSPORT, 0);
        waited = until_request(w);
        assert_between(waited, low[i], low[i] * 3 / 2);
        distinct += waited != last;
        last = waited;
    }
    assert_true(distinct > 6);
    assert_string_equal(cs_reflector_trouble(w->r, &since), "it broke");
    assert_int_equal(since, 1000000); /* since the first */
    expect(w, "stream stream stream stream stream stream stream stream stream"); /* never an answer: still no pages */
}

static void test_retry_after_is_honoured(void **state)
{
    static const struct {
        int64_t wish, low, high;
    } rows[] = {
        {100, 800, 1200}, /* less than the backoff */
        {10000, 10000, 15000}, /* more */
        {9999000, 60000, 90000}, /* absurd */
    };
    struct world *w = *state;

    cs_reflector_start(w->r);
    pass(w, 0);
    for (size_t i = 0; i < CS_ARRAY_LEN(rows); i++) {
        struct cs_reply reply = {.status = 429};

        (void)cs_error_set(&reply.err, CS_ERR_THROTTLED, "slow down");
        reply.err.retry_after_ms = rows[i].wish;
        finish(w, &reply);
        assert_between(until_request(w), rows[i].low, rows[i].high);
    }
}

static void test_a_stream_that_never_marks_its_end_gives_way_to_pages(void **state)
{
    struct world *w = *state;

    cs_reflector_start(w->r);
    pass(w, 0);
    event(w, "ADDED", "a", 5); /* a server that does not know sendInitialEvents */
    pass(w, 300000);
    closed(w);
    assert_string_equal(cs_reflector_trouble(w->r, NULL), "the list ended before its end mark");
    assert_between(until_request(w), 800, 1200);
    expect(w, "stream begin listed:a@5 page");
}

static void test_a_silent_list_gives_way_to_pages(void **state)
{
    struct world *w = *state;

    cs_reflector_start(w->r);
    pass(w, 0);
    pass(w, 150000);
    broken(w, CS_ERR_TIMEOUT, 200);
    (void)until_request(w);
    expect(w, "stream page");
}

static void test_streams_that_are_always_cut_give_way_to_pages(void **state)
{
    struct world *w = *state;

    cs_reflector_start(w->r);
    for (int i = 0; i < 3; i++) {
        (void)until_request(w);
        event(w, "ADDED", "a", 5);
        broken(w, CS_ERR_TRANSPORT, 200);
    }
    (void)until_request(w);
    expect(w, "stream begin listed:a@5 stream begin listed:a@5 stream begin listed:a@5 page");
}

static void test_long_lists_that_are_always_cut_are_not_hammered(void **state)
{
    static const int64_t low[] = {800, 1600, 3200};
    struct world *w = *state;

    cs_reflector_start(w->r);
    pass(w, 0);
    for (size_t i = 0; i < CS_ARRAY_LEN(low); i++) {
        pass(w, 20000);
        broken(w, CS_ERR_TRANSPORT, 200);
        assert_between(until_request(w), low[i], low[i] * 3 / 2);
    }
}

static void test_an_error_event_in_the_list(void **state)
{
    struct world *w = *state;

    cs_reflector_start(w->r);
    pass(w, 0);
    event(w, "ADDED", "a", 5);
    error_event(w, 410, "Expired");
    assert_int_equal(until_request(w), 0);
    error_event(w, 500, "InternalError");
    assert_between(until_request(w), 1600, 2400);
    event(w, "ADDED", "a", 6);
    error_event(w, 400, "BadRequest"); /* not the refusal of a streaming list: that had begun */
    assert_between(until_request(w), 3200, 4800);
    expect(w, "stream begin listed:a@5 stream stream begin listed:a@6 page");
}

static void test_an_end_mark_without_a_version(void **state)
{
    static const char *const versions[] = {"\"0\"", "\"x\"", "7", "null"};
    struct world *w = *state;

    cs_reflector_start(w->r);
    for (size_t i = 0; i < CS_ARRAY_LEN(versions); i++) {
        (void)until_request(w);
        end_mark(w, versions[i]);
        assert_string_equal(cs_reflector_trouble(w->r, NULL), "the end of the list has no resourceVersion");
        assert_false(cs_reflector_synced(w->r));
        if (i == 0) /* a server that does this every time is asked for pages in the end */
            expect(w, "stream");
        else if (i == 2)
            break;
    }
    (void)until_request(w);
    expect(w, "stream stream page");
}

/* ---- watches ---- */

static void test_chunks_may_end_anywhere(void **state)
{
    static const char text[] =
        "{\"type\":\"ADDED\",\"object\":{\"metadata\":{\"name\":\"b\",\"resourceVersion\":\"8\"}}}\n"
        "{\"type\":\"DELETED\",\"object\":{\"metadata\":{\"name\":\"b\",\"resourceVersion\":\"9\"}}}\n";
    struct world *w = watching(state);

    for (size_t cut = 0; cut <= strlen(text); cut++) {
        assert_true(chunk(w, text, cut));
        assert_true(chunk(w, text + cut, strlen(text) - cut));
        expect(w, "+b@8 -b@9");
    }
    for (size_t i = 0; i < strlen(text); i++)
        assert_true(chunk(w, text + i, 1));
    expect(w, "+b@8 -b@9");
}

static void test_a_watch_that_ends_properly_goes_on_at_once(void **state)
{
    struct world *w = settled(state);

    event(w, "MODIFIED", "a", 8);
    pass(w, 400000);
    closed(w);
    assert_true(cs_reflector_synced(w->r));
    assert_int_equal(until_request(w), 0);
    expect(w, "~a@8 watch=8");
    assert_null(cs_reflector_trouble(w->r, NULL));
    /* a quiet one too */
    pass(w, 400000);
    closed(w);
    assert_int_equal(until_request(w), 0);
    expect(w, "watch=8");
    assert_null(cs_reflector_trouble(w->r, NULL));
}

static void test_bookmarks_move_the_version_on(void **state)
{
    struct world *w = settled(state);

    event(w, "BOOKMARK", "", 30);
    event(w, "BOOKMARK", "", 20); /* never backwards */
    event(w, "MODIFIED", "a", 25);
    closed(w);
    (void)until_request(w);
    expect(w, "~a@25 watch=30");
}

static void test_a_server_that_closes_at_once_is_not_hammered(void **state)
{
    struct world *w = settled(state);

    closed(w);
    assert_int_equal(until_request(w), 0);
    pass(w, 5);
    closed(w);
    assert_non_null(strstr(cs_reflector_trouble(w->r, NULL), "watch closed after 5 ms"));
    assert_between(until_request(w), 800, 1200);
    closed(w);
    assert_between(until_request(w), 1600, 2400);
    closed(w);
    assert_between(until_request(w), 3200, 4800);
    assert_true(cs_reflector_synced(w->r)); /* nothing is lost yet */
    /* with an event in between it is merely paced: one watch a second */
    for (unsigned i = 0; i < 20; i++) {
        pass(w, 5);
        event(w, "MODIFIED", "a", 10 + i);
        closed(w);
        assert_int_equal(until_request(w), 995);
        assert_null(cs_reflector_trouble(w->r, NULL));
    }
}

static void test_a_watch_cut_in_the_middle_of_a_line_resumes(void **state)
{
    struct world *w = settled(state);

    event(w, "MODIFIED", "a", 8);
    bytes(w, "{\"type\":\"MODIFIED\",\"object\":{\"meta");
    broken(w, CS_ERR_TRANSPORT, 200);
    assert_true(cs_reflector_synced(w->r));
    assert_string_equal(cs_reflector_trouble(w->r, NULL), "it broke");
    assert_between(until_request(w), 800, 1200);
    event(w, "MODIFIED", "a", 9);
    expect(w, "~a@8 watch=8 ~a@9");
    assert_null(cs_reflector_trouble(w->r, NULL));
}

static void test_the_server_away_and_back(void **state)
{
    struct world *w = settled(state);
    int64_t since;

    broken(w, CS_ERR_TRANSPORT, 200);
    for (int i = 0; i < 5; i++) {
        (void)until_request(w);
        broken(w, CS_ERR_TRANSPORT, 0);
    }
    assert_non_null(cs_reflector_trouble(w->r, &since));
    assert_int_equal(since, 1060000);
    assert_true(cs_reflector_synced(w->r));
    (void)until_request(w);
    expect(w, "watch=7 watch=7 watch=7 watch=7 watch=7 watch=7");
    assert_true(chunk(w, "", 0)); /* the head of the answer: the watch is up, though nothing happens */
    assert_null(cs_reflector_trouble(w->r, &since));
    pass(w, 20000); /* settled: the next failure is a first one */
    broken(w, CS_ERR_TRANSPORT, 200);
    assert_between(until_request(w), 800, 1200);
}

static void test_an_expired_version_lists_again(void **state)
{
    struct world *w = settled(state);

    /* as an event */
    error_event(w, 410, "Expired");
    assert_false(cs_reflector_synced(w->r));
    assert_int_equal(until_request(w), 0);
    expect(w, "stream");
    event(w, "ADDED", "b", 90);
    end_mark(w, "\"95\"");
    expect(w, "begin listed:b@90 end=95");
    assert_true(cs_reflector_synced(w->r));
    pass(w, 60000);
    /* at the resume */
    closed(w);
    (void)until_request(w);
    broken(w, CS_ERR_GONE, 410);
    assert_false(cs_reflector_synced(w->r));
    assert_int_equal(until_request(w), 0);
    expect(w, "watch=95 stream");
    /* a lower version than before: a restored server; the list counts */
    end_mark(w, "\"40\"");
    expect(w, "begin end=40");
    assert_int_equal(cs_reflector_rv(w->r), 40);
}

static void test_versions_that_always_expire_are_not_hammered(void **state)
{
    static const int64_t low[] = {0, 1600, 3200, 6400, 12800, 20000, 20000};
    struct world *w = settled(state);

    for (size_t i = 0; i < CS_ARRAY_LEN(low); i++) {
        error_event(w, 410, "Expired");
        assert_between(until_request(w), low[i], low[i] * 3 / 2);
        end_mark(w, "\"7\"");
        event(w, "MODIFIED", "a", 8);
    }
}

static void test_a_version_that_the_server_does_not_like_lists_again(void **state)
{
    struct world *w = settled(state);

    closed(w);
    (void)until_request(w);
    broken(w, CS_ERR_INVALID, 400);
    assert_between(until_request(w), 800, 1200);
    expect(w, "watch=7 stream");
}

static void test_other_error_events_resume(void **state)
{
    static const struct {
        int code;
        const char *reason;
    } rows[] = {{500, "InternalError"}, {429, "TooManyRequests"}, {403, "Forbidden"}, {0, ""}};
    struct world *w = settled(state);

    for (size_t i = 0; i < CS_ARRAY_LEN(rows); i++) {
        pass(w, 20000);
        error_event(w, rows[i].code, rows[i].reason);
        assert_true(cs_reflector_synced(w->r));
        assert_between(until_request(w), 800, 1200);
        expect(w, "watch=7");
    }
}

static void test_one_silence_resumes_two_list(void **state)
{
    struct world *w = settled(state);

    pass(w, 150000);
    broken(w, CS_ERR_TIMEOUT, 200);
    assert_true(cs_reflector_synced(w->r));
    (void)until_request(w);
    expect(w, "watch=7");
    event(w, "BOOKMARK", "", 9); /* alive after all */
    pass(w, 150000);
    broken(w, CS_ERR_TIMEOUT, 200);
    (void)until_request(w);
    expect(w, "watch=9");
    broken(w, CS_ERR_TIMEOUT, 0); /* not even connected: says nothing about the server's versions */
    (void)until_request(w);
    expect(w, "watch=9");
    pass(w, 150000);
    broken(w, CS_ERR_TIMEOUT, 200); /* a restored server that has not reached version 9 is silent for ever */
    assert_false(cs_reflector_synced(w->r));
    (void)until_request(w);
    expect(w, "stream");
}

static void test_lines_that_are_no_events(void **state)
{
    static const char *const rows[] = {
        "[]\n",
        "hello\n",
        "{\"type\":\"ADDED\"}\n",
        "{\"type\":\"ADDED\",\"object\":[]}\n",
        "{\"type\":7,\"object\":{}}\n",
        "{\"type\":\"ADDED\",\"object\":{\"metadata\":{\"name\":\"b\\u0000\"}}}\n",
    };
    static const struct cs_metric_desc failures = {
        .name = "reflector_failures_total", .type = CS_METRIC_COUNTER, .labels = {"resource", "kind"}};
    struct world *w = settled(state);

    for (size_t i = 0; i < CS_ARRAY_LEN(rows); i++) {
        pass(w, 20000);
        bytes(w, rows[i]);
        assert_non_null(strstr(cs_reflector_trouble(w->r, NULL), "watch event"));
        assert_between(until_request(w), 800, 1200);
        expect(w, "watch=7");
    }
    assert_int_equal(
        (int)cs_metric_value(cs_metric_get(w->metrics, &failures), CS_LABELS("pods", "decode")), CS_ARRAY_LEN(rows));
}

static void test_what_is_tolerated(void **state)
{
    struct world *w = watching(state);

    bytes(w, "\n\r\n");
    bytes(w, "{\"type\":\"FUTURE\",\"object\":{\"metadata\":{\"resourceVersion\":\"99\"}}}\n");
    bytes(w, "{\"type\":\"BOOKMARK\",\"object\":{\"metadata\":{}}}\n");
    expect(w, "");
    /* objects without a version of sense: handed over, but not the place to resume from */
    bytes(w, "{\"type\":\"ADDED\",\"object\":{\"metadata\":{\"name\":\"b\"}}}\n");
    bytes(w, "{\"type\":\"ADDED\",\"object\":{\"metadata\":{\"name\":\"c\",\"resourceVersion\":\"x\"}}}\n");
    event(w, "MODIFIED", "d", 0);
    expect(w, "+b@0 +c@0 ~d@0");
    assert_int_equal(cs_reflector_rv(w->r), 7);
    /* twice the same, and an older one: the store's business */
    event(w, "MODIFIED", "a", 9);
    event(w, "MODIFIED", "a", 9);
    event(w, "MODIFIED", "a", 8);
    expect(w, "~a@9 ~a@9 ~a@8");
    assert_int_equal(cs_reflector_rv(w->r), 9);
}

static void test_the_largest_versions(void **state)
{
    struct world *w = watching(state);

    bytes(w, "{\"type\":\"MODIFIED\",\"object\":{\"metadata\":{\"name\":\"a\",\"resourceVersion\":"
             "\"18446744073709551615\"}}}\n");
    closed(w);
    (void)until_request(w);
    expect(w, "~a@18446744073709551615 watch=18446744073709551615");
}

static void test_a_line_above_the_ceiling(void **state)
{
    const size_t size = (size_t)9 << 20;
    cs_autofree char *line = cs_new_array(char, size);
    struct world *w = settled(state);

    memset(line, 'x', size);
    assert_false(chunk(w, line, size));
    broken(w, CS_ERR_DECODE, 200);
    assert_non_null(strstr(cs_reflector_trouble(w->r, NULL), "line of more than"));
    (void)until_request(w);
    event(w, "MODIFIED", "a", 8);
    expect(w, "watch=7 ~a@8");
}

/* ---- relist(), from everywhere ---- */

static void test_relist_while_watching(void **state)
{
    struct world *w = settled(state);

    cs_reflector_relist(w->r);
    assert_false(cs_reflector_synced(w->r));
    expect(w, "cancel");
    assert_int_equal(until_request(w), 0);
    event(w, "ADDED", "b", 8);
    end_mark(w, "\"9\"");
    expect(w, "stream begin listed:b@8 end=9");
    assert_int_equal(w->end_sent_ms, 1060000);
}

static void test_relist_before_start_and_while_waiting(void **state)
{
    struct world *w = *state;

    cs_reflector_relist(w->r);
    pass(w, 100000);
    expect(w, "");
    cs_reflector_start(w->r);
    cs_reflector_start(w->r);
    pass(w, 0);
    broken(w, CS_ERR_TRANSPORT, 0);
    pass(w, 100);
    expect(w, "stream");
    cs_reflector_relist(w->r); /* whoever asks for it does not wait for the backoff */
    assert_int_equal(until_request(w), 0);
    expect(w, "stream");
}

static void test_relist_inside_each_callback_of_a_stream(void **state)
{
    static const struct {
        const char *at, *history;
    } rows[] = {
        {"begin", "stream begin cancel"},
        {"listed:a@5", "stream begin listed:a@5 cancel"},
        {"end=7", "stream begin listed:a@5 listed:b@6 end=7 cancel"},
        {"~a@8", "stream begin listed:a@5 listed:b@6 end=7 ~a@8 cancel"},
    };
    static const char all[] =
        "{\"type\":\"ADDED\",\"object\":{\"metadata\":{\"name\":\"a\",\"resourceVersion\":\"5\"}}}\n"
        "{\"type\":\"ADDED\",\"object\":{\"metadata\":{\"name\":\"b\",\"resourceVersion\":\"6\"}}}\n"
        "{\"type\":\"BOOKMARK\",\"object\":{\"metadata\":{\"resourceVersion\":\"7\","
        "\"annotations\":{\"k8s.io/initial-events-end\":\"true\"}}}}\n"
        "{\"type\":\"MODIFIED\",\"object\":{\"metadata\":{\"name\":\"a\",\"resourceVersion\":\"8\"}}}\n"
        "{\"type\":\"MODIFIED\",\"object\":{\"metadata\":{\"name\":\"a\",\"resourceVersion\":\"9\"}}}\n";
    struct world *w = *state;

    cs_reflector_start(w->r);
    for (size_t i = 0; i < CS_ARRAY_LEN(rows); i++) {
        (void)until_request(w);
        w->relist_at = rows[i].at;
        /* copied, and cut so that lines lie in the reflector's own buffer: the sanitizer sees a use after free */
        assert_true(chunk(w, all, 20));
        (void)chunk(w, all + 20, sizeof(all) - 1 - 20);
        assert_null(w->relist_at);
        expect(w, rows[i].history);
        assert_false(cs_reflector_synced(w->r));
    }
    assert_int_equal(until_request(w), 0);
    bytes(w, all);
    expect(w, "stream begin listed:a@5 listed:b@6 end=7 ~a@8 ~a@9");
}

static void test_relist_inside_each_callback_of_a_page(void **state)
{
    static const struct {
        const char *at, *history;
    } rows[] = {
        {"begin", "page begin"},
        {"listed:a@5", "page begin listed:a@5"},
        {"end=70", "page begin listed:a@5 listed:b@6 end=70"},
    };
    struct world *w = *state;

    cs_reflector_start(w->r);
    for (size_t i = 0; i < CS_ARRAY_LEN(rows); i++) {
        if (i == 0) {
            (void)until_request(w);
            expect(w, "stream");
            broken(w, CS_ERR_INVALID, 422);
        }
        assert_int_equal(until_request(w), 0);
        w->relist_at = rows[i].at;
        answered(w, PAGE("", ITEM("a", "5") "," ITEM("b", "6")));
        assert_null(w->relist_at);
        expect(w, rows[i].history);
        assert_false(cs_reflector_synced(w->r));
        assert_int_equal(w->open, 0); /* no watch of a list that is void */
    }
    (void)until_request(w);
    expect(w, "stream"); /* a list was complete: streams are tried again */
}

static void test_relist_between_pages(void **state)
{
    struct world *w = *state;

    cs_reflector_start(w->r);
    pass(w, 0);
    broken(w, CS_ERR_INVALID, 422);
    (void)until_request(w);
    answered(w, PAGE("x", ITEM("a", "5")));
    expect(w, "stream page begin listed:a@5 page+x");
    cs_reflector_relist(w->r);
    (void)until_request(w);
    answered(w, PAGE("", ITEM("a", "6")));
    expect(w, "cancel page begin listed:a@6 end=70"); /* from the first page, not from x */
}

static void test_freed_at_any_moment(void **state)
{
    struct world *w = *state;
    struct cs_reflector_options o = options_of(w);

    for (int moment = 0; moment < 6; moment++) {
        cs_reflector_free(w->r);
        w->r = cs_reflector_new(&o);
        if (moment > 0)
            cs_reflector_start(w->r);
        if (moment > 1)
            pass(w, 0);
        if (moment > 2)
            event(w, "ADDED", "a", 5);
        if (moment > 3)
            end_mark(w, "\"7\"");
        if (moment > 4)
            broken(w, CS_ERR_TRANSPORT, 200);
    }
    expect(w, "stream cancel stream begin listed:a@5 cancel stream begin listed:a@5 end=7 cancel "
              "stream begin listed:a@5 end=7");
}

static void test_the_same_seed_gives_the_same_run(void **state)
{
    struct world *w = *state;
    struct cs_reflector_options o = options_of(w);
    char first[1024];
    int64_t waited = 0;

    for (int run = 0; run < 2; run++) {
        cs_reflector_free(w->r);
        w->rand.state = 99;
        w->r = cs_reflector_new(&o);
        cs_reflector_start(w->r);
        pass(w, 0);
        broken(w, CS_ERR_TRANSPORT, 0);
        int64_t this_time = until_request(w);

        if (run == 0) {
            (void)snprintf(first, sizeof(first), "%s", w->query);
            waited = this_time;
        }
        assert_string_equal(w->query, first);
        assert_int_equal(this_time, waited);
    }
}

static void test_metrics(void **state)
{
    struct world *w = settled(state);
    cs_autostrbuf out = CS_STRBUF_INIT;
    static const char *const lines[] = {
        "reflector_lists_total{resource=\"pods\",way=\"stream\"} 1\n",
        "reflector_watches_total{resource=\"pods\"} 1\n",
        "reflector_events_total{resource=\"pods\",type=\"listed\"} 1\n",
        "reflector_events_total{resource=\"pods\",type=\"modified\"} 1\n",
        "reflector_failures_total{resource=\"pods\",kind=\"transport\"} 1\n",
        "reflector_list_duration_seconds_count{resource=\"pods\"} 1\n",
        "reflector_list_objects{resource=\"pods\"} 1\n",
    };

    event(w, "MODIFIED", "a", 8);
    broken(w, CS_ERR_TRANSPORT, 200);
    (void)until_request(w);
    cs_metrics_expose(w->metrics, &out);
    for (size_t i = 0; i < CS_ARRAY_LEN(lines); i++) {
        if (!strstr(cs_strbuf_str(&out), lines[i]))
            fail_msg("no %s in\n%s", lines[i], cs_strbuf_str(&out));
    }
}

#define HISTORY(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        HISTORY(test_a_list_comes_as_a_stream_and_goes_on_as_a_watch),
        HISTORY(test_the_requests_to_the_letter),
        HISTORY(test_an_empty_list_begins_and_ends),
        HISTORY(test_what_changes_while_the_list_is_sent),
        HISTORY(test_a_server_without_streaming_lists_gives_pages),
        HISTORY(test_pages_that_expire_start_over),
        HISTORY(test_pages_too_large_become_smaller),
        HISTORY(test_pages_that_are_none),
        HISTORY(test_a_list_cut_in_the_middle_begins_again),
        HISTORY(test_backoff_grows_with_jitter_to_thirty_seconds),
        HISTORY(test_retry_after_is_honoured),
        HISTORY(test_a_stream_that_never_marks_its_end_gives_way_to_pages),
        HISTORY(test_a_silent_list_gives_way_to_pages),
        HISTORY(test_streams_that_are_always_cut_give_way_to_pages),
        HISTORY(test_long_lists_that_are_always_cut_are_not_hammered),
        HISTORY(test_an_error_event_in_the_list),
        HISTORY(test_an_end_mark_without_a_version),
        HISTORY(test_chunks_may_end_anywhere),
        HISTORY(test_a_watch_that_ends_properly_goes_on_at_once),
        HISTORY(test_bookmarks_move_the_version_on),
        HISTORY(test_a_server_that_closes_at_once_is_not_hammered),
        HISTORY(test_a_watch_cut_in_the_middle_of_a_line_resumes),
        HISTORY(test_the_server_away_and_back),
        HISTORY(test_an_expired_version_lists_again),
        HISTORY(test_versions_that_always_expire_are_not_hammered),
        HISTORY(test_a_version_that_the_server_does_not_like_lists_again),
        HISTORY(test_other_error_events_resume),
        HISTORY(test_one_silence_resumes_two_list),
        HISTORY(test_lines_that_are_no_events),
        HISTORY(test_what_is_tolerated),
        HISTORY(test_the_largest_versions),
        HISTORY(test_a_line_above_the_ceiling),
        HISTORY(test_relist_while_watching),
        HISTORY(test_relist_before_start_and_while_waiting),
        HISTORY(test_relist_inside_each_callback_of_a_stream),
        HISTORY(test_relist_inside_each_callback_of_a_page),
        HISTORY(test_relist_between_pages),
        HISTORY(test_freed_at_any_moment),
        HISTORY(test_the_same_seed_gives_the_same_run),
        HISTORY(test_metrics),
    };

    return cmocka_run_group_tests_name("reflector", tests, NULL, NULL);
}
