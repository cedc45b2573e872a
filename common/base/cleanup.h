/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ownership helpers: an owned local starts as NULL (or -1) and carries a cleanup attribute, so leaving early is
 * always correct. cs_take() hands ownership on and nulls the source.
 */
#ifndef CS_BASE_CLEANUP_H
#define CS_BASE_CLEANUP_H

#include <stdlib.h>
#include <unistd.h>

/* Defines static inline `cs_cleanup_<func>` for a pointer type; func must accept NULL. */
#define CS_DEFINE_CLEANUP(type, func)                                                                                  \
    static inline void func##_cleanup(type *p)                                                                         \
    {                                                                                                                  \
        if (*p)                                                                                                        \
            func(*p);                                                                                                  \
    }

/* For embedded objects with a `_done(struct x *)`. */
#define CS_CLEANUP(func) __attribute__((cleanup(func)))

static inline void cs_free_cleanup(void *p)
{
    void **pp = p;

    free(*pp);
}

static inline void cs_close_cleanup(const int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
}

#define cs_autofree CS_CLEANUP(cs_free_cleanup)
#define cs_autoclose CS_CLEANUP(cs_close_cleanup)

/* Moves a pointer out of an owned variable. */
#define cs_take(ptr)                                                                                                   \
    __extension__({                                                                                                    \
        __typeof__(ptr) *cs_take_p_ = &(ptr);                                                                          \
        __typeof__(ptr) cs_take_v_ = *cs_take_p_;                                                                      \
        *cs_take_p_ = NULL;                                                                                            \
        cs_take_v_;                                                                                                    \
    })

#define CS_ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

#endif
