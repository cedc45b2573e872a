/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Object metadata: labels sorted for look-up, owners, finalizers, times. Its three arrays are mostly the same throughout a fleet: they
 * are interned, the instance id apart. Name and uid lie behind the object (decode.h).
 */
#include "common/api/meta.h"

#include "common/api/decode.h"
#include "common/api/gvr.h"
#include "common/base/alloc.h"

/* ---- pairs ---- */

struct sort_item {
    struct cs_pair pair;
    uint32_t pos; /* in the document: of equal keys the last one wins */
};

static int by_key_and_pos(const void *a, const void *b)
{
    const struct sort_item *x = a, *y = b;
    int c = strcmp(x->pair.key, y->pair.key);

    return c ? c : (x->pos > y->pos) - (x->pos < y->pos);
}

static bool sort_pairs(struct cs_pairs *p)
{
    cs_autofree struct sort_item *items = cs_try_calloc(p->len, sizeof(*items));

    if (!items)
        return false;
    for (uint32_t i = 0; i < p->len; i++)
        items[i] = (struct sort_item){.pair = p->items[i], .pos = i};
    qsort(items, p->len, sizeof(*items), by_key_and_pos);
    for (uint32_t i = 0; i < p->len; i++)
        p->items[i] = items[i].pair;
    return true;
}

static void release_pair(struct cs_intern *pool, const void *item)
{
    const struct cs_pair *p = item;

    cs_intern_unref(pool, p->key);
    cs_intern_unref(pool, p->value);
}

/* Drops all but the last of equal keys, and what has no string as value. */
static void compact_pairs(struct cs_intern *pool, struct cs_pairs *p)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < p->len; i++) {
        bool last = i + 1 == p->len || p->items[i].key != p->items[i + 1].key;
        if (last && p->items[i].value) {
            p->items[n++] = p->items[i];
            continue;
        }
        release_pair(pool, &p->items[i]);
    }
    p->len = n;
}

static const char *intern_key(struct cs_intern *pool, struct cs_json member)
{
    if (!member.node->key_escaped)
        return cs_intern_str(pool, cs_json_key_raw(member));
    cs_autofree char *key = cs_json_key_dup(member);
    return cs_intern_str(pool, cs_str(key));
}

/* p->items has room for all members of obj. On failure p holds what is to be released. */
static bool fill_pairs(struct cs_decoder *d, const struct cs_where *at, struct cs_json obj, struct cs_pairs *p)
{
    bool sorted = true; /* what Go writes is */

    cs_json_foreach (member, obj) {
        struct cs_pair pair = {.key = intern_key(d->pool, member)};
        if (!pair.key)
            continue; /* no memory: the pool remembers */
        struct cs_str name = cs_json_key_raw(member);
        const struct cs_where here = {.up = at, .name = &name};
        if (d->strict && cs_json_is_null(member))
            pair.value = cs_intern_str(d->pool, CS_STR(""));
        else
            (void)cs_decode_text(d, &here, member, &pair.value);
        if (!pair.value || (p->len && strcmp(p->items[p->len - 1].key, pair.key) >= 0))
            sorted = false;
        p->items[p->len++] = pair;
    }
    if (sorted || d->failed)
        return !d->failed;
    if (!sort_pairs(p))
        return cs_decode_too_large(d, at);
    compact_pairs(d->pool, p);
    return true;
}

bool cs_decode_pairs(struct cs_decoder *d, const struct cs_where *at, struct cs_json v, void *ret)
{
    struct cs_pairs *p = ret;

    if (!cs_json_is(v, CS_J_OBJECT))
        return cs_decode_wrong(d, at, v, "an object");
    if (cs_json_count(v) == 0)
        return true;
    p->items = cs_try_calloc(cs_json_count(v), sizeof(*p->items));
    if (!p->items)
        return cs_decode_too_large(d, at);
    return fill_pairs(d, at, v, p);
}

bool cs_pairs_decode(struct cs_intern *pool, struct cs_json obj, struct cs_pairs *ret)
{
    struct cs_decoder d = {.pool = pool};
    const struct cs_where at = {.key = "labels"};

    *ret = (struct cs_pairs){0};
    if (cs_decode_pairs(&d, &at, obj, ret))
        return true;
    cs_pairs_done(pool, ret);
    return false;
}

void cs_pairs_done(struct cs_intern *pool, struct cs_pairs *p)
{
    for (uint32_t i = 0; i < p->len; i++)
        release_pair(pool, &p->items[i]);
    free(p->items);
    *p = (struct cs_pairs){0};
}

static const struct cs_pair *find_pair(const struct cs_pairs *p, const char *key)
{
    uint32_t lo = 0, hi = p->len;

    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        int c = strcmp(key, p->items[mid].key);
        if (c == 0)
            return &p->items[mid];
        if (c < 0)
            hi = mid;
        else
            lo = mid + 1;
    }
    return NULL;
}

const char *cs_pairs_get(const struct cs_pairs *p, const char *key)
{
    const struct cs_pair *found = find_pair(p, key);

    if (found)
        return found->value;
    return p->id && strcmp(key, CS_LABEL_INSTANCE_ID) == 0 ? p->id : NULL;
}

bool cs_pairs_has(const struct cs_pairs *p, const char *key)
{
    return cs_pairs_get(p, key) != NULL;
}

/* ---- metadata ---- */

static struct cs_json labels_of(struct cs_json meta)
{
    struct cs_json v = cs_json_get(meta, "labels");

    return cs_json_is(v, CS_J_OBJECT) ? v : (struct cs_json){0};
}

size_t cs_meta_room(struct cs_json obj)
{
    struct cs_json meta = cs_json_get(obj, "metadata");

    return cs_text_room(cs_json_get(meta, "name")) + cs_text_room(cs_json_get(meta, "uid"));
}

bool cs_json_rv(struct cs_json obj, uint64_t *ret)
{
    struct cs_str s;

    return cs_json_str_borrow(cs_json_at(obj, "metadata", "resourceVersion", NULL), &s) && cs_parse_u64(s, ret);
}

static const struct cs_field owner_fields[] = {
    CS_FIELD(struct cs_owner, api_version, "apiVersion", cs_decode_text),
    CS_FIELD(struct cs_owner, kind, "kind", cs_decode_text),
    CS_FIELD(struct cs_owner, name, "name", cs_decode_text),
    CS_FIELD(struct cs_owner, uid, "uid", cs_decode_text),
    CS_FIELD(struct cs_owner, controller, "controller", cs_decode_bool),
    {0},
};

static void release_owner(struct cs_intern *pool, const void *item)
{
    const struct cs_owner *o = item;

    cs_intern_unref(pool, o->api_version);
    cs_intern_unref(pool, o->kind);
    cs_intern_unref(pool, o->name);
    cs_intern_unref(pool, o->uid);
}

static void release_text(struct cs_intern *pool, const void *item)
{
    const char *const *s = item;

    cs_intern_unref(pool, *s);
}

static const struct cs_array pairs = {sizeof(struct cs_pair), &release_pair};
static const struct cs_array owners = {sizeof(struct cs_owner), &release_owner};
static const struct cs_array texts = {sizeof(const char *), &release_text};

/* The label that differs from object to object is kept apart, so that the others are the same array. */
static void take_id(struct cs_intern *pool, struct cs_pairs *p)
{
    const struct cs_pair *id = find_pair(p, CS_LABEL_INSTANCE_ID);
    size_t at = id ? (size_t)(id - p->items) : 0;

    if (!id)
        return;
    p->id = id->value;
    cs_intern_unref(pool, id->key);
    p->len--;
    memmove(&p->items[at], &p->items[at + 1], (p->len - at) * sizeof(p->items[0]));
}

/* scratch: zeroed, with room for the elements of the list; as all below. */
static void take_labels(struct cs_decoder *d, struct cs_json labels, void *scratch, struct cs_meta *m)
{
    const struct cs_where at = {.key = "metadata.labels"};
    struct cs_pairs p = {.items = scratch};

    (void)fill_pairs(d, &at, labels, &p);
    take_id(d->pool, &p);
    p.items = cs_array_share(d->pool, &pairs, p.items, p.len);
    if (!p.items)
        p.len = 0;
    m->labels = p;
}

static void take_owners(struct cs_decoder *d, struct cs_json list, void *scratch, struct cs_meta *m)
{
    struct cs_owner *items = scratch;
    size_t n = 0;

    cs_json_foreach (item, list) {
        struct cs_owner *o = &items[n];

        (void)cs_decode_fields(d, NULL, item, owner_fields, o);
        if (o->uid && *o->uid) {
            n++;
            continue;
        }
        release_owner(d->pool, o);
        memset(o, 0, sizeof(*o));
    }
    m->owners = cs_array_share(d->pool, &owners, items, n);
    m->n_owners = m->owners ? (uint16_t)n : 0;
}

static void take_finalizers(struct cs_decoder *d, struct cs_json list, void *scratch, struct cs_meta *m)
{
    const char **items = scratch;
    size_t n = 0;

    cs_json_foreach (item, list) {
        const char *s = cs_json_intern(d->pool, item);
        if (s)
            items[n++] = s;
    }
    m->finalizers = cs_array_share(d->pool, &texts, items, n);
    m->n_finalizers = m->finalizers ? (uint16_t)n : 0;
}

static void take_arrays(struct cs_decoder *d, struct cs_json meta, struct cs_meta *m)
{
    struct cs_json labels = labels_of(meta), refs = cs_json_list(meta, "ownerReferences");
    struct cs_json finalizers = cs_json_list(meta, "finalizers");
    size_t label_bytes = cs_json_count(labels) * sizeof(struct cs_pair);
    size_t owner_bytes = cs_json_count(refs) * sizeof(struct cs_owner);
    cs_autofree char *scratch =
        cs_try_calloc(1, label_bytes + owner_bytes + cs_json_count(finalizers) * sizeof(const char *));
    const struct cs_where at = {.key = "metadata"};

    if (!scratch) {
        (void)cs_decode_too_large(d, &at);
        return;
    }
    take_labels(d, labels, scratch, m);
    take_owners(d, refs, scratch + label_bytes, m);
    take_finalizers(d, finalizers, scratch + label_bytes + owner_bytes, m);
}

static const struct cs_field optional_fields[] = {
    CS_FIELD(struct cs_meta, generation, "generation", cs_decode_i64),
    CS_FIELD(struct cs_meta, created_ms, "creationTimestamp", cs_decode_time),
    CS_FIELD(struct cs_meta, deleted_ms, "deletionTimestamp", cs_decode_time),
    {0},
};

/* What an object cannot do without. */
static bool check_required(struct cs_json obj, struct cs_json meta, uint64_t *ret_rv, struct cs_error *err)
{
    static const char *const names[] = {"name", "uid"};
    struct cs_json ns = cs_json_get(meta, "namespace");

    for (size_t i = 0; i < CS_ARRAY_LEN(names); i++) {
        struct cs_json v = cs_json_get(meta, names[i]);
        if (cs_json_is_null(v) || cs_json_str_is(v, ""))
            return cs_error_set(err, CS_ERR_INVALID, "metadata.%s: Required value", names[i]);
        if (!cs_json_is(v, CS_J_STRING))
            return cs_error_set(err, CS_ERR_INVALID, "metadata.%s: Invalid value: must be a string", names[i]);
    }
    if (!cs_json_is_null(ns) && !cs_json_is(ns, CS_J_STRING))
        return cs_error_set(err, CS_ERR_INVALID, "metadata.namespace: Invalid value: must be a string");
    if (!cs_json_rv(obj, ret_rv))
        return cs_error_set(err, CS_ERR_INVALID, "metadata.resourceVersion: Invalid value: must be a number in quotes");
    if (cs_json_count(cs_json_list(meta, "finalizers")) > UINT16_MAX ||
        cs_json_count(cs_json_list(meta, "ownerReferences")) > UINT16_MAX)
        return cs_error_set(err, CS_ERR_TOO_LARGE, "metadata: Too many finalizers or ownerReferences");
    return true;
}

bool cs_meta_decode_at(
    struct cs_intern *pool, struct cs_json obj, void *room, struct cs_meta *ret, struct cs_error *err)
{
    struct cs_decoder d = {.pool = pool, .err = err};
    struct cs_json meta = cs_json_get(obj, "metadata"), ns = cs_json_get(meta, "namespace");
    const struct cs_where at = {.key = "metadata"};
    struct cs_meta m = {0};
    char *text = room;

    if (!check_required(obj, meta, &m.rv, err))
        return false;
    m.ns = cs_json_is_null(ns) ? cs_intern_str(pool, CS_STR("")) : cs_json_intern(pool, ns);
    m.name = cs_decode_own_text(cs_json_get(meta, "name"), &text);
    m.uid = cs_decode_own_text(cs_json_get(meta, "uid"), &text);
    if (!m.name || !m.uid)
        (void)cs_decode_too_large(&d, &at);
    m.has_annotations = cs_json_is(cs_json_get(meta, "annotations"), CS_J_OBJECT);
    (void)cs_decode_fields(&d, NULL, meta, optional_fields, &m);
    take_arrays(&d, meta, &m);
    if (!cs_decode_ok(&d)) {
        cs_meta_release(pool, &m);
        return false;
    }
    *ret = m;
    return true;
}

bool cs_meta_decode(struct cs_intern *pool, struct cs_json obj, struct cs_meta *ret, struct cs_error *err)
{
    cs_autofree void *room = cs_try_calloc(1, cs_meta_room(obj));

    if (!room)
        return cs_error_set(err, CS_ERR_TOO_LARGE, "metadata: too large for the memory there is");
    if (!cs_meta_decode_at(pool, obj, room, ret, err))
        return false;
    /* cs_meta_done finds it as the name, the first of the texts. */
    (void)cs_take(room);
    return true;
}

void cs_meta_release(struct cs_intern *pool, struct cs_meta *m)
{
    cs_intern_unref(pool, m->ns);
    cs_intern_unref(pool, m->labels.id);
    cs_array_release(pool, &pairs, m->labels.items, m->labels.len);
    cs_array_release(pool, &owners, m->owners, m->n_owners);
    cs_array_release(pool, &texts, m->finalizers, m->n_finalizers);
}

void cs_meta_done(struct cs_intern *pool, struct cs_meta *m)
{
    cs_meta_release(pool, m);
    free((void *)(uintptr_t)m->name);
    *m = (struct cs_meta){0};
}

/* ---- owners, finalizers ---- */

const struct cs_owner *cs_meta_controller(const struct cs_meta *m)
{
    for (uint32_t i = 0; i < m->n_owners; i++) {
        if (m->owners[i].controller)
            return &m->owners[i];
    }
    return NULL;
}

bool cs_owner_is_cloneset(const struct cs_owner *o)
{
    return o && o->api_version && cs_str_starts(cs_str(o->api_version), CS_GROUP "/") && cs_streq(o->kind, CS_KIND);
}

bool cs_meta_has_owner_uid(const struct cs_meta *m, const char *uid)
{
    for (uint32_t i = 0; i < m->n_owners; i++) {
        if (cs_streq(m->owners[i].uid, uid))
            return true;
    }
    return false;
}

bool cs_meta_has_finalizer(const struct cs_meta *m, const char *finalizer)
{
    for (uint32_t i = 0; i < m->n_finalizers; i++) {
        if (cs_streq(m->finalizers[i], finalizer))
            return true;
    }
    return false;
}
