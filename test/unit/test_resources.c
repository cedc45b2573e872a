/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CPU and memory that a running Pod can follow (spec §6.4, §9: gate InPlaceWorkloadVerticalScaling): kinds of changes, QoS class, and
 * what an update is to change. Rows name what they are about; templates in single quotes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/cloneset/resources.h"
#include "test/unit/template_fixture.h"

#define RES(members) ",'resources':{" members "}"
#define LIM(cpu, mem) "'limits':{'cpu':'" cpu "','memory':'" mem "'}"
#define REQ(cpu, mem) "'requests':{'cpu':'" cpu "','memory':'" mem "'}"
#define BURST(limits, requests) CONTAINER(RES(limits "," requests))

/* "resources <path> | OTHER <path>"; then the flags. */
static char *told(const struct cs_template_diff *d)
{
    static const char *const kinds[] = {"metadata", "image", "resources", "OTHER"};
    cs_autostrbuf out = CS_STRBUF_INIT;

    for (size_t i = 0; i < d->n; i++) {
        const char *path = strstr(d->items[i].path, "resources");

        cs_strbuf_addf(&out, "%s%s %s", i ? " | " : "", kinds[d->items[i].kind], path ? path : d->items[i].path);
    }
    cs_strbuf_addf(&out, "%s%s%s%s", d->in_place ? "; in place" : "", d->resources_changed ? ", resized" : "",
        d->restarts ? ", restarts" : "", d->qos_changed ? "; QoS" : "");
    return cs_strbuf_take(&out, NULL);
}

struct diff_row {
    const char *what, *was, *is;
    bool gate;
    const char *told;
};

#define ON true
#define OFF false
#define A BURST(LIM("2", "2Gi"), REQ("1", "1Gi"))
#define POLICY(resource) ",'resizePolicy':[{'resourceName':'" resource "','restartPolicy':'RestartContainer'}]"
#define WITH(policy, cpu) CONTAINER(RES(LIM(cpu, "2Gi") "," REQ("1", "1Gi")) policy)

static const struct diff_row diff_rows[] = {
    {"gate off: as any other field", A, BURST(LIM("3", "2Gi"), REQ("1", "1Gi")), OFF, "OTHER resources.limits[cpu]"},
    {"a limit", A, BURST(LIM("3", "2Gi"), REQ("1", "1Gi")), ON, "resources resources.limits[cpu]; in place, resized"},
    {"a request", A, BURST(LIM("2", "2Gi"), REQ("1", "1500Mi")), ON,
        "resources resources.requests[memory]; in place, resized"},
    {"all four", A, BURST(LIM("4", "4Gi"), REQ("2", "2Gi")), ON,
        "resources resources.limits[cpu] | resources resources.limits[memory] | resources resources.requests[cpu] | "
        "resources resources.requests[memory]; in place, resized"},
    {"another spelling is no change", A, BURST(LIM("2000m", "2048Mi"), REQ("1.0", "1Gi")), ON, "; in place"},
    {"with an image", A, CONTAINERS("{'name':'c','image':'nginx:2'" RES(LIM("3", "2Gi") "," REQ("1", "1Gi")) "}"), ON,
        "image spec.template.spec.containers[0].image | resources resources.limits[cpu]; in place, resized, restarts"},
    {"with a label", A,
        "{'metadata':{'labels':{'a':'b'}},'spec':{'containers':[{'name':'c','image':'nginx:1'" RES(
            LIM("3", "2Gi") "," REQ("1", "1Gi")) "}]}}",
        ON, "metadata spec.template.metadata.labels[a] | resources resources.limits[cpu]; in place, resized"},
    {"with anything else", A, CONTAINER(RES(LIM("3", "2Gi") "," REQ("1", "1Gi")) ",'tty':true"), ON,
        "resources resources.limits[cpu] | OTHER spec.template.spec.containers[0].tty, resized"},
    {"a limit more", CONTAINER(RES("'limits':{'cpu':'2'},'requests':{'cpu':'1','memory':'1Gi'}")), A, ON,
        "OTHER resources.limits[memory]"},
    {"a limit less", A, CONTAINER(RES("'limits':{'cpu':'2'},'requests':{'cpu':'1','memory':'1Gi'}")), ON,
        "OTHER resources.limits[memory]"},
    {"a request more, without a limit", CONTAINER(RES("'requests':{'cpu':'1'}")), CONTAINER(RES(REQ("1", "1Gi"))), ON,
        "OTHER resources.requests[memory]"},
    {"the first resources", CONTAINER(""), A, ON,
        "OTHER resources.limits[cpu] | OTHER resources.limits[memory] | OTHER resources.requests[cpu] | OTHER "
        "resources.requests[memory]"},
    {"another resource", CONTAINER(RES("'limits':{'cpu':'2','example.com/gpu':'1'},'requests':{'cpu':'1'}")),
        CONTAINER(RES("'limits':{'cpu':'2','example.com/gpu':'2'},'requests':{'cpu':'1'}")), ON,
        "OTHER resources.limits[example.com/gpu]"},
    {"an init container's", SPEC("'initContainers':[{'name':'i'" RES(REQ("1", "1Gi")) "}],'containers':[{'name':'c'}]"),
        SPEC("'initContainers':[{'name':'i'" RES(REQ("2", "1Gi")) "}],'containers':[{'name':'c'}]"), ON,
        "OTHER resources.requests[cpu]"},
    {"of a container that moved", CONTAINERS("{'name':'a'" RES(REQ("1", "1Gi")) "},{'name':'b'}"),
        CONTAINERS("{'name':'b'},{'name':'a'" RES(REQ("2", "1Gi")) "}"), ON,
        "OTHER spec.template.spec.containers | OTHER resources.requests[cpu]"},
    {"a claim's size is no such thing",
        SPEC("'volumes':[{'name':'v','ephemeral':{'volumeClaimTemplate':{'spec':{"
             "'resources':{'requests':{"
             "'memory':'1'}}}}}}],'containers':[{'name':'c'" RES(REQ("1", "1Gi")) "}]"),
        SPEC("'volumes':[{'name':'v','ephemeral':{'volumeClaimTemplate':{'spec':{"
             "'resources':{'requests':{"
             "'memory':'2'}}}}}}],'containers':[{'name':'c'" RES(REQ("1", "1Gi")) "}]"),
        ON, "OTHER resources.requests[memory]"},

    /* Effective values: a request that is not given is the limit. */
    {"limits alone, both change", CONTAINER(RES(LIM("1", "1Gi"))), CONTAINER(RES(LIM("2", "1Gi"))), ON,
        "resources resources.limits[cpu]; in place, resized"},
    {"a limit grows and the request stays as it was written", BURST(LIM("1", "2Gi"), REQ("1", "1Gi")),
        BURST(LIM("2", "2Gi"), REQ("1", "1Gi")), ON,
        "resources resources.limits[cpu] | resources resources.requests[cpu]; in place, resized"},
    {"a request is written below its limit for the first time",
        CONTAINER(RES("'limits':{'cpu':'1'},'requests':{'memory':'1Gi'}")),
        CONTAINER(RES("'limits':{'cpu':'1'},'requests':{'cpu':'500m','memory':'1Gi'}")), ON,
        "resources resources.requests[cpu]; in place, resized"},

    /* The QoS class comes first. */
    {"Burstable to Guaranteed", A, BURST(LIM("2", "2Gi"), REQ("2", "2Gi")), ON,
        "OTHER resources.requests[cpu] | OTHER resources.requests[memory]; QoS"},
    {"Guaranteed to Burstable", CONTAINER(RES(LIM("2", "2Gi"))), BURST(LIM("2", "2Gi"), REQ("1", "2Gi")), ON,
        "OTHER resources.requests[cpu]; QoS"},
    {"BestEffort to Burstable", CONTAINER(RES("'requests':{'cpu':'0'}")), CONTAINER(RES("'requests':{'cpu':'1'}")), ON,
        "OTHER resources.requests[cpu]; QoS"},
    {"Guaranteed stays it", CONTAINER(RES(LIM("2", "2Gi"))), CONTAINER(RES(LIM("3", "1Gi"))), ON,
        "resources resources.limits[cpu] | resources resources.limits[memory]; in place, resized"},
    {"a sidecar of the template keeps it Burstable",
        CONTAINERS("{'name':'c'" RES(LIM("2", "2Gi") "," REQ("1", "2Gi")) "},{'name':'s'}"),
        CONTAINERS("{'name':'c'" RES(LIM("2", "2Gi") "," REQ("2", "2Gi")) "},{'name':'s'}"), ON,
        "resources resources.requests[cpu]; in place, resized"},

    /* resizePolicy */
    {"a restart that is asked for", WITH(POLICY("cpu"), "2"), WITH(POLICY("cpu"), "3"), ON,
        "resources resources.limits[cpu]; in place, resized, restarts"},
    {"a restart for the other resource", WITH(POLICY("memory"), "2"), WITH(POLICY("memory"), "3"), ON,
        "resources resources.limits[cpu]; in place, resized"},
    {"another policy", WITH(POLICY("cpu"), "2"), WITH("", "2"), ON,
        "OTHER spec.template.spec.containers[0].resizePolicy"},

    /* What the API server resizes never. */
    {"resources of the Pod",
        SPEC("'resources':{'limits':{'cpu':'9'}},'containers':[{'name':'c'" RES(REQ("1", "1Gi")) "}]"),
        SPEC("'resources':{'limits':{'cpu':'9'}},'containers':[{'name':'c'" RES(REQ("2", "1Gi")) "}]"), ON,
        "OTHER resources.requests[cpu]"},
    {"Windows", SPEC("'os':{'name':'windows'},'containers':[{'name':'c'" RES(REQ("1", "1Gi")) "}]"),
        SPEC("'os':{'name':'windows'},'containers':[{'name':'c'" RES(REQ("2", "1Gi")) "}]"), ON,
        "OTHER resources.requests[cpu]"},
};

static void spec_6_4_which_changes_of_resources_are_in_place(void **state)
{
    (void)state;
    for (size_t i = 0; i < CS_ARRAY_LEN(diff_rows); i++) {
        const struct diff_row *row = &diff_rows[i];
        cs_autojtree *a = normal_form(row->was);
        cs_autojtree *b = normal_form(row->is);
        CS_CLEANUP(cs_template_diff_done) struct cs_template_diff d;

        cs_template_diff(a, b, row->gate, &d);
        cs_autofree char *got = told(&d);
        if (!cs_streq(got, row->told))
            fail_msg("%s:\n  %s\nnot\n  %s", row->what, got, row->told);
        assert_int_equal(cs_template_diff_blocker(&d) == NULL, d.in_place);
    }
}

static void the_qos_class_is_the_servers(void **state)
{
    static const struct {
        const char *what, *tmpl;
        enum cs_qos qos;
    } rows[] = {
        {"nothing asked for", CONTAINER(""), CS_QOS_BEST_EFFORT},
        {"zeros ask for nothing", CONTAINER(RES("'requests':{'cpu':'0'},'limits':{'memory':'0'}")), CS_QOS_BEST_EFFORT},
        {"other resources do not count", CONTAINER(RES("'limits':{'example.com/gpu':'1'}")), CS_QOS_BEST_EFFORT},
        {"a request", CONTAINER(RES("'requests':{'cpu':'1m'}")), CS_QOS_BURSTABLE},
        {"a limit of one resource", CONTAINER(RES("'limits':{'cpu':'1'}")), CS_QOS_BURSTABLE},
        {"limits of both", CONTAINER(RES(LIM("1", "1Gi"))), CS_QOS_GUARANTEED},
        {"requests equal to limits by value", BURST(LIM("1", "1Gi"), REQ("1000m", "1024Mi")), CS_QOS_GUARANTEED},
        {"a request below its limit", BURST(LIM("1", "1Gi"), REQ("1", "1Mi")), CS_QOS_BURSTABLE},
        {"a second container without limits", CONTAINERS("{'name':'a'" RES(LIM("1", "1Gi")) "},{'name':'b'}"),
            CS_QOS_BURSTABLE},
        {"an init container without limits",
            SPEC("'initContainers':[{'name':'i'}],'containers':[{'name':'a'" RES(LIM("1", "1Gi")) "}]"),
            CS_QOS_BURSTABLE},
        {"all of them limited",
            SPEC("'initContainers':[{'name':'i'" RES(LIM("1", "1Gi")) "}],'containers':[{'name':'a'" RES(
                LIM("2", "2Gi")) "}]"),
            CS_QOS_GUARANTEED},
        {"an init container alone asks",
            SPEC("'initContainers':[{'name':'i'" RES(REQ("1", "1Gi")) "}],'containers':[{'name':'a'}]"),
            CS_QOS_BURSTABLE},
    };

    (void)state;
    for (size_t i = 0; i < CS_ARRAY_LEN(rows); i++) {
        cs_autojtree *t = normal_form(rows[i].tmpl);

        if (cs_template_qos(t) != rows[i].qos)
            fail_msg("%s: %s", rows[i].what, cs_qos_name(cs_template_qos(t)));
    }
}

/* ---- what an update is to change ---- */

static char *written(const struct cs_resize *r)
{
    cs_autostrbuf out = CS_STRBUF_INIT;
    struct cs_jw w;

    cs_jw_init(&w, &out);
    cs_resize_write(r, &w);
    for (char *p = out.data; p && *p; p++)
        *p = *p == '"' ? '\'' : *p;
    return cs_strbuf_take(&out, NULL);
}

static void parse(const char *text, struct cs_resize *ret)
{
    autosample s = sample_of(text);

    cs_resize_parse(sample_root(&s), ret);
}

#define TWO(a, b) CONTAINERS("{'name':'a'" RES(a) "},{'name':'b'" RES(b) "}")

static void an_update_changes_effective_values(void **state)
{
    static const struct {
        const char *what, *from, *to, *before, *made;
    } rows[] = {
        {"nothing", TWO(REQ("1", "1Gi"), ""), TWO(REQ("1", "1Gi"), ""), "{}", "{}"},
        {"one value", TWO(REQ("1", "1Gi"), ""), TWO(REQ("2", "1Gi"), ""), "{}", "{'a':{'requests':{'cpu':'2'}}}"},
        {"limits alone change requests too", TWO(LIM("1", "1Gi"), ""), TWO(LIM("2", "1Gi"), ""), "{}",
            "{'a':{'limits':{'cpu':'2'},'requests':{'cpu':'2'}}}"},
        {"a limit grows away from its request", TWO(LIM("1", "1Gi"), ""),
            TWO(LIM("2", "1Gi") ",'requests':{'cpu':'1'}", ""), "{}", "{'a':{'limits':{'cpu':'2'}}}"},
        {"two containers", TWO(REQ("1", "1Gi"), REQ("1", "1Gi")), TWO(REQ("1", "2Gi"), REQ("2", "1Gi")), "{}",
            "{'a':{'requests':{'memory':'2Gi'}},'b':{'requests':{'cpu':'2'}}}"},
        {"what the overtaken update had not done goes along, with the value that is wanted now",
            TWO(REQ("2", "1Gi"), REQ("1", "1Gi")), TWO(REQ("2", "1Gi"), REQ("1", "3Gi")),
            "{'a':{'requests':{'cpu':'7'}}}", "{'a':{'requests':{'cpu':'2'}},'b':{'requests':{'memory':'3Gi'}}}"},
        {"of a container that is not there any more nothing goes along", TWO(REQ("2", "1Gi"), ""),
            TWO(REQ("2", "1Gi"), ""), "{'x':{'requests':{'cpu':'7'}},'b':{'limits':{'cpu':'7'}}}", "{}"},
    };

    (void)state;
    for (size_t i = 0; i < CS_ARRAY_LEN(rows); i++) {
        cs_autojtree *from = normal_form(rows[i].from);
        cs_autojtree *to = normal_form(rows[i].to);
        cs_autoresize before;
        cs_autoresize made;

        parse(rows[i].before, &before);
        cs_resize_make(from, to, &before, &made);
        cs_autofree char *got = written(&made);
        if (!cs_streq(got, rows[i].made))
            fail_msg("%s:\n  %s\nnot\n  %s", rows[i].what, got, rows[i].made);
    }
}

static void annotations_are_read_leniently(void **state)
{
    static const struct {
        const char *text, *read;
    } rows[] = {
        {"{'c':{'limits':{'cpu':'2','memory':'1Gi','example.com/gpu':'1'},'claims':[]}}",
            "{'c':{'limits':{'cpu':'2','memory':'1Gi'}}}"},
        {"{'c':{'requests':{'cpu':2}}}", "{'c':{'requests':{'cpu':'2'}}}"},
        {"{'c':null,'d':7,'e':{'limits':[]}}", "{'c':{},'d':{},'e':{}}"},
        {"[]", "{}"},
        {"null", "{}"},
    };

    (void)state;
    for (size_t i = 0; i < CS_ARRAY_LEN(rows); i++) {
        cs_autoresize r;

        parse(rows[i].text, &r);
        cs_autofree char *got = written(&r);
        assert_string_equal(got, rows[i].read);
    }
}

static void values_are_compared_by_what_they_mean(void **state)
{
    (void)state;
    assert_true(cs_cell_same("1", "1000m"));
    assert_true(cs_cell_same("1Gi", "1073741824"));
    assert_false(cs_cell_same("1", "1001m"));
    assert_false(cs_cell_same("1", NULL));
    assert_true(cs_cell_same(NULL, NULL));
    assert_true(cs_cell_same("nonsense", "nonsense"));
    assert_false(cs_cell_same("nonsense", "1"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spec_6_4_which_changes_of_resources_are_in_place),
        cmocka_unit_test(the_qos_class_is_the_servers),
        cmocka_unit_test(an_update_changes_effective_values),
        cmocka_unit_test(annotations_are_read_leniently),
        cmocka_unit_test(values_are_compared_by_what_they_mean),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
