/* SPDX-License-Identifier: Apache-2.0 */
/*
 * strbuf: growth, the ceiling, and that failing is sticky.
 */
#include "common/base/strbuf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void test_appends_of_every_kind(void **state)
{
    (void)state;
    cs_autostrbuf sb = CS_STRBUF_INIT;

    assert_string_equal(cs_strbuf_str(&sb), "");
    cs_strbuf_adds(&sb, "a");
    cs_strbuf_addc(&sb, 'b');
    cs_strbuf_add(&sb, "cd-ignored", 2);
    cs_strbuf_addf(&sb, "[%s %d]", "x", 7);
    cs_strbuf_addi(&sb, -42);
    cs_strbuf_addc(&sb, ' ');
    cs_strbuf_addu(&sb, 0);
    assert_string_equal(cs_strbuf_str(&sb), "abcd[x 7]-42 0");
    assert_int_equal(sb.len, strlen(cs_strbuf_str(&sb)));
}

static void test_integers_at_their_limits(void **state)
{
    (void)state;
    cs_autostrbuf sb = CS_STRBUF_INIT;

    cs_strbuf_addi(&sb, INT64_MIN);
    cs_strbuf_addc(&sb, ' ');
    cs_strbuf_addi(&sb, INT64_MAX);
    cs_strbuf_addc(&sb, ' ');
    cs_strbuf_addu(&sb, UINT64_MAX);
    assert_string_equal(cs_strbuf_str(&sb), "-9223372036854775808 9223372036854775807 18446744073709551615");
}

static void test_growth_keeps_every_byte(void **state)
{
    (void)state;
    cs_autostrbuf sb = CS_STRBUF_INIT;

    for (int i = 0; i < 10000; i++)
        cs_strbuf_addc(&sb, (char)('a' + i % 26));
    assert_int_equal(sb.len, 10000);
    for (int i = 0; i < 10000; i++)
        assert_int_equal(sb.data[i], 'a' + i % 26);
    assert_int_equal(sb.data[10000], '\0');
}

static void test_printf_longer_than_the_spare_room(void **state)
{
    (void)state;
    cs_autostrbuf sb = CS_STRBUF_INIT;
    char long_text[1001];

    memset(long_text, 'y', 1000);
    long_text[1000] = '\0';
    cs_strbuf_adds(&sb, "x");
    cs_strbuf_addf(&sb, "%s|", long_text);
    assert_int_equal(sb.len, 1002);
    assert_int_equal(sb.data[1001], '|');
}

static void test_printf_of_every_length_around_the_spare_room(void **state)
{
    (void)state;
    for (int n = 0; n < 200; n++) {
        cs_autostrbuf sb = CS_STRBUF_INIT;

        cs_strbuf_addf(&sb, "%*d", n, 7);
        assert_int_equal(sb.len, n ? n : 1);
        assert_int_equal(sb.data[sb.len - 1], '7');
        assert_int_equal(sb.data[sb.len], '\0');
    }
}

static void test_exactly_the_ceiling_fits(void **state)
{
    (void)state;
    cs_autostrbuf sb = {.max = 5};

    cs_strbuf_adds(&sb, "12345");
    assert_false(sb.failed);
    assert_string_equal(cs_strbuf_str(&sb), "12345");
    assert_int_equal(sb.cap, 6);
}

static void test_one_byte_more_fails_for_good(void **state)
{
    (void)state;
    cs_autostrbuf sb = {.max = 5};

    cs_strbuf_adds(&sb, "12345");
    cs_strbuf_addc(&sb, '6');
    assert_true(sb.failed);
    assert_null(sb.data);
    assert_int_equal(sb.len, 0);
    cs_strbuf_adds(&sb, "x"); /* ignored, although it would fit */
    cs_strbuf_addf(&sb, "%d", 1);
    assert_true(sb.failed);
    assert_string_equal(cs_strbuf_str(&sb), "");
    assert_null(cs_strbuf_take(&sb, NULL));
}

static void test_printf_above_the_ceiling_fails(void **state)
{
    (void)state;
    cs_autostrbuf sb = {.max = 5};

    cs_strbuf_addf(&sb, "%s", "123456");
    assert_true(sb.failed);
}

static void test_a_ceiling_of_zero_takes_nothing(void **state)
{
    (void)state;
    cs_autostrbuf sb = {.max = 0};

    cs_strbuf_adds(&sb, "");
    assert_false(sb.failed);
    cs_strbuf_addc(&sb, 'x');
    assert_true(sb.failed);
}

static void test_clear_gives_another_chance(void **state)
{
    (void)state;
    cs_autostrbuf sb = {.max = 3};

    cs_strbuf_adds(&sb, "1234");
    cs_strbuf_clear(&sb);
    assert_false(sb.failed);
    cs_strbuf_adds(&sb, "ab");
    assert_string_equal(cs_strbuf_str(&sb), "ab");
    const char *before = sb.data;
    cs_strbuf_clear(&sb);
    assert_ptr_equal(sb.data, before);
    assert_string_equal(cs_strbuf_str(&sb), "");
}

static void test_consume_drops_the_front(void **state)
{
    (void)state;
    cs_autostrbuf sb = CS_STRBUF_INIT;

    cs_strbuf_consume(&sb, 0);
    cs_strbuf_adds(&sb, "hello world");
    cs_strbuf_consume(&sb, 6);
    assert_string_equal(cs_strbuf_str(&sb), "world");
    assert_int_equal(sb.len, 5);
    cs_strbuf_consume(&sb, 5);
    assert_string_equal(cs_strbuf_str(&sb), "");
}

static void test_take_hands_over_and_empties(void **state)
{
    (void)state;
    cs_autostrbuf sb = CS_STRBUF_INIT;
    size_t len = 99;

    cs_autofree char *nothing = cs_strbuf_take(&sb, &len);
    assert_string_equal(nothing, "");
    assert_int_equal(len, 0);
    cs_strbuf_adds(&sb, "abc");
    cs_autofree char *text = cs_strbuf_take(&sb, &len);
    assert_string_equal(text, "abc");
    assert_int_equal(len, 3);
    assert_int_equal(sb.len, 0);
    cs_strbuf_adds(&sb, "again");
    assert_string_equal(cs_strbuf_str(&sb), "again");
}

static void test_nul_bytes_are_bytes(void **state)
{
    (void)state;
    cs_autostrbuf sb = CS_STRBUF_INIT;

    cs_strbuf_add(&sb, "a\0b", 3);
    cs_strbuf_addc(&sb, '\0');
    assert_int_equal(sb.len, 4);
    assert_memory_equal(sb.data, "a\0b\0", 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_appends_of_every_kind),
        cmocka_unit_test(test_integers_at_their_limits),
        cmocka_unit_test(test_growth_keeps_every_byte),
        cmocka_unit_test(test_printf_longer_than_the_spare_room),
        cmocka_unit_test(test_printf_of_every_length_around_the_spare_room),
        cmocka_unit_test(test_exactly_the_ceiling_fits),
        cmocka_unit_test(test_one_byte_more_fails_for_good),
        cmocka_unit_test(test_printf_above_the_ceiling_fails),
        cmocka_unit_test(test_a_ceiling_of_zero_takes_nothing),
        cmocka_unit_test(test_clear_gives_another_chance),
        cmocka_unit_test(test_consume_drops_the_front),
        cmocka_unit_test(test_take_hands_over_and_empties),
        cmocka_unit_test(test_nul_bytes_are_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
