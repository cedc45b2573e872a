#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Many hostile connections at once from one process of a test: flood.py KIND PORT NUMBER SECONDS RATE.

Opens NUMBER connections, does with them what KIND says for so long, and prints one line of JSON: how many were made, how
many of them the server had closed at the end, and after how many seconds the last. Those that cost the server a signature are
made at a pace, RATE a second: what is tried here is what they hold, not how many signatures this machine makes.
"""

import json
import os
import resource
import selectors
import socket
import ssl
import struct
import sys
import time
from dataclasses import dataclass
from typing import Callable, Optional

CONTEXT = ssl.create_default_context()
CONTEXT.check_hostname = False
CONTEXT.verify_mode = ssl.CERT_NONE
PATH = "/validate-apps-kruise-io-cloneset"
HEAD = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"


REACHED_S = 20  # how long they may take to get as far as their kind goes


def reset(sock):
    """Closes with RST instead of FIN."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def client_hello():
    conn, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    try:
        CONTEXT.wrap_bio(conn, outgoing).do_handshake()
    except ssl.SSLWantReadError:
        pass
    return outgoing.read()


HELLO = client_hello()
GARBAGE = [os.urandom(400), HELLO[:5] + os.urandom(len(HELLO) - 5), b"\x16\x03\x01\xff\xff" + b"x" * 20000,
           b"\x16\x03\x01\x00\x00" * 200,
           b"\x15\x03\x03\x00\x02\x02\x28" * 50, b"\x17\x03\x03\x40\x00" + b"y" * 16384, b"\x80\x2e\x01\x00\x02" + b"\0" * 60,
           b"\x14\x03\x03\x00\x01\x01" * 100, HELLO * 20, b"\0" * 5, (HEAD + "Content-Length: 2\r\n\r\n{}").encode()]


def with_body(path, body, short=0):
    """A request; short: so many bytes of its body are not sent."""
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    return head + body[: len(body) - short]


def conversion(version, *objects):
    return json.dumps({"apiVersion": "apiextensions.k8s.io/v1", "kind": "ConversionReview", "request": {
        "uid": "u", "desiredAPIVersion": f"apps.kruise.io/{version}", "objects": objects}}).encode()


def large_set():
    return {"apiVersion": "apps.kruise.io/v1alpha1", "kind": "CloneSet",
            "metadata": {"name": "a", "annotations": {"a": "x" * (6 << 20)}},
            "spec": {"selector": {"matchLabels": {"a": "b"}}, "template": {"metadata": {"labels": {"a": "b"}}}}}


@dataclass
class Kind:
    tls: bool = False
    first: Callable = lambda n: b""  # what the n-th sends when it is connected
    then: Optional[Callable] = None  # what is done with its socket after that
    again: bytes = b""  # what is sent every half second
    deaf: bool = False  # does not read
    signed: bool = False  # costs the server a signature


def half_close(sock):
    sock.shutdown(socket.SHUT_WR)


KINDS = {
    "silent": Kind(),
    "http-head": Kind(first=lambda n: b"GET /hea", again=b"l"),
    "greeted": Kind(first=lambda n: HELLO, signed=True),
    "half-closed": Kind(first=lambda n: HELLO, then=half_close, signed=True),
    "reset": Kind(first=lambda n: HELLO[: n % len(HELLO)], then=reset),
    "reset-later": Kind(tls=True, first=lambda n: (HEAD + "Content-Length: 1000\r\n\r\n{").encode(), then=reset, signed=True),
    "garbage": Kind(first=lambda n: GARBAGE[n % len(GARBAGE)], signed=True),
    "handshake": Kind(tls=True, signed=True),
    "slow-head": Kind(tls=True, first=lambda n: HEAD.encode(), again=b"X-A: b\r\n", signed=True),
    "slow-body": Kind(tls=True, first=lambda n: (HEAD + "Content-Length: 100000\r\n\r\n{").encode(), again=b" ", signed=True),
    "proven": Kind(tls=True, first=lambda n: with_body("/convert", conversion("v1alpha1")), signed=True),
    "large": Kind(tls=True, first=lambda n: with_body(PATH, b"x" * (7 << 20), 1)),
    "unread": Kind(tls=True, first=lambda n: with_body("/convert", conversion("v1beta1", large_set())), deaf=True),
    # A chunked body that goes on and on, and a chunk extension that does.
    "endless": Kind(tls=True, first=lambda n: (HEAD + "Transfer-Encoding: chunked\r\n\r\n").encode()
                    + (b"1;" if n % 2 else b"fffffff\r\n") + b"x" * 100000, again=b"x" * 4096, signed=True),
}


class Peer:
    def __init__(self, number, kind):
        self.number, self.kind = number, kind
        self.sock = socket.socket()
        self.sock.setblocking(False)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if kind.deaf:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.connected = self.shaken = False
        self.left = b""

    def step(self):
        """False when it is over. As far as it goes without waiting."""
        if not self.connected:
            if self.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                return False
            self.connected = True
            if self.kind.tls:
                self.sock = CONTEXT.wrap_socket(self.sock, do_handshake_on_connect=False)
        if self.kind.tls and not self.shaken:
            self.sock.do_handshake()
        if not self.shaken:
            self.shaken = True
            self.left = self.kind.first(self.number)
        self.push()
        if self.left:
            return True
        if self.kind.then:
            then, self.kind = self.kind.then, Kind()
            then(self.sock)
            return then is not reset
        return self.kind.deaf or bool(self.sock.recv(65536))

    def push(self):
        while self.left:
            sent = self.sock.send(self.left[: 1 << 18])
            self.left = self.left[sent:]


class Flood:
    def __init__(self, kind, port, number, rate):
        self.kind, self.port, self.number = kind, port, number
        self.rate = rate if kind.signed else None
        self.peers, self.selector = {}, selectors.DefaultSelector()
        self.tried = self.made = self.closed = 0
        self.begin = time.monotonic()
        self.made_s = self.last_closed_s = 0.0

    def add(self):
        peer = Peer(self.tried, self.kind)
        self.tried += 1
        self.peers[peer.sock.fileno()] = peer
        peer.sock.connect_ex(("127.0.0.1", self.port))
        self.selector.register(peer.sock.fileno(), selectors.EVENT_WRITE)

    def look(self, number):
        peer = self.peers[number]
        before, more = peer.shaken, True
        try:
            more = peer.step()
            wanted = selectors.EVENT_READ if not peer.left else selectors.EVENT_WRITE
        except (BlockingIOError, ssl.SSLWantReadError):
            wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if peer.left else 0)
        except ssl.SSLWantWriteError:
            wanted = selectors.EVENT_WRITE
        except OSError:
            more = False
        self.made += peer.shaken and not before
        if not more:
            self.drop(number)
        elif peer.kind.deaf and peer.shaken and not peer.left:
            self.selector.unregister(number)  # its answer lies there unread
        else:
            self.selector.modify(number, wanted)

    def drop(self, number):
        self.selector.unregister(number)
        self.peers.pop(number).sock.close()
        self.closed += 1
        self.last_closed_s = time.monotonic() - self.begin

    def say_again(self):
        for peer in list(self.peers.values()):
            if peer.shaken and not peer.left:
                try:
                    peer.sock.send(self.kind.again)
                except OSError:
                    pass  # the selector will tell

    def more_are_due(self, now):
        return self.tried < self.number and (not self.rate or self.tried < self.rate * (now - self.begin))

    def all_have_come_far(self):
        return all(peer.shaken and not peer.left for peer in self.peers.values())

    def run(self, seconds):
        said, reached = self.begin, None
        while not reached or time.monotonic() < reached + seconds:
            now = time.monotonic()
            for _ in range(100):
                if self.more_are_due(now):
                    self.add()
            if self.tried < self.number:
                self.made_s = now - self.begin
            elif not reached and (self.all_have_come_far() or now > self.begin + self.made_s + REACHED_S):
                reached = now
            for key, _ in self.selector.select(0.01):
                self.look(key.fd)
            if self.kind.again and now > said + 0.5:
                self.say_again()
                said = now


def main(kind, port, number, seconds, rate):
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 20000), hard))
    flood = Flood(KINDS[kind], port, number, rate)
    flood.run(seconds)
    print(json.dumps({"made": flood.made, "open": len(flood.peers), "closed": flood.closed, "made_s": round(flood.made_s, 1),
                      "last_closed_s": round(flood.last_closed_s, 1)}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]), float(sys.argv[5]))
