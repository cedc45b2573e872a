/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Load for a server of admission reviews: the same request again and again over a number of TLS connections that are kept, each with
 * one request under way, as the API server's are.
 *
 *     load PORT PATH BODY CONNECTIONS SECONDS PID     → requests/s, latencies, CPU and memory of the server PID
 *     load PORT PATH BODY first COMMAND ARGUMENT…     → milliseconds from the start of COMMAND to its first answer
 *
 * Prints one line of JSON. An answer counts when it is a 200 that allows; anything else ends the program with 1. OpenSSL, so that
 * the two ends do not share their library's mistakes; it is also the cheaper one, which leaves more of the machine to the server.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/alloc.h"
#include "common/base/strbuf.h"
#include "test/bench/tool.h"

#define THREADS 2
#define WARM_NS 300000000 /* not measured: buffers grow, pages are touched */
#define ANSWER_MAX 65536
#define MAX_BODY ((size_t)8 << 20)
#define FIRST_TRIES 20000 /* each of 0.5 ms at least */

struct target {
    uint16_t port;
    struct cs_strbuf request; /* head and body */
    SSL_CTX *tls;
};

struct conn {
    SSL *ssl;
    int fd;
    size_t sent; /* of the request */
    size_t got; /* of the answer */
    int64_t begin_ns;
    char answer[ANSWER_MAX];
};

struct lane { /* one thread */
    const struct target *t;
    unsigned n_conns;
    struct conn *conns;
    pthread_barrier_t *connected;
    int64_t seconds;
    uint32_t *latency_us; /* of requests that began after the warm-up */
    size_t n, cap;
    int64_t first_ns, last_ns;
};

/* ---- one connection ---- */

static int dial(uint16_t port)
{
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    const int on = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        fail("socket", strerror(errno));
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (connect(fd, (const struct sockaddr *)&to, sizeof(to)) == 0)
        return fd;
    (void)close(fd);
    return -1;
}

static void conn_close(struct conn *c)
{
    SSL_free(c->ssl);
    if (c->fd >= 0)
        (void)close(c->fd);
    c->ssl = NULL;
    c->fd = -1;
}

/* With the handshake done; false when nobody listens or the handshake fails. */
static bool conn_open(struct conn *c, const struct target *t)
{
    c->ssl = NULL;
    c->fd = dial(t->port);
    if (c->fd < 0)
        return false;
    c->ssl = SSL_new(t->tls);
    if (!c->ssl)
        fail("SSL_new", "no memory");
    (void)SSL_set_fd(c->ssl, c->fd);
    if (SSL_connect(c->ssl) == 1)
        return true;
    conn_close(c);
    return false;
}

/* Bytes that were moved, 0 when it has to wait. */
static size_t moved(struct conn *c, int rc, const char *what)
{
    int why;

    if (rc > 0)
        return (size_t)rc;
    why = SSL_get_error(c->ssl, rc);
    if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE)
        fail(what, "the server ended the connection");
    return 0;
}

static void send_more(struct conn *c, const struct target *t)
{
    while (c->sent < t->request.len) {
        size_t n = moved(
            c, SSL_write(c->ssl, t->request.data + c->sent, (int)(t->request.len - c->sent)), "sending a request");

        if (n == 0)
            return;
        c->sent += n;
    }
}

static void ask(struct conn *c, const struct target *t)
{
    c->sent = 0;
    c->got = 0;
    c->begin_ns = clock_ns(CLOCK_MONOTONIC);
    send_more(c, t);
}

/* True when the answer is whole. */
static bool answered(struct conn *c)
{
    static const char length[] = "Content-Length: ", good[] = "HTTP/1.1 200 ", allowed[] = "\"allowed\":true";
    const char *head_end, *at;

    c->answer[c->got] = '\0';
    head_end = strstr(c->answer, "\r\n\r\n");
    if (!head_end)
        return false;
    at = strstr(c->answer, length);
    if (!at || at > head_end || strncmp(c->answer, good, strlen(good)) != 0)
        fail("answer", c->answer);
    if (c->got < (size_t)(head_end + 4 - c->answer) + strtoul(at + strlen(length), NULL, 10))
        return false;
    if (!strstr(head_end, allowed))
        fail("refused", head_end);
    return true;
}

/* True when the answer is whole. */
static bool receive(struct conn *c)
{
    while (c->got + 1 < sizeof(c->answer)) {
        size_t n =
            moved(c, SSL_read(c->ssl, c->answer + c->got, (int)(sizeof(c->answer) - 1 - c->got)), "awaiting an answer");

        if (n == 0)
            return false;
        c->got += n;
        if (answered(c))
            return true;
    }
    fail("answer", "longer than what is read of it");
}

/* ---- one thread ---- */

static void note(struct lane *l, const struct conn *c, int64_t end_ns)
{
    if (l->n == l->cap) {
        l->cap = l->cap ? 2 * l->cap : 65536;
        l->latency_us = cs_xrealloc(l->latency_us, l->cap, sizeof(*l->latency_us));
    }
    l->latency_us[l->n++] = (uint32_t)((end_ns - c->begin_ns) / 1000);
    l->last_ns = end_ns;
}

/* Asks on all connections until it is over; the first answers are for warming up. */
static void ask_all(struct lane *l, int epoll)
{
    int64_t begin_ns = clock_ns(CLOCK_MONOTONIC) + WARM_NS, end_ns = begin_ns + l->seconds * 1000000000;
    struct epoll_event ready[64];

    l->first_ns = begin_ns;
    for (unsigned i = 0; i < l->n_conns; i++)
        ask(&l->conns[i], l->t);
    for (;;) {
        int n = epoll_wait(epoll, ready, (int)CS_ARRAY_LEN(ready), 1000);
        int64_t at_ns = clock_ns(CLOCK_MONOTONIC);

        if (at_ns >= end_ns)
            return;
        for (int i = 0; i < n; i++) {
            struct conn *c = ready[i].data.ptr;

            if (c->sent < l->t->request.len)
                send_more(c, l->t);
            if (!receive(c))
                continue;
            at_ns = clock_ns(CLOCK_MONOTONIC);
            if (at_ns >= begin_ns)
                note(l, c, at_ns);
            ask(c, l->t);
        }
    }
}

static void *lane_main(void *arg)
{
    struct lane *l = arg;
    int epoll = epoll_create1(EPOLL_CLOEXEC);

    l->conns = cs_new_array(struct conn, l->n_conns);
    for (unsigned i = 0; i < l->n_conns; i++) {
        struct epoll_event e = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data = {.ptr = &l->conns[i]}};

        if (!conn_open(&l->conns[i], l->t))
            fail("connecting", "refused, or no handshake");
        (void)BIO_socket_nbio(l->conns[i].fd, 1);
        (void)epoll_ctl(epoll, EPOLL_CTL_ADD, l->conns[i].fd, &e);
    }
    (void)pthread_barrier_wait(l->connected);
    ask_all(l, epoll);
    (void)pthread_barrier_wait(l->connected); /* what the server takes is read with all connections there */
    (void)pthread_barrier_wait(l->connected);
    for (unsigned i = 0; i < l->n_conns; i++)
        conn_close(&l->conns[i]);
    free(l->conns);
    (void)close(epoll);
    return NULL;
}

/* ---- the server, as the kernel sees it ---- */

/* utime and stime, the 12th and 13th word behind the name */
static double cpu_s(const char *pid)
{
    cs_autofree char *path = cs_xasprintf("/proc/%s/stat", pid);
    cs_autofree char *text = read_file(path, 4096, NULL);
    unsigned long user;
    char *at;

    at = strrchr(text, ')'); /* the name may hold anything */
    for (int i = 0; at && i < 12; i++)
        at = strchr(at + 1, ' ');
    if (!at)
        fail(path, text);
    user = strtoul(at, &at, 10);
    return (double)(user + strtoul(at, NULL, 10)) / (double)sysconf(_SC_CLK_TCK);
}

static unsigned long memory_kb(const char *pid, const char *key)
{
    cs_autofree char *path = cs_xasprintf("/proc/%s/status", pid);
    cs_autofree char *text = read_file(path, 16384, NULL);
    const char *at;

    at = strstr(text, key);
    return at ? strtoul(at + strlen(key), NULL, 10) : 0;
}

/* ---- runs ---- */

static int by_value(const void *a, const void *b)
{
    const uint32_t *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

/* Of the server and of this program, in the time that was measured. */
struct used {
    double server_s, own_s;
};

static struct used used_now(const char *pid)
{
    return (struct used){.server_s = cpu_s(pid), .own_s = (double)clock_ns(CLOCK_PROCESS_CPUTIME_ID) / 1e9};
}

static void report(struct lane lanes[THREADS], struct used cpu, const char *pid)
{
    uint32_t *all = NULL;
    int64_t last_ns = 0;
    double seconds;
    size_t n = 0;

    for (unsigned i = 0; i < THREADS; i++) {
        all = cs_xrealloc(all, n + lanes[i].n + 1, sizeof(*all));
        memcpy(all + n, lanes[i].latency_us, lanes[i].n * sizeof(*all));
        n += lanes[i].n;
        last_ns = lanes[i].last_ns > last_ns ? lanes[i].last_ns : last_ns;
    }
    if (n == 0)
        fail("answers", "none after the warm-up");
    qsort(all, n, sizeof(*all), &by_value);
    seconds = (double)(last_ns - lanes[0].first_ns) / 1e9;
    (void)printf("{\"requests\": %zu, \"per_second\": %.1f, \"p50_us\": %u, \"p99_us\": %u, \"max_us\": %u, "
                 "\"cpu_ms_per_1000\": %.2f, \"load_cpu_ms_per_1000\": %.2f, \"rss_kb\": %lu, \"peak_kb\": %lu, "
                 "\"anon_kb\": %lu}\n",
        n, (double)n / seconds, all[n / 2], all[n - 1 - n / 100], all[n - 1], cpu.server_s / (double)n * 1e6,
        cpu.own_s / (double)n * 1e6, memory_kb(pid, "VmRSS:"), memory_kb(pid, "VmHWM:"), memory_kb(pid, "RssAnon:"));
    free(all);
}

static void run_load(const struct target *t, unsigned connections, int64_t seconds, const char *pid)
{
    struct lane lanes[THREADS] = {{.t = NULL}};
    pthread_t threads[THREADS];
    pthread_barrier_t connected;
    struct used before, after;

    (void)pthread_barrier_init(&connected, NULL, THREADS + 1);
    for (unsigned i = 0; i < THREADS; i++) {
        unsigned n = connections / THREADS + (i < connections % THREADS);

        lanes[i] = (struct lane){.t = t, .n_conns = n, .connected = &connected, .seconds = seconds};
        if (pthread_create(&threads[i], NULL, &lane_main, &lanes[i]) != 0)
            fail("pthread_create", "no thread to be had");
    }
    (void)pthread_barrier_wait(&connected);
    (void)usleep(WARM_NS / 1000);
    before = used_now(pid);
    (void)pthread_barrier_wait(&connected);
    after = used_now(pid);
    after = (struct used){.server_s = after.server_s - before.server_s, .own_s = after.own_s - before.own_s};
    report(lanes, after, pid);
    (void)pthread_barrier_wait(&connected);
    for (unsigned i = 0; i < THREADS; i++) {
        (void)pthread_join(threads[i], NULL);
        free(lanes[i].latency_us);
    }
    (void)pthread_barrier_destroy(&connected);
}

static void run_first(const struct target *t, char **command)
{
    struct conn *c = cs_new(struct conn);
    int64_t begin_ns = clock_ns(CLOCK_MONOTONIC);
    pid_t child = fork();
    unsigned tries = 0;

    if (child == 0) {
        int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);

        (void)dup2(nothing, STDOUT_FILENO);
        (void)dup2(nothing, STDERR_FILENO);
        (void)execv(command[0], command);
        _exit(127);
    }
    while (!conn_open(c, t)) {
        if (++tries == FIRST_TRIES || waitpid(child, NULL, WNOHANG) == child)
            fail(command[0], "does not answer");
        (void)usleep(500);
    }
    ask(c, t);
    while (!receive(c))
        continue;
    (void)printf("{\"first_ms\": %.1f}\n", (double)(clock_ns(CLOCK_MONOTONIC) - begin_ns) / 1e6);
    conn_close(c);
    free(c);
    (void)kill(child, SIGKILL);
    (void)waitpid(child, NULL, 0);
}

static void target_init(struct target *t, char **argv)
{
    size_t len = 0;
    cs_autofree char *body = read_file(argv[3], MAX_BODY, &len);

    t->port = (uint16_t)strtoul(argv[1], NULL, 10);
    cs_strbuf_init(&t->request, 2 * MAX_BODY);
    cs_strbuf_addf(&t->request,
        "POST %s HTTP/1.1\r\nHost: cloneset-webhook.cloneset-system.svc:443\r\nUser-Agent: kube-apiserver-admission\r\n"
        "Content-Length: %zu\r\nAccept: application/json, */*\r\nContent-Type: application/json\r\n"
        "Accept-Encoding: gzip\r\n\r\n",
        argv[2], len);
    cs_strbuf_add(&t->request, body, len);
    t->tls = SSL_CTX_new(TLS_client_method());
    if (!t->tls)
        fail("TLS", "no context");
    SSL_CTX_set_verify(t->tls, SSL_VERIFY_NONE, NULL);
    SSL_CTX_set_read_ahead(t->tls, 1);
    (void)SSL_CTX_set_mode(t->tls, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
}

int main(int argc, char **argv)
{
    struct target t = {.port = 0};

    (void)signal(SIGPIPE, SIG_IGN);
    if (argc < 6) {
        (void)fprintf(
            stderr, "usage: load PORT PATH BODY CONNECTIONS SECONDS PID | load PORT PATH BODY first COMMAND…\n");
        return 2;
    }
    target_init(&t, argv);
    if (strcmp(argv[4], "first") == 0)
        run_first(&t, argv + 5);
    else if (argc == 7)
        run_load(&t, (unsigned)strtoul(argv[4], NULL, 10), strtol(argv[5], NULL, 10), argv[6]);
    SSL_CTX_free(t.tls);
    cs_strbuf_done(&t.request);
    return 0;
}
