/* SPDX-License-Identifier: Apache-2.0 */
/* Processes of the controller: how they begin, run and end. */
#include <stdio.h>
#include <stdlib.h>

#include "common/base/alloc.h"
#include "test/sim/sim.h"

static int64_t mono(void *ctx)
{
    return ((struct sim_replica *)ctx)->s->now_ms;
}

static int64_t wall(void *ctx)
{
    return SIM_WALL_ZERO_MS + ((struct sim_replica *)ctx)->s->now_ms;
}

static bool may_write(void *ctx)
{
    (void)ctx;
    return true;
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
    sim_say(s, "the controller starts");
    cs_loop_init(&r->loop, &r->clock);
    o.metrics = r->metrics = cs_metrics_new();
    r->rand.state = sim_deal(s, "the controller's own");
    r->c = cs_new(struct cs_controller);
    cs_controller_init(r->c, &o);
    cs_controller_start(r->c);
    cs_controller_lead(r->c, true);
}

void sim_replica_step(struct sim_replica *r)
{
    if (!r->up)
        return;
    cs_loop_run_due(&r->loop);
    cs_controller_step(r->c);
}

void sim_stop(struct sim_replica *r)
{
    if (!r->up)
        return;
    r->up = false;
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
    sim_say(r->s, "the controller is killed");
    sim_stop(r);
    sim_later_offline(r->s, sim_between(r->s, 200, 15000), sim_start, r->number);
}
