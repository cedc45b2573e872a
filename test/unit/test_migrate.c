/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Taking over from v1beta1 storage (D19): every set is written once, unchanged, and then storedVersions is trimmed; whatever
 * goes wrong, or changes, starts it anew, and nothing is trimmed before all has been written.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "controller/migrate.h"
#include "test/unit/runtime_fake.h"

#define CRD(storage, generation, stored)                                                                               \
    "{\"metadata\":{\"name\":\"clonesets.apps.kruise.io\",\"resourceVersion\":\"77\",\"generation\":" generation       \
    "},\"spec\":{\"versions\":[{\"name\":\"v1beta1\",\"storage\":false},{\"name\":\"" storage                          \
    "\",\"storage\":true}]},\"status\":{\"storedVersions\":[" stored "]}}"
#define MIXED CRD("v1alpha1", "3", "\"v1beta1\",\"v1alpha1\"")
#define PURE CRD("v1alpha1", "3", "\"v1alpha1\"")
#define SET(ns, name) "{\"metadata\":{\"namespace\":\"" ns "\",\"name\":\"" name "\"}}"
#define LIST(token, items) "{\"metadata\":{\"continue\":\"" token "\"},\"items\":[" items "]}"

struct bed {
    struct rt_fake api;
    struct cs_migrate m;
    bool may_write;
};

static bool may_write(void *ctx)
{
    return ((struct bed *)ctx)->may_write;
}

static void bed_init(struct bed *b)
{
    rt_init(&b->api);
    b->may_write = true;
    b->m = (struct cs_migrate){.client = &b->api.client, .loop = &b->api.loop, .may_write = may_write, .ctx = b};
    cs_migrate_lead(&b->m, true);
    rt_pass(&b->api, 0);
}

static void bed_done(struct bed *b)
{
    cs_migrate_stop(&b->m);
    assert_int_equal(rt_count_open(&b->api), 0);
    assert_int_equal(cs_loop_wait_ms(&b->api.loop), -1);
    rt_done(&b->api);
}

/* The one open request, which must be this; answers it and lets what follows at once happen. */
static void serve(
    struct bed *b, enum cs_verb verb, const struct cs_gvr *gvr, const char *name, int status, const char *body)
{
    struct rt_request *q = rt_expect(&b->api);

    assert_int_equal(rt_count_open(&b->api), 1);
    assert_int_equal(q->verb, verb);
    assert_ptr_equal(q->gvr, gvr);
    if (name)
        assert_string_equal(q->name, name);
    rt_answer(q, status, body);
    rt_pass(&b->api, 0);
}

static void serve_crd(struct bed *b, const char *body)
{
    serve(b, CS_VERB_GET, &cs_gvr_crds, CS_CRD_NAME, 200, body);
}

static void serve_set(struct bed *b, const char *name, int status)
{
    struct rt_request *q = rt_expect(&b->api);

    assert_string_equal(q->subresource, "status"); /* neither admission nor the generation has a part in it */
    assert_string_equal(q->body, "{}");
    serve(b, CS_VERB_PATCH_MERGE, &cs_gvr_clonesets, name, status, "{}");
}

/* From the start to the second look at the CRD, with two sets. */
static void run_to_the_end(struct bed *b)
{
    serve_crd(b, MIXED);
    rt_pass(&b->api, 10000);
    serve(b, CS_VERB_LIST, &cs_gvr_clonesets, NULL, 200, LIST("", SET("a", "web") "," SET("b", "db")));
    serve_set(b, "web", 200);
    serve_set(b, "db", 200);
}

static void d19_each_set_is_written_once_and_the_versions_are_trimmed(void **state)
{
    struct bed b;
    struct rt_request *q;

    (void)state;
    bed_init(&b);
    serve_crd(&b, MIXED);
    assert_int_equal(rt_count_open(&b.api), 0);
    rt_pass(&b.api, 9000); /* other API servers learn of the CRD */
    assert_int_equal(rt_count_open(&b.api), 0);
    rt_pass(&b.api, 1000);
    assert_string_equal(rt_expect(&b.api)->query, "limit=25");
    serve(&b, CS_VERB_LIST, &cs_gvr_clonesets, NULL, 200, LIST("t/1", SET("a", "web") "," SET("b", "db")));
    assert_string_equal(rt_expect(&b.api)->ns, "a");
    serve_set(&b, "web", 200);
    assert_string_equal(rt_expect(&b.api)->ns, "b");
    serve_set(&b, "db", 404); /* deleted meanwhile */
    assert_string_equal(rt_expect(&b.api)->query, "limit=25&continue=t%2F1");
    serve(&b, CS_VERB_LIST, &cs_gvr_clonesets, NULL, 200, LIST("", SET("c", "api")));
    serve_set(&b, "api", 200);
    serve_crd(&b, MIXED);
    q = rt_expect(&b.api);
    assert_string_equal(q->subresource, "status");
    assert_string_equal(
        q->body, "{\"metadata\":{\"resourceVersion\":\"77\"},\"status\":{\"storedVersions\":[\"v1alpha1\"]}}");
    serve(&b, CS_VERB_PATCH_MERGE, &cs_gvr_crds, CS_CRD_NAME, 200, PURE);
    assert_int_equal(rt_count_open(&b.api), 0);
    rt_pass(&b.api, 600000); /* and it is looked again, in case the CRD is changed back */
    serve_crd(&b, PURE);
    assert_int_equal(rt_count_open(&b.api), 0);
    bed_done(&b);
}

static void nothing_is_written_where_nothing_is_to_be_done(void **state)
{
    static const struct {
        const char *what, *crd;
        int64_t wait_ms;
    } rows[] = {
        {"one version only", PURE, 600000},
        {"another storage version", CRD("v1beta1", "3", "\"v1alpha1\",\"v1beta1\""), 30000},
        {"no generation", CRD("v1alpha1", "null", "\"v1beta1\""), 30000},
        {"no JSON", "<html>", 30000},
    };

    (void)state;
    for (size_t i = 0; i < CS_ARRAY_LEN(rows); i++) {
        struct bed b;

        bed_init(&b);
        serve_crd(&b, rows[i].crd);
        rt_pass(&b.api, rows[i].wait_ms - 1);
        if (rt_count_open(&b.api) != 0)
            fail_msg("%s: asked again too early", rows[i].what);
        rt_pass(&b.api, 1);
        assert_int_equal(rt_expect(&b.api)->verb, CS_VERB_GET);
        bed_done(&b);
    }
}

static void a_change_of_the_crd_starts_it_anew(void **state)
{
    struct bed b;

    (void)state;
    bed_init(&b);
    run_to_the_end(&b);
    serve_crd(&b, CRD("v1alpha1", "4", "\"v1beta1\",\"v1alpha1\""));
    assert_int_equal(rt_count_open(&b.api), 0); /* not trimmed */
    rt_pass(&b.api, 30000);
    run_to_the_end(&b);
    bed_done(&b);
}

/* The place of the failure: how many requests succeed before it. */
static void any_failure_starts_it_anew(void **state)
{
    (void)state;
    for (int at = 0; at < 6; at++) {
        struct bed b;
        struct rt_request *q;

        bed_init(&b);
        for (int i = 0; i < at; i++) {
            q = rt_expect(&b.api);
            rt_answer(q, 200,
                q->verb == CS_VERB_LIST  ? LIST("", SET("a", "web") "," SET("b", "db"))
                : q->verb == CS_VERB_GET ? MIXED
                                         : "{}");
            rt_pass(&b.api, i == 0 ? 10000 : 0);
        }
        rt_answer(rt_expect(&b.api), at % 2 ? 500 : 0, "");
        rt_pass(&b.api, 29999);
        assert_int_equal(rt_count_open(&b.api), 0);
        rt_pass(&b.api, 1);
        assert_int_equal(rt_expect(&b.api)->verb, CS_VERB_GET);
        run_to_the_end(&b);
        bed_done(&b);
    }
}

/* D12: no write without the lease; a standby asks for nothing. */
static void d12_only_the_leader_writes(void **state)
{
    struct bed b;

    (void)state;
    bed_init(&b);
    serve_crd(&b, MIXED);
    rt_pass(&b.api, 10000);
    b.may_write = false;
    serve(&b, CS_VERB_LIST, &cs_gvr_clonesets, NULL, 200, LIST("", SET("a", "web")));
    assert_int_equal(rt_count_open(&b.api), 0);
    b.may_write = true;
    rt_pass(&b.api, 30000);
    run_to_the_end(&b);
    b.may_write = false;
    serve_crd(&b, MIXED);
    assert_int_equal(rt_count_open(&b.api), 0); /* not trimmed either */
    cs_migrate_lead(&b.m, false);
    rt_pass(&b.api, 1000000);
    assert_int_equal(rt_count_open(&b.api), 0);
    cs_migrate_lead(&b.m, true);
    rt_pass(&b.api, 0);
    assert_int_equal(rt_expect(&b.api)->verb, CS_VERB_GET);
    cs_migrate_lead(&b.m, false); /* what is under way is forgotten */
    assert_int_equal(rt_count_open(&b.api), 0);
    bed_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(d19_each_set_is_written_once_and_the_versions_are_trimmed),
        cmocka_unit_test(nothing_is_written_where_nothing_is_to_be_done),
        cmocka_unit_test(a_change_of_the_crd_starts_it_anew),
        cmocka_unit_test(any_failure_starts_it_anew),
        cmocka_unit_test(d12_only_the_leader_writes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
