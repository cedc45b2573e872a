/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table behind gvr.h. One definition per resource, so that a group or version is changed in one place.
 */
#include "common/api/gvr.h"

const struct cs_gvr cs_gvr_clonesets = {CS_GROUP, "v1alpha1", "clonesets", CS_KIND};
const struct cs_gvr cs_gvr_pods = {"", "v1", "pods", "Pod"};
const struct cs_gvr cs_gvr_claims = {"", "v1", "persistentvolumeclaims", "PersistentVolumeClaim"};
const struct cs_gvr cs_gvr_revisions = {"apps", "v1", "controllerrevisions", "ControllerRevision"};
const struct cs_gvr cs_gvr_nodes = {"", "v1", "nodes", "Node"};
const struct cs_gvr cs_gvr_events = {"", "v1", "events", "Event"};
const struct cs_gvr cs_gvr_leases = {"coordination.k8s.io", "v1", "leases", "Lease"};
const struct cs_gvr cs_gvr_secrets = {"", "v1", "secrets", "Secret"};
const struct cs_gvr cs_gvr_mutating_webhooks = {
    "admissionregistration.k8s.io", "v1", "mutatingwebhookconfigurations", "MutatingWebhookConfiguration"};
const struct cs_gvr cs_gvr_validating_webhooks = {
    "admissionregistration.k8s.io", "v1", "validatingwebhookconfigurations", "ValidatingWebhookConfiguration"};
const struct cs_gvr cs_gvr_crds = {
    "apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition"};
