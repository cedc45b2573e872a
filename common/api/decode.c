/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Table-driven decoding: types, paths of errors and the difference between lenient and strict are handled here once. Also the
 * one allocation in which a decoded object lives with its arrays.
 */
#include "common/api/decode.h"

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/base/strbuf.h"

/* ---- errors ---- */

static void print_where(const struct cs_where *at, struct cs_strbuf *out)
{
    if (at->up)
        print_where(at->up, out);
    if (at->key) {
        if (at->up)
            cs_strbuf_addc(out, '.');
        cs_strbuf_adds(out, at->key);
        return;
    }
    cs_strbuf_addc(out, '[');
    if (at->name)
        cs_strbuf_add(out, at->name->p, at->name->len);
    else
        cs_strbuf_addu(out, at->index);
    cs_strbuf_addc(out, ']');
}

/* As the API server words it: scalars as they are, "object" or "array" for the rest. */
static void print_value(struct cs_json v, struct cs_strbuf *out)
{
    enum { LONGEST = 80 };
    struct cs_str raw = cs_json_raw(v);

    if (cs_json_is(v, CS_J_OBJECT) || cs_json_is(v, CS_J_ARRAY)) {
        cs_strbuf_addf(out, "\"%s\"", cs_json_type_name(v));
        return;
    }
    size_t len = 0;
    for (size_t step; len < raw.len && len < LONGEST; len += step ? step : 1)
        step = cs_utf8_char_len(raw.p + len, raw.p + raw.len);
    cs_strbuf_add(out, raw.p, len);
    if (len < raw.len)
        cs_strbuf_adds(out, "...");
}

bool cs_decode_wrong(struct cs_decoder *d, const struct cs_where *at, struct cs_json v, const char *wanted)
{
    if (!d->strict || d->failed)
        return false;
    cs_autostrbuf text = CS_STRBUF_INIT;

    print_where(at, &text);
    d->failed = true;
    if (!cs_json_exists(v))
        return cs_error_set(d->err, CS_ERR_INVALID, "%s: Required value", cs_strbuf_str(&text));
    cs_strbuf_adds(&text, ": Invalid value: ");
    print_value(v, &text);
    return cs_error_set(d->err, CS_ERR_INVALID, "%s: must be %s", cs_strbuf_str(&text), wanted);
}

bool cs_decode_too_large(struct cs_decoder *d, const struct cs_where *at)
{
    cs_autostrbuf path = CS_STRBUF_INIT;

    if (d->failed)
        return false;
    if (at)
        print_where(at, &path);
    d->failed = true;
    return cs_error_set(
        d->err, CS_ERR_TOO_LARGE, "%s: too large for the memory there is", at ? cs_strbuf_str(&path) : "object");
}

bool cs_decode_ok(struct cs_decoder *d)
{
    if (cs_intern_take_failure(d->pool))
        (void)cs_decode_too_large(d, NULL);
    return !d->failed;
}

/* ---- objects and scalars ---- */

bool cs_decode_fields(
    struct cs_decoder *d, const struct cs_where *at, struct cs_json obj, const struct cs_field *fields, void *base)
{
    if (d->failed)
        return false;
    if (!cs_json_is(obj, CS_J_OBJECT))
        return cs_decode_wrong(d, at, obj, "an object");
    for (const struct cs_field *f = fields; f->key; f++) {
        struct cs_json v = cs_json_get(obj, f->key);
        if (cs_json_is_null(v))
            continue;
        const struct cs_where here = {.up = at, .key = f->key};
        bool taken = f->decode(d, &here, v, (char *)base + f->offset);
        if (d->failed)
            return false;
        if (taken && f->has != CS_NO_FLAG)
            *(bool *)((char *)base + f->has) = true;
    }
    return true;
}

static bool is_integer_text(struct cs_json v)
{
    struct cs_str raw = cs_json_raw(v);

    return cs_json_is(v, CS_J_NUMBER) && !memchr(raw.p, '.', raw.len) && !memchr(raw.p, 'e', raw.len) &&
           !memchr(raw.p, 'E', raw.len);
}

bool cs_decode_i32(struct cs_decoder *d, const struct cs_where *at, struct cs_json v, void *ret)
{
    if (cs_json_i32(v, ret))
        return true;
    return cs_decode_wrong(d, at, v, is_integer_text(v) ? "between -2147483648 and 2147483647" : "an integer");
}

bool cs_decode_i64(struct cs_decoder *d, const struct cs_where *at, struct cs_json v, void *ret)
{
    return cs_json_i64(v, ret) || cs_decode_wrong(d, at, v, "a 64-bit integer");
}

bool cs_decode_bool(struct cs_decoder *d, const struct cs_where *at, struct cs_json v, void *ret)
{
    return cs_json_bool(v, ret) || cs_decode_wrong(d, at, v, "true or false");
}

const char *cs_json_intern(struct cs_intern *pool, struct cs_json v)
{
    struct cs_str s;

    if (cs_json_str_borrow(v, &s))
        return cs_intern_str(pool, s);
    cs_autofree char *decoded = cs_json_str_dup(v);
    return cs_intern_str(pool, cs_str(decoded));
}

const char *cs_json_intern_nonempty(struct cs_intern *pool, struct cs_json v)
{
    return cs_json_str_is(v, "") ? NULL : cs_json_intern(pool, v);
}

bool cs_decode_text(struct cs_decoder *d, const struct cs_where *at, struct cs_json v, void *ret)
{
    if (!cs_json_is(v, CS_J_STRING))
        return cs_decode_wrong(d, at, v, "a string");
    *(const char **)ret = cs_json_intern(d->pool, v);
    return true;
}

bool cs_decode_time(struct cs_decoder *d, const struct cs_where *at, struct cs_json v, void *ret)
{
    struct cs_str s;
    int64_t ms;

    /* A time with escapes in it is nothing the API server writes. */
    if (!cs_json_str_borrow(v, &s) || !cs_rfc3339_parse(s, &ms))
        return cs_decode_wrong(d, at, v, "a time (RFC 3339)");
    *(int64_t *)ret = ms ? ms : 1;
    return true;
}

/* ---- arrays ---- */

bool cs_decode_texts(
    struct cs_decoder *d, const struct cs_where *at, struct cs_json v, const char ***ret, uint32_t *ret_n)
{
    if (!cs_json_is(v, CS_J_ARRAY))
        return cs_decode_wrong(d, at, v, "a list");
    size_t count = cs_json_count(v);
    if (count == 0)
        return true;
    *ret = cs_try_calloc(count, sizeof(**ret));
    if (!*ret)
        return cs_decode_too_large(d, at);
    struct cs_where here = {.up = at};
    cs_json_foreach (item, v) {
        const char *s = NULL;
        if (cs_json_is_null(item))
            s = cs_intern_str(d->pool, CS_STR(""));
        else
            (void)cs_decode_text(d, &here, item, &s);
        if (s)
            (*ret)[(*ret_n)++] = s;
        here.index++;
    }
    return !d->failed;
}

bool cs_decode_objects(struct cs_decoder *d, const struct cs_where *at, struct cs_json v, struct cs_objects *list)
{
    if (!cs_json_is(v, CS_J_ARRAY))
        return cs_decode_wrong(d, at, v, "a list");
    size_t count = cs_json_count(v);
    if (count == 0)
        return true;
    list->items = cs_try_calloc(count, list->elem_size);
    if (!list->items)
        return cs_decode_too_large(d, at);
    list->n = (uint32_t)count;
    struct cs_where here = {.up = at};
    cs_json_foreach (item, v) {
        if (!cs_json_is_null(item))
            (void)cs_decode_fields(d, &here, item, list->fields, (char *)list->items + here.index * list->elem_size);
        here.index++;
    }
    return !d->failed;
}

const char *cs_json_intern_quantity(struct cs_intern *pool, struct cs_json v)
{
    return cs_json_is(v, CS_J_NUMBER) ? cs_intern_str(pool, cs_json_raw(v)) : cs_json_intern(pool, v);
}

struct cs_json cs_json_list(struct cs_json obj, const char *key)
{
    struct cs_json v = cs_json_get(obj, key);

    return cs_json_is(v, CS_J_ARRAY) ? v : (struct cs_json){0};
}

void cs_texts_unref(struct cs_intern *pool, const char **items, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        cs_intern_unref(pool, items[i]);
    free(items);
}

static struct cs_str raw_of(struct cs_json v)
{
    return cs_json_is_null(v) ? CS_STR("") : cs_json_raw(v);
}

const char *cs_json_intern_raw(struct cs_intern *pool, struct cs_json v)
{
    return cs_intern_str(pool, raw_of(v));
}

char *cs_json_raw_dup(struct cs_json v)
{
    struct cs_str raw = raw_of(v);
    char *copy = cs_try_calloc(raw.len + 1, 1);

    if (copy)
        memcpy(copy, raw.p, raw.len);
    return copy;
}

/* ---- arrays that a fleet shares ---- */

void *cs_array_share(struct cs_intern *pool, const struct cs_array *a, const void *items, size_t n)
{
    void *shared = cs_intern_array(pool, items, n * a->size);

    if (shared && !cs_intern_is_shared(shared))
        return shared;
    for (size_t i = 0; i < n; i++)
        a->release(pool, (const char *)items + i * a->size);
    return shared;
}

void cs_array_release(struct cs_intern *pool, const struct cs_array *a, const void *items, size_t n)
{
    if (!items)
        return;
    for (size_t i = 0; i < n && !cs_intern_is_shared(items); i++)
        a->release(pool, (const char *)items + i * a->size);
    cs_intern_array_unref(pool, items);
}

/* ---- one allocation per object ---- */

size_t cs_text_room(struct cs_json v)
{
    /* Its quotes are more than the NUL, and nothing gets longer when it is decoded. */
    return cs_json_is(v, CS_J_STRING) ? cs_json_raw(v).len : 0;
}

const char *cs_decode_own_text(struct cs_json v, char **room)
{
    struct cs_str s;
    cs_autofree char *decoded = NULL;
    char *text = *room;

    if (!cs_json_str_borrow(v, &s)) {
        decoded = cs_json_str_dup(v);
        if (!decoded)
            return NULL;
        s = cs_str(decoded);
    }
    memcpy(text, s.p, s.len);
    text[s.len] = '\0';
    *room += s.len + 1;
    return text;
}

void *cs_object_new(struct cs_intern *pool, struct cs_json obj, size_t size, size_t more, struct cs_error *err)
{
    cs_autofree char *p = cs_try_calloc(1, size + more + cs_meta_room(obj));

    if (!p) {
        (void)cs_error_set(err, CS_ERR_TOO_LARGE, "object: too large for the memory there is");
        return NULL;
    }
    if (!cs_meta_decode_at(pool, obj, p + size + more, (struct cs_meta *)(void *)p, err))
        return NULL;
    return cs_take(p);
}
