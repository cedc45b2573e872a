/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One request at a time: this happens once in the life of a cluster, and nobody waits for it. Any failure, and any change of the
 * CRD meanwhile, starts it anew; a set written twice is the same set.
 */
#include "controller/migrate.h"

#include <stdio.h>

#include "common/api/meta.h"
#include "common/base/alloc.h"
#include "common/json/json_doc.h"
#include "common/json/json_writer.h"

#define PAGE "limit=25" /* names are all that is kept, but an answer holds whole sets */
#define SETTLE_MS 10000 /* API servers learn of a changed CRD by watch, within a second */
#define RETRY_MS 30000
#define CALM_MS 600000 /* nothing to do: somebody may still change the CRD back and forth */

struct cs_migrate_set {
    char *ns, *name;
};

/* ---- small help ---- */

static void drop_page(struct cs_migrate *m)
{
    for (size_t i = 0; i < m->n_page; i++) {
        free(m->page[i].ns);
        free(m->page[i].name);
    }
    free(m->page);
    m->page = NULL;
    m->n_page = m->at_page = 0;
}

static void reset(struct cs_migrate *m)
{
    drop_page(m);
    free(m->token);
    m->token = NULL;
    m->generation = m->written = 0;
    m->from_ms = 0;
    m->listed = false;
}

/* Starts anew, later. why NULL: not worth a word. */
static void again(struct cs_migrate *m, int64_t delay_ms, const char *why)
{
    reset(m);
    cs_timer_arm_in(m->loop, &m->timer, delay_ms);
    if (why && !cs_streq(why, m->trouble)) {
        (void)snprintf(m->trouble, sizeof(m->trouble), "%s", why);
        cs_log_warn(m->log, "moving CloneSets to storage as v1alpha1 waits", CS_KVS("reason", why));
    }
}

/* False: the call failed, and the run starts anew. */
static bool succeeded(struct cs_migrate *m, const struct cs_reply *reply, const char *what)
{
    struct cs_error err = reply->err;

    m->call = 0;
    if (err.kind == CS_ERR_NONE)
        return true;
    (void)cs_error_prefix(&err, "%s", what);
    again(m, err.retry_after_ms > RETRY_MS ? err.retry_after_ms : RETRY_MS, err.message);
    return false;
}

/* ---- the CRD ---- */

static bool stores_alpha(struct cs_json crd)
{
    struct cs_json versions = cs_json_at(crd, "spec", "versions", NULL);

    cs_json_foreach (v, versions) {
        if (cs_json_is(cs_json_get(v, "storage"), CS_J_TRUE))
            return cs_json_str_is(cs_json_get(v, "name"), cs_gvr_clonesets.version);
    }
    return false;
}

/* Something may be stored in another version than v1alpha1. */
static bool is_mixed(struct cs_json crd)
{
    struct cs_json stored = cs_json_at(crd, "status", "storedVersions", NULL);

    cs_json_foreach (v, stored) {
        if (!cs_json_str_is(v, cs_gvr_clonesets.version))
            return true;
    }
    return false;
}

static void on_trimmed(void *ctx, const struct cs_reply *reply)
{
    struct cs_migrate *m = ctx;

    if (!succeeded(m, reply, "writing storedVersions of the CRD"))
        return;
    cs_log_info(m->log, "all CloneSets are stored as v1alpha1", CS_KVI("sets", m->written));
    m->trouble[0] = '\0';
    again(m, CALM_MS, NULL);
}

static void trim(struct cs_migrate *m, struct cs_json crd)
{
    cs_autofree char *rv = cs_json_str_dup(cs_json_at(crd, "metadata", "resourceVersion", NULL));
    cs_autostrbuf body = CS_STRBUF_INIT;
    struct cs_jw w;

    cs_jw_init(&w, &body);
    cs_jw_obj(&w);
    cs_jw_key(&w, "metadata");
    cs_jw_obj(&w);
    cs_jw_kstr(&w, "resourceVersion", rv);
    cs_jw_end_obj(&w);
    cs_jw_key(&w, "status");
    cs_jw_obj(&w);
    cs_jw_key(&w, "storedVersions");
    cs_jw_arr(&w);
    cs_jw_str(&w, cs_gvr_clonesets.version);
    cs_jw_end_arr(&w);
    cs_jw_end_obj(&w);
    cs_jw_end_obj(&w);
    m->call = cs_client_call(m->client,
        &(struct cs_call){.verb = CS_VERB_PATCH_MERGE,
            .gvr = &cs_gvr_crds,
            .name = CS_CRD_NAME,
            .subresource = "status",
            .query = "fieldManager=cloneset-controller",
            .body = {cs_strbuf_str(&body), body.len}},
        on_trimmed, m);
}

/* At the beginning of a run, and at its end. */
static void judge_crd(struct cs_migrate *m, struct cs_json crd)
{
    uint64_t generation = 0;

    if (!cs_json_u64(cs_json_at(crd, "metadata", "generation", NULL), &generation) || generation == 0)
        again(m, RETRY_MS, "the CRD has no generation");
    else if (!is_mixed(crd))
        again(m, CALM_MS, NULL);
    else if (!stores_alpha(crd))
        again(m, RETRY_MS, "the CRD does not store v1alpha1");
    else if (m->generation != 0 && m->generation != generation)
        again(m, RETRY_MS, "the CRD was changed meanwhile");
    else if (m->listed && m->may_write(m->ctx))
        trim(m, crd);
    else if (m->listed)
        again(m, RETRY_MS, NULL);
    else {
        cs_log_info(m->log, "writing every CloneSet once, so that all are stored as v1alpha1");
        m->generation = generation;
        m->from_ms = cs_loop_now_ms(m->loop) + SETTLE_MS;
        cs_timer_arm_at(m->loop, &m->timer, m->from_ms);
    }
}

static void on_crd(void *ctx, const struct cs_reply *reply)
{
    struct cs_migrate *m = ctx;
    cs_autojdoc doc = {.nodes = NULL};

    if (!succeeded(m, reply, "reading the CRD"))
        return;
    if (cs_jdoc_parse(&doc, reply->body.p, reply->body.len, NULL, NULL))
        judge_crd(m, cs_jdoc_root(&doc));
    else
        again(m, RETRY_MS, "the CRD cannot be read");
}

/* ---- the sets ---- */

static void take_page(struct cs_migrate *m, struct cs_json list)
{
    struct cs_json items = cs_json_get(list, "items"), token = cs_json_at(list, "metadata", "continue", NULL);

    drop_page(m);
    m->page = cs_new_array(struct cs_migrate_set, cs_json_count(items));
    cs_json_foreach (item, items) {
        char *ns = cs_json_str_dup(cs_json_at(item, "metadata", "namespace", NULL));
        char *name = cs_json_str_dup(cs_json_at(item, "metadata", "name", NULL));

        m->page[m->n_page++] = (struct cs_migrate_set){.ns = ns, .name = name};
    }
    free(m->token);
    m->token = cs_json_str_is(token, "") ? NULL : cs_json_str_dup(token);
    m->listed = m->token == NULL;
}

static void on_page(void *ctx, const struct cs_reply *reply)
{
    struct cs_migrate *m = ctx;
    cs_autojdoc doc = {.nodes = NULL};

    if (!succeeded(m, reply, "listing CloneSets")) /* 410 among others: the token is too old */
        return;
    if (!cs_jdoc_parse(&doc, reply->body.p, reply->body.len, NULL, NULL)) {
        again(m, RETRY_MS, "the list of CloneSets cannot be read");
        return;
    }
    take_page(m, cs_jdoc_root(&doc));
    cs_timer_arm_in(m->loop, &m->timer, 0);
}

static void list_page(struct cs_migrate *m)
{
    cs_autostrbuf query = CS_STRBUF_INIT;

    cs_strbuf_adds(&query, PAGE);
    if (m->token)
        cs_query_add(&query, "continue", m->token);
    m->call = cs_client_call(m->client,
        &(struct cs_call){.verb = CS_VERB_LIST, .gvr = &cs_gvr_clonesets, .query = cs_strbuf_str(&query)}, on_page, m);
}

static void on_set(void *ctx, const struct cs_reply *reply)
{
    struct cs_migrate *m = ctx;

    if (reply->err.kind != CS_ERR_NOT_FOUND && !succeeded(m, reply, "writing a CloneSet"))
        return;
    m->call = 0;
    m->written++;
    m->at_page++;
    cs_timer_arm_in(m->loop, &m->timer, 0);
}

/*
 * An empty patch: the API server writes the set because its bytes in etcd are others, in the storage version. To the status, so
 * that neither admission nor the generation has a part in it.
 */
static void write_set(struct cs_migrate *m, const struct cs_migrate_set *set)
{
    if (!m->may_write(m->ctx)) {
        again(m, RETRY_MS, NULL);
        return;
    }
    m->call = cs_client_call(m->client,
        &(struct cs_call){.verb = CS_VERB_PATCH_MERGE,
            .gvr = &cs_gvr_clonesets,
            .ns = set->ns,
            .name = set->name,
            .subresource = "status",
            .query = "fieldManager=cloneset-controller",
            .body = CS_STR("{}")},
        on_set, m);
}

/* ---- the way ---- */

static void step(void *ctx)
{
    struct cs_migrate *m = ctx;
    bool running = m->generation != 0;

    if (!m->leading || m->call)
        return;
    if (running && m->at_page < m->n_page)
        write_set(m, &m->page[m->at_page]);
    else if (running && !m->listed)
        list_page(m);
    else
        m->call = cs_client_call(
            m->client, &(struct cs_call){.verb = CS_VERB_GET, .gvr = &cs_gvr_crds, .name = CS_CRD_NAME}, on_crd, m);
}

void cs_migrate_lead(struct cs_migrate *m, bool lead)
{
    if (m->leading == lead)
        return;
    cs_migrate_stop(m);
    m->leading = lead;
    m->timer = (struct cs_timer){.fn = step, .ctx = m};
    if (lead)
        cs_timer_arm_in(m->loop, &m->timer, 0);
}

void cs_migrate_stop(struct cs_migrate *m)
{
    if (!m->loop)
        return;
    cs_timer_disarm(m->loop, &m->timer);
    if (m->call)
        cs_client_cancel(m->client, m->call);
    m->call = 0;
    m->leading = false;
    reset(m);
}
