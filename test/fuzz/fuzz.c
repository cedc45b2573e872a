/* SPDX-License-Identifier: Apache-2.0 */
#include "test/fuzz/fuzz.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/cloneset/template.h"

void fuzz_fail(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    (void)fputs("fuzz: ", stderr);
    (void)vfprintf(stderr, fmt, ap);
    (void)fputc('\n', stderr);
    va_end(ap);
    abort();
}

struct cs_json fuzz_parse(struct cs_jdoc *doc, const uint8_t *data, size_t size)
{
    struct cs_json_limits limits = cs_json_default_limits;

    limits.max_depth += 2; /* as a ConversionReview may be nested */
    if (!cs_jdoc_parse(doc, (const char *)data, size, &limits, NULL))
        return (struct cs_json){.doc = NULL};
    return cs_jdoc_root(doc);
}

struct cs_json fuzz_parse_ours(struct cs_jdoc *doc, const char *what, const struct cs_strbuf *text)
{
    /* Deeper and larger than what we accept: what wraps it may add to it. */
    static const struct cs_json_limits limits = {.max_bytes = 1U << 30, .max_depth = 120, .max_nodes = 10000000};
    struct cs_error err = CS_ERROR_INIT;

    if (!cs_jdoc_parse(doc, cs_strbuf_str(text), text->len, &limits, &err))
        fuzz_fail("%s is no JSON: %s in %s", what, err.message, cs_strbuf_str(text));
    return cs_jdoc_root(doc);
}

void fuzz_same(const char *what, struct cs_json got, struct cs_json wanted)
{
    struct cs_str g = cs_json_raw(got), w = cs_json_raw(wanted);

    if (!cs_json_equal(got, wanted))
        fuzz_fail("%s:\n  got    %.*s\n  wanted %.*s", what, (int)g.len, g.p, (int)w.len, w.p);
}

void fuzz_same_tree(const char *what, const struct cs_jtree *got, const struct cs_jtree *wanted)
{
    cs_autostrbuf g = CS_STRBUF_INIT, w = CS_STRBUF_INIT;

    if (cs_jtree_equal(got, wanted))
        return;
    cs_jtree_print(got, &g, false);
    cs_jtree_print(wanted, &w, false);
    fuzz_fail("%s:\n  got    %s\n  wanted %s", what, cs_strbuf_str(&g), cs_strbuf_str(&w));
}

bool fuzz_line(const uint8_t **data, size_t *size, struct cs_str *ret)
{
    const uint8_t *newline = *size ? memchr(*data, '\n', *size) : NULL;
    size_t len = newline ? (size_t)(newline - *data) : *size;

    if (*size == 0)
        return false;
    *ret = (struct cs_str){.p = (const char *)*data, .len = len};
    len += newline != NULL;
    *data += len;
    *size -= len;
    return true;
}

void fuzz_pool_free(struct cs_intern *pool)
{
    FUZZ_CHECK(cs_intern_count(pool) == 0, "%zu strings were not released", cs_intern_count(pool));
    cs_intern_free(pool);
}

struct cs_jtree *fuzz_norm_by_revision(struct cs_json tmpl)
{
    cs_autostrbuf data = CS_STRBUF_INIT;
    cs_autojdoc doc = {.nodes = NULL};

    cs_revision_data(tmpl, &data, NULL, NULL);
    return cs_template_normalize(cs_revision_template(fuzz_parse_ours(&doc, "revision data", &data)));
}

bool fuzz_in_place(struct cs_json old_tmpl, struct cs_json new_tmpl)
{
    cs_autojtree *from = fuzz_norm_by_revision(old_tmpl);
    cs_autojtree *to = fuzz_norm_by_revision(new_tmpl);
    struct cs_template_diff diff = {.items = NULL};
    bool in_place;

    cs_template_diff(from, to, false, &diff);
    in_place = diff.in_place;
    FUZZ_CHECK(in_place == (cs_template_diff_blocker(&diff) == NULL), "in place, but for %s",
        in_place ? cs_template_diff_blocker(&diff)->path : "nothing");
    cs_template_diff_done(&diff);
    return in_place;
}
