/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which connection has to go, and when: over socket pairs, whose other end sees it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/http/crowd.h"

#define N 8

struct world {
    struct cs_http_crowd crowd;
    struct cs_http_guest guests[N];
    bool greeted[N];
    int far[N];
};

static void setup_world(struct world *w, unsigned max)
{
    *w = (struct world){.crowd = {.max = max, .idle_ms = 120000}};
    for (int i = 0; i < N; i++) {
        int fds[2];

        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
        w->guests[i].fd = fds[0];
        w->guests[i].greeted = &w->greeted[i];
        w->far[i] = fds[1];
    }
}

static void teardown_world(struct world *w)
{
    for (int i = 0; i < N; i++) {
        (void)close(w->guests[i].fd);
        (void)close(w->far[i]);
    }
}

static bool was_cut(const struct world *w, int i)
{
    char c;

    return recv(w->far[i], &c, 1, MSG_DONTWAIT) == 0;
}

/* The kinds of those who are there, oldest first, and the place of the one that goes for a newcomer. */
static void test_who_goes_for_a_newcomer(void **state)
{
    /* s: silent, g: greeted, f: in the first request, i: proven and idle, b: proven and in a request */
    static const struct {
        const char *kinds;
        int goes; /* -1: nobody */
    } rows[] = {
        {"sss", -1}, /* there is room */
        {"ssss", 0},
        {"gsss", 1}, /* of the largest group, not of all */
        {"iiss", 2}, /* of equals the one that came less far */
        {"iigs", 0},
        {"bbbs", 0},
        {"ffgs", 0},
        {"igff", 2},
        {"siii", 1}, /* a newcomer is not the victim of many that proved themselves */
        {"biss", 2},
    };

    (void)state;
    for (size_t r = 0; r < sizeof(rows) / sizeof(rows[0]); r++) {
        struct world w;
        int n = 0;

        setup_world(&w, 4);
        for (const char *k = rows[r].kinds; *k; k++, n++) {
            cs_http_crowd_add(&w.crowd, &w.guests[n], 1000 + n);
            w.greeted[n] = *k != 's';
            w.guests[n].proven = *k == 'i' || *k == 'b';
            w.guests[n].in_request = *k == 'f' || *k == 'b';
        }
        cs_http_crowd_add(&w.crowd, &w.guests[n], 2000);
        for (int i = 0; i <= n; i++)
            if (was_cut(&w, i) != (i == rows[r].goes))
                fail_msg("%s: %d", rows[r].kinds, i);
        teardown_world(&w);
    }
}

/* An answer makes a connection young again; those on their way out take no place and are not counted twice. */
static void test_the_longest_idle_goes_and_places_are_counted(void **state)
{
    struct world w;

    (void)state;
    setup_world(&w, 2);
    cs_http_crowd_add(&w.crowd, &w.guests[0], 1);
    cs_http_crowd_add(&w.crowd, &w.guests[1], 2);
    w.guests[0].since_ms = 3;
    cs_http_crowd_add(&w.crowd, &w.guests[2], 4);
    assert_true(was_cut(&w, 1));
    assert_int_equal(w.crowd.n, 2);
    cs_http_crowd_add(&w.crowd, &w.guests[3], 5); /* 1 is still there */
    assert_true(was_cut(&w, 0));
    assert_false(was_cut(&w, 2));
    cs_http_crowd_remove(&w.crowd, &w.guests[1]);
    cs_http_crowd_remove(&w.crowd, &w.guests[0]);
    cs_http_crowd_remove(&w.crowd, &w.guests[2]);
    assert_int_equal(w.crowd.n, 1);
    cs_http_crowd_add(&w.crowd, &w.guests[4], 6);
    assert_false(was_cut(&w, 3));
    teardown_world(&w);
}

/* Bytes are counted by who holds them, and the one that has held most for longest goes. */
static void test_whose_body_goes(void **state)
{
    struct world w;

    (void)state;
    setup_world(&w, N);
    w.crowd.max_held = 1000;
    for (int i = 0; i < 4; i++) {
        cs_http_crowd_add(&w.crowd, &w.guests[i], 0);
        w.guests[i].in_request = true;
        w.guests[i].started_ms = i == 1 ? 0 : 900;
    }
    assert_true(cs_http_crowd_hold(&w.crowd, &w.guests[0], 500, 1000)); /* 500 for 100 ms */
    assert_true(cs_http_crowd_hold(&w.crowd, &w.guests[1], 60, 1000)); /* 60 for a second */
    assert_true(cs_http_crowd_hold(&w.crowd, &w.guests[2], 440, 1000));
    assert_int_equal(w.crowd.held, 1000);
    assert_true(cs_http_crowd_hold(&w.crowd, &w.guests[3], 10, 1000));
    assert_true(was_cut(&w, 1));
    assert_int_equal(w.crowd.held, 950);
    assert_false(cs_http_crowd_hold(&w.crowd, &w.guests[3], 600, 1000)); /* itself */
    cs_http_crowd_release(&w.crowd, &w.guests[3]);
    w.guests[0].proven = true;
    assert_true(cs_http_crowd_hold(&w.crowd, &w.guests[3], 70, 1000));
    assert_false(was_cut(&w, 0)); /* 500, but proven */
    assert_true(was_cut(&w, 2));
    assert_int_equal(w.crowd.held, 570);
    teardown_world(&w);
}

/* Some who were answered once hold all there is, and do not take their answers: a newcomer's first small request stays. */
static void test_a_small_newcomer_does_not_go_for_large_ones_that_are_proven(void **state)
{
    struct world w;

    (void)state;
    setup_world(&w, N);
    w.crowd.max_held = 3000;
    for (int i = 0; i < 4; i++) {
        cs_http_crowd_add(&w.crowd, &w.guests[i], 0);
        w.guests[i].in_request = true;
        w.guests[i].proven = i < 3;
        w.guests[i].started_ms = 1000 + 10 * i;
        if (i < 3)
            assert_true(cs_http_crowd_hold(&w.crowd, &w.guests[i], 1000, 1100));
    }
    assert_true(cs_http_crowd_hold(&w.crowd, &w.guests[3], 50, 1100));
    assert_true(was_cut(&w, 0));
    for (int i = 1; i < 4; i++)
        assert_false(was_cut(&w, i));
    teardown_world(&w);
}

static void test_whose_time_is_over(void **state)
{
    static const struct {
        bool proven, in_request;
        int64_t started_ms, until_ms; /* accepted at 1000 */
    } rows[] = {
        {false, false, 0, 11000},
        {false, true, 9000, 44000}, /* headers in the last moment: then the body's time */
        {true, false, 0, 121000},
        {true, true, 90000, 125000},
    };

    (void)state;
    for (size_t r = 0; r < sizeof(rows) / sizeof(rows[0]); r++) {
        struct world w;

        setup_world(&w, 4);
        assert_int_equal(cs_http_crowd_wait_ms(&w.crowd, 1000), -1);
        cs_http_crowd_add(&w.crowd, &w.guests[0], 1000);
        w.guests[0].proven = rows[r].proven;
        w.guests[0].in_request = rows[r].in_request;
        w.guests[0].started_ms = rows[r].started_ms;
        assert_int_equal(cs_http_crowd_wait_ms(&w.crowd, 1000), rows[r].until_ms - 1000);
        cs_http_crowd_sweep(&w.crowd, rows[r].until_ms - CS_HTTP_SWEEP_MS - 1);
        assert_false(was_cut(&w, 0));
        cs_http_crowd_sweep(&w.crowd, rows[r].until_ms);
        assert_true(was_cut(&w, 0));
        assert_int_equal(cs_http_crowd_wait_ms(&w.crowd, rows[r].until_ms), -1);
        teardown_world(&w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_who_goes_for_a_newcomer),
        cmocka_unit_test(test_the_longest_idle_goes_and_places_are_counted),
        cmocka_unit_test(test_whose_body_goes),
        cmocka_unit_test(test_a_small_newcomer_does_not_go_for_large_ones_that_are_proven),
        cmocka_unit_test(test_whose_time_is_over),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
