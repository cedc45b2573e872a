#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs programs again and again, each time with another allocation failing, and looks at how they end.

usage: run.py --preload FILE [--each N] [--seconds S] [--only REGEX] [--strict 'PROGRAM ARGUMENT...']... PROGRAM...

What must hold when memory is exhausted, wherever that is: never a wild access or another report of a sanitizer, never an
end by a signal other than that of abort(), never an abort() without "out of memory" before it, and no program that
hangs. Whether a test then passes or fails does not matter here: its program may say "no memory" where the test wanted an
answer. It matters for strict programs, which know a clean error from a wrong answer: they must end well or by that abort().
An argument FILE of theirs stands for a file that the run without any failure finds empty.

A program is first run once to see from how many places it allocates (call stacks); then each run fails at one of these
(--each: at most so many of a program that is not strict, spread over all), every other time with everything after it
failing as well. When the time is over the rest is left out. A program ends, well, 200,000 allocations after the failure.
"""

import argparse
import concurrent.futures
import os
import re
import shlex
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "test", "lib"))
from harness import Suite, end_on_signals  # noqa: E402  pylint: disable=wrong-import-position

LIMIT_S = 60
# Its peers are threads of the test: each run allocates in another order, and a failure may strike in them, where nothing of ours is.
NOT_REPEATABLE = ("test_http_tls", "test_http_clients")
FOREVER = 10**12
# The preloaded file stands before ASan's, which would complain. cmocka must not catch what ASan is to report.
ASAN = "verify_asan_link_order=0:detect_leaks=0:handle_segv=2:handle_sigbus=2:handle_sigfpe=2:allocator_may_return_null=1"
OF_A_TEST = re.compile(r"^    #\d+ .* in \S+ (?:/\S*/)?test/(?:unit|sim|alloc)/", re.M)
# A thread that ASan could not set up: it goes on after its own "CHECK failed".
OF_ASAN = re.compile(r"^    #0 .* in CheckUnwind ", re.M)
OF_OURS = re.compile(r"^    #\d+ .* in \S+ (?:/\S*/)?(?:common|certs|webhook|controller|test)/", re.M)


def start(preload, command, **more):
    """(exit code, output); a code of None stands for a program that did not end."""
    env = {**os.environ, "LD_PRELOAD": preload, "ASAN_OPTIONS": ASAN, "UBSAN_OPTIONS": "print_stacktrace=1"}
    env.update({key: str(value) for key, value in more.items()})
    try:
        done = subprocess.run(
            command, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=LIMIT_S, check=False
        )
    except subprocess.TimeoutExpired as late:
        return None, (late.stdout or b"").decode(errors="replace")
    return done.returncode, done.stdout.decode(errors="replace")


def is_tests_own(report):
    """True when the first of our functions in the report is one of a test, which did not look at what malloc gave it; or of ASan."""
    ours = OF_OURS.search(report)
    return bool(OF_ASAN.search(report) or (ours and OF_A_TEST.match(report, ours.start())))


def judge(code, output, strict):
    """What is wrong with this end, or None."""
    report = re.search(r"ERROR: AddressSanitizer|runtime error:", output)  # ASan's own "CHECK failed" is about its own memory
    if report:
        text = output[report.start():]
        return None if is_tests_own(text) else text[:2500]
    if code is None:
        return f"did not end within {LIMIT_S} s"
    if code == -6:
        return None if "out of memory" in output else f"aborted without \"out of memory\": {output[-600:]}"
    if code < 0 or "Test failed with exception" in output:
        return f"ended by signal {-code}: {output[-600:]}"
    return f"exit code {code}: {output[-2000:]}" if strict and code else None


def kind_of(code, output):
    if code == 0:
        return "passed"
    return "aborted" if code == -6 else "failed a test"


class Program:
    def __init__(self, command, strict=False):
        self.command, self.strict = command, strict
        self.name = os.path.basename(command[0])
        self.sites, self.all_sites = [], 0
        self.bad, self.ends = {}, {}

    def find_sites(self, preload, each):
        """Which allocations are to fail."""
        with tempfile.NamedTemporaryFile() as file:
            code, output = start(preload, self.command, CS_ALLOC_SITES=file.name)
            sites = [int(line) for line in file.read().split()]
        if code != 0 or not sites:
            self.bad["without"] = ("no", f"exit code {code}, {len(sites)} places: {output[-1000:]}")
            return
        self.all_sites = len(sites)
        n = len(sites) if self.strict or not each else min(each, len(sites))
        self.sites = [sites[i * len(sites) // n] for i in range(n)]

    def fail_at(self, preload, site, forever):
        code, output = start(preload, self.command, CS_ALLOC_FAIL=site, CS_ALLOC_LAST=FOREVER if forever else site)
        kind, why = kind_of(code, output), judge(code, output, self.strict)
        self.ends[kind] = self.ends.get(kind, 0) + 1
        if why:
            self.bad.setdefault(why.splitlines()[0], (f"{site}{' and on' if forever else ''}", why))


def play(pool, programs, args):
    """Round by round over all programs, so that time that runs out is missing everywhere a little."""
    todo = [(p, site, i % 2 == 1) for i in range(max((len(p.sites) for p in programs), default=0))
            for p in programs if i < len(p.sites) for site in [p.sites[i]]]
    end = time.monotonic() + args.seconds if args.seconds else None

    def job(item):
        program, site, forever = item
        if end is None or time.monotonic() < end:
            program.fail_at(args.preload, site, forever)

    list(pool.map(job, todo))


def main():
    end_on_signals()
    parser = argparse.ArgumentParser()
    parser.add_argument("--preload", required=True)
    parser.add_argument("--each", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=0)
    parser.add_argument("--only", default="")
    parser.add_argument("--strict", action="append", default=[])
    parser.add_argument("programs", nargs="*")
    args = parser.parse_args()
    args.preload = os.path.abspath(args.preload)
    suite = Suite("allocation failures")
    programs = [Program([path]) for path in sorted(args.programs) if os.path.basename(path) not in NOT_REPEATABLE]
    with tempfile.TemporaryDirectory() as folder:
        for i, command in enumerate(args.strict):
            words = [f"{folder}/{i}" if word == "FILE" else word for word in shlex.split(command)]
            if "FILE" in command:
                with open(f"{folder}/{i}", "w", encoding="utf-8"):
                    pass
            programs.append(Program(words, strict=True))
        programs = [program for program in programs if re.search(args.only, program.name)]
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            list(pool.map(lambda program: program.find_sites(args.preload, args.each), programs))
            play(pool, programs, args)
    for program in programs:
        done = sum(program.ends.values())
        for number, why in program.bad.values():
            suite.fail(f"{program.name} with allocation {number} failing", why)
        if done and not program.bad:
            suite.passed += 1
            ends = ", ".join(f"{count} {kind}" for kind, count in sorted(program.ends.items()))
            print(f"ok {program.name}: {done} of {program.all_sites} places ({ends})", flush=True)
    return suite.finish()


if __name__ == "__main__":
    sys.exit(main())
