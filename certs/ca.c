/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making certificates with OpenSSL. Each function leaves OpenSSL's error queue empty; private keys pass only through
 * buffers that are wiped when freed.
 */
#include "certs/ca.h"

#include <arpa/inet.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "common/base/alloc.h"
#include "common/base/str.h"
#include "common/base/strbuf.h"

#define SERIAL_BYTES 16

CS_DEFINE_CLEANUP(X509 *, X509_free)
CS_DEFINE_CLEANUP(EVP_PKEY *, EVP_PKEY_free)
CS_DEFINE_CLEANUP(BIO *, BIO_free_all)
#define auto_x509 CS_CLEANUP(X509_free_cleanup) X509
#define auto_pkey CS_CLEANUP(EVP_PKEY_free_cleanup) EVP_PKEY
#define auto_bio CS_CLEANUP(BIO_free_all_cleanup) BIO

/* ---- memory ---- */

static void *ossl_malloc(size_t n, const char *file, int line)
{
    void *p = malloc(n ? n : 1);

    (void)file, (void)line;
    if (!p)
        cs_out_of_memory();
    return p;
}

static void ossl_free(void *p, const char *file, int line)
{
    (void)file, (void)line;
    free(p);
}

static void *ossl_realloc(void *p, size_t n, const char *file, int line)
{
    (void)file, (void)line;
    if (n > 0)
        return cs_xrealloc(p, n, 1);
    free(p);
    return NULL;
}

void cs_certs_init(void)
{
    (void)CRYPTO_set_mem_functions(&ossl_malloc, &ossl_realloc, &ossl_free);
}

void cs_secret_wipe(char *p, size_t len)
{
    if (p)
        OPENSSL_cleanse(p, len);
}

void cs_secret_text_free(char *s)
{
    if (!s)
        return;
    OPENSSL_cleanse(s, strlen(s));
    free(s);
}

void cs_pem_pair_done(struct cs_pem_pair *p)
{
    if (!p)
        return;
    free(p->cert);
    cs_secret_text_free(p->key);
    *p = (struct cs_pem_pair){0};
}

void cs_cert_names_done(struct cs_cert_names *n)
{
    for (unsigned i = 0; i < n->len; i++)
        free(n->items[i]);
    free(n->items);
    *n = (struct cs_cert_names){0};
}

/* ---- names ---- */

static bool is_ip(const char *s)
{
    unsigned char buf[sizeof(struct in6_addr)];

    return inet_pton(AF_INET, s, buf) == 1 || inet_pton(AF_INET6, s, buf) == 1;
}

/* Host of "https://host[:port][/path]" or "https://[v6]…"; owned, NULL when there is none. */
static char *url_host(const char *url)
{
    static const char scheme[] = "https://";
    const char *p = url + sizeof(scheme) - 1;
    size_t len;
    cs_autofree char *host = NULL;

    if (strncmp(url, scheme, sizeof(scheme) - 1) != 0)
        return NULL;
    if (*p == '[') {
        p++;
        len = strcspn(p, "]/");
        if (p[len] != ']')
            return NULL;
    } else {
        len = strcspn(p, ":/?#");
    }
    if (len == 0)
        return NULL;
    host = cs_xmemdupz(p, len);
    if (!is_ip(host) && !cs_is_dns1123_subdomain(cs_str(host)))
        return NULL;
    return cs_take(host);
}

bool cs_cert_names_make(
    const char *service, const char *ns, const char *url, struct cs_cert_names *ret, struct cs_error *err)
{
    struct cs_cert_names n = {.items = cs_new_array(char *, 5)};

    n.items[n.len++] = cs_xstrdup(service);
    n.items[n.len++] = cs_xasprintf("%s.%s", service, ns);
    n.items[n.len++] = cs_xasprintf("%s.%s.svc", service, ns);
    n.items[n.len++] = cs_xasprintf("%s.%s.svc.cluster.local", service, ns);
    if (url) {
        n.items[n.len] = url_host(url);
        if (!n.items[n.len]) {
            cs_cert_names_done(&n);
            return cs_error_set(err, CS_ERR_INVALID, "\"%s\" is not https://host[:port][/path]", url);
        }
        n.len++;
    }
    *ret = n;
    return true;
}

/* ---- OpenSSL odds and ends ---- */

static bool openssl_failed(struct cs_error *err, const char *what)
{
    char text[160];

    ERR_error_string_n(ERR_peek_last_error(), text, sizeof(text));
    ERR_clear_error();
    return cs_error_set(err, CS_ERR_INTERNAL, "%s: %s", what, text);
}

/* A key file may be encrypted; without this OpenSSL would ask the terminal. */
static int no_password(char *buf, int size, int rwflag, void *u)
{
    (void)buf;
    (void)size;
    (void)rwflag;
    (void)u;
    return -1;
}

static char *bio_text(BIO *bio)
{
    char *p = NULL;
    long len = BIO_get_mem_data(bio, &p);

    return len > 0 && p ? cs_xmemdupz(p, (size_t)len) : NULL;
}

static char *pem_of_cert(X509 *leaf, X509 *issuer)
{
    auto_bio *bio = BIO_new(BIO_s_mem());

    if (!bio || !PEM_write_bio_X509(bio, leaf) || (issuer && !PEM_write_bio_X509(bio, issuer)))
        return NULL;
    return bio_text(bio);
}

static char *pem_of_key(EVP_PKEY *key)
{
    auto_bio *bio = BIO_new(BIO_s_secmem()); /* its buffer is wiped when freed */

    if (!bio || !PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL))
        return NULL;
    return bio_text(bio);
}

/* Times are whole seconds in a certificate: rounded towards a longer life, so that no renewal rule sees it end early. */
static bool set_times(X509 *x, int64_t from_ms, int64_t until_ms)
{
    return ASN1_TIME_set(X509_getm_notBefore(x), (time_t)(from_ms / 1000)) &&
           ASN1_TIME_set(X509_getm_notAfter(x), (time_t)((until_ms + 999) / 1000));
}

static bool set_random_serial(X509 *x)
{
    unsigned char raw[SERIAL_BYTES];
    BIGNUM *bn;
    bool ok;

    if (RAND_bytes(raw, sizeof(raw)) != 1)
        return false;
    raw[0] = (unsigned char)((raw[0] & 0x7f) | 0x40); /* positive, never short, never zero */
    bn = BN_bin2bn(raw, sizeof(raw), NULL);
    ok = bn && BN_to_ASN1_INTEGER(bn, X509_get_serialNumber(x));
    BN_free(bn);
    return ok;
}

static bool add_name(X509_NAME *name, const char *cn)
{
    const unsigned char *org = (const unsigned char *)"cloneset";

    return name && X509_NAME_add_entry_by_NID(name, NID_organizationName, MBSTRING_UTF8, org, -1, -1, 0) &&
           X509_NAME_add_entry_by_NID(name, NID_commonName, MBSTRING_UTF8, (const unsigned char *)cn, -1, -1, 0);
}

static bool add_ext(X509 *x, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509_EXTENSION *ext;
    bool ok;

    X509V3_set_ctx_nodb(&ctx);
    X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
    ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    ok = ext && X509_add_ext(x, ext, -1);
    X509_EXTENSION_free(ext);
    return ok;
}

/*
 * The alternative names are built as a structure, not as OpenSSL's configuration text: in the text a comma in a name
 * would start another one.
 */
static bool add_alt_name(GENERAL_NAMES *list, const char *name)
{
    GENERAL_NAME *gn = GENERAL_NAME_new();
    bool ip = is_ip(name);
    ASN1_STRING *value = ip ? a2i_IPADDRESS(name) : ASN1_IA5STRING_new();

    if (!gn || !value || (!ip && !ASN1_STRING_set(value, name, -1))) {
        GENERAL_NAME_free(gn);
        ASN1_STRING_free(value);
        return false;
    }
    GENERAL_NAME_set0_value(gn, ip ? GEN_IPADD : GEN_DNS, value);
    if (sk_GENERAL_NAME_push(list, gn) > 0)
        return true;
    GENERAL_NAME_free(gn);
    return false;
}

static bool add_alt_names(X509 *x, const struct cs_cert_names *names)
{
    GENERAL_NAMES *list = sk_GENERAL_NAME_new_null();
    bool ok = list != NULL;

    for (unsigned i = 0; ok && i < names->len; i++)
        ok = add_alt_name(list, names->items[i]);
    ok = ok && X509_add1_ext_i2d(x, NID_subject_alt_name, list, 0, X509V3_ADD_DEFAULT) == 1;
    GENERAL_NAMES_free(list);
    return ok;
}

/* ---- making ---- */

static X509 *new_cert(EVP_PKEY *key, int64_t from_ms, int64_t until_ms)
{
    auto_x509 *x = X509_new();

    if (!x || !X509_set_version(x, X509_VERSION_3) || !set_random_serial(x) || !set_times(x, from_ms, until_ms) ||
        !X509_set_pubkey(x, key))
        return NULL;
    return cs_take(x);
}

/* Distinct for each CA, so that a verifier with the old and the new one at hand need not guess by signature. */
static bool set_ca_name(X509 *x)
{
    unsigned char raw[6];
    cs_autofree char *cn = NULL;

    if (RAND_bytes(raw, sizeof(raw)) != 1)
        return false;
    cn = cs_xasprintf("cloneset-webhook-ca-%02x%02x%02x%02x%02x%02x", raw[0], raw[1], raw[2], raw[3], raw[4], raw[5]);
    return add_name(X509_get_subject_name(x), cn) && X509_set_issuer_name(x, X509_get_subject_name(x));
}

bool cs_ca_make(int64_t now_ms, int64_t lifetime_ms, struct cs_pem_pair *ret, struct cs_error *err)
{
    auto_pkey *key = EVP_EC_gen("P-256");
    auto_x509 *x = key ? new_cert(key, now_ms - CS_CERT_BACKDATE_MS, now_ms + lifetime_ms) : NULL;
    cs_auto_pem_pair out = {0};

    if (!x || !set_ca_name(x) || !add_ext(x, x, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") ||
        !add_ext(x, x, NID_key_usage, "critical,keyCertSign") || !add_ext(x, x, NID_subject_key_identifier, "hash") ||
        !X509_sign(x, key, EVP_sha256()))
        return openssl_failed(err, "making a CA");
    out.cert = pem_of_cert(x, NULL);
    out.key = pem_of_key(key);
    if (!out.cert || !out.key)
        return openssl_failed(err, "encoding a CA");
    ret->cert = cs_take(out.cert);
    ret->key = cs_take(out.key);
    return true;
}

static bool read_ca(const struct cs_pem_pair *ca, X509 **ret_cert, EVP_PKEY **ret_key, struct cs_error *err)
{
    auto_bio *cert_bio = BIO_new_mem_buf(ca->cert, -1);
    auto_bio *key_bio = BIO_new_mem_buf(ca->key, -1);
    auto_x509 *x = cert_bio ? PEM_read_bio_X509(cert_bio, NULL, no_password, NULL) : NULL;
    auto_pkey *key = key_bio ? PEM_read_bio_PrivateKey(key_bio, NULL, no_password, NULL) : NULL;

    if (!x || !key || !X509_check_private_key(x, key)) {
        ERR_clear_error();
        return cs_error_set(err, CS_ERR_INVALID, "the CA's certificate and key cannot be read or do not match");
    }
    *ret_cert = cs_take(x);
    *ret_key = cs_take(key);
    return true;
}

static int64_t not_after_ms(const X509 *x)
{
    struct tm tm = {0};

    return ASN1_TIME_to_tm(X509_get0_notAfter(x), &tm) ? (int64_t)timegm(&tm) * 1000 : 0;
}

static bool fill_leaf(X509 *x, X509 *ca, EVP_PKEY *ca_key, const struct cs_cert_names *names)
{
    /* The common name is for people: clients look at the alternative names only. It may hold 64 bytes, a Service's 63. */
    return add_name(X509_get_subject_name(x), names->items[0]) && X509_set_issuer_name(x, X509_get_subject_name(ca)) &&
           add_ext(x, ca, NID_basic_constraints, "critical,CA:FALSE") &&
           add_ext(x, ca, NID_key_usage, "critical,digitalSignature") &&
           add_ext(x, ca, NID_ext_key_usage, "serverAuth") && add_ext(x, ca, NID_subject_key_identifier, "hash") &&
           add_ext(x, ca, NID_authority_key_identifier, "keyid:always") && add_alt_names(x, names) &&
           X509_sign(x, ca_key, EVP_sha256());
}

bool cs_ca_make_leaf(const struct cs_pem_pair *ca, const struct cs_cert_names *names, int64_t now_ms,
    int64_t lifetime_ms, struct cs_pem_pair *ret, struct cs_error *err)
{
    auto_x509 *ca_cert = NULL;
    auto_pkey *ca_key = NULL;
    auto_pkey *key = NULL;
    auto_x509 *x = NULL;
    cs_auto_pem_pair out = {0};
    int64_t until_ms = now_ms + lifetime_ms;

    if (!read_ca(ca, &ca_cert, &ca_key, err))
        return false;
    if (until_ms > not_after_ms(ca_cert))
        until_ms = not_after_ms(ca_cert);
    key = EVP_EC_gen("P-256");
    x = key ? new_cert(key, now_ms - CS_CERT_BACKDATE_MS, until_ms) : NULL;
    if (!x || !fill_leaf(x, ca_cert, ca_key, names))
        return openssl_failed(err, "making a certificate");
    out.cert = pem_of_cert(x, ca_cert);
    out.key = pem_of_key(key);
    if (!out.cert || !out.key)
        return openssl_failed(err, "encoding a certificate");
    ret->cert = cs_take(out.cert);
    ret->key = cs_take(out.key);
    return true;
}
