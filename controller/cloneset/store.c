/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See store.h. The rules of D5 are in cs_store_apply, cs_store_remove and cs_store_list_end.
 */
#include "controller/cloneset/store.h"

#include <stdlib.h>
#include <string.h>

#include "common/api/gvr.h"
#include "common/base/alloc.h"
#include "common/base/strbuf.h"
#include "common/cloneset/defaults.h"
#include "common/cloneset/validate.h"
#include "controller/cloneset/store_gone.h"
#include "controller/cloneset/store_ids.h"

#define VIOLATIONS_MAX 900 /* the message of an event holds 1024 bytes */

const struct cs_gvr *cs_kind_gvr(enum cs_kind k)
{
    static const struct cs_gvr *const gvrs[CS_K_COUNT] = {
        [CS_K_SET] = &cs_gvr_clonesets,
        [CS_K_POD] = &cs_gvr_pods,
        [CS_K_CLAIM] = &cs_gvr_claims,
        [CS_K_REVISION] = &cs_gvr_revisions,
        [CS_K_NODE] = &cs_gvr_nodes,
    };

    return gvrs[k];
}

void cs_store_init(struct cs_store *s, const struct cs_store_hooks *hooks)
{
    *s = (struct cs_store){.pool = cs_intern_new(), .hooks = *hooks};
}

static void free_obj(struct cs_store *s, enum cs_kind k, void *obj)
{
    switch (k) {
    case CS_K_SET:
        cs_cloneset_free(s->pool, obj);
        break;
    case CS_K_POD:
        cs_pod_free(s->pool, obj);
        break;
    case CS_K_CLAIM:
        cs_claim_free(s->pool, obj);
        break;
    case CS_K_REVISION:
        cs_revision_free(s->pool, obj);
        break;
    case CS_K_NODE:
        cs_node_free(s->pool, obj);
        break;
    case CS_K_COUNT:
        break;
    }
}

static void forget_refusal(struct cs_store *s, struct cs_claim_entry *c)
{
    cs_intern_unref(s->pool, c->refused);
    c->refused = NULL;
}

/* The object, and what is kept of this version of it. */
static void forget_obj(struct cs_store *s, struct cs_entry *e)
{
    free_obj(s, e->kind, e->obj);
    e->obj = NULL;
    if (e->kind == CS_K_CLAIM)
        forget_refusal(s, cs_claim_of(e));
    if (e->kind == CS_K_REVISION) {
        cs_norm_free(cs_revision_of(e)->norm);
        cs_revision_of(e)->norm = NULL;
    }
}

struct cs_set_entry *cs_store_set(struct cs_store *s, const char *uid)
{
    struct cs_set_entry *se = NULL;

    if (uid)
        HASH_FIND_STR(s->sets, uid, se);
    return se;
}

static struct cs_set_entry *need_set(struct cs_store *s, const char *uid)
{
    struct cs_set_entry *se = cs_store_set(s, uid);

    if (se)
        return se;
    se = cs_new(struct cs_set_entry);
    se->uid = cs_intern_str(s->pool, cs_str(uid));
    HASH_ADD_KEYPTR(hh, s->sets, se->uid, strlen(se->uid), se);
    return se;
}

static void lose_set(struct cs_set_entry *se)
{
    se->set = NULL;
    cs_norm_free(se->norm);
    se->norm = NULL;
}

static void free_set(struct cs_store *s, struct cs_set_entry *se)
{
    HASH_DEL(s->sets, se);
    for (int k = 0; k < CS_K_COUNT; k++)
        free(se->entries[k].items);
    for (uint32_t i = 0; i < se->n_free_ids; i++)
        cs_intern_unref(s->pool, se->free_ids[i].id);
    free(se->free_ids);
    free(se->blocked);
    cs_norm_free(se->norm);
    free(se->violations);
    cs_intern_unref(s->pool, se->uid);
    free(se);
}

static bool is_used(const struct cs_set_entry *se)
{
    bool used = se->set != NULL;

    for (int k = 0; k < CS_K_COUNT; k++)
        used = used || se->entries[k].n > 0;
    return used;
}

void cs_store_collect(struct cs_store *s, const struct cs_set_entry *se)
{
    if (!is_used(se))
        s->sweep_due = true;
}

void cs_store_sweep(struct cs_store *s)
{
    struct cs_set_entry *se;
    struct cs_set_entry *tmp;

    if (!s->sweep_due)
        return;
    s->sweep_due = false;
    HASH_ITER (hh, s->sets, se, tmp) {
        if (!is_used(se) && (!s->hooks.on_set_gone || s->hooks.on_set_gone(s->hooks.ctx, se)))
            free_set(s, se);
    }
}

static void changed(struct cs_store *s, struct cs_set_entry *se)
{
    if (se && s->hooks.on_change)
        s->hooks.on_change(s->hooks.ctx, se);
}

static void take_out(struct cs_entries *list, const struct cs_entry *e)
{
    list->items[e->at] = list->items[list->n - 1];
    list->items[e->at]->at = e->at;
    list->n--;
}

static void put_in(struct cs_entries *list, struct cs_entry *e)
{
    if (list->n == list->cap) { /* most sets have few */
        list->cap += list->cap / 2 + 1;
        list->items = cs_xrealloc(list->items, list->cap, sizeof(struct cs_entry *));
    }
    e->at = list->n;
    list->items[list->n++] = e;
}

static void unlink_entry(struct cs_store *s, struct cs_entry *e)
{
    struct cs_set_entry *se = e->set;

    if (e->loose) {
        take_out(&s->loose, e);
        e->loose = false;
    }
    if (!se)
        return;
    take_out(&se->entries[e->kind], e);
    e->set = NULL;
    changed(s, se);
    cs_store_collect(s, se);
}

static void link_entry(struct cs_store *s, struct cs_entry *e, struct cs_set_entry *se)
{
    if (e->set == se && !e->loose)
        return;
    unlink_entry(s, e);
    if (!se)
        return;
    put_in(&se->entries[e->kind], e);
    e->set = se;
}

/* A revision that nobody controls is used by the sets of its namespace that it fits (spec §4.2). */
static void set_loose(struct cs_store *s, struct cs_entry *e)
{
    struct cs_set_entry *se;
    struct cs_set_entry *tmp;

    if (!e->loose) {
        unlink_entry(s, e);
        put_in(&s->loose, e);
        e->loose = true;
    }
    HASH_ITER (hh, s->sets, se, tmp) {
        if (se->set && cs_streq(se->set->meta.ns, e->meta->ns))
            changed(s, se);
    }
}

static void free_entry(struct cs_store *s, struct cs_entry *e)
{
    if (e->kind == CS_K_SET && e->obj) {
        struct cs_set_entry *se = cs_store_set(s, e->meta->uid);

        if (se && se->set == e->obj)
            lose_set(se);
    }
    unlink_entry(s, e);
    forget_obj(s, e);
    cs_entry_settled(s->pool, e);
    cs_entry_drop(&s->tables[e->kind], e);
}

void cs_store_done(struct cs_store *s)
{
    s->hooks = (struct cs_store_hooks){0};
    for (int k = 0; k < CS_K_COUNT; k++) {
        cs_entry_foreach (e, &s->tables[k]) {
            free_entry(s, e);
        }
        cs_entry_table_done(&s->tables[k]);
    }
    struct cs_set_entry *se;
    struct cs_set_entry *stmp;
    HASH_ITER (hh, s->sets, se, stmp) {
        free_set(s, se);
    }
    cs_gone_clear(s);
    free(s->loose.items);
    cs_intern_free(s->pool);
    s->pool = NULL;
}

struct cs_entry *cs_store_find(struct cs_store *s, enum cs_kind k, const char *ns, const char *name)
{
    return cs_entry_find(&s->tables[k], ns ? ns : "", name);
}

struct cs_entry *cs_store_reserve(struct cs_store *s, enum cs_kind k, struct cs_set_entry *set, const char *name)
{
    const char *ns = set->set->meta.ns;
    struct cs_entry *e = cs_store_find(s, k, ns, name);

    if (!e) {
        e = cs_entry_add(&s->tables[k], k, ns, name);
        cs_entry_expect(s->pool, e, ns, name);
    }
    if (!e->set && !e->obj) /* somebody else's object stays somebody else's */
        link_entry(s, e, set);
    return e;
}

void cs_store_settle(struct cs_store *s, struct cs_entry *e)
{
    struct cs_set_entry *se = e->set;

    e->busy = CS_IDLE;
    if (!e->obj) {
        free_entry(s, e);
        return;
    }
    cs_entry_settled(s->pool, e);
    changed(s, se);
}

static void *decode(
    struct cs_store *s, enum cs_kind k, struct cs_json obj, const struct cs_meta **meta, struct cs_error *err)
{
    switch (k) {
    case CS_K_SET: {
        struct cs_cloneset *x = cs_cloneset_decode(s->pool, obj, err);

        if (x)
            cs_cloneset_default(s->pool, &x->spec); /* quirk 17: the webhook may be absent */
        *meta = x ? &x->meta : NULL;
        return x;
    }
    case CS_K_POD: {
        struct cs_pod *x = cs_pod_decode(s->pool, obj, err);
        *meta = x ? &x->meta : NULL;
        return x;
    }
    case CS_K_CLAIM: {
        struct cs_claim *x = cs_claim_decode(s->pool, obj, err);
        *meta = x ? &x->meta : NULL;
        return x;
    }
    case CS_K_REVISION: {
        struct cs_revision *x = cs_revision_decode(s->pool, obj, err);
        *meta = x ? &x->meta : NULL;
        return x;
    }
    case CS_K_NODE: {
        struct cs_node *x = cs_node_decode(s->pool, obj, err);
        *meta = x ? &x->meta : NULL;
        return x;
    }
    case CS_K_COUNT:
        break;
    }
    return NULL;
}

/* The CloneSet an object belongs to, by its controller owner's uid; NULL: nobody's that we care for. */
static struct cs_set_entry *owner_of(struct cs_store *s, const struct cs_meta *m)
{
    const struct cs_owner *o = cs_meta_controller(m);

    if (o && cs_owner_is_cloneset(o))
        return need_set(s, o->uid);
    return NULL;
}

/* What the server refused may be asked once more: the user has edited what is asked for. */
static void forget_refusals(struct cs_store *s, struct cs_set_entry *se)
{
    for (uint32_t i = 0; i < se->entries[CS_K_CLAIM].n; i++)
        forget_refusal(s, cs_claim_of(se->entries[CS_K_CLAIM].items[i]));
}

/* As many as fit an event; the rest is counted. */
static char *violations_text(const struct cs_texts *found)
{
    cs_autostrbuf out = CS_STRBUF_INIT;

    for (size_t i = 0; i < found->n; i++) {
        if (i > 0 && out.len + strlen(found->items[i]) > VIOLATIONS_MAX) {
            cs_strbuf_addf(&out, "; and %zu more", found->n - i);
            break;
        }
        cs_strbuf_addf(&out, "%s%.*s", i > 0 ? "; " : "", VIOLATIONS_MAX, found->items[i]);
    }
    return cs_strbuf_take(&out, NULL);
}

/* design §2: the controller validates again. Once per generation: a status does not change what is asked for. */
static void validate(struct cs_set_entry *se, struct cs_json obj, int64_t generation)
{
    struct cs_texts found = {0};

    if (se->validated == generation && generation != 0)
        return;
    se->validated = generation;
    free(se->violations);
    cs_validate_cloneset(obj, &found);
    se->violations = found.n > 0 ? violations_text(&found) : NULL;
    cs_texts_done(&found);
}

static void adopt_set(struct cs_store *s, struct cs_json obj, struct cs_cloneset *set)
{
    struct cs_set_entry *se = need_set(s, set->meta.uid);
    bool same = se->set && se->set->template_raw == set->template_raw; /* both interned */

    validate(se, obj, set->meta.generation);
    if (se->set && (set->expand_claims != se->set->expand_claims || se->set->vcts_raw != set->vcts_raw))
        forget_refusals(s, se);
    if (!same) {
        cs_norm_free(se->norm);
        se->norm = cs_norm_new(set->template_raw, false, ++s->norms);
    }
    se->set = set;
    changed(s, se);
}

/* Puts a decoded object into its entry. */
static void put(struct cs_store *s, struct cs_entry *e, void *obj, const struct cs_meta *meta, struct cs_json json)
{
    struct cs_set_entry *owner = NULL;

    if (e->kind == CS_K_SET) {
        struct cs_cloneset *old = e->obj;
        struct cs_set_entry *old_se = old ? cs_store_set(s, old->meta.uid) : NULL;

        adopt_set(s, json, obj);
        e->obj = obj;
        if (old_se && old_se->set == old) {
            lose_set(old_se); /* same name, another uid */
            changed(s, old_se);
            cs_store_collect(s, old_se);
        }
        cs_cloneset_free(s->pool, old);
    } else {
        forget_obj(s, e);
        e->obj = obj;
        owner = owner_of(s, meta);
    }
    s->seq++;
    if (e->kind == CS_K_CLAIM)
        cs_claim_of(e)->seq = s->seq;
    if (e->kind == CS_K_REVISION)
        cs_revision_of(e)->norm = cs_norm_new(((struct cs_revision *)obj)->data_raw, true, ++s->norms);
    if (e->unattended) {
        e->unattended = false;
        e->busy = CS_IDLE;
    }
    if (e->kind == CS_K_SET)
        return;
    if (e->kind == CS_K_REVISION && !cs_meta_controller(meta))
        set_loose(s, e);
    else
        link_entry(s, e, owner);
    if (owner && e->kind == CS_K_POD && ((struct cs_pod *)obj)->id)
        cs_set_free_drop(s, owner, ((struct cs_pod *)obj)->id);
    changed(s, e->set);
}

/* Pods and claims are watched by their id (D6): no watch will ever say what becomes of one without. */
static bool is_watched(enum cs_kind k, const void *obj)
{
    if (k == CS_K_POD)
        return ((const struct cs_pod *)obj)->id != NULL;
    return k != CS_K_CLAIM || ((const struct cs_claim *)obj)->id != NULL;
}

/* What a late answer says of an object that has gone since. A list is no answer to that request: it also follows a restoration. */
static bool is_history(const struct cs_entry *e, const struct cs_meta *meta)
{
    return e->pending && cs_streq(e->pending->gone_uid, meta->uid) && meta->rv <= e->pending->gone_rv;
}

/* A new one is to get its object at once. */
static struct cs_entry *need_entry(struct cs_store *s, enum cs_kind k, const struct cs_meta *meta)
{
    struct cs_entry *e = cs_store_find(s, k, meta->ns, meta->name);

    return e ? e : cs_entry_add(&s->tables[k], k, meta->ns, meta->name);
}

bool cs_store_apply(struct cs_store *s, enum cs_kind k, struct cs_json obj, bool listed, struct cs_error *err)
{
    const struct cs_meta *meta = NULL;
    void *x = decode(s, k, obj, &meta, err);
    struct cs_entry *e;

    if (!x)
        return false;
    if (meta->rv > s->high_rv[k])
        s->high_rv[k] = meta->rv;
    if (!is_watched(k, x)) {
        /* of any uid: who had the name before is gone */
        e = cs_store_find(s, k, meta->ns, meta->name);
        if (e && e->obj && meta->rv > e->meta->rv)
            cs_gone_note(s, e, meta->rv);
        cs_store_remove(s, k, meta->ns, meta->name, NULL, meta->rv);
        free_obj(s, k, x);
        return true;
    }
    e = cs_gone_covers(s, k, meta, listed) ? NULL : need_entry(s, k, meta);
    if (e && listed)
        e->seen = s->list_seq[k];
    if (!e || (e->obj && meta->rv <= e->meta->rv) || (!listed && is_history(e, meta))) {
        free_obj(s, k, x);
        return true;
    }
    put(s, e, x, meta, obj);
    return true;
}

/* rv: at which version it was gone, or out of the selection; 0: the server has no such object. */
static void object_gone(struct cs_store *s, struct cs_entry *e, uint64_t rv)
{
    struct cs_set_entry *se = e->set;
    struct cs_pending *p;

    if (se && e->kind == CS_K_CLAIM && e->obj && ((const struct cs_claim *)e->obj)->id)
        cs_set_free_drop(
            s, se, ((const struct cs_claim *)e->obj)->id); /* what is known of the id is about its claims */
    if (e->blocks)
        cs_store_blocker_gone(s, e);
    if (e->busy == CS_IDLE || e->unattended) {
        free_entry(s, e);
        return;
    }
    if (e->loose)
        unlink_entry(s, e);
    /* Keep the entry for the request under way; what it still says of this uid is history. */
    p = cs_entry_pending(s->pool, e);
    cs_intern_unref(s->pool, p->gone_uid);
    p->gone_uid = e->obj ? cs_intern_str(s->pool, cs_str(e->meta->uid)) : NULL;
    p->gone_rv = rv != 0 ? rv : UINT64_MAX;
    if (e->kind == CS_K_SET && e->obj) {
        se = cs_store_set(s, e->meta->uid);
        if (se)
            lose_set(se);
    }
    forget_obj(s, e);
    changed(s, se);
}

void cs_store_remove(struct cs_store *s, enum cs_kind k, const char *ns, const char *name, const char *uid, uint64_t rv)
{
    struct cs_entry *e = cs_store_find(s, k, ns, name);
    struct cs_set_entry *se;

    if (rv > s->high_rv[k])
        s->high_rv[k] = rv;
    if (rv != 0 && uid)
        cs_gone_forget(s, k, ns, name, uid);
    if (!e || !e->obj || (uid && !cs_streq(uid, e->meta->uid)) || (rv != 0 && rv < e->meta->rv))
        return;
    se = k == CS_K_SET ? cs_store_set(s, e->meta->uid) : e->set;
    object_gone(s, e, rv);
    if (k == CS_K_SET && se) {
        lose_set(se);
        changed(s, se);
        cs_store_collect(s, se);
    }
}

void cs_store_list_begin(struct cs_store *s, enum cs_kind k)
{
    s->list_seq[k]++;
}

void cs_store_list_sent(struct cs_store *s, enum cs_kind k)
{
    s->sent_rv[k] = s->high_rv[k];
    s->lists_sent[k]++;
}

/* What was deleted may be back on a restored server, under its uid, and names that others had may be free. */
static void forget_undone(struct cs_store *s)
{
    struct cs_set_entry *se;
    struct cs_set_entry *tmp;

    cs_gone_clear(s);
    HASH_ITER (hh, s->sets, se, tmp) {
        se->n_blocked = 0;
    }
    for (int k = 0; k < CS_K_COUNT; k++)
        cs_entry_foreach (e, &s->tables[k]) {
            if (e->pending) {
                cs_intern_unref(s->pool, e->pending->gone_uid);
                e->pending->gone_uid = NULL;
            }
        }
}

void cs_store_forget(struct cs_store *s)
{
    for (int k = 0; k < CS_K_COUNT; k++) {
        cs_entry_foreach (e, &s->tables[k]) {
            if (e->obj)
                cs_store_remove(s, (enum cs_kind)k, e->meta->ns, e->meta->name, NULL, 0);
        }
        s->high_rv[k] = s->sent_rv[k] = 0;
    }
    forget_undone(s);
}

void cs_store_list_end(struct cs_store *s, enum cs_kind k, uint64_t rv)
{
    /* D5c: a server that is behind what it told us before has been restored: nothing that we hold counts any more. */
    bool restored = rv < s->sent_rv[k];

    cs_entry_foreach (e, &s->tables[k]) {
        if (e->obj && (restored || (e->seen != s->list_seq[k] && e->meta->rv <= rv)))
            cs_store_remove(s, k, e->meta->ns, e->meta->name, NULL, restored ? 0 : rv);
    }
    cs_gone_listed(s, k);
    if (restored) {
        forget_undone(s);
        s->high_rv[k] = 0;
        if (s->hooks.on_restored)
            s->hooks.on_restored(s->hooks.ctx, k);
    }
}
