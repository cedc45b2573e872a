/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The value of --feature-gates (spec §9).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/base/alloc.h"
#include "common/base/cleanup.h"
#include "common/cloneset/gates.h"

static void spec_9_all_gates_are_off_by_default(void **state)
{
    struct cs_gates g = {.short_hash = true, .vertical_scaling = true};

    (void)state;
    assert_true(cs_gates_parse("", &g, NULL, NULL));
    assert_false(g.short_hash || g.partition_rollback || g.preparing_update_as_update ||
                 g.recreate_on_claim_templates || g.vertical_scaling || g.deletion_protection);
}

static void spec_9_gates_are_switched_by_the_peers_names(void **state)
{
    struct cs_gates g;

    (void)state;
    assert_true(cs_gates_parse("CloneSetShortHash=true,CloneSetPartitionRollback=true,PreparingUpdateAsUpdate=true,"
                               "RecreatePodWhenChangeVCTInCloneSetGate=true,InPlaceWorkloadVerticalScaling=true,"
                               "ResourcesDeletionProtection=true",
        &g, NULL, NULL));
    assert_true(g.short_hash && g.partition_rollback && g.preparing_update_as_update && g.recreate_on_claim_templates &&
                g.vertical_scaling && g.deletion_protection);
    assert_true(cs_gates_parse("CloneSetShortHash=true,CloneSetShortHash=false", &g, NULL, NULL));
    assert_false(g.short_hash);
}

static void gates_without_effect_are_accepted_and_named(void **state)
{
    cs_autostrbuf ignored = CS_STRBUF_INIT;
    struct cs_gates g;

    (void)state;
    assert_true(cs_gates_parse("PodWebhook=false,CloneSetShortHash=true,KruiseDaemon=false", &g, &ignored, NULL));
    assert_true(g.short_hash);
    assert_string_equal(cs_strbuf_str(&ignored), "PodWebhook, KruiseDaemon");
}

/* Every name of spec §9 is taken, and AllAlpha, AllBeta, which switch nothing: the gates here are named one by one. */
static void spec_9_all_names_are_known(void **state)
{
    static const char *const names[] = {"CloneSetShortHash", "CloneSetPartitionRollback", "PreparingUpdateAsUpdate",
        "RecreatePodWhenChangeVCTInCloneSetGate", "InPlaceWorkloadVerticalScaling", "InPlaceUpdateEnvFromMetadata",
        "PreDownloadImageForInPlaceUpdate", "PodUnavailableBudgetUpdateGate", "TemplateNoDefaults",
        "DefaultHostNetworkHostPortsInPodTemplates", "ResourcesDeletionProtection", "CloneSetEventHandlerOptimization",
        "ForceDeleteTimeoutExpectationGate", "KruisePodReadinessGate", "PodWebhook", "KruiseDaemon", "AllAlpha",
        "AllBeta"};
    struct cs_error err = CS_ERROR_INIT;
    struct cs_gates g;

    (void)state;
    for (size_t i = 0; i < CS_ARRAY_LEN(names); i++) {
        cs_autofree char *text = cs_xasprintf("%s=true", names[i]);

        if (!cs_gates_parse(text, &g, NULL, &err))
            fail_msg("%s", err.message);
    }
    assert_true(cs_gates_parse("AllAlpha=true,AllBeta=true", &g, NULL, NULL));
    assert_false(g.short_hash || g.partition_rollback || g.preparing_update_as_update ||
                 g.recreate_on_claim_templates || g.vertical_scaling || g.deletion_protection);
}

static void mistakes_are_told(void **state)
{
    static const struct {
        const char *text, *says;
    } rows[] = {
        {"CloneSetShortHas=true", "unknown gate \"CloneSetShortHas\", did you mean CloneSetShortHash?"},
        {"Nonsense=true", "unknown gate \"Nonsense\""},
        {"CloneSetShortHash", "\"CloneSetShortHash\" needs =true or =false, found \"\""},
        {"CloneSetShortHash=yes", "needs =true or =false, found \"yes\""},
    };

    (void)state;
    for (size_t i = 0; i < CS_ARRAY_LEN(rows); i++) {
        struct cs_error err = CS_ERROR_INIT;
        struct cs_gates g = {.short_hash = true};

        assert_false(cs_gates_parse(rows[i].text, &g, NULL, &err));
        if (!strstr(err.message, rows[i].says))
            fail_msg("%s: %s", rows[i].text, err.message);
        assert_true(g.short_hash); /* written only on success */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spec_9_all_gates_are_off_by_default),
        cmocka_unit_test(spec_9_gates_are_switched_by_the_peers_names),
        cmocka_unit_test(gates_without_effect_are_accepted_and_named),
        cmocka_unit_test(spec_9_all_names_are_known),
        cmocka_unit_test(mistakes_are_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
