/* SPDX-License-Identifier: Apache-2.0 */
/*
 * D17: Pods and claims made for a CloneSet by somebody else than our controller (a restore, a person) get the instance-id label
 * injected, because Pods and claims are found by it. Only objects with a CloneSet as controller owner and without the label are
 * sent here (matchConditions), with failurePolicy Ignore; nothing is ever refused.
 */
#ifndef CS_WEBHOOK_HANDLE_INSTANCE_ID_H
#define CS_WEBHOOK_HANDLE_INSTANCE_ID_H

#include "common/base/rand.h"
#include "webhook/review.h"

/*
 * With a name of the right form ("<set>-<id>" for a Pod, "<template>-<set>-<id>" for a claim) the label is that id. With no name but
 * a generateName of "<set>-" ("<template>-<set>-") name and label are made together. Otherwise: unchanged, with a
 * warning. Never renames.
 */
void cs_handle_instance_id(const struct cs_review *r, struct cs_rand *rand, struct cs_verdict *v);

#endif
