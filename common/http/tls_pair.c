/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pairs, and the callback by which GnuTLS asks for one. GnuTLS borrows what the callback hands out until the handshake
 * is over, without a say in when: so each connection holds a reference from its handshake to its end.
 */
#include "common/http/tls_pair.h"

#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <stdatomic.h>

#include "common/base/alloc.h"
#include "common/base/str.h"

#define MAX_CHAIN 8
#define NAME_SIZE 256

struct cs_tls_pair {
    atomic_uint refs;
    gnutls_pcert_st certs[MAX_CHAIN];
    unsigned n_certs;
    gnutls_privkey_t key;
    int64_t not_after_ms;
};

static gnutls_datum_t datum(const char *text)
{
    /* GnuTLS takes what it only reads as a pointer to plain bytes. */
    return (gnutls_datum_t){.data = (unsigned char *)(uintptr_t)text, .size = (unsigned)strlen(text)};
}

void cs_tls_pair_unref(struct cs_tls_pair *p)
{
    if (!p || atomic_fetch_sub_explicit(&p->refs, 1, memory_order_acq_rel) != 1)
        return;
    for (unsigned i = 0; i < p->n_certs; i++)
        gnutls_pcert_deinit(&p->certs[i]);
    if (p->key)
        gnutls_privkey_deinit(p->key);
    free(p);
}

static bool load_certs(struct cs_tls_pair *p, const char *pem, struct cs_error *err)
{
    gnutls_datum_t text = datum(pem);
    unsigned n = MAX_CHAIN;
    int rc = gnutls_pcert_list_import_x509_raw(p->certs, &n, &text, GNUTLS_X509_FMT_PEM, 0);

    if (rc < 0)
        return cs_error_set(err, CS_ERR_INVALID, "certificate: %s", gnutls_strerror(rc));
    p->n_certs = n;
    return n > 0 || cs_error_set(err, CS_ERR_INVALID, "certificate: none in the text");
}

static bool load_key(struct cs_tls_pair *p, const char *pem, struct cs_error *err)
{
    gnutls_datum_t text = datum(pem);
    int rc = gnutls_privkey_init(&p->key);

    if (rc >= 0)
        rc = gnutls_privkey_import_x509_raw(p->key, &text, GNUTLS_X509_FMT_PEM, NULL, 0);
    if (rc < 0)
        return cs_error_set(err, CS_ERR_INVALID, "private key: %s", gnutls_strerror(rc));
    return true;
}

/* Key ids are digests of the public key: equal when key and certificate belong together. */
static bool check_match(const struct cs_tls_pair *p, struct cs_error *err)
{
    unsigned char of_cert[64], of_key[64];
    size_t n_cert = sizeof(of_cert), n_key = sizeof(of_key);
    gnutls_pubkey_t pub = NULL;
    int rc = gnutls_pubkey_init(&pub);

    if (rc >= 0)
        rc = gnutls_pubkey_import_privkey(pub, p->key, 0, 0);
    if (rc >= 0)
        rc = gnutls_pubkey_get_key_id(pub, GNUTLS_KEYID_USE_SHA256, of_key, &n_key);
    if (rc >= 0)
        rc = gnutls_pubkey_get_key_id(p->certs[0].pubkey, GNUTLS_KEYID_USE_SHA256, of_cert, &n_cert);
    if (pub)
        gnutls_pubkey_deinit(pub);
    if (rc < 0)
        return cs_error_set(err, CS_ERR_INVALID, "key pair: %s", gnutls_strerror(rc));
    if (n_cert != n_key || memcmp(of_cert, of_key, n_cert) != 0)
        return cs_error_set(err, CS_ERR_INVALID, "the private key is not the certificate's");
    return true;
}

static bool read_expiry(struct cs_tls_pair *p, struct cs_error *err)
{
    gnutls_x509_crt_t crt = NULL;
    time_t until = (time_t)-1;
    int rc = gnutls_pcert_export_x509(&p->certs[0], &crt);

    if (rc >= 0) {
        until = gnutls_x509_crt_get_expiration_time(crt);
        gnutls_x509_crt_deinit(crt);
    }
    if (until == (time_t)-1)
        return cs_error_set(err, CS_ERR_INVALID, "certificate: its time of expiry cannot be read");
    p->not_after_ms = (int64_t)until * 1000;
    return true;
}

bool cs_tls_pair_new(const char *cert_pem, const char *key_pem, struct cs_tls_pair **ret, struct cs_error *err)
{
    CS_CLEANUP(cs_tls_pair_unref_cleanup) struct cs_tls_pair *p = cs_new(struct cs_tls_pair);

    atomic_init(&p->refs, 1);
    if (!load_certs(p, cert_pem, err) || !load_key(p, key_pem, err) || !check_match(p, err) || !read_expiry(p, err))
        return false;
    *ret = cs_take(p);
    return true;
}

int64_t cs_tls_pair_not_after_ms(const struct cs_tls_pair *p)
{
    return p->not_after_ms;
}

/* ---- the pair of the moment ---- */

void cs_tls_slot_init(struct cs_tls_slot *slot)
{
    *slot = (struct cs_tls_slot){.current = NULL};
    (void)pthread_mutex_init(&slot->lock, NULL);
}

void cs_tls_slot_done(struct cs_tls_slot *slot)
{
    cs_tls_pair_unref(slot->current);
    slot->current = NULL;
    (void)pthread_mutex_destroy(&slot->lock);
}

void cs_tls_slot_set(struct cs_tls_slot *slot, struct cs_tls_pair *p)
{
    struct cs_tls_pair *old;

    (void)pthread_mutex_lock(&slot->lock);
    old = slot->current;
    slot->current = p;
    (void)pthread_mutex_unlock(&slot->lock);
    cs_tls_pair_unref(old);
}

struct cs_tls_pair *cs_tls_slot_get(struct cs_tls_slot *slot)
{
    struct cs_tls_pair *p;

    (void)pthread_mutex_lock(&slot->lock);
    p = slot->current;
    if (p)
        atomic_fetch_add_explicit(&p->refs, 1, memory_order_relaxed);
    (void)pthread_mutex_unlock(&slot->lock);
    return p;
}

/* ---- sessions ---- */

void cs_tls_session_done(struct cs_tls_session *s)
{
    cs_tls_pair_unref(s->held);
    s->held = NULL;
    free(s->refused);
    s->refused = NULL;
}

void cs_tls_session_attach(void *gnutls_session, struct cs_tls_session *s)
{
    /* The session's own user pointer is libmicrohttpd's; that of the (unused) resumption cache is free. */
    gnutls_db_set_ptr(gnutls_session, s);
}

static bool is_listed(struct cs_str name, const char *list)
{
    while (*list != '\0') {
        size_t len = strcspn(list, ",");

        if (len == name.len && memcmp(list, name.p, len) == 0)
            return true;
        list += len + (list[len] == ',');
    }
    return false;
}

/* Of the peer's certificate, in buf; empty when it shows none, or one without a name. */
static struct cs_str peer_common_name(gnutls_session_t session, char buf[NAME_SIZE])
{
    unsigned n = 0;
    const gnutls_datum_t *chain = gnutls_certificate_get_peers(session, &n);
    gnutls_x509_crt_t crt = NULL;
    size_t len = NAME_SIZE;

    if (!chain || n == 0 || gnutls_x509_crt_init(&crt) < 0)
        return cs_str("");
    if (gnutls_x509_crt_import(crt, &chain[0], GNUTLS_X509_FMT_DER) < 0 ||
        gnutls_x509_crt_get_dn_by_oid(crt, GNUTLS_OID_X520_COMMON_NAME, 0, 0, buf, &len) < 0)
        len = 0;
    gnutls_x509_crt_deinit(crt);
    return (struct cs_str){.p = buf, .len = len};
}

/* GnuTLS leaves alerts to whoever does the handshake, and libmicrohttpd sends none: the peer would see its connection end. */
static int refuse_client(gnutls_session_t session, gnutls_alert_description_t alert, const char *why)
{
    struct cs_tls_session *s = gnutls_db_get_ptr(session);
    char buf[NAME_SIZE];
    struct cs_str name;

    (void)gnutls_alert_send(session, GNUTLS_AL_FATAL, alert);
    if (!s || s->refused)
        return GNUTLS_E_CERTIFICATE_ERROR;
    name = peer_common_name(session, buf);
    s->refused = name.len > 0 ? cs_xasprintf("%s: CN=%.*s", why, (int)name.len, name.p) : cs_xstrdup(why);
    return GNUTLS_E_CERTIFICATE_ERROR;
}

static int refuse_certificate(gnutls_session_t session, unsigned status)
{
    static const struct {
        unsigned flag;
        gnutls_alert_description_t alert;
        const char *why;
    } rows[] = {
        {GNUTLS_CERT_SIGNER_NOT_FOUND, GNUTLS_A_UNKNOWN_CA, "its certificate is of another CA"},
        {GNUTLS_CERT_EXPIRED, GNUTLS_A_CERTIFICATE_EXPIRED, "its certificate has expired"},
        {GNUTLS_CERT_NOT_ACTIVATED, GNUTLS_A_BAD_CERTIFICATE, "its certificate is not valid yet"},
        {GNUTLS_CERT_PURPOSE_MISMATCH, GNUTLS_A_UNSUPPORTED_CERTIFICATE, "its certificate is not one for clients"},
    };

    for (size_t i = 0; i < CS_ARRAY_LEN(rows); i++)
        if (status & rows[i].flag)
            return refuse_client(session, rows[i].alert, rows[i].why);
    return refuse_client(session, GNUTLS_A_BAD_CERTIFICATE, "its certificate is not valid");
}

/* Type: gnutls_certificate_verify_function. Anything but 0 ends the handshake. */
static int verify_client(gnutls_session_t session)
{
    gnutls_typed_vdata_st purpose = {
        .type = GNUTLS_DT_KEY_PURPOSE_OID, .data = (unsigned char *)(uintptr_t)GNUTLS_KP_TLS_WWW_CLIENT};
    const struct cs_tls_session *s = gnutls_db_get_ptr(session);
    unsigned status = 0;
    int rc = gnutls_certificate_verify_peers(session, &purpose, 1, &status);
    struct cs_str name;
    char buf[NAME_SIZE];

    if (rc < 0 || status != 0 || !s)
        return refuse_certificate(session, status);
    if (!s->client_names || s->client_names[0] == '\0')
        return 0;
    name = peer_common_name(session, buf);
    if (name.len > 0 && is_listed(name, s->client_names))
        return 0;
    return refuse_client(session, GNUTLS_A_ACCESS_DENIED, "the common name of its certificate is not an allowed one");
}

/*
 * Type: gnutls_handshake_hook_func, before the peer's Certificate is looked at. GnuTLS refuses an empty one by itself, but tells
 * neither the peer nor us. A length of 3 bytes and, in TLS 1.3, one byte before it: that is an empty one.
 */
static int notice_no_certificate(
    gnutls_session_t session, unsigned type, unsigned when, unsigned incoming, const gnutls_datum_t *msg)
{
    bool tls13 = gnutls_protocol_get_version(session) >= GNUTLS_TLS1_3;

    (void)type, (void)when;
    if (!incoming || msg->size > 4)
        return 0;
    return refuse_client(session, tls13 ? GNUTLS_A_CERTIFICATE_REQUIRED : GNUTLS_A_HANDSHAKE_FAILURE,
        "it shows no certificate of the client CA"); /* it was told which one, and may have others */
}

void cs_tls_session_require_client(void *gnutls_session)
{
    gnutls_certificate_server_set_request(gnutls_session, GNUTLS_CERT_REQUIRE);
    gnutls_session_set_verify_function(gnutls_session, &verify_client);
    gnutls_handshake_set_hook_function(
        gnutls_session, GNUTLS_HANDSHAKE_CERTIFICATE_PKT, GNUTLS_HOOK_PRE, &notice_no_certificate);
}

/* Type: gnutls_certificate_retrieve_function2. Negative ends the handshake. */
static int retrieve(gnutls_session_t session, const gnutls_datum_t *req_ca_rdn, int nreqs,
    const gnutls_pk_algorithm_t *pk_algos, int pk_algos_length, gnutls_pcert_st **pcert, unsigned *pcert_length,
    gnutls_privkey_t *privkey)
{
    struct cs_tls_session *s = gnutls_db_get_ptr(session);

    (void)req_ca_rdn, (void)nreqs, (void)pk_algos, (void)pk_algos_length;
    if (!s)
        return -1;
    s->greeted = true;
    if (!s->held) /* asked twice in one handshake: the same answer */
        s->held = cs_tls_slot_get(s->slot);
    if (!s->held)
        return -1;
    *pcert = s->held->certs;
    *pcert_length = s->held->n_certs;
    *privkey = s->held->key;
    return 0;
}

void *cs_tls_retrieve_function(void)
{
    return (void *)(uintptr_t)&retrieve;
}

bool cs_tls_check_ca(const char *pem, struct cs_error *err)
{
    gnutls_datum_t text = datum(pem);
    gnutls_x509_crt_t *list = NULL;
    unsigned n = 0;
    int rc = gnutls_x509_crt_list_import2(&list, &n, &text, GNUTLS_X509_FMT_PEM, 0);

    for (unsigned i = 0; rc >= 0 && i < n; i++)
        gnutls_x509_crt_deinit(list[i]);
    gnutls_free(list);
    if (rc < 0 || n == 0)
        return cs_error_set(err, CS_ERR_INVALID, "client CA: %s", rc < 0 ? gnutls_strerror(rc) : "no certificate");
    return true;
}

void cs_tls_send(void *gnutls_session, const char *p, size_t len)
{
    ssize_t rc;

    do
        rc = gnutls_record_send(gnutls_session, p, len);
    while (rc == GNUTLS_E_INTERRUPTED);
}
