/* SPDX-License-Identifier: Apache-2.0 */
/* Watches: they carry the server's log, late, in pieces of any size, twice or cut off, and end. */
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "test/sim/sim.h"

#define BOOKMARK_MS 60000

static struct sim_stream *stream_of(struct sim *s, uint64_t id)
{
    struct sim_stream *w = s->streams;

    while (w && w->id != id)
        w = w->next;
    return w;
}

static void stream_free(struct sim *s, struct sim_stream *w)
{
    for (struct sim_stream **p = &s->streams; *p; p = &(*p)->next)
        if (*p == w) {
            *p = w->next;
            break;
        }
    cs_strbuf_done(&w->out);
    free(w->query);
    free(w);
}

static void end_at_last(struct sim *s, uint64_t id);

static void stream_end(struct sim *s, struct sim_stream *w, enum cs_errkind kind, int status)
{
    struct cs_reply reply = {.status = status, .started_ms = w->sent_ms};
    cs_reply_fn on_end = w->on_end;
    void *ctx = w->ctx;

    if (sim_paused(w->r)) { /* it learns of it when it goes on */
        if (!w->ending)
            sim_later_offline(s, w->r->paused_until_ms - s->now_ms, end_at_last, w->id);
        w->ending = true;
        w->open = false;
        w->end_kind = kind;
        w->end_status = status;
        return;
    }
    sim_say(s, "watch %llu ends: %s", (unsigned long long)w->id, cs_errkind_name(kind));
    if (kind != CS_ERR_NONE)
        (void)cs_error_set(&reply.err, kind, "a simulated end of a watch");
    reply.err.code = status;
    stream_free(s, w);
    on_end(ctx, &reply);
}

static void end_at_last(struct sim *s, uint64_t id)
{
    struct sim_stream *w = stream_of(s, id);

    if (!w)
        return;
    w->ending = false; /* it may stand still once more */
    stream_end(s, w, w->end_kind, w->end_status);
}

static void add_line(struct sim_stream *w, const char *type, const char *object)
{
    cs_strbuf_addf(&w->out, "{\"type\":\"%s\",\"object\":%s}\n", type, object);
}

static void add_bookmark(struct sim *s, struct sim_stream *w, bool end_of_list)
{
    cs_autofree char *object =
        cs_xasprintf("{\"kind\":\"%s\",\"apiVersion\":\"v1\",\"metadata\":{\"resourceVersion\":\"%llu\"%s}}",
            cs_kind_gvr(w->kind)->kind, (unsigned long long)s->rv,
            end_of_list ? ",\"annotations\":{\"k8s.io/initial-events-end\":\"true\"}" : "");

    add_line(w, "BOOKMARK", object);
}

/* The last line comes twice, or without its end. */
static void spoil_line(struct sim *s, struct sim_stream *w, const char *type, const struct sim_event *e)
{
    const char *kind = cs_kind_gvr(w->kind)->resource;
    struct cs_rand before = s->rand;
    cs_autofree char *stream = cs_xasprintf("%u %u line of %s", w->r->number, w->r->life, kind);
    uint64_t key = sim_deal(s, stream);
    uint64_t dice = sim_below(s, 1000);

    if (dice < 10 && sim_fault(s, key, SIM_F_LINE_TWICE, kind)) {
        add_line(w, type, e->text);
    } else if (dice >= 10 && dice < 13 && sim_fault(s, key, SIM_F_LINE_CUT, kind)) {
        w->out.len -= 1 + (size_t)sim_below(s, strlen(e->text));
        cs_strbuf_addc(&w->out, '\n');
    }
    s->rand = before;
}

static void add_events(struct sim *s, struct sim_stream *w)
{
    for (; w->pos < s->n_log; w->pos++) {
        const struct sim_event *e = &s->log[w->pos];
        bool before = w->selects ? e->had : e->was;
        bool after = w->selects ? e->has : e->is;
        const char *type;

        if (e->kind != w->kind || e->rv <= w->since_rv || (!before && !after))
            continue;
        type = !before ? "ADDED" : after ? "MODIFIED" : "DELETED";
        add_line(w, type, e->text);
        if (s->faults_on)
            spoil_line(s, w, type, e);
    }
}

/* A line of a slow list, or all there is, or some of it. */
static size_t next_piece(struct sim *s, struct sim_stream *w)
{
    if (w->slow_lines > 0) {
        w->slow_lines--;
        return (size_t)((const char *)memchr(w->out.data, '\n', w->out.len) - w->out.data) + 1;
    }
    return sim_chance(s, 200) ? 1 + (size_t)sim_below(s, w->out.len) : w->out.len;
}

/* Everything up to here has been told: what the replica knows of the set at least. */
static void note_told(const struct sim *s, const struct sim_stream *w)
{
    if (w->kind == CS_K_SET && w->pos > 0 && s->log[w->pos - 1].rv > w->r->set_known_rv)
        w->r->set_known_rv = s->log[w->pos - 1].rv;
}

static void pump(struct sim *s, uint64_t id)
{
    struct sim_stream *w = stream_of(s, id);
    cs_autofree char *piece = NULL;
    bool cut;
    bool well;
    size_t n;

    if (!w)
        return;
    w->pumping = false;
    if (w->ending)
        return;
    if (sim_paused(w->r)) {
        w->pumping = true;
        sim_later_offline(s, w->r->paused_until_ms - s->now_ms, pump, id);
        return;
    }
    if (s->now_ms < w->frozen_until_ms) {
        w->pumping = true;
        sim_later_offline(s, w->frozen_until_ms - s->now_ms < 1000 ? w->frozen_until_ms - s->now_ms : 1000, pump, id);
        return;
    }
    add_events(s, w);
    if (w->out.len == 0)
        return;
    n = next_piece(s, w);
    piece = cs_xmemdupz(w->out.data, n);
    cs_strbuf_consume(&w->out, n);
    w->heard_ms = s->now_ms;
    if (w->out.len > 0) {
        w->pumping = true;
        sim_later_offline(s, w->slow_lines > 0 ? sim_between(s, 1, 2500) : sim_between(s, 1, 50), pump, id);
    }
    cut = w->cut_after > 0 && --w->cut_after == 0;
    well = w->on_chunk(w->ctx, (struct cs_str){piece, n});
    w = stream_of(s, id);
    if (w && !well)
        stream_end(s, w, CS_ERR_DECODE, 200);
    else if (w && cut)
        stream_end(s, w, sim_chance(s, 500) ? CS_ERR_TRANSPORT : CS_ERR_NONE, 200);
    else if (w && w->out.len == 0)
        note_told(s, w);
}

static void plan_pump(struct sim *s, struct sim_stream *w)
{
    int64_t most = s->sc->faults && s->faults_on ? 800 : 60;

    if (!w->open || w->pumping)
        return;
    w->pumping = true;
    sim_later_offline(s, sim_between(s, 1, most), pump, w->id);
}

void sim_net_committed(struct sim *s)
{
    for (struct sim_stream *w = s->streams; w; w = w->next)
        plan_pump(s, w);
}

void sim_watch_cancel(struct sim *s, uint64_t id)
{
    struct sim_stream *w = stream_of(s, id);

    if (w)
        stream_free(s, w);
}

static void beat(struct sim *s, uint64_t id)
{
    struct sim_stream *w = stream_of(s, id);

    if (!w || w->ending)
        return;
    if (w->silence_ms > 0 && s->now_ms - w->heard_ms >= w->silence_ms) {
        stream_end(s, w, CS_ERR_TIMEOUT, 200);
        return;
    }
    if (s->now_ms >= w->frozen_until_ms && w->pos == s->n_log && s->rv >= w->since_rv) {
        add_bookmark(s, w, false);
        plan_pump(s, w);
    }
    sim_later_offline(s, BOOKMARK_MS, beat, id);
}

static void expire(struct sim *s, uint64_t id)
{
    struct sim_stream *w = stream_of(s, id);

    if (w)
        stream_end(s, w, CS_ERR_NONE, 200);
}

static int64_t query_number(const char *query, const char *key)
{
    cs_autofree char *mark = cs_xasprintf("%s=", key);
    const char *at = strstr(query, mark);

    return at && (at == query || at[-1] == '&') ? strtoll(at + strlen(mark), NULL, 10) : -1;
}

static bool lists(const struct sim_stream *w)
{
    return strstr(w->query, "sendInitialEvents=true") != NULL;
}

/* Line by line, with bookmarks that do not end it (KEP-3157), and with an end half-way at times. */
static void dawdle(struct sim *s, struct sim_stream *w, size_t lines)
{
    bool strikes = sim_chance(s, 300);
    bool cut = sim_chance(s, 400);
    size_t after = 1 + (size_t)sim_below(s, lines);

    if (!s->faults_on || !strikes || !sim_fault(s, w->key, SIM_F_LIST_SLOW, cs_kind_gvr(w->kind)->resource))
        return;
    w->slow_lines = lines + (size_t)sim_below(s, 5); /* and what comes after it */
    w->cut_after = cut ? after : 0;
}

static void begin_list(struct sim *s, struct sim_stream *w)
{
    size_t lines = 1;

    for (const struct sim_obj *o = s->objs; o; o = o->next) {
        cs_autofree char *text = NULL;

        if (o->kind != w->kind || (w->selects && !sim_label(o->t, sim_select_key(w->kind))))
            continue;
        if (s->faults_on && sim_chance(s, 100)) {
            add_bookmark(s, w, false);
            lines++;
        }
        text = sim_print(o->t);
        add_line(w, "ADDED", text);
        lines++;
    }
    add_bookmark(s, w, true);
    w->pos = s->n_log;
    dawdle(s, w, lines);
}

/* The list, then what comes after it; or what came after a version. False: the version is too old. */
static bool begin(struct sim *s, struct sim_stream *w)
{
    int64_t from;

    if (lists(w)) {
        begin_list(s, w);
        return true;
    }
    from = query_number(w->query, "resourceVersion");
    if (from < 0 || (uint64_t)from < s->compacted_rv)
        return false;
    w->since_rv = (uint64_t)from; /* a restored server may stand behind it: it is silent until it has come so far */
    while (w->pos < s->n_log && s->log[w->pos].rv <= w->since_rv)
        w->pos++;
    return true;
}

static bool refused(struct sim *s, struct sim_stream *w)
{
    static const enum cs_errkind kinds[] = {CS_ERR_TRANSPORT, CS_ERR_SERVER, CS_ERR_THROTTLED, CS_ERR_GONE};
    static const int statuses[] = {0, 503, 429, 410};
    const struct sim_trouble *t = &s->trouble;
    bool strikes = sim_chance(s, 150);
    size_t i = (size_t)sim_below(s, CS_ARRAY_LEN(kinds));

    if (s->now_ms < t->down_until_ms) {
        sim_count(s, SIM_F_DOWN);
        stream_end(s, w, CS_ERR_TRANSPORT, 0);
        return true;
    }
    if (s->now_ms < t->denied_until_ms && cs_kind_gvr(w->kind) == t->denied_of && cs_streq(t->denied_verb, "watch")) {
        sim_count(s, SIM_F_DENIED);
        stream_end(s, w, CS_ERR_FORBIDDEN, 403);
        return true;
    }
    if (s->pages_only && lists(w)) { /* as 1.33 does by default */
        stream_end(s, w, CS_ERR_INVALID, 422);
        return true;
    }
    if (!s->faults_on || !strikes || !sim_fault(s, w->key, SIM_F_WATCH_REFUSED, cs_kind_gvr(w->kind)->resource))
        return false;
    stream_end(s, w, kinds[i], statuses[i]);
    return true;
}

static void on_open(struct sim *s, uint64_t id)
{
    struct sim_stream *w = stream_of(s, id);
    int64_t lives;

    if (!w || w->ending)
        return;
    if (refused(s, w))
        return;
    if (!begin(s, w)) {
        if (sim_chance(s, 250)) {
            stream_end(s, w, CS_ERR_GONE, 410);
            return;
        }
        add_line(w, "ERROR",
            "{\"kind\":\"Status\",\"status\":\"Failure\",\"reason\":\"Expired\",\"code\":410,\"message\":\"too old\"}");
        w->pos = s->n_log;
    }
    w->open = true;
    w->heard_ms = s->now_ms;
    plan_pump(s, w);
    sim_later_offline(s, sim_between(s, 1000, BOOKMARK_MS), beat, id);
    lives = query_number(w->query, "timeoutSeconds");
    if (lives > 0)
        sim_later_offline(s, lives * 1000, expire, id);
}

uint64_t sim_watch_open(void *self, const struct cs_call *call, cs_chunk_fn on_chunk, cs_reply_fn on_end, void *ctx)
{
    struct sim_replica *r = self;
    struct sim *s = r->s;
    struct sim_stream *w = cs_new(struct sim_stream);
    cs_autofree char *stream = cs_xasprintf("%u %u watch %s", r->number, r->life, call->gvr->resource);
    struct cs_rand before = s->rand;
    enum cs_kind k = CS_K_COUNT;

    if (!sim_kind_of(call->gvr, &k))
        sim_fail(s, "a watch of %s", call->gvr->resource);
    *w = (struct sim_stream){.next = s->streams,
        .r = r,
        .id = ++s->ids,
        .key = sim_deal(s, stream),
        .kind = k,
        .query = cs_xstrdup(call->query ? call->query : ""),
        .silence_ms = call->silence_ms,
        .sent_ms = s->now_ms,
        .on_chunk = on_chunk,
        .on_end = on_end,
        .ctx = ctx};
    w->selects = strstr(w->query, "labelSelector=") != NULL;
    cs_strbuf_init(&w->out, CS_STRBUF_DEFAULT_MAX);
    s->streams = w;
    s->n_requests++;
    if (lists(w)) {
        sim_listed(r, call->gvr);
        if (s->quiet)
            sim_fail(s, "a list of %s after all was done", call->gvr->resource);
    }
    sim_say(s, "watch %llu: %s %s", (unsigned long long)w->id, call->gvr->resource, w->query);
    sim_later_offline(s, sim_between(s, 1, 30), on_open, w->id);
    s->rand = before;
    return w->id;
}

static struct sim_stream *any_stream(struct sim *s)
{
    uint64_t n = 0;
    struct sim_stream *w = s->streams;

    for (struct sim_stream *x = s->streams; x; x = x->next)
        n++;
    for (uint64_t i = n > 0 ? sim_below(s, n) : 0; w && i > 0; i--)
        w = w->next;
    return w && w->open ? w : NULL;
}

void sim_watch_cut(struct sim *s, bool compact)
{
    struct sim_stream *w = any_stream(s);

    if (compact)
        s->compacted_rv = s->rv;
    if (w)
        stream_end(s, w, sim_chance(s, 700) ? CS_ERR_TRANSPORT : CS_ERR_NONE, 200);
}

void sim_watch_drop(struct sim *s)
{
    struct sim_stream *next;

    for (struct sim_stream *w = s->streams; w; w = next) {
        next = w->next;
        if (!w->ending)
            stream_end(s, w, CS_ERR_TRANSPORT, w->open ? 200 : 0);
    }
}

/* What it has missed is compacted when it ends. */
static void expire_frozen(struct sim *s, uint64_t id)
{
    struct sim_stream *w = stream_of(s, id);

    if (!w || !w->open || !s->faults_on)
        return;
    s->compacted_rv = s->rv;
    stream_end(s, w, CS_ERR_TRANSPORT, 200);
}

void sim_watch_freeze(struct sim *s)
{
    struct sim_stream *w = any_stream(s);

    if (!w)
        return;
    w->frozen_until_ms = s->now_ms + (sim_chance(s, 800) ? sim_between(s, 500, 20000) : sim_between(s, 20000, 200000));
    sim_say(s, "watch %llu is frozen until %lld", (unsigned long long)w->id, (long long)w->frozen_until_ms);
    if (sim_chance(s, 300))
        sim_later_offline(s, w->frozen_until_ms - s->now_ms - 1, expire_frozen, w->id);
}

void sim_watch_thaw(struct sim *s)
{
    for (struct sim_stream *w = s->streams; w; w = w->next)
        if (w->frozen_until_ms > s->now_ms)
            w->frozen_until_ms = s->now_ms + 1;
}

void sim_watch_done(struct sim *s)
{
    while (s->streams)
        stream_free(s, s->streams);
}
