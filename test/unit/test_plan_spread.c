/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ranks of scale-in (spec §5.6, criterion 6): crowded nodes are thinned out, and with topologySpreadConstraints the biggest
 * domains.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

#include "test/unit/order_fixture.h"
#include "test/unit/plan_fixture.h"

#define NODES 6

struct world {
    struct od d;
    struct cs_node nodes[NODES];
    struct cs_pair pairs[NODES][3];
    char names[NODES][4];
    const char *keys[4];
};

/* A Pod's row is its name and node, "a n1"; "a n9" is on a Node that is not known, "a -" on none. */
static void place(struct world *w, const char *row)
{
    char name[8], node[8];
    struct cs_view_pod *v;
    struct cs_pod *p;

    assert_int_equal(sscanf(row, "%7s %7s", name, node), 2);
    v = od_pod(&w->d, name, true);
    p = &w->d.pods[v - w->d.views];
    p->node = strcmp(node, "-") == 0 ? NULL : "n9";
    for (uint32_t i = 0; i < NODES; i++)
        if (strcmp(w->names[i], node) == 0) {
            v->node = &w->nodes[i];
            p->node = w->names[i];
        }
}

/*
 * keys: of the constraints, NULL-terminated. Nodes n1 and n2 are in zone 1, n3 and n4 in zone 2, n5 in zone 3, n6 in none; racks are
 * odd and even; n3 and n4 go by the same host name.
 */
static void world_init(struct world *w, const char *const *keys)
{
    static const char *const zones[NODES] = {"1", "1", "2", "2", "3", NULL};

    *w = (struct world){0};
    od_init(&w->d, "{}");
    for (uint32_t i = 0; i < NODES; i++) {
        struct cs_pairs *labels = &w->nodes[i].meta.labels;

        (void)snprintf(w->names[i], sizeof(w->names[i]), "n%u", i + 1);
        labels->items = w->pairs[i];
        labels->items[labels->len++] = (struct cs_pair){"kubernetes.io/hostname", w->names[i == 3 ? 2 : i]};
        labels->items[labels->len++] = (struct cs_pair){"rack", i % 2 ? "even" : "odd"};
        if (zones[i])
            labels->items[labels->len++] = (struct cs_pair){"zone", zones[i]};
    }
    while (keys[w->d.set.n_topology_keys]) {
        w->keys[w->d.set.n_topology_keys] = keys[w->d.set.n_topology_keys];
        w->d.set.n_topology_keys++;
    }
    w->d.set.topology_keys = w->keys;
}

static void spec_5_6_ranks(void **state)
{
    /* ln(t + 2) for t domains */
    const double one = log(3), two = log(4), three = log(5);
    const struct {
        const char *why, *keys[4], *pods[8]; /* in the order in which they are to go */
        double ranks[8];
    } rows[] = {
        {"no constraint: the i-th of the first c-1 on a node has c-1-i", {NULL},
            {"c n1", "d n1", "a n2", "b n3", "e n1"}, {2, 1, 0, 0, 0}},
        {"no constraint: without node no rank, and first for criterion 1", {NULL},
            {"y -", "z -", "b n1", "a n2", "c n1"}, {0, 0, 1, 0, 0}},
        {"no constraint: a node that nobody knows is a node", {NULL}, {"b n9", "a n1", "c n9"}, {1, 0, 0}},
        {"one domain: ln 3", {"zone"}, {"a n1", "b n2"}, {2 * one, 1 * one}},
        {"the bigger of two domains first: ln 4", {"zone"}, {"d n1", "e n2", "a n3", "f n1"},
            {3 * two, 2 * two, two, two}},
        {"three domains: ln 5", {"zone"}, {"b n1", "a n5", "c n2", "d n3"}, {2 * three, three, three, three}},
        {"within a domain the crowded node first", {"zone"}, {"b n1", "a n2", "c n1"}, {3 * one, 2 * one, one}},
        {"a Pod whose Node is not known has no rank", {"zone"}, {"b n1", "c n2", "a n9"}, {2 * one, one, 0}},
        {"not even that of its node", {"zone"}, {"b n1", "c n2", "a n9", "d n9"}, {2 * one, one, 0, 0}},
        {"nor has one whose Node lacks the label, and it is no domain", {"zone"}, {"b n1", "c n2", "a n6"},
            {2 * one, one, 0}},
        {"a label that no Node has", {"nothing"}, {"a n1", "b n1", "c n3"}, {0, 0, 0}},
        /* zone: 1 has b (alone with same-node rank), c, d; 2 has a. rack: odd has b, a, d; even has c */
        {"constraints add up", {"zone", "rack"}, {"b n1", "a n3", "c n2", "d n1"},
            {(3 + 3) * two, (1 + 2) * two, (2 + 1) * two, (1 + 1) * two}},
        {"within a zone of one host's name the crowded node first", {"zone"}, {"b n3", "a n4", "c n3"},
            {3 * one, 2 * one, one}},
        {"not so within a host", {"kubernetes.io/hostname"}, {"a n4", "b n3", "c n3"}, {3 * one, 2 * one, one}},
        {"a key twice counts twice", {"zone", "zone"}, {"a n1", "b n1", "c n3"}, {4 * two, 2 * two, 2 * two}},
    };

    (void)state;
    for (size_t i = 0; i < CS_ARRAY_LEN(rows); i++) {
        struct world w;

        world_init(&w, rows[i].keys);
        for (size_t k = 8; k > 0; k--)
            if (rows[i].pods[k - 1])
                place(&w, rows[i].pods[k - 1]);
        cs_rank_for_delete(&w.d.o, w.d.list, w.d.n);
        for (uint32_t k = 0; k < w.d.n; k++)
            if (w.d.list[k]->name[0] != rows[i].pods[k][0] || fabs(w.d.list[k]->rank - rows[i].ranks[k]) > 1e-9)
                fail_msg("%s: %s has rank %.3f; %c was to come with %.3f; order: %s", rows[i].why, w.d.list[k]->name,
                    w.d.list[k]->rank, rows[i].pods[k][0], rows[i].ranks[k], od_names(&w.d));
        od_done(&w.d);
    }
}

/* ---- any Pods ---- */

/* So many of the list are in each of the first `domains` places. */
static void count_places(const struct od *d, uint32_t from, const uint8_t *of, uint32_t *counts)
{
    memset(counts, 0, NODES * sizeof(counts[0]));
    for (uint32_t i = from; i < d->n; i++)
        counts[of[d->list[i] - d->views]]++;
}

/*
 * Whatever number goes, of Pods that differ in nothing but their place: a place that lost one was not smaller than any other
 * before, so it is at most one below those that are left. Places: nodes without constraint, zones with one.
 */
static void spec_5_6_places_are_evened_out(void **state)
{
    static const char *const zone[] = {"zone", NULL};
    static const uint8_t zone_of[] = {0, 0, 1, 1, 2};

    (void)state;
    for (uint64_t seed = 0; seed < 2000; seed++) {
        struct cs_rand r = {seed};
        bool zones = seed % 2;
        uint8_t of[OD_MAX] = {0};
        uint32_t before[NODES], after[NODES];
        uint32_t gone;
        struct world w;

        world_init(&w, zones ? zone : zone + 1);
        for (uint64_t n = 1 + cs_rand_below(&r, 40); n > 0; n--) {
            uint8_t node = (uint8_t)cs_rand_below(&r, 1 + cs_rand_below(&r, 5));
            char row[16];

            (void)snprintf(row, sizeof(row), "%c%c n%u", 'a' + (int)(n % 26), 'a' + (int)(n / 26), node + 1U);
            of[w.d.n] = zones ? zone_of[node] : node;
            place(&w, row);
        }
        cs_rank_for_delete(&w.d.o, w.d.list, w.d.n);
        gone = (uint32_t)cs_rand_below(&r, w.d.n + 1);
        count_places(&w.d, 0, of, before);
        count_places(&w.d, gone, of, after);
        for (uint32_t i = 0; i < NODES; i++)
            for (uint32_t k = 0; k < NODES; k++)
                if (after[i] < before[i] && after[k] > after[i] + 1)
                    fail_msg("seed %llu: one of %u lost %u, another keeps %u", (unsigned long long)seed, before[i],
                        before[i] - after[i], after[k]);
        od_done(&w.d);
    }
}

/* The same through the planner, which passes the template's keys on. */
static void spec_5_6_scale_in_takes_from_the_biggest_zone(void **state)
{
#define SPREAD_TEMPLATE                                                                                                \
    "{'metadata':{'labels':{'app':'web'}},'spec':{'containers':[{'name':'c','image':'nginx:2'}],"                      \
    "'topologySpreadConstraints':[{'maxSkew':1,'topologyKey':'zone','whenUnsatisfiable':'DoNotSchedule'}]}}"
    struct world w;
    struct fx f;

    (void)state;
    world_init(&w, (const char *const[]){NULL});
    for (int spread = 0; spread < 2; spread++) {
        fx_empty(&f);
        fx_set(&f, "'replicas':4", spread ? SPREAD_TEMPLATE : FX_NEW, "'currentRevision':'web-new'");
        fx_revision(&f, "web-new", 2, spread ? SPREAD_TEMPLATE : FX_NEW);
        /* two on one node of zone 2, four on their own in zone 1, which have been Ready for longer */
        fx_rows(&f,
            "bbbbb new ready node:m1; ccccc new ready node:m2; ddddd new ready node:m3; fffff new ready node:m4;"
            " ggggg new ready node:m5 since:99; hhhhh new ready node:m5 since:99",
            false);
        for (uint32_t i = 0; i < 6; i++)
            f.vpods[i].node = &w.nodes[i < 4 ? 0 : 2];
        assert_string_equal(
            fx_plan(&f), spread ? "delete-pod bbbbb, delete-pod ccccc" : "delete-pod ggggg, delete-pod hhhhh");
        fx_done(&f);
    }
    od_done(&w.d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spec_5_6_ranks),
        cmocka_unit_test(spec_5_6_places_are_evened_out),
        cmocka_unit_test(spec_5_6_scale_in_takes_from_the_biggest_zone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
