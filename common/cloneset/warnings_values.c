/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values that mean something else than they seem to: percentages of a few Pods that come out as none or all (U-21), and a
 * raised partition that moves nothing back (U-22).
 */
#include "common/cloneset/warnings_private.h"

#include "common/cloneset/arith.h"

static bool same_intstr(const struct cs_intstr *a, const struct cs_intstr *b)
{
    return a->type == b->type && (a->type != CS_IS_INT || a->i == b->i) &&
           (a->type != CS_IS_STRING || cs_streq(a->s, b->s));
}

/* Worth saying: the value is new, or it is of another number of Pods now. */
static bool is_news(const struct cs_edit *e, const struct cs_intstr *was, const struct cs_intstr *is)
{
    return e->create || e->was.replicas != e->is.replicas || !same_intstr(was, is);
}

/* A percentage that seems to mean some of the Pods: above 0 and below 100. */
static bool is_fraction(const struct cs_intstr *v)
{
    int64_t num, den;

    return v->type == CS_IS_STRING && cs_percent_parse(cs_str(v->s), &num, &den) && num > 0 && num / 100 < den;
}

static void warn_partition(struct cs_edit *e)
{
    const struct cs_edit_side *is = &e->is;

    if (is_fraction(&is->partition) && is_news(e, &e->was.partition, &is->partition) && is->held == is->replicas &&
        is->replicas > 0)
        cs_warn(e->out, "%s.partition %s of " CS_N_PODS " is %d: no Pod is updated", e->at, is->partition.s,
            CS_PODS(is->replicas), is->held);
    if (!e->create && !e->template_changed && is->replicas == e->was.replicas && is->held > e->was.held)
        cs_warn(e->out,
            "%s.partition raised from %d to %d: Pods that are updated already are not moved back; "
            "put the old template back to do that",
            e->at, e->was.held, is->held);
}

/* The default is nobody's mistake. */
static void warn_max_unavailable(struct cs_edit *e)
{
    const struct cs_edit_side *is = &e->is;
    int32_t surge = is->paused ? 0 : cs_scaled(&is->max_surge, is->replicas, CS_ROUND_UP);
    int32_t n = cs_scaled(&is->max_unavailable, is->replicas, surge > 0 ? CS_ROUND_DOWN : CS_ROUND_UP);

    if (!is_fraction(&is->max_unavailable) || cs_streq(is->max_unavailable.s, "20%") || is->replicas <= 0 ||
        !is_news(e, &e->was.max_unavailable, &is->max_unavailable))
        return;
    if (n >= is->replicas)
        cs_warn(e->out, "%s.maxUnavailable %s of " CS_N_PODS " is %d: an update may take all Pods down at once", e->at,
            is->max_unavailable.s, CS_PODS(is->replicas), n);
    else if (n == 0)
        cs_warn(e->out,
            "%s.maxUnavailable %s of " CS_N_PODS " is 0 (rounded down, as maxSurge is in use): "
            "updates go by surge only",
            e->at, is->max_unavailable.s, CS_PODS(is->replicas));
}

static void warn_scale(struct cs_edit *e)
{
    const struct cs_intstr *v = &e->is.scale_max_unavailable;

    if (v->type != CS_IS_ABSENT && e->is.replicas > 0 && is_news(e, &e->was.scale_max_unavailable, v) &&
        cs_scaled(v, e->is.replicas, CS_ROUND_UP) == 0)
        cs_warn(e->out, "spec.scaleStrategy.maxUnavailable is 0: no Pod is ever created");
}

void cs_warn_values(struct cs_edit *e)
{
    warn_partition(e);
    warn_max_unavailable(e);
    warn_scale(e);
}
