/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What becomes of requests whose answer is late, lost, in doubt or about something that is no more (D2, D5, D12, D13): the
 * controller over a client that answers when the test says so. No watch runs here; the store is fed by hand.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "test/unit/controller_bed.h"

#define FORBIDDEN                                                                                                      \
    "{\"kind\":\"Status\",\"status\":\"Failure\",\"reason\":\"Forbidden\",\"message\":\"exceeded "                     \
    "quota\",\"code\":403}"

static void d5e_a_create_in_doubt_is_sent_again_under_its_name(void **state)
{
    struct bed b;
    struct rt_request *q;

    (void)state;
    bed_init(&b, 1);
    answer_revision(&b);
    q = expect(&b, CS_VERB_CREATE, CS_K_POD);
    cs_autofree char *body = cs_xstrdup(q->body);
    cs_autofree char *pod = created(&b, q, "p1");
    rt_answer(q, 0, "");
    step(&b, 1000);
    q = expect(&b, CS_VERB_CREATE, CS_K_POD);
    assert_string_equal(q->body, body);
    rt_answer(q, 409, TAKEN); /* the first one had landed */
    rt_answer(expect(&b, CS_VERB_GET, CS_K_POD), 200, pod);
    assert_int_equal(run_of(&b)->creates, 0); /* its slot in the creation window is free again (D13) */
    step(&b, 1000);
    assert_null(open_request(&b, CS_VERB_CREATE, CS_K_POD));
    assert_int_equal(cs_store_set(&b.c.store, "u1")->entries[CS_K_POD].n, 1);
    bed_done(&b);
}

/* What a 201 without its end has created is not known: taken for a success, another Pod would be made in its place. */
static void d5e_a_success_that_cannot_be_read_is_in_doubt(void **state)
{
    struct bed b;
    struct rt_request *q;

    (void)state;
    bed_init(&b, 1);
    answer_revision(&b);
    q = expect(&b, CS_VERB_CREATE, CS_K_POD);
    cs_autofree char *body = cs_xstrdup(q->body);
    cs_autofree char *pod = created(&b, q, "p1");
    cs_autofree char *half = cs_xmemdupz(pod, strlen(pod) / 2);
    rt_answer(q, 201, half);
    assert_int_equal(run_of(&b)->creates, 1);
    step(&b, 1000);
    q = expect(&b, CS_VERB_CREATE, CS_K_POD);
    assert_string_equal(q->body, body);
    rt_answer(q, 409, TAKEN);
    rt_answer(expect(&b, CS_VERB_GET, CS_K_POD), 200, half); /* what has the name is not known, either */
    step(&b, 1000);
    assert_null(open_request(&b, CS_VERB_CREATE, CS_K_POD));
    rt_answer(expect(&b, CS_VERB_GET, CS_K_POD), 200, pod);
    step(&b, 1000);
    assert_null(open_request(&b, CS_VERB_CREATE, CS_K_POD));
    assert_int_equal(cs_store_set(&b.c.store, "u1")->entries[CS_K_POD].n, 1);
    bed_done(&b);
}

/* A refusal of the second sending says nothing about the first: another name in its place could make one Pod too many. */
static void d5e_a_name_in_doubt_is_kept_when_it_is_refused(void **state)
{
    struct bed b;
    struct rt_request *q;

    (void)state;
    bed_init(&b, 1);
    answer_revision(&b);
    q = expect(&b, CS_VERB_CREATE, CS_K_POD);
    cs_autofree char *body = cs_xstrdup(q->body);
    rt_answer(q, 0, "");
    for (int i = 0; i < 4; i++) {
        step(&b, 15000);
        q = expect(&b, CS_VERB_CREATE, CS_K_POD);
        assert_string_equal(q->body, body);
        rt_answer(q, 403, FORBIDDEN);
        assert_int_equal(run_of(&b)->creates, 1);
    }
    step(&b, 15000); /* the first sending is over for good, and so is the doubt */
    rt_answer(expect(&b, CS_VERB_CREATE, CS_K_POD), 403, FORBIDDEN);
    assert_int_equal(run_of(&b)->creates, 0);
    bed_done(&b);
}

static void d12_what_is_sent_again_asks_first(void **state)
{
    struct bed b;

    (void)state;
    bed_init(&b, 1);
    answer_revision(&b);
    answer_status(&b, 1);
    rt_answer(expect(&b, CS_VERB_CREATE, CS_K_POD), 0, "");
    b.may_write = false;
    step(&b, 1000);
    assert_null(open_request(&b, CS_VERB_CREATE, CS_K_POD));
    assert_int_equal(run_of(&b)->creates, 0);
    b.may_write = true;
    step(&b, 1000);
    (void)expect(&b, CS_VERB_CREATE, CS_K_POD);
    bed_done(&b);
}

/* The fence had passed and the lease was won again: what was decided before is decided anew, after a consistent list. */
static void d12_what_an_earlier_term_decided_is_not_sent_again(void **state)
{
    struct bed b;

    (void)state;
    bed_init(&b, 1);
    answer_revision(&b);
    answer_status(&b, 1);
    rt_answer(expect(&b, CS_VERB_CREATE, CS_K_POD), 0, "");
    cs_controller_lead(&b.c, false);
    cs_controller_lead(&b.c, true);
    step(&b, 1000);
    assert_null(open_request(&b, CS_VERB_CREATE, CS_K_POD));
    assert_int_equal(run_of(&b)->creates, 0);
    bed_done(&b);
}

static void d12_a_status_that_could_not_be_written_is_written_later(void **state)
{
    struct bed b;

    (void)state;
    bed_init(&b, 0);
    step(&b, 0);
    struct rt_request *q = expect(&b, CS_VERB_CREATE, CS_K_REVISION);
    cs_autofree char *text = created(&b, q, "r1");
    b.may_write = false;
    rt_answer(q, 201, text);
    step(&b, 500);
    assert_null(open_request(&b, CS_VERB_PATCH_MERGE, CS_K_SET));
    b.may_write = true; /* and nothing else happens */
    step(&b, 2000);
    (void)expect(&b, CS_VERB_PATCH_MERGE, CS_K_SET);
    bed_done(&b);
}

static void a_late_answer_does_not_bring_a_deleted_set_back(void **state)
{
    struct bed b;

    (void)state;
    bed_init(&b, 0);
    answer_revision(&b);
    struct rt_request *q = expect(&b, CS_VERB_PATCH_MERGE, CS_K_SET);
    cs_autofree char *answer = set_text(&b, "u1", 0);
    cs_store_remove(&b.c.store, CS_K_SET, "ns", "web", "u1", (uint64_t)b.rv + 1); /* the watch was faster */
    rt_answer(q, 200, answer);
    assert_null(cs_store_find(&b.c.store, CS_K_SET, "ns", "web"));
    step(&b, 1000);
    assert_null(open_request(&b, CS_VERB_PATCH_MERGE, CS_K_SET));
    cs_store_remove(&b.c.store, CS_K_REVISION, "ns",
        cs_store_set(&b.c.store, "u1")->entries[CS_K_REVISION].items[0]->meta->name, NULL, 0);
    step(&b, 10);
    assert_null(cs_store_set(&b.c.store, "u1")); /* nothing is kept of it */
    bed_done(&b);
}

static void a_404_about_a_deleted_set_leaves_its_successor_alone(void **state)
{
    struct bed b;

    (void)state;
    bed_init(&b, 0);
    answer_revision(&b);
    struct rt_request *q = expect(&b, CS_VERB_PATCH_MERGE, CS_K_SET);
    feed_set(&b, "u2", 0);
    rt_answer(q, 404, "");
    assert_non_null(cs_store_set(&b.c.store, "u2"));
    assert_non_null(cs_store_set(&b.c.store, "u2")->set);
    step(&b, 1000);
    bed_done(&b);
}

/* One ready Pod too many, so that the set is to be read. */
static void one_pod_too_many(struct bed *b)
{
    struct rt_request *q;

    bed_init(b, 1);
    answer_revision(b);
    q = expect(b, CS_VERB_CREATE, CS_K_POD);
    cs_autofree char *pod = created(b, q, "p1");
    rt_answer(q, 201, pod);
    feed_set(b, "u1", 0);
    step(b, 10);
}

static void d2_an_unreadable_set_is_not_fresh(void **state)
{
    struct bed b;

    (void)state;
    one_pod_too_many(&b);
    rt_answer(expect(&b, CS_VERB_GET, CS_K_SET), 200, "{\"kind\":\"CloneSet\",\"metadata\":{}}");
    step(&b, 5);
    assert_null(open_request(&b, CS_VERB_DELETE, CS_K_POD));
    assert_null(open_request(&b, CS_VERB_GET, CS_K_SET)); /* nor asked again without a pause */
    step(&b, 100);
    cs_autofree char *text = set_text(&b, "u1", 0);
    rt_answer(expect(&b, CS_VERB_GET, CS_K_SET), 200, text);
    step(&b, 5);
    struct rt_request *q = expect(&b, CS_VERB_DELETE, CS_K_POD);
    assert_non_null(strstr(q->body, "\"preconditions\":{\"uid\":\"p1\""));
    bed_done(&b);
}

static void d2_an_answer_that_waited_is_not_fresh(void **state)
{
    struct bed b;

    (void)state;
    one_pod_too_many(&b);
    step(&b, 8000); /* as if the process had stood still with the answer before it */
    cs_autofree char *text = set_text(&b, "u1", 0);
    rt_answer(expect(&b, CS_VERB_GET, CS_K_SET), 200, text);
    step(&b, 50);
    assert_null(open_request(&b, CS_VERB_DELETE, CS_K_POD));
    cs_autofree char *again = set_text(&b, "u1", 0);
    rt_answer(expect(&b, CS_VERB_GET, CS_K_SET), 200, again);
    step(&b, 5);
    (void)expect(&b, CS_VERB_DELETE, CS_K_POD);
    bed_done(&b);
}

static void d2_a_set_that_changed_meanwhile_is_planned_again(void **state)
{
    struct bed b;

    (void)state;
    one_pod_too_many(&b);
    cs_autofree char *text = set_text(&b, "u1", 1); /* wanted again */
    rt_answer(expect(&b, CS_VERB_GET, CS_K_SET), 200, text);
    step(&b, 500);
    assert_null(open_request(&b, CS_VERB_DELETE, CS_K_POD));
    bed_done(&b);
}

static void d5_a_delete_in_doubt_is_read_and_not_repeated_blindly(void **state)
{
    struct bed b;
    const struct cs_entry *e;

    (void)state;
    one_pod_too_many(&b);
    cs_autofree char *text = set_text(&b, "u1", 0);
    rt_answer(expect(&b, CS_VERB_GET, CS_K_SET), 200, text);
    step(&b, 5);
    rt_answer(expect(&b, CS_VERB_DELETE, CS_K_POD), 0, "");
    e = cs_store_set(&b.c.store, "u1")->entries[CS_K_POD].items[0];
    assert_int_equal(e->busy, CS_BUSY_DELETE); /* it counts as going */
    step(&b, 1000);
    assert_null(open_request(&b, CS_VERB_DELETE, CS_K_POD));
    rt_answer(expect(&b, CS_VERB_GET, CS_K_POD), 404, "");
    assert_int_equal(cs_store_set(&b.c.store, "u1")->entries[CS_K_POD].n, 0);
    bed_done(&b);
}

/* One Pod is held, its deletion is under way; the name is what a watch tells versions of. */
static const char *deletion_sent(struct bed *b)
{
    one_pod_too_many(b);
    cs_autofree char *text = set_text(b, "u1", 0);
    rt_answer(expect(b, CS_VERB_GET, CS_K_SET), 200, text);
    step(b, 5);
    return expect(b, CS_VERB_DELETE, CS_K_POD)->name;
}

static void feed_pod(struct bed *b, const char *name, const char *uid)
{
    cs_autofree char *text = cs_xasprintf(
        "{\"metadata\":{\"name\":\"%s\",\"namespace\":\"ns\",\"uid\":\"%s\",\"resourceVersion\":\"%d\","
        "\"labels\":{\"app\":\"web\",\"apps.kruise.io/cloneset-instance-id\":\"%s\"},\"ownerReferences\":[{"
        "\"apiVersion\":\"apps.kruise.io/v1alpha1\",\"kind\":\"CloneSet\",\"name\":\"web\",\"uid\":\"u1\","
        "\"controller\":true}]}}",
        name, uid, ++b->rv, strrchr(name, '-') + 1);

    feed(b, CS_K_POD, text);
}

/* The watch is behind: counted again, this Pod would cost another one its place, and its claims. */
static void d5a_a_pod_that_is_gone_does_not_come_back_with_the_watch(void **state)
{
    struct bed b;

    (void)state;
    cs_autofree char *name = cs_xstrdup(deletion_sent(&b));
    rt_answer(expect(&b, CS_VERB_DELETE, CS_K_POD), 404, "");
    assert_int_equal(cs_store_set(&b.c.store, "u1")->entries[CS_K_POD].n, 0);
    feed_pod(&b, name, "p1");
    assert_int_equal(cs_store_set(&b.c.store, "u1")->entries[CS_K_POD].n, 0);
    feed_pod(&b, name, "p2");
    assert_int_equal(cs_store_set(&b.c.store, "u1")->entries[CS_K_POD].n, 1);
    bed_done(&b);
}

/* Of what came under its name while the request was under way the answer says nothing. */
static void d5a_a_404_is_about_the_pod_that_was_held_when_it_was_asked(void **state)
{
    struct bed b;

    (void)state;
    cs_autofree char *name = cs_xstrdup(deletion_sent(&b));
    feed_pod(&b, name, "p2");
    rt_answer(expect(&b, CS_VERB_DELETE, CS_K_POD), 404, "");
    feed_pod(&b, name, "p2");
    assert_int_equal(cs_store_set(&b.c.store, "u1")->entries[CS_K_POD].n, 1);
    bed_done(&b);
}

static void d13_refused_creations_are_spaced_out(void **state)
{
    struct bed b;
    size_t tries = 0;

    (void)state;
    bed_init(&b, 3);
    answer_revision(&b);
    for (int i = 0; i < 200; i++) { /* one second */
        struct rt_request *q = open_request(&b, CS_VERB_CREATE, CS_K_POD);

        if (q) {
            tries++;
            rt_answer(q, 403, "{\"kind\":\"Status\",\"reason\":\"Forbidden\",\"message\":\"quota\",\"code\":403}");
        }
        answer_status(&b, 3);
        assert_null(open_request(&b, CS_VERB_CREATE, CS_K_POD)); /* one at a time after an error */
        step(&b, 5);
    }
    assert_in_range(tries, 4, 12);
    assert_non_null(strstr(run_of(&b)->scale_error, "quota"));
    bed_done(&b);
}

/* A Pod that has its node, as a server shows it. Owned. */
static char *scheduled(struct bed *b, const struct rt_request *q)
{
    cs_autofree char *text = created(b, q, "p1");
    const char *spec = strstr(text, "\"spec\":{") + 8;

    return cs_xasprintf("%.*s\"nodeName\":\"n1\",%s", (int)(spec - text), text, spec);
}

/* In a rollout of hours the set is never at rest: what failed once must not stand in the status until it is over. */
static void an_error_is_over_when_the_same_request_succeeds(void **state)
{
    struct bed b;
    struct rt_request *q;

    (void)state;
    bed_init(&b, 2);
    answer_revision(&b);
    q = expect(&b, CS_VERB_CREATE, CS_K_POD);
    cs_autofree char *pod = scheduled(&b, q);
    cs_autofree char *later = scheduled(&b, q);
    rt_answer(q, 201, pod);
    step(&b, 100);
    (void)expect(&b, CS_VERB_CREATE, CS_K_POD); /* the other one is under way all the time */
    rt_answer(expect(&b, CS_VERB_PATCH_STRATEGIC, CS_K_POD), 403, FORBIDDEN);
    assert_non_null(strstr(run_of(&b)->update_error, "refresh web-"));
    step(&b, 1000);
    rt_answer(expect(&b, CS_VERB_PATCH_STRATEGIC, CS_K_POD), 200, later);
    assert_null(run_of(&b)->update_error);
    bed_done(&b);
}

static void a_set_that_goes_at_rest_is_forgotten(void **state)
{
    struct bed b;

    (void)state;
    bed_init(&b, 0);
    answer_revision(&b);
    struct rt_request *q = expect(&b, CS_VERB_PATCH_MERGE, CS_K_SET);
    cs_autofree char *answer = set_text(&b, "u1", 0);
    rt_answer(q, 200, answer);
    cs_store_remove(&b.c.store, CS_K_REVISION, "ns",
        cs_store_set(&b.c.store, "u1")->entries[CS_K_REVISION].items[0]->meta->name, NULL, 0);
    cs_store_remove(&b.c.store, CS_K_SET, "ns", "web", "u1", (uint64_t)b.rv + 1); /* foreground deletion: last */
    step(&b, 10);
    assert_null(cs_store_set(&b.c.store, "u1"));
    assert_int_equal(b.c.queue.depth, 0);
    bed_done(&b);
}

/* A Pod that is to be resized to 3 CPUs; as a server shows it. Owned. */
static char *resized_pod(struct bed *b, const char *revision, const char *cpu)
{
    return cs_xasprintf(
        "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"web-bbbbb\",\"namespace\":\"ns\",\"uid\":"
        "\"p1\","
        "\"resourceVersion\":\"%d\",\"labels\":{\"app\":\"web\",\"apps.kruise.io/cloneset-instance-id\":\"bbbbb\","
        "\"controller-revision-hash\":\"%s\",\"pod-template-hash\":\"x\",\"lifecycle.apps.kruise.io/"
        "state\":\"Updating\"},"
        "\"annotations\":{\"apps.kruise.io/"
        "inplace-update-state\":\"{\\\"revision\\\":\\\"%s\\\",\\\"updateResources\\\":true,"
        "\\\"containerResources\\\":{\\\"c\\\":{\\\"limits\\\":{\\\"cpu\\\":\\\"3\\\"}}}}\"},\"ownerReferences\":[{"
        "\"apiVersion\":\"apps.kruise.io/"
        "v1alpha1\",\"kind\":\"CloneSet\",\"name\":\"web\",\"uid\":\"u1\",\"controller\":true}]},"
        "\"spec\":{\"nodeName\":\"n\",\"containers\":[{\"name\":\"c\",\"image\":\"i\",\"resources\":{\"limits\":{"
        "\"cpu\":\"%s\"}}}]},"
        "\"status\":{\"phase\":\"Running\",\"conditions\":[{\"type\":\"Ready\",\"status\":\"True\"}],"
        "\"containerStatuses\":[{"
        "\"name\":\"c\",\"image\":\"i\",\"resources\":{\"limits\":{\"cpu\":\"2\"}},\"state\":{\"running\":{}}}]}}",
        ++b->rv, revision, revision, cpu);
}

enum resize_answer { RESIZE_DONE, RESIZE_UNDONE, RESIZE_REFUSED, RESIZE_UNKNOWN, RESIZE_CONFLICT, RESIZE_GONE };

/* One second with a server that answers each resize like this; how often it was asked. */
static size_t answer_resizes(struct bed *b, const char *revision, enum resize_answer how)
{
    size_t asked = 0;

    for (int i = 0; i < 200; i++) {
        struct rt_request *q = open_request(b, CS_VERB_PATCH_STRATEGIC, CS_K_POD);
        struct rt_request *get = open_request(b, CS_VERB_GET, CS_K_POD);
        cs_autofree char *pod = resized_pod(b, revision, how == RESIZE_DONE ? "3" : "2");

        if (q) {
            assert_non_null(strstr(q->body, "\"cpu\":\"3\""));
            asked++;
        }
        if (q && (how == RESIZE_DONE || how == RESIZE_UNDONE))
            rt_answer(q, 200, pod);
        else if (q && how == RESIZE_REFUSED)
            rt_answer(q, 422, "{\"kind\":\"Status\",\"reason\":\"Invalid\",\"message\":\"no way\",\"code\":422}");
        else if (q && how == RESIZE_CONFLICT)
            rt_answer(q, 409, "{\"kind\":\"Status\",\"reason\":\"Conflict\",\"message\":\"newer\",\"code\":409}");
        else if (q)
            rt_answer(
                q, 404, "{\"kind\":\"Status\",\"reason\":\"NotFound\",\"message\":\"nothing there\",\"code\":404}");
        if (get)
            rt_answer(get, how == RESIZE_GONE ? 404 : 200, how == RESIZE_GONE ? "" : pod);
        answer_status(b, 1);
        step(b, 5);
    }
    return asked;
}

/* Whatever the server says to a resize: never a loop without pauses (D13), and what is wrong is told. */
static void d13_a_resize_that_comes_to_nothing_is_spaced_out(void **state)
{
    static const struct {
        enum resize_answer how;
        const char *error; /* part of FailedUpdate's message; "": none */
        size_t least, most;
    } rows[] = {
        {RESIZE_DONE, "", 1, 1}, {RESIZE_UNDONE, "the Pod has other cpu or memory than asked for", 4, 12},
        {RESIZE_REFUSED, "no way", 4, 12}, {RESIZE_UNKNOWN, "the API server has no pods/resize", 4, 12},
        {RESIZE_GONE, "", 1, 1}, /* the Pod, not the subresource */
        {RESIZE_CONFLICT, "", 20, 200}, /* U-16: read, planned again, no failure */
    };

    (void)state;
    for (size_t i = 0; i < CS_ARRAY_LEN(rows); i++) {
        struct bed b;
        const struct cs_set_entry *se;

        bed_init(&b, 1);
        answer_revision(&b);
        se = cs_store_set(&b.c.store, "u1");
        cs_autofree char *revision = cs_xstrdup(se->entries[CS_K_REVISION].items[0]->meta->name);
        struct rt_request *create = expect(&b, CS_VERB_CREATE, CS_K_POD);
        rt_answer(create, 403, TAKEN); /* the Pod below is there instead */
        cs_autofree char *pod = resized_pod(&b, revision, "2");
        feed(&b, CS_K_POD, pod);
        size_t asked = answer_resizes(&b, revision, rows[i].how);
        if (asked < rows[i].least || asked > rows[i].most)
            fail_msg("row %zu: asked %zu times", i, asked);
        const char *error = run_of(&b)->update_error ? run_of(&b)->update_error : "";
        if (!strstr(error, rows[i].error) || (!*rows[i].error && *error))
            fail_msg("row %zu: %s", i, error);
        bed_done(&b);
    }
}

static void d5c_a_restored_server_stops_decisions_until_all_is_read(void **state)
{
    struct bed b;

    (void)state;
    bed_init(&b, 1);
    answer_revision(&b);
    cs_store_list_begin(&b.c.store, CS_K_POD);
    b.c.store.sent_rv[CS_K_POD] = 1000;
    cs_store_list_end(&b.c.store, CS_K_POD, 10);
    assert_false(b.c.active);
    bed_done(&b);
}

/* The set asks for one Pod less than before; what was asked for before the restoration must not be done. */
static void d5c_a_read_that_is_older_than_what_was_known_stops_decisions(void **state)
{
    struct bed b;

    (void)state;
    one_pod_too_many(&b);
    b.rv = 0;
    cs_autofree char *text = set_text(&b, "u1", 1);
    rt_answer(expect(&b, CS_VERB_GET, CS_K_SET), 200, text);
    assert_false(b.c.active);
    assert_null(cs_store_find(&b.c.store, CS_K_SET, "ns", "web"));
    assert_int_equal(b.c.store.high_rv[CS_K_POD], 0);
    step(&b, 500);
    assert_null(open_request(&b, CS_VERB_DELETE, CS_K_POD));
    bed_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(d5e_a_create_in_doubt_is_sent_again_under_its_name),
        cmocka_unit_test(d5e_a_success_that_cannot_be_read_is_in_doubt),
        cmocka_unit_test(d5e_a_name_in_doubt_is_kept_when_it_is_refused),
        cmocka_unit_test(d12_what_is_sent_again_asks_first),
        cmocka_unit_test(d12_what_an_earlier_term_decided_is_not_sent_again),
        cmocka_unit_test(d12_a_status_that_could_not_be_written_is_written_later),
        cmocka_unit_test(a_late_answer_does_not_bring_a_deleted_set_back),
        cmocka_unit_test(a_404_about_a_deleted_set_leaves_its_successor_alone),
        cmocka_unit_test(d2_an_unreadable_set_is_not_fresh),
        cmocka_unit_test(d2_an_answer_that_waited_is_not_fresh),
        cmocka_unit_test(d2_a_set_that_changed_meanwhile_is_planned_again),
        cmocka_unit_test(d5_a_delete_in_doubt_is_read_and_not_repeated_blindly),
        cmocka_unit_test(d5a_a_pod_that_is_gone_does_not_come_back_with_the_watch),
        cmocka_unit_test(d5a_a_404_is_about_the_pod_that_was_held_when_it_was_asked),
        cmocka_unit_test(d13_refused_creations_are_spaced_out),
        cmocka_unit_test(an_error_is_over_when_the_same_request_succeeds),
        cmocka_unit_test(d13_a_resize_that_comes_to_nothing_is_spaced_out),
        cmocka_unit_test(a_set_that_goes_at_rest_is_forgotten),
        cmocka_unit_test(d5c_a_restored_server_stops_decisions_until_all_is_read),
        cmocka_unit_test(d5c_a_read_that_is_older_than_what_was_known_stops_decisions),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
