# SPDX-License-Identifier: Apache-2.0
"""How long what has nothing to do with us takes: Pods, Deployments and namespaces."""

from harness import wait_until


def time_of_others(api, tag, number=20):
    """{kind: median milliseconds of creating one}, in a namespace of its own that is removed afterwards."""
    space = f"others-{tag}"
    meta = [{"name": f"o{index}"} for index in range(number)]
    template = {"metadata": {"labels": {"o": "o"}}, "spec": {"containers": [{"name": "c", "image": "busybox"}]}}
    api.call("POST", "/api/v1/namespaces", {"metadata": {"name": space}})
    wait_until("the namespace's account", lambda: api.find(f"/api/v1/namespaces/{space}/serviceaccounts/default"))
    pods = [{"metadata": m, "spec": {**template["spec"], "schedulerName": "nobody"}} for m in meta]
    deployments = [{"metadata": m, "spec": {"replicas": 0, "selector": {"matchLabels": {"o": "o"}}, "template": template}}
                   for m in meta]
    spaces = [{"metadata": {"name": f"{space}-{index}"}} for index in range(number)]
    result = {
        "Pods": api.median_ms("POST", [(f"/api/v1/namespaces/{space}/pods", pod) for pod in pods]),
        "Deployments": api.median_ms("POST", [(f"/apis/apps/v1/namespaces/{space}/deployments", item) for item in deployments]),
        "namespaces": api.median_ms("POST", [("/api/v1/namespaces", item) for item in spaces]),
    }
    for item in spaces + [{"metadata": {"name": space}}]:
        api.delete(f"/api/v1/namespaces/{item['metadata']['name']}")
    return result
