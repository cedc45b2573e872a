/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where Pods wait for somebody else: spec §6.8, §6.9, the regret of §5.1, the holding back of §5.5 and §6.5.
 */
#include "controller/plan/lifecycle.h"

#include <stdlib.h>
#include <string.h>

#include "common/api/gvr.h"
#include "common/base/alloc.h"
#include "common/json/json_doc.h"
#include "common/json/json_writer.h"

#define USER_AGENT "Lifecycle"

/* ---- hooks ---- */

static bool has_label(const struct cs_pod *p, const struct cs_pair *label)
{
    const char *value = cs_pairs_get(&p->meta.labels, label->key);

    return value && strcmp(value, label->value) == 0;
}

/* How many of the hook's labels and finalizers the Pod has. */
static uint32_t hooks_on(const struct cs_hook *h, const struct cs_pod *p)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < h->labels.len; i++)
        n += has_label(p, &h->labels.items[i]);
    for (uint32_t i = 0; i < h->n_finalizers; i++)
        n += cs_meta_has_finalizer(&p->meta, h->finalizers[i]);
    return n;
}

bool cs_hooked(const struct cs_hook *h, const struct cs_pod *p)
{
    return h->present && hooks_on(h, p) > 0;
}

bool cs_all_hooked(const struct cs_hook *h, const struct cs_pod *p)
{
    return h->present && hooks_on(h, p) == h->labels.len + h->n_finalizers;
}

/* ---- KruisePodReady ---- */

/* Users and other controllers write there, too: small limits. */
static const struct cs_json_limits message_limits = {.max_bytes = 64 << 10, .max_depth = 8, .max_nodes = 4000};

struct entry {
    char *agent, *key; /* "" when absent */
    char *raw; /* as it stands in the message */
};

struct entries {
    struct entry *items;
    size_t n;
};

static void entries_done(struct entries *e)
{
    for (size_t i = 0; i < e->n; i++) {
        free(e->items[i].agent);
        free(e->items[i].key);
        free(e->items[i].raw);
    }
    free(e->items);
    *e = (struct entries){0};
}

static char *text_of(struct cs_json v)
{
    char *s = cs_json_str_dup(v);

    return s ? s : cs_xstrdup("");
}

static const struct {
    unsigned bit;
    const char *key;
} our_keys[] = {
    {CS_KEY_PRE_DELETE, "preDeleteHook"},
    {CS_KEY_PRE_UPDATE, "preUpdateHook"},
};

/* 0: the entry is somebody else's. */
static unsigned our_key(const struct entry *e)
{
    for (size_t i = 0; i < CS_ARRAY_LEN(our_keys); i++)
        if (strcmp(e->agent, USER_AGENT) == 0 && strcmp(e->key, our_keys[i].key) == 0)
            return our_keys[i].bit;
    return 0;
}

/* What is no list of objects has no entries. Room for ours is left at the end. */
static void entries_parse(const char *text, struct entries *ret)
{
    cs_autojdoc doc = {0};
    struct cs_json root = {0};

    if (text && cs_jdoc_parse(&doc, text, strlen(text), &message_limits, NULL))
        root = cs_jdoc_root(&doc);
    *ret = (struct entries){.items = cs_new_array(struct entry, cs_json_count(root) + CS_ARRAY_LEN(our_keys))};
    if (!cs_json_is(root, CS_J_ARRAY))
        return;
    cs_json_foreach (item, root) {
        struct cs_str raw = cs_json_raw(item);

        if (!cs_json_is(item, CS_J_OBJECT))
            continue;
        ret->items[ret->n++] = (struct entry){.agent = text_of(cs_json_get(item, "userAgent")),
            .key = text_of(cs_json_get(item, "key")),
            .raw = cs_xmemdupz(raw.p, raw.len)};
    }
}

unsigned cs_ready_keys(const struct cs_pod *p)
{
    CS_CLEANUP(entries_done) struct entries e = {0};
    unsigned found = 0;

    if (!p->has_kruise_gate || !p->kruise_ready.message || !strstr(p->kruise_ready.message, USER_AGENT))
        return 0;
    entries_parse(p->kruise_ready.message, &e);
    for (size_t i = 0; i < e.n; i++)
        found |= our_key(&e.items[i]);
    return found;
}

static int by_agent_and_key(const void *x, const void *y)
{
    const struct entry *a = x;
    const struct entry *b = y;
    int c = strcmp(a->agent, b->agent);

    return c != 0 ? c : strcmp(a->key, b->key);
}

static struct entry own_entry(const char *key)
{
    return (struct entry){.agent = cs_xstrdup(USER_AGENT),
        .key = cs_xstrdup(key),
        .raw = cs_xasprintf("{\"userAgent\":\"" USER_AGENT "\",\"key\":\"%s\"}", key)};
}

char *cs_ready_message(const struct cs_pod *p, unsigned add, unsigned drop, bool *ret_empty)
{
    CS_CLEANUP(entries_done) struct entries e = {0};
    cs_autostrbuf sb = CS_STRBUF_INIT;
    unsigned have = 0;
    struct cs_jw w;

    entries_parse(p->kruise_ready.message, &e);
    for (size_t i = 0; i < e.n; i++)
        have |= our_key(&e.items[i]);
    for (size_t i = 0; i < CS_ARRAY_LEN(our_keys); i++)
        if ((add & our_keys[i].bit) && !(have & our_keys[i].bit))
            e.items[e.n++] = own_entry(our_keys[i].key);
    if (e.n > 1)
        qsort(e.items, e.n, sizeof(e.items[0]), by_agent_and_key);
    *ret_empty = true;
    cs_jw_init(&w, &sb);
    cs_jw_arr(&w);
    for (size_t i = 0; i < e.n; i++) {
        if (our_key(&e.items[i]) & drop & ~add)
            continue;
        *ret_empty = false;
        cs_jw_raw(&w, cs_str(e.items[i].raw));
    }
    cs_jw_end_arr(&w);
    return cs_strbuf_take(&sb, NULL);
}

unsigned cs_ready_keys_stale(const struct cs_pod *p, enum cs_lifecycle state)
{
    unsigned keys = cs_ready_keys(p);

    switch (state) {
    case CS_LC_PREPARING_DELETE:
        return 0;
    case CS_LC_PREPARING_UPDATE:
    case CS_LC_UPDATING:
        return keys & ~CS_KEY_PRE_UPDATE;
    case CS_LC_NONE:
    case CS_LC_PREPARING_NORMAL:
    case CS_LC_NORMAL:
    case CS_LC_UPDATED:
    case CS_LC_OTHER:
        break;
    }
    return keys;
}

/* The key that the hook asks for and the Pod lacks. Without the readiness gate nothing happens (spec §6.9). */
static unsigned key_due(const struct cs_hook *h, const struct cs_pod *p, unsigned key)
{
    return h->mark_not_ready && p->has_kruise_gate ? key & ~cs_ready_keys(p) : 0;
}

/* ---- the pass ---- */

void cs_plan_prepare_delete(struct cs_planner *pl, struct cs_view_pod *v, const char *why)
{
    bool waits = v->pod->state == CS_LC_PREPARING_DELETE;
    unsigned add = key_due(&pl->o->set->spec.pre_delete, v->pod, CS_KEY_PRE_DELETE);
    struct cs_action *a;

    if (waits && add == 0)
        return;
    v->chosen = v->doomed = true;
    /*
     * Taken back only by regret, and that not with markPodNotReady: decided on a fresh set, as a deletion (D2). What only waits
     * does not keep the update from going on (spec §5.5).
     */
    pl->scaled = pl->scaled || !waits;
    a = waits ? cs_plan_add(pl, CS_ACT_LIFECYCLE, why) : cs_plan_add_destructive(pl, CS_ACT_LIFECYCLE, why);
    if (!a)
        return;
    a->pod = v->pod;
    a->state = waits ? CS_LC_NONE : CS_LC_PREPARING_DELETE;
    a->keys_add = add;
}

void cs_plan_prepare_update(struct cs_planner *pl, struct cs_view_pod *v)
{
    bool waits = v->pod->state == CS_LC_PREPARING_UPDATE;
    unsigned add = key_due(&pl->o->set->spec.in_place, v->pod, CS_KEY_PRE_UPDATE);
    struct cs_action *a;

    if (waits && add == 0)
        return;
    v->chosen = true;
    a = cs_plan_add(pl, CS_ACT_LIFECYCLE, "its inPlaceUpdate hook holds it");
    a->pod = v->pod;
    a->state = waits ? CS_LC_NONE : CS_LC_PREPARING_UPDATE;
    a->keys_add = add;
}

void cs_plan_rearm(struct cs_planner *pl, struct cs_view_pod *v)
{
    const struct cs_hook *hook = &pl->o->set->spec.in_place;
    struct cs_action *a = cs_plan_add(pl, CS_ACT_REARM, "a newer revision, and its hook is not back in place");

    v->chosen = true;
    a->pod = v->pod;
    a->state = CS_LC_PREPARING_UPDATE;
    a->hook = hook;
    a->keys_add = key_due(hook, v->pod, CS_KEY_PRE_UPDATE);
}

/* It was chosen for deletion in the middle of an in-place update. A gate that is open again says that this has ended. */
static bool update_open(const struct cs_view_pod *v)
{
    const struct cs_pod *p = v->pod;
    struct cs_inplace_state s;
    bool resize_due;

    if (p->inplace_grace ||
        (p->has_inplace_gate && p->inplace_ready.status == CS_COND_FALSE && !cs_inplace_complete(p)))
        return true;
    cs_inplace_state_parse(p->inplace_state, &s);
    resize_due = cs_revision_same(s.revision, v->revision) && cs_resize_pending(p, &s.resize);
    cs_inplace_state_done(&s);
    return resize_due;
}

static void take_back(struct cs_planner *pl, struct cs_view_pod *v)
{
    struct cs_action *a = cs_plan_add(pl, CS_ACT_LIFECYCLE, "it is wanted after all");

    a->pod = v->pod;
    a->state = update_open(v) ? CS_LC_UPDATING : CS_LC_PREPARING_NORMAL;
    a->keys_drop = cs_ready_keys(v->pod); /* quirk 20 */
    v->pre_delete = false; /* its claims are handed back in the same pass */
}

/* How many Pods in PreparingDelete are missing from what is wanted; more than there are when others are missing, too. */
static int32_t wanted_back(const struct cs_planner *pl)
{
    int32_t planned = 0;

    for (uint32_t i = 0; i < pl->o->n_pods; i++) {
        const struct cs_view_pod *v = &pl->o->pods[i];

        planned += v->ours && (v->specified || v->pre_delete);
    }
    return pl->limits.n - pl->counts.total + planned;
}

bool cs_plan_regret(struct cs_planner *pl)
{
    const struct cs_cloneset_spec *s = &pl->o->set->spec;
    int32_t wanted = wanted_back(pl);
    bool any = false;

    if (s->pre_delete.mark_not_ready || s->in_place.mark_not_ready)
        return false;
    /* First what its hook still holds: what it has let go may have been emptied. A write under way may be doing this already. */
    for (int held = 1; held >= 0; held--)
        for (uint32_t i = 0; i < pl->o->n_pods && wanted > 0; i++) {
            struct cs_view_pod *v = &pl->o->pods[i];

            if (!v->ours || !v->pre_delete || v->specified || v->chosen ||
                cs_hooked(&s->pre_delete, v->pod) != (held == 1))
                continue;
            v->chosen = any = true;
            wanted--;
            if (v->busy == CS_IDLE)
                take_back(pl, v);
        }
    pl->scaled = pl->scaled || any;
    return any;
}

/* Where an update ends: with the hook's labels and finalizers to be put back, Updated waits for that. */
static enum cs_lifecycle after_update(const struct cs_cloneset_spec *s, const struct cs_pod *p)
{
    return !s->has_lifecycle || cs_all_hooked(&s->in_place, p) ? CS_LC_NORMAL : CS_LC_UPDATED;
}

/* The revision that a Pod waiting for its update has is wanted: nothing is to be updated (any more). */
static bool at_target(const struct cs_planner *pl, const struct cs_view_pod *v)
{
    return v->is_new == (pl->update_numbers.update_num >= 0);
}

enum cs_lifecycle cs_lifecycle_next(const struct cs_planner *pl, const struct cs_view_pod *v, bool complete)
{
    const struct cs_cloneset_spec *s = &pl->o->set->spec;
    const struct cs_pod *p = v->pod;

    switch (p->state) {
    case CS_LC_PREPARING_NORMAL:
        return p->node && (!s->pre_normal.present || cs_all_hooked(&s->pre_normal, p)) ? CS_LC_NORMAL : CS_LC_NONE;
    case CS_LC_PREPARING_UPDATE:
        return at_target(pl, v) ? after_update(s, p) : CS_LC_NONE;
    case CS_LC_UPDATING:
        return complete ? after_update(s, p) : CS_LC_NONE;
    case CS_LC_UPDATED:
        return !s->in_place.present || cs_all_hooked(&s->in_place, p) ? CS_LC_NORMAL : CS_LC_NONE;
    case CS_LC_NONE:
    case CS_LC_NORMAL:
    case CS_LC_PREPARING_DELETE:
    case CS_LC_OTHER:
        break;
    }
    return CS_LC_NONE;
}

void cs_plan_note_unhooked(struct cs_planner *pl)
{
    const struct cs_observation *o = pl->o;

    for (uint32_t i = 0; i < o->n_pods; i++) {
        const struct cs_pod *p = o->pods[i].pod;

        if (!p || !cs_pod_terminating(p) || !cs_hooked(&o->set->spec.pre_delete, p) ||
            !cs_meta_has_owner_uid(&p->meta, o->set->meta.uid))
            continue;
        cs_plan_note(pl, true, "PreDeleteHookSkipped", p->meta.uid,
            "a direct deletion is not held by the preDelete hook; label a Pod " CS_LABEL_SPECIFIED_DELETE
            "=true to delete it by way of the hook. Deleted directly: pod %s",
            p->meta.name);
    }
}
