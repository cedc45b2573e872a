# SPDX-License-Identifier: Apache-2.0
"""The benchmark's rows: collected, kept in build/bench.json, printed, and put into docs/performance.md."""

import datetime
import json
import os
import platform
import re

from harness import progress

MARK = re.compile(r"(<!-- bench: ([\w-]+) -->\n).*?(<!-- end -->)", re.S)
COLUMNS = ("what", "goal", "measured", "limit", "peer", "ratio", "met")


class Report:
    """Rows by table: {what, goal, measured, limit, peer, ratio, met, command, table}; all but met (True, False, None: no goal)
    and ratio are text. data: what plots and later questions need, by name."""

    def __init__(self, command):
        self.command = command
        self.rows, self.data, self.left_out = [], {}, []

    def __call__(self, text):
        """A line of progress."""
        progress(text)

    def add(self, what, goal="", measured="", *, limit="", peer="", ratio=None, met=None, command=None, table="cluster"):
        row = {"what": what, "goal": goal, "measured": measured, "limit": limit, "peer": peer, "ratio": ratio, "met": met,
               "command": command or self.command, "table": table}
        self.rows.append(row)
        goal = f" (goal {goal}: {yes_no(row)})" if goal else ""
        print(f"   {what}: {measured}{goal}", flush=True)

    # ---- what becomes of them

    def save(self, path, whole_run):
        """What is known now. Of an earlier run stays what this one did not measure; nothing when this was one of all."""
        old = {"rows": [], "data": {}}
        if not whole_run and os.path.exists(path):
            with open(path, encoding="utf-8") as file:
                old = json.load(file)
        new = {(row["table"], row["what"]): row for row in self.rows}
        rows = [new.pop((row["table"], row["what"]), row) for row in old["rows"]] + list(new.values())
        data = {key: {**old["data"].get(key, {}), **self.data.get(key, {})} for key in {**old["data"], **self.data}}
        whole = {"at": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"), "machine": machine(),
                 "rows": rows, "data": data}
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            json.dump(whole, file, indent=1)
        return whole

    def text(self):
        """The table at the end."""
        cells = [[*COLUMNS]] + [[cell(row, column) for column in COLUMNS] for row in self.rows]
        widths = [max(len(line[index]) for line in cells) for index in range(len(COLUMNS))]
        lines = ["  ".join(text.ljust(width) for text, width in zip(line, widths)).rstrip() for line in cells]
        with_goal = [row for row in self.rows if row["met"] is not None]
        met = sum(1 for row in with_goal if row["met"])
        return "\n".join([*lines, f"bench: {met} of {len(with_goal)} goals met"])


def machine():
    """What it was measured on, in one line."""
    model = ""
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        found = re.search(r"^model name\s*:\s*(.*)$", file.read(), re.M)
        model = found[1] if found else platform.machine()
    return f"{os.cpu_count()} cores, {model}, Linux {platform.release().split('-')[0]}"


def yes_no(row):
    return {True: "yes", False: "no", None: ""}[row.get("met")]


def cell(row, column):
    value = row.get(column)
    if column == "met":
        return yes_no(row)
    if column == "ratio":
        return f"{value:.2f}" if isinstance(value, (int, float)) else value or ""
    return "" if value is None else str(value)


def to_markdown(rows):
    lines = ["| " + " | ".join(COLUMNS) + " |", "|" + "---|" * len(COLUMNS)]
    return "\n".join(lines + ["| " + " | ".join(cell(row, column) for column in COLUMNS) + " |" for row in rows]) + "\n"


def write_docs(path, whole):
    """The tables between <!-- bench: TABLE --> and <!-- end -->; the rest of the page stays as it is."""
    with open(path, encoding="utf-8") as file:
        old = file.read()

    def table(found):
        rows = [row for row in whole["rows"] if row["table"] == found[2]]
        if found[2] == "machine":
            return f"{found[1]}{whole['machine']}; {whole['at'][:10]}.\n{found[3]}"
        return found[1] + to_markdown(rows) + found[3] if rows else found[0]

    new = MARK.sub(table, old)
    if new != old:
        with open(path, "w", encoding="utf-8") as file:
            file.write(new)
