#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A read-only image registry over a directory that mkimage.py fills.

Speaks the pull half of the OCI distribution protocol over plain HTTP, for the
test cluster's containerd only. Every request looks into the directory anew, so
an image added while it runs can be pulled at once.

usage: registry.py DIR ADDRESS PORT
"""

import http.server
import os
import re
import shutil
import sys
import urllib.parse

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
NAME = r"(?P<name>[a-z0-9]+(?:[._/-]+[a-z0-9]+)*)"
DIGEST = r"sha256:[0-9a-f]{64}"
MANIFEST_URL = re.compile(rf"/v2/{NAME}/manifests/(?P<ref>{DIGEST}|[\w][\w.-]{{0,127}})")
BLOB_URL = re.compile(rf"/v2/{NAME}/blobs/(?P<ref>{DIGEST})")


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    root = "."

    def find(self, path):
        """The digest and media type that a path asks for, or None."""
        if match := BLOB_URL.fullmatch(path):
            return match["ref"], "application/octet-stream"
        if not (match := MANIFEST_URL.fullmatch(path)):
            return None
        if match["ref"].startswith("sha256:"):
            return match["ref"], MANIFEST
        name = match["name"].removeprefix("library/")  # what "nginx" is short for
        try:
            with open(os.path.join(self.root, "tags", name, match["ref"]), encoding="ascii") as tag:
                return tag.read().strip(), MANIFEST
        except OSError:
            return None

    def answer(self, status, media_type, body):
        self.send_response(status)
        self.send_header("Docker-Distribution-Api-Version", "registry/2.0")
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do_GET(self):
        path = urllib.parse.urlsplit(self.path).path
        if path in ("/v2", "/v2/"):
            self.answer(200, "application/json", b"{}")
            return
        found = self.find(path)
        try:
            blob = found and open(os.path.join(self.root, "blobs", found[0].replace(":", "/")), "rb")
        except OSError:
            blob = None
        if not blob:
            self.answer(404, "application/json", b'{"errors":[{"code":"NOT_FOUND","message":"no such image here"}]}')
            return
        with blob:
            self.send_response(200)
            self.send_header("Content-Type", found[1])
            self.send_header("Content-Length", str(os.fstat(blob.fileno()).st_size))
            self.send_header("Docker-Content-Digest", found[0])
            self.end_headers()
            if self.command != "HEAD":
                shutil.copyfileobj(blob, self.wfile)

    do_HEAD = do_GET

    def log_message(self, format, *args):
        sys.stderr.write(f"{self.log_date_time_string()} {format % args}\n")


def main():
    if len(sys.argv) != 4:
        raise SystemExit(__doc__)
    Handler.root = sys.argv[1]
    http.server.ThreadingHTTPServer.daemon_threads = True
    http.server.ThreadingHTTPServer((sys.argv[2], int(sys.argv[3])), Handler).serve_forever()


if __name__ == "__main__":
    main()
