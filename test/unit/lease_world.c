/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The server refuses what the real one refuses: writes on an old version, creating what exists. The test fails on what
 * an elector must never send, as a write that names no version.
 */
#include "test/unit/lease_world.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* ---- the API server ---- */

void lw_store(struct lease_world *w, struct cs_jtree *lease)
{
    cs_autofree char *rv = cs_xasprintf("%" PRIu64, ++w->rv);
    struct cs_jtree *meta = cs_jtree_get(lease, "metadata");

    cs_jtree_set(meta, "resourceVersion", cs_jtree_new_str(rv));
    cs_jtree_set(meta, "uid", cs_jtree_new_str("l-1"));
    if (lease != w->lease)
        cs_jtree_free(w->lease);
    w->lease = lease;
}

static void merge(struct cs_jtree *target, const struct cs_jtree *patch)
{
    for (struct cs_jtree *m = cs_jtree_first(patch); m; m = cs_jtree_next(m)) {
        struct cs_jtree *have = cs_jtree_get(target, cs_jtree_key(m));

        if (cs_jtree_is(m, CS_J_OBJECT) && cs_jtree_is(have, CS_J_OBJECT))
            merge(have, m);
        else
            cs_jtree_set(target, cs_jtree_key(m), cs_jtree_dup(m));
    }
}

static const char *rv_of(const struct cs_jtree *lease)
{
    return cs_jtree_str(cs_jtree_get(cs_jtree_get(lease, "metadata"), "resourceVersion"));
}

int lw_take_effect(struct lease_world *w, const struct rt_request *q)
{
    cs_autojtree *body = q->body ? rt_parse(q->body) : NULL;

    assert_ptr_equal(q->gvr, &cs_gvr_leases);
    assert_string_equal(q->ns, "cloneset-system");
    assert_true(q->timeout_ms > 0 && q->timeout_ms <= 5000);
    if (q->verb == CS_VERB_CREATE) {
        if (w->lease)
            return 409;
        lw_store(w, cs_take(body));
        return 201;
    }
    assert_string_equal(q->name, "cloneset-controller");
    if (!w->lease)
        return 404;
    if (q->verb == CS_VERB_GET)
        return 200;
    assert_non_null(rv_of(body)); /* never a write that does not say on what it is based */
    if (!cs_streq(rv_of(body), rv_of(w->lease)))
        return 409;
    if (q->verb == CS_VERB_UPDATE) {
        lw_store(w, cs_take(body));
        return 200;
    }
    assert_int_equal(q->verb, CS_VERB_PATCH_MERGE);
    merge(w->lease, body);
    lw_store(w, w->lease);
    return 200;
}

void lw_reply(struct lease_world *w, struct rt_request *q, int status)
{
    cs_autostrbuf sb = CS_STRBUF_INIT;

    if (status < 300)
        cs_jtree_print(w->lease, &sb, false);
    else
        cs_strbuf_addf(&sb, "{\"kind\":\"Status\",\"reason\":\"%s\"}",
            status != 409               ? "NotFound"
            : q->verb == CS_VERB_CREATE ? "AlreadyExists"
                                        : "Conflict");
    rt_answer(q, status, cs_strbuf_str(&sb));
}

void lw_serve_one(struct lease_world *w)
{
    struct rt_request *q = rt_expect(&w->api);

    lw_reply(w, q, lw_take_effect(w, q));
}

void lw_assert_not_both(struct lease_world *w)
{
    assert_false(w->a.leader && w->b.leader && cs_leader_may_write(w->a.leader) && cs_leader_may_write(w->b.leader));
}

void lw_run(struct lease_world *w, int64_t ms)
{
    int64_t end = w->api.now_ms + ms;

    for (;;) {
        rt_pass(&w->api, 0);
        lw_assert_not_both(w);
        if (rt_oldest(&w->api)) {
            lw_serve_one(w);
        } else if (w->api.now_ms < end) {
            int64_t wait = cs_loop_wait_ms(&w->api.loop);
            int64_t left = end - w->api.now_ms;

            rt_pass(&w->api, wait >= 0 && wait < left ? wait : left);
        } else {
            return;
        }
    }
}

void lw_run_cut_off(struct lease_world *w, int64_t ms)
{
    for (int64_t i = 0; i < ms; i += 100) {
        rt_pass(&w->api, 100);
        lw_assert_not_both(w);
        struct rt_request *q = rt_oldest(&w->api);
        if (q && w->api.now_ms >= q->sent_ms + q->timeout_ms)
            rt_answer(q, 0, NULL);
    }
}

/* ---- electors ---- */

static void on_started(void *ctx)
{
    ((struct lease_elector *)ctx)->started++;
}

void lw_on_released(void *ctx)
{
    ((struct lease_elector *)ctx)->released++;
}

static void on_stopped(void *ctx)
{
    struct lease_elector *e = ctx;

    e->stopped++;
    assert_false(cs_leader_may_write(e->leader));
    assert_false(cs_leader_is(e->leader));
    if (e->release_when_stopped)
        cs_leader_release(e->leader, lw_on_released, e);
}

static int64_t own_mono(void *ctx)
{
    return ((struct lease_elector *)ctx)->w->api.now_ms;
}

static int64_t own_wall(void *ctx)
{
    const struct lease_elector *e = ctx;

    return e->w->api.now_ms + e->wall_ms;
}

static void init_elector(struct lease_world *w, struct lease_elector *e, const char *identity, uint64_t seed)
{
    *e = (struct lease_elector){.w = w, .identity = identity, .rand = {seed}, .wall_ms = RT_WALL};
    e->clock = (struct cs_clock){own_mono, own_wall, e};
    e->leader = cs_leader_new(&(struct cs_leader_options){.client = &w->api.client,
        .loop = &w->api.loop,
        .clock = &e->clock,
        .rand = &e->rand,
        .metrics = w->metrics,
        .ns = "cloneset-system",
        .name = "cloneset-controller",
        .identity = identity,
        .on_started = on_started,
        .on_stopped = on_stopped,
        .ctx = e});
}

int lw_setup(void **state)
{
    struct lease_world *w = cs_new(struct lease_world);

    rt_init(&w->api);
    w->rv = 100;
    w->metrics = cs_metrics_new();
    init_elector(w, &w->a, "host-a_1", 1);
    init_elector(w, &w->b, "host-b_2", 2);
    *state = w;
    return 0;
}

int lw_teardown(void **state)
{
    struct lease_world *w = *state;

    cs_leader_free(w->a.leader);
    cs_leader_free(w->b.leader);
    assert_int_equal(rt_count_open(&w->api), 0);
    assert_int_equal(cs_loop_wait_ms(&w->api.loop), -1);
    cs_jtree_free(w->lease);
    cs_metrics_free(w->metrics);
    rt_done(&w->api);
    free(w);
    return 0;
}

const struct cs_jtree *lw_spec(const struct lease_world *w, const char *key)
{
    return cs_jtree_get(cs_jtree_get(w->lease, "spec"), key);
}

void lw_assert_holder(const struct lease_world *w, const char *identity)
{
    assert_string_equal(cs_jtree_str(lw_spec(w, "holderIdentity")), identity);
}

double lw_status(struct lease_world *w)
{
    static const struct cs_metric_desc desc = {
        .name = "leader_election_master_status", .help = "", .type = CS_METRIC_GAUGE, .labels = {"name"}};

    return cs_metric_value(cs_metric_get(w->metrics, &desc), CS_LABELS("cloneset-controller"));
}

void lw_a_leads(struct lease_world *w)
{
    cs_leader_start(w->a.leader);
    lw_run(w, 100);
    cs_leader_start(w->b.leader);
    lw_run(w, 100);
    assert_true(cs_leader_may_write(w->a.leader));
    assert_false(cs_leader_is(w->b.leader));
}

void lw_somebody_holds(struct lease_world *w, const char *holder, int64_t renewed_ms, int seconds)
{
    char time[CS_RFC3339_SIZE];
    cs_autofree char *text = cs_xasprintf(
        "{\"apiVersion\":\"coordination.k8s.io/v1\",\"kind\":\"Lease\",\"metadata\":{\"name\":\"cloneset-controller\","
        "\"namespace\":\"cloneset-system\",\"labels\":{\"team\":\"x\"}},\"spec\":{\"holderIdentity\":\"%s\","
        "\"leaseDurationSeconds\":%d,\"acquireTime\":\"2025-01-01T00:00:00.000000Z\",\"renewTime\":\"%s\","
        "\"leaseTransitions\":6,\"future\":[1]}}",
        holder, seconds, cs_rfc3339_format_micro(renewed_ms, time));

    lw_store(w, rt_parse(text));
}
