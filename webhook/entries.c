/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The registrations, as JSON. Both versions are listed, so that each is reviewed as it was written; where only one is served the
 * other's rule never matches. The instance-id webhook is Ignore and narrowed by matchConditions, which the API server evaluates
 * itself: no object that no CloneSet owns is ever sent (D17).
 */
#include "webhook/entries.h"

#include "common/api/gvr.h"
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

const struct cs_webhook_entry cs_webhook_entries[CS_N_WEBHOOK_ENTRIES] = {
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
};
