/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The whole controller behind its client: a list of what the server does. An object is what a watch brings ({"gone":…}: DELETED),
 * {"status":…,"body":…} answers the oldest request, {"made":…} does what it asks for as a server would, a number lets so many
 * milliseconds pass. Whatever comes, every request that goes out has a body that is JSON, and no DELETE is without preconditions.
 */
#include <stdio.h>

#include "controller/cloneset/controller.h"
#include "test/fuzz/fuzz.h"
#include "test/sim/sim.h"
#include "test/unit/runtime_fake.h"

#define MAX_STEPS 40
#define MAX_PASS_MS 120000

struct world {
    struct rt_fake api;
    struct cs_controller c;
    size_t seen; /* requests that were looked at */
    uint64_t rv;
};

static bool may_write(void *ctx)
{
    (void)ctx;
    return true;
}

static void check_requests(struct world *w)
{
    for (; w->seen < w->api.len; w->seen++) {
        const struct rt_request *q = w->api.requests[w->seen];
        cs_autojtree *body = sim_parse(q->body);

        FUZZ_CHECK(!q->body || body, "the body of a %s of %s is no JSON: %s", cs_verb_name(q->verb), q->gvr->resource,
            q->body);
        FUZZ_CHECK(q->verb != CS_VERB_DELETE ||
                       (sim_str(body, "preconditions/uid") && sim_str(body, "preconditions/resourceVersion")),
            "a DELETE without preconditions: %s", q->body ? q->body : "");
        FUZZ_CHECK(
            q->body || q->verb == CS_VERB_GET || q->verb == CS_VERB_LIST, "a %s without body", cs_verb_name(q->verb));
    }
}

static bool kind_of(struct cs_json obj, enum cs_kind *ret)
{
    for (int k = 0; k < CS_K_COUNT; k++)
        if (cs_json_str_is(cs_json_get(obj, "kind"), cs_kind_gvr((enum cs_kind)k)->kind)) {
            *ret = (enum cs_kind)k;
            return true;
        }
    return false;
}

/* Names that an API server gives, and places; with others no request could be sent. */
static bool is_named(struct cs_json obj, enum cs_kind k)
{
    cs_autofree char *name = cs_json_str_dup(cs_json_at(obj, "metadata", "name", NULL));
    cs_autofree char *ns = cs_json_str_dup(cs_json_at(obj, "metadata", "namespace", NULL));

    return cs_is_dns1123_subdomain(cs_str(name)) && (k == CS_K_NODE ? !ns : cs_is_dns1123_label(cs_str(ns)));
}

static void arrive(struct world *w, struct cs_json obj, bool gone)
{
    struct cs_error err = CS_ERROR_INIT;
    enum cs_kind k;
    uint64_t rv = 0;

    if (!kind_of(obj, &k) || !is_named(obj, k))
        return;
    (void)cs_json_rv(obj, &rv);
    if (gone) {
        cs_autofree char *name = cs_json_str_dup(cs_json_at(obj, "metadata", "name", NULL));
        cs_autofree char *ns = cs_json_str_dup(cs_json_at(obj, "metadata", "namespace", NULL));
        cs_autofree char *uid = cs_json_str_dup(cs_json_at(obj, "metadata", "uid", NULL));

        cs_store_remove(&w->c.store, k, ns ? ns : "", name, uid, rv);
    } else {
        FUZZ_CHECK(cs_store_apply(&w->c.store, k, obj, false, &err) || err.message[0], "refused without a word");
    }
}

/* The answer of a server that does it. */
static void make(struct world *w, struct rt_request *q)
{
    cs_autojtree *obj = q->verb == CS_VERB_CREATE ? sim_parse(q->body) : NULL;
    cs_autofree char *text = NULL;
    char number[24];

    if (!obj) {
        rt_answer(q, q->verb == CS_VERB_GET ? 404 : 200, "{\"kind\":\"Status\",\"reason\":\"NotFound\"}");
        return;
    }
    (void)snprintf(number, sizeof(number), "%llu", (unsigned long long)++w->rv);
    (void)cs_jtree_set(sim_need(obj, "metadata"), "uid", cs_jtree_new_str(number));
    (void)cs_jtree_set(sim_need(obj, "metadata"), "resourceVersion", cs_jtree_new_str(number));
    text = sim_print(obj);
    rt_answer(q, 201, text);
}

static void answer(struct world *w, struct cs_json event)
{
    struct rt_request *q = rt_oldest(&w->api);
    struct cs_str raw = cs_json_raw(cs_json_get(event, "body"));
    cs_autofree char *body = cs_xmemdupz(raw.p ? raw.p : "", raw.len);
    int32_t status = 0;

    if (!q)
        return;
    (void)cs_json_i32(cs_json_get(event, "status"), &status);
    if (cs_json_exists(cs_json_get(event, "made")))
        make(w, q);
    else
        rt_answer(q, status >= 100 && status < 600 ? status : 0, body);
}

static void happen(struct world *w, struct cs_json event)
{
    int32_t ms = 0;

    if (cs_json_exists(cs_json_get(event, "gone")))
        arrive(w, cs_json_get(event, "gone"), true);
    else if (cs_json_exists(cs_json_get(event, "made")) ||
             (cs_json_exists(cs_json_get(event, "status")) && !cs_json_exists(cs_json_get(event, "metadata"))))
        answer(w, event);
    else
        arrive(w, event, false);
    if (cs_json_i32(event, &ms) && ms > 0)
        rt_pass(&w->api, ms < MAX_PASS_MS ? ms : MAX_PASS_MS);
    cs_controller_step(&w->c);
    check_requests(w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cs_autojdoc doc = {.nodes = NULL};
    struct cs_json events = fuzz_parse(&doc, data, size);
    struct cs_rand rand = {.state = 3};
    struct world w = {.rv = 1000000};
    struct cs_controller_options o = {.client = &w.api.client,
        .loop = &w.api.loop,
        .clock = &w.api.clock,
        .rand = &rand,
        .instance = "i",
        .gates = {.vertical_scaling = size % 2 != 0, .short_hash = size % 4 > 1},
        .may_write = may_write};
    size_t steps = 0;

    if (!cs_json_is(events, CS_J_ARRAY))
        return 0;
    rt_init(&w.api);
    cs_controller_init(&w.c, &o);
    w.c.active = true; /* as if it led and were synced */
    cs_json_foreach (event, events) {
        if (steps++ < MAX_STEPS)
            happen(&w, event);
    }
    for (int i = 0; i < 8; i++) {
        rt_pass(&w.api, 1000);
        cs_controller_step(&w.c);
        check_requests(&w);
        if (rt_oldest(&w.api))
            make(&w, rt_oldest(&w.api));
    }
    cs_controller_done(&w.c);
    FUZZ_CHECK(w.api.loop.len == 0, "%zu timers are left", w.api.loop.len);
    rt_done(&w.api);
    return 0;
}

FUZZ_JSON_MUTATOR
