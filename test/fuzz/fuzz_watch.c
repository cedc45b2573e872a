/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A watch stream: the first byte is the size of the chunks in which the rest arrives. However it is cut, the same lines come out,
 * and every line is an event with an object, or an error.
 */
#include "common/base/hash.h"
#include "common/json/json_frame.h"
#include "common/kube/watch_event.h"
#include "test/fuzz/fuzz.h"

#define MAX_LINE 4096

struct heard {
    struct cs_jdoc doc;
    uint64_t digest; /* of all lines */
    size_t lines;
};

static bool on_line(void *ctx, struct cs_str line, struct cs_error *err)
{
    struct heard *h = ctx;
    struct cs_error why = CS_ERROR_INIT;
    struct cs_watch_event e;

    (void)err;
    FUZZ_CHECK(line.len > 0 && line.len <= MAX_LINE && !memchr(line.p, '\n', line.len), "that is no line");
    h->digest = cs_fnv64_1a(h->digest, line.p, line.len);
    h->digest = cs_fnv64_1a(h->digest, "\n", 1);
    h->lines++;
    if (!cs_watch_event_decode(&h->doc, line, &e, &why)) {
        FUZZ_CHECK(why.kind == CS_ERR_DECODE || why.kind == CS_ERR_TOO_LARGE, "an error of kind %d", (int)why.kind);
        return true;
    }
    FUZZ_CHECK(e.type < CS_WATCH_TYPE_COUNT && cs_json_is(e.object, CS_J_OBJECT), "an event without object");
    FUZZ_CHECK((e.type == CS_WATCH_ERROR) == (e.error.kind != CS_ERR_NONE), "an event that half is an error");
    FUZZ_CHECK(!e.end_of_list || e.type == CS_WATCH_BOOKMARK, "a list that no bookmark ends");
    return true;
}

static bool feed(struct heard *h, const uint8_t *data, size_t size, size_t chunk)
{
    struct cs_jframe f;
    struct cs_error err = CS_ERROR_INIT;
    bool ok = true;

    *h = (struct heard){.digest = CS_FNV64_INIT};
    cs_jframe_init(&f, MAX_LINE);
    for (size_t at = 0; ok && at < size; at += chunk) {
        size_t n = size - at < chunk ? size - at : chunk;

        ok = cs_jframe_feed(&f, (const char *)data + at, n, on_line, h, &err);
        FUZZ_CHECK(ok || err.kind == CS_ERR_TOO_LARGE, "an error of kind %d", (int)err.kind);
    }
    cs_jframe_done(&f);
    cs_jdoc_done(&h->doc);
    return ok;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct heard whole, cut;
    bool whole_ok, cut_ok;

    if (size < 2)
        return 0;
    whole_ok = feed(&whole, data + 1, size - 1, size);
    cut_ok = feed(&cut, data + 1, size - 1, (size_t)data[0] + 1);
    FUZZ_CHECK(whole_ok == cut_ok && whole.lines == cut.lines && whole.digest == cut.digest,
        "in chunks of %d: %zu lines, at once: %zu", data[0] + 1, cut.lines, whole.lines);
    return 0;
}
