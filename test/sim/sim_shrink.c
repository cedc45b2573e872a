/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finds few events of a run that failed which fail in the same way, that is, at the same check: leaves out parts of them, large
 * ones first, and keeps a part out when the run fails without it (delta debugging, in its greedy form).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "test/sim/sim.h"

#define RUNS_MAX 400

struct search {
    struct sim_options o;
    const char *check;
    struct sim_only best; /* fails, owned */
    unsigned runs;
};

static bool has(const struct sim_only *only, uint32_t id)
{
    for (size_t i = 0; i < only->n; i++)
        if (only->ids[i] == id)
            return true;
    return false;
}

/* Each event once, in the order in which they began. */
static struct sim_only events_of(const struct sim *s)
{
    struct sim_only all = {cs_xcalloc(s->trouble.n_events + 1, sizeof(uint32_t)), 0};

    for (size_t i = 0; i < s->trouble.n_events; i++)
        if (!has(&all, s->trouble.events[i].id))
            all.ids[all.n++] = s->trouble.events[i].id;
    return all;
}

/* True when it fails without [begin, end) too: then that is the best one. */
static bool fails_without(struct search *x, size_t begin, size_t end)
{
    struct sim_only rest = {cs_xcalloc(x->best.n + 1, sizeof(uint32_t)), 0};
    struct sim *s;
    bool fails;

    for (size_t i = 0; i < x->best.n; i++)
        if (i < begin || i >= end)
            rest.ids[rest.n++] = x->best.ids[i];
    x->o.only = &rest;
    s = sim_new(&x->o);
    sim_play(s);
    x->runs++;
    fails = s->failure[0] && s->failure_format == x->check;
    if (fails) {
        free(x->best.ids);
        x->best = events_of(s); /* some may have had no occasion any more */
    }
    sim_free(s);
    x->o.only = NULL;
    free(rest.ids);
    return fails;
}

struct sim_only sim_shrink(const struct sim *failed, unsigned *ret_runs)
{
    struct search x = {.o = failed->o, .check = failed->failure_format, .best = events_of(failed)};
    bool again = true;

    x.o.verbose = false;
    for (size_t size = x.best.n; size > 0 && again; size = size > 1 ? (size + 1) / 2 : size) {
        again = size > 1;
        for (size_t at = 0; at < x.best.n && x.runs < RUNS_MAX;)
            if (fails_without(&x, at, at + size))
                again = true;
            else
                at += size;
        again = again && x.runs < RUNS_MAX;
    }
    *ret_runs = x.runs;
    return x.best;
}
