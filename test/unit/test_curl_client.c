/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests of the real client as a server sees them, its answers, connections, tokens and numbers.
 */
#include "test/unit/curl_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "common/base/alloc.h"

/* ---- one request ---- */

static void test_a_get_and_its_answer(void **state)
{
    struct cw *w = *state;
    cs_autostrbuf text = CS_STRBUF_INIT;
    char expected[512];

    w->config.token = w->server + 17; /* any word will do */
    cw_make_client(w, 0, 0);
    (void)cw_get(w, 1);
    assert_int_equal(cs_curl_inflight(w->c), 1);
    w->now += 7;
    cs_autoclose int fd = cw_accept_one(w);
    cw_receive(w, fd, &text);
    (void)snprintf(expected, sizeof(expected),
        "GET /api/v1/namespaces/n/pods/p1 HTTP/1.1\r\nHost: %s\r\nUser-Agent: cloneset-test/1\r\n"
        "Accept: application/json\r\nAuthorization: Bearer %s\r\n\r\n",
        w->server + 7, w->server + 17);
    assert_string_equal(cs_strbuf_str(&text), expected); /* and nothing else: no Expect, no encodings */
    cw_answer(fd, "200 OK", "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\nRetry-After: 5\r\n", "{\"a\":1}");
    cw_until(w, "done");
    cw_expect(w, "done:1=200");
    assert_string_equal(w->body, "{\"a\":1}");
    assert_int_equal(w->last.server_date_ms, 784111777000);
    assert_int_equal(w->last.started_ms, 5000); /* when cw_call() was called */
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
    struct cw *w = *state;
    cs_autoclose int fd = -1;

    for (size_t i = 0; i < CS_ARRAY_LEN(rows); i++) {
        cs_autostrbuf text = CS_STRBUF_INIT;
        const char *s, *type;

        (void)cw_call(w, (int)i, &rows[i].call);
        if (fd < 0)
            fd = cw_accept_one(w);
        cw_receive(w, fd, &text); /* always on the same connection */
        s = cs_strbuf_str(&text);
        assert_int_equal(strncmp(s, rows[i].line, strlen(rows[i].line)), 0);
        type = strstr(s, "Content-Type: ");
        assert_int_equal(type != NULL, rows[i].type != NULL);
        if (type && rows[i].type)
            assert_int_equal(strncmp(type + 14, rows[i].type, strlen(rows[i].type)), 0);
        assert_string_equal(strstr(s, "\r\n\r\n") + 4, rows[i].body);
        assert_null(strstr(s, "Expect"));
        cw_answer(fd, "200 OK", "", "");
        cw_until(w, "done");
        w->log[0] = '\0';
    }
    assert_false(cw_has_input(w->listener));
}

static void test_large_bodies_both_ways(void **state)
{
    const size_t size = (size_t)3 << 20;
    struct cw *w = *state;
    cs_autofree char *big = cs_new_array(char, size + 1);
    cs_autostrbuf text = CS_STRBUF_INIT;

    memset(big, 'x', size);
    (void)cw_call(w, 1,
        &(struct cs_call){.verb = CS_VERB_CREATE, .gvr = &cs_gvr_pods, .ns = "n", .body = {.p = big, .len = size}});
    memset(big, 'y', size); /* the client has a copy */
    cs_autoclose int fd = cw_accept_one(w);
    cw_receive(w, fd, &text); /* at once: no wait for a 100 */
    assert_null(strstr(cs_strbuf_str(&text), "Expect"));
    assert_int_equal(strspn(strstr(cs_strbuf_str(&text), "\r\n\r\n") + 4, "x"), size);
    cs_autofree char *head = cs_xasprintf("HTTP/1.1 201 Created\r\nContent-Length: %zu\r\n\r\n", size);

    cw_say(fd, head);
    for (size_t at = 0; at < size;) {
        ssize_t n = send(fd, big + at, size - at, MSG_NOSIGNAL | MSG_DONTWAIT);

        if (n > 0)
            at += (size_t)n;
        else
            cw_poll_client(w);
    }
    cw_until(w, "done");
    cw_expect(w, "done:1=201");
    assert_int_equal(w->body_len, size);
}

static void test_answers_above_the_ceiling(void **state)
{
    struct cw *w = *state;

    cw_make_client(w, 1, 10);
    (void)cw_get(w, 1);
    cs_autoclose int fd = cw_accept_one(w);
    cw_receive_line(w, fd, "GET /api/v1/namespaces/n/pods/p1 HTTP/1.1");
    cw_answer(fd, "200 OK", "", "0123456789a");
    cw_until(w, "done");
    cw_expect(w, "done:1=too_large");
    assert_true(cw_is_closed(w, fd));
    (void)cw_get(w, 2);
    cs_autoclose int again = cw_accept_one(w);
    cw_receive_line(w, again, "GET /api/v1/namespaces/n/pods/p2 HTTP/1.1");
    cw_answer(again, "200 OK", "", "0123456789");
    cw_until(w, "done");
    cw_expect(w, "done:2=200");
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
    struct cw *w = *state;
    cs_autoclose int fd = -1;

    for (size_t i = 0; i < CS_ARRAY_LEN(rows); i++) {
        (void)cw_get(w, 1);
        if (fd < 0)
            fd = cw_accept_one(w);
        cw_receive_line(w, fd, "GET /api/v1/namespaces/n/pods/p1 HTTP/1.1");
        cw_answer(fd, rows[i].status, rows[i].headers, rows[i].body);
        cw_until(w, "done");
        cw_expect(w, rows[i].word);
        assert_int_equal(w->last.err.retry_after_ms, rows[i].retry_ms);
        assert_int_equal(w->last.err.code, strtol(rows[i].status, NULL, 10));
    }
    cw_idle(w);
    assert_false(cw_has_input(fd)); /* the redirect was not followed */
}

static void test_calls_that_cannot_be_sent_end_later(void **state)
{
    struct cw *w = *state;

    (void)cw_call(w, 1, &(struct cs_call){.verb = CS_VERB_DELETE, .gvr = &cs_gvr_pods, .ns = "n", .name = ""});
    cw_expect(w, "");
    w->calls_again = true;
    cw_until(w, "done");
    cw_expect(w, "done:1=internal");
    cs_autoclose int fd = cw_accept_one(w); /* of the call that the callback made */
    cw_receive_line(w, fd, "GET /api/v1/namespaces/n/pods/p99 HTTP/1.1");
}

static void test_calls_that_fail_again_and_again_leave_room_for_others(void **state)
{
    struct cw *w = *state;

    w->bad_calls = 3;
    (void)cw_call(w, 4, &(struct cs_call){.verb = CS_VERB_GET, .gvr = &cs_gvr_pods});
    cw_poll_client(w);
    cw_expect(w, "done:4=internal"); /* one a round, not until the end of days */
    cw_poll_client(w);
    cw_expect(w, "done:3=internal");
    cw_idle(w);
    cw_expect(w, "done:2=internal done:1=internal");
}

/* ---- connections ---- */

static void test_a_kept_connection_that_died_is_replaced(void **state)
{
    struct cw *w = *state;

    (void)cw_get(w, 1);
    int fd = cw_accept_one(w);

    cw_receive_line(w, fd, "GET /api/v1/namespaces/n/pods/p1 HTTP/1.1");
    cw_answer(fd, "200 OK", "", "");
    cw_until(w, "done:1=200");
    (void)close(fd);
    (void)cw_get(w, 2);
    cs_autoclose int again = cw_accept_one(w);
    cw_receive_line(w, again, "GET /api/v1/namespaces/n/pods/p2 HTTP/1.1");
    cw_answer(again, "200 OK", "", "");
    cw_until(w, "done:2=200");
}

static void test_nobody_listens(void **state)
{
    struct cw *w = *state;

    (void)close(w->listener);
    w->listener = -1;
    (void)cw_get(w, 1);
    cw_until(w, "done");
    cw_expect(w, "done:1=transport");
    assert_int_equal(w->last.status, 0);
    assert_non_null(strstr(w->last.err.message, w->server + 7));
}

static void test_an_answer_cut_in_the_middle(void **state)
{
    struct cw *w = *state;

    (void)cw_get(w, 1);
    int fd = cw_accept_one(w);

    cw_receive_line(w, fd, "GET /api/v1/namespaces/n/pods/p1 HTTP/1.1");
    cw_say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{\"a\"");
    cw_idle(w);
    (void)close(fd);
    cw_until(w, "done");
    cw_expect(w, "done:1=transport");
    assert_int_equal(w->last.status, 200);
}

static void test_the_environment_does_not_divert(void **state)
{
    struct cw *w = *state;

    assert_int_equal(setenv("http_proxy", "http://127.0.0.1:1", 1), 0);
    assert_int_equal(setenv("ALL_PROXY", "http://127.0.0.1:1", 1), 0);
    (void)cw_get(w, 1);
    cs_autoclose int fd = cw_accept_one(w);
    cw_receive_line(w, fd, "GET /api/v1/namespaces/n/pods/p1 HTTP/1.1");
    assert_int_equal(unsetenv("http_proxy"), 0);
    assert_int_equal(unsetenv("ALL_PROXY"), 0);
}

/* ---- tokens, waiting, numbers ---- */

static void put_token(const struct cw *w, const char *token)
{
    FILE *f = fopen(w->token_file, "we");

    assert_non_null(f);
    assert_true(fputs(token, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

static void get_with_token(struct cw *w, int fd, const char *token, const char *status)
{
    cs_autostrbuf text = CS_STRBUF_INIT;
    char line[64];

    (void)snprintf(line, sizeof(line), "\r\nAuthorization: Bearer %s\r\n", token);
    cw_receive(w, fd, &text);
    assert_non_null(strstr(cs_strbuf_str(&text), line));
    cw_answer(fd, status, "", "");
    cw_until(w, "done");
    w->log[0] = '\0';
}

static void test_a_rotated_token(void **state)
{
    struct cw *w = *state;
    cs_autoclose int fd = -1, made = -1;

    (void)snprintf(w->token_file, sizeof(w->token_file), "/tmp/cs-test-token-XXXXXX");
    made = mkstemp(w->token_file);
    assert_true(made >= 0);
    put_token(w, "first\n");
    w->config.token_file = w->token_file;
    cw_make_client(w, 1, 0);
    (void)cw_get(w, 1);
    fd = cw_accept_one(w);
    get_with_token(w, fd, "first", "200 OK");
    put_token(w, "second\n");
    (void)cw_get(w, 2);
    get_with_token(w, fd, "first", "401 Unauthorized"); /* read a moment ago */
    (void)cw_get(w, 3);
    get_with_token(w, fd, "second", "200 OK"); /* but it was refused */
    put_token(w, "third\n");
    w->now += 1000;
    (void)cw_get(w, 4);
    get_with_token(w, fd, "third", "200 OK");
}

static void test_other_descriptors_and_wakeup(void **state)
{
    struct cw *w = *state;
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
    static const struct cs_metric_desc requests = {
        .name = "rest_client_requests_total", .type = CS_METRIC_COUNTER, .labels = {"code", "method", "host"}};
    struct cw *w = *state;
    cs_autostrbuf out = CS_STRBUF_INIT;
    struct cs_metric *m = cs_metric_get(w->metrics, &requests);
    const char *host = w->server + 7;

    (void)cw_get(w, 1);
    cs_autoclose int fd = cw_accept_one(w);
    cw_receive_line(w, fd, "GET /api/v1/namespaces/n/pods/p1 HTTP/1.1");
    cw_answer(fd, "404 Not Found", "", "");
    cw_until(w, "done:1");
    (void)cw_get(w, 2);
    cw_receive_line(w, fd, "GET /api/v1/namespaces/n/pods/p2 HTTP/1.1");
    w->now += 5000;
    cw_until(w, "done:2");
    cs_autoclose int watch = cw_open_stream(w, 3, 0, NULL);
    assert_int_equal((int)cs_metric_value(m, CS_LABELS("404", "GET", host)), 1);
    assert_int_equal((int)cs_metric_value(m, CS_LABELS("<error>", "GET", host)), 1);
    assert_int_equal((int)cs_metric_value(m, CS_LABELS("200", "GET", host)), 1); /* while the watch is still on */
    cw_say(watch, "0\r\n\r\n");
    cw_until(w, "done:3");
    assert_int_equal((int)cs_metric_value(m, CS_LABELS("200", "GET", host)), 1);
    cs_metrics_expose(w->metrics, &out);
    assert_non_null(strstr(cs_strbuf_str(&out), "rest_client_request_duration_seconds_count{verb=\"GET\",host=\"127."));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_SERVER(test_a_get_and_its_answer),
        WITH_SERVER(test_verbs_bodies_and_what_a_used_handle_forgets),
        WITH_SERVER(test_large_bodies_both_ways),
        WITH_SERVER(test_answers_above_the_ceiling),
        WITH_SERVER(test_refusals_of_the_server),
        WITH_SERVER(test_calls_that_cannot_be_sent_end_later),
        WITH_SERVER(test_calls_that_fail_again_and_again_leave_room_for_others),
        WITH_SERVER(test_a_kept_connection_that_died_is_replaced),
        WITH_SERVER(test_nobody_listens),
        WITH_SERVER(test_an_answer_cut_in_the_middle),
        WITH_SERVER(test_the_environment_does_not_divert),
        WITH_SERVER(test_a_rotated_token),
        WITH_SERVER(test_other_descriptors_and_wakeup),
        WITH_SERVER(test_metrics),
    };

    return cmocka_run_group_tests_name("curl_client", tests, NULL, NULL);
}
