/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For tests over whole objects: a small CloneSet with claims as base, and edits of it written as "path = value" or
 * "drop path" with " ;; " between them. Values are JSON with ' for ". Include after cmocka.h.
 *
 *   "spec.replicas = 3 ;; spec.template.spec.containers[0].env = [{'name':'a'}] ;; drop spec.selector"
 */
#ifndef CS_TEST_OBJECT_FIXTURE_H
#define CS_TEST_OBJECT_FIXTURE_H

#include <stdio.h>

#include "common/base/alloc.h"
#include "common/base/cleanup.h"
#include "common/json/json_tree.h"

#define EDIT_END " ;; "

static const char base_object[] =
    "{'apiVersion':'apps.kruise.io/v1alpha1','kind':'CloneSet',"
    "'metadata':{'name':'web','namespace':'default','uid':'u1','labels':{'app':'web'}},"
    "'spec':{'replicas':5,'selector':{'matchLabels':{'app':'web'}},"
    "'template':{'metadata':{'labels':{'app':'web'}},'spec':{'containers':[{'name':'nginx','image':'nginx:alpine',"
    "'volumeMounts':[{'name':'data-vol','mountPath':'/data'}]}]}},"
    "'volumeClaimTemplates':[{'metadata':{'name':'data-vol'},'spec':{'accessModes':['ReadWriteOnce'],"
    "'storageClassName':'rbd','resources':{'requests':{'storage':'2Gi'}}}}]}}";

/* A document that owns its text. */
struct object {
    char *text;
    struct cs_jdoc doc;
};

static inline void object_done(struct object *o)
{
    cs_jdoc_done(&o->doc);
    free(o->text);
}

static inline struct cs_json object_root(const struct object *o)
{
    return cs_jdoc_root(&o->doc);
}

static inline void object_parse(struct object *o, const char *text, size_t len)
{
    struct cs_error err = CS_ERROR_INIT;

    o->text = cs_xmemdupz(text, len);
    for (char *p = o->text; *p; p++) {
        if (*p == '\'')
            *p = '"';
    }
    if (!cs_jdoc_parse(&o->doc, o->text, strlen(o->text), NULL, &err))
        fail_msg("%s in: %s", err.message, o->text);
}

/* One step of a path: a key or "[n]"; moves *path behind it. */
static inline struct cs_jtree *step(struct cs_jtree *at, const char **path, bool last, struct cs_jtree *value)
{
    const char *p = *path;
    struct cs_jtree *next;
    size_t n;

    if (*p == '[') {
        *path = strchr(p, ']') + 1;
        next = cs_jtree_index(at, (size_t)strtoul(p + 1, NULL, 10));
        if (last && value)
            return cs_jtree_append(at, value);
        if (!next)
            fail_msg("no such element: %s", p);
        return next;
    }
    p += *p == '.';
    n = strcspn(p, ".[");
    *path = p + n;
    cs_autofree char *key = cs_xmemdupz(p, n);
    if (last && value)
        return cs_jtree_set(at, key, value);
    if (last) {
        cs_jtree_del(at, key);
        return at;
    }
    next = cs_jtree_get(at, key);
    return next ? next : cs_jtree_set(at, key, cs_jtree_new_obj());
}

static inline bool is_last_step(const char *p)
{
    if (*p == '[')
        return strchr(p, ']')[1] == '\0';
    p += *p == '.';
    return p[strcspn(p, ".[")] == '\0';
}

static inline void apply_one(struct cs_jtree *root, const char *edit, size_t len)
{
    cs_autofree char *line = cs_xmemdupz(edit, len);
    char *equals = strstr(line, " = ");
    const char *path = line;
    struct object value = {0};
    struct cs_jtree *tree = NULL;

    if (strncmp(line, "drop ", 5) == 0) {
        path = line + 5;
    } else {
        if (!equals) {
            fail_msg("an edit is \"path = value\" or \"drop path\": %s", line);
            return;
        }
        *equals = '\0';
        object_parse(&value, equals + 3, strlen(equals + 3));
        tree = cs_jtree_from(object_root(&value));
    }
    for (struct cs_jtree *at = root; *path;) {
        bool last = is_last_step(path);

        at = step(at, &path, last, last ? tree : NULL);
    }
    object_done(&value);
}

/* The base object, or `text`, with edits; NULL edits: as it is. */
static inline void object_edit(struct object *o, const char *text, const char *edits)
{
    struct object base = {0};
    cs_autostrbuf out = CS_STRBUF_INIT;

    object_parse(&base, text, strlen(text));
    cs_autojtree *tree = cs_jtree_from(object_root(&base));
    while (edits && *edits) {
        const char *end = strstr(edits, EDIT_END);
        size_t n = end ? (size_t)(end - edits) : strlen(edits);

        apply_one(tree, edits, n);
        edits += n + (end ? strlen(EDIT_END) : 0);
    }
    cs_jtree_print(tree, &out, false);
    *o = (struct object){.text = cs_strbuf_take(&out, NULL)};
    assert_true(cs_jdoc_parse(&o->doc, o->text, strlen(o->text), NULL, NULL));
    object_done(&base);
}

#endif
