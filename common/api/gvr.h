/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The resources this product reads and writes, and the keys (labels, annotations, conditions) of spec §1.5.
 */
#ifndef CS_API_GVR_H
#define CS_API_GVR_H

struct cs_gvr {
    const char *group; /* "" for core */
    const char *version;
    const char *resource; /* plural */
    const char *kind;
};

extern const struct cs_gvr cs_gvr_clonesets, cs_gvr_pods, cs_gvr_claims, cs_gvr_revisions, cs_gvr_nodes, cs_gvr_events,
    cs_gvr_leases, cs_gvr_secrets, cs_gvr_mutating_webhooks, cs_gvr_validating_webhooks, cs_gvr_crds;

#define CS_GROUP "apps.kruise.io"
#define CS_KIND "CloneSet"
#define CS_API_VERSION "apps.kruise.io/v1alpha1"
#define CS_API_VERSION_BETA "apps.kruise.io/v1beta1" /* served with the overlay only (D19) */
#define CS_CRD_NAME "clonesets.apps.kruise.io"

#define CS_LABEL_INSTANCE_ID "apps.kruise.io/cloneset-instance-id"
#define CS_LABEL_REVISION "controller-revision-hash"
#define CS_LABEL_TEMPLATE_HASH "pod-template-hash"
#define CS_LABEL_SPECIFIED_DELETE "apps.kruise.io/specified-delete"
#define CS_LABEL_LIFECYCLE_STATE "lifecycle.apps.kruise.io/state"
#define CS_LABEL_DELETE_PROTECTION "policy.kruise.io/delete-protection" /* on the set (spec §3.6) */
#define CS_LABEL_REVISION_HASH "controller.kubernetes.io/hash" /* on ControllerRevisions */
#define CS_ANNO_LIFECYCLE_TIME "lifecycle.apps.kruise.io/timestamp"
#define CS_ANNO_INPLACE_STATE "apps.kruise.io/inplace-update-state"
#define CS_ANNO_INPLACE_STATE_OLD "inplace-update-state"
#define CS_ANNO_INPLACE_GRACE "apps.kruise.io/inplace-update-grace"
#define CS_ANNO_INPLACE_GRACE_OLD "inplace-update-grace"
#define CS_ANNO_DELETION_COST "controller.kubernetes.io/pod-deletion-cost"
#define CS_ANNO_VCT_HASH "kruise.io/cloneset-volumeclaimtemplate-hash" /* on ControllerRevisions */
/* D8: with our specified-delete mark, the name of the revision the Pod is recreated for. */
#define CS_ANNO_RECREATE_FOR "apps.kruise.io/recreate-for-revision"
/* On sets (spec §1.4). */
#define CS_LABEL_EXCLUDE_PREPARING "apps.kruise.io/cloneset-scaling-exclude-preparing-delete"
#define CS_ANNO_PREDOWNLOAD_PARALLELISM "apps.kruise.io/image-predownload-parallelism"
#define CS_ANNO_PREDOWNLOAD_TIMEOUT "apps.kruise.io/image-predownload-timeout-seconds"
#define CS_ANNO_PREDOWNLOAD_MIN_READY "apps.kruise.io/image-predownload-min-updated-ready-pods"
/* Ours: what the version shown cannot say (convert.h). */
#define CS_ANNO_CONVERSION "cloneset.apps.kruise.io/conversion-data"
/* On a Pod, by presence: whoever deletes it, its claims stay (users.md U-12). */
#define CS_LABEL_KEEP_CLAIMS "apps.kruise.io/keep-pvc-for-deletion"
/* On a CloneSet, "true": a claim template's larger request grows the claims that exist (U-13). */
#define CS_ANNO_EXPAND_CLAIMS "apps.kruise.io/expand-volume-claims"
/* Ours, on claims: the version at which a Pod took it over (D12). */
#define CS_ANNO_FENCE "cloneset.apps.kruise.io/taken-over-at-version"
/* Ours, on ControllerRevisions: spec.volumeClaimTemplates as it was when the revision was made (U-09). */
#define CS_ANNO_CLAIM_TEMPLATES "cloneset.apps.kruise.io/volume-claim-templates"
#define CS_COND_INPLACE_READY "InPlaceUpdateReady"
#define CS_COND_KRUISE_READY "KruisePodReady"

#endif
