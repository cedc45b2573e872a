# SPDX-License-Identifier: Apache-2.0
"""What breaks. Each fault is a context around one change of the user: it yields what strikes once the change has been asked
for, and checks at its end that it did strike, in the middle of the work where the moment matters."""

import contextlib
import time

from harness import check, wait_until

KILLS = 3


def in_the_middle(work):
    """Not all of it was done yet. Read right after the blow."""
    return work.done() < work.total


@contextlib.contextmanager
def controller_killed(bench, work):
    """kill -9, again and again; the last one lives."""
    middle = []

    def strike():
        for _ in range(KILLS):
            bench.wait_begun(work, min(work.total, max(work.done() + 1, 1)))
            check(bench.program.alive(), f"it ended by itself: {bench.program.tail()}")
            bench.program.kill()
            middle.append(in_the_middle(work))
            bench.struck_at(work)
            bench.program.check_log()
            bench.restart()
            time.sleep(bench.dice.uniform(0.0, 0.3))

    yield strike
    check(any(middle), "it was killed only after all was done")


@contextlib.contextmanager
def webhook_killed(bench, work):
    """The controller needs no webhook, and what users ask for waits until it is back."""
    bed = bench.bed

    def strike():
        bench.wait_begun(work)
        bed.webhook.kill()
        check(in_the_middle(work), "the webhook was killed after all was done")
        bench.struck_at(work)
        bench.settle()
        bed.webhook = bed.start_webhook().start()
        bench.edit({"minReadySeconds": 0})

    yield strike
    bed.webhook.wait_ready()
    bed.wait_registered()


def component_killed(bench, work, part, longest, meanwhile=lambda: None):
    """kill -9 of a part of the cluster; it is started again after a while."""
    cluster = bench.bed.cluster

    def struck():
        bench.struck_at(work)
        meanwhile()

    def strike():
        bench.wait_begun(work)
        before = cluster.component("pid", part).strip()
        bench.bed.away(part, bench.dice.uniform(0, longest), struck)
        check(before and cluster.component("pid", part).strip() not in ("", before), f"{part} was not killed")

    return strike


@contextlib.contextmanager
def api_server_killed(bench, work):
    yield component_killed(bench, work, "apiserver", 2)
    check(bench.program.alive(), f"it ended: {bench.program.tail()}")


@contextlib.contextmanager
def etcd_killed(bench, work):
    yield component_killed(bench, work, "etcd", 2)
    check(bench.program.alive(), f"it ended: {bench.program.tail()}")


@contextlib.contextmanager
def history_compacted(bench, work):
    """It cannot reach the server while everything changes; then etcd forgets the versions between and the server's memory
    of them is gone, too."""
    proxy, bed = bench.proxy, bench.bed

    def strike():
        bench.wait_begun(work)
        bench.struck_at(work)
        away = proxy.rule(r".", lost="before")
        proxy.break_all()
        for number in range(30):
            bed.api.merge(bench.web.path, {"metadata": {"annotations": {"noise": str(number)}}})
        bed.compact()
        bed.api_server_away(0)
        wait_until("it asks for the rest", lambda: away.struck > 3, 30)
        proxy.clear()

    yield strike


@contextlib.contextmanager
def connections_cut(bench, work):
    """Requests are lost before or after they are done, answers and watches end in the middle of a word."""
    proxy = bench.proxy
    of_ours = r".*/(pods|persistentvolumeclaims|clonesets|controllerrevisions)"
    rules = [proxy.rule(rf"^(POST|PATCH|DELETE) {of_ours}", every=5, lost="after"),
             proxy.rule(rf"^(GET|POST|PATCH|DELETE) {of_ours}/[^?]*$", every=4, lost="before"),
             proxy.rule(r"^(POST|PATCH) ", every=7, cut=bench.dice.randint(1, 200)),
             proxy.rule(r"watch=", every=2, times=6, cut_watch=bench.dice.randint(1, 20000))]

    def strike():
        for _ in range(3):
            bench.wait_begun(work, 1)
            proxy.break_all()
            bench.struck_at(work)
            time.sleep(bench.dice.uniform(0.2, 0.8))

    yield strike
    proxy.clear()
    for rule in rules:
        check(rule.struck, f"the fault {rule.pattern.pattern} never struck")


@contextlib.contextmanager
def answers_delayed(bench, work):
    """Some by more than the client waits: they land after it has given up (D5e)."""
    proxy = bench.proxy
    late = proxy.rule(r"^(POST|DELETE|PATCH) .*/pods", every=4, times=3, delay=6.0)
    slow = proxy.rule(r"^\w+ ", every=3, delay=bench.dice.uniform(0.2, 1.0))
    yield lambda: bench.wait_begun(work, 1)
    proxy.clear()
    check(late.struck and slow.struck, f"the faults struck {late.struck} and {slow.struck} times")


@contextlib.contextmanager
def connections_frozen(bench, work):
    """Watches bring nothing, then requests do not arrive either; nothing ends. Later all of it goes on its way."""
    proxy = bench.proxy
    before = dict(proxy.held)

    def strike():
        bench.wait_begun(work, 1)
        proxy.freeze()
        bench.struck_at(work)
        time.sleep(bench.dice.uniform(1, 3))
        proxy.freeze(calls=True)
        time.sleep(bench.dice.uniform(1, 6))
        proxy.thaw()

    yield strike
    check(proxy.held["watch"] > before["watch"], "no watch had anything to bring while it was frozen")


@contextlib.contextmanager
def errors_answered(bench, work):
    proxy = bench.proxy
    of_ours = r"^(POST|PATCH|DELETE) .*/(pods|persistentvolumeclaims|clonesets)"
    rules = [proxy.rule(of_ours, every=4, status=status, retry_after=after) for status, after in
             ((409, None), (500, None), (503, 1), (429, 1))]
    yield lambda: bench.wait_begun(work, 1)
    proxy.clear()
    for rule in rules:
        check(rule.struck, f"no request was answered with {rule.status}")


@contextlib.contextmanager
def two_controllers(bench, work):
    """Election is off in both, by mistake."""
    del work
    second = bench.bed.controller("--leader-elect=false").start().wait_ready()
    try:
        yield lambda: None
        check(bench.program.alive() and second.alive(), "one of them ended")
        for program in (bench.program, second):
            check(program.metric("rest_client_requests_total", method="PATCH"), f"{program.log_path}: it did nothing")
        second.stop()
    finally:
        second.kill()


# ---- with a real node


@contextlib.contextmanager
def kubelet_killed(bench, work):
    """The containers go on. What the controller has asked for waits for the next kubelet."""
    yield component_killed(bench, work, "kubelet1", 5,
                           lambda: check(bench.unfinished(), "the kubelet was killed after all was done"))


@contextlib.contextmanager
def containerd_killed(bench, work):
    """The containers go on: their shims do not need it."""
    yield component_killed(bench, work, "containerd1", 5)
