/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Pods of one namespace as a watch shows them, for the limit of the cluster benchmark: as little of each as is needed to know
 * what may be written next, and when all is done.
 */
#ifndef CS_BENCH_SEEN_H
#define CS_BENCH_SEEN_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/error.h"
#include "common/base/table.h"
#include "common/json/json_doc.h"
#include "common/json/json_frame.h"
#include "common/kube/client.h"

#define CS_SEEN_NAME 64

struct cs_seen_pod {
    char name[CS_SEEN_NAME];
    char image[CS_SEEN_NAME]; /* of the first container, as it runs */
    bool bound, ready, leaving, gone;
    void *waiter; /* whose Pod it is; the user's */
    UT_hash_handle hh;
};

struct cs_seen {
    const struct cs_client *client; /* borrowed */
    const char *ns; /* borrowed */
    struct cs_jframe frame;
    struct cs_jdoc doc;
    struct cs_seen_pod *pods;
    unsigned there; /* Pods that are not gone */
    unsigned leaving; /* of these on their way out */
    char version[CS_SEEN_NAME]; /* of the last event */
    uint64_t bytes; /* of events so far */
    unsigned again; /* times that the server closed the watch */
    void (*changed)(void *ctx, struct cs_seen_pod *pod); /* after each event */
    void *ctx;
};

/* Starts the watch, at the cache's state. It goes on until the program ends, which it does when it cannot. */
void cs_seen_start(struct cs_seen *s, const struct cs_client *client, const char *ns);
/* The Pod of that name, made when it is not known. */
struct cs_seen_pod *cs_seen_find(struct cs_seen *s, const char *name);
/* All are there and none is leaving; each is Ready and runs this image, unless that is NULL. */
bool cs_seen_settled(const struct cs_seen *s, unsigned count, const char *image);
/* Forgets those that are gone. */
void cs_seen_sweep(struct cs_seen *s);

#endif
