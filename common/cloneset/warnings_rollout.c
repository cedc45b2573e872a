/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an edit does to running Pods: how many change, in place or by recreation, which field forces that, and what
 * holds them back.
 */
#include "common/cloneset/warnings_private.h"

#include <stdio.h>

#include "common/cloneset/template.h"

#define NAMES_SHOWN 3

/* Pods that the new strategy lets change. */
static int32_t pods_to_change(const struct cs_edit *e)
{
    return e->pods > e->is.held ? e->pods - e->is.held : 0;
}

/* ---- what happens to the claims of recreated Pods ---- */

static void add_claim_names(struct cs_strbuf *out, struct cs_json vcts)
{
    size_t shown = 0;

    cs_json_foreach (vct, vcts) {
        cs_autofree char *name = cs_json_str_dup(cs_json_at(vct, "metadata", "name", NULL));

        if (shown == NAMES_SHOWN) {
            cs_strbuf_adds(out, " …");
            return;
        }
        cs_strbuf_addf(out, "%s%s", shown++ ? " " : "", name ? name : "?");
    }
}

static void warn_lost_claims(struct cs_edit *e, int32_t pods)
{
    int64_t claims = (int64_t)cs_json_count(e->was.vcts) * pods;
    cs_autostrbuf names = CS_STRBUF_INIT;

    if (claims == 0 || e->was.keeps)
        return;
    add_claim_names(&names, e->was.vcts);
    cs_warn(e->out, "recreating Pods deletes their claims and the data in them: up to " CS_N_CLAIMS " (%s)",
        CS_CLAIMS(claims), cs_strbuf_str(&names));
}

/* ---- a changed template ---- */

/* "c1 c2 …": the containers with a change of this kind. */
static size_t add_changed(struct cs_strbuf *out, const struct cs_template_diff *diff, enum cs_change_kind kind)
{
    const char *last = NULL;
    size_t n = 0;

    for (size_t i = 0; i < diff->n; i++) {
        const char *name = diff->items[i].container ? diff->items[i].container : "?";

        if (diff->items[i].kind != kind || cs_streq(name, last)) /* changes of one container follow each other */
            continue;
        if (n < NAMES_SHOWN)
            cs_strbuf_addf(out, "%s%s", n ? " " : "", name);
        else if (n == NAMES_SHOWN)
            cs_strbuf_adds(out, " …");
        last = name;
        n++;
    }
    return n;
}

static void warn_resized(struct cs_edit *e, const char *when, int32_t pods, const struct cs_template_diff *diff)
{
    cs_autostrbuf names = CS_STRBUF_INIT;
    size_t n = add_changed(&names, diff, CS_CHANGE_RESOURCES);
    const char *restart = diff->images_changed ? ""
                          : !diff->restarts    ? " without a restart"
                                               : ", with a restart where resizePolicy wants it";

    cs_warn(e->out, "%sthis resizes up to " CS_N_PODS " in place: container%s %s get%s the new resources%s", when,
        CS_PODS(pods), n == 1 ? "" : "s", cs_strbuf_str(&names), n == 1 ? "s" : "", restart);
}

static void warn_in_place(struct cs_edit *e, const char *when, int32_t pods, const struct cs_template_diff *diff)
{
    cs_autostrbuf names = CS_STRBUF_INIT;

    if (diff->images_changed) {
        size_t n = add_changed(&names, diff, CS_CHANGE_IMAGE);

        cs_warn(e->out, "%sthis updates up to " CS_N_PODS " in place: container%s %s restart%s with the new image",
            when, CS_PODS(pods), n == 1 ? "" : "s", cs_strbuf_str(&names), n == 1 ? "s" : "");
    }
    if (diff->resources_changed)
        warn_resized(e, when, pods, diff);
    if (!diff->images_changed && !diff->resources_changed)
        cs_warn(e->out, "%sthis changes the metadata of up to " CS_N_PODS " in place; no container restarts", when,
            CS_PODS(pods));
}

static void warn_forced(struct cs_edit *e, const char *when, int32_t pods, const struct cs_template_diff *diff)
{
    const char *qos = diff->qos_changed ? " (a Pod keeps its QoS class)" : "";
    size_t others = 0;

    for (size_t i = 0; i < diff->n; i++)
        others += diff->items[i].kind == CS_CHANGE_OTHER;
    if (others > 1)
        cs_warn(e->out, "%sthis recreates up to " CS_N_PODS ": %s (and %zu more) cannot change in place%s", when,
            CS_PODS(pods), cs_template_diff_blocker(diff)->path, others - 1, qos);
    else
        cs_warn(e->out, "%sthis recreates up to " CS_N_PODS ": %s cannot change in place%s", when, CS_PODS(pods),
            cs_template_diff_blocker(diff)->path, qos);
}

/* Gate RecreatePodWhenChangeVCTInCloneSetGate: claims of a running Pod do not change either (spec §6.4). */
static bool claims_force(const struct cs_edit *e)
{
    char was[CS_VCT_HASH_SIZE];
    char is[CS_VCT_HASH_SIZE];

    if (!e->gates->recreate_on_claim_templates || e->is.type != CS_UPDATE_INPLACE_IF_POSSIBLE)
        return false;
    cs_vct_hash(e->was.vcts, was);
    cs_vct_hash(e->is.vcts, is);
    return !cs_streq(was, is);
}

static void warn_held(struct cs_edit *e)
{
    int32_t kept = e->is.held < e->pods ? e->is.held : e->pods;

    if (kept > 0)
        cs_warn(e->out, "%s.partition keeps " CS_N_PODS " at the old revision%s", e->at, CS_PODS(kept),
            kept == e->pods ? ": nothing is rolled out until it is lowered" : "");
}

static void warn_changed(struct cs_edit *e, const struct cs_template_diff *diff)
{
    char paused[96];
    const char *when = e->is.paused ? paused : "";
    int32_t pods = pods_to_change(e);

    (void)snprintf(paused, sizeof(paused), "once %s.paused is false, ", e->at);

    if (e->is.type == CS_UPDATE_ON_DELETE) {
        cs_warn(e->out, "no Pod changes until somebody deletes it: spec.updateStrategy.type is OnDelete");
        return;
    }
    if (pods > 0) {
        bool recreate = true;

        if (e->is.type == CS_UPDATE_RECREATE && diff->in_place) {
            cs_warn(e->out,
                "%sthis recreates up to " CS_N_PODS ": %s is ReCreate "
                "(InPlaceIfPossible would make this change in place)",
                when, CS_PODS(pods), e->is.shape.policy_path);
        } else if (e->is.type == CS_UPDATE_RECREATE) {
            cs_warn(e->out, "%sthis recreates up to " CS_N_PODS, when, CS_PODS(pods));
        } else if (diff->in_place && claims_force(e)) {
            cs_warn(e->out, "%sthis recreates up to " CS_N_PODS ": spec.volumeClaimTemplates cannot change in place",
                when, CS_PODS(pods));
        } else if (diff->in_place) {
            recreate = false;
            e->in_place = true;
            warn_in_place(e, when, pods, diff);
        } else {
            warn_forced(e, when, pods, diff);
        }
        if (recreate)
            warn_lost_claims(e, pods);
    }
    warn_held(e);
}

/* ---- an unchanged template, and a rollout that goes on ---- */

static bool rollout_is_open(const struct cs_edit *e)
{
    struct cs_json status = cs_json_get(e->was.obj, "status");
    struct cs_json update = cs_json_get(status, "updateRevision"), current = cs_json_get(status, "currentRevision");

    return cs_json_is(update, CS_J_STRING) && cs_json_is(current, CS_J_STRING) && !cs_json_equal(update, current);
}

static bool is_stopped(const struct cs_edit_side *side)
{
    return side->paused || side->type == CS_UPDATE_ON_DELETE;
}

static void warn_released(struct cs_edit *e)
{
    bool released = (is_stopped(&e->was) && !is_stopped(&e->is)) || e->is.held < e->was.held;
    int32_t updated = 0, pods;

    if (!released || is_stopped(&e->is) || !rollout_is_open(e))
        return;
    (void)cs_json_i32(cs_json_at(e->was.obj, "status", "updatedReplicas", NULL), &updated);
    pods = pods_to_change(e) - (updated > 0 ? updated : 0);
    if (pods <= 0)
        return;
    cs_warn(e->out, "the rollout goes on and %s up to %d more Pod%s",
        e->is.type == CS_UPDATE_RECREATE ? "recreates" : "updates", CS_PODS(pods));
    if (e->is.type == CS_UPDATE_RECREATE)
        warn_lost_claims(e, pods);
    warn_held(e);
}

void cs_warn_rollout(struct cs_edit *e)
{
    struct cs_template_diff diff = {0};

    if (e->create)
        return;
    if (e->template_changed) {
        cs_template_diff_written(e->was.tmpl, e->is.tmpl, e->gates->vertical_scaling, &diff);
        e->template_changed = diff.n > 0; /* D9: writing down a default is no change */
    }
    if (e->template_changed && e->pods > 0)
        warn_changed(e, &diff);
    else if (!e->template_changed)
        warn_released(e);
    cs_template_diff_done(&diff);
}
