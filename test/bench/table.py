# SPDX-License-Identifier: Apache-2.0
"""Rows of a benchmark: what was measured, beside its goal and the limit of the same run."""

import argparse
import json
import os
import subprocess

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def row(what, goal, measured, limit, ratio, met, command):
    """Texts; ratio: to the limit, or to the goal where there is no limit, or None; met: None where there is no goal."""
    return {"what": what, "goal": goal, "measured": measured, "limit": limit,
            "ratio": None if ratio is None else round(ratio, 3), "met": met, "command": command}


def build(*targets):
    """Builds programs of the benchmark, below build/release."""
    env = {key: value for key, value in os.environ.items() if key not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "SANITIZE")}
    done = subprocess.run(["make", "-C", ROOT, *(f"build/release/{target}" for target in targets)], env=env,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{done.stdout[-4000:]}\nthe benchmark does not build")
    return [os.path.join(ROOT, "build", "release", target) for target in targets]


def show(found):
    """As Markdown."""
    words = {True: "met", False: "**not met**", None: ""}
    lines = ["| what | goal | measured | limit | ratio | |", "|---|---|---|---|---|---|"]
    lines += [f"| {each['what']} | {each['goal']} | {each['measured']} | {each['limit']} | "
              f"{'' if each['ratio'] is None else format(each['ratio'], '.2f')} | {words[each['met']]} |" for each in found]
    return "\n".join(lines)


def main(doc, rows, numbers):
    """A benchmark run alone. numbers: names of options that take one."""
    parser = argparse.ArgumentParser(description=doc.split("\n\n", maxsplit=1)[0])
    for name in numbers:
        parser.add_argument(f"--{name}", type=int)
    parser.add_argument("--json", help="write the rows to this file too")
    options = parser.parse_args()
    found = rows(lambda text: print(text, flush=True), options)
    print(show(found))
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump(found, file, indent=1, ensure_ascii=False)
    return 0
