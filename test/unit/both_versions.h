/* SPDX-License-Identifier: Apache-2.0 */
/*
 * "Every rule of admission applies to both versions" (quirk 3): the rows that tests of admission have for v1alpha1 are run as
 * v1beta1 as well, and must be judged in the same words but for the names of fields. Include after cmocka.h.
 */
#ifndef CS_TEST_BOTH_VERSIONS_H
#define CS_TEST_BOTH_VERSIONS_H

#include "common/cloneset/convert.h"
#include "test/unit/validate_fixture.h"

/* A strategy that can be said in v1beta1 as it is: what cannot has texts of its own (test_admission_beta.c). */
static inline bool speaks_beta(struct cs_json obj)
{
    struct cs_shape shape = cs_shape_of(obj);
    struct cs_json update = cs_json_get(shape.spec, "updateStrategy");

    return (cs_json_is_null(update) || cs_json_is(update, CS_J_OBJECT)) && shape.type >= CS_UPDATE_RECREATE &&
           shape.type <= CS_UPDATE_INPLACE_ONLY;
}

/* The object as v1beta1; false when it has no such form, or says the same in other fields (pulling images ahead). */
static inline bool as_beta(const struct object *alpha, struct object *ret)
{
    cs_autostrbuf out = CS_STRBUF_INIT;

    if (strstr(alpha->text, "imagePreDownload") || strstr(alpha->text, "image-predownload"))
        return false;
    if (!speaks_beta(object_root(alpha)) || !cs_convert(object_root(alpha), CS_V1BETA1, &out, NULL))
        return false;
    *ret = (struct object){.text = cs_strbuf_take(&out, NULL)};
    assert_true(cs_jdoc_parse(&ret->doc, ret->text, strlen(ret->text), NULL, NULL));
    return true;
}

static inline char *replaced(char *text, const char *what, const char *by)
{
    cs_autostrbuf out = CS_STRBUF_INIT;
    const char *at = text, *hit;

    for (; (hit = strstr(at, what)) != NULL; at = hit + strlen(what)) {
        cs_strbuf_add(&out, at, (size_t)(hit - at));
        cs_strbuf_adds(&out, by);
    }
    cs_strbuf_adds(&out, at);
    free(text);
    return cs_strbuf_take(&out, NULL);
}

/* What a text about a v1alpha1 object says about the same object in v1beta1; owned. */
static inline char *beta_words(const char *alpha)
{
    char *text = replaced(cs_xstrdup(alpha), "updateStrategy.type", "@policy");

    text = replaced(text, "spec.updateStrategy.", "spec.updateStrategy.rollingUpdate.");
    text = replaced(text, "@policy", "updateStrategy.rollingUpdate.podUpdatePolicy");
    text = replaced(text, "scaleStrategy.disablePVCReuse", "scaleStrategy.enablePVCReuse false");
    return replaced(text, "strategy type InPlaceOnly", "podUpdatePolicy InPlaceOnly");
}

/* A text may be cut: its names are longer. */
static inline bool same_words(const char *got, const char *wanted)
{
    const char *cut = strstr(got, "…");

    return strcmp(got, wanted) == 0 || (cut && !cut[strlen("…")] && strncmp(got, wanted, (size_t)(cut - got)) == 0);
}

static inline bool same_in_beta(const char *name, const struct cs_texts *alpha, const struct cs_texts *beta)
{
    bool same = alpha->n == beta->n;

    for (size_t i = 0; same && i < alpha->n; i++) {
        cs_autofree char *wanted = beta_words(alpha->items[i]);

        same = same_words(beta->items[i], wanted);
    }
    if (same)
        return true;
    print_error("row \"%s\" as v1beta1:\n", name);
    print_texts("v1alpha1", (const char *const *)alpha->items, alpha->n);
    print_texts("v1beta1", (const char *const *)beta->items, beta->n);
    return false;
}

/* The object's violations in v1beta1 are those in v1alpha1. */
static inline bool valid_in_both(const char *name, const struct object *alpha, const struct cs_texts *violations)
{
    struct object beta = {0};
    struct cs_texts got = {0};

    if (!as_beta(alpha, &beta))
        return true;
    cs_validate_cloneset(object_root(&beta), &got);
    bool same = same_in_beta(name, violations, &got);
    cs_texts_done(&got);
    object_done(&beta);
    return same;
}

#endif
