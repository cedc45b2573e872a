/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Feature gates (spec §9), with the peer's names and defaults. Plain values: whoever decides by one gets it passed.
 */
#ifndef CS_CLONESET_GATES_H
#define CS_CLONESET_GATES_H

#include <stdbool.h>

#include "common/base/error.h"
#include "common/base/str.h"
#include "common/base/strbuf.h"

struct cs_gates { /* all off by default */
    bool short_hash; /* CloneSetShortHash */
    bool partition_rollback; /* CloneSetPartitionRollback */
    bool preparing_update_as_update; /* PreparingUpdateAsUpdate */
    bool recreate_on_claim_templates; /* RecreatePodWhenChangeVCTInCloneSetGate */
    bool vertical_scaling; /* InPlaceWorkloadVerticalScaling */
    bool deletion_protection; /* ResourcesDeletionProtection */
};

/*
 * Reads the value of --feature-gates: "Name=true,Other=false"; the last mention of a name wins. Gates of the peer that this
 * product has no use for are accepted; their names are appended to ignored (may be NULL), separated by ", ", for a line in the
 * log. Anything else is CS_ERR_INVALID and names the nearest gate.
 */
bool cs_gates_parse(const char *text, struct cs_gates *ret, struct cs_strbuf *ignored, struct cs_error *err);

#endif
