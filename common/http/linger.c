/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The lingering close of linger.h. A handful of sockets at most: plain arrays.
 */
#include "common/http/linger.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/banned.h"

#define DRAIN_ONCE (1 << 20) /* bytes thrown away per socket and sweep */

void cs_linger_init(struct cs_linger *l)
{
    *l = (struct cs_linger){.n = 0};
    (void)pthread_mutex_init(&l->lock, NULL);
}

void cs_linger_done(struct cs_linger *l)
{
    for (unsigned i = 0; i < l->n; i++)
        (void)close(l->kept[i].fd);
    l->n = 0;
    (void)pthread_mutex_destroy(&l->lock);
}

static void drop(struct cs_linger *l, unsigned i)
{
    (void)close(l->kept[i].fd);
    l->n--;
    memmove(&l->kept[i], &l->kept[i + 1], (l->n - i) * sizeof(l->kept[0]));
}

void cs_linger_add(struct cs_linger *l, int fd, int64_t now_ms)
{
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);

    if (copy < 0)
        return; /* out of descriptors: then the hard way */
    (void)shutdown(copy, SHUT_WR);
    (void)pthread_mutex_lock(&l->lock);
    if (l->n == CS_LINGER_MAX)
        drop(l, 0);
    l->kept[l->n].fd = copy;
    l->kept[l->n].until_ms = now_ms + CS_LINGER_MS;
    l->n++;
    (void)pthread_mutex_unlock(&l->lock);
}

/* True when the peer is gone. MSG_TRUNC lets TCP drop the bytes without copying them. */
static bool drain(int fd)
{
    ssize_t n = recv(fd, NULL, DRAIN_ONCE, MSG_DONTWAIT | MSG_TRUNC);

    return n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR);
}

void cs_linger_sweep(struct cs_linger *l, int64_t now_ms)
{
    (void)pthread_mutex_lock(&l->lock);
    for (unsigned i = l->n; i-- > 0;)
        if (now_ms >= l->kept[i].until_ms || drain(l->kept[i].fd))
            drop(l, i);
    (void)pthread_mutex_unlock(&l->lock);
}

bool cs_linger_any(struct cs_linger *l)
{
    bool any;

    (void)pthread_mutex_lock(&l->lock);
    any = l->n > 0;
    (void)pthread_mutex_unlock(&l->lock);
    return any;
}
