/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decodes claims, ControllerRevisions, Nodes and Leases, each into one block of memory but for the raw data of a revision.
 */
#include "common/api/objects.h"

#include <string.h>

#include "common/api/decode.h"
#include "common/api/gvr.h"
#include "common/base/alloc.h"

/* ---- claims ---- */

static bool is_resizing(struct cs_json status)
{
    cs_json_foreach (c, cs_json_list(status, "conditions")) {
        struct cs_json type = cs_json_get(c, "type");

        if ((cs_json_str_is(type, "Resizing") || cs_json_str_is(type, "FileSystemResizePending")) &&
            cs_json_str_is(cs_json_get(c, "status"), "True"))
            return true;
    }
    return false;
}

struct cs_claim *cs_claim_decode(struct cs_intern *pool, struct cs_json obj, struct cs_error *err)
{
    struct cs_json phase = cs_json_at(obj, "status", "phase", NULL);
    struct cs_decoder d = {.pool = pool, .err = err};
    struct cs_claim *c = cs_object_new(pool, obj, sizeof(*c), 0, err);

    if (!c)
        return NULL;
    c->id = cs_intern_ref(pool, cs_pairs_get(&c->meta.labels, CS_LABEL_INSTANCE_ID));
    c->request = cs_json_intern_quantity(pool, cs_json_at(obj, "spec", "resources", "requests", "storage", NULL));
    c->resizing = is_resizing(cs_json_get(obj, "status"));
    if (cs_json_str_is(phase, "Bound"))
        c->phase = CS_CLAIM_BOUND;
    else if (cs_json_str_is(phase, "Lost"))
        c->phase = CS_CLAIM_LOST;
    if (!cs_decode_ok(&d)) {
        cs_claim_free(pool, c);
        return NULL;
    }
    return c;
}

void cs_claim_free(struct cs_intern *pool, struct cs_claim *c)
{
    if (!c)
        return;
    cs_meta_release(pool, &c->meta);
    cs_intern_unref(pool, c->id);
    cs_intern_unref(pool, c->request);
    free(c);
}

/* ---- revisions ---- */

/* Names of the claim templates in the annotation's text. False: not a list of objects with names; nothing was taken. */
static bool decode_vct_names(struct cs_intern *pool, struct cs_json vcts, struct cs_revision *r)
{
    size_t n = cs_json_is(vcts, CS_J_ARRAY) ? cs_json_count(vcts) : 0;

    r->vct_names = n > 0 ? cs_try_calloc(n, sizeof(*r->vct_names)) : NULL;
    if (!r->vct_names)
        return false;
    cs_json_foreach (vct, vcts) {
        const char *name = cs_json_intern_nonempty(pool, cs_json_at(vct, "metadata", "name", NULL));

        if (!name)
            break;
        r->vct_names[r->n_vcts++] = name;
    }
    if (r->n_vcts == n)
        return true;
    cs_texts_unref(pool, r->vct_names, r->n_vcts);
    r->vct_names = NULL;
    r->n_vcts = 0;
    return false;
}

/* False: no memory. Whoever may write revisions may write nonsense here: it counts as absent. */
static bool decode_vcts(struct cs_intern *pool, struct cs_json anno, struct cs_revision *r)
{
    cs_autofree char *text = cs_json_is(anno, CS_J_STRING) ? cs_json_str_dup(anno) : NULL;
    cs_autojdoc doc = {0};

    bool usable =
        text && cs_jdoc_parse(&doc, text, strlen(text), NULL, NULL) && decode_vct_names(pool, cs_jdoc_root(&doc), r);

    r->vcts_raw = cs_intern_str(pool, usable ? cs_str(text) : CS_STR(""));
    return r->vcts_raw != NULL;
}

struct cs_revision *cs_revision_decode(struct cs_intern *pool, struct cs_json obj, struct cs_error *err)
{
    struct cs_decoder d = {.pool = pool, .err = err};
    struct cs_revision *r = cs_object_new(pool, obj, sizeof(*r), 0, err);

    if (!r)
        return NULL;
    (void)cs_json_i64(cs_json_get(obj, "revision"), &r->revision);
    r->vct_hash = cs_json_intern(pool, cs_json_at(obj, "metadata", "annotations", CS_ANNO_VCT_HASH, NULL));
    r->data_raw = cs_json_raw_dup(cs_json_get(obj, "data"));
    if (!decode_vcts(pool, cs_json_at(obj, "metadata", "annotations", CS_ANNO_CLAIM_TEMPLATES, NULL), r) ||
        !r->data_raw)
        (void)cs_decode_too_large(&d, NULL);
    if (!cs_decode_ok(&d)) {
        cs_revision_free(pool, r);
        return NULL;
    }
    return r;
}

void cs_revision_free(struct cs_intern *pool, struct cs_revision *r)
{
    if (!r)
        return;
    cs_meta_release(pool, &r->meta);
    cs_intern_unref(pool, r->vct_hash);
    cs_texts_unref(pool, r->vct_names, r->n_vcts);
    cs_intern_unref(pool, r->vcts_raw);
    free(r->data_raw);
    free(r);
}

/* ---- nodes ---- */

struct cs_node *cs_node_decode(struct cs_intern *pool, struct cs_json obj, struct cs_error *err)
{
    struct cs_node *n = cs_object_new(pool, obj, sizeof(*n), 0, err);

    if (!n)
        return NULL;
    cs_json_foreach (c, cs_json_list(cs_json_get(obj, "status"), "conditions")) {
        if (cs_json_str_is(cs_json_get(c, "type"), "Ready"))
            n->ready = cs_json_str_is(cs_json_get(c, "status"), "True");
    }
    return n;
}

void cs_node_free(struct cs_intern *pool, struct cs_node *n)
{
    if (!n)
        return;
    cs_meta_release(pool, &n->meta);
    free(n);
}

/* ---- leases ---- */

static const struct cs_field lease_fields[] = {
    CS_FIELD(struct cs_lease, holder, "holderIdentity", cs_decode_text),
    CS_FIELD(struct cs_lease, duration_s, "leaseDurationSeconds", cs_decode_i32),
    CS_FIELD(struct cs_lease, acquired_ms, "acquireTime", cs_decode_time),
    CS_FIELD(struct cs_lease, renewed_ms, "renewTime", cs_decode_time),
    CS_FIELD(struct cs_lease, transitions, "leaseTransitions", cs_decode_i32),
    {0},
};

struct cs_lease *cs_lease_decode(struct cs_intern *pool, struct cs_json obj, struct cs_error *err)
{
    struct cs_decoder d = {.pool = pool, .err = err};
    struct cs_lease *l = cs_object_new(pool, obj, sizeof(*l), 0, err);

    if (!l)
        return NULL;
    (void)cs_decode_fields(&d, NULL, cs_json_get(obj, "spec"), lease_fields, l);
    if (!cs_decode_ok(&d)) {
        cs_lease_free(pool, l);
        return NULL;
    }
    return l;
}

void cs_lease_free(struct cs_intern *pool, struct cs_lease *l)
{
    if (!l)
        return;
    cs_meta_release(pool, &l->meta);
    cs_intern_unref(pool, l->holder);
    free(l);
}
