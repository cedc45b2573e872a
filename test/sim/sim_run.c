/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One run: plays a scenario with virtual time, then takes the faults away and expects the set to converge and the controller to
 * fall silent.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/hash.h"
#include "test/sim/sim.h"

#define TROUBLE_MS 150000 /* user and faults act for so long */
#define CONVERGE_MS 1800000 /* then the set must converge within so long */
#define SETTLE_MS 90000 /* last writes after that: history, conditions, claims left by a predecessor (CS_DOUBT_MS) */
#define QUIET_MS 700000 /* and then nothing is sent but what keeps lease and watches alive; longer than a watch lives */
#define STEPS_MAX 400000 /* a run that takes more is a storm */
#define SHOWN_MAX 120 /* lines of the history of a run that failed */

/* ---- time, chance, history ---- */

static int64_t mono(void *ctx)
{
    return ((struct sim *)ctx)->now_ms;
}

static int64_t wall(void *ctx)
{
    return SIM_WALL_ZERO_MS + ((struct sim *)ctx)->now_ms;
}

const char *sim_time(struct sim *s, char buf[CS_RFC3339_SIZE])
{
    return cs_rfc3339_format(cs_clock_wall_ms(&s->clock), buf);
}

uint64_t sim_below(struct sim *s, uint64_t n)
{
    return cs_rand_below(&s->rand, n);
}

int64_t sim_between(struct sim *s, int64_t low, int64_t high)
{
    return low + (int64_t)sim_below(s, (uint64_t)(high - low) + 1);
}

bool sim_chance(struct sim *s, unsigned per_mille)
{
    return sim_below(s, 1000) < per_mille;
}

void sim_say(struct sim *s, const char *fmt, ...)
{
    char text[400];
    char **slot = &s->history[s->n_history++ % CS_ARRAY_LEN(s->history)];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    free(*slot);
    *slot = cs_xasprintf("%9.3f %s", (double)s->now_ms / 1000, text);
    s->digest = cs_fnv64_1a(s->digest, *slot, strlen(*slot));
    if (s->verbose)
        printf("%s\n", *slot);
}

void sim_fail(struct sim *s, const char *fmt, ...)
{
    va_list ap;

    if (s->failure[0])
        return;
    s->failure_format = fmt;
    va_start(ap, fmt);
    (void)vsnprintf(s->failure, sizeof(s->failure), fmt, ap);
    va_end(ap);
    sim_say(s, "VIOLATED: %s", s->failure);
}

static void run_task(void *ctx)
{
    struct sim_task *t = ctx;
    struct sim *s = t->s;
    sim_task_fn fn = t->fn;
    uint64_t arg = t->arg;

    if (s->now_ms < s->trouble.down_until_ms && !t->offline) {
        cs_timer_arm_at(&s->world, &t->timer, s->trouble.down_until_ms);
        return;
    }
    s->rand = t->rand;
    *(t->prev ? &t->prev->next : &s->tasks) = t->next;
    if (t->next)
        t->next->prev = t->prev;
    free(t);
    fn(s, arg);
}

static void later(struct sim *s, int64_t delay_ms, bool offline, sim_task_fn fn, uint64_t arg)
{
    struct sim_task *t = cs_new(struct sim_task);

    *t = (struct sim_task){.next = s->tasks,
        .s = s,
        .fn = fn,
        .arg = arg,
        .offline = offline,
        .timer = {.fn = run_task, .ctx = t},
        .rand = {cs_rand_u64(&s->rand)}};
    if (s->tasks)
        s->tasks->prev = t;
    s->tasks = t;
    cs_timer_arm_in(&s->world, &t->timer, delay_ms);
}

void sim_later(struct sim *s, int64_t delay_ms, sim_task_fn fn, uint64_t arg)
{
    later(s, delay_ms, false, fn, arg);
}

void sim_later_offline(struct sim *s, int64_t delay_ms, sim_task_fn fn, uint64_t arg)
{
    later(s, delay_ms, true, fn, arg);
}

/* ---- one run ---- */

static void user_turn(struct sim *s, uint64_t arg)
{
    uint64_t key = sim_deal(s, "user");
    int64_t pause = sim_chance(s, 300) ? sim_between(s, 10, 500) : sim_between(s, 500, 20000);

    if (s->now_ms >= TROUBLE_MS)
        return;
    sim_later(s, pause, user_turn, arg);
    sim_user_act(s, key);
}

static void peace(struct sim *s, uint64_t arg)
{
    (void)arg;
    s->faults_on = false;
    s->trouble.denied_until_ms = s->trouble.down_until_ms = s->trouble.no_lease_until_ms = 0;
    s->trouble.refused_until_ms = 0;
    for (size_t i = 0; i < CS_ARRAY_LEN(s->replicas); i++)
        s->replicas[i].skew_ms = 0;
    sim_watch_thaw(s);
    cs_jtree_free(cs_take(s->regret));
    sim_user_settle(s);
    sim_say(s, "from here on nothing fails");
}

static int64_t sooner(int64_t a, int64_t b)
{
    if (a < 0 || b < 0)
        return a < 0 ? b : a;
    return a < b ? a : b;
}

/* Advances to what is next, and does it. False: there is nothing. */
static bool step(struct sim *s)
{
    int64_t wait = cs_loop_wait_ms(&s->world);

    for (size_t i = 0; i < CS_ARRAY_LEN(s->replicas); i++)
        if (s->replicas[i].up && !sim_paused(&s->replicas[i]))
            wait = sooner(wait, cs_loop_wait_ms(&s->replicas[i].loop));
    if (wait < 0)
        return false;
    s->now_ms += wait;
    cs_loop_run_due(&s->world);
    for (size_t i = 0; i < CS_ARRAY_LEN(s->replicas); i++)
        sim_replica_step(&s->replicas[i]);
    for (size_t i = 0; i < CS_ARRAY_LEN(s->replicas); i++)
        s->replicas[i].stalled = false;
    return true;
}

/* Runs until the time, or until a failure; with until_converged also until that. */
static bool run_to(struct sim *s, int64_t until_ms, bool until_converged, char *why, size_t size)
{
    uint64_t seen = 0;

    for (uint64_t i = 0; s->now_ms < until_ms && !s->failure[0]; i++) {
        if (i > STEPS_MAX)
            sim_fail(s, "more than %d steps: a storm", STEPS_MAX);
        if (until_converged && s->rv != seen) {
            seen = s->rv;
            if (sim_converged(s, why, size))
                return true;
        }
        if (!step(s)) {
            sim_fail(s, "nothing will ever happen again");
            return false;
        }
    }
    return false;
}

void sim_play(struct sim *s)
{
    char why[256] = "";

    (void)sim_deal(s, "the server");
    s->pages_only = sim_chance(s, 250);
    (void)sim_deal(s, "the beginning");
    sim_user_begin(s);
    sim_start(s, 0);
    if (s->sc->standby)
        sim_later_offline(s, sim_between(s, 10, 5000), sim_start, 1);
    sim_later(s, sim_between(s, 100, 20000), user_turn, 0);
    s->faults_on = s->sc->faults;
    sim_trouble_begin(s);
    sim_later_offline(s, TROUBLE_MS, peace, 0);
    (void)run_to(s, s->now_ms + TROUBLE_MS + 1, false, NULL, 0);
    if (s->failure[0])
        return;
    if (!run_to(s, TROUBLE_MS + CONVERGE_MS, true, why, sizeof(why))) {
        sim_fail(s, "no convergence: %s", why);
        return;
    }
    sim_say(s, "converged");
    (void)run_to(s, s->now_ms + SETTLE_MS, false, NULL, 0);
    s->quiet = true;
    (void)run_to(s, s->now_ms + QUIET_MS, false, NULL, 0);
    if (!sim_converged(s, why, sizeof(why)))
        sim_fail(s, "it did not stay converged: %s", why);
}

struct sim *sim_new(const struct sim_options *o)
{
    struct sim *s = cs_new(struct sim);

    s->o = *o;
    s->seed = o->seed;
    s->sc = o->sc;
    s->verbose = o->verbose;
    s->rand.state = s->seed * 0x9e3779b97f4a7c15ull + 1;
    s->clock = (struct cs_clock){mono, wall, s};
    s->now_ms = 1000;
    cs_loop_init(&s->world, &s->clock);
    return s;
}

void sim_free(struct sim *s)
{
    for (size_t i = 0; i < CS_ARRAY_LEN(s->replicas); i++)
        sim_stop(&s->replicas[i]);
    sim_net_done(s);
    sim_backup_done(s);
    sim_api_done(s);
    sim_trouble_done(s);
    while (s->tasks) {
        struct sim_task *t = s->tasks;

        cs_timer_disarm(&s->world, &t->timer);
        s->tasks = t->next;
        free(t);
    }
    cs_loop_done(&s->world);
    cs_jtree_free(s->regret);
    cs_jtree_free(s->lease);
    sim_edits_done(s);
    for (size_t i = 0; i < s->n_uids; i++)
        free(s->uids[i]);
    free(s->limits);
    free(s->samples);
    free(s->takes);
    for (size_t i = 0; i < CS_ARRAY_LEN(s->history); i++)
        free(s->history[i]);
    free(s);
}

/* What the server holds. */
static void dump(const struct sim *s)
{
    for (const struct sim_obj *o = s->objs; o; o = o->next) {
        cs_autofree char *text = sim_print(o->t);

        printf("%s %s %s\n", cs_kind_gvr(o->kind)->kind, o->name, text);
    }
}

void sim_show(const struct sim *s)
{
    uint64_t from = s->n_history > SHOWN_MAX ? s->n_history - SHOWN_MAX : 0;

    if (s->verbose)
        dump(s);
    printf("---- seed %" PRIu64 " (%s): %s; its events:\n", s->seed, s->sc->name, s->failure);
    for (size_t i = 0; i < s->trouble.n_events; i++)
        printf("%s\n", s->trouble.events[i].text);
    if (!s->verbose) {
        printf("---- its last lines:\n");
        for (uint64_t i = from; i < s->n_history; i++)
            printf("%s\n", s->history[i % CS_ARRAY_LEN(s->history)]);
    }
    printf("---- digest %016" PRIx64 "; in full: sim --seed %" PRIu64 " --verbose", s->digest, s->seed);
    for (size_t i = 0; s->o.only && i < s->o.only->n; i++)
        printf("%s%08x", i == 0 ? " --only " : ",", s->o.only->ids[i]);
    printf("\n");
}
