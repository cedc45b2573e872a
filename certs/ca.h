/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making certificates (design §6): a CA and the webhook server's leaf, ECDSA P-256, random 127-bit serials, keys as
 * PKCS#8 PEM. Everything that reads certificates is in inspect.h.
 */
#ifndef CS_CERTS_CA_H
#define CS_CERTS_CA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/cleanup.h"
#include "common/base/error.h"

/*
 * Once, before anything uses OpenSSL: exhaustion in its allocations ends the process. Otherwise a certificate that it had
 * no memory to read would pass for one that is broken (its errors do not always tell), and a good CA would be replaced.
 */
void cs_certs_init(void);

/* notBefore lies this much before the moment of making, for callers whose clock is behind. */
#define CS_CERT_BACKDATE_MS (5 * 60 * 1000)

/* Text that holds a private key: wiped before it is freed. NULL-safe. */
void cs_secret_text_free(char *s);
CS_DEFINE_CLEANUP(char *, cs_secret_text_free)
#define cs_autosecret CS_CLEANUP(cs_secret_text_free_cleanup)
void cs_secret_wipe(char *p, size_t len); /* not optimised away; p may be NULL */

/* A certificate (possibly followed by its issuer) and its key, PEM, owned. Zero-initialised means empty. */
struct cs_pem_pair {
    char *cert;
    char *key;
};
void cs_pem_pair_done(struct cs_pem_pair *p); /* NULL-safe; wipes the key */
#define cs_auto_pem_pair CS_CLEANUP(cs_pem_pair_done) struct cs_pem_pair

/* Names for the leaf: DNS names and IP addresses as text. */
struct cs_cert_names {
    char **items; /* owned */
    unsigned len;
};
/*
 * <service>, <service>.<ns>, <service>.<ns>.svc, <service>.<ns>.svc.cluster.local, and the host of url (may be NULL).
 * A url that is not https://host[:port][/path] gives CS_ERR_INVALID.
 */
bool cs_cert_names_make(
    const char *service, const char *ns, const char *url, struct cs_cert_names *ret, struct cs_error *err);
void cs_cert_names_done(struct cs_cert_names *n);

/* A self-signed CA that may sign leaves only (pathlen 0), valid from now - backdate to now + lifetime. */
bool cs_ca_make(int64_t now_ms, int64_t lifetime_ms, struct cs_pem_pair *ret, struct cs_error *err);
/*
 * A serving certificate signed by ca, valid until now + lifetime or until the CA ends. ret->cert: leaf followed by the
 * CA. Errors: CS_ERR_INVALID (ca unreadable or not a pair), CS_ERR_INTERNAL.
 */
bool cs_ca_make_leaf(const struct cs_pem_pair *ca, const struct cs_cert_names *names, int64_t now_ms,
    int64_t lifetime_ms, struct cs_pem_pair *ret, struct cs_error *err);

#endif
