/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rotator against a fake API server and a fake clock: from an empty Secret to ready, repair of what others do to the
 * configurations, and rotation by several replicas at once with certificates that are really verified (D20, D21, U-32).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "certs/inspect.h"
#include "certs/rotator.h"
#include "common/base/base64.h"

#include "certs_fake_api.h"

#define SECOND ((int64_t)1000)
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)

static const char empty_secret[] =
    "{\"kind\":\"Secret\",\"metadata\":{\"name\":\"certs\",\"namespace\":\"sys\"},\"type\":\"Opaque\"}";
static const char empty_mutating[] =
    "{\"kind\":\"MutatingWebhookConfiguration\",\"metadata\":{\"name\":\"hooks-m\",\"annotations\":{\"a\":\"b\"}}}";
static const char empty_validating[] =
    "{\"kind\":\"ValidatingWebhookConfiguration\",\"metadata\":{\"name\":\"hooks-v\"},\"webhooks\":[]}";
static const char crd[] =
    "{\"kind\":\"CustomResourceDefinition\",\"metadata\":{\"name\":\"clonesets.apps.kruise.io\"},\"spec\":{\"scope\":"
    "\"Namespaced\",\"conversion\":{\"strategy\":\"Webhook\",\"webhook\":{\"conversionReviewVersions\":[\"v1\"],"
    "\"clientConfig\":{\"service\":{\"namespace\":\"sys\",\"name\":\"hooks\",\"path\":\"/convert\"}}}}}}";

static const struct cs_webhook_entry entries[] = {
    {true, "hooks-m", "mcloneset.kb.io", "/mutate", "{\"failurePolicy\":\"Fail\",\"sideEffects\":\"None\"}"},
    {false, "hooks-v", "vcloneset.kb.io", "/validate", "{\"failurePolicy\":\"Fail\",\"sideEffects\":\"None\"}"},
    {true, "hooks-m", "minstance.kb.io", "/mutate-instance-id", "{\"failurePolicy\":\"Ignore\"}"},
};

/* ---- replicas ---- */

#define MAX_REPLICAS 3

struct replica {
    struct fake_peer peer;
    struct cs_client client;
    struct cs_rand rand;
    struct cs_rotator_options options;
    struct cs_rotator *rotator; /* NULL: not running */
    bool refuse; /* the server takes no pair */
    unsigned offers;
    char *cert, *key; /* what the server serves */
    bool was_ready;
};

struct world {
    bool may_lose_ready; /* the network is slower than the patience of cs_rotator_ready */
    struct fake_api api;
    struct replica replicas[MAX_REPLICAS];
    struct cs_metrics *metrics;
    uint64_t seed;
};

static bool on_pair(void *ctx, const char *cert_pem, const char *key_pem)
{
    struct replica *r = ctx;

    r->offers++;
    if (r->refuse)
        return false;
    free(r->cert);
    free(r->key);
    r->cert = cs_xstrdup(cert_pem);
    r->key = cs_xstrdup(key_pem);
    return true;
}

static void world_init(struct world *w, uint64_t seed)
{
    memset(w, 0, sizeof(*w));
    w->seed = seed;
    fake_init(&w->api, seed);
    w->metrics = cs_metrics_new();
    for (unsigned i = 0; i < MAX_REPLICAS; i++) {
        struct replica *r = &w->replicas[i];

        r->peer = (struct fake_peer){.api = &w->api};
        r->client = fake_client(&r->peer);
        r->rand.state = seed * 31 + i;
        r->options = (struct cs_rotator_options){.client = &r->client,
            .loop = &w->api.loop,
            .rand = &r->rand,
            .metrics = w->metrics,
            .ns = "sys",
            .secret = "certs",
            .service = "hooks",
            .manage_webhooks = true,
            .entries = entries,
            .n_entries = CS_ARRAY_LEN(entries),
            .on_pair = on_pair,
            .ctx = r};
    }
}

/* As the manifests are applied. */
static void install(struct world *w)
{
    fake_put_text(&w->api, FAKE_SECRET, empty_secret);
    fake_put_text(&w->api, FAKE_MUTATING, empty_mutating);
    fake_put_text(&w->api, FAKE_VALIDATING, empty_validating);
}

static void start(struct replica *r)
{
    r->rotator = cs_rotator_new(&r->options);
    cs_rotator_start(r->rotator);
}

static void stop(struct replica *r)
{
    cs_rotator_free(r->rotator);
    free(r->cert);
    free(r->key);
    r->rotator = NULL;
    r->cert = r->key = NULL;
    r->was_ready = false;
}

static void world_done(struct world *w)
{
    for (unsigned i = 0; i < MAX_REPLICAS; i++)
        stop(&w->replicas[i]);
    fake_done(&w->api);
    cs_metrics_free(w->metrics);
}
#define auto_world CS_CLEANUP(world_done) struct world

static void run(struct world *w, int64_t ms)
{
    int64_t end = w->api.now_ms + ms;

    while (w->api.now_ms < end)
        (void)fake_advance(&w->api, end - w->api.now_ms);
}

static const char *why(struct replica *r)
{
    static char text[1024];

    cs_rotator_ready(r->rotator, text, sizeof(text));
    return text;
}

static void assert_ready(struct replica *r)
{
    if (!cs_rotator_ready(r->rotator, NULL, 0))
        fail_msg("not ready: %s", why(r));
}

static void assert_waits_for(struct replica *r, const char *what)
{
    if (cs_rotator_ready(r->rotator, NULL, 0))
        fail_msg("ready, but should wait for: %s", what);
    if (!strstr(why(r), what))
        fail_msg("waits for \"%s\", not for \"%s\"", why(r), what);
}

/* caBundle of an entry, decoded and owned; NULL when the entry or the bundle is missing. */
static char *bundle_in(const struct cs_jtree *config, const char *entry)
{
    struct cs_jtree *hooks = cs_jtree_get(config, "webhooks");

    for (struct cs_jtree *h = hooks ? cs_jtree_first(hooks) : NULL; h; h = cs_jtree_next(h)) {
        const char *b64 = cs_jtree_str(cs_jtree_get(cs_jtree_get(h, "clientConfig"), "caBundle"));
        char *pem = NULL;

        if (cs_streq(cs_jtree_str(cs_jtree_get(h, "name")), entry))
            return b64 && cs_base64_decode(cs_str(b64), CS_MAX_PEM, &pem, NULL, NULL) ? pem : NULL;
    }
    return NULL;
}

static bool published(const struct world *w, int object, const char *entry, const char *cert)
{
    cs_autofree char *pem = bundle_in(w->api.objects[object], entry);

    return pem && cs_inspect_verifies(cert, pem, fake_wall((void *)(uintptr_t)&w->api));
}

static void assert_all_published(const struct world *w, const char *cert)
{
    assert_true(published(w, FAKE_MUTATING, "mcloneset.kb.io", cert));
    assert_true(published(w, FAKE_MUTATING, "minstance.kb.io", cert));
    assert_true(published(w, FAKE_VALIDATING, "vcloneset.kb.io", cert));
}

static char *secret_value(const struct world *w, const char *key)
{
    const char *b64 = cs_jtree_str(cs_jtree_get(cs_jtree_get(w->api.objects[FAKE_SECRET], "data"), key));
    char *text = NULL;

    return b64 && cs_base64_decode(cs_str(b64), CS_MAX_PEM, &text, NULL, NULL) ? text : NULL;
}

/* By the CA that stands first in the Secret. */
static bool served_by_newest_ca(const struct world *w, const struct replica *r)
{
    cs_autofree char *ca_crt = secret_value(w, "ca.crt");
    CS_CLEANUP(cs_bundle_facts_done) struct cs_bundle_facts bundle = {0};
    CS_CLEANUP(cs_leaf_facts_done) struct cs_leaf_facts leaf = {0};

    cs_inspect_bundle(ca_crt, NULL, &bundle);
    cs_inspect_leaf(r->cert, r->key, &bundle, NULL, &leaf);
    return leaf.signer == 0;
}

/* Something else than the rotator changes a member of an object's root. */
static void edit(struct world *w, int object, const char *key, const char *json)
{
    struct cs_jtree *copy = cs_jtree_dup(w->api.objects[object]);

    if (json)
        cs_jtree_set(copy, key, fake_parse(json));
    else
        cs_jtree_del(copy, key);
    fake_put(&w->api, object, copy);
}

static void edit_annotations(struct world *w, int object, const char *json)
{
    struct cs_jtree *copy = cs_jtree_dup(w->api.objects[object]);

    cs_jtree_set(cs_jtree_get(copy, "metadata"), "annotations", fake_parse(json));
    fake_put(&w->api, object, copy);
}

static double repairs(const struct world *w, const char *kind, const char *name)
{
    static const struct cs_metric_desc desc = {.name = "cloneset_webhook_configuration_repairs_total",
        .help = "",
        .type = CS_METRIC_COUNTER,
        .labels = {"kind", "name"}};

    return cs_metric_value(cs_metric_get(w->metrics, &desc), CS_LABELS(kind, name));
}

/* ---- from nothing to ready ---- */

static void an_empty_secret_is_filled_and_published(void **state)
{
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
    run(&w, 10 * HOUR);
    assert_int_equal(w.api.patches[FAKE_SECRET] + w.api.patches[FAKE_MUTATING] + w.api.patches[FAKE_VALIDATING], 3);
    assert_true(cs_metric_value(cs_metric_get(w.metrics, &expiry), NULL) > (double)(FAKE_WALL / 1000) + 80 * 86400.0);
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
    fake_put_text(&w.api, FAKE_SECRET, empty_secret);
    run(&w, 5 * SECOND);
    assert_waits_for(r, "MutatingWebhookConfiguration hooks-m not found; re-apply the manifests");
    assert_non_null(r->cert);
    fake_put_text(&w.api, FAKE_MUTATING, empty_mutating);
    run(&w, 5 * SECOND);
    assert_waits_for(r, "ValidatingWebhookConfiguration hooks-v not found");
    fake_put_text(&w.api, FAKE_VALIDATING, empty_validating);
    run(&w, 5 * SECOND);
    assert_ready(r);
}

static void a_missing_right_is_named_and_waited_for(void **state)
{
    auto_world w;
    struct replica *r = &w.replicas[0];

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
    w.api.forbid[FAKE_VALIDATING] = false;
    run(&w, 40 * SECOND);
    assert_ready(r);
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
    fake_put_text(&w.api, FAKE_CRD, crd);
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
    assert_int_equal(w.api.patches[FAKE_MUTATING], 2);
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
    run(&w, 10 * SECOND);
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
    fake_put_text(&w.api, FAKE_MUTATING, empty_mutating);
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
    fake_put_text(&w.api, FAKE_SECRET, empty_secret);
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
    for (struct fake_op *op = w.api.ops, *next; op; op = next) {
        next = op->next;
        if (op->on_chunk) {
            cs_error_set(&op->err, CS_ERR_GONE, "too large resource version");
            fake_answer(op);
        }
    }
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

/* ---- the property ---- */

/* Certificates and bundles seen in a run, and whether they go together (asked once). */
struct knowledge {
    struct {
        const char *cert; /* owned */
        size_t event;
        bool ok;
    } * items;
    size_t len, cap;
};

static void knowledge_done(struct knowledge *k)
{
    for (size_t i = 0; i < k->len; i++)
        free((void *)(uintptr_t)k->items[i].cert);
    free(k->items);
}

static bool goes_together(struct knowledge *k, const struct world *w, const char *cert, size_t event)
{
    const struct fake_event *e = &w->api.log[event];
    cs_autojtree *config = NULL;
    cs_autofree char *pem = NULL;

    for (size_t i = k->len; i-- > 0;) {
        if (k->items[i].event == event && cs_streq(k->items[i].cert, cert))
            return k->items[i].ok;
    }
    config = fake_parse(e->text);
    pem = bundle_in(config, e->object == FAKE_MUTATING ? "mcloneset.kb.io" : "vcloneset.kb.io");
    cs_grow(k->items, k->len, k->cap);
    k->items[k->len].cert = cs_xstrdup(cert);
    k->items[k->len].event = event;
    k->items[k->len].ok = !pem || cs_inspect_verifies(cert, pem, fake_wall((void *)(uintptr_t)&w->api));
    return k->items[k->len++].ok;
}

/*
 * Whatever replica an API server calls, and whatever version of a configuration of the last moments it knows: the
 * certificate is good. (2 s: how long a new CA settles in with these lifetimes.)
 */
static void check(struct world *w, struct knowledge *k)
{
    bool done[FAKE_OBJECTS] = {false};

    for (size_t i = w->api.len; i-- > 0;) {
        const struct fake_event *e = &w->api.log[i];

        if (e->object == FAKE_SECRET || done[e->object])
            continue;
        done[e->object] = e->at_ms < w->api.now_ms - 1800;
        for (unsigned r = 0; r < MAX_REPLICAS; r++) {
            if (w->replicas[r].cert && !goes_together(k, w, w->replicas[r].cert, i))
                fail_msg("seed %" PRIu64 ", second %" PRId64 ": replica %u serves what version %" PRIu64 " refuses",
                    w->seed, (w->api.now_ms - 1000000) / 1000, r, e->rv);
        }
    }
}

static void check_ready(struct world *w)
{
    for (unsigned i = 0; i < MAX_REPLICAS; i++) {
        struct replica *r = &w->replicas[i];
        bool ready = r->rotator && cs_rotator_ready(r->rotator, NULL, 0);

        if (r->was_ready && !ready && !w->may_lose_ready)
            fail_msg("seed %" PRIu64 ", second %" PRId64 ": replica %u is not ready any more: %s", w->seed,
                (w->api.now_ms - 1000000) / 1000, i, why(r));
        r->was_ready = ready;
    }
}

static void live(struct world *w, struct knowledge *k, int64_t ms, bool restarts)
{
    int64_t end = w->api.now_ms + ms, next_restart = w->api.now_ms + 30 * SECOND;

    while (w->api.now_ms < end) {
        (void)fake_advance(&w->api, 500);
        check(w, k);
        check_ready(w);
        assert_int_equal(w->api.unordered, 0);
        if (restarts && w->api.now_ms >= next_restart) {
            struct replica *r = &w->replicas[cs_rand_below(&w->api.rand, MAX_REPLICAS)];

            next_restart += (int64_t)cs_rand_below(&w->api.rand, 20000);
            stop(r);
            start(r);
        }
    }
}

static unsigned seed_count(void)
{
    const char *more = getenv("CS_TEST_SEEDS"); /* CS_TEST_SEEDS=100 for a long night */
    int32_t n = 0;

    return more && cs_parse_i32(cs_str(more), &n) && n > 0 ? (unsigned)n : 1;
}

/* Leaves of a minute, CAs of three: about 15 leaves and 5 CAs in 10 minutes; scale stretches all of it. */
static void rotate(int64_t max_delay_ms, unsigned fault_pct, bool restarts, int64_t scale)
{
    for (uint64_t seed = 1; seed <= seed_count(); seed++) {
        auto_world w;
        CS_CLEANUP(knowledge_done) struct knowledge k = {0};
        static const struct cs_metric_desc desc = {.name = "cloneset_webhook_certificate_rotations_total",
            .help = "",
            .type = CS_METRIC_COUNTER,
            .labels = {"part"}};
        struct cs_metric *rotations;

        world_init(&w, seed);
        install(&w);
        w.api.max_delay_ms = max_delay_ms;
        w.may_lose_ready = max_delay_ms > SECOND || fault_pct > 5;
        w.api.fault_pct = fault_pct;
        for (unsigned i = 0; i < MAX_REPLICAS; i++) {
            w.replicas[i].options.leaf_lifetime_ms = scale * MINUTE;
            w.replicas[i].options.ca_lifetime_ms = scale * 3 * MINUTE;
            w.replicas[i].options.settle_ms = 2 * SECOND;
            start(&w.replicas[i]);
        }
        live(&w, &k, scale * 10 * MINUTE, restarts);
        rotations = cs_metric_get(w.metrics, &desc); /* writes whose answer was lost are not counted */
        assert_in_range(cs_metric_value(rotations, CS_LABELS("ca")), 2, 9);
        assert_in_range(cs_metric_value(rotations, CS_LABELS("leaf")), 8, 30);
        assert_in_range(cs_metric_value(rotations, CS_LABELS("retire")), 1, 9);
        w.api.fault_pct = 0;
        live(&w, &k, scale * 30 * SECOND, false);
        for (unsigned i = 0; i < MAX_REPLICAS; i++)
            assert_ready(&w.replicas[i]);
    }
}

static void certificates_rotate_without_a_refused_call(void **state)
{
    (void)state;
    rotate(100, 0, false, 1);
}

static void certificates_rotate_on_a_slow_and_broken_network(void **state)
{
    (void)state;
    rotate(800, 8, false, 1);
}

/* Answers older than the time a new CA settles in: order alone must protect. */
static void certificates_rotate_on_a_network_slower_than_the_settling(void **state)
{
    (void)state;
    rotate(5000, 0, false, 5);
}

static void certificates_rotate_while_replicas_crash(void **state)
{
    (void)state;
    rotate(300, 3, true, 1);
}

/* People empty the Secret, cut keys out of it, overwrite bundles, all the time. */
static void certificates_survive_what_people_do_to_the_secret(void **state)
{
    static const char *const patches[] = {"{\"ca.key\":\"\"}", "{\"tls.key\":\"Cg==\"}", "{\"ca.crt\":\"Zm9v\"}",
        "{\"tls.crt\":null}", "{\"ca.crt\":17}"};

    (void)state;
    for (uint64_t seed = 1; seed <= seed_count(); seed++) {
        auto_world w;
        CS_CLEANUP(knowledge_done) struct knowledge k = {0};

        world_init(&w, seed);
        install(&w);
        for (unsigned i = 0; i < MAX_REPLICAS; i++) {
            w.replicas[i].options.leaf_lifetime_ms = 10 * MINUTE;
            start(&w.replicas[i]);
        }
        live(&w, &k, 10 * SECOND, false);
        for (int i = 0; i < 12; i++) {
            struct cs_jtree *copy = cs_jtree_dup(w.api.objects[FAKE_SECRET]);
            uint64_t which = cs_rand_below(&w.api.rand, CS_ARRAY_LEN(patches) + 1);

            if (which < CS_ARRAY_LEN(patches)) {
                cs_autojtree *patch = fake_parse(patches[which]);

                if (!cs_jtree_get(copy, "data"))
                    cs_jtree_set(copy, "data", cs_jtree_new_obj());
                fake_merge(cs_jtree_get(copy, "data"), patch);
            } else {
                cs_jtree_del(copy, "data");
            }
            fake_put(&w.api, FAKE_SECRET, copy);
            live(&w, &k, (int64_t)cs_rand_below(&w.api.rand, 60) * SECOND, false);
        }
        live(&w, &k, 5 * MINUTE, false);
        for (unsigned i = 0; i < MAX_REPLICAS; i++) {
            cs_autofree char *stored = secret_value(&w, "tls.crt");

            assert_ready(&w.replicas[i]);
            assert_string_equal(stored, w.replicas[i].cert);
        }
    }
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
        cmocka_unit_test(certificates_rotate_without_a_refused_call),
        cmocka_unit_test(certificates_rotate_on_a_slow_and_broken_network),
        cmocka_unit_test(certificates_rotate_on_a_network_slower_than_the_settling),
        cmocka_unit_test(certificates_rotate_while_replicas_crash),
        cmocka_unit_test(certificates_survive_what_people_do_to_the_secret),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
