/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the product registers with the API server (spec §2.1, D15, D17, D18): the entries that certs/rotator.h writes, and the
 * names that the manifests ship empty.
 */
#ifndef CS_WEBHOOK_ENTRIES_H
#define CS_WEBHOOK_ENTRIES_H

#include "certs/rotator.h"

#define CS_MUTATING_CONFIGURATION "cloneset-mutating-webhook"
#define CS_VALIDATING_CONFIGURATION "cloneset-validating-webhook"

#define CS_N_WEBHOOK_ENTRIES 3
extern const struct cs_webhook_entry cs_webhook_entries[CS_N_WEBHOOK_ENTRIES];

#endif
