/* SPDX-License-Identifier: Apache-2.0 */
/* A process of the controller: the shipped code, with a loop and clocks of its own. */
#ifndef CS_TEST_SIM_REPLICA_H
#define CS_TEST_SIM_REPLICA_H

#include "common/base/rand.h"
#include "controller/cloneset/controller.h"
#include "controller/runtime/leader.h"

#define SIM_REPLICAS_MAX 2

struct sim;

struct sim_replica {
    struct sim *s;
    unsigned number;
    unsigned life; /* which of its lives it is */
    bool up;
    bool dying; /* it is killed before it sends anything more */
    bool stopping, ended; /* after SIGTERM */
    int64_t paused_until_ms; /* nothing of it runs; what comes for it waits */
    int64_t skew_ms; /* of its wall clock */
    bool stalled; /* it stands still in the middle of a pass: for the rest of it, its clocks show when it goes on */
    uint64_t set_known_rv; /* the set as it was then has been told to it */
    struct cs_controller *c;
    struct cs_leader *leader; /* NULL: it is alone and always writes */
    char identity[32];
    int64_t asked_ms; /* when it last sent a write of the Lease */
    uint64_t asked_rv, gained_rv; /* the server's versions then, and at gained_ms */
    /* When it asked for what made it leader: nobody else wrote since then. And when it last began to read each kind. */
    int64_t gained_ms, listed_ms[CS_K_COUNT];
    struct cs_loop loop;
    struct cs_clock clock;
    struct cs_timer start_timer, stop_timer;
    struct cs_metrics *metrics;
    struct cs_client client;
    struct cs_log log;
    struct cs_rand rand;
};

void sim_start(struct sim *s, uint64_t number); /* a task */
void sim_replica_step(struct sim_replica *r); /* what is due */
void sim_stop(struct sim_replica *r);
void sim_crash(struct sim_replica *r); /* killed, and started again some time later */
void sim_retire(struct sim_replica *r); /* SIGTERM, and started again some time later */
void sim_pause(struct sim_replica *r, int64_t ms);
bool sim_paused(const struct sim_replica *r);

#endif
