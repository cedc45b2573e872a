/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The network between controller and server: every request has an effect and an answer at times of their own, either may be
 * lost, and both may outlive the process that asked.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/hash.h"
#include "test/sim/sim.h"

#define CALL_TIMEOUT_MS 5000 /* D12 */
#define MOST_LATE_MS 45000 /* with what else delays it, less than the minute after which a server gives a request up */

static struct sim_req *req_of(struct sim *s, uint64_t id)
{
    struct sim_req *q = s->reqs;

    while (q && q->id != id)
        q = q->next;
    return q;
}

static void req_maybe_free(struct sim *s, struct sim_req *q)
{
    if (q->effect_due || (q->answer_due && q->done))
        return;
    for (struct sim_req **p = &s->reqs; *p; p = &(*p)->next)
        if (*p == q) {
            *p = q->next;
            break;
        }
    free(q->name);
    free(q->subresource);
    free(q->body);
    free(q->query);
    free(q->answer.body);
    free(q);
}

static bool is_write(const struct sim_req *q)
{
    return q->verb != CS_VERB_GET && q->verb != CS_VERB_LIST;
}

static bool is_lease(const struct sim_req *q)
{
    return q->gvr == &cs_gvr_leases;
}

static bool is_create_of_pod(const struct sim_req *q)
{
    return q->verb == CS_VERB_CREATE && q->gvr == cs_kind_gvr(CS_K_POD);
}

bool sim_takes_claim(const struct sim_req *q)
{
    return q->gvr == cs_kind_gvr(CS_K_CLAIM) &&
           (q->verb == CS_VERB_DELETE || (q->body && strstr(q->body, "\"kind\":\"Pod\"")));
}

/* ---- the answer ---- */

static void inject(struct sim_req *q)
{
    static const struct {
        int status;
        const char *reason, *message;
    } kinds[] = {
        {403, "Forbidden", "exceeded quota: a simulated one"},
        {409, "Conflict", "the simulation says: conflict, try again"},
        {429, "TooManyRequests", "too many requests"},
        {500, "InternalError", "etcdserver: leader changed"},
        {503, "ServiceUnavailable", "the server is starting"},
        {504, "Timeout", "the server did not finish in time"},
    };

    for (size_t i = 0; i < CS_ARRAY_LEN(kinds); i++)
        if (kinds[i].status == q->inject) {
            free(q->answer.body);
            sim_api_error(&q->answer, q->inject, kinds[i].reason, kinds[i].message);
        }
    if (q->inject == 429)
        q->answer.retry_after_ms = 1000;
}

static void on_effect(struct sim *s, uint64_t id)
{
    struct sim_req *q = req_of(s, id);
    struct sim_replica *r;
    bool kill;

    if (!q || !q->effect_due)
        return;
    q->effect_due = false;
    if (q->inject == 0 || q->inject_after) {
        s->current = q;
        if (is_lease(q))
            sim_lease_handle(s, q, &q->answer);
        else
            sim_api_handle(s, q, &q->answer);
        s->current = NULL;
    }
    if (q->inject != 0)
        inject(q);
    kill = q->kill_done && q->done; /* it may have died of something else */
    r = q->r;
    req_maybe_free(s, q);
    if (kill)
        sim_crash(r);
}

static void fill_reply(struct sim *s, struct sim_req *q, struct cs_reply *reply)
{
    reply->started_ms = q->sent_ms + q->held_ms;
    if (q->effect_due || q->lost || !q->answer.body) {
        bool reset = q->lost && s->now_ms < q->sent_ms + CALL_TIMEOUT_MS;

        (void)cs_error_set(
            &reply->err, reset ? CS_ERR_TRANSPORT : CS_ERR_TIMEOUT, reset ? "connection reset" : "no answer in time");
        return;
    }
    reply->status = q->answer.status;
    reply->body = cs_str(q->answer.body);
    if (q->cut_body)
        reply->body.len = (size_t)sim_below(s, reply->body.len);
    cs_reply_error(reply->status, reply->body, q->answer.retry_after_ms, &reply->err);
}

static void on_answer(struct sim *s, uint64_t id)
{
    struct sim_req *q = req_of(s, id);
    struct cs_reply reply = {0};
    cs_autofree char *body = NULL; /* lives through the callback, in which the request may be cancelled */
    struct sim_replica *r;
    bool kill;
    cs_reply_fn done;
    void *ctx;

    if (!q)
        return;
    if (q->done && sim_paused(q->r)) {
        sim_later_offline(s, q->r->paused_until_ms - s->now_ms, on_answer, id);
        return;
    }
    q->answer_due = false;
    done = q->done;
    q->done = NULL;
    if (!done) {
        req_maybe_free(s, q);
        return;
    }
    fill_reply(s, q, &reply);
    sim_say(s, "  answer %llu: %d %s", (unsigned long long)q->id, reply.status,
        reply.err.kind != CS_ERR_NONE ? reply.err.message : "");
    body = cs_take(q->answer.body);
    reply.body = cs_str(reply.body.p ? body : NULL);
    ctx = q->ctx;
    kill = q->kill_answered;
    r = q->r;
    req_maybe_free(s, q);
    done(ctx, &reply);
    if (kill)
        sim_crash(r);
}

/* ---- the request ---- */

static char *dup_or_null(const char *text)
{
    return text ? cs_xstrdup(text) : NULL;
}

/* What goes wrong with this one. Delays in: until the effect, and from there until the answer. */
static void choose_fault(struct sim *s, struct sim_req *q, uint64_t key, const char *what, int64_t *in, int64_t *out)
{
    static const int statuses[] = {409, 429, 500, 503, 504};
    static const enum sim_fault kinds[] = {SIM_F_LOST_BEFORE, SIM_F_LOST_AFTER, SIM_F_LOST_AFTER, SIM_F_LATE,
        SIM_F_SLOW, SIM_F_REFUSED, SIM_F_REFUSED, SIM_F_REFUSED, SIM_F_REFUSED_DONE, SIM_F_CUT_BODY};
    enum sim_fault f = kinds[sim_below(s, CS_ARRAY_LEN(kinds))];
    int64_t slow_in = sim_between(s, 100, 3000);
    int64_t slow_out = sim_between(s, 100, 3000);
    bool long_silence = sim_chance(s, 500);
    bool very_late = sim_chance(s, 300);
    bool burst = is_create_of_pod(q) && sim_chance(s, 400);
    int64_t burst_ms = sim_between(s, 100, 4000);
    int64_t late = sim_between(s, 3000, MOST_LATE_MS);
    int status = statuses[sim_below(s, CS_ARRAY_LEN(statuses))];

    if (f == SIM_F_REFUSED_DONE && (!is_write(q) || status == 409 || status == 429))
        f = SIM_F_REFUSED;
    if (q->verb == CS_VERB_CREATE && f == SIM_F_REFUSED && sim_chance(s, 200))
        status = 403; /* a quota */
    if (!is_write(q) && status == 409)
        status = 503;
    if (!sim_fault(s, key, f, what))
        return;
    if (burst) /* the server is overloaded */
        s->trouble.refused_until_ms = s->now_ms + burst_ms;
    switch (f) {
    case SIM_F_LOST_BEFORE:
        q->lost = true;
        q->effect_due = false;
        *out = long_silence ? CALL_TIMEOUT_MS : *out;
        break;
    case SIM_F_LOST_AFTER:
        q->lost = true;
        *out = long_silence ? CALL_TIMEOUT_MS : *out;
        break;
    case SIM_F_LATE:
        *in = CALL_TIMEOUT_MS + (very_late ? late : slow_in);
        break;
    case SIM_F_SLOW:
        *in = slow_in;
        *out = slow_out;
        break;
    case SIM_F_CUT_BODY:
        q->cut_body = true;
        break;
    default:
        q->inject = status;
        q->inject_after = f == SIM_F_REFUSED_DONE;
        break;
    }
}

static void kill_dying(struct sim *s, uint64_t number)
{
    if (s->replicas[number].dying)
        sim_crash(&s->replicas[number]);
}

/* The controller dies at this request: before it is sent, when it is done, or with the answer in its hands. */
static void choose_death(struct sim *s, struct sim_req *q, uint64_t key, const char *what, int64_t *in)
{
    uint64_t dice = sim_below(s, 1000);
    int64_t late = sim_chance(s, 600) ? sim_between(s, 500, 9000) : sim_between(s, 9000, MOST_LATE_MS);

    if (dice < 2 && sim_fault(s, key, SIM_F_KILLED_BEFORE, what)) {
        q->effect_due = false;
        q->r->dying = true;
        sim_later_offline(s, 0, kill_dying, q->r->number);
    } else if (dice >= 2 && dice < 6 && sim_fault(s, key, SIM_F_KILLED_DONE, what)) {
        q->kill_done = true;
    } else if (dice >= 6 && dice < 8 && sim_fault(s, key, SIM_F_KILLED_ANSWERED, what)) {
        q->kill_answered = true;
    } else if (dice >= 8 && dice < 38 && s->sc->minds_claims && (is_create_of_pod(q) || sim_takes_claim(q)) &&
               sim_fault(s, key, SIM_F_KILLED, what)) {
        *in = late; /* with a create on its way, or with what takes a claim away (D12) */
        q->r->dying = true;
        sim_later_offline(s, 1, kill_dying, q->r->number);
    } else if (dice >= 38 && dice < 188 && sim_takes_claim(q) && sim_fault(s, key, SIM_F_LATE, what)) {
        *in = CALL_TIMEOUT_MS + late;
    }
}

/*
 * It stands still between asking whether it may write and sending: the write goes out when it wakes up (D12), and whatever else it
 * does in this pass it does then.
 */
static void choose_pause(struct sim *s, struct sim_req *q, uint64_t key, const char *what, int64_t *in)
{
    bool strikes = sim_chance(s, 12);
    int64_t ms = sim_between(s, 2000, 40000);

    if (!strikes || !s->sc->standby || !is_write(q) || q->r->dying || q->r->stalled ||
        !sim_fault(s, key, SIM_F_PAUSED_SENDING, what))
        return;
    sim_pause(q->r, ms);
    q->r->stalled = true;
    *in += ms;
}

/* Between the seed's own delays nothing fails, but some requests take their time. */
static void dawdle(struct sim *s, uint64_t key, const char *what, int64_t *in, int64_t *out)
{
    bool strikes = sim_chance(s, 150);
    int64_t slow_in = sim_between(s, 50, 1200);
    int64_t slow_out = sim_between(s, 1, 1200);

    if (!strikes || !s->sc->slow || s->settled || !sim_fault(s, key, SIM_F_SLOW, what))
        return;
    *in = slow_in;
    *out = slow_out;
}

/* While it lasts, it strikes every request. */
static void suffer(struct sim *s, struct sim_req *q)
{
    const struct sim_trouble *t = &s->trouble;

    if (s->now_ms < t->denied_until_ms && q->gvr == t->denied_of && cs_streq(cs_verb_name(q->verb), t->denied_verb)) {
        q->inject = 403;
        q->inject_after = false;
        sim_count(s, SIM_F_DENIED);
    }
    if (s->now_ms < t->refused_until_ms && is_create_of_pod(q) && q->effect_due && !q->lost && q->inject == 0) {
        q->inject = sim_chance(s, 500) ? 429 : 500;
        sim_count(s, SIM_F_REFUSED);
    }
    if (s->now_ms < t->no_lease_until_ms && is_lease(q)) {
        q->lost = true;
        q->effect_due = sim_chance(s, 300);
    }
    if (s->now_ms < t->down_until_ms) {
        q->effect_due = false;
        q->lost = true;
        sim_count(s, SIM_F_DOWN);
    }
    if (q->r->dying)
        q->effect_due = false;
}

static struct sim_req *req_new(struct sim_replica *r, const struct cs_call *call, cs_reply_fn done, void *ctx)
{
    struct sim *s = r->s;
    struct sim_req *q = cs_new(struct sim_req);

    *q = (struct sim_req){.next = s->reqs,
        .r = r,
        .id = ++s->ids,
        .verb = call->verb,
        .gvr = call->gvr,
        .name = dup_or_null(call->name),
        .subresource = dup_or_null(call->subresource),
        .query = dup_or_null(call->query),
        .body = call->body.p ? cs_xmemdupz(call->body.p, call->body.len) : NULL,
        .done = done,
        .ctx = ctx,
        .sent_ms = s->now_ms,
        .sent_rv = s->rv,
        .life = r->life,
        .effect_due = true,
        .answer_due = true};
    s->reqs = q;
    return q;
}

/* A create is known by what it creates. */
static uint64_t deal_request(struct sim *s, const struct sim_req *q, const char *what)
{
    cs_autofree char *stream = cs_xasprintf("%u %u %s %llx", q->r->number, q->r->life, what,
        (unsigned long long)(q->verb == CS_VERB_CREATE && q->body ? cs_fnv64_1a(CS_FNV64_INIT, q->body, strlen(q->body))
                                                                  : 0));

    return sim_deal(s, stream);
}

/* The lease is renewed or looked at; a reflector asks for the server's version (D5c). */
static void check_quiet(struct sim *s, const struct sim_req *q, const char *what)
{
    bool probe = q->verb == CS_VERB_LIST && q->query && strcmp(q->query, "limit=1") == 0;

    if (s->quiet && !is_lease(q) && !probe)
        sim_fail(s, "%s after all was done", what);
}

void sim_listed(struct sim_replica *r, const struct cs_gvr *gvr)
{
    enum cs_kind k;

    if (sim_kind_of(gvr, &k))
        r->listed_ms[k] = r->s->now_ms;
}

static uint64_t net_call(void *self, const struct cs_call *call, cs_reply_fn done, void *ctx)
{
    struct sim_replica *r = self;
    struct sim *s = r->s;
    struct sim_req *q = req_new(r, call, done, ctx);
    cs_autofree char *what = cs_xasprintf("%s %s %s%s%s", cs_verb_name(q->verb), q->gvr->resource,
        q->name ? q->name : "", q->subresource ? "/" : "", q->subresource ? q->subresource : "");
    struct cs_rand before = s->rand;
    uint64_t key = deal_request(s, q, what);
    int64_t in = sim_between(s, 1, 12);
    int64_t out = sim_between(s, 1, 12);
    int64_t held = r->stalled ? r->paused_until_ms - s->now_ms : 0;
    struct cs_error err = CS_ERROR_INIT;

    s->n_requests++;
    if (is_lease(q) && q->verb != CS_VERB_GET) {
        r->asked_ms = s->now_ms;
        r->asked_rv = s->rv;
    }
    check_quiet(s, q, what);
    if (!cs_call_check(call, &err))
        sim_fail(s, "a call that must not be sent: %s", err.message);
    if (is_write(q) && !is_lease(q) && !r->dying)
        sim_lease_check_write(s, r, strcmp(call->gvr->resource, "events") != 0);
    if (q->verb == CS_VERB_LIST && !(q->query && strstr(q->query, "continue=")))
        sim_listed(r, q->gvr);
    if (s->faults_on && !r->dying) {
        if (sim_chance(s, 80))
            choose_fault(s, q, key, what, &in, &out);
        choose_death(s, q, key, what, &in);
        choose_pause(s, q, key, what, &in);
    } else {
        dawdle(s, key, what, &in, &out);
    }
    in = in > CS_DOUBT_MS - 1000 ? CS_DOUBT_MS - 1000 : in;
    suffer(s, q);
    if (is_create_of_pod(q))
        sim_promise_sent(s, q);
    if (q->effect_due)
        sim_second_thoughts(s, q, what, in + out);
    sim_say(s, "request %llu: %s%s", (unsigned long long)q->id, what,
        q->inject || q->lost || q->cut_body || !q->effect_due || in >= CALL_TIMEOUT_MS ? " (fault)" : "");
    q->held_ms = held;
    if (q->effect_due)
        sim_later_offline(s, held + in, on_effect, q->id);
    sim_later_offline(s, held + (in + out < CALL_TIMEOUT_MS ? in + out : CALL_TIMEOUT_MS), on_answer, q->id);
    s->rand = before;
    return q->id;
}

static void net_cancel(void *self, uint64_t id)
{
    struct sim_replica *r = self;
    struct sim *s = r->s;
    struct sim_req *q = req_of(s, id);

    sim_watch_cancel(s, id);
    if (!q)
        return;
    q->done = NULL; /* the effect may still come */
    if (q->effect_due && q->verb == CS_VERB_CREATE)
        s->orphan_creates = true;
    req_maybe_free(s, q);
}

const struct cs_client_ops sim_client_ops = {net_call, sim_watch_open, net_cancel};

/* ---- connections ---- */

void sim_net_drop(struct sim *s, bool arrives)
{
    struct sim_req *next;

    for (struct sim_req *q = s->reqs; q; q = next) {
        next = q->next;
        q->lost = true;
        if (!arrives || sim_chance(s, 500))
            q->effect_due = false;
        req_maybe_free(s, q);
    }
    sim_watch_drop(s);
}

void sim_net_done(struct sim *s)
{
    sim_watch_done(s);
    while (s->reqs) {
        s->reqs->effect_due = s->reqs->answer_due = false;
        req_maybe_free(s, s->reqs);
    }
}
