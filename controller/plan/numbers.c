/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The difference between what is and what is wanted: spec §5.2 and Appendix B, integers in, integers out.
 */
#include "common/cloneset/arith.h"
#include "controller/plan/parts.h"

static int32_t max32(int32_t a, int32_t b)
{
    return a > b ? a : b;
}

static int32_t min32(int32_t a, int32_t b)
{
    return a < b ? a : b;
}

static int32_t abs32(int32_t a)
{
    return a < 0 ? -a : a;
}

void cs_limits_of(const struct cs_cloneset *set, bool current_is_update, struct cs_limits *ret)
{
    const struct cs_cloneset_spec *s = &set->spec;
    struct cs_limits l = {.n = max32(s->replicas, 0), .current_is_update = current_is_update};

    l.bad_partition = !cs_partition(&s->partition, l.n, &l.partition);
    l.no_rollout = s->type == CS_UPDATE_ON_DELETE;
    l.surge = s->paused ? 0 : max32(cs_scaled(&s->max_surge, l.n, CS_ROUND_UP), 0);
    l.unavailable = cs_scaled(&s->max_unavailable, l.n, l.surge > 0 ? CS_ROUND_DOWN : CS_ROUND_UP);
    l.scale_cap = INT32_MAX;
    if (s->scale_max_unavailable.type != CS_IS_ABSENT)
        l.scale_cap = max32(cs_scaled(&s->scale_max_unavailable, l.n, CS_ROUND_UP), 0);
    *ret = l;
}

struct surge {
    int32_t all, old;
};

/*
 * Surge for an update. Spec §5.2 takes a whole pass for one step; our requests are few at a time, and surge that shrinks with
 * every new Pod would be taken in by halves before the wave that it serves is complete (U-25). So new Pods count as missing
 * until they are available, but for those that may be unavailable anyway: what stays longer is what deleteReadyLimit would have
 * kept.
 */
static int32_t surge_for_update(
    const struct cs_limits *l, const struct cs_counts *c, int32_t old_diff, int32_t new_diff)
{
    if (l->no_rollout)
        return 0;
    if (old_diff > 0 && new_diff <= 0)
        return min32(old_diff, abs32(new_diff) + max32(c->unavail_new - l->unavailable, 0));
    if (old_diff < 0 && new_diff > 0)
        return min32(abs32(old_diff), new_diff);
    return 0;
}

static struct surge surge_in_use(
    const struct cs_limits *l, const struct cs_counts *c, int32_t old_diff, int32_t new_diff)
{
    int32_t missing = c->pre_del_new + c->pre_del_old + c->unavail_new + c->unavail_old;
    int32_t to_del = c->to_del_new + c->to_del_old;
    int32_t for_delete = 0;
    int32_t for_update = surge_for_update(l, c, old_diff, new_diff);
    int32_t for_update_old = 0;

    if (l->surge == 0)
        return (struct surge){0, 0};
    if (to_del > 0)
        for_delete = min32(max32(missing + to_del - l->unavailable, 0), to_del);
    if (abs32(old_diff) <= abs32(new_diff) ? old_diff < 0 : new_diff > 0)
        for_update_old = for_update;
    if (for_delete >= for_update) {
        int32_t all = min32(l->surge, for_delete);

        return (struct surge){all, min32(all, max32(for_delete - c->to_del_new, 0))};
    }
    int32_t all = min32(l->surge, for_update);
    return (struct surge){all, min32(all, for_update_old)};
}

void cs_numbers_make(const struct cs_limits *l, const struct cs_counts *c, struct cs_numbers *ret)
{
    struct cs_numbers r = {0};
    int32_t missing = c->pre_del_new + c->pre_del_old + c->unavail_new + c->unavail_old;
    int32_t to_del = c->to_del_new + c->to_del_old;
    int32_t old_diff = c->active_old - l->partition;
    int32_t new_diff = c->active_new - (l->n - l->partition);

    if (l->current_is_update || !l->partition_rollback) {
        old_diff = max32(old_diff, 0);
        new_diff = min32(new_diff, 0);
    }
    struct surge surge = surge_in_use(l, c, old_diff, new_diff);
    int32_t total = c->total;
    int32_t total_old = c->total_old;
    if (l->exclude_preparing) {
        total -= c->pre_del_new + c->pre_del_old;
        total_old -= c->pre_del_old;
    }
    int32_t want = l->n + surge.all;
    int32_t want_old = l->partition + surge.old;
    if (want - total > 0) {
        r.scale_up = want - total;
        r.scale_up_old = max32(want_old - total_old, 0);
        r.scale_up_limit = min32(r.scale_up, max32(l->scale_cap - missing, 0));
    }
    if (total - to_del - want > 0) {
        r.scale_down = total - to_del - want;
        r.scale_down_old = max32(total_old - c->to_del_old - want_old, 0);
    }
    if (to_del > 0 || r.scale_down > 0)
        r.delete_ready_limit = max32(l->unavailable + (c->total - l->n) - missing, 0);
    r.update_num = abs32(old_diff) <= abs32(new_diff) ? old_diff : -new_diff;
    if (r.update_num != 0)
        r.update_max_unavailable = l->unavailable + c->total - l->n;
    *ret = r;
}
