# SPDX-License-Identifier: Apache-2.0
"""A CloneSet in the middle of a rollout, with its Pods, as an API server shows them."""

import copy
import json
import os

import reviews

LINES = ("set", "old", "new", "pod")
OWNER = {"apiVersion": "apps.kruise.io/v1alpha1", "kind": "CloneSet", "name": "shop",
         "uid": "6f1c1c6e-6a55-4a3d-9a50-0f0f6f4a1f00", "controller": True, "blockOwnerDeletion": True}
STEPS = 9  # of reviews.cloneset: one container with ports, resources, mounts, probe and three variables


def revision(name, number, template):
    return {"apiVersion": "apps/v1", "kind": "ControllerRevision", "revision": number,
            "metadata": {"name": name, "namespace": "store", "uid": f"uid-of-{name}", "resourceVersion": str(number),
                         "labels": {"controller.kubernetes.io/hash": name[-10:], **template["metadata"]["labels"]},
                         "ownerReferences": [OWNER]},
            "data": {"spec": {"template": {"$patch": "replace", **template}}}}


def condition(kind):
    return {"type": kind, "status": "True", "observedGeneration": 1, "lastProbeTime": None,
            "lastTransitionTime": "2025-01-01T00:01:00Z"}


def pod(template):
    """@I@: instance id, @N@: a number of its own, @V@: its version, @R@: its revision's name."""
    spec = copy.deepcopy(template["spec"])
    spec["volumes"].append({"name": "kube-api-access-abcde", "projected": {"defaultMode": 420, "sources": [
        {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
        {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
        {"downwardAPI": {"items": [{"path": "namespace", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}}]}}]}})
    spec.update({"nodeName": "node-17", "serviceAccountName": "default", "serviceAccount": "default", "priority": 0,
                 "enableServiceLinks": True, "preemptionPolicy": "PreemptLowerPriority", "hostname": "shop-@I@",
                 "readinessGates": [{"conditionType": "InPlaceUpdateReady"}],
                 "tolerations": [{"key": f"node.kubernetes.io/{key}", "operator": "Exists", "effect": "NoExecute",
                                  "tolerationSeconds": 300} for key in ("not-ready", "unreachable")]})
    labels = {**template["metadata"]["labels"], "apps.kruise.io/cloneset-instance-id": "@I@",
              "controller-revision-hash": "@R@", "lifecycle.apps.kruise.io/state": "Normal", "pod-template-hash": "@R@"}
    status = {"phase": "Running", "qosClass": "Burstable", "hostIP": "10.0.0.17", "podIP": "10.1.2.3",
              "hostIPs": [{"ip": "10.0.0.17"}], "podIPs": [{"ip": "10.1.2.3"}], "startTime": "2025-01-01T00:00:30Z",
              "conditions": [condition(kind) for kind in ("InPlaceUpdateReady", "PodReadyToStartContainers", "Initialized",
                                                          "Ready", "ContainersReady", "PodScheduled")],
              "containerStatuses": [{
                  "name": each["name"], "image": each["image"], "ready": True, "started": True, "restartCount": 0,
                  "imageID": "registry.example.com/shop/app@sha256:" + "5b0bcabd1ed22e9fb1310cf6c2dec7cd" * 2,
                  "containerID": "containerd://" + "0f@N@" + "c7cd19f3" * 7, "lastState": {},
                  "state": {"running": {"startedAt": "2025-01-01T00:00:50Z"}}} for each in spec["containers"]]}
    body = {"spec": spec, "status": status}
    fields = {"metadata": {"labels": labels, "ownerReferences": {}}, "spec": spec}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {
        "name": "shop-@I@", "generateName": "shop-", "namespace": "store", "uid": "0b6a@N@-77aa-4ad2-8b1c-3d1f00aa12bc",
        "resourceVersion": "@V@", "generation": 1, "creationTimestamp": "2025-01-01T00:00:00Z", "labels": labels,
        "ownerReferences": [OWNER], "managedFields": [
            {"manager": manager, "operation": "Update", "apiVersion": "v1", "time": "2025-01-01T00:00:00Z",
             "fieldsType": "FieldsV1", "fieldsV1": reviews.fields_of(of)}
            for manager, of in (("cloneset-controller", fields), ("kubelet", {"status": status}))]}, **body}


def write(folder):
    """The file that pieces.c reads: a line each for the set, its old and new revision, and a Pod."""
    obj = reviews.cloneset(STEPS)
    old, new = obj["spec"]["template"], reviews.next_image(obj)["spec"]["template"]
    obj["spec"]["template"] = new
    obj["metadata"].update({"resourceVersion": "3", "generation": 2})
    obj["status"] = {"observedGeneration": 2, "currentRevision": "shop-5b8f7c6d9f", "updateRevision": "shop-7d9c5b6f8b"}
    lines = [obj, revision("shop-5b8f7c6d9f", 1, old), revision("shop-7d9c5b6f8b", 2, new), pod(old)]
    path = os.path.join(folder, "fleet.json")
    with open(path, "w", encoding="utf-8") as file:
        file.writelines(json.dumps(line, separators=(",", ":")) + "\n" for line in lines)
    return path
