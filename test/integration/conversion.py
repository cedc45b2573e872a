# SPDX-License-Identifier: Apache-2.0
"""The overlay v1beta1 (D19): both versions served by a real API server that asks us to convert, v1alpha1 stored, and a
cluster that stored v1beta1 taken over. Runs last: it changes the CRD, and puts it back at its end."""

import base64
import json
import os
import re
import time
import urllib.request

import controller as managed
import kube
from harness import check, check_equal, holds, wait_until
from kube import ApiError, uids
from manifest import changed, cloneset

TESTS = []
OVERLAY = "manifests/overlays/v1beta1"
CRD = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/clonesets.apps.kruise.io"
BETA = "/apis/apps.kruise.io/v1beta1"
NOTE = "cloneset.apps.kruise.io/conversion-data"
EXCLUDE = "apps.kruise.io/cloneset-scaling-exclude-preparing-delete"
ALPHA_NAME, BETA_NAME = "clonesets.v1alpha1.apps.kruise.io", "clonesets.v1beta1.apps.kruise.io"


def test(function):
    def run(bed):
        install(bed)
        function(bed)

    TESTS.append((function.__name__.replace("_", " "), run))
    return function


# ---- setting up


def is_installed(bed):
    if bed.webhook is None or not bed.webhook.alive() or "--manage-conversion" not in bed.webhook.command:
        return False
    spec = bed.api.get(CRD)["spec"]
    stores_alpha = [row["name"] for row in spec["versions"] if row["storage"]] == ["v1alpha1"]
    return stores_alpha and spec["conversion"]["strategy"] == "Webhook" and serves_beta(bed)


def install(bed):
    """The overlay as its first lines say, but for what needs a node; the webhook by URL, as in all these tests."""
    if is_installed(bed):
        return
    bed.stop_webhook()
    apply_crd(bed)
    rendered = bed.kubectl("kustomize", OVERLAY, quiet=True).out
    bed.apply_objects(rendered)
    bed.webhook = bed.start_webhook("--manage-conversion").start()
    bed.webhook.wait_ready()
    bed.wait_registered()
    wait_until("v1beta1 is served", lambda: serves_beta(bed))


def apply_crd(bed, path=f"{OVERLAY}/crd.yaml"):
    config = (bed.api.get(CRD)["spec"].get("conversion") or {}).get("webhook", {}).get("clientConfig", {})
    manifest = json.loads(bed.kubectl("create", "--dry-run=client", "-o", "json", "-f", path, quiet=True).out)
    if "url" in config and "conversion" in manifest["spec"]:
        # Of URL and Service there may be one only, and these tests live with the URL.
        manifest["spec"]["conversion"]["webhook"]["clientConfig"] = {"url": config["url"]}
    bed.kubectl("apply", "-f", "-", stdin=json.dumps(manifest))
    bed.kubectl("wait", "--for=condition=Established", "crd/clonesets.apps.kruise.io", "--timeout=20s")


def serves_beta(bed):
    return bed.api.raw("GET", f"{BETA}/clonesets?limit=1")[0] == 200


# ---- small help


def beta_set(name, replicas=3, image="nginx:alpine", claims=True, scale=None, update=None, **rolling):
    """rolling: members of rollingUpdate; update: the whole updateStrategy instead."""
    manifest = changed(cloneset(name, replicas, image, claims), ("apiVersion", "apps.kruise.io/v1beta1"))
    if rolling or update:
        manifest["spec"]["updateStrategy"] = update or {"rollingUpdate": rolling}
    if scale is not None:
        manifest["spec"]["scaleStrategy"] = scale
    return manifest


def paths(namespace, name):
    return f"{kube.GROUP}/namespaces/{namespace}/clonesets/{name}", f"{BETA}/namespaces/{namespace}/clonesets/{name}"


def create(bed, manifest, namespace):
    group = BETA if manifest["apiVersion"].endswith("beta1") else kube.GROUP
    bed.api.call("POST", f"{group}/namespaces/{namespace}/clonesets", manifest)
    return paths(namespace, manifest["metadata"]["name"])


def note_of(obj):
    return obj["metadata"].get("annotations", {}).get(NOTE)


def stored(bed, namespace, name):
    """The set as it is in etcd."""
    with open(os.path.join(bed.cluster.dir, "state.env"), encoding="utf-8") as file:
        port = re.search(r"^ETCD_PORT=(\d+)", file.read(), re.M)[1]
    key = base64.b64encode(f"/registry/apps.kruise.io/clonesets/{namespace}/{name}".encode()).decode()
    request = urllib.request.Request(f"http://127.0.0.1:{port}/v3/kv/range", json.dumps({"key": key}).encode(),
                                     {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        found = json.loads(answer.read()).get("kvs", [])
    check(found, f"{namespace}/{name} is not in etcd")
    return json.loads(base64.b64decode(found[0]["value"]))


def patch(bed, resource, namespace, name, body):
    return bed.kubectl("patch", resource, name, "-n", namespace, "--type=merge", "-p", json.dumps(body))


def apply(bed, namespace, manifest, *flags):
    return bed.kubectl("apply", "-n", namespace, "-f", "-", *flags, stdin=json.dumps(manifest))


# ---- reading and writing


@test
def a_set_of_v1alpha1_is_read_and_edited_as_v1beta1(bed):
    space = bed.namespace("alpha")
    alpha, beta = paths(space, "web")
    manifest = cloneset("web", type="InPlaceIfPossible", partition=1, maxSurge="50%",
                        inPlaceUpdateStrategy={"gracePeriodSeconds": 3})
    apply(bed, space, manifest)
    before = bed.api.get(alpha)
    seen = bed.api.get(beta)
    check_equal(seen["spec"]["updateStrategy"], {"type": "RollingUpdate", "rollingUpdate": {
        "podUpdatePolicy": "InPlaceIfPossible", "partition": 1, "maxUnavailable": "20%", "maxSurge": "50%",
        "inPlaceUpdateStrategy": {"gracePeriodSeconds": 3}}}, "updateStrategy as v1beta1")
    check_equal(seen["spec"]["scaleStrategy"], {"enablePVCReuse": True}, "scaleStrategy as v1beta1")
    check_equal(seen["spec"]["template"], before["spec"]["template"], "the template")
    check_equal(stored(bed, space, "web")["apiVersion"], "apps.kruise.io/v1alpha1", "the version in etcd")
    check(note_of(stored(bed, space, "web")) is None, "an annotation is stored with a set of v1alpha1")
    patch(bed, BETA_NAME, space, "web", {"spec": {"updateStrategy": {"rollingUpdate": {"partition": "50%"}}}})
    after = bed.api.get(alpha)
    check_equal(after["spec"]["updateStrategy"]["partition"], "50%", "the partition after an edit as v1beta1")
    check("scaleStrategy" not in after["spec"], "scaleStrategy appeared by an edit of another field")
    check(note_of(after) is None, f"an annotation stays behind: {note_of(after)}")
    patch(bed, ALPHA_NAME, space, "web", {"spec": {"scaleStrategy": {"disablePVCReuse": True}}})
    check_equal(bed.api.get(beta)["spec"]["scaleStrategy"], {"enablePVCReuse": False}, "after an edit as v1alpha1")
    check_equal(bed.api.get(alpha)["spec"]["template"], manifest["spec"]["template"], "the template at the end")


@test
def a_set_of_v1beta1_is_read_and_edited_as_v1alpha1(bed):
    space = bed.namespace("beta")
    alpha, beta = paths(space, "web")
    apply(bed, space, beta_set("web", scale={"excludePreparingDelete": True}, podUpdatePolicy="InPlaceOnly"))
    made = bed.api.get(beta)
    check_equal(made["spec"]["updateStrategy"], {"type": "RollingUpdate", "rollingUpdate": {
        "podUpdatePolicy": "InPlaceOnly", "partition": 0, "maxUnavailable": "20%", "maxSurge": 0,
        "inPlaceUpdateStrategy": {}}}, "defaults of v1beta1")
    check_equal(made["spec"]["scaleStrategy"], {"enablePVCReuse": False, "excludePreparingDelete": True}, "scaleStrategy")
    check(EXCLUDE not in made["metadata"]["labels"] and note_of(made) is None, f"metadata: {made['metadata']}")
    seen = bed.api.get(alpha)
    check_equal(seen["spec"]["updateStrategy"],
                {"type": "InPlaceOnly", "partition": 0, "maxUnavailable": "20%", "maxSurge": 0}, "as v1alpha1")
    check_equal(seen["spec"]["scaleStrategy"], {"disablePVCReuse": True}, "scaleStrategy as v1alpha1")
    check_equal(seen["metadata"]["labels"][EXCLUDE], "true", "the label that the controller goes by")
    check_equal(stored(bed, space, "web")["apiVersion"], "apps.kruise.io/v1alpha1", "the version in etcd")
    patch(bed, ALPHA_NAME, space, "web", {"spec": {"updateStrategy": {"type": "ReCreate", "maxSurge": 1}}})
    after = bed.api.get(beta)
    check_equal(after["spec"]["updateStrategy"]["rollingUpdate"]["podUpdatePolicy"], "ReCreate", "an edit as v1alpha1")
    check_equal(after["spec"]["scaleStrategy"], made["spec"]["scaleStrategy"], "the other strategy after it")
    patch(bed, ALPHA_NAME, space, "web", {"metadata": {"labels": {EXCLUDE: None}}})
    check("excludePreparingDelete" not in bed.api.get(beta)["spec"]["scaleStrategy"], "the label's removal is not seen")
    check_equal(bed.api.get(alpha)["spec"]["selector"], {"matchLabels": {"app": "web"}}, "selector")


@test
def what_v1alpha1_cannot_say_comes_back(bed):
    """D19: a rollingUpdate under OnDelete, and an absent scaleStrategy, survive writes of other fields in v1alpha1."""
    space = bed.namespace("kept")
    rolling = {"podUpdatePolicy": "InPlaceOnly", "partition": 1, "maxUnavailable": 1}
    manifest = beta_set("web", update={"type": "OnDelete", "rollingUpdate": rolling})
    alpha, beta = create(bed, manifest, space)
    check(note_of(bed.api.get(alpha)) is not None, "nothing is kept")
    patch(bed, ALPHA_NAME, space, "web", {"spec": {"minReadySeconds": 2}})
    bed.api.merge(alpha + "/status", {"status": {"replicas": 1, "readyReplicas": 0, "availableReplicas": 0,
                                                 "updatedReplicas": 0, "updatedReadyReplicas": 0}})
    back = bed.api.get(beta)
    check_equal(back["spec"]["updateStrategy"], manifest["spec"]["updateStrategy"], "updateStrategy")
    check("scaleStrategy" not in back["spec"], f"scaleStrategy: {back['spec'].get('scaleStrategy')}")
    check(note_of(back) is None, "the annotation is shown where it is not needed")
    patch(bed, ALPHA_NAME, space, "web", {"spec": {"updateStrategy": {"partition": 2}, "scaleStrategy": None}})
    back = bed.api.get(beta)
    check_equal(back["spec"]["updateStrategy"], {"type": "OnDelete"}, "updateStrategy after an edit as v1alpha1")
    check_equal(back["spec"]["scaleStrategy"], {"enablePVCReuse": True}, "scaleStrategy after an edit as v1alpha1")
    kept = note_of(stored(bed, space, "web"))
    check(kept is None, f"what does not count any more is still stored: {kept}")


@test
def applying_the_same_manifest_again_changes_nothing(bed):
    """In either version, by either kind of apply, whatever the other version's readers saw meanwhile."""
    space = bed.namespace("apply")
    rows = [cloneset("a1"), cloneset("a2", type="OnDelete", partition=2), beta_set("b1", maxSurge=1),
            beta_set("b2", scale={"podsToDelete": []}, update={"type": "OnDelete"})]
    for manifest in rows:
        for flags in ([], ["--server-side", "--force-conflicts"]):
            apply(bed, space, manifest, *flags)
            alpha, beta = paths(space, manifest["metadata"]["name"])
            first = bed.api.get(alpha), bed.api.get(beta)
            result = apply(bed, space, manifest, *flags)
            second = bed.api.get(alpha), bed.api.get(beta)
            what = f"{manifest['metadata']['name']} {flags}"
            check(flags or "unchanged" in result.out, f"{what}: {result.text}")
            for one, two in zip(first, second):
                check_equal(two, one, what)


@test
def both_versions_are_scaled_listed_watched_and_deleted(bed):
    space = bed.namespace("scale")
    sets = [create(bed, manifest, space) for manifest in (cloneset("a"), beta_set("b"))]
    for name, (alpha, beta) in zip("ab", sets):
        for replicas, resource in ((5, ALPHA_NAME), (7, BETA_NAME)):
            bed.kubectl("scale", f"{resource}/{name}", f"--replicas={replicas}", "-n", space)
            check_equal([bed.api.get(path)["spec"]["replicas"] for path in (alpha, beta)], [replicas] * 2, "replicas")
    for group in (kube.GROUP, BETA):
        items = bed.api.get(f"{group}/namespaces/{space}/clonesets")["items"]
        check_equal([item["apiVersion"] for item in items], [group.removeprefix("/apis/")] * 2, "versions of a list")
    tables = [bed.kubectl("get", resource, "-n", space, "-o", "wide").out for resource in (ALPHA_NAME, BETA_NAME)]
    check(tables[0].split("\n")[0].split() == tables[1].split("\n")[0].split(), f"columns: {tables}")
    fresh = os.path.join(bed.logs, "discovery")
    preferred = bed.kubectl("get", "clone", "a", "-n", space, "-o", "json", f"--cache-dir={fresh}").out
    check_equal(json.loads(preferred)["apiVersion"], "apps.kruise.io/v1beta1", "what kubectl reads by itself")
    watch = kube.Watch(bed.api, f"{BETA}/namespaces/{space}/clonesets")
    patch(bed, ALPHA_NAME, space, "a", {"spec": {"updateStrategy": {"partition": 4}}})
    wait_until("a watch of v1beta1 tells of an edit of v1alpha1", lambda: any(
        event.obj["spec"]["updateStrategy"]["rollingUpdate"].get("partition") == 4 for event in watch.history()
        if event.name == "a" and event.kind == "MODIFIED"))
    bed.kubectl("delete", f"{BETA_NAME}/a", f"{ALPHA_NAME}/b", "-n", space)
    for alpha, beta in sets:
        wait_until("gone in both", lambda: not bed.api.find(alpha) and not bed.api.find(beta))
    watch.stop()


@test
def every_write_is_converted_for_the_api_servers_second_cache(bed):
    """What the overlay costs (its kustomization.yaml says so): even where nobody reads v1beta1."""
    space = bed.namespace("cost")
    alpha, _ = create(bed, cloneset("web", 0, claims=False), space)

    def conversions():
        return bed.webhook.metric("cloneset_webhook_conversions_total", version="v1beta1", result="success")

    before = conversions()
    for number in range(5):
        bed.api.merge(alpha, {"spec": {"minReadySeconds": number + 1}})
    wait_until("five conversions", lambda: conversions() - before >= 5, 10)


@test
def every_rule_holds_for_v1beta1(bed):
    """Spec §3.5 and quirk 3, seen by kubectl."""
    space = bed.namespace("rules")
    rolling = "spec.updateStrategy.rollingUpdate"
    rows = [
        (beta_set("w", update={"type": "ReCreate"}), "must be 'RollingUpdate' or 'OnDelete'"),
        (beta_set("w", podUpdatePolicy="X"), f"{rolling}.podUpdatePolicy: Invalid value: \"X\""),
        (beta_set("w", partition="5"), f"{rolling}.partition: Invalid value: \"5\""),
        (beta_set("w", podUpdatePolicy="InPlaceOnly", maxSurge=1), "can not use maxSurge with podUpdatePolicy InPlaceOnly"),
        (beta_set("w", update={"type": "OnDelete", "rollingUpdate": {}}), f"{rolling}.partition: Invalid value: \"<nil>\""),
        (changed(beta_set("w"), ("spec/progressDeadlineSeconds", -5)), "spec.progressDeadlineSeconds: Invalid value: -5"),
    ]
    for manifest, text in rows:
        refusal = bed.kubectl("create", "-n", space, "-f", "-", stdin=json.dumps(manifest), ok=False).text
        check(text in refusal, f"{text!r} is not in {refusal}")
    _, beta = create(bed, beta_set("web", podUpdatePolicy="InPlaceOnly"), space)
    bed.api.merge(beta + "/status", {"status": {"replicas": 3}})
    refusal = bed.kubectl("patch", BETA_NAME, "web", "-n", space, "--type=json", "-p", json.dumps(
        [{"op": "add", "path": "/spec/template/spec/containers/0/args", "value": ["x"]}]), ok=False).text
    check("podUpdatePolicy InPlaceOnly allows only" in refusal, refusal)
    result = bed.kubectl("patch", BETA_NAME, "web", "-n", space, "--type=json", "-p", json.dumps(
        [{"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": "nginx:latest"}]))
    check("up to 3 Pods in place" in result.err, f"no warning: {result.err}")
    create(bed, beta_set("quirk", maxUnavailable=0, maxSurge=1), space)  # quirk 2


# ---- the controller


@test
def the_controller_manages_sets_of_both_versions(bed):
    with managed.Running(bed):
        space = bed.namespace("both")
        names = ("a", "b")
        create(bed, cloneset("a", 3, type="InPlaceIfPossible"), space)
        create(bed, beta_set("b", 3, scale={"enablePVCReuse": True}, podUpdatePolicy="InPlaceIfPossible"), space)
        sets = [kube.Set(bed.api, name, space) for name in names]
        for one in sets:
            one.wait_settled(3)
        before = [uids(one.pods()) for one in sets]
        for one in sets:
            image = [{"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": "nginx:latest"}]
            bed.kubectl("patch", BETA_NAME, one.name, "-n", space, "--type=json", "-p", json.dumps(image))
        for one in sets:
            one.wait_settled(3, image="nginx:latest")
        check_equal([uids(one.pods()) for one in sets], before, "Pods after updates in place, asked for as v1beta1")
        for one in sets:
            victim = sorted(pod["metadata"]["name"] for pod in one.pods())[0]
            patch(bed, BETA_NAME, space, one.name, {"spec": {"replicas": 2, "scaleStrategy": {"podsToDelete": [victim]}}})
            one.wait_settled(2)
            check(victim not in uids(one.pods()), f"{victim} is still there")
            beta = paths(space, one.name)[1]
            wait_until("the name is struck", lambda: not bed.api.get(beta)["spec"]["scaleStrategy"].get("podsToDelete"))
            check_equal(bed.api.get(beta)["status"], bed.api.get(one.path)["status"], "status in both versions")
        bed.kubectl("delete", BETA_NAME, "a", "-n", space)
        # The garbage collector looks for new versions of resources every half a minute.
        wait_until("its Pods are gone", lambda: not sets[0].pods(terminating=True), 90)


@test
def without_a_webhook_v1alpha1_goes_on(bed):
    """What the overlay costs: v1beta1 needs us, what is stored does not."""
    with managed.Running(bed):
        space = bed.namespace("alone")
        create(bed, beta_set("web", 2, claims=False), space)
        web = kube.Set(bed.api, "web", space)
        web.wait_settled(2)
        bed.stop_webhook()
        status, text = bed.api.raw("POST", f"{BETA}/namespaces/{space}/clonesets", beta_set("other"))
        check(status >= 500 and "webhook" in text, f"{status} {text[:300]}")
        bed.api.merge(web.path + "/scale", {"spec": {"replicas": 3}})
        web.wait_settled(3)
    install(bed)
    check_equal(bed.api.get(paths(space, "web")[1])["spec"]["replicas"], 3, "replicas as v1beta1, with a webhook again")


# ---- the CRD


@test
def the_crds_bundle_is_kept_right(bed):
    """D21 for the CRD; with no conversion in it, it is left alone."""
    config = bed.api.get(CRD)["spec"]["conversion"]["webhook"]["clientConfig"]
    check_equal(config["url"], f"https://127.0.0.1:{bed.webhook.https_port}/convert", "URL")
    good = config["caBundle"]
    bed.api.merge(CRD, {"spec": {"conversion": {"webhook": {"clientConfig": {"caBundle": None}}}}})
    wait_until("the bundle is back", lambda: bed.api.get(CRD)["spec"]["conversion"]["webhook"]["clientConfig"]
               .get("caBundle") == good, 15)
    apply_crd(bed)  # as on an upgrade
    check_equal(bed.api.get(CRD)["spec"]["conversion"]["webhook"]["clientConfig"].get("caBundle"), good, "the bundle, after it")
    others = [{"op": "replace", "path": "/spec/conversion", "value": {"strategy": "None"}}]
    bed.api.call("PATCH", CRD, others, "application/json-patch+json")
    holds("a CRD that does not convert is left alone", lambda: bed.api.get(CRD)["spec"]["conversion"] == {"strategy": "None"}, 3)
    check(bed.webhook.ready(), "not ready")


def store_as(bed, version):
    rows = bed.api.get(CRD)["spec"]["versions"]
    bed.api.merge(CRD, {"spec": {"versions": [{**row, "storage": row["name"] == version} for row in rows]}})

    def stores():
        space = bed.namespace("probe")
        create(bed, cloneset("probe", 0, claims=False), space)
        return stored(bed, space, "probe")["apiVersion"].endswith(version)

    wait_until(f"new sets are stored as {version}", stores)


def stored_versions(bed):
    return bed.api.get(CRD)["status"]["storedVersions"]


def status_writes(bed):
    """How often the controller has written to the CRD."""
    entries = bed.audit("system:serviceaccount:cloneset-system:cloneset-controller")
    return sum(entry.get("objectRef", {}).get("resource") == "customresourcedefinitions" and entry["verb"] == "patch"
               for entry in entries)


@test
def a_cluster_that_stored_v1beta1_is_taken_over(bed):
    """D19: each set is rewritten once, unchanged, and storedVersions is trimmed; no Pod notices."""
    space = bed.namespace("takeover")
    store_as(bed, "v1beta1")
    check("v1beta1" in stored_versions(bed), f"storedVersions {stored_versions(bed)}")
    rows = [beta_set("plain", 2), beta_set("label", 2, scale={"excludePreparingDelete": True}, maxSurge=1),
            beta_set("hold", 2, update={"type": "OnDelete", "rollingUpdate": {"podUpdatePolicy": "InPlaceOnly",
                                                                            "partition": 1, "maxUnavailable": 1}}),
            cloneset("old", 2, type="InPlaceIfPossible")]
    with managed.Running(bed):
        for manifest in rows:
            create(bed, manifest, space)
        sets = [kube.Set(bed.api, manifest["metadata"]["name"], space) for manifest in rows]
        for one in sets:
            one.wait_settled(2)
    for one in sets:
        check_equal(stored(bed, space, one.name)["apiVersion"], "apps.kruise.io/v1beta1", "the version in etcd before")
    before = [(one.get(), bed.api.get(paths(space, one.name)[1]), uids(one.pods()), uids(one.claims())) for one in sets]

    apply_crd(bed)
    install(bed)
    check_equal(sorted(stored_versions(bed)), ["v1alpha1", "v1beta1"], "storedVersions before")
    writes = status_writes(bed)
    with managed.Running(bed, "--migrate-storage") as program:
        wait_until("storedVersions is trimmed", lambda: stored_versions(bed) == ["v1alpha1"], 60)
        check("all CloneSets are stored as v1alpha1" in program.log(), "the log does not say so")
        for one, (alpha, beta, pods, claims) in zip(sets, before):
            whole = stored(bed, space, one.name)
            check_equal(whole["apiVersion"], "apps.kruise.io/v1alpha1", "the version in etcd after")
            now_alpha, now_beta = one.get(), bed.api.get(paths(space, one.name)[1])
            for was, now in ((alpha, now_alpha), (beta, now_beta)):
                check_equal(now["spec"], was["spec"], f"{one.name}: spec as {was['apiVersion']}")
                check_equal(now["metadata"]["generation"], was["metadata"]["generation"], f"{one.name}: generation")
                check_equal(now["metadata"].get("labels"), was["metadata"].get("labels"), f"{one.name}: labels")
            check_equal((uids(one.pods()), uids(one.claims())), (pods, claims), f"{one.name}: Pods and claims")
        check_equal(status_writes(bed) - writes, 1, "writes of the CRD's status")
        time.sleep(1)
        for one in sets:
            one.wait_settled(2)


@test
def v1beta1_can_be_taken_out_again(bed):
    """Once nothing is stored in it; then the main manifests are back, and sets are what they were."""
    space = bed.namespace("back")
    alpha, _ = create(bed, beta_set("web", 1, update={"type": "OnDelete"}), space)
    before = bed.api.get(alpha)
    check_equal(stored_versions(bed), ["v1alpha1"], "storedVersions")
    apply_crd(bed, "manifests/crd.yaml")
    wait_until("v1beta1 is not served", lambda: bed.api.raw("GET", f"{BETA}/clonesets")[0] == 404)
    check_equal(bed.api.get(CRD)["spec"]["conversion"], {"strategy": "None"}, "conversion")
    check_equal(bed.api.get(alpha), before, "the set")
    try:
        bed.api.merge(alpha, {"spec": {"replicas": 2}})
    except ApiError as error:
        check(False, f"it cannot be edited: {error}")
    bed.stop_webhook()
