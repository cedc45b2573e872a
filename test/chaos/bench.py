# SPDX-License-Identifier: Apache-2.0
"""What the rounds of chaos stand on: two CloneSets, bystanders that are nobody's, a judge that watches all of them, and the
changes of a user that are under way when something breaks."""

import random
import time

import kube
from harness import Failure, check, progress, wait_until
from judge import Judge, active, image_of
from kube import ApiError, controller_of
from manifest import changed, cloneset

IMAGES = ("nginx:alpine", "nginx:1.25", "nginx:1.26", "nginx:1.27", "nginx:stable")
PODS, MORE = 5, 3


class Work:
    """A change of the set and how far the controller has come with it. begin(): the user's edits. done(): Pods that are there,
    as the judge's watch shows them."""

    def __init__(self, name, total, begin, done):
        self.name, self.total, self.begin, self.done = name, total, begin, done


class Bench:
    def __init__(self, bed, seed, pods=PODS):
        self.bed, self.seed, self.dice = bed, seed, random.Random(seed)
        self.size = pods
        self.image = IMAGES[0]
        self.proxy = bed.proxy()
        self.program = None
        self.rounds = 0
        self.spare = {}  # set -> how many of its claims no Pod has
        self.moments = []  # how far the work was when the fault of this round struck
        self.space = bed.namespace("chaos")
        self.judge = Judge(bed.api, self.space)
        self.bystanders()
        strategy = {"type": "InPlaceIfPossible", "maxUnavailable": 2}
        web = changed(cloneset("web", pods, self.image, **strategy), ("spec/scaleStrategy", {"maxUnavailable": 2}))
        only = cloneset("only", 2, self.image, type="InPlaceOnly", maxUnavailable=1)
        self.restart()
        self.web, self.only = (self.insist("create", lambda m=m: bed.create(m, self.space)) for m in (web, only))
        self.settle()

    def bystanders(self):
        """Objects that look like the set's: its labels, its names, an id; but it does not own them."""
        core = f"/api/v1/namespaces/{self.space}"
        spec = {"containers": [{"name": "nginx", "image": IMAGES[0]}]}
        labels = {"app": "web", kube.ID_LABEL: "bbbbb"}
        other = self.bed.api.call("POST", f"{core}/configmaps", {"metadata": {"name": "owner"}})["metadata"]
        owner = {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": other["uid"], "controller": True}
        volume = {"accessModes": ["ReadWriteOnce"], "storageClassName": "rbd", "resources": {"requests": {"storage": "1Gi"}}}
        self.judge.protect("pod", self.bed.api.call("POST", f"{core}/pods", {
            "metadata": {"name": "web-bbbbb", "labels": labels, "ownerReferences": [owner]}, "spec": spec}))
        self.judge.protect("pod", self.bed.api.call("POST", f"{core}/pods", {
            "metadata": {"name": "web-ccccc", "labels": {"app": "web", kube.ID_LABEL: "ccccc"}}, "spec": spec}))
        self.judge.protect("claim", self.bed.api.call("POST", f"{core}/persistentvolumeclaims", {
            "metadata": {"name": "data-vol-web-ddddd", "labels": {"app": "web", kube.ID_LABEL: "ddddd"}}, "spec": volume}))

    # ---- the controller under test

    def restart(self, *flags, server=None, env=None):
        """Another controller, alone: a lease would make each round wait for its end."""
        self.stop()
        self.program = self.bed.controller("--leader-elect=false", *flags, server=server or self.proxy.url, env=env).start()

    def stop(self):
        program, self.program = self.program, None
        if program and program.alive():
            program.wait_ready()  # before it has come so far it knows no proper end
            program.stop()

    # ---- what is there

    def pods(self, name="web"):
        """{UID: Pod} of a set as the judge's watch shows them; also while the API server is away."""
        found = {}
        for event in self.judge.watches["pod"].history():
            owner = controller_of(event.obj)
            if owner and owner["kind"] == "CloneSet" and owner["name"] == name:
                found.pop(event.obj["metadata"]["uid"], None)
                if event.kind != "DELETED":
                    found[event.obj["metadata"]["uid"]] = event.obj
        return found

    def unfinished(self):
        """Of the set `web` something is still to be done by whoever runs Pods."""
        pods = self.pods().values()
        return len(pods) != self.size or any(not kube.pod_available(pod) or image_of(pod) != self.image for pod in pods)

    def check_claims(self, which, ids, claims):
        """Each Pod has its own. Two that decide may make one that no Pod has; the set keeps it until the next new Pod takes it."""
        leaving = [claim["metadata"]["name"] for claim in claims if controller_of(claim)["kind"] != "CloneSet"]
        check(not leaving, f"{which.name}: claims of deleted Pods are still there: {leaving}")
        of_claims = sorted(map(kube.instance_id, claims))
        spare = len(of_claims) - len(ids)
        check(set(ids) <= set(of_claims) and (self.judge.loose or spare <= self.spare.get(which.name, 0)),
              f"{which.name}: ids of claims {of_claims}, of Pods {ids}")
        self.spare[which.name] = spare

    def settle(self, timeout=300):
        """At rest: the sets are as they should be, and each Pod has its own claim. Kubernetes' garbage collector can take a minute
        or two to come back after its API server was killed."""

        def at_rest(which, number):
            own = [pod for pod in which.pods(terminating=True) if (controller_of(pod) or {}).get("name") == which.name
                   and controller_of(pod)["kind"] == "CloneSet"]
            claims = [claim for claim in which.claims(terminating=True) if controller_of(claim)]
            status = which.get()
            wanted = {"observedGeneration": status["metadata"]["generation"]}
            wanted.update({key: number for key in ("replicas", "readyReplicas", "availableReplicas", "updatedReplicas")})
            got = {key: status.get("status", {}).get(key) for key in wanted}
            check(got == wanted, f"{which.name}: status {got}, wanted {wanted}")
            check(len(own) == number, f"{which.name}: {len(own)} Pods, wanted {number}")
            late = [pod["metadata"]["name"] for pod in own if not kube.pod_available(pod) or image_of(pod) != self.image]
            check(not late, f"{which.name}: not available with {self.image}: {late}")
            self.check_claims(which, sorted(map(kube.instance_id, own)), claims)
            return True

        wait_until("all is at rest", lambda: kube.reachable(
            lambda: at_rest(self.web, self.size) and at_rest(self.only, 2)), timeout, 0.1)

    @staticmethod
    def insist(what, call, timeout=60):
        """What a user does whose request fails because something is down."""

        def tried():
            try:
                return call() or True
            except ApiError as error:
                check(error.status >= 500 or error.status in (409, 429), f"{error}")
                raise Failure(f"{error}") from error
            except OSError as error:
                raise Failure(f"{error}") from error

        return wait_until(what, tried, timeout, 0.1)

    def edit(self, spec, which=None):
        self.insist("an edit is taken", lambda: self.bed.api.merge((which or self.web).path, {"spec": spec}))

    def edit_image(self, strategy):
        """Both sets get another image; the one that is InPlaceOnly whatever the other one does."""
        self.image = self.dice.choice([image for image in IMAGES if image != self.image])
        for which in (self.only, self.web):
            spec = self.insist("read", which.get)["spec"]
            template = changed(spec["template"], ("spec/containers/0/image", self.image))
            self.edit({"template": template, **({"updateStrategy": {"type": strategy}} if which is self.web else {})}, which)

    # ---- works

    def scale_out(self):
        before = len(self.pods())

        def begin():
            self.size += MORE
            self.edit({"replicas": self.size})

        return Work("scale-out", MORE, begin, lambda: len(self.pods()) - before)

    def scale_in(self):
        before = len(self.pods())

        def begin():
            self.size -= MORE
            self.edit({"replicas": self.size})

        return Work("scale-in", MORE, begin, lambda: before - len([pod for pod in self.pods().values() if active(pod)]))

    def in_place(self):
        return Work("in-place update", self.size, lambda: self.edit_image("InPlaceIfPossible"),
                    lambda: len([pod for pod in self.pods().values() if image_of(pod) == self.image]))

    def recreate(self):
        return Work("recreation", self.size, lambda: self.edit_image("ReCreate"),
                    lambda: len([pod for pod in self.pods().values() if image_of(pod) == self.image]))

    def lost_pods(self):
        """Somebody deletes Pods: they come back under their names with their claims."""
        before = self.pods()
        victims = self.dice.sample(sorted(before), 3)

        def begin():
            for uid in victims:
                self.judge.deletes(before[uid])
                name = before[uid]["metadata"]["name"]
                self.insist("a Pod is deleted", lambda n=name: self.bed.api.delete(f"{self.web.pods_path}/{n}"))

        return Work("deleted Pods", len(victims), begin, lambda: len(set(self.pods()) - set(before)))

    def work(self, name=None):
        kinds = {"in": self.in_place, "re": self.recreate, "lost": self.lost_pods, "scale": self.scale_out if self.size <= PODS
                 else self.scale_in}
        return kinds[name or self.dice.choice(sorted(kinds))]()

    # ---- rounds

    def wait_begun(self, work, least=None):
        """Until the controller has come some way with it."""
        least = self.dice.randint(1, max(1, work.total - 2)) if least is None else least
        wait_until(f"{least} of {work.total} of the {work.name}", lambda: work.done() >= least, 60, 0.01)

    def struck_at(self, work):
        self.moments.append(work.done())

    def round(self, fault, name=None, loose=False):
        """One change of the user, and what breaks while it is being carried out."""
        self.judge.round(loose)
        self.rounds += 1
        self.moments = []
        work = self.work(name)
        begin = time.monotonic()
        with fault(self, work) as strike:
            work.begin()
            strike()
            self.settle()
        self.judge.verdict()
        when = " after " + ", ".join(map(str, self.moments)) + f" of {work.total}" if self.moments else ""
        progress(f"round {self.rounds}: {work.name}, {fault.__name__.replace('_', ' ')}{when}; "
                 f"at rest after {time.monotonic() - begin:.1f} s")


class InstalledBench(Bench):
    """With the controllers that are installed in the cluster: nothing of ours stands between them and the API server."""

    def restart(self, *_flags, **_settings):
        pass
