/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is a fact about the simulated cluster, and what must hold of it: sim_facts.c, sim_rules.c, sim_promises.c, sim_check.c.
 */
#ifndef CS_TEST_SIM_RULES_H
#define CS_TEST_SIM_RULES_H

#include "test/sim/sim_types.h"

/* D2: the set was read at most so long before a destructive request was sent, whatever fails. */
#define SIM_READ_FOR_MS 7000

enum sim_actor { SIM_CONTROLLER, SIM_USER, SIM_KUBELET, SIM_GC };

/* sim_facts.c */
bool sim_pod_finished(const struct cs_jtree *pod);
bool sim_pod_active(const struct cs_jtree *pod);
bool sim_pod_prepared(const struct cs_jtree *pod); /* it waits at its preDelete hook */
bool sim_no_regret(const struct cs_jtree *set);
struct sim_obj *sim_the_set(struct sim *s); /* NULL: there is none */
const char *sim_claim_of(const struct cs_jtree *volume); /* name of the claim, or NULL */
bool sim_named_for_delete(const struct cs_jtree *set, const char *pod); /* podsToDelete */
bool sim_mounts(const struct cs_jtree *pod, const char *claim);
const char *sim_controller_of(const struct cs_jtree *obj);
bool sim_was_ours(const struct sim *s, const struct cs_jtree *obj);
bool sim_is_ours(const struct sim_obj *set, const struct cs_jtree *pod);
int64_t sim_active_pods(struct sim *s);
int64_t sim_scaled(const struct cs_jtree *v, int64_t n, bool up, int64_t otherwise);
int64_t sim_partition(const struct cs_jtree *set);
int64_t sim_surge(const struct cs_jtree *set);
int64_t sim_max_unavailable(const struct cs_jtree *set);
bool sim_ready(struct sim *s, const struct cs_jtree *pod, int64_t min_ready_s);
bool sim_available(struct sim *s, const struct cs_jtree *pod, int64_t min_ready_s);

/* sim_rules.c */
void sim_rules_sample(struct sim *s, const struct sim_obj *set, struct sim_sample *x);
void sim_rules_leaves(struct sim *s, const struct sim_obj *pod, bool deleted);
void sim_rules_let_go(struct sim *s, const struct sim_obj *pod); /* before its deletion by the controller */
void sim_rules_claim_created(struct sim *s, const struct sim_obj *claim, bool late);
/* late: its creation was given up before, or was decided on what a restored server undid */
void sim_rules_new_pod(struct sim *s, const struct sim_obj *pod, bool late);
void sim_rules_set_read(struct sim *s);
void sim_rules_destructive(struct sim *s, const char *what, const char *name);
bool sim_rules_listed_unseen(struct sim *s, const struct sim_obj *pod);
void sim_rules_pod_deleted(struct sim *s, const struct sim_obj *pod);
void sim_rules_claim_goes(struct sim *s, const struct sim_obj *claim);
void sim_rules_mark(struct sim *s, const struct sim_obj *o, const struct cs_jtree *after);
void sim_rules_image(struct sim *s, const struct sim_obj *o);
void sim_rules_note_gate(struct sim *s, const struct sim_obj *o, const struct cs_jtree *after);
void sim_rules_note_pod(struct sim *s, enum sim_actor who, const struct sim_obj *o, const struct cs_jtree *after);
void sim_rules_note_owner(struct sim *s, const struct sim_obj *o, const struct cs_jtree *after);
void sim_rules_touched(struct sim *s, const struct sim_obj *o);

/* sim_check.c */
int64_t sim_sent_ms(const struct sim *s); /* when what is being done was sent */
int64_t sim_window_begin(const struct sim *s);
int64_t sim_most_allowed(struct sim *s);
bool sim_is_late(const struct sim *s); /* what is being done was given up by who sent it */
void sim_check_commit(struct sim *s, enum sim_actor who, const struct sim_obj *o, const struct cs_jtree *after);
void sim_check_create(struct sim *s, enum sim_actor who, struct sim_obj *o);
void sim_check_delete(struct sim *s, enum sim_actor who, struct sim_obj *o);
void sim_check_removed(struct sim *s, enum sim_actor who, const struct sim_obj *o);
void sim_check_state(struct sim *s);
void sim_check_restored(struct sim *s); /* what the set asks for counts from now on */

/* sim_promises.c; the first before the deletion, the others as sim_check_commit */
bool sim_wish_is_known(const struct sim *s); /* without faults */
void sim_promise_delete(struct sim *s, const struct sim_obj *pod);
void sim_promise_pod(struct sim *s, const struct sim_obj *o, const struct cs_jtree *after, bool image);
void sim_promise_note_revision(struct sim *s, const struct sim_obj *o, const struct cs_jtree *after);
void sim_promise_note_left(struct sim *s, const struct sim_obj *pod); /* others delete it, or it finishes */
void sim_promise_sent(struct sim *s, struct sim_req *create); /* of a Pod */
void sim_promise_note_gone(struct sim *s, const struct sim_obj *pod);
/* It comes late, and whoever sent its create is still trying to make it. */
bool sim_promise_reckoned_with(struct sim *s, const struct sim_obj *pod);
void sim_promise_asked(struct sim *s, const char *pod); /* the server has said that there is none */
void sim_promise_told(struct sim *s, const struct sim_obj *o); /* … that there is this */
void sim_promise_new_pod(struct sim *s, const struct sim_obj *pod, bool late); /* late: as sim_rules_new_pod */
void sim_promise_guarded(
    struct sim *s, const struct sim_req *q, const struct sim_obj *o); /* the request takes effect */
void sim_promise_revision_deleted(struct sim *s, const struct sim_obj *rev);
void sim_promise_claim_deleted(struct sim *s, const struct sim_obj *claim);
void sim_promise_strike(struct sim *s, const struct sim_obj *set, const struct cs_jtree *after);

/* sim_status.c */
int64_t sim_old_pods(struct sim *s, const struct sim_obj *set);
bool sim_status_true(struct sim *s, const struct sim_obj *set, bool reached, char *ret_why, size_t size);
bool sim_converged(struct sim *s, char *ret_why, size_t size); /* sim_converged.c */

#endif
