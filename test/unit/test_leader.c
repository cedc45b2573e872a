/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two electors on one clock against one Lease that lives here, with versions as the API server keeps them. The property
 * behind all cases: at no time may both write.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <inttypes.h>

#include "controller/runtime/leader.h"
#include "test/unit/runtime_fake.h"

struct world;

struct elector {
    struct world *w;
    const char *identity;
    struct cs_rand rand;
    struct cs_clock clock; /* monotonic as all; its own wall clock */
    int64_t wall_ms;
    struct cs_leader *leader;
    int started, stopped, released;
    bool release_when_stopped;
};

struct world {
    struct rt_fake api;
    struct cs_metrics *metrics;
    struct cs_jtree *lease; /* NULL: does not exist */
    uint64_t rv;
    struct elector a, b;
};

/* ---- the API server ---- */

static void store(struct world *w, struct cs_jtree *lease)
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

/* Carries out a request; returns the status. */
static int take_effect(struct world *w, const struct rt_request *q)
{
    cs_autojtree *body = q->body ? rt_parse(q->body) : NULL;

    assert_ptr_equal(q->gvr, &cs_gvr_leases);
    assert_string_equal(q->ns, "cloneset-system");
    assert_true(q->timeout_ms > 0 && q->timeout_ms <= 5000);
    if (q->verb == CS_VERB_CREATE) {
        if (w->lease)
            return 409;
        store(w, cs_take(body));
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
        store(w, cs_take(body));
        return 200;
    }
    assert_int_equal(q->verb, CS_VERB_PATCH_MERGE);
    merge(w->lease, body);
    store(w, w->lease);
    return 200;
}

static void reply_with(struct world *w, struct rt_request *q, int status)
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

static void serve_one(struct world *w)
{
    struct rt_request *q = rt_expect(&w->api);

    reply_with(w, q, take_effect(w, q));
}

static void assert_not_both(struct world *w)
{
    assert_false(w->a.leader && w->b.leader && cs_leader_may_write(w->a.leader) && cs_leader_may_write(w->b.leader));
}

/* Time passes with a server that answers at once. */
static void run(struct world *w, int64_t ms)
{
    int64_t end = w->api.now_ms + ms;

    for (;;) {
        rt_pass(&w->api, 0);
        assert_not_both(w);
        if (rt_oldest(&w->api)) {
            serve_one(w);
        } else if (w->api.now_ms < end) {
            int64_t wait = cs_loop_wait_ms(&w->api.loop);
            int64_t left = end - w->api.now_ms;

            rt_pass(&w->api, wait >= 0 && wait < left ? wait : left);
        } else {
            return;
        }
    }
}

/* Time passes and nothing is answered in less than its timeout; nothing has an effect. */
static void run_cut_off(struct world *w, int64_t ms)
{
    for (int64_t i = 0; i < ms; i += 100) {
        rt_pass(&w->api, 100);
        assert_not_both(w);
        struct rt_request *q = rt_oldest(&w->api);
        if (q && w->api.now_ms >= q->sent_ms + q->timeout_ms)
            rt_answer(q, 0, NULL);
    }
}

/* ---- electors ---- */

static void on_started(void *ctx)
{
    ((struct elector *)ctx)->started++;
}

static void on_released(void *ctx)
{
    ((struct elector *)ctx)->released++;
}

static void on_stopped(void *ctx)
{
    struct elector *e = ctx;

    e->stopped++;
    assert_false(cs_leader_may_write(e->leader));
    assert_false(cs_leader_is(e->leader));
    if (e->release_when_stopped)
        cs_leader_release(e->leader, on_released, e);
}

static int64_t own_mono(void *ctx)
{
    return ((struct elector *)ctx)->w->api.now_ms;
}

static int64_t own_wall(void *ctx)
{
    const struct elector *e = ctx;

    return e->w->api.now_ms + e->wall_ms;
}

static void init_elector(struct world *w, struct elector *e, const char *identity, uint64_t seed)
{
    *e = (struct elector){.w = w, .identity = identity, .rand = {seed}, .wall_ms = RT_WALL};
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

static int setup(void **state)
{
    struct world *w = cs_new(struct world);

    rt_init(&w->api);
    w->rv = 100;
    w->metrics = cs_metrics_new();
    init_elector(w, &w->a, "host-a_1", 1);
    init_elector(w, &w->b, "host-b_2", 2);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;

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

static const struct cs_jtree *spec(const struct world *w, const char *key)
{
    return cs_jtree_get(cs_jtree_get(w->lease, "spec"), key);
}

static void assert_holder(const struct world *w, const char *identity)
{
    assert_string_equal(cs_jtree_str(spec(w, "holderIdentity")), identity);
}

static double status(struct world *w)
{
    static const struct cs_metric_desc desc = {
        .name = "leader_election_master_status", .help = "", .type = CS_METRIC_GAUGE, .labels = {"name"}};

    return cs_metric_value(cs_metric_get(w->metrics, &desc), CS_LABELS("cloneset-controller"));
}

/* A leads; B watches, and has seen the Lease. */
static void a_leads(struct world *w)
{
    cs_leader_start(w->a.leader);
    run(w, 100);
    cs_leader_start(w->b.leader);
    run(w, 100);
    assert_true(cs_leader_may_write(w->a.leader));
    assert_false(cs_leader_is(w->b.leader));
}

static void somebody_holds(struct world *w, const char *holder, int64_t renewed_ms, int seconds)
{
    char time[CS_RFC3339_SIZE];
    cs_autofree char *text = cs_xasprintf(
        "{\"apiVersion\":\"coordination.k8s.io/v1\",\"kind\":\"Lease\",\"metadata\":{\"name\":\"cloneset-controller\","
        "\"namespace\":\"cloneset-system\",\"labels\":{\"team\":\"x\"}},\"spec\":{\"holderIdentity\":\"%s\","
        "\"leaseDurationSeconds\":%d,\"acquireTime\":\"2025-01-01T00:00:00.000000Z\",\"renewTime\":\"%s\","
        "\"leaseTransitions\":6,\"future\":[1]}}",
        holder, seconds, cs_rfc3339_format_micro(renewed_ms, time));

    store(w, rt_parse(text));
}

/* ---- cases ---- */

static void a_missing_lease_is_created_and_leads(void **state)
{
    struct world *w = *state;

    cs_leader_start(w->a.leader);
    assert_int_equal(w->api.len, 0); /* nothing happens from inside start */
    assert_true(status(w) == 0);
    run(w, 0);
    assert_int_equal(w->a.started, 1);
    assert_true(cs_leader_is(w->a.leader));
    assert_true(cs_leader_may_write(w->a.leader));
    assert_true(status(w) == 1);
    assert_holder(w, "host-a_1");
    assert_string_equal(cs_jtree_str(spec(w, "acquireTime")), "2025-10-09T09:10:00.000000Z");
    assert_string_equal(cs_jtree_str(spec(w, "renewTime")), "2025-10-09T09:10:00.000000Z");
    assert_string_equal(cs_jtree_number(spec(w, "leaseDurationSeconds")), "15");
    assert_string_equal(cs_jtree_number(spec(w, "leaseTransitions")), "0");
}

static void a_leader_renews_every_two_seconds_with_one_request(void **state)
{
    struct world *w = *state;

    cs_leader_start(w->a.leader);
    run(w, 0);
    size_t before = w->api.len;
    run(w, 20000);
    assert_int_equal(w->api.len, before + 10);
    for (size_t i = before; i < w->api.len; i++)
        assert_int_equal(w->api.requests[i]->verb, CS_VERB_PATCH_MERGE);
    assert_string_equal(cs_jtree_str(spec(w, "renewTime")), "2025-10-09T09:10:20.000000Z");
    assert_string_equal(cs_jtree_str(spec(w, "acquireTime")), "2025-10-09T09:10:00.000000Z");
    assert_int_equal(w->a.started, 1);
    assert_int_equal(w->a.stopped, 0);
}

static void a_live_holder_is_left_alone(void **state)
{
    struct world *w = *state;

    a_leads(w);
    run(w, 120000);
    assert_int_equal(w->a.started, 1);
    assert_int_equal(w->a.stopped, 0);
    assert_int_equal(w->b.started, 0);
    assert_string_equal(cs_jtree_number(spec(w, "leaseTransitions")), "0");
}

static void a_dead_holder_is_followed_after_its_lease_whatever_the_clocks_say(void **state)
{
    static const int64_t renewed_ms[] = {0, RT_WALL, RT_WALL + (int64_t)365 * 86400000};

    for (size_t i = 0; i < CS_ARRAY_LEN(renewed_ms); i++) {
        void *inner;
        setup(&inner);
        struct world *w = inner;

        somebody_holds(w, "host-z_9", renewed_ms[i], 15);
        cs_leader_start(w->a.leader);
        run(w, 14999);
        assert_false(cs_leader_is(w->a.leader));
        assert_holder(w, "host-z_9");
        run(w, 2401);
        assert_true(cs_leader_may_write(w->a.leader));
        assert_holder(w, "host-a_1");
        assert_string_equal(cs_jtree_number(spec(w, "leaseTransitions")), "7");
        assert_true(cs_jtree_is(spec(w, "future"), CS_J_ARRAY)); /* what we do not know stays */
        assert_string_equal(
            cs_jtree_str(cs_jtree_get(cs_jtree_get(cs_jtree_get(w->lease, "metadata"), "labels"), "team")), "x");
        teardown(&inner);
    }
    (void)state;
}

static void a_holder_is_given_the_time_that_its_record_names(void **state)
{
    struct world *w = *state;

    somebody_holds(w, "host-z_9", RT_WALL, 60);
    cs_leader_start(w->a.leader);
    run(w, 59000);
    assert_false(cs_leader_is(w->a.leader));
    run(w, 4000);
    assert_true(cs_leader_is(w->a.leader));
}

static void a_change_of_metadata_is_no_sign_of_life(void **state)
{
    struct world *w = *state;

    somebody_holds(w, "host-z_9", RT_WALL, 15);
    cs_leader_start(w->a.leader);
    for (int i = 0; i < 18; i++) {
        run(w, 1000);
        if (!cs_leader_is(w->a.leader))
            store(w, w->lease);
    }
    assert_true(cs_leader_is(w->a.leader));
}

static void a_released_lease_is_taken_at_the_next_look(void **state)
{
    struct world *w = *state;

    a_leads(w);
    run(w, 5000);
    cs_leader_release(w->a.leader, on_released, &w->a);
    assert_false(cs_leader_may_write(w->a.leader));
    assert_int_equal(w->a.released, 0);
    serve_one(w);
    assert_int_equal(w->a.released, 1);
    assert_holder(w, "");
    assert_int_equal(w->a.stopped, 0);
    run(w, 2400);
    assert_true(cs_leader_may_write(w->b.leader));
    assert_holder(w, "host-b_2");
    assert_string_equal(cs_jtree_number(spec(w, "leaseTransitions")), "1");
    size_t before = w->api.len;
    run(w, 10000);
    assert_int_equal(w->api.len, before + 5); /* A has fallen silent */
}

static void a_release_waits_for_the_renewal_under_way(void **state)
{
    static const int answers[] = {200, 0, 503, 409};

    for (size_t i = 0; i < CS_ARRAY_LEN(answers); i++) {
        void *inner;
        setup(&inner);
        struct world *w = inner;

        cs_leader_start(w->a.leader);
        run(w, 0);
        rt_pass(&w->api, 2000);
        struct rt_request *q = rt_expect(&w->api);
        cs_leader_release(w->a.leader, on_released, &w->a);
        assert_int_equal(rt_count_open(&w->api), 1);
        if (answers[i] != 503)
            assert_int_equal(take_effect(w, q), 200); /* also the one whose answer is lost */
        reply_with(w, q, answers[i]);
        run(w, 0);
        assert_int_equal(w->a.released, 1);
        assert_holder(w, "");
        teardown(&inner);
    }
    (void)state;
}

static void a_release_that_conflicts_is_tried_again(void **state)
{
    struct world *w = *state;

    cs_leader_start(w->a.leader);
    run(w, 0);
    store(w, w->lease); /* somebody set a label */
    cs_leader_release(w->a.leader, on_released, &w->a);
    run(w, 0);
    assert_int_equal(w->a.released, 1);
    assert_holder(w, "");
}

static void a_release_ends_even_if_the_server_does_not_answer(void **state)
{
    struct world *w = *state;

    cs_leader_start(w->a.leader);
    run(w, 0);
    cs_leader_release(w->a.leader, on_released, &w->a);
    run_cut_off(w, 5100);
    assert_int_equal(w->a.released, 1);
    assert_int_equal(rt_count_open(&w->api), 0);
    assert_int_equal(cs_loop_wait_ms(&w->api.loop), -1);
}

static void a_release_without_leadership_is_done_at_once(void **state)
{
    struct world *w = *state;

    cs_leader_release(w->b.leader, on_released, &w->b); /* never started */
    assert_int_equal(w->b.released, 1);
    cs_leader_start(w->a.leader);
    rt_pass(&w->api, 0);
    assert_int_equal(rt_count_open(&w->api), 1);
    cs_leader_release(w->a.leader, on_released, &w->a);
    assert_int_equal(w->a.released, 1);
    run(w, 60000);
    assert_null(w->lease);
}

static void a_leader_cut_off_stops_ten_seconds_after_its_last_renewal_was_sent(void **state)
{
    struct world *w = *state;

    cs_leader_start(w->a.leader);
    run(w, 0);
    rt_pass(&w->api, 2000);
    struct rt_request *q = rt_expect(&w->api);
    rt_pass(&w->api, 3000); /* this renewal is answered late: the time of sending counts */
    reply_with(w, q, take_effect(w, q));
    run_cut_off(w, 6900);
    assert_true(cs_leader_may_write(w->a.leader));
    assert_int_equal(w->a.stopped, 0);
    run_cut_off(w, 100);
    assert_false(cs_leader_may_write(w->a.leader));
    assert_false(cs_leader_is(w->a.leader));
    assert_int_equal(w->a.stopped, 1);
    assert_true(status(w) == 0);
    run(w, 10000); /* back again: it competes and wins */
    assert_int_equal(w->a.started, 2);
    assert_true(cs_leader_may_write(w->a.leader));
}

static void the_fence_holds_before_the_timer_notices(void **state)
{
    struct world *w = *state;

    cs_leader_start(w->a.leader);
    run(w, 0);
    w->api.now_ms += 9999;
    assert_true(cs_leader_may_write(w->a.leader));
    w->api.now_ms += 1; /* the process stood still; no timer has run */
    assert_false(cs_leader_may_write(w->a.leader));
    assert_int_equal(w->a.stopped, 0);
    run(w, 0);
    assert_int_equal(w->a.stopped, 1);
    assert_int_equal(w->a.started, 2);
}

static void a_renewal_from_before_the_fence_does_not_bridge_it(void **state)
{
    struct world *w = *state;

    cs_leader_start(w->a.leader);
    run(w, 0);
    rt_pass(&w->api, 2000);
    w->api.now_ms += 8500; /* stands still, the renewal under way; its answer comes before any timer */
    serve_one(w);
    assert_int_equal(w->a.stopped, 1);
    assert_int_equal(w->a.started, 2);
    assert_true(cs_leader_may_write(w->a.leader));
    w->api.now_ms += 1500;
    assert_false(cs_leader_may_write(w->a.leader));
}

static void an_answer_that_comes_after_its_fence_gives_nothing(void **state)
{
    struct world *w = *state;

    cs_leader_start(w->a.leader);
    rt_pass(&w->api, 0);
    serve_one(w); /* 404 */
    struct rt_request *q = rt_expect(&w->api);
    assert_int_equal(q->verb, CS_VERB_CREATE);
    w->api.now_ms += 10000;
    reply_with(w, q, take_effect(w, q));
    assert_int_equal(w->a.started, 0);
    assert_false(cs_leader_may_write(w->a.leader));
    run(w, 0); /* the renewal that follows does */
    assert_int_equal(w->a.started, 1);
}

static void short_failures_do_not_end_leadership(void **state)
{
    static const struct {
        int status;
        bool effect; /* the write took place nevertheless */
    } rows[] = {{0, true}, {0, false}, {500, true}, {503, false}, {429, false}, {403, false}, {409, true}};

    for (size_t i = 0; i < CS_ARRAY_LEN(rows); i++) {
        void *inner;
        setup(&inner);
        struct world *w = inner;

        a_leads(w);
        do {
            run(w, 1);
        } while (cs_loop_wait_ms(&w->api.loop) != 1);
        rt_pass(&w->api, 1);
        struct rt_request *q = rt_expect(&w->api);
        if (rows[i].effect)
            (void)take_effect(w, q);
        reply_with(w, q, rows[i].status);
        run(w, 30000);
        assert_int_equal(w->a.started, 1);
        assert_int_equal(w->a.stopped, 0);
        assert_true(cs_leader_may_write(w->a.leader));
        assert_int_equal(w->b.started, 0);
        teardown(&inner);
    }
    (void)state;
}

static void somebody_elses_label_does_not_end_leadership(void **state)
{
    struct world *w = *state;

    a_leads(w);
    for (int i = 0; i < 20; i++) {
        store(w, w->lease); /* a new version behind our back */
        run(w, 1500);
    }
    assert_int_equal(w->a.stopped, 0);
    assert_true(cs_leader_may_write(w->a.leader));
}

static void a_write_that_never_stops_conflicting_is_not_repeated_without_pause(void **state)
{
    struct world *w = *state;

    cs_leader_start(w->a.leader);
    run(w, 0);
    rt_pass(&w->api, 2000);
    size_t before = w->api.len;
    for (int i = 0; i < 40 && rt_oldest(&w->api); i++) {
        store(w, w->lease); /* always a version further than what was read */
        serve_one(w);
        rt_pass(&w->api, 0);
    }
    assert_true(w->api.len - before <= 4);
    assert_null(rt_oldest(&w->api));
}

static void a_stolen_lease_ends_leadership_at_the_next_renewal(void **state)
{
    struct world *w = *state;

    cs_leader_start(w->a.leader);
    run(w, 1000);
    somebody_holds(w, "host-z_9", RT_WALL, 15);
    run(w, 1000);
    assert_int_equal(w->a.stopped, 1);
    assert_false(cs_leader_is(w->a.leader));
    assert_holder(w, "host-z_9");
    run(w, 14999);
    assert_false(cs_leader_is(w->a.leader)); /* seen for the first time: it has its full time */
    run(w, 2401);
    assert_true(cs_leader_is(w->a.leader));
}

static void a_deleted_lease_is_made_anew_by_its_holder(void **state)
{
    struct world *w = *state;

    a_leads(w);
    cs_jtree_free(cs_take(w->lease));
    run(w, 10000);
    assert_non_null(w->lease);
    assert_holder(w, "host-a_1");
    assert_int_equal(w->a.stopped, 0);
    assert_int_equal(w->b.started, 0); /* B knew that A may still write */
}

static void a_deleted_lease_is_not_taken_while_its_holder_may_write(void **state)
{
    struct world *w = *state;

    somebody_holds(w, "host-z_9", RT_WALL, 15);
    cs_leader_start(w->a.leader);
    run(w, 100);
    cs_jtree_free(cs_take(w->lease));
    run(w, 14800);
    assert_null(w->lease);
    run(w, 2500);
    assert_true(cs_leader_is(w->a.leader));
}

static void a_record_that_comes_back_has_its_full_time_again(void **state)
{
    struct world *w = *state;

    somebody_holds(w, "host-z_9", RT_WALL, 15);
    cs_leader_start(w->a.leader);
    run(w, 18000);
    assert_true(cs_leader_is(w->a.leader));
    somebody_holds(w, "host-z_9", RT_WALL, 15); /* a backup was restored */
    run(w, 14000);
    assert_int_equal(w->a.stopped, 1);
    assert_holder(w, "host-z_9");
}

static void a_creation_that_somebody_else_won_leads_nowhere(void **state)
{
    struct world *w = *state;

    cs_leader_start(w->a.leader);
    cs_leader_start(w->b.leader);
    run(w, 10000);
    assert_int_equal(w->a.started + w->b.started, 1);
}

static void a_creation_whose_answer_was_lost_is_found_later(void **state)
{
    struct world *w = *state;

    cs_leader_start(w->a.leader);
    rt_pass(&w->api, 0);
    serve_one(w); /* 404 */
    struct rt_request *q = rt_expect(&w->api);
    assert_int_equal(take_effect(w, q), 201);
    reply_with(w, q, 0);
    assert_int_equal(w->a.started, 0);
    run(w, 2400);
    assert_int_equal(w->a.started, 1);
    assert_string_equal(cs_jtree_number(spec(w, "leaseTransitions")), "0");
}

static void a_takeover_that_meets_a_renewal_fails(void **state)
{
    struct world *w = *state;

    somebody_holds(w, "host-z_9", RT_WALL, 15);
    cs_leader_start(w->a.leader);
    for (run(w, 14000); !rt_oldest(&w->api) || rt_oldest(&w->api)->verb != CS_VERB_UPDATE;) {
        if (rt_oldest(&w->api))
            serve_one(w);
        else
            rt_pass(&w->api, 10);
    }
    somebody_holds(w, "host-z_9", RT_WALL + 1, 15);
    run(w, 14000);
    assert_int_equal(w->a.started, 0);
    assert_holder(w, "host-z_9");
}

static void an_answer_that_is_no_lease_is_asked_for_again(void **state)
{
    struct world *w = *state;

    cs_leader_start(w->a.leader);
    rt_pass(&w->api, 0);
    rt_answer(rt_expect(&w->api), 200, "{\"kind\":\"Lease\"}");
    rt_pass(&w->api, 2400);
    rt_answer(rt_expect(&w->api), 200, "<html>");
    assert_int_equal(w->a.started, 0);
    run(w, 2400);
    assert_int_equal(w->a.started, 1);
}

static void on_stopped_may_release(void **state)
{
    struct world *w = *state;

    w->a.release_when_stopped = true;
    cs_leader_start(w->a.leader);
    run(w, 1000);
    somebody_holds(w, "", RT_WALL, 15); /* free to take, but A has had enough */
    run(w, 60000);
    assert_int_equal(w->a.stopped, 1);
    assert_int_equal(w->a.released, 1);
    assert_int_equal(w->a.started, 1);
    assert_holder(w, "");
    assert_string_equal(cs_jtree_number(spec(w, "leaseTransitions")), "6"); /* nor did it take it meanwhile */
}

/* Requests of both are delayed, lost before or after their effect, at random; run_cut_off's property throughout. */
static void never_two_may_write(void **state)
{
    int gained = 0;

    for (uint64_t seed = 1; seed <= 60; seed++) {
        void *inner;
        setup(&inner);
        struct world *w = inner;
        struct cs_rand rand = {seed};

        w->a.wall_ms += (int64_t)cs_rand_below(&rand, 100000000) - 50000000; /* clocks differ by hours */
        cs_leader_start(w->a.leader);
        cs_leader_start(w->b.leader);
        for (int i = 0; i < 2000; i++) {
            rt_pass(&w->api, (int64_t)cs_rand_below(&rand, 400));
            assert_not_both(w);
            if (cs_rand_below(&rand, 500) == 0)
                w->api.now_ms += (int64_t)cs_rand_below(&rand, 30000); /* all stand still */
            struct rt_request *q = rt_oldest(&w->api);
            if (!q || cs_rand_below(&rand, 4) == 0)
                continue;
            bool bad = (i / 250) % 2 == 1; /* fair weather and foul */
            unsigned luck = bad ? (unsigned)cs_rand_below(&rand, 4) : 0;
            int answer = luck == 1 ? 503 : take_effect(w, q);
            reply_with(w, q, luck >= 2 ? 0 : answer);
            assert_not_both(w);
        }
        gained += w->a.started + w->b.started;
        teardown(&inner);
    }
    assert_true(gained > 120); /* leadership did change hands */
    (void)state;
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_missing_lease_is_created_and_leads),
        T(a_leader_renews_every_two_seconds_with_one_request),
        T(a_live_holder_is_left_alone),
        cmocka_unit_test(a_dead_holder_is_followed_after_its_lease_whatever_the_clocks_say),
        T(a_holder_is_given_the_time_that_its_record_names),
        T(a_change_of_metadata_is_no_sign_of_life),
        T(a_released_lease_is_taken_at_the_next_look),
        cmocka_unit_test(a_release_waits_for_the_renewal_under_way),
        T(a_release_that_conflicts_is_tried_again),
        T(a_release_ends_even_if_the_server_does_not_answer),
        T(a_release_without_leadership_is_done_at_once),
        T(a_leader_cut_off_stops_ten_seconds_after_its_last_renewal_was_sent),
        T(the_fence_holds_before_the_timer_notices),
        T(a_renewal_from_before_the_fence_does_not_bridge_it),
        T(an_answer_that_comes_after_its_fence_gives_nothing),
        cmocka_unit_test(short_failures_do_not_end_leadership),
        T(somebody_elses_label_does_not_end_leadership),
        T(a_write_that_never_stops_conflicting_is_not_repeated_without_pause),
        T(a_stolen_lease_ends_leadership_at_the_next_renewal),
        T(a_deleted_lease_is_made_anew_by_its_holder),
        T(a_deleted_lease_is_not_taken_while_its_holder_may_write),
        T(a_record_that_comes_back_has_its_full_time_again),
        T(a_creation_that_somebody_else_won_leads_nowhere),
        T(a_creation_whose_answer_was_lost_is_found_later),
        T(a_takeover_that_meets_a_renewal_fails),
        T(an_answer_that_is_no_lease_is_asked_for_again),
        T(on_stopped_may_release),
        cmocka_unit_test(never_two_may_write),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
