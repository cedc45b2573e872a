/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Growable byte buffer with a ceiling given at init. Past the ceiling it turns `failed`, frees its bytes and ignores
 * further appends, so callers check once at the end. Always NUL-terminated behind the last byte when not failed.
 *
 * The same when memory is exhausted, but then an end is put to those who do not look: up to CS_SMALL_ALLOC at once, above
 * when somebody asks for the bytes that are gone. Else half a text would be a message, and no patch an answer.
 */
#ifndef CS_BASE_STRBUF_H
#define CS_BASE_STRBUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/cleanup.h"

struct cs_strbuf {
    char *data; /* NULL while empty and never grown */
    size_t len; /* bytes used, the NUL not counted */
    size_t cap; /* bytes allocated */
    size_t max; /* ceiling for len */
    bool failed; /* ceiling hit or memory exhausted: contents are gone */
    bool exhausted; /* it was memory */
};

#define CS_STRBUF_DEFAULT_MAX ((size_t)64 << 20)
#define CS_STRBUF_INIT                                                                                                 \
    {                                                                                                                  \
        .max = CS_STRBUF_DEFAULT_MAX                                                                                   \
    }

void cs_strbuf_init(struct cs_strbuf *sb, size_t max);
void cs_strbuf_done(struct cs_strbuf *sb); /* frees; NULL-safe; reusable after init only */
void cs_strbuf_clear(struct cs_strbuf *sb); /* len = 0, keeps the memory, clears `failed` */
void cs_strbuf_add(struct cs_strbuf *sb, const char *p, size_t len);
void cs_strbuf_adds(struct cs_strbuf *sb, const char *s);
void cs_strbuf_addc(struct cs_strbuf *sb, char c);
void cs_strbuf_addf(struct cs_strbuf *sb, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void cs_strbuf_addi(struct cs_strbuf *sb, int64_t v);
void cs_strbuf_addu(struct cs_strbuf *sb, uint64_t v);
/* Drops the first n bytes (n ≤ len). */
void cs_strbuf_consume(struct cs_strbuf *sb, size_t n);
/* "" when empty or past the ceiling; borrowed until the next append. */
const char *cs_strbuf_str(const struct cs_strbuf *sb);
/* Moves the bytes out, NUL-terminated, owned by the caller; NULL when past the ceiling ("" when empty). */
char *cs_strbuf_take(struct cs_strbuf *sb, size_t *ret_len);

#define cs_autostrbuf CS_CLEANUP(cs_strbuf_done) struct cs_strbuf

#endif
