/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asks the webhook's router, without a socket, and holds each answer against what the API server demands of it.
 */
#ifndef CS_TEST_FUZZ_WEBHOOK_H
#define CS_TEST_FUZZ_WEBHOOK_H

#include "test/fuzz/fuzz.h"
#include "webhook/router.h"

struct fuzz_answer {
    int status; /* HTTP */
    struct cs_strbuf body;
    struct cs_jdoc doc; /* of body */
    struct cs_json root, response; /* response: absent when it is no review */
    bool allowed; /* of an admission */
    struct cs_jtree *patch; /* or NULL */
};

/* Any answer is a review of this uid and version, or a Status of its HTTP code. kind: of the review. */
void fuzz_ask(struct cs_router *r, const char *path, const char *kind, struct cs_str body, struct fuzz_answer *ret);
void fuzz_answer_done(struct fuzz_answer *a);
#define fuzz_autoanswer CS_CLEANUP(fuzz_answer_done) struct fuzz_answer

#endif
