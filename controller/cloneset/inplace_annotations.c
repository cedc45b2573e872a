/* SPDX-License-Identifier: Apache-2.0 */
#include "controller/cloneset/inplace_annotations.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/base64.h"
#include "common/base/clock.h"
#include "common/json/json_writer.h"
#include "controller/plan/inplace_state.h"

static int by_text(const void *x, const void *y)
{
    return strcmp(*(const char *const *)x, *(const char *const *)y);
}

/* The containers that the update touches, sorted. */
static void write_containers(struct cs_jw *w, const struct cs_images *im, const struct cs_resize *resize)
{
    cs_autofree const char **names = cs_new_array(const char *, im->n + resize->n + 1);
    size_t n = 0;

    for (uint32_t i = 0; i < im->n; i++)
        names[n++] = im->items[i].key;
    for (size_t i = 0; i < resize->n; i++)
        names[n++] = resize->items[i].container;
    qsort(names, n, sizeof(names[0]), by_text);
    cs_jw_arr(w);
    for (size_t i = 0; i < n; i++)
        if (i == 0 || !cs_streq(names[i], names[i - 1]))
            cs_jw_str(w, names[i]);
    cs_jw_end_arr(w);
}

static bool has_image(const struct cs_images *im, const char *container)
{
    for (uint32_t i = 0; i < im->n; i++)
        if (cs_streq(im->items[i].key, container))
            return true;
    return false;
}

/*
 * Of the update that is overtaken, if one is: leaves the entries of containers that the kubelet has still to act on and that are
 * not recorded anew. Without them an update that touches no container would be complete at once, and the gate open before the
 * container restarts (spec §6.6 B discards them).
 */
static void read_open_entries(
    const struct cs_pod *p, const struct cs_images *im, const struct cs_inplace_text *t, struct cs_inplace_state *ret)
{
    uint32_t n = 0;

    cs_inplace_state_parse(p->state == CS_LC_UPDATING || p->inplace_grace ? p->inplace_state : NULL, ret);
    for (uint32_t i = 0; i < ret->n; i++) {
        struct cs_inplace_entry e = ret->entries[i];

        if (!e.container || cs_inplace_entry_complete(p, &e) || (t->batch && has_image(im, e.container)))
            continue;
        ret->entries[i] = ret->entries[n]; /* swapped, so that each is freed once */
        ret->entries[n++] = e;
    }
    for (uint32_t i = n; i < ret->n; i++) {
        free(ret->entries[i].container);
        free(ret->entries[i].image_id);
        free(ret->entries[i].container_id);
    }
    ret->n = n;
}

struct last { /* lastContainerStatuses while it is written */
    struct cs_jw *w;
    uint32_t n;
};

static void write_entry(struct last *l, const char *container, const char *image_id, const char *container_id)
{
    if (l->n++ == 0)
        cs_jw_obj(l->w);
    cs_jw_key(l->w, container);
    cs_jw_obj(l->w);
    if (image_id && *image_id)
        cs_jw_kstr(l->w, "imageID", image_id);
    if (container_id && *container_id)
        cs_jw_kstr(l->w, "containerID", container_id);
    cs_jw_end_obj(l->w);
}

/* What the containers whose image changes run now; null before anything is applied, as the peer writes it. */
static void write_last(struct cs_jw *w, const struct cs_pod *p, const struct cs_images *im,
    const struct cs_inplace_text *t, const struct cs_inplace_state *open)
{
    struct last l = {.w = w};

    cs_jw_key(w, "lastContainerStatuses");
    for (uint32_t i = 0; i < open->n; i++)
        write_entry(&l, open->entries[i].container, open->entries[i].image_id, open->entries[i].container_id);
    for (uint32_t i = 0; t->batch && i < im->n; i++) {
        const struct cs_container_status *st = cs_pod_status_of(p, im->items[i].key);

        if (st)
            write_entry(&l, st->name, st->image_id, st->container_id);
    }
    if (l.n > 0)
        cs_jw_end_obj(w);
    else
        cs_jw_null(w);
}

/* The batches in which the open entries were changed, then this one. */
static void write_batches(
    struct cs_jw *w, const struct cs_images *im, const struct cs_inplace_text *t, const struct cs_inplace_state *open)
{
    if (!t->batch && open->n == 0)
        return;
    cs_jw_key(w, "containerBatchesRecord");
    cs_jw_arr(w);
    for (uint32_t i = 0; i < open->n; i++) {
        char at[CS_RFC3339_SIZE];

        cs_jw_obj(w);
        cs_jw_kstr(w, "timestamp", cs_rfc3339_format(open->entries[i].since_ms, at));
        cs_jw_key(w, "containers");
        cs_jw_arr(w);
        cs_jw_str(w, open->entries[i].container);
        cs_jw_end_arr(w);
        cs_jw_end_obj(w);
    }
    if (t->batch) {
        cs_jw_obj(w);
        cs_jw_kstr(w, "timestamp", t->batch);
        cs_jw_key(w, "containers");
        write_containers(w, im, t->resize);
        cs_jw_end_obj(w);
    }
    cs_jw_end_arr(w);
}

char *cs_inplace_state_json(const struct cs_pod *p, const struct cs_images *im, const struct cs_inplace_text *t)
{
    cs_autostrbuf sb = CS_STRBUF_INIT;
    struct cs_inplace_state open;
    struct cs_jw w;

    read_open_entries(p, im, t, &open);
    cs_jw_init(&w, &sb);
    cs_jw_obj(&w);
    cs_jw_kstr(&w, "revision", t->revision);
    cs_jw_kstr(&w, "updateTimestamp", t->updated);
    write_last(&w, p, im, t, &open);
    if (t->update_images || open.n > 0)
        cs_jw_kbool(&w, "updateImages", true);
    if (t->resize->n > 0)
        cs_jw_kbool(&w, "updateResources", true);
    if (t->batch && t->resize->n > 0) {
        cs_jw_key(&w, "containerResources");
        cs_resize_write(t->resize, &w);
    }
    write_batches(&w, im, t, &open);
    cs_jw_end_obj(&w);
    cs_inplace_state_done(&open);
    return cs_strbuf_take(&sb, NULL);
}

char *cs_inplace_grace_json(
    const struct cs_images *im, const struct cs_inplace_text *t, struct cs_str meta_patch, int64_t grace_s)
{
    cs_autostrbuf sb = CS_STRBUF_INIT;
    struct cs_jw w;

    cs_jw_init(&w, &sb);
    cs_jw_obj(&w);
    cs_jw_kstr(&w, "revision", t->revision);
    if (t->resize->n > 0) {
        cs_jw_key(&w, "containerResources");
        cs_resize_write(t->resize, &w);
    }
    if (im->n > 0) {
        cs_jw_key(&w, "containerImages");
        cs_jw_obj(&w);
        for (uint32_t i = 0; i < im->n; i++)
            cs_jw_kstr(&w, im->items[i].key, im->items[i].value);
        cs_jw_end_obj(&w);
    }
    if (!cs_str_eqz(meta_patch, "{\"metadata\":{}}")) {
        cs_autostrbuf b64 = CS_STRBUF_INIT;

        cs_base64_encode(&b64, meta_patch);
        cs_jw_kstr(&w, "metaDataPatch", cs_strbuf_str(&b64));
    }
    if (grace_s > 0)
        cs_jw_ki64(&w, "graceSeconds", grace_s);
    cs_jw_end_obj(&w);
    return cs_strbuf_take(&sb, NULL);
}
