/* SPDX-License-Identifier: Apache-2.0 */
/* What tests of the server's TLS side share: certificates, made per run, and a peer of the HTTP client that speaks TLS. */
#ifndef CS_TEST_TLS_PEER_H
#define CS_TEST_TLS_PEER_H

#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <stdbool.h>
#include <time.h>

#include "test/unit/http_client.h"

struct pair {
    gnutls_x509_crt_t crt;
    gnutls_x509_privkey_t key;
    char cert_pem[4096], key_pem[4096];
};

/* A certificate named cn, signed by `by` (itself when NULL), for a purpose (any when NULL). */
void make_pair_for(struct pair *p, const char *cn, const struct pair *by, time_t until, const char *purpose);
void make_pair(struct pair *p, const char *cn, const struct pair *by, time_t until);
void drop_pair(struct pair *p);

/* The state of a group of tests. */
struct fixture {
    struct pair ca, one, two; /* one and two signed by ca */
};
int tls_fixture_setup(void **state);
int tls_fixture_teardown(void **state);

struct tls {
    gnutls_session_t session;
    gnutls_certificate_credentials_t cred;
    char server_cn[64];
};
/*
 * Connects and shakes hands; verifies against ca when given; shows client's certificate when given, also one of a CA that the server
 * does not name. priorities: NULL for "NORMAL". False when the handshake fails. tls_close in any case.
 */
bool tls_connect(struct peer *p, struct tls *t, uint16_t port, const char *priorities, const struct pair *ca,
    const struct pair *client);
void tls_close(struct peer *p, struct tls *t);
/* Connects and asks; whether the answer is 200. TLS 1.3 clients learn of a refusal only when they read. */
bool tls_answers(uint16_t port, const char *priorities, const struct pair *ca, const struct pair *client);

#endif
