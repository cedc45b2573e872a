# SPDX-License-Identifier: Apache-2.0
"""AdmissionReviews of a given size, as an API server sends them: compact, members of objects sorted, with managedFields and the
request's options. What a longer one has more of is what real sets have more of: containers with environment, mounts and probes.
No long texts, which would be cheap to skip: last-applied-configuration, for one, is left out."""

import copy
import json
import os

STEPS = 18  # in which a container grows to its full size: 6 of its own, then 12 of environment


def env(i):
    if i % 4:
        return {"name": f"APP_SETTING_{i}", "value": f"value-{i * 37}"}
    return {"name": f"APP_SETTING_{i}", "valueFrom": {"configMapKeyRef": {"name": "settings", "key": f"setting.{i}"}}}


def container(i, steps):
    made = {"name": f"app-{i}", "image": f"registry.example.com/shop/app-{i}:v1.27.3", "imagePullPolicy": "IfNotPresent",
            "terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File"}
    more = [
        ("ports", [{"name": f"http-{i}", "containerPort": 8080 + i, "protocol": "TCP"}]),
        ("resources", {"limits": {"cpu": "1500m", "memory": "512Mi"}, "requests": {"cpu": "250m", "memory": "256Mi"}}),
        ("volumeMounts", [{"name": "config", "mountPath": "/etc/app", "readOnly": True},
                          {"name": "data", "mountPath": "/var/lib/app", "subPath": f"shard-{i}"}]),
        ("readinessProbe", {"httpGet": {"path": "/ready", "port": f"http-{i}", "scheme": "HTTP"}, "periodSeconds": 5,
                            "timeoutSeconds": 2, "successThreshold": 1, "failureThreshold": 3}),
        ("securityContext", {"runAsNonRoot": True, "allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}),
        ("command", ["/usr/bin/app", "--listen=:8080", f"--shard={i}"]),
    ]
    made.update(more[:steps])
    if steps > len(more):
        made["env"] = [env(j) for j in range(steps - len(more))]
    return made


def fields_of(value):
    """The set of fields of a value, as managedFields write it."""
    if isinstance(value, dict):
        return {f"f:{key}": fields_of(item) for key, item in value.items()}
    if isinstance(value, list) and value and isinstance(value[0], dict) and "name" in value[0]:
        return {f'k:{{"name":"{item["name"]}"}}': {".": {}, **fields_of(item)} for item in value}
    return {}


def cloneset(steps):
    labels = {"app": "shop", "app.kubernetes.io/part-of": "store"}
    full, rest = divmod(steps, STEPS)
    containers = [container(i, STEPS) for i in range(full)] + [container(full, rest)]
    pod = {"containers": containers, "restartPolicy": "Always", "dnsPolicy": "ClusterFirst", "securityContext": {},
           "terminationGracePeriodSeconds": 30, "schedulerName": "default-scheduler"}
    if any("volumeMounts" in each for each in containers):
        pod["volumes"] = [{"name": "config", "configMap": {"name": "settings", "defaultMode": 420}},
                          {"name": "data", "emptyDir": {}}]
    spec = {"replicas": 500, "selector": {"matchLabels": {"app": "shop"}},
            "updateStrategy": {"type": "InPlaceIfPossible", "maxUnavailable": "20%"},
            "template": {"metadata": {"labels": labels}, "spec": pod}}
    return {"apiVersion": "apps.kruise.io/v1alpha1", "kind": "CloneSet", "metadata": {
        "name": "shop", "namespace": "store", "labels": labels, "generation": 1,
        "creationTimestamp": "2025-01-01T00:00:00Z", "uid": "6f1c1c6e-6a55-4a3d-9a50-0f0f6f4a1f00",
        "managedFields": [{"manager": "deployer", "operation": "Apply", "apiVersion": "apps.kruise.io/v1alpha1",
                           "time": "2025-01-01T00:00:00Z", "fieldsType": "FieldsV1",
                           "fieldsV1": {"f:spec": fields_of(spec)}}]}, "spec": spec}


def next_image(obj):
    """The set with a new image in its first container: an update in place."""
    obj = copy.deepcopy(obj)
    obj["spec"]["template"]["spec"]["containers"][0]["image"] = "registry.example.com/shop/app-0:v1.28.0"
    obj["metadata"]["generation"] = 2
    return obj


def in_order(value):
    """With the members of objects sorted, as the server keeps what has no type of its own."""
    if isinstance(value, dict):
        return {key: in_order(item) for key, item in sorted(value.items())}
    return [in_order(item) for item in value] if isinstance(value, list) else value


def encode(operation, obj):
    obj = in_order(obj)
    kind = {"group": "apps.kruise.io", "version": "v1alpha1", "kind": "CloneSet"}
    resource = {"group": "apps.kruise.io", "version": "v1alpha1", "resource": "clonesets"}
    old = obj if operation == "UPDATE" else None
    return json.dumps({"kind": "AdmissionReview", "apiVersion": "admission.k8s.io/v1", "request": {
        "uid": "b1d9a4c2-9e43-4a0e-8c43-5a5a1d0f7c11", "kind": kind, "resource": resource, "requestKind": kind,
        "requestResource": resource, "name": "shop", "namespace": "store", "operation": operation,
        "userInfo": {"username": "system:serviceaccount:deploy:deployer", "uid": "2f0d2c70-4a1b-4a6f-9a59-d3f1f5f0c0de",
                     "groups": ["system:serviceaccounts", "system:serviceaccounts:deploy", "system:authenticated"]},
        "object": next_image(obj) if old else obj, "oldObject": old, "dryRun": False,
        "options": {"kind": "PatchOptions", "apiVersion": "meta.k8s.io/v1", "fieldManager": "deployer"}}},
        separators=(",", ":")).encode()


def review(operation, size):
    """The longest one of at most so many bytes."""
    steps = 0
    while len(encode(operation, cloneset(steps + 1))) <= size:
        steps += 1
    return encode(operation, cloneset(steps))


SIZES = {"4 KB": 4096, "50 KB": 50 * 1024}


def write_all(folder):
    """{(operation, size): path} of a file each."""
    paths = {}
    for operation in ("CREATE", "UPDATE"):
        for size, limit in SIZES.items():
            body = review(operation, limit)
            assert limit - 1024 < len(body) <= limit, (operation, size, len(body))
            paths[operation, size] = os.path.join(folder, f"{operation.lower()}-{limit // 1024}k.json")
            with open(paths[operation, size], "wb") as file:
                file.write(body)
    return paths
