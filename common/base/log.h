/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Structured log, one line per entry, to stderr: klog-like text or JSON (--logging-format). Programs create one
 * logger and pass it down; library code does not log above debug. Values are escaped, so one entry is one line.
 */
#ifndef CS_BASE_LOG_H
#define CS_BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "common/base/clock.h"

enum cs_log_level { CS_LOG_ERROR, CS_LOG_WARN, CS_LOG_INFO, CS_LOG_DEBUG, CS_LOG_TRACE, CS_LOG_LEVEL_COUNT };

struct cs_log {
    FILE *out; /* borrowed; NULL: silent */
    const struct cs_clock *clock; /* borrowed */
    enum cs_log_level max; /* entries above are dropped; -v N maps 0,1 → INFO, 2..4 → DEBUG, 5+ → TRACE */
    bool json;
    uint64_t *dropped; /* borrowed: entries lost since the last that was written; under out's lock. NULL: not counted */
};

/* One key and its value; key NULL ends the list. */
struct cs_kv {
    const char *key;
    enum { CS_KV_STR, CS_KV_I64, CS_KV_BOOL } type;
    const char *s; /* NULL prints as null (JSON) or "" */
    int64_t i;
};

#define CS_KVS(k, v) ((struct cs_kv){.key = (k), .type = CS_KV_STR, .s = (v)})
#define CS_KVI(k, v) ((struct cs_kv){.key = (k), .type = CS_KV_I64, .i = (int64_t)(v)})
#define CS_KVB(k, v) ((struct cs_kv){.key = (k), .type = CS_KV_BOOL, .i = (v)})

/*
 * Thread-safe, one write(2) per entry of usual length. Never waits for whoever reads the log: an entry that cannot be
 * written is dropped, and the next one that can be tells how many were. log may be NULL (silent).
 */
void cs_log_write(const struct cs_log *log, enum cs_log_level level, const char *msg, const struct cs_kv *kvs);
static inline bool cs_log_enabled(const struct cs_log *log, enum cs_log_level level)
{
    return log && log->out && level <= log->max;
}

#define cs_log_at(log, level, msg, ...)                                                                                \
    do {                                                                                                               \
        if (cs_log_enabled((log), (level)))                                                                            \
            cs_log_write((log), (level), (msg), (struct cs_kv[]){__VA_ARGS__ __VA_OPT__(, ){.key = NULL}});            \
    } while (0)
#define cs_log_error(log, msg, ...) cs_log_at(log, CS_LOG_ERROR, msg, ##__VA_ARGS__)
#define cs_log_warn(log, msg, ...) cs_log_at(log, CS_LOG_WARN, msg, ##__VA_ARGS__)
#define cs_log_info(log, msg, ...) cs_log_at(log, CS_LOG_INFO, msg, ##__VA_ARGS__)
#define cs_log_debug(log, msg, ...) cs_log_at(log, CS_LOG_DEBUG, msg, ##__VA_ARGS__)
#define cs_log_trace(log, msg, ...) cs_log_at(log, CS_LOG_TRACE, msg, ##__VA_ARGS__)

#endif
