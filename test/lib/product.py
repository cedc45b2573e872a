# SPDX-License-Identifier: Apache-2.0
"""The product as a user installs it: images built on the spot, the manifests applied with kubectl."""

import json
import os
import re
import subprocess

from harness import Failure, progress, wait_until
from kube import MKIMAGE, ROOT

CRD = os.path.join(ROOT, "manifests", "crd.yaml")
INSTALL = os.path.join(ROOT, "manifests", "install.yaml")
NAMESPACE = "cloneset-system"
PROGRAMS = ("cloneset-controller", "cloneset-webhook")


def make(*targets):
    # Not a part of the caller's make: its job server and variables are not meant for this one.
    env = {key: value for key, value in os.environ.items() if key not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "SANITIZE")}
    done = subprocess.run(["make", "-C", ROOT, "-j", str(os.cpu_count() or 1), *targets], env=env, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{done.stdout[-4000:]}\nmake {' '.join(targets)} fails")


def build(variant=""):
    """Builds both programs; the folder that they are in. variant: what SANITIZE= takes."""
    progress("building the programs" + (f" with SANITIZE={variant}" if variant else ""))
    make("all", *([f"SANITIZE={variant}"] if variant else []))
    folder = os.path.join(ROOT, "build", "release" + ("-" + variant.replace(",", "-") if variant else ""))
    for program in PROGRAMS:
        if not os.path.exists(os.path.join(folder, program)):
            raise SystemExit(f"there is no {folder}/{program}")
    return folder


def images():
    """{program: image name} as the manifest has them."""
    with open(INSTALL, encoding="utf-8") as file:
        found = set(re.findall(r"^\s*(?:- )?image: *[\"']?([^\s\"']+)", file.read(), re.M))
    named = {program: image for program in PROGRAMS for image in found if re.search(f"(^|/){program}(:|@|$)", image)}
    if set(named) != set(PROGRAMS):
        raise SystemExit(f"{INSTALL} names the images {sorted(found)}: one for each of {PROGRAMS} was expected")
    return named


def add_images(folder, registry, variant=""):
    """variant: as for build(). A sanitizer must do with the memory that the manifests allow."""
    env = ["--env", "ASAN_OPTIONS=exitcode=77:quarantine_size_mb=1:thread_local_quarantine_size_kb=64"] if variant else []
    for program, image in images().items():
        subprocess.run(
            [MKIMAGE, "add", registry, image, "--with-libs", "--copy", f"{folder}/{program}:/{program}"]
            + env
            + ["--user", "65532:65532", "--entrypoint", f'["/{program}"]'],
            check=True,
            stdout=subprocess.DEVNULL,
        )


def apply(kubectl):
    return kubectl("apply", "-f", "manifests/crd.yaml", "-f", "manifests/install.yaml")


def wait_established(api):
    """The CRD is served. kubectl wait fails when it comes before the first condition does."""
    path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/clonesets.apps.kruise.io"
    wait_until("the CRD is established", lambda: any(found["type"] == "Established" and found["status"] == "True"
                                                     for found in api.get(path).get("status", {}).get("conditions") or []), 20)


def stored(kubectl):
    """What the server has of the manifests' objects, without what controllers report."""
    text = kubectl("get", "-f", "manifests/crd.yaml", "-f", "manifests/install.yaml", "-o", "json", quiet=True).out
    result = {}
    for item in json.loads(text)["items"]:
        item.pop("status", None)
        for key in ("resourceVersion", "managedFields"):
            item["metadata"].pop(key, None)
        result[f"{item['kind']} {item['metadata']['name']}"] = item
    return result


def wait_running(kubectl, timeout=90):
    """Both Deployments are complete, and their Pods ready."""
    for program in PROGRAMS:
        kubectl("rollout", "status", f"deployment/{program}", "-n", NAMESPACE, f"--timeout={timeout}s", timeout=timeout + 10)


def wait_strict(api, timeout=40):
    """Our entries that end in Fail do so; on a fresh install that is some seconds after the first replica is ready."""
    path = "/apis/admissionregistration.k8s.io/v1"
    wanted = {"mutatingwebhookconfigurations/cloneset-mutating-webhook": "mcloneset.kb.io",
              "validatingwebhookconfigurations/cloneset-validating-webhook": "vcloneset.kb.io"}

    def strict():
        return all(hook["failurePolicy"] == "Fail" for name, entry in wanted.items()
                   for hook in api.get(f"{path}/{name}").get("webhooks") or [{"name": entry, "failurePolicy": "none"}]
                   if hook["name"] == entry)

    wait_until("the entries are strict", strict, timeout)


def pods(api, program=None):
    found = api.items(f"/api/v1/namespaces/{NAMESPACE}/pods")
    return [pod for pod in found if not program or pod["metadata"]["name"].startswith(program)]


def logs(kubectl, lines=30):
    """The last lines of each of our Pods, and why containers ended, for a post-mortem."""
    text = []
    for program in PROGRAMS:
        for previous in ([], ["--previous"]):
            try:
                result = kubectl(
                    "logs", "-n", NAMESPACE, f"deployment/{program}", "--all-pods=true", f"--tail={lines}", *previous,
                    ok=None, quiet=True,
                )
            except (Failure, subprocess.TimeoutExpired):
                continue
            if result.code == 0 and result.out.strip():
                text.append(f"---- {program} {' '.join(previous)}\n{result.out.rstrip()}")
    return "\n".join(text)
