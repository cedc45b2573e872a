# SPDX-License-Identifier: Apache-2.0
"""What happens when the API server or the network does not do as it should: through a proxy that plays tricks, by killing
the API server, and by killing the controller at bad moments."""

import random
import signal
import time

import bed as beds
import kube
from controller import Running, set_image, start
from harness import check, check_equal, wait_until
from kube import no_orphans, uids
from manifest import cloneset

TESTS = []


def test(function):
    TESTS.append((function.__name__.replace("_", " "), function))
    return function


def through_proxy(bed):
    bed.ensure_webhook()
    bed.play_node()
    return bed.proxy()


def whole_life(bed, space, name="web", pods=8, spare=0):
    """Creation, in-place update, recreation, scale-in and scale-out; no claim may be lost or doubled on the way.

    spare: so many Pods and claims too many are tolerated."""
    web = bed.create(cloneset(name, pods, "nginx:alpine", type="InPlaceIfPossible", maxUnavailable="50%"), space)
    watch = kube.Watch(bed.api, web.pods_path, web.selector)
    web.wait_settled(pods, timeout=90)
    uid_pods, claims = uids(web.pods()), uids(web.claims())
    check(pods <= len(claims) <= pods + spare, f"{len(claims)} claims for {pods} Pods")
    set_image(bed, web, "nginx:1.25")
    web.wait_settled(pods, "nginx:1.25", 90)
    check_equal(uids(web.pods()), uid_pods, "Pods after the update in place (UIDs)")
    check_equal(uids(web.claims()), claims, "claims after the update in place (UIDs)")
    victim = sorted(uid_pods)[0]
    bed.api.delete(f"{web.pods_path}/{victim}")
    if not spare:  # with spare claims another vacancy may be filled first
        wait_until(f"{victim} is back", lambda: (web.pod(victim) or {"metadata": {"uid": uid_pods[victim]}})["metadata"]["uid"]
                   != uid_pods[victim], 60)
    web.wait_settled(pods, "nginx:1.25", 90)
    check_equal(uids(web.claims()), claims, "claims after a Pod was deleted (UIDs)")
    bed.api.merge(web.path, {"spec": {"updateStrategy": {"type": "ReCreate"}, "replicas": pods - 3}})
    web.wait_settled(pods - 3, timeout=90)
    set_image(bed, web, "nginx:1.26")
    web.wait_settled(pods - 3, "nginx:1.26", 120)
    bed.api.merge(web.path, {"spec": {"replicas": pods}})
    web.wait_settled(pods, "nginx:1.26", 90)
    wait_until("claims and Pods are pairs", lambda: no_orphans(web, spare), 60)
    _, most = kube.lowest_availability(watch.stop())
    check(most <= pods + spare, f"{most} Pods at once, {pods} are wanted")
    return web


@test
def conflicts_are_taken_in_stride(bed):
    """A third of all writes gets a 409; no Failed… condition comes of it (U-16)."""
    proxy = through_proxy(bed)
    space = bed.namespace("conflicts")
    rule = proxy.rule(r"^(PATCH|DELETE|PUT) .*/(pods|persistentvolumeclaims|clonesets|controllerrevisions)/", every=3, status=409)
    with Running(bed, server=proxy.url):
        web = whole_life(bed, space)
        check(rule.struck > 20, f"the fault struck {rule.struck} times only")
        failed = [c for c in web.status().get("conditions", []) if c["type"].startswith("Failed") and c["status"] == "True"]
        check(not failed, f"conditions {failed}")


@test
def retry_after_is_honoured(bed):
    proxy = through_proxy(bed)
    space = bed.namespace("throttled")
    with Running(bed, server=proxy.url):
        web = bed.create(cloneset("web", 1, claims=False), space)
        web.wait_settled(1)
        rule = proxy.rule(rf"^POST .*/{space}/pods", times=3, status=429, retry_after=2)
        begin = time.monotonic()
        bed.api.merge(web.path, {"spec": {"replicas": 2}})
        web.wait_settled(2)
        check_equal(rule.struck, 3, "requests that were refused")
        gaps = [b - a for a, b in zip(rule.at, rule.at[1:])]
        check(all(gap >= 1.9 for gap in gaps), f"asked again after {gaps} s instead of 2")
        check(time.monotonic() - begin < 30, f"it took {time.monotonic() - begin:.1f} s")


@test
def writes_in_doubt_are_not_done_twice(bed):
    """D5e: a fifth of the writes is done, and the answer lost."""
    proxy = through_proxy(bed)
    space = bed.namespace("doubt")
    proxy.rule(rf"^POST .*/{space}/controllerrevisions", times=1, lost="after")  # there are few: one of them in any case
    rule = proxy.rule(r"^(POST|PATCH|DELETE) .*/(pods|persistentvolumeclaims|controllerrevisions|clonesets)", every=5, lost="after")
    with Running(bed, server=proxy.url):
        whole_life(bed, space)
        check(rule.struck > 10, f"the fault struck {rule.struck} times only")


@test
def lost_requests_are_sent_again(bed):
    proxy = through_proxy(bed)
    space = bed.namespace("lost-requests")
    rule = proxy.rule(r"^\w+ .*/(pods|persistentvolumeclaims|controllerrevisions|clonesets)", every=6, lost="before")
    with Running(bed, server=proxy.url):
        whole_life(bed, space)
        check(rule.struck > 10, f"the fault struck {rule.struck} times only")


@test
def errors_of_the_server_are_survived(bed):
    proxy = through_proxy(bed)
    space = bed.namespace("errors")
    rules = [proxy.rule(r"^\w+ ", every=7, status=500), proxy.rule(r"^\w+ ", every=9, status=503, retry_after=1),
             proxy.rule(r"^(GET|POST|PATCH) ", every=11, cut=40)]
    with Running(bed, server=proxy.url):
        whole_life(bed, space, pods=6)
        for rule in rules:
            check(rule.struck > 5, f"a fault struck {rule.struck} times only")


WATCHED = ("clonesets", "pods", "persistentvolumeclaims", "controllerrevisions", "nodes")


@test
def broken_and_expired_watches_are_resumed(bed):
    """Every watch breaks and cannot go on from where it was: told so by an event, twice, and by the answer itself."""
    proxy = through_proxy(bed)
    space = bed.namespace("watches")
    with Running(bed, server=proxy.url) as program:
        web = bed.create(cloneset("web", 3), space)
        web.wait_settled(3)
        for replicas, fault in ((4, {"watch_status": 410}), (5, {"watch_status": 410}), (2, {"status": 410})):
            # Once each: the pauses double with every failure that follows another within seconds.
            rules = [proxy.rule(rf"^GET .*/{resource}\?.*watch=", times=1, **fault) for resource in WATCHED]
            proxy.break_all()
            bed.api.merge(web.path, {"spec": {"replicas": replicas}})
            web.wait_settled(replicas, timeout=90)
            wait_until("all watches were opened again", lambda: all(rule.struck for rule in rules), 60)
        wait_until("claims and Pods are pairs", lambda: no_orphans(web), 30)
        check(program.alive(), "it ended")


@test
def slow_answers_do_not_lead_to_more_pods(bed):
    proxy = through_proxy(bed)
    space = bed.namespace("slow")
    late = proxy.rule(rf"^POST .*/{space}/pods", times=2, delay=6.0)  # longer than the client waits: D12
    slow = proxy.rule(r"^(POST|PATCH|DELETE) ", every=4, delay=1.0)
    with Running(bed, server=proxy.url):
        whole_life(bed, space, pods=4)
        check(late.struck == 2 and slow.struck > 5, f"the faults struck {late.struck} and {slow.struck} times")


@test
def the_api_server_goes_and_comes_back(bed):
    bed.ensure_webhook()
    space = bed.namespace("restart")
    with Running(bed) as program:
        web = bed.create(cloneset("web", 20, "nginx:alpine", type="InPlaceIfPossible", maxUnavailable="30%"), space)
        web.wait_settled(20)
        pods, claims = uids(web.pods()), uids(web.claims())
        set_image(bed, web, "nginx:1.25")
        wait_until("the rollout has begun", lambda: web.status().get("updatedReplicas", 0) >= 2, 20, 0.05)
        bed.api_server_away(3)
        begin = time.monotonic()
        wait_until("it settles", lambda: kube.reachable(lambda: web.settled(20, "nginx:1.25")), 90)
        check(time.monotonic() - begin < 60, f"it took {time.monotonic() - begin:.0f} s")
        check_equal(uids(web.pods()), pods, "Pods (UIDs)")
        check_equal(uids(web.claims()), claims, "claims (UIDs)")
        check(program.alive(), "it ended")
        bed.wait_registered()


@test
def compaction_while_it_could_not_watch(bed):
    """etcd forgets the versions between; the watches cannot be resumed."""
    proxy = through_proxy(bed)
    space = bed.namespace("compaction")
    with Running(bed, server=proxy.url) as program:
        web = bed.create(cloneset("web", 3), space)
        web.wait_settled(3)
        away = proxy.rule(r".", lost="before")
        proxy.break_all()
        names = sorted(uids(web.pods()))
        bed.api.delete(f"{web.pods_path}/{names[0]}")
        for number in range(30):
            bed.api.merge(web.path, {"metadata": {"annotations": {"n": str(number)}}})
        bed.compact()
        # Its cache of versions begins anew as well.
        bed.api_server_away(0)
        wait_until("the API server is back", lambda: kube.reachable(lambda: bed.api.find(web.path)), 60)
        bed.api.merge(web.path, {"spec": {"replicas": 5}})
        with proxy.lock:
            proxy.rules.remove(away)
        web.wait_settled(5, timeout=90)
        check(set(names) <= set(uids(web.pods())), "the deleted Pod did not come back under its name")
        no_orphans(web)
        check(program.alive(), "it ended")


@test
def killed_again_and_again_in_the_middle_of_everything(bed):
    """kill -9 at random moments of creation, update, recreation and scaling; no claim is lost, no id is used twice."""
    bed.ensure_webhook()
    bed.play_node()
    space = bed.namespace("killed")
    dice = random.Random(20)
    web = bed.create(cloneset("web", 10, "nginx:alpine", type="InPlaceIfPossible", maxUnavailable=3), space)
    watch = kube.Watch(bed.api, web.pods_path, web.selector)

    def torment(until, number):
        """Starts controllers and kills them; the last one is let live."""
        for _ in range(number):
            program = bed.controller("--leader-elect=false").start()
            time.sleep(dice.uniform(0.15, 0.9))
            check(program.alive(), f"it ended by itself: {program.tail()}")
            program.kill()
            program.check_log()
        with Running(bed, "--leader-elect=false"):
            until()

    torment(lambda: web.wait_settled(10, timeout=60), 5)
    pods, claims = uids(web.pods()), uids(web.claims())
    no_orphans(web)
    set_image(bed, web, "nginx:1.25")
    torment(lambda: web.wait_settled(10, "nginx:1.25", 60), 6)
    check_equal(uids(web.pods()), pods, "Pods after the update in place (UIDs)")
    check_equal(uids(web.claims()), claims, "claims after the update in place (UIDs)")
    bed.api.merge(web.path, {"spec": {"updateStrategy": {"type": "ReCreate"}}})
    set_image(bed, web, "nginx:1.26")
    torment(lambda: web.wait_settled(10, "nginx:1.26", 90), 8)
    wait_until("claims and Pods are pairs", lambda: no_orphans(web), 30)
    for replicas in (4, 9):
        bed.api.merge(web.path, {"spec": {"replicas": replicas}})
        torment(lambda n=replicas: web.wait_settled(n, "nginx:1.26", 60), 4)
        wait_until("claims and Pods are pairs", lambda: no_orphans(web), 30)
    _, most = kube.lowest_availability(watch.stop())
    check(most <= 10, f"{most} Pods at once")


@test
def two_that_both_believe_to_lead_do_no_harm(bed):
    """D7, D2: the same names, and preconditions on all that destroys. Spare claims may stay, for a scale-out."""
    bed.ensure_webhook()
    bed.play_node()
    space = bed.namespace("two")
    one, two = start(bed, "--leader-elect=false"), start(bed, "--leader-elect=false")
    try:
        whole_life(bed, space, pods=8, spare=4)
        one.stop()
        two.stop()
    finally:
        one.kill()
        two.kill()


@test
def a_paused_leader_does_not_write_after_its_lease(bed):
    """D12: stopped for longer than its lease, it finds another leader and steps down."""
    proxy = through_proxy(bed)
    space = bed.namespace("fence")
    web = bed.create(cloneset("web", 2, claims=False), space)
    one = start(bed, server=proxy.url)
    wait_until("it leads", lambda: "leadership gained" in one.log(), 10)
    web.wait_settled(2)
    two = start(bed)
    try:
        one.signal(signal.SIGSTOP)
        wait_until("the other one leads", lambda: "leadership gained" in two.log(), 60)
        holder = bed.api.get(beds.LEASE)["spec"]["holderIdentity"]
        bed.api.merge(web.path, {"spec": {"replicas": 5}})
        web.wait_settled(5)
        before = len(proxy.requests)
        one.signal(signal.SIGCONT)
        wait_until("it knows that it leads no more", lambda: "leadership lost" in one.log(), 30)
        bed.api.merge(web.path, {"spec": {"replicas": 3}})
        web.wait_settled(3)
        check_equal(bed.api.get(beds.LEASE)["spec"]["holderIdentity"], holder, "holder of the lease")
        written = [text for _, text, status in proxy.requests[before:] if status // 100 == 2 and not text.startswith("GET ")]
        check(not written, f"the first one wrote after its time: {written}")
        one.stop()
        two.stop()
    finally:
        one.signal(signal.SIGCONT)
        one.kill()
        two.kill()
