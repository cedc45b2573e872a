/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kubernetes quantities ("500m", "1.5Gi", "12e6") by exact integer arithmetic: a value is a whole number of nano units in
 * 128 bits. What the API reference promises holds here: finer parts round up (away from zero), larger numbers than 2^63-1
 * are capped, the canonical text has no fraction and the largest suffix of the family that the text was written in.
 */
#include "common/base/alloc.h"
#include "common/cloneset/template.h"
#include "common/cloneset/template_impl.h"

__extension__ typedef __int128 i128;

#define NANO 1000000000
#define MAX_NANOS ((i128)INT64_MAX * NANO)
/* Significant digits looked at; far more than any number below the cap with nano precision has. */
#define MAX_DIGITS 64

enum family { DECIMAL_SI, DECIMAL_EXPONENT, BINARY_SI };

/* What a suffix says. */
struct unit {
    enum family family;
    int exponent; /* of ten, or of 1024 for BINARY_SI */
};

/* The text taken apart: sign, digits without leading zeros, suffix. */
struct parts {
    bool negative;
    unsigned char digits[MAX_DIGITS + 24]; /* values 0..9; room for a multiplication by 2^60 */
    size_t n_digits;
    int n_fraction; /* how many of them stand behind the point */
    struct unit unit;
};

struct quantity {
    i128 nanos;
    enum family family;
};

static struct cs_str trim(struct cs_str s)
{
    while (s.len && strchr(" \t\r\n", s.p[0]))
        s = (struct cs_str){.p = s.p + 1, .len = s.len - 1};
    while (s.len && strchr(" \t\r\n", s.p[s.len - 1]))
        s.len--;
    return s;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool parse_exponent(struct cs_str s, struct unit *ret)
{
    bool negative = s.len && s.p[0] == '-';
    int value = 0;

    if (s.len && (s.p[0] == '-' || s.p[0] == '+'))
        s = (struct cs_str){.p = s.p + 1, .len = s.len - 1};
    if (!s.len)
        return false;
    for (size_t i = 0; i < s.len; i++) {
        if (!is_digit(s.p[i]))
            return false;
        value = value > 1000 ? 1000 : value * 10 + (s.p[i] - '0'); /* beyond any number of ours either way */
    }
    *ret = (struct unit){.family = DECIMAL_EXPONENT, .exponent = negative ? -value : value};
    return true;
}

static bool parse_suffix(struct cs_str s, struct unit *ret)
{
    static const char decimal[] = "num.kMGTPE", binary[] = "KMGTPE"; /* '.' keeps the place of none, and is no suffix */
    const char *at = NULL;

    *ret = (struct unit){.family = DECIMAL_SI};
    if (s.len == 0)
        return true;
    if (s.len == 1 && s.p[0] != '.')
        at = memchr(decimal, s.p[0], sizeof(decimal) - 1);
    if (at) {
        ret->exponent = 3 * (int)(at - decimal) - 9;
        return true;
    }
    if (s.len == 2 && s.p[1] == 'i')
        at = memchr(binary, s.p[0], sizeof(binary) - 1);
    if (at) {
        *ret = (struct unit){.family = BINARY_SI, .exponent = 1 + (int)(at - binary)};
        return true;
    }
    if (s.p[0] != 'e' && s.p[0] != 'E')
        return false;
    return parse_exponent((struct cs_str){.p = s.p + 1, .len = s.len - 1}, ret);
}

/* [sign] digits [. digits] suffix. False when it is not of that form or has too many digits. */
static bool parse_parts(struct cs_str s, struct parts *p)
{
    bool seen_digit = false;
    bool seen_point = false;
    size_t i = 0;

    *p = (struct parts){.negative = s.len && s.p[0] == '-'};
    if (s.len && (s.p[0] == '-' || s.p[0] == '+'))
        i++;
    for (; i < s.len && (is_digit(s.p[i]) || (s.p[i] == '.' && !seen_point)); i++) {
        if (s.p[i] == '.') {
            seen_point = true;
            continue;
        }
        seen_digit = true;
        p->n_fraction += seen_point;
        if (p->n_digits == 0 && s.p[i] == '0')
            continue;
        if (p->n_digits == MAX_DIGITS)
            return false;
        p->digits[p->n_digits++] = (unsigned char)(s.p[i] - '0');
    }
    return seen_digit && p->n_fraction <= MAX_DIGITS &&
           parse_suffix((struct cs_str){.p = s.p + i, .len = s.len - i}, &p->unit);
}

/* digits × 1024, in place. */
static void multiply_1024(struct parts *p)
{
    unsigned carry = 0;

    for (size_t i = p->n_digits; i-- > 0;) {
        carry += p->digits[i] * 1024u;
        p->digits[i] = (unsigned char)(carry % 10);
        carry /= 10;
    }
    for (; carry; carry /= 10) {
        memmove(p->digits + 1, p->digits, p->n_digits++);
        p->digits[0] = (unsigned char)(carry % 10);
    }
}

/* The first `keep` digits as a number (zeros appended as needed), rounded up when others follow; capped. */
static i128 leading_digits(const struct parts *p, long keep)
{
    i128 v = 0;
    bool more = false;

    for (size_t i = 0; i < p->n_digits; i++) {
        if ((long)i >= keep) {
            more = more || p->digits[i];
            continue;
        }
        v = v > MAX_NANOS ? v : v * 10 + p->digits[i];
    }
    for (long i = (long)p->n_digits; v && i < keep && v <= MAX_NANOS; i++)
        v *= 10;
    v += more;
    return v > MAX_NANOS ? MAX_NANOS : v;
}

/* v, at least 0, times a power of ten; capped. */
static i128 times_ten(i128 v, int exponent)
{
    static const int powers[] = {1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000, 1000000000};
    const int most = CS_ARRAY_LEN(powers) - 1;

    for (; exponent > most && v <= MAX_NANOS; exponent -= most)
        v *= powers[most];
    if (v <= MAX_NANOS)
        v *= powers[exponent];
    return v > MAX_NANOS ? MAX_NANOS : v;
}

/*
 * Up to PLAIN_DIGITS digits and a suffix from "n" on, as nearly all are written: nothing to round, no overflow before the cap. False
 * for anything else, and parse_full decides.
 */
#define PLAIN_DIGITS 18
static bool parse_plain(struct cs_str s, struct quantity *ret)
{
    struct unit unit;
    int64_t v = 0;
    size_t n = 0;

    for (; n < s.len && is_digit(s.p[n]); n++) {
        if (n == PLAIN_DIGITS)
            return false;
        v = v * 10 + (s.p[n] - '0');
    }
    if (n == 0 || !parse_suffix((struct cs_str){.p = s.p + n, .len = s.len - n}, &unit))
        return false;
    if (unit.family == BINARY_SI)
        *ret = (struct quantity){.nanos = times_ten((i128)v << 10 * unit.exponent, 9), .family = unit.family};
    else if (unit.exponent >= -9 && unit.exponent <= 18)
        *ret = (struct quantity){.nanos = times_ten(v, 9 + unit.exponent), .family = unit.family};
    else
        return false;
    return true;
}

static bool parse_full(struct cs_str s, struct quantity *ret)
{
    struct parts p;

    if (!parse_parts(trim(s), &p))
        return false;
    long shift = 9 - p.n_fraction;
    if (p.unit.family == BINARY_SI) {
        for (int i = 0; i < p.unit.exponent; i++)
            multiply_1024(&p);
    } else {
        shift += p.unit.exponent;
    }
    i128 v = leading_digits(&p, (long)p.n_digits + shift);
    *ret = (struct quantity){.nanos = p.negative ? -v : v, .family = p.unit.family};
    return true;
}

static bool parse(struct cs_str s, struct quantity *ret)
{
    return parse_plain(s, ret) || parse_full(s, ret);
}

/* Text of v without factors of `base` beyond max_times; ret_times: how many were taken out. */
static void print_scaled(i128 v, unsigned base, int max_times, struct cs_strbuf *out, int *ret_times)
{
    char buf[48];
    size_t at = sizeof(buf);
    bool negative = v < 0;

    *ret_times = 0;
    while (*ret_times < max_times && v % base == 0) {
        v /= base;
        (*ret_times)++;
    }
    for (i128 rest = negative ? -v : v; rest; rest /= 10)
        buf[--at] = (char)('0' + (int)(rest % 10));
    if (negative)
        buf[--at] = '-';
    cs_strbuf_add(out, buf + at, sizeof(buf) - at);
}

static char *print(const struct quantity *q)
{
    static const char *const decimal[] = {"n", "u", "m", "", "k", "M", "G", "T", "P", "E"};
    static const char *const binary[] = {"", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"};
    cs_autostrbuf out = CS_STRBUF_INIT;
    i128 size = q->nanos < 0 ? -q->nanos : q->nanos;
    int times;

    if (size == 0)
        return cs_xstrdup("0");
    /* Binary suffixes only where they lose nothing: small and fractional numbers are written decimal. */
    if (q->family == BINARY_SI && size >= (i128)1024 * NANO && size % NANO == 0) {
        print_scaled(q->nanos / NANO, 1024, 6, &out, &times);
        cs_strbuf_adds(&out, binary[times]);
        return cs_strbuf_take(&out, NULL);
    }
    print_scaled(q->nanos, 1000, 9, &out, &times);
    if (q->family != DECIMAL_EXPONENT)
        cs_strbuf_adds(&out, decimal[times]);
    else if (times != 3)
        cs_strbuf_addf(&out, "e%d", times * 3 - 9);
    return cs_strbuf_take(&out, NULL);
}

char *cs_quantity_canonical(struct cs_str s)
{
    struct quantity q;

    return parse(s, &q) ? print(&q) : NULL;
}

char *cs_quantity_canonical_milli(struct cs_str s)
{
    const i128 milli = NANO / 1000;
    struct quantity q;

    if (!parse(s, &q))
        return NULL;
    i128 rest = q.nanos % milli;
    if (rest)
        q.nanos += q.nanos < 0 ? -milli - rest : milli - rest;
    return print(&q);
}

bool cs_quantity_sign(struct cs_str s, int *ret)
{
    struct quantity q;

    if (!parse(s, &q))
        return false;
    *ret = (q.nanos > 0) - (q.nanos < 0);
    return true;
}

bool cs_quantity_cmp(struct cs_str a, struct cs_str b, int *ret)
{
    struct quantity qa;
    struct quantity qb;

    if (!parse(a, &qa) || !parse(b, &qb))
        return false;
    *ret = (qa.nanos > qb.nanos) - (qa.nanos < qb.nanos);
    return true;
}

/*
 * Whether the typed serialisation leaves the text alone because it takes it for canonical: a decimal number whose last digit
 * stands at a power of 1000 and that has no factor 1000 to give away, or a whole binary one that is no multiple of 8.
 */
static bool kept_as_written(const struct parts *p)
{
    size_t n = p->n_digits;

    if (p->unit.family == BINARY_SI) {
        int spare = 14 - (int)n - 3 * p->unit.exponent; /* room that the peer's shortcut wants */
        unsigned low = n ? p->digits[n - 1] : 0;

        low += n > 1 ? p->digits[n - 2] * 10u : 0;
        low += n > 2 ? p->digits[n - 3] * 100u : 0; /* 1000 is a multiple of 8: three digits tell */
        return spare >= 0 && p->n_fraction == 0 && low % 8 != 0;
    }
    int scale = p->unit.exponent - p->n_fraction;
    bool zeros = n >= 3 && !p->digits[n - 1] && !p->digits[n - 2] && !p->digits[n - 3];
    return n > 0 && (int)n > p->n_fraction && n <= 18 && scale >= -9 && scale % 3 == 0 && !zeros;
}

static bool parse_uncapped(struct cs_str s, struct quantity *ret)
{
    return parse(s, ret) && ret->nanos != MAX_NANOS && ret->nanos != -MAX_NANOS;
}

bool cs_quantity_has_wire(struct cs_str s)
{
    struct quantity q;

    return parse_uncapped(s, &q);
}

char *cs_quantity_wire(struct cs_str s)
{
    struct quantity q;
    struct parts p;

    s = trim(s);
    if (!parse_uncapped(s, &q) || !parse_parts(s, &p))
        return NULL;
    return kept_as_written(&p) ? cs_xmemdupz(s.p, s.len) : print(&q);
}
