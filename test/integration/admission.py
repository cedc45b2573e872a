# SPDX-License-Identifier: Apache-2.0
"""Admission, through the real API server and by HTTPS with input that no API server would send."""

import concurrent.futures
import http.client
import json
import socket
import ssl
import time

import bed as beds
import kube
import product
from admission_loop import AdmissionLoop
from harness import check, check_equal, wait_until
from manifest import changed, cloneset
from others import time_of_others

TESTS = []
MUTATE, VALIDATE, INSTANCE_ID = "/mutate-apps-kruise-io-cloneset", "/validate-apps-kruise-io-cloneset", "/mutate-instance-id"


def test(function):
    TESTS.append((function.__name__.replace("_", " "), function))
    return function


def post(bed, namespace, manifest):
    return bed.api.raw("POST", f"{kube.GROUP}/namespaces/{namespace}/clonesets", manifest)


def refused(bed, namespace, manifest, *parts):
    status, text = post(bed, namespace, manifest)
    check_equal(status, 422, f"status of a refusal ({text[:300]})")
    message = json.loads(text)["message"]
    for part in parts:
        check(part in message, f"the refusal does not say {part!r}: {message}")
    return message


@test
def the_webhook_serves_probes_and_metrics(bed):
    program = bed.ensure_webhook()
    check_equal(program.get("/healthz")[0], 200, "healthz")
    check_equal(program.get("/readyz")[0], 200, "readyz")
    check(program.metric("controller_runtime_webhook_requests_total") > 0, "no request is counted")
    check(program.metric("controller_runtime_webhook_latency_seconds_count") > 0, "no latency is measured")
    check_equal(program.get("/nothing")[0], 404, "another path")


@test
def defaults_are_written_outside_of_the_templates_only(bed):
    bed.ensure_webhook()
    space = bed.namespace("defaults")
    sent = cloneset("web")
    del sent["spec"]["replicas"]
    stored = bed.create(sent, space).get()["spec"]
    check_equal(stored["replicas"], 1, "replicas")
    check_equal(stored["revisionHistoryLimit"], 10, "revisionHistoryLimit")
    check_equal(stored["updateStrategy"], {"type": "ReCreate", "partition": 0, "maxUnavailable": "20%", "maxSurge": 0},
                "updateStrategy")
    check_equal(stored["template"], sent["spec"]["template"], "template")
    check_equal(stored["volumeClaimTemplates"], sent["spec"]["volumeClaimTemplates"], "claim templates")


@test
def a_mount_without_its_claim_template_is_refused_with_a_hint(bed):
    bed.ensure_webhook()
    wrong = changed(cloneset("web"), ("spec/volumeClaimTemplates/0/metadata/name", "rbd"))
    refused(bed, "default", wrong, 'spec.template.spec.containers[0].volumeMounts[0].name: Not found: "data-vol"', '"rbd"')


@test
def all_violations_come_in_one_answer(bed):
    bed.ensure_webhook()
    wrong = changed(cloneset("web", partition="5", maxUnavailable=0, type="Sometimes"),
                    ("spec/template/metadata/labels/app", "other"), ("spec/template/spec/restartPolicy", "Never"),
                    ("spec/revisionHistoryLimit", -1), ("spec/scaleStrategy", {"podsToDelete": ["a", "a"]}))
    refused(bed, "default", wrong, "maxUnavailable and maxSurge", "spec.updateStrategy.type", "partition",
            "does not match template", "restartPolicy", "revisionHistoryLimit", "podsToDelete")


@test
def a_mistyped_field_is_kept_with_a_warning(bed):
    bed.ensure_webhook()
    space = bed.namespace("typo")
    manifest = changed(cloneset("web"), ("spec/template/spec/containers/0/livenesProbe", {"periodSeconds": 5}))
    result = bed.kubectl("create", "-n", space, "-f", "-", stdin=json.dumps(manifest))
    check("Warning:" in result.err and "livenesProbe" in result.err and "livenessProbe" in result.err, result.err)
    stored = bed.api.get(f"{kube.GROUP}/namespaces/{space}/clonesets/web")
    check("livenesProbe" in stored["spec"]["template"]["spec"]["containers"][0], "the field was dropped")


@test
def an_old_violation_does_not_block_other_edits(bed):
    """D15."""
    space = bed.namespace("old")
    bed.stop_webhook()
    bed.remove_entries()
    old = bed.create(changed(cloneset("web"), ("spec/updateStrategy", {"partition": "5"})), space)
    bed.ensure_webhook()
    result = bed.kubectl("patch", "clone", "web", "-n", space, "--type=merge", "-p", '{"spec":{"minReadySeconds":3}}')
    check("Warning:" in result.err and "partition" in result.err, f"no warning about the old violation: {result.err}")
    refusal = bed.kubectl("patch", "clone", "web", "-n", space, "--type=merge", "-p", '{"spec":{"minReadySeconds":-3}}', ok=False)
    check("minReadySeconds" in refusal.err, refusal.err)
    bed.kubectl("label", "clone", "web", "-n", space, "a=b")
    bed.kubectl("delete", "clone", "web", "-n", space)
    check(not bed.api.find(old.path), "the set is still there")


@test
def the_selector_cannot_change(bed):
    bed.ensure_webhook()
    space = bed.namespace("selector")
    made = bed.create(cloneset("web"), space)
    status, text = bed.api.raw("PATCH", made.path, {"spec": {"selector": {"matchLabels": {"app": "x"}},
                               "template": {"metadata": {"labels": {"app": "x"}}}}}, "application/merge-patch+json")
    check(status == 422 and "spec.selector" in text, f"{status} {text}")


@test
def on_delete_and_unknown_names_in_pods_to_delete_are_accepted(bed):
    bed.ensure_webhook()
    space = bed.namespace("accepted")
    made = changed(cloneset("web", type="OnDelete"), ("spec/scaleStrategy", {"podsToDelete": ["never-was"]}))
    check_equal(bed.create(made, space).get()["spec"]["updateStrategy"]["type"], "OnDelete", "type")


@test
def integers_of_64_bits_are_stored_unharmed(bed):
    bed.ensure_webhook()
    space = bed.namespace("integers")
    big = {"key": "k", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 9223372036854775807}
    made = bed.create(changed(cloneset("web"), ("spec/template/spec/tolerations", [big])), space)
    bed.api.merge(made.path, {"spec": {"minReadySeconds": 1}})
    check('"tolerationSeconds":9223372036854775807' in bed.api.raw("GET", made.path)[1].replace(" ", ""), "it was rounded")


# ---- by HTTPS, without the API server


class Direct:
    """The webhook's own port."""

    def __init__(self, program):
        self.port = program.https_port
        self.context = ssl.create_default_context()
        self.context.check_hostname = False
        self.context.verify_mode = ssl.CERT_NONE

    def send(self, body, path=VALIDATE, method="POST", content_type="application/json", timeout=8):
        """(status, answer text); status 0 when the connection was closed without an answer."""
        conn = http.client.HTTPSConnection("127.0.0.1", self.port, context=self.context, timeout=timeout)
        try:
            headers = {"Content-Type": content_type} if content_type else {}
            conn.request(method, path, body, headers)
            answer = conn.getresponse()
            return answer.status, answer.read().decode(errors="replace")
        except (http.client.HTTPException, ConnectionError, ssl.SSLError) as error:
            return 0, str(error)
        finally:
            conn.close()

    def socket(self):
        raw = socket.create_connection(("127.0.0.1", self.port), timeout=30)
        return self.context.wrap_socket(raw)

    def still_well(self, what):
        status, text = self.send(review(cloneset("good")))
        check(status == 200 and '"allowed":true' in text.replace(" ", ""), f"after {what}: {status} {text[:300]}")


def review(obj, operation="CREATE", old=None, **other):
    if isinstance(obj, dict) and isinstance(obj.get("metadata"), dict):
        obj = changed(obj, ("metadata/namespace", "default"))
    request = {"uid": "u-1", "operation": operation, "namespace": "default", "name": "good",
               "resource": {"group": "apps.kruise.io", "version": "v1alpha1", "resource": "clonesets"},
               "kind": {"group": "apps.kruise.io", "version": "v1alpha1", "kind": "CloneSet"},
               "object": obj, "oldObject": old, "userInfo": {"username": "test"}, **other}
    return json.dumps({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}).encode()


def with_request(**changes):
    whole = json.loads(review(cloneset("good")))
    for key, value in changes.items():
        if value is None:
            whole["request"].pop(key)
        else:
            whole["request"][key] = value
    return json.dumps(whole).encode()


def bad_bodies():
    good = review(cloneset("good"))
    deep = b'{"a":' * 100000 + b"1" + b"}" * 100000
    return [
        ("nothing at all", b"", 400),
        ("not JSON", b"<html>", 400),
        ("a truncated review", good[: len(good) // 2], 400),
        ("JSON of another kind", b'{"kind":"Pod"}', 400),
        ("an array", b"[]", 400),
        ("a number", b"7", 400),
        ("null", b"null", 400),
        ("two documents", good + good, 400),
        ("a request without uid", with_request(uid=None), 400),
        ("a uid that is a number", with_request(uid=5), 400),
        ("no request", b'{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview"}', 400),
        ("a request that is text", b'{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":"x"}', 400),
        ("an unknown version of the review", good.replace(b"admission.k8s.io/v1", b"admission.k8s.io/v9"), 400),
        ("a NUL byte", good.replace(b'"good"', b'"go\x00od"', 1), 400),
        ("bad UTF-8", good.replace(b'"test"', b'"\xc3\x28"', 1), 400),
        ("an object nested 100,000 deep", deep, 400),
        ("a deep nesting inside of the object", review("@").replace(b'"@"', deep), 400),
    ]


def denied(text, code):
    answer = json.loads(text)["response"]
    return answer["allowed"] is False and answer.get("status", {}).get("code") == code


@test
def bad_bodies_get_a_clear_answer(bed):
    direct = Direct(bed.ensure_webhook())
    for what, body, wanted in bad_bodies():
        for path in (VALIDATE, MUTATE, INSTANCE_ID):
            begin = time.monotonic()
            status, text = direct.send(body, path)
            check(time.monotonic() - begin < 5, f"{what}: took {time.monotonic() - begin:.1f} s")
            fine = status == wanted or (status == 200 and denied(text, wanted))
            check(fine, f"{what} at {path}: {status} {text[:200]}")
            check(len(text) > 10, f"{what} at {path}: no word of why")
        direct.still_well(what)


@test
def wrong_types_in_an_object_are_told_by_path(bed):
    direct = Direct(bed.ensure_webhook())
    for path, value in (("spec/replicas", "3"), ("spec", 5), ("spec/template", []), ("spec/selector", "x"), ("metadata", 1),
                        ("spec/template/spec/containers", {"a": 1}), ("spec/updateStrategy", []), ("spec/replicas", 1e30),
                        ("spec/template/metadata/labels", [1]), ("spec/volumeClaimTemplates", {"a": {}}),
                        ("spec/scaleStrategy", {"podsToDelete": [1, {}]}), ("spec/replicas", 9223372036854775808)):
        status, text = direct.send(review(changed(cloneset("good"), (path, value))))
        check(status == 200, f"{path}={value}: {status} {text[:200]}")
        answer = json.loads(text)["response"]
        check(answer["allowed"] is False, f"{path}={value!r} was allowed")
        check(path.split("/")[-1] in answer["status"]["message"], f"{path}: {answer['status']['message']}")
    direct.still_well("wrong types")


@test
def a_body_above_7_mib_is_refused(bed):
    direct = Direct(bed.ensure_webhook())
    status, text = direct.send(b" " * (7 * 1024 * 1024 + 1))
    check(status in (0, 413), f"{status} {text[:200]}")
    direct.still_well("a large body")
    whole = json.loads(review(cloneset("good")))
    whole["request"]["object"]["metadata"]["annotations"] = {"a": "x" * (200 * 1024)}
    check_equal(direct.send(json.dumps(whole).encode())[0], 200, "status of a body of 200 KiB")


@test
def wrong_methods_paths_and_content_types(bed):
    direct = Direct(bed.ensure_webhook())
    good = review(cloneset("good"))
    check_equal(direct.send(good, "/nothing")[0], 404, "unknown path")
    check_equal(direct.send(None, VALIDATE, "GET")[0], 405, "GET")
    check_equal(direct.send(good, VALIDATE, "PUT")[0], 405, "PUT")
    check_equal(direct.send(good, content_type="text/plain")[0], 415, "text/plain")
    check_equal(direct.send(good, content_type=None)[0], 415, "no content type")
    check_equal(direct.send(good, content_type="application/json; charset=utf-8")[0], 200, "with a charset")
    check_equal(direct.send(good, VALIDATE + "?timeout=3s")[0], 200, "with a query")
    direct.still_well("odd requests")


@test
def an_unknown_version_of_the_resource_is_told(bed):
    direct = Direct(bed.ensure_webhook())
    body = with_request(resource={"group": "apps.kruise.io", "version": "v9", "resource": "clonesets"})
    status, text = direct.send(body)
    answer = json.loads(text)["response"]
    check_equal((status, answer["allowed"], answer["status"]["code"]), (200, False, 400), "answer")
    check("unsupported version: v9" in answer["status"]["message"], answer["status"]["message"])


@test
def slow_and_silent_clients_do_not_hold_others_up(bed):
    direct = Direct(bed.ensure_webhook())
    held = []
    try:
        for number in range(40):
            if number % 2:
                held.append(socket.create_connection(("127.0.0.1", direct.port), timeout=30))  # never says hello
            else:
                sock = direct.socket()
                sock.send(f"POST {VALIDATE} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{{".encode())
                held.append(sock)
        begin = time.monotonic()
        direct.still_well("40 idle connections")
        check(time.monotonic() - begin < 2, f"a good request took {time.monotonic() - begin:.1f} s beside them")
    finally:
        for sock in held:
            sock.close()


@test
def many_connections_at_once(bed):
    direct = Direct(bed.ensure_webhook())
    good = review(cloneset("good"))
    with concurrent.futures.ThreadPoolExecutor(32) as pool:
        answers = list(pool.map(lambda _: direct.send(good)[0], range(200)))
    check_equal(answers.count(200), 200, "good answers of 200")


@test
def sigterm_ends_it_without_failing_a_request(bed):
    program = bed.ensure_webhook()
    direct = Direct(program)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        under_way = [pool.submit(direct.send, review(cloneset("good"))) for _ in range(100)]
        time.sleep(0.05)
        answers = [future.result()[0] for future in under_way[:20]]
    check(all(status == 200 for status in answers), f"answers {answers}")
    bed.webhook = None
    took = program.stop(15)
    check(took < 10, f"it took {took:.1f} s to end")
    bed.ensure_webhook()


@test
def nothing_but_what_a_cloneset_owns_is_sent(bed):
    """D17: Pods and claims of others never reach us."""
    program = bed.ensure_webhook()
    space = bed.namespace("others")
    before = program.metric("controller_runtime_webhook_requests_total", webhook=INSTANCE_ID)
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"},
           "spec": {"schedulerName": "nobody", "containers": [{"name": "c", "image": "i"}]}}
    owner = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "r", "uid": "1-2", "controller": True}
    for number, reference in enumerate([None, [owner]]):
        bed.api.call("POST", f"/api/v1/namespaces/{space}/pods",
                     changed(pod, ("metadata/name", f"p{number}"), ("metadata/ownerReferences", reference)))
    check_equal(program.metric("controller_runtime_webhook_requests_total", webhook=INSTANCE_ID), before, "requests")
    made = bed.create(cloneset("web", replicas=0), space).get()
    ours = {"apiVersion": "apps.kruise.io/v1alpha1", "kind": "CloneSet", "name": "web", "uid": made["metadata"]["uid"],
            "controller": True}
    got = bed.api.call("POST", f"/api/v1/namespaces/{space}/pods",
                       changed(pod, ("metadata/name", "web-bcdfg"), ("metadata/ownerReferences", [ours])))
    check_equal(got["metadata"]["labels"], {kube.ID_LABEL: "bcdfg"}, "labels")
    check(program.metric("controller_runtime_webhook_requests_total", webhook=INSTANCE_ID) > before, "it was not asked")


def connections(listener):
    """How many were made since the last look."""
    listener.setblocking(False)
    number = 0
    try:
        while True:
            listener.accept()[0].close()
            number += 1
    except BlockingIOError:
        return number


@test
def others_are_created_as_fast_with_all_our_programs_gone(bed):
    """Issue 3: registered, but the webhook's port takes connections and never answers, which is worse than no port at all.
    Side by side with a cluster without our registrations and policy; one call to us would take 2 or 3 s."""
    bed.ensure_webhook()
    product.wait_strict(bed.api)
    bed.stop_webhook()
    registered = {path: bed.api.get(path)["webhooks"] for path in (beds.MUTATING, beds.VALIDATING)}
    policy = ("-f", "manifests/base/instance-id-policy.yaml")
    times = {"without us": [], "registered": []}
    with socket.create_server(("127.0.0.1", 0)) as silent:
        for entry in sum(registered.values(), []):
            entry["clientConfig"]["url"] = f"https://127.0.0.1:{silent.getsockname()[1]}/"
        try:
            for turn in range(2):
                bed.remove_entries()
                bed.kubectl("delete", *policy)
                times["without us"].append(time_of_others(bed.api, f"{turn}-without"))
                bed.kubectl("apply", *policy)
                for path, entries in registered.items():
                    bed.api.merge(path, {"webhooks": entries})
                wait_until("writes of CloneSets wait for us", lambda: "failed calling webhook" in bed.answer_to_nonsense()[1], 30)
                connections(silent)
                times["registered"].append(time_of_others(bed.api, f"{turn}-registered"))
                check_equal(connections(silent), 0, "connections to the webhook for what is not ours")
        finally:
            bed.kubectl("apply", *policy)
            bed.remove_entries()
    bed.ensure_webhook()
    for what in times["registered"][0]:
        without, with_us = (min(turn[what] for turn in times[key]) for key in ("without us", "registered"))
        print(f"   creating {what}: {without:.1f} ms without us, {with_us:.1f} ms registered and not answering")
        check(with_us < 3 * without + 50, f"creating {what} takes {with_us:.1f} ms, {without:.1f} ms without us")


@test
def the_account_may_read_only_its_own_secret(bed):
    """U-38."""
    for program in product.PROGRAMS:
        headers = {"Authorization": "Bearer " + bed.tokens[program]}
        body = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectRulesReview", "spec": {"namespace": product.NAMESPACE}}
        for space in (product.NAMESPACE, "default"):
            conn = bed.api.connection()
            body["spec"]["namespace"] = space
            # Without the admin's client certificate, which would win.
            context = ssl.create_default_context(cafile=bed.ca_file)
            conn = http.client.HTTPSConnection(bed.api.host, bed.api.port, context=context, timeout=10)
            conn.request("POST", "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews", json.dumps(body),
                         {**headers, "Content-Type": "application/json"})
            rules = json.loads(conn.getresponse().read())["status"]["resourceRules"]
            conn.close()
            secrets = [rule for rule in rules if "secrets" in rule["resources"] or "*" in rule["resources"]]
            named = all(rule.get("resourceNames") == ["cloneset-webhook-cert"] for rule in secrets)
            wanted = program == "cloneset-webhook" and space == product.NAMESPACE
            check(bool(secrets) == wanted and named, f"{program} in {space}: {secrets}")


@test
def edits_in_a_loop_are_all_answered(bed):
    bed.ensure_webhook()
    loop = AdmissionLoop(bed.api, 0)
    try:
        wait_until("more than 100 were answered", lambda: loop.done > 100 or loop.failures, 60)
    finally:
        loop.stop()
    check(not loop.failures, f"{loop.done} done, failures {loop.failures[:3]}")
