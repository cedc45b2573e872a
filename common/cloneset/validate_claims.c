/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Our rules on spec.volumeClaimTemplates, which the peer does not look into: what the API server would refuse when the
 * first claim is created, said when the set is written. Their names are judged as names of volumes (validate_template.c).
 */
#include "common/cloneset/validate_private.h"

#define ACCESS_MODES "\"ReadOnlyMany\", \"ReadWriteMany\", \"ReadWriteOnce\", \"ReadWriteOncePod\""

static bool is_access_mode(struct cs_str mode)
{
    return cs_str_eqz(mode, "ReadOnlyMany") || cs_str_eqz(mode, "ReadWriteMany") || cs_str_eqz(mode, "ReadWriteOnce") ||
           cs_str_eqz(mode, "ReadWriteOncePod");
}

static void check_access_modes(struct cs_check *c, const struct cs_path *at, struct cs_json modes)
{
    bool single_pod = false;

    if (cs_json_count(modes) == 0)
        cs_bad_required(c, at, "at least 1 access mode is required");
    cs_json_foreach (value, modes) {
        struct cs_str mode = cs_check_text(c, value);

        if (!is_access_mode(mode))
            cs_bad_unsupported(c, at, mode, ACCESS_MODES);
        single_pod = single_pod || cs_str_eqz(mode, "ReadWriteOncePod");
    }
    if (single_pod && cs_json_count(modes) > 1)
        cs_bad_forbidden(c, at, "may not use ReadWriteOncePod with other access modes");
}

static void check_storage(struct cs_check *c, const struct cs_path *at, struct cs_json resources)
{
    const struct cs_path *at_requests = CS_KEY(at, "requests");
    struct cs_json storage = cs_json_at(resources, "requests", "storage", NULL);

    if (cs_json_is_null(storage))
        cs_bad_required(c, CS_SUB(at_requests, CS_STR("storage")), "%s", "");
    else
        cs_check_quantity(c, CS_SUB(at_requests, CS_STR("storage")), storage, true);
}

static void check_claim(struct cs_check *c, const struct cs_path *at, struct cs_json vct)
{
    static const char *const volume_modes[] = {"Block", "Filesystem", NULL};
    const struct cs_path *at_meta = CS_KEY(at, "metadata"), *at_spec = CS_KEY(at, "spec");
    struct cs_json meta = cs_object_of(vct, "metadata"), spec = cs_object_of(vct, "spec");
    struct cs_str class_name = cs_check_text(c, cs_json_get(spec, "storageClassName"));

    cs_check_types(c, at, &cs_schema_persistent_volume_claim, vct);
    cs_check_labels(c, CS_KEY(at_meta, "labels"), cs_object_of(meta, "labels"));
    cs_check_annotations(c, CS_KEY(at_meta, "annotations"), cs_object_of(meta, "annotations"));
    check_access_modes(c, CS_KEY(at_spec, "accessModes"), cs_list_of(spec, "accessModes"));
    check_storage(c, CS_KEY(at_spec, "resources"), cs_object_of(spec, "resources"));
    if (class_name.len)
        cs_check_dns_subdomain(c, CS_KEY(at_spec, "storageClassName"), class_name);
    cs_check_choice(c, at_spec, spec, "volumeMode", volume_modes, "\"Block\", \"Filesystem\"");
}

void cs_check_claims(struct cs_check *c, const struct cs_path *at, struct cs_json vcts)
{
    size_t i = 0;

    cs_json_foreach (vct, vcts)
        check_claim(c, CS_IDX(at, i++), vct);
}
