/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /healthz, /livez, /readyz and /metrics on ports of their own, plain HTTP, driven by the program's event loop: a loop that hangs does
 * not answer, which is what a liveness probe is for. Both programs use it.
 */
#ifndef CS_HTTP_PROBES_H
#define CS_HTTP_PROBES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/cleanup.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "common/base/metrics.h"

#define CS_PROBES_MAX_FDS 2

struct cs_probes_options {
    const char *health_address; /* --health-probe-bind-address: ":8081"; "0": off */
    const char
        *metrics_address; /* --metrics-bind-address: ":8080"; "0": off; equal to the other: one port serves all */
    struct cs_metrics *metrics; /* borrowed */
    /* readyz: 200 when true, else 503 with `why` (one line, at most size bytes with NUL). NULL: always ready. */
    bool (*ready)(void *ctx, char *why, size_t size);
    void *ctx;
    const struct cs_log *log; /* borrowed, may be NULL */
};

struct cs_probes;
/* Listens. Errors as cs_http_server_new. */
bool cs_probes_new(const struct cs_probes_options *o, struct cs_probes **ret, struct cs_error *err);
void cs_probes_free(struct cs_probes *p);
CS_DEFINE_CLEANUP(struct cs_probes *, cs_probes_free)

/* For the event loop: wait until one of the descriptors is readable or wait_ms (-1: no limit) is over, then run. */
unsigned cs_probes_fds(const struct cs_probes *p, int ret[CS_PROBES_MAX_FDS]);
int64_t cs_probes_wait_ms(const struct cs_probes *p);
void cs_probes_run(struct cs_probes *p);

uint16_t cs_probes_health_port(const struct cs_probes *p); /* 0: off */
uint16_t cs_probes_metrics_port(const struct cs_probes *p); /* 0: off */

#endif
