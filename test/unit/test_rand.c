/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The generator: the published sequence, no bias at the edges, jitter inside its bounds.
 */
#include "common/base/rand.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/base/cleanup.h"

static void test_published_sequence_of_splitmix64(void **state)
{
    (void)state;
    static const uint64_t want[] = {6457827717110365317ull, 3203168211198807973ull, 9817491932198370423ull,
        4593380528125082431ull, 16408922859458223821ull};
    struct cs_rand r = {.state = 1234567};

    for (size_t i = 0; i < CS_ARRAY_LEN(want); i++)
        assert_true(cs_rand_u64(&r) == want[i]);
}

static void test_same_seed_same_numbers(void **state)
{
    (void)state;
    struct cs_rand a = {.state = 42};
    struct cs_rand b = {.state = 42};
    struct cs_rand c = {.state = 43};
    bool differs = false;

    for (int i = 0; i < 100; i++) {
        uint64_t v = cs_rand_u64(&a);

        assert_true(v == cs_rand_u64(&b));
        differs = differs || v != cs_rand_u64(&c);
    }
    assert_true(differs);
}

static void test_below_stays_below_and_reaches_all(void **state)
{
    (void)state;
    struct cs_rand r = {.state = 7};
    unsigned seen[10] = {0};

    for (int i = 0; i < 10000; i++) {
        uint64_t v = cs_rand_below(&r, 10);

        assert_true(v < 10);
        seen[v]++;
    }
    for (int i = 0; i < 10; i++)
        assert_in_range(seen[i], 850, 1150); /* five standard deviations */
}

static void test_below_at_the_edges(void **state)
{
    (void)state;
    struct cs_rand r = {.state = 7};

    for (int i = 0; i < 100; i++) {
        assert_true(cs_rand_below(&r, 1) == 0);
        assert_true(cs_rand_below(&r, UINT64_MAX) < UINT64_MAX);
        assert_true(cs_rand_below(&r, (1ull << 63) + 1) <= 1ull << 63);
    }
}

static void test_jitter_bounds(void **state)
{
    (void)state;
    struct cs_rand r = {.state = 9};
    int64_t low = INT64_MAX;
    int64_t high = 0;

    for (int i = 0; i < 20000; i++) {
        int64_t v = cs_rand_jitter_ms(&r, 100, 20);

        low = v < low ? v : low;
        high = v > high ? v : high;
    }
    assert_int_equal(low, 100);
    assert_int_equal(high, 120);
}

static void test_jitter_of_nothing_is_nothing(void **state)
{
    (void)state;
    struct cs_rand r = {.state = 9};

    assert_int_equal(cs_rand_jitter_ms(&r, 0, 50), 0);
    assert_int_equal(cs_rand_jitter_ms(&r, -5, 50), -5);
    assert_int_equal(cs_rand_jitter_ms(&r, 1000, 0), 1000);
}

static void test_jitter_of_huge_delays_does_not_wrap(void **state)
{
    (void)state;
    struct cs_rand r = {.state = 9};

    for (int i = 0; i < 100; i++) {
        assert_true(cs_rand_jitter_ms(&r, INT64_MAX, 100) > 0);
        assert_true(cs_rand_jitter_ms(&r, INT64_MAX - 1000, 50) >= INT64_MAX - 1000);
    }
}

static void test_seeds_of_the_kernel_differ(void **state)
{
    (void)state;
    assert_true(cs_rand_os_seed() != cs_rand_os_seed());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_published_sequence_of_splitmix64),
        cmocka_unit_test(test_same_seed_same_numbers),
        cmocka_unit_test(test_below_stays_below_and_reaches_all),
        cmocka_unit_test(test_below_at_the_edges),
        cmocka_unit_test(test_jitter_bounds),
        cmocka_unit_test(test_jitter_of_nothing_is_nothing),
        cmocka_unit_test(test_jitter_of_huge_delays_does_not_wrap),
        cmocka_unit_test(test_seeds_of_the_kernel_differ),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
