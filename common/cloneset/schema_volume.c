/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Members of a Pod's volumes: one type per volume source. See schema_tables.h for how to read and extend a table.
 */
#include "common/cloneset/schema_tables.h"

static const struct cs_schema_field f_host_path_volume_source[] = {
    F("path", STR, ALWAYS, 0),
    D("type", STR, PTR, 1, ""),
};
static const struct cs_schema_type host_path_volume_source = TYPE(f_host_path_volume_source, NONE);

static const struct cs_schema_field f_empty_dir_volume_source[] = {
    F("medium", STR, 0, 0),
    F("mode", I32, PTR | NEW, 2),
    F("sizeLimit", QTY, PTR, 1),
};
static const struct cs_schema_type empty_dir_volume_source = TYPE(f_empty_dir_volume_source, NONE);

static const struct cs_schema_field f_gce_persistent_disk_volume_source[] = {
    F("fsType", STR, 0, 1),
    F("partition", I32, 0, 2),
    F("pdName", STR, ALWAYS, 0),
    F("readOnly", BOOL, 0, 3),
};
static const struct cs_schema_type gce_persistent_disk_volume_source = TYPE(f_gce_persistent_disk_volume_source, NONE);

static const struct cs_schema_field f_aws_elastic_block_store_volume_source[] = {
    F("fsType", STR, 0, 1),
    F("partition", I32, 0, 2),
    F("readOnly", BOOL, 0, 3),
    F("volumeID", STR, ALWAYS, 0),
};
static const struct cs_schema_type aws_elastic_block_store_volume_source =
    TYPE(f_aws_elastic_block_store_volume_source, NONE);

static const struct cs_schema_field f_git_repo_volume_source[] = {
    F("directory", STR, 0, 2),
    F("repository", STR, ALWAYS, 0),
    F("revision", STR, 0, 1),
};
static const struct cs_schema_type git_repo_volume_source = TYPE(f_git_repo_volume_source, NONE);

static const struct cs_schema_field f_key_to_path[] = {
    F("key", STR, ALWAYS, 0),
    F("mode", I32, PTR, 2),
    F("path", STR, ALWAYS, 1),
    F("user", I64, PTR | NEW, 3),
};
static const struct cs_schema_type key_to_path = TYPE(f_key_to_path, NONE);

static const struct cs_schema_field f_secret_volume_source[] = {
    D("defaultMode", I32, PTR, 2, "420"),
    F("defaultUser", I64, PTR | NEW, 4),
    L("items", 0, 1, key_to_path),
    D("optional", BOOL, PTR, 3, "false"),
    F("secretName", STR, 0, 0),
};
static const struct cs_schema_type secret_volume_source = TYPE(f_secret_volume_source, NONE);

static const struct cs_schema_field f_nfs_volume_source[] = {
    F("path", STR, ALWAYS, 1),
    F("readOnly", BOOL, 0, 2),
    F("server", STR, ALWAYS, 0),
};
static const struct cs_schema_type nfs_volume_source = TYPE(f_nfs_volume_source, NONE);

static const struct cs_schema_field f_iscsi_volume_source[] = {
    F("chapAuthDiscovery", BOOL, 0, 7),
    F("chapAuthSession", BOOL, 0, 8),
    F("fsType", STR, 0, 4),
    F("initiatorName", STR, PTR, 10),
    F("iqn", STR, ALWAYS, 1),
    D("iscsiInterface", STR, 0, 3, "default"),
    F("lun", I32, ALWAYS, 2),
    F("portals", STRS, 0, 6),
    F("readOnly", BOOL, 0, 5),
    O("secretRef", PTR, 9, cs_schema_local_object_reference),
    F("targetPortal", STR, ALWAYS, 0),
};
static const struct cs_schema_type iscsi_volume_source = TYPE(f_iscsi_volume_source, NONE);

static const struct cs_schema_field f_glusterfs_volume_source[] = {
    F("endpoints", STR, ALWAYS, 0),
    F("path", STR, ALWAYS, 1),
    F("readOnly", BOOL, 0, 2),
};
static const struct cs_schema_type glusterfs_volume_source = TYPE(f_glusterfs_volume_source, NONE);

static const struct cs_schema_field f_persistent_volume_claim_volume_source[] = {
    F("claimName", STR, ALWAYS, 0),
    F("readOnly", BOOL, 0, 1),
};
static const struct cs_schema_type persistent_volume_claim_volume_source =
    TYPE(f_persistent_volume_claim_volume_source, NONE);

static const struct cs_schema_field f_rbd_volume_source[] = {
    F("fsType", STR, 0, 2),
    F("image", STR, ALWAYS, 1),
    D("keyring", STR, 0, 5, "/etc/ceph/keyring"),
    F("monitors", STRS, ALWAYS, 0),
    D("pool", STR, 0, 3, "rbd"),
    F("readOnly", BOOL, 0, 7),
    O("secretRef", PTR, 6, cs_schema_local_object_reference),
    D("user", STR, 0, 4, "admin"),
};
static const struct cs_schema_type rbd_volume_source = TYPE(f_rbd_volume_source, NONE);

static const struct cs_schema_field f_flex_volume_source[] = {
    F("driver", STR, ALWAYS, 0),
    F("fsType", STR, 0, 1),
    F("options", STRMAP, 0, 4),
    F("readOnly", BOOL, 0, 3),
    O("secretRef", PTR, 2, cs_schema_local_object_reference),
};
static const struct cs_schema_type flex_volume_source = TYPE(f_flex_volume_source, NONE);

static const struct cs_schema_field f_cinder_volume_source[] = {
    F("fsType", STR, 0, 1),
    F("readOnly", BOOL, 0, 2),
    O("secretRef", PTR, 3, cs_schema_local_object_reference),
    F("volumeID", STR, ALWAYS, 0),
};
static const struct cs_schema_type cinder_volume_source = TYPE(f_cinder_volume_source, NONE);

static const struct cs_schema_field f_ceph_fs_volume_source[] = {
    F("monitors", STRS, ALWAYS, 0),
    F("path", STR, 0, 1),
    F("readOnly", BOOL, 0, 5),
    F("secretFile", STR, 0, 3),
    O("secretRef", PTR, 4, cs_schema_local_object_reference),
    F("user", STR, 0, 2),
};
static const struct cs_schema_type ceph_fs_volume_source = TYPE(f_ceph_fs_volume_source, NONE);

static const struct cs_schema_field f_flocker_volume_source[] = {
    F("datasetName", STR, 0, 0),
    F("datasetUUID", STR, 0, 1),
};
static const struct cs_schema_type flocker_volume_source = TYPE(f_flocker_volume_source, NONE);

static const struct cs_schema_field f_downward_api_volume_file[] = {
    O("fieldRef", PTR, 1, cs_schema_object_field_selector),
    F("mode", I32, PTR, 3),
    F("path", STR, ALWAYS, 0),
    O("resourceFieldRef", PTR, 2, cs_schema_resource_field_selector),
    F("user", I64, PTR | NEW, 4),
};
static const struct cs_schema_type downward_api_volume_file = TYPE(f_downward_api_volume_file, NONE);

static const struct cs_schema_field f_downward_api_volume_source[] = {
    D("defaultMode", I32, PTR, 1, "420"),
    F("defaultUser", I64, PTR | NEW, 2),
    L("items", 0, 0, downward_api_volume_file),
};
static const struct cs_schema_type downward_api_volume_source = TYPE(f_downward_api_volume_source, NONE);

static const struct cs_schema_field f_fc_volume_source[] = {
    F("fsType", STR, 0, 2),
    F("lun", I32, PTR, 1),
    F("readOnly", BOOL, 0, 3),
    F("targetWWNs", STRS, 0, 0),
    F("wwids", STRS, 0, 4),
};
static const struct cs_schema_type fc_volume_source = TYPE(f_fc_volume_source, NONE);

static const struct cs_schema_field f_azure_file_volume_source[] = {
    F("readOnly", BOOL, 0, 2),
    F("secretName", STR, ALWAYS, 0),
    F("shareName", STR, ALWAYS, 1),
};
static const struct cs_schema_type azure_file_volume_source = TYPE(f_azure_file_volume_source, NONE);

static const struct cs_schema_field f_config_map_volume_source[] = {
    D("defaultMode", I32, PTR, 2, "420"),
    F("defaultUser", I64, PTR | NEW, 4),
    L("items", 0, 1, key_to_path),
    F("name", STR, 0, 0),
    D("optional", BOOL, PTR, 3, "false"),
};
static const struct cs_schema_type config_map_volume_source = TYPE(f_config_map_volume_source, NONE);

static const struct cs_schema_field f_vsphere_virtual_disk_volume_source[] = {
    F("fsType", STR, 0, 1),
    F("storagePolicyID", STR, 0, 3),
    F("storagePolicyName", STR, 0, 2),
    F("volumePath", STR, ALWAYS, 0),
};
static const struct cs_schema_type vsphere_virtual_disk_volume_source =
    TYPE(f_vsphere_virtual_disk_volume_source, NONE);

static const struct cs_schema_field f_quobyte_volume_source[] = {
    F("group", STR, 0, 4),
    F("readOnly", BOOL, 0, 2),
    F("registry", STR, ALWAYS, 0),
    F("tenant", STR, 0, 5),
    F("user", STR, 0, 3),
    F("volume", STR, ALWAYS, 1),
};
static const struct cs_schema_type quobyte_volume_source = TYPE(f_quobyte_volume_source, NONE);

static const struct cs_schema_field f_azure_disk_volume_source[] = {
    D("cachingMode", STR, PTR, 2, "ReadWrite"),
    F("diskName", STR, ALWAYS, 0),
    F("diskURI", STR, ALWAYS, 1),
    D("fsType", STR, PTR, 3, "ext4"),
    D("kind", STR, PTR, 5, "Shared"),
    D("readOnly", BOOL, PTR, 4, "false"),
};
static const struct cs_schema_type azure_disk_volume_source = TYPE(f_azure_disk_volume_source, NONE);

static const struct cs_schema_field f_photon_persistent_disk_volume_source[] = {
    F("fsType", STR, 0, 1),
    F("pdID", STR, ALWAYS, 0),
};
static const struct cs_schema_type photon_persistent_disk_volume_source =
    TYPE(f_photon_persistent_disk_volume_source, NONE);

static const struct cs_schema_field f_secret_projection[] = {
    L("items", 0, 1, key_to_path),
    F("name", STR, 0, 0),
    D("optional", BOOL, PTR, 2, "false"),
};
static const struct cs_schema_type secret_projection = TYPE(f_secret_projection, NONE);

static const struct cs_schema_field f_downward_api_projection[] = {
    L("items", 0, 0, downward_api_volume_file),
};
static const struct cs_schema_type downward_api_projection = TYPE(f_downward_api_projection, NONE);

static const struct cs_schema_field f_config_map_projection[] = {
    L("items", 0, 1, key_to_path),
    F("name", STR, 0, 0),
    D("optional", BOOL, PTR, 2, "false"),
};
static const struct cs_schema_type config_map_projection = TYPE(f_config_map_projection, NONE);

static const struct cs_schema_field f_service_account_token_projection[] = {
    F("audience", STR, 0, 0),
    D("expirationSeconds", I64, PTR, 1, "3600"),
    F("path", STR, ALWAYS, 2),
    F("user", I64, PTR | NEW, 3),
};
static const struct cs_schema_type service_account_token_projection = TYPE(f_service_account_token_projection, NONE);

static const struct cs_schema_field f_cluster_trust_bundle_projection[] = {
    O("labelSelector", PTR, 2, cs_schema_label_selector),
    F("name", STR, PTR, 0),
    D("optional", BOOL, PTR, 3, "false"),
    F("path", STR, ALWAYS, 4),
    F("signerName", STR, PTR, 1),
    F("user", I64, PTR | NEW, 5),
};
static const struct cs_schema_type cluster_trust_bundle_projection = TYPE(f_cluster_trust_bundle_projection, NONE);

static const struct cs_schema_field f_pod_certificate_projection[] = {
    F("certificateChainPath", STR, NEW, 5),
    F("credentialBundlePath", STR, NEW, 3),
    F("keyPath", STR, NEW, 4),
    F("keyType", STR, NEW, 1),
    F("maxExpirationSeconds", I32, PTR | NEW, 2),
    F("signerName", STR, NEW, 0),
    F("user", I64, PTR | NEW, 7),
    F("userAnnotations", STRMAP, NEW, 6),
};
static const struct cs_schema_type pod_certificate_projection = TYPE(f_pod_certificate_projection, NONE);

static const struct cs_schema_field f_volume_projection[] = {
    O("clusterTrustBundle", PTR, 4, cluster_trust_bundle_projection),
    O("configMap", PTR, 2, config_map_projection),
    O("downwardAPI", PTR, 1, downward_api_projection),
    O("podCertificate", PTR | NEW, 5, pod_certificate_projection),
    O("secret", PTR, 0, secret_projection),
    O("serviceAccountToken", PTR, 3, service_account_token_projection),
};
static const struct cs_schema_type volume_projection = TYPE(f_volume_projection, NONE);

static const struct cs_schema_field f_projected_volume_source[] = {
    D("defaultMode", I32, PTR, 1, "420"),
    F("defaultUser", I64, PTR | NEW, 2),
    L("sources", ALWAYS, 0, volume_projection),
};
static const struct cs_schema_type projected_volume_source = TYPE(f_projected_volume_source, NONE);

static const struct cs_schema_field f_portworx_volume_source[] = {
    F("fsType", STR, 0, 1),
    F("readOnly", BOOL, 0, 2),
    F("volumeID", STR, ALWAYS, 0),
};
static const struct cs_schema_type portworx_volume_source = TYPE(f_portworx_volume_source, NONE);

static const struct cs_schema_field f_scale_io_volume_source[] = {
    D("fsType", STR, 0, 8, "xfs"),
    F("gateway", STR, ALWAYS, 0),
    F("protectionDomain", STR, 0, 4),
    F("readOnly", BOOL, 0, 9),
    O("secretRef", PTR | ALWAYS, 2, cs_schema_local_object_reference),
    F("sslEnabled", BOOL, 0, 3),
    D("storageMode", STR, 0, 6, "ThinProvisioned"),
    F("storagePool", STR, 0, 5),
    F("system", STR, ALWAYS, 1),
    F("volumeName", STR, 0, 7),
};
static const struct cs_schema_type scale_io_volume_source = TYPE(f_scale_io_volume_source, NONE);

static const struct cs_schema_field f_storage_os_volume_source[] = {
    F("fsType", STR, 0, 2),
    F("readOnly", BOOL, 0, 3),
    O("secretRef", PTR, 4, cs_schema_local_object_reference),
    F("volumeName", STR, 0, 0),
    F("volumeNamespace", STR, 0, 1),
};
static const struct cs_schema_type storage_os_volume_source = TYPE(f_storage_os_volume_source, NONE);

static const struct cs_schema_field f_csi_volume_source[] = {
    F("driver", STR, ALWAYS, 0),
    F("fsType", STR, PTR, 2),
    O("nodePublishSecretRef", PTR, 4, cs_schema_local_object_reference),
    D("readOnly", BOOL, PTR, 1, "false"),
    F("volumeAttributes", STRMAP, 0, 3),
};
static const struct cs_schema_type csi_volume_source = TYPE(f_csi_volume_source, NONE);

static const struct cs_schema_field f_ephemeral_volume_source[] = {
    O("volumeClaimTemplate", PTR, 0, cs_schema_persistent_volume_claim_template),
};
static const struct cs_schema_type ephemeral_volume_source = TYPE(f_ephemeral_volume_source, NONE);

static const struct cs_schema_field f_image_volume_source[] = {
    F("pullPolicy", STR, 0, 1),
    F("reference", STR, 0, 0),
};
static const struct cs_schema_type image_volume_source = TYPE(f_image_volume_source, NONE);

static const struct cs_schema_field f_volume[] = {
    O("awsElasticBlockStore", PTR, 4, aws_elastic_block_store_volume_source),
    O("azureDisk", PTR, 22, azure_disk_volume_source),
    O("azureFile", PTR, 18, azure_file_volume_source),
    O("cephfs", PTR, 14, ceph_fs_volume_source),
    O("cinder", PTR, 13, cinder_volume_source),
    O("configMap", PTR, 19, config_map_volume_source),
    O("csi", PTR, 28, csi_volume_source),
    O("downwardAPI", PTR, 16, downward_api_volume_source),
    O("emptyDir", PTR, 2, empty_dir_volume_source),
    O("ephemeral", PTR, 29, ephemeral_volume_source),
    O("fc", PTR, 17, fc_volume_source),
    O("flexVolume", PTR, 12, flex_volume_source),
    O("flocker", PTR, 15, flocker_volume_source),
    O("gcePersistentDisk", PTR, 3, gce_persistent_disk_volume_source),
    O("gitRepo", PTR, 5, git_repo_volume_source),
    O("glusterfs", PTR, 9, glusterfs_volume_source),
    O("hostPath", PTR, 1, host_path_volume_source),
    O("image", PTR, 30, image_volume_source),
    O("iscsi", PTR, 8, iscsi_volume_source),
    F("name", STR, ALWAYS, 0),
    O("nfs", PTR, 7, nfs_volume_source),
    O("persistentVolumeClaim", PTR, 10, persistent_volume_claim_volume_source),
    O("photonPersistentDisk", PTR, 23, photon_persistent_disk_volume_source),
    O("portworxVolume", PTR, 25, portworx_volume_source),
    O("projected", PTR, 24, projected_volume_source),
    O("quobyte", PTR, 21, quobyte_volume_source),
    O("rbd", PTR, 11, rbd_volume_source),
    O("scaleIO", PTR, 26, scale_io_volume_source),
    O("secret", PTR, 6, secret_volume_source),
    O("storageos", PTR, 27, storage_os_volume_source),
    O("vsphereVolume", PTR, 20, vsphere_virtual_disk_volume_source),
};
const struct cs_schema_type cs_schema_volume = TYPE(f_volume, NAME);
