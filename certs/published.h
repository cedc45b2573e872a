/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One object in which the API server finds our address and CA bundle (a webhook configuration, the CRD): watched,
 * compared on every change, set right when it differs. Belongs to the rotator, which drives it by _step and hears by
 * on_change that a step is due.
 *
 * A write goes: this version of the object seen, then the Secret read afresh, then a patch for this version. A replica
 * whose view of the Secret is old therefore can never put an old bundle over a newer one: the bundle it would write was
 * current after the version that it replaces.
 */
#ifndef CS_CERTS_PUBLISHED_H
#define CS_CERTS_PUBLISHED_H

#include <stdbool.h>
#include <stdint.h>

#include "certs/publish.h"
#include "certs/rotator.h"
#include "common/kube/client.h"

struct cs_published_options {
    const struct cs_rotator_options *rotator; /* borrowed: client, loop, rand, log, metrics, Secret and Service names */
    const struct cs_gvr *gvr;
    const char *name;
    bool mutating; /* of a webhook configuration */
    const char *crd_path; /* not NULL: the CRD */
    void (*on_change)(void *ctx);
    /* The answer to a fresh read of the Secret. */
    void (*on_secret)(void *ctx, const struct cs_reply *reply);
    void *ctx;
};

struct cs_published;
struct cs_published *cs_published_new(const struct cs_published_options *o);
void cs_published_free(struct cs_published *p);
CS_DEFINE_CLEANUP(struct cs_published *, cs_published_free)
void cs_published_start(struct cs_published *p);

/*
 * Compares and acts. bundle: what to publish now, NULL when there is nothing that could be. Returns the monotonic time
 * of the next step that is due without a change, INT64_MAX for none. ready_since_ms: since when this replica is ready, -1: it is not.
 */
int64_t cs_published_step(struct cs_published *p, const char *bundle_pem, int64_t ready_since_ms);

/*
 * For how long the object has shown the bundle of the last step; -1: it does not (yet). An object that is absent,
 * opted out or has no use for a bundle cannot fail a call because of one: it counts as showing every bundle.
 */
int64_t cs_published_confirmed_ms(const struct cs_published *p);
/* cs_publish_judge on the object as last seen; CS_PUBLISH_REFUSES while it was not seen yet. */
enum cs_publish_opinion cs_published_judge(const struct cs_published *p, const char *cert_pem);
/* NULL when as it should be (D21), else what is wrong, as in cs_rotator_ready. Borrowed until the next step. */
const char *cs_published_trouble(struct cs_published *p);

#endif
