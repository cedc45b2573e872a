/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory. Small local allocations abort on exhaustion (D25: below 4 KiB); sizes that come from outside go through
 * cs_try_alloc or a capped cs_strbuf and return an error.
 */
#ifndef CS_BASE_ALLOC_H
#define CS_BASE_ALLOC_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#define CS_SMALL_ALLOC 4096 /* up to here exhaustion ends the process (D25) */

/* "out of memory" on stderr, then abort(). */
void cs_out_of_memory(void) __attribute__((noreturn, cold));

/* Zeroed memory; aborts with a message on exhaustion. n may be 0 (returns a unique pointer). Owned by the caller. */
void *cs_xcalloc(size_t n, size_t size) __attribute__((malloc, returns_nonnull));
void *cs_xrealloc(void *p, size_t n, size_t size) __attribute__((returns_nonnull));
char *cs_xstrdup(const char *s) __attribute__((malloc, returns_nonnull));
char *cs_xmemdupz(const char *p, size_t len) __attribute__((malloc, returns_nonnull)); /* copies len bytes, adds NUL */
char *cs_xasprintf(const char *fmt, ...) __attribute__((format(printf, 1, 2), malloc, returns_nonnull));
char *cs_xvasprintf(const char *fmt, va_list ap) __attribute__((format(printf, 1, 0), malloc, returns_nonnull));

/* Zeroed, NULL on exhaustion or overflow of n * size. */
void *cs_try_calloc(size_t n, size_t size) __attribute__((malloc));

#define cs_new(type) ((type *)cs_xcalloc(1, sizeof(type)))
#define cs_new_array(type, n) ((type *)cs_xcalloc((n), sizeof(type)))

/*
 * Grows an array held as (ptr, len, cap) so that one more element fits. Usage:
 *   cs_grow(v->items, v->len, v->cap);  v->items[v->len++] = x;
 */
#define cs_grow(ptr, len, cap)                                                                                         \
    do {                                                                                                               \
        if ((len) == (cap)) {                                                                                          \
            size_t cs_grow_n_ = (cap) ? (size_t)(cap)*2 : 8;                                                           \
            (ptr) = cs_xrealloc((ptr), cs_grow_n_, sizeof(*(ptr)));                                                    \
            (cap) = cs_grow_n_;                                                                                        \
        }                                                                                                              \
    } while (0)

#endif
