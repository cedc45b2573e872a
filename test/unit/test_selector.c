/* SPDX-License-Identifier: Apache-2.0 */
/*
 * selector: matching, validity, the printed form, and that a broken selector never matches more.
 */
#include "common/api/selector.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "test/unit/api_fixture.h"

#define EXPR(text) "{\"matchExpressions\":[" text "]}"
#define LABELS "{\"app\":\"web\",\"tier\":\"1\",\"empty\":\"\"}"

static const struct {
    const char *what, *selector;
    bool matches, valid; /* against LABELS */
} rows[] = {
    {"an absent selector matches nothing", "null", false, true},
    {"an empty one matches everything", "{}", true, true},
    {"empty members are an empty selector", "{\"matchLabels\":{},\"matchExpressions\":[]}", true, true},
    {"null members too", "{\"matchLabels\":null,\"matchExpressions\":null}", true, true},
    {"a label matches", "{\"matchLabels\":{\"app\":\"web\"}}", true, true},
    {"all labels must match", "{\"matchLabels\":{\"app\":\"web\",\"tier\":\"2\"}}", false, true},
    {"an absent label does not", "{\"matchLabels\":{\"nope\":\"web\"}}", false, true},
    {"an empty value is a value", "{\"matchLabels\":{\"empty\":\"\"}}", true, true},
    {"an empty value is not an absent label", "{\"matchLabels\":{\"nope\":\"\"}}", false, true},
    {"a null value is an empty one, as in Go", "{\"matchLabels\":{\"app\":null}}", false, true},
    {"In matches", EXPR("{\"key\":\"app\",\"operator\":\"In\",\"values\":[\"db\",\"web\"]}"), true, true},
    {"In does not", EXPR("{\"key\":\"app\",\"operator\":\"In\",\"values\":[\"db\"]}"), false, true},
    {"In needs the key", EXPR("{\"key\":\"nope\",\"operator\":\"In\",\"values\":[\"\"]}"), false, true},
    {"NotIn refuses its values", EXPR("{\"key\":\"app\",\"operator\":\"NotIn\",\"values\":[\"web\"]}"), false, true},
    {"NotIn takes others", EXPR("{\"key\":\"app\",\"operator\":\"NotIn\",\"values\":[\"db\"]}"), true, true},
    {"NotIn takes an absent key", EXPR("{\"key\":\"nope\",\"operator\":\"NotIn\",\"values\":[\"db\"]}"), true, true},
    {"Exists", EXPR("{\"key\":\"tier\",\"operator\":\"Exists\"}"), true, true},
    {"Exists with an empty list", EXPR("{\"key\":\"tier\",\"operator\":\"Exists\",\"values\":[]}"), true, true},
    {"Exists of an absent key", EXPR("{\"key\":\"nope\",\"operator\":\"Exists\"}"), false, true},
    {"DoesNotExist", EXPR("{\"key\":\"nope\",\"operator\":\"DoesNotExist\"}"), true, true},
    {"DoesNotExist of a key that does", EXPR("{\"key\":\"app\",\"operator\":\"DoesNotExist\"}"), false, true},
    {"labels and expressions together",
        "{\"matchLabels\":{\"app\":\"web\"},\"matchExpressions\":[{\"key\":\"tier\",\"operator\":\"In\",\"values\":["
        "\"2\"]}]}",
        false, true},

    {"an unknown operator", EXPR("{\"key\":\"app\",\"operator\":\"Is\",\"values\":[\"web\"]}"), false, false},
    {"no operator", EXPR("{\"key\":\"app\"}"), false, false},
    {"no key", EXPR("{\"operator\":\"DoesNotExist\"}"), true, false},
    {"In without values", EXPR("{\"key\":\"app\",\"operator\":\"In\"}"), false, false},
    {"NotIn without values", EXPR("{\"key\":\"app\",\"operator\":\"NotIn\",\"values\":[]}"), true, false},
    {"Exists with values", EXPR("{\"key\":\"app\",\"operator\":\"Exists\",\"values\":[\"web\"]}"), true, false},
    {"a key that is none", "{\"matchLabels\":{\"a b\":\"c\"}}", false, false},
    {"a value that is none", "{\"matchLabels\":{\"app\":\"-web\"}}", false, false},
    {"a value of an expression that is none", EXPR("{\"key\":\"app\",\"operator\":\"NotIn\",\"values\":[\"a b\"]}"),
        true, false},

    {"a text as selector", "\"app=web\"", false, false},
    {"a list as selector", "[]", false, false},
    {"labels of a wrong type", "{\"matchLabels\":[\"app\"]}", false, false},
    {"a label value of a wrong type", "{\"matchLabels\":{\"app\":\"web\",\"tier\":1}}", false, false},
    {"expressions of a wrong type", "{\"matchLabels\":{\"app\":\"web\"},\"matchExpressions\":{}}", false, false},
    {"an expression of a wrong type", EXPR("\"app\""), false, false},
    {"a null expression", EXPR("null"), false, false},
    {"values of a wrong type", EXPR("{\"key\":\"app\",\"operator\":\"NotIn\",\"values\":\"db\"}"), false, false},
    {"one value of a wrong type", EXPR("{\"key\":\"app\",\"operator\":\"NotIn\",\"values\":[\"db\",1]}"), false, false},
};

static void test_matching_and_validity(void **state)
{
    (void)state;
    struct fixture f;
    struct cs_pairs labels;

    fixture_init(&f);
    assert_true(cs_pairs_decode(f.pool, fixture_parse(&f, LABELS), &labels));
    for (size_t i = 0; i < CS_ARRAY_LEN(rows); i++) {
        struct cs_selector s;
        cs_selector_decode(f.pool, fixture_parse(&f, rows[i].selector), &s);
        bool matches = cs_selector_matches(&s, &labels), valid = cs_selector_valid(&s);
        if (matches != rows[i].matches || valid != rows[i].valid)
            fail_msg("%s: matches %d, valid %d", rows[i].what, matches, valid);
        cs_selector_done(f.pool, &s);
    }
    cs_pairs_done(f.pool, &labels);
    fixture_done(&f);
}

static const struct {
    const char *selector, *text;
    bool present, empty;
} print_rows[] = {
    /* spec §1.3, observed */
    {"{\"matchLabels\":{\"z\":\"1\",\"app\":\"web\"},\"matchExpressions\":[{\"key\":\"k\",\"operator\":\"In\","
     "\"values\":[\"b\",\"a\"]},"
     "{\"key\":\"n\",\"operator\":\"NotIn\",\"values\":[\"x\"]},{\"key\":\"e\",\"operator\":\"Exists\"},"
     "{\"key\":\"d\",\"operator\":\"DoesNotExist\"}]}",
        "app=web,!d,e,k in (a,b),n notin (x),z=1", true, false},
    {"null", "", false, true},
    {"{}", "", true, true},
    {"{\"matchLabels\":{\"app\":\"web\"}}", "app=web", true, false},
    {"{\"matchLabels\":{\"app\":\"\"}}", "app=", true, false},
    {EXPR("{\"key\":\"app\",\"operator\":\"In\",\"values\":[\"hooked\"]}"), "app in (hooked)", true, false},
    {EXPR("{\"key\":\"a\",\"operator\":\"In\",\"values\":[\"c\",\"b\",\"c\"]}"), "a in (b,c,c)", true, false},
    /* one key several times: the label first, then as written */
    {"{\"matchLabels\":{\"a\":\"1\"},\"matchExpressions\":[{\"key\":\"a\",\"operator\":\"Exists\"},{\"key\":\"a\","
     "\"operator\":\"NotIn\","
     "\"values\":[\"2\"]}]}",
        "a=1,a,a notin (2)", true, false},
    {"[]", "", true, false},
};

static void test_printed_form(void **state)
{
    (void)state;
    struct fixture f;

    fixture_init(&f);
    for (size_t i = 0; i < CS_ARRAY_LEN(print_rows); i++) {
        cs_autostrbuf out = CS_STRBUF_INIT;
        struct cs_selector s;
        cs_selector_decode(f.pool, fixture_parse(&f, print_rows[i].selector), &s);
        cs_selector_print(&s, &out);
        assert_string_equal(cs_strbuf_str(&out), print_rows[i].text);
        assert_int_equal(s.present, print_rows[i].present);
        assert_int_equal(cs_selector_empty(&s), print_rows[i].empty);
        cs_selector_done(f.pool, &s);
    }
    fixture_done(&f);
}

/* What the printed form of the peer's sets was, and that they select their own Pods. */
static void test_selectors_of_the_peer(void **state)
{
    (void)state;
    struct fixture sets, pods;

    fixture_init(&sets);
    fixture_init(&pods);
    struct cs_json pod_items = fixture_load(&pods, PEER "1-at-rest/pods.json");
    cs_json_foreach (set, fixture_load(&sets, PEER "1-at-rest/clonesets-v1alpha1.json")) {
        cs_autostrbuf out = CS_STRBUF_INIT;
        struct cs_selector s;
        size_t matched = 0, owned = 0;

        cs_selector_decode(sets.pool, cs_json_at(set, "spec", "selector", NULL), &s);
        assert_true(cs_selector_valid(&s));
        cs_selector_print(&s, &out);
        assert_true(cs_json_str_is(cs_json_at(set, "status", "labelSelector", NULL), cs_strbuf_str(&out)));
        cs_json_foreach (pod, pod_items) {
            struct cs_meta m;
            cs_autofree char *uid = cs_json_str_dup(cs_json_at(set, "metadata", "uid", NULL));
            assert_true(cs_meta_decode(pods.pool, pod, &m, NULL));
            matched += cs_selector_matches(&s, &m.labels);
            owned += cs_meta_has_owner_uid(&m, uid);
            assert_int_equal(matched, owned);
            cs_meta_done(pods.pool, &m);
        }
        assert_true(owned >= 2);
        cs_selector_done(sets.pool, &s);
    }
    fixture_done(&pods);
    fixture_done(&sets);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_matching_and_validity),
        cmocka_unit_test(test_printed_form),
        cmocka_unit_test(test_selectors_of_the_peer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
