/* SPDX-License-Identifier: Apache-2.0 */
/*
 * objects: claims, ControllerRevisions, Nodes, Leases: by value, from the peer, and with garbage in every place.
 */
#include "common/api/objects.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/api/gvr.h"
#include "test/unit/api_fixture.h"

#define OBJ(rest) "{\"metadata\":{\"name\":\"o\",\"uid\":\"u\",\"resourceVersion\":\"1\"" rest "}"

static const struct {
    const char *phase; /* JSON */
    int want;
} claim_rows[] = {
    {"\"Bound\"", CS_CLAIM_BOUND},
    {"\"Lost\"", CS_CLAIM_LOST},
    {"\"Pending\"", CS_CLAIM_PENDING},
    {"\"bound\"", CS_CLAIM_PENDING},
    {"null", CS_CLAIM_PENDING},
    {"[]", CS_CLAIM_PENDING},
};

static void test_claim_phases(void **state)
{
    (void)state;
    struct fixture f;

    fixture_init(&f);
    for (size_t i = 0; i < CS_ARRAY_LEN(claim_rows); i++) {
        cs_autostrbuf text = CS_STRBUF_INIT;
        cs_strbuf_addf(&text, OBJ("},\"status\":{\"phase\":%s}"), claim_rows[i].phase);
        struct cs_claim *c = cs_claim_decode(f.pool, fixture_parse(&f, cs_strbuf_str(&text)), NULL);
        assert_non_null(c);
        assert_int_equal(c->phase, claim_rows[i].want);
        assert_null(c->id);
        cs_claim_free(f.pool, c);
    }
    cs_claim_free(f.pool, NULL);
    fixture_done(&f);
}

static const struct {
    const char *spec_and_status, *request;
    bool resizing;
} growth_rows[] = {
    {"\"spec\":{\"resources\":{\"requests\":{\"storage\":\"2Gi\"}}}", "2Gi", false},
    {"\"spec\":{\"resources\":{\"requests\":{\"storage\":5}}}", "5", false},
    {"\"spec\":{\"resources\":{\"limits\":{\"storage\":\"2Gi\"}}}", NULL, false},
    {"\"spec\":{\"resources\":{\"requests\":[]}},\"status\":{\"conditions\":{}}", NULL, false},
    {"\"status\":{\"conditions\":[{\"type\":\"Resizing\",\"status\":\"True\"}]}", NULL, true},
    {"\"status\":{\"conditions\":[{\"type\":\"FileSystemResizePending\",\"status\":\"True\"}]}", NULL, true},
    {"\"status\":{\"conditions\":[{\"type\":\"Resizing\",\"status\":\"False\"},null]}", NULL, false},
    {"\"status\":{\"conditions\":[{\"type\":\"ModifyingVolume\",\"status\":\"True\"}]}", NULL, false},
};

static void u13_what_growth_needs_to_know_of_a_claim(void **state)
{
    (void)state;
    struct fixture f;

    fixture_init(&f);
    for (size_t i = 0; i < CS_ARRAY_LEN(growth_rows); i++) {
        cs_autostrbuf text = CS_STRBUF_INIT;
        cs_strbuf_addf(&text, OBJ("},%s"), growth_rows[i].spec_and_status);
        struct cs_claim *c = cs_claim_decode(f.pool, fixture_parse(&f, cs_strbuf_str(&text)), NULL);
        assert_non_null(c);
        if (!cs_streq(c->request, growth_rows[i].request) && (c->request || growth_rows[i].request))
            fail_msg("%s: %s", growth_rows[i].spec_and_status, c->request ? c->request : "none");
        if (c->resizing != growth_rows[i].resizing)
            fail_msg("%s", growth_rows[i].spec_and_status);
        cs_claim_free(f.pool, c);
    }
    fixture_done(&f);
}

static void test_the_peers_claims(void **state)
{
    (void)state;
    static const char *const files[] = {
        PEER "1-at-rest/persistentvolumeclaims.json", PEER "2-updates-in-flight/persistentvolumeclaims.json"};
    struct fixture f;
    size_t n = 0;

    fixture_init(&f);
    for (size_t i = 0; i < CS_ARRAY_LEN(files); i++) {
        cs_json_foreach (item, fixture_load(&f, files[i])) {
            struct cs_claim *c = cs_claim_decode(f.pool, item, NULL);
            assert_non_null(c);
            /* D4: the name ends with the id, the controller is a CloneSet. */
            assert_non_null(c->id);
            assert_true(cs_str_ends(cs_str(c->meta.name), c->id));
            assert_true(cs_owner_is_cloneset(cs_meta_controller(&c->meta)));
            cs_claim_free(f.pool, c);
            n++;
        }
    }
    assert_int_equal(n, 11);
    struct cs_json items = fixture_load(&f, files[0]);
    struct cs_claim *c = cs_claim_decode(f.pool, fixture_named(items, "data-vol-nginx-2-jdd86"), NULL);
    assert_non_null(c);
    assert_string_equal(c->id, "jdd86");
    assert_int_equal(c->phase, CS_CLAIM_BOUND);
    assert_string_equal(cs_meta_controller(&c->meta)->uid, "f3f18bc4-6bef-442b-9f5d-16210140579b");
    assert_string_equal(cs_pairs_get(&c->meta.labels, "kind"), "data");
    assert_true(cs_meta_has_finalizer(&c->meta, "kubernetes.io/pvc-protection"));
    cs_claim_free(f.pool, c);
    fixture_done(&f);
}

static void test_the_peers_revisions(void **state)
{
    (void)state;
    static const char *const files[] = {
        PEER "1-at-rest/controllerrevisions.json", PEER "2-updates-in-flight/controllerrevisions.json"};
    struct fixture f;
    size_t n = 0;

    fixture_init(&f);
    for (size_t i = 0; i < CS_ARRAY_LEN(files); i++) {
        cs_json_foreach (item, fixture_load(&f, files[i])) {
            struct cs_revision *r = cs_revision_decode(f.pool, item, NULL);
            assert_non_null(r);
            assert_true(r->revision >= 1);
            assert_non_null(r->vct_hash);
            assert_true(cs_str_eqz(cs_json_raw(cs_json_get(item, "data")), r->data_raw));
            const char *hash = cs_pairs_get(&r->meta.labels, "controller.kubernetes.io/hash");
            assert_non_null(hash);
            assert_true(cs_str_ends(cs_str(r->meta.name), hash));
            cs_revision_free(f.pool, r);
            n++;
        }
    }
    assert_int_equal(n, 12);
    struct cs_json items = fixture_load(&f, files[0]);
    struct cs_revision *r = cs_revision_decode(f.pool, fixture_named(items, "beta-85864d6765"), NULL);
    assert_non_null(r);
    assert_int_equal(r->revision, 1);
    assert_string_equal(r->vct_hash, "2670632641");
    cs_revision_free(f.pool, r);
    r = cs_revision_decode(f.pool, fixture_named(items, "plain-5dc78d8475"), NULL);
    assert_non_null(r);
    assert_string_equal(r->vct_hash, ""); /* without claim templates, and there */
    cs_revision_free(f.pool, r);
    fixture_done(&f);
}

static const struct {
    const char *recorded; /* JSON */
    uint32_t want;
} recorded_rows[] = {
    {"\"[{\\\"metadata\\\":{\\\"name\\\":\\\"data\\\"}},{\\\"metadata\\\":{\\\"name\\\":\\\"logs\\\"}}]\"", 2},
    {"\"[{\\\"metadata\\\":{\\\"name\\\":\\\"data\\\"}},{\\\"metadata\\\":{}}]\"", 0}, /* as a whole or not at all */
    {"\"[{\\\"metadata\\\":{\\\"name\\\":\\\"\\\"}}]\"", 0},
    {"\"[]\"", 0},
    {"\"{}\"", 0},
    {"\"[\"", 0},
    {"\"\"", 0},
    {"7", 0},
    {"null", 0},
};

static void u09_recorded_claim_templates(void **state)
{
    (void)state;
    struct fixture f;

    fixture_init(&f);
    for (size_t i = 0; i < CS_ARRAY_LEN(recorded_rows); i++) {
        cs_autostrbuf text = CS_STRBUF_INIT;
        cs_strbuf_addf(&text, OBJ(",\"annotations\":{\"" CS_ANNO_CLAIM_TEMPLATES "\":%s}}"), recorded_rows[i].recorded);
        struct cs_revision *r = cs_revision_decode(f.pool, fixture_parse(&f, cs_strbuf_str(&text)), NULL);
        assert_non_null(r);
        if (r->n_vcts != recorded_rows[i].want)
            fail_msg("%s: %u", recorded_rows[i].recorded, r->n_vcts);
        assert_int_equal(r->vcts_raw[0] != '\0', r->n_vcts > 0);
        if (r->n_vcts > 0)
            assert_string_equal(r->vct_names[1], "logs");
        cs_revision_free(f.pool, r);
    }
    fixture_done(&f);
}

static void test_a_revision_without_anything(void **state)
{
    (void)state;
    struct fixture f;

    fixture_init(&f);
    struct cs_revision *r =
        cs_revision_decode(f.pool, fixture_parse(&f, OBJ("},\"revision\":\"3\",\"data\":null")), NULL);
    assert_non_null(r);
    assert_int_equal(r->revision, 0);
    assert_string_equal(r->data_raw, "");
    assert_null(r->vct_hash);
    cs_revision_free(f.pool, r);
    r = cs_revision_decode(
        f.pool, fixture_parse(&f, OBJ("},\"revision\":9007199254740993,\"data\":{ \"a\":9223372036854775807 }")), NULL);
    assert_true(r->revision == INT64_C(9007199254740993));
    assert_string_equal(r->data_raw, "{ \"a\":9223372036854775807 }");
    cs_revision_free(f.pool, r);
    cs_revision_free(f.pool, NULL);
    fixture_done(&f);
}

static const struct {
    const char *what, *conditions;
    bool ready;
} node_rows[] = {
    {"Ready True", "[{\"type\":\"DiskPressure\",\"status\":\"False\"},{\"type\":\"Ready\",\"status\":\"True\"}]", true},
    {"Ready False", "[{\"type\":\"Ready\",\"status\":\"False\"}]", false},
    {"Ready Unknown", "[{\"type\":\"Ready\",\"status\":\"Unknown\"}]", false},
    {"no Ready", "[{\"type\":\"DiskPressure\",\"status\":\"True\"}]", false},
    {"Ready of a wrong type", "[{\"type\":\"Ready\",\"status\":true}]", false},
    {"an object as list", "{\"x\":{\"type\":\"Ready\",\"status\":\"True\"}}", false},
    {"garbage before", "[null,1,\"x\",{\"type\":\"Ready\",\"status\":\"True\"}]", true},
};

static void test_node_readiness(void **state)
{
    (void)state;
    struct fixture f;

    fixture_init(&f);
    for (size_t i = 0; i < CS_ARRAY_LEN(node_rows); i++) {
        cs_autostrbuf text = CS_STRBUF_INIT;
        cs_strbuf_addf(
            &text, OBJ(",\"labels\":{\"zone\":\"a\"}},\"status\":{\"conditions\":%s}"), node_rows[i].conditions);
        struct cs_node *n = cs_node_decode(f.pool, fixture_parse(&f, cs_strbuf_str(&text)), NULL);
        assert_non_null(n);
        if (n->ready != node_rows[i].ready)
            fail_msg("%s: %d", node_rows[i].what, n->ready);
        assert_string_equal(cs_pairs_get(&n->meta.labels, "zone"), "a");
        cs_node_free(f.pool, n);
    }
    cs_node_free(f.pool, NULL);
    fixture_done(&f);
}

static const char lease_text[] = OBJ(",\"namespace\":\"cloneset-system\",\"annotations\":{}},\"spec\":{"
                                     "\"holderIdentity\":\"pod_1\",\"leaseDurationSeconds\":15,"
                                     "\"acquireTime\":\"2025-01-02T03:04:05.000000Z\",\"renewTime\":\"2025-01-02T03:04:"
                                     "15.678901Z\",\"leaseTransitions\":4}");

static void test_lease(void **state)
{
    (void)state;
    struct fixture f;

    fixture_init(&f);
    struct cs_lease *l = cs_lease_decode(f.pool, fixture_parse(&f, lease_text), NULL);
    assert_non_null(l);
    assert_string_equal(l->meta.ns, "cloneset-system");
    assert_string_equal(l->holder, "pod_1");
    assert_int_equal(l->duration_s, 15);
    assert_int_equal(l->acquired_ms, 1735787045000);
    assert_int_equal(l->renewed_ms, 1735787055678);
    assert_int_equal(l->transitions, 4);
    cs_lease_free(f.pool, l);

    l = cs_lease_decode(
        f.pool, fixture_parse(&f, OBJ("},\"spec\":{\"holderIdentity\":\"\",\"renewTime\":null}")), NULL);
    assert_string_equal(l->holder, "");
    assert_int_equal(l->renewed_ms, 0);
    cs_lease_free(f.pool, l);

    l = cs_lease_decode(f.pool, fixture_parse(&f, OBJ("}")), NULL);
    assert_non_null(l);
    assert_null(l->holder);
    cs_lease_free(f.pool, l);
    cs_lease_free(f.pool, NULL);
    fixture_done(&f);
}

/* ---- garbage ---- */

/* All four decoders on every object: none may depend on being given its own kind. */
static void check_all(void *ctx, struct cs_json obj, const char *path, const char *garbage)
{
    static const char *const needed[] = {
        "", "metadata", "metadata.name", "metadata.uid", "metadata.namespace", "metadata.resourceVersion"};
    struct cs_intern *pool = ctx;
    bool may_fail = false;

    for (size_t i = 0; i < CS_ARRAY_LEN(needed); i++)
        may_fail |= strcmp(path, needed[i]) == 0;
    struct cs_claim *c = cs_claim_decode(pool, obj, NULL);
    struct cs_revision *r = cs_revision_decode(pool, obj, NULL);
    struct cs_node *n = cs_node_decode(pool, obj, NULL);
    struct cs_lease *l = cs_lease_decode(pool, obj, NULL);
    if (!(c && r && n && l) && !may_fail)
        fail_msg("%s = %s: did not decode", path, garbage);
    cs_claim_free(pool, c);
    cs_revision_free(pool, r);
    cs_node_free(pool, n);
    cs_lease_free(pool, l);
    assert_int_equal(cs_intern_count(pool), 0);
}

static void test_garbage_in_every_place(void **state)
{
    (void)state;
    struct fixture f;

    fixture_init(&f);
    struct cs_json claims = fixture_load(&f, PEER "1-at-rest/persistentvolumeclaims.json");
    assert_true(fixture_garbage(cs_json_index(claims, 0), check_all, f.pool) > 300);
    struct cs_json revisions = fixture_load(&f, PEER "1-at-rest/controllerrevisions.json");
    assert_true(fixture_garbage(cs_json_index(revisions, 2), check_all, f.pool) > 300);
    assert_true(fixture_garbage(fixture_parse(&f, lease_text), check_all, f.pool) > 100);
    fixture_done(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_claim_phases),
        cmocka_unit_test(u13_what_growth_needs_to_know_of_a_claim),
        cmocka_unit_test(test_the_peers_claims),
        cmocka_unit_test(test_the_peers_revisions),
        cmocka_unit_test(u09_recorded_claim_templates),
        cmocka_unit_test(test_a_revision_without_anything),
        cmocka_unit_test(test_node_readiness),
        cmocka_unit_test(test_lease),
        cmocka_unit_test(test_garbage_in_every_place),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
