/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How both programs keep the heap of glibc small. Left to itself it makes a heap for every thread, however little that needs, and
 * keeps the pages of its busiest moment for ever, because something small always lies behind them.
 */
#ifndef CS_BASE_HEAP_H
#define CS_BASE_HEAP_H

#define CS_HEAP_TRIM_MS 30000 /* how often cs_heap_trim is to be called */

/* Once, before the first thread starts. heaps: as many as threads that are busy at the same time; the others share them. */
void cs_heap_init(unsigned heaps);
/* Gives free pages back to the system; from any thread, a fraction of a millisecond for the few MB that the programs use. */
void cs_heap_trim(void);

#endif
