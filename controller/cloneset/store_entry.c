/* SPDX-License-Identifier: Apache-2.0 */
#include "controller/cloneset/store_entry.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/hash.h"

#define FIRST_SLOTS 16u

/* ---- what is pending ---- */

const char *cs_entry_ns(const struct cs_entry *e)
{
    return e->obj ? e->meta->ns : e->pending->ns;
}

const char *cs_entry_name(const struct cs_entry *e)
{
    return e->obj ? e->meta->name : e->pending->name;
}

void cs_entry_expect(struct cs_intern *pool, struct cs_entry *e, const char *ns, const char *name)
{
    e->pending = cs_new(struct cs_pending);
    e->pending->ns = cs_intern_ref(pool, ns);
    e->pending->name = cs_intern_str(pool, cs_str(name));
}

struct cs_pending *cs_entry_pending(struct cs_intern *pool, struct cs_entry *e)
{
    if (!e->pending)
        cs_entry_expect(pool, e, e->meta->ns, e->meta->name);
    return e->pending;
}

void cs_entry_settled(struct cs_intern *pool, struct cs_entry *e)
{
    struct cs_pending *p = e->pending;

    if (!p)
        return;
    cs_intern_unref(pool, p->ns);
    cs_intern_unref(pool, p->name);
    cs_intern_unref(pool, p->revision);
    cs_intern_unref(pool, p->gone_uid);
    free(p);
    e->pending = NULL;
}

/* ---- the table ---- */

static uint32_t hash_of(const char *ns, const char *name)
{
    return cs_hash_fold(cs_fnv64_1a(cs_fnv64_1a(CS_FNV64_INIT, ns, strlen(ns) + 1), name, strlen(name)));
}

static uint32_t capacity(uint32_t n_slots)
{
    return n_slots - n_slots / 4;
}

/* The slot of an entry, or the free slot where it belongs. */
static uint32_t slot_of(const struct cs_entry_table *t, const struct cs_entry *e)
{
    uint32_t i = e->hash & (t->n_slots - 1);

    while (t->slots[i] && t->items[t->slots[i] - 1] != e)
        i = (i + 1) & (t->n_slots - 1);
    return i;
}

/* Without the holes, in a table that is at most half full then. */
static void rebuild(struct cs_entry_table *t)
{
    uint32_t n = 0;

    t->n_slots = FIRST_SLOTS;
    while (capacity(t->n_slots) / 2 < t->live)
        t->n_slots *= 2;
    for (uint32_t i = 0; i < t->n; i++)
        if (t->items[i])
            t->items[n++] = t->items[i];
    t->n = n;
    t->items = cs_xrealloc(t->items, capacity(t->n_slots), sizeof(struct cs_entry *));
    free(t->slots);
    t->slots = cs_new_array(uint32_t, t->n_slots);
    for (uint32_t i = 0; i < n; i++)
        t->slots[slot_of(t, t->items[i])] = i + 1;
}

struct cs_entry *cs_entry_find(const struct cs_entry_table *t, const char *ns, const char *name)
{
    uint32_t hash = hash_of(ns, name);
    uint32_t i = hash & (t->n_slots - 1);

    if (t->n_slots == 0)
        return NULL;
    for (; t->slots[i]; i = (i + 1) & (t->n_slots - 1)) {
        struct cs_entry *e = t->items[t->slots[i] - 1];

        if (e->hash == hash && strcmp(cs_entry_name(e), name) == 0 && strcmp(cs_entry_ns(e), ns) == 0)
            return e;
    }
    return NULL;
}

struct cs_entry *cs_entry_add(struct cs_entry_table *t, enum cs_kind k, const char *ns, const char *name)
{
    static const size_t sizes[CS_K_COUNT] = {
        [CS_K_CLAIM] = sizeof(struct cs_claim_entry), [CS_K_REVISION] = sizeof(struct cs_revision_entry)};
    struct cs_entry *e = cs_xcalloc(1, sizes[k] ? sizes[k] : sizeof(struct cs_entry));

    e->kind = k;
    e->hash = hash_of(ns, name);
    if (t->n == capacity(t->n_slots))
        rebuild(t);
    t->slots[slot_of(t, e)] = t->n + 1;
    t->items[t->n++] = e;
    t->live++;
    return e;
}

void cs_entry_drop(struct cs_entry_table *t, struct cs_entry *e)
{
    uint32_t mask = t->n_slots - 1;
    uint32_t hole = slot_of(t, e);

    t->items[t->slots[hole] - 1] = NULL;
    t->slots[hole] = 0;
    for (uint32_t i = (hole + 1) & mask; t->slots[i]; i = (i + 1) & mask) {
        if (!cs_hash_fills(hole, i, t->items[t->slots[i] - 1]->hash & mask, mask))
            continue;
        t->slots[hole] = t->slots[i];
        t->slots[i] = 0;
        hole = i;
    }
    t->live--;
    free(e);
}

void cs_entry_table_done(struct cs_entry_table *t)
{
    free(t->items);
    free(t->slots);
    *t = (struct cs_entry_table){0};
}
