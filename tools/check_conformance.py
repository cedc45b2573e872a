#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Does docs/conformance.md hold? Every section, quirk and decision has a row; every verdict but "left out" names tests;
every test that is named exists and is run; what is left out says why."""

import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PAGE = os.path.join(ROOT, "docs", "conformance.md")
LAST = {"1": 5, "2": 3, "3": 6, "4": 8, "5": 6, "6": 12, "7": 5, "10": 3, "11": 23, "A": 7, "B": 2}
WANTED = ([f"{chapter}.{number}" for chapter, last in LAST.items() for number in range(1, last + 1)]
          + ["8", "9", "C"] + [f"D{number}" for number in range(1, 26)])
VERDICTS = {"same", "different", "left out"}
HEADER = ("§", "D", "U", "---")


def read(*parts):
    path = os.path.join(ROOT, *parts)
    if not os.path.exists(path):
        return None
    with open(path, encoding="utf-8") as file:
        return file.read()


def unit_test(stem, name):
    text = read("test", "unit", stem + ".c")
    if text is None:
        return f"test/unit/{stem}.c does not exist"
    if not re.search(rf"^static void {name}\(void \*\*state\)", text, re.M):
        return f"test/unit/{stem}.c has no test {name}"
    # Once where it is defined, once in the list of those that are run.
    return None if len(re.findall(rf"\b{name}\b", text)) > 1 else f"{name} of test/unit/{stem}.c is never run"


def python_test(file, name):
    for folder in ("integration", "e2e"):
        text = read("test", folder, file)
        if text and re.search(rf"^(@test|    @line\(.*\))\n *def {name}\(", text, re.M):
            return None
    return f"{file} has no test {name}"


def scenario(name):
    return None if f'.name = "{name}",' in (read("test", "sim", "main.c") or "") else f"no scenario '{name}'"


def find(reference):
    """What is wrong with it, or None."""
    where, name = reference.split(":", 1)
    if where == "sim":
        return scenario(name)
    return python_test(where, name) if where.endswith(".py") else unit_test(where, name)


def check_row(number, cells):
    if len(cells) != 5:
        return [f"line {number}: {len(cells)} cells instead of 5"]
    key, what, verdict, tests, why = cells
    bad = []
    if verdict not in VERDICTS:
        bad.append(f"verdict '{verdict}'")
    references = re.findall(r"`([^`]+)`", tests)
    if re.sub(r"`[^`]+`|[, ]", "", tests) or any(":" not in reference for reference in references):
        bad.append(f"tests are written `file:name`, `file:name`: {tests}")
    else:
        bad += [wrong for wrong in map(find, references) if wrong]
    if verdict in ("same", "different") and not references:
        bad.append("no test is named")
    if verdict == "left out" and not why:
        bad.append("it does not say why it is left out")
    return [f"line {number}: {key}, {what}: {wrong}" for wrong in bad]


def main():
    bad, seen = [], set()
    for number, line in enumerate(read("docs", "conformance.md").splitlines(), 1):
        if not line.startswith("|"):
            continue
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if cells[0] in HEADER:
            continue
        seen.add(cells[0])
        bad += check_row(number, cells)
    bad += [f"no row for {key}" for key in WANTED if key not in seen]
    bad += [f"a row for {key}, which is no section" for key in seen if key not in WANTED and not re.fullmatch(r"U-\d\d|all", key)]
    for wrong in bad:
        print(f"{PAGE}: {wrong}", file=sys.stderr)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
