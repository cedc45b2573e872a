/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The short words in which the tables of schema.h are written; for schema_{meta,volume,container,pod}.c only.
 *
 * To add a member: put it into its type in bytewise order of names (a unit test checks that), with the place that it has in the
 * declaration of the API type; NEW unless Kubernetes 1.32 has it. PTR when the API type holds a pointer, ALWAYS when its JSON
 * form is written even when empty. A default (D, OD) is one that the API server applies or the API reference promises whatever the
 * rest of the object says; a doubtful one stays out, as a difference too many is harmless and one too few is not.
 */
#ifndef CS_CLONESET_SCHEMA_TABLES_H
#define CS_CLONESET_SCHEMA_TABLES_H

#include "common/cloneset/schema.h"

#define PTR CS_SF_PTR
#define ALWAYS CS_SF_ALWAYS
#define NEW CS_SF_NEW

/* F: plain member, D: with default, O: object, OD: object with default, L: list of objects. */
#define F(name, kind, flags, order)                                                                                    \
    {                                                                                                                  \
        name, NULL, NULL, CS_SK_##kind, (flags), order, sizeof(name) - 1                                               \
    }
#define D(name, kind, flags, order, def)                                                                               \
    {                                                                                                                  \
        name, def, NULL, CS_SK_##kind, (flags), order, sizeof(name) - 1                                                \
    }
#define O(name, flags, order, type)                                                                                    \
    {                                                                                                                  \
        name, NULL, &(type), CS_SK_OBJ, (flags), order, sizeof(name) - 1                                               \
    }
#define OD(name, flags, order, type, def)                                                                              \
    {                                                                                                                  \
        name, def, &(type), CS_SK_OBJ, (flags), order, sizeof(name) - 1                                                \
    }
#define L(name, flags, order, type)                                                                                    \
    {                                                                                                                  \
        name, NULL, &(type), CS_SK_LIST, (flags), order, sizeof(name) - 1                                              \
    }
#define TYPE(fields, key)                                                                                              \
    {                                                                                                                  \
        fields, CS_ARRAY_LEN(fields), CS_SKEY_##key                                                                    \
    }

extern const struct cs_schema_type cs_schema_app_armor_profile;
extern const struct cs_schema_type cs_schema_label_selector;
extern const struct cs_schema_type cs_schema_local_object_reference;
extern const struct cs_schema_type cs_schema_object_field_selector;
extern const struct cs_schema_type cs_schema_object_meta;
extern const struct cs_schema_type cs_schema_persistent_volume_claim_template;
extern const struct cs_schema_type cs_schema_resource_field_selector;
extern const struct cs_schema_type cs_schema_resource_requirements;
extern const struct cs_schema_type cs_schema_seccomp_profile;
extern const struct cs_schema_type cs_schema_selinux_options;
extern const struct cs_schema_type cs_schema_windows_security_context_options;

#endif
