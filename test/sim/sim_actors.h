/* SPDX-License-Identifier: Apache-2.0 */
/* Who acts in the simulated cluster besides the controller: kubelets, scheduler, collector, user, and hands that interfere. */
#ifndef CS_TEST_SIM_ACTORS_H
#define CS_TEST_SIM_ACTORS_H

#include "test/sim/sim_types.h"

enum sim_propagation { SIM_BACKGROUND, SIM_FOREGROUND, SIM_ORPHAN, SIM_PROPAGATIONS };

/* sim_kubelet.c */
void sim_pod_changed(struct sim *s, struct sim_obj *pod);
void sim_claim_created(struct sim *s, struct sim_obj *claim);
void sim_kubelet(struct sim *s, uint64_t serial);
bool sim_node_alive(const struct sim *s, const char *name);
void sim_container_crashes(struct sim *s, struct cs_jtree *pod);
void sim_pod_finishes(struct cs_jtree *pod, bool well);
bool sim_image_works(const char *image);

/* sim_nodes.c */
void sim_node_create(struct sim *s, uint64_t i);
void sim_node_dies(struct sim *s);
void sim_nodes_settle(struct sim *s);
void sim_nodes_restored(struct sim *s);

/* sim_gc.c */
void sim_gc_soon(struct sim *s);
void sim_delete_set(struct sim *s, enum sim_propagation how);

/* sim_user.c */
void sim_user_begin(struct sim *s); /* makes nodes and the set */
void sim_user_make_set(struct sim *s);
void sim_user_act(struct sim *s, uint64_t key); /* one thing, which is an event with this key */
void sim_take_back(struct sim *s, uint64_t arg); /* a task */
void sim_user_settle(struct sim *s); /* the last edits: whatever keeps a rollout from its end goes */

/* sim_hooks.c */
void sim_hooks_begin(struct sim *s, struct cs_jtree *set);
void sim_hooks_edit(struct sim *s, struct cs_jtree *set);
void sim_hooks_pod_changed(struct sim *s, struct sim_obj *pod);
void sim_hooks_check_delete(struct sim *s, const struct sim_obj *set, const struct sim_obj *pod);
void sim_hooks_check_image(struct sim *s, const struct sim_obj *set, const struct sim_obj *pod);
const char *sim_hooks_pending(const struct sim_obj *pod); /* NULL: nothing */

/* sim_resize.c */
void sim_resize_begin(struct sim *s, struct cs_jtree *set);
void sim_resize_edit(struct sim *s, struct cs_jtree *set);
struct cs_jtree *sim_resized(const struct cs_jtree *pod, const struct cs_jtree *patch); /* owned */
bool sim_resize_report(const struct cs_jtree *pod, struct cs_jtree *status, bool *ret_changed);
struct cs_jtree *sim_restarting_parts(const struct cs_jtree *pod); /* owned */

/* sim_awkward.c */
void sim_second_thoughts(struct sim *s, const struct sim_req *q, const char *what, int64_t in_ms); /* of the user */
void sim_delete_listed(struct sim *s, const struct sim_obj *pod);
void sim_pod_is_made(struct sim *s, const struct sim_obj *pod); /* by the controller */

/* sim_edits.c */
void sim_edits_any(struct sim *s, struct cs_jtree *set);
void sim_edits_remember(struct sim *s, const struct cs_jtree *set);
void sim_edits_settle(struct sim *s, struct cs_jtree *set);
void sim_edits_done(struct sim *s);

/* sim_meddler.c */
void sim_meddle(struct sim *s);
void sim_meddle_settle(struct sim *s);
void sim_name_is_wanted(struct sim *s, enum cs_kind k, const char *name); /* by a create of the controller */
void sim_claim_is_made(struct sim *s, struct sim_obj *claim); /* by the controller */
void sim_remake(struct sim *s);
void sim_refuse(struct sim *s);
const char *sim_refusal(const struct sim *s, enum cs_verb verb, enum cs_kind k);

#endif
