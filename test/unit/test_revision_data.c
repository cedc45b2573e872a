/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Revision data, hashes and names against what the peer wrote on a real cluster, and against the vectors of Appendix C;
 * D10: what is promised, and what happens where nothing is.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "test/unit/api_fixture.h"
#include "test/unit/template_fixture.h"
#include "test/unit/template_random.h"

/* ---- what the peer recorded ---- */

struct recorded {
    struct fixture sets;
    struct fixture revisions;
};

static void load_recorded(struct recorded *r, const char *dir)
{
    char path[128];

    fixture_init(&r->sets);
    fixture_init(&r->revisions);
    (void)snprintf(path, sizeof(path), PEER "%s/clonesets-v1alpha1.json", dir);
    (void)fixture_load(&r->sets, path);
    (void)snprintf(path, sizeof(path), PEER "%s/controllerrevisions.json", dir);
    (void)fixture_load(&r->revisions, path);
}

static void recorded_done(struct recorded *r)
{
    fixture_done(&r->sets);
    fixture_done(&r->revisions);
}

static struct cs_json items(const struct fixture *f)
{
    return cs_json_get(cs_jdoc_root(&f->doc), "items");
}

/* Our data for tmpl under that name give the peer's bytes, label and name. Data come indented: they are compared sorted and compact. */
static void check_revision(struct cs_json revision, struct cs_json tmpl, const char *set)
{
    cs_autostrbuf ours = CS_STRBUF_INIT;
    cs_autostrbuf theirs = CS_STRBUF_INIT;
    cs_autojtree *tree = cs_jtree_from(cs_json_get(revision, "data"));
    cs_autofree char *name = cs_json_str_dup(cs_json_at(revision, "metadata", "name", NULL));
    char hash[CS_REVISION_HASH_SIZE];
    char made[254];
    bool exact = false;
    char *reason = NULL;

    cs_jtree_print(tree, &theirs, true); /* member order is the peer's */
    cs_revision_data(tmpl, &ours, &exact, &reason);
    assert_null(reason);
    assert_true(exact);
    assert_string_equal(cs_strbuf_str(&ours), cs_strbuf_str(&theirs));
    cs_revision_hash((struct cs_str){.p = ours.data, .len = ours.len}, 0, hash);
    assert_true(
        cs_json_str_is(cs_json_at(revision, "metadata", "labels", "controller.kubernetes.io/hash", NULL), hash));
    cs_revision_name(set, hash, made);
    assert_string_equal(made, name);
}

static struct cs_json revision_named(const struct recorded *r, struct cs_json name)
{
    cs_autofree char *text = cs_json_str_dup(name);

    cs_json_foreach (revision, items(&r->revisions)) {
        if (cs_json_str_is(cs_json_at(revision, "metadata", "name", NULL), text))
            return revision;
    }
    fail_msg("no revision %s", text);
    return (struct cs_json){.doc = NULL, .node = NULL};
}

static void check_directory(const char *dir)
{
    struct recorded r;
    size_t checked = 0;

    load_recorded(&r, dir);
    cs_json_foreach (set, items(&r.sets)) {
        cs_autofree char *name = cs_json_str_dup(cs_json_at(set, "metadata", "name", NULL));
        struct cs_json revision = revision_named(&r, cs_json_at(set, "status", "updateRevision", NULL));
        char vct[CS_VCT_HASH_SIZE];

        check_revision(revision, cs_json_at(set, "spec", "template", NULL), name);
        cs_vct_hash(cs_json_at(set, "spec", "volumeClaimTemplates", NULL), vct);
        assert_true(cs_json_str_is(
            cs_json_at(revision, "metadata", "annotations", "kruise.io/cloneset-volumeclaimtemplate-hash", NULL), vct));
        checked++;
    }
    assert_int_equal(checked, 4);
    /* Older revisions too: from the template inside their own data. */
    cs_json_foreach (revision, items(&r.revisions)) {
        cs_autofree char *name = cs_json_str_dup(cs_json_at(revision, "metadata", "name", NULL));
        struct cs_json tmpl = cs_revision_template(cs_json_get(revision, "data"));

        assert_true(cs_json_exists(tmpl));
        *strrchr(name, '-') = '\0';
        check_revision(revision, tmpl, name);
        checked++;
    }
    assert_true(checked >= 8);
    recorded_done(&r);
}

static void revisions_of_sets_at_rest_are_recomputed(void **state)
{
    (void)state;
    check_directory("1-at-rest");
}

static void revisions_of_sets_being_updated_are_recomputed(void **state)
{
    (void)state;
    check_directory("2-updates-in-flight");
}

/* ---- Appendix C, vectors ---- */

static void hashes_are_those_of_the_appendix(void **state)
{
    (void)state;
    const struct cs_str data =
        CS_STR("{\"spec\":{\"template\":{\"$patch\":\"replace\",\"metadata\":{\"creationTimestamp\":null,"
               "\"labels\":{\"app\":\"web\"}},\"spec\":{\"containers\":[{\"image\":\"nginx:1.25\","
               "\"name\":\"c\",\"resources\":{}}]}}}}");
    static const char *const want[] = {"644f897788", "644f897789", "644f89778b"};
    cs_autostrbuf ours = CS_STRBUF_INIT;
    char hash[CS_REVISION_HASH_SIZE];
    bool exact = false;

    for (int32_t count = 0; count < 3; count++) {
        cs_revision_hash(data, count, hash);
        assert_string_equal(hash, want[count]);
    }
    autosample s =
        sample_of("{'metadata':{'labels':{'app':'web'}},'spec':{'containers':[{'name':'c','image':'nginx:1.25'}]}}");
    cs_revision_data(sample_root(&s), &ours, &exact, NULL);
    assert_true(exact);
    assert_string_equal(cs_strbuf_str(&ours), data.p);
}

static void names_fit_whatever_the_set_is_called(void **state)
{
    (void)state;
    char set[300];
    char name[254];

    cs_revision_name("web", "644f897788", name);
    assert_string_equal(name, "web-644f897788");
    memset(set, 's', sizeof(set) - 1);
    set[sizeof(set) - 1] = '\0';
    cs_revision_name(set, "644f897788", name);
    assert_int_equal(strlen(name), 223 + 1 + 10);
    assert_string_equal(name + 223, "-644f897788");
}

static void check_vct(const char *vcts, const char *want)
{
    autosample s = sample_of(vcts);
    char hash[CS_VCT_HASH_SIZE];

    cs_vct_hash(sample_root(&s), hash);
    if (!cs_streq(hash, want))
        fail_msg("%s: %s, not %s", vcts, hash, want);
}

static void claim_templates_hash_by_name_and_spec(void **state)
{
    (void)state;
    const char *const same = "353871617";

    check_vct("[{'metadata':{'name':'data'},'spec':{'accessModes':['ReadWriteOnce'],'resources':{'requests':{'storage':"
              "'5Gi'}}}}]",
        same);
    check_vct("[{'spec':{'resources':{'requests':{'storage':'5120Mi'}},'accessModes':['ReadWriteOnce'],'volumeName':''}"
              ",'metadata':"
              "{'labels':{'a':'b'},'name':'data','creationTimestamp':null},'status':{'phase':'Pending'},'unknown':1}]",
        same);
    check_vct("[]", "");
    check_vct("null", "");
    check_vct("'x'", "");
    /* made with the API's Go types: every member of a spec, in its declared order; templates sorted by name */
    check_vct(
        "[{'metadata':{'name':'z'},'spec':{'volumeAttributesClassName':'g','dataSourceRef':{'kind':'V','name':'s','"
        "namespace':'n'},"
        "'dataSource':{'name':'s','kind':'V'},'volumeMode':'Block','storageClassName':'','volumeName':'v','resources':"
        "{'requests':{'storage':'0.5Gi','b':'1000m'},'limits':{'storage':'1e3'}},'selector':{'matchExpressions':[{'key'"
        ":'k',"
        "'operator':'In','values':['<&>']}],'matchLabels':{'b':'2','a':'1'}},'accessModes':['ReadWriteOnce','"
        "ReadOnlyMany']}},"
        "{'metadata':{'name':'a'},'spec':{}},{'spec':{'accessModes':['x']}}]",
        "954572505");
}

/* ---- Appendix C, member by member ---- */

#define DATA(rest) "{'spec':{'template':{'$patch':'replace','metadata':{'creationTimestamp':null}," rest "}}}"
#define DATA_OF_CONTAINER(before, after)                                                                               \
    DATA("'spec':{'containers':[{" before "'image':'nginx:1'," after "'name':'c','resources':{}}]}")

static void check_data(const char *tmpl, const char *want)
{
    autosample s = sample_of(tmpl);
    cs_autostrbuf data = CS_STRBUF_INIT;
    cs_autofree char *reason = NULL;
    bool exact = false;
    cs_autofree char *text = cs_xstrdup(want);

    for (char *p = text; *p; p++)
        *p = *p == '\'' ? '"' : *p;
    cs_revision_data(sample_root(&s), &data, &exact, &reason);
    if (!exact)
        fail_msg("%s: %s", tmpl, reason);
    assert_string_equal(cs_strbuf_str(&data), text);
}

static void what_the_typed_form_always_writes_is_written(void **state)
{
    (void)state;
    static const struct {
        const char *tmpl, *data;
    } rows[] = {
        {"{}", DATA("'spec':{'containers':null}")},
        {CONTAINER(""), DATA_OF_CONTAINER("", "")},
        {CONTAINER(",'resources':null,'env':null,'metadata':null"), DATA_OF_CONTAINER("", "")},
        {CONTAINER(",'livenessProbe':{'grpc':{'port':1}}"),
            DATA_OF_CONTAINER("", "'livenessProbe':{'grpc':{'port':1,'service':null}},")},
        {CONTAINER(",'env':[{'name':'A','valueFrom':{'resourceFieldRef':{'resource':'limits.cpu'}}}]"),
            DATA_OF_CONTAINER(
                "'env':[{'name':'A','valueFrom':{'resourceFieldRef':{'divisor':'0','resource':'limits.cpu'}}}],", "")},
        {SPEC("'containers':[],'initContainers':[{'name':'i'}]"),
            DATA("'spec':{'containers':[],'initContainers':[{'name':'i','resources':{}}]}")},
        {SPEC("'containers':[],'volumes':[{'name':'v','projected':{}}]"),
            DATA("'spec':{'containers':[],'volumes':[{'name':'v','projected':{'sources':null}}]}")},
        {SPEC("'containers':[],'volumes':[{'name':'v','ephemeral':{'volumeClaimTemplate':{'spec':{'dataSource':{'kind':"
              "'k','name':"
              "'n'},'dataSourceRef':{'kind':'k','name':'n'}}}}}]"),
            DATA("'spec':{'containers':[],'volumes':[{'ephemeral':{'volumeClaimTemplate':{'metadata':{'"
                 "creationTimestamp':null},"
                 "'spec':{'dataSource':{'apiGroup':null,'kind':'k','name':'n'},'dataSourceRef':{'apiGroup':null,'kind':"
                 "'k','name':"
                 "'n'},'resources':{}}}},'name':'v'}]}")},
        /* pointers keep their zeros and empty objects */
        {SPEC("'containers':[],'securityContext':{},'terminationGracePeriodSeconds':0,'enableServiceLinks':false,'"
              "volumes':"
              "[{'name':'v','emptyDir':{}}]"),
            DATA("'spec':{'containers':[],'enableServiceLinks':false,'securityContext':{},'"
                 "terminationGracePeriodSeconds':0,'volumes':"
                 "[{'emptyDir':{},'name':'v'}]}")},
        /* quantities */
        {SPEC("'containers':[],'overhead':{'memory':'1024Mi','cpu':0.5}"),
            DATA("'spec':{'containers':[],'overhead':{'cpu':'500m','memory':'1Gi'}}")},
        {SPEC("'containers':[],'overhead':{'cpu':'1.500','memory':'0.00001'}"),
            DATA("'spec':{'containers':[],'overhead':{'cpu':'1.500','memory':'10u'}}")},
        /* duplicates: the last wins */
        {SPEC("'containers':[],'nodeName':'a','nodeName':'b'"), DATA("'spec':{'containers':[],'nodeName':'b'}")},
        /* escapes of keys and values, as Go writes them */
        {SPEC("'containers':[],'nodeSelector':{'a<b':'x&y>\\u2028\\u00e9\\u0001\\b\\f\\t\\u007f\\/'}"),
            DATA("'spec':{'containers':[],'nodeSelector':{'a\\u003cb':'"
                 "x\\u0026y\\u003e\\u2028\xc3\xa9\\u0001\\b\\f\\t\x7f/'}}")},
        /* the largest integer that survives 64-bit floats */
        {SPEC("'containers':[],'tolerations':[{'tolerationSeconds':9007199254740992}]"),
            DATA("'spec':{'containers':[],'tolerations':[{'tolerationSeconds':9007199254740992}]}")},
        {SPEC("'containers':[{'name':'c','image':'nginx:1','livenessProbe':{'tcpSocket':{'port':'http'}}}]"),
            DATA_OF_CONTAINER("", "'livenessProbe':{'tcpSocket':{'port':'http'}},")},
    };

    for (size_t i = 0; i < CS_ARRAY_LEN(rows); i++)
        check_data(rows[i].tmpl, rows[i].data);
}

/* ---- D10 ---- */

static void other_templates_are_kept_as_written_and_say_why(void **state)
{
    (void)state;
    static const struct {
        const char *tmpl, *why;
    } rows[] = {
        {CONTAINER(",'imagee':'x'"), "spec.template.spec.containers[0].imagee: unknown member"},
        {"{'other':1}", "spec.template.other: unknown member"},
        {"{'a<b':'<&>'}", "spec.template.a<b: unknown member"},
        {SPEC("'priority':-0"), "spec.template.spec.priority: number is too large or not written as a plain integer"},
        {SPEC("'hostnameOverride':'h'"),
            "spec.template.spec.hostnameOverride: unknown member"}, /* newer than the peer */
        {CONTAINER(",'env':[{'name':'A','value':''}]"),
            "spec.template.spec.containers[0].env[0].value: explicit empty value"},
        {SPEC("'volumes':[]"), "spec.template.spec.volumes: explicit empty value"},
        {SPEC("'nodeSelector':{}"), "spec.template.spec.nodeSelector: explicit empty value"},
        {SPEC("'hostNetwork':false"), "spec.template.spec.hostNetwork: explicit empty value"},
        {CONTAINER(",'ports':[{'containerPort':80,'hostPort':0}]"),
            "spec.template.spec.containers[0].ports[0].hostPort: explicit empty value"},
        {SPEC("'tolerations':[{'tolerationSeconds':9223372036854775807}]"),
            "spec.template.spec.tolerations[0].tolerationSeconds: number is too large or not written as a plain "
            "integer"},
        {SPEC("'tolerations':[{'tolerationSeconds':9007199254740993}]"),
            "spec.template.spec.tolerations[0].tolerationSeconds: number is too large or not written as a plain "
            "integer"},
        {SPEC("'terminationGracePeriodSeconds':1.0"),
            "spec.template.spec.terminationGracePeriodSeconds: number is too large or not written as a plain integer"},
        {SPEC("'priority':2147483648"),
            "spec.template.spec.priority: number is too large or not written as a plain integer"},
        {SPEC("'overhead':{'cpu':'much'}"), "spec.template.spec.overhead[cpu]: is not of the expected type"},
        {SPEC("'overhead':{'cpu':'16Ei'}"), "spec.template.spec.overhead[cpu]: is not of the expected type"},
        {SPEC("'containers':{}"), "spec.template.spec.containers: is no list"},
        {SPEC("'containers':[null]"), "spec.template.spec.containers[0]: is no object"},
        {SPEC("'nodeName':1"), "spec.template.spec.nodeName: is not of the expected type"},
        {"{'metadata':{'labels':{'a':null}}}", "spec.template.metadata.labels[a]: is not of the expected type"},
        {"{'metadata':{'creationTimestamp':'2024-01-01T00:00:00+02:00'}}",
            "spec.template.metadata.creationTimestamp: is not of the expected type"},
        {"{'metadata':{'managedFields':[{}]}}", "spec.template.metadata.managedFields: is not looked into"},
    };

    for (size_t i = 0; i < CS_ARRAY_LEN(rows); i++) {
        autosample s = sample_of(rows[i].tmpl);
        cs_autostrbuf data = CS_STRBUF_INIT;
        cs_autofree char *reason = NULL;
        bool exact = true;

        cs_revision_data(sample_root(&s), &data, &exact, &reason);
        assert_false(exact);
        assert_string_equal(reason, rows[i].why);
        /* {"spec":{"template":{"$patch":"replace",<the members as they were>}}} */
        assert_memory_equal(data.data, "{\"spec\":{\"template\":{\"$patch\":\"replace\",", 40);
        assert_int_equal(data.len, 40 + strlen(s.text) - 1 + 2);
        assert_memory_equal(data.data + 40, s.text + 1, strlen(s.text) - 1);
    }
}

static void what_is_kept_as_written_is_recognised_again(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "{'spec': {'containers': [ ], 'tolerations':[{'tolerationSeconds':9223372036854775807}], 'x<y': '<&>'}}",
        CONTAINER(",'resources':{'limits':{'cpu':0.5}}"),
        "{}",
    };

    for (size_t i = 0; i < CS_ARRAY_LEN(texts); i++) {
        autosample s = sample_of(texts[i]);
        cs_autojtree *before = cs_template_normalize(sample_root(&s));
        cs_autostrbuf data = CS_STRBUF_INIT;
        cs_autostrbuf again = CS_STRBUF_INIT;

        cs_revision_data(sample_root(&s), &data, NULL, NULL);
        autosample stored = sample_take(cs_strbuf_take(&data, NULL));
        struct cs_json tmpl = cs_revision_template(sample_root(&stored));
        cs_autojtree *after = cs_template_normalize(tmpl);
        assert_true(cs_jtree_equal(before, after));
        /* and stored again, nothing is doubled */
        cs_revision_data(tmpl, &again, NULL, NULL);
        assert_string_equal(cs_strbuf_str(&again), stored.text);
    }
}

static void only_data_of_the_right_form_hold_a_template(void **state)
{
    (void)state;
    static const char *const texts[] = {"null", "[]", "{}", "{'spec':{}}", "{'spec':{'template':[]}}", "{'spec':'x'}",
        "{'spec':{'template':{'spec':{}}}}", "{'spec':{'template':{'$patch':'delete','spec':{}}}}"};

    for (size_t i = 0; i < CS_ARRAY_LEN(texts); i++) {
        autosample s = sample_of(texts[i]);

        assert_false(cs_json_exists(cs_revision_template(sample_root(&s))));
    }
    autosample right = sample_of("{'spec':{'template':{'$patch':'replace'}}}");
    assert_true(cs_json_exists(cs_revision_template(sample_root(&right))));
}

static void what_is_no_object_gives_an_empty_frame(void **state)
{
    (void)state;
    cs_autostrbuf data = CS_STRBUF_INIT;
    cs_autofree char *reason = NULL;
    bool exact = true;

    cs_revision_data((struct cs_json){.doc = NULL, .node = NULL}, &data, &exact, &reason);
    assert_false(exact);
    assert_string_equal(reason, "spec.template: is no object");
    assert_string_equal(cs_strbuf_str(&data), "{\"spec\":{\"template\":{\"$patch\":\"replace\"}}}");
}

/* ---- properties ---- */

static void exact_data_mean_the_same_template_and_are_stable(void **state)
{
    (void)state;
    size_t n_exact = 0;

    for (uint64_t seed = 1; seed <= 300; seed++) {
        cs_autojtree *tree = random_template(seed);
        autosample s = sample_take(printed(tree));
        cs_autojtree *before = cs_template_normalize(sample_root(&s));
        cs_autostrbuf data = CS_STRBUF_INIT;
        cs_autostrbuf again = CS_STRBUF_INIT;
        bool exact = false;

        cs_revision_data(sample_root(&s), &data, &exact, NULL);
        n_exact += exact;
        autosample stored = sample_take(cs_strbuf_take(&data, NULL));
        cs_autojtree *after = cs_template_normalize(cs_revision_template(sample_root(&stored)));
        assert_true(cs_template_equal(before, after));
        assert_true(cs_template_digest(before) == cs_template_digest(after));
        cs_revision_data(cs_revision_template(sample_root(&stored)), &again, &exact, NULL);
        assert_string_equal(cs_strbuf_str(&again), stored.text);
    }
    assert_in_range(n_exact, 100, 299);
}

static void check_any(void *ctx, struct cs_json tmpl, const char *path, const char *garbage)
{
    cs_autostrbuf data = CS_STRBUF_INIT;
    cs_autofree char *reason = NULL;
    cs_autojdoc doc = {0};
    bool exact = false;

    (void)ctx;
    cs_revision_data(tmpl, &data, &exact, &reason);
    if (exact != (reason == NULL) || !cs_jdoc_parse(&doc, cs_strbuf_str(&data), data.len, NULL, NULL))
        fail_msg("%s at %s: %s", garbage, path, cs_strbuf_str(&data));
    cs_autojtree *before = cs_template_normalize(tmpl);
    cs_autojtree *after = cs_template_normalize(cs_revision_template(cs_jdoc_root(&doc)));
    if (!cs_template_equal(before, after))
        fail_msg("%s at %s: stored, it means something else", garbage, path);
}

static void check_any_claims(void *ctx, struct cs_json vcts, const char *path, const char *garbage)
{
    char hash[CS_VCT_HASH_SIZE];

    (void)ctx;
    (void)path;
    (void)garbage;
    cs_vct_hash(vcts, hash);
    assert_true(strspn(hash, "0123456789") == strlen(hash));
}

static void garbage_anywhere_gives_data_that_mean_the_same(void **state)
{
    (void)state;
    struct fixture f;
    size_t tried = 0;

    fixture_init(&f);
    struct cs_json items = fixture_load(&f, PEER "1-at-rest/clonesets-v1alpha1.json");
    cs_json_foreach (set, items) {
        struct cs_json vcts = cs_json_at(set, "spec", "volumeClaimTemplates", NULL);

        tried += fixture_garbage(cs_json_at(set, "spec", "template", NULL), check_any, NULL);
        if (cs_json_exists(vcts))
            tried += fixture_garbage(vcts, check_any_claims, NULL);
    }
    assert_true(tried > 1000);
    fixture_done(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(revisions_of_sets_at_rest_are_recomputed),
        cmocka_unit_test(revisions_of_sets_being_updated_are_recomputed),
        cmocka_unit_test(hashes_are_those_of_the_appendix),
        cmocka_unit_test(names_fit_whatever_the_set_is_called),
        cmocka_unit_test(claim_templates_hash_by_name_and_spec),
        cmocka_unit_test(what_the_typed_form_always_writes_is_written),
        cmocka_unit_test(other_templates_are_kept_as_written_and_say_why),
        cmocka_unit_test(what_is_kept_as_written_is_recognised_again),
        cmocka_unit_test(only_data_of_the_right_form_hold_a_template),
        cmocka_unit_test(what_is_no_object_gives_an_empty_frame),
        cmocka_unit_test(exact_data_mean_the_same_template_and_are_stable),
        cmocka_unit_test(garbage_anywhere_gives_data_that_mean_the_same),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
