# SPDX-License-Identifier: Apache-2.0
"""The objects that OpenKruise wrote (test/testdata/peer), put into a cluster as if its manager had just been there.

The server hands out new uids and versions, so the owners' uids are rewritten; times are shifted so that the recording ends
`ago` seconds ago; Pods are on the played node, and their status, conditions included, is written through the subresource. What was
on its way out when it was recorded is left out.
"""

import copy
import datetime
import json
import os
import re

import kube

FOLDER = os.path.join(kube.ROOT, "test", "testdata", "peer")
AT_REST, IN_FLIGHT = "1-at-rest", "2-updates-in-flight"
TIME = re.compile(r"2026-11-23T\d\d:\d\d:\d\dZ")
ENDED = datetime.datetime(2026, 11, 23, 23, 25, 33, tzinfo=datetime.timezone.utc)
SHAPE = "%Y-%m-%dT%H:%M:%SZ"
SERVERS = ("uid", "resourceVersion", "creationTimestamp", "generation", "managedFields", "deletionTimestamp",
           "deletionGracePeriodSeconds", "selfLink")


def read(snapshot, kind):
    """{name: object} as recorded."""
    with open(os.path.join(FOLDER, snapshot, kind + ".json"), encoding="utf-8") as file:
        return {item["metadata"]["name"]: item for item in json.load(file)["items"]}


def shifted(value, ago):
    """A copy with all times moved, also those inside of annotations."""
    by = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(seconds=ago) - ENDED

    def move(found):
        at = datetime.datetime.strptime(found[0], SHAPE).replace(tzinfo=datetime.timezone.utc)
        return (at + by).strftime(SHAPE)

    return json.loads(TIME.sub(move, json.dumps(value)))


def cleaned(obj, namespace):
    obj = copy.deepcopy(obj)
    for key in SERVERS:
        obj["metadata"].pop(key, None)
    obj["metadata"]["namespace"] = namespace
    obj.pop("status", None)
    return obj


def owned(obj, name, snapshot):
    uid = read(snapshot, "clonesets-v1alpha1")[name]["metadata"]["uid"]
    return any(owner["uid"] == uid for owner in obj["metadata"].get("ownerReferences", []))


class Planted:
    """One recorded set with all that belongs to it, in a namespace."""

    def __init__(self, bed, namespace, name, snapshot=AT_REST, ago=60, owner=None):
        """owner: the apiVersion by which the set is named as owner; as recorded that is v1beta1."""
        self.bed, self.api, self.namespace, self.name, self.snapshot = bed, bed.api, namespace, name, snapshot
        self.set = kube.Set(bed.api, name, namespace)
        self.ago, self.owner = ago, owner
        self._plant_set()
        for kind, path in (("controllerrevisions", f"/apis/apps/v1/namespaces/{namespace}/controllerrevisions"),
                           ("persistentvolumeclaims", self.set.claims_path), ("pods", self.set.pods_path)):
            for obj in read(snapshot, kind).values():
                if owned(obj, name, snapshot) and not obj["metadata"].get("deletionTimestamp"):
                    self._plant(kind, path, shifted(obj, ago))

    def _plant_set(self):
        recorded = shifted(read(self.snapshot, "clonesets-v1alpha1")[self.name], self.ago)
        made = self.api.call("POST", f"{kube.GROUP}/namespaces/{self.namespace}/clonesets", cleaned(recorded, self.namespace))
        self.uid = made["metadata"]["uid"]
        made["status"] = recorded["status"]
        made["status"]["observedGeneration"] = made["metadata"]["generation"]
        self.api.call("PUT", self.set.path + "/status", made)

    def _plant(self, kind, path, recorded):
        obj = cleaned(recorded, self.namespace)
        for owner in obj["metadata"]["ownerReferences"]:
            owner.update({"uid": self.uid, "apiVersion": self.owner or owner["apiVersion"]})
        if kind == "persistentvolumeclaims":
            obj["metadata"].pop("annotations", None)
            obj["metadata"].pop("finalizers", None)
            obj["spec"].pop("volumeName", None)
        if kind == "pods":
            obj["spec"]["nodeName"] = self.bed.player.node
        made = self.api.call("POST", path, obj)
        if kind == "pods":
            made["status"] = self._agreed(obj, recorded["status"])
            self.api.call("PUT", f"{path}/{obj['metadata']['name']}/status", made)

    @staticmethod
    def _agreed(obj, status):
        """What the player would report as well; a container that had not started is left to it."""
        images = {container["name"]: container["image"] for container in obj["spec"]["containers"]}
        running = [found for found in status.get("containerStatuses", []) if "running" in found.get("state", {})]
        for found in running:
            found["image"] = images[found["name"]]
        return {**status, "containerStatuses": running}

    # ---- what is there now

    def revisions(self):
        found = self.api.items(f"/apis/apps/v1/namespaces/{self.namespace}/controllerrevisions")
        return {rev["metadata"]["name"]: rev for rev in found if kube.controller_of(rev)["uid"] == self.uid}

    def versions(self):
        """Everything but the set, by kind and name: uid and resourceVersion."""
        groups = {"Pod": self.set.pods(terminating=True), "claim": self.set.claims(terminating=True),
                  "revision": list(self.revisions().values())}
        return {f"{kind} {obj['metadata']['name']}": (obj["metadata"]["uid"], obj["metadata"]["resourceVersion"])
                for kind, objects in groups.items() for obj in objects}

    def restarts(self):
        """{Pod: (uid, [restart counts])}"""
        return {pod["metadata"]["name"]: (pod["metadata"]["uid"],
                                          [status["restartCount"] for status in pod["status"].get("containerStatuses", [])])
                for pod in self.set.pods()}
