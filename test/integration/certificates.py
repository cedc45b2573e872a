# SPDX-License-Identifier: Apache-2.0
"""Certificates of the webhook: rotation under load, and what others overwrite is repaired."""

import base64
import signal
import socket
import threading
import time

import bed as beds
import product
from admission_loop import AdmissionLoop
from bed import openssl_serial
from harness import check, check_equal, wait_until

TESTS = []


def test(function):
    TESTS.append((function.__name__.replace("_", " "), function))
    return function


def bundles(bed):
    found = [entry["clientConfig"].get("caBundle") for path in (beds.MUTATING, beds.VALIDATING)
             for entry in bed.api.get(path).get("webhooks") or []]
    return found


class Balancer:
    """One address for several ports, as a Service is: each connection goes to the next of them and stays there."""

    def __init__(self):
        self.ports, self.turn = [], 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client = self.listener.accept()[0]
            except OSError:
                return
            self.turn += 1
            try:
                server = socket.create_connection(("127.0.0.1", self.ports[self.turn % len(self.ports)]), timeout=10)
            except OSError:
                client.close()
                continue
            server.settimeout(None)
            for pair in ((client, server), (server, client)):
                threading.Thread(target=self.copy, args=pair, daemon=True).start()

    @staticmethod
    def copy(source, target):
        try:
            while data := source.recv(65536):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def close(self):
        self.listener.close()


def overwrite_bundles(bed):
    """With a CA of the cluster's beside ours, as tools do that inject one. With ours taken away calls fail until it is back: no
    server can do anything about that but to be quick (a foreign bundle is repaired within seconds)."""
    with open(bed.ca_file, "rb") as file:
        foreign = file.read()
    for path in (beds.MUTATING, beds.VALIDATING):
        entries = bed.api.get(path)["webhooks"]
        for entry in entries:
            ours = base64.b64decode(entry["clientConfig"]["caBundle"])
            entry["clientConfig"]["caBundle"] = base64.b64encode(foreign + ours).decode()
        bed.api.merge(path, {"webhooks": entries})
    return base64.b64encode(foreign).decode()[:-4]


def settled_bundles(bed):
    """Once they are all the same: what an earlier test made the webhook write may be on its way, at a pace."""
    bed.ensure_webhook()

    def same():
        found = bundles(bed)
        return found if len(found) == 3 and len(set(found)) == 1 and found[0] else None

    return wait_until("three entries with the same bundle", same, 30)


@test
def a_foreign_bundle_is_repaired_within_seconds(bed):
    good = settled_bundles(bed)
    for path in (beds.MUTATING, beds.VALIDATING):
        broken = bed.api.get(path)["webhooks"]
        for entry in broken:
            entry["clientConfig"]["caBundle"] = "Cg=="
        bed.api.merge(path, {"webhooks": broken})
    begin = time.monotonic()
    wait_until("the bundles are right again", lambda: bundles(bed) == good, 15)
    check(time.monotonic() - begin < 5, f"it took {time.monotonic() - begin:.1f} s")
    bed.wait_registered()


@test
def removed_entries_come_back(bed):
    good = settled_bundles(bed)
    bed.api.merge(beds.VALIDATING, {"webhooks": []})
    wait_until("the entries are back", lambda: bundles(bed) == good, 15)
    bed.wait_registered()


@test
def an_emptied_secret_is_filled_again_and_nobody_notices(bed):
    program = bed.ensure_webhook()
    loop = AdmissionLoop(bed.api)
    before = openssl_serial(program.https_port)
    bed.api.merge(beds.SECRET, {"data": None})
    wait_until("the Secret has a pair again", lambda: (bed.api.get(beds.SECRET).get("data") or {}).get("tls.crt"), 30)
    so_far = loop.done
    wait_until("more than 20 calls since", lambda: loop.done > so_far + 20, 30)
    time.sleep(2)
    loop.stop()
    check(not loop.failures, f"{loop.done} done, failures {loop.failures[:3]}")
    check_equal(openssl_serial(program.https_port), before, "the certificate served")


@test
def applying_the_manifests_again_leaves_the_entries(bed):
    bed.ensure_webhook()
    wait_until("all entries have the same bundle", lambda: len(set(bundles(bed))) == 1, 30)
    good = bundles(bed)
    loop = AdmissionLoop(bed.api)
    bed.install()
    so_far = loop.done
    wait_until("more than 20 calls since", lambda: loop.done > so_far + 20, 30)
    loop.stop()
    check_equal(bundles(bed), good, "bundles")
    check(not loop.failures, f"failures {loop.failures[:3]}")


@test
def leaf_and_ca_rotate_under_load_without_a_failed_call(bed):
    bed.stop_webhook()
    bed.api.merge(beds.SECRET, {"data": None})
    program = bed.start_webhook("--leaf-lifetime=15s", "--ca-lifetime=1m").start().wait_ready()
    bed.wait_registered()
    loop = AdmissionLoop(bed.api, 0.01)
    serials, issuers = set(), set()
    deadline = time.monotonic() + 150
    while time.monotonic() < deadline and not (len(serials) >= 4 and len(issuers) >= 2):
        serial, issuer = openssl_serial(program.https_port)
        serials.add(serial)
        issuers.add(issuer)
        check(program.alive(), f"it ended: {program.tail()}")
        time.sleep(0.5)
    time.sleep(3)
    loop.stop()
    check(len(serials) >= 4, f"{len(serials)} leaves were served")
    check(len(issuers) >= 2, f"{len(issuers)} CAs")
    check(not loop.failures, f"{len(loop.failures)} of {loop.done} calls failed: {loop.failures[:3]}")
    check(loop.done > 500, f"only {loop.done} calls")
    program.stop()
    bed.api.merge(beds.SECRET, {"data": None})
    bed.ensure_webhook()


@test
def no_call_fails_while_replicas_roll_certificates_rotate_and_bundles_are_overwritten(bed):
    """Two replicas behind an address, as the Service has them: each is replaced in turn, with a delay, under
    certificates of seconds, while somebody writes other bundles."""
    bed.stop_webhook()
    bed.remove_entries()
    bed.api.merge(beds.SECRET, {"data": None})
    address = Balancer()

    def replica():
        lives = ("--leaf-lifetime=20s", "--ca-lifetime=2m")
        program = bed.start_webhook(*lives, f"--webhook-url=https://127.0.0.1:{address.port}", "--shutdown-delay=2s").start()
        program.wait_ready()
        return program

    replicas = [replica(), replica()]
    address.ports = [program.https_port for program in replicas]
    try:
        bed.wait_registered()
        product.wait_strict(bed.api)
        loop, serials = AdmissionLoop(bed.api, 0.01), set()
        for turn in range(6):
            old = replicas[turn % 2]
            new = replica()  # a rolling update has maxSurge 1
            address.ports = [program.https_port for program in (*replicas, new)]
            replicas[turn % 2] = new
            old.signal(signal.SIGTERM)  # serves on for its delay …
            time.sleep(0.5)
            address.ports = [program.https_port for program in replicas]  # … in which the endpoints change
            foreign = overwrite_bundles(bed)
            wait_until("the bundles are ours again", lambda: not any(found.startswith(foreign) for found in bundles(bed)), 15)
            old.end(20)
            old.check_ended_well()
            serials.add(openssl_serial(new.https_port)[0])
            time.sleep(1.5)
        loop.stop()
        check(len(serials) >= 2, f"the certificate did not change: {serials}")
        check(loop.done > 200, f"only {loop.done} calls")
        check(not loop.failures, f"{len(loop.failures)} of {loop.done} calls failed: {loop.failures[:3]}")
        print(f"   {loop.done} calls, {len(serials)} certificates, the slowest {loop.slowest:.2f} s")
    finally:
        address.close()
        for program in replicas:
            program.kill()
        bed.remove_entries()
        bed.api.merge(beds.SECRET, {"data": None})
    bed.ensure_webhook()


@test
def a_restart_keeps_the_certificate(bed):
    program = bed.ensure_webhook()
    before = openssl_serial(program.https_port)
    program.kill()
    bed.webhook = bed.start_webhook(port=program.https_port).start().wait_ready(10)
    check_equal(openssl_serial(program.https_port), before, "certificate")
