/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the planner sees of one CloneSet: values, borrowed from the store for one pass (controller/cloneset/observe.c).
 */
#ifndef CS_PLAN_OBSERVATION_H
#define CS_PLAN_OBSERVATION_H

#include "common/api/cloneset.h"
#include "common/api/objects.h"
#include "common/api/pod.h"
#include "common/cloneset/gates.h"
#include "common/cloneset/names.h"
#include "common/cloneset/norm.h"
#include "controller/plan/status_plan.h"

/* Claim templates, borrowed: the live ones, or those that a revision recorded (U-09). */
struct cs_vcts {
    const char *raw; /* a JSON array */
    const char *const *names;
    uint32_t n;
};

/* A request under way on an object. */
enum cs_busy { CS_IDLE, CS_BUSY_CREATE, CS_BUSY_PATCH, CS_BUSY_DELETE, CS_BUSY_READ };

/* One Pod name of the set. */
struct cs_view_pod {
    const struct cs_pod *pod; /* NULL: a create is under way and nothing was seen yet */
    const char *name; /* the Pod's, or of the create under way */
    const char *id;
    const char *revision; /* label, or of the create under way; NULL when the Pod has none */
    enum cs_busy busy;
    bool node_lost; /* not Ready or Terminating, and its Node is NotReady or gone (D1) */
    const struct cs_node
        *node; /* its Node when the template has topologySpreadConstraints; NULL: unknown or not asked */
    /* Filled by the planner: */
    bool ours, is_new, specified, marked, ready, available, pre_delete, chosen, doomed;
    bool scales_as_new; /* is_new, or to be counted so by gate PreparingUpdateAsUpdate */
    bool claims_handed; /* at least one of its claims is owned by the Pod (D3) */
    uint32_t claim_at, claim_n; /* its claims in observation.claims, after sorting by id */
    double rank;
};

/* One claim of the set: owned by it, or handed over to one of its Pods. */
struct cs_view_claim {
    const struct cs_claim *claim; /* NULL: a create is under way */
    const char *name;
    const char *id;
    enum cs_busy busy;
    bool foreign; /* exists under a name of ours but is not ours (D4): left alone */
    bool made; /* made by us for a Pod to come; no Pod of its id was seen since */
    bool pod_absent; /* a read just sent, after this version of it was seen, found no Pod of its id (D5d, D6) */
    const char *refused; /* the request that the server would not let it grow to; NULL: none */
    bool unfenced; /* a lost request of ours, or one of a predecessor, may yet take this version of it away (D12) */
    bool taken_late; /* … and it is a lost request of ours */
    bool planned; /* filled by the planner: this pass writes it */
};

struct cs_view_revision {
    const struct cs_revision *rev;
    struct cs_norm *norm; /* of its template; borrowed */
    enum cs_busy busy;
};

struct cs_observation {
    const struct cs_cloneset *set; /* spec already defaulted */
    struct cs_view_pod *pods; /* any order; the planner sorts */
    uint32_t n_pods;
    struct cs_view_claim *claims;
    uint32_t n_claims;
    struct cs_view_revision *revisions; /* sorted by (revision, creation, name), spec §4.2 */
    uint32_t n_revisions;
    struct cs_norm *norm; /* of the live template */
    bool revision_busy; /* a write of a revision is under way */
    const char **absent; /* ids of which the server said that no Pod has them (D6), sorted */
    uint32_t n_absent;
    int64_t reap_from_ms; /* before that a create of somebody who decided earlier may land: no free claim is deleted */
    bool set_fresh; /* the set was just read from the server and uid and generation are those above (D2) */
    bool set_busy; /* a write of the set (not status) is under way */
    bool exclude_preparing; /* flag --cloneset-scaling-exclude-preparing-delete */
    const struct cs_gates *gates; /* never NULL */
    struct cs_trouble trouble;
    int64_t now_ms; /* wall */
};

#endif
