/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pool is an open-addressing table of pointers to counted strings. uthash would cost 56 bytes for each string, as much
 * as most of the strings themselves; here it is 12 bytes in front of the text and 8 to 16 in the table.
 */
#include "common/api/intern.h"

#include <stdio.h>

#include "common/base/alloc.h"
#include "common/base/hash.h"

#if defined(__SANITIZE_ADDRESS__)
#define CHECK_LEAKS 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define CHECK_LEAKS 1
#endif
#endif

/* Up to this size exhaustion aborts, above it is an error (D25). */
#define SMALL 4096

struct entry {
    uint32_t refs;
    uint32_t hash; /* saves the comparison of most texts, and their re-reading when the table grows */
    uint32_t len : 31; /* the text's without its NUL */
    bool is_array : 1; /* behind PAD bytes, so that pointers lie as they have to */
    char text[];
};

#define PAD 4
_Static_assert((offsetof(struct entry, text) + PAD) % sizeof(void *) == 0, "an array is to be aligned");
_Static_assert(CS_INTERN_MAX < (1u << 31), "a length has to fit");

struct cs_intern {
    struct entry **slots; /* NULL: free. Linear probing, no tombstones */
    size_t cap; /* power of two */
    size_t count;
    size_t text_bytes; /* memory of the entries */
    uint64_t seed;
    bool failed;
};

/* What glibc's malloc really takes for n bytes. */
static size_t chunk_size(size_t n)
{
    size_t size = (n + sizeof(size_t) + 15) & ~(size_t)15;

    return size < 32 ? 32 : size;
}

/* Both have so many bytes more than their length: a NUL, or in front. */
static size_t entry_size(size_t len, bool is_array)
{
    return sizeof(struct entry) + len + (is_array ? PAD : 1);
}

static size_t entry_bytes(const struct entry *e)
{
    return chunk_size(entry_size(e->len, e->is_array));
}

static struct entry *entry_of(const char *s)
{
    return (struct entry *)((uintptr_t)s - offsetof(struct entry, text));
}

static struct entry *entry_of_array(const void *array)
{
    return entry_of((const char *)array - PAD);
}

static char *content(struct entry *e)
{
    return e->text + (e->is_array ? PAD : 0);
}

static uint32_t hash_of(const struct cs_intern *pool, struct cs_str s)
{
    return cs_hash_fold(cs_fnv64_1a(pool->seed, s.p, s.len));
}

struct cs_intern *cs_intern_new(void)
{
    struct cs_intern *pool = cs_new(struct cs_intern);

    pool->cap = 64;
    pool->slots = cs_new_array(struct entry *, pool->cap);
    /* The address differs from run to run, so nobody can prepare strings that collide. Nothing depends on the order. */
    pool->seed = CS_FNV64_INIT ^ ((uint64_t)(uintptr_t)pool * 0x9e3779b97f4a7c15u);
    return pool;
}

void cs_intern_free(struct cs_intern *pool)
{
    if (!pool)
        return;
#ifdef CHECK_LEAKS
    if (pool->count) {
        for (size_t i = 0; i < pool->cap; i++) {
            if (pool->slots[i])
                (void)fprintf(stderr, "interned %s not released: \"%s\"\n",
                    pool->slots[i]->is_array ? "array" : "string", pool->slots[i]->text);
        }
        abort();
    }
#endif
    for (size_t i = 0; i < pool->cap; i++)
        free(pool->slots[i]);
    free(pool->slots);
    free(pool);
}

/* The slot that holds s, or the free slot where it belongs. */
static size_t find_slot(const struct cs_intern *pool, struct cs_str s, uint32_t hash, bool is_array)
{
    size_t i = hash & (pool->cap - 1);

    for (struct entry *e; (e = pool->slots[i]) != NULL; i = (i + 1) & (pool->cap - 1)) {
        if (e->hash == hash && e->len == s.len && e->is_array == is_array && memcmp(content(e), s.p, s.len) == 0)
            break;
    }
    return i;
}

/* Doubles the table. Without memory the old one goes on, slower, until one slot is left. */
static bool make_room(struct cs_intern *pool)
{
    if (pool->count + 1 <= pool->cap - pool->cap / 4)
        return true;
    size_t cap = pool->cap * 2;
    struct entry **slots = cs_try_calloc(cap, sizeof(*slots));
    if (!slots)
        return pool->count + 1 < pool->cap;

    for (size_t i = 0; i < pool->cap; i++) {
        if (!pool->slots[i])
            continue;
        size_t at = pool->slots[i]->hash & (cap - 1);
        while (slots[at])
            at = (at + 1) & (cap - 1);
        slots[at] = pool->slots[i];
    }
    free(pool->slots);
    pool->slots = slots;
    pool->cap = cap;
    return true;
}

static struct entry *new_entry(struct cs_str s, uint32_t hash, bool is_array)
{
    size_t size = entry_size(s.len, is_array);
    struct entry *e = size <= SMALL ? cs_xcalloc(1, size) : cs_try_calloc(1, size);

    if (!e)
        return NULL;
    e->refs = 1;
    e->hash = hash;
    e->len = (uint32_t)s.len;
    e->is_array = is_array;
    if (s.len)
        memcpy(content(e), s.p, s.len);
    return e;
}

static char *intern(struct cs_intern *pool, struct cs_str s, bool is_array)
{
    if (s.len > CS_INTERN_MAX) {
        pool->failed = true;
        return NULL;
    }
    uint32_t hash = hash_of(pool, s);
    struct entry *e = pool->slots[find_slot(pool, s, hash, is_array)];
    if (e) {
        e->refs++;
        return content(e);
    }
    e = make_room(pool) ? new_entry(s, hash, is_array) : NULL;
    if (!e) {
        pool->failed = true;
        return NULL;
    }
    pool->slots[find_slot(pool, s, hash, is_array)] = e;
    pool->count++;
    pool->text_bytes += entry_bytes(e);
    return content(e);
}

const char *cs_intern_str(struct cs_intern *pool, struct cs_str s)
{
    return s.p ? intern(pool, s, false) : NULL;
}

void *cs_intern_array(struct cs_intern *pool, const void *items, size_t bytes)
{
    return bytes > 0 ? intern(pool, (struct cs_str){.p = items, .len = bytes}, true) : NULL;
}

bool cs_intern_is_shared(const void *array)
{
    return entry_of_array(array)->refs > 1;
}

const char *cs_intern_ref(struct cs_intern *pool, const char *s)
{
    (void)pool;
    if (s)
        entry_of(s)->refs++;
    return s;
}

/* Empties a slot and moves up what had been pushed past it. */
static void remove_slot(struct cs_intern *pool, size_t hole)
{
    size_t mask = pool->cap - 1;

    pool->slots[hole] = NULL;
    for (size_t i = (hole + 1) & mask; pool->slots[i]; i = (i + 1) & mask) {
        if (!cs_hash_fills(hole, i, pool->slots[i]->hash & mask, mask))
            continue;
        pool->slots[hole] = pool->slots[i];
        pool->slots[i] = NULL;
        hole = i;
    }
}

static void release(struct cs_intern *pool, struct entry *e)
{
    if (--e->refs)
        return;
    size_t i = e->hash & (pool->cap - 1);
    while (pool->slots[i] != e)
        i = (i + 1) & (pool->cap - 1);
    remove_slot(pool, i);
    pool->count--;
    pool->text_bytes -= entry_bytes(e);
    free(e);
}

void cs_intern_unref(struct cs_intern *pool, const char *s)
{
    if (s)
        release(pool, entry_of(s));
}

void cs_intern_array_unref(struct cs_intern *pool, const void *array)
{
    if (array)
        release(pool, entry_of_array(array));
}

bool cs_intern_take_failure(struct cs_intern *pool)
{
    bool failed = pool->failed;

    pool->failed = false;
    return failed;
}

size_t cs_intern_count(const struct cs_intern *pool)
{
    return pool->count;
}

size_t cs_intern_bytes(const struct cs_intern *pool)
{
    return sizeof(*pool) + pool->cap * sizeof(*pool->slots) + pool->text_bytes;
}
