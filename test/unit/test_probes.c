/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The probe and metrics ports: which path on which port, and what readyz says.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <poll.h>

#include "common/http/probes.h"
#include "test/unit/http_client.h"

static bool ready(void *ctx, char *why, size_t size)
{
    const char *reason = ctx;

    if (reason)
        (void)snprintf(why, size, "%s", reason);
    return !reason;
}

/* One request, with the test playing the event loop. */
static int ask(struct cs_probes *p, uint16_t port, const char *request, struct answer *a)
{
    struct peer peer;
    char byte;

    assert_true(peer_connect(&peer, port));
    assert_true(peer_sends(&peer, request));
    for (int i = 0; i < 200 && recv(peer.fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) <= 0; i++) {
        int fds[CS_PROBES_MAX_FDS];
        struct pollfd pfd[CS_PROBES_MAX_FDS];
        unsigned n = cs_probes_fds(p, fds);
        int64_t wait = cs_probes_wait_ms(p);

        for (unsigned k = 0; k < n; k++)
            pfd[k] = (struct pollfd){.fd = fds[k], .events = POLLIN};
        (void)poll(pfd, n, wait < 0 || wait > 100 ? 100 : (int)wait);
        cs_probes_run(p);
    }
    assert_true(peer_answer(&peer, false, a));
    peer_close(&peer);
    return a->status;
}

static int get(struct cs_probes *p, uint16_t port, const char *path, struct answer *a)
{
    char request[256];

    (void)snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", path);
    return ask(p, port, request, a);
}

static struct cs_probes *start(const char *health, const char *metrics, struct cs_metrics *m, const char *why)
{
    struct cs_probes *p = NULL;
    struct cs_error err = CS_ERROR_INIT;
    struct cs_probes_options o = {.health_address = health, .metrics_address = metrics, .metrics = m, .ready = &ready};

    o.ctx = (void *)(uintptr_t)why;
    if (!cs_probes_new(&o, &p, &err))
        fail_msg("%s", err.message);
    return p;
}

static void test_each_port_has_its_paths(void **state)
{
    struct cs_metrics *m = cs_metrics_new();
    struct cs_probes *p = start("127.0.0.1:0", "localhost:0", m, NULL);
    uint16_t health = cs_probes_health_port(p), metrics = cs_probes_metrics_port(p);
    struct answer a;
    int fds[CS_PROBES_MAX_FDS];

    (void)state;
    assert_int_equal(cs_probes_fds(p, fds), 2);
    assert_int_not_equal(health, metrics);
    assert_int_equal(get(p, health, "/healthz", &a), 200);
    assert_string_equal(a.body, "ok\n");
    assert_int_equal(get(p, health, "/livez", &a), 200);
    assert_int_equal(get(p, health, "/readyz", &a), 200);
    assert_int_equal(get(p, health, "/metrics", &a), 404);
    assert_int_equal(get(p, metrics, "/metrics", &a), 200);
    assert_non_null(strstr(a.headers, "Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n"));
    assert_non_null(strstr(a.body, "process_start_time_seconds "));
    assert_int_equal(get(p, metrics, "/readyz", &a), 404);
    assert_int_equal(get(p, metrics, "/", &a), 404);
    cs_probes_free(p);
    cs_metrics_free(m);
}

static void test_equal_addresses_share_one_port(void **state)
{
    struct cs_metrics *m = cs_metrics_new();
    struct cs_probes *p = start("127.0.0.1:0", "127.0.0.1:0", m, NULL);
    struct answer a;
    int fds[CS_PROBES_MAX_FDS];

    (void)state;
    assert_int_equal(cs_probes_fds(p, fds), 1);
    assert_int_equal(cs_probes_health_port(p), cs_probes_metrics_port(p));
    assert_int_equal(get(p, cs_probes_health_port(p), "/metrics", &a), 200);
    assert_int_equal(get(p, cs_probes_health_port(p), "/readyz", &a), 200);
    cs_probes_free(p);
    cs_metrics_free(m);
}

/* Answers are bounded together with bodies, but metrics have many lines. */
static void test_many_metrics_are_shown(void **state)
{
    static const struct cs_metric_desc desc = {
        .name = "many", .help = "Many.", .type = CS_METRIC_COUNTER, .labels = {"n"}};
    struct cs_metrics *m = cs_metrics_new();
    struct cs_metric *many = cs_metric_get(m, &desc);
    struct cs_probes *p = start("0", "127.0.0.1:0", m, NULL);
    struct answer a;
    char n[16];

    (void)state;
    for (int i = 0; i < 1000; i++) {
        (void)snprintf(n, sizeof(n), "%d", i);
        cs_metric_add(many, 1, CS_LABELS(n));
    }
    assert_int_equal(get(p, cs_probes_metrics_port(p), "/metrics", &a), 200);
    assert_true(a.body_len > 16384);
    assert_non_null(strstr(a.body, "many{n=\"999\"} 1\n"));
    cs_probes_free(p);
    cs_metrics_free(m);
}

static void test_not_ready_says_why(void **state)
{
    struct cs_probes *p = start("127.0.0.1:0", "0", NULL, "no certificate");
    struct answer a;

    (void)state;
    assert_int_equal(cs_probes_metrics_port(p), 0);
    assert_int_equal(get(p, cs_probes_health_port(p), "/readyz", &a), 503);
    assert_string_equal(a.body, "not ready: no certificate\n");
    assert_int_equal(get(p, cs_probes_health_port(p), "/healthz", &a), 200);
    assert_int_equal(
        ask(p, cs_probes_health_port(p), "POST /readyz HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", &a), 405);
    assert_non_null(strstr(a.headers, "Allow: GET, HEAD\r\n"));
    cs_probes_free(p);
}

static void test_all_off(void **state)
{
    struct cs_probes *p = start("0", "0", NULL, NULL);
    int fds[CS_PROBES_MAX_FDS];

    (void)state;
    assert_int_equal(cs_probes_fds(p, fds), 0);
    assert_int_equal(cs_probes_wait_ms(p), -1);
    cs_probes_run(p);
    cs_probes_free(p);
}

static void test_a_bad_address_is_an_error(void **state)
{
    struct cs_probes *p = NULL;
    struct cs_error err = CS_ERROR_INIT;

    (void)state;
    assert_false(cs_probes_new(
        &(struct cs_probes_options){.health_address = "127.0.0.1:0", .metrics_address = "nonsense"}, &p, &err));
    assert_int_equal(err.kind, CS_ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_port_has_its_paths),
        cmocka_unit_test(test_equal_addresses_share_one_port),
        cmocka_unit_test(test_many_metrics_are_shown),
        cmocka_unit_test(test_not_ready_says_why),
        cmocka_unit_test(test_all_off),
        cmocka_unit_test(test_a_bad_address_is_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
