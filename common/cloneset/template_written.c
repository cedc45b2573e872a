/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The difference between two templates as they were written. An edit leaves most of a template as it was, byte for byte; such a
 * member has the same normal form on both sides and no part in the difference, so it is left out on both before these are made.
 * What stays in any case is what is looked at from elsewhere, by normalisation, the comparison or the QoS class.
 */
#include "common/base/alloc.h"
#include "common/cloneset/template.h"
#include "common/cloneset/template_impl.h"

struct edit {
    bool ports; /* of containers, as hostNetwork changes what they mean */
    bool resizes; /* resources count together */
};

static bool is_looked_at_in_spec(struct cs_str key)
{
    return cs_str_eqz(key, "hostNetwork") || cs_str_eqz(key, "serviceAccount") ||
           cs_str_eqz(key, "serviceAccountName") || cs_str_eqz(key, "os") || cs_str_eqz(key, "resources");
}

static bool is_looked_at_in_container(const struct edit *e, struct cs_str key)
{
    return cs_str_eqz(key, "name") || (e->ports && cs_str_eqz(key, "ports")) ||
           (e->resizes && (cs_str_eqz(key, "resources") || cs_str_eqz(key, "resizePolicy")));
}

/* Turns what is left of a member into a tree; NULL: nothing is. */
typedef struct cs_jtree *(*copier)(const struct edit *e, struct cs_json v, struct cs_json twin, struct cs_str key);

static void keep(struct cs_jtree *obj, struct cs_str key, struct cs_jtree *left)
{
    cs_autofree char *name = cs_xmemdupz(key.p, key.len);

    (void)cs_jtree_set(obj, name, left);
}

/* The members of v; twin: its counterpart. */
static struct cs_jtree *copy_members(const struct edit *e, struct cs_json v, struct cs_json twin, copier copy)
{
    struct cs_jtree *obj = cs_jtree_new_obj();
    cs_autofree struct cs_json *members = NULL;
    size_t n = cs_json_members(v, false, &members);

    for (size_t i = 0; i < n; i++) {
        cs_autofree char *owned = NULL;
        struct cs_str key = cs_json_key(members[i], &owned);
        struct cs_jtree *left = copy(e, members[i], cs_json_getn(twin, key), key);

        if (left)
            keep(obj, key, left);
    }
    return obj;
}

static struct cs_jtree *copy_container_member(
    const struct edit *e, struct cs_json v, struct cs_json twin, struct cs_str key)
{
    return cs_json_same_bytes(v, twin) && !is_looked_at_in_container(e, key) ? NULL : cs_jtree_from(v);
}

/* One whose counterpart has the same bytes. */
static struct cs_jtree *copy_same_container(const struct edit *e, struct cs_json container)
{
    struct cs_jtree *obj = cs_jtree_new_obj();

    cs_json_foreach (member, container) {
        cs_autofree char *owned = NULL;
        struct cs_str key = cs_json_key(member, &owned);

        if (is_looked_at_in_container(e, key))
            keep(obj, key, cs_jtree_from(member)); /* of duplicates the last one replaces the others */
    }
    return obj;
}

/* The comparison may match elements by name: it finds the same pairs as here when each name stands at the same place on both sides. */
static bool same_names(struct cs_json list, struct cs_json twin)
{
    struct cs_json other = cs_json_first(twin);

    if (!cs_json_is(list, CS_J_ARRAY) || !cs_json_is(twin, CS_J_ARRAY) || cs_json_count(list) != cs_json_count(twin))
        return false;
    cs_json_foreach (item, list) {
        struct cs_json name = cs_json_get(item, "name");

        if (!cs_json_is(name, CS_J_STRING) || !cs_json_equal(name, cs_json_get(other, "name")))
            return false;
        other = cs_json_next(twin, other);
    }
    return true;
}

static struct cs_jtree *copy_containers(const struct edit *e, struct cs_json list, struct cs_json twin)
{
    struct cs_json other = cs_json_first(twin);
    struct cs_jtree *arr;

    if (!same_names(list, twin))
        return cs_jtree_from(list);
    arr = cs_jtree_new_arr();
    cs_json_foreach (item, list) {
        (void)cs_jtree_append(arr, cs_json_same_bytes(item, other)
                                       ? copy_same_container(e, item)
                                       : copy_members(e, item, other, &copy_container_member));
        other = cs_json_next(twin, other);
    }
    return arr;
}

static struct cs_jtree *copy_spec_member(const struct edit *e, struct cs_json v, struct cs_json twin, struct cs_str key)
{
    if (cs_str_eqz(key, "containers") || cs_str_eqz(key, "initContainers"))
        return copy_containers(e, v, twin);
    return cs_json_same_bytes(v, twin) && !is_looked_at_in_spec(key) ? NULL : cs_jtree_from(v);
}

static struct cs_jtree *copy_template_member(
    const struct edit *e, struct cs_json v, struct cs_json twin, struct cs_str key)
{
    if (cs_str_eqz(key, "spec") && cs_json_is(v, CS_J_OBJECT) && cs_json_is(twin, CS_J_OBJECT))
        return copy_members(e, v, twin, &copy_spec_member);
    return cs_json_same_bytes(v, twin) ? NULL : cs_jtree_from(v);
}

void cs_template_diff_written(
    struct cs_json old_tmpl, struct cs_json new_tmpl, bool vertical_scaling, struct cs_template_diff *ret)
{
    struct cs_json old_net = cs_json_at(old_tmpl, "spec", "hostNetwork", NULL);
    struct cs_json new_net = cs_json_at(new_tmpl, "spec", "hostNetwork", NULL);
    const struct edit e = {.ports = !cs_json_equal(old_net, new_net), .resizes = vertical_scaling};
    cs_autojtree *old_norm = cs_template_normalize_tree(copy_members(&e, old_tmpl, new_tmpl, &copy_template_member));
    cs_autojtree *new_norm = cs_template_normalize_tree(copy_members(&e, new_tmpl, old_tmpl, &copy_template_member));

    cs_template_diff(old_norm, new_norm, vertical_scaling, ret);
}
