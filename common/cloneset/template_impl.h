/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the parts of template.h share and nobody else sees: paths that cost nothing until somebody reads them, and the
 * finer points of quantities.
 */
#ifndef CS_CLONESET_TEMPLATE_IMPL_H
#define CS_CLONESET_TEMPLATE_IMPL_H

#include "common/base/strbuf.h"
#include "common/cloneset/schema.h"
#include "common/json/json_tree.h"

/*
 * One step of a path, linked to the step above it: lives on the stack of the function that walks there. The root has
 * up == NULL and a key.
 */
struct cs_tpath {
    const struct cs_tpath *up;
    struct cs_str key; /* {NULL, 0}: an index */
    size_t index;
    bool map_key; /* key of a map, not of a struct: written "[key]" */
};

/* Appends "spec.template.spec.containers[0].image". */
void cs_tpath_render(const struct cs_tpath *path, struct cs_strbuf *out);
/* Owned. */
char *cs_tpath_dup(const struct cs_tpath *path);

/* A map: its children have free keys, not members of a table. */
static inline bool cs_schema_is_map(const struct cs_schema_field *f)
{
    return f && (f->kind == CS_SK_STRMAP || f->kind == CS_SK_QTYMAP);
}

/* Takes t, a template, and gives its normal form. */
struct cs_jtree *cs_template_normalize_tree(struct cs_jtree *t);

/* ---- quantities ---- */

/* Canonical text after rounding up (away from zero) to a multiple of 1m, as resource lists are (spec §2.2). Owned or NULL. */
char *cs_quantity_canonical_milli(struct cs_str s);
/*
 * The text that the typed serialisation writes for s: mostly the canonical one, but a decimal number that already looks canonical
 * is left as it is ("1.500", "1E3"; observed). Owned; NULL when it does not parse or exceeds what is promised (D10).
 */
char *cs_quantity_wire(struct cs_str s);
bool cs_quantity_has_wire(struct cs_str s); /* that it is not NULL */

#endif
