/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections and requests: the callbacks of libmicrohttpd. A request is answered in the last of its calls, never in the first,
 * because an early answer costs the connection (libmicrohttpd then closes it); the exception is a body that announces itself as too
 * large, which is to be refused without being read.
 */
#include <gnutls/gnutls.h>
#include <microhttpd.h>
#include <stdarg.h>
#include <sys/socket.h>

#include "common/base/alloc.h"
#include "common/http/http_private.h"

static const char *const text_plain = "text/plain; charset=utf-8";

/* ---- connections ---- */

static void *session_of(struct MHD_Connection *c)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(c, MHD_CONNECTION_INFO_GNUTLS_SESSION);

    return info ? info->tls_session : NULL;
}

static int socket_of(struct MHD_Connection *c)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(c, MHD_CONNECTION_INFO_CONNECTION_FD);

    return info ? info->connect_fd : -1;
}

static struct cs_http_conn *conn_of(struct MHD_Connection *c)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(c, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

    return info->socket_context;
}

static void conn_begin(struct cs_http_worker *w, struct MHD_Connection *c, void **ret)
{
    struct cs_http_conn *conn = cs_new(struct cs_http_conn);

    conn->worker = w;
    cs_strbuf_init(&conn->body, w->server->o.max_body);
    cs_strbuf_init(&conn->answer, CS_HTTP_MAX_ANSWER);
    if (w->server->o.tls) {
        conn->tls.slot = &w->server->pair;
        cs_tls_session_attach(session_of(c), &conn->tls);
        if (w->server->client_ca_pem)
            cs_tls_session_require_client(session_of(c));
    }
    (void)MHD_set_connection_option(c, MHD_CONNECTION_OPTION_TIMEOUT, (unsigned)CS_HTTP_NEWCOMER_S);
    *ret = conn;
}

/* The GnuTLS session is gone by now; the socket is still open. */
static void conn_end(struct cs_http_conn *conn, struct MHD_Connection *c)
{
    if (conn->linger)
        cs_linger_add(&conn->worker->server->linger, socket_of(c), cs_http_now_ms());
    cs_tls_session_done(&conn->tls);
    cs_strbuf_done(&conn->body);
    cs_strbuf_done(&conn->answer);
    free(conn);
}

static void on_connection(
    void *cls, struct MHD_Connection *c, void **socket_context, enum MHD_ConnectionNotificationCode code)
{
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        conn_begin(cls, c, socket_context);
    } else if (*socket_context) {
        conn_end(*socket_context, c);
        *socket_context = NULL;
    }
}

/* ---- answers ---- */

static void word_refusal(const struct cs_http_server *s, int status, const char *text, struct cs_http_resp *resp)
{
    cs_strbuf_clear(resp->body);
    *resp = (struct cs_http_resp){.status = status, .body = resp->body};
    if (s->o.refusal) {
        s->o.refusal(s->o.ctx, text, resp);
        return;
    }
    cs_strbuf_addf(resp->body, "%s\n", text);
}

static enum MHD_Result send_answer(struct cs_http_conn *conn, struct MHD_Connection *c, struct cs_http_resp *resp)
{
    struct cs_http_server *s = conn->worker->server;
    struct MHD_Response *r;
    enum MHD_Result rc;

    if (resp->body->failed)
        word_refusal(s, 500, "the answer grew too large", resp);
    /* The bytes stay in the connection's buffer until the request is over: nothing is copied. */
    r = MHD_create_response_from_buffer(resp->body->len, resp->body->data, MHD_RESPMEM_PERSISTENT);
    if (!r)
        return MHD_NO;
    (void)MHD_add_response_header(
        r, MHD_HTTP_HEADER_CONTENT_TYPE, resp->content_type ? resp->content_type : text_plain);
    if (resp->allow)
        (void)MHD_add_response_header(r, MHD_HTTP_HEADER_ALLOW, resp->allow);
    if (atomic_load_explicit(&s->phase, memory_order_relaxed) != CS_HTTP_SERVING)
        (void)MHD_add_response_header(r, MHD_HTTP_HEADER_CONNECTION, "close");
    rc = MHD_queue_response(c, (unsigned)resp->status, r);
    MHD_destroy_response(r);
    return rc;
}

/* Refuses in the first call: libmicrohttpd stops reading, answers and closes. */
static enum MHD_Result refuse_announced(struct cs_http_conn *conn, struct MHD_Connection *c)
{
    const struct cs_http_server *s = conn->worker->server;
    struct cs_http_resp resp = {.status = MHD_HTTP_CONTENT_TOO_LARGE, .body = &conn->answer};
    char text[80];

    (void)snprintf(text, sizeof(text), "the request body is larger than %zu bytes", s->o.max_body);
    word_refusal(s, resp.status, text, &resp);
    conn->linger = true;
    return send_answer(conn, c, &resp);
}

static const char *reason_phrase(int status)
{
    switch (status) {
    case 408:
        return "Request Timeout";
    case 413:
        return "Content Too Large";
    default:
        return "Service Unavailable";
    }
}

/*
 * Refuses in the middle of a body of unknown length. libmicrohttpd takes no answer then, but nothing of ours is on its way
 * either: so the answer is written to the connection by hand, and returning MHD_NO closes it.
 */
static enum MHD_Result refuse_midway(struct cs_http_conn *conn, struct MHD_Connection *c, int status, const char *text)
{
    struct cs_http_resp resp = {.body = &conn->answer};
    cs_autostrbuf out = CS_STRBUF_INIT;

    word_refusal(conn->worker->server, status, text, &resp);
    cs_strbuf_addf(&out, "HTTP/1.1 %d %s\r\nConnection: close\r\nContent-Type: %s\r\nContent-Length: %zu\r\n\r\n",
        status, reason_phrase(status), resp.content_type ? resp.content_type : text_plain, resp.body->len);
    cs_strbuf_add(&out, cs_strbuf_str(resp.body), resp.body->len);
    if (conn->worker->server->o.tls)
        cs_tls_send(session_of(c), cs_strbuf_str(&out), out.len);
    else
        (void)send(socket_of(c), cs_strbuf_str(&out), out.len, MSG_DONTWAIT | MSG_NOSIGNAL);
    conn->linger = true;
    return MHD_NO;
}

/* ---- requests ---- */

static void request_begin(struct cs_http_conn *conn)
{
    conn->in_request = true;
    conn->started_ms = cs_http_now_ms();
    atomic_fetch_add(&conn->worker->server->requests, 1);
}

/* Large buffers go back to the system, small ones serve the next request of this connection. */
static void trim(struct cs_strbuf *b)
{
    size_t max = b->max;

    if (b->cap > CS_HTTP_KEEP_BUFFER || b->failed) {
        cs_strbuf_done(b);
        cs_strbuf_init(b, max);
    }
    cs_strbuf_clear(b);
}

static void on_completed(void *cls, struct MHD_Connection *c, void **req_ctx, enum MHD_RequestTerminationCode code)
{
    struct cs_http_conn *conn = conn_of(c);

    (void)cls, (void)req_ctx, (void)code;
    if (!conn->in_request)
        return;
    conn->in_request = false;
    atomic_fetch_sub(&conn->worker->server->body_bytes, conn->counted);
    conn->counted = 0;
    trim(&conn->body);
    trim(&conn->answer);
    atomic_fetch_sub(&conn->worker->server->requests, 1);
}

/* Keeps server->body_bytes true; false when all bodies together are too much. */
static bool count_body(struct cs_http_conn *conn)
{
    struct cs_http_server *s = conn->worker->server;
    size_t more = conn->body.cap > conn->counted ? conn->body.cap - conn->counted : 0;

    if (more == 0)
        return true;
    conn->counted += more;
    return atomic_fetch_add(&s->body_bytes, more) + more <= s->o.max_body_total;
}

static enum MHD_Result take_body(struct cs_http_conn *conn, struct MHD_Connection *c, const char *data, size_t len)
{
    char text[80];

    cs_strbuf_add(&conn->body, data, len);
    if (conn->body.exhausted)
        return refuse_midway(conn, c, 503, "no memory for the request body");
    if (conn->body.failed) {
        (void)snprintf(text, sizeof(text), "the request body is larger than %zu bytes", conn->body.max);
        return refuse_midway(conn, c, 413, text);
    }
    if (!count_body(conn))
        return refuse_midway(conn, c, 503, "too many large requests at once");
    if (cs_http_now_ms() - conn->started_ms > CS_HTTP_BODY_MS)
        return refuse_midway(conn, c, 408, "the request body arrives too slowly");
    return MHD_YES;
}

static bool announces_too_much(const struct cs_http_conn *conn, struct MHD_Connection *c)
{
    const char *v = MHD_lookup_connection_value(c, MHD_HEADER_KIND, MHD_HTTP_HEADER_CONTENT_LENGTH);
    uint64_t n;

    return v && cs_parse_u64(cs_str(v), &n) && n > conn->worker->server->o.max_body;
}

static enum MHD_Result handle(struct cs_http_conn *conn, struct MHD_Connection *c, const char *method, const char *url)
{
    const struct cs_http_server *s = conn->worker->server;
    struct cs_http_req req = {
        .method = strcmp(method, "HEAD") == 0 ? "GET" : method,
        .path = url,
        .content_type = MHD_lookup_connection_value(c, MHD_HEADER_KIND, MHD_HTTP_HEADER_CONTENT_TYPE),
        .body = {.p = cs_strbuf_str(&conn->body), .len = conn->body.len},
        .thread = conn->worker->index,
    };
    struct cs_http_resp resp = {.status = 200, .body = &conn->answer};

    if (!conn->proven) {
        conn->proven = true;
        (void)MHD_set_connection_option(c, MHD_CONNECTION_OPTION_TIMEOUT, s->o.idle_timeout_s);
    }
    s->o.handler(s->o.ctx, &req, &resp);
    return send_answer(conn, c, &resp);
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *c, const char *url, const char *method,
    const char *version, const char *data, size_t *size, void **req_ctx)
{
    struct cs_http_conn *conn = conn_of(c);
    size_t n = *size;

    (void)cls, (void)version;
    if (!*req_ctx) { /* headers only */
        *req_ctx = conn;
        request_begin(conn);
        return announces_too_much(conn, c) ? refuse_announced(conn, c) : MHD_YES;
    }
    if (n == 0)
        return handle(conn, c, method, url);
    *size = 0;
    return take_body(conn, c, data, n);
}

/* ---- the daemon of one worker ---- */

__attribute__((format(printf, 2, 0))) static void on_log(void *cls, const char *fmt, va_list ap)
{
    const struct cs_http_worker *w = cls;
    char text[256];

    if (!cs_log_enabled(w->server->o.log, CS_LOG_DEBUG))
        return;
    if (vsnprintf(text, sizeof(text), fmt, ap) < 0)
        return;
    text[strcspn(text, "\n")] = '\0';
    cs_log_debug(w->server->o.log, "libmicrohttpd", CS_KVS("text", text));
}

struct MHD_Daemon *cs_http_daemon_start(struct cs_http_worker *w, int listen_fd)
{
    const struct cs_http_options *o = &w->server->o;
    unsigned limit = (o->max_connections + w->server->n_workers - 1) / w->server->n_workers;
    struct MHD_OptionItem tls[] = {
        {MHD_OPTION_HTTPS_CERT_CALLBACK, 0, cs_tls_retrieve_function()},
        {MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)(uintptr_t)CS_TLS_PRIORITIES},
        {w->server->client_ca_pem ? MHD_OPTION_HTTPS_MEM_TRUST : MHD_OPTION_END, 0, w->server->client_ca_pem},
        {MHD_OPTION_END, 0, NULL},
    };
    struct MHD_OptionItem none[] = {{MHD_OPTION_END, 0, NULL}};

    return MHD_start_daemon(MHD_USE_EPOLL | MHD_USE_ERROR_LOG | (o->tls ? MHD_USE_TLS : 0u), 0, NULL, NULL, &on_request,
        w, MHD_OPTION_EXTERNAL_LOGGER, &on_log, w, MHD_OPTION_LISTEN_SOCKET, listen_fd, MHD_OPTION_CONNECTION_LIMIT,
        limit, MHD_OPTION_CONNECTION_TIMEOUT, o->idle_timeout_s, MHD_OPTION_NOTIFY_COMPLETED, &on_completed, w,
        MHD_OPTION_NOTIFY_CONNECTION, &on_connection, w, MHD_OPTION_ARRAY, o->tls ? tls : none, MHD_OPTION_END);
}
