/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fields that do nothing: mistyped ones in the template and in claim templates (U-35), ones that need a component which this product
 * does not have; and templates whose bytes the peer would not keep (D10).
 */
#include "common/cloneset/warnings_private.h"

#include "common/base/alloc.h"
#include "common/cloneset/template.h"

#define UNKNOWN_SHOWN 3

/* ---- mistyped fields ---- */

/* Paths, and beside each the text for people. */
struct unknown {
    struct cs_texts paths, texts;
};

static void on_unknown(void *ctx, const char *path, const char *nearest)
{
    struct unknown *u = ctx;
    size_t before = u->paths.n;

    cs_texts_add(&u->paths, "%s", path);
    if (u->paths.n == before)
        return;
    if (nearest)
        cs_texts_add(&u->texts, "unknown field %s has no effect: did you mean \"%s\"?", path, nearest);
    else
        cs_texts_add(&u->texts, "unknown field %s has no effect", path);
}

/* exact: the template is known to have none. */
static void find_unknown(const struct cs_edit_side *side, bool exact, struct unknown *ret)
{
    if (!exact)
        (void)cs_template_unknown_field(side->tmpl, on_unknown, ret);
    (void)cs_claim_templates_unknown_field(side->vcts, on_unknown, ret);
}

static void unknown_done(struct unknown *u)
{
    cs_texts_done(&u->paths);
    cs_texts_done(&u->texts);
}

static void warn_unknown(struct cs_edit *e, const struct unknown *is)
{
    struct unknown was = {0};
    size_t shown = 0, more = 0;

    if (is->texts.n && !e->create)
        find_unknown(&e->was, false, &was);
    for (size_t i = 0; i < is->texts.n; i++) {
        if (cs_texts_has(&was.texts, is->texts.items[i]))
            continue;
        if (shown++ < UNKNOWN_SHOWN)
            cs_warn(e->out, "%s", is->texts.items[i]);
        else
            more++;
    }
    if (more)
        cs_warn(e->out, "and %zu more unknown fields", more);
    unknown_done(&was);
}

/* ---- D10 ---- */

/* reason: "<path>: <why>" */
static bool is_reported(const struct unknown *unknown, const char *reason)
{
    const char *colon = strstr(reason, ": ");

    if (!colon)
        return false;
    cs_autofree char *path = cs_xmemdupz(reason, (size_t)(colon - reason));
    return cs_texts_has(&unknown->paths, path);
}

/* Says nothing about a field that is reported as unknown anyhow. reason: why the bytes are not kept; NULL: they are. */
static void warn_bytes(struct cs_edit *e, const char *reason, const struct unknown *unknown)
{
    if (!reason || is_reported(unknown, reason))
        return;
    cs_warn(e->out, "handing this set back to OpenKruise would roll its Pods, as it would not keep %s", reason);
}

/* ---- what needs another component ---- */

#define NEEDS_DAEMON "has no effect here: pulling images ahead needs OpenKruise's node daemon"

static void warn_predownload(struct cs_edit *e)
{
    static const char *const annotations[] = {"apps.kruise.io/image-predownload-parallelism",
        "apps.kruise.io/image-predownload-timeout-seconds", "apps.kruise.io/image-predownload-min-updated-ready-pods"};
    static const char *const fields[] = {
        "imagePreDownloadParallelism", "imagePreDownloadTimeoutSeconds", "imagePreDownloadMinUpdatedReadyPods"};
    struct cs_json was_notes = cs_json_at(e->was.obj, "metadata", "annotations", NULL);
    struct cs_json is_notes = cs_json_at(e->is.obj, "metadata", "annotations", NULL);
    struct cs_json was = cs_object_of(e->was.strategy, "inPlaceUpdateStrategy");
    struct cs_json is = cs_object_of(e->is.strategy, "inPlaceUpdateStrategy");

    cs_autofree char *first = NULL;
    size_t n = 0;

    for (size_t i = 0; i < CS_ARRAY_LEN(annotations); i++) {
        if (cs_json_exists(cs_json_get(is_notes, annotations[i])) &&
            !cs_json_exists(cs_json_get(was_notes, annotations[i])) && n++ == 0)
            first = cs_xasprintf("annotation %s", annotations[i]);
    }
    for (size_t i = 0; i < CS_ARRAY_LEN(fields); i++) {
        if (!cs_json_is_null(cs_json_get(is, fields[i])) && cs_json_is_null(cs_json_get(was, fields[i])) && n++ == 0)
            first = cs_xasprintf("%s.inPlaceUpdateStrategy.%s", e->at, fields[i]);
    }
    if (n > 1)
        cs_warn(e->out, "%s (and %zu more like it) " NEEDS_DAEMON, first, n - 1);
    else if (n > 0)
        cs_warn(e->out, "%s " NEEDS_DAEMON, first);
}

static const char *const priority_names[] = {"KRUISE_CONTAINER_PRIORITY", "KRUISE_CONTAINER_BARRIER"};

/* Bit i: a container has priority_names[i] in its environment. */
static unsigned priorities_of(struct cs_json tmpl)
{
    struct cs_json containers = cs_list_of(cs_object_of(tmpl, "spec"), "containers");
    unsigned found = 0;

    cs_json_foreach (container, containers) {
        struct cs_json list = cs_list_of(container, "env");

        cs_json_foreach (env, list) {
            struct cs_json name = cs_json_get(env, "name");

            for (unsigned i = 0; i < CS_ARRAY_LEN(priority_names); i++)
                found |= (unsigned)cs_json_str_is(name, priority_names[i]) << i;
        }
    }
    return found;
}

static void warn_priorities(struct cs_edit *e)
{
    unsigned is = priorities_of(e->is.tmpl);
    unsigned was = is ? priorities_of(e->was.tmpl) : 0;

    for (unsigned i = 0; i < CS_ARRAY_LEN(priority_names); i++) {
        if ((is & ~was) >> i & 1)
            cs_warn(e->out, "env %s has no effect here: ordering containers needs OpenKruise's Pod webhook",
                priority_names[i]);
    }
}

/* Exactly kept, it has no unknown member but for null, which nobody keeps under any name. */
static bool is_all_known(struct cs_edit *e)
{
    return cs_template_is_exact(e->facts, e->is.tmpl) && !cs_json_has_null(e->is.tmpl);
}

void cs_warn_fields(struct cs_edit *e)
{
    struct unknown unknown = {0};
    bool judged = e->create || e->template_changed;

    warn_predownload(e);
    if (!e->create && cs_json_same_bytes(e->was.tmpl, e->is.tmpl) && cs_json_same_bytes(e->was.vcts, e->is.vcts))
        return;
    find_unknown(&e->is, is_all_known(e), &unknown);
    warn_unknown(e, &unknown);
    if (judged)
        warn_bytes(e, e->facts->reason, &unknown);
    warn_priorities(e);
    unknown_done(&unknown);
}
