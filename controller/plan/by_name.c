/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Pods of a set in order of their names. With thousands of them it is not the comparisons that cost but the waiting for names that
 * lie all over the memory. So each name is read once, and what comes behind the part that all have in common is compared as a number.
 */
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "controller/plan/order.h"

struct entry {
    uint64_t head; /* of rest: its first bytes as a number, the first one counting most */
    const char *rest;
    uint32_t at; /* in pods */
};

static size_t common_prefix(const struct cs_view_pod *pods, uint32_t n)
{
    size_t len = strlen(pods[0].name);

    for (uint32_t i = 1; i < n; i++) {
        size_t same = 0;

        while (same < len && pods[i].name[same] == pods[0].name[same])
            same++;
        len = same;
    }
    return len;
}

/* A text that ends sooner has zeros, as strcmp has it. */
static uint64_t head_of(const char *rest)
{
    uint64_t head = 0;
    size_t len = strnlen(rest, sizeof(head));

    for (size_t i = 0; i < sizeof(head); i++)
        head = head << 8 | (i < len ? (unsigned char)rest[i] : 0);
    return head;
}

static int by_head(const void *x, const void *y)
{
    const struct entry *a = x, *b = y;

    if (a->head != b->head)
        return a->head < b->head ? -1 : 1;
    return strcmp(a->rest, b->rest);
}

/* Moves pods[entries[i].at] to place i, one cycle of moves after the other; the entries are used up. */
static void move_into_order(struct cs_view_pod *pods, struct entry *entries, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        struct cs_view_pod first = pods[i];
        uint32_t to = i;

        for (uint32_t from = entries[to].at; from != i; from = entries[to].at) {
            pods[to] = pods[from];
            entries[to].at = to;
            to = from;
        }
        pods[to] = first;
        entries[to].at = to;
    }
}

void cs_sort_by_name(struct cs_view_pod *pods, uint32_t n)
{
    cs_autofree struct entry *entries = NULL;
    size_t prefix;

    if (n < 2)
        return;
    entries = cs_new_array(struct entry, n);
    prefix = common_prefix(pods, n);
    for (uint32_t i = 0; i < n; i++) {
        const char *rest = pods[i].name + prefix;

        entries[i] = (struct entry){.head = head_of(rest), .rest = rest, .at = i};
    }
    qsort(entries, n, sizeof(entries[0]), by_head);
    move_into_order(pods, entries, n);
}
