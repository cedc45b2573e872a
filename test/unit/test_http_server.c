/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The HTTP server over loopback sockets on ports that the kernel chooses: what it answers, what it refuses and when, how it stops.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>

#include "common/http/http_server.h"
#include "test/unit/http_client.h"

#define MAX_BODY 200000

struct fixture {
    atomic_int calls;
    atomic_int entered; /* "/slow" was called … */
    atomic_int let_go; /* … and may answer */
};

/* Echoes method, path, content type, length and a checksum of the body. */
static void handler(void *ctx, const struct cs_http_req *req, struct cs_http_resp *resp)
{
    struct fixture *f = ctx;
    unsigned sum = 0;

    atomic_fetch_add(&f->calls, 1);
    if (strcmp(req->path, "/slow") == 0) {
        atomic_store(&f->entered, 1);
        while (!atomic_load(&f->let_go))
            (void)usleep(1000);
    }
    if (strcmp(req->path, "/teapot") == 0) {
        resp->status = 405;
        resp->allow = "GET";
        resp->content_type = "application/json";
    }
    if (strcmp(req->path, "/failed") == 0)
        resp->body->failed = true;
    for (size_t i = 0; i < req->body.len; i++)
        sum += (unsigned char)req->body.p[i] * (unsigned)(i % 251 + 1);
    cs_strbuf_addf(resp->body, "%s %s %s %zu %u", req->method, req->path, req->content_type ? req->content_type : "-",
        req->body.len, sum);
}

static struct cs_http_server *start(struct fixture *f, unsigned threads)
{
    struct cs_http_server *s = NULL;
    struct cs_error err = CS_ERROR_INIT;
    struct cs_http_options o = {
        .bind_address = "127.0.0.1:0", .threads = threads, .max_body = MAX_BODY, .handler = &handler, .ctx = f};

    memset(f, 0, sizeof(*f));
    if (!cs_http_server_new(&o, &s, &err))
        fail_msg("%s", err.message);
    assert_true(cs_http_server_port(s) > 0);
    return s;
}

static void test_connections_are_kept(void **state)
{
    struct fixture f;
    struct cs_http_server *s = start(&f, 2);
    struct answer a;
    struct peer p;

    (void)state;
    assert_true(peer_connect(&p, cs_http_server_port(s)));
    for (int i = 0; i < 3; i++) {
        assert_true(peer_post(&p, "/x?timeout=3s", "hello", 5, &a));
        assert_int_equal(a.status, 200);
        assert_false(a.close);
        assert_string_equal(a.body, "POST /x text/plain 5 1617");
    }
    assert_true(peer_sends(&p, "GET /g HTTP/1.1\r\nHost: x\r\n\r\n"));
    assert_true(peer_answer(&p, false, &a));
    assert_string_equal(a.body, "GET /g - 0 0");
    assert_non_null(strstr(a.headers, "Content-Type: text/plain"));
    assert_true(peer_sends(&p, "HEAD /g HTTP/1.1\r\nHost: x\r\n\r\n"));
    assert_true(peer_answer(&p, true, &a));
    assert_int_equal(a.status, 200);
    assert_non_null(strstr(a.headers, "Content-Length: 12"));
    assert_true(peer_sends(&p, "PUT /g HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"));
    assert_true(peer_answer(&p, false, &a));
    assert_string_equal(a.body, "PUT /g - 0 0");
    assert_int_equal(atomic_load(&f.calls), 6);
    peer_close(&p);
    cs_http_server_free(s);
}

static void test_handlers_choose_status_and_headers(void **state)
{
    struct fixture f;
    struct cs_http_server *s = start(&f, 1);
    struct answer a;
    struct peer p;

    (void)state;
    assert_true(peer_connect(&p, cs_http_server_port(s)));
    assert_true(peer_post(&p, "/teapot", "", 0, &a));
    assert_int_equal(a.status, 405);
    assert_non_null(strstr(a.headers, "Allow: GET\r\n"));
    assert_non_null(strstr(a.headers, "Content-Type: application/json\r\n"));
    assert_true(peer_post(&p, "/failed", "", 0, &a));
    assert_int_equal(a.status, 500);
    assert_string_equal(a.body, "the answer grew too large\n");
    assert_true(peer_post(&p, "/after", "", 0, &a));
    assert_string_equal(a.body, "POST /after text/plain 0 0");
    peer_close(&p);
    cs_http_server_free(s);
}

static void test_bodies_up_to_the_cap_arrive_whole(void **state)
{
    static const size_t sizes[] = {1, 16383, 16384, 16385, 32768, 100000, MAX_BODY - 1, MAX_BODY};
    struct fixture f;
    struct cs_http_server *s = start(&f, 1);
    char *body = malloc(MAX_BODY), want[128];
    struct answer a;
    struct peer p;

    (void)state;
    for (size_t i = 0; i < MAX_BODY; i++)
        body[i] = (char)(i * 7 % 256); /* NUL bytes included */
    assert_true(peer_connect(&p, cs_http_server_port(s)));
    for (size_t k = 0; k < sizeof(sizes) / sizeof(sizes[0]); k++) {
        unsigned sum = 0;

        for (size_t i = 0; i < sizes[k]; i++)
            sum += (unsigned char)body[i] * (unsigned)(i % 251 + 1);
        (void)snprintf(want, sizeof(want), "POST /b text/plain %zu %u", sizes[k], sum);
        assert_true(peer_post(&p, "/b", body, sizes[k], &a));
        assert_string_equal(a.body, want);
    }
    peer_close(&p);
    free(body);
    cs_http_server_free(s);
}

static void test_an_announced_large_body_is_refused_unread(void **state)
{
    struct fixture f;
    struct cs_http_server *s = start(&f, 1);
    struct answer a;
    struct peer p;

    (void)state;
    assert_true(peer_connect(&p, cs_http_server_port(s)));
    assert_true(peer_sends(&p, "POST /b HTTP/1.1\r\nHost: x\r\nContent-Length: 200001\r\n\r\n"));
    assert_true(peer_answer(&p, false, &a)); /* not one byte of the body was sent */
    assert_int_equal(a.status, 413);
    assert_true(a.close);
    assert_string_equal(a.body, "the request body is larger than 200000 bytes\n");
    assert_true(peer_closed(&p));
    peer_close(&p);
    assert_int_equal(atomic_load(&f.calls), 0);
    cs_http_server_free(s);
}

/* Sends far more than the cap before it looks at the answer, which must survive that. */
static void send_too_much(struct cs_http_server *s, const char *head, const char *chunk_head, int status)
{
    char *piece = malloc(65536);
    struct answer a;
    struct peer p;

    memset(piece, 'x', 65536);
    assert_true(peer_connect(&p, cs_http_server_port(s)));
    assert_true(peer_sends(&p, head));
    for (int i = 0; i < 16; i++) /* 1 MiB */
        if (!peer_sends(&p, chunk_head) || !peer_send(&p, piece, 65536) || (*chunk_head && !peer_sends(&p, "\r\n")))
            break;
    assert_true(peer_answer(&p, false, &a));
    assert_int_equal(a.status, status);
    assert_true(a.close);
    peer_close(&p);
    free(piece);
}

static void test_a_large_body_that_is_sent_anyway_gets_its_answer(void **state)
{
    struct fixture f;
    struct cs_http_server *s = start(&f, 1);

    (void)state;
    for (int i = 0; i < 5; i++) {
        send_too_much(s, "POST /b HTTP/1.1\r\nHost: x\r\nContent-Length: 1048576\r\n\r\n", "", 413);
        send_too_much(s, "POST /b HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", "10000\r\n", 411);
    }
    assert_int_equal(atomic_load(&f.calls), 0);
    cs_http_server_free(s);
}

/* The first n of 150000 bytes: the body stays in memory. */
static void hold_body(struct cs_http_server *s, struct peer *p, const char *body, size_t n)
{
    struct answer a;
    struct peer other;

    assert_true(peer_sends(p, "POST /p HTTP/1.1\r\nHost: x\r\nContent-Length: 150000\r\n\r\n"));
    assert_true(peer_send(p, body, n));
    /* The one server thread serves in turns: after these it has read all that p sent. */
    assert_true(peer_connect(&other, cs_http_server_port(s)));
    for (int i = 0; i < 100; i++)
        assert_true(peer_post(&other, "/small", "", 0, &a));
    peer_close(&other);
}

static void test_all_bodies_together_are_bounded(void **state)
{
    struct fixture f = {.calls = 0};
    struct cs_http_options o = {.bind_address = "127.0.0.1:0",
        .threads = 1,
        .max_body = MAX_BODY,
        .max_body_total = 300000,
        .handler = &handler,
        .ctx = &f};
    struct cs_http_server *s = NULL;
    char *body = calloc(1, MAX_BODY);
    struct answer a;
    struct peer p, q;

    (void)state;
    assert_true(cs_http_server_new(&o, &s, NULL));
    assert_true(peer_connect(&p, cs_http_server_port(s)));
    assert_true(peer_post(&p, "/p", "", 0, &a)); /* proves itself */
    assert_true(peer_connect(&q, cs_http_server_port(s)));
    hold_body(s, &q, body, 20000); /* does not, holds as much in the end, and began before p: so it goes */
    hold_body(s, &p, body, 149999);
    assert_true(peer_send(&q, body, 130000));
    assert_true(peer_answer(&q, false, &a));
    peer_close(&q);
    assert_int_equal(a.status, 503);
    assert_string_equal(a.body, "too many large requests at once\n");
    assert_true(peer_send(&p, body, 1));
    assert_true(peer_answer(&p, false, &a));
    assert_int_equal(a.status, 200);
    assert_true(peer_connect(&q, cs_http_server_port(s))); /* what p held is free again */
    assert_true(peer_post(&q, "/q", body, MAX_BODY, &a));
    assert_int_equal(a.status, 200);
    peer_close(&p);
    assert_true(peer_connect(&p, cs_http_server_port(s))); /* who has held a part for some time goes for one who asks */
    hold_body(s, &p, body, 149999);
    assert_true(peer_post(&q, "/q", body, MAX_BODY, &a));
    assert_int_equal(a.status, 200);
    assert_true(peer_closed(&p));
    peer_close(&q);
    peer_close(&p);
    free(body);
    cs_http_server_free(s);
}

static void refuse_json(void *ctx, const char *text, struct cs_http_resp *resp)
{
    (void)ctx;
    resp->content_type = "application/json";
    cs_strbuf_addf(resp->body, "{\"code\":%d,\"message\":\"%s\"}", resp->status, text);
}

static void test_refusals_can_be_worded(void **state)
{
    struct fixture f = {.calls = 0};
    struct cs_http_options o = {.bind_address = "127.0.0.1:0",
        .threads = 1,
        .max_body = 10,
        .handler = &handler,
        .refusal = &refuse_json,
        .ctx = &f};
    const struct {
        const char *head, *body;
    } rows[] = {
        {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 11\r\n\r\n",
            "{\"code\":413,\"message\":\"the request body is larger than 10 bytes\"}"},
        {"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nb\r\n01234567890\r\n",
            "{\"code\":411,\"message\":\"the request needs a Content-Length, and no Transfer-Encoding\"}"},
    };
    struct cs_http_server *s = NULL;
    struct answer a;
    struct peer p;

    (void)state;
    assert_true(cs_http_server_new(&o, &s, NULL));
    for (int i = 0; i < 2; i++) {
        assert_true(peer_connect(&p, cs_http_server_port(s)));
        assert_true(peer_sends(&p, rows[i].head));
        assert_true(peer_answer(&p, false, &a));
        assert_non_null(strstr(a.headers, "Content-Type: application/json\r\n"));
        assert_string_equal(a.body, rows[i].body);
        peer_close(&p);
    }
    cs_http_server_free(s);
}

/* The body is cut by the peer: no answer, no call, nothing kept. */
static void test_truncated_requests_leave_nothing(void **state)
{
    struct fixture f;
    struct cs_http_server *s = start(&f, 1);
    struct answer a;
    struct peer p, q;

    (void)state;
    assert_true(peer_connect(&p, cs_http_server_port(s)));
    assert_true(peer_sends(&p, "POST /b HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nhalf"));
    assert_true(peer_connect(&q, cs_http_server_port(s)));
    for (int i = 0; i < 10; i++) /* the one thread serves in turns: the half is read now */
        assert_true(peer_post(&q, "/q", "", 0, &a));
    (void)shutdown(p.fd, SHUT_WR);
    assert_false(peer_answer(&p, false, &a));
    cs_http_server_drain(s, 10000); /* ends at once: no request is under way */
    assert_int_equal(atomic_load(&f.calls), 10);
    peer_close(&p);
    peer_close(&q);
    cs_http_server_free(s);
}

static void test_driven_mode_runs_on_the_callers_thread(void **state)
{
    struct fixture f;
    struct cs_http_server *s = start(&f, 0);
    struct pollfd pfd = {.fd = cs_http_server_fd(s), .events = POLLIN};
    struct answer a = {.status = 0};
    struct peer p;
    char byte;

    (void)state;
    assert_int_equal(cs_http_server_wait_ms(s), -1);
    assert_int_equal(poll(&pfd, 1, 0), 0);
    assert_true(peer_connect(&p, cs_http_server_port(s)));
    assert_true(peer_sends(&p, "GET /d HTTP/1.1\r\nHost: x\r\n\r\n"));
    for (int i = 0; i < 100 && recv(p.fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) <= 0; i++) {
        int64_t wait = cs_http_server_wait_ms(s);

        (void)poll(&pfd, 1, wait < 0 || wait > 1000 ? 1000 : (int)wait);
        cs_http_server_run(s);
    }
    assert_true(peer_answer(&p, false, &a));
    assert_string_equal(a.body, "GET /d - 0 0");
    assert_true(cs_http_server_wait_ms(s) > 0); /* the idle connection's deadline */
    peer_close(&p);
    cs_http_server_drain(s, 1000);
    cs_http_server_free(s);
}

static void test_a_retired_server_serves_and_says_close(void **state)
{
    struct fixture f;
    struct cs_http_server *s = start(&f, 2);
    struct answer a;
    struct peer p, q;

    (void)state;
    assert_true(peer_connect(&p, cs_http_server_port(s)));
    assert_true(peer_post(&p, "/1", "", 0, &a));
    assert_false(a.close);
    cs_http_server_retire(s);
    assert_true(peer_post(&p, "/2", "", 0, &a));
    assert_true(a.close);
    assert_true(peer_closed(&p));
    assert_true(peer_connect(&q, cs_http_server_port(s)));
    assert_true(peer_post(&q, "/3", "", 0, &a));
    assert_int_equal(a.status, 200);
    assert_true(a.close);
    peer_close(&p);
    peer_close(&q);
    cs_http_server_free(s);
}

static void *drain_thread(void *arg)
{
    cs_http_server_drain(arg, 30000);
    return NULL;
}

static void test_drain_finishes_what_is_under_way(void **state)
{
    struct fixture f;
    struct cs_http_server *s = start(&f, 2);
    struct answer a;
    struct peer p, q;
    pthread_t t = 0;

    (void)state;
    assert_true(peer_connect(&p, cs_http_server_port(s)));
    assert_true(peer_sends(&p, "GET /slow HTTP/1.1\r\nHost: x\r\n\r\n"));
    while (!atomic_load(&f.entered))
        (void)usleep(1000);
    assert_int_equal(pthread_create(&t, NULL, &drain_thread, s), 0);
    (void)usleep(20000);
    atomic_store(&f.let_go, 1);
    assert_true(peer_answer(&p, false, &a));
    assert_string_equal(a.body, "GET /slow - 0 0");
    assert_true(a.close);
    assert_int_equal(pthread_join(t, NULL), 0);
    assert_false(peer_connect(&q, cs_http_server_port(s))); /* nobody listens any more */
    peer_close(&q);
    peer_close(&p);
    cs_http_server_free(s);
}

static void test_drain_has_a_deadline(void **state)
{
    struct fixture f;
    struct cs_http_server *s = start(&f, 2);
    struct peer p;

    (void)state;
    assert_true(peer_connect(&p, cs_http_server_port(s)));
    assert_true(peer_sends(&p, "GET /slow HTTP/1.1\r\nHost: x\r\n\r\n"));
    while (!atomic_load(&f.entered))
        (void)usleep(1000);
    cs_http_server_drain(s, 30); /* returns although the handler has not */
    assert_false(atomic_load(&f.let_go));
    atomic_store(&f.let_go, 1);
    peer_close(&p);
    cs_http_server_free(s);
}

static void test_addresses(void **state)
{
    static const struct {
        const char *address;
        enum cs_errkind kind; /* NONE: fine */
    } rows[] = {
        {":0", CS_ERR_NONE}, {"0.0.0.0:0", CS_ERR_NONE}, {"localhost:0", CS_ERR_NONE}, {"0", CS_ERR_NONE},
        {"", CS_ERR_INVALID}, {"9443", CS_ERR_INVALID}, {":", CS_ERR_INVALID}, {":65536", CS_ERR_INVALID},
        {":-1", CS_ERR_INVALID}, {"no-such-host.invalid:1", CS_ERR_INVALID},
        {"192.0.2.1:0", CS_ERR_IO}, /* not an address of this machine */
    };
    struct fixture f = {.calls = 0};

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct cs_http_options o = {.bind_address = rows[i].address, .threads = 1, .handler = &handler, .ctx = &f};
        struct cs_http_server *s = NULL;
        struct cs_error err = CS_ERROR_INIT;
        bool ok = cs_http_server_new(&o, &s, &err);

        if (ok != (rows[i].kind == CS_ERR_NONE) || err.kind != rows[i].kind)
            fail_msg("\"%s\": %s (%s)", rows[i].address, err.message, cs_errkind_name(err.kind));
        if (ok && strcmp(rows[i].address, "0") == 0)
            assert_null(s);
        cs_http_server_free(s);
    }
}

static void test_a_port_in_use_is_an_error(void **state)
{
    struct fixture f;
    struct cs_http_server *s = start(&f, 1), *t = NULL;
    struct cs_error err = CS_ERROR_INIT;
    char address[32];
    struct cs_http_options o = {.bind_address = address, .threads = 1, .handler = &handler, .ctx = &f};

    (void)state;
    (void)snprintf(address, sizeof(address), "127.0.0.1:%u", cs_http_server_port(s));
    assert_false(cs_http_server_new(&o, &t, &err));
    assert_int_equal(err.kind, CS_ERR_IO);
    assert_non_null(strstr(err.message, "Address already in use"));
    cs_http_server_free(s);
}

struct hammer {
    uint16_t port;
    atomic_int *good;
};

static void *hammer_thread(void *arg)
{
    struct hammer *h = arg;
    struct answer *a = malloc(sizeof(*a));
    struct peer *p = malloc(sizeof(*p));

    for (int c = 0; c < 5; c++) {
        if (!peer_connect(p, h->port))
            break;
        for (int i = 0; i < 40; i++)
            if (peer_post(p, "/h", "hello", 5, a) && strcmp(a->body, "POST /h text/plain 5 1617") == 0)
                atomic_fetch_add(h->good, 1);
        peer_close(p);
    }
    free(a);
    free(p);
    return NULL;
}

static void test_many_peers_at_once(void **state)
{
    struct fixture f;
    struct cs_http_server *s = start(&f, 4);
    atomic_int good = 0;
    struct hammer h = {.port = cs_http_server_port(s), .good = &good};
    pthread_t t[8] = {0};

    (void)state;
    for (int i = 0; i < 8; i++)
        assert_int_equal(pthread_create(&t[i], NULL, &hammer_thread, &h), 0);
    for (int i = 0; i < 8; i++)
        assert_int_equal(pthread_join(t[i], NULL), 0);
    assert_int_equal(atomic_load(&good), 8 * 5 * 40);
    assert_int_equal(atomic_load(&f.calls), 8 * 5 * 40);
    cs_http_server_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_connections_are_kept),
        cmocka_unit_test(test_handlers_choose_status_and_headers),
        cmocka_unit_test(test_bodies_up_to_the_cap_arrive_whole),
        cmocka_unit_test(test_an_announced_large_body_is_refused_unread),
        cmocka_unit_test(test_a_large_body_that_is_sent_anyway_gets_its_answer),
        cmocka_unit_test(test_all_bodies_together_are_bounded),
        cmocka_unit_test(test_refusals_can_be_worded),
        cmocka_unit_test(test_truncated_requests_leave_nothing),
        cmocka_unit_test(test_driven_mode_runs_on_the_callers_thread),
        cmocka_unit_test(test_a_retired_server_serves_and_says_close),
        cmocka_unit_test(test_drain_finishes_what_is_under_way),
        cmocka_unit_test(test_drain_has_a_deadline),
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_a_port_in_use_is_an_error),
        cmocka_unit_test(test_many_peers_at_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
