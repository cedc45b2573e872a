/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See takeover.h. Freshness is judged by the record changing under our own clock, except at the first look: then a
 * record younger than a minute by its own words counts as fresh too.
 */
#include "controller/takeover.h"

#include <stdio.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/json/json_doc.h"

#define LOOK_AGAIN_MS 5000
#define LOOK_CALM_MS 15000
#define STALE_MS 20000

static void look(void *ctx);

static void conclude(struct cs_takeover *t, bool clear, int64_t again_ms)
{
    bool changed = !t->known || t->clear != clear;

    t->known = true;
    t->clear = clear;
    cs_timer_arm_in(t->loop, &t->timer, again_ms);
    if (!changed)
        return;
    if (!clear)
        cs_log_warn(t->log, "OpenKruise's manager is running: staying passive (--force-takeover overrides)",
            CS_KVS("holder", t->holder));
    t->on_change(t->ctx);
}

static void read_text(struct cs_json v, char *out, size_t size)
{
    cs_autofree char *s = cs_json_str_dup(v);

    (void)snprintf(out, size, "%s", s ? s : "");
}

static void judge(struct cs_takeover *t, struct cs_json lease)
{
    struct cs_json spec = cs_json_get(lease, "spec");
    int64_t now = cs_loop_now_ms(t->loop);
    char renew[sizeof(t->last_renew)];
    int64_t renew_ms = 0;
    bool first = *t->last_renew == '\0';

    read_text(cs_json_get(spec, "holderIdentity"), t->holder, sizeof(t->holder));
    read_text(cs_json_get(spec, "renewTime"), renew, sizeof(renew));
    if (first) {
        bool young = cs_rfc3339_parse(cs_str(renew), &renew_ms) && cs_clock_wall_ms(t->loop->clock) - renew_ms < 60000;

        t->renewed_at_ms = young ? now : now - STALE_MS;
    } else if (strcmp(renew, t->last_renew) != 0) {
        t->renewed_at_ms = now;
    }
    (void)snprintf(t->last_renew, sizeof(t->last_renew), "%s", *renew ? renew : "-");
    if (*t->holder == '\0' || now - t->renewed_at_ms >= STALE_MS)
        conclude(t, true, LOOK_CALM_MS);
    else
        conclude(t, false, LOOK_AGAIN_MS);
}

static void on_reply(void *ctx, const struct cs_reply *reply)
{
    struct cs_takeover *t = ctx;
    cs_autojdoc doc = {0};

    t->call = 0;
    if (reply->err.kind == CS_ERR_NONE && cs_jdoc_parse(&doc, reply->body.p, reply->body.len, NULL, NULL)) {
        judge(t, cs_jdoc_root(&doc));
    } else if (reply->err.kind == CS_ERR_NOT_FOUND) {
        conclude(t, true, LOOK_CALM_MS);
    } else if (reply->err.kind == CS_ERR_FORBIDDEN) {
        cs_log_warn(t->log, "cannot tell whether OpenKruise's manager is running", CS_KVS("err", reply->err.message));
        conclude(t, true, LOOK_CALM_MS);
    } else {
        cs_timer_arm_in(t->loop, &t->timer, t->known ? LOOK_AGAIN_MS : 500);
    }
}

static void look(void *ctx)
{
    struct cs_takeover *t = ctx;
    const struct cs_call call = {
        .verb = CS_VERB_GET, .gvr = &cs_gvr_leases, .ns = "kruise-system", .name = "kruise-manager"};

    t->call = cs_client_call(t->client, &call, on_reply, t);
}

void cs_takeover_start(struct cs_takeover *t)
{
    t->timer = (struct cs_timer){.fn = look, .ctx = t};
    if (t->force) {
        t->known = t->clear = true;
        return;
    }
    cs_timer_arm_in(t->loop, &t->timer, 0);
}

void cs_takeover_stop(struct cs_takeover *t)
{
    if (!t->loop)
        return;
    cs_timer_disarm(t->loop, &t->timer);
    if (t->call)
        cs_client_cancel(t->client, t->call);
    t->call = 0;
}

bool cs_takeover_clear(const struct cs_takeover *t, char *why, size_t size)
{
    if (t->known && t->clear)
        return true;
    if (!t->known)
        (void)snprintf(why, size, "looking whether OpenKruise's manager is running");
    else
        (void)snprintf(
            why, size, "passive: OpenKruise's manager %s holds the lease kruise-system/kruise-manager", t->holder);
    return false;
}
