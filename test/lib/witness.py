# SPDX-License-Identifier: Apache-2.0
"""Follows our own Pods from the installation to the end of a test, since Pods that are gone tell nothing any more: their
logs, and how each of their containers ended."""

import os
import subprocess
import tempfile
import threading

import kube
import product
from harness import check
from procs import check_sanitizers


class Witness:
    def __init__(self, api, env):
        self.env = env
        self.files = tempfile.TemporaryDirectory(prefix="cloneset-logs-")
        self.followers = {}  # (Pod, container's start) -> (path, process)
        self.watch = kube.Watch(api, f"/api/v1/namespaces/{product.NAMESPACE}/pods")
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self._follow, daemon=True)
        self.thread.start()

    def _follow(self):
        read = 0
        while not self.stopping.wait(0.2):
            history = self.watch.history()
            for event in history[read:]:
                for status in event.obj.get("status", {}).get("containerStatuses", []):
                    started = status.get("state", {}).get("running", {}).get("startedAt")
                    if started and (event.name, started) not in self.followers:
                        self.followers[event.name, started] = self._log(event.name, len(self.followers))
            read = len(history)

    def _log(self, pod, number):
        path = os.path.join(self.files.name, f"{number}-{pod}.log")
        with open(path, "wb") as file:
            return path, subprocess.Popen(["kubectl", "logs", "-f", "-n", product.NAMESPACE, pod], env=self.env,
                                          stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT)

    def stop(self):
        """Nothing is followed any more; what has been seen stays to be looked at until close()."""
        self.stopping.set()
        self.thread.join(10)
        self.watch.stop()
        for _, process in self.followers.values():
            try:
                process.wait(1)
            except subprocess.TimeoutExpired:  # its Pod lives on
                process.kill()
                process.wait()

    def close(self):
        self.stop()
        self.files.cleanup()

    def check_ended_well(self):
        """No container ended by itself, or otherwise than with 0, and no log holds a sanitizer's report."""
        self.stop()
        check(self.followers, "none of our Pods was ever seen running")
        for path, _ in self.followers.values():
            with open(path, encoding="utf-8", errors="replace") as file:
                check_sanitizers(os.path.basename(path), file.read())
        for event in self.watch.history():
            for status in event.obj.get("status", {}).get("containerStatuses", []):
                for state in (status.get("state", {}), status.get("lastState", {})):
                    ended = state.get("terminated")
                    check(not ended or ended["exitCode"] == 0, f"a container of {event.name} ended: {ended}")
                check(not status["restartCount"], f"{event.name} was restarted: {status}")
