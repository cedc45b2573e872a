/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See workqueue.h.
 */
#include "controller/runtime/workqueue.h"

#define BACKOFF_FIRST_MS 5
#define BACKOFF_MAX_MS 30000

static const struct cs_metric_desc desc_depth = {
    .name = "workqueue_depth", .help = "Current depth of the workqueue", .type = CS_METRIC_GAUGE, .labels = {"name"}};
static const struct cs_metric_desc desc_adds = {.name = "workqueue_adds_total",
    .help = "Adds handled by the workqueue",
    .type = CS_METRIC_COUNTER,
    .labels = {"name"}};
static const struct cs_metric_desc desc_retries = {.name = "workqueue_retries_total",
    .help = "Retries handled by the workqueue",
    .type = CS_METRIC_COUNTER,
    .labels = {"name"}};
static const double wait_buckets[] = {0.001, 0.01, 0.1, 1, 10};
static const struct cs_metric_desc desc_wait = {.name = "workqueue_queue_duration_seconds",
    .help = "How long an item stays in the workqueue before it is handled",
    .type = CS_METRIC_HISTOGRAM,
    .labels = {"name"},
    .buckets = wait_buckets,
    .n_buckets = 5};

void cs_workqueue_init(
    struct cs_workqueue *q, const char *name, struct cs_loop *loop, struct cs_rand *rand, struct cs_metrics *metrics)
{
    *q = (struct cs_workqueue){.loop = loop, .rand = rand, .name = name};
    q->m_depth = cs_metric_get(metrics, &desc_depth);
    q->m_adds = cs_metric_get(metrics, &desc_adds);
    q->m_retries = cs_metric_get(metrics, &desc_retries);
    q->m_wait = cs_metric_get(metrics, &desc_wait);
}

static void on_timer(void *ctx)
{
    cs_workqueue_add(ctx);
}

void cs_work_init(struct cs_work *w, struct cs_workqueue *q)
{
    *w = (struct cs_work){.q = q, .timer = {.fn = on_timer, .ctx = w}};
}

static void unqueue(struct cs_work *w)
{
    struct cs_workqueue *q = w->q;

    *(w->prev ? &w->prev->next : &q->head) = w->next;
    *(w->next ? &w->next->prev : &q->tail) = w->prev;
    w->next = w->prev = NULL;
    w->queued = false;
    q->depth--;
    cs_metric_set(q->m_depth, q->depth, CS_LABELS(q->name));
}

void cs_work_done(struct cs_work *w)
{
    if (w->queued)
        unqueue(w);
    cs_timer_disarm(w->q->loop, &w->timer);
}

void cs_workqueue_add(struct cs_work *w)
{
    struct cs_workqueue *q = w->q;

    if (w->queued)
        return;
    cs_timer_disarm(q->loop, &w->timer);
    w->queued = true;
    w->added_ms = cs_loop_now_ms(q->loop);
    w->prev = q->tail;
    w->next = NULL;
    *(q->tail ? &q->tail->next : &q->head) = w;
    q->tail = w;
    q->depth++;
    cs_metric_add(q->m_adds, 1, CS_LABELS(q->name));
    cs_metric_set(q->m_depth, q->depth, CS_LABELS(q->name));
}

void cs_workqueue_add_at(struct cs_work *w, int64_t mono_ms)
{
    if (w->queued || (cs_timer_armed(&w->timer) && w->timer.at_ms <= mono_ms))
        return;
    cs_timer_arm_at(w->q->loop, &w->timer, mono_ms);
}

int64_t cs_workqueue_add_rate_limited(struct cs_work *w)
{
    int64_t delay = w->failures < 13 ? (int64_t)BACKOFF_FIRST_MS << w->failures : BACKOFF_MAX_MS;

    if (delay > BACKOFF_MAX_MS)
        delay = BACKOFF_MAX_MS;
    delay = cs_rand_jitter_ms(w->q->rand, delay, 20);
    w->failures++;
    cs_metric_add(w->q->m_retries, 1, CS_LABELS(w->q->name));
    cs_workqueue_add_at(w, cs_loop_now_ms(w->q->loop) + delay);
    return delay;
}

void cs_workqueue_forget(struct cs_work *w)
{
    w->failures = 0;
}

struct cs_work *cs_workqueue_get(struct cs_workqueue *q)
{
    struct cs_work *w = q->head;

    if (!w)
        return NULL;
    unqueue(w);
    cs_metric_observe(q->m_wait, (double)(cs_loop_now_ms(q->loop) - w->added_ms) / 1000.0, CS_LABELS(q->name));
    return w;
}
