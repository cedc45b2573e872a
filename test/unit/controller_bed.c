/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See controller_bed.h.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "test/unit/controller_bed.h"

static bool may_write(void *ctx)
{
    return ((struct bed *)ctx)->may_write;
}

void feed(struct bed *b, enum cs_kind k, const char *text)
{
    struct cs_error err = CS_ERROR_INIT;
    cs_autojdoc doc = {0};

    assert_true(cs_jdoc_parse(&doc, text, strlen(text), NULL, &err));
    if (!cs_store_apply(&b->c.store, k, cs_jdoc_root(&doc), false, &err))
        fail_msg("%s", err.message);
}

/* The set as a server shows it; owned. */
char *set_text(struct bed *b, const char *uid, int replicas)
{
    return cs_xasprintf(
        "{\"apiVersion\":\"apps.kruise.io/v1alpha1\",\"kind\":\"CloneSet\",\"metadata\":{\"name\":\"web\","
        "\"namespace\":\"ns\",\"uid\":\"%s\",\"resourceVersion\":\"%d\",\"generation\":%d},\"spec\":{"
        "\"replicas\":%d,\"selector\":{\"matchLabels\":{\"app\":\"web\"}},\"template\":{\"metadata\":{"
        "\"labels\":{\"app\":\"web\"}},\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":\"i\"}]}}}}",
        uid, ++b->rv, replicas + 1, replicas);
}

void feed_set(struct bed *b, const char *uid, int replicas)
{
    cs_autofree char *text = set_text(b, uid, replicas);

    feed(b, CS_K_SET, text);
}

void bed_start(struct bed *b)
{
    *b = (struct bed){.may_write = true, .rand = {3}, .rv = 100, .metrics = cs_metrics_new()};
    rt_init(&b->api);
    const struct cs_controller_options o = {.client = &b->api.client,
        .loop = &b->api.loop,
        .clock = &b->api.clock,
        .metrics = b->metrics,
        .rand = &b->rand,
        .instance = "i",
        .may_write = may_write,
        .ctx = b};
    cs_controller_init(&b->c, &o);
    b->c.active = true; /* as if led and synced, long ago */
}

void bed_init(struct bed *b, int replicas)
{
    bed_start(b);
    feed_set(b, "u1", replicas);
}

void bed_done(struct bed *b)
{
    cs_controller_done(&b->c);
    cs_metrics_free(b->metrics);
    rt_done(&b->api);
}

void step(struct bed *b, int64_t ms)
{
    for (; ms > 0; ms -= 5) {
        rt_pass(&b->api, 5);
        cs_controller_step(&b->c);
    }
    cs_controller_step(&b->c);
}

/* The oldest open request of that kind, or NULL. */
struct rt_request *open_request(struct bed *b, enum cs_verb verb, enum cs_kind k)
{
    for (size_t i = 0; i < b->api.len; i++)
        if (b->api.requests[i]->open && b->api.requests[i]->verb == verb && b->api.requests[i]->gvr == cs_kind_gvr(k))
            return b->api.requests[i];
    return NULL;
}

struct rt_request *expect(struct bed *b, enum cs_verb verb, enum cs_kind k)
{
    struct rt_request *q = open_request(b, verb, k);

    if (!q)
        fail_msg("no %s of %s is open", cs_verb_name(verb), cs_kind_gvr(k)->resource);
    return q;
}

/* What a server makes of the body of a create; owned. */
char *created(struct bed *b, const struct rt_request *q, const char *uid)
{
    const char *meta = strstr(q->body, "\"metadata\":{");

    return cs_xasprintf("%.*s\"uid\":\"%s\",\"resourceVersion\":\"%d\",%s", (int)(meta + 12 - q->body), q->body, uid,
        ++b->rv, meta + 12);
}

/* Answers the creation of the revision. */
void answer_revision(struct bed *b)
{
    step(b, 0);
    struct rt_request *q = expect(b, CS_VERB_CREATE, CS_K_REVISION);
    cs_autofree char *text = created(b, q, "r1");

    rt_answer(q, 201, text);
    step(b, 0);
}

/* Answers what status writes are open. */
void answer_status(struct bed *b, int replicas)
{
    struct rt_request *q = open_request(b, CS_VERB_PATCH_MERGE, CS_K_SET);

    if (q) {
        cs_autofree char *text = set_text(b, "u1", replicas);
        rt_answer(q, 200, text);
    }
}

struct cs_set_run *run_of(struct bed *b)
{
    return cs_store_set(&b->c.store, "u1")->run;
}
