"""What may happen to a pair, one after the other, under sessions in every phase: README, "The table of partitions"."""

import contextlib
import os
import random
import signal
import socket
import struct
import subprocess
import time

from floating import FLOATING
from harness import Failure, check, process_lives, wait_until
from hosts import NAMES, Hosts, said
from registry import scenario
from two_hosts import HOSTS, ip

PER_PHASE = 2
LOAD = ("--messages", "-1", "--connections", 4, "--per-connection", 3, "--rate", 30)
STOPPED = 3.0        # seconds
CUT = 3.0
AGED = 6.0           # a standby that hears nothing for 5 s has what is too old
AGAIN_SECONDS = 60.0
ALONE = "-109060:"   # active without a standby
PROCESSES = ("worker", "workers", "gate", "sync", "manager", "supervisor")


class Pair(Hosts):
    """With few sessions; after each blow it says who serves, and that no session is lost."""

    def __init__(self, world, **group):
        super().__init__(world.build, world.folder, 1, workers=2, load=LOAD, per_phase=PER_PHASE, **group)
        world.gateways = self.world.gateways
        self.rng = random.Random(1)
        self.both = (self.active, self.standby)

    def fill(self):
        self.sessions.fill()
        self.wait_held(len(NAMES) * PER_PHASE)

    def serving(self):
        """The one that is active, with the other one as its standby; None: not yet."""
        states = [one.host.show("failover")["this_host"]["state"] for one in self.both]
        return self.both[states.index("active")] if set(states) == {"active", "standby-synced"} else None

    def whole(self, what, other):
        """The pair is whole; other: the role has changed hosts, None: that is keepalived's matter."""
        was = self.active
        self.active = wait_until(self.serving, "after %s the pair is whole" % what, AGAIN_SECONDS, 0.2)
        self.standby = next(one for one in self.both if one is not self.active)
        check(other in (None, self.active is not was), "after %s %s serves" % (what, self.active.name))
        self.wait_whole()

    def again(self, what, other):
        """Likewise, and all sessions go on."""
        self.whole(what, other)
        self.sessions.go_on(self.rng)
        self.sessions.fill()
        failed = self.sessions.sum("failed")
        check(failed == 0, "after %s sessions failed: %s" % (what, self.sessions.complaints()))

    def end(self):
        self.finish()
        self.check_rest()


def suffering(world, **group):
    return world.keep(Pair(world, **group))


# ---- processes ----

def pids(one, role):
    """Of that role on that host."""
    if role == "keepalived":
        return [one.process.pid]
    if role == "supervisor":
        return [one.host.process.pid]
    with open(os.path.join(one.host.runtime, "workers")) as file:
        lines = [line.split() for line in file.read().splitlines()[1:]]
    found = [int(line[2]) for line in lines if line[0] == ("worker" if role == "workers" else role)]
    check(found, "there is no %s" % role)
    return found[:1] if role == "worker" else found


def kill(one, role):
    """kill -9, and whoever starts such a process starts the next one."""
    dead = pids(one, role)
    for pid in dead:
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not any(process_lives(pid) for pid in dead), "%s is dead" % role)
    if role == "supervisor":
        one.host.process.wait()
        one.host.launch()
    wait_until(lambda: one.host.answers() and len(one.host.workers()) == 2, "%s is there again" % role, 30)


@contextlib.contextmanager
def stopped(victims):
    for pid in victims:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in victims:
            if process_lives(pid):
                os.kill(pid, signal.SIGCONT)


def everything(one):
    """All processes of that host, keepalived's too."""
    children = []
    with open("/proc/%d/task/%d/children" % (one.process.pid, one.process.pid)) as file:
        children = [int(pid) for pid in file.read().split()]
    own = one.host.process.pid
    return [own] + [pid for pid in one.host.processes() if pid != own] + [one.process.pid] + children


def victims(pair, world):
    """(host, role): each of the active's, and of the standby's; in a short run of the standby's only sync, the one
    that has to do with the active."""
    for which, roles in (("active", PROCESSES), ("standby", PROCESSES if world.full else ("sync",))):
        for role in roles:
            pair.fill()
            yield which, role


@scenario
def nemesis_killed(world):
    """kill -9 of each process, on the active and on the standby: the same host serves, and no session is lost."""
    pair = suffering(world)
    for which, role in victims(pair, world):
        kill(getattr(pair, which), role)
        pair.again("kill -9 of the %s's %s" % (which, role), other=False)
    pair.end()


@scenario
def nemesis_stopped(world):
    """Each process stands still for three seconds, on the active and on the standby: likewise."""
    pair = suffering(world)
    for which, role in victims(pair, world):
        with stopped(pids(getattr(pair, which), role)):
            time.sleep(STOPPED)
        pair.again("a stop of the %s's %s" % (which, role), other=False)
    pair.end()


@scenario
def nemesis_all_killed(world):
    """kill -9 of all processes of the active but keepalived: the standby takes over; of the standby's: nothing."""
    pair = suffering(world)
    for which, other in (("active", True), ("standby", False)):
        pair.fill()
        victim = getattr(pair, which)
        victim.host.kill_all()
        if other:
            wait_until(lambda: said(pair.standby.host) == "MASTER", "the other host gets the address", 20)
        victim.host.start()
        pair.again("kill -9 of all on the %s" % which, other)
    pair.end()


@scenario
def nemesis_keepalived(world):
    """keepalived dies: the active's costs it the role, the standby's nothing.  It stands still: the active's costs the
    role, which may come back with it.  No session is lost."""
    pair = suffering(world)
    for which, other in (("active", True), ("standby", False)):
        pair.fill()
        victim = getattr(pair, which)
        victim.kill()
        if other:
            wait_until(lambda: said(pair.standby.host) == "MASTER", "the other host gets the address", 20)
        time.sleep(1)
        victim.start()
        pair.again("kill -9 of the %s's keepalived" % which, other)
        pair.fill()
        victim = getattr(pair, which)
        before = pair.standby.host.said("109067: ")
        with stopped([pid for pid in everything(victim) if pid not in victim.host.processes()]):
            time.sleep(STOPPED)
        check((pair.standby.host.said("109067: ") > before) == other, "the role was to move: %s" % other)
        pair.again("a stop of the %s's keepalived" % which, None if other else False)
    pair.end()


# ---- links ----

def link(pair, device, state):
    ip("-n", pair.lan.wire.namespace("wire"), "link", "set", device, state)


@contextlib.contextmanager
def down(pair, *devices):
    for device in devices:
        link(pair, device, "down")
    try:
        yield
    finally:
        for device in devices:
            link(pair, device, "up")


@scenario
def nemesis_links(world):
    """Each cable is cut for three seconds: only the active's own to the clients, or both of its, cost it the role."""
    pair = suffering(world)
    cuts = (("the sync cable", lambda: (pair.standby.name,), False),
            ("the standby's LAN", lambda: ("lan-" + pair.standby.name,), False),
            ("the active's LAN", lambda: ("lan-" + pair.active.name,), True),
            ("both of the standby", lambda: ("lan-" + pair.standby.name, pair.standby.name), False),
            ("both of the active", lambda: ("lan-" + pair.active.name, pair.active.name), True))
    for what, devices, other in cuts:
        pair.fill()
        alone = pair.active.host.said(ALONE)
        with down(pair, *devices()):
            time.sleep(CUT)
        pair.again("a cut of " + what, other)
        if what in ("the sync cable", "both of the standby"):
            check(pair.active.host.said(ALONE) > alone, "that it serves alone is not said after " + what)
    pair.end()


@contextlib.contextmanager
def deaf(pair, one, *words):
    """In that host's network what arrives and matches is dropped."""
    wire = pair.lan.wire
    wire.run("nft", "add table ip oneway; add chain ip oneway in { type filter hook input priority -200; };"
             "add rule ip oneway in %s drop" % " ".join(words), where=one.name)
    try:
        yield
    finally:
        wire.run("nft", "delete", "table", "ip", "oneway", where=one.name)


@scenario
def nemesis_one_way(world):
    """One direction between the hosts is lost for three seconds: who does not hear the active's keepalived takes
    over as planned; all else costs nothing."""
    pair = suffering(world)
    ways = (("the LAN to the standby", "standby", "ip protocol 112", True),
            ("the LAN to the active", "active", "ip protocol 112", False),
            ("sync to the standby", "standby", "iifname eth0", False),
            ("sync to the active", "active", "iifname eth0", False))
    for what, which, words, other in ways:
        pair.fill()
        with deaf(pair, getattr(pair, which), words):
            time.sleep(CUT)
        pair.again("a loss of " + what, other)
    pair.end()


@contextlib.contextmanager
def split(pair):
    """Neither host hears the other one; clients and servers reach both."""
    vrrp = "ip protocol 112"
    with deaf(pair, pair.active, vrrp), deaf(pair, pair.standby, vrrp), down(pair, pair.standby.name):
        yield


def doors_open(pair):
    return [one.host.show("failover")["door"]["ipv4"] for one in pair.both].count("open")


@scenario
def nemesis_split(world):
    """The hosts hear each other on no path: the standby takes over, and is reached, since it has announced the address.
    When they hear each other again the old one closes its door and follows.  What the old one carried on alone until
    then is lost to the peers' time-outs; no message is doubled or changed by it, and new sessions are served."""
    pair = suffering(world)
    pair.fill()
    with split(pair):
        time.sleep(CUT)
        check(doors_open(pair) == 2, "not both hosts serve while they are apart")
    pair.whole("a split", other=True)
    pair.sessions.go_on(pair.rng)
    pair.sessions.fill()
    before = pair.sessions.sink.command("figures")["messages"]
    wait_until(lambda: pair.sessions.sink.command("figures")["messages"] > before + 50, "new sessions are served", 10)
    pair.finish()


@scenario
def nemesis_split_strict(world):
    """Likewise with commit = "strict": the old one waits, and no session is lost."""
    pair = suffering(world, commit="strict")
    for _ in range(2):
        pair.fill()
        with split(pair):
            time.sleep(CUT)
        pair.again("a split under strict", other=True)
    pair.end()


# ---- the host that was believed dead ----

class Ear:
    """TCP of the floating address that comes from that host at the switch."""

    def __init__(self, pair, one):
        with pair.lan.wire.inside():
            self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0800))
            self.socket.bind(("lan-" + one.name, 0))
        self.floating = socket.inet_aton(FLOATING[0])

    def __exit__(self, *_):
        self.socket.close()

    def heard(self):
        """So many packets since the last call, of which some said something: (all, with data, FIN or RST)."""
        count = [0, 0]
        while True:
            try:
                packet, source = self.socket.recvfrom(256, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return tuple(count)
            if source[2] == 4 or packet[9] != socket.IPPROTO_TCP or packet[12:16] != self.floating:
                continue
            head = (packet[0] & 15) * 4
            length = struct.unpack_from("!H", packet, 2)[0] - head - (packet[head + 12] >> 4) * 4
            count[0] += 1
            count[1] += length > 0 or bool(packet[head + 13] & 5)


@scenario
def nemesis_stale_master(world):
    """The whole active host stands still for three seconds and goes on: the other one serves, the stale one closes its
    door within a second, lets nothing out any more, and follows."""
    pair = suffering(world)
    for _ in range(2):
        pair.fill()
        stale, ear = pair.active, world.keep(Ear(pair, pair.active))
        before = pair.standby.host.said("109067: ")
        with stopped(everything(stale)):
            wait_until(lambda: pair.standby.host.said("109067: ") > before, "the other host has taken over", 20)
            time.sleep(STOPPED)
        wait_until(lambda: stale.host.show("failover")["door"]["ipv4"] == "closed", "the stale one's door is closed", 5)
        ear.heard()
        time.sleep(2)
        heard = ear.heard()
        check(heard == (0, 0), "the stale host lets out %d packets, %d of them speak" % heard)
        pair.again("a pause of the active host", other=True)
    pair.end()


# ---- the standby, the disk, programs ----

@scenario
def nemesis_slow_standby(world):
    """The standby's sync runs a third of the time for five seconds: the active waits for it, and loses it not."""
    pair = suffering(world)
    pair.fill()
    alone = pair.active.host.said(ALONE)
    for _ in range(15):
        with stopped(pids(pair.standby, "sync")):
            time.sleep(0.22)
        time.sleep(0.11)
    check(pair.active.host.said(ALONE) == alone, "the standby was given up")
    pair.again("a slow standby", other=False)
    pair.end()


class SmallDisks(Pair):
    """The state folders lie on small file systems of their own."""

    def prepare(self, host):
        os.makedirs(host.state, exist_ok=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m,mode=0755", "tmpfs", host.state], check=True)

    def __exit__(self, *_):
        super().__exit__()
        for one in self.both:
            subprocess.run(["umount", "-l", one.host.state], check=True)

    def fill_disk(self, one):
        """What lies there till the disk has room again."""
        path = os.path.join(one.host.state, "ballast")
        with contextlib.suppress(OSError), open(path, "wb", buffering=0) as file:
            while file.write(b"x" * 4096):
                pass
        return path


@scenario
def nemesis_upgrade(world):
    """`upgrade` on the standby, which follows anew, and on the active while the role is asked for: no session is lost."""
    pair = suffering(world)
    pair.fill()
    before = pair.standby.host.said("109042:")
    pair.standby.host.ctl("upgrade")
    wait_until(lambda: pair.standby.host.said("109042:") > before, "the upgrade is complete", 30)
    pair.again("an upgrade of the standby", other=False)
    pair.fill()
    pair.active.host.ctl("upgrade")
    before = pair.switch()
    try:
        pair.wait_taken(before)
    except Failure:
        print("# the active's sync was started anew just then, and the standby has given its wish up")
    pair.again("a switchover during the active's upgrade", other=None)
    pair.end()


@scenario
def nemesis_full_disk(world):
    """The state folder of the standby is full when the active is lost: it cannot save its epoch, does not serve, and says
    so; when there is room again it waits to be forced."""
    pair = world.keep(SmallDisks(world))
    pair.fill()
    ballast = pair.fill_disk(pair.standby)
    pair.lose_active()
    host = pair.active.host

    def state():
        return host.show("failover")["this_host"]["state"]
    wait_until(lambda: state() == "fault", "it cannot serve", 20)
    host.says("109084: Failover: saving the epoch is not possible - epoch: cannot be written: No space left")
    check(host.show("failover")["door"]["ipv4"] == "closed", "its door is open")
    os.remove(ballast)
    wait_until(lambda: state() == "waiting", "what had failed works again", 20)
    wait_until(lambda: said(host) == "MASTER", "it has the address", 20)
    host.ctl("failover force")
    host.says(ALONE)


@scenario
def nemesis_there_and_back(world):
    """The active is lost, and the one that took over as soon as the first is whole again: no session is lost."""
    pair = suffering(world)
    pair.fill()
    for _ in range(3):
        pair.wait_taken(pair.lose_active())
        pair.bring_back()
        wait_until(pair.serving, "the pair is whole", AGAIN_SECONDS, 0.05)
        wait_until(lambda: said(pair.standby.host) == "BACKUP", "its keepalived is ready", AGAIN_SECONDS, 0.05)
    pair.again("three losses", other=False)
    pair.end()


@scenario
def nemesis_lost_alone(world):
    """The standby is cut off for six seconds, and then the active is lost: its sessions are lost too, and the other host,
    which has older ones, does not serve before it is forced to."""
    pair = suffering(world)
    pair.fill()
    alone, gone = pair.active, pair.standby
    before = alone.host.said(ALONE)
    with down(pair, "lan-" + gone.name, gone.name):
        time.sleep(AGED)
        check(alone.host.said(ALONE) > before, "that it serves alone is not said")
        pair.cables(alone.name, "down")
        alone.host.kill_all()
        alone.kill()
    wait_until(lambda: said(gone.host) == "MASTER", "the address is given to the other host", 30)
    time.sleep(3)
    state = gone.host.show("failover")["this_host"]["state"]
    check(state == "waiting", "it is %s" % state)
    gone.host.ctl("failover force")
    gone.host.says(ALONE)
    with pair.lan.wire.inside(), socket.create_connection((FLOATING[0], 25), 10) as client:
        client.settimeout(10)
        check(client.recv(100).startswith(b"220"), "no greeting of the host that was forced")


@scenario
def nemesis_strict(world):
    """With commit = "strict" nothing goes on without the standby: whatever cuts it off lets all sessions wait, and costs
    none."""
    pair = suffering(world, commit="strict")
    alone = pair.active.host.said(ALONE)
    cuts = (("the sync cable", lambda: down(pair, pair.standby.name)),
            ("both cables of the standby", lambda: down(pair, pair.standby.name, "lan-" + pair.standby.name)),
            ("sync to the standby", lambda: deaf(pair, pair.standby, "iifname eth0")))
    for what, cut in cuts:
        pair.fill()
        with cut():
            time.sleep(1)
            before = pair.sessions.sink.command("figures")["messages"]
            time.sleep(CUT)
            passed = pair.sessions.sink.command("figures")["messages"] - before
        check(passed == 0, "%d messages went on without the standby, after a cut of %s" % (passed, what))
        check(pair.active.host.said(ALONE) == alone, "it serves alone after a cut of " + what)
        pair.again("a cut of %s under strict" % what, other=False)
    pair.end()
