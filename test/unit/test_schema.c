/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of template members itself: its order, which look-ups rely on, and the search for members that are not in it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/cloneset/schema.h"
#include "test/unit/template_fixture.h"

static void check_type(const struct cs_schema_type *type, unsigned depth)
{
    assert_true(depth < 20);
    for (size_t i = 0; i < type->n_fields; i++) {
        const struct cs_schema_field *f = &type->fields[i];
        unsigned same_place = 0;

        if (i && strcmp(type->fields[i - 1].name, f->name) >= 0)
            fail_msg("%s is not in order", f->name);
        assert_int_equal(f->name_len, strlen(f->name));
        assert_ptr_equal(cs_schema_find(type, cs_str(f->name)), f);
        assert_true(f->order < type->n_fields);
        for (size_t j = 0; j < type->n_fields; j++)
            same_place += type->fields[j].order == f->order;
        assert_int_equal(same_place, 1);
        assert_true((f->kind == CS_SK_OBJ || f->kind == CS_SK_LIST) == (f->type != NULL));
        /* A struct without pointer is always written (Go's omitempty does not apply to it). */
        if (f->kind == CS_SK_OBJ || f->kind == CS_SK_QTY)
            assert_true((f->flags & CS_SF_PTR) != 0 || (f->flags & CS_SF_ALWAYS) != 0);
        if (f->type)
            check_type(f->type, depth + 1);
    }
}

static void the_tables_are_in_order(void **state)
{
    (void)state;
    check_type(&cs_schema_pod_template_spec, 0);
    check_type(&cs_schema_persistent_volume_claim, 0);
    assert_null(cs_schema_find(&cs_schema_container, CS_STR("imag")));
    assert_null(cs_schema_find(&cs_schema_container, cs_str(NULL)));
    assert_null(cs_schema_find(NULL, CS_STR("image")));
}

/* ---- members that nobody knows ---- */

static void note_unknown(void *ctx, const char *path, const char *nearest)
{
    cs_strbuf_addf(ctx, "%s (%s) ", path, nearest ? nearest : "-");
}

static void mistyped_members_are_found_with_the_nearest_name(void **state)
{
    (void)state;
    static const struct {
        const char *tmpl, *want;
    } rows[] = {
        {CONTAINER(",'imagee':'x'"), "spec.template.spec.containers[0].imagee (image) "},
        {SPEC("'hostnetwork':true"), "spec.template.spec.hostnetwork (hostNetwork) "},
        {SPEC("'hostIPXX':true"), "spec.template.spec.hostIPXX (hostIPC) "}, /* not hostPID, which is farther */
        {SPEC("'container':[]"), "spec.template.spec.container (containers) "},
        {SPEC("'terminationGracePeriodSecond':1"),
            "spec.template.spec.terminationGracePeriodSecond (terminationGracePeriodSeconds) "},
        {"{'metadata':{'lables':{}}}", "spec.template.metadata.lables (labels) "},
        {"{'sepc':{}}", "spec.template.sepc (spec) "},
        {CONTAINER(",'evn':[],'volumeMount':[]"),
            "spec.template.spec.containers[0].evn (env) spec.template.spec.containers[0].volumeMount (volumeMounts) "},
        {CONTAINER(",'readinessProbe':{'httpget':{'port':1}}"),
            "spec.template.spec.containers[0].readinessProbe.httpget (httpGet) "},
        {VOLUME(",'configmap':{'name':'x'}"), "spec.template.spec.volumes[0].configmap (configMap) "},
        {SPEC("'somethingElseEntirely':null"), "spec.template.spec.somethingElseEntirely (-) "},
        {"{'metadata':{'labels':{'any-key':'is fine'}}}", ""},
        {CONTAINER(",'resources':{'limits':{'example.com/gpu':1}}"), ""},
        {SPEC("'containers':'none','volumes':[7]"), ""},
        {"[]", ""},
        {"{'spec':{'im\\u0061ge':1}}", "spec.template.spec.image (-) "},
    };

    for (size_t i = 0; i < CS_ARRAY_LEN(rows); i++) {
        autosample s = sample_of(rows[i].tmpl);
        cs_autostrbuf found = CS_STRBUF_INIT;

        assert_int_equal(cs_template_unknown_field(sample_root(&s), note_unknown, &found), rows[i].want[0] != '\0');
        assert_string_equal(cs_strbuf_str(&found), rows[i].want);
        assert_int_equal(cs_template_unknown_field(sample_root(&s), NULL, NULL), rows[i].want[0] != '\0');
    }
}

static void mistyped_members_of_claim_templates_are_found(void **state)
{
    (void)state;
    autosample s =
        sample_of("[{'metadata':{'name':'a'},'spec':{'accessModes':[],'storageClas':'x','resources':{'request':{}}},"
                  "'status':{'anything':1}},{'specs':{}}]");
    cs_autostrbuf found = CS_STRBUF_INIT;

    assert_true(cs_claim_templates_unknown_field(sample_root(&s), note_unknown, &found));
    assert_string_equal(cs_strbuf_str(&found), "spec.volumeClaimTemplates[0].spec.storageClas (storageClassName) "
                                               "spec.volumeClaimTemplates[0].spec.resources.request (requests) "
                                               "spec.volumeClaimTemplates[1].specs (spec) ");
    autosample none = sample_of("null");
    assert_false(cs_claim_templates_unknown_field(sample_root(&none), note_unknown, NULL));
}

static void only_the_first_unknown_members_are_told(void **state)
{
    (void)state;
    cs_autostrbuf text = CS_STRBUF_INIT;
    cs_autostrbuf found = CS_STRBUF_INIT;
    size_t told = 0;

    cs_strbuf_adds(&text, "{'x':0");
    for (unsigned i = 0; i < 1000; i++)
        cs_strbuf_addf(&text, ",'x%u':0", i);
    cs_strbuf_adds(&text, "}");
    autosample s = sample_of(cs_strbuf_str(&text));
    assert_true(cs_template_unknown_field(sample_root(&s), note_unknown, &found));
    for (const char *p = cs_strbuf_str(&found); (p = strchr(p, '(')) != NULL; p++)
        told++;
    assert_int_equal(told, CS_UNKNOWN_FIELDS_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_tables_are_in_order),
        cmocka_unit_test(mistyped_members_are_found_with_the_nearest_name),
        cmocka_unit_test(mistyped_members_of_claim_templates_are_found),
        cmocka_unit_test(only_the_first_unknown_members_are_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
