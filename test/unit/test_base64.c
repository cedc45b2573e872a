/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Base64 both ways, and reading files whole.
 */
#include "common/base/base64.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/base/cleanup.h"
#include "common/base/file.h"
#include "common/base/rand.h"

static void test_the_vectors_of_rfc_4648(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"", ""},
        {"f", "Zg=="},
        {"fo", "Zm8="},
        {"foo", "Zm9v"},
        {"foob", "Zm9vYg=="},
        {"fooba", "Zm9vYmE="},
        {"foobar", "Zm9vYmFy"},
        {"\xfb\xff\xbf", "+/+/"},
    };

    for (size_t i = 0; i < CS_ARRAY_LEN(rows); i++) {
        cs_autostrbuf out = CS_STRBUF_INIT;
        cs_autofree char *back = NULL;
        size_t len = 99;

        cs_base64_encode(&out, cs_str(rows[i][0]));
        assert_string_equal(cs_strbuf_str(&out), rows[i][1]);
        assert_true(cs_base64_decode(cs_str(rows[i][1]), 100, &back, &len, NULL));
        assert_int_equal(len, strlen(rows[i][0]));
        assert_string_equal(back, rows[i][0]);
    }
}

static void test_what_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *why, *text, *message;
    } rows[] = {
        {"a character outside the alphabet", "Zm9*", "not base64 at offset 3"},
        {"the URL alphabet", "-_-_", "not base64 at offset 0"},
        {"padding alone", "====", "not base64 at offset 0"},
        {"padding too early", "Z===", "not base64 at offset 1"},
        {"text behind the padding", "Zg==Zg==", "not base64 at offset 4"},
        {"more padding behind the padding", "Zg===", "not base64 at offset 4"},
        {"text inside the padding", "Zg=A", "not base64 at offset 3"},
        {"no padding", "Zg", "base64 ends in the middle of a group of four"},
        {"one letter too few", "Zm9vY", "base64 ends in the middle of a group of four"},
        {"half of the padding", "Zg=", "base64 lacks padding at its end"},
        {"stray bits behind one byte", "Zh==", "not base64 at offset 3"},
        {"stray bits behind two bytes", "Zm9=", "not base64 at offset 3"},
    };

    for (size_t i = 0; i < CS_ARRAY_LEN(rows); i++) {
        struct cs_error err = CS_ERROR_INIT;
        char *ret = NULL;

        print_message("  %s\n", rows[i].why);
        assert_false(cs_base64_decode(cs_str(rows[i].text), 100, &ret, NULL, &err));
        assert_null(ret);
        assert_int_equal(err.kind, CS_ERR_INVALID);
        assert_string_equal(err.message, rows[i].message);
    }
}

static void test_folded_text_and_the_ceiling(void **state)
{
    (void)state;
    struct cs_error err = CS_ERROR_INIT;
    cs_autofree char *ret = NULL;
    char *none = NULL;
    size_t len;

    assert_true(cs_base64_decode(CS_STR(" Zm9v\r\n\tYm F y\n"), 6, &ret, &len, &err));
    assert_int_equal(len, 6);
    assert_string_equal(ret, "foobar");
    assert_false(cs_base64_decode(CS_STR("Zm9vYmFy"), 5, &none, &len, &err));
    assert_int_equal(err.kind, CS_ERR_TOO_LARGE);
    assert_null(none);
}

static void test_any_bytes_come_back(void **state)
{
    (void)state;
    struct cs_rand rand = {.state = 3};

    for (size_t n = 0; n < 300; n++) {
        cs_autostrbuf out = CS_STRBUF_INIT;
        cs_autofree char *back = NULL;
        char bytes[300];
        size_t len;

        for (size_t i = 0; i < n; i++)
            bytes[i] = (char)cs_rand_below(&rand, 256);
        cs_base64_encode(&out, (struct cs_str){.p = bytes, .len = n});
        assert_int_equal(out.len, (n + 2) / 3 * 4);
        assert_true(cs_base64_decode((struct cs_str){.p = cs_strbuf_str(&out), .len = out.len}, n, &back, &len, NULL));
        assert_int_equal(len, n);
        assert_memory_equal(back, bytes, n);
    }
}

static void test_files_are_read_whole_or_not_at_all(void **state)
{
    (void)state;
    char path[] = "/tmp/cs-test-file-XXXXXX";
    cs_autoclose int fd = mkstemp(path);
    cs_autofree char *text = NULL;
    struct cs_error err = CS_ERROR_INIT;
    char *none = NULL;
    char block[5000];
    size_t len;

    memset(block, 'x', sizeof(block));
    assert_true(fd >= 0);
    assert_int_equal(write(fd, block, sizeof(block)), (ssize_t)sizeof(block));
    assert_true(cs_file_read(path, sizeof(block), &text, &len, &err));
    assert_int_equal(len, sizeof(block));
    assert_memory_equal(text, block, sizeof(block));
    assert_int_equal(text[len], '\0');

    assert_false(cs_file_read(path, sizeof(block) - 1, &none, NULL, &err));
    assert_int_equal(err.kind, CS_ERR_TOO_LARGE);
    assert_int_equal(unlink(path), 0);
    assert_false(cs_file_read(path, 10, &none, NULL, &err));
    assert_int_equal(err.kind, CS_ERR_NOT_FOUND);
    assert_non_null(strstr(err.message, path));
    assert_false(cs_file_read("/tmp", 10, &none, NULL, &err));
    assert_int_equal(err.kind, CS_ERR_IO);
    assert_null(none);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_vectors_of_rfc_4648),
        cmocka_unit_test(test_what_is_refused),
        cmocka_unit_test(test_folded_text_and_the_ceiling),
        cmocka_unit_test(test_any_bytes_come_back),
        cmocka_unit_test(test_files_are_read_whole_or_not_at_all),
    };

    return cmocka_run_group_tests_name("base64", tests, NULL, NULL);
}
