/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What rotator.h and file_pair.h tell the outside: ready or why not (asked by probes on other threads), and the expiry
 * of the certificate served.
 */
#ifndef CS_CERTS_STATUS_H
#define CS_CERTS_STATUS_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/metrics.h"

#define CS_CERT_WHY_SIZE 1024

struct cs_cert_status {
    pthread_mutex_t lock;
    char why[CS_CERT_WHY_SIZE]; /* "" : ready */
};

void cs_cert_status_init(struct cs_cert_status *s, const char *why);
void cs_cert_status_done(struct cs_cert_status *s);
/* why "" means ready. Returns true when that changed the answer. */
bool cs_cert_status_set(struct cs_cert_status *s, const char *why);
bool cs_cert_status_ready(struct cs_cert_status *s, char *why, size_t size);

/* cloneset_webhook_certificate_expiry_timestamp_seconds; m may be NULL. */
void cs_cert_metric_expiry(struct cs_metrics *m, int64_t until_ms);

#endif
