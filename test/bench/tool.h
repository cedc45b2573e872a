/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the small programs of the benchmark have in common. Whatever goes wrong ends them: a figure of a run that did
 * is worth nothing.
 */
#ifndef CS_TEST_BENCH_TOOL_H
#define CS_TEST_BENCH_TOOL_H

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "common/base/file.h"

static inline void __attribute__((noreturn, cold)) fail(const char *what, const char *detail)
{
    (void)fprintf(stderr, "%s: %s: %s\n", program_invocation_short_name, what, detail);
    exit(1);
}

/* Owned, NUL-terminated. ret_len: may be NULL. */
static inline char *read_file(const char *path, size_t max, size_t *ret_len)
{
    struct cs_error err = CS_ERROR_INIT;
    char *text = NULL;

    if (!cs_file_read(path, max, &text, ret_len, &err))
        fail(path, err.message);
    return text;
}

static inline int64_t clock_ns(clockid_t clock)
{
    struct timespec t;

    (void)clock_gettime(clock, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

#endif
