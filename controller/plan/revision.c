/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which revision is the update revision, which the current one, which may go (spec §4.2, §4.3, D9).
 */
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "controller/plan/parts.h"

static bool same_template(const struct cs_observation *o, const struct cs_view_revision *r)
{
    return r->norm && cs_norm_equal(r->norm, o->norm);
}

const struct cs_view_revision *cs_plan_revision_of(const struct cs_planner *pl, const char *revision)
{
    for (uint32_t i = 0; i < pl->o->n_revisions; i++)
        if (cs_revision_same(pl->o->revisions[i].rev->meta.name, revision))
            return &pl->o->revisions[i];
    return NULL;
}

/* Of two with the largest number the younger is the later one. */
static int64_t number_after(const struct cs_revision *r)
{
    return r->revision < INT64_MAX ? r->revision + 1 : INT64_MAX;
}

bool cs_plan_revisions(struct cs_planner *pl)
{
    struct cs_observation *o = pl->o;
    const char *current = o->set->status.current_revision;
    const struct cs_view_revision *last = o->n_revisions > 0 ? &o->revisions[o->n_revisions - 1] : NULL;

    for (uint32_t i = o->n_revisions; i > 0 && !pl->update; i--)
        if (same_template(o, &o->revisions[i - 1]))
            pl->update = &o->revisions[i - 1];
    if (!pl->update) {
        if (!o->revision_busy) {
            struct cs_action *a = cs_plan_add(pl, CS_ACT_CREATE_REVISION, "the template is new");

            a->number = last ? number_after(last->rev) : 1;
        }
        return false;
    }
    if (o->n_revisions > 0 && pl->update != last && !o->revision_busy && last->rev->revision < INT64_MAX) {
        struct cs_action *a = cs_plan_add(pl, CS_ACT_RENUMBER_REVISION, "an earlier template is wanted again");

        a->revision = pl->update->rev;
        a->number = last->rev->revision + 1;
    }
    pl->current = pl->update;
    for (uint32_t i = 0; i < o->n_revisions; i++)
        if (cs_streq(o->revisions[i].rev->meta.name, current))
            pl->current = &o->revisions[i];
    return true;
}

/* Which revisions Pods carry, the update revision left out; owned by the caller. Neighbours mostly carry the same. */
static bool *find_carried(const struct cs_observation *o)
{
    bool *carried = cs_new_array(bool, o->n_revisions);
    const char *last = NULL;

    for (uint32_t i = 0; i < o->n_pods; i++) {
        const struct cs_view_pod *v = &o->pods[i];

        if (v->is_new || v->revision == last)
            continue;
        last = v->revision;
        for (uint32_t k = 0; k < o->n_revisions; k++)
            carried[k] = carried[k] || cs_revision_same(last, o->revisions[k].rev->meta.name);
    }
    return carried;
}

static bool in_use(const struct cs_planner *pl, const bool *carried, uint32_t i)
{
    const struct cs_view_revision *r = &pl->o->revisions[i];

    return r == pl->update || r == pl->current || carried[i];
}

/* One may be bringing a Pod to a revision that none carries yet and that a rollback has put out of use: its answer decides. */
static bool writes_under_way(const struct cs_observation *o)
{
    for (uint32_t i = 0; i < o->n_pods; i++)
        if (o->pods[i].busy == CS_BUSY_PATCH || o->pods[i].busy == CS_BUSY_READ)
            return true;
    return false;
}

void cs_plan_history(struct cs_planner *pl)
{
    const struct cs_observation *o = pl->o;
    uint32_t limit = o->set->spec.history_limit < 0 ? 0 : (uint32_t)o->set->spec.history_limit;
    cs_autofree bool *carried = NULL;
    uint32_t unused = 0;

    if (o->n_revisions <= limit || writes_under_way(o))
        return;
    carried = find_carried(o);
    for (uint32_t i = 0; i < o->n_revisions; i++)
        unused += !in_use(pl, carried, i);
    for (uint32_t i = 0; i < o->n_revisions && unused > limit; i++) {
        const struct cs_view_revision *r = &o->revisions[i];
        const struct cs_owner *owner = cs_meta_controller(&r->rev->meta);

        if (in_use(pl, carried, i))
            continue;
        unused--;
        /* Revisions without an owner are used but are not ours to delete. */
        if (r->busy == CS_IDLE && owner && cs_streq(owner->uid, o->set->meta.uid))
            cs_plan_add(pl, CS_ACT_DELETE_REVISION, "beyond revisionHistoryLimit")->revision = r->rev;
    }
}
