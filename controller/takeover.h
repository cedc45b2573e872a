/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two controllers of one kind would fight: while OpenKruise's manager holds a fresh Lease (kruise-system/kruise-manager) ours
 * stays passive and says so (D12); --force-takeover overrides.
 */
#ifndef CS_CONTROLLER_TAKEOVER_H
#define CS_CONTROLLER_TAKEOVER_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/log.h"
#include "common/kube/client.h"
#include "common/kube/loop.h"

struct cs_takeover {
    const struct cs_client *client; /* borrowed, as all below */
    struct cs_loop *loop;
    const struct cs_log *log;
    bool force;
    void (*on_change)(void *ctx); /* clear has changed */
    void *ctx;
    /* private */
    bool known, clear;
    char holder[128];
    char last_renew[64]; /* as last read: a lease whose renewTime stands still is dead, whatever the clocks say */
    int64_t renewed_at_ms; /* monotonic time when last_renew was seen to change */
    struct cs_timer timer;
    uint64_t call;
};

void cs_takeover_start(struct cs_takeover *t); /* public members are set by the owner */
void cs_takeover_stop(struct cs_takeover *t);
/* True when nobody else manages CloneSets. why: one line when not. */
bool cs_takeover_clear(const struct cs_takeover *t, char *why, size_t size);

#endif
