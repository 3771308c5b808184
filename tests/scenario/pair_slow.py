"""A slow server behind a pair: the client waits, and does not lose faith in the network."""

import socket
import threading
import time

from by_hand import END, TAKEN, say_to_content, serve_to_content
from harness import check, wait_until
from pair_wire import LISTEN, PATIENCE, SERVER, Scene
from registry import scenario

MESSAGE = 50 << 20
LINE = b"x" * 1022 + b"\r\n"
PART, PAUSE = 1024, 0.1  # 10 KB/s
SECONDS = 15               # of the short form, which does not wait for the end
SECONDS_FULL = 2 * 3600    # at most; it takes 85 minutes


class SlowServer(threading.Thread):
    """Answers at once up to DATA, and takes the content slowly."""

    def __init__(self, listening):
        super().__init__(daemon=True)
        self.listening, self.content, self.over = listening, 0, threading.Event()
        self.start()

    def run(self):
        link, _ = self.listening.accept()
        with link:
            serve_to_content(link)
            tail = b""
            while not self.over.wait(PAUSE) and tail != END:
                part = link.recv(PART)
                self.content += len(part)
                tail = (tail + part)[-len(END):]
            if tail == END:
                link.sendall(TAKEN)
                self.over.wait()


def address(text):
    host, port = text.split(":")
    return host, int(port)


def time_outs(wire):
    """TCPTimeouts of the network where client and server are."""
    with wire.inside(), open("/proc/thread-self/net/netstat") as file:
        names, values = [line.split() for line in file.read().splitlines()[:2]]
    return int(values[names.index("TCPTimeouts")])


def send_slowly(client, end):
    """As much of the message as is taken until then."""
    client.settimeout(0.2)
    sent = 0
    while sent < MESSAGE and time.monotonic() < end:
        try:
            sent += client.send(LINE[sent % len(LINE):])
        except TimeoutError:
            continue
    return sent


def check_taken(client, server, sent):
    """The message ends, and the server has all of it."""
    check(sent == MESSAGE, "after %d seconds only %d octets were taken" % (SECONDS_FULL, sent))
    client.settimeout(600)
    client.sendall(END[2:])
    reply = client.recv(1000)
    check(reply == TAKEN, "the message is answered by %r" % reply)
    check(server.content == MESSAGE + len(END[2:]), "the server has %d octets" % server.content)


def check_patience(scene, found):
    """A standby that gets no processor for 200 ms makes one time-out; a window that is closed by force makes many."""
    check(found <= 3, "TCP timed out %d times" % found)
    check(scene.mx1.said("does not acknowledge") == 0, "the standby was given up")


@scenario
def pair_slow_server(world):
    """A message of 50 MB for a server that takes 10 KB a second: the client's TCP never times out.  --full: to its
    end."""
    scene = Scene(world, degrade_after=PATIENCE)
    with scene.wire.inside():
        listening = world.keep(socket.socket())
        client = world.keep(socket.socket())
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind(address(SERVER))
    listening.listen()
    scene.mx1.configure(scene.mx1.static(LISTEN, SERVER))
    server = SlowServer(listening)
    before = time_outs(scene.wire)
    client.settimeout(30)
    client.connect(address(LISTEN))
    say_to_content(client)
    sent = send_slowly(client, time.monotonic() + (SECONDS_FULL if world.full else SECONDS))
    check(sent > (256 << 10), "only %d octets were taken" % sent)
    wait_until(lambda: server.content > 0, "the server has something")
    check(server.content < sent, "the server was not slow")
    if world.full:
        check_taken(client, server, sent)
    else:
        check(sent < MESSAGE, "all of it was taken at once")
    server.over.set()
    check_patience(scene, time_outs(scene.wire) - before)
    scene.watch.clean()
