# SPDX-License-Identifier: Apache-2.0
"""Runs tests one after the other and says how they went.

A line for each: `ok NAME (1.2 s)`, `FAIL NAME: why` or `skip NAME: why`; a suite
ends with `SUITE: N passed, N failed`, which run_all.py adds up. A suite in which
nothing ran has failed.
"""

import re
import signal
import sys
import time
import traceback


class Failure(Exception):
    """A test saw something that is not as it should be; the text says what."""


class Skip(Exception):
    """A test cannot run here; the text says why."""


def check(condition, why):
    if not condition:
        raise Failure(why)


def check_equal(got, wanted, what):
    if got != wanted:
        raise Failure(f"{what}: wanted {wanted!r}, got {got!r}")


def wait_until(what, condition, timeout=30.0, every=0.15):
    """The first true value of condition(), which may also raise Failure to say what is still wrong."""
    deadline = time.monotonic() + timeout
    why = ""
    while True:
        try:
            value = condition()
            if value:
                return value
        except Failure as failure:
            why = f" ({failure})"
        if time.monotonic() > deadline:
            raise Failure(f"not within {timeout:g} s: {what}{why}")
        time.sleep(every)


def holds(what, condition, seconds, every=0.2):
    """The opposite: condition() must stay true for so long."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        check(condition(), f"no longer true: {what}")
        time.sleep(every)


def end_on_signals():
    """SIGTERM and SIGHUP unwind the stack as SIGINT does, so that clusters and programs are ended."""

    def unwind(number, _frame):
        raise KeyboardInterrupt(signal.Signals(number).name)

    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, unwind)


class Suite:
    def __init__(self, name, only=None, on_failure=None):
        self.name, self.only, self.on_failure = name, only, on_failure
        self.passed = self.failed = self.skipped = 0

    def wanted(self, name):
        return not self.only or re.search(self.only, name) is not None

    def run(self, name, function, *args):
        """True when it passed. A test left out by --only counts for nothing."""
        if not self.wanted(name):
            return True
        begin = time.monotonic()
        try:
            function(*args)
        except Skip as skip:
            self.skip(name, str(skip))
            return True
        except Failure as failure:
            self.fail(name, str(failure))
        except Exception as error:  # pylint: disable=broad-except
            traceback.print_exc()
            self.fail(name, f"{type(error).__name__}: {error}")
        else:
            self.passed += 1
            print(f"ok {name} ({time.monotonic() - begin:.1f} s)", flush=True)
            return True
        return False

    def fail(self, name, why):
        self.failed += 1
        print(f"FAIL {name}: {why}", flush=True)
        if self.on_failure:
            self.on_failure(name)

    def skip(self, name, why):
        self.skipped += 1
        print(f"skip {name}: {why}", flush=True)

    def summary(self):
        line = f"{self.name}: {self.passed} passed, {self.failed} failed"
        return line + (f", {self.skipped} skipped" if self.skipped else "")

    def finish(self):
        """Prints the count; the exit code."""
        if not self.passed and not self.failed and not self.skipped:
            print(f"{self.name}: nothing ran")
            return 1
        print(self.summary(), flush=True)
        return 1 if self.failed else 0


def progress(text):
    print(f"-- {text}", file=sys.stdout, flush=True)
