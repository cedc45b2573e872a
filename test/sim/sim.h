/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A deterministic simulation of a cluster around the shipped controller: an API server in memory, a network with faults, a
 * kubelet, a user, and invariants that are checked at every commit. A run is a function of its seed: one generator, one
 * virtual clock, no thread, no file.
 */
#ifndef CS_TEST_SIM_H
#define CS_TEST_SIM_H

#include "test/sim/sim_actors.h"
#include "test/sim/sim_json.h"
#include "test/sim/sim_rules.h"
#include "test/sim/sim_types.h"

#define SIM_NS "ns"
#define SIM_SET "web"
#define SIM_WALL_ZERO_MS 1750000000000LL
#define SIM_CLAIM_FINALIZER "kubernetes.io/pvc-protection"

/* What a seed plays; the name is what the test's line says. */
struct sim_scenario {
    const char *name;
    bool faults; /* requests and watches fail, the controller is killed */
    bool claims; /* the set has a claim template */
    bool scales; /* the user changes replicas and podsToDelete */
    bool deletes; /* the user deletes Pods, nodes evict them */
    bool recreates; /* the user edits what cannot change in place, and the strategy's type */
    bool in_place_only;
    bool hooks; /* the set has lifecycle hooks, and somebody who answers them */
    bool minds_claims; /* the user edits claim templates, disablePVCReuse and the label that keeps claims */
    bool resizes; /* containers have resources, which the user edits and we change in place; short hashes */
    bool standby; /* two replicas, of which one leads */
    bool strict_unavailable; /* nothing but our own doing takes Pods out of service */
    bool sick; /* Pods are slow, crash again and again, never become ready, finish, are rejected; reports come late */
    bool unscheduled; /* the scheduler finds no room for a while, or until the user changes something */
    bool nodes_die; /* … and come back or are deleted */
    bool
        edits; /* the user edits any field, goes back to older templates, and leaves pauses and partitions in the end */
    bool meddles; /* labels, finalizers, claims, objects of somebody else under names of ours */
    bool remakes; /* the set is deleted and made again */
    bool slow; /* requests take their time, and nothing else goes wrong with them */
    bool refuses; /* quota and webhooks of others refuse writes for a while */
    bool ends_stuck; /* in the end something stays in the way, and status has to say so */
};

/* sim_run.c: what main.c does with a run */
struct sim *sim_new(const struct sim_options *o);
void sim_play(struct sim *s); /* leaves s->failure "" when all was well */
void sim_show(const struct sim *s); /* a run that failed: events, the end of its history, how to see it again */
void sim_free(struct sim *s);

/* sim_shrink.c; ids of the result are owned */
struct sim_only sim_shrink(const struct sim *failed, unsigned *ret_runs);

/* sim_run.c */
void sim_later(struct sim *s, int64_t delay_ms, sim_task_fn fn, uint64_t arg); /* by somebody who needs the server */
void sim_later_offline(struct sim *s, int64_t delay_ms, sim_task_fn fn, uint64_t arg);
uint64_t sim_below(struct sim *s, uint64_t n);
int64_t sim_between(struct sim *s, int64_t low, int64_t high);
bool sim_chance(struct sim *s, unsigned per_mille);
void sim_say(struct sim *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void sim_fail(struct sim *s, const char *fmt, ...) __attribute__((format(printf, 2, 3))); /* the first one counts */
const char *sim_time(struct sim *s, char buf[CS_RFC3339_SIZE]);

/* sim_api.c */
struct sim_obj *sim_find(struct sim *s, enum cs_kind k, const char *name);
struct sim_obj *sim_by_serial(struct sim *s, uint64_t serial);
struct sim_obj *sim_by_uid(struct sim *s, const char *uid);
struct sim_obj *sim_create(struct sim *s, enum sim_actor who, enum cs_kind k, struct cs_jtree *t); /* takes t */
bool sim_commit(struct sim *s, enum sim_actor who, struct sim_obj *o, struct cs_jtree *t); /* takes t */
void sim_delete(struct sim *s, enum sim_actor who, struct sim_obj *o); /* gracefully; o may be gone after it */
void sim_delete_now(struct sim *s, enum sim_actor who, struct sim_obj *o); /* by force */
void sim_remove(struct sim *s, enum sim_actor who, struct sim_obj *o);
void sim_api_handle(struct sim *s, const struct sim_req *q, struct sim_answer *ret);
void sim_api_error(struct sim_answer *ret, int status, const char *reason, const char *message);
bool sim_kind_of(const struct cs_gvr *gvr, enum cs_kind *ret); /* false: events */
const char *sim_select_key(enum cs_kind k); /* NULL: the controller wants all */
void sim_api_done(struct sim *s);

/* sim_net.c; self is a replica */
extern const struct cs_client_ops sim_client_ops;
void sim_net_drop(
    struct sim *s, bool arrives); /* all connections end; arrives: some of what was sent is done all the same */
void sim_listed(struct sim_replica *r, const struct cs_gvr *gvr); /* it begins to read them all */
bool sim_takes_claim(const struct sim_req *q); /* a hand-over to a Pod, or a deletion */
void sim_net_done(struct sim *s);

/* sim_lease.c */
void sim_lease_handle(struct sim *s, const struct sim_req *q, struct sim_answer *ret);
void sim_lease_check_write(struct sim *s, struct sim_replica *r, bool decision); /* false: an event */

/* sim_watch.c */
uint64_t sim_watch_open(void *self, const struct cs_call *call, cs_chunk_fn on_chunk, cs_reply_fn on_end, void *ctx);
void sim_watch_cancel(struct sim *s, uint64_t id);
void sim_net_committed(struct sim *s); /* the log has grown */
void sim_watch_cut(struct sim *s, bool compact); /* one of them */
void sim_watch_freeze(struct sim *s);
void sim_watch_drop(struct sim *s); /* all */
void sim_watch_thaw(struct sim *s);
void sim_watch_done(struct sim *s);

/* sim_restore.c */
void sim_backup(struct sim *s);
bool sim_restore(struct sim *s); /* to the last backup; false: there is none */
void sim_backup_done(struct sim *s);

#endif
