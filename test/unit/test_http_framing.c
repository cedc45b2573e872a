/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is taken for a request, and where it ends.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdatomic.h>

#include "common/http/http_server.h"
#include "test/unit/http_client.h"

struct fixture {
    atomic_int calls;
};

static void handler(void *ctx, const struct cs_http_req *req, struct cs_http_resp *resp)
{
    struct fixture *f = ctx;

    atomic_fetch_add(&f->calls, 1);
    cs_strbuf_addf(resp->body, "%s %s %zu", req->method, req->path, req->body.len);
}

static struct cs_http_server *start(struct fixture *f, unsigned threads)
{
    struct cs_http_options o = {.bind_address = "127.0.0.1:0", .threads = threads, .handler = &handler, .ctx = f};
    struct cs_http_server *s = NULL;

    atomic_init(&f->calls, 0);
    assert_true(cs_http_server_new(&o, &s, NULL));
    return s;
}

/* No second request is seen in what follows one of which it is not certain where it ends. */
static void test_where_a_body_ends_must_be_plain(void **state)
{
    static const struct {
        const char *headers;
        int status;
    } rows[] = {
        {"Content-Length: 5\r\n", 200},
        {"content-length:5\r\n", 200},
        {"Transfer-Encoding: chunked\r\n", 411},
        {"transfer-encoding: xchunked\r\n", 411},
        {"Transfer-Encoding: gzip, chunked\r\n", 411},
        {"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", 411},
        {"Content-Length: 5\r\nTransfer-Encoding: identity\r\n", 411},
        {"", 411},
        {"Content-Length:\r\n 5\r\n", 411}, /* libmicrohttpd makes a header "Content-Length5" of it */
        {"Content-Length: 5\r\nContent-Length: 5\r\n", 400},
        {"Content-Length: 0\r\nContent-Length: 5\r\n", 400},
        {"Content-Length : 5\r\n", 400},
        {" Content-Length: 5\r\nX: y\r\n", 400},
        {"Transfer-Encoding : chunked\r\nContent-Length: 5\r\n", 400},
        {": x\r\nContent-Length: 5\r\n", 411},
    };
    struct fixture f;
    struct cs_http_server *s = start(&f, 1);
    struct answer a;
    struct peer p;

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        bool ok = rows[i].status == 200;

        atomic_store(&f.calls, 0);
        assert_true(peer_connect(&p, cs_http_server_port(s)));
        assert_true(peer_sends(&p, "POST /c HTTP/1.1\r\nHost: x\r\n"));
        assert_true(peer_sends(&p, rows[i].headers));
        assert_true(peer_sends(&p, "\r\nhelloGET /second HTTP/1.1\r\nHost: x\r\n\r\n"));
        assert_true(peer_answer(&p, false, &a));
        if (a.status != rows[i].status)
            fail_msg("%s: %d", rows[i].headers, a.status);
        assert_int_equal(a.close, !ok);
        if (peer_answer(&p, false, &a) != ok)
            fail_msg("%s: %s", rows[i].headers, ok ? "nothing more is answered" : "what follows is answered");
        assert_int_equal(atomic_load(&f.calls), ok ? 2 : 0);
        peer_close(&p);
    }
    cs_http_server_free(s);
}

static void test_paths_are_not_decoded(void **state)
{
    struct fixture f;
    struct cs_http_server *s = start(&f, 1);
    struct answer a;
    struct peer p;

    (void)state;
    assert_true(peer_connect(&p, cs_http_server_port(s)));
    assert_true(peer_post(&p, "/a%00b%2Fc?d=%00", "", 0, &a));
    assert_string_equal(a.body, "POST /a%00b%2Fc 0");
    peer_close(&p);
    cs_http_server_free(s);
}

static void test_what_is_not_http_is_refused(void **state)
{
    static const char *const rows[] = {
        "garbage\r\n\r\n",
        "GET / HTTP/9.9\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999999\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffffff\r\n",
    };
    struct fixture f;
    struct cs_http_server *s = start(&f, 1);
    struct answer a;
    struct peer p;

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_true(peer_connect(&p, cs_http_server_port(s)));
        assert_true(peer_sends(&p, rows[i]));
        if (peer_answer(&p, false, &a) && a.status < 400)
            fail_msg("row %zu: %d", i, a.status);
        if (!peer_closed(&p))
            fail_msg("row %zu: not closed", i);
        peer_close(&p);
    }
    assert_int_equal(atomic_load(&f.calls), 0);
    assert_true(peer_connect(&p, cs_http_server_port(s)));
    assert_true(peer_post(&p, "/", "", 0, &a)); /* still alive */
    peer_close(&p);
    cs_http_server_free(s);
}

static void test_headers_are_bounded(void **state)
{
    struct fixture f;
    struct cs_http_server *s = start(&f, 1);
    struct answer a;
    struct peer p;
    bool more = true;

    (void)state;
    assert_true(peer_connect(&p, cs_http_server_port(s)));
    assert_true(peer_sends(&p, "GET / HTTP/1.1\r\nHost: x\r\n"));
    for (int i = 0; i < 10000 && more; i++)
        more = peer_sends(&p, "X-Filler: 0123456789012345678901234567890123456789\r\n");
    if (peer_answer(&p, false, &a))
        assert_true(a.status == 431 || a.status == 413);
    assert_int_equal(atomic_load(&f.calls), 0);
    peer_close(&p);
    cs_http_server_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_where_a_body_ends_must_be_plain),
        cmocka_unit_test(test_paths_are_not_decoded),
        cmocka_unit_test(test_what_is_not_http_is_refused),
        cmocka_unit_test(test_headers_are_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
