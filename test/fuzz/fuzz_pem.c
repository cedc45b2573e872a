/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificates as text, from a Secret or a file: the bundle's own text is read as the same bundle, and a chain that is called usable
 * verifies against it.
 */
#include "certs/inspect.h"
#include "common/base/alloc.h"
#include "test/fuzz/fuzz.h"

static void check_bundle(const char *pem)
{
    struct cs_bundle_facts first, again;
    cs_autostrbuf text = CS_STRBUF_INIT;

    cs_inspect_bundle(pem, NULL, &first);
    FUZZ_CHECK(first.n <= CS_MAX_CAS && !first.key_ok, "%u CAs", first.n);
    for (unsigned i = 0; i < first.n; i++)
        cs_strbuf_adds(&text, first.pems[i]);
    if (text.len <= CS_MAX_PEM) {
        cs_inspect_bundle(cs_strbuf_str(&text), NULL, &again);
        FUZZ_CHECK(again.n == first.n, "%u CAs, written down %u", first.n, again.n);
        for (unsigned i = 0; i < first.n; i++)
            FUZZ_CHECK(cs_streq(first.pems[i], again.pems[i]) && first.cas[i].until_ms == again.cas[i].until_ms,
                "CA %u differs", i);
        cs_bundle_facts_done(&again);
    }
    cs_bundle_facts_done(&first);
}

static void check_leaf(const char *pem)
{
    char name[] = "hooks.sys.svc", *names[] = {name};
    const struct cs_cert_names wanted = {.items = names, .len = 1};
    struct cs_bundle_facts bundle;
    struct cs_leaf_facts leaf;

    cs_inspect_bundle(pem, NULL, &bundle);
    cs_inspect_leaf(pem, pem, &bundle, &wanted, &leaf);
    FUZZ_CHECK(leaf.signer < (int)bundle.n, "signed by CA %d of %u", leaf.signer, bundle.n);
    FUZZ_CHECK(leaf.pair_ok == (leaf.leaf_pem != NULL), "a pair without a leaf");
    FUZZ_CHECK((leaf.signer == CS_SIGNER_CHAIN) == (leaf.chain_pem != NULL), "a chain without a CA");
    cs_leaf_facts_done(&leaf);
    cs_bundle_facts_done(&bundle);
    (void)cs_inspect_verifies(pem, pem, INT64_C(1760000000000));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cs_autofree char *pem = cs_xmemdupz(size ? (const char *)data : "", size);

    check_bundle(pem);
    check_leaf(pem);
    return 0;
}
