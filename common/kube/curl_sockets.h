/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sockets of a libcurl multi handle, watched by epoll: only transfers whose socket has something to say are touched, while
 * curl_multi_perform asks every one of them for each event. For curl_client.c.
 */
#ifndef CS_KUBE_CURL_SOCKETS_H
#define CS_KUBE_CURL_SOCKETS_H

#include <curl/curl.h>
#include <poll.h>

#include "common/base/error.h"
#include "common/kube/curl_client.h"

struct cs_curl_sockets {
    CURLM *multi; /* borrowed; ends before this */
    int epoll, wakeup;
    struct pollfd *fds; /* for a wait; kept */
    unsigned cap_fds;
};

/* The multi handle tells its sockets from here on; must stay where it is. Zeroed before. Errors: no descriptor left. */
bool cs_curl_sockets_init(struct cs_curl_sockets *s, CURLM *multi, struct cs_error *err);
/* After curl_multi_cleanup; of one that was never begun, too. */
void cs_curl_sockets_done(struct cs_curl_sockets *s);
/* Waits at most wait_ms (-1: for ever), less when libcurl has something to do before, for sockets or extra descriptors. */
void cs_curl_sockets_wait(struct cs_curl_sockets *s, int wait_ms, struct cs_poll_fd *extra, unsigned n_extra);
/* Moves what is ready, and what is due. */
void cs_curl_sockets_perform(struct cs_curl_sockets *s);
/* Ends the wait of another thread. */
void cs_curl_sockets_wakeup(struct cs_curl_sockets *s);

#endif
