/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading certificates with OpenSSL. Pure: the same text gives the same facts. Text comes from a Secret that anybody
 * with the right to it may have edited, so nothing about it is taken for granted.
 */
#include "certs/inspect.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "common/base/alloc.h"
#include "common/base/str.h"

CS_DEFINE_CLEANUP(EVP_PKEY *, EVP_PKEY_free)
CS_DEFINE_CLEANUP(BIO *, BIO_free_all)
CS_DEFINE_CLEANUP(X509_STORE *, X509_STORE_free)
CS_DEFINE_CLEANUP(X509_STORE_CTX *, X509_STORE_CTX_free)
#define auto_pkey CS_CLEANUP(EVP_PKEY_free_cleanup) EVP_PKEY
#define auto_bio CS_CLEANUP(BIO_free_all_cleanup) BIO

/* A key may be encrypted; without this OpenSSL would ask the terminal. */
static int no_password(char *buf, int size, int rwflag, void *u)
{
    (void)buf;
    (void)size;
    (void)rwflag;
    (void)u;
    return -1;
}

/* Up to CS_MAX_CAS certificates of a text, owned; what cannot be read ends the list. */
struct cert_list {
    X509 *items[CS_MAX_CAS];
    unsigned n;
};

static void cert_list_done(struct cert_list *l)
{
    for (unsigned i = 0; i < l->n; i++)
        X509_free(l->items[i]);
    l->n = 0;
}

static BIO *bio_of(const char *pem)
{
    if (!pem || strlen(pem) > CS_MAX_PEM)
        return NULL;
    return BIO_new_mem_buf(pem, -1);
}

static void read_certs(const char *pem, struct cert_list *ret)
{
    auto_bio *bio = bio_of(pem);

    while (bio && ret->n < CS_MAX_CAS) {
        X509 *x = PEM_read_bio_X509(bio, NULL, no_password, NULL);

        if (!x)
            break;
        ret->items[ret->n++] = x;
    }
    ERR_clear_error();
}

static EVP_PKEY *read_key(const char *pem)
{
    auto_bio *bio = bio_of(pem);
    auto_pkey *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL) : NULL;

    ERR_clear_error();
    return cs_take(key);
}

static bool key_matches(X509 *x, const char *key_pem)
{
    auto_pkey *key = read_key(key_pem);
    bool ok = key && X509_check_private_key(x, key) == 1;

    ERR_clear_error();
    return ok;
}

static char *pem_of(X509 *x)
{
    auto_bio *bio = BIO_new(BIO_s_mem());
    char *p = NULL;
    long len;

    if (!bio || !PEM_write_bio_X509(bio, x))
        return NULL;
    len = BIO_get_mem_data(bio, &p);
    return len > 0 ? cs_xmemdupz(p, (size_t)len) : NULL;
}

static bool time_ms(const ASN1_TIME *t, int64_t *ret)
{
    struct tm tm = {0};

    if (!ASN1_TIME_to_tm(t, &tm))
        return false;
    *ret = (int64_t)timegm(&tm) * 1000;
    return true;
}

/* A readable CA certificate: false for all others. */
static bool ca_facts(X509 *x, struct cs_ca_facts *ret)
{
    /* 1: a version 3 certificate that says CA:TRUE; the other values stand for guesses about old ones. */
    return X509_check_ca(x) == 1 && time_ms(X509_get0_notBefore(x), &ret->from_ms) &&
           time_ms(X509_get0_notAfter(x), &ret->until_ms);
}

static bool signed_by(X509 *leaf, X509 *ca)
{
    EVP_PKEY *key = X509_get0_pubkey(ca);

    return key && X509_check_issued(ca, leaf) == X509_V_OK && X509_verify(leaf, key) == 1;
}

/* ---- bundle ---- */

static bool bundle_has(const struct cs_bundle_facts *b, const char *pem)
{
    for (unsigned i = 0; i < b->n; i++) {
        if (cs_streq(b->pems[i], pem))
            return true;
    }
    return false;
}

void cs_inspect_bundle(const char *ca_pem, const char *key_pem, struct cs_bundle_facts *ret)
{
    CS_CLEANUP(cert_list_done) struct cert_list list = {0};

    *ret = (struct cs_bundle_facts){0};
    read_certs(ca_pem, &list);
    for (unsigned i = 0; i < list.n; i++) {
        cs_autofree char *pem = pem_of(list.items[i]);
        struct cs_ca_facts facts = {0};

        if (!pem || bundle_has(ret, pem) || !ca_facts(list.items[i], &facts))
            continue;
        if (ret->n == 0)
            ret->key_ok = key_matches(list.items[i], key_pem);
        ret->cas[ret->n] = facts;
        ret->pems[ret->n++] = cs_take(pem);
    }
    ERR_clear_error();
}

void cs_bundle_facts_done(struct cs_bundle_facts *b)
{
    for (unsigned i = 0; i < b->n; i++)
        free(b->pems[i]);
    *b = (struct cs_bundle_facts){0};
}

/* ---- leaf ---- */

static bool has_names(X509 *leaf, const struct cs_cert_names *names)
{
    const unsigned flags = X509_CHECK_FLAG_NEVER_CHECK_SUBJECT;

    for (unsigned i = 0; names && i < names->len; i++) {
        const char *name = names->items[i];
        unsigned char raw[sizeof(struct in6_addr)];
        bool ip = inet_pton(AF_INET, name, raw) == 1 || inet_pton(AF_INET6, name, raw) == 1;

        if ((ip ? X509_check_ip_asc(leaf, name, flags) : X509_check_host(leaf, name, 0, flags, NULL)) != 1)
            return false;
    }
    return true;
}

static int find_signer(X509 *leaf, const struct cs_bundle_facts *bundle)
{
    for (unsigned i = 0; i < bundle->n; i++) {
        CS_CLEANUP(cert_list_done) struct cert_list one = {0};

        read_certs(bundle->pems[i], &one);
        if (one.n == 1 && signed_by(leaf, one.items[0]))
            return (int)i;
    }
    return CS_SIGNER_NONE;
}

void cs_inspect_leaf(const char *cert_pem, const char *key_pem, const struct cs_bundle_facts *bundle,
    const struct cs_cert_names *names, struct cs_leaf_facts *ret)
{
    CS_CLEANUP(cert_list_done) struct cert_list list = {0};
    X509 *leaf;

    *ret = (struct cs_leaf_facts){.signer = CS_SIGNER_NONE};
    read_certs(cert_pem, &list);
    if (list.n == 0)
        return;
    leaf = list.items[0];
    if (!time_ms(X509_get0_notBefore(leaf), &ret->from_ms) || !time_ms(X509_get0_notAfter(leaf), &ret->until_ms) ||
        X509_check_purpose(leaf, X509_PURPOSE_SSL_SERVER, 0) != 1 || !key_matches(leaf, key_pem)) {
        ERR_clear_error();
        return;
    }
    ret->leaf_pem = pem_of(leaf);
    ret->pair_ok = ret->leaf_pem != NULL;
    ret->names_ok = has_names(leaf, names);
    ret->signer = find_signer(leaf, bundle);
    if (ret->signer == CS_SIGNER_NONE && list.n > 1 && ca_facts(list.items[1], &ret->chain_ca) &&
        signed_by(leaf, list.items[1])) {
        ret->chain_pem = pem_of(list.items[1]);
        ret->signer = ret->chain_pem ? CS_SIGNER_CHAIN : CS_SIGNER_NONE;
    }
    ERR_clear_error();
}

void cs_leaf_facts_done(struct cs_leaf_facts *l)
{
    free(l->chain_pem);
    free(l->leaf_pem);
    *l = (struct cs_leaf_facts){.signer = CS_SIGNER_NONE};
}

/* ---- verification as a client does it ---- */

bool cs_inspect_verifies(const char *cert_pem, const char *bundle_pem, int64_t now_ms)
{
    CS_CLEANUP(cert_list_done) struct cert_list chain = {0};
    CS_CLEANUP(cert_list_done) struct cert_list roots = {0};
    CS_CLEANUP(X509_STORE_free_cleanup) X509_STORE *store = X509_STORE_new();
    CS_CLEANUP(X509_STORE_CTX_free_cleanup) X509_STORE_CTX *ctx = X509_STORE_CTX_new();
    X509_VERIFY_PARAM *param;
    bool ok;

    read_certs(cert_pem, &chain);
    read_certs(bundle_pem, &roots);
    if (!store || !ctx || chain.n == 0 || roots.n == 0)
        return false;
    for (unsigned i = 0; i < roots.n; i++) {
        if (X509_STORE_add_cert(store, roots.items[i]) != 1)
            return false;
    }
    if (X509_STORE_CTX_init(ctx, store, chain.items[0], NULL) != 1)
        return false;
    param = X509_STORE_CTX_get0_param(ctx);
    X509_VERIFY_PARAM_set_time(param, (time_t)(now_ms / 1000));
    X509_VERIFY_PARAM_set_purpose(param, X509_PURPOSE_SSL_SERVER);
    ok = X509_verify_cert(ctx) == 1;
    ERR_clear_error();
    return ok;
}
