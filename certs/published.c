/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small state machine around publish.h: reflector in, one call at a time out.
 */
#include "certs/published.h"

#include "certs/pace.h"
#include "common/api/meta.h"
#include "common/base/alloc.h"
#include "common/kube/reflector.h"

#define UNREADY_AFTER_MS 15000 /* trouble of an object that was right before (see cs_rotator_ready) */
#define OWN_WRITE_SEEN_MS 5000 /* the watch should have shown our write by then */
#define SEEN_MAX ((size_t)4 << 20)
#define SETTLED_AFTER_MS 10000 /* a replica that was ready for so long can be reached (see cs_publish_want.settled) */

enum phase { IDLE, READING /* the Secret */, READ, PATCHING };
/* LAX: right, but for a failurePolicy that may become strict now. */
enum shown { SHOWN_UNKNOWN, SHOWN_MISSING, SHOWN_DIFFERS, SHOWN_LAX, SHOWN_EQUAL, SHOWN_OPTED_OUT, SHOWN_UNUSED };

struct cs_published {
    struct cs_published_options o;
    char *name;
    struct cs_reflector *reflector;

    /* The object as last seen. */
    char *seen; /* trimmed; NULL: there is none */
    uint64_t rv;
    bool synced;
    bool listed; /* in the list that is being received */

    /* The comparison with `bundle`. */
    char *bundle;
    bool dirty;
    enum shown shown;
    int64_t ok_since_ms; /* -1: not ok */
    int64_t bad_since_ms; /* -1: good */
    bool was_good; /* at any time */
    bool was_equal; /* to this bundle: a difference now is somebody else's doing */
    bool settled; /* see cs_publish_want; for good */

    /* The write under way. */
    enum phase phase;
    bool repairing; /* the write sets right what was right before */
    uint64_t call;
    uint64_t base_rv; /* version that the write replaces */
    uint64_t written_rv; /* our last write; until the watch shows it, `seen` is known to be old */
    int64_t written_ms;
    struct cs_pace pace;
    int64_t retry_at_ms; /* the server's wish */
    struct cs_error err; /* of the last attempt */
    char trouble[384]; /* text of cs_published_trouble */
};

static int64_t now_ms(const struct cs_published *p)
{
    return cs_loop_now_ms(p->o.rotator->loop);
}

static int64_t max64(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static void count_repair(const struct cs_published *p)
{
    static const struct cs_metric_desc desc = {
        .name = "cloneset_webhook_configuration_repairs_total",
        .help = "How often a foreign change of a webhook configuration or of the CRD's conversion was set right.",
        .type = CS_METRIC_COUNTER,
        .labels = {"kind", "name"},
    };

    cs_metric_add(cs_metric_get(p->o.rotator->metrics, &desc), 1, CS_LABELS(p->o.gvr->kind, p->name));
}

/* ---- what the watch tells ---- */

static void on_object(void *ctx, enum cs_event_type type, struct cs_json obj, uint64_t rv)
{
    struct cs_published *p = ctx;
    cs_autostrbuf text = {.max = SEEN_MAX};

    if (!cs_json_str_is(cs_json_at(obj, "metadata", "name", NULL), p->name))
        return;
    free(p->seen);
    p->seen = NULL;
    p->rv = rv;
    p->dirty = true;
    p->listed = type != CS_EVENT_DELETED; /* which may come while a list is being received */
    if (type != CS_EVENT_DELETED) {
        cs_publish_trim(obj, &text);
        p->seen = cs_strbuf_take(&text, NULL);
    }
    p->o.on_change(p->o.ctx);
}

static void on_list_begin(void *ctx)
{
    struct cs_published *p = ctx;

    p->listed = false;
    p->written_rv = 0; /* a restored server's versions may be lower */
}

static void on_list_end(void *ctx, uint64_t rv, int64_t sent_ms)
{
    struct cs_published *p = ctx;

    (void)rv;
    (void)sent_ms;
    if (!p->listed) {
        free(p->seen);
        p->seen = NULL;
    }
    p->synced = true;
    p->dirty = true;
    p->o.on_change(p->o.ctx);
}

static const struct cs_reflector_handler handler = {
    .on_object = on_object, .on_list_begin = on_list_begin, .on_list_end = on_list_end};

/* ---- life ---- */

struct cs_published *cs_published_new(const struct cs_published_options *o)
{
    struct cs_published *p = cs_new(struct cs_published);
    cs_autofree char *selector = cs_xasprintf("metadata.name=%s", o->name);

    p->o = *o;
    p->name = cs_xstrdup(o->name);
    p->o.name = p->name;
    p->ok_since_ms = -1;
    p->reflector = cs_reflector_new(&(struct cs_reflector_options){
        .client = o->rotator->client,
        .loop = o->rotator->loop,
        .log = o->rotator->log,
        .metrics = o->rotator->metrics,
        .rand = o->rotator->rand,
        .gvr = o->gvr,
        .field_selector = selector,
        .handler = &handler,
        .ctx = p,
    });
    return p;
}

void cs_published_free(struct cs_published *p)
{
    if (!p)
        return;
    cs_reflector_free(p->reflector);
    if (p->call)
        cs_client_cancel(p->o.rotator->client, p->call);
    free(p->seen);
    free(p->bundle);
    free(p->name);
    free(p);
}

void cs_published_start(struct cs_published *p)
{
    p->bad_since_ms = now_ms(p);
    cs_reflector_start(p->reflector);
}

/* ---- comparing ---- */

static struct cs_publish_want want_of(const struct cs_published *p)
{
    const struct cs_rotator_options *r = p->o.rotator;

    return (struct cs_publish_want){
        .ns = r->ns,
        .service = r->service,
        .port = r->service_port,
        .url = r->url,
        .bundle_pem = p->bundle,
        .crd_path = p->o.crd_path,
        .entries = r->entries,
        .n_entries = r->n_entries,
        .mutating = p->o.mutating,
        .config = p->name,
        .settled = p->settled,
    };
}

static enum shown compare(const struct cs_published *p, struct cs_strbuf *patch)
{
    struct cs_publish_want want = want_of(p);
    cs_autojdoc doc = {0};
    cs_autostrbuf ignored = CS_STRBUF_INIT;

    if (!p->seen)
        return SHOWN_MISSING;
    if (!p->bundle || !cs_jdoc_parse(&doc, p->seen, strlen(p->seen), NULL, NULL))
        return SHOWN_UNKNOWN;
    switch (cs_publish_compare(cs_jdoc_root(&doc), &want, patch)) {
    case CS_PUBLISH_EQUAL:
        return SHOWN_EQUAL;
    case CS_PUBLISH_OPTED_OUT:
        return SHOWN_OPTED_OUT;
    case CS_PUBLISH_UNUSED:
        return SHOWN_UNUSED;
    case CS_PUBLISH_DIFFERS:
        break;
    }
    want.settled = false;
    return p->settled && cs_publish_compare(cs_jdoc_root(&doc), &want, &ignored) == CS_PUBLISH_EQUAL ? SHOWN_LAX
                                                                                                     : SHOWN_DIFFERS;
}

static bool needs_write(enum shown shown)
{
    return shown == SHOWN_DIFFERS || shown == SHOWN_LAX;
}

static bool is_good(const struct cs_published *p)
{
    return p->shown == SHOWN_EQUAL || p->shown == SHOWN_LAX || p->shown == SHOWN_OPTED_OUT || p->shown == SHOWN_UNUSED;
}

static void look(struct cs_published *p, const char *bundle_pem)
{
    if (!cs_streq(p->bundle, bundle_pem)) {
        free(p->bundle);
        p->bundle = bundle_pem ? cs_xstrdup(bundle_pem) : NULL;
        p->dirty = true;
        p->was_equal = false;
        p->ok_since_ms = -1; /* also for an object opted out: whoever keeps it needs time to follow */
    }
    if (!p->dirty || !p->synced)
        return;
    p->dirty = false;
    {
        cs_autostrbuf patch = CS_STRBUF_INIT;

        p->shown = compare(p, &patch);
    }
    if (p->shown == SHOWN_EQUAL)
        p->was_equal = true;
    if (is_good(p)) {
        p->bad_since_ms = -1;
        p->was_good = true;
    } else if (p->bad_since_ms < 0) {
        p->bad_since_ms = now_ms(p);
    }
    if (!p->bundle || (!is_good(p) && p->shown != SHOWN_MISSING))
        p->ok_since_ms = -1;
    else if (p->ok_since_ms < 0)
        p->ok_since_ms = now_ms(p);
}

/* ---- writing ---- */

static void attempt_failed(struct cs_published *p, const struct cs_error *err, const char *what)
{
    const struct cs_log *log = p->o.rotator->log;

    p->phase = IDLE;
    p->retry_at_ms = now_ms(p) + max64(err->retry_after_ms, CS_PACE_MIN_MS);
    if (err->kind != CS_ERR_CONFLICT)
        cs_pace_use(&p->pace, now_ms(p));
    p->err = *err;
    cs_error_prefix(&p->err, "%s", what);
    /* Another replica was faster: no news. */
    if (err->kind == CS_ERR_CONFLICT)
        cs_log_debug(log, "somebody else wrote first", CS_KVS("kind", p->o.gvr->kind), CS_KVS("name", p->name));
    else
        cs_log_warn(log, "publishing the CA bundle failed", CS_KVS("kind", p->o.gvr->kind), CS_KVS("name", p->name),
            CS_KVS("err", p->err.message));
    p->o.on_change(p->o.ctx);
}

static void on_secret_read(void *ctx, const struct cs_reply *reply)
{
    struct cs_published *p = ctx;

    p->call = 0;
    if (reply->err.kind != CS_ERR_NONE) {
        attempt_failed(p, &reply->err, "reading the Secret");
        return;
    }
    p->phase = READ;
    p->o.on_secret(p->o.ctx, reply);
    p->o.on_change(p->o.ctx);
}

static void start_read(struct cs_published *p)
{
    const struct cs_rotator_options *r = p->o.rotator;

    p->phase = READING;
    p->base_rv = p->rv;
    p->call = cs_client_call(r->client,
        &(struct cs_call){.verb = CS_VERB_GET, .gvr = &cs_gvr_secrets, .ns = r->ns, .name = r->secret}, on_secret_read,
        p);
}

static void on_patched(void *ctx, const struct cs_reply *reply)
{
    struct cs_published *p = ctx;
    cs_autojdoc doc = {0};
    uint64_t rv = 0;

    p->call = 0;
    if (reply->err.kind != CS_ERR_NONE) {
        attempt_failed(p, &reply->err, "writing");
        return;
    }
    p->phase = IDLE;
    cs_error_clear(&p->err);
    cs_pace_use(&p->pace, now_ms(p));
    if (cs_jdoc_parse(&doc, reply->body.p, reply->body.len, NULL, NULL) && cs_json_rv(cs_jdoc_root(&doc), &rv)) {
        p->written_rv = rv;
        p->written_ms = now_ms(p);
    }
    if (p->repairing)
        count_repair(p);
    cs_log_info(p->o.rotator->log, p->repairing ? "repaired a foreign change" : "published the CA bundle",
        CS_KVS("kind", p->o.gvr->kind), CS_KVS("name", p->name));
    p->o.on_change(p->o.ctx);
}

static void start_patch(struct cs_published *p)
{
    const struct cs_rotator_options *r = p->o.rotator;
    cs_autostrbuf patch = CS_STRBUF_INIT;

    p->phase = IDLE;
    if (!needs_write(compare(p, &patch)) || patch.failed)
        return;
    p->phase = PATCHING;
    p->repairing = p->was_equal; /* the watch may show our write before its answer comes */
    p->call = cs_client_call(r->client,
        &(struct cs_call){.verb = CS_VERB_PATCH_MERGE,
            .gvr = p->o.gvr,
            .name = p->name,
            .query = "fieldManager=cloneset-webhook",
            .body = {patch.data, patch.len}},
        on_patched, p);
}

/* The object differs: the next thing to do for it. */
static int64_t repair(struct cs_published *p)
{
    int64_t at = max64(cs_pace_at_ms(&p->pace), p->retry_at_ms);

    if (p->phase == READING || p->phase == PATCHING)
        return INT64_MAX;
    if (p->phase == READ && p->rv == p->base_rv) {
        start_patch(p);
        return INT64_MAX;
    }
    p->phase = IDLE;
    if (p->rv < p->written_rv)
        at = max64(at, p->written_ms + OWN_WRITE_SEEN_MS);
    if (now_ms(p) < at)
        return at;
    start_read(p);
    return INT64_MAX;
}

/* When the entries may become strict; INT64_MAX: they are, or that is not known yet. */
static int64_t settle(struct cs_published *p, int64_t ready_since_ms)
{
    int64_t since = max64(p->ok_since_ms, ready_since_ms);

    if (p->settled || p->shown != SHOWN_EQUAL || p->ok_since_ms < 0 || ready_since_ms < 0)
        return INT64_MAX;
    if (now_ms(p) < since + SETTLED_AFTER_MS)
        return since + SETTLED_AFTER_MS;
    p->settled = true;
    p->was_equal = false; /* the difference to come is our own doing */
    p->dirty = true;
    return INT64_MAX;
}

int64_t cs_published_step(struct cs_published *p, const char *bundle_pem, int64_t ready_since_ms)
{
    int64_t next = INT64_MAX;
    int64_t settled_at;

    look(p, bundle_pem);
    settled_at = settle(p, ready_since_ms);
    look(p, bundle_pem);
    if (p->synced && p->bundle && needs_write(p->shown))
        next = repair(p);
    else if (p->phase == READ)
        p->phase = IDLE;
    if (p->bad_since_ms >= 0 && p->was_good && now_ms(p) < p->bad_since_ms + UNREADY_AFTER_MS &&
        next > p->bad_since_ms + UNREADY_AFTER_MS)
        next = p->bad_since_ms + UNREADY_AFTER_MS;
    return next < settled_at ? next : settled_at;
}

/* ---- questions ---- */

int64_t cs_published_confirmed_ms(const struct cs_published *p)
{
    return p->ok_since_ms < 0 ? -1 : now_ms(p) - p->ok_since_ms;
}

enum cs_publish_opinion cs_published_judge(const struct cs_published *p, const char *cert_pem)
{
    struct cs_publish_want want = want_of(p);
    cs_autojdoc doc = {0};

    if (!p->synced)
        return CS_PUBLISH_REFUSES; /* not known: expect the worst */
    if (!p->seen || !cs_jdoc_parse(&doc, p->seen, strlen(p->seen), NULL, NULL))
        return CS_PUBLISH_SILENT;
    return cs_publish_judge(cs_jdoc_root(&doc), &want, cert_pem, cs_clock_wall_ms(p->o.rotator->loop->clock));
}

const char *cs_published_trouble(struct cs_published *p)
{
    const char *kind = p->o.gvr->kind;
    const char *watch = cs_reflector_trouble(p->reflector, NULL);

    if (p->synced && is_good(p))
        return NULL;
    if (p->was_good && now_ms(p) < p->bad_since_ms + UNREADY_AFTER_MS)
        return NULL;
    if (!p->synced)
        snprintf(p->trouble, sizeof(p->trouble), "%s %s is being read%s%s", kind, p->name, watch ? ": " : "",
            watch ? watch : "");
    else if (p->shown == SHOWN_MISSING)
        snprintf(p->trouble, sizeof(p->trouble), "%s %s not found; re-apply the manifests", kind, p->name);
    else if (p->shown == SHOWN_UNKNOWN)
        snprintf(p->trouble, sizeof(p->trouble), "%s %s waits for a certificate to be served", kind, p->name);
    else
        snprintf(p->trouble, sizeof(p->trouble), "%s %s does not show this product's entries and CA bundle yet%s%.200s",
            kind, p->name, p->err.message[0] ? ": " : "", p->err.message);
    return p->trouble;
}
