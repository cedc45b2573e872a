/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cuts a chunked byte stream into the lines of a watch: one JSON document per line.
 */
#ifndef CS_JSON_FRAME_H
#define CS_JSON_FRAME_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/error.h"
#include "common/base/str.h"
#include "common/base/strbuf.h"

struct cs_jframe {
    struct cs_strbuf buf; /* the incomplete line; its ceiling is the largest line accepted */
};

void cs_jframe_init(struct cs_jframe *f, size_t max_line);
void cs_jframe_done(struct cs_jframe *f);
void cs_jframe_reset(struct cs_jframe *f);

/*
 * Feeds bytes; calls on_line for each complete, non-empty line (without newline; borrowed for the call). Lines that lie whole
 * in p are passed without a copy. on_line returning false stops: the call returns false with err as on_line left it.
 * A line above the ceiling: false, CS_ERR_TOO_LARGE.
 */
bool cs_jframe_feed(struct cs_jframe *f, const char *p, size_t len,
    bool (*on_line)(void *ctx, struct cs_str line, struct cs_error *err), void *ctx, struct cs_error *err);

#endif
