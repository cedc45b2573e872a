/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How both programs keep the heap of glibc small. Left to itself it grows a second and third heap for the threads that answer
 * admission, and keeps the pages of its busiest moment for ever, because something small always lies behind them.
 */
#ifndef CS_BASE_HEAP_H
#define CS_BASE_HEAP_H

#define CS_HEAP_TRIM_MS 30000 /* how often cs_heap_trim is to be called */

/* Once, before the first thread starts. */
void cs_heap_init(void);
/* Gives free pages back to the system; from any thread, a fraction of a millisecond for the few MB that the programs use. */
void cs_heap_trim(void);

#endif
