/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Histories of a reflector, in the words of reflector_world.h: lists, as streams and in pages, and what makes one fail, fall
 * back or begin again.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "common/base/alloc.h"
#include "test/unit/reflector_world.h"

/* ---- lists ---- */

static void test_a_list_comes_as_a_stream_and_goes_on_as_a_watch(void **state)
{
    struct rw *w = *state;

    assert_false(cs_reflector_synced(w->r));
    cs_reflector_start(w->r);
    rw_expect(w, ""); /* nothing from inside start() */
    rw_pass(w, 0);
    rw_expect(w, "stream");
    rw_pass(w, 100);
    rw_event(w, "ADDED", "a", 5);
    rw_event(w, "ADDED", "b", 3);
    assert_int_equal(cs_reflector_rv(w->r), 0);
    assert_false(cs_reflector_synced(w->r));
    rw_end_mark(w, "\"7\"");
    rw_expect(w, "begin listed:a@5 listed:b@3 end=7");
    assert_int_equal(w->end_sent_ms, 1000000);
    assert_true(cs_reflector_synced(w->r));
    assert_int_equal(cs_reflector_rv(w->r), 7);
    rw_event(w, "ADDED", "c", 8);
    rw_event(w, "MODIFIED", "a", 9);
    rw_event(w, "DELETED", "b", 10);
    rw_event(w, "BOOKMARK", "", 15);
    rw_expect(w, "+c@8 ~a@9 -b@10");
    assert_int_equal(cs_reflector_rv(w->r), 15);
    assert_null(cs_reflector_trouble(w->r, NULL));
}

static void test_the_requests_to_the_letter(void **state)
{
    struct rw *w = *state;
    struct cs_reflector_options o = rw_options_of(w);
    char timeout[16];

    cs_reflector_free(w->r);
    o.ns = "x";
    o.label_selector = "a=b,c";
    o.field_selector = "spec.nodeName=n";
    w->r = cs_reflector_new(&o);
    cs_reflector_start(w->r);
    rw_pass(w, 0);
    assert_between(strtol(rw_parameter(w, "timeoutSeconds", timeout, sizeof(timeout)), NULL, 10), 300, 600);
    *strstr(w->query, "&timeoutSeconds=") = '\0';
    assert_string_equal(w->query, "allowWatchBookmarks=true&labelSelector=a%3Db%2Cc&fieldSelector=spec.nodeName%3Dn"
                                  "&resourceVersionMatch=NotOlderThan&sendInitialEvents=true");
    assert_int_equal(w->silence_ms, 150000);
    assert_int_equal(w->timeout_ms, 0);
    rw_broken(w, CS_ERR_INVALID, 422);
    (void)rw_until_request(w);
    assert_string_equal(w->query, "labelSelector=a%3Db%2Cc&fieldSelector=spec.nodeName%3Dn&limit=500");
    assert_int_equal(w->timeout_ms, 30000);
    rw_answered(w, PAGE("t+/", ""));
    assert_string_equal(w->query, "labelSelector=a%3Db%2Cc&fieldSelector=spec.nodeName%3Dn&limit=500&continue=t%2B%2F");
    rw_answered(w, PAGE("", ""));
    (void)rw_until_request(w);
    assert_between(strtol(rw_parameter(w, "timeoutSeconds", timeout, sizeof(timeout)), NULL, 10), 300, 600);
    assert_non_null(strstr(w->query, "&watch=true"));
    *strstr(w->query, "&timeoutSeconds=") = '\0';
    assert_string_equal(w->query, "allowWatchBookmarks=true&labelSelector=a%3Db%2Cc&fieldSelector=spec.nodeName%3Dn"
                                  "&resourceVersion=70");
    assert_int_equal(w->silence_ms, 150000);
    /* D5c. A right by name (the webhook's Secret) is one to list with this field selector only. */
    w->probes_by_hand = true;
    rw_broken(w, CS_ERR_TRANSPORT, 200);
    (void)rw_until_request(w);
    assert_true(w->probing);
    assert_string_equal(w->query, "fieldSelector=spec.nodeName%3Dn&limit=1");
}

static void test_an_empty_list_begins_and_ends(void **state)
{
    struct rw *w = *state;

    cs_reflector_start(w->r);
    rw_pass(w, 0);
    rw_end_mark(w, "\"7\"");
    rw_expect(w, "stream begin end=7");
}

static void test_what_changes_while_the_list_is_sent(void **state)
{
    struct rw *w = *state;

    cs_reflector_start(w->r);
    rw_pass(w, 0);
    rw_event(w, "ADDED", "a", 5);
    rw_event(w, "BOOKMARK", "", 6); /* without the annotation: not the end */
    rw_event(w, "MODIFIED", "a", 8);
    rw_event(w, "DELETED", "a", 9);
    rw_end_mark(w, "\"9\"");
    rw_expect(w, "stream begin listed:a@5 listed:a@8 -a@9 end=9");
}

static void test_a_server_without_streaming_lists_gives_pages(void **state)
{
    static const int refusals[] = {422, 400};
    struct rw *w = *state;

    cs_reflector_start(w->r);
    for (size_t i = 0; i < CS_ARRAY_LEN(refusals); i++) {
        (void)rw_until_request(w);
        rw_expect(w, "stream"); /* asked anew at each list: the server may have been upgraded */
        rw_pass(w, 10);
        rw_broken(w, CS_ERR_INVALID, refusals[i]);
        assert_int_equal(rw_until_request(w), 0);
        assert_null(cs_reflector_trouble(w->r, NULL));
        int64_t sent = w->now;

        rw_pass(w, 20);
        rw_answered(w, PAGE("x", ITEM("a", "5") "," ITEM("b", "6")));
        rw_pass(w, 20);
        rw_answered(w, PAGE("y", ITEM("c", "7")));
        assert_false(cs_reflector_synced(w->r));
        rw_answered(w, PAGE("", ITEM("d", "8")));
        assert_int_equal(w->end_sent_ms, sent); /* consistent as of the first page */
        assert_true(cs_reflector_synced(w->r));
        assert_int_equal(rw_until_request(w), 0);
        rw_expect(w, "page begin listed:a@5 listed:b@6 page+x listed:c@7 page+y listed:d@8 end=70 watch=70");
        cs_reflector_relist(w->r);
        rw_expect(w, "cancel");
    }
}

static void test_pages_that_expire_start_over(void **state)
{
    struct rw *w = *state;

    cs_reflector_start(w->r);
    rw_pass(w, 0);
    rw_broken(w, CS_ERR_INVALID, 422);
    (void)rw_until_request(w);
    rw_answered(w, PAGE("x", ITEM("a", "5")));
    rw_broken(w, CS_ERR_GONE, 410);
    assert_int_equal(rw_until_request(w), 0);
    rw_answered(w, PAGE("x", ITEM("a", "6")));
    rw_broken(w, CS_ERR_GONE, 410);
    assert_between(rw_until_request(w), 800, 3000); /* not twice at once */
    rw_answered(w, PAGE("", ITEM("a", "7")));
    rw_expect(w, "stream page begin listed:a@5 page+x page begin listed:a@6 page+x page begin listed:a@7 end=70");
}

static void test_pages_too_large_become_smaller(void **state)
{
    static const char *const limits[] = {"125", "31", "7", "1", "1"};
    struct rw *w = *state;
    char limit[16];

    cs_reflector_start(w->r);
    rw_pass(w, 0);
    rw_broken(w, CS_ERR_INVALID, 422);
    (void)rw_until_request(w);
    for (size_t i = 0; i < CS_ARRAY_LEN(limits); i++) {
        rw_broken(w, CS_ERR_TOO_LARGE, 200);
        (void)rw_until_request(w);
        assert_string_equal(rw_parameter(w, "limit", limit, sizeof(limit)), limits[i]);
    }
    rw_answered(w, PAGE("", ""));
    cs_reflector_relist(w->r);
    (void)rw_until_request(w);
    rw_broken(w, CS_ERR_INVALID, 422);
    (void)rw_until_request(w);
    assert_string_equal(rw_parameter(w, "limit", limit, sizeof(limit)), "500");
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
    struct rw *w = *state;

    cs_reflector_start(w->r);
    rw_pass(w, 0);
    rw_broken(w, CS_ERR_INVALID, 422);
    rw_expect(w, "stream");
    for (size_t i = 0; i < CS_ARRAY_LEN(rows); i++) {
        (void)rw_until_request(w);
        rw_answered(w, rows[i].body);
        rw_expect(w, "page"); /* nothing was begun */
        if (!strstr(cs_reflector_trouble(w->r, NULL), rows[i].message))
            fail_msg("\"%s\" does not say \"%s\"", cs_reflector_trouble(w->r, NULL), rows[i].message);
    }
    assert_between(rw_until_request(w), 20000, 30000);
    rw_answered(w, "{\"metadata\":{\"resourceVersion\":\"7\"},\"items\":null}"); /* Go's empty list */
    rw_expect(w, "page begin end=7");
}

/* ---- lists that fail ---- */

static void test_a_list_cut_in_the_middle_begins_again(void **state)
{
    struct rw *w = *state;
    int64_t since = 0;

    cs_reflector_start(w->r);
    rw_pass(w, 0);
    rw_event(w, "ADDED", "a", 5);
    rw_bytes(w, "{\"type\":\"ADDED\",\"object\":{\"metadata\":{\"name\":\"b\",\"resourceVer");
    rw_broken(w, CS_ERR_TRANSPORT, 200);
    assert_false(cs_reflector_synced(w->r));
    assert_string_equal(cs_reflector_trouble(w->r, &since), "it broke");
    assert_int_equal(since, 1000000);
    assert_between(rw_until_request(w), 800, 1200);
    rw_event(w, "ADDED", "c", 6); /* half of b is forgotten */
    rw_end_mark(w, "\"7\"");
    rw_expect(w, "stream begin listed:a@5 stream begin listed:c@6 end=7");
    assert_null(cs_reflector_trouble(w->r, &since));
}

static void test_backoff_grows_with_jitter_to_thirty_seconds(void **state)
{
    static const int64_t low[] = {800, 1600, 3200, 6400, 12800, 20000, 20000, 20000};
    struct rw *w = *state;
    int64_t since, distinct = 0, last = 0;

    cs_reflector_start(w->r);
    rw_pass(w, 0);
    for (size_t i = 0; i < CS_ARRAY_LEN(low); i++) {
        int64_t waited;

        rw_broken(w, CS_ERR_TRANSPORT, 0);
        waited = rw_until_request(w);
        assert_between(waited, low[i], low[i] * 3 / 2);
        distinct += waited != last;
        last = waited;
    }
    assert_true(distinct > 6);
    assert_string_equal(cs_reflector_trouble(w->r, &since), "it broke");
    assert_int_equal(since, 1000000); /* since the first */
    rw_expect(
        w, "stream stream stream stream stream stream stream stream stream"); /* never an answer: still no pages */
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
    struct rw *w = *state;

    cs_reflector_start(w->r);
    rw_pass(w, 0);
    for (size_t i = 0; i < CS_ARRAY_LEN(rows); i++) {
        struct cs_reply reply = {.status = 429};

        (void)cs_error_set(&reply.err, CS_ERR_THROTTLED, "slow down");
        reply.err.retry_after_ms = rows[i].wish;
        rw_finish(w, &reply);
        assert_between(rw_until_request(w), rows[i].low, rows[i].high);
    }
}

static void test_a_stream_that_never_marks_its_end_gives_way_to_pages(void **state)
{
    struct rw *w = *state;

    cs_reflector_start(w->r);
    rw_pass(w, 0);
    rw_event(w, "ADDED", "a", 5); /* a server that does not know sendInitialEvents */
    rw_pass(w, 300000);
    rw_closed(w);
    assert_string_equal(cs_reflector_trouble(w->r, NULL), "the list ended before its end mark");
    assert_between(rw_until_request(w), 800, 1200);
    rw_expect(w, "stream begin listed:a@5 page");
}

static void test_a_silent_list_gives_way_to_pages(void **state)
{
    struct rw *w = *state;

    cs_reflector_start(w->r);
    rw_pass(w, 0);
    rw_pass(w, 150000);
    rw_broken(w, CS_ERR_TIMEOUT, 200);
    (void)rw_until_request(w);
    rw_expect(w, "stream page");
}

static void test_streams_that_are_always_cut_give_way_to_pages(void **state)
{
    struct rw *w = *state;

    cs_reflector_start(w->r);
    for (int i = 0; i < 3; i++) {
        (void)rw_until_request(w);
        rw_event(w, "ADDED", "a", 5);
        rw_broken(w, CS_ERR_TRANSPORT, 200);
    }
    (void)rw_until_request(w);
    rw_expect(w, "stream begin listed:a@5 stream begin listed:a@5 stream begin listed:a@5 page");
}

static void test_long_lists_that_are_always_cut_are_not_hammered(void **state)
{
    static const int64_t low[] = {800, 1600, 3200};
    struct rw *w = *state;

    cs_reflector_start(w->r);
    rw_pass(w, 0);
    for (size_t i = 0; i < CS_ARRAY_LEN(low); i++) {
        rw_pass(w, 20000);
        rw_broken(w, CS_ERR_TRANSPORT, 200);
        assert_between(rw_until_request(w), low[i], low[i] * 3 / 2);
    }
}

static void test_an_error_event_in_the_list(void **state)
{
    struct rw *w = *state;

    cs_reflector_start(w->r);
    rw_pass(w, 0);
    rw_event(w, "ADDED", "a", 5);
    rw_error_event(w, 410, "Expired");
    assert_int_equal(rw_until_request(w), 0);
    rw_error_event(w, 500, "InternalError");
    assert_between(rw_until_request(w), 1600, 2400);
    rw_event(w, "ADDED", "a", 6);
    rw_error_event(w, 400, "BadRequest"); /* not the refusal of a streaming list: that had begun */
    assert_between(rw_until_request(w), 3200, 4800);
    rw_expect(w, "stream begin listed:a@5 stream stream begin listed:a@6 page");
}

static void test_an_end_mark_without_a_version(void **state)
{
    static const char *const versions[] = {"\"0\"", "\"x\"", "7", "null"};
    struct rw *w = *state;

    cs_reflector_start(w->r);
    for (size_t i = 0; i < CS_ARRAY_LEN(versions); i++) {
        (void)rw_until_request(w);
        rw_end_mark(w, versions[i]);
        assert_string_equal(cs_reflector_trouble(w->r, NULL), "the end of the list has no resourceVersion");
        assert_false(cs_reflector_synced(w->r));
        if (i == 0) /* a server that does this every time is asked for pages in the end */
            rw_expect(w, "stream");
        else if (i == 2)
            break;
    }
    (void)rw_until_request(w);
    rw_expect(w, "stream stream page");
}

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
    };

    return cmocka_run_group_tests_name("reflector", tests, NULL, NULL);
}
