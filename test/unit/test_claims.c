/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Claims through the whole controller: whose claim it is (D4), what must have been asked before one is deleted (D2, D5d, D6, D12),
 * growth and its refusal (U-13), names that others have. The controller runs over a client that answers when the test says so; no
 * watch runs, the store is fed by hand.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "controller/cloneset/store_gone.h"
#include "test/unit/claims_bed.h"

/* ---- D4 ---- */

static void d4_whose_claim_it_is(void **state)
{
    enum { OURS, ALONE, UNSEEN };
    static const struct {
        const char *why, *name, *id, *owner;
        int is;
    } rows[] = {
        {"all is as it should be", "data-web-bbbbb", "bbbbb", "u1", OURS},
        {"a template that is no more", "old-web-bbbbb", "bbbbb", "u1", OURS},
        {"another id in the label", "data-web-bbbbb", "ccccc", "u1", ALONE},
        {"another set's name", "data-other-bbbbb", "bbbbb", "u1", ALONE},
        {"no template's name", "web-bbbbb", "bbbbb", "u1", ALONE},
        {"characters that no id has", "data-web-bbbb1", "bbbb1", "u1", ALONE},
        {"a vowel", "data-web-bbbba", "bbbba", "u1", ALONE},
        {"too short (quirk 21)", "data-web-bbbb", "bbbb", "u1", UNSEEN},
        {"no id (quirk 21)", "data-web-bbbbb", "", "u1", UNSEEN},
        {"another owner", "data-web-bbbbb", "bbbbb", "u9", UNSEEN},
        {"an owner that is not the controller", "data-web-bbbbb", "bbbbb", "!u1", UNSEEN},
    };

    (void)state;
    for (size_t i = 0; i < CS_ARRAY_LEN(rows); i++) {
        struct claims_bed b;
        struct cs_observation o;

        cb_init(&b, 0, true);
        cs_autofree char *text = cb_claim_text(&b, rows[i].name, rows[i].id, rows[i].owner, "");
        feed(&b.bed, CS_K_CLAIM, text);
        assert_true(cs_observe(&b.bed.c, run_of(&b.bed), &o));
        if (o.n_claims != (rows[i].is != UNSEEN) || (o.n_claims > 0 && o.claims[0].foreign != (rows[i].is == ALONE)))
            fail_msg("%s", rows[i].why);
        cs_observation_done(&o);
        step(&b.bed, 100);
        if ((open_request(&b.bed, CS_VERB_GET, CS_K_POD) != NULL) != (rows[i].is == OURS)) /* to be deleted */
            fail_msg("%s", rows[i].why);
        bed_done(&b.bed);
    }
}

/* ---- clean-up ---- */

static void d6_a_free_claim_goes_when_the_server_knows_no_pod(void **state)
{
    struct claims_bed b;
    struct rt_request *q;

    (void)state;
    cb_init(&b, 0, true);
    cb_feed_claim(&b);
    step(&b.bed, 5);
    cb_expect_none(&b, CS_VERB_DELETE, CS_K_CLAIM);
    q = expect(&b.bed, CS_VERB_GET, CS_K_POD);
    assert_string_equal(q->name, "web-bbbbb");
    rt_answer(q, 404, NOT_FOUND);
    step(&b.bed, 5);
    cb_answer_set(&b); /* D2 */
    step(&b.bed, 5);
    q = expect(&b.bed, CS_VERB_DELETE, CS_K_CLAIM);
    assert_string_equal(q->name, "data-web-bbbbb");
    assert_non_null(strstr(q->body, "\"preconditions\":{\"uid\":\"c-data-web-bbbbb\",\"resourceVersion\":\""));
    cs_autofree char *going =
        cb_claim_text(&b, "data-web-bbbbb", "bbbbb", "u1", ",'deletionTimestamp':'2025-01-01T00:00:00Z'");
    rt_answer(q, 200, going);
    assert_int_equal(cb_events(&b, "succeed to delete pvc data-web-bbbbb"), 1);
    cb_expect_none(&b, CS_VERB_DELETE, CS_K_CLAIM);
    cb_expect_none(&b, CS_VERB_GET, CS_K_POD);
    cs_store_remove(&b.bed.c.store, CS_K_CLAIM, "ns", "data-web-bbbbb", NULL, 0);
    assert_int_equal(cs_store_set(&b.bed.c.store, "u1")->n_free_ids, 0); /* nothing is kept of it */
    bed_done(&b.bed);
}

static void d5d_an_answer_must_be_newer_than_the_claim_and_young(void **state)
{
    struct claims_bed b;

    (void)state;
    cb_init(&b, 0, true);
    cb_feed_claim(&b);
    step(&b.bed, 5);
    cb_feed_claim(&b); /* a new version while the question is under way */
    rt_answer(expect(&b.bed, CS_VERB_GET, CS_K_POD), 404, NOT_FOUND);
    step(&b.bed, 5);
    cb_expect_none(&b, CS_VERB_GET, CS_K_SET);
    rt_answer(expect(&b.bed, CS_VERB_GET, CS_K_POD), 404, NOT_FOUND); /* asked again */
    step(&b.bed, 5);
    struct rt_request *q = expect(&b.bed, CS_VERB_GET, CS_K_SET);
    step(&b.bed, 5200); /* a slow server */
    cs_autofree char *text = cb_set_text(&b);
    rt_answer(q, 200, text);
    step(&b.bed, 5);
    cb_expect_none(&b, CS_VERB_DELETE, CS_K_CLAIM);
    rt_answer(expect(&b.bed, CS_VERB_GET, CS_K_POD), 404, NOT_FOUND); /* and again */
    step(&b.bed, 5);
    (void)expect(&b.bed, CS_VERB_DELETE, CS_K_CLAIM);
    bed_done(&b.bed);
}

static void d2_the_flag_is_read_again_before_a_claim_goes(void **state)
{
    struct claims_bed b;

    (void)state;
    cb_init(&b, 0, true);
    cb_feed_claim(&b);
    step(&b.bed, 5);
    rt_answer(expect(&b.bed, CS_VERB_GET, CS_K_POD), 404, NOT_FOUND);
    step(&b.bed, 5);
    b.off = false; /* the user has turned it back; no watch has told */
    b.generation++;
    cb_answer_set(&b);
    step(&b.bed, 1000);
    cb_expect_none(&b, CS_VERB_DELETE, CS_K_CLAIM);
    bed_done(&b.bed);
}

static void d12_what_a_predecessor_may_have_sent_is_waited_for(void **state)
{
    struct claims_bed b;

    (void)state;
    cb_init(&b, 0, true);
    b.bed.c.doubt_until_ms = b.bed.api.now_ms + CS_DOUBT_MS;
    cb_feed_claim(&b);
    step(&b.bed, CS_DOUBT_MS - 1000);
    cb_expect_none(&b, CS_VERB_GET, CS_K_POD);
    cb_expect_none(&b, CS_VERB_DELETE, CS_K_CLAIM);
    step(&b.bed, 1500); /* nobody wakes it */
    (void)expect(&b.bed, CS_VERB_GET, CS_K_POD);
    bed_done(&b.bed);
}

/* Whoever decided before may have sent a deletion or hand-over that lands later. */
static void d12_a_claim_from_before_is_fenced_when_it_is_taken_over(void **state)
{
    struct claims_bed b;
    struct rt_request *q;

    (void)state;
    cb_init(&b, 0, false);
    cb_feed_claim(&b);
    b.bed.c.fence_rv = b.bed.c.store.high_rv[CS_K_CLAIM];
    b.replicas = 1;
    cb_feed_set(&b);
    step(&b.bed, 1000);
    cb_answer_others(&b);
    rt_answer(expect(&b.bed, CS_VERB_GET, CS_K_POD), 404, NOT_FOUND);
    step(&b.bed, 1000);
    cb_expect_none(&b, CS_VERB_CREATE, CS_K_POD);
    q = expect(&b.bed, CS_VERB_PATCH_MERGE, CS_K_CLAIM);
    assert_non_null(strstr(q->body, CS_ANNO_FENCE));
    cs_autofree char *fenced = cb_claim_text(&b, "data-web-bbbbb", "bbbbb", "u1", "");
    rt_answer(q, 200, fenced);
    step(&b.bed, 1000);
    (void)expect(&b.bed, CS_VERB_CREATE, CS_K_POD);
    bed_done(&b.bed);
}

/* If the hand-over landed after all, the data would go along with the Pod, whoever deletes it. */
static void lost_hand_over(bool terminating)
{
    struct claims_bed b;
    struct rt_request *q;

    cb_init(&b, 0, false);
    cs_autofree char *pod = cb_pod_text(&b, HAS_ID, "u1");
    cs_autofree char *claim = cb_claim_text(&b, "data-web-bbbbb", "bbbbb", "u1", "");
    feed(&b.bed, CS_K_CLAIM, claim);
    feed(&b.bed, CS_K_POD, pod);
    step(&b.bed, 1000);
    cb_answer_set(&b);
    step(&b.bed, 5);
    q = expect(&b.bed, CS_VERB_PATCH_MERGE, CS_K_CLAIM);
    assert_non_null(strstr(q->body, "\"kind\":\"Pod\""));
    rt_answer(q, 0, "");
    b.replicas = 1;
    cb_feed_set(&b);
    if (terminating) {
        cs_autofree char *going =
            cb_pod_text(&b, HAS_ID "},'deletionTimestamp':'2025-06-15T15:00:00Z','annotations':{", "u1");

        feed(&b.bed, CS_K_POD, going);
    }
    step(&b.bed, 1000);
    rt_answer(expect(&b.bed, CS_VERB_GET, CS_K_CLAIM), 200, claim);
    step(&b.bed, 1000);
    q = expect(&b.bed, CS_VERB_PATCH_MERGE, CS_K_CLAIM);
    assert_non_null(strstr(q->body, CS_ANNO_FENCE));
    cs_autofree char *fenced = cb_claim_text(&b, "data-web-bbbbb", "bbbbb", "u1", "");
    rt_answer(q, 200, fenced);
    step(&b.bed, 1000);
    cb_expect_none(&b, CS_VERB_PATCH_MERGE, CS_K_CLAIM); /* once */
    bed_done(&b.bed);
}

static void d12_a_lost_hand_over_is_fenced_off_when_the_pod_stays(void **state)
{
    (void)state;
    lost_hand_over(false);
}

static void d12_a_lost_hand_over_is_fenced_off_when_somebody_deletes_the_pod(void **state)
{
    (void)state;
    lost_hand_over(true);
}

static void d12_a_create_given_up_starts_the_wait_again(void **state)
{
    struct claims_bed b;

    (void)state;
    cb_init(&b, 1, true);
    assert_true(b.bed.c.doubt_until_ms < b.bed.api.now_ms);
    rt_answer(expect(&b.bed, CS_VERB_CREATE, CS_K_CLAIM), 0, "");
    b.bed.may_write = false;
    step(&b.bed, 1000);
    assert_true(b.bed.c.doubt_until_ms > b.bed.api.now_ms + CS_DOUBT_MS - 2000);
    bed_done(&b.bed);
}

static void d6_a_pod_that_is_there_keeps_its_claims(void **state)
{
    struct claims_bed b;

    (void)state;
    cb_init(&b, 1, true);
    cb_feed_claim(&b);
    step(&b.bed, 5);
    cs_autofree char *pod = cb_pod_text(&b, HAS_ID, "u1"); /* the watch had not told yet */
    rt_answer(expect(&b.bed, CS_VERB_GET, CS_K_POD), 200, pod);
    step(&b.bed, 1000);
    cb_expect_none(&b, CS_VERB_DELETE, CS_K_CLAIM);
    cb_expect_none(&b, CS_VERB_GET, CS_K_POD);
    bed_done(&b.bed);
}

/* ---- names that others have ---- */

static void d4_a_strangers_pod_keeps_the_id_until_it_is_gone(void **state)
{
    struct claims_bed b;

    (void)state;
    cb_init(&b, 0, true);
    cb_feed_claim(&b);
    step(&b.bed, 5);
    cs_autofree char *pod = cb_pod_text(&b, HAS_ID, "u9");
    rt_answer(expect(&b.bed, CS_VERB_GET, CS_K_POD), 200, pod);
    assert_int_equal(cb_events(&b, "is not of this CloneSet"), 1);
    cb_expect_none(&b, CS_VERB_DELETE, CS_K_CLAIM);
    cb_expect_none(&b, CS_VERB_GET, CS_K_POD);
    assert_int_equal(cs_store_set(&b.bed.c.store, "u1")->n_blocked, 1);
    step(&b.bed, 2 * CS_BLOCK_MS);
    cb_expect_none(&b, CS_VERB_GET, CS_K_POD); /* it is seen: nothing is asked while it is there */
    cs_store_remove(&b.bed.c.store, CS_K_POD, "ns", "web-bbbbb", NULL, 0);
    step(&b.bed, 5);
    (void)expect(&b.bed, CS_VERB_GET, CS_K_POD); /* it may be free now: asked once more */
    assert_int_equal(cs_store_set(&b.bed.c.store, "u1")->n_blocked, 0);
    bed_done(&b.bed);
}

/* Its label was stripped: no watch would ever say that it has gone. */
static void d6_a_pod_of_ours_without_its_id_is_in_the_way_and_not_held(void **state)
{
    struct claims_bed b;

    (void)state;
    cb_init(&b, 0, true);
    cb_feed_claim(&b);
    step(&b.bed, 5);
    cs_autofree char *pod = cb_pod_text(&b, "", "u1");
    rt_answer(expect(&b.bed, CS_VERB_GET, CS_K_POD), 200, pod);
    cb_expect_none(&b, CS_VERB_DELETE, CS_K_CLAIM);
    assert_int_equal(cb_events(&b, "lacks its instance id"), 1);
    assert_int_equal(cs_store_set(&b.bed.c.store, "u1")->n_blocked, 1);
    assert_int_equal(cs_store_set(&b.bed.c.store, "u1")->entries[CS_K_POD].n, 0);
    step(&b.bed, 2 * CS_BLOCK_MS);
    cb_expect_none(&b, CS_VERB_GET, CS_K_POD); /* at rest nothing is asked, not even this */
    bed_done(&b.bed);
}

/* A server that was restored, unnoticed so far, has it again: what is read is believed. */
static void d5a_what_was_said_to_be_gone_is_there_when_it_is_read(void **state)
{
    struct claims_bed b;
    struct cs_store *s = &b.bed.c.store;

    (void)state;
    cb_init(&b, 0, true);
    cs_autofree char *pod = cb_pod_text(&b, HAS_ID, "u1");
    feed(&b.bed, CS_K_POD, pod);
    cs_gone_note(s, cs_store_find(s, CS_K_POD, "ns", "web-bbbbb"), UINT64_MAX);
    cs_store_remove(s, CS_K_POD, "ns", "web-bbbbb", NULL, 0);
    cb_feed_claim(&b);
    step(&b.bed, 5);
    rt_answer(expect(&b.bed, CS_VERB_GET, CS_K_POD), 200, pod);
    assert_int_equal(cs_store_set(s, "u1")->entries[CS_K_POD].n, 1);
    bed_done(&b.bed);
}

static void d4_a_block_ends_after_five_minutes(void **state)
{
    struct claims_bed b;
    struct rt_request *q;

    (void)state;
    cb_init(&b, 1, false);
    q = expect(&b.bed, CS_VERB_CREATE, CS_K_CLAIM);
    cs_autojtree *body = rt_parse(q->body);
    cs_autofree char *name = cs_xstrdup(cs_jtree_str(cs_jtree_get(cs_jtree_get(body, "metadata"), "name")));
    rt_answer(q, 409, TAKEN);
    cs_autofree char *claim = cb_claim_text(&b, name, name + strlen(name) - 5, "u9", "");
    rt_answer(expect(&b.bed, CS_VERB_GET, CS_K_CLAIM), 200, claim);
    step(&b.bed, 5);
    q = expect(&b.bed, CS_VERB_CREATE, CS_K_CLAIM);
    assert_null(strstr(q->body, name)); /* another id */
    assert_int_equal(cb_events(&b, "FailedCreate"), 1);
    cb_feed_set(&b);
    step(&b.bed, 5);
    assert_int_equal(cs_store_set(&b.bed.c.store, "u1")->n_blocked, 1);
    step(&b.bed, CS_BLOCK_MS);
    cb_feed_set(&b);
    step(&b.bed, 5);
    assert_int_equal(cs_store_set(&b.bed.c.store, "u1")->n_blocked, 0);
    bed_done(&b.bed);
}

static void d4_a_claim_of_ours_without_its_id_is_not_asked_for_again_and_again(void **state)
{
    struct claims_bed b;
    struct rt_request *q;

    (void)state;
    cb_init(&b, 1, false);
    q = expect(&b.bed, CS_VERB_CREATE, CS_K_CLAIM);
    cs_autojtree *body = rt_parse(q->body);
    cs_autofree char *name = cs_xstrdup(cs_jtree_str(cs_jtree_get(cs_jtree_get(body, "metadata"), "name")));
    rt_answer(q, 409, TAKEN);
    cs_autofree char *claim = cb_claim_text(&b, name, "", "u1", "");
    rt_answer(expect(&b.bed, CS_VERB_GET, CS_K_CLAIM), 200, claim);
    step(&b.bed, 1000);
    q = expect(&b.bed, CS_VERB_CREATE, CS_K_CLAIM);
    assert_null(strstr(q->body, name)); /* another id */
    bed_done(&b.bed);
}

/* ---- fresh ids without reuse ---- */

static void spec_4_6_the_pod_follows_its_fresh_claim_though_the_answer_was_lost(void **state)
{
    struct claims_bed b;
    struct rt_request *q;

    (void)state;
    cb_init(&b, 1, true);
    q = expect(&b.bed, CS_VERB_CREATE, CS_K_CLAIM);
    cs_autofree char *claim = created(&b.bed, q, "c1");
    rt_answer(q, 0, "");
    feed(&b.bed, CS_K_CLAIM, claim); /* the watch tells */
    step(&b.bed, 2000);
    cb_answer_others(&b);
    q = open_request(&b.bed, CS_VERB_GET, CS_K_POD); /* whether its id is free is asked as for any take-over */
    if (q)
        rt_answer(q, 404, NOT_FOUND);
    step(&b.bed, 1000);
    q = expect(&b.bed, CS_VERB_CREATE, CS_K_POD);
    const char *id = cs_store_set(&b.bed.c.store, "u1")->entries[CS_K_CLAIM].items[0]->meta->name + strlen("data-web-");
    assert_non_null(strstr(q->body, id));
    cb_expect_none(&b, CS_VERB_DELETE, CS_K_CLAIM);
    bed_done(&b.bed);
}

static void spec_4_6_a_fresh_claim_that_is_shown_before_its_answer_keeps_its_id(void **state)
{
    struct claims_bed b;
    struct rt_request *q;

    (void)state;
    cb_init(&b, 2, true);
    q = expect(&b.bed, CS_VERB_CREATE, CS_K_CLAIM);
    cs_autofree char *first = created(&b.bed, q, "c1");
    rt_answer(q, 201, first);
    step(&b.bed, 100);
    q = open_request(&b.bed, CS_VERB_GET, CS_K_POD);
    if (q)
        rt_answer(q, 404, NOT_FOUND);
    step(&b.bed, 100);
    q = expect(&b.bed, CS_VERB_CREATE, CS_K_POD);
    cs_autofree char *pod = created(&b.bed, q, "p1");
    rt_answer(q, 201, pod); /* more than one may be under way from now on */
    step(&b.bed, 100);
    q = expect(&b.bed, CS_VERB_CREATE, CS_K_CLAIM);
    cs_autofree char *second = created(&b.bed, q, "c2");
    feed(&b.bed, CS_K_CLAIM, second); /* the watch is faster */
    step(&b.bed, 100);
    rt_answer(q, 201, second);
    step(&b.bed, 0);
    cb_expect_none(&b, CS_VERB_CREATE, CS_K_CLAIM); /* no other id was begun */
    bed_done(&b.bed);
}

/* ---- growth ---- */

static void grow(struct claims_bed *b, const char *size)
{
    b->size = size;
    b->expand = true;
    cb_feed_set(b);
    step(&b->bed, 300);
    cb_answer_others(b);
    step(&b->bed, 300);
}

static void u13_a_larger_request_is_patched_into_the_claim(void **state)
{
    struct claims_bed b;
    struct rt_request *q;

    (void)state;
    cb_init(&b, 0, false);
    cb_feed_claim(&b);
    grow(&b, "2Gi");
    q = expect(&b.bed, CS_VERB_PATCH_MERGE, CS_K_CLAIM);
    assert_non_null(strstr(q->body, "\"uid\":\"c-data-web-bbbbb\",\"resourceVersion\":\""));
    assert_non_null(strstr(q->body, "\"spec\":{\"resources\":{\"requests\":{\"storage\":\"2Gi\"}}}"));
    cs_autofree char *small = cb_claim_text(&b, "data-web-bbbbb", "bbbbb", "u1", "");
    cs_autofree char *large = cs_xstrdup(small);
    *strstr(large, "1Gi") = '2';
    rt_answer(q, 200, large);
    assert_int_equal(cb_events(&b, "VolumeClaimExpanded"), 1);
    cb_expect_none(&b, CS_VERB_PATCH_MERGE, CS_K_CLAIM);
    grow(&b, "1Gi"); /* U-14: undone, nothing shrinks */
    cb_expect_none(&b, CS_VERB_PATCH_MERGE, CS_K_CLAIM);
    bed_done(&b.bed);
}

#define REFUSED                                                                                                        \
    "{\"kind\":\"Status\",\"reason\":\"Forbidden\",\"code\":403,\"message\":\"the storageclass must support resize\"}"

static void u13_a_refusal_is_told_once_and_stops_nothing(void **state)
{
    struct claims_bed b;

    (void)state;
    cb_init(&b, 0, false);
    cb_feed_claim(&b);
    grow(&b, "2Gi");
    rt_answer(expect(&b.bed, CS_VERB_PATCH_MERGE, CS_K_CLAIM), 403, REFUSED);
    b.replicas = 1; /* other work goes on at once */
    cb_feed_set(&b);
    step(&b.bed, 10);
    rt_answer(expect(&b.bed, CS_VERB_GET, CS_K_POD), 404, NOT_FOUND);
    step(&b.bed, 10);
    (void)expect(&b.bed, CS_VERB_CREATE, CS_K_POD);
    assert_null(run_of(&b.bed)->scale_error);
    assert_null(run_of(&b.bed)->update_error);
    assert_int_equal(cb_events(&b, "FailedExpandVolumeClaim"), 1);
    assert_int_equal(cb_events(&b, "the storageclass must support resize"), 1);
    step(&b.bed, 60000);
    cb_answer_others(&b);
    step(&b.bed, 60000);
    cb_expect_none(&b, CS_VERB_PATCH_MERGE, CS_K_CLAIM); /* not asked again */
    bed_done(&b.bed);
}

/* A webhook of the cluster may have its own idea of sizes: the same patch would be sent without end. */
static void u13_a_growth_that_was_taken_and_undone_is_a_refusal(void **state)
{
    struct claims_bed b;

    (void)state;
    cb_init(&b, 0, false);
    cb_feed_claim(&b);
    grow(&b, "2Gi");
    cs_autofree char *small = cb_claim_text(&b, "data-web-bbbbb", "bbbbb", "u1", "");
    rt_answer(expect(&b.bed, CS_VERB_PATCH_MERGE, CS_K_CLAIM), 200, small);
    assert_int_equal(cb_events(&b, "VolumeClaimExpanded"), 0);
    assert_int_equal(cb_events(&b, "FailedExpandVolumeClaim"), 1);
    step(&b.bed, 1000);
    cb_expect_none(&b, CS_VERB_PATCH_MERGE, CS_K_CLAIM);
    bed_done(&b.bed);
}

static void u13_asked_again_when_something_has_changed(void **state)
{
    struct claims_bed b;

    (void)state;
    cb_init(&b, 0, false);
    cb_feed_claim(&b);
    grow(&b, "2Gi");
    rt_answer(expect(&b.bed, CS_VERB_PATCH_MERGE, CS_K_CLAIM), 422,
        "{\"kind\":\"Status\",\"code\":422,\"reason\":\"Invalid\"}");
    grow(&b, "3Gi"); /* another size */
    rt_answer(expect(&b.bed, CS_VERB_PATCH_MERGE, CS_K_CLAIM), 403, REFUSED);
    cb_feed_claim(&b); /* a new version of the claim */
    step(&b.bed, 100);
    rt_answer(expect(&b.bed, CS_VERB_PATCH_MERGE, CS_K_CLAIM), 403, REFUSED);
    step(&b.bed, 1000);
    cb_expect_none(&b, CS_VERB_PATCH_MERGE, CS_K_CLAIM);
    grow(&b, "1Gi"); /* undone and done again */
    cb_expect_none(&b, CS_VERB_PATCH_MERGE, CS_K_CLAIM);
    grow(&b, "3Gi");
    (void)expect(&b.bed, CS_VERB_PATCH_MERGE, CS_K_CLAIM);
    bed_done(&b.bed);
}

static void u13_a_token_that_is_not_accepted_is_no_refusal_of_the_claim(void **state)
{
    struct claims_bed b;

    (void)state;
    cb_init(&b, 0, false);
    cb_feed_claim(&b);
    grow(&b, "2Gi");
    rt_answer(expect(&b.bed, CS_VERB_PATCH_MERGE, CS_K_CLAIM), 401,
        "{\"kind\":\"Status\",\"code\":401,\"reason\":\"Unauthorized\"}");
    step(&b.bed, 1000);
    (void)expect(&b.bed, CS_VERB_PATCH_MERGE, CS_K_CLAIM);
    bed_done(&b.bed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(d4_whose_claim_it_is),
        cmocka_unit_test(d6_a_free_claim_goes_when_the_server_knows_no_pod),
        cmocka_unit_test(d5d_an_answer_must_be_newer_than_the_claim_and_young),
        cmocka_unit_test(d2_the_flag_is_read_again_before_a_claim_goes),
        cmocka_unit_test(d12_what_a_predecessor_may_have_sent_is_waited_for),
        cmocka_unit_test(d12_a_claim_from_before_is_fenced_when_it_is_taken_over),
        cmocka_unit_test(d12_a_lost_hand_over_is_fenced_off_when_the_pod_stays),
        cmocka_unit_test(d12_a_lost_hand_over_is_fenced_off_when_somebody_deletes_the_pod),
        cmocka_unit_test(d12_a_create_given_up_starts_the_wait_again),
        cmocka_unit_test(d6_a_pod_that_is_there_keeps_its_claims),
        cmocka_unit_test(d4_a_strangers_pod_keeps_the_id_until_it_is_gone),
        cmocka_unit_test(d6_a_pod_of_ours_without_its_id_is_in_the_way_and_not_held),
        cmocka_unit_test(d5a_what_was_said_to_be_gone_is_there_when_it_is_read),
        cmocka_unit_test(d4_a_block_ends_after_five_minutes),
        cmocka_unit_test(d4_a_claim_of_ours_without_its_id_is_not_asked_for_again_and_again),
        cmocka_unit_test(spec_4_6_the_pod_follows_its_fresh_claim_though_the_answer_was_lost),
        cmocka_unit_test(spec_4_6_a_fresh_claim_that_is_shown_before_its_answer_keeps_its_id),
        cmocka_unit_test(u13_a_larger_request_is_patched_into_the_claim),
        cmocka_unit_test(u13_a_refusal_is_told_once_and_stops_nothing),
        cmocka_unit_test(u13_a_growth_that_was_taken_and_undone_is_a_refusal),
        cmocka_unit_test(u13_asked_again_when_something_has_changed),
        cmocka_unit_test(u13_a_token_that_is_not_accepted_is_no_refusal_of_the_claim),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
