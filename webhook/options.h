/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Flags of cloneset-webhook, and what follows from them together.
 */
#ifndef CS_WEBHOOK_OPTIONS_H
#define CS_WEBHOOK_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/error.h"
#include "common/base/flags.h"

/* Strings are borrowed from argv, never NULL; "" is "not given". */
struct cs_webhook_options {
    const char *bind_address, *metrics_address, *health_address;
    const char *kubeconfig, *ns, *secret, *service, *url, *cert_dir, *client_ca_file, *client_allowed_names,
        *logging_format, *feature_gates;
    bool manage_webhooks, manage_conversion;
    int64_t service_port, threads, max_connections, verbosity;
    int64_t ca_lifetime_ms, leaf_lifetime_ms, shutdown_delay_ms, shutdown_timeout_ms;
};

extern const struct cs_flagset cs_webhook_flags;

/* Rules between flags and forms that a flag's type does not check. CS_ERR_INVALID: one line for the user. */
bool cs_webhook_options_check(const struct cs_webhook_options *o, struct cs_error *err);
/* False: the certificate comes from files and nothing is registered, so the API server is not needed. */
static inline bool cs_webhook_needs_api(const struct cs_webhook_options *o)
{
    return o->cert_dir[0] == '\0' || o->manage_webhooks;
}

#endif
