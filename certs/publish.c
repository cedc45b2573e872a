/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Comparing and patching of webhook configurations and of the CRD's conversion.
 */
#include "certs/publish.h"

#include "certs/inspect.h"
#include "common/base/alloc.h"
#include "common/base/base64.h"
#include "common/json/json_writer.h"

bool cs_publish_covers(struct cs_json have, struct cs_json want)
{
    size_t i = 0;

    if (cs_json_is(want, CS_J_OBJECT)) {
        if (!cs_json_is(have, CS_J_OBJECT))
            return false;
        cs_json_foreach (member, want) {
            cs_autofree char *key = cs_json_key_dup(member);

            if (!cs_publish_covers(cs_json_get(have, key), member))
                return false;
        }
        return true;
    }
    if (cs_json_is(want, CS_J_ARRAY)) {
        if (!cs_json_is(have, CS_J_ARRAY) || cs_json_count(have) != cs_json_count(want))
            return false;
        cs_json_foreach (element, want) {
            if (!cs_publish_covers(cs_json_index(have, i++), element))
                return false;
        }
        return true;
    }
    return cs_json_equal(have, want);
}

/* ---- what we want, as JSON ---- */

/* `clear`: also null the alternative, for a merge patch of an object. */
static void write_client_config(struct cs_jw *w, const struct cs_publish_want *want, const char *path, bool clear)
{
    cs_autostrbuf bundle = CS_STRBUF_INIT;

    cs_base64_encode(&bundle, cs_str(want->bundle_pem));
    cs_jw_obj(w);
    cs_jw_kstr(w, "caBundle", cs_strbuf_str(&bundle));
    if (want->url) {
        size_t len = strlen(want->url);
        cs_autofree char *url = NULL;

        while (len > 0 && want->url[len - 1] == '/')
            len--;
        url = cs_xasprintf("%.*s%s", (int)len, want->url, path);
        cs_jw_kstr(w, "url", url);
    } else {
        cs_jw_key(w, "service");
        cs_jw_obj(w);
        cs_jw_kstr(w, "namespace", want->ns);
        cs_jw_kstr(w, "name", want->service);
        cs_jw_kstr(w, "path", path);
        cs_jw_ki64(w, "port", want->port);
        cs_jw_end_obj(w);
    }
    if (clear) {
        cs_jw_key(w, want->url ? "service" : "url");
        cs_jw_null(w);
    }
    cs_jw_end_obj(w);
}

/* Members of obj beyond name, clientConfig and those of `except`; policy: failurePolicy instead of obj's, or NULL. */
static void write_members(struct cs_jw *w, struct cs_json obj, struct cs_json except, const char *policy)
{
    cs_json_foreach (member, obj) {
        cs_autofree char *key = cs_json_key_dup(member);

        if (cs_streq(key, "name") || cs_streq(key, "clientConfig") || cs_json_exists(cs_json_get(except, key)))
            continue;
        if (policy && cs_streq(key, "failurePolicy"))
            cs_jw_kstr(w, key, policy);
        else
            cs_jw_kraw(w, key, cs_json_raw(member));
    }
}

/* See cs_publish_want.settled; NULL: as the body says. */
static const char *policy_of(const struct cs_publish_want *want, struct cs_json have)
{
    if (want->settled || cs_json_str_is(cs_json_get(have, "failurePolicy"), "Fail"))
        return NULL;
    return "Ignore";
}

/* Ours, and what `have` (may be absent) holds beyond it. */
static void write_entry(struct cs_jw *w, const struct cs_publish_want *want, const struct cs_webhook_entry *e,
    struct cs_json have, const char *policy)
{
    static const struct cs_json absent;
    cs_autojdoc body = {0};

    if (!cs_jdoc_parse(&body, e->body, strlen(e->body), NULL, NULL))
        cs_out_of_memory(); /* that it can be read was checked when the rotator was made */
    cs_jw_obj(w);
    cs_jw_kstr(w, "name", e->name);
    cs_jw_key(w, "clientConfig");
    write_client_config(w, want, e->path, false);
    write_members(w, cs_jdoc_root(&body), absent, policy);
    write_members(w, have, cs_jdoc_root(&body), NULL);
    cs_jw_end_obj(w);
}

static bool entry_equal(const struct cs_publish_want *want, const struct cs_webhook_entry *e, struct cs_json have)
{
    static const struct cs_json absent;
    cs_autostrbuf text = CS_STRBUF_INIT;
    cs_autojdoc doc = {0};
    struct cs_jw w;

    cs_jw_init(&w, &text);
    write_entry(&w, want, e, absent, policy_of(want, have));
    return cs_jdoc_parse(&doc, cs_strbuf_str(&text), text.len, NULL, NULL) &&
           cs_publish_covers(have, cs_jdoc_root(&doc));
}

/* ---- webhook configurations ---- */

static bool is_ours(const struct cs_publish_want *want, const struct cs_webhook_entry *e)
{
    return e->mutating == want->mutating && cs_streq(e->config, want->config);
}

static struct cs_json find_entry(struct cs_json obj, const char *name)
{
    struct cs_json hooks = cs_json_get(obj, "webhooks");

    cs_json_foreach (hook, hooks) {
        if (cs_json_str_is(cs_json_get(hook, "name"), name))
            return hook;
    }
    return (struct cs_json){0};
}

static const struct cs_webhook_entry *entry_named(const struct cs_publish_want *want, struct cs_json name)
{
    for (unsigned i = 0; i < want->n_entries; i++) {
        if (is_ours(want, &want->entries[i]) && cs_json_str_is(name, want->entries[i].name))
            return &want->entries[i];
    }
    return NULL;
}

static bool webhooks_equal(struct cs_json obj, const struct cs_publish_want *want)
{
    for (unsigned i = 0; i < want->n_entries; i++) {
        const struct cs_webhook_entry *e = &want->entries[i];
        struct cs_json have = find_entry(obj, e->name);

        if (is_ours(want, e) && (e->body ? !entry_equal(want, e, have) : cs_json_exists(have)))
            return false;
    }
    return true;
}

/* Foreign entries as they are and ours set right, each in its place; ours that were missing at the end. */
static void write_webhooks(struct cs_jw *w, struct cs_json obj, const struct cs_publish_want *want)
{
    struct cs_json hooks = cs_json_get(obj, "webhooks");

    cs_jw_key(w, "webhooks");
    cs_jw_arr(w);
    cs_json_foreach (hook, hooks) {
        const struct cs_webhook_entry *e = entry_named(want, cs_json_get(hook, "name"));

        if (!e)
            cs_jw_raw(w, cs_json_raw(hook));
        else if (e->body)
            write_entry(w, want, e, hook, policy_of(want, hook));
    }
    for (unsigned i = 0; i < want->n_entries; i++) {
        const struct cs_webhook_entry *e = &want->entries[i];

        if (is_ours(want, e) && e->body && !cs_json_exists(find_entry(obj, e->name)))
            write_entry(w, want, e, (struct cs_json){0}, want->settled ? NULL : "Ignore");
    }
    cs_jw_end_arr(w);
}

/* ---- CRD ---- */

static struct cs_json crd_client_config(struct cs_json obj)
{
    return cs_json_at(obj, "spec", "conversion", "webhook", "clientConfig", NULL);
}

static bool crd_equal(struct cs_json obj, const struct cs_publish_want *want)
{
    cs_autostrbuf text = CS_STRBUF_INIT;
    cs_autojdoc doc = {0};
    struct cs_jw w;

    cs_jw_init(&w, &text);
    write_client_config(&w, want, want->crd_path, false);
    return cs_jdoc_parse(&doc, cs_strbuf_str(&text), text.len, NULL, NULL) &&
           cs_publish_covers(crd_client_config(obj), cs_jdoc_root(&doc));
}

static void write_crd(struct cs_jw *w, const struct cs_publish_want *want)
{
    cs_jw_key(w, "spec");
    cs_jw_obj(w);
    cs_jw_key(w, "conversion");
    cs_jw_obj(w);
    cs_jw_key(w, "webhook");
    cs_jw_obj(w);
    cs_jw_key(w, "clientConfig");
    write_client_config(w, want, want->crd_path, true);
    cs_jw_end_obj(w);
    cs_jw_end_obj(w);
    cs_jw_end_obj(w);
}

/* ---- both ---- */

static bool opted_out(struct cs_json obj)
{
    return cs_json_str_is(cs_json_at(obj, "metadata", "annotations", CS_ANNO_MANAGE_WEBHOOKS, NULL), "false");
}

enum cs_publish_state cs_publish_compare(
    struct cs_json obj, const struct cs_publish_want *want, struct cs_strbuf *patch)
{
    cs_autofree char *rv = cs_json_str_dup(cs_json_at(obj, "metadata", "resourceVersion", NULL));
    struct cs_jw w;

    if (opted_out(obj))
        return CS_PUBLISH_OPTED_OUT;
    if (want->crd_path && !cs_json_str_is(cs_json_at(obj, "spec", "conversion", "strategy", NULL), "Webhook"))
        return CS_PUBLISH_UNUSED;
    if (want->crd_path ? crd_equal(obj, want) : webhooks_equal(obj, want))
        return CS_PUBLISH_EQUAL;
    cs_jw_init(&w, patch);
    cs_jw_obj(&w);
    cs_jw_key(&w, "metadata");
    cs_jw_obj(&w);
    cs_jw_kstr(&w, "resourceVersion", rv);
    cs_jw_end_obj(&w);
    if (want->crd_path)
        write_crd(&w, want);
    else
        write_webhooks(&w, obj, want);
    cs_jw_end_obj(&w);
    return CS_PUBLISH_DIFFERS;
}

static enum cs_publish_opinion judge_one(struct cs_json client_config, const char *cert_pem, int64_t now_ms)
{
    cs_autofree char *encoded = cs_json_str_dup(cs_json_get(client_config, "caBundle"));
    cs_autofree char *pem = NULL;

    if (!encoded || encoded[0] == '\0')
        return CS_PUBLISH_SILENT;
    if (cert_pem && cs_base64_decode(cs_str(encoded), CS_MAX_PEM, &pem, NULL, NULL) &&
        cs_inspect_verifies(cert_pem, pem, now_ms))
        return CS_PUBLISH_TRUSTS;
    return CS_PUBLISH_REFUSES;
}

enum cs_publish_opinion cs_publish_judge(
    struct cs_json obj, const struct cs_publish_want *want, const char *cert_pem, int64_t now_ms)
{
    enum cs_publish_opinion worst = CS_PUBLISH_SILENT;

    if (opted_out(obj))
        return CS_PUBLISH_SILENT;
    if (want->crd_path)
        return judge_one(crd_client_config(obj), cert_pem, now_ms);
    for (unsigned i = 0; i < want->n_entries; i++) {
        const struct cs_webhook_entry *e = &want->entries[i];
        enum cs_publish_opinion one;

        if (!is_ours(want, e) || !e->body)
            continue;
        one = judge_one(cs_json_get(find_entry(obj, e->name), "clientConfig"), cert_pem, now_ms);
        worst = one > worst ? one : worst;
    }
    return worst;
}

static void trim_member(struct cs_jw *w, struct cs_json obj, const char *key)
{
    struct cs_json v = cs_json_get(obj, key);

    if (cs_json_exists(v))
        cs_jw_kraw(w, key, cs_json_raw(v));
}

void cs_publish_trim(struct cs_json obj, struct cs_strbuf *out)
{
    struct cs_json meta = cs_json_get(obj, "metadata");
    struct cs_jw w;

    cs_jw_init(&w, out);
    cs_jw_obj(&w);
    cs_jw_key(&w, "metadata");
    cs_jw_obj(&w);
    trim_member(&w, meta, "name");
    trim_member(&w, meta, "resourceVersion");
    trim_member(&w, meta, "annotations");
    cs_jw_end_obj(&w);
    trim_member(&w, obj, "webhooks");
    cs_jw_key(&w, "spec");
    cs_jw_obj(&w);
    trim_member(&w, cs_json_get(obj, "spec"), "conversion");
    cs_jw_end_obj(&w);
    cs_jw_end_obj(&w);
}
