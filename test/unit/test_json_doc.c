/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading a parsed document: exact spans, decoded strings and keys, exact integers, and that absent values are safe.
 */
#include "common/json/json_doc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Parses a literal text that outlives the document. */
static struct cs_json parsed(struct cs_jdoc *doc, const char *text)
{
    struct cs_error err = CS_ERROR_INIT;

    if (!cs_jdoc_parse(doc, text, strlen(text), NULL, &err))
        fail_msg("%s: %s", text, err.message);
    return cs_jdoc_root(doc);
}

static void assert_raw(struct cs_json v, const char *want)
{
    struct cs_str raw = cs_json_raw(v);

    if (!cs_str_eqz(raw, want))
        fail_msg("span \"%.*s\" instead of \"%s\"", (int)raw.len, raw.p ? raw.p : "", want);
}

static void test_spans_are_exact(void **state)
{
    (void)state;
    cs_autojdoc doc = {0};
    struct cs_json v = parsed(&doc, " { \"a\" : [ 1 , -2.50 , \"x\\n\" , [ ] ] , \"b\":{\"c\":null , \"d\":true} } ");

    assert_raw(v, "{ \"a\" : [ 1 , -2.50 , \"x\\n\" , [ ] ] , \"b\":{\"c\":null , \"d\":true} }");
    assert_raw(cs_json_get(v, "a"), "[ 1 , -2.50 , \"x\\n\" , [ ] ]");
    assert_raw(cs_json_index(cs_json_get(v, "a"), 1), "-2.50");
    assert_raw(cs_json_index(cs_json_get(v, "a"), 2), "\"x\\n\"");
    assert_raw(cs_json_index(cs_json_get(v, "a"), 3), "[ ]");
    assert_raw(cs_json_get(v, "b"), "{\"c\":null , \"d\":true}");
    assert_raw(cs_json_at(v, "b", "c", NULL), "null");
    assert_raw(cs_json_at(v, "b", "d", NULL), "true");
    assert_int_equal(cs_json_key_raw(cs_json_at(v, "b", "d", NULL)).len, 1);
}

static void test_walking(void **state)
{
    (void)state;
    cs_autojdoc doc = {0};
    struct cs_json v = parsed(&doc, "{\"a\":[[1,2],[3]],\"b\":{},\"c\":[{\"x\":[]}],\"d\":4}");
    const char *want = "abcd";
    size_t n = 0;

    assert_int_equal(cs_json_count(v), 4);
    cs_json_foreach (member, v) {
        assert_true(cs_str_eq(cs_json_key_raw(member), (struct cs_str){.p = &want[n], .len = 1}));
        n++;
    }
    assert_int_equal(n, 4);
    assert_int_equal(cs_json_count(cs_json_get(v, "a")), 2);
    assert_int_equal(cs_json_count(cs_json_index(cs_json_get(v, "a"), 0)), 2);
    assert_raw(cs_json_index(cs_json_index(cs_json_get(v, "a"), 1), 0), "3");
    assert_false(cs_json_exists(cs_json_index(cs_json_get(v, "a"), 2)));
    assert_false(cs_json_exists(cs_json_first(cs_json_get(v, "b"))));
    assert_int_equal(cs_json_count(cs_json_get(v, "d")), 0);
    assert_false(cs_json_exists(cs_json_first(cs_json_get(v, "d"))));
}

static void test_lookups_are_exact_and_the_last_duplicate_wins(void **state)
{
    (void)state;
    cs_autojdoc doc = {0};
    struct cs_json v =
        parsed(&doc, "{\"Name\":0,\"name\":1,\"na\\u006de\":2,\"nam\":3,\"names\":4,\"\":5,\"tab\\t\":6}");

    assert_raw(cs_json_get(v, "name"), "2");
    assert_raw(cs_json_get(v, "Name"), "0");
    assert_raw(cs_json_get(v, "nam"), "3");
    assert_raw(cs_json_get(v, ""), "5");
    assert_raw(cs_json_get(v, "tab\t"), "6");
    assert_false(cs_json_exists(cs_json_get(v, "NAME")));
    assert_false(cs_json_exists(cs_json_get(v, "tab\\t")));
    assert_false(cs_json_exists(cs_json_get(v, "na")));
    assert_false(cs_json_exists(cs_json_get(v, NULL)));
    assert_raw(cs_json_getn(v, (struct cs_str){"names", 4}), "2");
    assert_true(cs_json_key_is(cs_json_get(v, "name"), "name"));
    assert_false(cs_json_key_is(cs_json_get(v, "name"), "na\\u006de"));
}

static void test_strings_decoded(void **state)
{
    (void)state;
    static const struct {
        const char *json, *decoded;
    } rows[] = {
        {"\"\"", ""},
        {"\"plain\"", "plain"},
        {"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t"},
        {"\"a\\u0041b\"", "aAb"},
        {"\"\\u00e9\\u20AC\"", "\xc3\xa9\xe2\x82\xac"},
        {"\"\\ud834\\udd1E!\"", "\xf0\x9d\x84\x9e!"},
        {"\"\\udbff\\udfff\"", "\xf4\x8f\xbf\xbf"},
        {"\"\\ud800\\udc00\"", "\xf0\x90\x80\x80"},
        {"\"\\u007f\\u0080\\u07ff\\u0800\\uffff\"", "\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf"},
        {"\"\\u0001\"", "\x01"},
        {"\"\\\\u0041\"", "\\u0041"},
    };

    for (size_t i = 0; i < CS_ARRAY_LEN(rows); i++) {
        cs_autojdoc doc = {0};
        struct cs_json v = parsed(&doc, rows[i].json);
        cs_autofree char *copy = cs_json_str_dup(v);
        struct cs_str borrowed = {NULL, 0};
        bool escaped = strchr(rows[i].json, '\\') != NULL;

        assert_string_equal(copy, rows[i].decoded);
        assert_true(cs_json_str_is(v, rows[i].decoded));
        assert_int_equal(cs_json_str_borrow(v, &borrowed), !escaped);
        if (!escaped)
            assert_true(cs_str_eqz(borrowed, rows[i].decoded));
    }
}

static void test_string_comparison_looks_at_the_whole(void **state)
{
    (void)state;
    cs_autojdoc doc = {0};
    struct cs_json v = parsed(&doc, "\"a\\u0062c\"");

    assert_true(cs_json_str_is(v, "abc"));
    assert_false(cs_json_str_is(v, "ab"));
    assert_false(cs_json_str_is(v, "abcd"));
    assert_false(cs_json_str_is(v, "aXc"));
    assert_false(cs_json_str_is(v, ""));
    assert_false(cs_json_str_is(v, NULL));
}

static void test_keys_decoded(void **state)
{
    (void)state;
    cs_autojdoc doc = {0};
    struct cs_json v = parsed(&doc, "{\"a\\/b\":1,\"\":2,\"plain\":[3]}");
    cs_autofree char *first = cs_json_key_dup(cs_json_get(v, "a/b"));
    cs_autofree char *empty = cs_json_key_dup(cs_json_get(v, ""));

    assert_string_equal(first, "a/b");
    assert_string_equal(empty, "");
    assert_null(cs_json_key_dup(v));
    assert_null(cs_json_key_dup(cs_json_index(cs_json_get(v, "plain"), 0)));
    assert_false(cs_json_key_is(v, ""));
    assert_true(cs_json_key_is(cs_json_get(v, ""), ""));
}

static void test_integers_are_exact(void **state)
{
    (void)state;
    static const struct {
        const char *json;
        bool i64, i32, u64;
        int64_t value;
    } rows[] = {
        {"0", true, true, true, 0},
        {"-0", true, true, false, 0},
        {"2147483647", true, true, true, INT32_MAX},
        {"2147483648", true, false, true, 2147483648},
        {"-2147483648", true, true, false, INT32_MIN},
        {"9223372036854775807", true, false, true, INT64_MAX},
        {"9223372036854775808", false, false, true, INT64_MIN},
        {"-9223372036854775808", true, false, false, INT64_MIN},
        {"-9223372036854775809", false, false, false, 0},
        {"18446744073709551615", false, false, true, -1},
        {"18446744073709551616", false, false, false, 0},
        {"1e3", false, false, false, 0},
        {"1.0", false, false, false, 0},
        {"\"5\"", false, false, false, 0},
        {"true", false, false, false, 0},
        {"null", false, false, false, 0},
        {"[5]", false, false, false, 0},
    };

    for (size_t i = 0; i < CS_ARRAY_LEN(rows); i++) {
        cs_autojdoc doc = {0};
        struct cs_json v = parsed(&doc, rows[i].json);
        int64_t i64 = 99;
        int32_t i32 = 99;
        uint64_t u64 = 99;
        bool ok64 = cs_json_i64(v, &i64);
        bool ok32 = cs_json_i32(v, &i32);
        bool oku = cs_json_u64(v, &u64);

        if (ok64 != rows[i].i64 || ok32 != rows[i].i32 || oku != rows[i].u64)
            fail_msg("%s: i64 %d, i32 %d, u64 %d", rows[i].json, ok64, ok32, oku);
        assert_int_equal(i64, ok64 ? rows[i].value : 99);
        assert_int_equal(i32, ok32 ? rows[i].value : 99);
        assert_int_equal(u64, oku ? (uint64_t)rows[i].value : 99);
    }
}

static void test_booleans(void **state)
{
    (void)state;
    cs_autojdoc doc = {0};
    struct cs_json v = parsed(&doc, "[true,false,null,1,\"true\"]");
    bool b = false;

    assert_true(cs_json_bool(cs_json_index(v, 0), &b));
    assert_true(b);
    assert_true(cs_json_bool(cs_json_index(v, 1), &b));
    assert_false(b);
    for (size_t i = 2; i < 5; i++)
        assert_false(cs_json_bool(cs_json_index(v, i), &b));
}

static void test_type_names(void **state)
{
    (void)state;
    static const char *const names[] = {"null", "boolean", "boolean", "number", "string", "array", "object", "absent"};
    cs_autojdoc doc = {0};
    struct cs_json v = parsed(&doc, "[null,true,false,1,\"\",[],{}]");

    for (size_t i = 0; i < CS_ARRAY_LEN(names); i++)
        assert_string_equal(cs_json_type_name(cs_json_index(v, i)), names[i]);
    assert_true(cs_json_is_null(cs_json_index(v, 0)));
    assert_true(cs_json_is_null(cs_json_index(v, 7)));
    assert_false(cs_json_is_null(cs_json_index(v, 1)));
}

static void test_absent_values_are_safe_everywhere(void **state)
{
    (void)state;
    const struct cs_json none = {.doc = NULL, .node = NULL};
    struct cs_str s;
    int64_t i64;
    int32_t i32;
    uint64_t u64;
    bool b;
    struct cs_json *members;

    assert_false(cs_json_exists(cs_jdoc_root(NULL)));
    assert_true(cs_json_is_null(none));
    assert_false(cs_json_is(none, CS_J_NULL));
    assert_string_equal(cs_json_type_name(none), "absent");
    assert_false(cs_json_exists(cs_json_get(none, "a")));
    assert_false(cs_json_exists(cs_json_at(none, "a", "b", NULL)));
    assert_false(cs_json_exists(cs_json_index(none, 0)));
    assert_false(cs_json_exists(cs_json_first(none)));
    assert_false(cs_json_exists(cs_json_next(none, none)));
    assert_int_equal(cs_json_count(none), 0);
    assert_null(cs_json_raw(none).p);
    assert_null(cs_json_key_raw(none).p);
    assert_false(cs_json_key_is(none, "a"));
    assert_null(cs_json_key_dup(none));
    assert_false(cs_json_str_borrow(none, &s));
    assert_null(cs_json_str_dup(none));
    assert_false(cs_json_str_is(none, ""));
    assert_false(cs_json_i64(none, &i64));
    assert_false(cs_json_i32(none, &i32));
    assert_false(cs_json_u64(none, &u64));
    assert_false(cs_json_bool(none, &b));
    assert_int_equal(cs_json_members(none, true, &members), 0);
    assert_null(members);
    assert_true(cs_json_equal(none, none));
    cs_json_foreach (child, none)
        fail();
}

static void test_accessors_of_the_wrong_type_answer_absent(void **state)
{
    (void)state;
    cs_autojdoc doc = {0};
    struct cs_json v = parsed(&doc, "[{\"a\":1},\"s\",5]");

    assert_false(cs_json_exists(cs_json_get(v, "a")));
    assert_false(cs_json_exists(cs_json_get(cs_json_index(v, 1), "a")));
    assert_false(cs_json_exists(cs_json_index(cs_json_index(v, 0), 0)));
    assert_null(cs_json_str_dup(cs_json_index(v, 2)));
    assert_false(cs_json_str_is(cs_json_index(v, 2), "5"));
    assert_false(cs_json_exists(cs_json_at(v, "a", "b", NULL)));
}

static void test_members_without_losers(void **state)
{
    (void)state;
    cs_autojdoc doc = {0};
    struct cs_json v = parsed(&doc, "{\"c\":1,\"\\u0062\":2,\"a\":3,\"b\":4,\"c\":5,\"aa\":6}");
    cs_autofree struct cs_json *sorted = NULL;
    cs_autofree struct cs_json *placed = NULL;

    assert_int_equal(cs_json_members(v, true, &sorted), 4);
    assert_raw(sorted[0], "3");
    assert_raw(sorted[1], "6");
    assert_raw(sorted[2], "4");
    assert_raw(sorted[3], "5");
    assert_int_equal(cs_json_members(v, false, &placed), 4);
    assert_raw(placed[0], "3");
    assert_raw(placed[1], "4");
    assert_raw(placed[2], "5");
    assert_raw(placed[3], "6");
}

static void test_deep_equality(void **state)
{
    (void)state;
    static const struct {
        const char *a, *b;
        bool equal;
    } rows[] = {
        {"1", "1", true},
        {"1", "2", false},
        {"1", "1.0", false},
        {"0", "-0", true},
        {"1e2", "100", false},
        {"9223372036854775808", "9223372036854775808", true},
        {"9223372036854775808", "9223372036854775809", false},
        {"1", "\"1\"", false},
        {"null", "false", false},
        {"true", "false", false},
        {"\"a\\u0062\"", "\"ab\"", true},
        {"\"\\u00e9\"", "\"\xc3\xa9\"", true},
        {"\"ab\"", "\"abc\"", false},
        {"\"a\\n\"", "\"a\\nb\"", false},
        {"[]", "{}", false},
        {"[1,2]", "[1, 2]", true},
        {"[1,2]", "[2,1]", false},
        {"[1,2]", "[1,2,3]", false},
        {"{\"a\":1,\"b\":2}", "{\"b\":2,\"a\":1}", true},
        {"{\"a\":1,\"b\":2}", "{\"a\":1}", false},
        {"{\"a\":1}", "{\"b\":1}", false},
        {"{\"a\":1,\"a\":2}", "{\"a\":2}", true},
        {"{\"a\":1,\"a\":2}", "{\"a\":1}", false},
        {"{\"a\":1,\"\\u0061\":2}", "{\"a\":3,\"a\":2}", true},
        {"{\"a\":{\"x\":[1,{\"y\":\"z\"}],\"w\":0}}", "{ \"a\" : {\"w\":-0,\"x\":[1,{\"y\":\"\\u007a\"}]} }", true},
        {"{\"a\":{\"x\":[1,{\"y\":\"z\"}]}}", "{\"a\":{\"x\":[1,{\"y\":\"Z\"}]}}", false},
        {"{\"a\":null}", "{}", false},
        /* the same keys in the same places, but one is there twice, and what it says first does not count */
        {"{\"a\":1,\"a\":2}", "{\"a\":3,\"a\":2}", true},
        {"{\"a\":1,\"b\":5,\"a\":2}", "{\"a\":3,\"b\":5,\"a\":2}", true},
        {"{\"a\":1,\"b\":5,\"a\":2}", "{\"a\":1,\"b\":5,\"a\":3}", false},
        {"{\"a\":1,\"\\u0061\":2}", "{\"a\":3,\"\\u0061\":2}", true},
        /* the same keys in the same places, in no order */
        {"{\"b\":1,\"a\":2}", "{\"b\":1,\"a\":2.0}", false},
        {"{\"b\":1,\"a\":-0}", "{\"b\":1,\"a\":0}", true},
        /* in order only when decoded, and only when not */
        {"{\"\\u0061\":-0,\"b\":1}", "{\"\\u0061\":0,\"b\":1}", true},
        {"{\"b\":-0,\"\\u0061\":1,\"\\u0062\":1}", "{\"b\":7,\"\\u0061\":1,\"\\u0062\":1}", true},
        {"{\"\":-0,\"a\":1}", "{\"\":0,\"a\":1}", true},
    };

    for (size_t i = 0; i < CS_ARRAY_LEN(rows); i++) {
        cs_autojdoc da = {0};
        cs_autojdoc db = {0};
        struct cs_json a = parsed(&da, rows[i].a);
        struct cs_json b = parsed(&db, rows[i].b);

        if (cs_json_equal(a, b) != rows[i].equal || cs_json_equal(b, a) != rows[i].equal)
            fail_msg("%s and %s: expected equal %d", rows[i].a, rows[i].b, rows[i].equal);
        assert_false(cs_json_equal(a, (struct cs_json){NULL, NULL}));
    }
}

/* {"k0":0,…}, in falling order of the numbers when `down`. */
static char *many_members(unsigned n, bool down)
{
    char *text = malloc((size_t)n * 24 + 3);
    size_t len = 1;

    assert_non_null(text);
    text[0] = '{';
    for (unsigned i = 0; i < n; i++) {
        unsigned k = down ? n - 1 - i : i;

        len += (size_t)snprintf(text + len, 25, "%s\"k%u\":%u", i ? "," : "", k, k);
    }
    text[len] = '}';
    text[len + 1] = '\0';
    return text;
}

static void test_objects_of_many_members_compare_in_time(void **state)
{
    (void)state;
    cs_autofree char *up = many_members(200000, false);
    cs_autofree char *down = many_members(200000, true);
    cs_autojdoc da = {0};
    cs_autojdoc db = {0};

    /* 4 * 10^10 comparisons, were it quadratic: the test would not end */
    assert_true(cs_json_equal(parsed(&da, up), parsed(&db, down)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_spans_are_exact),
        cmocka_unit_test(test_walking),
        cmocka_unit_test(test_lookups_are_exact_and_the_last_duplicate_wins),
        cmocka_unit_test(test_strings_decoded),
        cmocka_unit_test(test_string_comparison_looks_at_the_whole),
        cmocka_unit_test(test_keys_decoded),
        cmocka_unit_test(test_integers_are_exact),
        cmocka_unit_test(test_booleans),
        cmocka_unit_test(test_type_names),
        cmocka_unit_test(test_absent_values_are_safe_everywhere),
        cmocka_unit_test(test_accessors_of_the_wrong_type_answer_absent),
        cmocka_unit_test(test_members_without_losers),
        cmocka_unit_test(test_deep_equality),
        cmocka_unit_test(test_objects_of_many_members_compare_in_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
