#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The programs against a real kube-apiserver, etcd, controller-manager and scheduler, without nodes.

usage: run.py [--only REGEX] [--list]
environment: SANITIZE=address,undefined builds and runs programs with sanitizers;
K8S=1.30.14 takes another Kubernetes.
"""

import argparse
import os
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "lib")]
# pylint: disable=wrong-import-position
import admission  # noqa: E402
import certificates  # noqa: E402
import claims  # noqa: E402
import clients  # noqa: E402
import controller  # noqa: E402
import conversion  # noqa: E402
import faulty  # noqa: E402
import gates  # noqa: E402
import kube  # noqa: E402
import lifecycle  # noqa: E402
import privilege  # noqa: E402
import product  # noqa: E402
import rights  # noqa: E402
import status  # noqa: E402
import takeover  # noqa: E402
from bed import Bed  # noqa: E402
from harness import Suite, end_on_signals, progress  # noqa: E402

# The rights look back at all that ran with the manifests as they are; gates and conversion, after them, add rights of overlays.
GROUPS = [admission, certificates, clients, claims, controller, lifecycle, status, takeover, faulty, privilege, rights, gates, conversion]


def ends(bed):
    """Also of those that a failing test left running, or that ended before anyone looked."""
    bed.end_programs()
    for program in bed.programs:
        if program.process:
            program.check_ended_well()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--only")
    parser.add_argument("--list", action="store_true")
    args = parser.parse_args()
    tests = [(f"{group.__name__}: {name}", function) for group in GROUPS for name, function in group.TESTS]
    if args.list:
        print("\n".join(name for name, _ in tests))
        return 0
    os.chdir(kube.ROOT)
    end_on_signals()
    begin = time.monotonic()
    sanitize = os.environ.get("SANITIZE", "")
    suite = Suite("integration" + (f" ({sanitize})" if sanitize else ""), args.only)
    folder = product.build(sanitize)
    settings = {
        "AUDIT": "1",
        # As OpenShift has it: whoever makes an object block its owner's deletion must have a right to the owner's finalizers.
        "APISERVER_EXTRA": "--enable-admission-plugins=OwnerReferencesPermissionEnforcement",
        # A lost node is seen after seconds instead of a minute (D1).
        "KCM_EXTRA": "--node-monitor-grace-period=5s --node-monitor-period=1s --horizontal-pod-autoscaler-sync-period=2s",
    }
    cluster = kube.Cluster("integration", env=settings)
    cluster.extra["APISERVER_EXTRA"] += " " + clients.api_server_flag(cluster.dir)
    with cluster:
        bed = Bed(cluster, folder)
        bed.partial = bool(args.only)
        try:
            bed.install()
            progress(f"ready after {time.monotonic() - begin:.0f} s")
            suite.on_failure = lambda name: post_mortem(bed)
            for name, function in tests:
                suite.run(name, function, bed)
            suite.run("rights: no request was refused, with the overlays either", rights.no_request_was_refused, bed)
            suite.run("all programs ended well, and no sanitizer found anything", ends, bed)
            cluster.failed = suite.failed > 0
        finally:
            bed.close()
    progress(f"integration took {time.monotonic() - begin:.0f} s")
    return suite.finish()


def post_mortem(bed):
    for program in bed.programs[-4:]:
        if os.path.exists(program.log_path):
            print(f"---- {program.log_path}\n{program.tail(12)}", flush=True)
    bed.end_programs()  # or a controller that the test left behind would lead during all that follow


if __name__ == "__main__":
    sys.exit(main())
