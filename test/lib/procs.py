# SPDX-License-Identifier: Apache-2.0
"""The product's programs as processes of this machine, with the rights of the shipped service accounts."""

import json
import os
import re
import signal
import socket
import subprocess
import time
import urllib.request

import product
from harness import Failure, check, wait_until

SANITIZER = re.compile(r"AddressSanitizer|LeakSanitizer|runtime error:|UndefinedBehaviorSanitizer")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def kubeconfig(path, server, token, ca_file=None):
    cluster = {"server": server}
    if ca_file:
        cluster["certificate-authority"] = ca_file
    config = {
        "apiVersion": "v1", "kind": "Config", "current-context": "c",
        "clusters": [{"name": "c", "cluster": cluster}],
        "users": [{"name": "u", "user": {"token": token}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u", "namespace": product.NAMESPACE}}],
    }
    with open(path, "w", encoding="utf-8") as file:
        json.dump(config, file)
    os.chmod(path, 0o600)
    return path


def check_sanitizers(name, text):
    found = SANITIZER.search(text)
    check(not found, f"{name}: {text[max(0, found.start() - 200):found.start() + 3000] if found else ''}")


class Program:
    """One process. Its log is kept; what a sanitizer says makes the test fail that ends it."""

    count = 0

    def __init__(self, folder, logs, name, *flags, env=None):
        Program.count += 1
        self.name = name
        self.port = free_port()
        self.log_path = os.path.join(logs, f"{name}-{Program.count}.log")
        self.command = [os.path.join(folder, name), f"--metrics-bind-address=127.0.0.1:{self.port}",
                        f"--health-probe-bind-address=127.0.0.1:{self.port}", *flags]
        self.env = {"PATH": os.environ["PATH"], "HOME": "/nonexistent",
                    "ASAN_OPTIONS": "detect_leaks=1:exitcode=77", "UBSAN_OPTIONS": "print_stacktrace=1", **(env or {})}
        self.process = None
        self.killed = False

    def start(self, log=None):
        """log: a file that takes what it says, instead of its own one."""
        with open(self.log_path, "ab") as own:
            log = log or own
            self.process = subprocess.Popen(self.command, env=self.env, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        return self

    def get(self, path, timeout=5):
        """(status, text) of the plain HTTP port."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=timeout) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except (OSError, ValueError) as error:
            return 0, str(error)

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def ready(self):
        check(self.alive(), f"{self.name} ended with {self.process.returncode}: {self.tail()}")
        status, text = self.get("/readyz")
        if status != 200:
            raise Failure(f"readyz {status}: {text.strip()[:200]}")
        return True

    def wait_ready(self, timeout=30):
        wait_until(f"{self.name} is ready", self.ready, timeout, 0.05)
        return self

    def metric(self, name, **labels):
        """Sum of all samples of this name with these labels."""
        status, text = self.get("/metrics")
        check(status == 200, f"/metrics of {self.name}: {status}")
        total = 0.0
        for row in text.splitlines():
            found = re.fullmatch(r"([a-zA-Z_:]\w*)(?:\{(.*)\})? (\S+)", row)
            if found and found[1] == name:
                has = dict(re.findall(r'(\w+)="([^"]*)"', found[2] or ""))
                if all(has.get(key) == value for key, value in labels.items()):
                    total += float(found[3])
        return total

    def memory_kb(self):
        """{"Rss": …, "RssAnon": …} in KiB."""
        with open(f"/proc/{self.process.pid}/status", encoding="utf-8") as file:
            found = dict(re.findall(r"^(VmRSS|RssAnon):\s+(\d+) kB", file.read(), re.M))
        return {key: int(value) for key, value in found.items()}

    def cpu_s(self):
        """Seconds of CPU that it has used."""
        with open(f"/proc/{self.process.pid}/stat", encoding="utf-8") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def signal(self, number):
        self.process.send_signal(number)

    def kill(self):
        if self.alive():
            self.killed = True
            self.process.kill()
        if self.process:
            self.process.wait()

    def end(self, timeout):
        """After SIGTERM; by force when it does not end in time."""
        try:
            self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()

    def stop(self, timeout=30):
        """SIGTERM; the program must end by itself, with 0. Seconds that it took."""
        begin = time.monotonic()
        check(self.alive(), f"{self.name} had ended with {self.process.returncode} before it was stopped: {self.tail()}")
        self.process.send_signal(signal.SIGTERM)
        self.end(timeout)
        check(not self.killed, f"{self.name} goes on {timeout} s after SIGTERM: {self.tail()}")
        code = self.process.returncode
        self.check_log()
        check(code == 0, f"{self.name} ended with {code}: {self.tail()}")
        return time.monotonic() - begin

    def log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as file:
            return file.read()

    def tail(self, lines=15):
        return "\n".join(self.log().splitlines()[-lines:])

    def check_log(self):
        check_sanitizers(self.name, self.log())

    def check_ended_well(self):
        """For one that has ended: by our hand, or with 0; and its log holds no sanitizer's report."""
        self.check_log()
        code = self.process.returncode
        check(code == 0 or (self.killed and code == -signal.SIGKILL), f"{self.log_path}: ended with {code}: {self.tail()}")
