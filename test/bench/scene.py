# SPDX-License-Identifier: Apache-2.0
"""What the cluster benchmark stands on: a control plane whose audit log counts requests, nodes that kwok plays, and what
processes have used so far."""

import collections
import json
import os
import threading
import time

import kube
import product
from bed import Bed, parse_time
from harness import Failure, wait_until

HERE = os.path.dirname(os.path.abspath(__file__))
NODES = 10
CONTROL = ("etcd", "apiserver", "kcm", "sched", "kwok")
# Played nodes have no heart; without this they would be tainted after a minute.
KCM = "--node-monitor-grace-period=24h"
APISERVER = "--delete-collection-workers=16"  # for tidying up in between


def cluster():
    return kube.Cluster("bench", env={"AUDIT": "1", "KCM_EXTRA": KCM, "APISERVER_EXTRA": APISERVER})


def cpu_s(pid):
    """Seconds of CPU that all threads of a process have used, to the nanosecond: its CPU clock."""
    return time.clock_gettime((~int(pid) << 3) | 2)


class Scene:
    """The bed with nodes. folder: where our programs are."""

    def __init__(self, it, folder):
        self.bed = Bed(it, folder)
        self.bed.install()
        self.api, self.cluster = self.bed.api, it
        it._script("kwok-up", os.path.join(HERE, "kwok.yaml"))  # pylint: disable=protected-access
        self._nodes()
        self.pids = {name: int(it.component("pid", name)) for name in CONTROL}
        self.litter = []  # collections that are to be deleted before the next measurement
        self.log = open(it.vars["CLUSTER_AUDIT_LOG"], "rb")  # pylint: disable=consider-using-with

    def _nodes(self):
        for index in range(NODES):
            name = f"node-{index}"
            self.api.call("POST", "/api/v1/nodes", {"metadata": {"name": name, "labels": {"kubernetes.io/hostname": name}}})

        def usable(node):
            return kube.condition(node, "Ready") == "True" and not node["spec"].get("taints")

        wait_until("the nodes are ready", lambda: all(usable(node) for node in self.api.items("/api/v1/nodes")))

    def close(self):
        self.log.close()
        self.bed.close()

    def namespace(self, label):
        return self.bed.namespace(label)

    def tidy(self):
        """What was left behind goes. No controller must run."""
        while self.litter:
            self.empty(self.litter.pop(0))

    def empty(self, path):
        """Deletes a collection, however long it takes."""

        def emptied():
            try:
                if not self.api.get(path + "?limit=1")["items"]:
                    return True
                self.api.call("DELETE", path, {"gracePeriodSeconds": 0})
            except (kube.ApiError, OSError) as error:
                raise Failure(str(error)) from error
            return False

        wait_until(f"{path} is empty", emptied, 600, 0.2)

    def control_cpu(self):
        return {name: cpu_s(pid) for name, pid in self.pids.items()}

    # ---- requests

    def mark(self):
        """What is counted next begins here."""
        self.log.seek(0, os.SEEK_END)

    def _entries(self, account, space):
        time.sleep(0.3)  # the server writes an entry after its answer
        name = f'"username":"{account}"'.encode()
        place = f'"namespace":"{space}"'.encode() if space else b""
        for row in self.log:
            if name in row and place in row:
                entry = json.loads(row)
                about = entry["objectRef"]
                yield entry, about["resource"] + ("/" + about["subresource"] if about.get("subresource") else "")

    def requests(self, account, space):
        """{(verb, resource, code): number} of that account in that namespace (None: anywhere) since the mark."""
        found = collections.Counter()
        for entry, kind in self._entries(account, space):
            found[entry["verb"], kind, entry["responseStatus"]["code"]] += 1
        return found

    def arrivals(self, account, space):
        """[(seconds since 1970, verb, resource)], in the order in which the server received them, since the mark."""
        return sorted((parse_time(entry["requestReceivedTimestamp"]), entry["verb"], kind)
                      for entry, kind in self._entries(account, space))


class Sampler(threading.Thread):
    """The most memory that a process had, of looks five times a second. pid: a function, None while there is none."""

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.pid, self.stopping = pid, threading.Event()
        self.most = {"RssAnon": 0, "VmRSS": 0}
        self.start()

    def run(self):
        while True:
            try:
                for key, value in memory_kb(self.pid).items():
                    self.most[key] = max(self.most.get(key, 0), value)
            except OSError:
                return  # it has ended; who works with it will notice
            if self.stopping.wait(0.2):
                return

    def stop(self):
        self.stopping.set()
        self.join()
        return self.most


def memory_kb(pid):
    """{"RssAnon", "VmRSS", "VmHWM": KiB}."""
    found = {}
    with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as file:
        for row in file:
            key = row.split(":")[0]
            if key in ("RssAnon", "VmRSS", "VmHWM"):
                found[key] = int(row.split()[1])
    return found


def build():
    """(folder of our programs, path of the limit)."""
    folder = product.build()
    return folder, make(folder, "limit")


def make(folder, name):
    """Path of a program of the benchmark."""
    path = os.path.join(folder, "bench", name)
    product.make(os.path.relpath(path, kube.ROOT))
    return path
