/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Why a set is not moving, as far as Pods show it (users.md U-40): container, scheduler, node, hook, age.
 */
#include "controller/plan/blockers.h"

#include <string.h>

#include "common/api/gvr.h"

/* What a Pod waits for; of several Pods the one with the highest is told. */
enum wait {
    WAIT_NOTHING,
    WAIT_GOING, /* it is about to be deleted */
    WAIT_HELD, /* it may not be deleted yet: mostly because of another that is worse off */
    WAIT_MIN_READY,
    WAIT_STARTING,
    WAIT_VACANCY, /* it is Terminating, and its replacement gets its claims (D1) */
    WAIT_HOOK,
    WAIT_NODE,
    WAIT_UNSCHEDULABLE,
    WAIT_FAILING,
    WAIT_COUNT
};

static const char *const reasons[WAIT_COUNT] = {
    [WAIT_GOING] = "PodsTerminating",
    [WAIT_MIN_READY] = "MinReadySeconds",
    [WAIT_STARTING] = "PodsStarting",
    [WAIT_VACANCY] = "WaitingForClaims",
    [WAIT_HELD] = "DeletionLimited",
    [WAIT_HOOK] = "WaitingForHook",
    [WAIT_NODE] = "NodeNotReady",
    [WAIT_UNSCHEDULABLE] = "PodsUnschedulable",
    [WAIT_FAILING] = "PodsFailing",
};

void cs_one_line(char *ret, size_t size, const char *text)
{
    static const char more[] = "…";
    const char *end = text + strlen(text);
    size_t n = 0;
    size_t cut = 0; /* where "…" still fits */

    for (const char *p = text; p < end;) {
        size_t len = cs_utf8_char_len(p, end);

        len = len ? len : 1; /* the writer makes U+FFFD of it */
        if (n + len >= size) {
            memcpy(ret + cut, more, sizeof(more));
            return;
        }
        memcpy(ret + n, p, len);
        if ((unsigned char)ret[n] < 0x20 || ret[n] == 0x7f)
            ret[n] = ' ';
        n += len;
        p += len;
        if (n + sizeof(more) <= size)
            cut = n;
    }
    ret[n] = '\0';
}

/* Appends what of a hook the Pod has (there), or lacks; false: nothing. */
static bool hook_item(const struct cs_hook *h, const struct cs_meta *m, bool there, struct cs_strbuf *out)
{
    for (uint32_t i = 0; h->present && i < h->labels.len; i++)
        if (cs_streq(cs_pairs_get(&m->labels, h->labels.items[i].key), h->labels.items[i].value) == there) {
            cs_strbuf_addf(out, "label %s=%s", h->labels.items[i].key, h->labels.items[i].value);
            return true;
        }
    for (uint32_t i = 0; h->present && i < h->n_finalizers; i++)
        if (cs_meta_has_finalizer(m, h->finalizers[i]) == there) {
            cs_strbuf_addf(out, "finalizer %s", h->finalizers[i]);
            return true;
        }
    return false;
}

/* Spec §6.8: appends at which hook the Pod waits and what for; false: at none. */
static bool waits_at_hook(const struct cs_cloneset_spec *s, const struct cs_pod *p, struct cs_strbuf *out)
{
    cs_autostrbuf item = CS_STRBUF_INIT;
    const char *hook = NULL;
    const char *until = "is removed";

    switch (p->state) {
    case CS_LC_PREPARING_DELETE:
        hook = hook_item(&s->pre_delete, &p->meta, true, &item) ? "preDelete" : NULL;
        break;
    case CS_LC_PREPARING_UPDATE:
        hook = hook_item(&s->in_place, &p->meta, true, &item) ? "inPlaceUpdate" : NULL;
        break;
    case CS_LC_UPDATED:
        hook = hook_item(&s->in_place, &p->meta, false, &item) ? "inPlaceUpdate" : NULL;
        until = "is put back";
        break;
    case CS_LC_PREPARING_NORMAL:
        hook = hook_item(&s->pre_normal, &p->meta, false, &item) ? "preNormal" : NULL;
        until = "is set";
        break;
    default:
        break;
    }
    if (hook && out)
        cs_strbuf_addf(out, "waits at the %s hook until %s %s", hook, cs_strbuf_str(&item), until);
    return hook != NULL;
}

/* A container that waits for more than its turn. */
static const struct cs_container_status *failing_container(const struct cs_pod *p)
{
    for (uint32_t i = 0; i < p->n_statuses; i++) {
        const char *why = p->statuses[i].waiting_reason;

        if (why && strcmp(why, "ContainerCreating") != 0 && strcmp(why, "PodInitializing") != 0)
            return &p->statuses[i];
    }
    return NULL;
}

/* D1: there is a vacancy, and this Pod holds its id and claims back. */
static bool holds_vacancy(const struct cs_planner *pl, const struct cs_view_pod *v)
{
    if (pl->numbers.scale_up <= 0 || !v->pod || cs_pod_active(v->pod))
        return false;
    for (uint32_t k = 0; k < v->claim_n; k++)
        if (cs_plan_claim_is_sets(pl, &pl->o->claims[v->claim_at + k]))
            return true;
    return false;
}

bool cs_deletion_held(const struct cs_view_pod *v)
{
    return v->doomed && !v->chosen && v->ready && v->busy != CS_BUSY_DELETE;
}

static enum wait wait_of(const struct cs_planner *pl, const struct cs_view_pod *v)
{
    const struct cs_pod *p = v->pod;

    if (!p || !v->ours)
        return holds_vacancy(pl, v) ? WAIT_VACANCY : WAIT_NOTHING;
    if (v->pre_delete)
        return waits_at_hook(&pl->o->set->spec, p, NULL) ? WAIT_HOOK : WAIT_GOING;
    if (v->specified || v->doomed)
        return cs_deletion_held(v) ? WAIT_HELD : WAIT_GOING;
    if (v->available)
        return WAIT_NOTHING;
    if (v->node_lost)
        return WAIT_NODE;
    if (p->scheduled.status == CS_COND_FALSE && !p->node)
        return WAIT_UNSCHEDULABLE;
    if (failing_container(p) || (p->held_up && p->node) || p->state == CS_LC_OTHER)
        return WAIT_FAILING;
    if (waits_at_hook(&pl->o->set->spec, p, NULL))
        return WAIT_HOOK;
    return v->ready ? WAIT_MIN_READY : WAIT_STARTING;
}

static void tell_failing(const struct cs_pod *p, struct cs_strbuf *out)
{
    const struct cs_container_status *s = failing_container(p);
    const struct cs_container *c = s ? cs_pod_container(p, s->name) : NULL;
    const char *why = s ? s->waiting_reason : NULL;

    if (!s) {
        if (p->held_up)
            cs_strbuf_addf(out, ": %s", p->held_up);
        else
            cs_strbuf_addf(out, ": its label %s is not one of the known states", CS_LABEL_LIFECYCLE_STATE);
        return;
    }
    /* The kubelet goes to and fro between the two; a message that does the same would only be noise. */
    if (strcmp(why, "ErrImagePull") == 0)
        why = "ImagePullBackOff";
    cs_strbuf_addf(out, ": container %s: %s", s->name, why);
    if (c && c->image && strstr(why, "Image"))
        cs_strbuf_addf(out, " (%s)", c->image);
}

static void tell_starting(const struct cs_pod *p, struct cs_strbuf *out)
{
    const char *why = p->n_statuses > 0 ? p->statuses[0].waiting_reason : NULL;

    if (p->inplace_grace)
        cs_strbuf_adds(out, " is out of service until gracePeriodSeconds are over, then it is updated in place");
    else if (p->state == CS_LC_UPDATING)
        cs_strbuf_adds(out, " is being updated in place");
    else if (p->state == CS_LC_PREPARING_UPDATE)
        cs_strbuf_adds(out, " waits to be updated in place");
    else if (!p->node)
        cs_strbuf_adds(out, " waits to be scheduled");
    else if (p->phase == CS_PHASE_PENDING)
        cs_strbuf_addf(out, " is starting%s%s%s", why ? " (" : "", why ? why : "", why ? ")" : "");
    else
        cs_strbuf_adds(out, " is not Ready");
}

static void tell(const struct cs_planner *pl, const struct cs_view_pod *v, enum wait w, struct cs_strbuf *out)
{
    const struct cs_cloneset_spec *s = &pl->o->set->spec;
    const struct cs_pod *p = v->pod;

    cs_strbuf_addf(out, "Pod %s", v->name);
    switch (w) {
    case WAIT_FAILING:
        tell_failing(p, out);
        break;
    case WAIT_UNSCHEDULABLE:
        cs_strbuf_addf(out, " cannot be scheduled%s%s", p->held_up ? ": " : "", p->held_up ? p->held_up : "");
        break;
    case WAIT_NODE:
        cs_strbuf_addf(out, ": its node %s is NotReady or gone", p->node);
        break;
    case WAIT_HOOK:
        cs_strbuf_addc(out, ' ');
        (void)waits_at_hook(s, p, out);
        break;
    case WAIT_HELD:
        cs_strbuf_adds(out, " is to be deleted as soon as maxUnavailable allows it");
        break;
    case WAIT_VACANCY:
        cs_strbuf_adds(out, cs_pod_terminating(p) ? " is Terminating" : " has finished");
        cs_strbuf_adds(out, "; its replacement waits for its id and claims");
        break;
    case WAIT_STARTING:
        tell_starting(p, out);
        break;
    case WAIT_MIN_READY:
        cs_strbuf_addf(out, " is Ready, and available once it has been so for minReadySeconds (%d)", s->min_ready_s);
        break;
    case WAIT_GOING:
    case WAIT_NOTHING:
    case WAIT_COUNT:
        cs_strbuf_adds(out, v->marked ? " is being recreated" : " is being deleted");
        break;
    }
}

const char *cs_blocking_pod(const struct cs_planner *pl, struct cs_strbuf *out)
{
    const struct cs_view_pod *worst = NULL;
    enum wait worst_wait = WAIT_NOTHING;
    uint32_t others = 0;

    for (uint32_t i = 0; i < pl->o->n_pods; i++) { /* sorted by name */
        enum wait w = wait_of(pl, &pl->o->pods[i]);

        if (w == WAIT_NOTHING || w < worst_wait)
            continue;
        others = w > worst_wait ? 0 : others + 1;
        worst = w > worst_wait ? &pl->o->pods[i] : worst;
        worst_wait = w;
    }
    if (!worst)
        return NULL;
    tell(pl, worst, worst_wait, out);
    if (others > 0)
        cs_strbuf_addf(out, ", and %u more", others);
    return reasons[worst_wait];
}
