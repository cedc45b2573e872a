/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The mini world of fleet.h: its objects, its kubelet and garbage collector, and the passes of the planner.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "test/unit/fleet.h"

#define STEPS_MAX 20000

static struct cs_pair web_labels[] = {{"app", "web"}};

void fleet_note(struct fleet *w, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(w->history[w->n_history++ % CS_ARRAY_LEN(w->history)], sizeof(w->history[0]), fmt, ap);
    va_end(ap);
}

void fleet_fail(struct fleet *w, const char *fmt, ...)
{
    char why[512];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(why, sizeof(why), fmt, ap);
    va_end(ap);
    print_error("seed %llu, second %lld: %s\n  %s\n", (unsigned long long)w->seed,
        (long long)(w->now_ms - FX_NOW) / 1000, why, w->told);
    for (size_t i = 0; i < w->n_pods; i++) {
        const struct fleet_pod *p = w->pods[i];

        print_error("  %s %s %s %s%s%s%s%s\n", p->name, p->revision, cs_lifecycle_name(p->pod.state),
            p->seen ? "" : "unseen ", p->pod.ready.status == CS_COND_TRUE ? "ready " : "",
            cs_pod_terminating(&p->pod) ? "terminating " : "", p->pod.specified_delete ? "marked " : "",
            p->pod.inplace_grace ? "grace" : "");
    }
    for (unsigned long i = w->n_history > CS_ARRAY_LEN(w->history) ? w->n_history - CS_ARRAY_LEN(w->history) : 0;
         i < w->n_history; i++)
        print_error("    %s\n", w->history[i % CS_ARRAY_LEN(w->history)]);
    fail();
    abort(); /* fail() does not return; this is for the compiler */
}

int fleet_between(struct fleet *w, int low, int high)
{
    return high <= low ? low : low + (int)cs_rand_below(&w->rand, (uint64_t)(high - low) + 1);
}

/* ---- objects ---- */

void fleet_template_name(struct fleet_template t, char ret[32])
{
    (void)snprintf(ret, 32, "web-i%de%dl%d", t.image % 1000, t.env % 1000, t.label % 1000);
}

char *fleet_template_text(struct fleet_template t)
{
    return cs_xasprintf("{'metadata':{'labels':{'app':'web','v':'%d'}},'spec':{'containers':[{'name':'c',"
                        "'image':'nginx:%d','env':[{'name':'A','value':'%d'}]}]}}",
        t.label, t.image, t.env);
}

void fleet_make_revision(struct fleet *w, struct fleet_template t, int64_t number)
{
    char name[32];
    cs_autofree char *text = fleet_template_text(t);

    fleet_template_name(t, name);
    for (uint32_t i = 0; i < w->fx.o.n_revisions; i++)
        if (strcmp(w->fx.revs[i]->meta.name, name) == 0)
            return;
    fx_revision(&w->fx, name, number, text);
}

struct fleet_pod *fleet_pod_named(struct fleet *w, const char *name)
{
    for (size_t i = 0; i < w->n_pods; i++)
        if (strcmp(w->pods[i]->name, name) == 0)
            return w->pods[i];
    return NULL;
}

struct fleet_claim *fleet_claim_named(struct fleet *w, const char *name)
{
    for (size_t i = 0; i < w->n_claims; i++)
        if (strcmp(w->claims[i]->name, name) == 0)
            return w->claims[i];
    return NULL;
}

void fleet_pod_image(struct fleet *w, struct fleet_pod *p, const char *revision)
{
    (void)snprintf(p->image, sizeof(p->image), "nginx:%d", (int)strtol(strstr(revision, "-i") + 2, NULL, 10));
    if (strcmp(p->image, p->running) != 0)
        p->starts_ms = w->now_ms + fleet_between(w, w->start_min, w->start_max) * 1000LL;
    else if (p->pod.containers_ready.status == CS_COND_TRUE)
        p->starts_ms = 0; /* taken back before the kubelet acted */
}

struct fleet_pod *fleet_pod_new(struct fleet *w, const char *id, const char *revision)
{
    struct fleet_pod *p = cs_new(struct fleet_pod);

    (void)snprintf(p->id, sizeof(p->id), "%s", id);
    (void)snprintf(p->name, sizeof(p->name), "web-%s", id);
    (void)snprintf(p->uid, sizeof(p->uid), "p-%lu", ++w->uids);
    (void)snprintf(p->revision, sizeof(p->revision), "%s", revision);
    (void)snprintf(p->claim, sizeof(p->claim), "data-web-%s", id);
    p->claim_list[0] = p->claim;
    p->owner = (struct cs_owner){CS_API_VERSION, CS_KIND, "web", "u1", true};
    p->container = (struct cs_container){.name = "c", .image = p->image};
    p->pod = (struct cs_pod){.meta = {.ns = "ns",
                                 .name = p->name,
                                 .uid = p->uid,
                                 .rv = 1,
                                 .labels = {.items = web_labels, .len = CS_ARRAY_LEN(web_labels)},
                                 .owners = &p->owner,
                                 .n_owners = 1,
                                 .has_annotations = true},
        .id = p->id,
        .revision = p->revision,
        .containers = &p->container,
        .n_containers = 1,
        .statuses = &p->status,
        .claims = p->claim_list,
        .n_claims = w->fx.set->n_vcts > 0,
        .has_template_hash = true,
        .has_inplace_gate = true};
    p->pod.meta.created_ms = w->now_ms;
    cs_grow(w->pods, w->n_pods, w->cap_pods);
    w->pods[w->n_pods++] = p;
    return p;
}

void fleet_claim_owner(struct fleet *w, struct fleet_claim *c, const struct fleet_pod *p)
{
    (void)w;
    (void)snprintf(c->owner_name, sizeof(c->owner_name), "%s", p ? p->name : "web");
    (void)snprintf(c->owner_uid, sizeof(c->owner_uid), "%s", p ? p->uid : "u1");
    c->owner = (struct cs_owner){p ? "v1" : CS_API_VERSION, p ? "Pod" : CS_KIND, c->owner_name, c->owner_uid, true};
    c->claim.meta.rv++;
}

struct fleet_claim *fleet_claim_new(struct fleet *w, const char *id)
{
    struct fleet_claim *c = cs_new(struct fleet_claim);

    (void)snprintf(c->id, sizeof(c->id), "%s", id);
    (void)snprintf(c->name, sizeof(c->name), "data-web-%s", id);
    (void)snprintf(c->uid, sizeof(c->uid), "c-%lu", ++w->uids);
    c->claim = (struct cs_claim){
        .meta = {.ns = "ns", .name = c->name, .uid = c->uid, .owners = &c->owner, .n_owners = 1}, .id = c->id};
    fleet_claim_owner(w, c, NULL);
    cs_grow(w->claims, w->n_claims, w->cap_claims);
    w->claims[w->n_claims++] = c;
    return c;
}

/* ---- the world ---- */

void fleet_init(struct fleet *w, uint64_t seed)
{
    *w = (struct fleet){.seed = seed,
        .rand = {.state = seed},
        .now_ms = FX_NOW,
        .start_min = 1,
        .start_max = 1,
        .window = INT32_MAX,
        .floor = FLEET_NO_FLOOR,
        .ceiling = FLEET_NO_CEILING,
        .cap = FLEET_NO_CEILING};
    fx_empty(&w->fx);
}

void fleet_done(struct fleet *w)
{
    for (size_t i = 0; i < w->n_pods; i++)
        free(w->pods[i]);
    for (size_t i = 0; i < w->n_claims; i++)
        free(w->claims[i]);
    free(w->pods);
    free(w->claims);
    free(w->requests);
    free(w->views);
    free(w->claim_views);
    free(w->absent);
    free(w->absent_list);
    fx_done(&w->fx);
}

/* ---- the kubelet and the garbage collector ---- */

void fleet_pod_update(struct fleet *w, struct fleet_pod *p)
{
    bool ready = p->pod.containers_ready.status == CS_COND_TRUE &&
                 (!p->pod.has_inplace_gate || p->pod.inplace_ready.status == CS_COND_TRUE);

    p->pod.meta.rv++;
    if ((p->pod.ready.status == CS_COND_TRUE) != ready)
        p->pod.ready = (struct cs_pod_condition){
            .status = ready ? CS_COND_TRUE : CS_COND_FALSE, .transition_ms = w->now_ms, .plain = true};
}

static void start_container(struct fleet *w, struct fleet_pod *p)
{
    bool again = p->pod.n_statuses > 0;

    p->starts_ms = 0;
    (void)snprintf(p->running, sizeof(p->running), "%s", p->image);
    (void)snprintf(p->image_id, sizeof(p->image_id), "sha256:%s", p->image);
    (void)snprintf(p->container_id, sizeof(p->container_id), "c://%lu", ++w->uids);
    p->status = (struct cs_container_status){.name = "c",
        .image = p->running,
        .image_id = p->image_id,
        .container_id = p->container_id,
        .running = true,
        .started_ms = w->now_ms};
    p->pod.n_statuses = 1;
    p->pod.max_restarts += again;
    p->pod.phase = CS_PHASE_RUNNING;
    p->pod.containers_ready.status = CS_COND_TRUE;
    fleet_pod_update(w, p);
    fleet_note(w, "%s runs %s", p->name, p->image);
}

static void end_pod(struct fleet *w, size_t i)
{
    struct fleet_pod *p = w->pods[i];

    fleet_note(w, "%s has ended", p->name);
    for (size_t k = 0; k < w->n_claims; k++) /* claims that it owns follow it */
        if (strcmp(w->claims[k]->owner_uid, p->uid) == 0) {
            w->claims[k]->claim.meta.deleted_ms = w->now_ms;
            w->claims[k]->claim.meta.rv++;
            w->claims[k]->ends_ms = w->now_ms + 1000;
        }
    free(p);
    w->pods[i] = w->pods[--w->n_pods];
}

static bool due(const struct fleet *w, int64_t at)
{
    return at != 0 && at <= w->now_ms;
}

static void play(struct fleet *w)
{
    for (size_t i = w->n_pods; i-- > 0;) {
        struct fleet_pod *p = w->pods[i];

        if (due(w, p->node_ms)) {
            p->node_ms = 0;
            p->pod.node = "n1";
            p->pod.meta.rv++;
        }
        if (due(w, p->starts_ms) && p->pod.node)
            start_container(w, p);
        if (due(w, p->ends_ms))
            end_pod(w, i);
    }
    for (size_t i = w->n_claims; i-- > 0;)
        if (due(w, w->claims[i]->ends_ms)) {
            free(w->claims[i]);
            w->claims[i] = w->claims[--w->n_claims];
        }
}

static void sooner(int64_t *at, int64_t than)
{
    if (than != 0 && (*at == 0 || than < *at))
        *at = than;
}

/* When something happens next; 0: never. */
static int64_t next_event(const struct fleet *w)
{
    int64_t at = w->fx.plan.requeue_at_ms > w->now_ms ? w->fx.plan.requeue_at_ms : 0;

    for (size_t i = 0; i < w->n_pods; i++) {
        sooner(&at, w->pods[i]->node_ms);
        sooner(&at, w->pods[i]->starts_ms);
        sooner(&at, w->pods[i]->ends_ms);
    }
    for (size_t i = 0; i < w->n_claims; i++)
        sooner(&at, w->claims[i]->ends_ms);
    for (size_t i = 0; i < w->n_requests; i++)
        sooner(&at, w->requests[i].due_ms);
    return at;
}

/* ---- a pass ---- */

static void observe(struct fleet *w)
{
    struct cs_observation *o = &w->fx.o;

    if (w->n_pods > w->cap_views) {
        w->cap_views = w->n_pods * 2;
        w->views = cs_xrealloc(w->views, w->cap_views, sizeof(w->views[0]));
    }
    if (w->n_claims > w->cap_claim_views) {
        w->cap_claim_views = w->n_claims * 2;
        w->claim_views = cs_xrealloc(w->claim_views, w->cap_claim_views, sizeof(w->claim_views[0]));
    }
    for (size_t i = 0; i < w->n_pods; i++) {
        struct fleet_pod *p = w->pods[i];

        w->views[i] = (struct cs_view_pod){
            .pod = p->seen ? &p->pod : NULL, .name = p->name, .id = p->id, .revision = p->revision, .busy = p->busy};
    }
    for (size_t i = 0; i < w->n_claims; i++) {
        struct fleet_claim *c = w->claims[i];

        w->claim_views[i] =
            (struct cs_view_claim){.claim = c->seen ? &c->claim : NULL, .name = c->name, .id = c->id, .busy = c->busy};
    }
    o->pods = w->views;
    o->n_pods = (uint32_t)w->n_pods;
    o->claims = w->claim_views;
    o->n_claims = (uint32_t)w->n_claims;
    o->absent = w->absent_list;
    o->n_absent = (uint32_t)w->n_absent;
    o->now_ms = w->now_ms;
    o->set_fresh = w->now_ms < w->fresh_until_ms;
}

static const char *object_of(const struct cs_action *a)
{
    if (a->claim)
        return a->claim->meta.name;
    if (a->pod)
        return a->pod->meta.name;
    if (a->kind == CS_ACT_DELETE_REVISION || a->kind == CS_ACT_RENUMBER_REVISION)
        return a->revision->meta.name;
    return a->name ? a->name : "";
}

static bool under_way(const struct fleet *w, const struct cs_action *a)
{
    for (size_t i = 0; i < w->n_requests; i++)
        if (w->requests[i].a.kind == a->kind && strcmp(w->requests[i].object, object_of(a)) == 0)
            return true;
    return false;
}

/* What the next passes see of it while it is under way. */
static void mark_busy(struct fleet *w, const struct fleet_request *q)
{
    struct fleet_pod *p = q->a.claim ? NULL : fleet_pod_named(w, q->object);
    struct fleet_claim *c = q->a.claim ? fleet_claim_named(w, q->object) : NULL;
    enum cs_busy busy = q->a.kind == CS_ACT_DELETE_POD ? CS_BUSY_DELETE : CS_BUSY_PATCH;

    if (q->a.kind == CS_ACT_CREATE_POD) {
        fleet_pod_new(w, q->a.id, q->revision)->busy = CS_BUSY_CREATE;
    } else if (q->a.kind == CS_ACT_CREATE_CLAIM) {
        fleet_claim_new(w, q->a.id)->busy = CS_BUSY_CREATE;
    } else if (q->a.pod && p) {
        p->busy = busy;
    } else if (c) {
        c->busy = busy;
    }
    w->fx.o.revision_busy = w->fx.o.revision_busy || q->a.kind == CS_ACT_CREATE_REVISION ||
                            q->a.kind == CS_ACT_RENUMBER_REVISION || q->a.kind == CS_ACT_DELETE_REVISION;
    w->fx.o.set_busy = w->fx.o.set_busy || q->a.kind == CS_ACT_STRIKE;
}

/* Missing in the sense of spec §5.2, with what is being created. */
static void check_cap(struct fleet *w)
{
    int missing = 0;

    for (size_t i = 0; i < w->n_pods; i++) {
        const struct fleet_pod *p = w->pods[i];

        missing += !p->seen || (cs_pod_active(&p->pod) && !p->pod.specified_delete && p->busy != CS_BUSY_DELETE &&
                                   !cs_pod_available(&p->pod, w->fx.set->spec.min_ready_s, w->now_ms));
    }
    if (missing > w->cap)
        fleet_fail(w, "%d Pods are unavailable by creation, %d are the most", missing, w->cap);
}

static bool send_one(struct fleet *w, const struct cs_action *a)
{
    struct fleet_request *q;

    if (w->forbidden >> a->kind & 1)
        fleet_fail(w, "%s %s is not to be: %s", cs_action_name(a->kind), object_of(a), a->why);
    if (under_way(w, a))
        return false;
    cs_grow(w->requests, w->n_requests, w->cap_requests);
    q = &w->requests[w->n_requests++];
    *q = (struct fleet_request){.a = *a,
        .rv = a->claim ? a->claim->meta.rv
              : a->pod ? a->pod->meta.rv
                       : 0,
        .due_ms = w->now_ms + fleet_between(w, 0, w->lag_max) * 1000LL,
        .floor = w->floor,
        .ceiling = w->ceiling,
        .was_available = a->pod && cs_pod_available(a->pod, w->fx.set->spec.min_ready_s, w->now_ms)};
    (void)snprintf(q->object, sizeof(q->object), "%.47s", object_of(a));
    (void)snprintf(q->revision, sizeof(q->revision), "%.31s", a->revision ? a->revision->meta.name : "");
    fleet_note(w, "%3lld send %s %s %s", (long long)(w->now_ms - FX_NOW) / 1000, cs_action_name(a->kind), q->object,
        q->revision);
    w->sent[a->kind]++;
    mark_busy(w, q);
    if (a->kind == CS_ACT_CREATE_POD && w->cap != FLEET_NO_CEILING)
        check_cap(w);
    return true;
}

static int send_plan(struct fleet *w)
{
    const struct cs_plan *p = &w->fx.plan;
    int n = 0;

    for (uint32_t i = 0; i < p->n && (int64_t)w->n_requests < w->window; i++)
        n += send_one(w, &p->actions[i]);
    return n;
}

/* Those that are due, in no particular order. */
static void deliver(struct fleet *w)
{
    for (size_t i = 0; i < w->n_requests;) {
        struct fleet_request q = w->requests[i];

        if (q.due_ms > w->now_ms) {
            i++;
            continue;
        }
        w->requests[i] = w->requests[--w->n_requests];
        fleet_effect(w, &q);
    }
}

static void write_status(struct fleet *w)
{
    const struct cs_status_plan *st = &w->fx.plan.status;

    if (!w->fx.plan.have_status || cs_streq(st->current_revision, w->fx.set->status.current_revision))
        return;
    cs_intern_unref(w->fx.pool, w->fx.set->status.current_revision);
    w->fx.set->status.current_revision = cs_intern_str(w->fx.pool, cs_str(st->current_revision));
}

enum fleet_moved fleet_step(struct fleet *w)
{
    int64_t at;

    w->moves++;
    deliver(w);
    play(w);
    observe(w);
    cs_plan_done(&w->fx.plan);
    cs_plan_make(&w->fx.o, &w->fx.plan);
    if (send_plan(w) > 0)
        return FLEET_ACTED;
    write_status(w);
    at = next_event(w);
    if (at == 0)
        return FLEET_QUIET;
    w->waits += at > w->now_ms;
    w->now_ms = at > w->now_ms ? at : w->now_ms;
    return FLEET_WAITED;
}

void fleet_run(struct fleet *w)
{
    unsigned long steps = 0;

    while (fleet_step(w) != FLEET_QUIET)
        if (++steps > STEPS_MAX)
            fleet_fail(w, "it does not come to rest");
}
