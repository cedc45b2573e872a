/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The real client against a server played by the test itself, on the loopback and in the same thread: the client is
 * moved by cs_curl_poll, the server's side by plain reads and writes in between. The client's clock is turned by hand,
 * so timeouts take no time. What happens to requests is written down as words, in the order in which it happens:
 *
 *   done:7=200   request 7 (call or stream) ended well     done:7=timeout   or with an error of this kind
 *   bytes:3=ab   stream 3 brought bytes                    bytes:3=         or the good news that it is accepted
 */
#ifndef CS_TEST_UNIT_CURL_WORLD_H
#define CS_TEST_UNIT_CURL_WORLD_H

#include <stdlib.h>
#include <string.h>

#include "common/kube/curl_client.h"

#define CW_MAX_ASKS 64

/* One request of the test. */
struct cw_ask {
    struct cw *w;
    int number;
    uint64_t id;
};

struct cw {
    int64_t now;
    struct cs_clock clock;
    struct cs_kube_config config;
    struct cs_metrics *metrics;
    struct cs_curl_client *c;
    struct cs_client client;
    char server[64], token_file[64];
    int listener;
    char log[4096];
    struct cs_reply last; /* of the last end; body and error copied */
    char body[4096];
    size_t body_len;
    int jump_at_look; /* the clock jumps by 5 s when it has been looked at so often; 0: it does not */
    bool refuse; /* the reader of streams says no */
    uint64_t cancels; /* id that the next callback cancels */
    bool calls_again; /* the next callback starts a call */
    int bad_calls; /* so many callbacks start one that cannot be sent */
    struct cw_ask *asks; /* all that were made; they go with the world */
    size_t n_asks;
    bool inside; /* a call into the client is under way: no callback may come */
};

int cw_setup(void **state);
int cw_teardown(void **state);
/* Replaces the client by one of other limits. */
void cw_make_client(struct cw *w, unsigned max_inflight, size_t max_answer);

/* ---- asking ---- */

uint64_t cw_call(struct cw *w, int number, const struct cs_call *call);
/* GET of Pod p<number> in namespace n. */
uint64_t cw_get(struct cw *w, int number);
struct cw_ask *cw_stream(struct cw *w, int number, int64_t silence_ms);
void cw_cancel(struct cw *w, uint64_t id);

/* ---- the server's side ---- */

void cw_poll_client(struct cw *w);
/* Lets the client do what it would do by itself; nothing is expected of it. */
void cw_idle(struct cw *w);
bool cw_has_input(int fd);
/* The next connection of the client. */
int cw_accept_one(struct cw *w);
/* One whole request, head and body. */
void cw_receive(struct cw *w, int fd, struct cs_strbuf *ret);
/* Receives a request and checks its first line. */
void cw_receive_line(struct cw *w, int fd, const char *line);
void cw_say(int fd, const char *text);
void cw_answer(int fd, const char *status, const char *headers, const char *body);
/* Moves the client until the log holds the word. */
void cw_until(struct cw *w, const char *word);
bool cw_is_closed(struct cw *w, int fd);
/* A stream whose answer has begun; its connection. ret_id may be NULL. */
int cw_open_stream(struct cw *w, int number, int64_t silence_ms, uint64_t *ret_id);

/* Everything that has happened since the last look. */
#define cw_expect(w, text)                                                                                             \
    do {                                                                                                               \
        assert_string_equal((w)->log, (text));                                                                         \
        (w)->log[0] = '\0';                                                                                            \
    } while (0)

#define WITH_SERVER(test) cmocka_unit_test_setup_teardown(test, cw_setup, cw_teardown)

#endif
