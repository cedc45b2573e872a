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
    bool doomed; /* claim: the controller has deleted it, by the rules */
    int64_t back_ms; /* claim: when it last came back from a Pod to the set, or 0 */
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
};

struct sim_answer {
    int status;
    char *body; /* owned */
    int64_t retry_after_ms;
};

struct sim_req { /* a request: its effect and its answer come at times of their own */
    struct sim_req *next;
    uint64_t id;
    enum cs_verb verb;
    const struct cs_gvr *gvr;
    char *name, *subresource, *body, *query;
    cs_reply_fn done; /* NULL: cancelled */
    void *ctx;
    int64_t sent_ms;
    int inject; /* status to answer with instead of doing it; 0 none */
    bool inject_after; /* … but do it all the same */
    bool effect_due, answer_due, lost;
    struct sim_answer answer;
};

struct sim_stream { /* a watch */
    struct sim_stream *next;
    uint64_t id;
    enum cs_kind kind;
    char *query;
    bool open, pumping, selects;
    size_t pos; /* next event of the log */
    struct cs_strbuf out; /* lines that were not sent yet */
    int64_t sent_ms, heard_ms, silence_ms, frozen_until_ms;
    cs_chunk_fn on_chunk;
    cs_reply_fn on_end;
    void *ctx;
};

struct sim_limit { /* what the user asked for, from when on */
    int64_t from_ms;
    int64_t replicas, surge;
    int64_t floor; /* Pods that must stay available: replicas less maxUnavailable */
    int64_t min_ready_s;
    bool in_place_only, reuse_off;
    bool no_regret; /* a hook has markPodNotReady: spec §5.1 step 2 */
};

struct sim_sample {
    int64_t from_ms, pods, replicas;
    int64_t available;
    int64_t kept; /* available, or to be deleted by name or mark: what spec §5.2 does not call missing */
    int64_t held; /* ids that wait for a Pod because of their claims (D1) */
    uint64_t taken, fresh; /* what the controller had done by then: see struct sim */
};

/* What the user, the nodes and the server make difficult for a while; times until when. */
struct sim_trouble {
    int64_t full_until_ms; /* the scheduler finds no room */
    int64_t deny_until_ms; /* a webhook of somebody else denies writes of Pods */
    int64_t quota_until_ms;
    int64_t quota_pods, quota_claims; /* so many, until then */
    int64_t node_dead_until_ms[3]; /* its kubelet is silent; INT64_MAX: until somebody acts */
};

struct sim {
    uint64_t seed;
    const struct sim_scenario *sc;
    bool verbose;
    struct cs_rand rand, controller_rand;
    struct cs_clock clock;
    int64_t now_ms;
    struct cs_loop world;
    struct sim_task *tasks;

    /* server */
    struct sim_obj *objs;
    uint64_t rv, compacted_rv, serials, ids;
    struct sim_event *log;
    size_t n_log, cap_log;

    /* network */
    struct sim_req *reqs;
    struct sim_stream *streams;
    const struct sim_req *current; /* whose effect is being made */
    bool faults_on;
    uint64_t n_requests, n_faults, n_writes, n_event_writes;

    /* controller */
    bool up;
    struct cs_controller *c;
    struct cs_loop loop;
    struct cs_metrics *metrics;
    struct cs_client client;
    struct cs_log clog;

    /* actors */
    uint64_t containers; /* ids of containers so far */
    uint64_t edits; /* number of the next image, label or variable */
    bool gc_planned;
    int64_t spec_changed_ms; /* when the set's spec last changed */
    int64_t hooks_changed_ms; /* when the user last changed spec.lifecycle */
    struct cs_jtree *regret; /* the spec that the user is about to go back to; owned */
    bool orphan_creates; /* a create of a killed controller, or one that timed out, may have landed or land yet */
    int64_t judge_from_ms; /* when nothing can change any more though the set is not there */
    bool settled; /* the user has made the last edits, and nothing new goes wrong */
    struct sim_trouble trouble;
    struct cs_jtree *templates[6]; /* earlier ones, to roll back to; owned */
    uint64_t n_templates;
    uint64_t foreigners; /* number of the next object of somebody else */

    /* checks */
    struct sim_limit *limits;
    size_t n_limits, cap_limits;
    struct sim_sample *samples; /* Pods over time */
    size_t n_samples, cap_samples;
    uint64_t taken; /* available Pods that the controller took out of service */
    uint64_t fresh; /* ids that it chose anew */
    int64_t claims_meddled_ms; /* when the user last laid hands on a claim */
    int64_t set_reads_ms[32]; /* when the controller last read the set by name (D2); a ring */
    uint64_t n_set_reads, n_asked; /* n_asked: requests that were no watch and no list */
    char *uids[16]; /* of the sets of this name, one after the other; owned */
    size_t n_uids;
    int64_t set_gone_ms; /* when the last of them went or began to; 0: it is there */
    char failure[512];
    char *history[600];
    uint64_t n_history, digest; /* digest: of all that was said */
};

#endif
