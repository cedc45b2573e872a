/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Seeded generator (splitmix64) for jitter and for deterministic tests. Not for secrets: those come from OpenSSL.
 */
#ifndef CS_BASE_RAND_H
#define CS_BASE_RAND_H

#include <stdint.h>

struct cs_rand {
    uint64_t state;
};

uint64_t cs_rand_u64(struct cs_rand *r);
/* Uniform in [0, n); n > 0. */
uint64_t cs_rand_below(struct cs_rand *r, uint64_t n);
/* base_ms .. base_ms * (1 + fraction), fraction in percent. */
int64_t cs_rand_jitter_ms(struct cs_rand *r, int64_t base_ms, unsigned percent);
/* A seed from the kernel (getrandom), for programs. */
uint64_t cs_rand_os_seed(void);

#endif
