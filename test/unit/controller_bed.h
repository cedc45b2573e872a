/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The controller with one set, "web" in "ns", over a client that answers when the test says so. No watch runs here; the store is
 * fed by hand. Include after cmocka.h.
 */
#ifndef CS_TEST_UNIT_CONTROLLER_BED_H
#define CS_TEST_UNIT_CONTROLLER_BED_H

#include "controller/cloneset/controller.h"
#include "test/unit/runtime_fake.h"

#define TAKEN "{\"kind\":\"Status\",\"reason\":\"AlreadyExists\",\"code\":409,\"message\":\"exists\"}"

struct bed {
    struct rt_fake api;
    struct cs_rand rand;
    struct cs_metrics *metrics;
    struct cs_controller c;
    bool may_write;
    int rv;
};

void bed_start(struct bed *b); /* without a set */
void bed_init(struct bed *b, int replicas); /* as if it led and were synced; the set's uid is u1 */
void bed_done(struct bed *b);
void step(struct bed *b, int64_t ms);
struct cs_set_run *run_of(struct bed *b);

/* What a watch would bring. */
void feed(struct bed *b, enum cs_kind k, const char *text);
char *set_text(struct bed *b, const char *uid, int replicas); /* the set as a server shows it; owned */
void feed_set(struct bed *b, const char *uid, int replicas);

/* The oldest open request of that kind, or NULL; expect: there must be one. */
struct rt_request *open_request(struct bed *b, enum cs_verb verb, enum cs_kind k);
struct rt_request *expect(struct bed *b, enum cs_verb verb, enum cs_kind k);
char *created(struct bed *b, const struct rt_request *q, const char *uid); /* what a server makes of a create; owned */
void answer_revision(struct bed *b); /* the creation of the revision */
void answer_status(struct bed *b, int replicas); /* what status write is open */

#endif
