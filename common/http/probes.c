/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One or two small servers with the same handler, each with its set of paths.
 */
#include "common/http/probes.h"

#include "common/base/alloc.h"
#include "common/http/http_server.h"

enum paths { PATHS_HEALTH = 1, PATHS_METRICS = 2 };

struct port {
    struct cs_probes *probes;
    unsigned paths; /* enum paths, or'ed */
    struct cs_http_server *server; /* or NULL */
};

struct cs_probes {
    struct cs_probes_options o;
    struct port health, metrics; /* one port for all: it is `health`, and `metrics` is off */
};

static void answer_ready(const struct cs_probes *p, struct cs_http_resp *resp)
{
    char why[512] = "";

    if (!p->o.ready || p->o.ready(p->o.ctx, why, sizeof(why))) {
        cs_strbuf_adds(resp->body, "ok\n");
        return;
    }
    resp->status = 503;
    cs_strbuf_addf(resp->body, "not ready: %s\n", why);
}

static void handle(void *ctx, const struct cs_http_req *req, struct cs_http_resp *resp)
{
    const struct port *port = ctx;
    bool health = port->paths & PATHS_HEALTH, metrics = port->paths & PATHS_METRICS;

    if (strcmp(req->method, "GET") != 0) {
        resp->status = 405;
        resp->allow = "GET, HEAD";
        cs_strbuf_adds(resp->body, "only GET is answered here\n");
    } else if (health && (strcmp(req->path, "/healthz") == 0 || strcmp(req->path, "/livez") == 0)) {
        cs_strbuf_adds(resp->body, "ok\n");
    } else if (health && strcmp(req->path, "/readyz") == 0) {
        answer_ready(port->probes, resp);
    } else if (metrics && strcmp(req->path, "/metrics") == 0) {
        resp->content_type = "text/plain; version=0.0.4; charset=utf-8";
        cs_metrics_expose(port->probes->o.metrics, resp->body);
    } else {
        resp->status = 404;
        cs_strbuf_adds(resp->body, "nothing at this path\n");
    }
}

static bool open_port(struct cs_probes *p, struct port *port, const char *address, unsigned paths, struct cs_error *err)
{
    struct cs_http_options o = {
        .bind_address = address,
        .max_body = 1024,
        .max_body_total = (size_t)16 << 20, /* answers count as well */
        .max_connections = 64,
        .idle_timeout_s = 60,
        .handler = &handle,
        .ctx = port,
        .log = p->o.log,
    };

    *port = (struct port){.probes = p, .paths = paths};
    return cs_http_server_new(&o, &port->server, err);
}

bool cs_probes_new(const struct cs_probes_options *o, struct cs_probes **ret, struct cs_error *err)
{
    CS_CLEANUP(cs_probes_free_cleanup) struct cs_probes *p = cs_new(struct cs_probes);
    bool one = strcmp(o->health_address, o->metrics_address) == 0;

    p->o = *o;
    if (!open_port(p, &p->health, o->health_address, PATHS_HEALTH | (one ? PATHS_METRICS : 0u), err))
        return false;
    if (!one && !open_port(p, &p->metrics, o->metrics_address, PATHS_METRICS, err))
        return false;
    *ret = cs_take(p);
    return true;
}

void cs_probes_free(struct cs_probes *p)
{
    if (!p)
        return;
    cs_http_server_free(p->health.server);
    cs_http_server_free(p->metrics.server);
    free(p);
}

unsigned cs_probes_fds(const struct cs_probes *p, int ret[CS_PROBES_MAX_FDS])
{
    unsigned n = 0;

    if (p->health.server)
        ret[n++] = cs_http_server_fd(p->health.server);
    if (p->metrics.server)
        ret[n++] = cs_http_server_fd(p->metrics.server);
    return n;
}

int64_t cs_probes_wait_ms(const struct cs_probes *p)
{
    int64_t a = p->health.server ? cs_http_server_wait_ms(p->health.server) : -1;
    int64_t b = p->metrics.server ? cs_http_server_wait_ms(p->metrics.server) : -1;

    return cs_sooner_ms(a, b);
}

void cs_probes_run(struct cs_probes *p)
{
    if (p->health.server)
        cs_http_server_run(p->health.server);
    if (p->metrics.server)
        cs_http_server_run(p->metrics.server);
}

uint16_t cs_probes_health_port(const struct cs_probes *p)
{
    return p->health.server ? cs_http_server_port(p->health.server) : 0;
}

uint16_t cs_probes_metrics_port(const struct cs_probes *p)
{
    const struct port *port = p->metrics.server ? &p->metrics : &p->health;

    return port->server && (port->paths & PATHS_METRICS) ? cs_http_server_port(port->server) : 0;
}
