/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pods as they are found in clusters: the peer's by value, garbage in every place of them, and how much a Pod costs.
 */
#include "common/api/pod.h"

#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/api/gvr.h"
#include "common/base/alloc.h"
#include "test/unit/api_fixture.h"

static struct cs_pod *decode_named(struct fixture *f, struct cs_json items, const char *name)
{
    struct cs_error err = CS_ERROR_INIT;
    struct cs_pod *p = cs_pod_decode(f->pool, fixture_named(items, name), &err);

    if (!p)
        fail_msg("%s: %s", name, err.message);
    return p;
}

static void test_a_pod_at_rest(void **state)
{
    (void)state;
    struct fixture f;

    fixture_init(&f);
    struct cs_json items = fixture_load(&f, PEER "1-at-rest/pods.json");
    struct cs_pod *p = decode_named(&f, items, "nginx-2-jdd86");
    assert_string_equal(p->id, "jdd86");
    assert_string_equal(p->revision, "nginx-2-7dfd9cbbbc");
    assert_ptr_equal(p->id, cs_pairs_get(&p->meta.labels, CS_LABEL_INSTANCE_ID));
    assert_true(p->has_template_hash && p->has_inplace_gate && p->has_kruise_gate);
    assert_int_equal(p->state, CS_LC_NORMAL);
    assert_int_equal(p->phase, CS_PHASE_RUNNING);
    assert_string_equal(p->node, "node1");
    assert_int_equal(p->n_claims, 1);
    assert_string_equal(p->claims[0], "data-vol-nginx-2-jdd86");
    assert_string_equal(p->containers[0].name, "nginx");
    assert_string_equal(p->containers[0].image, "nginx:alpine");
    assert_int_equal(p->ready.status, CS_COND_TRUE);
    assert_int_equal(p->ready.index, 4);
    assert_true(p->inplace_ready.plain);
    assert_int_equal(p->inplace_ready.index, 1);
    assert_int_equal(p->scheduled.status, CS_COND_TRUE);
    assert_null(p->held_up);
    assert_true(p->statuses[0].running && p->statuses[0].started_ms > 0);
    assert_true(cs_owner_is_cloneset(cs_meta_controller(&p->meta)));
    assert_true(cs_meta_has_owner_uid(&p->meta, "f3f18bc4-6bef-442b-9f5d-16210140579b"));
    cs_pod_free(f.pool, p);
    p = decode_named(&f, items, "hooked-24vsc");
    assert_true(cs_meta_has_finalizer(&p->meta, "example.com/block-update"));
    cs_pod_free(f.pool, p);
    fixture_done(&f);
}

static void test_pods_in_flight(void **state)
{
    (void)state;
    struct fixture f;

    fixture_init(&f);
    struct cs_json items = fixture_load(&f, PEER "2-updates-in-flight/pods.json");

    struct cs_pod *p = decode_named(&f, items, "nginx-2-ld2r6"); /* within its grace period */
    assert_int_equal(p->state, CS_LC_UPDATING);
    assert_non_null(strstr(p->inplace_state, "\"revision\":\"nginx-2-85544d6bd7\""));
    assert_non_null(strstr(p->inplace_grace, "\"graceSeconds\":30"));
    assert_false(p->old_state_key || p->old_grace_key);
    assert_int_equal(p->inplace_ready.status, CS_COND_FALSE);
    assert_false(p->inplace_ready.plain);
    assert_int_equal(p->ready.status, CS_COND_FALSE);
    cs_pod_free(f.pool, p);

    p = decode_named(&f, items, "beta-7p6p5"); /* image replaced in place */
    assert_int_equal(p->max_restarts, 1);
    assert_non_null(strstr(p->statuses[0].image_id, "sha256:132ea8a9"));
    assert_string_equal(p->containers[0].image, "registry.k8s.io/e2e-test-images/nginx:1.14-4");
    cs_pod_free(f.pool, p);

    p = decode_named(&f, items, "plain-9k8rs");
    assert_true(p->specified_delete && cs_pod_terminating(p));
    assert_null(p->recreate_for);
    cs_pod_free(f.pool, p);

    p = decode_named(&f, items, "hooked-24vsc");
    assert_int_equal(p->state, CS_LC_PREPARING_UPDATE);
    cs_pod_free(f.pool, p);

    p = decode_named(&f, items, "plain-ptf6c");
    assert_int_equal(p->ready.status, CS_COND_FALSE);
    assert_int_equal(p->inplace_ready.index, 6);
    assert_string_equal(p->statuses[0].waiting_reason, "ContainerCreating");
    assert_false(p->statuses[0].running);
    cs_pod_free(f.pool, p);
    fixture_done(&f);
}

static const char *const pod_files[] = {PEER "1-at-rest/pods.json", PEER "2-updates-in-flight/pods.json"};

static void check_pod(void *ctx, struct cs_json obj, const char *path, const char *garbage)
{
    static const char *const needed[] = {
        "", "metadata", "metadata.name", "metadata.uid", "metadata.namespace", "metadata.resourceVersion"};
    struct cs_intern *pool = ctx;
    struct cs_error err = CS_ERROR_INIT;
    struct cs_pod *p = cs_pod_decode(pool, obj, &err);
    bool may_fail = false;

    for (size_t i = 0; i < CS_ARRAY_LEN(needed); i++)
        may_fail |= strcmp(path, needed[i]) == 0;
    if (!p && !may_fail)
        fail_msg("%s = %s: %s", path, garbage, err.message);
    cs_pod_free(pool, p);
    assert_int_equal(cs_intern_count(pool), 0);
}

static void test_garbage_in_every_place(void **state)
{
    (void)state;
    static const char *const chosen[] = {"nginx-2-ld2r6", "hooked-24vsc", "plain-ptf6c"};
    struct fixture f;

    fixture_init(&f);
    struct cs_json items = fixture_load(&f, PEER "2-updates-in-flight/pods.json");
    for (size_t i = 0; i < CS_ARRAY_LEN(chosen); i++)
        assert_true(fixture_garbage(fixture_named(items, chosen[i]), check_pod, f.pool) > 1000);
    fixture_done(&f);
}

/*
 * What a fleet costs: COPIES sets of the recorded Pods, each Pod with a name, uid, id and container ID of its own, but revisions,
 * images, nodes, owners shared. Everything that the Pods hold is counted: blocks, strings and the table of the pool.
 */
static void test_memory_per_pod(void **state)
{
    (void)state;
    enum { COPIES = 200 };
    struct fixture f;
    struct cs_pod *pods[COPIES * 25];
    size_t n = 0, blocks = 0;

    fixture_init(&f);
    size_t pool_before = cs_intern_bytes(f.pool);
    for (size_t i = 0; i < CS_ARRAY_LEN(pod_files); i++) {
        cs_json_foreach (item, fixture_load(&f, pod_files[i])) {
            struct cs_str raw = cs_json_raw(item);
            cs_autofree char *id = cs_json_str_dup(cs_json_at(item, "metadata", "labels", CS_LABEL_INSTANCE_ID, NULL));
            cs_autofree char *uid = cs_json_str_dup(cs_json_at(item, "metadata", "uid", NULL));
            cs_autofree char *text = strndup(raw.p, raw.len);
            for (unsigned copy = 0; copy < COPIES; copy++) {
                cs_autojdoc doc = {0};
                char mark[8];
                /* Another id (everywhere: names of Pod and claims), uid and container. */
                (void)snprintf(mark, sizeof(mark), "%c%c%c", 'a' + copy / 26, 'a' + copy % 26, '0' + (char)i);
                for (char *at = text; (at = strstr(at, id)) != NULL; at += strlen(id))
                    memcpy(at, mark, 3);
                memcpy(id, mark, 3);
                for (char *at = text; (at = strstr(at, uid)) != NULL; at += strlen(uid))
                    memcpy(at, mark, 3);
                memcpy(uid, mark, 3);
                for (char *at = text; (at = strstr(at, "containerd://")) != NULL; at += 13)
                    memcpy(at + 13, mark, 3);
                assert_true(cs_jdoc_parse(&doc, text, raw.len, NULL, NULL));
                pods[n] = cs_pod_decode(f.pool, cs_jdoc_root(&doc), NULL);
                assert_non_null(pods[n]);
                blocks += malloc_usable_size(pods[n++]) + sizeof(size_t);
            }
        }
    }
    if (n != COPIES * 25)
        fail_msg("%zu Pods", n);
    size_t strings = cs_intern_bytes(f.pool) - pool_before;
    print_message(
        "%zu Pods: struct %zu B; with arrays %zu B a Pod; strings %zu B a Pod (%zu in the pool); together %zu B\n", n,
        sizeof(struct cs_pod), blocks / n, strings / n, cs_intern_count(f.pool), (blocks + strings) / n);
#if !defined(__SANITIZE_ADDRESS__)
    assert_true(blocks / n <= 600);
    assert_true((blocks + strings) / n <= 1000);
#endif
    assert_true(sizeof(struct cs_pod) <= 300);
    for (size_t i = 0; i < n; i++)
        cs_pod_free(f.pool, pods[i]);
    fixture_done(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_pod_at_rest),
        cmocka_unit_test(test_pods_in_flight),
        cmocka_unit_test(test_garbage_in_every_place),
        cmocka_unit_test(test_memory_per_pod),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
