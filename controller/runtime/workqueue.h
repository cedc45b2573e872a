/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys to reconcile, first come first served, each at most once in the queue; with delays (the earliest time wins) and
 * per-key exponential backoff 5 ms … 30 s (D13). Items are embedded in their owners.
 */
#ifndef CS_RUNTIME_WORKQUEUE_H
#define CS_RUNTIME_WORKQUEUE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/metrics.h"
#include "common/base/rand.h"
#include "common/kube/loop.h"

struct cs_workqueue;

struct cs_work {
    struct cs_work *next, *prev; /* in the queue */
    bool queued;
    struct cs_timer timer;
    struct cs_workqueue *q;
    int64_t added_ms; /* when it was queued: for the duration metric */
    unsigned failures;
};

struct cs_workqueue {
    struct cs_work *head, *tail;
    uint32_t depth;
    struct cs_loop *loop;
    struct cs_rand *rand;
    struct cs_metric *m_depth, *m_adds, *m_retries, *m_wait;
    const char *name;
};

void cs_workqueue_init(
    struct cs_workqueue *q, const char *name, struct cs_loop *loop, struct cs_rand *rand, struct cs_metrics *metrics);
void cs_work_init(struct cs_work *w, struct cs_workqueue *q);
void cs_work_done(struct cs_work *w); /* out of the queue, timer disarmed */

void cs_workqueue_add(struct cs_work *w);
/* At the given monotonic time, or earlier when it is already due earlier. */
void cs_workqueue_add_at(struct cs_work *w, int64_t mono_ms);
/* After the next backoff of this key; counts a failure. Returns the delay. */
int64_t cs_workqueue_add_rate_limited(struct cs_work *w);
void cs_workqueue_forget(struct cs_work *w); /* success: the backoff starts anew */
/* The next item, out of the queue; NULL when empty. */
struct cs_work *cs_workqueue_get(struct cs_workqueue *q);

#endif
