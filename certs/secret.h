/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Secret as this product reads and writes it: ca.crt (bundle, newest CA first), ca.key (of the newest), tls.crt (leaf
 * and its CA), tls.key. It is shipped with empty or no data; what cannot be read counts as absent and is written anew.
 */
#ifndef CS_CERTS_SECRET_H
#define CS_CERTS_SECRET_H

#include <stdbool.h>
#include <stdint.h>

#include "certs/ca.h"
#include "certs/decide.h"
#include "certs/inspect.h"
#include "common/base/strbuf.h"
#include "common/json/json_doc.h"

/* The four values as PEM text, owned; NULL where absent or not base64. */
struct cs_secret_data {
    char *ca_crt, *ca_key, *tls_crt, *tls_key;
};
void cs_secret_data_done(struct cs_secret_data *d); /* wipes the keys */

/* One version of the Secret with what there is to know about it. */
struct cs_cert_secret {
    uint64_t rv;
    struct cs_secret_data data;
    struct cs_bundle_facts bundle;
    struct cs_leaf_facts leaf;
    char *bundle_pem; /* the bundle's CA certificates, clean: what gets published; NULL when there is none */
    char *chain_pem; /* leaf and its CA, clean: what gets served; NULL when the pair is unusable */
};
/* False, with nothing to free, when obj has no resourceVersion. */
bool cs_cert_secret_read(struct cs_json obj, const struct cs_cert_names *names, struct cs_cert_secret *ret);
void cs_cert_secret_done(struct cs_cert_secret *s); /* reusable as zeroed */

struct cs_secret_next_in {
    const struct cs_decision *decision; /* one that writes */
    const struct cs_cert_policy *policy;
    const struct cs_cert_secret *now; /* what it was decided on */
    const struct cs_pem_pair *served; /* for CS_LEAF_RESTORE, with its facts */
    const struct cs_leaf_facts *served_facts;
    const struct cs_cert_names *names;
    int64_t now_ms;
};
/* The values after the decision; makes keys, so no two results are equal. */
bool cs_cert_secret_next(const struct cs_secret_next_in *in, struct cs_secret_data *ret, struct cs_error *err);
/* Merge patch that holds only for version rv. The text holds keys: wipe it. */
void cs_cert_secret_patch(const struct cs_secret_data *next, uint64_t rv, struct cs_strbuf *out);

#endif
