/* SPDX-License-Identifier: Apache-2.0 */
/* Client certificates: who may ask, and what those learn who may not, and what we learn of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>

#include "common/base/alloc.h"
#include "common/http/http_server.h"
#include "test/unit/tls_peer.h"

static void handler(void *ctx, const struct cs_http_req *req, struct cs_http_resp *resp)
{
    (void)ctx;
    cs_strbuf_addf(resp->body, "%s %zu", req->path, req->body.len);
}

struct strangers {
    pthread_mutex_t lock;
    unsigned n;
    char peer[64], why[128];
};

static void note_stranger(void *ctx, const char *peer, const char *why)
{
    struct strangers *s = ctx;

    (void)pthread_mutex_lock(&s->lock);
    s->n++;
    (void)snprintf(s->peer, sizeof(s->peer), "%s", peer);
    (void)snprintf(s->why, sizeof(s->why), "%s", why);
    (void)pthread_mutex_unlock(&s->lock);
}

/* told: of whom the server refuses, or NULL. */
static struct cs_http_server *start(const char *client_ca, const char *names, struct strangers *told)
{
    struct cs_http_server *s = NULL;
    struct cs_http_options o = {.bind_address = "127.0.0.1:0",
        .tls = true,
        .threads = 2,
        .client_ca_pem = client_ca,
        .client_names = names,
        .handler = &handler,
        .stranger = told ? &note_stranger : NULL,
        .ctx = told};

    assert_true(cs_http_server_new(&o, &s, NULL));
    return s;
}

static void test_client_certificates(void **state)
{
    static const char *const versions[] = {"NORMAL:-VERS-ALL:+VERS-TLS1.3", "NORMAL:-VERS-ALL:+VERS-TLS1.2"};
    struct fixture *f = *state;
    struct cs_http_server *s = start(f->ca.cert_pem, NULL, NULL);
    struct pair other_ca, stranger, expired;
    uint16_t port = cs_http_server_port(s);

    make_pair(&other_ca, "other", NULL, time(NULL) + 86400);
    make_pair(&stranger, "stranger", &other_ca, time(NULL) + 86400);
    make_pair(&expired, "expired", &f->ca, time(NULL) - 60);
    assert_true(cs_http_server_set_pair(s, f->one.cert_pem, f->one.key_pem, NULL));
    for (int i = 0; i < 2; i++) {
        assert_true(tls_answers(port, versions[i], &f->ca, &f->two));
        assert_false(tls_answers(port, versions[i], &f->ca, NULL));
        assert_false(tls_answers(port, versions[i], &f->ca, &stranger));
        assert_false(tls_answers(port, versions[i], &f->ca, &expired));
    }
    drop_pair(&other_ca);
    drop_pair(&stranger);
    drop_pair(&expired);
    cs_http_server_free(s);
}

static void test_names_of_client_certificates(void **state)
{
    static const struct {
        const char *names;
        bool ok;
    } rows[] = {{"", true}, {"two", true}, {"one,two", true}, {"two,one", true}, {"one", false}, {"twofold", false},
        {"tw", false}, {",", false}, {"TWO", false}};
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct cs_http_server *s = start(f->ca.cert_pem, rows[i].names, NULL);

        assert_true(cs_http_server_set_pair(s, f->one.cert_pem, f->one.key_pem, NULL));
        if (tls_answers(cs_http_server_port(s), NULL, &f->ca, &f->two) != rows[i].ok)
            fail_msg("\"%s\"", rows[i].names);
        cs_http_server_free(s);
    }
}

/* The API server's own serving certificate may be of the same CA: it is none for clients. */
static void test_a_certificate_for_servers_is_none_for_clients(void **state)
{
    struct fixture *f = *state;
    struct cs_http_server *s = start(f->ca.cert_pem, NULL, NULL);
    struct pair p;

    assert_true(cs_http_server_set_pair(s, f->one.cert_pem, f->one.key_pem, NULL));
    for (int i = 0; i < 2; i++) {
        make_pair_for(
            &p, "two", &f->ca, time(NULL) + 86400, i == 0 ? GNUTLS_KP_TLS_WWW_SERVER : GNUTLS_KP_TLS_WWW_CLIENT);
        assert_int_equal(tls_answers(cs_http_server_port(s), NULL, &f->ca, &p), i == 1);
        drop_pair(&p);
    }
    cs_http_server_free(s);
}

/* The alert that a client gets for its certificate; the fatal ones have numbers above 0. */
static int alert_for(uint16_t port, const char *priorities, const struct pair *ca, const struct pair *client)
{
    struct answer a;
    struct tls t;
    struct peer p;
    int alert;

    if (tls_connect(&p, &t, port, priorities, ca, client) && peer_post(&p, "/1", "x", 1, &a))
        fail_msg("answered with %d", a.status);
    alert = (int)gnutls_alert_get(t.session);
    tls_close(&p, &t);
    return alert;
}

/* "EOF" is what an API server's user would read otherwise. */
static void test_a_refused_client_is_told_why_and_so_are_we(void **state)
{
    enum { NONE, STRANGER, EXPIRED, SERVER, NAMED, N };
    static const struct {
        const char *priorities;
        int client, alert;
        const char *why;
    } rows[] = {
        {"NORMAL:-VERS-ALL:+VERS-TLS1.3", NONE, GNUTLS_A_CERTIFICATE_REQUIRED,
            "it shows no certificate of the client CA"},
        {"NORMAL:-VERS-ALL:+VERS-TLS1.2", NONE, GNUTLS_A_HANDSHAKE_FAILURE, "it shows no certificate of the client CA"},
        {NULL, STRANGER, GNUTLS_A_UNKNOWN_CA, "its certificate is of another CA: CN=stranger"},
        {NULL, EXPIRED, GNUTLS_A_CERTIFICATE_EXPIRED, "its certificate has expired: CN=expired"},
        {NULL, SERVER, GNUTLS_A_UNSUPPORTED_CERTIFICATE, "its certificate is not one for clients: CN=two"},
        {NULL, NAMED, GNUTLS_A_ACCESS_DENIED, "the common name of its certificate is not an allowed one: CN=named"},
        {"NORMAL:-VERS-ALL:+VERS-TLS1.2", NAMED, GNUTLS_A_ACCESS_DENIED,
            "the common name of its certificate is not an allowed one: CN=named"},
    };
    struct fixture *f = *state;
    struct pair pairs[N], other_ca;

    make_pair(&other_ca, "other", NULL, time(NULL) + 86400);
    make_pair(&pairs[STRANGER], "stranger", &other_ca, time(NULL) + 86400);
    make_pair(&pairs[EXPIRED], "expired", &f->ca, time(NULL) - 60);
    make_pair_for(&pairs[SERVER], "two", &f->ca, time(NULL) + 86400, GNUTLS_KP_TLS_WWW_SERVER);
    make_pair(&pairs[NAMED], "named", &f->ca, time(NULL) + 86400);
    for (size_t i = 0; i < CS_ARRAY_LEN(rows); i++) {
        struct strangers told = {.lock = PTHREAD_MUTEX_INITIALIZER};
        struct cs_http_server *s = start(f->ca.cert_pem, "two,twofold", &told);
        const struct pair *client = rows[i].client == NONE ? NULL : &pairs[rows[i].client];
        int alert;

        assert_true(cs_http_server_set_pair(s, f->one.cert_pem, f->one.key_pem, NULL));
        alert = alert_for(cs_http_server_port(s), rows[i].priorities, &f->ca, client);
        assert_true(tls_answers(cs_http_server_port(s), NULL, &f->ca, &f->two));
        cs_http_server_free(s);
        if (alert != rows[i].alert || told.n != 1 || strcmp(told.why, rows[i].why) != 0)
            fail_msg("row %zu: alert %d, told %u times: %s", i, alert, told.n, told.why);
        assert_string_equal(told.peer, "127.0.0.1");
    }
    drop_pair(&other_ca);
    for (int i = NONE + 1; i < N; i++)
        drop_pair(&pairs[i]);
}

static void test_a_bad_client_ca_stops_the_start(void **state)
{
    struct cs_http_options o = {
        .bind_address = "127.0.0.1:0", .tls = true, .threads = 1, .client_ca_pem = "nonsense", .handler = &handler};
    struct cs_http_server *s = NULL;
    struct cs_error err = CS_ERROR_INIT;

    (void)state;
    assert_false(cs_http_server_new(&o, &s, &err));
    assert_int_equal(err.kind, CS_ERR_INVALID);
    assert_non_null(strstr(err.message, "client CA: "));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_client_certificates),
        cmocka_unit_test(test_names_of_client_certificates),
        cmocka_unit_test(test_a_certificate_for_servers_is_none_for_clients),
        cmocka_unit_test(test_a_refused_client_is_told_why_and_so_are_we),
        cmocka_unit_test(test_a_bad_client_ca_stops_the_start),
    };

    return cmocka_run_group_tests(tests, tls_fixture_setup, tls_fixture_teardown);
}
