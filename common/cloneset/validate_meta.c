/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rules on metadata (rule 1) and on label selectors (rules 4–7), for the set and for its template. The API server has
 * checked the set's own metadata before it calls a webhook; the rules stand here all the same, as the controller relies
 * on them with whatever it reads, and as the template's metadata have no other judge.
 */
#include "common/cloneset/validate_private.h"

#include "common/base/alloc.h"

#define ANNOTATIONS_MAX_BYTES 262144

void cs_check_labels(struct cs_check *c, const struct cs_path *at, struct cs_json labels)
{
    cs_json_foreach (label, labels) {
        struct cs_str key = cs_check_key(c, label);

        cs_check_qualified_name(c, at, key);
        if (cs_want_value(c, CS_SUB(at, key), label, CS_WANT_STRING))
            cs_check_label_value(c, at, cs_check_text(c, label));
    }
}

/* Keys of annotations are qualified names without regard to capitals in the prefix. */
static void check_annotation_key(struct cs_check *c, const struct cs_path *at, struct cs_str key)
{
    cs_autofree char *lower = NULL;

    if (cs_is_qualified_name(key))
        return;
    lower = cs_xmemdupz(key.p, key.len);
    for (size_t i = 0; i < key.len; i++) {
        if (lower[i] >= 'A' && lower[i] <= 'Z')
            lower[i] = (char)(lower[i] - 'A' + 'a');
    }
    cs_check_qualified_name(c, at, (struct cs_str){.p = lower, .len = key.len});
}

void cs_check_annotations(struct cs_check *c, const struct cs_path *at, struct cs_json annotations)
{
    size_t total = 0;

    cs_json_foreach (annotation, annotations) {
        struct cs_str key = cs_check_key(c, annotation);

        check_annotation_key(c, at, key);
        if (cs_want_value(c, CS_SUB(at, key), annotation, CS_WANT_STRING))
            total += key.len + cs_check_text(c, annotation).len;
    }
    if (total > ANNOTATIONS_MAX_BYTES)
        cs_bad_too_long(c, at, "may not be more than 262144 bytes");
}

static void check_owner_field(
    struct cs_check *c, const struct cs_path *at, struct cs_json owner, const char *key, const char *why)
{
    if (cs_want_text(c, at, owner, key).len == 0)
        cs_bad_text(c, CS_KEY(at, key), CS_STR(""), "%s", why);
}

static void check_owners(struct cs_check *c, const struct cs_path *at, struct cs_json owners)
{
    size_t i = 0;
    unsigned controllers = 0;

    cs_json_foreach (owner, owners) {
        const struct cs_path *here = CS_IDX(at, i++);

        if (!cs_want_value(c, here, owner, CS_WANT_OBJECT))
            continue;
        check_owner_field(c, here, owner, "apiVersion", "version must not be empty");
        check_owner_field(c, here, owner, "kind", "must not be empty");
        check_owner_field(c, here, owner, "name", "must not be empty");
        check_owner_field(c, here, owner, "uid", "must not be empty");
        controllers += cs_json_is(cs_want(c, here, owner, "controller", CS_WANT_BOOL), CS_J_TRUE);
    }
    if (controllers > 1)
        cs_bad_value(c, at, owners, "Only one reference can have Controller set to true");
}

static void check_finalizers(struct cs_check *c, const struct cs_path *at, struct cs_json finalizers)
{
    size_t i = 0;

    cs_json_foreach (finalizer, finalizers) {
        if (cs_want_value(c, CS_IDX(at, i), finalizer, CS_WANT_STRING))
            cs_check_qualified_name(c, at, cs_check_text(c, finalizer));
        i++;
    }
}

/* The name, or the prefix that the server will complete: that may end in '-'. */
static void check_object_name(struct cs_check *c, const struct cs_path *at, struct cs_json meta)
{
    struct cs_str name = cs_want_text(c, at, meta, "name");
    struct cs_str prefix = cs_want_text(c, at, meta, "generateName");

    if (prefix.len) {
        struct cs_str stem = prefix;

        if (stem.len > 1 && stem.p[stem.len - 1] == '-')
            stem.len--;
        if (!cs_is_dns1123_subdomain(stem))
            cs_check_dns_subdomain(c, CS_KEY(at, "generateName"), prefix);
    }
    if (name.len)
        cs_check_dns_subdomain(c, CS_KEY(at, "name"), name);
    else if (!prefix.len)
        cs_bad_required(c, CS_KEY(at, "name"), "name or generateName is required");
}

void cs_check_metadata(struct cs_check *c, const struct cs_path *at, struct cs_json meta)
{
    struct cs_str ns = cs_want_text(c, at, meta, "namespace");

    check_object_name(c, at, meta);
    if (ns.len)
        cs_check_dns_label(c, CS_KEY(at, "namespace"), ns);
    else
        cs_bad_required(c, CS_KEY(at, "namespace"), "%s", "");
    cs_check_labels(c, CS_KEY(at, "labels"), cs_want(c, at, meta, "labels", CS_WANT_OBJECT));
    cs_check_annotations(c, CS_KEY(at, "annotations"), cs_want(c, at, meta, "annotations", CS_WANT_OBJECT));
    check_owners(c, CS_KEY(at, "ownerReferences"), cs_want(c, at, meta, "ownerReferences", CS_WANT_ARRAY));
    check_finalizers(c, CS_KEY(at, "finalizers"), cs_want(c, at, meta, "finalizers", CS_WANT_ARRAY));
}

/* ---- selectors ---- */

static bool check_expression(struct cs_check *c, const struct cs_path *at, struct cs_json expr)
{
    struct cs_str op = cs_want_text(c, at, expr, "operator");
    struct cs_json values = cs_want(c, at, expr, "values", CS_WANT_ARRAY);
    const struct cs_path *at_values = CS_KEY(at, "values");
    bool in = cs_str_eq(op, CS_STR("In")) || cs_str_eq(op, CS_STR("NotIn"));
    bool exists = cs_str_eq(op, CS_STR("Exists")) || cs_str_eq(op, CS_STR("DoesNotExist"));
    bool ok = in || exists;
    size_t i = 0;

    if (in && cs_json_count(values) == 0) {
        cs_bad_required(c, at_values, "must be specified when `operator` is 'In' or 'NotIn'");
        ok = false;
    } else if (exists && cs_json_count(values) > 0) {
        cs_bad_forbidden(c, at_values, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'");
        ok = false;
    } else if (!in && !exists) {
        cs_bad_text(c, CS_KEY(at, "operator"), op, "not a valid selector operator");
    }
    ok = cs_check_qualified_name(c, CS_KEY(at, "key"), cs_want_text(c, at, expr, "key")) && ok;
    cs_json_foreach (value, values) {
        const struct cs_path *here = CS_IDX(at_values, i++);

        if (!cs_want_value(c, here, value, CS_WANT_STRING))
            ok = false;
        else
            ok = cs_check_label_value(c, here, cs_check_text(c, value)) && ok;
    }
    return ok;
}

bool cs_check_selector(struct cs_check *c, const struct cs_path *at, struct cs_json selector)
{
    const struct cs_path *at_labels = CS_KEY(at, "matchLabels"), *at_exprs = CS_KEY(at, "matchExpressions");
    struct cs_json labels = cs_want(c, at, selector, "matchLabels", CS_WANT_OBJECT);
    struct cs_json exprs = cs_want(c, at, selector, "matchExpressions", CS_WANT_ARRAY);
    bool ok = true;
    size_t i = 0;

    cs_json_foreach (label, labels) {
        struct cs_str key = cs_check_key(c, label);

        ok = cs_check_qualified_name(c, at_labels, key) && ok;
        if (!cs_want_value(c, CS_SUB(at_labels, key), label, CS_WANT_STRING))
            ok = false;
        else
            ok = cs_check_label_value(c, at_labels, cs_check_text(c, label)) && ok;
    }
    cs_json_foreach (expr, exprs) {
        const struct cs_path *here = CS_IDX(at_exprs, i++);

        if (!cs_want_value(c, here, expr, CS_WANT_OBJECT))
            ok = false;
        else
            ok = check_expression(c, here, expr) && ok;
    }
    return ok;
}

bool cs_selector_is_empty(struct cs_json selector)
{
    return cs_json_count(cs_json_get(selector, "matchLabels")) == 0 &&
           cs_json_count(cs_json_get(selector, "matchExpressions")) == 0;
}

static bool label_is(struct cs_check *c, const struct cs_name *label, struct cs_json value)
{
    return label && cs_str_eq(cs_check_text(c, label->v), cs_check_text(c, value));
}

static bool expression_matches(struct cs_check *c, struct cs_json expr, const struct cs_names *labels)
{
    const struct cs_name *label = cs_names_find(labels, cs_check_text(c, cs_json_get(expr, "key")));
    struct cs_json op = cs_json_get(expr, "operator"), values = cs_json_get(expr, "values");
    bool listed = false;

    if (cs_json_str_is(op, "Exists"))
        return label != NULL;
    if (cs_json_str_is(op, "DoesNotExist"))
        return label == NULL;
    cs_json_foreach (value, values)
        listed = listed || label_is(c, label, value);
    return cs_json_str_is(op, "In") ? listed : !listed; /* NotIn: an absent label matches too */
}

bool cs_selector_matches_json(struct cs_check *c, struct cs_json selector, struct cs_json labels)
{
    cs_autonames have = {0};
    struct cs_json wanted = cs_json_get(selector, "matchLabels"), exprs = cs_json_get(selector, "matchExpressions");

    cs_json_foreach (label, labels)
        cs_names_add(&have, cs_check_key(c, label), label);
    cs_names_sort(&have);
    cs_json_foreach (label, wanted) {
        if (!label_is(c, cs_names_find(&have, cs_check_key(c, label)), label))
            return false;
    }
    cs_json_foreach (expr, exprs) {
        if (!expression_matches(c, expr, &have))
            return false;
    }
    return true;
}
