/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Byte ranges, checked numbers, name forms, UTF-8 and edit distance.
 */
#include "common/base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/cleanup.h"

static void test_equality_and_order(void **state)
{
    (void)state;
    struct cs_str none = {NULL, 0};

    assert_true(cs_str_eq(none, CS_STR("")));
    assert_true(cs_str_eqz(CS_STR("abc"), "abc"));
    assert_false(cs_str_eqz(CS_STR("abc"), "abd"));
    assert_true(cs_streq(NULL, NULL));
    assert_false(cs_streq(NULL, ""));
    assert_int_equal(cs_str_cmp(CS_STR("a"), CS_STR("a")), 0);
    assert_int_equal(cs_str_cmp(none, CS_STR("")), 0);
    assert_true(cs_str_cmp(CS_STR("a"), CS_STR("ab")) < 0);
    assert_true(cs_str_cmp(CS_STR("b"), CS_STR("ab")) > 0);
    assert_true(cs_str_cmp(CS_STR("\xff"), CS_STR("a")) > 0); /* bytes are unsigned */
    assert_true(cs_str_cmp(none, CS_STR("a")) < 0);
}

static void test_starts_and_ends(void **state)
{
    (void)state;
    struct cs_str none = {NULL, 0};

    assert_true(cs_str_starts(CS_STR("kube-system"), "kube-"));
    assert_false(cs_str_starts(CS_STR("kube"), "kube-"));
    assert_true(cs_str_starts(none, ""));
    assert_false(cs_str_starts(none, "a"));
    assert_true(cs_str_ends(CS_STR("50%"), "%"));
    assert_false(cs_str_ends(CS_STR("%5"), "%"));
    assert_false(cs_str_ends(CS_STR(""), "%"));
    assert_true(cs_str_ends(none, ""));
}

static void test_numbers(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool i64, i32, u64;
        int64_t value;
    } rows[] = {
        {"0", true, true, true, 0},
        {"-0", true, true, false, 0},
        {"7", true, true, true, 7},
        {"-7", true, true, false, -7},
        {"007", true, true, true, 7},
        {"2147483647", true, true, true, 2147483647},
        {"2147483648", true, false, true, 2147483648},
        {"-2147483648", true, true, false, -2147483648LL},
        {"-2147483649", true, false, false, -2147483649LL},
        {"9223372036854775807", true, false, true, INT64_MAX},
        {"9223372036854775808", false, false, true, INT64_MIN},
        {"-9223372036854775808", true, false, false, INT64_MIN},
        {"-9223372036854775809", false, false, false, 0},
        {"18446744073709551615", false, false, true, -1},
        {"18446744073709551616", false, false, false, 0},
        {"99999999999999999999", false, false, false, 0},
        {"", false, false, false, 0},
        {"-", false, false, false, 0},
        {"+1", false, false, false, 0},
        {" 1", false, false, false, 0},
        {"1 ", false, false, false, 0},
        {"--1", false, false, false, 0},
        {"1.0", false, false, false, 0},
        {"1e3", false, false, false, 0},
        {"0x10", false, false, false, 0},
    };

    for (size_t i = 0; i < CS_ARRAY_LEN(rows); i++) {
        int64_t i64 = 111;
        int32_t i32 = 111;
        uint64_t u64 = 111;
        struct cs_str s = cs_str(rows[i].text);
        bool ok64 = cs_parse_i64(s, &i64);
        bool ok32 = cs_parse_i32(s, &i32);
        bool oku = cs_parse_u64(s, &u64);

        if (ok64 != rows[i].i64 || ok32 != rows[i].i32 || oku != rows[i].u64)
            fail_msg("\"%s\": accepted as i64 %d, i32 %d, u64 %d", rows[i].text, ok64, ok32, oku);
        /* results are written on success only */
        assert_int_equal(i64, ok64 ? rows[i].value : 111);
        assert_int_equal(i32, ok32 ? rows[i].value : 111);
        assert_int_equal(u64, oku ? (uint64_t)rows[i].value : 111);
    }
}

enum form { LABEL = 1, SUBDOMAIN = 2, QUALIFIED = 4, VALUE = 8, ENV = 16, PORT = 32 };

static unsigned forms_of(struct cs_str s)
{
    return (cs_is_dns1123_label(s) ? LABEL : 0) | (cs_is_dns1123_subdomain(s) ? SUBDOMAIN : 0) |
           (cs_is_qualified_name(s) ? QUALIFIED : 0) | (cs_is_label_value(s) ? VALUE : 0) |
           (cs_is_env_var_name(s) ? ENV : 0) | (cs_is_port_name(s) ? PORT : 0);
}

static void test_names(void **state)
{
    (void)state;
    const unsigned all = LABEL | SUBDOMAIN | QUALIFIED | VALUE | ENV | PORT;
    const struct {
        const char *text;
        unsigned forms;
    } rows[] = {
        {NULL, VALUE},
        {"", VALUE},
        {"a", all},
        {"1", all & ~(unsigned)PORT}, /* a port name needs a letter */
        {"a1", all},
        {"http-alt", all},
        {"http--alt", all & ~(unsigned)PORT},
        {"sixteen-letters-", ENV},
        {"abcdefghijklmno", all},
        {"abcdefghijklmnop", all & ~(unsigned)PORT},
        {"-a", ENV},
        {"a-", ENV},
        {"a.b", SUBDOMAIN | QUALIFIED | VALUE | ENV},
        {"a..b", QUALIFIED | VALUE | ENV},
        {".a", ENV},
        {"a.", ENV},
        {"a.-b", QUALIFIED | VALUE | ENV},
        {"A", QUALIFIED | VALUE | ENV},
        {"a_b", QUALIFIED | VALUE | ENV},
        {"_", ENV},
        {"MY_VAR", QUALIFIED | VALUE | ENV},
        {"with blank", ENV},
        {"a=b", 0},
        {"\xc3\xa4", 0},
        {"tab\t", 0},
        {"apps.kruise.io/name", QUALIFIED | ENV},
        {"Apps.kruise.io/name", ENV},
        {"a/b/c", ENV},
        {"/name", ENV},
        {"prefix/", ENV},
        {"a.b/Name_1.x", QUALIFIED | ENV},
    };

    for (size_t i = 0; i < CS_ARRAY_LEN(rows); i++) {
        unsigned forms = forms_of(cs_str(rows[i].text));

        if (forms != rows[i].forms)
            fail_msg("\"%s\": forms %#x, expected %#x", rows[i].text, forms, rows[i].forms);
    }
}

static void test_lengths_of_names(void **state)
{
    (void)state;
    char text[320];

    memset(text, 'a', sizeof(text));
    assert_true(cs_is_dns1123_label((struct cs_str){text, 63}));
    assert_false(cs_is_dns1123_label((struct cs_str){text, 64}));
    assert_true(cs_is_dns1123_subdomain((struct cs_str){text, 253}));
    assert_false(cs_is_dns1123_subdomain((struct cs_str){text, 254}));
    assert_true(cs_is_label_value((struct cs_str){text, 63}));
    assert_false(cs_is_label_value((struct cs_str){text, 64}));
    assert_true(cs_is_qualified_name((struct cs_str){text, 63}));
    assert_false(cs_is_qualified_name((struct cs_str){text, 64}));
    text[253] = '/';
    assert_true(cs_is_qualified_name((struct cs_str){text, 254 + 63}));
    assert_false(cs_is_qualified_name((struct cs_str){text, 254 + 64}));
}

static void test_utf8(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool valid;
        const char *what;
    } rows[] = {
        {"", true, "empty"},
        {"plain", true, "ASCII"},
        {"\xc3\xa9", true, "two bytes"},
        {"\xe2\x82\xac", true, "three bytes"},
        {"\xf0\x9f\x98\x80", true, "four bytes"},
        {"\xf4\x8f\xbf\xbf", true, "U+10FFFF"},
        {"\xee\x80\x80", true, "U+E000, the first behind the surrogates"},
        {"\xed\x9f\xbf", true, "U+D7FF, the last before the surrogates"},
        {"\x80", false, "lone continuation"},
        {"\xc0\x80", false, "overlong NUL"},
        {"\xc1\xbf", false, "overlong two bytes"},
        {"\xe0\x9f\xbf", false, "overlong three bytes"},
        {"\xf0\x8f\xbf\xbf", false, "overlong four bytes"},
        {"\xed\xa0\x80", false, "high surrogate"},
        {"\xed\xbf\xbf", false, "low surrogate"},
        {"\xf4\x90\x80\x80", false, "above U+10FFFF"},
        {"\xf5\x80\x80\x80", false, "F5"},
        {"\xff", false, "FF"},
        {"\xc3", false, "cut after one of two"},
        {"\xe2\x82", false, "cut after two of three"},
        {"\xf0\x9f\x98", false, "cut after three of four"},
        {"\xc3(", false, "second byte is ASCII"},
        {"\xe2\x82(", false, "third byte is ASCII"},
        {"\xf0\x9f\x98(", false, "fourth byte is ASCII"},
        {"ok\xfe", false, "bad behind good"},
    };

    for (size_t i = 0; i < CS_ARRAY_LEN(rows); i++) {
        if (cs_is_utf8(cs_str(rows[i].text)) != rows[i].valid)
            fail_msg("%s: expected valid %d", rows[i].what, rows[i].valid);
    }
    assert_true(cs_is_utf8((struct cs_str){NULL, 0}));
}

static void test_distance(void **state)
{
    (void)state;
    static const struct {
        const char *a, *b;
        unsigned limit, distance;
    } rows[] = {
        {"", "", 3, 0},
        {"a", "", 3, 1},
        {"image", "image", 3, 0},
        {"imgae", "image", 3, 1}, /* a swap is one slip */
        {"imag", "image", 3, 1},
        {"imagee", "image", 3, 1},
        {"umage", "image", 3, 1},
        {"kitten", "sitting", 3, 3},
        {"kitten", "sitting", 2, 3},
        {"abcdef", "uvwxyz", 2, 3},
        {"data-vol", "rbd", 2, 3},
        {"volumeMonuts", "volumeMounts", 2, 1},
    };

    for (size_t i = 0; i < CS_ARRAY_LEN(rows); i++) {
        struct cs_str a = cs_str(rows[i].a);
        struct cs_str b = cs_str(rows[i].b);

        if (cs_str_distance(a, b, rows[i].limit) != rows[i].distance ||
            cs_str_distance(b, a, rows[i].limit) != rows[i].distance)
            fail_msg("\"%s\" and \"%s\": %u", rows[i].a, rows[i].b, cs_str_distance(a, b, rows[i].limit));
    }
}

static void test_distance_of_long_names_is_not_computed(void **state)
{
    (void)state;
    char text[65];

    memset(text, 'a', sizeof(text));
    assert_int_equal(cs_str_distance((struct cs_str){text, 64}, (struct cs_str){text, 64}, 2), 0);
    assert_int_equal(cs_str_distance((struct cs_str){text, 65}, (struct cs_str){text, 65}, 2), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_equality_and_order),
        cmocka_unit_test(test_starts_and_ends),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_lengths_of_names),
        cmocka_unit_test(test_utf8),
        cmocka_unit_test(test_distance),
        cmocka_unit_test(test_distance_of_long_names_is_not_computed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
