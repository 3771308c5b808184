"""What could be taken for an end of data, against real servers: nobody smuggles a message through.

Each row is put into a message, with a whole second mail transaction behind it.  Where the row is no
legal end of data that transaction is content (RFC 5321 4.1.1.4, 2.3.8), and a server that finds it
there has been deceived.
"""

import re
import socket
import time

from harness import check, wait_until
from real_exim import Exim
from real_opensmtpd import Opensmtpd
from postfix import Postfix
from registry import scenario

ROWS = {
    "01": b"\r\n.\r\n", "02": b"\n.\n", "03": b"\n.\r\n", "04": b"\r\n.\n", "05": b"\r.\r",
    "06": b"\r.\n", "07": b"\r.\r\n", "08": b"\n.\r", "09": b"\r\n.\r", "10": b"\r\n.\r\r\n",
    "11": b"\r\r\n.\r\n", "12": b"\r\r\n.\r\r\n", "13": b"\r\n\0.\r\n", "14": b"\r\n.\0\r\n",
    "15 space": b"\r\n. \r\n", "15 tab": b"\r\n.\t\r\n", "15 vt": b"\v.\r\n", "15 ff": b"\r\n.\f\r\n",
    "15 nel": b"\x85.\x85", "15 u2028": b"\xe2\x80\xa8.\xe2\x80\xa8", "16": b"",
}


def stream(row, token):
    """The client's octets behind 354: the message, the row, and what would be smuggled."""
    second = (b"MAIL FROM:<smuggled@client.test>\r\nRCPT TO:<you@example.org>\r\nDATA\r\n"
              b"Subject: %s smuggled\r\n\r\nsecond\r\n.\r\n" % token)
    if row == "16":
        return b".\r\n" + second
    return b"Subject: %s first\r\n\r\nbody" % token + ROWS[row] + second


def legal_ends(octets):
    """How many messages a strict reader finds: content ends only at CRLF.CRLF, or at a first .CRLF."""
    ends, content = 0, True
    while octets:
        if not content:
            line, _, octets = octets.partition(b"\r\n")
            content = line == b"DATA"
        elif octets.startswith(b".\r\n"):
            ends, octets, content = ends + 1, octets[3:], False
        else:
            at = octets.find(b"\r\n.\r\n")
            if at < 0:
                break
            ends, octets, content = ends + 1, octets[at + 5:], False
    return ends


def place_of(row, octets):
    """Where the row stands in it: (begin, length)."""
    return (0, 3) if row == "16" else (octets.index(b"body") + 4, len(ROWS[row]))


def halves(row, octets):
    """Each way to cut it in two before, within and behind the row."""
    start, around = place_of(row, octets)
    for at in range(max(start, 1), start + around + 1):
        yield [octets[:at], octets[at:]]


def cuts(row, octets, full):
    """The ways in which the octets are sent: lists of pieces."""
    start, around = place_of(row, octets)
    yield [octets]
    if full:
        yield from halves(row, octets)
    yield [octets[:start]] + [octets[i:i + 1] for i in range(start, start + around)] + [
        octets[start + around:]]


class Client:
    """One session; replies are collected as they come."""

    def __init__(self, listen, source=None):
        host, port = listen.rsplit(":", 1)
        self.socket = socket.create_connection((host.strip("[]"), int(port)), 20, source and (source, 0))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.text = b""

    def reply(self):
        """The code of the next whole reply; 0: the session is over."""
        while True:
            found = re.match(rb"(?:\d{3}-[^\n]*\n)*(\d{3}) [^\n]*\n", self.text)
            if found:
                self.text = self.text[found.end():]
                return int(found.group(1))
            try:
                more = self.socket.recv(65536)
            except ConnectionResetError:
                more = b""
            if not more:
                return 0
            self.text += more

    def octets(self, count):
        """Waits until that many have come that nobody has taken yet, or the session is over."""
        while len(self.text) < count and (more := self.socket.recv(65536)):
            self.text += more

    def lines(self, count):
        while self.text.count(b"\n") < count and (more := self.socket.recv(65536)):
            self.text += more

    def say(self, line):
        self.socket.sendall(line + b"\r\n")
        return self.reply()

    def send(self, pieces):
        for piece in pieces:
            if not piece:
                continue
            try:
                self.socket.sendall(piece)
            except (BrokenPipeError, ConnectionResetError):
                return
            if len(pieces) > 1:
                time.sleep(0.001)


def begin(client):
    """Up to the 354."""
    check(client.reply() == 220, "no greeting")
    for line, code in ((b"EHLO client.test", 250), (b"MAIL FROM:<a@client.test>", 250),
                       (b"RCPT TO:<you@example.org>", 250), (b"DATA", 354)):
        got = client.say(line)
        check(got == code, "%s got %d" % (line, got))


def end(client, ends):
    """Behind all content: how many messages the client was told are accepted."""
    codes = [client.reply()]
    if ends == 2 and codes[0] == 250:  # the second transaction is one: three replies, then its own
        codes += [client.reply() for _ in range(4)]
    client.send([b"QUIT\r\n"])
    while codes[-1] and len(codes) < 12:
        codes.append(client.reply())
    return sum(1 for at, code in enumerate(codes) if code == 250 and at in (0, 4))


def accepted(listen, pieces, ends):
    """How many messages the client was told are accepted."""
    client = Client(listen)
    with client.socket:
        begin(client)
        client.send(pieces)
        return end(client, ends)


def run_matrix(world, server, listen, prefix):
    """Every row in every cut; the messages that are at the server are those that were accepted."""
    told = {}
    for row in ROWS:
        for number, pieces in enumerate(cuts(row, stream(row, b"TOKEN"), world.full)):
            token = b"%s-%s-%d" % (prefix, row.replace(" ", "").encode(), number)
            pieces = [piece.replace(b"TOKEN", token) for piece in pieces]
            ends = legal_ends(b"".join(pieces))
            told[token] = accepted(listen, pieces, ends)
            check(told[token] <= ends, "row %s, cut %d: %d of %d accepted" % (row, number, told[token], ends))
    wanted = sum(told.values())
    wait_until(lambda: len(server.messages()) >= wanted, "%d messages are delivered" % wanted, 60, 0.2)
    time.sleep(1.0)  # one too many would come late
    check(len(server.messages()) == wanted, "%d messages accepted, %d delivered" % (
        wanted, len(server.messages())))
    smuggled = [text for text in contents(server) if b" smuggled\r\n" in text.split(b"\r\n\r\n", 1)[0] + b"\r\n"]
    legal = sum(1 for token, count in told.items() if count == 2)
    check(len(smuggled) == legal, "%d second messages, %d of them legal" % (len(smuggled), legal))
    check(wanted > 0 or b"reject" in prefix, "nothing was accepted at all")
    return wanted


def contents(server):
    texts = [server.content(name) for name in server.messages()] if hasattr(server, "content") else server.contents()
    return [re.sub(rb"\r?\n", b"\r\n", text) for text in texts]


def both_policies(world, server):
    """The default map, then line-endings reject, before the same server."""
    world.server = server.address
    gateway = world.gate()
    run_matrix(world, server, world.listen, b"normalize")
    for name in server.messages():
        server.forget(name)
    gateway.configure("policy-map type inspect esmtp strict", "parameters", "line-endings reject", "exit", "exit",
                      "policy-map global_policy", "class inspection_default", "inspect esmtp strict")
    run_matrix(world, server, world.listen, b"reject")
    gateway.check_nothing_left()


@scenario
def eod_matrix_postfix(world):
    """The 16 rows to Postfix, which trusts the gateway ($mynetworks)."""
    server = world.keep(Postfix(world.folder))
    both_policies(world, server)


@scenario
def eod_matrix_exim(world):
    """The 16 rows to Exim."""
    both_policies(world, world.keep(Exim(world.folder)).wait())


@scenario
def eod_matrix_opensmtpd(world):
    """The 16 rows to OpenSMTPD."""
    both_policies(world, world.keep(Opensmtpd(world.folder)).wait())
