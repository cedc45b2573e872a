/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lifecycle hooks as whole stories (U-06, spec §6.8, §6.12), in the world of lifecycle_world.h: a Pod is led into every state of an
 * update; then something else is wanted, in every way; then it must end as what is wanted, and all must fall quiet.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/api/gvr.h"
#include "test/unit/lifecycle_world.h"

/* ---- into every state … ---- */

static void update_to(struct hw *w, int template)
{
    w->template = template;
    hw_respec(w);
}

static void into_preparing_normal(struct hw *w)
{
    w->user = false;
    hw_run_to(w, "PreparingNormal", false);
}

static void into_normal(struct hw *w)
{
    hw_run(w);
}

static void into_preparing_update(struct hw *w)
{
    hw_run(w);
    w->user = false;
    update_to(w, HW_NEW);
    hw_run_to(w, "PreparingUpdate", false);
}

static void into_preparing_update_out_of_service(struct hw *w)
{
    into_preparing_update(w);
    w->user = true;
    (void)hw_others(w);
    w->user = false;
    (void)hw_pass(w);
    hw_run_to(w, "PreparingUpdate", true);
}

static void into_updating(struct hw *w)
{
    into_preparing_update(w);
    w->user = true;
    w->kubelet = false;
    hw_run_to(w, "Updating", true);
}

static void into_grace(struct hw *w)
{
    w->grace = 5;
    into_updating(w);
}

static void into_updated(struct hw *w)
{
    into_updating(w);
    w->user = false;
    w->kubelet = true;
    hw_run_to(w, "Updated", false);
}

static void into_preparing_delete(struct hw *w)
{
    hw_run(w);
    w->user = false;
    w->replicas = 1;
    hw_respec(w);
    hw_run_to(w, "PreparingDelete", false);
}

static void into_recreation(struct hw *w)
{
    hw_run(w);
    w->user = false;
    update_to(w, HW_ENV);
    hw_run_to(w, "PreparingDelete", false);
}

static const struct {
    const char *name;
    void (*go)(struct hw *w);
} ways_in[] = {
    {"PreparingNormal", into_preparing_normal},
    {"Normal", into_normal},
    {"PreparingUpdate", into_preparing_update},
    {"PreparingUpdate, out of service", into_preparing_update_out_of_service},
    {"Updating", into_updating},
    {"Updating, in its grace period", into_grace},
    {"Updated", into_updated},
    {"PreparingDelete by scale-in", into_preparing_delete},
    {"PreparingDelete by recreation", into_recreation},
};

/* ---- … and something else is wanted ---- */

static void nothing_else(struct hw *w)
{
    (void)w;
}

static void roll_forward(struct hw *w)
{
    update_to(w, HW_NEWER);
}

static void roll_back(struct hw *w)
{
    update_to(w, HW_OLD);
}

static void recreate(struct hw *w)
{
    update_to(w, HW_ENV);
}

static void scale_down(struct hw *w)
{
    w->replicas = 0;
    hw_respec(w);
}

static void scale_up(struct hw *w)
{
    w->replicas = 3;
    hw_respec(w);
}

static void there_and_back(struct hw *w)
{
    scale_down(w);
    for (int i = 0; i < 2; i++) {
        (void)hw_pass(w);
        (void)hw_others(w);
    }
    scale_up(w);
}

static void hooks_gone(struct hw *w)
{
    w->hooks = "";
    hw_respec(w);
}

static void pre_delete_gone(struct hw *w)
{
    w->hooks = strstr(w->hooks, "true") ? HW_NO_PRE_DELETE("true") : HW_NO_PRE_DELETE("false");
    hw_respec(w);
}

static void mark_all(struct hw *w)
{
    for (size_t i = 0; i < CS_ARRAY_LEN(w->pods); i++)
        if (w->pods[i])
            hw_put_label(w->pods[i], CS_LABEL_SPECIFIED_DELETE, true);
}

static const struct {
    const char *name;
    void (*go)(struct hw *w);
    bool alone; /* it ends well also if the user's controller never acts again */
} changes[] = {
    {"nothing", nothing_else, false},
    {"roll forward", roll_forward, false},
    {"roll back", roll_back, false},
    {"a change that recreates", recreate, false},
    {"scale down", scale_down, false},
    {"scale up", scale_up, false},
    {"scale down and up again", there_and_back, false},
    {"the hooks are removed from the spec", hooks_gone, true},
    {"the preDelete hook is removed from the spec", pre_delete_gone, false},
    {"all Pods are marked specified-delete", mark_all, false},
};

static void check_end(struct hw *w)
{
    int n = 0;

    for (size_t i = 0; i < CS_ARRAY_LEN(w->pods); i++) {
        const struct cs_jtree *pod = w->pods[i];
        const char *kruise = pod ? sim_condition(pod, CS_COND_KRUISE_READY) : NULL;

        if (!pod)
            continue;
        n++;
        if (!cs_streq(sim_label(pod, CS_LABEL_LIFECYCLE_STATE), "Normal"))
            hw_broken(w, "a Pod ends in %s", sim_label(pod, CS_LABEL_LIFECYCLE_STATE));
        if (!cs_streq(sim_label(pod, CS_LABEL_REVISION), hw_revision(w->template)))
            hw_broken(w, "a Pod ends at %s", sim_label(pod, CS_LABEL_REVISION));
        if (!cs_streq(sim_condition(pod, "Ready"), "True") || (kruise && !cs_streq(kruise, "True")))
            hw_broken(w, "a Pod ends out of service");
        if (sim_label(pod, CS_LABEL_SPECIFIED_DELETE))
            hw_broken(w, "a Pod ends marked");
    }
    if (n != w->replicas)
        hw_broken(w, "%d Pods at the end, %d are wanted", n, w->replicas);
}

static void story(size_t from, size_t change, const char *hooks, bool user_returns)
{
    struct hw w;
    cs_autofree char *name = cs_xasprintf("from %s: %s%s%s", ways_in[from].name, changes[change].name,
        strstr(hooks, "true") ? ", markPodNotReady" : "", user_returns ? "" : ", and nobody answers the hooks");

    hw_init(&w, name, hooks);
    ways_in[from].go(&w);
    hw_say(&w, "----", changes[change].name);
    changes[change].go(&w);
    w.kubelet = true;
    w.user = user_returns;
    hw_run(&w);
    check_end(&w);
    hw_done(&w);
}

static void u_06_from_every_state_a_pod_ends_as_wanted(void **state)
{
    (void)state;
    for (size_t from = 0; from < CS_ARRAY_LEN(ways_in); from++)
        for (size_t change = 0; change < CS_ARRAY_LEN(changes); change++) {
            story(from, change, HW_HOOKS("false"), true);
            story(from, change, HW_HOOKS("true"), true);
            if (!changes[change].alone)
                continue;
            story(from, change, HW_HOOKS("false"), false);
            story(from, change, HW_HOOKS("true"), false);
        }
}

static void check_waits(struct hw *w, const char *state, const char *ready)
{
    bool found = false;

    for (size_t i = 0; i < CS_ARRAY_LEN(w->pods); i++) {
        if (!w->pods[i] || !cs_streq(sim_label(w->pods[i], CS_LABEL_LIFECYCLE_STATE), state))
            continue;
        found = true;
        if (!cs_streq(sim_condition(w->pods[i], "Ready"), ready))
            hw_broken(w, "Ready is not %s", ready);
    }
    if (!found)
        hw_broken(w, "no Pod waits");
}

/* Held Pods wait in silence, for as long as it takes. */
static void spec_6_8_waiting_is_quiet(void **state)
{
    static const struct {
        void (*go)(struct hw *w);
        const char *state;
        const char *marked; /* Ready with markPodNotReady */
    } rows[] = {
        {into_preparing_normal, "PreparingNormal", "True"},
        {into_preparing_update, "PreparingUpdate", "False"},
        {into_updated, "Updated", "True"},
        {into_preparing_delete, "PreparingDelete", "False"},
        {into_recreation, "PreparingDelete", "False"},
    };

    (void)state;
    for (size_t i = 0; i < CS_ARRAY_LEN(rows); i++)
        for (int mark = 0; mark < 2; mark++) {
            struct hw w;

            hw_init(&w, rows[i].state, mark ? HW_HOOKS("true") : HW_HOOKS("false"));
            rows[i].go(&w);
            hw_run(&w);
            check_waits(&w, rows[i].state, mark ? rows[i].marked : "True");
            hw_done(&w);
        }
}

/* Gate CloneSetPartitionRollback with hooks: half a rollout goes back, and all falls quiet. */
static void spec_6_12_half_a_rollout_goes_back(void **state)
{
    (void)state;
    for (int mark = 0; mark < 2; mark++) {
        struct hw w;

        hw_init(&w, "partition raised in the middle", mark ? HW_HOOKS("true") : HW_HOOKS("false"));
        w.f.gates.partition_rollback = true;
        into_updated(&w);
        w.user = true;
        hw_run_to(&w, "Normal", false);
        w.user = false;
        w.f.set->spec.partition = (struct cs_intstr){.type = CS_IS_INT, .i = HW_PODS};
        hw_run(&w); /* held where it is, in silence, until the user's controller lets go */
        hw_run_to(&w, "PreparingUpdate", false);
        w.user = true;
        hw_run(&w);
        w.template = HW_OLD;
        check_end(&w);
        hw_done(&w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(u_06_from_every_state_a_pod_ends_as_wanted),
        cmocka_unit_test(spec_6_8_waiting_is_quiet),
        cmocka_unit_test(spec_6_12_half_a_rollout_goes_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
