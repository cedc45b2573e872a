/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Standard base64 (RFC 4648 §4, with padding): kubeconfig's *-data fields, Secrets, JSONPatch in admission answers,
 * caBundle.
 */
#ifndef CS_BASE_BASE64_H
#define CS_BASE_BASE64_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/error.h"
#include "common/base/str.h"
#include "common/base/strbuf.h"

/* Appends the encoded form, without line breaks. */
void cs_base64_encode(struct cs_strbuf *out, struct cs_str in);

/*
 * Decodes the whole of `in`. Line breaks, blanks and tabs are skipped (people fold long fields); anything else outside
 * the alphabet, missing or misplaced padding, and stray bits behind the last byte are errors (CS_ERR_INVALID, which tell
 * the offset but never the bytes: they may be a key). More than max bytes decoded: CS_ERR_TOO_LARGE. *ret is owned and
 * NUL-terminated behind its *ret_len bytes; ret_len may be NULL.
 */
bool cs_base64_decode(struct cs_str in, size_t max, char **ret, size_t *ret_len, struct cs_error *err);

#endif
