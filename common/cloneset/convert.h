/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Conversion of a CloneSet between v1alpha1 and v1beta1 (spec §1.4, D19): pure, JSON in, JSON out. Everything but the strategies,
 * labels and annotations is spliced byte for byte, templates first of all.
 *
 * Lossless both ways: what the other version has no words for (absent or explicit, a strategy under OnDelete, an unknown
 * member …) is kept in one annotation of the converted object, CS_ANNO_CONVERSION, and comes back when that object is
 * converted again. The annotation never has a say about anything that the version shown can express: each half of it counts
 * only while the hash of the fields it belongs to is that of the fields shown, and only if what it restores converts to
 * exactly these fields. So an edit in either version wins, and a forged annotation changes nothing that can be seen.
 *
 * Different from the peer on purpose: `excludePreparingDelete` is converted to the label as well as from it, since v1alpha1 is
 * the version that the controller reads.
 */
#ifndef CS_CLONESET_CONVERT_H
#define CS_CLONESET_CONVERT_H

#include "common/base/error.h"
#include "common/base/strbuf.h"
#include "common/cloneset/shape.h"

/*
 * Appends obj in version `to`; the same bytes when it is of that version already. CS_ERR_INVALID with the path of what cannot be
 * read: no CloneSet of a known version, or metadata of a form that no API server sends. Fields of spec may have any type: what
 * cannot be converted is passed on as it is.
 */
bool cs_convert(struct cs_json obj, enum cs_version to, struct cs_strbuf *out, struct cs_error *err);

/*
 * Values in what conversion makes trees of: labels, annotations and both strategies. Beyond the maximum cs_convert refuses
 * (CS_ERR_TOO_LARGE), for the trees would cost more memory than the webhook has; admission draws the line earlier.
 */
size_t cs_convert_values(struct cs_json obj);
#define CS_CONVERT_VALUES_MAX 40000
#define CS_CONVERT_VALUES_ADMITTED 20000

/* Which halves of the annotation of obj count, as flags; 0 when none does, or there is no annotation. */
enum { CS_NOTE_SCALE = 1 << 0, CS_NOTE_UPDATE = 1 << 1 };
unsigned cs_convert_note_counts(struct cs_json obj);
/* True when obj carries the annotation and nothing in it counts (any more). */
bool cs_convert_note_is_stale(struct cs_json obj);

struct cs_texts;
/*
 * Violations for an object that is to be accepted (old_obj absent on CREATE), beyond those of validate.h: too many values, or a
 * note that brings something back which breaks a rule. Not what held for the old object already (D15).
 */
void cs_convert_admit(struct cs_json old_obj, struct cs_json new_obj, struct cs_texts *ret_errors);

#endif
