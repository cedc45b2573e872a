/* SPDX-License-Identifier: Apache-2.0 */
/* What was so at some time, for checks of what was decided later, or by somebody who knew less. */
#ifndef CS_TEST_SIM_SAMPLES_H
#define CS_TEST_SIM_SAMPLES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sim_limit { /* what the user asked for, from when on */
    int64_t from_ms;
    uint64_t rv; /* of the set */
    int64_t replicas, surge;
    int64_t floor; /* Pods that must stay available: replicas less maxUnavailable */
    int64_t min_ready_s;
    bool in_place_only, reuse_off;
    bool no_regret; /* a hook has markPodNotReady: spec §5.1 step 2 */
};

struct sim_try { /* a create of a Pod */
    uint64_t name, replica, life; /* name: a hash of it */
    size_t known; /* as in sim_req */
    int64_t sent_ms;
};

struct sim_take { /* an available Pod was taken out of service */
    uint64_t pod; /* its serial */
    size_t before; /* number of the take before, counted from 1, that was of the same Pod; 0: none */
};

struct sim_sample {
    int64_t from_ms, pods, replicas;
    int64_t available;
    int64_t kept; /* available, or to be deleted by name or mark: what spec §5.2 does not call missing */
    int64_t held; /* ids that wait for a Pod because of their claims (D1) */
    uint64_t taken, fresh, let_go; /* what the controller had done by then: see struct sim */
};

#endif
