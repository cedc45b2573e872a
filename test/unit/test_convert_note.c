/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Conversion: what is kept in the annotation, that it comes back, and when it counts (D19).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/base/hash.h"
#include "common/json/json_writer.h"
#include "test/unit/convert_fixture.h"

/* ---- what is kept ---- */

static const struct {
    const char *what;
    enum cs_version version;
    const char *meta, *spec;
    bool kept; /* the converted object carries the annotation */
} kept_rows[] = {
    {"v1alpha1 as the peer stores it", ALPHA, "",
        "'scaleStrategy':{},'updateStrategy':{'type':'ReCreate','partition':0,'maxUnavailable':'20%','maxSurge':0}",
        false},
    {"v1beta1 with its defaults", BETA, "", REUSE "," ROLLING("'ReCreate','partition':0,'maxUnavailable':'20%'"),
        false},
    {"with a grace period", BETA, "", REUSE "," IN_PLACE("{'gracePeriodSeconds':5}"), false},
    {"reuse switched off", BETA, "", "'scaleStrategy':{'enablePVCReuse':false}," RECREATE, false},
    {"the label", ALPHA, ",'labels':{" EXCLUDE ":'true'}",
        "'scaleStrategy':{'disablePVCReuse':true},'updateStrategy':{'type':'ReCreate'}", false},
    {"the label and the field", BETA, ",'labels':{" EXCLUDE ":'true'}",
        "'scaleStrategy':{'enablePVCReuse':true,'excludePreparingDelete':true}," RECREATE, false},
    {"absent enablePVCReuse", BETA, "", "'scaleStrategy':{}," RECREATE, true},
    {"absent scaleStrategy, v1beta1", BETA, "", RECREATE, true},
    {"absent scaleStrategy, v1alpha1", ALPHA, "", "'updateStrategy':{'type':'ReCreate'}", true},
    {"explicit disablePVCReuse false", ALPHA, "",
        "'scaleStrategy':{'disablePVCReuse':false},'updateStrategy':{'type':'ReCreate'}", true},
    {"absent updateStrategy", ALPHA, "", "'scaleStrategy':{}", true},
    {"absent type", BETA, "", REUSE ",'updateStrategy':{'rollingUpdate':{'podUpdatePolicy':'InPlaceOnly'}}", true},
    {"empty type", ALPHA, "", "'scaleStrategy':{},'updateStrategy':{'type':''}", true},
    {"OnDelete alone", BETA, "", REUSE ",'updateStrategy':{'type':'OnDelete'}", false},
    {"OnDelete with rollingUpdate", BETA, "",
        REUSE ",'updateStrategy':{'type':'OnDelete','rollingUpdate':{'podUpdatePolicy':'InPlaceOnly','partition':1}}",
        true},
    {"OnDelete with the fields of other types", ALPHA, "",
        "'scaleStrategy':{},'updateStrategy':{'type':'OnDelete','partition':'10%','paused':true}", true},
    {"the field without the label", BETA, ",'labels':{'a':'b'}",
        "'scaleStrategy':{'enablePVCReuse':true,'excludePreparingDelete':true}," RECREATE, true},
    {"the field false", BETA, "", "'scaleStrategy':{'enablePVCReuse':true,'excludePreparingDelete':false}," RECREATE,
        true},
    {"the label without the field", BETA, ",'labels':{" EXCLUDE ":'true'}", REUSE "," RECREATE, true},
    {"the field false beside the label", BETA, ",'labels':{" EXCLUDE ":'true'}",
        "'scaleStrategy':{'enablePVCReuse':true,'excludePreparingDelete':false}," RECREATE, true},
    {"an empty inPlaceUpdateStrategy", BETA, "", REUSE "," IN_PLACE("{}"), true},
    {"pre-download fields of v1alpha1", ALPHA, "",
        "'scaleStrategy':{},'updateStrategy':{'type':'ReCreate','inPlaceUpdateStrategy':{'gracePeriodSeconds':1,"
        "'imagePreDownloadParallelism':5}}",
        true},
    {"pre-download annotations", ALPHA, ",'annotations':{" PARALLELISM ":'5'," TIMEOUT ":'60'}",
        "'scaleStrategy':{},'updateStrategy':{'type':'ReCreate','inPlaceUpdateStrategy':{}}", false},
    {"pre-download fields of v1beta1", BETA, "", REUSE "," IN_PLACE("{'imagePreDownloadParallelism':5}"), true},
    {"a pre-download field beside another annotation", BETA, ",'annotations':{" PARALLELISM ":'7'}",
        REUSE "," IN_PLACE("{'imagePreDownloadParallelism':5}"), true},
    {"an unusual number", ALPHA, ",'annotations':{" TIMEOUT ":'007'}",
        "'scaleStrategy':{},'updateStrategy':{'type':'ReCreate','inPlaceUpdateStrategy':{}}", true},
    {"unknown members", BETA, "",
        "'scaleStrategy':{'enablePVCReuse':true,'~/x':null},'updateStrategy':{'type':'RollingUpdate','a~1b':[{}],"
        "'rollingUpdate':{'podUpdatePolicy':'ReCreate','c/d':9223372036854775807}}",
        true},
    {"empty labels", ALPHA, ",'labels':{}", "'scaleStrategy':{},'updateStrategy':{'type':'ReCreate'}", true},
    {"null annotations", BETA, ",'annotations':null", REUSE "," RECREATE, true},
};

static void test_nothing_is_lost_and_the_annotation_goes_when_it_is_not_needed(void **state)
{
    (void)state;
    for (size_t i = 0; i < CS_ARRAY_LEN(kept_rows); i++) {
        cs_autofree char *text = set_text(kept_rows[i].version, kept_rows[i].meta, kept_rows[i].spec);
        cs_autofree char *there = convert_text(text, the_other(kept_rows[i].version));
        cs_autofree char *back = convert_text(there, kept_rows[i].version);
        cs_autofree char *again = convert_text(back, the_other(kept_rows[i].version));
        cs_autojtree *tree = tree_text(there);
        cs_autofree char *note = take_note(tree);

        if ((note != NULL) != kept_rows[i].kept)
            fail_msg("%s: %s", kept_rows[i].what, note ? note : "no annotation");
        assert_same_text(kept_rows[i].what, back, text);
        assert_null(strstr(back, CS_ANNO_CONVERSION));
        assert_same_text(kept_rows[i].what, again, there); /* it does not grow either */
    }
}

/* ---- an edit wins ---- */

static const struct {
    const char *what;
    enum cs_version version; /* the object's; it is edited in the other one */
    const char *spec, *edit;
    const char *wanted_meta, *wanted_spec; /* of the object afterwards */
} edit_rows[] = {
    {"another field of updateStrategy: scaleStrategy stays absent", ALPHA, "'updateStrategy':{'type':''}",
        "spec.updateStrategy.rollingUpdate.partition = 3", "", "'updateStrategy':{'type':'ReCreate','partition':3}"},
    {"a field of scaleStrategy: the rollingUpdate under OnDelete stays", BETA,
        "'updateStrategy':{'type':'OnDelete','rollingUpdate':{'podUpdatePolicy':'InPlaceOnly','partition':1}}",
        "spec.scaleStrategy.podsToDelete = ['a']", "",
        "'scaleStrategy':{'enablePVCReuse':false,'podsToDelete':['a']},'updateStrategy':{'type':'OnDelete',"
        "'rollingUpdate':{'podUpdatePolicy':'InPlaceOnly','partition':1}}"},
    {"OnDelete made a rolling update: the old partition does not come back", ALPHA,
        "'updateStrategy':{'type':'OnDelete','partition':5,'maxUnavailable':0}",
        "spec.updateStrategy = {'type':'RollingUpdate','rollingUpdate':{'podUpdatePolicy':'InPlaceOnly','maxSurge':1}}",
        "", "'updateStrategy':{'type':'InPlaceOnly','maxSurge':1}"},
    {"reuse switched on in v1alpha1", BETA, RECREATE, "drop spec.scaleStrategy.disablePVCReuse", "",
        REUSE "," RECREATE},
    {"reuse switched off in v1beta1", ALPHA, "'updateStrategy':{'type':'ReCreate'}",
        "spec.scaleStrategy.enablePVCReuse = false", "",
        "'scaleStrategy':{'disablePVCReuse':true},'updateStrategy':{'type':'ReCreate'}"},
    {"the label taken off in v1alpha1", BETA,
        "'scaleStrategy':{'enablePVCReuse':true,'excludePreparingDelete':true}," RECREATE, "drop metadata.labels", "",
        REUSE "," RECREATE},
    {"the type in v1alpha1", BETA, REUSE "," IN_PLACE("{}"), "spec.updateStrategy.type = 'InPlaceOnly'", "",
        REUSE "," ROLLING("'InPlaceOnly'")},
    {"replicas are nobody's business", ALPHA, "'replicas':1", "spec.replicas = 2", "", "'replicas':2"},
    {"neither are labels of others", BETA,
        "'scaleStrategy':{'enablePVCReuse':true,'excludePreparingDelete':true}," RECREATE,
        "metadata.labels.other = 'x'", ",'labels':{'other':'x'}",
        "'scaleStrategy':{'enablePVCReuse':true,'excludePreparingDelete':true}," RECREATE},
    {"without the annotation only the rules count", ALPHA, "'replicas':1", "drop metadata.annotations", "",
        "'replicas':1,'scaleStrategy':{},'updateStrategy':{'type':'ReCreate'}"},
};

static void test_d19_an_edit_in_either_version_wins(void **state)
{
    (void)state;
    for (size_t i = 0; i < CS_ARRAY_LEN(edit_rows); i++) {
        cs_autofree char *text = set_text(edit_rows[i].version, "", edit_rows[i].spec);
        cs_autofree char *wanted = set_text(edit_rows[i].version, edit_rows[i].wanted_meta, edit_rows[i].wanted_spec);
        cs_autofree char *there = convert_text(text, the_other(edit_rows[i].version));
        struct object edited = {0};

        object_edit(&edited, there, edit_rows[i].edit);
        cs_autofree char *got = convert_text(edited.text, edit_rows[i].version);
        cs_autojtree *a = tree_text(got);
        cs_autojtree *b = tree_text(wanted);
        assert_same(edit_rows[i].what, a, b);
        object_done(&edited);
    }
}

/* ---- forged annotations ---- */

/* The object of the rows below, as v1alpha1; %s is the hash of its part. */
#define SHOWN "'scaleStrategy':{},'updateStrategy':{'type':'OnDelete','partition':1}"

static const struct {
    const char *what, *part, *operations;
} forged_rows[] = {
    {"a field that is shown", "updateStrategy", "'set':{'/updateStrategy/rollingUpdate':{'partition':0}}"},
    {"the type", "updateStrategy", "'set':{'/updateStrategy/type':'RollingUpdate'}"},
    {"the other half", "updateStrategy", "'set':{'/scaleStrategy/enablePVCReuse':false}"},
    {"another label", "scaleStrategy", "'set':{'/labels/other':'x'}"},
    {"an annotation of somebody else", "updateStrategy", "'set':{'/annotations/a':'x'}"},
    {"a label that is no label value", "scaleStrategy",
        "'set':{'/labels/apps.kruise.io~1cloneset-scaling-exclude-preparing-delete':'! !'}"},
    {"a label that is no text", "scaleStrategy",
        "'set':{'/labels/apps.kruise.io~1cloneset-scaling-exclude-preparing-delete':7}"},
    {"labels that are no object", "scaleStrategy", "'set':{'/labels':[]}"},
    {"annotations that are somebody's", "updateStrategy", "'set':{'/annotations':{'a':'x'}}"},
    {"the labels as a whole", "scaleStrategy", "'unset':['/labels']"},
    {"another member of spec", "updateStrategy", "'set':{'/replicas':0}"},
    {"the template", "updateStrategy", "'unset':['/template']"},
    {"no path", "updateStrategy", "'set':{'':{}}"},
    {"a path that is none", "updateStrategy", "'unset':['updateStrategy']"},
    {"a path through nothing", "updateStrategy", "'set':{'/updateStrategy/a/b/c':1}"},
    {"a path through a text", "updateStrategy", "'set':{'/updateStrategy/type/b':1}"},
    {"operations of wrong types", "updateStrategy", "'set':[1],'unset':{'a':7}"},
};

static char *with_note(const char *version, const char *part, const char *hash, const char *operations)
{
    cs_autofree char *note =
        cs_xasprintf("{\"version\":\"%s\",\"%s\":{\"of\":\"%s\",%s}}", version, part, hash, operations);
    cs_autostrbuf quoted = CS_STRBUF_INIT;

    for (char *p = note; *p; p++) {
        if (*p == '\'')
            *p = '"';
    }
    cs_json_quote(&quoted, cs_str(note), false);
    return cs_xasprintf(",\"annotations\":{\"" CS_ANNO_CONVERSION "\":%s}", cs_strbuf_str(&quoted));
}

/* What a note about the object of SHOWN must name. */
static void true_hash(const char *part, char hash[CS_SHA256_HEX_SIZE])
{
    bool scale = strcmp(part, "scaleStrategy") == 0;

    cs_sha256_hex(
        cs_str(scale ? "{\"scaleStrategy\":{}}" : "{\"updateStrategy\":{\"partition\":1,\"type\":\"OnDelete\"}}"),
        hash);
    hash[16] = '\0';
}

/* The object of SHOWN with such a note, as v1beta1. */
static char *forge(const char *part, const char *operations)
{
    char hash[CS_SHA256_HEX_SIZE];

    true_hash(part, hash);
    cs_autofree char *meta = with_note("v1beta1", part, hash, operations);
    cs_autofree char *text = set_text(ALPHA, meta, SHOWN);
    return convert_text(text, BETA);
}

static void test_a_forged_annotation_changes_nothing_that_is_shown(void **state)
{
    cs_autofree char *plain = set_text(ALPHA, "", SHOWN);
    cs_autofree char *wanted = convert_text(plain, BETA);

    (void)state;
    for (size_t i = 0; i < CS_ARRAY_LEN(forged_rows); i++) {
        cs_autofree char *got = forge(forged_rows[i].part, forged_rows[i].operations);
        assert_same_text(forged_rows[i].what, got, wanted);
    }
    /* And these would have been heard. */
    cs_autofree char *policy = forge("updateStrategy",
        "'set':{'/updateStrategy/rollingUpdate':{'podUpdatePolicy':'InPlaceOnly','partition':1}},'unset':[]");
    assert_non_null(strstr(policy, "InPlaceOnly"));
    cs_autofree char *label =
        forge("scaleStrategy", "'set':{'/labels/apps.kruise.io~1cloneset-scaling-exclude-preparing-delete':'true',"
                               "'/scaleStrategy/excludePreparingDelete':false}");
    assert_non_null(strstr(label, "\"" CS_LABEL_EXCLUDE_PREPARING "\":\"true\""));
}

/* Where the annotation says nothing that can be used it is dropped. */
static void test_annotations_that_say_nothing(void **state)
{
    static const char *const texts[] = {"''", "'x'", "'{}'", "'null'", "7", "null", "{'a':1}", "'{\\'version\\':7}'",
        "'{\\'version\\':\\'v1alpha1\\'}'", "'{\\'version\\':\\'v1beta1\\',\\'scaleStrategy\\':7}'",
        "'{\\'version\\':\\'v1beta1\\',\\'scaleStrategy\\':{\\'of\\':\\'0\\',\\'set\\':{}}}'"};
    cs_autofree char *plain = set_text(ALPHA, "", SHOWN);
    cs_autofree char *wanted = convert_text(plain, BETA);

    (void)state;
    for (size_t i = 0; i < CS_ARRAY_LEN(texts); i++) {
        cs_autofree char *meta = cs_xasprintf(",'annotations':{" NOTE_KEY ":%s}", texts[i]);
        cs_autofree char *text = set_text(ALPHA, meta, SHOWN);
        cs_autofree char *got = convert_text(text, BETA);
        struct object o = {0};

        assert_same_text(texts[i], got, wanted);
        object_parse(&o, text, strlen(text));
        assert_true(cs_convert_note_is_stale(object_root(&o)));
        object_done(&o);
    }
}

static bool is_stale(const char *text, const char *edit)
{
    struct object o = {0};

    object_edit(&o, text, edit);
    bool stale = cs_convert_note_is_stale(object_root(&o));
    object_done(&o);
    return stale;
}

/* D19: it is stale once none of its halves counts. */
static void test_stale_annotations_are_known(void **state)
{
    cs_autofree char *beta = set_text(BETA, "",
        "'updateStrategy':{'type':'OnDelete','rollingUpdate':{'podUpdatePolicy':'InPlaceOnly','partition':1}}");
    cs_autofree char *alpha = convert_text(beta, ALPHA);

    (void)state;
    assert_non_null(strstr(alpha, CS_ANNO_CONVERSION));
    assert_false(is_stale(beta, NULL));
    assert_false(is_stale(alpha, NULL));
    assert_false(is_stale(alpha, "spec.replicas = 7 ;; metadata.labels.a = 'b'"));
    assert_false(is_stale(alpha, "spec.updateStrategy.partition = 2"));
    assert_false(is_stale(alpha, "spec.scaleStrategy.podsToDelete = ['a']"));
    assert_true(is_stale(alpha, "spec.updateStrategy.partition = 2 ;; spec.scaleStrategy.podsToDelete = ['a']"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_is_lost_and_the_annotation_goes_when_it_is_not_needed),
        cmocka_unit_test(test_d19_an_edit_in_either_version_wins),
        cmocka_unit_test(test_a_forged_annotation_changes_nothing_that_is_shown),
        cmocka_unit_test(test_annotations_that_say_nothing),
        cmocka_unit_test(test_stale_annotations_are_known),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
