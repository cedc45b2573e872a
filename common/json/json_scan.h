/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The lexical half of json_doc: checks one string or number in place and decodes string bodies. Private to
 * common/json/. All ranges are [p, end); nothing is NUL-terminated.
 */
#ifndef CS_JSON_SCAN_H
#define CS_JSON_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "common/base/str.h"

/* What was wrong, and where; `what` is static text or NULL for "unexpected character". */
struct cs_jscan_fault {
    const char *at;
    const char *what;
};

#define CS_JSCAN_ONES 0x0101010101010101ull
#define CS_JSCAN_HIGHS 0x8080808080808080ull

/* High bit set in the first byte that is a quote, a backslash, a control character or not ASCII (in bytes behind
 * the first one the subtraction may borrow, so only the lowest set bit counts). */
static inline uint64_t cs_jscan_special(uint64_t w)
{
    uint64_t quote = w ^ (CS_JSCAN_ONES * '"');
    uint64_t backslash = w ^ (CS_JSCAN_ONES * '\\');

    return ((w - CS_JSCAN_ONES * 0x20) & ~w & CS_JSCAN_HIGHS) | ((quote - CS_JSCAN_ONES) & ~quote & CS_JSCAN_HIGHS) |
           ((backslash - CS_JSCAN_ONES) & ~backslash & CS_JSCAN_HIGHS) | (w & CS_JSCAN_HIGHS);
}

static inline bool cs_jscan_is_plain(unsigned char c)
{
    return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

/* The first byte in [p, end) that is not plain ASCII, or that ends a string; nearly all are, and are passed eight at a time. */
static inline const char *cs_jscan_plain(const char *p, const char *end)
{
    while (end - p >= 8) {
        uint64_t w;

        memcpy(&w, p, sizeof(w));
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
        w = __builtin_bswap64(w);
#endif
        uint64_t found = cs_jscan_special(w);
        if (found)
            return p + (__builtin_ctzll(found) >> 3);
        p += 8;
    }
    while (p < end && cs_jscan_is_plain((unsigned char)*p))
        p++;
    return p;
}

/*
 * p stands behind the opening quote. Returns the position behind the closing quote, or NULL with *fault set.
 * *ret_escaped tells whether the body holds a backslash.
 */
const char *cs_jscan_string_from(const char *p, const char *end, bool *ret_escaped, struct cs_jscan_fault *fault);
static inline const char *cs_jscan_string(
    const char *p, const char *end, bool *ret_escaped, struct cs_jscan_fault *fault)
{
    const char *stop = cs_jscan_plain(p, end);

    if (stop == end || *stop != '"')
        return cs_jscan_string_from(p, end, ret_escaped, fault);
    *ret_escaped = false;
    return stop + 1;
}

/* p stands at '-' or a digit. Returns the position behind the number, or NULL with *fault set. */
const char *cs_jscan_number(const char *p, const char *end, struct cs_jscan_fault *fault);

/* Walks over a checked string body, decoded. */
struct cs_jscan_iter {
    const char *p, *end;
};
/* Next piece: a run of plain bytes or one decoded escape (in buf). False at the end. */
bool cs_jscan_next(struct cs_jscan_iter *it, char buf[4], struct cs_str *ret_piece);
/* Decodes a checked body into out (at least body.len bytes); returns the length. */
size_t cs_jscan_decode(struct cs_str body, char *out);

#endif
