/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one place that knows how v1beta1 arranges the update strategy, but for conversion, which rewrites it.
 */
#include "common/cloneset/shape.h"

#include "common/api/gvr.h"

static const char *const names[] = {[CS_V1ALPHA1] = "v1alpha1", [CS_V1BETA1] = "v1beta1", [CS_VERSION_UNKNOWN] = "?"};

enum cs_version cs_version_read(struct cs_json api_version)
{
    if (cs_json_str_is(api_version, CS_API_VERSION))
        return CS_V1ALPHA1;
    return cs_json_str_is(api_version, CS_API_VERSION_BETA) ? CS_V1BETA1 : CS_VERSION_UNKNOWN;
}

enum cs_version cs_version_named(struct cs_json name)
{
    if (cs_json_str_is(name, names[CS_V1ALPHA1]))
        return CS_V1ALPHA1;
    return cs_json_str_is(name, names[CS_V1BETA1]) ? CS_V1BETA1 : CS_VERSION_UNKNOWN;
}

const char *cs_version_name(enum cs_version v)
{
    return names[v];
}

enum cs_version cs_version_of(struct cs_json obj)
{
    return cs_version_read(cs_json_get(obj, "apiVersion")) == CS_V1BETA1 ? CS_V1BETA1 : CS_V1ALPHA1;
}

static struct cs_json object_of(struct cs_json obj, const char *key)
{
    struct cs_json v = cs_json_get(obj, key);

    return cs_json_is(v, CS_J_OBJECT) ? v : (struct cs_json){.doc = NULL};
}

static bool is_unset(struct cs_json v)
{
    return cs_json_is_null(v) || cs_json_str_is(v, "");
}

enum cs_update_type cs_update_policy_read(struct cs_json v)
{
    static const char *const policies[] = {
        [CS_UPDATE_RECREATE] = "ReCreate",
        [CS_UPDATE_INPLACE_IF_POSSIBLE] = "InPlaceIfPossible",
        [CS_UPDATE_INPLACE_ONLY] = "InPlaceOnly",
    };

    if (is_unset(v))
        return CS_UPDATE_UNSET;
    for (size_t i = CS_UPDATE_RECREATE; i < CS_ARRAY_LEN(policies); i++) {
        if (cs_json_str_is(v, policies[i]))
            return (enum cs_update_type)i;
    }
    return CS_UPDATE_UNKNOWN;
}

static enum cs_update_type type_of(const struct cs_shape *s)
{
    struct cs_json type = cs_json_get(s->update, "type"), policy = type;
    enum cs_update_type result;

    if (cs_json_str_is(type, "OnDelete"))
        return CS_UPDATE_ON_DELETE;
    if (s->version == CS_V1BETA1) {
        if (!is_unset(type) && !cs_json_str_is(type, "RollingUpdate"))
            return CS_UPDATE_UNKNOWN;
        policy = cs_json_get(s->strategy, "podUpdatePolicy");
    }
    result = cs_update_policy_read(policy);
    return result == CS_UPDATE_UNSET ? CS_UPDATE_RECREATE : result;
}

struct cs_shape cs_shape_of(struct cs_json obj)
{
    struct cs_shape s = {
        .version = cs_version_of(obj),
        .spec = object_of(obj, "spec"),
        .reuse_words = "scaleStrategy.disablePVCReuse",
        .strategy_path = "spec.updateStrategy",
        .policy_path = "spec.updateStrategy.type",
    };

    struct cs_json scale = object_of(s.spec, "scaleStrategy");
    s.update = object_of(s.spec, "updateStrategy");
    s.strategy = s.update;
    s.reuse_off = cs_json_is(cs_json_get(scale, "disablePVCReuse"), CS_J_TRUE);
    if (s.version == CS_V1BETA1) {
        s.reuse_off = !cs_json_is(cs_json_get(scale, "enablePVCReuse"), CS_J_TRUE);
        s.reuse_words = "scaleStrategy.enablePVCReuse false";
        s.strategy = object_of(s.update, "rollingUpdate");
        s.strategy_path = "spec.updateStrategy.rollingUpdate";
        s.policy_path = "spec.updateStrategy.rollingUpdate.podUpdatePolicy";
    }
    s.type = type_of(&s);
    s.undefaulted = s.version == CS_V1BETA1 && s.type == CS_UPDATE_ON_DELETE && cs_json_exists(s.strategy);
    return s;
}
