/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For the tests of template.h: templates written with single quotes, so that tables stay readable. Include after cmocka.h.
 */
#ifndef CS_TEST_TEMPLATE_FIXTURE_H
#define CS_TEST_TEMPLATE_FIXTURE_H

#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/cloneset/template.h"

/* Shells around what a row is about: a Pod spec, a single container "c", its single probe, a single volume. */
#define SPEC(members) "{'spec':{" members "}}"
#define CONTAINERS(list) SPEC("'containers':[" list "]")
#define CONTAINER(members) CONTAINERS("{'name':'c','image':'nginx:1'" members "}")
#define VOLUME(members) SPEC("'volumes':[{'name':'v'" members "}]")

struct sample {
    char *text;
    struct cs_jdoc doc;
};

static inline void sample_done(struct sample *s)
{
    free(s->text);
    cs_jdoc_done(&s->doc);
}
#define autosample CS_CLEANUP(sample_done) struct sample

/* Takes over text. */
static inline struct sample sample_take(char *text)
{
    struct sample s = {.text = text};
    struct cs_error err = CS_ERROR_INIT;

    if (!cs_jdoc_parse(&s.doc, text, strlen(text), NULL, &err))
        fail_msg("%s in: %s", err.message, text);
    return s;
}

/* ' becomes " */
static inline struct sample sample_of(const char *text)
{
    char *copy = cs_xstrdup(text);

    for (char *p = copy; *p; p++)
        *p = *p == '\'' ? '"' : *p;
    return sample_take(copy);
}

static inline struct cs_json sample_root(const struct sample *s)
{
    return cs_jdoc_root(&s->doc);
}

static inline struct cs_jtree *normal_form(const char *text)
{
    autosample s = sample_of(text);

    return cs_template_normalize(sample_root(&s));
}

static inline char *printed(const struct cs_jtree *t)
{
    cs_autostrbuf out = CS_STRBUF_INIT;

    cs_jtree_print(t, &out, false);
    return cs_strbuf_take(&out, NULL);
}

/* The normal form of a tree that the test built. */
static inline struct cs_jtree *normal_form_of_tree(const struct cs_jtree *t)
{
    autosample s = sample_take(printed(t));

    return cs_template_normalize(sample_root(&s));
}

#endif
