"""Blows as a table: what is done, and who dies of it.

A row's strike(run, blow) carries it out and answers what was held at that instant and the roles
(Gateway.roles()) of those who must die of it; every other process must live on.  starts: how many
supervisors are started because of it, each of which but the last dies too.  silence: where the
silence after it counts.
"""

import os
import re
import signal
import time
from collections import namedtuple

from harness import ROOT, Failure, check, wait_until

Kind = namedtuple("Kind", "name strike starts silence", defaults=(0, "judged"))

# NO_WORKER: nobody is left who could take the sessions, until another process has started.
# STOPPED: it is part of the blow itself.
NO_WORKER, STOPPED = "no worker left", "stopped"

GREETED_SECONDS = 30.0  # until who is connected has got a byte
DOOM_AT_ONCE = 400    # ports in one command
SUPERVISOR = ("supervisor", "manager")  # who dies of the supervisor's death


class Blow:
    """One of them: what is random about it is drawn at once, so that a seed says all."""

    def __init__(self, number, kind, rng, point=None, role=None):
        self.number = number
        self.kind = KINDS[kind]
        self.point = point
        self.role = role
        self.passes = rng.choice(passes_of(point))
        self.victim = rng.randrange(2)
        self.before = rng.uniform(0, 0.040)
        self.after = rng.uniform(0, 0.030)
        self.pause = rng.uniform(0.1, 1.0)
        self.motion = rng.random() < 0.7

    def name(self):
        return self.kind.name.format(point=self.point, passes=self.passes, role=self.role)

    def strike(self, run):
        return self.kind.strike(run, self)


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
    if point.startswith(("collect_", "launch_", "upgrade_", "worker_", "slot_orphaned")):
        return (1,)
    if point in failpoints("SUPERVISOR"):
        return few
    return few + (13, 21, 55, 144)


def worker_role(index):
    return "worker %d" % index


# ---- workers ----

def kill_worker(run, blow, how=""):
    role = worker_role(blow.victim)
    run.motion(blow)
    return run.kill([role], how), [role]


def kill_stopped_worker(run, blow):
    return kill_worker(run, blow, " stop")


def arm(run, whom, blow):
    run.traffic.gateway.ctl("test failpoint %s %s %d" % (whom, blow.point, blow.passes))


def failpoint(run, blow):
    arm(run, worker_role(blow.victim), blow)
    run.motion(blow)
    return run.kill([]), [worker_role(blow.victim)]


def failpoint_of_adoption(run, blow):
    """The worker that adopts dies in the middle of it, so both do."""
    arm(run, worker_role(1 - blow.victim), blow)
    run.motion(blow)
    role = worker_role(blow.victim)
    return run.kill([role]), [role, worker_role(1 - blow.victim)]


# ---- the manager ----

def kill_manager(run, blow):
    run.motion(blow)
    return run.kill(["manager"]), ["manager"]


# ---- the supervisor ----

def kill_supervisor(run, blow):
    run.motion(blow)
    return run.kill(["supervisor"]), SUPERVISOR


def kill_supervisor_and_manager(run, blow):
    run.motion(blow)
    return run.kill(SUPERVISOR), SUPERVISOR


def failpoint_of_supervisor(run, blow):
    """At a point that it passes while all goes on."""
    arm(run, "supervisor", blow)
    run.motion(blow)
    return run.kill([]), SUPERVISOR


def failpoint_of_connecting(run, blow):
    """A server on this host answers at once, so that point is passed for a deaf one only."""
    at_blow, dead = failpoint_of_supervisor(run, blow)
    run.traffic.deaf.knock(run.traffic.listen_deaf, blow.passes)
    return at_blow, dead


def failpoint_of_taking_over(run, blow):
    """The next supervisor dies there, and another takes over from both."""
    arm(run, "supervisor", blow)
    return kill_supervisor(run, blow)


def failpoint_of_launching(run, blow):
    """At a point of starting a process: the manager, which has died."""
    arm(run, "supervisor", blow)
    run.motion(blow)
    return run.kill(["manager"]), SUPERVISOR


def doom(run, role):
    """Nobody else will hold that worker's sessions: which they are is known before they are lost."""
    traffic, index = run.traffic, int(role.split()[1])
    traffic.command_all("pause")
    wait_until(lambda: traffic.sum("new") == 0, "who is connected has got a byte", GREETED_SECONDS)
    ports = [str(session["client"]["port"]) for session in traffic.gateway.show("conn")["sessions"]
             if session["worker"] == index]
    check(ports, "%s has no sessions" % role)
    for at in range(0, len(ports), DOOM_AT_ONCE):
        traffic.command_all("doom " + ",".join(ports[at:at + DOOM_AT_ONCE]))


def kill_with_worker(run, blow):
    """The supervisor and all workers but one at once: the sessions of that one survive."""
    role = worker_role(blow.victim)
    doom(run, role)
    return run.kill(["supervisor", role]), SUPERVISOR + (role,)


def failpoint_with_worker(run, blow):
    """At a point that follows the death of a worker: nobody is left who holds its sessions."""
    role = worker_role(blow.victim)
    arm(run, "supervisor", blow)
    doom(run, role)
    return run.kill([role]), SUPERVISOR + (role,)


def failpoint_of_taking_over_the_dying(run, blow):
    """The next supervisor takes the sessions from a worker that dies before it has answered."""
    role = worker_role(blow.victim)
    arm(run, "supervisor", blow)
    doom(run, role)
    os.kill(run.roles[role], signal.SIGSTOP)
    at_blow = run.kill(["supervisor"])
    run.wait_successor()
    os.kill(run.roles[role], signal.SIGKILL)
    return at_blow, SUPERVISOR + (role,)


def supervisor_while_worker_stopped(run, blow):
    """The next one takes the sessions from a process that does not answer, which then goes on."""
    stopped = run.roles[worker_role(blow.victim)]
    os.kill(stopped, signal.SIGSTOP)
    at_blow, dead = kill_supervisor(run, blow)
    run.release(run.rng)
    run.wait_successor()
    time.sleep(blow.pause)
    os.kill(stopped, signal.SIGCONT)
    return at_blow, dead


def upgrade(run, blow):
    """By the same programs: the supervisor becomes the next one, the others are replaced."""
    run.motion(blow)
    at_blow = run.kill([])
    run.traffic.gateway.ctl("upgrade")
    return at_blow, tuple(role for role in ROLES if role != "supervisor")


def failpoint_of_upgrade(run, blow):
    """The supervisor dies in the midst of one; the next goes on with it once that was noted."""
    arm(run, "supervisor", blow)
    at_blow, _ = upgrade(run, blow)
    return at_blow, SUPERVISOR if blow.point == "upgrade_flushed" else ROLES


def pause(run, blow):
    """SIGSTOP and SIGCONT."""
    run.motion(blow)
    at_blow = run.kill([])
    os.kill(run.roles[blow.role], signal.SIGSTOP)
    run.release(run.rng)
    time.sleep(blow.pause)
    os.kill(run.roles[blow.role], signal.SIGCONT)
    return at_blow, []


KINDS = {
    "kill": Kind("kill -9", kill_worker),
    "kill-stopped": Kind("kill -9 of a stopped worker", kill_stopped_worker),
    "failpoint": Kind("failpoint {point} pass {passes}", failpoint),
    "failpoint-adopt": Kind("failpoint {point} pass {passes}", failpoint_of_adoption, 0,
                            NO_WORKER),
    "manager": Kind("kill -9", kill_manager),
    "supervisor": Kind("kill -9", kill_supervisor, 1),
    "both": Kind("kill -9 of both at once", kill_supervisor_and_manager, 1),
    "supervisor-point": Kind("failpoint {point} pass {passes}", failpoint_of_supervisor, 1),
    "connecting-point": Kind("failpoint {point} pass {passes}", failpoint_of_connecting, 1),
    "collect-point": Kind("failpoint {point} of the next", failpoint_of_taking_over, 2),
    "launch-point": Kind("failpoint {point}", failpoint_of_launching, 1),
    "worker-point": Kind("failpoint {point}", failpoint_with_worker, 1),
    "died-point": Kind("failpoint {point} of the next", failpoint_of_taking_over_the_dying, 2),
    "all-but-one": Kind("kill -9 with a worker", kill_with_worker, 1),
    "while-stopped": Kind("kill -9, a worker stopped", supervisor_while_worker_stopped, 1, STOPPED),
    "pause": Kind("stop and go of the {role}", pause, 0, STOPPED),
    "upgrade": Kind("upgrade", upgrade, 0, STOPPED),
    "upgrade-point": Kind("failpoint {point}", failpoint_of_upgrade, 1, STOPPED),
}


def of_worker(number, rng, points):
    """Workers are killed at random instants, and in turn at every failpoint."""
    if number % 2 == 0:
        return Blow(number, rng.choice(("kill", "kill-stopped")), rng)
    point = points[number // 2 % len(points)]
    return Blow(number, "failpoint-adopt" if point.startswith("adopt_") else "failpoint", rng, point)


def kind_of_point(point):
    """How the supervisor is brought to pass it."""
    if point in ("worker_reaped", "slot_orphaned"):
        return "worker-point"
    if point == "collect_died":
        return "died-point"
    if point == "server_connecting":
        return "connecting-point"
    if point.startswith("launch_"):
        return "launch-point"
    if point.startswith("upgrade_"):
        return "upgrade-point"
    return "collect-point" if point.startswith("collect_") else "supervisor-point"


ROLES = SUPERVISOR + (worker_role(0), worker_role(1))
OF_SUPERVISOR = ("supervisor", "both", "manager", "pause", "while-stopped", "all-but-one", "kill")


def of_supervisor(number, rng, points):
    """Each kind of blow in turn, and in turn every point of a supervisor's life; every fourth is an
    upgrade."""
    if number % 2 == 1:
        point = points[number // 2 % len(points)]
        return Blow(number, kind_of_point(point), rng, point)
    if number % 4 == 2:
        return Blow(number, "upgrade", rng)
    turn = number // 4
    kind = OF_SUPERVISOR[turn % len(OF_SUPERVISOR)]
    return Blow(number, kind, rng, role=ROLES[turn // len(OF_SUPERVISOR) % len(ROLES)])


def of_soak(number, rng):
    """Anybody who may be killed while the load runs."""
    return Blow(number, rng.choice(("kill", "kill-stopped", "manager", "supervisor", "both")), rng)
