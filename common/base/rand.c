/* SPDX-License-Identifier: Apache-2.0 */
/*
 * splitmix64: eight bytes of state, the same sequence for the same seed on every machine, which is all that jitter
 * and the simulation need.
 */
#include "common/base/rand.h"

#include <sys/random.h>
#include <time.h>
#include <unistd.h>

uint64_t cs_rand_u64(struct cs_rand *r)
{
    r->state += 0x9e3779b97f4a7c15ull;
    uint64_t z = r->state;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
}

uint64_t cs_rand_below(struct cs_rand *r, uint64_t n)
{
    /* 2^64 mod n: values below it would make small results likelier. */
    uint64_t skip = n ? (0 - n) % n : 0;
    uint64_t v;

    if (n == 0)
        return 0;
    do {
        v = cs_rand_u64(r);
    } while (v < skip);
    return v % n;
}

int64_t cs_rand_jitter_ms(struct cs_rand *r, int64_t base_ms, unsigned percent)
{
    int64_t span;
    int64_t sum;

    if (base_ms <= 0)
        return base_ms;
    if (__builtin_mul_overflow(base_ms, (int64_t)percent, &span))
        span = INT64_MAX;
    span /= 100;
    if (__builtin_add_overflow(base_ms, (int64_t)cs_rand_below(r, (uint64_t)span + 1), &sum))
        return INT64_MAX;
    return sum;
}

uint64_t cs_rand_os_seed(void)
{
    uint64_t seed;

    if (getrandom(&seed, sizeof(seed), 0) == (ssize_t)sizeof(seed))
        return seed;
    /* No kernel we run on lacks getrandom; a sandbox may forbid it. Jitter then still differs between processes. */
    struct timespec now = {0};
    (void)clock_gettime(CLOCK_REALTIME, &now);
    struct cs_rand r = {.state = (uint64_t)now.tv_sec ^ (uint64_t)now.tv_nsec << 32 ^ (uint64_t)getpid() << 16};
    return cs_rand_u64(&r);
}
