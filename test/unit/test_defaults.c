/* SPDX-License-Identifier: Apache-2.0 */
/*
 * defaults: the values of spec §1.2, that the patch and the decoded form agree, and that nothing else is ever touched (quirk 17, D9).
 */
#include "common/cloneset/defaults.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "test/unit/api_fixture.h"

#define ADD(path, value) "{\"op\":\"add\",\"path\":\"" path "\",\"value\":" value "}"
#define US "/spec/updateStrategy"
#define ALL_STRATEGY                                                                                                   \
    ADD(US "/type", "\"ReCreate\"")                                                                                    \
    "," ADD(US "/partition", "0") "," ADD(US "/maxUnavailable", "\"20%\"") "," ADD(US "/maxSurge", "0")
#define WHOLE_STRATEGY ADD(US, "{\"type\":\"ReCreate\",\"partition\":0,\"maxUnavailable\":\"20%\",\"maxSurge\":0}")
#define TOP ADD("/spec/replicas", "1") "," ADD("/spec/revisionHistoryLimit", "10")
#define FULL "\"replicas\":0,\"revisionHistoryLimit\":0,"

static const struct {
    const char *what, *spec;
    size_t n;
    const char *patch;
} rows[] = {
    {"an empty spec gets everything", "{}", 3, "[" TOP "," WHOLE_STRATEGY "]"},
    {"explicit null counts as absent", "{\"replicas\":null,\"revisionHistoryLimit\":null,\"updateStrategy\":null}", 3,
        "[" TOP "," WHOLE_STRATEGY "]"},
    {"an empty strategy is filled", "{\"updateStrategy\":{}}", 6, "[" TOP "," ALL_STRATEGY "]"},
    {"so is one of nulls",
        "{" FULL "\"updateStrategy\":{\"type\":null,\"partition\":null,\"maxUnavailable\":null,\"maxSurge\":null}}", 4,
        "[" ALL_STRATEGY "]"},
    {"an empty type counts as absent",
        "{" FULL "\"updateStrategy\":{\"type\":\"\",\"partition\":1,\"maxUnavailable\":0,\"maxSurge\":1}}", 1,
        "[" ADD(US "/type", "\"ReCreate\"") "]"},
    {"zeros are values",
        "{" FULL "\"updateStrategy\":{\"type\":\"ReCreate\",\"partition\":0,\"maxUnavailable\":0,\"maxSurge\":\"0%\"}}",
        0, ""},
    {"in place gets its object",
        "{" FULL
        "\"updateStrategy\":{\"type\":\"InPlaceIfPossible\",\"partition\":0,\"maxUnavailable\":0,\"maxSurge\":0}}",
        1, "[" ADD(US "/inPlaceUpdateStrategy", "{}") "]"},
    {"InPlaceOnly too, null or not",
        "{" FULL "\"updateStrategy\":{\"type\":\"InPlaceOnly\",\"partition\":0,\"maxUnavailable\":0,\"maxSurge\":0,"
        "\"inPlaceUpdateStrategy\":null}}",
        1, "[" ADD(US "/inPlaceUpdateStrategy", "{}") "]"},
    {"a grace period stays",
        "{" FULL "\"updateStrategy\":{\"type\":\"InPlaceOnly\",\"partition\":0,\"maxUnavailable\":0,\"maxSurge\":0,"
        "\"inPlaceUpdateStrategy\":{\"gracePeriodSeconds\":10}}}",
        0, ""},
    {"other types get none",
        "{" FULL "\"updateStrategy\":{\"type\":\"OnDelete\",\"partition\":0,\"maxUnavailable\":0,\"maxSurge\":0}}", 0,
        ""},
    {"the last of equal keys counts",
        "{\"replicas\":3,\"replicas\":null,\"revisionHistoryLimit\":1,"
        "\"updateStrategy\":{\"type\":\"ReCreate\",\"partition\":0,\"maxUnavailable\":0,\"maxSurge\":0}}",
        1, "[" ADD("/spec/replicas", "1") "]"},
    {"unknown members and templates are not looked at",
        "{" FULL "\"template\":{\"spec\":{\"x\":9223372036854775807}},\"volumeClaimTemplates\":[{}],\"y\":{},"
        "\"updateStrategy\":{\"z\":1}}",
        4, "[" ALL_STRATEGY "]"},
    /* garbage is validation's */
    {"values of wrong types are values",
        "{\"replicas\":\"3\",\"revisionHistoryLimit\":{},\"updateStrategy\":{\"type\":7,\"partition\":[],"
        "\"maxUnavailable\":false,\"maxSurge\":{}}}",
        0, ""},
    {"a strategy that is no object gets nothing inside", "{" FULL "\"updateStrategy\":\"x\"}", 0, ""},
    {"a spec that is no object", "\"x\"", 0, ""},
    {"a null spec", "null", 0, ""},
};

static void test_patches(void **state)
{
    (void)state;
    struct fixture f;

    fixture_init(&f);
    for (size_t i = 0; i < CS_ARRAY_LEN(rows); i++) {
        cs_autostrbuf text = CS_STRBUF_INIT, out = CS_STRBUF_INIT;
        cs_strbuf_addf(&text, "{\"spec\":%s}", rows[i].spec);
        size_t n = cs_cloneset_default_patch(fixture_parse(&f, cs_strbuf_str(&text)), &out);
        if (n != rows[i].n || strcmp(cs_strbuf_str(&out), rows[i].patch) != 0)
            fail_msg("%s: %zu, %s", rows[i].what, n, cs_strbuf_str(&out));
    }
    cs_autostrbuf out = CS_STRBUF_INIT;
    assert_int_equal(cs_cloneset_default_patch(fixture_parse(&f, "{}"), &out), 0);
    assert_int_equal(cs_cloneset_default_patch(fixture_parse(&f, "[]"), &out), 0);
    assert_int_equal(cs_cloneset_default_patch((struct cs_json){0}, &out), 0);
    assert_int_equal(out.len, 0);
    fixture_done(&f);
}

/* The bytes of the patch are appended: the caller may have written before. */
static void test_the_patch_is_appended(void **state)
{
    (void)state;
    struct fixture f;
    cs_autostrbuf out = CS_STRBUF_INIT;

    fixture_init(&f);
    cs_strbuf_adds(&out, "patch=");
    assert_int_equal(cs_cloneset_default_patch(fixture_parse(&f, "{\"spec\":{}}"), &out), 3);
    assert_string_equal(cs_strbuf_str(&out), "patch=[" TOP "," WHOLE_STRATEGY "]");
    fixture_done(&f);
}

/* ---- applying it ---- */

/* "add" of a member, on the text: the value is replaced where the member is, else the member is put first. No escapes in paths. */
static void apply_add(struct cs_strbuf *text, struct cs_json op)
{
    cs_autojdoc doc = {0};
    cs_autofree char *path = cs_json_str_dup(cs_json_get(op, "path"));
    cs_autofree char *copy = NULL;
    struct cs_str value = cs_json_raw(cs_json_get(op, "value"));
    size_t len = text->len;

    assert_true(cs_json_str_is(cs_json_get(op, "op"), "add"));
    copy = strndup(cs_strbuf_str(text), len);
    assert_true(cs_jdoc_parse(&doc, copy, len, NULL, NULL));
    struct cs_json parent = cs_jdoc_root(&doc);
    char *token = path + 1, *next;
    assert_int_equal(path[0], '/');
    for (; (next = strchr(token, '/')) != NULL; token = next + 1) {
        *next = '\0';
        parent = cs_json_get(parent, token);
        assert_true(cs_json_is(parent, CS_J_OBJECT)); /* RFC 6902: the parent must exist */
    }
    struct cs_json old = cs_json_get(parent, token);
    size_t from = cs_json_exists(old) ? old.node->start : parent.node->start + 1u;
    size_t to = cs_json_exists(old) ? old.node->end : from;

    cs_strbuf_clear(text);
    cs_strbuf_add(text, copy, from);
    if (!cs_json_exists(old))
        cs_strbuf_addf(text, "\"%s\":", token);
    cs_strbuf_add(text, value.p, value.len);
    if (!cs_json_exists(old) && cs_json_count(parent) > 0)
        cs_strbuf_addc(text, ',');
    cs_strbuf_add(text, copy + to, len - to);
}

static size_t patch_text(struct cs_strbuf *text)
{
    cs_autojdoc doc = {0}, patch_doc = {0};
    cs_autostrbuf patch = CS_STRBUF_INIT;

    assert_true(cs_jdoc_parse(&doc, cs_strbuf_str(text), text->len, NULL, NULL));
    size_t n = cs_cloneset_default_patch(cs_jdoc_root(&doc), &patch);
    if (n == 0)
        return 0;
    assert_true(cs_jdoc_parse(&patch_doc, cs_strbuf_str(&patch), patch.len, NULL, NULL));
    assert_int_equal(cs_json_count(cs_jdoc_root(&patch_doc)), n);
    cs_json_foreach (op, cs_jdoc_root(&patch_doc))
        apply_add(text, op);
    return n;
}

static void assert_same_intstr(const struct cs_intstr *a, const struct cs_intstr *b)
{
    assert_int_equal(a->type, b->type);
    assert_int_equal(a->i, b->i);
    assert_ptr_equal(a->s, b->s); /* of one pool */
}

static void assert_same_spec(const struct cs_cloneset_spec *a, const struct cs_cloneset_spec *b)
{
    assert_int_equal(a->has_replicas, b->has_replicas);
    assert_int_equal(a->replicas, b->replicas);
    assert_int_equal(a->has_history_limit, b->has_history_limit);
    assert_int_equal(a->history_limit, b->history_limit);
    assert_int_equal(a->type, b->type);
    assert_ptr_equal(a->type_text, b->type_text);
    assert_same_intstr(&a->partition, &b->partition);
    assert_same_intstr(&a->max_unavailable, &b->max_unavailable);
    assert_same_intstr(&a->max_surge, &b->max_surge);
    assert_int_equal(a->has_inplace_strategy, b->has_inplace_strategy);
    assert_int_equal(a->grace_period_s, b->grace_period_s);
    assert_int_equal(a->min_ready_s, b->min_ready_s);
}

/* Webhook: patch, then decode. Controller: decode, then default. The same comes out, and a second time nothing happens. */
static void check_both_ways(struct fixture *f, struct cs_strbuf *text)
{
    struct cs_cloneset_spec by_controller, by_webhook;
    cs_autojdoc before = {0}, after = {0};
    cs_autofree char *copy = strndup(cs_strbuf_str(text), text->len);

    assert_true(cs_jdoc_parse(&before, copy, text->len, NULL, NULL));
    struct cs_json old_spec = cs_json_get(cs_jdoc_root(&before), "spec");
    if (!cs_cloneset_spec_decode(f->pool, old_spec, &by_controller, NULL))
        return; /* garbage: refused by both */
    cs_cloneset_default(f->pool, &by_controller);

    size_t n = patch_text(text);
    assert_true(cs_jdoc_parse(&after, cs_strbuf_str(text), text->len, NULL, NULL));
    struct cs_json new_spec = cs_json_get(cs_jdoc_root(&after), "spec");
    assert_true(cs_cloneset_spec_decode(f->pool, new_spec, &by_webhook, NULL));
    if (n || cs_json_is(old_spec, CS_J_OBJECT))
        assert_same_spec(&by_controller, &by_webhook);
    cs_json_foreach (member, old_spec) {
        cs_autofree char *key = cs_json_key_dup(member);
        struct cs_str was = cs_json_raw(cs_json_get(old_spec, key)), is = cs_json_raw(cs_json_get(new_spec, key));
        if (cs_json_is_null(cs_json_get(old_spec, key)) || strcmp(key, "updateStrategy") == 0)
            continue;
        assert_true(cs_str_eq(was, is));
    }
    assert_int_equal(patch_text(text), 0);
    cs_cloneset_default(f->pool, &by_webhook); /* idempotent as well */
    if (cs_json_is(old_spec, CS_J_OBJECT))
        assert_same_spec(&by_controller, &by_webhook);
    cs_cloneset_spec_done(f->pool, &by_controller);
    cs_cloneset_spec_done(f->pool, &by_webhook);
}

static void test_patch_and_struct_agree(void **state)
{
    (void)state;
    struct fixture f;

    fixture_init(&f);
    for (size_t i = 0; i < CS_ARRAY_LEN(rows); i++) {
        cs_autostrbuf text = CS_STRBUF_INIT;
        cs_strbuf_addf(&text, "{\"spec\":%s}", rows[i].spec);
        check_both_ways(&f, &text);
    }
    fixture_done(&f);
}

static void check_broken(void *ctx, struct cs_json obj, const char *path, const char *garbage)
{
    cs_autostrbuf text = CS_STRBUF_INIT;
    struct cs_str raw = cs_json_raw(obj);

    (void)path;
    (void)garbage;
    cs_strbuf_add(&text, raw.p, raw.len);
    check_both_ways(ctx, &text);
}

/* The peer's sets are defaulted already; with any one value removed or broken both ways still agree. */
static void test_the_peers_sets(void **state)
{
    (void)state;
    struct fixture f;

    fixture_init(&f);
    cs_json_foreach (item, fixture_load(&f, PEER "1-at-rest/clonesets-v1alpha1.json")) {
        cs_autostrbuf text = CS_STRBUF_INIT, out = CS_STRBUF_INIT;
        struct cs_str spec = cs_json_raw(cs_json_get(item, "spec"));
        /* But for the empty inPlaceUpdateStrategy, which the peer's conversion to v1alpha1 drops (spec §1.4). */
        struct cs_json name = cs_json_at(item, "metadata", "name", NULL);
        size_t missing = cs_json_str_is(name, "beta") || cs_json_str_is(name, "hooked");
        assert_int_equal(cs_cloneset_default_patch(item, &out), missing);
        cs_strbuf_addf(&text, "{\"spec\":%.*s}", (int)spec.len, spec.p);
        cs_autojdoc doc = {0};
        assert_true(cs_jdoc_parse(&doc, cs_strbuf_str(&text), text.len, NULL, NULL));
        assert_true(fixture_garbage(cs_jdoc_root(&doc), check_broken, &f) > 300);
    }
    fixture_done(&f);
}

static void test_struct_values(void **state)
{
    (void)state;
    struct fixture f;
    struct cs_cloneset_spec spec = {0};

    fixture_init(&f);
    cs_cloneset_default(f.pool, &spec);
    assert_true(spec.has_replicas && spec.has_history_limit);
    assert_int_equal(spec.replicas, 1);
    assert_int_equal(spec.history_limit, 10);
    assert_int_equal(spec.type, CS_UPDATE_RECREATE);
    assert_string_equal(spec.type_text, "ReCreate");
    assert_int_equal(spec.partition.type, CS_IS_INT);
    assert_int_equal(spec.partition.i, 0);
    assert_int_equal(spec.max_unavailable.type, CS_IS_STRING);
    assert_string_equal(spec.max_unavailable.s, "20%");
    assert_int_equal(spec.max_surge.type, CS_IS_INT);
    assert_int_equal(spec.scale_max_unavailable.type, CS_IS_ABSENT); /* no limit */
    assert_false(spec.has_inplace_strategy || spec.has_progress_deadline);
    cs_cloneset_spec_done(f.pool, &spec);
    fixture_done(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_patches),
        cmocka_unit_test(test_the_patch_is_appended),
        cmocka_unit_test(test_patch_and_struct_agree),
        cmocka_unit_test(test_the_peers_sets),
        cmocka_unit_test(test_struct_values),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
