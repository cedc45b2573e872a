/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One request at a time: read, then create, take over or renew, then wait. Whether another holder is alive is judged by
 * how long its record has stood unchanged on our own clock; clocks of other machines are never compared with ours.
 * Every write names the version it was decided on, so of two that decide the same only one succeeds.
 *
 * While started and not stopped, either a request is under way or the timer `tick` is armed.
 */
#include "controller/runtime/leader.h"

#include <inttypes.h>

#include "common/api/objects.h"
#include "common/base/alloc.h"
#include "common/json/json_tree.h"
#include "common/json/json_writer.h"

#define JITTER_PCT 20 /* of followers, so that they do not come all at once */
#define CALL_TIMEOUT_MS 5000
#define RELEASE_TRIES 3

enum action { ACTION_READ, ACTION_CREATE, ACTION_TAKE, ACTION_RENEW, ACTION_RELEASE };

struct cs_leader {
    struct cs_leader_options o;
    struct cs_intern *pool;
    struct cs_metric *status;
    struct cs_timer tick; /* the next request */
    struct cs_timer fence; /* the end of the right to write */
    bool leading;
    int64_t renewed_ms; /* monotonic: when the last renewal that succeeded was sent */
    uint64_t rv; /* version of the Lease that names us as holder; 0: read first */

    uint64_t call; /* 0: none under way */
    enum action action;
    int64_t sent_ms;
    bool reread; /* the last failure led to a read at once: not twice in a row */
    enum cs_errkind last_err; /* logged already */

    /* What somebody else holds. */
    char *seen; /* its spec as text; NULL: none seen */
    int64_t seen_ms; /* monotonic: it was written after that */
    int64_t seen_lease_ms; /* for how long it counts for us */
    int64_t looked_ms; /* monotonic: when the last look that was answered was sent; 0: none since we led */

    bool stopped; /* released or being released */
    int tries; /* of the release that are left */
    void (*done)(void *ctx); /* of the release under way */
    void *done_ctx;
};

static int64_t mono(const struct cs_leader *l)
{
    return cs_clock_mono_ms(l->o.clock);
}

static void set_status(struct cs_leader *l)
{
    cs_metric_set(l->status, l->leading ? 1 : 0, CS_LABELS(l->o.name));
}

bool cs_leader_is(const struct cs_leader *l)
{
    return l->leading;
}

/* The clock is asked, not the timer: after the process stood still, the timer may be late. */
bool cs_leader_may_write(const struct cs_leader *l)
{
    return l->leading && mono(l) < l->renewed_ms + l->o.fence_ms;
}

/* ---- the body of a request ---- */

static void put_now(const struct cs_leader *l, struct cs_jtree *spec, const char *key)
{
    char time[CS_RFC3339_SIZE];

    cs_jtree_set(spec, key, cs_jtree_new_str(cs_rfc3339_format_micro(cs_clock_wall_ms(l->o.clock), time)));
}

/* Makes us the holder from now on. */
static void put_held(const struct cs_leader *l, struct cs_jtree *spec, int32_t transitions)
{
    cs_jtree_set(spec, "holderIdentity", cs_jtree_new_str(l->o.identity));
    cs_jtree_set(spec, "leaseDurationSeconds", cs_jtree_new_i64((l->o.lease_ms + 999) / 1000));
    put_now(l, spec, "acquireTime");
    put_now(l, spec, "renewTime");
    cs_jtree_set(spec, "leaseTransitions", cs_jtree_new_i64(transitions));
}

static void on_reply(void *ctx, const struct cs_reply *reply);

static void send_request(struct cs_leader *l, enum action action, const struct cs_jtree *body)
{
    static const enum cs_verb verbs[] = {[ACTION_READ] = CS_VERB_GET,
        [ACTION_CREATE] = CS_VERB_CREATE,
        [ACTION_TAKE] = CS_VERB_UPDATE,
        [ACTION_RENEW] = CS_VERB_PATCH_MERGE,
        [ACTION_RELEASE] = CS_VERB_PATCH_MERGE};
    cs_autostrbuf text = CS_STRBUF_INIT;
    struct cs_call call = {.verb = verbs[action],
        .gvr = &cs_gvr_leases,
        .ns = l->o.ns,
        .name = action == ACTION_CREATE ? NULL : l->o.name,
        .timeout_ms = l->o.fence_ms / 2 < CALL_TIMEOUT_MS ? l->o.fence_ms / 2 : CALL_TIMEOUT_MS};

    if (body) {
        cs_jtree_print(body, &text, false);
        call.body = (struct cs_str){.p = cs_strbuf_str(&text), .len = text.len};
    }
    cs_timer_disarm(l->o.loop, &l->tick);
    if (!l->leading && action != ACTION_READ && action != ACTION_RELEASE && l->o.on_taking)
        l->o.on_taking(l->o.ctx);
    l->action = action;
    l->sent_ms = mono(l);
    l->call = cs_client_call(l->o.client, &call, on_reply, l);
}

static void send_create(struct cs_leader *l)
{
    cs_autojtree *body = cs_jtree_new_obj();

    cs_jtree_set(body, "apiVersion", cs_jtree_new_str("coordination.k8s.io/v1"));
    cs_jtree_set(body, "kind", cs_jtree_new_str("Lease"));
    struct cs_jtree *meta = cs_jtree_set(body, "metadata", cs_jtree_new_obj());
    cs_jtree_set(meta, "name", cs_jtree_new_str(l->o.name));
    cs_jtree_set(meta, "namespace", cs_jtree_new_str(l->o.ns));
    put_held(l, cs_jtree_set(body, "spec", cs_jtree_new_obj()), 0);
    send_request(l, ACTION_CREATE, body);
}

/* Writes back what was read, with everything in it that we do not know. */
static void send_take(struct cs_leader *l, struct cs_json obj, const struct cs_lease *lease)
{
    cs_autojtree *body = cs_jtree_from(obj);
    struct cs_jtree *spec = cs_jtree_get(body, "spec");

    if (!cs_jtree_is(spec, CS_J_OBJECT))
        spec = cs_jtree_set(body, "spec", cs_jtree_new_obj());
    put_held(l, spec, lease->transitions < INT32_MAX ? lease->transitions + 1 : INT32_MAX);
    send_request(l, ACTION_TAKE, body);
}

/* A renewal or a release of version l->rv. */
static void send_patch(struct cs_leader *l, enum action action)
{
    cs_autojtree *body = cs_jtree_new_obj();
    cs_autofree char *rv = cs_xasprintf("%" PRIu64, l->rv);
    struct cs_jtree *meta = cs_jtree_set(body, "metadata", cs_jtree_new_obj());
    struct cs_jtree *spec = cs_jtree_set(body, "spec", cs_jtree_new_obj());

    cs_jtree_set(meta, "resourceVersion", cs_jtree_new_str(rv));
    cs_jtree_set(spec, "holderIdentity", cs_jtree_new_str(action == ACTION_RELEASE ? "" : l->o.identity));
    if (action == ACTION_RENEW)
        cs_jtree_set(spec, "leaseDurationSeconds", cs_jtree_new_i64((l->o.lease_ms + 999) / 1000));
    put_now(l, spec, "renewTime");
    send_request(l, action, body);
}

/* ---- gaining and losing ---- */

static void lose(struct cs_leader *l, const char *why)
{
    cs_timer_disarm(l->o.loop, &l->fence);
    if (!l->leading)
        return;
    l->leading = false;
    set_status(l);
    cs_log_warn(l->o.log, "leadership lost", CS_KVS("lease", l->o.name), CS_KVS("why", why));
    if (l->o.on_stopped)
        l->o.on_stopped(l->o.ctx);
}

static void on_fence(void *ctx)
{
    lose(ctx, "not renewed in time");
}

static void gain(struct cs_leader *l)
{
    l->leading = true;
    set_status(l);
    cs_log_info(l->o.log, "leadership gained", CS_KVS("lease", l->o.name), CS_KVS("identity", l->o.identity));
    if (l->o.on_started)
        l->o.on_started(l->o.ctx);
}

static void finish_release(struct cs_leader *l)
{
    void (*done)(void *ctx) = l->done;

    l->done = NULL;
    if (done)
        done(l->done_ctx);
}

/* When what somebody else holds counts no longer; 0: nothing was seen. */
static int64_t runs_out_ms(const struct cs_leader *l)
{
    return l->seen ? l->seen_ms + l->seen_lease_ms : 0;
}

/*
 * The leader keeps its pace, counted from the last sending. Others spread out, and look twice as often: a lease that was
 * released is to be found within two seconds, all told. They are there at the instant at which what they have seen runs out.
 */
static void wait_turn(struct cs_leader *l)
{
    int64_t at = l->sent_ms + l->o.retry_ms;

    if (!l->leading) {
        int64_t end = runs_out_ms(l);

        at = mono(l) + cs_rand_jitter_ms(l->o.rand, l->o.retry_ms / 2, JITTER_PCT);
        if (end > mono(l) && end < at)
            at = end;
    }
    cs_timer_arm_at(l->o.loop, &l->tick, at);
}

/* With a known version that is ours: write. Else: read. */
static void step(struct cs_leader *l)
{
    if (l->rv == 0)
        send_request(l, ACTION_READ, NULL);
    else
        send_patch(l, l->stopped ? ACTION_RELEASE : ACTION_RENEW);
}

/*
 * Past the fence somebody else may have written. The version alone does not tell: a restored server gives the same ones
 * again, for other writes.
 */
static void on_tick(void *ctx)
{
    struct cs_leader *l = ctx;

    if (mono(l) >= l->renewed_ms + l->o.fence_ms)
        l->rv = 0;
    step(l);
}

/* ---- answers ---- */

static void forget_seen(struct cs_leader *l)
{
    free(cs_take(l->seen));
    l->looked_ms = 0;
}

/*
 * From when on a record counts that was not there at the last look: it was written after that look was sent. Looks may be
 * far apart when requests fail; what is given away must stay well below the time between a holder's fence and its lease's end.
 */
static int64_t written_after_ms(const struct cs_leader *l)
{
    int64_t slack = (l->o.lease_ms - l->o.fence_ms) / 2;
    int64_t at = mono(l) - (l->o.retry_ms < slack ? l->o.retry_ms : slack);

    if (!l->seen || l->looked_ms == 0)
        return mono(l); /* it may have been there for long, or not */
    return l->looked_ms > at ? l->looked_ms : at;
}

/*
 * Whoever follows has to read everything before it writes. It takes over this much before the record is out, so that its
 * first write comes within the lease. The holder's fence was (lease - fence) before that end; of this time
 * written_after_ms() gives away half at most, and this a fifth.
 */
static int64_t early_ms(const struct cs_leader *l)
{
    return (l->o.lease_ms - l->o.fence_ms) / 5;
}

/* Remembers what somebody else holds. True when it has stood so for as long as it counts. */
static bool has_expired(struct cs_leader *l, struct cs_json obj, const struct cs_lease *lease)
{
    struct cs_str spec = cs_json_raw(cs_json_get(obj, "spec"));
    int64_t lease_ms = (int64_t)lease->duration_s * 1000;

    if (!l->seen || !cs_str_eqz(spec, l->seen)) {
        l->seen_ms = written_after_ms(l);
        free(l->seen);
        l->seen = cs_xmemdupz(spec.p, spec.len);
        l->seen_lease_ms = (lease_ms > l->o.lease_ms ? lease_ms : l->o.lease_ms) - early_ms(l);
    }
    l->looked_ms = l->sent_ms;
    /* The answer is at least as new as the sending; it may have lain about for any time since. */
    return l->sent_ms >= runs_out_ms(l);
}

static void decide(struct cs_leader *l, struct cs_json obj, const struct cs_lease *lease)
{
    bool free_to_take = !lease->holder || !*lease->holder;

    if (cs_streq(lease->holder, l->o.identity)) {
        l->rv = lease->meta.rv;
        step(l);
        return;
    }
    if (l->stopped) {
        finish_release(l);
        return;
    }
    lose(l, "somebody else wrote the lease");
    if (l->stopped) /* on_stopped may end it all */
        return;
    if (free_to_take)
        forget_seen(l);
    if (free_to_take || has_expired(l, obj, lease))
        send_take(l, obj, lease);
    else
        wait_turn(l);
}

/* Parses an answer; NULL when it is no Lease. doc is the caller's and must outlive the use of *ret_obj. */
static struct cs_lease *parse(struct cs_leader *l, struct cs_str body, struct cs_jdoc *doc, struct cs_error *err)
{
    if (!cs_jdoc_parse(doc, body.p, body.len, NULL, err))
        return NULL;
    return cs_lease_decode(l->pool, cs_jdoc_root(doc), err);
}

static void failed(struct cs_leader *l, const struct cs_error *err)
{
    bool outdated = err->kind == CS_ERR_CONFLICT || err->kind == CS_ERR_ALREADY_EXISTS || err->kind == CS_ERR_NOT_FOUND;

    if (err->kind != l->last_err)
        cs_log_warn(l->o.log, "lease request failed", CS_KVS("lease", l->o.name), CS_KVS("error", err->message));
    l->last_err = err->kind;
    if (outdated || cs_error_in_doubt(err))
        l->rv = 0;
    if (l->stopped) {
        /* A failed write of before the release does not spare us the release. */
        bool again = outdated || l->action == ACTION_RENEW || l->action == ACTION_CREATE;

        if (again && l->tries-- > 0)
            step(l);
        else
            finish_release(l);
    } else if (outdated && l->leading && !l->reread) {
        l->reread = true;
        step(l);
    } else {
        wait_turn(l);
    }
}

static void was_read(struct cs_leader *l, const struct cs_reply *reply)
{
    cs_autojdoc doc = {0};
    struct cs_error err = CS_ERROR_INIT;
    struct cs_lease *lease = parse(l, reply->body, &doc, &err);

    if (!lease) {
        err.kind = CS_ERR_DECODE;
        failed(l, &err);
        return;
    }
    decide(l, cs_jdoc_root(&doc), lease);
    cs_lease_free(l->pool, lease);
}

static void was_not_found(struct cs_leader *l)
{
    if (l->stopped)
        finish_release(l);
    else if (!l->leading && l->sent_ms < runs_out_ms(l))
        wait_turn(l); /* somebody deleted the lease of a holder that may still write */
    else
        send_create(l);
}

/* The Lease is ours as of l->sent_ms. */
static void was_renewed(struct cs_leader *l, const struct cs_reply *reply)
{
    cs_autojdoc doc = {0};
    struct cs_lease *lease = parse(l, reply->body, &doc, NULL);

    l->rv = lease ? lease->meta.rv : 0;
    cs_lease_free(l->pool, lease);
    if (l->stopped) {
        step(l);
        return;
    }
    /* A leader that stood still past its fence has stopped leading, even if nobody else began. */
    if (l->leading && !cs_leader_may_write(l))
        lose(l, "not renewed in time");
    if (l->stopped)
        return;
    forget_seen(l); /* an equal record that comes back (a restored backup) has to stand its time anew */
    l->reread = false;
    l->last_err = CS_ERR_NONE;
    l->renewed_ms = l->sent_ms;
    cs_timer_arm_at(l->o.loop, &l->tick, l->sent_ms + l->o.retry_ms);
    if (mono(l) >= l->renewed_ms + l->o.fence_ms)
        return; /* too late to be worth anything: once more */
    cs_timer_arm_at(l->o.loop, &l->fence, l->renewed_ms + l->o.fence_ms);
    if (!l->leading)
        gain(l);
}

static void on_reply(void *ctx, const struct cs_reply *reply)
{
    struct cs_leader *l = ctx;
    bool ok = reply->err.kind == CS_ERR_NONE;

    l->call = 0;
    if (l->action == ACTION_READ && reply->err.kind == CS_ERR_NOT_FOUND)
        was_not_found(l);
    else if (!ok)
        failed(l, &reply->err);
    else if (l->action == ACTION_READ)
        was_read(l, reply);
    else if (l->action == ACTION_RELEASE)
        finish_release(l);
    else
        was_renewed(l, reply);
}

/* ---- life ---- */

struct cs_leader *cs_leader_new(const struct cs_leader_options *o)
{
    static const struct cs_metric_desc status = {.name = "leader_election_master_status",
        .help = "1 while this process holds the lease, else 0.",
        .type = CS_METRIC_GAUGE,
        .labels = {"name"}};
    struct cs_leader *l = cs_new(struct cs_leader);

    l->o = *o;
    l->o.lease_ms = o->lease_ms > 0 ? o->lease_ms : 15000;
    l->o.fence_ms = o->fence_ms > 0 ? o->fence_ms : 10000;
    l->o.retry_ms = o->retry_ms > 0 ? o->retry_ms : 2000;
    if (l->o.fence_ms >= l->o.lease_ms) /* others would take over before we stop */
        l->o.fence_ms = l->o.lease_ms * 2 / 3;
    l->pool = cs_intern_new();
    l->status = cs_metric_get(o->metrics, &status);
    set_status(l);
    l->tick = (struct cs_timer){.fn = on_tick, .ctx = l};
    l->fence = (struct cs_timer){.fn = on_fence, .ctx = l};
    return l;
}

void cs_leader_free(struct cs_leader *l)
{
    if (!l)
        return;
    if (l->call)
        cs_client_cancel(l->o.client, l->call);
    cs_timer_disarm(l->o.loop, &l->tick);
    cs_timer_disarm(l->o.loop, &l->fence);
    cs_intern_free(l->pool);
    free(l->seen);
    free(l);
}

void cs_leader_start(struct cs_leader *l)
{
    if (!l->stopped && !l->call)
        cs_timer_arm_in(l->o.loop, &l->tick, 0);
}

void cs_leader_release(struct cs_leader *l, void (*done)(void *ctx), void *ctx)
{
    bool was_leading = l->leading;
    bool under_way = l->done != NULL;

    l->done = done;
    l->done_ctx = ctx;
    if (under_way)
        return;
    cs_timer_disarm(l->o.loop, &l->tick);
    cs_timer_disarm(l->o.loop, &l->fence);
    l->stopped = true;
    l->leading = false;
    l->tries = RELEASE_TRIES;
    set_status(l);
    if (!was_leading) {
        if (l->call)
            cs_client_cancel(l->o.client, l->call);
        l->call = 0;
        finish_release(l);
    } else if (!l->call) {
        step(l); /* else the answer to what is under way goes on from there */
    }
}
