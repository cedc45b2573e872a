/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events (core/v1): the first ten of a reason and object go out one by one, later ones are folded into one counted
 * event, at most one request per second and object (design §3). Events are best effort: dropped when too many wait or when a
 * write of them fails; they never delay anything else.
 */
#ifndef CS_RUNTIME_RECORDER_H
#define CS_RUNTIME_RECORDER_H

#include <stdbool.h>

#include "common/base/log.h"
#include "common/base/metrics.h"
#include "common/kube/client.h"
#include "common/kube/loop.h"

struct cs_recorder;

struct cs_event_ref { /* the object the event is about; strings borrowed for the call */
    const char *api_version, *kind, *ns, *name, *uid;
};

struct cs_recorder_options {
    const struct cs_client *client; /* borrowed, as all below */
    struct cs_loop *loop;
    const struct cs_log *log;
    struct cs_metrics *metrics;
    const char *component; /* "cloneset-controller" */
    const char *instance; /* host or Pod name */
    bool (*may_write)(void *ctx); /* fencing (D12): false drops the event */
    void *ctx;
};

struct cs_recorder *cs_recorder_new(const struct cs_recorder_options *o);
void cs_recorder_free(struct cs_recorder *r);
CS_DEFINE_CLEANUP(struct cs_recorder *, cs_recorder_free)
/* type is "Warning" when warning, else "Normal"; message is cut at 1,024 bytes on a UTF-8 boundary. */
void cs_recorder_event(
    struct cs_recorder *r, const struct cs_event_ref *about, bool warning, const char *reason, const char *message);
/* Forgets counters of an object that is gone. */
void cs_recorder_forget(struct cs_recorder *r, const char *uid);

#endif
