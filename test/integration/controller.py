# SPDX-License-Identifier: Apache-2.0
"""The controller against the real API server, with a player instead of kubelets: what its work costs, who leads, what it
finds when it comes, and what it does about Pods and nodes that fail."""

import contextlib
import datetime
import signal
import time

import bed as beds
import kube
from harness import Failure, check, check_equal, holds, wait_until
from kube import instance_id, no_orphans, uids
from manifest import changed, cloneset

TESTS = []


def test(function):
    TESTS.append((function.__name__.replace("_", " "), function))
    return function


def start(bed, *flags, server=None):
    bed.ensure_webhook()
    bed.play_node()
    return bed.controller(*flags, server=server).start().wait_ready()


class Running:
    """A controller for the block; it must end well."""

    def __init__(self, bed, *flags, server=None):
        self.bed, self.flags, self.server = bed, flags, server

    def __enter__(self):
        self.program = start(self.bed, *self.flags, server=self.server)
        return self.program

    def __exit__(self, kind, *_):
        if kind:
            self.program.kill()
        elif self.program.alive():
            self.program.stop()


def requests_of(bed, program, namespace):
    """{verb: number} of the controller's requests for objects of this namespace, events apart."""
    count = {}
    for entry in bed.audit(f"system:serviceaccount:cloneset-system:{program}"):
        what = entry.get("objectRef", {})
        if what.get("namespace") != namespace or what.get("resource") == "events":
            continue
        key = f"{entry['verb']} {what['resource']}" + (f"/{what['subresource']}" if what.get("subresource") else "")
        count[key] = count.get(key, 0) + 1
    return count


def difference(after, before):
    return {key: value - before.get(key, 0) for key, value in after.items() if value != before.get(key, 0)}


def of_pods(counts):
    """Requests for Pods, and for claims; the set's own status and revisions do not grow with the Pods."""
    pods = sum(number for key, number in counts.items() if " pods" in key)
    return pods, sum(number for key, number in counts.items() if "persistentvolumeclaims" in key)


@test
def sets_that_were_there_first_get_their_pods(bed):
    bed.ensure_webhook()
    space = bed.namespace("first")
    first = bed.create(cloneset("web", 3), space)
    # One that broke a rule before there was a webhook is nobody's problem but its own.
    with Running(bed):
        first.wait_settled(3, timeout=30)
        no_orphans(first)


@test
def a_standby_does_not_act_and_takes_over_at_once(bed):
    space = bed.namespace("leader")
    web = bed.create(cloneset("web", 2, claims=False), space) if bed.ensure_webhook() else None
    one = start(bed)
    two = start(bed)
    try:
        web.wait_settled(2)
        holder = bed.api.get(beds.LEASE)["spec"]["holderIdentity"]
        leader, standby = (one, two) if holder in one.log() and "leadership gained" in one.log() else (two, one)
        check("leadership gained" not in standby.log(), "both lead")
        begin = time.monotonic()
        leader.stop()
        wait_until("the standby leads", lambda: "leadership gained" in standby.log(), 10, 0.05)
        took = time.monotonic() - begin
        check(took < 5, f"the hand-over after SIGTERM took {took:.1f} s")
        bed.api.merge(web.path, {"spec": {"replicas": 4}})
        web.wait_settled(4)
        third = start(bed)
        standby.kill()
        begin = time.monotonic()
        bed.api.merge(web.path, {"spec": {"replicas": 5}})
        web.wait_settled(5, timeout=40)
        check(time.monotonic() - begin < 25, f"after SIGKILL it took {time.monotonic() - begin:.1f} s")
        third.stop()
    finally:
        for program in (one, two):
            program.kill()


@contextlib.contextmanager
def unhurried(player):
    """Containers start about as fast as real ones. In the 50 ms that the player takes otherwise its report and ours meet on
    a loaded machine, and conflicts are what is counted then."""
    before, player.delay = player.delay, 0.5
    try:
        yield
    finally:
        player.delay = before


def at_rest(bed, space):
    """The controller's requests in this namespace, once no more come for a second."""
    count = requests_of(bed, "cloneset-controller", space)
    for _ in range(30):
        time.sleep(1)
        before, count = count, requests_of(bed, "cloneset-controller", space)
        if before == count:
            return count
    raise Failure(f"requests go on: {difference(count, before)}")


@test
def requests_per_pod_are_within_budget(bed):
    """D14; events apart."""
    bed.ensure_webhook()
    space = bed.namespace("budget")
    pods = 60
    with Running(bed) as program, unhurried(bed.player):
        web = bed.create(cloneset("web", pods, "nginx:alpine", claims=False, type="InPlaceIfPossible", maxUnavailable="50%"), space)
        spent = {}

        def measure(what, before):
            now = at_rest(bed, space)
            spent[what] = [number / pods for number in of_pods(difference(now, before))]
            return now

        web.wait_settled(pods, timeout=60)
        before = measure("created", {})
        bed.api.call("PATCH", web.path, [{"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": "nginx:1.25"}],
                     "application/json-patch+json")
        web.wait_settled(pods, "nginx:1.25", 90)
        before = measure("updated in place", before)
        bed.api.merge(web.path, {"spec": {"updateStrategy": {"type": "ReCreate"}, "template": {"metadata": {"labels": {"a": "b"}}}}})
        web.wait_settled(pods, timeout=120)
        before = measure("recreated", before)
        bed.api.merge(web.path, {"spec": {"replicas": 0}})
        web.wait_settled(0, timeout=60)
        before = measure("deleted", before)
        claimed = bed.create(cloneset("claimed", pods), space)
        claimed.wait_settled(pods, timeout=60)
        before = measure("created with a claim", before)
        bed.api.merge(claimed.path, {"spec": {"replicas": 0}})
        claimed.wait_settled(0, timeout=60)
        measure("deleted with a claim", before)
        memory = program.memory_kb()
    print("   requests per Pod: " + ", ".join(f"{what} {sum(values):.2f}" for what, values in spent.items()))
    print(f"   the controller's memory after {pods} Pods: {memory}")
    limits = {"created": 2.05, "updated in place": 3.1, "recreated": 4.2, "deleted": 1.0,
              "created with a claim": 3.05, "deleted with a claim": 2.0}
    for what, limit in limits.items():
        check(0 < sum(spent[what]) <= limit + 0.1, f"{what}: {sum(spent[what]):.2f} requests per Pod, {limit} are allowed ({spent})")


@test
def five_hundred_pods(bed):
    """Pace, memory, and that nothing goes on when there is nothing to do."""
    bed.ensure_webhook()
    space = bed.namespace("many")
    pods = 500
    bed.stop_webhook()
    webhook = bed.ensure_webhook()
    print(f"   the webhook idle: {webhook.memory_kb()}")
    with Running(bed) as program:
        time.sleep(1)
        print(f"   the controller without sets: {program.memory_kb()}")
        web = bed.create(cloneset("web", pods, "nginx:alpine", claims=False, type="InPlaceIfPossible", maxUnavailable="100%"), space)
        took = [timed(lambda: web.wait_settled(pods, timeout=240))]
        set_image(bed, web, "nginx:1.25")
        took.append(timed(lambda: web.wait_settled(pods, "nginx:1.25", 240)))
        memory = program.memory_kb()
        before, cpu = at_rest(bed, space), program.cpu_s()
        time.sleep(5)
        check_equal(requests_of(bed, "cloneset-controller", space), before, "requests while there is nothing to do")
        idle = program.cpu_s() - cpu
        check(idle < 0.3, f"it used {idle:.2f} s of CPU in 5 s with nothing to do")
        bed.api.merge(web.path, {"spec": {"replicas": 0}})
        took.append(timed(lambda: web.wait_settled(0, timeout=240)))
        print(f"   {pods} Pods: created in %.1f s, updated in place in %.1f s, deleted in %.1f s" % tuple(took)
              + f" (a played node); the controller with them: {memory}, idle {idle / 5 * 100:.1f} % of a CPU")
        if "address" not in program.command[0]:
            check(memory["VmRSS"] < 24 * 1024, f"memory {memory}")
        bed.api.delete(web.path)


def timed(action):
    begin = time.monotonic()
    action()
    return time.monotonic() - begin


@test
def a_toleration_of_64_bits_reaches_the_pod(bed):
    bed.ensure_webhook()
    space = bed.namespace("integers")
    big = {"key": "k", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 9223372036854775807}
    with Running(bed):
        web = bed.create(changed(cloneset("web", 1), ("spec/template/spec/tolerations", [big])), space)
        web.wait_settled(1)
        name = web.pods()[0]["metadata"]["name"]
        text = bed.api.raw("GET", f"{web.pods_path}/{name}")[1]
        check('"tolerationSeconds":9223372036854775807' in text.replace(" ", ""), "it was rounded")


@test
def names_of_others_are_struck_from_pods_to_delete(bed):
    """D16."""
    space = bed.namespace("strike")
    with Running(bed):
        web = bed.create(changed(cloneset("web", 2), ("spec/scaleStrategy", {"podsToDelete": ["somebody-else"]})), space)
        other = bed.create(cloneset("other", 1), space)
        web.wait_settled(2)
        other.wait_settled(1)
        pods = uids(web.pods() + other.pods())
        bed.api.merge(web.path, {"spec": {"scaleStrategy": {"podsToDelete": [other.pods()[0]["metadata"]["name"]]}}})
        wait_until("the list is empty", lambda: not web.get()["spec"]["scaleStrategy"].get("podsToDelete"), 15)
        wait_until("an event says so", lambda: any("somebody-else" in event["message"] for event in web.events()), 10)
        check_equal(uids(web.pods() + other.pods()), pods, "Pods (UIDs)")


@test
def a_failed_pod_with_claims_is_replaced_under_its_id(bed):
    """D1."""
    space = bed.namespace("failed")
    with Running(bed):
        web = bed.create(cloneset("web", 2), space)
        web.wait_settled(2)
        pod = web.pods()[0]
        name, claims = pod["metadata"]["name"], uids(web.claims())
        bed.api.call("PATCH", f"{web.pods_path}/{name}/status", {"status": {"phase": "Failed", "reason": "Evicted"}},
                     "application/merge-patch+json")
        wait_until("it is replaced", lambda: (web.pod(name) or pod)["metadata"]["uid"] != pod["metadata"]["uid"], 20)
        web.wait_settled(2)
        check_equal(uids(web.claims(terminating=True)), claims, "claims (UIDs)")


@test
def a_failed_pod_without_claims_is_replaced_by_another(bed):
    space = bed.namespace("evicted")
    with Running(bed):
        web = bed.create(cloneset("web", 2, claims=False), space)
        web.wait_settled(2)
        name = web.pods()[0]["metadata"]["name"]
        bed.api.call("PATCH", f"{web.pods_path}/{name}/status", {"status": {"phase": "Failed", "reason": "Evicted"}},
                     "application/merge-patch+json")

        def replaced():
            running = [pod for pod in web.pods() if kube.pod_available(pod) and pod["status"]["phase"] == "Running"]
            return len(running) == 2 and name not in uids(running)

        wait_until("another one runs", replaced, 20)


@test
def a_deleted_pod_waits_for_its_id(bed):
    """D1: while the Pod is Terminating no other one is made, and no claim is touched."""
    space = bed.namespace("waits")
    with Running(bed):
        web = bed.create(cloneset("web", 2), space)
        web.wait_settled(2)
        pod, claims = web.pods()[0], uids(web.claims())
        name = pod["metadata"]["name"]
        bed.player.hold = lambda held: held["metadata"]["uid"] == pod["metadata"]["uid"]
        try:
            bed.api.delete(f"{web.pods_path}/{name}")
            holds("no other Pod is made", lambda: len(web.pods(terminating=True)) == 2, 3)
            check_equal(uids(web.claims(terminating=True)), claims, "claims (UIDs)")
        finally:
            bed.player.hold = lambda held: False
        web.wait_settled(2)
        check(web.pod(name) and web.pod(name)["metadata"]["uid"] != pod["metadata"]["uid"], "it did not come back")
        check_equal(uids(web.claims(terminating=True)), claims, "claims (UIDs)")


@test
def a_pod_on_a_lost_node_is_replaced_under_a_fresh_id(bed):
    """D1: after deletionTimestamp + 30 s, with the node NotReady, and the old claim stays."""
    space = bed.namespace("lost")
    with Running(bed):
        web = bed.create(cloneset("web", 2), space)
        web.wait_settled(2)
        before, claims = uids(web.pods()), uids(web.claims())
        name = sorted(before)[0]
        player = bed.player
        player.hold = lambda pod: pod["metadata"]["name"] in before and pod["metadata"].get("deletionTimestamp")
        player.beating = False
        second = kube_player(bed, "second")
        try:
            bed.api.delete(f"{web.pods_path}/{name}", grace=1)
            begin = time.monotonic()

            def replaced():
                return [pod for pod in web.pods() if pod["metadata"]["name"] not in before]

            fresh = wait_until("a Pod with a fresh id", replaced, 75)
            took = time.monotonic() - begin
            check(took > 25, f"already after {took:.1f} s")
            check(instance_id(fresh[0]) not in name, "the same id")
            check(claims.items() <= uids(web.claims(terminating=True)).items(), "a claim is gone")
            wait_until("an event says so", lambda: any(name in event["message"] and event["type"] == "Warning"
                                                       for event in web.events()), 10)
            # Otherwise its Pods fail a while after their second node is removed, in the middle of another test.
            player.hold = lambda pod: False
            bed.api.delete(web.path)
            wait_until("its Pods are gone", lambda: not web.pods(terminating=True), 30)
        finally:
            player.beating = True
            player.hold = lambda pod: False
            wait_until("the node is back", lambda: kube.condition(bed.api.get("/api/v1/nodes/player"), "Ready") == "True", 20)
            second.stop()
            bed.api.delete("/api/v1/nodes/second")


def kube_player(bed, name):
    from player import Player  # pylint: disable=import-outside-toplevel

    return Player(bed.api, name).start()


@test
def a_rollback_in_the_middle_keeps_what_it_can(bed):
    space = bed.namespace("rollback")
    with Running(bed):
        web = bed.create(cloneset("web", 6, "nginx:alpine", type="InPlaceIfPossible"), space)
        web.wait_settled(6)
        pods, claims = uids(web.pods()), uids(web.claims())
        watch = kube.Watch(bed.api, web.pods_path, web.selector)
        for image in ("nginx:1.25", "nginx:alpine", "nginx:1.26", "nginx:alpine"):
            bed.api.call("PATCH", web.path, [{"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": image}],
                         "application/json-patch+json")
            time.sleep(0.7)
        web.wait_settled(6, "nginx:alpine")
        check_equal(uids(web.pods()), pods, "Pods (UIDs)")
        check_equal(uids(web.claims()), claims, "claims (UIDs)")
        lowest, _ = kube.lowest_availability(watch.stop())
        check(lowest >= 4, f"only {lowest} of 6 Pods were available; 20% of 6, rounded up, is 2")


@test
def partition_surge_and_pause_hold(bed):
    space = bed.namespace("partition")
    with Running(bed):
        web = bed.create(cloneset("web", 5, "nginx:alpine", claims=False, partition=3, maxSurge=1, maxUnavailable=0), space)
        web.wait_settled(5)
        watch = kube.Watch(bed.api, web.pods_path, web.selector)
        set_image(bed, web, "nginx:1.25")

        def images():
            return sorted(pod["spec"]["containers"][0]["image"] for pod in web.pods() if kube.pod_available(pod))

        wanted = ["nginx:1.25"] * 2 + ["nginx:alpine"] * 3
        wait_until("two are new", lambda: images() == wanted and len(web.pods(terminating=True)) == 5, 30)
        holds("three stay old", lambda: images() == wanted, 1.5)
        bed.api.merge(web.path, {"spec": {"updateStrategy": {"partition": 0, "paused": True}}})
        holds("paused", lambda: images() == wanted, 1.5)
        bed.api.merge(web.path, {"spec": {"updateStrategy": {"paused": False}}})
        web.wait_settled(5, "nginx:1.25")
        lowest, most = kube.lowest_availability(watch.stop())
        check(lowest >= 5, f"only {lowest} of 5 were available with maxUnavailable 0")
        check(most <= 6, f"{most} Pods with maxSurge 1")


def set_image(bed, which, image):
    bed.api.call("PATCH", which.path, [{"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": image}],
                 "application/json-patch+json")


@test
def revisions_beyond_the_history_limit_are_deleted(bed):
    space = bed.namespace("history")
    path = f"/apis/apps/v1/namespaces/{space}/controllerrevisions"
    with Running(bed):
        web = bed.create(changed(cloneset("web", 1, "nginx:alpine", claims=False, type="InPlaceIfPossible"),
                                 ("spec/revisionHistoryLimit", 1)), space)
        web.wait_settled(1, "nginx:alpine")
        seen = []
        for image in ("nginx:1.25", "nginx:1.26", "nginx:1.27"):
            seen.append(web.status()["updateRevision"])
            set_image(bed, web, image)
            web.wait_settled(1, image)
        kept = sorted([seen[-1], web.status()["updateRevision"]])
        wait_until(f"of the revisions only {kept} are left", lambda: sorted(uids(bed.api.items(path))) == kept, 15)


@test
def it_works_without_the_webhook(bed):
    """Design §2: the controller defaults and validates again."""
    space = bed.namespace("alone")
    bed.ensure_webhook()
    with Running(bed):
        bed.stop_webhook()
        bed.remove_entries()
        try:
            bare = cloneset("web", 2)
            del bare["spec"]["replicas"]
            web = bed.create(bare, space)
            wait_until("one Pod, the default", lambda: len([p for p in web.pods() if kube.pod_available(p)]) == 1, 20)
            bed.create(changed(cloneset("bad"), ("spec/selector", {})), space)
            bed.create(changed(cloneset("odd"), ("spec/template", "text")), space)
            bed.create(changed(cloneset("null"), ("spec/template", {"metadata": {"labels": {"app": "null"}, "annotations": None}, "spec": None})), space)
            bed.create(changed(cloneset("mount"), ("spec/volumeClaimTemplates/0/metadata/name", "x y")), space)
            good = bed.create(cloneset("good", 2), space)
            good.wait_settled(2)
        finally:
            for name in ("bad", "odd", "null", "mount"):
                bed.api.delete(f"{kube.GROUP}/namespaces/{space}/clonesets/{name}")
            bed.ensure_webhook()


@test
def deleting_the_set_takes_all_along_and_orphans_on_request(bed):
    space = bed.namespace("delete")
    with Running(bed):
        web = bed.create(cloneset("web", 3), space)
        web.wait_settled(3)
        bed.api.delete(web.path)
        wait_until("all is gone", lambda: not web.pods(terminating=True) and not web.claims(terminating=True), 30)
        keep = bed.create(cloneset("keep", 3), space)
        keep.wait_settled(3)
        pods, claims = uids(keep.pods()), uids(keep.claims())
        bed.kubectl("delete", "clone", "keep", "-n", space, "--cascade=orphan")
        holds("they stay", lambda: (uids(keep.pods()), uids(keep.claims())) == (pods, claims), 2)


@test
def a_manager_of_the_peer_makes_it_wait(bed):
    """D12: a fresh kruise-manager Lease in kruise-system."""
    bed.ensure_webhook()
    bed.play_node()
    space = bed.namespace("peer")
    path = "/apis/coordination.k8s.io/v1/namespaces/kruise-system/leases"
    bed.api.call("POST", "/api/v1/namespaces", {"metadata": {"name": "kruise-system"}})

    def renew():
        return {"holderIdentity": "peer", "leaseDurationSeconds": 15,
                "renewTime": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")}

    bed.api.call("POST", path, {"metadata": {"name": "kruise-manager"}, "spec": renew()})
    program = bed.controller().start()
    try:
        web = bed.create(cloneset("web", 1), space)
        wait_until("readyz names the peer", lambda: "kruise-manager" in program.get("/readyz")[1], 10)
        holds("no Pod is made", lambda: not web.pods(), 3)
        check("staying passive" in program.log(), "the log does not say so")
        bed.api.delete(path + "/kruise-manager")
        web.wait_settled(1, timeout=40)
        program.wait_ready()
        program.stop()
    finally:
        program.kill()
        bed.api.delete("/api/v1/namespaces/kruise-system")


@test
def pods_killed_by_hand_while_the_controller_is_away_come_back(bed):
    space = bed.namespace("away")
    with Running(bed):
        web = bed.create(cloneset("web", 4), space)
        web.wait_settled(4)
    names, claims = sorted(uids(web.pods())), uids(web.claims())
    for name in names[:3]:
        bed.api.delete(f"{web.pods_path}/{name}")
    wait_until("they are gone", lambda: len(web.pods(terminating=True)) == 1, 20)
    with Running(bed):
        web.wait_settled(4)
        check_equal(sorted(uids(web.pods())), names, "Pod names")
        check_equal(uids(web.claims()), claims, "claims (UIDs)")


@test
def sigterm_in_the_middle_of_work_ends_it_in_time(bed):
    space = bed.namespace("sigterm")
    with Running(bed) as program:
        web = bed.create(cloneset("web", 100), space)
        wait_until("it is at work", lambda: len(web.pods()) > 10, 60, 0.02)
        begin = time.monotonic()
        program.signal(signal.SIGTERM)
        check_equal(program.process.wait(15), 0, "exit code")
        check(time.monotonic() - begin < 10, f"it took {time.monotonic() - begin:.1f} s")
        check(not bed.api.get(beds.LEASE)["spec"].get("holderIdentity"), "the lease was not released")
        program.check_log()
    with Running(bed):
        web.wait_settled(100, timeout=180)
        no_orphans(web)
        bed.api.delete(web.path)
