/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificate and key as GnuTLS wants them, loaded once, shared by all handshakes that began while they were current, and freed
 * with the last of these: a new pair may come at any moment, from any thread.
 */
#ifndef CS_HTTP_TLS_PAIR_H
#define CS_HTTP_TLS_PAIR_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/base/cleanup.h"
#include "common/base/error.h"

struct cs_tls_pair; /* counted */

/*
 * From PEM: the leaf first, then its chain (at most 8 certificates), and the leaf's private key. CS_ERR_INVALID when a text does
 * not parse or the key is not the leaf's. Expired pairs load: what to do about them is the caller's decision.
 */
bool cs_tls_pair_new(const char *cert_pem, const char *key_pem, struct cs_tls_pair **ret, struct cs_error *err);
void cs_tls_pair_unref(struct cs_tls_pair *p);
CS_DEFINE_CLEANUP(struct cs_tls_pair *, cs_tls_pair_unref)
int64_t cs_tls_pair_not_after_ms(const struct cs_tls_pair *p); /* wall */

/* The pair served now. The lock guards the pointer only. */
struct cs_tls_slot {
    pthread_mutex_t lock;
    struct cs_tls_pair *current; /* or NULL */
};
void cs_tls_slot_init(struct cs_tls_slot *slot);
void cs_tls_slot_done(struct cs_tls_slot *slot);
void cs_tls_slot_set(struct cs_tls_slot *slot, struct cs_tls_pair *p); /* takes the caller's reference */
struct cs_tls_pair *cs_tls_slot_get(struct cs_tls_slot *slot); /* a reference, or NULL */

/*
 * What a session needs to find its certificate; lies in the connection and outlives the GnuTLS session. `held` is set by the
 * handshake and released by cs_tls_session_done.
 */
struct cs_tls_session {
    struct cs_tls_slot *slot;
    const char *client_names; /* cs_tls_session_require_client */
    struct cs_tls_pair *held;
    char *refused; /* owned: why the peer was refused as a client, one line; or NULL */
    bool greeted; /* the peer's ClientHello was read */
};
void cs_tls_session_done(struct cs_tls_session *s);

/* TLS 1.2 and 1.3 with ephemeral key exchange and authenticated encryption only. */
#define CS_TLS_PRIORITIES                                                                                              \
    "NONE:+VERS-TLS1.3:+VERS-TLS1.2:+ECDHE-ECDSA:+ECDHE-RSA:+AES-128-GCM:+AES-256-GCM:+CHACHA20-POLY1305:+AEAD:"       \
    "+GROUP-X25519:+GROUP-SECP256R1:+GROUP-SECP384R1:+SIGN-ALL:-SIGN-RSA-SHA1:-SIGN-ECDSA-SHA1:+COMP-NULL:"            \
    "+CTYPE-X509:%SERVER_PRECEDENCE"

/* Attaches s to a GnuTLS session (as void *: headers of GnuTLS stay in .c files) before its handshake. */
void cs_tls_session_attach(void *gnutls_session, struct cs_tls_session *s);
/*
 * The session, attached before, must bring a certificate for clients that the credentials' trust list vouches for, and whose common
 * name is one of s->client_names: "a,b", or NULL or "" for any. Otherwise the handshake ends with an alert that tells the peer what
 * is wrong, and s->refused says it to us.
 */
void cs_tls_session_require_client(void *gnutls_session);
/* The function for MHD_OPTION_HTTPS_CERT_CALLBACK; its type belongs to GnuTLS. */
void *cs_tls_retrieve_function(void);
/* CS_ERR_INVALID when pem holds no certificate. */
bool cs_tls_check_ca(const char *pem, struct cs_error *err);
/* Sends bytes on an established session, as far as they go without waiting. */
void cs_tls_send(void *gnutls_session, const char *p, size_t len);

#endif
