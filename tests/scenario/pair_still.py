"""Sessions of a pair that stand still: what was accepted for a server that takes nothing is stored too."""

import contextlib
import socket
import struct

from harness import check, wait_until
from registry import scenario
from sync_pair import ALONE, paired
from two_hosts import pair

LISTEN, SERVER = ("127.0.0.1", 2525), ("127.0.0.1", 2526)
RAW = ("access-list all extended permit ip any any", "class-map bytes", "match access-list all",
       "policy-map global_policy", "class bytes", "no inspect esmtp raw")
FIN_WAIT2 = 5


def content(length):
    return b"".join(b"%015d\n" % i for i in range(length // 16))


def tcp_state(link):
    return struct.unpack_from("B", link.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1))[0]


class Still:
    """A client and a server on the host's own network, and the gateway's session between them."""

    def __init__(self, wire, host, listening):
        with wire.inside(host):
            self.client = socket.create_connection(LISTEN)
        self.client.setblocking(False)
        self.server, _ = listening.accept()
        self.server.settimeout(30)
        self.sent = 0

    def push(self, data):
        """As much as is taken; False: nothing is any more."""
        with contextlib.suppress(BlockingIOError):
            count = self.client.send(data[self.sent:self.sent + 65536])
            self.sent += count
            return count > 0
        return False

    def push_all(self, data):
        wait_until(lambda: not self.push(data) and self.sent == len(data), "the host takes it")

    def push_until_full(self, data):
        """Until nothing was taken for so many looks."""
        quiet = 0

        def is_full():
            nonlocal quiet
            quiet = 0 if self.push(data) else quiet + 1
            return quiet > 25
        wait_until(is_full, "nothing more is taken", 30)
        check(self.sent < len(data), "all of it is taken")

    def read_to(self, end):
        got = bytearray()
        while len(got) < end:
            part = self.server.recv(65536)
            check(part, "the server's connection has ended after %d bytes" % len(got))
            got += part
        return bytes(got)


@scenario
def pair_still(world):
    """The sessions of a host that is alone stand still, one with the client's FIN behind it: a standby is synced."""
    wire, mx1, mx2 = pair(world)
    mx1.start()
    mx1.keepalived("MASTER")
    mx1.ctl("failover force")
    mx1.says(ALONE)
    with wire.inside("mx1"):
        listening = socket.socket()
    # The connections have it from here: little is taken in the server's name.
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind(SERVER)
    listening.listen()
    mx1.configure(mx1.static("%s:%d" % LISTEN, "%s:%d" % SERVER), *RAW)
    full, ended = Still(wire, "mx1", listening), Still(wire, "mx1", listening)
    data, less = content(16 << 20), content(360 << 10)
    full.push_until_full(data)
    ended.push_all(less)
    ended.client.shutdown(socket.SHUT_WR)
    wait_until(lambda: tcp_state(ended.client) == FIN_WAIT2, "the client's FIN is acknowledged")
    mx2.start()
    paired(mx1, mx2)
    # What comes from now on waits for the standby, and is not held up by the server either.
    full.push_until_full(data)
    sent = full.sent
    check(full.read_to(sent) == data[:sent], "other bytes have come")
    check(ended.read_to(len(less)) == less and ended.server.recv(1) == b"", "another end has come")
    full.push_until_full(data)
    mx2.kill_sync()
    paired(mx1, mx2)
    mx1.kill_sync()
    paired(mx1, mx2)
    check(full.read_to(full.sent - sent) == data[sent:full.sent], "other bytes have come")
