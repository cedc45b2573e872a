/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For the tests of decoders: a pool and a document in one, the recorded objects of test/testdata/peer, and objects with one value
 * replaced by garbage (users.md U-36: any field absent, null or of a wrong type must not crash). Include after cmocka.h.
 */
#ifndef CS_TEST_API_FIXTURE_H
#define CS_TEST_API_FIXTURE_H

#include <stdio.h>

#include "common/api/intern.h"
#include "common/base/alloc.h"
#include "common/base/file.h"
#include "common/base/strbuf.h"
#include "common/json/json_doc.h"

#define PEER "test/testdata/peer/"

struct fixture {
    struct cs_intern *pool;
    struct cs_jdoc doc;
    char *text;
};

static inline void fixture_init(struct fixture *f)
{
    *f = (struct fixture){.pool = cs_intern_new()};
}

/* Nothing may be left in the pool: every decoder released what it took, also on errors. */
static inline void fixture_done(struct fixture *f)
{
    assert_int_equal(cs_intern_count(f->pool), 0);
    cs_intern_free(f->pool);
    cs_jdoc_done(&f->doc);
    free(f->text);
}

/* The document of text, valid until the next call. */
static inline struct cs_json fixture_parse(struct fixture *f, const char *text)
{
    struct cs_error err = CS_ERROR_INIT;
    char *copy = cs_xstrdup(text);

    free(f->text);
    f->text = copy;
    if (!cs_jdoc_parse(&f->doc, copy, strlen(copy), NULL, &err))
        fail_msg("%s in: %s", err.message, text);
    return cs_jdoc_root(&f->doc);
}

/* The same from a list in a file: its items. */
static inline struct cs_json fixture_load(struct fixture *f, const char *path)
{
    struct cs_error err = CS_ERROR_INIT;
    size_t len = 0;

    free(f->text);
    f->text = NULL;
    if (!cs_file_read(path, (size_t)4 << 20, &f->text, &len, &err) || !cs_jdoc_parse(&f->doc, f->text, len, NULL, &err))
        fail_msg("%s", err.message);
    return cs_json_get(cs_jdoc_root(&f->doc), "items");
}

static inline struct cs_json fixture_named(struct cs_json items, const char *name)
{
    cs_json_foreach (item, items) {
        if (cs_json_str_is(cs_json_at(item, "metadata", "name", NULL), name))
            return item;
    }
    fail_msg("no object named %s", name);
    return (struct cs_json){0};
}

/* "metadata.ownerReferences[].uid" */
static inline void fixture_path(const struct cs_jdoc *doc, size_t node, struct cs_strbuf *out)
{
    cs_strbuf_clear(out);
    for (size_t i = 1; i <= node; i++) {
        const struct cs_jnode *n = &doc->nodes[i];
        if (node >= i + n->size)
            continue;
        if (!n->key_start) {
            cs_strbuf_adds(out, "[]");
            continue;
        }
        if (out->len)
            cs_strbuf_addc(out, '.');
        cs_strbuf_add(out, doc->text + n->key_start, n->key_len);
    }
}

/*
 * Calls check with obj as it is but for one value: each value in turn, replaced by each kind of garbage, and each member in
 * turn under another name.
 */
static inline size_t fixture_garbage(struct cs_json obj,
    void (*check)(void *ctx, struct cs_json broken, const char *path, const char *garbage), void *ctx)
{
    static const char *const garbage[] = {"null", "true", "-1", "99999999999999999999", "0.5", "\"\"",
        "\"\\u00e9 \\\"x\"", "[]", "{}", "[null,0,\"\",[],{}]", "{\"a\":null,\"a\":{}}", NULL};
    struct cs_str whole = cs_json_raw(obj);
    cs_autojdoc doc = {0}, broken = {0};
    cs_autostrbuf text = CS_STRBUF_INIT, path = CS_STRBUF_INIT;
    size_t tried = 0;

    assert_true(cs_jdoc_parse(&doc, whole.p, whole.len, NULL, NULL));
    for (size_t i = 0; i < doc.n_nodes; i++) {
        const struct cs_jnode *n = &doc.nodes[i];
        fixture_path(&doc, i, &path);
        for (size_t g = 0; g < CS_ARRAY_LEN(garbage); g++) {
            size_t from = garbage[g] ? n->start : n->key_start, to = garbage[g] ? n->end : from;
            if (!garbage[g] && !n->key_start)
                continue;
            cs_strbuf_clear(&text);
            cs_strbuf_add(&text, whole.p, from);
            cs_strbuf_adds(&text, garbage[g] ? garbage[g] : "not-");
            cs_strbuf_add(&text, whole.p + to, whole.len - to);
            assert_true(cs_jdoc_parse(&broken, cs_strbuf_str(&text), text.len, NULL, NULL));
            check(ctx, cs_jdoc_root(&broken), cs_strbuf_str(&path), garbage[g] ? garbage[g] : "absent");
            tried++;
        }
    }
    return tried;
}

#endif
