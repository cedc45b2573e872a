/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Prints a CloneSet in every phase of its life, one JSON line each, as the API server would show it: the planner and the status
 * writer make the status here and now, so it can never be an old one. With each phase stands what tools must make of it; main.go
 * asks them. The verdicts of the script that comes with Argo CD are what it can see: it compares status.updatedAvailableReplicas
 * with status.replicas, and knows neither spec.replicas nor conditions (docs/status.md).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/json/json_tree.h"
#include "controller/cloneset/controller.h"
#include "test/unit/plan_fixture.h"

/* As the webhook completes it. */
#define STRATEGY(type, more) "'updateStrategy':{'type':'" type "','maxUnavailable':'20%','maxSurge':0," more "}"
#define SPEC(n, more) "'replicas':" n ",'revisionHistoryLimit':10," more
#define PLAIN(n) SPEC(n, STRATEGY("ReCreate", "'partition':0"))
#define IN_PLACE(n) SPEC(n, STRATEGY("InPlaceIfPossible", "'partition':0,'inPlaceUpdateStrategy':{}"))
#define PARTITION(n, p) SPEC(n, STRATEGY("InPlaceIfPossible", "'partition':" p ",'inPlaceUpdateStrategy':{}"))
#define PAUSED(n) SPEC(n, STRATEGY("ReCreate", "'partition':0,'paused':true"))
#define DEADLINE(n) PLAIN(n) ",'progressDeadlineSeconds':60"

#define OLD_SET "'currentRevision':'web-old'"
#define NEW_SET "'currentRevision':'web-new'"
#define STARTED "'observedGeneration':3,'currentRevision':'web-new','conditions':["
#define LONG_AGO "2025-10-09T08:00:00Z"
#define EXCEEDED                                                                                                       \
    "{'type':'Progressing','status':'False','reason':'ProgressDeadlineExceeded','lastUpdateTime':'" LONG_AGO "'}"
#define BROKEN "spec.revisionHistoryLimit: Invalid value: -1: must be greater than or equal to 0"

struct phase {
    const char *name, *spec, *pods, *claims;
    const char *stored; /* members of the status that is there; NULL: none, and none is written */
    const char *kstatus, *argo, *ours;
    struct cs_trouble trouble;
    const char *tmpl; /* NULL: FX_NEW */
    bool unseen; /* edited since */
    bool deleted;
};

static const struct phase phases[] = {
    {"created, and not seen by the controller yet", PLAIN("3"), "", "", NULL, "InProgress", "Progressing",
        .ours = "Progressing"},
    {"creating: the first Pod is there", PLAIN("3"), "bbbbb new fresh pending nodeless state:PreparingNormal", "",
        NEW_SET, "InProgress", "Degraded", .ours = "Progressing"},
    {"creating: Pods are starting", PLAIN("3"),
        "bbbbb new ready; ccccc new pending waiting:ContainerCreating; ddddd new unready", "", NEW_SET, "InProgress",
        "Degraded", .ours = "Progressing"},
    {"done", PLAIN("3"), "bbbbb new ready; ccccc new ready; ddddd new ready", "", NEW_SET, "Current", "Healthy",
        .ours = "Healthy"},
    {"done, and edited a moment ago", PLAIN("1"), "bbbbb new ready", "", NEW_SET, "InProgress", "Progressing",
        .ours = "Progressing", .unseen = true},
    {"rolling in place", IN_PLACE("3"), "bbbbb new gate-off state:Updating; ccccc old ready; ddddd old ready", "",
        OLD_SET, "InProgress", "Degraded", .ours = "Progressing"},
    {"rolling by recreation", PLAIN("3"), "bbbbb new unready; ccccc old ready; ddddd old ready marked", "", OLD_SET,
        "InProgress", "Degraded", .ours = "Progressing"},
    {"rolling to a partition", PARTITION("4", "2"),
        "bbbbb new unready; ccccc old ready; ddddd old ready; fffff old ready", "", OLD_SET, "InProgress",
        "Progressing", .ours = "Progressing"},
    {"the partition is reached", PARTITION("4", "2"),
        "bbbbb new ready; ccccc new ready; ddddd old ready; fffff old ready", "", OLD_SET, "Current", "Suspended",
        .ours = "Suspended"},
    {"all is kept back by a partition of 100%", PARTITION("2", "'100%'"), "bbbbb old ready; ccccc old ready", "",
        OLD_SET, "Current", "Suspended", .ours = "Suspended"},
    {"paused half-way", PAUSED("2"), "bbbbb new ready; ccccc old ready", "", OLD_SET, "Current", "Suspended",
        .ours = "Suspended"},
    {"paused with a Pod that does not come", PAUSED("2"), "bbbbb new unready waiting:CrashLoopBackOff; ccccc old ready",
        "", OLD_SET, "InProgress", "Suspended", .ours = "Progressing"},
    {"paused with nothing left to do", PAUSED("1"), "bbbbb new ready", "", NEW_SET, "Current", "Suspended",
        .ours = "Healthy"},
    {"OnDelete with old Pods", SPEC("2", STRATEGY("OnDelete", "'partition':0")), "bbbbb new ready; ccccc old ready", "",
        OLD_SET, "Current", "Degraded", .ours = "Healthy"},
    {"stuck: an image cannot be pulled", IN_PLACE("3"),
        "bbbbb new pending waiting:ImagePullBackOff; ccccc old ready; ddddd old ready", "", OLD_SET, "InProgress",
        "Degraded", .ours = "Progressing"},
    {"stuck: no node for it", PLAIN("1"), "bbbbb new fresh pending nodeless unschedulable state:PreparingNormal", "",
        NEW_SET, "InProgress", "Degraded", .ours = "Progressing"},
    {"stuck: a hook",
        SPEC("1", STRATEGY("ReCreate", "'partition':0") ",'lifecycle':{'preNormal':{'labelsHandler':{'hold':'yes'}}}"),
        "bbbbb new ready state:PreparingNormal", "", NEW_SET, "InProgress", "Degraded", .ours = "Progressing"},
    {"stuck: its node is lost", PLAIN("1"), "bbbbb new unready lost", "", NEW_SET, "InProgress", "Degraded",
        .ours = "Progressing"},
    {"stuck: a quota, with some Pods there", PLAIN("3"), "bbbbb new ready", "", NEW_SET, "InProgress", "Healthy",
        .ours = "Progressing",
        .trouble = {.scale_error = "create-pod web-ccccc: pods \"web-ccccc\" is forbidden: exceeded quota: small"}},
    {"stuck: a quota, and no Pod is there", PLAIN("3"), "", "", NEW_SET, "InProgress", "Healthy", .ours = "Progressing",
        .trouble = {.scale_error = "create-pod web-ccccc: pods \"web-ccccc\" is forbidden: exceeded quota: small"}},
    {"stuck: the claims of a Pod that does not go", SPEC("2", STRATEGY("ReCreate", "'partition':0") "," FX_VCT),
        "bbbbb new ready terminating claims; ccccc new ready claims", "bbbbb; ccccc", NEW_SET, "InProgress", "Healthy",
        .ours = "Progressing"},
    {"the deadline runs", DEADLINE("1"), "bbbbb new unready waiting:CrashLoopBackOff", "", NEW_SET, "InProgress",
        "Degraded", .ours = "Progressing"},
    {"the deadline has passed", DEADLINE("1"), "bbbbb new unready waiting:CrashLoopBackOff", "",
        STARTED EXCEEDED ",{'type':'Reconciling','status':'True','lastUpdateTime':'" LONG_AGO "'}]", "Failed",
        "Degraded", .ours = "Degraded"},
    {"the deadline has passed, and the Pod stirs", DEADLINE("1"), "bbbbb new unready", "",
        STARTED EXCEEDED ",{'type':'Stalled','status':'True','reason':'ProgressDeadlineExceeded'}]", "Failed",
        "Degraded", .ours = "Degraded"},
    {"the deadline has passed, and all is well after all", DEADLINE("1"), "bbbbb new ready", "",
        STARTED EXCEEDED ",{'type':'Stalled','status':'True','reason':'ProgressDeadlineExceeded'}]", "Current",
        "Healthy", .ours = "Healthy"},
    {"the deadline had passed, and a new template tries again", DEADLINE("1"), "bbbbb old unready", "",
        "'observedGeneration':2,'currentRevision':'web-old','conditions':[" EXCEEDED
        ",{'type':'Stalled','status':'True','reason':'ProgressDeadlineExceeded'}]",
        "InProgress", "Degraded", .ours = "Progressing"},
    {"InPlaceOnly that cannot", SPEC("2", STRATEGY("InPlaceOnly", "'partition':0")), "bbbbb old ready; ccccc old ready",
        "", OLD_SET, "Failed", "Degraded", .ours = "Degraded", .tmpl = FX_ENV},
    {"a selector that matches nothing", PLAIN("1"), "", "", NEW_SET, "Failed", "Healthy", .ours = "Degraded",
        .tmpl = "{'metadata':{'labels':{'app':'other'}},'spec':{'containers':[{'name':'c','image':'i'}]}}"},
    {"a broken rule that stops nothing (D15)", PLAIN("1"), "bbbbb new ready", "", NEW_SET, "Current", "Healthy",
        .ours = "Healthy", .trouble = {.violations = BROKEN}},
    {"scale-in: the last one too many", PLAIN("1"), "bbbbb new ready; ccccc new ready since:10", "", NEW_SET,
        "InProgress", "Healthy", .ours = "Progressing"},
    {"zero replicas", PLAIN("0"), "", "", NEW_SET, "Current", "Healthy", .ours = "Healthy"},
    {"zero replicas, a Pod on its way out", PLAIN("0"), "bbbbb new ready terminating", "", NEW_SET, "Current",
        "Healthy", .ours = "Healthy"},
    {"being deleted", PLAIN("1"), "bbbbb new ready", "", NEW_SET, "Terminating", "Healthy", .ours = "Healthy",
        .deleted = true},
};

static void dequote(char *text)
{
    for (; *text; text++)
        *text = *text == '\'' ? '"' : *text;
}

static struct cs_jtree *parse(const char *text)
{
    cs_autofree char *copy = cs_xstrdup(text);
    cs_autojdoc doc = {0};

    dequote(copy);
    if (!cs_jdoc_parse(&doc, copy, strlen(copy), NULL, NULL)) {
        (void)fprintf(stderr, "not JSON: %s\n", copy);
        exit(1);
    }
    return cs_jtree_from(cs_jdoc_root(&doc));
}

static const char *template_of(const struct phase *p)
{
    return p->tmpl ? p->tmpl : FX_NEW;
}

/* The status that a pass of the controller leaves behind. */
static struct cs_jtree *status_of(const struct phase *p)
{
    cs_autofree char *stored = cs_xasprintf("{%s}", p->stored);
    struct cs_jtree *status = parse(stored);
    cs_autostrbuf patch = CS_STRBUF_INIT;
    cs_autojtree *written = NULL;
    struct fx f;

    fx_empty(&f);
    fx_set(&f, p->spec, template_of(p), p->stored);
    fx_revision(&f, "web-old", 1, FX_OLD);
    fx_revision(&f, "web-new", 2, template_of(p));
    fx_rows(&f, p->pods, false);
    fx_rows(&f, p->claims, true);
    f.o.trouble = p->trouble;
    (void)fx_plan(&f);
    const struct cs_status_input in = {.set = f.set,
        .plan = &f.plan,
        .scale_error = p->trouble.scale_error ? p->trouble.scale_error : "",
        .update_error = "",
        .now_ms = FX_NOW};
    if (cs_status_patch(&in, &patch)) {
        written = parse(cs_strbuf_str(&patch));
        for (struct cs_jtree *m = cs_jtree_first(cs_jtree_get(written, "status")); m; m = cs_jtree_next(m))
            cs_jtree_set(status, cs_jtree_key(m), cs_jtree_dup(m));
    }
    fx_done(&f);
    return status;
}

static const char *ready_message(const struct cs_jtree *status)
{
    for (struct cs_jtree *c = cs_jtree_first(cs_jtree_get(status, "conditions")); c; c = cs_jtree_next(c))
        if (cs_streq(cs_jtree_str(cs_jtree_get(c, "type")), "Ready"))
            return cs_jtree_str(cs_jtree_get(c, "message"));
    return "";
}

static void print(const struct phase *p)
{
    cs_autofree char *text = cs_xasprintf(
        "{'apiVersion':'apps.kruise.io/"
        "v1alpha1','kind':'CloneSet','metadata':{'name':'web','namespace':'ns','uid':'u1',"
        "'resourceVersion':'1','generation':%d%s},'spec':{'selector':{'matchLabels':{'app':'web'}},'template':%s,%s}}",
        p->unseen ? 4 : 3, p->deleted ? ",'deletionTimestamp':'" LONG_AGO "'" : "", template_of(p), p->spec);
    struct cs_jtree *object = parse(text);
    cs_autojtree *line = cs_jtree_new_obj();
    cs_autostrbuf out = CS_STRBUF_INIT;

    cs_jtree_set(line, "phase", cs_jtree_new_str(p->name));
    cs_jtree_set(line, "kstatus", cs_jtree_new_str(p->kstatus));
    cs_jtree_set(line, "argo", cs_jtree_new_str(p->argo));
    cs_jtree_set(line, "ours", cs_jtree_new_str(p->ours));
    if (p->stored) {
        struct cs_jtree *status = cs_jtree_set(object, "status", status_of(p));

        cs_jtree_set(line, "ready", cs_jtree_new_str(ready_message(status)));
    }
    cs_jtree_set(line, "object", object);
    cs_jtree_print(line, &out, false);
    printf("%s\n", cs_strbuf_str(&out));
}

int main(void)
{
    for (size_t i = 0; i < CS_ARRAY_LEN(phases); i++)
        print(&phases[i]);
    return 0;
}
