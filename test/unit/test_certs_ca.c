/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making and reading certificates: what is made verifies as a client would verify it, and whatever text somebody puts
 * into the Secret turns into facts, not into a crash.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "certs/ca.h"
#include "certs/inspect.h"
#include "common/base/alloc.h"
#include "common/base/str.h"

#define NOW 1760000000000 /* 2025-10-09 */
#define HOUR ((int64_t)3600 * 1000)
#define DAY (24 * HOUR)

static struct cs_cert_names names_for(const char *url)
{
    struct cs_cert_names n = {0};

    assert_true(cs_cert_names_make("hooks", "cloneset-system", url, &n, NULL));
    return n;
}

static struct cs_pem_pair ca_at(int64_t now, int64_t life)
{
    struct cs_pem_pair ca = {0};

    assert_true(cs_ca_make(now, life, &ca, NULL));
    return ca;
}

static struct cs_pem_pair leaf_of(const struct cs_pem_pair *ca, const char *url, int64_t now, int64_t life)
{
    CS_CLEANUP(cs_cert_names_done) struct cs_cert_names names = names_for(url);
    struct cs_pem_pair leaf = {0};

    assert_true(cs_ca_make_leaf(ca, &names, now, life, &leaf, NULL));
    return leaf;
}

/* ---- names ---- */

static void names_follow_service_and_url(void **state)
{
    static const struct {
        const char *url;
        const char *host; /* the fifth name; NULL: refused; "": none */
    } rows[] = {
        {NULL, ""},
        {"https://127.0.0.1:9443", "127.0.0.1"},
        {"https://hooks.example.com", "hooks.example.com"},
        {"https://hooks.example.com:9443/", "hooks.example.com"},
        {"https://[::1]:9443", "::1"},
        {"https://[fd00::5]", "fd00::5"},
        {"http://127.0.0.1:9443", NULL},
        {"https://", NULL},
        {"https://:9443", NULL},
        {"https://[::1", NULL},
        {"https://user@host", NULL},
        {"https://under_score", NULL},
        {"https://a,DNS:b", NULL},
    };

    (void)state;
    for (size_t i = 0; i < CS_ARRAY_LEN(rows); i++) {
        CS_CLEANUP(cs_cert_names_done) struct cs_cert_names n = {0};
        struct cs_error err = CS_ERROR_INIT;
        bool ok = cs_cert_names_make("hooks", "ns", rows[i].url, &n, &err);

        assert_int_equal(ok, rows[i].host != NULL);
        if (!ok) {
            assert_int_equal(err.kind, CS_ERR_INVALID);
            continue;
        }
        assert_string_equal(n.items[0], "hooks");
        assert_string_equal(n.items[1], "hooks.ns");
        assert_string_equal(n.items[2], "hooks.ns.svc");
        assert_string_equal(n.items[3], "hooks.ns.svc.cluster.local");
        assert_int_equal(n.len, rows[i].host[0] ? 5 : 4);
        if (rows[i].host[0])
            assert_string_equal(n.items[4], rows[i].host);
    }
}

/* ---- made and read back ---- */

static void a_made_pair_verifies(void **state)
{
    cs_auto_pem_pair ca = ca_at(NOW, 30 * DAY);
    cs_auto_pem_pair leaf = leaf_of(&ca, "https://127.0.0.1:9443", NOW, DAY);
    CS_CLEANUP(cs_cert_names_done) struct cs_cert_names names = names_for("https://127.0.0.1:9443");
    CS_CLEANUP(cs_bundle_facts_done) struct cs_bundle_facts b = {0};
    CS_CLEANUP(cs_leaf_facts_done) struct cs_leaf_facts l = {0};

    (void)state;
    cs_inspect_bundle(ca.cert, ca.key, &b);
    assert_int_equal(b.n, 1);
    assert_true(b.key_ok);
    assert_int_equal(b.cas[0].from_ms, NOW - CS_CERT_BACKDATE_MS);
    assert_int_equal(b.cas[0].until_ms, NOW + 30 * DAY);
    assert_string_equal(b.pems[0], ca.cert);

    cs_inspect_leaf(leaf.cert, leaf.key, &b, &names, &l);
    assert_true(l.pair_ok);
    assert_true(l.names_ok);
    assert_int_equal(l.signer, 0);
    assert_int_equal(l.from_ms, NOW - CS_CERT_BACKDATE_MS);
    assert_int_equal(l.until_ms, NOW + DAY);
    assert_true(cs_inspect_verifies(leaf.cert, ca.cert, NOW));
    assert_non_null(strstr(leaf.key, "-----BEGIN PRIVATE KEY-----")); /* PKCS#8 */
    assert_non_null(strstr(ca.key, "-----BEGIN PRIVATE KEY-----"));
}

static void two_made_at_once_differ(void **state)
{
    cs_auto_pem_pair a = ca_at(NOW, DAY);
    cs_auto_pem_pair b = ca_at(NOW, DAY);
    cs_auto_pem_pair leaf = leaf_of(&a, NULL, NOW, HOUR);

    (void)state;
    assert_string_not_equal(a.cert, b.cert);
    assert_string_not_equal(a.key, b.key);
    assert_false(cs_inspect_verifies(leaf.cert, b.cert, NOW));
}

static void a_leaf_verifies_within_its_time_only(void **state)
{
    cs_auto_pem_pair ca = ca_at(NOW, 30 * DAY);
    cs_auto_pem_pair leaf = leaf_of(&ca, NULL, NOW, DAY);

    (void)state;
    assert_true(cs_inspect_verifies(leaf.cert, ca.cert, NOW - 4 * 60 * 1000)); /* a client 4 minutes behind */
    assert_false(cs_inspect_verifies(leaf.cert, ca.cert, NOW - 6 * 60 * 1000));
    assert_true(cs_inspect_verifies(leaf.cert, ca.cert, NOW + DAY - 1000));
    assert_false(cs_inspect_verifies(leaf.cert, ca.cert, NOW + DAY + 1000));
}

static void a_leaf_ends_with_its_ca(void **state)
{
    cs_auto_pem_pair ca = ca_at(NOW, 2 * HOUR);
    cs_auto_pem_pair leaf = leaf_of(&ca, NULL, NOW, DAY);
    static const struct cs_bundle_facts none;
    CS_CLEANUP(cs_leaf_facts_done) struct cs_leaf_facts l = {0};

    (void)state;
    cs_inspect_leaf(leaf.cert, leaf.key, &none, NULL, &l);
    assert_int_equal(l.until_ms, NOW + 2 * HOUR);
}

static void a_leaf_of_any_ca_of_the_bundle_verifies(void **state)
{
    cs_auto_pem_pair a = ca_at(NOW, DAY);
    cs_auto_pem_pair b = ca_at(NOW, DAY);
    cs_auto_pem_pair leaf_a = leaf_of(&a, NULL, NOW, HOUR);
    cs_auto_pem_pair leaf_b = leaf_of(&b, NULL, NOW, HOUR);
    cs_autofree char *both = cs_xasprintf("%s%s", b.cert, a.cert);
    CS_CLEANUP(cs_bundle_facts_done) struct cs_bundle_facts facts = {0};
    CS_CLEANUP(cs_leaf_facts_done) struct cs_leaf_facts l = {0};

    (void)state;
    assert_true(cs_inspect_verifies(leaf_a.cert, both, NOW));
    assert_true(cs_inspect_verifies(leaf_b.cert, both, NOW));
    cs_inspect_bundle(both, b.key, &facts);
    assert_int_equal(facts.n, 2);
    assert_true(facts.key_ok);
    cs_inspect_leaf(leaf_a.cert, leaf_a.key, &facts, NULL, &l);
    assert_int_equal(l.signer, 1);
}

static void a_leaf_cannot_sign(void **state)
{
    cs_auto_pem_pair ca = ca_at(NOW, DAY);
    cs_auto_pem_pair leaf = leaf_of(&ca, NULL, NOW, HOUR);
    CS_CLEANUP(cs_bundle_facts_done) struct cs_bundle_facts b = {0};

    (void)state;
    cs_inspect_bundle(leaf.cert, leaf.key, &b); /* the leaf is skipped, the CA behind it is found */
    assert_int_equal(b.n, 1);
    assert_string_equal(b.pems[0], ca.cert);
    assert_false(b.key_ok);
}

static void a_long_service_name_is_no_problem(void **state)
{
    static const char name[] = "a23456789-b23456789-c23456789-d23456789-e23456789-f23456789-123"; /* 63 */
    CS_CLEANUP(cs_cert_names_done) struct cs_cert_names n = {0};
    cs_auto_pem_pair ca = ca_at(NOW, DAY);
    cs_auto_pem_pair leaf = {0};

    (void)state;
    assert_true(cs_cert_names_make(name, name, NULL, &n, NULL));
    assert_true(cs_ca_make_leaf(&ca, &n, NOW, HOUR, &leaf, NULL));
    assert_true(cs_inspect_verifies(leaf.cert, ca.cert, NOW));
}

/* ---- what people write into Secrets ---- */

static void a_missing_name_is_noticed(void **state)
{
    cs_auto_pem_pair ca = ca_at(NOW, DAY);
    cs_auto_pem_pair leaf = leaf_of(&ca, "https://127.0.0.1:1", NOW, HOUR);
    static const struct {
        const char *service, *ns, *url;
        bool ok;
    } rows[] = {
        {"hooks", "cloneset-system", NULL, true},
        {"hooks", "cloneset-system", "https://127.0.0.1:9443", true},
        {"hooks", "cloneset-system", "https://127.0.0.2:9443", false},
        {"hooks", "cloneset-system", "https://example.com", false},
        {"other", "cloneset-system", NULL, false},
        {"hooks", "other", NULL, false},
    };

    (void)state;
    for (size_t i = 0; i < CS_ARRAY_LEN(rows); i++) {
        CS_CLEANUP(cs_cert_names_done) struct cs_cert_names n = {0};
        CS_CLEANUP(cs_bundle_facts_done) struct cs_bundle_facts b = {0};
        CS_CLEANUP(cs_leaf_facts_done) struct cs_leaf_facts l = {0};

        assert_true(cs_cert_names_make(rows[i].service, rows[i].ns, rows[i].url, &n, NULL));
        cs_inspect_bundle(ca.cert, ca.key, &b);
        cs_inspect_leaf(leaf.cert, leaf.key, &b, &n, &l);
        assert_true(l.pair_ok);
        assert_int_equal(l.names_ok, rows[i].ok);
    }
}

static void unreadable_text_is_a_fact(void **state)
{
    cs_auto_pem_pair ca = ca_at(NOW, DAY);
    cs_auto_pem_pair other = ca_at(NOW, DAY);
    cs_auto_pem_pair leaf = leaf_of(&ca, NULL, NOW, HOUR);
    cs_autofree char *cut = cs_xmemdupz(leaf.cert, strlen(leaf.cert) / 4);
    static const char encrypted[] = "-----BEGIN ENCRYPTED PRIVATE KEY-----\n"
                                    "MIHsMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAhjxWjyk5KpFAICCAAw\n"
                                    "DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEHyYlpQ8Ws3jTBkLkJwHdCEEgZAA\n"
                                    "-----END ENCRYPTED PRIVATE KEY-----\n";
    const struct {
        const char *cert, *key;
    } rows[] = {
        {NULL, NULL},
        {"", ""},
        {leaf.cert, NULL},
        {NULL, leaf.key},
        {"hello", "world"},
        {leaf.key, leaf.cert},
        {cut, leaf.key},
        {leaf.cert, ca.key},
        {leaf.cert, other.key},
        {leaf.cert, encrypted},
        {"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", leaf.key},
        {leaf.cert, "-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n"},
    };

    (void)state;
    for (size_t i = 0; i < CS_ARRAY_LEN(rows); i++) {
        CS_CLEANUP(cs_bundle_facts_done) struct cs_bundle_facts b = {0};
        CS_CLEANUP(cs_leaf_facts_done) struct cs_leaf_facts l = {0};

        cs_inspect_bundle(rows[i].cert, rows[i].key, &b);
        cs_inspect_leaf(rows[i].cert, rows[i].key, &b, NULL, &l);
        assert_false(l.pair_ok);
    }
}

/* One letter of the leaf's PEM after the other is changed: it is never taken for the CA's work again. */
static void a_forged_leaf_has_no_signer(void **state)
{
    cs_auto_pem_pair ca = ca_at(NOW, DAY);
    cs_auto_pem_pair leaf = leaf_of(&ca, NULL, NOW, HOUR);
    CS_CLEANUP(cs_bundle_facts_done) struct cs_bundle_facts b = {0};
    const char *begin = strchr(leaf.cert, '\n') + 1;
    size_t at = (size_t)(begin - leaf.cert);
    size_t end =
        (size_t)(strchr(strstr(leaf.cert, "-----END"), '-') - leaf.cert) - 4; /* the last letters may be padding */

    (void)state;
    cs_inspect_bundle(ca.cert, ca.key, &b);
    for (; at < end; at += 5) {
        cs_autofree char *forged = cs_xstrdup(leaf.cert);
        CS_CLEANUP(cs_leaf_facts_done) struct cs_leaf_facts l = {0};

        if (forged[at] == '\n')
            continue;
        forged[at] = forged[at] == 'Q' ? 'R' : 'Q';
        cs_inspect_leaf(forged, leaf.key, &b, NULL, &l);
        assert_false(l.pair_ok && l.signer == 0);
        assert_false(cs_inspect_verifies(forged, ca.cert, NOW));
    }
}

static void the_ca_behind_a_leaf_is_found(void **state)
{
    cs_auto_pem_pair ca = ca_at(NOW, DAY);
    cs_auto_pem_pair other = ca_at(NOW, DAY);
    cs_auto_pem_pair leaf = leaf_of(&ca, NULL, NOW, HOUR);
    CS_CLEANUP(cs_bundle_facts_done) struct cs_bundle_facts b = {0};
    CS_CLEANUP(cs_leaf_facts_done) struct cs_leaf_facts with_chain = {0};
    CS_CLEANUP(cs_leaf_facts_done) struct cs_leaf_facts alone = {0};

    (void)state;
    cs_inspect_bundle(other.cert, other.key, &b);
    cs_inspect_leaf(leaf.cert, leaf.key, &b, NULL, &with_chain);
    assert_true(with_chain.pair_ok);
    assert_int_equal(with_chain.signer, CS_SIGNER_CHAIN);
    assert_string_equal(with_chain.chain_pem, ca.cert);
    assert_int_equal(with_chain.chain_ca.until_ms, NOW + DAY);
    cs_inspect_leaf(with_chain.leaf_pem, leaf.key, &b, NULL, &alone);
    assert_true(alone.pair_ok);
    assert_int_equal(alone.signer, CS_SIGNER_NONE);
}

static void a_long_or_repeated_bundle_is_cut(void **state)
{
    cs_auto_pem_pair ca = ca_at(NOW, DAY);
    cs_autofree char *twice = cs_xasprintf("%s\nsome words\n%s", ca.cert, ca.cert);
    cs_autofree char *huge = cs_xasprintf("%*s%s", CS_MAX_PEM, "", ca.cert);
    CS_CLEANUP(cs_bundle_facts_done) struct cs_bundle_facts b = {0};
    CS_CLEANUP(cs_bundle_facts_done) struct cs_bundle_facts h = {0};

    (void)state;
    cs_inspect_bundle(twice, ca.key, &b);
    assert_int_equal(b.n, 1);
    assert_true(b.key_ok);
    cs_inspect_bundle(huge, ca.key, &h);
    assert_int_equal(h.n, 0);
}

static void a_ca_that_is_no_pair_signs_nothing(void **state)
{
    cs_auto_pem_pair ca = ca_at(NOW, DAY);
    cs_auto_pem_pair other = ca_at(NOW, DAY);
    CS_CLEANUP(cs_cert_names_done) struct cs_cert_names names = names_for(NULL);
    struct cs_pem_pair mixed = {.cert = ca.cert, .key = other.key};
    struct cs_pem_pair out = {0};
    struct cs_error err = CS_ERROR_INIT;

    (void)state;
    assert_false(cs_ca_make_leaf(&mixed, &names, NOW, HOUR, &out, &err));
    assert_int_equal(err.kind, CS_ERR_INVALID);
    assert_null(out.cert);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_follow_service_and_url),
        cmocka_unit_test(a_made_pair_verifies),
        cmocka_unit_test(two_made_at_once_differ),
        cmocka_unit_test(a_leaf_verifies_within_its_time_only),
        cmocka_unit_test(a_leaf_ends_with_its_ca),
        cmocka_unit_test(a_leaf_of_any_ca_of_the_bundle_verifies),
        cmocka_unit_test(a_leaf_cannot_sign),
        cmocka_unit_test(a_long_service_name_is_no_problem),
        cmocka_unit_test(a_missing_name_is_noticed),
        cmocka_unit_test(unreadable_text_is_a_fact),
        cmocka_unit_test(a_forged_leaf_has_no_signer),
        cmocka_unit_test(the_ca_behind_a_leaf_is_found),
        cmocka_unit_test(a_long_or_repeated_bundle_is_cut),
        cmocka_unit_test(a_ca_that_is_no_pair_signs_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
