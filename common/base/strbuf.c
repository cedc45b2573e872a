/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Growable byte buffer with a ceiling: what a network peer sends ends up in one of these, so growing is checked in
 * one place only (reserve) and failure is sticky.
 */
#include "common/base/strbuf.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"

#define FIRST_CAP 64

static bool fail(struct cs_strbuf *sb)
{
    free(sb->data);
    sb->data = NULL;
    sb->len = 0;
    sb->cap = 0;
    sb->failed = true;
    return false;
}

/* Room for `extra` more bytes and the NUL. */
static bool reserve(struct cs_strbuf *sb, size_t extra)
{
    if (sb->failed)
        return false;
    if (extra > sb->max - sb->len || sb->len + extra == SIZE_MAX)
        return fail(sb);
    size_t need = sb->len + extra + 1;
    if (need <= sb->cap)
        return true;
    size_t limit = sb->max == SIZE_MAX ? SIZE_MAX : sb->max + 1;
    size_t cap = sb->cap < FIRST_CAP / 2 ? FIRST_CAP : sb->cap;
    while (cap < need)
        cap = cap > limit / 2 ? limit : cap * 2;
    if (cap > limit)
        cap = limit;
    char *data = realloc(sb->data, cap);
    if (!data && cap <= CS_SMALL_ALLOC)
        cs_out_of_memory();
    sb->exhausted = !data;
    if (!data)
        return fail(sb);
    sb->data = data;
    sb->cap = cap;
    return true;
}

void cs_strbuf_init(struct cs_strbuf *sb, size_t max)
{
    *sb = (struct cs_strbuf){.max = max};
}

void cs_strbuf_done(struct cs_strbuf *sb)
{
    if (!sb)
        return;
    free(sb->data);
    *sb = (struct cs_strbuf){.max = 0};
}

void cs_strbuf_clear(struct cs_strbuf *sb)
{
    sb->len = 0;
    sb->failed = false;
    sb->exhausted = false;
    if (sb->data)
        sb->data[0] = '\0';
}

void cs_strbuf_add(struct cs_strbuf *sb, const char *p, size_t len)
{
    if (!len || !reserve(sb, len))
        return;
    memcpy(sb->data + sb->len, p, len);
    sb->len += len;
    sb->data[sb->len] = '\0';
}

void cs_strbuf_adds(struct cs_strbuf *sb, const char *s)
{
    cs_strbuf_add(sb, s, strlen(s));
}

void cs_strbuf_addc(struct cs_strbuf *sb, char c)
{
    if (!reserve(sb, 1))
        return;
    sb->data[sb->len++] = c;
    sb->data[sb->len] = '\0';
}

void cs_strbuf_addf(struct cs_strbuf *sb, const char *fmt, ...)
{
    va_list ap;
    va_list again;

    if (!reserve(sb, 0))
        return;
    va_start(ap, fmt);
    va_copy(again, ap);
    size_t room = sb->cap - sb->len;
    int n = vsnprintf(sb->data + sb->len, room, fmt, ap);
    if (n < 0) {
        (void)fail(sb);
    } else if (reserve(sb, (size_t)n)) {
        if ((size_t)n >= room)
            (void)vsnprintf(sb->data + sb->len, (size_t)n + 1, fmt, again);
        sb->len += (size_t)n;
    }
    va_end(again);
    va_end(ap);
}

void cs_strbuf_addu(struct cs_strbuf *sb, uint64_t v)
{
    char digits[20];
    size_t i = sizeof(digits);

    do {
        digits[--i] = (char)('0' + v % 10);
        v /= 10;
    } while (v);
    cs_strbuf_add(sb, digits + i, sizeof(digits) - i);
}

void cs_strbuf_addi(struct cs_strbuf *sb, int64_t v)
{
    if (v < 0)
        cs_strbuf_addc(sb, '-');
    cs_strbuf_addu(sb, v < 0 ? 0 - (uint64_t)v : (uint64_t)v);
}

void cs_strbuf_consume(struct cs_strbuf *sb, size_t n)
{
    if (!sb->data || !n)
        return;
    if (n > sb->len)
        n = sb->len;
    memmove(sb->data, sb->data + n, sb->len - n);
    sb->len -= n;
    sb->data[sb->len] = '\0';
}

const char *cs_strbuf_str(const struct cs_strbuf *sb)
{
    if (sb->exhausted)
        cs_out_of_memory();
    return sb->data && !sb->failed ? sb->data : "";
}

char *cs_strbuf_take(struct cs_strbuf *sb, size_t *ret_len)
{
    if (sb->exhausted)
        cs_out_of_memory();
    if (sb->failed)
        return NULL;
    size_t len = sb->len;
    char *data = cs_take(sb->data);
    sb->len = 0;
    sb->cap = 0;
    if (ret_len)
        *ret_len = len;
    return data ? data : cs_xstrdup("");
}
