/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Replicas of the webhook's rotator around one fake API server, and questions about what they did.
 */
#ifndef CS_TEST_UNIT_CERTS_WORLD_H
#define CS_TEST_UNIT_CERTS_WORLD_H

#include "certs/rotator.h"
#include "common/base/cleanup.h"
#include "test/unit/certs_fake_api.h"

#define SECOND ((int64_t)1000)
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)

/* As the manifests ship them: Secret sys/certs, configurations hooks-m and hooks-v, CRD clonesets.apps.kruise.io. */
extern const char cert_world_empty_secret[], cert_world_empty_mutating[], cert_world_empty_validating[],
    cert_world_crd[];

#define MAX_REPLICAS 3

struct replica {
    struct fake_peer peer;
    struct cs_client client;
    struct cs_rand rand;
    struct cs_rotator_options options;
    struct cs_rotator *rotator; /* NULL: not running */
    bool refuse; /* the server takes no pair */
    unsigned offers;
    char *cert, *key; /* what the server serves */
    bool was_ready;
};

struct world {
    bool may_lose_ready; /* the network is slower than the patience of cs_rotator_ready */
    struct fake_api api;
    struct replica replicas[MAX_REPLICAS];
    struct cs_metrics *metrics;
    uint64_t seed;
};

void world_init(struct world *w, uint64_t seed);
void world_done(struct world *w);
#define auto_world CS_CLEANUP(world_done) struct world
void install(struct world *w); /* the first three objects */
void start(struct replica *r);
void stop(struct replica *r); /* without a word, as a crash does */
void run(struct world *w, int64_t ms);

const char *why(struct replica *r); /* borrowed until the next call */
void assert_ready(struct replica *r);
void assert_waits_for(struct replica *r, const char *what); /* not ready, and the reason holds this text */

/* caBundle of an entry, decoded and owned; NULL when the entry or the bundle is missing. */
char *bundle_in(const struct cs_jtree *config, const char *entry);
/* Each of our entries trusts this certificate now. */
void assert_all_published(const struct world *w, const char *cert);
char *secret_value(const struct world *w, const char *key); /* decoded, owned, or NULL */
/* By the CA that stands first in the Secret. */
bool served_by_newest_ca(const struct world *w, const struct replica *r);
double repairs(const struct world *w, const char *kind, const char *name);

/* Somebody changes a member of an object's root (NULL removes it), or its annotations. */
void edit(struct world *w, int object, const char *key, const char *json);
void edit_annotations(struct world *w, int object, const char *json);

#endif
