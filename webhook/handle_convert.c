/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The envelope of conversion. All objects of a request convert, or the request fails as a whole: the API server has no use for
 * a part of them.
 */
#include "webhook/handle_convert.h"

#include "common/json/json_writer.h"

#define API_VERSION "apiextensions.k8s.io/v1"
#define KIND "ConversionReview"
#define MAX_OBJECTS_BYTES ((size_t)32 << 20)

/* ---- in ---- */

static bool check_text(struct cs_json v, const char *path, const char *wanted, struct cs_error *err)
{
    cs_autofree char *text = NULL;

    if (cs_json_str_is(v, wanted))
        return true;
    text = cs_json_str_dup(v);
    return cs_error_set(err, CS_ERR_INVALID, "%s: must be \"%s\", got %s%.100s%s", path, wanted, text ? "\"" : "",
        text ? text : cs_json_type_name(v), text ? "\"" : "");
}

static bool check_envelope(struct cs_json root, struct cs_error *err)
{
    struct cs_json uid = cs_json_at(root, "request", "uid", NULL);

    if (!cs_json_is(root, CS_J_OBJECT))
        return cs_error_set(
            err, CS_ERR_INVALID, "the request body is no " KIND " but a JSON %s", cs_json_type_name(root));
    if (!check_text(cs_json_get(root, "kind"), "kind", KIND, err) ||
        !check_text(cs_json_get(root, "apiVersion"), "apiVersion", API_VERSION, err))
        return false;
    return (cs_json_is(uid, CS_J_STRING) && !cs_json_str_is(uid, "")) ||
           cs_error_set(
               err, CS_ERR_INVALID, "request.uid: must be a string that is not empty, got %s", cs_json_type_name(uid));
}

/* ---- the objects ---- */

/* "request.objects[3] (shop/web)": which one, as far as it says so. */
static void name_object(struct cs_json obj, size_t i, struct cs_error *err)
{
    cs_autofree char *ns = cs_json_str_dup(cs_json_at(obj, "metadata", "namespace", NULL));
    cs_autofree char *name = cs_json_str_dup(cs_json_at(obj, "metadata", "name", NULL));

    cs_error_prefix(err, "request.objects[%zu] (%.63s/%.253s)", i, ns ? ns : "", name ? name : "?");
}

static bool convert_all(struct cs_json list, enum cs_version to, struct cs_strbuf *out, struct cs_error *err)
{
    size_t i = 0;

    cs_strbuf_addc(out, '[');
    cs_json_foreach (obj, list) {
        if (i > 0)
            cs_strbuf_addc(out, ',');
        if (!cs_convert(obj, to, out, err)) {
            name_object(obj, i, err);
            return false;
        }
        i++;
    }
    cs_strbuf_addc(out, ']');
    return !out->failed || cs_error_set(err, CS_ERR_TOO_LARGE, "the converted objects are too large together");
}

static bool convert_request(struct cs_json request, struct cs_conversion *c, struct cs_strbuf *objects)
{
    struct cs_json desired = cs_json_get(request, "desiredAPIVersion"), list = cs_json_get(request, "objects");

    c->to = cs_version_read(desired);
    c->n = cs_json_count(list);
    if (c->to == CS_VERSION_UNKNOWN) {
        cs_autofree char *text = cs_json_str_dup(desired);

        return cs_error_set(&c->why, CS_ERR_INVALID, "request.desiredAPIVersion: not supported: %s%.100s%s",
            text ? "\"" : "", text ? text : cs_json_type_name(desired), text ? "\"" : "");
    }
    if (!cs_json_is_null(list) && !cs_json_is(list, CS_J_ARRAY))
        return cs_error_set(
            &c->why, CS_ERR_INVALID, "request.objects: must be an array, got %s", cs_json_type_name(list));
    return convert_all(list, c->to, objects, &c->why);
}

/* ---- out ---- */

static void write_result(struct cs_jw *w, const struct cs_conversion *c)
{
    cs_jw_key(w, "result");
    cs_jw_obj(w);
    cs_jw_kstr(w, "status", c->ok ? "Success" : "Failure");
    if (!c->ok)
        cs_jw_kstr(w, "message", c->why.message);
    cs_jw_end_obj(w);
}

bool cs_handle_convert(struct cs_json root, struct cs_strbuf *out, struct cs_conversion *ret, struct cs_error *err)
{
    struct cs_json request = cs_json_get(root, "request");
    cs_autostrbuf objects = {.max = MAX_OBJECTS_BYTES};
    struct cs_conversion c = {.to = CS_VERSION_UNKNOWN, .why = CS_ERROR_INIT};
    struct cs_jw w;

    if (!check_envelope(root, err))
        return false;
    c.ok = convert_request(request, &c, &objects);
    cs_jw_init(&w, out);
    cs_jw_obj(&w);
    cs_jw_kstr(&w, "kind", KIND);
    cs_jw_kstr(&w, "apiVersion", API_VERSION);
    cs_jw_key(&w, "response");
    cs_jw_obj(&w);
    cs_jw_kraw(&w, "uid", cs_json_raw(cs_json_get(request, "uid")));
    cs_jw_kraw(&w, "convertedObjects",
        c.ok ? (struct cs_str){.p = cs_strbuf_str(&objects), .len = objects.len} : CS_STR("[]"));
    write_result(&w, &c);
    cs_jw_end_obj(&w);
    cs_jw_end_obj(&w);
    *ret = c;
    return true;
}
