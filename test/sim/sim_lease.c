/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one Lease of the election, in memory, and what must hold of who writes (D12).
 *
 * Before each write: now < last renewal + 10 s; a successor waits until it has seen the record unchanged for 14 s. Hence at no
 * instant may two replicas write: neither while one is paused, nor while its renewals fail, nor whatever its clock shows. What
 * D12 lets happen is that a write which was sent in time lands late; that is what all the other checks look at. A restored server
 * has an older Lease, which may name another holder than the one that writes: until its last renewal is 10 s old there
 * may be two (the preconditions of D2 are what is left then).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/api/gvr.h"
#include "common/base/alloc.h"
#include "test/sim/sim.h"

#define FENCE_MS 10000

static void store(struct sim *s, struct cs_jtree *t, int status, struct sim_answer *ret)
{
    char text[32];

    (void)snprintf(text, sizeof(text), "%llu", (unsigned long long)++s->lease_rv);
    cs_jtree_set(sim_need(t, "metadata"), "resourceVersion", cs_jtree_new_str(text));
    cs_jtree_set(sim_need(t, "metadata"), "uid", cs_jtree_new_str("lease-1"));
    if (s->lease != t)
        cs_jtree_free(s->lease);
    s->lease = t;
    *ret = (struct sim_answer){.status = status, .body = sim_print(t)};
}

static bool is_current(const struct sim *s, const struct cs_jtree *t, struct sim_answer *ret)
{
    const char *rv = sim_str(t, "metadata/resourceVersion");

    if (cs_streq(rv, sim_str(s->lease, "metadata/resourceVersion")))
        return true;
    sim_api_error(ret, 409, "Conflict", "the object has been modified");
    return false;
}

void sim_lease_handle(struct sim *s, const struct sim_req *q, struct sim_answer *ret)
{
    cs_autojtree *t = sim_parse(q->body);

    if (q->verb == CS_VERB_CREATE && !s->lease)
        store(s, cs_take(t), 201, ret);
    else if (q->verb == CS_VERB_CREATE)
        sim_api_error(ret, 409, "AlreadyExists", "there is one");
    else if (!s->lease)
        sim_api_error(ret, 404, "NotFound", "there is none");
    else if (q->verb == CS_VERB_GET)
        *ret = (struct sim_answer){.status = 200, .body = sim_print(s->lease)};
    else if (!is_current(s, t, ret))
        return;
    else if (q->verb == CS_VERB_UPDATE)
        store(s, cs_take(t), 200, ret);
    else if (q->verb == CS_VERB_PATCH_MERGE) {
        sim_merge(s->lease, t, false);
        store(s, s->lease, 200, ret);
    } else
        sim_fail(s, "a %s of the Lease", cs_verb_name(q->verb));
    sim_say(s, "the Lease is held by \"%s\"", s->lease ? sim_str(s->lease, "spec/holderIdentity") : "");
}

/* A new leader has read everything since it asked for the Lease, before it writes for the first time. */
static void check_has_read(struct sim *s, struct sim_replica *r)
{
    for (int k = 0; k < CS_K_COUNT; k++)
        if (r->listed_ms[k] < r->gained_ms)
            sim_fail(s, "D12: replica %u writes without having read %s since it asked for the Lease", r->number,
                cs_kind_gvr((enum cs_kind)k)->resource);
}

void sim_lease_check_write(struct sim *s, struct sim_replica *r, bool decision)
{
    if (!r->leader)
        return;
    /* An event that goes out after its leader has stood still tells what it did when it led. */
    if (!cs_leader_may_write(r->leader) && (decision || !r->stalled))
        sim_fail(s, "D12: replica %u sends a write that its lease does not cover", r->number);
    if (decision)
        check_has_read(s, r);
    for (size_t i = 0; i < CS_ARRAY_LEN(s->replicas); i++) {
        const struct sim_replica *other = &s->replicas[i];

        if (other != r && other->up && cs_leader_may_write(other->leader) &&
            (s->trouble.restored_ms == 0 || s->now_ms >= s->trouble.restored_ms + FENCE_MS))
            sim_fail(s, "D12: replica %u sends a write while replica %zu may write, too", r->number, i);
    }
}
