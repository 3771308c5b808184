"""The standby makes the connections of sessions at rest before it takes over: they are used if nothing has changed, and are
no noise to anybody else."""

import contextlib
import socket
import struct
import time

from harness import check, wait_until
from registry import scenario
from sync_pair import held, paired
from takeover import PORT, served, taken_over

ETH_P_ALL, ETH_P_IP = 3, 0x0800  # what leaves is heard only by who hears all
RESTING = 10
SILENT_SECONDS = 2


class Client:
    """Greeted, and then it says nothing but what it is told to."""

    def __init__(self, place):
        with place.wire.inside():
            family = {4: socket.AF_INET, 6: socket.AF_INET6}[place.family]
            self.socket = socket.socket(family)
            self.socket.settimeout(20)
            self.socket.connect((place.floating, PORT))
        self.lines = self.socket.makefile("rb")
        self.expect(b"220")
        self.say(b"EHLO client.test", b"250")

    def __exit__(self, *_):
        self.lines.close()
        self.socket.close()

    def expect(self, code):
        while True:
            line = self.lines.readline()
            check(line.startswith(code), "the reply is %r" % line)
            if line[3:4] != b"-":
                return

    def send(self, line):
        self.socket.sendall(line + b"\r\n")

    def say(self, line, code):
        self.send(line)
        self.expect(code)

    def leave(self):
        self.say(b"NOOP", b"250")
        self.say(b"QUIT", b"221")


class Ear:
    """Hears the cable of one host, in the middle: what of the floating address has left that host."""

    def __init__(self, place, host):
        self.floating = socket.inet_aton(place.floating)
        self.device = host.group["node"]
        with place.wire.inside():
            self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_ALL))
        self.socket.setblocking(False)
        self.socket.bind((self.device, ETH_P_ALL))

    def __exit__(self, *_):
        self.socket.close()

    def heard(self):
        """(packets from the floating address that have left the host, packets to it that went there)"""
        left = came = 0
        with contextlib.suppress(BlockingIOError):
            while True:
                packet, address = self.socket.recvfrom(2048)
                if address[1] != ETH_P_IP:
                    continue
                protocol, source, target = struct.unpack_from("9xB2x4s4s", packet)
                is_leaving = address[2] != socket.PACKET_OUTGOING
                if protocol == socket.IPPROTO_TCP:
                    left += is_leaving and source == self.floating
                    came += not is_leaving and target == self.floating
        return left, came


def ready(host):
    return host.show("failover")["made_ahead"]


def resting(world, family=4, clients=RESTING):
    """A pair, and as many sessions at rest of which the standby has made both connections."""
    place, mx1, mx2 = served(world, family)
    made = [world.keep(Client(place)) for _ in range(clients)]
    wait_until(lambda: held(mx2) >= clients, "the standby holds them", 30)
    wait_until(lambda: ready(mx2) == 2 * clients, "their connections are made: %d" % ready(mx2), 30)
    text = mx2.ctl("show failover")
    check("Made ahead for the next takeover: %d connections" % (2 * clients) in text, text)
    return place, mx1, mx2, made


def used(host):
    return host.show("failover")["takeover"]["made_ahead"]


def goes_on(place, lost, by, clients, uses=2 * RESTING):
    """By so many connections that were made ahead; None: as many as there are."""
    taken_over(place, lost, by, len(clients))
    wait_until(lambda: ready(by) == 0, "none is held beside the sessions", 5)
    for client in clients:
        client.leave()
    wait_until(lambda: by.counters()["slots_in_use"] == 0, "all have ended", 30)
    by.check_nothing_left()
    check(uses in (None, used(by)), "%d were used" % used(by))


@scenario
def takeover_ahead_used_ipv6(world):
    """Nothing has changed: both connections of each are those that were made before.  takeover_ahead_again has IPv4."""
    place, mx1, mx2, clients = resting(world, 6)
    goes_on(place, mx1, mx2, clients)


@scenario
def takeover_ahead_changed(world):
    """Some speak once more right before the loss, some end, and one comes: theirs are made as they are then."""
    place, mx1, mx2, clients = resting(world)
    speaking, leaving, silent = clients[:3], clients[3:5], clients[5:]
    for client in leaving:
        client.leave()
    for client in speaking:
        client.say(b"NOOP", b"250")
    come = world.keep(Client(place))
    goes_on(place, mx1, mx2, speaking + silent + [come], uses=2 * len(silent))


@scenario
def takeover_ahead_again(world):
    """Who is at rest again has them again; and they are used on the way back too."""
    place, mx1, mx2, clients = resting(world)
    for client in clients:
        client.say(b"NOOP", b"250")
    wait_until(lambda: ready(mx2) < 2 * RESTING, "those of before are gone", 10)
    wait_until(lambda: ready(mx2) == 2 * RESTING, "others are made", 30)
    taken_over(place, mx1, mx2, RESTING)
    check(used(mx2) == 2 * RESTING, "%d were used" % used(mx2))
    place.back(mx1)
    wait_until(lambda: held(mx2) >= RESTING and ready(mx1) == 2 * RESTING, "the other host makes them", 30)
    goes_on(place, mx2, mx1, clients)


@scenario
def takeover_ahead_supervisor_killed(world):
    """The standby's supervisor is killed while it holds them: no peer hears of it, and the next one makes others."""
    place, mx1, mx2, clients = resting(world)
    ear = world.keep(Ear(place, mx2))
    mx2.kill_supervisor()
    time.sleep(SILENT_SECONDS)
    check(ear.heard()[0] == 0, "something has left the standby")
    for client in clients[:3]:
        client.say(b"NOOP", b"250")
    mx2.start()
    paired(mx1, mx2)
    wait_until(lambda: held(mx2) >= RESTING and ready(mx2) == 2 * RESTING, "others are made", 30)
    check(ear.heard()[0] == 0, "something has left the standby")
    goes_on(place, mx1, mx2, clients)


@scenario
def takeover_ahead_silent(world):
    """The address and the clients' packets come to the standby while the other host serves: its connections answer nothing."""
    place, mx1, mx2, clients = resting(world)
    ear = world.keep(Ear(place, mx2))
    place.give("mx2", place.floating, "lo")
    place.route("mx2")
    for client in clients:
        client.send(b"NOOP")
    time.sleep(SILENT_SECONDS)
    left, came = ear.heard()
    check(left == 0 and came >= RESTING, "%d packets have left the standby, %d came to it" % (left, came))
    place.route("mx1")
    for client in clients:
        client.expect(b"250")
    check(ear.heard()[0] == 0, "something has left the standby")
    goes_on(place, mx1, mx2, clients, uses=None)
