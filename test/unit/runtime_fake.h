/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A client that answers when the test says so, and a clock that the test turns. Requests are kept in the order of
 * sending; a test looks at them and answers, or lets time pass.
 */
#ifndef CS_TEST_UNIT_RUNTIME_FAKE_H
#define CS_TEST_UNIT_RUNTIME_FAKE_H

#include <stdlib.h>

#include "common/base/alloc.h"
#include "common/json/json_tree.h"
#include "common/kube/client.h"
#include "common/kube/loop.h"

#define RT_WALL 1760000000000 /* 2025-10-09T08:53:20Z when the monotonic clock shows 0 */

struct rt_request {
    enum cs_verb verb;
    const struct cs_gvr *gvr;
    char *ns, *name, *subresource, *query, *body;
    int64_t sent_ms, timeout_ms;
    cs_reply_fn done;
    void *ctx;
    bool open; /* neither answered nor cancelled */
    bool cancelled;
};

struct rt_fake {
    int64_t now_ms;
    int64_t wall_ms; /* when the monotonic clock shows 0 */
    struct cs_clock clock;
    struct cs_loop loop;
    struct cs_client client;
    struct rt_request **requests; /* the id is the index + 1 */
    size_t len, cap;
};

void rt_init(struct rt_fake *f);
void rt_done(struct rt_fake *f);
/* Lets time pass, running every timer at its time; those that are due now run also with ms 0. */
void rt_pass(struct rt_fake *f, int64_t ms);
size_t rt_count_open(const struct rt_fake *f);
/* The oldest request that waits for an answer, or NULL. */
struct rt_request *rt_oldest(const struct rt_fake *f);
/* The same where there must be one. */
struct rt_request *rt_expect(const struct rt_fake *f);
/* Answers with what a server sends; status 0: no answer came in time. */
void rt_answer(struct rt_request *q, int status, const char *body);
struct cs_jtree *rt_parse(const char *text);

#endif
