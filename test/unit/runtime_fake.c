/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests are kept until the end, answered or not, so that a test can look back at them. The loop's timers run at
 * their own times, never late.
 */
#include "test/unit/runtime_fake.h"

static int64_t rt_mono(void *ctx)
{
    return ((struct rt_fake *)ctx)->now_ms;
}

static int64_t rt_wall(void *ctx)
{
    const struct rt_fake *f = ctx;

    return f->now_ms + f->wall_ms;
}

static char *rt_dup(const char *s)
{
    return s ? cs_xstrdup(s) : NULL;
}

static uint64_t rt_call(void *self, const struct cs_call *call, cs_reply_fn done, void *ctx)
{
    struct rt_fake *f = self;
    struct rt_request *q = cs_new(struct rt_request);

    if (!cs_call_check(call, NULL))
        abort(); /* a real client would refuse it */
    *q = (struct rt_request){.verb = call->verb,
        .gvr = call->gvr,
        .ns = rt_dup(call->ns),
        .name = rt_dup(call->name),
        .subresource = rt_dup(call->subresource),
        .query = rt_dup(call->query),
        .body = call->body.len ? cs_xmemdupz(call->body.p, call->body.len) : NULL,
        .sent_ms = f->now_ms,
        .timeout_ms = call->timeout_ms,
        .done = done,
        .ctx = ctx,
        .open = true};
    cs_grow(f->requests, f->len, f->cap);
    f->requests[f->len++] = q;
    return f->len;
}

static void rt_cancel(void *self, uint64_t id)
{
    struct rt_fake *f = self;

    if (id > 0 && id <= f->len && f->requests[id - 1]->open) {
        f->requests[id - 1]->open = false;
        f->requests[id - 1]->cancelled = true;
    }
}

void rt_init(struct rt_fake *f)
{
    static const struct cs_client_ops ops = {.call = rt_call, .cancel = rt_cancel};

    *f = (struct rt_fake){.now_ms = 1000000, .wall_ms = RT_WALL};
    f->clock = (struct cs_clock){rt_mono, rt_wall, f};
    f->client = (struct cs_client){&ops, f};
    cs_loop_init(&f->loop, &f->clock);
}

void rt_done(struct rt_fake *f)
{
    for (size_t i = 0; i < f->len; i++) {
        free(f->requests[i]->ns);
        free(f->requests[i]->name);
        free(f->requests[i]->subresource);
        free(f->requests[i]->query);
        free(f->requests[i]->body);
        free(f->requests[i]);
    }
    free(f->requests);
    cs_loop_done(&f->loop);
}

void rt_pass(struct rt_fake *f, int64_t ms)
{
    int64_t end = f->now_ms + ms;

    for (int64_t wait = cs_loop_wait_ms(&f->loop); wait >= 0 && f->now_ms + wait <= end;
         wait = cs_loop_wait_ms(&f->loop)) {
        f->now_ms += wait;
        cs_loop_run_due(&f->loop);
    }
    f->now_ms = end;
}

size_t rt_count_open(const struct rt_fake *f)
{
    size_t n = 0;

    for (size_t i = 0; i < f->len; i++)
        n += f->requests[i]->open;
    return n;
}

struct rt_request *rt_oldest(const struct rt_fake *f)
{
    for (size_t i = 0; i < f->len; i++) {
        if (f->requests[i]->open)
            return f->requests[i];
    }
    return NULL;
}

struct rt_request *rt_expect(const struct rt_fake *f)
{
    struct rt_request *q = rt_oldest(f);

    if (!q)
        abort();
    return q;
}

void rt_answer(struct rt_request *q, int status, const char *body)
{
    struct cs_reply reply = {.status = status, .body = cs_str(body), .started_ms = q->sent_ms};

    if (status)
        cs_reply_error(status, reply.body, 0, &reply.err);
    else
        cs_error_set(&reply.err, CS_ERR_TIMEOUT, "no answer in time");
    q->open = false;
    q->done(q->ctx, &reply);
}

struct cs_jtree *rt_parse(const char *text)
{
    cs_autojdoc doc = {0};

    if (!text || !cs_jdoc_parse(&doc, text, strlen(text), NULL, NULL))
        abort();
    return cs_jtree_from(cs_jdoc_root(&doc));
}
