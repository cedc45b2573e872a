/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What cppcheck cannot know: it reads no headers of the system, and version 2.10 does not understand __VA_OPT__. .ci/lint
 * includes this into each file; the compiler never sees it.
 */
#define __VA_OPT__(...) __VA_ARGS__
#define HASH_ITER(hh, head, e, next) for ((e) = (next) = (head); (e); (e) = (next))
#define DL_FOREACH(head, e) for ((e) = (head); (e); (e) = (e)->next)
#define DL_FOREACH_SAFE(head, e, next) for ((e) = (next) = (head); (e); (e) = (next))
#define TAILQ_HEAD(name, type)                                                                                         \
    struct name {                                                                                                      \
        struct type *first, **last;                                                                                    \
    }
#define STAILQ_HEAD TAILQ_HEAD
#define STAILQ_ENTRY TAILQ_ENTRY
#define TAILQ_ENTRY(type)                                                                                              \
    struct {                                                                                                           \
        struct type *next, **prev;                                                                                     \
    }

#define TAILQ_FOREACH(e, head, field) for ((e) = (head)->first; (e); (e) = (e)->field.next)

#include "common/base/log.h"
#include "common/base/metrics.h"

#undef cs_log_at /* this and the next may have nothing behind */
#define cs_log_at(log, level, msg, ...)                                                                                \
    cs_log_write((log), (level), (msg), (struct cs_kv[]){{.key = NULL}, ##__VA_ARGS__})
#undef CS_LABELS
#define CS_LABELS(...) ((const char *const[]){NULL, ##__VA_ARGS__})
