/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bytes of the requests: spec Appendix A, preconditions of D2, the hand-over of D3, the tests of JSON Patches (D14), and
 * the peer's own revisions as material (test/testdata/peer).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/base/base64.h"
#include "controller/cloneset/bodies.h"
#include "test/unit/plan_fixture.h"

#define AT INT64_C(1735787045000) /* 2025-01-02T03:04:05Z */

/* ' becomes "; owned */
static char *quoted(const char *text)
{
    char *s = cs_xstrdup(text);

    for (char *p = s; *p; p++)
        *p = *p == '\'' ? '"' : *p;
    return s;
}

/* Equal as JSON, whatever the order of members. */
static void assert_json(const struct cs_strbuf *got, const char *want_text)
{
    cs_autofree char *want = quoted(want_text);
    struct cs_error err = CS_ERROR_INIT;
    cs_autojdoc a = {0};
    cs_autojdoc b = {0};

    if (!cs_jdoc_parse(&a, got->data, got->len, NULL, &err) || !cs_jdoc_parse(&b, want, strlen(want), NULL, &err))
        fail_msg("%s: %s / %s", err.message, got->data, want);
    if (!cs_json_equal(cs_jdoc_root(&a), cs_jdoc_root(&b)))
        fail_msg("\n  got:    %s\n  wanted: %s", got->data, want);
}

static void assert_has(const struct cs_strbuf *got, const char *part_text)
{
    cs_autofree char *part = quoted(part_text);

    if (!strstr(cs_strbuf_str(got), part))
        fail_msg("%s is not in %s", part, got->data);
}

static void assert_lacks(const struct cs_strbuf *got, const char *part_text)
{
    cs_autofree char *part = quoted(part_text);

    if (strstr(cs_strbuf_str(got), part))
        fail_msg("%s is in %s", part, got->data);
}

#define SET_OWNER                                                                                                      \
    "{'apiVersion':'apps.kruise.io/v1alpha1','kind':'CloneSet','name':'web','uid':'u1','controller':true,"             \
    "'blockOwnerDeletion':true}"

static struct cs_vcts live(const struct fx *f)
{
    return (struct cs_vcts){f->set->vcts_raw, f->set->vct_names, f->set->n_vcts};
}

static void a1_a_new_pod(void **state)
{
    struct fx f;
    struct cs_error err = CS_ERROR_INIT;
    cs_autostrbuf out = CS_STRBUF_INIT;
    static const char tmpl[] =
        "{\"metadata\":{\"labels\":{\"app\":\"web\"},\"annotations\":{\"a\":\"b\"},\"name\":\"no\"},"
        "\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":\"nginx\"}],\"x\":1,"
        "\"volumes\":[{\"name\":\"data\",\"emptyDir\":{}},{\"name\":\"tmp\",\"emptyDir\":{}}]}}";

    (void)state;
    fx_init(&f, "'replicas':1," FX_VCT);
    const struct cs_new_pod n = {.set = f.set,
        .name = "web-k2x9d",
        .id = "k2x9d",
        .revision = "web-5d4f8b9c76",
        .tmpl = tmpl,
        .vcts = live(&f),
        .now_ms = AT};
    assert_true(cs_body_pod(&n, &out, &err));
    assert_json(&out,
        "{'apiVersion':'v1','kind':'Pod','metadata':{'name':'web-k2x9d','generateName':'web-','namespace':'ns','labels'"
        ":{"
        "'app':'web','apps.kruise.io/cloneset-instance-id':'k2x9d','controller-revision-hash':'web-5d4f8b9c76',"
        "'lifecycle.apps.kruise.io/state':'PreparingNormal','pod-template-hash':'5d4f8b9c76'},"
        "'annotations':{'a':'b','lifecycle.apps.kruise.io/timestamp':'2025-01-02T03:04:05Z'},"
        "'ownerReferences':[" SET_OWNER "]},'spec':{'containers':[{'name':'c','image':'nginx'}],'x':1,"
        "'volumes':[{'name':'data','persistentVolumeClaim':{'claimName':'data-web-k2x9d'}},{'name':'tmp','emptyDir':{}}"
        "],"
        "'readinessGates':[{'conditionType':'InPlaceUpdateReady'}]}}");
    fx_done(&f);
}

static void a1_a_template_without_spec_is_an_error(void **state)
{
    struct fx f;
    struct cs_error err = CS_ERROR_INIT;
    cs_autostrbuf out = CS_STRBUF_INIT;

    (void)state;
    fx_init(&f, "");
    const struct cs_new_pod n = {
        .set = f.set, .name = "web-a", .id = "a", .revision = "web-1", .tmpl = "{}", .now_ms = AT};
    assert_false(cs_body_pod(&n, &out, &err));
    assert_int_equal(err.kind, CS_ERR_INVALID);
    fx_done(&f);
}

static void a2_its_claim(void **state)
{
    struct fx f;
    struct cs_error err = CS_ERROR_INIT;
    cs_autostrbuf out = CS_STRBUF_INIT;

    (void)state;
    fx_init(&f,
        "'volumeClaimTemplates':[{'metadata':{'name':'data','labels':{'l':'1','app':'other'},'annotations':{'a':'b'}},"
        "'spec':{'accessModes':['ReadWriteOnce']}}]");
    struct cs_action a = {.vct = "data", .name = (char[]){"data-web-k2x9d"}, .id = "k2x9d", .vcts = live(&f)};
    assert_true(cs_body_claim(f.set, &a, &out, &err));
    assert_json(&out, "{'apiVersion':'v1','kind':'PersistentVolumeClaim','metadata':{'name':'data-web-k2x9d','"
                      "namespace':'ns','labels':{"
                      "'l':'1','app':'web','apps.kruise.io/cloneset-instance-id':'k2x9d'},'annotations':{'a':'b'},"
                      "'ownerReferences':[" SET_OWNER "]},'spec':{'accessModes':['ReadWriteOnce']}}");
    cs_strbuf_clear(&out);
    a.vct = "logs";
    assert_false(cs_body_claim(f.set, &a, &out, &err));
    fx_done(&f);
}

/* ---- the peer's sets give the peer's revisions ---- */

static char *read_peer(const char *file, size_t *ret_len)
{
    cs_autofree char *path = cs_xasprintf("test/testdata/peer/1-at-rest/%s", file);
    FILE *in = fopen(path, "rb");
    char *text = cs_xcalloc(1, 4 << 20);

    if (!in)
        fail_msg("%s: run from the repository's root", path);
    *ret_len = in ? fread(text, 1, (4 << 20) - 1, in) : 0;
    if (in)
        (void)fclose(in);
    return text;
}

static void spec_4_2_names_and_data_are_the_peers(void **state)
{
    size_t len, revs_len;
    cs_autofree char *sets = read_peer("clonesets-v1alpha1.json", &len);
    cs_autofree char *revs = read_peer("controllerrevisions.json", &revs_len);
    struct cs_error err = CS_ERROR_INIT;
    cs_autojdoc doc = {0};
    cs_autojdoc revs_doc = {0};
    struct cs_intern *pool = cs_intern_new();
    int checked = 0;

    (void)state;
    assert_true(cs_jdoc_parse(&doc, sets, len, NULL, &err));
    assert_true(cs_jdoc_parse(&revs_doc, revs, revs_len, NULL, &err));
    cs_json_foreach (item, cs_json_get(cs_jdoc_root(&doc), "items")) {
        struct cs_cloneset *set = cs_cloneset_decode(pool, item, &err);
        cs_autostrbuf out = CS_STRBUF_INIT;
        cs_autojdoc mine = {0};
        char name[CS_NAME_SIZE];

        assert_non_null(set);
        assert_true(cs_body_revision(set, 1, set->status.collision_count, name, &out, &err));
        assert_true(cs_jdoc_parse(&mine, out.data, out.len, NULL, &err));
        if (!cs_streq(name, set->status.update_revision))
            fail_msg("%s: %s, the peer says %s", set->meta.name, name, set->status.update_revision);
        cs_json_foreach (rev, cs_json_get(cs_jdoc_root(&revs_doc), "items")) {
            struct cs_json m = cs_jdoc_root(&mine);

            if (!cs_json_str_is(cs_json_at(rev, "metadata", "name", NULL), name) ||
                !cs_json_str_is(cs_json_at(rev, "metadata", "namespace", NULL), set->meta.ns))
                continue;
            checked++;
            assert_true(cs_json_equal(cs_json_get(rev, "data"), cs_json_get(m, "data")));
            assert_true(
                cs_json_equal(cs_json_at(rev, "metadata", "labels", NULL), cs_json_at(m, "metadata", "labels", NULL)));
            assert_true(cs_json_equal(cs_json_at(rev, "metadata", "annotations", CS_ANNO_VCT_HASH, NULL),
                cs_json_at(m, "metadata", "annotations", CS_ANNO_VCT_HASH, NULL)));
        }
        cs_cloneset_free(pool, set);
    }
    assert_true(checked > 0);
    cs_intern_free(pool);
}

/* ---- patches ---- */

#define GUARD(uid, rv) "'metadata':{'uid':'" uid "','resourceVersion':'" rv "'"

static void d2_deletes_carry_preconditions(void **state)
{
    struct fx f;
    cs_autostrbuf out = CS_STRBUF_INIT;

    (void)state;
    fx_init(&f, "");
    cs_body_delete(&fx_pod(&f, "bbbbb old ready")->pod->meta, &out);
    assert_json(
        &out, "{'apiVersion':'v1','kind':'DeleteOptions','preconditions':{'uid':'p-bbbbb','resourceVersion':'20'}}");
    fx_done(&f);
}

static void d3_hand_over_and_back(void **state)
{
    struct fx f;
    cs_autostrbuf over = CS_STRBUF_INIT;
    cs_autostrbuf back = CS_STRBUF_INIT;

    (void)state;
    fx_init(&f, FX_VCT);
    (void)fx_pod(&f, "bbbbb old ready claims");
    fx_claim(&f, "bbbbb");
    fx_claim(&f, "bbbbb pod");
    cs_body_hand_over(f.claims[0], f.pods[0], &over);
    assert_json(&over,
        "{" GUARD("c-bbbbb", "30") ",'ownerReferences':[{'apiVersion':'v1','kind':'Pod','name':'web-bbbbb',"
                                   "'uid':'p-bbbbb','controller':true}]}}");
    cs_body_hand_back(f.claims[1], f.pods[0], f.set, &back);
    assert_json(&back, "{" GUARD("c-bbbbb", "30") ",'ownerReferences':[" SET_OWNER "]}}");
    fx_done(&f);
}

static void d8_mark_and_unmark_are_one_patch_each(void **state)
{
    struct fx f;
    cs_autostrbuf mark = CS_STRBUF_INIT;
    cs_autostrbuf unmark = CS_STRBUF_INIT;
    cs_autostrbuf release = CS_STRBUF_INIT;

    (void)state;
    fx_init(&f, "");
    (void)fx_pod(&f, "bbbbb old ready");
    cs_body_mark(f.pods[0], "web-new", &mark);
    assert_json(&mark, "{" GUARD("p-bbbbb", "20") ",'labels':{'apps.kruise.io/specified-delete':'true'},"
                                                  "'annotations':{'" CS_ANNO_RECREATE_FOR "':'web-new'}}}");
    cs_body_unmark(f.pods[0], &unmark);
    assert_json(&unmark, "{" GUARD("p-bbbbb", "20") ",'labels':{'apps.kruise.io/specified-delete':null},"
                                                    "'annotations':{'" CS_ANNO_RECREATE_FOR "':null}}}");
    cs_body_release(f.pods[0], "u1", &release);
    assert_json(&release, "{" GUARD("p-bbbbb", "20") ",'ownerReferences':[]}}");
    fx_done(&f);
}

static bool keep_b(void *ctx, const char *name)
{
    (void)ctx;
    return name[4] == 'b';
}

static bool keep_none(void *ctx, const char *name)
{
    (void)ctx;
    (void)name;
    return false;
}

static void d16_strike(void **state)
{
    struct fx f;
    cs_autostrbuf some = CS_STRBUF_INIT;
    cs_autostrbuf none = CS_STRBUF_INIT;

    (void)state;
    fx_init(&f, "'scaleStrategy':{'podsToDelete':['web-b1','web-c1','web-b2']}");
    cs_body_strike(f.set, keep_b, NULL, &some);
    assert_json(&some, "{" GUARD("u1", "1") "},'spec':{'scaleStrategy':{'podsToDelete':['web-b1','web-b2']}}}");
    cs_body_strike(f.set, keep_none, NULL, &none);
    assert_json(&none, "{" GUARD("u1", "1") "},'spec':{'scaleStrategy':{'podsToDelete':null}}}");
    fx_done(&f);
}

static void spec_4_3_renumber(void **state)
{
    struct fx f;
    cs_autostrbuf out = CS_STRBUF_INIT;

    (void)state;
    fx_init(&f, "");
    cs_body_renumber(f.revs[0], f.set, 7, &out);
    assert_has(&out, "'revision':7");
    assert_has(&out, "'uid':'r-web-old','resourceVersion':'10'");
    assert_lacks(&out, CS_ANNO_CLAIM_TEMPLATES);
    fx_done(&f);
}

#define DATA "[{\\'metadata\\':{\\'name\\':\\'data\\'}}]"

static void u09_a_renumbered_revision_has_the_claim_templates_of_now(void **state)
{
    struct fx f;
    cs_autostrbuf out = CS_STRBUF_INIT;

    (void)state;
    fx_init(&f, "'volumeClaimTemplates':[{'metadata':{'name':'logs'}}]"); /* others than it records */
    fx_revision_with(&f, "web-third", 3, FX_OLD, DATA);
    cs_body_renumber(f.revs[2], f.set, 7, &out);
    assert_has(&out, "'" CS_ANNO_CLAIM_TEMPLATES "':'[{\\'metadata\\':{\\'name\\':\\'logs\\'}}]'");
    fx_done(&f);
    fx_init(&f, ""); /* none any more: what it records is wrong */
    fx_revision_with(&f, "web-third", 3, FX_OLD, DATA);
    cs_strbuf_clear(&out);
    cs_body_renumber(f.revs[2], f.set, 7, &out);
    assert_has(&out, "'" CS_ANNO_CLAIM_TEMPLATES "':null");
    fx_done(&f);
}

/* The revision of a set with a claim template of so many bytes and so many bytes of other annotations. */
static void revision_of(size_t bytes, size_t annotations, struct cs_strbuf *out)
{
    struct fx f;
    struct cs_error err = CS_ERROR_INIT;
    char name[CS_NAME_SIZE];
    cs_autofree char *pad = cs_xcalloc(1, bytes + 1);
    cs_autofree char *more = cs_xcalloc(1, annotations + 1);
    cs_autofree char *spec = NULL;
    cs_autofree char *text = NULL;

    memset(pad, 'x', bytes);
    memset(more, 'y', annotations);
    spec = cs_xasprintf("'volumeClaimTemplates':[{'metadata':{'name':'data'},'spec':{'x':'%s'}}]", pad);
    fx_init(&f, spec);
    text = cs_xasprintf(
        "{\"a\":\"%s\",\"" CS_ANNO_CLAIM_TEMPLATES "\":\"the user's\",\"" CS_ANNO_VCT_HASH "\":\"the user's\"}", more);
    cs_intern_unref(f.pool, f.set->annotations_raw);
    f.set->annotations_raw = cs_intern_str(f.pool, cs_str(text));
    assert_true(cs_body_revision(f.set, 1, 0, name, out, &err));
    fx_done(&f);
}

static void u09_a_revision_records_its_claim_templates(void **state)
{
    cs_autostrbuf out = CS_STRBUF_INIT;

    (void)state;
    revision_of(3, 3, &out);
    assert_has(&out,
        "'" CS_ANNO_CLAIM_TEMPLATES "':'[{\\'metadata\\':{\\'name\\':\\'data\\'},\\'spec\\':{\\'x\\':\\'xxx\\'}}]'");
    assert_has(&out, "'a':'yyy'");
    assert_lacks(&out, "the user's"); /* what the set has under our keys is not the revision's */
    cs_strbuf_clear(&out);
    revision_of((size_t)129 << 10, 0, &out); /* the server takes 256 KiB of annotations and no more */
    assert_lacks(&out, CS_ANNO_CLAIM_TEMPLATES);
    cs_strbuf_clear(&out);
    revision_of((size_t)100 << 10, (size_t)160 << 10, &out);
    assert_lacks(&out, CS_ANNO_CLAIM_TEMPLATES);
    cs_strbuf_clear(&out);
    revision_of((size_t)100 << 10, (size_t)140 << 10, &out);
    assert_has(&out, CS_ANNO_CLAIM_TEMPLATES);
}

static void u09_pod_and_claim_are_made_from_what_is_given(void **state)
{
    static const char *const names[] = {"old"};
    static const char recorded[] = "[{\"metadata\":{\"name\":\"old\"},\"spec\":{\"storageClassName\":\"s\"}}]";
    const struct cs_vcts vcts = {recorded, names, 1};
    struct fx f;
    struct cs_error err = CS_ERROR_INIT;
    cs_autostrbuf out = CS_STRBUF_INIT;

    (void)state;
    fx_init(&f, "'replicas':1," FX_VCT); /* the live one is "data" */
    const struct cs_new_pod n = {.set = f.set,
        .name = "web-k2x9d",
        .id = "k2x9d",
        .revision = "web-1",
        .tmpl = f.set->template_raw,
        .vcts = vcts,
        .now_ms = AT};
    assert_true(cs_body_pod(&n, &out, &err));
    assert_has(&out, "'volumes':[{'name':'old','persistentVolumeClaim':{'claimName':'old-web-k2x9d'}}]");
    cs_strbuf_clear(&out);
    const struct cs_action a = {.vct = "old", .name = (char[]){"old-web-k2x9d"}, .id = "k2x9d", .vcts = vcts};
    assert_true(cs_body_claim(f.set, &a, &out, &err));
    assert_has(&out, "'storageClassName':'s'");
    fx_done(&f);
}

static void u13_growth_is_a_guarded_merge_patch(void **state)
{
    struct fx f;
    cs_autostrbuf out = CS_STRBUF_INIT;

    (void)state;
    fx_init(&f, "");
    fx_claim(&f, "bbbbb");
    cs_body_expand(f.claims[0], "5Gi", &out);
    assert_json(&out, "{" GUARD("c-bbbbb", "30") "},'spec':{'resources':{'requests':{'storage':'5Gi'}}}}");
    fx_done(&f);
}

static void d14_status_patches(void **state)
{
    struct fx f;
    cs_autostrbuf off = CS_STRBUF_INIT;
    cs_autostrbuf on = CS_STRBUF_INIT;
    const struct cs_action all = {.gate_true = true, .state = CS_LC_NORMAL, .template_hash = true};

    (void)state;
    fx_init(&f, "");
    (void)fx_pod(&f, "bbbbb old ready");
    cs_body_gate_off(f.pods[0], AT, &off); /* ContainersReady is not True here: Ready is left alone */
    assert_json(&off,
        "{" GUARD("p-bbbbb",
            "20") "},'status':{'conditions':[{'type':'InPlaceUpdateReady','status':'False',"
                  "'lastTransitionTime':'2025-01-02T03:04:05Z','reason':'StartInPlaceUpdate','message':null}]}}");
    f.pods[0]->containers_ready.status = CS_COND_TRUE;
    cs_strbuf_clear(&off);
    cs_body_gate_off(f.pods[0], AT, &off);
    assert_has(&off, "'type':'Ready','status':'False','lastTransitionTime':'2025-01-02T03:04:05Z',"
                     "'reason':'ReadinessGatesNotReady'");
    cs_body_refresh(f.pods[0], &all, AT, &on);
    assert_json(&on,
        "{" GUARD("p-bbbbb", "20") ",'labels':{'lifecycle.apps.kruise.io/state':'Normal','pod-template-hash':'old'},"
                                   "'annotations':{'lifecycle.apps.kruise.io/timestamp':'2025-01-02T03:04:05Z'}},"
                                   "'status':{'conditions':[{'type':'InPlaceUpdateReady','status':'True',"
                                   "'lastTransitionTime':'2025-01-02T03:04:05Z','reason':null,'message':null}]}}");
    fx_done(&f);
}

static void spec_6_6_apply(void **state)
{
    struct fx f;
    struct cs_error err = CS_ERROR_INIT;
    cs_autostrbuf out = CS_STRBUF_INIT;

    (void)state;
    fx_init(&f, "");
    (void)fx_pod(&f, "bbbbb old gate-off");
    const struct cs_inplace_body b = {.pod = f.pods[0], .from = f.revs[0], .to = f.revs[1], .now_ms = AT};
    assert_true(cs_body_inplace_apply(&b, &out, &err));
    assert_json(&out,
        "[{'op':'test','path':'/metadata/uid','value':'p-bbbbb'},"
        "{'op':'test','path':'/metadata/ownerReferences/0/uid','value':'u1'},"
        "{'op':'test','path':'/metadata/labels/controller-revision-hash','value':'web-old'},"
        "{'op':'test','path':'/status/conditions/1/type','value':'InPlaceUpdateReady'},"
        "{'op':'test','path':'/status/conditions/1/status','value':'False'},"
        "{'op':'test','path':'/spec/containers/0/image','value':'nginx:1'},"
        "{'op':'test','path':'/status/containerStatuses/0/containerID','value':'containerd://1'},"
        "{'op':'add','path':'/metadata/annotations/apps.kruise.io~1inplace-update-state','value':"
        "'{\\'revision\\':\\'web-new\\',\\'updateTimestamp\\':\\'2025-01-02T03:04:05Z\\',\\'lastContainerStatuses\\':{"
        "\\'c\\':"
        "{\\'imageID\\':\\'sha256:1\\',\\'containerID\\':\\'containerd://1\\'}},\\'updateImages\\':true,"
        "\\'containerBatchesRecord\\':[{\\'timestamp\\':\\'2025-01-02T03:04:05Z\\',\\'containers\\':[\\'c\\']}]}'},"
        "{'op':'test','path':'/spec/containers/0/name','value':'c'},"
        "{'op':'replace','path':'/spec/containers/0/image','value':'nginx:2'},"
        "{'op':'add','path':'/metadata/labels/controller-revision-hash','value':'web-new'},"
        "{'op':'add','path':'/metadata/labels/pod-template-hash','value':'new'},"
        "{'op':'add','path':'/metadata/labels/lifecycle.apps.kruise.io~1state','value':'Updating'},"
        "{'op':'add','path':'/metadata/annotations/"
        "lifecycle.apps.kruise.io~1timestamp','value':'2025-01-02T03:04:05Z'}]");
    fx_done(&f);
}

static void spec_6_4_metadata_changes_touch_no_container(void **state)
{
    struct fx f;
    struct cs_error err = CS_ERROR_INIT;
    cs_autostrbuf out = CS_STRBUF_INIT;

    (void)state;
    fx_empty(&f);
    fx_set(&f, "", FX_OLD, "");
    fx_revision(&f, "web-a", 1,
        "{'metadata':{'labels':{'app':'web','gone':'1'},'annotations':{'k/"
        "x':'1'}},'spec':{'containers':[{'name':'c','image':'i'}]}}");
    fx_revision(&f, "web-b", 2,
        "{'metadata':{'labels':{'app':'web','came':'2'},'annotations':{'k/"
        "x':'3'}},'spec':{'containers':[{'name':'c','image':'i'}]}}");
    (void)fx_pod(&f, "bbbbb old gate-off");
    const struct cs_inplace_body b = {.pod = f.pods[0], .from = f.revs[0], .to = f.revs[1], .now_ms = AT};
    assert_true(cs_body_inplace_apply(&b, &out, &err));
    assert_has(&out, "{'op':'add','path':'/metadata/labels/came','value':'2'}");
    assert_has(&out, "{'op':'remove','path':'/metadata/labels/gone'}");
    assert_has(&out, "{'op':'add','path':'/metadata/annotations/k~1x','value':'3'}");
    assert_lacks(&out, "'op':'replace'");
    assert_lacks(&out, "updateImages");
    assert_has(&out, "\\'lastContainerStatuses\\':null");
    assert_lacks(&out, "/metadata/labels/app'");
    fx_done(&f);
}

/* Emptying a map of the template takes off what the template had, and nothing of others. */
static void quirk_8_what_others_put_on_a_pod_stays(void **state)
{
    struct fx f;
    struct cs_error err = CS_ERROR_INIT;
    cs_autostrbuf out = CS_STRBUF_INIT;

    (void)state;
    fx_empty(&f);
    fx_set(&f, "", FX_OLD, "");
    fx_revision(&f, "web-a", 1,
        "{'metadata':{'labels':{'app':'web'},'annotations':{'a':'1'},'finalizers':['x']},"
        "'spec':{'containers':[{'name':'c','image':'i'}]}}");
    fx_revision(
        &f, "web-b", 2, "{'metadata':{'labels':{'app':'web'}},'spec':{'containers':[{'name':'c','image':'i'}]}}");
    (void)fx_pod(&f, "bbbbb old gate-off finalizer:other,x");
    const struct cs_inplace_body b = {.pod = f.pods[0], .from = f.revs[0], .to = f.revs[1], .now_ms = AT};
    assert_true(cs_body_inplace_apply(&b, &out, &err));
    assert_has(&out, "{'op':'remove','path':'/metadata/annotations/a'}");
    assert_has(&out, "{'op':'add','path':'/metadata/finalizers','value':['other']}");
    assert_lacks(&out, "'path':'/metadata/annotations'}");
    assert_lacks(&out, "controller.kubernetes.io~1pod-deletion-cost");
    fx_done(&f);
}

static void spec_6_7_start_then_apply(void **state)
{
    struct fx f;
    struct cs_error err = CS_ERROR_INIT;
    cs_autostrbuf start = CS_STRBUF_INIT;
    cs_autostrbuf apply = CS_STRBUF_INIT;
    cs_autostrbuf drop = CS_STRBUF_INIT;

    (void)state;
    fx_init(&f, "");
    (void)fx_pod(&f, "bbbbb old gate-off");
    const struct cs_inplace_body b = {
        .pod = f.pods[0], .from = f.revs[0], .to = f.revs[1], .grace_s = 30, .now_ms = AT};
    assert_true(cs_body_inplace_start(&b, &start, &err));
    assert_lacks(&start, "'op':'replace'");
    assert_has(
        &start, "'{\\'revision\\':\\'web-new\\',\\'containerImages\\':{\\'c\\':\\'nginx:2\\'},\\'graceSeconds\\':30}'");
    f.pods[0]->inplace_grace = "{\"revision\":\"web-new\",\"containerImages\":{\"c\":\"nginx:2\"},\"graceSeconds\":30,"
                               "\"metaDataPatch\":\"eyJtZXRhZGF0YSI6eyJsYWJlbHMiOnsibiI6Im0ifX19\"}";
    f.pods[0]->inplace_state = "{\"revision\":\"web-new\",\"updateTimestamp\":\"2025-01-02T03:00:00Z\"}";
    assert_true(cs_body_grace_apply(f.pods[0], AT, &apply, &err));
    assert_has(&apply, "'path':'/spec/containers/0/image','value':'nginx:2'");
    assert_has(&apply, "'path':'/metadata/labels/n','value':'m'"); /* the example of A.4 */
    assert_has(&apply, "\\'updateTimestamp\\':\\'2025-01-02T03:00:00Z\\'");
    assert_has(&apply, "{'op':'remove','path':'/metadata/annotations/apps.kruise.io~1inplace-update-grace'}");
    cs_body_grace_drop(f.pods[0], &drop);
    assert_has(&drop, "{'op':'test','path':'/metadata/uid','value':'p-bbbbb'}");
    assert_has(&drop, "{'op':'test','path':'/metadata/ownerReferences/0/uid','value':'u1'}");
    assert_has(&drop, "{'op':'remove','path':'/metadata/annotations/apps.kruise.io~1inplace-update-grace'}");
    f.pods[0]->inplace_grace = "nonsense";
    cs_strbuf_clear(&apply);
    assert_false(cs_body_grace_apply(f.pods[0], AT, &apply, &err));
    f.pods[0]->inplace_grace = f.pods[0]->inplace_state = NULL;
    fx_done(&f);
}

static void an_image_for_a_container_the_pod_lacks_is_an_error(void **state)
{
    struct fx f;
    struct cs_error err = CS_ERROR_INIT;
    cs_autostrbuf out = CS_STRBUF_INIT;

    (void)state;
    fx_init(&f, "");
    (void)fx_pod(&f, "bbbbb old gate-off");
    const struct cs_inplace_body b = {.pod = f.pods[0], .from = f.revs[0], .to = f.revs[1], .now_ms = AT};
    struct cs_pod *p = f.pods[0];
    assert_non_null(p);
    if (p)
        p->n_containers = 0;
    assert_false(cs_body_inplace_apply(&b, &out, &err));
    if (p)
        p->n_containers = 1;
    fx_done(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a1_a_new_pod),
        cmocka_unit_test(a1_a_template_without_spec_is_an_error),
        cmocka_unit_test(a2_its_claim),
        cmocka_unit_test(spec_4_2_names_and_data_are_the_peers),
        cmocka_unit_test(d2_deletes_carry_preconditions),
        cmocka_unit_test(d3_hand_over_and_back),
        cmocka_unit_test(d8_mark_and_unmark_are_one_patch_each),
        cmocka_unit_test(d16_strike),
        cmocka_unit_test(spec_4_3_renumber),
        cmocka_unit_test(u09_a_renumbered_revision_has_the_claim_templates_of_now),
        cmocka_unit_test(u09_a_revision_records_its_claim_templates),
        cmocka_unit_test(u09_pod_and_claim_are_made_from_what_is_given),
        cmocka_unit_test(u13_growth_is_a_guarded_merge_patch),
        cmocka_unit_test(d14_status_patches),
        cmocka_unit_test(spec_6_6_apply),
        cmocka_unit_test(spec_6_4_metadata_changes_touch_no_container),
        cmocka_unit_test(quirk_8_what_others_put_on_a_pod_stays),
        cmocka_unit_test(spec_6_7_start_then_apply),
        cmocka_unit_test(an_image_for_a_container_the_pod_lacks_is_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
