/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "test/unit/claims_bed.h"

static bool cb_may_write(void *ctx)
{
    return ((struct claims_bed *)ctx)->may_write;
}

void cb_feed(struct claims_bed *b, enum cs_kind k, const char *text)
{
    struct cs_error err = CS_ERROR_INIT;
    cs_autojdoc doc = {0};

    assert_true(cs_jdoc_parse(&doc, text, strlen(text), NULL, &err));
    if (!cs_store_apply(&b->c.store, k, cs_jdoc_root(&doc), false, &err))
        fail_msg("%s", err.message);
}

/* ' becomes "; owned */
char *cb_quoted(const char *fmt, ...)
{
    char *text = NULL;
    va_list ap;

    va_start(ap, fmt);
    if (vasprintf(&text, fmt, ap) < 0)
        abort();
    va_end(ap);
    for (char *p = text; *p; p++)
        *p = *p == '\'' ? '"' : *p;
    return text;
}

char *cb_set_text(struct claims_bed *b)
{
    return cb_quoted(
        "{'apiVersion':'apps.kruise.io/v1alpha1','kind':'CloneSet','metadata':{'name':'web','namespace':'ns','uid':"
        "'u1','resourceVersion':'%d','generation':%d,'annotations':{'apps.kruise.io/expand-volume-claims':'%s'}},"
        "'spec':{'replicas':%d,'scaleStrategy':{'disablePVCReuse':%s},'selector':{'matchLabels':{'app':'web'}},"
        "'template':{'metadata':{'labels':{'app':'web'}},'spec':{'containers':[{'name':'c','image':'i'}]}},"
        "'volumeClaimTemplates':[{'metadata':{'name':'data'},'spec':{'resources':{'requests':{'storage':'%s'}}}}]}}",
        ++b->rv, b->generation, b->expand ? "true" : "", b->replicas, b->off ? "true" : "false", b->size);
}

void cb_feed_set(struct claims_bed *b)
{
    cs_autofree char *text = NULL;

    b->generation++;
    text = cb_set_text(b);
    cb_feed(b, CS_K_SET, text);
}

/* more: members of the metadata; owner: "u1" is the set */
char *cb_claim_text(struct claims_bed *b, const char *name, const char *id, const char *owner, const char *more)
{
    return cb_quoted(
        "{'apiVersion':'v1','kind':'PersistentVolumeClaim','metadata':{'name':'%s','namespace':'ns','uid':'c-%s',"
        "'resourceVersion':'%d','labels':{'apps.kruise.io/cloneset-instance-id':'%s'},'ownerReferences':[{'apiVersion':"
        "'apps.kruise.io/v1alpha1','kind':'CloneSet','name':'web','uid':'%s','controller':%s}]%s},"
        "'spec':{'resources':{'requests':{'storage':'1Gi'}}},'status':{'phase':'Bound'}}",
        name, name, ++b->rv, id, *owner == '!' ? owner + 1 : owner, *owner == '!' ? "false" : "true", more);
}

void cb_feed_claim(struct claims_bed *b)
{
    cs_autofree char *text = cb_claim_text(b, "data-web-bbbbb", "bbbbb", "u1", "");

    cb_feed(b, CS_K_CLAIM, text);
}

char *cb_pod_text(struct claims_bed *b, const char *labels, const char *owner)
{
    return cb_quoted(
        "{'apiVersion':'v1','kind':'Pod','metadata':{'name':'web-bbbbb','namespace':'ns','uid':'p-bbbbb',"
        "'resourceVersion':'%d','labels':{'app':'web'%s},'ownerReferences':[{'apiVersion':'apps.kruise.io/v1alpha1',"
        "'kind':'CloneSet','name':'web','uid':'%s','controller':true}]},'spec':{'containers':[{'name':'c','image':"
        "'i'}]},'status':{'phase':'Running'}}",
        ++b->rv, labels, owner);
}

void cb_step(struct claims_bed *b, int64_t ms)
{
    for (; ms > 0; ms -= 5) {
        rt_pass(&b->api, 5);
        cs_controller_step(&b->c);
    }
    cs_controller_step(&b->c);
}

struct rt_request *cb_open_request(struct claims_bed *b, enum cs_verb verb, enum cs_kind k)
{
    for (size_t i = 0; i < b->api.len; i++)
        if (b->api.requests[i]->open && b->api.requests[i]->verb == verb && b->api.requests[i]->gvr == cs_kind_gvr(k))
            return b->api.requests[i];
    return NULL;
}

struct rt_request *cb_expect(struct claims_bed *b, enum cs_verb verb, enum cs_kind k)
{
    struct rt_request *q = cb_open_request(b, verb, k);

    if (!q)
        fail_msg("no %s of %s is open", cs_verb_name(verb), cs_kind_gvr(k)->resource);
    return q;
}

void cb_expect_none(struct claims_bed *b, enum cs_verb verb, enum cs_kind k)
{
    const struct rt_request *q = cb_open_request(b, verb, k);

    if (q)
        fail_msg("%s of %s %s is open", cs_verb_name(verb), cs_kind_gvr(k)->resource, q->name ? q->name : "");
}

/* What a server makes of the body of a create; owned. */
char *cb_created(struct claims_bed *b, const struct rt_request *q, const char *uid)
{
    const char *meta = strstr(q->body, "\"metadata\":{");

    return cs_xasprintf("%.*s\"uid\":\"%s\",\"resourceVersion\":\"%d\",%s", (int)(meta + 12 - q->body), q->body, uid,
        ++b->rv, meta + 12);
}

/* Answers the next status write and events: they are of no interest here. */
void cb_answer_others(struct claims_bed *b)
{
    struct rt_request *q = cb_open_request(b, CS_VERB_PATCH_MERGE, CS_K_SET);
    cs_autofree char *text = q ? cb_set_text(b) : NULL;

    if (q)
        rt_answer(q, 200, text);
}

/* How many events of this reason were written, or are to be. */
unsigned cb_events(struct claims_bed *b, const char *reason)
{
    unsigned n = 0;

    cb_step(b, 3000);
    for (size_t i = 0; i < b->api.len; i++) {
        const struct rt_request *q = b->api.requests[i];

        if (strcmp(q->gvr->resource, "events") != 0)
            continue;
        n += q->body && strstr(q->body, reason) != NULL;
        if (q->open)
            rt_answer(b->api.requests[i], 201, q->body);
    }
    return n;
}

struct cs_set_run *cb_run_of(struct claims_bed *b)
{
    return cs_store_set(&b->c.store, "u1")->run;
}

/* A controller that leads, has the set's revision, and is at rest. */
void cb_init(struct claims_bed *b, int replicas, bool off)
{
    *b = (struct claims_bed){.may_write = true,
        .rand = {3},
        .rv = 100,
        .metrics = cs_metrics_new(),
        .size = "1Gi",
        .replicas = replicas,
        .off = off};
    rt_init(&b->api);
    const struct cs_controller_options o = {.client = &b->api.client,
        .loop = &b->api.loop,
        .clock = &b->api.clock,
        .metrics = b->metrics,
        .rand = &b->rand,
        .instance = "i",
        .may_write = cb_may_write,
        .ctx = b};
    cs_controller_init(&b->c, &o);
    b->c.active = true; /* as if led and synced, long ago */
    cb_feed_set(b);
    cb_step(b, 0);
    struct rt_request *q = cb_expect(b, CS_VERB_CREATE, CS_K_REVISION);
    cs_autofree char *text = cb_created(b, q, "r1");
    rt_answer(q, 201, text);
    cb_step(b, 0);
    cb_answer_others(b);
}

void cb_done(struct claims_bed *b)
{
    cs_controller_done(&b->c);
    cs_metrics_free(b->metrics);
    rt_done(&b->api);
}

void cb_answer_set(struct claims_bed *b)
{
    cs_autofree char *text = cb_set_text(b);

    rt_answer(cb_expect(b, CS_VERB_GET, CS_K_SET), 200, text);
}
