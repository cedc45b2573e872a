#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the cmocka programs given as arguments and counts their tests one by one.

usage: run_unit.py [--suite NAME] [--under 'COMMAND ARGUMENT...'] PROGRAM...
A program that ends before it has told the result of every test it announced, or
that reports an error of a sanitizer, has failed those that are missing. Under valgrind a program also fails when it leaves
descriptors open.
"""

import argparse
import os
import re
import shlex
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from harness import Suite  # noqa: E402  pylint: disable=wrong-import-position

LIMIT_S = 120
LEFT_OPEN = re.compile(r"Open (?:file descriptor|\S+ socket) \d+.*\n==\d+== {4}at ")  # by valgrind; not one that was inherited


def run_program(suite, program, under):
    name = os.path.basename(program)
    begin = time.monotonic()
    try:
        done = subprocess.run(
            [*under, program],
            env={**os.environ, "CMOCKA_MESSAGE_OUTPUT": "TAP"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=LIMIT_S * (10 if under else 1),
            check=False,
        )
        output, code = done.stdout.decode(errors="replace"), done.returncode
    except subprocess.TimeoutExpired as late:
        output, code = (late.stdout or b"").decode(errors="replace"), f"none after {LIMIT_S} s"
    announced = sum(int(n) for n in re.findall(r"^1\.\.(\d+)", output, re.M))
    passed = len(re.findall(r"^ok \d+", output, re.M))
    skipped = len(re.findall(r"^ok \d+ .*# SKIP", output, re.M))
    bad = re.findall(r"^not ok \d+ - (\S+)", output, re.M)
    missing = max(0, announced - passed - len(bad))
    if not missing and not bad and (code != 0 or not announced):
        missing = 1
    if LEFT_OPEN.search(output):
        missing += 1
    suite.passed += passed - skipped
    suite.skipped += skipped
    if not bad and not missing:
        print(f"ok {name}: {passed} tests ({time.monotonic() - begin:.1f} s)", flush=True)
        return
    for test in bad:
        suite.fail(f"{name}: {test}", "see below")
    for _ in range(missing):
        suite.fail(name, f"a test did not end, leaked or left a descriptor open (exit code {code})")
    print(output[-6000:], flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--suite", default="unit")
    parser.add_argument("--under", default="")
    parser.add_argument("programs", nargs="*")
    args = parser.parse_args()
    suite = Suite(args.suite)
    for program in sorted(args.programs):
        run_program(suite, program, shlex.split(args.under))
    return suite.finish()


if __name__ == "__main__":
    sys.exit(main())
