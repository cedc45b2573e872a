/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between conditions.c and blockers.c: which Pod a set waits for, in words.
 */
#ifndef CS_PLAN_BLOCKERS_H
#define CS_PLAN_BLOCKERS_H

#include "common/base/strbuf.h"
#include "controller/plan/parts.h"

/*
 * The Pod that is worst off, and of several alike the first by name: appends why ("Pod web-bbbbb: container c:
 * CrashLoopBackOff, and 3 more") and gives a condition's reason. NULL: no Pod holds anything up. The text stays the same as
 * long as the state does: no ages, no seconds left.
 */
const char *cs_blocking_pod(const struct cs_planner *pl, struct cs_strbuf *out);

/* To be deleted, and not yet allowed to (deleteReadyLimit, spec §5.2). */
bool cs_deletion_held(const struct cs_view_pod *v);

/* Copies a text as one line that fits `size` bytes with its NUL: blanks for control characters, "…" where it is cut. */
void cs_one_line(char *ret, size_t size, const char *text);

#endif
