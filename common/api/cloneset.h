/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CloneSet, v1alpha1 (spec §1.2, §1.3): decoded fields plus the raw bytes of what is only passed on (template, claim
 * templates, annotations). "has_x" tells a present field from an absent one; defaults are applied by
 * common/cloneset/defaults.h, not here.
 */
#ifndef CS_API_CLONESET_H
#define CS_API_CLONESET_H

#include "common/api/meta.h"
#include "common/api/selector.h"

struct cs_intstr {
    enum { CS_IS_ABSENT = 0, CS_IS_INT, CS_IS_STRING } type;
    int32_t i;
    const char *s; /* interned */
};

struct cs_hook { /* lifecycle hook (spec §6.8) */
    struct cs_pairs labels;
    const char **finalizers;
    uint32_t n_finalizers;
    bool present, mark_not_ready;
};

struct cs_weight_term { /* spec.updateStrategy.priorityStrategy.weightPriority[] */
    int32_t weight;
    struct cs_selector selector;
};

struct cs_scatter_term {
    const char *key, *value; /* "" when absent */
};

enum cs_update_type { /* spec.updateStrategy.type */
    CS_UPDATE_UNSET,
    CS_UPDATE_RECREATE,
    CS_UPDATE_INPLACE_IF_POSSIBLE,
    CS_UPDATE_INPLACE_ONLY,
    CS_UPDATE_ON_DELETE,
    CS_UPDATE_UNKNOWN
};

struct cs_cloneset_spec {
    struct cs_selector selector;
    int32_t replicas;
    bool has_replicas;

    bool disable_pvc_reuse;
    const char **pods_to_delete;
    struct cs_intstr scale_max_unavailable;
    uint32_t n_pods_to_delete;

    enum cs_update_type type;
    const char *type_text; /* as written, or NULL; cs_cloneset_default writes the default here too */
    struct cs_intstr partition, max_unavailable, max_surge;
    struct cs_weight_term *weights; /* priorityStrategy.weightPriority */
    const char **order_keys; /* priorityStrategy.orderPriority[].orderedKey; "" when absent */
    struct cs_scatter_term *scatter;
    uint32_t n_weights, n_order_keys, n_scatter;
    int32_t grace_period_s; /* inPlaceUpdateStrategy.gracePeriodSeconds, 0 when absent */
    bool has_inplace_strategy;
    bool paused;

    bool has_history_limit;
    bool has_lifecycle; /* also when it names no hook */
    int32_t history_limit;
    int32_t min_ready_s;
    int32_t progress_deadline_s;
    bool has_progress_deadline;
    struct cs_hook pre_delete, in_place, pre_normal;
};

struct cs_condition {
    const char *type, *status; /* status: NULL when absent; a condition without type is left out */
    const char *reason, *message; /* NULL when absent */
    int64_t last_update_ms, last_transition_ms; /* 0 when absent */
};

struct cs_cloneset_status {
    bool present;
    int64_t observed_generation;
    int32_t replicas, ready_replicas, available_replicas, updated_replicas, updated_ready_replicas,
        updated_available_replicas, expected_updated_replicas, terminating_replicas;
    /* All seven counters are written: explicit zeros are part of the promise (the peer leaves out the last two when 0). */
    bool all_counters_present;
    const char *update_revision, *current_revision, *label_selector;
    int32_t collision_count;
    struct cs_condition *conditions;
    uint32_t n_conditions;
};

struct cs_cloneset {
    struct cs_meta meta;
    struct cs_cloneset_spec spec;
    struct cs_cloneset_status status;
    /* Raw JSON, interned; "" when absent. */
    const char *template_raw; /* spec.template */
    const char *vcts_raw; /* spec.volumeClaimTemplates */
    const char *annotations_raw; /* metadata.annotations */
    const char **vct_names; /* metadata.name of each claim template, in order; interned, never NULL */
    const char **vct_requests; /* spec.resources.requests.storage of each; NULL when absent */
    uint32_t n_vcts;
    bool expand_claims; /* annotation CS_ANNO_EXPAND_CLAIMS is "true" */
    struct cs_pairs template_labels; /* template.metadata.labels */
    const char **topology_keys; /* template.spec.topologySpreadConstraints[].topologyKey; interned, never NULL or "" */
    uint32_t n_topology_keys;
};

/*
 * Decodes a CloneSet. With `err` of kind INVALID the message names the path, the Go-like complaint of spec §2.1 ("json: cannot
 * unmarshal string into Go struct field CloneSetSpec.spec.replicas of type int32" is the peer's; ours: "spec.replicas:
 * Invalid value: \"three\": must be an integer"). int32 overflow and non-integers are refused; unknown fields are ignored; null
 * is absent. Status is read leniently: it is ours to write again. A claim template without a name is an error.
 * The result is owned; free with the same pool.
 */
struct cs_cloneset *cs_cloneset_decode(struct cs_intern *pool, struct cs_json obj, struct cs_error *err);
void cs_cloneset_free(struct cs_intern *pool, struct cs_cloneset *s);

/* The spec alone (an object in admission may have no uid yet); ret is written only on success. Absent or null: all zero. */
bool cs_cloneset_spec_decode(
    struct cs_intern *pool, struct cs_json spec, struct cs_cloneset_spec *ret, struct cs_error *err);
/* A spec of v1beta1 (spec §1.4) into the same form; absent, it does not reuse claims. */
bool cs_cloneset_spec_decode_beta(
    struct cs_intern *pool, struct cs_json spec, struct cs_cloneset_spec *ret, struct cs_error *err);
void cs_cloneset_spec_done(struct cs_intern *pool, struct cs_cloneset_spec *spec);

#endif
