/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Conversion of one object: the parts that differ between the versions as a small tree, the rules, what they lose, and the
 * object around it spliced.
 */
#include "common/cloneset/convert.h"

#include "common/api/gvr.h"
#include "common/base/alloc.h"
#include "common/cloneset/convert_private.h"
#include "common/json/json_writer.h"

static enum cs_version other(enum cs_version v)
{
    return v == CS_V1ALPHA1 ? CS_V1BETA1 : CS_V1ALPHA1;
}

/* ---- a view: out of the object, and back into it ---- */

static const char *const meta_names[] = {"labels", "annotations", NULL};
static const char *const spec_names[] = {"scaleStrategy", "updateStrategy", NULL};

static void read_members(struct cs_jtree *view, struct cs_json obj, const char *const *names)
{
    for (; *names; names++) {
        struct cs_jtree *t = cs_jtree_from(cs_json_get(obj, *names));

        if (t)
            (void)cs_jtree_set(view, *names, t);
    }
}

static size_t values_of(struct cs_json obj, const char *const *names)
{
    size_t n = 0;

    for (; *names; names++) {
        struct cs_json v = cs_json_get(obj, *names);

        n += cs_json_exists(v) ? v.node->size : 0;
    }
    return n;
}

size_t cs_convert_values(struct cs_json obj)
{
    return values_of(cs_json_get(obj, "metadata"), meta_names) + values_of(cs_json_get(obj, "spec"), spec_names);
}

static struct cs_jtree *read_view(struct cs_json obj)
{
    struct cs_jtree *view = cs_jtree_new_obj();

    read_members(view, cs_json_get(obj, "metadata"), meta_names);
    read_members(view, cs_json_get(obj, "spec"), spec_names);
    return view;
}

static bool is_among(const char *const *names, const char *key)
{
    for (; *names; names++) {
        if (cs_streq(*names, key))
            return true;
    }
    return false;
}

static void write_tree(struct cs_jw *w, const char *key, const struct cs_jtree *t)
{
    cs_autostrbuf text = CS_STRBUF_INIT;

    cs_jtree_print(t, &text, false);
    cs_jw_kraw(w, key, (struct cs_str){.p = cs_strbuf_str(&text), .len = text.len});
}

/* A member from the view, in its own bytes when the view has not changed it. */
static void write_member(struct cs_jw *w, const char *key, struct cs_json was, const struct cs_jtree *is)
{
    cs_autojtree *before = cs_jtree_from(was);

    if (!is)
        return;
    if (before && cs_jtree_equal(before, is))
        cs_jw_kraw(w, key, cs_json_raw(was));
    else
        write_tree(w, key, is);
}

/* obj with the members of these names from the view. */
static void write_object(struct cs_jw *w, struct cs_json obj, const char *const *names, const struct cs_jtree *view)
{
    cs_autofree struct cs_json *members = NULL;
    size_t n = cs_json_members(obj, false, &members);

    cs_jw_obj(w);
    for (size_t i = 0; i < n; i++) {
        cs_autofree char *key = cs_json_key_dup(members[i]);

        if (is_among(names, key))
            write_member(w, key, members[i], cs_jtree_get(view, key));
        else
            cs_jw_kraw(w, key, cs_json_raw(members[i]));
    }
    for (; *names; names++) {
        if (!cs_json_exists(cs_json_get(obj, *names)))
            write_member(w, *names, (struct cs_json){.doc = NULL}, cs_jtree_get(view, *names));
    }
    cs_jw_end_obj(w);
}

static void write_whole(struct cs_json obj, enum cs_version to, const struct cs_jtree *view, struct cs_strbuf *out)
{
    cs_autofree struct cs_json *members = NULL;
    size_t n = cs_json_members(obj, false, &members);
    struct cs_jw w;

    cs_jw_init(&w, out);
    cs_jw_obj(&w);
    for (size_t i = 0; i < n; i++) {
        cs_autofree char *key = cs_json_key_dup(members[i]);

        if (cs_streq(key, "apiVersion")) {
            cs_jw_kstr(&w, key, to == CS_V1BETA1 ? CS_API_VERSION_BETA : CS_API_VERSION);
        } else if (view && cs_streq(key, "metadata")) {
            cs_jw_key(&w, key);
            write_object(&w, members[i], meta_names, view);
        } else if (view && cs_streq(key, "spec")) {
            cs_jw_key(&w, key);
            write_object(&w, members[i], spec_names, view);
        } else {
            cs_jw_kraw(&w, key, cs_json_raw(members[i]));
        }
    }
    cs_jw_end_obj(&w);
}

/* ---- conversion ---- */

/* What the rules made of `shown` becomes what the note says it was, if that leads back to exactly what is shown. */
static bool restore(const struct cs_jtree *note, const struct cs_convert_part *part, enum cs_version to,
    const struct cs_jtree *shown, struct cs_jtree **made)
{
    cs_autojtree *candidate = cs_jtree_dup(*made);
    cs_autojtree *back = NULL;

    if (!note || !cs_convert_note_apply(note, part, candidate, shown))
        return false;
    back = cs_jtree_dup(candidate);
    cs_convert_rules(back, other(to));
    if (!cs_convert_part_equal(part, back, shown))
        return false;
    cs_jtree_free(*made);
    *made = cs_take(candidate);
    return true;
}

/* The view in the other version. Takes the annotation out of `shown`, and sorts it. */
static struct cs_jtree *convert_view(struct cs_jtree *shown, enum cs_version to)
{
    bool had, restored[CS_CONVERT_PARTS] = {false};
    cs_autojtree *note = cs_convert_note_take(shown, to, &had);
    cs_autojtree *back = NULL;
    cs_autojtree *lost = cs_jtree_new_obj();
    struct cs_jtree *made = cs_jtree_dup(shown);

    cs_convert_rules(made, to);
    for (size_t i = 0; i < CS_CONVERT_PARTS; i++)
        restored[i] = restore(note, &cs_convert_parts[i], to, shown, &made);
    back = cs_jtree_dup(made);
    cs_convert_rules(back, other(to));
    cs_jtree_sort(back);
    cs_jtree_sort(shown);
    for (size_t i = 0; i < CS_CONVERT_PARTS; i++) {
        const struct cs_convert_part *part = &cs_convert_parts[i];
        struct cs_jtree *entry = restored[i] ? NULL : cs_convert_note_part(part, back, shown, made);

        if (entry)
            (void)cs_jtree_set(lost, part->member, entry);
    }
    cs_convert_note_put(made, other(to), lost);
    return made;
}

static bool check_container(struct cs_json meta, const char *name, struct cs_error *err)
{
    struct cs_json v = cs_json_get(meta, name);

    return cs_json_is_null(v) || cs_json_is(v, CS_J_OBJECT) ||
           cs_error_set(
               err, CS_ERR_INVALID, "metadata.%s: must be an object of strings, got %s", name, cs_json_type_name(v));
}

static bool check(struct cs_json obj, struct cs_error *err)
{
    struct cs_json version = cs_json_get(obj, "apiVersion"), kind = cs_json_get(obj, "kind");
    struct cs_json meta = cs_json_get(obj, "metadata");
    cs_autofree char *text = NULL;

    if (!cs_json_is(obj, CS_J_OBJECT))
        return cs_error_set(err, CS_ERR_INVALID, "must be an object, got %s", cs_json_type_name(obj));
    if (cs_version_read(version) == CS_VERSION_UNKNOWN) {
        text = cs_json_str_dup(version);
        return cs_error_set(err, CS_ERR_INVALID,
            "apiVersion: must be \"" CS_API_VERSION "\" or \"" CS_API_VERSION_BETA "\", got %s%.100s%s",
            text ? "\"" : "", text ? text : cs_json_type_name(version), text ? "\"" : "");
    }
    if (!cs_json_str_is(kind, CS_KIND)) {
        text = cs_json_str_dup(kind);
        return cs_error_set(err, CS_ERR_INVALID, "kind: must be \"" CS_KIND "\", got %s%.100s%s", text ? "\"" : "",
            text ? text : cs_json_type_name(kind), text ? "\"" : "");
    }
    if (!cs_json_is(meta, CS_J_OBJECT))
        return cs_error_set(err, CS_ERR_INVALID, "metadata: must be an object, got %s", cs_json_type_name(meta));
    if (cs_convert_values(obj) > CS_CONVERT_VALUES_MAX)
        return cs_error_set(err, CS_ERR_TOO_LARGE,
            "labels, annotations, scaleStrategy and updateStrategy hold %zu values, the limit is %d",
            cs_convert_values(obj), CS_CONVERT_VALUES_MAX);
    return check_container(meta, "labels", err) && check_container(meta, "annotations", err);
}

bool cs_convert(struct cs_json obj, enum cs_version to, struct cs_strbuf *out, struct cs_error *err)
{
    cs_autojtree *shown = NULL;
    cs_autojtree *made = NULL;

    if (!check(obj, err))
        return false;
    if (cs_version_read(cs_json_get(obj, "apiVersion")) == to) {
        struct cs_str raw = cs_json_raw(obj);

        cs_strbuf_add(out, raw.p, raw.len);
        return true;
    }
    if (cs_json_is(cs_json_get(obj, "spec"), CS_J_OBJECT)) {
        shown = read_view(obj);
        made = convert_view(shown, to);
    }
    write_whole(obj, to, made, out);
    return true;
}

static bool has_note(struct cs_json obj)
{
    return cs_json_exists(cs_json_at(obj, "metadata", "annotations", CS_ANNO_CONVERSION, NULL)) && check(obj, NULL);
}

unsigned cs_convert_note_counts(struct cs_json obj)
{
    static const unsigned flags[CS_CONVERT_PARTS] = {CS_NOTE_SCALE, CS_NOTE_UPDATE};
    enum cs_version to = other(cs_version_of(obj));
    cs_autojtree *shown = NULL;
    cs_autojtree *made = NULL;
    cs_autojtree *note = NULL;
    unsigned result = 0;
    bool had;

    if (!has_note(obj))
        return 0;
    shown = read_view(obj);
    note = cs_convert_note_take(shown, to, &had);
    made = cs_jtree_dup(shown);
    cs_convert_rules(made, to);
    for (size_t i = 0; i < CS_CONVERT_PARTS; i++)
        result |= restore(note, &cs_convert_parts[i], to, shown, &made) ? flags[i] : 0;
    return result;
}

bool cs_convert_note_is_stale(struct cs_json obj)
{
    return has_note(obj) && cs_convert_note_counts(obj) == 0;
}
