/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cloneset-webhook: wires the parts together. The main thread runs the event loop (API client, certificate, probes, signals), the
 * server's threads answer admission; they share the pair slot, the metrics and the logger, each of which guards itself.
 *
 * SIGTERM: not ready and "Connection: close" for shutdown-delay, then no new connection and at most shutdown-timeout for
 * requests under way, then exit status 0. A second signal ends at once.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/utsname.h>

#include "certs/ca.h"
#include "certs/file_pair.h"
#include "certs/rotator.h"
#include "common/api/gvr.h"
#include "common/base/alloc.h"
#include "common/base/file.h"
#include "common/base/heap.h"
#include "common/http/http_server.h"
#include "common/http/probes.h"
#include "common/kube/config.h"
#include "common/kube/curl_client.h"
#include "common/kube/loop.h"
#include "webhook/entries.h"
#include "webhook/options.h"
#include "webhook/router.h"

#define DEFAULT_NAMESPACE "cloneset-system"
#define MAX_CA_FILE ((size_t)1 << 20)

struct app {
    struct cs_webhook_options o;
    struct cs_gates gates;
    struct cs_webhook_entry entries[CS_N_WEBHOOK_ENTRIES];
    struct cs_log log;
    uint64_t log_dropped;
    struct cs_metrics *metrics;
    struct cs_loop loop;
    struct cs_rand rand;
    struct cs_router *router;
    struct cs_http_server *server;
    struct cs_probes *probes;
    char *ns;
    /* only when the API server is needed */
    struct cs_kube_config *config;
    struct cs_curl_client *curl;
    struct cs_client client;
    /* one of these */
    struct cs_rotator *rotator;
    struct cs_file_pair *files;
    int signals; /* signalfd */
    struct cs_timer stop_timer, tend_timer;
    bool stopping; /* a signal came */
    bool stop; /* shutdown-delay is over */
};

/* ---- certificate ---- */

static bool on_pair(void *ctx, const char *cert_pem, const char *key_pem)
{
    struct app *a = ctx;
    struct cs_error err = CS_ERROR_INIT;

    if (cs_http_server_set_pair(a->server, cert_pem, key_pem, &err))
        return true;
    cs_log_error(&a->log, "the certificate is not usable", CS_KVS("error", err.message));
    return false;
}

/* D21; runs on the main thread. */
static bool is_ready(void *ctx, char *why, size_t size)
{
    struct app *a = ctx;

    if (a->stopping) {
        (void)snprintf(why, size, "shutting down");
        return false;
    }
    if (a->files)
        return cs_file_pair_ready(a->files, why, size);
    return cs_rotator_ready(a->rotator, why, size);
}

static void start_certificate(struct app *a)
{
    if (a->o.cert_dir[0] != '\0') {
        a->files = cs_file_pair_new(&(struct cs_file_pair_options){
            .loop = &a->loop,
            .log = &a->log,
            .metrics = a->metrics,
            .dir = a->o.cert_dir,
            .on_pair = &on_pair,
            .ctx = a,
        });
        cs_file_pair_start(a->files);
        return;
    }
    a->rotator = cs_rotator_new(&(struct cs_rotator_options){
        .client = &a->client,
        .loop = &a->loop,
        .rand = &a->rand,
        .log = &a->log,
        .metrics = a->metrics,
        .ns = a->ns,
        .secret = a->o.secret,
        .service = a->o.service,
        .service_port = (uint16_t)a->o.service_port,
        .url = a->o.url[0] != '\0' ? a->o.url : NULL,
        .ca_lifetime_ms = a->o.ca_lifetime_ms,
        .leaf_lifetime_ms = a->o.leaf_lifetime_ms,
        .manage_webhooks = a->o.manage_webhooks,
        .entries = a->entries,
        .n_entries = CS_N_WEBHOOK_ENTRIES,
        .crd = a->o.manage_conversion ? CS_CRD_NAME : NULL,
        .crd_path = CS_PATH_CONVERT,
        .on_pair = &on_pair,
        .ctx = a,
    });
    cs_rotator_start(a->rotator);
}

/* ---- the API server ---- */

static bool load_config(struct app *a, struct cs_error *err)
{
    if (a->o.kubeconfig[0] != '\0')
        return cs_kube_config_from_file(a->o.kubeconfig, NULL, &a->config, err);
    return cs_kube_config_in_cluster(
        getenv("KUBERNETES_SERVICE_HOST"), getenv("KUBERNETES_SERVICE_PORT"), NULL, &a->config, err);
}

static bool start_client(struct app *a, struct cs_error *err)
{
    cs_autofree char *agent = NULL;
    struct utsname u;

    if (!cs_webhook_needs_api(&a->o))
        return true;
    if (!load_config(a, err))
        return false;
    if (!a->ns)
        a->ns = cs_xstrdup(a->config->in_cluster ? a->config->ns : DEFAULT_NAMESPACE);
    (void)uname(&u);
    agent = cs_xasprintf("cloneset-webhook/%s (linux/%s)", CS_VERSION, u.machine);
    if (!cs_curl_client_new(&(struct cs_curl_options){.config = a->config,
                                .clock = cs_clock_system(),
                                .log = &a->log,
                                .metrics = a->metrics,
                                .user_agent = agent},
            &a->curl, err))
        return false;
    a->client = cs_curl_client_iface(a->curl);
    return true;
}

/* ---- servers ---- */

static bool start_server(struct app *a, struct cs_error *err)
{
    cs_autofree char *ca = NULL;

    if (a->o.client_ca_file[0] != '\0' && !cs_file_read(a->o.client_ca_file, MAX_CA_FILE, &ca, NULL, err))
        return cs_error_prefix(err, "--client-ca-file");
    a->router = cs_router_new((unsigned)a->o.threads, a->metrics, &a->log);
    cs_router_set_gates(a->router, &a->gates);
    if (cs_http_server_new(
            &(struct cs_http_options){
                .bind_address = a->o.bind_address,
                .tls = true,
                .threads = (unsigned)a->o.threads,
                .max_body = CS_WEBHOOK_MAX_BODY,
                .max_body_total = 2 * CS_WEBHOOK_MAX_BODY,
                .max_connections = (unsigned)a->o.max_connections,
                .client_ca_pem = ca,
                .client_names = a->o.client_allowed_names,
                .handler = &cs_router_handle,
                .refusal = &cs_router_refuse,
                .stranger = &cs_router_stranger,
                .ctx = a->router,
                .log = &a->log,
            },
            &a->server, err))
        return true;
    return cs_error_prefix(err, "admission port");
}

static bool start_probes(struct app *a, struct cs_error *err)
{
    if (cs_probes_new(
            &(struct cs_probes_options){
                .health_address = a->o.health_address,
                .metrics_address = a->o.metrics_address,
                .metrics = a->metrics,
                .ready = &is_ready,
                .ctx = a,
                .log = &a->log,
            },
            &a->probes, err))
        return true;
    return cs_error_prefix(err, "probe ports");
}

/* ---- signals ---- */

/* Before any thread exists, so that all inherit the mask. */
static bool open_signals(struct app *a, struct cs_error *err)
{
    sigset_t set;

    (void)signal(SIGPIPE, SIG_IGN);
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGINT);
    (void)sigprocmask(SIG_BLOCK, &set, NULL);
    a->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return a->signals >= 0 || cs_error_set(err, CS_ERR_IO, "signalfd: %s", strerror(errno));
}

static void on_stop_timer(void *ctx)
{
    struct app *a = ctx;

    a->stop = true;
}

static void on_signal(struct app *a)
{
    struct signalfd_siginfo info;

    while (read(a->signals, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        if (a->stopping) {
            cs_log_warn(&a->log, "second signal, ending at once");
            a->stop = true;
            a->o.shutdown_timeout_ms = 0;
            return;
        }
        cs_log_info(
            &a->log, "shutting down", CS_KVI("signal", info.ssi_signo), CS_KVI("delayMs", a->o.shutdown_delay_ms));
        a->stopping = true;
        cs_http_server_retire(a->server);
        a->stop_timer = (struct cs_timer){.fn = &on_stop_timer, .ctx = a};
        cs_timer_arm_in(&a->loop, &a->stop_timer, a->o.shutdown_delay_ms);
    }
}

/* ---- the loop ---- */

/* What is due every now and then, whether or not somebody calls. */
static void tend(void *ctx)
{
    struct app *a = ctx;

    cs_heap_trim();
    cs_router_tell_folded(a->router);
    cs_timer_arm_in(&a->loop, &a->tend_timer, CS_HEAP_TRIM_MS);
}

/* Waits for descriptors without an API client. */
static void plain_poll(int64_t wait_ms, const struct cs_poll_fd *extra, unsigned n)
{
    struct pollfd fds[1 + CS_PROBES_MAX_FDS];

    for (unsigned i = 0; i < n; i++)
        fds[i] = (struct pollfd){.fd = extra[i].fd, .events = POLLIN};
    (void)poll(fds, n, wait_ms < 0 ? -1 : wait_ms > INT32_MAX ? INT32_MAX : (int)wait_ms);
}

static void run_loop(struct app *a)
{
    while (!a->stop) {
        struct cs_poll_fd extra[1 + CS_PROBES_MAX_FDS] = {{.fd = a->signals}};
        int64_t wait_ms = cs_sooner_ms(cs_loop_wait_ms(&a->loop), cs_probes_wait_ms(a->probes));
        int fds[CS_PROBES_MAX_FDS];
        unsigned n = cs_probes_fds(a->probes, fds);

        for (unsigned i = 0; i < n; i++)
            extra[i + 1] = (struct cs_poll_fd){.fd = fds[i]};
        if (a->curl)
            cs_curl_poll(a->curl, wait_ms, extra, n + 1);
        else
            plain_poll(wait_ms, extra, n + 1);
        on_signal(a);
        cs_loop_run_due(&a->loop);
        cs_probes_run(a->probes);
    }
}

/* ---- life ---- */

static bool read_gates(struct app *a, struct cs_error *err)
{
    cs_autostrbuf ignored = CS_STRBUF_INIT;

    if (!cs_gates_parse(a->o.feature_gates, &a->gates, &ignored, err))
        return false;
    if (ignored.len > 0)
        cs_log_info(&a->log, "feature gates without effect here", CS_KVS("gates", cs_strbuf_str(&ignored)));
    cs_webhook_entries_make(&a->gates, a->entries);
    return true;
}

static bool app_init(struct app *a, struct cs_error *err)
{
    a->signals = -1;
    a->log = cs_flags_log(a->o.verbosity, a->o.logging_format, cs_clock_system());
    a->log.dropped = &a->log_dropped;
    if (!open_signals(a, err) || !read_gates(a, err))
        return false;
    a->metrics = cs_metrics_new();
    a->rand.state = cs_rand_os_seed();
    cs_loop_init(&a->loop, cs_clock_system());
    a->ns = a->o.ns[0] != '\0' ? cs_xstrdup(a->o.ns) : NULL;
    if (!start_client(a, err) || !start_server(a, err) || !start_probes(a, err))
        return false;
    start_certificate(a);
    a->tend_timer = (struct cs_timer){.fn = &tend, .ctx = a};
    tend(a);
    return true;
}

static void app_done(struct app *a)
{
    cs_timer_disarm(&a->loop, &a->stop_timer);
    cs_timer_disarm(&a->loop, &a->tend_timer);
    cs_probes_free(a->probes);
    cs_rotator_free(a->rotator);
    cs_file_pair_free(a->files);
    cs_http_server_free(a->server);
    cs_router_free(a->router);
    cs_curl_client_free(a->curl);
    cs_kube_config_free(a->config);
    cs_loop_done(&a->loop);
    cs_metrics_free(a->metrics);
    free(a->ns);
    if (a->signals >= 0)
        (void)close(a->signals);
}

int main(int argc, char **argv)
{
    CS_CLEANUP(app_done) struct app a = {.stop = false};
    struct cs_error err = CS_ERROR_INIT;
    int rc = cs_flags_main(&cs_webhook_flags, argc, argv, &a.o);

    if (rc >= 0)
        return rc;
    if (!cs_webhook_options_check(&a.o, &err)) {
        (void)fprintf(stderr, "%s: %s\n", cs_webhook_flags.program, err.message);
        return 2;
    }
    cs_heap_init((unsigned)a.o.threads);
    cs_certs_init();
    if (!app_init(&a, &err)) {
        cs_log_error(&a.log, "cannot start", CS_KVS("error", err.message));
        return 1;
    }
    cs_log_info(&a.log, "serving", CS_KVS("version", CS_VERSION), CS_KVI("port", cs_http_server_port(a.server)),
        CS_KVI("healthPort", cs_probes_health_port(a.probes)), CS_KVI("metricsPort", cs_probes_metrics_port(a.probes)),
        CS_KVS("namespace", a.ns));
    run_loop(&a);
    cs_http_server_drain(a.server, a.o.shutdown_timeout_ms);
    cs_log_info(&a.log, "stopped");
    return 0;
}
