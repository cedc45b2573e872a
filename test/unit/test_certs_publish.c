/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a webhook configuration must show and how it is set right: entries of others and members that we do not state
 * survive byte for byte, the server's defaults are no difference.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "certs/ca.h"
#include "certs/publish.h"
#include "common/base/alloc.h"
#include "common/base/base64.h"
#include "common/base/cleanup.h"

#define CA "-----BEGIN CERTIFICATE-----\n"
#define CA64 "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCg=="

static const struct cs_webhook_entry entries[] = {
    {true, "mutating", "mcloneset.kb.io", "/mutate",
        "{\"failurePolicy\":\"Fail\",\"rules\":[{\"apiGroups\":[\"apps.kruise.io\"],\"operations\":[\"CREATE\","
        "\"UPDATE\"]}]}"},
    {false, "validating", "vcloneset.kb.io", "/validate", "{\"failurePolicy\":\"Fail\"}"},
    {true, "mutating", "minstance.kb.io", "/mutate-instance-id", "{\"failurePolicy\":\"Ignore\"}"},
    {true, "another", "x.kb.io", "/x", "{}"},
};

static struct cs_publish_want want_service(void)
{
    return (struct cs_publish_want){.ns = "sys",
        .service = "hooks",
        .port = 443,
        .bundle_pem = CA,
        .entries = entries,
        .n_entries = CS_ARRAY_LEN(entries),
        .mutating = true,
        .config = "mutating",
        .settled = true};
}

#define CC(path)                                                                                                       \
    "\"clientConfig\":{\"caBundle\":\"" CA64                                                                           \
    "\",\"service\":{\"namespace\":\"sys\",\"name\":\"hooks\",\"path\":\"" path "\",\"port\":443}}"
#define RULES "\"rules\":[{\"apiGroups\":[\"apps.kruise.io\"],\"operations\":[\"CREATE\",\"UPDATE\"]}]"
#define DEFAULTED_RULES                                                                                                \
    "\"rules\":[{\"apiGroups\":[\"apps.kruise.io\"],\"operations\":[\"CREATE\",\"UPDATE\"],\"scope\":\"*\"}]"
#define OURS1 "{\"name\":\"mcloneset.kb.io\"," CC("/mutate") ",\"failurePolicy\":\"Fail\"," RULES "}"
#define OURS2 "{\"name\":\"minstance.kb.io\"," CC("/mutate-instance-id") ",\"failurePolicy\":\"Ignore\"}"
#define FOREIGN "{\"name\":\"other.example.com\",\"clientConfig\":{\"url\":\"https:\\/\\/x\"}, \"n\":1.50e3}"
#define META "\"metadata\":{\"resourceVersion\":\"77\",\"name\":\"mutating\"}"
#define CONFIG(webhooks) "{" META ",\"webhooks\":[" webhooks "]}"
#define PATCH(webhooks) "{\"metadata\":{\"resourceVersion\":\"77\"},\"webhooks\":[" webhooks "]}"

static enum cs_publish_state compare(const char *text, const struct cs_publish_want *want, struct cs_strbuf *patch)
{
    cs_autojdoc doc = {0};
    struct cs_error err = CS_ERROR_INIT;

    if (!cs_jdoc_parse(&doc, text, strlen(text), NULL, &err))
        fail_msg("%s: %s", text, err.message);
    return cs_publish_compare(cs_jdoc_root(&doc), want, patch);
}

static void configurations_are_compared_and_mended(void **state)
{
    static const struct {
        const char *what, *config;
        enum cs_publish_state is;
        const char *patch; /* whole text, when it differs */
    } rows[] = {
        {"as shipped: without entries", "{" META "}", CS_PUBLISH_DIFFERS, PATCH(OURS1 "," OURS2)},
        {"webhooks: null", "{" META ",\"webhooks\":null}", CS_PUBLISH_DIFFERS, PATCH(OURS1 "," OURS2)},
        {"as we write it", CONFIG(OURS1 "," OURS2), CS_PUBLISH_EQUAL, NULL},
        {"order does not matter", CONFIG(OURS2 "," OURS1), CS_PUBLISH_EQUAL, NULL},
        {"entries of others do not matter", CONFIG(OURS2 "," FOREIGN "," OURS1), CS_PUBLISH_EQUAL, NULL},
        {"with the server's defaults",
            CONFIG("{\"name\":\"mcloneset.kb.io\"," CC(
                "/mutate") ",\"failurePolicy\":\"Fail\"," DEFAULTED_RULES
                           ",\"matchPolicy\":\"Equivalent\",\"timeoutSeconds\":10}," OURS2),
            CS_PUBLISH_EQUAL, NULL},
        {"one of ours was removed: it comes back at the end", CONFIG(OURS2 "," FOREIGN), CS_PUBLISH_DIFFERS,
            PATCH(OURS2 "," FOREIGN "," OURS1)},
        {"caBundle overwritten, a selector of the user's: the selector stays",
            CONFIG("{\"name\":\"mcloneset.kb.io\",\"clientConfig\":{\"caBundle\":\"Cg==\",\"service\":{\"namespace\":"
                   "\"sys\",\"name\":\"hooks\",\"path\":\"/mutate\",\"port\":443}},\"failurePolicy\":\"Fail\"," RULES
                   ",\"namespaceSelector\":{\"matchLabels\":{ \"a\":\"b\"}}}," OURS2 "," FOREIGN),
            CS_PUBLISH_DIFFERS,
            PATCH("{\"name\":\"mcloneset.kb.io\"," CC(
                "/mutate") ",\"failurePolicy\":\"Fail\"," RULES
                           ",\"namespaceSelector\":{\"matchLabels\":{ \"a\":\"b\"}}}," OURS2 "," FOREIGN)},
        {"caBundle removed",
            CONFIG(
                "{\"name\":\"minstance.kb.io\",\"clientConfig\":{\"service\":{\"namespace\":\"sys\",\"name\":\"hooks\","
                "\"path\":\"/mutate-instance-id\",\"port\":443}},\"failurePolicy\":\"Ignore\"}," OURS1),
            CS_PUBLISH_DIFFERS, PATCH(OURS2 "," OURS1)},
        {"failurePolicy changed",
            CONFIG("{\"name\":\"minstance.kb.io\"," CC("/mutate-instance-id") ",\"failurePolicy\":\"Fail\"}," OURS1),
            CS_PUBLISH_DIFFERS, PATCH(OURS2 "," OURS1)},
        {"a rule more",
            CONFIG("{\"name\":\"mcloneset.kb.io\"," CC(
                "/mutate") ",\"failurePolicy\":\"Fail\",\"rules\":[{\"apiGroups\":"
                           "[\"apps.kruise.io\"],\"operations\":[\"CREATE\",\"UPDATE\"]},{}]}," OURS2),
            CS_PUBLISH_DIFFERS, PATCH(OURS1 "," OURS2)},
        {"opted out, wrong as it is",
            "{\"metadata\":{\"resourceVersion\":\"77\",\"annotations\":{\"" CS_ANNO_MANAGE_WEBHOOKS
            "\":\"false\"}},\"webhooks\":[]}",
            CS_PUBLISH_OPTED_OUT, NULL},
        {"opting out takes the word false",
            "{\"metadata\":{\"resourceVersion\":\"77\",\"annotations\":{\"" CS_ANNO_MANAGE_WEBHOOKS
            "\":\"true\"}},\"webhooks\":[" OURS1 "," OURS2 "]}",
            CS_PUBLISH_EQUAL, NULL},
    };
    struct cs_publish_want want = want_service();

    (void)state;
    for (size_t i = 0; i < CS_ARRAY_LEN(rows); i++) {
        cs_autostrbuf patch = CS_STRBUF_INIT;
        enum cs_publish_state is = compare(rows[i].config, &want, &patch);

        if (is != rows[i].is)
            fail_msg("%s: %d", rows[i].what, is);
        assert_string_equal(cs_strbuf_str(&patch), rows[i].patch ? rows[i].patch : "");
    }
}

/* What a merge patch would make of it is what we wanted: comparing again finds nothing. */
static void a_patched_configuration_is_equal(void **state)
{
    struct cs_publish_want want = want_service();
    cs_autostrbuf patch = CS_STRBUF_INIT;
    cs_autostrbuf again = CS_STRBUF_INIT;

    (void)state;
    want.url = "https://127.0.0.1:9443/";
    assert_int_equal(compare(CONFIG(OURS1 "," FOREIGN), &want, &patch), CS_PUBLISH_DIFFERS);
    assert_non_null(strstr(cs_strbuf_str(&patch), "\"url\":\"https://127.0.0.1:9443/mutate\""));
    assert_null(strstr(cs_strbuf_str(&patch), "\"service\""));
    assert_int_equal(compare(cs_strbuf_str(&patch), &want, &again), CS_PUBLISH_EQUAL);
}

#define LAX1 "{\"name\":\"mcloneset.kb.io\"," CC("/mutate") ",\"failurePolicy\":\"Ignore\"," RULES "}"

/* U-33: on a fresh install nobody can be reached yet. */
static void entries_are_lax_until_somebody_can_be_reached(void **state)
{
    struct cs_publish_want want = want_service();
    cs_autostrbuf first = CS_STRBUF_INIT;
    cs_autostrbuf later = CS_STRBUF_INIT;
    cs_autostrbuf none = CS_STRBUF_INIT;

    (void)state;
    want.settled = false;
    assert_int_equal(compare("{" META "}", &want, &first), CS_PUBLISH_DIFFERS);
    assert_string_equal(cs_strbuf_str(&first), PATCH(LAX1 "," OURS2));
    assert_int_equal(compare(CONFIG(LAX1 "," OURS2), &want, &none), CS_PUBLISH_EQUAL);
    assert_int_equal(compare(CONFIG(OURS1 "," OURS2), &want, &none), CS_PUBLISH_EQUAL); /* another replica was faster */
    want.settled = true;
    assert_int_equal(compare(CONFIG(LAX1 "," OURS2), &want, &later), CS_PUBLISH_DIFFERS);
    assert_string_equal(cs_strbuf_str(&later), PATCH(OURS1 "," OURS2));
}

/* The entry of a feature that is off goes, wherever it stands and whatever is in it; nothing else does. */
static void an_entry_without_body_is_removed(void **state)
{
    static const struct cs_webhook_entry off[] = {
        {true, "mutating", "mcloneset.kb.io", "/mutate", "{\"failurePolicy\":\"Ignore\"}"},
        {true, "mutating", "minstance.kb.io", "/mutate-instance-id", NULL},
    };
#define KEPT "{\"name\":\"mcloneset.kb.io\"," CC("/mutate") ",\"failurePolicy\":\"Ignore\"}"
    static const struct {
        const char *what, *config;
        enum cs_publish_state is;
        const char *patch;
    } rows[] = {
        {"it is not there", CONFIG(KEPT "," FOREIGN), CS_PUBLISH_EQUAL, ""},
        {"it is there", CONFIG(OURS2 "," FOREIGN "," KEPT), CS_PUBLISH_DIFFERS, PATCH(FOREIGN "," KEPT)},
        {"it is there with another bundle",
            CONFIG(KEPT ",{\"name\":\"minstance.kb.io\",\"clientConfig\":{\"caBundle\":"
                        "\"Cg==\"}}"),
            CS_PUBLISH_DIFFERS, PATCH(KEPT)},
        {"nothing is there", "{" META "}", CS_PUBLISH_DIFFERS, PATCH(KEPT)},
    };
    struct cs_publish_want want = want_service();

    (void)state;
    want.entries = off;
    want.n_entries = CS_ARRAY_LEN(off);
    for (size_t i = 0; i < CS_ARRAY_LEN(rows); i++) {
        cs_autostrbuf patch = CS_STRBUF_INIT;

        if (compare(rows[i].config, &want, &patch) != rows[i].is)
            fail_msg("%s", rows[i].what);
        assert_string_equal(cs_strbuf_str(&patch), rows[i].patch);
    }
    /* Its bundle is nobody's business: no call of ours comes by it. */
    cs_autojdoc doc = {0};
    static const char stale[] =
        "{\"webhooks\":[{\"name\":\"minstance.kb.io\",\"clientConfig\":{\"caBundle\":\"Cg==\"}}]}";
    assert_true(cs_jdoc_parse(&doc, stale, strlen(stale), NULL, NULL));
    assert_int_equal(cs_publish_judge(cs_jdoc_root(&doc), &want, NULL, 0), CS_PUBLISH_SILENT);
}

static void only_entries_of_this_object_are_written(void **state)
{
    struct cs_publish_want want = want_service();
    cs_autostrbuf patch = CS_STRBUF_INIT;

    (void)state;
    want.mutating = false;
    want.config = "validating";
    assert_int_equal(compare("{" META "}", &want, &patch), CS_PUBLISH_DIFFERS);
    assert_string_equal(
        cs_strbuf_str(&patch), PATCH("{\"name\":\"vcloneset.kb.io\"," CC("/validate") ",\"failurePolicy\":\"Fail\"}"));
}

static void the_crds_conversion_is_mended(void **state)
{
#define CRD(conversion) "{" META ",\"spec\":{\"conversion\":" conversion "}}"
#define CONVERSION(cc) "{\"strategy\":\"Webhook\",\"webhook\":{\"conversionReviewVersions\":[\"v1\"]," cc "}}"
    static const struct {
        const char *what, *crd, *url;
        enum cs_publish_state is;
        const char *patch;
    } rows[] = {
        {"no conversion", CRD("{\"strategy\":\"None\"}"), NULL, CS_PUBLISH_UNUSED, ""},
        {"nothing said", "{" META "}", NULL, CS_PUBLISH_UNUSED, ""},
        {"as it should be", CRD(CONVERSION(CC("/convert"))), NULL, CS_PUBLISH_EQUAL, ""},
        {"as shipped, without bundle",
            CRD(CONVERSION(
                "\"clientConfig\":{\"service\":{\"namespace\":\"sys\",\"name\":\"hooks\",\"path\":\"/convert\"}}")),
            NULL, CS_PUBLISH_DIFFERS,
            "{\"metadata\":{\"resourceVersion\":\"77\"},\"spec\":{\"conversion\":{\"webhook\":{\"clientConfig\":{"
            "\"caBundle\":\"" CA64 "\",\"service\":{\"namespace\":\"sys\",\"name\":\"hooks\",\"path\":\"/convert\","
            "\"port\":443},\"url\":null}}}}}"},
        {"a URL instead of the Service: the Service goes", CRD(CONVERSION(CC("/convert"))), "https://127.0.0.1:9",
            CS_PUBLISH_DIFFERS,
            "{\"metadata\":{\"resourceVersion\":\"77\"},\"spec\":{\"conversion\":{\"webhook\":{\"clientConfig\":{"
            "\"caBundle\":\"" CA64 "\",\"url\":\"https://127.0.0.1:9/convert\",\"service\":null}}}}}"},
    };

    (void)state;
    for (size_t i = 0; i < CS_ARRAY_LEN(rows); i++) {
        struct cs_publish_want want = want_service();
        cs_autostrbuf patch = CS_STRBUF_INIT;
        enum cs_publish_state is;

        want.crd_path = "/convert";
        want.url = rows[i].url;
        is = compare(rows[i].crd, &want, &patch);
        if (is != rows[i].is)
            fail_msg("%s: %d", rows[i].what, is);
        assert_string_equal(cs_strbuf_str(&patch), rows[i].patch);
    }
}

static void covers_overlooks_what_is_not_stated(void **state)
{
    static const struct {
        const char *have, *want;
        bool covers;
    } rows[] = {
        {"{\"a\":1,\"b\":2}", "{\"a\":1}", true},
        {"{\"a\":1}", "{\"a\":1,\"b\":2}", false},
        {"{\"a\":{\"x\":1,\"y\":2}}", "{\"a\":{\"y\":2}}", true},
        {"{\"a\":[{\"x\":1,\"y\":2}]}", "{\"a\":[{\"y\":2}]}", true},
        {"{\"a\":[1,2]}", "{\"a\":[1]}", false},
        {"{\"a\":[1]}", "{\"a\":[1,2]}", false},
        {"{\"a\":[2,1]}", "{\"a\":[1,2]}", false},
        {"{\"a\":\"1\"}", "{\"a\":1}", false},
        {"{\"a\":1}", "{\"a\":{}}", false},
        {"{\"a\":1}", "{\"a\":[]}", false},
        {"{}", "{\"a\":{}}", false},
        {"{\"a\":\"\\u0061\"}", "{\"a\":\"a\"}", true},
    };

    (void)state;
    for (size_t i = 0; i < CS_ARRAY_LEN(rows); i++) {
        cs_autojdoc have = {0};
        cs_autojdoc want = {0};

        assert_true(cs_jdoc_parse(&have, rows[i].have, strlen(rows[i].have), NULL, NULL));
        assert_true(cs_jdoc_parse(&want, rows[i].want, strlen(rows[i].want), NULL, NULL));
        if (cs_publish_covers(cs_jdoc_root(&have), cs_jdoc_root(&want)) != rows[i].covers)
            fail_msg("%s against %s", rows[i].have, rows[i].want);
    }
}

static enum cs_publish_opinion judge(const char *bundle64, const char *annotations, const char *cert)
{
    struct cs_publish_want want = want_service();
    cs_autofree char *text = cs_xasprintf(
        "{\"metadata\":{\"annotations\":%s},\"webhooks\":[{\"name\":\"other\",\"clientConfig\":{\"caBundle\":"
        "\"Cg==\"}},{\"name\":\"mcloneset.kb.io\",\"clientConfig\":{%s%s%s}}]}",
        annotations, bundle64 ? "\"caBundle\":\"" : "", bundle64 ? bundle64 : "", bundle64 ? "\"" : "");
    cs_autojdoc doc = {0};

    assert_true(cs_jdoc_parse(&doc, text, strlen(text), NULL, NULL));
    return cs_publish_judge(cs_jdoc_root(&doc), &want, cert, 1760000000000);
}

static void bundles_are_judged_as_a_client_would(void **state)
{
    cs_auto_pem_pair ca = {0};
    cs_auto_pem_pair leaf = {0};
    CS_CLEANUP(cs_cert_names_done) struct cs_cert_names names = {0};
    cs_autostrbuf b64 = CS_STRBUF_INIT;

    (void)state;
    assert_true(cs_cert_names_make("hooks", "sys", NULL, &names, NULL));
    assert_true(cs_ca_make(1760000000000, 1000000, &ca, NULL));
    assert_true(cs_ca_make_leaf(&ca, &names, 1760000000000, 1000000, &leaf, NULL));
    cs_base64_encode(&b64, cs_str(ca.cert));

    assert_int_equal(judge(cs_strbuf_str(&b64), "{}", leaf.cert), CS_PUBLISH_TRUSTS);
    assert_int_equal(judge(CA64, "{}", leaf.cert), CS_PUBLISH_REFUSES);
    assert_int_equal(judge("", "{}", leaf.cert), CS_PUBLISH_SILENT);
    assert_int_equal(judge(NULL, "{}", leaf.cert), CS_PUBLISH_SILENT);
    assert_int_equal(judge(cs_strbuf_str(&b64), "{}", NULL), CS_PUBLISH_REFUSES);
    assert_int_equal(judge(CA64, "{\"" CS_ANNO_MANAGE_WEBHOOKS "\":\"false\"}", leaf.cert), CS_PUBLISH_SILENT);
}

static void trimming_changes_no_verdict(void **state)
{
    static const char *const configs[] = {
        "{\"kind\":\"x\",\"metadata\":{\"name\":\"mutating\",\"resourceVersion\":\"77\",\"managedFields\":[{}],"
        "\"annotations\":"
        "{\"" CS_ANNO_MANAGE_WEBHOOKS "\":\"false\"}}}",
        CONFIG(OURS1 "," OURS2),
        CONFIG(OURS2 "," FOREIGN),
        "{}",
    };
    struct cs_publish_want want = want_service();

    (void)state;
    for (size_t i = 0; i < CS_ARRAY_LEN(configs); i++) {
        cs_autojdoc doc = {0};
        cs_autostrbuf trimmed = CS_STRBUF_INIT;
        cs_autostrbuf a = CS_STRBUF_INIT;
        cs_autostrbuf b = CS_STRBUF_INIT;

        assert_true(cs_jdoc_parse(&doc, configs[i], strlen(configs[i]), NULL, NULL));
        cs_publish_trim(cs_jdoc_root(&doc), &trimmed);
        assert_null(strstr(cs_strbuf_str(&trimmed), "managedFields"));
        assert_int_equal(compare(configs[i], &want, &a), compare(cs_strbuf_str(&trimmed), &want, &b));
        assert_string_equal(cs_strbuf_str(&a), cs_strbuf_str(&b));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(configurations_are_compared_and_mended),
        cmocka_unit_test(a_patched_configuration_is_equal),
        cmocka_unit_test(entries_are_lax_until_somebody_can_be_reached),
        cmocka_unit_test(an_entry_without_body_is_removed),
        cmocka_unit_test(only_entries_of_this_object_are_written),
        cmocka_unit_test(the_crds_conversion_is_mended),
        cmocka_unit_test(covers_overlooks_what_is_not_stated),
        cmocka_unit_test(bundles_are_judged_as_a_client_would),
        cmocka_unit_test(trimming_changes_no_verdict),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
