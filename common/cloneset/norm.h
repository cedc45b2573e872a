/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The normal form of a template (template.h) that is kept for long: what tells it from others stays, its tree, many times as large as
 * its text, is made when somebody asks for it, and put away when nobody did for a while.
 */
#ifndef CS_CLONESET_NORM_H
#define CS_CLONESET_NORM_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/hash.h"
#include "common/cloneset/template.h"

struct cs_norm {
    const char *raw; /* JSON of what it is of; borrowed */
    bool is_revision; /* raw is the data of a revision, else a template */
    bool asked; /* for the tree, since the last cs_norm_rest */
    struct cs_jtree *tree; /* owned; NULL: not made, or put away */
    uint64_t digest; /* cs_template_digest */
    unsigned char sum[CS_SHA256_SIZE]; /* of its text */
};

/* raw that is no JSON, or holds no template, counts as {}. It has to outlive the result. */
struct cs_norm *cs_norm_new(const char *raw, bool is_revision);
void cs_norm_free(struct cs_norm *n); /* NULL-safe */
const struct cs_jtree *cs_norm_tree(struct cs_norm *n); /* borrowed, until cs_norm_rest */
/* Of each pass over a set: a tree that was not asked for since the last call is not needed. */
void cs_norm_rest(struct cs_norm *n);
/* D9, as cs_template_equal; mostly without the trees. */
bool cs_norm_equal(struct cs_norm *a, struct cs_norm *b);

#endif
