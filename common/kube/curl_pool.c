/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The policy of our connections, in one place. Nothing of the environment (proxies, netrc, default roots beside the
 * cluster's CA) may divert or widen them.
 */
#include "common/kube/curl_pool.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "common/base/alloc.h"

#define MAX_IDLE_HANDLES 64
#define MAX_RETRY_AFTER_S 3600
/* A dead peer is noticed after about this long, on busy and on quiet connections (kubernetes/kubernetes#65012). */
#define DEAD_PEER_MS 30000
/* The API server closes idle connections after 90 s: never send on one that is about to go. */
#define IDLE_CONNECTION_S 60L
#define TLS_RECORD (16L << 10)

/* Once one option failed, the following are skipped; the caller looks at rc at the end. */
#define SET(easy, option, value)                                                                                       \
    do {                                                                                                               \
        if (rc == CURLE_OK)                                                                                            \
            rc = curl_easy_setopt((easy), (option), (value));                                                          \
    } while (0)

static int tune_socket(void *ctx, curl_socket_t fd, curlsocktype purpose)
{
    int timeout = DEAD_PEER_MS;

    (void)ctx;
    (void)purpose;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout, sizeof(timeout));
    (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
    return CURL_SOCKOPT_OK;
}

static CURLcode set_blob(CURL *easy, CURLoption option, const char *pem)
{
    /* Copied: the CA may be replaced while a connection of the old one is still being made. */
    struct curl_blob blob = {.data = (void *)(uintptr_t)pem, .len = strlen(pem), .flags = CURL_BLOB_COPY};

    return curl_easy_setopt(easy, option, &blob);
}

static CURLcode set_tls(const struct cs_curl_pool *p, CURL *easy)
{
    CURLcode rc = CURLE_OK;

    SET(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    SET(easy, CURLOPT_SSL_VERIFYPEER, p->config->insecure ? 0L : 1L);
    SET(easy, CURLOPT_SSL_VERIFYHOST, p->config->insecure ? 0L : 2L);
    if (p->credentials.ca_pem) {
        /* Without these two the machine's own roots would be trusted beside the cluster's CA. */
        SET(easy, CURLOPT_CAINFO, NULL);
        SET(easy, CURLOPT_CAPATH, NULL);
        if (rc == CURLE_OK)
            rc = set_blob(easy, CURLOPT_CAINFO_BLOB, p->credentials.ca_pem);
    }
    if (rc == CURLE_OK && p->config->cert_pem)
        rc = set_blob(easy, CURLOPT_SSLCERT_BLOB, p->config->cert_pem);
    if (rc == CURLE_OK && p->config->key_pem)
        rc = set_blob(easy, CURLOPT_SSLKEY_BLOB, p->config->key_pem);
    return rc;
}

static CURLcode set_common(const struct cs_curl_pool *p, struct cs_curl_handle *h)
{
    bool https = strncmp(p->base_url, "https://", 8) == 0;
    CURL *easy = h->easy;
    CURLcode rc = CURLE_OK;

    SET(easy, CURLOPT_ERRORBUFFER, h->why);
    SET(easy, CURLOPT_NOSIGNAL, 1L);
    SET(easy, CURLOPT_PROTOCOLS_STR, https ? "https" : "http");
    SET(easy, CURLOPT_FOLLOWLOCATION, 0L);
    SET(easy, CURLOPT_PROXY, ""); /* whatever the environment says */
    SET(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    SET(easy, CURLOPT_PATH_AS_IS, 1L);
    SET(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    SET(easy, CURLOPT_USERAGENT, p->user_agent);
    SET(easy, CURLOPT_TCP_NODELAY, 1L);
    SET(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    SET(easy, CURLOPT_TCP_KEEPIDLE, 15L);
    SET(easy, CURLOPT_TCP_KEEPINTVL, 5L);
    SET(easy, CURLOPT_SOCKOPTFUNCTION, tune_socket);
    SET(easy, CURLOPT_MAXAGE_CONN, IDLE_CONNECTION_S);
    SET(easy, CURLOPT_CONNECTTIMEOUT_MS, 10000L);
    SET(easy, CURLOPT_BUFFERSIZE, TLS_RECORD); /* no read brings more at once */
    SET(easy, CURLOPT_UPLOAD_BUFFERSIZE, TLS_RECORD);
    if (p->connect_to)
        SET(easy, CURLOPT_CONNECT_TO, p->connect_to);
    if (rc == CURLE_OK && https)
        rc = set_tls(p, easy);
    return rc;
}

/* ---- where to ---- */

/*
 * tls-server-name: libcurl checks the certificate (and asks for it, SNI) by the URL's host. So the URL gets that name,
 * and the address of the real server is given beside it.
 */
static bool set_addresses(struct cs_curl_pool *p)
{
    const char *server = p->config->server;
    const char *rest = strstr(server, "://") + 3; /* cs_kube_config has seen to it */
    size_t len = strcspn(rest, "/");
    const char *port, *bracket;

    p->authority = cs_xmemdupz(rest, len);
    if (!p->config->server_name) {
        p->base_url = cs_xstrdup(server);
        return true;
    }
    bracket = strchr(p->authority, ']');
    port = strchr(bracket ? bracket : p->authority, ':');
    p->base_url =
        cs_xasprintf("%.*s%s%s%s", (int)(rest - server), server, p->config->server_name, port ? port : "", rest + len);
    p->host_header = cs_xasprintf("Host: %s", p->authority);

    cs_autofree char *target = cs_xasprintf("::%s%s", p->authority, port ? "" : ":");

    p->connect_to = curl_slist_append(NULL, target);
    return p->connect_to != NULL;
}

bool cs_curl_pool_init(struct cs_curl_pool *p, const struct cs_kube_config *config, const struct cs_clock *clock,
    const char *user_agent, struct cs_error *err)
{
    struct cs_curl_handle *probe;

    *p = (struct cs_curl_pool){.config = config, .user_agent = cs_xstrdup(user_agent)};
    if (!cs_credentials_init(&p->credentials, config, clock, err))
        return false;
    if (!set_addresses(p))
        return cs_error_set(err, CS_ERR_INTERNAL, "libcurl: out of memory");
    probe = cs_curl_pool_take(p);
    if (!probe)
        return cs_error_set(err, CS_ERR_INTERNAL, "libcurl refuses an option that we need");
    cs_curl_pool_give(p, probe);
    return true;
}

static void handle_free(struct cs_curl_handle *h)
{
    curl_easy_cleanup(h->easy);
    curl_slist_free_all(h->headers);
    free(h);
}

void cs_curl_pool_done(struct cs_curl_pool *p)
{
    for (size_t i = 0; i < p->n_idle; i++)
        handle_free(p->idle[i]);
    free(p->idle);
    cs_credentials_done(&p->credentials);
    free(p->user_agent);
    free(p->base_url);
    free(p->authority);
    free(p->host_header);
    curl_slist_free_all(p->connect_to);
    *p = (struct cs_curl_pool){0};
}

struct cs_curl_handle *cs_curl_pool_take(struct cs_curl_pool *p)
{
    struct cs_curl_handle *h;

    while (p->n_idle > 0) {
        h = p->idle[--p->n_idle];
        if (h->ca_generation == p->credentials.ca_generation)
            return h;
        handle_free(h); /* it trusts the old CA */
    }
    h = cs_new(struct cs_curl_handle);
    h->ca_generation = p->credentials.ca_generation;
    h->easy = curl_easy_init();
    if (!h->easy || set_common(p, h) != CURLE_OK) {
        handle_free(h);
        return NULL;
    }
    return h;
}

void cs_curl_pool_give(struct cs_curl_pool *p, struct cs_curl_handle *h)
{
    if (!h)
        return;
    curl_slist_free_all(cs_take(h->headers));
    if (p->n_idle >= MAX_IDLE_HANDLES || h->ca_generation != p->credentials.ca_generation) {
        handle_free(h);
        return;
    }
    cs_grow(p->idle, p->n_idle, p->cap_idle);
    p->idle[p->n_idle++] = h;
}

/* ---- one request ---- */

static const char *content_type(enum cs_verb verb)
{
    switch (verb) {
    case CS_VERB_PATCH_MERGE:
        return "Content-Type: application/merge-patch+json";
    case CS_VERB_PATCH_STRATEGIC:
        return "Content-Type: application/strategic-merge-patch+json";
    case CS_VERB_PATCH_JSON:
        return "Content-Type: application/json-patch+json";
    default:
        return "Content-Type: application/json";
    }
}

static bool add_header(struct cs_curl_handle *h, const char *line)
{
    struct curl_slist *longer = curl_slist_append(h->headers, line);

    if (longer)
        h->headers = longer;
    return longer != NULL;
}

static bool add_headers(struct cs_curl_pool *p, struct cs_curl_handle *h, enum cs_verb verb, bool has_body)
{
    const char *token = cs_credentials_token(&p->credentials);
    cs_autofree char *bearer = NULL;

    curl_slist_free_all(cs_take(h->headers));
    if (!add_header(h, "Accept: application/json"))
        return false;
    /* "Expect:" without a value: no round trip for a 100 before bodies above 1 MB. */
    if (has_body && (!add_header(h, content_type(verb)) || !add_header(h, "Expect:")))
        return false;
    if (p->host_header && !add_header(h, p->host_header))
        return false;
    if (!token)
        return true;
    bearer = cs_xasprintf("Authorization: Bearer %s", token);
    bool ok = add_header(h, bearer);

    explicit_bzero(bearer, strlen(bearer));
    return ok;
}

bool cs_curl_pool_prepare(
    struct cs_curl_pool *p, struct cs_curl_handle *h, enum cs_verb verb, const char *path, struct cs_str body)
{
    bool has_body = body.p || verb == CS_VERB_CREATE || verb == CS_VERB_UPDATE;
    cs_autofree char *url = cs_xasprintf("%s%s", p->base_url, path);
    CURLcode rc = CURLE_OK;

    if (!add_headers(p, h, verb, has_body))
        return false;
    h->why[0] = '\0';
    SET(h->easy, CURLOPT_URL, url);
    SET(h->easy, CURLOPT_HTTPHEADER, h->headers);
    if (has_body) {
        SET(h->easy, CURLOPT_POST, 1L);
        SET(h->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.len);
        SET(h->easy, CURLOPT_POSTFIELDS, body.p ? body.p : "");
    } else {
        SET(h->easy, CURLOPT_POSTFIELDS, NULL);
        SET(h->easy, CURLOPT_HTTPGET, 1L);
    }
    SET(h->easy, CURLOPT_CUSTOMREQUEST, cs_verb_method(verb));
    return rc == CURLE_OK;
}

/* ---- the answer ---- */

int cs_curl_handle_status(const struct cs_curl_handle *h)
{
    long status = 0;

    (void)curl_easy_getinfo(h->easy, CURLINFO_RESPONSE_CODE, &status);
    return (int)status;
}

int64_t cs_curl_handle_retry_after_ms(const struct cs_curl_handle *h)
{
    curl_off_t seconds = 0;

    if (curl_easy_getinfo(h->easy, CURLINFO_RETRY_AFTER, &seconds) != CURLE_OK || seconds <= 0)
        return 0;
    return (seconds < MAX_RETRY_AFTER_S ? seconds : MAX_RETRY_AFTER_S) * 1000;
}

int64_t cs_curl_handle_date_ms(const struct cs_curl_handle *h)
{
    struct curl_header *date;
    time_t t;

    if (curl_easy_header(h->easy, "Date", 0, CURLH_HEADER, -1, &date) != CURLHE_OK)
        return 0;
    t = curl_getdate(date->value, NULL);
    return t > 0 && t < INT64_MAX / 1000 ? (int64_t)t * 1000 : 0;
}

static enum cs_errkind kind_of(CURLcode rc)
{
    switch (rc) {
    case CURLE_OPERATION_TIMEDOUT:
        return CS_ERR_TIMEOUT;
    case CURLE_OUT_OF_MEMORY:
    case CURLE_FAILED_INIT:
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_URL_MALFORMAT:
    case CURLE_BAD_FUNCTION_ARGUMENT:
        return CS_ERR_INTERNAL;
    default:
        return CS_ERR_TRANSPORT;
    }
}

void cs_curl_handle_error(const struct cs_curl_handle *h, CURLcode rc, struct cs_error *ret)
{
    (void)cs_error_set(ret, kind_of(rc), "%s", h->why[0] ? h->why : curl_easy_strerror(rc));
    ret->code = cs_curl_handle_status(h);
}
