# SPDX-License-Identifier: Apache-2.0
"""Those who do the work that is measured: the limit (limit.c), and our controller."""

import json
import os
import select
import subprocess
import tempfile

import kube
from harness import Failure
from manifest import cloneset

IMAGE = "nginx:alpine"
ACCOUNT = "system:serviceaccount:cloneset-system:cloneset-controller"
GATE = "InPlaceUpdateReady"


def manifest(size, name="@NAME@", scheduler=None):
    """The CloneSet of a job. scheduler: somebody who does not exist, for Pods that are objects only."""
    grace = {"inPlaceUpdateStrategy": {"gracePeriodSeconds": size.grace_s}} if size.grace_s else {}
    found = cloneset(name, size.pods, IMAGE, size.claims, type="InPlaceIfPossible", maxUnavailable="20%", **grace)
    if size.claims:
        template = found["spec"]["volumeClaimTemplates"][0]
        template["metadata"]["name"] = "data"
        found["spec"]["template"]["spec"]["containers"][0]["volumeMounts"][0]["name"] = "data"
    if scheduler:
        found["spec"]["template"]["spec"]["schedulerName"] = scheduler
    return found


class Size:
    def __init__(self, pods, sets=1, claims=False, grace_s=0):
        self.pods, self.sets, self.claims, self.grace_s = pods, sets, claims, grace_s

    @property
    def all(self):
        return self.pods * self.sets

    def __str__(self):
        return (f"{self.sets} sets × {self.pods}" if self.sets > 1 else str(self.pods)) + (
            " with claims" if self.claims else "") + (" with grace" if self.grace_s else "")


class Limit:
    """The process. It writes only when it is told to, and sees when all is as it should be."""

    def __init__(self, program, bed, space, size, scheduler=None, foreign=False):
        self.patience = 120 + size.all // 5  # seconds
        self.files = tempfile.TemporaryDirectory(prefix="cloneset-limit-")
        self.errors = os.path.join(bed.logs, f"limit-{space}.log")
        flags = {"kubeconfig": os.path.join(bed.cluster.dir, "admin.kubeconfig"), "namespace": space, "sets": size.sets,
                 "pods": size.pods, "unavailable": -(-size.pods // 5), **self._templates(size, scheduler, foreign)}
        with open(self.errors, "wb") as log:
            self.process = subprocess.Popen([program] + [f"--{key}={value}" for key, value in flags.items()],
                                            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True)

    def _templates(self, size, scheduler, foreign):
        whole = manifest(size, scheduler=scheduler)
        template, labels = whole["spec"]["template"], {"app": "@SET@"}
        owner = {"apiVersion": "apps.kruise.io/v1alpha1", "kind": "CloneSet", "name": "@SET@", "uid": "@UID@",
                 "controller": True, "blockOwnerDeletion": True}
        revision = {"apiVersion": "apps/v1", "kind": "ControllerRevision", "revision": 1,
                    "data": {"spec": {"template": template}},
                    "metadata": {"name": "@NAME@-5d4b8c7f9d", "labels": labels, "ownerReferences": [owner]}}
        # As ours makes them.
        meta = {"name": "@NAME@", "ownerReferences": [owner], "labels": {
                    **labels, kube.ID_LABEL: "@ID@", "controller-revision-hash": "@SET@-5d4b8c7f9d",
                    "pod-template-hash": "5d4b8c7f9d", "lifecycle.apps.kruise.io/state": "PreparingNormal"},
                "annotations": {"lifecycle.apps.kruise.io/timestamp": "2025-01-02T03:04:05Z"}}
        spec = {**template["spec"], "readinessGates": [{"conditionType": GATE}]}
        spec["containers"] = [{**spec["containers"][0], "image": "@IMAGE@"}]
        if size.claims:
            spec["volumes"] = [{"name": "data", "persistentVolumeClaim": {"claimName": "data-@NAME@"}}]
        if foreign:
            meta = {"name": "@NAME@", "labels": {"app": "foreign"}}
        files = {"set": whole, "revision": revision, "pod": {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec}}
        if size.claims:
            files["claim"] = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {
                "name": "data-@NAME@", "labels": {**labels, kube.ID_LABEL: "@ID@"}, "ownerReferences": [owner]},
                "spec": whole["spec"]["volumeClaimTemplates"][0]["spec"]}
        return {key: self._file(key, value) for key, value in files.items()}

    def _file(self, name, value):
        path = os.path.join(self.files.name, name + ".json")
        with open(path, "w", encoding="utf-8") as file:
            json.dump(value, file)
        return path

    def say(self, *words):
        """(monotonic seconds at which it was done, its writes, bytes of Pod events that came)."""
        print(*words, file=self.process.stdin, flush=True)
        if not select.select([self.process.stdout], [], [], self.patience)[0]:
            raise Failure(f"limit, at '{' '.join(map(str, words))}': not done after {self.patience} s")
        answer = self.process.stdout.readline().split()
        if len(answer) != 4:
            with open(self.errors, encoding="utf-8") as file:
                raise Failure(f"limit, at '{' '.join(map(str, words))}': {file.read().strip()[-500:] or 'it ended'}")
        return int(answer[1]) / 1000, int(answer[2]), int(answer[3])

    def close(self):
        self.process.stdin.close()
        self.process.wait(10)
        self.process.stdout.close()
        self.files.cleanup()
