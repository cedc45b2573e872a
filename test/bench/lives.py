# SPDX-License-Identifier: Apache-2.0
"""Lives of CloneSets: created, updated in place, updated by recreation, scaled to zero; by ours, by the limit, by the peer."""

import time

from hands import IMAGE, Limit, manifest
from harness import progress, wait_until
from manifest import changed
from scene import Sampler, cpu_s, memory_kb

STEPS = ("create", "in place", "recreate", "to zero")
WORDS = {"create": "create", "in place": "inplace", "recreate": "recreate", "to zero": "zero"}
IMAGES = {"create": IMAGE, "in place": "nginx:1.26", "recreate": "nginx:1.27", "to zero": "nginx:1.27"}


class Result(dict):
    """wall_s, elapsed_s (until requests were counted), cpu_s, control_cpu_s {component: seconds}, requests {(verb, resource,
    code): n}, rss_anon_kb and rss_kb (most), rest_kb (RssAnon at the end)."""


def by_limit(scene, program, size, steps=STEPS):
    """{step: Result}. No controller must run."""
    space = scene.namespace("limit")
    limit = Limit(program, scene.bed, space, size)
    results = {}
    try:
        for step in steps:
            before, own = scene.control_cpu(), cpu_s(limit.process.pid)
            begin = time.monotonic()
            done, writes, _ = limit.say(WORDS[step], IMAGES[step])
            results[step] = Result(wall_s=done - begin, cpu_s=cpu_s(limit.process.pid) - own, writes=writes,
                                   control_cpu_s=difference(scene.control_cpu(), before))
            progress(f"limit, {step} {size}: {done - begin:.2f} s, {writes} writes")
    finally:
        limit.close()
    clear(scene, space)
    return results


def by_controller(scene, program, size, controller, steps=STEPS):
    """{step: Result}. controller: it runs; .process.pid, .account, .name."""
    space = scene.namespace(controller.name.split("-")[0])
    limit = Limit(program, scene.bed, space, size)
    results = {}
    try:
        for step in steps:
            scene.mark()
            before, own = scene.control_cpu(), cpu_s(controller.pid)
            sampler = Sampler(controller.pid)
            begin = time.monotonic()
            if step == "create":
                limit.say("sets")
            else:
                edit(scene.api, space, size, step)
            count = 0 if step == "to zero" else size.all
            done, _, event_bytes = limit.say("await", count, IMAGES[step])
            wait_until("the status is up to date", lambda: observed(scene.api, space, count, step), 120, 0.5)
            memory = sampler.stop()
            rest = memory_kb(controller.pid)["RssAnon"]
            time.sleep(1.0)  # events that are still to be written
            elapsed = time.monotonic() - begin
            results[step] = Result(
                wall_s=done - begin, elapsed_s=elapsed, cpu_s=cpu_s(controller.pid) - own, event_bytes=event_bytes,
                control_cpu_s=difference(scene.control_cpu(), before), requests=scene.requests(controller.account, space),
                rss_anon_kb=memory["RssAnon"], rss_kb=memory["VmRSS"], rest_kb=rest)
            progress(f"{controller.name}, {step} {size}: {done - begin:.2f} s, CPU {results[step]['cpu_s']:.2f} s, "
                     f"{per_pod(results[step], size):.2f} requests per Pod")
    finally:
        limit.close()
    clear(scene, space)
    return results


def clear(scene, space):
    """The sets and all that was theirs, before the next one begins: the garbage collector alone would take minutes."""
    for path in (sets_path(space), f"/api/v1/namespaces/{space}/pods", f"/apis/apps/v1/namespaces/{space}/controllerrevisions",
                 f"/api/v1/namespaces/{space}/persistentvolumeclaims"):
        scene.empty(path)


def sets_path(space):
    return f"/apis/apps.kruise.io/v1alpha1/namespaces/{space}/clonesets"


def edit(api, space, size, step):
    """What a user does to each set."""
    whole = manifest(size)
    for index in range(size.sets):
        name = "web" if size.sets == 1 else f"web-{index}"
        if step == "to zero":
            api.merge(f"{sets_path(space)}/{name}", {"spec": {"replicas": 0}})
            continue
        spec = changed(manifest(size, name), ("spec/template/spec/containers/0/image", IMAGES[step]))["spec"]
        kind = "ReCreate" if step == "recreate" else whole["spec"]["updateStrategy"]["type"]
        api.merge(f"{sets_path(space)}/{name}", {"spec": {"template": spec["template"], "updateStrategy": {"type": kind}}})


def observed(api, space, count, step):
    """The status of all sets says what is."""
    states = [item.get("status", {}) for item in api.items(sets_path(space))]
    key = "replicas" if step == "to zero" else "updatedReadyReplicas"
    return sum(status.get(key, 0) for status in states) == count


def difference(after, before):
    return {key: after[key] - before[key] for key in after}


# ---- what the requests amount to

def number(result, verb=None, kinds=None, codes=None):
    return sum(n for (v, kind, code), n in result["requests"].items()
               if (not verb or v == verb) and (not kinds or kind in kinds) and (not codes or code in codes))


def events(result):
    return number(result, kinds=("events",))


def status_writes(result):
    return number(result, kinds=("clonesets/status",))


def writes(result):
    return sum(n for (verb, kind, _), n in result["requests"].items()
               if verb not in ("get", "list", "watch") and kind != "events")


def conflicts(result):
    return sum(n for (verb, kind, code), n in result["requests"].items() if code == 409 and verb != "get" and kind != "events")


def per_pod(result, size):
    """Requests per Pod, retries and reads included; events and status writes have goals of their own."""
    return (number(result) - events(result) - status_writes(result)) / size.all
