/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two templates, {"old":{"template":…},"new":{"template":…}}. Normal form is idempotent and survives the store of revisions; equality
 * is symmetric, agrees with digest and difference; what can be made in place one way can be taken back in place.
 */
#include "common/cloneset/resources.h"
#include "common/cloneset/schema.h"
#include "common/cloneset/template.h"
#include "test/fuzz/fuzz.h"

static struct cs_jtree *norm_of(struct cs_json tmpl)
{
    struct cs_jtree *norm = cs_template_normalize(tmpl);
    cs_autostrbuf text = CS_STRBUF_INIT;
    cs_autojdoc doc = {.nodes = NULL};

    cs_jtree_print(norm, &text, false);
    cs_autojtree *again = cs_template_normalize(fuzz_parse_ours(&doc, "a normal form", &text));
    fuzz_same_tree("the normal form of a normal form", again, norm);
    FUZZ_CHECK(cs_template_equal(norm, again) && cs_template_digest(norm) == cs_template_digest(again),
        "a normal form is not equal to itself");
    return norm;
}

static void check_revision(struct cs_json tmpl, const struct cs_jtree *norm)
{
    cs_autostrbuf data = CS_STRBUF_INIT, again = CS_STRBUF_INIT;
    cs_autojdoc doc = {.nodes = NULL};
    cs_autofree char *reason = NULL;
    struct cs_json kept;
    bool exact, exact_again;

    cs_revision_data(tmpl, &data, &exact, &reason);
    FUZZ_CHECK(exact == (reason == NULL), "exact: %d, reason: %s", exact, reason ? reason : "none");
    kept = cs_revision_template(fuzz_parse_ours(&doc, "revision data", &data));
    FUZZ_CHECK(cs_json_exists(kept), "no template in %s", cs_strbuf_str(&data));
    cs_autojtree *kept_norm = cs_template_normalize(kept);
    fuzz_same_tree("the normal form of what a revision keeps", kept_norm, norm);
    if (!cs_json_is(tmpl, CS_J_OBJECT))
        return; /* refused by admission; kept as {}, which is written in another way */
    cs_revision_data(kept, &again, &exact_again, NULL);
    FUZZ_CHECK(!exact || exact_again, "exact once, not twice: %s", cs_strbuf_str(&data));
    FUZZ_CHECK(strcmp(cs_strbuf_str(&data), cs_strbuf_str(&again)) == 0, "revision data change: %s, then %s",
        cs_strbuf_str(&data), cs_strbuf_str(&again));
}

/* Returns whether it can be made in place. */
static bool check_diff(const struct cs_jtree *from, const struct cs_jtree *to, bool vertical)
{
    struct cs_template_diff d = {.items = NULL};
    bool in_place, equal = cs_template_equal(from, to);

    cs_template_diff(from, to, vertical, &d);
    FUZZ_CHECK(equal == (d.n == 0), "%s, and %zu differences", equal ? "equal" : "not equal", d.n);
    FUZZ_CHECK(!equal || cs_template_digest(from) == cs_template_digest(to), "equal with other digests");
    for (size_t i = 0; i < d.n; i++) {
        FUZZ_CHECK(d.items[i].path && (d.items[i].old_value || d.items[i].new_value), "a difference of nothing");
        FUZZ_CHECK(d.items[i].kind != CS_CHANGE_IMAGE || d.items[i].container, "an image of no container");
        FUZZ_CHECK(vertical || d.items[i].kind != CS_CHANGE_RESOURCES, "a resize without the gate");
    }
    FUZZ_CHECK(d.in_place == !cs_template_diff_blocker(&d), "in place and blocked");
    in_place = d.in_place;
    if (in_place && d.resources_changed) {
        cs_autoresize r = {.items = NULL};

        cs_resize_make(from, to, NULL, &r);
        FUZZ_CHECK(r.n > 0, "resources change, and there is nothing to resize");
        FUZZ_CHECK(cs_template_qos(from) == cs_template_qos(to), "a resize to another QoS class");
    }
    cs_template_diff_done(&d);
    return in_place;
}

/* What is the same bytes on both sides makes no difference, and what is told of the rest stays the same. */
static void check_written(struct cs_json was, struct cs_json is, const struct cs_jtree *from, const struct cs_jtree *to)
{
    struct cs_template_diff whole, written;

    cs_template_diff(from, to, true, &whole);
    cs_template_diff_written(was, is, true, &written);
    FUZZ_CHECK(whole.n == written.n, "%zu differences, as written %zu", whole.n, written.n);
    for (size_t i = 0; i < whole.n; i++) {
        const struct cs_change *a = &whole.items[i], *b = &written.items[i];

        FUZZ_CHECK(a->kind == b->kind && cs_streq(a->path, b->path) && cs_streq(a->container, b->container) &&
                       cs_streq(a->old_value, b->old_value) && cs_streq(a->new_value, b->new_value),
            "%s, as written %s", a->path, b->path);
    }
    FUZZ_CHECK(whole.in_place == written.in_place && whole.restarts == written.restarts &&
                   whole.qos_changed == written.qos_changed,
        "another verdict as written");
    cs_template_diff_done(&whole);
    cs_template_diff_done(&written);
}

static void on_unknown(void *ctx, const char *path, const char *nearest)
{
    (void)ctx;
    (void)nearest;
    FUZZ_CHECK(cs_str_starts(cs_str(path), "spec."), "the path %s", path);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cs_autojdoc doc = {.nodes = NULL};
    struct cs_json root = fuzz_parse(&doc, data, size);
    struct cs_json was = cs_json_at(root, "old", "template", NULL), is = cs_json_at(root, "new", "template", NULL);
    char hash[CS_VCT_HASH_SIZE];

    if (!cs_json_is(root, CS_J_OBJECT))
        return 0;
    cs_autojtree *from = norm_of(was);
    cs_autojtree *to = norm_of(is);
    check_revision(was, from);
    check_revision(is, to);
    for (int vertical = 0; vertical < 2; vertical++) {
        FUZZ_CHECK(check_diff(from, from, vertical), "a template differs from itself");
        FUZZ_CHECK(check_diff(from, to, vertical) == check_diff(to, from, vertical), "there in place, but not back%s",
            vertical ? " (vertical scaling)" : "");
    }
    check_written(was, is, from, to);
    FUZZ_CHECK(
        cs_json_has_null(is) || !(cs_template_unknown_field(is, on_unknown, NULL) && cs_revision_is_exact(is, NULL)),
        "kept to the byte with an unknown field");
    (void)cs_claim_templates_unknown_field(cs_json_get(root, "volumeClaimTemplates"), on_unknown, NULL);
    cs_vct_hash(cs_json_get(root, "volumeClaimTemplates"), hash);
    return 0;
}

FUZZ_JSON_MUTATOR
