# SPDX-License-Identifier: Apache-2.0
"""Who may ask the webhook: with --client-ca-file an API server that shows a certificate, set up as docs/install.md says it,
word by word, and no other."""

import contextlib
import os
import re
import socket
import subprocess

import yaml

import kube
import product
from harness import Skip, check, check_equal, wait_until
from manifest import changed, cloneset, to_yaml

TESTS = []
DOCS = os.path.join(kube.ROOT, "docs", "install.md")
SECTION = "Who may ask the webhook"
NO_PLUGIN = "apiVersion: apiserver.config.k8s.io/v1\nkind: AdmissionConfiguration\nplugins: []\n"


def test(function):
    TESTS.append((function.__name__.replace("_", " "), function))
    return function


def config_file(folder):
    return os.path.join(folder, "admission.yaml")


def api_server_flag(folder):
    """For a cluster whose API server reads at its next start what a test has written there; until then it shows nobody a
    certificate."""
    write(config_file(folder), NO_PLUGIN)
    return f"--admission-control-config-file={config_file(folder)}"


def write(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def documented():
    """The section's blocks of shell, and those of YAML."""
    with open(DOCS, encoding="utf-8") as file:
        section = re.search(rf"^## {SECTION}\n(.*?)^## ", file.read(), re.M | re.S)[1]
    return tuple(re.findall(rf"^```{language}\n(.*?)^```$", section, re.M | re.S) for language in ("sh", "yaml"))


def own_address():
    """An address of this machine that the API server takes for an endpoint's: not that of the loopback."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing
        except OSError as error:
            raise Skip(f"this machine has no address but the loopback's: {error}") from error
        return probe.getsockname()[0]


def checked_webhook(bed, folder, kustomization):
    """The container of the Deployment that the documented kustomization makes, with the files of this folder; the API server
    takes all that it makes."""
    base = os.path.relpath(os.path.join(kube.ROOT, "manifests", "base"), os.path.realpath(folder))
    write(os.path.join(folder, "kustomization.yaml"), kustomization.replace("manifests/base", base))
    text = bed.kubectl("kustomize", folder, quiet=True).out
    bed.kubectl("apply", "--dry-run=server", "-f", "-", stdin=text, quiet=True)
    (found,) = [item for item in yaml.safe_load_all(text)
                if item["kind"] == "Deployment" and item["metadata"]["name"] == "cloneset-webhook"]
    (container,) = found["spec"]["template"]["spec"]["containers"]
    check_equal([mount["mountPath"] for mount in container["volumeMounts"]], ["/etc/clients"], "what is mounted")
    return container


@contextlib.contextmanager
def behind_its_service(bed, *flags):
    """A webhook that the API server reaches by the Service of the manifests."""
    address = own_address()
    program = bed.start_webhook(*flags, address=address).start()
    core = f"/api/v1/namespaces/{product.NAMESPACE}"
    meta = {"name": "cloneset-webhook"}
    bed.api.call("POST", f"{core}/services", {"metadata": meta, "spec": {"ports": [{"name": "https", "port": 443}]}})
    bed.api.call("POST", f"{core}/endpoints", {"metadata": meta, "subsets": [
        {"addresses": [{"ip": address}], "ports": [{"name": "https", "port": program.https_port}]}]})
    try:
        yield program.wait_ready()
    finally:
        program.kill()
        for kind in ("services", "endpoints"):
            bed.api.delete(f"{core}/{kind}/cloneset-webhook")
        bed.remove_entries()


def answered(program):
    return program.metric("controller_runtime_webhook_requests_total")


@test
def an_api_server_that_shows_the_documented_certificate_is_answered_and_no_other(bed):
    folder = os.path.join(bed.cluster.dir, "clients")
    os.makedirs(folder, exist_ok=True)
    (make_certificates,), (admission, config, kustomization) = documented()
    subprocess.run(["bash", "-ec", make_certificates], cwd=folder, check=True, stderr=subprocess.DEVNULL)
    container = checked_webhook(bed, folder, kustomization)
    flags = [flag.replace("/etc/clients", folder) for flag in container["args"] if "client" in flag]
    check_equal(len(flags), 2, f"number of flags in {container['args']}")
    bed.stop_webhook()
    bed.remove_entries()
    try:
        with behind_its_service(bed, *flags) as program:
            product.wait_strict(bed.api)
            space = bed.namespace("clients")
            manifest = to_yaml(changed(cloneset("web", 0), ("metadata/namespace", space)))
            said = bed.kubectl("apply", "-f", "-", stdin=manifest, ok=False).err
            for part in ('failed calling webhook "mcloneset.kb.io"', "tls: certificate required"):
                check(part in said, f"kubectl apply does not say {part!r}: {said}")
            wait_until("the webhook's log says why", lambda: re.search(
                r'WARN refused a client peer=\S+ reason="it shows no certificate of the client CA"', program.log()), 5)
            check_equal(answered(program), 0, "requests that were answered")

            write(os.path.join(folder, "webhooks.kubeconfig"), config.replace("/etc/kubernetes/pki", folder))
            write(config_file(bed.cluster.dir), admission.replace("/etc/kubernetes", folder))
            bed.api_server_away(0)
            bed.kubectl("apply", "-f", "-", stdin=manifest)
            stored = bed.api.get(f"{kube.GROUP}/namespaces/{space}/clonesets/web")["spec"]
            check_equal(stored["revisionHistoryLimit"], 10, "what the webhook sets")
            check(answered(program) >= 2, "the webhook was not asked")
            program.stop()
    finally:
        write(config_file(bed.cluster.dir), NO_PLUGIN)
    bed.ensure_webhook()
