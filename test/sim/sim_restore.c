/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A backup of the server and its restoration: objects and the counter of resourceVersions go back to what they were, so that what
 * was made since is gone, what was deleted is back, and versions are given out again for other contents (D5c). Uids are not.
 */
#include <stdlib.h>

#include "common/base/alloc.h"
#include "test/sim/sim.h"

/*
 * A server that has caught up with the versions that it gave out before cannot be told from one that was never restored. So
 * there is a gap between a backup and the versions after it: a backup is older than the time a controller needs to come back.
 */
#define GAP 60

struct sim_backup {
    struct sim_obj *objs;
    uint64_t rv, lease_rv;
    struct cs_jtree *lease;
};

static struct sim_obj *copy_of(const struct sim_obj *o)
{
    struct sim_obj *copy = cs_new(struct sim_obj);

    *copy = *o;
    copy->name = cs_xstrdup(o->name);
    copy->uid = cs_xstrdup(o->uid);
    copy->t = cs_jtree_dup(o->t);
    copy->report = NULL; /* the kubelet looks again */
    copy->next = NULL;
    copy->sync_planned = copy->answer_planned = false;
    return copy;
}

static struct sim_obj *copy_all(const struct sim_obj *objs)
{
    struct sim_obj *first = NULL;
    struct sim_obj **end = &first;

    for (; objs; objs = objs->next) {
        *end = copy_of(objs);
        end = &(*end)->next;
    }
    return first;
}

static void free_all(struct sim_obj *objs)
{
    while (objs) {
        struct sim_obj *o = objs;

        objs = o->next;
        cs_jtree_free(o->t);
        cs_jtree_free(o->report);
        free(o->name);
        free(o->uid);
        free(o);
    }
}

void sim_backup(struct sim *s)
{
    const struct sim_obj *set = sim_the_set(s);

    if (!set || sim_str(set->t, "metadata/deletionTimestamp") ||
        sim_was_restored(s)) /* the gap would bridge the other */
        return;
    sim_backup_done(s);
    s->backup = cs_new(struct sim_backup);
    *s->backup = (struct sim_backup){copy_all(s->objs), s->rv, s->lease_rv, cs_jtree_dup(s->lease)};
    sim_say(s, "a backup of the server at rv=%llu", (unsigned long long)s->rv);
    s->rv += GAP;
}

void sim_backup_done(struct sim *s)
{
    if (!s->backup)
        return;
    free_all(s->backup->objs);
    cs_jtree_free(s->backup->lease);
    free(cs_take(s->backup));
}

/* Whoever looks after objects looks at them anew. */
static void wake_actors(struct sim *s)
{
    for (size_t i = 0; i < CS_ARRAY_LEN(s->replicas); i++)
        s->replicas[i].set_known_rv = s->replicas[i].gained_rv = 0;
    sim_check_restored(s);
    sim_nodes_restored(s);
    for (struct sim_obj *o = s->objs; o; o = o->next) {
        if (o->kind == CS_K_POD)
            sim_pod_changed(s, o);
        if (o->kind == CS_K_CLAIM)
            sim_claim_created(s, o);
    }
    sim_gc_soon(s);
}

bool sim_restore(struct sim *s)
{
    if (!s->backup)
        return false;
    sim_net_drop(s, false);
    free_all(s->objs);
    s->objs = copy_all(s->backup->objs);
    s->rv = s->backup->rv;
    cs_jtree_free(s->lease);
    s->lease = cs_jtree_dup(s->backup->lease);
    s->lease_rv = s->backup->lease_rv;
    if (s->compacted_rv > s->rv)
        s->compacted_rv = s->rv;
    while (s->n_log > 0 && s->log[s->n_log - 1].rv > s->rv)
        free(s->log[--s->n_log].text);
    sim_backup_done(s); /* once more, and there would be no gap */
    sim_say(s, "the server is restored to rv=%llu", (unsigned long long)s->rv);
    wake_actors(s);
    return true;
}
