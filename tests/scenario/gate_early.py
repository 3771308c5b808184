"""What comes to a floating address before its door opens, heard on the wire: it waits, within bounds."""

import os
import signal
import socket
import struct
import time

from gate import Scene, each_family, has_arrived, retransmits, unacknowledged
from harness import check, wait_until
from registry import scenario
from wire import RST, SYN, Wire

TRIES = 5            # a machine that has much else to do may take longer than the client waits
MOST = 4096          # packets that wait
GIVEN_UP_SECONDS = 5


def hold(scene):
    address = Wire.ADDRESS["gateway", scene.family]
    scene.rig.do("early", 4 if scene.family == socket.AF_INET else 6, socket.inet_pton(scene.family, address).hex())


def served(scene):
    """A session that needs no standby."""
    session = scene.open()
    scene.rig.do("pass", session.slot, 0)
    return session


def said_early(scene, session):
    """The client says something, which waits."""
    before = scene.rig.figure("early_held")
    session.client.sendall(b"NOOP\r\n")
    wait_until(lambda: scene.rig.figure("early_held") > before, "it waits")
    check(not has_arrived(session.accepted, 1), "it has arrived")


@each_family
def gate_early_waits(scene):
    """What comes early arrives when it is let pass, and its sender has not sent it again."""
    session = served(scene)
    at_once = 0
    for _ in range(TRIES):
        before = retransmits(session.client)
        hold(scene)
        said_early(scene, session)
        scene.rig.do("early")
        wait_until(lambda: has_arrived(session.accepted, 6), "it arrives")
        at_once += retransmits(session.client) == before
        session.accepted.recv(100)
    check(at_once > 0, "it never arrived before the client sent again")
    check(scene.rig.figure("early_released") >= TRIES, "it was not let go")
    session.client.sendall(b"QUIT\r\n")
    wait_until(lambda: has_arrived(session.accepted, 6), "what comes later passes")


@each_family
def gate_early_syn_waits(scene):
    """A SYN too, which would come again only after a second."""
    scene.rig.do("alone", 1)
    at_once = 0
    for _ in range(TRIES):
        before = scene.rig.figure("early_held")
        hold(scene)
        client = scene.socket("client")
        client.setblocking(False)
        check(client.connect_ex(scene.address) == 115, "the connection is not begun")  # EINPROGRESS
        wait_until(lambda b=before: scene.rig.figure("early_held") > b, "the SYN waits")
        check(not [p for p in scene.of_gateway(SYN) if client.getsockname()[1] in p.ports], "it was answered")
        scene.rig.do("early")
        wait_until(lambda c=client: c.getsockopt(socket.IPPROTO_TCP, 11, 1) == b"\x01", "connected")
        at_once += retransmits(client) == 0
    check(at_once > 0, "no SYN was answered before it came again")


@each_family
def gate_early_gives_up_in_time(scene):
    """Packets that come all the time do not keep the first of them waiting for longer."""
    session = served(scene)
    hold(scene)
    said_early(scene, session)
    end = time.monotonic() + GIVEN_UP_SECONDS
    while scene.rig.figure("early_given_up") == 0:
        check(time.monotonic() < end, "nothing is given up")
        client = scene.socket("client")
        client.setblocking(False)
        client.connect_ex(scene.address)
        time.sleep(0.02)
    scene.rig.do("early")


@each_family
def gate_early_gives_up(scene):
    """Nobody lets it pass: it is dropped without a word, and what its sender sends again is as good."""
    session = served(scene)
    hold(scene)
    said_early(scene, session)
    wait_until(lambda: scene.rig.figure("early_given_up") > 0, "it is dropped", GIVEN_UP_SECONDS)
    check(not has_arrived(session.accepted, 1), "it has arrived")
    scene.rig.do("early")
    wait_until(lambda: has_arrived(session.accepted, 6), "it comes again", 30)
    check(not scene.of_gateway(RST), "a RST has left")


@each_family
def gate_early_keeper_dies(scene):
    """smtpguard-gate is killed: what waited is dropped without a word, also while there is none; then all is as before."""
    session = served(scene)
    hold(scene)
    said_early(scene, session)
    os.kill(scene.rig.gate, signal.SIGKILL)
    wait_until(lambda: retransmits(session.client) > 0, "the client sends again")
    time.sleep(0.1)
    check(not has_arrived(session.accepted, 1), "it has arrived")
    scene.rig.start()
    before = scene.rig.figure("early_held")
    wait_until(lambda: scene.rig.figure("early_held") > before, "what comes again waits", 30)
    check(not has_arrived(session.accepted, 1), "it has arrived")
    scene.rig.do("early")
    wait_until(lambda: unacknowledged(session.client) == 0, "it arrives", 30)
    check(not scene.of_gateway(RST), "a RST has left")


def stray(port):
    """A segment of no connection."""
    return struct.pack("!HHIIBBHHH", port, 2525, 1, 1, 5 << 4, 16, 1024, 0, 0)


@scenario
def gate_early_bounds(world):
    """4,096 packets wait at most; one more is dropped and counted, and none of them is answered."""
    scene = Scene(world)
    hold(scene)
    with scene.wire.at("client"):
        sender = world.keep(socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP))
    for number in range(16 * MOST):
        sender.sendto(stray(1024 + number % (8 * MOST)), (scene.address[0], 0))
        if number % MOST == 0 and scene.rig.figure("early_refused") > 0:
            break
    # What the keeper does not come to see the kernel drops by itself.
    figures = wait_until(lambda: (lambda f: f if f["early_refused"] > 0 else None)(scene.rig.do("figures")),
                         "one is refused", 10)
    check(MOST <= figures["early_held"] <= MOST + figures["early_given_up"], "bounds: %s" % figures)

    def are_all_dropped():
        now = scene.rig.do("figures")
        return now["early_given_up"] == now["early_held"]
    wait_until(are_all_dropped, "all are dropped", GIVEN_UP_SECONDS)
    check(not scene.of_gateway(0xff), "something has left: %s" % scene.of_gateway(0xff))
