/* SPDX-License-Identifier: Apache-2.0 */
#include "common/cloneset/gates.h"

#include <stddef.h>

#include "common/base/cleanup.h"

#define NO_EFFECT SIZE_MAX
#define NEAREST_LIMIT 4 /* edits up to which another gate counts as what was meant */

static const struct {
    const char *name;
    size_t offset; /* of the member; NO_EFFECT: accepted only */
} gates[] = {
    {"CloneSetShortHash", offsetof(struct cs_gates, short_hash)},
    {"CloneSetPartitionRollback", offsetof(struct cs_gates, partition_rollback)},
    {"PreparingUpdateAsUpdate", offsetof(struct cs_gates, preparing_update_as_update)},
    {"RecreatePodWhenChangeVCTInCloneSetGate", offsetof(struct cs_gates, recreate_on_claim_templates)},
    {"InPlaceWorkloadVerticalScaling", offsetof(struct cs_gates, vertical_scaling)},
    {"ResourcesDeletionProtection", offsetof(struct cs_gates, deletion_protection)},
    /* What they switch does not exist here, or is always as they would have it. */
    {"AllAlpha", NO_EFFECT},
    {"AllBeta", NO_EFFECT},
    {"CloneSetEventHandlerOptimization", NO_EFFECT},
    {"DefaultHostNetworkHostPortsInPodTemplates", NO_EFFECT},
    {"ForceDeleteTimeoutExpectationGate", NO_EFFECT},
    {"InPlaceUpdateEnvFromMetadata", NO_EFFECT},
    {"KruiseDaemon", NO_EFFECT},
    {"KruisePodReadinessGate", NO_EFFECT},
    {"PodUnavailableBudgetUpdateGate", NO_EFFECT},
    {"PodWebhook", NO_EFFECT},
    {"PreDownloadImageForInPlaceUpdate", NO_EFFECT},
    {"TemplateNoDefaults", NO_EFFECT},
};

static bool unknown_gate(struct cs_str name, struct cs_error *err)
{
    const char *nearest = NULL;
    unsigned best = NEAREST_LIMIT + 1;

    for (size_t i = 0; i < CS_ARRAY_LEN(gates); i++) {
        unsigned d = cs_str_distance(name, cs_str(gates[i].name), NEAREST_LIMIT);

        if (d < best) {
            best = d;
            nearest = gates[i].name;
        }
    }
    if (nearest)
        return cs_error_set(err, CS_ERR_INVALID, "--feature-gates: unknown gate \"%.*s\", did you mean %s?",
            (int)name.len, name.p, nearest);
    return cs_error_set(err, CS_ERR_INVALID, "--feature-gates: unknown gate \"%.*s\", see docs/compatibility.md",
        (int)name.len, name.p);
}

static bool set_gate(struct cs_str name, bool on, struct cs_gates *ret, struct cs_strbuf *ignored, struct cs_error *err)
{
    for (size_t i = 0; i < CS_ARRAY_LEN(gates); i++) {
        if (!cs_str_eqz(name, gates[i].name))
            continue;
        if (gates[i].offset != NO_EFFECT)
            *(bool *)((char *)ret + gates[i].offset) = on;
        else if (ignored)
            cs_strbuf_addf(ignored, "%s%s", ignored->len > 0 ? ", " : "", gates[i].name);
        return true;
    }
    return unknown_gate(name, err);
}

/* The next part of *s up to the separator; *s goes on behind it. */
static struct cs_str next_part(struct cs_str *s, char separator)
{
    const char *at = s->len > 0 ? memchr(s->p, separator, s->len) : NULL;
    size_t n = at ? (size_t)(at - s->p) : s->len;
    struct cs_str part = {s->p, n};

    s->p += at ? n + 1 : n;
    s->len -= at ? n + 1 : n;
    return part;
}

bool cs_gates_parse(const char *text, struct cs_gates *ret, struct cs_strbuf *ignored, struct cs_error *err)
{
    struct cs_gates g = {0};
    struct cs_str rest = cs_str(text);

    while (rest.len > 0) {
        struct cs_str value = next_part(&rest, ',');
        struct cs_str name = next_part(&value, '=');

        if (name.len == 0)
            continue;
        if (!cs_str_eqz(value, "true") && !cs_str_eqz(value, "false"))
            return cs_error_set(err, CS_ERR_INVALID, "--feature-gates: \"%.*s\" needs =true or =false, found \"%.*s\"",
                (int)name.len, name.p, (int)value.len, value.p ? value.p : "");
        if (!set_gate(name, cs_str_eqz(value, "true"), &g, ignored, err))
            return false;
    }
    *ret = g;
    return true;
}
