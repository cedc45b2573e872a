/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rule 8: the [core] part of the API server's own validation of a Pod template (spec §3.3), in its order: JSON types,
 * metadata, volumes, containers, init containers, policies, ephemeral containers. Paths are those of the user's
 * document ("spec.template.metadata.labels", where the API server says "spec.template.labels").
 */
#include "common/cloneset/validate_private.h"

/* The sources of a volume, in the order in which the API server looks for them. */
static const char *const volume_sources[] = {"emptyDir", "hostPath", "gitRepo", "gcePersistentDisk",
    "awsElasticBlockStore", "secret", "nfs", "iscsi", "glusterfs", "flocker", "persistentVolumeClaim", "rbd", "cinder",
    "cephfs", "quobyte", "downwardAPI", "fc", "flexVolume", "configMap", "azureFile", "vsphereVolume",
    "photonPersistentDisk", "portworxVolume", "azureDisk", "storageos", "projected", "scaleIO", "csi", "ephemeral",
    "image"};

static struct cs_str name_of(struct cs_check *c, struct cs_json obj)
{
    return cs_check_text(c, cs_json_get(obj, "name"));
}

/* ---- volumes ---- */

/* Every source but the first is one too many. */
static void check_volume_sources(struct cs_check *c, const struct cs_path *at, struct cs_json volume)
{
    bool seen = false;

    if (cs_json_count(volume) <= 2) /* the name and one source */
        return;
    for (size_t i = 0; i < CS_ARRAY_LEN(volume_sources); i++) {
        if (cs_json_is_null(cs_json_get(volume, volume_sources[i])))
            continue;
        if (seen)
            cs_bad_forbidden(c, CS_KEY(at, volume_sources[i]), "may not specify more than 1 volume type");
        seen = true;
    }
}

static struct cs_str claim_template_name(struct cs_check *c, struct cs_json vct)
{
    return cs_check_text(c, cs_json_at(vct, "metadata", "name", NULL));
}

static void collect_volumes(struct cs_check *c, struct cs_json list, struct cs_json vcts, struct cs_volumes *ret)
{
    cs_json_foreach (volume, list)
        cs_names_add(&ret->names, name_of(c, volume), volume);
    ret->n_volumes = ret->names.n;
    cs_json_foreach (vct, vcts)
        cs_names_add(&ret->names, claim_template_name(c, vct), vct);
    cs_names_sort(&ret->names);
}

/* hint: where a name comes from that is not written in the template; or NULL */
static void check_volume_name(struct cs_check *c, const struct cs_path *at, struct cs_str name, size_t index,
    const struct cs_volumes *volumes, const char *hint)
{
    const struct cs_name *first = cs_names_find(&volumes->names, name);

    if (name.len == 0)
        cs_bad_required(c, at, "%s", hint ? hint : "");
    else if (cs_check_dns_label(c, at, name) && first && first->index < index)
        cs_bad_duplicate(c, at, name, hint);
}

static void check_volumes(struct cs_check *c, const struct cs_path *at, struct cs_json list, struct cs_json vcts,
    const struct cs_volumes *volumes)
{
    size_t i = 0, claim = 0;

    cs_json_foreach (volume, list) {
        const struct cs_path *here = CS_IDX(at, i);

        check_volume_name(c, CS_KEY(here, "name"), name_of(c, volume), i, volumes, NULL);
        check_volume_sources(c, here, volume);
        i++;
    }
    /* Claim templates become volumes of their name; the path is the one that they have then (§3.3). */
    cs_json_foreach (vct, vcts) {
        char hint[64];

        (void)snprintf(hint, sizeof(hint), "spec.volumeClaimTemplates[%zu].metadata.name", claim++);
        check_volume_name(c, CS_KEY(CS_IDX(at, i), "name"), claim_template_name(c, vct), i, volumes, hint);
        i++;
    }
}

/* ---- containers ---- */

struct containers {
    const struct cs_volumes *volumes;
    struct cs_names names; /* of containers, then of init containers */
    size_t next; /* index in names of the container that comes next */
};

static void check_containers(
    struct cs_check *c, const struct cs_path *at, struct cs_json list, struct containers *containers)
{
    size_t i = 0;

    cs_json_foreach (container, list) {
        const struct cs_path *here = CS_IDX(at, i++);
        struct cs_str name = name_of(c, container);
        const struct cs_name *first = cs_names_find(&containers->names, name);

        cs_check_container(c, here, container, containers->volumes);
        if (name.len && first && first->index < containers->next)
            cs_bad_duplicate(c, CS_KEY(here, "name"), name, NULL);
        containers->next++;
    }
}

static void check_all_containers(
    struct cs_check *c, const struct cs_path *at, struct cs_json spec, const struct cs_volumes *volumes)
{
    struct cs_json list = cs_list_of(spec, "containers"), init = cs_list_of(spec, "initContainers");
    struct containers containers = {.volumes = volumes};

    cs_json_foreach (container, list)
        cs_names_add(&containers.names, name_of(c, container), container);
    cs_json_foreach (container, init)
        cs_names_add(&containers.names, name_of(c, container), container);
    cs_names_sort(&containers.names);
    if (cs_json_count(list) == 0)
        cs_bad_required(c, CS_KEY(at, "containers"), "%s", "");
    check_containers(c, CS_KEY(at, "containers"), list, &containers);
    check_containers(c, CS_KEY(at, "initContainers"), init, &containers);
    cs_names_done(&containers.names);
}

/* ---- the template ---- */

void cs_check_template(struct cs_check *c, const struct cs_path *at, struct cs_json tmpl, struct cs_json vcts,
    struct cs_template_facts *facts)
{
    static const char *const restart[] = {"Always", "OnFailure", "Never", NULL};
    static const char *const dns[] = {"ClusterFirstWithHostNet", "ClusterFirst", "Default", "None", NULL};
    const struct cs_path *at_meta = CS_KEY(at, "metadata"), *at_spec = CS_KEY(at, "spec");
    struct cs_json meta = cs_object_of(tmpl, "metadata"), spec = cs_object_of(tmpl, "spec");
    struct cs_volumes volumes = {0};

    if (!facts || !cs_template_is_exact(facts, tmpl))
        cs_check_types(c, at, &cs_schema_pod_template_spec, tmpl);
    cs_check_labels(c, CS_KEY(at_meta, "labels"), cs_object_of(meta, "labels"));
    cs_check_annotations(c, CS_KEY(at_meta, "annotations"), cs_object_of(meta, "annotations"));
    collect_volumes(c, cs_list_of(spec, "volumes"), vcts, &volumes);
    check_volumes(c, CS_KEY(at_spec, "volumes"), cs_list_of(spec, "volumes"), vcts, &volumes);
    check_all_containers(c, at_spec, spec, &volumes);
    cs_check_choice(c, at_spec, spec, "restartPolicy", restart, "\"Always\", \"OnFailure\", \"Never\"");
    cs_check_choice(
        c, at_spec, spec, "dnsPolicy", dns, "\"ClusterFirstWithHostNet\", \"ClusterFirst\", \"Default\", \"None\"");
    if (cs_json_count(cs_list_of(spec, "ephemeralContainers")) > 0)
        cs_bad_forbidden(c, CS_KEY(at_spec, "ephemeralContainers"), "ephemeral containers not allowed in pod template");
    cs_names_done(&volumes.names);
}
