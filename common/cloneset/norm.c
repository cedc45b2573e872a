/* SPDX-License-Identifier: Apache-2.0 */
#include "common/cloneset/norm.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"

static struct cs_jtree *make_tree(const struct cs_norm *n)
{
    cs_autojdoc doc = {0};
    struct cs_json t = {0};

    if (*n->raw != '\0') {
        /* It was parsed before: only memory can be missing, and a template taken for empty would be rolled out. */
        if (!cs_jdoc_parse(&doc, n->raw, strlen(n->raw), NULL, NULL))
            cs_out_of_memory();
        t = n->is_revision ? cs_revision_template(cs_jdoc_root(&doc)) : cs_jdoc_root(&doc);
    }
    return cs_template_normalize(t);
}

struct cs_norm *cs_norm_new(const char *raw, bool is_revision, uint64_t id)
{
    struct cs_norm *n = cs_new(struct cs_norm);
    cs_autojtree *tree = NULL;

    n->raw = raw;
    n->is_revision = is_revision;
    n->id = id;
    tree = make_tree(n);
    n->digest = cs_template_digest(tree);
    return n;
}

void cs_norm_free(struct cs_norm *n)
{
    if (!n)
        return;
    cs_jtree_free(n->tree);
    free(n);
}

const struct cs_jtree *cs_norm_tree(struct cs_norm *n)
{
    n->asked = true;
    if (!n->tree)
        n->tree = make_tree(n);
    return n->tree;
}

void cs_norm_rest(struct cs_norm *n)
{
    if (!n->asked) {
        cs_jtree_free(n->tree);
        n->tree = NULL;
    }
    n->asked = false;
}

bool cs_norm_equal(struct cs_norm *a, struct cs_norm *b)
{
    if (a->digest != b->digest)
        return false;
    if (a->compared != b->id) {
        a->equal = cs_template_equal(cs_norm_tree(a), cs_norm_tree(b));
        a->compared = b->id;
    }
    return a->equal;
}
