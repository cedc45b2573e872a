/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines out of a byte stream. Chunks end where the network wants; only the piece of a line that a chunk leaves
 * unfinished is copied, so a watch event is usually handed on straight from the receive buffer.
 */
#include "common/json/json_frame.h"

#define KEEP_CAP ((size_t)256 << 10) /* a buffer above this is freed after its line: one huge object must not stay */

void cs_jframe_init(struct cs_jframe *f, size_t max_line)
{
    cs_strbuf_init(&f->buf, max_line);
}

void cs_jframe_done(struct cs_jframe *f)
{
    cs_strbuf_done(&f->buf);
}

void cs_jframe_reset(struct cs_jframe *f)
{
    size_t max = f->buf.max;

    if (f->buf.cap > KEEP_CAP) {
        cs_strbuf_done(&f->buf);
        cs_strbuf_init(&f->buf, max);
    }
    cs_strbuf_clear(&f->buf);
}

static bool too_large(const struct cs_jframe *f, struct cs_error *err)
{
    return cs_error_set(err, CS_ERR_TOO_LARGE, "line of more than %zu bytes in a watch stream", f->buf.max);
}

/* line: without its newline. A "\r" before the newline and lines of nothing are dropped. */
static bool emit(struct cs_str line, bool (*on_line)(void *ctx, struct cs_str line, struct cs_error *err), void *ctx,
    struct cs_error *err)
{
    if (line.len && line.p[line.len - 1] == '\r')
        line.len--;
    return line.len == 0 || on_line(ctx, line, err);
}

bool cs_jframe_feed(struct cs_jframe *f, const char *p, size_t len,
    bool (*on_line)(void *ctx, struct cs_str line, struct cs_error *err), void *ctx, struct cs_error *err)
{
    if (f->buf.failed)
        return too_large(f, err);
    while (len) {
        const char *newline = memchr(p, '\n', len);
        size_t n = newline ? (size_t)(newline - p) : len;

        if (n > f->buf.max - f->buf.len) {
            cs_jframe_reset(f);
            f->buf.failed = true; /* what follows would start in the middle of a line */
            return too_large(f, err);
        }
        if (!newline || f->buf.len) {
            cs_strbuf_add(&f->buf, p, n);
            if (f->buf.failed)
                return too_large(f, err);
        }
        if (!newline)
            return true;
        bool buffered = f->buf.len > 0;
        struct cs_str line =
            buffered ? (struct cs_str){.p = f->buf.data, .len = f->buf.len} : (struct cs_str){.p = p, .len = n};
        bool go_on = emit(line, on_line, ctx, err);
        if (buffered)
            cs_jframe_reset(f);
        if (!go_on)
            return false;
        p += n + 1;
        len -= n + 1;
    }
    return true;
}
