/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one way to the API server: asynchronous calls and streams behind an interface, so that the shipped controller
 * runs against a real server (curl_client.h) and inside a simulation (test/sim) unchanged.
 *
 * Single-threaded: every callback runs on the thread that drives the loop, never from inside call() or stream().
 */
#ifndef CS_KUBE_CLIENT_H
#define CS_KUBE_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "common/api/gvr.h"
#include "common/base/error.h"
#include "common/base/str.h"
#include "common/base/strbuf.h"

enum cs_verb {
    CS_VERB_GET,
    CS_VERB_LIST,
    CS_VERB_WATCH,
    CS_VERB_CREATE,
    CS_VERB_UPDATE, /* PUT */
    CS_VERB_PATCH_MERGE, /* application/merge-patch+json */
    CS_VERB_PATCH_STRATEGIC, /* application/strategic-merge-patch+json; core types only */
    CS_VERB_PATCH_JSON, /* application/json-patch+json */
    CS_VERB_DELETE, /* body: DeleteOptions with preconditions */
    CS_VERB_COUNT
};
const char *cs_verb_name(enum cs_verb v); /* "get", "list", "watch", "create", "update", "patch", "delete" */
const char *cs_verb_method(enum cs_verb v); /* HTTP method */

/* What to ask. All strings are borrowed for the duration of call()/stream() only: the client copies what it needs. */
struct cs_call {
    enum cs_verb verb;
    const struct cs_gvr *gvr;
    const char *ns; /* NULL: cluster scope or all namespaces */
    const char *name; /* NULL for list, watch, create */
    const char *subresource; /* "status", "resize", or NULL */
    const char *query; /* parameters already escaped, "a=b&c=d", or NULL */
    struct cs_str body; /* JSON, or absent */
    int64_t timeout_ms; /* call: whole exchange; 0 = the client's default (5 s, D12). stream: 0 = none */
    int64_t silence_ms; /* stream: end it with CS_ERR_TIMEOUT when nothing arrived for so long; 0 = never */
};

/* How it ended. Borrowed for the callback. */
struct cs_reply {
    struct cs_error err; /* kind NONE: success (2xx) */
    int status; /* HTTP status; 0 when none arrived */
    struct cs_str body; /* the answer's body, also of errors */
    int64_t started_ms; /* monotonic time when call() was called (D5d: which reads are newer than what) */
    int64_t server_date_ms; /* wall time of the answer's Date header, 0 when absent: tells a skewed clock */
};

typedef void (*cs_reply_fn)(void *ctx, const struct cs_reply *reply);
/*
 * Bytes of a stream as they arrive; false ends the stream (on_end follows with CS_ERR_DECODE). A client may hand over an
 * empty range first, when the head of the answer said 2xx: a quiet watch is then known to be up.
 */
typedef bool (*cs_chunk_fn)(void *ctx, struct cs_str bytes);

struct cs_client_ops {
    /*
     * Starts a call; `done` is called exactly once, later, unless cancelled. Returns an id > 0. Never fails at once:
     * what cannot be started ends in `done` with an error.
     */
    uint64_t (*call)(void *self, const struct cs_call *call, cs_reply_fn done, void *ctx);
    /* As call, for a long answer: on_chunk any number of times (2xx only), then on_end once (err NONE: closed by the server). */
    uint64_t (*stream)(void *self, const struct cs_call *call, cs_chunk_fn on_chunk, cs_reply_fn on_end, void *ctx);
    /* Forgets a call or stream: no callback comes any more (a write may still land). Unknown ids are ignored. */
    void (*cancel)(void *self, uint64_t id);
};

struct cs_client {
    const struct cs_client_ops *ops;
    void *self;
};

static inline uint64_t cs_client_call(
    const struct cs_client *c, const struct cs_call *call, cs_reply_fn done, void *ctx)
{
    return c->ops->call(c->self, call, done, ctx);
}
static inline uint64_t cs_client_stream(
    const struct cs_client *c, const struct cs_call *call, cs_chunk_fn on_chunk, cs_reply_fn on_end, void *ctx)
{
    return c->ops->stream(c->self, call, on_chunk, on_end, ctx);
}
static inline void cs_client_cancel(const struct cs_client *c, uint64_t id)
{
    c->ops->cancel(c->self, id);
}

/*
 * False for a call that must not be sent: without gvr, with an empty namespace, or without the name that the verb needs
 * (a DELETE whose name got lost would otherwise address the whole collection). Clients refuse those in `done`.
 */
bool cs_call_check(const struct cs_call *call, struct cs_error *err);
/* Path and query of a call ("/apis/apps.kruise.io/v1alpha1/namespaces/x/clonesets/y/status?…"), names percent-escaped. */
void cs_call_path(const struct cs_call *call, struct cs_strbuf *out);
/* Appends "key=<escaped value>" with '&' before it when out is not empty. */
void cs_query_add(struct cs_strbuf *out, const char *key, const char *value);

/*
 * Turns an HTTP answer into an error: kind by status and Status.reason (409 AlreadyExists against Conflict; 422 and 400
 * are INVALID; 404, 410 (also reason Expired), 401/403, 429 …), message and reason from the Status body when it is one,
 * retry_after_ms from the header (or Status.details.retryAfterSeconds). Kind NONE for 2xx.
 */
void cs_reply_error(int status, struct cs_str body, int64_t retry_after_ms, struct cs_error *ret);

#endif
