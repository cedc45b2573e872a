/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For the files of validation only: lists of names that are looked up quickly whatever their number, and checks of the
 * forms of names, choices and quantities.
 */
#ifndef CS_CLONESET_VALIDATE_NAMES_H
#define CS_CLONESET_VALIDATE_NAMES_H

#include "common/cloneset/validate_report.h"

/* Names with their place of occurrence; looked up in O(log n) after cs_names_sort. */
struct cs_name {
    struct cs_str s;
    struct cs_json v; /* what the name stands for, as the user of the list likes */
    size_t index; /* order of adding */
};
struct cs_names {
    struct cs_name *items;
    size_t n, cap;
};
void cs_names_add(struct cs_names *names, struct cs_str s, struct cs_json v);
void cs_names_sort(struct cs_names *names);
/* The one added first of those that are equal to s, or NULL. */
const struct cs_name *cs_names_find(const struct cs_names *names, struct cs_str s);
void cs_names_done(struct cs_names *names);
#define cs_autonames CS_CLEANUP(cs_names_done) struct cs_names

/* Each reports what the API server would say about the form and returns whether the form is right. */
bool cs_check_dns_label(struct cs_check *c, const struct cs_path *at, struct cs_str s);
bool cs_check_dns_subdomain(struct cs_check *c, const struct cs_path *at, struct cs_str s);
bool cs_check_qualified_name(struct cs_check *c, const struct cs_path *at, struct cs_str s);
bool cs_check_label_value(struct cs_check *c, const struct cs_path *at, struct cs_str s);
bool cs_check_port_name(struct cs_check *c, const struct cs_path *at, struct cs_str s);
/* A string member must be one of a NULL-terminated list when it is there and not empty. shown: as in cs_bad_unsupported. */
void cs_check_choice(struct cs_check *c, const struct cs_path *up, struct cs_json obj, const char *key,
    const char *const *choices, const char *shown);
#define CS_QUANTITY_FORM "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
/* The text of a quantity, written as string or number; false when it is none. */
bool cs_quantity_text(struct cs_check *c, struct cs_json v, struct cs_str *ret);
/* A quantity, and not below zero. positive: zero is refused too. */
bool cs_check_quantity(struct cs_check *c, const struct cs_path *at, struct cs_json v, bool positive);

#endif
