/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Warnings on accepted objects: what an edit will do, before it does it (`kubectl apply --dry-run=server` shows them
 * too). Facts come from the old and the new object alone (D16), so counts say "up to".
 */
#include "common/cloneset/warnings_private.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/api/gvr.h"
#include "common/base/alloc.h"
#include "common/cloneset/arith.h"
#include "common/cloneset/template.h"

#define WARNINGS_MAX 10

void cs_warn(struct cs_texts *t, const char *fmt, ...)
{
    cs_autostrbuf shown = CS_STRBUF_INIT;
    va_list ap;

    va_start(ap, fmt);
    cs_autofree char *text = cs_xvasprintf(fmt, ap);
    va_end(ap);
    if (strlen(text) <= CS_WARNING_MAX) {
        cs_texts_take(t, cs_take(text));
        return;
    }
    cs_shorten(&shown, cs_str(text), CS_WARNING_MAX - strlen("…"));
    cs_texts_take(t, cs_strbuf_take(&shown, NULL));
}

/* ---- reading ---- */

static struct cs_intstr intstr(struct cs_check *mem, struct cs_json obj, const char *key, struct cs_intstr dflt)
{
    struct cs_intstr v;

    if (!cs_intstr_read(mem, cs_json_get(obj, key), &v) || v.type == CS_IS_ABSENT)
        return dflt;
    return v;
}

static void read_side(struct cs_check *mem, struct cs_json obj, struct cs_edit_side *ret)
{
    static const struct cs_intstr zero = {.type = CS_IS_INT};
    static const struct cs_intstr fifth = {.type = CS_IS_STRING, .s = "20%"};
    static const struct cs_intstr absent = {.type = CS_IS_ABSENT};
    struct cs_json scale;

    *ret = (struct cs_edit_side){.obj = obj, .shape = cs_shape_of(obj), .replicas = 1};
    ret->spec = ret->shape.spec;
    scale = cs_object_of(ret->spec, "scaleStrategy");
    ret->tmpl = cs_object_of(ret->spec, "template");
    ret->vcts = cs_list_of(ret->spec, "volumeClaimTemplates");
    ret->strategy = ret->shape.strategy;
    (void)cs_json_i32(cs_json_get(ret->spec, "replicas"), &ret->replicas);
    ret->type = ret->shape.type;
    ret->paused = cs_json_is(cs_json_get(ret->strategy, "paused"), CS_J_TRUE);
    ret->reuse_off = ret->shape.reuse_off;
    ret->keeps =
        !ret->reuse_off && cs_json_exists(cs_json_at(ret->tmpl, "metadata", "labels", CS_LABEL_KEEP_CLAIMS, NULL));
    ret->grows = cs_json_str_is(cs_json_at(obj, "metadata", "annotations", CS_ANNO_EXPAND_CLAIMS, NULL), "true");
    ret->partition = intstr(mem, ret->strategy, "partition", zero);
    ret->max_unavailable = intstr(mem, ret->strategy, "maxUnavailable", fifth);
    ret->max_surge = intstr(mem, ret->strategy, "maxSurge", zero);
    ret->scale_max_unavailable = intstr(mem, scale, "maxUnavailable", absent);
    (void)cs_partition(&ret->partition, ret->replicas, &ret->held);
}

static bool being_deleted(struct cs_json obj)
{
    return !cs_json_is_null(cs_json_at(obj, "metadata", "deletionTimestamp", NULL));
}

static bool same_annotations(struct cs_json a, struct cs_json b)
{
    return cs_json_equal(
        cs_json_at(a, "metadata", "annotations", NULL), cs_json_at(b, "metadata", "annotations", NULL));
}

/* Nothing that warnings speak of has changed. */
static bool is_silent(const struct cs_edit *e)
{
    return being_deleted(e->is.obj) || (!e->create && !e->template_changed && cs_json_equal(e->was.spec, e->is.spec) &&
                                           same_annotations(e->was.obj, e->is.obj));
}

/* ---- all of them ---- */

/* The heaviest ones, and how many more there were. */
static void hand_over(struct cs_texts *found, struct cs_texts *ret)
{
    size_t n = found->n <= WARNINGS_MAX ? found->n : WARNINGS_MAX - 1;

    for (size_t i = 0; i < n; i++)
        cs_texts_take(ret, cs_take(found->items[i]));
    if (n < found->n)
        cs_texts_add(ret, "and %zu more warnings", found->n - n);
}

void cs_admission_warnings(
    struct cs_json old_obj, struct cs_json new_obj, const struct cs_gates *gates, struct cs_texts *ret_warnings)
{
    CS_CLEANUP(cs_template_facts_done) struct cs_template_facts facts = {.known = false};

    cs_admission_warnings_in(old_obj, new_obj, gates, &facts, ret_warnings);
}

void cs_admission_warnings_in(struct cs_json old_obj, struct cs_json new_obj, const struct cs_gates *gates,
    struct cs_template_facts *facts, struct cs_texts *ret_warnings)
{
    struct cs_texts found = {0};
    struct cs_edit e = {.out = &found, .gates = gates, .create = !cs_json_is(old_obj, CS_J_OBJECT), .facts = facts};

    read_side(&e.mem, old_obj, &e.was);
    read_side(&e.mem, new_obj, &e.is);
    e.at = e.is.shape.strategy_path;
    e.pods = e.create ? 0 : e.was.replicas;
    (void)cs_json_i32(cs_json_at(old_obj, "status", "replicas", NULL), &e.pods);
    e.template_changed = !e.create && !cs_json_equal(e.was.tmpl, e.is.tmpl);
    if (!is_silent(&e)) {
        cs_warn_rollout(&e); /* may find that the template has not changed in meaning */
        cs_warn_claims(&e);
        cs_warn_values(&e);
        cs_warn_env(&e);
        cs_warn_fields(&e);
        hand_over(&found, ret_warnings);
    }
    cs_check_done(&e.mem);
    cs_texts_done(&found);
}
