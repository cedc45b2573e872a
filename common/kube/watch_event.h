/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One line of a watch, decoded (meta/v1 WatchEvent). Pure: bytes in, values out.
 */
#ifndef CS_KUBE_WATCH_EVENT_H
#define CS_KUBE_WATCH_EVENT_H

#include <stdbool.h>
#include <stdint.h>

#include "common/json/json_doc.h"

enum cs_watch_type {
    CS_WATCH_ADDED,
    CS_WATCH_MODIFIED,
    CS_WATCH_DELETED,
    CS_WATCH_BOOKMARK,
    CS_WATCH_ERROR,
    CS_WATCH_UNKNOWN, /* a type of some later server: to be passed over */
    CS_WATCH_TYPE_COUNT
};

struct cs_watch_event {
    enum cs_watch_type type;
    struct cs_json object; /* borrowed from the doc; always a JSON object */
    uint64_t rv; /* its version, 0 when it has none */
    bool end_of_list; /* BOOKMARK that ends the initial events (annotation k8s.io/initial-events-end) */
    struct cs_error error; /* ERROR: what its Status says; kind GONE when the version has expired */
};

/* The largest line accepted: an object of the API server's own limits, twice over. */
#define CS_WATCH_MAX_LINE ((size_t)8 << 20)

/* doc is reused from line to line; event->object lives until its next use. Errors: CS_ERR_DECODE, CS_ERR_TOO_LARGE. */
bool cs_watch_event_decode(struct cs_jdoc *doc, struct cs_str line, struct cs_watch_event *ret, struct cs_error *err);

/* metadata.resourceVersion as unsigned integer; 0 when absent or not one. */
uint64_t cs_object_version(struct cs_json obj);

#endif
