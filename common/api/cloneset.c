/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decodes a CloneSet: spec strictly, by tables that read like spec §1.2; status leniently; the templates as raw bytes.
 */
#include "common/api/cloneset.h"

#include "common/api/decode.h"
#include "common/api/gvr.h"
#include "common/base/alloc.h"

/* ---- values ---- */

static bool decode_intstr(struct cs_decoder *d, const struct cs_where *at, struct cs_json v, void *ret)
{
    struct cs_intstr value = {.type = CS_IS_INT};

    if (cs_json_is(v, CS_J_STRING)) {
        value.type = CS_IS_STRING;
        value.s = cs_json_intern(d->pool, v);
    } else if (!cs_json_is(v, CS_J_NUMBER)) {
        return cs_decode_wrong(d, at, v, "an integer or a percentage in quotes");
    } else if (!cs_decode_i32(d, at, v, &value.i)) {
        return false;
    }
    *(struct cs_intstr *)ret = value;
    return true;
}

static bool decode_type(struct cs_decoder *d, const struct cs_where *at, struct cs_json v, void *ret)
{
    static const struct {
        const char *text;
        enum cs_update_type type;
    } types[] = {
        {"", CS_UPDATE_UNSET},
        {"ReCreate", CS_UPDATE_RECREATE},
        {"InPlaceIfPossible", CS_UPDATE_INPLACE_IF_POSSIBLE},
        {"InPlaceOnly", CS_UPDATE_INPLACE_ONLY},
        {"OnDelete", CS_UPDATE_ON_DELETE},
    };
    struct cs_cloneset_spec *spec = ret;

    if (!cs_decode_text(d, at, v, &spec->type_text))
        return false;
    spec->type = CS_UPDATE_UNKNOWN;
    for (size_t i = 0; i < CS_ARRAY_LEN(types); i++) {
        if (cs_streq(spec->type_text, types[i].text))
            spec->type = types[i].type;
    }
    return true;
}

static void unref_intstr(struct cs_intern *pool, const struct cs_intstr *v)
{
    cs_intern_unref(pool, v->s);
}

/* ---- spec.scaleStrategy, spec.lifecycle ---- */

static bool decode_pods_to_delete(struct cs_decoder *d, const struct cs_where *at, struct cs_json v, void *ret)
{
    struct cs_cloneset_spec *spec = ret;

    return cs_decode_texts(d, at, v, &spec->pods_to_delete, &spec->n_pods_to_delete);
}

static bool decode_scale_strategy(struct cs_decoder *d, const struct cs_where *at, struct cs_json v, void *ret)
{
    static const struct cs_field fields[] = {
        CS_FIELD_WHOLE("podsToDelete", decode_pods_to_delete),
        CS_FIELD(struct cs_cloneset_spec, scale_max_unavailable, "maxUnavailable", decode_intstr),
        CS_FIELD(struct cs_cloneset_spec, disable_pvc_reuse, "disablePVCReuse", cs_decode_bool),
        {0},
    };

    return cs_decode_fields(d, at, v, fields, ret);
}

static bool decode_hook_finalizers(struct cs_decoder *d, const struct cs_where *at, struct cs_json v, void *ret)
{
    struct cs_hook *hook = ret;

    return cs_decode_texts(d, at, v, &hook->finalizers, &hook->n_finalizers);
}

static bool decode_hook(struct cs_decoder *d, const struct cs_where *at, struct cs_json v, void *ret)
{
    static const struct cs_field fields[] = {
        CS_FIELD(struct cs_hook, labels, "labelsHandler", cs_decode_pairs),
        CS_FIELD_WHOLE("finalizersHandler", decode_hook_finalizers),
        CS_FIELD(struct cs_hook, mark_not_ready, "markPodNotReady", cs_decode_bool),
        {0},
    };
    struct cs_hook *hook = ret;

    hook->present = true;
    return cs_decode_fields(d, at, v, fields, hook);
}

static bool decode_lifecycle(struct cs_decoder *d, const struct cs_where *at, struct cs_json v, void *ret)
{
    static const struct cs_field fields[] = {
        CS_FIELD(struct cs_cloneset_spec, pre_delete, "preDelete", decode_hook),
        CS_FIELD(struct cs_cloneset_spec, in_place, "inPlaceUpdate", decode_hook),
        CS_FIELD(struct cs_cloneset_spec, pre_normal, "preNormal", decode_hook),
        {0},
    };
    struct cs_cloneset_spec *spec = ret;

    spec->has_lifecycle = true;
    return cs_decode_fields(d, at, v, fields, ret);
}

static void done_hook(struct cs_intern *pool, struct cs_hook *hook)
{
    cs_pairs_done(pool, &hook->labels);
    cs_texts_unref(pool, hook->finalizers, hook->n_finalizers);
}

/* ---- spec.updateStrategy ---- */

static bool decode_weights(struct cs_decoder *d, const struct cs_where *at, struct cs_json v, void *ret)
{
    static const struct cs_field fields[] = {
        CS_FIELD(struct cs_weight_term, weight, "weight", cs_decode_i32),
        CS_FIELD(struct cs_weight_term, selector, "matchSelector", cs_decode_selector),
        {0},
    };
    struct cs_cloneset_spec *spec = ret;
    struct cs_objects list = {.fields = fields, .elem_size = sizeof(struct cs_weight_term)};

    bool ok = cs_decode_objects(d, at, v, &list);
    spec->weights = list.items;
    spec->n_weights = list.n;
    return ok;
}

/* An absent text of a list element is "", so that readers need not ask. */
static void fill_absent(struct cs_intern *pool, const char **text)
{
    if (!*text)
        *text = cs_intern_str(pool, CS_STR(""));
}

static bool decode_order(struct cs_decoder *d, const struct cs_where *at, struct cs_json v, void *ret)
{
    struct order {
        const char *key;
    };
    static const struct cs_field fields[] = {CS_FIELD(struct order, key, "orderedKey", cs_decode_text), {0}};
    struct cs_cloneset_spec *spec = ret;
    struct cs_objects list = {.fields = fields, .elem_size = sizeof(struct order)};

    _Static_assert(sizeof(struct order) == sizeof(const char *), "the list of keys is the list of these objects");
    bool ok = cs_decode_objects(d, at, v, &list);
    spec->order_keys = list.items;
    spec->n_order_keys = list.n;
    for (uint32_t i = 0; i < spec->n_order_keys; i++)
        fill_absent(d->pool, &spec->order_keys[i]);
    return ok;
}

static bool decode_scatter(struct cs_decoder *d, const struct cs_where *at, struct cs_json v, void *ret)
{
    static const struct cs_field fields[] = {
        CS_FIELD(struct cs_scatter_term, key, "key", cs_decode_text),
        CS_FIELD(struct cs_scatter_term, value, "value", cs_decode_text),
        {0},
    };
    struct cs_cloneset_spec *spec = ret;
    struct cs_objects list = {.fields = fields, .elem_size = sizeof(struct cs_scatter_term)};

    bool ok = cs_decode_objects(d, at, v, &list);
    spec->scatter = list.items;
    spec->n_scatter = list.n;
    for (uint32_t i = 0; i < spec->n_scatter; i++) {
        fill_absent(d->pool, &spec->scatter[i].key);
        fill_absent(d->pool, &spec->scatter[i].value);
    }
    return ok;
}

static bool decode_priority(struct cs_decoder *d, const struct cs_where *at, struct cs_json v, void *ret)
{
    static const struct cs_field fields[] = {
        CS_FIELD_WHOLE("weightPriority", decode_weights),
        CS_FIELD_WHOLE("orderPriority", decode_order),
        {0},
    };

    return cs_decode_fields(d, at, v, fields, ret);
}

static bool decode_inplace_strategy(struct cs_decoder *d, const struct cs_where *at, struct cs_json v, void *ret)
{
    static const struct cs_field fields[] = {
        CS_FIELD(struct cs_cloneset_spec, grace_period_s, "gracePeriodSeconds", cs_decode_i32),
        {0},
    };
    struct cs_cloneset_spec *spec = ret;

    spec->has_inplace_strategy = true;
    return cs_decode_fields(d, at, v, fields, spec);
}

/* What v1alpha1 has in updateStrategy and v1beta1 in its rollingUpdate. */
static const struct cs_field rollout_fields[] = {
    CS_FIELD(struct cs_cloneset_spec, partition, "partition", decode_intstr),
    CS_FIELD(struct cs_cloneset_spec, max_unavailable, "maxUnavailable", decode_intstr),
    CS_FIELD(struct cs_cloneset_spec, max_surge, "maxSurge", decode_intstr),
    CS_FIELD(struct cs_cloneset_spec, paused, "paused", cs_decode_bool),
    CS_FIELD_WHOLE("priorityStrategy", decode_priority),
    CS_FIELD_WHOLE("scatterStrategy", decode_scatter),
    CS_FIELD_WHOLE("inPlaceUpdateStrategy", decode_inplace_strategy),
    {0},
};

static bool decode_update_strategy(struct cs_decoder *d, const struct cs_where *at, struct cs_json v, void *ret)
{
    static const struct cs_field fields[] = {CS_FIELD_WHOLE("type", decode_type), {0}};

    return cs_decode_fields(d, at, v, fields, ret) && cs_decode_fields(d, at, v, rollout_fields, ret);
}

/* ---- v1beta1's own form of the strategies (spec §1.4) ---- */

static bool decode_reuse(struct cs_decoder *d, const struct cs_where *at, struct cs_json v, void *ret)
{
    struct cs_cloneset_spec *spec = ret;
    bool reuse;

    if (!cs_decode_bool(d, at, v, &reuse))
        return false;
    spec->disable_pvc_reuse = !reuse;
    return true;
}

/* The controller goes by the label, which conversion keeps in step; here only the type counts. */
static bool decode_exclude(struct cs_decoder *d, const struct cs_where *at, struct cs_json v, void *ret)
{
    bool ignored;

    (void)ret;
    return cs_decode_bool(d, at, v, &ignored);
}

static bool decode_beta_scale_strategy(struct cs_decoder *d, const struct cs_where *at, struct cs_json v, void *ret)
{
    static const struct cs_field fields[] = {
        CS_FIELD_WHOLE("podsToDelete", decode_pods_to_delete),
        CS_FIELD(struct cs_cloneset_spec, scale_max_unavailable, "maxUnavailable", decode_intstr),
        CS_FIELD_WHOLE("enablePVCReuse", decode_reuse),
        CS_FIELD_WHOLE("excludePreparingDelete", decode_exclude),
        {0},
    };

    return cs_decode_fields(d, at, v, fields, ret);
}

static bool decode_rolling_update(struct cs_decoder *d, const struct cs_where *at, struct cs_json v, void *ret)
{
    static const struct cs_field fields[] = {CS_FIELD_WHOLE("podUpdatePolicy", decode_type), {0}};
    struct cs_cloneset_spec *spec = ret;

    if (!cs_decode_fields(d, at, v, fields, ret) || !cs_decode_fields(d, at, v, rollout_fields, ret))
        return false;
    if (spec->type == CS_UPDATE_ON_DELETE) /* which is a type, and no policy */
        spec->type = CS_UPDATE_UNKNOWN;
    return true;
}

/* After the policy, over which only OnDelete, and what nobody knows, has a say. */
static bool decode_beta_type(struct cs_decoder *d, const struct cs_where *at, struct cs_json v, void *ret)
{
    struct cs_cloneset_spec *spec = ret;
    const char *text = NULL;

    if (!cs_decode_text(d, at, v, &text))
        return false;
    if (cs_streq(text, "") || cs_streq(text, "RollingUpdate")) {
        cs_intern_unref(d->pool, text);
        return true;
    }
    cs_intern_unref(d->pool, spec->type_text);
    spec->type_text = text;
    spec->type = cs_streq(text, "OnDelete") ? CS_UPDATE_ON_DELETE : CS_UPDATE_UNKNOWN;
    return true;
}

static bool decode_beta_update_strategy(struct cs_decoder *d, const struct cs_where *at, struct cs_json v, void *ret)
{
    static const struct cs_field fields[] = {
        CS_FIELD_WHOLE("rollingUpdate", decode_rolling_update), CS_FIELD_WHOLE("type", decode_beta_type), {0}};

    return cs_decode_fields(d, at, v, fields, ret);
}

/* ---- spec ---- */

static const struct cs_field alpha_fields[] = {
    CS_FIELD_WHOLE("scaleStrategy", decode_scale_strategy),
    CS_FIELD_WHOLE("updateStrategy", decode_update_strategy),
    {0},
};

static const struct cs_field beta_fields[] = {
    CS_FIELD_WHOLE("scaleStrategy", decode_beta_scale_strategy),
    CS_FIELD_WHOLE("updateStrategy", decode_beta_update_strategy),
    {0},
};

static const struct cs_field spec_fields[] = {
    CS_FIELD_HAS(struct cs_cloneset_spec, replicas, has_replicas, "replicas", cs_decode_i32),
    CS_FIELD(struct cs_cloneset_spec, selector, "selector", cs_decode_selector),
    CS_FIELD_HAS(struct cs_cloneset_spec, history_limit, has_history_limit, "revisionHistoryLimit", cs_decode_i32),
    CS_FIELD(struct cs_cloneset_spec, min_ready_s, "minReadySeconds", cs_decode_i32),
    CS_FIELD_WHOLE("lifecycle", decode_lifecycle),
    CS_FIELD_HAS(
        struct cs_cloneset_spec, progress_deadline_s, has_progress_deadline, "progressDeadlineSeconds", cs_decode_i32),
    {0},
};

static const struct cs_where spec_where = {.key = "spec"};

/* decoded: what absent fields amount to. */
static bool decode_spec(struct cs_decoder *d, struct cs_json spec, const struct cs_field *of_version,
    struct cs_cloneset_spec decoded, struct cs_cloneset_spec *ret)
{
    if (!cs_json_is_null(spec) && cs_decode_fields(d, &spec_where, spec, spec_fields, &decoded))
        (void)cs_decode_fields(d, &spec_where, spec, of_version, &decoded);
    if (!cs_decode_ok(d)) {
        cs_cloneset_spec_done(d->pool, &decoded);
        return false;
    }
    *ret = decoded;
    return true;
}

bool cs_cloneset_spec_decode(
    struct cs_intern *pool, struct cs_json spec, struct cs_cloneset_spec *ret, struct cs_error *err)
{
    struct cs_decoder d = {.pool = pool, .err = err, .strict = true};

    return decode_spec(&d, spec, alpha_fields, (struct cs_cloneset_spec){.has_replicas = false}, ret);
}

bool cs_cloneset_spec_decode_beta(
    struct cs_intern *pool, struct cs_json spec, struct cs_cloneset_spec *ret, struct cs_error *err)
{
    struct cs_decoder d = {.pool = pool, .err = err, .strict = true};

    return decode_spec(&d, spec, beta_fields, (struct cs_cloneset_spec){.disable_pvc_reuse = true}, ret);
}

void cs_cloneset_spec_done(struct cs_intern *pool, struct cs_cloneset_spec *spec)
{
    cs_selector_done(pool, &spec->selector);
    cs_texts_unref(pool, spec->pods_to_delete, spec->n_pods_to_delete);
    unref_intstr(pool, &spec->scale_max_unavailable);
    cs_intern_unref(pool, spec->type_text);
    unref_intstr(pool, &spec->partition);
    unref_intstr(pool, &spec->max_unavailable);
    unref_intstr(pool, &spec->max_surge);
    for (uint32_t i = 0; i < spec->n_weights; i++)
        cs_selector_done(pool, &spec->weights[i].selector);
    free(spec->weights);
    cs_texts_unref(pool, spec->order_keys, spec->n_order_keys);
    for (uint32_t i = 0; i < spec->n_scatter; i++) {
        cs_intern_unref(pool, spec->scatter[i].key);
        cs_intern_unref(pool, spec->scatter[i].value);
    }
    free(spec->scatter);
    done_hook(pool, &spec->pre_delete);
    done_hook(pool, &spec->in_place);
    done_hook(pool, &spec->pre_normal);
    *spec = (struct cs_cloneset_spec){0};
}

/* ---- templates ---- */

static bool decode_template_metadata(struct cs_decoder *d, const struct cs_where *at, struct cs_json v, void *ret)
{
    static const struct cs_field fields[] = {
        CS_FIELD(struct cs_cloneset, template_labels, "labels", cs_decode_pairs),
        {0},
    };

    return cs_decode_fields(d, at, v, fields, ret);
}

static bool decode_template(struct cs_decoder *d, const struct cs_where *at, struct cs_json v, void *ret)
{
    static const struct cs_field fields[] = {CS_FIELD_WHOLE("metadata", decode_template_metadata), {0}};

    return cs_decode_fields(d, at, v, fields, ret);
}

static bool decode_vct_name(struct cs_decoder *d, const struct cs_where *at, struct cs_json vct, const char **ret)
{
    struct cs_json meta = cs_json_get(vct, "metadata"), name = cs_json_get(meta, "name");
    const struct cs_where at_meta = {.up = at, .key = "metadata"}, at_name = {.up = &at_meta, .key = "name"};

    if (!cs_json_is(vct, CS_J_OBJECT))
        return cs_decode_wrong(d, at, vct, "an object");
    if (cs_json_is_null(name) || cs_json_str_is(name, ""))
        return cs_decode_wrong(d, &at_name, name, "a name: claims are named after it");
    return cs_decode_text(d, &at_name, name, ret);
}

static bool decode_vcts(struct cs_decoder *d, const struct cs_where *at, struct cs_json v, void *ret)
{
    struct cs_cloneset *s = ret;

    if (!cs_json_is(v, CS_J_ARRAY))
        return cs_decode_wrong(d, at, v, "a list");
    if (cs_json_count(v) == 0)
        return true;
    s->vct_names = cs_try_calloc(cs_json_count(v), sizeof(*s->vct_names));
    s->vct_requests = cs_try_calloc(cs_json_count(v), sizeof(*s->vct_requests));
    if (!s->vct_names || !s->vct_requests)
        return cs_decode_too_large(d, at);
    struct cs_where here = {.up = at};
    cs_json_foreach (vct, v) {
        if (!decode_vct_name(d, &here, vct, &s->vct_names[s->n_vcts]))
            return false;
        s->vct_requests[s->n_vcts++] =
            cs_json_intern_quantity(d->pool, cs_json_at(vct, "spec", "resources", "requests", "storage", NULL));
        here.index++;
    }
    return true;
}

/* Leniently: the template's spec has no schema, and what is wrong with it only keeps Pods from being created. */
static bool copy_topology_keys(struct cs_decoder *d, struct cs_json spec, struct cs_cloneset *s)
{
    struct cs_json list = cs_json_list(cs_json_at(spec, "template", "spec", NULL), "topologySpreadConstraints");

    if (cs_json_count(list) == 0)
        return true;
    s->topology_keys = cs_try_calloc(cs_json_count(list), sizeof(*s->topology_keys));
    if (!s->topology_keys)
        return cs_decode_too_large(d, &spec_where);
    cs_json_foreach (constraint, list) {
        const char *key = cs_json_intern_nonempty(d->pool, cs_json_get(constraint, "topologyKey"));
        if (key)
            s->topology_keys[s->n_topology_keys++] = key;
    }
    return true;
}

static const struct cs_field template_fields[] = {
    CS_FIELD_WHOLE("template", decode_template),
    CS_FIELD_WHOLE("volumeClaimTemplates", decode_vcts),
    {0},
};

/* ---- status ---- */

static const struct cs_field condition_fields[] = {
    CS_FIELD(struct cs_condition, type, "type", cs_decode_text),
    CS_FIELD(struct cs_condition, status, "status", cs_decode_text),
    CS_FIELD(struct cs_condition, reason, "reason", cs_decode_text),
    CS_FIELD(struct cs_condition, message, "message", cs_decode_text),
    CS_FIELD(struct cs_condition, last_update_ms, "lastUpdateTime", cs_decode_time),
    CS_FIELD(struct cs_condition, last_transition_ms, "lastTransitionTime", cs_decode_time),
    {0},
};

static void release_condition(struct cs_intern *pool, const struct cs_condition *c)
{
    cs_intern_unref(pool, c->type);
    cs_intern_unref(pool, c->status);
    cs_intern_unref(pool, c->reason);
    cs_intern_unref(pool, c->message);
}

static bool decode_conditions(struct cs_decoder *d, const struct cs_where *at, struct cs_json v, void *ret)
{
    struct cs_cloneset_status *status = ret;
    struct cs_objects list = {.fields = condition_fields, .elem_size = sizeof(struct cs_condition)};

    bool ok = cs_decode_objects(d, at, v, &list);
    status->conditions = list.items;
    for (uint32_t i = 0; i < list.n; i++) {
        if (status->conditions[i].type)
            status->conditions[status->n_conditions++] = status->conditions[i];
        else
            release_condition(d->pool, &status->conditions[i]);
    }
    return ok;
}

static const struct cs_field counter_fields[] = {
    CS_FIELD(struct cs_cloneset_status, replicas, "replicas", cs_decode_i32),
    CS_FIELD(struct cs_cloneset_status, ready_replicas, "readyReplicas", cs_decode_i32),
    CS_FIELD(struct cs_cloneset_status, available_replicas, "availableReplicas", cs_decode_i32),
    CS_FIELD(struct cs_cloneset_status, updated_replicas, "updatedReplicas", cs_decode_i32),
    CS_FIELD(struct cs_cloneset_status, updated_ready_replicas, "updatedReadyReplicas", cs_decode_i32),
    CS_FIELD(struct cs_cloneset_status, updated_available_replicas, "updatedAvailableReplicas", cs_decode_i32),
    CS_FIELD(struct cs_cloneset_status, expected_updated_replicas, "expectedUpdatedReplicas", cs_decode_i32),
    {0},
};

static const struct cs_field status_fields[] = {
    CS_FIELD(struct cs_cloneset_status, observed_generation, "observedGeneration", cs_decode_i64),
    CS_FIELD(struct cs_cloneset_status, terminating_replicas, "terminatingReplicas", cs_decode_i32),
    CS_FIELD(struct cs_cloneset_status, update_revision, "updateRevision", cs_decode_text),
    CS_FIELD(struct cs_cloneset_status, current_revision, "currentRevision", cs_decode_text),
    CS_FIELD(struct cs_cloneset_status, label_selector, "labelSelector", cs_decode_text),
    CS_FIELD(struct cs_cloneset_status, collision_count, "collisionCount", cs_decode_i32),
    CS_FIELD_WHOLE("conditions", decode_conditions),
    {0},
};

static bool decode_status(struct cs_decoder *d, struct cs_json v, struct cs_cloneset_status *status)
{
    if (!cs_json_is(v, CS_J_OBJECT))
        return true;
    status->present = true;
    status->all_counters_present = true;
    for (const struct cs_field *f = counter_fields; f->key; f++) {
        int32_t ignored;
        if (!cs_json_i32(cs_json_get(v, f->key), &ignored))
            status->all_counters_present = false;
    }
    return cs_decode_fields(d, NULL, v, counter_fields, status) && cs_decode_fields(d, NULL, v, status_fields, status);
}

static void done_status(struct cs_intern *pool, struct cs_cloneset_status *status)
{
    cs_intern_unref(pool, status->update_revision);
    cs_intern_unref(pool, status->current_revision);
    cs_intern_unref(pool, status->label_selector);
    for (uint32_t i = 0; i < status->n_conditions; i++)
        release_condition(pool, &status->conditions[i]);
    free(status->conditions);
}

/* ---- the whole ---- */

static bool copy_raw(struct cs_decoder *d, struct cs_json obj, struct cs_json spec, struct cs_cloneset *s)
{
    s->template_raw = cs_json_intern_raw(d->pool, cs_json_get(spec, "template"));
    s->vcts_raw = cs_json_intern_raw(d->pool, cs_json_get(spec, "volumeClaimTemplates"));
    s->annotations_raw = cs_json_intern_raw(d->pool, cs_json_at(obj, "metadata", "annotations", NULL));
    return (s->template_raw && s->vcts_raw && s->annotations_raw) || cs_decode_too_large(d, &spec_where);
}

struct cs_cloneset *cs_cloneset_decode(struct cs_intern *pool, struct cs_json obj, struct cs_error *err)
{
    struct cs_json spec = cs_json_get(obj, "spec");
    struct cs_decoder strict = {.pool = pool, .err = err, .strict = true}, lenient = {.pool = pool, .err = err};
    struct cs_cloneset *s = cs_object_new(pool, obj, sizeof(*s), 0, err);

    if (!s)
        return NULL;
    s->expand_claims = cs_json_str_is(cs_json_at(obj, "metadata", "annotations", CS_ANNO_EXPAND_CLAIMS, NULL), "true");
    bool ok = cs_cloneset_spec_decode(pool, spec, &s->spec, err) &&
              (cs_json_is_null(spec) || cs_decode_fields(&strict, &spec_where, spec, template_fields, s)) &&
              copy_topology_keys(&strict, spec, s) && copy_raw(&strict, obj, spec, s) &&
              decode_status(&lenient, cs_json_get(obj, "status"), &s->status) && cs_decode_ok(&strict);
    if (!ok) {
        cs_cloneset_free(pool, s);
        return NULL;
    }
    return s;
}

void cs_cloneset_free(struct cs_intern *pool, struct cs_cloneset *s)
{
    if (!s)
        return;
    cs_meta_release(pool, &s->meta);
    cs_cloneset_spec_done(pool, &s->spec);
    done_status(pool, &s->status);
    cs_intern_unref(pool, s->template_raw);
    cs_intern_unref(pool, s->vcts_raw);
    cs_intern_unref(pool, s->annotations_raw);
    cs_texts_unref(pool, s->vct_names, s->n_vcts);
    cs_texts_unref(pool, s->vct_requests, s->n_vcts);
    cs_pairs_done(pool, &s->template_labels);
    cs_texts_unref(pool, s->topology_keys, s->n_topology_keys);
    free(s);
}
