/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What http_server.c (life of the server and its threads) and http_conn.c (life of connections and requests) share.
 *
 * Threads: each worker owns one libmicrohttpd daemon and drives it itself, so a connection and its requests belong to one thread
 * for life and libmicrohttpd needs no lock between ours. (Its own thread pool cannot be quiesced safely: 0.9.75 aborts when the
 * thread that quiesces and a pool thread both take the listening socket out of epoll.) Shared are only the atomics, the pair slot
 * and the lingering sockets.
 */
#ifndef CS_HTTP_PRIVATE_H
#define CS_HTTP_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "common/http/crowd.h"
#include "common/http/http_server.h"
#include "common/http/linger.h"
#include "common/http/tls_pair.h"

struct MHD_Connection;
struct MHD_Daemon;

/*
 * A worker has as many bodies under way as arrive at once, not as many as there are connections: so it is the worker that keeps
 * their buffers. Larger ones go back to the system.
 */
#define CS_HTTP_SPARES 32
#define CS_HTTP_SPARE_MAX ((size_t)128 << 10) /* of one */
#define CS_HTTP_SPARE_TOTAL ((size_t)1 << 20) /* of all of a worker */

enum cs_http_phase { CS_HTTP_SERVING, CS_HTTP_RETIRED, CS_HTTP_DRAINING, CS_HTTP_STOPPING };

struct cs_http_worker {
    struct cs_http_server *server;
    struct MHD_Daemon *daemon;
    struct cs_http_crowd crowd;
    struct cs_strbuf spares[CS_HTTP_SPARES]; /* buffers of bodies that were answered, for those to come */
    unsigned n_spares;
    size_t spare_bytes;
    unsigned index;
    pthread_t thread;
    unsigned progress; /* calls by libmicrohttpd */
    unsigned seen_progress, idle_turns; /* wait_for_work */
    bool started; /* thread is to be joined */
    atomic_bool quiesced; /* accepts no more */
};

struct cs_http_server {
    struct cs_http_options o; /* defaults filled in; strings owned */
    char *bind_address, *client_ca_pem, *client_names;
    uint16_t port;
    struct cs_http_worker *workers;
    unsigned n_workers;
    atomic_int phase; /* enum cs_http_phase */
    atomic_uint requests; /* begun and not yet answered to the end */
    struct cs_tls_slot pair;
    struct cs_linger linger;
};

/* One connection; made and freed by libmicrohttpd's notifications, on its worker's thread. */
struct cs_http_conn {
    struct cs_http_guest guest;
    struct cs_http_worker *worker;
    struct cs_tls_session tls;
    struct cs_strbuf body;
    struct cs_strbuf answer;
    bool linger; /* answered early: close gently */
};

#define CS_HTTP_KEEP_ANSWER ((size_t)16 << 10) /* buffers of answers up to here stay with the connection */
#define CS_HTTP_MAX_ANSWER ((size_t)64 << 20)

int64_t cs_http_now_ms(void);
/* Starts the daemon of one worker on a listening socket, which it takes over. */
struct MHD_Daemon *cs_http_daemon_start(struct cs_http_worker *w, int listen_fd);

#endif
