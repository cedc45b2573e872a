/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libcurl easy handles, set up once for our API server (TLS, timeouts of the socket, no proxy, no redirects) and used
 * again and again; per request only method, URL, headers and body change. Private to curl_client.c.
 */
#ifndef CS_KUBE_CURL_POOL_H
#define CS_KUBE_CURL_POOL_H

#include <curl/curl.h>

#include "common/kube/client.h"
#include "common/kube/credentials.h"

struct cs_curl_handle {
    CURL *easy;
    struct curl_slist *headers; /* of the current request */
    unsigned ca_generation;
    char why[CURL_ERROR_SIZE]; /* libcurl's words on a failure */
};

struct cs_curl_pool {
    const struct cs_kube_config *config; /* borrowed */
    struct cs_credentials credentials;
    char *user_agent;
    char *base_url; /* scheme and authority (tls-server-name put in) and prefix */
    char *authority; /* "host:port" as configured; the host label of metrics */
    char *host_header; /* "Host: …" when base_url names another host, else NULL */
    struct curl_slist *connect_to; /* likewise: where to connect really */
    struct cs_curl_handle **idle;
    size_t n_idle, cap_idle;
};

bool cs_curl_pool_init(struct cs_curl_pool *p, const struct cs_kube_config *config, const struct cs_clock *clock,
    const char *user_agent, struct cs_error *err);
void cs_curl_pool_done(struct cs_curl_pool *p); /* also of a pool whose init failed */

/* A handle set up for the server; owned by the caller until given back. NULL: out of memory or no such feature. */
struct cs_curl_handle *cs_curl_pool_take(struct cs_curl_pool *p);
/* NULL is accepted. The handle must be out of the multi. */
void cs_curl_pool_give(struct cs_curl_pool *p, struct cs_curl_handle *h);

/* path: with query; body must stay until the handle is given back. False: out of memory. */
bool cs_curl_pool_prepare(
    struct cs_curl_pool *p, struct cs_curl_handle *h, enum cs_verb verb, const char *path, struct cs_str body);

/* ---- what came back: valid until the handle is given back ---- */

int cs_curl_handle_status(const struct cs_curl_handle *h); /* 0: no answer yet */
int64_t cs_curl_handle_retry_after_ms(const struct cs_curl_handle *h); /* 0: the server did not say; at most an hour */
int64_t cs_curl_handle_date_ms(const struct cs_curl_handle *h); /* wall time of the Date header, else 0 */
/* A transfer that failed below HTTP. */
void cs_curl_handle_error(const struct cs_curl_handle *h, CURLcode rc, struct cs_error *ret);

#endif
