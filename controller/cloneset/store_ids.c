/* SPDX-License-Identifier: Apache-2.0 */
#include "controller/cloneset/store_ids.h"

#include <string.h>

#include "common/base/alloc.h"

const struct cs_free_id *cs_set_free_find(const struct cs_set_entry *se, const char *id)
{
    uint32_t lo = 0;
    uint32_t hi = se->n_free_ids;

    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        int c = strcmp(se->free_ids[mid].id, id);

        if (c == 0)
            return &se->free_ids[mid];
        if (c < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return NULL;
}

static struct cs_free_id *need_free(struct cs_store *s, struct cs_set_entry *se, const char *id)
{
    uint32_t i = 0;

    while (i < se->n_free_ids && strcmp(se->free_ids[i].id, id) < 0)
        i++;
    if (i < se->n_free_ids && strcmp(se->free_ids[i].id, id) == 0)
        return &se->free_ids[i];
    cs_grow(se->free_ids, se->n_free_ids, se->cap_free_ids);
    memmove(&se->free_ids[i + 1], &se->free_ids[i], (se->n_free_ids - i) * sizeof(se->free_ids[0]));
    se->free_ids[i] = (struct cs_free_id){.id = cs_intern_str(s->pool, cs_str(id))};
    se->n_free_ids++;
    return &se->free_ids[i];
}

void cs_set_absent_add(struct cs_store *s, struct cs_set_entry *se, const char *id, struct cs_asked asked)
{
    struct cs_free_id *f = need_free(s, se, id);

    f->absent = true;
    f->asked = asked;
}

void cs_set_made_add(struct cs_store *s, struct cs_set_entry *se, const char *id)
{
    need_free(s, se, id)->made = true;
}

void cs_set_free_drop(struct cs_store *s, struct cs_set_entry *se, const char *id)
{
    const struct cs_free_id *f = cs_set_free_find(se, id);
    size_t i = f ? (size_t)(f - se->free_ids) : 0;

    if (!f)
        return;
    cs_intern_unref(s->pool, f->id);
    se->n_free_ids--;
    memmove(&se->free_ids[i], &se->free_ids[i + 1], (se->n_free_ids - i) * sizeof(se->free_ids[0]));
}

/* ---- names that others have ---- */

void cs_set_block_id(struct cs_set_entry *se, const char *id, struct cs_entry *by, int64_t now_ms)
{
    const char *name = cs_entry_name(by);
    struct cs_blocked_id *b;

    cs_grow(se->blocked, se->n_blocked, se->cap_blocked);
    by->blocks = true;
    b = &se->blocked[se->n_blocked++];
    *b = (struct cs_blocked_id){.kind = by->kind, .seen = by->obj != NULL, .until_ms = now_ms + CS_BLOCK_MS};
    memcpy(b->id, id, CS_ID_SIZE);
    memcpy(b->name, name, strnlen(name, CS_NAME_SIZE - 1));
}

void cs_store_blocker_gone(struct cs_store *s, const struct cs_entry *e)
{
    struct cs_set_entry *se;
    struct cs_set_entry *tmp;

    HASH_ITER (hh, s->sets, se, tmp) {
        bool blocks = false;

        for (uint32_t i = 0; i < se->n_blocked && se->set && !blocks; i++)
            blocks = se->blocked[i].kind == e->kind && cs_streq(se->set->meta.ns, e->meta->ns) &&
                     strcmp(se->blocked[i].name, e->meta->name) == 0;
        if (blocks && s->hooks.on_change)
            s->hooks.on_change(s->hooks.ctx, se);
    }
}

void cs_set_unblock(struct cs_store *s, struct cs_set_entry *se, int64_t now_ms)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < se->n_blocked; i++) {
        const struct cs_blocked_id *b = &se->blocked[i];
        const struct cs_entry *e = b->seen && se->set ? cs_store_find(s, b->kind, se->set->meta.ns, b->name) : NULL;

        if (now_ms < b->until_ms && (!b->seen || (e && e->obj)))
            se->blocked[n++] = *b;
    }
    se->n_blocked = n;
}
