/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A mini world for the pure planner: the set "web", its Pods, claims and revisions as plain structs, a kubelet with delays, a
 * garbage collector, and requests that take effect at once or some time later. Every pass is cs_plan_make on what the world
 * shows, and its actions are done to the world; a run is a function of its seed. It is to the planner what the simulation is to
 * the whole controller, small enough for thousands of random sets in a second.
 *
 * The world itself checks what must hold at every moment: never more Pods out of service by our own doing than allowed
 * (floor), never more Pods than allowed (ceiling, cap), no image change of a Pod in service (U-15), no action of a forbidden kind.
 */
#ifndef CS_TEST_UNIT_FLEET_H
#define CS_TEST_UNIT_FLEET_H

#include "common/base/rand.h"
#include "test/unit/plan_fixture.h"

/* A template by numbers; equal numbers are equal templates. env differs: not reachable in place. */
struct fleet_template {
    int image, env, label;
};

struct fleet_pod {
    struct cs_pod pod; /* as the planner sees it */
    struct cs_owner owner;
    struct cs_container container;
    struct cs_container_status status;
    const char *claim_list[1];
    char name[32], id[CS_ID_SIZE], uid[24], claim[40], image[16], running[16], image_id[24], container_id[24];
    char revision[32], recreate_for[32], state[320], grace[160];
    bool seen; /* false: its creation is under way */
    enum cs_busy busy;
    int64_t node_ms, starts_ms, ends_ms; /* when the kubelet will have done that; 0: never */
};

struct fleet_claim {
    struct cs_claim claim;
    struct cs_owner owner;
    char name[40], id[CS_ID_SIZE], uid[24], owner_name[32], owner_uid[24];
    bool seen;
    enum cs_busy busy;
    int64_t ends_ms;
};

struct fleet_request {
    struct cs_action a;
    char object[48], revision[32]; /* by name: the objects may go meanwhile */
    uint64_t rv; /* of the object when it was sent: precondition */
    int64_t due_ms;
    int floor, ceiling; /* of the moment in which it was decided */
    bool
        was_available; /* the Pod, at that moment: one that was not may be taken without using the budget (spec §6.2) */
};

struct fleet {
    struct fx fx; /* set, revisions, gates, plan */
    struct cs_rand rand;
    uint64_t seed;
    char told[700]; /* what to print when it fails: the spec */
    struct fleet_template live;
    /* Seconds: how long Pods take to start and to stop, requests to take effect (0: at once). Requests under way at a time. */
    int start_min, start_max, stop_max, lag_max, window;
    int64_t now_ms;
    int64_t fresh_until_ms;

    struct fleet_pod **pods;
    size_t n_pods, cap_pods;
    struct fleet_claim **claims;
    size_t n_claims, cap_claims;
    struct fleet_request *requests;
    size_t n_requests, cap_requests;
    struct cs_view_pod *views;
    struct cs_view_claim *claim_views;
    size_t cap_views, cap_claim_views;
    char (*absent)[CS_ID_SIZE];
    const char **absent_list;
    size_t n_absent, cap_absent;

    int floor, ceiling; /* available Pods never fewer by our doing, active ones never more */
    int cap; /* creation makes no more unavailable ones than that (scaleStrategy.maxUnavailable) */
    uint64_t forbidden; /* 1 << enum cs_action_kind */
    unsigned long sent[CS_ACT_COUNT], moves, waits, uids;
    char history[48][96];
    unsigned long n_history;
};

#define FLEET_NO_FLOOR (-1)
#define FLEET_NO_CEILING INT32_MAX

void fleet_init(struct fleet *w, uint64_t seed);
void fleet_done(struct fleet *w);
void fleet_fail(struct fleet *w, const char *fmt, ...) __attribute__((format(printf, 2, 3), noreturn));

/*
 * The user applies a manifest: members of the spec besides selector and template. It goes through admission; false: refused, and
 * nothing has changed. force: as the scale subresource does, past admission.
 */
bool fleet_apply(struct fleet *w, const char *spec, struct fleet_template t, bool force);
/* Healthy Pods of a template since an hour, with their claims; the revision is made when it is missing. */
void fleet_add(struct fleet *w, int n, struct fleet_template t);
/* Status currentRevision: as if a rollout of it had ended. */
void fleet_set_current(struct fleet *w, struct fleet_template t);

enum fleet_moved {
    FLEET_QUIET, /* nothing is planned, under way or due: it will stay so */
    FLEET_ACTED, /* requests were sent */
    FLEET_WAITED /* time passed */
};
enum fleet_moved fleet_step(struct fleet *w);
void fleet_run(struct fleet *w); /* until it is quiet; a world that does not come to rest is a failure */

int fleet_active(const struct fleet *w);
int fleet_available(const struct fleet *w);
int fleet_at(const struct fleet *w, struct fleet_template t); /* active Pods of that revision */
struct fleet_pod *fleet_any(struct fleet *w); /* an active one at random, or NULL */
void fleet_kill(struct fleet *w, struct fleet_pod *p); /* kubectl delete pod */
bool fleet_said(const struct fleet *w, const char *reason); /* a note of the last plan */
void fleet_template_name(struct fleet_template t, char ret[32]); /* of its revision */
char *fleet_template_text(struct fleet_template t); /* owned */

/* fleet_act.c: what a request does to the world when it takes effect. */
void fleet_effect(struct fleet *w, const struct fleet_request *q);
/* between the files */
struct fleet_pod *fleet_pod_named(struct fleet *w, const char *name);
struct fleet_claim *fleet_claim_named(struct fleet *w, const char *name);
struct fleet_pod *fleet_pod_new(struct fleet *w, const char *id, const char *revision);
struct fleet_claim *fleet_claim_new(struct fleet *w, const char *id);
void fleet_make_revision(struct fleet *w, struct fleet_template t, int64_t number);
void fleet_pod_update(struct fleet *w, struct fleet_pod *p); /* Ready follows from containers and gate */
void fleet_pod_image(struct fleet *w, struct fleet_pod *p, const char *revision); /* the spec's image changes */
void fleet_claim_owner(struct fleet *w, struct fleet_claim *c, const struct fleet_pod *p); /* NULL: the set */
int fleet_between(struct fleet *w, int low, int high);
void fleet_note(struct fleet *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
