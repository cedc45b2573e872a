/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The real client against a server played by the test itself, on the loopback and in the same thread: the client is
 * moved by cs_curl_poll, the server's side by plain reads and writes in between. The client's clock is turned by hand,
 * so timeouts take no time. What happens to requests is written down as words: "done:7=200", "end:3=transport" …
 */
#include "common/kube/curl_client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "common/base/alloc.h"

#define PATIENCE 2000 /* rounds of 5 ms at most until something has to have happened */

/* ---- the world ---- */

#define MAX_ASKS 64

/* One request of the test. */
struct ask {
    struct world *w;
    int number;
    uint64_t id;
};

struct world {
    int64_t now;
    struct cs_clock clock;
    struct cs_kube_config config;
    struct cs_metrics *metrics;
    struct cs_curl_client *c;
    struct cs_client client;
    char server[64], token_file[64];
    int listener;
    char log[4096];
    struct cs_reply last; /* of the last end; body and error copied */
    char body[4096];
    size_t body_len;
    bool refuse; /* the reader of streams says no */
    uint64_t cancels; /* id that the next callback cancels */
    bool calls_again; /* the next callback starts a call */
    struct ask *asks; /* all that were made; they go with the world */
    size_t n_asks;
    bool inside; /* a call into the client is under way: no callback may come */
};

static int64_t fake_now(void *ctx)
{
    return ((struct world *)ctx)->now;
}

static void note(struct world *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void note(struct world *w, const char *fmt, ...)
{
    size_t len = strlen(w->log);
    va_list ap;

    assert_true(len + 64 < sizeof(w->log));
    if (len > 0)
        w->log[len++] = ' ';
    va_start(ap, fmt);
    (void)vsnprintf(w->log + len, sizeof(w->log) - len, fmt, ap);
    va_end(ap);
}

#define expect(w, text)                                                                                                \
    do {                                                                                                               \
        assert_string_equal((w)->log, (text));                                                                         \
        (w)->log[0] = '\0';                                                                                            \
    } while (0)

static int open_listener(int port, int *ret_port)
{
    struct sockaddr_in a = {
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons((uint16_t)port)};
    socklen_t len = sizeof(a);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

    assert_true(fd >= 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)), 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
    assert_int_equal(listen(fd, 16), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
    *ret_port = ntohs(a.sin_port);
    return fd;
}

static void make_client(struct world *w, unsigned max_inflight, size_t max_answer)
{
    struct cs_curl_options o = {
        .config = &w->config,
        .clock = &w->clock,
        .metrics = w->metrics,
        .user_agent = "cloneset-test/1",
        .max_inflight = max_inflight,
        .max_answer = max_answer,
    };
    struct cs_error err = CS_ERROR_INIT;

    cs_curl_client_free(w->c);
    if (!cs_curl_client_new(&o, &w->c, &err))
        fail_msg("%s", err.message);
    w->client = cs_curl_client_iface(w->c);
}

static int setup(void **state)
{
    struct world *w = cs_new(struct world);
    int port;

    w->now = 5000;
    w->clock = (struct cs_clock){.mono_ms = fake_now, .wall_ms = fake_now, .ctx = w};
    w->listener = open_listener(0, &port);
    (void)snprintf(w->server, sizeof(w->server), "http://127.0.0.1:%d", port);
    w->config.server = w->server;
    w->metrics = cs_metrics_new();
    w->asks = cs_new_array(struct ask, MAX_ASKS);
    make_client(w, 2, 0);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;

    cs_curl_client_free(w->c);
    cs_metrics_free(w->metrics);
    if (w->listener >= 0)
        (void)close(w->listener);
    if (w->token_file[0])
        (void)unlink(w->token_file);
    free(w->asks);
    free(w);
    return 0;
}

/* ---- asking ---- */

static void meddle(struct world *w);

static void on_done(void *ctx, const struct cs_reply *reply)
{
    struct ask *a = ctx;
    struct world *w = a->w;

    assert_false(w->inside);
    w->last = *reply;
    w->body_len = reply->body.len;
    (void)snprintf(
        w->body, sizeof(w->body), "%.*s", (int)(reply->body.len < 4000 ? reply->body.len : 4000), reply->body.p);
    if (reply->err.kind == CS_ERR_NONE)
        note(w, "done:%d=%d", a->number, reply->status);
    else
        note(w, "done:%d=%s", a->number, cs_errkind_name(reply->err.kind));
    if (w->cancels == UINT64_MAX) { /* its own id, which is history */
        w->cancels = 0;
        cs_client_cancel(&w->client, a->id);
    }
    meddle(w);
}

static bool on_chunk(void *ctx, struct cs_str bytes)
{
    struct ask *a = ctx;
    struct world *w = a->w;

    assert_false(w->inside);
    note(w, "bytes:%d=%.*s", a->number, (int)bytes.len, bytes.p);
    meddle(w);
    return !w->refuse;
}

static struct ask *new_ask(struct world *w, int number)
{
    assert_true(w->n_asks < MAX_ASKS);
    w->asks[w->n_asks] = (struct ask){.w = w, .number = number};
    return &w->asks[w->n_asks++];
}

static uint64_t call(struct world *w, int number, const struct cs_call *call)
{
    struct ask *a = new_ask(w, number);

    w->inside = true;
    a->id = cs_client_call(&w->client, call, on_done, a);
    w->inside = false;
    assert_true(a->id > 0);
    return a->id;
}

static uint64_t get(struct world *w, int number)
{
    char name[16];

    (void)snprintf(name, sizeof(name), "p%d", number);
    return call(w, number, &(struct cs_call){.verb = CS_VERB_GET, .gvr = &cs_gvr_pods, .ns = "n", .name = name});
}

static struct ask *stream(struct world *w, int number, int64_t silence_ms)
{
    struct cs_call what = {.verb = CS_VERB_WATCH, .gvr = &cs_gvr_pods, .query = "watch=true", .silence_ms = silence_ms};
    struct ask *a = new_ask(w, number);

    w->inside = true;
    a->id = cs_client_stream(&w->client, &what, on_chunk, on_done, a);
    w->inside = false;
    return a;
}

static void cancel(struct world *w, uint64_t id)
{
    w->inside = true;
    cs_client_cancel(&w->client, id);
    w->inside = false;
}

/* What a callback does besides, when the test asked for it. */
static void meddle(struct world *w)
{
    uint64_t id = w->cancels;

    w->cancels = 0;
    if (id != 0)
        cancel(w, id);
    if (w->calls_again) {
        w->calls_again = false;
        (void)get(w, 99);
    }
}

/* ---- the server's side ---- */

static void poll_client(struct world *w)
{
    cs_curl_poll(w->c, 5, NULL, 0);
}

static bool has_input(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};

    return poll(&p, 1, 0) == 1;
}

/* The next connection of the client. */
static int accept_one(struct world *w)
{
    for (int i = 0; i < PATIENCE; i++) {
        if (has_input(w->listener))
            return accept4(w->listener, NULL, NULL, SOCK_CLOEXEC);
        poll_client(w);
    }
    fail_msg("no connection came; so far: %s", w->log);
    return -1;
}

static bool is_whole(const struct cs_strbuf *text)
{
    const char *s = cs_strbuf_str(text), *end = strstr(s, "\r\n\r\n"), *length = strstr(s, "Content-Length: ");

    if (!end)
        return false;
    return !length || text->len >= (size_t)(end + 4 - s) + strtoul(length + 16, NULL, 10);
}

/* One whole request, head and body. */
static void receive(struct world *w, int fd, struct cs_strbuf *ret)
{
    cs_strbuf_clear(ret);
    for (int i = 0; i < PATIENCE && !is_whole(ret); i++) {
        char buf[65536];
        ssize_t n;

        if (!has_input(fd)) {
            poll_client(w);
            continue;
        }
        n = read(fd, buf, sizeof(buf));
        assert_true(n > 0);
        cs_strbuf_add(ret, buf, (size_t)n);
    }
    assert_true(is_whole(ret));
}

/* Receives a request and checks its first line. */
static void receive_line(struct world *w, int fd, const char *line)
{
    cs_autostrbuf text = CS_STRBUF_INIT;
    char first[256];

    receive(w, fd, &text);
    (void)snprintf(first, sizeof(first), "%.*s", (int)strcspn(cs_strbuf_str(&text), "\r"), cs_strbuf_str(&text));
    assert_string_equal(first, line);
}

static void say(int fd, const char *text)
{
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
}

static void answer(int fd, const char *status, const char *headers, const char *body)
{
    cs_autofree char *text =
        cs_xasprintf("HTTP/1.1 %s\r\nContent-Length: %zu\r\n%s\r\n%s", status, strlen(body), headers, body);

    say(fd, text);
}

/* Moves the client until the log holds the word. */
static void until(struct world *w, const char *word)
{
    for (int i = 0; i < PATIENCE; i++) {
        if (strstr(w->log, word))
            return;
        poll_client(w);
    }
    fail_msg("\"%s\" did not come; so far: %s", word, w->log);
}

/* Lets the client do what it would do by itself; nothing is expected of it. */
static void idle(struct world *w)
{
    for (int i = 0; i < 5; i++)
        poll_client(w);
}

static bool is_closed(struct world *w, int fd)
{
    for (int i = 0; i < PATIENCE; i++) {
        char c;

        if (has_input(fd))
            return read(fd, &c, 1) <= 0;
        poll_client(w);
    }
    return false;
}

/* ---- one request ---- */

static void test_a_get_and_its_answer(void **state)
{
    struct world *w = *state;
    cs_autostrbuf text = CS_STRBUF_INIT;
    char expected[512];

    w->config.token = w->server + 17; /* any word will do */
    make_client(w, 0, 0);
    (void)get(w, 1);
    assert_int_equal(cs_curl_inflight(w->c), 1);
    w->now += 7;
    cs_autoclose int fd = accept_one(w);
    receive(w, fd, &text);
    (void)snprintf(expected, sizeof(expected),
        "GET /api/v1/namespaces/n/pods/p1 HTTP/1.1\r\nHost: %s\r\nUser-Agent: cloneset-test/1\r\n"
        "Accept: application/json\r\nAuthorization: Bearer %s\r\n\r\n",
        w->server + 7, w->server + 17);
    assert_string_equal(cs_strbuf_str(&text), expected); /* and nothing else: no Expect, no encodings */
    answer(fd, "200 OK", "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\nRetry-After: 5\r\n", "{\"a\":1}");
    until(w, "done");
    expect(w, "done:1=200");
    assert_string_equal(w->body, "{\"a\":1}");
    assert_int_equal(w->last.server_date_ms, 784111777000);
    assert_int_equal(w->last.started_ms, 5000); /* when call() was called */
    assert_int_equal(cs_curl_inflight(w->c), 0);
}

static void test_verbs_bodies_and_what_a_used_handle_forgets(void **state)
{
    static const struct {
        struct cs_call call;
        const char *line, *type, *body;
    } rows[] = {
        {{.verb = CS_VERB_CREATE, .gvr = &cs_gvr_pods, .ns = "n", .body = {"{\"x\":1}", 7}},
            "POST /api/v1/namespaces/n/pods HTTP/1.1", "application/json", "{\"x\":1}"},
        {{.verb = CS_VERB_GET, .gvr = &cs_gvr_pods, .ns = "n", .name = "p"}, "GET /api/v1/namespaces/n/pods/p HTTP/1.1",
            NULL, ""},
        {{.verb = CS_VERB_UPDATE, .gvr = &cs_gvr_leases, .ns = "n", .name = "p", .body = {"{}", 2}},
            "PUT /apis/coordination.k8s.io/v1/namespaces/n/leases/p HTTP/1.1", "application/json", "{}"},
        {{.verb = CS_VERB_PATCH_MERGE,
             .gvr = &cs_gvr_pods,
             .ns = "n",
             .name = "p",
             .subresource = "status",
             .body = {"{}", 2}},
            "PATCH /api/v1/namespaces/n/pods/p/status HTTP/1.1", "application/merge-patch+json", "{}"},
        {{.verb = CS_VERB_PATCH_STRATEGIC, .gvr = &cs_gvr_pods, .ns = "n", .name = "p", .body = {"{}", 2}},
            "PATCH /api/v1/namespaces/n/pods/p HTTP/1.1", "application/strategic-merge-patch+json", "{}"},
        {{.verb = CS_VERB_PATCH_JSON, .gvr = &cs_gvr_pods, .ns = "n", .name = "p", .body = {"[]", 2}},
            "PATCH /api/v1/namespaces/n/pods/p HTTP/1.1", "application/json-patch+json", "[]"},
        {{.verb = CS_VERB_DELETE, .gvr = &cs_gvr_pods, .ns = "n", .name = "p", .body = {"{\"y\":2}", 7}},
            "DELETE /api/v1/namespaces/n/pods/p HTTP/1.1", "application/json", "{\"y\":2}"},
        {{.verb = CS_VERB_DELETE, .gvr = &cs_gvr_pods, .ns = "n", .name = "p"},
            "DELETE /api/v1/namespaces/n/pods/p HTTP/1.1", NULL, ""},
        {{.verb = CS_VERB_LIST, .gvr = &cs_gvr_pods, .query = "limit=500&labelSelector=a%3Db"},
            "GET /api/v1/pods?limit=500&labelSelector=a%3Db HTTP/1.1", NULL, ""},
        {{.verb = CS_VERB_CREATE, .gvr = &cs_gvr_pods, .ns = "n", .body = {"", 0}},
            "POST /api/v1/namespaces/n/pods HTTP/1.1", "application/json", ""},
    };
    struct world *w = *state;
    cs_autoclose int fd = -1;

    for (size_t i = 0; i < CS_ARRAY_LEN(rows); i++) {
        cs_autostrbuf text = CS_STRBUF_INIT;
        const char *s, *type;

        (void)call(w, (int)i, &rows[i].call);
        if (fd < 0)
            fd = accept_one(w);
        receive(w, fd, &text); /* always on the same connection */
        s = cs_strbuf_str(&text);
        assert_int_equal(strncmp(s, rows[i].line, strlen(rows[i].line)), 0);
        type = strstr(s, "Content-Type: ");
        assert_int_equal(type != NULL, rows[i].type != NULL);
        if (type)
            assert_int_equal(strncmp(type + 14, rows[i].type, strlen(rows[i].type)), 0);
        assert_string_equal(strstr(s, "\r\n\r\n") + 4, rows[i].body);
        assert_null(strstr(s, "Expect"));
        answer(fd, "200 OK", "", "");
        until(w, "done");
        w->log[0] = '\0';
    }
    assert_false(has_input(w->listener));
}

static void test_large_bodies_both_ways(void **state)
{
    const size_t size = (size_t)3 << 20;
    struct world *w = *state;
    cs_autofree char *big = cs_new_array(char, size + 1);
    cs_autostrbuf text = CS_STRBUF_INIT;

    memset(big, 'x', size);
    (void)call(w, 1,
        &(struct cs_call){.verb = CS_VERB_CREATE, .gvr = &cs_gvr_pods, .ns = "n", .body = {.p = big, .len = size}});
    memset(big, 'y', size); /* the client has a copy */
    cs_autoclose int fd = accept_one(w);
    receive(w, fd, &text); /* at once: no wait for a 100 */
    assert_null(strstr(cs_strbuf_str(&text), "Expect"));
    assert_int_equal(strspn(strstr(cs_strbuf_str(&text), "\r\n\r\n") + 4, "x"), size);
    cs_autofree char *head = cs_xasprintf("HTTP/1.1 201 Created\r\nContent-Length: %zu\r\n\r\n", size);

    say(fd, head);
    for (size_t at = 0; at < size;) {
        ssize_t n = send(fd, big + at, size - at, MSG_NOSIGNAL | MSG_DONTWAIT);

        if (n > 0)
            at += (size_t)n;
        else
            poll_client(w);
    }
    until(w, "done");
    expect(w, "done:1=201");
    assert_int_equal(w->body_len, size);
}

static void test_answers_above_the_ceiling(void **state)
{
    struct world *w = *state;

    make_client(w, 1, 10);
    (void)get(w, 1);
    cs_autoclose int fd = accept_one(w);
    receive_line(w, fd, "GET /api/v1/namespaces/n/pods/p1 HTTP/1.1");
    answer(fd, "200 OK", "", "0123456789a");
    until(w, "done");
    expect(w, "done:1=too_large");
    assert_true(is_closed(w, fd));
    (void)get(w, 2);
    cs_autoclose int again = accept_one(w);
    receive_line(w, again, "GET /api/v1/namespaces/n/pods/p2 HTTP/1.1");
    answer(again, "200 OK", "", "0123456789");
    until(w, "done");
    expect(w, "done:2=200");
}

static void test_refusals_of_the_server(void **state)
{
    static const struct {
        const char *status, *headers, *body, *word;
        int64_t retry_ms;
    } rows[] = {
        {"429 Too Many Requests", "Retry-After: 3\r\n", "", "done:1=throttled", 3000},
        {"503 Service Unavailable", "Retry-After: 99999999\r\n", "", "done:1=server", 3600000},
        {"429 Too Many Requests", "", "", "done:1=throttled", 0},
        {"409 Conflict", "", "{\"kind\":\"Status\",\"message\":\"m\",\"reason\":\"AlreadyExists\"}",
            "done:1=already_exists", 0},
        {"410 Gone", "", "", "done:1=gone", 0},
        {"302 Found", "Location: /elsewhere\r\n", "", "done:1=decode", 0},
    };
    struct world *w = *state;
    cs_autoclose int fd = -1;

    for (size_t i = 0; i < CS_ARRAY_LEN(rows); i++) {
        (void)get(w, 1);
        if (fd < 0)
            fd = accept_one(w);
        receive_line(w, fd, "GET /api/v1/namespaces/n/pods/p1 HTTP/1.1");
        answer(fd, rows[i].status, rows[i].headers, rows[i].body);
        until(w, "done");
        expect(w, rows[i].word);
        assert_int_equal(w->last.err.retry_after_ms, rows[i].retry_ms);
        assert_int_equal(w->last.err.code, strtol(rows[i].status, NULL, 10));
    }
    idle(w);
    assert_false(has_input(fd)); /* the redirect was not followed */
}

static void test_calls_that_cannot_be_sent_end_later(void **state)
{
    struct world *w = *state;

    (void)call(w, 1, &(struct cs_call){.verb = CS_VERB_DELETE, .gvr = &cs_gvr_pods, .ns = "n", .name = ""});
    expect(w, "");
    w->calls_again = true;
    until(w, "done");
    expect(w, "done:1=internal");
    cs_autoclose int fd = accept_one(w); /* of the call that the callback made */
    receive_line(w, fd, "GET /api/v1/namespaces/n/pods/p99 HTTP/1.1");
}

/* ---- connections ---- */

static void test_a_kept_connection_that_died_is_replaced(void **state)
{
    struct world *w = *state;

    (void)get(w, 1);
    int fd = accept_one(w);

    receive_line(w, fd, "GET /api/v1/namespaces/n/pods/p1 HTTP/1.1");
    answer(fd, "200 OK", "", "");
    until(w, "done:1=200");
    (void)close(fd);
    (void)get(w, 2);
    cs_autoclose int again = accept_one(w);
    receive_line(w, again, "GET /api/v1/namespaces/n/pods/p2 HTTP/1.1");
    answer(again, "200 OK", "", "");
    until(w, "done:2=200");
}

static void test_nobody_listens(void **state)
{
    struct world *w = *state;

    (void)close(w->listener);
    w->listener = -1;
    (void)get(w, 1);
    until(w, "done");
    expect(w, "done:1=transport");
    assert_int_equal(w->last.status, 0);
    assert_non_null(strstr(w->last.err.message, w->server + 7));
}

static void test_an_answer_cut_in_the_middle(void **state)
{
    struct world *w = *state;

    (void)get(w, 1);
    int fd = accept_one(w);

    receive_line(w, fd, "GET /api/v1/namespaces/n/pods/p1 HTTP/1.1");
    say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{\"a\"");
    idle(w);
    (void)close(fd);
    until(w, "done");
    expect(w, "done:1=transport");
    assert_int_equal(w->last.status, 200);
}

static void test_the_environment_does_not_divert(void **state)
{
    struct world *w = *state;

    assert_int_equal(setenv("http_proxy", "http://127.0.0.1:1", 1), 0);
    assert_int_equal(setenv("ALL_PROXY", "http://127.0.0.1:1", 1), 0);
    (void)get(w, 1);
    cs_autoclose int fd = accept_one(w);
    receive_line(w, fd, "GET /api/v1/namespaces/n/pods/p1 HTTP/1.1");
    assert_int_equal(unsetenv("http_proxy"), 0);
    assert_int_equal(unsetenv("ALL_PROXY"), 0);
}

/* ---- the queue and time ---- */

static void test_calls_beyond_max_inflight_wait_in_order(void **state)
{
    struct world *w = *state;

    for (int i = 1; i <= 5; i++)
        (void)get(w, i);
    cs_autoclose int one = accept_one(w), two = accept_one(w);
    receive_line(w, one, "GET /api/v1/namespaces/n/pods/p1 HTTP/1.1");
    receive_line(w, two, "GET /api/v1/namespaces/n/pods/p2 HTTP/1.1");
    idle(w);
    assert_false(has_input(w->listener));
    assert_int_equal(cs_curl_inflight(w->c), 5);
    struct ask *watch = stream(w, 6, 0); /* streams do not queue */
    cs_autoclose int three = accept_one(w);

    receive_line(w, three, "GET /api/v1/pods?watch=true HTTP/1.1");
    assert_int_equal(cs_curl_inflight(w->c), 5);
    answer(two, "200 OK", "", "");
    until(w, "done:2=200");
    receive_line(w, two, "GET /api/v1/namespaces/n/pods/p3 HTTP/1.1");
    answer(two, "200 OK", "", "");
    receive_line(w, two, "GET /api/v1/namespaces/n/pods/p4 HTTP/1.1");
    answer(one, "200 OK", "", "");
    receive_line(w, one, "GET /api/v1/namespaces/n/pods/p5 HTTP/1.1");
    expect(w, "done:2=200 done:3=200 done:1=200");
    assert_int_equal(cs_curl_inflight(w->c), 2);
    answer(one, "200 OK", "", "");
    until(w, "done:5=200");
    answer(two, "200 OK", "", "");
    until(w, "done:4=200");
    cancel(w, watch->id);
}

static void test_a_deadline_counts_from_call_and_in_the_queue(void **state)
{
    struct world *w = *state;

    (void)get(w, 1);
    (void)get(w, 2);
    w->now += 2000;
    (void)get(w, 3);
    cs_autoclose int one = accept_one(w), two = accept_one(w);
    receive_line(w, one, "GET /api/v1/namespaces/n/pods/p1 HTTP/1.1");
    receive_line(w, two, "GET /api/v1/namespaces/n/pods/p2 HTTP/1.1");
    w->now += 2999;
    idle(w);
    expect(w, "");
    w->now += 1; /* 5 s after the first two */
    idle(w);
    expect(w, "done:1=timeout done:2=timeout");
    assert_non_null(strstr(w->last.err.message, "no answer within 5000 ms"));
    assert_true(is_closed(w, one)); /* an answer that came now would be taken for another's */
    cs_autoclose int three = accept_one(w);
    receive_line(w, three, "GET /api/v1/namespaces/n/pods/p3 HTTP/1.1");
    w->now += 1999;
    idle(w);
    expect(w, "");
    w->now += 1; /* 5 s after its call(), not after its sending */
    idle(w);
    expect(w, "done:3=timeout");
}

static void test_nothing_is_sent_past_its_deadline(void **state)
{
    struct world *w = *state;

    (void)get(w, 1);
    w->now += 5000; /* the process was stopped meanwhile */
    idle(w);
    expect(w, "done:1=timeout");
    assert_non_null(strstr(w->last.err.message, "not sent"));
    assert_false(has_input(w->listener));
    /* under way, but stopped before the connection was used */
    (void)get(w, 2);
    cs_curl_poll(w->c, 0, NULL, 0);
    w->now += 5000;
    idle(w);
    expect(w, "done:2=timeout");
    if (has_input(w->listener)) {
        cs_autoclose int fd = accept_one(w);

        assert_true(is_closed(w, fd)); /* without a byte of the request */
    }
}

static void test_a_deadline_of_its_own(void **state)
{
    struct world *w = *state;

    (void)call(
        w, 1, &(struct cs_call){.verb = CS_VERB_LIST, .gvr = &cs_gvr_pods, .query = "limit=500", .timeout_ms = 30000});
    cs_autoclose int fd = accept_one(w);
    receive_line(w, fd, "GET /api/v1/pods?limit=500 HTTP/1.1");
    w->now += 29999;
    idle(w);
    expect(w, "");
    w->now += 1;
    idle(w);
    expect(w, "done:1=timeout");
}

/* ---- cancelling, and callbacks that meddle ---- */

static void test_cancel(void **state)
{
    struct world *w = *state;
    struct ask *asks[4];
    int fds[4];

    for (int i = 0; i < 4; i++)
        asks[i] = stream(w, i, 0);
    cancel(w, asks[0]->id); /* before it was sent */
    for (int i = 1; i < 4; i++) {
        fds[i] = accept_one(w);
        receive_line(w, fds[i], "GET /api/v1/pods?watch=true HTTP/1.1");
    }
    idle(w);
    assert_false(has_input(w->listener));
    for (int i = 1; i < 4; i++) {
        cancel(w, asks[i]->id);
    }
    for (int i = 1; i < 4; i++) {
        assert_true(is_closed(w, fds[i]));
        (void)close(fds[i]);
    }
    cancel(w, 12345); /* never was */
    idle(w);
    expect(w, "");
}

static void test_cancelling_a_queued_call_lets_the_next_one_through(void **state)
{
    struct world *w = *state;
    uint64_t waiting;

    make_client(w, 1, 0);
    (void)get(w, 1);
    waiting = get(w, 2);
    (void)get(w, 3);
    cs_autoclose int fd = accept_one(w);
    receive_line(w, fd, "GET /api/v1/namespaces/n/pods/p1 HTTP/1.1");
    assert_int_equal(cs_curl_inflight(w->c), 3);
    w->cancels = waiting; /* inside the first one's callback */
    answer(fd, "200 OK", "", "");
    receive_line(w, fd, "GET /api/v1/namespaces/n/pods/p3 HTTP/1.1");
    assert_int_equal(cs_curl_inflight(w->c), 1);
    expect(w, "done:1=200");
}

static void test_a_callback_may_cancel_itself_and_call_again(void **state)
{
    struct world *w = *state;

    (void)get(w, 1);
    cs_autoclose int fd = accept_one(w);
    receive_line(w, fd, "GET /api/v1/namespaces/n/pods/p1 HTTP/1.1");
    w->cancels = UINT64_MAX;
    w->calls_again = true;
    answer(fd, "200 OK", "", "");
    until(w, "done:1=200");
    receive_line(w, fd, "GET /api/v1/namespaces/n/pods/p99 HTTP/1.1");
    answer(fd, "404 Not Found", "", "");
    until(w, "done:99");
    expect(w, "done:1=200 done:99=not_found");
}

static void test_one_of_two_answers_cancels_the_other(void **state)
{
    struct world *w = *state;
    uint64_t ids[2] = {get(w, 1), get(w, 2)};

    cs_autoclose int one = accept_one(w), two = accept_one(w);
    receive_line(w, one, "GET /api/v1/namespaces/n/pods/p1 HTTP/1.1");
    receive_line(w, two, "GET /api/v1/namespaces/n/pods/p2 HTTP/1.1");
    w->cancels = ids[1];
    answer(one, "200 OK", "", "");
    answer(two, "200 OK", "", ""); /* both are there before the client looks */
    idle(w);
    if (strcmp(w->log, "done:2=200 done:1=200") != 0) /* had the second come first, it was too late to cancel it */
        expect(w, "done:1=200");
    assert_int_equal(cs_curl_inflight(w->c), 0);
}

static void test_freeing_the_client_calls_nobody(void **state)
{
    struct world *w = *state;

    (void)stream(w, 1, 0);
    cs_autoclose int fd = accept_one(w);
    (void)stream(w, 2, 0);
    cs_curl_client_free(w->c);
    w->c = NULL;
    expect(w, "");
    assert_true(fd >= 0);
}

/* ---- streams ---- */

static int open_stream(struct world *w, int number, int64_t silence_ms, uint64_t *ret_id)
{
    struct ask *a = stream(w, number, silence_ms);
    int fd = accept_one(w);
    char word[32];

    if (ret_id)
        *ret_id = a->id;
    receive_line(w, fd, "GET /api/v1/pods?watch=true HTTP/1.1");
    say(fd, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    (void)snprintf(word, sizeof(word), "bytes:%d=", number);
    until(w, word);
    return fd;
}

static void test_a_stream_from_head_to_end(void **state)
{
    struct world *w = *state;
    cs_autoclose int fd = open_stream(w, 1, 0, NULL);

    expect(w, "bytes:1="); /* the head alone is worth a word */
    say(fd, "5\r\nhello\r\n");
    until(w, "hello");
    w->now += 1000000; /* no deadline */
    say(fd, "3\r\nyou\r\n");
    until(w, "you");
    say(fd, "0\r\n\r\n");
    until(w, "done");
    expect(w, "bytes:1=hello bytes:1=you done:1=200");
    assert_int_equal(w->body_len, 0);
    assert_int_equal(w->last.status, 200);
}

static void test_a_stream_that_is_cut(void **state)
{
    struct world *w = *state;
    int fd = open_stream(w, 1, 0, NULL);

    say(fd, "5\r\nhel");
    until(w, "hel");
    (void)close(fd);
    until(w, "done");
    expect(w, "bytes:1= bytes:1=hel done:1=transport");
    assert_int_equal(w->last.status, 200);
}

static void test_a_stream_that_is_refused(void **state)
{
    struct world *w = *state;

    (void)stream(w, 1, 0);
    cs_autoclose int fd = accept_one(w);
    receive_line(w, fd, "GET /api/v1/pods?watch=true HTTP/1.1");
    answer(fd, "410 Gone", "", "{\"kind\":\"Status\",\"message\":\"too old\",\"reason\":\"Expired\"}");
    until(w, "done");
    expect(w, "done:1=gone");
    assert_string_equal(w->last.err.message, "too old");
    assert_string_equal(w->last.err.reason, "Expired");
}

static void test_a_reader_that_says_no(void **state)
{
    struct world *w = *state;
    cs_autoclose int fd = open_stream(w, 1, 0, NULL);

    w->refuse = true;
    say(fd, "5\r\nhello\r\n");
    until(w, "done");
    expect(w, "bytes:1= bytes:1=hello done:1=decode");
    assert_true(is_closed(w, fd));
}

static void test_silence_ends_a_stream(void **state)
{
    struct world *w = *state;
    cs_autoclose int fd = open_stream(w, 1, 150000, NULL);

    w->now += 149999;
    say(fd, "2\r\n..\r\n");
    until(w, "..");
    w->now += 149999;
    idle(w);
    expect(w, "bytes:1= bytes:1=..");
    w->now += 1;
    idle(w);
    expect(w, "done:1=timeout");
    assert_int_equal(w->last.status, 200);
    assert_true(is_closed(w, fd));
    /* also when not even a head came */
    (void)stream(w, 2, 1000);
    cs_autoclose int mute = accept_one(w);
    receive_line(w, mute, "GET /api/v1/pods?watch=true HTTP/1.1");
    w->now += 1000;
    idle(w);
    expect(w, "done:2=timeout");
    assert_int_equal(w->last.status, 0);
}

static void test_cancelling_inside_a_chunk(void **state)
{
    struct world *w = *state;
    uint64_t me, other;
    cs_autoclose int one = open_stream(w, 1, 0, &me), two = open_stream(w, 2, 0, &other);

    w->log[0] = '\0';
    w->cancels = me;
    say(one, "1\r\na\r\n1\r\nb\r\n"); /* the second is not delivered any more */
    until(w, "bytes:1=a");
    idle(w);
    expect(w, "bytes:1=a");
    assert_true(is_closed(w, one));
    /* another's: a third stream ends the second */
    uint64_t third;
    cs_autoclose int three = open_stream(w, 3, 0, &third);

    w->log[0] = '\0';
    w->cancels = third;
    w->calls_again = true;
    say(two, "1\r\nc\r\n");
    until(w, "bytes:2=c");
    assert_true(is_closed(w, three));
    cs_autoclose int four = accept_one(w); /* of the call made inside the chunk */
    receive_line(w, four, "GET /api/v1/namespaces/n/pods/p99 HTTP/1.1");
    expect(w, "bytes:2=c");
    say(two, "1\r\nd\r\n");
    until(w, "bytes:2=d");
}

/* ---- tokens, waiting, numbers ---- */

static void put_token(const struct world *w, const char *token)
{
    FILE *f = fopen(w->token_file, "we");

    assert_non_null(f);
    assert_true(fputs(token, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

static void get_with_token(struct world *w, int fd, const char *token, const char *status)
{
    cs_autostrbuf text = CS_STRBUF_INIT;
    char line[64];

    (void)snprintf(line, sizeof(line), "\r\nAuthorization: Bearer %s\r\n", token);
    receive(w, fd, &text);
    assert_non_null(strstr(cs_strbuf_str(&text), line));
    answer(fd, status, "", "");
    until(w, "done");
    w->log[0] = '\0';
}

static void test_a_rotated_token(void **state)
{
    struct world *w = *state;
    cs_autoclose int fd = -1, made = -1;

    (void)snprintf(w->token_file, sizeof(w->token_file), "/tmp/cs-test-token-XXXXXX");
    made = mkstemp(w->token_file);
    assert_true(made >= 0);
    put_token(w, "first\n");
    w->config.token_file = w->token_file;
    make_client(w, 1, 0);
    (void)get(w, 1);
    fd = accept_one(w);
    get_with_token(w, fd, "first", "200 OK");
    put_token(w, "second\n");
    (void)get(w, 2);
    get_with_token(w, fd, "first", "401 Unauthorized"); /* read a moment ago */
    (void)get(w, 3);
    get_with_token(w, fd, "second", "200 OK"); /* but it was refused */
    put_token(w, "third\n");
    w->now += 1000;
    (void)get(w, 4);
    get_with_token(w, fd, "third", "200 OK");
}

static void test_other_descriptors_and_wakeup(void **state)
{
    struct world *w = *state;
    int ends[2];
    struct cs_poll_fd extra[2];

    assert_int_equal(pipe(ends), 0);
    cs_autoclose int out = ends[0], in = ends[1];
    extra[0] = (struct cs_poll_fd){.fd = w->listener};
    extra[1] = (struct cs_poll_fd){.fd = out};
    cs_curl_poll(w->c, 0, extra, 2);
    assert_false(extra[0].readable);
    assert_false(extra[1].readable);
    assert_int_equal(write(in, "x", 1), 1);
    cs_curl_poll(w->c, -1, extra, 2);
    assert_false(extra[0].readable);
    assert_true(extra[1].readable);
    cs_curl_wakeup(w->c);
    cs_curl_poll(w->c, -1, NULL, 0); /* returns, or the test never ends */
}

static void test_metrics(void **state)
{
    struct world *w = *state;
    cs_autostrbuf out = CS_STRBUF_INIT;
    static const char *const starts[] = {
        "rest_client_requests_total{code=\"200\",method=\"GET\",host=\"127.0.0.1:",
        "rest_client_requests_total{code=\"<error>\",method=\"GET\",host=\"127.0.0.1:",
        "rest_client_request_duration_seconds_count{verb=\"GET\",host=\"127.0.0.1:",
    };

    (void)get(w, 1);
    cs_autoclose int fd = accept_one(w);
    receive_line(w, fd, "GET /api/v1/namespaces/n/pods/p1 HTTP/1.1");
    answer(fd, "200 OK", "", "");
    until(w, "done:1");
    (void)get(w, 2);
    receive_line(w, fd, "GET /api/v1/namespaces/n/pods/p2 HTTP/1.1");
    w->now += 5000;
    until(w, "done:2");
    cs_metrics_expose(w->metrics, &out);
    for (size_t i = 0; i < CS_ARRAY_LEN(starts); i++) {
        if (!strstr(cs_strbuf_str(&out), starts[i]))
            fail_msg("no %s in\n%s", starts[i], cs_strbuf_str(&out));
    }
}

#define WITH_SERVER(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_SERVER(test_a_get_and_its_answer),
        WITH_SERVER(test_verbs_bodies_and_what_a_used_handle_forgets),
        WITH_SERVER(test_large_bodies_both_ways),
        WITH_SERVER(test_answers_above_the_ceiling),
        WITH_SERVER(test_refusals_of_the_server),
        WITH_SERVER(test_calls_that_cannot_be_sent_end_later),
        WITH_SERVER(test_a_kept_connection_that_died_is_replaced),
        WITH_SERVER(test_nobody_listens),
        WITH_SERVER(test_an_answer_cut_in_the_middle),
        WITH_SERVER(test_the_environment_does_not_divert),
        WITH_SERVER(test_calls_beyond_max_inflight_wait_in_order),
        WITH_SERVER(test_a_deadline_counts_from_call_and_in_the_queue),
        WITH_SERVER(test_nothing_is_sent_past_its_deadline),
        WITH_SERVER(test_a_deadline_of_its_own),
        WITH_SERVER(test_cancel),
        WITH_SERVER(test_cancelling_a_queued_call_lets_the_next_one_through),
        WITH_SERVER(test_a_callback_may_cancel_itself_and_call_again),
        WITH_SERVER(test_one_of_two_answers_cancels_the_other),
        WITH_SERVER(test_freeing_the_client_calls_nobody),
        WITH_SERVER(test_a_stream_from_head_to_end),
        WITH_SERVER(test_a_stream_that_is_cut),
        WITH_SERVER(test_a_stream_that_is_refused),
        WITH_SERVER(test_a_reader_that_says_no),
        WITH_SERVER(test_silence_ends_a_stream),
        WITH_SERVER(test_cancelling_inside_a_chunk),
        WITH_SERVER(test_a_rotated_token),
        WITH_SERVER(test_other_descriptors_and_wakeup),
        WITH_SERVER(test_metrics),
    };

    return cmocka_run_group_tests_name("curl_client", tests, NULL, NULL);
}
