/* SPDX-License-Identifier: Apache-2.0 */
/*
 * intern: one object per text, counted, and a table that stays right while strings come and go.
 */
#include "common/api/intern.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/rand.h"

static void test_equal_texts_are_one_object(void **state)
{
    (void)state;
    cs_autointern *pool = cs_intern_new();
    char other[] = "nginx:alpine";

    const char *a = cs_intern_str(pool, CS_STR("nginx:alpine"));
    const char *b = cs_intern_str(pool, cs_str(other));
    const char *c = cs_intern_str(pool, CS_STR("nginx:alpin"));
    assert_ptr_equal(a, b);
    assert_ptr_not_equal(a, c);
    assert_string_equal(a, "nginx:alpine");
    assert_string_equal(c, "nginx:alpin");
    assert_int_equal(cs_intern_count(pool), 2);
    cs_intern_unref(pool, a);
    cs_intern_unref(pool, b);
    cs_intern_unref(pool, c);
    assert_int_equal(cs_intern_count(pool), 0);
}

static void test_absent_is_null_and_empty_is_a_string(void **state)
{
    (void)state;
    cs_autointern *pool = cs_intern_new();

    assert_null(cs_intern_str(pool, (struct cs_str){0}));
    assert_null(cs_intern_ref(pool, NULL));
    cs_intern_unref(pool, NULL);
    assert_int_equal(cs_intern_count(pool), 0);
    const char *empty = cs_intern_str(pool, CS_STR(""));
    assert_string_equal(empty, "");
    assert_ptr_equal(empty, cs_intern_str(pool, (struct cs_str){.p = "x", .len = 0}));
    cs_intern_unref(pool, empty);
    cs_intern_unref(pool, empty);
    cs_intern_free(NULL);
}

static void test_a_string_lives_until_its_last_reference(void **state)
{
    (void)state;
    cs_autointern *pool = cs_intern_new();
    size_t before = cs_intern_bytes(pool);

    const char *a = cs_intern_str(pool, CS_STR("web-5d4f8b9c76"));
    assert_ptr_equal(cs_intern_ref(pool, a), a);
    assert_true(cs_intern_bytes(pool) >= before + strlen(a) + 1);
    cs_intern_unref(pool, a);
    assert_string_equal(a, "web-5d4f8b9c76");
    assert_int_equal(cs_intern_count(pool), 1);
    cs_intern_unref(pool, a);
    assert_int_equal(cs_intern_count(pool), 0);
    assert_int_equal(cs_intern_bytes(pool), before);
}

static void test_what_is_too_long_is_remembered_as_a_failure(void **state)
{
    (void)state;
    cs_autointern *pool = cs_intern_new();

    assert_false(cs_intern_take_failure(pool));
    assert_null(cs_intern_str(pool, (struct cs_str){.p = "never read", .len = CS_INTERN_MAX + 1}));
    assert_true(cs_intern_take_failure(pool));
    assert_false(cs_intern_take_failure(pool));
}

static void test_equal_arrays_are_one_object(void **state)
{
    (void)state;
    cs_autointern *pool = cs_intern_new();
    const uint64_t items[3] = {7, 0, 9}, longer[4] = {7, 0, 9, 0};

    uint64_t *a = cs_intern_array(pool, items, sizeof(items));
    assert_memory_equal(a, items, sizeof(items));
    assert_int_equal((uintptr_t)a % sizeof(void *), 0);
    assert_false(cs_intern_is_shared(a));
    assert_ptr_equal(cs_intern_array(pool, items, sizeof(items)), a);
    assert_true(cs_intern_is_shared(a));
    uint64_t *b = cs_intern_array(pool, longer, sizeof(longer));
    assert_ptr_not_equal(a, b);
    /* A text of the same bytes is a text. */
    const char *s = cs_intern_str(pool, (struct cs_str){.p = (const char *)items, .len = 1});
    const char *c = cs_intern_array(pool, items, 1);
    assert_ptr_not_equal(s, c);
    assert_int_equal(cs_intern_count(pool), 4);
    cs_intern_array_unref(pool, a);
    assert_false(cs_intern_is_shared(a));
    assert_memory_equal(a, items, sizeof(items));
    cs_intern_array_unref(pool, a);
    cs_intern_array_unref(pool, b);
    cs_intern_array_unref(pool, c);
    cs_intern_unref(pool, s);
    cs_intern_array_unref(pool, NULL);
    assert_null(cs_intern_array(pool, items, 0));
    assert_int_equal(cs_intern_count(pool), 0);
}

/* A model beside the pool: how many references each of the texts should have. */
static void test_random_comings_and_goings(void **state)
{
    (void)state;
    enum { TEXTS = 700, STEPS = 60000 };
    cs_autointern *pool = cs_intern_new();
    struct cs_rand rnd = {.state = 1};
    const char *held[TEXTS] = {0};
    unsigned refs[TEXTS] = {0};
    size_t alive = 0;
    char text[32];

    for (int step = 0; step < STEPS; step++) {
        size_t i = (size_t)cs_rand_below(&rnd, TEXTS);
        (void)snprintf(text, sizeof(text), "string-%zu", i);
        /* Grows to all texts, then shrinks to none, and again. */
        bool add = cs_rand_below(&rnd, 10) < (step / 10000 % 2 ? 3u : 7u);
        if (add) {
            const char *s = cs_intern_str(pool, cs_str(text));
            assert_string_equal(s, text);
            if (refs[i])
                assert_ptr_equal(s, held[i]);
            alive += refs[i]++ == 0;
            held[i] = s;
        } else if (refs[i]) {
            assert_string_equal(held[i], text);
            cs_intern_unref(pool, held[i]);
            alive -= --refs[i] == 0;
        }
        assert_int_equal(cs_intern_count(pool), alive);
    }
    for (size_t i = 0; i < TEXTS; i++) {
        for (; refs[i]; refs[i]--)
            cs_intern_unref(pool, held[i]);
    }
    assert_int_equal(cs_intern_count(pool), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_equal_texts_are_one_object),
        cmocka_unit_test(test_absent_is_null_and_empty_is_a_string),
        cmocka_unit_test(test_a_string_lives_until_its_last_reference),
        cmocka_unit_test(test_what_is_too_long_is_remembered_as_a_failure),
        cmocka_unit_test(test_equal_arrays_are_one_object),
        cmocka_unit_test(test_random_comings_and_goings),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
