# SPDX-License-Identifier: Apache-2.0
"""A throwaway cluster, kubectl, the API and watches, for tests."""

import http.client
import json
import os
import re
import shutil
import signal
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

from harness import Failure, check, progress, wait_until

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CLUSTER_SH = os.path.join(ROOT, "test", "cluster", "cluster.sh")
MKIMAGE = os.path.join(ROOT, "test", "cluster", "mkimage.py")

GROUP = "/apis/apps.kruise.io/v1alpha1"
ID_LABEL = "apps.kruise.io/cloneset-instance-id"


class Cluster:
    """A cluster of our own, up to the end of the `with` block, however that ends.

    keep=NAME: one with a fixed name that outlives us. Otherwise its folder is
    removed afterwards, unless something failed: then the logs stay.
    """

    def __init__(self, label, node=False, keep=None, env=None):
        self.node, self.keep = node, keep
        self.extra = dict(env or {})
        self.failed = False
        self.vars = {}
        if keep:
            cache = os.environ.get("CLONESET_CACHE") or os.path.join(
                os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "cloneset"
            )
            self.dir = os.path.join(cache, "clusters", keep)
            if os.path.exists(os.path.join(self.dir, "state.env")):
                raise SystemExit(f"a cluster '{keep}' is up already; end it with: make cluster-down NAME={keep}")
        else:
            self.dir = tempfile.mkdtemp(prefix=f"cloneset-{label}-")

    def _script(self, *args, check_code=True, quiet=False):
        name = self.keep or os.path.basename(self.dir)
        env = {**os.environ, **self.extra, "DIR": self.dir, "NAME": name}
        # A session of its own: ^C ends us, and we end the cluster.
        done = subprocess.run(
            [CLUSTER_SH, *args],
            env=env,
            start_new_session=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if quiet else None,
            text=True,
            check=False,
        )
        if check_code and done.returncode:
            raise SystemExit(f"cluster.sh {' '.join(args)} failed ({done.returncode})")
        return done.stdout

    def __enter__(self):
        try:
            self._script("up")
            if self.node:
                self._script("node-up")
            text = self._script("env", quiet=True)
            # export A='x' B='y'; PATH is the one with a trailing "$PATH"
            self.vars = dict(re.findall(r"(\w+)='([^']*)'", text))
            self.vars["PATH"] += ":" + os.environ["PATH"]
        except BaseException:
            self.failed = True
            self.down()
            raise
        return self

    def __exit__(self, kind, _value, _trace):
        if kind:
            self.failed = True
        if not self.keep or kind:
            self.down()

    def down(self):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        try:
            self._script("down", check_code=False, quiet=True)
        finally:
            if self.failed:
                progress(f"logs of the cluster are in {self.dir}")
            elif not self.keep:
                shutil.rmtree(self.dir, ignore_errors=True)

    def component(self, verb, name):
        """verb: stop, kill, start or pid."""
        return self._script(verb, name, quiet=True)

    def run_in_node(self, index, *command):
        return self._script("node-exec", str(index), *command, quiet=True)

    @property
    def registry(self):
        return self.vars.get("CLUSTER_REGISTRY")

    def environment(self):
        # Discovery that kubectl remembers by address: another cluster, with another CRD, may have had this one.
        return {**os.environ, "KUBECACHEDIR": os.path.join(self.dir, "kubecache"), **self.vars}


class CurrentCluster:
    """The cluster that KUBECONFIG names: not ours, so it is neither started nor ended."""

    def __init__(self):
        self.registry = os.environ.get("CLUSTER_REGISTRY")
        self.failed = False
        self.keep = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def environment(self):
        return dict(os.environ)


class Result:
    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err

    @property
    def text(self):
        return self.err + self.out


class Kubectl:
    """Runs kubectl. With show each command and its output are printed, as a user would see them."""

    def __init__(self, env, show=False, namespace=None):
        self.env, self.show, self.namespace = env, show, namespace
        self.log = []  # the last commands, for the post-mortem of a failed test

    def __call__(self, *args, stdin=None, ok=True, quiet=False, timeout=120, env=None):
        """ok: True, the command must succeed; False, it must fail; None, either."""
        argv = ["kubectl"] + (["-n", self.namespace] if self.namespace and "-n" not in args else []) + list(args)
        done = subprocess.run(
            argv,
            env={**self.env, **(env or {})},
            input=stdin,
            stdin=None if stdin is not None else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            timeout=timeout,
            check=False,
        )
        result = Result(done.returncode, done.stdout, done.stderr)
        shown = self.render(args, stdin, result, env)
        self.log = (self.log + [shown])[-6:]
        if self.show and not quiet:
            print(shown, flush=True)
        if ok is True and done.returncode:
            raise Failure(f"kubectl {' '.join(args)} failed: {result.text.strip()[:2000]}")
        if ok is False and not done.returncode:
            raise Failure(f"kubectl {' '.join(args)} should have been refused: {result.text.strip()[:2000]}")
        return result

    @staticmethod
    def render(args, stdin, result, env):
        def word(text):
            return text if re.fullmatch(r"[\w./:=,@%+~^-]+", text) else "'" + text.replace("'", "'\\''") + "'"

        settings = "".join(f"{name}={word(value)} " for name, value in (env or {}).items())
        lines = ["$ " + settings + " ".join(["kubectl"] + [word(arg) for arg in args])]
        if stdin is not None:
            lines[0] += " <<'EOF'"
            lines += stdin.strip("\n").splitlines() + ["EOF"]
        lines += [row if len(row) < 600 else f"{row[:200]} … ({len(row) - 200} more characters)"
                  for row in result.text.rstrip("\n").splitlines()]
        return "\n".join("    " + line for line in lines)


class ApiError(Exception):
    def __init__(self, method, path, status, body):
        super().__init__(f"{method} {path}: {status} {body[:500]}")
        self.status, self.body = status, body

    def json(self):
        return json.loads(self.body)


class Api:
    """The API by plain HTTPS, with what the kubeconfig says. Connections are kept per thread."""

    def __init__(self, env):
        text = subprocess.run(
            ["kubectl", "config", "view", "--raw", "--minify", "-o", "json"],
            env=env,
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        ).stdout
        config = json.loads(text)
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        self.server = cluster["server"]
        self.token = user.get("token")
        url = urllib.parse.urlsplit(self.server)
        self.host, self.port = url.hostname, url.port or 443
        self.ssl = ssl.create_default_context()
        if cluster.get("certificate-authority-data"):
            self.ssl = ssl.create_default_context(cadata=_decode(cluster["certificate-authority-data"]))
        elif cluster.get("certificate-authority"):
            self.ssl = ssl.create_default_context(cafile=cluster["certificate-authority"])
        if user.get("client-certificate-data"):
            with tempfile.NamedTemporaryFile("w", suffix=".pem") as pem:
                pem.write(_decode(user["client-certificate-data"]) + "\n" + _decode(user["client-key-data"]))
                pem.flush()
                self.ssl.load_cert_chain(pem.name)
        elif user.get("client-certificate"):
            self.ssl.load_cert_chain(user["client-certificate"], user["client-key"])
        elif not self.token:
            raise SystemExit("the kubeconfig has neither client certificate nor token: the tests know nothing else")
        self.local = threading.local()

    def connection(self, timeout=20.0):
        return http.client.HTTPSConnection(self.host, self.port, context=self.ssl, timeout=timeout)

    def headers(self, extra=None):
        headers = {"Accept": "application/json"}
        if self.token:
            headers["Authorization"] = "Bearer " + self.token
        headers.update(extra or {})
        return headers

    def raw(self, method, path, body=None, content_type="application/json"):
        """(status, body text)."""
        data = body if isinstance(body, (bytes, type(None))) else json.dumps(body).encode()
        headers = self.headers({"Content-Type": content_type} if data is not None else None)
        for attempt in (1, 2):
            conn = getattr(self.local, "conn", None)
            fresh = conn is None
            if fresh:
                conn = self.local.conn = self.connection()
            try:
                conn.request(method, path, data, headers)
                answer = conn.getresponse()
                return answer.status, answer.read().decode()
            except (OSError, http.client.HTTPException):
                conn.close()
                self.local.conn = None
                if fresh or attempt == 2:
                    raise
        raise AssertionError

    def call(self, method, path, body=None, content_type="application/json"):
        status, text = self.raw(method, path, body, content_type)
        if status >= 300:
            raise ApiError(method, path, status, text)
        return json.loads(text) if text.startswith("{") else text

    def get(self, path):
        return self.call("GET", path)

    def find(self, path):
        """The object, or None when there is none."""
        try:
            return self.get(path)
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    def items(self, path, selector=None):
        query = "?labelSelector=" + urllib.parse.quote(selector) if selector else ""
        return self.get(path + query)["items"]

    def merge(self, path, body):
        return self.call("PATCH", path, body, "application/merge-patch+json")

    def delete(self, path, grace=None):
        options = {} if grace is None else {"gracePeriodSeconds": grace}
        status, text = self.raw("DELETE", path, options)
        if status >= 300 and status != 404:
            raise ApiError("DELETE", path, status, text)

    def median_ms(self, method, paths_and_bodies):
        """Median time of these requests, one after the other."""
        times = []
        for path, body in paths_and_bodies:
            begin = time.monotonic()
            self.call(method, path, body)
            times.append((time.monotonic() - begin) * 1000)
        return sorted(times)[len(times) // 2]


def _decode(text):
    import base64  # pylint: disable=import-outside-toplevel

    return base64.b64decode(text).decode()


class Event:
    """One watch event. at: monotonic seconds of its arrival. version: where it belongs among the events of all watches.
    gap: it was found by listing, so that states before it may have been missed."""

    def __init__(self, kind, obj, at, version=None, gap=False):
        self.kind, self.obj, self.at, self.gap = kind, obj, at, gap
        self.version = int(version or obj["metadata"]["resourceVersion"])

    @property
    def name(self):
        return self.obj["metadata"]["name"]


class Watch(threading.Thread):
    """Records every state of a collection, from now on until stop(). States come in the order in which etcd took
    them, so a property of all recorded states held at every instant."""

    def __init__(self, api, path, selector=None):
        super().__init__(daemon=True)
        self.api, self.path = api, path
        self.query = {"labelSelector": selector} if selector else {}
        self.events, self.lock = [], threading.Lock()
        self.stopping, self.conn, self.error = False, None, None
        self._list()
        self.start()

    def _list(self):
        """The present state; after a gap (the server forgot the versions between) as the changes that it amounts to."""
        listed = self.api.get(self.path + ("?" + urllib.parse.urlencode(self.query) if self.query else ""))
        self.version = listed["metadata"]["resourceVersion"]
        with self.lock:
            known = {}
            for event in self.events:
                known[event.obj["metadata"]["uid"]] = event
            for item in listed["items"]:
                seen = known.pop(item["metadata"]["uid"], None)
                self.events.append(Event("MODIFIED" if seen else "ADDED", item, time.monotonic(), gap=True))
            for event in known.values():
                if event.kind != "DELETED":
                    self.events.append(Event("DELETED", event.obj, time.monotonic(), self.version, gap=True))

    def run(self):
        while not self.stopping:
            try:
                self._follow()
            except (OSError, http.client.HTTPException, ValueError, AttributeError, ApiError) as error:
                if not self.stopping:
                    self.error = error
                    time.sleep(0.2)

    def _again(self, answer):
        self.conn.close()
        if answer.get("code") != 410:
            raise OSError(f"watch of {self.path}: {answer.get('message')}")
        self._list()

    def _follow(self):
        self.conn = self.api.connection(timeout=600)
        query = {**self.query, "watch": "1", "resourceVersion": self.version, "allowWatchBookmarks": "true"}
        self.conn.request("GET", self.path + "?" + urllib.parse.urlencode(query), headers=self.api.headers())
        answer = self.conn.getresponse()
        if answer.status != 200:
            self._again(json.loads(answer.read()))
            return
        while not self.stopping:
            line = answer.readline()
            if not line:
                return
            event = json.loads(line)
            if event["type"] == "ERROR":
                self._again(event["object"])
                return
            self.version = event["object"]["metadata"]["resourceVersion"]
            if event["type"] != "BOOKMARK":
                with self.lock:
                    self.events.append(Event(event["type"], event["object"], time.monotonic()))

    def history(self):
        with self.lock:
            return list(self.events)

    def stop(self):
        """The history; nothing is recorded any more."""
        self.stopping = True
        conn = self.conn
        if conn and conn.sock:
            try:
                conn.sock.shutdown(2)
            except OSError:
                pass
        self.join(5)
        return self.history()


def condition(pod, kind):
    for found in pod.get("status", {}).get("conditions", []):
        if found["type"] == kind:
            return found["status"]
    return None


def pod_available(pod):
    """Serves: Ready, not being updated, not going."""
    return (
        not pod["metadata"].get("deletionTimestamp")
        and condition(pod, "Ready") == "True"
        and condition(pod, "InPlaceUpdateReady") in (None, "True")
    )


def lowest_availability(history):
    """(fewest available Pods in any state, most Pods in any state), once all that are there at the start were."""
    pods, lowest, most = {}, None, 0
    started = False
    initial = sum(1 for event in history if event.kind == "ADDED" and event.at <= history[0].at + 0.001)
    for number, event in enumerate(history, 1):
        if event.kind == "DELETED":
            pods.pop(event.name, None)
        else:
            pods[event.name] = event.obj
        started = started or number >= initial
        if started:
            available = sum(1 for pod in pods.values() if pod_available(pod))
            lowest = available if lowest is None else min(lowest, available)
            most = max(most, sum(1 for pod in pods.values() if not pod["metadata"].get("deletionTimestamp")))
    return lowest, most


def instance_id(obj):
    return obj["metadata"].get("labels", {}).get(ID_LABEL)


def uids(objects):
    return {obj["metadata"]["name"]: obj["metadata"]["uid"] for obj in objects}


def controller_of(obj):
    for owner in obj["metadata"].get("ownerReferences", []):
        if owner.get("controller"):
            return owner
    return None


class Set:
    """One CloneSet and what belongs to it, read from the API whenever asked."""

    def __init__(self, api, name, namespace="default", selector=None):
        self.api, self.name, self.namespace = api, name, namespace
        self.selector = selector or f"app={name}"
        self.path = f"{GROUP}/namespaces/{namespace}/clonesets/{name}"
        self.pods_path = f"/api/v1/namespaces/{namespace}/pods"
        self.claims_path = f"/api/v1/namespaces/{namespace}/persistentvolumeclaims"

    def get(self):
        return self.api.get(self.path)

    def status(self):
        return self.get().get("status", {})

    def pods(self, terminating=False):
        found = self.api.items(self.pods_path, self.selector)
        return [pod for pod in found if terminating or not pod["metadata"].get("deletionTimestamp")]

    def claims(self, terminating=False):
        found = self.api.items(self.claims_path, self.selector)
        return [claim for claim in found if terminating or not claim["metadata"].get("deletionTimestamp")]

    def pod(self, name):
        return self.api.find(f"{self.pods_path}/{name}")

    def claim(self, name):
        return self.api.find(f"{self.claims_path}/{name}")

    def settled(self, replicas, image=None):
        """True when exactly so many Pods are there, all serving, all of the newest revision, and status says so."""
        whole = self.get()
        status = whole.get("status", {})
        pods = self.pods(terminating=True)
        wanted = {
            "observedGeneration": whole["metadata"]["generation"],
            "replicas": replicas,
            "readyReplicas": replicas,
            "availableReplicas": replicas,
            "updatedReplicas": replicas,
        }
        got = {key: status.get(key) for key in wanted}
        check(got == wanted, f"{self.name}: status {got}, wanted {wanted}")
        check(len(pods) == replicas, f"{self.name}: {len(pods)} Pods, wanted {replicas}")
        late = [pod["metadata"]["name"] for pod in pods if not pod_available(pod)]
        check(not late, f"not available: {late}")
        if image:
            images = {pod["spec"]["containers"][0]["image"] for pod in pods}
            check(images == {image}, f"{self.name}: images {images}, wanted {image}")
        return True

    def wait_settled(self, replicas, image=None, timeout=60):
        wait_until(f"{self.name} settles at {replicas}", lambda: self.settled(replicas, image), timeout)

    def events(self):
        found = self.api.items(f"/api/v1/namespaces/{self.namespace}/events")
        return [event for event in found if event["involvedObject"].get("name") == self.name]


def no_orphans(which, spare=0):
    """Every Pod has its claim, and all but `spare` claims their Pod; nothing is there twice."""
    pods = sorted(instance_id(pod) for pod in which.pods(terminating=True))
    claims = sorted(instance_id(claim) for claim in which.claims(terminating=True))
    check(claims == pods or (spare and set(pods) <= set(claims) and len(claims) <= len(pods) + spare),
          f"ids of claims {claims}, of Pods {pods}")
    return True


def reachable(condition):
    """condition(); False while the API server is away."""
    try:
        return condition()
    except (OSError, http.client.HTTPException, ApiError):
        return False


def fetch(url, timeout=5):
    """Body of a page, by curl, as a user would look at it."""
    done = subprocess.run(
        ["curl", "-fsS", "-m", str(timeout), url], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False
    )
    if done.returncode:
        raise Failure(f"curl {url}: {done.stderr.strip()}")
    return done.stdout


if __name__ == "__main__":
    sys.exit("a library; see test/e2e and test/integration")
