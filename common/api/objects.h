/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The smaller objects: claims, ControllerRevisions, Nodes, Leases. Immutable after decode; strings interned.
 */
#ifndef CS_API_OBJECTS_H
#define CS_API_OBJECTS_H

#include "common/api/meta.h"

struct cs_claim {
    struct cs_meta meta;
    const char *id; /* instance id label or NULL */
    const char *request; /* spec.resources.requests.storage or NULL */
    bool resizing; /* its volume is being grown, or waits for a node to grow its file system */
    enum { CS_CLAIM_PENDING, CS_CLAIM_BOUND, CS_CLAIM_LOST } phase;
};
struct cs_claim *cs_claim_decode(struct cs_intern *pool, struct cs_json obj, struct cs_error *err);
void cs_claim_free(struct cs_intern *pool, struct cs_claim *c);

struct cs_revision {
    struct cs_meta meta;
    int64_t revision;
    char *data_raw; /* `data` as stored, owned, NUL-terminated; "" when absent */
    const char *vct_hash; /* annotation or NULL */
    /* What CS_ANNO_CLAIM_TEMPLATES recorded, as in a cs_cloneset; "" and 0 when it is absent or not usable as a whole. */
    const char *vcts_raw; /* interned */
    const char **vct_names;
    uint32_t n_vcts;
};
struct cs_revision *cs_revision_decode(struct cs_intern *pool, struct cs_json obj, struct cs_error *err);
void cs_revision_free(struct cs_intern *pool, struct cs_revision *r);

struct cs_node {
    struct cs_meta meta; /* labels for topology keys */
    bool ready; /* condition Ready is True */
};
struct cs_node *cs_node_decode(struct cs_intern *pool, struct cs_json obj, struct cs_error *err);
void cs_node_free(struct cs_intern *pool, struct cs_node *n);

/* coordination.k8s.io/v1 Lease */
struct cs_lease {
    struct cs_meta meta;
    const char *holder; /* NULL or "" when released */
    int32_t duration_s;
    int64_t acquired_ms, renewed_ms; /* wall */
    int32_t transitions;
};
struct cs_lease *cs_lease_decode(struct cs_intern *pool, struct cs_json obj, struct cs_error *err);
void cs_lease_free(struct cs_intern *pool, struct cs_lease *l);

#endif
