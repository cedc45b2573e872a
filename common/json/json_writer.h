/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Append-only JSON encoder onto a cs_strbuf: commas, quotes and escapes are its business; raw spans are spliced as
 * they are. Misuse (a key outside an object …) is a programming error and aborts.
 */
#ifndef CS_JSON_WRITER_H
#define CS_JSON_WRITER_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/str.h"
#include "common/base/strbuf.h"

#define CS_JW_MAX_DEPTH 128 /* above the depth limit of documents, so no copied document can exceed it */

struct cs_jw {
    struct cs_strbuf *out; /* borrowed; its `failed` flag is the error state */
    uint8_t state[CS_JW_MAX_DEPTH]; /* per level: kind and whether a comma is due */
    unsigned depth;
    bool html_escape; /* write <, >, & and U+2028/2029 as \u00XX, as Go's encoder does (spec §4.2) */
};

void cs_jw_init(struct cs_jw *w, struct cs_strbuf *out);

void cs_jw_obj(struct cs_jw *w); /* { */
void cs_jw_end_obj(struct cs_jw *w); /* } */
void cs_jw_arr(struct cs_jw *w);
void cs_jw_end_arr(struct cs_jw *w);
void cs_jw_key(struct cs_jw *w, const char *key);
void cs_jw_keyn(struct cs_jw *w, struct cs_str key); /* decoded key */

/* Strings: NULL (absent) writes null; bytes that are no UTF-8 become U+FFFD, so the output is always valid JSON. */
void cs_jw_str(struct cs_jw *w, const char *s);
void cs_jw_strn(struct cs_jw *w, struct cs_str s);
void cs_jw_i64(struct cs_jw *w, int64_t v);
void cs_jw_u64(struct cs_jw *w, uint64_t v);
void cs_jw_bool(struct cs_jw *w, bool v);
void cs_jw_null(struct cs_jw *w);
/* Splices one complete JSON value as it is; absent (or empty) writes null. */
void cs_jw_raw(struct cs_jw *w, struct cs_str raw);

/* key + value in one call */
void cs_jw_kstr(struct cs_jw *w, const char *key, const char *s);
void cs_jw_kstrn(struct cs_jw *w, const char *key, struct cs_str s);
void cs_jw_ki64(struct cs_jw *w, const char *key, int64_t v);
void cs_jw_kbool(struct cs_jw *w, const char *key, bool v);
void cs_jw_kraw(struct cs_jw *w, const char *key, struct cs_str raw);

/* "s" with quotes and escapes, appended to out; for building bodies by hand. */
void cs_json_quote(struct cs_strbuf *out, struct cs_str s, bool html_escape);
/* RFC 6901: '~' → "~0", '/' → "~1"; appends to out (no leading slash). */
void cs_json_pointer_escape(struct cs_strbuf *out, struct cs_str token);

#endif
