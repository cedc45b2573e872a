/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hash of a set's claim templates that revisions carry as annotation (Appendix C): names and specs count, labels and
 * the order of the templates do not.
 */
#include <stdio.h>
#include <stdlib.h>

#include "common/base/alloc.h"
#include "common/base/hash.h"
#include "common/cloneset/template.h"
#include "common/cloneset/typed_json.h"

struct claim {
    char *name; /* owned, "" when there is none */
    struct cs_json v;
    size_t index;
};

static int claim_cmp(const void *pa, const void *pb)
{
    const struct claim *a = pa;
    const struct claim *b = pb;
    int order = strcmp(a->name, b->name);

    return order ? order : (a->index > b->index) - (a->index < b->index);
}

static void write_claim(struct cs_jw *w, const struct claim *c)
{
    cs_jw_obj(w);
    cs_jw_key(w, "metadata");
    cs_jw_obj(w);
    if (c->name[0])
        cs_jw_kstr(w, "name", c->name);
    cs_jw_key(w, "creationTimestamp");
    cs_jw_null(w);
    cs_jw_end_obj(w);
    cs_jw_key(w, "spec");
    cs_typed_write(w, cs_json_get(c->v, "spec"), &cs_schema_persistent_volume_claim_spec, CS_TYPED_DECLARED);
    cs_jw_key(w, "status");
    cs_jw_obj(w);
    cs_jw_end_obj(w);
    cs_jw_end_obj(w);
}

static void write_claims(struct cs_json vcts, struct cs_strbuf *out)
{
    size_t n = cs_json_count(vcts);
    cs_autofree struct claim *claims = cs_new_array(struct claim, n);
    size_t i = 0;
    struct cs_jw w;

    cs_json_foreach (item, vcts) {
        char *name = cs_json_str_dup(cs_json_at(item, "metadata", "name", NULL));

        claims[i] = (struct claim){.name = name ? name : cs_xstrdup(""), .v = item, .index = i};
        i++;
    }
    qsort(claims, n, sizeof(claims[0]), claim_cmp);
    cs_jw_init(&w, out);
    w.html_escape = true;
    cs_jw_arr(&w);
    for (i = 0; i < n; i++) {
        write_claim(&w, &claims[i]);
        free(claims[i].name);
    }
    cs_jw_end_arr(&w);
}

/* The peer hashes a debug print of the bytes: "([]uint8)[91 123 …]". */
static uint32_t sum_of_rendering(const char *p, size_t len)
{
    uint32_t sum = cs_fnv32_1a(CS_FNV32_INIT, "([]uint8)[", 10);
    char text[8];

    for (size_t i = 0; i < len; i++) {
        int n = snprintf(text, sizeof(text), "%s%u", i ? " " : "", (unsigned)(unsigned char)p[i]);

        sum = cs_fnv32_1a(sum, text, (size_t)n);
    }
    return cs_fnv32_1a(sum, "]", 1);
}

void cs_vct_hash(struct cs_json vcts, char out[CS_VCT_HASH_SIZE])
{
    cs_autostrbuf text = CS_STRBUF_INIT;

    out[0] = '\0';
    if (!cs_json_is(vcts, CS_J_ARRAY) || cs_json_count(vcts) == 0)
        return;
    write_claims(vcts, &text);
    (void)snprintf(out, CS_VCT_HASH_SIZE, "%u", (unsigned)sum_of_rendering(cs_strbuf_str(&text), text.len));
}
