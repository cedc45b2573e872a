/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The lexical half of json_doc: checks one string or number in place and decodes string bodies. Private to
 * common/json/. All ranges are [p, end); nothing is NUL-terminated.
 */
#ifndef CS_JSON_SCAN_H
#define CS_JSON_SCAN_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/str.h"

/* What was wrong, and where; `what` is static text or NULL for "unexpected character". */
struct cs_jscan_fault {
    const char *at;
    const char *what;
};

/*
 * p stands behind the opening quote. Returns the position behind the closing quote, or NULL with *fault set.
 * *ret_escaped tells whether the body holds a backslash.
 */
const char *cs_jscan_string(const char *p, const char *end, bool *ret_escaped, struct cs_jscan_fault *fault);

/* p stands at '-' or a digit. Returns the position behind the number, or NULL with *fault set. */
const char *cs_jscan_number(const char *p, const char *end, struct cs_jscan_fault *fault);

/* Walks over a checked string body, decoded. */
struct cs_jscan_iter {
    const char *p, *end;
};
/* Next piece: a run of plain bytes or one decoded escape (in buf). False at the end. */
bool cs_jscan_next(struct cs_jscan_iter *it, char buf[4], struct cs_str *ret_piece);
/* Decodes a checked body into out (at least body.len bytes); returns the length. */
size_t cs_jscan_decode(struct cs_str body, char *out);

#endif
