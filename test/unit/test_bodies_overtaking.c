/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests of an in-place update that overtakes another one (spec §6.6 B, §6.12): what the kubelet has still to act on is not
 * forgotten; and what keeps a request from overtaking the take-over of a claim.
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

/* The Pod of an update to nginx:2 that the kubelet has not acted on yet. */
#define OPEN_STATE                                                                                                     \
    "{\"revision\":\"web-a\",\"updateTimestamp\":\"2025-01-02T03:00:00Z\",\"lastContainerStatuses\":{\"c\":{"          \
    "\"imageID\":"                                                                                                     \
    "\"sha256:1\",\"containerID\":\"containerd://"                                                                     \
    "1\"}},\"updateImages\":true,\"containerBatchesRecord\":[{\"timestamp\":"                                          \
    "\"2025-01-02T03:00:00Z\",\"containers\":[\"c\"]}]}"

/*
 * Spec §6.6 B discards what was recorded; but an update that touches no container would then be complete while the container of the
 * one that it overtakes has still to restart, and the gate would open.
 */
static void spec_6_6_what_the_kubelet_has_still_to_act_on_stays_recorded(void **state)
{
    static const char kept[] =
        "\\'lastContainerStatuses\\':{\\'c\\':{\\'imageID\\':\\'sha256:1\\',\\'containerID\\':\\'containerd://1\\'}},"
        "\\'updateImages\\':true,\\'containerBatchesRecord\\':[{\\'timestamp\\':\\'2025-01-02T03:00:00Z\\',"
        "\\'containers\\':[\\'c\\']}";
    static const struct {
        const char *when, *pod, *recorded;
        bool kept;
    } rows[] = {
        {"the container runs as before", "bbbbb new gate-off state:Updating", OPEN_STATE, true},
        {"it has restarted", "bbbbb new gate-off state:Updating",
            "{\"lastContainerStatuses\":{\"c\":{\"imageID\":\"sha256:0\",\"containerID\":\"containerd://0\"}}}", false},
        {"the update has ended long ago", "bbbbb new gate-off", OPEN_STATE, false},
    };

    (void)state;
    for (size_t i = 0; i < CS_ARRAY_LEN(rows); i++) {
        struct fx f;
        struct cs_error err = CS_ERROR_INIT;
        cs_autostrbuf apply = CS_STRBUF_INIT;
        cs_autostrbuf start = CS_STRBUF_INIT;
        struct cs_inplace_body b;

        print_message("%s\n", rows[i].when);
        fx_empty(&f);
        fx_set(&f, "", FX_NEW, "");
        fx_revision(&f, "web-a", 1, FX_NEW);
        fx_revision(&f, "web-b", 2,
            "{'metadata':{'labels':{'app':'web','came':'2'}},'spec':{'containers':[{'name':'c','image':'nginx:2'}]}}");
        (void)fx_pod(&f, rows[i].pod);
        f.pods[0]->inplace_state = rows[i].recorded;
        b = (struct cs_inplace_body){.pod = f.pods[0], .from = f.revs[0], .to = f.revs[1], .now_ms = AT};
        assert_true(cs_body_inplace_apply(&b, &apply, &err));
        b.grace_s = 30;
        assert_true(cs_body_inplace_start(&b, &start, &err));
        if (rows[i].kept) {
            assert_has(&apply, kept);
            assert_has(&start, kept);
            assert_has(&apply, ",{\\'timestamp\\':\\'2025-01-02T03:04:05Z\\',\\'containers\\':[]}]");
        } else {
            assert_has(&apply, "\\'lastContainerStatuses\\':null");
            assert_lacks(&apply, "updateImages");
            assert_has(&start, "\\'lastContainerStatuses\\':null}");
        }
        f.pods[0]->inplace_state = NULL;
        fx_done(&f);
    }
}

/* A container whose image changes once more is judged from what it runs now (spec §6.12), and "now" is tested (D14). */
static void spec_6_12_an_image_that_is_overtaken_is_recorded_anew(void **state)
{
    struct fx f;
    struct cs_error err = CS_ERROR_INIT;
    cs_autostrbuf out = CS_STRBUF_INIT;

    (void)state;
    fx_empty(&f);
    fx_set(&f, "", FX_OLD, "");
    fx_revision(&f, "web-a", 1, FX_NEW);
    fx_revision(&f, "web-b", 2, FX_TEMPLATE("'image':'nginx:3'"));
    (void)fx_pod(&f, "bbbbb new gate-off state:Updating");
    f.pods[0]->inplace_state = OPEN_STATE;
    const struct cs_inplace_body b = {.pod = f.pods[0], .from = f.revs[0], .to = f.revs[1], .now_ms = AT};
    assert_true(cs_body_inplace_apply(&b, &out, &err));
    assert_has(&out, "\\'containerBatchesRecord\\':[{\\'timestamp\\':\\'2025-01-02T03:04:05Z\\',\\'containers\\':["
                     "\\'c\\']}]}");
    assert_has(&out, "{'op':'test','path':'/status/containerStatuses/0/containerID','value':'containerd://1'}");
    assert_lacks(&out, "resourceVersion");
    f.pods[0]->n_statuses = 0; /* not started yet, as far as we have seen */
    cs_strbuf_clear(&out);
    assert_true(cs_body_inplace_apply(&b, &out, &err));
    assert_has(&out, "{'op':'test','path':'/metadata/resourceVersion','value':'20'}");
    f.pods[0]->n_statuses = 1;
    f.pods[0]->inplace_state = NULL;
    fx_done(&f);
}

static void d12_a_fence_names_the_version_it_replaces(void **state)
{
    struct fx f;
    cs_autostrbuf out = CS_STRBUF_INIT;

    (void)state;
    fx_init(&f, "");
    fx_claim(&f, "bbbbb");
    cs_body_fence(f.claims[0], &out);
    assert_has(&out, "{'metadata':{'uid':'c-bbbbb','resourceVersion':'30','annotations':{'" CS_ANNO_FENCE "':'30'}}}");
    fx_done(&f);
}

/* A container that stays as it is may be another one on a server that was restored: then nothing of the update is written. */
static void d5c_an_update_tests_the_images_that_it_leaves(void **state)
{
    struct fx f;
    struct cs_error err = CS_ERROR_INIT;
    cs_autostrbuf apply = CS_STRBUF_INIT;
    cs_autostrbuf start = CS_STRBUF_INIT;

    (void)state;
    fx_empty(&f);
    fx_set(&f, "", FX_OLD, "");
    fx_revision(&f, "web-a", 1, "{'metadata':{'labels':{'a':'1'}},'spec':{'containers':[{'name':'c','image':'i'}]}}");
    fx_revision(&f, "web-b", 2, "{'metadata':{'labels':{'a':'2'}},'spec':{'containers':[{'name':'c','image':'i'}]}}");
    (void)fx_pod(&f, "bbbbb old gate-off");
    struct cs_inplace_body b = {.pod = f.pods[0], .from = f.revs[0], .to = f.revs[1], .now_ms = AT};
    assert_true(cs_body_inplace_apply(&b, &apply, &err));
    assert_has(&apply, "{'op':'test','path':'/spec/containers/0/image','value':'nginx:1'}");
    b.grace_s = 30;
    assert_true(cs_body_inplace_start(&b, &start, &err));
    assert_has(&start, "{'op':'test','path':'/spec/containers/0/image','value':'nginx:1'}");
    fx_done(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spec_6_6_what_the_kubelet_has_still_to_act_on_stays_recorded),
        cmocka_unit_test(spec_6_12_an_image_that_is_overtaken_is_recorded_anew),
        cmocka_unit_test(d12_a_fence_names_the_version_it_replaces),
        cmocka_unit_test(d5c_an_update_tests_the_images_that_it_leaves),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
