/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What to do next for one CloneSet, as a pure function of what was observed and the time: no I/O, no clock, no log, no
 * globals (design §3). Each action is ONE request; there are no procedures. What is under way is part of the observation, so a
 * pass neither repeats nor contradicts it, and a crash between two requests leaves a state from which the next pass goes on.
 */
#ifndef CS_PLAN_PLAN_H
#define CS_PLAN_PLAN_H

#include "controller/plan/observation.h"

enum cs_action_kind {
    CS_ACT_NONE,
    CS_ACT_READ_SET, /* D2: before the first destructive request */
    CS_ACT_CREATE_REVISION, /* the candidate of the live template */
    CS_ACT_RENUMBER_REVISION,
    CS_ACT_DELETE_REVISION,
    CS_ACT_CONFIRM_ABSENT, /* GET a Pod by name before its id is taken over (D6) */
    CS_ACT_CREATE_CLAIM,
    CS_ACT_CREATE_POD,
    CS_ACT_FENCE_CLAIM, /* claim: one write, so that what was decided about its last version cannot land any more (D12) */
    CS_ACT_HAND_OVER, /* claim: owner becomes the Pod (D3); destructive */
    CS_ACT_HAND_BACK, /* claim: owner becomes the set again */
    CS_ACT_DELETE_POD,
    CS_ACT_MARK_RECREATE, /* specified-delete with target revision (D8); destructive */
    CS_ACT_UNMARK, /* D8: rolled back */
    CS_ACT_GATE_OFF, /* InPlaceUpdateReady False (spec §6.6 A) */
    CS_ACT_INPLACE_START, /* spec §6.6 B with a grace period: labels and annotations only */
    CS_ACT_INPLACE_APPLY, /* B and C in one: images and metadata now */
    CS_ACT_GRACE_APPLY, /* C after the grace period */
    CS_ACT_GRACE_DROP, /* spec §6.7: the Pod's revision moved on */
    CS_ACT_REFRESH, /* gate True and/or lifecycle state and/or pod-template-hash, one status patch */
    CS_ACT_LIFECYCLE, /* state and timestamp, KruisePodReady with markPodNotReady: one status patch (spec §6.8, §6.9) */
    CS_ACT_REARM, /* Updated → PreparingUpdate with the hook's labels and finalizers (spec §6.5) */
    CS_ACT_RESIZE, /* pods/resize (gate InPlaceWorkloadVerticalScaling) */
    CS_ACT_DELETE_CLAIM, /* disablePVCReuse clean-up (spec §4.6); destructive */
    CS_ACT_EXPAND_CLAIM, /* grow a claim's request (annotation expand-volume-claims) */
    CS_ACT_RELEASE, /* remove our ownerReference: the selector no longer matches */
    CS_ACT_STRIKE, /* vanished names out of podsToDelete */
    CS_ACT_COUNT
};
const char *cs_action_name(enum cs_action_kind k);

struct cs_action {
    enum cs_action_kind kind;
    const struct cs_pod *pod; /* borrowed from the observation, as everything below */
    const struct cs_claim *claim;
    const struct cs_revision *revision; /* of the Pod to create, target of an update, revision to write */
    const struct cs_revision *from; /* in place: the revision the Pod carries */
    const char *vct; /* CREATE_CLAIM: claim template's name */
    struct cs_vcts vcts; /* CREATE_CLAIM, CREATE_POD: what it is made from */
    const char *request; /* EXPAND_CLAIM: the storage to ask for */
    char *name; /* CREATE_*, CONFIRM_ABSENT: the object's name, owned by the plan; else NULL */
    char id[CS_ID_SIZE];
    bool gate_true; /* REFRESH: write the condition True */
    enum cs_lifecycle state; /* REFRESH, LIFECYCLE, REARM: new state, NONE: leave */
    bool template_hash; /* REFRESH: add the label */
    bool kruise_true; /* REFRESH: the condition KruisePodReady is missing: True */
    unsigned keys_add, keys_drop; /* REFRESH, LIFECYCLE, REARM: CS_KEY_*, in KruisePodReady (lifecycle.h) */
    const struct cs_hook *hook; /* REARM: whose labels and finalizers are put back */
    bool serving; /* INPLACE_APPLY: the Pod stays in service, nothing in it restarts */
    bool resize; /* INPLACE_START, INPLACE_APPLY: cpu or memory change as well */
    int64_t number; /* RENUMBER_REVISION: new number; INPLACE_START: grace seconds */
    const char *why; /* static text: the reason, for logs */
};

struct cs_plan {
    struct cs_action *actions;
    uint32_t n, cap;
    struct cs_note *notes;
    uint32_t n_notes, cap_notes;
    struct cs_status_plan status;
    bool have_status; /* false until revisions are established, unless the selector is unusable */
    int64_t requeue_at_ms; /* wall; 0: none */
    char failed_update[256]; /* condition FailedUpdate message of this pass, "" none */
};

/* Plans one pass. The observation's arrays are sorted and their planner fields filled in place. */
void cs_plan_make(struct cs_observation *o, struct cs_plan *ret);
void cs_plan_done(struct cs_plan *p);
/* The Pod of that name, or NULL; once planned, for the Pods are sorted then. */
const struct cs_view_pod *cs_observation_pod(const struct cs_observation *o, const char *name);

/* Destructive in the sense of D2. */
bool cs_action_destructive(enum cs_action_kind k);

/* Spec §5.3. min_ready_s = 0: ready. */
bool cs_pod_update_ready(const struct cs_pod *p, int32_t min_ready_s, int64_t now_ms);
bool cs_pod_available(const struct cs_pod *p, int32_t min_ready_s, int64_t now_ms);
/* When a Ready Pod becomes available by minReadySeconds alone; 0: not by time. */
int64_t cs_pod_available_at_ms(const struct cs_pod *p, int32_t min_ready_s);

#endif
