/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Patches of the in-place update (spec §6.6, §6.7, A.3, A.4). Images and metadata change by JSON Patch that tests uid, owner,
 * the revision label, the container's name and, with the gate, that the server holds it False at that very moment (D14, U-15):
 * the kubelet's own writes in between do no harm, a stale view changes nothing.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/api/gvr.h"
#include "common/base/alloc.h"
#include "common/base/base64.h"
#include "common/base/clock.h"
#include "common/cloneset/template.h"
#include "common/json/json_doc.h"
#include "common/json/json_writer.h"
#include "controller/cloneset/bodies.h"
#include "controller/cloneset/inplace_annotations.h"
#include "controller/plan/parts.h"

/* ---- JSON Patch helpers ---- */

static void op_begin(struct cs_jw *w, const char *op, const char *path)
{
    cs_jw_obj(w);
    cs_jw_kstr(w, "op", op);
    cs_jw_kstr(w, "path", path);
}

static void op_str(struct cs_jw *w, const char *op, const char *path, const char *value)
{
    op_begin(w, op, path);
    cs_jw_kstr(w, "value", value);
    cs_jw_end_obj(w);
}

/* "/metadata/<map>/<key>" with the key escaped; owned. */
static char *meta_path(const char *map, const char *key)
{
    cs_autostrbuf sb = CS_STRBUF_INIT;

    cs_strbuf_addf(&sb, "/metadata/%s/", map);
    cs_json_pointer_escape(&sb, cs_str(key));
    return cs_strbuf_take(&sb, NULL);
}

static void op_meta(struct cs_jw *w, const char *op, const char *map, const char *key, const char *value)
{
    cs_autofree char *path = meta_path(map, key);

    op_str(w, op, path, value);
}

/* Valid whether the key is there or not, which a bare "remove" is not. */
static void op_meta_remove(struct cs_jw *w, const char *map, const char *key)
{
    cs_autofree char *path = meta_path(map, key);

    op_str(w, "add", path, "");
    op_begin(w, "remove", path);
    cs_jw_end_obj(w);
}

/*
 * It is that Pod, and still the set's: a request that lands late finds it released or orphaned, or somebody else's by then (D12).
 * Owners are decoded in their order.
 */
static void op_tests_ours(struct cs_jw *w, const struct cs_pod *p)
{
    op_str(w, "test", "/metadata/uid", p->meta.uid);
    for (uint16_t i = 0; i < p->meta.n_owners; i++) {
        char path[64];

        if (!p->meta.owners[i].controller)
            continue;
        (void)snprintf(path, sizeof(path), "/metadata/ownerReferences/%u/uid", (unsigned)i);
        op_str(w, "test", path, p->meta.owners[i].uid);
    }
}

/*
 * What the new template has in common with the old one is not written, so it has to be there: a restored server may have undone an
 * update that the Pod, by what we know, has had (D5c). Images that are written are tested, too: they tell the same.
 */
static void op_tests_images(struct cs_jw *w, const struct cs_pod *p)
{
    for (uint16_t i = 0; i < p->n_containers; i++) {
        const struct cs_container *c = &p->containers[i];
        char path[64];

        if (!c->image)
            continue;
        (void)snprintf(path, sizeof(path), "/spec/containers/%d/image", (int)c->index);
        op_str(w, "test", path, c->image);
    }
}

/* serving: the Pod was not taken out of service, because nothing in it restarts. */
static void op_tests(struct cs_jw *w, const struct cs_pod *p, bool serving)
{
    op_tests_ours(w, p);
    if (p->revision)
        op_meta(w, "test", "labels", CS_LABEL_REVISION, p->revision);
    if (!serving && p->has_inplace_gate && p->inplace_ready.index >= 0) {
        char path[64];

        (void)snprintf(path, sizeof(path), "/status/conditions/%d/type", (int)p->inplace_ready.index);
        op_str(w, "test", path, CS_COND_INPLACE_READY);
        (void)snprintf(path, sizeof(path), "/status/conditions/%d/status", (int)p->inplace_ready.index);
        op_str(w, "test", path, "False");
    }
    if (!p->meta.has_annotations) {
        cs_autofree char *rv = cs_xasprintf("%llu", (unsigned long long)p->meta.rv);

        op_str(w, "test", "/metadata/resourceVersion", rv); /* nobody adds annotations meanwhile */
        op_begin(w, "add", "/metadata/annotations");
        cs_jw_key(w, "value");
        cs_jw_obj(w);
        cs_jw_end_obj(w);
        cs_jw_end_obj(w);
    }
}

/* ---- metadata merge ---- */

static void merge_map(struct cs_jw *w, const char *name, struct cs_json from, struct cs_json to)
{
    cs_autofree struct cs_json *old = NULL;
    cs_autofree struct cs_json *new = NULL;
    size_t n_old = cs_json_members(from, true, &old);
    size_t n_new = cs_json_members(to, true, &new);
    bool open = false;

    for (size_t i = 0; i < n_old + n_new; i++) {
        struct cs_json m = i < n_old ? old[i] : new[i - n_old];
        cs_autofree char *key = cs_json_key_dup(m);
        struct cs_json other = cs_json_get(i < n_old ? to : from, key);

        if (i < n_old ? cs_json_exists(other) : cs_json_equal(other, m))
            continue;
        if (!open) {
            cs_jw_key(w, name);
            cs_jw_obj(w);
            open = true;
        }
        cs_jw_key(w, key);
        if (i < n_old)
            cs_jw_null(w);
        else
            cs_jw_raw(w, cs_json_raw(m));
    }
    if (open)
        cs_jw_end_obj(w);
}

static bool list_has(struct cs_json list, struct cs_json item)
{
    cs_json_foreach (x, list) {
        if (cs_json_equal(x, item))
            return true;
    }
    return false;
}

static void merge_list(struct cs_jw *w, const char *name, struct cs_json in, struct cs_json not_in)
{
    bool open = false;

    cs_json_foreach (x, in) {
        if (list_has(not_in, x))
            continue;
        if (!open) {
            cs_jw_key(w, name);
            cs_jw_arr(w);
            open = true;
        }
        cs_jw_raw(w, cs_json_raw(x));
    }
    if (open)
        cs_jw_end_arr(w);
}

/* The strategic merge patch from one template's metadata to another's; quirk 8: only what the old template had goes. */
static void metadata_patch(struct cs_json from, struct cs_json to, struct cs_strbuf *out)
{
    struct cs_json f = cs_json_get(from, "metadata");
    struct cs_json t = cs_json_get(to, "metadata");
    struct cs_jw w;

    cs_jw_init(&w, out);
    cs_jw_obj(&w);
    cs_jw_key(&w, "metadata");
    cs_jw_obj(&w);
    merge_map(&w, "labels", cs_json_get(f, "labels"), cs_json_get(t, "labels"));
    merge_map(&w, "annotations", cs_json_get(f, "annotations"), cs_json_get(t, "annotations"));
    merge_list(&w, "finalizers", cs_json_get(t, "finalizers"), cs_json_get(f, "finalizers"));
    merge_list(&w, "$deleteFromPrimitiveList/finalizers", cs_json_get(f, "finalizers"), cs_json_get(t, "finalizers"));
    cs_jw_end_obj(&w);
    cs_jw_end_obj(&w);
}

static void apply_map(struct cs_jw *w, const char *map, struct cs_json patch)
{
    cs_autofree struct cs_json *members = NULL;
    size_t n = cs_json_members(patch, true, &members);

    for (size_t i = 0; i < n; i++) {
        cs_autofree char *key = cs_json_key_dup(members[i]);
        cs_autofree char *value = cs_json_str_dup(members[i]);

        if (value)
            op_meta(w, "add", map, key, value);
        else if (cs_json_is_null(members[i]))
            op_meta_remove(w, map, key);
    }
}

/* Finalizers as one list, computed on our view and guarded by its version. */
static void apply_finalizers(struct cs_jw *w, const struct cs_pod *p, struct cs_json add, struct cs_json del)
{
    cs_autofree char *rv = cs_xasprintf("%llu", (unsigned long long)p->meta.rv);

    if (cs_json_count(add) == 0 && cs_json_count(del) == 0)
        return;
    op_str(w, "test", "/metadata/resourceVersion", rv);
    op_begin(w, "add", "/metadata/finalizers");
    cs_jw_key(w, "value");
    cs_jw_arr(w);
    for (uint32_t i = 0; i < p->meta.n_finalizers; i++) {
        bool drop = false;

        cs_json_foreach (x, del) {
            drop = drop || cs_json_str_is(x, p->meta.finalizers[i]);
        }
        if (!drop)
            cs_jw_str(w, p->meta.finalizers[i]);
    }
    cs_json_foreach (x, add) {
        cs_autofree char *f = cs_json_str_dup(x);

        if (f && !cs_meta_has_finalizer(&p->meta, f))
            cs_jw_str(w, f);
    }
    cs_jw_end_arr(w);
    cs_jw_end_obj(w);
}

static void apply_metadata(struct cs_jw *w, const struct cs_pod *p, struct cs_json patch)
{
    struct cs_json m = cs_json_get(patch, "metadata");

    apply_map(w, "labels", cs_json_get(m, "labels"));
    apply_map(w, "annotations", cs_json_get(m, "annotations"));
    apply_finalizers(w, p, cs_json_get(m, "finalizers"), cs_json_get(m, "$deleteFromPrimitiveList/finalizers"));
}

/* ---- images ---- */

static int by_key(const void *x, const void *y)
{
    return strcmp(((const struct cs_pair *)x)->key, ((const struct cs_pair *)y)->key);
}

static void images_done(struct cs_images *im)
{
    for (uint32_t i = 0; i < im->n; i++) {
        free((char *)(uintptr_t)im->items[i].key);
        free((char *)(uintptr_t)im->items[i].value);
    }
    im->n = 0;
}

static bool images_add(struct cs_images *im, char *container, char *image)
{
    if (!container || !image || im->n == CS_ARRAY_LEN(im->items)) {
        free(container);
        free(image);
        return false;
    }
    im->items[im->n++] = (struct cs_pair){container, image};
    return true;
}

/* Containers of both templates (same index, same name: the verdict was in place) whose image differs. */
static bool images_of_templates(struct cs_json from, struct cs_json to, struct cs_images *ret)
{
    struct cs_json a = cs_json_at(from, "spec", "containers", NULL);
    struct cs_json b = cs_json_at(to, "spec", "containers", NULL);

    for (size_t i = 0; i < cs_json_count(b); i++) {
        struct cs_json x = cs_json_index(a, i);
        struct cs_json y = cs_json_index(b, i);

        if (cs_json_equal(cs_json_get(x, "image"), cs_json_get(y, "image")))
            continue;
        if (!images_add(ret, cs_json_str_dup(cs_json_get(y, "name")), cs_json_str_dup(cs_json_get(y, "image"))))
            return false;
    }
    qsort(ret->items, ret->n, sizeof(ret->items[0]), by_key);
    return true;
}

/*
 * What the containers run is recorded, and must be what they run at that very moment: with a view from before, the kubelet's way
 * to an image that is overtaken, or a restart for whatever reason, would be taken for its way to ours.
 */
static void op_tests_running(struct cs_jw *w, const struct cs_pod *p, const struct cs_images *im)
{
    cs_autofree char *rv = cs_xasprintf("%llu", (unsigned long long)p->meta.rv);
    bool unknown = false;

    for (uint32_t i = 0; i < im->n; i++) {
        const struct cs_container_status *st = cs_pod_status_of(p, im->items[i].key);
        char path[64];

        if (!st || !st->container_id) {
            unknown = true;
            continue;
        }
        (void)snprintf(path, sizeof(path), "/status/containerStatuses/%d/containerID", (int)(st - p->statuses));
        op_str(w, "test", path, st->container_id);
    }
    if (unknown) /* it may just have been started */
        op_str(w, "test", "/metadata/resourceVersion", rv);
}

static bool apply_images(struct cs_jw *w, const struct cs_pod *p, const struct cs_images *im, struct cs_error *err)
{
    for (uint32_t i = 0; i < im->n; i++) {
        const struct cs_container *c = cs_pod_container(p, im->items[i].key);
        char path[64];

        if (!c)
            return cs_error_set(err, CS_ERR_INVALID, "pod %s has no container %s", p->meta.name, im->items[i].key);
        (void)snprintf(path, sizeof(path), "/spec/containers/%d/name", (int)c->index);
        op_str(w, "test", path, c->name);
        (void)snprintf(path, sizeof(path), "/spec/containers/%d/image", (int)c->index);
        op_str(w, "replace", path, im->items[i].value);
    }
    return true;
}

static void drop_old_keys(struct cs_jw *w, const struct cs_pod *p)
{
    if (p->old_state_key)
        op_meta_remove(w, "annotations", CS_ANNO_INPLACE_STATE_OLD);
    if (p->old_grace_key)
        op_meta_remove(w, "annotations", CS_ANNO_INPLACE_GRACE_OLD);
}

static void op_revision_labels(struct cs_jw *w, const char *revision, bool short_hash, const char *ts)
{
    cs_autofree char *hash = NULL;
    struct cs_str h = cs_short_hash(cs_str(revision));

    hash = cs_xmemdupz(h.p, h.len);
    op_meta(w, "add", "labels", CS_LABEL_REVISION, short_hash ? hash : revision);
    op_meta(w, "add", "labels", CS_LABEL_TEMPLATE_HASH, hash);
    op_meta(w, "add", "labels", CS_LABEL_LIFECYCLE_STATE, cs_lifecycle_name(CS_LC_UPDATING));
    op_meta(w, "add", "annotations", CS_ANNO_LIFECYCLE_TIME, ts);
}

static bool finish(struct cs_jw *w, struct cs_strbuf *out, struct cs_error *err)
{
    cs_jw_end_arr(w);
    if (out->failed)
        return cs_error_set(err, CS_ERR_TOO_LARGE, "the patch exceeds %zu bytes", out->max);
    return true;
}

static bool parse_templates(
    const struct cs_inplace_body *b, struct cs_jdoc docs[2], struct cs_json ret[2], struct cs_error *err)
{
    const struct cs_revision *const revs[2] = {b->from, b->to};

    for (int i = 0; i < 2; i++) {
        if (!cs_jdoc_parse(&docs[i], revs[i]->data_raw, strlen(revs[i]->data_raw), NULL, err))
            return cs_error_prefix(err, "revision %s", revs[i]->meta.name);
        ret[i] = cs_revision_template(cs_jdoc_root(&docs[i]));
    }
    return true;
}

/* What is to be resized, with what an update that is overtaken has not resized yet. */
static void resize_of(const struct cs_inplace_body *b, struct cs_resize *ret)
{
    struct cs_inplace_state s;

    *ret = (struct cs_resize){0};
    if (!b->from_norm || !b->to_norm)
        return;
    cs_inplace_state_parse(b->pod->state == CS_LC_UPDATING ? b->pod->inplace_state : NULL, &s);
    cs_resize_make(b->from_norm, b->to_norm, &s.resize, ret);
    cs_inplace_state_done(&s);
}

/* B (grace_s > 0) or B and C in one. */
static bool inplace_body(const struct cs_inplace_body *b, bool apply, struct cs_strbuf *out, struct cs_error *err)
{
    struct cs_jdoc docs[2] = {{0}, {0}};
    struct cs_json t[2] = {{0}};
    CS_CLEANUP(images_done) struct cs_images im = {.n = 0};
    cs_autoresize resize = {0};
    cs_autostrbuf meta = CS_STRBUF_INIT;
    char ts[CS_RFC3339_SIZE];
    char updated[CS_RFC3339_SIZE];
    struct cs_jw w;
    bool ok = parse_templates(b, docs, t, err) && images_of_templates(t[0], t[1], &im);

    resize_of(b, &resize);
    (void)cs_rfc3339_format(b->now_ms, ts);
    /* Timestamps hold whole seconds: rounded up where a grace period counts from it, so that it is never cut short. */
    (void)cs_rfc3339_format(apply ? b->now_ms : b->now_ms + 999, updated);
    if (ok) {
        const struct cs_inplace_text st = {b->to->meta.name, updated, apply ? ts : NULL, im.n > 0, &resize};
        cs_autofree char *state = cs_inplace_state_json(b->pod, &im, &st);

        metadata_patch(t[0], t[1], &meta);
        cs_jw_init(&w, out);
        cs_jw_arr(&w);
        op_tests(&w, b->pod, b->serving);
        op_tests_images(&w, b->pod);
        if (apply)
            op_tests_running(&w, b->pod, &im);
        drop_old_keys(&w, b->pod);
        op_meta(&w, "add", "annotations", CS_ANNO_INPLACE_STATE, state);
        if (apply) {
            cs_autojdoc mdoc = {0};

            if (cs_jdoc_parse(&mdoc, meta.data, meta.len, NULL, err))
                apply_metadata(&w, b->pod, cs_jdoc_root(&mdoc));
            ok = apply_images(&w, b->pod, &im, err);
            if (b->pod->inplace_grace)
                op_meta_remove(&w, "annotations", CS_ANNO_INPLACE_GRACE);
        } else {
            cs_autofree char *grace = cs_inplace_grace_json(&im, &st, (struct cs_str){meta.data, meta.len}, b->grace_s);

            op_meta(&w, "add", "annotations", CS_ANNO_INPLACE_GRACE, grace);
        }
        op_revision_labels(&w, b->to->meta.name, b->short_hash, ts);
        ok = finish(&w, out, err) && ok;
    }
    cs_jdoc_done(&docs[0]);
    cs_jdoc_done(&docs[1]);
    return ok;
}

bool cs_body_inplace_start(const struct cs_inplace_body *b, struct cs_strbuf *out, struct cs_error *err)
{
    return inplace_body(b, false, out, err);
}

bool cs_body_inplace_apply(const struct cs_inplace_body *b, struct cs_strbuf *out, struct cs_error *err)
{
    return inplace_body(b, true, out, err);
}

/* Images recorded in the grace annotation. */
static void images_of_grace(struct cs_json grace, struct cs_images *ret)
{
    cs_autofree struct cs_json *m = NULL;
    size_t n = cs_json_members(cs_json_get(grace, "containerImages"), true, &m);

    for (size_t i = 0; i < n; i++)
        (void)images_add(ret, cs_json_key_dup(m[i]), cs_json_str_dup(m[i]));
    qsort(ret->items, ret->n, sizeof(ret->items[0]), by_key);
}

/* The metadata patch recorded there, decoded, owned; NULL when absent or unreadable. */
static char *decode_meta_patch(struct cs_json grace, size_t *ret_len)
{
    cs_autofree char *b64 = cs_json_str_dup(cs_json_get(grace, "metaDataPatch"));
    char *text = NULL;

    *ret_len = 0;
    if (b64)
        (void)cs_base64_decode(cs_str(b64), 256 << 10, &text, ret_len, NULL);
    return text;
}

bool cs_body_grace_apply(const struct cs_pod *p, int64_t now_ms, struct cs_strbuf *out, struct cs_error *err)
{
    cs_autojdoc doc = {0};
    cs_autojdoc mdoc = {0};
    cs_autofree char *meta = NULL;
    size_t meta_len;
    CS_CLEANUP(images_done) struct cs_images im = {.n = 0};
    cs_autoresize resize = {0};
    cs_autofree char *revision = NULL;
    char ts[CS_RFC3339_SIZE];
    char updated[CS_RFC3339_SIZE];
    struct cs_inplace_state s;
    struct cs_jw w;
    bool ok;

    if (!cs_jdoc_parse(&doc, p->inplace_grace, strlen(p->inplace_grace), NULL, err))
        return cs_error_prefix(err, "annotation " CS_ANNO_INPLACE_GRACE);
    images_of_grace(cs_jdoc_root(&doc), &im);
    cs_resize_parse(cs_json_get(cs_jdoc_root(&doc), "containerResources"), &resize);
    revision = cs_json_str_dup(cs_json_get(cs_jdoc_root(&doc), "revision")); /* the full name; the label may be short */
    meta = decode_meta_patch(cs_jdoc_root(&doc), &meta_len);
    (void)cs_rfc3339_format(now_ms, ts);
    cs_inplace_state_parse(p->inplace_state, &s);
    (void)cs_rfc3339_format(
        s.updated_ms > 0 ? s.updated_ms : now_ms, updated); /* stays that of the start (spec §6.7) */
    const struct cs_inplace_text st = {revision ? revision : p->revision, updated, ts, im.n > 0, &resize};
    cs_autofree char *state = cs_inplace_state_json(p, &im, &st);
    cs_inplace_state_done(&s);
    cs_jw_init(&w, out);
    cs_jw_arr(&w);
    op_tests(&w, p, false);
    op_tests_running(&w, p, &im);
    drop_old_keys(&w, p);
    op_meta(&w, "add", "annotations", CS_ANNO_INPLACE_STATE, state);
    op_meta_remove(&w, "annotations", CS_ANNO_INPLACE_GRACE);
    if (meta && cs_jdoc_parse(&mdoc, meta, meta_len, NULL, NULL))
        apply_metadata(&w, p, cs_jdoc_root(&mdoc));
    ok = apply_images(&w, p, &im, err);
    return finish(&w, out, err) && ok;
}

void cs_body_grace_drop(const struct cs_pod *p, struct cs_strbuf *out)
{
    struct cs_jw w;

    cs_jw_init(&w, out);
    cs_jw_arr(&w);
    op_tests_ours(&w, p);
    op_meta_remove(&w, "annotations", CS_ANNO_INPLACE_GRACE);
    if (p->old_grace_key)
        op_meta_remove(&w, "annotations", CS_ANNO_INPLACE_GRACE_OLD);
    cs_jw_end_arr(&w);
}
