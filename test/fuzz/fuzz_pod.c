/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A Pod as the controller reads it, with what it concludes from the Pod alone and the patches that it would send: whatever labels
 * and annotations say, a patch is JSON and guarded by the Pod's version.
 */
#include "controller/cloneset/bodies.h"
#include "controller/plan/inplace_state.h"
#include "test/fuzz/fuzz.h"

#define NOW_MS INT64_C(1760000000000)

static void check_body(const char *what, struct cs_strbuf *out)
{
    cs_autojdoc doc = {.nodes = NULL};

    (void)fuzz_parse_ours(&doc, what, out);
    cs_strbuf_clear(out);
}

static void check_bodies(const struct cs_pod *p)
{
    static const struct cs_action refresh = {.kind = CS_ACT_REFRESH,
        .gate_true = true,
        .state = CS_LC_NORMAL,
        .template_hash = true,
        .keys_add = 1,
        .keys_drop = 2};
    cs_autostrbuf out = CS_STRBUF_INIT;

    cs_body_delete(&p->meta, &out);
    check_body("delete", &out);
    cs_body_release(p, p->meta.n_owners ? p->meta.owners[0].uid : "u", &out);
    check_body("release", &out);
    cs_body_mark(p, "web-5d7b8f", &out);
    check_body("mark", &out);
    cs_body_unmark(p, &out);
    check_body("unmark", &out);
    cs_body_gate_off(p, NOW_MS, &out);
    check_body("gate off", &out);
    cs_body_refresh(p, &refresh, NOW_MS, &out);
    check_body("refresh", &out);
    cs_body_grace_drop(p, &out);
    check_body("grace drop", &out);
    cs_body_resize(p, &out);
    check_body("resize", &out);
    if (p->inplace_grace && cs_body_grace_apply(p, NOW_MS, &out, NULL))
        check_body("grace apply", &out);
}

static void check_state(const struct cs_pod *p)
{
    struct cs_inplace_state state;
    struct cs_inplace_grace grace;

    cs_inplace_state_parse(p->inplace_state, &state);
    cs_inplace_grace_parse(p->inplace_grace, &grace);
    FUZZ_CHECK(p->inplace_state || !state.valid, "a state out of nothing");
    FUZZ_CHECK(!cs_inplace_complete(p) || !grace.present, "complete within its grace period");
    (void)cs_inplace_stands_at_ms(p);
    if (cs_resize_pending(p, &state.resize))
        FUZZ_CHECK(state.resize.n > 0, "waits for no resize");
    (void)cs_resize_settled(p, &state.resize);
    (void)cs_resize_obstacle(p, &state.resize);
    cs_inplace_state_done(&state);
    cs_inplace_grace_done(&grace);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cs_intern *pool = cs_intern_new();
    cs_autojdoc doc = {.nodes = NULL};
    struct cs_json obj = fuzz_parse(&doc, data, size);
    struct cs_error err = CS_ERROR_INIT;
    struct cs_pod *p = cs_json_exists(obj) ? cs_pod_decode(pool, obj, &err) : NULL;

    FUZZ_CHECK(p || !cs_json_exists(obj) || err.message[0], "refused without a word");
    if (p) {
        FUZZ_CHECK(cs_streq(p->id, cs_pairs_get(&p->meta.labels, "apps.kruise.io/cloneset-instance-id")), "another id");
        FUZZ_CHECK(!cs_pod_available(p, 0, NOW_MS) || cs_pod_update_ready(p, 0, NOW_MS), "available, but not ready");
        check_state(p);
        check_bodies(p);
        cs_pod_free(pool, p);
    }
    fuzz_pool_free(pool);
    return 0;
}

FUZZ_JSON_MUTATOR
