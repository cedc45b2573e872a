/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the bytes of a request to the answer of all three admission webhooks. Any answer is a valid review. Mutating is idempotent and
 * does not change what validation says; what mutation cannot read, validation refuses; InPlaceOnly is refused exactly when the
 * controller could not make the change in place; what is admitted converts, and is valid there; an injected id is an id.
 */
#include "common/api/cloneset.h"
#include "common/api/gvr.h"
#include "common/base/alloc.h"
#include "common/cloneset/convert.h"
#include "common/cloneset/names.h"
#include "common/cloneset/validate.h"
#include "test/fuzz/webhook.h"
#include "test/sim/sim.h"

#define REVIEW "AdmissionReview"
#define IN_PLACE_RULE " InPlaceOnly allows only container images and template metadata to change: "

/* The review with request.object patched; owned. */
static char *patched(struct cs_json review, const struct cs_jtree *ops)
{
    cs_autojtree *tree = cs_jtree_from(review);
    const char *why = "";

    if (!sim_json_patch(cs_jtree_get(cs_jtree_get(tree, "request"), "object"), ops, &why))
        fuzz_fail("the patch does not apply: %s", why);
    return sim_print(tree);
}

/*
 * As strstr, by which libFuzzer would learn what is looked for and write it into keys and values, which messages show: then any
 * message would seem to hold the words.
 */
static bool holds(const char *text, const char *words)
{
    for (; *text; text++) {
        size_t n = 0;

        while (words[n] && text[n] == words[n])
            n++;
        if (!words[n])
            return true;
    }
    return false;
}

/* What the controller decides by. */
static void check_in_place(struct cs_json was, struct cs_json is)
{
    struct cs_json old_spec = cs_json_get(was, "spec"), spec = cs_json_get(is, "spec");
    struct cs_texts errors = {.items = NULL}, warnings = {.items = NULL};
    bool refused = false, possible;

    if (cs_shape_of(is).type != CS_UPDATE_INPLACE_ONLY || cs_json_equal(old_spec, spec) ||
        !cs_json_is_null(cs_json_at(was, "metadata", "deletionTimestamp", NULL)) ||
        !cs_json_is_null(cs_json_at(is, "metadata", "deletionTimestamp", NULL)))
        return;
    cs_validate_update(was, is, &errors, &warnings);
    for (size_t i = 0; i < errors.n; i++)
        refused = refused || holds(errors.items[i], IN_PLACE_RULE);
    possible = fuzz_in_place(cs_json_get(old_spec, "template"), cs_json_get(spec, "template"));
    FUZZ_CHECK(refused == !possible, "the webhook %s what the controller %s make in place",
        refused ? "refuses" : "accepts", possible ? "can" : "cannot");
    cs_texts_done(&errors);
    cs_texts_done(&warnings);
}

/* What the parts of an admission find out together changes nothing of what the rules say by themselves. */
static void check_rules(struct cs_json was, struct cs_json is)
{
    struct cs_texts errors = {.items = NULL}, together = {.items = NULL}, warnings = {.items = NULL};

    if (cs_json_exists(was))
        cs_validate_update(was, is, &errors, &warnings);
    else
        cs_validate_cloneset(is, &errors);
    cs_admit_cloneset(was, is, &(struct cs_gates){.vertical_scaling = false}, &together, &warnings);
    FUZZ_CHECK(errors.n == 0 || errors.n == together.n, "%zu violations, together %zu", errors.n, together.n);
    for (size_t i = 0; i < errors.n; i++)
        FUZZ_CHECK(
            strcmp(errors.items[i], together.items[i]) == 0, "%s, together %s", errors.items[i], together.items[i]);
    cs_texts_done(&errors);
    cs_texts_done(&together);
    cs_texts_done(&warnings);
}

/*
 * Brings something along for the other version that this one does not judge: what an earlier conversion noted, or the texts that
 * spec §1.4 reads as v1beta1's fields for pulling images ahead.
 */
static bool is_noted(struct cs_json obj)
{
    static const char *const fields[] = {
        CS_ANNO_PREDOWNLOAD_PARALLELISM, CS_ANNO_PREDOWNLOAD_TIMEOUT, CS_ANNO_PREDOWNLOAD_MIN_READY};
    struct cs_json annotations = cs_json_at(obj, "metadata", "annotations", NULL);

    for (size_t i = 0; i < CS_ARRAY_LEN(fields); i++)
        if (cs_version_of(obj) == CS_V1ALPHA1 && cs_json_exists(cs_json_get(annotations, fields[i])))
            return true;
    return cs_json_exists(cs_json_get(annotations, CS_ANNO_CONVERSION));
}

static void check_conversion(struct cs_json obj, bool created)
{
    enum cs_version version = cs_version_of(obj), other = version == CS_V1ALPHA1 ? CS_V1BETA1 : CS_V1ALPHA1;
    bool noted = cs_json_exists(cs_json_at(obj, "metadata", "annotations", CS_ANNO_CONVERSION, NULL));
    cs_autostrbuf there = CS_STRBUF_INIT, back = CS_STRBUF_INIT;
    cs_autojdoc there_doc = {.nodes = NULL}, back_doc = {.nodes = NULL};
    struct cs_texts errors = {.items = NULL};
    struct cs_error err = CS_ERROR_INIT;
    struct cs_json converted;

    if (!cs_json_str_is(cs_json_get(obj, "kind"), CS_KIND) || !cs_json_is(cs_json_get(obj, "metadata"), CS_J_OBJECT) ||
        cs_version_read(cs_json_get(obj, "apiVersion")) == CS_VERSION_UNKNOWN)
        return; /* the API server sends none of these */
    if (!cs_convert(obj, other, &there, &err)) {
        FUZZ_CHECK(cs_str_starts(cs_str(err.message), "metadata."), "admitted, and does not convert: %s", err.message);
        return; /* labels that are no map: the API server's own business */
    }
    converted = fuzz_parse_ours(&there_doc, "the converted object", &there);
    if (created && !is_noted(obj)) {
        cs_validate_cloneset(converted, &errors);
        FUZZ_CHECK(errors.n == 0, "admitted, and not valid in the other version: %s", errors.items[0]);
    }
    FUZZ_CHECK(cs_convert(converted, version, &back, &err), "it does not convert back: %s", err.message);
    if (!noted)
        fuzz_same("converted there and back", fuzz_parse_ours(&back_doc, "converted back", &back), obj);
    cs_texts_done(&errors);
}

static void check_spec_decodes(struct cs_json obj)
{
    struct cs_intern *pool = cs_intern_new();
    struct cs_json spec = cs_json_get(obj, "spec");
    struct cs_cloneset_spec decoded;
    struct cs_error err = CS_ERROR_INIT;
    bool ok = cs_version_of(obj) == CS_V1BETA1 ? cs_cloneset_spec_decode_beta(pool, spec, &decoded, &err)
                                               : cs_cloneset_spec_decode(pool, spec, &decoded, &err);

    FUZZ_CHECK(ok, "admitted, and the controller cannot read it: %s", err.message);
    cs_cloneset_spec_done(pool, &decoded);
    fuzz_pool_free(pool);
}

static void check_sets(struct cs_router *r, struct cs_json review, struct cs_str body)
{
    struct cs_json request = cs_json_get(review, "request"), obj = cs_json_get(request, "object");
    bool created = cs_json_str_is(cs_json_get(request, "operation"), "CREATE");
    fuzz_autoanswer mutation, verdict;

    fuzz_ask(r, CS_PATH_MUTATE_CLONESET, REVIEW, body, &mutation);
    fuzz_ask(r, CS_PATH_VALIDATE_CLONESET, REVIEW, body, &verdict);
    FUZZ_CHECK(!verdict.patch, "a patch of the validating webhook");
    FUZZ_CHECK(mutation.status == verdict.status, "HTTP %d and %d", mutation.status, verdict.status);
    FUZZ_CHECK(mutation.allowed || !verdict.allowed, "what cannot be read is valid");
    if (mutation.patch) {
        cs_autofree char *text = patched(review, mutation.patch);
        fuzz_autoanswer again, judged;

        fuzz_ask(r, CS_PATH_MUTATE_CLONESET, REVIEW, cs_str(text), &again);
        fuzz_ask(r, CS_PATH_VALIDATE_CLONESET, REVIEW, cs_str(text), &judged);
        FUZZ_CHECK(again.allowed && !again.patch, "mutating is not idempotent: %s, then %s",
            cs_strbuf_str(&mutation.body), cs_strbuf_str(&again.body));
        FUZZ_CHECK(judged.allowed == verdict.allowed, "defaults change the verdict: %s, then %s",
            cs_strbuf_str(&verdict.body), cs_strbuf_str(&judged.body));
    }
    if (!verdict.allowed || cs_json_exists(cs_json_get(request, "subResource")) ||
        (!created && !cs_json_str_is(cs_json_get(request, "operation"), "UPDATE")))
        return;
    if (created)
        check_spec_decodes(obj);
    check_conversion(obj, created);
}

static void check_ids(struct cs_router *r, struct cs_json review, struct cs_str body)
{
    fuzz_autoanswer answer;

    fuzz_ask(r, CS_PATH_INSTANCE_ID, REVIEW, body, &answer);
    FUZZ_CHECK(answer.status != 200 || answer.allowed, "an id is refused");
    if (!answer.patch)
        return;
    cs_autofree char *text = patched(review, answer.patch);
    cs_autojdoc doc = {.nodes = NULL};
    struct cs_json meta =
        cs_json_at(fuzz_parse(&doc, (const uint8_t *)text, strlen(text)), "request", "object", "metadata", NULL);
    cs_autofree char *id = cs_json_str_dup(cs_json_at(meta, "labels", CS_LABEL_INSTANCE_ID, NULL));
    cs_autofree char *name = cs_json_str_dup(cs_json_get(meta, "name"));
    fuzz_autoanswer again;

    FUZZ_CHECK(id && cs_id_valid(cs_str(id)), "the id %s", id ? id : "(none)");
    FUZZ_CHECK(name && cs_str_ends(cs_str(name), id), "the name %s with the id %s", name ? name : "(none)", id);
    fuzz_ask(r, CS_PATH_INSTANCE_ID, REVIEW, cs_str(text), &again);
    FUZZ_CHECK(again.allowed && !again.patch, "an id is injected twice");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct cs_gates gates = {.vertical_scaling = size % 2 != 0, .deletion_protection = true};
    CS_CLEANUP(cs_router_free_cleanup) struct cs_router *r = cs_router_new(1, NULL, NULL);
    cs_autojdoc doc = {.nodes = NULL};
    struct cs_json review = fuzz_parse(&doc, data, size), request = cs_json_get(review, "request");
    struct cs_str body = {.p = (const char *)data, .len = size};

    cs_router_set_gates(r, &gates);
    check_sets(r, review, body);
    check_ids(r, review, body);
    if (cs_json_is(cs_json_get(request, "object"), CS_J_OBJECT) &&
        cs_json_is(cs_json_get(request, "oldObject"), CS_J_OBJECT))
        check_in_place(cs_json_get(request, "oldObject"), cs_json_get(request, "object"));
    if (cs_json_is(cs_json_get(request, "object"), CS_J_OBJECT)) {
        check_rules(cs_json_get(request, "oldObject"), cs_json_get(request, "object"));
        check_rules((struct cs_json){.doc = NULL}, cs_json_get(request, "object"));
    }
    return 0;
}

FUZZ_JSON_MUTATOR
