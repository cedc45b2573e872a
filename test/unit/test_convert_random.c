/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Properties of conversion over random objects: there and back is the identity, both ways; the annotation neither stays nor
 * grows; an edit counts for all that it could touch, and only for that. Members of both versions, unknown ones, null, and
 * values of any type appear at every place of the strategies. A failing seed is named.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/base/rand.h"
#include "test/unit/convert_fixture.h"
#include "test/unit/template_random.h"

#define OBJECTS 8000
#define EDITS 5000

/* ---- random objects ---- */

static const char *const scale_keys[] = {"disablePVCReuse", "enablePVCReuse", "excludePreparingDelete", "podsToDelete",
    "maxUnavailable", "un/kn~own", "\xe6\x97\xb6"};
static const char *const update_keys[] = {"type", "partition", "maxUnavailable", "maxSurge", "paused",
    "priorityStrategy", "scatterStrategy", "inPlaceUpdateStrategy", "rollingUpdate", "podUpdatePolicy", "un/kn~own",
    ""};
static const char *const in_place_keys[] = {"gracePeriodSeconds", "imagePreDownloadParallelism",
    "imagePreDownloadTimeoutSeconds", "imagePreDownloadMinUpdatedReadyPods", "unknown"};
static const char *const values[] = {"null", "true", "false", "true", "false", "0", "5", "-1", "2147483648",
    "9223372036854775807", "1.50", "\"\"", "\"5\"", "\"33.3%\"", "\"true\"", "\"ReCreate\"", "\"InPlaceIfPossible\"",
    "\"InPlaceOnly\"", "\"OnDelete\"", "\"RollingUpdate\"", "\"\\u0022<\\/>\"", "[]", "[null,{\"a\":[1]}]", "{}",
    "{\"partition\":null,\"z\":{}}"};
static const char *const types[] = {"\"ReCreate\"", "\"InPlaceIfPossible\"", "\"InPlaceOnly\"", "\"OnDelete\"",
    "\"OnDelete\"", "\"RollingUpdate\"", "\"\""};
static const char *const notes[] = {"", "5", "007", "-3", "+4", "10%", "x", "99999999999", "true"};

static bool one_in(struct cs_rand *r, uint64_t n)
{
    return cs_rand_below(r, n) == 0;
}
#define PICK(r, list) ((list)[cs_rand_below((r), CS_ARRAY_LEN(list))])

static struct cs_jtree *random_any(struct cs_rand *r)
{
    return tree_text(PICK(r, values));
}

static struct cs_jtree *random_in_place(struct cs_rand *r)
{
    struct cs_jtree *obj = cs_jtree_new_obj();

    for (size_t i = 0; i < CS_ARRAY_LEN(in_place_keys); i++) {
        if (one_in(r, 3))
            (void)cs_jtree_set(obj, in_place_keys[i], random_any(r));
    }
    return obj;
}

static struct cs_jtree *random_update(struct cs_rand *r, unsigned depth)
{
    struct cs_jtree *obj = cs_jtree_new_obj();

    for (size_t i = 0; i < CS_ARRAY_LEN(update_keys); i++) {
        const char *key = update_keys[i];
        struct cs_jtree *v;

        if (!one_in(r, 3))
            continue;
        if (depth == 0 && strcmp(key, "rollingUpdate") == 0 && !one_in(r, 4))
            v = random_update(r, 1);
        else if (strcmp(key, "inPlaceUpdateStrategy") == 0 && !one_in(r, 4))
            v = random_in_place(r);
        else if ((strcmp(key, "type") == 0 || strcmp(key, "podUpdatePolicy") == 0) && !one_in(r, 4))
            v = tree_text(PICK(r, types));
        else
            v = random_any(r);
        (void)cs_jtree_set(obj, key, v);
    }
    return obj;
}

static struct cs_jtree *random_scale(struct cs_rand *r)
{
    struct cs_jtree *obj = cs_jtree_new_obj();

    for (size_t i = 0; i < CS_ARRAY_LEN(scale_keys); i++) {
        if (one_in(r, 3))
            (void)cs_jtree_set(obj, scale_keys[i], random_any(r));
    }
    return obj;
}

/* Labels and annotations are maps of texts: the API server sends nothing else. */
static void add_meta(struct cs_rand *r, struct cs_jtree *meta)
{
    static const char *const label_values[] = {"true", "true", "false", "", "yes"};
    static const char *const keys[] = {
        CS_ANNO_PREDOWNLOAD_PARALLELISM, CS_ANNO_PREDOWNLOAD_TIMEOUT, CS_ANNO_PREDOWNLOAD_MIN_READY};

    if (!one_in(r, 3)) {
        struct cs_jtree *labels = cs_jtree_set(meta, "labels", one_in(r, 8) ? cs_jtree_new_null() : cs_jtree_new_obj());
        bool object = cs_jtree_is(labels, CS_J_OBJECT);
        if (object && one_in(r, 2))
            (void)cs_jtree_set(labels, "app", cs_jtree_new_str("web"));
        if (object && one_in(r, 2))
            (void)cs_jtree_set(labels, CS_LABEL_EXCLUDE_PREPARING, cs_jtree_new_str(PICK(r, label_values)));
    }
    if (!one_in(r, 3)) {
        struct cs_jtree *map =
            cs_jtree_set(meta, "annotations", one_in(r, 8) ? cs_jtree_new_null() : cs_jtree_new_obj());
        bool object = cs_jtree_is(map, CS_J_OBJECT);
        if (object && one_in(r, 2))
            (void)cs_jtree_set(map, "note", cs_jtree_new_str("\"<\n"));
        for (size_t i = 0; object && i < CS_ARRAY_LEN(keys); i++) {
            if (one_in(r, 3))
                (void)cs_jtree_set(map, keys[i], cs_jtree_new_str(PICK(r, notes)));
        }
    }
}

static struct cs_jtree *random_set(struct cs_rand *r, enum cs_version v)
{
    struct cs_jtree *obj = cs_jtree_new_obj(), *meta = cs_jtree_new_obj(), *spec = cs_jtree_new_obj();

    (void)cs_jtree_set(obj, "kind", cs_jtree_new_str("CloneSet"));
    (void)cs_jtree_set(obj, "apiVersion", cs_jtree_new_str(v == ALPHA ? CS_API_VERSION : CS_API_VERSION_BETA));
    (void)cs_jtree_set(meta, "name", cs_jtree_new_str("web"));
    (void)cs_jtree_set(meta, "resourceVersion", cs_jtree_new_str("7"));
    add_meta(r, meta);
    (void)cs_jtree_set(obj, "metadata", meta);
    if (!one_in(r, 4))
        (void)cs_jtree_set(spec, "scaleStrategy", one_in(r, 6) ? random_any(r) : random_scale(r));
    if (one_in(r, 8))
        (void)cs_jtree_set(spec, "template", random_template(cs_rand_u64(r)));
    (void)cs_jtree_set(spec, "unknown", random_any(r));
    if (!one_in(r, 6))
        (void)cs_jtree_set(spec, "updateStrategy", one_in(r, 6) ? random_any(r) : random_update(r, 0));
    (void)cs_jtree_set(obj, "spec", spec);
    if (one_in(r, 4))
        (void)cs_jtree_set(obj, "status", random_any(r));
    return obj;
}

static char *print(const struct cs_jtree *t)
{
    cs_autostrbuf out = CS_STRBUF_INIT;

    cs_jtree_print(t, &out, false);
    return cs_strbuf_take(&out, NULL);
}

/* Like convert_text, which would take the apostrophes of a text for quotation marks; there are none in random objects. */
static struct cs_jtree *convert_tree(const struct cs_jtree *t, enum cs_version to)
{
    cs_autofree char *text = print(t);
    cs_autofree char *out = convert_text(text, to);

    return tree_text(out);
}

static struct cs_jtree *part_of(const struct cs_jtree *obj, const char *member)
{
    return cs_jtree_get(cs_jtree_get(obj, "spec"), member);
}

/* ---- properties ---- */

/* Nothing but the strategies, labels and annotations is touched. */
static void check_rest(const char *what, const struct cs_jtree *a, const struct cs_jtree *b)
{
    cs_autojtree *x = cs_jtree_dup(a);
    cs_autojtree *y = cs_jtree_dup(b);
    struct cs_jtree *both[] = {x, y};

    for (size_t i = 0; i < 2; i++) {
        cs_jtree_del(both[i], "apiVersion");
        cs_jtree_del(cs_jtree_get(both[i], "metadata"), "labels");
        cs_jtree_del(cs_jtree_get(both[i], "metadata"), "annotations");
        cs_jtree_del(cs_jtree_get(both[i], "spec"), "scaleStrategy");
        cs_jtree_del(cs_jtree_get(both[i], "spec"), "updateStrategy");
    }
    assert_same(what, x, y);
}

static void test_there_and_back_is_the_identity(void **state)
{
    size_t kept = 0;

    (void)state;
    for (uint64_t seed = 1; seed <= OBJECTS; seed++) {
        struct cs_rand r = {.state = seed};
        enum cs_version v = seed % 2 ? ALPHA : BETA;
        char what[32];
        cs_autojtree *obj = random_set(&r, v);
        cs_autojtree *there = convert_tree(obj, the_other(v));
        cs_autojtree *back = convert_tree(there, v);
        cs_autojtree *again = convert_tree(back, the_other(v));

        (void)snprintf(what, sizeof(what), "seed %u", (unsigned)seed);
        assert_same(what, back, obj);
        assert_same(what, again, there);
        check_rest(what, there, obj);
        cs_autofree char *note = take_note(there);
        kept += note != NULL;
        assert_true(!note || strstr(note, v == ALPHA ? "\"v1alpha1\"" : "\"v1beta1\""));
    }
    assert_in_range(kept, OBJECTS / 4, OBJECTS - 100); /* both kinds have been seen */
}

/* Usual values, as admission would let them pass: nothing is kept for v1alpha1 objects as the peer writes them. */
static void test_objects_of_the_peers_form_need_no_annotation(void **state)
{
    static const char *const policies[] = {"ReCreate", "InPlaceIfPossible", "InPlaceOnly"};

    (void)state;
    for (uint64_t seed = 1; seed <= 1000; seed++) {
        struct cs_rand r = {.state = seed};
        const char *policy = PICK(&r, policies);
        cs_autofree char *spec = cs_xasprintf("'scaleStrategy':{%s},'updateStrategy':{'type':'%s','partition':%u,'"
                                              "maxUnavailable':'20%%','maxSurge':%u%s}",
            one_in(&r, 2) ? "'disablePVCReuse':true" : "", policy, (unsigned)cs_rand_below(&r, 9),
            (unsigned)cs_rand_below(&r, 9), one_in(&r, 2) ? ",'inPlaceUpdateStrategy':{'gracePeriodSeconds':3}" : "");
        cs_autofree char *text = set_text(ALPHA, "", spec);
        cs_autofree char *there = convert_text(text, BETA);
        cs_autofree char *back = convert_text(there, ALPHA);

        assert_null(strstr(there, CS_ANNO_CONVERSION));
        assert_null(strstr(back, CS_ANNO_CONVERSION));
        assert_same_text(text, back, text);
    }
}

/*
 * D19: after an edit of one strategy in the other version it converts as if there were no annotation, while the other strategy
 * comes back as it was.
 */
static void check_edit(const char *what, struct cs_rand *r, enum cs_version v)
{
    static const char *const members[] = {"scaleStrategy", "updateStrategy"};
    size_t which = cs_rand_below(r, 2);
    cs_autojtree *obj = random_set(r, v);
    cs_autojtree *there = convert_tree(obj, the_other(v));
    cs_autojtree *was = cs_jtree_dup(part_of(there, members[which]));
    struct cs_jtree *is = which ? random_update(r, 0) : random_scale(r);

    (void)cs_jtree_set(cs_jtree_get(there, "spec"), members[which], is);
    if (cs_jtree_equal(was, is))
        return;
    cs_autojtree *back = convert_tree(there, v);
    cs_autojtree *bare = cs_jtree_dup(there);
    cs_autofree char *note = take_note(bare);
    cs_autojtree *by_rules = convert_tree(bare, v);
    const struct cs_jtree *untouched = part_of(obj, members[!which]);

    assert_same(what, part_of(back, members[which]), part_of(by_rules, members[which]));
    if (untouched)
        assert_same(what, part_of(back, members[!which]), untouched);
    else
        assert_null(part_of(back, members[!which]));
    (void)note;
}

static void test_d19_an_edit_wins_over_what_was_kept(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= EDITS; seed++) {
        struct cs_rand r = {.state = seed << 20};
        char what[32];

        (void)snprintf(what, sizeof(what), "seed %u", (unsigned)seed);
        check_edit(what, &r, seed % 2 ? ALPHA : BETA);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_there_and_back_is_the_identity),
        cmocka_unit_test(test_objects_of_the_peers_form_need_no_annotation),
        cmocka_unit_test(test_d19_an_edit_wins_over_what_was_kept),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
