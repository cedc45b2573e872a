/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Streams of the real client, cancelling, and callbacks that meddle with other requests.
 */
#include "test/unit/curl_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/base/alloc.h"

/* ---- cancelling, and callbacks that meddle ---- */

static void test_cancel(void **state)
{
    struct cw *w = *state;
    struct cw_ask *asks[4];
    int fds[4];

    for (int i = 0; i < 4; i++)
        asks[i] = cw_stream(w, i, 0);
    cw_cancel(w, asks[0]->id); /* before it was sent */
    for (int i = 1; i < 4; i++) {
        fds[i] = cw_accept_one(w);
        cw_receive_line(w, fds[i], "GET /api/v1/pods?watch=true HTTP/1.1");
    }
    cw_idle(w);
    assert_false(cw_has_input(w->listener));
    for (int i = 1; i < 4; i++) {
        cw_cancel(w, asks[i]->id);
    }
    for (int i = 1; i < 4; i++) {
        assert_true(cw_is_closed(w, fds[i]));
        (void)close(fds[i]);
    }
    cw_cancel(w, 12345); /* never was */
    cw_idle(w);
    cw_expect(w, "");
}

static void test_cancelling_a_queued_call_lets_the_next_one_through(void **state)
{
    struct cw *w = *state;
    uint64_t waiting;

    cw_make_client(w, 1, 0);
    (void)cw_get(w, 1);
    waiting = cw_get(w, 2);
    (void)cw_get(w, 3);
    cs_autoclose int fd = cw_accept_one(w);
    cw_receive_line(w, fd, "GET /api/v1/namespaces/n/pods/p1 HTTP/1.1");
    assert_int_equal(cs_curl_inflight(w->c), 3);
    w->cancels = waiting; /* inside the first one's callback */
    cw_answer(fd, "200 OK", "", "");
    cw_receive_line(w, fd, "GET /api/v1/namespaces/n/pods/p3 HTTP/1.1");
    assert_int_equal(cs_curl_inflight(w->c), 1);
    cw_expect(w, "done:1=200");
}

static void test_a_callback_may_cancel_itself_and_call_again(void **state)
{
    struct cw *w = *state;

    (void)cw_get(w, 1);
    cs_autoclose int fd = cw_accept_one(w);
    cw_receive_line(w, fd, "GET /api/v1/namespaces/n/pods/p1 HTTP/1.1");
    w->cancels = UINT64_MAX;
    w->calls_again = true;
    cw_answer(fd, "200 OK", "", "");
    cw_until(w, "done:1=200");
    cw_receive_line(w, fd, "GET /api/v1/namespaces/n/pods/p99 HTTP/1.1");
    cw_answer(fd, "404 Not Found", "", "");
    cw_until(w, "done:99");
    cw_expect(w, "done:1=200 done:99=not_found");
}

static void test_one_of_two_answers_cancels_the_other(void **state)
{
    struct cw *w = *state;
    uint64_t ids[2] = {cw_get(w, 1), cw_get(w, 2)};

    cs_autoclose int one = cw_accept_one(w), two = cw_accept_one(w);
    cw_receive_line(w, one, "GET /api/v1/namespaces/n/pods/p1 HTTP/1.1");
    cw_receive_line(w, two, "GET /api/v1/namespaces/n/pods/p2 HTTP/1.1");
    w->cancels = ids[1];
    cw_answer(one, "200 OK", "", "");
    cw_answer(two, "200 OK", "", ""); /* both are there before the client looks */
    cw_idle(w);
    if (strcmp(w->log, "done:2=200 done:1=200") != 0) /* had the second come first, it was too late to cancel it */
        cw_expect(w, "done:1=200");
    assert_int_equal(cs_curl_inflight(w->c), 0);
}

static void test_freeing_the_client_calls_nobody(void **state)
{
    struct cw *w = *state;

    (void)cw_stream(w, 1, 0);
    cs_autoclose int fd = cw_accept_one(w);
    (void)cw_stream(w, 2, 0);
    cs_curl_client_free(w->c);
    w->c = NULL;
    cw_expect(w, "");
    assert_true(fd >= 0);
}

/* ---- streams ---- */

static void test_a_stream_from_head_to_end(void **state)
{
    struct cw *w = *state;
    cs_autoclose int fd = cw_open_stream(w, 1, 0, NULL);

    cw_expect(w, "bytes:1="); /* the head alone is worth a word */
    cw_say(fd, "5\r\nhello\r\n");
    cw_until(w, "hello");
    w->now += 1000000; /* no deadline */
    cw_say(fd, "3\r\nyou\r\n");
    cw_until(w, "you");
    cw_say(fd, "0\r\nTrailer: x\r\n\r\n"); /* whose end is no second head */
    cw_until(w, "done");
    cw_expect(w, "bytes:1=hello bytes:1=you done:1=200");
    assert_int_equal(w->body_len, 0);
    assert_int_equal(w->last.status, 200);
}

static void test_a_stream_that_is_cut(void **state)
{
    struct cw *w = *state;
    int fd = cw_open_stream(w, 1, 0, NULL);

    cw_say(fd, "5\r\nhel");
    cw_until(w, "hel");
    (void)close(fd);
    cw_until(w, "done");
    cw_expect(w, "bytes:1= bytes:1=hel done:1=transport");
    assert_int_equal(w->last.status, 200);
}

static void test_a_stream_that_is_refused(void **state)
{
    struct cw *w = *state;

    (void)cw_stream(w, 1, 0);
    cs_autoclose int fd = cw_accept_one(w);
    cw_receive_line(w, fd, "GET /api/v1/pods?watch=true HTTP/1.1");
    cw_answer(fd, "410 Gone", "", "{\"kind\":\"Status\",\"message\":\"too old\",\"reason\":\"Expired\"}");
    cw_until(w, "done");
    cw_expect(w, "done:1=gone");
    assert_string_equal(w->last.err.message, "too old");
    assert_string_equal(w->last.err.reason, "Expired");
}

static void test_a_reader_that_says_no(void **state)
{
    struct cw *w = *state;
    cs_autoclose int fd = cw_open_stream(w, 1, 0, NULL);

    w->refuse = true;
    cw_say(fd, "5\r\nhello\r\n");
    cw_until(w, "done");
    cw_expect(w, "bytes:1= bytes:1=hello done:1=decode");
    assert_true(cw_is_closed(w, fd));
}

static void test_silence_ends_a_stream(void **state)
{
    struct cw *w = *state;
    cs_autoclose int fd = cw_open_stream(w, 1, 150000, NULL);

    w->now += 149999;
    cw_say(fd, "2\r\n..\r\n");
    cw_until(w, "..");
    w->now += 149999;
    cw_idle(w);
    cw_expect(w, "bytes:1= bytes:1=..");
    w->now += 1;
    cw_idle(w);
    cw_expect(w, "done:1=timeout");
    assert_int_equal(w->last.status, 200);
    assert_int_equal(w->last.err.code, 200);
    assert_true(cw_is_closed(w, fd));
    /* also when not even a head came */
    (void)cw_stream(w, 2, 1000);
    cs_autoclose int mute = cw_accept_one(w);
    cw_receive_line(w, mute, "GET /api/v1/pods?watch=true HTTP/1.1");
    w->now += 1000;
    cw_idle(w);
    cw_expect(w, "done:2=timeout");
    assert_int_equal(w->last.status, 0);
}

static void test_cancelling_inside_a_chunk(void **state)
{
    struct cw *w = *state;
    uint64_t me, other;
    cs_autoclose int one = cw_open_stream(w, 1, 0, &me), two = cw_open_stream(w, 2, 0, &other);

    w->log[0] = '\0';
    w->cancels = me;
    cw_say(one, "1\r\na\r\n1\r\nb\r\n"); /* the second is not delivered any more */
    cw_until(w, "bytes:1=a");
    cw_idle(w);
    cw_expect(w, "bytes:1=a");
    assert_true(cw_is_closed(w, one));
    /* another's: a third stream ends the second */
    uint64_t third;
    cs_autoclose int three = cw_open_stream(w, 3, 0, &third);

    w->log[0] = '\0';
    w->cancels = third;
    w->calls_again = true;
    cw_say(two, "1\r\nc\r\n");
    cw_until(w, "bytes:2=c");
    assert_true(cw_is_closed(w, three));
    cs_autoclose int four = cw_accept_one(w); /* of the call made inside the chunk */
    cw_receive_line(w, four, "GET /api/v1/namespaces/n/pods/p99 HTTP/1.1");
    cw_expect(w, "bytes:2=c");
    cw_say(two, "1\r\nd\r\n");
    cw_until(w, "bytes:2=d");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
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
    };

    return cmocka_run_group_tests_name("curl_stream", tests, NULL, NULL);
}
