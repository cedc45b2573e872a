/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Allocation that ends the process on exhaustion, for small local needs: a program that cannot get 4 KiB cannot
 * report an error either, and both programs may die at any instruction (design §1).
 */
#include "common/base/alloc.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void cs_out_of_memory(void)
{
    static const char text[] = "out of memory\n";

    /* write(2), as stdio may want to allocate; nothing can be done about a short write here. */
    ssize_t n = write(STDERR_FILENO, text, sizeof(text) - 1);
    (void)n;
    abort();
}

void *cs_try_calloc(size_t n, size_t size)
{
    return calloc(n ? n : 1, size ? size : 1);
}

void *cs_xcalloc(size_t n, size_t size)
{
    void *p = cs_try_calloc(n, size);

    if (!p)
        cs_out_of_memory();
    return p;
}

void *cs_xrealloc(void *p, size_t n, size_t size)
{
    void *q = reallocarray(p, n ? n : 1, size ? size : 1);

    if (!q)
        cs_out_of_memory();
    return q;
}

char *cs_xmemdupz(const char *p, size_t len)
{
    if (len == SIZE_MAX)
        cs_out_of_memory();
    char *copy = malloc(len + 1);
    if (!copy)
        cs_out_of_memory();
    if (len)
        memcpy(copy, p, len);
    copy[len] = '\0';
    return copy;
}

char *cs_xstrdup(const char *s)
{
    return cs_xmemdupz(s, strlen(s));
}

char *cs_xvasprintf(const char *fmt, va_list ap)
{
    char *text = NULL;

    if (vasprintf(&text, fmt, ap) < 0)
        cs_out_of_memory();
    return text;
}

char *cs_xasprintf(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    char *text = cs_xvasprintf(fmt, ap);
    va_end(ap);
    return text;
}
