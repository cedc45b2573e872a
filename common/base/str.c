/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Byte ranges, checked numbers and the name forms of Kubernetes. No locale and no regular expressions: every rule is
 * a loop over bytes.
 */
#include "common/base/str.h"

int cs_str_cmp(struct cs_str a, struct cs_str b)
{
    size_t n = a.len < b.len ? a.len : b.len;
    int c = n ? memcmp(a.p, b.p, n) : 0;

    if (c)
        return c;
    return (a.len > b.len) - (a.len < b.len);
}

bool cs_str_starts(struct cs_str s, const char *prefix)
{
    size_t n = strlen(prefix);

    return s.len >= n && (n == 0 || memcmp(s.p, prefix, n) == 0);
}

bool cs_str_ends(struct cs_str s, const char *suffix)
{
    size_t n = strlen(suffix);

    return s.len >= n && (n == 0 || memcmp(s.p + s.len - n, suffix, n) == 0);
}

/* ---- numbers ---- */

bool cs_parse_u64(struct cs_str s, uint64_t *ret)
{
    uint64_t v = 0;

    if (s.len == 0)
        return false;
    for (size_t i = 0; i < s.len; i++) {
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
        if (__builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, (uint64_t)(s.p[i] - '0'), &v))
            return false;
    }
    *ret = v;
    return true;
}

bool cs_parse_i64(struct cs_str s, int64_t *ret)
{
    bool neg = s.len > 0 && s.p[0] == '-';
    uint64_t v;

    if (neg)
        s = (struct cs_str){.p = s.p + 1, .len = s.len - 1};
    if (!cs_parse_u64(s, &v) || v > (uint64_t)INT64_MAX + neg)
        return false;
    *ret = neg ? (int64_t)(0 - v) : (int64_t)v;
    return true;
}

bool cs_parse_i32(struct cs_str s, int32_t *ret)
{
    int64_t v;

    if (!cs_parse_i64(s, &v) || v < INT32_MIN || v > INT32_MAX)
        return false;
    *ret = (int32_t)v;
    return true;
}

/* ---- names of Kubernetes ---- */

static bool is_lower(char c)
{
    return c >= 'a' && c <= 'z';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_lower_alnum(char c)
{
    return is_lower(c) || is_digit(c);
}

static bool is_alnum(char c)
{
    return is_lower_alnum(c) || (c >= 'A' && c <= 'Z');
}

/* [a-z0-9]([-a-z0-9]*[a-z0-9])? of any length */
static bool is_label_form(struct cs_str s)
{
    if (s.len == 0 || !is_lower_alnum(s.p[0]) || !is_lower_alnum(s.p[s.len - 1]))
        return false;
    for (size_t i = 1; i < s.len; i++) {
        if (!is_lower_alnum(s.p[i]) && s.p[i] != '-')
            return false;
    }
    return true;
}

bool cs_is_dns1123_label(struct cs_str s)
{
    return s.len <= 63 && is_label_form(s);
}

bool cs_is_dns1123_subdomain(struct cs_str s)
{
    size_t start = 0;

    if (s.len == 0 || s.len > 253) /* absent: not even an offset of 0 may be added to NULL */
        return false;
    for (size_t i = 0; i <= s.len; i++) {
        if (i < s.len && s.p[i] != '.')
            continue;
        if (!is_label_form((struct cs_str){.p = s.p + start, .len = i - start}))
            return false;
        start = i + 1;
    }
    return true;
}

/* ([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9], at most 63 */
static bool is_qualified_part(struct cs_str s)
{
    if (s.len == 0 || s.len > 63 || !is_alnum(s.p[0]) || !is_alnum(s.p[s.len - 1]))
        return false;
    for (size_t i = 1; i < s.len; i++) {
        if (!is_alnum(s.p[i]) && s.p[i] != '-' && s.p[i] != '_' && s.p[i] != '.')
            return false;
    }
    return true;
}

bool cs_is_qualified_name(struct cs_str s)
{
    const char *slash = s.len ? memchr(s.p, '/', s.len) : NULL;

    if (slash) {
        size_t n = (size_t)(slash - s.p);

        if (!cs_is_dns1123_subdomain((struct cs_str){.p = s.p, .len = n}))
            return false;
        s = (struct cs_str){.p = slash + 1, .len = s.len - n - 1};
    }
    return is_qualified_part(s);
}

bool cs_is_label_value(struct cs_str s)
{
    return s.len == 0 || is_qualified_part(s);
}

bool cs_is_env_var_name(struct cs_str s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.p[i] < 0x20 || s.p[i] > 0x7e || s.p[i] == '=')
            return false;
    }
    return s.len > 0;
}

bool cs_is_port_name(struct cs_str s)
{
    bool letter = false;

    if (s.len > 15 || !is_label_form(s))
        return false;
    for (size_t i = 0; i < s.len; i++) {
        letter = letter || is_lower(s.p[i]);
        if (s.p[i] == '-' && s.p[i + 1] == '-') /* the last byte is no '-', so i + 1 is inside */
            return false;
    }
    return letter;
}

/* ---- UTF-8 ---- */

static bool is_continuation(unsigned char c)
{
    return (c & 0xc0) == 0x80;
}

size_t cs_utf8_char_len(const char *p, const char *end)
{
    const unsigned char *u = (const unsigned char *)p;
    size_t room = (size_t)(end - p);
    unsigned char c = u[0];

    if (c < 0x80)
        return 1;
    if (c < 0xc2 || c > 0xf4) /* continuation, overlong two-byte form, above U+10FFFF */
        return 0;
    if (c < 0xe0)
        return room >= 2 && is_continuation(u[1]) ? 2 : 0;
    if (c < 0xf0) {
        if (room < 3 || !is_continuation(u[1]) || !is_continuation(u[2]))
            return 0;
        /* E0 80..9F is overlong, ED A0..BF a surrogate */
        return (c == 0xe0 && u[1] < 0xa0) || (c == 0xed && u[1] > 0x9f) ? 0 : 3;
    }
    if (room < 4 || !is_continuation(u[1]) || !is_continuation(u[2]) || !is_continuation(u[3]))
        return 0;
    /* F0 80..8F is overlong, F4 90.. above U+10FFFF */
    return (c == 0xf0 && u[1] < 0x90) || (c == 0xf4 && u[1] > 0x8f) ? 0 : 4;
}

bool cs_is_utf8(struct cs_str s)
{
    const char *p = s.p;
    const char *end = s.len ? s.p + s.len : s.p;

    while (p < end) {
        size_t n = cs_utf8_char_len(p, end);

        if (n == 0)
            return false;
        p += n;
    }
    return true;
}

/* ---- distance ---- */

#define DISTANCE_MAX_LEN 64

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
    unsigned m = a < b ? a : b;

    return m < c ? m : c;
}

unsigned cs_str_distance(struct cs_str a, struct cs_str b, unsigned limit)
{
    unsigned rows[3][DISTANCE_MAX_LEN + 1] = {{0}}; /* this row and the two before it, used in turn */

    if (a.len > DISTANCE_MAX_LEN || b.len > DISTANCE_MAX_LEN)
        return limit + 1;
    for (unsigned j = 0; j <= b.len; j++)
        rows[0][j] = j;
    for (unsigned i = 1; i <= a.len; i++) {
        unsigned *row = rows[i % 3];
        const unsigned *up = rows[(i + 2) % 3];
        const unsigned *up2 = rows[(i + 1) % 3];

        row[0] = i;
        for (unsigned j = 1; j <= b.len; j++) {
            row[j] = min3(up[j] + 1, row[j - 1] + 1, up[j - 1] + (a.p[i - 1] != b.p[j - 1]));
            if (i > 1 && j > 1 && a.p[i - 1] == b.p[j - 2] && a.p[i - 2] == b.p[j - 1] && up2[j - 2] + 1 < row[j])
                row[j] = up2[j - 2] + 1;
        }
    }
    unsigned distance = rows[a.len % 3][b.len];
    return distance > limit ? limit + 1 : distance;
}
