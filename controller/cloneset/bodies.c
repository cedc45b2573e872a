/* SPDX-License-Identifier: Apache-2.0 */
/*
 * New objects and the simpler patches. In-place patches are in bodies_inplace.c.
 */
#include "controller/cloneset/bodies.h"

#include <stdlib.h>
#include <string.h>

#include "common/api/gvr.h"
#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/cloneset/template.h"
#include "common/json/json_doc.h"
#include "common/json/json_writer.h"

static void write_set_owner(struct cs_jw *w, const struct cs_cloneset *set)
{
    cs_jw_obj(w);
    cs_jw_kstr(w, "apiVersion", CS_API_VERSION);
    cs_jw_kstr(w, "kind", CS_KIND);
    cs_jw_kstr(w, "name", set->meta.name);
    cs_jw_kstr(w, "uid", set->meta.uid);
    cs_jw_kbool(w, "controller", true);
    cs_jw_kbool(w, "blockOwnerDeletion", true);
    cs_jw_end_obj(w);
}

/* Members of obj but those named in skip (NULL-terminated), spliced. */
static void splice_members(struct cs_jw *w, struct cs_json obj, const char *const *skip)
{
    cs_autofree struct cs_json *members = NULL;
    size_t n = cs_json_members(obj, false, &members);

    for (size_t i = 0; i < n; i++) {
        bool drop = false;

        for (const char *const *s = skip; *s && !drop; s++)
            drop = cs_json_key_is(members[i], *s);
        if (drop)
            continue;
        cs_autofree char *key = cs_json_key_dup(members[i]);
        cs_jw_key(w, key);
        cs_jw_raw(w, cs_json_raw(members[i]));
    }
}

static const char *now_text(int64_t now_ms, char buf[CS_RFC3339_SIZE])
{
    return cs_rfc3339_format(now_ms, buf);
}

static void pod_metadata(struct cs_jw *w, const struct cs_new_pod *n, struct cs_json meta)
{
    static const char *const own_labels[] = {
        CS_LABEL_INSTANCE_ID, CS_LABEL_REVISION, CS_LABEL_TEMPLATE_HASH, CS_LABEL_LIFECYCLE_STATE, NULL};
    static const char *const own_annotations[] = {CS_ANNO_LIFECYCLE_TIME, NULL};
    cs_autofree char *generate = cs_xasprintf("%s-", n->set->meta.name);
    struct cs_str hash = cs_short_hash(cs_str(n->revision));
    struct cs_json finalizers = cs_json_get(meta, "finalizers");
    char ts[CS_RFC3339_SIZE];

    cs_jw_key(w, "metadata");
    cs_jw_obj(w);
    cs_jw_kstr(w, "name", n->name);
    cs_jw_kstr(w, "generateName", generate);
    cs_jw_kstr(w, "namespace", n->set->meta.ns);
    cs_jw_key(w, "labels");
    cs_jw_obj(w);
    splice_members(w, cs_json_get(meta, "labels"), own_labels);
    cs_jw_kstr(w, CS_LABEL_INSTANCE_ID, n->id);
    cs_jw_kstrn(w, CS_LABEL_REVISION, n->short_hash ? hash : cs_str(n->revision));
    cs_jw_kstrn(w, CS_LABEL_TEMPLATE_HASH, hash);
    cs_jw_kstr(w, CS_LABEL_LIFECYCLE_STATE, cs_lifecycle_name(CS_LC_PREPARING_NORMAL));
    cs_jw_end_obj(w);
    cs_jw_key(w, "annotations");
    cs_jw_obj(w);
    splice_members(w, cs_json_get(meta, "annotations"), own_annotations);
    cs_jw_kstr(w, CS_ANNO_LIFECYCLE_TIME, now_text(n->now_ms, ts));
    cs_jw_end_obj(w);
    if (cs_json_count(finalizers) > 0)
        cs_jw_kraw(w, "finalizers", cs_json_raw(finalizers));
    cs_jw_key(w, "ownerReferences");
    cs_jw_arr(w);
    write_set_owner(w, n->set);
    cs_jw_end_arr(w);
    cs_jw_end_obj(w);
}

static bool is_vct(const struct cs_vcts *vcts, struct cs_json volume)
{
    for (uint32_t i = 0; i < vcts->n; i++)
        if (cs_json_str_is(cs_json_get(volume, "name"), vcts->names[i]))
            return true;
    return false;
}

/* Claim templates' volumes first; the template's of the same name give way (spec §4.5). */
static void pod_volumes(struct cs_jw *w, const struct cs_new_pod *n, struct cs_json volumes)
{
    cs_jw_key(w, "volumes");
    cs_jw_arr(w);
    for (uint32_t i = 0; i < n->vcts.n; i++) {
        char claim[CS_NAME_SIZE];

        if (!cs_claim_name(n->vcts.names[i], n->set->meta.name, n->id, claim))
            continue;
        cs_jw_obj(w);
        cs_jw_kstr(w, "name", n->vcts.names[i]);
        cs_jw_key(w, "persistentVolumeClaim");
        cs_jw_obj(w);
        cs_jw_kstr(w, "claimName", claim);
        cs_jw_end_obj(w);
        cs_jw_end_obj(w);
    }
    cs_json_foreach (v, volumes) {
        if (!is_vct(&n->vcts, v))
            cs_jw_raw(w, cs_json_raw(v));
    }
    cs_jw_end_arr(w);
}

/* KruisePodReady only where a hook may need it (spec §6.9): every gate is one more thing that a Pod's traffic depends on. */
static void pod_gates(struct cs_jw *w, const struct cs_cloneset_spec *s, struct cs_json gates)
{
    const struct {
        const char *type;
        bool wanted;
    } ours[] = {
        {CS_COND_INPLACE_READY, true},
        {CS_COND_KRUISE_READY, s->pre_delete.mark_not_ready || s->in_place.mark_not_ready},
    };

    cs_jw_key(w, "readinessGates");
    cs_jw_arr(w);
    cs_json_foreach (g, gates) {
        cs_jw_raw(w, cs_json_raw(g));
    }
    for (size_t i = 0; i < CS_ARRAY_LEN(ours); i++) {
        bool found = false;

        cs_json_foreach (g, gates) {
            found = found || cs_json_str_is(cs_json_get(g, "conditionType"), ours[i].type);
        }
        if (found || !ours[i].wanted)
            continue;
        cs_jw_obj(w);
        cs_jw_kstr(w, "conditionType", ours[i].type);
        cs_jw_end_obj(w);
    }
    cs_jw_end_arr(w);
}

static bool out_ok(const struct cs_strbuf *out, struct cs_error *err)
{
    if (out->failed)
        return cs_error_set(err, CS_ERR_TOO_LARGE, "the object to write exceeds %zu bytes", out->max);
    return true;
}

bool cs_body_pod(const struct cs_new_pod *n, struct cs_strbuf *out, struct cs_error *err)
{
    static const char *const own_members[] = {"volumes", "readinessGates", NULL};
    cs_autojdoc doc = {0};
    struct cs_json tmpl;
    struct cs_json spec;
    struct cs_jw w;

    if (!cs_jdoc_parse(&doc, n->tmpl, strlen(n->tmpl), NULL, err))
        return cs_error_prefix(err, "template");
    tmpl = cs_jdoc_root(&doc);
    spec = cs_json_get(tmpl, "spec");
    if (!cs_json_is(spec, CS_J_OBJECT))
        return cs_error_set(err, CS_ERR_INVALID, "spec.template.spec: Required value");
    cs_jw_init(&w, out);
    cs_jw_obj(&w);
    cs_jw_kstr(&w, "apiVersion", "v1");
    cs_jw_kstr(&w, "kind", "Pod");
    pod_metadata(&w, n, cs_json_get(tmpl, "metadata"));
    cs_jw_key(&w, "spec");
    cs_jw_obj(&w);
    splice_members(&w, spec, own_members);
    pod_volumes(&w, n, cs_json_get(spec, "volumes"));
    pod_gates(&w, &n->set->spec, cs_json_get(spec, "readinessGates"));
    cs_jw_end_obj(&w);
    cs_jw_end_obj(&w);
    return out_ok(out, err);
}

static void claim_metadata(
    struct cs_jw *w, const struct cs_cloneset *set, struct cs_json meta, const struct cs_action *a)
{
    static const char *const id_label[] = {CS_LABEL_INSTANCE_ID, NULL};
    const struct cs_pairs *match = &set->spec.selector.match_labels;
    cs_autofree const char **skip = cs_new_array(const char *, match->len + 2);

    cs_jw_key(w, "metadata");
    cs_jw_obj(w);
    cs_jw_kstr(w, "name", a->name);
    cs_jw_kstr(w, "namespace", set->meta.ns);
    cs_jw_key(w, "labels");
    cs_jw_obj(w);
    skip[0] = id_label[0];
    for (uint32_t i = 0; i < match->len; i++)
        skip[i + 1] = match->items[i].key;
    splice_members(w, cs_json_get(meta, "labels"), skip);
    for (uint32_t i = 0; i < match->len; i++)
        cs_jw_kstr(w, match->items[i].key, match->items[i].value);
    cs_jw_kstr(w, CS_LABEL_INSTANCE_ID, a->id);
    cs_jw_end_obj(w);
    if (cs_json_count(cs_json_get(meta, "annotations")) > 0)
        cs_jw_kraw(w, "annotations", cs_json_raw(cs_json_get(meta, "annotations")));
    if (cs_json_count(cs_json_get(meta, "finalizers")) > 0)
        cs_jw_kraw(w, "finalizers", cs_json_raw(cs_json_get(meta, "finalizers")));
    cs_jw_key(w, "ownerReferences");
    cs_jw_arr(w);
    write_set_owner(w, set);
    cs_jw_end_arr(w);
    cs_jw_end_obj(w);
}

bool cs_body_claim(
    const struct cs_cloneset *set, const struct cs_action *a, struct cs_strbuf *out, struct cs_error *err)
{
    cs_autojdoc doc = {0};
    struct cs_json found = {0};
    struct cs_jw w;

    if (!cs_jdoc_parse(&doc, a->vcts.raw, strlen(a->vcts.raw), NULL, err))
        return cs_error_prefix(err, "spec.volumeClaimTemplates");
    cs_json_foreach (v, cs_jdoc_root(&doc)) {
        if (!cs_json_exists(found) && cs_json_str_is(cs_json_at(v, "metadata", "name", NULL), a->vct))
            found = v;
    }
    if (!cs_json_is(cs_json_get(found, "spec"), CS_J_OBJECT))
        return cs_error_set(err, CS_ERR_INVALID, "spec.volumeClaimTemplates: no usable template \"%s\"", a->vct);
    cs_jw_init(&w, out);
    cs_jw_obj(&w);
    cs_jw_kstr(&w, "apiVersion", "v1");
    cs_jw_kstr(&w, "kind", "PersistentVolumeClaim");
    claim_metadata(&w, set, cs_json_get(found, "metadata"), a);
    cs_jw_kraw(&w, "spec", cs_json_raw(cs_json_get(found, "spec")));
    cs_jw_end_obj(&w);
    return out_ok(out, err);
}

static void vct_hash_of(const struct cs_cloneset *set, char out[CS_VCT_HASH_SIZE])
{
    cs_autojdoc doc = {0};
    struct cs_json v = {0};

    if (*set->vcts_raw != '\0' && cs_jdoc_parse(&doc, set->vcts_raw, strlen(set->vcts_raw), NULL, NULL))
        v = cs_jdoc_root(&doc);
    cs_vct_hash(v, out);
}

/*
 * So that a Pod of this revision can be made when a claim template that it mounts is gone (U-09). All annotations together may have
 * 256 KiB, and a revision that cannot be written is worse than one that lacks this.
 */
static bool write_claim_templates(struct cs_jw *w, const struct cs_cloneset *set)
{
    size_t n = strlen(set->vcts_raw);

    if (set->n_vcts == 0 || n > (128 << 10) || n + strlen(set->annotations_raw) > (250 << 10))
        return false;
    cs_jw_kstr(w, CS_ANNO_CLAIM_TEMPLATES, set->vcts_raw);
    return true;
}

static void revision_metadata(
    struct cs_jw *w, const struct cs_cloneset *set, struct cs_json tmpl, const char *name, const char *hash)
{
    static const char *const hash_label[] = {CS_LABEL_REVISION_HASH, NULL};
    static const char *const own_annotations[] = {CS_ANNO_VCT_HASH, CS_ANNO_CLAIM_TEMPLATES, NULL};
    char vct_hash[CS_VCT_HASH_SIZE];
    cs_autojdoc annotations = {0};

    vct_hash_of(set, vct_hash);
    cs_jw_key(w, "metadata");
    cs_jw_obj(w);
    cs_jw_kstr(w, "name", name);
    cs_jw_kstr(w, "namespace", set->meta.ns);
    cs_jw_key(w, "labels");
    cs_jw_obj(w);
    splice_members(w, cs_json_at(tmpl, "metadata", "labels", NULL), hash_label);
    cs_jw_kstr(w, CS_LABEL_REVISION_HASH, hash);
    cs_jw_end_obj(w);
    cs_jw_key(w, "annotations");
    cs_jw_obj(w);
    if (*set->annotations_raw != '\0' &&
        cs_jdoc_parse(&annotations, set->annotations_raw, strlen(set->annotations_raw), NULL, NULL))
        splice_members(w, cs_jdoc_root(&annotations), own_annotations);
    cs_jw_kstr(w, CS_ANNO_VCT_HASH, vct_hash);
    (void)write_claim_templates(w, set);
    cs_jw_end_obj(w);
    cs_jw_key(w, "ownerReferences");
    cs_jw_arr(w);
    write_set_owner(w, set);
    cs_jw_end_arr(w);
    cs_jw_end_obj(w);
}

bool cs_body_revision(const struct cs_cloneset *set, int64_t number, int32_t collision_count,
    char ret_name[CS_NAME_SIZE], struct cs_strbuf *out, struct cs_error *err)
{
    cs_autojdoc doc = {0};
    cs_autostrbuf data = CS_STRBUF_INIT;
    char hash[CS_REVISION_HASH_SIZE];
    char label[CS_REVISION_HASH_SIZE];
    bool exact;
    struct cs_jw w;

    if (!cs_jdoc_parse(&doc, set->template_raw, strlen(set->template_raw), NULL, err))
        return cs_error_prefix(err, "spec.template");
    cs_revision_data(cs_jdoc_root(&doc), &data, &exact, NULL);
    if (!out_ok(&data, err))
        return false;
    cs_revision_hash((struct cs_str){data.data, data.len}, 0, label); /* not renewed on a collision (spec §4.2) */
    cs_revision_hash((struct cs_str){data.data, data.len}, collision_count, hash);
    cs_revision_name(set->meta.name, hash, ret_name);
    cs_jw_init(&w, out);
    cs_jw_obj(&w);
    cs_jw_kstr(&w, "apiVersion", "apps/v1");
    cs_jw_kstr(&w, "kind", "ControllerRevision");
    revision_metadata(&w, set, cs_jdoc_root(&doc), ret_name, label);
    cs_jw_kraw(&w, "data", (struct cs_str){data.data, data.len});
    cs_jw_ki64(&w, "revision", number);
    cs_jw_end_obj(&w);
    return out_ok(out, err);
}

static void version(struct cs_jw *w, const char *key, const struct cs_meta *m)
{
    cs_autofree char *rv = cs_xasprintf("%llu", (unsigned long long)m->rv);

    cs_jw_kstr(w, key, rv);
}

static void patch_guard(struct cs_jw *w, const struct cs_meta *m)
{
    cs_jw_kstr(w, "uid", m->uid);
    version(w, "resourceVersion", m);
}

void cs_body_renumber(const struct cs_revision *r, const struct cs_cloneset *set, int64_t number, struct cs_strbuf *out)
{
    char hash[CS_VCT_HASH_SIZE];
    struct cs_jw w;

    vct_hash_of(set, hash);
    cs_jw_init(&w, out);
    cs_jw_obj(&w);
    cs_jw_key(&w, "metadata");
    cs_jw_obj(&w);
    patch_guard(&w, &r->meta);
    if (!cs_streq(r->vct_hash, hash)) {
        cs_jw_key(&w, "annotations");
        cs_jw_obj(&w);
        cs_jw_kstr(&w, CS_ANNO_VCT_HASH, hash);
        if (!write_claim_templates(&w, set) && r->n_vcts > 0)
            cs_jw_kstr(&w, CS_ANNO_CLAIM_TEMPLATES, NULL);
        cs_jw_end_obj(&w);
    }
    cs_jw_end_obj(&w);
    cs_jw_ki64(&w, "revision", number);
    cs_jw_end_obj(&w);
}

void cs_body_delete(const struct cs_meta *m, struct cs_strbuf *out)
{
    struct cs_jw w;

    cs_jw_init(&w, out);
    cs_jw_obj(&w);
    cs_jw_kstr(&w, "apiVersion", "v1");
    cs_jw_kstr(&w, "kind", "DeleteOptions");
    cs_jw_key(&w, "preconditions");
    cs_jw_obj(&w);
    patch_guard(&w, m);
    cs_jw_end_obj(&w);
    cs_jw_end_obj(&w);
}

/* Opens {"metadata":{uid, resourceVersion */
static void open_meta(struct cs_jw *w, struct cs_strbuf *out, const struct cs_meta *m)
{
    cs_jw_init(w, out);
    cs_jw_obj(w);
    cs_jw_key(w, "metadata");
    cs_jw_obj(w);
    patch_guard(w, m);
}

static void close_meta(struct cs_jw *w)
{
    cs_jw_end_obj(w);
    cs_jw_end_obj(w);
}

static void other_owners(struct cs_jw *w, const struct cs_meta *m, const char *but_uid)
{
    for (uint32_t i = 0; i < m->n_owners; i++) {
        const struct cs_owner *o = &m->owners[i];

        if (cs_streq(o->uid, but_uid))
            continue;
        cs_jw_obj(w);
        cs_jw_kstr(w, "apiVersion", o->api_version);
        cs_jw_kstr(w, "kind", o->kind);
        cs_jw_kstr(w, "name", o->name);
        cs_jw_kstr(w, "uid", o->uid);
        if (o->controller)
            cs_jw_kbool(w, "controller", true);
        cs_jw_end_obj(w);
    }
}

void cs_body_hand_over(const struct cs_claim *c, const struct cs_pod *to, struct cs_strbuf *out)
{
    const struct cs_owner *set = cs_meta_controller(&c->meta);
    struct cs_jw w;

    open_meta(&w, out, &c->meta);
    cs_jw_key(&w, "ownerReferences");
    cs_jw_arr(&w);
    other_owners(&w, &c->meta, set ? set->uid : "");
    cs_jw_obj(&w);
    cs_jw_kstr(&w, "apiVersion", "v1");
    cs_jw_kstr(&w, "kind", "Pod");
    cs_jw_kstr(&w, "name", to->meta.name);
    cs_jw_kstr(&w, "uid", to->meta.uid);
    cs_jw_kbool(&w, "controller", true);
    cs_jw_end_obj(&w);
    cs_jw_end_arr(&w);
    close_meta(&w);
}

void cs_body_hand_back(
    const struct cs_claim *c, const struct cs_pod *from, const struct cs_cloneset *set, struct cs_strbuf *out)
{
    struct cs_jw w;

    open_meta(&w, out, &c->meta);
    cs_jw_key(&w, "ownerReferences");
    cs_jw_arr(&w);
    other_owners(&w, &c->meta, from->meta.uid);
    write_set_owner(&w, set);
    cs_jw_end_arr(&w);
    close_meta(&w);
}

void cs_body_fence(const struct cs_claim *c, struct cs_strbuf *out)
{
    struct cs_jw w;

    open_meta(&w, out, &c->meta);
    cs_jw_key(&w, "annotations");
    cs_jw_obj(&w);
    version(&w, CS_ANNO_FENCE, &c->meta);
    cs_jw_end_obj(&w);
    close_meta(&w);
}

void cs_body_expand(const struct cs_claim *c, const char *request, struct cs_strbuf *out)
{
    struct cs_jw w;

    open_meta(&w, out, &c->meta);
    cs_jw_end_obj(&w);
    cs_jw_key(&w, "spec");
    cs_jw_obj(&w);
    cs_jw_key(&w, "resources");
    cs_jw_obj(&w);
    cs_jw_key(&w, "requests");
    cs_jw_obj(&w);
    cs_jw_kstr(&w, "storage", request);
    cs_jw_end_obj(&w);
    cs_jw_end_obj(&w);
    cs_jw_end_obj(&w);
    cs_jw_end_obj(&w);
}

void cs_body_release(const struct cs_pod *p, const char *set_uid, struct cs_strbuf *out)
{
    struct cs_jw w;

    open_meta(&w, out, &p->meta);
    cs_jw_key(&w, "ownerReferences");
    cs_jw_arr(&w);
    other_owners(&w, &p->meta, set_uid);
    cs_jw_end_arr(&w);
    close_meta(&w);
}

void cs_body_mark(const struct cs_pod *p, const char *revision, struct cs_strbuf *out)
{
    struct cs_jw w;

    open_meta(&w, out, &p->meta);
    cs_jw_key(&w, "labels");
    cs_jw_obj(&w);
    cs_jw_kstr(&w, CS_LABEL_SPECIFIED_DELETE, "true");
    cs_jw_end_obj(&w);
    cs_jw_key(&w, "annotations");
    cs_jw_obj(&w);
    cs_jw_kstr(&w, CS_ANNO_RECREATE_FOR, revision);
    cs_jw_end_obj(&w);
    close_meta(&w);
}

void cs_body_unmark(const struct cs_pod *p, struct cs_strbuf *out)
{
    struct cs_jw w;

    open_meta(&w, out, &p->meta);
    cs_jw_key(&w, "labels");
    cs_jw_obj(&w);
    cs_jw_kstr(&w, CS_LABEL_SPECIFIED_DELETE, NULL);
    cs_jw_end_obj(&w);
    cs_jw_key(&w, "annotations");
    cs_jw_obj(&w);
    cs_jw_kstr(&w, CS_ANNO_RECREATE_FOR, NULL);
    cs_jw_end_obj(&w);
    close_meta(&w);
}

void cs_body_strike(
    const struct cs_cloneset *set, bool (*keep)(void *ctx, const char *name), void *ctx, struct cs_strbuf *out)
{
    struct cs_jw w;
    uint32_t left = 0;

    cs_jw_init(&w, out);
    cs_jw_obj(&w);
    cs_jw_key(&w, "metadata");
    cs_jw_obj(&w);
    patch_guard(&w, &set->meta);
    cs_jw_end_obj(&w);
    cs_jw_key(&w, "spec");
    cs_jw_obj(&w);
    cs_jw_key(&w, "scaleStrategy");
    cs_jw_obj(&w);
    cs_jw_key(&w, "podsToDelete");
    for (uint32_t i = 0; i < set->spec.n_pods_to_delete; i++)
        left += keep(ctx, set->spec.pods_to_delete[i]);
    if (left == 0) {
        cs_jw_null(&w);
    } else {
        cs_jw_arr(&w);
        for (uint32_t i = 0; i < set->spec.n_pods_to_delete; i++)
            if (keep(ctx, set->spec.pods_to_delete[i]))
                cs_jw_str(&w, set->spec.pods_to_delete[i]);
        cs_jw_end_arr(&w);
    }
    cs_jw_end_obj(&w);
    cs_jw_end_obj(&w);
    cs_jw_end_obj(&w);
}
