/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The typed re-serialisation of Appendix C: what a program that decodes an object into the API's Go types and encodes it again
 * makes of it. Private to common/cloneset (revision data, claim-template hash).
 */
#ifndef CS_CLONESET_TYPED_JSON_H
#define CS_CLONESET_TYPED_JSON_H

#include "common/cloneset/template_impl.h"
#include "common/json/json_writer.h"

enum cs_typed_order {
    CS_TYPED_SORTED, /* members by name: what passed through a map on the peer's side */
    CS_TYPED_DECLARED, /* members as the API type declares them */
};

/* Writes v, an object of that type, or what the type's zero value looks like when v is no object. Unknown members are lost. */
void cs_typed_write(struct cs_jw *w, struct cs_json v, const struct cs_schema_type *type, enum cs_typed_order order);
/* Only the members, into an object that is open already. */
void cs_typed_write_members(
    struct cs_jw *w, struct cs_json v, const struct cs_schema_type *type, enum cs_typed_order order);

/* Whether v, present and not null, is the zero of an optional member that is no pointer, which is not written. */
bool cs_typed_is_omitted(struct cs_json v, const struct cs_schema_field *f);

/*
 * Whether that loses nothing and gives the bytes that the peer would write (D10). If not, *ret_reason is "<path>: <why>" of the first
 * obstacle, owned; ret_reason may be NULL.
 */
bool cs_typed_is_exact(
    struct cs_json v, const struct cs_schema_type *type, const struct cs_tpath *path, char **ret_reason);

#endif
