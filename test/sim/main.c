/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs seeds: each picks a scenario and plays it (sim_run.c). Prints "ok <name>" or "FAIL <name>: why" per scenario and a
 * summary; without failures the same whatever the number of processes.
 *
 *     sim [--seeds N] [--from S] [--jobs J] | --seed S [--only EVENT,EVENT...] [--verbose]
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/alloc.h"
#include "test/sim/sim.h"

#define FAILURES_MAX 5 /* of one process: enough to look at */
#define JOBS_MAX 64

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
    {.name = "others lay hands on Pods and claims", .meddles = true, .claims = true, .minds_claims = true, SIM_ALL},
    {.name = "others lay hands on Pods and claims, with faults and crashes",
        .meddles = true,
        .claims = true,
        .minds_claims = true,
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
    {.name = "slow requests, and nothing else, stay within maxUnavailable",
        .slow = true,
        .recreates = true,
        .strict_unavailable = true},
    {.name = "slow requests, quota and webhooks of others, whose claims go and whose stay",
        .slow = true,
        .refuses = true,
        .claims = true,
        .minds_claims = true,
        SIM_ALL},
    {.name = "all of it, without faults",
        .slow = true,
        .sick = true,
        .nodes_die = true,
        .unscheduled = true,
        .edits = true,
        .meddles = true,
        .remakes = true,
        .refuses = true,
        .minds_claims = true,
        .claims = true,
        SIM_ALL},
    {.name = "two replicas: at most one writes",
        .standby = true,
        .faults = true,
        .scales = true,
        .deletes = true,
        .recreates = true},
    {.name = "two replicas, with claims, hooks and resources",
        .standby = true,
        .hooks = true,
        .faults = true,
        .claims = true,
        .resizes = true,
        .scales = true,
        .deletes = true,
        .recreates = true,
        .minds_claims = true},
};

static size_t scenario_of(uint64_t seed)
{
    return (size_t)(seed % CS_ARRAY_LEN(scenarios));
}

struct tally {
    char first[CS_ARRAY_LEN(scenarios)][600]; /* first failure, "" none */
    uint64_t ran[CS_ARRAY_LEN(scenarios)];
    uint64_t seeds, requests, failures, faults[SIM_F_COUNT];
};

struct range {
    uint64_t from, n;
};

/* Plays the few events that it takes, and shows them. Returns the digest of that run. */
static uint64_t show_shrunk(const struct sim *failed, size_t *ret_events, bool quiet)
{
    unsigned runs = 0;
    struct sim_only few = sim_shrink(failed, &runs);
    struct sim_options o = failed->o;
    uint64_t digest;
    struct sim *s;

    o.only = &few;
    s = sim_new(&o);
    sim_play(s);
    if (!quiet) {
        printf("---- seed %" PRIu64 " fails with %zu of its %zu events (%u runs)\n", o.seed, few.n,
            failed->trouble.n_events, runs);
        sim_show(s);
    }
    *ret_events = few.n;
    digest = s->digest;
    sim_free(s);
    free(few.ids);
    return digest;
}

/* Returns the digest of the run. */
static uint64_t run_seed(struct tally *t, uint64_t seed, const struct sim_only *only, bool verbose)
{
    size_t k = scenario_of(seed);
    const struct sim_options o = {.seed = seed, .sc = &scenarios[k], .only = only, .verbose = verbose};
    struct sim *s = sim_new(&o);
    uint64_t digest;
    size_t few;

    sim_play(s);
    if (s->failure[0]) {
        if (only || verbose)
            sim_show(s);
        else
            (void)show_shrunk(s, &few, false);
        t->failures++;
        if (!t->first[k][0])
            (void)snprintf(t->first[k], sizeof(t->first[k]), "seed %" PRIu64 ": %s", seed, s->failure);
    }
    t->seeds++;
    t->ran[k]++;
    t->requests += s->n_requests;
    for (size_t i = 0; i < SIM_F_COUNT; i++)
        t->faults[i] += s->trouble.counts[i];
    digest = s->digest;
    sim_free(s);
    return digest;
}

static bool repeats(uint64_t seed)
{
    struct tally ignored = {0};
    const uint64_t first = run_seed(&ignored, seed, NULL, false);

    return run_seed(&ignored, seed, NULL, false) == first;
}

/*
 * Runs that fail at the second of two events shrink to these and those on which they depend, and twice to the same byte. How many
 * these are is a matter of the history: of five together they are few.
 */
static bool shrinks(uint64_t from)
{
    struct sim_options o = {.seed = from, .sc = &scenarios[3], .trap = true};
    size_t events = 0;
    size_t left = 0;
    bool ok = true;

    for (unsigned failed = 0; ok && failed < 5; o.seed++) {
        struct sim *s = sim_new(&o);
        size_t n = 0;

        sim_play(s);
        if (s->failure[0] && s->trouble.n_events >= 20) { /* fewer are not worth it */
            const uint64_t once = show_shrunk(s, &n, true);

            ok = show_shrunk(s, &n, true) == once && n >= 2;
            left += n;
            events += s->trouble.n_events;
            failed++;
        }
        sim_free(s);
        ok = ok && o.seed < from + 100;
    }
    return ok && left * 2 < events;
}

/* ---- several processes ---- */

static void run_share(struct tally *t, const struct range *r, uint64_t begin, uint64_t end)
{
    for (uint64_t i = begin; i < end && t->failures < FAILURES_MAX; i++)
        (void)run_seed(t, r->from + i, NULL, false);
}

struct job {
    pid_t pid;
    FILE *said, *tally;
};

/* What a process says and counts is read when it has ended, in the order of the jobs. */
static void start_job(struct job *j, const struct range *r, uint64_t begin, uint64_t end)
{
    struct tally t = {0};

    j->said = tmpfile();
    j->tally = tmpfile();
    (void)fflush(stdout);
    j->pid = j->said && j->tally ? fork() : -1;
    if (j->pid < 0) {
        perror("sim: cannot start a process");
        exit(2);
    }
    if (j->pid > 0)
        return;
    (void)dup2(fileno(j->said), STDOUT_FILENO);
    run_share(&t, r, begin, end);
    (void)fwrite(&t, sizeof(t), 1, j->tally);
    _exit(fflush(j->tally) != 0 || fflush(stdout) != 0);
}

/* False: the process died. */
static bool end_job(struct job *j, struct tally *sum)
{
    struct tally t;
    char text[4096];
    int status = 0;
    bool ok;

    (void)waitpid(j->pid, &status, 0);
    rewind(j->said);
    rewind(j->tally);
    for (size_t n; (n = fread(text, 1, sizeof(text), j->said)) > 0;)
        (void)fwrite(text, 1, n, stdout);
    ok = status == 0 && fread(&t, sizeof(t), 1, j->tally) == 1;
    (void)fclose(j->said);
    (void)fclose(j->tally);
    if (!ok) {
        printf("a process of the simulation ended with status %d\n", status);
        return false;
    }
    for (size_t k = 0; k < CS_ARRAY_LEN(scenarios); k++) {
        if (!sum->first[k][0])
            memcpy(sum->first[k], t.first[k], sizeof(t.first[k]));
        sum->ran[k] += t.ran[k];
    }
    sum->seeds += t.seeds;
    sum->requests += t.requests;
    for (size_t i = 0; i < SIM_F_COUNT; i++)
        sum->faults[i] += t.faults[i];
    sum->failures += t.failures;
    return true;
}

static bool run_jobs(struct tally *t, const struct range *r, uint64_t jobs)
{
    struct job all[JOBS_MAX] = {0};
    bool ok = true;

    for (uint64_t i = 0; i < jobs; i++)
        start_job(&all[i], r, r->n * i / jobs, r->n * (i + 1) / jobs);
    for (uint64_t i = 0; i < jobs; i++)
        ok = end_job(&all[i], t) && ok;
    return ok;
}

/* ---- the end ---- */

static void say(bool ok, const char *name, const char *why, unsigned counts[2])
{
    printf("%s %s%s%s\n", ok ? "ok" : "FAIL", name, ok ? "" : ": ", ok ? "" : why);
    counts[ok ? 0 : 1]++;
}

static int report(const struct tally *t, const unsigned counts[2])
{
    uint64_t faults = 0;

    for (int i = 0; i < SIM_F_COUNT; i++) {
        printf("%s%" PRIu64 " %s",
            i == 0       ? "sim: "
            : i % 4 == 0 ? ",\n     "
                         : ", ",
            t->faults[i], sim_fault_name((enum sim_fault)i));
        faults += t->faults[i];
    }
    printf("\nsim: %" PRIu64 " seeds, %" PRIu64 " requests, %" PRIu64 " faults, %" PRIu64 " failures\n", t->seeds,
        t->requests, faults, t->failures);
    printf("sim: %u passed, %u failed\n", counts[0], counts[1]);
    return counts[1] ? 1 : 0;
}

static int usage(void)
{
    (void)fprintf(
        stderr, "usage: sim [--seeds N] [--from S] [--jobs J] | --seed S [--only EVENT,EVENT...] [--verbose]\n");
    return 2;
}

static bool parse_only(const char *text, struct sim_only *ret)
{
    ret->ids = cs_xcalloc(strlen(text) + 1, sizeof(uint32_t));
    for (char *end; *text; text = *end == ',' ? end + 1 : end) {
        ret->ids[ret->n++] = (uint32_t)strtoul(text, &end, 16);
        if (end == text || (*end && *end != ','))
            return false;
    }
    return true;
}

struct arguments {
    struct range r;
    uint64_t jobs, one;
    bool verbose;
    struct sim_only only;
    bool has_only;
};

static bool parse(int argc, char **argv, struct arguments *a)
{
    const struct {
        const char *name;
        uint64_t *n;
    } numbers[] = {{"--seeds", &a->r.n}, {"--from", &a->r.from}, {"--jobs", &a->jobs}, {"--seed", &a->one}};

    for (int i = 1; i < argc; i++) {
        uint64_t *n = NULL;

        for (size_t k = 0; k < CS_ARRAY_LEN(numbers); k++)
            if (strcmp(argv[i], numbers[k].name) == 0)
                n = numbers[k].n;
        if (strcmp(argv[i], "--verbose") == 0) {
            a->verbose = true;
        } else if (i + 1 < argc && strcmp(argv[i], "--only") == 0) {
            a->has_only = true;
            if (!parse_only(argv[++i], &a->only))
                return false;
        } else if (i + 1 == argc || !n || !cs_parse_u64(cs_str(argv[++i]), n)) {
            return false;
        }
    }
    return a->jobs >= 1 && a->jobs <= JOBS_MAX;
}

int main(int argc, char **argv)
{
    struct arguments a = {.r = {1, 300}, .jobs = 1};
    struct tally t = {0};
    unsigned counts[2] = {0, 0};

    if (!parse(argc, argv, &a)) {
        free(a.only.ids);
        return usage();
    }
    if (a.one)
        (void)run_seed(&t, a.one, a.has_only ? &a.only : NULL, a.verbose);
    else
        say(run_jobs(&t, &a.r, a.jobs), "every process of the simulation ends well", "see above", counts);
    for (size_t k = 0; k < CS_ARRAY_LEN(scenarios); k++)
        if (t.ran[k] > 0)
            say(!t.first[k][0], scenarios[k].name, t.first[k], counts);
    if (!a.one && t.failures == 0) {
        say(repeats(a.r.from + 4) && repeats(a.r.from + 3), "a seed repeats itself", "two runs differ", counts);
        say(shrinks(a.r.from), "failures shrink to less than half of their events, and repeat themselves",
            "they do not", counts);
    }
    free(a.only.ids);
    return report(&t, counts);
}
