/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pod as decisions need it. Immutable after decode; strings interned. With 50,000 of them the size counts: members are
 * ordered without holes, small ones are narrow, what all Pods of a set have alike they share, and what is of one Pod alone lies
 * behind the struct in the same allocation (so only cs_pod_free ends a decoded Pod, and nothing in it is ever freed alone). A field
 * of a wrong type counts as absent.
 */
#ifndef CS_API_POD_H
#define CS_API_POD_H

#include "common/api/meta.h"

enum cs_pod_phase { CS_PHASE_PENDING, CS_PHASE_RUNNING, CS_PHASE_SUCCEEDED, CS_PHASE_FAILED, CS_PHASE_UNKNOWN };
enum cs_lifecycle { /* label lifecycle.apps.kruise.io/state (spec §6.8) */
    CS_LC_NONE, /* absent or empty */
    CS_LC_PREPARING_NORMAL,
    CS_LC_NORMAL,
    CS_LC_PREPARING_UPDATE,
    CS_LC_UPDATING,
    CS_LC_UPDATED,
    CS_LC_PREPARING_DELETE,
    CS_LC_OTHER
};
enum cs_qos { CS_QOS_BEST_EFFORT, CS_QOS_BURSTABLE, CS_QOS_GUARANTEED };
enum cs_pod_resize { /* what the kubelet says about a change of resources (conditions PodResizePending, PodResizeInProgress) */
    CS_POD_RESIZE_QUIET, /* nothing, or that it is at it */
    CS_POD_RESIZE_DEFERRED, /* the node has no room for it now */
    CS_POD_RESIZE_INFEASIBLE, /* the node never has */
    CS_POD_RESIZE_ERROR /* it was tried and failed */
};
enum cs_tristate { CS_COND_ABSENT, CS_COND_TRUE, CS_COND_FALSE, CS_COND_UNKNOWN };

#define CS_POD_CONDITIONS_MAX 2047 /* a Pod with more does not decode */

struct cs_pod_condition {
    int64_t transition_ms : 49; /* lastTransitionTime, up to the year 9999; 0: absent or null */
    int32_t index : 12; /* position in status.conditions, -1 when absent: for JSON Patch tests */
    enum cs_tristate status : 2; /* a status that is none of the three texts is UNKNOWN */
    bool plain : 1; /* no reason and no message */
};

struct cs_kruise_ready { /* KruisePodReady */
    const char *message; /* raw JSON text (spec A.5), or NULL */
    enum cs_tristate status : 8;
};

struct cs_container {
    const char *name, *image; /* image: NULL when absent */
    const char *resources; /* raw JSON, which a fleet shares; NULL when absent or empty */
    int32_t index; /* in spec.containers */
};

struct cs_container_status {
    const char *name, *image, *image_id; /* all but name: NULL when absent or empty */
    const char *container_id; /* NULL when absent or empty; not interned, no two containers have the same */
    const char *waiting_reason; /* state.waiting.reason or NULL: for "why is it not moving" */
    const char *resources; /* as the kubelet reports them: raw JSON, "{}" too; NULL when it reports none */
    int64_t started_ms : 49; /* state.running.startedAt; 0 when not running */
    bool running : 1;
};

struct cs_pod {
    struct cs_meta meta;
    const char *node; /* spec.nodeName or NULL, also when empty */
    const char *id; /* instance id label or NULL */
    const char *revision; /* controller-revision-hash or NULL */
    const char *recreate_for; /* annotation CS_ANNO_RECREATE_FOR or NULL */
    const char *inplace_grace; /* annotation, raw JSON text, new key before old; or NULL */
    const char *
        inplace_state; /* likewise; NULL as well when the Pod is Normal, its gate True and no grace period is under way */
    /* "Why is it not moving": what the scheduler says (PodScheduled False), or an init container that waits, and why; or NULL */
    const char *held_up;
    struct cs_pod_condition ready, containers_ready, inplace_ready, scheduled;
    struct cs_kruise_ready kruise_ready;
    struct cs_container *containers; /* interned */
    struct cs_container_status *statuses; /* status.containerStatuses */
    const char **claims; /* spec.volumes[].persistentVolumeClaim.claimName */
    uint16_t n_containers, n_statuses, n_claims; /* a Pod with more than 65,535 of one does not decode */
    uint16_t
        sidecar_restarts; /* largest restartCount of a restartable init container; 65,535: that or more (spec §6.3) */
    enum cs_pod_phase phase : 4; /* absent or unknown to us: PENDING (spec §5.6 rule 2) */
    enum cs_lifecycle state : 4;
    bool has_template_hash : 1; /* label pod-template-hash exists */
    bool specified_delete : 1; /* label exists */
    bool keep_claims : 1; /* label CS_LABEL_KEEP_CLAIMS exists */
    bool old_state_key : 1, old_grace_key : 1; /* the old keys exist: writers remove them */
    bool has_inplace_gate : 1, has_kruise_gate : 1; /* spec.readinessGates */
    int32_t deletion_cost; /* spec §5.6 rule 5 */
    int32_t max_restarts; /* largest restartCount over containerStatuses */
    enum cs_pod_resize resize : 4;
    bool init_guaranteed : 1, init_best_effort : 1; /* what the init containers' resources allow as QoS class */
};

struct cs_pod *cs_pod_decode(struct cs_intern *pool, struct cs_json obj, struct cs_error *err);
void cs_pod_free(struct cs_intern *pool, struct cs_pod *p);

static inline bool cs_pod_terminating(const struct cs_pod *p)
{
    return p->meta.deleted_ms != 0;
}
/* spec §4.1 step 4: not Succeeded, not Failed, not terminating. */
static inline bool cs_pod_active(const struct cs_pod *p)
{
    return p->phase != CS_PHASE_SUCCEEDED && p->phase != CS_PHASE_FAILED && !cs_pod_terminating(p);
}
const struct cs_container *cs_pod_container(const struct cs_pod *p, const char *name);
const struct cs_container_status *cs_pod_status_of(const struct cs_pod *p, const char *name);
const char *cs_lifecycle_name(enum cs_lifecycle s); /* label value; "" for NONE */

#endif
