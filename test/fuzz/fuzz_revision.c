/* SPDX-License-Identifier: Apache-2.0 */
/* A ControllerRevision, ours or the peer's: the template in it is the same after it was written again. */
#include "common/api/objects.h"
#include "common/cloneset/template.h"
#include "test/fuzz/fuzz.h"

static void check_data(const struct cs_revision *r)
{
    cs_autojdoc doc = {.nodes = NULL};
    char hash[CS_REVISION_HASH_SIZE], name[254];
    struct cs_json tmpl;

    cs_revision_hash(cs_str(r->data_raw), 7, hash);
    cs_revision_name(r->meta.name, hash, name);
    FUZZ_CHECK(strlen(name) <= 253 && strlen(hash) > 0, "the name %s", name);
    if (!cs_jdoc_parse(&doc, r->data_raw, strlen(r->data_raw), NULL, NULL))
        fuzz_fail("data that is no JSON: %s", r->data_raw);
    tmpl = cs_revision_template(cs_jdoc_root(&doc));
    if (!cs_json_exists(tmpl))
        return;
    cs_autojtree *norm = cs_template_normalize(tmpl);
    cs_autojtree *again = fuzz_norm_by_revision(tmpl);
    FUZZ_CHECK(cs_template_equal(norm, again), "a template changes on its way through a revision: %s", r->data_raw);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cs_intern *pool = cs_intern_new();
    cs_autojdoc doc = {.nodes = NULL};
    struct cs_json obj = fuzz_parse(&doc, data, size);
    struct cs_error err = CS_ERROR_INIT;
    struct cs_revision *r = cs_json_exists(obj) ? cs_revision_decode(pool, obj, &err) : NULL;

    FUZZ_CHECK(r || !cs_json_exists(obj) || err.message[0], "refused without a word");
    if (r) {
        FUZZ_CHECK((r->n_vcts == 0) == (r->vct_names == NULL), "claim templates without names");
        if (r->data_raw[0])
            check_data(r);
    }
    cs_revision_free(pool, r);
    fuzz_pool_free(pool);
    return 0;
}

FUZZ_JSON_MUTATOR
