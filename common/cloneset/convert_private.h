/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For the files of conversion only. A "view" is what conversion looks at of one object, as one small tree: "labels" and
 * "annotations" of its metadata, "scaleStrategy" and "updateStrategy" of its spec, each absent where the object has none.
 */
#ifndef CS_CLONESET_CONVERT_PRIVATE_H
#define CS_CLONESET_CONVERT_PRIVATE_H

#include "common/cloneset/convert.h"
#include "common/json/json_tree.h"

/* The two halves of a view, converted without regard to each other: an edit of one leaves what is kept for the other. */
struct cs_convert_part {
    const char *member; /* of spec */
    const char *meta; /* "labels" or "annotations" */
    const char *keys[4]; /* of these, NULL-terminated */
};
#define CS_CONVERT_PARTS 2
extern const struct cs_convert_part cs_convert_parts[CS_CONVERT_PARTS];

/* The API server refuses a conversion that makes annotations larger, and with it every read of the object. */
#define CS_ANNOTATIONS_MAX ((size_t)256 << 10)
/* Sets an annotation of the view if all of them together stay within the limit. */
bool cs_convert_annotate(struct cs_jtree *view, const char *key, const char *text);

/* The rules of spec §1.4, without regard to the annotation; labels and annotations that are empty become absent. */
void cs_convert_rules(struct cs_jtree *view, enum cs_version to);

/*
 * Takes the annotation out of a view: what it holds when it is for `version`, owned; else NULL. *ret_had: there was one.
 */
struct cs_jtree *cs_convert_note_take(struct cs_jtree *view, enum cs_version version, bool *ret_had);
/* Appends to *view the annotation that holds what `lost` (an object of cs_convert_note_part's, may be empty) says. */
void cs_convert_note_put(struct cs_jtree *view, enum cs_version version, struct cs_jtree *lost);
/*
 * What must be done to `got` to make it `wanted`, in one part; NULL: nothing. shown: the view that the annotation will stand
 * in. Both `got` and `wanted` are sorted. Owned.
 */
struct cs_jtree *cs_convert_note_part(const struct cs_convert_part *part, const struct cs_jtree *got,
    const struct cs_jtree *wanted, const struct cs_jtree *shown);
/* Does so. False, with got half changed: the note is not about `shown`, or asks for more than a note may. */
bool cs_convert_note_apply(const struct cs_jtree *note, const struct cs_convert_part *part, struct cs_jtree *got,
    const struct cs_jtree *shown);

/* Equal in the fields of one part. */
bool cs_convert_part_equal(const struct cs_convert_part *part, const struct cs_jtree *a, const struct cs_jtree *b);

#endif
