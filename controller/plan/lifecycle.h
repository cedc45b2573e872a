/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lifecycle hooks (spec §6.8) and the keys of the condition KruisePodReady by which a waiting Pod is out of service (§6.9, A.5).
 */
#ifndef CS_PLAN_LIFECYCLE_H
#define CS_PLAN_LIFECYCLE_H

#include "controller/plan/parts.h"

/* At least one of the hook's labels (with that value) or finalizers is on the Pod. An absent or empty hook: no. */
bool cs_hooked(const struct cs_hook *h, const struct cs_pod *p);
/* All of them are. An absent hook: no; an empty one: yes. */
bool cs_all_hooked(const struct cs_hook *h, const struct cs_pod *p);

/* Keys of user agent "Lifecycle" in the condition's message. */
#define CS_KEY_PRE_DELETE 1u /* preDeleteHook */
#define CS_KEY_PRE_UPDATE 2u /* preUpdateHook */
/* Those of ours that the Pod's message has; 0 without the readiness gate. */
unsigned cs_ready_keys(const struct cs_pod *p);
/*
 * The message with some of our keys added and some taken away: entries of others stay as they are, all sorted by user agent and
 * key. *ret_empty: no entry is left, so the condition is True. Owned.
 */
char *cs_ready_message(const struct cs_pod *p, unsigned add, unsigned drop, bool *ret_empty);

/* ---- the pass ---- */

/* Spec §5.1 step 2: Pods in PreparingDelete that are wanted after all. True: some are on their way back, and nothing else is
 * scaled in this pass. */
bool cs_plan_regret(struct cs_planner *pl);
/* Spec §5.5, for a Pod that its preDelete hook holds: PreparingDelete, once; then it waits. */
void cs_plan_prepare_delete(struct cs_planner *pl, struct cs_view_pod *v, const char *why);
/* Spec §6.5, for a Pod that its inPlaceUpdate hook holds: PreparingUpdate, once; then it waits. */
void cs_plan_prepare_update(struct cs_planner *pl, struct cs_view_pod *v);
/* Spec §6.5: an Updated Pod whose hook is not back in place goes through it again, as the controller puts it back. */
void cs_plan_rearm(struct cs_planner *pl, struct cs_view_pod *v);
/* Spec §6.8: the transition that is due; complete: its in-place update is (§6.6 D). NONE: stay. */
enum cs_lifecycle cs_lifecycle_next(const struct cs_planner *pl, const struct cs_view_pod *v, bool complete);
/* Keys of ours that a Pod in this state must not have (quirks 12 and 20), of those that it has. */
unsigned cs_ready_keys_stale(const struct cs_pod *p, enum cs_lifecycle state);
/* U-27: Pods that somebody deleted although their preDelete hook holds them. */
void cs_plan_note_unhooked(struct cs_planner *pl);

#endif
