/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the controller tells, by status and by event, and when: over a client that answers when the test says so.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/api/gvr.h"
#include "test/unit/controller_bed.h"

#define FORBIDDEN "{\"kind\":\"Status\",\"reason\":\"Forbidden\",\"message\":\"exceeded quota: small\",\"code\":403}"
#define CONFLICT                                                                                                       \
    "{\"kind\":\"Status\",\"reason\":\"Conflict\",\"message\":\"the object has been modified\",\"code\":409}"

/* Requests for events that mention a text. */
static size_t told(const struct bed *b, const char *text)
{
    size_t n = 0;

    for (size_t i = 0; i < b->api.len; i++)
        n += b->api.requests[i]->gvr == &cs_gvr_events && b->api.requests[i]->body &&
             strstr(b->api.requests[i]->body, text);
    return n;
}

/* The set with more in its spec, at a generation; extra begins with a comma. */
static void feed_spec(struct bed *b, int generation, const char *extra)
{
    cs_autofree char *text = cs_xasprintf(
        "{\"metadata\":{\"name\":\"web\",\"namespace\":\"ns\",\"uid\":\"u1\",\"resourceVersion\":\"%d\",\"generation\":"
        "%d},"
        "\"spec\":{\"replicas\":1,\"selector\":{\"matchLabels\":{\"app\":\"web\"}},\"template\":{\"metadata\":{"
        "\"labels\":{\"app\":\"web\"}},\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":\"i\"}]}}%s}}",
        ++b->rv, generation, extra);

    feed(b, CS_K_SET, text);
}

static struct rt_request *status_write(struct bed *b)
{
    return open_request(b, CS_VERB_PATCH_MERGE, CS_K_SET);
}

static void design_2_broken_rules_are_told_once_per_generation_and_stop_nothing(void **state)
{
    struct bed b;

    (void)state;
    bed_init(&b, 1);
    answer_revision(&b);
    step(&b, 1000);
    assert_int_equal(told(&b, "InvalidSpec"), 0);
    feed_spec(&b, 7, ",\"revisionHistoryLimit\":-1,\"minReadySeconds\":-2");
    step(&b, 1000);
    assert_int_equal(told(&b, "InvalidSpec"), 1); /* all of them in one */
    assert_int_equal(told(&b, "spec.revisionHistoryLimit: Invalid value: -1"), 1);
    assert_int_equal(told(&b, "spec.minReadySeconds: Invalid value: -2"), 1);
    (void)expect(&b, CS_VERB_CREATE, CS_K_POD); /* D15: it is not frozen */
    feed_spec(&b, 7, ",\"revisionHistoryLimit\":-1,\"minReadySeconds\":-2");
    step(&b, 5000);
    assert_int_equal(told(&b, "InvalidSpec"), 1);
    feed_spec(&b, 8, ",\"revisionHistoryLimit\":-3");
    step(&b, 5000);
    assert_int_equal(told(&b, "InvalidSpec"), 2);
    feed_spec(&b, 9, "");
    step(&b, 5000);
    assert_null(run_of(&b)->se->violations);
    assert_int_equal(told(&b, "InvalidSpec"), 2);
    bed_done(&b);
}

static void broken_rules_without_end_are_one_bounded_text(void **state)
{
    struct bed b;
    cs_autostrbuf names = CS_STRBUF_INIT;

    (void)state;
    for (int i = 0; i < 100; i++)
        cs_strbuf_addf(&names, "%s\"Not A Name %d\"", i ? "," : "", i);
    cs_autofree char *extra = cs_xasprintf(",\"scaleStrategy\":{\"podsToDelete\":[%s]}", cs_strbuf_str(&names));
    bed_init(&b, 1);
    feed_spec(&b, 7, extra);
    assert_in_range(strlen(run_of(&b)->se->violations), 500, 1000);
    assert_non_null(strstr(run_of(&b)->se->violations, "; and "));
    bed_done(&b);
}

static void all_notes_of_a_pass_are_told_once(void **state)
{
    static const struct {
        int names;
        unsigned kept;
    } rows[] = {{1, 1}, {16, 16}, {17, 17}, {200, 200}, {300, CS_NOTES_MAX}};

    (void)state;
    for (size_t i = 0; i < CS_ARRAY_LEN(rows); i++) {
        cs_autostrbuf names = CS_STRBUF_INIT;
        struct bed b;

        for (int k = 0; k < rows[i].names; k++)
            cs_strbuf_addf(&names, "%s\"gone-%d\"", k ? "," : "", k);
        cs_autofree char *extra = cs_xasprintf(",\"scaleStrategy\":{\"podsToDelete\":[%s]}", cs_strbuf_str(&names));
        bed_init(&b, 1);
        answer_revision(&b);
        feed_spec(&b, 7, extra);
        step(&b, 100);
        assert_int_equal(run_of(&b)->n_notes, rows[i].kept);
        size_t events = told(&b, "PodsToDeleteStruck");
        assert_in_range(events, 1, rows[i].names);
        feed_spec(&b, 7, extra); /* another pass */
        step(&b, 100);
        assert_int_equal(run_of(&b)->n_notes, rows[i].kept);
        assert_int_equal(told(&b, "PodsToDeleteStruck"), events);
        bed_done(&b);
    }
}

static void u_16_a_conflict_is_no_failure(void **state)
{
    struct bed b;

    (void)state;
    bed_init(&b, 0);
    answer_revision(&b);
    rt_answer(expect(&b, CS_VERB_PATCH_MERGE, CS_K_SET), 409, CONFLICT);
    cs_autofree char *text = set_text(&b, "u1", 1); /* somebody else wrote: one is wanted now */
    rt_answer(expect(&b, CS_VERB_GET, CS_K_SET), 200, text);
    step(&b, 100);
    rt_answer(expect(&b, CS_VERB_CREATE, CS_K_POD), 409, CONFLICT);
    rt_answer(expect(&b, CS_VERB_GET, CS_K_POD), 404, "");
    step(&b, 5000);
    assert_null(run_of(&b)->scale_error);
    assert_null(run_of(&b)->update_error);
    struct rt_request *q = status_write(&b);
    assert_non_null(q);
    assert_null(strstr(q->body, "Failed"));
    bed_done(&b);
}

static void a_quota_is_told_as_long_as_it_holds_up_creation(void **state)
{
    struct bed b;

    (void)state;
    bed_init(&b, 1);
    answer_revision(&b);
    rt_answer(expect(&b, CS_VERB_CREATE, CS_K_POD), 403, FORBIDDEN);
    step(&b, 20);
    struct rt_request *q = status_write(&b);
    assert_non_null(q);
    assert_non_null(strstr(q->body, "{\"type\":\"FailedScale\",\"status\":\"True\""));
    assert_non_null(strstr(q->body, "\"reason\":\"FailedScale\",\"message\":\"create-pod web-"));
    assert_non_null(strstr(q->body, "exceeded quota: small"));
    bed_done(&b);
}

static void a_failure_is_over_with_the_next_success(void **state)
{
    struct bed b;

    (void)state;
    bed_init(&b, 3);
    answer_revision(&b);
    rt_answer(expect(&b, CS_VERB_CREATE, CS_K_POD), 403, FORBIDDEN);
    step(&b, 20);
    assert_non_null(strstr(run_of(&b)->scale_error, "quota"));
    struct rt_request *q = expect(&b, CS_VERB_CREATE, CS_K_POD);
    cs_autofree char *pod = created(&b, q, "p1");
    rt_answer(q, 201, pod);
    assert_null(run_of(&b)->scale_error); /* two are still to be created */
    bed_done(&b);
}

/* Argo CD's script takes "0 of 0 Pods are available" for health, and acts on it. */
static void a_new_set_has_a_status_when_its_first_pod_is_there(void **state)
{
    struct bed b;

    (void)state;
    bed_init(&b, 1);
    answer_revision(&b);
    step(&b, 1500);
    assert_null(status_write(&b));
    struct rt_request *q = expect(&b, CS_VERB_CREATE, CS_K_POD);
    cs_autofree char *pod = created(&b, q, "p1");
    rt_answer(q, 201, pod);
    step(&b, 5);
    assert_non_null(strstr(expect(&b, CS_VERB_PATCH_MERGE, CS_K_SET)->body, "\"replicas\":1,"));
    bed_done(&b);
}

static void but_it_does_not_wait_for_ever(void **state)
{
    struct bed b;

    (void)state;
    bed_init(&b, 1);
    answer_revision(&b);
    step(&b, CS_HOLD_STATUS_MS + 10); /* the creation is still under way */
    assert_non_null(strstr(expect(&b, CS_VERB_PATCH_MERGE, CS_K_SET)->body, "\"replicas\":0,"));
    bed_done(&b);
}

/* The server takes the open status write. */
static void take_status(struct bed *b, int replicas)
{
    struct rt_request *q = expect(b, CS_VERB_PATCH_MERGE, CS_K_SET);
    cs_autofree char *body = cs_xstrdup(strstr(q->body, "\"status\":"));
    cs_autofree char *whole = set_text(b, "u1", replicas);
    cs_autofree char *answer = cs_xasprintf("%.*s,%s", (int)strlen(whole) - 1, whole, body); /* "…},"status":{…}}" */

    rt_answer(q, 200, answer);
}

/* D14. In the middle of a rollout it waits longer when fifty other sets wait for their turn. */
static void a_status_waits_when_many_sets_do(void **state)
{
    (void)state;
    for (int busy = 0; busy < 2; busy++) {
        struct bed b;

        bed_init(&b, 2);
        answer_revision(&b);
        for (int i = 0; i < 2; i++) {
            struct rt_request *q = expect(&b, CS_VERB_CREATE, CS_K_POD);
            cs_autofree char *pod = created(&b, q, i ? "p1" : "p0");

            if (i && busy)
                b.c.queue.depth += 50;
            rt_answer(q, 201, pod);
            step(&b, 5);
            if (i == 0)
                take_status(&b, 2);
        }
        step(&b, 300);
        if ((status_write(&b) == NULL) != busy)
            fail_msg("busy %d", busy);
        step(&b, 1800);
        assert_non_null(status_write(&b));
        bed_done(&b);
    }
}

/* D14 */
static void a_quiet_set_writes_nothing(void **state)
{
    struct bed b;

    (void)state;
    bed_init(&b, 0);
    answer_revision(&b);
    take_status(&b, 0);
    size_t sent = b.api.len;
    step(&b, 3600000);
    assert_int_equal(b.api.len, sent);
    bed_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(design_2_broken_rules_are_told_once_per_generation_and_stop_nothing),
        cmocka_unit_test(broken_rules_without_end_are_one_bounded_text),
        cmocka_unit_test(all_notes_of_a_pass_are_told_once),
        cmocka_unit_test(u_16_a_conflict_is_no_failure),
        cmocka_unit_test(a_quota_is_told_as_long_as_it_holds_up_creation),
        cmocka_unit_test(a_failure_is_over_with_the_next_success),
        cmocka_unit_test(a_new_set_has_a_status_when_its_first_pod_is_there),
        cmocka_unit_test(but_it_does_not_wait_for_ever),
        cmocka_unit_test(a_status_waits_when_many_sets_do),
        cmocka_unit_test(a_quiet_set_writes_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
