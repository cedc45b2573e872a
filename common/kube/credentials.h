/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What proves who the server is (CA) and who we are (bearer token), kept current: bound service account tokens are
 * replaced every hour or so, and the cluster's CA may be rotated under a running Pod. No TLS and no curl in here.
 */
#ifndef CS_KUBE_CREDENTIALS_H
#define CS_KUBE_CREDENTIALS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/clock.h"
#include "common/kube/config.h"

/* Files are looked at again at most once in so long, except after a 401. */
#define CS_CREDENTIALS_REREAD_MS 1000

struct cs_credentials {
    const struct cs_kube_config *config; /* borrowed, as clock */
    const struct cs_clock *clock;
    char *ca_pem; /* NULL: the system's roots */
    unsigned ca_generation; /* grows when ca_pem changes: connections made with an older one are not to be reused */
    int64_t ca_read_ms;
    char *token; /* NULL: none */
    int64_t token_read_ms;
    bool token_refused; /* read again at the next use */
};

/* Reads the files for the first time. Errors: unreadable or malformed CA or token. Call _done in either case. */
bool cs_credentials_init(
    struct cs_credentials *c, const struct cs_kube_config *config, const struct cs_clock *clock, struct cs_error *err);
void cs_credentials_done(struct cs_credentials *c);

/*
 * The token to send now, NULL for none; borrowed until the next call. A file that has become unreadable or malformed
 * leaves the last good token in use (a mounted Secret is replaced in steps).
 */
const char *cs_credentials_token(struct cs_credentials *c);
/* The server answered 401: the next use reads the file even if it was read a moment ago. */
void cs_credentials_token_refused(struct cs_credentials *c);
/* A connection could not be made or trusted: reads the CA file again. ca_pem may change, and then ca_generation does. */
void cs_credentials_connect_failed(struct cs_credentials *c);

#endif
