/* SPDX-License-Identifier: Apache-2.0 */
#include "controller/cloneset/store_gone.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"

struct cs_gone {
    UT_hash_handle hh;
    char *key; /* "<ns>/<name>", owned */
    char *uid; /* owned */
    uint64_t rv; /* it was gone at that version */
    uint64_t held_rv; /* … of which this was held: what else had its name then, or before, is gone as well */
    uint64_t lists; /* so many lists of its kind had been sent */
};

static void drop(struct cs_store *s, enum cs_kind k, struct cs_gone *g)
{
    HASH_DEL(s->gone[k], g);
    free(g->key);
    free(g->uid);
    free(g);
}

static char *key_of(const char *ns, const char *name)
{
    return cs_xasprintf("%s/%s", ns ? ns : "", name);
}

static struct cs_gone *find(const struct cs_store *s, enum cs_kind k, const char *ns, const char *name)
{
    struct cs_gone *g = NULL;

    if (!s->gone[k])
        return NULL;
    cs_autofree char *key = key_of(ns, name);
    HASH_FIND_STR(s->gone[k], key, g);
    return g;
}

void cs_gone_note(struct cs_store *s, const struct cs_entry *e, uint64_t rv)
{
    struct cs_gone *g = find(s, e->kind, e->meta->ns, e->meta->name);

    if (g)
        drop(s, e->kind, g);
    g = cs_new(struct cs_gone);
    g->key = key_of(e->meta->ns, e->meta->name);
    g->uid = cs_xstrdup(e->meta->uid);
    g->rv = rv;
    g->held_rv = e->meta->rv;
    g->lists = s->lists_sent[e->kind];
    HASH_ADD_KEYPTR(hh, s->gone[e->kind], g->key, strlen(g->key), g);
}

bool cs_gone_covers(struct cs_store *s, enum cs_kind k, const struct cs_meta *meta, bool listed)
{
    struct cs_gone *g = find(s, k, meta->ns, meta->name);

    if (!g)
        return false;
    if ((!listed || g->lists == s->lists_sent[k]) && meta->rv <= (strcmp(g->uid, meta->uid) == 0 ? g->rv : g->held_rv))
        return true;
    drop(s, k, g);
    return false;
}

void cs_gone_forget(struct cs_store *s, enum cs_kind k, const char *ns, const char *name, const char *uid)
{
    struct cs_gone *g = find(s, k, ns, name);

    if (g && (!uid || strcmp(g->uid, uid) == 0))
        drop(s, k, g);
}

void cs_gone_listed(struct cs_store *s, enum cs_kind k)
{
    struct cs_gone *g;
    struct cs_gone *tmp;

    HASH_ITER (hh, s->gone[k], g, tmp) {
        if (g->lists != s->lists_sent[k])
            drop(s, k, g);
    }
}

void cs_gone_clear(struct cs_store *s)
{
    struct cs_gone *g;
    struct cs_gone *tmp;

    for (int k = 0; k < CS_K_COUNT; k++)
        HASH_ITER (hh, s->gone[k], g, tmp) {
            drop(s, (enum cs_kind)k, g);
        }
}
