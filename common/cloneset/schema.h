/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the members of a Pod template and of a claim template are: one table (schema_{meta,volume,container,pod}.c) and several
 * walks over it. Normal form and difference (template.h, D9), revision data (Appendix C, D10) and the search for mistyped
 * members all read the same entries, so they cannot disagree about a member.
 *
 * Member names and their presence on the wire are those of core/v1 up to Kubernetes 1.37. Members that came after 1.32, the
 * version that the peer is built with, carry CS_SF_NEW: the peer does not know them (D10).
 */
#ifndef CS_CLONESET_SCHEMA_H
#define CS_CLONESET_SCHEMA_H

#include "common/json/json_doc.h"

enum cs_schema_kind {
    CS_SK_STR,
    CS_SK_BOOL,
    CS_SK_I32,
    CS_SK_I64,
    CS_SK_INTSTR, /* integer or string */
    CS_SK_QTY, /* quantity: string or number */
    CS_SK_TIME,
    CS_SK_STRS, /* list of strings */
    CS_SK_INTS, /* list of integers */
    CS_SK_STRMAP, /* map to strings */
    CS_SK_QTYMAP, /* map to quantities */
    CS_SK_OBJ, /* object of a known type */
    CS_SK_LIST, /* list of objects of a known type */
    CS_SK_ANY, /* not looked into */
    CS_SK_COUNT
};

enum cs_schema_flag {
    CS_SF_PTR = 1 << 0, /* an explicit zero or {} means something else than absence */
    CS_SF_ALWAYS = 1 << 1, /* the typed serialisation writes it also when it is zero (Appendix C) */
    CS_SF_NEW = 1 << 2, /* unknown to the peer */
};

/* What names an element of a list, so that lists can be compared element by element. */
enum cs_schema_key {
    CS_SKEY_NONE,
    CS_SKEY_NAME,
    CS_SKEY_PORT, /* name, else containerPort and protocol */
    CS_SKEY_MOUNT_PATH,
    CS_SKEY_DEVICE_PATH,
};

struct cs_schema_type;

struct cs_schema_field {
    const char *name;
    const char *def; /* text of the default (strings unquoted, {} as such); NULL: none but the zero */
    const struct cs_schema_type *type; /* CS_SK_OBJ, CS_SK_LIST: of the object, of the elements */
    uint8_t kind; /* enum cs_schema_kind */
    uint8_t flags; /* enum cs_schema_flag */
    uint8_t order; /* place in the typed member order, which the claim-template hash needs */
    uint8_t name_len;
};

struct cs_schema_type {
    const struct cs_schema_field *fields; /* sorted by name, bytewise */
    uint8_t n_fields;
    uint8_t key; /* enum cs_schema_key: of lists of this type */
};

extern const struct cs_schema_type cs_schema_pod_template_spec;
extern const struct cs_schema_type cs_schema_container;
extern const struct cs_schema_type cs_schema_ephemeral_container;
extern const struct cs_schema_type cs_schema_volume;
extern const struct cs_schema_type cs_schema_persistent_volume_claim;
extern const struct cs_schema_type cs_schema_persistent_volume_claim_spec;

/* A member of a type by name; NULL when there is none. NULL-safe for type and name. */
const struct cs_schema_field *cs_schema_find(const struct cs_schema_type *type, struct cs_str name);
/* A member of an object that counts (of duplicate keys the last), in document order, and what the table says about it. */
struct cs_schema_member {
    struct cs_json v;
    const struct cs_schema_field *field; /* NULL: it is in no table */
};
struct cs_schema_members {
    struct cs_schema_member *items;
    size_t n;
    struct cs_schema_member small[24]; /* enough for nearly all objects */
};
/* Of anything but an object: none. */
void cs_schema_members_of(struct cs_json obj, const struct cs_schema_type *type, struct cs_schema_members *ret);
void cs_schema_members_done(struct cs_schema_members *m);
#define cs_auto_schema_members CS_CLEANUP(cs_schema_members_done) struct cs_schema_members

/*
 * Reports every member that is in no table: path as the user writes it ("spec.template.spec.containers[0].imagee") and the
 * nearest known name at that level, or NULL when none is near. Strings are borrowed for the call. Returns whether there
 * was one. on_unknown may be NULL when only that is of interest; it hears of the first CS_UNKNOWN_FIELDS_MAX at most. Values of a
 * wrong type are not looked into.
 */
#define CS_UNKNOWN_FIELDS_MAX 64
bool cs_template_unknown_field(
    struct cs_json tmpl, void (*on_unknown)(void *ctx, const char *path, const char *nearest), void *ctx);
/* The same for a list of claim templates: "spec.volumeClaimTemplates[0].spec.storageClas". */
bool cs_claim_templates_unknown_field(
    struct cs_json vcts, void (*on_unknown)(void *ctx, const char *path, const char *nearest), void *ctx);

#endif
