/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The numbers behind backoff.h.
 */
#include "common/kube/backoff.h"

#define MIN_MS 800
#define MAX_MS 20000 /* 30 s with jitter */
#define JITTER_PERCENT 50
#define WISH_MAX_MS 60000

int64_t cs_backoff_ms(struct cs_rand *rand, unsigned fails, int64_t wish_ms)
{
    int64_t base = MIN_MS;

    for (unsigned i = 1; i < fails && base < MAX_MS; i++)
        base *= 2;
    if (base > MAX_MS)
        base = MAX_MS;
    if (wish_ms > WISH_MAX_MS)
        wish_ms = WISH_MAX_MS;
    return cs_rand_jitter_ms(rand, wish_ms > base ? wish_ms : base, JITTER_PERCENT);
}
