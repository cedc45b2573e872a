/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hands that interfere: labels stripped, finalizers put on and taken off, claims and Pods deleted (also by force), objects of
 * somebody else with our labels, ids or names; the set deleted and made again under its name.
 */
#include <string.h>

#include "common/api/gvr.h"
#include "common/base/alloc.h"
#include "test/sim/sim.h"

#define HOLD "user/hold" /* finalizer */
#define ALPHABET "bcdfghjklmnpqrstvwxz2456789"

static struct sim_obj *any_of(struct sim *s, enum cs_kind k)
{
    struct sim_obj *all[256];
    size_t n = 0;

    for (struct sim_obj *o = s->objs; o && n < CS_ARRAY_LEN(all); o = o->next)
        if (o->kind == k)
            all[n++] = o;
    return n > 0 ? all[sim_below(s, n)] : NULL;
}

/* From now on the checks know that the user has had a hand in it. */
static void note(struct sim *s, struct sim_obj *o)
{
    o->meddled_ms = s->now_ms;
    if (o->kind == CS_K_CLAIM)
        s->claims_meddled_ms = s->now_ms;
}

/* Whoever needs the id has to do without its claims for as long as somebody else has the Pod's name, or longer. */
static void note_claims(struct sim *s, const char *pod)
{
    const char *id = strrchr(pod, '-') + 1;

    for (struct sim_obj *o = s->objs; o; o = o->next)
        if (o->kind == CS_K_CLAIM && cs_streq(strrchr(o->name, '-') + 1, id))
            note(s, o);
}

/* ---- labels ---- */

static void put_label(struct sim *s, uint64_t serial, const char *key, const char *value)
{
    struct sim_obj *o = sim_by_serial(s, serial);
    struct cs_jtree *t = o ? cs_jtree_dup(o->t) : NULL;

    if (!o)
        return;
    note(s, o);
    if (value)
        cs_jtree_set(sim_need(t, "metadata/labels"), key, cs_jtree_new_str(value));
    else
        cs_jtree_del(sim_need(t, "metadata/labels"), key);
    (void)sim_commit(s, SIM_USER, o, t);
}

/* Somebody notices and puts the id back, which is the end of the object's name. */
static void restore_id(struct sim *s, uint64_t serial)
{
    const struct sim_obj *o = sim_by_serial(s, serial);
    const char *dash = o ? strrchr(o->name, '-') : NULL;

    if (dash)
        put_label(s, serial, CS_LABEL_INSTANCE_ID, dash + 1);
}

static void strip_label(struct sim *s)
{
    static const char *const keys[] = {
        CS_LABEL_INSTANCE_ID, "app", CS_LABEL_REVISION, CS_LABEL_TEMPLATE_HASH, CS_LABEL_LIFECYCLE_STATE};
    struct sim_obj *o = any_of(s, sim_chance(s, 750) ? CS_K_POD : CS_K_CLAIM);
    const char *key = o && o->kind == CS_K_POD ? keys[sim_below(s, CS_ARRAY_LEN(keys))] : CS_LABEL_INSTANCE_ID;
    uint64_t serial;

    if (!o)
        return;
    serial = o->serial;
    sim_say(s, "the user strips %s of %s", o->name, key);
    if (o->kind == CS_K_POD && strcmp(key, CS_LABEL_INSTANCE_ID) == 0)
        note_claims(s, o->name);
    put_label(s, serial, key, NULL);
    if (strcmp(key, CS_LABEL_INSTANCE_ID) == 0 && sim_chance(s, 600))
        sim_later(s, sim_between(s, 50, 30000), restore_id, serial);
}

/* ---- finalizers ---- */

static void let_go(struct sim *s, uint64_t serial)
{
    struct sim_obj *o = sim_by_serial(s, serial);
    struct cs_jtree *t = o ? cs_jtree_dup(o->t) : NULL;

    if (!o)
        return;
    sim_put_finalizer(t, HOLD, false);
    (void)sim_commit(s, SIM_USER, o, t);
}

static void hold(struct sim *s)
{
    struct sim_obj *o = any_of(s, sim_chance(s, 600) ? CS_K_POD : CS_K_CLAIM);
    struct cs_jtree *t = o ? cs_jtree_dup(o->t) : NULL;

    if (!o)
        return;
    if (sim_str(t, "metadata/deletionTimestamp")) { /* the server takes no new ones then */
        cs_jtree_free(t);
        return;
    }
    sim_put_finalizer(t, HOLD, true);
    sim_later(s, sim_between(s, 500, 60000), let_go, o->serial);
    (void)sim_commit(s, SIM_USER, o, t);
}

/* ---- deletions ---- */

static void delete_claim(struct sim *s, bool with_pod)
{
    struct sim_obj *o = any_of(s, CS_K_CLAIM);
    cs_autofree char *name = NULL;

    if (!o)
        return;
    name = cs_xstrdup(o->name);
    note(s, o);
    o->doomed = true;
    sim_delete(s, SIM_USER, o);
    for (o = s->objs; with_pod && o; o = o->next)
        if (o->kind == CS_K_POD && sim_mounts(o->t, name)) {
            sim_delete(s, SIM_USER, o);
            return;
        }
}

static void force_delete(struct sim *s)
{
    struct sim_obj *o = any_of(s, CS_K_POD);

    if (o)
        sim_delete_now(s, SIM_USER, o);
}

/* ---- objects of somebody else ---- */

/* owner: uid of a node, or NULL */
static struct cs_jtree *foreign_pod(const char *name, const char *id, bool labels, const char *owner)
{
    static const char text[] = "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"namespace\":\"" SIM_NS
                               "\",\"labels\":{}},\"spec\":{\"containers\":[{\"name\":\"other\",\"image\":\"other:1\"}]"
                               "}}";
    struct cs_jtree *t = sim_parse(text);
    struct cs_jtree *meta = cs_jtree_get(t, "metadata");

    cs_jtree_set(meta, "name", cs_jtree_new_str(name));
    if (labels)
        cs_jtree_set(cs_jtree_get(meta, "labels"), "app", cs_jtree_new_str("web"));
    if (id)
        cs_jtree_set(cs_jtree_get(meta, "labels"), CS_LABEL_INSTANCE_ID, cs_jtree_new_str(id));
    if (owner) {
        cs_autofree char *refs = cs_xasprintf(
            "[{\"apiVersion\":\"v1\",\"kind\":\"Node\",\"name\":\"n\",\"uid\":\"%s\",\"controller\":true}]", owner);

        cs_jtree_set(meta, "ownerReferences", sim_parse(refs));
    }
    return t;
}

/* An id that the set uses, or one that it might choose. */
static char *some_id(struct sim *s)
{
    const struct sim_obj *o = any_of(s, CS_K_POD);
    const char *id = o ? sim_label(o->t, CS_LABEL_INSTANCE_ID) : NULL;
    char text[6] = "";

    if (id && sim_chance(s, 600))
        return cs_xstrdup(id);
    for (size_t i = 0; i < 5; i++)
        text[i] = ALPHABET[sim_below(s, sizeof(ALPHABET) - 1)];
    return cs_xstrdup(text);
}

static void come_pod(struct sim *s)
{
    cs_autofree char *id = some_id(s);
    bool our_name = sim_chance(s, 400);
    cs_autofree char *name =
        our_name ? cs_xasprintf(SIM_SET "-%s", id) : cs_xasprintf("other-%llu", (unsigned long long)++s->foreigners);
    bool has_id = sim_chance(s, 500);
    const struct sim_obj *owner = sim_chance(s, 300) ? sim_find(s, CS_K_NODE, "node-0") : NULL;

    if (sim_find(s, CS_K_POD, name))
        return;
    note_claims(s, name);
    (void)sim_create(
        s, SIM_USER, CS_K_POD, foreign_pod(name, has_id ? id : NULL, sim_chance(s, 700), owner ? owner->uid : NULL));
}

static void come_claim_named(struct sim *s, const char *name, const char *id)
{
    cs_autofree char *text =
        cs_xasprintf("{\"apiVersion\":\"v1\",\"kind\":\"PersistentVolumeClaim\",\"metadata\":{\"namespace\":\"" SIM_NS
                     "\",\"name\":\"%s\",\"labels\":{\"app\":\"web\"}},\"spec\":{\"resources\":{\"requests\":{"
                     "\"storage\":\"1Gi\"}}}}",
            name);
    struct cs_jtree *t;

    if (sim_find(s, CS_K_CLAIM, name))
        return;
    t = sim_parse(text);
    if (sim_chance(s, 400))
        cs_jtree_set(sim_need(t, "metadata/labels"), CS_LABEL_INSTANCE_ID, cs_jtree_new_str(id));
    note(s, sim_create(s, SIM_USER, CS_K_CLAIM, t));
}

static void come_claim(struct sim *s)
{
    cs_autofree char *id = some_id(s);
    cs_autofree char *name = cs_xasprintf("%s-" SIM_SET "-%s", sim_chance(s, 500) ? "data" : "logs", id);

    come_claim_named(s, name, id);
}

/* D4: where a stranger has a claim of this id, nothing is done about the others, also for a while after that one has gone. */
void sim_claim_is_made(struct sim *s, struct sim_obj *claim)
{
    for (const struct sim_obj *o = s->objs; o; o = o->next)
        if (o->kind == CS_K_CLAIM && o != claim && !sim_was_ours(s, o->t) &&
            cs_streq(strrchr(o->name, '-'), strrchr(claim->name, '-')))
            note(s, claim);
}

/* Somebody makes a Pod or claim of that name just before the controller does. */
void sim_name_is_wanted(struct sim *s, enum cs_kind k, const char *name)
{
    const char *id = strrchr(name, '-') ? strrchr(name, '-') + 1 : "";

    if (!s->sc->meddles || s->settled || (k != CS_K_POD && k != CS_K_CLAIM) || sim_find(s, k, name) ||
        !sim_strikes(s, SIM_F_MEDDLED, name, 25))
        return;
    note_claims(s, name);
    if (k == CS_K_POD)
        (void)sim_create(s, SIM_USER, k, foreign_pod(name, sim_chance(s, 300) ? id : NULL, sim_chance(s, 500), NULL));
    else
        come_claim_named(s, name, id);
}

/* A Pod of somebody else takes the name of one of ours that has just gone. */
static void take_name(struct sim *s, uint64_t serial)
{
    struct sim_obj *o = sim_by_serial(s, serial);
    cs_autofree char *name = o ? cs_xstrdup(o->name) : NULL;

    if (!o)
        return;
    sim_delete_now(s, SIM_USER, o);
    if (sim_find(s, CS_K_POD, name))
        return;
    note_claims(s, name);
    (void)sim_create(s, SIM_USER, CS_K_POD, foreign_pod(name, NULL, sim_chance(s, 500), NULL));
}

static bool is_foreign(const struct sim *s, const struct sim_obj *o)
{
    return (o->kind == CS_K_POD || o->kind == CS_K_CLAIM) && !sim_was_ours(s, o->t);
}

static void go_foreigner(struct sim *s)
{
    for (struct sim_obj *o = s->objs; o; o = o->next)
        if (is_foreign(s, o) && sim_chance(s, 500)) {
            note(s, o);
            sim_delete(s, SIM_USER, o);
            return;
        }
}

void sim_meddle(struct sim *s)
{
    struct sim_obj *o;

    switch (sim_below(s, 12)) {
    case 0:
    case 1:
        strip_label(s);
        break;
    case 2:
    case 3:
        hold(s);
        break;
    case 4:
        delete_claim(s, sim_chance(s, 500));
        break;
    case 5:
    case 6:
        force_delete(s);
        break;
    case 7:
        come_pod(s);
        break;
    case 8:
        come_claim(s);
        break;
    case 9:
        o = any_of(s, CS_K_POD);
        if (o)
            take_name(s, o->serial);
        break;
    default:
        go_foreigner(s);
        break;
    }
}

/* A Pod that was released keeps its claim, and a set whose deletion waits for its dependents waits for that. */
static bool blocks_deletion(struct sim *s, const struct sim_obj *pod)
{
    const struct sim_obj *set = sim_the_set(s);

    if (!set || !sim_str(set->t, "metadata/deletionTimestamp") || sim_controller_of(pod->t))
        return false;
    for (const struct sim_obj *c = s->objs; c; c = c->next)
        if (c->kind == CS_K_CLAIM && sim_owned_by(c->t, set->uid) && sim_mounts(pod->t, c->name))
            return true;
    return false;
}

/* D4: what is of this id is left alone, even a claim that a Pod of the set has lost. */
static bool contests_id(const struct sim *s, const struct sim_obj *foreign)
{
    const char *id = sim_label(foreign->t, CS_LABEL_INSTANCE_ID);

    for (const struct sim_obj *o = s->objs; id && o; o = o->next)
        if (o->kind == CS_K_POD && o != foreign && sim_was_ours(s, o->t) &&
            cs_streq(sim_label(o->t, CS_LABEL_INSTANCE_ID), id))
            return !sim_was_ours(s, foreign->t);
    return false;
}

/*
 * Who stripped Pods of their ids sees in the end that nobody serves them any more, and deletes them; so does who made Pods with
 * ids of ours.
 */
void sim_meddle_settle(struct sim *s)
{
    for (struct sim_obj *o = s->objs; o;) {
        struct sim_obj *next = o->next;
        uint64_t serial = o->serial;
        bool lost = o->kind == CS_K_POD && (contests_id(s, o) || blocks_deletion(s, o) ||
                                               (sim_was_ours(s, o->t) && !sim_label(o->t, CS_LABEL_INSTANCE_ID)));

        let_go(s, serial);
        if (lost && sim_by_serial(s, serial))
            sim_delete(s, SIM_USER, sim_by_serial(s, serial));
        o = next;
    }
}

/* ---- the set goes and comes ---- */

static void make_again(struct sim *s, uint64_t arg)
{
    const struct sim_obj *set = sim_the_set(s);

    if (!set)
        sim_user_make_set(s);
    else if (sim_str(set->t, "metadata/deletionTimestamp")) /* not gone yet; else a restored server has it again */
        sim_later(s, 500, make_again, arg);
}

void sim_remake(struct sim *s)
{
    struct sim_obj *set = sim_the_set(s);

    if (!set || sim_str(set->t, "metadata/deletionTimestamp"))
        return;
    sim_delete_set(s, (enum sim_propagation)sim_below(s, SIM_PROPAGATIONS));
    sim_later(s, sim_between(s, 10, sim_chance(s, 600) ? 2000 : 60000), make_again, 0);
}

/* ---- refusals ---- */

void sim_refuse(struct sim *s)
{
    int64_t until = s->now_ms + sim_between(s, 500, 45000);
    struct sim_hindrance *t = &s->hindrance;

    if (sim_chance(s, 400)) {
        t->deny_until_ms = until;
        sim_say(s, "a webhook denies writes of Pods until %lld", (long long)until);
        return;
    }
    t->quota_until_ms = until;
    t->quota_pods = sim_between(s, 0, 6);
    t->quota_claims = sim_between(s, 0, 8);
    sim_say(s, "quota: %lld Pods, %lld claims until %lld", (long long)t->quota_pods, (long long)t->quota_claims,
        (long long)until);
}

static int64_t count(const struct sim *s, enum cs_kind k)
{
    int64_t n = 0;

    for (const struct sim_obj *o = s->objs; o; o = o->next)
        n += o->kind == k && (k != CS_K_POD || !sim_pod_finished(o->t));
    return n;
}

/* What the server says to a write of the controller instead of doing it; NULL: nothing. */
const char *sim_refusal(const struct sim *s, enum cs_verb verb, enum cs_kind k)
{
    const struct sim_hindrance *t = &s->hindrance;

    if (k == CS_K_POD && s->now_ms < t->deny_until_ms && verb != CS_VERB_DELETE)
        return "admission webhook \"pods.example.com\" denied the request: not now";
    if (verb != CS_VERB_CREATE || s->now_ms >= t->quota_until_ms)
        return NULL;
    if (k == CS_K_POD && count(s, k) >= t->quota_pods)
        return "exceeded quota: compute, requested: pods=1";
    if (k == CS_K_CLAIM && count(s, k) >= t->quota_claims)
        return "exceeded quota: storage, requested: persistentvolumeclaims=1";
    return NULL;
}
