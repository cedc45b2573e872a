# SPDX-License-Identifier: Apache-2.0
"""OpenKruise's manager, built from a source tree that the user gives, as a process beside the played cluster: with its
defaults but for leader election, and with its own webhook for CloneSets only, self-signed, so that no Pod waits for it."""

import contextlib
import hashlib
import os
import signal
import subprocess
import urllib.error
import urllib.request

import yaml

import kube
from harness import Failure, check, progress, wait_until
from procs import free_port, kubeconfig

NAMESPACE = "kruise-system"
ADMISSION = "/apis/admissionregistration.k8s.io/v1"
CONFIGURATIONS = {"MutatingWebhookConfiguration": "mutatingwebhookconfigurations",
                  "ValidatingWebhookConfiguration": "validatingwebhookconfigurations"}


def build(tree):
    """Path of the manager. It is built once for each tree."""
    tree = os.path.realpath(tree)
    if not os.path.exists(os.path.join(tree, "main.go")) or not os.path.isdir(os.path.join(tree, "config", "crd", "bases")):
        raise Failure(f"PEER={tree} is no source tree of OpenKruise: main.go and config/crd/bases are expected there")
    cache = os.environ.get("CLONESET_CACHE") or os.path.join(
        os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "cloneset")
    with open(os.path.join(tree, "go.sum"), "rb") as file:
        tag = hashlib.sha256(tree.encode() + file.read()).hexdigest()[:12]
    path = os.path.join(cache, f"peer-{tag}", "manager")
    if not os.path.exists(path):
        progress("building the peer; the first time takes minutes")
        os.makedirs(os.path.dirname(path), exist_ok=True)
        env = {**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "-buildvcs=false", "GOWORK": "off"}
        done = subprocess.run(["go", "build", "-trimpath", "-ldflags", "-s -w", "-o", path, "."], cwd=tree, env=env,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        if done.returncode:
            raise Failure(f"PEER={tree} does not build:\n{done.stdout[-2000:]}")
    return path


class Peer:
    name, account = "peer", f"system:serviceaccount:{NAMESPACE}:kruise-manager"

    def __init__(self, place, tree):
        self.place, self.tree = place, os.path.realpath(tree)
        self.manager = build(tree)
        self.process = None
        self._install()

    @property
    def pid(self):
        return self.process.pid

    def _install(self):
        """Its kinds but CloneSet, which is there, an account that may do everything, and where its webhook looks for itself."""
        api, kubectl = self.place.api, self.place.bed.kubectl
        bases = os.path.join(self.tree, "config", "crd", "bases")
        for name in sorted(os.listdir(bases)):
            if not name.endswith("_clonesets.yaml"):
                kubectl("apply", "--server-side", "-f", os.path.join(bases, name), quiet=True)
        api.call("POST", "/api/v1/namespaces", {"metadata": {"name": NAMESPACE}})
        api.call("POST", f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts", {"metadata": {"name": "kruise-manager"}})
        api.call("POST", "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", {
            "metadata": {"name": "peer"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
            "subjects": [{"kind": "ServiceAccount", "namespace": NAMESPACE, "name": "kruise-manager"}]})
        token = api.call("POST", f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts/kruise-manager/token",
                         {"spec": {"expirationSeconds": 7200}})["status"]["token"]
        self.config = kubeconfig(os.path.join(self.place.bed.logs, "peer.kubeconfig"), api.server, token, self.place.bed.ca_file)
        with open(os.path.join(self.tree, "config", "webhook", "manifests.yaml"), encoding="utf-8") as file:
            self.entries = [one for one in yaml.safe_load_all(file) if one and one["kind"] in CONFIGURATIONS]
        for one in self.entries:
            one["metadata"]["name"] = "kruise-" + one["metadata"]["name"]
            one["webhooks"] = [hook for hook in one["webhooks"] if hook["clientConfig"]["service"]["path"].endswith("-cloneset")]

    @contextlib.contextmanager
    def running(self):
        api = self.place.api
        for one in self.entries:
            api.call("POST", f"{ADMISSION}/{CONFIGURATIONS[one['kind']]}", one)
        try:
            self._start()
            yield self
        finally:
            self._stop()
            for one in self.entries:
                api.delete(f"{ADMISSION}/{CONFIGURATIONS[one['kind']]}/{one['metadata']['name']}")
            wait_until("the API server no longer asks the peer", lambda: self.place.bed.accepts_nonsense(True), 15)

    def _start(self):
        self.port = free_port()
        certificates = os.path.join(self.place.bed.logs, "peer-certificates")
        os.makedirs(certificates, exist_ok=True)
        env = {**os.environ, "KUBECONFIG": self.config, "POD_NAMESPACE": NAMESPACE, "WEBHOOK_HOST": "localhost",
               "WEBHOOK_PORT": str(free_port()), "WEBHOOK_CERT_DIR": certificates}
        flags = [f"--health-probe-addr=127.0.0.1:{self.port}", "--metrics-addr=0", "--enable-pprof=false",
                 "--enable-leader-election=false", "--logtostderr=true", "--v=0"]
        self.log = os.path.join(self.place.bed.logs, "peer.log")
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen([self.manager, *flags], env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait_until("the peer is ready", self._ready, 120, 0.5)
        # It says so before its controllers have begun.
        space = self.place.namespace("peer-first")
        whole = {"apiVersion": "apps.kruise.io/v1alpha1", "kind": "CloneSet", "metadata": {"name": "first"}, "spec": {
            "replicas": 1, "selector": {"matchLabels": {"app": "first"}}, "template": {
                "metadata": {"labels": {"app": "first"}}, "spec": {"containers": [{"name": "c", "image": "nginx:alpine"}]}}}}
        one = wait_until("it admits", lambda: self._admitted(whole, space), 60, 0.5)
        wait_until("it has created a Pod", lambda: one.pods(), 120, 0.5)
        self.place.api.delete(one.path)
        wait_until("the Pod is gone", lambda: not one.pods(True), 60, 0.5)

    def _admitted(self, whole, space):
        try:
            return self.place.bed.create(whole, space)
        except kube.ApiError as error:
            raise Failure(str(error)) from error

    def _ready(self):
        check(self.process.poll() is None, f"it ended with {self.process.returncode}; its log: {self.log}")
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/readyz", timeout=5) as answer:
                return answer.status == 200
        except (OSError, urllib.error.URLError) as error:
            raise Failure(str(error)) from error

    def _stop(self):
        process, self.process = self.process, None
        if not process:
            return
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
