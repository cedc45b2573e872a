#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The story: what a user of CloneSet does, on a real cluster, with kubectl.

usage: story.py [--demo] [--keep] [--only REGEX]
  --demo   tells the story: every command, its real output and what it proves
  --keep   leaves the cluster up (KEEP=1) and says how to reach and end it
  --only   runs the lines whose name matches, after installation and the first line
environment: CLUSTER=current uses the cluster of KUBECONFIG, which must be one
made by test/cluster/cluster.sh without CloneSets (decision D22).

Each line of the story is one test. What it claims is measured by other means
than the product's own: UIDs, addresses, image ids, files, pages, and watches that
record every state that etcd held.
"""

import argparse
import difflib
import os
import re
import shutil
import sys
import tempfile
import time

sys.path[:0] = [os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", folder) for folder in ("lib", "chaos")]
# pylint: disable=wrong-import-position
import kube  # noqa: E402
import product  # noqa: E402
import rounds  # noqa: E402
from admission_loop import AdmissionLoop  # noqa: E402
from bed import Bed  # noqa: E402
from bench import InstalledBench  # noqa: E402
from confined import check_unprivileged, processes_in  # noqa: E402
from harness import Failure, Skip, Suite, check, check_equal, end_on_signals, holds, progress, wait_until  # noqa: E402
from kube import ID_LABEL, condition, controller_of, fetch, instance_id, uids  # noqa: E402
from manifest import changed, cloneset, to_yaml  # noqa: E402
from others import time_of_others  # noqa: E402
from witness import Witness  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
GRACE_S = 10
COLUMNS = ["DESIRED", "UPDATED", "UPDATED_READY", "UPDATED_AVAILABLE", "READY", "TOTAL", "AGE"]
CONTAINER = "spec/template/spec/containers/0"

TESTS = []


def line(name, needs=None):
    """Registers a line of the story."""

    def register(method):
        TESTS.append((name, method, needs))
        return method

    return register


class Story:
    def __init__(self, cluster, demo, folder):
        self.cluster, self.demo, self.folder = cluster, demo, folder
        env = cluster.environment()
        self.kubectl = kube.Kubectl(env, show=demo)
        self.api = kube.Api(env)
        self.set = kube.Set(self.api, "nginx-2")
        self.early = kube.Set(self.api, "early")
        self.manifest = cloneset("nginx-2", 5)
        self.applied = {}
        self.files = tempfile.mkdtemp(prefix="cloneset-story-")
        self.baseline = {}
        self.witness = Witness(self.api, env)

    def say(self, text):
        if self.demo:
            print(f"  {text}", flush=True)

    def proves(self, text):
        """The line after a command in the demo; reached only when it was checked."""
        if self.demo:
            print(f"  => {text}", flush=True)

    # ---- what a user does

    def apply(self, manifest, ok=True, name=None):
        """kubectl apply of a file; the demo shows what was edited in it."""
        name = name or manifest["metadata"]["name"]
        text = to_yaml(manifest)
        path = os.path.join(self.files, name + ".yaml")
        before = self.applied.get(name)
        if self.demo and before is None:
            print(f"    # {name}.yaml\n" + "\n".join("    # " + row for row in text.splitlines()))
        elif self.demo:
            rows = difflib.unified_diff(before.splitlines(), text.splitlines(), lineterm="", n=0)
            print(f"    # edited in {name}.yaml:")
            print("\n".join("    # " + row for row in rows if not row.startswith(("---", "+++", "@@"))), flush=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        result = self.run_in_files("apply", "-f", name + ".yaml", ok=ok)
        if result.code == 0:
            self.applied[name] = text
        return result

    def run_in_files(self, *args, ok=True):
        before = os.getcwd()
        os.chdir(self.files)
        try:
            return self.kubectl(*args, ok=ok)
        finally:
            os.chdir(before)

    def edit(self, *edits, ok=True):
        """Changes the story's manifest for good, by kubectl apply."""
        manifest = changed(self.manifest, *edits)
        result = self.apply(manifest, ok)
        if result.code == 0:
            self.manifest = manifest
        return result

    def show_pods(self):
        if self.demo:
            self.kubectl("get", "pods", "-l", self.set.selector, "-L", ID_LABEL, "-o", "wide")

    def names(self):
        return sorted(pod["metadata"]["name"] for pod in self.set.pods())

    def watch_pods(self, which=None):
        which = which or self.set
        return kube.Watch(self.api, which.pods_path, which.selector)

    def check_limit(self, watch, replicas, limit):
        """Judges maxUnavailable over every state that the watch saw; how few were available at worst."""
        history = watch.stop()
        lowest, _ = kube.lowest_availability(history)
        check(lowest is not None and lowest >= replicas - limit,
              f"only {lowest} of {replicas} Pods were available at some instant; maxUnavailable allows {limit}")
        return lowest, len(history)

    # ---- installation

    def install(self):
        """Applies the manifests and waits; the CloneSet `early` is there before the controller."""
        self.baseline["before"] = time_of_others(self.api, "a")
        self.kubectl("apply", "-f", "manifests/crd.yaml")
        product.wait_established(self.api)
        self.kubectl("wait", "--for=condition=Established", "crd/clonesets.apps.kruise.io", "--timeout=20s")
        self.apply(cloneset("early", 2, claims=False))
        self.proves("the CRD is a file of its own: CloneSets may be there before anything that serves them")
        product.apply(self.kubectl)
        product.wait_running(self.kubectl)
        self.kubectl("get", "deployments,pods,services,poddisruptionbudgets,leases", "-n", product.NAMESPACE)
        level = self.api.get(f"/api/v1/namespaces/{product.NAMESPACE}")["metadata"]["labels"]
        check_equal(level.get("pod-security.kubernetes.io/enforce"), "restricted", "Pod Security level of the namespace")
        for program in product.PROGRAMS:
            check_equal(len(product.pods(self.api, program)), 2, f"Pods of {program}")
        self.proves("two controllers and two webhooks run under the Pod Security level `restricted`")
        product.wait_strict(self.api)
        before = product.stored(self.kubectl)
        again = product.apply(self.kubectl)
        # kubectl says "configured" for any budget, since it sends its selector whole each time; nothing changes by that.
        touched = [row for row in again.out.splitlines()
                   if not row.endswith(" unchanged") and not row.startswith("poddisruptionbudget")]
        check(not touched and again.out.strip(), f"applying a second time changes: {touched}")
        after = product.stored(self.kubectl)
        check(before == after, f"changed: {[key for key in after if after[key] != before.get(key)]}")
        self.proves("applying the same manifests again changes nothing")
        self.early.wait_settled(2)
        check_equal(self.early.claims(), [], "claims of a set without claim templates")
        self.kubectl("get", "clone", "early")
        self.proves("the CloneSet that was there first got its Pods; without claim templates there are no claims")

    # ---- the ten lines

    @line("1 five Pods with five claims")
    def create(self):
        with open(os.path.join(HERE, "nginx-2.yaml"), encoding="utf-8") as file:
            self.kubectl("apply", "-f", "-", stdin=file.read())
        self.applied["nginx-2"] = to_yaml(self.manifest)
        self.set.wait_settled(5, "nginx:alpine")
        owner = self.set.get()["metadata"]["uid"]
        pods, claims = self.set.pods(), self.set.claims()
        check_equal(len(claims), 5, "number of claims")
        by_id = {instance_id(claim): claim for claim in claims}
        for pod in pods:
            name, ident = pod["metadata"]["name"], instance_id(pod)
            check(re.fullmatch(r"[bcdfghjklmnpqrstvwxz2456789]{5}", ident or ""), f"{name} has the instance id {ident}")
            check_equal(name, f"nginx-2-{ident}", "Pod name")
            check(ident in by_id, f"no claim has the instance id of {name}")
            claim = by_id[ident]
            check_equal(claim["metadata"]["name"], f"data-vol-nginx-2-{ident}", "claim name")
            check_equal(claim["status"]["phase"], "Bound", claim["metadata"]["name"])
            for thing in (pod, claim):
                check_equal(controller_of(thing)["uid"], owner, f"controller of {thing['metadata']['name']}")
            mounted = [v["persistentVolumeClaim"]["claimName"] for v in pod["spec"]["volumes"] if "persistentVolumeClaim" in v]
            check_equal(mounted, [claim["metadata"]["name"]], f"claims that {name} mounts")
        self.kubectl("get", "pods,pvc", "-l", self.set.selector, "-L", ID_LABEL)
        if self.demo:
            self.kubectl("get", "pvc", "-l", self.set.selector, "-o",
                         "custom-columns=NAME:.metadata.name,OWNER:.metadata.ownerReferences[0].kind,"
                         "OF:.metadata.ownerReferences[0].name,PHASE:.status.phase")
        self.proves("Pod and claim share the instance id, which ends both names; every claim belongs to the CloneSet")

    @line("2 kubectl get, scale and the autoscaler", needs="1 ")
    def columns_and_scale(self):
        for resource in ("clonesets", "clone"):
            head = self.kubectl("get", resource).out.splitlines()[0].split()
            check_equal(head, ["NAME"] + COLUMNS, f"columns of `kubectl get {resource}`")
        rows = self.kubectl("get", "clone", "nginx-2", "-o", "wide").out.splitlines()
        check_equal(rows[0].split(), ["NAME"] + COLUMNS + ["CONTAINERS", "IMAGES", "SELECTOR"], "columns of -o wide")
        values = rows[1].split()
        check_equal(values[:7] + values[8:], ["nginx-2", "5", "5", "5", "5", "5", "5", "nginx", "nginx:alpine", "app=nginx-2"],
                    "row of -o wide")
        self.proves("the columns are there, under both names")
        self.kubectl("scale", "clone/early", "--replicas=3")
        self.early.wait_settled(3)
        self.kubectl("scale", "clone/early", "--replicas=2")
        self.early.wait_settled(2)
        scale = self.kubectl("get", "--raw", self.early.path + "/scale").out
        check('"selector":"app=early"' in scale and '"replicas":2' in scale, f"scale subresource: {scale}")
        self.proves("kubectl scale works; the scale subresource tells replicas and selector")
        self.kubectl("autoscale", "clone/early", "--min=3", "--max=4", "--cpu-percent=50")
        self.early.wait_settled(3)
        hpa = wait_until("the HPA counts the Pods", lambda: self.hpa_sees(3), 30)
        check_equal(condition(hpa, "AbleToScale"), "True", "the HPA's condition AbleToScale")
        self.kubectl("get", "hpa", "early")
        self.kubectl("delete", "hpa", "early")
        self.proves("an autoscaler reads the scale and raised it to its minimum of 3")

    def hpa_sees(self, replicas):
        hpa = self.api.get("/apis/autoscaling/v2/namespaces/default/horizontalpodautoscalers/early")
        status = hpa.get("status", {})
        return hpa if status.get("currentReplicas") == replicas else None

    @line("3 podsToDelete takes the chosen Pod", needs="1 ")
    def pods_to_delete(self):
        before, claims_before = uids(self.set.pods()), uids(self.set.claims())
        chosen = sorted(before)[2]
        self.edit(("spec/replicas", 4), ("spec/scaleStrategy", {"podsToDelete": [chosen]}))
        self.set.wait_settled(4)
        wait_until(f"{chosen} and its claim are gone",
                   lambda: not self.set.pod(chosen) and not self.set.claim(f"data-vol-{chosen}"))
        before.pop(chosen)
        claims_before.pop(f"data-vol-{chosen}")
        check_equal(uids(self.set.pods()), before, "the other Pods (UIDs)")
        check_equal(uids(self.set.claims()), claims_before, "the other claims (UIDs)")
        wait_until("the name leaves podsToDelete",
                   lambda: not self.set.get()["spec"].get("scaleStrategy", {}).get("podsToDelete"))
        self.kubectl("get", "pods,pvc", "-l", self.set.selector)
        self.kubectl("get", "clone", "nginx-2", "-o", "jsonpath={.spec.scaleStrategy}{\"\\n\"}")
        self.manifest = changed(self.manifest, ("spec/scaleStrategy", None))
        self.proves(f"{chosen} went with its claim, the other four kept their UIDs, and its name was struck from the list")

    @line("4 scale in, scale out", needs="1 ")
    def scale_in_and_out(self):
        old_ids = {instance_id(pod) for pod in self.set.pods()}
        before = uids(self.set.pods())
        self.kubectl("scale", "clone/nginx-2", "--replicas=2")
        self.set.wait_settled(2)
        wait_until("the claims of removed Pods are gone", lambda: len(self.set.claims(terminating=True)) == 2)
        kept = uids(self.set.pods())
        check(kept.items() <= before.items(), "the Pods that stay were replaced")
        kept_ids = {instance_id(pod) for pod in self.set.pods()}
        check_equal({instance_id(claim) for claim in self.set.claims()}, kept_ids, "ids of the claims that stay")
        self.kubectl("get", "pods,pvc", "-l", self.set.selector)
        self.proves("the claims of the removed Pods are gone")
        self.manifest = changed(self.manifest, ("spec/replicas", 3))
        self.kubectl("scale", "clone/nginx-2", "--replicas=3")
        self.set.wait_settled(3)
        new_ids = {instance_id(pod) for pod in self.set.pods()} - kept_ids
        check_equal(len(new_ids), 1, "number of new ids")
        check(not new_ids & old_ids, f"an id of a removed Pod was used again: {new_ids & old_ids}")
        check_equal(len(self.set.claims()), 3, "claims")
        self.kubectl("get", "pods,pvc", "-l", self.set.selector)
        self.proves("scaling out makes new ids with new claims")

    @line("5 a deleted or evicted Pod comes back with its data", needs="1 ")
    def comes_back(self):
        pod = self.set.pods()[0]
        name, ident = pod["metadata"]["name"], instance_id(pod)
        claim = self.set.claim(f"data-vol-{name}")["metadata"]["uid"]
        text = f"written into {name}"
        self.kubectl("exec", name, "--", "sh", "-c", f"echo '{text}' > /usr/share/nginx/html/index.html")

        self.kubectl("delete", "pod", name)
        self.returned(name, ident, pod["metadata"]["uid"], claim, text)
        self.proves("after kubectl delete pod: same id, name and claim, another Pod, and the file is still there")

        uid = self.set.pod(name)["metadata"]["uid"]
        node = pod["spec"]["nodeName"]
        try:
            self.kubectl("drain", node, f"--pod-selector={ID_LABEL}={ident}", "--ignore-daemonsets", "--timeout=60s")
        finally:
            self.kubectl("uncordon", node)
        self.returned(name, ident, uid, claim, text)
        self.proves("after an eviction: the same")

    def returned(self, name, ident, old_uid, claim_uid, text):
        def back():
            pod = self.set.pod(name)
            return pod and pod["metadata"]["uid"] != old_uid and kube.pod_available(pod)

        wait_until(f"{name} is back", back, 40)
        self.set.wait_settled(3)
        pod = self.set.pod(name)
        check_equal(instance_id(pod), ident, "instance id of the replacement")
        check_equal(self.set.claim(f"data-vol-{name}")["metadata"]["uid"], claim_uid, "UID of its claim")
        check_equal(len(self.set.claims(terminating=True)), 3, "number of claims")
        shown = self.kubectl("exec", name, "--", "cat", "/usr/share/nginx/html/index.html").out.strip()
        check_equal(shown, text, "the file in the claim")
        check_equal(fetch(f"http://{pod['status']['podIP']}/").strip(), text, "the page")

    @line("6 ReCreate brings new Pods and new claims", needs="1 ")
    def recreate(self):
        pods, claims = uids(self.set.pods()), uids(self.set.claims())
        watch = self.watch_pods()
        result = self.edit((f"{CONTAINER}/image", "nginx:1.25"))
        check("Warning:" in result.err and "recreate" in result.err and "claim" in result.err,
              f"kubectl shows no warning about Pods and claims: {result.err!r}")
        self.proves("kubectl warns how many Pods are recreated and how many claims that deletes")
        self.set.wait_settled(3, "nginx:1.25", 90)
        wait_until("the old claims are gone", lambda: len(self.set.claims(terminating=True)) == 3)
        check(not set(pods) & set(self.names()), "a Pod kept its name")
        check(not set(claims.values()) & set(uids(self.set.claims()).values()), "a claim is an old one")
        lowest, _ = self.check_limit(watch, 3, 1)
        self.kubectl("get", "pods,pvc", "-l", self.set.selector)
        for pod in self.set.pods():
            check_equal(fetch(f"http://{pod['status']['podIP']}/version").strip(), "1.25", "page of the new Pod")
        self.proves(f"new Pods, new claims, the old claims are gone; never fewer than {lowest} of 3 Pods were available")

    @line("7a an image in place, after the Service has let go", needs="1 ")
    def in_place(self):
        self.kubectl("apply", "-f", "-", stdin="apiVersion: v1\nkind: Service\nmetadata: {name: nginx-2}\n"
                     "spec: {selector: {app: nginx-2}, ports: [{port: 80}]}\n")
        self.edit(("spec/updateStrategy", {"type": "InPlaceIfPossible",
                                           "inPlaceUpdateStrategy": {"gracePeriodSeconds": GRACE_S}}))
        wait_until("the Service has 3 endpoints", lambda: len(self.endpoints()) == 3)
        before = {pod["metadata"]["name"]: pod for pod in self.set.pods()}
        pods_before, claims_before = uids(before.values()), uids(self.set.claims())
        watch = self.watch_pods()
        slices = kube.Watch(self.api, "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices",
                            "kubernetes.io/service-name=nginx-2")
        self.show_pods()
        self.edit((f"{CONTAINER}/image", "nginx:latest"))
        self.set.wait_settled(3, "nginx:latest", 150)
        check_equal(uids(self.set.pods()), pods_before, "Pods (UIDs)")
        check_equal(uids(self.set.claims()), claims_before, "claims (UIDs)")
        lowest, _ = self.check_limit(watch, 3, 1)
        for pod in self.set.pods():
            self.changed_in_place(before[pod["metadata"]["name"]], pod, "latest")
        self.show_pods()
        if self.demo:
            ip = self.set.pods()[0]["status"]["podIP"]
            print(f"    $ curl http://{ip}/version\n    {fetch(f'http://{ip}/version').strip()}")
        self.proves("same Pods, names, addresses, nodes and claims; one restart each, another imageID, another page; "
                    f"never fewer than {lowest} of 3 were available")
        self.order_of_events(watch.history(), slices.stop())

    def endpoints(self):
        found = self.api.items("/apis/discovery.k8s.io/v1/namespaces/default/endpointslices",
                               "kubernetes.io/service-name=nginx-2")
        return ready_addresses(found)

    @staticmethod
    def changed_in_place(old, new, tag):
        name = new["metadata"]["name"]
        was, now = old["status"]["containerStatuses"][0], new["status"]["containerStatuses"][0]
        check_equal(new["status"]["podIP"], old["status"]["podIP"], f"{name}: address")
        check_equal(new["spec"]["nodeName"], old["spec"]["nodeName"], f"{name}: node")
        check_equal(now["restartCount"], was["restartCount"] + 1, f"{name}: restartCount")
        check(now["imageID"] != was["imageID"], f"{name}: imageID is still {was['imageID']}")
        check_equal(fetch(f"http://{new['status']['podIP']}/version").strip(), tag, f"{name}: page")

    def order_of_events(self, pods, slices):
        """From two watches: when each Pod left the endpoints, and when its image changed."""
        self.say("seconds after the edit, as two watches saw it:")
        origin = pods[0].at
        for name in self.names():
            states = [event for event in pods if event.name == name]
            address = states[-1].obj["status"]["podIP"]
            image_at = first(states, lambda event: event.obj["spec"]["containers"][0]["image"] == "nginx:latest")
            out_at = first(slices, lambda event, a=address: a not in ready_addresses([event.obj]))
            check(image_at and out_at, f"{name}: the watches did not see it change")
            back_at = first([event for event in slices if event.at > image_at],
                            lambda event, a=address: a in ready_addresses([event.obj]))
            waited = image_at - out_at
            self.say(f"  {name}: out of the endpoints {out_at - origin:5.1f}, image changed {image_at - origin:5.1f} "
                     f"({waited:.1f} s later), back {(back_at or 0) - origin:5.1f}")
            # The period counts from the second in which it was written down.
            check(GRACE_S - 1 <= waited <= GRACE_S + 3,
                  f"{name}: the image changed {waited:.1f} s after it left the endpoints, not {GRACE_S} s")
        self.proves(f"each Pod left the Service first, and its image changed {GRACE_S} s later")

    @line("7b labels and annotations in place, no restart", needs="1 ")
    def metadata_in_place(self):
        before = {pod["metadata"]["name"]: pod for pod in self.set.pods()}
        self.edit(("spec/updateStrategy/inPlaceUpdateStrategy", {"gracePeriodSeconds": 0}),
                  ("spec/template/metadata/labels/tier", "web"),
                  ("spec/template/metadata/annotations", {"note": "in place"}))
        self.set.wait_settled(3, "nginx:latest", 90)
        for pod in self.set.pods():
            name = pod["metadata"]["name"]
            check(name in before and pod["metadata"]["uid"] == before[name]["metadata"]["uid"], f"{name} is another Pod")
            check_equal(pod["metadata"]["labels"].get("tier"), "web", f"{name}: label tier")
            check_equal(pod["metadata"].get("annotations", {}).get("note"), "in place", f"{name}: annotation note")
            was, now = (p["status"]["containerStatuses"][0] for p in (before[name], pod))
            check_equal(now["containerID"], was["containerID"], f"{name}: containerID")
        self.kubectl("get", "pods", "-l", self.set.selector, "-L", "tier")
        self.proves("the same containers run on")

    @line("7c env recreates, and an event says why", needs="1 ")
    def env_recreates(self):
        pods = uids(self.set.pods())
        result = self.edit((f"{CONTAINER}/env", [{"name": "MODE", "value": "fast"}]),
                           ("spec/template/spec/initContainers",
                            [{"name": "prepare", "image": "busybox:1.36", "command": ["true"]}]))
        check("Warning:" in result.err and "cannot change in place" in result.err,
              f"kubectl shows no warning about the recreation: {result.err!r}")
        self.set.wait_settled(3, "nginx:latest", 90)
        check(not set(pods.values()) & set(uids(self.set.pods()).values()), "a Pod was not recreated")
        forced = wait_until("an event that names the path", lambda: [
            event for event in self.set.events() if re.search(r"\.env\b|initContainers", event.get("message", ""))], 15)
        self.kubectl("get", "events", "--field-selector", f"reason={forced[0]['reason']}")
        self.proves("the event names the path that forced it")

    @line("8 InPlaceOnly refuses what it cannot do", needs="1 ")
    def in_place_only(self):
        pods = uids(self.set.pods())
        self.edit(("spec/updateStrategy/type", "InPlaceOnly"), (f"{CONTAINER}/image", "nginx:1.27"),
                  ("spec/template/metadata/labels/tier", "front"))
        self.set.wait_settled(3, "nginx:1.27", 90)
        check_equal(uids(self.set.pods()), pods, "Pods (UIDs)")
        self.proves("image and template metadata edits pass and change the Pods in place")
        before = self.set.get()
        for what, edits, told in refused_edits():
            self.say(f"-- {what}")
            result = self.edit(*edits, ok=False)
            text = " ".join(result.err.split())
            for part in told:
                check(part in text, f"{what}: the refusal does not say {part!r}: {text}")
            check("admission webhook" in text, f"{what}: not refused by the webhook: {text}")
            check("→" in text and re.search("InPlaceIfPossible|ReCreate", text),
                  f"{what}: the refusal names no old → new value or no way out: {text}")
        self.proves("kubectl apply: refused, each time with the field, old → new value and what to do instead")
        self.refused_otherwise()
        after = self.set.get()
        check_equal(after["metadata"]["generation"], before["metadata"]["generation"], "generation of the set")
        check_equal(after["spec"], before["spec"], "spec of the set")
        check_equal(uids(self.set.pods()), pods, "Pods (UIDs)")
        self.proves("kubectl edit and kubectl patch: refused as well; nothing has changed")

    def refused_otherwise(self):
        """The same by kubectl edit and kubectl patch."""
        result = self.kubectl("edit", "clone", "nginx-2", ok=False, env={"KUBE_EDITOR": self.editor(), "TMPDIR": self.files})
        with open(os.path.join(self.files, "seen"), encoding="utf-8") as file:
            seen = "".join(row for row in file if row.startswith("#"))
        if self.demo:
            print("    what the editor shows when it opens again:\n" + "\n".join("    " + row for row in seen.splitlines()))
        for part in ("spec.template.spec.containers[0].env", "→", "InPlaceIfPossible"):
            check(part in " ".join(seen.split()), f"kubectl edit does not say {part!r}: it shows {seen!r} and prints {result.text!r}")
        for kind, patch in (
            ("json", '[{"op": "replace", "path": "/spec/template/spec/containers/0/env/0/value", "value": "slow"}]'),
            ("merge", '{"spec": {"template": {"spec": {"nodeSelector": {"disk": "fast"}}}}}'),
        ):
            result = self.kubectl("patch", "clone", "nginx-2", f"--type={kind}", "-p", patch, ok=False)
            check("→" in result.text, f"kubectl patch: {result.text}")

    def editor(self):
        """A program that edits as a person would, and writes down what it was shown."""
        path = os.path.join(self.files, "editor")
        with open(path, "w", encoding="utf-8") as file:
            file.write(f"#!/bin/sh\ncp \"$1\" {self.files}/seen\nsed -i 's/value: fast/value: slow/' \"$1\"\n")
        os.chmod(path, 0o755)
        return path

    @line("9 kubectl delete clone takes Pods and claims along", needs="1 ")
    def delete_set(self):
        self.kubectl("delete", "clone", "nginx-2")
        wait_until("all Pods and claims are gone",
                   lambda: not self.set.pods(terminating=True) and not self.set.claims(terminating=True), 60)
        self.kubectl("get", "pods,pvc", "-l", self.set.selector)
        self.kubectl("delete", "service", "nginx-2")
        self.proves("nothing of it is left")

    @line("10 maxUnavailable holds at every instant")
    def max_unavailable(self):
        wide = kube.Set(self.api, "wide")
        manifest = cloneset("wide", 10, "nginx:alpine", claims=False)
        self.apply(manifest)
        wide.wait_settled(10)
        for kind, image in (("ReCreate", "nginx:1.26"), ("InPlaceIfPossible", "nginx:1.27")):
            watch = self.watch_pods(wide)
            manifest = changed(manifest, ("spec/updateStrategy", {"type": kind}), (f"{CONTAINER}/image", image))
            self.apply(manifest)
            wide.wait_settled(10, image, 120)
            lowest, states = self.check_limit(watch, 10, 2)
            check(lowest == 8, f"the rollout did not use what maxUnavailable allows: never fewer than {lowest}")
            self.proves(f"{kind}: never fewer than {lowest} of 10 available in any of {states} states (20% of 10 is 2)")
        self.kubectl("get", "clone", "wide")
        self.kubectl("delete", "clone", "wide")
        wait_until("all Pods are gone", lambda: not wide.pods(terminating=True), 60)

    # ---- around it

    @line("the instance-id label is injected, and stays as it is (D17)")
    def instance_id_label(self):
        owner = self.early.get()["metadata"]
        reference = {"apiVersion": "apps.kruise.io/v1alpha1", "kind": "CloneSet", "name": owner["name"],
                     "uid": owner["uid"], "controller": True}
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "early-bcdfg", "ownerReferences": [reference]},
               "spec": {"containers": [{"name": "nginx", "image": "nginx:alpine"}]}}
        claim = {"apiVersion": "v1", "kind": "PersistentVolumeClaim",
                 "metadata": {"name": "data-early-bcdfg", "ownerReferences": [reference]},
                 "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}}
        generated = changed(pod, ("metadata/name", None), ("metadata/generateName", "early-"))
        label = "jsonpath={.metadata.name} {.metadata.labels}{\"\\n\"}"
        for thing in (pod, claim):
            shown = self.kubectl("create", "--dry-run=server", "-f", "-", "-o", label, stdin=to_yaml(thing)).out
            check_equal(shown.strip(), f'{thing["metadata"]["name"]} {{"{ID_LABEL}":"bcdfg"}}', "injected label")
        shown = self.kubectl("create", "--dry-run=server", "-f", "-", "-o", label, stdin=to_yaml(generated)).out
        check(re.fullmatch(r'early-([b-z2-9]{5}) \{"[^"]*":"\1"\}', shown.strip()), f"with generateName: {shown}")
        alone = changed(pod, ("metadata/ownerReferences", None))
        shown = self.kubectl("create", "--dry-run=server", "-f", "-", "-o", label, stdin=to_yaml(alone)).out
        check_equal(shown.strip(), "early-bcdfg", "a Pod of nobody")
        self.proves("injected where a CloneSet owns it, and only there")
        self.label_stays()

    def label_stays(self):
        name = self.early.pods()[0]["metadata"]["name"]
        before = self.early.pod(name)
        self.kubectl("create", "clusterrolebinding", "jane", "--clusterrole=edit", "--user=jane")
        for value in (f"{ID_LABEL}=zzzzz", f"{ID_LABEL}-"):
            result = self.kubectl("label", "pod", name, value, "--overwrite", ok=False)
            check(ID_LABEL in result.err, f"the refusal does not name the label: {result.err}")
        for path in ("", "/status"):
            status, text = self.api.raw("PATCH", f"{self.early.pods_path}/{name}{path}",
                                        {"metadata": {"labels": {ID_LABEL: "zzzzz"}}}, "application/merge-patch+json")
            check(status in (403, 422), f"PATCH of the label by pods{path}: {status} {text}")
        orphan = '{"metadata": {"ownerReferences": null}}'
        result = self.kubectl("patch", "pod", name, "--type=merge", "-p", orphan, "--as=jane", ok=False)
        check("podsToDelete" in result.err, f"the refusal does not say what to do instead: {result.err}")
        self.kubectl("label", "pod", name, f"{ID_LABEL}=zzzzz", "--overwrite", "--as=jane", ok=False)
        after = self.early.pod(name)
        check_equal(after["metadata"]["labels"], before["metadata"]["labels"], "labels")
        check_equal(after["metadata"]["ownerReferences"], before["metadata"]["ownerReferences"], "ownerReferences")
        self.kubectl("label", "pod", name, "other=label", "--as=jane")
        self.kubectl("delete", "clusterrolebinding", "jane")
        self.proves("whoever changes or removes label or owner is refused with a reason; other labels are free")

    @line("a wrong manifest is refused with a hint")
    def wrong_manifest(self):
        wrong = changed(cloneset("nginx-3"), ("spec/volumeClaimTemplates/0/metadata/name", "rbd"))
        result = self.apply(wrong, ok=False)
        check('spec.template.spec.containers[0].volumeMounts[0].name: Not found: "data-vol"' in result.err, result.err)
        check('"rbd"' in result.err, f"no hint that names rbd: {result.err}")
        self.proves("the path, what is missing, and what was probably meant")

    @line("our programs run without privileges")
    def privileges(self):
        """As the kernel sees the running processes, not as the manifests ask for it."""
        for pod in product.pods(self.api):
            name = pod["metadata"]["name"]
            (status,) = pod["status"]["containerStatuses"]
            processes = processes_in(status["containerID"].split("//")[1])
            check_equal(len(processes), 1, f"number of processes in the container of {name}")
            check_unprivileged(name, processes[0])
        self.proves("no capability, no new privileges, a seccomp filter, not root, nothing to write to but what the runtime mounts")

    @line("the rest of the cluster does not depend on us")
    def cluster_without_us(self):
        with_us = time_of_others(self.api, "b")
        for program in product.PROGRAMS:
            self.kubectl("scale", f"deployment/{program}", "--replicas=0", "-n", product.NAMESPACE)
        wait_until("our Pods are gone", lambda: not product.pods(self.api), 60)
        try:
            without = time_of_others(self.api, "c")
            refused = self.kubectl("patch", "clone", "early", "--type=merge", "-p", '{"spec":{"minReadySeconds":1}}', ok=False)
            check("webhook" in refused.err, f"an edit without webhook: {refused.err}")
            self.kubectl("scale", "clone/early", "--replicas=2")
            self.proves("with none of our Pods running only edits of CloneSets wait; scaling them is accepted")
        finally:
            for program in product.PROGRAMS:
                self.kubectl("scale", f"deployment/{program}", "--replicas=2", "-n", product.NAMESPACE)
        product.wait_running(self.kubectl)
        self.early.wait_settled(2)
        for what, before in self.baseline.get("before", with_us).items():
            self.say(f"{what}: {before:.1f} ms before we were installed, {with_us[what]:.1f} ms with us, "
                     f"{without[what]:.1f} ms with all our Pods killed (median of creating 20)")
            for label, after in (("with us", with_us[what]), ("with our Pods killed", without[what])):
                check(after < before * 3 + 20, f"creating {what} takes {after:.1f} ms {label}, {before:.1f} ms without")
        self.proves("Pods, Deployments and namespaces are created as fast as without us; back again we do what waited")

    @line("no edit fails while the webhooks are restarted")
    def rolling_restart(self):
        loop = AdmissionLoop(self.api)
        self.kubectl("rollout", "restart", "deployment/cloneset-webhook", "-n", product.NAMESPACE)
        product.wait_running(self.kubectl)
        wait_until("the old Pods are gone", lambda: len(product.pods(self.api, "cloneset-webhook")) == 2, 60)
        loop.stop()
        check(loop.done > 50 and not loop.failures,
              f"{len(loop.failures)} failed, {loop.done} did not: {loop.failures[:3]}")
        self.proves(f"{loop.done} CloneSets were admitted meanwhile, none refused; the slowest took {loop.slowest * 1000:.0f} ms")

    @line("uninstalling and installing again changes no Pod and no claim (D20)")
    def uninstall(self):
        keep = kube.Set(self.api, "keep")
        self.apply(cloneset("keep", 2))
        keep.wait_settled(2)
        early = self.early.settled(2) and uids(self.early.pods())
        before = (uids(keep.pods()), uids(keep.claims()), restarts(keep.pods()), keep.get()["metadata"]["uid"])
        self.kubectl("delete", "-f", "manifests/install.yaml", timeout=180)

        def same():
            return early == uids(self.early.pods()) and before == (
                uids(keep.pods()), uids(keep.claims()), restarts(keep.pods()), keep.get()["metadata"]["uid"])

        check(same(), "uninstalling changed Pods or claims")
        check(not self.api.find(f"/api/v1/namespaces/{product.NAMESPACE}"), "the namespace is still there")
        self.kubectl("get", "clone,pods,pvc", "-l", "app in (keep,early)")
        self.kubectl("scale", "clone/keep", "--replicas=3")
        holds("nobody acts on the set", same, 2)
        self.proves("the product is gone, CRD, sets, Pods and claims are as they were")
        loop = AdmissionLoop(self.api, unserved=True)
        self.kubectl("apply", "-f", "manifests/install.yaml")
        product.wait_running(self.kubectl)
        product.wait_strict(self.api)
        loop.stop()
        check(loop.done > 50 and not loop.failures,
              f"{len(loop.failures)} failed, {loop.done} did not: {loop.failures[:3]}")
        self.proves(f"none of {loop.done} edits was refused while the product was being installed")
        keep.wait_settled(3)
        check(before[0].items() <= uids(keep.pods()).items(), "installing again replaced Pods")
        check(before[1].items() <= uids(keep.claims()).items(), "installing again replaced claims")
        check_equal(uids(self.early.pods()), early, "Pods of the other set (UIDs)")
        self.kubectl("get", "clone,pods,pvc", "-l", "app in (keep,early)")
        self.proves("installed again, the same UIDs; and the controller goes on: the third Pod is there")
        self.kubectl("delete", "clone", "keep")

    @line("a node dies: a fresh id, and the old data come back (D1)")
    def node_dies(self):
        """The kubelet is killed with the Pod's containers; what else is on the node, our programs for one, runs on."""
        if self.demo:
            raise Skip("it takes a minute; make test-e2e ONLY='node dies'")
        if not isinstance(self.cluster, kube.Cluster):
            raise Skip("the node of a cluster that is not ours is left alone")
        dead = kube.Set(self.api, "dead")
        self.apply(cloneset("dead", 2))
        dead.wait_settled(2)
        before, claims = uids(dead.pods()), uids(dead.claims())
        name = sorted(before)[0]
        claim, text = f"data-vol-{name}", f"written into {name}"
        self.kubectl("exec", name, "--", "sh", "-c", f"echo '{text}' > /usr/share/nginx/html/index.html")
        self.cluster.component("kill", "kubelet1")
        try:
            self.kill_containers(dead.pod(name))
            begin = time.monotonic()
            self.kubectl("delete", "pod", name, "--wait=false", "--grace-period=1")
            fresh = wait_until("a Pod with a fresh id", lambda: set(uids(dead.pods())) - set(before), 75).pop()
            took = time.monotonic() - begin
            check(29 <= took, f"already {took:.1f} s after the deletion: deletionTimestamp + 30 s have not passed")
            node = self.api.get("/api/v1/nodes/node1")
            check(condition(node, "Ready") != "True", "the node is not seen to be dead")
            check(dead.pod(name)["metadata"].get("deletionTimestamp"), f"{name} is not Terminating")
            check(claims.items() <= uids(dead.claims()).items(), "an old claim is gone")
            wait_until("an event says so", lambda: any(name in event["message"] for event in dead.events()
                                                       if event["reason"] == "NodeLost"), 10)
            self.kubectl("get", "clone,pods,pvc", "-l", dead.selector)
            self.proves(f"{fresh} {took:.0f} s after the deletion, waiting for a node; {claim} is still there")
        finally:
            self.cluster.component("start", "kubelet1")
        wait_until(f"{name} is gone", lambda: not dead.pod(name), 60)
        dead.wait_settled(2, timeout=60)
        check(fresh in uids(dead.pods()), f"{fresh} was replaced once more")
        check(claims.items() <= uids(dead.claims()).items(), "an old claim is gone")
        self.kubectl("scale", "clone/dead", "--replicas=3")
        dead.wait_settled(3, timeout=60)
        check(dead.pod(name) and dead.pod(name)["metadata"]["uid"] != before[name], f"{name} did not come back")
        check_equal(dead.claim(claim)["metadata"]["uid"], claims[claim], "UID of its claim")
        shown = self.kubectl("exec", name, "--", "cat", "/usr/share/nginx/html/index.html").out.strip()
        check_equal(shown, text, "the file in the claim")
        self.proves("the node is back: the next Pod took the old id with its claim, and the file is in it")
        self.kubectl("delete", "clone", "dead")

    @line("a kubelet is killed in the middle of rollouts")
    def kubelet_killed(self):
        """kill -9 while Pods are created, updated in place and recreated, real containers in them; the judge of the chaos
        tests watches."""
        if self.demo:
            raise Skip("it takes half a minute; make test-e2e ONLY='kubelet'")
        if not isinstance(self.cluster, kube.Cluster):
            raise Skip("the node of a cluster that is not ours is left alone")
        bed = Bed(self.cluster, self.folder)
        try:
            bench = InstalledBench(bed, 1)
            for work in ("scale", "in", "re"):
                bench.round(rounds.kubelet_killed, work)
            self.kubectl("delete", "namespace", bench.space, "--wait=false")
        finally:
            bed.close()

    def kill_containers(self, pod):
        for status in pod["status"]["containerStatuses"]:
            task = status["containerID"].split("//")[1]
            self.cluster.run_in_node(1, "ctr", "-n", "k8s.io", "tasks", "kill", "-s", "SIGKILL", task)

    @line("cpu and memory change in place (overlay vertical-scaling)")
    def resize(self):
        """Feature gate InPlaceWorkloadVerticalScaling, as far as the node's kubelet and cgroups can."""
        self.kubectl("apply", "-k", "manifests/overlays/vertical-scaling")
        try:
            product.wait_running(self.kubectl)
            self.resized_in_place()
        finally:
            self.kubectl("apply", "-f", "manifests/install.yaml", quiet=True)
            self.kubectl("delete", "clone", "sized", "--ignore-not-found", quiet=True)
        product.wait_running(self.kubectl)

    def resized_in_place(self):
        sized = kube.Set(self.api, "sized")
        manifest = changed(
            cloneset("sized", 2, claims=False, type="InPlaceIfPossible", maxUnavailable="50%"),
            (f"{CONTAINER}/resources", {"limits": {"cpu": "200m", "memory": "64Mi"},
                                        "requests": {"cpu": "50m", "memory": "32Mi"}}))
        self.apply(manifest)
        sized.wait_settled(2)
        before = {pod["metadata"]["name"]: pod for pod in sized.pods()}
        if not all("resources" in pod["status"]["containerStatuses"][0] for pod in before.values()):
            raise Skip("the kubelet does not report resources: Kubernetes before 1.33, or InPlacePodVerticalScaling is off")
        watch = self.watch_pods(sized)
        limits = f"{CONTAINER}/resources/limits"
        manifest = changed(manifest, (f"{limits}/cpu", "400m"), (f"{limits}/memory", "96Mi"))
        result = self.apply(manifest)
        check("resizes up to 2 Pods in place" in result.err, f"kubectl shows no warning about the resize: {result.err!r}")
        self.proves("kubectl tells that the Pods are resized")
        try:
            sized.wait_settled(2, timeout=40)
        except Failure:
            for pod in sized.pods():  # what a container or a virtual machine may not allow
                for one in pod["status"]["conditions"]:
                    if one["type"].startswith("PodResize"):
                        raise Skip(f"this node cannot resize: {one['type']} {one.get('reason')}: {one.get('message')}") from None
            raise
        for pod in sized.pods():
            name = pod["metadata"]["name"]
            was, now = before[name]["status"]["containerStatuses"][0], pod["status"]["containerStatuses"][0]
            check_equal(pod["metadata"]["uid"], before[name]["metadata"]["uid"], f"{name}: UID")
            check_equal(now["containerID"], was["containerID"], f"{name}: containerID")
            check_equal(now["resources"]["limits"], {"cpu": "400m", "memory": "96Mi"}, f"{name}: limits that the kubelet reports")
            check_equal(self.cgroup_limits(name), (0.4, 96 << 20), f"{name}: limits of the container's cgroup")
        for event in watch.stop():
            check(condition(event.obj, "Ready") == "True", f"{event.name} left service")
        if self.demo:
            status = ".status.containerStatuses[0]"
            self.kubectl("get", "pods", "-l", sized.selector, "-o",
                         f"custom-columns=NAME:.metadata.name,CPU:{status}.resources.limits.cpu,"
                         f"MEMORY:{status}.resources.limits.memory,RESTARTS:{status}.restartCount")
        self.proves("the same containers, which never left service, have the new limits: the kubelet and the cgroups say so")
        self.resized_too_far(sized, manifest)

    def resized_too_far(self, sized, manifest):
        """More than the node has: told, and taken back like any update."""
        pods = uids(sized.pods())
        self.apply(changed(manifest, *((f"{CONTAINER}/resources/{kind}/cpu", "5000") for kind in ("limits", "requests"))))

        def told():
            failed = [one for one in sized.status().get("conditions", [])
                      if one["type"] == "FailedUpdate" and one["status"] == "True"]
            return failed and "can never give it" in failed[0]["message"] and failed[0]["message"]

        message = wait_until("FailedUpdate says that the node has no such room", told, 30)
        self.say(f"FailedUpdate: {message}")
        check_equal(sized.status()["readyReplicas"], 2, "readyReplicas meanwhile")
        self.apply(manifest)
        sized.wait_settled(2)
        check_equal(uids(sized.pods()), pods, "Pods (UIDs)")
        self.proves("what the node can never give is told by a condition; the old manifest undoes it, with the same Pods")

    def cgroup_limits(self, pod):
        """(CPUs, bytes) as the container sees them."""
        two = self.kubectl("exec", pod, "--", "sh", "-c",
                           "cd /sys/fs/cgroup; cat cpu.max memory.max 2>/dev/null || cat cpu/cpu.cfs_quota_us cpu/cpu.cfs_period_us"
                           " memory/memory.limit_in_bytes", quiet=True).out.split()
        return int(two[0]) / int(two[1]), int(two[2])

    @line("none of our Pods has crashed, also of those that are gone")
    def no_crash(self):
        self.witness.check_ended_well()


def ready_addresses(slices):
    found = set()
    for one in slices:
        for endpoint in one.get("endpoints") or []:
            if endpoint.get("conditions", {}).get("ready"):
                found.update(endpoint["addresses"])
    return found


def first(events, matches):
    for event in events:
        if matches(event):
            return event.at
    return None


def restarts(pods):
    return {pod["metadata"]["name"]: [status["restartCount"] for status in pod["status"]["containerStatuses"]] for pod in pods}


def refused_edits():
    """(what, edits, parts that the refusal must contain) under InPlaceOnly."""
    pod = "spec/template/spec"
    container = "spec.template.spec.containers[0]"
    return [
        ("env", [(f"{CONTAINER}/env/0/value", "slow")], [f"{container}.env", "fast", "slow"]),
        ("resources", [(f"{CONTAINER}/resources", {"limits": {"memory": "64Mi"}})], [f"{container}.resources", "64Mi"]),
        ("command", [(f"{CONTAINER}/command", ["/usr/sbin/nginx", "x"])], [f"{container}.command"]),
        ("volumes", [(f"{pod}/volumes", [{"name": "tmp", "emptyDir": {}}])], ["spec.template.spec.volumes", "tmp"]),
        ("an added container", [(f"{pod}/containers/+", {"name": "second", "image": "busybox:1.36"})], ["second"]),
        ("a renamed container", [(f"{CONTAINER}/name", "web")], ["nginx", "web"]),
        ("the image of an init container", [(f"{pod}/initContainers/0/image", "busybox:latest")],
         ["initContainers[0].image", "busybox:1.36", "busybox:latest"]),
        ("three fields at once, and a good one",
         [(f"{CONTAINER}/image", "nginx:alpine"), (f"{CONTAINER}/env/0/value", "slow"),
          (f"{CONTAINER}/workingDir", "/tmp"), (f"{pod}/nodeSelector", {"disk": "fast"})],
         [f"{container}.env", f"{container}.workingDir", "spec.template.spec.nodeSelector"]),
    ]


def tell(name, method, demo):
    if demo:
        print(f"\n=== {name}", flush=True)
        if method.__doc__:
            print(f"    {method.__doc__.splitlines()[0]}")


def play(story, suite, only):
    """Installation, then the lines; a line that another one is built on being missing fails as well."""
    broken = set()
    tell("0 installation", story.install, story.demo)
    if not suite.run("0 installation", story.install):
        return
    for name, method, needs in TESTS:
        if only and not re.search(only, name) and not name.startswith("1 "):
            continue
        if needs and needs in broken:
            suite.fail(name, f"not run: line {needs.strip()} of the story failed")
            continue
        tell(name, method, story.demo)
        if not suite.run(name, method, story):
            broken.add(name.split(" ")[0] + " ")


def choose_cluster(args):
    if os.environ.get("CLUSTER", "") not in ("", "current", "own"):
        raise SystemExit("CLUSTER=current, or nothing for a cluster of its own")
    if os.environ.get("CLUSTER") == "current":
        cluster = kube.CurrentCluster()
        if not cluster.registry:
            raise SystemExit("CLUSTER=current needs a cluster of test/cluster/cluster.sh, which serves our images:\n"
                             '  make cluster-up && eval "$(test/cluster/cluster.sh env)"')
        if kube.Api(cluster.environment()).find(
                "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/clonesets.apps.kruise.io"):
            raise SystemExit("this cluster has the CRD clonesets.apps.kruise.io: it is not touched (D22)")
        return cluster
    # The autoscaler looks every 15 s otherwise, and a dead node is seen after 50 s.
    env = {"KCM_EXTRA": "--horizontal-pod-autoscaler-sync-period=2s --node-monitor-grace-period=20s --node-monitor-period=2s"}
    return kube.Cluster("e2e", node=True, keep="demo" if args.keep else None, env=env)


def clean_up(kubectl):
    """Of a cluster that is not ours: everything goes."""
    kubectl("delete", "clone", "--all", "-A", ok=None)
    kubectl("delete", "-f", "manifests/install.yaml", "-f", "manifests/crd.yaml", "--ignore-not-found", ok=None, timeout=180)


def main():
    parser = argparse.ArgumentParser(add_help=True, description="the story, on a real cluster")
    parser.add_argument("--demo", action="store_true")
    parser.add_argument("--keep", action="store_true", default=os.environ.get("KEEP") == "1")
    parser.add_argument("--only")
    args = parser.parse_args()
    os.chdir(kube.ROOT)
    end_on_signals()
    sanitize = os.environ.get("SANITIZE", "")
    suite = Suite("e2e" + (f" ({sanitize})" if sanitize else ""))
    if os.geteuid() != 0:
        suite.skip("the story", "a real node needs root; run it with sudo")
        print("nothing was shown: a real node needs root" if args.demo else suite.summary())
        return 1 if args.demo else 0
    begin = time.monotonic()
    folder = product.build(sanitize)
    cluster = choose_cluster(args)
    with cluster:
        progress(f"adding our images to the cluster's registry ({time.monotonic() - begin:.0f} s)")
        product.add_images(folder, cluster.registry, sanitize)
        story = Story(cluster, args.demo, folder)
        suite.on_failure = lambda name: post_mortem(story, name)
        try:
            play(story, suite, args.only)
            cluster.failed = suite.failed > 0
            if isinstance(cluster, kube.CurrentCluster):
                clean_up(story.kubectl)
        finally:
            story.witness.close()
            shutil.rmtree(story.files, ignore_errors=True)
    code = suite.finish()
    if args.demo:
        print(f"\n{'everything is as told' if code == 0 else 'NOT everything is as told'}, {time.monotonic() - begin:.0f} s")
    if args.keep:
        print(f"export KUBECONFIG={cluster.vars['KUBECONFIG']}\nkubectl: {cluster.vars['PATH'].split(':')[0]}/kubectl"
              "\nend it with: make cluster-down NAME=demo")
    return code


def post_mortem(story, name):
    if not story.demo:
        print(f"---- last commands of '{name}'\n" + "\n".join(story.kubectl.log[-4:]))
    show = kube.Kubectl(story.kubectl.env)
    for command in (["get", "clone,pods,pvc", "-A"], ["get", "events", "--sort-by=.lastTimestamp", "-n", "default"]):
        result = show(*command, ok=None)
        print(f"---- kubectl {' '.join(command)}\n" + "\n".join(result.text.splitlines()[-40:]))
    print(product.logs(show), flush=True)


if __name__ == "__main__":
    sys.exit(main())
