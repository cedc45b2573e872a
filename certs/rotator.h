/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The product's own certificates (design §6, D21): one Secret in the product's namespace holds CA and leaf; every replica
 * watches it, hands the newest valid pair to its server, and publishes the CA bundle into the webhook configurations
 * (and the CRD's conversion, when it has one). Decisions are pure (certs/decide.h), requests are single and carry a
 * resourceVersion, so any number of replicas may do this at once.
 *
 * Runs on one event loop with the kube client; callbacks come from there.
 */
#ifndef CS_CERTS_ROTATOR_H
#define CS_CERTS_ROTATOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/cleanup.h"
#include "common/base/log.h"
#include "common/base/metrics.h"
#include "common/base/rand.h"
#include "common/kube/client.h"
#include "common/kube/loop.h"

/* "false" on a webhook configuration or the CRD: hands off this object, and ready does not wait for it. */
#define CS_ANNO_MANAGE_WEBHOOKS "cloneset.apps.kruise.io/manage-webhooks"

/* One entry of a webhook configuration as this product writes it, but clientConfig. */
struct cs_webhook_entry {
    bool mutating;
    const char *config; /* name of the MutatingWebhookConfiguration / ValidatingWebhookConfiguration */
    const char *name; /* "mcloneset.kb.io" */
    const char *path; /* "/mutate-apps-kruise-io-cloneset" */
    /*
     * JSON object with everything but name and clientConfig. Members stated here are kept right; what others add to our
     * entry beyond them (a namespaceSelector, the server's defaults) stays. NULL: not wanted (its feature is off), removed
     * where it still stands.
     */
    const char *body;
};

/* All pointers, strings and entries included, are borrowed and must outlive the rotator. */
struct cs_rotator_options {
    const struct cs_client *client;
    struct cs_loop *loop;
    struct cs_rand *rand;
    const struct cs_log *log; /* may be NULL */
    struct cs_metrics *metrics; /* may be NULL */
    const char *ns; /* namespace of the Secret and the Service */
    const char *secret; /* name of the Secret, shipped empty */
    const char *service; /* name of the Service: DNS names of the leaf */
    uint16_t service_port; /* 0: 443 */
    const char *url; /* "https://127.0.0.1:9443": clientConfig.url instead of the Service; or NULL */
    int64_t ca_lifetime_ms; /* 0: 10 years; raised to three leaf lifetimes */
    int64_t leaf_lifetime_ms; /* 0: 90 days; at least 15 s; renewed when 1/3 is left */
    /*
     * How long a new CA must have stood in every configuration before a leaf of it is served: API servers learn of a
     * changed configuration by watch. 0: 10 s, less when the leaf lives for less than 5 minutes.
     */
    int64_t settle_ms;
    bool manage_webhooks; /* D21: write the entries and keep caBundle right */
    const struct cs_webhook_entry *entries;
    unsigned n_entries;
    const char *crd; /* with manage_webhooks: CRD whose conversion (strategy Webhook) gets the bundle; or NULL */
    const char *crd_path; /* NULL: "/convert" */
    /*
     * A pair to serve from now on (PEM, borrowed for the call): leaf followed by its CA. Returns false when the server
     * does not take it: then this replica does not get ready and the pair is offered again some seconds later.
     */
    bool (*on_pair)(void *ctx, const char *cert_pem, const char *key_pem);
    void *ctx;
};

struct cs_rotator;
/* An entry's body that is no JSON object is a programming error and aborts. */
struct cs_rotator *cs_rotator_new(const struct cs_rotator_options *o);
void cs_rotator_free(struct cs_rotator *r); /* forgets calls under way */
CS_DEFINE_CLEANUP(struct cs_rotator *, cs_rotator_free)
void cs_rotator_start(struct cs_rotator *r); /* at most once; callbacks come later, from the loop */

/*
 * D21: a valid pair has been handed to the server and, when webhooks are managed, the bundle was read back equal from
 * every configuration (but those opted out). Once ready, a replica stays so while a foreign change is being repaired,
 * for up to 15 s: an endpoint less would not help anybody. Thread-safe. why (may be NULL): what is missing, one line,
 * cut at size; "" when ready.
 */
bool cs_rotator_ready(struct cs_rotator *r, char *why, size_t size);

#endif
