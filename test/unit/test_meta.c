/* SPDX-License-Identifier: Apache-2.0 */
/*
 * meta: what every object must have, and what it may have in any shape.
 */
#include "common/api/meta.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "test/unit/api_fixture.h"

static void test_labels_are_sorted_and_found(void **state)
{
    (void)state;
    struct fixture f;
    struct cs_pairs p;

    fixture_init(&f);
    assert_true(
        cs_pairs_decode(f.pool, fixture_parse(&f, "{\"tier\":\"1\",\"app\":\"web\",\"\":\"empty\",\"b/c\":\"\"}"), &p));
    assert_int_equal(p.len, 4);
    assert_string_equal(p.items[0].key, "");
    assert_string_equal(p.items[1].key, "app");
    assert_string_equal(p.items[3].key, "tier");
    assert_string_equal(cs_pairs_get(&p, "app"), "web");
    assert_string_equal(cs_pairs_get(&p, ""), "empty");
    assert_string_equal(cs_pairs_get(&p, "b/c"), "");
    assert_true(cs_pairs_has(&p, "b/c"));
    assert_null(cs_pairs_get(&p, "ap"));
    assert_null(cs_pairs_get(&p, "zzz"));
    assert_false(cs_pairs_has(&p, "APP"));
    cs_pairs_done(f.pool, &p);
    assert_null(cs_pairs_get(&p, "app"));
    fixture_done(&f);
}

static const struct {
    const char *what, *json;
    uint32_t len;
    const char *value_of_a;
} pair_rows[] = {
    {"of equal keys the last wins", "{\"a\":\"1\",\"b\":\"x\",\"a\":\"2\"}", 2, "2"},
    {"three of one key", "{\"a\":\"1\",\"a\":\"2\",\"a\":\"3\"}", 1, "3"},
    {"an escaped key is the same key", "{\"a\":\"1\",\"\\u0061\":\"2\"}", 1, "2"},
    {"an escaped value is decoded", "{\"a\":\"x\\ny\"}", 1, "x\ny"},
    {"what is no string is skipped", "{\"a\":\"1\",\"b\":2,\"c\":null,\"d\":{},\"e\":[\"x\"]}", 1, "1"},
    {"a last one that is no string leaves none", "{\"a\":\"1\",\"a\":null}", 0, NULL},
    {"an empty object", "{}", 0, NULL},
};

static void test_pairs_of_odd_shapes(void **state)
{
    (void)state;
    struct fixture f;

    fixture_init(&f);
    for (size_t i = 0; i < CS_ARRAY_LEN(pair_rows); i++) {
        struct cs_pairs p;
        assert_true(cs_pairs_decode(f.pool, fixture_parse(&f, pair_rows[i].json), &p));
        const char *got = cs_pairs_get(&p, "a");
        if (p.len != pair_rows[i].len || !cs_streq(got, pair_rows[i].value_of_a))
            fail_msg("%s: %u pairs, a=%s", pair_rows[i].what, p.len, got ? got : "(none)");
        cs_pairs_done(f.pool, &p);
    }
    static const char *const no_objects[] = {"null", "\"a\"", "[\"a\"]", "1", "true"};
    for (size_t i = 0; i < CS_ARRAY_LEN(no_objects); i++) {
        struct cs_pairs p = {.len = 9};
        assert_false(cs_pairs_decode(f.pool, fixture_parse(&f, no_objects[i]), &p));
        assert_int_equal(p.len, 0);
    }
    fixture_done(&f);
}

/* 20,000 keys in falling order: sorting must not be quadratic, and nothing may be lost. */
static void test_many_labels_in_falling_order(void **state)
{
    (void)state;
    struct fixture f;
    cs_autostrbuf text = CS_STRBUF_INIT;
    struct cs_pairs p;

    fixture_init(&f);
    for (int i = 19999; i >= 0; i--)
        cs_strbuf_addf(&text, "%c\"k%05d\":\"%d\"", i == 19999 ? '{' : ',', i, i);
    cs_strbuf_addc(&text, '}');
    assert_true(cs_pairs_decode(f.pool, fixture_parse(&f, cs_strbuf_str(&text)), &p));
    assert_int_equal(p.len, 20000);
    for (uint32_t i = 1; i < p.len; i++)
        assert_true(strcmp(p.items[i - 1].key, p.items[i].key) < 0);
    assert_string_equal(cs_pairs_get(&p, "k00007"), "7");
    cs_pairs_done(f.pool, &p);
    fixture_done(&f);
}

static const char whole[] =
    "{\"metadata\":{\"name\":\"web-k2x9d\",\"generateName\":\"web-\",\"namespace\":\"default\",\"uid\":\"u1\","
    "\"resourceVersion\":\"18446744073709551615\","
    "\"generation\":3,\"creationTimestamp\":\"2025-01-02T03:04:05Z\",\"deletionTimestamp\":\"1970-01-01T00:00:00Z\","
    "\"labels\":{\"app\":\"web\"},\"annotations\":{},\"finalizers\":[\"a/b\",7,\"c/d\",null],"
    "\"ownerReferences\":[{\"kind\":\"Node\",\"uid\":\"n\"},{\"apiVersion\":\"apps.kruise.io/"
    "v1beta1\",\"kind\":\"CloneSet\",\"name\":\"web\",\"uid\":\"s\","
    "\"controller\":true},{\"name\":\"no uid\",\"controller\":true},{\"uid\":\"\"},\"x\",null]}}";

static void test_every_field(void **state)
{
    (void)state;
    struct fixture f;
    struct cs_meta m;
    struct cs_error err = CS_ERROR_INIT;

    fixture_init(&f);
    assert_true(cs_meta_decode(f.pool, fixture_parse(&f, whole), &m, &err));
    assert_string_equal(m.name, "web-k2x9d");
    assert_string_equal(m.ns, "default");
    assert_string_equal(m.uid, "u1");
    assert_true(m.rv == UINT64_MAX);
    assert_int_equal(m.generation, 3);
    assert_int_equal(m.created_ms, 1735787045000);
    /* The epoch itself is a time that is there. */
    assert_int_not_equal(m.deleted_ms, 0);
    assert_string_equal(cs_pairs_get(&m.labels, "app"), "web");
    assert_true(m.has_annotations);
    assert_int_equal(m.n_finalizers, 2);
    assert_true(cs_meta_has_finalizer(&m, "c/d"));
    assert_false(cs_meta_has_finalizer(&m, "c"));
    assert_false(cs_meta_has_finalizer(&m, NULL));
    /* The owners without uid are left out, also the one that says that it controls. */
    assert_int_equal(m.n_owners, 2);
    assert_true(cs_meta_has_owner_uid(&m, "n"));
    assert_true(cs_meta_has_owner_uid(&m, "s"));
    assert_false(cs_meta_has_owner_uid(&m, "x"));
    assert_false(cs_meta_has_owner_uid(&m, NULL));
    const struct cs_owner *o = cs_meta_controller(&m);
    assert_string_equal(o->uid, "s");
    assert_string_equal(o->name, "web");
    cs_meta_done(f.pool, &m);
    assert_null(cs_meta_controller(&m));
    fixture_done(&f);
}

static const struct {
    const char *what, *json, *message; /* NULL: decodes */
} required_rows[] = {
    {"the least", "{\"metadata\":{\"name\":\"a\",\"uid\":\"u\",\"resourceVersion\":\"0\"}}", NULL},
    {"a null namespace is none",
        "{\"metadata\":{\"name\":\"a\",\"uid\":\"u\",\"namespace\":null,\"resourceVersion\":\"1\"}}", NULL},
    {"no metadata", "{}", "metadata.name: Required value"},
    {"no object", "[]", "metadata.name: Required value"},
    {"metadata of a wrong type", "{\"metadata\":\"x\"}", "metadata.name: Required value"},
    {"an empty name", "{\"metadata\":{\"name\":\"\",\"uid\":\"u\",\"resourceVersion\":\"1\"}}",
        "metadata.name: Required value"},
    {"a number as name", "{\"metadata\":{\"name\":1,\"uid\":\"u\",\"resourceVersion\":\"1\"}}",
        "metadata.name: Invalid value: must be a string"},
    {"a null uid", "{\"metadata\":{\"name\":\"a\",\"uid\":null,\"resourceVersion\":\"1\"}}",
        "metadata.uid: Required value"},
    {"an object as namespace",
        "{\"metadata\":{\"name\":\"a\",\"uid\":\"u\",\"namespace\":{},\"resourceVersion\":\"1\"}}",
        "metadata.namespace: Invalid value: must be a string"},
    {"no version", "{\"metadata\":{\"name\":\"a\",\"uid\":\"u\"}}",
        "metadata.resourceVersion: Invalid value: must be a number in quotes"},
    {"a version beyond 64 bits",
        "{\"metadata\":{\"name\":\"a\",\"uid\":\"u\",\"resourceVersion\":\"18446744073709551616\"}}",
        "metadata.resourceVersion: Invalid value: must be a number in quotes"},
    {"a version with a sign", "{\"metadata\":{\"name\":\"a\",\"uid\":\"u\",\"resourceVersion\":\"-1\"}}",
        "metadata.resourceVersion: Invalid value: must be a number in quotes"},
    {"a version that is a number", "{\"metadata\":{\"name\":\"a\",\"uid\":\"u\",\"resourceVersion\":12}}",
        "metadata.resourceVersion: Invalid value: must be a number in quotes"},
};

static void test_required_fields(void **state)
{
    (void)state;
    struct fixture f;

    fixture_init(&f);
    for (size_t i = 0; i < CS_ARRAY_LEN(required_rows); i++) {
        struct cs_error err = CS_ERROR_INIT;
        struct cs_meta m = {.generation = 77};
        bool ok = cs_meta_decode(f.pool, fixture_parse(&f, required_rows[i].json), &m, &err);
        if (!required_rows[i].message) {
            assert_true(ok);
            assert_string_equal(m.ns, "");
            cs_meta_done(f.pool, &m);
            continue;
        }
        if (ok || strcmp(err.message, required_rows[i].message) != 0)
            fail_msg("%s: %s", required_rows[i].what, ok ? "decoded" : err.message);
        assert_int_equal(err.kind, CS_ERR_INVALID);
        assert_int_equal(m.generation, 77); /* untouched on failure */
    }
    fixture_done(&f);
}

/* Name and uid, in their own memory, in whatever way they are written; the id is found among the labels all the same. */
static void test_texts_of_its_own(void **state)
{
    (void)state;
    struct fixture f;
    struct cs_meta a, b;
    struct cs_error err = CS_ERROR_INIT;

    fixture_init(&f);
    assert_true(cs_meta_decode(f.pool,
        fixture_parse(&f,
            "{\"metadata\":{\"name\":\"\\u0077\\u0065b-k2x9d\",\"uid\":\"u\\/1\",\"resourceVersion\":\"1\","
            "\"labels\":{\"app\":\"web\",\"apps.kruise.io/cloneset-instance-id\":\"k2x9d\",\"z\":\"\"}}}"),
        &a, &err));
    assert_true(cs_meta_decode(f.pool,
        fixture_parse(&f, "{\"metadata\":{\"name\":\"web-24vsc\",\"uid\":\"u/2\",\"resourceVersion\":\"1\",\"labels\":"
                          "{\"app\":\"web\",\"apps.kruise.io/cloneset-instance-id\":\"24vsc\",\"z\":\"\"}}}"),
        &b, &err));
    assert_string_equal(a.name, "web-k2x9d");
    assert_string_equal(a.uid, "u/1");
    assert_string_equal(cs_pairs_get(&a.labels, "apps.kruise.io/cloneset-instance-id"), "k2x9d");
    assert_string_equal(cs_pairs_get(&b.labels, "apps.kruise.io/cloneset-instance-id"), "24vsc");
    assert_true(cs_pairs_has(&a.labels, "apps.kruise.io/cloneset-instance-id"));
    assert_string_equal(cs_pairs_get(&a.labels, "z"), "");
    assert_null(cs_pairs_get(&a.labels, "apps.kruise.io"));
    assert_ptr_equal(a.labels.items, b.labels.items); /* of two that are otherwise alike there is one array */
    cs_meta_done(f.pool, &a);
    assert_string_equal(cs_pairs_get(&b.labels, "app"), "web");
    cs_meta_done(f.pool, &b);
    fixture_done(&f);
}

static void test_too_many_finalizers_are_an_error(void **state)
{
    (void)state;
    struct fixture f;
    struct cs_error err = CS_ERROR_INIT;
    struct cs_meta m;
    cs_autostrbuf text = CS_STRBUF_INIT;

    fixture_init(&f);
    cs_strbuf_adds(
        &text, "{\"metadata\":{\"name\":\"a\",\"uid\":\"u\",\"resourceVersion\":\"1\",\"finalizers\":[\"a\"");
    for (int i = 0; i < 65535; i++)
        cs_strbuf_adds(&text, ",\"a\"");
    cs_strbuf_adds(&text, "]}}");
    assert_false(cs_meta_decode(f.pool, fixture_parse(&f, cs_strbuf_str(&text)), &m, &err));
    assert_int_equal(err.kind, CS_ERR_TOO_LARGE);
    fixture_done(&f);
}

static void test_owner_kinds(void **state)
{
    (void)state;
    const struct cs_owner ours = {.api_version = "apps.kruise.io/v1alpha1", .kind = "CloneSet", .uid = "u"};
    const struct cs_owner newer = {.api_version = "apps.kruise.io/v9", .kind = "CloneSet", .uid = "u"};
    const struct cs_owner other_group = {.api_version = "apps/v1", .kind = "CloneSet", .uid = "u"};
    const struct cs_owner longer_group = {.api_version = "apps.kruise.io.evil/v1", .kind = "CloneSet", .uid = "u"};
    const struct cs_owner other_kind = {.api_version = "apps.kruise.io/v1alpha1", .kind = "StatefulSet", .uid = "u"};
    const struct cs_owner nameless = {.uid = "u"};

    assert_true(cs_owner_is_cloneset(&ours));
    assert_true(cs_owner_is_cloneset(&newer)); /* D19 */
    assert_false(cs_owner_is_cloneset(&other_group));
    assert_false(cs_owner_is_cloneset(&longer_group));
    assert_false(cs_owner_is_cloneset(&other_kind));
    assert_false(cs_owner_is_cloneset(&nameless));
    assert_false(cs_owner_is_cloneset(NULL));
}

static void check_meta(void *ctx, struct cs_json obj, const char *path, const char *garbage)
{
    static const char *const needed[] = {
        "", "metadata", "metadata.name", "metadata.uid", "metadata.namespace", "metadata.resourceVersion"};
    struct cs_intern *pool = ctx;
    struct cs_meta m;
    bool may_fail = false;

    for (size_t i = 0; i < CS_ARRAY_LEN(needed); i++)
        may_fail |= strcmp(path, needed[i]) == 0;
    bool ok = cs_meta_decode(pool, obj, &m, NULL);
    if (!ok && !may_fail)
        fail_msg("%s = %s: did not decode", path, garbage);
    if (ok)
        cs_meta_done(pool, &m);
    assert_int_equal(cs_intern_count(pool), 0);
}

static void test_garbage_in_every_place(void **state)
{
    (void)state;
    struct fixture f;

    fixture_init(&f);
    assert_true(fixture_garbage(fixture_parse(&f, whole), check_meta, f.pool) > 200);
    fixture_done(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_labels_are_sorted_and_found),
        cmocka_unit_test(test_pairs_of_odd_shapes),
        cmocka_unit_test(test_many_labels_in_falling_order),
        cmocka_unit_test(test_every_field),
        cmocka_unit_test(test_required_fields),
        cmocka_unit_test(test_texts_of_its_own),
        cmocka_unit_test(test_too_many_finalizers_are_an_error),
        cmocka_unit_test(test_owner_kinds),
        cmocka_unit_test(test_garbage_in_every_place),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
