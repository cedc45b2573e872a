/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a user asks of the mini world of fleet.h, and what the world must then keep to and come to, by arithmetic of the tests'
 * own (Appendix B in integers).
 */
#ifndef CS_TEST_UNIT_FLEET_WISH_H
#define CS_TEST_UNIT_FLEET_WISH_H

#include "test/unit/fleet.h"

struct fleet_number { /* absent, n or "n%" */
    enum { FLEET_ABSENT, FLEET_INT, FLEET_PERCENT } kind;
    int v;
};

struct fleet_strategy {
    int n, min_ready, grace;
    const char *type; /* NULL: absent */
    struct fleet_number partition, unavailable, surge, cap; /* cap: scaleStrategy.maxUnavailable */
    bool paused, claims;
};

struct fleet_want {
    int n, partition; /* partition: old Pods to keep (B.1) */
    int floor; /* available Pods that must stay */
    int surge;
    bool paused, on_delete, in_place_only;
    char spec[640];
};

void fleet_want_of(const struct fleet_strategy *s, struct fleet_want *ret);
/* Applies it, and the world's limits become what it allows. False: admission refused, nothing changed. */
bool fleet_wish(
    struct fleet *w, const struct fleet_strategy *s, struct fleet_template t, bool force, struct fleet_want *ret);
/* All is quiet: this is the end state of the spec, or somebody says why it is not. */
void fleet_check_end(struct fleet *w, const struct fleet_want *want);

#endif
