"""Nonsense on every input: a clear answer, and the gateway lives."""

import os
import random
import socket
import struct
import threading

from harness import check, free_port, wait_until
from registry import scenario, swaks


def connect(address, seconds=10):
    host, port = address.rsplit(":", 1)
    connection = socket.create_connection((host.strip("[]"), int(port)), seconds)
    connection.settimeout(seconds)
    return connection


def pour(address, data):
    """Sends data and reads until the other side ends or falls silent; what it said."""
    said = b""
    try:
        with connect(address, 3) as connection:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            while len(said) < 1 << 20:
                part = connection.recv(65536)
                if not part:
                    break
                said += part
    except OSError:
        pass
    return said


def rubbish(random_source, count):
    """Random bytes, random lines, and commands with something wrong in them."""
    words = [b"EHLO", b"MAIL FROM:", b"RCPT TO:", b"DATA", b"BDAT 5 LAST", b"STARTTLS", b"\r\n",
             b"\n", b"\r", b".", b"\0", b"<a@b>", b"<<<>>>", b" ", b"A" * 3000, b"\xff\xfe"]
    for _ in range(count):
        if random_source.random() < 0.5:
            yield random_source.randbytes(random_source.randrange(1, 20000))
        else:
            yield b"".join(random_source.choice(words)
                           for _ in range(random_source.randrange(1, 60)))


def still_works(world, gateway):
    code, text = swaks(world.listen)
    check(code == 0, "a good mail is not taken any more: " + text[-300:])
    counters = gateway.counters()
    check(counters["workers_died_fault"] == 0, "a worker died by a fault")
    gateway.check_nothing_left()


@scenario
def garbage_from_clients(world):
    """Random bytes and broken commands on the client's port."""
    world.sink()
    gateway = world.gate()
    answered = 0
    for data in rubbish(random.Random(1), 400 if world.full else 120):
        answered += pour(world.listen, data).startswith(b"220")
    check(answered > 20, "hardly anybody was greeted: %d" % answered)
    still_works(world, gateway)


@scenario
def inspection_tells_who_was_ended(world):
    """A client that breaks the protocol: a reply, and events with the ASA's ids, in their order."""
    world.sink()
    gateway = world.gate()
    said = pour(world.listen, b"EHLO x\r\nSTARTTLS\r\nMAIL FROM:<a@b>\r\n")
    check(b"\r\n554 " in said, "no 554 to bytes behind STARTTLS: %r" % said[-200:])
    wait_until(lambda: "302014" in gateway.ctl("show events"), "the teardown is logged", 10)
    text = gateway.ctl("show events")
    places = [text.find(number) for number in ("-302013:", "-109002:", "-507003:", "-302014:")]
    check(-1 not in places and places == sorted(places), "events are not in order: " + text)
    check("Flow closed by inspection" in text, "the teardown does not say why")


class NoiseServer:
    """Accepts, and answers with what it is given."""

    def __init__(self, answers):
        self.answers = list(answers)
        self.socket = socket.create_server(("127.0.0.1", free_port()))
        self.address = "%s:%d" % self.socket.getsockname()
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while self.answers:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            with connection:
                try:
                    connection.sendall(self.answers.pop())
                    connection.settimeout(0.2)
                    while connection.recv(65536):
                        pass
                except OSError:
                    pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()


@scenario
def garbage_from_servers(world):
    """A server that speaks anything but SMTP: the client gets lawful replies only."""
    world.sink()
    gateway = world.gate()
    good = world.listen
    random_source = random.Random(2)
    answers = [b"220 " + data for data in rubbish(random_source, 30)]
    answers += list(rubbish(random_source, 30))
    count = len(answers)
    noise = world.keep(NoiseServer(answers))
    noisy = "127.0.0.1:%d" % free_port()
    gateway.configure(gateway.static(noisy, noise.address))
    for _ in range(count):
        said = pour(noisy, b"EHLO client.test\r\nMAIL FROM:<a@b.test>\r\nQUIT\r\n")
        for line in said.split(b"\r\n")[:-1]:
            check(line[:3].isdigit() and line[3:4] in (b" ", b"-", b"") and b"\n" not in line,
                  "not a reply: %r" % line[:100])
    world.listen = good
    still_works(world, gateway)


@scenario
def garbage_on_control_socket(world):
    """Random frames, huge lengths and half frames on the control socket."""
    world.sink()
    gateway = world.gate()
    random_source = random.Random(3)
    pieces = [random_source.randbytes(random_source.randrange(1, 5000)) for _ in range(100)]
    pieces += [struct.pack(">I", size) + b"x" * 10 for size in (0, 1, 1 << 20, 0xffffffff)]
    pieces += [struct.pack("<I", size) + b"x" * 10 for size in (0, 1, 1 << 20, 0xffffffff)]
    for data in pieces:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(0.3)
            connection.connect(gateway.socket)
            try:
                connection.sendall(data)
                connection.recv(4096)
            except OSError:
                pass
    check(gateway.counters()["managers_started"] == 1, "the manager died of it")
    still_works(world, gateway)


@scenario
def damaged_startup_config(world):
    """A startup-config that is damaged is refused with a reason; the gateway starts without it."""
    world.sink()
    gateway = world.gate()
    gateway.ctl("write memory")
    gateway.stop()
    path = os.path.join(gateway.state, "startup-config")
    with open(path) as file:
        text = file.read()
    with open(path, "w") as file:
        file.write(text[:len(text) // 2])
    gateway.start()
    check("startup-config" in gateway.log(), "nothing was said about it")
    wait_until(lambda: gateway.ctl("show running-config"), "it answers")
