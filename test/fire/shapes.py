# SPDX-License-Identifier: Apache-2.0
"""Requests that two parsers might read differently, each followed by one that must then not be seen.

Rows: what it is, its bytes, the statuses that may come back, and whether the connection is kept. Where the first is answered
by a refusal the connection must close and nothing else be answered. libmicrohttpd sends the head of some refusals twice."""

from stage import VALIDATE, request, review

BODY = review("first")
SECOND = request(review("second"))
LENGTH = f"Content-Length: {len(BODY)}\r\n"


def head(headers, start=f"POST {VALIDATE} HTTP/1.1\r\n"):
    return (start + "Host: x\r\nContent-Type: application/json\r\n" + headers + "\r\n").encode("latin-1")


def chunked(body=BODY, size=None, end=b"\r\n0\r\n\r\n"):
    return (size or b"%x\r\n" % len(body)) + body + end


def with_length(value):
    return head(f"Content-Length: {value}\r\n") + BODY


def with_encoding(value, more=""):
    return head(f"Transfer-Encoding: {value}\r\n" + more) + chunked()


REFUSED = [
    ("CL and TE", with_encoding("chunked", LENGTH), {411}),
    ("TE and CL of four bytes", with_encoding("chunked", "Content-Length: 4\r\n"), {411}),
    ("two equal CLs", head(LENGTH + LENGTH) + BODY, {400}),
    ("two CLs", head("Content-Length: 0\r\n" + LENGTH) + BODY, {400}),
    ("a list as CL", with_length(f"{len(BODY)}, {len(BODY)}"), {400}),
    ("CL with a plus", with_length(f"+{len(BODY)}"), {400}),
    ("a negative CL", with_length("-1"), {400}),
    ("CL in hex", with_length(hex(len(BODY))), {400}),
    ("a huge CL", with_length("9" * 30), {413}),
    ("CL of 8 MiB", with_length(8 << 20), {413}),
    ("an empty CL", with_length(""), {400}),
    ("a space before CL's colon", head(f"Content-Length : {len(BODY)}\r\n") + BODY, {400}),
    ("a folded CL", head(f"Content-Length:\r\n {len(BODY)}\r\n") + BODY, {411}),
    ("CL continued by a fold", head(f"Content-Length: 1\r\n {len(BODY)}\r\n") + BODY, {400, 411}),
    ("no CL", head("") + BODY, {411}),
    ("a fold in the first line", head(LENGTH, f"POST {VALIDATE} HTTP/1.1\r\n X: y\r\n") + BODY, {400}),
    ("a header without a name", head(": x\r\n" + LENGTH) + BODY, {400, 411}),
    ("a header without a colon", head("foo\r\n" + LENGTH) + BODY, {400}),
    ("a header with a NUL at first", head("\0X: y\r\n" + LENGTH) + BODY, {400, 411}),
    ("a header with a NUL in its name", head("X\0Y: y\r\n" + LENGTH) + BODY, {400}),
    ("a control character in a name", head("X\x0b: y\r\n" + LENGTH) + BODY, {400}),
    ("TE in capitals", with_encoding("CHUNKED"), {411}),
    ("an unknown TE", with_encoding("xchunked"), {411}),
    ("a list as TE", with_encoding("gzip, chunked"), {411}),
    ("chunked not last", with_encoding("chunked, identity"), {411}),
    ("two TEs", with_encoding("chunked", "Transfer-Encoding: identity\r\n"), {411}),
    ("TE after a tab", with_encoding("\tchunked"), {411}),
    ("TE with a vertical tab", with_encoding("\x0bchunked"), {411}),
    ("TE and a space", with_encoding("chunked "), {411}),
    ("a space before TE's colon", head("Transfer-Encoding : chunked\r\n") + chunked(), {400, 411}),
    ("a folded TE", head("Transfer-Encoding:\r\n chunked\r\n") + chunked(), {411}),
    ("TE in HTTP/1.0", head("Transfer-Encoding: chunked\r\n", f"POST {VALIDATE} HTTP/1.0\r\n") + chunked(), {411}),
    ("a chunk extension", head("Transfer-Encoding: chunked\r\n") + chunked(size=b"%x;a=b\r\n" % len(BODY)), {411}),
    ("an endless chunk extension", head("Transfer-Encoding: chunked\r\n") + b"1;" + b"x" * 100000, {411}),
    ("a negative chunk", head("Transfer-Encoding: chunked\r\n") + chunked(size=b"-5\r\n"), {411}),
    ("a huge chunk", head("Transfer-Encoding: chunked\r\n") + chunked(size=b"f" * 17 + b"\r\n"), {411}),
    ("a chunk as large as a number can be", head("Transfer-Encoding: chunked\r\n") + chunked(size=b"f" * 16 + b"\r\n"), {411}),
    ("trailers", head("Transfer-Encoding: chunked\r\n") + chunked(end=b"\r\n0\r\nContent-Length: 5\r\n\r\n"), {411}),
    ("1,000 headers", head("".join(f"X-{n}: y\r\n" for n in range(1000)) + LENGTH) + BODY, {431}),
    ("a header of 100 KB", head("X: " + "y" * 100000 + "\r\n" + LENGTH) + BODY, {431}),
    ("a header without an end", head("X: " + "y" * 100000)[:-2], {431}),
    ("a path of 40 KB", head(LENGTH, "POST /" + "x" * 40000 + " HTTP/1.1\r\n") + BODY, {414}),
    ("HTTP/2's preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0", {505}),
    ("HTTP/2.0", head(LENGTH, f"POST {VALIDATE} HTTP/2.0\r\n") + BODY, {505}),
    ("HTTP/0.9", b"GET /\r\n", {400}),
    ("no version", f"POST {VALIDATE}\r\n".encode() + head(LENGTH) + BODY, {400}),
    ("no HTTP", b"\1\2\3\r\n\r\n", {400, 0}),
]

# Odd, but of one meaning: answered once, and then the next request is.
ANSWERED = [
    ("in one piece with the next", request(BODY), {200}),
    ("names in other cases", head(f"CONTENT-length:{len(BODY)}\r\n") + BODY, {200}),
    ("an empty line before", b"\r\n\r\n" + request(BODY), {200}),
    ("bare LF", head(LENGTH).replace(b"\r\n", b"\n") + BODY, {200}),
    ("a fold in another header", head("X: a\r\n b\r\n" + LENGTH) + BODY, {200}),
    ("a NUL in another header's value", head("X: a\0b\r\n" + LENGTH) + BODY, {200}),
    ("Upgrade: h2c", head("Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n" + LENGTH) + BODY, {200}),
    ("GET with a body", head(LENGTH, f"GET {VALIDATE} HTTP/1.1\r\n") + BODY, {405}),
    ("CONNECT", b"CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n", {404}),
    ("an absolute URI", head(LENGTH, f"POST https://x{VALIDATE} HTTP/1.1\r\n") + BODY, {404}),
    ("a space in the path", head(LENGTH, f"POST {VALIDATE} x HTTP/1.1\r\n") + BODY, {404}),
    ("an escaped path", head(LENGTH, f"POST {VALIDATE.replace('v', '%76', 1)} HTTP/1.1\r\n") + BODY, {404}),
    ("an escaped NUL in the path", head(LENGTH, f"POST {VALIDATE}%00x HTTP/1.1\r\n") + BODY, {404}),
]
