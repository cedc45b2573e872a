/* SPDX-License-Identifier: Apache-2.0 */
/* Processes of the controller: how they begin, run and end; wired together as in controller/main.c. */
#include <stdio.h>
#include <stdlib.h>

#include "common/base/alloc.h"
#include "test/sim/sim.h"

#define STOP_PATIENCE_MS 8000

static int64_t mono(void *ctx)
{
    const struct sim_replica *r = ctx;

    return r->stalled ? r->paused_until_ms : r->s->now_ms;
}

static int64_t wall(void *ctx)
{
    const struct sim_replica *r = ctx;

    return SIM_WALL_ZERO_MS + mono(ctx) + r->skew_ms;
}

/* ---- who decides ---- */

static bool may_write(void *ctx)
{
    const struct sim_replica *r = ctx;

    return !r->leader || cs_leader_may_write(r->leader);
}

static void decide_or_not(void *ctx)
{
    struct sim_replica *r = ctx;
    bool lead = !r->stopping && (!r->leader || cs_leader_is(r->leader));

    if (lead == r->c->deciding)
        return;
    r->gained_ms = r->leader ? r->asked_ms : r->s->now_ms;
    r->gained_rv = r->leader ? r->asked_rv : r->s->rv;
    sim_say(r->s, "replica %u %s", r->number, lead ? "leads" : "does not lead any more");
    cs_controller_lead(r->c, lead);
}

static void start_reading(void *ctx)
{
    struct sim_replica *r = ctx;

    cs_timer_disarm(&r->loop, &r->start_timer);
    cs_controller_start(r->c);
}

static void on_taking(void *ctx)
{
    struct sim_replica *r = ctx;

    cs_controller_alone(r->c);
    start_reading(r);
}

/* ---- begin and end ---- */

static void start_election(struct sim_replica *r)
{
    const struct cs_leader_options o = {.client = &r->client,
        .loop = &r->loop,
        .clock = &r->clock,
        .rand = &r->rand,
        .log = &r->log,
        .metrics = r->metrics,
        .ns = "cloneset-system",
        .name = "cloneset-controller",
        .identity = r->identity,
        .on_taking = on_taking,
        .on_started = decide_or_not,
        .on_stopped = decide_or_not,
        .ctx = r};

    (void)snprintf(r->identity, sizeof(r->identity), "replica-%u_%u", r->number, r->life);
    r->leader = cs_leader_new(&o);
    cs_leader_start(r->leader);
}

void sim_start(struct sim *s, uint64_t number)
{
    struct sim_replica *r = &s->replicas[number];
    struct cs_controller_options o = {.client = &r->client,
        .loop = &r->loop,
        .clock = &r->clock,
        .log = &r->log,
        .rand = &r->rand,
        .instance = "sim",
        .gates = {.vertical_scaling = s->sc->resizes, .short_hash = s->sc->resizes},
        .may_write = may_write,
        .ctx = r};

    *r = (struct sim_replica){.s = s, .number = (unsigned)number, .life = r->life + 1, .up = true};
    r->clock = (struct cs_clock){mono, wall, r};
    r->client = (struct cs_client){&sim_client_ops, r};
    r->log = (struct cs_log){.out = s->verbose ? stdout : NULL, .clock = &r->clock, .max = CS_LOG_DEBUG};
    sim_say(s, "replica %u starts", r->number);
    s->changed_ms = s->now_ms;
    cs_loop_init(&r->loop, &r->clock);
    o.metrics = r->metrics = cs_metrics_new();
    r->rand.state = sim_deal(s, number == 0 ? "what replica 0 deals itself" : "what replica 1 deals itself");
    r->c = cs_new(struct cs_controller);
    cs_controller_init(r->c, &o);
    r->start_timer = (struct cs_timer){.fn = start_reading, .ctx = r};
    cs_timer_arm_in(&r->loop, &r->start_timer, s->sc->standby ? 200 : 0); /* as main.c does */
    if (s->sc->standby)
        start_election(r);
    decide_or_not(r);
}

void sim_stop(struct sim_replica *r)
{
    if (!r->up)
        return;
    r->up = false;
    cs_timer_disarm(&r->loop, &r->start_timer);
    cs_timer_disarm(&r->loop, &r->stop_timer);
    cs_leader_free(cs_take(r->leader));
    cs_controller_done(r->c);
    free(cs_take(r->c));
    if (r->loop.len > 0)
        sim_fail(r->s, "a controller that has ended left %zu timers behind", r->loop.len);
    cs_loop_done(&r->loop);
    cs_metrics_free(cs_take(r->metrics));
}

void sim_crash(struct sim_replica *r)
{
    if (!r->up)
        return;
    sim_say(r->s, "replica %u ends", r->number);
    sim_stop(r);
    sim_later_offline(r->s, sim_chance(r->s, 400) ? sim_between(r->s, 50, 1000) : sim_between(r->s, 1000, 15000),
        sim_start, r->number);
}

static void end_now(void *ctx)
{
    ((struct sim_replica *)ctx)->ended = true;
}

static void when_idle(void *ctx)
{
    struct sim_replica *r = ctx;

    if (r->c->inflight > 0) {
        cs_timer_arm_in(&r->loop, &r->stop_timer, 20);
        return;
    }
    r->stop_timer.fn = end_now;
    cs_timer_arm_in(&r->loop, &r->stop_timer, STOP_PATIENCE_MS);
    if (r->leader)
        cs_leader_release(r->leader, end_now, r);
    else
        r->ended = true;
}

void sim_retire(struct sim_replica *r)
{
    if (!r->up || r->stopping || sim_paused(r))
        return;
    sim_say(r->s, "replica %u is to end", r->number);
    r->stopping = true;
    decide_or_not(r);
    r->stop_timer = (struct cs_timer){.fn = when_idle, .ctx = r};
    cs_timer_arm_in(&r->loop, &r->stop_timer, 0);
}

/* ---- run ---- */

bool sim_paused(const struct sim_replica *r)
{
    return r->up && r->s->now_ms < r->paused_until_ms;
}

static void wake(struct sim *s, uint64_t number)
{
    sim_say(s, "replica %u may run again", (unsigned)number);
}

void sim_pause(struct sim_replica *r, int64_t ms)
{
    if (!r->up)
        return;
    sim_say(r->s, "replica %u stands still for %lld ms", r->number, (long long)ms);
    r->paused_until_ms = r->s->now_ms + ms;
    sim_later_offline(r->s, ms, wake, r->number);
}

void sim_replica_step(struct sim_replica *r)
{
    if (!r->up || sim_paused(r))
        return;
    cs_loop_run_due(&r->loop);
    cs_controller_step(r->c);
    if (r->ended)
        sim_crash(r);
}
