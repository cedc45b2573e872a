/* SPDX-License-Identifier: Apache-2.0 */
#include "test/bench/seen.h"

#include <stdio.h>
#include <string.h>

#define MAX_EVENT ((size_t)4 << 20)

static void copy(struct cs_json v, char out[CS_SEEN_NAME])
{
    struct cs_str s = {0};

    if (!cs_json_str_borrow(v, &s) || s.len >= CS_SEEN_NAME)
        s.len = 0;
    if (s.len > 0)
        memcpy(out, s.p, s.len);
    out[s.len] = '\0';
}

struct cs_seen_pod *cs_seen_find(struct cs_seen *s, const char *name)
{
    struct cs_seen_pod *p = NULL;

    HASH_FIND_STR(s->pods, name, p);
    if (p)
        return p;
    p = cs_new(struct cs_seen_pod);
    (void)snprintf(p->name, sizeof(p->name), "%s", name);
    p->gone = true;
    HASH_ADD_STR(s->pods, name, p);
    return p;
}

static bool is_ready(struct cs_json status)
{
    cs_json_foreach (c, cs_json_get(status, "conditions")) {
        if (cs_json_str_is(cs_json_get(c, "type"), "Ready"))
            return cs_json_str_is(cs_json_get(c, "status"), "True");
    }
    return false;
}

static void take(struct cs_seen *s, struct cs_json obj, bool deleted)
{
    struct cs_json meta = cs_json_get(obj, "metadata");
    struct cs_json status = cs_json_get(obj, "status");
    char name[CS_SEEN_NAME];
    struct cs_seen_pod *p;

    copy(cs_json_get(meta, "name"), name);
    copy(cs_json_get(meta, "resourceVersion"), s->version);
    p = cs_seen_find(s, name);
    if (!p->gone) {
        s->there--;
        s->leaving -= p->leaving;
    }
    p->gone = deleted;
    p->leaving = !deleted && !cs_json_is_null(cs_json_get(meta, "deletionTimestamp"));
    p->bound = !cs_json_is_null(cs_json_at(obj, "spec", "nodeName", NULL));
    p->ready = is_ready(status);
    copy(cs_json_get(cs_json_index(cs_json_get(status, "containerStatuses"), 0), "image"), p->image);
    if (!p->gone) {
        s->there++;
        s->leaving += p->leaving;
    }
    s->changed(s->ctx, p);
}

static bool on_line(void *ctx, struct cs_str line, struct cs_error *err)
{
    struct cs_seen *s = ctx;
    struct cs_json root;
    struct cs_json type;

    if (!cs_jdoc_parse(&s->doc, line.p, line.len, NULL, err))
        return false;
    root = cs_jdoc_root(&s->doc);
    type = cs_json_get(root, "type");
    if (cs_json_str_is(type, "ERROR"))
        return cs_error_set(err, CS_ERR_DECODE, "the watch ends with %.*s", (int)line.len, line.p);
    s->bytes += line.len;
    take(s, cs_json_get(root, "object"), cs_json_str_is(type, "DELETED"));
    return true;
}

static void give_up(const struct cs_error *err)
{
    (void)fprintf(stderr, "limit: watch: %s\n", err->message);
    exit(1);
}

static bool on_chunk(void *ctx, struct cs_str bytes)
{
    struct cs_seen *s = ctx;
    struct cs_error err = CS_ERROR_INIT;

    if (!cs_jframe_feed(&s->frame, bytes.p, bytes.len, on_line, s, &err))
        give_up(&err);
    return true;
}

static void follow(struct cs_seen *s);

/* A server that finds a watch too slow closes it; nothing is lost from the version on that was seen last. */
static void on_end(void *ctx, const struct cs_reply *reply)
{
    struct cs_seen *s = ctx;

    if (reply->err.kind != CS_ERR_NONE && reply->err.kind != CS_ERR_TRANSPORT)
        give_up(&reply->err);
    cs_jframe_reset(&s->frame);
    s->again++;
    follow(s);
}

static void follow(struct cs_seen *s)
{
    cs_autofree char *query = cs_xasprintf("watch=1&timeoutSeconds=36000&resourceVersion=%s", s->version);
    const struct cs_call call = {.verb = CS_VERB_WATCH, .gvr = &cs_gvr_pods, .ns = s->ns, .query = query};

    (void)cs_client_stream(s->client, &call, on_chunk, on_end, s);
}

void cs_seen_start(struct cs_seen *s, const struct cs_client *client, const char *ns)
{
    s->client = client;
    s->ns = ns;
    s->version[0] = '0';
    cs_jframe_init(&s->frame, MAX_EVENT);
    follow(s);
}

bool cs_seen_settled(const struct cs_seen *s, unsigned count, const char *image)
{
    const struct cs_seen_pod *p;
    const struct cs_seen_pod *next;

    if (s->there != count || s->leaving > 0)
        return false;
    HASH_ITER (hh, s->pods, p, next)
        if (!p->gone && image && (!p->ready || !cs_streq(p->image, image)))
            return false;
    return true;
}

void cs_seen_sweep(struct cs_seen *s)
{
    struct cs_seen_pod *p;
    struct cs_seen_pod *next;

    HASH_ITER (hh, s->pods, p, next)
        if (p->gone) {
            HASH_DEL(s->pods, p);
            free(p);
        }
}
