/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For the files of validation only: the parts of the rules that call each other.
 */
#ifndef CS_CLONESET_VALIDATE_PRIVATE_H
#define CS_CLONESET_VALIDATE_PRIVATE_H

#include "common/cloneset/schema.h"
#include "common/cloneset/shape.h"
#include "common/cloneset/validate_names.h"
#include "common/cloneset/validate_report.h"

void cs_check_labels(struct cs_check *c, const struct cs_path *at, struct cs_json labels);
void cs_check_annotations(struct cs_check *c, const struct cs_path *at, struct cs_json annotations);
/* Rule 1. */
void cs_check_metadata(struct cs_check *c, const struct cs_path *at, struct cs_json meta);
/* Rule 4; true when a selector can be made of it (rule 6). */
bool cs_check_selector(struct cs_check *c, const struct cs_path *at, struct cs_json selector);
bool cs_selector_is_empty(struct cs_json selector);
/* selector: one that cs_check_selector accepts; labels: an object, or absent. */
bool cs_selector_matches_json(struct cs_check *c, struct cs_json selector, struct cs_json labels);

/*
 * JSON types of v and everything in it by the tables of schema.h. The rules that follow take a field of a wrong type as
 * absent and need not look at types again.
 */
void cs_check_types(struct cs_check *c, const struct cs_path *at, const struct cs_schema_type *type, struct cs_json v);

/*
 * Whether the peer would keep the new template to the byte (D10). If so every member of it is known and of its type, and who looks
 * for members that are not can do without. Asked for once in an admission, and then kept.
 */
struct cs_template_facts {
    bool known, exact;
    char *reason; /* when not exact */
};
bool cs_template_is_exact(struct cs_template_facts *f, struct cs_json tmpl);
void cs_template_facts_done(struct cs_template_facts *f);

/* As those in validate.h, in one admission. facts: NULL where nobody asks again. */
void cs_validate_cloneset_in(struct cs_json obj, struct cs_template_facts *facts, struct cs_texts *ret_errors);
void cs_validate_update_in(struct cs_json old_obj, struct cs_json new_obj, struct cs_template_facts *facts,
    struct cs_texts *ret_errors, struct cs_texts *ret_warnings);
void cs_admission_warnings_in(struct cs_json old_obj, struct cs_json new_obj, const struct cs_gates *gates,
    struct cs_template_facts *facts, struct cs_texts *ret_warnings);

/* What a mount may name: volumes first, then claim templates. */
struct cs_volumes {
    struct cs_names names;
    size_t n_volumes; /* names with an index below are volumes, the others claim templates */
};
/* Rule 8 (§3.3). vcts: spec.volumeClaimTemplates when it is an array. facts: as above. */
void cs_check_template(struct cs_check *c, const struct cs_path *at, struct cs_json tmpl, struct cs_json vcts,
    struct cs_template_facts *facts);
/* One (init) container without the uniqueness of its name. */
void cs_check_container(
    struct cs_check *c, const struct cs_path *at, struct cs_json container, const struct cs_volumes *volumes);
/* Our rules on claim templates; their names are the template's business, as volumes. */
void cs_check_claims(struct cs_check *c, const struct cs_path *at, struct cs_json vcts);

/* The three imagePreDownload* fields of an inPlaceUpdateStrategy (spec §3.5). */
void cs_check_predownload(struct cs_check *c, const struct cs_path *at, struct cs_json in_place);

/* kubectl prints a warning on a line of its own, and the API server cuts what is longer than 256 characters. */
#define CS_WARNING_MAX 200
/* Adds a warning, shortened to CS_WARNING_MAX bytes. */
void cs_warn(struct cs_texts *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
