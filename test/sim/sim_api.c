/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The API server in memory: versions, optimistic concurrency, preconditions, subresources, finalizers, graceful deletion.
 * What it does at a request follows the API concepts page and the registry code's documented behaviour; what the controller
 * never asks for is refused, so that a new kind of request is noticed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/api/gvr.h"
#include "common/base/alloc.h"
#include "common/cloneset/template.h"
#include "common/json/json_writer.h"
#include "test/sim/sim.h"

const char *sim_select_key(enum cs_kind k)
{
    static const char *const keys[CS_K_COUNT] = {
        [CS_K_POD] = CS_LABEL_INSTANCE_ID,
        [CS_K_CLAIM] = CS_LABEL_INSTANCE_ID,
        [CS_K_REVISION] = CS_LABEL_REVISION_HASH,
    };

    return keys[k];
}

bool sim_kind_of(const struct cs_gvr *gvr, enum cs_kind *ret)
{
    for (int k = 0; k < CS_K_COUNT; k++)
        if (cs_kind_gvr((enum cs_kind)k) == gvr) {
            *ret = (enum cs_kind)k;
            return true;
        }
    return false;
}

struct sim_obj *sim_find(struct sim *s, enum cs_kind k, const char *name)
{
    for (struct sim_obj *o = s->objs; o; o = o->next)
        if (o->kind == k && cs_streq(o->name, name))
            return o;
    return NULL;
}

struct sim_obj *sim_by_serial(struct sim *s, uint64_t serial)
{
    for (struct sim_obj *o = s->objs; o; o = o->next)
        if (o->serial == serial)
            return o;
    return NULL;
}

struct sim_obj *sim_by_uid(struct sim *s, const char *uid)
{
    for (struct sim_obj *o = s->objs; o; o = o->next)
        if (cs_streq(o->uid, uid))
            return o;
    return NULL;
}

/* ---- versions ---- */

static bool selected(const struct sim_obj *o, const struct cs_jtree *t)
{
    const char *key = sim_select_key(o->kind);

    return t && (!key || sim_label(t, key));
}

static void stamp(struct sim *s, struct cs_jtree *t)
{
    char text[32];

    (void)snprintf(text, sizeof(text), "%llu", (unsigned long long)++s->rv);
    cs_jtree_set(sim_need(t, "metadata"), "resourceVersion", cs_jtree_new_str(text));
}

/* Puts one version into the log that feeds the watches. */
static void record(struct sim *s, const struct sim_obj *o, const struct cs_jtree *before, const struct cs_jtree *after)
{
    struct sim_event *e;

    cs_grow(s->log, s->n_log, s->cap_log);
    e = &s->log[s->n_log++];
    if (o->kind == CS_K_SET || o->kind == CS_K_POD || o->kind == CS_K_CLAIM)
        s->changed_ms = s->now_ms;
    *e = (struct sim_event){.rv = s->rv,
        .kind = o->kind,
        .was = before != NULL,
        .is = after != NULL,
        .had = selected(o, before),
        .has = selected(o, after),
        .text = sim_print(after ? after : before)};
    sim_net_committed(s);
}

static const char *actor_name(enum sim_actor who)
{
    static const char *const names[] = {"controller", "user", "kubelet", "gc"};

    return names[who];
}

static void obj_free(struct sim_obj *o)
{
    cs_jtree_free(o->t);
    cs_jtree_free(o->report);
    free(o->name);
    free(o->uid);
    free(o);
}

struct sim_obj *sim_create(struct sim *s, enum sim_actor who, enum cs_kind k, struct cs_jtree *t)
{
    struct sim_obj *o = cs_new(struct sim_obj);
    struct cs_jtree *meta = sim_need(t, "metadata");
    char ts[CS_RFC3339_SIZE];

    o->serial = ++s->serials;
    o->created_ms = s->now_ms;
    o->kind = k;
    o->name = cs_xstrdup(sim_str(t, "metadata/name"));
    o->uid = cs_xasprintf("u-%llu-%llu", (unsigned long long)o->serial, (unsigned long long)(s->seed % 100000));
    o->t = t;
    cs_jtree_set(meta, "uid", cs_jtree_new_str(o->uid));
    cs_jtree_set(meta, "creationTimestamp", cs_jtree_new_str(sim_time(s, ts)));
    if (k == CS_K_SET)
        cs_jtree_set(meta, "generation", cs_jtree_new_i64(1));
    if (k == CS_K_CLAIM)
        cs_jtree_append(cs_jtree_set(meta, "finalizers", cs_jtree_new_arr()), cs_jtree_new_str(SIM_CLAIM_FINALIZER));
    if (k == CS_K_POD)
        cs_jtree_set(sim_need(t, "status"), "phase", cs_jtree_new_str("Pending"));
    stamp(s, t);
    o->rv = s->rv;
    o->next = s->objs;
    s->objs = o;
    sim_say(s, "%s creates %s %s rv=%llu", actor_name(who), cs_kind_gvr(k)->kind, o->name, (unsigned long long)o->rv);
    record(s, o, NULL, t);
    sim_check_create(s, who, o);
    sim_check_state(s);
    if (k == CS_K_POD)
        sim_pod_changed(s, o);
    if (k == CS_K_POD && who == SIM_CONTROLLER)
        sim_pod_is_made(s, o);
    if (k == CS_K_CLAIM && who == SIM_CONTROLLER)
        sim_claim_is_made(s, o);
    if (k == CS_K_CLAIM)
        sim_claim_created(s, o);
    return o;
}

void sim_remove(struct sim *s, enum sim_actor who, struct sim_obj *o)
{
    stamp(s, o->t);
    sim_say(s, "%s %s is gone (%s) rv=%llu", cs_kind_gvr(o->kind)->kind, o->name, actor_name(who),
        (unsigned long long)s->rv);
    for (struct sim_obj **p = &s->objs; *p; p = &(*p)->next)
        if (*p == o) {
            *p = o->next;
            break;
        }
    record(s, o, o->t, NULL);
    sim_check_removed(s, who, o);
    sim_check_state(s);
    obj_free(o);
    sim_gc_soon(s);
}

static bool has_finalizers(const struct cs_jtree *t)
{
    return cs_jtree_is(sim_get(t, "metadata/finalizers"), CS_J_ARRAY) &&
           cs_jtree_count(sim_get(t, "metadata/finalizers")) > 0;
}

bool sim_commit(struct sim *s, enum sim_actor who, struct sim_obj *o, struct cs_jtree *t)
{
    struct cs_jtree *before = o->t;

    if (cs_jtree_equal(before, t)) {
        cs_jtree_free(t);
        return false;
    }
    if (o->kind == CS_K_SET &&
        (!cs_jtree_equal(cs_jtree_get(before, "spec"), cs_jtree_get(t, "spec")) ||
            (!sim_str(before, "metadata/deletionTimestamp") && sim_str(t, "metadata/deletionTimestamp"))))
        cs_jtree_set(
            sim_need(t, "metadata"), "generation", cs_jtree_new_i64(sim_int(before, "metadata/generation", 1) + 1));
    stamp(s, t);
    sim_say(
        s, "%s changes %s %s rv=%llu", actor_name(who), cs_kind_gvr(o->kind)->kind, o->name, (unsigned long long)s->rv);
    sim_check_commit(s, who, o, t);
    record(s, o, before, t);
    o->t = t;
    o->rv = s->rv;
    cs_jtree_free(before);
    sim_check_state(s);
    if (o->kind == CS_K_POD)
        sim_pod_changed(s, o);
    if (o->kind == CS_K_SET && sim_str(t, "metadata/deletionTimestamp"))
        sim_gc_soon(s);
    if (o->kind != CS_K_POD && sim_str(t, "metadata/deletionTimestamp") && !has_finalizers(t))
        sim_remove(s, who, o);
    return true;
}

void sim_delete(struct sim *s, enum sim_actor who, struct sim_obj *o)
{
    bool pod = o->kind == CS_K_POD;
    int64_t grace = pod ? sim_int(o->t, "spec/terminationGracePeriodSeconds", 30) : 0;
    char ts[CS_RFC3339_SIZE];
    struct cs_jtree *t;

    if (sim_str(o->t, "metadata/deletionTimestamp"))
        return;
    sim_check_delete(s, who, o);
    if (!has_finalizers(o->t) && (!pod || !sim_str(o->t, "spec/nodeName"))) {
        sim_remove(s, who, o);
        return;
    }
    t = cs_jtree_dup(o->t);
    cs_jtree_set(sim_need(t, "metadata"), "deletionTimestamp",
        cs_jtree_new_str(cs_rfc3339_format(cs_clock_wall_ms(&s->clock) + grace * 1000, ts)));
    cs_jtree_set(sim_need(t, "metadata"), "deletionGracePeriodSeconds", cs_jtree_new_i64(grace));
    (void)sim_commit(s, who, o, t);
    if (o->kind == CS_K_CLAIM)
        sim_gc_soon(s);
}

/* Grace period 0: the server does not wait for the kubelet. */
void sim_delete_now(struct sim *s, enum sim_actor who, struct sim_obj *o)
{
    if (!has_finalizers(o->t))
        sim_remove(s, who, o);
    else
        sim_delete(s, who, o);
}

/* ---- requests ---- */

void sim_api_error(struct sim_answer *ret, int status, const char *reason, const char *message)
{
    cs_autostrbuf out = CS_STRBUF_INIT;
    struct cs_jw w;

    cs_jw_init(&w, &out);
    cs_jw_obj(&w);
    cs_jw_kstr(&w, "kind", "Status");
    cs_jw_kstr(&w, "apiVersion", "v1");
    cs_jw_kstr(&w, "status", "Failure");
    cs_jw_kstr(&w, "message", message);
    cs_jw_kstr(&w, "reason", reason);
    cs_jw_ki64(&w, "code", status);
    cs_jw_end_obj(&w);
    *ret = (struct sim_answer){.status = status, .body = cs_strbuf_take(&out, NULL)};
}

static void answer_object(struct sim_answer *ret, int status, const struct cs_jtree *t)
{
    *ret = (struct sim_answer){.status = status, .body = sim_print(t)};
}

/* What a body's metadata demands of the object. */
static bool guarded(const struct sim_obj *o, const struct cs_jtree *given, struct sim_answer *ret)
{
    const char *uid = given ? sim_str(given, "uid") : NULL;
    const char *rv = given ? sim_str(given, "resourceVersion") : NULL;

    if ((!uid || cs_streq(uid, o->uid)) && (!rv || cs_streq(rv, sim_str(o->t, "metadata/resourceVersion"))))
        return true;
    sim_api_error(
        ret, 409, "Conflict", "the object has been modified; please apply your changes to the latest version");
    return false;
}

static void put_back(struct cs_jtree *t, const struct cs_jtree *from, const char *key)
{
    const struct cs_jtree *v = cs_jtree_get(from, key);

    if (v)
        cs_jtree_set(t, key, cs_jtree_dup(v));
    else
        cs_jtree_del(t, key);
}

/* Pods: nothing of a spec changes but images (ValidatePodUpdate). */
static bool only_images_differ(const struct cs_jtree *a, const struct cs_jtree *b)
{
    cs_autojtree *x = cs_jtree_dup(cs_jtree_get(a, "spec"));
    cs_autojtree *y = cs_jtree_dup(cs_jtree_get(b, "spec"));
    struct cs_jtree *both[] = {x, y};

    for (int i = 0; i < 2; i++) {
        struct cs_jtree *list = cs_jtree_get(both[i], "containers");

        for (struct cs_jtree *c = cs_jtree_first(list); c; c = cs_jtree_next(c))
            cs_jtree_del(c, "image");
    }
    return cs_jtree_equal(x, y);
}

/* Claims: only their request may grow, when they are bound and their StorageClass allows it; every third one's does not. */
static bool may_become(struct sim *s, const struct sim_obj *o, const struct cs_jtree *t, struct sim_answer *ret)
{
    static const char path[] = "spec/resources/requests/storage";
    const char *was = sim_str(o->t, path);
    const char *is = sim_str(t, path);
    int sign = 0;

    if (cs_jtree_equal(cs_jtree_get(o->t, "spec"), cs_jtree_get(t, "spec")))
        return true;
    if (!was || !is || !cs_quantity_cmp(cs_str(is), cs_str(was), &sign) || sign <= 0)
        sim_fail(s, "claim %s is to shrink from %s to %s", o->name, was ? was : "?", is ? is : "?");
    if (!cs_streq(sim_str(o->t, "status/phase"), "Bound"))
        sim_api_error(
            ret, 422, "Invalid", "spec is immutable after creation except resources.requests for bound claims");
    else if (o->serial % 3 == 0)
        sim_api_error(ret, 403, "Forbidden", "the storageclass that provisions the pvc must support resize");
    else
        return true;
    return false;
}

static bool patched(const struct sim_req *q, const struct sim_obj *o, struct cs_jtree *t, struct sim_answer *ret)
{
    cs_autojtree *patch = sim_parse(q->body);
    const char *why = "";

    if (!patch) {
        sim_api_error(ret, 400, "BadRequest", "the patch is not JSON");
        return false;
    }
    if (q->verb == CS_VERB_PATCH_JSON) {
        if (sim_json_patch(t, patch, &why))
            return true;
        sim_api_error(ret, 422, "Invalid", "the server rejected our request due to an error in our request");
        return false;
    }
    if (!guarded(o, cs_jtree_get(patch, "metadata"), ret))
        return false;
    sim_merge(t, patch, q->verb == CS_VERB_PATCH_STRATEGIC);
    return true;
}

/* pods/resize takes resources, and no label or annotation. */
static void handle_resize(struct sim *s, const struct sim_req *q, struct sim_obj *o, struct sim_answer *ret)
{
    cs_autojtree *patch = sim_parse(q->body);
    uint64_t serial = o->serial;

    if (!patch || q->verb != CS_VERB_PATCH_STRATEGIC) {
        sim_api_error(ret, 400, "BadRequest", "a resize is a strategic merge patch");
        return;
    }
    if (!guarded(o, cs_jtree_get(patch, "metadata"), ret))
        return;
    (void)sim_commit(s, SIM_CONTROLLER, o, sim_resized(o->t, patch));
    o = sim_by_serial(s, serial);
    if (o)
        answer_object(ret, 200, o->t);
    else
        sim_api_error(ret, 404, "NotFound", "gone");
}

static void handle_patch(struct sim *s, const struct sim_req *q, struct sim_obj *o, struct sim_answer *ret)
{
    cs_autojtree *t = cs_jtree_dup(o->t);
    bool status = cs_streq(q->subresource, "status");
    uint64_t serial = o->serial;

    if (o->kind == CS_K_POD && cs_streq(q->subresource, "resize")) {
        handle_resize(s, q, o, ret);
        return;
    }
    if (q->subresource && !status) {
        sim_api_error(ret, 404, "NotFound", "no such subresource");
        return;
    }
    if (!patched(q, o, t, ret))
        return;
    sim_promise_guarded(s, q, o);
    if (status)
        put_back(t, o->t, "spec");
    else if (o->kind == CS_K_SET || o->kind == CS_K_POD || o->kind == CS_K_CLAIM)
        put_back(t, o->t, "status");
    if (status && o->kind == CS_K_SET)
        put_back(t, o->t, "metadata");
    if (o->kind == CS_K_POD && !only_images_differ(o->t, t)) {
        sim_api_error(ret, 422, "Invalid", "spec: Forbidden: pod updates may not change fields other than images");
        return;
    }
    if (o->kind == CS_K_CLAIM && !may_become(s, o, t, ret))
        return;
    (void)sim_commit(s, SIM_CONTROLLER, o, cs_take(t));
    o = sim_by_serial(s, serial);
    if (o)
        answer_object(ret, 200, o->t);
    else
        sim_api_error(ret, 404, "NotFound", "gone");
}

static void handle_create(struct sim *s, const struct sim_req *q, enum cs_kind k, struct sim_answer *ret)
{
    cs_autojtree *t = sim_parse(q->body);
    const char *name = sim_str(t, "metadata/name");
    const struct sim_obj *o;

    if (!t || !name || !cs_streq(sim_str(t, "metadata/namespace"), SIM_NS)) {
        sim_api_error(ret, 400, "BadRequest", "no object with name and namespace");
        return;
    }
    sim_name_is_wanted(s, k, name);
    if (sim_find(s, k, name)) {
        sim_api_error(ret, 409, "AlreadyExists", "an object of that name already exists");
        return;
    }
    o = sim_create(s, SIM_CONTROLLER, k, cs_take(t));
    answer_object(ret, 201, o->t);
}

static void handle_delete(struct sim *s, const struct sim_req *q, struct sim_obj *o, struct sim_answer *ret)
{
    cs_autojtree *options = sim_parse(q->body);
    cs_autojtree *last = NULL;
    uint64_t serial = o->serial;
    bool pod = o->kind == CS_K_POD;
    char ts[CS_RFC3339_SIZE];

    if (!sim_get(options, "preconditions/uid") || !sim_get(options, "preconditions/resourceVersion"))
        sim_fail(s, "D2: DELETE of %s without preconditions", o->name);
    if (!guarded(o, cs_jtree_get(options, "preconditions"), ret))
        return;
    sim_promise_guarded(s, q, o);
    last = cs_jtree_dup(o->t);
    cs_jtree_set(sim_need(last, "metadata"), "deletionTimestamp", cs_jtree_new_str(sim_time(s, ts)));
    sim_delete(s, SIM_CONTROLLER, o);
    o = sim_by_serial(s, serial);
    if (o)
        answer_object(ret, 200, o->t);
    else if (pod)
        answer_object(ret, 200, last); /* a Pod without node goes at once; the answer shows it as it was */
    else
        *ret = (struct sim_answer){.status = 200, .body = cs_xstrdup("{\"kind\":\"Status\",\"status\":\"Success\"}")};
}

static uint64_t query_u64(const char *query, const char *key)
{
    const char *at = query ? strstr(query, key) : NULL;

    return at ? strtoull(at + strlen(key), NULL, 10) : 0;
}

/*
 * Pages by serial, which the server keeps in descending order; a token holds the list's version and where to go on. A later
 * page shows what is there now: an object that changed meanwhile is newer than the list.
 */
static void handle_list(struct sim *s, const struct sim_req *q, enum cs_kind k, struct sim_answer *ret)
{
    cs_autostrbuf out = CS_STRBUF_INIT;
    uint64_t token = query_u64(q->query, "continue=");
    uint64_t version = token ? token >> 32 : s->rv;
    uint64_t below = token ? token & UINT32_MAX : UINT64_MAX;
    bool selects = q->query && strstr(q->query, "labelSelector=");
    unsigned page = 0;
    uint64_t next = 0;

    if (version < s->compacted_rv) {
        sim_api_error(ret, 410, "Expired", "the continue token is too old");
        return;
    }
    cs_strbuf_adds(&out, "{\"kind\":\"List\",\"apiVersion\":\"v1\",\"items\":[");
    for (const struct sim_obj *o = s->objs; o; o = o->next) {
        cs_autofree char *text = NULL;

        if (o->kind != k || o->serial >= below || (selects && !selected(o, o->t)))
            continue;
        if (page == 3) { /* small, so that there are several */
            next = o->serial + 1;
            break;
        }
        text = sim_print(o->t);
        cs_strbuf_addf(&out, "%s%s", page++ > 0 ? "," : "", text);
    }
    cs_strbuf_addf(&out, "],\"metadata\":{\"resourceVersion\":\"%llu\"", (unsigned long long)version);
    if (next)
        cs_strbuf_addf(&out, ",\"continue\":\"%llu\"", (unsigned long long)(version << 32 | next));
    cs_strbuf_adds(&out, "}}");
    *ret = (struct sim_answer){.status = 200, .body = cs_strbuf_take(&out, NULL)};
}

void sim_api_handle(struct sim *s, const struct sim_req *q, struct sim_answer *ret)
{
    enum cs_kind k;
    struct sim_obj *o;

    if (!sim_kind_of(q->gvr, &k)) {
        *ret = (struct sim_answer){
            .status = q->verb == CS_VERB_CREATE ? 201 : 200, .body = cs_xstrdup(q->body ? q->body : "{}")};
        return;
    }
    if (q->verb != CS_VERB_GET && q->verb != CS_VERB_LIST && sim_refusal(s, q->verb, k)) {
        sim_api_error(ret, 403, "Forbidden", sim_refusal(s, q->verb, k));
        return;
    }
    if (q->verb == CS_VERB_CREATE) {
        handle_create(s, q, k, ret);
        return;
    }
    if (q->verb == CS_VERB_LIST) {
        handle_list(s, q, k, ret);
        return;
    }
    o = sim_find(s, k, q->name);
    if (!o && k == CS_K_POD && q->verb == CS_VERB_GET)
        sim_promise_asked(s, q->name);
    if (o && q->verb == CS_VERB_GET)
        sim_promise_told(s, o);
    if (!o) {
        sim_api_error(ret, 404, "NotFound", "no such object");
        return;
    }
    switch (q->verb) {
    case CS_VERB_GET:
        if (k == CS_K_SET)
            sim_rules_set_read(s);
        answer_object(ret, 200, o->t);
        break;
    case CS_VERB_PATCH_MERGE:
    case CS_VERB_PATCH_STRATEGIC:
    case CS_VERB_PATCH_JSON:
        handle_patch(s, q, o, ret);
        break;
    case CS_VERB_DELETE:
        handle_delete(s, q, o, ret);
        break;
    default:
        sim_fail(s, "the controller sent a %s of %s, which the simulation does not know", cs_verb_name(q->verb),
            q->gvr->resource);
        sim_api_error(ret, 405, "MethodNotAllowed", "not simulated");
        break;
    }
}

void sim_api_done(struct sim *s)
{
    while (s->objs) {
        struct sim_obj *o = s->objs;

        s->objs = o->next;
        obj_free(o);
    }
    for (size_t i = 0; i < s->n_log; i++)
        free(s->log[i].text);
    free(s->log);
}
