# SPDX-License-Identifier: Apache-2.0
"""Plays a node for tests that have none: what a kubelet would report, this writes.

Pods that the real scheduler binds to the node become Running and Ready (readiness
gates included), a changed image restarts its container with another imageID and
containerID, changed cpu and memory are reported (with a restart where the
resizePolicy wants one), and a Pod that is being deleted ends. Claims are real and
bound by kube-controller-manager.
"""

import collections
import datetime
import hashlib
import http.client
import threading
import time
import uuid

import kube
from kube import ApiError


def now():
    return datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def image_id(image):
    return f"docker.io/library/{image.split(':')[0]}@sha256:{hashlib.sha256(image.encode()).hexdigest()}"


class Player:
    """delay: seconds that every step of a container takes. hold(pod) true: this Pod is left alone for now.
    broken[image]: why containers with that image wait ("ImagePullBackOff"); once it is taken out they start.
    no_room(pod): why it cannot be resized now, as the condition PodResizePending says it, or None.
    reports_resources False: as a kubelet does that resizes nothing."""

    def __init__(self, api, node="player", delay=0.05):
        self.api, self.node, self.delay = api, node, delay
        self.hold = lambda pod: False
        self.broken = {}
        self.no_room = lambda pod: None
        self.reports_resources = True
        self.beating = True
        self.stopping = threading.Event()
        self.wake = threading.Condition()
        self.pods, self.due = {}, {}
        self.errors = collections.Counter()
        self.threads = []

    def start(self):
        self._register()
        self.watch = kube.Watch(self.api, "/api/v1/pods")
        for work in (self._beat, self._feed, self._work, self._work):
            thread = threading.Thread(target=work, daemon=True)
            thread.start()
            self.threads.append(thread)
        return self

    def stop(self):
        self.stopping.set()
        with self.wake:
            self.wake.notify_all()
        self.watch.stop()
        for thread in self.threads:
            thread.join(5)

    # ---- the node

    def _register(self):
        capacity = {"cpu": "1000", "memory": "1000Gi", "pods": "5000"}
        node = {"metadata": {"name": self.node, "labels": {"kubernetes.io/hostname": self.node}}}
        if not self.api.find(f"/api/v1/nodes/{self.node}"):
            self.api.call("POST", "/api/v1/nodes", node)
        self.api.merge(f"/api/v1/nodes/{self.node}/status", {"status": {"capacity": capacity, "allocatable": capacity}})
        self._report_ready()

    def _report_ready(self):
        ready = {"type": "Ready", "status": "True", "reason": "Played", "lastHeartbeatTime": now(), "lastTransitionTime": now()}
        self.api.call("PATCH", f"/api/v1/nodes/{self.node}/status", {"status": {"conditions": [ready]}},
                      "application/strategic-merge-patch+json")

    def _beat(self):
        path = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"
        while not self.stopping.wait(1.0):
            if not self.beating:
                continue
            spec = {"holderIdentity": self.node, "leaseDurationSeconds": 40,
                    "renewTime": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")}
            try:
                if self.api.find(f"{path}/{self.node}"):
                    self.api.merge(f"{path}/{self.node}", {"spec": spec})
                else:
                    self.api.call("POST", path, {"metadata": {"name": self.node}, "spec": spec})
                node = self.api.get(f"/api/v1/nodes/{self.node}")
                if kube.condition(node, "Ready") != "True":
                    self._report_ready()
            except (ApiError, OSError, http.client.HTTPException) as error:
                self.errors[type(error).__name__] += 1

    # ---- its Pods

    def _feed(self):
        """Follows the watch; a Pod is looked at a moment after each change."""
        read = 0
        while not self.stopping.wait(0.01):
            history = self.watch.events
            while read < len(history):
                event = history[read]
                read += 1
                key = (event.obj["metadata"]["namespace"], event.name)
                with self.wake:
                    if event.kind == "DELETED":
                        self.pods.pop(key, None)
                        self.due.pop(key, None)
                    elif event.obj["spec"].get("nodeName") == self.node:
                        self.pods[key] = event.obj
                        self.due.setdefault(key, time.monotonic() + self.delay)
                        self.wake.notify()
                # Nobody looks back, and a long run would keep every state of every Pod.
                event.obj = {"metadata": {name: event.obj["metadata"][name] for name in ("namespace", "name", "uid")}}

    def _next(self):
        with self.wake:
            while not self.stopping.is_set():
                at = time.monotonic()
                ready = [key for key, due in self.due.items() if due <= at]
                if ready:
                    key = min(ready, key=lambda k: self.due[k])
                    del self.due[key]
                    if key in self.pods:
                        return key, self.pods[key]
                    continue
                self.wake.wait(min(0.05, max(0.001, min(self.due.values(), default=at + 1) - at)))
        return None, None

    def _work(self):
        while not self.stopping.is_set():
            key, pod = self._next()
            if not key:
                return
            again = self.hold(pod)
            if not again:
                try:
                    self._play(pod)
                except ApiError as error:
                    # A conflict or a Pod that is gone: the watch brings news.
                    again = error.status >= 429
                    self.errors[error.status] += 1
                except (OSError, http.client.HTTPException) as error:
                    again = True
                    self.errors[type(error).__name__] += 1
            if again:
                with self.wake:
                    self.due.setdefault(key, time.monotonic() + 0.2)

    def _play(self, pod):
        meta = pod["metadata"]
        path = f"/api/v1/namespaces/{meta['namespace']}/pods/{meta['name']}"
        if meta.get("deletionTimestamp"):
            body = {"gracePeriodSeconds": 0, "preconditions": {"uid": meta["uid"]}}
            self.api.call("DELETE", path, body)
            return
        status = self._status_of(pod)
        if status:
            body = {"metadata": {"uid": meta["uid"], "resourceVersion": meta["resourceVersion"]}, "status": status}
            self.api.call("PATCH", path + "/status", body, "application/strategic-merge-patch+json")

    def _status_of(self, pod):
        """What is to be reported; None when all of it is reported."""
        old = pod.get("status", {})
        if old.get("phase") in ("Failed", "Succeeded"):
            return None
        started = now()
        had = {status["name"]: status for status in old.get("containerStatuses", [])}
        containers = []
        for container in pod["spec"]["containers"]:
            was = had.get(container["name"])
            kept = self._kept(pod, container, was)
            why = self.broken.get(container["image"])
            if kept and was["state"].get("waiting", {}).get("reason") == why:
                containers.append(kept)
                continue
            if why:
                containers.append({
                    "name": container["name"], "image": container["image"], "imageID": "", "ready": False, "started": False,
                    "restartCount": was["restartCount"] if was else 0, "state": {"waiting": {"reason": why}},
                })
                continue
            containers.append({
                **({"resources": container.get("resources", {})} if self.reports_resources else {}),
                "name": container["name"], "image": container["image"], "imageID": image_id(container["image"]),
                "containerID": "containerd://" + uuid.uuid4().hex * 2, "ready": True, "started": True,
                "restartCount": was["restartCount"] + 1 if was else 0, "state": {"running": {"startedAt": started}},
            })
        gates = [gate["conditionType"] for gate in pod["spec"].get("readinessGates", [])]
        run = all(container["ready"] for container in containers)
        ready = "True" if run and all(kube.condition(pod, gate) == "True" for gate in gates) else "False"
        phase = "Running" if run or old.get("phase") == "Running" else "Pending"
        changes = self._room_conditions(pod)
        for kind, value in (("Initialized", "True"), ("ContainersReady", str(run)), ("Ready", ready)):
            if kube.condition(pod, kind) != value:
                changes.append({"type": kind, "status": value, "lastTransitionTime": started})
        same = old.get("phase") == phase and containers == old.get("containerStatuses")
        if same and not changes:
            return None
        address = old.get("podIP") or "10.255.%d.%d" % tuple(hashlib.sha256(pod["metadata"]["uid"].encode()).digest()[:2])
        return {"phase": phase, "conditions": changes, "containerStatuses": containers, "podIP": address,
                "podIPs": [{"ip": address}], "startTime": old.get("startTime") or started}

    def _kept(self, pod, container, was):
        """The status of a container that does not restart; None when it does."""
        if not was or was["image"] != container["image"]:
            return None
        wanted = container.get("resources", {})
        if not self.reports_resources or was.get("resources", {}) == wanted or self.no_room(pod):
            return was
        restarts = [policy["resourceName"] for policy in container.get("resizePolicy", [])
                    if policy["restartPolicy"] == "RestartContainer"]
        if any(value(wanted, kind, name) != value(was.get("resources", {}), kind, name)
               for kind in ("limits", "requests") for name in restarts):
            return None
        return {**was, "resources": wanted}

    def _room_conditions(self, pod):
        """That a resize has to wait, or no longer has to."""
        status = pod.get("status", {})
        had = {one["name"]: one.get("resources", {}) for one in status.get("containerStatuses", [])}
        waits = any(had.get(one["name"], {}) != one.get("resources", {}) for one in pod["spec"]["containers"]) and had
        reason = self.no_room(pod) if waits else None
        if reason and kube.condition(pod, "PodResizePending") != "True":
            return [{"type": "PodResizePending", "status": "True", "reason": reason, "message": "played",
                     "lastTransitionTime": now()}]
        if not reason and kube.condition(pod, "PodResizePending"):
            return [{"type": "PodResizePending", "$patch": "delete"}]
        return []


def value(resources, kind, name):
    return resources.get(kind, {}).get(name)
