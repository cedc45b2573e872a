#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Real faults on a real cluster: our programs on a real API server with etcd, whose components and whose own processes are
killed in the middle of a user's changes, and a judge that watches what comes of it.

usage: run.py [--minutes N] [--seed S] [--only REGEX]
  --minutes  after one round of each kind goes on with random ones, for so long in all; the last third, as root, with a real
             node whose kubelet and containerd are killed
  --seed     of the dice; without it a random one, which is printed
"""

import argparse
import contextlib
import os
import random
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "lib")]
# pylint: disable=wrong-import-position
import judged  # noqa: E402
import kube  # noqa: E402
import product  # noqa: E402
import rounds  # noqa: E402
import trials  # noqa: E402
from bed import Bed  # noqa: E402
from bench import Bench  # noqa: E402
from harness import Suite, end_on_signals, progress  # noqa: E402

# Each kind of fault once, the kinds of work spread over them; by name, since their order is fixed and the dice decide the rest.
SHORT = [
    (rounds.controller_killed, "scale"), (rounds.controller_killed, "in"), (rounds.controller_killed, "re"),
    (rounds.webhook_killed, "re"), (rounds.api_server_killed, "in"), (rounds.etcd_killed, "re"),
    (rounds.connections_cut, "scale"), (rounds.answers_delayed, "scale"), (rounds.connections_frozen, "in"),
    (rounds.errors_answered, "lost"), (rounds.history_compacted, "lost"), (rounds.two_controllers, "re"),
]
NODE = [rounds.kubelet_killed, rounds.containerd_killed, rounds.controller_killed]
TRIALS = [trials.leaders, trials.clocks, trials.logs, trials.noise]


def tests(bench):
    for fault, work in SHORT:
        loose = fault is rounds.two_controllers
        yield f"{words(fault)}: {work}", lambda f=fault, w=work, l=loose: bench.round(f, w, l)
    for trial in TRIALS:
        yield words(trial), lambda t=trial: t(bench)


def words(function):
    return function.__name__.replace("_", " ")


def ends(bed, bench):
    bench.stop()
    bed.end_programs()
    for program in bed.programs:
        if program.process:
            program.check_ended_well()


def at_random(bench, suite, faults, until, first=()):
    """Faults and works as the dice want, after those that come first whatever the time; each round counts as a test."""
    first = list(first)
    while (first or time.monotonic() < until) and not suite.failed:
        fault = first.pop(0) if first else bench.dice.choice(faults)
        suite.run(f"round {bench.rounds + 1}: {words(fault)}", lambda f=fault: bench.round(f, loose=f is rounds.two_controllers))


@contextlib.contextmanager
def a_bench(suite, folder, seed, node=False):
    """A cluster with our programs and sets at rest; afterwards it must turn out that all programs ended well."""
    begin = time.monotonic()
    with kube.Cluster("chaos", node=node) as cluster:
        bed = Bed(cluster, folder)
        try:
            bed.install()
            if not node:
                bed.play_node().delay = 0.25
            bed.ensure_webhook()
            bench = Bench(bed, seed)
            progress(f"ready after {time.monotonic() - begin:.0f} s")
            yield bench
            suite.run("all programs ended well" + (", those beside a real node, too" if node else ""), ends, bed, bench)
            progress(f"{bench.rounds} rounds, {bench.judge.events} changes judged, {bench.judge.gaps} of them seen by listing")
            cluster.failed = suite.failed > 0
        finally:
            bed.close()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--minutes", type=float, default=0)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1, 1 << 31))
    parser.add_argument("--only")
    args = parser.parse_args()
    os.chdir(kube.ROOT)
    end_on_signals()
    begin = time.monotonic()
    end = begin + args.minutes * 60
    node = args.minutes and not os.geteuid()
    suite = Suite("chaos", args.only)
    folder = product.build()
    suite.run("the judge blames what is wrong", judged.the_judge_blames_what_is_wrong)
    progress(f"seed {args.seed}: again with make test-chaos SEED={args.seed}")
    with a_bench(suite, folder, args.seed) as bench:
        for name, test in tests(bench):
            if not suite.run(name, test):
                break  # the next ones would begin in the middle of something
        at_random(bench, suite, sorted({fault for fault, _ in SHORT}, key=words), end - args.minutes * 20 * bool(node))
    if node and not suite.failed:
        with a_bench(suite, folder, args.seed, node=True) as bench:
            at_random(bench, suite, NODE, end, NODE)  # on a busy machine the time may be over
    elif args.minutes and os.geteuid():
        suite.skip("kubelet and containerd killed", "a real node needs root")
    progress(f"chaos took {time.monotonic() - begin:.0f} s; seed {args.seed}")
    return suite.finish()


if __name__ == "__main__":
    sys.exit(main())
