"""The active host is lost: the standby makes its connections itself, and its workers carry the sessions on."""

import os
import signal
import socket
import time

from harness import Sink, Source, check, compare_ledgers, has_gate, programs_copy, wait_until
from registry import Skip, scenario
from sync_pair import agree, held, paired, serve
from two_hosts import HOSTS, ip, pair

# By family: the floating address, the client's, the server's; and the hosts' own, with those of the wire.
ADDRESSES = {4: ("192.0.2.10", "192.0.2.100", "192.0.2.20"), 6: ("2001:db8::10", "2001:db8::100", "2001:db8::20")}
NEXT = {4: HOSTS, 6: {"mx1": ("2001:db8:1::1", "2001:db8:1::ff"), "mx2": ("2001:db8:2::1", "2001:db8:2::ff")}}
PORT, PORT_BANNER = 25, 26  # behind the second the server says nothing before it may

# Those that the server holds back, and those that the client does.
PHASES = ("banner", "envelope", "data", "final", "tls", "idle", "half-client", "half-server",
          "urgent", "bdat", "bdat-between", "bdat-binary", "bdat-last")


class Place:
    """Clients and mail server on the wire, and the floating address, to which the wire has the route."""

    def __init__(self, world, wire, family, save):
        self.world, self.wire, self.family = world, wire, family
        self.floating, self.client, self.server = ADDRESSES[family]
        self.sources = []
        self.prefix = ["nsenter", "--net=/run/netns/" + wire.namespace("wire")]
        if family == 6:
            self.join_ipv6()
        for address in (self.client, self.server):
            self.give("wire", address, "lo")
        self.dig_hole()
        self.sink = world.keep(Sink(world.build, world.folder, [
            self.at(self.server, PORT), self.at(self.server, PORT_BANNER) + ",banner=hold"], save=save, prefix=self.prefix))

    def configure(self, host):
        host.configure(*["static (inside,outside) tcp %s %d %s %d" % (self.floating, port, self.server, port)
                         for port in (PORT, PORT_BANNER)])
        host.ctl("write memory")

    def at(self, address, port):
        return ("[%s]:%d" if self.family == 6 else "%s:%d") % (address, port)

    def give(self, name, address, device, bits=None):
        words = ["%s/%d" % (address, bits or {4: 32, 6: 128}[self.family]), "dev", device]
        ip("-n", self.wire.namespace(name), "address", "add", *words, *(["nodad"] if self.family == 6 else []),
           fails=True)

    def join_ipv6(self):
        self.wire.run("sysctl", "-qw", "net.ipv6.conf.all.forwarding=1")
        for name, (own, gate) in NEXT[6].items():
            self.give(name, own, "eth0", 64)
            self.give("wire", gate, name, 64)
            ip("-n", self.wire.namespace(name), "-6", "route", "add", "default", "via", gate)

    def dig_hole(self):
        """While a link is down what goes there is lost, as on any wire, and nobody is told."""
        middle, family = self.wire.namespace("wire"), "-%d" % self.family
        ip("-n", middle, "link", "add", "hole", "type", "veth", "peer", "name", "ground")
        for device in ("hole", "ground"):
            ip("-n", middle, "link", "set", device, "up")
        ip("-n", middle, family, "neighbour", "add", self.floating, "lladdr", "02:00:00:00:00:01", "dev", "hole")
        ip("-n", middle, family, "route", "add", self.floating, "dev", "hole", "src", self.client, "metric", "2000")

    def route(self, name):
        ip("-n", self.wire.namespace("wire"), "-%d" % self.family, "route", "replace", self.floating, "via",
           NEXT[self.family][name][0], "src", self.client)

    def move(self, host):
        """As keepalived does, and the neighbours."""
        name = host.group["node"]
        self.give(name, self.floating, "lo")
        self.route(name)
        host.keepalived("MASTER")

    def cut(self, host):
        ip("-n", self.wire.namespace("wire"), "link", "set", host.group["node"], "down")

    def lose(self, host):
        """Its link is cut first, so that nothing of its end leaves."""
        self.cut(host)
        host.kill_all()

    def join(self, host):
        """Without the floating address."""
        name = host.group["node"]
        ip("-n", self.wire.namespace(name), "address", "flush", "dev", "lo", "to", self.floating)
        ip("-n", self.wire.namespace("wire"), "link", "set", name, "up")
        if self.family == 6:
            self.give("wire", NEXT[6][name][1], name, 64)  # it went with the link

    def back(self, host):
        self.join(host)
        host.start()
        host.keepalived("BACKUP")

    def source(self, *arguments):
        self.sources.append(self.world.keep(Source(
            self.world.build, self.world.folder,
            [*arguments, "--seed", len(self.sources) + 1, self.at(self.floating, PORT)], self.prefix)))
        return self.sources[-1]

    def held(self, phases, count):
        """So many sessions that stand still in each of them."""
        words = []
        for phase in phases:
            target = "@" + self.at(self.floating, PORT_BANNER) if phase == "banner" else ""
            words += ["--phase", "%s:%d%s" % (phase, count, target)]
        source = self.source(*words, "--sizes", "1k-256k")
        wait_until(lambda: all(source.command("status")["phases"][p] == count for p in phases),
                   "%d sessions in each of %s" % (count, ", ".join(phases)), 60)
        return source

    def finish(self):
        """All sessions come to their end."""
        for source in self.sources:
            source.send("stop")
        while any(source.process.poll() is None for source in self.sources):
            self.sink.command("release")
            time.sleep(0.05)

    def exact(self):
        for source in self.sources:
            figures = source.finish()
            check(figures["failed"] == 0, "sessions failed: " + source.errors(5))
        self.sink.stop()
        compare_ledgers(self.world.build, [s.ledger for s in self.sources], self.sink.ledger)


def served(world, family=4, save=None, worker=None):
    """mx1 serves, mx2 could. save: the folder for what comes to the server; worker: another one than the usual."""
    if not has_gate(world.build):
        raise Skip("this build has no gate")
    wire, mx1, mx2 = pair(world)
    for host in (mx1, mx2):
        host.floating = ADDRESSES[family][:1]
        if worker:
            programs_copy(world.build, host.libexec, worker)
    agree(mx1, mx2)
    place = Place(world, wire, family, save)
    place.move(mx1)
    serve(mx1, mx2)
    paired(mx1, mx2)
    place.configure(mx1)
    return place, mx1, mx2


def counted(host):
    """(sessions, lost, connections without a session) of the last takeover."""
    line = [line for line in host.log().splitlines() if "109066: " in line][-1]
    return tuple(int(line.split(before)[1].split()[0]) for before in ("Failover: ", "restored, ", "lost, and "))


def taken_over(place, lost, by, least):
    """So many sessions at least, and none is lost."""
    before = by.said("109067: ")
    place.lose(lost)
    place.move(by)
    wait_until(lambda: by.said("109067: ") > before, "the last session goes on", 20)
    sessions, gone, _ = counted(by)
    check(sessions >= least and gone == 0, "%d sessions, %d lost" % (sessions, gone))


def passes(place):
    """More mail comes through."""
    before = place.sink.command("figures")["messages"]
    wait_until(lambda: place.sink.command("figures")["messages"] > before + 30, "mail passes", 30)


def flow(place):
    return place.source("--messages", -1, "--connections", 20, "--per-connection", 3, "--rate", 60,
                        "--body-sizes", "1k-64k:99,5m:1")


def filled(place, standby, count):
    """So many sessions in each phase, of which the standby knows, and mail beside them."""
    place.held(PHASES, count)
    wait_until(lambda: held(standby) >= count * len(PHASES), "the standby holds them", 30)
    flow(place)
    passes(place)


@scenario
def takeover_clock(world):
    """A standby that was started later tells the time of the active, in which the sessions wait."""
    wire, mx1, mx2 = pair(world)
    mx1.start()
    time.sleep(3)
    mx2.start()
    mx2.says("109080: ")
    wait_until(lambda: mx2.show("version")["uptime_ms"] >= mx1.show("version")["uptime_ms"] - 1000,
               "both have one time", 5)


@scenario
def takeover_mail(world):
    """Under load, and in every phase; then a worker dies, and the old host comes back and follows."""
    place, mx1, mx2 = served(world)
    filled(place, mx2, 5)
    taken_over(place, mx1, mx2, 5 * len(PHASES))
    passes(place)
    (pid,) = mx2.workers().values()
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: len(mx2.workers()) == 1 and pid not in mx2.workers().values(), "another worker", 30)
    place.back(mx1)
    paired(mx2, mx1)
    place.finish()
    place.exact()


# While the connections are being made, the epoch is being saved.
PHASE_TIMES = ("asked_us", "begun_us", "restored_us", "door_opened_us", "peers_asked_us", "done_us")


@scenario
def takeover_shown(world):
    """`show failover` tells how the last takeover went, before and after the supervisor's death."""
    place, mx1, mx2 = served(world)
    check("Last takeover: none" in mx2.ctl("show failover") and mx2.show("failover")["takeover"] is None,
          "a takeover that there was not")
    place.held(PHASES, 2)
    wait_until(lambda: held(mx2) >= 2 * len(PHASES), "the standby holds them", 30)
    taken_over(place, mx1, mx2, 2 * len(PHASES))
    shown = mx2.show("failover")["takeover"]
    check((shown["taken_over"], shown["lost"], shown["embryos"]) == (2 * len(PHASES), 0, 0), "counted is %s" % shown)
    check(shown["epoch"] == mx2.show("failover")["this_host"]["epoch"], "another epoch: %s" % shown)
    check(shown["cause"] == "address", "its cause is %s" % shown["cause"])
    times = [shown["phases"][phase] for phase in PHASE_TIMES]
    check(None not in times and times == sorted(times) and 0 < times[-1] < 10000000, "its times are %s" % times)
    saved = shown["phases"]["epoch_saved_us"]
    check(times[0] < saved < shown["phases"]["door_opened_us"], "the epoch was saved at %s, of %s" % (saved, times))
    mx2.kill_supervisor()
    mx2.start()
    after = mx2.show("failover")["takeover"]
    check({**after, "ago_s": 0} == {**shown, "ago_s": 0}, "after the supervisor's death: %s" % after)
    text = mx2.ctl("show failover")
    check("%d taken over, 0 lost" % (2 * len(PHASES)) in text, text)
    place.finish()
    place.exact()


@scenario
def takeover_there_and_back(world):
    """Three losses one after the other, with the same sessions: what was made is as good as what was opened."""
    place, mx1, mx2 = served(world)
    place.held(PHASES, 3)
    flow(place)
    active, standby = mx1, mx2
    for _ in range(3):
        passes(place)
        wait_until(lambda: held(standby) >= 3 * len(PHASES), "the standby holds them", 30)
        taken_over(place, active, standby, 3 * len(PHASES))
        place.back(active)
        paired(standby, active)
        active, standby = standby, active
    passes(place)
    place.finish()
    place.exact()


@scenario
def takeover_ipv6(world):
    """Likewise, over IPv6."""
    place, mx1, mx2 = served(world, 6)
    filled(place, mx2, 2)
    taken_over(place, mx1, mx2, 2 * len(PHASES))
    passes(place)
    place.finish()
    place.exact()


def greeted(client):
    client.settimeout(10)
    check(client.recv(100).startswith(b"220"), "no greeting")
    client.sendall(b"QUIT\r\n")
    check(client.recv(100).startswith(b"221"), "no farewell")


@scenario
def takeover_not_accepted(world):
    """Clients are connected, and the active host has accepted nobody when it is lost: they are greeted by the other."""
    place, mx1, mx2 = served(world)
    os.kill(mx1.process.pid, signal.SIGSTOP)
    with place.wire.inside():
        clients = [world.keep(socket.create_connection((place.floating, PORT), 10)) for _ in range(5)]
    place.lose(mx1)
    place.move(mx2)
    for client in clients:
        greeted(client)
    mx2.says("109067: ")
    check(counted(mx2) == (0, 0, 5), "counted is %s" % (counted(mx2),))


def syn_ack_lost(world, family):
    """Clients whose SYN was heard by the active host, but its answer by nobody, and whose SYN is not heard
    again: the other host answers them."""
    place, mx1, mx2 = served(world, family)
    place.wire.run("nft", "add", "table", "inet", "lost")
    for chain, hook in (("away", "output"), ("back", "input")):
        place.wire.run("nft", "add", "chain", "inet", "lost", chain,
                       "{ type filter hook %s priority 0 ; }" % hook)
    place.wire.run("nft", "add", "rule", "inet", "lost", "back", "tcp flags syn,ack / syn,ack,rst drop")
    with place.wire.inside():
        clients = [world.keep(socket.socket({4: socket.AF_INET, 6: socket.AF_INET6}[family])) for _ in range(5)]
        for client in clients:
            client.setblocking(False)
            client.connect_ex((place.floating, PORT))
    wait_until(lambda: mx1.counters()["gate_embryos_released"] >= 5, "the standby knows them")
    place.wire.run("nft", "add", "rule", "inet", "lost", "away", "tcp flags syn / syn,ack drop")
    place.lose(mx1)
    place.wire.run("nft", "flush", "chain", "inet", "lost", "back")
    place.move(mx2)
    for client in clients:
        greeted(client)
    mx2.says("109067: ")
    check(counted(mx2) == (0, 0, 5), "counted is %s" % (counted(mx2),))


@scenario
def takeover_syn_ack_lost(world):
    """Clients that still wait for a SYN-ACK get it from the host that takes over."""
    syn_ack_lost(world, 4)


@scenario
def takeover_syn_ack_lost_ipv6(world):
    """Likewise, over IPv6."""
    syn_ack_lost(world, 6)


@scenario
def takeover_stale(world):
    """The old host lives, and finds out: it ends what it has without a packet, and follows."""
    place, mx1, mx2 = served(world)
    filled(place, mx2, 3)
    place.cut(mx1)
    place.move(mx2)
    mx2.says("109067: ")
    passes(place)
    mx1.keepalived("BACKUP")
    place.join(mx1)
    paired(mx2, mx1)
    counters = mx1.counters()
    check(counters["slots_in_use"] == 0 and counters["descriptors_held"] == 0, "sessions are left: %s" % counters)
    passes(place)
    place.finish()
    place.exact()
    wait_until(lambda: held(mx1) == 0, "the standby lets go of those that have ended", 30)
    mx1.check_nothing_left()
    mx2.check_nothing_left()
