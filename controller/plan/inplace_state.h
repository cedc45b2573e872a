/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The in-place state that a Pod carries in its annotations (spec §6.6, A.3, A.4), and what it says about the update: complete,
 * still to be resized. Pure.
 */
#ifndef CS_PLAN_INPLACE_STATE_H
#define CS_PLAN_INPLACE_STATE_H

#include "common/api/pod.h"
#include "common/cloneset/resources.h"

struct cs_inplace_entry {
    char *container, *image_id, *container_id; /* owned; ids may be NULL */
    int64_t since_ms; /* time of the newest batch with this container, or of the newest of all; wall */
};
struct cs_inplace_state {
    bool valid; /* the annotation exists and parses */
    char *revision;
    int64_t updated_ms; /* updateTimestamp, wall */
    int64_t batch_ms; /* time of the newest containerBatchesRecord, or updated_ms */
    bool has_next; /* next… entries: a later batch is due */
    struct cs_inplace_entry *entries;
    uint32_t n;
    /* updateResources: what changes, from our own member containerResources; the peer's: its containers without values. */
    struct cs_resize resize;
};
struct cs_inplace_grace {
    bool present, valid;
    char *revision;
    int64_t grace_s;
};
void cs_inplace_state_parse(const char *text, struct cs_inplace_state *ret); /* text NULL: not valid */
void cs_inplace_state_done(struct cs_inplace_state *s);
void cs_inplace_grace_parse(const char *text, struct cs_inplace_grace *ret);
void cs_inplace_grace_done(struct cs_inplace_grace *g);

/* One recorded container: it runs what the update wants (spec §6.6 D, D11). */
bool cs_inplace_entry_complete(const struct cs_pod *p, const struct cs_inplace_entry *e);
/* Spec §6.6 D with D11. Without state annotation: complete; with a grace annotation: not. */
bool cs_inplace_complete(const struct cs_pod *p);
/*
 * An update that was taken back before the kubelet acted on it never starts a container: what ran before is what is wanted
 * again. Wall time from which on such a Pod counts as complete, when by then its containers still stand as they were and are
 * named like their images; 0: never. The wait is for a kubelet that may still act on the update in between.
 */
#define CS_INPLACE_STANDS_MS 10000
int64_t cs_inplace_stands_at_ms(const struct cs_pod *p);

/* ---- changing cpu and memory of a running Pod (gate InPlaceWorkloadVerticalScaling) ---- */

/* The Pod's spec does not show the new values yet. */
bool cs_resize_pending(const struct cs_pod *p, const struct cs_resize *r);
/* It does, and the kubelet reports them of the containers (spec §9). A kubelet that reports none has nothing to say. */
bool cs_resize_settled(const struct cs_pod *p, const struct cs_resize *r);
/* NULL: the server will take it; else why not, to follow a Pod's name: "its QoS class would change". */
const char *cs_resize_obstacle(const struct cs_pod *p, const struct cs_resize *r);
/* Same image after normalising: "nginx" = "docker.io/library/nginx:latest". */
bool cs_image_same(const char *a, const char *b);

#endif
