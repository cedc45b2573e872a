# SPDX-License-Identifier: Apache-2.0
"""Claims on a real API server: kube-controller-manager binds and protects them, its garbage collector takes what lost its
owner, a player runs the Pods. One controller serves all tests of this file: with disablePVCReuse no claim is
deleted in its first minute."""

import time

import kube
from controller import set_image, start
from harness import check, check_equal, holds, wait_until
from kube import controller_of, instance_id, uids
from manifest import changed, cloneset

TESTS = []
KEEP = "apps.kruise.io/keep-pvc-for-deletion"
GROW = "apps.kruise.io/expand-volume-claims"
RECORD = "cloneset.apps.kruise.io/volume-claim-templates"
OFF = ("spec/scaleStrategy", {"disablePVCReuse": True})
QUIET_S = 60


def test(function):
    TESTS.append((function.__name__.replace("_", " "), function))
    return function


def shared(bed):
    program = getattr(bed, "claims_controller", None)
    if not program or not program.alive():
        program = bed.claims_controller = start(bed)
        program.began = time.monotonic()
        if not bed.api.find("/apis/storage.k8s.io/v1/storageclasses/growing"):
            bed.api.call("POST", "/apis/storage.k8s.io/v1/storageclasses", {
                "metadata": {"name": "growing"}, "provisioner": "kubernetes.io/host-path", "allowVolumeExpansion": True})
    return program


def growing(name, replicas, **strategy):
    return changed(cloneset(name, replicas, **strategy), ("spec/volumeClaimTemplates/0/spec/storageClassName", "growing"))


def bound(which, number):
    claims = which.claims()
    check(len(claims) == number and all(claim["status"]["phase"] == "Bound" for claim in claims),
          f"claims {[(claim['metadata']['name'], claim['status'].get('phase')) for claim in claims]}")
    return claims


def requests(which):
    return sorted(claim["spec"]["resources"]["requests"]["storage"] for claim in which.claims())


def events(which, reason):
    return [event for event in which.events() if event["reason"] == reason]


def set_size(bed, which, size):
    bed.api.call("PATCH", which.path, [{"op": "replace", "path": "/spec/volumeClaimTemplates/0/spec/resources/requests/storage",
                                        "value": size}], "application/json-patch+json")


def annotate(bed, which, **values):
    bed.api.merge(which.path, {"metadata": {"annotations": {GROW: values["grow"]}}})


def label_pod(bed, which, name, value=""):
    bed.api.merge(f"{which.pods_path}/{name}", {"metadata": {"labels": {KEEP: value}}})


@test
def a_larger_request_grows_claims_whose_class_allows_it(bed):
    """U-13, U-14: asked for, claim by claim, never back, and no Pod is touched."""
    shared(bed)
    space = bed.namespace("grow")
    web = bed.create(growing("web", 2), space)
    web.wait_settled(2)
    wait_until("both are bound", lambda: bound(web, 2), 30)
    pods, slow = uids(web.pods()), web.claims()[0]["metadata"]["name"]
    set_size(bed, web, "4Gi")
    holds("nobody asked for it", lambda: requests(web) == ["2Gi", "2Gi"], 1.5)
    resizing = {"status": {"conditions": [{"type": "Resizing", "status": "True"}]}}
    bed.api.call("PATCH", f"{web.claims_path}/{slow}/status", resizing, "application/strategic-merge-patch+json")
    annotate(bed, web, grow="true")
    wait_until("one has grown", lambda: requests(web) == ["2Gi", "4Gi"], 15)
    holds("the one that is being resized waits", lambda: requests(web) == ["2Gi", "4Gi"], 1.5)
    bed.api.call("PATCH", f"{web.claims_path}/{slow}/status", {"status": {"conditions": None}}, "application/merge-patch+json")
    wait_until("both have grown", lambda: requests(web) == ["4Gi", "4Gi"], 15)
    wait_until("an event for each", lambda: len({event["message"] for event in events(web, "VolumeClaimExpanded")}) == 2, 10)
    set_size(bed, web, "2Gi")
    holds("undone, nothing shrinks", lambda: requests(web) == ["4Gi", "4Gi"], 1.5)
    check_equal(uids(web.pods()), pods, "Pods (UIDs)")
    bed.api.merge(web.path, {"spec": {"replicas": 3}})
    web.wait_settled(3)
    check_equal(requests(web), ["2Gi", "4Gi", "4Gi"], "a new Pod's claim follows the claim template")


@test
def a_refused_growth_is_told_once_and_stops_nothing(bed):
    shared(bed)
    space = bed.namespace("refused")
    web = bed.create(cloneset("web", 2), space)
    web.wait_settled(2)
    wait_until("both are bound", lambda: bound(web, 2), 30)
    annotate(bed, web, grow="true")
    set_size(bed, web, "4Gi")
    told = wait_until("an event for each", lambda: [e for e in [events(web, "FailedExpandVolumeClaim")] if len(e) == 2], 15)[0]
    check(all("resize" in event["message"] for event in told), f"the server's text is missing: {told[0]['message']}")
    bed.api.merge(web.path, {"spec": {"replicas": 3}})
    begin = time.monotonic()
    web.wait_settled(3)
    check(time.monotonic() - begin < 10, "the refusal held up the scale-out")
    conditions = [c["type"] for c in web.status().get("conditions", []) if c["status"] == "True" and c["type"].startswith("Failed")]
    check_equal(conditions, [], "conditions")
    patches = [entry for entry in bed.audit("system:serviceaccount:cloneset-system:cloneset-controller")
               if entry["verb"] == "patch" and entry["objectRef"].get("namespace") == space
               and entry["objectRef"]["resource"] == "persistentvolumeclaims"]
    check_equal(len(patches), 2, "requests to grow a claim")
    check_equal(requests(web), ["2Gi", "2Gi", "4Gi"], "requests")


@test
def a_labelled_pod_comes_back_from_a_recreation_with_its_data(bed):
    """U-12: the same ids, claims and names; with surge, too, the rollout ends and no claim is lost."""
    shared(bed)
    space = bed.namespace("keep")
    web = bed.create(changed(cloneset("web", 3), (["spec", "template", "metadata", "labels", KEEP], "true")), space)
    web.wait_settled(3)
    pods, claims = uids(web.pods()), uids(web.claims())
    watch = kube.Watch(bed.api, web.pods_path, web.selector)
    set_image(bed, web, "nginx:1.25")
    web.wait_settled(3, "nginx:1.25", 90)
    check_equal(sorted(uids(web.pods())), sorted(pods), "Pod names")
    check(not set(pods.values()) & set(uids(web.pods()).values()), "a Pod was not recreated")
    check_equal(uids(web.claims(terminating=True)), claims, "claims (UIDs)")
    lowest, _ = kube.lowest_availability(watch.stop())
    check(lowest >= 2, f"only {lowest} of 3 Pods were available; 20% of 3, rounded up, is 1")
    bed.api.merge(web.path, {"spec": {"updateStrategy": {"maxSurge": 1, "maxUnavailable": 0}}})
    watch = kube.Watch(bed.api, web.pods_path, web.selector)
    set_image(bed, web, "nginx:1.26")
    web.wait_settled(3, "nginx:1.26", 90)
    lowest, most = kube.lowest_availability(watch.stop())
    check(lowest >= 3 and most <= 4, f"{lowest} to {most} Pods; 3 with maxSurge 1 and maxUnavailable 0")
    check(claims.items() <= uids(web.claims(terminating=True)).items(), "a claim is gone")


@test
def a_labelled_pod_that_is_scaled_in_leaves_its_claim_to_the_next(bed):
    shared(bed)
    space = bed.namespace("leave")
    web = bed.create(cloneset("web", 2), space)
    web.wait_settled(2)
    claims, names = uids(web.claims()), sorted(uids(web.pods()))
    label_pod(bed, web, names[0])
    bed.api.merge(web.path, {"spec": {"replicas": 1, "scaleStrategy": {"podsToDelete": [names[0]]}}})
    wait_until("it is gone", lambda: not web.pod(names[0]), 20)
    holds("its claim stays", lambda: uids(web.claims(terminating=True)) == claims, 2)
    bed.api.merge(web.path, {"spec": {"replicas": 2}})
    web.wait_settled(2)
    check_equal(sorted(uids(web.pods())), names, "Pod names")
    check_equal(uids(web.claims(terminating=True)), claims, "claims (UIDs)")


@test
def an_old_revision_is_made_from_its_own_claim_templates(bed):
    """U-09: a claim template is removed while a partition keeps Pods that mount it, and replicas are raised."""
    shared(bed)
    space = bed.namespace("templates")
    logs = {"metadata": {"name": "logs"}, "spec": {"accessModes": ["ReadWriteOnce"], "storageClassName": "rbd",
                                                   "resources": {"requests": {"storage": "1Gi"}}}}
    mounts = "spec/template/spec/containers/0/volumeMounts"
    old = changed(cloneset("web", 2, partition=4), ("spec/volumeClaimTemplates/+", logs),
                  (mounts + "/+", {"name": "logs", "mountPath": "/logs"}))
    web = bed.create(old, space)
    web.wait_settled(2)
    revisions = f"/apis/apps/v1/namespaces/{space}/controllerrevisions"
    first = bed.api.items(revisions)[0]
    check('"name":"logs"' in first["metadata"]["annotations"][RECORD].replace(" ", ""), "the revision does not record them")
    edit = [{"op": "remove", "path": "/spec/volumeClaimTemplates/1"},
            {"op": "remove", "path": "/spec/template/spec/containers/0/volumeMounts/1"},
            {"op": "replace", "path": "/spec/replicas", "value": 3}]
    bed.api.call("PATCH", web.path, edit, "application/json-patch+json")

    def volumes():
        pods = [pod for pod in web.pods() if kube.pod_available(pod)]
        return sorted("".join(sorted(v["name"][0] for v in pod["spec"]["volumes"] if "persistentVolumeClaim" in v)) for pod in pods)

    wait_until("the third has both claims", lambda: volumes() == ["dl", "dl", "dl"], 30)
    bed.api.merge(f"{revisions}/{first['metadata']['name']}", {"metadata": {"annotations": {RECORD: None}}})  # as the peer writes it
    bed.api.merge(web.path, {"spec": {"replicas": 4}})
    wait_until("the fourth is of the new revision", lambda: volumes() == ["d", "dl", "dl", "dl"], 30)
    wait_until("an event says so", lambda: events(web, "ClaimTemplateMissing"), 10)
    holds("and so it stays", lambda: volumes() == ["d", "dl", "dl", "dl"], 1.5)


@test
def what_is_not_ours_is_left_alone(bed):
    """D4, quirk 21: claims that the set owns, with another id or without one, or under a stranger's name."""
    shared(bed)
    space = bed.namespace("alone")
    web = bed.create(changed(cloneset("web", 1), OFF), space)
    web.wait_settled(1)
    owner = web.get()["metadata"]
    reference = {"apiVersion": "apps.kruise.io/v1alpha1", "kind": "CloneSet", "name": "web", "uid": owner["uid"], "controller": True}
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    rows = {"spare": {}, "data-vol-web-bbbbb": {kube.ID_LABEL: "ccccc"}, "data-vol-other-ddddd": {kube.ID_LABEL: "ddddd"}}
    for name, labels in rows.items():
        bed.api.call("POST", web.claims_path, {"metadata": {"name": name, "labels": {"app": "web", **labels},
                                                            "ownerReferences": [reference]}, "spec": spec})
    wait_until("an event says so", lambda: events(web, "ClaimLeftAlone"), 15)
    bed.alone = (web, set(rows))  # looked at again when claims are deleted


@test
def without_reuse_a_claim_goes_with_its_pod(bed):
    """Spec 4.6: a Pod that somebody deletes, one that fails; the ids of their replacements are fresh."""
    shared(bed)
    space = bed.namespace("noreuse")
    web = bed.create(changed(cloneset("web", 3), OFF), space)
    web.wait_settled(3)
    names = sorted(uids(web.pods()))
    claim = {name: f"data-vol-{name}" for name in names}
    # Held Terminating: the claim becomes the Pod's, and nobody waits for its id.
    bed.player.hold = lambda held: held["metadata"]["name"] == names[0] and held["metadata"]["namespace"] == space
    try:
        bed.api.delete(f"{web.pods_path}/{names[0]}")
        wait_until("it is the Pod's", lambda: controller_of(web.claim(claim[names[0]]))["kind"] == "Pod", 15)
        wait_until("a fresh id", lambda: len([pod for pod in web.pods() if kube.pod_available(pod)]) == 3, 20)
        check(web.claim(claim[names[0]]), "the claim went before its Pod")
    finally:
        bed.player.hold = lambda held: False
    wait_until("Pod and claim are gone", lambda: not web.pod(names[0]) and not web.claim(claim[names[0]]), 30)
    web.wait_settled(3)
    bed.api.call("PATCH", f"{web.pods_path}/{names[1]}/status", {"status": {"phase": "Failed", "reason": "Evicted"}},
                 "application/merge-patch+json")
    wait_until("it is the Pod's", lambda: controller_of(web.claim(claim[names[1]]))["kind"] == "Pod", 15)
    wait_until("another one runs", lambda: len([pod for pod in web.pods() if kube.pod_available(pod)
                                                and pod["status"]["phase"] == "Running"]) == 3, 20)
    holds("the failed Pod and its claim stay", lambda: web.pod(names[1]) and web.claim(claim[names[1]]), 1.5)
    bed.api.delete(f"{web.pods_path}/{names[1]}")
    wait_until("until somebody deletes it", lambda: not web.claim(claim[names[1]]), 30)
    web.wait_settled(3)
    check(web.pod(names[2]) and web.claim(claim[names[2]]), "the third was touched")


@test
def the_flag_may_be_turned_at_any_time(bed):
    """A failed Pod got its claim while claims were not taken over; turned back, the claim is taken over after all."""
    shared(bed)
    space = bed.namespace("flag")
    web = bed.create(changed(cloneset("web", 1), OFF), space)
    web.wait_settled(1)
    pod, claims = web.pods()[0], uids(web.claims())
    name = pod["metadata"]["name"]
    bed.api.merge(web.path, {"spec": {"scaleStrategy": {"maxUnavailable": 0}}})  # no replacement for now
    bed.api.call("PATCH", f"{web.pods_path}/{name}/status", {"status": {"phase": "Failed"}}, "application/merge-patch+json")
    wait_until("it is the Pod's", lambda: controller_of(web.claim(f"data-vol-{name}"))["kind"] == "Pod", 15)
    bed.api.merge(web.path, {"spec": {"scaleStrategy": None}})
    wait_until("it is replaced under its name", lambda: (web.pod(name) or pod)["metadata"]["uid"] != pod["metadata"]["uid"], 30)
    web.wait_settled(1)
    check_equal(uids(web.claims(terminating=True)), claims, "claims (UIDs)")


@test
def without_reuse_free_claims_are_deleted(bed):
    """The last of them: it needs the controller's first minute to have passed."""
    program = shared(bed)
    space = bed.namespace("free")
    web = bed.create(cloneset("web", 2), space)
    web.wait_settled(2)
    claims, names = uids(web.claims()), sorted(uids(web.pods()))
    label_pod(bed, web, names[0])
    bed.api.merge(web.path, {"spec": {"replicas": 1, "scaleStrategy": {"podsToDelete": [names[0]]}}})
    wait_until("it is gone", lambda: not web.pod(names[0]), 20)
    check_equal(uids(web.claims(terminating=True)), claims, "claims (UIDs)")
    bed.api.merge(web.path, {"spec": {"scaleStrategy": {"podsToDelete": None, "disablePVCReuse": True}}})
    left = QUIET_S - (time.monotonic() - program.began)
    if left > 1:
        holds("it stays for the first minute", lambda: uids(web.claims()) == claims, left - 1)
    wait_until("the free claim is gone", lambda: not web.claim(f"data-vol-{names[0]}"), 15)
    check(web.claim(f"data-vol-{names[1]}"), "the other one went, too")
    wait_until("an event says so", lambda: any(names[0] in event["message"] for event in events(web, "SuccessfulDelete")
                                               if "pvc" in event["message"]), 10)
    if getattr(bed, "alone", None):
        other, left = bed.alone
        check(left <= set(uids(other.claims())), f"of the claims that are not ours {set(uids(other.claims()))} are left")
    for entry in bed.audit("system:serviceaccount:cloneset-system:cloneset-controller"):
        if entry["verb"] == "delete" and entry["objectRef"]["resource"] == "persistentvolumeclaims":
            check_equal(entry["objectRef"]["name"], f"data-vol-{names[0]}", "a claim that was deleted by request")
    web.wait_settled(1)
    bed.claims_controller.stop()
