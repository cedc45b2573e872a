/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Edits of any field of the set, as admission lets them pass: what it refuses (no budget at all, surge with InPlaceOnly) is
 * mended before the edit is sent.
 */
#include <stdlib.h>

#include "common/api/gvr.h"
#include "common/base/alloc.h"
#include "test/sim/sim.h"

typedef void (*edit_fn)(struct sim *s, struct cs_jtree *spec);

static struct cs_jtree *strategy(struct cs_jtree *spec)
{
    return sim_need(spec, "updateStrategy");
}

static struct cs_jtree *scaling(struct cs_jtree *spec)
{
    return sim_need(spec, "scaleStrategy");
}

static struct cs_jtree *pod_spec(struct cs_jtree *spec)
{
    return sim_need(spec, "template/spec");
}

static struct cs_jtree *a_container(struct sim *s, struct cs_jtree *spec)
{
    struct cs_jtree *list = sim_get(spec, "template/spec/containers");

    return cs_jtree_index(list, (size_t)sim_below(s, cs_jtree_count(list)));
}

/* A number, or now and then a percentage. */
static struct cs_jtree *amount(struct sim *s, int64_t most)
{
    cs_autofree char *percent = NULL;

    if (sim_chance(s, 600))
        return cs_jtree_new_i64(sim_between(s, 0, most));
    percent = cs_xasprintf("%d%%", (int)sim_between(s, 0, 4) * 25);
    return cs_jtree_new_str(percent);
}

static void number(struct sim *s, struct cs_jtree *of, const char *key, int64_t low, int64_t high)
{
    if (sim_chance(s, 250))
        cs_jtree_del(of, key);
    else
        cs_jtree_set(of, key, cs_jtree_new_i64(sim_between(s, low, high)));
}

static void edit_annotation(struct sim *s, struct cs_jtree *spec)
{
    cs_autofree char *value = cs_xasprintf("v%llu", (unsigned long long)++s->edits);
    struct cs_jtree *meta = sim_need(spec, "template/metadata");

    if (sim_chance(s, 300))
        cs_jtree_del(meta, "annotations"); /* quirk 8: emptying the map */
    else
        cs_jtree_set(sim_need(meta, "annotations"), sim_chance(s, 500) ? "note" : "a/b", cs_jtree_new_str(value));
}

static void edit_partition(struct sim *s, struct cs_jtree *spec)
{
    cs_jtree_set(strategy(spec), "partition", amount(s, 5));
}

static void edit_max_unavailable(struct sim *s, struct cs_jtree *spec)
{
    cs_jtree_set(strategy(spec), "maxUnavailable", amount(s, 3));
}

static void edit_max_surge(struct sim *s, struct cs_jtree *spec)
{
    cs_jtree_set(strategy(spec), "maxSurge", amount(s, 2));
}

static void edit_paused(struct sim *s, struct cs_jtree *spec)
{
    cs_jtree_set(strategy(spec), "paused", cs_jtree_new_bool(sim_chance(s, 400)));
}

static void edit_grace(struct sim *s, struct cs_jtree *spec)
{
    number(s, sim_need(strategy(spec), "inPlaceUpdateStrategy"), "gracePeriodSeconds", 0, 10);
}

static void edit_min_ready(struct sim *s, struct cs_jtree *spec)
{
    number(s, spec, "minReadySeconds", 0, 15);
}

static void edit_deadline(struct sim *s, struct cs_jtree *spec)
{
    number(s, spec, "progressDeadlineSeconds", 20, 120);
}

static void edit_history_limit(struct sim *s, struct cs_jtree *spec)
{
    number(s, spec, "revisionHistoryLimit", 0, 4);
}

static void edit_scale_limit(struct sim *s, struct cs_jtree *spec)
{
    if (sim_chance(s, 400))
        cs_jtree_del(scaling(spec), "maxUnavailable");
    else if (sim_chance(s, 500))
        cs_jtree_set(scaling(spec), "maxUnavailable", cs_jtree_new_i64(sim_between(s, 1, 3)));
    else
        cs_jtree_set(scaling(spec), "maxUnavailable", cs_jtree_new_str(sim_chance(s, 500) ? "30%" : "100%"));
}

static void edit_reuse(struct sim *s, struct cs_jtree *spec)
{
    cs_jtree_set(scaling(spec), "disablePVCReuse", cs_jtree_new_bool(sim_chance(s, 400)));
}

static void edit_priorities(struct sim *s, struct cs_jtree *spec)
{
    static const char *const texts[] = {"{\"weightPriority\":[{\"weight\":50,\"matchSelector\":{\"matchLabels\":"
                                        "{\"edition\":\"v1\"}}},{\"weight\":30,\"matchSelector\":{\"matchExpressions\":"
                                        "[{\"key\":\"edition\",\"operator\":\"Exists\"}]}}]}",
        "{\"orderPriority\":[{\"orderedKey\":\"edition\"},{\"orderedKey\":\"app\"}]}"};

    cs_jtree_set(strategy(spec), "priorityStrategy", sim_parse(texts[sim_below(s, CS_ARRAY_LEN(texts))]));
    if (sim_chance(s, 300))
        cs_jtree_del(strategy(spec), "priorityStrategy");
}

static void edit_scatter(struct sim *s, struct cs_jtree *spec)
{
    cs_jtree_set(strategy(spec), "scatterStrategy",
        sim_parse("[{\"key\":\"edition\",\"value\":\"v1\"},{\"key\":\"app\",\"value\":\"web\"}]"));
    if (sim_chance(s, 300))
        cs_jtree_del(strategy(spec), "scatterStrategy");
}

static void edit_spread(struct sim *s, struct cs_jtree *spec)
{
    if (sim_get(spec, "template/spec/topologySpreadConstraints"))
        cs_jtree_del(pod_spec(spec), "topologySpreadConstraints");
    else
        cs_jtree_set(pod_spec(spec), "topologySpreadConstraints",
            sim_parse("[{\"maxSkew\":1,\"topologyKey\":\"kubernetes.io/hostname\",\"whenUnsatisfiable\":"
                      "\"ScheduleAnyway\",\"labelSelector\":{\"matchLabels\":{\"app\":\"web\"}}}]"));
    (void)s;
}

static void edit_resources(struct sim *s, struct cs_jtree *spec)
{
    cs_autofree char *text = cs_xasprintf("{\"requests\":{\"cpu\":\"%dm\"}}", (int)sim_between(s, 1, 9) * 100);

    cs_jtree_set(a_container(s, spec), "resources", sim_parse(text));
}

static void edit_termination(struct sim *s, struct cs_jtree *spec)
{
    number(s, pod_spec(spec), "terminationGracePeriodSeconds", 0, 60);
}

static void edit_hooks(struct sim *s, struct cs_jtree *spec)
{
    if (sim_chance(s, 500))
        cs_jtree_del(spec, "lifecycle");
    else /* nothing has the label, so nothing is held; states pass all the same */
        cs_jtree_set(spec, "lifecycle", sim_parse("{\"preDelete\":{\"labelsHandler\":{\"nobody\":\"has\"}}}"));
}

static bool has_named(const struct cs_jtree *list, const char *path, const char *name)
{
    for (struct cs_jtree *e = cs_jtree_is(list, CS_J_ARRAY) ? cs_jtree_first(list) : NULL; e; e = cs_jtree_next(e))
        if (cs_streq(sim_str(e, path), name))
            return true;
    return false;
}

/* Spec §3.3: a mount of what neither the template nor a claim template has is refused; the one of an older set may be such. */
static bool mounts_are_met(const struct cs_jtree *spec, const struct cs_jtree *tmpl)
{
    for (struct cs_jtree *c = cs_jtree_first(sim_get(tmpl, "spec/containers")); c; c = cs_jtree_next(c)) {
        struct cs_jtree *m = cs_jtree_get(c, "volumeMounts");

        for (m = cs_jtree_is(m, CS_J_ARRAY) ? cs_jtree_first(m) : NULL; m; m = cs_jtree_next(m))
            if (!has_named(sim_get(tmpl, "spec/volumes"), "name", sim_str(m, "name")) &&
                !has_named(sim_get(spec, "volumeClaimTemplates"), "metadata/name", sim_str(m, "name")))
                return false;
    }
    return true;
}

/* An older template, as kubectl rollout undo and GitOps bring it back. */
static void roll_back(struct sim *s, struct cs_jtree *spec)
{
    uint64_t have = s->n_templates < CS_ARRAY_LEN(s->templates) ? s->n_templates : (uint64_t)CS_ARRAY_LEN(s->templates);

    const struct cs_jtree *old = have > 0 ? s->templates[sim_below(s, have)] : NULL;

    if (old && mounts_are_met(spec, old))
        cs_jtree_set(spec, "template", cs_jtree_dup(old));
}

static void scale_to_zero(struct sim *s, struct cs_jtree *spec)
{
    cs_jtree_set(spec, "replicas", cs_jtree_new_i64(sim_chance(s, 500) ? 0 : sim_between(s, 1, 8)));
}

void sim_edits_remember(struct sim *s, const struct cs_jtree *set)
{
    struct cs_jtree **slot = &s->templates[s->n_templates++ % CS_ARRAY_LEN(s->templates)];

    cs_jtree_free(*slot);
    *slot = cs_jtree_dup(sim_get(set, "spec/template"));
}

/* Spec §3.2 rules 20, 21 and 23. */
static void make_valid(struct cs_jtree *spec)
{
    struct cs_jtree *st = strategy(spec);
    int64_t n = sim_int(spec, "replicas", 1);

    if (cs_streq(sim_str(st, "type"), "InPlaceOnly"))
        cs_jtree_del(st, "maxSurge");
    if (sim_scaled(cs_jtree_get(st, "maxUnavailable"), n, true, 1) < 1 &&
        sim_scaled(cs_jtree_get(st, "maxSurge"), n, true, 0) < 1)
        cs_jtree_set(st, "maxUnavailable", cs_jtree_new_i64(1));
    if (sim_int(spec, "progressDeadlineSeconds", INT32_MAX) <= sim_int(spec, "minReadySeconds", 0))
        cs_jtree_del(spec, "progressDeadlineSeconds");
}

void sim_edits_any(struct sim *s, struct cs_jtree *set)
{
    static const edit_fn all[] = {edit_annotation, edit_partition, edit_max_unavailable, edit_max_surge, edit_paused,
        edit_grace, edit_min_ready, edit_deadline, edit_history_limit, edit_scale_limit, edit_priorities, edit_scatter,
        edit_hooks, roll_back, roll_back, scale_to_zero, edit_reuse, edit_spread, edit_resources, edit_termination};
    size_t of = CS_ARRAY_LEN(all) - (s->sc->recreates ? 0 : 3); /* the last ones force a recreation */

    for (uint64_t n = 1 + sim_below(s, 3); n > 0; n--)
        all[sim_below(s, of)](s, cs_jtree_get(set, "spec"));
    make_valid(cs_jtree_get(set, "spec"));
}

/* No Pod has an image or a wish that keeps it from ever serving: without an update it would stay so. */
static bool all_work(const struct sim *s)
{
    for (const struct sim_obj *o = s->objs; o; o = o->next) {
        if (o->kind != CS_K_POD && o->kind != CS_K_REVISION)
            continue;
        struct cs_jtree *spec = sim_get(o->t, o->kind == CS_K_POD ? "spec" : "data/spec/template/spec");

        if (cs_jtree_get(spec, "nodeSelector"))
            return false;
        for (struct cs_jtree *c = cs_jtree_first(cs_jtree_get(spec, "containers")); c; c = cs_jtree_next(c))
            if (!sim_image_works(sim_str(c, "image")))
                return false;
    }
    return true;
}

/* The strategy as it is to stay; a third of the sets keep what makes a rollout end early. */
void sim_edits_settle(struct sim *s, struct cs_jtree *set)
{
    struct cs_jtree *st = strategy(cs_jtree_get(set, "spec"));

    if (!all_work(s)) /* broken Pods at an old revision use it up, and no update may mend them while Pods are missing */
        cs_jtree_del(scaling(cs_jtree_get(set, "spec")), "maxUnavailable");
    switch (all_work(s) ? sim_below(s, 9) : 9) {
    case 0:
        cs_jtree_set(st, "paused", cs_jtree_new_bool(true));
        cs_jtree_set(st, "maxUnavailable", cs_jtree_new_i64(1)); /* without surge, deletions need it */
        break;
    case 1:
        cs_jtree_set(st, "partition", amount(s, 3));
        break;
    case 2:
        cs_jtree_set(st, "type", cs_jtree_new_str("OnDelete"));
        cs_jtree_del(
            cs_jtree_get(set, "spec"), "progressDeadlineSeconds"); /* it passes some time, without any trouble */
        break;
    default:
        break;
    }
    make_valid(cs_jtree_get(set, "spec"));
}

void sim_edits_done(struct sim *s)
{
    for (size_t i = 0; i < CS_ARRAY_LEN(s->templates); i++)
        cs_jtree_free(s->templates[i]);
}
