/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For the files of validation only: field paths, the reporting of violations in the API server's words, and
 * type-tolerant access to fields. Nothing here keeps a pointer into the checked document longer than its struct cs_check
 * lives.
 */
#ifndef CS_CLONESET_VALIDATE_REPORT_H
#define CS_CLONESET_VALIDATE_REPORT_H

#include "common/base/strbuf.h"
#include "common/cloneset/validate.h"

/*
 * A field path, built on the C stack from the root downwards and rendered only when something is wrong. One step is a
 * member (".key"), a map key ("[sub]") or an index ("[3]").
 */
struct cs_path {
    const struct cs_path *up; /* NULL: this step is the first */
    const char *key; /* member name; NULL: sub or index counts */
    struct cs_str sub; /* map key, decoded; p NULL: index counts */
    size_t index;
};
/* Valid until the enclosing block ends. */
#define CS_KEY(up_, key_) (&(const struct cs_path){.up = (up_), .key = (key_)})
#define CS_SUB(up_, sub_) (&(const struct cs_path){.up = (up_), .sub = (sub_)})
#define CS_IDX(up_, index_) (&(const struct cs_path){.up = (up_), .index = (index_)})

/* One run over one object: where violations go, and the decoded copies of escaped strings. */
struct cs_check {
    struct cs_texts *out; /* borrowed; NULL: nothing is reported */
    char **owned;
    size_t n_owned, cap_owned;
};
void cs_check_done(struct cs_check *c);
#define cs_autocheck CS_CLEANUP(cs_check_done) struct cs_check

/* More violations than this are counted as one line: a hostile object must not cost quadratic time or a huge answer. */
#define CS_TEXTS_MAX 256
/* Takes an owned text; drops it when it is a duplicate. */
void cs_texts_take(struct cs_texts *t, char *text);
bool cs_texts_has(const struct cs_texts *t, const char *text);
/* Nothing that is added from here on would be seen: work for it can be spared. NULL counts as full. */
static inline bool cs_texts_full(const struct cs_texts *t)
{
    return !t || t->n > CS_TEXTS_MAX;
}

/* ---- texts of values ---- */

/* Longest value shown after "Invalid value:". */
#define CS_VALUE_MAX 256
/* Appends s, or its first bytes (at most max, on a character boundary) and "…". */
void cs_shorten(struct cs_strbuf *out, struct cs_str s, size_t max);
/* Appends a value as one line of compact JSON, shortened; absent gives null. */
void cs_value_text(struct cs_strbuf *out, struct cs_json v, size_t max);
void cs_path_text(struct cs_strbuf *out, const struct cs_path *at);

/* ---- violations: "<path>: <Kind>: <detail>" (spec §3.1) ---- */

void cs_bad_required(struct cs_check *c, const struct cs_path *at, const char *fmt, ...) /* fmt "": no detail */
    __attribute__((format(printf, 3, 4)));
void cs_bad_value(struct cs_check *c, const struct cs_path *at, struct cs_json v, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
void cs_bad_text(struct cs_check *c, const struct cs_path *at, struct cs_str v, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
void cs_bad_int(struct cs_check *c, const struct cs_path *at, int64_t v, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
/* supported: as shown, "\"a\", \"b\"" */
void cs_bad_unsupported(struct cs_check *c, const struct cs_path *at, struct cs_str v, const char *supported);
void cs_bad_forbidden(struct cs_check *c, const struct cs_path *at, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void cs_bad_too_long(struct cs_check *c, const struct cs_path *at, const char *detail);
void cs_bad_duplicate(
    struct cs_check *c, const struct cs_path *at, struct cs_str v, const char *hint); /* hint: or NULL */
void cs_bad_not_found(struct cs_check *c, const struct cs_path *at, struct cs_str v, const char *hint);

/* ---- reading ---- */

enum cs_want { CS_WANT_OBJECT, CS_WANT_ARRAY, CS_WANT_STRING, CS_WANT_BOOL, CS_WANT_INT32 };
/*
 * A member of obj, absent when it is absent or null. A wrong JSON type is reported ("must be an array") and counts as
 * absent.
 */
struct cs_json cs_want(
    struct cs_check *c, const struct cs_path *up, struct cs_json obj, const char *key, enum cs_want want);
/* The same for a value at hand; null passes (Go reads null elements as empty ones). */
bool cs_want_value(struct cs_check *c, const struct cs_path *at, struct cs_json v, enum cs_want want);
/* An int32 member; absent or wrong: dflt. */
int32_t cs_want_i32(struct cs_check *c, const struct cs_path *up, struct cs_json obj, const char *key, int32_t dflt);
/* A string member; absent, wrong and empty give {NULL, 0}: Go does not tell them apart either. */
struct cs_str cs_want_text(struct cs_check *c, const struct cs_path *up, struct cs_json obj, const char *key);

/* A member that is an array, or an object; absent when it is something else. */
static inline struct cs_json cs_list_of(struct cs_json obj, const char *key)
{
    struct cs_json v = cs_json_get(obj, key);

    return cs_json_is(v, CS_J_ARRAY) ? v : (struct cs_json){0};
}
static inline struct cs_json cs_object_of(struct cs_json obj, const char *key)
{
    struct cs_json v = cs_json_get(obj, key);

    return cs_json_is(v, CS_J_OBJECT) ? v : (struct cs_json){0};
}

/* Decoded string value or member key, valid as long as c; {NULL, 0} when there is none. */
struct cs_str cs_check_text(struct cs_check *c, struct cs_json v);
struct cs_str cs_check_key(struct cs_check *c, struct cs_json member);

/* Keeps an owned text as long as c lives. */
struct cs_str cs_check_own(struct cs_check *c, char *s);

/* Int-or-percent without a word about errors; false when it is neither. Absent: true and CS_IS_ABSENT. */
bool cs_intstr_read(struct cs_check *c, struct cs_json v, struct cs_intstr *ret);
#endif
