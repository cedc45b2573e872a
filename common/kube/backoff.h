/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long to wait after so many failures in a row: 0.8, 1.6 … 20 s, and up to half as much again by chance, so that
 * clients that fell together do not rise together. client-go's reflectors do much the same.
 */
#ifndef CS_KUBE_BACKOFF_H
#define CS_KUBE_BACKOFF_H

#include <stdint.h>

#include "common/base/rand.h"

/* fails ≥ 1; wish_ms: the server's Retry-After (0: none), honoured up to a minute. */
int64_t cs_backoff_ms(struct cs_rand *rand, unsigned fails, int64_t wish_ms);

#endif
