/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The JSON encoder. Per level one byte of state knows what may come next; misuse is a bug of the caller and ends the
 * process at once, before a malformed body reaches the API server.
 */
#include "common/json/json_writer.h"

#include <stdio.h>
#include <stdlib.h>

enum { IN_OBJECT = 1, HAS_ITEMS = 2, KEY_WRITTEN = 4 }; /* bits of cs_jw.state[level]; level 0 is the document */

static void __attribute__((noreturn, cold)) misuse(const char *what)
{
    (void)fprintf(stderr, "json writer: %s\n", what);
    abort();
}

void cs_jw_init(struct cs_jw *w, struct cs_strbuf *out)
{
    *w = (struct cs_jw){.out = out};
}

/* Before every value: the comma, and the proof that a value may stand here. */
static void begin_value(struct cs_jw *w)
{
    uint8_t *state = &w->state[w->depth];

    if (*state & IN_OBJECT) {
        if (!(*state & KEY_WRITTEN))
            misuse("value in an object without a key");
        *state = (uint8_t)(*state & ~KEY_WRITTEN);
        return;
    }
    if (*state & HAS_ITEMS) {
        if (w->depth == 0)
            misuse("second value at top level");
        cs_strbuf_addc(w->out, ',');
    }
    *state |= HAS_ITEMS;
}

static void open_level(struct cs_jw *w, char bracket, uint8_t state)
{
    begin_value(w);
    if (w->depth + 1 >= CS_JW_MAX_DEPTH)
        misuse("nested too deep");
    cs_strbuf_addc(w->out, bracket);
    w->state[++w->depth] = state;
}

static void close_level(struct cs_jw *w, char bracket, uint8_t kind)
{
    uint8_t state = w->state[w->depth];

    if (w->depth == 0 || (state & IN_OBJECT) != kind || (state & KEY_WRITTEN))
        misuse("end that matches no begin, or a key without a value");
    w->depth--;
    cs_strbuf_addc(w->out, bracket);
}

void cs_jw_obj(struct cs_jw *w)
{
    open_level(w, '{', IN_OBJECT);
}

void cs_jw_end_obj(struct cs_jw *w)
{
    close_level(w, '}', IN_OBJECT);
}

void cs_jw_arr(struct cs_jw *w)
{
    open_level(w, '[', 0);
}

void cs_jw_end_arr(struct cs_jw *w)
{
    close_level(w, ']', 0);
}

void cs_jw_keyn(struct cs_jw *w, struct cs_str key)
{
    uint8_t *state = &w->state[w->depth];

    if (!(*state & IN_OBJECT) || (*state & KEY_WRITTEN))
        misuse("key where none may stand");
    if (*state & HAS_ITEMS)
        cs_strbuf_addc(w->out, ',');
    *state |= HAS_ITEMS | KEY_WRITTEN;
    cs_json_quote(w->out, key, w->html_escape);
    cs_strbuf_addc(w->out, ':');
}

void cs_jw_key(struct cs_jw *w, const char *key)
{
    cs_jw_keyn(w, cs_str(key));
}

void cs_jw_null(struct cs_jw *w)
{
    begin_value(w);
    cs_strbuf_adds(w->out, "null");
}

void cs_jw_strn(struct cs_jw *w, struct cs_str s)
{
    if (!s.p) {
        cs_jw_null(w);
        return;
    }
    begin_value(w);
    cs_json_quote(w->out, s, w->html_escape);
}

void cs_jw_str(struct cs_jw *w, const char *s)
{
    cs_jw_strn(w, cs_str(s));
}

void cs_jw_i64(struct cs_jw *w, int64_t v)
{
    begin_value(w);
    cs_strbuf_addi(w->out, v);
}

void cs_jw_u64(struct cs_jw *w, uint64_t v)
{
    begin_value(w);
    cs_strbuf_addu(w->out, v);
}

void cs_jw_bool(struct cs_jw *w, bool v)
{
    begin_value(w);
    cs_strbuf_adds(w->out, v ? "true" : "false");
}

void cs_jw_raw(struct cs_jw *w, struct cs_str raw)
{
    if (raw.len == 0) {
        cs_jw_null(w);
        return;
    }
    begin_value(w);
    cs_strbuf_add(w->out, raw.p, raw.len);
}

void cs_jw_kstr(struct cs_jw *w, const char *key, const char *s)
{
    cs_jw_key(w, key);
    cs_jw_str(w, s);
}

void cs_jw_kstrn(struct cs_jw *w, const char *key, struct cs_str s)
{
    cs_jw_key(w, key);
    cs_jw_strn(w, s);
}

void cs_jw_ki64(struct cs_jw *w, const char *key, int64_t v)
{
    cs_jw_key(w, key);
    cs_jw_i64(w, v);
}

void cs_jw_kbool(struct cs_jw *w, const char *key, bool v)
{
    cs_jw_key(w, key);
    cs_jw_bool(w, v);
}

void cs_jw_kraw(struct cs_jw *w, const char *key, struct cs_str raw)
{
    cs_jw_key(w, key);
    cs_jw_raw(w, raw);
}

/* ---- quoting ---- */

static void add_u_escape(struct cs_strbuf *out, unsigned code)
{
    static const char hex[] = "0123456789abcdef";
    const char text[6] = {'\\', 'u', hex[code >> 12 & 15], hex[code >> 8 & 15], hex[code >> 4 & 15], hex[code & 15]};

    cs_strbuf_add(out, text, sizeof(text));
}

static char short_escape(char c)
{
    switch (c) {
    case '"':
    case '\\':
        return c;
    case '\b':
        return 'b';
    case '\f':
        return 'f';
    case '\n':
        return 'n';
    case '\r':
        return 'r';
    case '\t':
        return 't';
    default:
        return 0;
    }
}

static void add_ascii_escape(struct cs_strbuf *out, char c)
{
    char letter = short_escape(c);

    if (letter) {
        cs_strbuf_addc(out, '\\');
        cs_strbuf_addc(out, letter);
    } else {
        add_u_escape(out, (unsigned char)c);
    }
}

static bool needs_escape(char c, bool html)
{
    return (unsigned char)c < 0x20 || c == '"' || c == '\\' || (html && (c == '<' || c == '>' || c == '&'));
}

/* U+2028 and U+2029 are E2 80 A8 and E2 80 A9. */
static bool is_line_separator(const char *p, size_t n)
{
    return n == 3 && memcmp(p, "\xe2\x80", 2) == 0 && ((unsigned char)p[2] & 0xfe) == 0xa8;
}

/* Length of the bytes at p that may stand as they are. */
static size_t verbatim_len(const char *p, const char *end, bool html)
{
    const char *q = p;

    while (q < end) {
        size_t n = (unsigned char)*q < 0x80 ? 1 : cs_utf8_char_len(q, end);

        if (n == 0 || (n == 1 && needs_escape(*q, html)) || (html && is_line_separator(q, n)))
            break;
        q += n;
    }
    return (size_t)(q - p);
}

void cs_json_quote(struct cs_strbuf *out, struct cs_str s, bool html_escape)
{
    const char *p = s.p;
    const char *end = s.len ? s.p + s.len : s.p;

    cs_strbuf_addc(out, '"');
    while (p < end) {
        size_t plain = verbatim_len(p, end, html_escape);

        cs_strbuf_add(out, p, plain);
        p += plain;
        if (p == end)
            break;
        size_t n = cs_utf8_char_len(p, end);
        if (n == 1)
            add_ascii_escape(out, *p);
        else if (n == 3)
            add_u_escape(out, (unsigned char)p[2] == 0xa8 ? 0x2028 : 0x2029);
        else
            cs_strbuf_adds(out, "\xef\xbf\xbd"); /* no UTF-8: the replacement character, byte for byte */
        p += n ? n : 1;
    }
    cs_strbuf_addc(out, '"');
}

void cs_json_pointer_escape(struct cs_strbuf *out, struct cs_str token)
{
    for (size_t i = 0; i < token.len; i++) {
        if (token.p[i] == '~')
            cs_strbuf_add(out, "~0", 2);
        else if (token.p[i] == '/')
            cs_strbuf_add(out, "~1", 2);
        else
            cs_strbuf_addc(out, token.p[i]);
    }
}
