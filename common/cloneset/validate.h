/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules of admission (spec §3.2–§3.4, D15, D16) as pure functions over JSON: all violations, in the order of the
 * spec, each "<path>: <Kind>: <detail>". The controller runs the same rules, so that it is correct with the webhook absent.
 */
#ifndef CS_CLONESET_VALIDATE_H
#define CS_CLONESET_VALIDATE_H

#include "common/api/cloneset.h"

/*
 * A growing list of texts, each owned and of one line (control characters become blanks). It holds at most 256; what is added
 * beyond them is counted as one last text, so that a hostile object costs neither quadratic time nor a huge answer.
 */
struct cs_texts {
    char **items;
    size_t n, cap;
};
void cs_texts_add(struct cs_texts *t, const char *fmt, ...)
    __attribute__((format(printf, 2, 3))); /* duplicates are dropped */
void cs_texts_done(struct cs_texts *t);

/*
 * Rules for one object on its own (CREATE; also the second half of UPDATE). obj: the whole object, already defaulted or
 * not (absent fields count as their defaults). Wrong JSON types are violations too, never crashes.
 */
void cs_validate_cloneset(struct cs_json obj, struct cs_texts *ret_errors);

/*
 * UPDATE: immutable fields, the InPlaceOnly rule (every offending field with old → new value and what to do instead), then
 * cs_validate_cloneset. D15: what the old object already violated goes to warnings; with deletionTimestamp, or with spec
 * unchanged but for defaults, nothing is refused.
 */
void cs_validate_update(
    struct cs_json old_obj, struct cs_json new_obj, struct cs_texts *ret_errors, struct cs_texts *ret_warnings);

/*
 * Warnings on an accepted object (old absent on CREATE): what the edit will do (in place or recreate, up to how many Pods, which path
 * forces it, how many claims that deletes), claim-template edits, unknown template fields with the nearest name, D10,
 * percentages that resolve to none or all, raised partition, fields that need a node daemon. gates: those that the controller
 * is taken to have.
 */
struct cs_gates;
void cs_admission_warnings(
    struct cs_json old_obj, struct cs_json new_obj, const struct cs_gates *gates, struct cs_texts *ret_warnings);

#endif
