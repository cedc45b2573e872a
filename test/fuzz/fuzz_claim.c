/* SPDX-License-Identifier: Apache-2.0 */
/* A claim, and the patches that hand it over, back, and let it grow. */
#include "common/cloneset/template.h"
#include "controller/cloneset/bodies.h"
#include "test/fuzz/fuzz.h"

static void check_bodies(const struct cs_claim *c)
{
    static const char uid[] = "p-1", name[] = "web-bbbbb";
    const struct cs_pod pod = {.meta = {.uid = uid, .name = name, .ns = c->meta.ns}};
    const struct cs_cloneset set = {.meta = {.uid = "s-1", .name = "web", .ns = c->meta.ns}};
    cs_autostrbuf over = CS_STRBUF_INIT, back = CS_STRBUF_INIT, grown = CS_STRBUF_INIT;
    cs_autojdoc doc = {.nodes = NULL};
    struct cs_json owners;
    bool found = false;

    cs_body_hand_over(c, &pod, &over);
    owners = cs_json_at(fuzz_parse_ours(&doc, "hand over", &over), "metadata", "ownerReferences", NULL);
    cs_json_foreach (o, owners)
        found = found || cs_json_str_is(cs_json_get(o, "uid"), uid);
    FUZZ_CHECK(found, "handed over, but not to the Pod: %s", cs_strbuf_str(&over));
    cs_body_hand_back(c, &pod, &set, &back);
    (void)fuzz_parse_ours(&doc, "hand back", &back);
    if (!c->request)
        return;
    cs_autofree char *canonical = cs_quantity_canonical(cs_str(c->request));
    cs_body_expand(c, canonical ? canonical : "1Gi", &grown);
    (void)fuzz_parse_ours(&doc, "expand", &grown);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cs_intern *pool = cs_intern_new();
    cs_autojdoc doc = {.nodes = NULL};
    struct cs_json obj = fuzz_parse(&doc, data, size);
    struct cs_error err = CS_ERROR_INIT;
    struct cs_claim *c = cs_json_exists(obj) ? cs_claim_decode(pool, obj, &err) : NULL;

    FUZZ_CHECK(c || !cs_json_exists(obj) || err.message[0], "refused without a word");
    if (c)
        check_bodies(c);
    cs_claim_free(pool, c);
    fuzz_pool_free(pool);
    return 0;
}

FUZZ_JSON_MUTATOR
