/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ties the parts together on the event loop. Callbacks only record what they learned and make a step due; the step
 * looks at everything in a fixed order: serve, publish, decide and write, tell. Nothing here remembers a phase.
 */
#include "certs/rotator.h"

#include "certs/ca.h"
#include "certs/decide.h"
#include "certs/pace.h"
#include "certs/published.h"
#include "certs/secret.h"
#include "certs/status.h"
#include "common/base/alloc.h"
#include "common/kube/reflector.h"

#define IDLE_STEP_MS 60000 /* a step at least so often: the wall clock may be set */
#define OFFER_AGAIN_MS 5000 /* after the server refused a pair */

struct cs_rotator {
    struct cs_rotator_options o;
    struct cs_cert_policy policy;
    struct cs_cert_names names;
    int64_t ready_since_ms; /* -1: not ready */
    struct cs_error names_err; /* --webhook-url is unusable */
    struct cs_timer timer;
    struct cs_cert_status status;
    struct cs_published **published;
    unsigned n_published;

    /* The Secret as last seen; kept when it is deleted. */
    struct cs_reflector *reflector;
    struct cs_cert_secret secret;
    bool have_secret; /* `secret` holds a version */
    bool exists;
    bool synced;
    bool listed;
    int64_t secret_at_ms; /* monotonic: when we learned of this version */
    unsigned jitter_pct; /* drawn anew for each version */
    struct cs_decision decision;

    /* The pair in the server. */
    struct cs_pem_pair served;
    struct cs_leaf_facts served_facts; /* against secret.bundle */
    bool served_stale; /* served_facts are to be made anew */
    int64_t offer_at_ms;

    /* The request for the Secret under way. */
    uint64_t call;
    struct cs_decision writing; /* what it carries out */
    bool need_read; /* a write failed: see what is there before the next one */
    int64_t retry_at_ms;
    struct cs_pace pace;
    struct cs_error err; /* of the last request */
};

static int64_t mono(const struct cs_rotator *r)
{
    return cs_loop_now_ms(r->o.loop);
}

static int64_t wall(const struct cs_rotator *r)
{
    return cs_clock_wall_ms(r->o.loop->clock);
}

static int64_t min64(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static void step_soon(void *ctx)
{
    struct cs_rotator *r = ctx;

    cs_timer_arm_in(r->o.loop, &r->timer, 0);
}

/* ---- learning of the Secret ---- */

/*
 * Takes a version that is newer, or that was asked for later than the present one arrived (asked_ms, monotonic; -1 when
 * unknown): after the server's data was restored from a backup, what is true may have a lower version.
 */
static void learn(struct cs_rotator *r, struct cs_json obj, int64_t asked_ms)
{
    struct cs_cert_secret s = {0};

    if (!cs_cert_secret_read(obj, &r->names, &s))
        return;
    if (r->have_secret && s.rv <= r->secret.rv && asked_ms <= r->secret_at_ms) {
        cs_cert_secret_done(&s);
        return;
    }
    if (!r->have_secret || s.rv != r->secret.rv)
        r->jitter_pct = (unsigned)cs_rand_below(r->o.rand, 101);
    cs_cert_secret_done(&r->secret);
    r->secret = s;
    r->have_secret = true;
    r->exists = true;
    r->secret_at_ms = mono(r);
    r->served_stale = true;
    step_soon(r);
}

static void learn_reply(struct cs_rotator *r, const struct cs_reply *reply, int64_t asked_ms)
{
    cs_autojdoc doc = {0};

    if (cs_jdoc_parse(&doc, reply->body.p, reply->body.len, NULL, NULL))
        learn(r, cs_jdoc_root(&doc), asked_ms);
}

static void on_object(void *ctx, enum cs_event_type type, struct cs_json obj, uint64_t rv)
{
    struct cs_rotator *r = ctx;

    if (!cs_json_str_is(cs_json_at(obj, "metadata", "name", NULL), r->o.secret))
        return;
    r->listed = type != CS_EVENT_DELETED; /* which may come while a list is being received */
    if (type == CS_EVENT_DELETED) {
        r->exists = false;
        step_soon(r);
        return;
    }
    r->exists = true;
    if (r->have_secret && rv < r->secret.rv)
        r->need_read = true; /* an old list, or a restored server: ask */
    learn(r, obj, -1);
}

static void on_list_begin(void *ctx)
{
    struct cs_rotator *r = ctx;

    r->listed = false;
}

static void on_list_end(void *ctx, uint64_t rv, int64_t sent_ms)
{
    struct cs_rotator *r = ctx;

    (void)rv;
    (void)sent_ms;
    r->exists = r->listed;
    r->synced = true;
    step_soon(r);
}

static const struct cs_reflector_handler handler = {
    .on_object = on_object, .on_list_begin = on_list_begin, .on_list_end = on_list_end};

/* ---- serving ---- */

static void refresh_served(struct cs_rotator *r)
{
    if (!r->served_stale)
        return;
    r->served_stale = false;
    cs_leaf_facts_done(&r->served_facts);
    if (r->served.cert)
        cs_inspect_leaf(r->served.cert, r->served.key, &r->secret.bundle, &r->names, &r->served_facts);
}

/* The worst that a configuration has to say. */
static enum cs_publish_opinion judge(const struct cs_rotator *r, const char *cert_pem)
{
    enum cs_publish_opinion worst = CS_PUBLISH_SILENT;

    for (unsigned i = 0; i < r->n_published; i++) {
        enum cs_publish_opinion one = cs_published_judge(r->published[i], cert_pem);

        worst = one > worst ? one : worst;
    }
    return worst;
}

/* For how long all configurations have shown the bundle; -1: not all do. */
static int64_t confirmed_ms(const struct cs_rotator *r)
{
    int64_t shortest = INT64_MAX;

    for (unsigned i = 0; i < r->n_published; i++)
        shortest = min64(shortest, cs_published_confirmed_ms(r->published[i]));
    return r->n_published ? shortest : -1;
}

static void decide(struct cs_rotator *r)
{
    const struct cs_leaf_facts *stored = &r->secret.leaf;
    struct cs_decide_in in = {
        .policy = &r->policy,
        .now_ms = wall(r),
        .bundle = &r->secret.bundle,
        .stored = {.facts = stored},
        .confirmed_ms = confirmed_ms(r),
        .known_ms = mono(r) - r->secret_at_ms,
        .jitter_pct = r->jitter_pct,
    };

    refresh_served(r);
    /* Only asked for when the stored pair does not speak for itself: verifying costs. */
    if (!stored->pair_ok || stored->signer < 0 || in.now_ms >= stored->until_ms) {
        in.stored.trusted = judge(r, stored->leaf_pem) != CS_PUBLISH_REFUSES;
        in.served.trusted = judge(r, r->served_facts.leaf_pem) != CS_PUBLISH_REFUSES;
        in.published = judge(r, NULL) != CS_PUBLISH_SILENT;
        in.served.facts = &r->served_facts;
    }
    cs_decide(&in, &r->decision);
}

static void serve(struct cs_rotator *r)
{
    char until[CS_RFC3339_SIZE];

    if (!r->decision.usable ||
        (cs_streq(r->served.cert, r->secret.chain_pem) && cs_streq(r->served.key, r->secret.data.tls_key)))
        return;
    if (mono(r) < r->offer_at_ms)
        return;
    if (!r->o.on_pair(r->o.ctx, r->secret.chain_pem, r->secret.data.tls_key)) {
        r->offer_at_ms = mono(r) + OFFER_AGAIN_MS;
        return;
    }
    cs_pem_pair_done(&r->served);
    r->served.cert = cs_xstrdup(r->secret.chain_pem);
    r->served.key = cs_xstrdup(r->secret.data.tls_key);
    r->served_stale = true;
    refresh_served(r);
    cs_cert_metric_expiry(r->o.metrics, r->served_facts.until_ms);
    cs_log_info(
        r->o.log, "serving a new certificate", CS_KVS("until", cs_rfc3339_format(r->served_facts.until_ms, until)));
}

/* ---- writing the Secret ---- */

static void count_rotation(const struct cs_rotator *r, const char *part)
{
    static const struct cs_metric_desc desc = {
        .name = "cloneset_webhook_certificate_rotations_total",
        .help = "Writes of the webhook's Secret by this replica: ca (a new CA joined), leaf (new or restored), retire "
                "(old CAs left).",
        .type = CS_METRIC_COUNTER,
        .labels = {"part"},
    };

    cs_metric_add(cs_metric_get(r->o.metrics, &desc), 1, CS_LABELS(part));
}

static void failed(struct cs_rotator *r, const struct cs_error *err, const char *what)
{
    r->err = *err;
    r->retry_at_ms = mono(r) + (err->retry_after_ms > CS_PACE_MIN_MS ? err->retry_after_ms : CS_PACE_MIN_MS);
    r->need_read = true;
    if (err->kind != CS_ERR_CONFLICT)
        cs_pace_use(&r->pace, mono(r));
    cs_error_prefix(&r->err, "%s", what);
    if (err->kind == CS_ERR_CONFLICT) {
        cs_error_clear(&r->err);
        cs_log_debug(r->o.log, "another replica wrote the Secret first");
    } else {
        cs_log_warn(r->o.log, "the certificates' Secret", CS_KVS("err", r->err.message));
    }
    step_soon(r);
}

static void on_written(void *ctx, const struct cs_reply *reply)
{
    struct cs_rotator *r = ctx;
    const struct cs_decision *d = &r->writing;

    r->call = 0;
    if (reply->err.kind != CS_ERR_NONE) {
        failed(r, &reply->err, "writing");
        return;
    }
    cs_error_clear(&r->err);
    cs_pace_use(&r->pace, mono(r));
    cs_log_info(r->o.log, "wrote the certificates' Secret", CS_KVS("reason", d->reason), CS_KVB("newCA", d->make_ca),
        CS_KVB("newLeaf", d->leaf != CS_LEAF_KEEP));
    if (d->make_ca)
        count_rotation(r, "ca");
    if (d->leaf != CS_LEAF_KEEP)
        count_rotation(r, "leaf");
    if (!d->make_ca && d->leaf == CS_LEAF_KEEP)
        count_rotation(r, "retire");
    learn_reply(r, reply, -1);
    step_soon(r);
}

static void write_secret(struct cs_rotator *r)
{
    CS_CLEANUP(cs_secret_data_done) struct cs_secret_data next = {0};
    cs_autostrbuf body = CS_STRBUF_INIT;
    struct cs_error err = CS_ERROR_INIT;
    const struct cs_secret_next_in in = {
        .decision = &r->writing,
        .policy = &r->policy,
        .now = &r->secret,
        .served = &r->served,
        .served_facts = &r->served_facts,
        .names = &r->names,
        .now_ms = wall(r),
    };

    r->writing = r->decision;
    if (!cs_cert_secret_next(&in, &next, &err)) {
        failed(r, &err, "making certificates");
        return;
    }
    cs_cert_secret_patch(&next, r->secret.rv, &body);
    r->call = cs_client_call(r->o.client,
        &(struct cs_call){.verb = CS_VERB_PATCH_MERGE,
            .gvr = &cs_gvr_secrets,
            .ns = r->o.ns,
            .name = r->o.secret,
            .query = "fieldManager=cloneset-webhook",
            .body = {cs_strbuf_str(&body), body.len}},
        on_written, r);
    cs_secret_wipe(body.data, body.len);
}

static void on_read(void *ctx, const struct cs_reply *reply)
{
    struct cs_rotator *r = ctx;

    r->call = 0;
    if (reply->err.kind != CS_ERR_NONE) {
        failed(r, &reply->err, "reading");
        return;
    }
    r->need_read = false;
    learn_reply(r, reply, reply->started_ms);
    step_soon(r);
}

/* A configuration is about to be written: this is the Secret as it is after that configuration's version. */
static void on_fresh_secret(void *ctx, const struct cs_reply *reply)
{
    struct cs_rotator *r = ctx;

    learn_reply(r, reply, reply->started_ms);
}

/* One request at a time, and only on a version that was really seen. Returns when to try again (monotonic). */
static int64_t act(struct cs_rotator *r)
{
    int64_t at = cs_pace_at_ms(&r->pace);

    if (at < r->retry_at_ms)
        at = r->retry_at_ms;
    if (r->call || !r->exists || !r->have_secret || r->names_err.kind != CS_ERR_NONE)
        return INT64_MAX;
    if (!r->need_read && !r->decision.write)
        return INT64_MAX;
    /* Reading after a lost race costs nothing and tells the news at once; a failing server is spared. */
    if (mono(r) < at && !(r->need_read && r->err.kind == CS_ERR_NONE))
        return at;
    if (!r->need_read) {
        write_secret(r);
        return INT64_MAX;
    }
    r->call = cs_client_call(r->o.client,
        &(struct cs_call){.verb = CS_VERB_GET, .gvr = &cs_gvr_secrets, .ns = r->o.ns, .name = r->o.secret}, on_read, r);
    return INT64_MAX;
}

/* ---- telling ---- */

static void why_no_pair(const struct cs_rotator *r, char *why, size_t size)
{
    const char *watch = cs_reflector_trouble(r->reflector, NULL);

    if (r->names_err.kind != CS_ERR_NONE)
        snprintf(why, size, "webhook URL: %s", r->names_err.message);
    else if (!r->synced)
        snprintf(
            why, size, "Secret %s/%s is being read%s%s", r->o.ns, r->o.secret, watch ? ": " : "", watch ? watch : "");
    else if (!r->exists)
        snprintf(why, size, "Secret %s/%s not found; re-apply the manifests", r->o.ns, r->o.secret);
    else if (r->err.kind != CS_ERR_NONE)
        snprintf(why, size, "Secret %s/%s: %s", r->o.ns, r->o.secret, r->err.message);
    else if (r->decision.usable)
        snprintf(why, size, "the server does not take the certificate of Secret %s/%s", r->o.ns, r->o.secret);
    else
        snprintf(why, size, "Secret %s/%s: %s", r->o.ns, r->o.secret, r->decision.reason);
}

static void tell(struct cs_rotator *r)
{
    char why[CS_CERT_WHY_SIZE] = "";

    if (!r->served.cert || wall(r) >= r->served_facts.until_ms)
        why_no_pair(r, why, sizeof(why));
    for (unsigned i = 0; why[0] == '\0' && i < r->n_published; i++) {
        const char *trouble = cs_published_trouble(r->published[i]);

        if (trouble)
            snprintf(why, sizeof(why), "%s", trouble);
    }
    if (why[0])
        r->ready_since_ms = -1;
    else if (r->ready_since_ms < 0)
        r->ready_since_ms = mono(r);
    if (!cs_cert_status_set(&r->status, why))
        return;
    if (why[0])
        cs_log_info(r->o.log, "certificates are not ready", CS_KVS("why", why));
    else
        cs_log_info(r->o.log, "certificates are ready");
}

/* What may be published: a bundle that covers the certificate we serve, once we serve one. */
static const char *bundle_to_publish(const struct cs_rotator *r)
{
    return r->served.cert && r->served_facts.signer >= 0 ? r->secret.bundle_pem : NULL;
}

static void step(void *ctx)
{
    struct cs_rotator *r = ctx;
    int64_t now = mono(r), next = now + IDLE_STEP_MS;

    if (r->have_secret && r->names_err.kind == CS_ERR_NONE) {
        decide(r);
        serve(r);
        refresh_served(r);
        if (r->decision.usable && now < r->offer_at_ms)
            next = min64(next, r->offer_at_ms);
    }
    for (unsigned i = 0; i < r->n_published; i++)
        next = min64(next, cs_published_step(r->published[i], bundle_to_publish(r), r->ready_since_ms));
    if (r->have_secret && r->names_err.kind == CS_ERR_NONE) {
        /* Again: the configurations may show something else by now, and the pair in the server may be another. */
        decide(r);
        next = min64(next, act(r));
        if (r->decision.next_ms != INT64_MAX)
            next = min64(next, now + r->decision.next_ms - wall(r));
    }
    tell(r);
    if (r->ready_since_ms >= now)
        next = now; /* only now: what waits for it is to be asked again */
    /* Never in a tight loop, whatever the clocks say. */
    cs_timer_arm_at(r->o.loop, &r->timer, next > now + 20 ? next : now + 20);
}

/* ---- life ---- */

static void check_entries(const struct cs_rotator_options *o)
{
    for (unsigned i = 0; i < o->n_entries; i++) {
        const char *body = o->entries[i].body;
        cs_autojdoc doc = {0};

        if (body &&
            (!cs_jdoc_parse(&doc, body, strlen(body), NULL, NULL) || !cs_json_is(cs_jdoc_root(&doc), CS_J_OBJECT)))
            abort();
    }
}

static void add_published(struct cs_rotator *r, const struct cs_gvr *gvr, const char *name, bool mutating, bool crd)
{
    r->published[r->n_published++] = cs_published_new(&(struct cs_published_options){
        .rotator = &r->o,
        .gvr = gvr,
        .name = name,
        .mutating = mutating,
        .crd_path = crd ? r->o.crd_path : NULL,
        .on_change = step_soon,
        .on_secret = on_fresh_secret,
        .ctx = r,
    });
}

/* One for each configuration object that the entries name, and the CRD. */
static void add_all_published(struct cs_rotator *r)
{
    r->published = cs_new_array(struct cs_published *, (size_t)r->o.n_entries + 1);
    if (!r->o.manage_webhooks)
        return;
    for (unsigned i = 0; i < r->o.n_entries; i++) {
        const struct cs_webhook_entry *e = &r->o.entries[i];
        bool seen = false;

        for (unsigned j = 0; j < i; j++) {
            const struct cs_webhook_entry *other = &r->o.entries[j];

            seen = seen || (other->mutating == e->mutating && cs_streq(other->config, e->config));
        }
        if (!seen)
            add_published(r, e->mutating ? &cs_gvr_mutating_webhooks : &cs_gvr_validating_webhooks, e->config,
                e->mutating, false);
    }
    if (r->o.crd)
        add_published(r, &cs_gvr_crds, r->o.crd, false, true);
}

struct cs_rotator *cs_rotator_new(const struct cs_rotator_options *o)
{
    struct cs_rotator *r = cs_new(struct cs_rotator);
    cs_autofree char *selector = cs_xasprintf("metadata.name=%s", o->secret);

    check_entries(o);
    r->o = *o;
    r->o.service_port = o->service_port ? o->service_port : 443;
    r->o.crd_path = o->crd_path ? o->crd_path : "/convert";
    cs_cert_policy_init(&r->policy, o->ca_lifetime_ms, o->leaf_lifetime_ms, o->settle_ms);
    (void)cs_cert_names_make(o->service, o->ns, o->url, &r->names, &r->names_err);
    r->ready_since_ms = -1;
    cs_cert_status_init(&r->status, "certificates were not looked at yet");
    add_all_published(r);
    r->policy.blind = r->n_published == 0;
    r->timer.fn = step;
    r->timer.ctx = r;
    r->decision.reason = "";
    r->reflector = cs_reflector_new(&(struct cs_reflector_options){
        .client = o->client,
        .loop = o->loop,
        .log = o->log,
        .metrics = o->metrics,
        .rand = o->rand,
        .gvr = &cs_gvr_secrets,
        .ns = r->o.ns,
        .field_selector = selector,
        .handler = &handler,
        .ctx = r,
    });
    return r;
}

void cs_rotator_free(struct cs_rotator *r)
{
    if (!r)
        return;
    if (r->call)
        cs_client_cancel(r->o.client, r->call);
    cs_reflector_free(r->reflector);
    for (unsigned i = 0; i < r->n_published; i++)
        cs_published_free(r->published[i]);
    free(r->published);
    cs_timer_disarm(r->o.loop, &r->timer);
    cs_cert_secret_done(&r->secret);
    cs_leaf_facts_done(&r->served_facts);
    cs_pem_pair_done(&r->served);
    cs_cert_names_done(&r->names);
    cs_cert_status_done(&r->status);
    free(r);
}

void cs_rotator_start(struct cs_rotator *r)
{
    cs_reflector_start(r->reflector);
    for (unsigned i = 0; i < r->n_published; i++)
        cs_published_start(r->published[i]);
    step_soon(r);
}

bool cs_rotator_ready(struct cs_rotator *r, char *why, size_t size)
{
    return cs_cert_status_ready(&r->status, why, size);
}
