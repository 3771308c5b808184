"""Two hosts and the cable between them, and an ear on it."""

import contextlib
import os
import socket
import struct
import subprocess

from harness import check
from network import CLONE_NEWNET, call
from registry import Skip

PACKET_OUTGOING = 4
SO_TIMESTAMPNS, SO_RCVBUFFORCE = 35, 33
SOL_PACKET, PACKET_STATISTICS = 263, 6
HEADERS = 160  # octets of a packet
FIN, SYN, RST, ACK = 1, 2, 4, 16


class Wire:
    """Network namespaces "gateway" and "client", each with an IPv4 and an IPv6 address."""

    ADDRESS = {("gateway", socket.AF_INET): "10.81.0.1", ("client", socket.AF_INET): "10.81.0.2",
               ("gateway", socket.AF_INET6): "fd81::1", ("client", socket.AF_INET6): "fd81::2"}

    def __init__(self):
        self.home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        self.place = {}
        try:
            for host in ("gateway", "client"):
                call("unshare", CLONE_NEWNET)
                self.place[host] = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
                call("setns", self.home, CLONE_NEWNET)
        except OSError as error:
            self.__exit__()
            raise Skip("no network of one's own can be had: %s" % error)
        self.lay()

    def lay(self):
        with self.at("gateway"):
            self.ip("link", "add", "wire", "type", "veth", "peer", "name", "wire", "netns",
                    "/proc/%d/fd/%d" % (os.getpid(), self.place["client"]))
        for host in self.place:
            with self.at(host):
                for family, bits in ((socket.AF_INET, "/24"), (socket.AF_INET6, "/64")):
                    self.ip("address", "add", self.ADDRESS[host, family] + bits, "dev", "wire",
                            *(["nodad"] if family == socket.AF_INET6 else []))
                self.ip("link", "set", "lo", "up")
                self.ip("link", "set", "wire", "up")

    @staticmethod
    def ip(*words):
        subprocess.run(["ip", *words], check=True)

    @contextlib.contextmanager
    def at(self, host):
        """What is opened or started within, is of that host; it stays so."""
        call("setns", self.place[host], CLONE_NEWNET)
        try:
            yield
        finally:
            call("setns", self.home, CLONE_NEWNET)

    def statistics(self, host, name):
        """One number of the kernel's, as TCPTimeouts, of that host."""
        with self.at(host):
            with open("/proc/thread-self/net/netstat") as file:
                lines = file.read().splitlines()
        for names, values in zip(lines[::2], lines[1::2]):
            if name in names.split():
                return int(values.split()[names.split().index(name)])
        raise KeyError(name)

    def __exit__(self, *_):
        for place in self.place.values():
            os.close(place)
        os.close(self.home)


class Heard:
    """One TCP packet: when (ns), whether from the gateway, ports, flags, seq and ack."""

    def __init__(self, when, from_gateway, tcp):
        self.when = when
        self.from_gateway = from_gateway
        self.ports = struct.unpack_from("!HH", tcp)
        self.seq, self.ack = struct.unpack_from("!II", tcp, 4)
        self.flags = tcp[13]

    def __repr__(self):
        return "%s %s flags=%02x seq=%u ack=%u" % (
            "gateway" if self.from_gateway else "client", self.ports, self.flags, self.seq, self.ack)


def parse(frame, when, from_gateway):
    ip = frame[14:]
    if ip[0] >> 4 == 4 and ip[9] == socket.IPPROTO_TCP:
        return Heard(when, from_gateway, ip[(ip[0] & 15) * 4:])
    if ip[0] >> 4 == 6 and ip[6] == socket.IPPROTO_TCP:
        return Heard(when, from_gateway, ip[40:])
    return None


class Ear:
    """Everything of TCP that passes the client's end of the wire; the kernel keeps it until it is asked for."""

    def __init__(self, wire):
        with wire.at("client"):
            self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
            self.socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 512 << 20)
            self.socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
            self.socket.bind(("wire", 0))
        self.packets = []

    def listen(self):
        while True:
            try:
                head, ancillary, _, source = self.socket.recvmsg(
                    HEADERS, 64, socket.MSG_TRUNC | socket.MSG_DONTWAIT)
            except BlockingIOError:
                break
            seconds, nanoseconds = struct.unpack("qq", ancillary[0][2][:16])
            heard = parse(head, seconds * 10**9 + nanoseconds, source[2] != PACKET_OUTGOING)
            if heard:
                self.packets.append(heard)
        missed = struct.unpack("II", self.socket.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8))[1]
        check(missed == 0, "%d packets were not heard" % missed)
        return self.packets

    def of_gateway(self):
        return [packet for packet in self.listen() if packet.from_gateway]

    def of_client(self):
        return [packet for packet in self.listen() if not packet.from_gateway]

    def __exit__(self, *_):
        self.socket.close()
