# SPDX-License-Identifier: Apache-2.0
"""Manifests as Python values, and printed as a person would write them."""

import copy
import json
import re


def cloneset(name, replicas=3, image="nginx:alpine", claims=True, **strategy):
    """A CloneSet like that of the story. strategy: members of updateStrategy."""
    container = {"name": "nginx", "image": image}
    spec = {
        "replicas": replicas,
        "selector": {"matchLabels": {"app": name}},
        "template": {"metadata": {"labels": {"app": name}}, "spec": {"containers": [container]}},
    }
    if strategy:
        spec["updateStrategy"] = strategy
    if claims:
        container["volumeMounts"] = [{"name": "data-vol", "mountPath": "/usr/share/nginx/html"}]
        spec["volumeClaimTemplates"] = [
            {
                "metadata": {"name": "data-vol"},
                "spec": {
                    "accessModes": ["ReadWriteOnce"],
                    "storageClassName": "rbd",
                    "resources": {"requests": {"storage": "2Gi"}},
                },
            }
        ]
    metadata = {"name": name, "labels": {"app": name}}
    return {"apiVersion": "apps.kruise.io/v1alpha1", "kind": "CloneSet", "metadata": metadata, "spec": spec}


def changed(manifest, *edits):
    """A copy with edits: (path, value) with the path as a list or dotted text; None removes."""
    manifest = copy.deepcopy(manifest)
    for path, value in edits:
        steps = path.split("/") if isinstance(path, str) else path
        place = manifest
        for step in steps[:-1]:
            place = place[int(step)] if isinstance(place, list) else place.setdefault(step, {})
        last = steps[-1]
        if isinstance(place, list) and last == "+":
            place.append(value)
        elif isinstance(place, list):
            place[int(last)] = value
        elif value is None:
            place.pop(last, None)
        else:
            place[last] = value
    return manifest


def _scalar(value):
    if isinstance(value, str):
        plain = re.fullmatch(r"[A-Za-z_./][\w./:%@-]*( [\w./:%@-]+)*|\d+(Ki|Mi|Gi|m)", value)
        if plain and value not in ("true", "false", "null", "yes", "no", "on", "off") and not value.endswith(":"):
            return value
    return json.dumps(value)


def _flow(value):
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_flow(item) for item in value) + "]"
    return _scalar(value)


def to_yaml(value, indent=0):
    """Block style outside, flow style for what is small."""
    pad = "  " * indent
    lines = []
    if isinstance(value, dict):
        for key, item in value.items():
            small = _flow(item)
            nested = isinstance(item, (dict, list)) and item
            if not nested or (len(small) < 64 and key not in ("spec", "template", "containers", "updateStrategy")):
                lines.append(f"{pad}{key}: {small}")
            else:
                lines.append(f"{pad}{key}:")
                lines.append(to_yaml(item, indent if isinstance(item, list) else indent + 1).rstrip("\n"))
    elif isinstance(value, list):
        for item in value:
            if isinstance(item, (dict, list)) and item:
                block = to_yaml(item, indent + 1).rstrip("\n")
                lines.append(pad + "- " + block[len(pad) + 2 :])
            else:
                lines.append(f"{pad}- {_scalar(item)}")
    else:
        lines.append(pad + _scalar(value))
    return "\n".join(lines) + "\n"
