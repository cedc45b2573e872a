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

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "common/base/str.h"

/* What was wrong, and where; `what` is static text or NULL for "unexpected character". */
struct cs_jscan_fault {
    const char *at;
    const char *what;
};

/*
 * CS_JSCAN_STEP bytes at once: the index of the first that is a quote, a backslash, a control character or not ASCII;
 * CS_JSCAN_STEP when there is none.
 */
#ifdef __SSE2__
#define CS_JSCAN_STEP 16
static inline int cs_jscan_stop(const char *p)
{
    const __m128i w = _mm_loadu_si128((const __m128i *)(const void *)p);
    /* With '"' and ' ' changed for each other, what is below '!'; compared as signed, so that what is not ASCII is below zero. */
    const __m128i low = _mm_cmplt_epi8(_mm_xor_si128(w, _mm_set1_epi8('"' ^ ' ')), _mm_set1_epi8('!'));
    unsigned found = (unsigned)_mm_movemask_epi8(_mm_or_si128(low, _mm_cmpeq_epi8(w, _mm_set1_epi8('\\'))));

    return __builtin_ctz(found | 1u << CS_JSCAN_STEP);
}
#else
#define CS_JSCAN_STEP 8
#define CS_JSCAN_ONES 0x0101010101010101ull
#define CS_JSCAN_HIGHS 0x8080808080808080ull
static inline int cs_jscan_stop(const char *p)
{
    uint64_t w, quote, backslash, found;

    memcpy(&w, p, sizeof(w));
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    w = __builtin_bswap64(w);
#endif
    quote = w ^ (CS_JSCAN_ONES * '"');
    backslash = w ^ (CS_JSCAN_ONES * '\\');
    /* In bytes behind the first one found a subtraction may borrow, so only the lowest set bit counts. */
    found = ((w - CS_JSCAN_ONES * 0x20) & ~w & CS_JSCAN_HIGHS) | ((quote - CS_JSCAN_ONES) & ~quote & CS_JSCAN_HIGHS) |
            ((backslash - CS_JSCAN_ONES) & ~backslash & CS_JSCAN_HIGHS) | (w & CS_JSCAN_HIGHS);
    return found ? __builtin_ctzll(found) >> 3 : CS_JSCAN_STEP;
}
#endif

static inline bool cs_jscan_is_plain(unsigned char c)
{
    return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

/* The first byte in [p, end) that is not plain ASCII, or that ends a string; nearly all are. */
static inline const char *cs_jscan_plain(const char *p, const char *end)
{
    while (end - p >= CS_JSCAN_STEP) {
        int stop = cs_jscan_stop(p);

        p += stop;
        if (stop < CS_JSCAN_STEP)
            return p;
    }
    while (p < end && cs_jscan_is_plain((unsigned char)*p))
        p++;
    return p;
}

/* As cs_jscan_string, for a string that is plain up to p. */
const char *cs_jscan_string_from(const char *p, const char *end, bool *ret_escaped, struct cs_jscan_fault *fault);

/*
 * p stands behind the opening quote. Returns the position behind the closing quote, or NULL with *fault set.
 * *ret_escaped tells whether the body holds a backslash.
 */
static inline const char *cs_jscan_string(
    const char *p, const char *end, bool *ret_escaped, struct cs_jscan_fault *fault)
{
    const char *stop = cs_jscan_plain(p, end);

    if (stop == end || *stop != '"')
        return cs_jscan_string_from(stop, end, ret_escaped, fault);
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
