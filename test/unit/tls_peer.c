/* SPDX-License-Identifier: Apache-2.0 */
#include "test/unit/tls_peer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

void make_pair_for(struct pair *p, const char *cn, const struct pair *by, time_t until, const char *purpose)
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

void make_pair(struct pair *p, const char *cn, const struct pair *by, time_t until)
{
    make_pair_for(p, cn, by, until, NULL);
}

void drop_pair(struct pair *p)
{
    gnutls_x509_crt_deinit(p->crt);
    gnutls_x509_privkey_deinit(p->key);
}

int tls_fixture_setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    make_pair(&f->ca, "ca", NULL, time(NULL) + 86400);
    make_pair(&f->one, "one", &f->ca, time(NULL) + 86400);
    make_pair(&f->two, "two", &f->ca, time(NULL) + 43200);
    *state = f;
    return 0;
}

int tls_fixture_teardown(void **state)
{
    struct fixture *f = *state;

    drop_pair(&f->ca);
    drop_pair(&f->one);
    drop_pair(&f->two);
    free(f);
    return 0;
}

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

bool tls_connect(struct peer *p, struct tls *t, uint16_t port, const char *priorities, const struct pair *ca,
    const struct pair *client)
{
    int rc;

    memset(t, 0, sizeof(*t));
    if (!peer_connect(p, port))
        return false;
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

void tls_close(struct peer *p, struct tls *t)
{
    if (t->session)
        gnutls_deinit(t->session);
    if (t->cred)
        gnutls_certificate_free_credentials(t->cred);
    peer_close(p);
}

bool tls_answers(uint16_t port, const char *priorities, const struct pair *ca, const struct pair *client)
{
    struct answer a;
    struct tls t;
    struct peer p;
    bool ok = tls_connect(&p, &t, port, priorities, ca, client) && peer_post(&p, "/1", "x", 1, &a) && a.status == 200;

    tls_close(&p, &t);
    return ok;
}
