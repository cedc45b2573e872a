/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Quantities: canonical text, comparison, what is no quantity, and the text that the peer's typed serialisation writes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/base/alloc.h"
#include "common/base/cleanup.h"
#include "common/cloneset/template.h"
#include "common/cloneset/template_impl.h"

/* Answers of the API's own implementation (apimachinery 0.32), but for what is beyond its promises. */
static const struct {
    const char *text, *canonical, *milli, *wire; /* NULL: not a quantity */
} quantities[] = {
    {"0.5", "500m", "500m", "500m"},
    {"1024Mi", "1Gi", "1Gi", "1Gi"},
    {"1.5Gi", "1536Mi", "1536Mi", "1536Mi"},
    {"0.5Gi", "512Mi", "512Mi", "512Mi"},
    {"1e3", "1e3", "1e3", "1e3"},
    {"12e6", "12e6", "12e6", "12e6"},
    {"1e4", "10e3", "10e3", "10e3"},
    {"1500000e0", "1500e3", "1500e3", "1500e3"},
    {"3e-4", "300e-6", "1e-3", "300e-6"},
    {"1E3", "1e3", "1e3", "1E3"},
    {"1e00003", "1e3", "1e3", "1e00003"},
    {"1E", "1E", "1E", "1E"},
    {"1000m", "1", "1", "1"},
    {"0.1", "100m", "100m", "100m"},
    {"67108864", "67108864", "67108864", "67108864"}, /* no factor 1000 to give away */
    {"1000000", "1M", "1M", "1M"},
    {"1500", "1500", "1500", "1500"},
    {"1000k", "1M", "1M", "1M"},
    {"128Mi", "128Mi", "128Mi", "128Mi"},
    {"1023Ki", "1023Ki", "1023Ki", "1023Ki"},
    {"1024Ki", "1Mi", "1Mi", "1Mi"},
    {"0.5Ki", "512", "512", "512"},
    {"0.5Ei", "512Pi", "512Pi", "512Pi"},
    {"1.0001Ki", "1024102400u", "1024103m", "1024102400u"},
    {"1025.5Ki", "1050112", "1050112", "1050112"},
    {"0", "0", "0", "0"},
    {"0Ki", "0", "0", "0"},
    {"0.000", "0", "0", "0"},
    {"000", "0", "0", "0"},
    {"00012", "12", "12", "00012"},
    {"+5", "5", "5", "+5"},
    {"5.", "5", "5", "5."},
    {".5", "500m", "500m", "500m"},
    {"-5", "-5", "-5", "-5"},
    {"-1.5Gi", "-1536Mi", "-1536Mi", "-1536Mi"},
    {"1.500", "1500m", "1500m", "1.500"},
    {"2.125", "2125m", "2125m", "2.125"},
    {"1.5", "1500m", "1500m", "1500m"},
    {"1.000", "1", "1", "1"},
    {"0.125", "125m", "125m", "125m"},
    {"0.9765625Ki", "1k", "1k", "1k"},
    {"+1234567Ti", "1234567Ti", "1234567Ti", "1234567Ti"},
    {"+1234567890123456789n", "1234567890123456789n", "1234567890124m", "1234567890123456789n"},
    {" 1 ", "1", "1", "1"},
    /* finer than nano rounds up, away from zero; resource lists round up to milli */
    {"0.00001", "10u", "1m", "10u"},
    {"1n", "1n", "1m", "1n"},
    {"0.1n", "1n", "1m", "1n"},
    {"-0.1n", "-1n", "-1m", "-1n"},
    {"1001u", "1001u", "2m", "1001u"},
    {"-1001u", "-1001u", "-2m", "-1001u"},
    {"5e-9999", "1e-9", "1e-3", "1e-9"},
    /* larger than 2^63-1 is capped; such bytes are not promised */
    {"7Ei", "7Ei", "7Ei", "7Ei"},
    {"8Ei", "9223372036854775807", "9223372036854775807", NULL},
    {"1e400", "9223372036854775807", "9223372036854775807", NULL},
    {"-8Ei", "-9223372036854775807", "-9223372036854775807", NULL},
    {"9999999999999999999999999Ki", "9223372036854775807", "9223372036854775807", NULL},
    /* nonsense */
    {"", NULL, NULL, NULL},
    {" ", NULL, NULL, NULL},
    {".", NULL, NULL, NULL},
    {"+", NULL, NULL, NULL},
    {"-", NULL, NULL, NULL},
    {"Mi", NULL, NULL, NULL},
    {"1mi", NULL, NULL, NULL},
    {"1ki", NULL, NULL, NULL},
    {"1K", NULL, NULL, NULL},
    {"1kk", NULL, NULL, NULL},
    {"1 Gi", NULL, NULL, NULL},
    {"1.2.3", NULL, NULL, NULL},
    {"--1", NULL, NULL, NULL},
    {"1e", NULL, NULL, NULL},
    {"1e+", NULL, NULL, NULL},
    {"1e1e1", NULL, NULL, NULL},
    {"1e3.5", NULL, NULL, NULL},
    {"1_0", NULL, NULL, NULL},
    {"0x10", NULL, NULL, NULL},
    {"NaN", NULL, NULL, NULL},
    {"inf", NULL, NULL, NULL},
    {"\xc2\xb5", NULL, NULL, NULL},
};

static void check_text(const char *text, const char *what, char *(*make)(struct cs_str), const char *want)
{
    cs_autofree char *got = make(cs_str(text));

    if (!cs_streq(got, want))
        fail_msg("\"%s\": %s is %s, not %s", text, what, got ? got : "nothing", want ? want : "nothing");
}

static void quantities_have_one_canonical_text(void **state)
{
    (void)state;
    for (size_t i = 0; i < CS_ARRAY_LEN(quantities); i++)
        check_text(quantities[i].text, "the canonical text", cs_quantity_canonical, quantities[i].canonical);
}

static void resource_lists_round_up_to_milli(void **state)
{
    (void)state;
    for (size_t i = 0; i < CS_ARRAY_LEN(quantities); i++)
        check_text(quantities[i].text, "the text in milli", cs_quantity_canonical_milli, quantities[i].milli);
}

static void typed_serialisation_keeps_what_looks_canonical(void **state)
{
    (void)state;
    for (size_t i = 0; i < CS_ARRAY_LEN(quantities); i++)
        check_text(quantities[i].text, "the text on the wire", cs_quantity_wire, quantities[i].wire);
}

static void canonical_text_is_a_fixed_point_of_equal_value(void **state)
{
    (void)state;
    for (size_t i = 0; i < CS_ARRAY_LEN(quantities); i++) {
        int order = 1;

        if (!quantities[i].canonical)
            continue;
        check_text(quantities[i].canonical, "canonical again", cs_quantity_canonical, quantities[i].canonical);
        assert_true(cs_quantity_cmp(cs_str(quantities[i].text), cs_str(quantities[i].canonical), &order));
        assert_int_equal(order, 0);
    }
}

/* Few digits and a suffix are read in one go; with a sign, or more zeros than that takes, the same text is taken apart. */
static void check_both_ways(const char *digits, const char *suffix)
{
    cs_autofree char *plain = cs_xasprintf("%s%s", digits, suffix);
    cs_autofree char *with_sign = cs_xasprintf("+%s%s", digits, suffix);
    cs_autofree char *with_zeros = cs_xasprintf("%020d%s%s", 0, digits, suffix);
    cs_autofree char *want = cs_quantity_canonical(cs_str(with_sign));
    cs_autofree char *negative = want && !cs_streq(want, "0") ? cs_xasprintf("-%s", want) : cs_xstrdup("0");
    cs_autofree char *with_minus = cs_xasprintf("-%s%s", digits, suffix);
    int order = 1;

    check_text(plain, "the canonical text", cs_quantity_canonical, want);
    check_text(with_zeros, "the canonical text", cs_quantity_canonical, want);
    check_text(with_minus, "the canonical text", cs_quantity_canonical, want ? negative : NULL);
    assert_int_equal(cs_quantity_cmp(cs_str(plain), cs_str(with_sign), &order), want != NULL);
    assert_int_equal(order, want ? 0 : 1);
    assert_int_equal(cs_quantity_has_wire(cs_str(plain)), cs_quantity_has_wire(cs_str(with_sign)));
}

static void the_short_way_and_the_long_one_agree(void **state)
{
    (void)state;
    static const char *const digits[] = {"0", "00", "1", "7", "8", "9", "10", "15", "16", "999", "1000", "1001", "1023",
        "1024", "8191", "8192", "8589934592", "9007199254740993", "9223372036", "9223372037", "99999999999999999",
        "100000000000000000", "999999999999999999", "000000000000000009", "1000000000000000000", "9223372036854775807",
        "9223372036854775808", "18446744073709551616", "00000000000000000000000007"};
    static const char *const suffixes[] = {"", "n", "u", "m", "k", "M", "G", "T", "P", "E", "Ki", "Mi", "Gi", "Ti",
        "Pi", "Ei", "e", "E0", "e0", "e1", "e+3", "e-9", "e-10", "e17", "e18", "e19", "e99999", "K", "ki", "mi", "i",
        "Kii", "..", " ", "\t", "-", "+1", "e 1"};

    for (size_t i = 0; i < CS_ARRAY_LEN(digits); i++) {
        for (size_t j = 0; j < CS_ARRAY_LEN(suffixes); j++)
            check_both_ways(digits[i], suffixes[j]);
    }
}

static void long_digit_strings_are_exact_or_refused(void **state)
{
    (void)state;
    char zeros[300];

    memset(zeros, '0', sizeof(zeros));
    zeros[sizeof(zeros) - 2] = '7';
    zeros[sizeof(zeros) - 1] = '\0';
    check_text(zeros, "with leading zeros, it", cs_quantity_canonical, "7");
    check_text("1.000000000000000000000000000000000000000000000001", "it", cs_quantity_canonical, "1000000001n");
    check_text("0.0000000000000000000000000000000000000001Gi", "it", cs_quantity_canonical, "1n");
    memset(zeros, '9', sizeof(zeros) - 1);
    check_text(zeros, "with 299 digits, it", cs_quantity_canonical, NULL);
}

static void quantities_compare_by_value(void **state)
{
    (void)state;
    static const struct {
        const char *a, *b;
        int order;
    } rows[] = {
        {"1Gi", "1073741824", 0},
        {"1G", "1Gi", -1},
        {"500m", "0.5", 0},
        {"1", "1000m", 0},
        {"1001m", "1", 1},
        {"-1", "1", -1},
        {"0", "-0", 0},
        {"1e3", "1k", 0},
        {"0.1n", "1n", 0}, /* both are 1n */
        {"9Ei", "8Ei", 0}, /* both are the cap */
        {"10", "9", 1},
    };
    int order = 7;

    for (size_t i = 0; i < CS_ARRAY_LEN(rows); i++) {
        assert_true(cs_quantity_cmp(cs_str(rows[i].a), cs_str(rows[i].b), &order));
        assert_int_equal(order, rows[i].order);
        assert_true(cs_quantity_cmp(cs_str(rows[i].b), cs_str(rows[i].a), &order));
        assert_int_equal(order, -rows[i].order);
    }
    order = 7;
    assert_false(cs_quantity_cmp(CS_STR("1"), CS_STR("one"), &order));
    assert_false(cs_quantity_cmp(CS_STR("one"), CS_STR("1"), &order));
    assert_false(cs_quantity_cmp((struct cs_str){0}, CS_STR("1"), &order));
    assert_int_equal(order, 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quantities_have_one_canonical_text),
        cmocka_unit_test(resource_lists_round_up_to_milli),
        cmocka_unit_test(typed_serialisation_keeps_what_looks_canonical),
        cmocka_unit_test(canonical_text_is_a_fixed_point_of_equal_value),
        cmocka_unit_test(the_short_way_and_the_long_one_agree),
        cmocka_unit_test(long_digit_strings_are_exact_or_refused),
        cmocka_unit_test(quantities_compare_by_value),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
