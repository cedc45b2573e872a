/* SPDX-License-Identifier: Apache-2.0 */
/*
 * arith: the tables of spec Appendix B, what a number is, rounding and saturation.
 */
#include "common/cloneset/arith.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/cleanup.h"

static const struct {
    const char *text;
    bool ok;
    int64_t num, den;
} percent_rows[] = {
    {"20%", true, 20, 1},
    {"0%", true, 0, 1},
    {"007%", true, 7, 1},
    {"33.3%", true, 333, 10},
    {"0.50%", true, 50, 100},
    {"-10%", true, -10, 1},
    {"-0.5%", true, -5, 10},
    /* as strconv.ParseFloat */
    {"+5%", true, 5, 1},
    {".5%", true, 5, 10},
    {"5.%", true, 5, 1},
    {"-.5%", true, -5, 10},
    /* digits beyond what counts are cut */
    {"0.1234567890123456789%", true, 123456789012345, 1000000000000000},
    {"1000000000000.1234567%", true, 1000000000000123456, 1000000},
    {"1000000000001%", true, 1000000000000, 1},
    {"99999999999999999999999999.9%", true, 1000000000000, 1},
    {"-99999999999999999999999999%", true, -1000000000000, 1},
    {"", false, 0, 0},
    {"%", false, 0, 0},
    {"5", false, 0, 0},
    {"5 %", false, 0, 0},
    {" 5%", false, 0, 0},
    {"5%%", false, 0, 0},
    {"%5", false, 0, 0},
    {"--5%", false, 0, 0},
    {"+-5%", false, 0, 0},
    {"5-%", false, 0, 0},
    {".%", false, 0, 0},
    {"-%", false, 0, 0},
    {"-.%", false, 0, 0},
    {"1.2.3%", false, 0, 0},
    {"1e2%", false, 0, 0},
    {"0x10%", false, 0, 0},
    {"1_0%", false, 0, 0},
    {"Inf%", false, 0, 0},
    {"NaN%", false, 0, 0},
    {"5,0%", false, 0, 0},
};

static void test_what_a_percentage_is(void **state)
{
    (void)state;
    for (size_t i = 0; i < CS_ARRAY_LEN(percent_rows); i++) {
        int64_t num = 7777, den = 8888;
        bool ok = cs_percent_parse(cs_str(percent_rows[i].text), &num, &den);
        int64_t want_num = percent_rows[i].ok ? percent_rows[i].num : 7777;
        int64_t want_den = percent_rows[i].ok ? percent_rows[i].den : 8888;
        if (ok != percent_rows[i].ok || num != want_num || den != want_den)
            fail_msg("\"%s\": %d, %lld/%lld", percent_rows[i].text, ok, (long long)num, (long long)den);
    }
}

static struct cs_intstr text_of(const char *s)
{
    return (struct cs_intstr){.type = CS_IS_STRING, .s = s};
}

static struct cs_intstr int_of(int32_t i)
{
    return (struct cs_intstr){.type = CS_IS_INT, .i = i};
}

/* spec B.1 */
static void test_partition_table(void **state)
{
    (void)state;
    static const int32_t sizes[] = {0, 1, 2, 3, 10};
    static const struct {
        const char *text;
        int32_t keep[5];
    } rows[] = {
        {"0%", {0, 0, 0, 0, 0}},
        {"1%", {0, 1, 1, 1, 1}},
        {"33.3%", {0, 1, 1, 1, 4}},
        {"50%", {0, 1, 1, 2, 5}},
        {"99%", {0, 1, 1, 2, 9}},
        {"100%", {0, 1, 2, 3, 10}},
        {"150%", {0, 1, 2, 3, 10}},
        {"-10%", {0, 0, 0, 0, 0}},
        /* only the text "100%" keeps all when the number comes out at n */
        {"100.0%", {0, 1, 1, 2, 9}},
        {"0.0000001%", {0, 1, 1, 1, 1}},
    };

    for (size_t i = 0; i < CS_ARRAY_LEN(rows); i++) {
        for (size_t k = 0; k < CS_ARRAY_LEN(sizes); k++) {
            struct cs_intstr v = text_of(rows[i].text);
            int32_t got = -1;
            assert_true(cs_partition(&v, sizes[k], &got));
            if (got != rows[i].keep[k])
                fail_msg("%s of %d: %d, not %d", rows[i].text, sizes[k], got, rows[i].keep[k]);
        }
    }
}

static void test_partition_otherwise(void **state)
{
    (void)state;
    static const struct {
        struct cs_intstr v;
        int32_t n, keep;
    } rows[] = {
        {{.type = CS_IS_ABSENT}, 5, 0},
        {{.type = CS_IS_INT, .i = 3}, 5, 3},
        {{.type = CS_IS_INT, .i = 5}, 5, 5},
        {{.type = CS_IS_INT, .i = INT32_MAX}, 5, 5},
        {{.type = CS_IS_INT, .i = -1}, 5, 0},
        {{.type = CS_IS_INT, .i = INT32_MIN}, 5, 0},
        {{.type = CS_IS_INT, .i = 3}, -2, 0},
        {{.type = CS_IS_STRING, .s = "50%"}, -2, 0},
        {{.type = CS_IS_STRING, .s = "99999999999999999999%"}, 5, 5},
        {{.type = CS_IS_STRING, .s = "99.999999999999%"}, INT32_MAX, INT32_MAX - 1},
    };

    for (size_t i = 0; i < CS_ARRAY_LEN(rows); i++) {
        int32_t got = -1;
        assert_true(cs_partition(&rows[i].v, rows[i].n, &got));
        assert_int_equal(got, rows[i].keep);
    }
    static const char *const unparsable[] = {"5", "", "x%", "%"};
    for (size_t i = 0; i < CS_ARRAY_LEN(unparsable); i++) {
        struct cs_intstr v = text_of(unparsable[i]);
        int32_t got = 42;
        assert_false(cs_partition(&v, 5, &got));
        assert_int_equal(got, 42);
    }
}

/* spec B.2 */
static const struct {
    const char *text;
    int32_t n, up, down;
} scaled_rows[] = {
    {"20%", 10, 2, 2},
    {"20%", 3, 1, 0},
    {"150%", 10, 15, 15},
    {"0%", 10, 0, 0},
    {"100%", 7, 7, 7},
    /* quirk 4 fixed */
    {"33.3%", 10, 4, 3},
    {"33.3%", 1000, 333, 333},
    /* exact where doubles are not: 0.1 % of 1000, 5.6 % of 2500 */
    {"0.1%", 1000, 1, 1},
    {"5.6%", 2500, 140, 140},
    {"14.000000000000001%", 100, 15, 14},
    {"-10%", 10, -1, -1},
    {"-15%", 10, -1, -2},
    /* quirk 5: without a sign, or with too many, it is a percentage all the same */
    {"5", 100, 5, 5},
    {"5%%", 100, 5, 5},
    {"%5", 100, 5, 5},
    {"abc", 10, 0, 0},
    {"", 10, 0, 0},
    {"%", 10, 0, 0},
    {"5 %", 10, 0, 0},
    {"50%", 0, 0, 0},
    {"50%", -3, -1, -2},
    {"200%", INT32_MAX, INT32_MAX, INT32_MAX},
    {"-200%", INT32_MAX, INT32_MIN, INT32_MIN},
    {"99999999999999999999999999%", 1, INT32_MAX, INT32_MAX},
    {"99999999999999999999999999%", 0, 0, 0},
    {"100%", INT32_MAX, INT32_MAX, INT32_MAX},
    {"99.999999999999%", INT32_MAX, INT32_MAX, INT32_MAX - 1},
};

static void test_scaled_values(void **state)
{
    (void)state;
    for (size_t i = 0; i < CS_ARRAY_LEN(scaled_rows); i++) {
        struct cs_intstr v = text_of(scaled_rows[i].text);
        int32_t up = cs_scaled(&v, scaled_rows[i].n, CS_ROUND_UP),
                down = cs_scaled(&v, scaled_rows[i].n, CS_ROUND_DOWN);
        if (up != scaled_rows[i].up || down != scaled_rows[i].down)
            fail_msg("\"%s\" of %d: up %d, down %d", scaled_rows[i].text, scaled_rows[i].n, up, down);
    }
}

static void test_integers_are_taken_as_they_are(void **state)
{
    (void)state;
    static const int32_t values[] = {0, 1, -1, 7, INT32_MAX, INT32_MIN};
    const struct cs_intstr absent = {0};

    for (size_t i = 0; i < CS_ARRAY_LEN(values); i++) {
        struct cs_intstr v = int_of(values[i]);
        assert_int_equal(cs_scaled(&v, 3, CS_ROUND_UP), values[i]);
        assert_int_equal(cs_scaled(&v, 3, CS_ROUND_DOWN), values[i]);
    }
    assert_int_equal(cs_scaled(&absent, 10, CS_ROUND_UP), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_a_percentage_is),
        cmocka_unit_test(test_partition_table),
        cmocka_unit_test(test_partition_otherwise),
        cmocka_unit_test(test_scaled_values),
        cmocka_unit_test(test_integers_are_taken_as_they_are),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
