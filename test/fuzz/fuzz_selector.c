/* SPDX-License-Identifier: Apache-2.0 */
/*
 * {"selector":…,"labels":…}: a selector matches what its printed form, which autoscalers read from the status, matches by the
 * grammar of label selectors.
 */
#include <stdlib.h>

#include "common/api/selector.h"
#include "common/base/alloc.h"
#include "test/fuzz/fuzz.h"

/* "(a,b)" at *p has the value; moves *p behind it. */
static bool in_list(const char **p, const char *value)
{
    bool found = false;

    FUZZ_CHECK(**p == '(', "no list at %s", *p);
    do {
        size_t n = strcspn(++*p, ",)");

        found = found || (value && strlen(value) == n && strncmp(*p, value, n) == 0);
        *p += n;
    } while (**p == ',');
    FUZZ_CHECK(*(*p)++ == ')', "a list without end");
    return found;
}

/* One requirement at *p. */
static bool one_matches(const char **p, const struct cs_pairs *labels)
{
    bool is_not = **p == '!';
    size_t n = strcspn(*p += is_not, ",= ");
    cs_autofree char *key = cs_xmemdupz(*p, n);
    const char *value = cs_pairs_get(labels, key);

    *p += n;
    if (is_not)
        return !value;
    if (**p == '=') {
        size_t len = strcspn(++*p, ",");
        bool same = value && strlen(value) == len && strncmp(*p, value, len) == 0;

        *p += len;
        return same;
    }
    if (strncmp(*p, " in ", 4) == 0) {
        *p += 4;
        return in_list(p, value) && value;
    }
    if (strncmp(*p, " notin ", 7) == 0) {
        *p += 7;
        return !in_list(p, value) || !value;
    }
    return value != NULL;
}

static bool text_matches(const char *p, const struct cs_pairs *labels)
{
    bool all = true;

    while (*p) {
        all = one_matches(&p, labels) && all;
        FUZZ_CHECK(*p == '\0' || *p == ',', "no end at %s", p);
        p += *p == ',';
    }
    return all;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cs_intern *pool = cs_intern_new();
    cs_autojdoc doc = {.nodes = NULL};
    struct cs_json root = fuzz_parse(&doc, data, size);
    cs_autostrbuf text = CS_STRBUF_INIT;
    struct cs_selector s;
    struct cs_pairs labels;
    bool matches;

    cs_selector_decode(pool, cs_json_get(root, "selector"), &s);
    (void)cs_pairs_decode(pool, cs_json_get(root, "labels"), &labels);
    matches = cs_selector_matches(&s, &labels);
    cs_selector_print(&s, &text);
    FUZZ_CHECK(!matches || s.present, "an absent selector matches");
    FUZZ_CHECK(!cs_selector_empty(&s) || matches == s.present, "an empty selector is picky");
    if (s.present && cs_selector_valid(&s))
        FUZZ_CHECK(matches == text_matches(cs_strbuf_str(&text), &labels), "%s, and as text \"%s\" not so",
            matches ? "it matches" : "it does not match", cs_strbuf_str(&text));
    cs_pairs_done(pool, &labels);
    cs_selector_done(pool, &s);
    fuzz_pool_free(pool);
    return 0;
}

FUZZ_JSON_MUTATOR
