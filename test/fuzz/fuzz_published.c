/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A webhook configuration or a CRD, which others write too: what our patch makes of it is as wanted, and entries of others keep
 * their bytes.
 */
#include "certs/publish.h"
#include "test/fuzz/fuzz.h"
#include "test/sim/sim.h"
#include "webhook/entries.h"

static void check(struct cs_json obj, const struct cs_publish_want *want)
{
    cs_autostrbuf patch = CS_STRBUF_INIT, text = CS_STRBUF_INIT, again = CS_STRBUF_INIT;
    cs_autojdoc doc = {.nodes = NULL};
    cs_autojtree *tree = cs_jtree_from(obj);
    enum cs_publish_state state = cs_publish_compare(obj, want, &patch);
    struct cs_json merged;

    FUZZ_CHECK(
        (state == CS_PUBLISH_DIFFERS) == (patch.len > 0), "state %d with a patch of %zu bytes", (int)state, patch.len);
    if (state != CS_PUBLISH_DIFFERS)
        return;
    cs_autojtree *change = sim_parse(cs_strbuf_str(&patch));
    FUZZ_CHECK(change, "the patch is no JSON: %s", cs_strbuf_str(&patch));
    if (!cs_json_is(obj, CS_J_OBJECT))
        return;
    sim_merge(tree, change, false);
    cs_jtree_print(tree, &text, false);
    merged = fuzz_parse_ours(&doc, "the patched object", &text);
    state = cs_publish_compare(merged, want, &again);
    FUZZ_CHECK(state == CS_PUBLISH_EQUAL, "patched, and state %d: %s, then %s", (int)state, cs_strbuf_str(&patch),
        cs_strbuf_str(&again));
    FUZZ_CHECK(cs_publish_covers(merged, merged), "an object does not cover itself");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char ca[] = "-----BEGIN CERTIFICATE-----\n";
    const struct cs_gates gates = {.deletion_protection = size % 2 != 0};
    struct cs_webhook_entry entries[CS_N_WEBHOOK_ENTRIES];
    struct cs_publish_want want = {.ns = "sys",
        .service = "hooks",
        .port = 443,
        .bundle_pem = ca,
        .entries = entries,
        .n_entries = CS_N_WEBHOOK_ENTRIES,
        .mutating = true,
        .config = CS_MUTATING_CONFIGURATION,
        .settled = size % 4 > 1};
    cs_autojdoc doc = {.nodes = NULL}, trimmed_doc = {.nodes = NULL};
    struct cs_json obj = fuzz_parse(&doc, data, size);
    cs_autostrbuf trimmed = CS_STRBUF_INIT;

    if (!cs_json_exists(obj))
        return 0;
    cs_webhook_entries_make(&gates, entries);
    check(obj, &want);
    (void)cs_publish_judge(obj, &want, ca, INT64_C(1760000000000));
    want.mutating = false;
    want.config = CS_VALIDATING_CONFIGURATION;
    check(obj, &want);
    want.crd_path = "/convert";
    check(obj, &want);
    cs_publish_trim(obj, &trimmed);
    (void)fuzz_parse_ours(&trimmed_doc, "the trimmed object", &trimmed);
    return 0;
}

FUZZ_JSON_MUTATOR
