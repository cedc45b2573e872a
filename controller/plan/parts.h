/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between the files of the planner: the arithmetic of spec §5.2, orders of §5.6 and §6.3, the steps of a pass.
 * Everything here is pure and exposed so that unit tests reach it.
 */
#ifndef CS_PLAN_PARTS_H
#define CS_PLAN_PARTS_H

#include "controller/plan/inplace_state.h"
#include "controller/plan/plan.h"

/* ---- spec §5.2 ---- */
struct cs_counts {
    int32_t total, total_old;
    int32_t active_new, active_old; /* not PreparingDelete */
    int32_t pre_del_new, pre_del_old;
    int32_t to_del_new, to_del_old;
    int32_t unavail_new, unavail_old;
};

struct cs_limits {
    int32_t n; /* replicas */
    int32_t partition; /* P */
    bool bad_partition; /* unparsable: P counts as 0 */
    int32_t surge; /* S */
    int32_t unavailable; /* U, rounded as §5.2 says */
    int32_t scale_cap; /* C, or INT32_MAX: unlimited */
    bool current_is_update;
    bool partition_rollback; /* gate CloneSetPartitionRollback */
    bool exclude_preparing; /* preparing-delete Pods do not count */
    bool no_rollout; /* OnDelete: surge for Pods asked to go, not for an update that never comes */
};

struct cs_numbers {
    int32_t scale_up, scale_up_old, scale_up_limit;
    int32_t scale_down, scale_down_old;
    int32_t delete_ready_limit;
    int32_t update_num; /* > 0: so many old Pods forward; < 0: back (gate) */
    int32_t update_max_unavailable; /* B; may be negative */
};

void cs_limits_of(const struct cs_cloneset *set, bool current_is_update, struct cs_limits *ret);
void cs_numbers_make(const struct cs_limits *l, const struct cs_counts *c, struct cs_numbers *ret);

/* ---- orders ---- */

/* Gives ranks (spec §5.6: same node, or topology spread) to the group and sorts it: whom to delete first comes first. */
void cs_rank_for_delete(const struct cs_observation *o, struct cs_view_pod **group, uint32_t n);
/*
 * Spec §6.3: whom to update first comes first (default order, priorities, scatter); what is half-way (marked, out of service
 * for it) before all others.
 */
void cs_sort_for_update(const struct cs_observation *o, struct cs_view_pod **pods, uint32_t n);

/* ---- the pass ---- */

/* No pass can send more: further creations are planned when these are done. */
#define CS_PLAN_ENOUGH 64

struct cs_planner {
    struct cs_observation *o;
    struct cs_plan *p;
    const char *const *listed; /* podsToDelete, sorted */
    const struct cs_view_revision *update, *current;
    struct cs_limits limits;
    struct cs_counts counts;
    struct cs_numbers numbers; /* for scaling */
    struct cs_numbers update_numbers; /* Pods counted by label (gate PreparingUpdateAsUpdate) */
    bool need_fresh; /* something destructive was wanted and the set was not fresh */
    bool scaled; /* the scale step wants or does something: no update this pass (spec §4.1 step 12) */
    bool has_claims; /* the set has claim templates */
    const char **pod_ids; /* of all Pods in any phase, and of creates under way; sorted, owned */
    uint32_t n_pod_ids;
    struct cs_vcts old_vcts; /* what Pods of the current revision are made from, when it is not the update revision */
    const char *old_lacks; /* … or the volume that they would mount and nothing provides: none are made (U-09) */
    char not_in_place[128]; /* InPlaceOnly cannot: the path of the template, for the status */
    bool held_back; /* a ready Pod that was asked to go has to stay for now */
};

/*
 * In the order of their names Pods lie all over the memory, and with thousands of them a pass waits longer for each than it works on
 * it. Called for the i-th, this has the memory of one that comes a little later fetched meanwhile. (GCC drops calls of what
 * only fetches, so there must be none.)
 */
static inline __attribute__((always_inline)) void cs_plan_fetch_ahead(const struct cs_observation *o, uint32_t i)
{
    const uint32_t ahead = 6, line = 64;
    const char *p = i + ahead < o->n_pods ? (const char *)o->pods[i + ahead].pod : NULL;

    for (uint32_t at = 0; p && at < sizeof(struct cs_pod); at += line)
        __builtin_prefetch(p + at);
}

struct cs_action *cs_plan_add(struct cs_planner *pl, enum cs_action_kind kind, const char *why);
/* As cs_plan_add for destructive actions: NULL when the set must be read first (D2). */
struct cs_action *cs_plan_add_destructive(struct cs_planner *pl, enum cs_action_kind kind, const char *why);
void cs_plan_note(struct cs_planner *pl, bool warning, const char *reason, const char *subject, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));
void cs_plan_requeue_at(struct cs_planner *pl, int64_t wall_ms);

bool cs_plan_revisions(struct cs_planner *pl); /* false: wait for a write of a revision */
void cs_plan_history(struct cs_planner *pl);
void cs_plan_classify(struct cs_planner *pl);
void cs_plan_finished(struct cs_planner *pl); /* D1: Failed and Succeeded Pods of a set with claims */
void cs_plan_scale(struct cs_planner *pl);
void cs_plan_create(struct cs_planner *pl);
void cs_plan_update(struct cs_planner *pl);
void cs_plan_refresh(struct cs_planner *pl);
/* Sends on what an update of this Pod still has to resize; says what keeps the kubelet from it. True: an action was added. */
bool cs_plan_resize(struct cs_planner *pl, struct cs_view_pod *v);
void cs_plan_strike(struct cs_planner *pl);
void cs_plan_status(struct cs_planner *pl);
void cs_plan_conditions(struct cs_planner *pl); /* last: it looks at what the others have planned */
void cs_plan_refused(struct cs_planner *pl, const char *why); /* the status when nothing can be done for the set */
/* What failed before has been overcome: nothing is left to do, and nothing is under way. */
bool cs_plan_idle(const struct cs_planner *pl);
const struct cs_view_revision *cs_plan_revision_of(const struct cs_planner *pl, const char *revision);
/* Deletes a Pod: hands its claims over first (D3), the Pod itself once they are. */
/* With a Pod that is labelled to leave its claims behind (U-12) it is the other way round. */
void cs_plan_delete_pod(struct cs_planner *pl, struct cs_view_pod *v, const char *why);
/* Claims of an id (observation.claims is sorted by id): the first, and how many. */
void cs_plan_claims_of(const struct cs_observation *o, const char *id, uint32_t *ret_at, uint32_t *ret_n);
/* D3, each claim of the Pod: to the Pod, or back to the set. True: a request is planned or under way. */
bool cs_plan_hand_over(struct cs_planner *pl, const struct cs_view_pod *v, const char *why);
bool cs_plan_hand_back(struct cs_planner *pl, const struct cs_view_pod *v, const char *why);
/* What an inactive Pod still owns of claims comes back to the set, when claims are taken over: nothing asked for their deletion. */
bool cs_plan_claims_outlast(const struct cs_view_pod *v);
bool cs_texts_have(const char *const *sorted, uint32_t n, const char *text);
/* The claim of the t-th claim template for an id; the GET of a Pod by name before its id or its claims are touched (D6). */
void cs_plan_create_claim(
    struct cs_planner *pl, const struct cs_vcts *vcts, uint32_t t, const char *id, const char *why);
void cs_plan_confirm_absent(struct cs_planner *pl, const char *id, const char *why);
/* D12: writes the claim once, so that whatever was sent about its last version fails. */
void cs_plan_fence(struct cs_planner *pl, struct cs_view_claim *c, const char *why);
bool cs_plan_listed_for_delete(const struct cs_planner *pl, const char *name); /* podsToDelete */
bool cs_plan_id_has_pod(const struct cs_planner *pl, const char *id);
void cs_plan_claim_templates(struct cs_planner *pl); /* U-09: old_vcts, old_lacks */
struct cs_vcts cs_plan_live_vcts(const struct cs_planner *pl);
/* Claims of Pods that are gone or going, claims without a Pod, growth (spec §4.6, U-12, U-13). */
void cs_plan_claims(struct cs_planner *pl);
/* A claim that this set owns now, and that may be touched (D4). */
bool cs_plan_claim_is_pods(const struct cs_view_claim *c, const struct cs_pod *p); /* handed over to it (D3) */
bool cs_plan_claim_is_sets(const struct cs_planner *pl, const struct cs_view_claim *c);

#endif
