/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See curl_sockets.h. libcurl's own deadlines are asked for before each wait, so that there is no timer to keep.
 */
#include "common/kube/curl_sockets.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "common/base/alloc.h"

#define BATCH 64 /* events taken at once; what is left is there in the next round */
#define OWN_FDS 2 /* epoll and wakeup, before the extra ones */

/* known: not NULL once the socket is in the epoll set. A descriptor that is used anew may still, or no more, be in it. */
static int on_socket(CURL *easy, curl_socket_t fd, int what, void *ctx, void *known)
{
    struct cs_curl_sockets *s = ctx;
    struct epoll_event e = {.data = {.fd = fd}};

    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        (void)epoll_ctl(s->epoll, EPOLL_CTL_DEL, fd, NULL);
        return 0;
    }
    if (what & CURL_POLL_IN)
        e.events |= EPOLLIN;
    if (what & CURL_POLL_OUT)
        e.events |= EPOLLOUT;
    if (epoll_ctl(s->epoll, known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &e) != 0) {
        if ((errno != EEXIST && errno != ENOENT) ||
            epoll_ctl(s->epoll, errno == EEXIST ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &e) != 0)
            return -1;
    }
    (void)curl_multi_assign(s->multi, fd, s);
    return 0;
}

bool cs_curl_sockets_init(struct cs_curl_sockets *s, CURLM *multi, struct cs_error *err)
{
    *s = (struct cs_curl_sockets){
        .multi = multi, .epoll = epoll_create1(EPOLL_CLOEXEC), .wakeup = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
    if (s->epoll < 0 || s->wakeup < 0)
        return cs_error_set(err, CS_ERR_INTERNAL, "cannot make descriptors to wait with: %s", strerror(errno));
    if (curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_socket) != CURLM_OK ||
        curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, s) != CURLM_OK)
        return cs_error_set(err, CS_ERR_INTERNAL, "libcurl: cannot be told to report its sockets");
    return true;
}

void cs_curl_sockets_done(struct cs_curl_sockets *s)
{
    if (!s->multi)
        return;
    if (s->epoll >= 0)
        (void)close(s->epoll);
    if (s->wakeup >= 0)
        (void)close(s->wakeup);
    free(s->fds);
    *s = (struct cs_curl_sockets){.multi = NULL};
}

/* When libcurl has something to do of itself; -1: never. */
static long own_wait(const struct cs_curl_sockets *s)
{
    long ms = -1;

    (void)curl_multi_timeout(s->multi, &ms);
    return ms < INT_MAX ? ms : INT_MAX;
}

void cs_curl_sockets_wait(struct cs_curl_sockets *s, int wait_ms, struct cs_poll_fd *extra, unsigned n_extra)
{
    int64_t ms = cs_sooner_ms(wait_ms, own_wait(s));
    uint64_t count;

    if (OWN_FDS + n_extra > s->cap_fds) {
        s->cap_fds = OWN_FDS + n_extra;
        s->fds = cs_xrealloc(s->fds, s->cap_fds, sizeof(*s->fds));
    }
    s->fds[0] = (struct pollfd){.fd = s->epoll, .events = POLLIN};
    s->fds[1] = (struct pollfd){.fd = s->wakeup, .events = POLLIN};
    for (unsigned i = 0; i < n_extra; i++)
        s->fds[OWN_FDS + i] = (struct pollfd){.fd = extra[i].fd, .events = POLLIN};
    if (poll(s->fds, OWN_FDS + n_extra, (int)ms) < 0) { /* interrupted: nothing is known to be ready */
        for (unsigned i = 0; i < OWN_FDS + n_extra; i++)
            s->fds[i].revents = 0;
    }
    for (unsigned i = 0; i < n_extra; i++)
        extra[i].readable = s->fds[OWN_FDS + i].revents != 0;
    if (s->fds[1].revents != 0)
        (void)!read(s->wakeup, &count, sizeof(count));
}

void cs_curl_sockets_perform(struct cs_curl_sockets *s)
{
    struct epoll_event events[BATCH];
    int n = epoll_wait(s->epoll, events, BATCH, 0);
    int running;

    for (int i = 0; i < n; i++) {
        int mask = (events[i].events & EPOLLIN ? CURL_CSELECT_IN : 0) |
                   (events[i].events & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
                   (events[i].events & (EPOLLERR | EPOLLHUP) ? CURL_CSELECT_ERR : 0);

        (void)curl_multi_socket_action(s->multi, events[i].data.fd, mask, &running);
    }
    if (own_wait(s) == 0)
        (void)curl_multi_socket_action(s->multi, CURL_SOCKET_TIMEOUT, 0, &running);
}

void cs_curl_sockets_wakeup(struct cs_curl_sockets *s)
{
    const uint64_t one = 1;

    (void)!write(s->wakeup, &one, sizeof(one));
}
