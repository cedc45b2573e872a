/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules for one object on its own, in the order of spec §3.2 (the numbers in the comments are its), and behind them
 * ours, in this order: scaleStrategy.maxUnavailable (quirk 5), minReadySeconds, revisionHistoryLimit (quirk 16),
 * gracePeriodSeconds, maxUnavailable and maxSurge below 0, the length of the set's name (quirk 10), claim templates.
 *
 * They hold for both versions (quirk 3); the shape says where the fields lie. Absent fields count as their defaults (D15: the
 * controller runs these rules on objects that no webhook has seen), but where v1beta1 has no defaults.
 */
#include "common/cloneset/validate_private.h"

#include <stdlib.h>

#include "common/base/alloc.h"
#include "common/cloneset/arith.h"

/* "<set>-<hash>" with a hash of up to ten characters must fit a label value of 63. */
#define SET_NAME_MAX 52
#define NO_DEADLINE 2147483647

struct rules {
    struct cs_check *c;
    const struct cs_path *at; /* spec */
    const struct cs_path *at_update, *at_strategy; /* spec.updateStrategy; where partition and its like are */
    struct cs_json spec, update, strategy;
    int32_t replicas;
    struct cs_shape shape;
    struct cs_template_facts *facts;
};

/* ---- rules 2–8: replicas, selector, template ---- */

static void not_negative(struct cs_check *c, const struct cs_path *at, int32_t value)
{
    if (value < 0)
        cs_bad_int(c, at, value, "must be greater than or equal to 0");
}

static void check_selector_and_labels(struct rules *r, struct cs_json tmpl)
{
    const struct cs_path *at = CS_KEY(r->at, "selector");
    struct cs_json selector = cs_want(r->c, r->at, r->spec, "selector", CS_WANT_OBJECT);
    struct cs_json labels = cs_object_of(cs_object_of(tmpl, "metadata"), "labels");
    bool usable = true;

    if (!cs_json_exists(selector)) {
        if (cs_json_is_null(cs_json_get(r->spec, "selector")))
            cs_bad_required(r->c, at, "%s", ""); /* 3 */
    } else {
        usable = cs_check_selector(r->c, at, selector); /* 4 */
        if (cs_selector_is_empty(selector))
            cs_bad_value(r->c, at, selector, "empty selector is invalid for cloneset"); /* 5 */
        if (!usable)
            cs_bad_value(r->c, at, selector, "%s", ""); /* 6 */
    }
    if (usable && (!cs_json_exists(selector) || !cs_selector_matches_json(r->c, selector, labels)))
        cs_bad_value(r->c, CS_KEY(CS_KEY(CS_KEY(r->at, "template"), "metadata"), "labels"), labels,
            "`selector` does not match template `labels`"); /* 7 */
}

static void check_template_rules(struct rules *r)
{
    const struct cs_path *at = CS_KEY(r->at, "template"), *at_spec = CS_KEY(at, "spec");
    struct cs_json tmpl = cs_want(r->c, r->at, r->spec, "template", CS_WANT_OBJECT);
    struct cs_json pod = cs_object_of(tmpl, "spec");
    struct cs_str restart = cs_check_text(r->c, cs_json_get(pod, "restartPolicy"));

    check_selector_and_labels(r, tmpl);
    cs_check_template(r->c, at, tmpl, cs_list_of(r->spec, "volumeClaimTemplates"), r->facts); /* 8 */
    if (restart.len && !cs_str_eqz(restart, "Always"))
        cs_bad_unsupported(r->c, CS_KEY(at_spec, "restartPolicy"), restart, "\"Always\""); /* 9 */
    if (!cs_json_is_null(cs_json_get(pod, "activeDeadlineSeconds")))
        cs_bad_forbidden(r->c, CS_KEY(at_spec, "activeDeadlineSeconds"),
            "activeDeadlineSeconds in cloneset is not Supported"); /* 10 */
}

/* ---- rules 11, 12: podsToDelete (D16: no look-ups) ---- */

static int by_index(const void *a, const void *b)
{
    const struct cs_name *x = *(const struct cs_name *const *)a, *y = *(const struct cs_name *const *)b;

    return (x->index > y->index) - (x->index < y->index);
}

/* The texts that occur more than once, each once, in the order of their first occurrence: "a b". */
static void duplicates_text(const struct cs_names *names, struct cs_strbuf *out)
{
    cs_autofree const struct cs_name **twice = cs_xcalloc(names->n + 1, sizeof(*twice));
    size_t n = 0;

    for (size_t i = 1; i < names->n; i++) { /* sorted: equal ones are neighbours, the first occurrence leads */
        bool same = cs_str_eq(names->items[i].s, names->items[i - 1].s);
        bool known = n > 0 && cs_str_eq(twice[n - 1]->s, names->items[i].s);

        if (same && !known)
            twice[n++] = &names->items[i - 1];
    }
    if (n)
        qsort(twice, n, sizeof(*twice), by_index);
    for (size_t i = 0; i < n && out->len <= CS_VALUE_MAX; i++) {
        if (i)
            cs_strbuf_addc(out, ' ');
        cs_shorten(out, twice[i]->s, CS_VALUE_MAX);
    }
}

static void check_pods_to_delete(struct rules *r, const struct cs_path *at, struct cs_json list)
{
    cs_autonames names = {0};
    cs_autostrbuf duplicates = CS_STRBUF_INIT;
    size_t i = 0;

    cs_json_foreach (value, list) {
        if (cs_json_is(value, CS_J_STRING))
            cs_names_add(&names, cs_check_text(r->c, value), value);
    }
    cs_names_sort(&names);
    duplicates_text(&names, &duplicates);
    if (duplicates.len)
        cs_bad_value(r->c, at, list, "duplicated items [%s]", cs_strbuf_str(&duplicates)); /* 11 */
    cs_json_foreach (value, list) {
        const struct cs_path *here = CS_IDX(at, i++);

        if (cs_want_value(r->c, here, value, CS_WANT_STRING))
            cs_check_dns_subdomain(r->c, here, cs_check_text(r->c, value)); /* 12 as D16 */
    }
}

/* ---- integers or percentages ---- */

struct bound {
    bool ok; /* absent, or of the right form */
    struct cs_intstr v; /* the default when absent */
    struct cs_str text; /* as written, for people */
    int32_t scaled; /* by replicas, rounded up */
};

static struct bound read_bound(
    struct rules *r, const struct cs_path *up, struct cs_json obj, const char *key, const char *dflt)
{
    struct cs_json v = cs_json_get(obj, key);
    struct cs_str text = cs_json_is(v, CS_J_STRING) ? cs_check_text(r->c, v) : cs_json_raw(v);
    struct bound b = {.text = text};

    b.ok = cs_intstr_read(r->c, v, &b.v);
    if (!b.ok && b.v.type == CS_IS_ABSENT)
        cs_bad_value(r->c, CS_KEY(up, key), v, "must be a 32-bit integer or a percentage");
    else if (!b.ok && !cs_str_ends(text, "%"))
        cs_bad_value(r->c, CS_KEY(up, key), v,
            "failed GetScaledValueFromIntOrPercent for %s: invalid type: string is not a percentage", key);
    else if (!b.ok)
        cs_bad_value(r->c, CS_KEY(up, key), v,
            "failed GetScaledValueFromIntOrPercent for %s: what stands before '%%' is not a decimal number", key);
    if (b.v.type == CS_IS_ABSENT && dflt)
        b.v = (struct cs_intstr){.type = CS_IS_STRING, .s = dflt};
    b.scaled = b.ok ? cs_scaled(&b.v, r->replicas, CS_ROUND_UP) : 0;
    return b;
}

/* ---- rules 13–21: the update strategy ---- */

static void check_alpha_type(struct rules *r)
{
    const struct cs_path *at = CS_KEY(r->at_update, "type");
    struct cs_json v = cs_json_get(r->update, "type");

    if (cs_want_value(r->c, at, v, CS_WANT_STRING) && r->shape.type == CS_UPDATE_UNKNOWN)
        cs_bad_value(r->c, at, v, "must be 'ReCreate', 'InPlaceIfPossible', 'InPlaceOnly' or 'OnDelete'");
}

static void check_beta_type(struct rules *r)
{
    const struct cs_path *at = CS_KEY(r->at_update, "type"), *at_policy = CS_KEY(r->at_strategy, "podUpdatePolicy");
    struct cs_json v = cs_json_get(r->update, "type"), policy = cs_json_get(r->strategy, "podUpdatePolicy");
    struct cs_str type = cs_check_text(r->c, v);

    if (cs_want_value(r->c, at, v, CS_WANT_STRING) && type.len && !cs_str_eqz(type, "RollingUpdate") &&
        !cs_str_eqz(type, "OnDelete"))
        cs_bad_value(r->c, at, v, "must be 'RollingUpdate' or 'OnDelete'");
    if (cs_want_value(r->c, at_policy, policy, CS_WANT_STRING) && cs_update_policy_read(policy) == CS_UPDATE_UNKNOWN)
        cs_bad_value(r->c, at_policy, policy, "must be 'ReCreate', 'InPlaceIfPossible' or 'InPlaceOnly'");
}

static void check_type(struct rules *r)
{
    if (r->shape.version == CS_V1BETA1)
        check_beta_type(r); /* 3.5 */
    else
        check_alpha_type(r); /* 13 */
}

#define GIVE_ALL "; under OnDelete nothing is defaulted here: give partition and maxUnavailable, or drop rollingUpdate"

static void check_partition(struct rules *r)
{
    const struct cs_path *at = CS_KEY(r->at_strategy, "partition");
    struct bound partition = read_bound(r, r->at_strategy, r->strategy, "partition", NULL); /* 14 */

    if (r->shape.undefaulted && cs_json_is_null(cs_json_get(r->strategy, "partition")))
        cs_bad_text(r->c, at, CS_STR("<nil>"),
            "failed GetScaledValueFromIntOrPercent for partition: nil value for IntOrString" GIVE_ALL);
    else if (partition.ok)
        not_negative(r->c, at, partition.scaled); /* 15 */
}

/* What is wrong with a selector, in one piece: the first violation without its path's root. */
static bool selector_is_valid(struct cs_json selector, struct cs_strbuf *why)
{
    struct cs_texts texts = {0};
    cs_autocheck c = {.out = &texts};
    bool ok = cs_check_selector(&c, CS_KEY(NULL, "matchSelector"), selector) && texts.n == 0; /* types are but told */

    if (texts.n)
        cs_strbuf_adds(why, texts.items[0]);
    cs_texts_done(&texts);
    return ok;
}

/* False when the term is wrong, which ends rule 16. */
static bool check_weight_term(
    struct rules *r, const struct cs_path *at, const struct cs_path *here, struct cs_json term)
{
    int32_t weight = cs_want_i32(r->c, here, term, "weight", 0);
    struct cs_json selector = cs_want(r->c, here, term, "matchSelector", CS_WANT_OBJECT);
    cs_autostrbuf why = CS_STRBUF_INIT;

    if (weight < 0 || weight > 100)
        cs_bad_required(r->c, at, "weight must be valid number in the range 1-100");
    else if (cs_selector_is_empty(selector))
        cs_bad_required(r->c, at, "selector can not be empty");
    else if (!selector_is_valid(selector, &why))
        cs_bad_required(r->c, at, "invalid selector %s", cs_strbuf_str(&why));
    else
        return true;
    return false;
}

static void check_priority(struct rules *r)
{
    const struct cs_path *at = CS_KEY(r->at_strategy, "priorityStrategy");
    const struct cs_path *at_weights = CS_KEY(at, "weightPriority"), *at_orders = CS_KEY(at, "orderPriority");
    struct cs_json priority = cs_want(r->c, r->at_strategy, r->strategy, "priorityStrategy", CS_WANT_OBJECT);
    struct cs_json weights = cs_want(r->c, at, priority, "weightPriority", CS_WANT_ARRAY);
    struct cs_json orders = cs_want(r->c, at, priority, "orderPriority", CS_WANT_ARRAY);
    size_t i = 0;

    if (cs_json_count(weights) && cs_json_count(orders)) {
        cs_bad_required(r->c, at, "only one of weightPriority and orderPriority can be used");
        return;
    }
    cs_json_foreach (term, weights) {
        const struct cs_path *here = CS_IDX(at_weights, i++);

        if (cs_want_value(r->c, here, term, CS_WANT_OBJECT) && !check_weight_term(r, at, here, term))
            return;
    }
    i = 0;
    cs_json_foreach (term, orders) {
        const struct cs_path *here = CS_IDX(at_orders, i++);

        if (cs_want_value(r->c, here, term, CS_WANT_OBJECT) && cs_want_text(r->c, here, term, "orderedKey").len == 0) {
            cs_bad_required(r->c, at, "order key can not be empty");
            return;
        }
    }
}

/* Key and value as one name; neither holds a newline when it is a label's. */
static struct cs_str scatter_name(struct cs_check *c, struct cs_str key, struct cs_str value)
{
    return cs_check_own(
        c, cs_xasprintf("%.*s\n%.*s", (int)key.len, key.len ? key.p : "", (int)value.len, value.len ? value.p : ""));
}

static void check_scatter(struct rules *r)
{
    const struct cs_path *at = CS_KEY(r->at_strategy, "scatterStrategy");
    struct cs_json list = cs_want(r->c, r->at_strategy, r->strategy, "scatterStrategy", CS_WANT_ARRAY);
    cs_autonames names = {0};
    size_t i = 0;

    cs_json_foreach (term, list) {
        const struct cs_path *here = CS_IDX(at, i++);
        struct cs_str key, value;

        if (!cs_want_value(r->c, here, term, CS_WANT_OBJECT))
            continue;
        key = cs_want_text(r->c, here, term, "key");
        value = cs_want_text(r->c, here, term, "value");
        if (key.len == 0)
            cs_bad_required(r->c, at, "key should not be empty");
        else
            cs_names_add(&names, scatter_name(r->c, key, value), term);
    }
    cs_names_sort(&names);
    for (i = 1; i < names.n; i++) {
        struct cs_str s = names.items[i].s;
        int split = (int)(strchr(s.p, '\n') - s.p);

        if (cs_str_eq(s, names.items[i - 1].s))
            cs_bad_required(r->c, at, "duplicated key=%.*s value=%s", split, s.p, s.p + split + 1);
    }
}

/* v1beta1 minds the policy also where the type makes nothing of it (§3.5). */
static void check_surge(struct rules *r, const struct bound *surge)
{
    bool beta = r->shape.version == CS_V1BETA1;
    enum cs_update_type policy =
        beta ? cs_update_policy_read(cs_json_get(r->strategy, "podUpdatePolicy")) : r->shape.type;

    if (policy == CS_UPDATE_INPLACE_ONLY && surge->scaled > 0)
        cs_bad_text(r->c, CS_KEY(r->at_strategy, "maxSurge"), surge->text, "can not use maxSurge with %s InPlaceOnly",
            beta ? "podUpdatePolicy" : "strategy type");
}

static void check_budget(struct rules *r)
{
    const struct cs_path *at_unavailable = CS_KEY(r->at_strategy, "maxUnavailable");
    const char *dflt = r->shape.undefaulted ? NULL : "20%";
    struct bound unavailable = read_bound(r, r->at_strategy, r->strategy, "maxUnavailable", dflt); /* 18 */
    struct bound surge = read_bound(r, r->at_strategy, r->strategy, "maxSurge", NULL); /* 19 */

    check_surge(r, &surge); /* 20 */
    if (r->replicas > 0 && unavailable.ok && surge.ok && unavailable.scaled < 1 && surge.scaled < 1) /* 21; quirk 2 */
        cs_bad_text(r->c, at_unavailable, unavailable.text.p ? unavailable.text : CS_STR("null"),
            "maxUnavailable and maxSurge should not both be less than 1%s", unavailable.text.p ? "" : GIVE_ALL);
}

/* ---- rules 22, 23 and ours ---- */

static void check_deadline(struct rules *r)
{
    const struct cs_path *at = CS_KEY(r->at, "progressDeadlineSeconds");
    int32_t deadline = cs_want_i32(r->c, r->at, r->spec, "progressDeadlineSeconds", NO_DEADLINE);
    int32_t min_ready = 0;

    (void)cs_json_i32(cs_json_get(r->spec, "minReadySeconds"), &min_ready);
    not_negative(r->c, at, deadline); /* 22 */
    if (deadline != NO_DEADLINE && deadline <= min_ready)
        cs_bad_int(r->c, at, deadline, "must be greater than minReadySeconds"); /* 23 */
}

/* The peer accepts a negative one as long as the other is at least 1. */
static void check_negative_budget(struct rules *r)
{
    static const char *const keys[] = {"maxUnavailable", "maxSurge"};
    struct cs_intstr v;

    for (size_t i = 0; i < CS_ARRAY_LEN(keys); i++) {
        if (cs_intstr_read(r->c, cs_json_get(r->strategy, keys[i]), &v))
            not_negative(r->c, CS_KEY(r->at_strategy, keys[i]), cs_scaled(&v, r->replicas, CS_ROUND_UP));
    }
}

static void check_ours(struct rules *r, struct cs_json scale)
{
    const struct cs_path *at_scale = CS_KEY(r->at, "scaleStrategy"), *at_grace;
    struct bound scale_bound = read_bound(r, at_scale, scale, "maxUnavailable", NULL);
    struct cs_json in_place = cs_want(r->c, r->at_strategy, r->strategy, "inPlaceUpdateStrategy", CS_WANT_OBJECT);

    at_grace = CS_KEY(r->at_strategy, "inPlaceUpdateStrategy");
    if (scale_bound.ok)
        not_negative(r->c, CS_KEY(at_scale, "maxUnavailable"), scale_bound.scaled);
    not_negative(r->c, CS_KEY(r->at, "minReadySeconds"), cs_want_i32(r->c, r->at, r->spec, "minReadySeconds", 0));
    not_negative(
        r->c, CS_KEY(r->at, "revisionHistoryLimit"), cs_want_i32(r->c, r->at, r->spec, "revisionHistoryLimit", 10));
    not_negative(
        r->c, CS_KEY(at_grace, "gracePeriodSeconds"), cs_want_i32(r->c, at_grace, in_place, "gracePeriodSeconds", 0));
    cs_check_predownload(r->c, at_grace, in_place);
    check_negative_budget(r);
}

/* Types alone: what a hook waits for is its owner's business. A null in a map or list is "", as decoding has it. */
static void check_hook(struct cs_check *c, const struct cs_path *up, struct cs_json lifecycle, const char *key)
{
    const struct cs_path *at = CS_KEY(up, key);
    struct cs_json hook = cs_want(c, up, lifecycle, key, CS_WANT_OBJECT);
    struct cs_json labels = cs_want(c, at, hook, "labelsHandler", CS_WANT_OBJECT);
    struct cs_json finalizers = cs_want(c, at, hook, "finalizersHandler", CS_WANT_ARRAY);
    size_t i = 0;

    cs_json_foreach (label, labels) {
        if (!cs_json_is_null(label))
            cs_want_value(c, CS_SUB(CS_KEY(at, "labelsHandler"), cs_check_key(c, label)), label, CS_WANT_STRING);
    }
    cs_json_foreach (finalizer, finalizers) {
        const struct cs_path *here = CS_IDX(CS_KEY(at, "finalizersHandler"), i++);

        if (!cs_json_is_null(finalizer))
            cs_want_value(c, here, finalizer, CS_WANT_STRING);
    }
    (void)cs_want(c, at, hook, "markPodNotReady", CS_WANT_BOOL);
}

static void check_lifecycle(struct rules *r)
{
    static const char *const hooks[] = {"preDelete", "inPlaceUpdate", "preNormal"};
    struct cs_json lifecycle = cs_want(r->c, r->at, r->spec, "lifecycle", CS_WANT_OBJECT);

    for (size_t i = 0; i < CS_ARRAY_LEN(hooks); i++)
        check_hook(r->c, CS_KEY(r->at, "lifecycle"), lifecycle, hooks[i]);
}

static void check_set_name(struct cs_check *c, const struct cs_path *at_meta, struct cs_json meta)
{
    struct cs_str name = cs_check_text(c, cs_json_get(meta, "name"));

    if (name.len > SET_NAME_MAX)
        cs_bad_text(c, CS_KEY(at_meta, "name"), name,
            "must be no more than 52 characters: Pods carry the label controller-revision-hash with the value "
            "\"<name>-<hash>\", and a label value has at most 63");
}

static void check_spec(struct rules *r)
{
    struct cs_json scale = cs_want(r->c, r->at, r->spec, "scaleStrategy", CS_WANT_OBJECT);
    const struct cs_path *at_scale = CS_KEY(r->at, "scaleStrategy");
    bool beta = r->shape.version == CS_V1BETA1;

    not_negative(r->c, CS_KEY(r->at, "replicas"), r->replicas); /* 2 */
    check_template_rules(r);
    check_pods_to_delete(
        r, CS_KEY(at_scale, "podsToDelete"), cs_want(r->c, at_scale, scale, "podsToDelete", CS_WANT_ARRAY));
    (void)cs_want(r->c, at_scale, scale, beta ? "enablePVCReuse" : "disablePVCReuse", CS_WANT_BOOL);
    if (beta)
        (void)cs_want(r->c, at_scale, scale, "excludePreparingDelete", CS_WANT_BOOL);
    r->update = cs_want(r->c, r->at, r->spec, "updateStrategy", CS_WANT_OBJECT);
    r->strategy = beta ? cs_want(r->c, r->at_update, r->update, "rollingUpdate", CS_WANT_OBJECT) : r->update;
    check_type(r);
    check_partition(r);
    (void)cs_want(r->c, r->at_strategy, r->strategy, "paused", CS_WANT_BOOL);
    check_priority(r); /* 16 */
    check_scatter(r); /* 17 */
    check_budget(r);
    check_deadline(r);
    check_ours(r, scale);
    check_lifecycle(r);
}

void cs_validate_cloneset(struct cs_json obj, struct cs_texts *ret_errors)
{
    cs_validate_cloneset_in(obj, NULL, ret_errors);
}

void cs_validate_cloneset_in(struct cs_json obj, struct cs_template_facts *facts, struct cs_texts *ret_errors)
{
    cs_autocheck c = {.out = ret_errors};
    const struct cs_path *at_meta = CS_KEY(NULL, "metadata"), *at_spec = CS_KEY(NULL, "spec");
    struct cs_json meta;
    struct rules r = {.c = &c,
        .at = at_spec,
        .at_update = CS_KEY(at_spec, "updateStrategy"),
        .shape = cs_shape_of(obj),
        .facts = facts};

    if (!cs_json_is(obj, CS_J_OBJECT)) {
        cs_bad_value(&c, NULL, obj, "must be an object");
        return;
    }
    meta = cs_want(&c, NULL, obj, "metadata", CS_WANT_OBJECT);
    cs_check_metadata(&c, at_meta, meta); /* 1 */
    r.spec = cs_want(&c, NULL, obj, "spec", CS_WANT_OBJECT);
    r.replicas = cs_want_i32(&c, at_spec, r.spec, "replicas", 1);
    r.at_strategy = r.shape.version == CS_V1BETA1 ? CS_KEY(r.at_update, "rollingUpdate") : r.at_update;
    check_spec(&r);
    check_set_name(&c, at_meta, meta);
    cs_check_claims(&c, CS_KEY(at_spec, "volumeClaimTemplates"),
        cs_want(&c, at_spec, r.spec, "volumeClaimTemplates", CS_WANT_ARRAY));
}
