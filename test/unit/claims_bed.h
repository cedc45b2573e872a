/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bed of controller_bed.h with a set "web" that has a claim template. Include after cmocka.h.
 */
#ifndef CS_TEST_UNIT_CLAIMS_BED_H
#define CS_TEST_UNIT_CLAIMS_BED_H

#include "test/unit/controller_bed.h"

struct claims_bed {
    struct bed bed;
    int generation;
    const char *size; /* of the claim template */
    bool off, expand; /* disablePVCReuse; annotation expand-volume-claims */
    int replicas;
};

#define HAS_ID ",'apps.kruise.io/cloneset-instance-id':'bbbbb'"
#define NOT_FOUND "{\"kind\":\"Status\",\"reason\":\"NotFound\",\"code\":404,\"message\":\"not found\"}"

void cb_init(struct claims_bed *b, int replicas, bool off); /* leads, has the set's revision, and is at rest */

/* As a server shows them: a new resourceVersion each time. Owned. */
char *cb_set_text(struct claims_bed *b);
/* owner: the controller's uid, "u1" is the set; with "!" before it an owner that is not the controller. more: metadata. */
char *cb_claim_text(struct claims_bed *b, const char *name, const char *id, const char *owner, const char *more);
char *cb_pod_text(struct claims_bed *b, const char *labels, const char *owner); /* web-bbbbb */
char *cb_quoted(const char *fmt, ...) __attribute__((format(printf, 1, 2))); /* ' becomes " */

/* As the watch would. */
void cb_feed_set(struct claims_bed *b); /* of a new generation */
void cb_feed_claim(struct claims_bed *b); /* data-web-bbbbb, the set's */

/* No request of that kind is open. */
void cb_expect_none(struct claims_bed *b, enum cs_verb verb, enum cs_kind k);
void cb_answer_set(struct claims_bed *b); /* the read of the set */
void cb_answer_others(struct claims_bed *b); /* the next status write: of no interest here */
unsigned cb_events(struct claims_bed *b, const char *text); /* how many events have it, three seconds on */

#endif
