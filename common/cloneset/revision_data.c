/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is stored in a ControllerRevision and how it is named (spec §4.2, Appendix C, D10).
 */
#include <stdio.h>

#include "common/base/alloc.h"
#include "common/base/hash.h"
#include "common/cloneset/template.h"
#include "common/cloneset/typed_json.h"

/* Set names are cut to this, so that name, dash and hash stay below 253. */
#define SET_NAME_MAX 223

static void write_as_it_is(struct cs_jw *w, struct cs_json tmpl)
{
    cs_autofree struct cs_json *members = NULL;
    size_t n = cs_json_members(tmpl, false, &members);

    for (size_t i = 0; i < n; i++) {
        cs_autofree char *key = cs_json_key_dup(members[i]);

        if (!cs_streq(key, "$patch"))
            cs_jw_kraw(w, key, cs_json_raw(members[i]));
    }
}

bool cs_revision_is_exact(struct cs_json tmpl, char **ret_reason)
{
    const struct cs_tpath root = {.key = CS_STR("spec.template")};

    if (ret_reason)
        *ret_reason = NULL;
    return cs_typed_is_exact(tmpl, &cs_schema_pod_template_spec, &root, ret_reason);
}

void cs_revision_data(struct cs_json tmpl, struct cs_strbuf *out, bool *ret_exact, char **ret_reason)
{
    bool exact = cs_revision_is_exact(tmpl, ret_reason);
    struct cs_jw w;

    cs_jw_init(&w, out);
    w.html_escape = exact;
    cs_jw_obj(&w);
    cs_jw_key(&w, "spec");
    cs_jw_obj(&w);
    cs_jw_key(&w, "template");
    cs_jw_obj(&w);
    cs_jw_kstr(&w, "$patch", "replace"); /* '$' sorts before the members */
    if (exact)
        cs_typed_write_members(&w, tmpl, &cs_schema_pod_template_spec, CS_TYPED_SORTED);
    else
        write_as_it_is(&w, tmpl);
    cs_jw_end_obj(&w);
    cs_jw_end_obj(&w);
    cs_jw_end_obj(&w);
    if (ret_exact)
        *ret_exact = exact;
}

void cs_revision_hash(struct cs_str data, int32_t collision_count, char out[CS_REVISION_HASH_SIZE])
{
    char text[CS_REVISION_HASH_SIZE];
    uint32_t sum = cs_fnv32_1(CS_FNV32_INIT, data.p, data.len);

    (void)snprintf(text, sizeof(text), "%d", (int)collision_count);
    sum = cs_fnv32_1(sum, text, strlen(text));
    (void)snprintf(text, sizeof(text), "%u", (unsigned)sum);
    cs_safe_encode(cs_str(text), out);
}

void cs_revision_name(const char *set, const char *hash, char out[254])
{
    (void)snprintf(out, 254, "%.*s-%.*s", SET_NAME_MAX, set, 254 - SET_NAME_MAX - 2, hash);
}

struct cs_json cs_revision_template(struct cs_json data)
{
    struct cs_json tmpl = cs_json_at(data, "spec", "template", NULL);

    if (!cs_json_str_is(cs_json_get(tmpl, "$patch"), "replace"))
        return (struct cs_json){.doc = NULL, .node = NULL};
    return tmpl;
}
