/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rules on UPDATE (spec §3.4): what may not change, and what InPlaceOnly may not change, said field by field with old
 * and new value and the way out; then the rules for the object on its own, where a violation that the old object
 * already had is a warning (D15).
 */
#include "common/cloneset/validate_private.h"

#include <stdio.h>

#include "common/cloneset/defaults.h"
#include "common/cloneset/template.h"

/* Bytes of an old or new value in a message, and offending fields listed before the rest is only counted. */
#define SHOWN_VALUE_MAX 120
#define SHOWN_FIELDS_MAX 40
/* Old violations told as warnings: kubectl prints each, on every edit. */
#define SHOWN_OLD_MAX 3

#define OTHER_FIELDS                                                                                                   \
    "updates to cloneset spec for fields other than 'replicas', 'template', 'lifecycle', 'scaleStrategy', "            \
    "'updateStrategy', 'minReadySeconds', 'progressDeadlineSeconds', 'volumeClaimTemplates' and "                      \
    "'revisionHistoryLimit' are forbidden"

#define IN_PLACE_ONLY "InPlaceOnly allows only container images and template metadata to change"
#define IN_PLACE_ADVICE "to InPlaceIfPossible or ReCreate to roll this out by recreating Pods"

/* ---- immutable fields ---- */

static void check_immutable_metadata(struct cs_check *c, struct cs_json old_meta, struct cs_json new_meta)
{
    static const char *const keys[] = {"name", "namespace", "uid", "creationTimestamp"};

    for (size_t i = 0; i < CS_ARRAY_LEN(keys); i++) {
        struct cs_json was = cs_json_get(old_meta, keys[i]), is = cs_json_get(new_meta, keys[i]);

        if (!cs_json_is_null(was) && !cs_json_is_null(is) && !cs_json_equal(was, is))
            cs_bad_value(c, CS_KEY(CS_KEY(NULL, "metadata"), keys[i]), is, "field is immutable");
    }
}

/* Equality in which an absent, null and empty collection are the same. */
static bool same_or_both_empty(struct cs_json a, struct cs_json b)
{
    return (cs_json_count(a) == 0 && cs_json_count(b) == 0) || cs_json_equal(a, b);
}

static bool same_expression(struct cs_json a, struct cs_json b)
{
    return cs_json_equal(cs_json_get(a, "key"), cs_json_get(b, "key")) &&
           cs_json_equal(cs_json_get(a, "operator"), cs_json_get(b, "operator")) &&
           same_or_both_empty(cs_json_get(a, "values"), cs_json_get(b, "values"));
}

static bool same_selector(struct cs_json a, struct cs_json b)
{
    struct cs_json exprs = cs_list_of(a, "matchExpressions"), others = cs_list_of(b, "matchExpressions");
    struct cs_json other = cs_json_first(others);

    if (cs_json_equal(a, b))
        return true;
    if (!same_or_both_empty(cs_json_get(a, "matchLabels"), cs_json_get(b, "matchLabels")) ||
        cs_json_count(exprs) != cs_json_count(others))
        return false;
    cs_json_foreach (expr, exprs) {
        if (!same_expression(expr, other))
            return false;
        other = cs_json_next(others, other);
    }
    return true;
}

static void check_immutable_selector(struct cs_check *c, struct cs_json old_spec, struct cs_json new_spec)
{
    struct cs_json was = cs_json_get(old_spec, "selector"), is = cs_json_get(new_spec, "selector");
    cs_autostrbuf change = CS_STRBUF_INIT;

    if (same_selector(was, is))
        return;
    cs_value_text(&change, was, SHOWN_VALUE_MAX);
    cs_strbuf_adds(&change, " → ");
    cs_value_text(&change, is, SHOWN_VALUE_MAX);
    cs_bad_forbidden(c, CS_KEY(NULL, "spec"),
        OTHER_FIELDS ": spec.selector %s: keep the old selector, or create a new CloneSet with another name",
        cs_strbuf_str(&change));
}

/* ---- InPlaceOnly (§3.4 rule 3) ---- */

static void add_value(struct cs_strbuf *out, const char *value)
{
    if (value)
        cs_shorten(out, cs_str(value), SHOWN_VALUE_MAX);
    else
        cs_strbuf_adds(out, "absent");
}

/*
 * The rule is spelt out in the first violation, what to do instead in the last; each between them is as short as it can
 * be: kubectl prints all of them in one line.
 */
static void report_changes(
    struct cs_texts *out, const struct cs_template_diff *diff, size_t n_offending, const char *policy_path)
{
    const char *policy = policy_path + strlen("spec.");
    size_t shown = 0;

    for (size_t i = 0; i < diff->n && shown < SHOWN_FIELDS_MAX; i++) {
        const struct cs_change *change = &diff->items[i];
        cs_autostrbuf text = CS_STRBUF_INIT;

        if (change->kind != CS_CHANGE_OTHER)
            continue;
        cs_strbuf_addf(&text, "%s: Forbidden: ", change->path);
        if (shown == 0)
            cs_strbuf_addf(&text, "%s " IN_PLACE_ONLY ": ", policy);
        else
            cs_strbuf_adds(&text, "cannot change in place: ");
        add_value(&text, change->old_value);
        cs_strbuf_adds(&text, " → ");
        add_value(&text, change->new_value);
        if (++shown == SHOWN_FIELDS_MAX && n_offending > shown)
            cs_strbuf_addf(&text, "; and %zu more fields", n_offending - shown);
        if (shown == SHOWN_FIELDS_MAX || shown == n_offending)
            cs_strbuf_addf(&text, "; set %s " IN_PLACE_ADVICE, policy_path);
        cs_texts_take(out, cs_strbuf_take(&text, NULL));
    }
}

static void check_in_place_only(struct cs_texts *out, struct cs_json old_obj, struct cs_json new_obj)
{
    struct cs_json was = cs_json_at(old_obj, "spec", "template", NULL);
    struct cs_shape shape = cs_shape_of(new_obj);
    struct cs_json is = cs_json_get(shape.spec, "template");
    struct cs_template_diff diff = {0};
    size_t n = 0;

    if (shape.type != CS_UPDATE_INPLACE_ONLY || cs_json_same_bytes(was, is))
        return;
    cs_template_diff_written(was, is, false, &diff); /* the rule sees no gates (spec §3.4) */
    for (size_t i = 0; i < diff.n; i++)
        n += diff.items[i].kind == CS_CHANGE_OTHER;
    report_changes(out, &diff, n, shape.policy_path);
    cs_template_diff_done(&diff);
}

/* ---- D15 ---- */

/* Bytes of a violation without its hint, which may change with other fields. */
static size_t length_without_hint(const char *text)
{
    const char *last = NULL;

    for (const char *p = text; (p = strstr(p, "\" (")) != NULL; p++)
        last = p;
    return last ? (size_t)(last - text) : strlen(text);
}

static bool had_violation(const struct cs_texts *old, const char *text)
{
    size_t n = length_without_hint(text);

    for (size_t i = 0; i < old->n; i++) {
        if (strncmp(old->items[i], text, n) == 0 && length_without_hint(old->items[i]) == n)
            return true;
    }
    return false;
}

static void sort_out_old(
    struct cs_json old_obj, const struct cs_texts *found, struct cs_texts *ret_errors, struct cs_texts *ret_warnings)
{
    struct cs_texts old = {0};
    size_t n_old = 0;

    if (found->n)
        cs_validate_cloneset(old_obj, &old);
    for (size_t i = 0; i < found->n; i++) {
        if (!had_violation(&old, found->items[i]))
            cs_texts_add(ret_errors, "%s", found->items[i]);
        else if (n_old++ < SHOWN_OLD_MAX)
            cs_warn(ret_warnings, "was and is wrong: %s", found->items[i]);
    }
    if (n_old > SHOWN_OLD_MAX)
        cs_warn(ret_warnings, "and %zu more that were and are wrong", n_old - SHOWN_OLD_MAX);
    cs_texts_done(&old);
}

/* Being deleted, or spec unchanged but for what the mutating webhook has just written: nothing is refused and nothing needs saying. */
static bool is_free(struct cs_json old_obj, struct cs_json new_obj)
{
    return !cs_json_is_null(cs_json_at(old_obj, "metadata", "deletionTimestamp", NULL)) ||
           !cs_json_is_null(cs_json_at(new_obj, "metadata", "deletionTimestamp", NULL)) ||
           cs_cloneset_same_spec(old_obj, new_obj);
}

void cs_validate_update(
    struct cs_json old_obj, struct cs_json new_obj, struct cs_texts *ret_errors, struct cs_texts *ret_warnings)
{
    cs_validate_update_in(old_obj, new_obj, NULL, ret_errors, ret_warnings);
}

void cs_validate_update_in(struct cs_json old_obj, struct cs_json new_obj, struct cs_template_facts *facts,
    struct cs_texts *ret_errors, struct cs_texts *ret_warnings)
{
    struct cs_json old_spec = cs_json_get(old_obj, "spec"), new_spec = cs_json_get(new_obj, "spec");
    cs_autocheck c = {.out = ret_errors};
    struct cs_texts found = {0};

    if (is_free(old_obj, new_obj))
        return;
    check_immutable_metadata(&c, cs_json_get(old_obj, "metadata"), cs_json_get(new_obj, "metadata"));
    check_immutable_selector(&c, old_spec, new_spec);
    check_in_place_only(ret_errors, old_obj, new_obj);
    cs_validate_cloneset_in(new_obj, facts, &found);
    sort_out_old(old_obj, &found, ret_errors, ret_warnings);
    cs_texts_done(&found);
}
