# SPDX-License-Identifier: Apache-2.0
"""What a running process of ours may do on its node, as the kernel has it. Needs root, and to see the processes of the node."""

import ctypes
import json
import os
import re

from harness import check, check_equal

USER = 65532
CLONE_NEWNS = 0x20000
# What a container runtime gives any container to write to. All but the devices and the last words for the kubelet are memory of
# the container, and goes with it.
OF_THE_RUNTIME = {"/dev/shm", "/dev/mqueue", "/dev/termination-log"}


def processes_in(container):
    """Ids of its processes."""
    found = []
    for number in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{number}/cgroup", encoding="utf-8") as file:
                if container in file.read():
                    found.append(int(number))
        except (FileNotFoundError, ProcessLookupError):  # it has ended meanwhile
            pass
    return found


def check_unprivileged(name, pid):
    with open(f"/proc/{pid}/status", encoding="utf-8") as file:
        status = dict(re.findall(r"^(\w+):\s*(.*?)\s*$", file.read(), re.M))
    for field in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        check_equal(int(status[field], 16), 0, f"{name}: {field}")
    check_equal((status["NoNewPrivs"], status["Seccomp"]), ("1", "2"), f"{name}: NoNewPrivs, Seccomp")
    for field in ("Uid", "Gid"):
        check_equal(set(status[field].split()), {str(USER)}, f"{name}: {field}")
    check(set(status["Groups"].split()) <= {str(USER)}, f"{name}: Groups {status['Groups']}")
    with open(f"/proc/{pid}/environ", encoding="utf-8") as file:
        variables = {entry.split("=")[0] for entry in file.read().split("\0") if entry}
    strange = {one for one in variables if re.search("_SERVICE_|_PORT", one) and not one.startswith("KUBERNETES_")}
    check(not strange, f"{name} is told of other Services: {sorted(strange)}")
    check_files(name, pid)


def check_files(name, pid):
    with open(f"/proc/{pid}/mountinfo", encoding="utf-8") as file:
        mounts = {row.split()[4]: row.split()[5].split(",") for row in file}
    check("ro" in mounts["/"], f"{name}: its root is writable")
    # /proc is a process's own; what is masked or read-only in it is a mount on top.
    places = [path for path, options in mounts.items() if "ro" not in options and not re.match("/proc(/|$)", path)]
    found = set(writable(pid, places))
    check("/dev/shm" in found, f"{name}: not even /dev/shm is found to be writable, so this looked at nothing")
    check(found <= OF_THE_RUNTIME, f"{name} can write to {sorted(found - OF_THE_RUNTIME)}")


def writable(pid, places):
    """Files and folders at and below `places` of the process's file system that its user can write to, devices apart."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        try:
            _enter(pid)
            with os.fdopen(writing, "w") as out:
                json.dump([path for place in places for path in _below(place) if _is_writable(path)], out)
        finally:
            os._exit(0)  # pylint: disable=protected-access
    os.close(writing)
    with os.fdopen(reading) as file:
        text = file.read()
    os.waitpid(child, 0)
    check(text, f"the files of process {pid} could not be looked at")
    return json.loads(text)


def _enter(pid):
    """Into its view of the files, as its user."""
    with open(f"/proc/{pid}/ns/mnt", "rb") as space:
        if ctypes.CDLL(None, use_errno=True).setns(space.fileno(), CLONE_NEWNS):
            raise OSError(ctypes.get_errno(), "setns")
    os.setgroups([])
    os.setresgid(USER, USER, USER)
    os.setresuid(USER, USER, USER)


def _below(place):
    yield place
    for folder, folders, files in os.walk(place):
        for one in folders + files:
            yield os.path.join(folder, one)


def _is_writable(path):
    mode = os.lstat(path).st_mode & 0o170000
    return mode in (0o100000, 0o040000) and os.access(path, os.W_OK)
