# SPDX-License-Identifier: Apache-2.0
"""Faults that are no blow at one moment: who leads, clocks that jump, logs that nobody takes, noise."""

import contextlib
import ctypes
import fcntl
import os
import re
import signal
import subprocess
import tempfile
import threading
import time

import bed as beds
import kube
from harness import Skip, check, check_equal, progress, wait_until

LEASE_S = 15  # the lease's duration; its holder stops writing 10 s after it began the last renewal (D12)
FENCE_S = 10
GRACE = "apps.kruise.io/inplace-update-grace"
FAKETIME = "/usr/lib/{}/faketime/libfaketime.so.1"


# ---- leadership

class Contender:
    """A controller that takes part in the election, behind a proxy that tells when it wrote."""

    def __init__(self, bench, env=None):
        self.proxy = bench.bed.proxy()
        self.program = bench.bed.controller(server=self.proxy.url, env=env).start()

    def leads(self):
        gained, lost = (self.program.log().rfind(text) for text in ("leadership gained", "leadership lost"))
        return gained > lost

    def writes(self, since):
        """When its writes of Pods, claims, sets and revisions were answered."""
        return [at for at, text, status in list(self.proxy.requests) if at >= since and status // 100 == 2
                and not text.startswith("GET ") and not re.search(r"/(leases|events)\b", text)]

    def renewed(self):
        """When its last renewal was answered."""
        found = [at for at, text, status in list(self.proxy.requests) if status // 100 == 2 and "/leases" in text
                 and not text.startswith("GET ")]
        return found[-1]

    def first_write(self, since, timeout=60):
        """Seconds from `since` on."""
        return wait_until("the other one writes", lambda: self.writes(since), timeout, 0.02)[0] - since


@contextlib.contextmanager
def half_done(bench):
    """A rollout of which something is done and most is not, so that whoever leads next has something to write at once."""
    bench.judge.round()
    work = bench.in_place()
    work.begin()
    bench.wait_begun(work, 1)
    yield
    bench.settle()
    bench.judge.verdict()


def lease_that_cannot_be_renewed(bench, one, two):
    """Seconds from the last renewal to the first write of the next leader. In between nobody writes."""
    blocked = one.proxy.rule(r"^(PATCH|PUT) .*/leases/", lost="before")
    wait_until("no renewal has gone through", lambda: blocked.struck, 20)
    renewed = one.renewed()
    wait_until("it knows that it leads no more", lambda: "leadership lost" in one.program.log(), 40, 0.05)
    lost = time.monotonic()
    bench.judge.round()
    bench.in_place().begin()
    took = two.first_write(renewed)
    bench.settle()
    bench.judge.verdict()
    check(lost - renewed < FENCE_S + 2, f"it stopped {lost - renewed:.1f} s after its last renewal")
    late = [at - renewed for at in one.writes(lost + 0.1)]
    check(not late, f"it wrote {late} s after its last renewal")
    one.proxy.clear()
    return took


def leaders(bench):
    """A lease that cannot be renewed; then SIGTERM and kill -9 of the leader in the middle of rollouts."""
    bench.stop()
    one = Contender(bench)
    one.program.wait_ready()
    wait_until("it leads", one.leads, 20)
    two = Contender(bench)
    two.program.wait_ready()
    expired = lease_that_cannot_be_renewed(bench, one, two)
    wait_until("the first one looks at the lease again", lambda: one.proxy.requests[-1][2] == 200, 20)
    with half_done(bench):
        begin = time.monotonic()
        two.program.signal(signal.SIGTERM)
        term = one.first_write(begin)
        two.program.end(20)
        check_equal(two.program.process.returncode, 0, "exit code after SIGTERM")
    three = Contender(bench)
    three.program.wait_ready()
    wait_until("the standby has looked at the lease twice",
               lambda: len([1 for _, text, _ in three.proxy.requests if "/leases/" in text]) > 1, 20)
    with half_done(bench):
        begin = time.monotonic()
        one.program.kill()
        killed = three.first_write(begin)
    three.program.stop()
    bench.restart()
    progress(f"first write of the next leader: {term:.2f} s after SIGTERM, {killed:.2f} s after kill -9, "
             f"{expired:.2f} s after the last renewal of a lease that could not be renewed; the lease lasts {LEASE_S} s")
    check(term <= 2, f"the next leader wrote {term:.2f} s after SIGTERM")
    # Killed right after a renewal; what is read before the first decision (D12) is read within the lease, too.
    check(killed <= LEASE_S, f"the next leader wrote {killed:.2f} s after kill -9")


# ---- clocks

class Clock:
    """The wall clock that a program sees; the clock that counts time goes on as it is, as when an administrator sets the time."""

    def __init__(self, folder):
        machine = subprocess.run(["gcc", "-print-multiarch"], stdout=subprocess.PIPE, text=True, check=False).stdout.strip()
        library = FAKETIME.format(machine)
        if not os.path.exists(library):
            raise Skip(f"there is no {library}: please run tools/deps.sh test")
        self.path = os.path.join(folder, "clock")
        self.set(0)
        self.env = {"LD_PRELOAD": library, "FAKETIME_DONT_FAKE_MONOTONIC": "1", "FAKETIME_NO_CACHE": "1",
                    "FAKETIME_TIMESTAMP_FILE": self.path}

    def set(self, seconds):
        with open(self.path + ".new", "w", encoding="utf-8") as file:
            file.write(f"{seconds:+d}\n")
        os.rename(self.path + ".new", self.path)


def clocks(bench):
    """The clock of controller and webhook jumps by hours, there and back, in the middle of rollouts. Leases count by the clock
    that does not jump: the leader stays the leader. Nothing waits for hours, and nothing is lost."""
    with tempfile.TemporaryDirectory(prefix="cloneset-clock-") as folder:
        clock = Clock(folder)
        bench.stop()
        contender = Contender(bench, clock.env)
        bench.program = contender.program
        contender.program.wait_ready()
        wait_until("it leads", contender.leads, 20)
        bench.bed.stop_webhook()
        bench.bed.webhook = bench.bed.start_webhook(env=clock.env).start()
        bench.bed.webhook.wait_ready()
        bench.bed.wait_registered()
        bench.edit({"updateStrategy": {"inPlaceUpdateStrategy": {"gracePeriodSeconds": 2}}})
        for jump, kind in ((-3600, "in"), (7200, "scale"), (0, "in"), (-86400, "re"), (0, "lost")):
            bench.judge.round()
            work = bench.work(kind)
            work.begin()
            if kind == "in":  # between the closed gate and the new image there is a time to wait for
                wait_until("a grace period has begun", lambda: any(GRACE in pod["metadata"].get("annotations", {})
                                                                   for pod in bench.pods().values()), 20, 0.01)
            else:
                bench.wait_begun(work, 0 if kind == "lost" else 1)
            clock.set(jump)
            bench.settle()
            bench.judge.verdict()
            wait_until("the lease shows the jump", lambda j=jump: abs(seconds_ahead(bench) - j) < 30, 20)
            check("leadership lost" not in contender.program.log(), f"{jump} s: it lost its lease")
            check(bench.bed.accepts_nonsense(False), f"{jump} s: admission refuses nothing any more")
        check(contender.program.alive() and bench.bed.webhook.alive(), "one of them ended")
        bench.edit({"updateStrategy": {"inPlaceUpdateStrategy": None}})
        bench.bed.stop_webhook()
        bench.bed.ensure_webhook()
        bench.restart()


def seconds_ahead(bench):
    """How far the clock that wrote the lease is ahead of ours."""
    text = bench.bed.api.get(beds.LEASE)["spec"]["renewTime"]
    return beds.parse_time(text) - time.time()


# ---- logs

@contextlib.contextmanager
def full_device():
    """Every write fails with ENOSPC."""
    with open("/dev/full", "wb", buffering=0) as file:
        yield file, lambda: True


@contextlib.contextmanager
def full_disk():
    """A file on a file system without room."""
    if os.geteuid():
        raise Skip("mounting a file system needs root")
    with tempfile.TemporaryDirectory(prefix="cloneset-full-") as folder:
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", folder], check=True)
        try:
            with open(os.path.join(folder, "filler"), "wb", buffering=0) as filler, contextlib.suppress(OSError):
                while True:
                    filler.write(bytes(4096))
            with open(os.path.join(folder, "log"), "ab", buffering=0) as file:
                yield file, lambda: os.fstat(file.fileno()).st_size == 0
        finally:
            subprocess.run(["umount", "-l", folder], check=True)


@contextlib.contextmanager
def stuck_pipe():
    """Whoever reads it does not."""
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
    try:
        with os.fdopen(writer, "wb", buffering=0) as file:
            file.write(bytes(4096))
            yield file, lambda: unread(reader) == 4096
    finally:
        os.close(reader)


def unread(fd):
    number = ctypes.c_int()
    fcntl.ioctl(fd, 0x541B, number)  # FIONREAD
    return number.value


@contextlib.contextmanager
def closed_pipe():
    """Nobody reads it any more."""
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb", buffering=0) as file:
        yield file, lambda: True


SINKS = [full_device, full_disk, stuck_pipe, closed_pipe]


def logs(bench):
    """Both programs can write no log. They decide and admit as ever, and end when they are told to."""
    bed, skipped = bench.bed, []
    bed.stop_webhook()
    for sink, kind in zip(SINKS, ("in", "scale", "re", "scale")):
        bench.stop()
        try:
            with sink() as (file, still_full):
                bench.judge.round()
                bed.webhook = bed.start_webhook("-v=5").start(file)
                bench.program = bed.controller("--leader-elect=false", "-v=5", server=bench.proxy.url).start(file)
                bed.webhook.wait_ready()
                bed.wait_registered()
                work = bench.work(kind)
                work.begin()
                bench.settle()
                bench.judge.verdict()
                check_equal(bench.program.get("/healthz")[0], 200, f"{sink.__name__}: healthz")
                check(still_full(), f"{sink.__name__}: there was room for the log after all")
                for program in (bench.program, bed.webhook):
                    check(program.stop(10) < 10, f"{sink.__name__}: {program.name} did not end")
        except Skip as skip:
            skipped.append(str(skip))
    bench.program = bed.webhook = None
    bed.ensure_webhook()
    bench.restart()
    for why in skipped:
        progress(f"left out: {why}")


# ---- noise

NOISE = 10000
CROWD = 100


def crowd(bench):
    """Pods and claims of others that carry an id label, so that our watches bring them; their paths."""
    api, space = bench.bed.api, bench.bed.namespace("noise")
    core = f"/api/v1/namespaces/{space}"
    paths = []
    for number in range(CROWD):
        labels = {"app": "web", kube.ID_LABEL: f"n{number:04d}"}
        pod = {"metadata": {"name": f"web-n{number:04d}", "labels": labels},
               "spec": {"schedulerName": "nobody", "containers": [{"name": "c", "image": "nginx:alpine"}]}}
        claim = {"metadata": {"name": f"data-vol-web-n{number:04d}", "labels": labels},
                 "spec": {"accessModes": ["ReadWriteOnce"], "storageClassName": "",
                          "resources": {"requests": {"storage": "1Gi"}}}}
        for resource, body in (("pods", pod), ("persistentvolumeclaims", claim)):
            api.call("POST", f"{core}/{resource}", body)
            paths.append(f"{core}/{resource}/{body['metadata']['name']}")
    return paths


def noise(bench):
    """10,000 changes of Pods and claims that are nobody's, which our watches all bring: our set is served meanwhile, and
    memory does not grow with them."""
    paths = crowd(bench)
    bench.judge.round()
    program, sent, stop = bench.program, [], threading.Event()
    before = program.memory_kb()["RssAnon"]

    def shout(share):
        number = 0
        while not stop.is_set():
            number += 1
            for path in share:
                if kube.reachable(lambda p=path, n=number: bench.bed.api.merge(p, {"metadata": {"annotations": {"n": str(n)}}})):
                    sent.append(path)

    threads = [threading.Thread(target=shout, args=(paths[i::4],), daemon=True) for i in range(4)]
    begin, took = time.monotonic(), []
    for thread in threads:
        thread.start()
    try:
        while len(sent) < NOISE:
            for kind in ("in", "scale"):
                bench.judge.round()
                work = bench.work(kind)
                at = time.monotonic()
                work.begin()
                bench.wait_begun(work, 1)
                took.append(time.monotonic() - at)
                bench.settle()
                bench.judge.verdict()
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    grown = program.memory_kb()["RssAnon"] - before
    progress(f"noise: {len(sent)} changes in {time.monotonic() - begin:.0f} s, first step of our own after at most "
             f"{max(took):.2f} s, memory {before} + {grown} KiB")
    check(max(took) < 10, f"it took {max(took):.1f} s until the first step of a change of our set")
    check(grown < 8192, f"its memory grew by {grown} KiB")
    space = paths[0].split("/")[4]
    bench.bed.api.delete(f"/api/v1/namespaces/{space}")
