/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the simulated cluster of sim.h consists of: objects and their log, requests and watches under way, tasks of the
 * virtual clock, and the run itself.
 */
#ifndef CS_TEST_SIM_TYPES_H
#define CS_TEST_SIM_TYPES_H

#include "common/base/rand.h"
#include "common/json/json_tree.h"
#include "controller/cloneset/controller.h"
#include "test/sim/sim_net.h"
#include "test/sim/sim_replica.h"
#include "test/sim/sim_samples.h"
#include "test/sim/sim_trouble.h"

struct sim_obj {
    struct sim_obj *next;
    uint64_t serial; /* names it for tasks */
    enum cs_kind kind;
    char *name, *uid;
    uint64_t rv;
    struct cs_jtree *t;
    bool called_for; /* Pod: at some time it was to be deleted, by name or mark */
    bool late; /* Pod: its creation landed when it was given up already */
    int64_t returned_ms; /* Pod: when the user made it one of the set's again, or 0 */
    bool prepared; /* Pod: the controller has sent it to its preDelete hook, and it is there */
    bool handed, doomed; /* claim: the controller gave it to its Pod, which may be gone by now; has deleted it */
    bool used,
        asked; /* claim: some Pod has had it; since the last one the controller has asked whether there is another */
    int64_t
        carries_ms; /* Pod: since when it carries its revision; INT64_MAX: that was not known to whoever brought it there */
    int64_t
        contested_ms; /* claim: the controller was told that what no watch shows it has a name of the claim's id, or 0 */
    int64_t left_ms, back_ms; /* when it ceased to be the set's, and became so again, or 0 */
    int64_t kept_ms; /* Pod: since when it is labelled to leave its claims behind; 0: it is not */
    bool sync_planned, answer_planned;
    int64_t restarts_then[4]; /* Pod: by container, its restartCount when its image changed last */
    struct cs_jtree *report; /* Pod: a status that the kubelet has sent and that has not arrived; owned */
    int64_t created_ms;
    int64_t meddled_ms; /* when the user last laid hands on it, or 0 */
    int64_t available_ms; /* Pod: since when it is available, or 0 */
    int64_t gate_off_ms; /* Pod: since when its gate InPlaceUpdateReady is False */
};

struct sim_event { /* one version of one object, for watches */
    uint64_t rv;
    enum cs_kind kind;
    bool was, is; /* existed before, exists now */
    bool had, has; /* the label that the controller selects by */
    char *text;
};

struct sim;
typedef void (*sim_task_fn)(struct sim *s, uint64_t arg);

struct sim_task {
    struct sim_task *next, *prev;
    struct cs_timer timer;
    struct sim *s;
    sim_task_fn fn;
    uint64_t arg;
    bool offline; /* goes on while the server is away */
    struct cs_rand rand; /* its own, so that it does what it does whatever else happens meanwhile */
};

struct sim_options { /* a run is a function of these */
    uint64_t seed;
    const struct sim_scenario *sc;
    const struct sim_only *only; /* events that may take place; NULL: all */
    bool trap; /* fails when a kill before an answer was followed by a frozen watch: to try sim_shrink */
    bool verbose;
};

struct sim {
    struct sim_options o;
    uint64_t seed; /* these three as in o */
    const struct sim_scenario *sc;
    bool verbose;
    struct cs_rand rand; /* of the task that runs, or of the event that is dealt */
    struct cs_clock clock;
    int64_t now_ms;
    struct cs_loop world;
    struct sim_task *tasks;

    /* server */
    struct sim_obj *objs;
    uint64_t rv, compacted_rv, serials, ids;
    struct sim_event *log;
    size_t n_log, cap_log;
    struct cs_jtree *lease; /* NULL: there is none */
    uint64_t lease_rv;
    struct sim_backup *backup; /* what it may be restored to; NULL: none yet */

    bool pages_only; /* it does not list by stream */

    /* network */
    struct sim_req *reqs;
    struct sim_stream *streams;
    const struct sim_req *current; /* whose effect is being made */
    bool faults_on;
    bool quiet; /* all is done: nothing is to be sent any more but renewals and probes */
    uint64_t n_requests;
    struct sim_trouble trouble;

    struct sim_replica replicas[SIM_REPLICAS_MAX];

    /* actors */
    uint64_t containers; /* ids of containers so far */
    uint64_t edits; /* number of the next image, label or variable */
    bool gc_planned;
    int64_t changed_ms; /* when a set, Pod or claim last did, or a process started */
    int64_t spec_changed_ms; /* when the set's spec last changed */
    uint64_t spec_rv; /* … and the version that it got */
    int64_t hooks_changed_ms; /* when the user last changed spec.lifecycle */
    struct cs_jtree *regret; /* the spec that the user is about to go back to; owned */
    bool orphan_creates; /* a create of a killed controller, or one that timed out, may have landed or land yet */
    int64_t late_create_ms; /* when the last one came that nobody reckoned with, or 0 */
    int64_t judge_from_ms; /* when nothing can change any more though the set is not there */
    bool settled; /* the user has made the last edits, and nothing new goes wrong */
    struct sim_hindrance hindrance;
    struct cs_jtree *templates[6]; /* earlier ones, to roll back to; owned */
    uint64_t n_templates;
    uint64_t foreigners; /* number of the next object of somebody else */

    /* checks */
    struct sim_limit *limits;
    size_t n_limits, cap_limits;
    struct sim_sample *samples; /* Pods over time */
    size_t n_samples, cap_samples, n_takes, cap_takes;
    struct sim_take *takes; /* available Pods that the controller took out of service, one after the other */
    uint64_t fresh, let_go; /* ids that it chose anew; Pods that it deleted and whose ids do not wait */
    struct sim_try tries[64]; /* the last creates of Pods that were sent; a ring */
    uint64_t n_tries;
    struct sim_try gone[64]; /* the last Pods that are no more, by name and when they came; a ring */
    int64_t old_left_ms[16]; /* when others took Pods away that were not at the update revision; a ring */
    uint64_t n_gone, n_old_left;
    int64_t claims_meddled_ms; /* when the user last laid hands on a claim */
    int64_t set_reads_ms[32]; /* when the controller last read the set by name (D2); a ring */
    uint64_t n_set_reads;
    char *uids[16]; /* of the sets of this name, one after the other; owned */
    size_t n_uids;
    int64_t set_gone_ms; /* when the last of them went or began to; 0: it is there */
    char failure[512];
    char *history[600];
    const char *failure_format; /* which check it was */
    uint64_t n_history, digest; /* digest: of all that was said */
};

#endif
