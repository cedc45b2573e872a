/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON types of everything in a Pod template and in claim templates, by the tables of schema.h. The CRD gives these parts
 * no schema, so `value: 5` in an env would be stored and only fail, for ever, when the first Pod is created. Members that no
 * table knows are not looked into: they are the warnings' business.
 */
#include "common/cloneset/validate_private.h"

#include "common/cloneset/template_impl.h"

static bool is_string(struct cs_json v)
{
    return cs_json_is(v, CS_J_STRING);
}

static bool is_integer(struct cs_json v)
{
    int64_t i;

    return cs_json_i64(v, &i);
}

static void check_scalar(struct cs_check *c, const struct cs_path *at, enum cs_schema_kind kind, struct cs_json v)
{
    int32_t i;

    switch (kind) {
    case CS_SK_STR:
    case CS_SK_TIME:
        cs_want_value(c, at, v, CS_WANT_STRING);
        break;
    case CS_SK_BOOL:
        cs_want_value(c, at, v, CS_WANT_BOOL);
        break;
    case CS_SK_I32:
        cs_want_value(c, at, v, CS_WANT_INT32);
        break;
    case CS_SK_I64:
        if (!is_integer(v))
            cs_bad_value(c, at, v, "must be a 64-bit integer");
        break;
    case CS_SK_INTSTR:
        if (!cs_json_i32(v, &i) && !is_string(v))
            cs_bad_value(c, at, v, "must be a 32-bit integer or a string");
        break;
    case CS_SK_QTY: {
        struct cs_str text;

        if (!cs_quantity_text(c, v, &text))
            cs_bad_value(c, at, v, CS_QUANTITY_FORM);
        break;
    }
    default:
        break;
    }
}

static void check_elements(struct cs_check *c, const struct cs_path *at, enum cs_schema_kind kind, struct cs_json v)
{
    size_t i = 0;

    if (!cs_want_value(c, at, v, CS_WANT_ARRAY))
        return;
    cs_json_foreach (element, v) {
        const struct cs_path *here = CS_IDX(at, i++);

        if (!cs_json_is_null(element))
            check_scalar(c, here, kind, element);
    }
}

static void check_map(struct cs_check *c, const struct cs_path *at, enum cs_schema_kind kind, struct cs_json v)
{
    if (!cs_want_value(c, at, v, CS_WANT_OBJECT))
        return;
    cs_json_foreach (member, v) {
        if (!cs_json_is_null(member))
            check_scalar(c, CS_SUB(at, cs_check_key(c, member)), kind, member);
    }
}

static void check_field(
    struct cs_check *c, const struct cs_path *at, const struct cs_schema_field *field, struct cs_json v)
{
    size_t i = 0;

    switch ((enum cs_schema_kind)field->kind) {
    case CS_SK_STRS:
        check_elements(c, at, CS_SK_STR, v);
        break;
    case CS_SK_INTS:
        check_elements(c, at, CS_SK_I64, v);
        break;
    case CS_SK_STRMAP:
        check_map(c, at, CS_SK_STR, v);
        break;
    case CS_SK_QTYMAP:
        check_map(c, at, CS_SK_QTY, v);
        break;
    case CS_SK_OBJ:
        cs_check_types(c, at, field->type, v);
        break;
    case CS_SK_LIST:
        if (!cs_want_value(c, at, v, CS_WANT_ARRAY))
            break;
        cs_json_foreach (element, v)
            cs_check_types(c, CS_IDX(at, i++), field->type, element);
        break;
    default:
        check_scalar(c, at, (enum cs_schema_kind)field->kind, v);
        break;
    }
}

void cs_check_types(struct cs_check *c, const struct cs_path *at, const struct cs_schema_type *type, struct cs_json v)
{
    cs_auto_schema_members members;

    cs_schema_members_of(v, type, &members);
    if (!cs_want_value(c, at, v, CS_WANT_OBJECT))
        return;
    for (size_t i = 0; i < members.n; i++) {
        const struct cs_schema_field *field = members.items[i].field;

        if (field && !cs_json_is_null(members.items[i].v))
            check_field(c, CS_KEY(at, field->name), field, members.items[i].v);
    }
}
