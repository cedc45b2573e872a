/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The JSON guard and the writer: spans lie in the text, decode → print → decode is the identity (numbers keep their text), what is
 * accepted cJSON accepts too and reads the same, and any bytes can be quoted.
 */
#include <cjson/cJSON.h>

#include "common/base/cleanup.h"
#include "common/json/json_writer.h"
#include "test/fuzz/fuzz.h"

#define CJSON_LONGEST_NUMBER 62 /* cJSON cuts longer ones and then finds the rest of no use */

static void check_spans(struct cs_json v)
{
    const struct cs_jnode *n = v.node;
    uint32_t children = 0, at = n->start + 1;

    FUZZ_CHECK(n->start < n->end && n->end <= v.doc->len, "span %u..%u of %zu", n->start, n->end, v.doc->len);
    cs_json_foreach (child, v) {
        FUZZ_CHECK(child.node->start >= at && child.node->end < n->end, "a child leaves its parent");
        FUZZ_CHECK(child.node->key_start == 0 ||
                       (child.node->key_start > at && child.node->key_start + child.node->key_len < child.node->start),
            "a key lies elsewhere");
        at = child.node->end;
        children++;
        check_spans(child);
    }
    FUZZ_CHECK(children == cs_json_count(v), "%u children, %zu counted", children, cs_json_count(v));
}

static void check_print(struct cs_json v, bool html)
{
    cs_autojtree *tree = cs_jtree_from(v);
    cs_autostrbuf once = CS_STRBUF_INIT, twice = CS_STRBUF_INIT;
    cs_autojdoc doc = {.nodes = NULL};
    struct cs_json again;

    cs_jtree_print(tree, &once, html);
    again = fuzz_parse_ours(&doc, "a printed document", &once);
    fuzz_same("printed and read again", again, v);
    cs_autojtree *other = cs_jtree_from(again);
    cs_jtree_print(other, &twice, html);
    FUZZ_CHECK(strcmp(cs_strbuf_str(&once), cs_strbuf_str(&twice)) == 0, "printing is not stable: %s, then %s",
        cs_strbuf_str(&once), cs_strbuf_str(&twice));
    cs_jtree_sort(other);
    fuzz_same_tree("sorted", other, tree);
}

/* Every value, in the order of the document, duplicates included. False: cJSON has something else there. */
static bool same_as_cjson(struct cs_json v, const cJSON *c)
{
    const cJSON *child = c ? c->child : NULL;
    cs_autofree char *text = cs_json_str_dup(v);

    if (!c)
        return false;
    if (cs_json_is(v, CS_J_STRING))
        return cJSON_IsString(c) && cs_streq(text, c->valuestring);
    if (cs_json_is(v, CS_J_NUMBER))
        return cJSON_IsNumber(c);
    if (cs_json_is(v, CS_J_TRUE) || cs_json_is(v, CS_J_FALSE))
        return cJSON_IsBool(c) && cJSON_IsTrue(c) == cs_json_is(v, CS_J_TRUE);
    if (cs_json_is(v, CS_J_NULL))
        return cJSON_IsNull(c);
    if (cs_json_is(v, CS_J_OBJECT) ? !cJSON_IsObject(c) : !cJSON_IsArray(c))
        return false;
    cs_json_foreach (item, v) {
        cs_autofree char *key = cs_json_key_dup(item);

        if (!child || (key && !cs_streq(key, child->string)) || !same_as_cjson(item, child))
            return false;
        child = child->next;
    }
    return child == NULL;
}

static bool has_long_number(const struct cs_jdoc *doc)
{
    for (size_t i = 0; i < doc->n_nodes; i++) {
        if (doc->nodes[i].type == CS_J_NUMBER && doc->nodes[i].end - doc->nodes[i].start > CJSON_LONGEST_NUMBER)
            return true;
    }
    return false;
}

static void check_cjson(struct cs_json v)
{
    const char *end = NULL;
    cJSON *c;

    if (has_long_number(v.doc))
        return;
    c = cJSON_ParseWithLengthOpts(v.doc->text, v.doc->len, &end, 0);
    FUZZ_CHECK(c && same_as_cjson(v, c), "cJSON %s", c ? "reads something else" : "refuses it");
    cJSON_Delete(c);
    while (end < v.doc->text + v.doc->len && strchr(" \t\r\n", *end))
        end++;
    FUZZ_CHECK(end == v.doc->text + v.doc->len, "cJSON ends at %zu of %zu", (size_t)(end - v.doc->text), v.doc->len);
}

static void check_quote(const uint8_t *data, size_t size, bool html)
{
    cs_autostrbuf out = CS_STRBUF_INIT;
    cs_autojdoc doc = {.nodes = NULL};
    struct cs_str bytes = {.p = (const char *)data, .len = size};
    struct cs_json v;

    if (size == 0 || memchr(data, '\0', size)) /* our own texts hold no NUL, and our guard takes none back */
        return;
    cs_json_quote(&out, bytes, html);
    v = fuzz_parse_ours(&doc, "a quoted text", &out);
    cs_autofree char *text = cs_json_str_dup(v);
    FUZZ_CHECK(text && cs_is_utf8(cs_str(text)), "a quoted text is no text");
    FUZZ_CHECK(!cs_is_utf8(bytes) || cs_str_eqz(bytes, text), "quoted, a text changes");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cs_autojdoc doc = {.nodes = NULL};
    struct cs_json root = fuzz_parse(&doc, data, size);

    check_quote(data, size, false);
    check_quote(data, size, true);
    if (!cs_json_exists(root))
        return 0;
    check_spans(root);
    check_print(root, false);
    check_print(root, true);
    check_cjson(root);
    return 0;
}
