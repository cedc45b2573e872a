# SPDX-License-Identifier: Apache-2.0
"""The controller beside many objects. Their Pods wait for a scheduler that does not exist, so that there is nothing but objects:
what is measured is what the controller itself takes."""

import concurrent.futures
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time

import lives
from hands import IMAGE, Limit, Size
from harness import Failure, progress, wait_until
from scene import Sampler, cpu_s, make, memory_kb

NOBODY = "nobody"
MB = 1024
IDLE_S = 60
WRITERS = 16


def rows(report, options, place, limit, ours):
    for name, part in PARTS.items():
        if options.wants("cluster/" + name) and (name != "large" or options.size == "large"):
            if options.left() < 60:
                report.left_out.append(f"cluster/{name}")
                continue
            progress(name)
            place.tidy()
            part(report, options, place, limit, ours)


def size_text(kb):
    return f"{kb / MB:.1f} MB"


def bounded(report, what, kb, goal_mb, **more):
    report.add(what, f"≤ {goal_mb} MB", size_text(kb), ratio=kb / MB / goal_mb, met=kb <= goal_mb * MB, table="objects", **more)


# ---- nothing to do

def idle_without_sets(report, options, ours):
    if not options.wants("cluster/idle"):
        return
    empty = make(ours.place.bed.folder, "empty")
    with subprocess.Popen([empty]) as process:
        time.sleep(0.5)
        floor = memory_kb(process.pid)
        process.send_signal(signal.SIGTERM)
    with ours.running():
        time.sleep(3)
        found = memory_kb(ours.pid)
    bounded(report, "idle, no sets: RssAnon", found["RssAnon"], 4, limit=size_text(floor["RssAnon"]) + " empty program")
    bounded(report, "idle, no sets: RSS", found["VmRSS"], 14, limit=size_text(floor["VmRSS"]) + " empty program", peer="83 MB†")
    sizes(report, ours.place.bed.folder)


def sizes(report, folder):
    """Of the programs, stripped, and of what an image must hold besides."""
    for program in ("cloneset-controller", "cloneset-webhook"):
        with tempfile.TemporaryDirectory() as there:
            copy = shutil.copy(os.path.join(folder, program), there)
            subprocess.run(["strip", copy], check=True)
            size = os.path.getsize(copy)
            libraries = subprocess.run(["ldd", copy], check=True, stdout=subprocess.PIPE, text=True).stdout
        paths = set(re.findall(r"(/\S+) \(", libraries))
        beside = sum(os.path.getsize(path) for path in paths) / (1 << 20)
        report.add(f"{program}, stripped", "≤ 1 MB", f"{size / 1024:.0f} KB", met=size <= 1 << 20, table="objects",
                   limit=f"{beside:.1f} MB of {len(paths)} libraries in its image")


# ---- what comes of many objects

class Crowd:
    """Sets whose Pods are objects only, made by the controller, in a namespace of their own."""

    def __init__(self, place, program, sets, pods, label="crowd"):
        self.place, self.size = place, Size(pods, sets=sets)
        self.space = place.namespace(label)
        self.limit = Limit(program, place.bed, self.space, self.size, scheduler=NOBODY)
        self.limit.patience = 900

    def create(self):
        """Seconds until all Pods are there."""
        begin = time.monotonic()
        self.limit.say("sets")
        done, _, _ = self.limit.say("await", self.size.all)
        return done - begin

    def settle(self):
        """Until each status has been written."""
        wait_until("all status is up to date",
                   lambda: lives.observed(self.place.api, self.space, self.size.all, "to zero"), 300, 1)

    def close(self):
        """Its objects go before the next measurement, not at once: the last one need not wait."""
        self.limit.close()
        self.place.litter += [lives.sets_path(self.space), f"/api/v1/namespaces/{self.space}/pods"]


def idle_with_sets(report, _options, place, limit, ours):
    """500 sets, 5,000 Pods: made, then nothing for a minute; then a start beside them."""
    crowd = Crowd(place, limit, 500, 10)
    with ours.running():
        crowd.create()
        crowd.settle()
        time.sleep(15)
        place.mark()
        begin, used = time.monotonic(), cpu_s(ours.pid)
        time.sleep(IDLE_S)
        share = (cpu_s(ours.pid) - used) / (time.monotonic() - begin)
        wrote = {key: n for key, n in place.requests(ours.account, None).items() if key[0] not in ("get", "list", "watch")}
        memory = memory_kb(ours.pid)
    others = {f"{verb} {kind}": n for (verb, kind, _), n in wrote.items() if kind != "leases"}
    report.add("idle, 500 sets and 5,000 Pods: CPU", "≤ 1 mCPU", f"{share * 1000:.2f} mCPU", met=share <= 0.001, table="objects")
    report.add(f"idle, the same: writes in {IDLE_S} s but the lease", "0", str(others or 0), met=not others, table="objects")
    report.add("idle, the same: RssAnon", "", size_text(memory["RssAnon"]), table="objects")
    ours.start()
    time.sleep(1)
    peak, anon = memory_kb(ours.pid)["VmHWM"], memory_kb(ours.pid)["RssAnon"]
    ours.stop()
    bounded(report, "first list of 5,000 Pods: RSS, most", peak, 20)
    report.add("after the first list of 5,000 Pods: RssAnon", "", size_text(anon), table="objects")
    crowd.close()


def first_reconcile(report, _options, place, limit, ours):
    """With 2,000 Pods: from the start of the process to its first write for a set that was edited while none ran."""
    crowd = Crowd(place, limit, 1, 2000)
    with ours.running():
        crowd.create()
        crowd.settle()
    times = []
    for count in (2001, 2002, 2003):
        place.api.merge(f"{lives.sets_path(crowd.space)}/web", {"spec": {"replicas": count}})
        time.sleep(0.5)
        place.mark()
        begin = time.time()
        ours.start(ready=False)
        crowd.limit.say("await", count)
        times.append(first_write(place, ours.account, crowd.space) - begin)
        wait_until("it is ready", ours.program.ready, 30)
        ours.stop()
    middle = sorted(times)[1] * 1000
    report.add("start to first reconcile, 2,000 Pods (the write that comes of it, median of 3)", "≤ 200 ms", f"{middle:.0f} ms",
               ratio=middle / 200, met=middle <= 200, table="objects")
    crowd.close()


def first_write(place, account, space):
    """When the server received it, seconds since 1970."""
    found = [at for at, verb, kind in place.arrivals(account, space) if (verb, kind) == ("create", "pods")]
    if not found:
        raise Failure("no Pod was created")
    return found[0]


def growth(report, options, place, limit, ours):
    """CPU for each Pod of one set, which the controller creates, over the set's size."""
    found = {}
    for pods in (100, 1000, 10000) if options.size != "small" else (100, 1000):
        first, crowd = Crowd(place, limit, 1, 100, "first"), Crowd(place, limit, 1, pods)
        with ours.running():
            first.create()  # a start, with its lists and the handshakes of all connections, is no part of what a Pod costs
            first.settle()
            used = cpu_s(ours.pid)
            sampler = Sampler(ours.pid)
            seconds = crowd.create()
            crowd.settle()
            found[pods] = {"cpu_us": (cpu_s(ours.pid) - used) * 1e6 / pods, "wall_s": seconds,
                           "rss_anon_kb": sampler.stop()["RssAnon"]}
        first.close()
        crowd.close()
        place.tidy()
    report.data["growth"] = found
    least, most = (way(one["cpu_us"] for one in found.values()) for way in (min, max))
    text = ", ".join(f"{one['cpu_us']:.0f}" for one in found.values())
    report.add(f"CPU µs per Pod created, {' / '.join(f'{n:,}' for n in found)} in one set", "within 1.5 ×", text,
               ratio=most / least, met=most / least <= 1.5, table="objects")


def foreign(report, options, place, limit, ours):
    """The same work beside ten times as many Pods that are not ours."""
    pods = 500 if options.size != "small" else 100
    space = place.namespace("foreign")
    found = []
    for others in (0, 10 * pods):
        if others:
            filler = Limit(limit, place.bed, space, Size(others), scheduler=NOBODY, foreign=True)
            filler.say("fill", IMAGE)
            filler.close()
        one = []
        for _ in range(3):
            crowd = Crowd(place, limit, 1, pods)
            with ours.running():
                used = cpu_s(ours.pid)
                crowd.create()
                crowd.settle()
                one.append((cpu_s(ours.pid) - used, memory_kb(ours.pid)["RssAnon"]))
            crowd.close()
            place.tidy()
        found.append(sorted(one)[1])
    (alone, anon), (beside, anon_beside) = found
    report.add(f"CPU to create {pods} beside {10 * pods:,} Pods of others, median of 3", "≤ 10 % more", f"{beside:.3f} s",
               limit=f"{alone:.3f} s alone", ratio=beside / alone, met=beside <= 1.1 * alone, table="objects")
    report.add("RssAnon, the same", "no more", size_text(anon_beside), limit=size_text(anon) + " alone", ratio=anon_beside / anon,
               met=anon_beside <= anon * 1.02, table="objects")
    place.litter.append(f"/api/v1/namespaces/{space}/pods")


def quiet(report, options, place, limit, ours):
    """One set is edited now and then while many others are edited all the time."""
    noisy = 1000 if options.size != "small" else 100
    crowd = Crowd(place, limit, noisy, 1, "noise")
    calm = Crowd(place, limit, 1, 1, "calm")
    with ours.running():
        crowd.create()
        calm.create()
        path = f"{lives.sets_path(calm.space)}/web"
        stop = time.monotonic() + 1e9
        done = [0]

        def churn(first):
            index = first
            while time.monotonic() < stop:
                place.api.merge(f"{lives.sets_path(crowd.space)}/web-{index % noisy}",
                                {"spec": {"replicas": 1 + index // noisy % 2}})
                index += 4
                done[0] += 1

        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            jobs = [pool.submit(churn, first) for first in range(4)]
            time.sleep(2)
            place.mark()
            begin, edits = time.monotonic(), done[0]
            waits = []
            for count in range(2, 17):
                place.api.merge(path, {"spec": {"replicas": count}})
                edited = time.time()
                calm.limit.say("await", count)
                waits.append((edited, count))
                time.sleep(0.5)
            rate = (done[0] - edits) / (time.monotonic() - begin)
            stop = 0
            for job in jobs:
                job.result()
        created = [at for at, verb, kind in place.arrivals(ours.account, calm.space) if (verb, kind) == ("create", "pods")]
    late = sorted((at - edited) * 1000 for (edited, _), at in zip(waits, created))
    middle = late[len(late) // 2]
    report.add(f"a quiet set beside {noisy:,} that are edited all the time: edit to Pod, median", "≤ 100 ms",
               f"{middle:.0f} ms (worst of {len(late)}: {late[-1]:.0f}; {rate:.0f} edits/s)", ratio=middle / 100,
               met=middle <= 100, table="objects")
    crowd.close()
    calm.close()


def large(report, _options, place, limit, ours):
    """50,000 Pods in 10,000 sets."""
    crowd = Crowd(place, limit, 10000, 5, "large")
    with ours.running():
        used = cpu_s(ours.pid)
        sampler = Sampler(ours.pid)
        seconds = crowd.create()
        crowd.settle()
        used = cpu_s(ours.pid) - used
        time.sleep(5)
        most, found = sampler.stop(), memory_kb(ours.pid)
    bounded(report, "10,000 sets, 50,000 Pods: RssAnon, at rest", found["RssAnon"], 32)
    report.add("the same: RssAnon, most while they were made", "", size_text(most["RssAnon"]), table="objects")
    report.add("the same: time and CPU to make them", "", f"{seconds:.0f} s, {used:.1f} s", table="objects")
    ours.start(ready=False)
    begin = time.monotonic()
    wait_until("it has read all", ours.program.ready, 120, 0.02)
    seconds = time.monotonic() - begin
    time.sleep(2)
    found = memory_kb(ours.pid)
    ours.stop()
    bounded(report, "the same, after a start: RssAnon", found["RssAnon"], 32)
    report.add("the same, start: all read, RSS most", "", f"{seconds:.1f} s, {size_text(found['VmHWM'])}", table="objects")
    crowd.close()


PARTS = {"start": first_reconcile, "growth": growth, "foreign": foreign, "quiet": quiet, "idle": idle_with_sets, "large": large}
