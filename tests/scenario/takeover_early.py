"""The address is on the next host before its sessions are: what peers send meanwhile waits there, and is served."""

import socket
import time

from harness import check, wait_until
from registry import scenario
from sync_pair import held, paired
from takeover import PORT, served
from two_hosts import ip

TRIES = 3  # a machine that has much else to do may take longer than the client waits
EHLO, NOOP = b"EHLO client.test\r\n", b"NOOP\r\n"


def retransmits(connection):
    """tcpi_total_retrans"""
    return int.from_bytes(connection.getsockopt(socket.IPPROTO_TCP, 11, 104)[100:104], "little")


def read_reply(connection):
    got = b""
    while not got.endswith(b"\r\n") or got.splitlines()[-1][3:4] == b"-":
        more = connection.recv(4096)
        check(more, "the connection has ended behind %r" % got)
        got += more
    return got


def talk(connection, line, code):
    connection.sendall(line)
    reply = read_reply(connection)
    check(reply.startswith(code), "to %r it said %r" % (line, reply))


def open_session(place):
    with place.wire.inside():
        connection = place.world.keep(socket.socket(socket.AF_INET6 if place.family == 6 else socket.AF_INET))
        connection.settimeout(30)
        connection.bind((place.client, 0))
        connection.connect((place.floating, PORT))
    check(read_reply(connection).startswith(b"220"), "no greeting")
    talk(connection, EHLO, b"250")
    return connection


def shows(host, state):
    wait_until(lambda: host.show("failover")["door"]["early"] == state, "early packets: " + state, 10)


def arrives_at(place, host):
    """The address, of which its daemon knows nothing yet."""
    name = host.group["node"]
    place.give(name, place.floating, "lo")
    place.route(name)


def leaves(place, host):
    ip("-n", place.wire.namespace(host.group["node"]), "address", "flush", "dev", "lo", "to", place.floating)


def parks(place, active, standby, sessions):
    """One change of roles as planned.  Whether no client had to say a thing twice.

    The standby does not know of the last replies that clients have them: what comes early acknowledges what it is to send.
    """
    wait_until(lambda: held(standby) >= len(sessions), "the standby holds them", 30)
    shows(active, "passes")
    shows(standby, "waits")
    for one in sessions:
        talk(one, EHLO, b"250")
    twice, before = [retransmits(one) for one in sessions], standby.said("109067: ")
    leaves(place, active)
    arrives_at(place, standby)
    early = standby.counters()["gate_early_held"]
    for one in sessions:
        one.sendall(NOOP)
    wait_until(lambda: standby.counters()["gate_early_held"] >= early + len(sessions), "what comes early waits", 10)
    active.keepalived("BACKUP")
    standby.keepalived("MASTER")
    for one in sessions:
        check(read_reply(one).startswith(b"250"), "a command was lost")
    wait_until(lambda: standby.said("109067: ") > before, "the last session goes on", 20)
    shows(standby, "passes")
    wait_until(lambda: standby.counters()["gate_early_released"] >= len(sessions), "that they have waited is counted")
    return [retransmits(one) for one in sessions] == twice


def switched(world, family):
    """There and back, until it is seen that nothing that was said meanwhile had to be said again."""
    place, active, standby = served(world, family)
    sessions = [open_session(place) for _ in range(10)]
    for _ in range(TRIES):
        done = parks(place, active, standby, sessions)
        active, standby = standby, active
        paired(active, standby)
        if done:
            break
    check(done, "in each change a client had to send again")
    for one in sessions:
        talk(one, b"QUIT\r\n", b"221")


@scenario
def takeover_parks_ipv4(world):
    """A command that comes between the address and the opening of the door is answered, and was sent once."""
    switched(world, 4)


@scenario
def takeover_parks_ipv6(world):
    """Likewise, over IPv6."""
    switched(world, 6)


def said_early(world):
    """A session that has said something to the standby, which has the address and was not told to serve."""
    place, active, standby = served(world, 4)
    one = open_session(place)
    wait_until(lambda: held(standby) >= 1, "the standby holds it", 30)
    leaves(place, active)
    arrives_at(place, standby)
    one.sendall(NOOP)
    return one, active, standby


@scenario
def takeover_parks_in_vain(world):
    """A host that has the address and is not told to serve answers nothing; when it is told, all goes on."""
    one, active, standby = said_early(world)
    wait_until(lambda: standby.counters()["gate_early_given_up"] > 0, "what has waited for long is dropped", 10)
    one.settimeout(0.2)
    try:
        check(False, "it was answered: %r" % one.recv(100))
    except TimeoutError:
        pass
    one.settimeout(30)
    active.keepalived("BACKUP")
    standby.keepalived("MASTER")
    check(read_reply(one).startswith(b"250"), "the command was lost")
    talk(one, b"QUIT\r\n", b"221")


@scenario
def takeover_parks_for_a_dead_gate(world):
    """smtpguard-gate is killed while what has come early waits: it comes again, and is answered."""
    one, active, standby = said_early(world)
    time.sleep(0.05)
    pid = standby.kill_gate()
    active.keepalived("BACKUP")
    standby.keepalived("MASTER")
    check(read_reply(one).startswith(b"250"), "the command was lost")
    check(standby.gate() not in (0, pid), "there is no other gate")
    talk(one, b"QUIT\r\n", b"221")
