# SPDX-License-Identifier: Apache-2.0
"""Lifecycle hooks on a real API server (spec 5.5, 6.5, 6.8, 6.9): the test is the controller of the user that answers them."""

from controller import Running
from harness import check, check_equal, holds, wait_until
import kube
from kube import uids
from manifest import changed, cloneset

TESTS = []
STATE = "lifecycle.apps.kruise.io/state"
DRAIN = "example.com/drain"
BLOCK = "example.com/block-update"


def test(function):
    TESTS.append((function.__name__.replace("_", " "), function))
    return function


def state(pod):
    return pod["metadata"]["labels"].get(STATE)


def in_state(which, wanted):
    return [pod for pod in which.pods() if state(pod) == wanted]


def patch(bed, which, pod, labels=None, finalizers=None):
    """A label of value None goes; finalizers are all that the Pod has afterwards."""
    metadata = {}
    if labels is not None:
        metadata["labels"] = labels
    if finalizers is not None:
        metadata["finalizers"] = finalizers
    bed.api.merge(f"{which.pods_path}/{pod['metadata']['name']}", {"metadata": metadata})


def set_image(bed, which, image):
    bed.api.call("PATCH", which.path, [{"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": image}],
                 "application/json-patch+json")


def scale(bed, which, replicas):
    bed.api.merge(which.path, {"spec": {"replicas": replicas}})


def condition_message(pod, kind):
    return next((found.get("message") for found in pod["status"].get("conditions", []) if found["type"] == kind), None)


@test
def pre_normal_keeps_a_pod_from_being_available(bed):
    space = bed.namespace("normal")
    hook = {"preNormal": {"labelsHandler": {"example.com/registered": "true"}}}
    with Running(bed):
        web = bed.create(changed(cloneset("web", 2, claims=False), ("spec/lifecycle", hook)), space)
        wait_until("both Pods are Ready", lambda: web.status().get("readyReplicas") == 2)
        holds("they wait", lambda: web.status()["availableReplicas"] == 0 and len(in_state(web, "PreparingNormal")) == 2, 2)
        one, two = web.pods()
        patch(bed, web, one, {"example.com/registered": "true"})
        wait_until("one is available", lambda: web.status()["availableReplicas"] == 1)
        patch(bed, web, two, {"example.com/registered": "true"})
        web.wait_settled(2)
        patch(bed, web, two, {"example.com/registered": None})
        holds("Normal stays Normal", lambda: web.status()["availableReplicas"] == 2, 1)


def hooked_set(bed, space, hook):
    manifest = changed(cloneset("web", 3), ("spec/lifecycle", {"preDelete": hook}),
                       ("spec/template/metadata/finalizers", [DRAIN]))
    web = bed.create(manifest, space)
    web.wait_settled(3)
    return web


@test
def pre_delete_holds_a_pod_and_regret_brings_it_back(bed):
    space = bed.namespace("drain")
    with Running(bed):
        web = hooked_set(bed, space, {"finalizersHandler": [DRAIN]})
        pods, claims = uids(web.pods()), uids(web.claims())
        check(not any(gate["conditionType"] == "KruisePodReady" for gate in web.pods()[0]["spec"]["readinessGates"]),
              "the gate KruisePodReady is there though no hook asks for it")
        scale(bed, web, 2)
        wait_until("one Pod prepares", lambda: len(in_state(web, "PreparingDelete")) == 1)
        holds("it is held, with its claim", lambda: (uids(web.pods()), uids(web.claims())) == (pods, claims), 2)
        check(all(kube.controller_of(claim)["kind"] == "CloneSet" for claim in web.claims()), "a claim was handed over already")
        scale(bed, web, 3)
        web.wait_settled(3)
        check_equal((uids(web.pods()), uids(web.claims())), (pods, claims), "Pods and claims (UIDs) after regret")
        check(not in_state(web, "PreparingDelete"), "one still prepares")

        scale(bed, web, 2)
        going = wait_until("one Pod prepares again", lambda: in_state(web, "PreparingDelete"))[0]
        patch(bed, web, going, finalizers=[])
        name = going["metadata"]["name"]
        wait_until(f"{name} and no other one goes", lambda: name not in uids(web.pods(terminating=True)))
        web.wait_settled(2)
        wait_until("its claim goes as well", lambda: len(web.claims(terminating=True)) == 2)

        # U-27: a direct deletion is not held, and an event says what to do instead.
        direct = web.pods()[0]["metadata"]["name"]
        bed.api.delete(f"{web.pods_path}/{direct}", grace=0)
        wait_until("an event names the way", lambda: any(
            "apps.kruise.io/specified-delete" in event["message"] and direct in event["message"] for event in web.events()))
        patch(bed, web, web.pod(direct), finalizers=[])
        web.wait_settled(2)

        # The label is the way: the hook holds the Pod until it is let go.
        marked = web.pods()[0]
        patch(bed, web, marked, {"apps.kruise.io/specified-delete": "true"})
        wait_until("it prepares", lambda: [pod for pod in in_state(web, "PreparingDelete")
                                           if pod["metadata"]["uid"] == marked["metadata"]["uid"]])
        patch(bed, web, marked, finalizers=[])
        wait_until("it is gone", lambda: marked["metadata"]["uid"] not in uids(web.pods(terminating=True)).values())
        web.wait_settled(2)


@test
def pre_delete_takes_a_pod_out_of_service_when_asked_to(bed):
    space = bed.namespace("mark")
    with Running(bed):
        web = hooked_set(bed, space, {"finalizersHandler": [DRAIN], "markPodNotReady": True})
        scale(bed, web, 2)
        going = wait_until("one Pod prepares", lambda: in_state(web, "PreparingDelete"))[0]
        check_equal(kube.condition(going, "KruisePodReady"), "False", "KruisePodReady")
        check_equal(condition_message(going, "KruisePodReady"), '[{"userAgent":"Lifecycle","key":"preDeleteHook"}]', "its message")
        scale(bed, web, 3)
        holds("no regret: it is out of service for good", lambda: len(in_state(web, "PreparingDelete")) == 1, 2)
        patch(bed, web, going, finalizers=[])
        wait_until("it is gone", lambda: going["metadata"]["uid"] not in uids(web.pods(terminating=True)).values())
        web.wait_settled(3)


def ready_in_endpoints(bed, space, pod):
    """What kube-proxy goes by."""
    for piece in bed.api.items(f"/apis/discovery.k8s.io/v1/namespaces/{space}/endpointslices"):
        for endpoint in piece.get("endpoints") or []:
            if endpoint.get("targetRef", {}).get("uid") == pod["metadata"]["uid"]:
                return endpoint["conditions"]["ready"]
    return None


def check_out_of_service_first(history):
    """U-15, and no instant in which KruisePodReady or InPlaceUpdateReady is False and Ready still True."""
    before = {}
    for event in history:
        pod, uid = event.obj, event.obj["metadata"]["uid"]
        if event.kind == "DELETED":
            continue
        gates = [kube.condition(pod, gate) for gate in ("InPlaceUpdateReady", "KruisePodReady")]
        was = before.get(uid)
        if was and was["spec"]["containers"][0]["image"] != pod["spec"]["containers"][0]["image"]:
            check_equal(kube.condition(was, "InPlaceUpdateReady"), "False", f"{event.name} before its image changed")
        if was and "False" in gates and state(was) == "Normal" and state(pod) == "PreparingUpdate":
            check_equal(kube.condition(pod, "Ready"), "False", f"Ready of {event.name} as it went out of service")
        before[uid] = pod


@test
def in_place_update_goes_by_way_of_its_hook(bed):
    space = bed.namespace("block")
    hook = {"inPlaceUpdate": {"labelsHandler": {BLOCK: "true"}, "finalizersHandler": [BLOCK], "markPodNotReady": True}}
    manifest = changed(cloneset("web", 2, "nginx:alpine", claims=False, type="InPlaceOnly", maxUnavailable=1),
                       ("spec/lifecycle", hook), ("spec/template/metadata/finalizers", [BLOCK]),
                       (["spec", "template", "metadata", "labels", BLOCK], "true"))
    service = {"metadata": {"name": "web"}, "spec": {"selector": {"app": "web"}, "ports": [{"port": 80}]}}
    bed.api.call("POST", f"/api/v1/namespaces/{space}/services", service)
    with Running(bed):
        web = bed.create(manifest, space)
        web.wait_settled(2, "nginx:alpine")
        pods = uids(web.pods())
        wait_until("both serve", lambda: all(ready_in_endpoints(bed, space, pod) for pod in web.pods()))
        watch = kube.Watch(bed.api, web.pods_path, web.selector)

        set_image(bed, web, "nginx:1.25")
        one = wait_until("one Pod prepares", lambda: in_state(web, "PreparingUpdate"))[0]
        name = one["metadata"]["name"]
        check_equal(condition_message(one, "KruisePodReady"), '[{"userAgent":"Lifecycle","key":"preUpdateHook"}]', "its message")
        wait_until("it serves no more", lambda: ready_in_endpoints(bed, space, one) is False)
        holds("it waits, and so does the other one", lambda: [state(pod) for pod in sorted(
            web.pods(), key=lambda pod: pod["metadata"]["name"] != name)] == ["PreparingUpdate", "Normal"], 1)

        # Rolled back while it waits: nothing has happened to it.
        set_image(bed, web, "nginx:alpine")
        web.wait_settled(2, "nginx:alpine")
        check_equal(kube.condition(web.pod(name), "KruisePodReady"), "True", "KruisePodReady after the rollback")

        set_image(bed, web, "nginx:1.25")
        one = wait_until("one Pod prepares", lambda: in_state(web, "PreparingUpdate"))[0]
        name = one["metadata"]["name"]
        patch(bed, web, one, {BLOCK: None}, [])
        wait_until("it is Updated and serves again", lambda: state(web.pod(name)) == "Updated"
                   and kube.condition(web.pod(name), "Ready") == "True")
        check_equal(web.pod(name)["spec"]["containers"][0]["image"], "nginx:1.25", "its image")
        check_equal(kube.condition(web.pod(name), "KruisePodReady"), "True", "KruisePodReady of an Updated Pod")
        holds("the other one waits for it", lambda: len(in_state(web, "Normal")) == 1, 1)

        # A newer revision: its hook is put back by the controller, by one write (re-arming, spec 6.5).
        set_image(bed, web, "nginx:1.26")
        again = wait_until("it prepares again", lambda: [pod for pod in in_state(web, "PreparingUpdate")
                                                         if pod["metadata"]["name"] == name])[0]
        check_equal(again["metadata"]["labels"].get(BLOCK), "true", "the hook's label")
        check_equal(again["metadata"].get("finalizers"), [BLOCK], "the hook's finalizer")
        check_equal(kube.condition(again, "KruisePodReady"), "False", "KruisePodReady")

        for _ in range(2):
            one = wait_until("a Pod prepares", lambda: in_state(web, "PreparingUpdate"))[0]
            patch(bed, web, one, {BLOCK: None}, [])
            wait_until("it is Updated", lambda: state(web.pod(one["metadata"]["name"])) == "Updated")
            patch(bed, web, one, {BLOCK: "true"}, [BLOCK])
            wait_until("it is Normal", lambda: state(web.pod(one["metadata"]["name"])) == "Normal")
        web.wait_settled(2, "nginx:1.26")
        check_equal(uids(web.pods()), pods, "Pods (UIDs)")
        check_out_of_service_first(watch.stop())
        # So that the namespace can go: nobody answers any more.
        for pod in web.pods():
            patch(bed, web, pod, finalizers=[])
