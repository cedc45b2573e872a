/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Instance ids and the names made of them (spec §4.5, D4, D7).
 */
#ifndef CS_CLONESET_NAMES_H
#define CS_CLONESET_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/str.h"

#define CS_ID_LEN 5
#define CS_ID_SIZE 6 /* with NUL */
#define CS_NAME_SIZE 254 /* a DNS subdomain + NUL */

/* 5 characters of the alphabet. */
bool cs_id_valid(struct cs_str id);
/*
 * D7: the k-th candidate for a new id, a function of set uid, the set's generation, a digest of the ids in use and k, so
 * that two actors with the same view choose the same names. Callers skip candidates in use.
 */
void cs_id_candidate(const char *set_uid, int64_t generation, uint64_t in_use_digest, uint64_t k, char ret[CS_ID_SIZE]);
/* Order-independent digest of one id; the digest of a set of ids is the sum over its members. */
uint64_t cs_id_digest(const char *id);

/* "<set>-<id>"; false, ret untouched, when it does not fit a name (253). */
bool cs_pod_name(const char *set, const char *id, char ret[CS_NAME_SIZE]);
/* "<template>-<set>-<id>" */
bool cs_claim_name(const char *tmpl, const char *set, const char *id, char ret[CS_NAME_SIZE]);
/* The id when name is "<set>-<id>" with a valid id, else {NULL,0}. */
struct cs_str cs_id_of_pod_name(struct cs_str name, struct cs_str set);
/* The text after the last '-' (spec: "hash" of a revision name); the whole text when there is none. */
struct cs_str cs_short_hash(struct cs_str revision);
/*
 * Spec §4.3: equal strings, or equal text after the last '-' of each. NULL equals nothing, and an empty text after the '-'
 * says nothing.
 */
bool cs_revision_same(const char *a, const char *b);

#endif
