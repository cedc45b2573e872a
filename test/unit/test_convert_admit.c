/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What admission asks of conversion (D19), through the router: a bounded cost, and no annotation that brings into the other version what
 * would be refused there.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/base/hash.h"
#include "common/json/json_writer.h"
#include "test/unit/admit.h"
#include "test/unit/convert_fixture.h"

#define BETA_SETS "apps.kruise.io/v1beta1/clonesets"
#define ON_DELETE "{\"type\":\"OnDelete\"}"

static int setup(void **state)
{
    *state = cs_router_new(1, NULL, NULL);
    return 0;
}

static int teardown(void **state)
{
    cs_router_free(*state);
    return 0;
}

static char *beta_set(const char *meta, const char *spec)
{
    return cs_xasprintf(
        "{\"apiVersion\":\"apps.kruise.io/v1beta1\",\"kind\":\"CloneSet\",\"metadata\":{\"name\":\"n\",\"namespace\":"
        "\"ns\"%s},\"spec\":{\"selector\":{\"matchLabels\":{\"a\":\"b\"}},\"template\":{\"metadata\":{\"labels\":{"
        "\"a\":\"b\"}},\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":\"i:1\"}]}},%s}}",
        meta, spec);
}

/* A set of OnDelete with an annotation that counts and sets this; operations with ' for ". */
static char *on_delete(const char *operations)
{
    char hash[CS_SHA256_HEX_SIZE];
    cs_autostrbuf quoted = CS_STRBUF_INIT;

    cs_sha256_hex(cs_str("{\"updateStrategy\":" ON_DELETE "}"), hash);
    hash[16] = '\0';
    cs_autofree char *note =
        cs_xasprintf("{'version':'v1alpha1','updateStrategy':{'of':'%s','set':{%s}}}", hash, operations);
    for (char *p = note; *p; p++) {
        if (*p == '\'')
            *p = '"';
    }
    cs_json_quote(&quoted, cs_str(note), false);
    cs_autofree char *meta = cs_xasprintf(",\"annotations\":{\"" CS_ANNO_CONVERSION "\":%s}", cs_strbuf_str(&quoted));
    return beta_set(meta, "\"updateStrategy\":" ON_DELETE);
}

static void validate(struct cs_router *r, const char *obj, const char *old, struct admitted *a)
{
    admit(r, CS_PATH_VALIDATE_CLONESET, old ? "UPDATE" : "CREATE", BETA_SETS, obj, old, a);
}

static void test_an_annotation_brings_back_only_what_would_be_accepted(void **state)
{
    cs_autofree char *plain = beta_set("", "\"updateStrategy\":" ON_DELETE);
    cs_autofree char *good = on_delete("'/updateStrategy/partition':'33%'");
    cs_autofree char *bad = on_delete("'/updateStrategy/partition':'many'");
    autoadmitted a = {0}, b = {0}, c = {0}, d = {0};

    validate(*state, good, NULL, &a);
    assert_true(a.allowed);
    validate(*state, bad, NULL, &b);
    assert_false(b.allowed);
    assert_int_equal(b.code, 422);
    assert_non_null(strstr(b.message,
        "metadata.annotations[" CS_ANNO_CONVERSION "]: Forbidden: read in the other version, the CloneSet would break "
        "a rule there: spec.updateStrategy.partition: Invalid value: \"many\""));
    assert_non_null(strstr(b.message, "remove the annotation"));
    validate(*state, bad, plain, &c); /* with the spec as it was */
    assert_false(c.allowed);
    validate(*state, bad, bad, &d); /* D15: not what held before */
    assert_true(d.allowed);
}

/* {"k0":"","k1":"", … */
static char *many_labels(int n)
{
    cs_autostrbuf out = CS_STRBUF_INIT;

    cs_strbuf_adds(&out, ",\"labels\":{\"k\":\"\"");
    for (int i = 0; i < n; i++)
        cs_strbuf_addf(&out, ",\"k%d\":\"\"", i);
    cs_strbuf_adds(&out, "}");
    return cs_strbuf_take(&out, NULL);
}

static void test_conversion_has_a_bounded_cost(void **state)
{
    cs_autofree char *some = many_labels(15000), *many = many_labels(30000), *most = many_labels(50000);
    cs_autofree char *small = beta_set(some, "\"replicas\":1"), *large = beta_set(many, "\"replicas\":1");
    cs_autofree char *huge = beta_set(most, "\"replicas\":1");
    cs_autofree char *there = convert_text(large, ALPHA); /* what is stored is read in both versions */
    autoadmitted a = {0}, b = {0}, c = {0};
    cs_autostrbuf out = CS_STRBUF_INIT;
    struct cs_error err = CS_ERROR_INIT;
    struct object o = {0};

    validate(*state, small, NULL, &a);
    assert_true(a.allowed);
    validate(*state, large, small, &b); /* also where the spec is as it was */
    assert_false(b.allowed);
    assert_non_null(strstr(b.message, "labels, annotations, scaleStrategy and updateStrategy hold"));
    validate(*state, large, large, &c); /* D15 */
    assert_true(c.allowed);
    assert_non_null(there);
    object_parse(&o, huge, strlen(huge));
    assert_false(cs_convert(object_root(&o), ALPHA, &out, &err));
    assert_int_equal(err.kind, CS_ERR_TOO_LARGE);
    assert_int_equal(out.len, 0);
    object_done(&o);
}

/* Each operation searches the members that there are: an annotation of thousands would take a second per conversion. */
static void test_an_annotation_of_many_operations_does_not_count(void **state)
{
    cs_autostrbuf operations = CS_STRBUF_INIT;
    struct object o = {0};

    (void)state;
    cs_strbuf_adds(&operations, "'/updateStrategy/partition':0");
    for (int i = 0; i < 600; i++)
        cs_strbuf_addf(&operations, ",'/updateStrategy/k%d':1", i);
    cs_autofree char *text = on_delete(cs_strbuf_str(&operations));
    object_parse(&o, text, strlen(text));
    assert_int_equal(cs_convert_note_counts(object_root(&o)), 0);
    object_done(&o);
    cs_autofree char *few = on_delete("'/updateStrategy/partition':0");
    object_parse(&o, few, strlen(few));
    assert_int_equal(cs_convert_note_counts(object_root(&o)), CS_NOTE_UPDATE);
    object_done(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_annotation_brings_back_only_what_would_be_accepted),
        cmocka_unit_test(test_conversion_has_a_bounded_cost),
        cmocka_unit_test(test_an_annotation_of_many_operations_does_not_count),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
