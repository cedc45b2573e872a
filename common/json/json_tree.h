/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small mutable tree (cJSON) for the few places that must change JSON: normalising templates, building revision
 * data. Numbers keep their text (never doubles), strings are decoded, keys are compared case-sensitively, a duplicate
 * key of the source has already lost to its last occurrence.
 */
#ifndef CS_JSON_TREE_H
#define CS_JSON_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/cleanup.h"
#include "common/base/str.h"
#include "common/base/strbuf.h"
#include "common/json/json_doc.h"

struct cs_jtree; /* a node; a root is owned, inner nodes are borrowed */

struct cs_jtree *cs_jtree_from(struct cs_json v); /* deep copy of a document value; absent gives NULL */
void cs_jtree_free(struct cs_jtree *root);
CS_DEFINE_CLEANUP(struct cs_jtree *, cs_jtree_free)
#define cs_autojtree CS_CLEANUP(cs_jtree_free_cleanup) struct cs_jtree

struct cs_jtree *cs_jtree_new_obj(void);
struct cs_jtree *cs_jtree_new_arr(void);
struct cs_jtree *cs_jtree_new_str(const char *s);
struct cs_jtree *cs_jtree_new_i64(int64_t v);
struct cs_jtree *cs_jtree_new_bool(bool v);
struct cs_jtree *cs_jtree_new_null(void);

enum cs_jtype cs_jtree_type(const struct cs_jtree *t); /* t must not be NULL */
bool cs_jtree_is(const struct cs_jtree *t, enum cs_jtype type); /* NULL-safe */
const char *cs_jtree_str(const struct cs_jtree *t); /* decoded string or NULL; borrowed */
const char *cs_jtree_number(const struct cs_jtree *t); /* text of a number or NULL; borrowed */
const char *cs_jtree_key(const struct cs_jtree *t); /* key of a member or NULL; borrowed */
size_t cs_jtree_count(const struct cs_jtree *t);

struct cs_jtree *cs_jtree_get(const struct cs_jtree *obj, const char *key); /* borrowed or NULL; NULL-safe */
struct cs_jtree *cs_jtree_index(const struct cs_jtree *arr, size_t i);
struct cs_jtree *cs_jtree_first(const struct cs_jtree *parent);
struct cs_jtree *cs_jtree_next(const struct cs_jtree *child);

/* Sets or replaces a member; takes ownership of v. Returns v. */
struct cs_jtree *cs_jtree_set(struct cs_jtree *obj, const char *key, struct cs_jtree *v);
struct cs_jtree *cs_jtree_append(struct cs_jtree *arr, struct cs_jtree *v);
struct cs_jtree *cs_jtree_prepend(struct cs_jtree *arr, struct cs_jtree *v);
void cs_jtree_del(struct cs_jtree *obj, const char *key); /* nothing when absent */
void cs_jtree_remove(struct cs_jtree *parent, struct cs_jtree *child); /* unlinks and frees */
struct cs_jtree *cs_jtree_dup(const struct cs_jtree *t);

/* Sorts members of all objects by key, bytewise, at every depth. */
void cs_jtree_sort(struct cs_jtree *t);
/* Compact text; html_escape as in json_writer.h. */
void cs_jtree_print(const struct cs_jtree *t, struct cs_strbuf *out, bool html_escape);
/* Deep equality as cs_json_equal. */
bool cs_jtree_equal(const struct cs_jtree *a, const struct cs_jtree *b);

#endif
