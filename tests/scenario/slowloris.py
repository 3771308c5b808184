"""Clients that take their time in every phase: each is ended by its deadline."""

import base64
import selectors
import socket
import time

from garbage import connect
from harness import check, wait_until
from registry import scenario

TIMEOUT = 10  # the least that command-timeout may be
PATIENCE = 60
UNREAD = 120  # for one that reads nothing: its last output is waited for half a minute

HELLO = (b"EHLO client.test\r\n", b"250 ")
MAIL = (b"MAIL FROM:<me@example.net>\r\n", b"250 ")
RCPT = (b"RCPT TO:<you@example.org>\r\n", b"250 ")
DATA = (b"DATA\r\n", b"354 ")
HEADER = (b"Subject: slow\r\nFrom: <me@example.net>\r\n", None)
BODY = (b"\r\nfirst line\r\n", None)


class Slow:
    """A client that says `steps`, each when the one before was answered, then one octet a second out of
    `drip` for ever; reads: whether it takes what it is told."""

    def __init__(self, name, steps=(), drip=b"", reads=True, flood=b""):
        self.name, self.drip, self.reads, self.flood = name, drip, reads, flood
        self.steps = list(steps)
        self.said = b""
        self.ended = None

    def open(self, address):
        self.connection = connect(address, 60)
        if not self.reads:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.wait_for(b"220 ")
        for words, answer in self.steps:
            self.connection.sendall(words)
            if answer:
                self.wait_for(answer)
        self.said = b""
        self.began = time.monotonic()
        self.connection.setblocking(False)

    def wait_for(self, answer):
        said = b""
        while not any(line.startswith(answer) for line in said.split(b"\r\n")[:-1]):
            part = self.connection.recv(4096)
            check(part, "%s: ended after %r" % (self.name, said))
            said += part

    def take(self):
        """What has come; False at the end."""
        try:
            part = self.connection.recv(4096)
        except BlockingIOError:
            return True
        except ConnectionResetError:
            return False
        self.said += part
        return part != b""

    def give(self, second):
        """True: it could."""
        try:
            if self.flood:
                for _ in range(200):
                    self.connection.send(self.flood)
            elif self.drip:
                self.connection.send(self.drip[second % len(self.drip):][:1])
        except BlockingIOError:
            pass
        except (BrokenPipeError, ConnectionResetError):
            return False
        return True

    def end(self):
        self.ended = time.monotonic() - self.began
        self.connection.close()


SLOW = [
    Slow("says nothing"),
    Slow("half a command", drip=b"X"),
    Slow("half a command behind EHLO", [HELLO], b"X"),
    Slow("half a RCPT", [HELLO, MAIL, (b"RCPT TO:<", None)], b"a"),
    Slow("header by the octet", [HELLO, MAIL, RCPT, DATA, HEADER], b"X-Slow: a\r\n"),
    Slow("body by the octet", [HELLO, MAIL, RCPT, DATA, HEADER, BODY], b"slow\r\n"),
    Slow("content that stands still", [HELLO, MAIL, RCPT, DATA, HEADER, BODY]),
    Slow("chunk by the octet", [HELLO, MAIL, RCPT, (b"BDAT 1000 LAST\r\n", None), HEADER, BODY], b"x"),
    Slow("AUTH by the octet", [HELLO, (b"AUTH LOGIN\r\n", b"334 ")],
         base64.b64encode(b"somebody with a long name")),
    Slow("after the dot", [HELLO, MAIL, RCPT, DATA, HEADER, BODY, (b".\r\n", None)], reads=False),
    Slow("replies that are not read", [HELLO, MAIL], reads=False, flood=RCPT[0]),
]


def let_time_pass(clients):
    """One octet a second from each, until all that read have been ended."""
    with selectors.DefaultSelector() as selector:
        for client in clients:
            selector.register(client.connection, selectors.EVENT_READ, client)
        begin = time.monotonic()
        second = 0
        while left := [client.name for client in clients if client.reads and client.ended is None]:
            elapsed = time.monotonic() - begin
            check(elapsed < PATIENCE, "never ended: %s" % ", ".join(left))
            gone = {key.data for key, _ in selector.select(0.2) if key.data.reads and not key.data.take()}
            if elapsed >= second:
                gone |= {client for client in clients
                         if client.ended is None and client not in gone and not client.give(second)}
                second += 1
            for client in gone:
                selector.unregister(client.connection)
                client.end()


@scenario
def slow_clients(world):
    """Nothing, octets one by one, replies that are not read: each phase ends by its deadline."""
    world.sink()
    gateway = world.gate()
    gateway.configure("policy-map type inspect esmtp hurried", "parameters",
                      "command-timeout %d" % TIMEOUT, "exit", "exit", "policy-map global_policy",
                      "class inspection_default", "inspect esmtp hurried")
    for client in SLOW:
        client.open(world.listen)
    let_time_pass(SLOW)
    for client in SLOW:
        if client.reads:
            check(client.ended >= TIMEOUT - 1.5, "%s: ended after %.1f s: %r" % (
                client.name, client.ended, client.said))
            check(b"421 " in client.said and b"Timeout" in client.said,
                  "%s: was told %r" % (client.name, client.said))
    wait_until(lambda: gateway.counters()["timeouts"] == len(SLOW), "all are counted", UNREAD)
    check("109006" in gateway.ctl("show events"), "no event tells of it")
    wait_until(lambda: gateway.counters()["sessions_closed"] == len(SLOW), "all have ended", UNREAD)
    for client in SLOW:
        # What it has not read the kernel keeps for a minute, and the slot with it.
        if client.ended is None and not world.full:
            client.end()
    gateway.check_nothing_left(UNREAD)
