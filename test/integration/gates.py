# SPDX-License-Identifier: Apache-2.0
"""Feature gates on a real API server: what turning one on changes, and that turning it on or off changes no Pod."""

import json

import bed as beds
import kube
from controller import Running, difference, requests_of, set_image
from harness import Skip, check, check_equal, holds, wait_until
from kube import uids
from manifest import changed, cloneset

TESTS = []
REVISION = "controller-revision-hash"
CONTAINER = "spec/template/spec/containers/0"
RESIZE = "--feature-gates=InPlaceWorkloadVerticalScaling=true"


def test(function):
    TESTS.append((function.__name__.replace("_", " "), function))
    return function


def versions(which):
    return {pod["metadata"]["name"]: pod["metadata"]["resourceVersion"] for pod in which.pods()}


def hashes(which):
    return {pod["metadata"]["name"]: pod["metadata"]["labels"][REVISION] for pod in which.pods()}


def forms(which):
    """How many Pods carry the full name of their revision, how many the hash alone."""
    full = [label for label in hashes(which).values() if label.startswith(which.name + "-")]
    return len(full), len(hashes(which)) - len(full)


# ---- CloneSetShortHash


@test
def short_hashes_come_and_go_without_a_change_of_pods(bed):
    """Spec 1.5, 4.3: both forms are the same revision."""
    space = bed.namespace("short")
    short = "--feature-gates=CloneSetShortHash=true"
    with Running(bed):
        web = bed.create(cloneset("web", 3, claims=False, type="InPlaceIfPossible", maxUnavailable="100%"), space)
        web.wait_settled(3)
        check_equal(forms(web), (3, 0), "labels without the gate (full, short)")
    before = versions(web)
    with Running(bed, short):
        holds("no Pod changes when the gate is turned on", lambda: versions(web) == before, 2)
        bed.api.merge(web.path, {"spec": {"replicas": 4}})
        web.wait_settled(4)
        check_equal(forms(web), (3, 1), "labels after scaling out (full, short)")
        set_image(bed, web, "nginx:1.25")
        web.wait_settled(4, "nginx:1.25")
        check_equal(forms(web), (0, 4), "labels after an update in place (full, short)")
        status = web.status()
        check_equal(status["updateRevision"], status["currentRevision"], "revisions of the status")
        check(status["updateRevision"].startswith("web-"), f"the status has the full name: {status['updateRevision']}")
        state = json.loads(web.pods()[0]["metadata"]["annotations"]["apps.kruise.io/inplace-update-state"])
        check_equal(state["revision"], status["updateRevision"], "revision in the state annotation")
    before, pods = versions(web), uids(web.pods())
    with Running(bed):
        holds("no Pod changes when the gate is turned off", lambda: versions(web) == before, 2)
        set_image(bed, web, "nginx:alpine")  # a rollback: the first revision again
        web.wait_settled(4, "nginx:alpine")
        check_equal(forms(web), (4, 0), "labels after the rollback (full, short)")
        check_equal(uids(web.pods()), pods, "Pods (UIDs)")
        bed.api.delete(web.path)


# ---- ResourcesDeletionProtection

PROTECTION = "policy.kruise.io/delete-protection"


def deletion_entries(bed):
    found = bed.api.get(beds.VALIDATING).get("webhooks") or []
    return [hook for hook in found if any("DELETE" in rule["operations"] for rule in hook["rules"])]


@test
def protected_sets_are_not_deleted(bed):
    """Spec 3.6, D15: registered with the gate only, and Ignore; gone from the configuration without it."""
    space = bed.namespace("protected")
    kubectl = bed.kubectl
    bed.ensure_webhook()
    check_equal(deletion_entries(bed), [], "entries for DELETE without the gate")
    plain = bed.create(cloneset("plain", 0, claims=False), space)
    bed.stop_webhook()
    program = bed.start_webhook("--feature-gates=ResourcesDeletionProtection=true,KruiseDaemon=false").start()
    try:
        program.wait_ready()
        wait_until("DELETE is registered", lambda: deletion_entries(bed), 15)
        check_equal([hook["failurePolicy"] for hook in deletion_entries(bed)], ["Ignore"], "failurePolicy")
        check("feature gates without effect here" in program.log() and "KruiseDaemon" in program.log(), "the log names no gate")

        def protected(name, value, replicas):
            return bed.create(changed(cloneset(name, replicas, claims=False), (["metadata", "labels", PROTECTION], value)), space)

        always, cascading = protected("always", "Always", 0), protected("cascading", "Cascading", 2)

        def refusal(name):
            return kubectl("delete", "clone", name, "-n", space, ok=False).err

        wait_until("the API server asks about deletions", lambda: bed.api.raw("DELETE", always.path + "?dryRun=All")[0] == 403, 15)
        text = refusal("always")
        check(f"denied the request: forbidden by ResourcesProtectionDeletion for {PROTECTION}=Always" in text, text)
        text = refusal("cascading")
        check(f"forbidden by ResourcesProtectionDeletion for {PROTECTION}=Cascading and replicas 2>0" in text, text)
        check(always.get() and cascading.get(), "a protected set is gone")
        bed.api.merge(cascading.path, {"spec": {"replicas": 0}})
        kubectl("delete", "clone", "cascading", "-n", space, "--wait=false")
        kubectl("delete", "clone", "plain", "-n", space, "--wait=false")
        check(not bed.api.find(plain.path), "a set without the label was not deleted")
        # One that is going already: taking its finalizer off is an update, deleting it again is no use, and not refused.
        going = protected("going", "Cascading", 0)
        bed.api.merge(going.path, {"metadata": {"finalizers": ["example.com/hold"]}})
        bed.api.delete(going.path)
        bed.api.merge(going.path, {"metadata": {"labels": {PROTECTION: "Always"}}})
        status, text = bed.api.raw("DELETE", going.path)
        check(status < 300, f"deleting again: {status} {text}")
        bed.api.merge(going.path, {"metadata": {"finalizers": None}})
        wait_until("it is gone", lambda: not bed.api.find(going.path), 10)
        doomed = bed.namespace("doomed")
        kept = bed.create(changed(cloneset("kept", 0, claims=False), (["metadata", "labels", PROTECTION], "Always")), doomed)
        bed.api.delete(f"/api/v1/namespaces/{doomed}")
        holds("the set keeps its namespace", kept.get, 3)
        bed.api.merge(kept.path, {"metadata": {"labels": {PROTECTION: None}}})
        wait_until("the namespace is gone", lambda: not bed.api.find(f"/api/v1/namespaces/{doomed}"), 60)
        program.stop()
        kubectl("delete", "clone", "always", "-n", space, "--wait=false", timeout=30)  # Ignore: nobody answers, nothing is stuck
        check(not bed.api.find(always.path), "with the webhook away a deletion is stuck")
    finally:
        program.kill()
    bed.ensure_webhook()
    wait_until("DELETE is not registered any more", lambda: not deletion_entries(bed), 15)


@test
def replicas_with_and_without_a_gate_come_to_an_end(bed):
    """While a Deployment goes over to the gate both write the configuration; the last one that stays has its way."""
    bed.stop_webhook()
    old = bed.start_webhook().start()
    new = None
    try:
        old.wait_ready()
        new = bed.start_webhook("--feature-gates=ResourcesDeletionProtection=true").start()
        new.wait_ready()  # with the old one still there, or the Deployment would never end it
        before = bed.api.get(beds.VALIDATING)["metadata"]["generation"]
        holds("both are ready", lambda: new.get("/readyz")[0] == 200 and old.get("/readyz")[0] == 200, 6)
        writes = bed.api.get(beds.VALIDATING)["metadata"]["generation"] - before
        check(writes <= 12, f"{writes} writes in 6 s")
        old.stop()
        wait_until("DELETE is registered", lambda: deletion_entries(bed), 40)
        new.wait_ready()
    finally:
        old.kill()
        if new:
            new.kill()
    bed.ensure_webhook()
    wait_until("DELETE is not registered any more", lambda: not deletion_entries(bed), 40)


# ---- RecreatePodWhenChangeVCTInCloneSetGate


@test
def changed_claim_templates_recreate_with_their_gate(bed):
    """Spec 6.4, 4.3: with a new template only, and an event names the path."""
    space = bed.namespace("vct")
    size = "spec/volumeClaimTemplates/0/spec/resources/requests/storage"
    manifest = cloneset("web", 2, type="InPlaceIfPossible", maxUnavailable="100%")
    with Running(bed, "--feature-gates=RecreatePodWhenChangeVCTInCloneSetGate=true"):
        web = bed.create(manifest, space)
        web.wait_settled(2)
        pods = uids(web.pods())
        bed.api.merge(web.path, {"spec": changed(manifest, (size, "3Gi"))["spec"]})
        wait_until("it is seen", lambda: web.status()["observedGeneration"] == web.get()["metadata"]["generation"], 10)
        holds("a size alone changes no Pod", lambda: uids(web.pods()) == pods, 2)
        set_image(bed, web, "nginx:1.25")
        web.wait_settled(2, "nginx:1.25")
        check(not set(pods.values()) & set(uids(web.pods()).values()), "a Pod was not recreated")
        sizes = {claim["spec"]["resources"]["requests"]["storage"] for claim in web.claims()}
        check_equal(sizes, {"3Gi"}, "sizes of the new claims")
        wait_until("an event names spec.volumeClaimTemplates", lambda: any(
            "spec.volumeClaimTemplates" in event["message"] for event in web.events()), 10)
        pods = uids(web.pods())
        set_image(bed, web, "nginx:1.26")
        web.wait_settled(2, "nginx:1.26")
        check_equal(uids(web.pods()), pods, "Pods after a change that is none of the claims (UIDs)")
        bed.api.delete(web.path)


# ---- InPlaceWorkloadVerticalScaling


class Resizing:
    """For the block: the right that the overlay vertical-scaling adds, taken from the overlay itself."""

    def __init__(self, bed):
        resources = bed.api.get("/api/v1")["resources"]
        if not any(one["name"] == "pods/resize" for one in resources):
            raise Skip("this Kubernetes has no pods/resize (1.33 and later do)")
        self.bed = bed
        self.base, self.more = (self.role(folder) for folder in ("base", "overlays/vertical-scaling"))
        check(self.base["rules"] != self.more["rules"], "the overlay adds no right")

    def role(self, folder):
        (found,) = [item for item in self.bed.rendered(folder)
                    if (item["kind"], item["metadata"]["name"]) == ("ClusterRole", "cloneset-controller")]
        return found

    def __enter__(self):
        self.bed.kubectl("apply", "-f", "-", stdin=json.dumps(self.more), quiet=True)
        return self

    def __exit__(self, *_):
        self.bed.kubectl("apply", "-f", "-", stdin=json.dumps(self.base), quiet=True)


def resources(cpu, request="100m"):
    return {"limits": {"cpu": cpu, "memory": "256Mi"}, "requests": {"cpu": request, "memory": "128Mi"}}


def resizable(name, replicas, more=(), **strategy):
    strategy = {"type": "InPlaceIfPossible", "maxUnavailable": "50%", **strategy}
    return changed(cloneset(name, replicas, claims=False, **strategy), (f"{CONTAINER}/resources", resources("1")), *more)


def edit(bed, which, *edits):
    """The live object with edits, as kubectl replace does it."""
    bed.api.call("PUT", which.path, changed(which.get(), *edits))


def container_of(pod):
    return pod["spec"]["containers"][0]


def status_of(pod):
    return pod["status"]["containerStatuses"][0]


def limits_of(which):
    return sorted(container_of(pod)["resources"]["limits"]["cpu"] for pod in which.pods())


def same_containers(before, which, restarts=0):
    """The same Pods, with so many restarts more."""
    pods = {pod["metadata"]["name"]: pod for pod in which.pods()}
    check_equal(uids(pods.values()), uids(before.values()), "Pods (UIDs)")
    for name, pod in pods.items():
        check_equal(status_of(pod)["restartCount"], status_of(before[name])["restartCount"] + restarts, f"{name}: restartCount")
        if not restarts:
            check_equal(status_of(pod)["containerID"], status_of(before[name])["containerID"], f"{name}: containerID")


def by_name(which):
    return {pod["metadata"]["name"]: pod for pod in which.pods()}


@test
def resources_change_in_place_and_the_pods_serve_on(bed):
    """Spec 9: without a restart no Pod leaves service; two requests change it, one ends it."""
    with Resizing(bed), Running(bed, RESIZE, "--cloneset-scaling-exclude-preparing-delete"):
        space = bed.namespace("resize")
        web = bed.create(resizable("web", 4), space)
        web.wait_settled(4)
        before, spent = by_name(web), requests_of(bed, "cloneset-controller", space)
        watch = kube.Watch(bed.api, web.pods_path, web.selector)
        edit(bed, web, (f"{CONTAINER}/resources", resources("2", "200m")))
        web.wait_settled(4)
        history = watch.stop()
        same_containers(before, web)
        for pod in web.pods():
            check_equal(container_of(pod)["resources"], resources("2", "200m"), "spec")
            check_equal(status_of(pod)["resources"], resources("2", "200m"), "status")
        for event in history:
            check(kube.condition(event.obj, "Ready") == "True" and kube.condition(event.obj, "InPlaceUpdateReady") == "True",
                  f"{event.name} left service")
        spent = difference(requests_of(bed, "cloneset-controller", space), spent)
        pods = {key: value for key, value in spent.items() if key.split()[1].startswith("pods")}
        check(pods.get("patch pods") == 4 and pods.get("patch pods/resize", 0) >= 4 and sum(pods.values()) <= 4 * 3 + 4,
              f"requests for 4 Pods: {pods}")
        check_equal(web.status()["updatedReadyReplicas"], 4, "updatedReadyReplicas")
        edit(bed, web, (f"{CONTAINER}/resources", resources("1")))  # and back: the first revision again
        web.wait_settled(4)
        same_containers(before, web)
        check_equal(limits_of(web), ["1"] * 4, "limits after the rollback")
        bed.api.delete(web.path)


@test
def image_and_resources_change_together(bed):
    """Two requests, the Pod out of service before the first (U-15); a container that restarts for a resize likewise."""
    with Resizing(bed), Running(bed, RESIZE):
        space = bed.namespace("both")
        web = bed.create(resizable("web", 3, more=[(f"{CONTAINER}/resizePolicy", [
            {"resourceName": "cpu", "restartPolicy": "NotRequired"},
            {"resourceName": "memory", "restartPolicy": "RestartContainer"}])]), space)
        web.wait_settled(3)
        before = by_name(web)
        watch = kube.Watch(bed.api, web.pods_path, web.selector)
        edit(bed, web, (f"{CONTAINER}/image", "nginx:1.25"), (f"{CONTAINER}/resources", resources("2")))
        web.wait_settled(3, "nginx:1.25")
        same_containers(before, web, restarts=1)
        check_equal(limits_of(web), ["2"] * 3, "limits")
        before = by_name(web)
        edit(bed, web, (f"{CONTAINER}/resources/limits/memory", "512Mi"))
        web.wait_settled(3)
        same_containers(before, web, restarts=1)
        check_equal({container_of(pod)["resources"]["limits"]["memory"] for pod in web.pods()}, {"512Mi"}, "memory")
        last = {}
        for event in watch.stop():
            now = container_of(event.obj)
            was = last.get(event.name, now)
            if (now["image"], now["resources"]) != (was["image"], was["resources"]):
                check_equal(kube.condition(event.obj, "InPlaceUpdateReady"), "False", f"{event.name}: its gate as it changed")
            last[event.name] = now
        bed.api.delete(web.path)


@test
def a_resize_that_waits_is_told_and_not_repeated(bed):
    """Deferred and Infeasible: an event, a condition, a rollout that stops, and no request more."""
    with Resizing(bed), Running(bed, RESIZE):
        space = bed.namespace("deferred")
        web = bed.create(resizable("web", 4, maxUnavailable=1), space)
        web.wait_settled(4)
        before = by_name(web)
        bed.player.no_room = lambda pod: "Deferred" if pod["metadata"]["namespace"] == space else None
        try:
            edit(bed, web, (f"{CONTAINER}/resources", resources("2")))
            wait_until("an event says that it waits", lambda: any(
                event["reason"] == "ResizeDeferred" for event in web.events()), 15)
            check_equal(limits_of(web), ["1", "1", "1", "2"], "limits: the rollout stops at maxUnavailable")
            spent = requests_of(bed, "cloneset-controller", space)
            holds("nothing is sent", lambda: requests_of(bed, "cloneset-controller", space) == spent, 3)
            check_equal(web.status()["readyReplicas"], 4, "readyReplicas: it serves meanwhile")
            bed.player.no_room = lambda pod: "Infeasible" if pod["metadata"]["namespace"] == space else None
            name = next(name for name, pod in by_name(web).items() if container_of(pod)["resources"] == resources("2"))
            pending = {"type": "PodResizePending", "status": "True", "reason": "Infeasible"}
            bed.api.call("PATCH", f"{web.pods_path}/{name}/status", {"status": {"conditions": [pending]}},
                         "application/strategic-merge-patch+json")
            failed = wait_until("FailedUpdate says so", lambda: [
                one for one in web.status().get("conditions", []) if one["type"] == "FailedUpdate" and one["status"] == "True"], 10)
            check(name in failed[0]["message"], failed[0]["message"])
            edit(bed, web, (f"{CONTAINER}/resources", resources("1500m")))  # a newer revision overtakes it
            wait_until("it asks for less", lambda: "1500m" in limits_of(web), 10)
        finally:
            bed.player.no_room = lambda pod: None
        # The node notices by itself; the player wants a push.
        for name in by_name(web):
            bed.api.merge(f"{web.pods_path}/{name}", {"metadata": {"annotations": {"push": "1"}}})
        web.wait_settled(4, timeout=40)
        same_containers(before, web)
        check_equal(limits_of(web), ["1500m"] * 4, "limits")
        wait_until("FailedUpdate is gone", lambda: not [
            one for one in web.status().get("conditions", []) if one["type"] == "FailedUpdate" and one["status"] == "True"], 10)
        bed.api.delete(web.path)


@test
def what_cannot_be_resized_is_recreated_with_a_reason(bed):
    """Spec 6.4: the QoS class; a node that resizes nothing; and with the gate off."""
    with Resizing(bed):
        space = bed.namespace("qos")
        told = {}

        def recreated(which, *edits):
            pods = uids(which.pods())
            edit(bed, which, *edits)
            which.wait_settled(2)
            check(not set(pods.values()) & set(uids(which.pods()).values()), "a Pod was not recreated")
            told[which.name] = wait_until("an event says why", lambda: [
                event["message"] for event in which.events() if event["reason"] == "RecreateForced"], 10)

        with Running(bed, RESIZE):
            web = bed.create(resizable("web", 2), space)
            web.wait_settled(2)
            guaranteed = {"limits": {"cpu": "1", "memory": "256Mi"}, "requests": {"cpu": "1", "memory": "256Mi"}}
            recreated(web, (f"{CONTAINER}/resources", guaranteed))
            check(any("QoS" in text for text in told["web"]), f"{told}")
            bed.player.reports_resources = False
            try:
                old = bed.create(resizable("old", 2), space)
                old.wait_settled(2)
                recreated(old, (f"{CONTAINER}/resources", resources("2")))
                check(any("its node does not report" in text for text in told["old"]), f"{told}")
            finally:
                bed.player.reports_resources = True
        with Running(bed):
            off = bed.create(resizable("off", 2), space)
            off.wait_settled(2)
            recreated(off, (f"{CONTAINER}/resources", resources("2")))
            check(any("resources.limits[cpu]" in text for text in told["off"]), f"{told}")


@test
def a_controller_killed_before_the_resize_leaves_it_to_the_next(bed):
    """The Pod itself says what is due. The first controller's requests for pods/resize never arrive, or get no answer."""
    alone = "--leader-elect=false"  # the next one need not wait for a lease
    with Resizing(bed):
        for lost in ("before", "after"):
            proxy = bed.proxy()
            space = bed.namespace("killed")
            with Running(bed, RESIZE, alone, server=proxy.url) as program:
                web = bed.create(resizable("web", 3, maxUnavailable=3), space)
                web.wait_settled(3)
                before = by_name(web)
                rule = proxy.rule(r"^PATCH .*/resize", lost=lost)
                edit(bed, web, (f"{CONTAINER}/image", "nginx:1.25"), (f"{CONTAINER}/resources", resources("2")))
                wait_until("a resize was sent", lambda: rule.struck > 0, 15)
                program.kill()
            with Running(bed, RESIZE, alone):
                web.wait_settled(3, "nginx:1.25", timeout=60)
                check_equal(limits_of(web), ["2"] * 3, f"limits ({lost})")
                same_containers(before, web, restarts=1)
                bed.api.delete(web.path)


@test
def a_server_without_resize_is_told_and_asked_with_pauses(bed):
    with Resizing(bed):
        proxy = bed.proxy()
        space = bed.namespace("noresize")
        with Running(bed, RESIZE, server=proxy.url):
            web = bed.create(resizable("web", 2, maxUnavailable=1), space)
            web.wait_settled(2)
            rule = proxy.rule(r"^PATCH .*/resize", status=404)
            edit(bed, web, (f"{CONTAINER}/resources", resources("2")))
            failed = wait_until("FailedUpdate says so", lambda: [
                one for one in web.status().get("conditions", []) if one["type"] == "FailedUpdate" and one["status"] == "True"], 15)
            check("no pods/resize" in failed[0]["message"], failed[0]["message"])
            seen = rule.struck
            holds("it is not asked all the time", lambda: rule.struck <= seen + 8, 4)
            check_equal(len(web.pods()), 2, "Pods")
            proxy.clear()
            web.wait_settled(2, timeout=60)
            check_equal(limits_of(web), ["2", "2"], "limits")
            bed.api.delete(web.path)
