/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the parts of admission_warnings.c share: one accepted edit, read once, and the parts' entry points. Each part adds
 * its warnings in the order of their weight; the caller keeps the first ones.
 */
#ifndef CS_CLONESET_WARNINGS_PRIVATE_H
#define CS_CLONESET_WARNINGS_PRIVATE_H

#include "common/cloneset/gates.h"
#include "common/cloneset/validate_private.h"

/* The side of an edit that counts: the old or the new object. Absent and unusable fields have their defaults. */
struct cs_edit_side {
    struct cs_json obj, spec, tmpl, vcts, strategy;
    struct cs_shape shape;
    int32_t replicas;
    enum cs_update_type type;
    bool paused;
    bool reuse_off; /* claims of Pods that vanished are not taken over */
    bool keeps; /* the template labels its Pods to leave their claims behind, and something takes those over (U-12) */
    bool grows; /* annotation expand-volume-claims (U-13) */
    struct cs_intstr partition, max_unavailable, max_surge, scale_max_unavailable;
    int32_t held; /* Pods that partition keeps at the old revision */
};

struct cs_edit {
    struct cs_check mem; /* owns decoded strings */
    struct cs_texts *out;
    const struct cs_gates *gates;
    struct cs_template_facts *facts; /* of the new template */
    bool create; /* was is empty */
    const char *at; /* path of the strategy in the version that the edit speaks */
    struct cs_edit_side was, is;
    int32_t pods; /* of the old object: status.replicas, or replicas without a status */
    bool template_changed;
    bool in_place; /* the change of the template is made in place */
};

/* "1 Pod", "5 Pods" in a printf: CS_N_PODS with CS_PODS(n) */
#define CS_N_PODS "%d Pod%s"
#define CS_PODS(n) (n), (n) == 1 ? "" : "s"
#define CS_N_CLAIMS "%lld claim%s"
#define CS_CLAIMS(n) (long long)(n), (n) == 1 ? "" : "s"

/* What the edit does to Pods: in place, recreated, held back, going on. */
void cs_warn_rollout(struct cs_edit *e);
/* What it does, or does not do, to claims: edited templates, scale-in. */
void cs_warn_claims(struct cs_edit *e);
/* Values that mean something else than they seem to: percentages, a raised partition. */
void cs_warn_values(struct cs_edit *e);
/* Environment variables that an in-place change of metadata does not reach. */
void cs_warn_env(struct cs_edit *e);
/* Fields without effect: mistyped ones, ones that need another component; and D10. */
void cs_warn_fields(struct cs_edit *e);

#endif
