/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A percentage, behind two bytes that say of how many Pods (up to 65,535): accepted as a regular expression has it, counted as exact
 * fractions have it, and bounded.
 */
#include <regex.h>
#include <stdlib.h>

#include "common/base/cleanup.h"
#include "common/cloneset/arith.h"
#include "test/fuzz/fuzz.h"

#define GRAMMAR "^[+-]?([0-9]+\\.?[0-9]*|\\.[0-9]+)%$"
#define LONGEST 60
#define SHORT_INTEGER 7 /* digits that the oracle counts with */
#define SHORT_FRACTION 6

static bool is_percentage(const char *text)
{
    regex_t re;
    bool yes;

    if (regcomp(&re, GRAMMAR, REG_EXTENDED | REG_NOSUB) != 0)
        fuzz_fail("the grammar does not compile");
    yes = regexec(&re, text, 0, NULL, 0) == 0;
    regfree(&re);
    return yes;
}

/* The percentage in millionths of a percent; false when it has too many digits for this oracle. */
static bool millionths(const char *text, int64_t *ret)
{
    const char *p = text + (*text == '-' || *text == '+');
    size_t whole = strspn(p, "0123456789"), fraction = p[whole] == '.' ? strspn(p + whole + 1, "0123456789") : 0;
    int64_t v = 0;

    if (whole > SHORT_INTEGER || fraction > SHORT_FRACTION)
        return false;
    for (size_t i = 0; i < whole; i++)
        v = v * 10 + (p[i] - '0');
    for (size_t i = 0; i < SHORT_FRACTION; i++)
        v = v * 10 + (i < fraction ? p[whole + 1 + i] - '0' : 0);
    *ret = *text == '-' ? -v : v;
    return true;
}

static int64_t divide(int64_t v, int64_t by, bool up)
{
    int64_t floor = v / by - (v % by < 0);

    return floor + (up && v % by != 0);
}

static int64_t clamp(int64_t v, int64_t low, int64_t high)
{
    return v < low ? low : v > high ? high : v;
}

static void check(const char *text, int32_t n)
{
    const struct cs_intstr v = {.type = CS_IS_STRING, .s = text};
    int32_t keep = -1, up = cs_scaled(&v, n, CS_ROUND_UP), down = cs_scaled(&v, n, CS_ROUND_DOWN);
    bool valid = is_percentage(text);
    int64_t num, den, m, wanted;

    FUZZ_CHECK(
        cs_percent_parse(cs_str(text), &num, &den) == valid, "\"%s\" is %s percentage", text, valid ? "a" : "no");
    FUZZ_CHECK(cs_partition(&v, n, &keep) == valid, "\"%s\" is %s partition", text, valid ? "a" : "no");
    FUZZ_CHECK(up == down || up == down + 1, "\"%s\" of %d is %d to %d", text, n, down, up);
    if (!valid)
        return;
    FUZZ_CHECK(den > 0 && keep >= 0 && keep <= n, "\"%s\" keeps %d of %d", text, keep, n);
    if (!millionths(text, &m))
        return;
    FUZZ_CHECK(
        up == clamp(divide(m * n, 100000000, true), INT32_MIN, INT32_MAX), "\"%s\" of %d rounds up to %d", text, n, up);
    FUZZ_CHECK(down == clamp(divide(m * n, 100000000, false), INT32_MIN, INT32_MAX), "\"%s\" of %d rounds down to %d",
        text, n, down);
    wanted = divide(m * n, 100000000, true); /* spec B.1: the exception first, then the clamp */
    if (wanted == n && n > 1 && strcmp(text, "100%") != 0)
        wanted = n - 1;
    wanted = clamp(wanted, 0, n);
    FUZZ_CHECK(keep == wanted, "\"%s\" keeps %d of %d, not %d", text, keep, n, (int)wanted);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char text[LONGEST + 1];

    if (size < 2 || size - 2 > LONGEST || memchr(data + 2, '\0', size - 2))
        return 0;
    memcpy(text, data + 2, size - 2);
    text[size - 2] = '\0';
    check(text, data[0] << 8 | data[1]);
    return 0;
}
