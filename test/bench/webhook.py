# SPDX-License-Identifier: Apache-2.0
"""The webhook side by side with its limit: a server on the same library, with the same certificate, suites and threads, that reads
the same requests and answers the same bytes without a thought (ceiling.c). In turns, so that both meet the same machine."""

import functools
import json
import os
import shutil
import ssl
import statistics
import subprocess
import tempfile
import time
import urllib.request

import product
import reviews
from procs import free_port

COMMAND = "make bench-webhook"
PATHS = {"validate": "/validate-apps-kruise-io-cloneset", "mutate": "/mutate-apps-kruise-io-cloneset"}
CONNECTIONS = 25  # what client-go keeps idle; more are closed after each use
MANY = 100
THREADS = 2  # the webhook's --threads as it is by default
ROUNDS, SECONDS = 3, 1
GOALS = {"share": 0.5, "p99": 2.0, "rss_mb": 16.0, "first_ms": 100.0}


class Server:
    """A process that answers on a port; `with` it."""

    def __init__(self, command, port):
        self.command, self.port = command, port

    def __enter__(self):
        self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


class Stage:
    """A folder with certificate and reviews, and what is measured with them."""

    def __init__(self, folder, programs):
        self.folder, self.programs = folder, programs
        self.load = os.path.join(programs, "bench", "load")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                        "-keyout", self.path("tls.key"), "-out", self.path("tls.crt"), "-days", "2", "-subj", "/CN=localhost",
                        "-addext", "subjectAltName=DNS:localhost"], check=True, stderr=subprocess.DEVNULL)
        self.bodies = reviews.write_all(folder)

    def path(self, name):
        return os.path.join(self.folder, name)

    def webhook(self):
        port = free_port()
        return Server([os.path.join(self.programs, "cloneset-webhook"), f"--cert-dir={self.folder}", "--manage-webhooks=false",
                       f"--webhook-bind-address=127.0.0.1:{port}", "--metrics-bind-address=0",
                       "--health-probe-bind-address=0"], port)

    def ceiling(self, answer):
        port = free_port()
        return Server([os.path.join(self.programs, "bench", "ceiling"), str(port), self.path("tls.crt"), self.path("tls.key"),
                       answer, str(THREADS)], port)

    def run(self, server, path, body, connections, seconds=SECONDS):
        command = [self.load, str(server.port), path, body, str(connections), str(seconds),
                   str(server.process.pid)]
        return self.result(command)

    @staticmethod
    def result(command):
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False, timeout=120)
        if done.returncode:
            raise SystemExit(f"{' '.join(command)}: ended with {done.returncode}")
        return json.loads(done.stdout)

    def answer_of(self, server, path, body):
        """The webhook's own answer to a review, as a file: what the ceiling answers."""
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with open(body, "rb") as file:
            request = urllib.request.Request(f"https://127.0.0.1:{server.port}{path}", file.read(),
                                             {"Content-Type": "application/json"})
        for _ in range(100):
            try:
                with urllib.request.urlopen(request, context=context, timeout=5) as got:
                    text = got.read()
                break
            except OSError:
                time.sleep(0.05)
        else:
            raise SystemExit("the webhook does not answer")
        with open(self.path("answer.json"), "wb") as file:
            file.write(text)
        return self.path("answer.json")


def compare(stage, kind, body):
    """[(ours, limit), …], one pair for each round."""
    with stage.webhook() as ours:
        answer = stage.answer_of(ours, PATHS[kind], body)
        with stage.ceiling(answer) as limit:
            time.sleep(0.2)
            pairs = []
            for _ in range(ROUNDS):
                top = stage.run(limit, PATHS[kind], body, CONNECTIONS)
                pairs.append((stage.run(ours, PATHS[kind], body, CONNECTIONS), top))
            return pairs


def middle(pairs, key):
    """Medians of ours, of the limit, and of the rounds' quotients."""
    return (statistics.median(ours[key] for ours, _ in pairs), statistics.median(top[key] for _, top in pairs),
            statistics.median(ours[key] / top[key] for ours, top in pairs))


def compared(add, kind, operation, size, pairs):
    what = f"webhook: {kind} {operation} {size}"
    ours, top, share = middle(pairs, "per_second")
    late, late_top, times = middle(pairs, "p99_us")
    cpu, cpu_top, cpu_times = middle(pairs, "cpu_ms_per_1000")
    add(f"{what}, requests/s", f"≥ {GOALS['share']:.0%} of the limit", f"{ours:,.0f}", limit=f"{top:,.0f}", ratio=share,
        met=share >= GOALS["share"])
    add(f"{what}, p99", f"≤ {GOALS['p99']:.0f} × the limit's", f"{late / 1000:.1f} ms", limit=f"{late_top / 1000:.1f} ms",
        ratio=times, met=times <= GOALS["p99"])
    add(f"{what}, CPU for 1,000", "", f"{cpu:.0f} ms", limit=f"{cpu_top:.0f} ms", ratio=cpu_times)


def memory(add, stage):
    """Many connections on a webhook that has done nothing else. With a request under way on all of them at any time, which no API
    server does for long, there are that many bodies: of 4 KB they hardly count, of 50 KB they are 5 MB, so these have no goal."""
    for size, goal in (("4 KB", GOALS["rss_mb"]), ("50 KB", None)):
        with stage.webhook() as ours:
            body = stage.bodies["UPDATE", size]
            stage.answer_of(ours, PATHS["validate"], body)
            seen = [stage.run(ours, path, body, MANY, 2) for path in PATHS.values()]
        peak = max(each["peak_kb"] for each in seen) / 1024
        anon = max(each["anon_kb"] for each in seen) / 1024
        add(f"webhook: peak RSS, {MANY} connections, all with {size} under way ({anon:.1f} MB anonymous)",
            f"≤ {goal:.0f} MB" if goal else "", f"{peak:.1f} MB", ratio=peak / goal if goal else None,
            met=peak <= goal if goal else None)


def first_answer(add, stage):
    """From exec to the first answer, TLS handshake included; certificates from files."""
    server = stage.webhook()
    body = stage.bodies["CREATE", "4 KB"]
    taken = [Stage.result([stage.load, str(server.port), PATHS["validate"], body, "first", *server.command])["first_ms"]
             for _ in range(5)]
    first = statistics.median(taken)
    add("webhook: start to first admission answer", f"≤ {GOALS['first_ms']:.0f} ms", f"{first:.0f} ms",
        ratio=first / GOALS["first_ms"], met=first <= GOALS["first_ms"])


def rows(report, options):
    """Adds to the report. options: not asked."""
    del options
    add = functools.partial(report.add, command=COMMAND, table="webhook")
    programs = product.build()
    product.make("build/release/bench/load", "build/release/bench/ceiling")
    folder = tempfile.mkdtemp(prefix="cloneset-bench-")
    try:
        stage = Stage(folder, programs)
        for (operation, size), body in stage.bodies.items():
            for kind in PATHS:
                report(f"webhook: {kind} {operation} {size}")
                compared(add, kind, operation, size, compare(stage, kind, body))
        memory(add, stage)
        first_answer(add, stage)
    finally:
        shutil.rmtree(folder)
