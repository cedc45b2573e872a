# SPDX-License-Identifier: Apache-2.0
"""Judges what a CloneSet's controller did by what the API server shows to everybody: independent watches on Pods, claims and
sets of one namespace, put in the order in which etcd took the changes. The rules are those of the simulation
(test/sim/sim_check.c): no claim goes but by the specification's rules, ids are unique, never more Pods than replicas + maxSurge,
availability, images change behind a closed gate, nothing that others own is touched, and no Pod goes that nothing called for.

Time is cut into rounds, at whose ends all is at rest: within a round the controller may have acted on any state that the set
had in it."""

import kube
from harness import Failure, check_equal, wait_until

GATE = "InPlaceUpdateReady"
OURS = "kruise.io"  # what our keys have in common
# In this order when two changes have the same version, as a lister sees them.
KINDS = {"set": kube.GROUP + "/namespaces/{}/clonesets", "claim": "/api/v1/namespaces/{}/persistentvolumeclaims",
         "pod": "/api/v1/namespaces/{}/pods"}


def active(pod):
    return not pod["metadata"].get("deletionTimestamp") and pod.get("status", {}).get("phase") not in ("Failed", "Succeeded")


def image_of(pod_or_template):
    return pod_or_template["spec"]["containers"][0]["image"]


def amount(value, replicas, up=True):
    """A number or a percentage of replicas."""
    if not isinstance(value, str):
        return value or 0
    percent = int(value.rstrip("%")) * replicas
    return -(-percent // 100) if up else percent // 100


class Limits:
    """What one state of a set's spec allows."""

    def __init__(self, which):
        spec = which["spec"]
        strategy = spec.get("updateStrategy", {})
        self.uid = which["metadata"]["uid"]
        self.replicas = spec["replicas"]
        self.most = self.replicas + amount(strategy.get("maxSurge", 0), self.replicas)
        self.least = self.replicas - amount(strategy.get("maxUnavailable", "20%"), self.replicas)
        self.recreates = strategy.get("type", "ReCreate") == "ReCreate"
        self.image = image_of(spec["template"])


class Judge:
    def __init__(self, api, namespace, watches=None):
        self.api = api
        self.watches = watches or {kind: kube.Watch(api, path.format(namespace)) for kind, path in KINDS.items()}
        self.read = {kind: 0 for kind in KINDS}
        self.last = {kind: {} for kind in KINDS}  # name -> the newest state
        self.limits = {}  # set -> Limits of this round, the last one being in force
        self.by_users = set()  # UIDs of Pods that somebody else deleted
        self.most_pods = {}  # set -> the most active Pods in this round
        self.going = {}  # UID -> why the Pod goes, by our own doing
        self.foreign = {}  # (kind, name) -> what must stay as it is
        self.loose = False  # two that decide: more Pods and fewer available ones are no fault, lost claims are
        self.events = self.gaps = 0
        self.wrong = []

    # ---- what the test says

    def deletes(self, pod):
        """To be told before a Pod is deleted by anybody but the controller."""
        self.by_users.add(pod["metadata"]["uid"])

    def protect(self, kind, obj):
        """Not the controller's: must neither change nor go."""
        self.foreign[kind, obj["metadata"]["name"]] = self._print_of(obj)

    @staticmethod
    def _print_of(obj):
        meta = obj["metadata"]
        annotations = {key: value for key, value in meta.get("annotations", {}).items() if OURS in key}
        owners = [(owner["kind"], owner["uid"]) for owner in meta.get("ownerReferences", [])]
        return meta["uid"], meta.get("labels", {}), annotations, owners, meta.get("deletionTimestamp")

    # ---- reading on

    def caught_up(self):
        """The watches have brought all that a list shows now."""
        for kind, watch in self.watches.items():
            listed = {item["metadata"]["name"]: item["metadata"]["resourceVersion"] for item in self.api.items(watch.path)}
            seen = {}
            for event in watch.history():
                seen[event.name] = event.obj["metadata"]["resourceVersion"] if event.kind != "DELETED" else None
            check_equal({name: version for name, version in seen.items() if version}, listed, f"{kind}s as the watch shows them")
        return True

    def round(self, loose=False):
        """A new round begins; all is at rest, and what was decided before has landed."""
        self.verdict()
        self.loose = loose
        for name, limits in self.limits.items():
            self.limits[name] = limits[-1:]
            self.most_pods[name] = len(self._pods(name))
        self.going, self.by_users = {}, set()

    def verdict(self):
        """Fails when a rule was broken since the last time."""
        wait_until("the watches show the present state", self.caught_up, 30)
        fresh = []
        for kind, watch in self.watches.items():
            history = watch.history()
            fresh += [(event.version, kind, event) for event in history[self.read[kind]:]]
            self.read[kind] = len(history)
        for _, kind, event in sorted(fresh, key=lambda row: row[0]):  # stable
            self._take(kind, event)
        wrong, self.wrong = self.wrong, []
        if wrong:
            raise Failure("; ".join(wrong[:5]) + (f" … and {len(wrong) - 5} more" if len(wrong) > 5 else ""))

    def stop(self):
        for watch in self.watches.values():
            watch.stop()

    def _take(self, kind, event):
        before = self.last[kind].get(event.name)
        if before and before["metadata"]["uid"] != event.obj["metadata"]["uid"]:
            self._judge(kind, event, before, None)  # its DELETED was lost in a gap
            before = None
        after = None if event.kind == "DELETED" else event.obj
        if before and after and before["metadata"]["resourceVersion"] == after["metadata"]["resourceVersion"]:
            return  # listed again
        self.events += 1
        self.gaps += event.gap
        self._judge(kind, event, before, after)

    def _judge(self, kind, event, before, after):
        if (kind, event.name) in self.foreign:
            if after is None or self._print_of(after) != self.foreign[kind, event.name]:
                self._blame(event, f"{kind} {event.name} is not ours and was {'changed' if after else 'deleted'}")
        elif kind == "set" and after:
            if not before or before["metadata"]["generation"] != after["metadata"]["generation"]:
                self.limits.setdefault(event.name, []).append(Limits(after))
        elif kind == "pod":
            self._pod(event, before, after)
        elif kind == "claim":
            self._claim(event, before, after)
        if after:
            self.last[kind][event.name] = after
        else:
            self.last[kind].pop(event.name, None)

    def _blame(self, event, why):
        self.wrong.append(f"at {event.version}: {why}")

    # ---- rules

    def _set_of(self, obj):
        """Name of the set that controls it."""
        owner = kube.controller_of(obj)
        return owner["name"] if owner and owner["kind"] == "CloneSet" else None

    def _pods(self, name):
        return [pod for pod in self.last["pod"].values() if self._set_of(pod) == name and active(pod)]

    def _pod(self, event, before, after):
        name = self._set_of(event.obj)
        if name not in self.limits:
            return
        if not before and after:
            self._created(event, name, after)
        elif before and after:
            self._changed(event, before, after)
        if before and active(before) and (not after or not active(after)):
            self._left(event, name, before)

    def _created(self, event, name, pod):
        number = len(self._pods(name)) + active(pod)
        self.most_pods[name] = max(self.most_pods.get(name, 0), number)
        limits = self.limits[name]
        most = max(limit.most for limit in limits)
        if event.name != f"{name}-{kube.instance_id(pod)}":
            self._blame(event, f"Pod {event.name} has the id {kube.instance_id(pod)}")
        same = [other for other, held in self.last["pod"].items()
                if other != event.name and self._set_of(held) == name and kube.instance_id(held) == kube.instance_id(pod)]
        if same:
            self._blame(event, f"Pods {event.name} and {same[0]} have the same id")
        if number > most and not self.loose and not event.gap:
            self._blame(event, f"{event.name} is Pod number {number}; replicas + maxSurge is {most}")
        for volume in pod["spec"].get("volumes", []):
            claim_name = volume.get("persistentVolumeClaim", {}).get("claimName")
            claim = self.last["claim"].get(claim_name)
            if not claim_name or event.gap or self.loose:
                continue
            if not claim or claim["metadata"].get("deletionTimestamp") or self._set_of(claim) != name:
                self._blame(event, f"Pod {event.name} was created without a claim {claim_name} that is the set's")

    def _changed(self, event, before, after):
        if kube.instance_id(before) != kube.instance_id(after):
            self._blame(event, f"the id of Pod {event.name} was changed")
        if event.gap:
            return
        gated = any(gate["conditionType"] == GATE for gate in before["spec"].get("readinessGates", []))
        if gated and image_of(before) != image_of(after) and kube.condition(before, GATE) != "False":
            self._blame(event, f"the image of {event.name} was changed with its gate {kube.condition(before, GATE)}")
        if kube.pod_available(before) and kube.condition(before, GATE) == "True" and kube.condition(after, GATE) == "False":
            self._availability(event, before, "taken out of service")

    def _availability(self, event, leaving, how):
        """As many as the strategy promises must stay, not counting those that others took away in this round."""
        name = self._set_of(leaving)
        uid = leaving["metadata"]["uid"]
        others = [pod for pod in self._pods(name) if pod["metadata"]["uid"] != uid and kube.pod_available(pod)]
        least = min(limit.least for limit in self.limits[name])
        if len(others) + len(self.by_users) < least and not self.loose:
            self._blame(event, f"{event.name} is {how} with {len(others)} others available; {least} are promised")

    def _called_for(self, name, pod):
        """Why the controller may have deleted this Pod; None: nothing called for it."""
        limits = self.limits[name]
        if pod["metadata"].get("labels", {}).get("apps.kruise.io/specified-delete") and not any(
                "specified-delete" in key for key in pod["metadata"].get("annotations", {})):
            return "it is marked"
        most = 0
        for limit in limits:
            most = max(most, limit.most)
            if most > limit.replicas:
                return "there are too many"
        if self.most_pods.get(name, 0) > limits[-1].replicas:
            return "there are too many"
        # All Pods had the first state's image when the round began.
        if any(limit.recreates and limit.image != image_of(pod) for limit in limits[1:]):
            return "it is recreated"
        return None

    def _left(self, event, name, pod):
        uid = pod["metadata"]["uid"]
        why = self._called_for(name, pod)
        if why:
            self.going[uid] = why
        if uid in self.by_users:
            return
        if not why:
            self._blame(event, f"Pod {event.name} was deleted, but nothing called for it")
        elif kube.pod_available(pod) and not event.gap:
            self._availability(event, pod, "deleted")

    def _claim(self, event, before, after):
        if before and after and not event.gap and kube.instance_id(before) != kube.instance_id(after):
            self._blame(event, f"the id of claim {event.name} was changed")
        gone = before and not before["metadata"].get("deletionTimestamp") and (
            not after or after["metadata"].get("deletionTimestamp"))
        if not gone:
            return
        owner = kube.controller_of(event.obj if kube.controller_of(event.obj) else before) or {"kind": "nobody", "uid": None}
        if owner["kind"] == "Pod" and owner["uid"] in self.going:
            return
        if event.gap and self.going:
            return  # the hand-over happened where nobody looked, and Pods did go for good in this round
        self._blame(event, f"claim {event.name} is gone, its owner being {owner['kind']} {owner.get('name', '')}"
                           f"{' that was to stay' if owner['kind'] == 'Pod' else ''}")
