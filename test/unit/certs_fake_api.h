/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A few objects of an API server for the certificate tests: get, merge patch with resourceVersion, list, watch.
 * Everything is late, by a seeded generator: a request takes effect some time after it was sent, its answer comes some
 * time after that, watches lag. Faults by chance: answers that are lost, errors before and after the effect, broken
 * watches. A clock that stands still until there is nothing left to do.
 */
#ifndef CS_TEST_UNIT_CERTS_FAKE_API_H
#define CS_TEST_UNIT_CERTS_FAKE_API_H

#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/api/meta.h"
#include "common/base/rand.h"
#include "common/json/json_tree.h"
#include "common/kube/client.h"
#include "common/kube/loop.h"

enum { FAKE_SECRET, FAKE_MUTATING, FAKE_VALIDATING, FAKE_CRD, FAKE_OBJECTS };
#define FAKE_WALL 1760000000000 /* wall clock when the monotonic one shows 0 */

struct fake_event {
    int object;
    uint64_t rv;
    int64_t at_ms;
    const char *type; /* "ADDED", "MODIFIED", "DELETED" */
    char *text; /* the object */
};

struct fake_api {
    int64_t now_ms;
    struct cs_clock clock;
    struct cs_loop loop;
    struct cs_rand rand;
    int64_t max_delay_ms; /* of each leg of a request, and of each watch event */
    unsigned fault_pct; /* of requests and of watch events */
    bool forbid[FAKE_OBJECTS]; /* patches get 403 */
    bool stall; /* watches are silent behind their list */
    struct cs_jtree *objects[FAKE_OBJECTS]; /* NULL: does not exist */
    uint64_t rv;
    struct fake_event *log;
    size_t len, cap;
    struct fake_op *ops; /* requests and streams under way */
    uint64_t last_id;
    unsigned patches[FAKE_OBJECTS]; /* that took effect */
    unsigned conflicts;
    unsigned unordered; /* configurations written without a read of the Secret behind the version replaced */
};

/* One client of it. */
struct fake_peer {
    struct fake_api *api;
    uint64_t secret_read_at; /* version of the whole server when its last read of the Secret took effect */
};

/* Parses a text that is one; owned. */
struct cs_jtree *fake_parse(const char *text);
char *fake_print(const struct cs_jtree *t); /* owned */
/* target := target with the merge patch applied. */
void fake_merge(struct cs_jtree *target, const struct cs_jtree *patch);

void fake_init(struct fake_api *api, uint64_t seed);
void fake_done(struct fake_api *api);
struct cs_client fake_client(struct fake_peer *peer);
int64_t fake_wall(void *api); /* the wall clock */

/* Stores what somebody wrote (owned; NULL deletes) as a new version. */
void fake_put(struct fake_api *api, int object, struct cs_jtree *tree);
void fake_put_text(struct fake_api *api, int object, const char *text);
/* Ends all watches: their versions are too old or too new. */
void fake_expire_watches(struct fake_api *api);
/* Lets the next thing happen, at most limit_ms from now. False when there was nothing up to there. */
bool fake_advance(struct fake_api *api, int64_t limit_ms);

#endif
