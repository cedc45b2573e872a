#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The product's parts by themselves (pieces.c): figures of this machine, and counts of instructions, which are the same on any
machine with the same compiler and libraries, and so show by how much a change made something dearer.

usage: pieces.py [--json FILE]
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
# pylint: disable=wrong-import-position
import fleet  # noqa: E402
import reviews  # noqa: E402
import table  # noqa: E402

COMMAND = "make bench-pieces"
PATHS = {"validate": "/validate-apps-kruise-io-cloneset", "mutate": "/mutate-apps-kruise-io-cloneset"}
PODS = 5000
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


def plain(what, measured):
    return table.row(what, "", measured, "", None, None, COMMAND)


def decode_rows(program, made):
    got = run([program, "decode", made, str(PODS)])
    size = f"{got['bytes_each'] / 1000:.1f} KB each"
    return [plain(f"pieces: first list of {PODS:,} Pods, {size}", f"{got['list_mb_per_s']:.0f} MB/s"),
            plain("pieces: kept for a Pod, its place in the store included", f"{got['kept_bytes_per_pod']:,.0f} bytes"),
            plain(f"pieces: watch events of Pods, {size}", f"{got['events_per_s']:,.0f}/s")]


def plan_rows(program, made):
    each = {n: run([program, "plan", made, str(n), str(times)])["ns_per_pod"] for n, times in PLANNED.items()}
    found = [plain(f"pieces: plan of {n:,} Pods in a rollout", f"{ns:,.0f} ns for each") for n, ns in each.items()]
    growth = each[10000] / each[100]
    return found + [table.row("pieces: plan, cost of a Pod at 10,000 by that at 100", f"≤ {FLAT} ×", f"{growth:.2f} ×", "",
                              growth / FLAT, growth <= FLAT, COMMAND)]


def admit_rows(program, bodies):
    return [plain(f"pieces: {kind} {operation} {size}",
                  f"{run([program, 'admit', path, body, str(BATCHES)])['us']:,.1f} µs")
            for (operation, size), body in bodies.items() for kind, path in PATHS.items()]


def patch_rows(program, made, bodies):
    got = run([program, "patch", made, bodies["CREATE", "4 KB"], str(BATCHES)])
    return [plain("pieces: patch of the defaults of a set", f"{got['defaults_us']:.1f} µs"),
            plain("pieces: patch of a Pod's update in place", f"{got['in_place_us']:.1f} µs")]


def counted_rows(program, made, bodies):
    plan = instructions("cs_plan_make", [program, "plan", made, str(PODS), "1"])
    found = [plain(f"pieces: instructions of a plan of {PODS:,} Pods in a rollout", f"{plan:,}")]
    for (operation, size), body in bodies.items():
        for kind, path in PATHS.items():
            count = instructions("cs_router_handle", [program, "admit", path, body, "1"])
            found.append(plain(f"pieces: instructions of {kind} {operation} {size}", f"{count:,}"))
    return found


def rows(report, options):
    """report: takes lines of progress. options: not asked."""
    del options
    program, = table.build("bench/pieces")
    folder = tempfile.mkdtemp(prefix="cloneset-bench-")
    try:
        bodies, made = reviews.write_all(folder), fleet.write(folder)
        report("pieces: decode, plan, admission, patches")
        found = decode_rows(program, made) + plan_rows(program, made) + admit_rows(program, bodies)
        found += patch_rows(program, made, bodies)
        report("pieces: instructions, under valgrind")
        return found + counted_rows(program, made, bodies)
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    sys.exit(table.main(__doc__, rows, ()))
