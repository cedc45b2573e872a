/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which revision is the update revision, which the current one, which may go (spec §4.2, §4.3, D9).
 */
#include <stdlib.h>
#include <string.h>

#include "controller/plan/parts.h"

static bool same_template(const struct cs_observation *o, const struct cs_view_revision *r)
{
    return r->norm && r->digest == o->digest && cs_template_equal(r->norm, o->norm);
}

const struct cs_view_revision *cs_plan_revision_of(const struct cs_planner *pl, const char *revision)
{
    for (uint32_t i = 0; i < pl->o->n_revisions; i++)
        if (cs_revision_same(pl->o->revisions[i].rev->meta.name, revision))
            return &pl->o->revisions[i];
    return NULL;
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

            a->number = last ? last->rev->revision + 1 : 1;
        }
        return false;
    }
    if (o->n_revisions > 0 && pl->update != last && !o->revision_busy) {
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

static bool carried(const struct cs_observation *o, const char *name)
{
    for (uint32_t i = 0; i < o->n_pods; i++)
        if (cs_revision_same(o->pods[i].revision, name))
            return true;
    return false;
}

void cs_plan_history(struct cs_planner *pl)
{
    const struct cs_observation *o = pl->o;
    uint32_t limit = o->set->spec.history_limit < 0 ? 0 : (uint32_t)o->set->spec.history_limit;
    uint32_t unused = 0;

    if (o->n_revisions <= limit)
        return;
    for (uint32_t i = 0; i < o->n_revisions; i++) {
        const struct cs_view_revision *r = &o->revisions[i];

        unused += r != pl->update && r != pl->current && !carried(o, r->rev->meta.name);
    }
    for (uint32_t i = 0; i < o->n_revisions && unused > limit; i++) {
        const struct cs_view_revision *r = &o->revisions[i];
        const struct cs_owner *owner = cs_meta_controller(&r->rev->meta);

        if (r == pl->update || r == pl->current || carried(o, r->rev->meta.name))
            continue;
        unused--;
        /* Revisions without an owner are used but are not ours to delete. */
        if (r->busy == CS_IDLE && owner && cs_streq(owner->uid, o->set->meta.uid))
            cs_plan_add(pl, CS_ACT_DELETE_REVISION, "beyond revisionHistoryLimit")->revision = r->rev;
    }
}
