/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rules of the controller that show only with requests and answers: the exact texts of events (spec §8), revisions whose name is
 * taken (§4.2), what wakes a set (§10.1) and what does not (§4.1).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/api/gvr.h"
#include "test/unit/controller_bed.h"

#define REFUSED(code, reason, why)                                                                                     \
    "{\"kind\":\"Status\",\"reason\":\"" reason "\",\"code\":" code ",\"message\":\"" why "\"}"
#define QUOTA REFUSED("403", "Forbidden", "no quota")

/* ---- events ---- */

static const char *text_at(const struct cs_jtree *t, const char *key)
{
    const char *s = cs_jtree_str(cs_jtree_get(t, key));

    return s ? s : "";
}

/* Exactly this was told about the set, by this component. */
static void assert_told(struct bed *b, const char *type, const char *reason, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

static void assert_told(struct bed *b, const char *type, const char *reason, const char *fmt, ...)
{
    char message[512];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(message, sizeof(message), fmt, ap);
    va_end(ap);
    step(b, 100);
    for (size_t i = 0; i < b->api.len; i++) {
        if (b->api.requests[i]->gvr != &cs_gvr_events)
            continue;
        cs_autojtree *e = rt_parse(b->api.requests[i]->body);

        if (strcmp(text_at(e, "message"), message) != 0)
            continue;
        assert_string_equal(text_at(e, "type"), type);
        assert_string_equal(text_at(e, "reason"), reason);
        assert_string_equal(text_at(cs_jtree_get(e, "source"), "component"), "cloneset-controller");
        assert_string_equal(text_at(cs_jtree_get(e, "involvedObject"), "name"), "web");
        return;
    }
    for (size_t i = 0; i < b->api.len; i++)
        if (b->api.requests[i]->gvr == &cs_gvr_events)
            print_error("told: %s\n", b->api.requests[i]->body);
    fail_msg("not told: %s", message);
}

/* The set with claim templates or another strategy; extra begins with a comma. */
static char *set_with(struct bed *b, int replicas, const char *image, const char *extra)
{
    return cs_xasprintf(
        "{\"apiVersion\":\"apps.kruise.io/v1alpha1\",\"kind\":\"CloneSet\",\"metadata\":{\"name\":\"web\","
        "\"namespace\":\"ns\",\"uid\":\"u1\",\"resourceVersion\":\"%d\",\"generation\":9},\"spec\":{\"replicas\":%d,"
        "\"selector\":{\"matchLabels\":{\"app\":\"web\"}},\"template\":{\"metadata\":{\"labels\":{\"app\":\"web\"}},"
        "\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":\"%s\"}]}}%s}}",
        ++b->rv, replicas, image, extra);
}

static void feed_with(struct bed *b, int replicas, const char *image, const char *extra)
{
    cs_autofree char *text = set_with(b, replicas, image, extra);

    feed(b, CS_K_SET, text);
}

/* The set as it is, read before something destructive (D2). */
static void answer_read(struct bed *b, int replicas, const char *image, const char *extra)
{
    cs_autofree char *text = set_with(b, replicas, image, extra);

    step(b, 5);
    rt_answer(expect(b, CS_VERB_GET, CS_K_SET), 200, text);
    step(b, 5);
}

static const char *update_revision(struct bed *b)
{
    struct cs_entries *e = &cs_store_set(&b->c.store, "u1")->entries[CS_K_REVISION];

    return e->items[e->n - 1]->meta->name;
}

/* A Pod in service, at a revision; gate: the condition InPlaceUpdateReady. Owned. */
static char *pod_text(struct bed *b, const char *revision, const char *gate)
{
    return cs_xasprintf(
        "{\"metadata\":{\"name\":\"web-bbbbb\",\"namespace\":\"ns\",\"uid\":\"p1\",\"resourceVersion\":\"%d\","
        "\"annotations\":{},\"labels\":{\"app\":\"web\",\"apps.kruise.io/cloneset-instance-id\":\"bbbbb\","
        "\"controller-revision-hash\":\"%s\",\"pod-template-hash\":\"x\",\"lifecycle.apps.kruise.io/"
        "state\":\"Normal\"},"
        "\"ownerReferences\":[{\"apiVersion\":\"apps.kruise.io/v1alpha1\",\"kind\":\"CloneSet\",\"name\":\"web\","
        "\"uid\":\"u1\",\"controller\":true}]},\"spec\":{\"nodeName\":\"n\",\"containers\":[{\"name\":\"c\","
        "\"image\":\"i\"}],\"readinessGates\":[{\"conditionType\":\"InPlaceUpdateReady\"}]},\"status\":{\"phase\":"
        "\"Running\",\"conditions\":[{\"type\":\"Ready\",\"status\":\"%s\",\"lastTransitionTime\":"
        "\"2025-01-01T00:00:00Z\"},{\"type\":\"InPlaceUpdateReady\",\"status\":\"%s\"}],\"containerStatuses\":[{"
        "\"name\":\"c\",\"image\":\"i\",\"imageID\":\"sha256:1\",\"containerID\":\"c://"
        "1\",\"state\":{\"running\":{}}}]}}",
        ++b->rv, revision, gate, gate);
}

static void feed_pod(struct bed *b, const char *revision)
{
    cs_autofree char *text = pod_text(b, revision, "True");

    feed(b, CS_K_POD, text);
}

static void spec_8_creation(void **state)
{
    struct bed b;

    (void)state;
    bed_init(&b, 2);
    answer_revision(&b);
    struct rt_request *q = expect(&b, CS_VERB_CREATE, CS_K_POD);
    cs_autojtree *body = rt_parse(q->body);
    const char *name = text_at(cs_jtree_get(body, "metadata"), "name");
    cs_autofree char *pod = created(&b, q, "p1");
    rt_answer(q, 201, pod);
    assert_told(&b, "Normal", "SuccessfulCreate", "succeed to create pod %s", name);
    q = expect(&b, CS_VERB_CREATE, CS_K_POD);
    cs_autojtree *second = rt_parse(q->body);
    rt_answer(q, 403, QUOTA);
    /* the peer prints the whole Pod behind "pod: "; its name is what people look for */
    assert_told(&b, "Warning", "FailedCreate", "failed to create pod: no quota, pod: %s",
        text_at(cs_jtree_get(second, "metadata"), "name"));
    bed_done(&b);
}

#define VCT                                                                                                            \
    ",\"volumeClaimTemplates\":[{\"metadata\":{\"name\":\"data\"},\"spec\":{\"accessModes\":[\"ReadWriteOnce\"],"      \
    "\"resources\":{\"requests\":{\"storage\":\"1Gi\"}}}}]"

static void spec_8_creation_of_a_claim(void **state)
{
    struct bed b;

    (void)state;
    bed_init(&b, 1);
    feed_with(&b, 1, "i", VCT);
    answer_revision(&b);
    struct rt_request *q = expect(&b, CS_VERB_CREATE, CS_K_CLAIM);
    cs_autojtree *body = rt_parse(q->body);
    rt_answer(q, 403, QUOTA);
    assert_told(&b, "Warning", "FailedCreate", "failed to create pvc: no quota, pvc: %s",
        text_at(cs_jtree_get(body, "metadata"), "name"));
    assert_null(open_request(&b, CS_VERB_CREATE, CS_K_POD)); /* §4.6: without its claim no Pod */
    bed_done(&b);
}

static void spec_8_deletion(void **state)
{
    (void)state;
    for (int refused = 0; refused < 2; refused++) {
        struct bed b;

        bed_init(&b, 0);
        feed_with(&b, 0, "i", "");
        answer_revision(&b);
        feed_pod(&b, update_revision(&b));
        answer_read(&b, 0, "i", "");
        struct rt_request *q = expect(&b, CS_VERB_DELETE, CS_K_POD);
        rt_answer(q, refused ? 403 : 200, refused ? QUOTA : "{\"kind\":\"Status\",\"status\":\"Success\"}");
        if (refused)
            assert_told(&b, "Warning", "FailedDelete", "failed to delete pod web-bbbbb: no quota");
        else
            assert_told(&b, "Normal", "SuccessfulDelete", "succeed to delete pod web-bbbbb");
        bed_done(&b);
    }
}

static void spec_8_recreation(void **state)
{
    (void)state;
    for (int refused = 0; refused < 2; refused++) {
        struct bed b;

        bed_init(&b, 1);
        feed_with(&b, 1, "i", "");
        feed_pod(&b, "web-old");
        answer_revision(&b);
        answer_read(&b, 1, "i", "");
        struct rt_request *q = expect(&b, CS_VERB_PATCH_MERGE, CS_K_POD);
        assert_non_null(strstr(q->body, "\"apps.kruise.io/specified-delete\":\"true\""));
        cs_autofree char *pod = pod_text(&b, "web-old", "True");
        rt_answer(q, refused ? 403 : 200, refused ? QUOTA : pod);
        if (refused)
            assert_told(&b, "Warning", "FailedUpdatePodReCreate",
                "failed to patch pod specified-delete web-bbbbb for update(revision %s): no quota",
                update_revision(&b));
        else
            assert_told(&b, "Normal", "SuccessfulUpdatePodReCreate",
                "successfully patch pod web-bbbbb specified-delete for update(revision %s)", update_revision(&b));
        bed_done(&b);
    }
}

#define IN_PLACE ",\"updateStrategy\":{\"type\":\"InPlaceIfPossible\"}"

/* Told when the change was written, not when it is complete. */
static void spec_8_in_place_update(void **state)
{
    (void)state;
    for (int refused = 0; refused < 2; refused++) {
        struct bed b;

        bed_init(&b, 0);
        answer_revision(&b);
        cs_autofree char *old = cs_xstrdup(update_revision(&b));
        feed_with(&b, 1, "j", IN_PLACE);
        feed_pod(&b, old);
        answer_revision(&b);
        cs_autofree char *out_of_service = pod_text(&b, old, "False");
        step(&b, 5);
        for (int i = 0; i < 2; i++) { /* the gate; then the image */
            struct rt_request *q = open_request(&b, CS_VERB_PATCH_STRATEGIC, CS_K_POD);

            q = q ? q : open_request(&b, CS_VERB_PATCH_MERGE, CS_K_POD);
            q = q ? q : expect(&b, CS_VERB_PATCH_JSON, CS_K_POD);
            rt_answer(q, i == 1 && refused ? 403 : 200, i == 1 && refused ? QUOTA : out_of_service);
            step(&b, 5);
        }
        const char *new = update_revision(&b);
        if (refused)
            assert_told(&b, "Warning", "FailedUpdatePodInPlace",
                "failed to update pod web-bbbbb in-place(revision %s): no quota", new);
        else
            assert_told(&b, "Normal", "SuccessfulUpdatePodInPlace",
                "successfully update pod web-bbbbb in-place(revision %s)", new);
        bed_done(&b);
    }
}

/* ---- a name that is taken (spec §4.2) ---- */

static void answer_taken(struct bed *b, const char *text)
{
    rt_answer(expect(b, CS_VERB_CREATE, CS_K_REVISION), 409, REFUSED("409", "AlreadyExists", "exists"));
    step(b, 5);
    rt_answer(expect(b, CS_VERB_GET, CS_K_REVISION), 200, text);
    step(b, 5);
}

static void spec_4_2_a_revision_that_was_ours_already_is_used(void **state)
{
    struct bed b;

    (void)state;
    bed_init(&b, 1);
    step(&b, 0);
    cs_autofree char *text = created(&b, expect(&b, CS_VERB_CREATE, CS_K_REVISION), "r1");
    answer_taken(&b, text);
    assert_null(open_request(&b, CS_VERB_CREATE, CS_K_REVISION));
    (void)expect(&b, CS_VERB_CREATE, CS_K_POD);
    assert_int_equal(run_of(&b)->collision_count, 0);
    bed_done(&b);
}

/* Ours with another template, by chance: the collision count makes another name, and goes to the status. */
static void spec_4_2_a_collision_makes_another_name(void **state)
{
    struct bed b;

    (void)state;
    bed_init(&b, 0);
    step(&b, 0);
    struct rt_request *q = expect(&b, CS_VERB_CREATE, CS_K_REVISION);
    cs_autojtree *first = rt_parse(q->body);
    cs_autofree char *text = created(&b, q, "r1");
    char *image = strstr(text, "\"image\":\"i\"");
    assert_non_null(image);
    image[9] = 'z';
    answer_taken(&b, text);
    step(&b, 200);
    q = expect(&b, CS_VERB_CREATE, CS_K_REVISION);
    cs_autojtree *second = rt_parse(q->body);
    assert_string_not_equal(
        text_at(cs_jtree_get(first, "metadata"), "name"), text_at(cs_jtree_get(second, "metadata"), "name"));
    assert_int_equal(run_of(&b)->collision_count, 1);
    cs_autofree char *made = created(&b, q, "r2");
    rt_answer(q, 201, made);
    step(&b, 1500);
    assert_non_null(strstr(expect(&b, CS_VERB_PATCH_MERGE, CS_K_SET)->body, "\"collisionCount\":1"));
    bed_done(&b);
}

/* ---- what wakes a set (spec §10.1) ---- */

/* All is done and written; nothing is queued. */
static void at_rest(struct bed *b)
{
    bed_init(b, 1);
    answer_revision(b);
    feed_pod(b, update_revision(b));
    for (int i = 0; i < 20; i++) {
        for (size_t k = 0; k < b->api.len; k++)
            if (b->api.requests[k]->open && b->api.requests[k]->gvr == &cs_gvr_events)
                rt_answer(b->api.requests[k], 201, "{}");
        if (open_request(b, CS_VERB_CREATE, CS_K_POD))
            rt_answer(open_request(b, CS_VERB_CREATE, CS_K_POD), 403, QUOTA);
        step(b, 500);
    }
    run_of(b)->passed_at_ms = 0;
}

static bool wakes(struct bed *b, enum cs_kind k, const char *text)
{
    int64_t before;

    step(b, 5);
    run_of(b)->not_before_ms = 0;
    before = run_of(b)->passed_at_ms = -1;
    feed(b, k, text);
    step(b, 5);
    return run_of(b)->passed_at_ms != before;
}

#define OWNED                                                                                                          \
    "\"ownerReferences\":[{\"apiVersion\":\"apps.kruise.io/"                                                           \
    "%s\",\"kind\":\"CloneSet\",\"name\":\"web\",\"uid\":\"%s\",\"controller\":true}]"

static char *claim_text(struct bed *b, const char *version, const char *owner, const char *more)
{
    return cs_xasprintf(
        "{\"metadata\":{\"name\":\"data-web-bbbbb\",\"namespace\":\"ns\",\"uid\":\"c1\","
        "\"resourceVersion\":\"%d\",\"labels\":{\"apps.kruise.io/cloneset-instance-id\":\"bbbbb\"}%s," OWNED "}}",
        ++b->rv, more, version, owner);
}

static void spec_10_1_what_wakes_a_set(void **state)
{
    struct bed b;

    (void)state;
    at_rest(&b);
    cs_autofree char *pod = pod_text(&b, update_revision(&b), "True");
    assert_true(wakes(&b, CS_K_POD, pod)); /* an owned Pod changed */
    assert_false(wakes(&b, CS_K_POD, pod)); /* the same version again */
    cs_autofree char *set = set_text(&b, "u1", 1);
    assert_true(wakes(&b, CS_K_SET, set));
    assert_false(wakes(&b, CS_K_SET, set));
    cs_autofree char *claim = claim_text(&b, "v1beta1", "u1", ""); /* by group and kind, whatever the version */
    assert_true(wakes(&b, CS_K_CLAIM, claim));
    cs_autofree char *going = claim_text(&b, "v1alpha1", "u1", ",\"deletionTimestamp\":\"2025-01-01T00:00:00Z\"");
    assert_true(wakes(&b, CS_K_CLAIM, going));
    cs_autofree char *stranger = claim_text(&b, "v1alpha1", "u9", "");
    assert_true(wakes(&b, CS_K_CLAIM, stranger)); /* it left: the old owner */
    cs_autofree char *again = claim_text(&b, "v1alpha1", "u9", ",\"annotations\":{}");
    assert_false(wakes(&b, CS_K_CLAIM, again)); /* another's */
    bed_done(&b);
}

static void spec_10_1_a_pod_that_goes_wakes_its_set(void **state)
{
    struct bed b;

    (void)state;
    at_rest(&b);
    step(&b, 5);
    run_of(&b)->passed_at_ms = -1;
    run_of(&b)->not_before_ms = 0;
    cs_store_remove(&b.c.store, CS_K_POD, "ns", "web-bbbbb", "p1", (uint64_t)++b.rv);
    step(&b, 5);
    assert_true(run_of(&b)->passed_at_ms >= 0);
    bed_done(&b);
}

/* §4.1: the finished, and no other, is not planned for; a set being deleted is left to the garbage collector. */
static void spec_4_1_a_set_being_deleted_is_left_alone(void **state)
{
    struct bed b;

    (void)state;
    bed_init(&b, 3);
    cs_autofree char *text =
        cs_xasprintf("{\"metadata\":{\"name\":\"web\",\"namespace\":\"ns\",\"uid\":\"u1\",\"resourceVersion\":\"%d\","
                     "\"generation\":5,\"deletionTimestamp\":\"2025-01-01T00:00:00Z\",\"finalizers\":"
                     "[\"foregroundDeletion\"]},\"spec\":{\"replicas\":3,\"selector\":{\"matchLabels\":{\"app\":"
                     "\"web\"}},\"template\":{\"metadata\":{\"labels\":{\"app\":\"web\"}},\"spec\":{\"containers\":[{"
                     "\"name\":\"c\",\"image\":\"i\"}]}}}}",
            ++b.rv);
    feed(&b, CS_K_SET, text);
    step(&b, 2000);
    for (size_t i = 0; i < b.api.len; i++)
        fail_msg("%s %s", cs_verb_name(b.api.requests[i]->verb), b.api.requests[i]->gvr->resource);
    bed_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spec_8_creation),
        cmocka_unit_test(spec_8_creation_of_a_claim),
        cmocka_unit_test(spec_8_deletion),
        cmocka_unit_test(spec_8_recreation),
        cmocka_unit_test(spec_8_in_place_update),
        cmocka_unit_test(spec_4_2_a_revision_that_was_ours_already_is_used),
        cmocka_unit_test(spec_4_2_a_collision_makes_another_name),
        cmocka_unit_test(spec_10_1_what_wakes_a_set),
        cmocka_unit_test(spec_10_1_a_pod_that_goes_wakes_its_set),
        cmocka_unit_test(spec_4_1_a_set_being_deleted_is_left_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
