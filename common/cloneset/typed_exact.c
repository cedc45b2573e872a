/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether typed JSON of an object can be promised to equal the peer's bytes (D10). Every doubt is an obstacle: the template is
 * then kept as written, which costs a roll-out when the set is handed back to the peer, and nothing else.
 */
#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/cloneset/typed_json.h"

/* The peer's revision data pass through 64-bit floats. */
#define MAX_SAFE_INTEGER ((int64_t)1 << 53)

#define UNKNOWN "unknown member"

static bool refuse(const struct cs_tpath *path, const char *why, char **ret_reason)
{
    cs_autofree char *text = ret_reason ? cs_tpath_dup(path) : NULL;

    if (ret_reason)
        *ret_reason = cs_xasprintf("%s: %s", text ? text : "", why);
    return false;
}

static bool refuse_unknown(const struct cs_tpath *path, struct cs_json member, char **ret_reason)
{
    cs_autofree char *owned = NULL;
    const struct cs_tpath step = {.up = path, .key = cs_json_key(member, &owned)};

    return refuse(&step, UNKNOWN, ret_reason);
}

static bool is_exact_int(struct cs_json v, bool narrow)
{
    int64_t i;

    if (!cs_json_i64(v, &i) || cs_str_eqz(cs_json_raw(v), "-0"))
        return false;
    return narrow ? i >= INT32_MIN && i <= INT32_MAX : i >= -MAX_SAFE_INTEGER && i <= MAX_SAFE_INTEGER;
}

static bool is_exact_quantity(struct cs_json v)
{
    cs_autofree char *decoded = NULL;
    struct cs_str s;

    if (cs_json_is(v, CS_J_NUMBER))
        return cs_quantity_has_wire(cs_json_raw(v));
    if (cs_json_str_borrow(v, &s))
        return cs_quantity_has_wire(s);
    decoded = cs_json_str_dup(v);
    return decoded && cs_quantity_has_wire(cs_str(decoded));
}

static bool is_exact_time(struct cs_json v)
{
    cs_autofree char *text = cs_json_str_dup(v);
    char buf[CS_RFC3339_SIZE];
    int64_t wall_ms;

    return text && cs_rfc3339_parse(cs_str(text), &wall_ms) && cs_streq(cs_rfc3339_format(wall_ms, buf), text);
}

/* A scalar member, or an element of a list or map of scalars. */
static bool is_exact_scalar(struct cs_json v, enum cs_schema_kind kind)
{
    switch (kind) {
    case CS_SK_STR:
    case CS_SK_STRS:
    case CS_SK_STRMAP:
        return cs_json_is(v, CS_J_STRING);
    case CS_SK_BOOL:
        return cs_json_is(v, CS_J_TRUE) || cs_json_is(v, CS_J_FALSE);
    case CS_SK_I32:
        return is_exact_int(v, true);
    case CS_SK_I64:
    case CS_SK_INTS:
        return is_exact_int(v, false);
    case CS_SK_INTSTR:
        return cs_json_is(v, CS_J_STRING) || is_exact_int(v, true);
    case CS_SK_QTY:
    case CS_SK_QTYMAP:
        return is_exact_quantity(v);
    case CS_SK_TIME:
        return is_exact_time(v);
    default:
        return false;
    }
}

static const char *scalar_problem(struct cs_json v, enum cs_schema_kind kind)
{
    if (cs_json_is(v, CS_J_NUMBER) &&
        (kind == CS_SK_I32 || kind == CS_SK_I64 || kind == CS_SK_INTS || kind == CS_SK_INTSTR))
        return "number is too large or not written as a plain integer";
    return kind == CS_SK_ANY ? "is not looked into" : "is not of the expected type";
}

static bool is_exact_map(struct cs_json v, enum cs_schema_kind kind, const struct cs_tpath *path, char **ret_reason)
{
    if (!cs_json_is(v, CS_J_OBJECT))
        return refuse(path, "is no object", ret_reason);
    cs_json_foreach (member, v) {
        if (is_exact_scalar(member, kind))
            continue;
        cs_autofree char *key = cs_json_key_dup(member);
        const struct cs_tpath step = {.up = path, .key = cs_str(key), .map_key = true};

        return refuse(&step, scalar_problem(member, kind), ret_reason);
    }
    return true;
}

static bool is_exact_list(
    struct cs_json v, const struct cs_schema_field *f, const struct cs_tpath *path, char **ret_reason)
{
    struct cs_tpath step = {.up = path, .index = 0};

    if (!cs_json_is(v, CS_J_ARRAY))
        return refuse(path, "is no list", ret_reason);
    cs_json_foreach (item, v) {
        if (f->kind == CS_SK_LIST && !cs_typed_is_exact(item, f->type, &step, ret_reason))
            return false;
        if (f->kind != CS_SK_LIST && !is_exact_scalar(item, f->kind))
            return refuse(&step, scalar_problem(item, f->kind), ret_reason);
        step.index++;
    }
    return true;
}

static bool is_exact_member(
    struct cs_json v, const struct cs_schema_field *f, const struct cs_tpath *path, char **ret_reason)
{
    if (f->flags & CS_SF_NEW)
        return refuse(path, UNKNOWN, ret_reason);
    if (cs_typed_is_omitted(v, f))
        return refuse(path, "explicit empty value", ret_reason);
    if (cs_schema_is_map(f))
        return is_exact_map(v, f->kind, path, ret_reason);
    if (f->kind == CS_SK_OBJ)
        return cs_typed_is_exact(v, f->type, path, ret_reason);
    if (f->kind == CS_SK_LIST || f->kind == CS_SK_STRS || f->kind == CS_SK_INTS)
        return is_exact_list(v, f, path, ret_reason);
    return is_exact_scalar(v, f->kind) || refuse(path, scalar_problem(v, f->kind), ret_reason);
}

bool cs_typed_is_exact(
    struct cs_json v, const struct cs_schema_type *type, const struct cs_tpath *path, char **ret_reason)
{
    cs_auto_schema_members members;

    cs_schema_members_of(v, type, &members);
    if (!cs_json_is(v, CS_J_OBJECT))
        return refuse(path, "is no object", ret_reason);
    for (size_t i = 0; i < members.n; i++) {
        struct cs_json member = members.items[i].v;
        const struct cs_schema_field *f = members.items[i].field;

        if (cs_json_is_null(member))
            continue; /* dropped on both sides */
        if (!f && type == &cs_schema_pod_template_spec && cs_json_key_is(member, "$patch"))
            continue; /* the frame's, set anew */
        if (!f)
            return refuse_unknown(path, member, ret_reason);
        const struct cs_tpath step = {.up = path, .key = {.p = f->name, .len = f->name_len}};

        if (!is_exact_member(member, f, &step, ret_reason))
            return false;
    }
    return true;
}
