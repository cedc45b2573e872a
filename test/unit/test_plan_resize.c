/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changing cpu and memory of running Pods (gate InPlaceWorkloadVerticalScaling, spec §6.4, §9), step by step; claim templates
 * that force a recreation (gate RecreatePodWhenChangeVCTInCloneSetGate); and short hashes in the planner.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "test/unit/plan_fixture.h"

#define RES(limit, request)                                                                                            \
    "{'limits':{'cpu':'" limit "','memory':'2Gi'},'requests':{'cpu':'" request "','memory':'1Gi'}}"
#define TEMPLATE(image, resources, more)                                                                               \
    "{'metadata':{'labels':{'app':'web'}},'spec':{'containers':[{'name':'c','image':'" image                           \
    "','resources':" resources more "}]}}"
#define OLD TEMPLATE("nginx:1", RES("2", "1"), "")
#define NEW TEMPLATE("nginx:1", RES("3", "1"), "")
#define RESTART ",'resizePolicy':[{'resourceName':'cpu','restartPolicy':'RestartContainer'}]"

/* What a Pod of "web" shows; NULL members as a Pod at rest at the old revision has them. */
struct pod {
    const char *revision; /* "web-old" */
    const char *state; /* "Normal" */
    const char *annotation; /* of the in-place state, or none */
    const char *image; /* nginx:1 */
    const char *spec, *status; /* resources of container c: RES("2", "1"); status "none": not reported */
    const char *sidecar; /* resources of an injected container, or no such container */
    const char *conditions; /* more of them, each with a comma in front */
    const char *gate; /* "True" */
    const char *init; /* init containers */
};

#define OR(value, otherwise) ((value) ? (value) : (otherwise))

static void add_pod(struct fx *f, const struct pod *p)
{
    uint32_t i = f->o.n_pods++;
    const char *spec = OR(p->spec, RES("2", "1"));
    const char *reported = OR(p->status, spec);
    bool silent = cs_streq(reported, "none");
    cs_autojdoc doc = {0};
    struct cs_error err = CS_ERROR_INIT;
    cs_autofree char *anno = cs_xstrdup(OR(p->annotation, ""));
    cs_autofree char *json = NULL;

    for (char *c = anno; *c; c++) /* the annotation is text in text */
        *c = *c == '\'' ? '`' : *c;
    json = cs_xasprintf(
        "{'metadata':{'name':'web-%05u','namespace':'ns','uid':'p-%u','resourceVersion':'20','labels':{'app':'web',"
        "'apps.kruise.io/cloneset-instance-id':'%05u','controller-revision-hash':'%s','pod-template-hash':'x',"
        "'lifecycle.apps.kruise.io/state':'%s'},'annotations':{'" CS_ANNO_INPLACE_STATE "':'%s'},'ownerReferences':[{"
        "'apiVersion':'apps.kruise.io/v1alpha1','kind':'CloneSet','name':'web','uid':'u1','controller':true}]},"
        "'spec':{'nodeName':'n1','readinessGates':[{'conditionType':'InPlaceUpdateReady'}],'initContainers':[%s],"
        "'containers':[{'name':'c','image':'%s','resources':%s}%s%s%s]},"
        "'status':{'phase':'Running','conditions':[{'type':'Ready','status':'%s'},{'type':'InPlaceUpdateReady',"
        "'status':'%s'}%s],'containerStatuses':[{'name':'c','image':'nginx:1','imageID':'sha256:1','containerID':'x://"
        "1',"
        "'state':{'running':{'startedAt':'2025-01-01T00:00:00Z'}}%s%s}]}}",
        i, i, i, OR(p->revision, "web-old"), OR(p->state, "Normal"), anno, OR(p->init, ""), OR(p->image, "nginx:1"),
        spec, p->sidecar ? ",{'name':'side','image':'s:1','resources':" : "", OR(p->sidecar, ""), p->sidecar ? "}" : "",
        OR(p->gate, "True"), OR(p->gate, "True"), OR(p->conditions, ""),
        silent ? "" : ",'resources':", silent ? "" : reported);
    for (char *c = json; *c; c++)
        *c = *c == '\'' ? '"' : *c;
    cs_autostrbuf text = CS_STRBUF_INIT;
    for (const char *c = json; *c; c++)
        cs_strbuf_adds(&text, *c == '`' ? "\\\"" : (char[2]){*c, '\0'});
    if (!cs_jdoc_parse(&doc, text.data, text.len, NULL, &err))
        fail_msg("%s in: %s", err.message, text.data);
    f->pods[i] = cs_pod_decode(f->pool, cs_jdoc_root(&doc), &err);
    if (!f->pods[i])
        fail_msg("%s", err.message);
    f->vpods[i] = (struct cs_view_pod){
        .pod = f->pods[i], .name = f->pods[i]->meta.name, .id = f->pods[i]->id, .revision = f->pods[i]->revision};
}

static void world(struct fx *f, const char *spec, const char *was, const char *is)
{
    fx_empty(f);
    fx_set(f, spec, is, "'currentRevision':'web-old'");
    fx_revision(f, "web-old", 1, was);
    fx_revision(f, "web-new", 2, is);
    f->gates.vertical_scaling = true;
}

#define IF_POSSIBLE "'replicas':1,'updateStrategy':{'type':'InPlaceIfPossible'}"
#define ONLY "'replicas':1,'updateStrategy':{'type':'InPlaceOnly'}"
#define GRACE                                                                                                          \
    "'replicas':1,'updateStrategy':{'type':'InPlaceIfPossible','inPlaceUpdateStrategy':{'gracePeriodSeconds':9}}"

/* Of the first action; "" when there is none. */
static const char *flags_of(const struct fx *f, char buf[64])
{
    const struct cs_action *a = f->plan.n > 0 ? &f->plan.actions[0] : NULL;

    (void)snprintf(buf, 64, "%s%s%s", a && a->serving ? "serving " : "", a && a->resize ? "resize " : "",
        a && a->number ? "grace" : "");
    return buf;
}

#define STATE(revision, members) "{'revision':'" revision "','updateTimestamp':'2025-01-02T10:00:00Z'," members "}"
#define ASKED(cpu)                                                                                                     \
    STATE("web-new", "'lastContainerStatuses':null,'updateResources':true,'containerResources':{'c':{'limits':{"       \
                     "'cpu':'" cpu "'}}}")
static const struct {
    const char *when, *spec, *was, *is;
    struct pod pod;
    const char *then, *flags;
} step_rows[] = {
    {"resources alone: the Pod stays in service", IF_POSSIBLE, OLD, NEW, {.state = NULL}, "inplace-apply 00000",
        "serving resize "},
    {"no grace period then: nothing has to drain", GRACE, OLD, NEW, {.state = NULL}, "inplace-apply 00000",
        "serving resize "},
    {"InPlaceOnly, where the webhook was absent", ONLY, OLD, NEW, {.state = NULL}, "inplace-apply 00000",
        "serving resize "},
    {"with a restart: out of service first", IF_POSSIBLE, TEMPLATE("nginx:1", RES("2", "1"), RESTART),
        TEMPLATE("nginx:1", RES("3", "1"), RESTART), {.state = NULL}, "gate-off 00000", ""},
    {"then it changes", IF_POSSIBLE, TEMPLATE("nginx:1", RES("2", "1"), RESTART),
        TEMPLATE("nginx:1", RES("3", "1"), RESTART), {.gate = "False"}, "inplace-apply 00000", "resize "},
    {"after its grace period", GRACE, TEMPLATE("nginx:1", RES("2", "1"), RESTART),
        TEMPLATE("nginx:1", RES("3", "1"), RESTART), {.gate = "False"}, "inplace-start 00000", "resize grace"},
    {"with an image: out of service first", IF_POSSIBLE, OLD, TEMPLATE("nginx:2", RES("3", "1"), ""), {.state = NULL},
        "gate-off 00000", ""},
    {"image and labels in one patch, the resize later", IF_POSSIBLE, OLD, TEMPLATE("nginx:2", RES("3", "1"), ""),
        {.gate = "False"}, "inplace-apply 00000", "resize "},
    {"the patch is through: its values are sent", IF_POSSIBLE, OLD, NEW,
        {.revision = "web-new", .state = "Updating", .annotation = ASKED("3")}, "resize 00000", ""},
    {"also while the set is paused, and a restart may lie between",
        "'replicas':1,'updateStrategy':{'type':'InPlaceIfPossible','paused':true}", OLD, NEW,
        {.revision = "web-new", .state = "Updating", .annotation = ASKED("3")}, "resize 00000", ""},
    {"the spec shows them: the kubelet is waited for", IF_POSSIBLE, OLD, NEW,
        {.revision = "web-new",
            .state = "Updating",
            .annotation = ASKED("3"),
            .spec = RES("3", "1"),
            .status = RES("2", "1")},
        "", ""},
    {"it reports them: done", IF_POSSIBLE, OLD, NEW,
        {.revision = "web-new", .state = "Updating", .annotation = ASKED("3"), .spec = RES("3", "1")},
        "refresh 00000 Normal", ""},
    {"in another spelling", IF_POSSIBLE, OLD, NEW,
        {.revision = "web-new",
            .state = "Updating",
            .annotation = ASKED("3"),
            .spec = RES("3", "1"),
            .status = RES("3000m", "1000m")},
        "refresh 00000 Normal", ""},
    {"a kubelet that reports nothing is not waited for", IF_POSSIBLE, OLD, NEW,
        {.revision = "web-new", .state = "Updating", .annotation = ASKED("3"), .spec = RES("3", "1"), .status = "none"},
        "refresh 00000 Normal", ""},
    {"the image is not there yet, the resize is sent all the same", IF_POSSIBLE, OLD,
        TEMPLATE("nginx:2", RES("3", "1"), ""),
        {.revision = "web-new",
            .state = "Updating",
            .gate = "False",
            .image = "nginx:2",
            .annotation = STATE("web-new",
                "'lastContainerStatuses':{'c':{'imageID':'sha256:1','containerID':'x://1'}},'updateImages':true,"
                "'updateResources':true,'containerResources':{'c':{'limits':{'cpu':'3'}}}")},
        "resize 00000", ""},
    {"both are under way", IF_POSSIBLE, OLD, TEMPLATE("nginx:2", RES("3", "1"), ""),
        {.revision = "web-new",
            .state = "Updating",
            .gate = "False",
            .image = "nginx:2",
            .spec = RES("3", "1"),
            .annotation = STATE("web-new",
                "'lastContainerStatuses':{'c':{'imageID':'sha256:1','containerID':'x://1'}},'updateImages':true,"
                "'updateResources':true,'containerResources':{'c':{'limits':{'cpu':'3'}}}")},
        "", ""},
    {"at rest somebody else may resize it: it is not taken back", IF_POSSIBLE, OLD, NEW,
        {.revision = "web-new", .annotation = ASKED("3"), .spec = RES("4", "1")}, "", ""},
    {"a mark of another revision asks for nothing", IF_POSSIBLE, OLD, NEW,
        {.revision = "web-new",
            .state = "Updating",
            .annotation = STATE("web-x", "'updateResources':true,'containerResources':{'c':{'limits':{'cpu':'3'}}}"),
            .status = "none"},
        "", ""},
    {"the peer's mark: its containers' values are compared", IF_POSSIBLE, OLD, NEW,
        {.revision = "web-new",
            .state = "Updating",
            .spec = RES("3", "1"),
            .status = RES("2", "1"),
            .annotation = STATE("web-new", "'lastContainerStatuses':null,'updateResources':true,'"
                                           "containerBatchesRecord':[{'containers':['c']}]")},
        "", ""},
    {"the peer's, and they agree", IF_POSSIBLE, OLD, NEW,
        {.revision = "web-new",
            .state = "Updating",
            .spec = RES("3", "1"),
            .annotation = STATE("web-new", "'lastContainerStatuses':null,'updateResources':true,'"
                                           "containerBatchesRecord':[{'containers':['c']}]")},
        "refresh 00000 Normal", ""},
};

static void spec_9_resize_step_by_step(void **state)
{
    (void)state;
    for (size_t i = 0; i < CS_ARRAY_LEN(step_rows); i++) {
        struct fx f;
        char flags[64];

        world(&f, step_rows[i].spec, step_rows[i].was, step_rows[i].is);
        add_pod(&f, &step_rows[i].pod);
        if (strcmp(fx_plan(&f), step_rows[i].then) != 0 || strcmp(flags_of(&f, flags), step_rows[i].flags) != 0)
            fail_msg("when %s:\n  planned: %s (%s)\n  wanted:  %s (%s)", step_rows[i].when, f.text, flags,
                step_rows[i].then, step_rows[i].flags);
        fx_done(&f);
    }
}

/* A newer revision, or the old one again, takes over what had not been sent. */
static void an_overtaken_resize_is_handed_on(void **state)
{
    static const struct {
        const char *when, *was, *is;
        bool gate;
        struct pod pod;
        const char *then, *flags;
    } rows[] = {
        {"rolled back before it was sent", NEW, OLD, true,
            {.revision = "web-old", .state = "Updating", .annotation = ASKED("3")}, "inplace-apply 00000",
            "serving resize "},
        {"an image comes next", NEW, TEMPLATE("nginx:2", RES("3", "1"), ""), true,
            {.revision = "web-old",
                .state = "Updating",
                .gate = "False",
                .annotation =
                    STATE("web-old", "'updateResources':true,'containerResources':{'c':{'limits':{'cpu':'3'}}}")},
            "inplace-apply 00000", "resize "},
        {"the gate was turned off meanwhile: what was begun is ended", NEW, TEMPLATE("nginx:2", RES("3", "1"), ""),
            false,
            {.revision = "web-old",
                .state = "Updating",
                .gate = "False",
                .annotation =
                    STATE("web-old", "'updateResources':true,'containerResources':{'c':{'limits':{'cpu':'3'}}}")},
            "inplace-apply 00000", "resize "},
        {"nothing was open", NEW, TEMPLATE("nginx:2", RES("3", "1"), ""), true,
            {.revision = "web-old", .spec = RES("3", "1"), .gate = "False"}, "inplace-apply 00000", ""},
    };

    (void)state;
    for (size_t i = 0; i < CS_ARRAY_LEN(rows); i++) {
        struct fx f;
        char flags[64];

        world(&f, IF_POSSIBLE, rows[i].was, rows[i].is);
        f.gates.vertical_scaling = rows[i].gate;
        add_pod(&f, &rows[i].pod);
        if (strcmp(fx_plan(&f), rows[i].then) != 0 || strcmp(flags_of(&f, flags), rows[i].flags) != 0)
            fail_msg("when %s:\n  planned: %s (%s)\n  wanted:  %s (%s)", rows[i].when, f.text, flags, rows[i].then,
                rows[i].flags);
        fx_done(&f);
    }
}

/* Spec §6.4: the QoS class of the Pod as it is, and whether its node resizes at all; U-18, U-19. */
static void spec_6_4_what_forces_a_recreation(void **state)
{
#define GUARANTEED "{'limits':{'cpu':'2','memory':'1Gi'},'requests':{'cpu':'2','memory':'1Gi'}}"
    static const struct {
        const char *when, *was, *is;
        struct pod pod;
        bool gate;
        const char *then, *note;
    } rows[] = {
        {"gate off: resources recreate", OLD, NEW, {.state = NULL}, false, "mark-recreate 00000",
            "because of spec.template.spec.containers[0].resources.limits[cpu]: \"2\" -> \"3\""},
        {"the template's QoS class would change", OLD, TEMPLATE("nginx:1", GUARANTEED, ""), {.state = NULL}, true,
            "mark-recreate 00000", "(a Pod keeps its QoS class)"},
        {"the Pod's would: somebody gave it less than the template says",
            TEMPLATE("nginx:1", "{'limits':{'cpu':'4','memory':'2Gi'},'requests':{'cpu':'1','memory':'1Gi'}}", ""),
            TEMPLATE("nginx:1", "{'limits':{'cpu':'3','memory':'2Gi'},'requests':{'cpu':'1','memory':'1Gi'}}", ""),
            {.spec = "{'limits':{'cpu':'2','memory':'2Gi'},'requests':{'cpu':'3','memory':'2Gi'}}"}, true,
            "mark-recreate 00000", "of the resources of pod web-00000: its QoS class would change"},
        {"an injected container keeps it Burstable",
            TEMPLATE("nginx:1", "{'limits':{'cpu':'4','memory':'2Gi'},'requests':{'cpu':'1','memory':'1Gi'}}", ""),
            TEMPLATE("nginx:1", "{'limits':{'cpu':'3','memory':'2Gi'},'requests':{'cpu':'1','memory':'1Gi'}}", ""),
            {.spec = "{'limits':{'cpu':'2','memory':'2Gi'},'requests':{'cpu':'3','memory':'2Gi'}}", .sidecar = "{}"},
            true, "inplace-apply 00000", NULL},
        {"an init container does, too",
            TEMPLATE("nginx:1", "{'limits':{'cpu':'4','memory':'2Gi'},'requests':{'cpu':'1','memory':'1Gi'}}", ""),
            TEMPLATE("nginx:1", "{'limits':{'cpu':'3','memory':'2Gi'},'requests':{'cpu':'1','memory':'1Gi'}}", ""),
            {.spec = "{'limits':{'cpu':'2','memory':'2Gi'},'requests':{'cpu':'3','memory':'2Gi'}}",
                .init = "{'name':'i','resources':{'limits':{'cpu':'1'}}}"},
            true, "inplace-apply 00000", NULL},
        {"its node reports no resources", OLD, NEW, {.status = "none"}, true, "mark-recreate 00000",
            "its node does not report the resources of containers"},
        {"U-18: an injected container is nobody's change", OLD, TEMPLATE("nginx:2", RES("2", "1"), ""),
            {.sidecar = "{'limits':{'cpu':'7'}}"}, true, "gate-off 00000", NULL},
        {"anything else besides", OLD, TEMPLATE("nginx:1", RES("3", "1"), ",'tty':true"), {.state = NULL}, true,
            "mark-recreate 00000", "spec.template.spec.containers[0].tty"},
    };

    (void)state;
    for (size_t i = 0; i < CS_ARRAY_LEN(rows); i++) {
        struct fx f;

        world(&f, IF_POSSIBLE, rows[i].was, rows[i].is);
        f.gates.vertical_scaling = rows[i].gate;
        add_pod(&f, &rows[i].pod);
        if (strcmp(fx_plan(&f), rows[i].then) != 0)
            fail_msg("when %s:\n  planned: %s\n  wanted:  %s", rows[i].when, f.text, rows[i].then);
        if (rows[i].note ? f.plan.n_notes != 1 || !strstr(f.plan.notes[0].message, rows[i].note) : f.plan.n_notes != 0)
            fail_msg("when %s: %s", rows[i].when, f.plan.n_notes ? f.plan.notes[0].message : "(nothing said)");
        fx_done(&f);
    }
}

/* What keeps the kubelet from it is told, and nothing is sent again and again. */
static void a_resize_that_waits_says_why(void **state)
{
    static const struct {
        const char *conditions, *reason;
        bool failed;
    } rows[] = {
        {",{'type':'PodResizePending','status':'True','reason':'Deferred'}", "ResizeDeferred", false},
        {",{'type':'PodResizePending','status':'True','reason':'Infeasible'}", "ResizeInfeasible", true},
        {",{'type':'PodResizeInProgress','status':'True','reason':'Error'}", "ResizeFailed", true},
        {",{'type':'PodResizeInProgress','status':'True','reason':'Error'},{'type':'PodResizePending','status':'True',"
         "'reason':'Deferred'}",
            "ResizeDeferred", false},
        {",{'type':'PodResizeInProgress','status':'True'}", NULL, false},
        {",{'type':'PodResizePending','status':'False','reason':'Infeasible'}", NULL, false},
        {"", NULL, false},
    };

    (void)state;
    for (size_t i = 0; i < CS_ARRAY_LEN(rows); i++) {
        struct fx f;

        world(&f, IF_POSSIBLE, OLD, NEW);
        add_pod(&f, &(struct pod){.revision = "web-new",
                        .state = "Updating",
                        .annotation = ASKED("3"),
                        .spec = RES("3", "1"),
                        .status = RES("2", "1"),
                        .conditions = rows[i].conditions});
        assert_string_equal(fx_plan(&f), "");
        assert_int_equal(f.plan.n_notes, rows[i].reason != NULL);
        if (rows[i].reason)
            assert_string_equal(f.plan.notes[0].reason, rows[i].reason);
        assert_int_equal(f.plan.failed_update[0] != '\0', rows[i].failed);
        fx_done(&f);
        /* At rest the same conditions are somebody else's business. */
        world(&f, IF_POSSIBLE, OLD, NEW);
        add_pod(&f, &(struct pod){.revision = "web-new",
                        .annotation = ASKED("3"),
                        .spec = RES("3", "1"),
                        .status = RES("2", "1"),
                        .conditions = rows[i].conditions});
        assert_string_equal(fx_plan(&f), "");
        assert_int_equal(f.plan.n_notes, 0);
        fx_done(&f);
    }
}

/* Spec §6.2, §5.3: a Pod that is being resized counts as unavailable, so a stuck resize stops the rollout. */
static void spec_6_2_a_stuck_resize_stops_the_rollout(void **state)
{
    struct fx f;

    (void)state;
    world(&f, "'replicas':2,'updateStrategy':{'type':'InPlaceIfPossible','maxUnavailable':1}", OLD, NEW);
    add_pod(&f, &(struct pod){.revision = "web-new",
                    .state = "Updating",
                    .annotation = ASKED("3"),
                    .spec = RES("3", "1"),
                    .status = RES("2", "1")});
    add_pod(&f, &(struct pod){.state = NULL});
    assert_string_equal(fx_plan(&f), "");
    assert_int_equal(f.plan.status.ready, 2); /* it serves all the same */
    assert_int_equal(f.plan.status.available, 1);
    fx_done(&f);
}

/* ---- RecreatePodWhenChangeVCTInCloneSetGate ---- */

static void set_hashes(struct fx *f, const char *old_hash, const char *new_hash)
{
    f->revs[0]->vct_hash = old_hash ? cs_intern_str(f->pool, cs_str(old_hash)) : NULL;
    f->revs[1]->vct_hash = new_hash ? cs_intern_str(f->pool, cs_str(new_hash)) : NULL;
}

static void spec_6_4_claim_templates_force_a_recreation_under_their_gate(void **state)
{
    static const struct {
        const char *when, *spec, *was, *is;
        bool gate;
        const char *then;
    } rows[] = {
        {"they differ", IF_POSSIBLE, "1", "2", true, "mark-recreate bbbbb"},
        {"the first claim templates", IF_POSSIBLE, "", "2", true, "mark-recreate bbbbb"},
        {"they agree", IF_POSSIBLE, "1", "1", true, "gate-off bbbbb"},
        {"one revision has no hash (an older writer)", IF_POSSIBLE, NULL, "2", true, "gate-off bbbbb"},
        {"the other one", IF_POSSIBLE, "1", NULL, true, "gate-off bbbbb"},
        {"InPlaceOnly", ONLY, "1", "2", true, "gate-off bbbbb"},
        {"gate off", IF_POSSIBLE, "1", "2", false, "gate-off bbbbb"},
    };

    (void)state;
    for (size_t i = 0; i < CS_ARRAY_LEN(rows); i++) {
        struct fx f;

        fx_init(&f, rows[i].spec);
        f.gates.recreate_on_claim_templates = rows[i].gate;
        set_hashes(&f, rows[i].was, rows[i].is);
        fx_rows(&f, "bbbbb old ready", false);
        if (strcmp(fx_plan(&f), rows[i].then) != 0)
            fail_msg("when %s:\n  planned: %s\n  wanted:  %s", rows[i].when, f.text, rows[i].then);
        if (strstr(rows[i].then, "recreate")) {
            assert_int_equal(f.plan.n_notes, 1);
            assert_non_null(strstr(f.plan.notes[0].message, "because of spec.volumeClaimTemplates"));
        }
        fx_done(&f);
    }
}

/* Spec §4.3: claim templates alone make no revision, so there is nothing to update to. */
static void spec_4_3_claim_templates_alone_change_nothing(void **state)
{
    struct fx f;

    (void)state;
    fx_init(&f, IF_POSSIBLE "," FX_VCT);
    f.gates.recreate_on_claim_templates = true;
    set_hashes(&f, "1", "2");
    fx_rows(&f, "bbbbb new ready claims", false);
    fx_rows(&f, "bbbbb", true);
    assert_string_equal(fx_plan(&f), "");
    fx_done(&f);
}

/* ---- CloneSetShortHash ---- */

/* Spec §4.3: both forms of the label are the same revision, so turning the gate on or off changes no Pod. */
static void spec_1_5_both_forms_of_the_label_are_equal(void **state)
{
    (void)state;
    for (int on = 0; on < 2; on++) {
        struct fx f;

        fx_init(&f, "'replicas':2," FX_INPLACE);
        f.gates.short_hash = on;
        fx_rows(&f, "bbbbb new ready; ccccc new ready", false);
        f.vpods[0].revision = "new"; /* of "web-new" */
        assert_string_equal(fx_plan(&f), "");
        assert_int_equal(f.plan.status.updated, 2);
        assert_string_equal(f.plan.status.current_revision, "web-new");
        f.vpods[1].revision = "old";
        f.set->spec.paused = true;
        assert_string_equal(fx_plan(&f), "");
        assert_int_equal(f.plan.status.updated, 1);
        fx_done(&f);
    }
}

/* ---- flag --cloneset-scaling-exclude-preparing-delete ---- */

static void spec_5_2_preparing_delete_is_not_counted_with_the_flag(void **state)
{
    (void)state;
    for (int on = 0; on < 2; on++) {
        struct fx f;

        fx_init(&f, "'replicas':2");
        f.o.exclude_preparing = on;
        fx_rows(&f, "bbbbb new ready; ccccc new ready state:PreparingDelete specified", false);
        (void)fx_plan(&f);
        assert_int_equal(strstr(f.text, "create-pod") != NULL, on);
        fx_done(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spec_9_resize_step_by_step),
        cmocka_unit_test(an_overtaken_resize_is_handed_on),
        cmocka_unit_test(spec_6_4_what_forces_a_recreation),
        cmocka_unit_test(a_resize_that_waits_says_why),
        cmocka_unit_test(spec_6_2_a_stuck_resize_stops_the_rollout),
        cmocka_unit_test(spec_6_4_claim_templates_force_a_recreation_under_their_gate),
        cmocka_unit_test(spec_4_3_claim_templates_alone_change_nothing),
        cmocka_unit_test(spec_1_5_both_forms_of_the_label_are_equal),
        cmocka_unit_test(spec_5_2_preparing_delete_is_not_counted_with_the_flag),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
