# SPDX-License-Identifier: Apache-2.0
"""What people and tools read in the status, on the real API server: `kubectl wait`, the conditions and their messages
(docs/status.md; users U-03, U-16, U-21, U-40). What kstatus and Argo CD make of the same is test/status."""

import re
import time

from controller import Running
from harness import Failure, check, check_equal, holds, wait_until
from manifest import changed, cloneset

TESTS = []


def test(function):
    TESTS.append((function.__name__.replace("_", " "), function))
    return function


def conditions(which):
    return {found["type"]: found for found in which.status().get("conditions", [])}


def verdict(which):
    """Which of the three is True; there is always exactly one."""
    whole = which.get()
    found = {item["type"]: item["status"] for item in whole["status"].get("conditions", [])}
    true = [kind for kind in ("Ready", "Reconciling", "Stalled") if found.get(kind) == "True"]
    check(len(true) == 1, f"of Ready, Reconciling and Stalled {true} are True: {whole['status']}")
    current = whole["status"]["observedGeneration"] == whole["metadata"]["generation"]
    return true[0] if current else "unseen"


def says(which, kind, pattern):
    """The set's verdict is that condition, and its message, which Ready has as well, matches."""
    check_equal(verdict(which), kind, which.name)
    found = conditions(which)
    message = found[kind]["message"]
    check_equal(found["Ready"]["message"], message, "message of Ready")
    check(re.fullmatch(pattern, message), f"the message is {message!r}, wanted {pattern!r}")
    return True


def wait_says(which, kind, pattern, timeout=30):
    wait_until(f"{which.name} is {kind}: {pattern}", lambda: says(which, kind, pattern), timeout)


def wait_ready(bed, which, timeout=30, ok=True):
    return bed.kubectl("wait", "--for=condition=Ready", f"clone/{which.name}", "-n", which.namespace,
                       f"--timeout={timeout}s", ok=ok)


def images(which):
    return sorted(pod["spec"]["containers"][0]["image"] for pod in which.pods())


def set_image(bed, which, image, **strategy):
    container = {"name": "nginx", "image": image}
    spec = {"template": {"spec": {"containers": [container]}}}
    if strategy:
        spec["updateStrategy"] = strategy
    bed.api.merge(which.path, {"spec": spec})


@test
def before_the_controller_has_come_nothing_is_done(bed):
    bed.ensure_webhook()
    web = bed.create(cloneset("web", 1, claims=False), bed.namespace("unseen"))
    status = web.status()
    check_equal(status["observedGeneration"], -1, "observedGeneration")
    check_equal({key: value for key, value in status.items() if key.endswith("Replicas") or key == "replicas"},
                dict.fromkeys(("replicas", "readyReplicas", "availableReplicas", "updatedReplicas", "updatedReadyReplicas",
                               "updatedAvailableReplicas", "expectedUpdatedReplicas"), 0), "counters")
    check("timed out" in wait_ready(bed, web, 1, ok=False).err, "kubectl wait did not wait")
    with Running(bed):
        wait_ready(bed, web)


@test
def kubectl_wait_follows_a_set_through_its_life(bed):
    space = bed.namespace("life")
    with Running(bed):
        web = bed.create(cloneset("web", 3, "nginx:1.25", claims=False, type="InPlaceIfPossible", maxUnavailable=1), space)
        wait_ready(bed, web)
        check_equal(len(web.pods()), 3, "Pods")
        says(web, "Ready", r"all Pods are available \(3\)")

        # The wait begins before the controller has seen the edit, and must not take the old Ready for the new one.
        set_image(bed, web, "nginx:1.26")
        wait_ready(bed, web)
        check_equal(images(web), ["nginx:1.26"] * 3, "rolled")

        set_image(bed, web, "nginx:1.27", partition=2)
        wait_ready(bed, web)
        check_equal(images(web), ["nginx:1.26"] * 2 + ["nginx:1.27"], "partitioned")
        check_equal(conditions(web)["Ready"]["reason"], "PartitionReached", "reason")
        says(web, "Ready", "partition reached with 1 of 3 Pods at the update revision; all are available")

        bed.api.merge(web.path, {"spec": {"updateStrategy": {"paused": True, "partition": 0}}})
        wait_ready(bed, web)
        wait_says(web, "Ready", "paused with 1 of 3 Pods at the update revision; all are available")
        holds("it stays paused", lambda: images(web) == ["nginx:1.26"] * 2 + ["nginx:1.27"], 1)

        bed.api.merge(web.path, {"spec": {"updateStrategy": {"paused": False}}})
        wait_ready(bed, web)
        check_equal(images(web), ["nginx:1.27"] * 3, "resumed")

        bed.kubectl("scale", "clone/web", "-n", space, "--replicas=0")
        wait_ready(bed, web)
        says(web, "Ready", "no Pods are wanted, and none are there")
        check_equal(web.pods(), [], "Pods")
        check_equal(web.status()["updatedAvailableReplicas"], 0, "explicit zero")


@test
def a_rollout_that_is_stuck_says_where_and_writes_nothing_more(bed):
    """U-40, and D14: a quiet set writes nothing."""
    space = bed.namespace("stuck")
    with Running(bed):
        bed.player.broken["nginx:broken"] = "ImagePullBackOff"
        web = bed.create(cloneset("web", 3, "nginx:1.25", claims=False, type="InPlaceIfPossible", maxUnavailable=1), space)
        wait_ready(bed, web)
        set_image(bed, web, "nginx:broken")
        stuck = (r"Pod web-\w{5}: container nginx: ImagePullBackOff \(nginx:broken\); "
                 "updates that wait for updateStrategy.maxUnavailable: 2")
        wait_says(web, "Reconciling", stuck)
        check("timed out" in wait_ready(bed, web, 2, ok=False).err, "kubectl wait did not wait")
        bed.kubectl("wait", "--for=condition=Reconciling", "clone/web", "-n", space, "--timeout=5s")
        version = web.get()["metadata"]["resourceVersion"]
        holds("nothing is written", lambda: web.get()["metadata"]["resourceVersion"] == version, 3)
        # The kubelet's to and fro makes no other message, and no write.
        bed.player.broken["nginx:broken"] = "ErrImagePull"
        pod = re.search(r"web-\w{5}", conditions(web)["Ready"]["message"])[0]
        bed.api.merge(f"{web.pods_path}/{pod}", {"metadata": {"annotations": {"look": "again"}}})
        wait_until("the Pod says ErrImagePull", lambda: "ErrImagePull" in str(web.pod(pod)["status"]))
        holds("nothing is written", lambda: web.get()["metadata"]["resourceVersion"] == version, 2)
        set_image(bed, web, "nginx:1.26")
        wait_ready(bed, web)
        check_equal(images(web), ["nginx:1.26"] * 3, "mended")


@test
def a_deadline_that_passes_is_a_failure_and_a_new_template_a_new_attempt(bed):
    """Spec §7.4 beside Stalled: Progressing keeps its verdict over a new template, kstatus must not."""
    space = bed.namespace("deadline")
    with Running(bed):
        bed.player.broken["nginx:broken"] = "CrashLoopBackOff"
        manifest = changed(cloneset("web", 1, "nginx:broken", claims=False), ("spec/progressDeadlineSeconds", 3))
        web = bed.create(manifest, space)
        wait_says(web, "Reconciling", r"Pod web-\w{5}: container nginx: CrashLoopBackOff")
        progressing = conditions(web)["Progressing"]
        check_equal((progressing["status"], progressing["reason"]), ("True", "CloneSetUpdated"), "Progressing")
        begin = time.monotonic()
        bed.kubectl("wait", "--for=condition=Stalled", "clone/web", "-n", space, "--timeout=15s")
        check(time.monotonic() - begin < 8, "the deadline was not looked at in time")
        says(web, "Stalled", r"no success within progressDeadlineSeconds \(3\): Pod web-\w{5}: container nginx: CrashLoopBackOff")
        check_equal(conditions(web)["Stalled"]["reason"], "ProgressDeadlineExceeded", "reason")
        check_equal(conditions(web)["Progressing"]["reason"], "ProgressDeadlineExceeded", "reason")
        check_equal(web.status()["conditions"][-1]["type"], "Progressing", "the last condition")

        bed.player.hold = lambda pod: pod["metadata"]["namespace"] == space and not pod["spec"].get("nodeName") is None
        try:
            set_image(bed, web, "nginx:1.25")
            wait_until("a new attempt", lambda: verdict(web) == "Reconciling", 10)
            check_equal(conditions(web)["Progressing"]["reason"], "ProgressDeadlineExceeded", "Progressing stays")
            bed.kubectl("wait", "--for=condition=Stalled", "clone/web", "-n", space, "--timeout=15s")  # its own clock
        finally:
            bed.player.hold = lambda pod: False
        bed.api.merge(web.path, {"metadata": {"annotations": {"a": "b"}}})
        for pod in web.pods(terminating=True):
            bed.api.merge(f"{web.pods_path}/{pod['metadata']['name']}", {"metadata": {"annotations": {"look": "again"}}})
        wait_ready(bed, web)
        wait_until("available", lambda: conditions(web)["Progressing"]["reason"] == "CloneSetAvailable")
        bed.api.merge(web.path, {"spec": {"progressDeadlineSeconds": None}})
        wait_until("the condition goes with the field", lambda: "Progressing" not in conditions(web))


@test
def a_quota_is_named_and_forgotten_when_it_is_lifted(bed):
    """Spec §7.5, U-16, quirk 11."""
    space = bed.namespace("quota")
    path = f"/api/v1/namespaces/{space}/resourcequotas"
    bed.api.call("POST", path, {"metadata": {"name": "small"}, "spec": {"hard": {"pods": "1"}}})
    wait_until("the quota counts", lambda: bed.api.get(f"{path}/small").get("status", {}).get("used"))
    with Running(bed):
        web = bed.create(cloneset("web", 2, claims=False), space)
        wait_says(web, "Reconciling", r"create-pod web-\w{5}: .*exceeded quota: small.*")
        check_equal(conditions(web)["FailedScale"]["status"], "True", "FailedScale")
        bed.api.merge(f"{path}/small", {"spec": {"hard": {"pods": "5"}}})
        wait_ready(bed, web, 60)
        wait_until("FailedScale is gone", lambda: conditions(web)["FailedScale"]["status"] == "False")


@test
def what_the_scheduler_says_is_passed_on(bed):
    space = bed.namespace("nowhere")
    with Running(bed):
        manifest = changed(cloneset("web", 2, claims=False), ("spec/template/spec/nodeSelector", {"no": "such"}))
        web = bed.create(manifest, space)
        wait_says(web, "Reconciling", r"Pod web-\w{5} cannot be scheduled: 0/\d+ nodes are available: .*, and 1 more")


@test
def limits_are_named_with_what_waits_for_them(bed):
    """U-03: a budget that is used up does not stall in silence."""
    space = bed.namespace("limits")
    with Running(bed):
        bed.player.broken["nginx:broken"] = "ImagePullBackOff"
        manifest = changed(cloneset("web", 4, "nginx:broken", claims=False), ("spec/scaleStrategy", {"maxUnavailable": 1}))
        web = bed.create(manifest, space)
        wait_says(web, "Reconciling", r"Pod web-\w{5}: container nginx: ImagePullBackOff \(nginx:broken\); "
                  "Pods not created yet because of scaleStrategy.maxUnavailable: 3")


@test
def pods_on_their_way_out_are_counted_and_waited_for(bed):
    """terminatingReplicas; D1: the replacement waits for id and claims."""
    space = bed.namespace("leaving")
    with Running(bed):
        web = bed.create(cloneset("web", 2), space)
        wait_ready(bed, web)
        check_equal(web.status()["terminatingReplicas"], 0, "explicit zero")
        gone = web.pods()[0]["metadata"]["name"]
        bed.player.hold = lambda pod: pod["metadata"]["name"] == gone and pod["metadata"].get("deletionTimestamp")
        try:
            bed.kubectl("delete", "pod", gone, "-n", space, "--wait=false")
            wait_says(web, "Reconciling", f"Pod {gone} is Terminating; its replacement waits for its id and claims")
            status = web.status()
            check_equal((status["replicas"], status["terminatingReplicas"]), (1, 1), "replicas, terminatingReplicas")
        finally:
            bed.player.hold = lambda pod: False
        wait_ready(bed, web)
        check_equal(web.status()["terminatingReplicas"], 0, "terminatingReplicas")


@test
def without_the_webhook_broken_rules_are_told_and_acted_on_leniently(bed):
    """design §2, D15: only what leaves nothing to do stops work."""
    space = bed.namespace("invalid")
    with Running(bed):
        bed.stop_webhook()
        bed.remove_entries()
        try:
            lenient = bed.create(changed(cloneset("lenient", 1, claims=False), ("spec/revisionHistoryLimit", -1)), space)
            stopped = bed.create(changed(cloneset("stopped", 1, claims=False), ("spec/selector/matchLabels/app", "x")), space)
            wait_ready(bed, lenient)
            says(lenient, "Ready", r"all Pods are available \(1\); the spec breaks rules of admission: "
                 "spec.revisionHistoryLimit: Invalid value: -1: .*")
            wait_says(stopped, "Stalled", "spec.selector does not match spec.template.metadata.labels: nothing is done .*")
            check_equal(conditions(stopped)["Stalled"]["reason"], "InvalidSpec", "reason")
            check_equal(stopped.status()["observedGeneration"], 1, "observedGeneration")
            for which in (lenient, stopped):
                wait_until("an event", lambda which=which: "InvalidSpec" in {event["reason"] for event in which.events()})
            check_equal(len([event for event in lenient.events() if event["reason"] == "InvalidSpec"]), 1, "events")
            impossible = bed.create(cloneset("impossible", 1, claims=False, type="InPlaceOnly"), space)
            wait_ready(bed, impossible)
            bed.api.merge(impossible.path, {"spec": {"template": {"spec": {"hostNetwork": True}}}})
            wait_says(impossible, "Stalled", r"find Pod impossible-\w{5} update strategy is InPlaceOnly but can not update "
                      r"in-place \(spec.template.spec.hostNetwork\)")
            bed.api.merge(impossible.path, {"spec": {"template": {"spec": {"hostNetwork": None}}}})
            wait_ready(bed, impossible)
            wait_until("FailedUpdate is gone", lambda: conditions(impossible)["FailedUpdate"]["status"] == "False")
        finally:
            bed.ensure_webhook()


@test
def a_watcher_never_sees_two_verdicts_nor_a_done_set_that_is_not(bed):
    """Every state that the server ever had, over a life with edits."""
    space = bed.namespace("watched")
    import kube  # pylint: disable=import-outside-toplevel

    with Running(bed):
        watch = kube.Watch(bed.api, f"{kube.GROUP}/namespaces/{space}/clonesets")
        web = bed.create(cloneset("web", 4, "nginx:1.25", claims=False, type="InPlaceIfPossible", maxUnavailable=2), space)
        wait_ready(bed, web)
        set_image(bed, web, "nginx:1.26")
        wait_ready(bed, web)
        bed.kubectl("scale", "clone/web", "-n", space, "--replicas=6")
        wait_ready(bed, web)
        history = watch.stop()
    times = []
    for event in history:
        status, spec = event.obj["status"], event.obj["spec"]
        found = {item["type"]: item["status"] for item in status.get("conditions", [])}
        if status["observedGeneration"] != event.obj["metadata"]["generation"]:
            continue
        true = [kind for kind in ("Ready", "Reconciling", "Stalled") if found.get(kind) == "True"]
        check(len(true) == 1, f"{true} are True in {status}")
        done = status["replicas"] == status["updatedAvailableReplicas"] == status["availableReplicas"] == spec["replicas"]
        check((true == ["Ready"]) == done, f"{true} with {status}")
        check(status["replicas"] > 0, f"Argo CD takes this for health: {status}")
        times.append(event.at)
    # D14: at most five status writes a second.
    for first, sixth in zip(times, times[6:]):
        if sixth - first < 0.95:
            raise Failure(f"six status writes within {sixth - first:.2f} s")
