/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the API server is and who we are: from a kubeconfig file (--kubeconfig, else $KUBECONFIG, else
 * ~/.kube/config when told so) or from the Pod's service account. D25: client certificates, token, tokenFile; an
 * exec or auth-provider plugin gives a clear error.
 */
#ifndef CS_KUBE_CONFIG_H
#define CS_KUBE_CONFIG_H

#include <stdbool.h>

#include "common/base/cleanup.h"
#include "common/base/error.h"

struct cs_kube_config {
    char *server; /* "https://host:port[/prefix]", no trailing slash */
    char *ca_file; /* path, or NULL */
    char *ca_pem; /* inline PEM, or NULL */
    char *cert_pem; /* client certificate, inline PEM (files are read), or NULL */
    char *key_pem;
    char *token; /* static bearer token, or NULL */
    char *token_file; /* re-read when it changes (bound service account tokens rotate), or NULL */
    char *server_name; /* tls-server-name, or NULL */
    char *ns; /* namespace of the context or of the Pod, never NULL ("default") */
    bool insecure; /* insecure-skip-tls-verify */
    bool in_cluster;
};

void cs_kube_config_free(struct cs_kube_config *c);
CS_DEFINE_CLEANUP(struct cs_kube_config *, cs_kube_config_free)
#define cs_auto_kube_config CS_CLEANUP(cs_kube_config_free_cleanup) struct cs_kube_config

/* From a kubeconfig file; context NULL: its current-context. Errors name the file and the field. */
bool cs_kube_config_from_file(const char *path, const char *context, struct cs_kube_config **ret, struct cs_error *err);
/* From text; `dir` resolves relative file names (certificate-authority: ca.crt). */
bool cs_kube_config_from_text(const char *text, size_t len, const char *dir, const char *context,
    struct cs_kube_config **ret, struct cs_error *err);
/*
 * The Pod's: KUBERNETES_SERVICE_HOST/PORT and /var/run/secrets/kubernetes.io/serviceaccount. host, port: values of those
 * variables (read by main); dir: NULL for the usual folder.
 */
bool cs_kube_config_in_cluster(
    const char *host, const char *port, const char *dir, struct cs_kube_config **ret, struct cs_error *err);

#endif
