"""What runs out: a clear refusal, those that run go on, and it ends by itself."""

import os
import resource
import socket
import time

from faults import held
from garbage import connect
from harness import Failure, check, wait_until
from registry import scenario, swaks

SMALL = 'sessions_max = 400;\nmemory_max = "24 MiB";'
REFUSAL = b"421 4.3.2 "


def cpu_seconds(gateway):
    """CPU that all its processes have used."""
    total = 0
    for pid in gateway.processes():
        with open("/proc/%d/stat" % pid) as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        total += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return total


def check_quiet(gateway, what):
    """It does not spin: two seconds cost next to nothing."""
    before = cpu_seconds(gateway)
    time.sleep(2)
    used = cpu_seconds(gateway) - before
    check(used < 0.8, "%.2f s of CPU in 2 s while %s" % (used, what))


def event(gateway, identity, text, seconds=20):
    """Waits for an event of that id with this text."""
    def told():
        return any(identity in line and text in line
                   for line in gateway.ctl("show events").splitlines())
    return wait_until(told, "event %s %r" % (identity, text), seconds)


def greeting(address):
    """(connection, what it was told first)"""
    connection = connect(address, 30)
    try:
        said = connection.recv(4096)
    except ConnectionResetError:
        said = b""
    return connection, said


def ended_with(connection, seconds=30):
    """All that still comes until the end."""
    connection.settimeout(seconds)
    said = b""
    try:
        while part := connection.recv(4096):
            said += part
    except ConnectionResetError:
        pass
    connection.close()
    return said


def mail_gets_through(world, seconds=60):
    """Refusals may come first."""
    return wait_until(lambda: swaks(world.listen)[0] == 0, "a mail gets through", seconds, 0.3)


def chunks_free(gateway):
    return gateway.show("version")["chunks_free"]


@scenario
def chunks_run_out(world):
    """Half a command from each of many clients: they are ended, mail flows, nobody else is hurt."""
    sink = world.sink()
    gateway = world.gate(settings=SMALL)
    chunks = gateway.show("version")["chunks"]
    idle = held(world, ("idle",), 5)
    stream = world.source("--messages", -1, "--connections", 4, "--rate", 40, "--sizes", "1k-16k",
                          "--seed", 2,
                          world.listen)
    crowd, refused = [], 0
    for _ in range(3 * chunks):
        connection, said = greeting(world.listen)
        refused += said.startswith(REFUSAL)
        if not said.startswith(b"220 "):
            connection.close()
            continue
        try:
            connection.sendall(b"M")
            crowd.append(connection)
        except OSError:
            connection.close()
    wait_until(lambda: gateway.counters()["sessions_shed"] > 0, "sessions were ended", 30)
    event(gateway, "109034", "Short of chunks")
    check_quiet(gateway, "chunks are short")
    mail_gets_through(world)
    counters = gateway.counters()
    check(counters["sessions_refused_chunks"] == 0 or
          "Short of chunks: " in gateway.ctl("show events"), "refusals were not told of")
    check(refused <= counters["sessions_refused_chunks"] + counters["sessions_refused_limit"],
          "%d refused, counted: %s" % (refused, counters))
    told = [ended_with(crowd.pop(0)) for _ in range(3)]
    check(all(said.startswith(b"421 System short of memory") for said in told),
          "the first were told %r" % told)
    for connection in crowd:
        connection.close()
    for source in (stream, idle):
        figures = source.stop()
        check(figures["failed"] == 0, "others were hurt: " + source.errors(4))
    check(stream.errors() == "", "the stream complains: " + stream.errors(4))
    gateway.check_nothing_left(60)
    world.ledgers(sink, stream, idle)


@scenario
def slots_run_out(world):
    """One session more than sessions_max: 421 4.3.2, an event, and room again afterwards."""
    sink = world.sink()
    gateway = world.gate(settings="sessions_max = 20;")
    idle = held(world, ("idle", "data"), 10)
    for _ in range(3):
        connection, said = greeting(world.listen)
        check(said.startswith(REFUSAL), "one too many was told %r" % said)
        check(ended_with(connection) == b"", "it was not closed at once")
    check(gateway.counters()["sessions_refused_limit"] == 3, "not counted: %s" % gateway.counters())
    event(gateway, "201011", "Connection limit exceeded 20/20")
    figures = idle.stop()
    check(figures["failed"] == 0, "others were hurt: " + idle.errors(4))
    mail_gets_through(world)
    event(gateway, "109031", "No longer short of sessions: 3 connections")
    gateway.check_nothing_left()
    world.ledgers(sink, idle)


class DescriptorLimit:
    """RLIMIT_NOFILE of a process while the block lasts."""

    def __init__(self, pid, most):
        self.pid = pid
        self.most = most

    def __enter__(self):
        self.before = resource.prlimit(self.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(self.pid, resource.RLIMIT_NOFILE, (self.most, self.before[1]))

    def __exit__(self, *_):
        resource.prlimit(self.pid, resource.RLIMIT_NOFILE, self.before)


def first_free(pid):
    """The lowest descriptor that is not open."""
    return min(set(range(10000)) - {int(name) for name in os.listdir("/proc/%d/fd" % pid)})


@scenario
def descriptors_run_out(world):
    """No descriptor for another session: 421 4.3.2; not even one to say so: it waits its turn."""
    sink = world.sink()
    gateway = world.gate()
    idle = held(world, ("idle", "data"), 5)
    pid = gateway.process.pid
    with DescriptorLimit(pid, first_free(pid)):
        connection, said = greeting(world.listen)
        check(said.startswith(REFUSAL), "without a descriptor it was told %r" % said)
        connection.close()
    check(gateway.counters()["sessions_refused_descriptors"] >= 1, "not counted")
    event(gateway, "109030", "Short of descriptors: connections are refused")
    mail_gets_through(world)
    with DescriptorLimit(pid, 4):
        waiting = connect(world.listen, 30)
        wait_until(lambda: gateway.counters()["accepts_put_off"] > 0, "it is put off")
        check_quiet(gateway, "no descriptor is left")
        idle.send("status")
        check(idle.read()["failed"] == 0, "others were hurt: " + idle.errors(4))
    check(waiting.recv(4096).startswith(b"220 "), "who waited was not served")
    waiting.close()
    event(gateway, "109031", "No longer short of descriptors")
    figures = idle.stop()
    check(figures["failed"] == 0, "others were hurt: " + idle.errors(4))
    gateway.check_nothing_left()
    world.ledgers(sink, idle)
