/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pod: cpu and memory, as far as changing them in place needs them (gate InPlaceWorkloadVerticalScaling).
 */
#include "common/api/pod.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "test/unit/pod_fixture.h"

/* Kept as text, which a fleet shares. */
static void test_resources(void **state)
{
    (void)state;
    struct fixture f;

    fixture_init(&f);
    struct cs_pod *p = decode(&f,
        POD("},\"spec\":{\"containers\":[{\"name\":\"a\",\"resources\":{\"limits\":{\"cpu\":\"1\"}}},{\"name\":\"b\","
            "\"resources\":{}},{\"name\":\"c\",\"resources\":7},{\"name\":\"d\"}]},\"status\":{\"containerStatuses\":["
            "{\"name\":\"a\",\"resources\":{\"limits\":{\"cpu\":\"1\"}}},{\"name\":\"b\",\"resources\":{}},"
            "{\"name\":\"c\",\"resources\":null},{\"name\":\"d\"}]}"));
    assert_string_equal(p->containers[0].resources, "{\"limits\":{\"cpu\":\"1\"}}");
    for (int i = 1; i < 4; i++)
        assert_null(p->containers[i].resources);
    assert_ptr_equal(p->statuses[0].resources, p->containers[0].resources);
    assert_string_equal(p->statuses[1].resources, "{}"); /* the kubelet reports that there are none */
    assert_null(p->statuses[2].resources);
    assert_null(p->statuses[3].resources);
    cs_pod_free(f.pool, p);
    fixture_done(&f);
}

/* What init containers leave possible as QoS class; what the kubelet says about a resize. */
static void test_qos_and_resize(void **state)
{
#define BOTH(cpu, memory) "{\"cpu\":\"" cpu "\",\"memory\":\"" memory "\"}"
    static const struct {
        const char *init, *conditions;
        bool guaranteed, best_effort;
        enum cs_pod_resize resize;
    } rows[] = {
        {"", "", true, true, CS_POD_RESIZE_QUIET},
        {"{\"name\":\"i\"}", "", false, true, CS_POD_RESIZE_QUIET},
        {"{\"name\":\"i\",\"resources\":{\"limits\":" BOTH("1", "1Gi") ",\"requests\":" BOTH("1", "1Gi") "}}", "", true,
            false, CS_POD_RESIZE_QUIET},
        {"{\"name\":\"i\",\"resources\":{\"limits\":" BOTH("1", "1Gi") "}}", "", true, false, CS_POD_RESIZE_QUIET},
        {"{\"name\":\"i\",\"resources\":{\"limits\":" BOTH("1", "1Gi") ",\"requests\":" BOTH("1", "1Mi") "}}", "",
            false, false, CS_POD_RESIZE_QUIET},
        {"{\"name\":\"i\",\"resources\":{\"limits\":" BOTH("0", "0") "}}", "", false, true, CS_POD_RESIZE_QUIET},
        {"{\"name\":\"i\",\"resources\":{\"requests\":{\"cpu\":\"1m\"}}}", "", false, false, CS_POD_RESIZE_QUIET},
        {"7,null,{\"resources\":[]}", "", false, true, CS_POD_RESIZE_QUIET},
        {"", "{\"type\":\"PodResizePending\",\"status\":\"True\",\"reason\":\"Infeasible\"}", true, true,
            CS_POD_RESIZE_INFEASIBLE},
        {"", "{\"type\":\"PodResizePending\",\"status\":\"True\",\"reason\":\"Deferred\"}", true, true,
            CS_POD_RESIZE_DEFERRED},
        {"", "{\"type\":\"PodResizePending\",\"status\":\"False\",\"reason\":\"Deferred\"}", true, true,
            CS_POD_RESIZE_QUIET},
        {"", "{\"type\":\"PodResizeInProgress\",\"status\":\"True\"}", true, true, CS_POD_RESIZE_QUIET},
        {"", "{\"type\":\"PodResizeInProgress\",\"status\":\"True\",\"reason\":\"Error\"}", true, true,
            CS_POD_RESIZE_ERROR},
    };

    (void)state;
    for (size_t i = 0; i < CS_ARRAY_LEN(rows); i++) {
        cs_autostrbuf text = CS_STRBUF_INIT;
        struct fixture f;

        fixture_init(&f);
        cs_strbuf_addf(&text, POD("},\"spec\":{\"initContainers\":[%s]},\"status\":{\"conditions\":[%s]}"),
            rows[i].init, rows[i].conditions);
        struct cs_pod *p = decode(&f, cs_strbuf_str(&text));
        if (p->init_guaranteed != rows[i].guaranteed || p->init_best_effort != rows[i].best_effort ||
            p->resize != rows[i].resize)
            fail_msg("row %zu: %d %d %d", i, p->init_guaranteed, p->init_best_effort, (int)p->resize);
        cs_pod_free(f.pool, p);
        fixture_done(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_resources),
        cmocka_unit_test(test_qos_and_resize),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
