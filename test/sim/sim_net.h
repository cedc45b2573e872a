/* SPDX-License-Identifier: Apache-2.0 */
/* What is on its way between a replica and the server. */
#ifndef CS_TEST_SIM_NET_H
#define CS_TEST_SIM_NET_H

#include "common/base/strbuf.h"
#include "controller/cloneset/controller.h"

struct sim_replica;

struct sim_answer {
    int status;
    char *body; /* owned */
    int64_t retry_after_ms;
};

struct sim_req { /* a request: its effect and its answer come at times of their own */
    struct sim_req *next;
    struct sim_replica *r;
    uint64_t id;
    enum cs_verb verb;
    const struct cs_gvr *gvr;
    char *name, *subresource, *body, *query;
    cs_reply_fn done; /* NULL: cancelled */
    void *ctx;
    int64_t sent_ms, held_ms; /* the process stood still for so long before it went out */
    uint64_t sent_rv; /* the server's version then */
    unsigned life; /* of the replica */
    size_t known; /* create of a Pod: the first of the limits that whoever decided on it may have gone by */
    bool resent; /* … and who had sent it before */
    bool told; /* … and who knew the set's spec as it still is */
    int inject; /* status to answer with instead of doing it; 0 none */
    bool inject_after; /* … but do it all the same */
    bool effect_due, answer_due, lost;
    bool cut_body, kill_done, kill_answered;
    struct sim_answer answer;
};

struct sim_stream { /* a watch */
    struct sim_stream *next;
    uint64_t id;
    enum cs_kind kind;
    char *query;
    struct sim_replica *r;
    uint64_t key, since_rv; /* what it tells is newer */
    bool open, pumping, selects;
    bool ending; /* its end waits for a process that stands still */
    enum cs_errkind end_kind;
    int end_status;
    size_t pos; /* next event of the log */
    size_t slow_lines; /* so many of a list are yet to come, one by one */
    size_t cut_after; /* … and it ends after so many; 0: it does not */
    struct cs_strbuf out; /* lines that were not sent yet */
    int64_t sent_ms, heard_ms, silence_ms, frozen_until_ms;
    cs_chunk_fn on_chunk;
    cs_reply_fn on_end;
    void *ctx;
};

#endif
