/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls of cs_recorder_event only note what is to be written; a timer sends it. Two kinds of work wait: events that
 * go out one by one (a bounded queue) and folded events that changed (a list of series, so a storm costs no memory).
 * Events share the connections with the writes that matter, hence the small number of requests under way.
 */
#include "controller/runtime/recorder.h"

#include <sys/queue.h>

#include "common/api/gvr.h"
#include "common/base/alloc.h"
#include "common/base/table.h"
#include "common/json/json_writer.h"

#define SINGLE_EVENTS 10 /* of a series, before folding begins */
#define FOLD_MS 1000 /* between requests for folded events of one object */
#define MAX_SERIES 4096
#define IDLE_MS ((int64_t)10 * 60 * 1000) /* a series without events begins anew */
#define MAX_QUEUE 1000
#define MAX_FLIGHT 4
#define MAX_MESSAGE 1024
#define MAX_NAME 253
#define STAMP_SIZE 17 /* '.' and 16 hex digits */

/* An object that events are about, while it has series. */
struct subject {
    char *uid;
    int64_t next_ms; /* monotonic: the next request for a folded event */
    unsigned n_series;
    UT_hash_handle hh;
};

/* Events of one object, type and reason. */
struct series {
    char *key;
    struct subject *subject;
    char *api_version, *kind, *ns, *name, *reason;
    bool warning;
    uint64_t seen;
    int64_t used_ms; /* monotonic: the last event */

    /* The folded event; count is 0 before there is one. */
    char *event; /* its name, NULL: it must be created */
    int64_t count;
    int64_t first_ms, last_ms; /* wall */
    char *message;
    bool busy; /* a request for it is under way */
    bool dirty; /* it waits in `dirty` */
    TAILQ_ENTRY(series) next;
    UT_hash_handle hh;
};

/* An event that goes out once. */
struct single {
    char *ns;
    char *body;
    STAILQ_ENTRY(single) next;
};

struct flight {
    struct cs_recorder *r;
    uint64_t id; /* 0: free */
    bool fold;
    bool patch;
    struct series *series; /* NULL: a single event, or the series is gone meanwhile */
};

struct cs_recorder {
    struct cs_recorder_options o;
    struct cs_metric *dropped;
    struct cs_timer timer;
    struct subject *subjects;
    struct series *series; /* uthash keeps the order of adding: the least recently used comes first */
    TAILQ_HEAD(, series) dirty;
    STAILQ_HEAD(, single) queue;
    size_t queued;
    struct flight flights[MAX_FLIGHT];
    int64_t hold_ms; /* monotonic: the server asked us to wait until then */
    uint64_t seq;
};

static int64_t mono(const struct cs_recorder *r)
{
    return cs_loop_now_ms(r->o.loop);
}

static bool may_write(const struct cs_recorder *r)
{
    return !r->o.may_write || r->o.may_write(r->o.ctx);
}

/* ---- the table of series ---- */

static struct subject *get_subject(struct cs_recorder *r, const char *uid)
{
    size_t len = strlen(uid);
    struct subject *s;

    HASH_FIND(hh, r->subjects, uid, len, s);
    if (s)
        return s;
    s = cs_new(struct subject);
    s->uid = cs_xstrdup(uid);
    HASH_ADD_KEYPTR(hh, r->subjects, s->uid, len, s);
    return s;
}

static void free_series(struct cs_recorder *r, struct series *s)
{
    for (size_t i = 0; i < MAX_FLIGHT; i++) {
        if (r->flights[i].series == s)
            r->flights[i].series = NULL;
    }
    if (s->dirty)
        TAILQ_REMOVE(&r->dirty, s, next);
    HASH_DEL(r->series, s);
    if (--s->subject->n_series == 0) {
        HASH_DEL(r->subjects, s->subject);
        free(s->subject->uid);
        free(s->subject);
    }
    free(s->key);
    free(s->api_version);
    free(s->kind);
    free(s->ns);
    free(s->name);
    free(s->reason);
    free(s->event);
    free(s->message);
    free(s);
}

static struct series *new_series(
    struct cs_recorder *r, const struct cs_event_ref *about, bool warning, const char *reason, const char *key)
{
    struct series *s = cs_new(struct series);

    s->key = cs_xstrdup(key);
    s->subject = get_subject(r, about->uid);
    s->subject->n_series++;
    s->api_version = cs_xstrdup(about->api_version);
    s->kind = cs_xstrdup(about->kind);
    s->ns = about->ns ? cs_xstrdup(about->ns) : NULL;
    s->name = cs_xstrdup(about->name);
    s->reason = cs_xstrdup(reason);
    s->warning = warning;
    return s;
}

/* Finds or makes a series and makes it the most recently used one. */
static struct series *use_series(
    struct cs_recorder *r, const struct cs_event_ref *about, bool warning, const char *reason)
{
    cs_autofree char *key = cs_xasprintf("%c%s\n%s", warning ? 'W' : 'N', about->uid, reason);
    size_t len = strlen(key);
    int64_t now = mono(r);
    struct series *s;

    while (r->series && r->series->used_ms + IDLE_MS <= now)
        free_series(r, r->series);
    HASH_FIND(hh, r->series, key, len, s);
    if (s) {
        HASH_DEL(r->series, s);
    } else {
        if (HASH_COUNT(r->series) >= MAX_SERIES)
            free_series(r, r->series);
        s = new_series(r, about, warning, reason, key);
    }
    s->used_ms = now;
    HASH_ADD_KEYPTR(hh, r->series, s->key, len, s);
    return s;
}

void cs_recorder_forget(struct cs_recorder *r, const char *uid)
{
    struct series *s;
    struct series *tmp;

    HASH_ITER (hh, r->series, s, tmp) {
        if (cs_streq(s->subject->uid, uid))
            free_series(r, s);
    }
}

/* ---- what is sent ---- */

struct event {
    const struct cs_event_ref *about;
    const char *name; /* of the event */
    bool warning;
    const char *reason, *message;
    int64_t first_ms, last_ms, count;
};

/* Events about objects without a namespace live in "default"; the API server insists. */
static const char *event_ns(const char *ns)
{
    return ns && *ns ? ns : "default";
}

/* "<object>.<time and sequence number>": unique, and a valid name however long that of the object is. */
static char *event_name(struct cs_recorder *r, const char *object)
{
    uint64_t wall = (uint64_t)cs_clock_wall_ms(r->o.loop->clock);
    uint64_t stamp = wall << 20 | (r->seq++ & 0xfffff);
    size_t len = strlen(object);

    if (len > MAX_NAME - STAMP_SIZE)
        len = MAX_NAME - STAMP_SIZE;
    while (len > 0 && (object[len - 1] == '.' || object[len - 1] == '-'))
        len--;
    return cs_xasprintf("%.*s.%llx", (int)len, object, (unsigned long long)stamp);
}

static char *cut_message(const char *message)
{
    size_t len = strnlen(message, MAX_MESSAGE + 1);

    if (len > MAX_MESSAGE) {
        len = MAX_MESSAGE;
        while (len > 0 && ((unsigned char)message[len] & 0xc0) == 0x80)
            len--;
    }
    return cs_xmemdupz(message, len);
}

static void put_about(struct cs_jw *w, const struct cs_event_ref *about)
{
    cs_jw_key(w, "involvedObject");
    cs_jw_obj(w);
    cs_jw_kstr(w, "apiVersion", about->api_version);
    cs_jw_kstr(w, "kind", about->kind);
    cs_jw_kstr(w, "name", about->name);
    cs_jw_kstr(w, "uid", about->uid);
    if (about->ns && *about->ns)
        cs_jw_kstr(w, "namespace", about->ns);
    cs_jw_end_obj(w);
}

static char *event_body(const struct cs_recorder *r, const struct event *e)
{
    cs_autostrbuf sb = CS_STRBUF_INIT;
    char time[CS_RFC3339_SIZE];
    struct cs_jw w;

    cs_jw_init(&w, &sb);
    cs_jw_obj(&w);
    cs_jw_kstr(&w, "apiVersion", "v1");
    cs_jw_kstr(&w, "kind", "Event");
    cs_jw_key(&w, "metadata");
    cs_jw_obj(&w);
    cs_jw_kstr(&w, "name", e->name);
    cs_jw_kstr(&w, "namespace", event_ns(e->about->ns));
    cs_jw_end_obj(&w);
    put_about(&w, e->about);
    cs_jw_kstr(&w, "reason", e->reason);
    cs_jw_kstr(&w, "message", e->message);
    cs_jw_kstr(&w, "type", e->warning ? "Warning" : "Normal");
    cs_jw_key(&w, "source");
    cs_jw_obj(&w);
    cs_jw_kstr(&w, "component", r->o.component);
    cs_jw_kstr(&w, "host", r->o.instance);
    cs_jw_end_obj(&w);
    cs_jw_kstr(&w, "reportingComponent", r->o.component);
    cs_jw_kstr(&w, "reportingInstance", r->o.instance);
    cs_jw_kstr(&w, "firstTimestamp", cs_rfc3339_format(e->first_ms, time));
    cs_jw_kstr(&w, "lastTimestamp", cs_rfc3339_format(e->last_ms, time));
    cs_jw_ki64(&w, "count", e->count);
    cs_jw_end_obj(&w);
    return cs_strbuf_take(&sb, NULL);
}

static char *series_body(const struct cs_recorder *r, const struct series *s)
{
    struct cs_event_ref about = {
        .api_version = s->api_version, .kind = s->kind, .ns = s->ns, .name = s->name, .uid = s->subject->uid};
    struct event e = {.about = &about,
        .name = s->event,
        .warning = s->warning,
        .reason = s->reason,
        .message = s->message,
        .first_ms = s->first_ms,
        .last_ms = s->last_ms,
        .count = s->count};

    return event_body(r, &e);
}

static char *series_patch(const struct series *s)
{
    cs_autostrbuf sb = CS_STRBUF_INIT;
    char time[CS_RFC3339_SIZE];
    struct cs_jw w;

    cs_jw_init(&w, &sb);
    cs_jw_obj(&w);
    cs_jw_kstr(&w, "message", s->message);
    cs_jw_kstr(&w, "lastTimestamp", cs_rfc3339_format(s->last_ms, time));
    cs_jw_ki64(&w, "count", s->count);
    cs_jw_end_obj(&w);
    return cs_strbuf_take(&sb, NULL);
}

/* ---- sending ---- */

static struct flight *free_flight(struct cs_recorder *r)
{
    for (size_t i = 0; i < MAX_FLIGHT; i++) {
        if (r->flights[i].id == 0)
            return &r->flights[i];
    }
    return NULL;
}

/* Sees to it that the timer fires at that time, when something can be sent then; else the next answer sends. */
static void wake_at(struct cs_recorder *r, int64_t at_ms)
{
    if (!free_flight(r))
        return;
    if (at_ms < r->hold_ms)
        at_ms = r->hold_ms;
    if (!cs_timer_armed(&r->timer) || at_ms < r->timer.at_ms)
        cs_timer_arm_at(r->o.loop, &r->timer, at_ms);
}

static void mark_dirty(struct cs_recorder *r, struct series *s)
{
    if (!s->dirty) {
        s->dirty = true;
        TAILQ_INSERT_TAIL(&r->dirty, s, next);
    }
    if (!s->busy)
        wake_at(r, s->subject->next_ms);
}

static void clear_dirty(struct cs_recorder *r, struct series *s)
{
    s->dirty = false;
    TAILQ_REMOVE(&r->dirty, s, next);
}

static void free_single(struct single *e)
{
    free(e->ns);
    free(e->body);
    free(e);
}

static struct single *take_single(struct cs_recorder *r)
{
    struct single *e = STAILQ_FIRST(&r->queue);

    if (e) {
        STAILQ_REMOVE_HEAD(&r->queue, next);
        r->queued--;
    }
    return e;
}

static void wake_for_rest(struct cs_recorder *r)
{
    struct series *s;

    if (!STAILQ_EMPTY(&r->queue))
        wake_at(r, mono(r));
    TAILQ_FOREACH(s, &r->dirty, next)
    {
        if (!s->busy)
            wake_at(r, s->subject->next_ms);
    }
}

/* What an answer means for a folded event. A failed request is not repeated: the next event carries the count. */
static void fold_answered(struct cs_recorder *r, struct series *s, bool patch, const struct cs_error *err)
{
    s->busy = false;
    if (patch && err->kind == CS_ERR_NOT_FOUND) { /* the API server keeps events for an hour */
        free(cs_take(s->event));
        mark_dirty(r, s);
    } else if (!patch && err->kind != CS_ERR_NONE && !cs_error_in_doubt(err)) {
        free(cs_take(s->event));
    }
}

static void pump(void *ctx);

static void on_reply(void *ctx, const struct cs_reply *reply)
{
    struct flight *f = ctx;
    struct cs_recorder *r = f->r;
    struct flight was = *f;
    const struct cs_error *err = &reply->err;

    *f = (struct flight){.r = r};
    if (err->kind != CS_ERR_NONE) {
        cs_log_debug(r->o.log, "event not written", CS_KVS("error", err->message));
        if (!was.fold)
            cs_metric_add(r->dropped, 1, NULL);
    }
    if (err->kind == CS_ERR_THROTTLED)
        r->hold_ms = mono(r) + (err->retry_after_ms > FOLD_MS ? err->retry_after_ms : FOLD_MS);
    if (was.series)
        fold_answered(r, was.series, was.patch, err);
    pump(r);
}

static bool send_single(struct cs_recorder *r, struct flight *f)
{
    struct single *e = take_single(r);

    if (!e)
        return false;
    struct cs_call call = {.verb = CS_VERB_CREATE, .gvr = &cs_gvr_events, .ns = e->ns, .body = cs_str(e->body)};
    f->id = cs_client_call(r->o.client, &call, on_reply, f);
    free_single(e);
    return true;
}

static bool send_fold(struct cs_recorder *r, struct flight *f)
{
    int64_t now = mono(r);
    struct series *s;

    TAILQ_FOREACH(s, &r->dirty, next)
    {
        if (!s->busy && s->subject->next_ms <= now)
            break;
    }
    if (!s)
        return false;
    bool patch = s->event != NULL;
    if (!patch)
        s->event = event_name(r, s->name);
    cs_autofree char *body = patch ? series_patch(s) : series_body(r, s);
    struct cs_call call = {.verb = patch ? CS_VERB_PATCH_MERGE : CS_VERB_CREATE,
        .gvr = &cs_gvr_events,
        .ns = event_ns(s->ns),
        .name = patch ? s->event : NULL,
        .body = cs_str(body)};
    clear_dirty(r, s);
    s->busy = true;
    s->subject->next_ms = now + FOLD_MS;
    f->fold = true;
    f->patch = patch;
    f->series = s;
    f->id = cs_client_call(r->o.client, &call, on_reply, f);
    return true;
}

/* We lead no longer: whoever does tells what happens from here on. */
static void drop_all(struct cs_recorder *r)
{
    struct single *e;

    for (e = take_single(r); e; e = take_single(r)) {
        free_single(e);
        cs_metric_add(r->dropped, 1, NULL);
    }
    while (!TAILQ_EMPTY(&r->dirty))
        clear_dirty(r, TAILQ_FIRST(&r->dirty));
}

static void pump(void *ctx)
{
    struct cs_recorder *r = ctx;
    struct flight *f = free_flight(r);

    if (!may_write(r))
        drop_all(r);
    while (f && mono(r) >= r->hold_ms && (send_single(r, f) || send_fold(r, f)))
        f = free_flight(r);
    wake_for_rest(r);
}

/* ---- noting ---- */

static void enqueue(struct cs_recorder *r, const struct event *e)
{
    if (r->queued >= MAX_QUEUE) {
        cs_metric_add(r->dropped, 1, NULL);
        return;
    }
    struct single *s = cs_new(struct single);
    s->ns = cs_xstrdup(event_ns(e->about->ns));
    s->body = event_body(r, e);
    STAILQ_INSERT_TAIL(&r->queue, s, next);
    r->queued++;
    wake_at(r, mono(r));
}

void cs_recorder_event(
    struct cs_recorder *r, const struct cs_event_ref *about, bool warning, const char *reason, const char *message)
{
    cs_autofree char *text = cut_message(message);
    int64_t wall = cs_clock_wall_ms(r->o.loop->clock);

    if (!may_write(r)) {
        cs_metric_add(r->dropped, 1, NULL);
        return;
    }
    struct series *s = use_series(r, about, warning, reason);
    if (s->seen++ < SINGLE_EVENTS) {
        cs_autofree char *name = event_name(r, about->name);
        struct event e = {.about = about,
            .name = name,
            .warning = warning,
            .reason = reason,
            .message = text,
            .first_ms = wall,
            .last_ms = wall,
            .count = 1};

        enqueue(r, &e);
        return;
    }
    if (s->count == 0)
        s->first_ms = wall;
    if (s->count < INT32_MAX) /* the type of the field */
        s->count++;
    s->last_ms = wall;
    free(s->message);
    s->message = cs_take(text);
    mark_dirty(r, s);
}

/* ---- life ---- */

struct cs_recorder *cs_recorder_new(const struct cs_recorder_options *o)
{
    static const struct cs_metric_desc dropped = {.name = "cloneset_events_dropped_total",
        .help = "Events that were not written: too many waited, no leadership, or the request failed.",
        .type = CS_METRIC_COUNTER};
    struct cs_recorder *r = cs_new(struct cs_recorder);

    r->o = *o;
    r->dropped = cs_metric_get(o->metrics, &dropped);
    r->timer.fn = pump;
    r->timer.ctx = r;
    TAILQ_INIT(&r->dirty);
    STAILQ_INIT(&r->queue);
    for (size_t i = 0; i < MAX_FLIGHT; i++)
        r->flights[i].r = r;
    return r;
}

void cs_recorder_free(struct cs_recorder *r)
{
    struct single *e;

    if (!r)
        return;
    cs_timer_disarm(r->o.loop, &r->timer);
    for (size_t i = 0; i < MAX_FLIGHT; i++) {
        if (r->flights[i].id)
            cs_client_cancel(r->o.client, r->flights[i].id);
    }
    while (r->series)
        free_series(r, r->series);
    for (e = take_single(r); e; e = take_single(r))
        free_single(e);
    free(r);
}
