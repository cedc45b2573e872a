/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the real client does with time: the queue, deadlines (D12: nothing is sent after them).
 */
#include "test/unit/curl_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "common/base/alloc.h"

/* ---- the queue and time ---- */

static void test_calls_beyond_max_inflight_wait_in_order(void **state)
{
    struct cw *w = *state;

    for (int i = 1; i <= 5; i++)
        (void)cw_get(w, i);
    cs_autoclose int one = cw_accept_one(w), two = cw_accept_one(w);
    cw_receive_line(w, one, "GET /api/v1/namespaces/n/pods/p1 HTTP/1.1");
    cw_receive_line(w, two, "GET /api/v1/namespaces/n/pods/p2 HTTP/1.1");
    cw_idle(w);
    assert_false(cw_has_input(w->listener));
    assert_int_equal(cs_curl_inflight(w->c), 5);
    struct cw_ask *watch = cw_stream(w, 6, 0); /* streams do not queue */
    cs_autoclose int three = cw_accept_one(w);

    cw_receive_line(w, three, "GET /api/v1/pods?watch=true HTTP/1.1");
    assert_int_equal(cs_curl_inflight(w->c), 5);
    cw_answer(two, "200 OK", "", "");
    cw_until(w, "done:2=200");
    cw_receive_line(w, two, "GET /api/v1/namespaces/n/pods/p3 HTTP/1.1");
    cw_answer(two, "200 OK", "", "");
    cw_receive_line(w, two, "GET /api/v1/namespaces/n/pods/p4 HTTP/1.1");
    cw_answer(one, "200 OK", "", "");
    cw_receive_line(w, one, "GET /api/v1/namespaces/n/pods/p5 HTTP/1.1");
    cw_expect(w, "done:2=200 done:3=200 done:1=200");
    assert_int_equal(cs_curl_inflight(w->c), 2);
    cw_answer(one, "200 OK", "", "");
    cw_until(w, "done:5=200");
    cw_answer(two, "200 OK", "", "");
    cw_until(w, "done:4=200");
    cw_cancel(w, watch->id);
}

static void test_a_deadline_counts_from_call_and_in_the_queue(void **state)
{
    struct cw *w = *state;

    (void)cw_get(w, 1);
    (void)cw_get(w, 2);
    w->now += 2000;
    (void)cw_get(w, 3);
    cs_autoclose int one = cw_accept_one(w), two = cw_accept_one(w);
    cw_receive_line(w, one, "GET /api/v1/namespaces/n/pods/p1 HTTP/1.1");
    cw_receive_line(w, two, "GET /api/v1/namespaces/n/pods/p2 HTTP/1.1");
    w->now += 2999;
    cw_idle(w);
    cw_expect(w, "");
    w->now += 1; /* 5 s after the first two */
    cw_idle(w);
    cw_expect(w, "done:1=timeout done:2=timeout");
    assert_non_null(strstr(w->last.err.message, "no answer within 5000 ms"));
    assert_true(cw_is_closed(w, one)); /* an answer that came now would be taken for another's */
    cs_autoclose int three = cw_accept_one(w);
    cw_receive_line(w, three, "GET /api/v1/namespaces/n/pods/p3 HTTP/1.1");
    w->now += 1999;
    cw_idle(w);
    cw_expect(w, "");
    w->now += 1; /* 5 s after its cw_call(), not after its sending */
    cw_idle(w);
    cw_expect(w, "done:3=timeout");
}

static void test_nothing_is_sent_past_its_deadline(void **state)
{
    struct cw *w = *state;

    (void)cw_get(w, 1);
    w->now += 5000; /* the process was stopped meanwhile */
    cw_idle(w);
    cw_expect(w, "done:1=timeout");
    assert_non_null(strstr(w->last.err.message, "not sent"));
    assert_false(cw_has_input(w->listener));
    /* under way, but stopped before the connection was used */
    (void)cw_get(w, 2);
    cs_curl_poll(w->c, 0, NULL, 0);
    w->now += 5000;
    cw_idle(w);
    cw_expect(w, "done:2=timeout");
    if (cw_has_input(w->listener)) {
        cs_autoclose int fd = cw_accept_one(w);

        assert_true(cw_is_closed(w, fd)); /* without a byte of the request */
    }
}

/*
 * The process is stopped for 5 s at every place where it looks at the clock, one after the other: whenever that happens,
 * the round in which it wakes up sends nothing (D12).
 */
static void test_a_stopped_process_sends_nothing_when_it_wakes_up(void **state)
{
    struct cw *w = *state;
    int sent_in_time = 0, not_sent = 0;

    for (int look = 2; look < 30; look++) { /* the first is that of cw_call() itself */
        int fd = -1;
        bool woken = false, sent = false;
        char c;

        cw_make_client(w, 1, 0);
        w->jump_at_look = look;
        (void)cw_get(w, 1);
        for (int i = 0; i < 8 && !woken && !sent; i++) {
            cw_poll_client(w);
            woken = w->jump_at_look == 0;
            if (fd < 0 && cw_has_input(w->listener))
                fd = cw_accept_one(w);
            sent = fd >= 0 && recv(fd, &c, 1, MSG_PEEK | MSG_DONTWAIT) == 1;
            assert_false(woken && sent);
        }
        cw_idle(w);
        sent_in_time += sent;
        not_sent += woken;
        if (woken)
            assert_non_null(strstr(w->log, "done:1=timeout"));
        w->log[0] = '\0';
        w->jump_at_look = 0;
        if (fd >= 0)
            (void)close(fd);
        while (cw_has_input(w->listener)) /* connected, but given up before it was used */
            (void)close(cw_accept_one(w));
    }
    assert_true(sent_in_time > 0 && not_sent > 5);
}

static void test_a_deadline_of_its_own(void **state)
{
    struct cw *w = *state;

    (void)cw_call(
        w, 1, &(struct cs_call){.verb = CS_VERB_LIST, .gvr = &cs_gvr_pods, .query = "limit=500", .timeout_ms = 30000});
    cs_autoclose int fd = cw_accept_one(w);
    cw_receive_line(w, fd, "GET /api/v1/pods?limit=500 HTTP/1.1");
    w->now += 29999;
    cw_idle(w);
    cw_expect(w, "");
    w->now += 1;
    cw_idle(w);
    cw_expect(w, "done:1=timeout");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_SERVER(test_calls_beyond_max_inflight_wait_in_order),
        WITH_SERVER(test_a_deadline_counts_from_call_and_in_the_queue),
        WITH_SERVER(test_nothing_is_sent_past_its_deadline),
        WITH_SERVER(test_a_stopped_process_sends_nothing_when_it_wakes_up),
        WITH_SERVER(test_a_deadline_of_its_own),
    };

    return cmocka_run_group_tests_name("curl_pace", tests, NULL, NULL);
}
