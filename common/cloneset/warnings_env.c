/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Environment variables that containers read from the Pod's labels and annotations (spec §6.4). OpenKruise's node daemon restarts a
 * container when such a value changes in place; here the change is plain metadata, and the container goes on with what it
 * read when it started.
 */
#include "common/cloneset/warnings_private.h"

#include <stdio.h>

/* Variables that are looked at: each is searched for on the old side. */
#define EXAMINED_MAX 64

static bool is_in_place(enum cs_update_type type)
{
    return type == CS_UPDATE_INPLACE_IF_POSSIBLE || type == CS_UPDATE_INPLACE_ONLY;
}

/* The name of the map when field_path is "<prefix>['key']", and the key in between. */
static const char *map_of(struct cs_str field_path, struct cs_str *ret_key)
{
    static const struct {
        const char *prefix, *map;
    } forms[] = {{"metadata.labels['", "labels"}, {"metadata.annotations['", "annotations"}};

    for (size_t i = 0; i < CS_ARRAY_LEN(forms); i++) {
        size_t n = strlen(forms[i].prefix);

        if (!cs_str_starts(field_path, forms[i].prefix) || !cs_str_ends(field_path, "']") || field_path.len < n + 2)
            continue;
        *ret_key = (struct cs_str){field_path.p + n, field_path.len - n - 2};
        return forms[i].map;
    }
    return NULL;
}

static struct cs_json env_of(struct cs_json container)
{
    return cs_list_of(container, "env");
}

static struct cs_json field_path_of(struct cs_json env)
{
    return cs_json_get(cs_json_get(cs_json_get(env, "valueFrom"), "fieldRef"), "fieldPath");
}

/* The old side has this variable of this container, reading the same; *ret_image: and the container's image was this. */
static bool had(const struct cs_edit_side *was, struct cs_json container, struct cs_json env, struct cs_json *ret_image)
{
    struct cs_json containers = cs_list_of(cs_object_of(was->tmpl, "spec"), "containers");

    cs_json_foreach (c, containers) {
        struct cs_json list = env_of(c);

        if (!cs_json_equal(cs_json_get(c, "name"), cs_json_get(container, "name")))
            continue;
        cs_json_foreach (x, list) {
            if (cs_json_equal(cs_json_get(x, "name"), cs_json_get(env, "name")) &&
                cs_json_equal(field_path_of(x), field_path_of(env))) {
                *ret_image = cs_json_get(c, "image");
                return true;
            }
        }
    }
    return false;
}

/* Variables of which one thing is to be said: the first by name, the others by number. */
struct found {
    struct cs_str container, var, path;
    size_t n;
};

static void add_found(struct found *f, struct cs_edit *e, struct cs_json container, struct cs_json env)
{
    if (f->n++ > 0)
        return;
    f->container = cs_check_text(&e->mem, cs_json_get(container, "name"));
    f->var = cs_check_text(&e->mem, cs_json_get(env, "name"));
    f->path = cs_check_text(&e->mem, field_path_of(env));
}

/* False: the variable reads nothing of the template's metadata. */
static bool look_at(
    struct cs_edit *e, struct cs_json container, struct cs_json env, struct found *ret_new, struct found *ret_old)
{
    struct cs_json field_path = field_path_of(env), was, is, image;
    struct cs_str key;
    const char *map;

    if (!cs_json_exists(field_path)) /* as nearly always */
        return false;
    map = map_of(cs_check_text(&e->mem, field_path), &key);
    if (!map)
        return false;
    was = cs_json_getn(cs_object_of(cs_object_of(e->was.tmpl, "metadata"), map), key);
    is = cs_json_getn(cs_object_of(cs_object_of(e->is.tmpl, "metadata"), map), key);
    if (!cs_json_exists(was) && !cs_json_exists(is))
        return false; /* nothing that an update of the template would change */
    if (e->create || !is_in_place(e->was.type) || !had(&e->was, container, env, &image))
        add_found(ret_new, e, container, env);
    else if (e->in_place && !cs_json_equal(was, is) && cs_json_equal(image, cs_json_get(container, "image")))
        add_found(ret_old, e, container, env);
    return true;
}

/* words: what comes before and after the path. */
static void say(struct cs_edit *e, const struct found *f, const char *before, const char *after)
{
    char more[48] = "";

    if (f->n > 1)
        (void)snprintf(more, sizeof(more), " (and %zu more like it)", f->n - 1);
    if (f->n > 0)
        cs_warn(e->out, "env %.*s of container %.*s %s %.*s%s%s", (int)f->var.len, f->var.p, (int)f->container.len,
            f->container.p, before, (int)f->path.len, f->path.p, more, after);
}

void cs_warn_env(struct cs_edit *e)
{
    struct cs_json containers = cs_list_of(cs_object_of(e->is.tmpl, "spec"), "containers");
    struct found fresh = {.n = 0}, old = {.n = 0};
    size_t examined = 0;

    if (!is_in_place(e->is.type))
        return;
    cs_json_foreach (container, containers) {
        struct cs_json list = env_of(container);

        cs_json_foreach (env, list) {
            if (examined < EXAMINED_MAX)
                examined += look_at(e, container, env, &fresh, &old);
        }
    }
    say(e, &fresh, "reads",
        ": here no container restarts for an in-place change of it, as it would with OpenKruise's node daemon");
    say(e, &old, "keeps the old value of", " until the container restarts");
}
