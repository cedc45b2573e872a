/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a pass has to tell people and tools: the status (spec §7, docs/status.md), which the planner fills in and the writer
 * compares with what is stored, and notes, which become events.
 */
#ifndef CS_PLAN_STATUS_PLAN_H
#define CS_PLAN_STATUS_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#define CS_STATUS_TEXT 512 /* no message of a condition is longer, its NUL included */

/* kstatus: Current, InProgress, Failed. Ready is True in the first only; Reconciling in the second, Stalled in the third. */
enum cs_verdict { CS_VERDICT_CURRENT, CS_VERDICT_IN_PROGRESS, CS_VERDICT_FAILED };

#define CS_COND_READY "Ready"
#define CS_COND_RECONCILING "Reconciling"
#define CS_COND_STALLED "Stalled"
#define CS_COND_PROGRESSING "Progressing"
#define CS_REASON_EXCEEDED "ProgressDeadlineExceeded" /* of Progressing and of Stalled */

struct cs_status_plan {
    int32_t replicas, ready, available, updated, updated_ready, updated_available, expected_updated, terminating;
    const char *update_revision, *current_revision; /* borrowed; NULL: not known */
    enum cs_verdict verdict;
    const char *reason; /* static; NULL: nothing was judged, and the three conditions stay as they are */
    char message[CS_STATUS_TEXT];
    int64_t attempt_ms; /* IN_PROGRESS: since when, wall; Reconciling's lastUpdateTime, the clock of the deadline */
    const char *progress_reason; /* of Progressing (spec §7.4), borrowed; NULL: that condition goes */
    bool unusable_selector; /* there is no labelSelector to write */
};

/* Something to tell the user once, by event. */
struct cs_note {
    bool warning;
    const char *reason; /* static */
    char message[256];
    /* Notes with the same key are told once until the key changes or disappears. */
    uint64_t key;
};

/* What the objects do not show: how the requests before went, and what the rules of admission say. */
struct cs_trouble {
    const char *scale_error, *update_error; /* last failure; NULL or "" none */
    const char *violations; /* the rules that the spec breaks, one line, or NULL */
    unsigned inflight; /* requests under way for this set */
};

#endif
