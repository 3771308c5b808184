"""The sessions and counters of both hosts of a pair, beside each other, while mail goes through one of them."""

import os
import subprocess
import time

from harness import Failure, Tool, check, wait_until
from pair_wire import PATIENCE, Scene
from registry import scenario
from sync_pair import ALONE, again, held, paired, steady

PHASES_SESSIONS = 500


class Comparison(Tool):
    """Through the control sockets of both hosts."""

    def __init__(self, world, active, standby):
        super().__init__(world.build, "paircompare", [active.socket, standby.socket],
                         os.path.join(world.folder, "paircompare.log"))
        self.read()

    def all_equal(self, least, seconds=20):
        """Of every session that there is now, and has not ended, the standby has what the active has."""
        found = self.command("compare %d" % seconds)
        check(found["differ"] == found["behind"] == 0 and found["equal"] >= least,
              "the hosts differ: %s; %s" % (found, self.errors(5)))

    def counters_follow(self):
        """The standby has no counter that is more than a second behind, ahead of the active, or gone back."""
        found = self.command("counters")
        check(found["behind"] == found["ahead"] == found["back"] == 0 and found["counters"] > 20,
              "the counters do not follow: %s; %s" % (found, self.errors(5)))
        return found

    def counters_equal(self):
        """When nothing is counted any more."""
        def equal():
            found = self.counters_follow()
            return found["equal"] == found["counters"]
        wait_until(equal, "all counters are equal", 20)


@scenario
def pair_equal(world):
    """500 sessions in all phases and a load: at many instants the standby holds what the active has committed, and
    has counted what it has, also when it was made anew, and when what was held has gone on."""
    scene = Scene(world, degrade_after=PATIENCE)
    scene.begin()
    comparison = world.keep(Comparison(world, scene.mx1, scene.mx2))
    for turn in range(20 if world.full else 4):
        comparison.all_equal(PHASES_SESSIONS)
        time.sleep(scene.rng.random())
        comparison.counters_follow()
        scene.sessions.go_on(scene.rng)
        comparison.all_equal(1)
        if turn % 2:
            scene.mx2.kill_sync()
            paired(scene.mx1, scene.mx2)
        scene.sessions.fill()
    check(held(scene.mx2) >= PHASES_SESSIONS, "the standby holds few")
    scene.end()
    comparison.counters_equal()


def spoil(scene, *what):
    """Changes one bit in the standby's memory."""
    done = subprocess.run([os.path.join(scene.world.build, "tests/tools/pairspoil"),
                           str(scene.mx2.workers()[0]), *map(str, what)],
                          capture_output=True, text=True)
    check(done.returncode == 0, "pairspoil %s: %s" % (what, done.stderr))


def still(scene):
    """Sessions of the active that do nothing for a while, as `show failover digest` shows them."""
    before = {session["slot"]: session for session in scene.mx1.show("failover digest")["sessions"]}
    time.sleep(3)
    return [session for session in scene.mx1.show("failover digest")["sessions"]
            if session["digest"] and session == before.get(session["slot"])]


def byte_held(sessions):
    """(slot, stream, position) of one that the active has not let go either."""
    for session in sessions:
        for stream, (begin, end) in enumerate(zip(session["from"], session["end"])):
            if begin < end:
                return session["slot"], stream, end - 1
    raise Failure("no session that stands still holds a byte")


def mend(scene):
    """The next sync process is told everything anew."""
    wait = again(scene.mx1, scene.mx2)
    scene.mx2.kill_sync()
    wait()
    paired(scene.mx1, scene.mx2)


@scenario
def pair_difference_found(world):
    """One bit in the standby's memory that is not as it must be: in a session's bytes, its record, its poison mark,
    or in a counter. Each is found."""
    scene = Scene(world)
    scene.begin(per_phase=2, load=("--messages", 1))
    comparison = world.keep(Comparison(world, scene.mx1, scene.mx2))
    comparison.all_equal(40)
    sessions = still(scene)
    for what in (("byte", *byte_held(sessions)), ("record", sessions[0]["slot"]),
                 ("mark", sessions[-1]["slot"])):
        spoil(scene, *what)
        found = comparison.command("compare 3")
        check(found["differ"] == 1 and found["behind"] == 0, "%s differs: %s" % (what, found))
        check("in slot %d," % what[1] in comparison.errors(), "it is not named: " + comparison.errors())
        mend(scene)
        comparison.all_equal(40)
    scene.end()
    comparison.counters_equal()
    spoil(scene, "counter")
    found = comparison.command("counters")
    check(found["behind"] + found["ahead"] == 1, "one counter differs: %s" % found)
    mend(scene)
    comparison.counters_equal()


@scenario
def pair_cut_under_load(world):
    """500 sessions in all phases and a load, and the link between the hosts is cut, for 0.2 s to a minute: the
    active goes on alone, and says so; then the standby is stopped and started: it has everything again each
    time, and no session is lost."""
    scene = Scene(world)
    scene.begin()
    comparison = world.keep(Comparison(world, scene.mx1, scene.mx2))
    for seconds in (0.2, 5, 60) if world.full else (0.2, 5):
        alone = scene.mx1.said(ALONE)
        scene.wire.cut()
        time.sleep(seconds)
        if seconds > 1:
            check(scene.mx1.said(ALONE) > alone, "%d s without a standby are not said" % seconds)
            scene.sessions.go_on(scene.rng)
            scene.sessions.fill()
        scene.wire.join()
        paired(scene.mx1, scene.mx2)
        comparison.all_equal(PHASES_SESSIONS)
        scene.sessions.go_on(scene.rng)
        scene.sessions.fill()
    steady(scene.mx1, scene.mx2)
    check(scene.mx2.stop() == 0, "the standby does not stop")
    scene.sessions.go_on(scene.rng)
    scene.mx2.start()
    paired(scene.mx1, scene.mx2)
    scene.sessions.fill()
    comparison = world.keep(Comparison(world, scene.mx1, scene.mx2))
    comparison.all_equal(PHASES_SESSIONS)
    scene.end()
