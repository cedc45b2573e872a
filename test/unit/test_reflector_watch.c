/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Histories of a reflector, in the words of reflector_world.h: watches and how they end, relist() from everywhere, freeing at
 * any moment, and the metrics.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "common/base/alloc.h"
#include "test/unit/reflector_world.h"

/* ---- watches ---- */

static void test_chunks_may_end_anywhere(void **state)
{
    static const char text[] =
        "{\"type\":\"ADDED\",\"object\":{\"metadata\":{\"name\":\"b\",\"resourceVersion\":\"8\"}}}\n"
        "{\"type\":\"DELETED\",\"object\":{\"metadata\":{\"name\":\"b\",\"resourceVersion\":\"9\"}}}\n";
    struct rw *w = rw_watching(state);

    for (size_t cut = 0; cut <= strlen(text); cut++) {
        assert_true(rw_chunk(w, text, cut));
        assert_true(rw_chunk(w, text + cut, strlen(text) - cut));
        rw_expect(w, "+b@8 -b@9");
    }
    for (size_t i = 0; i < strlen(text); i++)
        assert_true(rw_chunk(w, text + i, 1));
    rw_expect(w, "+b@8 -b@9");
}

static void test_a_watch_that_ends_properly_goes_on_at_once(void **state)
{
    struct rw *w = rw_settled(state);

    rw_event(w, "MODIFIED", "a", 8);
    rw_pass(w, 400000);
    rw_closed(w);
    assert_true(cs_reflector_synced(w->r));
    assert_int_equal(rw_until_request(w), 0);
    rw_expect(w, "~a@8 watch=8");
    assert_null(cs_reflector_trouble(w->r, NULL));
    /* a quiet one too */
    rw_pass(w, 400000);
    rw_closed(w);
    assert_int_equal(rw_until_request(w), 0);
    rw_expect(w, "watch=8");
    assert_null(cs_reflector_trouble(w->r, NULL));
}

static void test_bookmarks_move_the_version_on(void **state)
{
    struct rw *w = rw_settled(state);

    rw_event(w, "BOOKMARK", "", 30);
    rw_event(w, "BOOKMARK", "", 20); /* never backwards */
    rw_event(w, "MODIFIED", "a", 25);
    rw_closed(w);
    (void)rw_until_request(w);
    rw_expect(w, "~a@25 watch=30");
}

static void test_a_server_that_closes_at_once_is_not_hammered(void **state)
{
    struct rw *w = rw_settled(state);

    rw_closed(w);
    assert_int_equal(rw_until_request(w), 0);
    rw_pass(w, 5);
    rw_closed(w);
    assert_non_null(strstr(cs_reflector_trouble(w->r, NULL), "watch closed after 5 ms"));
    assert_between(rw_until_request(w), 800, 1200);
    rw_closed(w);
    assert_between(rw_until_request(w), 1600, 2400);
    rw_closed(w);
    assert_between(rw_until_request(w), 3200, 4800);
    assert_true(cs_reflector_synced(w->r)); /* nothing is lost yet */
    /* with an event in between it is merely paced: one watch a second */
    for (unsigned i = 0; i < 20; i++) {
        rw_pass(w, 5);
        rw_event(w, "MODIFIED", "a", 10 + i);
        rw_closed(w);
        assert_int_equal(rw_until_request(w), 995);
        assert_null(cs_reflector_trouble(w->r, NULL));
    }
}

static void test_a_watch_cut_in_the_middle_of_a_line_resumes(void **state)
{
    struct rw *w = rw_settled(state);

    rw_event(w, "MODIFIED", "a", 8);
    rw_bytes(w, "{\"type\":\"MODIFIED\",\"object\":{\"meta");
    rw_broken(w, CS_ERR_TRANSPORT, 200);
    assert_true(cs_reflector_synced(w->r));
    assert_string_equal(cs_reflector_trouble(w->r, NULL), "it broke");
    assert_between(rw_until_request(w), 800, 1200);
    rw_event(w, "MODIFIED", "a", 9);
    rw_expect(w, "~a@8 watch=8 ~a@9");
    assert_null(cs_reflector_trouble(w->r, NULL));
}

static void test_the_server_away_and_back(void **state)
{
    struct rw *w = rw_settled(state);
    int64_t since;

    rw_broken(w, CS_ERR_TRANSPORT, 200);
    for (int i = 0; i < 5; i++) {
        (void)rw_until_request(w);
        rw_broken(w, CS_ERR_TRANSPORT, 0);
    }
    assert_non_null(cs_reflector_trouble(w->r, &since));
    assert_int_equal(since, 1060000);
    assert_true(cs_reflector_synced(w->r));
    (void)rw_until_request(w);
    rw_expect(w, "watch=7 watch=7 watch=7 watch=7 watch=7 watch=7");
    assert_true(rw_chunk(w, "", 0)); /* the head of the answer: the watch is up, though nothing happens */
    assert_null(cs_reflector_trouble(w->r, &since));
    rw_pass(w, 20000); /* settled: the next failure is a first one */
    rw_broken(w, CS_ERR_TRANSPORT, 200);
    assert_between(rw_until_request(w), 800, 1200);
}

static void test_an_expired_version_lists_again(void **state)
{
    struct rw *w = rw_settled(state);

    /* as an event */
    rw_error_event(w, 410, "Expired");
    assert_false(cs_reflector_synced(w->r));
    assert_int_equal(rw_until_request(w), 0);
    rw_expect(w, "stream");
    rw_event(w, "ADDED", "b", 90);
    rw_end_mark(w, "\"95\"");
    rw_expect(w, "begin listed:b@90 end=95");
    assert_true(cs_reflector_synced(w->r));
    rw_pass(w, 60000);
    /* at the resume */
    rw_closed(w);
    (void)rw_until_request(w);
    rw_broken(w, CS_ERR_GONE, 410);
    assert_false(cs_reflector_synced(w->r));
    assert_int_equal(rw_until_request(w), 0);
    rw_expect(w, "watch=95 stream");
    /* a lower version than before: a restored server; the list counts */
    rw_end_mark(w, "\"40\"");
    rw_expect(w, "begin end=40");
    assert_int_equal(cs_reflector_rv(w->r), 40);
}

static void test_versions_that_always_expire_are_not_hammered(void **state)
{
    static const int64_t low[] = {0, 1600, 3200, 6400, 12800, 20000, 20000};
    struct rw *w = rw_settled(state);

    for (size_t i = 0; i < CS_ARRAY_LEN(low); i++) {
        rw_error_event(w, 410, "Expired");
        assert_between(rw_until_request(w), low[i], low[i] * 3 / 2);
        rw_end_mark(w, "\"7\"");
        rw_event(w, "MODIFIED", "a", 8);
    }
}

static void test_a_version_that_the_server_does_not_like_lists_again(void **state)
{
    struct rw *w = rw_settled(state);

    rw_closed(w);
    (void)rw_until_request(w);
    rw_broken(w, CS_ERR_INVALID, 400);
    assert_between(rw_until_request(w), 800, 1200);
    rw_expect(w, "watch=7 stream");
}

static void test_other_error_events_resume(void **state)
{
    static const struct {
        int code;
        const char *reason;
    } rows[] = {{500, "InternalError"}, {429, "TooManyRequests"}, {403, "Forbidden"}, {0, ""}};
    struct rw *w = rw_settled(state);

    for (size_t i = 0; i < CS_ARRAY_LEN(rows); i++) {
        rw_pass(w, 20000);
        rw_error_event(w, rows[i].code, rows[i].reason);
        assert_true(cs_reflector_synced(w->r));
        assert_between(rw_until_request(w), 800, 1200);
        rw_expect(w, "watch=7");
    }
}

static void test_silence_ends_a_watch_and_it_resumes(void **state)
{
    struct rw *w = rw_settled(state);

    for (int i = 0; i < 3; i++) {
        rw_pass(w, 150000);
        rw_broken(w, CS_ERR_TIMEOUT, 200);
        assert_true(cs_reflector_synced(w->r));
        assert_between(rw_until_request(w), 800, 1200);
        rw_expect(w, "watch=7");
    }
}

/* D5c: what a restored server sends to a watch from the future is silence, so its version is looked at first. */
static void test_a_restored_server_is_noticed_when_a_watch_resumes(void **state)
{
    struct rw *w = rw_settled(state);

    w->probes_by_hand = true;
    rw_broken(w, CS_ERR_TRANSPORT, 200);
    assert_between(rw_until_request(w), 800, 1200);
    rw_probed(w, 7); /* nothing has changed */
    rw_expect(w, "probe watch=7");
    rw_broken(w, CS_ERR_TRANSPORT, 200);
    (void)rw_until_request(w);
    rw_broken(w, CS_ERR_TRANSPORT, 0); /* it is not there yet */
    assert_true(cs_reflector_synced(w->r));
    assert_between(rw_until_request(w), 3200, 4800);
    rw_probed(w, 6);
    assert_false(cs_reflector_synced(w->r));
    (void)rw_until_request(w);
    rw_end_mark(w, "\"6\"");
    rw_expect(w, "probe probe stream begin end=6");
    assert_int_equal(cs_reflector_rv(w->r), 6);
}

/* The server was restored to where the watch was cut; our own write of after that, whose answer we had, is undone. */
static void test_a_restored_server_is_noticed_by_an_answer_that_it_gave(void **state)
{
    struct rw *w = rw_settled(state);

    w->probes_by_hand = true;
    w->known_rv = 9;
    rw_broken(w, CS_ERR_TRANSPORT, 200);
    assert_between(rw_until_request(w), 800, 1200);
    w->known_rv = 20; /* meanwhile: no reason to doubt */
    rw_probed(w, 9);
    rw_expect(w, "probe watch=7");
    rw_broken(w, CS_ERR_TRANSPORT, 200);
    (void)rw_until_request(w);
    rw_probed(w, 8);
    assert_false(cs_reflector_synced(w->r));
}

static void test_what_is_probed_and_what_is_not(void **state)
{
    struct rw *w = rw_settled(state);

    w->probes_by_hand = true;
    rw_pass(w, 300000); /* a watch that ends when it should: no question */
    rw_closed(w);
    (void)rw_until_request(w);
    rw_expect(w, "watch=7");
    rw_pass(w, 299999); /* properly, but too early: the server went down in good order */
    rw_closed(w);
    (void)rw_until_request(w);
    rw_expect(w, "probe");
    rw_answered(w, "{\"metadata\":{}}"); /* tells nothing, so nothing is concluded */
    rw_expect(w, "watch=7");
    rw_broken(w, CS_ERR_TRANSPORT, 200);
    (void)rw_until_request(w);
    rw_answered(w, "<html>");
    assert_non_null(cs_reflector_trouble(w->r, NULL));
    (void)rw_until_request(w);
    rw_expect(w, "probe probe");
    cs_reflector_relist(w->r);
    (void)rw_until_request(w);
    rw_end_mark(w, "\"9\"");
    rw_expect(w, "cancel stream begin end=9");
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
    struct rw *w = rw_settled(state);

    for (size_t i = 0; i < CS_ARRAY_LEN(rows); i++) {
        rw_pass(w, 20000);
        rw_bytes(w, rows[i]);
        assert_non_null(strstr(cs_reflector_trouble(w->r, NULL), "watch event"));
        assert_between(rw_until_request(w), 800, 1200);
        rw_expect(w, "watch=7");
    }
    assert_int_equal(
        (int)cs_metric_value(cs_metric_get(w->metrics, &failures), CS_LABELS("pods", "decode")), CS_ARRAY_LEN(rows));
}

static void test_what_is_tolerated(void **state)
{
    struct rw *w = rw_watching(state);

    rw_bytes(w, "\n\r\n");
    rw_bytes(w, "{\"type\":\"FUTURE\",\"object\":{\"metadata\":{\"resourceVersion\":\"99\"}}}\n");
    rw_bytes(w, "{\"type\":\"BOOKMARK\",\"object\":{\"metadata\":{}}}\n");
    rw_expect(w, "");
    /* objects without a version of sense: handed over, but not the place to resume from */
    rw_bytes(w, "{\"type\":\"ADDED\",\"object\":{\"metadata\":{\"name\":\"b\"}}}\n");
    rw_bytes(w, "{\"type\":\"ADDED\",\"object\":{\"metadata\":{\"name\":\"c\",\"resourceVersion\":\"x\"}}}\n");
    rw_event(w, "MODIFIED", "d", 0);
    rw_expect(w, "+b@0 +c@0 ~d@0");
    assert_int_equal(cs_reflector_rv(w->r), 7);
    /* twice the same, and an older one: the store's business */
    rw_event(w, "MODIFIED", "a", 9);
    rw_event(w, "MODIFIED", "a", 9);
    rw_event(w, "MODIFIED", "a", 8);
    rw_expect(w, "~a@9 ~a@9 ~a@8");
    assert_int_equal(cs_reflector_rv(w->r), 9);
}

static void test_the_largest_versions(void **state)
{
    struct rw *w = rw_watching(state);

    rw_bytes(w, "{\"type\":\"MODIFIED\",\"object\":{\"metadata\":{\"name\":\"a\",\"resourceVersion\":"
                "\"18446744073709551615\"}}}\n");
    rw_closed(w);
    (void)rw_until_request(w);
    rw_expect(w, "~a@18446744073709551615 watch=18446744073709551615");
}

static void test_a_line_above_the_ceiling(void **state)
{
    const size_t size = (size_t)9 << 20;
    cs_autofree char *line = cs_new_array(char, size);
    struct rw *w = rw_settled(state);

    memset(line, 'x', size);
    assert_false(rw_chunk(w, line, size));
    rw_broken(w, CS_ERR_DECODE, 200);
    assert_non_null(strstr(cs_reflector_trouble(w->r, NULL), "line of more than"));
    (void)rw_until_request(w);
    rw_event(w, "MODIFIED", "a", 8);
    rw_expect(w, "watch=7 ~a@8");
}

/* ---- relist(), from everywhere ---- */

static void test_relist_while_watching(void **state)
{
    struct rw *w = rw_settled(state);

    cs_reflector_relist(w->r);
    assert_false(cs_reflector_synced(w->r));
    rw_expect(w, "cancel");
    assert_int_equal(rw_until_request(w), 0);
    rw_event(w, "ADDED", "b", 8);
    rw_end_mark(w, "\"9\"");
    rw_expect(w, "stream begin listed:b@8 end=9");
    assert_int_equal(w->end_sent_ms, 1060000);
}

static void test_relist_before_start_and_while_waiting(void **state)
{
    struct rw *w = *state;

    cs_reflector_relist(w->r);
    rw_pass(w, 100000);
    rw_expect(w, "");
    cs_reflector_start(w->r);
    cs_reflector_start(w->r);
    rw_pass(w, 0);
    rw_broken(w, CS_ERR_TRANSPORT, 0);
    rw_pass(w, 100);
    rw_expect(w, "stream");
    cs_reflector_relist(w->r); /* whoever asks for it does not wait for the backoff */
    assert_int_equal(rw_until_request(w), 0);
    rw_expect(w, "stream");
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
    struct rw *w = *state;

    cs_reflector_start(w->r);
    for (size_t i = 0; i < CS_ARRAY_LEN(rows); i++) {
        (void)rw_until_request(w);
        w->relist_at = rows[i].at;
        /* copied, and cut so that lines lie in the reflector's own buffer: the sanitizer sees a use after free */
        assert_true(rw_chunk(w, all, 20));
        (void)rw_chunk(w, all + 20, sizeof(all) - 1 - 20);
        assert_null(w->relist_at);
        rw_expect(w, rows[i].history);
        assert_false(cs_reflector_synced(w->r));
    }
    assert_int_equal(rw_until_request(w), 0);
    rw_bytes(w, all);
    rw_expect(w, "stream begin listed:a@5 listed:b@6 end=7 ~a@8 ~a@9");
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
    struct rw *w = *state;

    cs_reflector_start(w->r);
    for (size_t i = 0; i < CS_ARRAY_LEN(rows); i++) {
        if (i == 0) {
            (void)rw_until_request(w);
            rw_expect(w, "stream");
            rw_broken(w, CS_ERR_INVALID, 422);
        }
        assert_int_equal(rw_until_request(w), 0);
        w->relist_at = rows[i].at;
        rw_answered(w, PAGE("", ITEM("a", "5") "," ITEM("b", "6")));
        assert_null(w->relist_at);
        rw_expect(w, rows[i].history);
        assert_false(cs_reflector_synced(w->r));
        assert_int_equal(w->open, 0); /* no watch of a list that is void */
    }
    (void)rw_until_request(w);
    rw_expect(w, "stream"); /* a list was complete: streams are tried again */
}

static void test_relist_between_pages(void **state)
{
    struct rw *w = *state;

    cs_reflector_start(w->r);
    rw_pass(w, 0);
    rw_broken(w, CS_ERR_INVALID, 422);
    (void)rw_until_request(w);
    rw_answered(w, PAGE("x", ITEM("a", "5")));
    rw_expect(w, "stream page begin listed:a@5 page+x");
    cs_reflector_relist(w->r);
    (void)rw_until_request(w);
    rw_answered(w, PAGE("", ITEM("a", "6")));
    rw_expect(w, "cancel page begin listed:a@6 end=70"); /* from the first page, not from x */
}

static void test_freed_at_any_moment(void **state)
{
    struct rw *w = *state;
    struct cs_reflector_options o = rw_options_of(w);

    for (int moment = 0; moment < 6; moment++) {
        cs_reflector_free(w->r);
        w->r = cs_reflector_new(&o);
        if (moment > 0)
            cs_reflector_start(w->r);
        if (moment > 1)
            rw_pass(w, 0);
        if (moment > 2)
            rw_event(w, "ADDED", "a", 5);
        if (moment > 3)
            rw_end_mark(w, "\"7\"");
        if (moment > 4)
            rw_broken(w, CS_ERR_TRANSPORT, 200);
    }
    rw_expect(w, "stream cancel stream begin listed:a@5 cancel stream begin listed:a@5 end=7 cancel "
                 "stream begin listed:a@5 end=7");
}

static void test_the_same_seed_gives_the_same_run(void **state)
{
    struct rw *w = *state;
    struct cs_reflector_options o = rw_options_of(w);
    char first[1024];
    int64_t waited = 0;

    for (int run = 0; run < 2; run++) {
        cs_reflector_free(w->r);
        w->rand.state = 99;
        w->r = cs_reflector_new(&o);
        cs_reflector_start(w->r);
        rw_pass(w, 0);
        rw_broken(w, CS_ERR_TRANSPORT, 0);
        int64_t this_time = rw_until_request(w);

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
    struct rw *w = rw_settled(state);
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

    rw_event(w, "MODIFIED", "a", 8);
    rw_broken(w, CS_ERR_TRANSPORT, 200);
    (void)rw_until_request(w);
    cs_metrics_expose(w->metrics, &out);
    for (size_t i = 0; i < CS_ARRAY_LEN(lines); i++) {
        if (!strstr(cs_strbuf_str(&out), lines[i]))
            fail_msg("no %s in\n%s", lines[i], cs_strbuf_str(&out));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
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
        HISTORY(test_silence_ends_a_watch_and_it_resumes),
        HISTORY(test_a_restored_server_is_noticed_when_a_watch_resumes),
        HISTORY(test_a_restored_server_is_noticed_by_an_answer_that_it_gave),
        HISTORY(test_what_is_probed_and_what_is_not),
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

    return cmocka_run_group_tests_name("reflector_watch", tests, NULL, NULL);
}
