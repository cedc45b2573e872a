#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Breaks the controller on purpose, one rule at a time, and expects the simulation to notice: the proof that its invariants bite.

Each file test/mutants/NAME.patch is one mistake that a programmer could make. Its first lines say what it breaks and which rule
that violates; `Seeds:` are tried first, only to be quick, then 1, 2, 3, …. `Open:` says what the simulation lacks to notice it:
such a mutant is skipped, unless --open asks whether it is noticed by now. --hint writes into the patches what was found. A patch
that does not apply any more has failed: keep it current.

usage: run.py [--only REGEX] [--seeds N] [--jobs N] [--open] [--hint]
"""

import argparse
import concurrent.futures
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(ROOT, "test", "lib"))
from harness import Failure, Suite, check, end_on_signals  # noqa: E402  pylint: disable=wrong-import-position

FOLDERS = ("common", "controller", "test/sim")
BINARY = "build/mutant/test/sim"
SEED_LIMIT_S = 180  # a storm takes its 400,000 steps, and the machine may be busy


class Mutant:
    def __init__(self, path):
        self.path = path
        self.name = os.path.basename(path)[: -len(".patch")]
        with open(path, encoding="utf-8") as file:
            self.text = file.read()
        self.head = dict(re.findall(r"^([A-Z][a-z]+): (.+)$", self.text.split("\n--- ")[0], re.M))
        self.hints = [int(word) for word in self.head.get("Seeds", "").split()]

    def seeds(self, most):
        return self.hints + [seed for seed in range(1, most + 1) if seed not in self.hints]

    def note_seeds(self, seeds):
        line = "Seeds: " + " ".join(map(str, seeds)) + "\n"
        text = re.sub(r"^(Seeds|Open): .*\n", "", self.text, flags=re.M)
        with open(self.path, "w", encoding="utf-8") as file:
            file.write(text.replace("\n--- ", f"\n{line}\n--- ", 1).replace(f"\n\n{line}", f"\n{line}", 1))


def environment(cwd):
    env = {**os.environ, "GIT_CEILING_DIRECTORIES": os.path.dirname(cwd), "MAKEFLAGS": ""}
    if shutil.which("ccache"):
        env.setdefault("CC", "ccache gcc")
    return env


def run(command, cwd, limit=600):
    """(exit code, what it said); code None: it did not end."""
    try:
        done = subprocess.run(
            command, cwd=cwd, env=environment(cwd),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=limit, check=False)
    except subprocess.TimeoutExpired:
        return None, ""
    return done.returncode, done.stdout.decode(errors="replace")


def build(folder, jobs):
    # A mutant may leave something unused; what warnings are worth is seen elsewhere.
    code, said = run(["make", f"-j{jobs}", "VARIANT=mutant", "VERSION=mutant", "OPT=-O1", "EXTRA_CFLAGS=-w", BINARY], folder)
    check(code == 0, f"it does not compile:\n{said[-3000:]}")


def make_base(folder, jobs):
    """The tree as it is, uncommitted edits included, with the simulation built."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "--", "Makefile", *FOLDERS],
        cwd=ROOT, stdout=subprocess.PIPE, check=True)
    for name in listed.stdout.decode().split():
        if os.path.exists(os.path.join(ROOT, name)):
            os.makedirs(os.path.dirname(os.path.join(folder, name)), exist_ok=True)
            shutil.copy2(os.path.join(ROOT, name), os.path.join(folder, name))
    build(folder, jobs)


def violated(folder, seed):
    """What the simulation says of one seed; None: it found nothing."""
    # In full: nobody reads it, but a failure is told as it is and not made smaller first.
    code, said = run([os.path.join(folder, BINARY), "--seed", str(seed), "--verbose"], folder, SEED_LIMIT_S)
    check(code is not None, f"seed {seed} did not end within {SEED_LIMIT_S} s")
    if code == 0:
        return None
    told = re.search(rf"^FAIL .*: seed {seed}: (.*)$", said, re.M)
    check(told, f"seed {seed} ended with {code} and names no invariant:\n{said[-1500:]}")
    return told.group(1)


def hunt(mutant, base, folder, most, try_open):
    """(seeds run, the seed, what was violated); (n, None, None): nothing was, in n seeds."""
    for key in ("Breaks", "Rule"):
        check(key in mutant.head, f"{mutant.path} does not say `{key}: …` in its first lines")
    skipped = "Open" in mutant.head and not try_open
    if not skipped:
        shutil.copytree(base, folder, symlinks=True)
    code, said = run(["git", "apply"] + (["--check"] if skipped else []) + [mutant.path], base if skipped else folder)
    check(code == 0, f"the patch does not apply any more: bring it up to date with the code, {mutant.path}\n{said}")
    if skipped:
        return 0, None, None
    build(folder, 1)
    count = 0
    for count, seed in enumerate(mutant.seeds(most), 1):
        why = violated(folder, seed)
        if why:
            healthy = violated(base, seed)
            check(not healthy, f"seed {seed} fails without the mutant, too: {healthy}")
            return count, seed, why
    return count, None, None


def judge(suite, mutant, found, hint):
    n, seed, why = found
    if seed is not None:
        suite.passed += 1
        print(f"ok {mutant.name} caught by the simulation after {n} seed{'s' if n > 1 else ''}: {why}"
              + (" (its line `Open:` can go)" if "Open" in mutant.head else ""), flush=True)
        if hint:
            mutant.note_seeds([seed])
    elif "Open" in mutant.head:
        suite.skip(mutant.name, f"goes unnoticed{f' in {n} seeds' if n else ''}; the simulation lacks {mutant.head['Open']}")
    else:
        suite.fail(mutant.name, f"{n} seeds and nothing was violated, though {mutant.head['Breaks']} ({mutant.head['Rule']})")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", help="names of mutants, a regular expression")
    parser.add_argument("--seeds", type=int, default=400, help="how many to try")
    parser.add_argument("--jobs", type=int, default=min(2, os.cpu_count() or 1))
    parser.add_argument("--open", action="store_true", help="also those that are known to go unnoticed")
    parser.add_argument("--hint", action="store_true", help="write the seeds that caught it into the patches")
    args = parser.parse_args()
    end_on_signals()
    suite = Suite("mutants", args.only)
    mutants = [Mutant(os.path.join(HERE, name)) for name in sorted(os.listdir(HERE)) if name.endswith(".patch")]
    mutants = [m for m in mutants if suite.wanted(m.name)]
    begin = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="cloneset-mutants-") as top:
        base = os.path.join(top, "base")
        make_base(base, args.jobs)
        with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
            def one(mutant):
                folder = os.path.join(top, mutant.name)
                try:
                    return hunt(mutant, base, folder, args.seeds, args.open)
                finally:
                    shutil.rmtree(folder, ignore_errors=True)

            jobs = {pool.submit(one, m): m for m in mutants}
            try:
                for done in concurrent.futures.as_completed(jobs):
                    try:
                        judge(suite, jobs[done], done.result(), args.hint)
                    except Failure as failure:
                        suite.fail(jobs[done].name, str(failure))
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
    print(f"-- {len(mutants)} mutants took {time.monotonic() - begin:.0f} s")
    return suite.finish()


if __name__ == "__main__":
    sys.exit(main())
