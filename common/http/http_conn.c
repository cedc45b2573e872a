/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections and requests: the callbacks of libmicrohttpd. A request is answered in the last of its calls, never in the first,
 * because an early answer costs the connection (libmicrohttpd then closes it); the exception are requests whose body is to be refused
 * without being read: one too large, or one of which it is not certain where it ends.
 */
#include <gnutls/gnutls.h>
#include <microhttpd.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <strings.h>
#include <sys/socket.h>

#include "common/base/alloc.h"
#include "common/http/http_private.h"

/* libmicrohttpd accepts up to 11 in a turn, and closes those that were cut for them in its next. */
#define LEAVING 32

static const char *const too_much = "too many large requests at once";
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
    conn->guest.fd = socket_of(c);
    conn->guest.greeted = &conn->tls.greeted;
    cs_http_crowd_add(&w->crowd, &conn->guest, cs_http_now_ms());
    cs_strbuf_init(&conn->body, w->server->o.max_body);
    cs_strbuf_init(&conn->answer, CS_HTTP_MAX_ANSWER);
    if (w->server->o.tls) {
        conn->tls.slot = &w->server->pair;
        conn->tls.client_names = w->server->client_names;
        cs_tls_session_attach(session_of(c), &conn->tls);
        if (w->server->client_ca_pem)
            cs_tls_session_require_client(session_of(c));
    }
    *ret = conn;
}

static void tell_of_stranger(const struct cs_http_server *s, struct MHD_Connection *c, const char *why)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(c, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    const struct sockaddr *from = info ? info->client_addr : NULL; /* as accepted: it may have left */
    char peer[INET6_ADDRSTRLEN + 16] = ""; /* with a scope */
    socklen_t len = from && from->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
    static const char mapped[] = "::ffff:"; /* before the dots of an IPv4 address */
    bool v4;

    if (from)
        (void)getnameinfo(from, len, peer, sizeof(peer), NULL, 0, NI_NUMERICHOST);
    v4 = strncmp(peer, mapped, strlen(mapped)) == 0 && strchr(peer, '.');
    s->o.stranger(s->o.ctx, v4 ? peer + strlen(mapped) : peer, why);
}

/* The GnuTLS session is gone by now; the socket is still open. */
static void conn_end(struct cs_http_conn *conn, struct MHD_Connection *c)
{
    if (conn->tls.refused) {
        conn->linger = true; /* a reset would overtake the alert: in TLS 1.3 the request may be on its way already */
        if (conn->worker->server->o.stranger)
            tell_of_stranger(conn->worker->server, c, conn->tls.refused);
    }
    cs_http_crowd_remove(&conn->worker->crowd, &conn->guest);
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
    ((struct cs_http_worker *)cls)->progress++;
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
static enum MHD_Result refuse_unread(struct cs_http_conn *conn, struct MHD_Connection *c, int status, const char *text)
{
    struct cs_http_resp resp = {.body = &conn->answer};

    word_refusal(conn->worker->server, status, text, &resp);
    conn->linger = true;
    return send_answer(conn, c, &resp);
}

/*
 * Refuses in the middle of a body. libmicrohttpd takes no answer then, but nothing of ours is on its way either: so the answer is
 * written to the connection by hand, and returning MHD_NO closes it.
 */
static enum MHD_Result refuse_midway(struct cs_http_conn *conn, struct MHD_Connection *c, int status, const char *text)
{
    struct cs_http_resp resp = {.body = &conn->answer};
    cs_autostrbuf out = CS_STRBUF_INIT;

    word_refusal(conn->worker->server, status, text, &resp);
    cs_strbuf_addf(&out, "HTTP/1.1 %d %s\r\nConnection: close\r\nContent-Type: %s\r\nContent-Length: %zu\r\n\r\n",
        status, status == 408 ? "Request Timeout" : "Service Unavailable",
        resp.content_type ? resp.content_type : text_plain, resp.body->len);
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
    conn->guest.in_request = true;
    conn->guest.started_ms = cs_http_now_ms();
    atomic_fetch_add(&conn->worker->server->requests, 1);
}

static void drop(struct cs_strbuf *b)
{
    size_t max = b->max;

    cs_strbuf_done(b);
    cs_strbuf_init(b, max);
}

static void trim_answer(struct cs_strbuf *b)
{
    if (b->cap > CS_HTTP_KEEP_ANSWER || b->failed)
        drop(b);
    cs_strbuf_clear(b);
}

static void release_body(struct cs_http_worker *w, struct cs_strbuf *b)
{
    if (b->cap == 0 || b->cap > CS_HTTP_SPARE_MAX || w->n_spares == CS_HTTP_SPARES ||
        w->spare_bytes + b->cap > CS_HTTP_SPARE_TOTAL) {
        drop(b);
        return;
    }
    cs_strbuf_clear(b);
    w->spares[w->n_spares++] = *b;
    w->spare_bytes += b->cap;
    cs_strbuf_init(b, b->max);
}

/* The one that was used last: its bytes are still in the processor's cache. */
static void reuse_spare(struct cs_http_worker *w, struct cs_strbuf *b)
{
    if (b->cap > 0 || w->n_spares == 0)
        return;
    *b = w->spares[--w->n_spares];
    w->spare_bytes -= b->cap;
}

static void on_completed(void *cls, struct MHD_Connection *c, void **req_ctx, enum MHD_RequestTerminationCode code)
{
    struct cs_http_conn *conn = conn_of(c);

    (void)cls, (void)req_ctx, (void)code;
    conn->worker->progress++;
    if (!conn->guest.in_request)
        return;
    conn->guest.in_request = false;
    conn->guest.since_ms = cs_http_now_ms();
    cs_http_crowd_release(&conn->worker->crowd, &conn->guest);
    release_body(conn->worker, &conn->body);
    trim_answer(&conn->answer);
    atomic_fetch_sub(&conn->worker->server->requests, 1);
}

static enum MHD_Result take_body(struct cs_http_conn *conn, struct MHD_Connection *c, const char *data, size_t len)
{
    reuse_spare(conn->worker, &conn->body);
    cs_strbuf_add(&conn->body, data, len);
    if (conn->body.failed)
        return refuse_midway(conn, c, 503, "no memory for the request body");
    if (!cs_http_crowd_hold(&conn->worker->crowd, &conn->guest, conn->body.cap, cs_http_now_ms()))
        return refuse_midway(conn, c, 503, too_much);
    if (cs_http_now_ms() - conn->guest.started_ms > CS_HTTP_BODY_MS)
        return refuse_midway(conn, c, 408, "the request body arrives too slowly");
    return MHD_YES;
}

/* What the headers say about where the request ends. */
struct framing {
    unsigned content_lengths, transfer_encodings;
    uint64_t length;
    bool bad_name;
};

static enum MHD_Result note_header(void *cls, enum MHD_ValueKind kind, const char *name, const char *value)
{
    static const char token[] = "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    struct framing *f = cls;

    (void)kind;
    if (name[0] == '\0' || name[strspn(name, token)] != '\0')
        f->bad_name = true;
    if (strcasecmp(name, MHD_HTTP_HEADER_TRANSFER_ENCODING) == 0)
        f->transfer_encodings++;
    if (strcasecmp(name, MHD_HTTP_HEADER_CONTENT_LENGTH) == 0) {
        f->content_lengths++;
        (void)cs_parse_u64(cs_str(value ? value : ""), &f->length); /* libmicrohttpd has refused what is no number */
    }
    return MHD_YES;
}

/*
 * Only one way of telling where a body ends is taken: one Content-Length, which the API server always sends. libmicrohttpd takes the
 * first of two, lets Transfer-Encoding win over it, reads on without end for an encoding that it does not know, turns in circles
 * over a chunk extension that does not fit its buffer, and loses a header whose line is folded. What follows a refusal on the
 * connection is not looked at.
 */
static enum MHD_Result begin(struct cs_http_conn *conn, struct MHD_Connection *c, const char *method)
{
    size_t max = conn->worker->server->o.max_body;
    struct framing f = {.length = 0};
    char text[80];

    request_begin(conn);
    (void)MHD_get_connection_values(c, MHD_HEADER_KIND, &note_header, &f);
    if (f.bad_name)
        return refuse_unread(conn, c, MHD_HTTP_BAD_REQUEST, "a header's name is malformed");
    if (f.content_lengths > 1)
        return refuse_unread(conn, c, MHD_HTTP_BAD_REQUEST, "more than one Content-Length");
    if (f.transfer_encodings > 0 || (f.content_lengths == 0 && strcmp(method, MHD_HTTP_METHOD_POST) == 0))
        return refuse_unread(
            conn, c, MHD_HTTP_LENGTH_REQUIRED, "the request needs a Content-Length, and no Transfer-Encoding");
    if (f.length <= max)
        return MHD_YES;
    (void)snprintf(text, sizeof(text), "the request body is larger than %zu bytes", max);
    return refuse_unread(conn, c, MHD_HTTP_CONTENT_TOO_LARGE, text);
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

    s->o.handler(s->o.ctx, &req, &resp);
    if (resp.status == 200)
        conn->guest.proven = true;
    release_body(conn->worker, &conn->body);
    if (!cs_http_crowd_hold(&conn->worker->crowd, &conn->guest, conn->answer.cap, cs_http_now_ms()))
        word_refusal(s, 503, too_much, &resp);
    return send_answer(conn, c, &resp);
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *c, const char *url, const char *method,
    const char *version, const char *data, size_t *size, void **req_ctx)
{
    struct cs_http_conn *conn = conn_of(c);
    size_t n = *size;

    (void)cls, (void)version;
    conn->worker->progress++;
    if (!*req_ctx) { /* headers only */
        *req_ctx = conn;
        return begin(conn, c, method);
    }
    if (n == 0)
        return handle(conn, c, method, url);
    *size = 0;
    return take_body(conn, c, data, n);
}

/* ---- the daemon of one worker ---- */

/* Paths are compared as they are sent; decoded, "%00" would cut one to what it is not. */
static size_t leave_escaped(void *cls, struct MHD_Connection *c, char *text)
{
    (void)cls, (void)c;
    return strlen(text);
}

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

    w->crowd = (struct cs_http_crowd){.max = limit, .idle_ms = (int64_t)o->idle_timeout_s * 1000};
    w->crowd.max_held = o->max_body_total / w->server->n_workers;
    if (w->crowd.max_held <= o->max_body && o->max_body_total > o->max_body)
        w->crowd.max_held = o->max_body + 1; /* a buffer ends with a NUL */
    return MHD_start_daemon(MHD_USE_EPOLL | MHD_USE_ERROR_LOG | (o->tls ? MHD_USE_TLS : 0u), 0, NULL, NULL, &on_request,
        w, MHD_OPTION_EXTERNAL_LOGGER, &on_log, w, MHD_OPTION_LISTEN_SOCKET, listen_fd, MHD_OPTION_CONNECTION_LIMIT,
        limit + LEAVING, MHD_OPTION_CONNECTION_MEMORY_LIMIT, CS_HTTP_CONNECTION_MEMORY, MHD_OPTION_UNESCAPE_CALLBACK,
        &leave_escaped, NULL, MHD_OPTION_NOTIFY_COMPLETED, &on_completed, w, MHD_OPTION_NOTIFY_CONNECTION,
        &on_connection, w, MHD_OPTION_ARRAY, o->tls ? tls : none, MHD_OPTION_END);
}
