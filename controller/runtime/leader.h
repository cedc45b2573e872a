/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Leader election by a Lease (coordination.k8s.io/v1), with fencing (D12): the leader may write while now < start of the last
 * successful renewal + 10 s by CLOCK_BOOTTIME (lease 15 s, request timeout ≤ 5 s). A standby that has seen a record unchanged
 * takes over 1 s before its 15 s are over, so that its first write, after it has read everything, comes within them.
 */
#ifndef CS_RUNTIME_LEADER_H
#define CS_RUNTIME_LEADER_H

#include <stdbool.h>

#include "common/base/log.h"
#include "common/base/metrics.h"
#include "common/base/rand.h"
#include "common/kube/client.h"
#include "common/kube/loop.h"

struct cs_leader;

struct cs_leader_options {
    const struct cs_client *client; /* borrowed, as all below */
    struct cs_loop *loop;
    const struct cs_clock *clock;
    struct cs_rand *rand;
    const struct cs_log *log;
    struct cs_metrics *metrics; /* leader_election_master_status{name} */
    const char *ns, *name; /* of the Lease */
    const char *identity; /* "<host>_<random>" */
    int64_t lease_ms, fence_ms, retry_ms; /* 0: 15000, 10000, 2000 */
    /*
     * A request is about to be sent that makes us the leader, unless somebody else has written the Lease since it was seen to be free:
     * no other leader writes between this call and on_started. What is listed from now on is what a new leader has to have
     * read (D12). May be NULL.
     */
    void (*on_taking)(void *ctx);
    void (*on_started)(void *ctx); /* leadership gained; writes may begin once caches were re-read */
    void (*on_stopped)(void *ctx); /* leadership lost or fence passed: stop deciding at once */
    void *ctx;
};

struct cs_leader *cs_leader_new(const struct cs_leader_options *o);
void cs_leader_free(struct cs_leader *l);
CS_DEFINE_CLEANUP(struct cs_leader *, cs_leader_free)
void cs_leader_start(struct cs_leader *l);
/* The fence: true while a write may be sent. */
bool cs_leader_may_write(const struct cs_leader *l);
bool cs_leader_is(const struct cs_leader *l);
/*
 * Gives the lease up (holderIdentity "", so that another takes over within retry_ms) and calls done when that write has
 * ended, or at once when not leading. For SIGTERM.
 */
void cs_leader_release(struct cs_leader *l, void (*done)(void *ctx), void *ctx);

#endif
