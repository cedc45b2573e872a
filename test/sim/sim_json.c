/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an API server does to JSON: merge patch (RFC 7386), as much of the strategic merge patch as Pods' status needs
 * (conditions by type, finalizers added), JSON Patch (RFC 6902: test, add, replace, remove).
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/str.h"
#include "test/sim/sim.h"

struct cs_jtree *sim_parse(const char *text)
{
    cs_autojdoc doc = {0};
    struct cs_error err = CS_ERROR_INIT;

    if (!text)
        return NULL;
    if (!cs_jdoc_parse(&doc, text, strlen(text), NULL, &err)) {
        if (err.kind == CS_ERR_TOO_LARGE)
            cs_out_of_memory(); /* a world that loses requests for it proves nothing */
        return NULL;
    }
    return cs_jtree_from(cs_jdoc_root(&doc));
}

char *sim_print(const struct cs_jtree *t)
{
    cs_autostrbuf out = CS_STRBUF_INIT;

    cs_jtree_print(t, &out, false);
    return cs_strbuf_take(&out, NULL);
}

/* One step of a path: the child, or NULL. Arrays take numbers. */
static struct cs_jtree *child_of(const struct cs_jtree *t, const char *key)
{
    int64_t i;

    if (cs_jtree_is(t, CS_J_OBJECT))
        return cs_jtree_get(t, key);
    if (cs_jtree_is(t, CS_J_ARRAY) && cs_parse_i64(cs_str(key), &i) && i >= 0 && (size_t)i < cs_jtree_count(t))
        return cs_jtree_index(t, (size_t)i);
    return NULL;
}

struct cs_jtree *sim_get(const struct cs_jtree *t, const char *path)
{
    struct cs_jtree *at = (struct cs_jtree *)(uintptr_t)t;

    while (at && path) {
        const char *slash = strchr(path, '/');
        size_t n = slash ? (size_t)(slash - path) : strlen(path);
        char key[128];

        assert(n < sizeof(key));
        memcpy(key, path, n);
        key[n] = '\0';
        at = child_of(at, key);
        path = slash ? slash + 1 : NULL;
    }
    return at;
}

const char *sim_str(const struct cs_jtree *t, const char *path)
{
    const struct cs_jtree *v = sim_get(t, path);

    return cs_jtree_is(v, CS_J_STRING) ? cs_jtree_str(v) : NULL;
}

int64_t sim_int(const struct cs_jtree *t, const char *path, int64_t otherwise)
{
    const struct cs_jtree *v = sim_get(t, path);
    int64_t i;

    return cs_jtree_is(v, CS_J_NUMBER) && cs_parse_i64(cs_str(cs_jtree_number(v)), &i) ? i : otherwise;
}

struct cs_jtree *sim_need(struct cs_jtree *t, const char *path)
{
    while (path) {
        const char *slash = strchr(path, '/');
        cs_autofree char *key = cs_xmemdupz(path, slash ? (size_t)(slash - path) : strlen(path));
        struct cs_jtree *next = child_of(t, key);

        if (!next || cs_jtree_is(next, CS_J_NULL))
            next = cs_jtree_set(t, key, cs_jtree_new_obj());
        t = next;
        path = slash ? slash + 1 : NULL;
    }
    return t;
}

/* Keys may have a '/' in them. */
static const char *text_in(const struct cs_jtree *map, const char *key)
{
    const struct cs_jtree *v = cs_jtree_is(map, CS_J_OBJECT) ? cs_jtree_get(map, key) : NULL;

    return v ? cs_jtree_str(v) : NULL;
}

const char *sim_label(const struct cs_jtree *obj, const char *key)
{
    return text_in(sim_get(obj, "metadata/labels"), key);
}

const char *sim_annotation(const struct cs_jtree *obj, const char *key)
{
    return text_in(sim_get(obj, "metadata/annotations"), key);
}

/* ---- merge ---- */

static struct cs_jtree *by_type(const struct cs_jtree *list, const char *type)
{
    for (struct cs_jtree *c = cs_jtree_first(list); c; c = cs_jtree_next(c))
        if (cs_streq(sim_str(c, "type"), type))
            return c;
    return NULL;
}

static void merge_conditions(struct cs_jtree *target, const struct cs_jtree *patch)
{
    struct cs_jtree *list = cs_jtree_get(target, "conditions");

    if (!cs_jtree_is(list, CS_J_ARRAY))
        list = cs_jtree_set(target, "conditions", cs_jtree_new_arr());
    for (const struct cs_jtree *c = cs_jtree_first(patch); c; c = cs_jtree_next(c)) {
        struct cs_jtree *have = by_type(list, sim_str(c, "type"));

        if (!have)
            have = cs_jtree_append(list, cs_jtree_new_obj());
        sim_merge(have, c, true);
    }
}

bool sim_has_finalizer(const struct cs_jtree *obj, const char *name)
{
    const struct cs_jtree *list = sim_get(obj, "metadata/finalizers");

    for (struct cs_jtree *f = cs_jtree_is(list, CS_J_ARRAY) ? cs_jtree_first(list) : NULL; f; f = cs_jtree_next(f))
        if (cs_streq(cs_jtree_str(f), name))
            return true;
    return false;
}

void sim_put_finalizer(struct cs_jtree *obj, const char *name, bool there)
{
    struct cs_jtree *meta = sim_need(obj, "metadata");
    struct cs_jtree *list = cs_jtree_get(meta, "finalizers");

    if (sim_has_finalizer(obj, name) == there)
        return;
    if (there) {
        if (!cs_jtree_is(list, CS_J_ARRAY))
            list = cs_jtree_set(meta, "finalizers", cs_jtree_new_arr());
        cs_jtree_append(list, cs_jtree_new_str(name));
        return;
    }
    for (struct cs_jtree *f = cs_jtree_first(list); f; f = cs_jtree_next(f))
        if (cs_streq(cs_jtree_str(f), name)) {
            cs_jtree_remove(list, f);
            break;
        }
    if (cs_jtree_count(list) == 0)
        cs_jtree_del(meta, "finalizers");
}

/* target: metadata */
static void merge_finalizers(struct cs_jtree *target, const struct cs_jtree *patch)
{
    struct cs_jtree *list = cs_jtree_get(target, "finalizers");

    if (!cs_jtree_is(list, CS_J_ARRAY))
        list = cs_jtree_set(target, "finalizers", cs_jtree_new_arr());
    for (struct cs_jtree *f = cs_jtree_first(patch); f; f = cs_jtree_next(f)) {
        bool there = false;

        for (struct cs_jtree *x = cs_jtree_first(list); x; x = cs_jtree_next(x))
            there = there || cs_jtree_equal(x, f);
        if (!there)
            cs_jtree_append(list, cs_jtree_dup(f));
    }
}

void sim_merge(struct cs_jtree *target, const struct cs_jtree *patch, bool strategic)
{
    for (const struct cs_jtree *m = cs_jtree_first(patch); m; m = cs_jtree_next(m)) {
        const char *key = cs_jtree_key(m);
        struct cs_jtree *have = cs_jtree_get(target, key);

        if (cs_jtree_is(m, CS_J_NULL)) {
            cs_jtree_del(target, key);
        } else if (strategic && strcmp(key, "conditions") == 0) {
            merge_conditions(target, m);
        } else if (strategic && strcmp(key, "finalizers") == 0) {
            merge_finalizers(target, m);
        } else if (cs_jtree_is(m, CS_J_OBJECT)) {
            if (!cs_jtree_is(have, CS_J_OBJECT))
                have = cs_jtree_set(target, key, cs_jtree_new_obj());
            sim_merge(have, m, strategic);
        } else {
            cs_jtree_set(target, key, cs_jtree_dup(m));
        }
    }
}

/* ---- JSON Patch ---- */

static char *unescape(const char *p, size_t len)
{
    char *out = cs_xmemdupz(p, len);
    char *w = out;

    for (const char *r = out; *r; r++) {
        if (r[0] == '~' && (r[1] == '0' || r[1] == '1')) {
            *w++ = r[1] == '0' ? '~' : '/';
            r++;
        } else {
            *w++ = *r;
        }
    }
    *w = '\0';
    return out;
}

/* The parent of what the pointer names, and the last key (owned). */
static struct cs_jtree *resolve(struct cs_jtree *t, const char *pointer, char **ret_key)
{
    while (t && *pointer == '/') {
        const char *slash = strchr(pointer + 1, '/');
        char *key = unescape(pointer + 1, slash ? (size_t)(slash - pointer - 1) : strlen(pointer + 1));

        if (!slash) {
            *ret_key = key;
            return t;
        }
        t = child_of(t, key);
        free(key);
        pointer = slash;
    }
    return NULL;
}

static const char *patch_one(struct cs_jtree *target, const struct cs_jtree *op)
{
    const char *kind = sim_str(op, "op");
    const char *path = sim_str(op, "path");
    const struct cs_jtree *value = cs_jtree_get(op, "value");
    cs_autofree char *key = NULL;
    struct cs_jtree *parent = path ? resolve(target, path, &key) : NULL;
    struct cs_jtree *have = parent ? child_of(parent, key) : NULL;

    if (!kind || !parent)
        return "path does not exist";
    if (strcmp(kind, "test") == 0)
        return have && value && cs_jtree_equal(have, value) ? NULL : "test failed";
    if (!cs_jtree_is(parent, CS_J_OBJECT))
        return "the simulation changes members of objects only";
    if (strcmp(kind, "remove") == 0) {
        if (!have)
            return "nothing to remove";
        cs_jtree_del(parent, key);
        return NULL;
    }
    if ((strcmp(kind, "replace") == 0 && !have) || !value)
        return "nothing to replace";
    cs_jtree_set(parent, key, cs_jtree_dup(value));
    return NULL;
}

bool sim_json_patch(struct cs_jtree *target, const struct cs_jtree *ops, const char **ret_why)
{
    for (const struct cs_jtree *op = cs_jtree_first(ops); op; op = cs_jtree_next(op)) {
        const char *why = patch_one(target, op);

        if (why) {
            *ret_why = why;
            return false;
        }
    }
    return true;
}

/* ---- conditions, owners ---- */

const char *sim_condition(const struct cs_jtree *obj, const char *type)
{
    const struct cs_jtree *list = sim_get(obj, "status/conditions");
    const struct cs_jtree *c = cs_jtree_is(list, CS_J_ARRAY) ? by_type(list, type) : NULL;

    return c ? sim_str(c, "status") : NULL;
}

bool sim_set_condition(struct cs_jtree *obj, const char *type, bool status, const char *time)
{
    struct cs_jtree *list;
    struct cs_jtree *c;

    if (cs_streq(sim_condition(obj, type), status ? "True" : "False"))
        return false;
    list = sim_get(obj, "status/conditions");
    if (!cs_jtree_is(list, CS_J_ARRAY))
        list = cs_jtree_set(sim_need(obj, "status"), "conditions", cs_jtree_new_arr());
    c = by_type(list, type);
    if (!c)
        c = cs_jtree_append(list, cs_jtree_new_obj());
    cs_jtree_set(c, "type", cs_jtree_new_str(type));
    cs_jtree_set(c, "status", cs_jtree_new_str(status ? "True" : "False"));
    cs_jtree_set(c, "lastTransitionTime", cs_jtree_new_str(time));
    return true;
}

bool sim_owned_by(const struct cs_jtree *obj, const char *uid)
{
    const struct cs_jtree *owners = sim_get(obj, "metadata/ownerReferences");

    for (const struct cs_jtree *o = cs_jtree_is(owners, CS_J_ARRAY) ? cs_jtree_first(owners) : NULL; o;
         o = cs_jtree_next(o))
        if (cs_streq(sim_str(o, "uid"), uid))
            return true;
    return false;
}
