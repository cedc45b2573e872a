/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What we know of the cluster: one entry per object, linked to its CloneSet by the owner's uid (D19), written through by every
 * answer and by the watches; the newer resourceVersion wins (D5). Requests under way are marked on their entry.
 */
#ifndef CS_CONTROLLER_STORE_H
#define CS_CONTROLLER_STORE_H

#include "common/api/cloneset.h"
#include "common/api/objects.h"
#include "common/api/pod.h"
#include "common/base/table.h"
#include "common/cloneset/names.h"
#include "controller/cloneset/store_entry.h"
#include "controller/plan/plan.h"

struct cs_set_entry;

struct cs_entries {
    struct cs_entry **items;
    uint32_t n, cap;
};

#define CS_BLOCK_MS 300000

/* A name of ours that somebody else's object has (D4): until that is gone, as far as it is seen, and no longer than CS_BLOCK_MS. */
struct cs_blocked_id {
    char id[CS_ID_SIZE];
    enum cs_kind kind; /* of the object */
    char name[CS_NAME_SIZE];
    bool seen; /* the store has it */
    int64_t until_ms; /* of the loop */
};

/* When a read was sent: what the store had taken by then, and the loop's time. */
struct cs_asked {
    uint64_t seq;
    int64_t at_ms;
};

/* An id of which no Pod is known. */
struct cs_free_id {
    const char *id; /* interned */
    bool absent; /* the server said that there is none (D6) */
    bool made; /* we have made a claim of it for a Pod to come */
    struct cs_asked asked; /* absent: when */
};

/* A CloneSet by uid, known or only referred to. */
struct cs_set_entry {
    UT_hash_handle hh;
    const char *uid; /* interned */
    struct cs_cloneset *set; /* borrowed from its entry; NULL: not seen (yet, or any more) */
    struct cs_entries entries[CS_K_COUNT]; /* pods, claims, revisions */
    struct cs_norm *norm; /* of the live template; owned; NULL without set */
    char *violations; /* the rules of admission that the set breaks, one line; owned; NULL: none */
    int64_t validated; /* generation that was looked at for them */
    struct cs_set_run *run; /* the reconciler's; NULL until needed */
    struct cs_free_id *free_ids; /* sorted by id; gone when a Pod or no claim of the id is seen any more */
    struct cs_blocked_id *blocked;
    uint32_t n_free_ids, cap_free_ids, n_blocked, cap_blocked;
};

struct cs_store_hooks {
    void (*on_change)(void *ctx, struct cs_set_entry *s); /* something of the set changed */
    bool (*on_set_gone)(
        void *ctx, struct cs_set_entry *s); /* about to be freed; false: not yet, a request is under way */
    void (*on_restored)(void *ctx, enum cs_kind k); /* D5c: a list older than the store */
    void *ctx;
};

struct cs_store {
    struct cs_intern *pool;
    struct cs_entry_table tables[CS_K_COUNT];
    struct cs_gone *gone[CS_K_COUNT]; /* store_gone.h */
    struct cs_set_entry *sets;
    struct cs_entries
        loose; /* revisions without controller: few, whoever's selector they match uses them (spec §4.2) */
    uint32_t list_seq[CS_K_COUNT]; /* lists that began to arrive */
    uint64_t lists_sent[CS_K_COUNT]; /* lists that were sent */
    uint64_t high_rv[CS_K_COUNT]; /* newest version seen */
    uint64_t sent_rv[CS_K_COUNT]; /* the same when the request of the list under way was sent (D5c) */
    struct cs_store_hooks hooks;
    uint64_t seq; /* versions taken so far, of any kind */
    uint64_t norms; /* made so far: their ids */
    bool sweep_due;
};

void cs_store_init(struct cs_store *s, const struct cs_store_hooks *hooks);
void cs_store_done(struct cs_store *s);

/*
 * Takes an object as the server had it. Older than, or equal to what is held: ignored. Undecodable: false with err, and
 * nothing else is touched (one bad object must not stop others). listed: it came in the list under way.
 */
bool cs_store_apply(struct cs_store *s, enum cs_kind k, struct cs_json obj, bool listed, struct cs_error *err);
/* A watch said DELETED (rv of the event), or a GET gave 404 (rv 0). uid NULL: whatever is there. */
void cs_store_remove(
    struct cs_store *s, enum cs_kind k, const char *ns, const char *name, const char *uid, uint64_t rv);
void cs_store_list_sent(struct cs_store *s, enum cs_kind k); /* the request goes out */
void cs_store_list_begin(struct cs_store *s, enum cs_kind k);
/* D5b: drops what was not listed and is held at a version ≤ rv. */
void cs_store_list_end(struct cs_store *s, enum cs_kind k, uint64_t rv);
void cs_store_forget(struct cs_store *s); /* everything: the server was restored (D5c) */

/* ns NULL: an object without one, as ""; here and in cs_store_remove. */
struct cs_entry *cs_store_find(struct cs_store *s, enum cs_kind k, const char *ns, const char *name);
/* Finds or makes an entry for a create under way, linked to the set. */
struct cs_entry *cs_store_reserve(struct cs_store *s, enum cs_kind k, struct cs_set_entry *set, const char *name);
/* The request on an entry has ended: idle again, or dropped when there is no object. */
void cs_store_settle(struct cs_store *s, struct cs_entry *e);
struct cs_set_entry *cs_store_set(struct cs_store *s, const char *uid);
/*
 * Set entries are freed only by cs_store_sweep, which is called when nothing holds one; cs_store_collect says that there may be
 * something to free.
 */
void cs_store_collect(struct cs_store *s, const struct cs_set_entry *se);
void cs_store_sweep(struct cs_store *s);

#endif
