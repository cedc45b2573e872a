/* SPDX-License-Identifier: Apache-2.0 */
/*
 * priorityStrategy (spec §6.3, 2): weights and order keys, and that what admission refuses (§3.2 rule 16) has no effect.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/cloneset/validate.h"
#include "test/unit/order_fixture.h"
#include "test/unit/plan_fixture.h"

#define PRIORITY(members) "{'updateStrategy':{'priorityStrategy':{" members "}}}"
#define WEIGHTS(terms) PRIORITY("'weightPriority':[" terms "]")
#define WEIGHT(weight, selector) "{'weight':" #weight ",'matchSelector':" selector "}"
#define LABEL(key, value) "{'matchLabels':{'" key "':'" value "'}}"
#define EXPR(key, op, values) "{'matchExpressions':[{'key':'" key "','operator':'" op "','values':[" values "]}]}"
#define AND_EXPR(key, op, values)                                                                                      \
    "{'matchLabels':{'x':'1'},'matchExpressions':[{'key':'" key "','operator':'" op "','values':[" values "]}]}"
#define KEYS(keys) PRIORITY("'orderPriority':[" keys "]")
#define KEY(key) "{'orderedKey':'" key "'}"

struct row {
    const char *rule, *spec, *pods, *then;
};

static void run(const struct row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct od d;

        od_init(&d, rows[i].spec);
        od_pods(&d, rows[i].pods);
        cs_sort_by_priority(&d.set.spec, d.list, d.n);
        if (strcmp(od_names(&d), rows[i].then) != 0)
            fail_msg("%s:\n  sorted: %s\n  wanted: %s", rows[i].rule, d.text, rows[i].then);
        od_done(&d);
    }
}

static void spec_6_3_weights(void **state)
{
    static const struct row rows[] = {
        {"none: the order stays", "{}", "b x=1; a x=2", "b a"},
        {"an empty list: the order stays", PRIORITY("'weightPriority':[],'orderPriority':[]"), "b x=1; a x=2", "b a"},
        {"a match before none", WEIGHTS(WEIGHT(1, LABEL("x", "1"))), "a x=2; b x=1; c", "b a c"},
        {"the larger sum first", WEIGHTS(WEIGHT(20, LABEL("x", "1")) "," WEIGHT(10, LABEL("x", "2"))),
            "a; b x=2; c x=1", "c b a"},
        {"weights of all that match add up",
            WEIGHTS(WEIGHT(20, LABEL("x", "1")) "," WEIGHT(15, LABEL("y", "1")) "," WEIGHT(10, LABEL("z", "1"))),
            "a x=1; b y=1; c y=1 z=1; d x=1 z=1", "d c a b"},
        {"the same sum: as before", WEIGHTS(WEIGHT(20, LABEL("x", "1")) "," WEIGHT(20, LABEL("x", "2"))),
            "d x=2; a x=1; c; b x=2", "d a b c"},
        {"weight 0 says nothing", WEIGHTS(WEIGHT(0, LABEL("x", "1"))), "b; a x=1", "b a"},
        {"expressions: In", WEIGHTS(WEIGHT(5, EXPR("x", "In", "'1','2'"))), "a; b x=3; c x=2; d x=1", "c d a b"},
        {"expressions: NotIn matches an absent label", WEIGHTS(WEIGHT(5, EXPR("x", "NotIn", "'1'"))), "a x=1; b x=2; c",
            "b c a"},
        {"expressions: Exists", WEIGHTS(WEIGHT(5, EXPR("x", "Exists", ""))), "a; b x=1", "b a"},
        {"expressions: DoesNotExist", WEIGHTS(WEIGHT(5, EXPR("x", "DoesNotExist", ""))), "a x=1; b", "b a"},
        {"weights and keys (refused at admission): the weights", //
            PRIORITY("'weightPriority':[" WEIGHT(5, LABEL("x", "1")) "],'orderPriority':[" KEY("y") "]"),
            "a y=1; b y=2; c x=1 y=3", "c a b"},
        {"large sums do not overflow",
            WEIGHTS(WEIGHT(2147483647, LABEL("x", "1")) "," WEIGHT(2147483647, LABEL("y", "1"))), "a; b x=1; c x=1 y=1",
            "c b a"},
    };

    (void)state;
    run(rows, CS_ARRAY_LEN(rows));
}

static void spec_6_3_order_keys(void **state)
{
    static const struct row rows[] = {
        {"none of the keys comes first", KEYS(KEY("x")), "a x=1; b", "b a"},
        {"the first key's before the second's", KEYS(KEY("x") "," KEY("y")), "a y=9; b x=1; c", "c b a"},
        {"the first key that a Pod has counts", KEYS(KEY("x") "," KEY("y")), "a y=9; b x=1 y=10; c x=2", "c b a"},
        {"the larger number first", KEYS(KEY("x")), "a x=2; b x=10; c x=3", "b c a"},
        {"digits at the end", KEYS(KEY("x")), "a x=web-2; b x=db-10; c x=3", "b c a"},
        {"only those at the end", KEYS(KEY("x")), "a x=9-2; b x=8-3", "b a"},
        {"no digits at the end: 0", KEYS(KEY("x")), "a x=2b; b x=web; c x=1; d x=0", "c a b d"},
        {"an empty value: 0", KEYS(KEY("x")), "a x=; b x=1", "b a"},
        {"leading zeros are none", KEYS(KEY("x")), "a x=010; b x=9; c x=10; d x=0011", "d a c b"},
        {"2^63 and one more", KEYS(KEY("x")), "a x=9223372036854775807; b x=9223372036854775808", "b a"},
        {"2^64 and one less", KEYS(KEY("x")), "a x=18446744073709551615; b x=18446744073709551616", "b a"},
        {"as many digits as a label holds", KEYS(KEY("x")),
            "a x=999999999999999999999999999999999999999999999999999999999999998; b x=1; "
            "c x=999999999999999999999999999999999999999999999999999999999999999",
            "c a b"},
        {"the same number: as before", KEYS(KEY("x")), "c x=a-1; a x=b-1; b x=01", "c a b"},
        {"an empty key (refused at admission) says nothing", KEYS("{'orderedKey':''}," KEY("x")), "b x=1; a x=2",
            "a b"},
    };

    (void)state;
    run(rows, CS_ARRAY_LEN(rows));
}

static void spec_6_3_whole_order(void **state)
{
#define ONE_OF_FIVE "'replicas':5,'updateStrategy':{'maxUnavailable':1,"
    static const struct fx_row rows[] = {
        {"the heavier is updated first",
            ONE_OF_FIVE "'priorityStrategy':{'weightPriority':[" WEIGHT(9, LABEL("x", "1")) "]}}",
            "bbbbb old ready; ccccc old ready; ddddd old ready label:x=1; fffff old ready; ggggg old ready", "",
            "mark-recreate ddddd"},
        {"of the same weight the default order: recently Ready",
            ONE_OF_FIVE "'priorityStrategy':{'weightPriority':[" WEIGHT(9, LABEL("x", "1")) "]}}",
            "bbbbb old ready; ccccc old ready label:x=1; ddddd old ready label:x=1 since:100; fffff old ready; "
            "ggggg old ready",
            "", "mark-recreate ddddd"},
        {"none of the order keys: first", ONE_OF_FIVE "'priorityStrategy':{'orderPriority':[" KEY("x") "]}}",
            "bbbbb old ready label:x=1; ccccc old ready label:x=2; ddddd old ready; fffff old ready label:x=3; "
            "ggggg old ready label:x=4",
            "", "mark-recreate ddddd"},
        {"4: PreparingUpdate before priorities",
            ONE_OF_FIVE "'priorityStrategy':{'weightPriority':[" WEIGHT(9, LABEL("x", "1")) "]}}",
            "bbbbb old ready; ccccc old ready; ddddd old ready label:x=1; fffff old ready; "
            "ggggg old ready state:PreparingUpdate",
            "", "mark-recreate ggggg"},
        {"half-way before priorities: what is out of service for it is finished",
            ONE_OF_FIVE
            "'type':'InPlaceIfPossible','priorityStrategy':{'weightPriority':[" WEIGHT(9, LABEL("x", "1")) "]}}",
            "bbbbb old ready; ccccc old ready; ddddd old ready label:x=1; fffff old ready; ggggg old gate-off", "",
            "inplace-apply ggggg"},
        {"the partition keeps the lightest",
            "'replicas':3,'updateStrategy':{'partition':1,'maxUnavailable':3,'priorityStrategy':{'weightPriority':[" //
            WEIGHT(9, LABEL("x", "1")) "," WEIGHT(5, LABEL("x", "2")) "]}}",
            "bbbbb old ready label:x=2; ccccc old ready; ddddd old ready label:x=1", "",
            "mark-recreate ddddd, mark-recreate bbbbb"},
    };

    (void)state;
    FX_RUN(rows);
}

/* ---- no order keeps an update from its end ---- */

static const char *any_strategy(struct cs_rand *r)
{
    static const char *const of[] = {
        "'priorityStrategy':{'weightPriority':[" WEIGHT(9, LABEL("x", "1")) "," WEIGHT(5, LABEL("x", "2")) "]}",
        "'priorityStrategy':{'orderPriority':[" KEY("x") "]}",
        "'scatterStrategy':[{'key':'x','value':'1'}]",
        "'scatterStrategy':[{'key':'x','value':'1'},{'key':'x','value':'2'}],'priorityStrategy':{'orderPriority':[" KEY(
            "x") "]}",
    };

    return of[cs_rand_below(r, CS_ARRAY_LEN(of))];
}

/* One pass and its requests; what was deleted is there again at once, new and Ready. False: nothing was to be done. */
static bool play_recreation(struct fx *f)
{
    bool any = false;

    (void)fx_plan(f);
    for (uint32_t i = 0; i < f->plan.n; i++) {
        const struct cs_action *a = &f->plan.actions[i];
        uint32_t k = 0;

        while (k < f->o.n_pods && f->pods[k] != a->pod)
            k++;
        if (k == f->o.n_pods || (a->kind != CS_ACT_MARK_RECREATE && a->kind != CS_ACT_DELETE_POD))
            continue;
        any = true;
        f->pods[k]->specified_delete = a->kind == CS_ACT_MARK_RECREATE;
        if (a->kind != CS_ACT_DELETE_POD)
            continue;
        f->pods[k]->ready.status = CS_COND_TRUE;
        for (uint32_t v = 0; v < f->o.n_pods; v++)
            if (f->vpods[v].pod == a->pod)
                f->vpods[v].revision = "web-new";
    }
    return any;
}

static void spec_6_2_an_update_ends_whatever_the_order(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 300; seed++) {
        struct cs_rand r = {seed};
        uint32_t n = 2 + (uint32_t)cs_rand_below(&r, 7);
        uint32_t left = 0;
        struct fx f;
        cs_autofree char *spec = cs_xasprintf("'replicas':%u,'updateStrategy':{'maxUnavailable':%u,%s}", n,
            1 + (uint32_t)cs_rand_below(&r, 2), any_strategy(&r));

        fx_init(&f, spec);
        for (uint32_t i = 0; i < n; i++) {
            char row[64];

            (void)snprintf(row, sizeof(row), "bbbb%c old %s label:x=%u", 'b' + (int)i,
                cs_rand_below(&r, 3) ? "ready" : "unready", (uint32_t)cs_rand_below(&r, 3));
            (void)fx_pod(&f, row);
        }
        for (uint32_t rounds = 0; rounds < 4 * n && play_recreation(&f);)
            rounds++;
        for (uint32_t i = 0; i < n; i++)
            left += !cs_streq(f.vpods[i].revision, "web-new");
        if (left > 0)
            fail_msg("seed %llu: %u of %u Pods stay old with %s", (unsigned long long)seed, left, n, spec);
        fx_done(&f);
    }
}

/* Every selector is tried in admission and in the controller: it counts in the one when the other takes it. */
static void rule_16_admission_and_controller_agree(void **state)
{
    static const struct {
        const char *selector;
        bool valid;
    } rows[] = {
        {LABEL("x", "1"), true},
        {EXPR("x", "In", "'1'"), true},
        {EXPR("y", "NotIn", "'1'"), true},
        {EXPR("x", "Exists", ""), true},
        {EXPR("y", "DoesNotExist", ""), true},
        {"null", false},
        {"{}", false},
        {"{'matchLabels':{},'matchExpressions':[]}", false},
        {EXPR("x", "Is", "'1'"), false},
        {EXPR("x", "In", ""), false},
        {EXPR("x", "Exists", "'1'"), false},
        {EXPR("y", "DoesNotExist", "'1'"), false},
        /* these would match b alone, were it not for what is wrong with them */
        {AND_EXPR("", "DoesNotExist", ""), false},
        {AND_EXPR("a b", "DoesNotExist", ""), false},
        {AND_EXPR("y", "NotIn", ""), false},
        {AND_EXPR("y", "NotIn", "'a b'"), false},
    };

    (void)state;
    for (size_t i = 0; i < CS_ARRAY_LEN(rows); i++) {
        cs_autofree char *spec = cs_xasprintf(WEIGHTS("{'weight':5,'matchSelector':%s}"), rows[i].selector);
        cs_autofree char *object = cs_xasprintf("{'spec':%s}", spec);
        struct cs_texts errors = {0};
        cs_autojdoc doc = {0};
        bool refused = false;
        struct od d;

        for (char *p = object; *p; p++)
            *p = *p == '\'' ? '"' : *p;
        assert_true(cs_jdoc_parse(&doc, object, strlen(object), NULL, NULL));
        cs_validate_cloneset(cs_jdoc_root(&doc), &errors);
        for (size_t k = 0; k < errors.n; k++)
            refused = refused || strstr(errors.items[k], "priorityStrategy");
        /* b is matched by each of the valid ones, a by none of them */
        od_init(&d, spec);
        od_pods(&d, "a y=1; b x=1");
        cs_sort_by_priority(&d.set.spec, d.list, d.n);
        if (refused == rows[i].valid || (strcmp(od_names(&d), "b a") == 0) != rows[i].valid)
            fail_msg("%s: %s at admission, then %s", rows[i].selector, refused ? "refused" : "taken", d.text);
        od_done(&d);
        cs_texts_done(&errors);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spec_6_3_weights),
        cmocka_unit_test(spec_6_3_order_keys),
        cmocka_unit_test(spec_6_3_whole_order),
        cmocka_unit_test(spec_6_2_an_update_ends_whatever_the_order),
        cmocka_unit_test(rule_16_admission_and_controller_agree),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
