#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs every suite, shows what they say and adds up; ends with `N passed, N failed`.

A suite that does not end with its line `NAME: N passed, N failed` counts as one
failure, so that one which never began is not taken for one without faults.
"""

import os
import re
import signal
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SAN = "SANITIZE=address,undefined"
STEPS = [
    ("unit tests", ["test-unit"]),
    ("unit tests under ASan and UBSan", ["test-unit", SAN]),
    ("unit tests with threads under TSan", ["test-threads"]),
    ("unit tests with allocations failing", ["test-alloc", SAN, "EACH=4", "T=60"]),
    ("unit tests of parsers and server under valgrind", ["test-valgrind", "ONLY=test_(json|str|http|review)"]),
    ("hardening of the programs", ["test-hardening"]),
    ("corpus of the fuzzers under ASan and UBSan", ["test-fuzz", SAN]),
    ("simulation", ["test-sim", "SEEDS=20000"]),
    ("simulation under ASan and UBSan", ["test-sim", SAN, "SEEDS=600"]),
    ("the webhook under fire", ["test-fire"]),
    ("mutants, which the simulation must notice", ["test-mutants"]),
    ("status, as tools read it", ["test-status"]),
    ("integration, programs under ASan and UBSan", ["test-integration", SAN]),
    ("chaos", ["test-chaos"]),
    ("end to end", ["test-e2e"]),
]
LINE = re.compile(r"^\S.*: (\d+) passed, (\d+) failed(?:, (\d+) skipped)?$")


def run_step(title, targets):
    """[passed, failed, skipped] of one suite."""
    print(f"\n==== {title}: make {' '.join(targets)}", flush=True)
    begin = time.monotonic()
    env = {key: value for key, value in os.environ.items() if key not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "SANITIZE")}
    # Its own process group, so that ^C reaches it once, from us, and it has the time to end what it started.
    step = subprocess.Popen(
        ["make", "--no-print-directory", *targets], cwd=ROOT, env=env, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
    )
    last = None
    try:
        for raw in step.stdout:
            text = raw.decode(errors="replace")
            sys.stdout.write(text)
            sys.stdout.flush()
            last = LINE.match(text.rstrip()) or last
        step.wait()
    except BaseException:
        os.killpg(step.pid, signal.SIGTERM)
        step.wait()
        raise
    counts = [int(n or 0) for n in last.groups()] if last else [0, 0, 0]
    if step.returncode and not counts[1]:
        counts[1] = 1
        print(f"FAIL {title}: make {' '.join(targets)} ended with {step.returncode}")
    elif not last:
        counts[1] = 1
        print(f"FAIL {title}: it did not say how many tests ran")
    print(f"==== {title}: {time.monotonic() - begin:.0f} s", flush=True)
    return counts


def main():
    def end(number, _frame):
        raise KeyboardInterrupt(signal.Signals(number).name)

    signal.signal(signal.SIGTERM, end)
    begin = time.monotonic()
    total = [0, 0, 0]
    for title, targets in STEPS:
        total = [a + b for a, b in zip(total, run_step(title, targets))]
    print(f"\nall of it took {time.monotonic() - begin:.0f} s")
    print(f"{total[0]} passed, {total[1]} failed" + (f", {total[2]} skipped" if total[2] else ""), flush=True)
    return 1 if total[1] or not total[0] else 0


if __name__ == "__main__":
    sys.exit(main())
