/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The difference between what is and what is wanted: spec §5.2 and Appendix B, integers in, integers out.
 */
#include "common/cloneset/arith.h"
#include "controller/plan/parts.h"

/* Limits come as large as a user writes them, so sums of them need more room. */
static int64_t max64(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static int64_t min64(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t abs64(int64_t a)
{
    return a < 0 ? -a : a;
}

static int32_t as32(int64_t v)
{
    return (int32_t)max64(min64(v, INT32_MAX), INT32_MIN);
}

static int32_t not_negative(int32_t v)
{
    return v < 0 ? 0 : v;
}

void cs_limits_of(const struct cs_cloneset *set, bool current_is_update, struct cs_limits *ret)
{
    const struct cs_cloneset_spec *s = &set->spec;
    struct cs_limits l = {.n = not_negative(s->replicas), .current_is_update = current_is_update};

    l.bad_partition = !cs_partition(&s->partition, l.n, &l.partition);
    l.no_rollout = s->type == CS_UPDATE_ON_DELETE;
    l.surge = s->paused ? 0 : not_negative(cs_scaled(&s->max_surge, l.n, CS_ROUND_UP));
    l.unavailable = cs_scaled(&s->max_unavailable, l.n, l.surge > 0 ? CS_ROUND_DOWN : CS_ROUND_UP);
    l.scale_cap = INT32_MAX;
    if (s->scale_max_unavailable.type != CS_IS_ABSENT)
        l.scale_cap = not_negative(cs_scaled(&s->scale_max_unavailable, l.n, CS_ROUND_UP));
    *ret = l;
}

struct surge {
    int64_t all, old;
};

/*
 * Surge for an update. Spec §5.2 takes a whole pass for one step; our requests are few at a time, and surge that shrinks with
 * every new Pod would be taken in by halves before the wave that it serves is complete (U-25). So new Pods count as missing
 * until they are available, but for those that may be unavailable anyway: what stays longer is what deleteReadyLimit would have
 * kept.
 */
static int64_t surge_for_update(
    const struct cs_limits *l, const struct cs_counts *c, int64_t old_diff, int64_t new_diff)
{
    if (l->no_rollout)
        return 0;
    if (old_diff > 0 && new_diff <= 0)
        return min64(old_diff, abs64(new_diff) + max64((int64_t)c->unavail_new - l->unavailable, 0));
    if (old_diff < 0 && new_diff > 0)
        return min64(abs64(old_diff), new_diff);
    return 0;
}

static struct surge surge_in_use(
    const struct cs_limits *l, const struct cs_counts *c, int64_t old_diff, int64_t new_diff)
{
    int64_t missing = c->pre_del_new + c->pre_del_old + c->unavail_new + c->unavail_old;
    int64_t to_del = c->to_del_new + c->to_del_old;
    int64_t for_delete = 0;
    int64_t for_update = surge_for_update(l, c, old_diff, new_diff);
    int64_t for_update_old = 0;

    if (l->surge == 0)
        return (struct surge){0, 0};
    if (to_del > 0)
        for_delete = min64(max64(missing + to_del - l->unavailable, 0), to_del);
    if (abs64(old_diff) <= abs64(new_diff) ? old_diff < 0 : new_diff > 0)
        for_update_old = for_update;
    if (for_delete >= for_update) {
        int64_t all = min64(l->surge, for_delete);

        return (struct surge){all, min64(all, max64(for_delete - c->to_del_new, 0))};
    }
    int64_t all = min64(l->surge, for_update);
    return (struct surge){all, min64(all, for_update_old)};
}

void cs_numbers_make(const struct cs_limits *l, const struct cs_counts *c, struct cs_numbers *ret)
{
    struct cs_numbers r = {0};
    int64_t missing = c->pre_del_new + c->pre_del_old + c->unavail_new + c->unavail_old;
    int64_t to_del = c->to_del_new + c->to_del_old;
    int64_t old_diff = (int64_t)c->active_old - l->partition;
    int64_t new_diff = (int64_t)c->active_new - (l->n - l->partition);

    if (l->current_is_update || !l->partition_rollback) {
        old_diff = max64(old_diff, 0);
        new_diff = min64(new_diff, 0);
    }
    struct surge surge = surge_in_use(l, c, old_diff, new_diff);
    int64_t total = c->total;
    int64_t total_old = c->total_old;
    if (l->exclude_preparing) {
        total -= c->pre_del_new + c->pre_del_old;
        total_old -= c->pre_del_old;
    }
    int64_t want = l->n + surge.all;
    int64_t want_old = l->partition + surge.old;
    if (want - total > 0) {
        r.scale_up = as32(want - total);
        r.scale_up_old = as32(max64(want_old - total_old, 0));
        r.scale_up_limit = as32(min64(r.scale_up, max64(l->scale_cap - missing, 0)));
    }
    if (total - to_del - want > 0) {
        r.scale_down = as32(total - to_del - want);
        r.scale_down_old = as32(max64(total_old - c->to_del_old - want_old, 0));
    }
    if (to_del > 0 || r.scale_down > 0)
        r.delete_ready_limit = as32(max64((int64_t)l->unavailable + c->total - l->n - missing, 0));
    r.update_num = as32(abs64(old_diff) <= abs64(new_diff) ? old_diff : -new_diff);
    if (r.update_num != 0)
        r.update_max_unavailable = as32((int64_t)l->unavailable + c->total - l->n);
    *ret = r;
}
