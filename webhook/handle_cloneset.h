/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Admission of CloneSets: what the two cloneset webhooks answer. Pure (D16): bytes in, verdict out, no look-ups.
 */
#ifndef CS_WEBHOOK_HANDLE_CLONESET_H
#define CS_WEBHOOK_HANDLE_CLONESET_H

#include "common/api/intern.h"
#include "common/cloneset/gates.h"
#include "webhook/review.h"

/*
 * Writes the defaults of spec §1.2 (v1beta1: §1.4) that are absent; nothing inside template or claim templates. Code 400 for an
 * unknown version ("unsupported version: <v>") and for a spec that does not decode, the latter not when D15 says that nothing is
 * refused (being deleted, or spec unchanged). pool: scratch of the calling thread.
 */
void cs_handle_cloneset_mutate(const struct cs_review *r, struct cs_intern *pool, struct cs_verdict *v);
/*
 * The rules of spec §3 and D15: code 422 with all violations, or warnings about what the edit will do. DELETE is allowed, but
 * with the gate ResourcesDeletionProtection code 403 for a protected set (spec §3.6).
 */
void cs_handle_cloneset_validate(const struct cs_review *r, const struct cs_gates *gates, struct cs_verdict *v);

#endif
