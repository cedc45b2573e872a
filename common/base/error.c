/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The error object. Messages often carry text of a server or of a user's object, so they are made one line of
 * well-formed UTF-8 here, once for all places that print them.
 */
#include "common/base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/base/str.h"

#define SCRATCH_SIZE (2 * sizeof(((struct cs_error *)0)->message))

static const char *const kind_names[CS_ERR_COUNT] = {
    [CS_ERR_NONE] = "none",
    [CS_ERR_INVALID] = "invalid",
    [CS_ERR_NOT_FOUND] = "not_found",
    [CS_ERR_CONFLICT] = "conflict",
    [CS_ERR_ALREADY_EXISTS] = "already_exists",
    [CS_ERR_GONE] = "gone",
    [CS_ERR_FORBIDDEN] = "forbidden",
    [CS_ERR_THROTTLED] = "throttled",
    [CS_ERR_SERVER] = "server",
    [CS_ERR_TRANSPORT] = "transport",
    [CS_ERR_TIMEOUT] = "timeout",
    [CS_ERR_DECODE] = "decode",
    [CS_ERR_TOO_LARGE] = "too_large",
    [CS_ERR_IO] = "io",
    [CS_ERR_INTERNAL] = "internal",
};

/* Copies text into message: control characters become blanks, bad UTF-8 '?', and what does not fit gives way to "...". */
static void store_message(struct cs_error *err, const char *text)
{
    static const char ellipsis[] = "...";
    const size_t room = sizeof(err->message) - 1;
    const char *end = text + strlen(text);
    size_t len = 0;
    size_t cut = 0; /* where "..." would go: behind the last whole character that leaves room for it */

    while (text < end) {
        size_t n = cs_utf8_char_len(text, end);
        size_t step = n ? n : 1;

        if (len + step > room) {
            memcpy(err->message + cut, ellipsis, sizeof(ellipsis));
            return;
        }
        if (n > 1)
            memcpy(err->message + len, text, n);
        else if (n == 0)
            err->message[len] = '?';
        else
            err->message[len] = (unsigned char)*text < 0x20 || *text == 0x7f ? ' ' : *text;
        len += step;
        text += step;
        if (len + sizeof(ellipsis) - 1 <= room)
            cut = len;
    }
    err->message[len] = '\0';
}

bool cs_error_set(struct cs_error *err, enum cs_errkind kind, const char *fmt, ...)
{
    char text[SCRATCH_SIZE];
    va_list ap;

    if (!err)
        return false;
    /* Formatted aside first: arguments may point into err. */
    va_start(ap, fmt);
    if (vsnprintf(text, sizeof(text), fmt, ap) < 0)
        text[0] = '\0';
    va_end(ap);
    cs_error_clear(err);
    err->kind = kind;
    store_message(err, text);
    return false;
}

bool cs_error_prefix(struct cs_error *err, const char *fmt, ...)
{
    char text[SCRATCH_SIZE];
    va_list ap;

    if (!err)
        return false;
    va_start(ap, fmt);
    int n = vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    size_t used = n < 0 ? 0 : (size_t)n;
    if (used < sizeof(text)) /* else the prefix alone is more than a message holds */
        (void)snprintf(text + used, sizeof(text) - used, ": %s", err->message);
    store_message(err, text);
    return false;
}

void cs_error_clear(struct cs_error *err)
{
    if (err)
        *err = (struct cs_error)CS_ERROR_INIT;
}

const char *cs_errkind_name(enum cs_errkind kind)
{
    return (unsigned)kind < CS_ERR_COUNT ? kind_names[kind] : "unknown";
}

bool cs_error_in_doubt(const struct cs_error *err)
{
    if (!err)
        return false;
    switch (err->kind) {
    case CS_ERR_SERVER:
    case CS_ERR_TRANSPORT:
    case CS_ERR_TIMEOUT:
    case CS_ERR_DECODE: /* there was an answer, but it does not tell what happened */
        return true;
    case CS_ERR_TOO_LARGE: /* the answer was; with 413 the request was, and nothing happened */
        return err->code < 400;
    default:
        return false;
    }
}
