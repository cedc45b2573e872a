/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The controller's passes: observe → plan → act → status, and what wakes them. See controller.h.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "controller/cloneset/controller.h"

static const struct cs_metric_desc desc_reconcile = {.name = "controller_runtime_reconcile_total",
    .help = "Total number of reconciliations per controller",
    .type = CS_METRIC_COUNTER,
    .labels = {"controller", "result"}};
static const struct cs_metric_desc desc_errors = {.name = "controller_runtime_reconcile_errors_total",
    .help = "Total number of reconciliation errors per controller",
    .type = CS_METRIC_COUNTER,
    .labels = {"controller"}};
static const struct cs_metric_desc desc_conflicts = {.name = "cloneset_write_conflicts_total",
    .help = "Writes refused because somebody else wrote first",
    .type = CS_METRIC_COUNTER,
    .labels = {"controller"}};

struct cs_set_run *cs_run_of(struct cs_controller *c, struct cs_set_entry *se)
{
    struct cs_set_run *r = se->run;

    if (r)
        return r;
    r = cs_new(struct cs_set_run);
    cs_work_init(&r->work, &c->queue);
    r->se = se;
    r->c = c;
    r->window = 1;
    se->run = r;
    return r;
}

static void run_free(struct cs_set_run *r)
{
    cs_work_done(&r->work);
    free(r->scale_error);
    free(r->update_error);
    free(r->notes);
    free(r);
}

void cs_run_event(struct cs_controller *c, struct cs_set_run *r, bool warning, const char *reason, const char *message)
{
    const struct cs_cloneset *set = r->se->set;
    struct cs_event_ref ref;

    if (!set)
        return;
    ref = (struct cs_event_ref){CS_API_VERSION, CS_KIND, set->meta.ns, set->meta.name, set->meta.uid};
    cs_recorder_event(c->recorder, &ref, warning, reason, message);
}

void cs_run_eventf(
    struct cs_controller *c, struct cs_set_run *r, bool warning, const char *reason, const char *fmt, ...)
{
    char message[1025];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(message, sizeof(message), fmt, ap);
    va_end(ap);
    cs_run_event(c, r, warning, reason, message);
}

/* Notes of the planner become events when they were not there in the pass before. */
static void tell_notes(struct cs_controller *c, struct cs_set_run *r, const struct cs_plan *p)
{
    uint64_t now[CS_NOTES_MAX];
    unsigned n = 0;

    for (uint32_t i = 0; i < p->n_notes && n < CS_ARRAY_LEN(now); i++) {
        bool known = false;

        for (unsigned k = 0; k < r->n_notes && !known; k++)
            known = r->notes[k] == p->notes[i].key;
        for (unsigned k = 0; k < n && !known; k++)
            known = now[k] == p->notes[i].key;
        if (!known)
            cs_run_event(c, r, p->notes[i].warning, p->notes[i].reason, p->notes[i].message);
        now[n++] = p->notes[i].key;
    }
    /* What the planner had no occasion to say again in a pass without work stays told. */
    if (n > 0 || p->n > 0) {
        r->notes = cs_xrealloc(r->notes, n + 1, sizeof(now[0]));
        memcpy(r->notes, now, n * sizeof(now[0]));
        r->n_notes = n;
    }
}

/* design §2: the webhook may be absent, or the rules newer than the object. Told once per generation. */
static void tell_violations(struct cs_controller *c, struct cs_set_run *r)
{
    const struct cs_meta *m = &r->se->set->meta;

    if (r->se->violations && r->violations_told != m->generation && m->deleted_ms == 0)
        cs_run_event(c, r, true, "InvalidSpec", r->se->violations);
    r->violations_told = m->generation;
}

/*
 * Events come in bursts, and planning is O(n log n), some 0.5 µs for each Pod: a set of n Pods and claims is planned every n/20 ms at most,
 * or every n/100 once so many requests have been answered that waiting would leave slots empty. So no set takes more than 5 % of a core.
 * Deterministic, unlike a measured duration.
 */
static int64_t pace_ms(const struct cs_set_run *r)
{
    uint32_t n = r->se->entries[CS_K_POD].n + r->se->entries[CS_K_CLAIM].n;

    return n / (r->answered >= CS_MAX_INFLIGHT / 2 ? 100 : 20);
}

void cs_run_wake(struct cs_set_run *r)
{
    int64_t now = cs_loop_now_ms(r->c->o.loop);
    int64_t at = r->passed_at_ms + pace_ms(r);

    if (!r->se->set) {
        cs_store_collect(&r->c->store, r->se);
        return;
    }
    if (at < r->not_before_ms)
        at = r->not_before_ms;
    if (at > now)
        cs_workqueue_add_at(&r->work, at);
    else
        cs_workqueue_add(&r->work);
}

/* A failure pauses the set (D13), whatever else is under way: a request in doubt must not keep a refused one hot. */
static void close_round(struct cs_controller *c, struct cs_set_run *r)
{
    if (r->failed) {
        int64_t delay = cs_workqueue_add_rate_limited(&r->work);

        r->not_before_ms = cs_loop_now_ms(c->o.loop) + delay;
        r->failed = false;
        cs_metric_add(c->m_errors, 1, CS_LABELS("cloneset"));
    }
}

void cs_reconcile(struct cs_controller *c, struct cs_set_run *r)
{
    struct cs_observation o;
    struct cs_plan p;
    int64_t now = cs_loop_now_ms(c->o.loop);

    if (!r->se->set) {
        cs_store_collect(&r->c->store, r->se);
        return;
    }
    if (now < r->not_before_ms) {
        cs_workqueue_add_at(&r->work, r->not_before_ms);
        return;
    }
    close_round(c, r);
    if (now < r->not_before_ms)
        return;
    r->passed_at_ms = now;
    r->answered = 0;
    if (!cs_observe(c, r, &o))
        return;
    cs_plan_make(&o, &p);
    if (p.n == 0 && r->inflight == 0) {
        /* Nothing left to do: what failed before has been overcome. */
        free(cs_take(r->scale_error));
        free(cs_take(r->update_error));
        cs_workqueue_forget(&r->work);
    }
    cs_act(c, r, &o, &p);
    tell_notes(c, r, &p);
    tell_violations(c, r);
    if (p.have_status && r->se->set->meta.deleted_ms == 0)
        cs_status_write(c, r, &p);
    if (p.requeue_at_ms > 0) {
        int64_t wait = p.requeue_at_ms - cs_clock_wall_ms(c->o.clock);

        cs_workqueue_add_at(&r->work, now + (wait > 0 ? wait : 1));
    }
    if (r->more && r->inflight == 0)
        cs_workqueue_add_at(&r->work, now + 5); /* no slot was free: others' answers do not wake this set */
    cs_metric_add(c->m_reconcile, 1, CS_LABELS("cloneset", "success"));
    cs_plan_done(&p);
    cs_observation_done(&o);
    close_round(c, r);
}

/* ---- wiring ---- */

static void on_change(void *ctx, struct cs_set_entry *se)
{
    struct cs_controller *c = ctx;

    /* A set that is gone is freed by cs_store_collect (on_set_gone) or by its last answer, never from within the store. */
    if (se->set && c->active)
        cs_run_wake(cs_run_of(c, se));
}

static bool on_set_gone(void *ctx, struct cs_set_entry *se)
{
    struct cs_set_run *r = se->run;

    (void)ctx;
    if (!r)
        return true;
    if (r->inflight > 0)
        return false; /* the end of the last request asks again */
    cs_recorder_forget(r->c->recorder, se->uid);
    se->run = NULL;
    run_free(r);
    return true;
}

static void relist_all(struct cs_controller *c)
{
    for (int k = 0; k < CS_K_COUNT; k++)
        cs_reflector_relist(c->reflectors[k]);
}

static void on_restored(void *ctx, enum cs_kind k)
{
    struct cs_controller *c = ctx;

    cs_log_warn(c->o.log, "the API server is behind what it told before: reading everything again",
        CS_KVS("resource", cs_kind_gvr(k)->resource));
    c->active = false; /* D5f: an emptied store must not be taken for an empty cluster */
    relist_all(c);
}

void cs_controller_restored(struct cs_controller *c, enum cs_kind k)
{
    cs_store_forget(&c->store); /* it may have caught up with our versions by the time it lists */
    on_restored(c, k);
}

static void on_object(void *ctx, enum cs_event_type type, struct cs_json obj, uint64_t rv)
{
    struct cs_kind_ctx *kc = ctx;
    struct cs_controller *c = kc->c;
    struct cs_error err = CS_ERROR_INIT;

    if (type == CS_EVENT_DELETED) {
        cs_autofree char *ns = cs_json_str_dup(cs_json_at(obj, "metadata", "namespace", NULL));
        cs_autofree char *name = cs_json_str_dup(cs_json_at(obj, "metadata", "name", NULL));
        cs_autofree char *uid = cs_json_str_dup(cs_json_at(obj, "metadata", "uid", NULL));

        if (name)
            cs_store_remove(&c->store, kc->kind, ns, name, uid, rv);
        return;
    }
    if (!cs_store_apply(&c->store, kc->kind, obj, type == CS_EVENT_LISTED, &err))
        cs_log_warn(c->o.log, "cannot decode an object: it is left alone",
            CS_KVS("resource", cs_kind_gvr(kc->kind)->resource), CS_KVS("err", err.message));
}

static void wake_all(struct cs_controller *c)
{
    struct cs_set_entry *se;
    struct cs_set_entry *tmp;

    HASH_ITER (hh, c->store.sets, se, tmp) {
        if (se->set)
            cs_run_wake(cs_run_of(c, se));
    }
}

bool cs_controller_synced(const struct cs_controller *c)
{
    for (int k = 0; k < CS_K_COUNT; k++)
        if (!cs_reflector_synced(c->reflectors[k]))
            return false;
    return true;
}

static void maybe_activate(struct cs_controller *c)
{
    if (!c->deciding || c->active || !cs_controller_synced(c))
        return;
    c->active = true;
    c->doubt_until_ms = cs_loop_now_ms(c->o.loop) + CS_DOUBT_MS;
    c->fence_rv = c->store.high_rv[CS_K_CLAIM];
    cs_log_info(c->o.log, "caches are synced: deciding from now on");
    wake_all(c);
}

static void on_list_begin(void *ctx)
{
    struct cs_kind_ctx *kc = ctx;

    cs_store_list_begin(&kc->c->store, kc->kind);
}

static void on_list_sent(void *ctx)
{
    struct cs_kind_ctx *kc = ctx;

    cs_store_list_sent(&kc->c->store, kc->kind);
}

static void on_list_end(void *ctx, uint64_t rv, int64_t sent_ms)
{
    struct cs_kind_ctx *kc = ctx;

    (void)sent_ms;
    cs_store_list_end(&kc->c->store, kc->kind, rv);
}

static uint64_t known_rv(void *ctx)
{
    struct cs_kind_ctx *kc = ctx;

    return kc->c->store.high_rv[kc->kind];
}

static const struct cs_reflector_handler handler = {on_object, on_list_begin, on_list_end, on_list_sent, known_rv};

void cs_controller_init(struct cs_controller *c, const struct cs_controller_options *o)
{
    static const char *const selectors[CS_K_COUNT] = {
        [CS_K_POD] = CS_LABEL_INSTANCE_ID, /* D6 */
        [CS_K_CLAIM] = CS_LABEL_INSTANCE_ID,
        [CS_K_REVISION] = CS_LABEL_REVISION_HASH,
    };
    const struct cs_recorder_options rec = {.client = o->client,
        .loop = o->loop,
        .log = o->log,
        .metrics = o->metrics,
        .component = "cloneset-controller",
        .instance = o->instance,
        .may_write = o->may_write,
        .ctx = o->ctx};
    const struct cs_store_hooks hooks = {on_change, on_set_gone, on_restored, c};

    *c = (struct cs_controller){.o = *o};
    cs_store_init(&c->store, &hooks);
    cs_workqueue_init(&c->queue, "cloneset", o->loop, o->rand, o->metrics);
    c->recorder = cs_recorder_new(&rec);
    c->m_reconcile = cs_metric_get(o->metrics, &desc_reconcile);
    c->m_errors = cs_metric_get(o->metrics, &desc_errors);
    c->m_conflicts = cs_metric_get(o->metrics, &desc_conflicts);
    for (int k = 0; k < CS_K_COUNT; k++) {
        c->kinds[k] = (struct cs_kind_ctx){.c = c, .kind = (enum cs_kind)k};
        const struct cs_reflector_options ro = {.client = o->client,
            .loop = o->loop,
            .log = o->log,
            .metrics = o->metrics,
            .rand = o->rand,
            .gvr = cs_kind_gvr((enum cs_kind)k),
            .label_selector = selectors[k],
            .handler = &handler,
            .ctx = &c->kinds[k]};
        c->reflectors[k] = cs_reflector_new(&ro);
    }
}

void cs_controller_done(struct cs_controller *c)
{
    struct cs_set_entry *se;
    struct cs_set_entry *tmp;

    c->active = false;
    for (int k = 0; k < CS_K_COUNT; k++)
        cs_reflector_free(c->reflectors[k]);
    cs_act_cancel_all(c);
    HASH_ITER (hh, c->store.sets, se, tmp) {
        if (se->run)
            run_free(cs_take(se->run));
    }
    cs_store_done(&c->store);
    cs_recorder_free(c->recorder);
}

void cs_controller_start(struct cs_controller *c)
{
    for (int k = 0; k < CS_K_COUNT; k++)
        cs_reflector_start(c->reflectors[k]);
}

void cs_controller_alone(struct cs_controller *c)
{
    c->alone = true;
    for (int k = 0; k < CS_K_COUNT; k++)
        c->kinds[k].lists_before = c->store.lists_sent[k];
}

void cs_controller_lead(struct cs_controller *c, bool leading)
{
    c->term++;
    c->deciding = leading;
    c->active = false;
    for (int k = 0; leading && k < CS_K_COUNT; k++)
        if (!c->alone || c->store.lists_sent[k] == c->kinds[k].lists_before)
            cs_reflector_relist(c->reflectors[k]);
    c->alone = false;
}

void cs_controller_step(struct cs_controller *c)
{
    maybe_activate(c);
    while (c->active && c->inflight < CS_MAX_INFLIGHT) {
        struct cs_work *w = cs_workqueue_get(&c->queue);

        if (!w)
            break;
        cs_reconcile(c, (struct cs_set_run *)((char *)w - offsetof(struct cs_set_run, work)));
    }
    cs_store_sweep(&c->store);
}
