/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The error object: one line, cut cleanly, and which failed writes are in doubt (decision D5).
 */
#include "common/base/error.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/cleanup.h"
#include "common/base/str.h"

static void test_set_returns_false_and_tells(void **state)
{
    (void)state;
    struct cs_error err = CS_ERROR_INIT;

    assert_false(cs_error_set(&err, CS_ERR_CONFLICT, "pod %s: %d", "a", 5));
    assert_int_equal(err.kind, CS_ERR_CONFLICT);
    assert_string_equal(err.message, "pod a: 5");
}

static void test_null_is_accepted(void **state)
{
    (void)state;
    assert_false(cs_error_set(NULL, CS_ERR_IO, "x"));
    assert_false(cs_error_prefix(NULL, "x"));
    cs_error_clear(NULL);
    assert_false(cs_error_in_doubt(NULL));
}

static void test_set_forgets_the_error_before(void **state)
{
    (void)state;
    struct cs_error err = {.kind = CS_ERR_THROTTLED, .code = 429, .retry_after_ms = 1000, .reason = "TooManyRequests"};

    cs_error_set(&err, CS_ERR_IO, "disk");
    assert_int_equal(err.code, 0);
    assert_int_equal(err.retry_after_ms, 0);
    assert_string_equal(err.reason, "");
}

static void test_set_may_quote_itself(void **state)
{
    (void)state;
    struct cs_error err = CS_ERROR_INIT;

    cs_error_set(&err, CS_ERR_IO, "inner");
    (void)snprintf(err.reason, sizeof(err.reason), "Why");
    cs_error_set(&err, CS_ERR_INTERNAL, "outer (%s, %s)", err.message, err.reason);
    assert_string_equal(err.message, "outer (inner, Why)");
}

static void test_prefix_keeps_kind_and_code(void **state)
{
    (void)state;
    struct cs_error err = CS_ERROR_INIT;

    cs_error_set(&err, CS_ERR_NOT_FOUND, "no such pod");
    err.code = 404;
    assert_false(cs_error_prefix(&err, "GET %s", "pods/a"));
    assert_string_equal(err.message, "GET pods/a: no such pod");
    assert_int_equal(err.kind, CS_ERR_NOT_FOUND);
    assert_int_equal(err.code, 404);
}

static void test_long_messages_end_in_dots(void **state)
{
    (void)state;
    struct cs_error err = CS_ERROR_INIT;
    char text[3000];

    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    cs_error_set(&err, CS_ERR_IO, "%s", text);
    assert_int_equal(strlen(err.message), sizeof(err.message) - 1);
    assert_string_equal(err.message + sizeof(err.message) - 5, "x...");
    cs_error_prefix(&err, "front");
    assert_int_equal(strncmp(err.message, "front: xxx", 10), 0);
    assert_string_equal(err.message + sizeof(err.message) - 5, "x...");
    cs_error_prefix(&err, "%s", text);
    assert_string_equal(err.message + sizeof(err.message) - 5, "x...");
}

static void test_a_message_that_just_fits_is_whole(void **state)
{
    (void)state;
    struct cs_error err = CS_ERROR_INIT;
    char text[sizeof(err.message)];

    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    cs_error_set(&err, CS_ERR_IO, "%s", text);
    assert_string_equal(err.message, text);
}

static void test_cutting_spares_characters(void **state)
{
    (void)state;
    /* Every alignment of a three-byte character against the cut. */
    for (size_t pad = 0; pad < 6; pad++) {
        struct cs_error err = CS_ERROR_INIT;
        char text[1024] = "";

        memset(text, 'x', pad);
        for (size_t i = pad; i + 3 < 900; i += 3)
            memcpy(text + i, "\xe2\x82\xac", 4);
        cs_error_set(&err, CS_ERR_IO, "%s", text);
        assert_true(cs_is_utf8(cs_str(err.message)));
        assert_string_equal(err.message + strlen(err.message) - 3, "...");
        assert_true(strlen(err.message) >= sizeof(err.message) - 4);
    }
}

static void test_messages_are_one_clean_line(void **state)
{
    (void)state;
    struct cs_error err = CS_ERROR_INIT;

    cs_error_set(&err, CS_ERR_IO, "a\nb\tc\x1b[0m \xff \xc3\xa9");
    assert_string_equal(err.message, "a b c [0m ? \xc3\xa9");
}

static void test_in_doubt(void **state)
{
    (void)state;
    static const struct {
        enum cs_errkind kind;
        int code;
        bool in_doubt;
    } rows[] = {
        {CS_ERR_NONE, 0, false},
        {CS_ERR_INVALID, 422, false},
        {CS_ERR_NOT_FOUND, 404, false},
        {CS_ERR_CONFLICT, 409, false},
        {CS_ERR_ALREADY_EXISTS, 409, false},
        {CS_ERR_FORBIDDEN, 403, false},
        {CS_ERR_THROTTLED, 429, false},
        {CS_ERR_SERVER, 500, true},
        {CS_ERR_TRANSPORT, 0, true},
        {CS_ERR_TIMEOUT, 0, true},
        {CS_ERR_DECODE, 200, true},
        {CS_ERR_TOO_LARGE, 413, false},
        {CS_ERR_TOO_LARGE, 200, true},
    };

    for (size_t i = 0; i < CS_ARRAY_LEN(rows); i++) {
        struct cs_error err = {.kind = rows[i].kind, .code = rows[i].code};

        if (cs_error_in_doubt(&err) != rows[i].in_doubt)
            fail_msg("%s %d: expected in doubt %d", cs_errkind_name(rows[i].kind), rows[i].code, rows[i].in_doubt);
    }
}

static void test_every_kind_has_a_name_of_its_own(void **state)
{
    (void)state;
    for (unsigned a = 0; a < CS_ERR_COUNT; a++) {
        assert_non_null(cs_errkind_name((enum cs_errkind)a));
        assert_string_not_equal(cs_errkind_name((enum cs_errkind)a), "unknown");
        for (unsigned b = 0; b < a; b++)
            assert_string_not_equal(cs_errkind_name((enum cs_errkind)a), cs_errkind_name((enum cs_errkind)b));
    }
    assert_string_equal(cs_errkind_name(CS_ERR_COUNT), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_set_returns_false_and_tells),
        cmocka_unit_test(test_null_is_accepted),
        cmocka_unit_test(test_set_forgets_the_error_before),
        cmocka_unit_test(test_set_may_quote_itself),
        cmocka_unit_test(test_prefix_keeps_kind_and_code),
        cmocka_unit_test(test_long_messages_end_in_dots),
        cmocka_unit_test(test_a_message_that_just_fits_is_whole),
        cmocka_unit_test(test_cutting_spares_characters),
        cmocka_unit_test(test_messages_are_one_clean_line),
        cmocka_unit_test(test_in_doubt),
        cmocka_unit_test(test_every_kind_has_a_name_of_its_own),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
