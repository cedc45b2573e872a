/* SPDX-License-Identifier: Apache-2.0 */
#include "controller/cloneset/inplace_annotations.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/base64.h"
#include "common/json/json_writer.h"

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

/* What the containers whose image changes run now; null before anything is applied, as the peer writes it. */
static void write_last(
    struct cs_jw *w, const struct cs_pod *p, const struct cs_images *im, const struct cs_inplace_text *t)
{
    uint32_t recorded = 0;

    cs_jw_key(w, "lastContainerStatuses");
    for (uint32_t i = 0; t->batch && i < im->n; i++) {
        const struct cs_container_status *st = cs_pod_status_of(p, im->items[i].key);

        if (!st)
            continue;
        if (recorded++ == 0)
            cs_jw_obj(w);
        cs_jw_key(w, st->name);
        cs_jw_obj(w);
        if (st->image_id && *st->image_id)
            cs_jw_kstr(w, "imageID", st->image_id);
        if (st->container_id && *st->container_id)
            cs_jw_kstr(w, "containerID", st->container_id);
        cs_jw_end_obj(w);
    }
    if (recorded > 0)
        cs_jw_end_obj(w);
    else
        cs_jw_null(w);
}

char *cs_inplace_state_json(const struct cs_pod *p, const struct cs_images *im, const struct cs_inplace_text *t)
{
    cs_autostrbuf sb = CS_STRBUF_INIT;
    struct cs_jw w;

    cs_jw_init(&w, &sb);
    cs_jw_obj(&w);
    cs_jw_kstr(&w, "revision", t->revision);
    cs_jw_kstr(&w, "updateTimestamp", t->updated);
    write_last(&w, p, im, t);
    if (t->update_images)
        cs_jw_kbool(&w, "updateImages", true);
    if (t->resize->n > 0)
        cs_jw_kbool(&w, "updateResources", true);
    if (t->batch) {
        if (t->resize->n > 0) {
            cs_jw_key(&w, "containerResources");
            cs_resize_write(t->resize, &w);
        }
        cs_jw_key(&w, "containerBatchesRecord");
        cs_jw_arr(&w);
        cs_jw_obj(&w);
        cs_jw_kstr(&w, "timestamp", t->batch);
        cs_jw_key(&w, "containers");
        write_containers(&w, im, t->resize);
        cs_jw_end_obj(&w);
        cs_jw_end_arr(&w);
    }
    cs_jw_end_obj(&w);
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
