"""The sessions of both hosts of a pair, beside each other, while mail goes through one of them."""

import os
import time

from harness import Tool, check
from pair_wire import PATIENCE, Scene
from registry import scenario
from sync_pair import held, paired, steady

PHASES_SESSIONS = 500


class Comparison(Tool):
    def __init__(self, world, active, standby):
        super().__init__(world.build, "paircompare", [active.workers()[0], standby.workers()[0]],
                         os.path.join(world.folder, "paircompare.log"))
        self.read()

    def all_equal(self, least, seconds=20):
        """Of every session that there is now, and has not ended, the standby has what the active has."""
        found = self.command("compare %d" % seconds)
        check(found["differ"] == found["behind"] == 0 and found["equal"] >= least,
              "the hosts differ: %s; %s" % (found, self.errors(5)))


@scenario
def pair_equal(world):
    """500 sessions in all phases and a load: at many instants the standby holds what the active has committed,
    also when it was made anew, and when what was held has gone on."""
    scene = Scene(world, degrade_after=PATIENCE)
    scene.begin()
    comparison = world.keep(Comparison(world, scene.mx1, scene.mx2))
    for turn in range(20 if world.full else 4):
        comparison.all_equal(PHASES_SESSIONS)
        scene.sessions.go_on(scene.rng)
        comparison.all_equal(1)
        if turn % 2:
            scene.mx2.kill_sync()
            paired(scene.mx1, scene.mx2)
        scene.sessions.fill()
    check(held(scene.mx2) >= PHASES_SESSIONS, "the standby holds few")
    scene.end()


@scenario
def pair_cut_under_load(world):
    """500 sessions in all phases and a load, and the link between the hosts is cut, for 0.2 s to a minute; then the
    standby is stopped and started: it has everything again each time, and no session is lost."""
    scene = Scene(world)
    scene.begin()
    comparison = world.keep(Comparison(world, scene.mx1, scene.mx2))
    for seconds in (0.2, 5, 60) if world.full else (0.2, 5):
        scene.wire.cut()
        time.sleep(seconds)
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
