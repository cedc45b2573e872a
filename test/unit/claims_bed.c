/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "test/unit/claims_bed.h"

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
        ++b->bed.rv, b->generation, b->expand ? "true" : "", b->replicas, b->off ? "true" : "false", b->size);
}

void cb_feed_set(struct claims_bed *b)
{
    cs_autofree char *text = NULL;

    b->generation++;
    text = cb_set_text(b);
    feed(&b->bed, CS_K_SET, text);
}

/* more: members of the metadata; owner: "u1" is the set */
char *cb_claim_text(struct claims_bed *b, const char *name, const char *id, const char *owner, const char *more)
{
    return cb_quoted(
        "{'apiVersion':'v1','kind':'PersistentVolumeClaim','metadata':{'name':'%s','namespace':'ns','uid':'c-%s',"
        "'resourceVersion':'%d','labels':{'apps.kruise.io/cloneset-instance-id':'%s'},'ownerReferences':[{'apiVersion':"
        "'apps.kruise.io/v1alpha1','kind':'CloneSet','name':'web','uid':'%s','controller':%s}]%s},"
        "'spec':{'resources':{'requests':{'storage':'1Gi'}}},'status':{'phase':'Bound'}}",
        name, name, ++b->bed.rv, id, *owner == '!' ? owner + 1 : owner, *owner == '!' ? "false" : "true", more);
}

void cb_feed_claim(struct claims_bed *b)
{
    cs_autofree char *text = cb_claim_text(b, "data-web-bbbbb", "bbbbb", "u1", "");

    feed(&b->bed, CS_K_CLAIM, text);
}

char *cb_pod_text(struct claims_bed *b, const char *labels, const char *owner)
{
    return cb_quoted(
        "{'apiVersion':'v1','kind':'Pod','metadata':{'name':'web-bbbbb','namespace':'ns','uid':'p-bbbbb',"
        "'resourceVersion':'%d','labels':{'app':'web'%s},'ownerReferences':[{'apiVersion':'apps.kruise.io/v1alpha1',"
        "'kind':'CloneSet','name':'web','uid':'%s','controller':true}]},'spec':{'containers':[{'name':'c','image':"
        "'i'}]},'status':{'phase':'Running'}}",
        ++b->bed.rv, labels, owner);
}

void cb_expect_none(struct claims_bed *b, enum cs_verb verb, enum cs_kind k)
{
    const struct rt_request *q = open_request(&b->bed, verb, k);

    if (q)
        fail_msg("%s of %s %s is open", cs_verb_name(verb), cs_kind_gvr(k)->resource, q->name ? q->name : "");
}

/* Answers the next status write and events: they are of no interest here. */
void cb_answer_others(struct claims_bed *b)
{
    struct rt_request *q = open_request(&b->bed, CS_VERB_PATCH_MERGE, CS_K_SET);
    cs_autofree char *text = q ? cb_set_text(b) : NULL;

    if (q)
        rt_answer(q, 200, text);
}

/* How many events of this reason were written, or are to be. */
unsigned cb_events(struct claims_bed *b, const char *reason)
{
    unsigned n = 0;

    step(&b->bed, 3000);
    for (size_t i = 0; i < b->bed.api.len; i++) {
        const struct rt_request *q = b->bed.api.requests[i];

        if (strcmp(q->gvr->resource, "events") != 0)
            continue;
        n += q->body && strstr(q->body, reason) != NULL;
        if (q->open)
            rt_answer(b->bed.api.requests[i], 201, q->body);
    }
    return n;
}

/* A controller that leads, has the set's revision, and is at rest. */
void cb_init(struct claims_bed *b, int replicas, bool off)
{
    *b = (struct claims_bed){.size = "1Gi", .replicas = replicas, .off = off};
    bed_start(&b->bed);
    cb_feed_set(b);
    answer_revision(&b->bed);
    cb_answer_others(b);
}

void cb_answer_set(struct claims_bed *b)
{
    cs_autofree char *text = cb_set_text(b);

    rt_answer(expect(&b->bed, CS_VERB_GET, CS_K_SET), 200, text);
}
