/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One table of defaults, used in two ways: on the decoded spec and as JSON Patch on the raw object. What the user wrote
 * is never written again, so unknown fields and long integers survive.
 */
#include "common/cloneset/defaults.h"

#include "common/json/json_writer.h"

enum rule_kind { RULE_I32, RULE_INTSTR, RULE_TYPE, RULE_INPLACE };

struct rule {
    const char *key;
    enum rule_kind kind;
    bool in_strategy; /* below spec.updateStrategy, else below spec */
    size_t offset; /* I32, INTSTR: the field in struct cs_cloneset_spec */
    size_t has; /* I32: its flag */
    int32_t i;
    const char *s; /* the default is this text, else i */
};

#define SPEC(member) offsetof(struct cs_cloneset_spec, member)

/* inPlaceUpdateStrategy comes last: it depends on the type, defaulted by then. No key needs escaping in a JSON Pointer. */
static const struct rule rules[] = {
    {"replicas", RULE_I32, false, SPEC(replicas), SPEC(has_replicas), 1, NULL},
    {"revisionHistoryLimit", RULE_I32, false, SPEC(history_limit), SPEC(has_history_limit), 10, NULL},
    {"type", RULE_TYPE, true, 0, 0, 0, "ReCreate"},
    {"partition", RULE_INTSTR, true, SPEC(partition), 0, 0, NULL},
    {"maxUnavailable", RULE_INTSTR, true, SPEC(max_unavailable), 0, 0, "20%"},
    {"maxSurge", RULE_INTSTR, true, SPEC(max_surge), 0, 0, NULL},
    {"inPlaceUpdateStrategy", RULE_INPLACE, true, 0, 0, 0, NULL},
};

/* ---- on the decoded spec ---- */

static void apply(struct cs_intern *pool, const struct rule *r, struct cs_cloneset_spec *spec)
{
    char *base = (char *)spec;
    struct cs_intstr *value = (struct cs_intstr *)(void *)(base + r->offset);
    bool *has = (bool *)(base + r->has);

    switch (r->kind) {
    case RULE_I32:
        if (!*has)
            *(int32_t *)(void *)(base + r->offset) = r->i;
        *has = true;
        break;
    case RULE_INTSTR:
        if (value->type == CS_IS_ABSENT)
            *value = (struct cs_intstr){
                .type = r->s ? CS_IS_STRING : CS_IS_INT, .i = r->i, .s = cs_intern_str(pool, cs_str(r->s))};
        break;
    case RULE_TYPE:
        if (spec->type != CS_UPDATE_UNSET)
            break;
        spec->type = CS_UPDATE_RECREATE;
        cs_intern_unref(pool, spec->type_text); /* "" perhaps */
        spec->type_text = cs_intern_str(pool, cs_str(r->s));
        break;
    case RULE_INPLACE:
        if (spec->type == CS_UPDATE_INPLACE_IF_POSSIBLE || spec->type == CS_UPDATE_INPLACE_ONLY)
            spec->has_inplace_strategy = true;
        break;
    }
}

void cs_cloneset_default(struct cs_intern *pool, struct cs_cloneset_spec *spec)
{
    for (size_t i = 0; i < CS_ARRAY_LEN(rules); i++)
        apply(pool, &rules[i], spec);
}

/* ---- as a patch ---- */

static bool is_missing(const struct rule *r, struct cs_json strategy, struct cs_json parent)
{
    struct cs_json v = cs_json_get(parent, r->key), type = cs_json_get(strategy, "type");

    if (r->kind == RULE_TYPE)
        return cs_json_is_null(v) || cs_json_str_is(v, "");
    if (r->kind == RULE_INPLACE)
        return cs_json_is_null(v) && (cs_json_str_is(type, "InPlaceIfPossible") || cs_json_str_is(type, "InPlaceOnly"));
    return cs_json_is_null(v);
}

static void write_value(struct cs_jw *w, const struct rule *r)
{
    if (r->kind == RULE_INPLACE) {
        cs_jw_obj(w);
        cs_jw_end_obj(w);
    } else if (r->s) {
        cs_jw_str(w, r->s);
    } else {
        cs_jw_i64(w, r->i);
    }
}

static void begin_op(struct cs_jw *w, size_t n, const char *parent, const char *key)
{
    char path[96];

    if (n == 0)
        cs_jw_arr(w);
    (void)snprintf(path, sizeof(path), "%s/%s", parent, key);
    cs_jw_obj(w);
    cs_jw_kstr(w, "op", "add");
    cs_jw_kstr(w, "path", path);
    cs_jw_key(w, "value");
}

/* updateStrategy with all that an absent one is defaulted to. */
static void write_strategy(struct cs_jw *w)
{
    const struct cs_json none = {0};

    cs_jw_obj(w);
    for (size_t i = 0; i < CS_ARRAY_LEN(rules); i++) {
        if (!rules[i].in_strategy || !is_missing(&rules[i], none, none))
            continue;
        cs_jw_key(w, rules[i].key);
        write_value(w, &rules[i]);
    }
    cs_jw_end_obj(w);
}

size_t cs_cloneset_default_patch(struct cs_json obj, struct cs_strbuf *out)
{
    struct cs_json spec = cs_json_get(obj, "spec"), strategy = cs_json_get(spec, "updateStrategy");
    bool no_strategy = cs_json_is_null(strategy);
    struct cs_jw w;
    size_t n = 0;

    if (!cs_json_is(spec, CS_J_OBJECT))
        return 0;
    cs_jw_init(&w, out);
    for (size_t i = 0; i < CS_ARRAY_LEN(rules); i++) {
        const struct rule *r = &rules[i];
        struct cs_json parent = r->in_strategy ? strategy : spec;
        if (!cs_json_is(parent, CS_J_OBJECT) || !is_missing(r, strategy, parent))
            continue;
        begin_op(&w, n++, r->in_strategy ? "/spec/updateStrategy" : "/spec", r->key);
        write_value(&w, r);
        cs_jw_end_obj(&w);
    }
    if (no_strategy) {
        begin_op(&w, n++, "/spec", "updateStrategy");
        write_strategy(&w);
        cs_jw_end_obj(&w);
    }
    if (n)
        cs_jw_end_arr(&w);
    return n;
}
