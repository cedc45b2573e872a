/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP/1.1 server over libmicrohttpd. Two ways to run: with threads of its own (webhook, TLS), or driven by somebody's
 * event loop through a descriptor (controller's probes and metrics: one thread).
 *
 * What a peer may cost is bounded: connections, 16 KiB of headers each, one body of at most max_body, which grows with what
 * arrives, and all bodies together (max_body_total). New connections have 10 s for their first request, a body 30 s to arrive. When
 * there are too many connections, the oldest of those that have not yet asked anything sensible goes (crowd.h). Bodies need a
 * Content-Length; Transfer-Encoding is refused with 411.
 */
#ifndef CS_HTTP_SERVER_H
#define CS_HTTP_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/cleanup.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "common/base/str.h"
#include "common/base/strbuf.h"

/*
 * libmicrohttpd's own, for headers and pieces of the body; of what it takes by default (32 KiB) it touches all with each request.
 * An API server's headers have less than 1 KiB.
 */
#define CS_HTTP_CONNECTION_MEMORY ((size_t)16 << 10)

/* What arrived; borrowed for the handler. */
struct cs_http_req {
    const char *method; /* "GET" (also for HEAD, whose body is not sent), "POST", … as the peer wrote it */
    const char *path; /* without query, as it was sent: nothing is decoded */
    const char *content_type; /* or NULL */
    struct cs_str body; /* whole; empty for GET */
    unsigned thread; /* 0 … threads - 1: the server thread, for scratch memory; 0 in driven mode */
};

/* The answer; the handler appends to body, which the server owns. */
struct cs_http_resp {
    int status; /* 200 unless changed */
    const char *content_type; /* static storage; NULL: text/plain */
    const char *allow; /* static storage; header Allow of a 405; or NULL */
    struct cs_strbuf *body; /* empty; when it fails (too long) the peer gets a 500 */
};

/* Runs on a server thread or in cs_http_server_run (driven). Must be thread-safe when there are several threads. */
typedef void (*cs_http_handler)(void *ctx, const struct cs_http_req *req, struct cs_http_resp *resp);
/*
 * Words the server's own refusals (413 body too large, 411 and 400 unclear where it ends, 408 too slow, 503 too much at once, 500):
 * status is set, text is one line; fills content_type and body. Any thread.
 */
typedef void (*cs_http_refusal)(void *ctx, const char *text, struct cs_http_resp *resp);
/* Tells of a peer that was refused as a client (client_ca_pem): its address, and why in one line. Any thread. */
typedef void (*cs_http_stranger)(void *ctx, const char *peer, const char *why);

struct cs_http_options {
    const char
        *bind_address; /* "host:port", "[v6]:port", ":port", or "0": do not listen, cs_http_server_new gives NULL */
    bool tls; /* certificates come by cs_http_server_set_pair; handshakes before that fail */
    unsigned threads; /* 0: driven by cs_http_server_fd/_run; else 1 … 64 threads */
    size_t max_body; /* 413 above; 0: 64 KiB */
    size_t max_body_total; /* shared by the threads, each max_body at least; one of them goes above; 0: 8 × max_body */
    unsigned max_connections; /* for each further one another goes; 0: 1000 */
    unsigned idle_timeout_s; /* keep-alive; 0: 120 (above the API server's 90) */
    const char *client_ca_pem; /* TLS: when set, handshakes without a certificate of this CA fail; or NULL */
    const char *client_names; /* … or with another common name than these: "a,b"; NULL or "": any */
    cs_http_handler handler;
    cs_http_refusal refusal; /* NULL: text/plain */
    cs_http_stranger stranger; /* or NULL */
    void *ctx;
    const struct cs_log *log; /* may be NULL */
};

struct cs_http_server;
/* Listens and starts its threads. Strings of o are copied. CS_ERR_INVALID: bad address or CA; CS_ERR_IO: port in use, … */
bool cs_http_server_new(const struct cs_http_options *o, struct cs_http_server **ret, struct cs_error *err);
/* Stops at once. For a graceful stop call cs_http_server_drain before. */
void cs_http_server_free(struct cs_http_server *s);
CS_DEFINE_CLEANUP(struct cs_http_server *, cs_http_server_free)

/* Serves this pair from the next handshake on; copied. Thread-safe. CS_ERR_INVALID when it is no usable pair. */
bool cs_http_server_set_pair(struct cs_http_server *s, const char *cert_pem, const char *key_pem, struct cs_error *err);
/* Expiry (wall) of the pair served; 0: there is none yet. Thread-safe. */
int64_t cs_http_server_pair_not_after_ms(struct cs_http_server *s);
uint16_t cs_http_server_port(const struct cs_http_server *s); /* the bound port (after ":0") */

/* Driven mode: wait for this descriptor to be readable (or wait_ms to pass), then call _run. */
int cs_http_server_fd(const struct cs_http_server *s);
int64_t cs_http_server_wait_ms(struct cs_http_server *s); /* -1: no limit */
void cs_http_server_run(struct cs_http_server *s);

/*
 * From now on answers carry "Connection: close", new connections are still accepted: the first half of a graceful stop, while
 * load balancers are told by a failing readyz. Thread-safe.
 */
void cs_http_server_retire(struct cs_http_server *s);
/* Retires, accepts no new connection, returns when no request is under way or after max_ms. */
void cs_http_server_drain(struct cs_http_server *s, int64_t max_ms);

#endif
