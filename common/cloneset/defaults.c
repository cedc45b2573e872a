/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One table of defaults, used in two ways: on the decoded spec and as JSON Patch on the raw object. What the user wrote
 * is never written again, so unknown fields and long integers survive.
 */
#include "common/cloneset/defaults.h"

#include "common/cloneset/convert.h"
#include "common/json/json_tree.h"
#include "common/json/json_writer.h"

enum rule_kind { RULE_I32, RULE_INTSTR, RULE_TYPE, RULE_INPLACE };
/* IN_STRATEGY: updateStrategy in v1alpha1, its rollingUpdate in v1beta1. */
enum rule_place { IN_SPEC, IN_UPDATE, IN_STRATEGY };
enum rule_versions { BOTH, ONLY_ALPHA, ONLY_BETA };

struct rule {
    const char *key;
    enum rule_kind kind;
    enum rule_place place;
    enum rule_versions versions;
    size_t offset; /* I32, INTSTR: the field in struct cs_cloneset_spec */
    size_t has; /* I32: its flag */
    int32_t i;
    const char *s; /* the default is this text, else i */
};

#define SPEC(member) offsetof(struct cs_cloneset_spec, member)

/* inPlaceUpdateStrategy comes last: it depends on the type, defaulted by then. No key needs escaping in a JSON Pointer. */
static const struct rule rules[] = {
    {"replicas", RULE_I32, IN_SPEC, BOTH, SPEC(replicas), SPEC(has_replicas), 1, NULL},
    {"revisionHistoryLimit", RULE_I32, IN_SPEC, BOTH, SPEC(history_limit), SPEC(has_history_limit), 10, NULL},
    {"type", RULE_TYPE, IN_UPDATE, ONLY_ALPHA, 0, 0, 0, "ReCreate"},
    {"type", RULE_TYPE, IN_UPDATE, ONLY_BETA, 0, 0, 0, "RollingUpdate"},
    {"podUpdatePolicy", RULE_TYPE, IN_STRATEGY, ONLY_BETA, 0, 0, 0, "ReCreate"},
    {"partition", RULE_INTSTR, IN_STRATEGY, BOTH, SPEC(partition), 0, 0, NULL},
    {"maxUnavailable", RULE_INTSTR, IN_STRATEGY, BOTH, SPEC(max_unavailable), 0, 0, "20%"},
    {"maxSurge", RULE_INTSTR, IN_STRATEGY, BOTH, SPEC(max_surge), 0, 0, NULL},
    {"inPlaceUpdateStrategy", RULE_INPLACE, IN_STRATEGY, BOTH, 0, 0, 0, NULL},
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
    for (size_t i = 0; i < CS_ARRAY_LEN(rules); i++) {
        if (rules[i].versions != ONLY_BETA)
            apply(pool, &rules[i], spec);
    }
}

/* ---- as a patch ---- */

/* The rules of one place in the version of an object, in the order of the table. */
static const struct rule *next_rule(const struct rule *r, enum cs_version version, enum rule_place place)
{
    enum rule_versions not_for = version == CS_V1BETA1 ? ONLY_ALPHA : ONLY_BETA;

    for (r = r ? r + 1 : rules; r < rules + CS_ARRAY_LEN(rules); r++) {
        bool here = r->place == place || (version == CS_V1ALPHA1 && place == IN_UPDATE && r->place == IN_STRATEGY);

        if (here && r->versions != not_for)
            return r;
    }
    return NULL;
}

/* policy: the field that says in place or not. */
static bool is_missing(const struct rule *r, struct cs_json policy, struct cs_json parent)
{
    struct cs_json v = cs_json_get(parent, r->key);
    enum cs_update_type type = cs_update_policy_read(policy);

    if (r->kind == RULE_TYPE)
        return cs_json_is_null(v) || cs_json_str_is(v, "");
    if (r->kind == RULE_INPLACE)
        return cs_json_is_null(v) && (type == CS_UPDATE_INPLACE_IF_POSSIBLE || type == CS_UPDATE_INPLACE_ONLY);
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

/* A patch under way. */
struct patch {
    struct cs_jw w;
    size_t n;
    enum cs_version version;
    struct cs_json policy;
};

static void begin_op(struct patch *p, const char *parent, const char *key)
{
    char path[96];

    if (p->n++ == 0)
        cs_jw_arr(&p->w);
    (void)snprintf(path, sizeof(path), "%s/%s", parent, key);
    cs_jw_obj(&p->w);
    cs_jw_kstr(&p->w, "op", "add");
    cs_jw_kstr(&p->w, "path", path);
    cs_jw_key(&p->w, "value");
}

/* All that an absent object of this place is defaulted to; v1beta1's rollingUpdate inside of its updateStrategy. */
static void write_whole(struct patch *p, enum rule_place place)
{
    const struct cs_json none = {.doc = NULL};

    cs_jw_obj(&p->w);
    for (const struct rule *r = NULL; (r = next_rule(r, p->version, place)) != NULL;) {
        if (!is_missing(r, none, none))
            continue;
        cs_jw_key(&p->w, r->key);
        write_value(&p->w, r);
    }
    if (p->version == CS_V1BETA1 && place == IN_UPDATE) {
        cs_jw_key(&p->w, "rollingUpdate");
        write_whole(p, IN_STRATEGY);
    }
    cs_jw_end_obj(&p->w);
}

/* What `parent`, at the path, lacks. */
static void fill(struct patch *p, enum rule_place place, struct cs_json parent, const char *path)
{
    if (!cs_json_is(parent, CS_J_OBJECT))
        return;
    for (const struct rule *r = NULL; (r = next_rule(r, p->version, place)) != NULL;) {
        if (!is_missing(r, p->policy, parent))
            continue;
        begin_op(p, path, r->key);
        write_value(&p->w, r);
        cs_jw_end_obj(&p->w);
    }
}

static void add_whole(struct patch *p, enum rule_place place, const char *parent, const char *key)
{
    begin_op(p, parent, key);
    write_whole(p, place);
    cs_jw_end_obj(&p->w);
}

/* spec §1.4: rollingUpdate is defaulted when the type is RollingUpdate, or will be. */
static void fill_rolling_update(struct patch *p, struct cs_json update)
{
    struct cs_json type = cs_json_get(update, "type"), rolling = cs_json_get(update, "rollingUpdate");

    if (!cs_json_is_null(type) && !cs_json_str_is(type, "") && !cs_json_str_is(type, "RollingUpdate"))
        return;
    if (cs_json_is_null(rolling))
        add_whole(p, IN_STRATEGY, "/spec/updateStrategy", "rollingUpdate");
    else
        fill(p, IN_STRATEGY, rolling, "/spec/updateStrategy/rollingUpdate");
}

static void fill_update_strategy(struct patch *p, struct cs_json update)
{
    if (cs_json_is_null(update)) {
        add_whole(p, IN_UPDATE, "/spec", "updateStrategy");
        return;
    }
    fill(p, IN_UPDATE, update, "/spec/updateStrategy");
    if (p->version == CS_V1BETA1 && cs_json_is(update, CS_J_OBJECT))
        fill_rolling_update(p, update);
}

/* keeps: what a conversion keeps (convert.h), CS_NOTE_…. */
static size_t write_patch(struct cs_json obj, unsigned keeps, struct cs_strbuf *out)
{
    struct cs_shape shape = cs_shape_of(obj);
    struct cs_json spec = cs_json_get(obj, "spec"), update = cs_json_get(spec, "updateStrategy");
    bool beta = shape.version == CS_V1BETA1;
    struct patch p = {
        .version = shape.version, .policy = cs_json_get(shape.strategy, beta ? "podUpdatePolicy" : "type")};

    if (!cs_json_is(spec, CS_J_OBJECT))
        return 0;
    cs_jw_init(&p.w, out);
    fill(&p, IN_SPEC, spec, "/spec");
    if (!(keeps & CS_NOTE_UPDATE))
        fill_update_strategy(&p, update);
    if (p.n)
        cs_jw_end_arr(&p.w);
    return p.n;
}

size_t cs_cloneset_default_patch(struct cs_json obj, struct cs_strbuf *out)
{
    return write_patch(obj, cs_convert_note_counts(obj), out);
}

/* ---- as a comparison ---- */

/* The operations of a patch of ours: each adds a member to an object that is there. */
static void apply_patch(struct cs_jtree *obj, const struct cs_strbuf *patch)
{
    cs_autojdoc doc = {.nodes = NULL};

    if (patch->len == 0 || !cs_jdoc_parse(&doc, cs_strbuf_str(patch), patch->len, NULL, NULL))
        return;
    cs_json_foreach (op, cs_jdoc_root(&doc)) {
        cs_autofree char *path = cs_json_str_dup(cs_json_get(op, "path"));
        struct cs_jtree *parent = obj;
        char *key = path + 1, *slash;

        while ((slash = strchr(key, '/')) != NULL) {
            *slash = '\0';
            parent = cs_jtree_get(parent, key);
            key = slash + 1;
        }
        (void)cs_jtree_set(parent, key, cs_jtree_from(cs_json_get(op, "value")));
    }
}

bool cs_cloneset_same_spec(struct cs_json a, struct cs_json b)
{
    struct cs_json a_spec = cs_json_get(a, "spec"), b_spec = cs_json_get(b, "spec");
    cs_autostrbuf a_patch = CS_STRBUF_INIT, b_patch = CS_STRBUF_INIT;

    if (!cs_json_equal(cs_json_get(a_spec, "template"), cs_json_get(b_spec, "template")))
        return false; /* no default is in there, and most edits are */
    if (cs_json_equal(a_spec, b_spec))
        return true;
    if (write_patch(a, 0, &a_patch) + write_patch(b, 0, &b_patch) == 0)
        return false;
    cs_autojtree *a_tree = cs_jtree_from(a), *b_tree = cs_jtree_from(b);

    apply_patch(a_tree, &a_patch);
    apply_patch(b_tree, &b_patch);
    return cs_jtree_equal(cs_jtree_get(a_tree, "spec"), cs_jtree_get(b_tree, "spec"));
}
