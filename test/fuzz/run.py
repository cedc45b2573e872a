#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs fuzz targets: over the corpus that is kept (replay), or under libFuzzer to find more (fuzz).

usage: run.py replay PROGRAM...
       run.py fuzz --seconds N [--only REGEX] [--jobs N] PROGRAM...
A program is named like its target; its inputs are in corpus/TARGET. fuzz begins with those, keeps what it
finds in build/fuzz/corpus/TARGET and goes on from there the next time. N is seconds of CPU time for each target: what else
the machine does takes nothing from them.
"""

import argparse
import concurrent.futures
import os
import re
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "lib"))
from harness import Failure, Suite, check  # noqa: E402  pylint: disable=wrong-import-position

WORK = os.path.join(os.path.dirname(os.path.dirname(HERE)), "build", "fuzz")
LIMIT_S = 120


def target_of(program):
    return os.path.basename(program)


def inputs_of(target):
    folder = os.path.join(HERE, "corpus", target)
    names = sorted(os.listdir(folder)) if os.path.isdir(folder) else []
    return [os.path.join(folder, name) for name in names]


def replay(program):
    """The number of inputs."""
    inputs = inputs_of(target_of(program))
    check(inputs, f"no inputs in test/fuzz/corpus/{target_of(program)}")
    try:
        done = subprocess.run([program, *inputs], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              timeout=LIMIT_S, check=False)
    except subprocess.TimeoutExpired as late:
        raise Failure(f"no end after {LIMIT_S} s") from late
    output = done.stdout.decode(errors="replace")
    begun = [line for line in output.splitlines() if line in inputs]
    if done.returncode or len(begun) != len(inputs):
        print(output[-6000:], flush=True)
        raise Failure(f"ended with {done.returncode} at {os.path.relpath(begun[-1]) if begun else 'its start'}")
    return len(inputs)


def replay_all(programs):
    suite = Suite("fuzz")
    for program in programs:
        try:
            count = replay(program)
            suite.passed += 1
            print(f"ok {target_of(program)}: {count} inputs", flush=True)
        except Failure as failure:
            suite.fail(target_of(program), str(failure))
    return suite.finish()


def last(pattern, text):
    found = re.findall(pattern, text)
    return found[-1] if found else "?"


def fuzz(program, seconds):
    """(line for the summary, whether it is a good one)."""
    target = target_of(program)
    crashes, found = os.path.join(WORK, "crashes", target), os.path.join(WORK, "corpus", target)
    for folder in (crashes, found):
        os.makedirs(folder, exist_ok=True)
    dictionary = os.path.join(HERE, target + ".dict")
    command = [program, "-timeout=60", "-rss_limit_mb=2048", "-max_len=12000", "-print_final_stats=1",
               f"-artifact_prefix={crashes}/"]
    if os.path.exists(dictionary):
        command.append(f"-dict={dictionary}")
    log = os.path.join(WORK, "crashes", target + ".log")
    used, code, slowness = 0.0, 0, 1.0
    with open(log, "wb") as out:
        while code == 0 and used < seconds:
            # libFuzzer counts by the clock. On a busy machine it is asked for more: otherwise it would only begin, which is reading
            # all inputs, again and again.
            more, begun = f"-max_total_time={max(1, round((seconds - used) * slowness))}", time.monotonic()
            process = subprocess.Popen([*command, more, found, os.path.join(HERE, "corpus", target)],  # pylint: disable=consider-using-with
                                       stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT)
            _, status, spent = os.wait4(process.pid, 0)
            process.returncode = code = os.waitstatus_to_exitcode(status)
            used += spent.ru_utime + spent.ru_stime
            slowness = min(4.0, max(1.0, (time.monotonic() - begun) / (spent.ru_utime + spent.ru_stime)))
    with open(log, encoding="utf-8", errors="replace") as file:
        text = file.read()
    executions = sum(int(count) for count in re.findall(r"number_of_executed_units: ([0-9]+)", text))
    line = (f"{target}: {used:.0f} s of CPU, {executions} executions, {last(r'cov: ([0-9]+)', text)} edges, "
            f"{last(r'ft: ([0-9]+)', text)} features, {len(os.listdir(found))} inputs found")
    if code == 0:
        return f"ok {line}", True
    why = last(r"(?m)^(?:fuzz: .*|.*(?:runtime error|ERROR): .*)$", text)
    artifact = last(r"Test unit written to (\S+)", text)
    return f"FAIL {line}\n  {why[:500]}\n  log:    {log}\n  replay: {program} {artifact}", False


def fuzz_all(programs, seconds, only, jobs):
    programs = [program for program in programs if not only or re.search(only, target_of(program))]
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        results = []
        for line, good in pool.map(lambda program: fuzz(program, seconds), programs):
            print(line, flush=True)
            results.append(good)
    print(f"fuzz: {results.count(True)} passed, {results.count(False)} failed")
    return 0 if results and all(results) else 1


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("mode", choices=["replay", "fuzz"])
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--only")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("programs", nargs="+")
    args = parser.parse_args()
    if args.mode == "replay":
        return replay_all(args.programs)
    return fuzz_all(args.programs, args.seconds, args.only, args.jobs)


if __name__ == "__main__":
    sys.exit(main())
