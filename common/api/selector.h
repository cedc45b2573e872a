/* SPDX-License-Identifier: Apache-2.0 */
/*
 * LabelSelector: decode, match, print (spec §1.3).
 */
#ifndef CS_API_SELECTOR_H
#define CS_API_SELECTOR_H

#include "common/api/meta.h"
#include "common/base/strbuf.h"

enum cs_selector_op { CS_OP_IN, CS_OP_NOT_IN, CS_OP_EXISTS, CS_OP_NOT_EXISTS, CS_OP_UNKNOWN };

struct cs_requirement {
    const char *key;
    const char *op_text; /* as written */
    enum cs_selector_op op;
    const char **values; /* as written */
    uint32_t n_values;
};

struct cs_selector {
    struct cs_pairs match_labels;
    struct cs_requirement *exprs;
    uint32_t n_exprs;
    bool present;
};

/*
 * null/absent: present = false. Whatever is malformed (wrong types, values that are no strings) becomes a requirement with an
 * unknown operator: a broken selector is invalid and matches nothing, rather than matching more than was meant.
 */
void cs_selector_decode(struct cs_intern *pool, struct cs_json v, struct cs_selector *ret);
void cs_selector_done(struct cs_intern *pool, struct cs_selector *s);
bool cs_selector_empty(const struct cs_selector *s); /* no labels and no expressions */
/*
 * Usable as a selector: keys, values and operators are well-formed (the detailed errors are admission's). An absent and an
 * empty one are valid.
 */
bool cs_selector_valid(const struct cs_selector *s);
/* An absent selector matches nothing, an empty one everything. NotIn and DoesNotExist match an absent key. */
bool cs_selector_matches(const struct cs_selector *s, const struct cs_pairs *labels);
/*
 * status.labelSelector: requirements sorted by key, values sorted: "app=web,!d,e,k in (a,b),n notin (x),z=1". For valid
 * selectors; requirements with an unknown operator are left out. Appends nothing for an absent or empty one.
 */
void cs_selector_print(const struct cs_selector *s, struct cs_strbuf *out);

#endif
