/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading the in-place state that a Pod carries, and judging whether its update is complete (spec §6.6 D, D11).
 */
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/json/json_doc.h"
#include "controller/plan/parts.h"

/* Annotations come from users too: small limits. */
static const struct cs_json_limits annotation_limits = {.max_bytes = 256 << 10, .max_depth = 20, .max_nodes = 20000};

static int64_t json_time(struct cs_json v)
{
    struct cs_str s;
    int64_t ms;

    if (!cs_json_str_borrow(v, &s) || !cs_rfc3339_parse(s, &ms))
        return 0;
    return ms;
}

static void parse_entries(struct cs_json last, struct cs_inplace_state *ret)
{
    size_t n = cs_json_count(last);

    if (!cs_json_is(last, CS_J_OBJECT) || n == 0)
        return;
    ret->entries = cs_new_array(struct cs_inplace_entry, n);
    cs_json_foreach (e, last) {
        ret->entries[ret->n++] = (struct cs_inplace_entry){
            .container = cs_json_key_dup(e),
            .image_id = cs_json_str_dup(cs_json_get(e, "imageID")),
            .container_id = cs_json_str_dup(cs_json_get(e, "containerID")),
        };
    }
}

static void date_entries(struct cs_json batches, struct cs_inplace_state *ret)
{
    for (uint32_t i = 0; i < ret->n; i++) {
        struct cs_inplace_entry *e = &ret->entries[i];

        cs_json_foreach (b, batches) {
            struct cs_json names = cs_json_get(b, "containers");
            int64_t at = json_time(cs_json_get(b, "timestamp"));

            cs_json_foreach (name, names) {
                if (at > e->since_ms && cs_json_str_is(name, e->container))
                    e->since_ms = at;
            }
        }
        if (e->since_ms == 0)
            e->since_ms = ret->batch_ms;
    }
}

static bool nonempty(struct cs_json v)
{
    return cs_json_count(v) > 0;
}

/* Of the peer only the names of the containers are there; it has resized them before it wrote the state. */
static void parse_resources(struct cs_json root, struct cs_inplace_state *ret)
{
    struct cs_json batches = cs_json_get(root, "containerBatchesRecord");
    bool resources = false;

    (void)cs_json_bool(cs_json_get(root, "updateResources"), &resources);
    if (!resources)
        return;
    cs_resize_parse(cs_json_get(root, "containerResources"), &ret->resize);
    if (ret->resize.n > 0)
        return;
    cs_json_foreach (b, batches) {
        struct cs_json names = cs_json_get(b, "containers");

        cs_json_foreach (name, names) {
            cs_autofree char *container = cs_json_str_dup(name);

            cs_resize_name(&ret->resize, container);
        }
    }
}

void cs_inplace_state_parse(const char *text, struct cs_inplace_state *ret)
{
    cs_autojdoc doc = {0};
    struct cs_json root;
    struct cs_json batches;

    *ret = (struct cs_inplace_state){0};
    if (!text || !cs_jdoc_parse(&doc, text, strlen(text), &annotation_limits, NULL))
        return;
    root = cs_jdoc_root(&doc);
    if (!cs_json_is(root, CS_J_OBJECT))
        return;
    ret->valid = true;
    ret->revision = cs_json_str_dup(cs_json_get(root, "revision"));
    ret->updated_ms = json_time(cs_json_get(root, "updateTimestamp"));
    ret->batch_ms = ret->updated_ms;
    batches = cs_json_get(root, "containerBatchesRecord");
    cs_json_foreach (b, batches) {
        int64_t at = json_time(cs_json_get(b, "timestamp"));

        if (at > ret->batch_ms)
            ret->batch_ms = at;
    }
    ret->has_next = nonempty(cs_json_get(root, "nextContainerImages")) ||
                    nonempty(cs_json_get(root, "nextContainerRefMetadata")) ||
                    nonempty(cs_json_get(root, "nextContainerResources"));
    parse_entries(cs_json_get(root, "lastContainerStatuses"), ret);
    date_entries(batches, ret);
    parse_resources(root, ret);
}

void cs_inplace_state_done(struct cs_inplace_state *s)
{
    for (uint32_t i = 0; i < s->n; i++) {
        free(s->entries[i].container);
        free(s->entries[i].image_id);
        free(s->entries[i].container_id);
    }
    free(s->entries);
    free(s->revision);
    cs_resize_done(&s->resize);
    *s = (struct cs_inplace_state){0};
}

void cs_inplace_grace_parse(const char *text, struct cs_inplace_grace *ret)
{
    cs_autojdoc doc = {0};
    struct cs_json root;

    *ret = (struct cs_inplace_grace){.present = text != NULL};
    if (!text || !cs_jdoc_parse(&doc, text, strlen(text), &annotation_limits, NULL))
        return;
    root = cs_jdoc_root(&doc);
    ret->revision = cs_json_str_dup(cs_json_get(root, "revision"));
    ret->valid = ret->revision != NULL;
    if (!cs_json_i64(cs_json_get(root, "graceSeconds"), &ret->grace_s) || ret->grace_s < 0)
        ret->grace_s = 0;
    if (ret->grace_s > INT32_MAX)
        ret->grace_s = INT32_MAX;
}

void cs_inplace_grace_done(struct cs_inplace_grace *g)
{
    free(g->revision);
    *g = (struct cs_inplace_grace){0};
}

/* The part after the registry: runtimes report "docker.io/library/nginx:1" for "nginx:1". */
static struct cs_str strip_default_registry(struct cs_str s)
{
    if (cs_str_starts(s, "docker.io/"))
        s = (struct cs_str){s.p + 10, s.len - 10};
    if (cs_str_starts(s, "library/"))
        s = (struct cs_str){s.p + 8, s.len - 8};
    return s;
}

/* Takes a ":latest" off that stands behind the last '/'. */
static struct cs_str strip_latest(struct cs_str s)
{
    if (cs_str_ends(s, ":latest"))
        s.len -= 7;
    return s;
}

bool cs_image_same(const char *a, const char *b)
{
    if (!a || !b)
        return false;
    return cs_str_eq(strip_latest(strip_default_registry(cs_str(a))), strip_latest(strip_default_registry(cs_str(b))));
}

/*
 * One recorded container. A changed imageID is the proof of spec §6.6 D. With the same imageID (two tags of one image) D11 takes a
 * new container that runs; its start may not lie before our change, or the name of its image must say so already (a
 * node's clock may be behind ours).
 */
bool cs_inplace_entry_complete(const struct cs_pod *p, const struct cs_inplace_entry *e)
{
    const struct cs_container_status *st = cs_pod_status_of(p, e->container);
    const struct cs_container *c = cs_pod_container(p, e->container);
    bool image_named;

    if (!st)
        return false;
    if (st->image_id && !cs_streq(st->image_id, e->image_id ? e->image_id : ""))
        return true;
    if (!c)
        return false;
    image_named = cs_image_same(c->image, st->image);
    if (e->container_id && st->container_id && !cs_streq(e->container_id, st->container_id) && st->running)
        return image_named || st->started_ms >= e->since_ms;
    /* Without a recorded containerID (written by the peer): its rule, on normalised names. */
    return !e->container_id && image_named;
}

bool cs_inplace_complete(const struct cs_pod *p)
{
    struct cs_inplace_state s;
    bool done = true;

    if (p->inplace_grace)
        return false;
    if (!p->inplace_state)
        return true;
    cs_inplace_state_parse(p->inplace_state, &s);
    if (!s.valid)
        done = true; /* unreadable: nothing to wait for, and waiting for ever helps nobody */
    else if (s.has_next)
        done = false;
    for (uint32_t i = 0; done && i < s.n; i++)
        done = cs_inplace_entry_complete(p, &s.entries[i]);
    done = done && cs_resize_settled(p, &s.resize);
    cs_inplace_state_done(&s);
    return done;
}

/* The recorded container still runs, and under the image that is wanted. */
static bool entry_stands(const struct cs_pod *p, const struct cs_inplace_entry *e)
{
    const struct cs_container_status *st = cs_pod_status_of(p, e->container);
    const struct cs_container *c = cs_pod_container(p, e->container);

    return st && c && st->running && e->container_id && cs_streq(e->container_id, st->container_id) &&
           cs_image_same(c->image, st->image);
}

int64_t cs_inplace_stands_at_ms(const struct cs_pod *p)
{
    struct cs_inplace_state s;
    bool stands = true;
    int64_t at;

    if (p->inplace_grace || !p->inplace_state)
        return 0;
    cs_inplace_state_parse(p->inplace_state, &s);
    for (uint32_t i = 0; stands && i < s.n; i++)
        stands = cs_inplace_entry_complete(p, &s.entries[i]) || entry_stands(p, &s.entries[i]);
    stands = stands && cs_resize_settled(p, &s.resize);
    at = stands && s.valid && !s.has_next ? s.batch_ms + CS_INPLACE_STANDS_MS : 0;
    cs_inplace_state_done(&s);
    return at;
}
