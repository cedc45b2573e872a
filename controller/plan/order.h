/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The orders of spec §5.6 and §6.3 in their parts, between rank.c, spread.c, priority.c and scatter.c. All of them are total:
 * the name decides last, so that everybody who sees the same Pods picks the same ones.
 */
#ifndef CS_PLAN_ORDER_H
#define CS_PLAN_ORDER_H

#include "controller/plan/parts.h"

/* As strcmp has it. */
void cs_sort_by_name(struct cs_view_pod *pods, uint32_t n);

/* Criteria of §5.6 that are not part of every comparison. */
enum cs_criteria { CS_BY_AVAILABLE = 1 /* 3 */, CS_BY_RANK = 2 /* 6 */ };
/* < 0: a is to be deleted before b, by the criteria of §5.6 and what `with` adds. */
int cs_cmp_delete(const struct cs_view_pod *a, const struct cs_view_pod *b, unsigned with);

/* Criterion 6 of §5.6: fills the Pods' ranks. The group is left in another order. */
void cs_rank_by_node(struct cs_view_pod **group, uint32_t n);
void cs_rank_by_topology(const struct cs_cloneset *set, struct cs_view_pod **group, uint32_t n);

/* §6.3, 2: priorityStrategy; stable. */
void cs_sort_by_priority(const struct cs_cloneset_spec *s, struct cs_view_pod **pods, uint32_t n);
/* §6.3, 3: scatterStrategy. The Pods are some of those of the observation that are ours. */
void cs_scatter(const struct cs_observation *o, struct cs_view_pod **pods, uint32_t n);

#endif
