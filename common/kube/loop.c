/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The heap behind loop.h. The order is total, (at_ms, seq): which timer fires first never depends on where it happens
 * to lie in memory or in the heap, so a simulated run repeats exactly.
 */
#include "common/kube/loop.h"

#include <assert.h>
#include <stdlib.h>

#include "common/base/alloc.h"

void cs_loop_init(struct cs_loop *loop, const struct cs_clock *clock)
{
    *loop = (struct cs_loop){.clock = clock};
}

void cs_loop_done(struct cs_loop *loop)
{
    /* Owners that outlive the loop find their timers disarmed. */
    for (size_t i = 0; i < loop->len; i++)
        loop->heap[i]->heap_at = 0;
    free(loop->heap);
    *loop = (struct cs_loop){.clock = loop->clock};
}

static bool before(const struct cs_timer *a, const struct cs_timer *b)
{
    return a->at_ms != b->at_ms ? a->at_ms < b->at_ms : a->seq < b->seq;
}

static void place(struct cs_loop *loop, size_t i, struct cs_timer *t)
{
    loop->heap[i] = t;
    t->heap_at = i + 1;
}

static void sift_up(struct cs_loop *loop, size_t i)
{
    struct cs_timer *t = loop->heap[i];

    while (i > 0 && before(t, loop->heap[(i - 1) / 2])) {
        place(loop, i, loop->heap[(i - 1) / 2]);
        i = (i - 1) / 2;
    }
    place(loop, i, t);
}

static void sift_down(struct cs_loop *loop, size_t i)
{
    struct cs_timer *t = loop->heap[i];

    for (;;) {
        size_t child = 2 * i + 1;

        if (child >= loop->len)
            break;
        if (child + 1 < loop->len && before(loop->heap[child + 1], loop->heap[child]))
            child++;
        if (!before(loop->heap[child], t))
            break;
        place(loop, i, loop->heap[child]);
        i = child;
    }
    place(loop, i, t);
}

void cs_timer_arm_at(struct cs_loop *loop, struct cs_timer *t, int64_t at_ms)
{
    int64_t now = cs_loop_now_ms(loop);

    cs_timer_disarm(loop, t);
    /*
     * A deadline in the past counts as now. Were it kept, a timer armed by a callback could sort before others that
     * are already due, and cs_loop_run_due could not tell the old from the new by looking at the top of the heap.
     */
    t->at_ms = at_ms > now ? at_ms : now;
    t->seq = loop->seq++;
    cs_grow(loop->heap, loop->len, loop->cap);
    loop->heap[loop->len] = t;
    loop->len++;
    sift_up(loop, loop->len - 1);
}

void cs_timer_arm_in(struct cs_loop *loop, struct cs_timer *t, int64_t delay_ms)
{
    int64_t at;

    if (__builtin_add_overflow(cs_loop_now_ms(loop), delay_ms, &at))
        at = delay_ms > 0 ? INT64_MAX : 0;
    cs_timer_arm_at(loop, t, at);
}

void cs_timer_disarm(struct cs_loop *loop, struct cs_timer *t)
{
    size_t i = t->heap_at;

    if (i == 0)
        return;
    i--;
    assert(i < loop->len && loop->heap[i] == t);
    t->heap_at = 0;
    loop->len--;
    if (i == loop->len)
        return;
    /* The last one takes the hole; it may belong above or below it. */
    place(loop, i, loop->heap[loop->len]);
    sift_up(loop, i);
    sift_down(loop, i);
}

int64_t cs_loop_wait_ms(const struct cs_loop *loop)
{
    int64_t now;

    if (loop->len == 0)
        return -1;
    now = cs_loop_now_ms(loop);
    return loop->heap[0]->at_ms > now ? loop->heap[0]->at_ms - now : 0;
}

void cs_loop_run_due(struct cs_loop *loop)
{
    int64_t now = cs_loop_now_ms(loop);
    uint64_t armed_before = loop->seq;

    while (loop->len > 0) {
        struct cs_timer *t = loop->heap[0];

        if (t->at_ms > now || t->seq >= armed_before)
            break;
        cs_timer_disarm(loop, t);
        t->fn(t->ctx); /* may free t */
    }
}
