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

/* What a mount may name: volumes first, then claim templates. */
struct cs_volumes {
    struct cs_names names;
    size_t n_volumes; /* names with an index below are volumes, the others claim templates */
};
/* Rule 8 (§3.3). vcts: spec.volumeClaimTemplates when it is an array. */
void cs_check_template(struct cs_check *c, const struct cs_path *at, struct cs_json tmpl, struct cs_json vcts);
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
