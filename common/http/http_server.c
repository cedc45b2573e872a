/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The server as a whole: where it listens, its threads, how it stops.
 */
#include "common/http/http_server.h"

#include <errno.h>
#include <microhttpd.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/http/http_private.h"

#define WAKE_MS 250 /* how late a worker may notice that the server is to stop */
#define BACKLOG 511
#define IDLE_TURNS 4 /* without progress, until "at once" is taken less literally */
#define IDLE_MS 16

int64_t cs_http_now_ms(void)
{
    return cs_clock_mono_ms(cs_clock_system());
}

/* ---- listening ---- */

/* "host:port" → host ("" when absent) and port. False when it has another form. */
static bool split_address(const char *address, char *host, size_t size, const char **ret_port)
{
    const char *colon = strrchr(address, ':');
    struct cs_str h;
    int32_t port;

    if (!colon || !cs_parse_i32(cs_str(colon + 1), &port) || port < 0 || port > 65535)
        return false;
    h = (struct cs_str){.p = address, .len = (size_t)(colon - address)};
    if (h.len >= 2 && h.p[0] == '[' && h.p[h.len - 1] == ']')
        h = (struct cs_str){.p = h.p + 1, .len = h.len - 2};
    if (h.len >= size)
        return false;
    memcpy(host, h.p, h.len);
    host[h.len] = '\0';
    *ret_port = colon + 1;
    return true;
}

/* A listening socket on one address, or -1 with errno. Without a host the socket serves IPv6 and IPv4. */
static int listen_on(const struct addrinfo *ai)
{
    const int on = 1, off = 0;
    int fd = socket(ai->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int saved;

    if (fd < 0)
        return -1;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (ai->ai_family == AF_INET6)
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
    if (bind(fd, ai->ai_addr, ai->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0)
        return fd;
    saved = errno;
    (void)close(fd);
    errno = saved;
    return -1;
}

static bool in_pass(const struct addrinfo *ai, int pass)
{
    return (ai->ai_family == AF_INET6) == (pass == 0);
}

static bool open_socket(const char *address, int *ret_fd, struct cs_error *err)
{
    struct addrinfo hints = {
        .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *list = NULL;
    const char *port;
    char host[256];
    int fd = -1, rc, saved = 0;

    if (!split_address(address, host, sizeof(host), &port))
        return cs_error_set(err, CS_ERR_INVALID, "address \"%s\": want \"host:port\" or \":port\"", address);
    rc = getaddrinfo(host[0] != '\0' ? host : NULL, port, &hints, &list);
    if (rc != 0)
        return cs_error_set(err, CS_ERR_INVALID, "address \"%s\": %s", address, gai_strerror(rc));
    /* IPv6 first: its wildcard takes IPv4 too; on machines without IPv6 the second pass finds the other one. */
    for (int pass = 0; pass < 2 && fd < 0; pass++)
        for (const struct addrinfo *ai = list; ai && fd < 0; ai = ai->ai_next)
            if (in_pass(ai, pass)) {
                fd = listen_on(ai);
                saved = fd < 0 ? errno : 0;
            }
    freeaddrinfo(list);
    if (fd < 0)
        return cs_error_set(err, CS_ERR_IO, "listen on \"%s\": %s", address, strerror(saved));
    *ret_fd = fd;
    return true;
}

static uint16_t port_of(int fd)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } a = {.v6 = {.sin6_family = AF_UNSPEC}};
    socklen_t len = sizeof(a);

    if (getsockname(fd, &a.any, &len) != 0)
        return 0;
    return ntohs(a.any.sa_family == AF_INET6 ? a.v6.sin6_port : a.v4.sin_port);
}

/* ---- threads ---- */

/* Gives the listening socket back; only on the thread that drives the daemon. */
static void quiesce(struct cs_http_worker *w)
{
    MHD_socket fd;

    if (atomic_load(&w->quiesced))
        return;
    fd = MHD_quiesce_daemon(w->daemon);
    if (fd != MHD_INVALID_SOCKET)
        (void)close(fd);
    atomic_store(&w->quiesced, true);
}

/*
 * Until there is something to do. libmicrohttpd says "at once" as long as a handshake waits for its peer, and left to itself turns in
 * circles meanwhile: so "at once" is believed while our callbacks are called, and then less and less.
 */
static void wait_for_work(struct cs_http_worker *w, int max_ms)
{
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(w->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    struct pollfd p = {.fd = info ? info->epoll_fd : -1, .events = POLLIN};
    MHD_UNSIGNED_LONG_LONG ms;

    if (w->progress != w->seen_progress)
        w->idle_turns = 0;
    w->seen_progress = w->progress;
    if (MHD_get_timeout(w->daemon, &ms) == MHD_YES && ms == 0) {
        max_ms = w->idle_turns < IDLE_TURNS ? 0 : 1 << (w->idle_turns - IDLE_TURNS);
        if (max_ms < IDLE_MS)
            w->idle_turns++;
    }
    if (poll(&p, 1, max_ms) > 0)
        w->idle_turns = 0;
}

static void *worker_main(void *arg)
{
    struct cs_http_worker *w = arg;
    struct cs_http_server *s = w->server;
    int phase;

    while ((phase = atomic_load(&s->phase)) != CS_HTTP_STOPPING) {
        int wait_ms = cs_linger_any(&s->linger) ? CS_LINGER_TICK_MS : WAKE_MS;

        if (phase == CS_HTTP_DRAINING)
            quiesce(w);
        wait_for_work(w, wait_ms);
        if (MHD_run(w->daemon) != MHD_YES)
            (void)usleep(10000); /* epoll itself failed: do not spin */
        cs_linger_sweep(&s->linger, cs_http_now_ms());
        cs_http_crowd_sweep(&w->crowd, cs_http_now_ms());
    }
    return NULL;
}

static bool start_worker(struct cs_http_worker *w, int listen_fd, struct cs_error *err)
{
    int fd = dup(listen_fd);

    if (fd < 0)
        return cs_error_set(err, CS_ERR_IO, "dup: %s", strerror(errno));
    w->daemon = cs_http_daemon_start(w, fd);
    if (!w->daemon) {
        (void)close(fd);
        return cs_error_set(err, CS_ERR_INTERNAL, "libmicrohttpd does not start");
    }
    if (w->server->o.threads == 0)
        return true;
    if (pthread_create(&w->thread, NULL, &worker_main, w) != 0)
        return cs_error_set(err, CS_ERR_INTERNAL, "no thread to be had");
    w->started = true;
    return true;
}

/* Signals are the main thread's: workers start with all of them blocked. */
static bool start_workers(struct cs_http_server *s, int listen_fd, struct cs_error *err)
{
    sigset_t all, before;
    bool ok = true;

    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    for (unsigned i = 0; i < s->n_workers && ok; i++) {
        s->workers[i].server = s;
        s->workers[i].index = i;
        ok = start_worker(&s->workers[i], listen_fd, err);
    }
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return ok;
}

/* ---- life ---- */

static struct cs_http_server *server_alloc(const struct cs_http_options *o)
{
    struct cs_http_server *s = cs_new(struct cs_http_server);

    s->o = *o;
    s->bind_address = cs_xstrdup(o->bind_address);
    s->client_ca_pem = o->tls && o->client_ca_pem ? cs_xstrdup(o->client_ca_pem) : NULL;
    s->o.bind_address = s->bind_address;
    s->o.client_ca_pem = s->client_ca_pem;
    s->client_names = o->client_names ? cs_xstrdup(o->client_names) : NULL;
    s->o.client_names = s->client_names;
    if (s->o.max_body == 0)
        s->o.max_body = (size_t)64 << 10;
    if (s->o.max_body_total == 0)
        s->o.max_body_total = 8 * s->o.max_body;
    if (s->o.max_connections == 0)
        s->o.max_connections = 1000;
    if (s->o.idle_timeout_s == 0)
        s->o.idle_timeout_s = 120;
    if (s->o.threads > 64)
        s->o.threads = 64;
    s->n_workers = s->o.threads > 0 ? s->o.threads : 1;
    s->workers = cs_new_array(struct cs_http_worker, s->n_workers);
    cs_tls_slot_init(&s->pair);
    cs_linger_init(&s->linger);
    return s;
}

bool cs_http_server_new(const struct cs_http_options *o, struct cs_http_server **ret, struct cs_error *err)
{
    CS_CLEANUP(cs_http_server_free_cleanup) struct cs_http_server *s = NULL;
    cs_autoclose int fd = -1;

    if (strcmp(o->bind_address, "0") == 0) {
        *ret = NULL;
        return true;
    }
    if (o->tls && o->client_ca_pem && !cs_tls_check_ca(o->client_ca_pem, err))
        return false;
    if (!open_socket(o->bind_address, &fd, err))
        return false;
    s = server_alloc(o);
    s->port = port_of(fd);
    if (!start_workers(s, fd, err))
        return false;
    *ret = cs_take(s);
    return true;
}

void cs_http_server_free(struct cs_http_server *s)
{
    if (!s)
        return;
    atomic_store(&s->phase, CS_HTTP_STOPPING);
    for (unsigned i = 0; i < s->n_workers; i++)
        if (s->workers[i].started)
            (void)pthread_join(s->workers[i].thread, NULL);
    for (unsigned i = 0; i < s->n_workers; i++)
        if (s->workers[i].daemon)
            MHD_stop_daemon(s->workers[i].daemon);
    for (unsigned i = 0; i < s->n_workers; i++)
        while (s->workers[i].n_spares > 0)
            cs_strbuf_done(&s->workers[i].spares[--s->workers[i].n_spares]);
    cs_tls_slot_done(&s->pair);
    cs_linger_done(&s->linger);
    free(s->workers);
    free(s->bind_address);
    free(s->client_ca_pem);
    free(s->client_names);
    free(s);
}

bool cs_http_server_set_pair(struct cs_http_server *s, const char *cert_pem, const char *key_pem, struct cs_error *err)
{
    struct cs_tls_pair *p;

    if (!cs_tls_pair_new(cert_pem, key_pem, &p, err))
        return false;
    cs_tls_slot_set(&s->pair, p);
    return true;
}

int64_t cs_http_server_pair_not_after_ms(struct cs_http_server *s)
{
    struct cs_tls_pair *p = cs_tls_slot_get(&s->pair);
    int64_t ms = p ? cs_tls_pair_not_after_ms(p) : 0;

    cs_tls_pair_unref(p);
    return ms;
}

uint16_t cs_http_server_port(const struct cs_http_server *s)
{
    return s->port;
}

/* ---- driven mode ---- */

int cs_http_server_fd(const struct cs_http_server *s)
{
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(s->workers[0].daemon, MHD_DAEMON_INFO_EPOLL_FD);

    return info ? info->epoll_fd : -1;
}

int64_t cs_http_server_wait_ms(struct cs_http_server *s)
{
    MHD_UNSIGNED_LONG_LONG ms;

    if (MHD_get_timeout(s->workers[0].daemon, &ms) == MHD_YES && ms == 0)
        return 0; /* there is something to do at once; of other times libmicrohttpd knows none here */
    if (cs_linger_any(&s->linger))
        return CS_LINGER_TICK_MS;
    return cs_http_crowd_wait_ms(&s->workers[0].crowd, cs_http_now_ms());
}

void cs_http_server_run(struct cs_http_server *s)
{
    (void)MHD_run(s->workers[0].daemon);
    cs_linger_sweep(&s->linger, cs_http_now_ms());
    cs_http_crowd_sweep(&s->workers[0].crowd, cs_http_now_ms());
}

/* ---- stopping ---- */

void cs_http_server_retire(struct cs_http_server *s)
{
    int serving = CS_HTTP_SERVING;

    (void)atomic_compare_exchange_strong(&s->phase, &serving, CS_HTTP_RETIRED);
}

static bool drained(const struct cs_http_server *s)
{
    for (unsigned i = 0; i < s->n_workers; i++)
        if (!atomic_load(&s->workers[i].quiesced))
            return false;
    return atomic_load(&s->requests) == 0;
}

void cs_http_server_drain(struct cs_http_server *s, int64_t max_ms)
{
    int64_t end_ms = cs_http_now_ms() + max_ms;

    atomic_store(&s->phase, CS_HTTP_DRAINING);
    if (s->o.threads == 0)
        quiesce(&s->workers[0]);
    while (!drained(s) && cs_http_now_ms() < end_ms) {
        if (s->o.threads == 0)
            (void)MHD_run_wait(s->workers[0].daemon, 10);
        else
            (void)usleep(5000);
    }
}
