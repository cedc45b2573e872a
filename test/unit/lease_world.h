/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two electors on one clock against one Lease that lives here, with versions as the API server keeps them. Whenever
 * time passes, it is asserted that not both may write.
 */
#ifndef CS_TEST_UNIT_LEASE_WORLD_H
#define CS_TEST_UNIT_LEASE_WORLD_H

#include "controller/runtime/leader.h"
#include "test/unit/runtime_fake.h"

struct lease_world;

struct lease_elector {
    struct lease_world *w;
    const char *identity;
    struct cs_rand rand;
    struct cs_clock clock; /* monotonic as all; its own wall clock */
    int64_t wall_ms;
    struct cs_leader *leader;
    int started, stopped, released;
    bool release_when_stopped;
};

struct lease_world {
    struct rt_fake api;
    struct cs_metrics *metrics;
    struct cs_jtree *lease; /* NULL: does not exist */
    uint64_t rv;
    struct lease_elector a, b;
};

/* Stores it as a new version; takes ownership. w->lease itself: only a new version. */
void lw_store(struct lease_world *w, struct cs_jtree *lease);
/* Carries out a request; returns the status. */
int lw_take_effect(struct lease_world *w, const struct rt_request *q);
/* Answers with what belongs to a status; 0: the answer is lost. */
void lw_reply(struct lease_world *w, struct rt_request *q, int status);
void lw_serve_one(struct lease_world *w);
void lw_assert_not_both(struct lease_world *w);
/* Time passes and nothing is answered in less than its timeout; nothing has an effect. */
void lw_run_cut_off(struct lease_world *w, int64_t ms);
/* Time passes with a server that answers at once. */
void lw_run(struct lease_world *w, int64_t ms);
void lw_on_released(void *ctx);
int lw_setup(void **state);
int lw_teardown(void **state);
const struct cs_jtree *lw_spec(const struct lease_world *w, const char *key);
void lw_assert_holder(const struct lease_world *w, const char *identity);
double lw_status(struct lease_world *w);
/* A leads; B watches, and has seen the Lease. */
void lw_a_leads(struct lease_world *w);
void lw_somebody_holds(struct lease_world *w, const char *holder, int64_t renewed_ms, int seconds);

#endif
