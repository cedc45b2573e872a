/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decodes a Pod into one block of memory: the elements of its own arrays and the bytes of its own texts are counted first, then
 * struct, arrays and texts are allocated together. Its containers, which a fleet shares, are interned. Of the annotations only the
 * few that decisions need are kept.
 */
#include "common/api/pod.h"

#include "common/api/decode.h"
#include "common/api/gvr.h"
#include "common/base/alloc.h"
#include "common/base/cleanup.h"

/* Where the arrays behind the struct begin, and how much room each has. */
struct room {
    size_t containers, statuses, claims;
    size_t text_bytes; /* ids of containers */
};

static struct cs_json claim_name_of(struct cs_json volume)
{
    return cs_json_at(volume, "persistentVolumeClaim", "claimName", NULL);
}

static bool count_room(struct cs_json spec, struct cs_json status, struct room *ret, struct cs_error *err)
{
    struct room room = {.containers = cs_json_count(cs_json_list(spec, "containers")),
        .statuses = cs_json_count(cs_json_list(status, "containerStatuses"))};

    cs_json_foreach (volume, cs_json_list(spec, "volumes")) {
        if (cs_json_is(claim_name_of(volume), CS_J_STRING))
            room.claims++;
    }
    cs_json_foreach (item, cs_json_list(status, "containerStatuses")) {
        room.text_bytes += cs_text_room(cs_json_get(item, "containerID"));
    }
    if (cs_json_count(cs_json_list(status, "conditions")) > CS_POD_CONDITIONS_MAX)
        return cs_error_set(err, CS_ERR_TOO_LARGE, "Pod: Too many conditions");
    if (room.containers > UINT16_MAX || room.statuses > UINT16_MAX || room.claims > UINT16_MAX)
        return cs_error_set(err, CS_ERR_TOO_LARGE, "Pod: Too many containers, containerStatuses or claims");
    *ret = room;
    return true;
}

/* ---- spec ---- */

static void release_container(struct cs_intern *pool, const void *item)
{
    const struct cs_container *c = item;

    cs_intern_unref(pool, c->name);
    cs_intern_unref(pool, c->image);
    cs_intern_unref(pool, c->resources);
}

static const struct cs_array containers = {sizeof(struct cs_container), &release_container};

static void take_containers(struct cs_decoder *d, struct cs_json list, struct cs_pod *p)
{
    cs_autofree struct cs_container *items = cs_try_calloc(cs_json_count(list), sizeof(*items));
    const struct cs_where at = {.key = "spec.containers"};
    int32_t index = -1;
    size_t n = 0;

    if (!items) {
        (void)cs_decode_too_large(d, &at);
        return;
    }
    cs_json_foreach (item, list) {
        struct cs_json resources = cs_json_get(item, "resources");
        struct cs_container *c = &items[n];

        index++;
        c->name = cs_json_intern(d->pool, cs_json_get(item, "name"));
        if (!c->name)
            continue;
        c->image = cs_json_intern(d->pool, cs_json_get(item, "image"));
        c->resources = cs_json_count(resources) > 0 ? cs_intern_str(d->pool, cs_json_raw(resources)) : NULL;
        c->index = index;
        n++;
    }
    p->containers = cs_array_share(d->pool, &containers, items, n);
    p->n_containers = p->containers ? (uint16_t)n : 0;
}

static void fill_claims(struct cs_intern *pool, struct cs_json volumes, struct cs_pod *p)
{
    cs_json_foreach (volume, volumes) {
        const char *name = cs_json_intern(pool, claim_name_of(volume));
        if (name)
            p->claims[p->n_claims++] = name;
    }
}

/*
 * What init containers mean for the QoS class of the whole. By text: the server stores equal quantities alike but for rare
 * spellings, and those only make a change of resources look impossible.
 */
static void note_init_resources(struct cs_json resources, struct cs_pod *p)
{
    static const char *const names[] = {"cpu", "memory"};

    for (size_t i = 0; i < CS_ARRAY_LEN(names); i++) {
        struct cs_json limit = cs_json_at(resources, "limits", names[i], NULL);
        struct cs_json request = cs_json_at(resources, "requests", names[i], NULL);
        bool limited = !cs_json_is_null(limit) && !cs_json_str_is(limit, "0");
        bool requested = !cs_json_is_null(request) && !cs_json_str_is(request, "0");

        p->init_best_effort &= !limited && !requested;
        p->init_guaranteed &= limited && (cs_json_is_null(request) || cs_json_equal(limit, request));
    }
}

static void decode_spec(struct cs_decoder *d, struct cs_json spec, struct cs_pod *p)
{
    struct cs_intern *pool = d->pool;

    p->node = cs_json_intern_nonempty(pool, cs_json_get(spec, "nodeName"));
    take_containers(d, cs_json_list(spec, "containers"), p);
    fill_claims(pool, cs_json_list(spec, "volumes"), p);
    p->init_guaranteed = p->init_best_effort = true;
    cs_json_foreach (item, cs_json_list(spec, "initContainers")) {
        note_init_resources(cs_json_get(item, "resources"), p);
    }
    cs_json_foreach (gate, cs_json_list(spec, "readinessGates")) {
        struct cs_json type = cs_json_get(gate, "conditionType");
        p->has_inplace_gate |= cs_json_str_is(type, CS_COND_INPLACE_READY);
        p->has_kruise_gate |= cs_json_str_is(type, CS_COND_KRUISE_READY);
    }
}

/* ---- status ---- */

static const struct {
    const char *text;
    enum cs_pod_phase phase;
} phases[] = {
    {"Pending", CS_PHASE_PENDING},
    {"Running", CS_PHASE_RUNNING},
    {"Succeeded", CS_PHASE_SUCCEEDED},
    {"Failed", CS_PHASE_FAILED},
    {"Unknown", CS_PHASE_UNKNOWN},
};

static int64_t time_of(struct cs_json v)
{
    struct cs_decoder lenient = {0};
    int64_t ms = 0;

    (void)cs_decode_time(&lenient, NULL, v, &ms);
    return ms;
}

static bool is_text(struct cs_json v)
{
    return cs_json_is(v, CS_J_STRING) && !cs_json_str_is(v, "");
}

static struct cs_pod_condition decode_condition(struct cs_json item, int32_t index)
{
    struct cs_json status = cs_json_get(item, "status");
    struct cs_pod_condition c = {.index = index, .status = CS_COND_UNKNOWN};

    if (cs_json_str_is(status, "True"))
        c.status = CS_COND_TRUE;
    else if (cs_json_str_is(status, "False"))
        c.status = CS_COND_FALSE;
    c.transition_ms = time_of(cs_json_get(item, "lastTransitionTime"));
    c.plain = !is_text(cs_json_get(item, "reason")) && !is_text(cs_json_get(item, "message"));
    return c;
}

/* "SchedulingGated: <message>"; of the usual reason, Unschedulable, the message alone. */
static const char *scheduler_says(struct cs_intern *pool, struct cs_json item)
{
    struct cs_json reason = cs_json_get(item, "reason"), message = cs_json_get(item, "message");

    if (!is_text(message))
        return cs_json_intern_nonempty(pool, reason);
    if (!is_text(reason) || cs_json_str_is(reason, "Unschedulable"))
        return cs_json_intern(pool, message);
    cs_autofree char *r = cs_json_str_dup(reason);
    cs_autofree char *m = cs_json_str_dup(message);
    if (!r || !m)
        return NULL;
    cs_autofree char *text = cs_xasprintf("%s: %s", r, m);
    return cs_intern_str(pool, cs_str(text));
}

/* Both may be there: a resize is under way and another one is asked for. What waits counts. */
static void note_resize(struct cs_json item, struct cs_pod *p)
{
    struct cs_json type = cs_json_get(item, "type");
    struct cs_json reason = cs_json_get(item, "reason");

    if (!cs_json_str_is(cs_json_get(item, "status"), "True"))
        return;
    if (cs_json_str_is(type, "PodResizePending"))
        p->resize = cs_json_str_is(reason, "Infeasible") ? CS_POD_RESIZE_INFEASIBLE : CS_POD_RESIZE_DEFERRED;
    else if (cs_json_str_is(type, "PodResizeInProgress") && cs_json_str_is(reason, "Error") &&
             p->resize == CS_POD_RESIZE_QUIET)
        p->resize = CS_POD_RESIZE_ERROR;
}

static void decode_conditions(struct cs_intern *pool, struct cs_json list, struct cs_pod *p)
{
    struct cs_pod_condition kruise = {.index = -1};
    const struct {
        const char *type;
        struct cs_pod_condition *c;
    } wanted[] = {
        {"Ready", &p->ready},
        {"ContainersReady", &p->containers_ready},
        {CS_COND_INPLACE_READY, &p->inplace_ready},
        {CS_COND_KRUISE_READY, &kruise},
        {"PodScheduled", &p->scheduled},
    };
    int32_t index = -1;

    for (size_t i = 0; i < CS_ARRAY_LEN(wanted); i++)
        wanted[i].c->index = -1;
    cs_json_foreach (item, list) {
        index++;
        struct cs_json type = cs_json_get(item, "type");
        note_resize(item, p);
        for (size_t i = 0; i < CS_ARRAY_LEN(wanted); i++) {
            /* Of several of one type the first counts, as for the kubelet. */
            if (wanted[i].c->index >= 0 || !cs_json_str_is(type, wanted[i].type))
                continue;
            *wanted[i].c = decode_condition(item, index);
            if (wanted[i].c == &p->scheduled && p->scheduled.status == CS_COND_FALSE)
                p->held_up = scheduler_says(pool, item);
            if (wanted[i].c == &kruise)
                p->kruise_ready.message = cs_json_intern_nonempty(pool, cs_json_get(item, "message"));
        }
    }
    p->kruise_ready.status = kruise.status;
}

/* Its id goes to *room, which moves on. */
static struct cs_container_status decode_container_status(struct cs_intern *pool, struct cs_json item, char **room)
{
    struct cs_json running = cs_json_at(item, "state", "running", NULL);
    struct cs_container_status s = {.running = cs_json_is(running, CS_J_OBJECT)};

    s.image = cs_json_intern_nonempty(pool, cs_json_get(item, "image"));
    s.image_id = cs_json_intern_nonempty(pool, cs_json_get(item, "imageID"));
    if (is_text(cs_json_get(item, "containerID")))
        s.container_id = cs_decode_own_text(cs_json_get(item, "containerID"), room);
    s.waiting_reason = cs_json_intern_nonempty(pool, cs_json_at(item, "state", "waiting", "reason", NULL));
    if (cs_json_is(cs_json_get(item, "resources"), CS_J_OBJECT))
        s.resources = cs_intern_str(pool, cs_json_raw(cs_json_get(item, "resources")));
    s.started_ms = time_of(cs_json_get(running, "startedAt"));
    return s;
}

/* Of the init containers one waits for something of its own, the others for their turn (PodInitializing). */
static const char *init_held_up(struct cs_intern *pool, struct cs_json list)
{
    cs_json_foreach (item, list) {
        struct cs_json why = cs_json_at(item, "state", "waiting", "reason", NULL);
        cs_autofree char *name = cs_json_str_dup(cs_json_get(item, "name"));
        cs_autofree char *reason = is_text(why) ? cs_json_str_dup(why) : NULL;

        if (name && reason && strcmp(reason, "PodInitializing") != 0) {
            cs_autofree char *text = cs_xasprintf("init container %s: %s", name, reason);
            return cs_intern_str(pool, cs_str(text));
        }
    }
    return NULL;
}

static void decode_status(struct cs_intern *pool, struct cs_json status, char *room, struct cs_pod *p)
{
    for (size_t i = 0; i < CS_ARRAY_LEN(phases); i++) {
        if (cs_json_str_is(cs_json_get(status, "phase"), phases[i].text))
            p->phase = phases[i].phase;
    }
    decode_conditions(pool, cs_json_list(status, "conditions"), p);
    if (!p->held_up)
        p->held_up = init_held_up(pool, cs_json_list(status, "initContainerStatuses"));
    cs_json_foreach (item, cs_json_list(status, "containerStatuses")) {
        const char *name = cs_json_intern(pool, cs_json_get(item, "name"));
        int32_t restarts = 0;
        if (!name)
            continue;
        struct cs_container_status s = decode_container_status(pool, item, &room);
        s.name = name;
        (void)cs_json_i32(cs_json_get(item, "restartCount"), &restarts);
        if (restarts > p->max_restarts)
            p->max_restarts = restarts;
        p->statuses[p->n_statuses++] = s;
    }
}

static void decode_restarts_of(struct cs_json name, struct cs_json statuses, struct cs_pod *p)
{
    struct cs_str wanted, found;

    cs_json_foreach (status, statuses) {
        int32_t n = 0;
        if (!cs_json_str_borrow(name, &wanted) || !cs_json_str_borrow(cs_json_get(status, "name"), &found) ||
            !cs_str_eq(wanted, found) || !cs_json_i32(cs_json_get(status, "restartCount"), &n))
            continue;
        if (n > p->sidecar_restarts)
            p->sidecar_restarts = n < UINT16_MAX ? (uint16_t)n : UINT16_MAX;
    }
}

static void decode_sidecars(struct cs_json spec, struct cs_json status, struct cs_pod *p)
{
    cs_json_foreach (container, cs_json_list(spec, "initContainers")) {
        if (cs_json_str_is(cs_json_get(container, "restartPolicy"), "Always"))
            decode_restarts_of(cs_json_get(container, "name"), cs_json_list(status, "initContainerStatuses"), p);
    }
}

/* ---- labels, annotations ---- */

static const char *const lifecycle_names[] = {
    [CS_LC_NONE] = "",
    [CS_LC_PREPARING_NORMAL] = "PreparingNormal",
    [CS_LC_NORMAL] = "Normal",
    [CS_LC_PREPARING_UPDATE] = "PreparingUpdate",
    [CS_LC_UPDATING] = "Updating",
    [CS_LC_UPDATED] = "Updated",
    [CS_LC_PREPARING_DELETE] = "PreparingDelete",
};

const char *cs_lifecycle_name(enum cs_lifecycle s)
{
    return (size_t)s < CS_ARRAY_LEN(lifecycle_names) ? lifecycle_names[s] : "";
}

static enum cs_lifecycle lifecycle_of(const char *label)
{
    if (!label)
        return CS_LC_NONE;
    for (size_t i = 0; i < CS_ARRAY_LEN(lifecycle_names); i++) {
        if (strcmp(label, lifecycle_names[i]) == 0)
            return (enum cs_lifecycle)i;
    }
    return CS_LC_OTHER;
}

/* Spec §5.6 rule 5: "+1" and "01" count as 0, "-0" and "-01" are numbers. */
static int32_t deletion_cost_of(struct cs_json v)
{
    struct cs_str s;
    int32_t cost = 0;

    if (!cs_json_str_borrow(v, &s) || (s.len > 1 && s.p[0] == '0') || !cs_parse_i32(s, &cost))
        return 0;
    return cost;
}

/* The annotation under its new key, else under its old one; by presence, as the peer reads. */
static const char *state_annotation(struct cs_intern *pool, struct cs_json annos, const char *key, const char *old_key)
{
    const char *s = cs_json_intern(pool, cs_json_get(annos, key));

    return s ? s : cs_json_intern(pool, cs_json_get(annos, old_key));
}

/* In service and in no update: nobody asks how the last one went, and that text is another one for each Pod. */
static bool is_settled(const struct cs_pod *p)
{
    return p->state == CS_LC_NORMAL && !p->inplace_grace &&
           (!p->has_inplace_gate || (p->inplace_ready.status == CS_COND_TRUE && p->inplace_ready.plain));
}

static void decode_keys(struct cs_intern *pool, struct cs_json annos, struct cs_pod *p)
{
    const struct cs_pairs *labels = &p->meta.labels;

    p->id = cs_intern_ref(pool, cs_pairs_get(labels, CS_LABEL_INSTANCE_ID));
    p->revision = cs_intern_ref(pool, cs_pairs_get(labels, CS_LABEL_REVISION));
    p->has_template_hash = cs_pairs_has(labels, CS_LABEL_TEMPLATE_HASH);
    p->specified_delete = cs_pairs_has(labels, CS_LABEL_SPECIFIED_DELETE);
    p->keep_claims = cs_pairs_has(labels, CS_LABEL_KEEP_CLAIMS);
    p->state = lifecycle_of(cs_pairs_get(labels, CS_LABEL_LIFECYCLE_STATE));

    p->deletion_cost = deletion_cost_of(cs_json_get(annos, CS_ANNO_DELETION_COST));
    p->recreate_for = cs_json_intern(pool, cs_json_get(annos, CS_ANNO_RECREATE_FOR));
    p->inplace_grace = state_annotation(pool, annos, CS_ANNO_INPLACE_GRACE, CS_ANNO_INPLACE_GRACE_OLD);
    if (!is_settled(p))
        p->inplace_state = state_annotation(pool, annos, CS_ANNO_INPLACE_STATE, CS_ANNO_INPLACE_STATE_OLD);
    p->old_state_key = cs_json_exists(cs_json_get(annos, CS_ANNO_INPLACE_STATE_OLD));
    p->old_grace_key = cs_json_exists(cs_json_get(annos, CS_ANNO_INPLACE_GRACE_OLD));
}

/* ---- the whole ---- */

struct cs_pod *cs_pod_decode(struct cs_intern *pool, struct cs_json obj, struct cs_error *err)
{
    struct cs_json spec = cs_json_get(obj, "spec"), status = cs_json_get(obj, "status");
    struct cs_decoder d = {.pool = pool, .err = err};
    struct room room = {0};

    if (!count_room(spec, status, &room, err))
        return NULL;
    size_t bytes = room.statuses * sizeof(struct cs_container_status) + room.claims * sizeof(const char *);
    struct cs_pod *p = cs_object_new(pool, obj, sizeof(*p), bytes + room.text_bytes, err);
    if (!p)
        return NULL;
    p->statuses = (struct cs_container_status *)(p + 1);
    p->claims = (const char **)(p->statuses + room.statuses);
    decode_spec(&d, spec, p);
    decode_status(pool, status, (char *)(p + 1) + bytes, p);
    decode_sidecars(spec, status, p);
    decode_keys(pool, cs_json_at(obj, "metadata", "annotations", NULL), p);
    if (!cs_decode_ok(&d)) {
        cs_pod_free(pool, p);
        return NULL;
    }
    return p;
}

void cs_pod_free(struct cs_intern *pool, struct cs_pod *p)
{
    if (!p)
        return;
    cs_meta_release(pool, &p->meta);
    const char *const texts[] = {p->node, p->id, p->revision, p->recreate_for, p->inplace_state, p->inplace_grace,
        p->held_up, p->kruise_ready.message};
    for (size_t i = 0; i < CS_ARRAY_LEN(texts); i++)
        cs_intern_unref(pool, texts[i]);
    cs_array_release(pool, &containers, p->containers, p->n_containers);
    for (uint32_t i = 0; i < p->n_statuses; i++) {
        const struct cs_container_status *s = &p->statuses[i];
        cs_intern_unref(pool, s->name);
        cs_intern_unref(pool, s->image);
        cs_intern_unref(pool, s->image_id);
        cs_intern_unref(pool, s->waiting_reason);
        cs_intern_unref(pool, s->resources);
    }
    for (uint32_t i = 0; i < p->n_claims; i++)
        cs_intern_unref(pool, p->claims[i]);
    free(p);
}

const struct cs_container *cs_pod_container(const struct cs_pod *p, const char *name)
{
    for (uint32_t i = 0; i < p->n_containers; i++) {
        if (cs_streq(p->containers[i].name, name))
            return &p->containers[i];
    }
    return NULL;
}

const struct cs_container_status *cs_pod_status_of(const struct cs_pod *p, const char *name)
{
    for (uint32_t i = 0; i < p->n_statuses; i++) {
        if (cs_streq(p->statuses[i].name, name))
            return &p->statuses[i];
    }
    return NULL;
}
