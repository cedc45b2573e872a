/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Builds the observations of plan_fixture.h: its rows become JSON as the API server would send it, which goes through the
 * product's own decoders, so that a test of the planner sees what the controller would see.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "controller/plan/lifecycle.h"
#include "test/unit/plan_fixture.h"

static char *fx_keep(struct fx *f, char *text)
{
    assert_true(f->n_texts < CS_ARRAY_LEN(f->texts));
    return f->texts[f->n_texts++] = text;
}

/* ' becomes "; owned by the fixture. */
static void fx_parse(struct fx *f, char *text, struct cs_jdoc *ret)
{
    struct cs_error err = CS_ERROR_INIT;

    fx_keep(f, text);
    for (char *p = text; *p; p++)
        *p = *p == '\'' ? '"' : *p;
    if (!cs_jdoc_parse(ret, text, strlen(text), NULL, &err))
        fail_msg("%s in: %s", err.message, text);
}

static bool fx_says(const char *row, const char *word)
{
    size_t n = strlen(word);

    for (const char *p = row; (p = strstr(p, word)); p += n)
        if ((p == row || p[-1] == ' ') && (p[n] == '\0' || p[n] == ' '))
            return true;
    return false;
}

/* The text behind "key:" in a row, or otherwise; into buf. */
static const char *fx_value(const char *row, const char *key, const char *otherwise, char buf[64])
{
    const char *p = row;
    size_t n = strlen(key);

    while ((p = strstr(p, key)) && (p == row || p[-1] != ' ' || p[n] != ':'))
        p += n;
    if (!p)
        return otherwise;
    (void)snprintf(buf, 64, "%.*s", (int)strcspn(p + n + 1, " "), p + n + 1);
    return buf;
}

static int64_t fx_number(const char *row, const char *key, int64_t otherwise)
{
    char buf[64];
    const char *v = fx_value(row, key, NULL, buf);

    return v ? strtoll(v, NULL, 10) : otherwise;
}

void fx_revision(struct fx *f, const char *name, int64_t number, const char *tmpl)
{
    fx_revision_with(f, name, number, tmpl, NULL);
}

void fx_revision_with(struct fx *f, const char *name, int64_t number, const char *tmpl, const char *recorded)
{
    cs_autojdoc doc = {0};
    struct cs_error err = CS_ERROR_INIT;
    uint32_t i = f->o.n_revisions++;
    /* {"spec":{"template":{"$patch":"replace", and the template's own members */
    char *text =
        cs_xasprintf("{'apiVersion':'apps/v1','kind':'ControllerRevision','metadata':{'name':'%s','namespace':'ns',"
                     "'uid':'r-%s','resourceVersion':'%d','labels':{'controller.kubernetes.io/hash':'x'},"
                     "'annotations':{%s%s%s},"
                     "'ownerReferences':[{'apiVersion':'apps.kruise.io/v1alpha1','kind':'CloneSet','name':'web',"
                     "'uid':'u1','controller':true}]},'revision':%lld,"
                     "'data':{'spec':{'template':{'$patch':'replace',%s}}}",
            name, name, 10 + (int)i, recorded ? "'" CS_ANNO_CLAIM_TEMPLATES "':'" : "", recorded ? recorded : "",
            recorded ? "'" : "", (long long)number, tmpl + 1);

    fx_parse(f, text, &doc);
    f->revs[i] = cs_revision_decode(f->pool, cs_jdoc_root(&doc), &err);
    assert_non_null(f->revs[i]);
    f->vrevs[i] =
        (struct cs_view_revision){.rev = f->revs[i], .norm = cs_norm_new(f->revs[i]->data_raw, true, ++f->norms)};
}

void fx_set(struct fx *f, const char *spec, const char *tmpl, const char *status)
{
    cs_autojdoc doc = {0};
    struct cs_error err = CS_ERROR_INIT;

    fx_parse(f,
        cs_xasprintf(
            "{'apiVersion':'apps.kruise.io/v1alpha1','kind':'CloneSet','metadata':{'name':'web','namespace':'ns',"
            "'uid':'u1','resourceVersion':'1','generation':3},'spec':{'selector':{'matchLabels':{'app':'web'}},"
            "'template':%s%s%s},'status':{%s}}",
            tmpl, *spec ? "," : "", spec, status),
        &doc);
    f->set = cs_cloneset_decode(f->pool, cs_jdoc_root(&doc), &err);
    if (!f->set)
        fail_msg("%s", err.message);
    cs_cloneset_default(f->pool, &f->set->spec);
    f->norm = cs_norm_new(f->set->template_raw, false, ++f->norms);
    f->o.set = f->set;
    f->o.norm = f->norm;
}

void fx_empty(struct fx *f)
{
    *f = (struct fx){.pool = cs_intern_new()};
    f->o = (struct cs_observation){.gates = &f->gates,
        .pods = f->vpods,
        .claims = f->vclaims,
        .revisions = f->vrevs,
        .set_fresh = true,
        .now_ms = FX_NOW};
}

void fx_init(struct fx *f, const char *spec)
{
    fx_empty(f);
    fx_set(f, spec, FX_NEW, "'currentRevision':'web-old'");
    fx_revision(f, "web-old", 1, FX_OLD);
    fx_revision(f, "web-new", 2, FX_NEW);
}

static enum cs_busy fx_busy(const char *row)
{
    char buf[64];
    const char *b = fx_value(row, "busy", "", buf);

    return strcmp(b, "delete") == 0   ? CS_BUSY_DELETE
           : strcmp(b, "patch") == 0  ? CS_BUSY_PATCH
           : strcmp(b, "read") == 0   ? CS_BUSY_READ
           : strcmp(b, "create") == 0 ? CS_BUSY_CREATE
                                      : CS_IDLE;
}

/* ",'key':'value'" for each word "label:key=value" of a row, which may name several: "label:a=b,c=d"; owned. */
static char *fx_labels(const char *row)
{
    cs_autostrbuf out = CS_STRBUF_INIT;

    for (const char *p = row; (p = strstr(p, "label:")); p++)
        for (const char *key = p + strlen("label:"); *key && *key != ' ';) {
            int key_len = (int)strcspn(key, "=");
            const char *value = key + key_len + 1;
            size_t n = strcspn(value, " ,");

            cs_strbuf_addf(&out, ",'%.*s':'%.*s'", key_len, key, (int)n, value);
            key = value + n + (value[n] == ',');
        }
    return cs_xstrdup(cs_strbuf_str(&out));
}

/* "'x','y'" for "finalizer:x,y"; owned. */
static char *fx_finalizers(const char *row)
{
    cs_autostrbuf out = CS_STRBUF_INIT;
    char buf[64];

    for (const char *word = fx_value(row, "finalizer", "", buf); *word;) {
        size_t n = strcspn(word, ",");

        cs_strbuf_addf(&out, "%s'%.*s'", out.len > 0 ? "," : "", (int)n, word);
        word += n + (word[n] == ',');
    }
    return cs_xstrdup(cs_strbuf_str(&out));
}

/* The condition KruisePodReady with a comma before it, or ""; owned. */
static char *fx_kruise(const char *row)
{
    cs_autostrbuf sb = CS_STRBUF_INIT;
    char buf[64];
    const char *keys = fx_value(row, "keys", NULL, buf);

    if (fx_says(row, "kruise"))
        return cs_xstrdup(",{'type':'KruisePodReady','status':'True'}");
    if (!keys)
        return cs_xstrdup("");
    cs_strbuf_adds(&sb, ",{'type':'KruisePodReady','status':'False','message':'[");
    for (size_t i = 0; keys[i]; i++)
        cs_strbuf_addf(&sb, "%s{\\'userAgent\\':\\'%s\\',\\'key\\':\\'%s\\'}", i > 0 ? "," : "",
            keys[i] == 'x' ? "Other" : "Lifecycle",
            keys[i] == 'd'   ? "preDeleteHook"
            : keys[i] == 'u' ? "preUpdateHook"
                             : "k");
    cs_strbuf_adds(&sb, "]'}");
    return cs_strbuf_take(&sb, NULL);
}

static char *fx_pod_json(const char *row)
{
    char id[6], state[64], node[64], rv[CS_RFC3339_SIZE], made[CS_RFC3339_SIZE], gone[CS_RFC3339_SIZE];
    char cost[64], count[64], sidecar[64], waiting[64];
    char bound[CS_RFC3339_SIZE + 80] = "";
    bool gateless = fx_says(row, "gateless");
    bool off = fx_says(row, "gate-off");

    cs_autofree char *finalizers = fx_finalizers(row);
    cs_autofree char *kruise = fx_kruise(row);
    bool kruise_gate = fx_says(row, "kruise") || fx_says(row, "kruise-new") || *kruise;

    (void)snprintf(id, sizeof(id), "%.5s", row);
    (void)cs_rfc3339_format(FX_NOW - fx_number(row, "since", 3600) * 1000, rv);
    (void)cs_rfc3339_format(FX_NOW - fx_number(row, "age", 7200) * 1000, made);
    (void)cs_rfc3339_format(FX_NOW - fx_number(row, "terminating", 5) * 1000, gone);
    if (strstr(row, "bound:")) {
        char at[CS_RFC3339_SIZE];

        (void)snprintf(bound, sizeof(bound), ",{'type':'PodScheduled','status':'True','lastTransitionTime':'%s'}",
            cs_rfc3339_format(FX_NOW - fx_number(row, "bound", 0) * 1000, at));
    }
    cs_autofree char *labels = fx_labels(row);
    cs_autofree char *meta = cs_xasprintf(
        "'name':'web-%s','namespace':'ns','uid':'p-%s','resourceVersion':'20','creationTimestamp':'%s',"
        "'labels':{'app':'%s','apps.kruise.io/cloneset-instance-id':'%s','controller-revision-hash':'%s',"
        "'lifecycle.apps.kruise.io/state':'%s'%s%s%s%s%s},'finalizers':[%s],"
        "'annotations':{'controller.kubernetes.io/pod-deletion-cost':'%s'%s},"
        "'ownerReferences':[{'apiVersion':'apps.kruise.io/v1alpha1','kind':'CloneSet','name':'web','uid':'%s',"
        "'controller':true}]%s%s%s",
        id, id, made, fx_says(row, "unmatched") ? "x" : "web", id, fx_says(row, "new") ? "web-new" : "web-old",
        fx_value(row, "state", "Normal", state), fx_says(row, "hashless") ? "" : ",'pod-template-hash':'x'",
        fx_says(row, "specified") || fx_says(row, "marked") ? ",'apps.kruise.io/specified-delete':'true'" : "",
        fx_says(row, "kept") ? ",'" CS_LABEL_KEEP_CLAIMS "':''" : "", fx_says(row, "hold") ? ",'hold':'yes'" : "",
        labels, finalizers, fx_value(row, "cost", "0", cost),
        fx_says(row, "marked") ? ",'" CS_ANNO_RECREATE_FOR "':'web-new'" : "", fx_says(row, "stranger") ? "u9" : "u1",
        fx_says(row, "terminating") || strstr(row, "terminating:") ? ",'deletionTimestamp':'" : "",
        fx_says(row, "terminating") || strstr(row, "terminating:") ? gone : "",
        fx_says(row, "terminating") || strstr(row, "terminating:") ? "'" : "");
    cs_autofree char *volumes = fx_says(row, "claims")
                                    ? cs_xasprintf(",'volumes':[{'name':'data','persistentVolumeClaim':{'claimName':"
                                                   "'data-web-%s'}}]",
                                          id)
                                    : cs_xstrdup("");
    const char *why = fx_value(row, "waiting", NULL, waiting);
    cs_autofree char *container = why ? cs_xasprintf("'waiting':{'reason':'%s'}", why)
                                      : cs_xstrdup("'running':{'startedAt':'2025-01-01T00:00:00Z'}");
    cs_autofree char *conditions = cs_xasprintf("{'type':'%s','status':'%s','lastTransitionTime':'%s'}%s%s%s",
        fx_says(row, "unreported") ? "Initialized" : "Ready", fx_says(row, "ready") && !off ? "True" : "False", rv,
        gateless || fx_says(row, "fresh") ? ""
        : off                             ? ",{'type':'InPlaceUpdateReady','status':'False'}"
                                          : ",{'type':'InPlaceUpdateReady','status':'True'}",
        fx_says(row, "unschedulable")
            ? ",{'type':'PodScheduled','status':'False','reason':'Unschedulable','message':'0/3 "
              "nodes are available: 3 Insufficient cpu.'}"
        : *bound ? bound
                 : "",
        kruise);
    const char *phase = fx_says(row, "pending")     ? "Pending"
                        : fx_says(row, "failed")    ? "Failed"
                        : fx_says(row, "succeeded") ? "Succeeded"
                        : fx_says(row, "unknown")   ? "Unknown"
                                                    : "Running";
    return cs_xasprintf(
        "{'apiVersion':'v1','kind':'Pod','metadata':{%s},'spec':{'containers':[{'name':'c','image':'%s'}]%s%s%s%s%s,"
        "'initContainers':[{'name':'s','image':'s','restartPolicy':'Always'}]},"
        "'status':{'phase':'%s','conditions':[%s],'containerStatuses':[{'name':'c','image':'nginx:1',"
        "'imageID':'sha256:1','containerID':'containerd://1','restartCount':%s,'state':{%s}}],"
        "'initContainerStatuses':[{'name':'s','restartCount':%s}]}}",
        meta, fx_says(row, "new") ? "nginx:2" : "nginx:1", volumes,
        gateless      ? ""
        : kruise_gate ? ",'readinessGates':[{'conditionType':'InPlaceUpdateReady'},{'conditionType':'KruisePodReady'}]"
                      : ",'readinessGates':[{'conditionType':'InPlaceUpdateReady'}]",
        fx_says(row, "nodeless") ? "" : ",'nodeName':'",
        fx_says(row, "nodeless") ? "" : fx_value(row, "node", "n1", node), fx_says(row, "nodeless") ? "" : "'", phase,
        conditions, fx_value(row, "restarts", "0", count), container, fx_value(row, "sidecar", "0", sidecar));
}

struct cs_view_pod *fx_pod(struct fx *f, const char *row)
{
    uint32_t i = f->o.n_pods++;
    struct cs_view_pod *v = &f->vpods[i];
    struct cs_error err = CS_ERROR_INIT;
    cs_autojdoc doc = {0};

    assert_true(i < FX_MAX);
    *v = (struct cs_view_pod){.busy = fx_busy(row), .node_lost = fx_says(row, "lost")};
    if (v->busy == CS_BUSY_CREATE) {
        v->name = fx_keep(f, cs_xasprintf("web-%.5s", row));
        v->id = fx_keep(f, cs_xasprintf("%.5s", row));
        v->revision = fx_says(row, "new") ? "web-new" : "web-old";
        return v;
    }
    fx_parse(f, fx_pod_json(row), &doc);
    f->pods[i] = cs_pod_decode(f->pool, cs_jdoc_root(&doc), &err);
    if (!f->pods[i])
        fail_msg("%s", err.message);
    v->pod = f->pods[i];
    v->name = v->pod->meta.name;
    v->id = v->pod->id;
    v->revision = v->pod->revision;
    return v;
}

static char *fx_claim_json(const char *row)
{
    char tmpl[64], request[64];
    bool pod = fx_says(row, "pod");

    return cs_xasprintf(
        "{'apiVersion':'v1','kind':'PersistentVolumeClaim','metadata':{'name':'%s-web-%.5s','namespace':'ns',"
        "'uid':'c-%.5s','resourceVersion':'30','labels':{'apps.kruise.io/cloneset-instance-id':'%.5s'}%s,"
        "'ownerReferences':[{'apiVersion':'%s','kind':'%s','name':'x','uid':'%s%.5s','controller':true}]},"
        "'spec':{'resources':{'requests':{'storage':'%s'}}},'status':{'phase':'%s','conditions':[%s]}}",
        fx_value(row, "template", "data", tmpl), row, row, row,
        fx_says(row, "terminating") ? ",'deletionTimestamp':'2025-01-01T00:00:00Z'" : "",
        pod ? "v1" : "apps.kruise.io/v1alpha1", pod ? "Pod" : "CloneSet", pod ? "p-" : "u1", pod ? row : "",
        fx_value(row, "request", "1Gi", request), fx_says(row, "pending") ? "Pending" : "Bound",
        fx_says(row, "resizing") ? "{'type':'Resizing','status':'True'}" : "");
}

void fx_claim(struct fx *f, const char *row)
{
    uint32_t i = f->o.n_claims++;
    struct cs_error err = CS_ERROR_INIT;
    cs_autojdoc doc = {0};
    char refused[64];
    const char *said = fx_value(row, "refused", NULL, refused);

    fx_parse(f, fx_claim_json(row), &doc);
    f->claims[i] = cs_claim_decode(f->pool, cs_jdoc_root(&doc), &err);
    if (!f->claims[i])
        fail_msg("%s", err.message);
    f->vclaims[i] = (struct cs_view_claim){.claim = f->claims[i],
        .name = f->claims[i]->meta.name,
        .id = f->claims[i]->id,
        .busy = fx_says(row, "busy") ? CS_BUSY_PATCH : CS_IDLE,
        .foreign = fx_says(row, "foreign"),
        .made = fx_says(row, "made"),
        .unfenced = fx_says(row, "unfenced"),
        .pod_absent = fx_says(row, "asked"),
        .refused = said ? fx_keep(f, cs_xstrdup(said)) : NULL};
}

void fx_rows(struct fx *f, const char *rows, bool claims)
{
    while (rows && *rows) {
        const char *end = strstr(rows, "; ");
        size_t n = end ? (size_t)(end - rows) : strlen(rows);
        cs_autofree char *row = cs_xmemdupz(rows, n);

        if (claims)
            fx_claim(f, row);
        else
            (void)fx_pod(f, row);
        rows += n + (end ? 2 : 0);
    }
}

void fx_absent(struct fx *f, uint32_t n)
{
    f->o.absent = f->absent;
    f->o.n_absent = n;
}

static bool fx_known(const struct fx *f, const char *id)
{
    for (uint32_t i = 0; i < f->o.n_claims; i++)
        if (cs_streq(f->vclaims[i].id, id))
            return true;
    for (uint32_t i = 0; i < f->o.n_pods; i++)
        if (cs_streq(f->vpods[i].id, id))
            return true;
    return false;
}

/* What an action is for: an object's id, "*" for a new one. */
static const char *action_id(const struct fx *f, const struct cs_action *a)
{
    if (a->claim)
        return a->claim->id;
    if (a->pod)
        return a->pod->id;
    if (*a->id)
        return fx_known(f, a->id) ? a->id : "*";
    return a->revision ? a->revision->meta.name : "";
}

static const char *action_revision(const struct cs_action *a)
{
    if (a->kind != CS_ACT_CREATE_POD)
        return "";
    return a->revision && cs_streq(a->revision->meta.name, "web-new") ? " new" : " old";
}

const char *fx_plan(struct fx *f)
{
    size_t at = 0;

    cs_plan_done(&f->plan);
    cs_plan_make(&f->o, &f->plan);
    f->text[0] = '\0';
    for (uint32_t i = 0; i < f->plan.n; i++) {
        const struct cs_action *a = &f->plan.actions[i];
        const char *id = action_id(f, a);

        at += (size_t)snprintf(f->text + at, sizeof(f->text) - at, "%s%s%s%s%s%s%s%s%s%s%s%s%s%s", i ? ", " : "",
            cs_action_name(a->kind), *id ? " " : "", id, action_revision(a), a->gate_true ? " gate" : "",
            a->kruise_true ? " kruise" : "", a->state != CS_LC_NONE ? " " : "", cs_lifecycle_name(a->state),
            a->template_hash ? " hash" : "", a->keys_add & CS_KEY_PRE_DELETE ? " +preDeleteHook" : "",
            a->keys_add & CS_KEY_PRE_UPDATE ? " +preUpdateHook" : "",
            a->keys_drop & CS_KEY_PRE_DELETE ? " -preDeleteHook" : "",
            a->keys_drop & CS_KEY_PRE_UPDATE ? " -preUpdateHook" : "");
        assert_true(at < sizeof(f->text));
    }
    return f->text;
}

void fx_done(struct fx *f)
{
    cs_plan_done(&f->plan);
    for (uint32_t i = 0; i < FX_MAX; i++) {
        cs_pod_free(f->pool, f->pods[i]);
        cs_claim_free(f->pool, f->claims[i]);
        cs_revision_free(f->pool, f->revs[i]);
        cs_norm_free(f->vrevs[i].norm);
    }
    cs_cloneset_free(f->pool, f->set);
    cs_norm_free(f->norm);
    for (size_t i = 0; i < f->n_texts; i++)
        free(f->texts[i]);
    cs_intern_free(f->pool);
}

void fx_run_rows(const struct fx_row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct fx f;

        fx_init(&f, rows[i].spec);
        fx_rows(&f, rows[i].pods, false);
        fx_rows(&f, rows[i].claims, true);
        if (strcmp(fx_plan(&f), rows[i].then) != 0)
            fail_msg("when %s:\n  planned: %s\n  wanted:  %s", rows[i].when, f.text, rows[i].then);
        fx_done(&f);
    }
}
