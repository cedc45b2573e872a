# SPDX-License-Identifier: Apache-2.0
"""A proxy between a program and the API server that plays tricks.

It listens on plain HTTP at 127.0.0.1 and forwards by HTTPS with the caller's own
Authorization header. Rules decide what happens to a request; without one it
passes. What went through is counted, so that a test can tell that its fault struck.
"""

import http.client
import http.server
import json
import re
import socket
import ssl
import threading
import time
import urllib.parse

STATUS_REASONS = {404: "NotFound", 409: "Conflict", 410: "Expired", 429: "TooManyRequests", 500: "InternalError",
                  503: "ServiceUnavailable", 504: "Timeout"}


class Rule:
    """What to do with requests whose `METHOD path?query` matches.

    status: answer that instead of forwarding (retry_after: seconds for the header).
    lost: "before" or "after": break the connection before, or after, the server has done it.
    delay: seconds to wait before forwarding. watch_status: a watch gets this as its first event.
    cut: bytes after which an answer is broken off. cut_watch: the same of a watch. times: for how many requests (None: for all).
    """

    def __init__(self, pattern, times=None, every=1, status=None, retry_after=None, lost=None, delay=0.0, cut=None,
                 watch_status=None, cut_watch=None):
        self.pattern, self.times, self.every = re.compile(pattern), times, every
        self.status, self.retry_after, self.lost, self.delay = status, retry_after, lost, delay
        self.cut, self.watch_status, self.cut_watch = cut, watch_status, cut_watch
        self.seen = self.struck = 0
        self.at = []  # monotonic time of each request that it struck

    def strikes(self, text):
        if not self.pattern.search(text) or (self.times is not None and self.struck >= self.times):
            return False
        self.seen += 1
        if (self.seen - 1) % self.every:
            return False
        self.struck += 1
        self.at.append(time.monotonic())
        return True


class Broken(Exception):
    pass


class FaultProxy:
    def __init__(self, server, ca_file):
        url = urllib.parse.urlsplit(server)
        self.target = (url.hostname, url.port)
        self.ssl = ssl.create_default_context(cafile=ca_file)
        self.rules, self.lock = [], threading.Lock()
        self.requests = []  # (monotonic time, "METHOD path", status)
        self.sockets = set()
        self.watches_flow, self.calls_flow = threading.Event(), threading.Event()
        self.held = {"watch": 0, "call": 0}  # what a freeze has held up
        self.thaw()
        outer = self

        class Handler(_Handler):
            proxy = outer

        self.httpd = _Server(("127.0.0.1", 0), Handler)
        self.httpd.daemon_threads = True
        threading.Thread(target=self.httpd.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def url(self):
        return "http://127.0.0.1:%d" % self.httpd.server_address[1]

    def rule(self, *args, **settings):
        rule = Rule(*args, **settings)
        with self.lock:
            self.rules.append(rule)
        return rule

    def clear(self):
        with self.lock:
            self.rules = []

    def strike(self, text):
        with self.lock:
            for rule in self.rules:
                if rule.strikes(text):
                    return rule
        return None

    def freeze(self, calls=False):
        """Nothing that a watch brings arrives any more, no connection ends; with calls, no other request either. They go on
        their way after thaw(), however late."""
        self.watches_flow.clear()
        if calls:
            self.calls_flow.clear()

    def thaw(self):
        self.watches_flow.set()
        self.calls_flow.set()

    def pass_by(self, kind):
        flow = self.watches_flow if kind == "watch" else self.calls_flow
        if not flow.is_set():
            with self.lock:
                self.held[kind] += 1
            flow.wait()

    def break_all(self):
        """Every connection that is open breaks, watches too."""
        with self.lock:
            for sock in list(self.sockets):
                try:
                    sock.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

    def stop(self):
        self.thaw()
        self.httpd.shutdown()
        self.break_all()
        self.httpd.server_close()


class _Server(http.server.ThreadingHTTPServer):
    request_queue_size = 128

    def handle_error(self, *_):
        """Broken connections are what this is for."""


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    proxy = None

    def setup(self):
        super().setup()
        with self.proxy.lock:
            self.proxy.sockets.add(self.connection)

    def finish(self):
        with self.proxy.lock:
            self.proxy.sockets.discard(self.connection)
        try:
            super().finish()
        except OSError:
            pass

    def log_message(self, *_):
        pass

    def handle_any(self):
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length) if length else None
        text = f"{self.command} {self.path}"
        rule = self.proxy.strike(text)
        try:
            status = self.forward(text, body, rule)
        except (OSError, http.client.HTTPException, Broken):
            self.close_connection = True
            status = 0
            try:
                self.connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self.proxy.requests.append((time.monotonic(), text, status))

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any

    def forward(self, text, body, rule):
        if rule and rule.delay:
            time.sleep(rule.delay)
        if rule and rule.lost == "before":
            raise Broken
        if rule and rule.status:
            return self.answer_status(rule.status, rule.retry_after)
        if rule and rule.watch_status:
            return self.answer_watch(rule.watch_status)
        if "watch=" not in self.path:
            self.proxy.pass_by("call")
        conn = http.client.HTTPSConnection(*self.proxy.target, context=self.proxy.ssl, timeout=600)
        try:
            headers = {key: value for key, value in self.headers.items()
                       if key.lower() not in ("host", "connection", "accept-encoding")}
            conn.request(self.command, self.path, body, headers)
            answer = conn.getresponse()
            if "watch=" in self.path:
                self.stream(answer, rule.cut_watch if rule else None)
            else:
                self.whole(answer, rule)
            return answer.status
        finally:
            conn.close()

    def whole(self, answer, rule):
        data = answer.read()
        if rule and rule.lost == "after":
            raise Broken
        self.send_response(answer.status)
        for key, value in answer.getheaders():
            if key.lower() not in ("transfer-encoding", "content-length", "connection", "date", "server"):
                self.send_header(key, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if rule and rule.cut is not None:
            self.wfile.write(data[: rule.cut])
            raise Broken
        self.wfile.write(data)

    def stream(self, answer, left=None):
        self.send_response(answer.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.flush()
        while True:
            data = answer.read1(65536)
            if not data:
                break
            self.proxy.pass_by("watch")
            if left is not None:
                data, left = data[:left], left - len(data)
            self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
            self.wfile.flush()
            if left is not None and left <= 0:
                raise Broken
        self.wfile.write(b"0\r\n\r\n")

    @staticmethod
    def status_body(code):
        return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "code": code,
                "reason": STATUS_REASONS.get(code, ""), "message": f"a fault of the test: {code}"}

    def answer_status(self, code, retry_after):
        data = json.dumps(self.status_body(code)).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        if retry_after is not None:
            self.send_header("Retry-After", str(retry_after))
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
        return code

    def answer_watch(self, code):
        line = json.dumps({"type": "ERROR", "object": self.status_body(code)}).encode() + b"\n"
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(line)))
        self.end_headers()
        self.wfile.write(line)
        return 200
