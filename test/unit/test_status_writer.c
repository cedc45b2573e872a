/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The status patch (spec §1.3, §7): written when something differs, explicit zeros, conditions set and cleared, the rest kept.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "controller/cloneset/controller.h"
#include "test/unit/plan_fixture.h"

/* The status as it is when nothing differs from the plan of `input`. */
#define SETTLED                                                                                                        \
    "'observedGeneration':3,'replicas':0,'readyReplicas':0,'availableReplicas':0,'updatedReplicas':0,"                 \
    "'updatedReadyReplicas':0,'updatedAvailableReplicas':0,'expectedUpdatedReplicas':0,'terminatingReplicas':0,"       \
    "'updateRevision':'web-new',"                                                                                      \
    "'currentRevision':'web-new','collisionCount':0,'labelSelector':'app=web'"
#define STANDING                                                                                                       \
    "{'type':'FailedScale','status':'True','message':'no room','lastTransitionTime':'2025-01-01T00:00:00Z'}"
#define OTHER "{'type':'Sunny','status':'True','reason':'r','message':'m','lastUpdateTime':'2025-01-01T00:00:00Z'}"

/* The patch against a set with that status, "" none; owned. */
static char *patch(
    const char *status, const struct cs_status_plan *plan, const char *scale_error, const char *failed_update)
{
    struct fx f;
    struct cs_plan p = {.status = *plan};
    cs_autostrbuf out = CS_STRBUF_INIT;
    struct cs_status_input in = {
        .plan = &p, .scale_error = scale_error, .update_error = "", .now_ms = INT64_C(1735787045000)};
    bool differs;

    (void)snprintf(p.failed_update, sizeof(p.failed_update), "%s", failed_update);
    fx_empty(&f);
    fx_set(&f, "'replicas':0", FX_NEW, status);
    in.set = f.set;
    differs = cs_status_patch(&in, &out);
    assert_int_equal(differs, out.len > 0);
    fx_done(&f);
    return differs ? cs_strbuf_take(&out, NULL) : cs_xstrdup("");
}

static const struct cs_status_plan settled = {.update_revision = "web-new", .current_revision = "web-new"};

static void nothing_is_written_when_nothing_differs(void **state)
{
    cs_autofree char *p = patch(SETTLED, &settled, "", "");

    (void)state;
    assert_string_equal(p, "");
}

static void spec_1_3_a_new_status_has_explicit_zeros(void **state)
{
    cs_autofree char *p = patch("", &settled, "", "");

    (void)state;
    assert_string_equal(p,
        "{\"metadata\":{\"uid\":\"u1\",\"resourceVersion\":\"1\"},\"status\":{\"observedGeneration\":3,\"replicas\":0,"
        "\"readyReplicas\":0,\"availableReplicas\":0,\"updatedReplicas\":0,\"updatedReadyReplicas\":0,"
        "\"updatedAvailableReplicas\":0,\"expectedUpdatedReplicas\":0,\"terminatingReplicas\":0,\"updateRevision\":"
        "\"web-new\","
        "\"currentRevision\":\"web-new\",\"collisionCount\":0,\"labelSelector\":\"app=web\"}}");
}

static void every_difference_is_written(void **state)
{
    static const struct {
        const char *status;
        struct cs_status_plan plan;
        const char *shows;
    } rows[] = {
        {SETTLED, {.replicas = 1, .update_revision = "web-new", .current_revision = "web-new"}, "\"replicas\":1"},
        {SETTLED, {.ready = 1, .update_revision = "web-new", .current_revision = "web-new"}, "\"readyReplicas\":1"},
        {SETTLED, {.available = 1, .update_revision = "web-new", .current_revision = "web-new"},
            "\"availableReplicas\":1"},
        {SETTLED, {.updated = 1, .update_revision = "web-new", .current_revision = "web-new"}, "\"updatedReplicas\":1"},
        {SETTLED, {.updated_ready = 1, .update_revision = "web-new", .current_revision = "web-new"},
            "\"updatedReadyReplicas\":1"},
        {SETTLED, {.updated_available = 1, .update_revision = "web-new", .current_revision = "web-new"},
            "\"updatedAvailableReplicas\":1"},
        {SETTLED, {.expected_updated = 1, .update_revision = "web-new", .current_revision = "web-new"},
            "\"expectedUpdatedReplicas\":1"},
        {SETTLED, {.terminating = 1, .update_revision = "web-new", .current_revision = "web-new"},
            "\"terminatingReplicas\":1"},
        {SETTLED, {.update_revision = "web-x", .current_revision = "web-new"}, "\"updateRevision\":\"web-x\""},
        {SETTLED, {.update_revision = "web-new", .current_revision = "web-x"}, "\"currentRevision\":\"web-x\""},
        {SETTLED ",'observedGeneration':2", {.update_revision = "web-new", .current_revision = "web-new"},
            "\"observedGeneration\":3"},
        {SETTLED ",'labelSelector':'app=x'", {.update_revision = "web-new", .current_revision = "web-new"},
            "\"labelSelector\":\"app=web\""},
    };

    (void)state;
    for (size_t i = 0; i < CS_ARRAY_LEN(rows); i++) {
        cs_autofree char *p = patch(rows[i].status, &rows[i].plan, "", "");

        if (!strstr(p, rows[i].shows) || strstr(p, "conditions"))
            fail_msg("%s is not in %s", rows[i].shows, p);
    }
}

static void spec_7_5_failed_conditions(void **state)
{
    static const struct {
        const char *when, *conditions, *scale, *update, *then; /* then: what `conditions` become, "" no patch */
    } rows[] = {
        {"scaling fails", "", "no room", "",
            "[{'type':'FailedScale','status':'True','lastTransitionTime':'2025-01-02T03:04:05Z','message':'no room'}]"},
        {"it goes on failing alike", STANDING, "no room", "", ""},
        {"it fails otherwise", STANDING, "quota", "",
            "[{'type':'FailedScale','status':'True','lastTransitionTime':'2025-01-02T03:04:05Z','message':'quota'}]"},
        {"it succeeds: cleared (quirk 11), others are kept", STANDING "," OTHER, "", "",
            "[{'type':'Sunny','status':'True','lastUpdateTime':'2025-01-01T00:00:00Z','reason':'r','message':'m'}"
            ","
            "{'type':'FailedScale','status':'False','lastTransitionTime':'2025-01-02T03:04:05Z'}]"},
        {"updating fails, too", STANDING, "no room", "InPlaceOnly",
            "[{'type':'FailedScale','status':'True','lastTransitionTime':'2025-01-01T00:00:00Z','message':'no room'},"
            "{'type':'FailedUpdate','status':'True','lastTransitionTime':'2025-01-02T03:04:05Z','message':'InPlaceOnly'"
            "}]"},
        {"cleared already", "{'type':'FailedScale','status':'False'}", "", "", ""},
    };

    (void)state;
    for (size_t i = 0; i < CS_ARRAY_LEN(rows); i++) {
        cs_autofree char *status = cs_xasprintf(SETTLED ",'conditions':[%s]", rows[i].conditions);
        cs_autofree char *p = patch(status, &settled, rows[i].scale, rows[i].update);
        cs_autofree char *want = cs_xasprintf("'conditions':%s", rows[i].then);

        for (char *c = want; *c; c++)
            *c = *c == '\'' ? '"' : *c;
        if (*rows[i].then == '\0' ? *p != '\0' : !strstr(p, want))
            fail_msg("%s: %s", rows[i].when, p);
    }
}

/* What `conditions` of the patch are, with ' for ", "" when nothing is written; owned. */
static char *conditions(const struct cs_status_plan *plan, const char *stored, const char *scale_error)
{
    cs_autofree char *status = cs_xasprintf(SETTLED ",'conditions':[%s]", stored);
    cs_autofree char *p = patch(status, plan, scale_error, "");
    char *at = strstr(p, "\"conditions\":");
    char *found;

    if (!at)
        return cs_xstrdup("");
    found = cs_xmemdupz(at + 13, strlen(at + 13) - 2); /* the braces of the status and of the patch */
    for (char *c = found; *c; c++)
        *c = *c == '"' ? '\'' : *c;
    return found;
}

#define OLD_TIME "2025-01-01T00:00:00Z"
#define NOW_TIME "2025-01-02T03:04:05Z"
#define FALSE_SINCE(type, time) "{'type':'" type "','status':'False','lastTransitionTime':'" time "'}"
#define CURRENT                                                                                                        \
    "{'type':'Ready','status':'True','lastTransitionTime':'" OLD_TIME                                                  \
    "','reason':'Available','message':'all'}," FALSE_SINCE("Reconciling", OLD_TIME) "," FALSE_SINCE(                   \
        "Stalled", OLD_TIME)
#define GOING(since, transition, text)                                                                                 \
    "{'type':'Ready','status':'False','lastTransitionTime':'" transition "','reason':'Scaling','message':'" text "'}," \
    "{'type':'Reconciling','status':'True','lastUpdateTime':'" since "','lastTransitionTime':'" transition             \
    "','reason':'Scaling','message':'" text "'}," FALSE_SINCE("Stalled", OLD_TIME)

static void tools_find_three_conditions_from_the_first_write_on(void **state)
{
    static const struct cs_status_plan plan = {.update_revision = "web-new",
        .current_revision = "web-new",
        .verdict = CS_VERDICT_IN_PROGRESS,
        .reason = "Scaling",
        .message = "0 of 1",
        .attempt_ms = INT64_C(1735787045678)};
    cs_autofree char *first = conditions(&plan, "", "");

    (void)state;
    assert_string_equal(first,
        "[{'type':'Ready','status':'False','lastTransitionTime':'" NOW_TIME "','reason':'Scaling','message':'0 of 1'},"
        "{'type':'Reconciling','status':'True','lastUpdateTime':'" NOW_TIME "','lastTransitionTime':'" NOW_TIME
        "','reason':'Scaling','message':'0 of 1'},"
        "{'type':'Stalled','status':'False','lastTransitionTime':'" NOW_TIME "'}]");
}

static void a_verdict_is_written_when_it_differs_and_its_clock_runs_by_status(void **state)
{
    static const struct cs_status_plan current = {.update_revision = "web-new",
        .current_revision = "web-new",
        .verdict = CS_VERDICT_CURRENT,
        .reason = "Available",
        .message = "all"};
    static const struct cs_status_plan going = {.update_revision = "web-new",
        .current_revision = "web-new",
        .verdict = CS_VERDICT_IN_PROGRESS,
        .reason = "Scaling",
        .message = "1 of 2",
        .attempt_ms = INT64_C(1735689600000)};
    static const struct cs_status_plan failed = {.update_revision = "web-new",
        .current_revision = "web-new",
        .verdict = CS_VERDICT_FAILED,
        .reason = "InvalidSpec",
        .message = "why"};
    static const struct {
        const char *when;
        const struct cs_status_plan *plan;
        const char *stored, *then;
    } rows[] = {
        {"nothing differs", &current, CURRENT, ""},
        {"nothing differs on the way", &going, GOING(OLD_TIME, OLD_TIME, "1 of 2"), ""},
        {"another message: no transition, the same attempt", &going, GOING(OLD_TIME, OLD_TIME, "0 of 2"),
            "[" GOING(OLD_TIME, OLD_TIME, "1 of 2") "]"},
        {"it begins: the attempt and the transition are told apart", &going, CURRENT,
            "[" GOING(OLD_TIME, NOW_TIME, "1 of 2") "]"},
        {"the attempt is another one", &going, GOING("2024-12-31T00:00:00Z", OLD_TIME, "1 of 2"),
            "[" GOING(OLD_TIME, OLD_TIME, "1 of 2") "]"},
        {"it fails: never two that kstatus looks at are True", &failed, CURRENT,
            "[{'type':'Ready','status':'False','lastTransitionTime':'" NOW_TIME
            "','reason':'InvalidSpec','message':'why'}," FALSE_SINCE(
                "Reconciling", OLD_TIME) ",{'type':'Stalled','status':'True','lastTransitionTime':'" NOW_TIME
                                         "','reason':'InvalidSpec','message':'why'}]"},
        {"places are kept, what is missing comes last, doubles go", &current,
            FALSE_SINCE("Stalled", OLD_TIME) "," OTHER
                                             "," FALSE_SINCE("Ready", OLD_TIME) "," FALSE_SINCE("Ready", OLD_TIME),
            "[" FALSE_SINCE("Stalled", OLD_TIME) ",{'type':'Sunny','status':'True','lastUpdateTime':'" OLD_TIME
                                                 "','reason':'r','message':'m'},{'type':'Ready','status':'True','"
                                                 "lastTransitionTime':'" NOW_TIME
                                                 "','reason':'Available','message':'all'}," FALSE_SINCE(
                                                     "Reconciling", NOW_TIME) "]"},
    };

    (void)state;
    for (size_t i = 0; i < CS_ARRAY_LEN(rows); i++) {
        cs_autofree char *got = conditions(rows[i].plan, rows[i].stored, "");

        if (strcmp(got, rows[i].then) != 0)
            fail_msg("%s:\n  %s\n  %s", rows[i].when, got, rows[i].then);
    }
}

#define PROGRESSING(status, update, transition, reason, message)                                                       \
    "{'type':'Progressing','status':'" status "','lastUpdateTime':'" update "','lastTransitionTime':'" transition      \
    "','reason':'" reason "','message':'" message "'}"

static void spec_7_4_progressing_changes_with_status_or_reason_only(void **state)
{
    static const struct {
        const char *when, *reason, *stored, *then, *scale_error;
    } rows[] = {
        {"it comes", "CloneSetUpdated", OTHER,
            "[{'type':'Sunny','status':'True','lastUpdateTime':'" OLD_TIME "','reason':'r','message':'m'}," PROGRESSING(
                "True", NOW_TIME, NOW_TIME, "CloneSetUpdated", "CloneSet is progressing") "]",
            ""},
        {"the same status and reason: not even the message is touched", "CloneSetUpdated",
            PROGRESSING("True", OLD_TIME, OLD_TIME, "CloneSetUpdated", "as somebody else put it"), "", ""},
        {"another reason: updated, no transition, to the end", "CloneSetAvailable",
            PROGRESSING("True", OLD_TIME, OLD_TIME, "CloneSetUpdated", "m") "," FALSE_SINCE("Sunny", OLD_TIME),
            "[" FALSE_SINCE("Sunny", OLD_TIME) "," PROGRESSING(
                "True", NOW_TIME, OLD_TIME, "CloneSetAvailable", "CloneSet is available") "]",
            ""},
        {"another status: a transition; it is the last also when FailedScale comes", "ProgressDeadlineExceeded",
            PROGRESSING("True", OLD_TIME, OLD_TIME, "CloneSetUpdated", "m"),
            "[{'type':'FailedScale','status':'True','lastTransitionTime':'" NOW_TIME
            "','message':'quota'}," PROGRESSING("False", NOW_TIME, NOW_TIME, "ProgressDeadlineExceeded",
                "CloneSet revision web-new has timed out progressing") "]",
            "quota"},
        {"paused", "CloneSetPaused", "",
            "[" PROGRESSING("True", NOW_TIME, NOW_TIME, "CloneSetPaused", "CloneSet is paused") "]", ""},
        {"partition", "ProgressPartitionAvailable", "",
            "[" PROGRESSING("True", NOW_TIME, NOW_TIME, "ProgressPartitionAvailable",
                "CloneSet has been paused due to partition ready") "]",
            ""},
        {"the field is gone: so is the condition", NULL,
            PROGRESSING("True", OLD_TIME, OLD_TIME, "CloneSetUpdated", "m") "," FALSE_SINCE("Sunny", OLD_TIME),
            "[" FALSE_SINCE("Sunny", OLD_TIME) "]", ""},
    };

    (void)state;
    for (size_t i = 0; i < CS_ARRAY_LEN(rows); i++) {
        const struct cs_status_plan plan = {
            .update_revision = "web-new", .current_revision = "web-new", .progress_reason = rows[i].reason};
        cs_autofree char *got = conditions(&plan, rows[i].stored, rows[i].scale_error);

        if (strcmp(got, rows[i].then) != 0)
            fail_msg("%s:\n  %s\n  %s", rows[i].when, got, rows[i].then);
    }
}

static void a_selector_that_is_none_keeps_what_was_written(void **state)
{
    static const struct cs_status_plan plan = {.unusable_selector = true, .replicas = 1};
    cs_autofree char *p = patch("'labelSelector':'app=old'", &plan, "", "");
    cs_autofree char *none = patch("", &plan, "", "");

    (void)state;
    assert_non_null(strstr(p, "\"labelSelector\":\"app=old\""));
    assert_non_null(strstr(none, "\"labelSelector\":\"\""));
    assert_null(strstr(none, "Revision")); /* null would remove it, and there is none to write */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_written_when_nothing_differs),
        cmocka_unit_test(spec_1_3_a_new_status_has_explicit_zeros),
        cmocka_unit_test(every_difference_is_written),
        cmocka_unit_test(spec_7_5_failed_conditions),
        cmocka_unit_test(tools_find_three_conditions_from_the_first_write_on),
        cmocka_unit_test(a_verdict_is_written_when_it_differs_and_its_clock_runs_by_status),
        cmocka_unit_test(spec_7_4_progressing_changes_with_status_or_reason_only),
        cmocka_unit_test(a_selector_that_is_none_keeps_what_was_written),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
