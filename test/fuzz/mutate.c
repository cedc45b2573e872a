/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mutation of JSON by its tree. Bytes flipped at random seldom leave a document that parses, and never one with a container more;
 * here members are dropped, copied to places of the same name (object and oldObject of a review are alike then, but for one
 * thing), replaced by values that decoders are afraid of, or grown from the table of schema.h where a template stands.
 */
#include <stdlib.h>

#include "common/base/alloc.h"
#include "test/fuzz/fuzz.h"
#include "test/unit/template_random.h"

#define MAX_PLACES 4096

struct place {
    struct cs_jtree *parent, *node; /* parent NULL: the root */
    const struct cs_schema_type *type; /* of an object inside a template; NULL: unknown */
    const struct cs_schema_field *field; /* the member that it is; NULL: unknown */
};

struct mutation {
    struct random_source r;
    struct cs_jtree *root;
    struct place places[MAX_PLACES];
    size_t n;
};

static const char *const values[] = {"null", "true", "false", "0", "-0", "1", "-1", "7", "100", "2147483647",
    "2147483648", "-2147483649", "9223372036854775807", "9223372036854775808", "18446744073709551616", "1.0", "1e3",
    "1e-400", "0.1000000000000000000000001", "\"\"", "\"0\"", "\"5\"", "\"20%\"", "\"33.3%\"", "\"-5%\"", "\"101%\"",
    "\"100%\"", "\"%\"", "\"true\"", "\"web\"", "\"app\"", "\"a/b\"", "\"nginx:1\"", "\"nginx:2\"", "\"ReCreate\"",
    "\"InPlaceIfPossible\"", "\"InPlaceOnly\"", "\"OnDelete\"", "\"RollingUpdate\"", "\"Always\"", "\"IfNotPresent\"",
    "\"In\"", "\"NotIn\"", "\"Exists\"", "\"CREATE\"", "\"UPDATE\"", "\"DELETE\"", "\"100m\"", "\"0.1\"", "\"1Gi\"",
    "\"1e3\"", "\"v1alpha1\"", "\"v1beta1\"", "\"apps.kruise.io/v1alpha1\"", "\"apps.kruise.io/v1beta1\"",
    "\"2025-01-02T03:04:05Z\"", "\"\\ud83d\\ude00\"", "\"a\\u0001b\"", "\"x\\ny\"", "\"<&>\"", "[]", "{}", "[null]",
    "[{}]", "{\"\":null}", "{\"a\":\"b\"}", "[\"a\",\"a\"]"};
static const char *const keys[] = {"replicas", "selector", "matchLabels", "matchExpressions", "template",
    "volumeClaimTemplates", "scaleStrategy", "podsToDelete", "maxUnavailable", "disablePVCReuse", "enablePVCReuse",
    "excludePreparingDelete", "updateStrategy", "rollingUpdate", "podUpdatePolicy", "type", "partition", "maxSurge",
    "paused", "priorityStrategy", "weightPriority", "orderPriority", "orderedKey", "weight", "scatterStrategy", "key",
    "value", "inPlaceUpdateStrategy", "gracePeriodSeconds", "revisionHistoryLimit", "minReadySeconds",
    "progressDeadlineSeconds", "lifecycle", "preDelete", "inPlaceUpdate", "preNormal", "labelsHandler",
    "finalizersHandler", "markPodNotReady", "metadata", "labels", "annotations", "name", "generateName", "namespace",
    "uid", "finalizers", "ownerReferences", "controller", "deletionTimestamp", "creationTimestamp", "generation",
    "resourceVersion", "status", "conditions", "$patch", "cloneset.apps.kruise.io/conversion-data",
    "apps.kruise.io/cloneset-instance-id", "unknown", ""};

#define PICK(m, list) ((list)[cs_rand_below(&(m)->r.rand, CS_ARRAY_LEN(list))])

static void collect(struct mutation *m, struct cs_jtree *parent, struct cs_jtree *node,
    const struct cs_schema_type *type, const struct cs_schema_field *field)
{
    if (m->n == MAX_PLACES)
        return;
    m->places[m->n++] = (struct place){.parent = parent, .node = node, .type = type, .field = field};
    for (struct cs_jtree *child = cs_jtree_first(node); child; child = cs_jtree_next(child)) {
        const char *key = cs_jtree_is(node, CS_J_OBJECT) ? cs_jtree_key(child) : NULL;
        const struct cs_schema_field *f = cs_schema_find(type, cs_str(key));
        const struct cs_schema_type *below = f ? f->type : key ? NULL : type;

        if (!type && cs_streq(key, "template"))
            below = &cs_schema_pod_template_spec;
        collect(m, node, child, below, f);
    }
}

static struct place *any_place(struct mutation *m)
{
    return &m->places[cs_rand_below(&m->r.rand, m->n)];
}

static struct cs_jtree *make(const char *text)
{
    cs_autojdoc doc = {.nodes = NULL};

    return cs_jdoc_parse(&doc, text, strlen(text), NULL, NULL) ? cs_jtree_from(cs_jdoc_root(&doc))
                                                               : cs_jtree_new_null();
}

/* A value for a place: of its type if that is known, a copy of something else of that name, or anything. */
static struct cs_jtree *make_for(struct mutation *m, const struct place *at)
{
    uint64_t dice = cs_rand_below(&m->r.rand, 6);

    if (at->field && dice < 2)
        return random_value(&m->r, at->field, 2);
    for (unsigned tries = 0; dice < 4 && tries < 50; tries++) {
        const struct place *other = any_place(m);

        if (cs_streq(cs_jtree_key(other->node), cs_jtree_key(at->node)))
            return cs_jtree_dup(other->node);
    }
    return dice == 4 ? cs_jtree_dup(any_place(m)->node) : make(PICK(m, values));
}

/* Puts v, which it takes, in the place of what is there. */
static void replace(struct mutation *m, const struct place *at, struct cs_jtree *v)
{
    if (!at->parent) {
        cs_jtree_free(m->root);
        m->root = v;
    } else if (cs_jtree_is(at->parent, CS_J_OBJECT)) {
        (void)cs_jtree_set(at->parent, cs_jtree_key(at->node), v);
    } else { /* order does not matter to a fuzzer: it goes to the end */
        cs_jtree_remove(at->parent, at->node);
        (void)cs_jtree_append(at->parent, v);
    }
}

static void mutate_text(struct mutation *m, const struct place *at)
{
    char text[256];
    const char *was = cs_jtree_is(at->node, CS_J_NUMBER) ? cs_jtree_number(at->node) : cs_jtree_str(at->node);
    size_t len = was ? strlen(was) : 0;

    if (!was || len >= sizeof(text) - 1) {
        replace(m, at, make_for(m, at));
        return;
    }
    memcpy(text, was, len);
    len = LLVMFuzzerMutate((uint8_t *)text, len, sizeof(text) - 1);
    for (size_t i = 0; i < len; i++)
        text[i] = text[i] ? text[i] : '0';
    text[len] = '\0';
    replace(m, at, cs_jtree_new_str(text)); /* printing mends what is no UTF-8 */
}

static void grow(struct mutation *m, const struct place *at)
{
    if (cs_jtree_is(at->node, CS_J_ARRAY)) {
        const struct cs_jtree *first = cs_jtree_first(at->node);
        struct cs_jtree *v = first ? cs_jtree_dup(first) : make(PICK(m, values));

        (void)cs_jtree_append(at->node, v);
    } else if (cs_jtree_is(at->node, CS_J_OBJECT)) {
        const struct cs_schema_type *t = at->type;
        const struct cs_schema_field *f = t ? &t->fields[cs_rand_below(&m->r.rand, t->n_fields)] : NULL;

        if (f && cs_rand_below(&m->r.rand, 8))
            (void)cs_jtree_set(at->node, f->name, random_value(&m->r, f, 2));
        else
            (void)cs_jtree_set(at->node, PICK(m, keys), make_for(m, at));
    } else {
        mutate_text(m, at);
    }
}

static void edit(struct mutation *m)
{
    struct place *at;

    m->n = 0;
    collect(m, NULL, m->root, NULL, NULL);
    at = any_place(m);
    switch (cs_rand_below(&m->r.rand, 6)) {
    case 0:
        if (at->parent)
            cs_jtree_remove(at->parent, at->node);
        break;
    case 1:
    case 2:
        replace(m, at, make_for(m, at));
        break;
    case 3:
        mutate_text(m, at);
        break;
    default:
        grow(m, at);
        break;
    }
}

size_t fuzz_mutate_json(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    cs_autojdoc doc = {.nodes = NULL};
    cs_autofree struct mutation *m = cs_new(struct mutation);
    cs_autostrbuf out = CS_STRBUF_INIT;

    m->r.rand.state = seed;
    if (!cs_rand_below(&m->r.rand, 16) || !cs_jdoc_parse(&doc, (const char *)data, size, NULL, NULL))
        return LLVMFuzzerMutate(data, size, max_size);
    m->root = cs_jtree_from(cs_jdoc_root(&doc));
    for (uint64_t n = 1 + cs_rand_below(&m->r.rand, 4); n > 0; n--)
        edit(m);
    cs_jtree_print(m->root, &out, false);
    cs_jtree_free(m->root);
    if (out.failed || out.len > max_size || out.len == 0)
        return LLVMFuzzerMutate(data, size, max_size);
    memcpy(data, out.data, out.len);
    return out.len;
}
