/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Defaults of the set's own fields (spec §1.2, §2.2 first paragraph). The webhook writes them into objects, the controller applies
 * them to what it reads (quirk 17), by the same table. Nothing is ever injected into templates (issue: what the user wrote is
 * what is stored; D9 makes a written default no change).
 */
#ifndef CS_CLONESET_DEFAULTS_H
#define CS_CLONESET_DEFAULTS_H

#include "common/api/cloneset.h"
#include "common/base/strbuf.h"

/*
 * Fills absent fields (in objects, null and a type "" count as absent): replicas 1, revisionHistoryLimit 10, type ReCreate, partition 0, maxUnavailable "20%", maxSurge 0,
 * inPlaceUpdateStrategy {} for the in-place types.
 */
void cs_cloneset_default(struct cs_intern *pool, struct cs_cloneset_spec *spec);

/*
 * The same as JSON Patch operations against the raw object: appends "[{…},…]" to out, creating missing parents
 * (updateStrategy null or absent) in order. Returns the number of operations; 0 appends nothing. Idempotent: applied to
 * its own result it gives 0. Only "add" (which replaces a null), so whatever else the object holds stays byte for byte. What should be an
 * object and is none is left to validation: no operation below it.
 *
 * An object of v1beta1 gets the defaults of its version (spec §1.4): type RollingUpdate, and if that is the type, in rollingUpdate
 * podUpdatePolicy ReCreate and the values above; nothing there for OnDelete.
 *
 * An update strategy that was converted, and about which the conversion keeps more than is shown (convert.h), is left as it is: a
 * default written into it would be an edit, and make what is kept void.
 */
size_t cs_cloneset_default_patch(struct cs_json obj, struct cs_strbuf *out);

/* Whether two objects of one version have equal specs, an absent field counting as its default: what defaulting adds is no edit. */
bool cs_cloneset_same_spec(struct cs_json a, struct cs_json b);

#endif
