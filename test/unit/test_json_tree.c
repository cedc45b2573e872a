/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The mutable tree: numbers keep their text, keys their case, lists stay whole under every change.
 */
#include "common/json/json_tree.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct cs_jtree *tree(const char *text)
{
    cs_autojdoc doc = {0};
    struct cs_error err = CS_ERROR_INIT;

    if (!cs_jdoc_parse(&doc, text, strlen(text), NULL, &err))
        fail_msg("%s: %s", text, err.message);
    return cs_jtree_from(cs_jdoc_root(&doc));
}

static void assert_prints(const struct cs_jtree *t, const char *want)
{
    cs_autostrbuf out = CS_STRBUF_INIT;

    cs_jtree_print(t, &out, false);
    assert_string_equal(cs_strbuf_str(&out), want);
}

static void test_printing_gives_back_what_was_read(void **state)
{
    (void)state;
    static const struct {
        const char *in, *out;
    } rows[] = {
        {"null", "null"},
        {"[true,false]", "[true,false]"},
        {"[9223372036854775807,-0,1.50,1e3,123456789012345678901234567890]",
            "[9223372036854775807,-0,1.50,1e3,123456789012345678901234567890]"},
        {"\"a\\u0062\\n\\/\"", "\"ab\\n/\""},
        {" { \"b\" : [ ] , \"a\" : { } } ", "{\"b\":[],\"a\":{}}"},
        {"{\"a\":1,\"b\":2,\"\\u0061\":3}", "{\"b\":2,\"a\":3}"},
        {"{\"A\":1,\"a\":2}", "{\"A\":1,\"a\":2}"},
        {"{\"a\\\"\":1}", "{\"a\\\"\":1}"},
        {"{\"\":{\"\":[[],[{}]]}}", "{\"\":{\"\":[[],[{}]]}}"},
    };

    for (size_t i = 0; i < CS_ARRAY_LEN(rows); i++) {
        cs_autojtree *t = tree(rows[i].in);

        assert_prints(t, rows[i].out);
        cs_autojtree *copy = cs_jtree_dup(t);
        assert_prints(copy, rows[i].out);
        assert_true(cs_jtree_equal(t, copy));
    }
}

static void test_html_escape(void **state)
{
    (void)state;
    cs_autojtree *t = tree("{\"<\":\"a&b\"}");
    cs_autostrbuf out = CS_STRBUF_INIT;

    cs_jtree_print(t, &out, true);
    assert_string_equal(cs_strbuf_str(&out), "{\"\\u003c\":\"a\\u0026b\"}");
}

static void test_absent_gives_null(void **state)
{
    (void)state;
    assert_null(cs_jtree_from((struct cs_json){NULL, NULL}));
    assert_null(cs_jtree_dup(NULL));
    cs_jtree_free(NULL);
}

static void test_reading_is_null_safe_and_typed(void **state)
{
    (void)state;
    cs_autojtree *t = tree("{\"s\":\"x\",\"n\":12.0,\"b\":true,\"z\":null,\"a\":[1,2]}");

    assert_string_equal(cs_jtree_str(cs_jtree_get(t, "s")), "x");
    assert_null(cs_jtree_str(cs_jtree_get(t, "n")));
    assert_string_equal(cs_jtree_number(cs_jtree_get(t, "n")), "12.0");
    assert_null(cs_jtree_number(cs_jtree_get(t, "s")));
    assert_null(cs_jtree_str(NULL));
    assert_null(cs_jtree_number(NULL));
    assert_null(cs_jtree_key(NULL));
    assert_null(cs_jtree_key(t));
    assert_string_equal(cs_jtree_key(cs_jtree_get(t, "b")), "b");
    assert_int_equal(cs_jtree_type(cs_jtree_get(t, "b")), CS_J_TRUE);
    assert_int_equal(cs_jtree_type(cs_jtree_get(t, "z")), CS_J_NULL);
    assert_true(cs_jtree_is(cs_jtree_get(t, "a"), CS_J_ARRAY));
    assert_false(cs_jtree_is(NULL, CS_J_NULL));
    assert_int_equal(cs_jtree_count(t), 5);
    assert_int_equal(cs_jtree_count(NULL), 0);
    assert_string_equal(cs_jtree_number(cs_jtree_index(cs_jtree_get(t, "a"), 1)), "2");
    assert_null(cs_jtree_index(cs_jtree_get(t, "a"), 2));
    assert_null(cs_jtree_index(t, 0));
    assert_null(cs_jtree_index(NULL, 0));
    assert_null(cs_jtree_get(NULL, "a"));
    assert_null(cs_jtree_get(cs_jtree_get(t, "s"), "a"));
    assert_null(cs_jtree_get(t, "S"));
    assert_null(cs_jtree_first(NULL));
    assert_null(cs_jtree_next(NULL));
}

static void test_set_adds_and_replaces_in_place(void **state)
{
    (void)state;
    cs_autojtree *t = cs_jtree_new_obj();

    cs_jtree_set(t, "a", cs_jtree_new_i64(INT64_MIN));
    cs_jtree_set(t, "b", cs_jtree_new_str("x\"y"));
    struct cs_jtree *arr = cs_jtree_set(t, "c", cs_jtree_new_arr());
    cs_jtree_append(arr, cs_jtree_new_bool(true));
    cs_jtree_append(arr, cs_jtree_new_null());
    cs_jtree_set(t, "A", cs_jtree_new_bool(false));
    assert_prints(t, "{\"a\":-9223372036854775808,\"b\":\"x\\\"y\",\"c\":[true,null],\"A\":false}");
    cs_jtree_set(t, "b", cs_jtree_new_i64(1));
    cs_jtree_set(t, "A", cs_jtree_new_i64(2));
    cs_jtree_set(t, "a", cs_jtree_new_i64(3));
    cs_jtree_set(t, "d", cs_jtree_new_i64(4));
    assert_prints(t, "{\"a\":3,\"b\":1,\"c\":[true,null],\"A\":2,\"d\":4}");
    struct cs_jtree *same = cs_jtree_get(t, "c");
    assert_ptr_equal(cs_jtree_set(t, "c", same), same);
    assert_prints(t, "{\"a\":3,\"b\":1,\"c\":[true,null],\"A\":2,\"d\":4}");
}

static void test_the_only_member_can_be_replaced(void **state)
{
    (void)state;
    cs_autojtree *t = tree("{\"a\":1}");

    cs_jtree_set(t, "a", cs_jtree_new_i64(2));
    cs_jtree_set(t, "b", cs_jtree_new_i64(3));
    assert_prints(t, "{\"a\":2,\"b\":3}");
}

static void test_removing_keeps_the_list_whole(void **state)
{
    (void)state;
    /* remove each position in turn, then append: a broken tail link would lose what comes after */
    for (size_t at = 0; at < 4; at++) {
        cs_autojtree *t = tree("[0,1,2,3]");

        cs_jtree_remove(t, cs_jtree_index(t, at));
        cs_jtree_append(t, cs_jtree_new_i64(4));
        cs_jtree_prepend(t, cs_jtree_new_i64(-1));
        assert_int_equal(cs_jtree_count(t), 5);
        assert_string_equal(cs_jtree_number(cs_jtree_index(t, 0)), "-1");
        assert_string_equal(cs_jtree_number(cs_jtree_index(t, 4)), "4");
    }
}

static void test_emptied_lists_can_be_filled_again(void **state)
{
    (void)state;
    cs_autojtree *t = tree("{\"a\":1}");

    cs_jtree_del(t, "a");
    cs_jtree_del(t, "a");
    cs_jtree_del(t, "never");
    assert_prints(t, "{}");
    cs_jtree_set(t, "b", cs_jtree_new_i64(1));
    cs_jtree_set(t, "c", cs_jtree_new_i64(2));
    assert_prints(t, "{\"b\":1,\"c\":2}");
    cs_autojtree *arr = cs_jtree_new_arr();
    cs_jtree_prepend(arr, cs_jtree_new_i64(2));
    cs_jtree_prepend(arr, cs_jtree_new_i64(1));
    cs_jtree_append(arr, cs_jtree_new_i64(3));
    assert_prints(arr, "[1,2,3]");
}

static void test_del_is_case_sensitive(void **state)
{
    (void)state;
    cs_autojtree *t = tree("{\"A\":1,\"a\":2}");

    cs_jtree_del(t, "a");
    assert_prints(t, "{\"A\":1}");
}

static void test_sorting_is_deep_and_bytewise(void **state)
{
    (void)state;
    cs_autojtree *t =
        tree("{\"b\":[{\"z\":1,\"y\":2},3],\"aa\":1,\"a\":{\"d\":1,\"c\":2},\"B\":0,\"\xc3\xa9\":5,\"\":6}");

    cs_jtree_sort(t);
    assert_prints(t, "{\"\":6,\"B\":0,\"a\":{\"c\":2,\"d\":1},\"aa\":1,\"b\":[{\"y\":2,\"z\":1},3],\"\xc3\xa9\":5}");
    /* and the list is whole afterwards */
    cs_jtree_set(t, "z", cs_jtree_new_null());
    cs_jtree_del(t, "");
    cs_jtree_append(cs_jtree_get(t, "b"), cs_jtree_new_i64(4));
    assert_prints(
        t, "{\"B\":0,\"a\":{\"c\":2,\"d\":1},\"aa\":1,\"b\":[{\"y\":2,\"z\":1},3,4],\"\xc3\xa9\":5,\"z\":null}");
    cs_jtree_sort(NULL);
}

static void test_a_copy_is_independent(void **state)
{
    (void)state;
    cs_autojtree *t = tree("{\"a\":{\"b\":[1]}}");
    cs_autojtree *copy = cs_jtree_dup(cs_jtree_get(t, "a"));

    assert_null(cs_jtree_key(copy)); /* a root, no member any more */
    cs_jtree_append(cs_jtree_get(copy, "b"), cs_jtree_new_i64(2));
    cs_jtree_set(copy, "c", cs_jtree_new_null());
    assert_prints(t, "{\"a\":{\"b\":[1]}}");
    assert_prints(copy, "{\"b\":[1,2],\"c\":null}");
    cs_jtree_set(t, "x", cs_take(copy));
    assert_prints(t, "{\"a\":{\"b\":[1]},\"x\":{\"b\":[1,2],\"c\":null}}");
}

static void test_deep_equality(void **state)
{
    (void)state;
    static const struct {
        const char *a, *b;
        bool equal;
    } rows[] = {
        {"1", "1", true},
        {"1", "1.0", false},
        {"0", "-0", true},
        {"1", "\"1\"", false},
        {"null", "null", true},
        {"null", "false", false},
        {"true", "true", true},
        {"true", "false", false},
        {"\"\\u0061\"", "\"a\"", true},
        {"\"a\"", "\"b\"", false},
        {"[1,2]", "[1,2]", true},
        {"[1,2]", "[2,1]", false},
        {"[1]", "[1,1]", false},
        {"[]", "{}", false},
        {"{\"a\":1,\"b\":[{\"c\":2,\"d\":3}]}", "{\"b\":[{\"d\":3,\"c\":2}],\"a\":1}", true},
        {"{\"a\":1}", "{\"a\":1,\"b\":2}", false},
        {"{\"a\":1}", "{\"A\":1}", false},
        {"{\"a\":1}", "{\"a\":2}", false},
    };

    for (size_t i = 0; i < CS_ARRAY_LEN(rows); i++) {
        cs_autojtree *a = tree(rows[i].a);
        cs_autojtree *b = tree(rows[i].b);

        if (cs_jtree_equal(a, b) != rows[i].equal || cs_jtree_equal(b, a) != rows[i].equal)
            fail_msg("%s and %s: expected equal %d", rows[i].a, rows[i].b, rows[i].equal);
        assert_false(cs_jtree_equal(a, NULL));
    }
    assert_true(cs_jtree_equal(NULL, NULL));
}

static void test_the_deepest_document_makes_a_tree(void **state)
{
    (void)state;
    char text[201];

    memset(text, '[', 100);
    memset(text + 100, ']', 100);
    text[200] = '\0';
    cs_autojtree *t = tree(text);
    assert_prints(t, text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_printing_gives_back_what_was_read),
        cmocka_unit_test(test_html_escape),
        cmocka_unit_test(test_absent_gives_null),
        cmocka_unit_test(test_reading_is_null_safe_and_typed),
        cmocka_unit_test(test_set_adds_and_replaces_in_place),
        cmocka_unit_test(test_the_only_member_can_be_replaced),
        cmocka_unit_test(test_removing_keeps_the_list_whole),
        cmocka_unit_test(test_emptied_lists_can_be_filled_again),
        cmocka_unit_test(test_del_is_case_sensitive),
        cmocka_unit_test(test_sorting_is_deep_and_bytewise),
        cmocka_unit_test(test_a_copy_is_independent),
        cmocka_unit_test(test_deep_equality),
        cmocka_unit_test(test_the_deepest_document_makes_a_tree),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
