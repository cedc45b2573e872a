# SPDX-License-Identifier: Apache-2.0
"""Least privilege: each account has exactly the rights of docs/rights.md, the Pods pass the level `restricted`, and the network
policies are about our Pods and their ports. Also for the overlays, in a copy that disturbs nobody."""

import json
import os
import re

import kube
import product
from harness import check, check_equal, wait_until
from manifest import changed

TESTS = []
OVERLAYS = ("vertical-scaling", "v1beta1", "cert-manager")
FOLDERS = ("base",) + tuple(f"overlays/{overlay}" for overlay in OVERLAYS)
RBAC = "/apis/rbac.authorization.k8s.io/v1"
ROLES = ("Role", "ClusterRole")
CONTAINER = "spec/containers/0"
# What the API servers of common distributions listen on, and DNS.
WAYS_OUT = {("TCP", port) for port in (443, 6443, 8443, 16443, 53)} | {("UDP", 53)}


def test(function):
    TESTS.append((function.__name__.replace("_", " "), function))
    return function


# ---- what is documented


def tables():
    """{heading: [(account, where, resource, name, verbs)]} of the page."""
    with open(os.path.join(kube.ROOT, "docs", "rights.md"), encoding="utf-8") as file:
        text = file.read()
    found = {}
    for part in re.split(r"^## ", text, flags=re.M)[1:]:
        rows = [[cell.strip().replace("`", "") for cell in row.strip("|").split("|")] for row in part.splitlines()
                if row.startswith("| `cloneset-")]
        found[part.splitlines()[0]] = [
            (row[0], row[1], row[2], row[3], frozenset(filter(None, row[4].split(", ")))) for row in rows if len(row) == 6]
    check(all(found.get(f"With the overlay {overlay}") for overlay in OVERLAYS), f"docs/rights.md has the tables {list(found)}")
    return found


def documented(folder, program):
    """The rows for an account, with this folder of manifests applied."""
    parts = tables()
    rows = parts["In the cluster"] + parts.get(f"With the overlay {os.path.basename(folder)}", [])
    rows = [row for row in rows if row[0] == program]
    return [] if any(row[2] == "none" for row in rows) else rows


def expected(folder, program, inside):
    """{(resource, name): verbs} as seen in the product's namespace, or in any other."""
    rights = {}
    for _, where, resource, name, verbs in documented(folder, program):
        check(where in ("everywhere", product.NAMESPACE), f"docs/rights.md: '{where}'")
        if where == "everywhere" or inside:
            rights[resource, name] = rights.get((resource, name), frozenset()) | verbs
    return rights


# ---- what the cluster says


def can_i_list(bed, account, space):
    """[(resource, URLs, names, verbs)] as `kubectl auth can-i --list` prints them."""
    result = []
    for row in bed.kubectl("auth", "can-i", "--list", f"--as={account}", "-n", space, quiet=True).out.splitlines()[1:]:
        # RESOURCES, [non-resource URLs], [names], [verbs]; the first may be empty
        found = re.fullmatch(r"(\S*)\s+\[(.*?)\]\s+\[(.*?)\]\s+\[(.*?)\]\s*", row)
        check(found, f"kubectl prints {row!r}")
        check(found[1] or found[2], f"{account} in {space}: {row}")
        result.append((found[1], found[2], found[3], frozenset(found[4].split())))
    check(result, f"{account} has no rights in {space}")
    return result


def rights_of(bed, account, space, anybody):
    """{(resource, name): verbs} beyond what `anybody` has there."""
    found = {}
    for row in can_i_list(bed, account, space):
        if row not in anybody:
            resource, urls, names, verbs = row
            check(not urls, f"{account} may ask for {urls}")
            found[resource, names] = found.get((resource, names), frozenset()) | verbs
    return found


def check_rights(bed, folder, home):
    """Of both accounts in the namespace `home`, there and elsewhere."""
    # Where there is no such namespace only ClusterRoleBindings count: that is what an account may everywhere.
    for space in (home, "default", "no-such-namespace"):
        anybody = can_i_list(bed, f"system:serviceaccount:{home}:nobody-in-particular", space)  # nothing is bound to it
        for program in product.PROGRAMS:
            def as_documented(space=space, anybody=anybody, program=program):
                found = rights_of(bed, f"system:serviceaccount:{home}:{program}", space, anybody)
                wanted = expected(folder, program, space == home)
                wrong = [f"{key}: has {sorted(found.get(key, ()))}, docs/rights.md has {sorted(wanted.get(key, ()))}"
                         for key in sorted(found.keys() | wanted.keys()) if found.get(key) != wanted.get(key)]
                check(not wrong, f"{program} in {space}, with manifests/{folder}: {wrong}")
                return True

            wait_until("the rights are as documented", as_documented, 10)  # the API server follows roles by a watch


class Copy:
    """For the block: the accounts and roles of some manifests in a namespace of their own, so that those of the product stay
    as they are. The namespace is as the manifests have it."""

    def __init__(self, bed, folder):
        self.bed, self.items = bed, bed.rendered(folder)
        self.space = bed.namespace("copy")

    def named(self, item):
        text = json.dumps(item).replace(product.NAMESPACE, self.space)
        copy = json.loads(text)
        if copy["kind"] in ("ClusterRole", "ClusterRoleBinding"):
            copy["metadata"]["name"] += f"-{self.space}"
            copy["metadata"].get("labels", {}).clear()  # it is added to no role of the cluster's
        if copy.get("roleRef", {}).get("kind") == "ClusterRole":
            copy["roleRef"]["name"] += f"-{self.space}"
        return copy

    @staticmethod
    def namespace_labels(items):
        (namespace,) = [item for item in items if item["kind"] == "Namespace"]
        return namespace["metadata"]["labels"]

    def __enter__(self):
        kinds = ("ServiceAccount", "Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding")
        self.made = [self.named(item) for item in self.items if item["kind"] in kinds]
        self.bed.kubectl("apply", "-f", "-", quiet=True,
                         stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": self.made}))
        self.bed.api.merge(f"/api/v1/namespaces/{self.space}", {"metadata": {"labels": self.namespace_labels(self.items)}})
        return self

    def __exit__(self, *_):
        for item in self.made:
            if item["kind"].startswith("ClusterRole"):
                self.bed.api.delete(f"{RBAC}/{item['kind'].lower()}s/{item['metadata']['name']}")


# ---- rights


@test
def each_account_has_exactly_the_documented_rights(bed):
    check_rights(bed, "base", product.NAMESPACE)


@test
def with_an_overlay_each_account_has_what_is_documented_for_it(bed):
    for overlay in OVERLAYS:
        folder = f"overlays/{overlay}"
        check(any(documented(folder, program) != documented("base", program) for program in product.PROGRAMS),
              f"docs/rights.md says nothing about {overlay}")
        with Copy(bed, folder) as copy:
            check_rights(bed, folder, copy.space)


@test
def roles_for_users_are_as_documented(bed):
    rows = tables()["Of the users"]
    for name in ("cloneset-view", "cloneset-edit"):
        granted = {re.sub("(/|$)", rf".{group}\1", resource, count=1): set(rule["verbs"])
                   for rule in bed.api.get(f"{RBAC}/clusterroles/{name}")["rules"]
                   for group in rule["apiGroups"] for resource in rule["resources"]}
        check_equal(granted, {row[2]: set(row[4]) for row in rows if row[0] == name}, name)


@test
def no_role_has_a_wildcard_or_a_way_to_more_rights(bed):
    """Of all that we ship: also of roles that no account has."""
    for folder in FOLDERS:
        items = bed.rendered(folder)
        roles = [item for item in items if item["kind"] in ROLES]
        check(len(roles) >= 4, f"{folder} has {len(roles)} roles")
        for role in roles:
            what = f"{folder}: {role['kind']} {role['metadata']['name']}"
            for rule in role["rules"]:
                check(set(rule) <= {"apiGroups", "resources", "resourceNames", "verbs"}, f"{what}: {rule}")
                check(not any("*" in text for texts in rule.values() for text in texts), f"{what} has a wildcard: {rule}")
                check(not {"escalate", "bind", "impersonate"} & set(rule["verbs"]), f"{what}: {rule}")
                check(not any(group.startswith("rbac.") for group in rule["apiGroups"]), f"{what}: {rule}")
                if any(resource.split("/")[0] == "secrets" for resource in rule["resources"]):
                    check(role["kind"] == "Role" and role["metadata"]["namespace"] == product.NAMESPACE
                          and rule.get("resourceNames") == ["cloneset-webhook-cert"], f"{what}: {rule}")
        for binding in (item for item in items if item["kind"].endswith("RoleBinding") or item["kind"] == "ClusterRoleBinding"):
            check_equal([(one["kind"], one["namespace"]) for one in binding["subjects"]],
                        [("ServiceAccount", product.NAMESPACE)], f"{folder}: whom {binding['metadata']['name']} is for")


# ---- Pods


def dry_run(bed, pod):
    return bed.kubectl("create", "--dry-run=server", "-o", "json", "-f", "-", stdin=json.dumps(pod), ok=None, quiet=True)


@test
def pods_pass_restricted_without_a_warning(bed):
    """In a namespace as the manifests have it, at the newest level that this API server knows."""
    with Copy(bed, "base") as copy:
        level = bed.api.get(f"/api/v1/namespaces/{copy.space}")["metadata"]["labels"]
        for mode in ("enforce", "warn", "audit"):
            name = f"pod-security.kubernetes.io/{mode}"
            check_equal((level.get(name), level.get(name + "-version", "latest")), ("restricted", "latest"), name)
        for folder in FOLDERS:
            items = [copy.named(item) for item in bed.rendered(folder)]
            check(copy.namespace_labels(items) == copy.namespace_labels(copy.items), f"{folder} has another level")
            deployments = [item for item in items if item["kind"] == "Deployment"]
            check_equal(sorted(one["metadata"]["name"] for one in deployments), sorted(product.PROGRAMS), f"{folder}: Deployments")
            for deployment in deployments:
                check_pod(bed, folder, copy.space, deployment)


def check_pod(bed, folder, space, deployment):
    name = deployment["metadata"]["name"]
    pod = {"apiVersion": "v1", "kind": "Pod", **deployment["spec"]["template"]}
    pod["metadata"] = {**pod["metadata"], "name": name, "namespace": space}
    made = dry_run(bed, pod)
    check(made.code == 0 and not made.err.strip(), f"{folder}: {name}: {made.err}")
    told = bed.kubectl("apply", "--dry-run=server", "-f", "-", stdin=json.dumps(deployment), quiet=True)
    check(not told.err.strip(), f"{folder}: Deployment {name}: {told.err}")
    # The level does bite here.
    worse = dry_run(bed, changed(pod, (f"{CONTAINER}/securityContext/allowPrivilegeEscalation", True)))
    check(worse.code and "violates PodSecurity" in worse.err, f"{folder}: a Pod that is worse passes: {worse.err}")
    check_volumes(f"{folder}: {name}", json.loads(made.out)["spec"])


def check_volumes(what, spec):
    """As admission has completed them: the account's token, except where no API server is spoken to, and nothing to write to."""
    (container,) = spec["containers"]
    mounts = {mount["mountPath"]: mount for mount in container.get("volumeMounts", [])}
    token = mounts.pop("/var/run/secrets/kubernetes.io/serviceaccount", None)
    alone = "--manage-webhooks=false" in container["args"]
    check_equal(token is None, alone, f"{what} has no token")
    check_equal(list(mounts), ["/cert"] if alone else [], f"{what}: volumes")
    check(all(mount.get("readOnly") for mount in list(mounts.values()) + ([token] if token else [])), f"{what}: {mounts} {token}")
    check(not spec.get("initContainers") and container["securityContext"]["readOnlyRootFilesystem"], f"{what}: {spec}")


@test
def no_other_pod_gets_a_token_of_our_accounts(bed):
    for program in product.PROGRAMS:
        account = bed.api.get(f"/api/v1/namespaces/{product.NAMESPACE}/serviceaccounts/{program}")
        check_equal(account.get("automountServiceAccountToken"), False, f"automountServiceAccountToken of {program}")


# ---- network


def pod_labels(deployment):
    return deployment["spec"]["template"]["metadata"]["labels"]


def picks(selector, labels):
    check(set(selector) == {"matchLabels"} and selector["matchLabels"], f"selector {selector}")
    return selector["matchLabels"].items() <= labels.items()


@test
def network_policies_are_about_our_pods_and_their_ports(bed):
    """Each picks the Pods of one Deployment, and lets in what the Services send there; the API server takes them as they are."""
    for folder in FOLDERS:
        items = bed.rendered(folder)
        deployments = [item for item in items if item["kind"] == "Deployment"]
        services = [item for item in items if item["kind"] == "Service"]
        policies = [item for item in items if item["kind"] == "NetworkPolicy"]
        check_equal(len(policies), len(deployments), f"{folder}: policies")
        for deployment in deployments:
            name, labels = deployment["metadata"]["name"], pod_labels(deployment)
            own = [policy for policy in policies if picks(policy["spec"]["podSelector"], labels)]
            check_equal([policy["metadata"]["name"] for policy in own], [name], f"{folder}: policies of the Pods of {name}")
            (policy,) = own
            check_equal(policy["metadata"]["namespace"], deployment["metadata"]["namespace"], f"{folder}: {name}: namespace")
            check_policy(f"{folder}: {name}", policy["spec"], deployment, services)
            told = bed.kubectl("apply", "--dry-run=server", "-o", "json", "-f", "-", stdin=json.dumps(policy), quiet=True)
            check(not told.err.strip(), f"{folder}: {name}: {told.err}")
            check_equal(json.loads(told.out)["spec"], policy["spec"], f"{folder}: {name} as the API server reads it")
    stored = bed.api.items(f"/apis/networking.k8s.io/v1/namespaces/{product.NAMESPACE}/networkpolicies")
    check_equal(sorted(item["metadata"]["name"] for item in stored), sorted(product.PROGRAMS), "network policies in the cluster")


def check_policy(what, spec, deployment, services):
    check_equal(sorted(spec["policyTypes"]), ["Egress", "Ingress"], f"{what}: policyTypes")
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    named = {port["name"]: port["containerPort"] for port in container["ports"]}
    targets = {port["targetPort"] for service in services for port in service["spec"]["ports"]
               if service["spec"]["selector"].items() <= pod_labels(deployment).items()}
    ways_in = [(port["protocol"], port["port"]) for rule in spec["ingress"] for port in rule["ports"]]
    check_equal(sorted(ways_in), sorted(("TCP", target) for target in targets), f"{what}: ports that are let in")
    check(targets <= set(named), f"{what}: {targets} are not all ports of {named}")
    alone = "--manage-webhooks=false" in container["args"]
    ways_out = {(port["protocol"], port["port"]) for rule in spec.get("egress") or [] for port in rule["ports"]}
    check_equal(ways_out, set() if alone else WAYS_OUT, f"{what}: ports that it may reach")
    for rule in spec["ingress"] + (spec.get("egress") or []):
        check_equal(list(rule), ["ports"], f"{what}: a rule about addresses")  # none is right in every cluster
