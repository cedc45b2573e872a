# SPDX-License-Identifier: Apache-2.0
"""The judge on trial: histories that break a rule each, and one that breaks none. A judge that blames nothing proves nothing."""

import kube
from harness import Failure, check
from judge import GATE, Judge, KINDS

UID = "set-uid"


class Told:
    """A watch that brings what it is told to."""

    def __init__(self):
        self.events = []

    def history(self):
        return list(self.events)


class Stage(Judge):
    """A set `web` with three Pods at rest, and what happens then."""

    def __init__(self, **strategy):
        super().__init__(None, "default", {kind: Told() for kind in KINDS})
        self.version, self.spec = 0, {"replicas": 3, "template": {"spec": {"containers": [{"image": "a"}]}},
                                      "updateStrategy": {"type": "InPlaceIfPossible", "maxUnavailable": 1, **strategy}}
        self.generation = 0
        self.objects = {}
        self.set()
        for ident in ("bbbbb", "ccccc", "ddddd"):
            self.claim(ident)
            self.pod(ident)
        self.round()

    def caught_up(self):
        return True

    def tell(self, kind, obj, event=None):
        self.version += 1
        obj["metadata"]["resourceVersion"] = str(self.version)
        known = (kind, obj["metadata"]["name"]) in self.objects
        self.objects[kind, obj["metadata"]["name"]] = obj
        self.watches[kind].events.append(kube.Event(event or ("MODIFIED" if known else "ADDED"), obj, 0.0))

    def set(self, **spec):
        self.spec = {**self.spec, **spec}
        self.generation += 1
        self.tell("set", {"metadata": {"name": "web", "uid": UID, "generation": self.generation}, "spec": self.spec})

    @staticmethod
    def owner(kind, name, uid):
        return [{"kind": kind, "name": name, "uid": uid, "controller": True}]

    def meta(self, name, uid, ident, owners, going):
        meta = {"name": name, "uid": uid, "labels": {kube.ID_LABEL: ident}, "ownerReferences": owners}
        return {**meta, "deletionTimestamp": "now"} if going else meta

    def pod(self, ident, image="a", gate="True", going=False, event=None, name=None, uid=None, owners=None):
        name = name or f"web-{ident}"
        conditions = [{"type": "Ready", "status": gate}, {"type": GATE, "status": gate}]
        volumes = [{"persistentVolumeClaim": {"claimName": f"data-web-{ident}"}}]
        self.tell("pod", {
            "metadata": self.meta(name, uid or f"pod-{ident}", ident, owners or self.owner("CloneSet", "web", UID), going),
            "spec": {"containers": [{"image": image}], "readinessGates": [{"conditionType": GATE}], "volumes": volumes},
            "status": {"conditions": conditions}}, event)

    def claim(self, ident, owners=None, going=False, event=None):
        owners = owners or self.owner("CloneSet", "web", UID)
        self.tell("claim", {"metadata": self.meta(f"data-web-{ident}", f"claim-{ident}", ident, owners, going)}, event)

    def handed_over(self, ident, **more):
        self.claim(ident, self.owner("Pod", f"web-{ident}", f"pod-{ident}"), **more)


def nothing_wrong(stage):
    """An update in place, a scale-in, a scale-out, a Pod that somebody deletes."""
    stage.set(template={"spec": {"containers": [{"image": "b"}]}})
    stage.pod("bbbbb", gate="False")
    stage.pod("bbbbb", image="b", gate="False")
    stage.pod("bbbbb", image="b")
    stage.round()
    stage.set(replicas=2)
    stage.handed_over("bbbbb")
    stage.pod("bbbbb", image="b", going=True)
    stage.pod("bbbbb", image="b", going=True, event="DELETED")
    stage.handed_over("bbbbb", event="DELETED")
    stage.round()
    stage.deletes(stage.objects["pod", "web-ccccc"])
    stage.pod("ccccc", event="DELETED")
    stage.pod("ccccc", uid="another")
    stage.set(replicas=3)
    stage.claim("fffff")
    stage.pod("fffff")


def a_claim_is_lost(stage):
    stage.claim("bbbbb", event="DELETED")


def a_claim_goes_with_a_pod_that_somebody_deleted(stage):
    stage.deletes(stage.objects["pod", "web-bbbbb"])
    stage.handed_over("bbbbb")
    stage.pod("bbbbb", event="DELETED")
    stage.handed_over("bbbbb", event="DELETED")


def a_pod_is_deleted_for_nothing(stage):
    stage.pod("bbbbb", going=True)


def a_pod_is_recreated_that_is_to_be_updated_in_place(stage):
    stage.set(template={"spec": {"containers": [{"image": "b"}]}})
    stage.pod("bbbbb", going=True)


def one_pod_too_many(stage):
    stage.claim("fffff")
    stage.pod("fffff")


def an_id_twice(stage):
    stage.set(replicas=4)
    stage.pod("bbbbb", name="web-fffff", uid="other")


def an_image_behind_an_open_gate(stage):
    stage.set(template={"spec": {"containers": [{"image": "b"}]}})
    stage.pod("bbbbb", image="b")


def too_few_available(stage):
    stage.set(template={"spec": {"containers": [{"image": "b"}]}})
    stage.pod("bbbbb", gate="False")
    stage.pod("ccccc", gate="False")


def a_pod_without_its_claim(stage):
    stage.set(replicas=4)
    stage.pod("fffff")


def somebody_elses(stage):
    stage.pod("zzzzz", owners=stage.owner("ConfigMap", "x", "y"))
    stage.protect("pod", stage.objects["pod", "web-zzzzz"])
    stage.verdict()
    stage.pod("zzzzz", owners=stage.owner("ConfigMap", "x", "y"), event="DELETED")


ROWS = [
    (a_claim_is_lost, "claim data-web-bbbbb is gone"),
    (a_claim_goes_with_a_pod_that_somebody_deleted, "that was to stay"),
    (a_pod_is_deleted_for_nothing, "nothing called for it"),
    (a_pod_is_recreated_that_is_to_be_updated_in_place, "nothing called for it"),
    (one_pod_too_many, "is Pod number 4"),
    (an_id_twice, "have the same id"),
    (an_image_behind_an_open_gate, "was changed with its gate True"),
    (too_few_available, "1 others available; 2 are promised"),
    (a_pod_without_its_claim, "without a claim"),
    (somebody_elses, "is not ours and was deleted"),
]


def the_judge_blames_what_is_wrong():
    stage = Stage()
    nothing_wrong(stage)
    stage.verdict()
    for history, wanted in ROWS:
        stage, said = Stage(), ""
        history(stage)
        try:
            stage.verdict()
        except Failure as failure:
            said = str(failure)
        check(wanted in said, f"{history.__name__}: the judge says '{said}'")
