"""What leaves the active host of a pair, on the wire: nothing that its standby has not."""

import contextlib
import os
import random
import shutil
import signal
import subprocess
import time

import phases
import policy
from harness import Tool, check, has_gate, process_lives, wait_until
from pair_gate import process
from registry import Skip, scenario
from sessions import Sessions
from sync_pair import Mail, agree, held, paired, steady
from two_hosts import HOSTS, pair

FLOATING = "192.0.2.10"
LISTEN, LISTEN_BANNER = FLOATING + ":2525", FLOATING + ":2527"
SERVER, SERVER_BANNER = HOSTS["mx1"][1] + ":2526", HOSTS["mx1"][1] + ":2528"
PER_PHASE = 23  # of 22 phases
LOAD = ("--messages", "-1", "--connections", 10, "--per-connection", 3, "--rate", 60)
AHEAD = ("embryo", "ahead", "fin", "rst")
PAUSE, PAUSE_LONG = 0.2, 0.6  # of the standby: then everything waits
PATIENCE = "10 s"  # of the active with a standby that pauses, on a busy machine too


class Outside(Mail):
    """Client and server behind the router."""

    LISTEN, SERVER = LISTEN, SERVER


class Watch(Tool):
    """ackwatch, on the router's end of that cable."""

    def __init__(self, world, wire, active, standby):
        super().__init__(world.build, "ackwatch",
                         [active.group["node"], os.path.join(standby.runtime, "pair/trace"), 7925],
                         os.path.join(world.folder, "ackwatch.log"), prefix=wire.prefix())
        self.read()

    def figures(self):
        figures = self.command("figures")
        check(figures["missed"] == 0, "%d packets were not heard" % figures["missed"])
        return figures

    def clean(self):
        """Its figures, in which there is nothing like that."""
        figures = self.figures()
        check(not sum(figures[kind] for kind in AHEAD) and figures["unknown"] == 0,
              "ahead of the standby: %s; %s" % (figures, self.errors()))
        return figures


class Scene:
    """A pair that is synced, with client and server behind the router, and who watches the active
    host's cable, over which all of that goes."""

    def __init__(self, world, **group):
        if not has_gate(world.build):
            raise Skip("this build has no gate")
        self.world = world
        self.wire, self.mx1, self.mx2 = self.hosts(group)
        self.wire.run("ip", "address", "add", FLOATING + "/32", "dev", "eth0", where="mx1")
        self.wire.run("ip", "route", "add", FLOATING + "/32", "via", HOSTS["mx1"][0])
        shutil.copy(os.path.join(world.build, "tests/tools/smtpguard-sync-traced"),
                    os.path.join(self.mx2.libexec, "smtpguard-sync"))
        agree(self.mx1, self.mx2)
        self.mx1.keepalived("MASTER")
        paired(self.mx1, self.mx2)
        self.watch = world.keep(Watch(world, self.wire, self.mx1, self.mx2))
        self.rng = random.Random(1)

    def hosts(self, group):
        """The two, not started yet, and what is between them."""
        return pair(self.world, mx1=group, mx2=group)

    def begin(self, per_phase=PER_PHASE, load=LOAD):
        """Sessions in every phase and a load beside them."""
        self.mx1.configure(*policy.lines(), *(
            self.mx1.static(*addresses) + " tcp 0 0 source " + FLOATING
            for addresses in ((LISTEN, SERVER), (LISTEN_BANNER, SERVER_BANNER))))
        self.sessions = self.world.keep(Sessions(
            self.world.build, self.world.folder, SERVER, SERVER_BANNER, self.wire.prefix()))
        self.sessions.begin(LISTEN, LISTEN_BANNER, 1, load, per_phase)
        self.sessions.fill()

    def end(self):
        """All sessions have ended as they were to, with all their mail at the server."""
        for figures in self.sessions.end_all():
            check(figures["failed"] == 0, "sessions failed: %s" % self.sessions.complaints())
        self.sessions.compare()

    @contextlib.contextmanager
    def standby_paused(self):
        pid = self.mx2.sync()
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(pid, signal.SIGCONT)

    def unguard(self):
        """Takes the gate's rule away, if it is there."""
        subprocess.run(self.mx1.prefix + ["nft", "delete", "table", "ip", "smtpguard_gate"],
                       stderr=subprocess.DEVNULL)


@scenario
def wire_watched(world):
    """Mixed load through a pair whose standby pauses now and then: every ACK, FIN, RST and SYN-ACK leaves
    after the standby has stored what it says."""
    scene = Scene(world, degrade_after=PATIENCE)
    scene.begin(load=LOAD + ("--abrupt", 30, "--chop", 700))
    end = time.monotonic() + (600 if world.full else 10)
    while time.monotonic() < end:
        with scene.standby_paused():
            time.sleep(PAUSE)
        scene.sessions.go_on(scene.rng)
        scene.sessions.fill()
    check(scene.mx1.said("does not acknowledge") == 0, "the standby was given up")
    scene.end()
    figures = scene.watch.clean()
    check(all(figures[kind] > 100 for kind in ("acks", "syn_acks", "fins", "stores")) and
          figures["resets"] > 0, "too little was heard: %s" % figures)
    steady(scene.mx1, scene.mx2)


@scenario
def wire_late_server(world):
    """The server's connection stands when the standby knows of the client's already, and pauses: what the
    server says first is not acknowledged before the standby has it."""
    scene = Scene(world, degrade_after=PATIENCE)
    scene.wire.run("nft", "add table ip late; add chain ip late input { type filter hook input priority 0; };"
                   "add rule ip late input tcp dport 2526 tcp flags syn drop")
    mail = Outside(world, scene.mx1, scene.wire.prefix())
    mail.source("--messages", 3)
    wait_until(lambda: held(scene.mx1) == 1, "the client's leg is protected")
    scene.wire.run("nft", "delete", "table", "ip", "late")
    time.sleep(0.7)  # the gateway's SYN comes again a second after the first
    with scene.standby_paused():
        time.sleep(PAUSE_LONG)
    mail.exact()
    scene.watch.clean()


@scenario
def wire_unguarded(world):
    """Who watches finds what leaves while the gate's rule is gone, although the workers wait."""
    scene = Scene(world, degrade_after=PATIENCE)
    scene.begin(per_phase=2)
    scene.watch.clean()
    with scene.standby_paused():
        end = time.monotonic() + PAUSE_LONG
        while time.monotonic() < end:
            scene.unguard()  # again and again: it is put back
    check(scene.watch.figures()["ahead"] > 0, "no ACK was found ahead of a standby that stood still")


def moving(scene):
    """The load goes on, and what is held too; until the sink has so much more."""
    scene.sessions.fill()  # who sets out earlier than that is held by the sink, and nobody lets him go
    before = scene.sessions.sink.command("figures")["messages"]
    scene.sessions.go_on(scene.rng)
    wait_until(lambda: scene.sessions.sink.command("figures")["messages"] > before + 60,
               "mail passes", 30)


@scenario
def wire_killed(world):
    """kill -9 of the active's sync and of smtpguard-gate, alone and together, under load: no session notices,
    and nothing leaves ahead of the standby meanwhile."""
    # Otherwise the host goes on alone as soon as the standby begins a new replica.
    scene = Scene(world, commit="strict")
    scene.begin()
    for names in (("sync",), ("gate",), ("sync", "gate")):
        moving(scene)
        pids = [process(scene.mx1, name) for name in names]
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not {process(scene.mx1, name) for name in names} & {0, *pids},
                   "others are started")
        paired(scene.mx1, scene.mx2)
        scene.watch.clean()
    moving(scene)
    scene.end()
    scene.watch.clean()


@scenario
def wire_all_killed(world):
    """kill -9 of all processes of the active at once, under load: for five seconds nothing leaves that the
    standby has not, no FIN and no RST, whatever the peers say."""
    scene = Scene(world)
    scene.begin()
    moving(scene)
    pids = scene.mx1.processes()
    scene.sessions.held.command("blow " + ",".join(str(pid) for pid in pids))
    wait_until(lambda: not any(process_lives(pid) for pid in pids), "all are dead")
    before = scene.watch.clean()
    time.sleep(5)
    figures = scene.watch.clean()
    check(figures["packets"] > before["packets"], "the peers have said nothing")
    check(figures["resets"] == before["resets"], "connections were reset")
