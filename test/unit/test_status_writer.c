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
    "'updatedReadyReplicas':0,'updatedAvailableReplicas':0,'expectedUpdatedReplicas':0,'updateRevision':'web-new',"    \
    "'currentRevision':'web-new','collisionCount':0,'labelSelector':'app=web'"
#define STANDING                                                                                                       \
    "{'type':'FailedScale','status':'True','message':'no room','lastTransitionTime':'2025-01-01T00:00:00Z'}"
#define OTHER                                                                                                          \
    "{'type':'Progressing','status':'True','reason':'r','message':'m','lastUpdateTime':'2025-01-01T00:00:00Z'}"

/* The patch against a set with that status, "" none; owned. */
static char *patch(
    const char *status, const struct cs_status_plan *plan, const char *scale_error, const char *failed_update)
{
    struct fx f;
    struct cs_plan p = {.status = *plan};
    cs_autostrbuf out = CS_STRBUF_INIT;
    int64_t recheck;
    struct cs_status_input in = {
        .plan = &p, .scale_error = scale_error, .update_error = "", .now_ms = INT64_C(1735787045000)};
    bool differs;

    (void)snprintf(p.failed_update, sizeof(p.failed_update), "%s", failed_update);
    fx_empty(&f);
    fx_set(&f, "'replicas':0", FX_NEW, status);
    in.set = f.set;
    differs = cs_status_patch(&in, &out, &recheck);
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
        "\"updatedAvailableReplicas\":0,\"expectedUpdatedReplicas\":0,\"updateRevision\":\"web-new\","
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
            "[{'type':'Progressing','status':'True','lastUpdateTime':'2025-01-01T00:00:00Z','reason':'r','message':'m'}"
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_written_when_nothing_differs),
        cmocka_unit_test(spec_1_3_a_new_status_has_explicit_zeros),
        cmocka_unit_test(every_difference_is_written),
        cmocka_unit_test(spec_7_5_failed_conditions),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
