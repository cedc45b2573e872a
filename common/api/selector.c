/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Label selectors. A selector decides which Pods a set may touch, so everything that is not understood narrows it.
 */
#include "common/api/selector.h"

#include "common/api/decode.h"
#include "common/base/alloc.h"

static const struct {
    const char *text;
    enum cs_selector_op op;
} operators[] = {
    {"In", CS_OP_IN},
    {"NotIn", CS_OP_NOT_IN},
    {"Exists", CS_OP_EXISTS},
    {"DoesNotExist", CS_OP_NOT_EXISTS},
};

static bool decode_operator(struct cs_decoder *d, const struct cs_where *at, struct cs_json v, void *ret)
{
    struct cs_requirement *r = ret;

    if (!cs_decode_text(d, at, v, &r->op_text))
        return false;
    for (size_t i = 0; i < CS_ARRAY_LEN(operators); i++) {
        if (cs_streq(r->op_text, operators[i].text))
            r->op = operators[i].op;
    }
    return true;
}

static bool decode_values(struct cs_decoder *d, const struct cs_where *at, struct cs_json v, void *ret)
{
    struct cs_requirement *r = ret;

    return cs_decode_texts(d, at, v, &r->values, &r->n_values);
}

static bool decode_requirement(
    struct cs_decoder *d, const struct cs_where *at, struct cs_json v, struct cs_requirement *r)
{
    static const struct cs_field fields[] = {
        CS_FIELD(struct cs_requirement, key, "key", cs_decode_text),
        CS_FIELD_WHOLE("operator", decode_operator),
        CS_FIELD_WHOLE("values", decode_values),
        {0},
    };

    r->op = CS_OP_UNKNOWN;
    bool ok = cs_decode_fields(d, at, v, fields, r);
    /* Never NULL, so that readers need not ask. */
    if (!r->key)
        r->key = cs_intern_str(d->pool, CS_STR(""));
    if (!r->op_text)
        r->op_text = cs_intern_str(d->pool, CS_STR(""));
    return ok;
}

static bool decode_exprs(struct cs_decoder *d, const struct cs_where *at, struct cs_json v, void *ret)
{
    struct cs_selector *s = ret;

    if (!cs_json_is(v, CS_J_ARRAY))
        return cs_decode_wrong(d, at, v, "a list");
    if (cs_json_count(v) == 0)
        return true;
    s->exprs = cs_try_calloc(cs_json_count(v), sizeof(*s->exprs));
    if (!s->exprs)
        return cs_decode_too_large(d, at);
    struct cs_where here = {.up = at};
    cs_json_foreach (item, v) {
        (void)decode_requirement(d, &here, item, &s->exprs[s->n_exprs++]);
        here.index++;
        if (d->failed)
            return false;
    }
    return true;
}

bool cs_decode_selector(struct cs_decoder *d, const struct cs_where *at, struct cs_json v, void *ret)
{
    static const struct cs_field fields[] = {
        CS_FIELD(struct cs_selector, match_labels, "matchLabels", cs_decode_pairs),
        CS_FIELD_WHOLE("matchExpressions", decode_exprs),
        {0},
    };
    struct cs_selector *s = ret;

    s->present = true;
    return cs_decode_fields(d, at, v, fields, s);
}

/* Matches nothing and is not valid. */
static void make_broken(struct cs_intern *pool, struct cs_selector *s)
{
    s->present = true;
    s->exprs = cs_new(struct cs_requirement);
    s->n_exprs = 1;
    s->exprs[0] = (struct cs_requirement){
        .op = CS_OP_UNKNOWN, .key = cs_intern_str(pool, CS_STR("")), .op_text = cs_intern_str(pool, CS_STR(""))};
}

void cs_selector_decode(struct cs_intern *pool, struct cs_json v, struct cs_selector *ret)
{
    struct cs_decoder d = {.pool = pool, .strict = true};
    const struct cs_where at = {.key = "selector"};

    *ret = (struct cs_selector){0};
    if (cs_json_is_null(v))
        return;
    (void)cs_decode_selector(&d, &at, v, ret);
    if (cs_decode_ok(&d))
        return;
    cs_selector_done(pool, ret);
    make_broken(pool, ret);
}

void cs_selector_done(struct cs_intern *pool, struct cs_selector *s)
{
    cs_pairs_done(pool, &s->match_labels);
    for (uint32_t i = 0; i < s->n_exprs; i++) {
        cs_intern_unref(pool, s->exprs[i].key);
        cs_intern_unref(pool, s->exprs[i].op_text);
        cs_texts_unref(pool, s->exprs[i].values, s->exprs[i].n_values);
    }
    free(s->exprs);
    *s = (struct cs_selector){0};
}

/* ---- use ---- */

bool cs_selector_empty(const struct cs_selector *s)
{
    return s->match_labels.len == 0 && s->n_exprs == 0;
}

static bool requirement_valid(const struct cs_requirement *r)
{
    bool needs_values = r->op == CS_OP_IN || r->op == CS_OP_NOT_IN;

    if (r->op == CS_OP_UNKNOWN || !cs_is_qualified_name(cs_str(r->key)) || needs_values != (r->n_values > 0))
        return false;
    for (uint32_t i = 0; i < r->n_values; i++) {
        if (!cs_is_label_value(cs_str(r->values[i])))
            return false;
    }
    return true;
}

bool cs_selector_valid(const struct cs_selector *s)
{
    for (uint32_t i = 0; i < s->match_labels.len; i++) {
        const struct cs_pair *p = &s->match_labels.items[i];
        if (!cs_is_qualified_name(cs_str(p->key)) || !cs_is_label_value(cs_str(p->value)))
            return false;
    }
    for (uint32_t i = 0; i < s->n_exprs; i++) {
        if (!requirement_valid(&s->exprs[i]))
            return false;
    }
    return true;
}

static bool has_value(const struct cs_requirement *r, const char *value)
{
    for (uint32_t i = 0; i < r->n_values; i++) {
        if (cs_streq(r->values[i], value))
            return true;
    }
    return false;
}

static bool requirement_matches(const struct cs_requirement *r, const struct cs_pairs *labels)
{
    const char *value = cs_pairs_get(labels, r->key);

    switch (r->op) {
    case CS_OP_IN:
        return value && has_value(r, value);
    case CS_OP_NOT_IN:
        return !value || !has_value(r, value);
    case CS_OP_EXISTS:
        return value != NULL;
    case CS_OP_NOT_EXISTS:
        return value == NULL;
    case CS_OP_UNKNOWN:
        break;
    }
    return false;
}

bool cs_selector_matches(const struct cs_selector *s, const struct cs_pairs *labels)
{
    if (!s->present)
        return false;
    for (uint32_t i = 0; i < s->match_labels.len; i++) {
        const char *value = cs_pairs_get(labels, s->match_labels.items[i].key);
        if (!value || strcmp(value, s->match_labels.items[i].value) != 0)
            return false;
    }
    for (uint32_t i = 0; i < s->n_exprs; i++) {
        if (!requirement_matches(&s->exprs[i], labels))
            return false;
    }
    return true;
}

/* ---- print ---- */

/* One requirement of either kind. */
struct part {
    const char *key;
    const char *value; /* label */
    const struct cs_requirement *r; /* or expression */
    uint32_t pos; /* labels before expressions, each in their order */
};

static int by_key(const void *a, const void *b)
{
    const struct part *x = a, *y = b;
    int c = strcmp(x->key, y->key);

    return c ? c : (x->pos > y->pos) - (x->pos < y->pos);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void print_values(const struct cs_requirement *r, struct cs_strbuf *out)
{
    cs_autofree const char **sorted = cs_new_array(const char *, r->n_values);

    for (uint32_t i = 0; i < r->n_values; i++)
        sorted[i] = r->values[i];
    qsort(sorted, r->n_values, sizeof(*sorted), by_text);
    cs_strbuf_adds(out, r->op == CS_OP_IN ? " in (" : " notin (");
    for (uint32_t i = 0; i < r->n_values; i++) {
        if (i)
            cs_strbuf_addc(out, ',');
        cs_strbuf_adds(out, sorted[i]);
    }
    cs_strbuf_addc(out, ')');
}

static void print_part(const struct part *p, struct cs_strbuf *out)
{
    if (p->r && p->r->op == CS_OP_NOT_EXISTS)
        cs_strbuf_addc(out, '!');
    cs_strbuf_adds(out, p->key);
    if (p->value) {
        cs_strbuf_addc(out, '=');
        cs_strbuf_adds(out, p->value);
    }
    if (p->r && (p->r->op == CS_OP_IN || p->r->op == CS_OP_NOT_IN))
        print_values(p->r, out);
}

void cs_selector_print(const struct cs_selector *s, struct cs_strbuf *out)
{
    cs_autofree struct part *parts = cs_new_array(struct part, (size_t)s->match_labels.len + s->n_exprs);
    uint32_t n = 0;

    for (uint32_t i = 0; i < s->match_labels.len; i++, n++)
        parts[n] =
            (struct part){.key = s->match_labels.items[i].key, .value = s->match_labels.items[i].value, .pos = n};
    for (uint32_t i = 0; i < s->n_exprs; i++) {
        if (s->exprs[i].op == CS_OP_UNKNOWN)
            continue;
        parts[n] = (struct part){.key = s->exprs[i].key, .r = &s->exprs[i], .pos = n};
        n++;
    }
    qsort(parts, n, sizeof(*parts), by_key);
    for (uint32_t i = 0; i < n; i++) {
        if (i)
            cs_strbuf_addc(out, ',');
        print_part(&parts[i], out);
    }
}
