/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The registrations, as JSON. Both versions are listed, so that each is reviewed as it was written; where only one is served the
 * other's rule never matches. The instance-id webhook is Ignore and narrowed by matchConditions, which the API server evaluates
 * itself: no object that no CloneSet owns is ever sent (D17).
 */
#include "webhook/entries.h"

#include <string.h>

#include "common/api/gvr.h"
#include "common/base/str.h"
#include "webhook/router.h"

#define CLONESET_RULE                                                                                                  \
    "\"rules\":[{\"apiGroups\":[\"" CS_GROUP "\"],\"apiVersions\":[\"v1alpha1\",\"v1beta1\"],"                         \
    "\"operations\":[\"CREATE\",\"UPDATE\"],\"resources\":[\"clonesets\"],\"scope\":\"Namespaced\"}],"
#define COMMON "\"sideEffects\":\"None\",\"matchPolicy\":\"Equivalent\",\"admissionReviewVersions\":[\"v1\"]"

/* CEL of Kubernetes 1.30 and later. */
#define OWNED_BY_CLONESET                                                                                              \
    "has(object.metadata.ownerReferences) && object.metadata.ownerReferences.exists(o, has(o.controller) && "          \
    "o.controller && o.kind == '" CS_KIND "' && o.apiVersion.startsWith('" CS_GROUP "/'))"
#define WITHOUT_LABEL "!has(object.metadata.labels) || !('" CS_LABEL_INSTANCE_ID "' in object.metadata.labels)"

#define DELETION_NAME "vdeletion.cloneset.apps.kruise.io"

static const struct cs_webhook_entry all_entries[CS_N_WEBHOOK_ENTRIES] = {
    {
        .mutating = true,
        .config = CS_MUTATING_CONFIGURATION,
        .name = "mcloneset.kb.io",
        .path = CS_PATH_MUTATE_CLONESET,
        .body = "{" CLONESET_RULE COMMON ",\"failurePolicy\":\"Fail\",\"timeoutSeconds\":3,"
                "\"reinvocationPolicy\":\"Never\"}",
    },
    {
        .mutating = false,
        .config = CS_VALIDATING_CONFIGURATION,
        .name = "vcloneset.kb.io",
        .path = CS_PATH_VALIDATE_CLONESET,
        .body = "{" CLONESET_RULE COMMON ",\"failurePolicy\":\"Fail\",\"timeoutSeconds\":3}",
    },
    {
        .mutating = true,
        .config = CS_MUTATING_CONFIGURATION,
        .name = "minstanceid.cloneset.apps.kruise.io",
        .path = CS_PATH_INSTANCE_ID,
        .body = "{\"rules\":[{\"apiGroups\":[\"\"],\"apiVersions\":[\"v1\"],\"operations\":[\"CREATE\"],"
                "\"resources\":[\"pods\",\"persistentvolumeclaims\"],\"scope\":\"Namespaced\"}]," COMMON ","
                "\"failurePolicy\":\"Ignore\",\"timeoutSeconds\":2,\"reinvocationPolicy\":\"Never\","
                "\"matchConditions\":["
                "{\"name\":\"owned-by-a-cloneset\",\"expression\":\"" OWNED_BY_CLONESET "\"},"
                "{\"name\":\"without-instance-id\",\"expression\":\"" WITHOUT_LABEL "\"}]}",
    },
    /* Apart from vcloneset.kb.io, because it is Ignore (D15); sent is only what carries the label. */
    {
        .mutating = false,
        .config = CS_VALIDATING_CONFIGURATION,
        .name = DELETION_NAME,
        .path = CS_PATH_VALIDATE_CLONESET,
        .body = "{\"rules\":[{\"apiGroups\":[\"" CS_GROUP "\"],\"apiVersions\":[\"v1alpha1\",\"v1beta1\"],"
                "\"operations\":[\"DELETE\"],\"resources\":[\"clonesets\"],\"scope\":\"Namespaced\"}]," COMMON
                ",\"failurePolicy\":\"Ignore\",\"timeoutSeconds\":2,"
                "\"objectSelector\":{\"matchExpressions\":[{\"key\":\"" CS_LABEL_DELETE_PROTECTION
                "\",\"operator\":\"Exists\"}]}}",
    },
};

void cs_webhook_entries_make(const struct cs_gates *gates, struct cs_webhook_entry ret[CS_N_WEBHOOK_ENTRIES])
{
    memcpy(ret, all_entries, sizeof(all_entries));
    for (size_t i = 0; i < CS_N_WEBHOOK_ENTRIES; i++)
        if (cs_streq(ret[i].name, DELETION_NAME) && !gates->deletion_protection)
            ret[i].body = NULL;
}
