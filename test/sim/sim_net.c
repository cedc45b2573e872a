/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The network between controller and server: every request has an effect and an answer at times of their own, either may be
 * lost, and both may outlive the process that asked. Watches carry the server's log, late, in pieces of any size, and end.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "test/sim/sim.h"

#define CALL_TIMEOUT_MS 5000 /* D12 */
#define BOOKMARK_MS 60000

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

    if (!q)
        return;
    q->effect_due = false;
    if (q->inject == 0 || q->inject_after) {
        s->current = q;
        sim_api_handle(s, q, &q->answer);
        s->current = NULL;
    }
    if (q->inject != 0)
        inject(q);
    req_maybe_free(s, q);
}

static void on_answer(struct sim *s, uint64_t id)
{
    struct sim_req *q = req_of(s, id);
    struct cs_reply reply = {0};
    cs_reply_fn done;

    if (!q)
        return;
    q->answer_due = false;
    done = q->done;
    q->done = NULL;
    if (!done) {
        req_maybe_free(s, q);
        return;
    }
    reply.started_ms = q->sent_ms;
    if (q->effect_due || q->lost || !q->answer.body) {
        bool reset = q->lost && s->now_ms < q->sent_ms + CALL_TIMEOUT_MS;

        q->timed_out = true;
        (void)cs_error_set(&reply.err, reset ? CS_ERR_TRANSPORT : CS_ERR_TIMEOUT, reset ? "connection reset" : "no answer in time");
    } else {
        reply.status = q->answer.status;
        reply.body = cs_str(q->answer.body);
        cs_reply_error(reply.status, reply.body, q->answer.retry_after_ms, &reply.err);
    }
    sim_say(s, "  answer %llu: %d %s", (unsigned long long)q->id, reply.status,
        reply.err.kind != CS_ERR_NONE ? reply.err.message : "");
    /* The answer must live through the callback, in which the request may be cancelled. */
    cs_autofree char *body = cs_take(q->answer.body);
    req_maybe_free(s, q);
    done(q == NULL ? NULL : (void *)(uintptr_t)reply.started_ms, &reply);
}
