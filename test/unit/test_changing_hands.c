/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Taking over what the peer wrote (issue 4, "Changing hands"): the recorded objects of test/testdata/peer go through the
 * product's own store and observation into the planner. At rest nothing is planned; what is half-way goes on as the peer would,
 * and nothing finished begins again. That our revisions have the peer's names and bytes is test_revision_data.c's business.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "controller/cloneset/controller.h"
#include "test/unit/api_fixture.h"
#include "test/unit/runtime_fake.h"

#define AT_REST "1-at-rest"
#define IN_FLIGHT "2-updates-in-flight"
#define RECORDED "2026-11-23T23:25:33Z" /* both were taken within seconds before */

static const char *const names[] = {"beta", "hooked", "nginx-2", "plain"};

struct hands {
    struct rt_fake rt;
    struct cs_controller c;
    struct fixture files[CS_K_COUNT];
    struct cs_json items[CS_K_COUNT];
    struct cs_plan plan;
    char text[2048];
    int rv; /* of edits: newer than all that was recorded */
};

static void ignore_change(void *ctx, struct cs_set_entry *se)
{
    (void)ctx;
    (void)se;
}

static bool let_go(void *ctx, struct cs_set_entry *se)
{
    (void)ctx;
    (void)se;
    return true;
}

static void ignore_restored(void *ctx, enum cs_kind k)
{
    (void)ctx;
    (void)k;
}

static void apply(struct hands *h, enum cs_kind k, struct cs_json obj)
{
    struct cs_error err = CS_ERROR_INIT;

    if (!cs_store_apply(&h->c.store, k, obj, false, &err))
        fail_msg("%s", err.message);
}

static void load(struct hands *h, const char *dir, const char *now)
{
    static const char *const files[CS_K_COUNT] = {
        [CS_K_SET] = "clonesets-v1alpha1",
        [CS_K_POD] = "pods",
        [CS_K_CLAIM] = "persistentvolumeclaims",
        [CS_K_REVISION] = "controllerrevisions",
    };
    static const struct cs_store_hooks hooks = {ignore_change, let_go, ignore_restored, NULL};

    *h = (struct hands){.rv = 1000000};
    rt_init(&h->rt);
    assert_true(cs_rfc3339_parse(cs_str(now), &h->rt.wall_ms));
    h->rt.wall_ms -= h->rt.now_ms;
    h->c.o = (struct cs_controller_options){.loop = &h->rt.loop, .clock = &h->rt.clock};
    cs_store_init(&h->c.store, &hooks);
    for (int k = 0; k < CS_K_COUNT; k++) {
        char path[128];

        if (!files[k])
            continue;
        fixture_init(&h->files[k]);
        (void)snprintf(path, sizeof(path), PEER "%s/%s.json", dir, files[k]);
        h->items[k] = fixture_load(&h->files[k], path);
        cs_json_foreach (item, h->items[k]) {
            apply(h, (enum cs_kind)k, item);
        }
    }
}

static void done(struct hands *h)
{
    cs_plan_done(&h->plan);
    cs_store_done(&h->c.store);
    for (int k = 0; k < CS_K_COUNT; k++)
        if (h->files[k].pool)
            fixture_done(&h->files[k]);
    rt_done(&h->rt);
}

/* Sets what a path of keys and numbers ("|status|conditions|4|status") leads to. */
static void set_at(struct cs_jtree *at, const char *path, const char *value)
{
    cs_autojdoc doc = {0};

    if (!cs_jdoc_parse(&doc, value, strlen(value), NULL, NULL))
        fail_msg("not JSON: %s", value);
    for (const char *p = path + 1, *next; at; p = next) {
        size_t n = strcspn(p, "|");
        cs_autofree char *key = cs_xmemdupz(p, n);
        bool last = p[n] == '\0';

        next = p + n + 1;
        if (last) {
            cs_jtree_set(at, key, cs_jtree_from(cs_jdoc_root(&doc)));
            return;
        }
        at = cs_jtree_is(at, CS_J_ARRAY) ? cs_jtree_index(at, strtoul(key, NULL, 10)) : cs_jtree_get(at, key);
    }
    fail_msg("no such path: %s", path);
}

/* The recorded object with edits (path, JSON; …; NULL), as a newer version of it. A path begins with '|', which also separates. */
static void edit(struct hands *h, enum cs_kind k, const char *name, ...)
{
    cs_autojtree *tree = cs_jtree_from(fixture_named(h->items[k], name));
    cs_autofree char *rv = cs_xasprintf("\"%d\"", ++h->rv);
    cs_autostrbuf out = CS_STRBUF_INIT;
    cs_autojdoc doc = {0};
    va_list ap;

    va_start(ap, name);
    for (const char *path; (path = va_arg(ap, const char *));)
        set_at(tree, path, va_arg(ap, const char *));
    va_end(ap);
    set_at(tree, "|metadata|resourceVersion", rv);
    cs_jtree_print(tree, &out, false);
    assert_true(cs_jdoc_parse(&doc, cs_strbuf_str(&out), out.len, NULL, NULL));
    apply(h, k, cs_jdoc_root(&doc));
}

static const char *object_of(const struct cs_action *a)
{
    return a->claim ? a->claim->meta.name : a->pod ? a->pod->meta.name : a->name ? a->name : "";
}

/* The plan for a set that was just read: "kind object revision, …". */
static const char *plan_of(struct hands *h, const char *name)
{
    struct cs_json set = fixture_named(h->items[CS_K_SET], name);
    cs_autofree char *uid = cs_json_str_dup(cs_json_at(set, "metadata", "uid", NULL));
    struct cs_set_run r = {.c = &h->c, .se = cs_store_set(&h->c.store, uid), .fresh_until_ms = INT64_MAX};
    struct cs_observation o;
    size_t at = 0;

    cs_plan_done(&h->plan);
    r.fresh_generation = r.se->set->meta.generation;
    assert_true(cs_observe(&h->c, &r, &o));
    cs_plan_make(&o, &h->plan);
    h->text[0] = '\0';
    for (uint32_t i = 0; i < h->plan.n; i++) {
        const struct cs_action *a = &h->plan.actions[i];

        at += (size_t)snprintf(h->text + at, sizeof(h->text) - at, "%s%s %s%s%s", i ? ", " : "",
            cs_action_name(a->kind), object_of(a), a->revision && a->kind != CS_ACT_MARK_RECREATE ? " " : "",
            a->revision && a->kind != CS_ACT_MARK_RECREATE ? a->revision->meta.name : "");
        assert_true(at < sizeof(h->text));
    }
    cs_observation_done(&o);
    return h->text;
}

static void planned(struct hands *h, const char *when, const char *name, const char *wanted)
{
    if (strcmp(plan_of(h, name), wanted) != 0)
        fail_msg("%s, %s:\n  planned: %s\n  wanted:  %s", name, when, h->text, wanted);
}

/* ---- at rest ---- */

static void at_rest_nothing_is_planned(void **state)
{
    struct hands h;

    (void)state;
    load(&h, AT_REST, RECORDED);
    for (size_t i = 0; i < CS_ARRAY_LEN(names); i++) {
        planned(&h, "at rest", names[i], "");
        assert_int_equal(h.plan.n_notes, 0);
        assert_string_equal(h.plan.failed_update, "");
    }
    done(&h);
}

static void has_count(struct cs_json status, const char *key, int32_t is)
{
    int32_t was = 0;

    (void)cs_json_i32(cs_json_get(status, key), &was);
    if (was != is)
        fail_msg("%s: %d, the peer counted %d", key, is, was);
}

static void at_rest_the_counters_are_the_peers(void **state)
{
    struct hands h;

    (void)state;
    load(&h, AT_REST, RECORDED);
    for (size_t i = 0; i < CS_ARRAY_LEN(names); i++) {
        struct cs_json was = cs_json_get(fixture_named(h.items[CS_K_SET], names[i]), "status");
        const struct cs_status_plan *is = &h.plan.status;

        (void)plan_of(&h, names[i]);
        has_count(was, "replicas", is->replicas);
        has_count(was, "readyReplicas", is->ready);
        has_count(was, "availableReplicas", is->available);
        has_count(was, "updatedReplicas", is->updated);
        has_count(was, "updatedReadyReplicas", is->updated_ready);
        has_count(was, "updatedAvailableReplicas", is->updated_available);
        has_count(was, "expectedUpdatedReplicas", is->expected_updated);
        assert_true(cs_json_str_is(cs_json_get(was, "updateRevision"), is->update_revision));
        assert_true(cs_json_str_is(cs_json_get(was, "currentRevision"), is->current_revision));
    }
    done(&h);
}

/* The user's own manifest, as kubectl recorded it in the annotation; *ret_text is owned. */
static struct cs_json users_manifest(struct hands *h, const char *name, struct cs_jdoc *ret, char **ret_text)
{
    struct cs_json set = fixture_named(h->items[CS_K_SET], name);

    *ret_text = cs_json_str_dup(
        cs_json_at(set, "metadata", "annotations", "kubectl.kubernetes.io/last-applied-configuration", NULL));
    assert_non_null(*ret_text);
    assert_true(cs_jdoc_parse(ret, *ret_text, strlen(*ret_text), NULL, NULL));
    return cs_json_get(cs_jdoc_root(ret), "spec");
}

/*
 * D9: the peer's webhook wrote defaults into the stored template (imagePullPolicy Always, for one). Applying the manifest again
 * without them, as our webhook lets it be, changes nothing.
 */
static void d9_applying_the_users_manifest_again_changes_nothing(void **state)
{
    struct hands h;

    (void)state;
    load(&h, AT_REST, RECORDED);
    for (size_t i = 0; i < CS_ARRAY_LEN(names); i++) {
        cs_autojdoc doc = {0};
        cs_autofree char *text = NULL;
        struct cs_json spec = users_manifest(&h, names[i], &doc, &text);
        struct cs_str t = cs_json_raw(cs_json_get(spec, "template"));
        struct cs_str v = cs_json_raw(cs_json_get(spec, "volumeClaimTemplates"));
        cs_autofree char *tmpl = cs_xmemdupz(t.p, t.len);
        cs_autofree char *vcts = v.len ? cs_xmemdupz(v.p, v.len) : cs_xstrdup("null");

        edit(&h, CS_K_SET, names[i], "|metadata|generation", "2", "|spec|template", tmpl, "|spec|volumeClaimTemplates",
            vcts, NULL);
        planned(&h, "with the user's manifest applied again", names[i], "");
    }
    done(&h);
}

static void d9_an_image_is_a_change_all_the_same(void **state)
{
    struct hands h;

    (void)state;
    load(&h, AT_REST, RECORDED);
    edit(&h, CS_K_SET, "plain", "|metadata|generation", "2", "|spec|template|spec|containers|0|image",
        "\"nginx:latest\"", NULL);
    planned(&h, "with another image", "plain", "create-revision ");
    done(&h);
}

/* Quirk 21: with reuse off the peer deletes what is the set's and has no id; it may be anything of the user's. */
static void quirk_21_a_claim_without_id_is_left_alone(void **state)
{
    struct hands h;

    (void)state;
    load(&h, AT_REST, RECORDED);
    edit(&h, CS_K_CLAIM, "data-vol-nginx-2-jdd86", "|metadata|name", "\"mine\"", "|metadata|uid", "\"mine\"",
        "|metadata|labels", "{\"app\":\"nginx-2\"}", NULL);
    planned(&h, "with a claim of its own name", "nginx-2", "");
    edit(&h, CS_K_SET, "nginx-2", "|spec|scaleStrategy", "{\"disablePVCReuse\":true}", NULL);
    planned(&h, "with reuse off", "nginx-2", "");
    done(&h);
}

/* ---- updates in flight ---- */

static void in_flight_what_is_done_is_not_done_again(void **state)
{
    struct hands h;

    (void)state;
    load(&h, IN_FLIGHT, RECORDED);
    /* One in place and one new: both are what is wanted; the third is on its way out with its claim. */
    planned(&h, "updated in place a second ago", "beta", "");
    /* Two Pods are Terminating, one new is Ready, one new is starting; the last old one waits for it. */
    planned(&h, "a new Pod is starting", "plain", "");
    assert_int_equal(h.plan.status.terminating, 2);
    done(&h);
}

static void in_flight_recreation_goes_on_when_there_is_room(void **state)
{
    struct hands h;

    (void)state;
    load(&h, IN_FLIGHT, RECORDED);
    edit(&h, CS_K_POD, "plain-ptf6c", "|status|phase", "\"Running\"", "|status|conditions",
        "[{\"type\":\"Ready\",\"status\":\"True\",\"lastTransitionTime\":\"2026-11-23T23:25:33Z\"},"
        "{\"type\":\"InPlaceUpdateReady\",\"status\":\"True\"},{\"type\":\"KruisePodReady\",\"status\":\"True\"}]",
        NULL);
    planned(&h, "the new one is there", "plain", "mark-recreate plain-mvgq4");
    /* The peer's own mark has no annotation of ours: it is a wish like a user's, and is granted. */
    edit(&h, CS_K_POD, "plain-mvgq4", "|metadata|labels|apps.kruise.io/specified-delete", "\"true\"", NULL);
    planned(&h, "marked by the peer", "plain", "delete-pod plain-mvgq4");
    done(&h);
}

static void in_flight_a_grace_period_of_the_peer_is_served_out(void **state)
{
    static const struct {
        const char *now, *then;
        int64_t again_ms;
    } rows[] = {
        {"2026-11-23T23:25:33Z", "", 27000}, {"2026-11-23T23:25:59Z", "", 1000},
        {"2026-11-23T23:26:00Z", "grace-apply nginx-2-ld2r6 nginx-2-85544d6bd7", 0},
        {"2026-11-24T23:26:00Z", "grace-apply nginx-2-ld2r6 nginx-2-85544d6bd7", 0}, /* we come a day later */
    };

    (void)state;
    for (size_t i = 0; i < CS_ARRAY_LEN(rows); i++) {
        struct hands h;

        load(&h, IN_FLIGHT, rows[i].now);
        planned(&h, rows[i].now, "nginx-2", rows[i].then); /* and none of the two that the partition keeps */
        if (rows[i].again_ms)
            assert_int_equal(h.plan.requeue_at_ms, cs_clock_wall_ms(&h.rt.clock) + rows[i].again_ms);
        done(&h);
    }
}

/* Completion of what the peer began: it recorded imageIDs only (A.3, D11). */
static void in_flight_an_in_place_update_of_the_peer_completes(void **state)
{
    static const char *const states[] = {"\"Updating\"", "\"Updated\"", NULL};

    (void)state;
    for (size_t i = 0; states[i]; i++) {
        struct hands h;

        load(&h, IN_FLIGHT, RECORDED);
        edit(&h, CS_K_POD, "beta-7p6p5", "|metadata|labels|lifecycle.apps.kruise.io/state", states[i], NULL);
        planned(&h, states[i], "beta", "refresh beta-7p6p5");
        assert_int_equal(h.plan.actions[0].state, CS_LC_NORMAL);
        done(&h);
    }
}

static void in_flight_a_hooked_pod_waits_for_its_hook(void **state)
{
    struct hands h;

    (void)state;
    load(&h, IN_FLIGHT, RECORDED);
    planned(&h, "PreparingUpdate with its finalizer", "hooked", "");
    edit(&h, CS_K_POD, "hooked-24vsc", "|metadata|finalizers", "[]", NULL);
    planned(&h, "the hook has let go", "hooked", "gate-off hooked-24vsc hooked-7f54d565d6");
    done(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(at_rest_nothing_is_planned),
        cmocka_unit_test(at_rest_the_counters_are_the_peers),
        cmocka_unit_test(d9_applying_the_users_manifest_again_changes_nothing),
        cmocka_unit_test(d9_an_image_is_a_change_all_the_same),
        cmocka_unit_test(quirk_21_a_claim_without_id_is_left_alone),
        cmocka_unit_test(in_flight_what_is_done_is_not_done_again),
        cmocka_unit_test(in_flight_recreation_goes_on_when_there_is_room),
        cmocka_unit_test(in_flight_a_grace_period_of_the_peer_is_served_out),
        cmocka_unit_test(in_flight_an_in_place_update_of_the_peer_completes),
        cmocka_unit_test(in_flight_a_hooked_pod_waits_for_its_hook),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
