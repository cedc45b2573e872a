/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See fleet_wish.h. Percentages here are whole; fractions are the business of test_arith.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "test/unit/fleet_wish.h"

#define VCT                                                                                                            \
    "'volumeClaimTemplates':[{'metadata':{'name':'data'},'spec':{'accessModes':['ReadWriteOnce'],"                     \
    "'resources':{'requests':{'storage':'1Gi'}}}}]"

static int scaled(struct fleet_number x, int n, bool up)
{
    return x.kind == FLEET_ABSENT ? 0 : x.kind == FLEET_INT ? x.v : (x.v * n + (up ? 99 : 0)) / 100;
}

/* Appendix B.1. */
static int kept(struct fleet_number x, int n)
{
    int p = scaled(x, n, true);

    if (x.kind == FLEET_PERCENT && n > 1 && p == n && x.v != 100)
        p = n - 1;
    return p < 0 ? 0 : p > n ? n : p;
}

static const char *text(struct fleet_number x, const char *key, char buf[48])
{
    if (x.kind == FLEET_ABSENT)
        return "";
    (void)snprintf(buf, 48, x.kind == FLEET_INT ? ",'%s':%d" : ",'%s':'%d%%'", key, x.v);
    return buf;
}

void fleet_want_of(const struct fleet_strategy *s, struct fleet_want *ret)
{
    static const struct fleet_number twenty = {FLEET_PERCENT, 20};
    char a[48], b[48], c[48], d[48], grace[64];
    bool in_place = s->type && strncmp(s->type, "InPlace", 7) == 0;

    *ret = (struct fleet_want){.n = s->n, .partition = kept(s->partition, s->n), .paused = s->paused};
    ret->on_delete = s->type && strcmp(s->type, "OnDelete") == 0;
    ret->in_place_only = s->type && strcmp(s->type, "InPlaceOnly") == 0;
    ret->surge = s->paused ? 0 : scaled(s->surge, s->n, true);
    ret->floor = s->n - scaled(s->unavailable.kind ? s->unavailable : twenty, s->n, ret->surge <= 0);
    (void)snprintf(grace, sizeof(grace), ",'inPlaceUpdateStrategy':{'gracePeriodSeconds':%d}", s->grace);
    (void)snprintf(ret->spec, sizeof(ret->spec),
        "'replicas':%d,'minReadySeconds':%d,'scaleStrategy':{'podsToDelete':[]%s},"
        "'updateStrategy':{'paused':%s%s%s%s%s%s%s%s}%s",
        s->n, s->min_ready, text(s->cap, "maxUnavailable", a), s->paused ? "true" : "false", s->type ? ",'type':'" : "",
        s->type ? s->type : "", s->type ? "'" : "", text(s->partition, "partition", b),
        text(s->unavailable, "maxUnavailable", c), text(s->surge, "maxSurge", d), s->grace && in_place ? grace : "",
        s->claims ? "," VCT : "");
}

bool fleet_wish(
    struct fleet *w, const struct fleet_strategy *s, struct fleet_template t, bool force, struct fleet_want *ret)
{
    const uint64_t updates = UINT64_C(1) << CS_ACT_MARK_RECREATE | UINT64_C(1) << CS_ACT_INPLACE_APPLY |
                             UINT64_C(1) << CS_ACT_INPLACE_START | UINT64_C(1) << CS_ACT_GATE_OFF;

    fleet_want_of(s, ret);
    if (!fleet_apply(w, ret->spec, t, force))
        return false;
    w->floor = ret->floor < 0 ? 0 : ret->floor;
    w->ceiling = ret->n + ret->surge; /* also of an OnDelete set: for Pods that are asked to go */
    w->cap = s->cap.kind == FLEET_ABSENT ? FLEET_NO_CEILING : scaled(s->cap, s->n, true);
    w->forbidden = ret->paused || ret->on_delete ? updates : 0; /* U-23, with the ceiling: no surge Pods either */
    return true;
}

void fleet_check_end(struct fleet *w, const struct fleet_want *want)
{
    int active = fleet_active(w);
    int at = fleet_at(w, w->live);
    bool moves = !want->paused && !want->on_delete;

    /* scaleStrategy.maxUnavailable 0: no Pod is created, and nothing is deleted while one is wanted (spec §5.1 step 5) */
    if (active != want->n && !fleet_said(w, "ScaleUpLimited"))
        fleet_fail(w, "%d Pods, %d wanted, and nothing says why", active, want->n);
    if (fleet_available(w) != active)
        fleet_fail(w, "%d of %d Pods are available", fleet_available(w), active);
    if (moves && active - at > want->partition && !w->fx.plan.failed_update[0] && !fleet_said(w, "UpdateLimited") &&
        !fleet_said(w, "ScaleUpLimited"))
        fleet_fail(w, "%d Pods are old, the partition is %d, and nothing says why", active - at, want->partition);
    if (w->fx.plan.failed_update[0] && !want->in_place_only)
        fleet_fail(w, "%s", w->fx.plan.failed_update);
}
