/* SPDX-License-Identifier: Apache-2.0 */
/* A Lease and, by the same bytes, a Node: small objects that others write too. */
#include "common/api/decode.h"
#include "common/api/objects.h"
#include "test/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cs_intern *pool = cs_intern_new();
    cs_autojdoc doc = {.nodes = NULL};
    struct cs_json obj = fuzz_parse(&doc, data, size);
    struct cs_error err = CS_ERROR_INIT;
    struct cs_lease *l = cs_json_exists(obj) ? cs_lease_decode(pool, obj, &err) : NULL;
    struct cs_node *n = cs_json_exists(obj) ? cs_node_decode(pool, obj, &err) : NULL;

    FUZZ_CHECK((l != NULL) == (n != NULL), "the same metadata serves one and not the other: %s", err.message);
    FUZZ_CHECK(l || !cs_json_exists(obj) || err.message[0], "refused without a word");
    if (l) {
        struct cs_json owners = cs_json_list(cs_json_get(obj, "metadata"), "ownerReferences");

        cs_json_foreach (owner, owners) {
            cs_autofree char *uid = cs_json_str_dup(cs_json_get(owner, "uid"));

            FUZZ_CHECK(!uid || !uid[0] || cs_meta_has_owner_uid(&l->meta, uid), "an owner got lost: %s", uid);
        }
        for (uint32_t i = 1; i < l->meta.labels.len; i++)
            FUZZ_CHECK(strcmp(l->meta.labels.items[i - 1].key, l->meta.labels.items[i].key) < 0, "labels out of order");
    }
    cs_lease_free(pool, l);
    cs_node_free(pool, n);
    fuzz_pool_free(pool);
    return 0;
}

FUZZ_JSON_MUTATOR
