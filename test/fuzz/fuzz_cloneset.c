/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A CloneSet as the controller reads it. What is only passed on keeps its bytes; defaults applied to the struct are those that the
 * webhook's patch writes; the bodies made of it are JSON.
 */
#include "common/api/gvr.h"
#include "common/cloneset/convert.h"
#include "common/cloneset/defaults.h"
#include "controller/cloneset/bodies.h"
#include "test/fuzz/fuzz.h"
#include "test/sim/sim.h"

static void check_raw(const char *what, const char *kept, struct cs_json was)
{
    struct cs_str raw = cs_json_is_null(was) ? CS_STR("") : cs_json_raw(was);

    FUZZ_CHECK(cs_str_eqz(raw, kept), "%s: kept as %s", what, kept);
}

static bool same_intstr(struct cs_intstr a, struct cs_intstr b)
{
    return a.type == b.type && a.s == b.s && (a.type != CS_IS_INT || a.i == b.i);
}

/* The spec with the defaults of the webhook's patch, as it is read then. */
static void check_defaults(struct cs_intern *pool, struct cs_json obj, const struct cs_cloneset_spec *defaulted)
{
    cs_autojtree *tree = cs_jtree_from(obj);
    cs_autojtree *ops = NULL;
    cs_autostrbuf patch = CS_STRBUF_INIT, text = CS_STRBUF_INIT, none = CS_STRBUF_INIT;
    cs_autojdoc doc = {.nodes = NULL};
    struct cs_cloneset_spec spec;
    struct cs_error err = CS_ERROR_INIT;
    struct cs_json patched;
    const char *why = "";

    if (cs_cloneset_default_patch(obj, &patch) > 0) {
        ops = sim_parse(cs_strbuf_str(&patch));
        FUZZ_CHECK(
            ops && sim_json_patch(tree, ops, &why), "the patch does not apply: %s: %s", why, cs_strbuf_str(&patch));
    }
    cs_jtree_print(tree, &text, false);
    patched = fuzz_parse_ours(&doc, "the patched object", &text);
    FUZZ_CHECK(cs_cloneset_default_patch(patched, &none) == 0, "defaults on defaults: %s", cs_strbuf_str(&none));
    FUZZ_CHECK(cs_cloneset_spec_decode(pool, cs_json_get(patched, "spec"), &spec, &err), "patched: %s", err.message);
    FUZZ_CHECK(spec.replicas == defaulted->replicas && spec.history_limit == defaulted->history_limit &&
                   spec.type == defaulted->type && cs_streq(spec.type_text, defaulted->type_text) &&
                   same_intstr(spec.partition, defaulted->partition) &&
                   same_intstr(spec.max_unavailable, defaulted->max_unavailable) &&
                   same_intstr(spec.max_surge, defaulted->max_surge) &&
                   spec.has_inplace_strategy == defaulted->has_inplace_strategy,
        "controller and webhook default differently: %s", cs_strbuf_str(&patch));
    cs_cloneset_spec_done(pool, &spec);
}

static void check_bodies(const struct cs_cloneset *set)
{
    cs_autostrbuf pod = CS_STRBUF_INIT, claim = CS_STRBUF_INIT, revision = CS_STRBUF_INIT;
    cs_autojdoc doc = {.nodes = NULL};
    struct cs_new_pod n = {.set = set,
        .name = "web-bbbbb",
        .id = "bbbbb",
        .revision = "web-5d7b8f",
        .tmpl = set->template_raw,
        .vcts = {.raw = set->vcts_raw, .names = set->vct_names, .n = set->n_vcts},
        .now_ms = 1760000000000};
    struct cs_action a = {.name = (char[]){"data-web-bbbbb"}, .id = "bbbbb", .vcts = n.vcts};
    char name[CS_NAME_SIZE];

    if (cs_body_pod(&n, &pod, NULL))
        (void)fuzz_parse_ours(&doc, "a Pod's body", &pod);
    for (uint32_t i = 0; i < set->n_vcts && i < 3; i++) {
        a.vct = set->vct_names[i];
        cs_strbuf_clear(&claim);
        if (cs_body_claim(set, &a, &claim, NULL))
            (void)fuzz_parse_ours(&doc, "a claim's body", &claim);
    }
    if (cs_body_revision(set, 1, 0, name, &revision, NULL))
        (void)fuzz_parse_ours(&doc, "a revision's body", &revision);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cs_intern *pool = cs_intern_new();
    cs_autojdoc doc = {.nodes = NULL};
    struct cs_json obj = fuzz_parse(&doc, data, size), spec = cs_json_get(obj, "spec");
    struct cs_error err = CS_ERROR_INIT;
    struct cs_cloneset *set = cs_json_exists(obj) ? cs_cloneset_decode(pool, obj, &err) : NULL;
    struct cs_cloneset_spec beta;

    if (cs_cloneset_spec_decode_beta(pool, spec, &beta, NULL))
        cs_cloneset_spec_done(pool, &beta);
    FUZZ_CHECK(set || !cs_json_exists(obj) || err.message[0], "refused without a word");
    if (set) {
        cs_autostrbuf selector = CS_STRBUF_INIT;

        check_raw("spec.template", set->template_raw, cs_json_get(spec, "template"));
        check_raw("metadata.annotations", set->annotations_raw, cs_json_at(obj, "metadata", "annotations", NULL));
        cs_selector_print(&set->spec.selector, &selector);
        cs_cloneset_default(pool, &set->spec);
        /* A converted strategy is left alone by the patch, see defaults.h; the other version is not the controller's. */
        if (cs_version_of(obj) == CS_V1ALPHA1 && !(cs_convert_note_counts(obj) & CS_NOTE_UPDATE) &&
            cs_json_is(spec, CS_J_OBJECT))
            check_defaults(pool, obj, &set->spec);
        check_bodies(set);
        cs_cloneset_free(pool, set);
    }
    fuzz_pool_free(pool);
    return 0;
}

FUZZ_JSON_MUTATOR
