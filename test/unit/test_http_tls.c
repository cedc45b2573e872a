/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The server's TLS side: which handshakes succeed, which certificate they see, and that a new pair is taken over without a connection
 * noticing. Certificates are made here, per run.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdatomic.h>

#include "common/base/metrics.h"
#include "common/http/http_server.h"
#include "test/unit/tls_peer.h"
#include "webhook/router.h"

static void handler(void *ctx, const struct cs_http_req *req, struct cs_http_resp *resp)
{
    (void)ctx;
    cs_strbuf_addf(resp->body, "%s %zu", req->path, req->body.len);
}

static struct cs_http_server *start_with(cs_http_handler answer, void *ctx, const struct cs_log *log)
{
    struct cs_http_server *s = NULL;
    struct cs_http_options o = {.bind_address = "127.0.0.1:0",
        .tls = true,
        .threads = 2,
        .max_body = 100000,
        .handler = answer,
        .ctx = ctx,
        .log = log};

    assert_true(cs_http_server_new(&o, &s, NULL));
    return s;
}

static struct cs_http_server *start(void)
{
    return start_with(&handler, NULL, NULL);
}

/* ---- tests ---- */

static void test_without_a_pair_handshakes_fail(void **state)
{
    struct fixture *f = *state;
    struct cs_http_server *s = start();
    struct tls t;
    struct peer p;

    assert_int_equal(cs_http_server_pair_not_after_ms(s), 0);
    assert_false(tls_connect(&p, &t, cs_http_server_port(s), NULL, NULL, NULL));
    tls_close(&p, &t);
    assert_true(cs_http_server_set_pair(s, f->one.cert_pem, f->one.key_pem, NULL));
    assert_true(cs_http_server_pair_not_after_ms(s) > 0);
    assert_true(tls_connect(&p, &t, cs_http_server_port(s), NULL, &f->ca, NULL));
    assert_string_equal(t.server_cn, "one");
    tls_close(&p, &t);
    cs_http_server_free(s);
}

static void test_a_new_pair_is_for_new_connections(void **state)
{
    struct fixture *f = *state;
    struct cs_http_server *s = start();
    struct answer a;
    struct tls old, new;
    struct peer p, q;
    int64_t before;

    assert_true(cs_http_server_set_pair(s, f->one.cert_pem, f->one.key_pem, NULL));
    before = cs_http_server_pair_not_after_ms(s);
    assert_true(tls_connect(&p, &old, cs_http_server_port(s), NULL, &f->ca, NULL));
    assert_true(peer_post(&p, "/1", "x", 1, &a));
    for (int i = 0; i < 3; i++) /* the first pair is replaced more than once while p lives */
        assert_true(cs_http_server_set_pair(s, f->two.cert_pem, f->two.key_pem, NULL));
    assert_true(cs_http_server_pair_not_after_ms(s) < before);
    assert_true(peer_post(&p, "/2", "x", 1, &a));
    assert_string_equal(a.body, "/2 1");
    assert_true(tls_connect(&q, &new, cs_http_server_port(s), NULL, &f->ca, NULL));
    assert_string_equal(new.server_cn, "two");
    assert_true(peer_post(&q, "/3", "x", 1, &a));
    tls_close(&p, &old);
    tls_close(&q, &new);
    cs_http_server_free(s);
}

static void test_only_modern_handshakes(void **state)
{
    static const struct {
        const char *priorities;
        bool ok;
    } rows[] = {
        {"NORMAL:-VERS-ALL:+VERS-TLS1.3", true},
        {"NORMAL:-VERS-ALL:+VERS-TLS1.2", true},
        {"NORMAL:-VERS-ALL:+VERS-TLS1.2:-KX-ALL:+ECDHE-ECDSA:-CIPHER-ALL:+CHACHA20-POLY1305", true},
        {"NORMAL:-VERS-ALL:+VERS-TLS1.1", false},
        {"NORMAL:-VERS-ALL:+VERS-TLS1.0", false},
        {"NORMAL:-VERS-ALL:+VERS-TLS1.2:-KX-ALL:+RSA", false},
        {"NORMAL:-VERS-ALL:+VERS-TLS1.2:-KX-ALL:+DHE-RSA", false},
        {"NORMAL:-VERS-ALL:+VERS-TLS1.2:-CIPHER-ALL:+AES-128-CBC:+AES-256-CBC", false},
    };
    struct fixture *f = *state;
    struct cs_http_server *s = start();

    assert_true(cs_http_server_set_pair(s, f->one.cert_pem, f->one.key_pem, NULL));
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct tls t;
        struct peer p;

        if (tls_connect(&p, &t, cs_http_server_port(s), rows[i].priorities, &f->ca, NULL) != rows[i].ok)
            fail_msg("%s: %s", rows[i].priorities, rows[i].ok ? "refused" : "accepted");
        tls_close(&p, &t);
    }
    cs_http_server_free(s);
}

static void test_renegotiation_ends_the_connection(void **state)
{
    struct fixture *f = *state;
    struct cs_http_server *s = start();
    struct answer a;
    struct tls t;
    struct peer p;

    assert_true(cs_http_server_set_pair(s, f->one.cert_pem, f->one.key_pem, NULL));
    assert_true(tls_connect(&p, &t, cs_http_server_port(s), "NORMAL:-VERS-ALL:+VERS-TLS1.2", &f->ca, NULL));
    assert_true(peer_post(&p, "/1", "x", 1, &a));
    assert_true(gnutls_handshake(t.session) < 0); /* a second handshake of a TLS 1.2 client */
    assert_false(peer_post(&p, "/2", "x", 1, &a));
    tls_close(&p, &t);
    cs_http_server_free(s);
}

static void test_plain_http_is_not_answered(void **state)
{
    struct fixture *f = *state;
    struct cs_http_server *s = start();
    struct answer a;
    struct peer p;

    assert_true(cs_http_server_set_pair(s, f->one.cert_pem, f->one.key_pem, NULL));
    assert_true(peer_connect(&p, cs_http_server_port(s)));
    assert_false(peer_post(&p, "/1", "x", 1, &a));
    peer_close(&p);
    cs_http_server_free(s);
}

static void test_useless_pairs_are_refused_and_the_old_one_stays(void **state)
{
    struct fixture *f = *state;
    struct cs_http_server *s = start();
    const struct {
        const char *cert, *key, *message;
    } rows[] = {
        {f->one.cert_pem, f->two.key_pem, "the private key is not the certificate's"},
        {"", f->one.key_pem, "certificate: "},
        {"nonsense", f->one.key_pem, "certificate: "},
        {f->one.cert_pem, "", "private key: "},
        {f->one.cert_pem, f->one.cert_pem, "private key: "},
    };

    assert_true(cs_http_server_set_pair(s, f->one.cert_pem, f->one.key_pem, NULL));
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct cs_error err = CS_ERROR_INIT;

        assert_false(cs_http_server_set_pair(s, rows[i].cert, rows[i].key, &err));
        assert_int_equal(err.kind, CS_ERR_INVALID);
        if (strncmp(err.message, rows[i].message, strlen(rows[i].message)) != 0)
            fail_msg("row %zu: %s", i, err.message);
    }
    assert_true(tls_answers(cs_http_server_port(s), NULL, &f->ca, NULL));
    cs_http_server_free(s);
}

static void test_large_bodies_over_tls(void **state)
{
    struct fixture *f = *state;
    struct cs_http_server *s = start();
    char *body = calloc(1, 300000);
    struct answer a;
    struct tls t;
    struct peer p;

    assert_true(cs_http_server_set_pair(s, f->one.cert_pem, f->one.key_pem, NULL));
    assert_true(tls_connect(&p, &t, cs_http_server_port(s), NULL, &f->ca, NULL));
    assert_true(peer_post(&p, "/b", body, 100000, &a));
    assert_string_equal(a.body, "/b 100000");
    (void)peer_sends(&p, "POST /b HTTP/1.1\r\nHost: x\r\nContent-Length: 300000\r\n\r\n");
    (void)peer_send(&p, body, 300000);
    assert_true(peer_answer(&p, false, &a));
    assert_int_equal(a.status, 413);
    tls_close(&p, &t);
    free(body);
    cs_http_server_free(s);
}

/* The one answer that does not go through libmicrohttpd. */
static void test_a_refusal_in_the_middle_of_a_body_travels_over_tls(void **state)
{
    struct fixture *f = *state;
    struct cs_http_options o = {.bind_address = "127.0.0.1:0",
        .tls = true,
        .threads = 1,
        .max_body = 100000,
        .max_body_total = 50000,
        .handler = &handler};
    struct cs_http_server *s = NULL;
    char *body = calloc(1, 100000);
    struct answer a;
    struct tls t;
    struct peer p;

    assert_true(cs_http_server_new(&o, &s, NULL));
    assert_true(cs_http_server_set_pair(s, f->one.cert_pem, f->one.key_pem, NULL));
    assert_true(tls_connect(&p, &t, cs_http_server_port(s), NULL, &f->ca, NULL));
    (void)peer_post(&p, "/b", body, 100000, &a);
    assert_int_equal(a.status, 503);
    assert_true(a.close);
    tls_close(&p, &t);
    free(body);
    cs_http_server_free(s);
}

#define QUESTION                                                                                                       \
    "{\"kind\":\"AdmissionReview\",\"apiVersion\":\"admission.k8s.io/v1\",\"request\":{\"uid\":\"u\",\"operation\":"   \
    "\"CREATE\",\"resource\":{\"group\":\"apps.kruise.io\",\"version\":\"v1alpha1\",\"resource\":\"clonesets\"},"      \
    "\"object\":{\"apiVersion\":\"apps.kruise.io/v1alpha1\",\"kind\":\"CloneSet\",\"metadata\":{\"name\":\"web\"},"    \
    "\"spec\":{\"selector\":{\"matchLabels\":{\"a\":\"b\"}},\"template\":{\"metadata\":{\"labels\":{\"a\":\"b\"}}}}}}" \
    "}"

struct hammer {
    struct fixture *f;
    uint16_t port;
    atomic_int *good;
};

/* As the API server asks. */
static bool is_admitted(struct peer *p, struct answer *a)
{
    static const char head[] = "POST " CS_PATH_MUTATE_CLONESET " HTTP/1.1\r\nHost: x\r\n"
                               "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s";
    char text[2048];

    (void)snprintf(text, sizeof(text), head, strlen(QUESTION), QUESTION);
    return peer_sends(p, text) && peer_answer(p, false, a) && a->status == 200 &&
           strstr(a->body, "\"allowed\":true") != NULL;
}

static void *hammer_thread(void *arg)
{
    struct hammer *h = arg;
    struct answer *a = malloc(sizeof(*a));
    struct peer *p = malloc(sizeof(*p));

    for (int c = 0; c < 10; c++) {
        struct tls t;

        if (tls_connect(p, &t, h->port, NULL, &h->f->ca, NULL))
            for (int i = 0; i < 5; i++)
                if (is_admitted(p, a))
                    atomic_fetch_add(h->good, 1);
        tls_close(p, &t);
    }
    free(a);
    free(p);
    return NULL;
}

/* All that threads of the webhook share is used at once: router, metrics, logger, pair. */
static void test_no_call_fails_while_pairs_change(void **state)
{
    struct fixture *f = *state;
    const struct cs_log log = {.out = fopen("/dev/null", "w"), .max = CS_LOG_TRACE};
    struct cs_metrics *metrics = cs_metrics_new();
    struct cs_router *router = cs_router_new(2, metrics, &log);
    struct cs_http_server *s = start_with(&cs_router_handle, router, &log);
    cs_autostrbuf text = CS_STRBUF_INIT;
    atomic_int good = 0;
    struct hammer h = {.f = f, .port = cs_http_server_port(s), .good = &good};
    pthread_t t[4];

    assert_true(cs_http_server_set_pair(s, f->one.cert_pem, f->one.key_pem, NULL));
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&t[i], NULL, &hammer_thread, &h), 0);
    for (int i = 0; i < 200; i++) {
        const struct pair *p = i % 2 ? &f->one : &f->two;

        assert_true(cs_http_server_set_pair(s, p->cert_pem, p->key_pem, NULL));
        assert_true(cs_http_server_pair_not_after_ms(s) > 0);
        cs_strbuf_clear(&text);
        cs_metrics_expose(metrics, &text);
        cs_log_info(&log, "another pair", CS_KVI("number", i));
    }
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_join(t[i], NULL), 0);
    assert_int_equal(atomic_load(&good), 4 * 10 * 5);
    cs_http_server_free(s);
    cs_router_free(router);
    cs_metrics_free(metrics);
    (void)fclose(log.out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_without_a_pair_handshakes_fail),
        cmocka_unit_test(test_a_new_pair_is_for_new_connections),
        cmocka_unit_test(test_only_modern_handshakes),
        cmocka_unit_test(test_renegotiation_ends_the_connection),
        cmocka_unit_test(test_plain_http_is_not_answered),
        cmocka_unit_test(test_useless_pairs_are_refused_and_the_old_one_stays),
        cmocka_unit_test(test_large_bodies_over_tls),
        cmocka_unit_test(test_a_refusal_in_the_middle_of_a_body_travels_over_tls),
        cmocka_unit_test(test_no_call_fails_while_pairs_change),
    };

    return cmocka_run_group_tests(tests, tls_fixture_setup, tls_fixture_teardown);
}
