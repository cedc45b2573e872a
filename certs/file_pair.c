/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Looks at the files by reading them: three small files every few seconds cost less than getting notifications right
 * over kubelet's symlink swaps.
 */
#include "certs/file_pair.h"

#include "certs/ca.h"
#include "certs/inspect.h"
#include "certs/status.h"
#include "common/base/alloc.h"
#include "common/base/file.h"
#include "common/base/str.h"

#define DEFAULT_POLL_MS 5000

struct cs_file_pair {
    struct cs_loop *loop;
    const struct cs_log *log;
    struct cs_metrics *metrics;
    char *dir;
    int64_t poll_ms;
    bool (*on_pair)(void *ctx, const char *cert_pem, const char *key_pem);
    void *ctx;

    struct cs_timer timer;
    struct cs_cert_status status;
    struct cs_pem_pair taken; /* by the server; empty at first */
    int64_t taken_until_ms;
};

struct cs_file_pair *cs_file_pair_new(const struct cs_file_pair_options *o)
{
    struct cs_file_pair *f = cs_new(struct cs_file_pair);

    f->loop = o->loop;
    f->log = o->log;
    f->metrics = o->metrics;
    f->dir = cs_xstrdup(o->dir);
    f->poll_ms = o->poll_ms > 0 ? o->poll_ms : DEFAULT_POLL_MS;
    f->on_pair = o->on_pair;
    f->ctx = o->ctx;
    cs_cert_status_init(&f->status, "the certificate files were not read yet");
    return f;
}

void cs_file_pair_free(struct cs_file_pair *f)
{
    if (!f)
        return;
    cs_timer_disarm(f->loop, &f->timer);
    cs_pem_pair_done(&f->taken);
    cs_cert_status_done(&f->status);
    free(f->dir);
    free(f);
}

static bool read_file(const struct cs_file_pair *f, const char *name, char **ret, struct cs_error *err)
{
    cs_autofree char *path = cs_xasprintf("%s/%s", f->dir, name);

    return cs_file_read(path, CS_MAX_PEM, ret, NULL, err);
}

/* False with a reason when the files hold no pair that could be served. */
static bool check_pair(
    const struct cs_file_pair *f, const struct cs_pem_pair *pair, int64_t *ret_until_ms, struct cs_error *err)
{
    static const struct cs_bundle_facts no_bundle;
    CS_CLEANUP(cs_leaf_facts_done) struct cs_leaf_facts leaf = {0};
    cs_autofree char *ca = NULL;
    int64_t now = cs_clock_wall_ms(f->loop->clock);

    cs_inspect_leaf(pair->cert, pair->key, &no_bundle, NULL, &leaf);
    if (!leaf.pair_ok)
        return cs_error_set(err, CS_ERR_INVALID, "%s: tls.crt and tls.key are no usable pair for a server", f->dir);
    if (now >= leaf.until_ms)
        return cs_error_set(err, CS_ERR_INVALID, "%s: the certificate in tls.crt has expired", f->dir);
    /* Not fatal: with a public issuer ca.crt need not be the whole truth. */
    if (read_file(f, "ca.crt", &ca, NULL) && !cs_inspect_verifies(pair->cert, ca, now))
        cs_log_warn(f->log, "the certificate in tls.crt is not signed by ca.crt", CS_KVS("dir", f->dir));
    *ret_until_ms = leaf.until_ms;
    return true;
}

static bool look(struct cs_file_pair *f, struct cs_error *err)
{
    cs_auto_pem_pair pair = {0};
    int64_t until_ms = 0;

    if (!read_file(f, "tls.crt", &pair.cert, err) || !read_file(f, "tls.key", &pair.key, err))
        return false;
    if (cs_streq(pair.cert, f->taken.cert) && cs_streq(pair.key, f->taken.key))
        return true;
    if (!check_pair(f, &pair, &until_ms, err))
        return false;
    if (!f->on_pair(f->ctx, pair.cert, pair.key))
        return cs_error_set(err, CS_ERR_INVALID, "%s: the server does not take the pair", f->dir);
    cs_log_info(f->log, "serving a certificate from files", CS_KVS("dir", f->dir));
    cs_cert_metric_expiry(f->metrics, until_ms);
    cs_pem_pair_done(&f->taken);
    f->taken = pair;
    pair = (struct cs_pem_pair){0};
    f->taken_until_ms = until_ms;
    return true;
}

/* A pair once taken keeps this replica ready until it expires, whatever happens to the files. */
static void on_timer(void *ctx)
{
    struct cs_file_pair *f = ctx;
    struct cs_error err = CS_ERROR_INIT;
    bool ok = look(f, &err);
    bool alive = f->taken.cert && cs_clock_wall_ms(f->loop->clock) < f->taken_until_ms;

    if (!ok && alive)
        cs_log_debug(f->log, "certificate files", CS_KVS("err", err.message));
    if (!alive && ok)
        cs_error_set(&err, CS_ERR_INVALID, "%s: the certificate in tls.crt has expired", f->dir);
    if (cs_cert_status_set(&f->status, alive ? "" : err.message) && !alive)
        cs_log_warn(f->log, "no certificate to serve", CS_KVS("err", err.message));
    cs_timer_arm_in(f->loop, &f->timer, f->poll_ms);
}

void cs_file_pair_start(struct cs_file_pair *f)
{
    f->timer.fn = on_timer;
    f->timer.ctx = f;
    on_timer(f);
}

bool cs_file_pair_ready(struct cs_file_pair *f, char *why, size_t size)
{
    return cs_cert_status_ready(&f->status, why, size);
}
