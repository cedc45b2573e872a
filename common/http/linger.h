/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sockets that were answered before their request was read to its end. Closing one at once would make the kernel send a reset,
 * which may destroy the answer on its way; so its descriptor is kept a little longer and what still arrives is thrown away.
 */
#ifndef CS_HTTP_LINGER_H
#define CS_HTTP_LINGER_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#define CS_LINGER_MAX 16 /* more: the oldest is closed */
#define CS_LINGER_MS 2000 /* how long at most */
#define CS_LINGER_TICK_MS 100 /* how often cs_linger_sweep wants to be called while any is kept */

struct cs_linger {
    pthread_mutex_t lock;
    struct {
        int fd;
        int64_t until_ms; /* monotonic */
    } kept[CS_LINGER_MAX]; /* oldest first */
    unsigned n;
};

void cs_linger_init(struct cs_linger *l);
void cs_linger_done(struct cs_linger *l); /* closes all */
/* Keeps a duplicate of fd, which the caller is about to close. */
void cs_linger_add(struct cs_linger *l, int fd, int64_t now_ms);
/* Reads and drops; closes those that ended or had their time. */
void cs_linger_sweep(struct cs_linger *l, int64_t now_ms);
bool cs_linger_any(struct cs_linger *l);

#endif
