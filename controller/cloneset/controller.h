/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The controller: store, queue, planner and requests wired together over a cs_client and a cs_loop. Knows neither sockets nor
 * processes, so that the very same code runs in the simulation. One thread.
 */
#ifndef CS_CONTROLLER_CONTROLLER_H
#define CS_CONTROLLER_CONTROLLER_H

#include <stdbool.h>

#include "common/base/log.h"
#include "common/base/metrics.h"
#include "common/base/rand.h"
#include "common/kube/client.h"
#include "common/kube/loop.h"
#include "common/kube/reflector.h"
#include "controller/cloneset/store.h"
#include "controller/runtime/recorder.h"
#include "controller/runtime/workqueue.h"

struct cs_controller_options {
    const struct cs_client *client; /* borrowed, as all below */
    struct cs_loop *loop;
    const struct cs_clock *clock;
    const struct cs_log *log;
    struct cs_metrics *metrics;
    struct cs_rand *rand;
    const char *instance; /* for events */
    struct cs_gates gates;
    bool exclude_preparing; /* Pods in state PreparingDelete do not count in scaling */
    bool (*may_write)(void *ctx); /* D12: asked before every write */
    void *ctx;
};

#define CS_DOUBT_MS                                                                                                    \
    60000 /* a server gives a request up after so long (its --request-timeout): it may land until then (D5e) */
#define CS_MAX_INFLIGHT 16 /* design §3, prototype-facts §1 */
#define CS_HOLD_STATUS_MS 2000 /* see cs_status_write */
#define CS_NOTES_MAX 256 /* of one pass; what is beyond is not told */

/* What the reconciler keeps about one set while it runs; gone after a restart. */
struct cs_set_run {
    struct cs_work work;
    struct cs_set_entry *se;
    struct cs_controller *c;
    unsigned inflight; /* requests under way for this set */
    unsigned creates; /* of them creations */
    unsigned window; /* D13: 1, 2, 4, 8, 16 */
    unsigned window_ok; /* creations done since the window last grew */
    bool more; /* the last plan had more to do than it could send */
    bool failed; /* a request failed since the last idle moment */
    bool reading_set, set_busy, revision_busy, status_busy;
    int64_t fresh_until_ms, fresh_generation; /* D2 */
    int64_t not_before_ms; /* Retry-After, backoff */
    int64_t status_at_ms; /* last status write */
    int64_t passed_at_ms; /* the last pass … */
    unsigned answered; /* … and requests answered since */
    int32_t collision_count;
    char *scale_error, *update_error; /* last failure, NULL since the last success; owned */
    uint64_t *notes; /* keys of notes that were told; owned, at most CS_NOTES_MAX */
    unsigned n_notes;
    int64_t violations_told; /* generation whose broken rules were told by event */
    int64_t hold_status_until_ms; /* see cs_status_write; 0: nothing is held back */
};

struct cs_controller {
    struct cs_controller_options o;
    struct cs_store store;
    struct cs_workqueue queue;
    struct cs_recorder *recorder;
    struct cs_reflector *reflectors[CS_K_COUNT];
    struct cs_kind_ctx {
        struct cs_controller *c;
        enum cs_kind kind;
        uint64_t lists_before; /* lists_sent of the store when cs_controller_alone was called */
    } kinds[CS_K_COUNT];
    unsigned inflight;
    /*
     * Until then (of the loop) a create may land that this process does not know of or gave up: a server is done with a request
     * after at most a minute (--request-timeout). Free claims are left alone that long.
     */
    int64_t doubt_until_ms;
    uint64_t fence_rv; /* claims of up to this version may have been decided about by a predecessor (D12) */
    bool active; /* leading and synced since */
    bool deciding; /* leadership wanted: become active when synced */
    bool alone; /* see cs_controller_alone */
    uint64_t term; /* counts: leadership gained and lost. What was decided in an earlier one is not sent again */
    struct cs_ops *ops; /* requests under way, by id: controller/cloneset/act.c */
    struct cs_metric *m_reconcile, *m_errors, *m_time, *m_conflicts;
};

void cs_controller_init(struct cs_controller *c, const struct cs_controller_options *o);
/* Cancels what is under way (a write may still land: D12) and frees everything. */
void cs_controller_done(struct cs_controller *c);
void cs_controller_start(struct cs_controller *c); /* begins to list and watch; decides nothing yet. Again: nothing */
/*
 * From this call until cs_controller_lead(c, true) nobody else decides: lists that begin in between are those that a new leader has to
 * have read, and need not be read once more. Counts for the next cs_controller_lead only.
 */
void cs_controller_alone(struct cs_controller *c);
void cs_controller_restored(struct cs_controller *c, enum cs_kind k); /* the server: all is read anew (D5c) */
/* Leadership gained: reads consistent lists, then begins to decide (D12). Lost: stops at once. */
void cs_controller_lead(struct cs_controller *c, bool leading);
/* Runs what is queued and due; call after every wait. */
void cs_controller_step(struct cs_controller *c);
bool cs_controller_synced(const struct cs_controller *c);

/* ---- between the files of this folder ---- */
struct cs_set_run *cs_run_of(struct cs_controller *c, struct cs_set_entry *se);
/* One pass over a set. */
void cs_reconcile(struct cs_controller *c, struct cs_set_run *r);
/* Builds the observation; free with cs_observation_done. False: nothing to decide. */
bool cs_observe(struct cs_controller *c, struct cs_set_run *r, struct cs_observation *ret);
void cs_observation_done(struct cs_observation *o);
/* Sends what fits of a plan. */
void cs_act(struct cs_controller *c, struct cs_set_run *r, const struct cs_observation *o, const struct cs_plan *p);
void cs_act_cancel_all(struct cs_controller *c);
/* Writes the status when it differs and the pace allows. */
void cs_status_write(struct cs_controller *c, struct cs_set_run *r, const struct cs_plan *p);
void cs_run_event(struct cs_controller *c, struct cs_set_run *r, bool warning, const char *reason, const char *message);
void cs_run_eventf(struct cs_controller *c, struct cs_set_run *r, bool warning, const char *reason, const char *fmt,
    ...) __attribute__((format(printf, 5, 6)));
/* Ends a pass or an answer: queue again when there is something to do. */
void cs_run_wake(struct cs_set_run *r);

/* status_writer.c, pure: the merge patch, or false when nothing differs. */
struct cs_status_input {
    const struct cs_cloneset *set;
    const struct cs_plan *plan;
    int32_t collision_count;
    const char *scale_error, *update_error; /* "" none */
    int64_t now_ms;
};
bool cs_status_patch(const struct cs_status_input *in, struct cs_strbuf *out);

#endif
