/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rotator against a fake API server and a fake clock: from an empty Secret to ready, and repair of what others do to
 * the Secret and the configurations (D20, D21, U-32, U-33).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "certs/inspect.h"
#include "common/base/alloc.h"
#include "test/unit/certs_world.h"

/* ---- from nothing to ready ---- */

static void an_empty_secret_is_filled_and_published(void **state)
{
    cs_autofree char *text = NULL;
    auto_world w;
    struct replica *r = &w.replicas[0];
    cs_autofree char *ca_crt = NULL;
    cs_autofree char *ca_key = NULL;
    CS_CLEANUP(cs_bundle_facts_done) struct cs_bundle_facts facts = {0};
    static const struct cs_metric_desc expiry = {
        .name = "cloneset_webhook_certificate_expiry_timestamp_seconds", .help = "", .type = CS_METRIC_GAUGE};

    (void)state;
    world_init(&w, 1);
    install(&w);
    start(r);
    assert_waits_for(r, "");
    run(&w, 3 * SECOND);
    assert_ready(r);
    assert_string_equal(why(r), "");
    assert_int_equal(r->offers, 1);
    assert_all_published(&w, r->cert);
    ca_crt = secret_value(&w, "ca.crt");
    ca_key = secret_value(&w, "ca.key");
    cs_inspect_bundle(ca_crt, ca_key, &facts);
    assert_int_equal(facts.n, 1);
    assert_true(facts.key_ok);
    assert_int_equal(w.api.patches[FAKE_SECRET], 1);
    assert_int_equal(w.api.patches[FAKE_MUTATING], 1);
    assert_int_equal(w.api.patches[FAKE_VALIDATING], 1);
    /* What was there stays, and at rest nothing is written. */
    assert_string_equal(cs_jtree_str(cs_jtree_get(
                            cs_jtree_get(cs_jtree_get(w.api.objects[FAKE_MUTATING], "metadata"), "annotations"), "a")),
        "b");
    /* U-33: strict only when a replica has been ready for a while. */
    text = fake_print(w.api.objects[FAKE_VALIDATING]);
    assert_non_null(strstr(text, "\"failurePolicy\":\"Ignore\""));
    run(&w, 10 * SECOND);
    assert_ready(r);
    free(text);
    text = fake_print(w.api.objects[FAKE_VALIDATING]);
    assert_non_null(strstr(text, "\"failurePolicy\":\"Fail\""));
    assert_int_equal(repairs(&w, "ValidatingWebhookConfiguration", "hooks-v"), 0);
    run(&w, 10 * HOUR);
    assert_int_equal(w.api.patches[FAKE_SECRET] + w.api.patches[FAKE_MUTATING] + w.api.patches[FAKE_VALIDATING], 5);
    assert_true(cs_metric_value(cs_metric_get(w.metrics, &expiry), NULL) > (double)FAKE_WALL / 1000 + 80 * 86400.0);
}

static void replicas_that_start_together_agree(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 5; seed++) {
        auto_world w;

        world_init(&w, seed);
        install(&w);
        for (unsigned i = 0; i < MAX_REPLICAS; i++)
            start(&w.replicas[i]);
        run(&w, 5 * SECOND);
        for (unsigned i = 0; i < MAX_REPLICAS; i++) {
            assert_ready(&w.replicas[i]);
            assert_string_equal(w.replicas[i].cert, w.replicas[0].cert);
        }
        assert_all_published(&w, w.replicas[0].cert);
        assert_int_equal(w.api.patches[FAKE_SECRET], 1);
        assert_int_equal(w.api.patches[FAKE_MUTATING], 1);
        assert_int_equal(w.api.patches[FAKE_VALIDATING], 1);
    }
}

static void who_loses_the_race_reads_what_won(void **state)
{
    auto_world w;

    (void)state;
    world_init(&w, 1);
    install(&w);
    w.api.stall = true; /* the watch would tell, but later */
    start(&w.replicas[0]);
    start(&w.replicas[1]);
    run(&w, SECOND);
    assert_int_equal(w.api.patches[FAKE_SECRET], 1);
    assert_non_null(w.replicas[0].cert);
    assert_non_null(w.replicas[1].cert);
    assert_string_equal(w.replicas[0].cert, w.replicas[1].cert);
}

static void a_restart_changes_nothing(void **state)
{
    auto_world w;

    (void)state;
    world_init(&w, 2);
    install(&w);
    start(&w.replicas[0]);
    run(&w, 5 * SECOND);
    start(&w.replicas[1]);
    run(&w, 5 * SECOND);
    assert_ready(&w.replicas[1]);
    assert_string_equal(w.replicas[0].cert, w.replicas[1].cert);
    assert_int_equal(w.api.patches[FAKE_SECRET], 1);
    assert_int_equal(w.api.patches[FAKE_MUTATING], 1);
}

static void what_is_missing_is_named(void **state)
{
    auto_world w;
    struct replica *r = &w.replicas[0];

    (void)state;
    world_init(&w, 3);
    start(r);
    run(&w, 30 * SECOND);
    assert_waits_for(r, "Secret sys/certs not found; re-apply the manifests");
    fake_put_text(&w.api, FAKE_SECRET, cert_world_empty_secret);
    run(&w, 5 * SECOND);
    assert_waits_for(r, "MutatingWebhookConfiguration hooks-m not found; re-apply the manifests");
    assert_non_null(r->cert);
    fake_put_text(&w.api, FAKE_MUTATING, cert_world_empty_mutating);
    run(&w, 5 * SECOND);
    assert_waits_for(r, "ValidatingWebhookConfiguration hooks-v not found");
    fake_put_text(&w.api, FAKE_VALIDATING, cert_world_empty_validating);
    run(&w, 5 * SECOND);
    assert_ready(r);
}

static void a_missing_right_is_named_and_waited_for(void **state)
{
    auto_world w;
    struct replica *r = &w.replicas[0];
    cs_autofree char *text = NULL;

    (void)state;
    world_init(&w, 4);
    install(&w);
    w.api.forbid[FAKE_SECRET] = true;
    start(r);
    run(&w, 10 * SECOND);
    assert_waits_for(r, "Secret sys/certs: writing: not allowed");
    w.api.forbid[FAKE_SECRET] = false;
    w.api.forbid[FAKE_VALIDATING] = true;
    run(&w, 40 * SECOND);
    assert_waits_for(r, "ValidatingWebhookConfiguration hooks-v");
    assert_waits_for(r, "not allowed");
    /* U-33: a replica that is not ready gets no call, so that strict entries would refuse every write. */
    text = fake_print(w.api.objects[FAKE_MUTATING]);
    assert_null(strstr(text, "\"failurePolicy\":\"Fail\""));
    w.api.forbid[FAKE_VALIDATING] = false;
    run(&w, 40 * SECOND);
    assert_ready(r);
    free(text);
    text = fake_print(w.api.objects[FAKE_MUTATING]);
    assert_non_null(strstr(text, "\"failurePolicy\":\"Fail\""));
}

static void a_server_that_refuses_the_pair_keeps_us_unready_and_unpublished(void **state)
{
    auto_world w;
    struct replica *r = &w.replicas[0];

    (void)state;
    world_init(&w, 5);
    install(&w);
    r->refuse = true;
    start(r);
    run(&w, 21 * SECOND);
    assert_waits_for(r, "the server does not take the certificate");
    assert_in_range(r->offers, 3, 6);
    assert_int_equal(w.api.patches[FAKE_MUTATING], 0);
    r->refuse = false;
    run(&w, 10 * SECOND);
    assert_ready(r);
}

static void an_unusable_url_is_named(void **state)
{
    auto_world w;

    (void)state;
    world_init(&w, 6);
    install(&w);
    w.replicas[0].options.url = "http://plain";
    start(&w.replicas[0]);
    run(&w, 5 * SECOND);
    assert_waits_for(&w.replicas[0], "http://plain");
    assert_int_equal(w.api.patches[FAKE_SECRET], 0);
}

static void with_a_url_it_is_published_and_a_name_of_the_leaf(void **state)
{
    auto_world w;
    struct replica *r = &w.replicas[0];
    static const struct cs_bundle_facts none;
    CS_CLEANUP(cs_leaf_facts_done) struct cs_leaf_facts leaf = {0};
    char *ip = cs_xstrdup("127.0.0.1");
    struct cs_cert_names names = {.items = &ip, .len = 1};
    cs_autofree char *text = NULL;

    (void)state;
    world_init(&w, 7);
    install(&w);
    start(&w.replicas[1]); /* in the cluster, by Service */
    run(&w, 5 * SECOND);
    stop(&w.replicas[1]);
    r->options.url = "https://127.0.0.1:9443";
    start(r);
    run(&w, 5 * SECOND);
    assert_ready(r);
    cs_inspect_leaf(r->cert, r->key, &none, &names, &leaf);
    assert_true(leaf.names_ok);
    text = fake_print(w.api.objects[FAKE_VALIDATING]);
    assert_non_null(strstr(text, "\"url\":\"https://127.0.0.1:9443/validate\""));
    assert_null(strstr(text, "\"service\""));
    assert_all_published(&w, r->cert);
    free(ip);
}

static void unmanaged_configurations_are_left_alone(void **state)
{
    auto_world w;

    (void)state;
    world_init(&w, 8);
    install(&w);
    w.replicas[0].options.manage_webhooks = false;
    start(&w.replicas[0]);
    run(&w, 5 * SECOND);
    assert_ready(&w.replicas[0]);
    assert_int_equal(w.api.patches[FAKE_MUTATING] + w.api.patches[FAKE_VALIDATING], 0);
}

static void the_crd_gets_the_bundle_when_it_converts(void **state)
{
    auto_world w;
    struct replica *r = &w.replicas[0];
    cs_autofree char *text = NULL;

    (void)state;
    world_init(&w, 9);
    install(&w);
    r->options.crd = "clonesets.apps.kruise.io";
    start(r);
    run(&w, 5 * SECOND);
    assert_waits_for(r, "CustomResourceDefinition clonesets.apps.kruise.io not found");
    fake_put_text(&w.api, FAKE_CRD, cert_world_crd);
    run(&w, 5 * SECOND);
    assert_ready(r);
    text = fake_print(w.api.objects[FAKE_CRD]);
    assert_non_null(strstr(text, "\"scope\":\"Namespaced\""));
    assert_non_null(strstr(text, "\"caBundle\":\""));
    edit(&w, FAKE_CRD, "spec", "{\"conversion\":{\"strategy\":\"None\"}}");
    run(&w, 30 * SECOND);
    assert_ready(r);
    assert_int_equal(w.api.patches[FAKE_CRD], 1);
}

/* ---- what others do ---- */

static void a_foreign_overwrite_is_repaired_at_once(void **state)
{
    auto_world w;
    cs_autofree char *text = NULL;

    (void)state;
    world_init(&w, 10);
    install(&w);
    for (unsigned i = 0; i < MAX_REPLICAS; i++)
        start(&w.replicas[i]);
    run(&w, 30 * SECOND);
    edit(&w, FAKE_MUTATING, "webhooks",
        "[{\"name\":\"other.example.com\",\"x\":1.0},{\"name\":\"mcloneset.kb.io\",\"clientConfig\":{\"caBundle\":\"Cg="
        "=\"},"
        "\"failurePolicy\":\"Ignore\",\"namespaceSelector\":{}}]");
    run(&w, SECOND);
    assert_all_published(&w, w.replicas[0].cert);
    text = fake_print(w.api.objects[FAKE_MUTATING]);
    assert_non_null(strstr(text, "{\"name\":\"other.example.com\",\"x\":1.0}"));
    assert_non_null(strstr(text, "\"namespaceSelector\":{}"));
    assert_int_equal(w.api.patches[FAKE_MUTATING], 3);
    assert_int_equal(repairs(&w, "MutatingWebhookConfiguration", "hooks-m"), 1);
    for (unsigned i = 0; i < MAX_REPLICAS; i++)
        assert_ready(&w.replicas[i]);
}

/* Re-applying the manifests with a client that replaces: our entries are gone, again and again. */
static void a_fight_is_not_fought_hot(void **state)
{
    auto_world w;
    unsigned before;

    (void)state;
    world_init(&w, 11);
    install(&w);
    start(&w.replicas[0]);
    run(&w, MINUTE);
    before = w.api.patches[FAKE_VALIDATING];
    for (int i = 0; i < 3000; i++) {
        edit(&w, FAKE_VALIDATING, "webhooks", "[]");
        run(&w, 100);
    }
    /* 300 s: at 0, 1, 3, 7, 15, 31, then every 30 s */
    assert_in_range(w.api.patches[FAKE_VALIDATING] - before, 8, 18);
    assert_waits_for(&w.replicas[0], "ValidatingWebhookConfiguration hooks-v does not show");
    run(&w, 31 * SECOND);
    assert_ready(&w.replicas[0]);
    assert_all_published(&w, w.replicas[0].cert);
    /* After a quiet time the first repair is immediate again. */
    run(&w, 5 * MINUTE);
    edit(&w, FAKE_VALIDATING, "webhooks", "[]");
    run(&w, SECOND);
    assert_all_published(&w, w.replicas[0].cert);
}

/* The Secret is read after the version that is replaced, also when that version is no longer the one it began with. */
static void a_configuration_that_changes_meanwhile_is_begun_anew(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 10; seed++) {
        auto_world w;

        world_init(&w, seed);
        install(&w);
        start(&w.replicas[0]);
        run(&w, 10 * SECOND);
        for (int i = 0; i < 500; i++) {
            edit(&w, FAKE_MUTATING, "webhooks", "[]");
            run(&w, 15);
        }
        run(&w, 31 * SECOND);
        assert_int_equal(w.api.unordered, 0);
        assert_all_published(&w, w.replicas[0].cert);
    }
}

static void an_opted_out_configuration_is_left_alone_and_not_waited_for(void **state)
{
    auto_world w;

    (void)state;
    world_init(&w, 12);
    install(&w);
    edit_annotations(&w, FAKE_VALIDATING, "{\"" CS_ANNO_MANAGE_WEBHOOKS "\":\"false\"}");
    start(&w.replicas[0]);
    run(&w, 5 * SECOND);
    assert_ready(&w.replicas[0]);
    assert_int_equal(w.api.patches[FAKE_VALIDATING], 0);
    edit_annotations(&w, FAKE_VALIDATING, "{}");
    run(&w, 5 * SECOND);
    assert_all_published(&w, w.replicas[0].cert);
}

static void a_deleted_configuration_is_filled_when_it_comes_back(void **state)
{
    auto_world w;

    (void)state;
    world_init(&w, 13);
    install(&w);
    start(&w.replicas[0]);
    run(&w, 5 * SECOND);
    fake_put(&w.api, FAKE_MUTATING, NULL);
    run(&w, 10 * SECOND);
    assert_ready(&w.replicas[0]); /* for a moment */
    run(&w, 10 * SECOND);
    assert_waits_for(&w.replicas[0], "MutatingWebhookConfiguration hooks-m not found");
    fake_put_text(&w.api, FAKE_MUTATING, cert_world_empty_mutating);
    run(&w, 2 * SECOND);
    assert_ready(&w.replicas[0]);
    assert_all_published(&w, w.replicas[0].cert);
}

static void a_deleted_secret_comes_back_with_the_pair_that_is_served(void **state)
{
    auto_world w;
    struct replica *r = &w.replicas[0];
    cs_autofree char *cert = NULL;
    cs_autofree char *stored = NULL;

    (void)state;
    world_init(&w, 14);
    install(&w);
    start(r);
    run(&w, 5 * SECOND);
    cert = cs_xstrdup(r->cert);
    fake_put(&w.api, FAKE_SECRET, NULL);
    run(&w, 60 * SECOND);
    assert_ready(r); /* it serves, and what it serves is trusted */
    fake_put_text(&w.api, FAKE_SECRET, cert_world_empty_secret);
    run(&w, 3 * SECOND);
    stored = secret_value(&w, "tls.crt");
    assert_string_equal(stored, cert);
    run(&w, 60 * SECOND);
    assert_ready(r);
    assert_string_not_equal(r->cert, cert); /* and then a leaf of the new CA: the old CA's key is lost */
    assert_all_published(&w, r->cert);
    assert_all_published(&w, cert);
}

static void requests_that_fail_are_tried_again(void **state)
{
    (void)state;
    for (uint64_t seed = 20; seed < 24; seed++) {
        auto_world w;

        world_init(&w, seed);
        install(&w);
        w.api.fault_pct = 40;
        for (unsigned i = 0; i < MAX_REPLICAS; i++)
            start(&w.replicas[i]);
        run(&w, 3 * MINUTE);
        w.api.fault_pct = 0;
        run(&w, 3 * MINUTE);
        for (unsigned i = 0; i < MAX_REPLICAS; i++) {
            assert_ready(&w.replicas[i]);
            assert_string_equal(w.replicas[i].cert, w.replicas[0].cert);
        }
        assert_all_published(&w, w.replicas[0].cert);
    }
}

/* Etcd comes back from a backup: lower versions, old contents. */
static void a_restored_server_is_believed(void **state)
{
    auto_world w;
    cs_autojtree *backup = NULL;

    (void)state;
    world_init(&w, 15);
    install(&w);
    start(&w.replicas[0]);
    run(&w, 5 * SECOND);
    backup = cs_jtree_dup(w.api.objects[FAKE_SECRET]);
    w.api.rv += 1000;
    edit(&w, FAKE_SECRET, "data", NULL);
    run(&w, 60 * SECOND);
    w.api.rv = 500;
    fake_put(&w.api, FAKE_SECRET, cs_take(backup));
    edit(&w, FAKE_MUTATING, "x", "1");
    edit(&w, FAKE_VALIDATING, "x", "1");
    fake_expire_watches(&w.api);
    run(&w, 2 * MINUTE);
    assert_ready(&w.replicas[0]);
    assert_all_published(&w, w.replicas[0].cert);
    {
        cs_autofree char *stored = secret_value(&w, "tls.crt");

        assert_string_equal(stored, w.replicas[0].cert);
    }
}

static void the_leaf_waits_for_the_last_configuration(void **state)
{
    auto_world w;
    struct replica *r = &w.replicas[0];

    (void)state;
    world_init(&w, 16);
    install(&w);
    r->options.leaf_lifetime_ms = HOUR;
    r->options.ca_lifetime_ms = 3 * HOUR;
    start(r);
    run(&w, MINUTE);
    assert_true(served_by_newest_ca(&w, r));
    w.api.forbid[FAKE_VALIDATING] = true;
    edit(&w, FAKE_SECRET, "data", NULL); /* a new CA joins, the leaf is restored */
    run(&w, 10 * MINUTE);
    assert_false(served_by_newest_ca(&w, r));
    assert_all_published(&w, r->cert);
    w.api.forbid[FAKE_VALIDATING] = false;
    run(&w, MINUTE);
    assert_true(served_by_newest_ca(&w, r));
    assert_all_published(&w, r->cert);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_secret_is_filled_and_published),
        cmocka_unit_test(replicas_that_start_together_agree),
        cmocka_unit_test(who_loses_the_race_reads_what_won),
        cmocka_unit_test(a_restart_changes_nothing),
        cmocka_unit_test(what_is_missing_is_named),
        cmocka_unit_test(a_missing_right_is_named_and_waited_for),
        cmocka_unit_test(a_server_that_refuses_the_pair_keeps_us_unready_and_unpublished),
        cmocka_unit_test(an_unusable_url_is_named),
        cmocka_unit_test(with_a_url_it_is_published_and_a_name_of_the_leaf),
        cmocka_unit_test(unmanaged_configurations_are_left_alone),
        cmocka_unit_test(the_crd_gets_the_bundle_when_it_converts),
        cmocka_unit_test(a_foreign_overwrite_is_repaired_at_once),
        cmocka_unit_test(a_fight_is_not_fought_hot),
        cmocka_unit_test(a_configuration_that_changes_meanwhile_is_begun_anew),
        cmocka_unit_test(an_opted_out_configuration_is_left_alone_and_not_waited_for),
        cmocka_unit_test(a_deleted_configuration_is_filled_when_it_comes_back),
        cmocka_unit_test(a_deleted_secret_comes_back_with_the_pair_that_is_served),
        cmocka_unit_test(requests_that_fail_are_tried_again),
        cmocka_unit_test(a_restored_server_is_believed),
        cmocka_unit_test(the_leaf_waits_for_the_last_configuration),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
