/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pod: every field that decisions use.
 */
#include "common/api/pod.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/api/gvr.h"
#include "common/base/alloc.h"
#include "test/unit/pod_fixture.h"

static void test_a_bare_pod(void **state)
{
    (void)state;
    struct fixture f;

    fixture_init(&f);
    struct cs_pod *p = decode(&f, POD("}"));
    assert_int_equal(p->phase, CS_PHASE_PENDING);
    assert_int_equal(p->state, CS_LC_NONE);
    assert_null(p->node);
    assert_null(p->id);
    assert_null(p->revision);
    assert_null(p->inplace_state);
    assert_false(
        p->specified_delete || p->keep_claims || p->has_template_hash || p->has_inplace_gate || p->has_kruise_gate);
    assert_int_equal(p->ready.status, CS_COND_ABSENT);
    assert_int_equal(p->ready.index, -1);
    assert_int_equal(p->scheduled.index, -1);
    assert_int_equal(p->n_containers + p->n_statuses + p->n_claims, 0);
    assert_true(cs_pod_active(p));
    assert_false(cs_pod_terminating(p));
    assert_null(cs_pod_container(p, "c"));
    assert_null(cs_pod_status_of(p, "c"));
    cs_pod_free(f.pool, p);
    cs_pod_free(f.pool, NULL);
    fixture_done(&f);
}

/* spec §5.6 rule 5 */
static const struct {
    const char *text; /* JSON */
    int32_t cost;
} cost_rows[] = {
    {"\"0\"", 0},
    {"\"7\"", 7},
    {"\"-7\"", -7},
    {"\"2147483647\"", INT32_MAX},
    {"\"-2147483648\"", INT32_MIN},
    {"\"2147483648\"", 0},
    {"\"+7\"", 0},
    {"\"07\"", 0},
    {"\"00\"", 0},
    {"\"-0\"", 0},
    {"\"-07\"", -7},
    {"\"\"", 0},
    {"\"-\"", 0},
    {"\" 7\"", 0},
    {"\"7.0\"", 0},
    {"\"x\"", 0},
    {"7", 0},
    {"null", 0},
};

static void u12_the_label_counts_by_presence(void **state)
{
    static const char *const values[] = {"\"true\"", "\"\"", "\"false\""};
    struct fixture f;

    (void)state;
    fixture_init(&f);
    for (size_t i = 0; i < CS_ARRAY_LEN(values); i++) {
        cs_autostrbuf text = CS_STRBUF_INIT;

        cs_strbuf_addf(&text,
            "{\"metadata\":{\"name\":\"p\",\"uid\":\"u\",\"resourceVersion\":\"1\",\"labels\":{"
            "\"apps.kruise.io/keep-pvc-for-deletion\":%s}}}",
            values[i]);
        struct cs_pod *p = cs_pod_decode(f.pool, fixture_parse(&f, cs_strbuf_str(&text)), NULL);
        assert_non_null(p);
        assert_true(p->keep_claims);
        cs_pod_free(f.pool, p);
    }
    fixture_done(&f);
}

static void test_deletion_cost(void **state)
{
    (void)state;
    struct fixture f;

    fixture_init(&f);
    for (size_t i = 0; i < CS_ARRAY_LEN(cost_rows); i++) {
        cs_autostrbuf text = CS_STRBUF_INIT;
        cs_strbuf_addf(&text, POD(",\"annotations\":{\"%s\":%s}}"), CS_ANNO_DELETION_COST, cost_rows[i].text);
        struct cs_pod *p = decode(&f, cs_strbuf_str(&text));
        if (p->deletion_cost != cost_rows[i].cost)
            fail_msg("%s: %d", cost_rows[i].text, p->deletion_cost);
        cs_pod_free(f.pool, p);
    }
    fixture_done(&f);
}

static const struct {
    const char *label;
    enum cs_lifecycle state;
} state_rows[] = {
    {"", CS_LC_NONE},
    {"PreparingNormal", CS_LC_PREPARING_NORMAL},
    {"Normal", CS_LC_NORMAL},
    {"PreparingUpdate", CS_LC_PREPARING_UPDATE},
    {"Updating", CS_LC_UPDATING},
    {"Updated", CS_LC_UPDATED},
    {"PreparingDelete", CS_LC_PREPARING_DELETE},
    {"normal", CS_LC_OTHER},
};

static void test_lifecycle_states_both_ways(void **state)
{
    (void)state;
    struct fixture f;

    fixture_init(&f);
    for (size_t i = 0; i < CS_ARRAY_LEN(state_rows); i++) {
        cs_autostrbuf text = CS_STRBUF_INIT;
        cs_strbuf_addf(&text, POD(",\"labels\":{\"%s\":\"%s\"}}"), CS_LABEL_LIFECYCLE_STATE, state_rows[i].label);
        struct cs_pod *p = decode(&f, cs_strbuf_str(&text));
        assert_int_equal(p->state, state_rows[i].state);
        if (p->state != CS_LC_OTHER)
            assert_string_equal(cs_lifecycle_name(p->state), state_rows[i].label);
        cs_pod_free(f.pool, p);
    }
    assert_string_equal(cs_lifecycle_name(CS_LC_OTHER), "");
    fixture_done(&f);
}

static const struct {
    const char *phase; /* JSON */
    enum cs_pod_phase want;
    bool active;
} phase_rows[] = {
    {"\"Pending\"", CS_PHASE_PENDING, true},
    {"\"Running\"", CS_PHASE_RUNNING, true},
    {"\"Succeeded\"", CS_PHASE_SUCCEEDED, false},
    {"\"Failed\"", CS_PHASE_FAILED, false},
    {"\"Unknown\"", CS_PHASE_UNKNOWN, true},
    {"\"\"", CS_PHASE_PENDING, true},
    {"\"Dreaming\"", CS_PHASE_PENDING, true},
    {"3", CS_PHASE_PENDING, true},
};

static void test_phases(void **state)
{
    (void)state;
    struct fixture f;

    fixture_init(&f);
    for (size_t i = 0; i < CS_ARRAY_LEN(phase_rows); i++) {
        cs_autostrbuf text = CS_STRBUF_INIT;
        cs_strbuf_addf(&text, POD("},\"status\":{\"phase\":%s}"), phase_rows[i].phase);
        struct cs_pod *p = decode(&f, cs_strbuf_str(&text));
        assert_int_equal(p->phase, phase_rows[i].want);
        assert_int_equal(cs_pod_active(p), phase_rows[i].active);
        cs_pod_free(f.pool, p);
    }
    fixture_done(&f);
}

static const struct {
    const char *what, *lifecycle, *more, *gate;
    bool kept;
} settled_rows[] = {
    {"in service", "Normal", "", "\"status\":\"True\"", false},
    {"out of service", "Normal", "", "\"status\":\"False\"", true},
    {"in service, and the gate says more", "Normal", "", "\"status\":\"True\",\"reason\":\"x\"", true},
    {"in an update", "Updating", "", "\"status\":\"True\"", true},
    {"to be deleted", "PreparingDelete", "", "\"status\":\"True\"", true},
    {"in its grace period", "Normal", ",\"apps.kruise.io/inplace-update-grace\":\"g\"", "\"status\":\"True\"", true},
};

/* What was recorded of an update is kept as long as somebody may ask for it. */
static void test_record_of_a_settled_pod(void **state)
{
    struct fixture f;

    (void)state;
    fixture_init(&f);
    for (size_t i = 0; i < CS_ARRAY_LEN(settled_rows); i++) {
        cs_autostrbuf text = CS_STRBUF_INIT;
        struct cs_pod *p;

        cs_strbuf_addf(&text,
            POD(",\"labels\":{\"lifecycle.apps.kruise.io/state\":\"%s\"},\"annotations\":{"
                "\"apps.kruise.io/inplace-update-state\":\"s\"%s}},\"spec\":{\"readinessGates\":[{\"conditionType\":"
                "\"InPlaceUpdateReady\"}]},\"status\":{\"conditions\":[{\"type\":\"InPlaceUpdateReady\",%s}]}"),
            settled_rows[i].lifecycle, settled_rows[i].more, settled_rows[i].gate);
        p = decode(&f, cs_strbuf_str(&text));
        if ((p->inplace_state != NULL) != settled_rows[i].kept)
            fail_msg("%s", settled_rows[i].what);
        cs_pod_free(f.pool, p);
    }
    fixture_done(&f);
}

static const struct {
    const char *what, *annotations, *state;
    bool old_key;
} anno_rows[] = {
    {"the new key", "\"apps.kruise.io/inplace-update-state\":\"new\"", "new", false},
    {"the old key", "\"inplace-update-state\":\"old\"", "old", true},
    {"new before old", "\"inplace-update-state\":\"old\",\"apps.kruise.io/inplace-update-state\":\"new\"", "new", true},
    {"an empty new one is there", "\"inplace-update-state\":\"old\",\"apps.kruise.io/inplace-update-state\":\"\"", "",
        true},
    {"JSON text with escapes", "\"apps.kruise.io/inplace-update-state\":\"{\\\"revision\\\":\\\"r\\\"}\"",
        "{\"revision\":\"r\"}", false},
    {"a wrong type is none", "\"apps.kruise.io/inplace-update-state\":{}", NULL, false},
    {"none", "\"other\":\"x\"", NULL, false},
};

static void test_state_and_grace_annotations(void **state)
{
    (void)state;
    struct fixture f;

    fixture_init(&f);
    for (size_t i = 0; i < CS_ARRAY_LEN(anno_rows); i++) {
        cs_autostrbuf text = CS_STRBUF_INIT;
        cs_strbuf_addf(&text, POD(",\"annotations\":{%s}}"), anno_rows[i].annotations);
        struct cs_pod *p = decode(&f, cs_strbuf_str(&text));
        if (!cs_streq(p->inplace_state, anno_rows[i].state) || p->old_state_key != anno_rows[i].old_key)
            fail_msg("%s: %s", anno_rows[i].what, p->inplace_state ? p->inplace_state : "(none)");
        assert_null(p->inplace_grace);
        assert_false(p->old_grace_key);
        assert_true(p->meta.has_annotations);
        cs_pod_free(f.pool, p);
    }
    struct cs_pod *p = decode(&f,
        POD(",\"annotations\":{\"inplace-update-grace\":\"g\",\"apps.kruise.io/recreate-for-revision\":\"web-x\"}}"));
    assert_string_equal(p->inplace_grace, "g");
    assert_true(p->old_grace_key);
    assert_string_equal(p->recreate_for, "web-x");
    cs_pod_free(f.pool, p);
    fixture_done(&f);
}

static void test_conditions(void **state)
{
    (void)state;
    struct fixture f;

    fixture_init(&f);
    struct cs_pod *p = decode(&f,
        POD("},\"status\":{\"conditions\":[7,{\"type\":\"Ready\",\"status\":\"True\","
            "\"lastTransitionTime\":"
            "\"2025-01-02T03:04:05Z\",\"reason\":\"\",\"message\":null},{\"type\":\"Ready\",\"status\":\"False\"},"
            "{\"type\":\"InPlaceUpdateReady\",\"status\":\"False\",\"reason\":\"StartInPlaceUpdate\","
            "\"lastTransitionTime\":null},"
            "{\"type\":\"PodScheduled\",\"status\":\"False\",\"reason\":\"Unschedulable\",\"message\":\"0/1 nodes\"},"
            "{\"type\":\"KruisePodReady\",\"status\":\"True\",\"message\":\"[]\"},{\"type\":\"ContainersReady\","
            "\"status\":true}]}"));
    assert_int_equal(p->ready.status, CS_COND_TRUE); /* the first of its type */
    assert_int_equal(p->ready.index, 1);
    assert_int_equal(p->ready.transition_ms, 1735787045000);
    assert_true(p->ready.plain);
    assert_int_equal(p->inplace_ready.status, CS_COND_FALSE);
    assert_int_equal(p->inplace_ready.index, 3);
    assert_int_equal(p->inplace_ready.transition_ms, 0);
    assert_false(p->inplace_ready.plain);
    assert_int_equal(p->kruise_ready.status, CS_COND_TRUE);
    assert_int_equal(p->containers_ready.status, CS_COND_UNKNOWN); /* it is there, but says nothing */
    assert_string_equal(p->held_up, "0/1 nodes");
    cs_pod_free(f.pool, p);
    fixture_done(&f);
}

/* What a status message tells of a Pod that does not start. */
static void test_held_up(void **state)
{
    static const struct {
        const char *status, *held_up;
    } rows[] = {
        {"\"conditions\":[{\"type\":\"PodScheduled\",\"status\":\"False\",\"reason\":\"SchedulingGated\","
         "\"message\":\"gated\"}]",
            "SchedulingGated: gated"},
        {"\"conditions\":[{\"type\":\"PodScheduled\",\"status\":\"False\",\"reason\":\"Unschedulable\"}]",
            "Unschedulable"},
        {"\"conditions\":[{\"type\":\"PodScheduled\",\"status\":\"False\",\"message\":\"m\"}]", "m"},
        {"\"conditions\":[{\"type\":\"PodScheduled\",\"status\":\"False\",\"reason\":7,\"message\":{}}]", NULL},
        {"\"conditions\":[{\"type\":\"PodScheduled\",\"status\":\"True\",\"message\":\"m\"}]", NULL},
        {"\"initContainerStatuses\":[{\"name\":\"a\",\"state\":{\"terminated\":{}}},{\"name\":\"b\",\"state\":{"
         "\"waiting\":{\"reason\":\"CrashLoopBackOff\"}}}]",
            "init container b: CrashLoopBackOff"},
        {"\"initContainerStatuses\":[{\"name\":\"a\",\"state\":{\"waiting\":{\"reason\":\"PodInitializing\"}}},{"
         "\"name\":7,"
         "\"state\":{\"waiting\":{\"reason\":\"x\"}}},7,{\"name\":\"c\",\"state\":{\"waiting\":{\"reason\":7}}}]",
            NULL},
    };

    (void)state;
    for (size_t i = 0; i < CS_ARRAY_LEN(rows); i++) {
        cs_autofree char *text = cs_xasprintf(POD("},\"status\":{%s}"), rows[i].status);
        struct fixture f;

        fixture_init(&f);
        struct cs_pod *p = decode(&f, text);
        if (!cs_streq(p->held_up, rows[i].held_up))
            fail_msg("%s: %s", rows[i].status, p->held_up);
        cs_pod_free(f.pool, p);
        fixture_done(&f);
    }
}

static void test_containers_volumes_gates(void **state)
{
    (void)state;
    struct fixture f;

    fixture_init(&f);
    struct cs_pod *p = decode(
        &f, POD(",\"deletionTimestamp\":\"2025-01-02T03:04:05+08:00\"},"
                "\"spec\":{\"nodeName\":\"\",\"readinessGates\":[{\"conditionType\":\"x\"},7,{\"conditionType\":"
                "\"KruisePodReady\"}],"
                "\"containers\":[\"x\",{\"name\":\"a\",\"image\":\"i:1\"},{\"image\":\"nameless\"},{\"name\":\"b\"}],"
                "\"volumes\":[{\"name\":\"v\",\"emptyDir\":{}},{\"persistentVolumeClaim\":{\"claimName\":\"c1\"}},7,"
                "{\"persistentVolumeClaim\":{\"claimName\":2}},{\"persistentVolumeClaim\":{\"claimName\":\"c2\"}}]},"
                "\"status\":{\"phase\":\"Running\",\"containerStatuses\":[{\"name\":\"b\",\"restartCount\":3,\"ready\":"
                "false,\"imageID\":\"\","
                "\"state\":{\"waiting\":{\"reason\":\"ImagePullBackOff\"}}},{\"ready\":true},{\"name\":\"a\",\"image\":"
                "\"docker.io/i:1\",\"imageID\":\"i@sha256:1\","
                "\"containerID\":\"containerd://"
                "1\",\"restartCount\":1,\"ready\":true,\"state\":{\"running\":{\"startedAt\":\"2025-01-02T03:04:05Z\"}}"
                "}]}"));
    assert_true(cs_pod_terminating(p));
    assert_false(cs_pod_active(p));
    assert_int_equal(p->meta.deleted_ms, 1735787045000 - INT64_C(28800000));
    assert_null(p->node);
    assert_true(p->has_kruise_gate);
    assert_false(p->has_inplace_gate);
    assert_int_equal(p->n_containers, 2);
    assert_int_equal(cs_pod_container(p, "a")->index, 1);
    assert_string_equal(cs_pod_container(p, "a")->image, "i:1");
    assert_int_equal(cs_pod_container(p, "b")->index, 3);
    assert_null(cs_pod_container(p, "b")->image);
    assert_null(cs_pod_container(p, NULL));
    assert_int_equal(p->n_claims, 2);
    assert_string_equal(p->claims[0], "c1");
    assert_string_equal(p->claims[1], "c2");
    assert_int_equal(p->n_statuses, 2);
    assert_int_equal(p->max_restarts, 3);
    const struct cs_container_status *s = cs_pod_status_of(p, "b");
    assert_string_equal(s->waiting_reason, "ImagePullBackOff");
    assert_false(s->running);
    assert_null(s->image_id);
    assert_int_equal(s->started_ms, 0);
    s = cs_pod_status_of(p, "a");
    assert_true(s->running);
    assert_string_equal(s->image, "docker.io/i:1");
    assert_string_equal(s->image_id, "i@sha256:1");
    assert_string_equal(s->container_id, "containerd://1");
    assert_int_equal(s->started_ms, 1735787045000);
    assert_null(s->waiting_reason);
    cs_pod_free(f.pool, p);
    fixture_done(&f);
}

/* Spec §6.3: init containers count when they are restartable, and by name. */
static const struct {
    const char *what, *spec, *status; /* initContainers, initContainerStatuses */
    uint16_t restarts;
} sidecar_rows[] = {
    {"a restartable one", "{\"name\":\"a\",\"restartPolicy\":\"Always\"}", "{\"name\":\"a\",\"restartCount\":4}", 4},
    {"a plain one", "{\"name\":\"a\"}", "{\"name\":\"a\",\"restartCount\":4}", 0},
    {"of several the largest, plain ones left out",
        "{\"name\":\"a\",\"restartPolicy\":\"Always\"},{\"name\":\"b\"},{\"name\":\"c\",\"restartPolicy\":\"Always\"}",
        "{\"name\":\"c\",\"restartCount\":2},{\"name\":\"b\",\"restartCount\":9},{\"name\":\"a\",\"restartCount\":1}",
        2},
    {"no status yet", "{\"name\":\"a\",\"restartPolicy\":\"Always\"}", "", 0},
    {"a status without container", "", "{\"name\":\"a\",\"restartCount\":4}", 0},
    {"more than fit", "{\"name\":\"a\",\"restartPolicy\":\"Always\"}", "{\"name\":\"a\",\"restartCount\":70000}",
        65535},
    {"negative", "{\"name\":\"a\",\"restartPolicy\":\"Always\"}", "{\"name\":\"a\",\"restartCount\":-1}", 0},
    {"wrong types", "{\"name\":1,\"restartPolicy\":\"Always\"},{\"restartPolicy\":\"Always\"},null,7",
        "{\"restartCount\":4},{\"name\":1,\"restartCount\":4},null", 0},
};

static void test_restarts_of_restartable_init_containers(void **state)
{
    (void)state;
    struct fixture f;

    fixture_init(&f);
    for (size_t i = 0; i < CS_ARRAY_LEN(sidecar_rows); i++) {
        cs_autostrbuf text = CS_STRBUF_INIT;
        cs_strbuf_addf(&text, POD("},\"spec\":{\"initContainers\":[%s]},\"status\":{\"initContainerStatuses\":[%s]}"),
            sidecar_rows[i].spec, sidecar_rows[i].status);
        struct cs_pod *p = decode(&f, cs_strbuf_str(&text));
        if (p->sidecar_restarts != sidecar_rows[i].restarts)
            fail_msg("%s: %d", sidecar_rows[i].what, p->sidecar_restarts);
        assert_int_equal(p->max_restarts, 0);
        cs_pod_free(f.pool, p);
    }
    fixture_done(&f);
}

static void test_lists_that_are_objects_are_absent(void **state)
{
    (void)state;
    struct fixture f;

    fixture_init(&f);
    struct cs_pod *p = decode(&f, POD("},\"spec\":{\"containers\":{\"x\":{\"name\":\"a\"}},\"volumes\":{\"x\":{"
                                      "\"persistentVolumeClaim\":{\"claimName\":\"c\"}}},"
                                      "\"readinessGates\":{\"x\":{\"conditionType\":\"InPlaceUpdateReady\"}}},"
                                      "\"status\":{\"conditions\":{\"x\":{\"type\":\"Ready\",\"status\":\"True\"}},"
                                      "\"containerStatuses\":{\"x\":{\"name\":\"a\"}}}"));
    assert_int_equal(p->n_containers + p->n_statuses + p->n_claims, 0);
    assert_false(p->has_inplace_gate);
    assert_int_equal(p->ready.status, CS_COND_ABSENT);
    cs_pod_free(f.pool, p);
    fixture_done(&f);
}

static void test_too_many_containers_are_an_error(void **state)
{
    (void)state;
    struct fixture f;
    struct cs_error err = CS_ERROR_INIT;
    cs_autostrbuf text = CS_STRBUF_INIT;

    fixture_init(&f);
    cs_strbuf_adds(&text, POD("},\"spec\":{\"containers\":[0"));
    text.len--; /* POD's closing brace comes later */
    for (int i = 0; i < 65535; i++)
        cs_strbuf_adds(&text, ",0");
    cs_strbuf_adds(&text, "]}}");
    assert_null(cs_pod_decode(f.pool, fixture_parse(&f, cs_strbuf_str(&text)), &err));
    assert_int_equal(err.kind, CS_ERR_TOO_LARGE);
    fixture_done(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_bare_pod),
        cmocka_unit_test(u12_the_label_counts_by_presence),
        cmocka_unit_test(test_deletion_cost),
        cmocka_unit_test(test_lifecycle_states_both_ways),
        cmocka_unit_test(test_phases),
        cmocka_unit_test(test_state_and_grace_annotations),
        cmocka_unit_test(test_record_of_a_settled_pod),
        cmocka_unit_test(test_conditions),
        cmocka_unit_test(test_held_up),
        cmocka_unit_test(test_containers_volumes_gates),
        cmocka_unit_test(test_restarts_of_restartable_init_containers),
        cmocka_unit_test(test_lists_that_are_objects_are_absent),
        cmocka_unit_test(test_too_many_containers_are_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
