/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two ends of curl_world.h: requests of the test with callbacks that write down what happens, and a server of plain
 * sockets that is served in between. Every wait is bounded.
 */
#include "test/unit/curl_world.h"

#include <arpa/inet.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "common/base/alloc.h"

#define PATIENCE 2000 /* rounds of 5 ms at most until something has to have happened */

/* ---- the world ---- */

static int64_t fake_now(void *ctx)
{
    struct cw *w = ctx;

    if (w->jump_at_look > 0 && --w->jump_at_look == 0)
        w->now += 5000;
    return w->now;
}

static void note(struct cw *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void note(struct cw *w, const char *fmt, ...)
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

void cw_make_client(struct cw *w, unsigned max_inflight, size_t max_answer)
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

int cw_setup(void **state)
{
    struct cw *w = cs_new(struct cw);
    int port;

    w->now = 5000;
    w->clock = (struct cs_clock){.mono_ms = fake_now, .wall_ms = fake_now, .ctx = w};
    w->listener = open_listener(0, &port);
    (void)snprintf(w->server, sizeof(w->server), "http://127.0.0.1:%d", port);
    w->config.server = w->server;
    w->metrics = cs_metrics_new();
    w->asks = cs_new_array(struct cw_ask, CW_MAX_ASKS);
    cw_make_client(w, 2, 0);
    *state = w;
    return 0;
}

int cw_teardown(void **state)
{
    struct cw *w = *state;

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

static void meddle(struct cw *w);

static void on_done(void *ctx, const struct cs_reply *reply)
{
    struct cw_ask *a = ctx;
    struct cw *w = a->w;

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
    struct cw_ask *a = ctx;
    struct cw *w = a->w;

    assert_false(w->inside);
    note(w, "bytes:%d=%.*s", a->number, (int)bytes.len, bytes.p);
    meddle(w);
    return !w->refuse;
}

static struct cw_ask *new_ask(struct cw *w, int number)
{
    assert_true(w->n_asks < CW_MAX_ASKS);
    w->asks[w->n_asks] = (struct cw_ask){.w = w, .number = number};
    return &w->asks[w->n_asks++];
}

uint64_t cw_call(struct cw *w, int number, const struct cs_call *call)
{
    struct cw_ask *a = new_ask(w, number);

    w->inside = true;
    a->id = cs_client_call(&w->client, call, on_done, a);
    w->inside = false;
    assert_true(a->id > 0);
    return a->id;
}

uint64_t cw_get(struct cw *w, int number)
{
    char name[16];

    (void)snprintf(name, sizeof(name), "p%d", number);
    return cw_call(w, number, &(struct cs_call){.verb = CS_VERB_GET, .gvr = &cs_gvr_pods, .ns = "n", .name = name});
}

struct cw_ask *cw_stream(struct cw *w, int number, int64_t silence_ms)
{
    struct cs_call what = {.verb = CS_VERB_WATCH, .gvr = &cs_gvr_pods, .query = "watch=true", .silence_ms = silence_ms};
    struct cw_ask *a = new_ask(w, number);

    w->inside = true;
    a->id = cs_client_stream(&w->client, &what, on_chunk, on_done, a);
    w->inside = false;
    return a;
}

void cw_cancel(struct cw *w, uint64_t id)
{
    w->inside = true;
    cs_client_cancel(&w->client, id);
    w->inside = false;
}

/* What a callback does besides, when the test asked for it. */
static void meddle(struct cw *w)
{
    uint64_t id = w->cancels;

    w->cancels = 0;
    if (id != 0)
        cw_cancel(w, id);
    if (w->calls_again) {
        w->calls_again = false;
        (void)cw_get(w, 99);
    }
    if (w->bad_calls > 0)
        (void)cw_call(w, w->bad_calls--, &(struct cs_call){.verb = CS_VERB_GET, .gvr = &cs_gvr_pods});
}

/* ---- the server's side ---- */

void cw_poll_client(struct cw *w)
{
    cs_curl_poll(w->c, 5, NULL, 0);
}

bool cw_has_input(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};

    return poll(&p, 1, 0) == 1;
}

/* The next connection of the client. */
int cw_accept_one(struct cw *w)
{
    for (int i = 0; i < PATIENCE; i++) {
        if (cw_has_input(w->listener))
            return accept4(w->listener, NULL, NULL, SOCK_CLOEXEC);
        cw_poll_client(w);
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
void cw_receive(struct cw *w, int fd, struct cs_strbuf *ret)
{
    cs_strbuf_clear(ret);
    for (int i = 0; i < PATIENCE && !is_whole(ret); i++) {
        char buf[65536];
        ssize_t n;

        if (!cw_has_input(fd)) {
            cw_poll_client(w);
            continue;
        }
        n = read(fd, buf, sizeof(buf));
        assert_true(n > 0);
        cs_strbuf_add(ret, buf, (size_t)n);
    }
    assert_true(is_whole(ret));
}

/* Receives a request and checks its first line. */
void cw_receive_line(struct cw *w, int fd, const char *line)
{
    cs_autostrbuf text = CS_STRBUF_INIT;
    char first[256];

    cw_receive(w, fd, &text);
    (void)snprintf(first, sizeof(first), "%.*s", (int)strcspn(cs_strbuf_str(&text), "\r"), cs_strbuf_str(&text));
    assert_string_equal(first, line);
}

void cw_say(int fd, const char *text)
{
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
}

void cw_answer(int fd, const char *status, const char *headers, const char *body)
{
    cs_autofree char *text =
        cs_xasprintf("HTTP/1.1 %s\r\nContent-Length: %zu\r\n%s\r\n%s", status, strlen(body), headers, body);

    cw_say(fd, text);
}

/* Moves the client until the log holds the word. */
void cw_until(struct cw *w, const char *word)
{
    for (int i = 0; i < PATIENCE; i++) {
        if (strstr(w->log, word))
            return;
        cw_poll_client(w);
    }
    fail_msg("\"%s\" did not come; so far: %s", word, w->log);
}

/* Lets the client do what it would do by itself; nothing is expected of it. */
void cw_idle(struct cw *w)
{
    for (int i = 0; i < 5; i++)
        cw_poll_client(w);
}

bool cw_is_closed(struct cw *w, int fd)
{
    for (int i = 0; i < PATIENCE; i++) {
        char c;

        if (cw_has_input(fd))
            return read(fd, &c, 1) <= 0;
        cw_poll_client(w);
    }
    return false;
}

int cw_open_stream(struct cw *w, int number, int64_t silence_ms, uint64_t *ret_id)
{
    struct cw_ask *a = cw_stream(w, number, silence_ms);
    int fd = cw_accept_one(w);
    char word[32];

    if (ret_id)
        *ret_id = a->id;
    cw_receive_line(w, fd, "GET /api/v1/pods?watch=true HTTP/1.1");
    cw_say(fd, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    (void)snprintf(word, sizeof(word), "bytes:%d=", number);
    cw_until(w, word);
    return fd;
}
