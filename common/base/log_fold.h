/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A limit for log lines of one kind that strangers can cause as often as they like: in each window of time the first ones are
 * written, the others are counted, and when the window is over one line tells how many they were.
 */
#ifndef CS_BASE_LOG_FOLD_H
#define CS_BASE_LOG_FOLD_H

#include <pthread.h>

#include "common/base/log.h"

#define CS_LOG_FOLD_MS 10000 /* a window; it begins with the first line after the last one was over */

/* What was done with the lines of a window. Zero-initialised: none was ever seen. */
struct cs_log_fold_window {
    int64_t end_ms; /* monotonic */
    unsigned written;
    uint64_t folded;
};

/* Pure. Ends the window if it is over at now_ms: how many lines it folded, which are the caller's to tell from here on. */
uint64_t cs_log_fold_over(struct cs_log_fold_window *w, int64_t now_ms);
/* Pure. Counts a line in a window that is not over: true when it is to be written. */
bool cs_log_fold_takes(struct cs_log_fold_window *w, unsigned max, int64_t now_ms);

/* The limit of one kind, for several threads. */
struct cs_log_fold {
    const struct cs_log *log; /* borrowed */
    const char *msg; /* of the lines that are limited; static */
    unsigned max; /* lines in a window */
    pthread_mutex_t lock;
    struct cs_log_fold_window window; /* under lock */
};

void cs_log_fold_init(struct cs_log_fold *f, const struct cs_log *log, const char *msg, unsigned max);
/* May a line of this kind be written now? Tells of a window that is over. */
bool cs_log_fold_admits(struct cs_log_fold *f);
/* Tells of a window that is over without a line to follow it; to be called every now and then. */
void cs_log_fold_tell(struct cs_log_fold *f);
/* Tells of whatever was folded and not told. The logger must still be there. */
void cs_log_fold_done(struct cs_log_fold *f);

#endif
