/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keeps two parties that undo each other's writes from running hot: the first write is free, the next one waits one
 * second, then two, four … thirty. A pause of twice the wait starts it anew.
 */
#ifndef CS_CERTS_PACE_H
#define CS_CERTS_PACE_H

#include <stdint.h>

#define CS_PACE_MIN_MS 1000
#define CS_PACE_MAX_MS 30000

struct cs_pace { /* zero-initialised: free */
    int64_t last_ms, delay_ms;
};

/* When the next write is allowed (monotonic; 0: never used, so now). */
static inline int64_t cs_pace_at_ms(const struct cs_pace *p)
{
    return p->delay_ms ? p->last_ms + p->delay_ms : 0;
}

static inline void cs_pace_use(struct cs_pace *p, int64_t now_ms)
{
    int64_t longer = 2 * p->delay_ms < CS_PACE_MAX_MS ? 2 * p->delay_ms : CS_PACE_MAX_MS;

    if (p->delay_ms == 0 || now_ms - p->last_ms >= 2 * p->delay_ms)
        p->delay_ms = CS_PACE_MIN_MS;
    else
        p->delay_ms = longer;
    p->last_ms = now_ms;
}

#endif
