/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What people are told about an accepted edit. Rows give the edits that make the old object of the base object with the
 * status of five running Pods, and the edits that make the new one of the old one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/cloneset/gates.h"
#include "test/unit/api_fixture.h"
#include "test/unit/both_versions.h"

#define POD "spec.template.spec."
#define C0 POD "containers[0]."
#define VCT "spec.volumeClaimTemplates[0]."
#define STRATEGY "spec.updateStrategy."
#define IN_PLACE STRATEGY "type = 'InPlaceIfPossible'"
#define RUNNING "status = {'replicas':5,'updatedReplicas':5,'updateRevision':'web-a','currentRevision':'web-a'}"
#define NEW_IMAGE C0 "image = 'nginx:latest'"
#define NO_CLAIMS "drop spec.volumeClaimTemplates ;; drop " C0 "volumeMounts"
#define LOST(n) "recreating Pods deletes their claims and the data in them: up to " n " (data-vol)"
#define KEEP "spec.template.metadata.labels = {'app':'web','apps.kruise.io/keep-pvc-for-deletion':''}"
#define REUSE_OFF "spec.scaleStrategy = {'disablePVCReuse':true}"
#define GROW "metadata.annotations = {'apps.kruise.io/expand-volume-claims':'true'}"

static const struct cs_gates gates_off;

struct row {
    const char *name, *old_edits, *new_edits;
    const char *wanted[8];
};

static bool fits(const char *name, const struct cs_texts *got)
{
    for (size_t i = 0; i < got->n; i++) {
        if (strlen(got->items[i]) <= 200 && cs_is_utf8(cs_str(got->items[i])))
            continue;
        print_error("row \"%s\": longer than 200 bytes, or cut inside a character: %s\n", name, got->items[i]);
        return false;
    }
    return got->n <= 10;
}

/* The same edit as v1beta1 is warned of in the same words. */
static bool same_warnings_in_beta(const struct row *row, const struct object *was, const struct object *is,
    const struct cs_gates *gates, const struct cs_texts *warnings)
{
    struct object beta_was = {0}, beta_is = {0};
    struct cs_texts got = {0};
    bool same = true;

    if (as_beta(was, &beta_was) && as_beta(is, &beta_is)) {
        cs_admission_warnings(object_root(&beta_was), object_root(&beta_is), gates, &got);
        same = same_in_beta(row->name, warnings, &got) && fits(row->name, &got);
    }
    cs_texts_done(&got);
    object_done(&beta_was);
    object_done(&beta_is);
    return same;
}

static bool run_row(const struct row *row, const struct cs_gates *gates)
{
    struct object running, was, is;
    struct cs_texts got = {0};
    bool ok;

    object_edit(&running, base_object, RUNNING);
    object_edit(&was, running.text, row->old_edits);
    object_edit(&is, was.text, row->new_edits);
    cs_admission_warnings(object_root(&was), object_root(&is), gates, &got);
    ok = texts_are(row->name, &got, row->wanted) && fits(row->name, &got);
    ok = same_warnings_in_beta(row, &was, &is, gates, &got) && ok;
    cs_texts_done(&got);
    object_done(&running);
    object_done(&was);
    object_done(&is);
    return ok;
}

static void run_with(const struct row *rows, size_t n, const struct cs_gates *gates)
{
    unsigned failed = 0;

    for (size_t i = 0; i < n; i++)
        failed += !run_row(&rows[i], gates);
    assert_int_equal(failed, 0);
}

static void run(const struct row *rows, size_t n)
{
    run_with(rows, n, &gates_off);
}

static void test_template_edits(void **state)
{
    static const struct row rows[] = {
        {"ReCreate: the type forces it, and data go", NULL, NEW_IMAGE,
            {"this recreates up to 5 Pods: spec.updateStrategy.type is ReCreate (InPlaceIfPossible would make this "
             "change "
             "in place)",
                LOST("5 claims")}},
        {"ReCreate: what could not be done in place anyhow", NULL, C0 "args = ['x']",
            {"this recreates up to 5 Pods", LOST("5 claims")}},
        {"in place: containers restart, claims stay", IN_PLACE, NEW_IMAGE,
            {"this updates up to 5 Pods in place: container nginx restarts with the new image"}},
        {"in place: two containers", IN_PLACE " ;; " POD "containers[1] = {'name':'log','image':'l:1'}",
            NEW_IMAGE " ;; " POD "containers[1].image = 'l:2'",
            {"this updates up to 5 Pods in place: containers nginx log restart with the new image"}},
        {"in place: metadata only", IN_PLACE, "spec.template.metadata.labels.v = '2'",
            {"this changes the metadata of up to 5 Pods in place; no container restarts"}},
        {"in place is not possible: the path that forces recreation", IN_PLACE, NEW_IMAGE " ;; " C0 "args = ['x']",
            {"this recreates up to 5 Pods: spec.template.spec.containers[0].args cannot change in place",
                LOST("5 claims")}},
        {"in place is not possible: several paths", IN_PLACE, C0 "args = ['x'] ;; " POD "hostNetwork = true",
            {"this recreates up to 5 Pods: spec.template.spec.containers[0].args (and 1 more) cannot change in place",
                LOST("5 claims")}},
        {"two claim templates make ten claims",
            "spec.volumeClaimTemplates[1] = {'metadata':{'name':'logs'},'spec':{'accessModes':['ReadWriteOnce'],"
            "'resources':{'requests':{'storage':'1Gi'}}}}",
            C0 "args = ['x']",
            {"this recreates up to 5 Pods",
                "recreating Pods deletes their claims and the data in them: up to 10 claims (data-vol logs)"}},
        {"no claims, no word about them", NO_CLAIMS, C0 "args = ['x']", {"this recreates up to 5 Pods"}},
        {"one Pod is one Pod", NO_CLAIMS " ;; status.replicas = 1", C0 "args = ['x']", {"this recreates up to 1 Pod"}},
        {"no Pods, no word about them", "status.replicas = 0", NEW_IMAGE, {NULL}},
        {"without a status the old replicas count", NO_CLAIMS " ;; drop status ;; spec.replicas = 4", C0 "args = ['x']",
            {"this recreates up to 4 Pods"}},
        {"OnDelete waits for people", STRATEGY "type = 'OnDelete'", NEW_IMAGE,
            {"no Pod changes until somebody deletes it: spec.updateStrategy.type is OnDelete"}},
        {"paused", IN_PLACE " ;; " STRATEGY "paused = true", NEW_IMAGE,
            {"once spec.updateStrategy.paused is false, this updates up to 5 Pods in place: container nginx restarts "
             "with "
             "the new image"}},
        {"partition holds some", IN_PLACE " ;; " STRATEGY "partition = 3", NEW_IMAGE,
            {"this updates up to 2 Pods in place: container nginx restarts with the new image",
                "spec.updateStrategy.partition keeps 3 Pods at the old revision"}},
        {"partition holds all", IN_PLACE, STRATEGY "partition = '100%' ;; " NEW_IMAGE,
            {"spec.updateStrategy.partition keeps 5 Pods at the old revision: nothing is rolled out until it is "
             "lowered"}},
        {"D9: writing down defaults is silent", NULL,
            POD "restartPolicy = 'Always' ;; " POD "dnsPolicy = 'ClusterFirst' ;; " C0 "imagePullPolicy = 'Always'",
            {NULL}},
        {"nothing changed is silent", NULL, NULL, {NULL}},
        {"nothing changed is silent, also with everything that would be said on creation",
            C0 "imagee = 'x' ;; " STRATEGY "partition = '99%' ;; spec.replicas = 1 ;; " C0 "command = []",
            "metadata.labels.a = 'b'", {NULL}},
        {"deletion is silent", NULL, NEW_IMAGE " ;; metadata.deletionTimestamp = '2025-01-02T03:04:05Z'", {NULL}},
        {"replicas alone are silent when nothing is lost", NULL, "spec.replicas = 6", {NULL}},
    };

    (void)state;
    run(rows, CS_ARRAY_LEN(rows));
}

#define OPEN                                                                                                           \
    "status = {'replicas':5,'updatedReplicas':1,'updateRevision':'web-b','currentRevision':'web-a'} ;; " STRATEGY      \
    "partition = 4 ;; "

static void test_rollouts_that_go_on(void **state)
{
    static const struct row rows[] = {
        {"partition lowered", OPEN IN_PLACE, STRATEGY "partition = 2",
            {"the rollout goes on and updates up to 2 more Pods",
                "spec.updateStrategy.partition keeps 2 Pods at the old revision"}},
        {"partition lowered under ReCreate", OPEN STRATEGY "type = 'ReCreate'", STRATEGY "partition = 0",
            {"the rollout goes on and recreates up to 4 more Pods", LOST("4 claims")}},
        {"unpaused", OPEN IN_PLACE " ;; " STRATEGY "paused = true ;; " STRATEGY "partition = 0",
            STRATEGY "paused = false", {"the rollout goes on and updates up to 4 more Pods"}},
        {"unpaused, but nothing to do", IN_PLACE " ;; " STRATEGY "paused = true", STRATEGY "paused = false", {NULL}},
        {"lowered while paused", OPEN STRATEGY "paused = true", STRATEGY "partition = 0", {NULL}},
        {"U-22: raised", OPEN IN_PLACE, STRATEGY "partition = 5",
            {"spec.updateStrategy.partition raised from 4 to 5: Pods that are updated already are not moved back; put "
             "the old template back to do that"}},
        {"U-22: raised together with a new template", IN_PLACE, STRATEGY "partition = 4 ;; " NEW_IMAGE,
            {"this updates up to 1 Pod in place: *", "spec.updateStrategy.partition keeps 4 Pods at the old revision"}},
    };

    (void)state;
    run(rows, CS_ARRAY_LEN(rows));
}

static void test_claims(void **state)
{
    static const struct row rows[] = {
        {"U-13: a larger size", NULL, VCT "spec.resources.requests.storage = '4Gi'",
            {"claim template \"data-vol\" changed: claims that exist stay as they are and are not resized, only new "
             "Pods' "
             "claims follow; this edit alone changes no Pod"}},
        {"U-13: with a template edit", IN_PLACE, VCT "spec.storageClassName = 'fast' ;; " NEW_IMAGE,
            {"this updates up to 5 Pods in place: *",
                "claim template \"data-vol\" changed: claims that exist stay as they are and are not resized, only new "
                "Pods' claims follow"}},
        {"one more", NULL, "spec.volumeClaimTemplates[1] = {'metadata':{'name':'logs'},'spec':{}}",
            {"claim template \"logs\" added: Pods that exist, and Pods updated in place, do not get such a claim; this "
             "edit "
             "alone changes no Pod"}},
        {"one less", NULL, "spec.volumeClaimTemplates = []",
            {"claim template \"data-vol\" removed: claims that exist stay until the controller deletes their Pod"}},
        {"the same in another order, and a status of the peer's", NULL,
            "spec.volumeClaimTemplates = [{'status':{'phase':'Pending'},'spec':{'storageClassName':'rbd','accessModes':"
            "['ReadWriteOnce'],'resources':{'requests':{'storage':'2Gi'}}},'metadata':{'creationTimestamp':null,"
            "'name':'data-vol'}}]",
            {NULL}},
        {"U-09: removed while replicas grow under a partition", IN_PLACE,
            STRATEGY "partition = 5 ;; spec.replicas = 7 ;; spec.volumeClaimTemplates = [] ;; drop " C0 "volumeMounts",
            {"spec.updateStrategy.partition keeps 5 Pods at the old revision: nothing is rolled out until it is "
             "lowered",
                "new Pods of the old revision still get a claim \"data-vol\"; if OpenKruise made that revision, they "
                "are made "
                "at the new revision instead",
                "claim template \"data-vol\" removed: claims that exist stay until the controller deletes their Pod"}},
        {"U-09: without a partition no Pod of the old revision is made", IN_PLACE,
            "spec.replicas = 7 ;; spec.volumeClaimTemplates = [] ;; drop " C0 "volumeMounts",
            {"this recreates up to 5 Pods: *", LOST("5 claims"),
                "claim template \"data-vol\" removed: claims that exist stay until the controller deletes their Pod"}},
        {"U-13: a larger size with the wish to grow", GROW, VCT "spec.resources.requests.storage = '4Gi'",
            {"claim template \"data-vol\" changed: existing claims grow to a larger request if their StorageClass "
             "allows it "
             "and stay as they are otherwise; this edit alone changes no Pod"}},
        {"U-14: a smaller one, and the same wish", GROW, VCT "spec.resources.requests.storage = '1Gi'",
            {"claim template \"data-vol\" changed: claims that exist stay as they are and are not resized, only new "
             "Pods' claims follow; this edit alone changes no Pod"}},
        {"U-13: the wish", NULL, GROW,
            {"annotation apps.kruise.io/expand-volume-claims: existing claims smaller than their template's request "
             "grow to "
             "it now, if their StorageClass allows it; growth cannot be undone"}},
        {"U-13: no wish", NULL, "metadata.annotations = {'apps.kruise.io/expand-volume-claims':'yes'}", {NULL}},
        {"spec 4.6: nothing is taken over any more", NULL, REUSE_OFF,
            {"scaleStrategy.disablePVCReuse deletes, now and from now on, claims without a Pod and those of Pods that "
             "finish "
             "or that somebody deletes, with the data in them"}},
        {"spec 4.6: back again", REUSE_OFF, "spec.scaleStrategy = {}", {NULL}},
        {"spec 4.6: said once", REUSE_OFF, "spec.replicas = 6", {NULL}},
        {"spec 4.6: no claims", NO_CLAIMS, REUSE_OFF, {NULL}},
        {"U-12: kept claims are not lost by scale-in", KEEP, "spec.replicas = 3", {NULL}},
        {"U-12: nor by a recreation", KEEP, NEW_IMAGE, {"this recreates up to 5 Pods: *"}},
        {"U-12: but with disablePVCReuse", KEEP " ;; " REUSE_OFF, "spec.replicas = 3",
            {"lowering replicas deletes up to 2 Pods, and with them *"}},
        {"U-12: the label with disablePVCReuse", IN_PLACE " ;; " REUSE_OFF, KEEP,
            {"this changes the metadata of up to 5 Pods in place; no container restarts",
                "label apps.kruise.io/keep-pvc-for-deletion has no lasting effect with scaleStrategy.disablePVCReuse: "
                "claims are "
                "deleted once their Pod is gone"}},
        {"U-12: with surge", KEEP, STRATEGY "maxSurge = 1",
            {"with maxSurge and label apps.kruise.io/keep-pvc-for-deletion surge Pods get new claims, and as many kept "
             "ones wait "
             "for the next scale-out; maxSurge 0 keeps each with its replacement"}},
        {"scale-in takes claims along", NULL, "spec.replicas = 3",
            {"lowering replicas deletes up to 2 Pods, and with them up to 2 claims and the data in them"}},
        {"podsToDelete with fewer replicas", NULL,
            "spec.replicas = 4 ;; spec.scaleStrategy.podsToDelete = ['web-aaaaa']",
            {"podsToDelete deletes up to 1 Pod, and with them up to 1 claim and the data in them"}},
        {"a name that was there is not said again", "spec.scaleStrategy.podsToDelete = ['web-aaaaa']",
            "spec.scaleStrategy.podsToDelete = ['web-aaaaa','web-bbbbb']",
            {"podsToDelete deletes up to 1 Pod, and with them up to 1 claim and the data in them"}},
        {"without claims nothing is lost", NO_CLAIMS, "spec.replicas = 3", {NULL}},
    };

    (void)state;
    run(rows, CS_ARRAY_LEN(rows));
}

static void test_values(void **state)
{
    static const struct row rows[] = {
        {"U-21: a partition of a few is all of one", "spec.replicas = 1", STRATEGY "partition = '99%'",
            {"spec.updateStrategy.partition 99% of 1 Pod is 1: no Pod is updated",
                "spec.updateStrategy.partition raised from 0 to 1: *"}},
        {"U-21: 100% says what it means", "spec.replicas = 1 ;; " STRATEGY "partition = '100%'",
            STRATEGY "maxSurge = 1", {NULL}},
        {"U-21: a tenth of one is one", "spec.replicas = 1", STRATEGY "maxUnavailable = '10%'",
            {"spec.updateStrategy.maxUnavailable 10% of 1 Pod is 1: an update may take all Pods down at once"}},
        {"U-21: the default is nobody's mistake", "spec.replicas = 1", STRATEGY "maxUnavailable = '20%'", {NULL}},
        {"U-21: with surge a tenth of five is none", NULL,
            STRATEGY "maxUnavailable = '10%' ;; " STRATEGY "maxSurge = 1",
            {"spec.updateStrategy.maxUnavailable 10% of 5 Pods is 0 (rounded down, as maxSurge is in use): updates go "
             "by "
             "surge only"}},
        {"U-21: said again when replicas change", STRATEGY "maxUnavailable = '10%' ;; " NO_CLAIMS, "spec.replicas = 1",
            {"spec.updateStrategy.maxUnavailable 10% of 1 Pod is 1: an update may take all Pods down at once"}},
        {"U-21: said once only", "spec.replicas = 1 ;; " STRATEGY "maxUnavailable = '10%'", "spec.minReadySeconds = 5",
            {NULL}},
        {"a limit of none", NULL, "spec.scaleStrategy.maxUnavailable = '0%'",
            {"spec.scaleStrategy.maxUnavailable is 0: no Pod is ever created"}},
    };

    (void)state;
    run(rows, CS_ARRAY_LEN(rows));
}

static void test_fields(void **state)
{
    static const struct row rows[] = {
        {"U-35: a mistyped field", IN_PLACE " ;; " NO_CLAIMS, C0 "imagePulPolicy = 'Never'",
            {"this recreates up to 5 Pods: spec.template.spec.containers[0].imagePulPolicy cannot change in place",
                "unknown field spec.template.spec.containers[0].imagePulPolicy has no effect: did you mean "
                "\"imagePullPolicy\"?"}},
        {"U-35: with nothing in it", IN_PLACE, POD "tolerationz = null",
            {"unknown field spec.template.spec.tolerationz has no effect: did you mean \"tolerations\"?"}},
        {"U-35: in a claim template", NULL, VCT "spec.storageClasName = 'x'",
            {"claim template \"data-vol\" changed: *",
                "unknown field spec.volumeClaimTemplates[0].spec.storageClasName has no effect: did you mean "
                "\"storageClassName\"?"}},
        {"U-35: one that was there is not said again", C0 "imagee = 'x' ;; " IN_PLACE " ;; " NO_CLAIMS,
            POD "tolerationz = []",
            {"this recreates up to 5 Pods: *",
                "unknown field spec.template.spec.tolerationz has no effect: did you mean \"tolerations\"?"}},
        {"D10: bytes that the peer would not keep", NO_CLAIMS, C0 "env = [{'name':'a','value':''}]",
            {"this recreates up to 5 Pods",
                "handing this set back to OpenKruise would roll its Pods, as it would not keep "
                "spec.template.spec.containers[0].env[0].value: explicit empty value"}},
        {"pre-download by annotation", NULL,
            "metadata.annotations = {} ;; drop metadata.annotations ;; metadata.annotations = "
            "{'apps.kruise.io/image-predownload-parallelism':'1'}",
            {"annotation apps.kruise.io/image-predownload-parallelism has no effect here: pulling images ahead needs "
             "OpenKruise's node daemon"}},
        {"pre-download by several annotations", NO_CLAIMS,
            "metadata.annotations = "
            "{'apps.kruise.io/image-predownload-parallelism':'1','apps.kruise.io/"
            "image-predownload-timeout-seconds':'1'}",
            {"annotation apps.kruise.io/image-predownload-parallelism (and 1 more like it) has no effect here: *"}},
        {"pre-download by field", IN_PLACE, STRATEGY "inPlaceUpdateStrategy = {'imagePreDownloadTimeoutSeconds':5}",
            {"spec.updateStrategy.inPlaceUpdateStrategy.imagePreDownloadTimeoutSeconds has no effect here: pulling "
             "images "
             "ahead needs OpenKruise's node daemon"}},
        {"container priorities", NO_CLAIMS, C0 "env = [{'name':'KRUISE_CONTAINER_PRIORITY','value':'1'}]",
            {"this recreates up to 5 Pods", "env KRUISE_CONTAINER_PRIORITY has no effect here: ordering containers "
                                            "needs OpenKruise's Pod webhook"}},
    };

    (void)state;
    run(rows, CS_ARRAY_LEN(rows));
}

#define RESOURCES(cpu, mem, more)                                                                                      \
    C0 "resources = {'limits':{'cpu':'" cpu "','memory':'" mem "'},'requests':{'cpu':'100m','memory':'1Gi'}" more "}"

/* Gate InPlaceWorkloadVerticalScaling: what the controller will do, as far as a template tells. */
static void spec_6_4_resources(void **state)
{
    static const struct cs_gates on = {.vertical_scaling = true};
    static const char restart[] = IN_PLACE " ;; " RESOURCES(
        "1", "2Gi", "") " ;; " C0 "resizePolicy = [{'resourceName':'cpu','restartPolicy':'RestartContainer'}]";
    static const struct row rows_on[] = {
        {"a limit", IN_PLACE " ;; " RESOURCES("1", "2Gi", ""), RESOURCES("2", "2Gi", ""),
            {"this resizes up to 5 Pods in place: container nginx gets the new resources without a restart"}},
        {"all of them: the container is named once", IN_PLACE " ;; " RESOURCES("1", "2Gi", ""),
            RESOURCES("2", "3Gi", ""),
            {"this resizes up to 5 Pods in place: container nginx gets the new resources without a restart"}},
        {"with a restart", restart, RESOURCES("2", "2Gi", ""),
            {"this resizes up to 5 Pods in place: container nginx gets the new resources, with a restart where "
             "resizePolicy wants it"}},
        {"with an image", IN_PLACE " ;; " RESOURCES("1", "2Gi", ""), RESOURCES("2", "2Gi", "") " ;; " NEW_IMAGE,
            {"this updates up to 5 Pods in place: container nginx restarts with the new image",
                "this resizes up to 5 Pods in place: container nginx gets the new resources"}},
        {"the QoS class would change", IN_PLACE " ;; " NO_CLAIMS " ;; " RESOURCES("1", "1Gi", ""),
            RESOURCES("100m", "1Gi", ""),
            {"this recreates up to 5 Pods: spec.template.spec.containers[0].resources.limits[cpu] (and 1 more) cannot "
             "change in place (a Pod keeps its QoS class)"}},
    };
    static const struct row rows_off[] = {
        {"gate off", IN_PLACE " ;; " NO_CLAIMS " ;; " RESOURCES("1", "2Gi", ""), RESOURCES("2", "2Gi", ""),
            {"this recreates up to 5 Pods: spec.template.spec.containers[0].resources.limits[cpu] cannot change in "
             "place"}},
    };

    (void)state;
    run_with(rows_on, CS_ARRAY_LEN(rows_on), &on);
    run(rows_off, CS_ARRAY_LEN(rows_off));
}

/* Gate RecreatePodWhenChangeVCTInCloneSetGate. */
static void spec_6_4_claim_templates(void **state)
{
    static const struct cs_gates on = {.recreate_on_claim_templates = true};
    static const struct row rows[] = {
        {"an image and a size: recreated", IN_PLACE, NEW_IMAGE " ;; " VCT "spec.resources.requests.storage = '4Gi'",
            {"this recreates up to 5 Pods: spec.volumeClaimTemplates cannot change in place", LOST("5 claims"),
                "claim template \"data-vol\" changed: *"}},
        {"InPlaceOnly never recreates", STRATEGY "type = 'InPlaceOnly'",
            NEW_IMAGE " ;; " VCT "spec.resources.requests.storage = '4Gi'",
            {"this updates up to 5 Pods in place: *", "claim template \"data-vol\" changed: *"}},
        {"an image alone", IN_PLACE, NEW_IMAGE, {"this updates up to 5 Pods in place: *"}},
        {"a size alone makes no revision", IN_PLACE, VCT "spec.resources.requests.storage = '4Gi'",
            {"claim template \"data-vol\" changed: claims that exist stay as they are and are not resized, only new "
             "Pods' claims follow; this edit alone changes no Pod"}},
    };

    (void)state;
    run_with(rows, CS_ARRAY_LEN(rows), &on);
}

/* An object as JSON, ` for the quotation mark, as paths hold apostrophes. */
static void env_object(struct cs_jdoc *doc, char **text, const char *type, const char *metadata, const char *path)
{
    *text = cs_xasprintf("{`metadata`:{`name`:`web`},`spec`:{`replicas`:2,`updateStrategy`:{`type`:`%s`},`template`:{"
                         "`metadata`:%s,`spec`:{`containers`:[{`name`:`a`,`image`:`i`},{`name`:`c`,`image`:`i`,`env`:[{"
                         "`name`:`V`,`valueFrom`:{`fieldRef`:{`fieldPath`:`%s`}}}]}]}}},`status`:{`replicas`:2}}",
        type, metadata, path);
    for (char *p = *text; *p; p++)
        *p = *p == '`' ? '"' : *p;
    assert_true(cs_jdoc_parse(doc, *text, strlen(*text), NULL, NULL));
}

/* Env from metadata needs a node daemon: here such a change is plain metadata. */
static void spec_6_4_env_from_metadata(void **state)
{
#define READS(path)                                                                                                    \
    "env V of container c reads metadata." path ": here no container restarts for an in-place change of it, as it "    \
    "would with OpenKruise's node daemon"
#define KEEPS(path) "env V of container c keeps the old value of metadata." path " until the container restarts"
#define META "this changes the metadata of up to 2 Pods in place; no container restarts"
    static const struct {
        const char *name, *path, *old_type, *old_metadata, *new_type, *new_metadata; /* old_type NULL: created */
        const char *wanted[4];
    } rows[] = {
        {"created", "metadata.labels['v']", NULL, NULL, "InPlaceOnly", "{`labels`:{`v`:`1`}}", {READS("labels['v']")}},
        {"created, of a type that recreates", "metadata.labels['v']", NULL, NULL, "ReCreate", "{`labels`:{`v`:`1`}}",
            {NULL}},
        {"the type becomes one that updates in place", "metadata.labels['v']", "ReCreate", "{`labels`:{`v`:`1`}}",
            "InPlaceIfPossible", "{`labels`:{`v`:`1`}}", {READS("labels['v']")}},
        {"the label changes", "metadata.labels['v']", "InPlaceIfPossible", "{`labels`:{`v`:`1`}}", "InPlaceIfPossible",
            "{`labels`:{`v`:`2`}}", {META, KEEPS("labels['v']")}},
        {"an annotation goes", "metadata.annotations['a/v']", "InPlaceOnly", "{`annotations`:{`a/v`:`1`}}",
            "InPlaceOnly", "{}", {META, KEEPS("annotations['a/v']")}},
        {"another label changes", "metadata.labels['v']", "InPlaceIfPossible", "{`labels`:{`v`:`1`}}",
            "InPlaceIfPossible", "{`labels`:{`v`:`1`,`w`:`2`}}", {META}},
        {"the label is not the template's", "metadata.labels['x']", NULL, NULL, "InPlaceOnly", "{`labels`:{`v`:`1`}}",
            {NULL}},
        {"another field", "metadata.name", NULL, NULL, "InPlaceOnly", "{`labels`:{`v`:`1`}}", {NULL}},
        {"a path without end", "metadata.labels['", NULL, NULL, "InPlaceOnly", "{`labels`:{``:`1`}}", {NULL}},
    };
    unsigned failed = 0;

    (void)state;
    for (size_t i = 0; i < CS_ARRAY_LEN(rows); i++) {
        cs_autofree char *was_text = NULL;
        cs_autofree char *is_text = NULL;
        cs_autojdoc was = {0};
        cs_autojdoc is = {0};
        struct cs_texts got = {0};

        if (rows[i].old_type)
            env_object(&was, &was_text, rows[i].old_type, rows[i].old_metadata, rows[i].path);
        env_object(&is, &is_text, rows[i].new_type, rows[i].new_metadata, rows[i].path);
        cs_admission_warnings(
            rows[i].old_type ? cs_jdoc_root(&was) : (struct cs_json){0}, cs_jdoc_root(&is), &gates_off, &got);
        failed += !texts_are(rows[i].name, &got, rows[i].wanted) || !fits(rows[i].name, &got);
        cs_texts_done(&got);
    }
    assert_int_equal(failed, 0);
}

/* What restarts reads the new value. */
static void spec_6_4_env_of_a_container_that_restarts_anyhow(void **state)
{
    cs_autofree char *was_text = NULL, *is_text = NULL;
    cs_autojdoc was = {0};
    cs_autojdoc is = {0};
    struct cs_texts got = {0};

    (void)state;
    env_object(&was, &was_text, "InPlaceOnly", "{`labels`:{`v`:`1`}}", "metadata.labels['v']");
    env_object(&is, &is_text, "InPlaceOnly", "{`labels`:{`v`:`2`}}", "metadata.labels['v']");
    strstr(is_text, "\"c\",\"image\":\"i\"")[strlen("\"c\",\"image\":\"")] = 'j';
    cs_admission_warnings(cs_jdoc_root(&was), cs_jdoc_root(&is), &gates_off, &got);
    assert_int_equal(got.n, 1);
    assert_string_equal(got.items[0], "this updates up to 2 Pods in place: container c restarts with the new image");
    cs_texts_done(&got);
}

static void test_creation(void **state)
{
    static const struct row rows[] = {
        {"the example says nothing", NULL, NULL, {NULL}},
        {"what does nothing is said",
            C0 "imagee = 'x' ;; " STRATEGY "partition = '50%' ;; spec.replicas = 1 ;; " C0 "command = []", NULL,
            {"spec.updateStrategy.partition 50% of 1 Pod is 1: no Pod is updated",
                "unknown field spec.template.spec.containers[0].imagee has no effect: did you mean \"image\"?"}},
        {"D10 on creation", C0 "command = []", NULL,
            {"handing this set back to OpenKruise would roll its Pods, as it would not keep "
             "spec.template.spec.containers[0].command: explicit empty value"}},
        {"U-12: a label that cannot do what it says", KEEP " ;; " REUSE_OFF, NULL,
            {"label apps.kruise.io/keep-pvc-for-deletion has no lasting effect *"}},
        {"variables of one kind are one warning",
            "spec.updateStrategy.type = 'InPlaceIfPossible' ;; spec.template.metadata.labels.v = '1' ;; " C0
            "env = [{'name':'A','valueFrom':{'fieldRef':{'fieldPath':'metadata.labels[\\u0027v\\u0027]'}}},"
            "{'name':'B','valueFrom':{'fieldRef':{'fieldPath':'metadata.labels[\\u0027v\\u0027]'}}},"
            "{'name':'C','valueFrom':{'fieldRef':{'fieldPath':'metadata.labels[\\u0027v\\u0027]'}}}]",
            NULL,
            {"env A of container nginx reads metadata.labels['v'] (and 2 more like it): here no container restarts *"}},
        {"many are cut", POD "a1 = 1 ;; " POD "a2 = 1 ;; " POD "a3 = 1 ;; " POD "a4 = 1 ;; " POD "a5 = 1", NULL,
            {"unknown field spec.template.spec.a1 has no effect", "unknown field spec.template.spec.a2 has no effect",
                "unknown field spec.template.spec.a3 has no effect", "and 2 more unknown fields"}},
    };
    unsigned failed = 0;

    (void)state;
    for (size_t i = 0; i < CS_ARRAY_LEN(rows); i++) {
        struct object o;
        struct cs_texts got = {0};

        object_edit(&o, base_object, rows[i].old_edits);
        cs_admission_warnings((struct cs_json){0}, object_root(&o), &gates_off, &got);
        failed += !texts_are(rows[i].name, &got, rows[i].wanted) || !fits(rows[i].name, &got);
        cs_texts_done(&got);
        object_done(&o);
    }
    assert_int_equal(failed, 0);
}

/* However much there is to say: ten lines of 200 bytes. */
static void test_limits(void **state)
{
    static const char key[] =
        "éééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééé";
    cs_autostrbuf edit = CS_STRBUF_INIT;
    struct object was, is;
    struct cs_texts got = {0};

    (void)state;
    cs_strbuf_addf(&edit, C0 "x%s = 1 ;; " C0 "y%s = 1 ;; " C0 "z%s = 1 ;; " POD "u = 1 ;; ", key, key, key);
    cs_strbuf_adds(&edit,
        IN_PLACE " ;; " STRATEGY "partition = '10%' ;; " STRATEGY "maxUnavailable = '10%' ;; " STRATEGY
                 "maxSurge = 1 ;; spec.scaleStrategy = {'maxUnavailable':0,'podsToDelete':['a']} ;; " VCT
                 "spec.storageClassName = 'x' ;; spec.volumeClaimTemplates[1] = {'metadata':{'name':'n'}} ;; " STRATEGY
                 "inPlaceUpdateStrategy = {'imagePreDownloadTimeoutSeconds':5,'imagePreDownloadParallelism':1}");
    object_edit(&was, base_object, RUNNING);
    object_edit(&is, was.text, cs_strbuf_str(&edit));
    cs_admission_warnings(object_root(&was), object_root(&is), &gates_off, &got);
    assert_int_equal(got.n, 10);
    assert_true(fits("limits", &got));
    assert_non_null(strstr(got.items[9], " more warnings"));
    cs_texts_done(&got);
    object_done(&was);
    object_done(&is);
}

struct pair {
    struct cs_json good;
};

static void warn_broken(void *ctx, struct cs_json broken, const char *path, const char *garbage)
{
    const struct pair *pair = ctx;
    struct cs_texts got = {0};

    (void)garbage;
    cs_admission_warnings(pair->good, broken, &gates_off, &got);
    cs_admission_warnings(broken, pair->good, &gates_off, &got);
    cs_admission_warnings((struct cs_json){0}, broken, &gates_off, &got);
    for (size_t i = 0; i < got.n; i++) {
        if (strlen(got.items[i]) > 200)
            fail_msg("%s: %s", path, got.items[i]);
    }
    cs_texts_done(&got);
}

static void test_garbage_never_crashes(void **state)
{
    struct object was, is;
    struct pair pair;

    (void)state;
    object_edit(&was, base_object, RUNNING " ;; " STRATEGY "partition = 3");
    object_edit(&is, was.text,
        IN_PLACE
        " ;; " STRATEGY "partition = '10%' ;; " STRATEGY "maxSurge = 1 ;; " C0
        "env = [{'name':'a','value':'b'}] ;; spec.scaleStrategy = {'maxUnavailable':0,'podsToDelete':['a']} ;; " VCT
        "metadata.name = 'other' ;; metadata.annotations = {'a':'b'} ;; spec.replicas = 6");
    pair.good = object_root(&was);
    assert_true(fixture_garbage(object_root(&is), warn_broken, &pair) > 500);
    object_done(&was);
    object_done(&is);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_template_edits),
        cmocka_unit_test(test_rollouts_that_go_on),
        cmocka_unit_test(test_claims),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_fields),
        cmocka_unit_test(spec_6_4_resources),
        cmocka_unit_test(spec_6_4_claim_templates),
        cmocka_unit_test(spec_6_4_env_from_metadata),
        cmocka_unit_test(spec_6_4_env_of_a_container_that_restarts_anyhow),
        cmocka_unit_test(test_creation),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_garbage_never_crashes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
