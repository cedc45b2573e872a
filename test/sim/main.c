/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs seeds: each picks a scenario, plays it with virtual time, then takes the faults away and expects the set to converge and
 * the controller to fall silent. Prints "ok <name>" or "FAIL <name>: why" per scenario and a summary.
 *
 *     sim [--seeds N] [--from S] | --seed S [--verbose]
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
#define QUIET_MS 120000 /* and then no write */
#define STEPS_MAX 400000 /* a run that takes more is a storm */

#define SIM_ALL .scales = true, .deletes = true, .recreates = true

static const struct sim_scenario scenarios[] = {
    {.name = "rollouts and scaling without faults stay within maxUnavailable",
        .scales = true,
        .recreates = true,
        .strict_unavailable = true},
    {.name = "everything a user does, without faults", .scales = true, .deletes = true, .recreates = true},
    {.name = "claims survive deletions and evictions", .claims = true, .deletes = true, .faults = true},
    {.name = "faults and crashes", .faults = true, .scales = true, .deletes = true, .recreates = true},
    {.name = "faults and crashes, with claims",
        .faults = true,
        .claims = true,
        .scales = true,
        .deletes = true,
        .recreates = true},
    {.name = "whose claims go and whose stay, without faults",
        .claims = true,
        .scales = true,
        .deletes = true,
        .recreates = true,
        .minds_claims = true},
    {.name = "whose claims go and whose stay, with faults and crashes",
        .faults = true,
        .claims = true,
        .scales = true,
        .deletes = true,
        .recreates = true,
        .minds_claims = true},
    {.name = "InPlaceOnly never recreates", .faults = true, .in_place_only = true, .scales = true, .deletes = true},
    {.name = "hooks hold what they hold, within maxUnavailable",
        .hooks = true,
        .recreates = true,
        .strict_unavailable = true},
    {.name = "hooks, faults and crashes, with claims",
        .hooks = true,
        .faults = true,
        .claims = true,
        .scales = true,
        .deletes = true,
        .recreates = true},
    {.name = "resources change in place, faults and crashes",
        .faults = true,
        .resizes = true,
        .scales = true,
        .deletes = true,
        .recreates = true},
    {.name = "hooks, claims and resources, with faults and crashes",
        .hooks = true,
        .faults = true,
        .claims = true,
        .resizes = true,
        .scales = true,
        .deletes = true,
        .recreates = true,
        .minds_claims = true},
    {.name = "Pods crash, finish, never become ready, without faults", .sick = true, SIM_ALL},
    {.name = "Pods crash, finish, never become ready, with claims, faults and crashes",
        .sick = true,
        .claims = true,
        .faults = true,
        SIM_ALL},
    {.name = "nodes die and the cluster is full, with claims",
        .nodes_die = true,
        .unscheduled = true,
        .claims = true,
        SIM_ALL},
    {.name = "nodes die and the cluster is full, with claims, faults and crashes",
        .nodes_die = true,
        .unscheduled = true,
        .claims = true,
        .faults = true,
        SIM_ALL},
    {.name = "the user edits any field", .edits = true, SIM_ALL},
    {.name = "the user edits any field, with claims, faults and crashes",
        .edits = true,
        .claims = true,
        .faults = true,
        SIM_ALL},
    {.name = "others lay hands on Pods and claims", .meddles = true, .claims = true, SIM_ALL},
    {.name = "others lay hands on Pods and claims, with faults and crashes",
        .meddles = true,
        .claims = true,
        .faults = true,
        SIM_ALL},
    {.name = "the set is deleted and made again, with claims", .remakes = true, .claims = true, SIM_ALL},
    {.name = "the set is deleted and made again, with claims, faults and crashes",
        .remakes = true,
        .claims = true,
        .faults = true,
        SIM_ALL},
    {.name = "quota and webhooks of others refuse, with claims", .refuses = true, .claims = true, SIM_ALL},
    {.name = "quota and webhooks of others refuse, with claims, faults and crashes",
        .refuses = true,
        .claims = true,
        .faults = true,
        SIM_ALL},
    {.name = "what nobody mends is told in status", .ends_stuck = true, SIM_ALL},
    {.name = "all of it, with faults and crashes",
        .sick = true,
        .nodes_die = true,
        .unscheduled = true,
        .edits = true,
        .meddles = true,
        .remakes = true,
        .refuses = true,
        .minds_claims = true,
        .claims = true,
        .faults = true,
        SIM_ALL},
};

/* Seeds that found something; run whenever a range is. What they play changes when the simulation does. */
static const struct {
    uint64_t seed;
    unsigned scenario; /* the one that it was found in */
} regressions[] = {
    {43, 11},
    {52, 8}, /* a marked Pod that still served headed the list of candidates and held up the others for good */
    {195, 8}, /* a create that met a conflict was planned once more while it was looked up */
    {738, 1}, {792, 0}, /* a gate on its way to False was not counted when the user rolled back at that moment */
    {831, 6},
    {2970, 0}, /* taken back before the kubelet acted, an in-place update waited for ever for a new container */
    {4045, 8}, {5157, 9},
    {5173, 3}, /* a create in doubt was refused when sent again, and another name was taken as well */
    {1812, 8}, /* a Pod was made under a name that podsToDelete still had, and went with the claims it had taken over */
    {90987, 6}, /* a claim was taken over while a DELETE of it, whose answer got lost, was still to land */
    {3311, 0}, /* a create in doubt was sent again though its Pod had come, gone and been replaced */
};

static size_t scenario_of(uint64_t seed)
{
    for (size_t i = 0; i < CS_ARRAY_LEN(regressions); i++)
        if (regressions[i].seed == seed)
            return regressions[i].scenario;
    return (size_t)(seed % CS_ARRAY_LEN(scenarios));
}

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

    *(t->prev ? &t->prev->next : &s->tasks) = t->next;
    if (t->next)
        t->next->prev = t->prev;
    free(t);
    fn(s, arg);
}

void sim_later(struct sim *s, int64_t delay_ms, sim_task_fn fn, uint64_t arg)
{
    struct sim_task *t = cs_new(struct sim_task);

    *t = (struct sim_task){.next = s->tasks, .s = s, .fn = fn, .arg = arg, .timer = {.fn = run_task, .ctx = t}};
    if (s->tasks)
        s->tasks->prev = t;
    s->tasks = t;
    cs_timer_arm_in(&s->world, &t->timer, delay_ms);
}

/* ---- the controller's process ---- */

static bool may_write(void *ctx)
{
    (void)ctx;
    return true;
}

static void start_controller(struct sim *s, uint64_t arg)
{
    struct cs_controller_options o = {.client = &s->client,
        .loop = &s->loop,
        .clock = &s->clock,
        .log = &s->clog,
        .rand = &s->controller_rand,
        .instance = "sim",
        .gates = {.vertical_scaling = s->sc->resizes, .short_hash = s->sc->resizes},
        .may_write = may_write,
        .ctx = s};

    (void)arg;
    sim_say(s, "the controller starts");
    cs_loop_init(&s->loop, &s->clock);
    s->metrics = cs_metrics_new();
    o.metrics = s->metrics;
    s->controller_rand.state = cs_rand_u64(&s->rand);
    s->c = cs_new(struct cs_controller);
    cs_controller_init(s->c, &o);
    cs_controller_start(s->c);
    cs_controller_lead(s->c, true);
    s->up = true;
}

static void stop_controller(struct sim *s)
{
    if (!s->up)
        return;
    s->up = false;
    cs_controller_done(s->c);
    free(cs_take(s->c));
    if (s->loop.len > 0)
        sim_fail(s, "a controller that has ended left %zu timers behind", s->loop.len);
    cs_loop_done(&s->loop);
    cs_metrics_free(cs_take(s->metrics));
}

void sim_crash(struct sim *s)
{
    if (!s->up)
        return;
    sim_say(s, "the controller is killed");
    s->n_faults++;
    stop_controller(s);
    sim_later(s, sim_between(s, 200, 15000), start_controller, 0);
}

/* ---- one run ---- */

static void user_turn(struct sim *s, uint64_t arg)
{
    (void)arg;
    if (s->now_ms >= TROUBLE_MS)
        return;
    sim_user_act(s);
    sim_later(s, sim_chance(s, 300) ? sim_between(s, 10, 500) : sim_between(s, 500, 20000), user_turn, 0);
}

static void trouble_turn(struct sim *s, uint64_t arg)
{
    (void)arg;
    if (!s->faults_on)
        return;
    switch (sim_below(s, 5)) {
    case 0:
        sim_crash(s);
        break;
    case 1:
        sim_net_freeze(s);
        break;
    default:
        sim_net_cut(s, sim_chance(s, 300));
        break;
    }
    sim_later(s, sim_between(s, 1000, 20000), trouble_turn, 0);
}

static void peace(struct sim *s, uint64_t arg)
{
    (void)arg;
    s->faults_on = false;
    for (struct sim_stream *w = s->streams; w; w = w->next)
        if (w->frozen_until_ms > s->now_ms)
            w->frozen_until_ms = s->now_ms + 1;
    cs_jtree_free(cs_take(s->regret));
    sim_user_settle(s);
    sim_say(s, "from here on nothing fails");
}

/* Advances to what is next, and does it. False: there is nothing. */
static bool step(struct sim *s)
{
    int64_t wait = cs_loop_wait_ms(&s->world);
    int64_t other = s->up ? cs_loop_wait_ms(&s->loop) : -1;

    if (wait < 0 || (other >= 0 && other < wait))
        wait = other;
    if (wait < 0)
        return false;
    s->now_ms += wait;
    cs_loop_run_due(&s->world);
    if (s->up)
        cs_loop_run_due(&s->loop);
    if (s->up)
        cs_controller_step(s->c);
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

static void play(struct sim *s)
{
    char why[256] = "";
    uint64_t asked;

    sim_user_begin(s);
    start_controller(s, 0);
    sim_later(s, sim_between(s, 100, 20000), user_turn, 0);
    s->faults_on = s->sc->faults;
    if (s->sc->faults)
        sim_later(s, sim_between(s, 10, 10000), trouble_turn, 0);
    sim_later(s, TROUBLE_MS, peace, 0);
    (void)run_to(s, s->now_ms + TROUBLE_MS + 1, false, NULL, 0);
    if (s->failure[0])
        return;
    if (!run_to(s, TROUBLE_MS + CONVERGE_MS, true, why, sizeof(why))) {
        sim_fail(s, "no convergence: %s", why);
        return;
    }
    sim_say(s, "converged");
    (void)run_to(s, s->now_ms + SETTLE_MS, false, NULL, 0);
    asked = s->n_asked;
    (void)run_to(s, s->now_ms + QUIET_MS, false, NULL, 0);
    if (s->n_asked != asked)
        sim_fail(s, "%" PRIu64 " requests after all was done", s->n_asked - asked);
    if (!sim_converged(s, why, sizeof(why)))
        sim_fail(s, "it did not stay converged: %s", why);
}

struct totals {
    uint64_t requests, faults, failures;
};

static void sim_done(struct sim *s)
{
    stop_controller(s);
    sim_net_done(s);
    sim_api_done(s);
    while (s->tasks) {
        struct sim_task *t = s->tasks;

        cs_timer_disarm(&s->world, &t->timer);
        s->tasks = t->next;
        free(t);
    }
    cs_loop_done(&s->world);
    cs_jtree_free(s->regret);
    sim_edits_done(s);
    for (size_t i = 0; i < s->n_uids; i++)
        free(s->uids[i]);
    free(s->limits);
    free(s->samples);
    for (size_t i = 0; i < CS_ARRAY_LEN(s->history); i++)
        free(s->history[i]);
}

/* What the server holds. */
static void dump(const struct sim *s)
{
    for (const struct sim_obj *o = s->objs; o; o = o->next) {
        cs_autofree char *text = sim_print(o->t);

        printf("%s %s %s\n", cs_kind_gvr(o->kind)->kind, o->name, text);
    }
}

/* Returns the digest of the run; why: "" when all was well. */
static uint64_t run_seed(uint64_t seed, bool verbose, struct totals *totals, char why[512])
{
    struct sim *s = cs_new(struct sim);
    uint64_t digest;

    s->seed = seed;
    s->sc = &scenarios[scenario_of(seed)];
    s->verbose = verbose;
    s->rand.state = seed * 0x9e3779b97f4a7c15ull + 1;
    s->clock = (struct cs_clock){mono, wall, s};
    s->now_ms = 1000;
    s->client = (struct cs_client){&sim_client_ops, s};
    s->clog = (struct cs_log){.out = verbose ? stdout : NULL, .clock = &s->clock, .max = CS_LOG_DEBUG};
    cs_loop_init(&s->world, &s->clock);
    play(s);
    memcpy(why, s->failure, sizeof(s->failure));
    if (s->failure[0] && verbose)
        dump(s);
    if (s->failure[0] && !verbose) {
        uint64_t from = s->n_history > CS_ARRAY_LEN(s->history) ? s->n_history - CS_ARRAY_LEN(s->history) : 0;

        printf("---- seed %" PRIu64 " (%s): %s; its last events:\n", seed, s->sc->name, s->failure);
        for (uint64_t i = s->n_history - from > 120 ? s->n_history - 120 : from; i < s->n_history; i++)
            printf("%s\n", s->history[i % CS_ARRAY_LEN(s->history)]);
        printf("---- again, in full: --seed %" PRIu64 " --verbose\n", seed);
    }
    totals->requests += s->n_requests;
    totals->faults += s->n_faults;
    totals->failures += s->failure[0] != '\0';
    digest = s->digest;
    sim_done(s);
    free(s);
    return digest;
}

static uint64_t number(const char *text)
{
    uint64_t n;

    if (!text || !cs_parse_u64(cs_str(text), &n)) {
        (void)fprintf(stderr, "sim: a number is expected, not \"%s\"\n", text ? text : "");
        exit(2);
    }
    return n;
}

struct tally {
    char first[CS_ARRAY_LEN(scenarios)][600]; /* first failure, "" none */
    uint64_t ran[CS_ARRAY_LEN(scenarios)];
    struct totals totals;
    uint64_t seeds;
};

static void count_seed(struct tally *t, uint64_t seed, bool verbose)
{
    size_t k = scenario_of(seed);
    char why[512];

    if (t->totals.failures >= 5)
        return; /* enough to look at */
    (void)run_seed(seed, verbose, &t->totals, why);
    t->seeds++;
    t->ran[k]++;
    if (why[0] && !t->first[k][0])
        (void)snprintf(t->first[k], sizeof(t->first[k]), "seed %" PRIu64 ": %s", seed, why);
}

static bool repeats(uint64_t seed)
{
    struct totals ignored = {0};
    char why[512];

    const uint64_t first = run_seed(seed, false, &ignored, why);

    return run_seed(seed, false, &ignored, why) == first;
}

static int report(const struct tally *t, bool checked, bool repeated)
{
    unsigned passed = 0;
    unsigned failed = 0;

    for (size_t k = 0; k < CS_ARRAY_LEN(scenarios); k++) {
        if (t->ran[k] == 0)
            continue;
        if (t->first[k][0])
            printf("FAIL %s: %s\n", scenarios[k].name, t->first[k]);
        else
            printf("ok %s\n", scenarios[k].name);
        failed += t->first[k][0] != '\0';
        passed += t->first[k][0] == '\0';
    }
    if (checked) {
        printf("%s\n", repeated ? "ok a seed repeats itself" : "FAIL a seed repeats itself: two runs differ");
        passed += repeated;
        failed += !repeated;
    }
    printf("sim: %" PRIu64 " seeds, %" PRIu64 " requests, %" PRIu64 " faults, %" PRIu64 " failures\n", t->seeds,
        t->totals.requests, t->totals.faults, t->totals.failures);
    printf("sim: %u passed, %u failed\n", passed, failed);
    return failed ? 1 : 0;
}

int main(int argc, char **argv)
{
    uint64_t from = 1;
    uint64_t n = 300;
    bool verbose = false;
    bool one = false;
    struct tally t = {0};
    bool repeated = true;

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--seeds") == 0)
            n = number(argv[++i]);
        else if (strcmp(argv[i], "--from") == 0)
            from = number(argv[++i]);
        else if (strcmp(argv[i], "--verbose") == 0)
            verbose = true;
        else if (strcmp(argv[i], "--seed") == 0) {
            from = number(argv[++i]);
            one = true;
        } else {
            (void)fprintf(stderr, "usage: sim [--seeds N] [--from S] | --seed S [--verbose]\n");
            return 2;
        }
    }
    if (one)
        n = 1;
    for (uint64_t seed = from; seed < from + n; seed++)
        count_seed(&t, seed, verbose);
    for (size_t i = 0; !one && i < CS_ARRAY_LEN(regressions); i++)
        if (regressions[i].seed < from || regressions[i].seed >= from + n)
            count_seed(&t, regressions[i].seed, verbose);
    if (!one && t.totals.failures == 0)
        repeated = repeats(from + 4) && repeats(from + 3);
    return report(&t, !one, repeated);
}
