/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Conversion of CloneSets between the served versions: ConversionReview (apiextensions.k8s.io/v1) in and out, spec §1.4. Pure: the
 * conversion itself is common/cloneset/convert.h.
 */
#ifndef CS_WEBHOOK_HANDLE_CONVERT_H
#define CS_WEBHOOK_HANDLE_CONVERT_H

#include "common/cloneset/convert.h"

/* For logs and metrics. */
struct cs_conversion {
    enum cs_version to;
    size_t n; /* objects asked for */
    bool ok;
    struct cs_error why; /* not ok: what could not be read, as told */
};

/*
 * Appends the answer: one converted object for each of the request, in their order, with status Success; or Failure with a
 * message that names the object. False, CS_ERR_INVALID: no ConversionReview of a known version, or without a uid.
 */
bool cs_handle_convert(struct cs_json root, struct cs_strbuf *out, struct cs_conversion *ret, struct cs_error *err);

#endif
