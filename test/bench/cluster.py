# SPDX-License-Identifier: Apache-2.0
"""The controller in a cluster with played nodes, beside the limit (limit.c) and, with --peer, OpenKruise's manager."""

import contextlib

import lives
import objects
import scene
from hands import ACCOUNT, Size
from harness import progress

# Of OpenKruise's manager, from another machine of 2 cores: wall s, CPU s, requests per Pod.
TOLD = {
    "500": {"create": (27, 5.5, 4.1), "in place": (37, 7, 4.5), "recreate": (43, 11.5, 6.2), "to zero": (12, 4, 1.0)},
    "2000": {"create": (97, 20, None), "in place": (133, 25, None)},
    "500 sets × 5": {"create": (157, 36, None)},
}
TOLD_MARK = "†"
BUDGET = {"create": 2.05, "in place": 3.1, "recreate": 4.2, "to zero": 1.0}  # requests per Pod (D14)
GRACE_BUDGET = {"create": 0, "in place": 1}  # more with a grace period
CLAIM_BUDGET = {"create": 1, "in place": 0, "recreate": 2, "to zero": 1}  # more with a claim
WALL, CPU = 1.15, 0.1
ANON_AT = {"500": 6144, "2000": 6144}  # KiB, the goal for 2,000 Pods


class Job:
    """A life of so many Pods. limit_first: who begins; that changes from job to job."""

    def __init__(self, name, size, rounds=1, limit_first=False, steps=lives.STEPS, goals=True):
        self.name, self.size, self.rounds = name, size, rounds
        self.limit_first, self.steps, self.goals = limit_first, steps, goals

    def seconds(self, per_pod):
        """That one of those who do it will need; per_pod: for a step, of those before."""
        return len(self.steps) * (self.size.all * per_pod + 5) * self.rounds * (1.6 if self.size.claims else 1)

    def goal(self, text, met):
        """Of a row: its goal, and whether it was met."""
        return {"goal": text, "met": met} if self.goals and text else {}


SMALL = [
    Job("100", Size(100), limit_first=True, goals=False),
    Job("claims", Size(50, claims=True), goals=False),
    Job("sets", Size(5, sets=20), steps=("create",), goals=False),
]
JOBS = [
    SMALL[0],
    Job("500", Size(500), rounds=2),
    Job("grace", Size(100, grace_s=1), steps=("create", "in place")),
    Job("claims", Size(500, claims=True), limit_first=True),
    Job("sets", Size(5, sets=500), steps=("create",)),
]
# After all else, as far as there is time.
LATE = [Job("2000", Size(2000), limit_first=True)]
LATER = [Job("5000", Size(5000), goals=False)]


class Ours:
    """Our controller as a process."""

    name, account = "ours", ACCOUNT

    def __init__(self, place):
        self.place, self.program = place, None

    @property
    def pid(self):
        return self.program.process.pid

    @contextlib.contextmanager
    def running(self):
        self.start()
        try:
            yield self
        finally:
            self.stop()

    def start(self, ready=True):
        self.program = self.place.bed.controller("-v=0").start()
        if ready:
            self.program.wait_ready()

    def stop(self):
        program, self.program = self.program, None
        program.stop()


def rows(report, options):
    folder, limit = scene.build()
    with scene.cluster() as it:
        place = scene.Scene(it, folder)
        try:
            measure(report, options, place, limit)
        except BaseException:
            it.failed = True
            raise
        finally:
            place.close()


def measure(report, options, place, limit):
    ours, peer = Ours(place), None
    if options.peer:
        import peer as peers  # pylint: disable=import-outside-toplevel
        peer = peers.Peer(place, options.peer)
    controllers = [ours] + ([peer] if peer else [])
    objects.idle_without_sets(report, options, ours)
    total = Tally()
    for job in SMALL if options.size == "small" else JOBS:
        play(report, options, place, limit, job, controllers, total)
    objects.rows(report, options, place, limit, ours)
    place.tidy()
    for job in {"small": [], "default": LATE, "large": LATE + LATER}[options.size]:
        play(report, options, place, limit, job, controllers, total)
    total.tell(report)


def play(report, options, place, limit, job, controllers, total):
    if not options.wants("cluster/" + job.name):
        return
    expected = job.seconds(total.seconds_per_pod) * (1 + len(controllers))
    if expected > options.left():
        report.left_out.append(f"cluster/{job.name}: about {expected:.0f} s, {max(options.left(), 0):.0f} are left")
        return
    progress(f"{job.name}: {job.size}")
    found = {"limit": [], **{controller.name: [] for controller in controllers}}

    def limits():
        found["limit"].append(lives.by_limit(place, limit, job.size, job.steps))

    def controlled():
        for controller in controllers:
            with controller.running():
                found[controller.name].append(lives.by_controller(place, limit, job.size, controller, job.steps))

    for number in range(job.rounds):
        order = [limits, controlled] if job.limit_first != bool(number % 2) else [controlled, limits]
        for one in order:
            one()
    for step in job.steps:
        tell(report, job, step, {name: [life[step] for life in many] for name, many in found.items()})
    for life in found["ours"]:
        total.take(life, job.size)
    report.data.setdefault("lives", {})[str(job.size)] = {
        name: [{step: plain(result) for step, result in life.items()} for life in many] for name, many in found.items()}


def plain(result):
    """As JSON has it."""
    requests = {f"{verb} {kind} {code}": n for (verb, kind, code), n in sorted(result.get("requests", {}).items())}
    return {**result, "requests": requests}


def mean(results, key):
    return sum(result[key] for result in results) / len(results)


def tell(report, job, step, found):
    """The rows of one step: wall, CPU, requests, memory; of a life with grace periods, which is mostly waiting, only requests.
    Sizes that are there for the plots have no goals."""
    tell_requests(report, job, step, found)
    if not job.size.grace_s:
        tell_cost(report, job, step, found)


def tell_requests(report, job, step, found):
    ours, limit, peer = found["ours"], found["limit"], found.get("peer")
    told = TOLD.get(str(job.size), {}).get(step)
    budget = BUDGET[step] + (CLAIM_BUDGET[step] if job.size.claims else 0) + (GRACE_BUDGET[step] if job.size.grace_s else 0)
    budget += 1 / job.size.pods if job.size.sets > 1 else 0  # D14 is for one set; each has a revision of its own.
    asked = sum(lives.per_pod(result, job.size) for result in ours) / len(ours)
    theirs = f"{lives.per_pod(peer[0], job.size):.2f}" if peer else ""
    if not peer and told and told[2] is not None:
        theirs = f"{told[2]:.2f}{TOLD_MARK}"
    report.add(f"{step} {job.size}: requests per Pod", measured=f"{asked:.2f}", peer=theirs, ratio=asked / budget,
               limit=f"{mean(limit, 'writes') / job.size.all:.2f}", **job.goal(f"≤ {budget:.2f}", asked <= budget + 0.005))


def tell_cost(report, job, step, found):
    ours, limit, peer = found["ours"], found["limit"], found.get("peer")
    told = TOLD.get(str(job.size), {}).get(step)
    wall, floor = mean(ours, "wall_s"), mean(limit, "wall_s")

    def theirs(index, key, form):
        if peer:
            return mean(peer, key), form.format(mean(peer, key))
        if told and told[index] is not None:
            return told[index], form.format(told[index]) + TOLD_MARK
        return None, ""

    _, text = theirs(0, "wall_s", "{:.1f} s")
    report.add(f"{step} {job.size}: wall", measured=f"{wall:.1f} s", limit=f"{floor:.1f} s", peer=text, ratio=wall / floor,
               **job.goal(f"≤ {WALL} × limit", wall / floor <= WALL))
    cpu = mean(ours, "cpu_s")
    value, text = theirs(1, "cpu_s", "{:.1f} s")
    report.add(f"{step} {job.size}: CPU", measured=f"{cpu:.2f} s", limit=f"{mean(limit, 'cpu_s'):.2f} s", peer=text,
               ratio=cpu / value if value else None, **(job.goal("≤ 1/10 of the peer's", cpu / value <= CPU) if value else {}))
    most = max(result["rss_anon_kb"] for result in ours)
    rest = max(result["rest_kb"] for result in ours)
    goal = ANON_AT.get(str(job.size))
    report.add(f"{step} {job.size}: RssAnon, most", measured=f"{most / 1024:.1f} MB (at rest {rest / 1024:.1f})",
               peer=f"RSS {mean(peer, 'rss_kb') / 1024:.0f} MB" if peer else "", ratio=most / goal if goal else None,
               **(job.goal(f"≤ {goal / 1024:.0f} MB", most <= goal) if goal else {}))


class Tally:
    """What has a goal over all lives."""

    def __init__(self):
        self.writes = self.conflicts = 0
        self.seconds_per_pod = 0.02  # of a step
        self.status, self.events = [], []  # a second and set, and where

    def take(self, life, size):
        if size.sets == 1 and not size.claims and not size.grace_s:
            self.seconds_per_pod = sum(result["wall_s"] for result in life.values()) / len(life) / size.all
        for step, result in life.items():
            self.writes += lives.writes(result)
            self.conflicts += lives.conflicts(result)
            self.status.append((lives.status_writes(result) / result["elapsed_s"] / size.sets, f"{step} {size}"))
            # Beyond the first ten of a kind, which are on their own.
            self.events.append((lives.number(result, "patch", ("events",)) / result["elapsed_s"] / size.sets, f"{step} {size}"))

    def tell(self, report):
        if not self.writes:
            return
        share = self.conflicts / self.writes
        report.add("409 of all writes", "< 1 %", f"{share:.2%} ({self.conflicts} of {self.writes})", met=share < 0.01)
        for name, found, most in (("status writes a second and set, most", self.status, 5),
                                  ("event requests a second and set, after the first ten of a kind, most", self.events, 1)):
            value, where = max(found)
            report.add(name, f"≤ {most}", f"{value:.2f} ({where})", met=value <= most)
