/* SPDX-License-Identifier: Apache-2.0 */
/*
 * names: the form of ids, candidates that two actors agree on (D7), names that fit, revisions by hash.
 */
#include "common/cloneset/names.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/cleanup.h"

#define UID "f3f18bc4-6bef-442b-9f5d-16210140579b"

static void test_which_ids_are_valid(void **state)
{
    (void)state;
    static const struct {
        const char *id;
        bool valid;
    } rows[] = {
        {"k2x9d", true},
        {"bbbbb", true},
        {"98765", true},
        {"k2x9", false},
        {"k2x9dd", false},
        {"", false},
        {"k2x9a", false}, /* no vowels, */
        {"k2x93", false}, /* no 0, 1, 3 */
        {"k2x90", false},
        {"K2X9D", false},
        {"k2-9d", false},
        {"k2\xc3\xa9x", false},
    };

    for (size_t i = 0; i < CS_ARRAY_LEN(rows); i++)
        assert_int_equal(cs_id_valid(cs_str(rows[i].id)), rows[i].valid);
    assert_false(cs_id_valid((struct cs_str){.p = "k2x\0d", .len = 5}));
    assert_false(cs_id_valid((struct cs_str){0}));
}

/* What a released version answered: another one may run beside it during an upgrade (D23). */
static void test_candidates_never_change(void **state)
{
    (void)state;
    static const struct {
        const char *uid;
        int64_t generation;
        uint64_t digest, k;
        const char *id;
    } rows[] = {
        {UID, 1, 0, 0, "lq2fk"},
        {UID, 1, 0, 1, "db2fm"},
        {UID, 2, 0, 0, "tpvkw"},
        {UID, 1, 0xfedcba9876543210u, 0, "wk699"},
        {"", -1, UINT64_MAX, UINT64_MAX, "6rv9w"},
    };

    for (size_t i = 0; i < CS_ARRAY_LEN(rows); i++) {
        char id[CS_ID_SIZE];
        cs_id_candidate(rows[i].uid, rows[i].generation, rows[i].digest, rows[i].k, id);
        assert_string_equal(id, rows[i].id);
        assert_true(cs_id_valid(cs_str(id)));
    }
}

static int by_text(const void *a, const void *b)
{
    return strcmp(a, b);
}

/* 10,000 of 27^5 ids: 3.5 pairs of equal ones are expected; 15 would be one chance in a million. */
static void test_candidates_are_spread(void **state)
{
    (void)state;
    enum { N = 10000 };
    cs_autofree char(*ids)[CS_ID_SIZE] = calloc(N, sizeof(*ids));
    unsigned equal = 0, letters[128] = {0};

    assert_non_null(ids);
    for (uint64_t k = 0; k < N; k++) {
        cs_id_candidate(UID, 7, 12345, k, ids[k]);
        assert_true(cs_id_valid(cs_str(ids[k])));
        for (size_t i = 0; i < CS_ID_LEN; i++)
            letters[(unsigned char)ids[k][i]]++;
    }
    qsort(ids, N, sizeof(*ids), by_text);
    for (size_t k = 1; k < N; k++)
        equal += strcmp(ids[k - 1], ids[k]) == 0;
    assert_true(equal <= 15);
    /* Each letter: 50,000 / 27 = 1852, standard deviation 42. */
    for (const char *c = "bcdfghjklmnpqrstvwxz2456789"; *c; c++)
        assert_in_range(letters[(unsigned char)*c], 1852 - 6 * 42, 1852 + 6 * 42);
}

/* Everything that goes in changes what comes out; 1,000 candidates of two views share next to nothing. */
static void test_every_input_matters(void **state)
{
    (void)state;
    static const struct {
        const char *what, *uid;
        int64_t generation;
        uint64_t digest;
    } others[] = {
        {"another set", "f3f18bc4-6bef-442b-9f5d-16210140579c", 1, 5},
        {"another generation", UID, 2, 5},
        {"other ids in use", UID, 1, 6},
    };

    for (size_t i = 0; i < CS_ARRAY_LEN(others); i++) {
        unsigned equal = 0;
        for (uint64_t k = 0; k < 1000; k++) {
            char a[CS_ID_SIZE], b[CS_ID_SIZE];
            cs_id_candidate(UID, 1, 5, k, a);
            cs_id_candidate(others[i].uid, others[i].generation, others[i].digest, k, b);
            equal += strcmp(a, b) == 0;
        }
        if (equal > 1)
            fail_msg("%s: %u equal candidates", others[i].what, equal);
    }
}

static void test_the_digest_of_a_set_of_ids(void **state)
{
    (void)state;
    uint64_t a = cs_id_digest("k2x9d"), b = cs_id_digest("bbbbb"), c = cs_id_digest("bbbbc"), d = cs_id_digest("k2x9c");

    assert_true(a + b == b + a);
    assert_true(a != b && b != c);
    /* Two sets of two ids of the same letters are told apart. */
    assert_true(a + c != b + d);
    assert_true(a + b != c + d);
}

static void test_names_that_fit(void **state)
{
    (void)state;
    char name[CS_NAME_SIZE] = "untouched", set[300];

    assert_true(cs_pod_name("web", "k2x9d", name));
    assert_string_equal(name, "web-k2x9d");
    assert_true(cs_claim_name("data", "web", "k2x9d", name));
    assert_string_equal(name, "data-web-k2x9d");

    memset(set, 'a', sizeof(set));
    set[247] = '\0';
    assert_true(cs_pod_name(set, "k2x9d", name));
    assert_int_equal(strlen(name), 253);
    assert_string_equal(name + 247, "-k2x9d");
    set[247] = 'a';
    set[248] = '\0';
    (void)snprintf(name, sizeof(name), "untouched");
    assert_false(cs_pod_name(set, "k2x9d", name));
    assert_string_equal(name, "untouched");
    set[248] = 'a';
    set[299] = '\0';
    assert_false(cs_pod_name(set, "k2x9d", name));

    set[242] = '\0';
    assert_true(cs_claim_name("data", set, "k2x9d", name));
    assert_int_equal(strlen(name), 253);
    assert_false(cs_claim_name("data2", set, "k2x9d", name));
    assert_false(cs_claim_name("data", set, "k2x9dd", name));
}

static void test_the_id_in_a_pod_name(void **state)
{
    (void)state;
    static const struct {
        const char *name, *set, *id;
    } rows[] = {
        {"web-k2x9d", "web", "k2x9d"},
        {"nginx-2-jdd86", "nginx-2", "jdd86"},
        {"web-2-k2x9d", "web", NULL}, /* of a set web-2 */
        {"web-k2x9d", "web-2", NULL},
        {"wec-k2x9d", "web", NULL},
        {"web.k2x9d", "web", NULL},
        {"web-k2x9a", "web", NULL},
        {"web-", "web", NULL},
        {"web", "web", NULL},
        {"", "web", NULL},
        {"-k2x9d", "", "k2x9d"},
    };

    for (size_t i = 0; i < CS_ARRAY_LEN(rows); i++) {
        struct cs_str id = cs_id_of_pod_name(cs_str(rows[i].name), cs_str(rows[i].set));
        if (!rows[i].id)
            assert_null(id.p);
        else
            assert_true(cs_str_eqz(id, rows[i].id));
    }
}

static void test_revisions_by_hash(void **state)
{
    (void)state;
    static const struct {
        const char *a, *b;
        bool same;
    } rows[] = {
        {"web-5d4f8b9c76", "web-5d4f8b9c76", true},
        {"web-5d4f8b9c76", "5d4f8b9c76", true}, /* gate CloneSetShortHash */
        {"5d4f8b9c76", "my-web-5d4f8b9c76", true},
        {"web-5d4f8b9c76", "web-5d4f8b9c77", false},
        {"web-5d4f8b9c76", "web", false},
        {"web-", "db-", false},
        {"web-", "web-", true},
        {"", "web-", false},
        {"", "", true},
        {NULL, "web-5d4f8b9c76", false},
        {"web-5d4f8b9c76", NULL, false},
        {NULL, NULL, false},
    };

    for (size_t i = 0; i < CS_ARRAY_LEN(rows); i++) {
        if (cs_revision_same(rows[i].a, rows[i].b) != rows[i].same)
            fail_msg("row %zu", i);
    }
    assert_true(cs_str_eqz(cs_short_hash(CS_STR("nginx-2-7dfd9cbbbc")), "7dfd9cbbbc"));
    assert_true(cs_str_eqz(cs_short_hash(CS_STR("7dfd9cbbbc")), "7dfd9cbbbc"));
    assert_int_equal(cs_short_hash(CS_STR("web-")).len, 0);
    assert_int_equal(cs_short_hash((struct cs_str){0}).len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_which_ids_are_valid),
        cmocka_unit_test(test_candidates_never_change),
        cmocka_unit_test(test_candidates_are_spread),
        cmocka_unit_test(test_every_input_matters),
        cmocka_unit_test(test_the_digest_of_a_set_of_ids),
        cmocka_unit_test(test_names_that_fit),
        cmocka_unit_test(test_the_id_in_a_pod_name),
        cmocka_unit_test(test_revisions_by_hash),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
