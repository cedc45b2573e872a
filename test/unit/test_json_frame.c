/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines out of chunks: the same lines however the stream is cut.
 */
#include "common/json/json_frame.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct seen {
    struct cs_strbuf text; /* the lines, each followed by '|' */
    unsigned lines;
    unsigned stop_after; /* 0: never */
};

static bool on_line(void *ctx, struct cs_str line, struct cs_error *err)
{
    struct seen *seen = ctx;

    cs_strbuf_add(&seen->text, line.p, line.len);
    cs_strbuf_addc(&seen->text, '|');
    seen->lines++;
    if (seen->lines == seen->stop_after)
        return cs_error_set(err, CS_ERR_GONE, "enough");
    return true;
}

static bool feed(struct cs_jframe *f, struct seen *seen, const char *text, struct cs_error *err)
{
    return cs_jframe_feed(f, text, strlen(text), on_line, seen, err);
}

static void test_every_way_to_cut_gives_the_same_lines(void **state)
{
    (void)state;
    static const char stream[] = "{\"a\":1}\n\n{\"b\":22}\r\n\r\n[3]\nrest";

    for (size_t i = 0; i < sizeof(stream); i++) {
        for (size_t j = i; j < sizeof(stream); j++) {
            struct cs_jframe f;
            struct seen seen = {.text = CS_STRBUF_INIT};

            cs_jframe_init(&f, 100);
            assert_true(cs_jframe_feed(&f, stream, i, on_line, &seen, NULL));
            assert_true(cs_jframe_feed(&f, stream + i, j - i, on_line, &seen, NULL));
            assert_true(cs_jframe_feed(&f, stream + j, sizeof(stream) - 1 - j, on_line, &seen, NULL));
            assert_string_equal(cs_strbuf_str(&seen.text), "{\"a\":1}|{\"b\":22}|[3]|");
            assert_string_equal(cs_strbuf_str(&f.buf), "rest");
            cs_strbuf_done(&seen.text);
            cs_jframe_done(&f);
        }
    }
}

static void test_byte_by_byte(void **state)
{
    (void)state;
    static const char stream[] = "one\ntwo\n\nthree\n";
    struct cs_jframe f;
    struct seen seen = {.text = CS_STRBUF_INIT};

    cs_jframe_init(&f, 5);
    for (size_t i = 0; i < sizeof(stream) - 1; i++)
        assert_true(cs_jframe_feed(&f, stream + i, 1, on_line, &seen, NULL));
    assert_string_equal(cs_strbuf_str(&seen.text), "one|two|three|");
    cs_strbuf_done(&seen.text);
    cs_jframe_done(&f);
}

static bool is_inside(void *ctx, struct cs_str line, struct cs_error *err)
{
    (void)err;
    assert_ptr_equal(line.p, ctx);
    return true;
}

static void test_whole_lines_are_not_copied(void **state)
{
    (void)state;
    struct cs_jframe f;
    char chunk[] = "one\n";

    cs_jframe_init(&f, 100);
    assert_true(cs_jframe_feed(&f, chunk, 4, is_inside, chunk, NULL));
    assert_int_equal(f.buf.cap, 0);
    cs_jframe_done(&f);
}

static void test_the_ceiling(void **state)
{
    (void)state;
    static const struct {
        const char *a, *b;
        bool ok;
    } rows[] = {
        {"12345\n", "", true},
        {"123456\n", "", false},
        {"123", "45\n", true},
        {"123", "456\n", false},
        {"12345", "\n", true},
        {"123456", "\n", false},
        {"1\n123456\n", "", false},
    };

    for (size_t i = 0; i < CS_ARRAY_LEN(rows); i++) {
        struct cs_jframe f;
        struct seen seen = {.text = CS_STRBUF_INIT};
        struct cs_error err = CS_ERROR_INIT;

        cs_jframe_init(&f, 5);
        bool ok = feed(&f, &seen, rows[i].a, &err) && feed(&f, &seen, rows[i].b, &err);
        if (ok != rows[i].ok)
            fail_msg("\"%s\" then \"%s\": %d", rows[i].a, rows[i].b, ok);
        if (!ok) {
            assert_int_equal(err.kind, CS_ERR_TOO_LARGE);
            assert_string_equal(err.message, "line of more than 5 bytes in a watch stream");
            /* the stream is lost until it is begun anew: its middle must not pass as a line */
            assert_false(feed(&f, &seen, "x\n", &err));
            cs_jframe_reset(&f);
            assert_true(feed(&f, &seen, "x\n", &err));
            assert_string_equal(seen.text.data + seen.text.len - 2, "x|");
        }
        cs_strbuf_done(&seen.text);
        cs_jframe_done(&f);
    }
}

static void test_stopping_keeps_the_error_and_drops_the_rest(void **state)
{
    (void)state;
    struct cs_jframe f;
    struct seen seen = {.text = CS_STRBUF_INIT, .stop_after = 2};
    struct cs_error err = CS_ERROR_INIT;

    cs_jframe_init(&f, 100);
    assert_true(feed(&f, &seen, "one\ntw", &err));
    assert_false(feed(&f, &seen, "o\nthree\nfo", &err));
    assert_int_equal(err.kind, CS_ERR_GONE);
    assert_string_equal(cs_strbuf_str(&seen.text), "one|two|");
    assert_int_equal(f.buf.len, 0);
    cs_strbuf_done(&seen.text);
    cs_jframe_done(&f);
}

static void test_reset_forgets_half_a_line(void **state)
{
    (void)state;
    struct cs_jframe f;
    struct seen seen = {.text = CS_STRBUF_INIT};

    cs_jframe_init(&f, 100);
    assert_true(feed(&f, &seen, "half", NULL));
    cs_jframe_reset(&f);
    assert_true(feed(&f, &seen, "new\n", NULL));
    assert_string_equal(cs_strbuf_str(&seen.text), "new|");
    cs_strbuf_done(&seen.text);
    cs_jframe_done(&f);
}

static void test_one_huge_line_does_not_keep_its_memory(void **state)
{
    (void)state;
    struct cs_jframe f;
    struct seen seen = {.text = {.max = 10}};
    cs_autofree char *big = malloc(1000000);

    assert_non_null(big);
    memset(big, 'x', 1000000);
    cs_jframe_init(&f, 2000000);
    assert_true(cs_jframe_feed(&f, big, 1000000, on_line, &seen, NULL));
    assert_true(f.buf.cap >= 1000000);
    assert_true(feed(&f, &seen, "\n", NULL));
    assert_int_equal(seen.lines, 1);
    assert_true(f.buf.cap < 1000000);
    assert_int_equal(f.buf.max, 2000000);
    cs_strbuf_done(&seen.text);
    cs_jframe_done(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_way_to_cut_gives_the_same_lines),
        cmocka_unit_test(test_byte_by_byte),
        cmocka_unit_test(test_whole_lines_are_not_copied),
        cmocka_unit_test(test_the_ceiling),
        cmocka_unit_test(test_stopping_keeps_the_error_and_drops_the_rest),
        cmocka_unit_test(test_reset_forgets_half_a_line),
        cmocka_unit_test(test_one_huge_line_does_not_keep_its_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
