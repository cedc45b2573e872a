/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the fields of a CloneSet lie in the version that the object is written in (spec §1.4), so that every rule is written
 * once: a rule asks the shape for the update strategy and for the names that messages must use.
 */
#ifndef CS_CLONESET_SHAPE_H
#define CS_CLONESET_SHAPE_H

#include "common/api/cloneset.h"

enum cs_version { CS_V1ALPHA1, CS_V1BETA1, CS_VERSION_UNKNOWN };

/* "apps.kruise.io/v1beta1" and its like; absent or another text: CS_VERSION_UNKNOWN. */
enum cs_version cs_version_read(struct cs_json api_version);
/* "v1alpha1" or "v1beta1", as requests name it. */
enum cs_version cs_version_named(struct cs_json name);
const char *cs_version_name(enum cs_version v); /* "v1alpha1" … */
/* The version of an object; what says nothing, or something unknown, counts as v1alpha1, the version of the controller. */
enum cs_version cs_version_of(struct cs_json obj);

/* A value that is absent, null or "" gives CS_UPDATE_UNSET. */
enum cs_update_type cs_update_policy_read(struct cs_json v);

struct cs_shape {
    enum cs_version version;
    struct cs_json spec, update; /* spec and spec.updateStrategy when they are objects */
    struct cs_json
        strategy; /* holds partition and its like: update itself, or its rollingUpdate when that is an object */
    /*
     * What the strategy amounts to in v1alpha1's words, an absent one being ReCreate; CS_UPDATE_UNKNOWN for words that no version
     * has. v1beta1: OnDelete, else podUpdatePolicy.
     */
    enum cs_update_type type;
    /* Under OnDelete v1beta1 defaults nothing inside rollingUpdate, so what is absent there is absent (spec §3.5). */
    bool undefaulted;
    bool reuse_off; /* claims of Pods that vanished are not taken over: v1beta1's default */
    const char *reuse_words; /* what says so, in a message */
    const char *strategy_path; /* "spec.updateStrategy" or "spec.updateStrategy.rollingUpdate" */
    const char *policy_path; /* of the field that says ReCreate or in place */
};

struct cs_shape cs_shape_of(struct cs_json obj);

#endif
