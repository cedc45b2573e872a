/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A world in which Pods with lifecycle hooks live: the planner, the bytes of its requests, a server that takes them, a kubelet, and
 * a user whose controller answers the hooks, in a loop without clock or network. The set has the templates below; its Pods carry
 * what the hooks ask for. Include after cmocka.h.
 */
#ifndef CS_TEST_UNIT_LIFECYCLE_WORLD_H
#define CS_TEST_UNIT_LIFECYCLE_WORLD_H

#include "test/sim/sim.h"
#include "test/unit/plan_fixture.h"

enum { HW_OLD, HW_NEW, HW_NEWER, HW_ENV, HW_TEMPLATES }; /* HW_ENV cannot be reached in place */

/* Members of spec.lifecycle; mark: "true", "false". */
#define HW_NO_PRE_DELETE(mark)                                                                                         \
    "'inPlaceUpdate':{'finalizersHandler':['hook/update'],'markPodNotReady':" mark "},"                                \
    "'preNormal':{'labelsHandler':{'hook/normal':'on'}}"
#define HW_HOOKS(mark)                                                                                                 \
    "'preDelete':{'labelsHandler':{'hook/delete':'on'},'markPodNotReady':" mark "}," HW_NO_PRE_DELETE(mark)

#define HW_PODS 2 /* at first */

struct hw {
    struct fx f;
    struct cs_jtree *pods[8]; /* as the server has them; NULL: a free place */
    uint64_t rv, containers;
    bool kubelet, user; /* they act */
    const char *current; /* status.currentRevision */
    /* the spec; hw_respec after a change */
    int replicas, template, grace;
    const char *hooks;
    const char *story; /* for messages */
    char log[16384];
    size_t log_len;
};

#define hw_broken(w, ...)                                                                                              \
    do {                                                                                                               \
        print_error("%s\n%s\n", (w)->story, (w)->log);                                                                 \
        fail_msg(__VA_ARGS__);                                                                                         \
    } while (0)

void hw_init(struct hw *w, const char *story, const char *hooks);
void hw_done(struct hw *w);
void hw_say(struct hw *w, const char *what, const char *pod);
const char *hw_revision(int template);
void hw_respec(struct hw *w);
uint32_t hw_pass(struct hw *w); /* one of the controller; the number of its actions */
bool hw_others(struct hw *w); /* kubelet and user, one step each; true: something changed */
void hw_put_label(struct cs_jtree *pod, const char *key, bool there);
/* Until nothing happens for longer than anything waits for (grace period, CS_INPLACE_STANDS_MS). */
void hw_run(struct hw *w);
/* Until a Pod is in the state (and, if asked for, out of service). */
void hw_run_to(struct hw *w, const char *state, bool out_of_service);

#endif
