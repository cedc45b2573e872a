/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The product's parts by themselves, as fast as this machine does them: no network, no kernel.
 *
 *     pieces decode FLEET PODS          the first list, then a change of each Pod, from the bytes of a watch into the store
 *     pieces sets FLEET SETS            so many sets, each with its revision, in the store
 *     pieces plan FLEET PODS TIMES      one pass over a set in the middle of a rollout
 *     pieces admit PATH REVIEW TIMES    from the body of a request to the body of its answer
 *     pieces patch FLEET REVIEW TIMES   the patch of the defaults; the patch of an update in place
 *
 * FLEET and REVIEW are files that fleet.py and reviews.py make. Prints one line of JSON. Of several times the fastest counts:
 * what else the machine does only adds to it.
 */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/base/alloc.h"
#include "common/cloneset/defaults.h"
#include "common/json/json_frame.h"
#include "common/kube/watch_event.h"
#include "controller/cloneset/bodies.h"
#include "controller/cloneset/store.h"
#include "test/bench/tool.h"
#include "webhook/router.h"

#define MAX_FILE ((size_t)8 << 20)
#define CHUNK 16384 /* what libcurl hands over at once */
#define NOW_MS INT64_C(1735693200000) /* an hour after the Pods began */
#define OLD "shop-5b8f7c6d9f"
#define NEW "shop-7d9c5b6f8b"
#define SET_UID "6f1c1c6e-6a55-4a3d-9a50-0f0f6f4a1f00"
#define BATCH_NS 5000000 /* a batch is timed as one, and takes some milliseconds */

/* Of CPU time: others on the machine take nothing from it. */
static int64_t now_ns(void)
{
    return clock_ns(CLOCK_THREAD_CPUTIME_ID);
}

/* ---- the fleet ---- */

struct fleet {
    char *text; /* the file, its lines ended by NULs */
    const char *set, *old, *new, *pod;
};

static void fleet_read(struct fleet *f, const char *path)
{
    char *line;

    f->text = read_file(path, MAX_FILE, NULL);
    line = f->text;
    for (unsigned i = 0; i < 4; i++) {
        const char **at[] = {&f->set, &f->old, &f->new, &f->pod};
        char *end = strchr(line, '\n');

        if (!end)
            fail(path, "has fewer lines than four");
        *end = '\0';
        *at[i] = line;
        line = end + 1;
    }
}

/* The i-th Pod; every other one is of the new revision. */
static void add_pod(const struct fleet *f, uint32_t i, uint64_t version, struct cs_strbuf *out)
{
    static const char alphabet[] = "bcdfghjklmnpqrstvwxz2456789";
    const char *p = f->pod;
    uint32_t x =
        i * 2654435761u % 14348907; /* scattered over all ids: 27 to the fifth; the factor has no divisor of 3 */

    for (const char *at; (at = strchr(p, '@')) != NULL; p = at + 3) {
        if (at[1] == '\0' || at[2] != '@') { /* of an image's digest */
            cs_strbuf_add(out, p, (size_t)(at + 1 - p));
            at -= 2;
            continue;
        }
        cs_strbuf_add(out, p, (size_t)(at - p));
        if (at[1] == 'I')
            for (uint32_t k = 0, rest = x; k < CS_ID_LEN; k++, rest /= 27)
                cs_strbuf_addc(out, alphabet[rest % 27]);
        else if (at[1] == 'N')
            cs_strbuf_addf(out, "%06u", i);
        else if (at[1] == 'V')
            cs_strbuf_addu(out, version);
        else
            cs_strbuf_adds(out, i % 2 ? NEW : OLD);
    }
    cs_strbuf_adds(out, p);
}

static void apply(struct cs_store *s, enum cs_kind k, const char *text)
{
    struct cs_error err = CS_ERROR_INIT;
    cs_autojdoc doc = {0};

    if (!cs_jdoc_parse(&doc, text, strlen(text), NULL, &err) || !cs_store_apply(s, k, cs_jdoc_root(&doc), false, &err))
        fail("the fleet does not decode", err.message);
}

static void ignore(void *ctx, struct cs_set_entry *s)
{
    (void)ctx, (void)s;
}

static bool agree(void *ctx, struct cs_set_entry *s)
{
    (void)ctx, (void)s;
    return true;
}

/* The set with so many replicas. */
static void apply_set(struct cs_store *s, const struct fleet *f, uint32_t n)
{
    static const char replicas[] = "\"replicas\":";
    const char *at = strstr(f->set, "\"spec\":{\"replicas\":"); /* in managedFields there is an "f:" before it */
    cs_autofree char *text = NULL;

    if (!at)
        fail("the set", "has no replicas");
    at = strstr(at, replicas) + strlen(replicas);
    text = cs_xasprintf("%.*s%u%s", (int)(at - f->set), f->set, n, at + strspn(at, "0123456789"));
    apply(s, CS_K_SET, text);
}

static void store_begin(struct cs_store *s, const struct fleet *f, uint32_t n)
{
    static const struct cs_store_hooks hooks = {.on_change = &ignore, .on_set_gone = &agree};

    cs_store_init(s, &hooks);
    apply_set(s, f, n);
    apply(s, CS_K_REVISION, f->old);
    apply(s, CS_K_REVISION, f->new);
}

/* ---- decode ---- */

struct taker {
    struct cs_store *store;
    struct cs_jdoc doc;
    bool listed;
};

static bool take_line(void *ctx, struct cs_str line, struct cs_error *err)
{
    struct taker *t = ctx;
    struct cs_watch_event e;

    return cs_watch_event_decode(&t->doc, line, &e, err) &&
           cs_store_apply(t->store, CS_K_POD, e.object, t->listed, err);
}

/* Seconds for all bytes of a watch, as they would come from the network. */
static double take_stream(struct cs_store *s, const struct cs_strbuf *stream, bool listed)
{
    struct taker t = {.store = s, .listed = listed};
    struct cs_error err = CS_ERROR_INIT;
    struct cs_jframe frame;
    int64_t begin_ns = now_ns();

    cs_jframe_init(&frame, CS_WATCH_MAX_LINE);
    for (size_t at = 0; at < stream->len; at += CHUNK) {
        size_t n = stream->len - at < CHUNK ? stream->len - at : CHUNK;

        if (!cs_jframe_feed(&frame, stream->data + at, n, &take_line, &t, &err))
            fail("the stream", err.message);
    }
    cs_jframe_done(&frame);
    cs_jdoc_done(&t.doc);
    return (double)(now_ns() - begin_ns) / 1e9;
}

static void make_stream(const struct fleet *f, const char *type, uint32_t n, uint64_t version, struct cs_strbuf *out)
{
    cs_strbuf_init(out, (size_t)1 << 30);
    for (uint32_t i = 0; i < n; i++) {
        cs_strbuf_addf(out, "{\"type\":\"%s\",\"object\":", type);
        add_pod(f, i, version + i, out);
        cs_strbuf_adds(out, "}\n");
    }
    if (out->failed)
        fail("the stream", "too large");
}

static size_t heap_bytes(void)
{
    struct mallinfo2 m = mallinfo2();

    return m.uordblks + m.hblkhd;
}

static void run_decode(const struct fleet *f, uint32_t n)
{
    cs_autostrbuf list = CS_STRBUF_INIT, changes = CS_STRBUF_INIT;
    struct cs_store store;
    double list_s, changes_s;
    size_t before;

    make_stream(f, "ADDED", n, 1000, &list);
    make_stream(f, "MODIFIED", n, 1000000, &changes);
    store_begin(&store, f, n);
    before = heap_bytes();
    list_s = take_stream(&store, &list, true);
    (void)printf("{\"pods\": %u, \"bytes_each\": %zu, \"list_mb_per_s\": %.1f, \"kept_bytes_per_pod\": %.0f, ", n,
        list.len / n, (double)list.len / 1e6 / list_s, (double)(heap_bytes() - before) / n);
    changes_s = take_stream(&store, &changes, false);
    (void)printf("\"events_per_s\": %.0f}\n", n / changes_s);
    cs_store_done(&store);
}

/* ---- sets ---- */

/* The i-th set, or its revision: as the fleet's, with names, labels and uids of its own. */
static void apply_numbered(struct cs_store *s, enum cs_kind k, const char *text, uint32_t i)
{
    static const char name[] = "shop";
    const size_t shared_len = strlen(SET_UID) - 6;
    cs_autostrbuf out = CS_STRBUF_INIT;

    for (const char *at = text; *at;) {
        if (strncmp(at, SET_UID, strlen(SET_UID)) == 0) {
            cs_strbuf_addf(&out, "%.*s%06u", (int)shared_len, SET_UID, i);
            at += strlen(SET_UID);
        } else if (strncmp(at, name, strlen(name)) == 0 && at[strlen(name)] != '/') { /* not of an image */
            cs_strbuf_addf(&out, "%s%06u", name, i);
            at += strlen(name);
        } else {
            cs_strbuf_addc(&out, *at++);
        }
    }
    apply(s, k, cs_strbuf_str(&out));
}

static void run_sets(const struct fleet *f, uint32_t n)
{
    struct cs_store store;
    size_t before;

    store_begin(&store, f, 1);
    before = heap_bytes();
    for (uint32_t i = 0; i < n; i++) {
        apply_numbered(&store, CS_K_SET, f->set, i);
        apply_numbered(&store, CS_K_REVISION, f->new, i);
    }
    (void)printf("{\"sets\": %u, \"bytes_each\": %zu, \"kept_bytes_per_set\": %.0f}\n", n, strlen(f->set),
        (double)(heap_bytes() - before) / n);
    cs_store_done(&store);
}

/* ---- plan ---- */

struct bed {
    struct cs_store store;
    const struct cs_set_entry *se;
    struct cs_view_pod *pods; /* as observed, in the store's order */
    struct cs_view_revision revisions[2];
    struct cs_gates gates;
};

static void bed_init(struct bed *b, const struct fleet *f, uint32_t n)
{
    store_begin(&b->store, f, n);
    b->gates = (struct cs_gates){0};
    for (uint32_t i = 0; i < n; i++) {
        cs_autostrbuf text = CS_STRBUF_INIT;

        add_pod(f, i, 1000 + i, &text);
        apply(&b->store, CS_K_POD, cs_strbuf_str(&text));
    }
    b->se = cs_store_set(&b->store, SET_UID);
    b->pods = cs_new_array(struct cs_view_pod, n);
    for (uint32_t i = 0; i < n; i++) {
        const struct cs_pod *p = b->se->entries[CS_K_POD].items[i]->obj;

        b->pods[i] = (struct cs_view_pod){.pod = p, .name = p->meta.name, .id = p->id, .revision = p->revision};
    }
    for (unsigned i = 0; i < 2; i++) {
        struct cs_entry *e = cs_store_find(&b->store, CS_K_REVISION, "store", i ? NEW : OLD);

        b->revisions[i] = (struct cs_view_revision){.rev = e->obj, .norm = cs_revision_of(e)->norm};
    }
}

static void bed_done(struct bed *b)
{
    free(b->pods);
    cs_store_done(&b->store);
}

/* Nanoseconds of one pass over a copy of what was observed; the number of its actions. */
static int64_t plan_once(const struct bed *b, uint32_t n, uint32_t *ret_actions)
{
    struct cs_view_revision revisions[2] = {b->revisions[0], b->revisions[1]};
    struct cs_view_pod *pods = cs_new_array(struct cs_view_pod, n);
    struct cs_observation o = {.set = b->se->set, .pods = pods, .n_pods = n};
    struct cs_plan plan;
    int64_t taken_ns;

    memcpy(pods, b->pods, n * sizeof(*pods));
    o.revisions = revisions;
    o.n_revisions = 2;
    o.norm = b->se->norm;
    o.set_fresh = true;
    o.gates = &b->gates;
    o.now_ms = NOW_MS;
    taken_ns = now_ns();
    cs_plan_make(&o, &plan);
    taken_ns = now_ns() - taken_ns;
    *ret_actions = plan.n;
    cs_plan_done(&plan);
    free(pods);
    return taken_ns;
}

static void run_plan(const struct fleet *f, uint32_t n, unsigned times)
{
    struct bed b;
    int64_t best_ns = INT64_MAX;
    uint32_t actions = 0;

    bed_init(&b, f, n);
    for (unsigned i = 0; i < times; i++) {
        int64_t taken_ns = plan_once(&b, n, &actions);

        best_ns = taken_ns < best_ns ? taken_ns : best_ns;
    }
    (void)printf("{\"pods\": %u, \"actions\": %u, \"ns_per_pod\": %.1f}\n", n, actions, (double)best_ns / n);
    bed_done(&b);
}

/* ---- the webhook, and patches ---- */

/* Microseconds of one call, in the fastest of so many batches. */
static double fastest_us(void (*fn)(void *ctx), void *ctx, unsigned batches)
{
    int64_t begin_ns = now_ns(), best_ns = INT64_MAX;
    unsigned each;

    fn(ctx);
    each = (unsigned)(BATCH_NS / (now_ns() - begin_ns + 1)) + 1;
    for (unsigned i = 0; i < batches; i++) {
        begin_ns = now_ns();
        for (unsigned k = 0; k < each; k++)
            fn(ctx);
        best_ns = now_ns() - begin_ns < best_ns ? now_ns() - begin_ns : best_ns;
    }
    return (double)best_ns / each / 1000;
}

struct question {
    struct cs_router *router;
    struct cs_http_req req;
    struct cs_strbuf answer;
};

static void ask(void *ctx)
{
    struct question *q = ctx;
    struct cs_http_resp resp = {.status = 200, .body = &q->answer};

    cs_strbuf_clear(&q->answer);
    cs_router_handle(q->router, &q->req, &resp);
}

static void run_admit(const char *path, const char *review, unsigned times)
{
    cs_autofree char *body = read_file(review, MAX_FILE, NULL);
    struct question q = {.router = cs_router_new(1, NULL, NULL)};
    double us = 0;

    q.req =
        (struct cs_http_req){.method = "POST", .path = path, .content_type = "application/json", .body = cs_str(body)};
    cs_strbuf_init(&q.answer, MAX_FILE);
    if (times == 1)
        ask(&q);
    else
        us = fastest_us(&ask, &q, times);
    if (!strstr(cs_strbuf_str(&q.answer), "\"allowed\":true"))
        fail("refused", cs_strbuf_str(&q.answer));
    (void)printf("{\"bytes\": %zu, \"us\": %.2f}\n", strlen(body), us);
    cs_strbuf_done(&q.answer);
    cs_router_free(q.router);
}

struct patching {
    struct cs_json object;
    struct cs_inplace_body body;
    struct cs_strbuf out;
};

static void patch_defaults(void *ctx)
{
    struct patching *p = ctx;

    cs_strbuf_clear(&p->out);
    (void)cs_cloneset_default_patch(p->object, &p->out);
}

static void patch_in_place(void *ctx)
{
    struct patching *p = ctx;
    struct cs_error err = CS_ERROR_INIT;

    cs_strbuf_clear(&p->out);
    if (!cs_body_inplace_apply(&p->body, &p->out, &err))
        fail("in place", err.message);
}

static void run_patch(const struct fleet *f, const char *review, unsigned times)
{
    cs_autofree char *text = read_file(review, MAX_FILE, NULL);
    struct cs_error err = CS_ERROR_INIT;
    cs_autojdoc doc = {0};
    struct patching p = {.out = CS_STRBUF_INIT};
    struct bed b;
    double defaults_us, in_place_us;

    bed_init(&b, f, 1);
    if (!cs_jdoc_parse(&doc, text, strlen(text), NULL, &err))
        fail(review, err.message);
    p.object = cs_json_at(cs_jdoc_root(&doc), "request", "object", NULL);
    p.body = (struct cs_inplace_body){
        .pod = b.pods[0].pod, .from = b.revisions[0].rev, .to = b.revisions[1].rev, .now_ms = NOW_MS};
    defaults_us = fastest_us(&patch_defaults, &p, times);
    in_place_us = fastest_us(&patch_in_place, &p, times);
    (void)printf("{\"defaults_us\": %.2f, \"in_place_us\": %.2f}\n", defaults_us, in_place_us);
    cs_strbuf_done(&p.out);
    bed_done(&b);
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";
    struct fleet f = {.text = NULL};

    if (strcmp(what, "admit") == 0 && argc == 5) {
        run_admit(argv[2], argv[3], (unsigned)strtoul(argv[4], NULL, 10));
        return 0;
    }
    if (argc < 4) {
        (void)fprintf(stderr, "usage: pieces decode|sets|plan|admit|patch …\n");
        return 2;
    }
    fleet_read(&f, argv[2]);
    if (strcmp(what, "decode") == 0)
        run_decode(&f, (uint32_t)strtoul(argv[3], NULL, 10));
    else if (strcmp(what, "sets") == 0)
        run_sets(&f, (uint32_t)strtoul(argv[3], NULL, 10));
    else if (strcmp(what, "plan") == 0 && argc == 5)
        run_plan(&f, (uint32_t)strtoul(argv[3], NULL, 10), (unsigned)strtoul(argv[4], NULL, 10));
    else if (strcmp(what, "patch") == 0 && argc == 5)
        run_patch(&f, argv[3], (unsigned)strtoul(argv[4], NULL, 10));
    free(f.text);
    return 0;
}
