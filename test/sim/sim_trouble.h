/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What goes wrong, and what users do. Each such event has a key and a generator of its own, made of the seed and of what it
 * is about ("the third PATCH of Pod web-abcde"), never of what happened before. So a run from which some events are left
 * out deals the others as it did; that is how a failure is shrunk (sim_shrink.c).
 */
#ifndef CS_TEST_SIM_TROUBLE_H
#define CS_TEST_SIM_TROUBLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/api/gvr.h"

enum sim_fault {
    SIM_F_LOST_BEFORE, /* of a request: it never arrives */
    SIM_F_LOST_AFTER, /* … it is done, the answer is lost */
    SIM_F_LATE, /* … it is done after the client gave up */
    SIM_F_SLOW,
    SIM_F_REFUSED, /* … answered with 409, 429, 500, 503, 504 or a quota's 403 instead of being done */
    SIM_F_REFUSED_DONE, /* … answered so, and done all the same */
    SIM_F_DENIED, /* … 403, as long as a right is missing */
    SIM_F_CUT_BODY, /* … the end of the answer is missing */
    SIM_F_DOWN, /* … while the server is away */
    SIM_F_CUT, /* a connection ends, with all that is on it */
    SIM_F_WATCH_CUT,
    SIM_F_WATCH_REFUSED,
    SIM_F_WATCH_EXPIRED, /* what it missed was compacted */
    SIM_F_WATCH_FROZEN,
    SIM_F_LIST_SLOW, /* by stream: it comes in pieces, and may end half-way */
    SIM_F_LINE_TWICE,
    SIM_F_LINE_CUT,
    SIM_F_KILLED, /* the controller, at any time */
    SIM_F_KILLED_BEFORE, /* … as it sends a request */
    SIM_F_KILLED_DONE, /* … when the request was done */
    SIM_F_KILLED_ANSWERED, /* … when it had the answer */
    SIM_F_PAUSED, /* a replica stands still */
    SIM_F_PAUSED_SENDING, /* … with a write that leaves when it goes on */
    SIM_F_RETIRED, /* a replica is asked to end */
    SIM_F_CLOCK, /* its clock steps */
    SIM_F_NO_LEASE, /* requests about the Lease fail */
    SIM_F_RESTORED, /* the server, to what it was some time ago */
    SIM_F_NODE, /* dies */
    SIM_F_FULL, /* … is the cluster, or nothing fits the Pods */
    SIM_F_QUOTA, /* or a webhook of somebody else refuses writes for a while */
    SIM_F_MEDDLED, /* somebody lays hands on Pods, claims, names */
    SIM_F_REGRET, /* the user changes his mind while it is being done */
    SIM_F_REMADE, /* the set */
    SIM_F_REJECTED, /* a Pod, by its kubelet */
    SIM_F_REPORT_LATE, /* of a kubelet */
    SIM_F_COUNT
};

struct sim_event_of { /* an event that has taken place */
    uint32_t id;
    char *text;
};

struct sim_only { /* the only events that may take place */
    uint32_t *ids;
    size_t n;
};

struct sim_trouble {
    struct sim_event_of *events;
    size_t n_events, cap_events;
    uint32_t dealt[1 << 12]; /* how often a hash of a stream was dealt so far: the ordinal of the next */
    uint64_t counts[SIM_F_COUNT];
    int64_t denied_until_ms, down_until_ms; /* a right is missing, the server is away */
    int64_t refused_until_ms; /* creates of Pods are: the server is overloaded */
    int64_t no_lease_until_ms, restored_ms;
    int64_t undone_until_ms; /* a create may come that was decided on what a restoration has undone (D5e) */
    const char *denied_verb; /* as roles name it */
    const struct cs_gvr *denied_of;
};

/* What nodes, scheduler and admission make difficult for a while; times until when. */
struct sim_hindrance {
    int64_t full_until_ms; /* the scheduler finds no room */
    int64_t deny_until_ms; /* a webhook of somebody else denies writes of Pods */
    int64_t quota_until_ms;
    int64_t quota_pods, quota_claims; /* so many, until then */
    int64_t node_dead_until_ms[3]; /* its kubelet is silent; INT64_MAX: until somebody acts */
};

struct sim;
const char *sim_fault_name(enum sim_fault f);
/* Seeds the generator for the next event of this stream, and returns the key that names it. */
uint64_t sim_deal(struct sim *s, const char *stream);
/* An event of the trouble is to take place now; false: it is left out. One key may strike several times. */
bool sim_event(struct sim *s, uint64_t key, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
bool sim_fault(struct sim *s, uint64_t key, enum sim_fault f, const char *what); /* as sim_event, counted */
/* A fault that strikes this with such a chance; the chances of the task that runs stay as they are. */
bool sim_strikes(struct sim *s, enum sim_fault f, const char *what, unsigned per_mille);
bool sim_was_restored(const struct sim *s); /* so lately that what was undone may still be acted on (D5e) */
void sim_count(struct sim *s, enum sim_fault f);
uint64_t sim_faults(const struct sim *s);
void sim_trouble_begin(struct sim *s);
void sim_trouble_done(struct sim *s);

#endif
