# SPDX-License-Identifier: Apache-2.0
"""What integration tests stand on: a control plane without nodes, our objects from manifests/ but the Deployments, and
our programs as processes with the tokens of the shipped service accounts, so that their rights are tested as well."""

import datetime
import json
import os
import re
import signal
import subprocess
import time
import urllib.request

import yaml

import kube
import product
from faults import FaultProxy
from harness import check, wait_until
from player import Player
from procs import Program, free_port, kubeconfig

MUTATING = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/cloneset-mutating-webhook"
VALIDATING = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/cloneset-validating-webhook"
SECRET = f"/api/v1/namespaces/{product.NAMESPACE}/secrets/cloneset-webhook-cert"
LEASE = f"/apis/coordination.k8s.io/v1/namespaces/{product.NAMESPACE}/leases/cloneset-controller"


class Bed:
    def __init__(self, cluster, folder):
        self.cluster, self.folder = cluster, folder
        env = cluster.environment()
        self.kubectl = kube.Kubectl(env)
        self.api = kube.Api(env)
        self.ca_file = os.path.join(cluster.dir, "pki", "ca.crt")
        self.logs = os.path.join(cluster.dir, "programs")
        os.makedirs(self.logs, exist_ok=True)
        self.programs, self.player, self.proxies = [], None, []
        self.tokens, self.webhook, self.webhook_url = {}, None, None
        self.spaces = 0
        self.manifests = {}
        self.partial = False  # only some of the tests run
        self.outages = []  # (begin, end) as the audit log writes times

    # ---- setting up

    def install(self):
        """Everything of the manifests but what needs a node."""
        self.kubectl("apply", "-f", "manifests/crd.yaml")
        product.wait_established(self.api)
        with open("manifests/install.yaml", encoding="utf-8") as file:
            self.apply_objects(file.read())
        for program in product.PROGRAMS:
            path = f"/api/v1/namespaces/{product.NAMESPACE}/serviceaccounts/{program}/token"
            answer = self.api.call("POST", path, {"spec": {"expirationSeconds": 7200}})
            self.tokens[program] = answer["status"]["token"]

    def apply_objects(self, yaml):
        text = self.kubectl("create", "--dry-run=client", "-o", "json", "-f", "-", stdin=yaml).out
        kept = [item for item in _documents(text) if item["kind"] not in ("Deployment", "PodDisruptionBudget", "Service")]
        self.kubectl("apply", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": kept}))

    def rendered(self, folder):
        """The objects of a folder below manifests/, as kustomize makes them; to be read only."""
        if folder not in self.manifests:
            self.manifests[folder] = list(yaml.safe_load_all(self.kubectl("kustomize", f"manifests/{folder}", quiet=True).out))
        return self.manifests[folder]

    def play_node(self):
        if not self.player:
            self.player = Player(self.api).start()
        return self.player

    def config_for(self, program, server=None):
        """A kubeconfig for this program's account; server: that of a proxy."""
        name = f"{program}-{len(os.listdir(self.logs))}.kubeconfig"
        return kubeconfig(os.path.join(self.logs, name), server or self.api.server, self.tokens[program],
                          None if server else self.ca_file)

    def controller(self, *flags, server=None, env=None):
        config = self.config_for("cloneset-controller", server)
        return self._new("cloneset-controller", f"--kubeconfig={config}", "-v=2", *flags, env=env)

    def start_webhook(self, *flags, port=None, env=None, address=None):
        """address: of this machine, where it is reached by its Service; without, by a URL."""
        port = port or free_port()
        config = self.config_for("cloneset-webhook")
        reached = [] if address else [f"--webhook-url=https://127.0.0.1:{port}"]
        program = self._new("cloneset-webhook", f"--kubeconfig={config}", f"--webhook-bind-address={address or '127.0.0.1'}:{port}",
                            *reached, "--shutdown-delay=0s", "--shutdown-timeout=5s", *flags, env=env)
        program.https_port = port
        return program

    def ensure_webhook(self):
        """The one that most tests share."""
        if not self.webhook or not self.webhook.alive():
            self.webhook = self.start_webhook().start()
        self.webhook.wait_ready()
        self.wait_registered()
        return self.webhook

    def stop_webhook(self):
        if self.webhook:
            program, self.webhook = self.webhook, None
            program.stop()

    def remove_entries(self):
        """As if the webhook were not installed."""
        for path in (MUTATING, VALIDATING):
            self.api.merge(path, {"webhooks": []})
        wait_until("the API server has let go of the webhooks", lambda: self.accepts_nonsense(True), 15)

    def wait_registered(self):
        wait_until("the API server asks the webhook", lambda: self.accepts_nonsense(False), 15)

    def answer_to_nonsense(self):
        """(status, text) of a dry run; 201 when no webhook is asked."""
        bad = {"apiVersion": "apps.kruise.io/v1alpha1", "kind": "CloneSet", "metadata": {"name": "nonsense"},
               "spec": {"revisionHistoryLimit": -1, "selector": {"matchLabels": {"a": "b"}}, "template": {}}}
        return self.api.raw("POST", f"{kube.GROUP}/namespaces/default/clonesets?dryRun=All", bad)

    def accepts_nonsense(self, wanted):
        status, text = self.answer_to_nonsense()
        return (status == 201) == wanted and (wanted or "denied the request" in text)

    def _new(self, name, *flags, env=None):
        program = Program(self.folder, self.logs, name, *flags, env=env)
        self.programs.append(program)
        return program

    def proxy(self):
        proxy = FaultProxy(self.api.server, self.ca_file)
        self.proxies.append(proxy)
        return proxy

    def end_programs(self):
        for program in self.programs:
            if program.alive():
                program.signal(signal.SIGTERM)  # leaks are told at a proper end only
        for program in self.programs:
            if program.process:
                program.end(20)

    def close(self):
        for program in self.programs:
            program.kill()
        for proxy in self.proxies:
            proxy.stop()
        if self.player:
            self.player.stop()

    # ---- for tests

    def namespace(self, label):
        """A fresh one, so that what one test leaves behind does not matter to the next."""
        self.spaces += 1
        name = f"{label}-{self.spaces}"
        self.api.call("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
        wait_until("its account", lambda: self.api.find(f"/api/v1/namespaces/{name}/serviceaccounts/default"))
        return name

    def create(self, manifest, namespace):
        self.api.call("POST", f"{kube.GROUP}/namespaces/{namespace}/clonesets", manifest)
        return kube.Set(self.api, manifest["metadata"]["name"], namespace)

    def api_server_away(self, seconds):
        self.away("apiserver", seconds)

    def away(self, component, seconds, meanwhile=lambda: None):
        """Killed, and started again after so long."""
        begin = timestamp()
        self.cluster.component("kill", component)
        meanwhile()
        time.sleep(seconds)
        self.cluster.component("start", component)
        self.outages.append((begin, timestamp()))

    def compact(self):
        """etcd forgets all versions but the present one."""
        with open(f"{self.cluster.dir}/state.env", encoding="utf-8") as file:
            port = re.search(r"^ETCD_PORT=(\d+)", file.read(), re.M)[1]

        def post(path, body):
            request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", json.dumps(body).encode())
            with urllib.request.urlopen(request, timeout=10) as answer:
                return json.loads(answer.read())

        revision = post("/v3/kv/range", {"key": "AA==", "limit": 1})["header"]["revision"]
        post("/v3/kv/compaction", {"revision": revision, "physical": True})

    def forbidden_requests(self, program):
        """Requests of this program's account that RBAC refused, from the audit log. A server that has just started does
        not know the roles yet, and refuses everything until it is ready."""
        account = f"system:serviceaccount:{product.NAMESPACE}:{program}"
        found = set()
        for entry in self.audit(account):
            allowed = entry.get("annotations", {}).get("authorization.k8s.io/decision") == "allow"
            at = entry["requestReceivedTimestamp"]
            # Allowed, and then refused by admission: a quota, a claim whose StorageClass forbids that it grows.
            if allowed or any(begin <= at <= end for begin, end in self.outages):
                continue
            if entry.get("responseStatus", {}).get("code") == 403:
                found.add(f"{entry['verb']} {entry['requestURI']}")
        return sorted(found)

    def audit(self, account=None):
        with open(self.cluster.vars["CLUSTER_AUDIT_LOG"], encoding="utf-8") as file:
            for row in file:
                if account and account not in row:
                    continue  # the log is long, and parsing is slow
                try:
                    entry = json.loads(row)
                except ValueError:
                    continue  # the last line is being written
                if not account or entry["user"].get("username") == account:
                    yield entry


def timestamp():
    return datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def parse_time(text):
    """Seconds since 1970 of what the API writes."""
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def _documents(text):
    decoder, items, at = json.JSONDecoder(), [], 0
    while at < len(text.rstrip()):
        value, at = decoder.raw_decode(text, at)
        items += value["items"] if value["kind"] == "List" else [value]
        while at < len(text) and text[at].isspace():
            at += 1
    return items


def openssl_serial(port):
    """(serial of the served certificate, issuer's key id) as another client sees them."""
    done = subprocess.run(
        f"openssl s_client -connect 127.0.0.1:{port} -servername cloneset-webhook.{product.NAMESPACE}.svc </dev/null 2>/dev/null"
        " | openssl x509 -noout -serial -issuer -ext authorityKeyIdentifier",
        shell=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
    check(done.returncode == 0, f"no certificate on port {port}: {done.stderr}")
    serial = re.search(r"serial=(\w+)", done.stdout)[1]
    return serial, done.stdout.replace(serial, "")
