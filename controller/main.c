/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cloneset-controller: one process, one thread, one event loop. Wires client, election, controller and probes together.
 *
 * SIGTERM: decides nothing any more, lets requests under way end, releases the lease, exits with status 0. A second signal
 * ends at once.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/utsname.h>

#include "common/base/alloc.h"
#include "common/base/flags.h"
#include "common/base/heap.h"
#include "common/http/probes.h"
#include "common/kube/config.h"
#include "common/kube/curl_client.h"
#include "controller/cloneset/controller.h"
#include "controller/migrate.h"
#include "controller/runtime/leader.h"
#include "controller/takeover.h"

#define STOP_PATIENCE_MS 8000
#define START_PATIENCE_MS 200 /* for the first word about the lease */

struct options {
    const char *kubeconfig, *metrics_address, *health_address, *lease_ns, *feature_gates, *logging_format;
    bool leader_elect, force_takeover, migrate_storage, exclude_preparing;
    int64_t verbosity;
};

static const struct cs_flag flags[] = {
    CS_FLAG_STRING(struct options, kubeconfig, "kubeconfig", "",
        "file to reach the API server with; empty: the Pod's service account"),
    CS_FLAG_STRING(struct options, metrics_address, "metrics-bind-address", ":8080",
        "address of /metrics, plain HTTP; 0 turns it off"),
    CS_FLAG_STRING(struct options, health_address, "health-probe-bind-address", ":8081",
        "address of /healthz and /readyz, plain HTTP; may equal the metrics address; 0 turns it off"),
    CS_FLAG_BOOL(
        struct options, leader_elect, "leader-elect", true, "act only while holding the lease cloneset-controller"),
    CS_FLAG_STRING(struct options, lease_ns, "leader-elect-resource-namespace", "",
        "namespace of the lease; empty: the Pod's, else cloneset-system"),
    CS_FLAG_BOOL(
        struct options, force_takeover, "force-takeover", false, "act even while OpenKruise's manager is running"),
    CS_FLAG_BOOL(struct options, migrate_storage, "migrate-storage", false,
        "make the API server store every CloneSet as v1alpha1, and trim storedVersions of the CRD (overlay v1beta1)"),
    CS_FLAG_STRING(struct options, feature_gates, "feature-gates", "",
        "Name=true|false,…: switches optional behaviour, with OpenKruise's names and defaults"),
    CS_FLAG_BOOL(struct options, exclude_preparing, "cloneset-scaling-exclude-preparing-delete", false,
        "scaling does not count Pods that wait for their preDelete hook: they are replaced at once"),
    CS_FLAGS_LOGGING(struct options, verbosity, logging_format),
};

static const struct cs_flagset flagset = {
    .program = "cloneset-controller",
    .summary = "Manages CloneSets (apps.kruise.io): scaling, claims, upgrades.",
    .flags = flags,
    .n_flags = CS_ARRAY_LEN(flags),
};

struct app {
    struct options o;
    struct cs_gates gates;
    struct cs_log log;
    uint64_t log_dropped;
    struct cs_metrics *metrics;
    struct cs_loop loop;
    struct cs_rand rand;
    struct cs_kube_config *config;
    struct cs_curl_client *curl;
    struct cs_client client;
    struct cs_leader *leader;
    struct cs_takeover takeover;
    struct cs_migrate migrate;
    struct cs_controller *controller;
    struct cs_probes *probes;
    char *lease_ns, *host, *identity;
    int signals;
    struct cs_timer start_timer, stop_timer, heap_timer;
    bool taking; /* the lease, since the first look */
    bool stopping, stop;
};

/* ---- who decides ---- */

static bool may_write(void *ctx)
{
    const struct app *a = ctx;

    return a->leader ? cs_leader_may_write(a->leader) : true;
}

/* Lists that begin when it is known that nobody else decides need not be read again to lead. A standby reads them without. */
static void start_reading(void *ctx)
{
    struct app *a = ctx;

    cs_timer_disarm(&a->loop, &a->start_timer);
    cs_controller_start(a->controller);
}

static void decide_or_not(void *ctx)
{
    struct app *a = ctx;
    char why[256];
    bool lead =
        !a->stopping && (!a->leader || cs_leader_is(a->leader)) && cs_takeover_clear(&a->takeover, why, sizeof(why));

    if (a->controller && lead)
        start_reading(a);
    if (a->controller && lead != a->controller->deciding)
        cs_controller_lead(a->controller, lead);
    if (a->o.migrate_storage)
        cs_migrate_lead(&a->migrate, lead);
}

static void on_alone(struct app *a)
{
    cs_controller_alone(a->controller);
    if (a->takeover.known && (a->taking || !a->leader))
        start_reading(a);
}

static void on_taking(void *ctx)
{
    struct app *a = ctx;

    a->taking = true;
    on_alone(a);
}

static void on_takeover(void *ctx)
{
    struct app *a = ctx;

    if (a->takeover.clear)
        on_alone(a);
    decide_or_not(a);
}

/* A standby is ready: warm caches are all it promises. */
static bool is_ready(void *ctx, char *why, size_t size)
{
    struct app *a = ctx;

    if (a->stopping) {
        (void)snprintf(why, size, "shutting down");
        return false;
    }
    for (int k = 0; k < CS_K_COUNT; k++)
        if (!cs_reflector_synced(a->controller->reflectors[k])) {
            const char *trouble = cs_reflector_trouble(a->controller->reflectors[k], NULL);

            (void)snprintf(why, size, "%s are not listed yet%s%s", cs_kind_gvr((enum cs_kind)k)->resource,
                trouble ? ": " : "", trouble ? trouble : "");
            return false;
        }
    return cs_takeover_clear(&a->takeover, why, size);
}

/* ---- start ---- */

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

static bool start_client(struct app *a, struct cs_error *err)
{
    cs_autofree char *agent = NULL;
    const char *pod = getenv("POD_NAME");
    struct utsname u;
    bool ok;

    if (*a->o.kubeconfig != '\0')
        ok = cs_kube_config_from_file(a->o.kubeconfig, NULL, &a->config, err);
    else
        ok = cs_kube_config_in_cluster(
            getenv("KUBERNETES_SERVICE_HOST"), getenv("KUBERNETES_SERVICE_PORT"), NULL, &a->config, err);
    if (!ok)
        return false;
    (void)uname(&u);
    a->host = cs_xstrdup(pod && *pod ? pod : u.nodename);
    a->identity = cs_xasprintf("%s_%016llx", a->host, (unsigned long long)cs_rand_u64(&a->rand));
    if (*a->o.lease_ns != '\0')
        a->lease_ns = cs_xstrdup(a->o.lease_ns);
    else
        a->lease_ns = cs_xstrdup(a->config->in_cluster ? a->config->ns : "cloneset-system");
    agent = cs_xasprintf("cloneset-controller/%s (linux/%s)", CS_VERSION, u.machine);
    const struct cs_curl_options co = {.config = a->config,
        .clock = cs_clock_system(),
        .log = &a->log,
        .metrics = a->metrics,
        .user_agent = agent,
        .max_inflight = CS_MAX_INFLIGHT + 8 /* events, lease and reads of other parts have slots of their own */};
    if (!cs_curl_client_new(&co, &a->curl, err))
        return false;
    a->client = cs_curl_client_iface(a->curl);
    return true;
}

static void start_controller(struct app *a)
{
    const struct cs_controller_options co = {.client = &a->client,
        .loop = &a->loop,
        .clock = cs_clock_system(),
        .log = &a->log,
        .metrics = a->metrics,
        .rand = &a->rand,
        .instance = a->host,
        .gates = a->gates,
        .exclude_preparing = a->o.exclude_preparing,
        .may_write = may_write,
        .ctx = a};

    a->controller = cs_new(struct cs_controller);
    cs_controller_init(a->controller, &co);
    a->start_timer = (struct cs_timer){.fn = start_reading, .ctx = a};
    cs_timer_arm_in(&a->loop, &a->start_timer, START_PATIENCE_MS);
    a->takeover = (struct cs_takeover){.client = &a->client,
        .loop = &a->loop,
        .log = &a->log,
        .force = a->o.force_takeover,
        .on_change = on_takeover,
        .ctx = a};
    cs_takeover_start(&a->takeover);
    a->migrate =
        (struct cs_migrate){.client = &a->client, .loop = &a->loop, .log = &a->log, .may_write = may_write, .ctx = a};
    if (a->o.leader_elect) {
        const struct cs_leader_options lo = {.client = &a->client,
            .loop = &a->loop,
            .clock = cs_clock_system(),
            .rand = &a->rand,
            .log = &a->log,
            .metrics = a->metrics,
            .ns = a->lease_ns,
            .name = "cloneset-controller",
            .identity = a->identity,
            .on_taking = on_taking,
            .on_started = decide_or_not,
            .on_stopped = decide_or_not,
            .ctx = a};
        a->leader = cs_leader_new(&lo);
        cs_leader_start(a->leader);
    }
    decide_or_not(a);
}

static bool read_gates(struct app *a, struct cs_error *err)
{
    cs_autostrbuf ignored = CS_STRBUF_INIT;

    if (!cs_gates_parse(a->o.feature_gates, &a->gates, &ignored, err))
        return false;
    if (ignored.len > 0)
        cs_log_info(&a->log, "feature gates without effect here", CS_KVS("gates", cs_strbuf_str(&ignored)));
    return true;
}

static void tend_heap(void *ctx)
{
    struct app *a = ctx;

    cs_heap_trim();
    cs_timer_arm_in(&a->loop, &a->heap_timer, CS_HEAP_TRIM_MS);
}

static bool app_init(struct app *a, struct cs_error *err)
{
    const struct cs_probes_options po = {.health_address = a->o.health_address,
        .metrics_address = a->o.metrics_address,
        .ready = is_ready,
        .ctx = a,
        .log = &a->log};
    struct cs_probes_options probes = po;

    a->log = cs_flags_log(a->o.verbosity, a->o.logging_format, cs_clock_system());
    a->log.dropped = &a->log_dropped;
    if (!open_signals(a, err) || !read_gates(a, err))
        return false;
    a->metrics = cs_metrics_new();
    probes.metrics = a->metrics;
    a->rand.state = cs_rand_os_seed();
    cs_loop_init(&a->loop, cs_clock_system());
    if (!start_client(a, err))
        return false;
    start_controller(a);
    a->heap_timer = (struct cs_timer){.fn = tend_heap, .ctx = a};
    tend_heap(a);
    return cs_probes_new(&probes, &a->probes, err);
}

/* ---- the loop and its end ---- */

static void end_now(void *ctx)
{
    ((struct app *)ctx)->stop = true;
}

static void when_idle(void *ctx)
{
    struct app *a = ctx;

    if (a->controller->inflight > 0) {
        cs_timer_arm_in(&a->loop, &a->stop_timer, 20);
        return;
    }
    a->stop_timer.fn = end_now;
    cs_timer_arm_in(&a->loop, &a->stop_timer, STOP_PATIENCE_MS);
    if (a->leader)
        cs_leader_release(a->leader, end_now, a);
    else
        a->stop = true;
}

static void on_signal(struct app *a)
{
    struct signalfd_siginfo info;

    while (read(a->signals, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        if (a->stopping) {
            a->stop = true;
            return;
        }
        cs_log_info(&a->log, "shutting down", CS_KVI("signal", info.ssi_signo));
        a->stopping = true;
        decide_or_not(a);
        a->stop_timer = (struct cs_timer){.fn = when_idle, .ctx = a};
        cs_timer_arm_in(&a->loop, &a->stop_timer, 0);
    }
}

static void run_loop(struct app *a)
{
    while (!a->stop) {
        struct cs_poll_fd extra[1 + CS_PROBES_MAX_FDS] = {{.fd = a->signals}};
        int fds[CS_PROBES_MAX_FDS];
        unsigned n = cs_probes_fds(a->probes, fds);

        for (unsigned i = 0; i < n; i++)
            extra[i + 1] = (struct cs_poll_fd){.fd = fds[i]};
        cs_controller_step(a->controller);
        cs_curl_poll(a->curl, cs_sooner_ms(cs_loop_wait_ms(&a->loop), cs_probes_wait_ms(a->probes)), extra, n + 1);
        on_signal(a);
        cs_loop_run_due(&a->loop);
        cs_probes_run(a->probes);
    }
}

static void app_done(struct app *a)
{
    cs_timer_disarm(&a->loop, &a->start_timer);
    cs_timer_disarm(&a->loop, &a->stop_timer);
    cs_timer_disarm(&a->loop, &a->heap_timer);
    cs_probes_free(a->probes);
    cs_leader_free(a->leader);
    cs_takeover_stop(&a->takeover);
    cs_migrate_stop(&a->migrate);
    if (a->controller)
        cs_controller_done(a->controller);
    free(a->controller);
    cs_curl_client_free(a->curl);
    cs_kube_config_free(a->config);
    cs_loop_done(&a->loop);
    cs_metrics_free(a->metrics);
    free(a->lease_ns);
    free(a->host);
    free(a->identity);
    if (a->signals >= 0)
        (void)close(a->signals);
}

int main(int argc, char **argv)
{
    CS_CLEANUP(app_done) struct app a = {.signals = -1};
    struct cs_error err = CS_ERROR_INIT;
    int rc = cs_flags_main(&flagset, argc, argv, &a.o);

    if (rc >= 0)
        return rc;
    cs_heap_init(1);
    if (!app_init(&a, &err)) {
        cs_log_error(&a.log, "cannot start", CS_KVS("error", err.message));
        return 1;
    }
    cs_log_info(&a.log, "running", CS_KVS("version", CS_VERSION), CS_KVS("identity", a.identity),
        CS_KVI("healthPort", cs_probes_health_port(a.probes)), CS_KVI("metricsPort", cs_probes_metrics_port(a.probes)));
    run_loop(&a);
    cs_log_info(&a.log, "stopped");
    return 0;
}
