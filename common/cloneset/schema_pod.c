/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Members of a Pod template's spec outside containers and volumes: scheduling, DNS, security. See schema_tables.h for
 * how to read and extend a table.
 */
#include "common/cloneset/schema_tables.h"

static const struct cs_schema_field f_sysctl[] = {
    F("name", STR, ALWAYS, 0),
    F("value", STR, ALWAYS, 1),
};
static const struct cs_schema_type sysctl = TYPE(f_sysctl, NONE);

static const struct cs_schema_field f_pod_security_context[] = {
    O("appArmorProfile", PTR, 11, cs_schema_app_armor_profile),
    F("fsGroup", I64, PTR, 7),
    D("fsGroupChangePolicy", STR, PTR, 9, "Always"),
    F("runAsGroup", I64, PTR, 3),
    F("runAsNonRoot", BOOL, PTR, 4),
    F("runAsUser", I64, PTR, 2),
    F("seLinuxChangePolicy", STR, PTR, 12),
    O("seLinuxOptions", PTR, 0, cs_schema_selinux_options),
    O("seccompProfile", PTR, 10, cs_schema_seccomp_profile),
    F("supplementalGroups", INTS, 0, 5),
    D("supplementalGroupsPolicy", STR, PTR, 6, "Merge"),
    L("sysctls", 0, 8, sysctl),
    O("windowsOptions", PTR, 1, cs_schema_windows_security_context_options),
};
static const struct cs_schema_type pod_security_context = TYPE(f_pod_security_context, NONE);

static const struct cs_schema_field f_node_selector_requirement[] = {
    F("key", STR, ALWAYS, 0),
    F("operator", STR, ALWAYS, 1),
    F("values", STRS, 0, 2),
};
static const struct cs_schema_type node_selector_requirement = TYPE(f_node_selector_requirement, NONE);

static const struct cs_schema_field f_node_selector_term[] = {
    L("matchExpressions", 0, 0, node_selector_requirement),
    L("matchFields", 0, 1, node_selector_requirement),
};
static const struct cs_schema_type node_selector_term = TYPE(f_node_selector_term, NONE);

static const struct cs_schema_field f_node_selector[] = {
    L("nodeSelectorTerms", ALWAYS, 0, node_selector_term),
};
static const struct cs_schema_type node_selector = TYPE(f_node_selector, NONE);

static const struct cs_schema_field f_preferred_scheduling_term[] = {
    O("preference", ALWAYS, 1, node_selector_term),
    F("weight", I32, ALWAYS, 0),
};
static const struct cs_schema_type preferred_scheduling_term = TYPE(f_preferred_scheduling_term, NONE);

static const struct cs_schema_field f_node_affinity[] = {
    L("preferredDuringSchedulingIgnoredDuringExecution", 0, 1, preferred_scheduling_term),
    O("requiredDuringSchedulingIgnoredDuringExecution", PTR, 0, node_selector),
};
static const struct cs_schema_type node_affinity = TYPE(f_node_affinity, NONE);

static const struct cs_schema_field f_pod_affinity_term[] = {
    O("labelSelector", PTR, 0, cs_schema_label_selector),
    F("matchLabelKeys", STRS, 0, 4),
    F("mismatchLabelKeys", STRS, 0, 5),
    O("namespaceSelector", PTR, 3, cs_schema_label_selector),
    F("namespaces", STRS, 0, 1),
    F("topologyKey", STR, ALWAYS, 2),
};
static const struct cs_schema_type pod_affinity_term = TYPE(f_pod_affinity_term, NONE);

static const struct cs_schema_field f_weighted_pod_affinity_term[] = {
    O("podAffinityTerm", ALWAYS, 1, pod_affinity_term),
    F("weight", I32, ALWAYS, 0),
};
static const struct cs_schema_type weighted_pod_affinity_term = TYPE(f_weighted_pod_affinity_term, NONE);

static const struct cs_schema_field f_pod_affinity[] = {
    L("preferredDuringSchedulingIgnoredDuringExecution", 0, 1, weighted_pod_affinity_term),
    L("requiredDuringSchedulingIgnoredDuringExecution", 0, 0, pod_affinity_term),
};
static const struct cs_schema_type pod_affinity = TYPE(f_pod_affinity, NONE);

static const struct cs_schema_field f_pod_anti_affinity[] = {
    L("preferredDuringSchedulingIgnoredDuringExecution", 0, 1, weighted_pod_affinity_term),
    L("requiredDuringSchedulingIgnoredDuringExecution", 0, 0, pod_affinity_term),
};
static const struct cs_schema_type pod_anti_affinity = TYPE(f_pod_anti_affinity, NONE);

static const struct cs_schema_field f_affinity[] = {
    O("nodeAffinity", PTR, 0, node_affinity),
    O("podAffinity", PTR, 1, pod_affinity),
    O("podAntiAffinity", PTR, 2, pod_anti_affinity),
};
static const struct cs_schema_type affinity = TYPE(f_affinity, NONE);

static const struct cs_schema_field f_toleration[] = {
    F("effect", STR, 0, 3),
    F("key", STR, 0, 0),
    D("operator", STR, 0, 1, "Equal"),
    F("tolerationSeconds", I64, PTR, 4),
    F("value", STR, 0, 2),
};
static const struct cs_schema_type toleration = TYPE(f_toleration, NONE);

static const struct cs_schema_field f_host_alias[] = {
    F("hostnames", STRS, 0, 1),
    F("ip", STR, ALWAYS, 0),
};
static const struct cs_schema_type host_alias = TYPE(f_host_alias, NONE);

static const struct cs_schema_field f_pod_dns_config_option[] = {
    F("name", STR, 0, 0),
    F("value", STR, PTR, 1),
};
static const struct cs_schema_type pod_dns_config_option = TYPE(f_pod_dns_config_option, NONE);

static const struct cs_schema_field f_pod_dns_config[] = {
    F("nameservers", STRS, 0, 0),
    L("options", 0, 2, pod_dns_config_option),
    F("searches", STRS, 0, 1),
};
static const struct cs_schema_type pod_dns_config = TYPE(f_pod_dns_config, NONE);

static const struct cs_schema_field f_pod_readiness_gate[] = {
    F("conditionType", STR, ALWAYS, 0),
};
static const struct cs_schema_type pod_readiness_gate = TYPE(f_pod_readiness_gate, NONE);

static const struct cs_schema_field f_topology_spread_constraint[] = {
    O("labelSelector", PTR, 3, cs_schema_label_selector),
    F("matchLabelKeys", STRS, 0, 7),
    F("maxSkew", I32, ALWAYS, 0),
    D("minDomains", I32, PTR, 4, "1"),
    D("nodeAffinityPolicy", STR, PTR, 5, "Honor"),
    D("nodeTaintsPolicy", STR, PTR, 6, "Ignore"),
    F("topologyKey", STR, ALWAYS, 1),
    F("whenUnsatisfiable", STR, ALWAYS, 2),
};
static const struct cs_schema_type topology_spread_constraint = TYPE(f_topology_spread_constraint, NONE);

static const struct cs_schema_field f_pod_os[] = {
    F("name", STR, ALWAYS, 0),
};
static const struct cs_schema_type pod_os = TYPE(f_pod_os, NONE);

static const struct cs_schema_field f_pod_scheduling_gate[] = {
    F("name", STR, ALWAYS, 0),
};
static const struct cs_schema_type pod_scheduling_gate = TYPE(f_pod_scheduling_gate, NONE);

static const struct cs_schema_field f_pod_resource_claim[] = {
    F("name", STR, ALWAYS, 0),
    F("resourceClaimName", STR, PTR, 1),
    F("resourceClaimTemplateName", STR, PTR, 2),
};
static const struct cs_schema_type pod_resource_claim = TYPE(f_pod_resource_claim, NONE);

static const struct cs_schema_field f_pod_scheduling_group[] = {
    F("podGroupName", STR, PTR | NEW, 0),
};
static const struct cs_schema_type pod_scheduling_group = TYPE(f_pod_scheduling_group, NONE);

static const struct cs_schema_field f_eviction_responder[] = {
    F("name", STR, ALWAYS | NEW, 0),
    F("priority", I32, PTR | ALWAYS | NEW, 1),
};
static const struct cs_schema_type eviction_responder = TYPE(f_eviction_responder, NONE);

static const struct cs_schema_field f_pod_spec[] = {
    F("activeDeadlineSeconds", I64, PTR, 6),
    O("affinity", PTR, 21, affinity),
    F("automountServiceAccountToken", BOOL, PTR, 11),
    L("containers", ALWAYS, 2, cs_schema_container),
    O("dnsConfig", PTR, 27, pod_dns_config),
    D("dnsPolicy", STR, 0, 7, "ClusterFirst"),
    D("enableServiceLinks", BOOL, PTR, 30, "true"),
    L("ephemeralContainers", 0, 3, cs_schema_ephemeral_container),
    L("evictionResponders", NEW, 42, eviction_responder),
    L("hostAliases", 0, 24, host_alias),
    F("hostIPC", BOOL, 0, 15),
    F("hostNetwork", BOOL, 0, 13),
    F("hostPID", BOOL, 0, 14),
    D("hostUsers", BOOL, PTR, 36, "true"),
    F("hostname", STR, 0, 19),
    F("hostnameOverride", STR, PTR | NEW, 40),
    L("imagePullSecrets", 0, 18, cs_schema_local_object_reference),
    L("initContainers", 0, 1, cs_schema_container),
    F("nodeName", STR, 0, 12),
    F("nodeSelector", STRMAP, 0, 8),
    O("os", PTR, 35, pod_os),
    F("overhead", QTYMAP, 0, 32),
    D("preemptionPolicy", STR, PTR, 31, "PreemptLowerPriority"),
    F("priority", I32, PTR, 26),
    F("priorityClassName", STR, 0, 25),
    L("readinessGates", 0, 28, pod_readiness_gate),
    L("resourceClaims", 0, 38, pod_resource_claim),
    O("resources", PTR, 39, cs_schema_resource_requirements),
    D("restartPolicy", STR, 0, 4, "Always"),
    F("runtimeClassName", STR, PTR, 29),
    D("schedulerName", STR, 0, 22, "default-scheduler"),
    L("schedulingGates", 0, 37, pod_scheduling_gate),
    O("schedulingGroup", PTR | NEW, 41, pod_scheduling_group),
    OD("securityContext", PTR, 17, pod_security_context, "{}"),
    F("serviceAccount", STR, 0, 10),
    F("serviceAccountName", STR, 0, 9),
    D("setHostnameAsFQDN", BOOL, PTR, 34, "false"),
    D("shareProcessNamespace", BOOL, PTR, 16, "false"),
    F("subdomain", STR, 0, 20),
    D("terminationGracePeriodSeconds", I64, PTR, 5, "30"),
    L("tolerations", 0, 23, toleration),
    L("topologySpreadConstraints", 0, 33, topology_spread_constraint),
    L("volumes", 0, 0, cs_schema_volume),
};
static const struct cs_schema_type pod_spec = TYPE(f_pod_spec, NONE);

static const struct cs_schema_field f_pod_template_spec[] = {
    O("metadata", ALWAYS, 0, cs_schema_object_meta),
    O("spec", ALWAYS, 1, pod_spec),
};
const struct cs_schema_type cs_schema_pod_template_spec = TYPE(f_pod_template_spec, NONE);
