/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cloneset webhooks: envelope questions here, rules in common/cloneset, which the controller shares.
 */
#include "webhook/handle_cloneset.h"

#include "common/api/cloneset.h"
#include "common/api/gvr.h"
#include "common/cloneset/convert.h"
#include "common/cloneset/defaults.h"
#include "common/cloneset/validate.h"
#include "common/json/json_writer.h"

/* The API server sends objects in the version that the request is for. */
static bool version_agrees(const char *name, struct cs_json obj, enum cs_version version, struct cs_verdict *v)
{
    if (!cs_json_exists(obj) || cs_version_of(obj) == version)
        return true;
    cs_verdict_deny(v, 400, "request.%s.apiVersion: must be \"" CS_GROUP "/%s\", as the request is for that version",
        name, cs_version_name(version));
    return false;
}

static bool version_is_known(const struct cs_review *r, struct cs_verdict *v)
{
    enum cs_version version = cs_version_named(r->version);
    cs_autofree char *text = NULL;

    if (version != CS_VERSION_UNKNOWN)
        return version_agrees("object", r->object, version, v) &&
               version_agrees("oldObject", r->old_object, version, v);
    text = cs_json_str_dup(r->version);
    cs_verdict_deny(v, 400, "unsupported version: %s", text ? text : "");
    return false;
}

/*
 * True when the object is to be looked at. Otherwise the verdict stands: subresources, deletions and other operations are allowed
 * untouched, what nobody should have sent is refused.
 */
static bool wants_review(const struct cs_review *r, struct cs_verdict *v)
{
    if (!cs_review_is(r, CS_GROUP, cs_gvr_clonesets.resource)) {
        cs_autofree char *resource = cs_json_str_dup(r->resource);

        cs_verdict_deny(v, 400, "unexpected resource: %s", resource ? resource : "");
        return false;
    }
    if (cs_review_is_subresource(r) || (r->operation != CS_OPERATION_CREATE && r->operation != CS_OPERATION_UPDATE))
        return false;
    if (!version_is_known(r, v))
        return false;
    if (!cs_json_exists(r->object)) {
        cs_verdict_deny(v, 400, "request.object: Required value");
        return false;
    }
    if (r->operation == CS_OPERATION_UPDATE && !cs_json_exists(r->old_object)) {
        cs_verdict_deny(v, 400, "request.oldObject: Required value");
        return false;
    }
    return true;
}

/* D15, for what cannot be read: objects of an older time lose their finalizers and are edited, by the rules that decide in the end. */
static bool was_so_before(const struct cs_review *r)
{
    struct cs_texts errors = {0}, warnings = {0};
    bool allowed;

    if (r->operation != CS_OPERATION_UPDATE)
        return false;
    cs_validate_update(r->old_object, r->object, &errors, &warnings);
    allowed = errors.n == 0;
    cs_texts_done(&errors);
    cs_texts_done(&warnings);
    return allowed;
}

/*
 * D19: v1alpha1 is what is stored, so nothing but this takes an annotation out of an object that is only edited there, once it
 * does not count any more.
 */
static void drop_stale_note(struct cs_json obj, struct cs_strbuf *patch)
{
    if (cs_version_of(obj) != CS_V1ALPHA1 || !cs_convert_note_is_stale(obj))
        return;
    if (patch->len > 0)
        patch->len--; /* the closing bracket */
    cs_strbuf_adds(patch, patch->len > 0 ? "," : "[");
    cs_strbuf_adds(patch, "{\"op\":\"remove\",\"path\":\"/metadata/annotations/");
    cs_json_pointer_escape(patch, CS_STR(CS_ANNO_CONVERSION));
    cs_strbuf_adds(patch, "\"}]");
}

static bool decode_spec(struct cs_intern *pool, struct cs_json obj, struct cs_cloneset_spec *ret, struct cs_error *err)
{
    struct cs_json spec = cs_json_get(obj, "spec");

    if (cs_version_of(obj) == CS_V1BETA1)
        return cs_cloneset_spec_decode_beta(pool, spec, ret, err);
    return cs_cloneset_spec_decode(pool, spec, ret, err);
}

void cs_handle_cloneset_mutate(const struct cs_review *r, struct cs_intern *pool, struct cs_verdict *v)
{
    struct cs_cloneset_spec spec;
    struct cs_error err = CS_ERROR_INIT;

    if (!wants_review(r, v))
        return;
    if (!decode_spec(pool, r->object, &spec, &err)) {
        if (was_so_before(r))
            cs_texts_add(&v->warnings, "%s", err.message);
        else
            cs_verdict_deny(v, 400, "%s", err.message);
        return;
    }
    cs_cloneset_spec_done(pool, &spec);
    (void)cs_cloneset_default_patch(r->object, &v->patch);
    drop_stale_note(r->object, &v->patch);
}

#define PROTECTED "forbidden by ResourcesProtectionDeletion for " CS_LABEL_DELETE_PROTECTION "="

/* Spec §3.6. The review of a DELETE shows the object as oldObject. */
static void protect(const struct cs_review *r, struct cs_verdict *v)
{
    struct cs_json label = cs_json_at(r->old_object, "metadata", "labels", CS_LABEL_DELETE_PROTECTION, NULL);
    int32_t replicas = 1;

    if (!cs_json_is_null(cs_json_at(r->old_object, "metadata", "deletionTimestamp", NULL)))
        return;
    (void)cs_json_i32(cs_json_at(r->old_object, "spec", "replicas", NULL), &replicas);
    if (cs_json_str_is(label, "Always"))
        cs_verdict_deny(v, 403, PROTECTED "Always");
    else if (cs_json_str_is(label, "Cascading") && replicas > 0)
        cs_verdict_deny(v, 403, PROTECTED "Cascading and replicas %d>0", (int)replicas);
}

void cs_handle_cloneset_validate(const struct cs_review *r, const struct cs_gates *gates, struct cs_verdict *v)
{
    struct cs_json old = {.doc = NULL};

    if (!wants_review(r, v)) {
        if (v->allowed && r->operation == CS_OPERATION_DELETE && gates->deletion_protection &&
            !cs_review_is_subresource(r))
            protect(r, v);
        return;
    }
    if (r->operation == CS_OPERATION_UPDATE) {
        old = r->old_object;
        cs_validate_update(old, r->object, &v->reasons, &v->warnings);
    } else {
        cs_validate_cloneset(r->object, &v->reasons);
    }
    if (v->reasons.n == 0)
        cs_convert_admit(old, r->object, &v->reasons);
    if (v->reasons.n > 0) {
        v->allowed = false;
        v->code = 422;
        return;
    }
    cs_admission_warnings(old, r->object, gates, &v->warnings);
}
