/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Members of a container: ports, environment, probes, handlers, mounts, security context. See schema_tables.h for how
 * to read and extend a table.
 */
#include "common/cloneset/schema_tables.h"

static const struct cs_schema_field f_container_port[] = {
    F("containerPort", I32, ALWAYS, 2),
    F("hostIP", STR, 0, 4),
    F("hostPort", I32, 0, 1),
    F("name", STR, 0, 0),
    D("protocol", STR, 0, 3, "TCP"),
};
static const struct cs_schema_type container_port = TYPE(f_container_port, PORT);

static const struct cs_schema_field f_config_map_env_source[] = {
    F("name", STR, 0, 0),
    D("optional", BOOL, PTR, 1, "false"),
};
static const struct cs_schema_type config_map_env_source = TYPE(f_config_map_env_source, NONE);

static const struct cs_schema_field f_secret_env_source[] = {
    F("name", STR, 0, 0),
    D("optional", BOOL, PTR, 1, "false"),
};
static const struct cs_schema_type secret_env_source = TYPE(f_secret_env_source, NONE);

static const struct cs_schema_field f_env_from_source[] = {
    O("configMapRef", PTR, 1, config_map_env_source),
    F("prefix", STR, 0, 0),
    O("secretRef", PTR, 2, secret_env_source),
};
static const struct cs_schema_type env_from_source = TYPE(f_env_from_source, NONE);

static const struct cs_schema_field f_config_map_key_selector[] = {
    F("key", STR, ALWAYS, 1),
    F("name", STR, 0, 0),
    D("optional", BOOL, PTR, 2, "false"),
};
static const struct cs_schema_type config_map_key_selector = TYPE(f_config_map_key_selector, NONE);

static const struct cs_schema_field f_secret_key_selector[] = {
    F("key", STR, ALWAYS, 1),
    F("name", STR, 0, 0),
    D("optional", BOOL, PTR, 2, "false"),
};
static const struct cs_schema_type secret_key_selector = TYPE(f_secret_key_selector, NONE);

static const struct cs_schema_field f_file_key_selector[] = {
    F("key", STR, ALWAYS | NEW, 2),
    D("optional", BOOL, PTR | NEW, 3, "false"),
    F("path", STR, ALWAYS | NEW, 1),
    F("volumeName", STR, ALWAYS | NEW, 0),
};
static const struct cs_schema_type file_key_selector = TYPE(f_file_key_selector, NONE);

static const struct cs_schema_field f_env_var_source[] = {
    O("configMapKeyRef", PTR, 2, config_map_key_selector),
    O("fieldRef", PTR, 0, cs_schema_object_field_selector),
    O("fileKeyRef", PTR | NEW, 4, file_key_selector),
    O("resourceFieldRef", PTR, 1, cs_schema_resource_field_selector),
    O("secretKeyRef", PTR, 3, secret_key_selector),
};
static const struct cs_schema_type env_var_source = TYPE(f_env_var_source, NONE);

static const struct cs_schema_field f_env_var[] = {
    F("name", STR, ALWAYS, 0),
    F("value", STR, 0, 1),
    O("valueFrom", PTR, 2, env_var_source),
};
static const struct cs_schema_type env_var = TYPE(f_env_var, NAME);

static const struct cs_schema_field f_container_resize_policy[] = {
    F("resourceName", STR, ALWAYS, 0),
    F("restartPolicy", STR, ALWAYS, 1),
};
static const struct cs_schema_type container_resize_policy = TYPE(f_container_resize_policy, NONE);

static const struct cs_schema_field f_container_restart_rule_on_exit_codes[] = {
    F("operator", STR, NEW, 0),
    F("values", INTS, NEW, 1),
};
static const struct cs_schema_type container_restart_rule_on_exit_codes =
    TYPE(f_container_restart_rule_on_exit_codes, NONE);

static const struct cs_schema_field f_container_restart_rule[] = {
    F("action", STR, NEW, 0),
    O("exitCodes", PTR | NEW, 1, container_restart_rule_on_exit_codes),
};
static const struct cs_schema_type container_restart_rule = TYPE(f_container_restart_rule, NONE);

static const struct cs_schema_field f_volume_mount[] = {
    F("bindMountOptions", STRS, NEW, 7),
    F("mountPath", STR, ALWAYS, 3),
    D("mountPropagation", STR, PTR, 5, "None"),
    F("name", STR, ALWAYS, 0),
    F("readOnly", BOOL, 0, 1),
    D("recursiveReadOnly", STR, PTR, 2, "Disabled"),
    F("subPath", STR, 0, 4),
    F("subPathExpr", STR, 0, 6),
};
static const struct cs_schema_type volume_mount = TYPE(f_volume_mount, MOUNT_PATH);

static const struct cs_schema_field f_volume_device[] = {
    F("devicePath", STR, ALWAYS, 1),
    F("name", STR, ALWAYS, 0),
};
static const struct cs_schema_type volume_device = TYPE(f_volume_device, DEVICE_PATH);

static const struct cs_schema_field f_exec_action[] = {
    F("command", STRS, 0, 0),
};
static const struct cs_schema_type exec_action = TYPE(f_exec_action, NONE);

static const struct cs_schema_field f_http_header[] = {
    F("name", STR, ALWAYS, 0),
    F("value", STR, ALWAYS, 1),
};
static const struct cs_schema_type http_header = TYPE(f_http_header, NONE);

static const struct cs_schema_field f_http_get_action[] = {
    F("host", STR, 0, 2),
    L("httpHeaders", 0, 4, http_header),
    D("path", STR, 0, 0, "/"),
    F("port", INTSTR, ALWAYS, 1),
    F("protocol", STR, PTR | NEW, 5),
    D("scheme", STR, 0, 3, "HTTP"),
};
static const struct cs_schema_type http_get_action = TYPE(f_http_get_action, NONE);

static const struct cs_schema_field f_tcp_socket_action[] = {
    F("host", STR, 0, 1),
    F("port", INTSTR, ALWAYS, 0),
};
static const struct cs_schema_type tcp_socket_action = TYPE(f_tcp_socket_action, NONE);

static const struct cs_schema_field f_grpc_action[] = {
    F("mode", STR, PTR | NEW, 2),
    F("port", I32, ALWAYS, 0),
    D("service", STR, PTR | ALWAYS, 1, ""),
};
static const struct cs_schema_type grpc_action = TYPE(f_grpc_action, NONE);

static const struct cs_schema_field f_probe[] = {
    O("exec", PTR, 0, exec_action),
    D("failureThreshold", I32, 0, 8, "3"),
    O("grpc", PTR, 3, grpc_action),
    O("httpGet", PTR, 1, http_get_action),
    F("initialDelaySeconds", I32, 0, 4),
    D("periodSeconds", I32, 0, 6, "10"),
    D("successThreshold", I32, 0, 7, "1"),
    O("tcpSocket", PTR, 2, tcp_socket_action),
    F("terminationGracePeriodSeconds", I64, PTR, 9),
    D("timeoutSeconds", I32, 0, 5, "1"),
};
static const struct cs_schema_type probe = TYPE(f_probe, NONE);

static const struct cs_schema_field f_sleep_action[] = {
    F("seconds", I64, ALWAYS, 0),
};
static const struct cs_schema_type sleep_action = TYPE(f_sleep_action, NONE);

static const struct cs_schema_field f_lifecycle_handler[] = {
    O("exec", PTR, 0, exec_action),
    O("httpGet", PTR, 1, http_get_action),
    O("sleep", PTR, 3, sleep_action),
    O("tcpSocket", PTR, 2, tcp_socket_action),
};
static const struct cs_schema_type lifecycle_handler = TYPE(f_lifecycle_handler, NONE);

static const struct cs_schema_field f_lifecycle[] = {
    O("postStart", PTR, 0, lifecycle_handler),
    O("preStop", PTR, 1, lifecycle_handler),
    F("stopSignal", STR, PTR | NEW, 2),
};
static const struct cs_schema_type lifecycle = TYPE(f_lifecycle, NONE);

static const struct cs_schema_field f_capabilities[] = {
    F("add", STRS, 0, 0),
    F("drop", STRS, 0, 1),
};
static const struct cs_schema_type capabilities = TYPE(f_capabilities, NONE);

static const struct cs_schema_field f_security_context[] = {
    F("allowPrivilegeEscalation", BOOL, PTR, 8),
    O("appArmorProfile", PTR, 11, cs_schema_app_armor_profile),
    O("capabilities", PTR, 0, capabilities),
    F("privileged", BOOL, PTR, 1),
    D("procMount", STR, PTR, 9, "Default"),
    F("readOnlyRootFilesystem", BOOL, PTR, 7),
    F("runAsGroup", I64, PTR, 5),
    F("runAsNonRoot", BOOL, PTR, 6),
    F("runAsUser", I64, PTR, 4),
    O("seLinuxOptions", PTR, 2, cs_schema_selinux_options),
    O("seccompProfile", PTR, 10, cs_schema_seccomp_profile),
    O("windowsOptions", PTR, 3, cs_schema_windows_security_context_options),
};
static const struct cs_schema_type security_context = TYPE(f_security_context, NONE);

static const struct cs_schema_field f_container[] = {
    F("args", STRS, 0, 3),
    F("command", STRS, 0, 2),
    L("env", 0, 7, env_var),
    L("envFrom", 0, 6, env_from_source),
    F("image", STR, 0, 1),
    F("imagePullPolicy", STR, 0, 20),
    O("lifecycle", PTR, 17, lifecycle),
    O("livenessProbe", PTR, 14, probe),
    F("name", STR, ALWAYS, 0),
    L("ports", 0, 5, container_port),
    O("readinessProbe", PTR, 15, probe),
    L("resizePolicy", 0, 9, container_resize_policy),
    O("resources", ALWAYS, 8, cs_schema_resource_requirements),
    F("restartPolicy", STR, PTR, 10),
    L("restartPolicyRules", NEW, 11, container_restart_rule),
    O("securityContext", PTR, 21, security_context),
    O("startupProbe", PTR, 16, probe),
    F("stdin", BOOL, 0, 22),
    F("stdinOnce", BOOL, 0, 23),
    D("terminationMessagePath", STR, 0, 18, "/dev/termination-log"),
    D("terminationMessagePolicy", STR, 0, 19, "File"),
    F("tty", BOOL, 0, 24),
    L("volumeDevices", 0, 13, volume_device),
    L("volumeMounts", 0, 12, volume_mount),
    F("workingDir", STR, 0, 4),
};
const struct cs_schema_type cs_schema_container = TYPE(f_container, NAME);

static const struct cs_schema_field f_ephemeral_container[] = {
    F("args", STRS, 0, 3),
    F("command", STRS, 0, 2),
    L("env", 0, 7, env_var),
    L("envFrom", 0, 6, env_from_source),
    F("image", STR, 0, 1),
    F("imagePullPolicy", STR, 0, 20),
    O("lifecycle", PTR, 17, lifecycle),
    O("livenessProbe", PTR, 14, probe),
    F("name", STR, ALWAYS, 0),
    L("ports", 0, 5, container_port),
    O("readinessProbe", PTR, 15, probe),
    L("resizePolicy", 0, 9, container_resize_policy),
    O("resources", ALWAYS, 8, cs_schema_resource_requirements),
    F("restartPolicy", STR, PTR, 10),
    L("restartPolicyRules", NEW, 11, container_restart_rule),
    O("securityContext", PTR, 21, security_context),
    O("startupProbe", PTR, 16, probe),
    F("stdin", BOOL, 0, 22),
    F("stdinOnce", BOOL, 0, 23),
    F("targetContainerName", STR, 0, 25),
    D("terminationMessagePath", STR, 0, 18, "/dev/termination-log"),
    D("terminationMessagePolicy", STR, 0, 19, "File"),
    F("tty", BOOL, 0, 24),
    L("volumeDevices", 0, 13, volume_device),
    L("volumeMounts", 0, 12, volume_mount),
    F("workingDir", STR, 0, 4),
};
const struct cs_schema_type cs_schema_ephemeral_container = TYPE(f_ephemeral_container, NAME);
