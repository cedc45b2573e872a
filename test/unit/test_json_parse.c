/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parser of json_doc: what is accepted, what is refused and how the refusal reads, and the limits.
 */
#include "common/json/json_doc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/strbuf.h"

/* The text at the end of a page of its own, so that a sanitizer sees every byte read behind it. */
static bool parse_exact(struct cs_jdoc *doc, const char *text, size_t len, const struct cs_json_limits *limits,
    struct cs_error *err, char **ret_copy)
{
    char *copy = malloc(len ? len : 1);

    assert_non_null(copy);
    if (len)
        memcpy(copy, text, len);
    *ret_copy = copy;
    return cs_jdoc_parse(doc, copy, len, limits, err);
}

static void test_accepted(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "null",
        "true",
        "false",
        "0",
        "-0",
        "1E+2",
        "1e2",
        "1e-2",
        "0.0",
        "-0.5e10",
        "0e0",
        "10",
        "123456789012345678901234567890",
        "1e99999",
        "\"\"",
        "\"plain\"",
        "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"",
        "\"\\u0001\\uFFFF\\ud7ff\\ue000\"",
        "\"\\uD834\\uDD1E\"",
        "\"\\ud834\\udd1e\"",
        "\"\x7f\"",
        "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\xf4\x8f\xbf\xbf\"",
        "\"exactly eight times two long str\"",
        "[]",
        "{}",
        "[ ]",
        "{ }",
        " \t\r\n[ \t\r\n1 \t\r\n, \t\r\n2 \t\r\n] \t\r\n",
        "{\"a\":1,\"a\":2}",
        "{\"\":1}",
        "{\"\\u0061\":1}",
        "{\"a\" : {\"b\" : [ null , true , false ] } }",
        "[[],[[]],{},[{}]]",
        "[\"\xe2\x80\xa8\"]",
        "[\"\xef\xbb\xbf\"]",
    };

    for (size_t i = 0; i < CS_ARRAY_LEN(rows); i++) {
        cs_autojdoc doc = {0};
        cs_autofree char *copy = NULL;
        struct cs_error err = CS_ERROR_INIT;

        if (!parse_exact(&doc, rows[i], strlen(rows[i]), NULL, &err, &copy))
            fail_msg("%s: %s", rows[i], err.message);
        assert_true(cs_json_exists(cs_jdoc_root(&doc)));
    }
}

struct refusal {
    const char *text, *message;
};

static void assert_refused(const struct refusal *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        cs_autojdoc doc = {0};
        cs_autofree char *copy = NULL;
        struct cs_error err = CS_ERROR_INIT;

        if (parse_exact(&doc, rows[i].text, strlen(rows[i].text), NULL, &err, &copy))
            fail_msg("%s: accepted", rows[i].text);
        assert_int_equal(err.kind, CS_ERR_INVALID);
        if (strcmp(err.message, rows[i].message) != 0)
            fail_msg("%s: \"%s\" instead of \"%s\"", rows[i].text, err.message, rows[i].message);
        assert_false(cs_json_exists(cs_jdoc_root(&doc)));
    }
}

static void test_refused_words_and_ends(void **state)
{
    (void)state;
    static const struct refusal rows[] = {
        {"", "offset 0: unexpected end of input, expected a value"},
        {"  ", "offset 2: unexpected end of input, expected a value"},
        {"x", "offset 0: unexpected character 'x', expected a value"},
        {"\xef\xbb\xbf{}", "offset 0: byte order mark is not allowed"},
        {"\xff", "offset 0: unexpected byte 0xff, expected a value"},
        {"\x0c[]", "offset 0: unexpected byte 0x0c, expected a value"},
        {"nul", "offset 0: unexpected character 'n', expected a value"},
        {"nulL", "offset 0: unexpected character 'n', expected a value"},
        {"True", "offset 0: unexpected character 'T', expected a value"},
        {"NaN", "offset 0: unexpected character 'N', expected a value"},
        {"'a'", "offset 0: unexpected character ''', expected a value"},
        {"// no\n1", "offset 0: unexpected character '/', expected a value"},
        {"truex", "offset 4: unexpected character 'x', expected end of input"},
    };

    assert_refused(rows, CS_ARRAY_LEN(rows));
}

static void test_refused_numbers(void **state)
{
    (void)state;
    static const struct refusal rows[] = {
        {"01", "offset 0: number with a leading zero"},
        {"-01", "offset 1: number with a leading zero"},
        {"00", "offset 0: number with a leading zero"},
        {".", "offset 0: unexpected character '.', expected a value"},
        {".5", "offset 0: unexpected character '.', expected a value"},
        {"+1", "offset 0: unexpected character '+', expected a value"},
        {"-", "offset 1: unexpected end of input in a number"},
        {"-a", "offset 1: '-' must be followed by a digit"},
        {"--1", "offset 1: '-' must be followed by a digit"},
        {"1.", "offset 2: unexpected end of input in a number"},
        {"[1.]", "offset 3: '.' in a number must be followed by a digit"},
        {"[1.e1]", "offset 3: '.' in a number must be followed by a digit"},
        {"1e", "offset 2: unexpected end of input in a number"},
        {"[1e+]", "offset 4: exponent without digits"},
        {"1e5.5", "offset 3: unexpected character '.', expected end of input"},
        {"0x10", "offset 1: unexpected character 'x', expected end of input"},
        {"-Infinity", "offset 1: '-' must be followed by a digit"},
        {"1 2", "offset 2: unexpected character '2', expected end of input"},
    };

    assert_refused(rows, CS_ARRAY_LEN(rows));
}

static void test_refused_strings(void **state)
{
    (void)state;
    static const struct refusal rows[] = {
        {"\"", "offset 1: unexpected end of input in a string"},
        {"\"abc", "offset 4: unexpected end of input in a string"},
        {"\"\\", "offset 2: unexpected end of input in a string"},
        {"\"\\\"", "offset 3: unexpected end of input in a string"},
        {"\"a\tb\"", "offset 2: unescaped control character in a string"},
        {"\"123456789\n\"", "offset 10: unescaped control character in a string"},
        {"\"\\x\"", "offset 1: invalid escape sequence in a string"},
        {"\"\\a\"", "offset 1: invalid escape sequence in a string"},
        {"\"\\U0041\"", "offset 1: invalid escape sequence in a string"},
        {"\"\\u12\"", "offset 1: \\u must be followed by four hexadecimal digits"},
        {"\"\\u12g4\"", "offset 1: \\u must be followed by four hexadecimal digits"},
        {"\"\\u", "offset 1: \\u must be followed by four hexadecimal digits"},
        {"\"\\u0000\"", "offset 1: \\u0000 is not allowed in a string"},
        {"{\"a\\u0000\":1}", "offset 3: \\u0000 is not allowed in a string"},
        {"\"\\ud800\"", "offset 1: high surrogate without a low surrogate behind it"},
        {"\"\\ud800x\"", "offset 1: high surrogate without a low surrogate behind it"},
        {"\"\\ud800\\n\"", "offset 1: high surrogate without a low surrogate behind it"},
        {"\"\\ud800\\u0041\"", "offset 1: high surrogate without a low surrogate behind it"},
        {"\"\\ud800\\ud800\"", "offset 1: high surrogate without a low surrogate behind it"},
        {"\"\\ud800\\udc0", "offset 1: high surrogate without a low surrogate behind it"},
        {"\"\\udc00\"", "offset 1: low surrogate without a high surrogate before it"},
        {"\"\\udfff\\ud800\"", "offset 1: low surrogate without a high surrogate before it"},
        {"\"\x80\"", "offset 1: invalid UTF-8 in a string"},
        {"\"\xc0\x80\"", "offset 1: invalid UTF-8 in a string"},
        {"\"\xe0\x80\xaf\"", "offset 1: invalid UTF-8 in a string"},
        {"\"ab\xed\xa0\x80\"", "offset 3: invalid UTF-8 in a string"},
        {"\"\xf4\x90\x80\x80\"", "offset 1: invalid UTF-8 in a string"},
        {"\"\xe2\x82", "offset 1: invalid UTF-8 in a string"},
        {"{\"\xff\":1}", "offset 2: invalid UTF-8 in a string"},
    };

    assert_refused(rows, CS_ARRAY_LEN(rows));
}

static void test_refused_arrays_and_objects(void **state)
{
    (void)state;
    static const struct refusal rows[] = {
        {"[", "offset 1: unexpected end of input, expected a value"},
        {"]", "offset 0: unexpected character ']', expected a value"},
        {"[1", "offset 2: unexpected end of input, expected ',' or ']'"},
        {"[1,", "offset 3: unexpected end of input, expected a value"},
        {"[1,]", "offset 3: unexpected character ']', expected a value"},
        {"[,1]", "offset 1: unexpected character ',', expected a value"},
        {"[1 2]", "offset 3: unexpected character '2', expected ',' or ']'"},
        {"[1}", "offset 2: unexpected character '}', expected ',' or ']'"},
        {"[1,,2]", "offset 3: unexpected character ',', expected a value"},
        {"[]]", "offset 2: unexpected character ']', expected end of input"},
        {"{", "offset 1: unexpected end of input, expected a member name in quotes"},
        {"{1:2}", "offset 1: unexpected character '1', expected a member name in quotes"},
        {"{a:1}", "offset 1: unexpected character 'a', expected a member name in quotes"},
        {"{,}", "offset 1: unexpected character ',', expected a member name in quotes"},
        {"{\"a\"", "offset 4: unexpected end of input, expected ':'"},
        {"{\"a\" 1}", "offset 5: unexpected character '1', expected ':'"},
        {"{\"a\"}", "offset 4: unexpected character '}', expected ':'"},
        {"{\"a\":", "offset 5: unexpected end of input, expected a value"},
        {"{\"a\":}", "offset 5: unexpected character '}', expected a value"},
        {"{\"a\":1", "offset 6: unexpected end of input, expected ',' or '}'"},
        {"{\"a\":1,", "offset 7: unexpected end of input, expected a member name in quotes"},
        {"{\"a\":1,}", "offset 7: unexpected character '}', expected a member name in quotes"},
        {"{\"a\":1]", "offset 6: unexpected character ']', expected ',' or '}'"},
        {"{\"a\":1;}", "offset 6: unexpected character ';', expected ',' or '}'"},
        {"{} {}", "offset 3: unexpected character '{', expected end of input"},
        {"{\"a\":{\"b\":[1,{\"c\":tru}]}}", "offset 18: unexpected character 't', expected a value"},
    };

    assert_refused(rows, CS_ARRAY_LEN(rows));
}

static void test_nul_bytes_are_refused_everywhere(void **state)
{
    (void)state;
    static const char good[] = "{\"ab\": [1, \"cd\", true]}";
    char text[sizeof(good)];

    for (size_t i = 0; i <= sizeof(good) - 1; i++) {
        cs_autojdoc doc = {0};

        /* a NUL put in before byte i */
        memcpy(text, good, i);
        text[i] = '\0';
        memcpy(text + i + 1, good + i, sizeof(good) - 1 - i);
        assert_false(cs_jdoc_parse(&doc, text, sizeof(text), NULL, NULL));
    }
}

static void test_every_prefix_is_refused(void **state)
{
    (void)state;
    static const char text[] =
        "{\"a\\n\\ud834\\udd1e\":[1,-2.5e+10,\"x\xe2\x82\xac\\u00e9yyyyyyyyyyyyy\",true,false,null,"
        "{},[],{\"b\":{\"c\":[[\"d\"]]}}]}";

    for (size_t len = 0; len < sizeof(text); len++) {
        cs_autojdoc doc = {0};
        cs_autofree char *copy = NULL;
        struct cs_error err = CS_ERROR_INIT;

        assert_int_equal(parse_exact(&doc, text, len, NULL, &err, &copy), len == sizeof(text) - 1);
    }
}

static void test_every_byte_in_every_place_of_a_word(void **state)
{
    (void)state;
    /* The eight-at-a-time scanner must find each byte wherever it lies, and only those that matter. */
    for (int at = 0; at < 20; at++) {
        for (int c = 0; c < 256; c++) {
            char text[22];
            cs_autojdoc doc = {0};

            memset(text, 'z', sizeof(text));
            text[0] = '"';
            text[21] = '"';
            text[1 + at] = (char)c;
            bool fine = c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
            /* a backslash before the closing quote escapes it, before 'z' it is an invalid escape: never fine */
            if (cs_jdoc_parse(&doc, text, sizeof(text), NULL, NULL) != fine)
                fail_msg("byte 0x%02x at %d: expected accepted %d", (unsigned)c, at, fine);
        }
    }
}

static char *nested(char open, char close, unsigned depth)
{
    char *text = malloc(2 * (size_t)depth + 1);

    assert_non_null(text);
    memset(text, open, depth);
    memset(text + depth, close, depth);
    text[2 * (size_t)depth] = '\0';
    return text;
}

static void test_depth_limit(void **state)
{
    (void)state;
    cs_autofree char *just = nested('[', ']', 100);
    cs_autofree char *above = nested('[', ']', 101);
    cs_autofree char *absurd = nested('[', ']', 3000000);
    cs_autojdoc doc = {0};
    struct cs_error err = CS_ERROR_INIT;

    assert_true(cs_jdoc_parse(&doc, just, 200, NULL, &err));
    assert_false(cs_jdoc_parse(&doc, above, 202, NULL, &err));
    assert_int_equal(err.kind, CS_ERR_TOO_LARGE);
    assert_string_equal(err.message, "offset 100: nested too deep, the limit is 100");
    assert_false(cs_jdoc_parse(&doc, absurd, 6000000, NULL, &err));
    assert_string_equal(err.message, "offset 100: nested too deep, the limit is 100");
}

static void test_no_depth_overflows_the_stack(void **state)
{
    (void)state;
    const struct cs_json_limits wide = {.max_bytes = 8000000, .max_depth = 4000000, .max_nodes = 4000000};
    cs_autofree char *absurd = nested('[', ']', 3000000);
    cs_autojdoc doc = {0};

    assert_true(cs_jdoc_parse(&doc, absurd, 6000000, &wide, NULL));
    assert_int_equal(doc.n_nodes, 3000000);
}

static void test_depth_counts_siblings_once(void **state)
{
    (void)state;
    const struct cs_json_limits two = {.max_bytes = 1000, .max_depth = 2, .max_nodes = 100};
    cs_autojdoc doc = {0};

    assert_true(cs_jdoc_parse(&doc, "[[],[],{},[],[1]]", 17, &two, NULL));
    assert_false(cs_jdoc_parse(&doc, "[[],[[]]]", 9, &two, NULL));
}

static void test_size_and_node_limits(void **state)
{
    (void)state;
    const struct cs_json_limits small = {.max_bytes = 20, .max_depth = 10, .max_nodes = 4};
    cs_autojdoc doc = {0};
    struct cs_error err = CS_ERROR_INIT;

    assert_true(cs_jdoc_parse(&doc, "[1,2,3]             ", 20, &small, &err));
    assert_false(cs_jdoc_parse(&doc, "[1,2,3]              ", 21, &small, &err));
    assert_int_equal(err.kind, CS_ERR_TOO_LARGE);
    assert_string_equal(err.message, "document of 21 bytes, the limit is 20");
    assert_false(cs_jdoc_parse(&doc, "[1,2,3,4]", 9, &small, &err));
    assert_int_equal(err.kind, CS_ERR_TOO_LARGE);
    assert_string_equal(err.message, "offset 7: too many values, the limit is 4");
    /* also when the array of an earlier document has room for more */
    assert_true(cs_jdoc_parse(&doc, "[1,2,3,4]", 9, NULL, &err));
    assert_false(cs_jdoc_parse(&doc, "[1,2,3,4]", 9, &small, &err));
}

static void test_open_containers_survive_more_room(void **state)
{
    (void)state;
    /* An object around 1,000 lists of 3: the array of nodes grows several times while it is open, once while any kind of value comes. */
    enum { LISTS = 1000 };
    cs_autostrbuf text = CS_STRBUF_INIT;
    cs_autojdoc doc = {0};
    size_t n = 0;

    for (int i = 0; i < LISTS; i++)
        cs_strbuf_adds(&text, i ? ",[[],\"\",{}]" : "{\"a\":[[[],\"\",{}]");
    cs_strbuf_adds(&text, "]}");
    assert_true(cs_jdoc_parse(&doc, cs_strbuf_str(&text), text.len, NULL, NULL));
    struct cs_json root = cs_jdoc_root(&doc), list = cs_json_get(root, "a");
    assert_int_equal(doc.n_nodes, 2 + LISTS * 4);
    assert_int_equal(root.node->size, doc.n_nodes);
    assert_int_equal(cs_json_count(root), 1);
    assert_int_equal(cs_json_count(list), LISTS);
    cs_json_foreach (item, list) {
        n++;
        assert_int_equal(item.node->size, 4);
        assert_int_equal(cs_json_count(item), 3);
        assert_true(cs_str_eqz(cs_json_raw(item), "[[],\"\",{}]"));
    }
    assert_int_equal(n, LISTS);
}

static void test_a_document_can_be_reused(void **state)
{
    (void)state;
    cs_autojdoc doc = {0};

    assert_true(cs_jdoc_parse(&doc, "[1,2]", 5, NULL, NULL));
    const struct cs_jnode *nodes = doc.nodes;
    assert_true(cs_jdoc_parse(&doc, "{}", 2, NULL, NULL));
    assert_ptr_equal(doc.nodes, nodes);
    assert_int_equal(doc.n_nodes, 1);
    assert_false(cs_jdoc_parse(&doc, "[1,2", 4, NULL, NULL));
    assert_false(cs_json_exists(cs_jdoc_root(&doc)));
    assert_false(cs_jdoc_parse(&doc, NULL, 0, NULL, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accepted),
        cmocka_unit_test(test_refused_words_and_ends),
        cmocka_unit_test(test_refused_numbers),
        cmocka_unit_test(test_refused_strings),
        cmocka_unit_test(test_refused_arrays_and_objects),
        cmocka_unit_test(test_nul_bytes_are_refused_everywhere),
        cmocka_unit_test(test_every_prefix_is_refused),
        cmocka_unit_test(test_every_byte_in_every_place_of_a_word),
        cmocka_unit_test(test_depth_limit),
        cmocka_unit_test(test_no_depth_overflows_the_stack),
        cmocka_unit_test(test_depth_counts_siblings_once),
        cmocka_unit_test(test_size_and_node_limits),
        cmocka_unit_test(test_open_containers_survive_more_room),
        cmocka_unit_test(test_a_document_can_be_reused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
