/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a parsed document is made of. Included by json_doc.h, which says what to do with it.
 */
#ifndef CS_JSON_NODE_H
#define CS_JSON_NODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum cs_jtype { CS_J_NULL, CS_J_FALSE, CS_J_TRUE, CS_J_NUMBER, CS_J_STRING, CS_J_ARRAY, CS_J_OBJECT };

/* A value. Children of an array or object follow it directly; a member's key is kept at its value. */
struct cs_jnode {
    uint32_t start, end; /* span of the value in the text, quotes/brackets included */
    uint32_t key_start, key_len; /* object member: span of the key without quotes; else 0, 0 */
    uint32_t size; /* nodes of this value, itself included: next sibling = this + size */
    uint32_t count; /* children */
    uint8_t type; /* enum cs_jtype */
    uint8_t escaped; /* string: contains a backslash */
    uint8_t key_escaped; /* key contains a backslash */
};

struct cs_jdoc {
    const char *text; /* borrowed from the caller, must outlive the doc */
    size_t len;
    struct cs_jnode *nodes; /* nodes[0] is the root */
    size_t n_nodes, cap_nodes;
};

/* A value in its document: pass by value. An absent value has node == NULL; every accessor accepts it. */
struct cs_json {
    const struct cs_jdoc *doc;
    const struct cs_jnode *node;
};
static inline bool cs_json_exists(struct cs_json v)
{
    return v.node != NULL;
}
/* A null is in it, however deep. */
static inline bool cs_json_has_null(struct cs_json v)
{
    bool found = false;

    for (uint32_t i = 0; v.node && i < v.node->size && !found; i++)
        found = v.node[i].type == CS_J_NULL;
    return found;
}

#endif
