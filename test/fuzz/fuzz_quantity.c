/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two quantities, one a line, against the grammar as a regular expression and their values in decimal, digit by digit: what is
 * accepted, how they compare, and that every text made of one has its value.
 */
#include <regex.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/cleanup.h"
#include "common/cloneset/template.h"
#include "common/cloneset/template_impl.h"
#include "test/fuzz/fuzz.h"

#define GRAMMAR "^[ \t\r]*([+-]?)([0-9]*)(\\.([0-9]*))?([numkMGTPE]|[KMGTPE]i|[eE][+-]?[0-9]+)?[ \t\r]*$"
#define LONGEST 60 /* digits: beyond 64 the product refuses */
#define WIDTH 40 /* digits of a value in nano units; the largest has 28 */
#define CAP "0000000000009223372036854775807000000000"

struct value {
    bool valid;
    int sign; /* -1, 0, 1 */
    char nano[WIDTH + 1]; /* without sign, leading zeros */
};

static void times_1024(char *digits, size_t n)
{
    unsigned carry = 0;

    while (n-- > 0) {
        carry += (unsigned)(digits[n] - '0') * 1024U;
        digits[n] = (char)('0' + carry % 10);
        carry /= 10;
    }
}

static void plus_one(char *digits, size_t n)
{
    while (n-- > 0 && digits[n] == '9')
        digits[n] = '0';
    digits[n]++; /* there are leading zeros */
}

/* digits[0..n), a number with leading zeros, times 10^shift, rounded away from zero, capped. */
static void scale(char *digits, size_t n, long shift, struct value *v)
{
    size_t kept = shift >= 0 ? n : (size_t)-shift < n ? n - (size_t)-shift : 0, zeros = strspn(digits, "0");

    memset(v->nano, '0', WIDTH);
    v->nano[WIDTH] = '\0';
    v->sign = zeros == n ? 0 : v->sign;
    if (v->sign == 0)
        return;
    if ((long)(n - zeros) + shift > WIDTH - 2) {
        memcpy(v->nano, CAP, WIDTH);
        return;
    }
    for (size_t i = zeros; i < kept; i++)
        v->nano[WIDTH - (kept - i) - (shift > 0 ? (size_t)shift : 0)] = digits[i];
    if (strspn(digits + kept, "0") < n - kept)
        plus_one(v->nano, WIDTH);
    if (strcmp(v->nano, CAP) > 0)
        memcpy(v->nano, CAP, WIDTH);
}

/* Far beyond the cap, and below a nano unit, one is like the other. */
static long exponent(const char *text)
{
    long e = strtol(text, NULL, 10);

    return e > 1000 ? 1000 : e < -1000 ? -1000 : e;
}

static struct value value_of(const char *text)
{
    enum { ROOM = 24 }; /* digits that 1024^6 adds */
    static const char decimal[] = "num.kMGTPE", binary[] = ".KMGTPE";
    char digits[ROOM + 2 * LONGEST + 1];
    struct value v = {.sign = 1};
    regmatch_t m[6];
    regex_t re;
    size_t n = ROOM;
    long shift = 9;

    if (regcomp(&re, GRAMMAR, REG_EXTENDED) != 0)
        fuzz_fail("the grammar does not compile");
    v.valid = regexec(&re, text, 6, m, 0) == 0 && (m[2].rm_eo > m[2].rm_so || m[4].rm_eo > m[4].rm_so);
    regfree(&re);
    if (!v.valid)
        return v;
    memset(digits, '0', ROOM);
    for (int part = 2; part <= 4; part += 2)
        for (regoff_t i = m[part].rm_so; i >= 0 && i < m[part].rm_eo && n < sizeof(digits) - 1; i++)
            digits[n++] = text[i];
    digits[n] = '\0';
    shift -= m[4].rm_so >= 0 ? m[4].rm_eo - m[4].rm_so : 0;
    v.sign = m[1].rm_so >= 0 && text[m[1].rm_so] == '-' ? -1 : 1;
    if (m[5].rm_so >= 0) {
        const char *suffix = text + m[5].rm_so;
        size_t len = (size_t)(m[5].rm_eo - m[5].rm_so);

        if (len == 2 && suffix[1] == 'i')
            for (long k = strchr(binary, suffix[0]) - binary; k > 0; k--)
                times_1024(digits, n);
        else if (len == 1)
            shift += (strchr(decimal, suffix[0]) - decimal - 3) * 3;
        else
            shift += exponent(suffix + 1);
    }
    scale(digits, n, shift, &v);
    return v;
}

static int compare(const struct value *a, const struct value *b)
{
    int order = strcmp(a->nano, b->nano);

    if (a->sign != b->sign)
        return a->sign < b->sign ? -1 : 1;
    order = order < 0 ? -1 : order > 0;
    return order * a->sign;
}

static void check_text(const char *what, const char *made, const char *text, struct value wanted)
{
    struct value got = value_of(made);

    FUZZ_CHECK(got.valid && compare(&got, &wanted) == 0, "%s of \"%s\" is \"%s\": %s instead of %s nano", what, text,
        made, got.nano, wanted.nano);
}

static void check_one(const char *text, const struct value *v)
{
    cs_autofree char *canonical = cs_quantity_canonical(cs_str(text));
    cs_autofree char *milli = cs_quantity_canonical_milli(cs_str(text));
    cs_autofree char *wire = cs_quantity_wire(cs_str(text));

    FUZZ_CHECK((canonical != NULL) == v->valid, "\"%s\" is %s quantity", text, v->valid ? "a" : "no");
    FUZZ_CHECK((canonical != NULL) == (milli != NULL) && (canonical || !wire), "\"%s\" is half a quantity", text);
    if (!canonical)
        return;
    cs_autofree char *again = cs_quantity_canonical(cs_str(canonical));
    FUZZ_CHECK(cs_streq(canonical, again), "canonical %s, then %s", canonical, again ? again : "nothing");
    FUZZ_CHECK(!strchr(canonical, '.'), "a fraction in %s", canonical);
    check_text("the canonical text", canonical, text, *v);
    if (wire)
        check_text("the text on the wire", wire, text, *v);
    struct value rounded = *v;
    if (strspn(rounded.nano + WIDTH - 6, "0") < 6) {
        plus_one(rounded.nano, WIDTH - 6);
        memset(rounded.nano + WIDTH - 6, '0', 6);
    }
    check_text("the text in milli", milli, text, rounded);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char text[2][LONGEST + 1];
    struct value v[2];
    struct cs_str line;
    int order = 0;

    for (int i = 0; i < 2; i++) {
        if (!fuzz_line(&data, &size, &line) || line.len > LONGEST || memchr(line.p, '\0', line.len))
            return 0;
        memcpy(text[i], line.p, line.len);
        text[i][line.len] = '\0';
        v[i] = value_of(text[i]);
        check_one(text[i], &v[i]);
    }
    FUZZ_CHECK(cs_quantity_cmp(cs_str(text[0]), cs_str(text[1]), &order) == (v[0].valid && v[1].valid),
        "\"%s\" and \"%s\": comparable or not", text[0], text[1]);
    if (v[0].valid && v[1].valid)
        FUZZ_CHECK(order == compare(&v[0], &v[1]), "\"%s\" and \"%s\" compare as %d", text[0], text[1], order);
    return 0;
}
