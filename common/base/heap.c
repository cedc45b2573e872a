/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is set here was chosen by measuring (docs/reliability.md, "Soak").
 */
#include "common/base/heap.h"

#include <malloc.h>

#define GIVE_BACK (256 << 10)

void cs_heap_init(void)
{
    /* Free memory of one thread serves the others; what they contend for is a few microseconds of a request. */
    (void)mallopt(M_ARENA_MAX, 1);
    /* Buffers from here on go back when they are freed; left to itself glibc raises the limit with each large one. */
    (void)mallopt(M_MMAP_THRESHOLD, GIVE_BACK);
}

void cs_heap_trim(void)
{
    (void)malloc_trim(0);
}
