/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Object metadata as decisions need it. Strings and arrays are interned (intern.h), but for name and uid, which no other object
 * has: they lie behind their own. A field of a wrong JSON type counts as
 * absent, except name, namespace, uid and resourceVersion, without which an object does not decode (the namespace may be
 * absent: cluster-scoped objects). Owners without a uid are left out: nothing can be matched with them.
 */
#ifndef CS_API_META_H
#define CS_API_META_H

#include <stdbool.h>
#include <stdint.h>

#include "common/api/intern.h"
#include "common/base/error.h"
#include "common/json/json_doc.h"

struct cs_pair { /* label or annotation */
    const char *key;
    const char *value;
};

struct cs_pairs { /* sorted by key (strcmp), keys unique */
    struct cs_pair *items;
    uint32_t len;
    const char *id; /* labels of an object: value of CS_LABEL_INSTANCE_ID, NULL without; it alone differs in a fleet */
};

struct cs_owner {
    const char *api_version, *kind, *name, *uid;
    bool controller;
};

struct cs_meta {
    const char *ns; /* "" for objects without one */
    const char *name, *uid; /* not interned */
    uint64_t rv;
    int64_t generation;
    int64_t created_ms; /* wall; 0: none */
    int64_t deleted_ms; /* deletionTimestamp, wall; 0: not being deleted */
    struct cs_pairs labels;
    const char **finalizers;
    struct cs_owner *owners;
    uint16_t n_finalizers, n_owners; /* an object with more than 65,535 of either does not decode */
    bool has_annotations; /* metadata.annotations exists and is an object: JSON Patch must know */
};

/* Decodes `metadata` of obj. Needs name, uid and a numeric resourceVersion; else CS_ERR_INVALID with the path. */
bool cs_meta_decode(struct cs_intern *pool, struct cs_json obj, struct cs_meta *ret, struct cs_error *err);
/* For what cs_meta_decode gave (name and uid are one allocation); not for metadata inside a decoded Pod, claim … */
void cs_meta_done(struct cs_intern *pool, struct cs_meta *m);

/* NULL when absent. */
const char *cs_pairs_get(const struct cs_pairs *p, const char *key);
bool cs_pairs_has(const struct cs_pairs *p, const char *key);
/* Non-string values are skipped. False when obj is no object: *ret is empty then. */
bool cs_pairs_decode(struct cs_intern *pool, struct cs_json obj, struct cs_pairs *ret);
void cs_pairs_done(struct cs_intern *pool, struct cs_pairs *p);

/* The owner with controller: true, or NULL. */
const struct cs_owner *cs_meta_controller(const struct cs_meta *m);
/* True when the controller owner is a CloneSet (group apps.kruise.io, any version; D19: then match by uid). */
bool cs_owner_is_cloneset(const struct cs_owner *o);
bool cs_meta_has_owner_uid(const struct cs_meta *m, const char *uid);
bool cs_meta_has_finalizer(const struct cs_meta *m, const char *finalizer);
/* resourceVersion of an object as unsigned integer; false when absent or not a number. */
bool cs_json_rv(struct cs_json obj, uint64_t *ret);

#endif
