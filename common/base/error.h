/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One error object, filled where the fact is known and prefixed by callers that add context. A function either
 * returns an error or logs it, never both. `err` parameters come last and may be NULL when the caller only needs
 * the boolean result.
 */
#ifndef CS_BASE_ERROR_H
#define CS_BASE_ERROR_H

#include <stdbool.h>
#include <stdint.h>

enum cs_errkind {
    CS_ERR_NONE = 0,
    CS_ERR_INVALID, /* bad input, HTTP 400/422 */
    CS_ERR_NOT_FOUND, /* 404 */
    CS_ERR_CONFLICT, /* 409 reason Conflict: somebody wrote first */
    CS_ERR_ALREADY_EXISTS, /* 409 reason AlreadyExists */
    CS_ERR_GONE, /* 410, or a watch ERROR event with code 410 */
    CS_ERR_FORBIDDEN, /* 401, 403: RBAC, quota, admission (message tells which) */
    CS_ERR_THROTTLED, /* 429; retry_after_ms holds the server's wish */
    CS_ERR_SERVER, /* 5xx: effect unknown for writes */
    CS_ERR_TRANSPORT, /* connection refused, reset, TLS: effect unknown for writes */
    CS_ERR_TIMEOUT, /* no answer in time: effect unknown for writes */
    CS_ERR_DECODE, /* an answer that is not what the API promises */
    CS_ERR_TOO_LARGE, /* a size limit of ours */
    CS_ERR_IO, /* files, sockets of our own */
    CS_ERR_INTERNAL,
    CS_ERR_COUNT
};

struct cs_error {
    enum cs_errkind kind;
    int code; /* HTTP status, 0 when there was none */
    int64_t retry_after_ms; /* 0: the server did not say */
    char reason[48]; /* Status.reason of the server, "" when none */
    char message[512]; /* one line for people; cut with "..." when longer */
};

#define CS_ERROR_INIT                                                                                                  \
    {                                                                                                                  \
        .kind = CS_ERR_NONE                                                                                            \
    }

/*
 * Starts a new error with kind and message (printf; arguments may point into err). code, reason and retry_after_ms
 * are reset: set them afterwards. Control characters become blanks. Always returns false, so that
 * `return cs_error_set(err, …);` reads well.
 */
bool cs_error_set(struct cs_error *err, enum cs_errkind kind, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* Puts "<prefix>: " before the message. Returns false. */
bool cs_error_prefix(struct cs_error *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void cs_error_clear(struct cs_error *err);
const char *cs_errkind_name(enum cs_errkind kind);

/* True when a write that ended so may nevertheless have happened, or may still happen. */
bool cs_error_in_doubt(const struct cs_error *err);

#endif
