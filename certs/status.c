/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One line of text behind a lock: written by the event loop, read by the threads that answer probes.
 */
#include "certs/status.h"

#include <stdio.h>

#include "common/base/str.h"

void cs_cert_status_init(struct cs_cert_status *s, const char *why)
{
    pthread_mutex_init(&s->lock, NULL);
    snprintf(s->why, sizeof(s->why), "%s", why);
}

void cs_cert_status_done(struct cs_cert_status *s)
{
    pthread_mutex_destroy(&s->lock);
}

bool cs_cert_status_set(struct cs_cert_status *s, const char *why)
{
    bool changed;

    pthread_mutex_lock(&s->lock);
    changed = !cs_streq(s->why, why);
    if (changed)
        snprintf(s->why, sizeof(s->why), "%s", why);
    pthread_mutex_unlock(&s->lock);
    return changed;
}

bool cs_cert_status_ready(struct cs_cert_status *s, char *why, size_t size)
{
    bool ready;

    pthread_mutex_lock(&s->lock);
    ready = s->why[0] == '\0';
    if (why && size > 0)
        snprintf(why, size, "%s", s->why);
    pthread_mutex_unlock(&s->lock);
    return ready;
}

void cs_cert_metric_expiry(struct cs_metrics *m, int64_t until_ms)
{
    static const struct cs_metric_desc desc = {
        .name = "cloneset_webhook_certificate_expiry_timestamp_seconds",
        .help = "When the webhook server's certificate ends, seconds since the epoch.",
        .type = CS_METRIC_GAUGE,
    };

    cs_metric_set(cs_metric_get(m, &desc), (double)until_ms / 1000, NULL);
}
