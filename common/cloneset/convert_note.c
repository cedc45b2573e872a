/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The annotation, for instance on a v1beta1 object whose v1alpha1 form has no scaleStrategy:
 *
 *   {"version":"v1alpha1","scaleStrategy":{"of":"<hash of the fields shown>","set":{},"unset":["/scaleStrategy"]}}
 *
 * "set" and "unset" are done to what the rules make of the object; their paths are JSON Pointers into a view. A note comes
 * out of a user's hands: it may change its own half of the view only, and nothing in it makes an object that the API server
 * could not read.
 */
#include "common/api/gvr.h"
#include "common/base/alloc.h"
#include "common/base/hash.h"
#include "common/cloneset/convert_private.h"
#include "common/json/json_writer.h"

#define HASH_LEN 16
/* Each operation is a search among members; strategies with all their fields do not have a hundred. */
#define OPERATIONS_MAX 500
static const struct cs_json_limits note_limits = {
    .max_bytes = CS_ANNOTATIONS_MAX, .max_depth = 100, .max_nodes = CS_CONVERT_VALUES_MAX};

/* ---- the fields of a part ---- */

static struct cs_jtree *fields_of(const struct cs_convert_part *part, const struct cs_jtree *view)
{
    struct cs_jtree *fields = cs_jtree_new_obj();
    const struct cs_jtree *member = cs_jtree_get(view, part->member), *meta = cs_jtree_get(view, part->meta);

    if (member)
        (void)cs_jtree_set(fields, part->member, cs_jtree_dup(member));
    for (const char *const *key = part->keys; *key; key++) {
        const struct cs_jtree *v = cs_jtree_get(meta, *key);

        if (v)
            (void)cs_jtree_set(fields, *key, cs_jtree_dup(v));
    }
    return fields;
}

bool cs_convert_part_equal(const struct cs_convert_part *part, const struct cs_jtree *a, const struct cs_jtree *b)
{
    cs_autojtree *fields_a = fields_of(part, a);
    cs_autojtree *fields_b = fields_of(part, b);

    return cs_jtree_equal(fields_a, fields_b);
}

static void hash_of(const struct cs_convert_part *part, const struct cs_jtree *view, char hash[CS_SHA256_HEX_SIZE])
{
    cs_autojtree *fields = fields_of(part, view);
    cs_autostrbuf text = CS_STRBUF_INIT;

    cs_jtree_sort(fields);
    cs_jtree_print(fields, &text, false);
    cs_sha256_hex((struct cs_str){.p = cs_strbuf_str(&text), .len = text.len}, hash);
    hash[HASH_LEN] = '\0';
}

/* ---- writing ---- */

struct note_entry {
    struct cs_jtree *set, *unset;
    struct cs_strbuf path; /* of the value that is being compared */
};

static void set_value(struct note_entry *e, const struct cs_jtree *wanted)
{
    (void)cs_jtree_set(e->set, cs_strbuf_str(&e->path), cs_jtree_dup(wanted));
}

static size_t go_down(struct note_entry *e, const char *key)
{
    size_t before = e->path.len;

    cs_strbuf_addc(&e->path, '/');
    cs_json_pointer_escape(&e->path, cs_str(key));
    return before;
}

static void go_up(struct note_entry *e, size_t before)
{
    if (e->path.failed)
        cs_out_of_memory(); /* as long as keys are deep: nothing else can be the reason */
    e->path.len = before;
    e->path.data[before] = '\0';
}

/* Either may be NULL. Objects are sorted, so one walk over both finds what differs; as deep as the documents. */
static void compare(struct note_entry *e, const struct cs_jtree *got, const struct cs_jtree *wanted)
{
    const struct cs_jtree *g = cs_jtree_first(got), *w = cs_jtree_first(wanted);

    if (!got && !wanted)
        return;
    if (!wanted) {
        (void)cs_jtree_append(e->unset, cs_jtree_new_str(cs_strbuf_str(&e->path)));
        return;
    }
    if (!cs_jtree_is(got, CS_J_OBJECT) || !cs_jtree_is(wanted, CS_J_OBJECT)) {
        if (!got || !cs_jtree_equal(got, wanted))
            set_value(e, wanted);
        return;
    }
    while (g || w) {
        int order = !g ? 1 : !w ? -1 : strcmp(cs_jtree_key(g), cs_jtree_key(w));
        size_t before = go_down(e, cs_jtree_key(order <= 0 ? g : w));

        compare(e, order <= 0 ? g : NULL, order >= 0 ? w : NULL);
        go_up(e, before);
        g = order <= 0 ? cs_jtree_next(g) : g;
        w = order >= 0 ? cs_jtree_next(w) : w;
    }
}

/* Key by key: whatever else people put there is none of our business. */
static void compare_meta(
    struct note_entry *e, const struct cs_convert_part *part, const struct cs_jtree *got, const struct cs_jtree *wanted)
{
    size_t top = go_down(e, part->meta);

    for (const char *const *key = part->keys; *key; key++) {
        size_t before = go_down(e, *key);

        compare(e, cs_jtree_get(got, *key), cs_jtree_get(wanted, *key));
        go_up(e, before);
    }
    if (wanted && !cs_jtree_first(wanted)) /* {} or null, which the rules take for absent */
        set_value(e, wanted);
    go_up(e, top);
}

struct cs_jtree *cs_convert_note_part(const struct cs_convert_part *part, const struct cs_jtree *got,
    const struct cs_jtree *wanted, const struct cs_jtree *shown)
{
    struct note_entry e = {.set = cs_jtree_new_obj(), .unset = cs_jtree_new_arr(), .path = CS_STRBUF_INIT};
    struct cs_jtree *entry = cs_jtree_new_obj();
    char hash[CS_SHA256_HEX_SIZE];

    hash_of(part, shown, hash);
    (void)cs_jtree_set(entry, "of", cs_jtree_new_str(hash));
    (void)cs_jtree_set(entry, "set", e.set);
    (void)cs_jtree_set(entry, "unset", e.unset);
    size_t before = go_down(&e, part->member);
    compare(&e, cs_jtree_get(got, part->member), cs_jtree_get(wanted, part->member));
    go_up(&e, before);
    compare_meta(&e, part, cs_jtree_get(got, part->meta), cs_jtree_get(wanted, part->meta));
    cs_strbuf_done(&e.path);
    if (cs_jtree_first(e.set) || cs_jtree_first(e.unset))
        return entry;
    cs_jtree_free(entry);
    return NULL;
}

void cs_convert_note_put(struct cs_jtree *view, enum cs_version version, struct cs_jtree *lost)
{
    cs_autostrbuf text = CS_STRBUF_INIT;

    if (!cs_jtree_first(lost))
        return;
    (void)cs_jtree_set(lost, "version", cs_jtree_new_str(cs_version_name(version)));
    cs_jtree_print(lost, &text, false);
    (void)cs_convert_annotate(view, CS_ANNO_CONVERSION, cs_strbuf_str(&text));
}

/* ---- reading ---- */

struct cs_jtree *cs_convert_note_take(struct cs_jtree *view, enum cs_version version, bool *ret_had)
{
    struct cs_jtree *annotations = cs_jtree_get(view, "annotations"), *note = NULL;
    struct cs_jtree *annotation = cs_jtree_get(annotations, CS_ANNO_CONVERSION);
    const char *text = cs_jtree_str(annotation);
    cs_autojdoc doc = {.nodes = NULL};

    *ret_had = annotation != NULL;
    if (!annotation)
        return NULL;
    if (text && cs_jdoc_parse(&doc, text, strlen(text), &note_limits, NULL) &&
        cs_json_str_is(cs_json_get(cs_jdoc_root(&doc), "version"), cs_version_name(version)))
        note = cs_jtree_from(cs_jdoc_root(&doc));
    cs_jtree_remove(annotations, annotation);
    if (!cs_jtree_first(annotations))
        cs_jtree_del(view, "annotations");
    return note;
}

/* The next token of a JSON Pointer (RFC 6901), owned; NULL at the end, or when there is none. */
static char *next_token(const char **pointer)
{
    cs_autostrbuf token = CS_STRBUF_INIT;
    const char *p = *pointer;

    if (*p != '/')
        return NULL;
    for (p++; *p && *p != '/'; p++) {
        bool escaped = *p == '~' && (p[1] == '0' || p[1] == '1');

        cs_strbuf_addc(&token, escaped ? "~/"[p[1] - '0'] : *p);
        p += escaped;
    }
    *pointer = p;
    return cs_strbuf_take(&token, NULL);
}

/* value NULL: remove. Parents must be objects that are there. */
static bool apply_below(struct cs_jtree *parent, const char *first, const char *rest, const struct cs_jtree *value)
{
    cs_autofree char *key = cs_xstrdup(first);

    for (;;) {
        char *next = next_token(&rest);

        if (!next)
            break;
        parent = cs_jtree_get(parent, key);
        free(key);
        key = next;
    }
    if (*rest || !cs_jtree_is(parent, CS_J_OBJECT))
        return false;
    if (value)
        (void)cs_jtree_set(parent, key, cs_jtree_dup(value));
    else
        cs_jtree_del(parent, key);
    return true;
}

/* The container as a whole: only what the rules took for absent comes back, and only into an empty place. */
static bool apply_container(const struct cs_convert_part *part, struct cs_jtree *got, const struct cs_jtree *value)
{
    if (!value || cs_jtree_first(value) || !(cs_jtree_is(value, CS_J_OBJECT) || cs_jtree_is(value, CS_J_NULL)))
        return false;
    if (!cs_jtree_get(got, part->meta))
        (void)cs_jtree_set(got, part->meta, cs_jtree_dup(value));
    return true;
}

static bool is_known_key(const struct cs_convert_part *part, const char *key)
{
    for (const char *const *known = part->keys; *known; known++) {
        if (cs_streq(*known, key))
            return true;
    }
    return false;
}

static bool apply_meta(
    const struct cs_convert_part *part, struct cs_jtree *got, const char *rest, const struct cs_jtree *value)
{
    cs_autofree char *key = next_token(&rest);
    struct cs_jtree *meta = cs_jtree_get(got, part->meta);
    const char *text = cs_jtree_str(value);

    if (!key)
        return *rest == '\0' && apply_container(part, got, value);
    if (*rest || !is_known_key(part, key) || (value && !text))
        return false;
    if (value && cs_streq(part->meta, "annotations"))
        return cs_convert_annotate(got, key, text);
    if (value && !cs_is_label_value(cs_str(text)))
        return false;
    if (value) {
        if (!meta)
            meta = cs_jtree_set(got, part->meta, cs_jtree_new_obj());
        (void)cs_jtree_set(meta, key, cs_jtree_new_str(text));
        return true;
    }
    cs_jtree_del(meta, key);
    if (meta && !cs_jtree_first(meta))
        cs_jtree_del(got, part->meta);
    return true;
}

static bool apply_one(
    const struct cs_convert_part *part, struct cs_jtree *got, const char *pointer, const struct cs_jtree *value)
{
    if (!pointer)
        return false;
    cs_autofree char *first = next_token(&pointer);
    if (cs_streq(first, part->meta))
        return apply_meta(part, got, pointer, value);
    return cs_streq(first, part->member) && apply_below(got, first, pointer, value);
}

bool cs_convert_note_apply(
    const struct cs_jtree *note, const struct cs_convert_part *part, struct cs_jtree *got, const struct cs_jtree *shown)
{
    const struct cs_jtree *entry = cs_jtree_get(note, part->member);
    char hash[CS_SHA256_HEX_SIZE];

    if (!entry)
        return false;
    hash_of(part, shown, hash);
    if (!cs_streq(cs_jtree_str(cs_jtree_get(entry, "of")), hash))
        return false;
    const struct cs_jtree *unset = cs_jtree_get(entry, "unset"), *set = cs_jtree_get(entry, "set");
    if (cs_jtree_count(unset) + cs_jtree_count(set) > OPERATIONS_MAX)
        return false;
    for (const struct cs_jtree *t = cs_jtree_first(unset); t; t = cs_jtree_next(t)) {
        if (!apply_one(part, got, cs_jtree_str(t), NULL))
            return false;
    }
    for (const struct cs_jtree *t = cs_jtree_first(set); t; t = cs_jtree_next(t)) {
        if (!apply_one(part, got, cs_jtree_key(t), t))
            return false;
    }
    return true;
}
