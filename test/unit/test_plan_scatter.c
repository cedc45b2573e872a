/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scatterStrategy (spec §6.3, 3): examples worked out by hand from the text of the spec, and what must hold for any candidates.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "test/unit/order_fixture.h"
#include "test/unit/plan_fixture.h"

#define SCATTER(terms) "{'updateStrategy':{'scatterStrategy':[" terms "]}}"
#define TERM(key, value) "{'key':'" key "','value':'" value "'}"

/* ---- one term: capital letters have the label, small ones have another value or none ---- */

static void add(struct od *d, char name, bool listed)
{
    char row[16];
    bool with = name >= 'A' && name <= 'Z';

    (void)snprintf(row, sizeof(row), "%c%s", name, with ? " k=v" : name % 2 ? " k=w" : "");
    (void)od_pod(d, row, listed);
}

static void one_term(struct od *d, const char *candidates, int other_m, int other_x)
{
    od_init(d, SCATTER(TERM("k", "v")));
    for (const char *p = candidates; *p; p++)
        add(d, *p, true);
    while (other_m-- > 0)
        add(d, 'Z', false);
    while (other_x-- > 0)
        add(d, 'z', false);
}

static void spec_6_3_examples_by_hand(void **state)
{
    static const struct {
        const char *why, *candidates;
        int m, x; /* Pods of the set besides, with and without the value */
        const char *then;
    } rows[] = {
        /* the last of M aside, m = 2, x = 6; TX/TM = 6/2 = x/m: grouping(2, 6) = 2 groups of 1 and 3 */
        {"the whole set: one of three and three", "ABCabcdef", 0, 0, "AabcBdefC"},
        {"in whatever order they come, M and X keep theirs", "aAbcBdeCf", 0, 0, "AabcBdefC"},
        /* m = 2, x = 3: 2 groups of 1 and round(1.5) = 2; the second has only one of X left */
        {"halves up", "ABCabc", 0, 0, "AabBcC"},
        /* m = 3, x = 4: 3 groups of 1 and round(1.33) = 1, then what is left of X */
        {"below the half down, the rest behind", "ABCDabcd", 0, 0, "AaBbCcdD"},
        /* m = 5, x = 2: 2 groups of round(2.5) = 3 and 1; the second has only two of M left */
        {"more of M than of X", "ABCDEFab", 0, 0, "ABCaDEbF"},
        /* m = 4, x = 3: 3 groups of round(1.33) = 1 and 1, then what is left of M */
        {"what is left of M", "ABCDEabc", 0, 0, "AaBbCcDE"},
        {"as many of both: m = 2, x = 3", "AaBbCc", 0, 0, "AabBcC"},
        {"M has one: unchanged", "aAbcd", 0, 0, "aAbcd"},
        {"M has none: unchanged", "badc", 3, 0, "badc"},
        {"X has one: unchanged", "AaBCD", 0, 0, "AaBCD"},
        {"X has none: unchanged", "BADC", 0, 3, "BADC"},
        {"the fewest that are scattered: m = 1, x = 2", "ABab", 0, 0, "AabB"},
        /* TM = 3-1, TX = 2+10: 6 > 2/2, so grouping(2, 2) */
        {"more of X were updated: the candidates' own proportion", "ABCab", 0, 10, "AaBbC"},
        /* TM = 2+4-1 = 5, TX = 4: 4/5 < 4/1; grouping(5, 4) = round(1.25) = 1 and 1; g = min(1, 4) = 1; r = 4-1 = 3 */
        {"more of M were updated: what is too much of X first", "ABabcd", 4, 0, "abcAdB"},
        /* TM = 2+8-1 = 9, TX = 2: 2/9 < 2/1; grouping(9, 2) = round(4.5) = 5 and 1; g = min(0, 2) = 0; r = 2 */
        {"no whole group of M is left", "ABab", 8, 0, "abAB"},
        /* TM = 4+4-1 = 7, TX = 12+2 = 14: 2 < 12/3; grouping(7, 14) = 1 and 2; g = min(3, 6) = 3; r = 12-6 = 6 */
        {"groups of the whole set's proportion", "ABCDabcdefghijkl", 4, 2, "abcdefAghBijCklD"},
        /* TM = 4+1-1 = 4, TX = 5+1 = 6: 6/4 < 5/3; grouping(4, 6) = 1 and 2; g = min(3, 2) = 2; r = 5-4 = 1 */
        {"no whole group of X is left", "ABCDabcde", 1, 1, "aAbcBdeCD"},
        /* TM = 8+2-1 = 9, TX = 3: 3/9 < 3/7; grouping(9, 3) = 3 and 1; g = min(2, 3) = 2; r = 1; one of M is left over */
        {"groups of three and one, the odd one of M behind", "ABCDEFGHabc", 2, 0, "aABCbDEFcGH"},
        /* TM = 3+1-1 = 3, TX = 3: 3/3 < 3/2; grouping(3, 3) = 1 and 1; g = 2; r = 1 */
        {"one of M was updated", "ABCabc", 1, 0, "aAbBcC"},
    };

    (void)state;
    for (size_t i = 0; i < CS_ARRAY_LEN(rows); i++) {
        struct od d;
        char got[OD_MAX] = "";

        one_term(&d, rows[i].candidates, rows[i].m, rows[i].x);
        cs_scatter(&d.o, d.list, d.n);
        for (uint32_t k = 0; k < d.n; k++)
            got[k] = d.list[k]->name[0];
        if (strcmp(got, rows[i].then) != 0)
            fail_msg("%s: %s became %s, not %s", rows[i].why, rows[i].candidates, got, rows[i].then);
        od_done(&d);
    }
}

/* ---- several terms ---- */

static void spec_6_3_several_terms(void **state)
{
#define SEVEN "a1 k=a; a2 k=a; a3 k=a; b1 k=b; b2 k=b; c1 k=c; c2 k=c"
#define THREE_THREE_TWO "a1 k=a; a2 k=a; a3 k=a; b1 k=b; b2 k=b; b3 k=b; c1; c2"
    static const struct {
        const char *why, *spec, *pods, *then;
    } rows[] = {
        {"none: unchanged", SCATTER(""), SEVEN, "a1 a2 a3 b1 b2 c1 c2"},
        /*
         * k=a has 3 candidates, k=b 2. k=a: a3 aside, 2 groups of 1 and 4/2: a1 b1 b2 a2 c1 c2 a3. k=b: b2 aside, 1 group of 1 and
         * 5: b1 a1 a2 c1 c2 a3 b2.
         */
        {"the one with more candidates first", SCATTER(TERM("k", "a") "," TERM("k", "b")), SEVEN,
            "b1 a1 a2 c1 c2 a3 b2"},
        {"whatever their order in the spec", SCATTER(TERM("k", "b") "," TERM("k", "a")), SEVEN, "b1 a1 a2 c1 c2 a3 b2"},
        {"one without candidates is dropped",
            SCATTER(TERM("k", "none") "," TERM("k", "b") "," TERM("nokey", "a") "," TERM("k", "a")), SEVEN,
            "b1 a1 a2 c1 c2 a3 b2"},
        /*
         * Both have 3. k=a: a3 aside, 2 groups of 1 and round(5/2) = 3: a1 b1 b2 b3 a2 c1 c2 a3. k=b: b3 aside, 2 groups of 1 and 3 of
         * a1 a2 c1 c2 a3: b1 a1 a2 c1 b2 c2 a3 b3.
         */
        {"of equals the first in the spec first", SCATTER(TERM("k", "a") "," TERM("k", "b")), THREE_THREE_TWO,
            "b1 a1 a2 c1 b2 c2 a3 b3"},
        /* k=b: b1 a1 a2 a3 b2 c1 c2 b3. k=a, of b1 b2 c1 c2 b3: a1 b1 b2 c1 a2 c2 b3 a3. */
        {"and the other way round", SCATTER(TERM("k", "b") "," TERM("k", "a")), THREE_THREE_TWO,
            "a1 b1 b2 c1 a2 c2 b3 a3"},
        /* zone=1: p3 aside; p1 and p2, each with two of q1 q2 q3 q4: p1 q1 q2 p2 q3 q4 p3. kind=x is on p3, q3: q3 first, p3 last. */
        {"terms of different keys", SCATTER(TERM("zone", "1") "," TERM("kind", "x")),
            "p1 zone=1; p2 zone=1; p3 zone=1 kind=x; q1; q2; q3 kind=x; q4", "q3 p1 q1 q2 p2 q4 p3"},
        {"a term twice (refused at admission) does no more",
            SCATTER(TERM("k", "a") "," TERM("k", "b") "," TERM("k", "a")), SEVEN, "b1 a1 a2 c1 c2 a3 b2"},
        {"an empty key (refused at admission) says nothing", SCATTER(TERM("", "a")), SEVEN, "a1 a2 a3 b1 b2 c1 c2"},
        {"an empty value is a value, not an absent label", SCATTER(TERM("k", "")), "a1 k=; a2 k=; b1; b2; c1",
            "a1 b1 b2 c1 a2"},
    };

    (void)state;
    for (size_t i = 0; i < CS_ARRAY_LEN(rows); i++) {
        struct od d;

        od_init(&d, rows[i].spec);
        od_pods(&d, rows[i].pods);
        cs_scatter(&d.o, d.list, d.n);
        if (strcmp(od_names(&d), rows[i].then) != 0)
            fail_msg("%s:\n  scattered: %s\n  wanted:    %s", rows[i].why, d.text, rows[i].then);
        od_done(&d);
    }
}

/* ---- any candidates ---- */

struct tally {
    uint32_t m, x; /* candidates before the scatter */
    uint32_t longest_m, longest_x; /* runs while both kinds are still to come, X's lead left out */
    uint32_t lead; /* X before the first M */
};

static bool is_m(const struct cs_view_pod *v)
{
    return v->pod->meta.labels.len > 0 && strcmp(v->pod->meta.labels.items[0].value, "v") == 0;
}

static struct tally tally_of(struct od *d)
{
    struct tally t = {0};
    uint32_t seen_m = 0, seen_x = 0, run = 0;

    for (uint32_t i = 0; i < d->n; i++) {
        t.m += is_m(d->list[i]);
        t.x += !is_m(d->list[i]);
    }
    while (t.lead < d->n && !is_m(d->list[t.lead]))
        t.lead++;
    seen_x = t.lead;
    for (uint32_t i = t.lead; i < d->n; i++) {
        bool m = is_m(d->list[i]);

        /* the one of M at the very end does not count as to come */
        if (seen_m + 1 >= t.m || seen_x >= t.x)
            break;
        run = i > t.lead && is_m(d->list[i - 1]) == m ? run + 1 : 1;
        seen_m += m;
        seen_x += !m;
        if (m && run > t.longest_m)
            t.longest_m = run;
        if (!m && run > t.longest_x)
            t.longest_x = run;
    }
    return t;
}

static void random_world(struct od *d, struct cs_rand *r, bool whole_set)
{
    uint32_t n = (uint32_t)cs_rand_below(r, 60);
    uint32_t share = (uint32_t)cs_rand_below(r, 101);

    od_init(d, SCATTER(TERM("k", "v")));
    for (uint32_t i = 0; i < n; i++) {
        char row[24];

        (void)snprintf(row, sizeof(row), "p%u%s", i, cs_rand_below(r, 100) < share ? " k=v" : " k=w");
        (void)od_pod(d, row, true);
    }
    for (uint64_t i = whole_set ? 0 : cs_rand_below(r, OD_MAX - n); i > 0; i--)
        (void)od_pod(d, cs_rand_below(r, 2) ? "z k=v" : "z", false);
}

/* Each Pod of the list once more: M and X in the order they had, the last of M at the very end. */
static void check_order(struct od *d, uint64_t seed)
{
    const struct cs_view_pod *last[2] = {NULL, NULL};

    for (uint32_t i = 0; i < d->n; i++) {
        bool m = is_m(d->list[i]);

        /* views are in the order in which the Pods were listed */
        if (last[m] && last[m] >= d->list[i])
            fail_msg("seed %llu: %s comes after %s", (unsigned long long)seed, d->list[i]->name, last[m]->name);
        last[m] = d->list[i];
    }
}

static void any_candidates_are_permuted_and_keep_their_order(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 5000; seed++) {
        struct cs_rand r = {seed};
        struct od d;
        bool seen[OD_MAX] = {false};
        struct tally t;

        random_world(&d, &r, seed % 2);
        cs_scatter(&d.o, d.list, d.n);
        for (uint32_t i = 0; i < d.n; i++) {
            ptrdiff_t at = d.list[i] - d.views;

            assert_true(at >= 0 && at < (ptrdiff_t)d.n && !seen[at]);
            seen[at] = true;
        }
        check_order(&d, seed);
        t = tally_of(&d);
        if (t.m > 1 && t.x > 1)
            assert_true(is_m(d.list[d.n - 1]));
        od_done(&d);
    }
}

/*
 * When the candidates are the whole set, no run of either kind is longer than its share, rounded up, and the first is one of M:
 * the update meets both kinds from its beginning.
 */
static void the_whole_set_is_spread_evenly(void **state)
{
    uint32_t scattered = 0;

    (void)state;
    for (uint64_t seed = 0; seed < 5000; seed++) {
        struct cs_rand r = {seed};
        struct od d;
        struct tally t;
        uint32_t m;

        random_world(&d, &r, true);
        cs_scatter(&d.o, d.list, d.n);
        t = tally_of(&d);
        m = t.m - 1;
        if (t.m > 1 && t.x > 1) {
            scattered++;
            if (t.lead != 0 || t.longest_m > (m > t.x ? (m + t.x - 1) / t.x : 1) ||
                t.longest_x > (t.x > m ? (t.x + m - 1) / m : 1))
                fail_msg("seed %llu: %u and %u Pods in runs of %u and %u after %u", (unsigned long long)seed, t.m, t.x,
                    t.longest_m, t.longest_x, t.lead);
        }
        od_done(&d);
    }
    assert_true(scattered > 3000);
}

/* Where scatter stands between the other parts of the order, and which Pods it counts. */
static void spec_6_3_scatter_in_the_whole_order(void **state)
{
    static const struct fx_row rows[] = {
        {"4 Pods, of which 2 have the value, two at once: one of each",
            "'replicas':4,'updateStrategy':{'maxUnavailable':2,'scatterStrategy':[" TERM("k", "v") "]}",
            "bbbbb old ready label:k=v; ccccc old ready label:k=v; ddddd old ready; fffff old ready", "",
            "mark-recreate bbbbb, mark-recreate ddddd"},
        {"without the strategy: by name", "'replicas':4,'updateStrategy':{'maxUnavailable':2}",
            "bbbbb old ready label:k=v; ccccc old ready label:k=v; ddddd old ready; fffff old ready", "",
            "mark-recreate bbbbb, mark-recreate ccccc"},
        {"after priorities: the heaviest of M, then X",
            "'replicas':4,'updateStrategy':{'maxUnavailable':2,'scatterStrategy':[" TERM("k",
                "v") "],"
                     "'priorityStrategy':{'weightPriority':[{'weight':7,'matchSelector':{'matchLabels':{'w':'1'}}}]}}",
            "bbbbb old ready label:k=v; ccccc old ready label:k=v label:w=1; ddddd old ready; fffff old ready "
            "label:w=1",
            "", "mark-recreate ccccc, mark-recreate fffff"},
        {"4: PreparingUpdate before scatter",
            "'replicas':4,'updateStrategy':{'maxUnavailable':2,'scatterStrategy':[" TERM("k", "v") "]}",
            "bbbbb old ready label:k=v; ccccc old ready label:k=v; ddddd old ready; fffff old ready "
            "state:PreparingUpdate",
            "", "mark-recreate fffff, mark-recreate bbbbb"},
        /* k=v: TM = 3-1, TX = 2; candidates m = 1, x = 2: 2/2 < 2/1; grouping(2, 2) = 1 and 1, g = 1, r = 1: X first */
        {"new Pods count, too: one with the value was updated, so one without is next",
            "'replicas':5,'updateStrategy':{'maxUnavailable':1,'scatterStrategy':[" TERM("k", "v") "]}",
            "bbbbb new ready label:k=v; ccccc old ready label:k=v; ddddd old ready label:k=v; fffff old ready; "
            "ggggg old ready",
            "", "mark-recreate fffff"},
        {"Pods that are not the set's any more do not count",
            "'replicas':4,'updateStrategy':{'maxUnavailable':1,'scatterStrategy':[" TERM("k", "v") "]}",
            "bbbbb new ready label:k=v terminating; ccccc old ready label:k=v; ddddd old ready label:k=v; "
            "fffff old ready; ggggg old ready",
            "", "mark-recreate ccccc"},
    };

    (void)state;
    FX_RUN(rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spec_6_3_examples_by_hand),
        cmocka_unit_test(spec_6_3_several_terms),
        cmocka_unit_test(any_candidates_are_permuted_and_keep_their_order),
        cmocka_unit_test(the_whole_set_is_spread_evenly),
        cmocka_unit_test(spec_6_3_scatter_in_the_whole_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
