/* SPDX-License-Identifier: Apache-2.0 */
/* A process of the controller: the shipped code with a loop and clocks of its own. */
#ifndef CS_TEST_SIM_REPLICA_H
#define CS_TEST_SIM_REPLICA_H

#include "common/base/rand.h"
#include "controller/cloneset/controller.h"

#define SIM_REPLICAS_MAX 2

struct sim;

struct sim_replica {
    struct sim *s;
    unsigned number;
    unsigned life; /* which of its lives it is */
    bool up;
    bool dying; /* it is killed before it sends anything more */
    struct cs_controller *c;
    struct cs_loop loop;
    struct cs_clock clock;
    struct cs_metrics *metrics;
    struct cs_client client;
    struct cs_log log;
    struct cs_rand rand;
};

void sim_start(struct sim *s, uint64_t number); /* a task */
void sim_replica_step(struct sim_replica *r); /* what is due */
void sim_stop(struct sim_replica *r);
void sim_crash(struct sim_replica *r); /* killed, and started again some time later */

#endif
