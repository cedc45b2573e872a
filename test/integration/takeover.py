# SPDX-License-Identifier: Apache-2.0
"""Changing hands (issue 4): a cluster that OpenKruise's manager has left is taken over without touching a Pod, works, and could be
handed back: what we write has the peer's names, bytes and shapes. The objects are those recorded from the peer."""

import datetime
import json
import os
import subprocess

import kube
import recorded
from controller import Running
from harness import Skip, check, check_equal, holds, wait_until
from manifest import cloneset
from recorded import AT_REST, IN_FLIGHT, Planted

TESTS = []
NAMES = ("beta", "hooked", "nginx-2", "plain")
OURS = "cloneset.apps.kruise.io/volume-claim-templates"  # one more annotation, which the peer passes over (U-09)
CLASSES = "/apis/storage.k8s.io/v1/storageclasses"


def test(function):
    TESTS.append((function.__name__.replace("_", " "), function))
    return function


class Hands:
    """A namespace with recorded sets; the player leaves them alone until it is told otherwise."""

    def __init__(self, bed, label, names, snapshot=AT_REST, **how):
        bed.ensure_webhook()
        self.bed, self.player = bed, bed.play_node()
        self.space = bed.namespace(label)
        self.snapshot, self.names, self.how = snapshot, names, how

    def __enter__(self):
        self.player.hold = lambda pod: pod["metadata"]["namespace"] == self.space
        if not self.bed.api.find(CLASSES + "/hostpath"):  # that of the recording, and the default
            self.bed.api.call("POST", CLASSES, {
                "metadata": {"name": "hostpath", "annotations": {"storageclass.kubernetes.io/is-default-class": "true"}},
                "provisioner": "kubernetes.io/host-path", "volumeBindingMode": "Immediate"})
        planted = [Planted(self.bed, self.space, name, self.snapshot, **self.how) for name in self.names]
        for one in planted:  # binding them writes to the claims
            wait_until("the claims are bound",
                       lambda one=one: all(claim["status"].get("phase") == "Bound" for claim in one.set.claims()), 30)
        return planted

    def release(self):
        self.player.hold = lambda pod: False

    def __exit__(self, *_):
        self.release()
        self.bed.api.delete(CLASSES + "/hostpath")


def observed(which):
    whole = which.get()
    check_equal(whole.get("status", {}).get("observedGeneration"), whole["metadata"]["generation"], f"{which.name}: observed")
    return True


COLUMNS = [("DESIRED", "integer", ".spec.replicas", 0), ("UPDATED", "integer", ".status.updatedReplicas", 0),
           ("UPDATED_READY", "integer", ".status.updatedReadyReplicas", 0),
           ("UPDATED_AVAILABLE", "integer", ".status.updatedAvailableReplicas", 0),
           ("READY", "integer", ".status.readyReplicas", 0), ("TOTAL", "integer", ".status.replicas", 0),
           ("AGE", "date", ".metadata.creationTimestamp", 0), ("CONTAINERS", "string", ".spec.template.spec.containers[*].name", 1),
           ("IMAGES", "string", ".spec.template.spec.containers[*].image", 1), ("SELECTOR", "string", ".status.labelSelector", 1)]


@test
def the_crd_is_the_peers_for_clients(bed):
    """Spec 1.1: names, columns, subresources, and a schema that refuses no more than the peer's."""
    crd = bed.api.get("/apis/apiextensions.k8s.io/v1/customresourcedefinitions/clonesets.apps.kruise.io")["spec"]
    names = {"kind": "CloneSet", "listKind": "CloneSetList", "plural": "clonesets", "singular": "cloneset", "shortNames": ["clone"]}
    check_equal((crd["group"], crd["scope"], crd["names"]), ("apps.kruise.io", "Namespaced", names), "names")
    for version in crd["versions"]:
        columns = [(column["name"], column["type"], column["jsonPath"], column.get("priority", 0))
                   for column in version["additionalPrinterColumns"]]
        check_equal(columns, COLUMNS, "columns")
        scale = {"specReplicasPath": ".spec.replicas", "statusReplicasPath": ".status.replicas",
                 "labelSelectorPath": ".status.labelSelector"}
        check_equal(version["subresources"], {"status": {}, "scale": scale}, "subresources")
        root = version["schema"]["openAPIV3Schema"]["properties"]
        check_equal(sorted(root["spec"]["required"]), ["selector", "template"], "required of spec")
        for key in ("template", "volumeClaimTemplates"):
            field = root["spec"]["properties"][key]
            check(field.get("x-kubernetes-preserve-unknown-fields") and "type" not in field, f"{key}: {field}")
        counters = {"replicas", "readyReplicas", "availableReplicas", "updatedReplicas", "updatedReadyReplicas"}
        check(counters <= set(root["status"]["required"]), f"required of status: {root['status']['required']}")
        walk_schema(root["spec"], "spec")
        walk_schema(root["status"], "status")


def walk_schema(schema, path):
    narrow = {"minimum", "maximum", "enum", "pattern", "x-kubernetes-validations", "minLength", "maxLength", "maxItems"} & set(schema)
    check(not narrow, f"{path}: {narrow}")
    if schema.get("type") == "integer":
        check_equal(schema.get("format"), "int64" if path.endswith("observedGeneration") else "int32", path)
    if schema.get("x-kubernetes-int-or-string"):
        check_equal(schema["anyOf"], [{"type": "integer"}, {"type": "string"}], path)
    if path.split(".")[-1] in ("selector", "matchSelector"):
        check_equal(schema.get("x-kubernetes-map-type"), "atomic", path)
    for key, member in schema.get("properties", {}).items():
        walk_schema(member, f"{path}.{key}")
    if isinstance(schema.get("items"), dict):
        walk_schema(schema["items"], path + "[]")
    if isinstance(schema.get("additionalProperties"), dict):
        walk_schema(schema["additionalProperties"], path + "{}")


@test
def taking_over_at_rest_touches_no_pod_claim_or_revision(bed):
    with Hands(bed, "rest", NAMES) as planted:
        before = [(one.versions(), one.restarts(), one.set.get()["spec"]) for one in planted]
        check_equal([len(versions) for versions, _, _ in before], [5, 4, 7, 4], "objects")
        with Running(bed):
            for one in planted:
                wait_until(f"{one.name} is observed", lambda one=one: observed(one.set), 20)
            holds("nothing is touched", lambda: [one.versions() for one in planted] == [was[0] for was in before], 4)
            check_equal([one.set.get()["spec"] for one in planted], [was[2] for was in before], "specs")
            for one in planted:
                was, status = recorded.read(AT_REST, "clonesets-v1alpha1")[one.name]["status"], one.set.status()
                for key, value in was.items():
                    if key not in ("conditions", "observedGeneration"):
                        check_equal(status.get(key), value, f"{one.name}: status.{key}")
                stale = [found for found in status.get("conditions", [])
                         if found["type"].startswith("Failed") and found["status"] == "True"]
                check(not stale, f"{one.name}: left standing: {stale}")
        # and with the player awake: what it would report is what the Pods say
        check_equal([one.restarts() for one in planted], [was[1] for was in before], "Pods (UIDs, restarts)")


@test
def a_template_of_the_peer_gets_the_peers_revision(bed):
    """Handing back: the update that the recording shows, done by us: the same names, bytes and shapes."""
    hands = Hands(bed, "back", ("beta", "nginx-2", "plain"))
    with hands as planted:
        hands.release()
        before = [one.restarts() for one in planted]
        with Running(bed):
            for one in planted:
                wanted = recorded.read(IN_FLIGHT, "clonesets-v1alpha1")[one.name]
                spec = {**wanted["spec"], "updateStrategy": one.set.get()["spec"]["updateStrategy"]}
                notes = wanted["metadata"].get("annotations")
                bed.api.merge(one.set.path, {"metadata": {"annotations": notes}})
                bed.api.call("PATCH", one.set.path, [{"op": "replace", "path": "/spec", "value": spec}], "application/json-patch+json")
            for one in planted:
                wait_until(f"{one.name} has rolled", lambda one=one: rolled(one), 60)
        for one, was in zip(planted, before):
            check_revisions(one)
            check_pods(one, was)


def rolled(one):
    status = one.set.status()
    observed(one.set)
    for key in ("readyReplicas", "availableReplicas", "replicas"):
        check_equal(status.get(key), one.set.get()["spec"]["replicas"], key)
    check_equal(status["updatedAvailableReplicas"], status["expectedUpdatedReplicas"], "updated")
    check_equal(len(one.set.pods(terminating=True)), status["replicas"], "Pods")
    return True


def check_revisions(one):
    """Ours is the peer's to the byte; the old one is as it was."""
    ours, theirs = one.revisions(), recorded.read(IN_FLIGHT, "controllerrevisions")
    theirs = {name: rev for name, rev in theirs.items() if recorded.owned(rev, one.name, IN_FLIGHT)}
    check_equal(sorted(ours), sorted(theirs), f"{one.name}: revisions")
    for name, their in theirs.items():
        our = ours[name]
        check_equal(json.dumps(our["data"]), json.dumps(their["data"]), f"{name}: data")
        check_equal(our["revision"], their["revision"], f"{name}: number")
        check_equal(our["metadata"].get("labels"), their["metadata"].get("labels"), f"{name}: labels")
        notes = {key: value for key, value in our["metadata"]["annotations"].items() if key != OURS}
        check_equal(notes, their["metadata"].get("annotations"), f"{name}: annotations")
        owner = kube.controller_of(our)
        check_equal((owner["kind"], owner["name"], owner["blockOwnerDeletion"]), ("CloneSet", one.name, True), "owner")


def keys(obj, kind):
    return set(obj["metadata"].get(kind) or {})


def check_pods(one, before):
    """Spec §1.5, A.1, A.3: what the peer's readers look for is on every Pod, those that we made included."""
    model = next(pod for pod in recorded.read(AT_REST, "pods").values() if recorded.owned(pod, one.name, AT_REST))
    update = one.set.status()["updateRevision"]
    made = 0
    for pod in one.set.pods():
        meta = pod["metadata"]
        labels, new = meta["labels"], meta["labels"]["controller-revision-hash"] == update
        extra = {"v"} if one.name == "nginx-2" and new else set()
        check_equal(keys(pod, "labels"), keys(model, "labels") | extra, f"{meta['name']}: labels")
        check_equal(labels["pod-template-hash"], labels["controller-revision-hash"].rsplit("-", 1)[1], "hash")
        check_equal(meta["name"], f"{one.name}-{labels[kube.ID_LABEL]}", "name")
        check_equal(labels["lifecycle.apps.kruise.io/state"], "Normal", "state")
        check_equal(meta["generateName"], one.name + "-", "generateName")
        gates = [gate["conditionType"] for gate in pod["spec"]["readinessGates"]]
        check("InPlaceUpdateReady" in gates, f"{meta['name']}: gates {gates}")
        owner = kube.controller_of(pod)
        check_equal((owner["kind"], owner["uid"], owner["blockOwnerDeletion"]), ("CloneSet", one.uid, True), "owner")
        missing = keys(model, "annotations") - keys(pod, "annotations")
        check(not missing, f"{meta['name']}: no annotation {missing}")
        made += meta["name"] not in before
        if new and meta["name"] in before:
            check_in_place(one, pod, before[meta["name"]])
    check_equal(made, {"beta": 1, "nginx-2": 0, "plain": 3}[one.name], f"{one.name}: new Pods")


def check_in_place(one, pod, was):
    uid, restarts = was
    check_equal(pod["metadata"]["uid"], uid, "uid")
    check_equal([status["restartCount"] for status in pod["status"]["containerStatuses"]], [count + 1 for count in restarts], "restarts")
    state = json.loads(pod["metadata"]["annotations"]["apps.kruise.io/inplace-update-state"])
    model = recorded.read(IN_FLIGHT, "pods")["beta-7p6p5"]["metadata"]["annotations"]["apps.kruise.io/inplace-update-state"]
    check_equal(set(state), set(json.loads(model)), "members of the state")
    check_equal(state["revision"], one.set.status()["updateRevision"], "revision of the state")
    check(all("imageID" in last for last in state["lastContainerStatuses"].values()), f"state {state}")
    check("apps.kruise.io/inplace-update-grace" not in pod["metadata"]["annotations"], "the grace annotation is left over")


@test
def applying_the_users_manifest_again_changes_nothing(bed):
    """D9: the peer's webhook stored its defaults in the template; the user's own manifest does not have them."""
    with Hands(bed, "manifest", ("hooked", "nginx-2", "plain")) as planted, Running(bed):
        before = [(one.versions(), one.restarts()) for one in planted]
        for one in planted:
            wait_until(f"{one.name} is observed", lambda one=one: observed(one.set), 20)
            stored = recorded.read(AT_REST, "clonesets-v1alpha1")[one.name]["metadata"]["annotations"]
            manifest = json.loads(stored["kubectl.kubernetes.io/last-applied-configuration"])
            manifest["metadata"]["namespace"] = one.namespace
            bed.kubectl("apply", "-n", one.namespace, "-f", "-", stdin=json.dumps(manifest))
            bed.kubectl("replace", "-n", one.namespace, "-f", "-", stdin=json.dumps(manifest))
            template = one.set.get()["spec"]["template"]
            check("imagePullPolicy" not in template["spec"]["containers"][0], f"{one.name}: the default is still there")
            wait_until(f"{one.name} is observed", lambda one=one: observed(one.set), 20)
        holds("nothing is touched", lambda: [one.versions() for one in planted] == [was[0] for was in before], 3)


@test
def updates_in_flight_go_on(bed):
    """Half-way when we come: a grace period is served out, a starting Pod is waited for, what is done stays done."""
    hands = Hands(bed, "flight", NAMES, IN_FLIGHT, ago=15)
    with hands as planted:
        beta, hooked, nginx, plain = planted
        before = {one.name: (one.versions(), one.restarts()) for one in planted}
        with Running(bed):
            for one in planted:
                wait_until(f"{one.name} is observed", lambda one=one: observed(one.set), 20)
            # 30 s of grace began 18 s before we came; nobody is Ready that was not
            holds("nobody is hurried", lambda: all(one.versions() == before[one.name][0] for one in (hooked, nginx, plain)), 3)
            hands.release()
            for one in (beta, nginx, plain):
                wait_until(f"{one.name} has rolled", lambda one=one: rolled(one), 60)
            holds("the hook holds", lambda: hooked.versions() == before["hooked"][0], 1)
            let_go = f"{hooked.set.pods_path}/hooked-24vsc"
            bed.api.merge(let_go, {"metadata": {"finalizers": None}})
            wait_until("it is updated", lambda: states(hooked)["hooked-24vsc"] == "Updated", 20)
        after = {one.name: one.restarts() for one in planted}
    check_equal(states(hooked), {"hooked-24vsc": "Updated", "hooked-hzbcc": "Normal", "hooked-jwl2t": "Normal"}, "hooked: states")
    check_equal(after["hooked"], {**before["hooked"][1], "hooked-24vsc": (before["hooked"][1]["hooked-24vsc"][0], [1])},
                "hooked: one restart")
    check_equal(after["beta"], before["beta"][1], "beta: it was done")
    was, now = before["nginx-2"][1], after["nginx-2"]
    check_equal({name: uid for name, (uid, _) in now.items()}, {name: uid for name, (uid, _) in was.items()}, "nginx-2: uids")
    check_equal({name: counts for name, (_, counts) in now.items()},
                {"nginx-2-jdd86": [0], "nginx-2-ld2r6": [1], "nginx-2-t6nbv": [0]}, "nginx-2: restarts")
    moved = nginx.set.pod("nginx-2-ld2r6")
    check_equal((moved["spec"]["containers"][0]["image"], moved["metadata"]["labels"].get("v")),
                ("registry.k8s.io/e2e-test-images/nginx:1.15-4", "2"), "what the grace annotation held")
    was, now = before["plain"][1], after["plain"]
    check_equal(sorted(set(was) & set(now)), ["plain-lqtmh", "plain-ptf6c"], "plain: the new ones stay, the old one goes")
    check_equal(now["plain-lqtmh"], was["plain-lqtmh"], "plain: a new one is not made again")


def states(one):
    return {pod["metadata"]["name"]: pod["metadata"]["labels"]["lifecycle.apps.kruise.io/state"] for pod in one.set.pods()}


@test
def force_takeover_does_not_wait_for_the_peer(bed):
    """D12; that it waits otherwise is shown with the controller's tests."""
    bed.ensure_webhook()
    bed.play_node()
    space = bed.namespace("force")
    if not bed.api.find("/api/v1/namespaces/kruise-system"):
        bed.api.call("POST", "/api/v1/namespaces", {"metadata": {"name": "kruise-system"}})
    wait_until("the namespace takes objects", lambda: lease(bed), 30)
    try:
        web = bed.create(cloneset("web", 1, claims=False), space)
        patient = bed.controller().start()
        wait_until("readyz names the peer", lambda: "kruise-manager" in patient.get("/readyz")[1], 10)
        holds("no Pod is made", lambda: not web.pods(), 2)
        patient.stop()
        with Running(bed, "--force-takeover"):
            web.wait_settled(1, timeout=20)
    finally:
        bed.api.delete("/apis/coordination.k8s.io/v1/namespaces/kruise-system/leases/kruise-manager")
        bed.api.delete("/api/v1/namespaces/kruise-system")


def lease(bed):
    """A fresh Lease of the peer's manager; None while the namespace of an earlier test is on its way out."""
    spec = {"holderIdentity": "peer", "leaseDurationSeconds": 15,
            "renewTime": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")}
    try:
        return bed.api.call("POST", "/apis/coordination.k8s.io/v1/namespaces/kruise-system/leases",
                            {"metadata": {"name": "kruise-manager"}, "spec": spec})
    except kube.ApiError:
        if not bed.api.find("/api/v1/namespaces/kruise-system"):
            bed.api.call("POST", "/api/v1/namespaces", {"metadata": {"name": "kruise-system"}})
        return None



@test
def the_demo_leaves_a_cluster_alone_that_has_the_crd(bed):
    """D22, told before anything is done."""
    if os.geteuid() != 0:
        raise Skip("the demo needs root before it looks at the cluster")
    env = {**bed.cluster.environment(), "CLUSTER": "current", "CLUSTER_REGISTRY": "127.0.0.1:1"}
    done = subprocess.run([os.path.join(kube.ROOT, "test", "e2e", "story.py"), "--demo"], env=env, text=True, check=False,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    check(done.returncode == 1 and "it is not touched (D22)" in done.stdout, f"{done.returncode}: {done.stdout[-400:]}")


@test
def deleting_a_set_that_was_taken_over_takes_all_along(bed):
    """As release 1.9.0 wrote it. Owners named in v1beta1 can be looked up by the garbage collector only where that is served (D19)."""
    hands = Hands(bed, "gone", ("nginx-2", "plain"), owner="apps.kruise.io/v1alpha1")
    with hands as planted, Running(bed):
        hands.release()
        for one in planted:
            wait_until(f"{one.name} is observed", lambda one=one: observed(one.set), 20)
            bed.api.delete(one.set.path)
        for one in planted:
            wait_until(f"all of {one.name} is gone", lambda one=one: not one.versions(), 30)
