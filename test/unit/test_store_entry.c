/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of the store's entries: it finds what is there and nothing else, in the order of adding, whatever came and went.
 */
#include "controller/cloneset/store_entry.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/rand.h"

#define NAMES 400

struct model {
    struct cs_intern *pool;
    struct cs_entry_table table;
    struct cs_entry *entries[NAMES]; /* by number; NULL: not there */
    unsigned order[NAMES]; /* numbers, as they were added */
    unsigned n;
};

static const char *name_of(unsigned i)
{
    static char name[16];

    (void)snprintf(name, sizeof(name), "web-%u", i / 2);
    return name;
}

static const char *ns_of(unsigned i)
{
    return i % 2 ? "a" : "b"; /* of each name there are two */
}

static void add(struct model *m, unsigned i)
{
    struct cs_entry *e = cs_entry_add(&m->table, CS_K_POD, ns_of(i), name_of(i));

    e->pending = calloc(1, sizeof(*e->pending));
    assert_non_null(e->pending);
    e->pending->ns = cs_intern_str(m->pool, cs_str(ns_of(i)));
    e->pending->name = cs_intern_str(m->pool, cs_str(name_of(i)));
    m->entries[i] = e;
    m->order[m->n++] = i;
}

static void drop(struct model *m, unsigned i)
{
    unsigned at = 0;

    cs_entry_settled(m->pool, m->entries[i]);
    cs_entry_drop(&m->table, m->entries[i]);
    m->entries[i] = NULL;
    while (m->order[at] != i)
        at++;
    m->n--;
    memmove(&m->order[at], &m->order[at + 1], (m->n - at) * sizeof(m->order[0]));
}

static void check(const struct model *m)
{
    unsigned at = 0;

    for (unsigned i = 0; i < NAMES; i++)
        assert_ptr_equal(cs_entry_find(&m->table, ns_of(i), name_of(i)), m->entries[i]);
    cs_entry_foreach (e, &m->table) {
        assert_true(at < m->n);
        assert_ptr_equal(e, m->entries[m->order[at]]);
        at++;
    }
    assert_int_equal(at, m->n);
}

static void the_table_finds_what_is_there_in_the_order_of_adding(void **state)
{
    struct model m = {.pool = cs_intern_new()};
    struct cs_rand rnd = {.state = 7};

    (void)state;
    check(&m);
    for (unsigned step = 0; step < 6000; step++) {
        unsigned i = (unsigned)cs_rand_below(&rnd, NAMES);
        bool fills = step / 1000 % 2 == 0; /* first it fills, then it empties */

        if (!m.entries[i] && (fills || cs_rand_below(&rnd, 4) == 0))
            add(&m, i);
        else if (m.entries[i] && (!fills || cs_rand_below(&rnd, 4) == 0))
            drop(&m, i);
        if (step % 50 == 0)
            check(&m);
    }
    cs_entry_foreach (e, &m.table) { /* what is dropped meanwhile does not disturb */
        cs_entry_settled(m.pool, e);
        cs_entry_drop(&m.table, e);
    }
    memset(m.entries, 0, sizeof(m.entries));
    m.n = 0;
    check(&m);
    cs_entry_table_done(&m.table);
    cs_intern_free(m.pool);
}

static void what_comes_and_goes_leaves_no_growing_trail(void **state)
{
    struct model m = {.pool = cs_intern_new()};

    (void)state;
    for (unsigned i = 0; i < 8; i++)
        add(&m, i);
    for (unsigned round = 0; round < 1000; round++) {
        add(&m, 8);
        drop(&m, 8);
    }
    assert_true(m.table.n_slots <= 32);
    for (unsigned i = 0; i < 8; i++)
        drop(&m, i);
    cs_entry_table_done(&m.table);
    cs_intern_free(m.pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table_finds_what_is_there_in_the_order_of_adding),
        cmocka_unit_test(what_comes_and_goes_leaves_no_growing_trail),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
