/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an edit does, and what it does not do, to claims: edited claim templates touch nothing that exists unless that is asked for
 * (U-13), a removed one lives on with the old revision (U-09), Pods that are scaled in take their claims with them, and what becomes
 * of claims that nobody takes over (spec §4.6) or that a label keeps (U-12).
 */
#include "common/api/gvr.h"
#include "common/cloneset/arith.h"
#include "common/cloneset/template.h"
#include "common/cloneset/warnings_private.h"

#define NAMES_SHOWN 3

/* Claim templates of one fate: their names for people. */
struct named {
    struct cs_strbuf text;
    size_t n;
};

static void add_name(struct named *list, struct cs_str name)
{
    if (list->n < NAMES_SHOWN) {
        cs_strbuf_adds(&list->text, list->n ? ", \"" : "\"");
        cs_shorten(&list->text, name, 63);
        cs_strbuf_addc(&list->text, '"');
    } else if (list->n == NAMES_SHOWN) {
        cs_strbuf_adds(&list->text, ", …");
    }
    list->n++;
}

static void index_by_name(struct cs_edit *e, struct cs_json vcts, struct cs_names *ret)
{
    cs_json_foreach (vct, vcts)
        cs_names_add(ret, cs_check_text(&e->mem, cs_json_at(vct, "metadata", "name", NULL)), vct);
    cs_names_sort(ret);
}

/* Differences that make another claim: a status that the peer writes into the template is none. */
static bool same_claim_template(struct cs_json a, struct cs_json b)
{
    struct cs_json meta_a = cs_json_get(a, "metadata"), meta_b = cs_json_get(b, "metadata");

    return cs_json_equal(cs_json_get(a, "spec"), cs_json_get(b, "spec")) &&
           cs_json_equal(cs_object_of(meta_a, "labels"), cs_object_of(meta_b, "labels")) &&
           cs_json_equal(cs_object_of(meta_a, "annotations"), cs_object_of(meta_b, "annotations"));
}

/* ---- edited templates ---- */

static bool mounts_volume(struct cs_json containers, struct cs_json name)
{
    cs_json_foreach (container, containers) {
        struct cs_json mounts = cs_list_of(container, "volumeMounts"), devices = cs_list_of(container, "volumeDevices");

        cs_json_foreach (mount, mounts) {
            if (cs_json_equal(cs_json_get(mount, "name"), name))
                return true;
        }
        cs_json_foreach (device, devices) {
            if (cs_json_equal(cs_json_get(device, "name"), name))
                return true;
        }
    }
    return false;
}

/* U-09: Pods of the old revision mount what the set has no longer, and more of them may be wanted. */
static void warn_old_revision(struct cs_edit *e, struct cs_json vct)
{
    struct cs_json pod = cs_object_of(e->was.tmpl, "spec"), name = cs_json_at(vct, "metadata", "name", NULL);
    cs_autofree char *text = NULL;

    if (e->is.held == 0)
        return;
    if (!mounts_volume(cs_list_of(pod, "containers"), name) && !mounts_volume(cs_list_of(pod, "initContainers"), name))
        return;
    text = cs_json_str_dup(name);
    cs_warn(e->out,
        "new Pods of the old revision still get a claim \"%s\"; if OpenKruise made that revision, "
        "they are made at the new revision instead",
        text ? text : "");
}

static bool grows_anywhere(const struct cs_edit *e, const struct cs_names *was, const struct cs_names *is)
{
    for (size_t i = 0; i < is->n; i++) {
        const struct cs_name *old = cs_names_find(was, is->items[i].s);
        struct cs_str a, b;
        int sign = 0;

        if (!old ||
            !cs_json_str_borrow(cs_json_at(is->items[i].v, "spec", "resources", "requests", "storage", NULL), &a) ||
            !cs_json_str_borrow(cs_json_at(old->v, "spec", "resources", "requests", "storage", NULL), &b) ||
            !cs_quantity_cmp(a, b, &sign))
            continue;
        if (sign > 0)
            return e->is.grows;
    }
    return false;
}

static void warn_edited(struct cs_edit *e, const struct named *changed, const struct named *added, bool grow)
{
    const char *alone = e->template_changed ? "" : "; this edit alone changes no Pod";
    const char *s = changed->n == 1 ? "" : "s";

    if (changed->n && grow)
        cs_warn(e->out,
            "claim template%s %s changed: existing claims grow to a larger request if their StorageClass allows it "
            "and stay as they are otherwise%s",
            s, cs_strbuf_str(&changed->text), alone);
    else if (changed->n)
        cs_warn(e->out,
            "claim template%s %s changed: claims that exist stay as they are and are not resized, "
            "only new Pods' claims follow%s",
            s, cs_strbuf_str(&changed->text), alone);
    if (added->n)
        cs_warn(e->out,
            "claim template%s %s added: Pods that exist, and Pods updated in place, do not get such a claim%s",
            added->n == 1 ? "" : "s", cs_strbuf_str(&added->text), alone);
}

static void warn_templates(struct cs_edit *e)
{
    struct named changed = {.text = CS_STRBUF_INIT}, added = {.text = CS_STRBUF_INIT},
                 removed = {.text = CS_STRBUF_INIT};
    cs_autonames was = {0}, is = {0};

    index_by_name(e, e->was.vcts, &was);
    index_by_name(e, e->is.vcts, &is);
    for (size_t i = 0; i < is.n; i++) {
        const struct cs_name *old = cs_names_find(&was, is.items[i].s);

        if (!old)
            add_name(&added, is.items[i].s);
        else if (!same_claim_template(old->v, is.items[i].v))
            add_name(&changed, is.items[i].s);
    }
    for (size_t i = 0; i < was.n; i++) {
        if (cs_names_find(&is, was.items[i].s))
            continue;
        add_name(&removed, was.items[i].s);
        if (removed.n == 1)
            warn_old_revision(e, was.items[i].v);
    }
    warn_edited(e, &changed, &added, grows_anywhere(e, &was, &is));
    if (removed.n)
        cs_warn(e->out, "claim template%s %s removed: claims that exist stay until the controller deletes their Pod",
            removed.n == 1 ? "" : "s", cs_strbuf_str(&removed.text));
    cs_strbuf_done(&changed.text);
    cs_strbuf_done(&added.text);
    cs_strbuf_done(&removed.text);
}

/* ---- Pods that go ---- */

static int32_t newly_named_pods(struct cs_edit *e)
{
    struct cs_json old_list = cs_list_of(cs_object_of(e->was.spec, "scaleStrategy"), "podsToDelete");
    struct cs_json new_list = cs_list_of(cs_object_of(e->is.spec, "scaleStrategy"), "podsToDelete");
    cs_autonames names = {0};
    int32_t n = 0;

    cs_json_foreach (name, old_list)
        cs_names_add(&names, cs_check_text(&e->mem, name), name);
    cs_names_sort(&names);
    cs_json_foreach (name, new_list)
        n += cs_names_find(&names, cs_check_text(&e->mem, name)) == NULL;
    return n;
}

/* A Pod that goes by scale-in or by name loses its claims for good; the same Pod may be counted by both, hence the larger. */
static void warn_scale_in(struct cs_edit *e)
{
    int32_t fewer = e->is.replicas < e->was.replicas ? e->pods - e->is.replicas : 0;
    int32_t named = newly_named_pods(e);
    int32_t pods = fewer > named ? fewer : named;

    if (pods > e->pods)
        pods = e->pods;
    if (pods <= 0 || cs_json_count(e->was.vcts) == 0 || e->was.keeps)
        return;
    cs_warn(e->out, "%s deletes up to " CS_N_PODS ", and with them up to " CS_N_CLAIMS " and the data in them",
        fewer > named ? "lowering replicas" : "podsToDelete", CS_PODS(pods),
        CS_CLAIMS((int64_t)cs_json_count(e->was.vcts) * pods));
}

/* ---- what becomes of claims from now on ---- */

static int32_t surge_of(const struct cs_edit_side *side)
{
    return cs_scaled(&side->max_surge, side->replicas, CS_ROUND_UP);
}

static bool labels_pods(const struct cs_edit_side *side)
{
    return cs_json_exists(cs_json_at(side->tmpl, "metadata", "labels", CS_LABEL_KEEP_CLAIMS, NULL));
}

/* U-12: where the label cannot do what it says. */
static void warn_label(struct cs_edit *e)
{
    if (!labels_pods(&e->is))
        return;
    if (e->is.reuse_off && (!e->was.reuse_off || !labels_pods(&e->was)))
        cs_warn(e->out, "label " CS_LABEL_KEEP_CLAIMS " has no lasting effect with "
                        "scaleStrategy.disablePVCReuse: claims are deleted once their Pod is gone");
    else if (e->is.keeps && surge_of(&e->is) > 0 && !(e->was.keeps && surge_of(&e->was) > 0))
        cs_warn(e->out, "with maxSurge and label " CS_LABEL_KEEP_CLAIMS " surge Pods get new claims, and as many kept "
                        "ones wait for the next scale-out; maxSurge 0 keeps each with its replacement");
}

static void warn_strategy(struct cs_edit *e)
{
    if (!e->create && e->is.reuse_off && !e->was.reuse_off && cs_json_count(e->was.vcts) > 0)
        cs_warn(e->out, "scaleStrategy.disablePVCReuse deletes, now and from now on, claims without a Pod and those of "
                        "Pods that finish or that somebody deletes, with the data in them");
    if (!e->create && e->is.grows && !e->was.grows && cs_json_count(e->is.vcts) > 0)
        cs_warn(e->out,
            "annotation " CS_ANNO_EXPAND_CLAIMS ": existing claims smaller than their template's request grow "
            "to it now, if their StorageClass allows it; growth cannot be undone");
    warn_label(e);
}

void cs_warn_claims(struct cs_edit *e)
{
    if (!e->create)
        warn_scale_in(e);
    warn_strategy(e);
    if (!e->create)
        warn_templates(e);
}
