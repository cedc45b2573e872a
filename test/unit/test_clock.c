/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Clocks and RFC 3339: known instants, leap days, zones, and what must be refused.
 */
#include "common/base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "common/base/cleanup.h"

static void test_known_instants_both_ways(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t ms;
    } rows[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"1970-01-01T00:00:01Z", 1000},
        {"1969-12-31T23:59:59Z", -1000},
        {"2000-02-29T00:00:00Z", 951782400000},
        {"2000-03-01T00:00:00Z", 951868800000},
        {"1999-12-31T23:59:59Z", 946684799000},
        {"2001-09-09T01:46:40Z", 1000000000000},
        {"2004-02-29T12:00:00Z", 1078056000000},
        {"2009-02-13T23:31:30Z", 1234567890000},
        {"2038-01-19T03:14:08Z", 2147483648000},
        {"2100-02-28T23:59:59Z", 4107542399000},
        {"2100-03-01T00:00:00Z", 4107542400000},
        {"1900-01-01T00:00:00Z", -2208988800000},
        {"1600-02-29T00:00:00Z", -11670998400000},
        {"0000-01-01T00:00:00Z", -62167219200000},
        {"0000-02-29T00:00:00Z", -62162121600000},
        {"0001-01-01T00:00:00Z", -62135596800000},
        {"9999-12-31T23:59:59Z", 253402300799000},
    };

    for (size_t i = 0; i < CS_ARRAY_LEN(rows); i++) {
        char buf[CS_RFC3339_SIZE];
        int64_t ms = 1;

        assert_string_equal(cs_rfc3339_format(rows[i].ms, buf), rows[i].text);
        if (!cs_rfc3339_parse(cs_str(rows[i].text), &ms))
            fail_msg("%s: not accepted", rows[i].text);
        assert_int_equal(ms, rows[i].ms);
    }
}

static void test_fractions_and_zones(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t ms;
    } rows[] = {
        {"1970-01-01T00:00:00.5Z", 500},
        {"1970-01-01T00:00:00.05Z", 50},
        {"1970-01-01T00:00:00.001999Z", 1},
        {"1970-01-01T00:00:00.123456789123456789Z", 123},
        {"1970-01-01T08:00:00+08:00", 0},
        {"1969-12-31T19:30:00-04:30", 0},
        {"1970-01-01T00:00:00+00:00", 0},
        {"1970-01-01T00:00:00-00:00", 0},
        {"1970-01-01T23:59:00.25+23:59", 250},
        {"0000-01-01T00:00:00+01:00", -62167219200000 - 3600000},
    };

    for (size_t i = 0; i < CS_ARRAY_LEN(rows); i++) {
        int64_t ms = -1;

        if (!cs_rfc3339_parse(cs_str(rows[i].text), &ms) || ms != rows[i].ms)
            fail_msg("%s: %lld", rows[i].text, (long long)ms);
    }
}

static void test_what_is_no_time(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "",
        "2025-01-02",
        "2025-01-02T03:04:05",
        "2025-01-02T03:04Z",
        "2025-01-02 03:04:05Z",
        "2025-01-02t03:04:05Z",
        "2025-01-02T03:04:05z",
        "2025-1-02T03:04:05Z",
        "25-01-02T03:04:05Z",
        "12025-01-02T03:04:05Z",
        "-025-01-02T03:04:05Z",
        "2025-00-02T03:04:05Z",
        "2025-13-02T03:04:05Z",
        "2025-01-00T03:04:05Z",
        "2025-01-32T03:04:05Z",
        "2025-04-31T03:04:05Z",
        "2025-02-29T03:04:05Z",
        "1900-02-29T03:04:05Z",
        "2025-01-02T24:00:00Z",
        "2025-01-02T03:60:05Z",
        "2025-01-02T03:04:60Z",
        "2025-01-02T03:04:5.Z",
        "2025-01-02T03:04:05.Z",
        "2025-01-02T03:04:05,5Z",
        "2025-01-02T03:04:05.5",
        "2025-01-02T03:04:05+0800",
        "2025-01-02T03:04:05+8:00",
        "2025-01-02T03:04:05+24:00",
        "2025-01-02T03:04:05+08:60",
        "2025-01-02T03:04:05+-8:00",
        "2025-01-02T03:04:05+08:00Z",
        "2025-01-02T03:04:05Z ",
        " 2025-01-02T03:04:05Z",
        "2025-01-02T03:04:05ZZ",
        "2025-01-02T-3:04:05Z",
        "2025-01-02T+3:04:05Z",
        "2025/01/02T03:04:05Z",
        "null",
    };

    for (size_t i = 0; i < CS_ARRAY_LEN(rows); i++) {
        int64_t ms = 77;

        if (cs_rfc3339_parse(cs_str(rows[i]), &ms))
            fail_msg("\"%s\" was accepted", rows[i]);
        assert_int_equal(ms, 77);
    }
    int64_t ms;
    assert_false(cs_rfc3339_parse((struct cs_str){NULL, 0}, &ms));
}

static void test_a_prefix_of_a_time_is_no_time(void **state)
{
    (void)state;
    static const char text[] = "2025-01-02T03:04:05.123+08:00";
    int64_t ms;

    for (size_t len = 0; len + 1 < sizeof(text); len++) {
        if (cs_rfc3339_parse((struct cs_str){text, len}, &ms))
            fail_msg("%.*s was accepted", (int)len, text);
    }
    assert_true(cs_rfc3339_parse(CS_STR(text), &ms));
}

static void test_every_day_of_two_eras_goes_there_and_back(void **state)
{
    (void)state;
    static const int lengths[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int64_t days = -719528; /* 0000-01-01 */
    char buf[CS_RFC3339_SIZE];
    char want[64];

    for (int year = 0; year < 800; year++) {
        bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

        for (int month = 1; month <= 12; month++) {
            for (int day = 1; day <= lengths[month - 1] + (month == 2 && leap); day++, days++) {
                int64_t back;

                (void)snprintf(want, sizeof(want), "%04d-%02d-%02dT00:00:00Z", year, month, day);
                cs_rfc3339_format(days * 86400000, buf);
                if (strcmp(buf, want) != 0)
                    fail_msg("%s instead of %s", buf, want);
                if (!cs_rfc3339_parse(cs_str(buf), &back) || back != days * 86400000)
                    fail_msg("%s does not come back", buf);
            }
        }
    }
}

static void test_micro_time(void **state)
{
    (void)state;
    char buf[CS_RFC3339_SIZE];

    assert_string_equal(cs_rfc3339_format_micro(1234567890123, buf), "2009-02-13T23:31:30.123000Z");
    assert_string_equal(cs_rfc3339_format_micro(7, buf), "1970-01-01T00:00:00.007000Z");
    assert_string_equal(cs_rfc3339_format_micro(-1, buf), "1969-12-31T23:59:59.999000Z");
}

static void test_seconds_are_cut_not_rounded(void **state)
{
    (void)state;
    char buf[CS_RFC3339_SIZE];

    assert_string_equal(cs_rfc3339_format(1999, buf), "1970-01-01T00:00:01Z");
    assert_string_equal(cs_rfc3339_format(-1, buf), "1969-12-31T23:59:59Z");
}

static void test_absurd_times_are_clamped(void **state)
{
    (void)state;
    char buf[CS_RFC3339_SIZE];

    assert_string_equal(cs_rfc3339_format(INT64_MAX, buf), "9999-12-31T23:59:59Z");
    assert_string_equal(cs_rfc3339_format(INT64_MIN, buf), "0000-01-01T00:00:00Z");
    assert_string_equal(cs_rfc3339_format_micro(INT64_MAX, buf), "9999-12-31T23:59:59.999000Z");
}

static void test_system_clock(void **state)
{
    (void)state;
    const struct cs_clock *c = cs_clock_system();
    int64_t mono = cs_clock_mono_ms(c);
    int64_t wall = cs_clock_wall_ms(c);

    assert_true(mono > 0);
    assert_true(cs_clock_mono_ms(c) >= mono);
    assert_in_range(wall / 1000 - (int64_t)time(NULL) + 2, 1, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_instants_both_ways),
        cmocka_unit_test(test_fractions_and_zones),
        cmocka_unit_test(test_what_is_no_time),
        cmocka_unit_test(test_a_prefix_of_a_time_is_no_time),
        cmocka_unit_test(test_every_day_of_two_eras_goes_there_and_back),
        cmocka_unit_test(test_micro_time),
        cmocka_unit_test(test_seconds_are_cut_not_rounded),
        cmocka_unit_test(test_absurd_times_are_clamped),
        cmocka_unit_test(test_system_clock),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
