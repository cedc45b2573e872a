/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Conversion between v1alpha1 and v1beta1: the rules of spec §1.4 one by one, the peer's own pairs, bytes and limits. What is
 * kept in the annotation is test_convert_note.c's.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "test/unit/api_fixture.h"
#include "test/unit/convert_fixture.h"

/* ---- the rules ---- */

static const struct {
    const char *what;
    const char *meta, *spec; /* of the object in the other version */
    const char *wanted_meta, *wanted_spec; /* wanted_meta NULL: the same */
} to_beta[] = {
    {"§1.4: absent disablePVCReuse is reuse, an absent type ReCreate", "", "", NULL, REUSE "," RECREATE},
    {"null is absent", "", "'scaleStrategy':null,'updateStrategy':null", NULL, REUSE "," RECREATE},
    {"disablePVCReuse true", "", "'scaleStrategy':{'disablePVCReuse':true}", NULL,
        "'scaleStrategy':{'enablePVCReuse':false}," RECREATE},
    {"disablePVCReuse false", "", "'scaleStrategy':{'disablePVCReuse':false}", NULL, REUSE "," RECREATE},
    {"the rest of scaleStrategy stays", "", "'scaleStrategy':{'podsToDelete':['a'],'maxUnavailable':'10%','x':[1]}",
        NULL, "'scaleStrategy':{'podsToDelete':['a'],'maxUnavailable':'10%','x':[1],'enablePVCReuse':true}," RECREATE},
    {"the label excludes, and stays", ",'labels':{" EXCLUDE ":'true','a':'b'}", "", NULL,
        "'scaleStrategy':{'enablePVCReuse':true,'excludePreparingDelete':true}," RECREATE},
    {"only if it is exactly true", ",'labels':{" EXCLUDE ":'True'}", "", NULL, REUSE "," RECREATE},
    {"members that only the other version knows gain no meaning", "",
        "'scaleStrategy':{'enablePVCReuse':false,'excludePreparingDelete':true},"
        "'updateStrategy':{'rollingUpdate':{'partition':5}}",
        NULL, REUSE "," RECREATE},
    {"ReCreate", "", "'updateStrategy':{'type':'ReCreate'}", NULL, REUSE "," RECREATE},
    {"InPlaceIfPossible", "", "'updateStrategy':{'type':'InPlaceIfPossible'}", NULL,
        REUSE "," ROLLING("'InPlaceIfPossible'")},
    {"InPlaceOnly", "", "'updateStrategy':{'type':'InPlaceOnly'}", NULL, REUSE "," ROLLING("'InPlaceOnly'")},
    {"an unknown type", "", "'updateStrategy':{'type':'Sometimes'}", NULL, REUSE "," RECREATE},
    {"a type of another JSON type", "", "'updateStrategy':{'type':7}", NULL, REUSE "," RECREATE},
    {"the other version's type", "", "'updateStrategy':{'type':'RollingUpdate'}", NULL, REUSE "," RECREATE},
    {"the fields of rollingUpdate, whatever they hold", "",
        "'updateStrategy':{'type':'ReCreate','partition':'33.3%','maxUnavailable':1,'maxSurge':null,'paused':'x',"
        "'priorityStrategy':{'orderPriority':[]},'scatterStrategy':[{'key':'k','value':'v'}],'y':{'z':1}}",
        NULL,
        REUSE ",'updateStrategy':{'type':'RollingUpdate','y':{'z':1},'rollingUpdate':{'podUpdatePolicy':'ReCreate',"
              "'partition':'33.3%','maxUnavailable':1,'maxSurge':null,'paused':'x',"
              "'priorityStrategy':{'orderPriority':[]},'scatterStrategy':[{'key':'k','value':'v'}]}}"},
    {"OnDelete has no rollingUpdate", ",'annotations':{" PARALLELISM ":'2'}",
        "'updateStrategy':{'type':'OnDelete','partition':1,'maxUnavailable':1,'paused':true,'inPlaceUpdateStrategy':{}"
        "}",
        NULL, REUSE ",'updateStrategy':{'type':'OnDelete'}"},
    {"inPlaceUpdateStrategy stays", "", "'updateStrategy':{'inPlaceUpdateStrategy':{'gracePeriodSeconds':3,'x':1}}",
        NULL, REUSE "," IN_PLACE("{'gracePeriodSeconds':3,'x':1}")},
    {"an empty one too", "", "'updateStrategy':{'inPlaceUpdateStrategy':{}}", NULL, REUSE "," IN_PLACE("{}")},
    {"its three fields of v1alpha1 are dropped", "",
        "'updateStrategy':{'inPlaceUpdateStrategy':{'imagePreDownloadParallelism':1,"
        "'imagePreDownloadTimeoutSeconds':2,'imagePreDownloadMinUpdatedReadyPods':3}}",
        NULL, REUSE "," IN_PLACE("{}")},
    {"the annotations become fields, and stay",
        ",'annotations':{" PARALLELISM ":'5'," TIMEOUT ":'60'," MIN_READY ":'3'}", "", NULL,
        REUSE "," IN_PLACE("{'imagePreDownloadParallelism':5,'imagePreDownloadTimeoutSeconds':60,"
                           "'imagePreDownloadMinUpdatedReadyPods':3}")},
    {"parallelism stays a string when it is no number", ",'annotations':{" PARALLELISM ":'10%'}", "", NULL,
        REUSE "," IN_PLACE("{'imagePreDownloadParallelism':'10%'}")},
    {"numbers that do not parse are ignored", ",'annotations':{" TIMEOUT ":'1m'," MIN_READY ":'99999999999'}", "", NULL,
        REUSE "," IN_PLACE("{}")},
    {"empty annotations say nothing", ",'annotations':{" PARALLELISM ":''," TIMEOUT ":''}", "", NULL,
        REUSE "," RECREATE},
    {"strategies that are no objects are passed on", "", "'scaleStrategy':'x','updateStrategy':[1]", NULL,
        "'scaleStrategy':'x','updateStrategy':[1]"},
};

static const struct {
    const char *what;
    const char *meta, *spec;
    const char *wanted_meta, *wanted_spec;
} to_alpha[] = {
    {"§1.4: a plain v1beta1 object does not reuse claims", "", "", NULL,
        "'scaleStrategy':{'disablePVCReuse':true},'updateStrategy':{'type':'ReCreate'}"},
    {"null is absent", "", "'scaleStrategy':null,'updateStrategy':{'type':'RollingUpdate','rollingUpdate':null}", NULL,
        "'scaleStrategy':{'disablePVCReuse':true},'updateStrategy':{'type':'ReCreate'}"},
    {"enablePVCReuse true", "", REUSE, NULL, "'scaleStrategy':{},'updateStrategy':{'type':'ReCreate'}"},
    {"enablePVCReuse false", "", "'scaleStrategy':{'enablePVCReuse':false,'podsToDelete':['a']}", NULL,
        "'scaleStrategy':{'disablePVCReuse':true,'podsToDelete':['a']},'updateStrategy':{'type':'ReCreate'}"},
    /* On purpose unlike the peer, which drops the field: the controller reads v1alpha1. */
    {"excludePreparingDelete becomes the label", ",'labels':{'a':'b'}",
        "'scaleStrategy':{'enablePVCReuse':true,'excludePreparingDelete':true}",
        ",'labels':{'a':'b'," EXCLUDE ":'true'}", "'scaleStrategy':{},'updateStrategy':{'type':'ReCreate'}"},
    {"false takes the label away", ",'labels':{" EXCLUDE ":'true'}",
        "'scaleStrategy':{'enablePVCReuse':true,'excludePreparingDelete':false}", "",
        "'scaleStrategy':{},'updateStrategy':{'type':'ReCreate'}"},
    {"absent leaves it", ",'labels':{" EXCLUDE ":'true'}", REUSE, NULL,
        "'scaleStrategy':{},'updateStrategy':{'type':'ReCreate'}"},
    {"OnDelete", "", REUSE ",'updateStrategy':{'type':'OnDelete'}", NULL,
        "'scaleStrategy':{},'updateStrategy':{'type':'OnDelete'}"},
    {"OnDelete with rollingUpdate: its fields are copied", "",
        REUSE ",'updateStrategy':{'type':'OnDelete','rollingUpdate':{'podUpdatePolicy':'InPlaceOnly','partition':2,"
              "'inPlaceUpdateStrategy':{'gracePeriodSeconds':1}}}",
        NULL,
        "'scaleStrategy':{},'updateStrategy':{'type':'OnDelete','partition':2,"
        "'inPlaceUpdateStrategy':{'gracePeriodSeconds':1}}"},
    {"InPlaceIfPossible", "", REUSE "," ROLLING("'InPlaceIfPossible'"), NULL,
        "'scaleStrategy':{},'updateStrategy':{'type':'InPlaceIfPossible'}"},
    {"a number that JSON writes in two ways", "",
        REUSE "," ROLLING("'InPlaceOnly','inPlaceUpdateStrategy':{'imagePreDownloadTimeoutSeconds':-0}"),
        ",'annotations':{" TIMEOUT ":'0'}",
        "'scaleStrategy':{},'updateStrategy':{'type':'InPlaceOnly','inPlaceUpdateStrategy':{}}"},
    {"InPlaceOnly under an absent type", "",
        REUSE ",'updateStrategy':{'rollingUpdate':{'podUpdatePolicy':'InPlaceOnly'}}", NULL,
        "'scaleStrategy':{},'updateStrategy':{'type':'InPlaceOnly'}"},
    {"an empty policy", "", REUSE "," ROLLING("''"), NULL, "'scaleStrategy':{},'updateStrategy':{'type':'ReCreate'}"},
    {"an unknown policy", "", REUSE "," ROLLING("'OnDelete'"), NULL,
        "'scaleStrategy':{},'updateStrategy':{'type':'ReCreate'}"},
    {"the fields of rollingUpdate, whatever they hold; unknown ones of updateStrategy stay, but not under known names",
        "",
        REUSE ",'updateStrategy':{'y':{'z':1},'partition':7,'type':'RollingUpdate','rollingUpdate':{"
              "'podUpdatePolicy':'ReCreate','maxUnavailable':1,'maxSurge':null,'paused':'x','unknown':1,"
              "'priorityStrategy':{},'scatterStrategy':7}}",
        NULL,
        "'scaleStrategy':{},'updateStrategy':{'y':{'z':1},'type':'ReCreate','maxUnavailable':1,'maxSurge':null,"
        "'paused':'x','priorityStrategy':{},'scatterStrategy':7}"},
    {"an empty inPlaceUpdateStrategy disappears", "", REUSE "," IN_PLACE("{}"), NULL,
        "'scaleStrategy':{},'updateStrategy':{'type':'ReCreate'}"},
    {"so does one of grace period 0", "", REUSE "," IN_PLACE("{'gracePeriodSeconds':0}"), NULL,
        "'scaleStrategy':{},'updateStrategy':{'type':'ReCreate'}"},
    {"a grace period stays", "", REUSE "," IN_PLACE("{'gracePeriodSeconds':3}"), NULL,
        "'scaleStrategy':{},'updateStrategy':{'type':'ReCreate','inPlaceUpdateStrategy':{'gracePeriodSeconds':3}}"},
    {"the three fields become annotations", ",'annotations':{'a':'b'}",
        REUSE "," IN_PLACE("{'imagePreDownloadParallelism':5,'imagePreDownloadTimeoutSeconds':60,"
                           "'imagePreDownloadMinUpdatedReadyPods':3,'gracePeriodSeconds':9}"),
        ",'annotations':{'a':'b'," PARALLELISM ":'5'," TIMEOUT ":'60'," MIN_READY ":'3'}",
        "'scaleStrategy':{},'updateStrategy':{'type':'ReCreate','inPlaceUpdateStrategy':{'gracePeriodSeconds':9}}"},
    {"a string too, over an older annotation", ",'annotations':{" PARALLELISM ":'1'}",
        REUSE "," IN_PLACE("{'imagePreDownloadParallelism':'x'}"), ",'annotations':{" PARALLELISM ":'x'}",
        "'scaleStrategy':{},'updateStrategy':{'type':'ReCreate','inPlaceUpdateStrategy':{}}"},
    {"what is no number cannot be one's text", "", REUSE "," IN_PLACE("{'imagePreDownloadTimeoutSeconds':'60'}"), NULL,
        "'scaleStrategy':{},'updateStrategy':{'type':'ReCreate','inPlaceUpdateStrategy':{}}"},
    {"strategies that are no objects are passed on", "", "'scaleStrategy':7,'updateStrategy':true", NULL,
        "'scaleStrategy':7,'updateStrategy':true"},
};

static void check_rule(
    const char *what, enum cs_version to, const char *const in[2], const char *wanted_meta, const char *wanted_spec)
{
    cs_autofree char *text = set_text(the_other(to), in[0], in[1]);
    cs_autofree char *wanted_text = set_text(to, wanted_meta ? wanted_meta : in[0], wanted_spec);
    cs_autofree char *got_text = convert_text(text, to);
    cs_autojtree *got = tree_text(got_text);
    cs_autojtree *wanted = tree_text(wanted_text);
    cs_autofree char *note = take_note(got);
    cs_autofree char *back = convert_text(got_text, the_other(to));

    assert_same(what, got, wanted);
    assert_same_text(what, back, text); /* none of them loses anything */
    (void)note;
}

static void test_the_rules(void **state)
{
    (void)state;
    for (size_t i = 0; i < CS_ARRAY_LEN(to_beta); i++)
        check_rule(to_beta[i].what, BETA, (const char *const[]){to_beta[i].meta, to_beta[i].spec},
            to_beta[i].wanted_meta, to_beta[i].wanted_spec);
    for (size_t i = 0; i < CS_ARRAY_LEN(to_alpha); i++)
        check_rule(to_alpha[i].what, ALPHA, (const char *const[]){to_alpha[i].meta, to_alpha[i].spec},
            to_alpha[i].wanted_meta, to_alpha[i].wanted_spec);
}

/* ---- the peer's objects, each in both versions ---- */

static struct cs_jtree *converted(struct cs_json obj, enum cs_version to)
{
    cs_autostrbuf out = CS_STRBUF_INIT;
    cs_autojdoc doc = {.nodes = NULL};

    assert_true(cs_convert(obj, to, &out, NULL));
    assert_true(cs_jdoc_parse(&doc, cs_strbuf_str(&out), out.len, NULL, NULL));
    return cs_jtree_from(cs_jdoc_root(&doc));
}

/* The peer's conversion to v1alpha1 forgets an empty inPlaceUpdateStrategy, so its v1alpha1 objects cannot give it back. */
static void drop_empty_in_place(struct cs_jtree *obj)
{
    struct cs_jtree *update = cs_jtree_get(cs_jtree_get(obj, "spec"), "updateStrategy");
    struct cs_jtree *rolling = cs_jtree_get(update, "rollingUpdate");

    if (cs_jtree_count(cs_jtree_get(rolling, "inPlaceUpdateStrategy")) == 0)
        cs_jtree_del(rolling, "inPlaceUpdateStrategy");
}

static void check_pair(struct cs_json alpha, struct cs_json beta)
{
    cs_autofree char *name = cs_json_str_dup(cs_json_at(alpha, "metadata", "name", NULL));
    cs_autojtree *is_alpha = cs_jtree_from(alpha);
    cs_autojtree *is_beta = cs_jtree_from(beta);
    cs_autojtree *to_alpha_tree = converted(beta, ALPHA);
    cs_autojtree *to_beta_tree = converted(alpha, BETA);
    cs_autofree char *note_a = take_note(to_alpha_tree);
    cs_autofree char *note_b = take_note(to_beta_tree);

    assert_same(name, to_alpha_tree, is_alpha);
    drop_empty_in_place(is_beta);
    assert_same(name, to_beta_tree, is_beta);
    assert_null(note_b); /* nothing is lost on the way to v1beta1 */
    assert_int_equal(note_a != NULL, cs_streq(name, "beta") || cs_streq(name, "hooked")); /* that empty object */
}

static void test_the_peers_pairs(void **state)
{
    static const char *const files[][2] = {
        {PEER "1-at-rest/clonesets-v1alpha1.json", PEER "1-at-rest/clonesets-v1beta1.json"},
        {PEER "2-updates-in-flight/clonesets-v1alpha1.json", PEER "2-updates-in-flight/clonesets-v1beta1.json"},
    };
    struct fixture a, b;

    (void)state;
    fixture_init(&a);
    fixture_init(&b);
    for (size_t i = 0; i < CS_ARRAY_LEN(files); i++) {
        struct cs_json betas = fixture_load(&b, files[i][1]);
        cs_json_foreach (alpha, fixture_load(&a, files[i][0])) {
            cs_autofree char *name = cs_json_str_dup(cs_json_at(alpha, "metadata", "name", NULL));
            check_pair(alpha, fixture_named(betas, name));
        }
    }
    fixture_done(&a);
    fixture_done(&b);
}

static void check_garbage(void *ctx, struct cs_json broken, const char *path, const char *garbage)
{
    enum cs_version to = the_other(cs_version_of(broken));
    cs_autostrbuf there = CS_STRBUF_INIT, back = CS_STRBUF_INIT;
    cs_autojdoc doc = {.nodes = NULL}, doc_back = {.nodes = NULL};
    struct cs_error err = CS_ERROR_INIT;

    (void)ctx;
    if (!cs_convert(broken, to, &there, &err)) {
        /* The envelope, or labels and annotations of a form that no API server sends. */
        if (strcmp(path, "") != 0 && !strstr("apiVersion kind metadata metadata.labels metadata.annotations", path))
            fail_msg("%s = %s: %s", path, garbage, err.message);
        return;
    }
    if (cs_version_read(cs_json_get(broken, "apiVersion")) == to)
        return;
    assert_true(cs_jdoc_parse(&doc, cs_strbuf_str(&there), there.len, NULL, NULL));
    if (!cs_convert(cs_jdoc_root(&doc), the_other(to), &back, &err))
        fail_msg("%s = %s, back: %s", path, garbage, err.message);
    assert_true(cs_jdoc_parse(&doc_back, cs_strbuf_str(&back), back.len, NULL, NULL));
    if (!cs_json_equal(cs_jdoc_root(&doc_back), broken))
        fail_msg("%s = %s: %s", path, garbage, cs_strbuf_str(&back));
}

/* U-36: any value absent, null or of a wrong type comes back as it was. */
static void test_broken_objects_come_back(void **state)
{
    static const char *const files[] = {
        PEER "1-at-rest/clonesets-v1alpha1.json", PEER "1-at-rest/clonesets-v1beta1.json"};
    struct fixture f;

    (void)state;
    fixture_init(&f);
    for (size_t i = 0; i < CS_ARRAY_LEN(files); i++) {
        cs_json_foreach (item, fixture_load(&f, files[i]))
            assert_true(fixture_garbage(item, check_garbage, NULL) > 500);
    }
    fixture_done(&f);
}

/* ---- bytes, sizes, and what cannot be read ---- */

#define ODD                                                                                                            \
    "{\"metadata\": {\"creationTimestamp\":null},\"n\":[9223372036854775807, "                                         \
    "1.50,1e+400,-0],\"t\":\"\\u003c\\/\",\"a\":1,\"a\":2}"

static void test_bytes_pass_through(void **state)
{
    static const enum cs_version versions[] = {ALPHA, BETA};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        cs_autofree char *text = cs_xasprintf(
            "{\"x\\u0041\":" ODD ",\"status\":" ODD ",\"kind\":\"CloneSet\",\"apiVersion\":\"apps.kruise.io/%s\","
            "\"metadata\":{\"name\":\"n\",\"managedFields\":[" ODD "],\"annotations\":{\"k\": \"\\u003c\"}},"
            "\"spec\":{\"template\":" ODD ",\"volumeClaimTemplates\":[" ODD "],\"unknown\":" ODD "}}",
            cs_version_name(versions[i]));
        cs_autofree char *there = convert_text(text, the_other(versions[i]));
        cs_autofree char *same = convert_text(text, versions[i]);
        size_t n = 0;

        for (const char *p = there; (p = strstr(p, ODD)) != NULL; p++)
            n++;
        assert_int_equal(n, 6);
        assert_string_equal(same, text); /* of the wanted version already */
    }
}

/* An annotation too large would make the object unreadable: the API server refuses such a conversion. */
static void test_annotations_stay_within_the_api_servers_limit(void **state)
{
    cs_autofree char *large = cs_xcalloc(262144 - 40, 1);

    (void)state;
    memset(large, 'x', 262144 - 41);
    for (int i = 0; i < 2; i++) {
        cs_autofree char *meta = cs_xasprintf(",'annotations':{'a':'%s'}", i ? large : "");
        cs_autofree char *text = set_text(BETA, meta,
            "'updateStrategy':{'rollingUpdate':{'inPlaceUpdateStrategy':{'imagePreDownloadParallelism':'9'}}}");
        cs_autofree char *there = convert_text(text, ALPHA);
        assert_int_equal(strstr(there, CS_ANNO_CONVERSION) == NULL, i);
        assert_int_equal(strstr(there, CS_ANNO_PREDOWNLOAD_PARALLELISM) == NULL, i);
    }
}

static const struct {
    const char *what, *text, *message;
} unreadable_rows[] = {
    {"no object", "[]", "must be an object, got array"},
    {"no version", "{'kind':'CloneSet','metadata':{}}",
        "apiVersion: must be \"apps.kruise.io/v1alpha1\" or \"apps.kruise.io/v1beta1\", got absent"},
    {"another version", "{'apiVersion':'apps.kruise.io/v1','kind':'CloneSet','metadata':{}}",
        "apiVersion: must be \"apps.kruise.io/v1alpha1\" or \"apps.kruise.io/v1beta1\", got \"apps.kruise.io/v1\""},
    {"another kind", "{'apiVersion':'apps.kruise.io/v1alpha1','kind':'SidecarSet','metadata':{}}",
        "kind: must be \"CloneSet\", got \"SidecarSet\""},
    {"no metadata", "{'apiVersion':'apps.kruise.io/v1alpha1','kind':'CloneSet'}",
        "metadata: must be an object, got absent"},
    {"labels", "{'apiVersion':'apps.kruise.io/v1beta1','kind':'CloneSet','metadata':{'labels':['a']}}",
        "metadata.labels: must be an object of strings, got array"},
    {"annotations", "{'apiVersion':'apps.kruise.io/v1beta1','kind':'CloneSet','metadata':{'annotations':'a'}}",
        "metadata.annotations: must be an object of strings, got string"},
};

static void test_what_cannot_be_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < CS_ARRAY_LEN(unreadable_rows); i++) {
        struct object o = {0};
        cs_autostrbuf out = CS_STRBUF_INIT;
        struct cs_error err = CS_ERROR_INIT;

        object_parse(&o, unreadable_rows[i].text, strlen(unreadable_rows[i].text));
        if (cs_convert(object_root(&o), BETA, &out, &err) || strcmp(err.message, unreadable_rows[i].message) != 0)
            fail_msg("%s: %s", unreadable_rows[i].what, err.message);
        assert_int_equal(err.kind, CS_ERR_INVALID);
        assert_int_equal(out.len, 0);
        object_done(&o);
    }
}

/* Objects without a spec have nothing to convert: server-side apply sends such parts. */
static void test_an_object_without_spec(void **state)
{
    static const char *const specs[] = {"", ",'spec':null", ",'spec':[]"};

    (void)state;
    for (size_t i = 0; i < CS_ARRAY_LEN(specs); i++) {
        cs_autofree char *text = cs_xasprintf(
            "{'apiVersion':'apps.kruise.io/v1alpha1','kind':'CloneSet','metadata':{'annotations':{" NOTE_KEY
            ":'x'}}%s}",
            specs[i]);
        cs_autofree char *wanted = cs_xasprintf(
            "{'apiVersion':'apps.kruise.io/v1beta1','kind':'CloneSet','metadata':{'annotations':{" NOTE_KEY ":'x'}}%s}",
            specs[i]);
        cs_autofree char *got = convert_text(text, BETA);
        assert_same_text(specs[i], got, wanted);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_rules),
        cmocka_unit_test(test_the_peers_pairs),
        cmocka_unit_test(test_broken_objects_come_back),
        cmocka_unit_test(test_bytes_pass_through),
        cmocka_unit_test(test_annotations_stay_within_the_api_servers_limit),
        cmocka_unit_test(test_what_cannot_be_read),
        cmocka_unit_test(test_an_object_without_spec),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
