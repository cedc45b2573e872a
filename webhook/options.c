/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of flags.
 */
#include "webhook/options.h"

#include "common/base/cleanup.h"

#define STRING(member, name, initial, help) CS_FLAG_STRING(struct cs_webhook_options, member, name, initial, help)
#define DURATION(member, name, initial, lo, hi, help)                                                                  \
    CS_FLAG_DURATION(struct cs_webhook_options, member, name, initial, lo, hi, help)
#define INT(member, name, initial, lo, hi, help)                                                                       \
    CS_FLAG_INT(struct cs_webhook_options, member, name, initial, lo, hi, help)

static const struct cs_flag flags[] = {
    STRING(bind_address, "webhook-bind-address", ":9443", "address of the HTTPS port (private GKE clusters: :10250)"),
    STRING(metrics_address, "metrics-bind-address", ":8080", "address of /metrics, plain HTTP; 0 turns it off"),
    STRING(health_address, "health-probe-bind-address", ":8081",
        "address of /healthz and /readyz, plain HTTP; may equal the metrics address; 0 turns it off"),
    STRING(kubeconfig, "kubeconfig", "", "file to reach the API server with; empty: the Pod's service account"),
    STRING(ns, "namespace", "", "namespace of Secret and Service; empty: the Pod's, else cloneset-system"),
    STRING(secret, "secret-name", "cloneset-webhook-cert", "Secret that holds CA and certificate"),
    STRING(service, "service-name", "cloneset-webhook", "Service by which the API server reaches the webhook"),
    INT(service_port, "service-port", "443", "1", "65535", "port of that Service"),
    STRING(url, "webhook-url", "",
        "https://host:port to register instead of the Service, when running outside the cluster"),
    CS_FLAG_BOOL(struct cs_webhook_options, manage_webhooks, "manage-webhooks", true,
        "write the entries of the webhook configurations and keep their caBundle right"),
    CS_FLAG_BOOL(struct cs_webhook_options, manage_conversion, "manage-conversion", false,
        "keep the caBundle in the CRD right, where CloneSets are converted (overlay v1beta1)"),
    STRING(cert_dir, "cert-dir", "",
        "folder with tls.crt and tls.key from somebody else (cert-manager); needs --manage-webhooks=false"),
    STRING(client_ca_file, "client-ca-file", "",
        "PEM file: answer admission only to clients with a certificate of these CAs; read once"),
    STRING(client_allowed_names, "client-allowed-names", "",
        "common names of these certificates that are accepted, separated by commas; empty: all; needs "
        "--client-ca-file"),
    DURATION(ca_lifetime_ms, "ca-lifetime", "87600h", "1m", "876000h", "life of a CA that is made here"),
    DURATION(leaf_lifetime_ms, "leaf-lifetime", "2160h", "15s", "87600h",
        "life of a certificate that is made here; renewed when a third is left"),
    INT(threads, "threads", "2", "1", "64", "threads that answer admission requests"),
    INT(max_connections, "max-connections", "500", "1", "100000",
        "connections served at once; for each further one an idle one is closed"),
    DURATION(shutdown_delay_ms, "shutdown-delay", "5s", "0s", "1m",
        "after SIGTERM: how long to go on serving while not ready, so that load balancers notice"),
    DURATION(
        shutdown_timeout_ms, "shutdown-timeout", "10s", "0s", "1m", "after that: how long requests may take to finish"),
    STRING(feature_gates, "feature-gates", "",
        "Name=true|false,…: switches optional behaviour, with OpenKruise's names and defaults"),
    CS_FLAGS_LOGGING(struct cs_webhook_options, verbosity, logging_format),
};

const struct cs_flagset cs_webhook_flags = {
    .program = "cloneset-webhook",
    .summary = "Admission webhooks for CloneSet (apps.kruise.io): defaults, validation, instance-id labels. Makes, "
               "publishes and\n"
               "renews its own certificate.",
    .flags = flags,
    .n_flags = CS_ARRAY_LEN(flags),
};

/* "https://host[:port][/prefix]" without query or fragment: paths are appended. */
static bool check_url(const char *url, struct cs_error *err)
{
    struct cs_str s = cs_str(url);

    if (!cs_str_starts(s, "https://") || s.len == strlen("https://"))
        return cs_error_set(err, CS_ERR_INVALID, "--webhook-url \"%s\": must be https://host:port", url);
    if (strpbrk(url, "?# ") || cs_str_ends(s, "/"))
        return cs_error_set(err, CS_ERR_INVALID,
            "--webhook-url \"%s\": paths are appended to it, so it must not end with a "
            "slash or hold a query",
            url);
    return true;
}

bool cs_webhook_options_check(const struct cs_webhook_options *o, struct cs_error *err)
{
    const struct {
        const char *flag, *value;
    } names[] = {{"--secret-name", o->secret}, {"--service-name", o->service}};

    for (size_t i = 0; i < CS_ARRAY_LEN(names); i++)
        if (!cs_is_dns1123_subdomain(cs_str(names[i].value)))
            return cs_error_set(err, CS_ERR_INVALID, "%s \"%s\": is no valid name", names[i].flag, names[i].value);
    if (o->ns[0] != '\0' && !cs_is_dns1123_label(cs_str(o->ns)))
        return cs_error_set(err, CS_ERR_INVALID, "--namespace \"%s\": is no valid name", o->ns);
    if (o->url[0] != '\0' && !check_url(o->url, err))
        return false;
    if (o->cert_dir[0] != '\0' && o->manage_webhooks)
        return cs_error_set(err, CS_ERR_INVALID,
            "--cert-dir needs --manage-webhooks=false: who makes the certificate "
            "also publishes its CA");
    if (o->client_allowed_names[0] != '\0' && o->client_ca_file[0] == '\0')
        return cs_error_set(err, CS_ERR_INVALID,
            "--client-allowed-names needs --client-ca-file: a name means nothing without a CA that vouches for it");
    if (o->manage_conversion && !o->manage_webhooks)
        return cs_error_set(err, CS_ERR_INVALID, "--manage-conversion needs --manage-webhooks");
    if (strcmp(o->bind_address, "0") == 0)
        return cs_error_set(err, CS_ERR_INVALID, "--webhook-bind-address: a webhook must listen");
    return true;
}
