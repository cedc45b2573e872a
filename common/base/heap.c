/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is set here was chosen by measuring (docs/reliability.md, "Soak").
 */
#include "common/base/heap.h"

#include <malloc.h>

#define GIVE_BACK (256 << 10)

void cs_heap_init(unsigned heaps)
{
    /*
     * Two threads that admit, flat out, waited for the lock of a single heap in 10 to 15 % of the profile (__lll_lock_wait_private and
     * its waking); with one each futex(2) is 0.2 %, for less than 1 MB.
     */
    (void)mallopt(M_ARENA_MAX, (int)heaps);
    /* Buffers from here on go back when they are freed; left to itself glibc raises the limit with each large one. */
    (void)mallopt(M_MMAP_THRESHOLD, GIVE_BACK);
}

void cs_heap_trim(void)
{
    (void)malloc_trim(0);
}
