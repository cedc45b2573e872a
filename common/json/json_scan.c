/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Strings and numbers of JSON (RFC 8259 §6, §7), checked where they lie. What nearly all strings
 * need is in the header.
 */
#include "common/json/json_scan.h"

static const char *fault_at(struct cs_jscan_fault *fault, const char *at, const char *what)
{
    fault->at = at;
    fault->what = what;
    return NULL;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Four hex digits at p; -1 when there are not four. */
static int32_t hex4(const char *p, const char *end)
{
    int32_t v = 0;

    if (end - p < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        int d = hex_digit(p[i]);

        if (d < 0)
            return -1;
        v = v * 16 + d;
    }
    return v;
}

static bool is_high_surrogate(int32_t u)
{
    return u >= 0xd800 && u <= 0xdbff;
}

static bool is_low_surrogate(int32_t u)
{
    return u >= 0xdc00 && u <= 0xdfff;
}

/* p stands at "\u". Returns the position behind the escape, the second half of a surrogate pair included. */
static const char *scan_unicode(const char *p, const char *end, struct cs_jscan_fault *fault)
{
    int32_t u = hex4(p + 2, end);

    if (u < 0)
        return fault_at(fault, p, "\\u must be followed by four hexadecimal digits");
    if (u == 0)
        return fault_at(fault, p, "\\u0000 is not allowed in a string");
    if (is_low_surrogate(u))
        return fault_at(fault, p, "low surrogate without a high surrogate before it");
    if (!is_high_surrogate(u))
        return p + 6;
    if (end - p < 12 || p[6] != '\\' || p[7] != 'u' || !is_low_surrogate(hex4(p + 8, end)))
        return fault_at(fault, p, "high surrogate without a low surrogate behind it");
    return p + 12;
}

static const char *scan_escape(const char *p, const char *end, struct cs_jscan_fault *fault)
{
    if (end - p < 2)
        return fault_at(fault, end, "unexpected end of input in a string");
    switch (p[1]) {
    case '"':
    case '\\':
    case '/':
    case 'b':
    case 'f':
    case 'n':
    case 'r':
    case 't':
        return p + 2;
    case 'u':
        return scan_unicode(p, end, fault);
    default:
        return fault_at(fault, p, "invalid escape sequence in a string");
    }
}

/* p stands at a byte that cs_jscan_plain stopped at, not a quote. */
static const char *scan_special(const char *p, const char *end, bool *escaped, struct cs_jscan_fault *fault)
{
    unsigned char c = (unsigned char)*p;

    if (c == '\\') {
        *escaped = true;
        return scan_escape(p, end, fault);
    }
    if (c < 0x20)
        return fault_at(fault, p, "unescaped control character in a string");
    size_t n = cs_utf8_char_len(p, end);
    return n ? p + n : fault_at(fault, p, "invalid UTF-8 in a string");
}

const char *cs_jscan_string_from(const char *p, const char *end, bool *ret_escaped, struct cs_jscan_fault *fault)
{
    bool escaped = false;

    for (;;) {
        p = cs_jscan_plain(p, end);
        if (p == end)
            return fault_at(fault, end, "unexpected end of input in a string");
        if (*p == '"') {
            *ret_escaped = escaped;
            return p + 1;
        }
        p = scan_special(p, end, &escaped, fault);
        if (!p)
            return NULL;
    }
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static const char *skip_digits(const char *p, const char *end)
{
    while (p < end && is_digit(*p))
        p++;
    return p;
}

/* At least one digit, else a fault at p. */
static const char *need_digits(const char *p, const char *end, const char *what, struct cs_jscan_fault *fault)
{
    const char *q = skip_digits(p, end);

    if (q != p)
        return q;
    return fault_at(fault, p, p == end ? "unexpected end of input in a number" : what);
}

const char *cs_jscan_number(const char *p, const char *end, struct cs_jscan_fault *fault)
{
    if (*p == '-')
        p++;
    if (p < end && *p == '0' && end - p > 1 && is_digit(p[1]))
        return fault_at(fault, p, "number with a leading zero");
    p = need_digits(p, end, "'-' must be followed by a digit", fault);
    if (p && p < end && *p == '.')
        p = need_digits(p + 1, end, "'.' in a number must be followed by a digit", fault);
    if (p && p < end && (*p == 'e' || *p == 'E')) {
        p++;
        if (p < end && (*p == '+' || *p == '-'))
            p++;
        p = need_digits(p, end, "exponent without digits", fault);
    }
    return p;
}

/* ---- decoding; the body has been checked ---- */

static size_t encode_utf8(uint32_t c, char out[4])
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (char)(0xc0 | c >> 6);
        out[1] = (char)(0x80 | (c & 0x3f));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (char)(0xe0 | c >> 12);
        out[1] = (char)(0x80 | (c >> 6 & 0x3f));
        out[2] = (char)(0x80 | (c & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | c >> 18);
    out[1] = (char)(0x80 | (c >> 12 & 0x3f));
    out[2] = (char)(0x80 | (c >> 6 & 0x3f));
    out[3] = (char)(0x80 | (c & 0x3f));
    return 4;
}

static char short_escape(char c)
{
    switch (c) {
    case 'b':
        return '\b';
    case 'f':
        return '\f';
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    default:
        return c; /* quote, backslash, slash */
    }
}

bool cs_jscan_next(struct cs_jscan_iter *it, char buf[4], struct cs_str *ret_piece)
{
    if (it->p == it->end)
        return false;
    if (*it->p != '\\') {
        const char *start = it->p;
        const char *stop = memchr(start, '\\', (size_t)(it->end - start));

        it->p = stop ? stop : it->end;
        *ret_piece = (struct cs_str){.p = start, .len = (size_t)(it->p - start)};
        return true;
    }
    if (it->p[1] != 'u') {
        buf[0] = short_escape(it->p[1]);
        it->p += 2;
        *ret_piece = (struct cs_str){.p = buf, .len = 1};
        return true;
    }
    uint32_t c = (uint32_t)hex4(it->p + 2, it->end);
    it->p += 6;
    if (is_high_surrogate((int32_t)c)) {
        c = 0x10000 + ((c & 0x3ff) << 10) + ((uint32_t)hex4(it->p + 2, it->end) & 0x3ff);
        it->p += 6;
    }
    *ret_piece = (struct cs_str){.p = buf, .len = encode_utf8(c, buf)};
    return true;
}

size_t cs_jscan_decode(struct cs_str body, char *out)
{
    struct cs_jscan_iter it = {.p = body.p, .end = body.p + body.len};
    char buf[4];
    struct cs_str piece;
    size_t len = 0;

    while (cs_jscan_next(&it, buf, &piece)) {
        memcpy(out + len, piece.p, piece.len);
        len += piece.len;
    }
    return len;
}
