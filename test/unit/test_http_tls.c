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
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <pthread.h>
#include <stdatomic.h>

#include "common/base/metrics.h"
#include "common/http/http_server.h"
#include "test/unit/http_client.h"
#include "webhook/router.h"

struct pair {
    gnutls_x509_crt_t crt;
    gnutls_x509_privkey_t key;
    char cert_pem[4096], key_pem[4096];
};

/* A certificate named cn, signed by `by` (itself when NULL), for a purpose (any when NULL). */
static void make_pair_for(struct pair *p, const char *cn, const struct pair *by, time_t until, const char *purpose)
{
    size_t n_cert = sizeof(p->cert_pem), n_key = sizeof(p->key_pem);
    const unsigned char serial[] = {1, (unsigned char)cn[0], (unsigned char)cn[strlen(cn) - 1]};

    memset(p, 0, sizeof(*p));
    assert_int_equal(gnutls_x509_privkey_init(&p->key), 0);
    assert_int_equal(
        gnutls_x509_privkey_generate(p->key, GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0), 0);
    assert_int_equal(gnutls_x509_crt_init(&p->crt), 0);
    (void)gnutls_x509_crt_set_version(p->crt, 3);
    (void)gnutls_x509_crt_set_serial(p->crt, serial, sizeof(serial));
    (void)gnutls_x509_crt_set_activation_time(p->crt, time(NULL) - 3600);
    (void)gnutls_x509_crt_set_expiration_time(p->crt, until);
    (void)gnutls_x509_crt_set_dn_by_oid(p->crt, GNUTLS_OID_X520_COMMON_NAME, 0, cn, (unsigned)strlen(cn));
    (void)gnutls_x509_crt_set_ca_status(p->crt, !by);
    if (!by)
        (void)gnutls_x509_crt_set_key_usage(p->crt, GNUTLS_KEY_KEY_CERT_SIGN | GNUTLS_KEY_DIGITAL_SIGNATURE);
    if (purpose)
        (void)gnutls_x509_crt_set_key_purpose_oid(p->crt, purpose, 0);
    assert_int_equal(gnutls_x509_crt_set_key(p->crt, p->key), 0);
    assert_int_equal(
        gnutls_x509_crt_sign2(p->crt, by ? by->crt : p->crt, by ? by->key : p->key, GNUTLS_DIG_SHA256, 0), 0);
    assert_int_equal(gnutls_x509_crt_export(p->crt, GNUTLS_X509_FMT_PEM, p->cert_pem, &n_cert), 0);
    assert_int_equal(gnutls_x509_privkey_export(p->key, GNUTLS_X509_FMT_PEM, p->key_pem, &n_key), 0);
}

static void make_pair(struct pair *p, const char *cn, const struct pair *by, time_t until)
{
    make_pair_for(p, cn, by, until, NULL);
}

static void drop_pair(struct pair *p)
{
    gnutls_x509_crt_deinit(p->crt);
    gnutls_x509_privkey_deinit(p->key);
}

struct fixture {
    struct pair ca, one, two;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    make_pair(&f->ca, "ca", NULL, time(NULL) + 86400);
    make_pair(&f->one, "one", &f->ca, time(NULL) + 86400);
    make_pair(&f->two, "two", &f->ca, time(NULL) + 43200);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    drop_pair(&f->ca);
    drop_pair(&f->one);
    drop_pair(&f->two);
    free(f);
    return 0;
}

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

/* ctx: what the answers want; of the plain handler struct strangers, or NULL. */
static struct cs_http_server *start_with(
    cs_http_handler answer, void *ctx, const struct cs_log *log, const char *client_ca, const char *names)
{
    struct cs_http_server *s = NULL;
    struct cs_http_options o = {.bind_address = "127.0.0.1:0",
        .tls = true,
        .threads = 2,
        .max_body = 100000,
        .client_ca_pem = client_ca,
        .client_names = names,
        .handler = answer,
        .stranger = ctx && answer == &handler ? &note_stranger : NULL,
        .ctx = ctx,
        .log = log};

    assert_true(cs_http_server_new(&o, &s, NULL));
    return s;
}

static struct cs_http_server *start(const char *client_ca)
{
    return start_with(&handler, NULL, NULL, client_ca, NULL);
}

/* ---- a TLS peer ---- */

struct tls {
    gnutls_session_t session;
    gnutls_certificate_credentials_t cred;
    char server_cn[64];
};

static ssize_t tls_write(struct peer *p, const void *data, size_t len)
{
    struct tls *t = p->tls;

    return gnutls_record_send(t->session, data, len);
}

static ssize_t tls_read(struct peer *p, void *data, size_t len)
{
    struct tls *t = p->tls;

    return gnutls_record_recv(t->session, data, len);
}

static void note_server_name(struct tls *t)
{
    const gnutls_datum_t *raw = gnutls_certificate_get_peers(t->session, &(unsigned){0});
    gnutls_x509_crt_t crt;
    size_t len = sizeof(t->server_cn);

    if (!raw || gnutls_x509_crt_init(&crt) < 0)
        return;
    if (gnutls_x509_crt_import(crt, raw, GNUTLS_X509_FMT_DER) >= 0)
        (void)gnutls_x509_crt_get_dn_by_oid(crt, GNUTLS_OID_X520_COMMON_NAME, 0, 0, t->server_cn, &len);
    gnutls_x509_crt_deinit(crt);
}

/* Connects and shakes hands; verifies against ca when given; false when the handshake fails. */
static bool tls_connect(struct peer *p, struct tls *t, uint16_t port, const char *priorities, const struct pair *ca,
    const struct pair *client)
{
    int rc;

    memset(t, 0, sizeof(*t));
    if (!peer_connect(p, port))
        return false;
    /* Also a certificate of a CA that the server does not name. */
    (void)gnutls_init(&t->session, GNUTLS_CLIENT | GNUTLS_NO_SIGNAL | GNUTLS_FORCE_CLIENT_CERT);
    (void)gnutls_certificate_allocate_credentials(&t->cred);
    if (ca)
        (void)gnutls_certificate_set_x509_trust(t->cred, (gnutls_x509_crt_t *)(uintptr_t)&ca->crt, 1);
    if (client)
        (void)gnutls_certificate_set_x509_key(t->cred, (gnutls_x509_crt_t *)(uintptr_t)&client->crt, 1, client->key);
    (void)gnutls_credentials_set(t->session, GNUTLS_CRD_CERTIFICATE, t->cred);
    if (gnutls_priority_set_direct(t->session, priorities ? priorities : "NORMAL", NULL) < 0)
        fail_msg("bad priorities %s", priorities);
    if (ca)
        gnutls_session_set_verify_cert(t->session, NULL, 0);
    gnutls_transport_set_int(t->session, p->fd);
    do
        rc = gnutls_handshake(t->session);
    while (rc < 0 && !gnutls_error_is_fatal(rc));
    if (rc < 0)
        return false;
    note_server_name(t);
    p->tls = t;
    p->write = &tls_write;
    p->read = &tls_read;
    return true;
}

static void tls_close(struct peer *p, struct tls *t)
{
    if (t->session)
        gnutls_deinit(t->session);
    if (t->cred)
        gnutls_certificate_free_credentials(t->cred);
    peer_close(p);
}

/* ---- tests ---- */

static void test_without_a_pair_handshakes_fail(void **state)
{
    struct fixture *f = *state;
    struct cs_http_server *s = start(NULL);
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
    struct cs_http_server *s = start(NULL);
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
    struct cs_http_server *s = start(NULL);

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
    struct cs_http_server *s = start(NULL);
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
    struct cs_http_server *s = start(NULL);
    struct answer a;
    struct peer p;

    assert_true(cs_http_server_set_pair(s, f->one.cert_pem, f->one.key_pem, NULL));
    assert_true(peer_connect(&p, cs_http_server_port(s)));
    assert_false(peer_post(&p, "/1", "x", 1, &a));
    peer_close(&p);
    cs_http_server_free(s);
}

/* TLS 1.3 clients learn of a refusal only when they read. */
static bool tls_answers(uint16_t port, const char *priorities, const struct pair *ca, const struct pair *client)
{
    struct answer a;
    struct tls t;
    struct peer p;
    bool ok = tls_connect(&p, &t, port, priorities, ca, client) && peer_post(&p, "/1", "x", 1, &a) && a.status == 200;

    tls_close(&p, &t);
    return ok;
}

static void test_client_certificates(void **state)
{
    static const char *const versions[] = {"NORMAL:-VERS-ALL:+VERS-TLS1.3", "NORMAL:-VERS-ALL:+VERS-TLS1.2"};
    struct fixture *f = *state;
    struct cs_http_server *s = start(f->ca.cert_pem);
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
        struct cs_http_server *s = start_with(&handler, NULL, NULL, f->ca.cert_pem, rows[i].names);

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
    struct cs_http_server *s = start(f->ca.cert_pem);
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
        {"NORMAL:-VERS-ALL:+VERS-TLS1.3", NONE, GNUTLS_A_CERTIFICATE_REQUIRED, "it shows no certificate of the client CA"},
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
        struct cs_http_server *s = start_with(&handler, &told, NULL, f->ca.cert_pem, "two,twofold");
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

static void test_useless_pairs_are_refused_and_the_old_one_stays(void **state)
{
    struct fixture *f = *state;
    struct cs_http_server *s = start(NULL);
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

static void test_large_bodies_over_tls(void **state)
{
    struct fixture *f = *state;
    struct cs_http_server *s = start(NULL);
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
    struct cs_http_server *s = start_with(&cs_router_handle, router, &log, NULL, NULL);
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
        cmocka_unit_test(test_client_certificates),
        cmocka_unit_test(test_names_of_client_certificates),
        cmocka_unit_test(test_a_certificate_for_servers_is_none_for_clients),
        cmocka_unit_test(test_a_refused_client_is_told_why_and_so_are_we),
        cmocka_unit_test(test_useless_pairs_are_refused_and_the_old_one_stays),
        cmocka_unit_test(test_a_bad_client_ca_stops_the_start),
        cmocka_unit_test(test_large_bodies_over_tls),
        cmocka_unit_test(test_a_refusal_in_the_middle_of_a_body_travels_over_tls),
        cmocka_unit_test(test_no_call_fails_while_pairs_change),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
