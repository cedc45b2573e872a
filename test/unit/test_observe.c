/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the store to the planner's observation: what a Pod's Node is asked for (spec §5.6, D1).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "test/unit/controller_bed.h"

/* Metadata and the rest, with ' for ". */
static void show(struct bed *b, enum cs_kind k, const char *meta, const char *rest)
{
    cs_autofree char *text =
        cs_xasprintf("{'metadata':{%s,'uid':'u1','resourceVersion':'%d','generation':1},%s}", meta, ++b->rv, rest);

    for (char *p = text; *p; p++)
        *p = *p == '\'' ? '"' : *p;
    feed(b, k, text);
}

static void show_set(struct bed *b, const char *constraints)
{
    cs_autofree char *spec = cs_xasprintf("'spec':{'selector':{'matchLabels':{'app':'web'}},'template':{'metadata':{"
                                          "'labels':{'app':'web'}},'spec':{'topologySpreadConstraints':[%s]}}}",
        constraints);

    show(b, CS_K_SET, "'name':'web','namespace':'ns'", spec);
}

static void show_pod(struct bed *b, const char *name, const char *node, bool terminating)
{
    cs_autofree char *meta = cs_xasprintf(
        "'name':'%s','namespace':'ns','labels':{'apps.kruise.io/cloneset-instance-id':'bbbbb'},'ownerReferences':[{"
        "'apiVersion':'apps.kruise.io/v1alpha1','kind':'CloneSet','name':'web','uid':'u1','controller':true}]%s",
        name, terminating ? ",'deletionTimestamp':'2025-01-01T00:00:00Z'" : "");
    cs_autofree char *spec = cs_xasprintf("'spec':{'nodeName':'%s'}", node);

    show(b, CS_K_POD, meta, spec);
}

static void show_node(struct bed *b, bool ready)
{
    show(b, CS_K_NODE, "'name':'n1','labels':{'zone':'z1'}",
        ready ? "'status':{'conditions':[{'type':'Ready','status':'True'}]}" : "'status':{}");
}

static void observe(struct bed *b, struct cs_observation *ret)
{
    assert_true(cs_observe(&b->c, cs_run_of(&b->c, cs_store_set(&b->c.store, "u1")), ret));
}

static void spec_5_6_nodes_are_looked_up_when_topologies_ask(void **state)
{
    struct bed b;
    struct cs_observation o;

    (void)state;
    bed_start(&b);
    show_node(&b, true);
    show_set(&b, "");
    show_pod(&b, "web-bbbbb", "n1", false);
    observe(&b, &o);
    assert_int_equal(o.n_pods, 1);
    assert_null(o.pods[0].node);
    cs_observation_done(&o);

    show_set(&b, "{'topologyKey':'zone'}");
    observe(&b, &o);
    assert_non_null(o.pods[0].node);
    assert_string_equal(cs_pairs_get(&o.pods[0].node->meta.labels, "zone"), "z1");
    cs_observation_done(&o);

    show_pod(&b, "web-bbbbb", "n2", false); /* a Node that is not known */
    observe(&b, &o);
    assert_null(o.pods[0].node);
    cs_observation_done(&o);

    show_pod(&b, "web-bbbbb", "", false);
    observe(&b, &o);
    assert_null(o.pods[0].node);
    cs_observation_done(&o);
    bed_done(&b);
}

/* Spec §4.2: also those without controller that the selector matches; of others' never. */
static void spec_4_2_revisions_without_owner_are_used(void **state)
{
#define OWNED_BY(uid)                                                                                                  \
    ",'ownerReferences':[{'apiVersion':'apps.kruise.io/v1alpha1','kind':'CloneSet','name':'x','uid':'" uid             \
    "','controller':true}]"
    static const struct {
        const char *what, *meta;
        bool used;
    } rows[] = {
        {"the set's", "'name':'r','namespace':'ns','labels':{'app':'web'}" OWNED_BY("u1"), true},
        {"nobody's", "'name':'r','namespace':'ns','labels':{'app':'web'}", true},
        {"nobody's, with other labels", "'name':'r','namespace':'ns','labels':{'app':'other'}", false},
        {"nobody's, in another namespace", "'name':'r','namespace':'other','labels':{'app':'web'}", false},
        {"another set's", "'name':'r','namespace':'ns','labels':{'app':'web'}" OWNED_BY("u2"), false},
    };

    (void)state;
    for (size_t i = 0; i < CS_ARRAY_LEN(rows); i++) {
        struct cs_observation o;
        struct bed b;

        bed_start(&b);
        show_set(&b, "");
        show(&b, CS_K_REVISION, rows[i].meta, "'data':{},'revision':1");
        observe(&b, &o);
        if (o.n_revisions != rows[i].used)
            fail_msg("%s: %u", rows[i].what, o.n_revisions);
        cs_observation_done(&o);
        /* It finds an owner, or goes. */
        show(&b, CS_K_REVISION, "'name':'r','namespace':'ns','labels':{'app':'web'}" OWNED_BY("u2"),
            "'data':{},'revision':1");
        observe(&b, &o);
        assert_int_equal(o.n_revisions, 0);
        cs_observation_done(&o);
        show(&b, CS_K_REVISION, "'name':'r','namespace':'ns','labels':{'app':'web'}", "'data':{},'revision':1");
        cs_store_remove(&b.c.store, CS_K_REVISION, "ns", "r", NULL, 0);
        observe(&b, &o);
        assert_int_equal(o.n_revisions, 0);
        cs_observation_done(&o);
        bed_done(&b);
    }
}

static void d1_the_node_of_a_pod_that_ends_or_does_not_run_may_be_lost(void **state)
{
    static const struct {
        const char *node;
        bool terminating, ready, lost;
    } rows[] = {
        {"n1", true, true, false},
        {"n1", true, false, true},
        {"n2", true, true, true}, /* gone */
        {"", true, false, false}, /* never had one */
        {"n1", false, false, true}, /* not Ready: why is told */
        {"n1", false, true, false},
    };

    (void)state;
    for (size_t i = 0; i < CS_ARRAY_LEN(rows); i++) {
        struct bed b;
        struct cs_observation o;

        bed_start(&b);
        show_node(&b, rows[i].ready);
        show_set(&b, "");
        show_pod(&b, "web-bbbbb", rows[i].node, rows[i].terminating);
        observe(&b, &o);
        if (o.pods[0].node_lost != rows[i].lost)
            fail_msg("row %zu", i);
        cs_observation_done(&o);
        bed_done(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spec_5_6_nodes_are_looked_up_when_topologies_ask),
        cmocka_unit_test(spec_4_2_revisions_without_owner_are_used),
        cmocka_unit_test(d1_the_node_of_a_pod_that_ends_or_does_not_run_may_be_lost),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
