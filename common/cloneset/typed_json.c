/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing typed JSON (Appendix C) from the table of schema.h: absent members that the type always writes appear, optional zeros and
 * nulls go, quantities become canonical, strings get Go's escapes. Values of a wrong type are passed through; whoever
 * needs certainty asks cs_typed_is_exact first.
 */
#include "common/cloneset/typed_json.h"

#include "common/base/alloc.h"
#include "common/json/json_tree.h"

static void write_string(struct cs_jw *w, struct cs_json v)
{
    cs_autofree char *decoded = NULL;
    struct cs_str s;

    if (!cs_json_str_borrow(v, &s)) {
        decoded = cs_json_str_dup(v);
        s = cs_str(decoded);
    }
    cs_jw_strn(w, s);
}

static void write_quantity(struct cs_jw *w, struct cs_json v)
{
    cs_autofree char *decoded = cs_json_str_dup(v);
    cs_autofree char *text = cs_quantity_wire(decoded ? cs_str(decoded) : cs_json_raw(v));

    if (text)
        cs_jw_str(w, text);
    else
        cs_jw_raw(w, cs_json_raw(v));
}

static void write_opaque(struct cs_jw *w, struct cs_json v)
{
    cs_autostrbuf text = CS_STRBUF_INIT;
    cs_autojtree *tree = cs_jtree_from(v);

    cs_jtree_sort(tree);
    cs_jtree_print(tree, &text, w->html_escape);
    cs_jw_raw(w, (struct cs_str){.p = cs_strbuf_str(&text), .len = text.len});
}

static void write_zero(struct cs_jw *w, const struct cs_schema_field *f, enum cs_typed_order order)
{
    const struct cs_json absent = {.doc = NULL, .node = NULL};

    if (f->flags & CS_SF_PTR) {
        cs_jw_null(w);
        return;
    }
    switch ((enum cs_schema_kind)f->kind) {
    case CS_SK_STR:
        cs_jw_str(w, "");
        break;
    case CS_SK_BOOL:
        cs_jw_bool(w, false);
        break;
    case CS_SK_I32:
    case CS_SK_I64:
    case CS_SK_INTSTR:
        cs_jw_i64(w, 0);
        break;
    case CS_SK_QTY:
        cs_jw_str(w, "0");
        break;
    case CS_SK_OBJ:
        cs_typed_write(w, absent, f->type, order);
        break;
    default:
        cs_jw_null(w);
    }
}

/* An element of a list or map of scalars. */
static void write_element(struct cs_jw *w, struct cs_json v, enum cs_schema_kind kind)
{
    if (cs_json_is_null(v))
        cs_jw_raw(w, kind == CS_SK_QTYMAP ? CS_STR("\"0\"") : kind == CS_SK_INTS ? CS_STR("0") : CS_STR("\"\""));
    else if (kind == CS_SK_QTYMAP)
        write_quantity(w, v);
    else if (cs_json_is(v, CS_J_STRING))
        write_string(w, v);
    else
        cs_jw_raw(w, cs_json_raw(v));
}

static void write_map(struct cs_jw *w, struct cs_json v, enum cs_schema_kind kind)
{
    cs_autofree struct cs_json *members = NULL;
    size_t n = cs_json_members(v, true, &members);

    cs_jw_obj(w);
    for (size_t i = 0; i < n; i++) {
        cs_autofree char *key = cs_json_key_dup(members[i]);

        cs_jw_key(w, key);
        write_element(w, members[i], kind);
    }
    cs_jw_end_obj(w);
}

static void write_list(struct cs_jw *w, struct cs_json v, const struct cs_schema_field *f, enum cs_typed_order order)
{
    cs_jw_arr(w);
    cs_json_foreach (item, v) {
        if (f->kind == CS_SK_LIST)
            cs_typed_write(w, item, f->type, order);
        else
            write_element(w, item, f->kind);
    }
    cs_jw_end_arr(w);
}

static void write_value(struct cs_jw *w, struct cs_json v, const struct cs_schema_field *f, enum cs_typed_order order)
{
    if (cs_json_is(v, CS_J_OBJECT) && f->kind == CS_SK_OBJ)
        cs_typed_write(w, v, f->type, order);
    else if (cs_json_is(v, CS_J_OBJECT) && cs_schema_is_map(f))
        write_map(w, v, f->kind);
    else if (cs_json_is(v, CS_J_ARRAY) && (f->kind == CS_SK_LIST || f->kind == CS_SK_STRS || f->kind == CS_SK_INTS))
        write_list(w, v, f, order);
    else if (f->kind == CS_SK_QTY)
        write_quantity(w, v);
    else if (cs_json_is(v, CS_J_STRING))
        write_string(w, v);
    else
        write_opaque(w, v);
}

bool cs_typed_is_omitted(struct cs_json v, const struct cs_schema_field *f)
{
    int64_t number;

    if (f->flags & (CS_SF_PTR | CS_SF_ALWAYS))
        return false;
    if (cs_json_is(v, CS_J_STRING))
        return cs_json_str_is(v, "");
    if (cs_json_is(v, CS_J_NUMBER))
        return cs_json_i64(v, &number) && number == 0;
    return cs_json_is(v, CS_J_FALSE) ||
           ((cs_json_is(v, CS_J_ARRAY) || cs_json_is(v, CS_J_OBJECT)) && cs_json_count(v) == 0);
}

static void write_member(
    struct cs_jw *w, struct cs_json obj, const struct cs_schema_field *f, enum cs_typed_order order)
{
    struct cs_json v = cs_json_get(obj, f->name);

    if (f->flags & CS_SF_NEW || (cs_json_is_null(v) && !(f->flags & CS_SF_ALWAYS)))
        return;
    if (!cs_json_is_null(v) && cs_typed_is_omitted(v, f))
        return;
    cs_jw_key(w, f->name);
    if (cs_json_is_null(v))
        write_zero(w, f, order);
    else
        write_value(w, v, f, order);
}

static const struct cs_schema_field *nth_declared(const struct cs_schema_type *type, size_t nth)
{
    for (size_t i = 0; i < type->n_fields; i++) {
        if (type->fields[i].order == nth)
            return &type->fields[i];
    }
    return NULL;
}

void cs_typed_write_members(
    struct cs_jw *w, struct cs_json v, const struct cs_schema_type *type, enum cs_typed_order order)
{
    for (size_t i = 0; i < type->n_fields; i++) {
        const struct cs_schema_field *f = order == CS_TYPED_SORTED ? &type->fields[i] : nth_declared(type, i);

        if (f)
            write_member(w, v, f, order);
    }
}

void cs_typed_write(struct cs_jw *w, struct cs_json v, const struct cs_schema_type *type, enum cs_typed_order order)
{
    cs_jw_obj(w);
    cs_typed_write_members(w, v, type, order);
    cs_jw_end_obj(w);
}
