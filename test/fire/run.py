#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The webhook under fire: real cloneset-webhook without a cluster, attacked, while honest clients are answered all the time.

usage: run.py [--only REGEX] [--list]
environment: SANITIZE=address,undefined (then memory is not judged)

In each test honest clients go on beside (stage.Fire): admission on a kept connection, admission each on a new one, a probe each
on a new one. None may fail or be late, and memory, descriptors and threads stay within bounds.
"""

import argparse
import concurrent.futures
import json
import os
import re
import resource
import shutil
import socket
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "lib")]
# pylint: disable=wrong-import-position
import kube  # noqa: E402
import product  # noqa: E402
import scan  # noqa: E402
import shapes  # noqa: E402
import stage as stages  # noqa: E402
from harness import Suite, check, check_equal, end_on_signals, progress, wait_until  # noqa: E402
from stage import (CONVERT, INSTANCE_ID, MUTATE, VALIDATE, Fire, Stage, connect, flood_result, read_answer,  # noqa: E402
                   request, review, talk)

TESTS = []


def test(function):
    TESTS.append((function.__name__.replace("_", " "), function))
    return function


# ---- connections


@test
def ten_thousand_silent_connections(stage):
    with Fire(stage):
        result = stage.flooded("silent", 10000, 2)
    print(f"   {result}")
    check(result["made"] >= 9900, f"only {result['made']} were made")
    check(result["open"] <= stages.CONNECTIONS + 64, f"{result['open']} are still open")
    check(result["open"] >= stages.CONNECTIONS / 2, "they were not many enough to matter")


@test
def hundreds_that_stop_in_the_handshake(stage):
    with Fire(stage):
        print(f"   {stage.flooded('greeted', 600, 1)}")
        print(f"   {stage.flooded('half-closed', 200, 1)}")


@test
def more_handshakes_than_there_are_places(stage):
    with Fire(stage):
        result = stage.flooded("handshake", 600, 1)
    print(f"   {result}")
    check(result["open"] <= stages.CONNECTIONS + 64, f"{result['open']} are still open")


@test
def more_than_there_are_places_prove_themselves_first(stage):
    with Fire(stage):
        result = stage.flooded("proven", 600, 1)
    print(f"   {result}")
    check(result["open"] >= stages.CONNECTIONS / 2, "they were not many enough to matter")


@test
def idle_attackers_keep_no_thread_busy(stage):
    floods = [stage.flood(kind, 20, 5) for kind in ("silent", "slow-body", "endless", "greeted")]
    time.sleep(2.5)
    before, begin = stage.program.sleeps(), time.monotonic()
    time.sleep(1.5)
    after, took = stage.program.sleeps(), time.monotonic() - begin
    for flood in floods:
        flood_result(flood)
    for task, (wanted, slept) in after.items():
        wanted, slept = wanted - before[task][0], slept - before[task][1]
        check(wanted < 0.8 * took or slept > 2, f"a thread wanted the CPU for {wanted:.1f} of {took:.1f} s, and slept {slept} times")


@test
def resets_at_every_stage(stage):
    with Fire(stage):
        print(f"   {stage.flooded('reset', 3000, 0.5)}")
        print(f"   {stage.flooded('reset-later', 300, 0.5)}")


@test
def garbage_instead_of_tls(stage):
    with Fire(stage):
        result = stage.flooded("garbage", 300, 1)
    print(f"   {result}")
    check_equal(talk(stage.program.https_port, request(review()), 3, False), ([], True), "plain HTTP on the TLS port")


@test
def the_probe_ports_are_not_blocked(stage):
    """64 silent ones would be enough to have the kubelet kill the Pod."""
    with Fire(stage):
        floods = [stage.flood(kind, 1000, 2, stage.program.health_port) for kind in ("silent", "http-head")]
        floods.append(stage.flood("http-head", 500, 2, stage.program.port))
        time.sleep(2)
        begin = time.monotonic()
        check_equal(stage.program.get("/metrics")[0], 200, "metrics")
        check(time.monotonic() - begin < stages.PROBE_S, "metrics came late")
        for flood in floods:
            flood_result(flood)


@test
def a_hundred_connections_take_little_memory_and_give_it_back(stage):
    """RSS of at most 16 MB at 100 connections that were used; and what they took returns to the system, not to the heap only."""
    program = stage.webhook().start().wait_ready()
    begin, socks = program.memory_kb(), []
    try:
        for _ in range(100):
            socks.append(connect(program.https_port))
            for path in (MUTATE, VALIDATE, VALIDATE):
                socks[-1].sendall(request(review("u" * 4000), path))  # 4 KB in, and out
                check_equal(read_answer(socks[-1])[0], 200, "an answer")
        used = program.memory_kb()
    finally:
        for sock in socks:
            sock.close()
    print(f"   {begin} at first, {used} with 100 connections")
    if not stage.sanitized:
        check(used["VmRSS"] <= 16000, f"{used} with 100 connections")
        wait_until("memory is given back", lambda: program.memory_kb()["RssAnon"] < begin["RssAnon"] + 1000, 45, 1)
    program.stop()


# ---- requests


@test
def large_and_endless_bodies(stage):
    """30 bodies of 7 MiB that stop before the end are 210 MiB; 10 answers of 6 MiB that nobody reads are 60."""
    with Fire(stage):
        floods = [stage.flood("large", 30, 1), stage.flood("unread", 10, 1), stage.flood("endless", 60, 1)]
        print("   " + "; ".join(str(flood_result(flood)) for flood in floods))
    answers, closed = talk(stage.program.https_port, shapes.head(f"Content-Length: {(7 << 20) + 1}\r\n"))
    check_equal(([answer[0] for answer in answers], closed), ([413], True), "a body announced as too large, before it is sent")


@test
def a_thousand_requests_in_one_piece_are_answered_in_order(stage):
    with Fire(stage):
        with connect(stage.program.https_port, timeout=20) as sock:
            sock.sendall(b"".join(request(review(f"u-{n}")) for n in range(1000)))
            kept = b""
            for number in range(1000):
                status, _, body, kept = read_answer(sock, kept)
                check_equal((status, json.loads(body)["response"]["uid"]), (200, f"u-{number}"), "answer")
            check_equal(kept, b"", "more than was asked for")


@test
def a_flood_of_refusals_does_not_fill_the_log(stage):
    """Of what a stranger can cause, ten seconds hold so many lines; how many more there were is told, at the latest at the end."""
    program, most = stage.webhook().start().wait_ready(), {"request refused": 50, "denied": 200, "conversion failed": 50}
    wrong = json.dumps({"kind": "ConversionReview", "apiVersion": "apiextensions.k8s.io/v1", "request": {
        "uid": "u", "desiredAPIVersion": "apps.kruise.io/v1beta1", "objects": [{"kind": "Pod", "apiVersion": "v1"}]}}).encode()
    sent = {"request refused": request(b"{}", "/nowhere"), "denied": request(review(replicas=-1)),
            "conversion failed": request(wrong, CONVERT)}
    begin = time.monotonic()
    for what, data in sent.items():
        with connect(program.https_port, timeout=20) as sock:
            sock.sendall(data * 1000)
            kept = b""
            for _ in range(1000):
                status, _, _, kept = read_answer(sock, kept)
                check_equal(status, 404 if what == "request refused" else 200, what)
    windows = 1 + (time.monotonic() - begin) // 10
    program.stop()
    log = program.log()
    for what, limit in most.items():
        lines = len(re.findall(f"(?:INFO|WARN) {what}", log))
        told = sum(map(int, re.findall(f'not logged like="?{what}"? count=([0-9]+)', log)))
        check(limit <= lines <= limit * windows, f"{what}: {lines} lines in {windows:.0f} windows, {limit} in each at most")
        check_equal(lines + told, 1000, f"{what}: lines, and those that were told as not logged")


@test
def smuggling_shapes(stage):
    port = stage.program.https_port

    def refused(row):
        what, data, statuses = row
        answers, closed = talk(port, data + shapes.SECOND)
        check(closed, f"{what}: the connection is kept")
        got = [answer[0] for answer in answers]
        # libmicrohttpd's own refusal of a bad Content-Length comes with its head twice.
        check((got[:1] or [0])[0] in statuses and len(set(got)) <= 1, f"{what}: {got}")
        check(not any(b'"uid"' in answer[2] for answer in answers), f"{what}: what follows is answered: {answers}")

    def answered(row):
        what, data, statuses = row
        answers, closed = talk(port, data + shapes.SECOND, 0.7)
        check(not closed, f"{what}: closed")
        got = [answer[0] for answer in answers]
        check(len(got) == 2 and got[0] in statuses and got[1] == 200, f"{what}: {got}")
        check_equal(json.loads(answers[-1][2])["response"]["uid"], "second", what)

    with Fire(stage), concurrent.futures.ThreadPoolExecutor(4) as pool:
        list(pool.map(refused, shapes.REFUSED))
        list(pool.map(answered, shapes.ANSWERED))
    print(f"   {len(shapes.REFUSED)} refused, {len(shapes.ANSWERED)} answered once")


# ---- what answers


def put_question(sock, method, path, body=b"", content_type="application/json"):
    length = f"Content-Length: {len(body)}\r\n" if body or method in ("POST", "PUT", "PATCH") else ""
    sock.sendall(f"{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Type: {content_type}\r\n{length}\r\n".encode() + body)
    return read_answer(sock, head=method == "HEAD")[:3]


def ask(port, method, path, body=b"", context=None, content_type="application/json"):
    with connect(port, context, 5) as sock:
        return put_question(sock, method, path, body, content_type)


METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PROPFIND", "get", "POSTX")
PATHS = ("/", "/healthz", "/livez", "/readyz", "/metrics", MUTATE, VALIDATE, INSTANCE_ID, CONVERT, "/debug/pprof/",
         "/debug/flags/v", "/version",
         "/configz", "/healthz/", "//healthz", "/healthz/../metrics", "/metrics/x", "/favicon.ico", "/.git/config", "/api",
         "*", "/%2e%2e/metrics", VALIDATE + "/", VALIDATE.upper(), "/proc/self/environ")


@test
def only_what_is_documented_answers(stage):
    """Each path with each method at each port."""
    program, good = stage.program, {200: 0, 404: 0, 405: 0, 400: 0}
    ports = {"webhook": (program.https_port, None, {}), "health": (program.health_port, False, {}),
             "metrics": (program.port, False, {})}
    for path in (MUTATE, VALIDATE, INSTANCE_ID, CONVERT):
        ports["webhook"][2][path] = ("POST",)
    for path in ("/healthz", "/livez", "/readyz"):
        ports["health"][2][path] = ("GET", "HEAD")
    ports["metrics"][2]["/metrics"] = ("GET", "HEAD")

    def judge(name, method, path, answer):
        documented, (status, top, body) = ports[name][2], answer
        what = f"{name}: {method} {path}: {status} {body[:100]}"
        if path not in documented:
            # The probe ports look at the method first, the webhook at the path.
            wanted = 404 if name == "webhook" or method in ("GET", "HEAD") else 405
        elif method in documented[path]:
            wanted = 400 if name == "webhook" else 200  # "{}" is no review
        else:
            wanted = 405
            check("\nAllow: " in top, f"{what}: no word of what is allowed")
        check_equal(status, wanted, what)
        check(status == 200 or len(body) < 400, f"{what}: {len(body)} bytes")
        check("Server:" not in top, what)
        return status

    def all_paths(job):
        name, method = job
        port, context, _ = ports[name]
        with connect(port, context) as sock:
            body = b"{}" if method == "POST" else b""
            return [judge(name, method, path, put_question(sock, method, path, body)) for path in PATHS]

    jobs = [(name, method) for name in ports for method in METHODS]
    with Fire(stage), concurrent.futures.ThreadPoolExecutor(4) as pool:
        for statuses in pool.map(all_paths, jobs):
            for status in statuses:
                good[status] += 1
    for path in (MUTATE, VALIDATE):
        check_equal(ask(program.https_port, "POST", path, review())[0], 200, path)
    check_equal(ask(program.https_port, "POST", VALIDATE, review(), None, "text/plain")[0], 415, "text/plain")
    print(f"   {len(jobs) * len(PATHS)} requests: {good}")


@test
def no_secret_in_what_anybody_may_read(stage):
    """Key material, what is in objects, who asked; also not after refusals that quote the object to the one who sent it."""
    marker = "s3cr3t-7d1f"
    env = [{"name": "c", "image": "i", "env": [{"name": "PASSWORD", "value": marker}],
            "volumeMounts": [{"name": "nope", "mountPath": "/x"}]}]
    spec = {"template": {"metadata": {"labels": {"app": "good"}, "annotations": {"token": marker}}, "spec": {"containers": env}}}
    body = json.loads(review(**spec))
    body["request"]["userInfo"] = {"username": f"user-{marker}", "extra": {"token": [marker]}}
    body["request"]["namespace"] = f"space-{marker}"
    for _ in range(2):
        status, _, answer = ask(stage.program.https_port, "POST", VALIDATE, json.dumps(body).encode())
        check_equal((status, json.loads(answer)["response"]["allowed"]), (200, False), "the refusal")
    ask(stage.program.https_port, "POST", "/" + marker)
    ask(stage.program.health_port, "GET", f"/healthz?token={marker}", context=False)
    with open(os.path.join(stage.certs, "tls.key"), encoding="utf-8") as file:
        key = [row for row in file.read().splitlines() if not row.startswith("--")]
    seen = {path: stage.program.get(path)[1] for path in ("/metrics", "/healthz", "/livez", "/readyz")}
    check("denied_total" in seen["/metrics"], "the refusals are not counted")
    for path, text in seen.items():
        for secret in (marker, "PRIVATE KEY", stage.certs, *key):
            check(secret not in text, f"{path} holds {secret}")
        check(path == "/metrics" or text == "ok\n", f"{path}: {text}")
    log = stage.program.log()
    check("PASSWORD" not in log and not any(row in log for row in key), "the log holds what it should not")


# ---- TLS


@test
def tls_as_sslyze_sees_it(stage):
    with Fire(stage):
        number = scan.check_sslyze(os.path.join(kube.ROOT, "build"), stage.program.https_port, stage.logs)
    print(f"   {number} suites, all with forward secrecy")


@test
def tls_as_openssl_sees_it(stage):
    with Fire(stage):
        good, tried = scan.check_openssl(stage.program.https_port)
        scan.check_renegotiation(stage.program.https_port)
        scan.check_no_http2(stage.program.https_port)
    print(f"   {good} of {tried} suites of TLS 1.2")


@test
def only_clients_with_the_right_certificate(stage):
    ca, other = stage.make_certificate("ca", "ca"), stage.make_certificate("other-ca", "ca")
    good = stage.make_certificate("apiserver", "kube-apiserver", ca, "clientAuth")
    bad = {"no certificate": None, "another CA": stage.make_certificate("stranger", "kube-apiserver", other, "clientAuth"),
           "another name": stage.make_certificate("kubelet", "kubelet", ca, "clientAuth"),
           "a server's": stage.make_certificate("server", "kube-apiserver", ca, "serverAuth")}
    program = stage.webhook(f"--client-ca-file={ca}.crt", "--client-allowed-names=front,kube-apiserver").start().wait_ready()
    port = program.https_port
    for _ in range(3):
        check_equal(talk(port, request(review()), 1, stages.client_context(good))[0][0][0], 200, "the API server")
        for what, path in bad.items():
            check_equal(talk(port, request(review()), 5, stages.client_context(path)), ([], True), what)
    for path in ("/healthz", "/readyz", "/metrics"):
        check_equal(program.get(path)[0], 200, f"{path}, without a certificate")
    program.stop(10)


# ---- in the end


@test
def slow_headers_had_ten_seconds_and_slow_bodies_thirty(stage):
    """They began with the suite, and say something every half second: by bytes alone they would stay for ever."""
    for flood, number, least, most in ((stage.slow_heads, 30, 9, 20), (stage.slow_bodies, 30, 29, 50)):
        result = flood_result(flood)
        print(f"   {result}")
        check_equal((result["made"], result["open"]), (number, 0), "made and still open")
        check(least < result["last_closed_s"] < most, f"the last was closed after {result['last_closed_s']} s")


@test
def everything_is_given_back(stage):
    wait_until("descriptors are closed", lambda: stage.program.descriptors() <= stage.idle_descriptors + 2, 15)
    check_equal(stage.program.threads(), stage.idle_threads, "threads")
    rss_kb = stage.program.memory_kb()["VmRSS"]
    print(f"   peaks: {stage.peak_rss_kb} KiB of memory, {stage.peak_descriptors} descriptors; now {rss_kb} KiB")
    for what, number in stage.calls.items():
        print(f"   honest calls ({what}): {number}, the slowest {1000 * stage.slowest[what]:.0f} ms")
    check(stage.sanitized or rss_kb < 40 * 1024, f"{rss_kb} KiB of memory after all is over")


@test
def sigterm_ends_it_under_fire(stage):
    floods = [stage.flood("silent", 2000, 3), stage.flood("slow-body", 100, 3), stage.flood("handshake", 200, 3)]
    time.sleep(1.5)
    took = stage.program.stop(20)
    for flood in floods:
        flood_result(flood)
    print(f"   {took:.1f} s")
    check(took < 12, f"it took {took:.1f} s, --shutdown-timeout is 10 s")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--only")
    parser.add_argument("--list", action="store_true")
    args = parser.parse_args()
    if args.list:
        print("\n".join(name for name, _ in TESTS))
        return 0
    os.chdir(kube.ROOT)
    end_on_signals()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if hard < 11000:
        print(f"FAIL set-up: at most {hard} open files are allowed, 11,000 are needed\nfire: 0 passed, 1 failed")
        return 1
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    sanitize = os.environ.get("SANITIZE", "")
    suite = Suite("fire" + (f" ({sanitize})" if sanitize else ""), args.only)
    begin, logs = time.monotonic(), tempfile.mkdtemp(prefix="cloneset-fire-")
    stage = Stage(product.build(sanitize), logs, bool(sanitize))
    try:
        stage.slow_heads, stage.slow_bodies = stage.flood("slow-head", 30, 20), stage.flood("slow-body", 30, 45)
        for name, function in TESTS:
            suite.run(name, function, stage)
    finally:
        stage.close()
        if suite.failed:
            print(f"-- logs are in {logs}")
        else:
            shutil.rmtree(logs)
    progress(f"fire took {time.monotonic() - begin:.0f} s")
    return suite.finish()


if __name__ == "__main__":
    sys.exit(main())
