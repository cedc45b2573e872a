# SPDX-License-Identifier: Apache-2.0
"""The webhook under fire: the program with certificates from files, honest clients that ask it all the time, and what the
kernel says about it."""

import json
import os
import re
import socket
import ssl
import subprocess
import sys
import threading
import time

import kube
import procs
from harness import check, check_equal
from manifest import changed, cloneset

VALIDATE, MUTATE = "/validate-apps-kruise-io-cloneset", "/mutate-apps-kruise-io-cloneset"
INSTANCE_ID, CONVERT = "/mutate-instance-id", "/convert"
HERE = os.path.dirname(os.path.abspath(__file__))

CONNECTIONS = 500  # --max-connections as it is by default
# The listening sockets, epoll, logs and the like; sockets on their way out (32 for each thread and probe port) and lingering
# ones (16); the probe ports' own 64 connections.
DESCRIPTORS = CONNECTIONS + 40 + 3 * 32 + 16 + 64
HONEST_S = 3.0  # what the entries of the CloneSet webhooks wait: one answer later is a failed call
PROBE_S = 1.0  # what a kubelet waits for a probe when nothing else is said


def memory_limit_kb():
    """The container's limit in the manifests: above it the kernel ends the program."""
    with open(os.path.join(kube.ROOT, "manifests", "base", "webhook.yaml"), encoding="utf-8") as file:
        return int(re.search(r"limits: \{.*memory: (\d+)Mi\}", file.read())[1]) * 1024


def review(uid="u-1", **spec):
    """A whole AdmissionReview; spec: members of the set's spec."""
    obj = changed(cloneset("good"), ("metadata/namespace", "default"))
    obj["spec"].update(spec)
    return json.dumps({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {
        "uid": uid, "operation": "CREATE", "namespace": "default", "name": "good",
        "resource": {"group": "apps.kruise.io", "version": "v1alpha1", "resource": "clonesets"},
        "kind": {"group": "apps.kruise.io", "version": "v1alpha1", "kind": "CloneSet"},
        "object": obj, "oldObject": None, "userInfo": {"username": "fire"}}}).encode()


def request(body, path=VALIDATE, headers=""):
    """Bytes of a whole and good request."""
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n{headers}Content-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def client_context(certificate=None):
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if certificate:
        context.load_cert_chain(certificate + ".crt", certificate + ".key")
    return context


def connect(port, context=None, timeout=10):
    """A TLS connection; context False: plain."""
    sock = socket.create_connection(("127.0.0.1", port), timeout=timeout)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if context is False:
        return sock
    try:
        return (context or client_context()).wrap_socket(sock)
    except BaseException:
        sock.close()
        raise


def read_answer(sock, kept=b"", head=False):
    """(status, headers, body, what follows); status 0: the connection ended."""
    while b"\r\n\r\n" not in kept:
        piece = sock.recv(65536)
        if not piece:
            return 0, "", kept, b""
        kept += piece
    top, rest = kept.split(b"\r\n\r\n", 1)
    text = top.decode("latin-1")
    length = re.search(r"^Content-Length: (\d+)", text, re.M | re.I)
    wanted = int(length[1]) if length and not head else 0
    while len(rest) < wanted:
        piece = sock.recv(65536)
        if not piece:
            return 0, text, rest, b""
        rest += piece
    return int(text.split(" ", 2)[1]), text, rest[:wanted], rest[wanted:]


def talk(port, data, wait=5.0, context=None):
    """All that comes back: ([(status, headers, body), …], whether the server closed)."""
    answers = []
    try:
        with connect(port, context, wait) as sock:
            sock.settimeout(wait)
            kept = b""
            try:
                sock.sendall(data)
            except (ConnectionError, ssl.SSLError):
                pass  # refused while we were sending: the answer is on its way
            while True:
                status, top, body, kept = read_answer(sock, kept)
                if not status:
                    return answers, True
                answers.append((status, top, body))
    except (socket.timeout, TimeoutError):
        return answers, False
    except (ConnectionError, ssl.SSLError):
        return answers, True


def talk_once(port):
    with connect(port) as sock:
        sock.sendall(request(review()))
        return read_answer(sock)[0]


class Honest(threading.Thread):
    """One admission call after the other, on one connection that is kept, or each on a new one, as an API server does when it
    has none; or a probe, as a kubelet's."""

    def __init__(self, port, new, probe=False):
        super().__init__(daemon=True)
        self.port, self.new, self.probe = port, new, probe
        self.calls, self.failures, self.slowest = 0, [], 0.0
        self.stopping, self.sock = threading.Event(), None
        self.context = False if probe else client_context()
        self.start()

    def call(self):
        self.sock = self.sock or connect(self.port, self.context)
        if self.probe:
            self.sock.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        else:
            uid = f"{id(self)}-{self.calls}"
            self.sock.sendall(request(review(uid)))
        status, _, body, _ = read_answer(self.sock)
        good = body == b"ok\n" if self.probe else status == 200 and json.loads(body)["response"].get("uid") == uid
        if not good:
            raise ConnectionError(f"{status} {body[:200]}")

    def run(self):
        while not self.stopping.wait(0.01):
            begin = time.monotonic()
            try:
                self.call()
            except (OSError, ValueError) as error:
                self.failures.append(repr(error))
                self.drop()
            self.calls += 1
            self.slowest = max(self.slowest, time.monotonic() - begin)
            if self.new:
                self.drop()

    def drop(self):
        if self.sock:
            self.sock.close()
        self.sock = None

    def stop(self):
        self.stopping.set()
        self.join(30)
        self.drop()


class Webhook(procs.Program):
    """The program with files of ours as certificate, and its figures."""

    def __init__(self, folder, logs, certs, *flags):
        self.https_port = procs.free_port()
        self.health_port = procs.free_port()
        super().__init__(folder, logs, "cloneset-webhook", f"--cert-dir={certs}", "--manage-webhooks=false",
                         f"--webhook-bind-address=127.0.0.1:{self.https_port}", "--shutdown-delay=0s", *flags)
        self.command = [flag if not flag.startswith("--health-probe") else
                        f"--health-probe-bind-address=127.0.0.1:{self.health_port}" for flag in self.command]

    def get(self, path, timeout=5):
        port, self.port = self.port, self.port if path == "/metrics" else self.health_port
        try:
            return super().get(path, timeout)
        finally:
            self.port = port

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def sleeps(self):
        """{thread: (seconds that it ran or waited for its turn, how often it went to sleep)}: on a busy machine one that never
        sleeps gets little CPU, and one that has little to do waits long for its turn."""
        found = {}
        for task in os.listdir(f"/proc/{self.process.pid}/task"):
            place = f"/proc/{self.process.pid}/task/{task}"
            with open(f"{place}/schedstat", encoding="utf-8") as stat, open(f"{place}/status", encoding="utf-8") as status:
                wanted = sum(map(int, stat.read().split()[:2])) / 1e9
                found[task] = (wanted, int(re.search(r"^voluntary_ctxt_switches:\s+(\d+)", status.read(), re.M)[1]))
        return found

    def threads(self):
        return len(os.listdir(f"/proc/{self.process.pid}/task"))


class Gauge(threading.Thread):
    """The most that was seen of memory, descriptors and threads."""

    def __init__(self, program):
        super().__init__(daemon=True)
        self.program, self.stopping = program, threading.Event()
        self.rss_kb = self.descriptors = self.threads = 0
        self.start()

    def run(self):
        while not self.stopping.wait(0.02):
            try:
                self.rss_kb = max(self.rss_kb, self.program.memory_kb()["VmRSS"])
                self.descriptors = max(self.descriptors, self.program.descriptors())
                self.threads = max(self.threads, self.program.threads())
            except (OSError, KeyError):
                return

    def stop(self):
        self.stopping.set()
        self.join(5)


class Fire:
    """`with` it, honest calls run on beside; afterwards none of them failed and the program stayed within its bounds."""

    def __init__(self, stage):
        self.stage, self.program = stage, stage.program

    def __enter__(self):
        self.gauge = Gauge(self.program)
        self.honest = [Honest(self.program.https_port, False), Honest(self.program.https_port, True),
                       Honest(self.program.health_port, True, probe=True)]
        time.sleep(0.2)
        return self

    def __exit__(self, kind, *_):
        time.sleep(0.2)
        for client in self.honest:
            client.stop()
        self.gauge.stop()
        if kind:
            return
        check(self.program.alive(), f"it ended: {self.program.tail()}")
        for client, what, bound in zip(self.honest, ("kept", "new", "probe"), (HONEST_S, HONEST_S, PROBE_S)):
            self.stage.note(what, client)
            check(client.calls > 5, f"only {client.calls} calls ({what})")
            check(not client.failures, f"{len(client.failures)} of {client.calls} calls ({what}) failed: {client.failures[:3]}")
            check(client.slowest < bound, f"a call ({what}) took {client.slowest:.1f} s")
        self.stage.note_peaks(self.gauge)
        check_equal(self.gauge.threads, self.stage.idle_threads, "threads")
        check(self.gauge.descriptors <= DESCRIPTORS, f"{self.gauge.descriptors} descriptors, {DESCRIPTORS} at most")
        if not self.stage.sanitized:
            limit = memory_limit_kb()
            check(self.gauge.rss_kb < limit, f"{self.gauge.rss_kb} KiB of memory, the manifests allow {limit}")


class Stage:
    def __init__(self, folder, logs, sanitized):
        self.folder, self.logs, self.sanitized = folder, logs, sanitized
        self.programs, self.floods, self.slowest, self.calls = [], [], {}, {}
        self.peak_rss_kb = self.peak_descriptors = 0
        self.certs = os.path.join(logs, "certs")
        os.makedirs(self.certs)
        self.make_certificate("tls")
        self.program = self.webhook().start().wait_ready()
        time.sleep(0.3)
        self.rate = self.pace()
        self.idle_threads, self.idle_descriptors = self.program.threads(), self.program.descriptors()

    def pace(self):
        """Handshakes a second that leave the machine room for others: 150, fewer where one takes longer than 10 ms."""
        begin = time.monotonic()
        for _ in range(20):
            check_equal(talk_once(self.program.https_port), 200, "an honest call before it begins")
        return min(150, max(20, round(1.5 * 20 / (time.monotonic() - begin))))

    def webhook(self, *flags):
        self.programs.append(Webhook(self.folder, self.logs, self.certs, *flags))
        return self.programs[-1]

    def make_certificate(self, name, cn="localhost", ca=None, purpose="serverAuth"):
        """NAME.crt and NAME.key; signed by itself without ca. The path without the ending."""
        path = os.path.join(self.certs, name)
        by = ["-CA", ca + ".crt", "-CAkey", ca + ".key"] if ca else []
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                        "-keyout", path + ".key", "-out", path + ".crt", "-days", "2", "-subj", f"/O=fire/CN={cn}",
                        "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-addext", f"extendedKeyUsage={purpose}"]
                       + by, check=True, stderr=subprocess.DEVNULL)
        return path

    def flood(self, kind, number, seconds, port=None):
        """A process of its own that attacks (flood.py): Python's lock would make our honest clients slow."""
        numbers = [port or self.program.https_port, number, seconds, self.rate]
        command = [sys.executable, os.path.join(HERE, "flood.py"), kind, *map(str, numbers)]
        flood = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=HERE)
        self.floods.append(flood)
        return flood

    def flooded(self, kind, number, seconds, port=None):
        """The flood's own figures, when it is over."""
        return flood_result(self.flood(kind, number, seconds, port))

    def note(self, what, client):
        self.slowest[what] = max(self.slowest.get(what, 0.0), client.slowest)
        self.calls[what] = self.calls.get(what, 0) + client.calls

    def note_peaks(self, gauge):
        self.peak_rss_kb = max(self.peak_rss_kb, gauge.rss_kb)
        self.peak_descriptors = max(self.peak_descriptors, gauge.descriptors)

    def close(self):
        for flood in self.floods:
            if flood.poll() is None:
                flood.kill()
            flood.wait()
            flood.stdout.close()
        for program in self.programs:
            program.kill()


def flood_result(flood, timeout=60):
    out, _ = flood.communicate(timeout=timeout)
    check(flood.returncode == 0 and out.strip(), f"the flood ended with {flood.returncode}")
    return json.loads(out.strip().splitlines()[-1])
