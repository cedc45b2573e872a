/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Percentages of Pods in integers: a fraction of ten-powers times n in 128 bits, divided once, rounded once. With doubles
 * "33.3%" of large n, or sums of roundings, could differ between the webhook's warning and the controller's deed.
 */
#include "common/cloneset/arith.h"

#include "common/base/cleanup.h"

__extension__ typedef __int128 wide; /* the one name for a type that C has no word for */

#define MAX_PERCENT INT64_C(1000000000000)
#define MAX_FRACTION 15

struct decimal {
    int64_t num, den;
    bool seen; /* a digit, at least */
    bool fraction;
    bool huge;
};

static void take_digit(struct decimal *v, int digit)
{
    v->seen = true;
    if (v->huge)
        return;
    if (v->fraction) {
        static const int64_t max_den = INT64_C(1000000000000000);
        _Static_assert(MAX_FRACTION == 15, "max_den is ten to the power of MAX_FRACTION");
        if (v->den >= max_den || v->num > (INT64_MAX - 9) / 10)
            return;
        v->den *= 10;
    }
    v->num = v->num * 10 + digit;
    if (!v->fraction && v->num > MAX_PERCENT) {
        v->num = MAX_PERCENT;
        v->huge = true;
    }
}

/* [+-]digits[.digits], one side of the point may be empty. skip: a character to look through, or NUL. */
static bool parse_decimal(struct cs_str s, char skip, struct decimal *ret)
{
    struct decimal v = {.den = 1};
    bool negative = false, started = false;

    for (size_t i = 0; i < s.len; i++) {
        char c = s.p[i];
        if (skip && c == skip)
            continue;
        if (c >= '0' && c <= '9') {
            take_digit(&v, c - '0');
        } else if (c == '.' && !v.fraction) {
            v.fraction = true;
        } else if ((c == '+' || c == '-') && !started) {
            negative = c == '-';
        } else {
            return false;
        }
        started = true;
    }
    if (!v.seen)
        return false;
    if (negative)
        v.num = -v.num;
    *ret = v;
    return true;
}

bool cs_percent_parse(struct cs_str s, int64_t *ret_num, int64_t *ret_den)
{
    struct decimal v;

    if (!cs_str_ends(s, "%"))
        return false;
    s.len--;
    if (!parse_decimal(s, '\0', &v))
        return false;
    *ret_num = v.num;
    *ret_den = v.den;
    return true;
}

/* num/den percent of n, rounded; saturated at int32. */
static int32_t percent_of(int64_t num, int64_t den, int32_t n, enum cs_round round)
{
    wide product = (wide)num * n, divisor = (wide)den * 100;
    wide result = product / divisor, rest = product % divisor; /* towards zero */

    if (round == CS_ROUND_UP && rest > 0)
        result++;
    if (round == CS_ROUND_DOWN && rest < 0)
        result--;
    if (result > INT32_MAX)
        return INT32_MAX;
    return result < INT32_MIN ? INT32_MIN : (int32_t)result;
}

bool cs_partition(const struct cs_intstr *v, int32_t n, int32_t *ret)
{
    int64_t num, den;
    int32_t keep = 0;

    if (v->type == CS_IS_INT)
        keep = v->i;
    if (v->type == CS_IS_STRING) {
        if (!v->s || !cs_percent_parse(cs_str(v->s), &num, &den))
            return false;
        keep = percent_of(num, den, n, CS_ROUND_UP);
        /* Below 100% at least one Pod is updated, however the rounding went. */
        if (n > 1 && keep == n && strcmp(v->s, "100%") != 0)
            keep = n - 1;
    }
    if (keep > n)
        keep = n;
    *ret = keep < 0 ? 0 : keep;
    return true;
}

int32_t cs_scaled(const struct cs_intstr *v, int32_t n, enum cs_round round)
{
    struct decimal d;

    if (v->type == CS_IS_INT)
        return v->i;
    if (v->type != CS_IS_STRING || !v->s || !parse_decimal(cs_str(v->s), '%', &d))
        return 0;
    return percent_of(d.num, d.den, n, round);
}
