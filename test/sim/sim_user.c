/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The user, who does whatever the scenario allows, one thing at a time.
 */
#include "common/api/gvr.h"
#include "common/base/alloc.h"
#include "test/sim/sim.h"

#define STUCK_MS 900000 /* by then nothing moves any more */

static char *new_image(struct sim *s, bool may_be_bad)
{
    static const char *const sick[] = {"dull", "loop", "bad"};
    const char *name = may_be_bad && sim_chance(s, 150) ? "bad" : "app";

    if (may_be_bad && s->sc->sick && sim_chance(s, 200))
        name = sick[sim_below(s, CS_ARRAY_LEN(sick))];
    return cs_xasprintf("%s:%llu", name, (unsigned long long)++s->edits);
}

static struct cs_jtree *container(struct cs_jtree *set, size_t i)
{
    return cs_jtree_index(sim_get(set, "spec/template/spec/containers"), i);
}

static void edit_image(struct sim *s, struct cs_jtree *set)
{
    size_t n = cs_jtree_count(sim_get(set, "spec/template/spec/containers"));
    cs_autofree char *image = new_image(s, !s->sc->strict_unavailable);

    if (sim_chance(s, 200)) { /* back to an image of the beginning: a rollback, or near it */
        free(image);
        image = cs_xstrdup("app:0");
    }
    cs_jtree_set(container(set, (size_t)sim_below(s, n)), "image", cs_jtree_new_str(image));
}

static void edit_label(struct sim *s, struct cs_jtree *set)
{
    cs_autofree char *value = cs_xasprintf("v%llu", (unsigned long long)++s->edits);

    cs_jtree_set(sim_need(set, "spec/template/metadata/labels"), "edition", cs_jtree_new_str(value));
}

static void edit_env(struct sim *s, struct cs_jtree *set)
{
    struct cs_jtree *env = cs_jtree_set(container(set, 0), "env", cs_jtree_new_arr());
    struct cs_jtree *one = cs_jtree_append(env, cs_jtree_new_obj());
    cs_autofree char *value = cs_xasprintf("%llu", (unsigned long long)++s->edits);

    cs_jtree_set(one, "name", cs_jtree_new_str("EDITION"));
    cs_jtree_set(one, "value", cs_jtree_new_str(value));
}

static void edit_type(struct sim *s, struct cs_jtree *set)
{
    static const char *const types[] = {"ReCreate", "InPlaceIfPossible", "InPlaceOnly", "OnDelete"};

    cs_jtree_set(
        sim_need(set, "spec/updateStrategy"), "type", cs_jtree_new_str(types[sim_below(s, CS_ARRAY_LEN(types))]));
}

static void edit_pace(struct sim *s, struct cs_jtree *set)
{
    struct cs_jtree *st = sim_need(set, "spec/updateStrategy");

    switch (sim_below(s, 5)) {
    case 0:
        cs_jtree_set(st, "partition", cs_jtree_new_i64(sim_between(s, 0, 3)));
        break;
    case 1:
        cs_jtree_set(st, "paused", cs_jtree_new_bool(sim_chance(s, 400)));
        break;
    case 2:
        cs_jtree_set(
            sim_need(st, "inPlaceUpdateStrategy"), "gracePeriodSeconds", cs_jtree_new_i64(sim_between(s, 0, 5)));
        break;
    case 3:
        if (!s->sc->strict_unavailable)
            cs_jtree_set(st, "maxUnavailable", cs_jtree_new_i64(sim_between(s, 1, 3)));
        break;
    default:
        if (s->sc->scales)
            cs_jtree_set(st, "maxSurge", cs_jtree_new_i64(sim_between(s, 0, 2)));
        break;
    }
}

static struct sim_obj *any_pod(struct sim *s)
{
    struct sim_obj *pods[256];
    size_t n = 0;

    for (struct sim_obj *o = s->objs; o && n < CS_ARRAY_LEN(pods); o = o->next)
        if (o->kind == CS_K_POD && sim_pod_active(o->t))
            pods[n++] = o;
    return n > 0 ? pods[sim_below(s, n)] : NULL;
}

static void edit_scale(struct sim *s, struct cs_jtree *set)
{
    const struct sim_obj *pod = any_pod(s);
    struct cs_jtree *names;

    if (!pod || sim_chance(s, 600)) {
        cs_jtree_set(cs_jtree_get(set, "spec"), "replicas", cs_jtree_new_i64(sim_between(s, 0, 7)));
        return;
    }
    names = cs_jtree_set(sim_need(set, "spec/scaleStrategy"), "podsToDelete", cs_jtree_new_arr());
    cs_jtree_append(names, cs_jtree_new_str(pod->name));
    sim_delete_listed(s, pod);
    if (sim_chance(s, 200))
        cs_jtree_append(names, cs_jtree_new_str("web-zzzzz"));
    if (sim_chance(s, 500))
        cs_jtree_set(cs_jtree_get(set, "spec"), "replicas",
            cs_jtree_new_i64(sim_int(set, "spec/replicas", 1) > 0 ? sim_int(set, "spec/replicas", 1) - 1 : 0));
}

static void hurt_pod(struct sim *s)
{
    struct sim_obj *o = any_pod(s);
    cs_autojtree *t = o ? cs_jtree_dup(o->t) : NULL;

    if (!o)
        return;
    switch (sim_below(s, 4)) {
    case 0:
    case 1:
        sim_delete(s, SIM_USER, o);
        return;
    case 2: /* the node evicts it */
        sim_pod_finishes(t, s->sc->sick && sim_chance(s, 300));
        break;
    default: /* its container crashes */
        if (o->report)
            return; /* the kubelet has something else to say first */
        sim_container_crashes(s, t);
        break;
    }
    (void)sim_commit(s, SIM_USER, o, cs_take(t));
}

static void mark_pod(struct sim *s)
{
    struct sim_obj *o = any_pod(s);
    struct cs_jtree *t = o ? cs_jtree_dup(o->t) : NULL;

    if (!o)
        return;
    cs_jtree_set(sim_need(t, "metadata/labels"), CS_LABEL_SPECIFIED_DELETE, cs_jtree_new_str("true"));
    (void)sim_commit(s, SIM_USER, o, t);
}

/* Every claim has one of two requests, with and without the wish that existing ones follow. */
static void edit_size(struct sim *s, struct cs_jtree *set)
{
    struct cs_jtree *list = sim_get(set, "spec/volumeClaimTemplates");

    for (struct cs_jtree *v = cs_jtree_first(list); v; v = cs_jtree_next(v))
        cs_jtree_set(
            sim_need(v, "spec/resources/requests"), "storage", cs_jtree_new_str(sim_chance(s, 500) ? "1Gi" : "2Gi"));
    cs_jtree_set(sim_need(set, "metadata/annotations"), CS_ANNO_EXPAND_CLAIMS,
        cs_jtree_new_str(sim_chance(s, 700) ? "true" : "false"));
}

static void forget_claim_templates(struct sim *s)
{
    for (struct sim_obj *o = s->objs; o; o = o->next) {
        struct cs_jtree *t = o->kind == CS_K_REVISION ? cs_jtree_dup(o->t) : NULL;

        if (!t)
            continue;
        cs_jtree_del(sim_need(t, "metadata/annotations"), CS_ANNO_CLAIM_TEMPLATES);
        (void)sim_commit(s, SIM_USER, o, t);
    }
}

/* A second claim template, with its mount, comes or goes (U-09). */
static void edit_claim_templates(struct sim *s, struct cs_jtree *set)
{
    struct cs_jtree *list = sim_get(set, "spec/volumeClaimTemplates");
    struct cs_jtree *mount;

    if (sim_chance(s, 600)) /* with Pods to be made at the old revision */
        cs_jtree_set(sim_need(set, "spec/updateStrategy"), "partition", cs_jtree_new_i64(sim_between(s, 2, 5)));
    if (cs_jtree_count(list) > 1) {
        if (sim_chance(s, 500)) /* revisions of the peer, who does not record the claim templates */
            forget_claim_templates(s);
        if (s->sc->scales && sim_chance(s, 500))
            cs_jtree_set(cs_jtree_get(set, "spec"), "replicas",
                cs_jtree_new_i64(sim_int(set, "spec/replicas", 1) + sim_between(s, 1, 2)));
        cs_jtree_remove(list, cs_jtree_index(list, 1));
        cs_jtree_del(container(set, 0), "volumeMounts");
        return;
    }
    cs_jtree_append(
        list, sim_parse("{\"metadata\":{\"name\":\"logs\"},\"spec\":{\"resources\":{\"requests\":{\"storage\":"
                        "\"1Gi\"}}}}"));
    mount = cs_jtree_append(cs_jtree_set(container(set, 0), "volumeMounts", cs_jtree_new_arr()), cs_jtree_new_obj());
    cs_jtree_set(mount, "name", cs_jtree_new_str("logs"));
    cs_jtree_set(mount, "mountPath", cs_jtree_new_str("/logs"));
}

static void keep_pod(struct sim *s)
{
    struct sim_obj *o = any_pod(s);
    struct cs_jtree *t = o ? cs_jtree_dup(o->t) : NULL;

    if (!o)
        return;
    if (sim_label(t, CS_LABEL_KEEP_CLAIMS))
        cs_jtree_del(sim_need(t, "metadata/labels"), CS_LABEL_KEEP_CLAIMS);
    else
        cs_jtree_set(sim_need(t, "metadata/labels"), CS_LABEL_KEEP_CLAIMS, cs_jtree_new_str(""));
    (void)sim_commit(s, SIM_USER, o, t);
}

/* What a user does about claims. True: it was an edit of the set. */
static bool mind_claims(struct sim *s, struct cs_jtree *set)
{
    switch (sim_below(s, 7)) {
    case 0:
    case 1:
        cs_jtree_set(sim_need(set, "spec/scaleStrategy"), "disablePVCReuse", cs_jtree_new_bool(sim_chance(s, 500)));
        return true;
    case 2:
        edit_size(s, set);
        return true;
    case 3:
    case 4:
        edit_claim_templates(s, set);
        return true;
    default:
        keep_pod(s);
        return false;
    }
}

void sim_take_back(struct sim *s, uint64_t arg)
{
    struct sim_obj *set = sim_the_set(s);
    struct cs_jtree *t;

    (void)arg;
    if (!s->regret || !set)
        return;
    t = cs_jtree_dup(set->t);
    cs_jtree_set(t, "spec", cs_take(s->regret));
    (void)sim_commit(s, SIM_USER, set, t);
}

static void edit_node_selector(struct sim *s)
{
    struct sim_obj *set = sim_the_set(s);
    struct cs_jtree *t = set ? cs_jtree_dup(set->t) : NULL;

    if (!set)
        return;
    if (sim_get(t, "spec/template/spec/nodeSelector"))
        cs_jtree_del(sim_get(t, "spec/template/spec"), "nodeSelector");
    else
        cs_jtree_set(sim_need(t, "spec/template/spec"), "nodeSelector", sim_parse("{\"disk\":\"none\"}"));
    (void)sim_commit(s, SIM_USER, set, t);
}

static void fill_cluster(struct sim *s)
{
    s->hindrance.full_until_ms = s->now_ms + sim_between(s, 1000, 60000);
    sim_say(s, "the cluster is full until %lld", (long long)s->hindrance.full_until_ms);
}

/* An edit of the set, by the scenario. False: it was none; the user laid hands on a Pod. */
static bool edit_or_touch(struct sim *s, struct cs_jtree *set)
{
    const struct sim_scenario *sc = s->sc;
    const struct {
        uint64_t below;
        bool may;
        void (*edit)(struct sim *s, struct cs_jtree *set);
        void (*touch)(struct sim *s);
    } all[] = {{30, true, edit_image, NULL}, {40, true, edit_label, NULL}, {50, true, edit_pace, NULL},
        {58, sc->recreates, edit_env, NULL}, {64, sc->recreates, edit_type, NULL}, {80, sc->scales, edit_scale, NULL},
        {84, sc->scales, NULL, mark_pod}, {100, sc->deletes, NULL, hurt_pod}};
    uint64_t dice = sim_below(s, 100);
    size_t i = 0;

    while (i < CS_ARRAY_LEN(all) && !(all[i].may && dice < all[i].below))
        i++;
    if (i == CS_ARRAY_LEN(all))
        return true;
    if (all[i].edit)
        all[i].edit(s, set);
    else
        all[i].touch(s);
    return all[i].edit != NULL;
}

static void act_on_set(struct sim *s)
{
    const struct sim_scenario *sc = s->sc;
    struct sim_obj *set = sim_the_set(s);
    cs_autojtree *t = set ? cs_jtree_dup(set->t) : NULL;
    bool edited = true;

    if (!set)
        return;
    if (sc->edits && sim_chance(s, 500)) {
        sim_edits_remember(s, t);
        sim_edits_any(s, t);
        (void)sim_commit(s, SIM_USER, set, cs_take(t));
        return;
    }
    if (sc->resizes && sim_chance(s, 400))
        sim_resize_edit(s, t); /* and more besides */
    if (sc->hooks && sim_chance(s, 150))
        sim_hooks_edit(s, t);
    else if (sc->minds_claims && sim_chance(s, 350))
        edited = mind_claims(s, t);
    else
        edited = edit_or_touch(s, t);
    if (!edited)
        return;
    if (!s->regret && sim_chance(s, 250)) { /* a mistake, taken back while it is being carried out */
        s->regret = cs_jtree_dup(cs_jtree_get(set->t, "spec"));
        sim_later(s, sim_chance(s, 700) ? sim_between(s, 5, 400) : sim_between(s, 400, 12000), sim_take_back, 0);
    }
    (void)sim_commit(s, SIM_USER, set, cs_take(t));
}

void sim_user_act(struct sim *s, uint64_t key)
{
    const struct sim_scenario *sc = s->sc;
    const struct {
        bool may;
        unsigned per_mille;
        enum sim_fault f;
        void (*act)(struct sim *s);
    } troubles[] = {
        {sc->nodes_die, 200, SIM_F_NODE, sim_node_dies},
        {sc->refuses, 200, SIM_F_QUOTA, sim_refuse},
        {sc->unscheduled, 150, SIM_F_FULL, fill_cluster},
        {sc->unscheduled && sc->recreates, 100, SIM_F_FULL, edit_node_selector},
        {sc->remakes, 150, SIM_F_REMADE, sim_remake},
        {sc->meddles, 350, SIM_F_MEDDLED, sim_meddle},
    };
    size_t i = 0;

    while (i < CS_ARRAY_LEN(troubles) && !(troubles[i].may && sim_chance(s, troubles[i].per_mille)))
        i++;
    if (i < CS_ARRAY_LEN(troubles) ? sim_fault(s, key, troubles[i].f, "") : sim_event(s, key, "the user acts"))
        (i < CS_ARRAY_LEN(troubles) ? troubles[i].act : act_on_set)(s);
}

static const char first_set[] =
    "{\"apiVersion\":\"apps.kruise.io/"
    "v1alpha1\",\"kind\":\"CloneSet\",\"metadata\":{\"name\":\"web\",\"namespace\":\"ns\"},"
    "\"spec\":{\"replicas\":4,\"selector\":{\"matchLabels\":{\"app\":\"web\"}},\"template\":{\"metadata\":{\"labels\":"
    "{\"app\":\"web\"}},\"spec\":{\"containers\":[{\"name\":\"main\",\"image\":\"app:0\"},{\"name\":\"side\",\"image\":"
    "\"app:0\"}]}},\"updateStrategy\":{\"type\":\"InPlaceIfPossible\",\"maxUnavailable\":1}}}";
static const char first_claims[] =
    "[{\"metadata\":{\"name\":\"data\"},\"spec\":{\"accessModes\":[\"ReadWriteOnce\"],\"resources\":{\"requests\":"
    "{\"storage\":\"1Gi\"}}}}]";

void sim_user_make_set(struct sim *s)
{
    struct cs_jtree *t;

    t = sim_parse(first_set);
    cs_jtree_set(cs_jtree_get(t, "spec"), "replicas", cs_jtree_new_i64(sim_between(s, 1, 6)));
    if (s->sc->claims)
        cs_jtree_set(cs_jtree_get(t, "spec"), "volumeClaimTemplates", sim_parse(first_claims));
    if (s->sc->hooks)
        sim_hooks_begin(s, t);
    if (s->sc->minds_claims && sim_chance(s, 500))
        cs_jtree_set(sim_need(t, "spec/scaleStrategy"), "disablePVCReuse", cs_jtree_new_bool(true));
    if (s->sc->resizes)
        sim_resize_begin(s, t);
    if (sim_chance(s, 250))
        cs_jtree_set(cs_jtree_get(t, "spec"), "revisionHistoryLimit", cs_jtree_new_i64(sim_between(s, 0, 2)));
    if (s->sc->in_place_only)
        cs_jtree_set(sim_need(t, "spec/updateStrategy"), "type", cs_jtree_new_str("InPlaceOnly"));
    else if (s->sc->recreates && sim_chance(s, 300))
        cs_jtree_set(sim_need(t, "spec/updateStrategy"), "type", cs_jtree_new_str("ReCreate"));
    (void)sim_create(s, SIM_USER, CS_K_SET, t);
}

void sim_user_begin(struct sim *s)
{
    for (uint64_t i = 0; i < 3; i++)
        sim_node_create(s, i);
    sim_user_make_set(s);
}

/* Something that the controller cannot mend stays in the way. */
static void spoil(struct sim *s, struct cs_jtree *set)
{
    static const char *const images[] = {"bad:9999", "dull:9999"};

    switch (sim_below(s, 4)) {
    case 0:
        cs_jtree_set(sim_need(set, "spec/template/spec"), "nodeSelector", sim_parse("{\"disk\":\"none\"}"));
        break;
    case 1: /* admission would refuse it; it came while the webhook was absent */
        cs_jtree_set(sim_need(set, "spec/updateStrategy"), "type", cs_jtree_new_str("InPlaceOnly"));
        cs_jtree_del(sim_need(set, "spec/updateStrategy"), "maxSurge");
        edit_env(s, set);
        break;
    default:
        cs_jtree_set(container(set, 0), "image", cs_jtree_new_str(images[sim_below(s, CS_ARRAY_LEN(images))]));
        break;
    }
    if (sim_chance(s, 300))
        cs_jtree_set(cs_jtree_get(set, "spec"), "progressDeadlineSeconds", cs_jtree_new_i64(60));
}

static void settle_set(struct sim *s, struct cs_jtree *t)
{
    struct cs_jtree *st = sim_need(t, "spec/updateStrategy");
    const char *type = sim_str(st, "type");

    cs_jtree_del(st, "paused");
    cs_jtree_del(st, "partition");
    if (!s->sc->in_place_only && (cs_streq(type, "InPlaceOnly") || cs_streq(type, "OnDelete")))
        cs_jtree_set(st, "type", cs_jtree_new_str("InPlaceIfPossible"));
    for (size_t i = 0; i < 2; i++) {
        cs_autofree char *image = new_image(s, false);

        if (!sim_image_works(sim_str(container(t, i), "image")))
            cs_jtree_set(container(t, i), "image", cs_jtree_new_str(image));
    }
    if (sim_get(t, "spec/template/spec/nodeSelector"))
        cs_jtree_del(sim_get(t, "spec/template/spec"), "nodeSelector");
    if (s->sc->edits)
        sim_edits_settle(s, t);
    if (s->sc->ends_stuck)
        spoil(s, t);
}

/* Something happens, so that the run looks at the set once more. */
static void look_again(struct sim *s, uint64_t arg)
{
    struct sim_obj *node = sim_find(s, CS_K_NODE, "node-0");
    struct cs_jtree *t = node ? cs_jtree_dup(node->t) : NULL;

    (void)arg;
    if (!node)
        return;
    cs_jtree_set(sim_need(t, "metadata/annotations"), "looked-at", cs_jtree_new_str("yes"));
    (void)sim_commit(s, SIM_USER, node, t);
}

static void last_edit(struct sim *s, uint64_t arg)
{
    struct sim_obj *set = sim_the_set(s);
    struct cs_jtree *t;

    if (!set || sim_str(set->t, "metadata/deletionTimestamp")) { /* it is being made again */
        sim_later(s, 500, last_edit, arg);
        return;
    }
    s->settled = true;
    t = cs_jtree_dup(set->t);
    settle_set(s, t);
    (void)sim_commit(s, SIM_USER, set, t);
    s->judge_from_ms = s->now_ms + STUCK_MS;
    if (s->sc->ends_stuck)
        sim_later(s, STUCK_MS, look_again, 0);
}

void sim_user_settle(struct sim *s)
{
    s->hindrance.full_until_ms = s->hindrance.deny_until_ms = s->hindrance.quota_until_ms = s->now_ms;
    if (s->sc->nodes_die)
        sim_nodes_settle(s);
    if (s->sc->meddles)
        sim_meddle_settle(s);
    for (struct sim_obj *o = s->objs; o; o = o->next)
        if (o->kind == CS_K_POD && s->sc->unscheduled)
            sim_pod_changed(s, o);
    last_edit(s, 0);
}
