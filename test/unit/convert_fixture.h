/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For the tests of conversion: texts in (with ' for "), texts out, and the annotation looked at apart. Include after cmocka.h.
 */
#ifndef CS_TEST_CONVERT_FIXTURE_H
#define CS_TEST_CONVERT_FIXTURE_H

#include "common/api/gvr.h"
#include "common/cloneset/convert.h"
#include "test/unit/object_fixture.h"

#define ALPHA CS_V1ALPHA1
#define BETA CS_V1BETA1

/* Pieces of objects. */
#define PARALLELISM "'apps.kruise.io/image-predownload-parallelism'"
#define TIMEOUT "'apps.kruise.io/image-predownload-timeout-seconds'"
#define MIN_READY "'apps.kruise.io/image-predownload-min-updated-ready-pods'"
#define EXCLUDE "'apps.kruise.io/cloneset-scaling-exclude-preparing-delete'"
#define NOTE_KEY "'cloneset.apps.kruise.io/conversion-data'"
#define REUSE "'scaleStrategy':{'enablePVCReuse':true}"
#define ROLLING(rest) "'updateStrategy':{'type':'RollingUpdate','rollingUpdate':{'podUpdatePolicy':" rest "}}"
#define RECREATE ROLLING("'ReCreate'")
#define IN_PLACE(strategy) ROLLING("'ReCreate','inPlaceUpdateStrategy':" strategy)

static inline enum cs_version the_other(enum cs_version v)
{
    return v == ALPHA ? BETA : ALPHA;
}

/* meta: members of metadata behind the name, each with a comma before it; spec: the members of spec. Owned. */
static inline char *set_text(enum cs_version v, const char *meta, const char *spec)
{
    return cs_xasprintf("{'apiVersion':'apps.kruise.io/%s','kind':'CloneSet','metadata':{'name':'n'%s},'spec':{%s}}",
        cs_version_name(v), meta, spec);
}

/* Converts a text; owned. */
static inline char *convert_text(const char *text, enum cs_version to)
{
    struct object o = {0};
    cs_autostrbuf out = CS_STRBUF_INIT;
    struct cs_error err = CS_ERROR_INIT;
    cs_autojdoc doc = {.nodes = NULL};

    object_parse(&o, text, strlen(text));
    if (!cs_convert(object_root(&o), to, &out, &err))
        fail_msg("%s in: %s", err.message, o.text);
    object_done(&o);
    if (!cs_jdoc_parse(&doc, cs_strbuf_str(&out), out.len, NULL, &err)) /* valid JSON whatever comes in */
        fail_msg("%s in: %s", err.message, cs_strbuf_str(&out));
    return cs_strbuf_take(&out, NULL);
}

static inline struct cs_jtree *tree_text(const char *text)
{
    struct object o = {0};

    object_parse(&o, text, strlen(text));
    struct cs_jtree *tree = cs_jtree_from(object_root(&o));
    object_done(&o);
    return tree;
}

/* Takes the annotation out of an object; its text, owned, or NULL. Annotations that become empty go, too. */
static inline char *take_note(struct cs_jtree *obj)
{
    struct cs_jtree *meta = cs_jtree_get(obj, "metadata"), *annotations = cs_jtree_get(meta, "annotations");
    const char *text = cs_jtree_str(cs_jtree_get(annotations, CS_ANNO_CONVERSION));
    char *copy = text ? cs_xstrdup(text) : NULL;

    if (!text)
        return NULL;
    cs_jtree_del(annotations, CS_ANNO_CONVERSION);
    if (!cs_jtree_first(annotations))
        cs_jtree_del(meta, "annotations");
    return copy;
}

static inline void assert_same(const char *what, const struct cs_jtree *got, const struct cs_jtree *wanted)
{
    cs_autostrbuf a = CS_STRBUF_INIT, b = CS_STRBUF_INIT;

    if (cs_jtree_equal(got, wanted))
        return;
    cs_jtree_print(got, &a, false);
    cs_jtree_print(wanted, &b, false);
    fail_msg("%s:\n  got    %s\n  wanted %s", what, cs_strbuf_str(&a), cs_strbuf_str(&b));
}

static inline void assert_same_text(const char *what, const char *got, const char *wanted)
{
    cs_autojtree *a = tree_text(got);
    cs_autojtree *b = tree_text(wanted);

    assert_same(what, a, b);
}

#endif
