/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rules on one container of the Pod template (the [core] part of spec §3.3), in the order and words of the API server's
 * own validation. JSON types have been judged before (validate_types.c): a field of a wrong type counts as absent.
 */
#include "common/cloneset/validate_private.h"

#include "common/cloneset/template.h"

static struct cs_str text_of(struct cs_check *c, struct cs_json obj, const char *key)
{
    return cs_check_text(c, cs_json_get(obj, key));
}

/* ---- image ---- */

static bool is_blank(char ch)
{
    return ch == ' ' || (ch >= '\t' && ch <= '\r');
}

static void check_image(struct cs_check *c, const struct cs_path *at, struct cs_json container)
{
    struct cs_str image = text_of(c, container, "image");

    if (image.len == 0)
        cs_bad_required(c, CS_KEY(at, "image"), "%s", "");
    else if (is_blank(image.p[0]) || is_blank(image.p[image.len - 1]))
        cs_bad_text(c, CS_KEY(at, "image"), image, "must not have leading or trailing whitespace");
}

/* ---- ports ---- */

static void check_port_number(
    struct cs_check *c, const struct cs_path *up, struct cs_json port, const char *key, bool required)
{
    int64_t number = 0;

    (void)cs_json_i64(cs_json_get(port, key), &number);
    if (number == 0 && required)
        cs_bad_required(c, CS_KEY(up, key), "%s", "");
    else if (number < 0 || number > 65535)
        cs_bad_int(c, CS_KEY(up, key), number, "must be between 1 and 65535, inclusive");
}

static void check_ports(struct cs_check *c, const struct cs_path *at, struct cs_json ports)
{
    static const char *const protocols[] = {"SCTP", "TCP", "UDP", NULL};
    cs_autonames names = {0};
    size_t i = 0;

    cs_json_foreach (port, ports)
        cs_names_add(&names, text_of(c, port, "name"), port);
    cs_names_sort(&names);
    cs_json_foreach (port, ports) {
        const struct cs_path *here = CS_IDX(at, i);
        struct cs_str name = text_of(c, port, "name");

        if (name.len && cs_check_port_name(c, CS_KEY(here, "name"), name) && cs_names_find(&names, name)->index < i)
            cs_bad_duplicate(c, CS_KEY(here, "name"), name, NULL);
        check_port_number(c, here, port, "containerPort", true);
        check_port_number(c, here, port, "hostPort", false);
        cs_check_choice(c, here, port, "protocol", protocols, "\"SCTP\", \"TCP\", \"UDP\"");
        i++;
    }
}

/* ---- env ---- */

/* fileKeyRef is the server's from 1.34 on, behind a gate; whether it may be used is the server's word. */
static const char *const env_sources[] = {
    "fieldRef", "resourceFieldRef", "configMapKeyRef", "secretKeyRef", "fileKeyRef"};

static void check_env_source(struct cs_check *c, const struct cs_path *at, struct cs_json env, struct cs_json source)
{
    unsigned n = 0;

    for (size_t i = 0; i < CS_ARRAY_LEN(env_sources); i++)
        n += !cs_json_is_null(cs_json_get(source, env_sources[i]));
    if (n == 0)
        cs_bad_text(c, at, CS_STR(""),
            "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef` or `secretKeyRef`");
    else if (text_of(c, env, "value").len)
        cs_bad_text(c, at, CS_STR(""), "may not be specified when `value` is not empty");
    else if (n > 1)
        cs_bad_text(c, at, CS_STR(""), "may not have more than one field specified at a time");
}

static void check_env(struct cs_check *c, const struct cs_path *at, struct cs_json list)
{
    size_t i = 0;

    cs_json_foreach (env, list) {
        const struct cs_path *here = CS_IDX(at, i++);
        struct cs_str name = text_of(c, env, "name");
        struct cs_json source = cs_json_get(env, "valueFrom");

        if (name.len == 0)
            cs_bad_required(c, CS_KEY(here, "name"), "%s", "");
        else if (!cs_is_env_var_name(name))
            cs_bad_text(c, CS_KEY(here, "name"), name,
                "a valid environment variable name must consist only of printable ASCII characters other than '='");
        if (cs_json_is(source, CS_J_OBJECT))
            check_env_source(c, CS_KEY(here, "valueFrom"), env, source);
    }
}

/* ---- mounts ---- */

/* Names shown, and names compared, in a hint: enough for people, and bounded for hostile objects. */
#define HINT_NAMES 8
#define HINT_COMPARED 64

static const char *volume_kind(const struct cs_volumes *volumes, const struct cs_name *name)
{
    return name->index < volumes->n_volumes ? "volume" : "claim template";
}

/* Names that are themselves wrong may hold anything: hints name only those of the right form. */
static bool can_be_named(const struct cs_volumes *volumes, size_t i)
{
    const struct cs_name *name = &volumes->names.items[i];

    return cs_is_dns1123_label(name->s) && (i == 0 || !cs_str_eq(name->s, name[-1].s));
}

/* The only candidate, or the nearest one that is not far. */
static const struct cs_name *guess_volume(const struct cs_volumes *volumes, struct cs_str wrong)
{
    const struct cs_name *best = NULL;
    unsigned limit = wrong.len < 6 ? 1 : wrong.len < 9 ? 2 : 3;

    if (volumes->names.n == 1 && can_be_named(volumes, 0))
        return &volumes->names.items[0];
    for (size_t i = 0; i < volumes->names.n && i < HINT_COMPARED; i++) {
        const struct cs_name *name = &volumes->names.items[i];
        unsigned distance = cs_str_distance(wrong, name->s, limit);

        if (distance > limit || name->s.len <= distance || !can_be_named(volumes, i))
            continue;
        best = name;
        if (distance == 0)
            break;
        limit = distance - 1; /* only nearer ones from here on */
    }
    return best;
}

static void list_known(struct cs_strbuf *out, const struct cs_volumes *volumes)
{
    size_t shown = 0, more = 0;

    for (size_t i = 0; i < volumes->names.n; i++) {
        const struct cs_name *name = &volumes->names.items[i];

        if (!can_be_named(volumes, i))
            continue;
        if (shown == HINT_NAMES) {
            more++;
            continue;
        }
        cs_strbuf_addf(
            out, "%s%s \"%.*s\"", shown ? ", " : "known: ", volume_kind(volumes, name), (int)name->s.len, name->s.p);
        shown++;
    }
    if (more)
        cs_strbuf_addf(out, " and %zu more", more);
}

static void mount_hint(struct cs_strbuf *out, const struct cs_volumes *volumes, struct cs_str wrong)
{
    const struct cs_name *guess;

    if (!volumes->names.items) {
        cs_strbuf_adds(out, "there are no volumes and no claim templates");
        return;
    }
    guess = guess_volume(volumes, wrong);
    if (guess)
        cs_strbuf_addf(
            out, "did you mean the %s \"%.*s\"?", volume_kind(volumes, guess), (int)guess->s.len, guess->s.p);
    if (volumes->names.n > 1 || !guess) {
        if (guess)
            cs_strbuf_addc(out, ' ');
        list_known(out, volumes);
    }
}

static void check_volume_name(
    struct cs_check *c, const struct cs_path *at, struct cs_json mount, const struct cs_volumes *volumes)
{
    struct cs_str name = text_of(c, mount, "name");
    cs_autostrbuf hint = CS_STRBUF_INIT;

    if (name.len == 0) {
        cs_bad_required(c, CS_KEY(at, "name"), "%s", "");
        return;
    }
    if (cs_names_find(&volumes->names, name) || cs_texts_full(c->out))
        return;
    mount_hint(&hint, volumes, name);
    cs_bad_not_found(c, CS_KEY(at, "name"), name, hint.len ? hint.data : NULL);
}

static void check_mounts(
    struct cs_check *c, const struct cs_path *at, struct cs_json mounts, const struct cs_volumes *volumes)
{
    cs_autonames paths = {0};
    size_t i = 0;

    cs_json_foreach (mount, mounts)
        cs_names_add(&paths, text_of(c, mount, "mountPath"), mount);
    cs_names_sort(&paths);
    cs_json_foreach (mount, mounts) {
        const struct cs_path *here = CS_IDX(at, i);
        struct cs_str path = text_of(c, mount, "mountPath");

        check_volume_name(c, here, mount, volumes);
        if (path.len == 0)
            cs_bad_required(c, CS_KEY(here, "mountPath"), "%s", "");
        else if (cs_names_find(&paths, path)->index < i)
            cs_bad_text(c, CS_KEY(here, "mountPath"), path, "must be unique");
        i++;
    }
}

static void check_devices(
    struct cs_check *c, const struct cs_path *at, struct cs_json devices, const struct cs_volumes *volumes)
{
    size_t i = 0;

    cs_json_foreach (device, devices) {
        const struct cs_path *here = CS_IDX(at, i++);

        check_volume_name(c, here, device, volumes);
        if (text_of(c, device, "devicePath").len == 0)
            cs_bad_required(c, CS_KEY(here, "devicePath"), "%s", "");
    }
}

/* ---- resources ---- */

static void check_requests(
    struct cs_check *c, const struct cs_path *at, struct cs_json requests, const struct cs_names *limits)
{
    cs_json_foreach (request, requests) {
        struct cs_str name = cs_check_key(c, request), amount, bound;
        const struct cs_name *limit = cs_names_find(limits, name);
        int order;

        cs_check_quantity(c, CS_SUB(at, name), request, false);
        if (!limit || !cs_is_qualified_name(name) || !cs_quantity_text(c, request, &amount) ||
            !cs_quantity_text(c, limit->v, &bound))
            continue;
        if (cs_quantity_cmp(amount, bound, &order) && order > 0)
            cs_bad_text(c, at, amount, "must be less than or equal to %.*s limit of %.*s", (int)name.len, name.p,
                (int)bound.len, bound.p);
    }
}

static void check_resources(struct cs_check *c, const struct cs_path *at, struct cs_json resources)
{
    struct cs_json limits = cs_object_of(resources, "limits"), requests = cs_object_of(resources, "requests");
    cs_autonames names = {0};

    cs_json_foreach (limit, limits) {
        struct cs_str name = cs_check_key(c, limit);

        cs_names_add(&names, name, limit);
        cs_check_quantity(c, CS_SUB(CS_KEY(at, "limits"), name), limit, false);
    }
    cs_names_sort(&names);
    check_requests(c, CS_KEY(at, "requests"), requests, &names);
}

/* ---- the container ---- */

void cs_check_container(
    struct cs_check *c, const struct cs_path *at, struct cs_json container, const struct cs_volumes *volumes)
{
    static const char *const message_policies[] = {"File", "FallbackToLogsOnError", NULL};
    static const char *const pull_policies[] = {"Always", "IfNotPresent", "Never", NULL};
    struct cs_str name = text_of(c, container, "name");

    if (name.len == 0)
        cs_bad_required(c, CS_KEY(at, "name"), "%s", "");
    else
        cs_check_dns_label(c, CS_KEY(at, "name"), name);
    check_image(c, at, container);
    cs_check_choice(
        c, at, container, "terminationMessagePolicy", message_policies, "\"File\", \"FallbackToLogsOnError\"");
    check_ports(c, CS_KEY(at, "ports"), cs_list_of(container, "ports"));
    check_env(c, CS_KEY(at, "env"), cs_list_of(container, "env"));
    check_mounts(c, CS_KEY(at, "volumeMounts"), cs_list_of(container, "volumeMounts"), volumes);
    check_devices(c, CS_KEY(at, "volumeDevices"), cs_list_of(container, "volumeDevices"), volumes);
    cs_check_choice(c, at, container, "imagePullPolicy", pull_policies, "\"Always\", \"IfNotPresent\", \"Never\"");
    check_resources(c, CS_KEY(at, "resources"), cs_json_get(container, "resources"));
}
