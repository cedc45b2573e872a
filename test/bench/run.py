#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How fast and how small: `make bench`. Prints a table of goals and of what was measured, keeps it in build/bench.json and in
docs/performance.md. Not a part of `make test`: what it measures depends on what else the machine does.

usage: run.py [--only REGEX] [--size small|default|large] [--peer DIR] [--minutes N] [--no-docs]

Each subject is a module of this folder with a function rows(report, options), which adds rows to the report.
--only: of the subjects (pieces, webhook, cluster), or of the parts of the cluster's: cluster/500 …
"""

import argparse
import importlib
import os
import re
import sys
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "lib")]
# pylint: disable=wrong-import-position
import kube  # noqa: E402
import report as reports  # noqa: E402
from harness import Failure, end_on_signals, progress  # noqa: E402

SUBJECTS = ("pieces", "webhook", "cluster")
MINUTES = {"small": 20, "default": 19, "large": 120}
JSON = os.path.join(kube.ROOT, "build", "bench.json")
PAGE = os.path.join(kube.ROOT, "docs", "performance.md")


class Options(argparse.Namespace):
    begin = time.monotonic()

    def left(self):
        """Seconds until the run should be over. What will not fit is left out, and said to be."""
        return self.begin + 60 * (self.minutes or MINUTES[self.size]) - time.monotonic()

    def wants(self, name):
        """name: 'subject' or 'subject/part'. A subject is wanted when it, or a part of it, may be."""
        if not self.only:
            return True
        subject, _, part = name.partition("/")
        return re.search(self.only, name) is not None or (not part and self.only.startswith(subject + "/"))


def command(options):
    given = (("ONLY", options.only), ("SIZE", options.size), ("PEER", options.peer and "dir"))
    return " ".join(["make bench"] + [f"{key}={value}" for key, value in given if value not in (None, "default")])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--only")
    parser.add_argument("--size", choices=("small", "default", "large"), default="default")
    parser.add_argument("--peer", help="source tree of OpenKruise: its manager is built and measured as well")
    parser.add_argument("--minutes", type=float, help="what does not fit into so many is left out (19; large: 120)")
    parser.add_argument("--no-docs", action="store_true", help="leave docs/ as it is")
    options = parser.parse_args(namespace=Options())
    end_on_signals()
    os.chdir(kube.ROOT)
    os.environ.pop("MAKEFLAGS", None)
    found, failed = reports.Report(command(options)), []
    for name in SUBJECTS:
        if not options.wants(name):
            continue
        progress(f"{name}, after {time.monotonic() - options.begin:.0f} s")
        try:
            importlib.import_module(name).rows(found, options)
        except (Failure, OSError, ValueError) as error:
            traceback.print_exc()
            failed.append(f"{name}: {error}")
        except KeyboardInterrupt:
            failed.append(f"{name}: interrupted")
            break
    whole = found.save(JSON, not options.only)
    if not options.no_docs and options.size != "small" and os.path.exists(PAGE):
        reports.write_docs(PAGE, whole)
        import plots  # pylint: disable=import-outside-toplevel
        plots.draw(whole, os.path.join(kube.ROOT, "docs"))
    print(found.text())
    print(f"bench: {time.monotonic() - options.begin:.0f} s on {whole['machine']}; all of it is in {os.path.relpath(JSON)}")
    for line in found.left_out:
        print(f"bench: left out, for want of time: {line}")
    for line in failed:
        print(f"bench: FAILED {line}")
    return 1 if failed or not found.rows else 0


if __name__ == "__main__":
    sys.exit(main())
