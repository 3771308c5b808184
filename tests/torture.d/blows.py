"""Blows as a table: what is done, who dies of it, and by what the gateway is whole again.

A row's strike(run, blow) carries it out and answers what was held at that instant and the roles
(Gateway.roles()) of those who must die of it; every other process must live on.
"""

import os
import re
from collections import namedtuple

from harness import ROOT, Failure

Kind = namedtuple("Kind", "name strike")


class Blow:
    """One of them: what is random about it is drawn at once, so that a seed says all."""

    def __init__(self, number, kind, rng, point=None):
        self.number = number
        self.kind = kind
        self.point = point
        self.passes = rng.choice(passes_of(point))
        self.victim = rng.randrange(2)
        self.before = rng.uniform(0, 0.040)
        self.after = rng.uniform(0, 0.030)
        self.motion = rng.random() < 0.7

    def name(self):
        return KINDS[self.kind].name.format(point=self.point, passes=self.passes)

    def strike(self, run):
        return KINDS[self.kind].strike(run, self)


def failpoints(kind="WORKER"):
    """The names of one list, in the order of the header that declares them."""
    with open(os.path.join(ROOT, "shm/failpoint.h")) as header:
        listed = re.search(r"FAILPOINTS_OF_%s\(X\)(.*?)\n\n" % kind, header.read(), re.DOTALL)
        names = re.findall(r"^\s*X\((\w+)\)", listed.group(1), re.MULTILINE)
    if not names:
        raise Failure("shm/failpoint.h names no failpoints")
    return names


def passes_of(point):
    """How often a point may be passed before it fires: some are passed seldom."""
    few = (1, 2, 3, 5, 8)
    if point is None or point.startswith("adopt_") or point in ("opened", "finished"):
        return few
    return few + (13, 21, 55, 144)


def worker_role(index):
    return "worker %d" % index


def kill_worker(run, blow, how=""):
    role = worker_role(blow.victim)
    run.motion(blow)
    return run.traffic.held.command("blow %d%s" % (run.roles[role], how)), [role]


def kill_stopped_worker(run, blow):
    return kill_worker(run, blow, " stop")


def arm(run, worker, blow):
    run.traffic.gateway.ctl("test failpoint worker %d %s %d" % (worker, blow.point, blow.passes))


def failpoint(run, blow):
    arm(run, blow.victim, blow)
    run.motion(blow)
    return run.traffic.held.command("blow 0"), [worker_role(blow.victim)]


def failpoint_of_adoption(run, blow):
    """The worker that adopts dies in the middle of it, so both do."""
    arm(run, 1 - blow.victim, blow)
    run.motion(blow)
    role = worker_role(blow.victim)
    return (run.traffic.held.command("blow %d" % run.roles[role]),
            [role, worker_role(1 - blow.victim)])


def kill_manager(run, blow):
    run.motion(blow)
    return run.traffic.held.command("blow %d" % run.roles["manager"]), ["manager"]


KINDS = {
    "kill": Kind("kill -9", kill_worker),
    "kill-stopped": Kind("kill -9 of a stopped worker", kill_stopped_worker),
    "failpoint": Kind("failpoint {point} pass {passes}", failpoint),
    "failpoint-adopt": Kind("failpoint {point} pass {passes}", failpoint_of_adoption),
    "kill-manager": Kind("kill -9", kill_manager),
}


def of_worker(number, rng, points):
    """Workers are killed at random instants, and in turn at every failpoint."""
    if number % 2 == 0:
        return Blow(number, rng.choice(("kill", "kill-stopped")), rng)
    point = points[number // 2 % len(points)]
    return Blow(number, "failpoint-adopt" if point.startswith("adopt_") else "failpoint", rng, point)


def of_soak(number, rng):
    """Anybody who may be killed while the load runs."""
    return Blow(number, rng.choice(("kill", "kill-stopped", "kill-manager")), rng)
