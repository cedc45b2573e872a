/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What must hold for any set that admission lets through (issue 4; users.md U-03, U-04, U-20, U-21, U-23 to U-25): thousands of
 * random sets, each run in the mini world of fleet.h until nothing moves any more. A failing seed prints itself and its end; run
 * it alone with SEED=n in the environment.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "test/unit/fleet_wish.h"

static const struct fleet_template old_tmpl = {1, 1, 1};

/* ---- random sets ---- */

static int below(struct fleet *w, int n)
{
    return fleet_between(w, 0, n - 1);
}

static struct fleet_number random_number(struct fleet *w, int max, bool often)
{
    switch (below(w, often ? 3 : 6)) {
    case 0:
        return (struct fleet_number){FLEET_INT, fleet_between(w, 0, max)};
    case 1:
        return (struct fleet_number){
            FLEET_PERCENT, below(w, 4) ? fleet_between(w, 0, 100) : fleet_between(w, 0, 3) * 50};
    default:
        return (struct fleet_number){FLEET_ABSENT, 0};
    }
}

static struct fleet_strategy random_strategy(struct fleet *w, int n)
{
    static const char *const types[] = {
        NULL, "ReCreate", "InPlaceIfPossible", "InPlaceIfPossible", "InPlaceOnly", "InPlaceOnly", "OnDelete"};

    const char *type = types[below(w, (int)CS_ARRAY_LEN(types))];
    bool surges = !type || strcmp(type, "InPlaceOnly") != 0 || below(w, 20) == 0; /* refused otherwise */

    return (struct fleet_strategy){
        .n = n,
        .type = type,
        .partition = random_number(w, n + 2, false),
        .unavailable = random_number(w, n + 1, true),
        .surge = surges ? random_number(w, 5, true) : (struct fleet_number){FLEET_ABSENT, 0},
        .cap = below(w, 3) ? (struct fleet_number){FLEET_ABSENT, 0} : random_number(w, 3, true),
        .paused = below(w, 8) == 0,
        .min_ready = below(w, 3) ? 0 : fleet_between(w, 1, 30),
        .grace = below(w, 2) ? 0 : fleet_between(w, 1, 5),
        .claims = below(w, 2),
    };
}

static void random_pace(struct fleet *w)
{
    w->start_min = fleet_between(w, 0, 2);
    w->start_max = w->start_min + (below(w, 2) ? 0 : 20);
    w->stop_max = below(w, 2) ? 0 : 10;
    w->lag_max = below(w, 2) ? 0 : 3;
    w->window = below(w, 2) ? 1 << below(w, 5) : INT32_MAX;
}

static struct fleet_template random_template(struct fleet *w)
{
    static const struct fleet_template all[] = {
        {1, 1, 1}, {2, 1, 1}, {2, 1, 1}, {2, 2, 1}, {1, 1, 2}, {3, 1, 1}, {3, 2, 2}};

    return all[below(w, (int)CS_ARRAY_LEN(all))];
}

/* Of what is random: how many sets admission refused, and how many came to which end. */
struct tally {
    unsigned refused, done, limited, blocked, impossible;
};

static void count_end(struct fleet *w, struct tally *t)
{
    t->done++;
    t->limited += fleet_said(w, "ScaleUpLimited");
    t->blocked += fleet_said(w, "UpdateLimited");
    t->impossible += w->fx.plan.failed_update[0] != '\0';
}

/*
 * Healthy Pods of one template, a rollout to another, and up to three edits on the way: another template (often the first again),
 * another strategy, other replicas. Whatever is edited when: no Pod is taken out of service beyond the limits of its moment, and the
 * end is that of the last edit.
 */
static void run_random(uint64_t seed, int n, struct tally *t)
{
    struct fleet w;
    struct fleet_strategy s;
    struct fleet_want want;
    int edits;
    bool plain;

    fleet_init(&w, seed);
    random_pace(&w);
    s = random_strategy(&w, n);
    edits = below(&w, 4);
    if (!fleet_wish(&w, &s, old_tmpl, false, &want)) {
        t->refused++;
        fleet_done(&w);
        return;
    }
    fleet_add(&w, below(&w, 5) ? n : below(&w, n + 3), old_tmpl);
    fleet_set_current(&w, old_tmpl);
    (void)fleet_wish(&w, &s, random_template(&w), false, &want);
    plain = edits == 0 && (int)w.n_pods == n && fleet_at(&w, w.live) == 0;
    for (int i = 0; i < edits; i++) {
        struct fleet_strategy other =
            below(&w, 2) ? s : random_strategy(&w, below(&w, 4) ? n : fleet_between(&w, 0, n + 5));

        for (int steps = below(&w, 60); steps > 0 && fleet_step(&w) != FLEET_QUIET; steps--)
            ;
        other.claims = s.claims;
        if (fleet_wish(&w, &other, below(&w, 3) ? random_template(&w) : old_tmpl, false, &want))
            s = other;
        else
            (void)fleet_wish(&w, &s, w.live, true, &want);
    }
    fleet_run(&w);
    fleet_check_end(&w, &want);
    if (plain && !want.paused && !want.on_delete && w.fx.plan.n_notes == 0 && !w.fx.plan.failed_update[0] &&
        fleet_at(&w, w.live) != want.n - want.partition)
        fleet_fail(&w, "%d Pods are new, the partition is %d", fleet_at(&w, w.live), want.partition);
    count_end(&w, t);
    fleet_done(&w);
}

/* SEED=n: this one alone. */
static bool chosen_seed(uint64_t *ret)
{
    const char *text = getenv("SEED");

    if (text)
        *ret = strtoull(text, NULL, 10);
    return text != NULL;
}

static void any_set_comes_to_its_end_or_is_refused_or_says_why(void **state)
{
    struct tally t = {0};
    uint64_t seed;

    (void)state;
    if (chosen_seed(&seed)) {
        run_random(seed, (int)(seed % 21), &t);
        return;
    }
    for (seed = 1; seed <= 5000; seed++)
        run_random(seed, (int)(seed % 21), &t);
    print_message("  %u refused, %u came to an end: %u limited, %u impossible in place\n", t.refused, t.done, t.limited,
        t.impossible);
    assert_in_range(t.done, 4000, 5000);
    assert_true(t.refused > 50 && t.limited > 20 && t.impossible > 20);
    for (seed = 1; seed <= 12; seed++)
        run_random(seed, 200, &t);
    run_random(seed, 2000, &t);
}

/* ---- a user and a node that meddle ---- */

static void meddle(struct fleet *w)
{
    struct fleet_pod *p = fleet_any(w);

    if (!p)
        return;
    switch (below(w, 4)) {
    case 0:
        fleet_kill(w, p);
        break;
    case 1:
        p->pod.specified_delete = true;
        break;
    case 2: /* evicted */
        p->pod.phase = CS_PHASE_FAILED;
        p->starts_ms = 0;
        break;
    default: /* a probe fails for a while, and the container is started again */
        p->pod.containers_ready.status = CS_COND_FALSE;
        if (p->starts_ms == 0)
            p->starts_ms = w->now_ms + 4000;
        break;
    }
    fleet_pod_update(w, p);
    fleet_note(w, "%s is meddled with", p->name);
}

/*
 * Every active Pod has its claim and the set owns it; spare ones wait for a vacancy, no more than Pods were lost, or surge Pods
 * called off when their claims were there.
 */
static void check_claims(struct fleet *w, int spare)
{
    int n = 0;

    for (size_t i = 0; i < w->n_pods; i++) {
        const struct fleet_claim *c = fleet_claim_named(w, w->pods[i]->claim);

        if (!cs_pod_active(&w->pods[i]->pod))
            fleet_fail(w, "%s is left over", w->pods[i]->name);
        if (!c || strcmp(c->owner.kind, CS_KIND) != 0)
            fleet_fail(w, "%s has no claim of the set's", w->pods[i]->name);
    }
    for (size_t i = 0; i < w->n_claims; i++)
        n += !fleet_pod_named(w, w->claims[i]->name + strlen("data-"));
    if (n > spare)
        fleet_fail(w, "%d claims are left over, %d at most can be", n, spare);
}

static void run_meddled(uint64_t seed, struct tally *t)
{
    struct fleet w;
    struct fleet_strategy s;
    struct fleet_want want;
    int n, times;

    fleet_init(&w, seed);
    random_pace(&w);
    n = fleet_between(&w, 1, 12);
    s = random_strategy(&w, n);
    times = fleet_between(&w, 1, 8);
    if (!fleet_wish(&w, &s, old_tmpl, false, &want)) {
        fleet_done(&w);
        return;
    }
    fleet_add(&w, n, old_tmpl);
    fleet_set_current(&w, old_tmpl);
    (void)fleet_wish(&w, &s, random_template(&w), false, &want);
    for (int i = 0; i < times; i++) {
        w.floor = FLEET_NO_FLOOR; /* a Pod that fails is not our doing */
        for (int steps = below(&w, 30); steps > 0 && fleet_step(&w) != FLEET_QUIET; steps--)
            ;
        meddle(&w);
    }
    fleet_run(&w);
    fleet_check_end(&w, &want);
    if (s.claims && !fleet_said(&w, "ScaleUpLimited"))
        check_claims(&w, times + want.surge);
    count_end(&w, t);
    fleet_done(&w);
}

static void killed_failed_and_labelled_pods_come_back_with_their_claims(void **state)
{
    struct tally t = {0};
    uint64_t seed;

    (void)state;
    if (chosen_seed(&seed)) {
        run_meddled(seed, &t);
        return;
    }
    for (seed = 1; seed <= 5000; seed++)
        run_meddled(seed, &t);
    assert_in_range(t.done, 4000, 5000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_set_comes_to_its_end_or_is_refused_or_says_why),
        cmocka_unit_test(killed_failed_and_labelled_pods_come_back_with_their_claims),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
