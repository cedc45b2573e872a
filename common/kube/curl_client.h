/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cs_client over libcurl's multi interface: HTTP/1.1, up to max_inflight calls over a pool of kept connections, each
 * stream on a connection of its own. Calls beyond max_inflight wait in order. One thread; drive it with
 * cs_curl_poll. The program ignores SIGPIPE.
 *
 * A write may have been sent twice when its kept connection turned out dead before any answer (within its deadline): a
 * 409 or 404 can then stem from our own first copy.
 */
#ifndef CS_KUBE_CURL_CLIENT_H
#define CS_KUBE_CURL_CLIENT_H

#include "common/base/log.h"
#include "common/base/metrics.h"
#include "common/kube/client.h"
#include "common/kube/config.h"

struct cs_curl_client;

struct cs_curl_options {
    const struct cs_kube_config *config; /* borrowed for the client's life */
    const struct cs_clock *clock; /* borrowed */
    const struct cs_log *log; /* borrowed, may be NULL */
    struct cs_metrics *metrics; /* borrowed, may be NULL: rest_client_requests_total{code,method,host}, … */
    const char *user_agent; /* "cloneset-controller/<version> …" */
    unsigned max_inflight; /* 0: 16 */
    int64_t call_timeout_ms; /* 0: 5000 (D12) */
    size_t max_answer; /* bytes of one call's answer; 0: 64 MiB */
};

/* Errors: unreadable CA or key. No connection is made yet. */
bool cs_curl_client_new(const struct cs_curl_options *o, struct cs_curl_client **ret, struct cs_error *err);
/* Calls under way are dropped without callbacks. Not from inside a callback. */
void cs_curl_client_free(struct cs_curl_client *c);
CS_DEFINE_CLEANUP(struct cs_curl_client *, cs_curl_client_free)
struct cs_client cs_curl_client_iface(struct cs_curl_client *c);

/* An extra descriptor to wait for (signals, HTTP daemon). */
struct cs_poll_fd {
    int fd;
    bool readable; /* out */
};

/* Waits at most wait_ms (-1: for ever) for sockets or extra descriptors, moves data, runs callbacks. Not from
 * inside a callback. */
void cs_curl_poll(struct cs_curl_client *c, int64_t wait_ms, struct cs_poll_fd *extra, unsigned n_extra);
/* Ends the wait of another thread's cs_curl_poll; the only function that may be called from another thread. */
void cs_curl_wakeup(struct cs_curl_client *c);
/* Number of calls (not streams) that are waiting or under way. */
unsigned cs_curl_inflight(const struct cs_curl_client *c);

#endif
