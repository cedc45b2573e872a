/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The recorder against a client that answers when told: what an event looks like, folding, the limits of rate, flight,
 * queue and table, and what failures lead to.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "controller/runtime/recorder.h"
#include "test/unit/runtime_fake.h"

struct world {
    struct rt_fake api;
    struct cs_metrics *metrics;
    struct cs_recorder *recorder;
    bool may_write;
};

static const struct cs_event_ref web = {
    .api_version = "apps.kruise.io/v1alpha1", .kind = "CloneSet", .ns = "shop", .name = "web", .uid = "u-1"};

static bool may_write(void *ctx)
{
    return ((struct world *)ctx)->may_write;
}

static int setup(void **state)
{
    struct world *w = cs_new(struct world);

    rt_init(&w->api);
    w->metrics = cs_metrics_new();
    w->may_write = true;
    w->recorder = cs_recorder_new(&(struct cs_recorder_options){.client = &w->api.client,
        .loop = &w->api.loop,
        .metrics = w->metrics,
        .component = "cloneset-controller",
        .instance = "pod-7",
        .may_write = may_write,
        .ctx = w});
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;

    cs_recorder_free(w->recorder);
    assert_int_equal(rt_count_open(&w->api), 0);
    assert_int_equal(cs_loop_wait_ms(&w->api.loop), -1);
    cs_metrics_free(w->metrics);
    rt_done(&w->api);
    free(w);
    return 0;
}

static void record(struct world *w, const char *reason, const char *message)
{
    cs_recorder_event(w->recorder, &web, false, reason, message);
}

static void record_many(struct world *w, int n)
{
    for (int i = 0; i < n; i++)
        record(w, "Busy", "again");
}

/* Sends what can be sent and answers all of it with success. */
static void settle(struct world *w)
{
    rt_pass(&w->api, 0);
    for (struct rt_request *q = rt_oldest(&w->api); q; q = rt_oldest(&w->api)) {
        rt_answer(q, 201, "{}");
        rt_pass(&w->api, 0);
    }
}

static const struct rt_request *last(const struct world *w)
{
    return w->api.requests[w->api.len - 1];
}

static double dropped(struct world *w)
{
    static const struct cs_metric_desc desc = {
        .name = "cloneset_events_dropped_total", .help = "", .type = CS_METRIC_COUNTER};

    return cs_metric_value(cs_metric_get(w->metrics, &desc), NULL);
}

static const char *text_at(const struct cs_jtree *t, const char *key)
{
    return cs_jtree_str(cs_jtree_get(t, key));
}

static void assert_count(const struct rt_request *q, enum cs_verb verb, const char *count)
{
    cs_autojtree *body = rt_parse(q->body);

    assert_int_equal(q->verb, verb);
    assert_string_equal(cs_jtree_number(cs_jtree_get(body, "count")), count);
}

static void an_event_says_who_what_and_when(void **state)
{
    struct world *w = *state;

    cs_recorder_event(w->recorder, &web, true, "FailedCreate", "no \"room\"");
    assert_int_equal(w->api.len, 0); /* nothing is sent from inside the call */
    settle(w);
    assert_int_equal(w->api.len, 1);
    const struct rt_request *q = last(w);
    assert_int_equal(q->verb, CS_VERB_CREATE);
    assert_ptr_equal(q->gvr, &cs_gvr_events);
    assert_string_equal(q->ns, "shop");
    cs_autojtree *body = rt_parse(q->body);
    cs_autojtree *want =
        rt_parse("{\"apiVersion\":\"v1\",\"kind\":\"Event\",\"metadata\":{\"namespace\":\"shop\"},"
                 "\"involvedObject\":{\"apiVersion\":\"apps.kruise.io/v1alpha1\",\"kind\":\"CloneSet\","
                 "\"name\":\"web\",\"uid\":\"u-1\",\"namespace\":\"shop\"},\"reason\":\"FailedCreate\","
                 "\"message\":\"no \\\"room\\\"\",\"type\":\"Warning\","
                 "\"source\":{\"component\":\"cloneset-controller\",\"host\":\"pod-7\"},"
                 "\"reportingComponent\":\"cloneset-controller\",\"reportingInstance\":\"pod-7\","
                 "\"firstTimestamp\":\"2025-10-09T09:10:00Z\","
                 "\"lastTimestamp\":\"2025-10-09T09:10:00Z\",\"count\":1}");
    assert_memory_equal(text_at(cs_jtree_get(body, "metadata"), "name"), "web.", 4);
    cs_jtree_del(cs_jtree_get(body, "metadata"), "name");
    assert_true(cs_jtree_equal(body, want));
}

static void an_object_without_namespace_has_its_events_in_default(void **state)
{
    struct world *w = *state;
    struct cs_event_ref node = {.api_version = "v1", .kind = "Node", .name = "n", .uid = "u-2"};

    cs_recorder_event(w->recorder, &node, false, "Gone", "x");
    settle(w);
    assert_string_equal(last(w)->ns, "default");
    assert_null(strstr(strstr(last(w)->body, "involvedObject"), "namespace"));
}

static void names_are_unique_and_valid_for_long_objects(void **state)
{
    struct world *w = *state;
    char name[254];
    struct cs_event_ref about = web;

    memset(name, 'a', 253);
    name[253] = '\0';
    name[235] = '.'; /* where it is cut */
    about.name = name;
    cs_recorder_event(w->recorder, &about, false, "A", "x");
    cs_recorder_event(w->recorder, &about, false, "A", "x");
    settle(w);
    assert_int_equal(w->api.len, 2);
    cs_autojtree *one = rt_parse(w->api.requests[0]->body);
    cs_autojtree *two = rt_parse(w->api.requests[1]->body);
    const char *first = text_at(cs_jtree_get(one, "metadata"), "name");
    const char *second = text_at(cs_jtree_get(two, "metadata"), "name");
    assert_true(cs_is_dns1123_subdomain(cs_str(first)));
    assert_true(cs_is_dns1123_subdomain(cs_str(second)));
    assert_string_not_equal(first, second);
}

static void a_long_message_is_cut_between_characters(void **state)
{
    struct world *w = *state;
    char message[1100];

    memset(message, 'm', sizeof(message));
    memcpy(message + 1022, "\xe2\x82\xac", 3); /* one character across the limit */
    message[sizeof(message) - 1] = '\0';
    record(w, "Long", message);
    settle(w);
    cs_autojtree *body = rt_parse(last(w)->body);
    assert_int_equal(strlen(text_at(body, "message")), 1022);
}

static void ten_go_out_alone_and_later_ones_are_counted_in_one(void **state)
{
    struct world *w = *state;

    record_many(w, 10);
    settle(w);
    assert_int_equal(w->api.len, 10);
    record_many(w, 3);
    settle(w);
    assert_int_equal(w->api.len, 11);
    assert_count(last(w), CS_VERB_CREATE, "3");
    cs_autojtree *folded = rt_parse(last(w)->body);

    rt_pass(&w->api, 400);
    record_many(w, 1);
    record(w, "Busy", "latest");
    settle(w);
    rt_pass(&w->api, 599);
    assert_int_equal(w->api.len, 11); /* the second is not over */
    rt_pass(&w->api, 1);
    assert_int_equal(w->api.len, 12);
    assert_count(last(w), CS_VERB_PATCH_MERGE, "5");
    assert_string_equal(last(w)->ns, "shop");
    assert_string_equal(last(w)->name, text_at(cs_jtree_get(folded, "metadata"), "name"));
    assert_string_equal(
        last(w)->body, "{\"message\":\"latest\",\"lastTimestamp\":\"2025-10-09T09:10:00Z\",\"count\":5}");
    settle(w);
    rt_pass(&w->api, 5000);
    assert_int_equal(w->api.len, 12); /* quiet again */
}

static void reasons_and_types_are_counted_apart_but_share_the_pace_of_their_object(void **state)
{
    struct world *w = *state;

    for (int i = 0; i < 11; i++) {
        record(w, "A", "x");
        cs_recorder_event(w->recorder, &web, true, "A", "x");
        record(w, "B", "x");
    }
    settle(w);
    assert_int_equal(w->api.len, 31); /* thirty alone, one folded */
    rt_pass(&w->api, 1000);
    settle(w);
    assert_int_equal(w->api.len, 32);
    rt_pass(&w->api, 1000);
    settle(w);
    assert_int_equal(w->api.len, 33);
    for (int i = 30; i < 33; i++)
        assert_count(w->api.requests[i], CS_VERB_CREATE, "1");
}

static void a_slow_answer_holds_back_the_next_request_of_its_event(void **state)
{
    struct world *w = *state;

    record_many(w, 10);
    settle(w);
    record_many(w, 1);
    rt_pass(&w->api, 0);
    record_many(w, 1);
    rt_pass(&w->api, 3000);
    assert_int_equal(rt_count_open(&w->api), 1);
    record(w, "B", "x"); /* others are not held back */
    rt_pass(&w->api, 3000);
    assert_int_equal(rt_count_open(&w->api), 2);
    settle(w);
    assert_int_equal(w->api.len, 13);
    assert_count(last(w), CS_VERB_PATCH_MERGE, "2");
}

static void an_event_that_expired_is_created_anew(void **state)
{
    struct world *w = *state;

    record_many(w, 11);
    settle(w);
    rt_pass(&w->api, 60000);
    record_many(w, 1);
    rt_pass(&w->api, 0);
    rt_answer(rt_expect(&w->api), 404, "{}");
    rt_pass(&w->api, 1000);
    assert_int_equal(rt_count_open(&w->api), 1);
    assert_count(last(w), CS_VERB_CREATE, "2");
    rt_answer(rt_expect(&w->api), 404, "{}"); /* the namespace is gone as well */
    rt_pass(&w->api, 10000);
    assert_int_equal(rt_count_open(&w->api), 0);
}

static void a_creation_in_doubt_is_followed_by_a_patch_and_a_refused_one_by_a_creation(void **state)
{
    static const struct {
        int status;
        enum cs_verb next;
    } rows[] = {{0, CS_VERB_PATCH_MERGE}, {500, CS_VERB_PATCH_MERGE}, {403, CS_VERB_CREATE}};

    for (size_t i = 0; i < CS_ARRAY_LEN(rows); i++) {
        void *inner;
        setup(&inner);
        struct world *w = inner;

        record_many(w, 10);
        settle(w);
        record_many(w, 1);
        rt_pass(&w->api, 0);
        rt_answer(rt_expect(&w->api), rows[i].status, "{}");
        rt_pass(&w->api, 5000);
        assert_int_equal(rt_count_open(&w->api), 0); /* failures are not repeated by themselves */
        record_many(w, 1);
        rt_pass(&w->api, 0);
        assert_count(last(w), rows[i].next, "2");
        teardown(&inner);
    }
    (void)state;
}

static void four_are_under_way_and_a_thousand_wait(void **state)
{
    struct world *w = *state;
    char uid[16];
    struct cs_event_ref about = web;

    about.uid = uid;
    for (int i = 0; i < 1003; i++) {
        (void)snprintf(uid, sizeof(uid), "u-%d", i);
        cs_recorder_event(w->recorder, &about, false, "A", "x");
    }
    assert_true(dropped(w) == 3);
    rt_pass(&w->api, 60000);
    assert_int_equal(rt_count_open(&w->api), 4);
    rt_answer(rt_expect(&w->api), 201, "{}");
    rt_pass(&w->api, 0);
    assert_int_equal(rt_count_open(&w->api), 4);
    assert_int_equal(w->api.len, 5);
    settle(w);
    assert_int_equal(w->api.len, 1000);
    assert_true(dropped(w) == 3);
}

static void a_failed_event_is_dropped_and_counted(void **state)
{
    struct world *w = *state;

    record(w, "A", "x");
    rt_pass(&w->api, 0);
    rt_answer(rt_expect(&w->api), 403, "{}");
    rt_pass(&w->api, 60000);
    assert_int_equal(w->api.len, 1);
    assert_true(dropped(w) == 1);
}

static void a_throttling_server_gets_a_pause(void **state)
{
    struct world *w = *state;

    record_many(w, 6);
    rt_pass(&w->api, 0);
    rt_answer(rt_expect(&w->api), 429, "{\"kind\":\"Status\",\"details\":{\"retryAfterSeconds\":3}}");
    rt_answer(rt_expect(&w->api), 201, "{}"); /* a success of another does not shorten it */
    rt_pass(&w->api, 2999);
    assert_int_equal(w->api.len, 4);
    rt_pass(&w->api, 1);
    assert_int_equal(w->api.len, 6);
}

static void nothing_is_sent_without_the_right_to_write(void **state)
{
    struct world *w = *state;

    record_many(w, 10);
    settle(w);
    record_many(w, 1);
    record(w, "B", "x");
    w->may_write = false; /* between noting and sending */
    record(w, "C", "x");
    settle(w);
    assert_int_equal(w->api.len, 10);
    assert_true(dropped(w) == 2);
    w->may_write = true;
    rt_pass(&w->api, 60000);
    assert_int_equal(w->api.len, 10);
}

static void counting_begins_anew_after_ten_idle_minutes_and_for_forgotten_objects(void **state)
{
    struct world *w = *state;

    record_many(w, 10);
    settle(w);
    rt_pass(&w->api, (int64_t)10 * 60 * 1000 - 1);
    record_many(w, 1);
    rt_pass(&w->api, 0);
    assert_count(last(w), CS_VERB_CREATE, "1");
    record_many(w, 1);
    cs_recorder_forget(w->recorder, "u-1"); /* with its request under way and another due */
    settle(w);
    assert_int_equal(w->api.len, 11);
    record_many(w, 10);
    settle(w);
    assert_int_equal(w->api.len, 21);
    rt_pass(&w->api, (int64_t)10 * 60 * 1000);
    record_many(w, 10);
    settle(w);
    assert_int_equal(w->api.len, 31); /* all alone, none folded */
}

static void the_table_is_bounded_and_keeps_what_is_in_use(void **state)
{
    struct world *w = *state;
    char uid[16];
    struct cs_event_ref about = web;

    record_many(w, 10);
    settle(w);
    about.uid = uid;
    for (int i = 0; i < 2 * 4096; i++) {
        (void)snprintf(uid, sizeof(uid), "o-%d", i);
        cs_recorder_event(w->recorder, &about, false, "A", "x");
        if (i == 3000)
            record_many(w, 1);
        if (i % 500 == 0)
            settle(w);
        if (i == 5000) { /* more came since its first use than the table holds, but not since its last */
            rt_pass(&w->api, 1000);
            record_many(w, 1);
            rt_pass(&w->api, 0);
            assert_count(last(w), CS_VERB_PATCH_MERGE, "2");
        }
    }
    for (int i = 0; i < 4096; i++) {
        (void)snprintf(uid, sizeof(uid), "p-%d", i);
        cs_recorder_event(w->recorder, &about, false, "A", "x");
        if (i % 500 == 0)
            settle(w);
    }
    settle(w);
    rt_pass(&w->api, 1000);
    size_t before = w->api.len;
    record_many(w, 1); /* pushed out 4,096 others ago */
    settle(w);
    assert_int_equal(w->api.len, before + 1);
    assert_count(last(w), CS_VERB_CREATE, "1");
    record_many(w, 9);
    settle(w);
    assert_int_equal(w->api.len, before + 10);
}

static void freeing_cancels_what_is_under_way(void **state)
{
    struct world *w = *state;

    record_many(w, 12);
    rt_pass(&w->api, 0);
    assert_int_equal(rt_count_open(&w->api), 4);
    /* teardown frees, and asserts that nothing is left */
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(an_event_says_who_what_and_when),
        T(an_object_without_namespace_has_its_events_in_default),
        T(names_are_unique_and_valid_for_long_objects),
        T(a_long_message_is_cut_between_characters),
        T(ten_go_out_alone_and_later_ones_are_counted_in_one),
        T(reasons_and_types_are_counted_apart_but_share_the_pace_of_their_object),
        T(a_slow_answer_holds_back_the_next_request_of_its_event),
        T(an_event_that_expired_is_created_anew),
        cmocka_unit_test(a_creation_in_doubt_is_followed_by_a_patch_and_a_refused_one_by_a_creation),
        T(four_are_under_way_and_a_thousand_wait),
        T(a_failed_event_is_dropped_and_counted),
        T(a_throttling_server_gets_a_pause),
        T(nothing_is_sent_without_the_right_to_write),
        T(counting_begins_anew_after_ten_idle_minutes_and_for_forgotten_objects),
        T(the_table_is_bounded_and_keeps_what_is_in_use),
        T(freeing_cancels_what_is_under_way),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
