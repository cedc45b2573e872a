/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The world around a reflector in tests: its client, its handler and its clock. What the server sends goes in, calls of
 * the handler and requests come out and are written down, one word each, in the order in which they happen:
 *
 *   stream          a list by stream is asked for      begin, end=7   on_list_begin, on_list_end at version 7
 *   watch=7         a watch from version 7             listed:a@5     on_object, LISTED, object a at version 5
 *   page, page+x    the first page; the one after x    +a@8 ~a@9 -a@9 the same, ADDED, MODIFIED, DELETED
 *   cancel          the request under way is dropped
 *   probe           the server's version is asked for; in silence and answered well unless probes_by_hand
 */
#ifndef CS_TEST_UNIT_REFLECTOR_WORLD_H
#define CS_TEST_UNIT_REFLECTOR_WORLD_H

#include <stdlib.h>
#include <string.h>

#include "common/kube/reflector.h"

struct rw {
    int64_t now;
    struct cs_clock clock;
    struct cs_loop loop;
    struct cs_client client;
    struct cs_metrics *metrics;
    struct cs_rand rand;
    struct cs_reflector *r;
    char log[4096];
    uint64_t last_id, open; /* id of the request under way, 0: none */
    char query[1024]; /* of the last request */
    int64_t asked_ms, silence_ms, timeout_ms;
    cs_chunk_fn on_chunk;
    cs_reply_fn done;
    void *ctx;
    int64_t end_sent_ms;
    uint64_t known_rv; /* from elsewhere */
    bool probes_by_hand, probing;
    unsigned probes; /* that were answered in silence */
    const char *relist_at; /* the handler calls relist() at this word, once */
};

/* Value of a parameter, "" when it is not there. */
const char *rw_parameter(const struct rw *w, const char *key, char *buf, size_t size);
struct cs_reflector_options rw_options_of(struct rw *w);
int rw_setup(void **state);
int rw_teardown(void **state);
void rw_pass(struct rw *w, int64_t ms);
/* Lets time pass until the next request is sent; how long that was. */
int64_t rw_until_request(struct rw *w);
bool rw_chunk(struct rw *w, const char *p, size_t len);
void rw_finish(struct rw *w, const struct cs_reply *reply);
/* Bytes of the stream; as the real client does, what the reader refuses ends the stream. */
void rw_bytes(struct rw *w, const char *text);
void rw_event(struct rw *w, const char *type, const char *name, unsigned rv);
void rw_end_mark(struct rw *w, const char *rv);
void rw_error_event(struct rw *w, int code, const char *reason);
/* The server closes the stream properly. */
void rw_closed(struct rw *w);
/* The stream or call ends with an error; status 0: no answer had come. */
void rw_broken(struct rw *w, enum cs_errkind kind, int status);
void rw_answered(struct rw *w, const char *body);
/* The answer to a probe: the server's version. */
void rw_probed(struct rw *w, uint64_t rv);
/* To where most histories begin: a was listed, the watch is on from version 7. */
struct rw *rw_watching(void **state);
/* The same, with the watch settled: whatever failed before is forgotten. */
struct rw *rw_settled(void **state);

/* Everything that has happened since the last look. */
#define rw_expect(w, text)                                                                                             \
    do {                                                                                                               \
        assert_string_equal((w)->log, (text));                                                                         \
        (w)->log[0] = '\0';                                                                                            \
    } while (0)
#define assert_between(x, low, high)                                                                                   \
    do {                                                                                                               \
        int64_t x_ = (x);                                                                                              \
        if (x_ < (low) || x_ > (high))                                                                                 \
            fail_msg(#x " = %lld", (long long)x_);                                                                     \
    } while (0)
#define PAGE(next, items) "{\"metadata\":{\"resourceVersion\":\"70\",\"continue\":\"" next "\"},\"items\":[" items "]}"
#define ITEM(name, rv) "{\"metadata\":{\"name\":\"" name "\",\"resourceVersion\":\"" rv "\"}}"
#define HISTORY(test) cmocka_unit_test_setup_teardown(test, rw_setup, rw_teardown)

#endif
