/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is an in-place update complete? Spec §6.6 D with D11; and the annotations it stands on (A.3, A.4).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "test/unit/plan_fixture.h"

/* STANDS: taken back before the kubelet acted; complete when it still is so after a while. */
enum { NOT_COMPLETE = false, COMPLETE = true, STANDS };

/* A Pod with one container c; its status, its state annotation. Times: the batch was at 10:00:00. */
static void check(const char *when, const char *image, const char *status, const char *annotation, bool grace, int want)
{
    struct cs_intern *pool = cs_intern_new();
    struct cs_error err = CS_ERROR_INIT;
    cs_autofree char *json = cs_xasprintf(
        "{'metadata':{'name':'p','namespace':'ns','uid':'u','resourceVersion':'1'},'spec':{'containers':[{'name':'c',"
        "'image':'%s'}]},'status':{'containerStatuses':[%s]}}",
        image, status);
    cs_autojdoc doc = {0};
    struct cs_pod *p;
    bool got;
    int64_t at;

    for (char *c = json; *c; c++)
        *c = *c == '\'' ? '"' : *c;
    assert_true(cs_jdoc_parse(&doc, json, strlen(json), NULL, &err));
    p = cs_pod_decode(pool, cs_jdoc_root(&doc), &err);
    assert_non_null(p);
    cs_autofree char *state = annotation ? cs_xstrdup(annotation) : NULL;
    for (char *c = state; c && *c; c++)
        *c = *c == '\'' ? '"' : *c;
    p->inplace_state = state;
    p->inplace_grace = grace ? "{}" : NULL;
    got = cs_inplace_complete(p);
    at = cs_inplace_stands_at_ms(p);
    p->inplace_state = p->inplace_grace = NULL;
    cs_pod_free(pool, p);
    cs_intern_free(pool);
    if (got != (want == COMPLETE))
        fail_msg("%s: %s", when, got ? "complete" : "not complete");
    if (!got && (at != 0) != (want == STANDS))
        fail_msg("%s: %s", when, at ? "stands" : "does not stand");
}

#define STATE(last)                                                                                                    \
    "{'revision':'web-new','updateTimestamp':'2025-01-02T10:00:00Z','lastContainerStatuses':" last                     \
    ",'containerBatchesRecord':[{'timestamp':'2025-01-02T10:00:00Z','containers':['c']}]}"
#define BOTH STATE("{'c':{'imageID':'sha256:1','containerID':'containerd://1'}}")
#define PEERS STATE("{'c':{'imageID':'sha256:1'}}")
#define STATUS(image, image_id, container, state)                                                                      \
    "{'name':'c','image':'" image "','imageID':'" image_id "','containerID':'" container "','state':" state "}"
#define RUNS(at) "{'running':{'startedAt':'2025-01-02T" at "Z'}}"
#define WAITS "{'waiting':{'reason':'ImagePullBackOff'}}"

static void d11_in_place_completion(void **state)
{
    static const struct {
        const char *when, *image, *status, *annotation;
        bool grace;
        int want;
    } rows[] = {
        {"there is no state annotation", "nginx:2", STATUS("nginx:1", "sha256:1", "containerd://1", RUNS("09:00:00")),
            NULL, false, true},
        {"the grace annotation is there", "nginx:2", "", NULL, true, false},
        {"nothing happened yet", "nginx:2", STATUS("nginx:1", "sha256:1", "containerd://1", RUNS("09:00:00")), BOTH,
            false, false},
        {"the imageID differs", "nginx:2", STATUS("nginx:2", "sha256:2", "containerd://2", RUNS("10:00:05")), BOTH,
            false, true},
        {"the imageID is empty for the moment", "nginx:2", STATUS("nginx:1", "", "", WAITS), BOTH, false, false},
        {"same imageID, a new container that started after the patch", "nginx:2",
            STATUS("nginx:1", "sha256:1", "containerd://2", RUNS("10:00:05")), BOTH, false, true},
        {"same imageID, a new container that started before the patch and shows the old image", "nginx:2",
            STATUS("nginx:1", "sha256:1", "containerd://2", RUNS("09:59:00")), BOTH, false, false},
        {"same imageID, a new container with the new image's name, node clock behind", "nginx:2",
            STATUS("docker.io/library/nginx:2", "sha256:1", "containerd://2", RUNS("09:59:59")), BOTH, false, true},
        {"same imageID, a new container, and another container was changed after it started", "nginx:2",
            STATUS("nginx:1", "sha256:1", "containerd://2", RUNS("10:00:05")),
            "{'revision':'web-new','lastContainerStatuses':{'c':{'imageID':'sha256:1','containerID':'containerd://1'}},"
            "'containerBatchesRecord':[{'timestamp':'2025-01-02T10:00:00Z','containers':['c']},"
            "{'timestamp':'2025-01-02T10:00:09Z','containers':[]}]}",
            false, true},
        {"same imageID, a new container that does not run", "nginx:2",
            STATUS("nginx:2", "sha256:1", "containerd://2", WAITS), BOTH, false, false},
        {"same imageID and container, though the name is the new one", "nginx:2",
            STATUS("nginx:2", "sha256:1", "containerd://1", RUNS("09:00:00")), BOTH, false, STANDS},
        {"the same, but it does not run", "nginx:2", STATUS("nginx:2", "sha256:1", "containerd://1", WAITS), BOTH,
            false, false},
        {"written by the peer, same imageID, name equal after normalising", "nginx",
            STATUS("docker.io/library/nginx:latest", "sha256:1", "containerd://1", RUNS("09:00:00")), PEERS, false,
            true},
        {"written by the peer, same imageID, other name", "nginx:2",
            STATUS("docker.io/library/nginx:1", "sha256:1", "containerd://2", RUNS("11:00:00")), PEERS, false, false},
        {"the container has no status", "nginx:2", "", BOTH, false, false},
        {"nothing was recorded (metadata only)", "nginx:1", STATUS("nginx:1", "sha256:1", "containerd://1", WAITS),
            STATE("null"), false, true},
        {"another batch is due", "nginx:2", STATUS("nginx:2", "sha256:2", "containerd://2", RUNS("10:00:05")),
            "{'revision':'web-new','lastContainerStatuses':{'c':{'imageID':'sha256:1'}},'nextContainerImages':{'d':'x'}"
            "}",
            false, false},
        {"the annotation cannot be read: nothing to wait for", "nginx:2", "", "{", false, true},
    };

    (void)state;
    for (size_t i = 0; i < CS_ARRAY_LEN(rows); i++)
        check(rows[i].when, rows[i].image, rows[i].status, rows[i].annotation, rows[i].grace, rows[i].want);
}

static void images_are_compared_after_normalising(void **state)
{
    static const struct {
        const char *a, *b;
        bool same;
    } rows[] = {
        {"nginx", "docker.io/library/nginx:latest", true},
        {"nginx:1", "docker.io/library/nginx:1", true},
        {"bitnami/nginx", "docker.io/bitnami/nginx:latest", true},
        {"nginx:1", "nginx:2", false},
        {"nginx", "quay.io/library/nginx:latest", false},
        {"localhost:5000/nginx", "localhost:5000/nginx:latest", true},
        {NULL, "nginx", false},
    };

    (void)state;
    for (size_t i = 0; i < CS_ARRAY_LEN(rows); i++)
        if (cs_image_same(rows[i].a, rows[i].b) != rows[i].same)
            fail_msg("%s and %s", rows[i].a, rows[i].b);
}

static void a3_the_state_is_read_leniently(void **state)
{
    struct cs_inplace_state s;

    (void)state;
    cs_inplace_state_parse("{\"revision\":\"web-7c\",\"updateTimestamp\":\"2025-01-02T03:04:05Z\",\"unknown\":[1],"
                           "\"lastContainerStatuses\":{\"a\":{\"imageID\":\"x\"},\"b\":{}},\"containerBatchesRecord\":["
                           "{\"timestamp\":\"2025-01-02T03:05:05Z\"},{\"timestamp\":\"2025-01-02T03:04:06Z\"}]}",
        &s);
    assert_true(s.valid);
    assert_string_equal(s.revision, "web-7c");
    assert_int_equal(s.batch_ms - s.updated_ms, 60000);
    assert_int_equal(s.n, 2);
    assert_string_equal(s.entries[0].image_id, "x");
    assert_null(s.entries[1].image_id);
    assert_false(s.has_next);
    cs_inplace_state_done(&s);
    cs_inplace_state_parse("[]", &s);
    assert_false(s.valid);
    cs_inplace_state_done(&s);
    cs_inplace_state_parse(NULL, &s);
    assert_false(s.valid);
    cs_inplace_state_done(&s);
}

static void a4_the_grace_annotation(void **state)
{
    static const struct {
        const char *text;
        bool present, valid;
        int64_t grace_s;
    } rows[] = {
        {"{\"revision\":\"web-7c\",\"graceSeconds\":30}", true, true, 30},
        {"{\"revision\":\"web-7c\"}", true, true, 0},
        {"{\"revision\":\"web-7c\",\"graceSeconds\":-1}", true, true, 0},
        {"{\"revision\":\"web-7c\",\"graceSeconds\":99999999999}", true, true, INT32_MAX},
        {"{\"graceSeconds\":30}", true, false, 30},
        {"nonsense", true, false, 0},
        {NULL, false, false, 0},
    };

    (void)state;
    for (size_t i = 0; i < CS_ARRAY_LEN(rows); i++) {
        struct cs_inplace_grace g;

        cs_inplace_grace_parse(rows[i].text, &g);
        if (g.present != rows[i].present || g.valid != rows[i].valid || g.grace_s != rows[i].grace_s)
            fail_msg("%s", rows[i].text ? rows[i].text : "(absent)");
        cs_inplace_grace_done(&g);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(d11_in_place_completion),
        cmocka_unit_test(images_are_compared_after_normalising),
        cmocka_unit_test(a3_the_state_is_read_leniently),
        cmocka_unit_test(a4_the_grace_annotation),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
