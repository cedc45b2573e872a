/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The verdict on a set and the line that says what it waits for (docs/status.md; users.md U-03, U-40, section 6 items 3 and 4),
 * and the condition Progressing (spec §7.4).
 */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "controller/plan/blockers.h"
#include "test/unit/plan_fixture.h"

struct row {
    const char *when;
    const char *spec, *pods, *claims;
    struct cs_trouble trouble;
    const char *then; /* "<verdict> <reason>: <message>" */
};

static const char *verdict_name(enum cs_verdict v)
{
    return v == CS_VERDICT_CURRENT ? "Current" : v == CS_VERDICT_FAILED ? "Failed" : "InProgress";
}

/* The verdict of the plan, whole. */
static void expect(const char *when, struct fx *f, const char *then)
{
    const struct cs_status_plan *st = &f->plan.status;
    cs_autofree char *got = cs_xasprintf("%s %s: %s", verdict_name(st->verdict), st->reason, st->message);

    if (strcmp(got, then) != 0)
        fail_msg("when %s:\n  got:    %s\n  wanted: %s", when, got, then);
    assert_true(strlen(st->message) < CS_STATUS_TEXT);
}

static void run(const struct row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct fx f;

        fx_init(&f, rows[i].spec);
        fx_rows(&f, rows[i].pods, false);
        fx_rows(&f, rows[i].claims, true);
        f.o.trouble = rows[i].trouble;
        (void)fx_plan(&f);
        expect(rows[i].when, &f, rows[i].then);
        fx_done(&f);
    }
}
#define RUN(rows) run(rows, CS_ARRAY_LEN(rows))

#define UPDATE(members) "'updateStrategy':{" members "}"

static void kstatus_current_is_what_the_spec_asks_for_now(void **state)
{
    static const struct row rows[] = {
        {"all is done", "'replicas':2", "bbbbb new ready; ccccc new ready", "", {0},
            "Current Available: all Pods are available (2)"},
        {"nothing is wanted", "'replicas':0", "", "", {0}, "Current Available: no Pods are wanted, and none are there"},
        {"nothing is wanted, and the last Pod is on its way out", "'replicas':0", "bbbbb new ready terminating", "",
            {0}, "Current Available: no Pods are wanted, and none are there"},
        {"the partition is reached, as for a StatefulSet", "'replicas':3," UPDATE("'partition':2"),
            "bbbbb new ready; ccccc old ready; ddddd old ready", "", {0},
            "Current PartitionReached: partition reached with 1 of 3 Pods at the update revision; all are available"},
        {"all is kept back by the partition", "'replicas':2," UPDATE("'partition':'100%'"),
            "bbbbb old ready; ccccc old ready", "", {0},
            "Current PartitionReached: partition reached with 0 of 2 Pods at the update revision; all are available"},
        {"paused with old Pods, all well", "'replicas':2," UPDATE("'paused':true"), "bbbbb new ready; ccccc old ready",
            "", {0}, "Current Paused: paused with 1 of 2 Pods at the update revision; all are available"},
        {"paused with nothing left to do", "'replicas':1," UPDATE("'paused':true"), "bbbbb new ready", "", {0},
            "Current Available: all Pods are available (1)"},
        {"OnDelete with old Pods, as for a StatefulSet", "'replicas':2," UPDATE("'type':'OnDelete'"),
            "bbbbb new ready; ccccc old ready", "", {0},
            "Current OnDelete: 1 of 2 Pods are at the update revision, the others as soon as somebody deletes them; "
            "all are available"},
        {"an old object breaks a rule (D15): not frozen, and told", "'replicas':1,'revisionHistoryLimit':-1",
            "bbbbb new ready", "", {.violations = "spec.revisionHistoryLimit: Invalid value: -1"},
            "Current Available: all Pods are available (1); the spec breaks rules of admission: "
            "spec.revisionHistoryLimit: Invalid value: -1"},
        {"an error that was overcome", "'replicas':1", "bbbbb new ready", "", {.scale_error = "quota"},
            "Current Available: all Pods are available (1)"},
    };

    (void)state;
    RUN(rows);
}

static void u_40_the_pod_that_holds_it_up_and_why(void **state)
{
    static const struct row rows[] = {
        {"Pods are to be created", "'replicas':5", "", "", {0}, "InProgress Scaling: 0 of 5 Pods are there"},
        {"and one is on its way", "'replicas':1", "bbbbb new busy:create", "", {0},
            "InProgress Scaling: 0 of 1 Pods are there"},
        {"no node yet", "'replicas':1", "bbbbb new fresh pending nodeless state:PreparingNormal", "", {0},
            "InProgress PodsStarting: Pod web-bbbbb waits to be scheduled"},
        {"no node can have it", "'replicas':1", "bbbbb new fresh pending nodeless unschedulable state:PreparingNormal",
            "", {0},
            "InProgress PodsUnschedulable: Pod web-bbbbb cannot be scheduled: 0/3 nodes are available: 3 Insufficient "
            "cpu."},
        {"it is starting", "'replicas':2",
            "bbbbb new pending waiting:ContainerCreating; ccccc new pending waiting:ContainerCreating", "", {0},
            "InProgress PodsStarting: Pod web-bbbbb is starting (ContainerCreating), and 1 more"},
        {"it runs and is not Ready", "'replicas':1", "bbbbb new unready", "", {0},
            "InProgress PodsStarting: Pod web-bbbbb is not Ready"},
        {"an image cannot be pulled; which is worse than starting, whatever the name", "'replicas':3",
            "bbbbb new unready; ccccc new pending waiting:ImagePullBackOff; ddddd new pending waiting:InvalidImageName",
            "", {0}, "InProgress PodsFailing: Pod web-ccccc: container c: ImagePullBackOff (nginx:2), and 1 more"},
        {"the kubelet's to and fro makes no other message", "'replicas':1", "bbbbb new pending waiting:ErrImagePull",
            "", {0}, "InProgress PodsFailing: Pod web-bbbbb: container c: ImagePullBackOff (nginx:2)"},
        {"a container crashes", "'replicas':1", "bbbbb new unready waiting:CrashLoopBackOff restarts:7", "", {0},
            "InProgress PodsFailing: Pod web-bbbbb: container c: CrashLoopBackOff"},
        {"its node is lost", "'replicas':1", "bbbbb new unready lost node:n7", "", {0},
            "InProgress NodeNotReady: Pod web-bbbbb: its node n7 is NotReady or gone"},
        {"it is too young: no seconds are counted down", "'replicas':1,'minReadySeconds':30",
            "bbbbb new ready since:29", "", {0},
            "InProgress MinReadySeconds: Pod web-bbbbb is Ready, and available once it has been so for minReadySeconds "
            "(30)"},
        {"a state of somebody else's", "'replicas':1", "bbbbb new ready state:Odd", "", {0},
            "InProgress PodsFailing: Pod web-bbbbb: its label lifecycle.apps.kruise.io/state is not one of the known "
            "states"},
        {"one too many", "'replicas':1", "bbbbb new ready; ccccc new ready since:10", "", {0},
            "InProgress PodsTerminating: Pod web-ccccc is being deleted"},
        {"asked to go, but too few are available", "'replicas':3",
            "bbbbb new ready specified; ccccc new unready; ddddd new ready", "", {0},
            "InProgress PodsStarting: Pod web-ccccc is not Ready; deletions that wait for "
            "updateStrategy.maxUnavailable: 1"},
        {"asked to go, and nothing may ever be unavailable", "'replicas':1," UPDATE("'maxUnavailable':0"),
            "bbbbb new ready specified", "", {0},
            "InProgress DeletionLimited: Pod web-bbbbb is to be deleted as soon as maxUnavailable allows it; deletions "
            "that wait for updateStrategy.maxUnavailable: 1"},
        {"its replacement waits for its claims (D1)", "'replicas':1," FX_VCT, "bbbbb new ready terminating claims",
            "bbbbb", {0},
            "InProgress WaitingForClaims: Pod web-bbbbb is Terminating; its replacement waits for its id and claims"},
    };

    (void)state;
    RUN(rows);
}

static void u_40_hooks(void **state)
{
    static const struct row rows[] = {
        {"preDelete: the label is still there",
            "'replicas':1,'lifecycle':{'preDelete':{'labelsHandler':{'hold':'yes'}}}",
            "bbbbb new ready hold state:PreparingDelete", "", {0},
            "InProgress WaitingForHook: Pod web-bbbbb waits at the preDelete hook until label hold=yes is removed"},
        {"inPlaceUpdate: the label is still there",
            "'replicas':1,'lifecycle':{'inPlaceUpdate':{'labelsHandler':{'hold':'yes'}}}," FX_INPLACE,
            "bbbbb old unready hold state:PreparingUpdate", "", {0},
            "InProgress WaitingForHook: Pod web-bbbbb waits at the inPlaceUpdate hook until label hold=yes is removed; "
            "updates that wait for updateStrategy.maxUnavailable: 1"},
        {"Updated: a finalizer is not back yet",
            "'replicas':1,'lifecycle':{'inPlaceUpdate':{'finalizersHandler':['example.com/drain']}}",
            "bbbbb new ready state:Updated", "", {0},
            "InProgress WaitingForHook: Pod web-bbbbb waits at the inPlaceUpdate hook until finalizer "
            "example.com/drain is put back"},
        {"preNormal: the label is not there yet",
            "'replicas':1,'lifecycle':{'preNormal':{'labelsHandler':{'hold':'yes'}}}",
            "bbbbb new ready state:PreparingNormal", "", {0},
            "InProgress WaitingForHook: Pod web-bbbbb waits at the preNormal hook until label hold=yes is set"},
        {"preNormal: it is", "'replicas':1,'lifecycle':{'preNormal':{'labelsHandler':{'hold':'yes'}}}",
            "bbbbb new unready hold state:PreparingNormal", "", {0},
            "InProgress PodsStarting: Pod web-bbbbb is not Ready"},
    };

    (void)state;
    RUN(rows);
}

static void u_03_limits_and_what_waits_for_them(void **state)
{
    static const struct row rows[] = {
        {"creation is limited", "'replicas':6,'scaleStrategy':{'maxUnavailable':2}",
            "bbbbb new unready; ccccc new unready; ddddd new ready", "", {0},
            "InProgress PodsStarting: Pod web-bbbbb is not Ready, and 1 more; Pods not created yet because of "
            "scaleStrategy.maxUnavailable: 3"},
        {"U-03: the budget is used up by Pods that are not there", "'replicas':6,'scaleStrategy':{'maxUnavailable':1}",
            "bbbbb old unready; ccccc old ready; ddddd old ready", "", {0},
            "InProgress PodsStarting: Pod web-bbbbb is not Ready; Pods not created yet because of "
            "scaleStrategy.maxUnavailable: 3; updates that wait for the missing Pods (3): 3"},
        {"the budget is used up by a Pod that is not Ready", "'replicas':3," UPDATE("'maxUnavailable':1"),
            "bbbbb new unready; ccccc old ready; ddddd old ready", "", {0},
            "InProgress PodsStarting: Pod web-bbbbb is not Ready; updates that wait for updateStrategy.maxUnavailable: "
            "2"},
        {"an update goes on", "'replicas':4," UPDATE("'maxUnavailable':3,'type':'InPlaceIfPossible'"),
            "bbbbb new gate-off state:Updating; ccccc new ready; ddddd old ready; fffff old ready", "", {0},
            "InProgress PodsStarting: Pod web-bbbbb is being updated in place; updates left: 2"},
        {"a Pod was let go by its hook, and the set is paused",
            "'replicas':1," UPDATE("'type':'InPlaceIfPossible','paused':true") "," FX_HOOKS(FX_PRE_UPDATE),
            "bbbbb old ready state:PreparingUpdate", "", {0},
            "InProgress PodsStarting: Pod web-bbbbb waits to be updated in place"},
        {"an update begins", "'replicas':2," FX_INPLACE, "bbbbb old ready; ccccc old ready", "", {0},
            "InProgress Updating: 0 of 2 Pods are at the update revision; updates left: 2"},
        {"a Pod that was marked for it is replaced", "'replicas':2," UPDATE("'maxUnavailable':1"),
            "bbbbb old ready marked; ccccc old ready", "", {0},
            "InProgress PodsTerminating: Pod web-bbbbb is being recreated; updates left: 2"},
    };

    (void)state;
    RUN(rows);
}

static void u_40_errors_of_requests(void **state)
{
    static const struct row rows[] = {
        {"a quota; which comes before Pods that are starting", "'replicas':2", "bbbbb new unready", "",
            {.scale_error = "create-pod web-x: forbidden: exceeded quota: small"},
            "InProgress FailedScale: create-pod web-x: forbidden: exceeded quota: small"},
        {"the same when nothing is to be scaled", "'replicas':1", "bbbbb new unready", "", {.scale_error = "quota"},
            "InProgress PodsStarting: Pod web-bbbbb is not Ready"},
        {"a patch is refused", "'replicas':1," FX_INPLACE, "bbbbb old ready", "",
            {.update_error = "inplace-apply: 403"}, "InProgress FailedUpdate: inplace-apply: 403; updates left: 1"},
        {"a message with lines and control characters is one line", "'replicas':1", "", "",
            {.scale_error = "a\nb\tc\x7f"}, "InProgress FailedScale: a b c "},
    };

    (void)state;
    RUN(rows);
}

static void kstatus_failed_is_what_cannot_go_on_by_itself(void **state)
{
    static const struct row rows[] = {
        {"the type is not known", "'replicas':1," UPDATE("'type':'Sometimes'"), "bbbbb new ready", "", {0},
            "Failed InvalidSpec: spec.updateStrategy.type: Sometimes is not known: nothing is updated"},
        {"neither limit lets a Pod be updated", "'replicas':1," UPDATE("'maxUnavailable':0"), "bbbbb old ready", "",
            {0}, "Failed InvalidSpec: updateStrategy.maxUnavailable and maxSurge are both 0: no Pod may be updated"},
        {"surge does", "'replicas':1," UPDATE("'maxUnavailable':0,'maxSurge':1"), "bbbbb old ready", "", {0},
            "InProgress Scaling: 1 of 2 Pods are there; updates that wait for updateStrategy.maxUnavailable: 1"},
        {"no Pod may be created", "'replicas':1,'scaleStrategy':{'maxUnavailable':0}", "", "", {0},
            "Failed InvalidSpec: scaleStrategy.maxUnavailable is 0: no Pod may be created"},
        {"a rule is broken, and the server refuses the Pods", "'replicas':1", "", "",
            {.violations = "spec.template: Invalid value", .scale_error = "create-pod web-x: invalid"},
            "Failed InvalidSpec: create-pod web-x: invalid; the spec breaks rules of admission: spec.template: Invalid "
            "value"},
        {"a rule is broken, and the Pods come all the same (D15)", "'replicas':2", "bbbbb new unready", "",
            {.violations = "spec.template: Invalid value"},
            "InProgress PodsStarting: Pod web-bbbbb is not Ready; the spec breaks rules of admission: spec.template: "
            "Invalid value"},
    };

    (void)state;
    RUN(rows);
}

static void inplace_only_that_cannot_is_stalled(void **state)
{
    struct fx f;

    (void)state;
    fx_empty(&f);
    fx_set(&f, "'replicas':2," UPDATE("'type':'InPlaceOnly'"), FX_ENV, "'currentRevision':'web-old'");
    fx_revision(&f, "web-old", 1, FX_OLD);
    fx_revision(&f, "web-new", 2, FX_ENV);
    fx_rows(&f, "bbbbb old ready; ccccc old ready", false);
    (void)fx_plan(&f);
    expect("its Pods cannot be updated in place", &f,
        "Failed FailedUpdate: find Pod web-bbbbb update strategy is InPlaceOnly but can not update in-place "
        "(spec.template.spec.containers[0].env)");
    f.o.trouble.inflight = 1;
    (void)fx_plan(&f);
    expect("something is still under way", &f,
        "InProgress FailedUpdate: find Pod web-bbbbb update strategy is InPlaceOnly but can not update in-place; "
        "updates left: 2");
    fx_done(&f);
}

static void an_unusable_selector_is_stalled_from_the_first_write(void **state)
{
    struct fx f;

    (void)state;
    fx_empty(&f);
    fx_set(&f, "'replicas':2", "{'metadata':{'labels':{'app':'other'}},'spec':{'containers':[]}}",
        "'replicas':2,'readyReplicas':1");
    (void)fx_plan(&f);
    assert_true(f.plan.have_status);
    expect("the selector does not match", &f,
        "Failed InvalidSpec: spec.selector does not match spec.template.metadata.labels: nothing is done for this "
        "CloneSet until that is mended");
    assert_int_equal(f.plan.status.replicas, 2); /* as counted last */
    assert_int_equal(f.plan.status.ready, 1);
    assert_true(f.plan.status.unusable_selector);
    fx_done(&f);
}

static void a_message_has_a_bound_and_no_half_characters(void **state)
{
    static const struct {
        const char *text, *then;
    } rows[] = {
        {"", ""},
        {"short", "short"},
        {"exactly9!", "exactly9!"},
        {"ten bytes!", "ten by…"},
        {"ääääb", "ääääb"},
        {"äääääb", "äää…"},
        {"a\377b", "a\377b"},
        {"a\r\nb", "a  b"},
    };

    (void)state;
    for (size_t i = 0; i < CS_ARRAY_LEN(rows); i++) {
        char out[10];

        cs_one_line(out, sizeof(out), rows[i].text);
        assert_string_equal(out, rows[i].then);
    }
}

static void the_longest_names_and_texts_fit(void **state)
{
    struct fx f;
    char text[4000];

    (void)state;
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    fx_init(&f, "'replicas':3");
    f.o.trouble.violations = f.o.trouble.scale_error = text;
    (void)fx_plan(&f);
    assert_int_equal(f.plan.status.verdict, CS_VERDICT_FAILED);
    assert_in_range(strlen(f.plan.status.message), CS_STATUS_TEXT - 4, CS_STATUS_TEXT - 1);
    fx_done(&f);
}

/* ---- spec §7.4 ---- */

#define DEADLINE "'replicas':2,'progressDeadlineSeconds':60"
#define SINCE(reason, s) "{'type':'Progressing','status':'True','reason':'" reason "','lastUpdateTime':'" s "'}"
#define NOW_S "2025-10-09T08:53:20Z" /* FX_NOW */
#define AGO_59 "2025-10-09T08:52:21Z"
#define AGO_60 "2025-10-09T08:52:20Z"
#define AGO_61 "2025-10-09T08:52:19Z"

static void spec_7_4_progressing(void **state)
{
    static const struct {
        const char *when, *spec, *pods, *conditions, *reason;
        int64_t again_in_ms; /* 0: not */
    } rows[] = {
        {"there is no deadline", "'replicas':2", "bbbbb new ready; ccccc new ready", "", NULL, 0},
        {"the deadline is off", "'replicas':2,'progressDeadlineSeconds':2147483647", "bbbbb new ready; ccccc new ready",
            "", NULL, 0},
        {"all is available", DEADLINE, "bbbbb new ready; ccccc new ready", "", "CloneSetAvailable", 0},
        {"a Pod too many", DEADLINE, "bbbbb new ready; ccccc new ready; ddddd new ready", "", "CloneSetUpdated", 61000},
        {"paused", DEADLINE "," UPDATE("'paused':true"), "bbbbb old ready; ccccc new ready", "", "CloneSetPaused", 0},
        {"available comes before paused", DEADLINE "," UPDATE("'paused':true"), "bbbbb new ready; ccccc new ready", "",
            "CloneSetAvailable", 0},
        {"the partition is available", DEADLINE "," UPDATE("'partition':1"), "bbbbb old ready; ccccc new ready", "",
            "ProgressPartitionAvailable", 0},
        {"the partition is not", DEADLINE "," UPDATE("'partition':1"), "bbbbb old ready; ccccc new unready", "",
            "CloneSetUpdated", 61000},
        {"the partition cannot be read: nothing is expected (7.1)", DEADLINE "," UPDATE("'partition':'x'"),
            "bbbbb old ready; ccccc new unready", "", "ProgressPartitionAvailable", 0},
        {"it begins", DEADLINE, "bbbbb old ready; ccccc new unready", "", "CloneSetUpdated", 61000},
        {"it goes on", DEADLINE, "bbbbb old ready; ccccc new unready", SINCE("CloneSetUpdated", AGO_59),
            "CloneSetUpdated", 2000},
        {"the last instant", DEADLINE, "bbbbb old ready; ccccc new unready", SINCE("CloneSetUpdated", AGO_60),
            "CloneSetUpdated", 1},
        {"the deadline has passed", DEADLINE, "bbbbb old ready; ccccc new unready", SINCE("CloneSetUpdated", AGO_61),
            "ProgressDeadlineExceeded", 0},
        {"it had passed, and stays so", DEADLINE, "bbbbb old ready; ccccc new unready",
            SINCE("ProgressDeadlineExceeded", NOW_S), "ProgressDeadlineExceeded", 0},
        {"until all is available", DEADLINE, "bbbbb new ready; ccccc new ready",
            SINCE("ProgressDeadlineExceeded", AGO_61), "CloneSetAvailable", 0},
        {"the clock starts with the progress, not with the last success", DEADLINE,
            "bbbbb old ready; ccccc new unready", SINCE("CloneSetAvailable", AGO_61), "CloneSetUpdated", 61000},
        {"nor with the pause", DEADLINE, "bbbbb old ready; ccccc new unready", SINCE("CloneSetPaused", AGO_61),
            "CloneSetUpdated", 61000},
        {"a condition without a time", DEADLINE, "bbbbb old ready; ccccc new unready",
            "{'type':'Progressing','status':'True','reason':'odd'}", "ProgressDeadlineExceeded", 0},
    };

    (void)state;
    for (size_t i = 0; i < CS_ARRAY_LEN(rows); i++) {
        cs_autofree char *status =
            cs_xasprintf("'currentRevision':'web-old','observedGeneration':3,'conditions':[{'type':'Stalled','status':'"
                         "True','reason':'ProgressDeadlineExceeded'}%s%s]",
                *rows[i].conditions ? "," : "", rows[i].conditions);
        struct fx f;

        fx_empty(&f);
        fx_set(&f, rows[i].spec, FX_NEW, status);
        fx_revision(&f, "web-old", 1, FX_OLD);
        fx_revision(&f, "web-new", 2, FX_NEW);
        fx_rows(&f, rows[i].pods, false);
        (void)fx_plan(&f);
        if (!cs_streq(f.plan.status.progress_reason, rows[i].reason) ||
            f.plan.requeue_at_ms != (rows[i].again_in_ms ? FX_NOW + rows[i].again_in_ms : 0))
            fail_msg("when %s: %s, again in %lld", rows[i].when, f.plan.status.progress_reason,
                (long long)(f.plan.requeue_at_ms - FX_NOW));
        fx_done(&f);
    }
}

/* One step of a set with a deadline whose Pod never becomes Ready. */
static void stalled_case(const char *when, const char *generation_seen, const char *conditions, const char *pods,
    const char *then, int64_t attempt_ms, int64_t again_in_ms)
{
    cs_autofree char *status = cs_xasprintf(
        "'currentRevision':'web-new','observedGeneration':%s,'conditions':[%s]", generation_seen, conditions);
    struct fx f;

    fx_empty(&f);
    fx_set(&f, "'replicas':1,'progressDeadlineSeconds':60", FX_NEW, status);
    fx_revision(&f, "web-new", 2, FX_NEW);
    fx_rows(&f, pods, false);
    (void)fx_plan(&f);
    expect(when, &f, then);
    if (f.plan.status.verdict == CS_VERDICT_IN_PROGRESS)
        assert_int_equal(f.plan.status.attempt_ms, attempt_ms);
    assert_int_equal(f.plan.requeue_at_ms, again_in_ms ? FX_NOW + again_in_ms : 0);
    fx_done(&f);
}

static void a_deadline_makes_stalled_and_the_verdict_does_not_flap(void **state)
{
    static const char going[] = "InProgress PodsStarting: Pod web-bbbbb is not Ready";
    static const char over[] =
        "Failed ProgressDeadlineExceeded: no success within progressDeadlineSeconds (60): Pod web-bbbbb is not Ready";
    static const char exceeded[] = "{'type':'Progressing','status':'False','reason':'ProgressDeadlineExceeded'},";
    cs_autofree char *both =
        cs_xasprintf("%s{'type':'Reconciling','status':'True','lastUpdateTime':'" AGO_61 "'}", exceeded);
    cs_autofree char *later =
        cs_xasprintf("%s{'type':'Reconciling','status':'True','lastUpdateTime':'" AGO_59 "'}", exceeded);
    cs_autofree char *stalled = cs_xasprintf("%s{'type':'Reconciling','status':'False'},{'type':'Stalled','status':'"
                                             "True','reason':'ProgressDeadlineExceeded'}",
        exceeded);

    (void)state;
    stalled_case("the clock begins with the first write", "0", "", "bbbbb new unready", going, FX_NOW, 61000);
    stalled_case("both clocks have run out", "3", both, "bbbbb new unready", over, 0, 0);
    stalled_case(
        "Progressing's has, but this attempt is younger", "3", later, "bbbbb new unready", going, FX_NOW - 59000, 2000);
    stalled_case("stalled before: however the Pod fares, the verdict stays", "3", stalled,
        "bbbbb new pending waiting:ErrImagePull",
        "Failed ProgressDeadlineExceeded: no success within progressDeadlineSeconds (60): Pod web-bbbbb: container c: "
        "ImagePullBackOff (nginx:2)",
        0, 0);
    stalled_case("a new generation is a new attempt, though Progressing stays (7.4)", "2", stalled, "bbbbb new unready",
        going, FX_NOW, 61000);
    stalled_case("success", "3", stalled, "bbbbb new ready", "Current Available: all Pods are available (1)", 0, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kstatus_current_is_what_the_spec_asks_for_now),
        cmocka_unit_test(u_40_the_pod_that_holds_it_up_and_why),
        cmocka_unit_test(u_40_hooks),
        cmocka_unit_test(u_03_limits_and_what_waits_for_them),
        cmocka_unit_test(u_40_errors_of_requests),
        cmocka_unit_test(kstatus_failed_is_what_cannot_go_on_by_itself),
        cmocka_unit_test(inplace_only_that_cannot_is_stalled),
        cmocka_unit_test(an_unusable_selector_is_stalled_from_the_first_write),
        cmocka_unit_test(a_message_has_a_bound_and_no_half_characters),
        cmocka_unit_test(the_longest_names_and_texts_fit),
        cmocka_unit_test(spec_7_4_progressing),
        cmocka_unit_test(a_deadline_makes_stalled_and_the_verdict_does_not_flap),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
