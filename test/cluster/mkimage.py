#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Builds container images from files, with no container tool.

An image made here is one uncompressed layer with files in sorted order, owned by
root and dated 1970, so that the same input gives the same digest everywhere. It
is stored in a registry directory, which registry.py serves:

    DIR/blobs/sha256/HEX       layers, configurations, manifests
    DIR/tags/NAME/TAG          a line: the digest of the tag's manifest

usage: mkimage.py add DIR NAME:TAG [options]     put an image into DIR
       mkimage.py export DIR NAME:TAG FILE.tar   as an archive for `docker load`,
                                                 `ctr images import`, skopeo
       mkimage.py list DIR                       tags and digests
options of add:
  --copy SRC:DST[:MODE]  a file, or a directory with all that is in it
  --with-libs            also the shared libraries of copied programs (ldd) and
                         the loader, at the paths where it looks for them
  --link DST:TARGET      a symbolic link
  --mkdir DST[:MODE]     an empty directory
  --text DST:TEXT        a file with this one line in it
  --entrypoint JSON --cmd JSON --env NAME=VALUE --user N[:N] --workdir DIR
  --expose PORT --label NAME=VALUE
A registry's name before NAME is dropped: the tests' one registry stands for all.
"""

import argparse
import hashlib
import io
import json
import os
import platform
import posixpath
import re
import subprocess
import sys
import tarfile
import tempfile

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"
ARCH = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())


def split_name(image):
    """('nginx', 'alpine') of 'docker.io/library/nginx:alpine'; what comes before is dropped."""
    name, _, tag = image.rpartition(":") if ":" in image.rsplit("/", 1)[-1] else (image, "", "latest")
    first, slash, rest = name.partition("/")
    if slash and (re.search(r"[.:]", first) or first == "localhost"):
        name = rest
    name = name.removeprefix("library/")
    if not re.fullmatch(r"[a-z0-9]+([._/-]+[a-z0-9]+)*", name) or not re.fullmatch(r"[\w][\w.-]{0,127}", tag):
        raise SystemExit(f"mkimage: bad image name {image!r}")
    return name, tag


def write_atomically(path, data):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    fd, tmp = tempfile.mkstemp(dir=os.path.dirname(path))
    with os.fdopen(fd, "wb") as out:
        out.write(data)
    os.chmod(tmp, 0o644)
    os.rename(tmp, path)


def put_blob(root, data, media_type):
    digest = hashlib.sha256(data).hexdigest()
    path = os.path.join(root, "blobs", "sha256", digest)
    if not os.path.exists(path):
        write_atomically(path, data)
    return {"mediaType": media_type, "digest": "sha256:" + digest, "size": len(data)}


def get_blob(root, digest):
    with open(os.path.join(root, "blobs", digest.replace(":", "/")), "rb") as blob:
        return blob.read()


class Tree:
    """What goes into the layer: path without leading slash -> (TarInfo, bytes)."""

    def __init__(self):
        self.entries = {}

    def add(self, path, kind, mode, data=b"", target=""):
        path = posixpath.normpath(path).lstrip("/")
        parent = posixpath.dirname(path)
        if parent and parent not in self.entries:
            self.add(parent, tarfile.DIRTYPE, 0o755)
        info = tarfile.TarInfo(path)
        info.type, info.mode, info.size, info.linkname = kind, mode, len(data), target
        self.entries[path] = (info, data)

    def copy(self, src, dst, mode=None):
        if os.path.isdir(src):
            self.add(dst, tarfile.DIRTYPE, mode or 0o755)
            for name in os.listdir(src):
                self.copy(os.path.join(src, name), posixpath.join(dst, name))
            return
        with open(src, "rb") as file:  # a symbolic link is followed
            data = file.read()
        self.add(dst, tarfile.REGTYPE, mode or (0o755 if os.access(src, os.X_OK) else 0o644), data)

    def copy_libs_of(self, program):
        found = subprocess.run(["ldd", program], capture_output=True, text=True, check=False)
        if "not found" in found.stdout:
            raise SystemExit(f"mkimage: {program} lacks a library:\n{found.stdout}")
        for path in re.findall(r"(?:=> |^\s*)(/\S+) \(0x", found.stdout, re.M):
            self.copy(path, path, 0o755)

    def tar(self):
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as archive:
            for path in sorted(self.entries):
                info, data = self.entries[path]
                archive.addfile(info, io.BytesIO(data))
        return out.getvalue()


def build_tree(args):
    tree = Tree()
    for spec in args.mkdir:
        dst, _, mode = spec.partition(":")
        tree.add(dst, tarfile.DIRTYPE, int(mode or "755", 8))
    for spec in args.copy:
        src, dst, mode = (spec.split(":") + [""])[:3]
        tree.copy(src, dst, int(mode, 8) if mode else None)
        if args.with_libs and os.path.isfile(src) and os.access(src, os.X_OK):
            tree.copy_libs_of(src)
    for spec in args.text:
        dst, _, text = spec.partition(":")
        tree.add(dst, tarfile.REGTYPE, 0o644, (text + "\n").encode())
    for spec in args.link:
        dst, _, target = spec.partition(":")
        tree.add(dst, tarfile.SYMTYPE, 0o777, target=target)
    return tree


def run_config(args):
    config = {
        "User": args.user,
        "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"] + args.env,
        "Entrypoint": args.entrypoint,
        "Cmd": args.cmd,
        "WorkingDir": args.workdir,
        "ExposedPorts": {f"{port}/tcp": {} for port in args.expose},
        "Labels": dict(label.split("=", 1) for label in args.label),
    }
    return {key: value for key, value in config.items() if value}


def dump(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def add(args):
    name, tag = split_name(args.image)
    layer = put_blob(args.dir, build_tree(args).tar(), LAYER)
    config = {
        "architecture": ARCH,
        "os": "linux",
        "created": "1970-01-01T00:00:00Z",
        "config": run_config(args),
        "rootfs": {"type": "layers", "diff_ids": [layer["digest"]]},
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": put_blob(args.dir, dump(config), CONFIG),
        "layers": [layer],
    }
    digest = put_blob(args.dir, dump(manifest), MANIFEST)["digest"]
    write_atomically(os.path.join(args.dir, "tags", name, tag), (digest + "\n").encode())
    print(f"{name}:{tag} {digest} {layer['size'] / 1e6:.1f} MB")


def export(args):
    name, tag = split_name(args.image)
    with open(os.path.join(args.dir, "tags", name, tag), encoding="ascii") as file:
        digest = file.read().strip()
    manifest = json.loads(get_blob(args.dir, digest))
    paths = {d: "blobs/" + d.replace(":", "/") for d in [manifest["config"]["digest"], manifest["layers"][0]["digest"]]}
    config, layer = paths.values()
    full = name if "/" in name else "library/" + name
    descriptor = {"mediaType": MANIFEST, "digest": digest, "size": len(get_blob(args.dir, digest))}
    descriptor["annotations"] = {"org.opencontainers.image.ref.name": tag, "io.containerd.image.name": f"docker.io/{full}:{tag}"}
    tree = Tree()
    for path, data in [
        ("oci-layout", dump({"imageLayoutVersion": "1.0.0"})),
        ("index.json", dump({"schemaVersion": 2, "manifests": [descriptor]})),
        ("manifest.json", dump([{"Config": config, "RepoTags": [f"{name}:{tag}"], "Layers": [layer]}])),
    ] + [("blobs/" + d.replace(":", "/"), get_blob(args.dir, d)) for d in [digest, *paths]]:
        tree.add(path, tarfile.REGTYPE, 0o644, data)
    write_atomically(os.path.abspath(args.file), tree.tar())


def list_tags(args):
    for folder, _, tags in sorted(os.walk(os.path.join(args.dir, "tags"))):
        for tag in sorted(tags):
            with open(os.path.join(folder, tag), encoding="ascii") as file:
                print(f"{os.path.relpath(folder, os.path.join(args.dir, 'tags'))}:{tag}", file.read().strip())


def main():
    parser = argparse.ArgumentParser(usage=__doc__.split("usage: ", 1)[1])
    commands = parser.add_subparsers(required=True, dest="command")
    adder = commands.add_parser("add", usage=parser.usage)
    adder.add_argument("dir")
    adder.add_argument("image")
    for option in ["copy", "link", "mkdir", "text", "env", "expose", "label"]:
        adder.add_argument("--" + option, action="append", default=[])
    adder.add_argument("--with-libs", action="store_true")
    for option in ["entrypoint", "cmd"]:
        adder.add_argument("--" + option, type=json.loads, default=None)
    for option in ["user", "workdir"]:
        adder.add_argument("--" + option, default="")
    adder.set_defaults(run=add)
    exporter = commands.add_parser("export", usage=parser.usage)
    for name in ["dir", "image", "file"]:
        exporter.add_argument(name)
    exporter.set_defaults(run=export)
    lister = commands.add_parser("list", usage=parser.usage)
    lister.add_argument("dir")
    lister.set_defaults(run=list_tags)
    args = parser.parse_args()
    args.run(args)


if __name__ == "__main__":
    sys.exit(main())
