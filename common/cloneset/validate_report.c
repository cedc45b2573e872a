/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reporting and reading for the rules: violations in the API server's form, values as one short line, and fields that
 * may be absent, null or of any JSON type.
 */
#include "common/cloneset/validate_report.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/alloc.h"
#include "common/cloneset/arith.h"
#include "common/json/json_writer.h"

/* ---- lists of texts ---- */

bool cs_texts_has(const struct cs_texts *t, const char *text)
{
    for (size_t i = 0; i < t->n; i++) {
        if (strcmp(t->items[i], text) == 0)
            return true;
    }
    return false;
}

void cs_texts_take(struct cs_texts *t, char *text)
{
    for (char *p = text; *p; p++) { /* a message is one line, whatever names and keys hold */
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            *p = ' ';
    }
    if (cs_texts_full(t) || cs_texts_has(t, text)) {
        free(text);
        return;
    }
    if (t->n == CS_TEXTS_MAX) {
        free(text);
        text = cs_xstrdup("and more that is not listed");
    }
    cs_grow(t->items, t->n, t->cap);
    t->items[t->n++] = text;
}

void cs_texts_add(struct cs_texts *t, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    char *text = cs_xvasprintf(fmt, ap);
    va_end(ap);
    cs_texts_take(t, text);
}

void cs_texts_done(struct cs_texts *t)
{
    for (size_t i = 0; i < t->n; i++)
        free(t->items[i]);
    free(t->items);
    *t = (struct cs_texts){0};
}

void cs_check_done(struct cs_check *c)
{
    for (size_t i = 0; i < c->n_owned; i++)
        free(c->owned[i]);
    free(c->owned);
    c->owned = NULL;
    c->n_owned = c->cap_owned = 0;
}

struct cs_str cs_check_own(struct cs_check *c, char *s)
{
    cs_grow(c->owned, c->n_owned, c->cap_owned);
    c->owned[c->n_owned++] = s;
    return cs_str(s);
}

/* ---- texts of values ---- */

void cs_shorten(struct cs_strbuf *out, struct cs_str s, size_t max)
{
    size_t n = s.len;

    if (n > max) {
        n = max;
        while (n > 0 && ((unsigned char)s.p[n] & 0xc0) == 0x80)
            n--;
    }
    cs_strbuf_add(out, s.p, n);
    if (n < s.len)
        cs_strbuf_adds(out, "…");
}

/* JSON without the blanks between its tokens; reads no further than what `max` bytes of output need. */
static void compact(struct cs_strbuf *out, struct cs_str raw, size_t max)
{
    bool in_string = false;

    for (size_t i = 0; i < raw.len && out->len <= max; i++) {
        char ch = raw.p[i];

        if (in_string && ch == '\\' && i + 1 < raw.len) {
            cs_strbuf_addc(out, ch);
            ch = raw.p[++i];
        } else if (ch == '"') {
            in_string = !in_string;
        } else if (!in_string && (ch == ' ' || ch == '\t' || ch == '\n' || ch == '\r')) {
            continue;
        }
        cs_strbuf_addc(out, ch);
    }
}

void cs_value_text(struct cs_strbuf *out, struct cs_json v, size_t max)
{
    cs_autostrbuf text = CS_STRBUF_INIT;

    if (cs_json_is(v, CS_J_STRING)) {
        cs_autofree char *decoded = cs_json_str_dup(v);

        cs_json_quote(&text, cs_str(decoded), false);
    } else if (cs_json_exists(v)) {
        compact(&text, cs_json_raw(v), max);
    } else {
        cs_strbuf_adds(&text, "null");
    }
    cs_shorten(out, (struct cs_str){.p = cs_strbuf_str(&text), .len = text.len}, max);
}

#define PATH_SUB_MAX 100

void cs_path_text(struct cs_strbuf *out, const struct cs_path *at)
{
    if (!at) {
        cs_strbuf_adds(out, "object");
        return;
    }
    if (at->up)
        cs_path_text(out, at->up);
    if (at->key) {
        if (at->up)
            cs_strbuf_addc(out, '.');
        cs_strbuf_adds(out, at->key);
        return;
    }
    cs_strbuf_addc(out, '[');
    if (at->sub.p) {
        cs_shorten(out, at->sub, PATH_SUB_MAX);
    } else {
        cs_strbuf_addu(out, at->index);
    }
    cs_strbuf_addc(out, ']');
}

/* ---- violations ---- */

/* value: shown text or NULL; it follows the kind after ": ", or after a blank in "Invalid value". */
static void report(
    struct cs_check *c, const struct cs_path *at, const char *kind, const char *value, const char *detail)
{
    cs_autostrbuf sb = CS_STRBUF_INIT;

    if (cs_texts_full(c->out))
        return;
    cs_path_text(&sb, at);
    cs_strbuf_adds(&sb, ": ");
    cs_strbuf_adds(&sb, kind);
    if (value) {
        cs_strbuf_adds(&sb, ": ");
        cs_strbuf_adds(&sb, value);
    }
    if (detail && *detail) {
        cs_strbuf_adds(&sb, ": ");
        cs_strbuf_adds(&sb, detail);
    }
    cs_texts_take(c->out, cs_strbuf_take(&sb, NULL));
}

/* Reports with a printf detail; nothing is formatted when nobody would see it. */
__attribute__((format(printf, 5, 0))) static void vreport(
    struct cs_check *c, const struct cs_path *at, const char *kind, const char *value, const char *fmt, va_list ap)
{
    cs_autofree char *detail = NULL;

    if (cs_texts_full(c->out))
        return;
    detail = cs_xvasprintf(fmt, ap);
    report(c, at, kind, value, detail);
}

void cs_bad_required(struct cs_check *c, const struct cs_path *at, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vreport(c, at, "Required value", NULL, fmt, ap);
    va_end(ap);
}

void cs_bad_forbidden(struct cs_check *c, const struct cs_path *at, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vreport(c, at, "Forbidden", NULL, fmt, ap);
    va_end(ap);
}

void cs_bad_value(struct cs_check *c, const struct cs_path *at, struct cs_json v, const char *fmt, ...)
{
    cs_autostrbuf value = CS_STRBUF_INIT;
    va_list ap;

    cs_value_text(&value, v, CS_VALUE_MAX);
    va_start(ap, fmt);
    vreport(c, at, "Invalid value", cs_strbuf_str(&value), fmt, ap);
    va_end(ap);
}

static void quote_short(struct cs_strbuf *out, struct cs_str v)
{
    cs_autostrbuf quoted = CS_STRBUF_INIT;

    cs_json_quote(&quoted, v, false);
    cs_shorten(out, (struct cs_str){.p = cs_strbuf_str(&quoted), .len = quoted.len}, CS_VALUE_MAX);
}

void cs_bad_text(struct cs_check *c, const struct cs_path *at, struct cs_str v, const char *fmt, ...)
{
    cs_autostrbuf value = CS_STRBUF_INIT;
    va_list ap;

    quote_short(&value, v);
    va_start(ap, fmt);
    vreport(c, at, "Invalid value", cs_strbuf_str(&value), fmt, ap);
    va_end(ap);
}

void cs_bad_int(struct cs_check *c, const struct cs_path *at, int64_t v, const char *fmt, ...)
{
    cs_autostrbuf value = CS_STRBUF_INIT;
    va_list ap;

    cs_strbuf_addi(&value, v);
    va_start(ap, fmt);
    vreport(c, at, "Invalid value", cs_strbuf_str(&value), fmt, ap);
    va_end(ap);
}

void cs_bad_unsupported(struct cs_check *c, const struct cs_path *at, struct cs_str v, const char *supported)
{
    cs_autostrbuf value = CS_STRBUF_INIT;

    quote_short(&value, v);
    cs_strbuf_addf(&value, ": supported values: %s", supported);
    report(c, at, "Unsupported value", cs_strbuf_str(&value), NULL);
}

void cs_bad_too_long(struct cs_check *c, const struct cs_path *at, const char *detail)
{
    report(c, at, "Too long", NULL, detail);
}

/* `"<v>"`, or `"<v>" (<hint>)`: the hint stands behind the API server's text, so that its words come first. */
static void report_named(
    struct cs_check *c, const struct cs_path *at, const char *kind, struct cs_str v, const char *hint)
{
    cs_autostrbuf value = CS_STRBUF_INIT;

    quote_short(&value, v);
    if (hint)
        cs_strbuf_addf(&value, " (%s)", hint);
    report(c, at, kind, cs_strbuf_str(&value), NULL);
}

void cs_bad_duplicate(struct cs_check *c, const struct cs_path *at, struct cs_str v, const char *hint)
{
    report_named(c, at, "Duplicate value", v, hint);
}

void cs_bad_not_found(struct cs_check *c, const struct cs_path *at, struct cs_str v, const char *hint)
{
    report_named(c, at, "Not found", v, hint);
}

/* ---- reading ---- */

static bool is_wanted(struct cs_json v, enum cs_want want)
{
    int32_t i;

    switch (want) {
    case CS_WANT_OBJECT:
        return cs_json_is(v, CS_J_OBJECT);
    case CS_WANT_ARRAY:
        return cs_json_is(v, CS_J_ARRAY);
    case CS_WANT_STRING:
        return cs_json_is(v, CS_J_STRING);
    case CS_WANT_BOOL:
        return cs_json_is(v, CS_J_TRUE) || cs_json_is(v, CS_J_FALSE);
    case CS_WANT_INT32:
        return cs_json_i32(v, &i);
    }
    return false;
}

bool cs_want_value(struct cs_check *c, const struct cs_path *at, struct cs_json v, enum cs_want want)
{
    static const char *const names[] = {
        [CS_WANT_OBJECT] = "an object",
        [CS_WANT_ARRAY] = "an array",
        [CS_WANT_STRING] = "a string",
        [CS_WANT_BOOL] = "a boolean",
        [CS_WANT_INT32] = "a 32-bit integer",
    };

    if (cs_json_is_null(v) || is_wanted(v, want))
        return true;
    bool unquoted = want == CS_WANT_STRING && !cs_json_is(v, CS_J_ARRAY) &&
                    !cs_json_is(v, CS_J_OBJECT); /* YAML reads 5 and true as no strings */
    cs_bad_value(c, at, v, "must be %s%s", names[want], unquoted ? ": put it in quotes" : "");
    return false;
}

struct cs_json cs_want(
    struct cs_check *c, const struct cs_path *up, struct cs_json obj, const char *key, enum cs_want want)
{
    struct cs_json v = cs_json_get(obj, key);

    if (cs_json_is_null(v) || !cs_want_value(c, CS_KEY(up, key), v, want))
        return (struct cs_json){0};
    return v;
}

int32_t cs_want_i32(struct cs_check *c, const struct cs_path *up, struct cs_json obj, const char *key, int32_t dflt)
{
    int32_t i = dflt;

    (void)cs_json_i32(cs_want(c, up, obj, key, CS_WANT_INT32), &i);
    return i;
}

struct cs_str cs_want_text(struct cs_check *c, const struct cs_path *up, struct cs_json obj, const char *key)
{
    struct cs_str s = cs_check_text(c, cs_want(c, up, obj, key, CS_WANT_STRING));

    return s.len ? s : (struct cs_str){0};
}

struct cs_str cs_check_text(struct cs_check *c, struct cs_json v)
{
    struct cs_str s;

    if (!cs_json_is(v, CS_J_STRING))
        return (struct cs_str){0};
    if (cs_json_str_borrow(v, &s))
        return s;
    return cs_check_own(c, cs_json_str_dup(v));
}

struct cs_str cs_check_key(struct cs_check *c, struct cs_json member)
{
    struct cs_str raw = cs_json_key_raw(member);

    if (!raw.p || !memchr(raw.p, '\\', raw.len))
        return raw;
    return cs_check_own(c, cs_json_key_dup(member));
}

bool cs_intstr_read(struct cs_check *c, struct cs_json v, struct cs_intstr *ret)
{
    int64_t num, den;

    *ret = (struct cs_intstr){.type = CS_IS_ABSENT};
    if (cs_json_is_null(v))
        return true;
    if (cs_json_i32(v, &ret->i)) {
        ret->type = CS_IS_INT;
        return true;
    }
    if (!cs_json_is(v, CS_J_STRING))
        return false;
    ret->type = CS_IS_STRING;
    ret->s = cs_check_own(c, cs_json_str_dup(v)).p;
    return cs_percent_parse(cs_str(ret->s), &num, &den);
}
