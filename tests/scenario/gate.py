"""The gate of a pair, heard on the wire: what may not leave does not, and leaves when it may.

gaterig plays supervisor and sync, the sockets are the scenario's own or, where processes are to be
killed, a child's.
"""

import fcntl
import os
import signal
import socket
import struct
import termios
import threading
import time

from harness import Tool, check, wait_until
from registry import Skip, scenario
from wire import ACK, FIN, RST, SYN, Ear, Wire

SO_MARK = 36
MARK_LISTENER, MARK_CLIENT, MARK_SERVER = 1 << 20, 2 << 20, 3 << 20
PORT = 2525
SLOTS = 64
FAMILIES = {"IPv4": socket.AF_INET, "IPv6": socket.AF_INET6}


def after(number, more):
    return number + more & 0xffffffff


def is_beyond(number, position):
    return 0 < (number - position & 0xffffffff) < 1 << 31


def has_arrived(connection, octets):
    """That so many lie in the receive queue of a socket."""
    value = fcntl.ioctl(connection, termios.FIONREAD, b"\0" * 4)
    return struct.unpack("i", value)[0] >= octets


def retransmits(connection):
    """tcpi_total_retrans"""
    return struct.unpack_from("I", connection.getsockopt(socket.IPPROTO_TCP, 11, 104), 100)[0]


def unacknowledged(connection):
    return struct.unpack("i", fcntl.ioctl(connection, 0x5411, b"\0" * 4))[0]  # SIOCOUTQ


class Rig(Tool):
    def __init__(self, world, wire):
        self.program = os.path.join(world.build, "daemon/gate/smtpguard-gate")
        if not os.path.exists(self.program):
            raise Skip("this build has no gate")
        with wire.at("gateway"):
            super().__init__(world.build, "gaterig", [self.program, SLOTS, "nobody"],
                             os.path.join(world.folder, "gaterig.log"))
        answer = self.read()
        if not answer["ok"]:
            raise Skip("no gate can be had here: " + answer["why"])
        self.gate = answer["gate"]

    def do(self, *words):
        answer = self.command(" ".join(str(word) for word in words))
        check(answer["ok"], "gaterig refuses: %s" % (words,))
        return answer

    def figure(self, name):
        return self.do("figures")[name]

    def start(self):
        self.gate = self.do("start")["gate"]

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.stdin.close()
            self.process.wait()
        super().__exit__()


class Scene:
    """Wire, ear, rig and a listener with the listener's mark; the host is in a pair."""

    def __init__(self, world, family=socket.AF_INET):
        self.world = world
        self.family = family
        self.wire = world.keep(Wire())
        self.ear = world.keep(Ear(self.wire))
        self.rig = world.keep(Rig(world, self.wire))
        self.listener = self.socket("gateway", MARK_LISTENER)
        self.address = (Wire.ADDRESS["gateway", family], PORT)
        self.listener.bind(self.address)
        self.listener.listen(64)
        self.slot = 0

    def socket(self, host, mark=0):
        with self.wire.at(host):
            made = socket.socket(self.family, socket.SOCK_STREAM)
        self.world.keep(made)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if mark:
            made.setsockopt(socket.SOL_SOCKET, SO_MARK, mark)
        return made

    def connect(self):
        """A client whose SYN-ACK waits: the socket, and the embryo as it was told."""
        before = self.rig.do("embryos")["written"]
        client = self.socket("client")
        client.setblocking(False)
        check(client.connect_ex(self.address) == 115, "the connection is not begun")  # EINPROGRESS
        told = wait_until(lambda: self.told(before), "the embryo is told of")
        return client, told

    def told(self, before):
        answer = self.rig.do("embryos")
        return answer if answer["written"] > before else None

    def open(self):
        """A protected session: client, accepted socket, slot, and what is committed."""
        client, embryo = self.connect()
        self.rig.do("know", embryo["written"])
        client.settimeout(30)
        wait_until(lambda: client.getsockopt(socket.IPPROTO_TCP, 11, 1) == b"\x01", "connected")
        accepted, _ = self.listener.accept()
        self.world.keep(accepted)
        slot, self.slot = self.slot, self.slot + 1
        accepted.setsockopt(socket.SOL_SOCKET, SO_MARK, MARK_CLIENT | slot + 1)
        self.rig.do("protect", slot, 0, embryo["receive_next"])
        return Session(self, client, accepted, slot, embryo)

    def of_gateway(self, flags):
        return [packet for packet in self.ear.of_gateway() if packet.flags & flags]


class Session:
    def __init__(self, scene, client, accepted, slot, embryo):
        self.scene = scene
        self.client = client
        self.accepted = accepted
        self.slot = slot
        self.committed = embryo["receive_next"]
        self.send_next = embryo["send_next"]
        self.port = client.getsockname()[1]

    def commit(self, octets):
        self.committed = after(self.committed, octets)
        self.scene.rig.do("commit", self.slot, 0, self.committed)

    def packets(self, of=None):
        heard = (of or self.scene.ear.of_gateway)()
        return [packet for packet in heard if self.port in packet.ports]

    def check_no_ack_ahead(self):
        for packet in self.packets():
            check(not packet.flags & ACK or not is_beyond(packet.ack, self.committed),
                  "an ACK left ahead of %u: %s" % (self.committed, packet))


def each_family(function):
    """One scenario of it for IPv4 and one for IPv6."""
    for name, family in FAMILIES.items():
        def run(world, family=family):
            function(Scene(world, family))

        run.__name__ = "%s_%s" % (function.__name__, name.lower())
        run.__doc__ = function.__doc__
        scenario(run)
    return function


def released_by_commit(session, octets):
    """The commit itself lets the ACK go: the client has said nothing in between."""
    scene = session.scene
    since = time.time_ns()
    session.commit(octets)
    first = wait_until(lambda: [packet for packet in session.packets()
                                if packet.when > since and packet.ack == session.committed],
                       "the ACK leaves when it is committed")[0]
    wait_until(lambda: unacknowledged(session.client) == 0, "the client sees that ACK")
    return not [packet for packet in session.packets(scene.ear.of_client)
                if since < packet.when < first.when]


@each_family
def gate_holds_acks(scene):
    """An ACK waits for the commit, and leaves with it, not with the client's next retransmission."""
    session = scene.open()
    at_once = 0
    for _ in range(5):
        held = scene.rig.figure("held")
        session.client.sendall(b"x" * 3000)
        wait_until(lambda: has_arrived(session.accepted, 3000), "the octets arrive")
        wait_until(lambda: scene.rig.figure("held") > held, "an ACK is held")
        session.check_no_ack_ahead()
        check(unacknowledged(session.client) == 3000, "the client has an ACK")
        session.accepted.recv(3000)
        at_once += released_by_commit(session, 3000)
    check(at_once > 0, "an ACK never left before the client sent again")
    session.accepted.sendall(b"220 payload passes\r\n")
    check(session.client.recv(100) == b"220 payload passes\r\n", "payload does not pass")


@each_family
def gate_holds_a_reply_that_acks_ahead(scene):
    """A packet with payload waits as a whole while its ACK is ahead, and then arrives whole."""
    session = scene.open()
    session.client.sendall(b"EHLO early\r\n")
    wait_until(lambda: has_arrived(session.accepted, 12), "the octets arrive")
    session.accepted.sendall(b"250 reply\r\n")
    wait_until(lambda: scene.rig.figure("held") > 0, "it is held")
    check(not [packet for packet in session.packets() if packet.ack == after(session.committed, 12)],
          "it has left")
    session.commit(12)
    check(session.client.recv(100) == b"250 reply\r\n", "it came otherwise")
    session.check_no_ack_ahead()


@each_family
def gate_holds_embryos(scene):
    """A SYN-ACK waits until the standby knows the embryo, whose options were read off it."""
    client, embryo = scene.connect()
    check(embryo["family"] == (4 if scene.family == socket.AF_INET else 6), "family")
    check(embryo["local_port"] == PORT and embryo["peer_port"] == client.getsockname()[1], "ports")
    check(embryo["segment_size"] > 1000 and embryo["options"] == 3 and embryo["window_scale"] < 15,
          "options: %s" % embryo)
    check(not scene.of_gateway(SYN), "a SYN-ACK has left")
    scene.rig.do("know", embryo["written"])
    heard = wait_until(lambda: scene.of_gateway(SYN), "the SYN-ACK leaves")[0]
    check(after(heard.seq, 1) == embryo["send_next"] and heard.ack == embryo["receive_next"],
          "the embryo has other numbers than its SYN-ACK")
    wait_until(lambda: client.getsockopt(socket.IPPROTO_TCP, 11, 1) == b"\x01", "connected")
    # What comes before there is a slot is not acknowledged, and not lost.
    client.setblocking(True)
    client.sendall(b"EHLO impatient\r\n")
    accepted, _ = scene.listener.accept()
    scene.world.keep(accepted)
    wait_until(lambda: has_arrived(accepted, 16), "the octets arrive")
    time.sleep(0.1)  # a delayed ACK
    check(not [packet for packet in scene.ear.of_gateway() if packet.ack != embryo["receive_next"]],
          "an ACK left for what no slot has")
    accepted.setsockopt(socket.SOL_SOCKET, SO_MARK, MARK_CLIENT | 1)
    scene.rig.do("protect", 0, 0, after(embryo["receive_next"], 16))
    wait_until(lambda: unacknowledged(client) == 0, "the client repeats itself and gets the ACK")


@scenario
def gate_bounds_embryos(world):
    """4,096 SYN-ACKs wait at most; one more is dropped and counted, and comes again later."""
    scene = Scene(world)
    scene.listener.listen(8192)
    with scene.wire.at("gateway"):
        with open("/proc/sys/net/core/somaxconn", "w") as file:
            file.write("8192")
        with open("/proc/sys/net/ipv4/tcp_max_syn_backlog", "w") as file:
            file.write("8192")
        with open("/proc/sys/net/ipv4/tcp_syncookies", "w") as file:
            file.write("0")
    scene.listener.listen(8192)
    clients = []
    for _ in range(4300):
        client = scene.socket("client")
        client.setblocking(False)
        client.connect_ex(scene.address)
        clients.append(client)
    wait_until(lambda: scene.rig.figure("embryos_refused") > 0, "a SYN-ACK is refused", 30)
    check(scene.rig.figure("embryos_held") == 4096, "another number waits")
    check(not scene.of_gateway(SYN), "a SYN-ACK has left")
    scene.rig.do("alone", 1)
    wait_until(lambda: all(client.getsockopt(socket.IPPROTO_TCP, 11, 1) == b"\x01" for client in clients),
               "all are connected", 60, 0.2)


@each_family
def gate_lets_a_committed_end_pass(scene):
    """A FIN leaves only at the place of the committed end, with what was committed before it."""
    session = scene.open()
    session.accepted.sendall(b"221 bye\r\n")
    # The end that is committed stands behind five octets more.
    scene.rig.do("fin", session.slot, 0, after(session.send_next, 9 + 5 + 1))
    early = scene.open()
    early.accepted.sendall(b"221 bye\r\n")
    scene.rig.do("fin", early.slot, 0, after(early.send_next, 9 + 5 + 1))
    early.accepted.close()
    wait_until(lambda: scene.rig.figure("ends") > 0, "a FIN at another place is dropped")
    check(not scene.of_gateway(FIN), "a FIN has left")
    session.accepted.sendall(b"12345")
    session.accepted.shutdown(socket.SHUT_WR)
    got = b""
    while True:
        more = session.client.recv(100)
        if not more:
            break
        got += more
    check(got == b"221 bye\r\n12345", "the end came behind %r" % got)
    check(len({packet.ports for packet in scene.of_gateway(FIN)}) == 1,
          "FINs that left: %s" % scene.of_gateway(FIN))


@each_family
def gate_lets_bulk_and_its_end_pass(scene):
    """5 MB of output in packets of many segments, and a FIN at their end: all of it arrives."""
    session = scene.open()
    total = 5 << 20
    scene.rig.do("fin", session.slot, 0, after(session.send_next, total + 1))

    def send():
        session.accepted.sendall(b"x" * total)
        session.accepted.shutdown(socket.SHUT_WR)

    sender = threading.Thread(target=send)
    sender.start()
    got = 0
    while more := session.client.recv(1 << 20):
        got += len(more)
    sender.join()
    check(got == total, "%d octets came" % got)
    check(scene.rig.figure("ends") == 0, "a FIN was dropped")


@each_family
def gate_holds_the_server_leg(scene):
    """The SYN of a server leg leaves; what it acknowledges of the server waits until it is protected."""
    server = scene.socket("client")
    server.bind((Wire.ADDRESS["client", scene.family], PORT + 1))
    server.listen(8)
    leg = scene.socket("gateway", MARK_SERVER | 1)
    leg.settimeout(30)
    leg.connect(server.getsockname()[:2])
    wait_until(lambda: scene.rig.figure("held") > 0, "the answer to the SYN-ACK is held")
    answer = [packet for packet in scene.ear.of_client() if packet.flags & SYN][0]
    sent = scene.of_gateway(0xff)
    check([packet.flags for packet in sent] == [SYN], "more than a SYN left: %s" % sent)
    scene.rig.do("protect", 0, 1, after(answer.seq, 1))
    server.settimeout(30)
    accepted, _ = server.accept()
    scene.world.keep(accepted)
    accepted.sendall(b"220 banner\r\n")
    check(leg.recv(100) == b"220 banner\r\n", "the banner came otherwise")
    wait_until(lambda: scene.rig.figure("held") > 1, "its ACK is held")
    check(unacknowledged(accepted) == 12, "the server has an ACK")
    scene.rig.do("commit", 0, 1, after(answer.seq, 1 + 12))
    wait_until(lambda: unacknowledged(accepted) == 0, "the server gets the ACK")


def serve_in_a_child(scene, sessions):
    """The sockets live in a child only; returns its pid."""
    pid = os.fork()
    if pid == 0:
        signal.pause()
        os._exit(0)
    scene.listener.close()
    for session in sessions:
        session.accepted.close()
    return pid


def states_of_gateway(scene):
    """States of the gateway's TCP sockets, as /proc has them ("01" is established)."""
    names = {socket.AF_INET: "tcp", socket.AF_INET6: "tcp6"}
    with scene.wire.at("gateway"):
        with open("/proc/thread-self/net/" + names[scene.family]) as file:
            return [line.split()[3] for line in file.read().splitlines()[1:]]


@each_family
def gate_holds_when_all_are_killed(scene):
    """kill -9 of every process at once: no FIN, no RST, no ACK ahead leaves, whatever the peers say."""
    guard = "0a510001 32" if scene.family == socket.AF_INET else "fd81" + "0" * 27 + "1 128"
    scene.rig.do("guard", 4 if scene.family == socket.AF_INET else 6, guard, PORT)
    unread, idle, writing, embryo = scene.open(), scene.open(), scene.open(), scene.connect()
    scene.rig.do("protect", writing.slot, 0, writing.committed)
    unread.client.sendall(b"x" * 1000)
    wait_until(lambda: has_arrived(unread.accepted, 1000), "the octets arrive")
    writing.accepted.sendall(b"220 output\r\n")
    check(writing.client.recv(100) == b"220 output\r\n", "output")
    pid = serve_in_a_child(scene, (unread, idle, writing))
    for killed in (pid, scene.rig.process.pid, scene.rig.gate):
        os.kill(killed, signal.SIGKILL)
    os.waitpid(pid, 0)
    scene.rig.process.wait()
    wait_until(lambda: "01" not in states_of_gateway(scene), "the sockets are gone")
    for session in (unread, idle, writing):
        session.client.sendall(b"are you there?\r\n")
    # Each repeats itself; every time the host has no socket for it, and would say so by a RST.
    for session in (unread, idle, writing):
        wait_until(lambda s=session: retransmits(s.client) >= 2, "the clients repeat themselves", 30)
    check(not scene.of_gateway(FIN | RST), "left: %s" % scene.of_gateway(FIN | RST))
    check(not [p for p in scene.of_gateway(SYN) if embryo[0].getsockname()[1] in p.ports], "a SYN-ACK left")
    for session in (unread, idle, writing):
        session.check_no_ack_ahead()
        check(session.client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0, "a client heard of it")


@scenario
def gate_is_closed_without_its_owner(world):
    """smtpguard-gate dies: what need not wait passes, what must does not; the next one lets it go."""
    scene = Scene(world)
    session = scene.open()
    os.kill(scene.rig.gate, signal.SIGKILL)
    session.accepted.sendall(b"220 passes\r\n")
    check(session.client.recv(100) == b"220 passes\r\n", "what may leave does not")
    session.client.sendall(b"x" * 1000)
    wait_until(lambda: has_arrived(session.accepted, 1000), "the octets arrive")
    wait_until(lambda: retransmits(session.client) > 0, "the client has no ACK")
    session.check_no_ack_ahead()
    scene.rig.start()
    session.commit(1000)
    wait_until(lambda: unacknowledged(session.client) == 0, "the client gets its ACK")
    session.accepted.close()
    session.client.sendall(b"more")
    wait_until(lambda: scene.rig.figure("ends") > 0, "RST is dropped")
    check(not scene.of_gateway(FIN | RST), "an end has left")


@scenario
def gate_has_one_privilege(world):
    """smtpguard-gate runs as the unprivileged user, with CAP_NET_ADMIN alone, and behind its filter of calls."""
    scene = Scene(world)
    scene.connect()
    with open("/proc/%d/status" % scene.rig.gate) as file:
        status = dict(line.split(":\t", 1) for line in file.read().splitlines() if ":\t" in line)
    net_admin = "%016x" % (1 << 12)
    for name in ("CapPrm", "CapEff", "CapBnd"):
        check(status[name] == net_admin, "%s is %s" % (name, status[name]))
    check(status["Seccomp"] == "2" and status["NoNewPrivs"] == "1", "it is not locked down")
    check("0" not in status["Uid"].split() + status["Gid"].split(), "it is root's")
    check(status["Groups"].split() == [], "it is in groups")
    check(os.sched_getscheduler(scene.rig.gate) == os.SCHED_BATCH, "it pushes aside who wakes it")


@scenario
def gate_passes_alone(world):
    """A leg without a standby, or a host alone, is not held; when the rule goes, nothing is."""
    scene = Scene(world)
    session = scene.open()
    scene.rig.do("pass", session.slot, 0)
    session.client.sendall(b"x" * 1000)
    wait_until(lambda: unacknowledged(session.client) == 0, "an ACK of a leg without standby")
    scene.rig.do("alone", 1)
    other = scene.socket("client")
    other.settimeout(30)
    other.connect(scene.address)
    accepted, _ = scene.listener.accept()
    accepted.close()
    check(other.recv(10) == b"", "a FIN of a host alone")
    scene.rig.do("alone", 0)
    client, _ = scene.connect()
    scene.rig.do("check")
    scene.rig.do("remove")
    check(not scene.rig.command("check")["ok"], "a rule that is gone is not missed")
    scene.rig.process.stdin.close()
    check(scene.rig.process.wait() == 0, "gaterig: " + scene.rig.errors())
    wait_until(lambda: client.getsockopt(socket.IPPROTO_TCP, 11, 1) == b"\x01", "connected without rule", 30)


def read_and_commit(session, total, delay, log):
    """Commits what was read after a while, as a standby's answer would; notes when."""
    got = 0
    while got < total:
        octets = session.accepted.recv(1 << 18)
        if not octets:
            return
        got += len(octets)
        time.sleep(delay)
        log.append((time.time_ns(), after(session.committed, len(octets))))
        session.commit(len(octets))


@each_family
def gate_bulk(scene):
    """50 MB with every ACK held for a while: none ahead of its commit, and no storm of time-outs."""
    total = (50 if scene.world.full else 20) << 20
    session = scene.open()
    log = [(0, session.committed)]
    before = scene.wire.statistics("client", "TCPTimeouts")
    reader = threading.Thread(target=read_and_commit, args=(session, total, 0.0005, log))
    reader.start()
    session.client.sendall(b"x" * total)
    reader.join()
    wait_until(lambda: unacknowledged(session.client) == 0, "the last octet is acknowledged")
    held = scene.rig.do("figures")
    check(held["held"] > 20 and held["full"] == 0, "few were held: %s" % held)
    check_acks_against(session, log)
    timeouts = scene.wire.statistics("client", "TCPTimeouts") - before
    # If the commits did not release, there would be one for each; a starved machine may make a few.
    check(timeouts <= 10, "%d time-outs of the client in %d commits" % (timeouts, len(log)))


def check_acks_against(session, log):
    """Each ACK on the wire had been committed when it was heard."""
    at = 0
    for packet in session.packets():
        while at + 1 < len(log) and log[at + 1][0] <= packet.when:
            at += 1
        check(not packet.flags & ACK or not is_beyond(packet.ack, log[at][1]),
              "committed %u, and on the wire: %s" % (log[at][1], packet))
