/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store's entries, and the table in which they are found by name. With 50,000 of them the size counts: what only some need is
 * apart, and the names are those of the object.
 */
#ifndef CS_CONTROLLER_STORE_ENTRY_H
#define CS_CONTROLLER_STORE_ENTRY_H

#include "common/api/meta.h"
#include "common/cloneset/names.h"
#include "common/cloneset/norm.h"
#include "controller/plan/observation.h"

enum cs_kind { CS_K_SET, CS_K_POD, CS_K_CLAIM, CS_K_REVISION, CS_K_NODE, CS_K_COUNT };
const struct cs_gvr *cs_kind_gvr(enum cs_kind k);

/* What is known while no object is there, and of what is asked for: gone when the request has ended. Strings are interned. */
struct cs_pending {
    const char *ns, *name;
    const char *revision; /* of a Pod create under way: full revision name */
    const char *gone_uid; /* went while a request was under way: late answers about it are ignored */
    uint64_t gone_rv; /* … up to this version: it may only have left the selection, and come back (D6) */
    char id[CS_ID_SIZE]; /* of a create under way */
};

/* One object name of one kind. obj NULL: nothing is known to exist, but a request is under way. */
struct cs_entry {
    union { /* each object begins with its metadata */
        void *obj; /* struct cs_cloneset, cs_pod, …; owned */
        const struct cs_meta *meta;
    };
    struct cs_set_entry *set; /* owner, or NULL */
    struct cs_pending *pending; /* owned; there when obj is not */
    uint32_t hash; /* of the name */
    uint32_t at; /* index in set->entries[kind], or in store->loose */
    uint32_t seen; /* list in which it was last seen */
    enum cs_kind kind : 8;
    enum cs_busy busy : 8;
    bool loose : 1; /* a revision without controller (spec §4.2): in store->loose */
    bool blocks : 1; /* it has a name of a set that is not its own: see struct cs_blocked_id */
    bool unattended : 1; /* busy until the watch tells, no answer is awaited (D5a) */
};

struct cs_claim_entry {
    struct cs_entry e;
    uint64_t seq; /* of the store, when obj was taken (D5d) */
    uint64_t late_rv; /* a DELETE or hand-over of this version was sent, and its answer got lost (D12) */
    const char *refused; /* the request that the server would not let this version grow to (U-13); interned */
};

struct cs_revision_entry {
    struct cs_entry e;
    struct cs_norm *norm; /* of its template; owned */
};

/* Of an entry of kind CS_K_CLAIM. */
static inline struct cs_claim_entry *cs_claim_of(struct cs_entry *e)
{
    return (struct cs_claim_entry *)(void *)e;
}
/* Of an entry of kind CS_K_REVISION. */
static inline struct cs_revision_entry *cs_revision_of(struct cs_entry *e)
{
    return (struct cs_revision_entry *)(void *)e;
}

/* Name and namespace of the object, or of the one asked for. */
const char *cs_entry_ns(const struct cs_entry *e);
const char *cs_entry_name(const struct cs_entry *e);
struct cs_pending *cs_entry_pending(struct cs_intern *pool, struct cs_entry *e); /* makes it when there is none */
/* For an entry without object, which is of that name. ns: interned. */
void cs_entry_expect(struct cs_intern *pool, struct cs_entry *e, const char *ns, const char *name);
void cs_entry_settled(struct cs_intern *pool, struct cs_entry *e); /* frees it */

/*
 * Entries in the order in which they were added, so that nothing depends on where they lie in memory, and an open-addressing table of
 * their indices. Adding may move them; removing leaves a hole.
 */
struct cs_entry_table {
    struct cs_entry **items; /* NULL: a hole */
    uint32_t *slots; /* index + 1; 0: free. Linear probing */
    uint32_t n; /* of items, holes included */
    uint32_t live;
    uint32_t n_slots; /* power of two, or 0 */
};
#define cs_entry_foreach(e, table)                                                                                     \
    for (uint32_t e##_at_ = 0; e##_at_ < (table)->n; e##_at_++)                                                        \
        for (struct cs_entry *e = (table)->items[e##_at_]; e; (e) = NULL)

struct cs_entry *cs_entry_find(const struct cs_entry_table *t, const char *ns, const char *name); /* NULL: none */
/* A new one; obj or pending is to be set before the table is used again. */
struct cs_entry *cs_entry_add(struct cs_entry_table *t, enum cs_kind k, const char *ns, const char *name);
void cs_entry_drop(
    struct cs_entry_table *t, struct cs_entry *e); /* takes it out and frees it; nothing of it is owned any more */
void cs_entry_table_done(struct cs_entry_table *t); /* of an empty table */

#endif
