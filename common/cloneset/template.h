/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a template means. One function normalises; revision identity, the in-place decision of the controller and the
 * refusal of the webhook all stand on it (design §2, D9, D10).
 *
 * Normal form of a template: null members dropped; members equal to a default of spec §2.2 or to Kubernetes' own default
 * dropped (dnsPolicy, restartPolicy, terminationGracePeriodSeconds, schedulerName, securityContext {}, probes' numbers, port
 * protocol, terminationMessage*, fieldRef apiVersion, volume defaultModes, enableServiceLinks true, serviceAccount alias …);
 * empty objects and arrays that mean absent dropped; quantities canonical; members sorted. Lists keep their order (env, containers, …).
 * imagePullPolicy stays as written; the comparison treats an absent one as equal to both Always and IfNotPresent.
 */
#ifndef CS_CLONESET_TEMPLATE_H
#define CS_CLONESET_TEMPLATE_H

#include "common/base/strbuf.h"
#include "common/json/json_doc.h"
#include "common/json/json_tree.h"

enum cs_change_kind {
    CS_CHANGE_METADATA, /* below template.metadata: in place */
    CS_CHANGE_IMAGE, /* replace of containers[n].image of the same container: in place */
    CS_CHANGE_RESOURCES, /* cpu or memory of the same container, limit or request, there before and after: in place by a resize */
    CS_CHANGE_OTHER /* forces recreation */
};

/* One difference, as a person reads it. Strings owned by the diff. */
struct cs_change {
    enum cs_change_kind kind;
    char *path; /* "spec.template.spec.containers[0].env[1].value", "spec.template.metadata.labels[k]" */
    char *container; /* IMAGE and members of containers: the container's name; else NULL */
    char *old_value; /* compact JSON, or NULL: was absent */
    char *new_value; /* compact JSON, or NULL: is absent now */
};

struct cs_template_diff {
    struct cs_change *items; /* in path order; empty: the templates are equal (D9) */
    size_t n, cap;
    bool in_place; /* no OTHER */
    bool images_changed; /* at least one IMAGE */
    bool metadata_changed; /* at least one METADATA */
    bool resources_changed; /* at least one RESOURCES */
    bool restarts; /* in place, a container restarts: for its image, or because its resizePolicy wants that */
    bool qos_changed; /* resources could be resized but for the QoS class, which a Pod keeps: they are OTHER */
};

/* Normal form of a template (its JSON object); owned. Never NULL: anything that is no object gives {}. */
struct cs_jtree *cs_template_normalize(struct cs_json tmpl);

/*
 * The difference between two templates in normal form. vertical_scaling: the gate InPlaceWorkloadVerticalScaling; without it
 * there is no kind RESOURCES. Containers are matched by index (spec §6.4: re-ordering, adding, renaming
 * is not in place); where the same names exist on both sides the report names what moved. Lists of named elements
 * (env, ports, volumeMounts, volumes) report the element by index of the new (or old, when removed) list; a changed order is one entry
 * at the list with the keys in both orders as values. An added or removed subtree is one entry at its root, but for maps and
 * objects whose absence means empty (metadata, labels, resources, limits …): there it is one per key.
 */
void cs_template_diff(const struct cs_jtree *old_norm, const struct cs_jtree *new_norm, bool vertical_scaling,
    struct cs_template_diff *ret);
/* The same between two templates that are not in normal form; cheaper than to make both. */
void cs_template_diff_written(
    struct cs_json old_tmpl, struct cs_json new_tmpl, bool vertical_scaling, struct cs_template_diff *ret);
void cs_template_diff_done(struct cs_template_diff *d);
/* D9 equality: the diff would be empty. */
bool cs_template_equal(const struct cs_jtree *a, const struct cs_jtree *b);
/* A digest of the normal form for quick inequality; imagePullPolicy left out, as it does not decide equality alone. */
uint64_t cs_template_digest(const struct cs_jtree *norm);

/* First OTHER change, or NULL. */
const struct cs_change *cs_template_diff_blocker(const struct cs_template_diff *d);

/* ---- revisions (spec §4.2, Appendix C) ---- */

/*
 * Revision data for a template: {"spec":{"template":{"$patch":"replace",…}}} by the typed re-serialisation of Appendix C, sorted, Go
 * escapes. ret_exact: the bytes are those the peer would write (D10: no unknown members, no explicit empty or zero values of
 * optional members, no integers beyond 2^53); otherwise the template is kept exactly as written inside the frame.
 * ret_reason (may be NULL): when not exact, the first path that prevents it and why ("<path>: unknown member"), owned; else NULL.
 * A "$patch" that tmpl has already (it came from cs_revision_template) is the frame's and no part of the template.
 */
void cs_revision_data(struct cs_json tmpl, struct cs_strbuf *out, bool *ret_exact, char **ret_reason);
/* What *ret_exact and *ret_reason would be, without the data. An exact template has no unknown member, but for null, and none of a
 * wrong type. */
bool cs_revision_is_exact(struct cs_json tmpl, char **ret_reason);
/* Hash text of revision data with a collision count; out must hold CS_REVISION_HASH_SIZE. */
#define CS_REVISION_HASH_SIZE 16
void cs_revision_hash(struct cs_str data, int32_t collision_count, char out[CS_REVISION_HASH_SIZE]);
/* "<set cut to 223>-<hash>" */
void cs_revision_name(const char *set, const char *hash, char out[254]);
/*
 * The template inside revision data (our or the peer's); absent when data is not of the form. It is a view, so it shows the
 * frame's "$patch": the functions of this header pass over it, others have to.
 */
struct cs_json cs_revision_template(struct cs_json data);
/* Decimal text of the claim-template hash (Appendix C), "" without claim templates. out: 12 bytes. */
#define CS_VCT_HASH_SIZE 12
void cs_vct_hash(struct cs_json vcts, char out[CS_VCT_HASH_SIZE]);

/* Canonical Kubernetes quantity ("0.5" → "500m", "1024Mi" → "1Gi"); NULL when it does not parse. Owned. */
char *cs_quantity_canonical(struct cs_str s);
/* Sign of a − b; false when one does not parse. */
bool cs_quantity_cmp(struct cs_str a, struct cs_str b, int *ret);
/* The same of s itself. */
bool cs_quantity_sign(struct cs_str s, int *ret);

#endif
