# SPDX-License-Identifier: Apache-2.0
"""Admission under way all the time, to see whether something disturbs it."""

import http.client
import json
import re
import threading
import time

import kube


class AdmissionLoop(threading.Thread):
    """Asks for admission again and again; counts what goes wrong because of the webhook.

    unserved: that nobody answers is fine, as long as the edit passes."""

    def __init__(self, api, every=0.02, unserved=False):
        super().__init__(daemon=True)
        self.api, self.every, self.unserved = api, every, unserved
        self.done, self.failures, self.slowest = 0, [], 0.0
        self.stopping = threading.Event()
        self.body = {"apiVersion": "apps.kruise.io/v1alpha1", "kind": "CloneSet", "metadata": {"name": "loop"},
                     "spec": {"selector": {"matchLabels": {"a": "b"}}, "template": {
                         "metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}}}
        self.start()

    def run(self):
        path = f"{kube.GROUP}/namespaces/default/clonesets?dryRun=All"
        while not self.stopping.wait(self.every):
            begin = time.monotonic()
            try:
                status, text = self.api.raw("POST", path, self.body)
            except (OSError, http.client.HTTPException):
                continue  # the API server's own absence is no fault of the webhook
            if status == 201 and (self.unserved or json.loads(text)["spec"].get("revisionHistoryLimit") == 10):
                self.done += 1
            elif re.search("webhook|x509", text) or status == 201:
                self.failures.append(f"{status}: {text[:300]}")
            self.slowest = max(self.slowest, time.monotonic() - begin)

    def stop(self):
        self.stopping.set()
        self.join(30)
