/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small blocking HTTP client for the server's tests, over plain sockets of the loopback interface. Every wait is bounded by a
 * socket timeout, so that a hanging server is a failed test and not a hanging one.
 */
#ifndef CS_TEST_HTTP_CLIENT_H
#define CS_TEST_HTTP_CLIENT_H

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

struct peer {
    int fd;
    /* How bytes travel; a TLS test brings its own. NULL: the socket itself. */
    ssize_t (*write)(struct peer *p, const void *data, size_t len);
    ssize_t (*read)(struct peer *p, void *data, size_t len);
    void *tls;
    char buf[65536]; /* what was read beyond the last answer */
    size_t len;
};

struct answer {
    int status;
    bool close; /* "Connection: close" */
    char headers[4096];
    char body[65536];
    size_t body_len;
};

static inline bool peer_connect(struct peer *p, uint16_t port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct timeval limit = {.tv_sec = 10};

    memset(p, 0, sizeof(*p));
    p->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    (void)setsockopt(p->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    (void)setsockopt(p->fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
    (void)setsockopt(p->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    return connect(p->fd, (struct sockaddr *)&a, sizeof(a)) == 0;
}

static inline void peer_close(struct peer *p)
{
    (void)close(p->fd);
    p->fd = -1;
}

static inline bool peer_send(struct peer *p, const void *data, size_t len)
{
    const char *at = data;

    while (len > 0) {
        ssize_t n = p->write ? p->write(p, at, len) : send(p->fd, at, len, MSG_NOSIGNAL);

        if (n <= 0)
            return false;
        at += n;
        len -= (size_t)n;
    }
    return true;
}

static inline bool peer_sends(struct peer *p, const char *text)
{
    return peer_send(p, text, strlen(text));
}

static inline bool peer_fill(struct peer *p)
{
    ssize_t n;

    errno = 0;
    n = p->read ? p->read(p, p->buf + p->len, sizeof(p->buf) - p->len)
                : recv(p->fd, p->buf + p->len, sizeof(p->buf) - p->len, 0);

    if (n <= 0)
        return false;
    p->len += (size_t)n;
    return true;
}

/* True when the server closes the connection (a timeout of ours is no close); what it still sends is dropped. */
static inline bool peer_closed(struct peer *p)
{
    do
        p->len = 0;
    while (peer_fill(p));
    return errno != EAGAIN;
}

/* Reads one answer with a Content-Length (all of ours have one); HEAD answers have no body. */
static inline bool peer_answer(struct peer *p, bool head, struct answer *a)
{
    char *end;
    const char *length;
    size_t n_head;

    memset(a, 0, sizeof(*a));
    while ((end = memmem(p->buf, p->len, "\r\n\r\n", 4)) == NULL)
        if (!peer_fill(p))
            return false;
    n_head = (size_t)(end - p->buf) + 4;
    if (n_head >= sizeof(a->headers))
        return false;
    memcpy(a->headers, p->buf, n_head);
    if (strncmp(a->headers, "HTTP/1.1 ", 9) != 0)
        return false;
    a->status = (int)strtol(a->headers + 9, NULL, 10);
    a->close = strstr(a->headers, "Connection: close") != NULL;
    length = strstr(a->headers, "Content-Length: ");
    a->body_len = length && !head && a->status != 100 ? strtoul(length + 16, NULL, 10) : 0;
    if (a->body_len >= sizeof(a->body))
        return false;
    while (p->len < n_head + a->body_len)
        if (!peer_fill(p))
            return false;
    memcpy(a->body, p->buf + n_head, a->body_len);
    p->len -= n_head + a->body_len;
    memmove(p->buf, p->buf + n_head + a->body_len, p->len);
    return true;
}

static inline bool peer_post(struct peer *p, const char *path, const void *body, size_t len, struct answer *a)
{
    char head[512];

    a->status = 0;
    a->close = false;
    (void)snprintf(head, sizeof(head),
        "POST %s HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: %zu\r\n\r\n", path, len);
    return peer_sends(p, head) && peer_send(p, body, len) && peer_answer(p, false, a);
}

#endif
