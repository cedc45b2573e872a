/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests that look otherwise with a feature gate on: short hashes (spec §1.5), and changes of cpu and memory (spec §6.4, A.3,
 * A.4).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "controller/cloneset/bodies.h"
#include "test/unit/plan_fixture.h"

#define AT INT64_C(1735787045000) /* 2025-01-02T03:04:05Z */

static void assert_has(const struct cs_strbuf *got, const char *part_text)
{
    cs_autofree char *part = cs_xstrdup(part_text);

    for (char *p = part; *p; p++)
        *p = *p == '\'' ? '"' : *p;
    if (!strstr(cs_strbuf_str(got), part))
        fail_msg("%s is not in %s", part, got->data);
}

static void assert_lacks(const struct cs_strbuf *got, const char *part)
{
    if (strstr(cs_strbuf_str(got), part))
        fail_msg("%s is in %s", part, got->data);
}

/* ---- CloneSetShortHash ---- */

static void spec_1_5_short_hash_on_new_and_updated_pods(void **state)
{
    (void)state;
    for (int on = 0; on < 2; on++) {
        struct fx f;
        struct cs_error err = CS_ERROR_INIT;
        cs_autostrbuf created = CS_STRBUF_INIT;
        cs_autostrbuf applied = CS_STRBUF_INIT;
        cs_autostrbuf started = CS_STRBUF_INIT;

        fx_init(&f, "'replicas':1");
        (void)fx_pod(&f, "bbbbb old gate-off");
        const struct cs_new_pod n = {.set = f.set,
            .name = "web-k2x9d",
            .id = "k2x9d",
            .revision = "web-5d4f8b9c76",
            .short_hash = on,
            .tmpl = "{\"spec\":{}}",
            .now_ms = AT};
        const struct cs_inplace_body b = {
            .pod = f.pods[0], .from = f.revs[0], .to = f.revs[1], .grace_s = 30, .now_ms = AT, .short_hash = on};
        assert_true(cs_body_pod(&n, &created, &err));
        assert_has(
            &created, on ? "'controller-revision-hash':'5d4f8b9c76'" : "'controller-revision-hash':'web-5d4f8b9c76'");
        assert_has(&created, "'pod-template-hash':'5d4f8b9c76'");
        assert_true(cs_body_inplace_apply(&b, &applied, &err));
        assert_true(cs_body_inplace_start(&b, &started, &err));
        for (int i = 0; i < 2; i++) {
            const struct cs_strbuf *out = i ? &started : &applied;

            assert_has(out, on ? "{'op':'add','path':'/metadata/labels/controller-revision-hash','value':'new'}"
                               : "{'op':'add','path':'/metadata/labels/controller-revision-hash','value':'web-new'}");
            assert_has(out, "{'op':'add','path':'/metadata/labels/pod-template-hash','value':'new'}");
            assert_has(out, "\\'revision\\':\\'web-new\\'"); /* A.3: the full name in any case */
        }
        fx_done(&f);
    }
}

/* The label of a Pod in its grace period may be short; the annotation of the state is not (A.3). */
static void a3_the_state_keeps_the_full_name_after_the_grace_period(void **state)
{
    struct fx f;
    struct cs_error err = CS_ERROR_INIT;
    cs_autostrbuf out = CS_STRBUF_INIT;

    (void)state;
    fx_init(&f, "");
    (void)fx_pod(&f, "bbbbb new gate-off");
    const char *label = f.pods[0]->revision;
    f.pods[0]->revision = "new";
    f.pods[0]->inplace_grace = "{\"revision\":\"web-new\",\"containerImages\":{\"c\":\"nginx:2\"}}";
    f.pods[0]->inplace_state = "{\"revision\":\"web-new\",\"updateTimestamp\":\"2025-01-02T03:00:00Z\"}";
    assert_true(cs_body_grace_apply(f.pods[0], AT, &out, &err));
    assert_has(&out, "{\\'revision\\':\\'web-new\\',");
    assert_has(&out, "{'op':'test','path':'/metadata/labels/controller-revision-hash','value':'new'}");
    f.pods[0]->inplace_grace = f.pods[0]->inplace_state = NULL;
    f.pods[0]->revision = label;
    fx_done(&f);
}

/* ---- InPlaceWorkloadVerticalScaling ---- */

#define TEMPLATE(image, limit)                                                                                         \
    "{'metadata':{'labels':{'app':'web'}},'spec':{'containers':[{'name':'c','image':'" image "','resources':{"         \
    "'limits':{'cpu':'" limit "','memory':'2Gi'},'requests':{'cpu':'1','memory':'1Gi'}}}]}}"

/* The world of a change from limit 2 to 3, and of the image when it is another one. */
static struct cs_inplace_body resize_world(struct fx *f, const char *pod, const char *image)
{
    cs_autofree char *is =
        cs_xasprintf("%s", strcmp(image, "nginx:1") ? TEMPLATE("nginx:2", "3") : TEMPLATE("nginx:1", "3"));

    fx_empty(f);
    fx_set(f, "", is, "");
    fx_revision(f, "web-old", 1, TEMPLATE("nginx:1", "2"));
    fx_revision(f, "web-new", 2, is);
    (void)fx_pod(f, pod);
    return (struct cs_inplace_body){.pod = f->pods[0],
        .from = f->revs[0],
        .to = f->revs[1],
        .now_ms = AT,
        .from_norm = cs_norm_tree(f->vrevs[0].norm),
        .to_norm = cs_norm_tree(f->vrevs[1].norm)};
}

static void a3_resources_are_recorded_and_not_patched(void **state)
{
    struct fx f;
    struct cs_error err = CS_ERROR_INIT;
    cs_autostrbuf out = CS_STRBUF_INIT;

    (void)state;
    struct cs_inplace_body b = resize_world(&f, "bbbbb old ready", "nginx:1");
    b.serving = true;
    assert_true(cs_body_inplace_apply(&b, &out, &err));
    assert_has(&out, "\\'lastContainerStatuses\\':null,\\'updateResources\\':true,\\'containerResources\\':{\\'c\\':{"
                     "\\'limits\\':{\\'cpu\\':\\'3\\'}}},\\'containerBatchesRecord\\':[{\\'timestamp\\':"
                     "\\'2025-01-02T03:04:05Z\\',\\'containers\\':[\\'c\\']}]}");
    assert_lacks(&out, "/resources"); /* pods/resize alone takes them */
    assert_lacks(&out, "'op':'replace'");
    assert_lacks(&out, "/status/conditions"); /* it stays in service, so nothing is asked of its gate */
    assert_lacks(&out, "updateImages");
    fx_done(&f);
}

static void a3_image_and_resources_are_one_record(void **state)
{
    struct fx f;
    struct cs_error err = CS_ERROR_INIT;
    cs_autostrbuf out = CS_STRBUF_INIT;

    (void)state;
    struct cs_inplace_body b = resize_world(&f, "bbbbb old gate-off", "nginx:2");
    assert_true(cs_body_inplace_apply(&b, &out, &err));
    assert_has(&out, "'path':'/spec/containers/0/image','value':'nginx:2'");
    assert_has(&out, "{'op':'test','path':'/status/conditions/1/status','value':'False'}"); /* U-15 */
    assert_has(&out,
        "\\'updateImages\\':true,\\'updateResources\\':true,\\'containerResources\\':{\\'c\\':{\\'limits\\'"
        ":{\\'cpu\\':\\'3\\'}}}");
    assert_has(&out, "\\'containers\\':[\\'c\\']"); /* named once */
    assert_lacks(&out, "resources'");
    fx_done(&f);
}

/* An update that is overtaken before its resize was sent hands it on, with the value that is wanted now. */
static void an_overtaken_resize_is_handed_on(void **state)
{
    struct fx f;
    struct cs_error err = CS_ERROR_INIT;
    cs_autostrbuf out = CS_STRBUF_INIT;

    (void)state;
    struct cs_inplace_body b = resize_world(&f, "bbbbb old gate-off state:Updating", "nginx:1");
    f.pods[0]->inplace_state = "{\"revision\":\"web-old\",\"updateResources\":true,\"containerResources\":{\"c\":{"
                               "\"requests\":{\"memory\":\"7Gi\"}}}}";
    assert_true(cs_body_inplace_apply(&b, &out, &err));
    assert_has(&out, "\\'containerResources\\':{\\'c\\':{\\'limits\\':{\\'cpu\\':\\'3\\'},\\'requests\\':{\\'memory\\':"
                     "\\'1Gi\\'}}}");
    f.pods[0]->inplace_state = NULL;
    fx_done(&f);
}

static void a4_the_grace_period_keeps_them(void **state)
{
    struct fx f;
    struct cs_error err = CS_ERROR_INIT;
    cs_autostrbuf start = CS_STRBUF_INIT;
    cs_autostrbuf apply = CS_STRBUF_INIT;

    (void)state;
    struct cs_inplace_body b = resize_world(&f, "bbbbb old gate-off", "nginx:2");
    b.grace_s = 30;
    assert_true(cs_body_inplace_start(&b, &start, &err));
    assert_has(&start, "'{\\'revision\\':\\'web-new\\',\\'containerResources\\':{\\'c\\':{\\'limits\\':{\\'cpu\\':"
                       "\\'3\\'}}},\\'containerImages\\':{\\'c\\':\\'nginx:2\\'},\\'graceSeconds\\':30}'");
    /* Nothing is to be resized before the period has ended. */
    assert_has(&start, "'{\\'revision\\':\\'web-new\\',\\'updateTimestamp\\':\\'2025-01-02T03:04:05Z\\',"
                       "\\'lastContainerStatuses\\':null,\\'updateImages\\':true,\\'updateResources\\':true}'");
    f.pods[0]->inplace_grace = "{\"revision\":\"web-new\",\"containerResources\":{\"c\":{\"limits\":{\"cpu\":\"3\"}}},"
                               "\"containerImages\":{\"c\":\"nginx:2\"},\"graceSeconds\":30}";
    f.pods[0]->inplace_state = "{\"revision\":\"web-new\",\"updateTimestamp\":\"2025-01-02T03:00:00Z\"}";
    assert_true(cs_body_grace_apply(f.pods[0], AT, &apply, &err));
    assert_has(
        &apply, "\\'updateResources\\':true,\\'containerResources\\':{\\'c\\':{\\'limits\\':{\\'cpu\\':\\'3\\'}}}");
    f.pods[0]->inplace_grace = f.pods[0]->inplace_state = NULL;
    fx_done(&f);
}

static void the_resize_itself(void **state)
{
    struct fx f;
    cs_autostrbuf out = CS_STRBUF_INIT;

    (void)state;
    fx_init(&f, "");
    (void)fx_pod(&f, "bbbbb new ready state:Updating");
    f.pods[0]->inplace_state =
        "{\"revision\":\"web-new\",\"updateResources\":true,\"containerResources\":{\"c\":{\"limits\":{\"cpu\":\"3\","
        "\"memory\":\"2Gi\"},\"requests\":{\"cpu\":\"1\"}},\"gone\":{\"limits\":{\"cpu\":\"1\"}}}}";
    cs_body_resize(f.pods[0], &out);
    assert_has(&out,
        "{'metadata':{'uid':'p-bbbbb','resourceVersion':'20'},'spec':{'containers':[{'name':'c','resources':{"
        "'limits':{'cpu':'3','memory':'2Gi'},'requests':{'cpu':'1'}}}]}}");
    assert_lacks(&out, "gone"); /* a container must not be added */
    f.pods[0]->inplace_state = NULL;
    fx_done(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spec_1_5_short_hash_on_new_and_updated_pods),
        cmocka_unit_test(a3_the_state_keeps_the_full_name_after_the_grace_period),
        cmocka_unit_test(a3_resources_are_recorded_and_not_patched),
        cmocka_unit_test(a3_image_and_resources_are_one_record),
        cmocka_unit_test(an_overtaken_resize_is_handed_on),
        cmocka_unit_test(a4_the_grace_period_keeps_them),
        cmocka_unit_test(the_resize_itself),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
