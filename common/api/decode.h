/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decoding JSON into structs by table, for the modules of common/api. Lenient decoders (Pods, claims, status …) take a
 * field of a wrong type as absent; strict ones (the spec of a CloneSet) end with an error that names the path. Null is absent
 * in both. What is decoded goes into zeroed memory, so an absent field is 0, false or NULL.
 */
#ifndef CS_API_DECODE_H
#define CS_API_DECODE_H

#include "common/api/meta.h"

/* Where a value stands, as a chain of stack frames; it becomes text only when something is wrong. */
struct cs_where {
    const struct cs_where *up; /* NULL: key is the first part of the path */
    const char *key; /* member; NULL: an array element */
    const struct cs_str *name; /* instead of key: a member of a free map, printed as [name] */
    size_t index;
};

struct cs_decoder {
    struct cs_intern *pool;
    struct cs_error *err; /* strict: gets the first error */
    bool strict;
    bool failed; /* what follows is not decoded any more */
};

/*
 * Decodes v, which is neither absent nor null, into *ret. False: nothing was taken (and, when strict, the decoder has
 * failed). ret may be partly filled then; the owner of the struct releases it.
 */
struct cs_field {
    const char *key;
    bool (*decode)(struct cs_decoder *d, const struct cs_where *at, struct cs_json v, void *ret);
    size_t offset; /* of what decode gets, in the struct */
    size_t has; /* offset of a bool that becomes true when the field was taken, or CS_NO_FLAG */
};
#define CS_NO_FLAG SIZE_MAX
#define CS_FIELD(type, member, key, fn)                                                                                \
    {                                                                                                                  \
        (key), (fn), offsetof(type, member), CS_NO_FLAG                                                                \
    }
#define CS_FIELD_HAS(type, member, flag, key, fn)                                                                      \
    {                                                                                                                  \
        (key), (fn), offsetof(type, member), offsetof(type, flag)                                                      \
    }
#define CS_FIELD_WHOLE(key, fn)                                                                                        \
    {                                                                                                                  \
        (key), (fn), 0, CS_NO_FLAG                                                                                     \
    } /* fn gets the struct itself */

/* The members of obj that the table names; a table ends with key NULL. False when obj is no object, or on failure. */
bool cs_decode_fields(
    struct cs_decoder *d, const struct cs_where *at, struct cs_json obj, const struct cs_field *fields, void *base);

/* For tables; ret points to … */
bool cs_decode_i32(struct cs_decoder *d, const struct cs_where *at, struct cs_json v, void *ret); /* int32_t */
bool cs_decode_i64(struct cs_decoder *d, const struct cs_where *at, struct cs_json v, void *ret); /* int64_t */
bool cs_decode_bool(struct cs_decoder *d, const struct cs_where *at, struct cs_json v, void *ret); /* bool */
bool cs_decode_text(struct cs_decoder *d, const struct cs_where *at, struct cs_json v, void *ret); /* const char * */
/* int64_t: wall ms, never 0 for a time that is there. RFC 3339 text. */
bool cs_decode_time(struct cs_decoder *d, const struct cs_where *at, struct cs_json v, void *ret);
/* struct cs_pairs. Values that are no strings: strict: null is "", as in Go, the others an error; lenient: skipped. */
bool cs_decode_pairs(struct cs_decoder *d, const struct cs_where *at, struct cs_json v, void *ret);
/* struct cs_selector (selector.c) */
bool cs_decode_selector(struct cs_decoder *d, const struct cs_where *at, struct cs_json v, void *ret);
/* An array of strings. A null element is "", as in Go; lenient: other elements that are no strings are skipped. */
bool cs_decode_texts(
    struct cs_decoder *d, const struct cs_where *at, struct cs_json v, const char ***ret, uint32_t *ret_n);
/* An array of objects: what its elements look like, and then the elements. */
struct cs_objects {
    const struct cs_field *fields;
    size_t elem_size;
    void *items; /* owned by the caller, even on failure; NULL when there are none */
    uint32_t n;
};
/* Fills items, n; each element by the table from zeroed bytes. Null elements stay zeroed. */
bool cs_decode_objects(struct cs_decoder *d, const struct cs_where *at, struct cs_json v, struct cs_objects *list);

/* When strict the error "<path>: Invalid value: <v>: must be <wanted>"; "<path>: Required value" when v is absent. Returns false. */
bool cs_decode_wrong(struct cs_decoder *d, const struct cs_where *at, struct cs_json v, const char *wanted);
/* No memory for what the object wants; an error in both modes. Returns false. */
bool cs_decode_too_large(struct cs_decoder *d, const struct cs_where *at);
/* Call at the end: false when the decoder failed or the pool refused a string. */
bool cs_decode_ok(struct cs_decoder *d);

/* The string v interned; NULL when v is no string. _nonempty: also NULL when it is "". */
const char *cs_json_intern(struct cs_intern *pool, struct cs_json v);
const char *cs_json_intern_nonempty(struct cs_intern *pool, struct cs_json v);
/* A quantity as written: a string, or the text of a number; else NULL. */
const char *cs_json_intern_quantity(struct cs_intern *pool, struct cs_json v);
/* Member `key` of obj when it is an array; else absent. */
struct cs_json cs_json_list(struct cs_json obj, const char *key);
/* Releases n strings and the array. */
void cs_texts_unref(struct cs_intern *pool, const char **items, uint32_t n);
/* The raw bytes, "" when v is absent or null; NULL without memory. */
const char *cs_json_intern_raw(struct cs_intern *pool, struct cs_json v);
/* Owned copy of the same. */
char *cs_json_raw_dup(struct cs_json v);

/* ---- arrays that a fleet shares (intern.h) ---- */

struct cs_array {
    size_t size; /* of an item */
    void (*release)(struct cs_intern *pool, const void *item); /* its strings */
};
/* The interned array of these items, whose strings it takes over. NULL: n is 0, or it was refused. */
void *cs_array_share(struct cs_intern *pool, const struct cs_array *a, const void *items, size_t n);
void cs_array_release(struct cs_intern *pool, const struct cs_array *a, const void *items, size_t n); /* NULL is fine */

/* ---- objects in one allocation: the struct, then more, then the texts that are its own ---- */

/* The string v at *room, which moves on; room has cs_text_room(v) bytes. NULL: v is no string, or there is no memory. */
const char *cs_decode_own_text(struct cs_json v, char **room);
size_t cs_text_room(struct cs_json v); /* 0: v is no string */
/* Bytes for the texts of obj's metadata. */
size_t cs_meta_room(struct cs_json obj);
/* As cs_meta_decode, with the texts at room (of cs_meta_room bytes). */
bool cs_meta_decode_at(
    struct cs_intern *pool, struct cs_json obj, void *room, struct cs_meta *ret, struct cs_error *err);
/* Releases strings and arrays; the texts belong to whoever gave the room. */
void cs_meta_release(struct cs_intern *pool, struct cs_meta *m);
/*
 * Allocates size bytes for the struct, `more` zeroed bytes behind it, and the texts of the metadata behind that; decodes the
 * metadata, which must be the first member. NULL and err on failure.
 */
void *cs_object_new(struct cs_intern *pool, struct cs_json obj, size_t size, size_t more, struct cs_error *err);

#endif
