/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the product registers with the API server (spec §2.1, D15, D17, D18): the entries that certs/rotator.h writes, and the
 * names that the manifests ship empty.
 */
#ifndef CS_WEBHOOK_ENTRIES_H
#define CS_WEBHOOK_ENTRIES_H

#include "certs/rotator.h"
#include "common/cloneset/gates.h"

#define CS_MUTATING_CONFIGURATION "cloneset-mutating-webhook"
#define CS_VALIDATING_CONFIGURATION "cloneset-validating-webhook"

#define CS_N_WEBHOOK_ENTRIES 4
/* Those of features that are off have no body. */
void cs_webhook_entries_make(const struct cs_gates *gates, struct cs_webhook_entry ret[CS_N_WEBHOOK_ENTRIES]);

#endif
