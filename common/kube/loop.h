/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Timers of the one event loop: a binary heap of embedded timers. Waiting for sockets belongs to whoever drives the
 * loop (curl_client.h in the programs, the scheduler of virtual time in the simulation).
 */
#ifndef CS_KUBE_LOOP_H
#define CS_KUBE_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/clock.h"

/* Embedded in its owner; zero-initialised means disarmed. The owner disarms before it is freed. */
struct cs_timer {
    void (*fn)(void *ctx);
    void *ctx;
    int64_t at_ms; /* monotonic */
    uint64_t seq; /* order of arming: equal deadlines run first come, first served (deterministic) */
    size_t heap_at; /* index + 1; 0: disarmed */
};

struct cs_loop {
    const struct cs_clock *clock; /* borrowed */
    struct cs_timer **heap;
    size_t len, cap;
    uint64_t seq;
};

void cs_loop_init(struct cs_loop *loop, const struct cs_clock *clock);
void cs_loop_done(struct cs_loop *loop); /* timers themselves are their owners' */
static inline int64_t cs_loop_now_ms(const struct cs_loop *loop)
{
    return cs_clock_mono_ms(loop->clock);
}

/* Arms (or moves) a timer to fire once at the given monotonic time; in the past means at the next run. */
void cs_timer_arm_at(struct cs_loop *loop, struct cs_timer *t, int64_t at_ms);
void cs_timer_arm_in(struct cs_loop *loop, struct cs_timer *t, int64_t delay_ms);
void cs_timer_disarm(struct cs_loop *loop, struct cs_timer *t);
static inline bool cs_timer_armed(const struct cs_timer *t)
{
    return t->heap_at != 0;
}

/* Milliseconds until the next timer, 0 when one is due, -1 when there is none. */
int64_t cs_loop_wait_ms(const struct cs_loop *loop);
/* Runs the timers that were due at the call; those armed meanwhile for "now" wait for the next call. */
void cs_loop_run_due(struct cs_loop *loop);

#endif
