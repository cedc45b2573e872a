#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Both programs under load for a long time: their memory must stay flat, and no descriptor may be left open.

usage: run.py [--minutes N]
Several sets live through scale-out, updates in place and by recreation, scale-in and deletion without a pause; admission is
asked for all the time, also on fresh connections and by callers that hang up; the webhook's certificate rotates every minute
and its CA every few minutes; the controller's connections break, its watches expire, its writes are refused or get lost.
Every 5 s a line for each program goes to build/soak.csv.

Judged is RssAnon, what a program has allocated: after a warm-up and the first fifth, its linear trend over all the rest must be
less than LIMIT_KB. At rest, before and after the load, the same number of threads and descriptors must be open.
"""

import argparse
import csv
import hashlib
import http.client
import json
import os
import random
import socket
import ssl
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "lib"), os.path.join(HERE, "..", "integration")]
# pylint: disable=wrong-import-position
import kube  # noqa: E402
import product  # noqa: E402
from admission_loop import AdmissionLoop  # noqa: E402
from bed import Bed  # noqa: E402
from harness import Suite, check, check_equal, end_on_signals, progress, wait_until  # noqa: E402
from manifest import changed, cloneset  # noqa: E402

EVERY_S = 5
LIMIT_KB = 64  # 2.7 KiB a minute over the 24 minutes that are judged of 30
REST_S = 150  # until idle connections are closed: those of the API server after 90 s, those to the webhook after 120 s
# What is filled once does not count: glibc keeps up to seven freed pieces of each of 64 sizes for each thread (235 KiB), and they
# fill with the number of requests, not with time; at the judged load that takes a quarter of an hour. A leak goes on after it.
WARM_S, HURRIED = 300, 4  # so many callers without a pause, beside the whole load
SPARE = 2  # of the pools of connections to and from the API server some are open at rest, now this many and now that
LISTENING = "0A"  # a state in /proc/net/tcp
FEW, MANY = 4, 16
CSV = os.path.join(kube.ROOT, "build", "soak.csv")


def wide():
    """A set with a large template, 16 KiB."""
    env = [{"name": f"V{i}", "value": "x" * 200} for i in range(60)]
    return changed(cloneset("wide", FEW, claims=False, maxUnavailable="50%"), ("spec/template/spec/containers/0/env", env))


class Load(threading.Thread):
    """Does step() until the end; the first thing that goes wrong ends it and is kept."""

    def __init__(self, name, pause):
        super().__init__(daemon=True)
        self.name, self.pause = name, pause
        self.stopping = threading.Event()
        self.error, self.rounds = None, 0

    def run(self):
        try:
            while not self.stopping.wait(self.pause):
                self.step()
                self.rounds += 1
        except Exception as error:  # pylint: disable=broad-except
            self.error = f"{type(error).__name__}: {error}"

    def step(self):
        raise NotImplementedError

    def stop(self):
        self.stopping.set()
        self.join(200)


class Enough(Exception):
    """The load ends amid a life."""


class Life(Load):
    """One CloneSet, from its creation to its deletion, again and again."""

    def __init__(self, bed, manifest):
        super().__init__("life of " + manifest["metadata"]["name"], 0.5)
        self.bed, self.manifest = bed, manifest
        self.space, self.images = bed.namespace("soak"), 0

    def step(self):
        one = self.bed.create(self.manifest, self.space)
        try:
            self.settle(one, FEW)
            for _ in range(3):
                self.scale(one, MANY)
                self.update(one, MANY, "InPlaceIfPossible")
                self.update(one, MANY, "ReCreate")
                self.scale(one, FEW)
                self.name_some(one)
        except Enough:
            pass
        finally:
            self.bed.api.delete(one.path)
        wait_until(f"{one.name} is gone", lambda: not one.pods(True) and not one.claims(True), 120, 0.5)

    def settle(self, one, replicas, image=None):
        def settled():
            if self.stopping.is_set():
                raise Enough
            return one.settled(replicas, image)

        wait_until(f"{one.name} settles at {replicas}", settled, 180, 0.5)

    def scale(self, one, replicas):
        self.bed.api.merge(one.path, {"spec": {"replicas": replicas}})
        self.settle(one, replicas)

    def update(self, one, replicas, kind):
        """To an image that was never there before."""
        self.images += 1
        image = f"nginx:{self.images}"
        whole = changed(one.get(), ("spec/template/spec/containers/0/image", image), ("spec/updateStrategy/type", kind))
        self.bed.api.merge(one.path, {"spec": {key: whole["spec"][key] for key in ("template", "updateStrategy")}})
        self.settle(one, replicas, image)

    def name_some(self, one):
        """Pods are named for removal, and one is deleted by hand; both are replaced."""
        names = sorted(pod["metadata"]["name"] for pod in one.pods())
        self.bed.api.merge(one.path, {"spec": {"scaleStrategy": {"podsToDelete": names[:2]}, "replicas": FEW - 2}})
        self.settle(one, FEW - 2)
        self.bed.api.delete(f"{one.pods_path}/{names[-1]}")
        self.scale(one, FEW)


class Trouble(Load):
    """What happens between the controller and the API server."""

    def __init__(self, proxy):
        super().__init__("faults", 15)
        self.proxy, self.random, self.rules = proxy, random.Random(1), []

    def step(self):
        self.proxy.clear()
        kind = self.random.randrange(5)
        writes = r"^(POST|PATCH|DELETE) .*/(pods|persistentvolumeclaims|clonesets|controllerrevisions)"
        if kind == 0:
            self.proxy.break_all()
        elif kind == 1:
            self.rules.append(self.proxy.rule(r"^GET .*watch=", times=2, watch_status=410))
            self.proxy.break_all()
        elif kind == 2:
            self.rules.append(self.proxy.rule(writes, times=20, every=3, status=409))
        elif kind == 3:
            self.rules.append(self.proxy.rule(writes, times=10, every=5, status=503, retry_after=1))
        else:
            self.rules.append(self.proxy.rule(writes, times=5, every=7, lost="after"))

    def struck(self):
        return sum(rule.struck for rule in self.rules)


class Callers(Load):
    """Clients of the webhook's port that are not the API server: each on a connection of its own. Most ask for ten admissions and
    end well; some hang up amid the handshake or amid a request."""

    def __init__(self, port):
        super().__init__("calls", 0.1)
        self.address, self.leaves, self.answers = ("127.0.0.1", port), set(), 0
        self.ssl = ssl.create_default_context()
        self.ssl.check_hostname, self.ssl.verify_mode = False, ssl.CERT_NONE
        kind = {"group": "apps.kruise.io", "version": "v1alpha1", "kind": "CloneSet"}
        request = {"uid": "1", "operation": "CREATE", "kind": kind, "name": "wide", "namespace": "default",
                   "object": changed(wide(), ("metadata/namespace", "default")),
                   "resource": {"group": "apps.kruise.io", "version": "v1alpha1", "resource": "clonesets"}}
        self.review = json.dumps({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}).encode()

    def step(self):
        kind = self.rounds % 8
        with socket.create_connection(self.address, 10) as plain:
            if kind == 3:
                plain.sendall(b"\x16\x03\x01")
                return
            with self.ssl.wrap_socket(plain) as sock:
                self.leaves.add(hashlib.sha256(sock.getpeercert(True)).hexdigest())
                for number in range(10):
                    path = ("/mutate-apps-kruise-io-cloneset", "/validate-apps-kruise-io-cloneset")[number % 2]
                    sock.sendall(f"POST {path} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
                                 f"Content-Length: {len(self.review)}\r\n\r\n".encode())
                    if kind == 7:
                        sock.sendall(self.review[:-100])
                        return
                    sock.sendall(self.review)
                    answer = http.client.HTTPResponse(sock)
                    answer.begin()
                    text = answer.read()
                    check(json.loads(text)["response"]["allowed"], text.decode())
                    self.answers += 1


class Sampler(Load):
    """Writes down what both programs take, and reads their metrics as Prometheus would."""

    COLUMNS = ["at_s", "program", "rss_kb", "rss_anon_kb", "fds", "threads", "cpu_s"]

    def __init__(self, programs):
        super().__init__("samples", EVERY_S)
        self.programs, self.rows = programs, []
        self.begin = time.monotonic()
        os.makedirs(os.path.dirname(CSV), exist_ok=True)
        with open(CSV, "w", encoding="utf-8") as file:
            csv.writer(file).writerow(self.COLUMNS)

    def step(self):
        at = time.monotonic() - self.begin
        rows = []
        for program in self.programs:
            check(program.alive(), f"{program.name} has ended: {program.tail()}")
            check_equal(program.get("/metrics")[0], 200, f"/metrics of {program.name}")
            memory = program.memory_kb()
            rows.append([round(at, 1), program.name, memory["VmRSS"], memory["RssAnon"], *handles(program),
                         round(program.cpu_s(), 2)])
        with open(CSV, "a", encoding="utf-8") as file:
            csv.writer(file).writerows(rows)
        self.rows += [dict(zip(self.COLUMNS, row)) for row in rows]

    def of(self, program):
        """Its samples after the first fifth."""
        rows = [row for row in self.rows if row["program"] == program.name]
        return rows[len(rows) // 5:]


def handles(program):
    """(descriptors, threads)."""
    folder = f"/proc/{program.process.pid}"
    return len(os.listdir(folder + "/fd")), len(os.listdir(folder + "/task"))


def open_at_rest(program):
    """Threads, connections, and other descriptors."""
    descriptors, threads = handles(program)
    folder = f"/proc/{program.process.pid}"
    links = {os.readlink(f"{folder}/fd/{name}") for name in os.listdir(folder + "/fd")}
    with open(folder + "/net/tcp", encoding="utf-8") as file:
        rows = [row.split() for row in file.readlines()[1:]]
    connections = sum(1 for row in rows if row[3] != LISTENING and f"socket:[{row[9]}]" in links)
    return {"threads": threads, "connections": connections, "other descriptors": descriptors - connections}


def trend(rows, column):
    """(by how much the least-squares line rises from the first row to the last, how far rows lie from it)."""
    at, values = [row["at_s"] for row in rows], [row[column] for row in rows]
    mean_at, mean = sum(at) / len(at), sum(values) / len(values)
    slope = sum((x - mean_at) * (y - mean) for x, y in zip(at, values)) / sum((x - mean_at) ** 2 for x in at)
    spread = (sum((y - mean - slope * (x - mean_at)) ** 2 for x, y in zip(at, values)) / len(at)) ** 0.5
    return slope * (at[-1] - at[0]), spread


class Soak:
    def __init__(self, bed, minutes):
        self.bed, self.minutes = bed, minutes
        self.webhook = bed.start_webhook("--leaf-lifetime=90s", "--ca-lifetime=6m").start().wait_ready()
        bed.wait_registered()
        bed.play_node()
        self.proxy = bed.proxy()
        self.controller = bed.controller(server=self.proxy.url).start().wait_ready()
        self.programs = [self.controller, self.webhook]
        self.loads, self.admissions, self.samples = [], [], None
        self.before, self.after = {}, {}

    def start_loads(self, hurried=0):
        small = cloneset("plain", FEW, claims=False, maxUnavailable="50%", maxSurge=2)
        disk = cloneset("disk", FEW, maxUnavailable="50%")
        self.loads = [Life(self.bed, manifest) for manifest in (small, disk, wide())]
        self.loads += [Trouble(self.proxy)] + [Callers(self.webhook.https_port) for _ in range(1 + hurried)]
        for load in self.loads[5:]:
            load.pause = 0
        for load in self.loads:
            load.start()
        self.admissions = [AdmissionLoop(self.bed.api, 0.05) for _ in range(2)]

    def stop_loads(self):
        self.proxy.clear()
        for load in self.loads + self.admissions:
            load.stopping.set()
        for load in self.loads + self.admissions:
            load.stop()
        self.proxy.clear()

    def rest(self):
        """{program: what it has open} when nobody has asked for anything for a while."""
        self.proxy.break_all()
        time.sleep(REST_S)
        return {program.name: open_at_rest(program) for program in self.programs}

    def run(self):
        self.start_loads(HURRIED)
        time.sleep(min(WARM_S, 12 * self.minutes))
        self.stop_loads()
        self.check_loads()
        progress(f"at rest, before the load; warmed up by {sum(load.rounds for load in self.loads[4:])} connections")
        self.before = self.rest()
        self.samples = Sampler(self.programs)
        self.samples.start()
        self.start_loads()
        deadline = time.monotonic() + self.minutes * 60
        try:
            while time.monotonic() < deadline:
                time.sleep(1)
                self.check_loads()
                if int(deadline - time.monotonic()) % 60 == 0:
                    progress(self.summary())
        finally:
            self.samples.stop()
            self.stop_loads()
        progress("at rest, after the load")
        self.after = self.rest()
        self.check_loads()

    def check_loads(self):
        wrong = [f"{load.name}: {load.error}" for load in [*self.loads, self.samples] if load and load.error]
        check(not wrong, "; ".join(wrong))

    def summary(self):
        done = ", ".join(f"{load.rounds} {load.name}" for load in self.loads)
        rows = self.samples.rows[-len(self.programs):]
        memory = ", ".join(f"{row['program']} RssAnon {row['rss_anon_kb']} KiB, {row['fds']} descriptors" for row in rows)
        return f"{done}, {sum(loop.done for loop in self.admissions)} admissions; {memory}"

    # ---- judgement

    def all_loads_did_their_work(self):
        lives, trouble, callers = self.loads[:3], self.loads[3], self.loads[4]
        for life in lives:
            check(life.images >= self.minutes, f"{life.name}: {life.images} updates in {self.minutes} minutes")
        check(trouble.struck() > self.minutes, f"faults struck {trouble.struck()} times only")
        check(len(callers.leaves) >= min(self.minutes - 2, 0.6 * self.minutes), f"{len(callers.leaves)} certificates were served")
        done, failures = sum(loop.done for loop in self.admissions), [why for loop in self.admissions for why in loop.failures]
        check(done > 60 * self.minutes and callers.answers > 300 * self.minutes, f"{done} admissions, {callers.answers} calls")
        check(not failures, f"{len(failures)} admissions failed: {failures[:3]}")
        cpu = {program.name: program.cpu_s() for program in self.programs}
        progress(f"{done} admissions, {callers.answers} calls on {callers.rounds} connections, {len(callers.leaves)} leaves, "
                 f"{sum(life.images for life in lives)} updates of sets of {MANY}, {trouble.rounds} faults, "
                 f"{len(self.proxy.requests)} requests of the controller, CPU {cpu}")

    def memory_is_flat(self, program):
        rise, spread = trend(self.samples.of(program), "rss_anon_kb")
        values = [row["rss_anon_kb"] for row in self.samples.of(program)]
        text = (f"{program.name}: RssAnon {min(values)} to {max(values)} KiB, trend {rise:+.0f} KiB in {0.8 * self.minutes:.0f} "
                f"minutes, {spread:.0f} KiB around it")
        progress(text)
        check(rise < LIMIT_KB, text)

    def nothing_is_left_open(self, program):
        before, after = self.before[program.name], self.after[program.name]
        progress(f"{program.name} at rest: {before} before, {after} after; under load at most "
                 f"{max(row['fds'] for row in self.samples.of(program))} descriptors")
        check(after["connections"] <= before["connections"] + SPARE, f"connections at rest: {before} before, {after} after")
        check_equal({**after, "connections": 0}, {**before, "connections": 0}, "what is open at rest")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--minutes", type=float, default=30)
    args = parser.parse_args()
    if args.minutes > 100:
        raise SystemExit("the programs' tokens last two hours: at most 100 minutes")
    os.chdir(kube.ROOT)
    end_on_signals()
    suite = Suite("soak")
    folder = product.build()
    with kube.Cluster("soak") as cluster:
        bed = Bed(cluster, folder)
        try:
            bed.install()
            soak = Soak(bed, args.minutes)
            if suite.run(f"load for {args.minutes:g} minutes", soak.run):
                suite.run("all loads did their work", soak.all_loads_did_their_work)
            for program in soak.programs if soak.after else []:
                suite.run(f"memory of {program.name} is flat", soak.memory_is_flat, program)
                suite.run(f"{program.name} leaves nothing open", soak.nothing_is_left_open, program)
            for program in soak.programs:
                suite.run(f"{program.name} ends well", program.stop)
            cluster.failed = suite.failed > 0
        finally:
            bed.close()
    progress(f"samples are in {os.path.relpath(CSV, kube.ROOT)}")
    return suite.finish()


if __name__ == "__main__":
    sys.exit(main())
