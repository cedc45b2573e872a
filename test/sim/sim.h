/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A deterministic simulation of a cluster around the shipped controller: an API server in memory, a network with faults, a
 * kubelet, a user, and invariants that are checked at every commit. A run is a function of its seed: one generator, one
 * virtual clock, no thread, no file.
 */
#ifndef CS_TEST_SIM_H
#define CS_TEST_SIM_H

#include "common/base/rand.h"
#include "common/json/json_tree.h"
#include "controller/cloneset/controller.h"

#define SIM_NS "ns"
#define SIM_SET "web"
#define SIM_WALL_ZERO_MS 1750000000000LL

enum sim_actor { SIM_CONTROLLER, SIM_USER, SIM_KUBELET, SIM_GC };

/* What a seed plays; the name is what the test's line says. */
struct sim_scenario {
    const char *name;
    bool faults; /* requests and watches fail, the controller is killed */
    bool claims; /* the set has a claim template */
    bool scales; /* the user changes replicas and podsToDelete */
    bool deletes; /* the user deletes Pods, nodes evict them */
    bool recreates; /* the user edits what cannot change in place, and the strategy's type */
    bool in_place_only;
    bool strict_unavailable; /* nothing but our own doing takes Pods out of service */
};

struct sim_obj {
    struct sim_obj *next;
    uint64_t serial; /* names it for tasks */
    enum cs_kind kind;
    char *name, *uid;
    uint64_t rv;
    struct cs_jtree *t;
    bool called_for; /* Pod: at some time it was to be deleted, by name or mark */
    bool sync_planned;
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
    bool effect_due, answer_due, lost, timed_out;
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
    bool in_place_only;
};

struct sim_sample {
    int64_t from_ms, pods, replicas;
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
    bool orphan_creates; /* a create of a killed controller, or one that timed out, may have landed or land yet */

    /* checks */
    struct sim_limit *limits;
    size_t n_limits, cap_limits;
    struct sim_sample *samples; /* the number of Pods over time */
    size_t n_samples, cap_samples;
    char failure[512];
    char *history[600];
    uint64_t n_history, digest; /* digest: of all that was said */
};

/* main.c */
void sim_later(struct sim *s, int64_t delay_ms, sim_task_fn fn, uint64_t arg);
uint64_t sim_below(struct sim *s, uint64_t n);
int64_t sim_between(struct sim *s, int64_t low, int64_t high);
bool sim_chance(struct sim *s, unsigned per_mille);
void sim_say(struct sim *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void sim_fail(struct sim *s, const char *fmt, ...) __attribute__((format(printf, 2, 3))); /* the first one counts */
void sim_crash(struct sim *s);
const char *sim_time(struct sim *s, char buf[CS_RFC3339_SIZE]);

/* sim_json.c; paths are keys with '/' between them. Results are borrowed. */
struct cs_jtree *sim_parse(const char *text); /* NULL: not JSON */
char *sim_print(const struct cs_jtree *t); /* owned */
struct cs_jtree *sim_get(const struct cs_jtree *t, const char *path);
const char *sim_str(const struct cs_jtree *t, const char *path); /* NULL when absent */
int64_t sim_int(const struct cs_jtree *t, const char *path, int64_t otherwise);
struct cs_jtree *sim_need(struct cs_jtree *t, const char *path); /* objects are made on the way */
const char *sim_label(const struct cs_jtree *obj, const char *key);
void sim_merge(struct cs_jtree *target, const struct cs_jtree *patch, bool strategic);
bool sim_json_patch(struct cs_jtree *target, const struct cs_jtree *ops, const char **ret_why);
const char *sim_condition(const struct cs_jtree *obj, const char *type); /* its status, or NULL */
/* True when it changed. */
bool sim_set_condition(struct cs_jtree *obj, const char *type, bool status, const char *time);
bool sim_owned_by(const struct cs_jtree *obj, const char *uid);

/* sim_api.c */
struct sim_obj *sim_find(struct sim *s, enum cs_kind k, const char *name);
struct sim_obj *sim_by_serial(struct sim *s, uint64_t serial);
struct sim_obj *sim_by_uid(struct sim *s, const char *uid);
struct sim_obj *sim_create(struct sim *s, enum sim_actor who, enum cs_kind k, struct cs_jtree *t); /* takes t */
bool sim_commit(struct sim *s, enum sim_actor who, struct sim_obj *o, struct cs_jtree *t); /* takes t */
void sim_delete(struct sim *s, enum sim_actor who, struct sim_obj *o); /* gracefully; o may be gone after it */
void sim_remove(struct sim *s, enum sim_actor who, struct sim_obj *o);
void sim_api_handle(struct sim *s, const struct sim_req *q, struct sim_answer *ret);
void sim_api_error(struct sim_answer *ret, int status, const char *reason, const char *message);
bool sim_kind_of(const struct cs_gvr *gvr, enum cs_kind *ret); /* false: events */
const char *sim_select_key(enum cs_kind k); /* NULL: the controller wants all */
void sim_api_done(struct sim *s);

/* sim_net.c */
extern const struct cs_client_ops sim_client_ops;
void sim_net_committed(struct sim *s); /* the log has grown */
void sim_net_cut(struct sim *s, bool compact);
void sim_net_freeze(struct sim *s);
void sim_net_done(struct sim *s);

/* sim_actors.c */
void sim_pod_changed(struct sim *s, struct sim_obj *pod);
void sim_gc_soon(struct sim *s);
void sim_user_begin(struct sim *s); /* makes nodes and the set */
void sim_user_act(struct sim *s); /* one thing */
void sim_user_settle(struct sim *s); /* the last edits: whatever keeps a rollout from its end goes */

/* sim_check.c */
void sim_check_commit(struct sim *s, enum sim_actor who, const struct sim_obj *o, const struct cs_jtree *after);
void sim_check_create(struct sim *s, enum sim_actor who, const struct sim_obj *o);
void sim_check_delete(struct sim *s, enum sim_actor who, const struct sim_obj *o);
void sim_check_removed(struct sim *s, enum sim_actor who, const struct sim_obj *o);
void sim_check_state(struct sim *s);
bool sim_converged(struct sim *s, char *ret_why, size_t size);
bool sim_pod_active(const struct cs_jtree *pod);

#endif
