/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a request does to the mini world of fleet.h when it takes effect: as the API server would, with its preconditions.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "test/unit/fleet.h"

#define FRESH_MS 5000 /* how long a read of the set counts (D2) */

static void say_state(struct fleet *w, struct fleet_pod *p, const char *revision, bool applied)
{
    char ts[CS_RFC3339_SIZE];
    bool image = applied && strcmp(p->image, p->running) != 0;
    cs_autofree char *last =
        image ? cs_xasprintf("{\"c\":{\"imageID\":\"%s\",\"containerID\":\"%s\"}}", p->image_id, p->container_id)
              : cs_xstrdup("null");

    (void)cs_rfc3339_format(w->now_ms, ts);
    (void)snprintf(p->state, sizeof(p->state),
        "{\"revision\":\"%s\",\"updateTimestamp\":\"%s\",\"lastContainerStatuses\":%s%s%s%s}", revision, ts, last,
        applied ? ",\"containerBatchesRecord\":[{\"timestamp\":\"" : "", applied ? ts : "",
        applied ? "\",\"containers\":[\"c\"]}]" : "");
    p->pod.inplace_state = p->state;
}

/* Spec §6.6 B: out of service it must be (U-15), whatever changes. */
static void change_in_place(struct fleet *w, struct fleet_pod *p, const struct fleet_request *q)
{
    if (p->pod.has_inplace_gate && p->pod.inplace_ready.status != CS_COND_FALSE)
        fleet_fail(w, "%s would change while in service", p->name);
    if (q->a.kind != CS_ACT_GRACE_APPLY) {
        (void)snprintf(p->revision, sizeof(p->revision), "%s", q->revision);
        p->pod.state = CS_LC_UPDATING;
    }
    if (q->a.kind == CS_ACT_INPLACE_START) {
        say_state(w, p, p->revision, false);
        (void)snprintf(
            p->grace, sizeof(p->grace), "{\"revision\":\"%s\",\"graceSeconds\":%d}", q->revision, (int)q->a.number);
        p->pod.inplace_grace = p->grace;
        return;
    }
    p->pod.inplace_grace = NULL;
    fleet_pod_image(w, p, p->revision);
    say_state(w, p, p->revision, true);
}

static void refresh(struct fleet_pod *p, const struct fleet_request *q)
{
    if (q->a.gate_true)
        p->pod.inplace_ready = (struct cs_pod_condition){.status = CS_COND_TRUE, .plain = true};
    if (q->a.state != CS_LC_NONE)
        p->pod.state = q->a.state;
    p->pod.has_template_hash = p->pod.has_template_hash || q->a.template_hash;
}

static void mark(struct fleet_pod *p, const struct fleet_request *q)
{
    (void)snprintf(p->recreate_for, sizeof(p->recreate_for), "%s", q->revision);
    p->pod.recreate_for = p->recreate_for;
    p->pod.specified_delete = true;
}

static void pod_effect(struct fleet *w, struct fleet_pod *p, const struct fleet_request *q)
{
    switch (q->a.kind) {
    case CS_ACT_DELETE_POD:
        fleet_kill(w, p);
        break;
    case CS_ACT_MARK_RECREATE:
        mark(p, q);
        break;
    case CS_ACT_UNMARK:
        p->pod.recreate_for = NULL;
        p->pod.specified_delete = false;
        break;
    case CS_ACT_GATE_OFF:
        p->pod.inplace_ready = (struct cs_pod_condition){.status = CS_COND_FALSE};
        break;
    case CS_ACT_INPLACE_START:
    case CS_ACT_INPLACE_APPLY:
    case CS_ACT_GRACE_APPLY:
        change_in_place(w, p, q);
        break;
    case CS_ACT_GRACE_DROP:
        p->pod.inplace_grace = NULL;
        break;
    case CS_ACT_REFRESH:
        refresh(p, q);
        break;
    default:
        fleet_fail(w, "this world knows no %s", cs_action_name(q->a.kind));
    }
    fleet_pod_update(w, p);
}

static void check_floor(struct fleet *w, const struct fleet_request *q, int before)
{
    int after = fleet_available(w);
    int floor = q->floor < w->floor ? q->floor : w->floor;

    if (after < before && after < floor)
        fleet_fail(
            w, "%s %s leaves %d available Pods, %d are the least", cs_action_name(q->a.kind), q->object, after, floor);
}

static void pod_request(struct fleet *w, const struct fleet_request *q)
{
    struct fleet_pod *p = fleet_pod_named(w, q->object);
    int before;

    if (!p)
        return; /* 404 */
    p->busy = CS_IDLE;
    if (p->pod.meta.rv != q->rv || cs_pod_terminating(&p->pod))
        return; /* 409: another pass decides again */
    before = w->floor == FLEET_NO_FLOOR ? 0 : fleet_available(w);
    pod_effect(w, p, q);
    if (w->floor != FLEET_NO_FLOOR && q->was_available)
        check_floor(w, q, before);
}

static void claim_request(struct fleet *w, const struct fleet_request *q)
{
    struct fleet_claim *c = fleet_claim_named(w, q->object);

    if (!c)
        return;
    c->busy = CS_IDLE;
    if (c->claim.meta.rv != q->rv)
        return;
    if (q->a.kind == CS_ACT_HAND_BACK) {
        fleet_claim_owner(w, c, NULL);
    } else if (q->a.kind == CS_ACT_HAND_OVER) {
        char name[32];

        (void)snprintf(name, sizeof(name), "web-%s", c->id);
        /* a Pod that has ended meanwhile: its owner is gone, and so the collector takes the claim */
        if (fleet_pod_named(w, name))
            fleet_claim_owner(w, c, fleet_pod_named(w, name));
    } else if (q->a.kind == CS_ACT_DELETE_CLAIM) {
        c->claim.meta.deleted_ms = w->now_ms;
        c->ends_ms = w->now_ms + 1000;
    } else {
        fleet_fail(w, "this world knows no %s", cs_action_name(q->a.kind));
    }
}

static void drop_absent(struct fleet *w, const char *id)
{
    size_t n = 0;

    for (size_t i = 0; i < w->n_absent; i++)
        if (strcmp(w->absent[i], id) != 0)
            memmove(w->absent[n++], w->absent[i], CS_ID_SIZE);
    w->n_absent = n;
    for (size_t i = 0; i < n; i++)
        w->absent_list[i] = w->absent[i];
}

static void add_absent(struct fleet *w, const char *id)
{
    size_t at;

    drop_absent(w, id);
    if (w->n_absent == w->cap_absent) {
        w->cap_absent = w->cap_absent ? w->cap_absent * 2 : 8;
        w->absent = cs_xrealloc(w->absent, w->cap_absent, sizeof(w->absent[0]));
        w->absent_list = cs_xrealloc(w->absent_list, w->cap_absent, sizeof(w->absent_list[0]));
    }
    for (at = w->n_absent; at > 0 && strcmp(w->absent[at - 1], id) > 0; at--)
        memcpy(w->absent[at], w->absent[at - 1], CS_ID_SIZE);
    memcpy(w->absent[at], id, CS_ID_SIZE);
    w->n_absent++;
    for (size_t i = 0; i < w->n_absent; i++)
        w->absent_list[i] = w->absent[i];
}

static void create_pod(struct fleet *w, const struct fleet_request *q)
{
    struct fleet_pod *p = fleet_pod_named(w, q->object);
    int ceiling = q->ceiling > w->ceiling ? q->ceiling : w->ceiling;

    p->busy = CS_IDLE;
    p->seen = true;
    p->pod.state = CS_LC_PREPARING_NORMAL;
    p->pod.meta.created_ms = w->now_ms;
    p->node_ms = w->now_ms;
    fleet_pod_image(w, p, p->revision);
    drop_absent(w, p->id);
    if (w->ceiling != FLEET_NO_CEILING && fleet_active(w) > ceiling)
        fleet_fail(w, "%s is Pod number %d, %d are the most", p->name, fleet_active(w), ceiling);
    if (w->fx.set->n_vcts > 0 && !fleet_claim_named(w, p->claim))
        fleet_fail(w, "%s has no claim", p->name);
}

static void strike(struct fleet *w)
{
    struct cs_cloneset_spec *s = &w->fx.set->spec;

    for (uint32_t i = s->n_pods_to_delete; i-- > 0;) {
        const char *name = s->pods_to_delete[i];
        const struct fleet_pod *p = fleet_pod_named(w, name);

        if (p && cs_pod_active(&p->pod))
            continue;
        memmove(&s->pods_to_delete[i], &s->pods_to_delete[i + 1],
            (--s->n_pods_to_delete - i) * sizeof(s->pods_to_delete[0]));
        cs_intern_unref(w->fx.pool, name);
    }
    w->fx.set->meta.generation++;
    w->fresh_until_ms = 0;
}

static void revision_request(struct fleet *w, const struct fleet_request *q)
{
    struct fx *f = &w->fx;

    if (q->a.kind == CS_ACT_CREATE_REVISION)
        fleet_make_revision(w, w->live, q->a.number);
    for (uint32_t i = 0; i < f->o.n_revisions; i++) {
        struct cs_revision *r = f->revs[i];
        struct cs_view_revision v = f->vrevs[i];
        uint32_t last = f->o.n_revisions - 1;

        if (q->a.kind == CS_ACT_CREATE_REVISION || strcmp(r->meta.name, q->object) != 0)
            continue;
        r->revision = q->a.number;
        /* the newest comes last, and what is deleted leaves from there */
        memmove(&f->revs[i], &f->revs[i + 1], (last - i) * sizeof(f->revs[0]));
        memmove(&f->vrevs[i], &f->vrevs[i + 1], (last - i) * sizeof(f->vrevs[0]));
        f->revs[last] = r;
        f->vrevs[last] = v;
        if (q->a.kind == CS_ACT_DELETE_REVISION) {
            cs_revision_free(f->pool, r);
            cs_norm_free(v.norm);
            f->revs[last] = NULL;
            f->vrevs[last] = (struct cs_view_revision){0};
            f->o.n_revisions--;
        }
        break;
    }
    f->o.revision_busy = false;
}

void fleet_effect(struct fleet *w, const struct fleet_request *q)
{
    char name[48];

    switch (q->a.kind) {
    case CS_ACT_READ_SET:
        w->fresh_until_ms = w->now_ms + FRESH_MS;
        break;
    case CS_ACT_CREATE_REVISION:
    case CS_ACT_RENUMBER_REVISION:
    case CS_ACT_DELETE_REVISION:
        revision_request(w, q);
        break;
    case CS_ACT_CONFIRM_ABSENT:
        if (!fleet_pod_named(w, q->object))
            add_absent(w, q->a.id);
        break;
    case CS_ACT_CREATE_CLAIM:
        (void)snprintf(name, sizeof(name), "%s", q->object);
        fleet_claim_named(w, name)->busy = CS_IDLE;
        fleet_claim_named(w, name)->seen = true;
        add_absent(w, q->a.id); /* as the product: a new id, no Pod can have it yet */
        break;
    case CS_ACT_CREATE_POD:
        create_pod(w, q);
        break;
    case CS_ACT_STRIKE:
        strike(w);
        w->fx.o.set_busy = false;
        break;
    default:
        if (q->a.claim)
            claim_request(w, q);
        else
            pod_request(w, q);
        break;
    }
}
