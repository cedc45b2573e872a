/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The connections of one worker, and who of them has to go: one whose time is over, and when a newcomer finds no place, another. So a
 * peer that opens connections and says nothing can neither keep others out nor make them wait: the newest always gets in.
 *
 * Who goes: the oldest of the largest group, by how far they have come (silent, greeted, in the first request; between requests or in
 * one after an answer of 200). A flood is of one kind mostly, and the largest group itself. An honest connection passes through the first
 * groups in some milliseconds; idle ones are those that the API server keeps, some tens, and of them the longest idle goes first.
 * Addresses say nothing here, as all honest calls come from a few API servers.
 *
 * The same for the memory of all bodies and answers under way: when it is used up, the one goes that has held most for longest. Who has
 * proven itself may hold CS_HTTP_PROVEN_SHARE times as much: a first large request then goes before one of the API server's, but a
 * small one never goes for those who do not take their large answers.
 *
 * A connection is ended by shutting its socket down: libmicrohttpd then closes it in its next turn. Its own timeouts are not used. They
 * begin anew with each byte, so that a peer which sends one now and then would stay for ever.
 *
 * Owned by the worker's thread.
 */
#ifndef CS_HTTP_CROWD_H
#define CS_HTTP_CROWD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Lies in the connection. Times are monotonic. */
struct cs_http_guest {
    struct cs_http_guest *prev, *next;
    int fd;
    const bool *greeted; /* a ClientHello was read */
    int64_t since_ms; /* accepted, or answered for the last time */
    int64_t started_ms; /* of the request under way */
    size_t held; /* bytes of its body, then of its answer */
    bool in_request; /* from the end of its headers until the answer is sent */
    bool proven; /* had a request answered with 200 */
    bool cut; /* on its way out */
};

struct cs_http_crowd {
    struct cs_http_guest *guests; /* utlist */
    unsigned n; /* without those on their way out */
    unsigned max;
    size_t held, max_held; /* bytes of all of them */
    int64_t idle_ms; /* between requests, once proven */
    int64_t swept_ms;
};

#define CS_HTTP_NEWCOMER_MS 10000 /* for the first request's headers, and between requests while not proven */
#define CS_HTTP_BODY_MS 30000 /* for a body to arrive: 408 after that */
#define CS_HTTP_REQUEST_MS 35000 /* … and for the answer to be taken, or when the peer says no more */
#define CS_HTTP_SWEEP_MS 250
#define CS_HTTP_PROVEN_SHARE 8

/* g->fd is set. May cut another one. */
void cs_http_crowd_add(struct cs_http_crowd *c, struct cs_http_guest *g, int64_t now_ms);
void cs_http_crowd_remove(struct cs_http_crowd *c, struct cs_http_guest *g);
/* g's body or answer takes so many bytes now. May cut another one; false: it is g itself that has to go. */
bool cs_http_crowd_hold(struct cs_http_crowd *c, struct cs_http_guest *g, size_t bytes, int64_t now_ms);
void cs_http_crowd_release(struct cs_http_crowd *c, struct cs_http_guest *g);
/* Cuts those whose time is over; looks at most every CS_HTTP_SWEEP_MS. */
void cs_http_crowd_sweep(struct cs_http_crowd *c, int64_t now_ms);
/* When cs_http_crowd_sweep wants to be called; -1: as long as nothing happens, never. */
int64_t cs_http_crowd_wait_ms(const struct cs_http_crowd *c, int64_t now_ms);

#endif
