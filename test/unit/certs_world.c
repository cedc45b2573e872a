/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fixture behind certs_world.h.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "certs/inspect.h"
#include "common/base/alloc.h"
#include "common/base/base64.h"
#include "test/unit/certs_world.h"

const char cert_world_empty_secret[] =
    "{\"kind\":\"Secret\",\"metadata\":{\"name\":\"certs\",\"namespace\":\"sys\"},\"type\":\"Opaque\"}";
const char cert_world_empty_mutating[] =
    "{\"kind\":\"MutatingWebhookConfiguration\",\"metadata\":{\"name\":\"hooks-m\",\"annotations\":{\"a\":\"b\"}}}";
const char cert_world_empty_validating[] =
    "{\"kind\":\"ValidatingWebhookConfiguration\",\"metadata\":{\"name\":\"hooks-v\"},\"webhooks\":[]}";
const char cert_world_crd[] =
    "{\"kind\":\"CustomResourceDefinition\",\"metadata\":{\"name\":\"clonesets.apps.kruise.io\"},\"spec\":{\"scope\":"
    "\"Namespaced\",\"conversion\":{\"strategy\":\"Webhook\",\"webhook\":{\"conversionReviewVersions\":[\"v1\"],"
    "\"clientConfig\":{\"service\":{\"namespace\":\"sys\",\"name\":\"hooks\",\"path\":\"/convert\"}}}}}}";

static const struct cs_webhook_entry entries[] = {
    {true, "hooks-m", "mcloneset.kb.io", "/mutate", "{\"failurePolicy\":\"Fail\",\"sideEffects\":\"None\"}"},
    {false, "hooks-v", "vcloneset.kb.io", "/validate", "{\"failurePolicy\":\"Fail\",\"sideEffects\":\"None\"}"},
    {true, "hooks-m", "minstance.kb.io", "/mutate-instance-id", "{\"failurePolicy\":\"Ignore\"}"},
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

void world_init(struct world *w, uint64_t seed)
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

void install(struct world *w)
{
    fake_put_text(&w->api, FAKE_SECRET, cert_world_empty_secret);
    fake_put_text(&w->api, FAKE_MUTATING, cert_world_empty_mutating);
    fake_put_text(&w->api, FAKE_VALIDATING, cert_world_empty_validating);
}

void start(struct replica *r)
{
    r->rotator = cs_rotator_new(&r->options);
    cs_rotator_start(r->rotator);
}

void stop(struct replica *r)
{
    cs_rotator_free(r->rotator);
    free(r->cert);
    free(r->key);
    r->rotator = NULL;
    r->cert = r->key = NULL;
    r->was_ready = false;
}

void world_done(struct world *w)
{
    for (unsigned i = 0; i < MAX_REPLICAS; i++)
        stop(&w->replicas[i]);
    fake_done(&w->api);
    cs_metrics_free(w->metrics);
}
void run(struct world *w, int64_t ms)
{
    int64_t end = w->api.now_ms + ms;

    while (w->api.now_ms < end)
        (void)fake_advance(&w->api, end - w->api.now_ms);
}

const char *why(struct replica *r)
{
    static char text[1024];

    cs_rotator_ready(r->rotator, text, sizeof(text));
    return text;
}

void assert_ready(struct replica *r)
{
    if (!cs_rotator_ready(r->rotator, NULL, 0))
        fail_msg("not ready: %s", why(r));
}

void assert_waits_for(struct replica *r, const char *what)
{
    if (cs_rotator_ready(r->rotator, NULL, 0))
        fail_msg("ready, but should wait for: %s", what);
    if (!strstr(why(r), what))
        fail_msg("waits for \"%s\", not for \"%s\"", why(r), what);
}

char *bundle_in(const struct cs_jtree *config, const char *entry)
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

void assert_all_published(const struct world *w, const char *cert)
{
    assert_true(published(w, FAKE_MUTATING, "mcloneset.kb.io", cert));
    assert_true(published(w, FAKE_MUTATING, "minstance.kb.io", cert));
    assert_true(published(w, FAKE_VALIDATING, "vcloneset.kb.io", cert));
}

char *secret_value(const struct world *w, const char *key)
{
    const char *b64 = cs_jtree_str(cs_jtree_get(cs_jtree_get(w->api.objects[FAKE_SECRET], "data"), key));
    char *text = NULL;

    return b64 && cs_base64_decode(cs_str(b64), CS_MAX_PEM, &text, NULL, NULL) ? text : NULL;
}

bool served_by_newest_ca(const struct world *w, const struct replica *r)
{
    cs_autofree char *ca_crt = secret_value(w, "ca.crt");
    CS_CLEANUP(cs_bundle_facts_done) struct cs_bundle_facts bundle = {0};
    CS_CLEANUP(cs_leaf_facts_done) struct cs_leaf_facts leaf = {0};

    cs_inspect_bundle(ca_crt, NULL, &bundle);
    cs_inspect_leaf(r->cert, r->key, &bundle, NULL, &leaf);
    return leaf.signer == 0;
}

void edit(struct world *w, int object, const char *key, const char *json)
{
    struct cs_jtree *copy = cs_jtree_dup(w->api.objects[object]);

    if (json)
        cs_jtree_set(copy, key, fake_parse(json));
    else
        cs_jtree_del(copy, key);
    fake_put(&w->api, object, copy);
}

void edit_annotations(struct world *w, int object, const char *json)
{
    struct cs_jtree *copy = cs_jtree_dup(w->api.objects[object]);

    cs_jtree_set(cs_jtree_get(copy, "metadata"), "annotations", fake_parse(json));
    fake_put(&w->api, object, copy);
}

double repairs(const struct world *w, const char *kind, const char *name)
{
    static const struct cs_metric_desc desc = {.name = "cloneset_webhook_configuration_repairs_total",
        .help = "",
        .type = CS_METRIC_COUNTER,
        .labels = {"kind", "name"}};

    return cs_metric_value(cs_metric_get(w->metrics, &desc), CS_LABELS(kind, name));
}
