/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lists, then watches one resource and keeps going: streaming list (sendInitialEvents) with pages of 500 as fallback,
 * resume from the last version seen (bookmarks), relist on 410, jittered backoff 0.8–30 s (reset by progress), silence
 * deadline. After a watch that ended early the server's version is asked for (one small list) before it is resumed: one
 * that is behind ours was restored from a backup (D5c) and is listed anew. Objects are handed over one by one, parsed,
 * and not kept.
 */
#ifndef CS_KUBE_REFLECTOR_H
#define CS_KUBE_REFLECTOR_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/log.h"
#include "common/base/metrics.h"
#include "common/base/rand.h"
#include "common/json/json_doc.h"
#include "common/kube/client.h"
#include "common/kube/loop.h"

enum cs_event_type { CS_EVENT_ADDED, CS_EVENT_MODIFIED, CS_EVENT_DELETED, CS_EVENT_LISTED };

/* Callbacks come from the client's or the loop's turn. They may call relist(), but not free the reflector. */
struct cs_reflector_handler {
    /*
     * One object: LISTED while a consistent list is being received, the others from the watch. obj is borrowed for the
     * call. rv is its resourceVersion as unsigned integer, 0 when it has none that can be read. DELETED may also come
     * within a list: the object, LISTED or not, went while the list was on its way. Events may come twice.
     */
    void (*on_object)(void *ctx, enum cs_event_type type, struct cs_json obj, uint64_t rv);
    /* A consistent list begins: what is not LISTED until on_list_end is gone, see D5b. A begun list may be begun again. */
    void (*on_list_begin)(void *ctx);
    /*
     * The list is complete and consistent at version rv. sent_ms: monotonic time at which its request was sent: it shows
     * everything acknowledged before that (D5d).
     */
    void (*on_list_end)(void *ctx, uint64_t rv, int64_t sent_ms);
    /*
     * The request of a list goes out now: what is known at this moment is what the list must not be behind (D5c). May be
     * NULL.
     */
    void (*on_list_sent)(void *ctx);
    /* The newest version of the resource that is known from elsewhere, as from answers of writes. May be NULL. */
    uint64_t (*known_rv)(void *ctx);
};

struct cs_reflector_options {
    const struct cs_client *client; /* borrowed, as all below */
    struct cs_loop *loop;
    const struct cs_log *log;
    struct cs_metrics *metrics; /* may be NULL */
    struct cs_rand *rand; /* jitter */
    const struct cs_gvr *gvr;
    /* These three are copied. */
    const char *ns; /* NULL: all */
    const char *label_selector; /* unescaped, or NULL */
    const char *field_selector; /* unescaped, or NULL */
    const struct cs_reflector_handler *handler;
    void *ctx;
};

struct cs_reflector;
struct cs_reflector *cs_reflector_new(const struct cs_reflector_options *o);
void cs_reflector_free(struct cs_reflector *r);
CS_DEFINE_CLEANUP(struct cs_reflector *, cs_reflector_free)

void cs_reflector_start(struct cs_reflector *r); /* begins the first list; callbacks come later */
/*
 * Drops what it has and lists again, without a pause (restored server, D5c; a new leader's consistent read, D12). The
 * list's request is sent after this call. Before start(): nothing.
 */
void cs_reflector_relist(struct cs_reflector *r);
bool cs_reflector_synced(const struct cs_reflector *r); /* at least one list is complete and none is due */
uint64_t cs_reflector_rv(const struct cs_reflector *r); /* last version seen, 0 before the first list */
/* NULL while all is well, else the last error ("", borrowed) and since when. For readyz and logs. */
const char *cs_reflector_trouble(const struct cs_reflector *r, int64_t *ret_since_ms);

#endif
