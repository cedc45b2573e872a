/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The encoder: commas, escapes, splices, and that misuse ends the process.
 */
#include "common/json/json_writer.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/json/json_doc.h"

static void test_nested_values_get_their_commas(void **state)
{
    (void)state;
    cs_autostrbuf out = CS_STRBUF_INIT;
    struct cs_jw w;

    cs_jw_init(&w, &out);
    cs_jw_obj(&w);
    cs_jw_kstr(&w, "s", "text");
    cs_jw_kstr(&w, "none", NULL);
    cs_jw_kstrn(&w, "n", (struct cs_str){"abcdef", 3});
    cs_jw_ki64(&w, "i", -5);
    cs_jw_kbool(&w, "b", true);
    cs_jw_kraw(&w, "r", CS_STR("{\"x\": 1.50}"));
    cs_jw_key(&w, "a");
    cs_jw_arr(&w);
    cs_jw_u64(&w, UINT64_MAX);
    cs_jw_null(&w);
    cs_jw_arr(&w);
    cs_jw_end_arr(&w);
    cs_jw_obj(&w);
    cs_jw_end_obj(&w);
    cs_jw_bool(&w, false);
    cs_jw_end_arr(&w);
    cs_jw_keyn(&w, CS_STR("k\"ey"));
    cs_jw_strn(&w, CS_STR(""));
    cs_jw_end_obj(&w);
    assert_string_equal(cs_strbuf_str(&out),
        "{\"s\":\"text\",\"none\":null,\"n\":\"abc\",\"i\":-5,\"b\":true,\"r\":{\"x\": 1.50},\"a\":["
        "18446744073709551615,null,[],{},false],\"k\\\"ey\":\"\"}");
}

static void test_a_single_value_may_stand_alone(void **state)
{
    (void)state;
    cs_autostrbuf out = CS_STRBUF_INIT;
    struct cs_jw w;

    cs_jw_init(&w, &out);
    cs_jw_i64(&w, INT64_MIN);
    assert_string_equal(cs_strbuf_str(&out), "-9223372036854775808");
}

static void test_absent_raw_values_become_null(void **state)
{
    (void)state;
    cs_autostrbuf out = CS_STRBUF_INIT;
    struct cs_jw w;

    cs_jw_init(&w, &out);
    cs_jw_arr(&w);
    cs_jw_raw(&w, (struct cs_str){NULL, 0});
    cs_jw_strn(&w, (struct cs_str){NULL, 0});
    cs_jw_end_arr(&w);
    assert_string_equal(cs_strbuf_str(&out), "[null,null]");
}

static void test_quoting(void **state)
{
    (void)state;
    static const struct {
        const char *in, *plain, *html;
    } rows[] = {
        {"", "\"\"", "\"\""},
        {"abc", "\"abc\"", "\"abc\""},
        {"\"\\/", "\"\\\"\\\\/\"", "\"\\\"\\\\/\""},
        {"\b\f\n\r\t", "\"\\b\\f\\n\\r\\t\"", "\"\\b\\f\\n\\r\\t\""},
        {"\x01\x1f\x7f", "\"\\u0001\\u001f\x7f\"", "\"\\u0001\\u001f\x7f\""},
        {"a<b>&c", "\"a<b>&c\"", "\"a\\u003cb\\u003e\\u0026c\""},
        {"\xe2\x80\xa8 \xe2\x80\xa9", "\"\xe2\x80\xa8 \xe2\x80\xa9\"", "\"\\u2028 \\u2029\""},
        {"\xe2\x80\xa7\xe2\x80\xaa", "\"\xe2\x80\xa7\xe2\x80\xaa\"", "\"\xe2\x80\xa7\xe2\x80\xaa\""},
        {"\xc3\xa9\xf0\x9f\x98\x80", "\"\xc3\xa9\xf0\x9f\x98\x80\"", "\"\xc3\xa9\xf0\x9f\x98\x80\""},
        {"x\xff\xc3", "\"x\xef\xbf\xbd\xef\xbf\xbd\"", "\"x\xef\xbf\xbd\xef\xbf\xbd\""},
        {"\xed\xa0\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
    };

    for (size_t i = 0; i < CS_ARRAY_LEN(rows); i++) {
        cs_autostrbuf plain = CS_STRBUF_INIT;
        cs_autostrbuf html = CS_STRBUF_INIT;

        cs_json_quote(&plain, cs_str(rows[i].in), false);
        cs_json_quote(&html, cs_str(rows[i].in), true);
        assert_string_equal(cs_strbuf_str(&plain), rows[i].plain);
        assert_string_equal(cs_strbuf_str(&html), rows[i].html);
    }
}

static void test_a_nul_byte_is_escaped(void **state)
{
    (void)state;
    cs_autostrbuf out = CS_STRBUF_INIT;

    cs_json_quote(&out, (struct cs_str){"a\0b", 3}, false);
    assert_string_equal(cs_strbuf_str(&out), "\"a\\u0000b\"");
}

static void test_html_escape_reaches_keys_and_values(void **state)
{
    (void)state;
    cs_autostrbuf out = CS_STRBUF_INIT;
    struct cs_jw w;

    cs_jw_init(&w, &out);
    w.html_escape = true;
    cs_jw_obj(&w);
    cs_jw_kstr(&w, "<", ">");
    cs_jw_end_obj(&w);
    assert_string_equal(cs_strbuf_str(&out), "{\"\\u003c\":\"\\u003e\"}");
}

static void test_every_byte_survives_the_way_there_and_back(void **state)
{
    (void)state;
    for (unsigned a = 1; a < 128; a++) {
        for (unsigned b = 1; b < 128; b += 7) {
            cs_autostrbuf out = CS_STRBUF_INIT;
            cs_autojdoc doc = {0};
            const char text[] = {(char)a, (char)b, 'x', '\0'};

            cs_json_quote(&out, cs_str(text), (a & 1) != 0);
            assert_true(cs_jdoc_parse(&doc, out.data, out.len, NULL, NULL));
            assert_true(cs_json_str_is(cs_jdoc_root(&doc), text));
        }
    }
}

static void test_pointer_escape(void **state)
{
    (void)state;
    cs_autostrbuf out = CS_STRBUF_INIT;

    cs_json_pointer_escape(&out, CS_STR("apps.kruise.io/a~b~1/"));
    assert_string_equal(cs_strbuf_str(&out), "apps.kruise.io~1a~0b~01~1");
}

static void test_a_full_buffer_is_the_error_state(void **state)
{
    (void)state;
    cs_autostrbuf out = {.max = 10};
    struct cs_jw w;

    cs_jw_init(&w, &out);
    cs_jw_obj(&w);
    cs_jw_kstr(&w, "key", "a long value");
    cs_jw_kstr(&w, "key2", "x");
    cs_jw_end_obj(&w);
    assert_true(out.failed);
}

static void value_without_key(struct cs_jw *w)
{
    cs_jw_obj(w);
    cs_jw_null(w);
}

static void key_in_an_array(struct cs_jw *w)
{
    cs_jw_arr(w);
    cs_jw_key(w, "a");
}

static void key_at_top(struct cs_jw *w)
{
    cs_jw_key(w, "a");
}

static void two_keys(struct cs_jw *w)
{
    cs_jw_obj(w);
    cs_jw_key(w, "a");
    cs_jw_key(w, "b");
}

static void wrong_end(struct cs_jw *w)
{
    cs_jw_obj(w);
    cs_jw_end_arr(w);
}

static void key_without_value(struct cs_jw *w)
{
    cs_jw_obj(w);
    cs_jw_key(w, "a");
    cs_jw_end_obj(w);
}

static void end_without_begin(struct cs_jw *w)
{
    cs_jw_end_arr(w);
}

static void two_documents(struct cs_jw *w)
{
    cs_jw_null(w);
    cs_jw_null(w);
}

static void too_deep(struct cs_jw *w)
{
    for (unsigned i = 0; i < CS_JW_MAX_DEPTH; i++)
        cs_jw_arr(w);
}

static void nothing_wrong(struct cs_jw *w)
{
    for (unsigned i = 0; i + 1 < CS_JW_MAX_DEPTH; i++)
        cs_jw_arr(w);
    for (unsigned i = 0; i + 1 < CS_JW_MAX_DEPTH; i++)
        cs_jw_end_arr(w);
}

/* Does it end the process? Tried in a child. */
static bool aborts(void (*use)(struct cs_jw *w))
{
    int status = 0;
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        struct cs_strbuf out = CS_STRBUF_INIT;
        struct cs_jw w;

        (void)signal(SIGABRT, SIG_DFL); /* cmocka's handler would go on with the tests, twice */
        (void)close(STDERR_FILENO);
        cs_jw_init(&w, &out);
        use(&w);
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

static void test_misuse_aborts(void **state)
{
    (void)state;
    assert_false(aborts(nothing_wrong));
    assert_true(aborts(value_without_key));
    assert_true(aborts(key_in_an_array));
    assert_true(aborts(key_at_top));
    assert_true(aborts(two_keys));
    assert_true(aborts(wrong_end));
    assert_true(aborts(key_without_value));
    assert_true(aborts(end_without_begin));
    assert_true(aborts(two_documents));
    assert_true(aborts(too_deep));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nested_values_get_their_commas),
        cmocka_unit_test(test_a_single_value_may_stand_alone),
        cmocka_unit_test(test_absent_raw_values_become_null),
        cmocka_unit_test(test_quoting),
        cmocka_unit_test(test_a_nul_byte_is_escaped),
        cmocka_unit_test(test_html_escape_reaches_keys_and_values),
        cmocka_unit_test(test_every_byte_survives_the_way_there_and_back),
        cmocka_unit_test(test_pointer_escape),
        cmocka_unit_test(test_a_full_buffer_is_the_error_state),
        cmocka_unit_test(test_misuse_aborts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
