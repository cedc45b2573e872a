# SPDX-License-Identifier: Apache-2.0
"""The rights of both accounts are exactly those that are used: what the audit log of the whole run holds, compared with
the roles as the API server has them. Runs last; what no test makes a program do counts as not used."""

import product
from harness import Skip, check, check_equal
from privilege import can_i_list

TESTS = []

# Rights that leave no trace in an audit log, with the reason for each. Anything else that is granted must be used in some test.
UNSEEN = {
    ("cloneset-controller", "update apps.kruise.io clonesets/finalizers"):
        "asked for by the admission plug-in OwnerReferencesPermissionEnforcement, which this API server runs, when an object "
        "with blockOwnerDeletion is created",
    ("cloneset-controller", "delete core persistentvolumeclaims"):
        "asked for by the same plug-in when ownerReferences change: a claim that is handed over to its Pod goes with it (D3)",
}


def test(function):
    TESTS.append((function.__name__.replace("_", " "), function))
    return function


def account(program):
    return f"system:serviceaccount:{product.NAMESPACE}:{program}"


class Grant:
    """One verb on one resource, perhaps of one name, perhaps in one namespace."""

    def __init__(self, verb, group, resource, name, namespace):
        self.verb, self.group, self.resource, self.name, self.namespace = verb, group, resource, name, namespace

    def key(self):
        return f"{self.verb} {self.group or 'core'} {self.resource}" + (f" {self.name}" if self.name else "")

    def allows(self, use):
        verb, group, resource, namespace, name = use
        return ((verb, group, resource) == (self.verb, self.group, self.resource) and self.name in (None, name)
                and self.namespace in (None, namespace))


def grants_of(bed, program):
    """All that roles bound to this account give it, groups of accounts apart (they are the cluster's own)."""
    rbac, found = "/apis/rbac.authorization.k8s.io/v1", []
    for binding in bed.api.items(f"{rbac}/clusterrolebindings") + bed.api.items(f"{rbac}/rolebindings"):
        if not any(subject["kind"] == "ServiceAccount" and (subject["namespace"], subject["name"]) == (product.NAMESPACE, program)
                   for subject in binding.get("subjects", [])):
            continue
        space, role = binding["metadata"].get("namespace"), binding["roleRef"]
        path = f"{rbac}/clusterroles" if role["kind"] == "ClusterRole" else f"{rbac}/namespaces/{space}/roles"
        for rule in bed.api.get(f"{path}/{role['name']}").get("rules") or []:
            check(not rule.get("nonResourceURLs"), f"{program} may read {rule}")
            found += [Grant(verb, group, resource, name, space)
                      for group in rule["apiGroups"] for resource in rule["resources"] for verb in rule["verbs"]
                      for name in rule.get("resourceNames") or [None]]
    check(found, f"{program} has no rights at all")
    return found


def uses_of(bed, program):
    """{(verb, group, resource, namespace, name)} of its requests that were let through."""
    found = set()
    for entry in bed.audit(account(program)):
        if entry.get("responseStatus", {}).get("code") in (401, 403):
            continue
        what = entry.get("objectRef")
        check(what, f"{program} asked for {entry['requestURI']}, which is no resource")
        if what.get("apiGroup") == "authorization.k8s.io":
            continue  # a test's own question, with the program's token
        resource = what["resource"] + (f"/{what['subresource']}" if what.get("subresource") else "")
        found.add((entry["verb"], what.get("apiGroup", ""), resource, what.get("namespace"), what.get("name")))
    return found


@test
def no_request_was_refused(bed):
    for program in product.PROGRAMS:
        found = bed.forbidden_requests(program)
        check(not found, f"{program} was refused: {found[:5]}")


@test
def every_right_used_is_granted_by_the_manifests(bed):
    """Not by a role of the cluster that any account has."""
    for program in product.PROGRAMS:
        grants = grants_of(bed, program)
        stray = sorted({" ".join(use[:3]) for use in uses_of(bed, program) if not any(grant.allows(use) for grant in grants)})
        check(not stray, f"{program} uses what its roles do not give: {stray}")


@test
def every_right_granted_is_used(bed):
    if bed.partial:
        raise Skip("only the whole run uses them all")
    for program in product.PROGRAMS:
        uses = uses_of(bed, program)
        unused = {grant.key() for grant in grants_of(bed, program) if not any(grant.allows(use) for use in uses)}
        unseen = {key for owner, key in UNSEEN if owner == program}
        check(unused <= unseen, f"{program} does not use: {sorted(unused - unseen)}")


@test
def no_wildcards_and_no_secret_but_the_one(bed):
    """U-38, as kubectl shows it."""
    for program in product.PROGRAMS:
        for space in (product.NAMESPACE, "default"):
            secrets = []
            for resource, _, names, verbs in can_i_list(bed, account(program), space):
                check("*" not in resource + names + "".join(verbs), f"{program} in {space} has a wildcard: {resource} {verbs}")
                if resource.split(".")[0].split("/")[0] == "secrets":
                    secrets.append((names, sorted(verbs)))
            own = program == "cloneset-webhook" and space == product.NAMESPACE
            check_equal(secrets, [("cloneset-webhook-cert", ["get", "list", "patch", "watch"])] if own else [],
                        f"{program} in {space}: Secrets")
