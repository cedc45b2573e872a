/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A ConversionReview: any answer is a valid review or a Status; as many objects come back as were sent, in the version asked for;
 * converted back they are what they were, and converting once more changes nothing.
 */
#include "common/api/gvr.h"
#include "common/cloneset/convert.h"
#include "test/fuzz/webhook.h"

static bool has_note(struct cs_json obj)
{
    return cs_json_exists(cs_json_at(obj, "metadata", "annotations", CS_ANNO_CONVERSION, NULL));
}

static struct cs_json convert(struct cs_json obj, enum cs_version to, struct cs_strbuf *text, struct cs_jdoc *doc)
{
    struct cs_error err = CS_ERROR_INIT;

    if (!cs_convert(obj, to, text, &err))
        fuzz_fail("what was converted does not convert: %s", err.message);
    return fuzz_parse_ours(doc, "the converted object", text);
}

static void check_object(struct cs_json was, struct cs_json is, enum cs_version to)
{
    enum cs_version from = cs_version_of(was);
    cs_autostrbuf back_text = CS_STRBUF_INIT, again_text = CS_STRBUF_INIT;
    cs_autojdoc back_doc = {.nodes = NULL}, again_doc = {.nodes = NULL};
    struct cs_json back, again;

    FUZZ_CHECK(cs_version_of(is) == to && cs_json_str_is(cs_json_get(is, "kind"), CS_KIND), "not of that version");
    fuzz_same("the name", cs_json_at(is, "metadata", "name", NULL), cs_json_at(was, "metadata", "name", NULL));
    fuzz_same("the template", cs_json_at(is, "spec", "template", NULL), cs_json_at(was, "spec", "template", NULL));
    fuzz_same("the status", cs_json_get(is, "status"), cs_json_get(was, "status"));
    back = convert(is, from, &back_text, &back_doc);
    if (!has_note(was) || from == to)
        fuzz_same("converted there and back", back, was);
    again = convert(back, to, &again_text, &again_doc);
    fuzz_same("converted once more", again, is);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CS_CLEANUP(cs_router_free_cleanup) struct cs_router *r = cs_router_new(1, NULL, NULL);
    cs_autojdoc doc = {.nodes = NULL};
    struct cs_json request = cs_json_get(fuzz_parse(&doc, data, size), "request"),
                   list = cs_json_get(request, "objects");
    struct cs_json got, made;
    fuzz_autoanswer a;

    fuzz_ask(r, CS_PATH_CONVERT, "ConversionReview", (struct cs_str){.p = (const char *)data, .len = size}, &a);
    got = cs_json_get(a.response, "convertedObjects");
    if (a.status != 200 || !cs_json_str_is(cs_json_at(a.response, "result", "status", NULL), "Success"))
        return 0;
    FUZZ_CHECK(
        cs_json_count(got) == cs_json_count(list), "%zu objects for %zu", cs_json_count(got), cs_json_count(list));
    made = cs_json_first(got);
    cs_json_foreach (was, list) {
        check_object(was, made, cs_version_read(cs_json_get(request, "desiredAPIVersion")));
        made = cs_json_next(got, made);
    }
    return 0;
}

FUZZ_JSON_MUTATOR
