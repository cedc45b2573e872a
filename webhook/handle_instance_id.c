/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The label injection of D17. Works on the raw object: the patch adds the label (and perhaps a name), nothing else changes.
 */
#include "webhook/handle_instance_id.h"

#include "common/api/gvr.h"
#include "common/cloneset/names.h"
#include "common/json/json_writer.h"

/* What the rules look at; texts are owned. */
struct subject {
    struct cs_json meta;
    bool claim;
    char *set; /* name of the controlling CloneSet, or NULL: none */
    char *owner_uid; /* or NULL */
    char *name; /* or NULL */
    char *generate_name; /* or NULL */
};

static void subject_done(struct subject *s)
{
    free(s->set);
    free(s->owner_uid);
    free(s->name);
    free(s->generate_name);
}

static bool is_controlling_cloneset(struct cs_json owner)
{
    cs_autofree char *api_version = cs_json_str_dup(cs_json_get(owner, "apiVersion"));
    bool controller = false;

    return cs_json_bool(cs_json_get(owner, "controller"), &controller) && controller &&
           cs_json_str_is(cs_json_get(owner, "kind"), CS_KIND) && api_version &&
           cs_str_starts(cs_str(api_version), CS_GROUP "/");
}

static void subject_init(struct subject *s, const struct cs_review *r)
{
    struct cs_json owners;

    *s = (struct subject){.meta = cs_json_get(r->object, "metadata")};
    s->claim = cs_review_is(r, cs_gvr_claims.group, cs_gvr_claims.resource);
    s->name = cs_json_str_dup(cs_json_get(s->meta, "name"));
    s->generate_name = cs_json_str_dup(cs_json_get(s->meta, "generateName"));
    owners = cs_json_get(s->meta, "ownerReferences");
    cs_json_foreach (owner, owners) {
        if (!is_controlling_cloneset(owner))
            continue;
        s->set = cs_json_str_dup(cs_json_get(owner, "name"));
        s->owner_uid = cs_json_str_dup(cs_json_get(owner, "uid"));
        break; /* a second one would be refused by the API server */
    }
}

/*
 * The part of `name` behind "<set>-", or behind "<template>-<set>-" of a claim; {NULL, 0} when it has another form. The template's name
 * is not known here: any that is not empty will do.
 */
static struct cs_str behind_set(const char *name, const char *set, bool claim)
{
    size_t n_set = strlen(set), n_name = strlen(name);

    for (const char *p = name; *p != '\0'; p++) {
        bool at_part = p == name ? !claim : claim && p[-1] == '-' && p - 1 > name;
        size_t rest = n_name - (size_t)(p - name);

        if (!at_part || rest <= n_set || strncmp(p, set, n_set) != 0 || p[n_set] != '-')
            continue;
        /* "a-a-<id>" of set "a": the last place where the set's name stands counts */
        if (rest - n_set - 1 == CS_ID_LEN || rest - n_set - 1 == 0 || !claim)
            return (struct cs_str){.p = p + n_set + 1, .len = rest - n_set - 1};
    }
    return (struct cs_str){.p = NULL};
}

static void write_op(struct cs_jw *w, const char *path)
{
    cs_jw_obj(w);
    cs_jw_kstr(w, "op", "add");
    cs_jw_kstr(w, "path", path);
    cs_jw_key(w, "value");
}

/* name NULL: the object has one. */
static void write_patch(const struct subject *s, const char *id, const char *name, struct cs_strbuf *out)
{
    bool has_labels = cs_json_is(cs_json_get(s->meta, "labels"), CS_J_OBJECT);
    struct cs_jw w;

    cs_jw_init(&w, out);
    cs_jw_arr(&w);
    if (has_labels) {
        cs_autostrbuf path = CS_STRBUF_INIT;

        cs_strbuf_adds(&path, "/metadata/labels/");
        cs_json_pointer_escape(&path, CS_STR(CS_LABEL_INSTANCE_ID));
        write_op(&w, cs_strbuf_str(&path));
        cs_jw_str(&w, id);
    } else {
        write_op(&w, "/metadata/labels");
        cs_jw_obj(&w);
        cs_jw_kstr(&w, CS_LABEL_INSTANCE_ID, id);
        cs_jw_end_obj(&w);
    }
    cs_jw_end_obj(&w);
    if (name) {
        write_op(&w, "/metadata/name");
        cs_jw_str(&w, name);
        cs_jw_end_obj(&w);
    }
    cs_jw_end_arr(&w);
}

static void warn_no_id(const struct subject *s, struct cs_verdict *v)
{
    cs_texts_add(&v->warnings,
        "metadata.labels[" CS_LABEL_INSTANCE_ID
        "]: not set, because %s \"%s\" is not of the form \"%s%s-<id>\" with an id of "
        "%d characters of \"bcdfghjklmnpqrstvwxz2456789\": CloneSet \"%s\" will not see this %s",
        s->name ? "the name" : "generateName",
        s->name            ? s->name
        : s->generate_name ? s->generate_name
                           : "",
        s->claim ? "<template>-" : "", s->set, CS_ID_LEN, s->set, s->claim ? "claim" : "Pod");
}

static void inject_from_name(const struct subject *s, struct cs_verdict *v)
{
    struct cs_str id = behind_set(s->name, s->set, s->claim);
    char text[CS_ID_SIZE] = "";

    if (!id.p || !cs_id_valid(id)) {
        warn_no_id(s, v);
        return;
    }
    memcpy(text, id.p, CS_ID_LEN);
    write_patch(s, text, NULL, &v->patch);
}

static void inject_with_name(const struct subject *s, struct cs_rand *rand, struct cs_verdict *v)
{
    struct cs_str rest = behind_set(s->generate_name, s->set, s->claim);
    char id[CS_ID_SIZE], name[CS_NAME_SIZE];
    int n;

    if (!rest.p || rest.len != 0) {
        warn_no_id(s, v);
        return;
    }
    cs_id_candidate(s->owner_uid ? s->owner_uid : "", (int64_t)(cs_rand_u64(rand) >> 1), cs_rand_u64(rand), 0, id);
    n = snprintf(name, sizeof(name), "%s%s", s->generate_name, id);
    if (n < 0 || (size_t)n >= sizeof(name)) {
        warn_no_id(s, v);
        return;
    }
    write_patch(s, id, name, &v->patch);
}

void cs_handle_instance_id(const struct cs_review *r, struct cs_rand *rand, struct cs_verdict *v)
{
    CS_CLEANUP(subject_done) struct subject s = {.claim = false};
    bool pod = cs_review_is(r, cs_gvr_pods.group, cs_gvr_pods.resource);

    if (!pod && !cs_review_is(r, cs_gvr_claims.group, cs_gvr_claims.resource))
        return;
    if (r->operation != CS_OPERATION_CREATE || cs_review_is_subresource(r) || !cs_json_exists(r->object))
        return;
    subject_init(&s, r);
    if (!s.set || cs_json_exists(cs_json_at(s.meta, "labels", CS_LABEL_INSTANCE_ID, NULL)))
        return;
    if (s.name && s.name[0] != '\0')
        inject_from_name(&s, v);
    else if (s.generate_name && s.generate_name[0] != '\0')
        inject_with_name(&s, rand, v);
}
