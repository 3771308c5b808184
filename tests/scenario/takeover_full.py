"""Sessions whose windows are full go on at the other host, three times, and nothing of what waited is lost,
moved or told twice."""

import hashlib
import socket
import threading

from by_hand import END, TAKEN, say_to_content, serve_to_content
from harness import check, wait_until
from registry import scenario
from sync_pair import paired
from takeover import served

PORT = 27
CLIENTS = 8
MESSAGE = 3 << 20
CHUNKS_FULL = 6  # of 64 KiB: in a pair a session stops reading when it has so much


def content(number):
    """No two of its lines are alike."""
    lines = (b"%d of client %d %s\r\n" % (i, number, b"x" * 60) for i in range(MESSAGE // 70))
    return b"Subject: %d\r\n\r\n" % number + b"".join(lines)


class Server:
    """Answers up to DATA, and takes no content before `go` is set; `digests` are those of whole messages."""

    def __init__(self, address, family):
        self.go, self.digests, self.links = threading.Event(), [], []
        self.listening = socket.create_server(
            address, family=socket.AF_INET if family == 4 else socket.AF_INET6, backlog=CLIENTS)
        self.listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        for _ in range(CLIENTS):
            link, _ = self.listening.accept()
            self.links.append(link)
            threading.Thread(target=self.serve, args=(link,), daemon=True).start()

    def serve(self, link):
        serve_to_content(link)
        self.go.wait()
        whole = b""
        while not whole.endswith(END):
            part = link.recv(65536)
            if not part:
                return
            whole += part
        self.digests.append(hashlib.sha256(whole[:-3]).digest())
        link.sendall(TAKEN)

    def __exit__(self, *_):
        self.go.set()
        for link in (self.listening, *self.links):
            link.close()


class Client(threading.Thread):
    """Sends one message, as fast as it is taken."""

    def __init__(self, link, number):
        super().__init__(daemon=True)
        self.link, self.content, self.sent, self.reply = link, content(number), 0, b""

    def run(self):
        self.link.settimeout(90)
        say_to_content(self.link)
        octets = self.content + END[2:]
        while self.sent < len(octets):
            self.sent += self.link.send(octets[self.sent:self.sent + 16384])
        self.reply = self.link.recv(1000)

    def __exit__(self, *_):
        self.link.close()


def connected(place, number):
    with place.wire.inside():
        link = socket.create_connection((place.floating, PORT), 30)
    return place.world.keep(Client(link, number))


def chunks(host):
    return host.counters()["chunks_in_use"]


def fill(host, clients):
    """Until nobody takes anything any more, and every window is full."""
    before = []

    def is_still():
        nonlocal before
        last, before = before, [client.sent for client in clients]
        return last == before and min(before) > CHUNKS_FULL << 16 and chunks(host) >= CLIENTS * CHUNKS_FULL
    wait_until(is_still, "the windows are full", 60, 1)


def take_over(place, lost, by):
    """By a host that holds as much."""
    wait_until(lambda: chunks(by) >= CLIENTS * CHUNKS_FULL, "the standby has it all", 30)
    before = by.said("109067: ")
    place.lose(lost)
    place.move(by)
    wait_until(lambda: by.said("109067: ") > before, "all sessions go on", 30)
    shown = by.show("failover")["takeover"]
    check((shown["taken_over"], shown["lost"]) == (CLIENTS, 0), "taken over: %s" % shown)


def full_windows(world, family):
    place, mx1, mx2 = served(world, family)
    mx1.configure("static (inside,outside) tcp %s %d %s %d" % (place.floating, PORT, place.server, PORT))
    mx1.ctl("write memory")
    with place.wire.inside():
        server = world.keep(Server((place.server, PORT), family))
    clients = [connected(place, number) for number in range(CLIENTS)]
    for client in clients:
        client.start()
    fill(mx1, clients)
    # What each kernel has accepted meanwhile has to find room.
    for lost, by in ((mx1, mx2), (mx2, mx1), (mx1, mx2)):
        take_over(place, lost, by)
        place.back(lost)
        paired(by, lost)
    server.go.set()
    for client in clients:
        client.join(60)
        check(client.reply == TAKEN, "after %d octets: %r" % (client.sent, client.reply))
    wait_until(lambda: len(server.digests) == CLIENTS, "the server has all of them")
    check(sorted(server.digests) == sorted(hashlib.sha256(client.content).digest() for client in clients),
          "the server has another content")


@scenario
def takeover_full(world):
    """A server that takes nothing: all windows are full when the active host is lost."""
    full_windows(world, 4)


@scenario
def takeover_full_ipv6(world):
    """Likewise, over IPv6."""
    full_windows(world, 6)
