/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading certificates: turns PEM text that anybody may have written into plain facts (decide.h decides on them).
 * Unreadable input is a fact as well, never an error and never a prompt for a password.
 */
#ifndef CS_CERTS_INSPECT_H
#define CS_CERTS_INSPECT_H

#include <stdbool.h>
#include <stdint.h>

#include "certs/ca.h"

#define CS_MAX_CAS 6 /* certificates of a bundle that are looked at */
#define CS_MAX_PEM (64 * 1024) /* longer text counts as unreadable */
#define CS_SIGNER_NONE (-1) /* no known CA signed this leaf */
#define CS_SIGNER_CHAIN (-2) /* the CA that follows it in its own file did, and the bundle lacks it */

struct cs_ca_facts {
    int64_t from_ms, until_ms; /* notBefore, notAfter, wall */
};

struct cs_bundle_facts {
    struct cs_ca_facts cas[CS_MAX_CAS]; /* the CA certificates of ca.crt in order; repeated ones once */
    char *pems[CS_MAX_CAS]; /* each re-encoded, owned */
    unsigned n;
    bool key_ok; /* the key given is the key of cas[0] */
};
/* Either text may be NULL. */
void cs_inspect_bundle(const char *ca_pem, const char *key_pem, struct cs_bundle_facts *ret);
void cs_bundle_facts_done(struct cs_bundle_facts *b);

struct cs_leaf_facts {
    bool pair_ok; /* certificate for servers, and the key is its key */
    bool names_ok; /* valid for every name asked for */
    int signer; /* index in the bundle, or CS_SIGNER_… */
    int64_t from_ms, until_ms;
    struct cs_ca_facts chain_ca; /* with CS_SIGNER_CHAIN */
    char *chain_pem; /* with CS_SIGNER_CHAIN: that CA, owned */
    char *leaf_pem; /* the leaf alone, re-encoded, owned; NULL when !pair_ok */
};
/* cert_pem: leaf, perhaps followed by its CA. names may be NULL: not asked (names_ok is true then). */
void cs_inspect_leaf(const char *cert_pem, const char *key_pem, const struct cs_bundle_facts *bundle,
    const struct cs_cert_names *names, struct cs_leaf_facts *ret);
void cs_leaf_facts_done(struct cs_leaf_facts *l);

/* True when the first certificate of cert_pem verifies at now_ms, as an https server, against the CAs in bundle_pem. */
bool cs_inspect_verifies(const char *cert_pem, const char *bundle_pem, int64_t now_ms);

#endif
