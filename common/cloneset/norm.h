/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The normal form of a template (template.h) that is kept for long: its digest stays. Its tree, many times as large as its text, is
 * made when somebody asks for it, and put away when nobody did for a while.
 */
#ifndef CS_CLONESET_NORM_H
#define CS_CLONESET_NORM_H

#include <stdbool.h>
#include <stdint.h>

#include "common/cloneset/template.h"

struct cs_norm {
    const char *raw; /* JSON of what it is of; borrowed */
    struct cs_jtree *tree; /* owned; NULL: not made, or put away */
    uint64_t digest; /* cs_template_digest */
    uint64_t id; /* given by whoever made it */
    uint64_t compared; /* id of the one it was last compared with, as the left one of the two; 0: none */
    bool equal; /* … what came of it */
    bool is_revision; /* raw is the data of a revision, else a template */
    bool asked; /* for the tree, since the last cs_norm_rest */
};

/*
 * raw is "", or JSON that was parsed before; what holds no template counts as {}. It has to outlive the result. id: not 0, and no two that
 * are compared have the same, be it one after the other.
 */
struct cs_norm *cs_norm_new(const char *raw, bool is_revision, uint64_t id);
void cs_norm_free(struct cs_norm *n); /* NULL-safe */
const struct cs_jtree *cs_norm_tree(struct cs_norm *n); /* borrowed, until cs_norm_rest */
/* Of each pass over a set: a tree that was not asked for since the last call is not needed. */
void cs_norm_rest(struct cs_norm *n);
/* D9, as cs_template_equal. a remembers what came of it, so that it takes the trees only once. */
bool cs_norm_equal(struct cs_norm *a, struct cs_norm *b);

#endif
