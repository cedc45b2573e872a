/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The envelope of admission: AdmissionReview (admission.k8s.io/v1) in, verdict out. Knows nothing of what is reviewed; the handlers
 * (handle_*.h) are pure functions from struct cs_review to struct cs_verdict.
 */
#ifndef CS_WEBHOOK_REVIEW_H
#define CS_WEBHOOK_REVIEW_H

#include <stdbool.h>

#include "common/base/error.h"
#include "common/base/rand.h"
#include "common/base/strbuf.h"
#include "common/cloneset/validate.h"
#include "common/json/json_doc.h"

enum cs_operation { CS_OPERATION_CREATE, CS_OPERATION_UPDATE, CS_OPERATION_DELETE, CS_OPERATION_OTHER };

/* A decoded request; every value is borrowed from the document it was decoded from. */
struct cs_review {
    struct cs_json uid; /* string; echoed byte for byte */
    struct cs_json api_version; /* string of the review itself, echoed */
    enum cs_operation operation;
    struct cs_json operation_text;
    struct cs_json group, version, resource; /* of request.resource; group is "" for core */
    struct cs_json sub_resource; /* absent or "": the object itself */
    struct cs_json ns, name; /* for logs; may be absent */
    struct cs_json username; /* userInfo.username; may be absent */
    struct cs_json object, old_object; /* absent when null */
    bool dry_run;
};

/*
 * CS_ERR_INVALID with a message for people when root is no AdmissionReview of a known version, or lacks uid, operation or resource.
 */
bool cs_review_decode(struct cs_json root, struct cs_review *ret, struct cs_error *err);
/* True when group and resource are these; NULL-safe for absent members. */
bool cs_review_is(const struct cs_review *r, const char *group, const char *resource);
bool cs_review_is_subresource(const struct cs_review *r);

/* What a handler decided. Initialised by cs_verdict_init: allowed, nothing to say. */
struct cs_verdict {
    bool allowed;
    int code; /* status.code: 200 when allowed; 400, 422, … */
    struct cs_texts reasons; /* why denied: spec §3.1 joins several to "[a, b]" */
    struct cs_texts warnings; /* shown by kubectl, accepted or not */
    struct cs_strbuf patch; /* JSON Patch; empty: none */
};

void cs_verdict_init(struct cs_verdict *v);
void cs_verdict_done(struct cs_verdict *v);
#define cs_autoverdict CS_CLEANUP(cs_verdict_done) struct cs_verdict
/* Denies with one text. */
void cs_verdict_deny(struct cs_verdict *v, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* One text, or "[a, b, c]" (spec §3.1); control characters become blanks; ends with "… and N more]" above 16 KiB. */
void cs_verdict_message(const struct cs_verdict *v, struct cs_strbuf *out);
/* The answer for r, always valid JSON. patch and patchType appear together, and only when allowed. */
void cs_review_encode(const struct cs_review *r, const struct cs_verdict *v, struct cs_strbuf *out);
/*
 * A Status object (v1) for requests that cannot be answered by a review: the API server shows its message, where it would print
 * "the server rejected our request for an unknown reason" for a body of plain text.
 */
void cs_status_encode(int code, const char *message, struct cs_strbuf *out);

#endif
