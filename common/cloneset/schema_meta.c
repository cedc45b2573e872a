/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Members of the types that several parts of a Pod template and claim templates share: metadata, selectors,
 * resources, references, security options, PersistentVolumeClaim.
 */
#include "common/cloneset/schema_tables.h"

static const struct cs_schema_field f_owner_reference[] = {
    F("apiVersion", STR, ALWAYS, 0),
    F("blockOwnerDeletion", BOOL, PTR, 5),
    F("controller", BOOL, PTR, 4),
    F("kind", STR, ALWAYS, 1),
    F("name", STR, ALWAYS, 2),
    F("uid", STR, ALWAYS, 3),
};
static const struct cs_schema_type owner_reference = TYPE(f_owner_reference, NONE);

static const struct cs_schema_field f_object_meta[] = {
    F("annotations", STRMAP, 0, 11),
    F("creationTimestamp", TIME, ALWAYS, 7),
    F("deletionGracePeriodSeconds", I64, PTR, 9),
    F("deletionTimestamp", TIME, PTR, 8),
    F("finalizers", STRS, 0, 13),
    F("generateName", STR, 0, 1),
    F("generation", I64, 0, 6),
    F("labels", STRMAP, 0, 10),
    F("managedFields", ANY, 0, 14),
    F("name", STR, 0, 0),
    F("namespace", STR, 0, 2),
    L("ownerReferences", 0, 12, owner_reference),
    F("resourceVersion", STR, 0, 5),
    F("selfLink", STR, 0, 3),
    F("uid", STR, 0, 4),
};
const struct cs_schema_type cs_schema_object_meta = TYPE(f_object_meta, NONE);

static const struct cs_schema_field f_local_object_reference[] = {
    F("name", STR, 0, 0),
};
const struct cs_schema_type cs_schema_local_object_reference = TYPE(f_local_object_reference, NONE);

static const struct cs_schema_field f_object_field_selector[] = {
    D("apiVersion", STR, 0, 0, "v1"),
    F("fieldPath", STR, ALWAYS, 1),
};
const struct cs_schema_type cs_schema_object_field_selector = TYPE(f_object_field_selector, NONE);

static const struct cs_schema_field f_resource_field_selector[] = {
    F("containerName", STR, 0, 0),
    D("divisor", QTY, ALWAYS, 2, "1"),
    F("resource", STR, ALWAYS, 1),
};
const struct cs_schema_type cs_schema_resource_field_selector = TYPE(f_resource_field_selector, NONE);

static const struct cs_schema_field f_label_selector_requirement[] = {
    F("key", STR, ALWAYS, 0),
    F("operator", STR, ALWAYS, 1),
    F("values", STRS, 0, 2),
};
static const struct cs_schema_type label_selector_requirement = TYPE(f_label_selector_requirement, NONE);

static const struct cs_schema_field f_label_selector[] = {
    L("matchExpressions", 0, 1, label_selector_requirement),
    F("matchLabels", STRMAP, 0, 0),
};
const struct cs_schema_type cs_schema_label_selector = TYPE(f_label_selector, NONE);

static const struct cs_schema_field f_volume_resource_requirements[] = {
    F("limits", QTYMAP, 0, 0),
    F("requests", QTYMAP, 0, 1),
};
static const struct cs_schema_type volume_resource_requirements = TYPE(f_volume_resource_requirements, NONE);

static const struct cs_schema_field f_typed_local_object_reference[] = {
    F("apiGroup", STR, PTR | ALWAYS, 0),
    F("kind", STR, ALWAYS, 1),
    F("name", STR, ALWAYS, 2),
};
static const struct cs_schema_type typed_local_object_reference = TYPE(f_typed_local_object_reference, NONE);

static const struct cs_schema_field f_typed_object_reference[] = {
    F("apiGroup", STR, PTR | ALWAYS, 0),
    F("kind", STR, ALWAYS, 1),
    F("name", STR, ALWAYS, 2),
    F("namespace", STR, PTR, 3),
};
static const struct cs_schema_type typed_object_reference = TYPE(f_typed_object_reference, NONE);

static const struct cs_schema_field f_persistent_volume_claim_spec[] = {
    F("accessModes", STRS, 0, 0),
    O("dataSource", PTR, 6, typed_local_object_reference),
    O("dataSourceRef", PTR, 7, typed_object_reference),
    O("resources", ALWAYS, 2, volume_resource_requirements),
    O("selector", PTR, 1, cs_schema_label_selector),
    F("storageClassName", STR, PTR, 4),
    F("volumeAttributesClassName", STR, PTR, 8),
    D("volumeMode", STR, PTR, 5, "Filesystem"),
    F("volumeName", STR, 0, 3),
};
const struct cs_schema_type cs_schema_persistent_volume_claim_spec = TYPE(f_persistent_volume_claim_spec, NONE);

static const struct cs_schema_field f_persistent_volume_claim_template[] = {
    O("metadata", ALWAYS, 0, cs_schema_object_meta),
    O("spec", ALWAYS, 1, cs_schema_persistent_volume_claim_spec),
};
const struct cs_schema_type cs_schema_persistent_volume_claim_template = TYPE(f_persistent_volume_claim_template, NONE);

static const struct cs_schema_field f_resource_claim[] = {
    F("name", STR, ALWAYS, 0),
    F("request", STR, 0, 1),
};
static const struct cs_schema_type resource_claim = TYPE(f_resource_claim, NONE);

static const struct cs_schema_field f_resource_requirements[] = {
    L("claims", 0, 2, resource_claim),
    F("limits", QTYMAP, 0, 0),
    F("requests", QTYMAP, 0, 1),
};
const struct cs_schema_type cs_schema_resource_requirements = TYPE(f_resource_requirements, NONE);

static const struct cs_schema_field f_selinux_options[] = {
    F("level", STR, 0, 3),
    F("role", STR, 0, 1),
    F("type", STR, 0, 2),
    F("user", STR, 0, 0),
};
const struct cs_schema_type cs_schema_selinux_options = TYPE(f_selinux_options, NONE);

static const struct cs_schema_field f_windows_security_context_options[] = {
    F("gmsaCredentialSpec", STR, PTR, 1),
    F("gmsaCredentialSpecName", STR, PTR, 0),
    F("hostProcess", BOOL, PTR, 3),
    F("runAsUserName", STR, PTR, 2),
};
const struct cs_schema_type cs_schema_windows_security_context_options = TYPE(f_windows_security_context_options, NONE);

static const struct cs_schema_field f_seccomp_profile[] = {
    F("localhostProfile", STR, PTR, 1),
    F("type", STR, ALWAYS, 0),
};
const struct cs_schema_type cs_schema_seccomp_profile = TYPE(f_seccomp_profile, NONE);

static const struct cs_schema_field f_app_armor_profile[] = {
    F("localhostProfile", STR, PTR, 1),
    F("type", STR, ALWAYS, 0),
};
const struct cs_schema_type cs_schema_app_armor_profile = TYPE(f_app_armor_profile, NONE);

static const struct cs_schema_field f_persistent_volume_claim[] = {
    F("apiVersion", STR, 0, 1),
    F("kind", STR, 0, 0),
    O("metadata", ALWAYS, 2, cs_schema_object_meta),
    O("spec", ALWAYS, 3, cs_schema_persistent_volume_claim_spec),
    F("status", ANY, ALWAYS, 4),
};
const struct cs_schema_type cs_schema_persistent_volume_claim = TYPE(f_persistent_volume_claim, NONE);
