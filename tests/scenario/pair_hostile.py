"""A hostile link between the hosts of a pair, under 500 sessions: README, "When the link is hostile"."""

import contextlib
import os
import sys

from harness import check, end_process, wait_until
from pair_compare import PHASES_SESSIONS, Comparison
from pair_wire import Scene
from registry import scenario
from sync_pair import ALONE, LOST, again, paired, put_sync, steady
from two_hosts import HOSTS, KEY, pair

SYNC_PORT = 7925
CHANGED = ("the data was changed on its way", "the other side breaks the rules of TLS")


class Relayed(Scene):
    """mx1 reaches mx2 through a relay only, and mx2 reaches nobody."""

    def hosts(self, group):
        near, far = HOSTS["mx1"][1] + ":%d" % SYNC_PORT, HOSTS["mx2"][0] + ":%d" % SYNC_PORT
        wire, mx1, mx2 = pair(self.world, mx1={**group, "peer": near},
                              mx2={**group, "peer": HOSTS["mx1"][0] + ":7926"})
        self.relay = wire.popen(sys.executable, os.path.join(os.path.dirname(__file__), "byte_relay.py"),
                                near, far, "-1")
        check(self.relay.stdout.readline() == "ready\n", "no relay")
        return wire, mx1, mx2

    def flip(self, direction):
        self.relay.stdin.write(direction + "\n")
        check(self.relay.stdout.readline() == "flipped\n", "nothing was changed")


@scenario
def hostile_flips(world):
    """500 sessions and a load, and single bits are changed on the link, both ways: each ends the conversation, by
    name, the next one goes on, and no session is lost."""
    scene = Relayed(world)
    try:
        scene.begin()
        comparison = world.keep(Comparison(world, scene.mx1, scene.mx2))
        for direction in ("there", "back") * (10 if world.full else 2):
            finder = scene.mx2 if direction == "there" else scene.mx1
            words = [LOST % ("mx1" if finder is scene.mx2 else "mx2") + why for why in CHANGED]
            found = sum(map(finder.said, words))
            wait = again(scene.mx1, scene.mx2)
            scene.flip(direction)
            wait_until(lambda: sum(map(finder.said, words)) > found, "the change is found", 20)
            wait()
            paired(scene.mx1, scene.mx2)
            comparison.all_equal(PHASES_SESSIONS)
            scene.sessions.go_on(scene.rng)
            scene.sessions.fill()
        scene.end()
        steady(scene.mx1, scene.mx2)
    finally:
        end_process(scene.relay)


class Refusals:
    """A pair whose standby becomes another one than it was, and comes back."""

    def __init__(self, scene):
        self.scene = scene

    def refused(self, number, *words):
        """What the active does without it: it says so, serves alone, and all go on."""
        mx1, sessions = self.scene.mx1, self.scene.sessions
        for word in words:
            wait_until(lambda word=word: any("-%d:" % number in line and word in line
                                             for line in mx1.log().splitlines()),
                       "event %d with %s" % (number, word), 20)
        wait_until(lambda: mx1.show("failover")["this_host"]["state"] == "degraded", "it is degraded", 20)
        check(mx1.said(ALONE) > self.alone, "that it serves alone is not said")
        sessions.go_on(self.scene.rng)
        sessions.fill()

    def come_back(self, change):
        wait = again(self.scene.mx1, self.scene.mx2)
        change()
        wait()
        paired(self.scene.mx1, self.scene.mx2)
        self.scene.world.keep(Comparison(self.scene.world, self.scene.mx1, self.scene.mx2)).all_equal(
            PHASES_SESSIONS)

    def wrong(self, make, number, *words, right):
        self.alone = self.scene.mx1.said(ALONE)
        make()
        self.refused(number, *words)
        self.come_back(right)


@scenario
def hostile_peer(world):
    """500 sessions and a load, and the standby comes back with another key, two versions later, and with the name of
    the active: it is refused by name, the active serves alone, and no session is lost."""
    scene = Scene(world)
    scene.begin()
    mx1, mx2 = scene.mx1, scene.mx2
    refusals = Refusals(scene)

    def key(text):
        mx2.write_key(text)
        mx2.kill_sync()

    def version(suffix):
        put_sync(mx2, suffix)
        mx2.kill_sync()

    def name(node, other):
        check(mx2.stop() == 0, "mx2 does not stop")
        mx2.group.update(node=node, peer_node=other)
        mx2.start()

    refusals.wrong(lambda: key(KEY.replace("0123", "3210")), 109083, "another key", right=lambda: key(KEY))
    refusals.wrong(lambda: version("-far"), 109082, "no version of the sessions' records in common",
                   right=lambda: version(""))
    refusals.wrong(lambda: name("mx1", "mx2"), 109083, "both hosts have the same name",
                   right=lambda: name("mx2", "mx1"))
    scene.end()


class Scanner:
    """On the wire; what it has opened stays so until it is over."""

    def __init__(self, scene):
        self.scene, self.links = scene, []

    def connect(self, host, count, says=None):
        """That many at once, of which each says that."""
        links = [self.scene.wire.connect((HOSTS[host][0], SYNC_PORT)) for _ in range(count)]
        for link in links:
            link.setblocking(True)
            link.settimeout(5)
            with contextlib.suppress(OSError):  # it may have been turned away already
                if says:
                    link.sendall(says(4096))
        self.links += links

    def half_open(self, host, count):
        """SYNs to which nobody answers a SYN-ACK."""
        wire = self.scene.wire
        wire.run("nft", "add table ip scan; add chain ip scan input { type filter hook input priority 0; };"
                 "add rule ip scan input ip saddr %s tcp sport %d tcp flags & (syn|ack) == (syn|ack) drop" %
                 (HOSTS[host][0], SYNC_PORT))
        self.links += [wire.connect((HOSTS[host][0], SYNC_PORT)) for _ in range(count)]

    def close(self):
        for link in self.links:
            link.close()
        self.scene.wire.run("nft", "delete", "table", "ip", "scan")


@scenario
def hostile_scanner(world):
    """500 sessions and a load, and on both sync ports a scanner says what is no TLS, random bytes, and nothing, on
    hundreds of connections, whole and half open: the pair stays together, and comes together again."""
    scene = Scene(world)
    scene.begin()
    mx1, mx2 = scene.mx1, scene.mx2
    comparison = world.keep(Comparison(world, mx1, mx2))
    before = [host.said("109081: ") for host in (mx1, mx2)]
    scanner = Scanner(scene)
    for host in (mx1, mx2):
        name = host.group["node"]
        scanner.connect(name, 1, lambda length: b"GET / HTTP/1.0\r\n\r\n")
        host.says("the other side does not speak TLS")
        scanner.connect(name, 100, os.urandom)
        scanner.connect(name, 200)
        scanner.half_open(name, 500)
        host.says("too many connections at a time")
        check(host.said("109083: Failover: no connection with %s" % HOSTS[name][1]) > 0, "it is not named")
    scene.sessions.go_on(scene.rng)
    scene.sessions.fill()
    comparison.all_equal(PHASES_SESSIONS)
    check([host.said("109081: ") for host in (mx1, mx2)] == before, "the scanner has parted the pair")
    for host in (mx2, mx1):
        wait = again(mx1, mx2)
        host.kill_sync()
        wait()
        paired(mx1, mx2)
    comparison.all_equal(PHASES_SESSIONS)
    scanner.close()
    for host in (mx1, mx2):
        told = host.said("109083: ")
        check(told < 60, "the scanner has filled the log: %d events" % told)
    scene.end()
