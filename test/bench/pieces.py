# SPDX-License-Identifier: Apache-2.0
"""The product's parts by themselves (pieces.c): figures of this machine, and counts of instructions, which are the same on any
machine with the same compiler and libraries, and so show by how much a change made something dearer."""

import functools
import json
import os
import re
import shutil
import subprocess
import tempfile

import fleet
import product
import reviews

COMMAND = "make bench-pieces"
PATHS = {"validate": "/validate-apps-kruise-io-cloneset", "mutate": "/mutate-apps-kruise-io-cloneset"}
PODS = 5000
SETS = 1000
PLANNED = {10: 200, 100: 200, 1000: 100, 10000: 40}  # Pods: how often the pass is tried
FLAT = 1.5
BATCHES = 20


def run(command):
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False, timeout=300)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}: ended with {done.returncode}")
    return json.loads(done.stdout)


def instructions(function, command):
    """Counted in this function of the program, and in what it calls."""
    done = subprocess.run(["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", f"--toggle-collect={function}",
                           *command], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False, timeout=600)
    found = re.search(r"Collected : (\d+)", done.stderr)
    if done.returncode or not found:
        raise SystemExit(f"{done.stderr[-2000:]}\nvalgrind ended with {done.returncode}")
    return int(found[1])


def decode(add, program, made):
    got = run([program, "decode", made, str(PODS)])
    size = f"{got['bytes_each'] / 1000:.1f} KB each"
    add(f"pieces: first list of {PODS:,} Pods, {size}", measured=f"{got['list_mb_per_s']:.0f} MB/s")
    add("pieces: kept for a Pod, its place in the store included", measured=f"{got['kept_bytes_per_pod']:,.0f} bytes")
    add(f"pieces: watch events of Pods, {size}", measured=f"{got['events_per_s']:,.0f}/s")
    kept = run([program, "sets", made, str(SETS)])
    add(f"pieces: kept for a set of {kept['bytes_each'] / 1000:.1f} KB, with its revision",
        measured=f"{kept['kept_bytes_per_set']:,.0f} bytes")


def plan(add, program, made):
    each = {n: run([program, "plan", made, str(n), str(times)])["ns_per_pod"] for n, times in PLANNED.items()}
    for n, ns in each.items():
        add(f"pieces: plan of {n:,} Pods in a rollout", measured=f"{ns:,.0f} ns for each")
    growth = each[10000] / each[100]
    add("pieces: plan, cost of a Pod at 10,000 by that at 100", f"≤ {FLAT} ×", f"{growth:.2f} ×", ratio=growth / FLAT,
        met=growth <= FLAT)


def admit(add, program, bodies):
    for (operation, size), body in bodies.items():
        for kind, path in PATHS.items():
            us = run([program, "admit", path, body, str(BATCHES)])["us"]
            add(f"pieces: {kind} {operation} {size}", measured=f"{us:,.1f} µs")


def patch(add, program, made, bodies):
    got = run([program, "patch", made, bodies["CREATE", "4 KB"], str(BATCHES)])
    add("pieces: patch of the defaults of a set", measured=f"{got['defaults_us']:.1f} µs")
    add("pieces: patch of a Pod's update in place", measured=f"{got['in_place_us']:.1f} µs")


def count(add, program, made, bodies):
    planned = instructions("cs_plan_make", [program, "plan", made, str(PODS), "1"])
    add(f"pieces: instructions of a plan of {PODS:,} Pods in a rollout", measured=f"{planned:,}")
    for (operation, size), body in bodies.items():
        for kind, path in PATHS.items():
            one = instructions("cs_router_handle", [program, "admit", path, body, "1"])
            add(f"pieces: instructions of {kind} {operation} {size}", measured=f"{one:,}")


def rows(report, options):
    """Adds to the report. options: not asked."""
    del options
    add = functools.partial(report.add, command=COMMAND, table="pieces")
    program = os.path.join(product.ROOT, "build", "release", "bench", "pieces")
    product.make(os.path.relpath(program, product.ROOT))
    folder = tempfile.mkdtemp(prefix="cloneset-bench-")
    try:
        bodies, made = reviews.write_all(folder), fleet.write(folder)
        report("pieces: decode, plan, admission, patches")
        decode(add, program, made)
        plan(add, program, made)
        admit(add, program, bodies)
        patch(add, program, made, bodies)
        report("pieces: instructions, under valgrind")
        count(add, program, made, bodies)
    finally:
        shutil.rmtree(folder)
