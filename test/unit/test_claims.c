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

#include "controller/cloneset/controller.h"
#include "test/unit/runtime_fake.h"

struct bed {
    struct rt_fake api;
    struct cs_rand rand;
    struct cs_metrics *metrics;
    struct cs_controller c;
    bool may_write;
    int rv, generation;
    const char *size; /* of the claim template */
    bool off, expand; /* disablePVCReuse; annotation expand-volume-claims */
    int replicas;
};

static bool may_write(void *ctx)
{
    return ((struct bed *)ctx)->may_write;
}

static void feed(struct bed *b, enum cs_kind k, const char *text)
{
    struct cs_error err = CS_ERROR_INIT;
    cs_autojdoc doc = {0};

    assert_true(cs_jdoc_parse(&doc, text, strlen(text), NULL, &err));
    if (!cs_store_apply(&b->c.store, k, cs_jdoc_root(&doc), false, &err))
        fail_msg("%s", err.message);
}

/* ' becomes "; owned */
__attribute__((format(printf, 1, 2))) static char *quoted(const char *fmt, ...)
{
    char *text = NULL;
    va_list ap;

    va_start(ap, fmt);
    if (vasprintf(&text, fmt, ap) < 0)
        abort();
    va_end(ap);
    for (char *p = text; *p; p++)
        *p = *p == '\'' ? '"' : *p;
    return text;
}

static char *set_text(struct bed *b)
{
    return quoted(
        "{'apiVersion':'apps.kruise.io/v1alpha1','kind':'CloneSet','metadata':{'name':'web','namespace':'ns','uid':"
        "'u1','resourceVersion':'%d','generation':%d,'annotations':{'apps.kruise.io/expand-volume-claims':'%s'}},"
        "'spec':{'replicas':%d,'scaleStrategy':{'disablePVCReuse':%s},'selector':{'matchLabels':{'app':'web'}},"
        "'template':{'metadata':{'labels':{'app':'web'}},'spec':{'containers':[{'name':'c','image':'i'}]}},"
        "'volumeClaimTemplates':[{'metadata':{'name':'data'},'spec':{'resources':{'requests':{'storage':'%s'}}}}]}}",
        ++b->rv, b->generation, b->expand ? "true" : "", b->replicas, b->off ? "true" : "false", b->size);
}

static void feed_set(struct bed *b)
{
    cs_autofree char *text = NULL;

    b->generation++;
    text = set_text(b);
    feed(b, CS_K_SET, text);
}

/* more: members of the metadata; owner: "u1" is the set */
static char *claim_text(struct bed *b, const char *name, const char *id, const char *owner, const char *more)
{
    return quoted(
        "{'apiVersion':'v1','kind':'PersistentVolumeClaim','metadata':{'name':'%s','namespace':'ns','uid':'c-%s',"
        "'resourceVersion':'%d','labels':{'apps.kruise.io/cloneset-instance-id':'%s'},'ownerReferences':[{'apiVersion':"
        "'apps.kruise.io/v1alpha1','kind':'CloneSet','name':'web','uid':'%s','controller':%s}]%s},"
        "'spec':{'resources':{'requests':{'storage':'1Gi'}}},'status':{'phase':'Bound'}}",
        name, name, ++b->rv, id, *owner == '!' ? owner + 1 : owner, *owner == '!' ? "false" : "true", more);
}

static void feed_claim(struct bed *b)
{
    cs_autofree char *text = claim_text(b, "data-web-bbbbb", "bbbbb", "u1", "");

    feed(b, CS_K_CLAIM, text);
}

static char *pod_text(struct bed *b, const char *labels, const char *owner)
{
    return quoted(
        "{'apiVersion':'v1','kind':'Pod','metadata':{'name':'web-bbbbb','namespace':'ns','uid':'p-bbbbb',"
        "'resourceVersion':'%d','labels':{'app':'web'%s},'ownerReferences':[{'apiVersion':'apps.kruise.io/v1alpha1',"
        "'kind':'CloneSet','name':'web','uid':'%s','controller':true}]},'spec':{'containers':[{'name':'c','image':"
        "'i'}]},'status':{'phase':'Running'}}",
        ++b->rv, labels, owner);
}

#define HAS_ID ",'apps.kruise.io/cloneset-instance-id':'bbbbb'"
#define TAKEN "{\"kind\":\"Status\",\"reason\":\"AlreadyExists\",\"code\":409,\"message\":\"exists\"}"
#define NOT_FOUND "{\"kind\":\"Status\",\"reason\":\"NotFound\",\"code\":404,\"message\":\"not found\"}"

static void step(struct bed *b, int64_t ms)
{
    for (; ms > 0; ms -= 5) {
        rt_pass(&b->api, 5);
        cs_controller_step(&b->c);
    }
    cs_controller_step(&b->c);
}

static struct rt_request *open_request(struct bed *b, enum cs_verb verb, enum cs_kind k)
{
    for (size_t i = 0; i < b->api.len; i++)
        if (b->api.requests[i]->open && b->api.requests[i]->verb == verb && b->api.requests[i]->gvr == cs_kind_gvr(k))
            return b->api.requests[i];
    return NULL;
}

static struct rt_request *expect(struct bed *b, enum cs_verb verb, enum cs_kind k)
{
    struct rt_request *q = open_request(b, verb, k);

    if (!q)
        fail_msg("no %s of %s is open", cs_verb_name(verb), cs_kind_gvr(k)->resource);
    return q;
}

static void expect_none(struct bed *b, enum cs_verb verb, enum cs_kind k)
{
    const struct rt_request *q = open_request(b, verb, k);

    if (q)
        fail_msg("%s of %s %s is open", cs_verb_name(verb), cs_kind_gvr(k)->resource, q->name ? q->name : "");
}

/* What a server makes of the body of a create; owned. */
static char *created(struct bed *b, const struct rt_request *q, const char *uid)
{
    const char *meta = strstr(q->body, "\"metadata\":{");

    return cs_xasprintf("%.*s\"uid\":\"%s\",\"resourceVersion\":\"%d\",%s", (int)(meta + 12 - q->body), q->body, uid,
        ++b->rv, meta + 12);
}

/* Answers the next status write and events: they are of no interest here. */
static void answer_others(struct bed *b)
{
    struct rt_request *q = open_request(b, CS_VERB_PATCH_MERGE, CS_K_SET);
    cs_autofree char *text = q ? set_text(b) : NULL;

    if (q)
        rt_answer(q, 200, text);
}

/* How many events of this reason were written, or are to be. */
static unsigned events(struct bed *b, const char *reason)
{
    unsigned n = 0;

    step(b, 3000);
    for (size_t i = 0; i < b->api.len; i++) {
        const struct rt_request *q = b->api.requests[i];

        if (strcmp(q->gvr->resource, "events") != 0)
            continue;
        n += q->body && strstr(q->body, reason) != NULL;
        if (q->open)
            rt_answer(b->api.requests[i], 201, q->body);
    }
    return n;
}

static struct cs_set_run *run_of(struct bed *b)
{
    return cs_store_set(&b->c.store, "u1")->run;
}

/* A controller that leads, has the set's revision, and is at rest. */
static void bed_init(struct bed *b, int replicas, bool off)
{
    *b = (struct bed){.may_write = true,
        .rand = {3},
        .rv = 100,
        .metrics = cs_metrics_new(),
        .size = "1Gi",
        .replicas = replicas,
        .off = off};
    rt_init(&b->api);
    const struct cs_controller_options o = {.client = &b->api.client,
        .loop = &b->api.loop,
        .clock = &b->api.clock,
        .metrics = b->metrics,
        .rand = &b->rand,
        .instance = "i",
        .may_write = may_write,
        .ctx = b};
    cs_controller_init(&b->c, &o);
    b->c.active = true; /* as if led and synced, long ago */
    feed_set(b);
    step(b, 0);
    struct rt_request *q = expect(b, CS_VERB_CREATE, CS_K_REVISION);
    cs_autofree char *text = created(b, q, "r1");
    rt_answer(q, 201, text);
    step(b, 0);
    answer_others(b);
}

static void bed_done(struct bed *b)
{
    cs_controller_done(&b->c);
    cs_metrics_free(b->metrics);
    rt_done(&b->api);
}

static void answer_set(struct bed *b)
{
    cs_autofree char *text = set_text(b);

    rt_answer(expect(b, CS_VERB_GET, CS_K_SET), 200, text);
}

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
        struct bed b;
        struct cs_observation o;

        bed_init(&b, 0, true);
        cs_autofree char *text = claim_text(&b, rows[i].name, rows[i].id, rows[i].owner, "");
        feed(&b, CS_K_CLAIM, text);
        assert_true(cs_observe(&b.c, run_of(&b), &o));
        if (o.n_claims != (rows[i].is != UNSEEN) || (o.n_claims > 0 && o.claims[0].foreign != (rows[i].is == ALONE)))
            fail_msg("%s", rows[i].why);
        cs_observation_done(&o);
        step(&b, 100);
        if ((open_request(&b, CS_VERB_GET, CS_K_POD) != NULL) != (rows[i].is == OURS)) /* to be deleted */
            fail_msg("%s", rows[i].why);
        bed_done(&b);
    }
}

/* ---- clean-up ---- */

static void d6_a_free_claim_goes_when_the_server_knows_no_pod(void **state)
{
    struct bed b;
    struct rt_request *q;

    (void)state;
    bed_init(&b, 0, true);
    feed_claim(&b);
    step(&b, 5);
    expect_none(&b, CS_VERB_DELETE, CS_K_CLAIM);
    q = expect(&b, CS_VERB_GET, CS_K_POD);
    assert_string_equal(q->name, "web-bbbbb");
    rt_answer(q, 404, NOT_FOUND);
    step(&b, 5);
    answer_set(&b); /* D2 */
    step(&b, 5);
    q = expect(&b, CS_VERB_DELETE, CS_K_CLAIM);
    assert_string_equal(q->name, "data-web-bbbbb");
    assert_non_null(strstr(q->body, "\"preconditions\":{\"uid\":\"c-data-web-bbbbb\",\"resourceVersion\":\""));
    cs_autofree char *going =
        claim_text(&b, "data-web-bbbbb", "bbbbb", "u1", ",'deletionTimestamp':'2025-01-01T00:00:00Z'");
    rt_answer(q, 200, going);
    assert_int_equal(events(&b, "succeed to delete pvc data-web-bbbbb"), 1);
    expect_none(&b, CS_VERB_DELETE, CS_K_CLAIM);
    expect_none(&b, CS_VERB_GET, CS_K_POD);
    cs_store_remove(&b.c.store, CS_K_CLAIM, "ns", "data-web-bbbbb", NULL, 0);
    assert_int_equal(cs_store_set(&b.c.store, "u1")->n_free_ids, 0); /* nothing is kept of it */
    bed_done(&b);
}

static void d5d_an_answer_must_be_newer_than_the_claim_and_young(void **state)
{
    struct bed b;

    (void)state;
    bed_init(&b, 0, true);
    feed_claim(&b);
    step(&b, 5);
    feed_claim(&b); /* a new version while the question is under way */
    rt_answer(expect(&b, CS_VERB_GET, CS_K_POD), 404, NOT_FOUND);
    step(&b, 5);
    expect_none(&b, CS_VERB_GET, CS_K_SET);
    rt_answer(expect(&b, CS_VERB_GET, CS_K_POD), 404, NOT_FOUND); /* asked again */
    step(&b, 5);
    struct rt_request *q = expect(&b, CS_VERB_GET, CS_K_SET);
    step(&b, 6000); /* a slow server */
    cs_autofree char *text = set_text(&b);
    rt_answer(q, 200, text);
    step(&b, 5);
    expect_none(&b, CS_VERB_DELETE, CS_K_CLAIM);
    rt_answer(expect(&b, CS_VERB_GET, CS_K_POD), 404, NOT_FOUND); /* and again */
    step(&b, 5);
    (void)expect(&b, CS_VERB_DELETE, CS_K_CLAIM);
    bed_done(&b);
}

static void d2_the_flag_is_read_again_before_a_claim_goes(void **state)
{
    struct bed b;

    (void)state;
    bed_init(&b, 0, true);
    feed_claim(&b);
    step(&b, 5);
    rt_answer(expect(&b, CS_VERB_GET, CS_K_POD), 404, NOT_FOUND);
    step(&b, 5);
    b.off = false; /* the user has turned it back; no watch has told */
    b.generation++;
    answer_set(&b);
    step(&b, 1000);
    expect_none(&b, CS_VERB_DELETE, CS_K_CLAIM);
    bed_done(&b);
}

static void d12_what_a_predecessor_may_have_sent_is_waited_for(void **state)
{
    struct bed b;

    (void)state;
    bed_init(&b, 0, true);
    b.c.doubt_until_ms = b.api.now_ms + CS_DOUBT_MS;
    feed_claim(&b);
    step(&b, CS_DOUBT_MS - 1000);
    expect_none(&b, CS_VERB_GET, CS_K_POD);
    expect_none(&b, CS_VERB_DELETE, CS_K_CLAIM);
    step(&b, 1500); /* nobody wakes it */
    (void)expect(&b, CS_VERB_GET, CS_K_POD);
    bed_done(&b);
}

static void d12_a_create_given_up_starts_the_wait_again(void **state)
{
    struct bed b;

    (void)state;
    bed_init(&b, 1, true);
    assert_true(b.c.doubt_until_ms < b.api.now_ms);
    rt_answer(expect(&b, CS_VERB_CREATE, CS_K_CLAIM), 0, "");
    b.may_write = false;
    step(&b, 1000);
    assert_true(b.c.doubt_until_ms > b.api.now_ms + CS_DOUBT_MS - 2000);
    bed_done(&b);
}

static void d6_a_pod_that_is_there_keeps_its_claims(void **state)
{
    struct bed b;

    (void)state;
    bed_init(&b, 1, true);
    feed_claim(&b);
    step(&b, 5);
    cs_autofree char *pod = pod_text(&b, HAS_ID, "u1"); /* the watch had not told yet */
    rt_answer(expect(&b, CS_VERB_GET, CS_K_POD), 200, pod);
    step(&b, 1000);
    expect_none(&b, CS_VERB_DELETE, CS_K_CLAIM);
    expect_none(&b, CS_VERB_GET, CS_K_POD);
    bed_done(&b);
}

/* ---- names that others have ---- */

static void d4_a_strangers_pod_keeps_the_id_until_it_is_gone(void **state)
{
    struct bed b;

    (void)state;
    bed_init(&b, 0, true);
    feed_claim(&b);
    step(&b, 5);
    cs_autofree char *pod = pod_text(&b, "", "u9");
    rt_answer(expect(&b, CS_VERB_GET, CS_K_POD), 200, pod);
    assert_int_equal(events(&b, "is not of this CloneSet"), 1);
    expect_none(&b, CS_VERB_DELETE, CS_K_CLAIM);
    expect_none(&b, CS_VERB_GET, CS_K_POD);
    assert_int_equal(cs_store_set(&b.c.store, "u1")->n_blocked, 1);
    cs_store_remove(&b.c.store, CS_K_POD, "ns", "web-bbbbb", NULL, 0);
    feed_set(&b);
    step(&b, 5);
    (void)expect(&b, CS_VERB_GET, CS_K_POD); /* it may be free now: asked once more */
    assert_int_equal(cs_store_set(&b.c.store, "u1")->n_blocked, 0);
    bed_done(&b);
}

static void d4_a_block_ends_after_five_minutes(void **state)
{
    struct bed b;
    struct rt_request *q;

    (void)state;
    bed_init(&b, 1, false);
    q = expect(&b, CS_VERB_CREATE, CS_K_CLAIM);
    cs_autojtree *body = rt_parse(q->body);
    cs_autofree char *name = cs_xstrdup(cs_jtree_str(cs_jtree_get(cs_jtree_get(body, "metadata"), "name")));
    rt_answer(q, 409, TAKEN);
    cs_autofree char *claim = claim_text(&b, name, name + strlen(name) - 5, "u9", "");
    rt_answer(expect(&b, CS_VERB_GET, CS_K_CLAIM), 200, claim);
    step(&b, 5);
    q = expect(&b, CS_VERB_CREATE, CS_K_CLAIM);
    assert_null(strstr(q->body, name)); /* another id */
    assert_int_equal(events(&b, "FailedCreate"), 1);
    feed_set(&b);
    step(&b, 5);
    assert_int_equal(cs_store_set(&b.c.store, "u1")->n_blocked, 1);
    step(&b, CS_BLOCK_MS);
    feed_set(&b);
    step(&b, 5);
    assert_int_equal(cs_store_set(&b.c.store, "u1")->n_blocked, 0);
    bed_done(&b);
}

/* ---- fresh ids without reuse ---- */

static void spec_4_6_the_pod_follows_its_fresh_claim_though_the_answer_was_lost(void **state)
{
    struct bed b;
    struct rt_request *q;

    (void)state;
    bed_init(&b, 1, true);
    q = expect(&b, CS_VERB_CREATE, CS_K_CLAIM);
    cs_autofree char *claim = created(&b, q, "c1");
    rt_answer(q, 0, "");
    feed(&b, CS_K_CLAIM, claim); /* the watch tells */
    step(&b, 2000);
    answer_others(&b);
    q = open_request(&b, CS_VERB_GET, CS_K_POD); /* whether its id is free is asked as for any take-over */
    if (q)
        rt_answer(q, 404, NOT_FOUND);
    step(&b, 1000);
    q = expect(&b, CS_VERB_CREATE, CS_K_POD);
    const char *id = cs_store_set(&b.c.store, "u1")->entries[CS_K_CLAIM].items[0]->meta->name + strlen("data-web-");
    assert_non_null(strstr(q->body, id));
    expect_none(&b, CS_VERB_DELETE, CS_K_CLAIM);
    bed_done(&b);
}

/* ---- growth ---- */

static void grow(struct bed *b, const char *size)
{
    b->size = size;
    b->expand = true;
    feed_set(b);
    step(b, 300);
    answer_others(b);
    step(b, 300);
}

static void u13_a_larger_request_is_patched_into_the_claim(void **state)
{
    struct bed b;
    struct rt_request *q;

    (void)state;
    bed_init(&b, 0, false);
    feed_claim(&b);
    grow(&b, "2Gi");
    q = expect(&b, CS_VERB_PATCH_MERGE, CS_K_CLAIM);
    assert_non_null(strstr(q->body, "\"uid\":\"c-data-web-bbbbb\",\"resourceVersion\":\""));
    assert_non_null(strstr(q->body, "\"spec\":{\"resources\":{\"requests\":{\"storage\":\"2Gi\"}}}"));
    cs_autofree char *small = claim_text(&b, "data-web-bbbbb", "bbbbb", "u1", "");
    cs_autofree char *large = cs_xstrdup(small);
    *strstr(large, "1Gi") = '2';
    rt_answer(q, 200, large);
    assert_int_equal(events(&b, "VolumeClaimExpanded"), 1);
    expect_none(&b, CS_VERB_PATCH_MERGE, CS_K_CLAIM);
    grow(&b, "1Gi"); /* U-14: undone, nothing shrinks */
    expect_none(&b, CS_VERB_PATCH_MERGE, CS_K_CLAIM);
    bed_done(&b);
}

#define REFUSED                                                                                                        \
    "{\"kind\":\"Status\",\"reason\":\"Forbidden\",\"code\":403,\"message\":\"the storageclass must support resize\"}"

static void u13_a_refusal_is_told_once_and_stops_nothing(void **state)
{
    struct bed b;

    (void)state;
    bed_init(&b, 0, false);
    feed_claim(&b);
    grow(&b, "2Gi");
    rt_answer(expect(&b, CS_VERB_PATCH_MERGE, CS_K_CLAIM), 403, REFUSED);
    b.replicas = 1; /* other work goes on at once */
    feed_set(&b);
    step(&b, 10);
    rt_answer(expect(&b, CS_VERB_GET, CS_K_POD), 404, NOT_FOUND);
    step(&b, 10);
    (void)expect(&b, CS_VERB_CREATE, CS_K_POD);
    assert_string_equal(run_of(&b)->scale_error, "");
    assert_string_equal(run_of(&b)->update_error, "");
    assert_int_equal(events(&b, "FailedExpandVolumeClaim"), 1);
    assert_int_equal(events(&b, "the storageclass must support resize"), 1);
    step(&b, 60000);
    answer_others(&b);
    step(&b, 60000);
    expect_none(&b, CS_VERB_PATCH_MERGE, CS_K_CLAIM); /* not asked again */
    bed_done(&b);
}

static void u13_asked_again_when_something_has_changed(void **state)
{
    struct bed b;

    (void)state;
    bed_init(&b, 0, false);
    feed_claim(&b);
    grow(&b, "2Gi");
    rt_answer(
        expect(&b, CS_VERB_PATCH_MERGE, CS_K_CLAIM), 422, "{\"kind\":\"Status\",\"code\":422,\"reason\":\"Invalid\"}");
    grow(&b, "3Gi"); /* another size */
    rt_answer(expect(&b, CS_VERB_PATCH_MERGE, CS_K_CLAIM), 403, REFUSED);
    feed_claim(&b); /* a new version of the claim */
    step(&b, 100);
    rt_answer(expect(&b, CS_VERB_PATCH_MERGE, CS_K_CLAIM), 403, REFUSED);
    step(&b, 1000);
    expect_none(&b, CS_VERB_PATCH_MERGE, CS_K_CLAIM);
    grow(&b, "1Gi"); /* undone and done again */
    expect_none(&b, CS_VERB_PATCH_MERGE, CS_K_CLAIM);
    grow(&b, "3Gi");
    (void)expect(&b, CS_VERB_PATCH_MERGE, CS_K_CLAIM);
    bed_done(&b);
}

static void u13_a_token_that_is_not_accepted_is_no_refusal_of_the_claim(void **state)
{
    struct bed b;

    (void)state;
    bed_init(&b, 0, false);
    feed_claim(&b);
    grow(&b, "2Gi");
    rt_answer(expect(&b, CS_VERB_PATCH_MERGE, CS_K_CLAIM), 401,
        "{\"kind\":\"Status\",\"code\":401,\"reason\":\"Unauthorized\"}");
    step(&b, 1000);
    (void)expect(&b, CS_VERB_PATCH_MERGE, CS_K_CLAIM);
    bed_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(d4_whose_claim_it_is),
        cmocka_unit_test(d6_a_free_claim_goes_when_the_server_knows_no_pod),
        cmocka_unit_test(d5d_an_answer_must_be_newer_than_the_claim_and_young),
        cmocka_unit_test(d2_the_flag_is_read_again_before_a_claim_goes),
        cmocka_unit_test(d12_what_a_predecessor_may_have_sent_is_waited_for),
        cmocka_unit_test(d12_a_create_given_up_starts_the_wait_again),
        cmocka_unit_test(d6_a_pod_that_is_there_keeps_its_claims),
        cmocka_unit_test(d4_a_strangers_pod_keeps_the_id_until_it_is_gone),
        cmocka_unit_test(d4_a_block_ends_after_five_minutes),
        cmocka_unit_test(spec_4_6_the_pod_follows_its_fresh_claim_though_the_answer_was_lost),
        cmocka_unit_test(u13_a_larger_request_is_patched_into_the_claim),
        cmocka_unit_test(u13_a_refusal_is_told_once_and_stops_nothing),
        cmocka_unit_test(u13_asked_again_when_something_has_changed),
        cmocka_unit_test(u13_a_token_that_is_not_accepted_is_no_refusal_of_the_claim),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
